"""One fact of every kind that an opening consists of, for tests of their form and of who sees them."""

from evalroom.ids import BidId, BidNumber, LotId
from evalroom.sealing import facts as sf
from evalroom.sealing.policy import PartName, TrusteeKind

NUMBER = BidNumber("00112233445566778899aabbccddeeff")
SHA256 = "ab" * 32
_PART = sf.OpenedPart(PartName.OPENING, SHA256, 512)

FACTS: tuple[sf.CeremonyEvent, ...] = (
    sf.TrusteeKeyPublished("north", TrusteeKind.SITE, "北", "a2V5", (sf.SuiteKey(2, "a2V5"),), "c2ln"),
    sf.PolicyDrafted('{"v":1}', SHA256),
    sf.PolicySigned("north", SHA256, "c2ln"),
    sf.SubmissionsOpened(SHA256),
    sf.BidSubmitted(NUMBER, 2, 1_000, SHA256, SHA256, "", ""),
    sf.BidAcknowledged("north", NUMBER, good=False, cause="share_mismatch", signature="c2ln"),
    sf.BidWithdrawn(NUMBER, "c2ln"),
    sf.CoverMade("00ff"),
    sf.BidsClosed(SHA256, (sf.ListedBid(NUMBER, SHA256, SHA256),)),
    sf.OpeningAborted("too few", 1),
    sf.OfficerSteppedUp("first"),
    sf.WindowOpened("first", 9),
    sf.WindowExtended("first", 10, "the link"),
    sf.HalfReleased("first", NUMBER, SHA256, good=True, cause=""),
    sf.ShareReleased("first", "north", (sf.GivenShare(NUMBER, PartName.OPENING, good=True),)),
    sf.WindowClosed("first", (NUMBER,)),
    sf.BidJudged("first", NUMBER, sf.Verdict.OPENED, "", "", (_PART,), (1, 2), "c2ln"),
    sf.OpeningRecorded("first", "{}", SHA256),
    sf.PartKeyPublished(NUMBER, PartName.OPENING, SHA256),
    sf.PartKeySealed(NUMBER, PartName.TECHNICAL, "centre", "a2V5"),
    sf.BidAdmitted(LotId("lot1"), BidId("bid9"), NUMBER, "路桥公司", (_PART,)),
    sf.PriceRead(LotId("lot1"), BidId("bid9"), 100),
    sf.RecordConfirmed("first", NUMBER, "the price", "c2ln"),
    sf.CeremonyPaused("two trustees"),
    sf.CeremonyResumed("they are back"),
    sf.KeysDestroyed("north", "c2ln"),
    sf.KeysNotDestroyed("north", "its machine burnt down"),
)
