"""What must have happened first: the needs of a stage or an act, each with a stable code and whom it waits for.

Pages say a need in the reader's language by its code; the sentence here is for the command line and for logs.
It refuses to judge: which need stands when is the session's rule.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from evalroom.errors import Refusal


class NeedCode(StrEnum):
    """Everything that is ever waited for."""

    BIDS = "bids"
    CHECK_IN = "check_in"
    SIGNED_ACT = "signed_act"
    ACCEPTANCE = "acceptance"
    UNLOCK = "unlock"
    FINDINGS = "findings"
    SIGNATURES = "signatures"
    REPORT = "report"
    WITNESSES = "witnesses"
    GAPS = "gaps"
    REHEARSAL = "rehearsal"
    TRACK_END = "track_end"
    AGREEMENT = "agreement"
    COSIGNATURES = "cosignatures"
    WITNESS_KEYS = "witness_keys"
    QUORUM = "quorum"
    CLOSED_BIDS = "closed_bids"
    OPENING_RECORD = "opening_record"
    VALID_BIDS = "valid_bids"
    ADMISSION = "admission"
    PRICE_WINDOW = "price_window"
    PRICES = "prices"
    OPENING_ENDED = "opening_ended"
    BOOKING = "booking"
    CHAIR = "chair"
    SUCCESSOR = "successor"
    COMPETITION = "competition"
    LIVE_LOT = "live_lot"
    RESUMPTION = "resumption"
    SITES_BACK = "sites_back"
    KEYS_DESTROYED = "keys_destroyed"
    DRAWS = "draws"
    ROSTER = "roster"
    DRAWN_VALUE = "drawn_value"
    QUESTIONS = "questions"
    COMPLAINT = "complaint"
    HELD_OPEN = "held_open"
    MEMBERS_ORDER = "members_order"
    TIES = "ties"
    AWARD = "award"
    IDENTITY = "identity"
    PHONE = "phone"
    APPRAISAL = "appraisal"


SENTENCES: Mapping[NeedCode, str] = {
    NeedCode.BIDS: "bids not yet brought in",
    NeedCode.CHECK_IN: "seats not yet checked in",
    NeedCode.SIGNED_ACT: "an act is signed with the key of its seat, and has an id; not so from",
    NeedCode.ACCEPTANCE: "experts who have not yet accepted the discipline notice",
    NeedCode.UNLOCK: "sheets not yet locked by all members and cosigned, lot",
    NeedCode.FINDINGS: "findings on locked sheets not yet answered, seat",
    NeedCode.SIGNATURES: "members who have not said how they stand to a report, lot and seat",
    NeedCode.REPORT: "checks of a report that block it, or ask the chair for a reason, lot and check",
    NeedCode.WITNESSES: "sites and officers who have not witnessed a report, lot and who",
    NeedCode.GAPS: "gaps in recordings that nobody has declared, track and UTC ms",
    NeedCode.REHEARSAL: "plain bids are for rehearsals; this session takes sealed ones",
    NeedCode.TRACK_END: "tracks still being recorded",
    NeedCode.AGREEMENT: "witnesses who saw another history, site",
    NeedCode.COSIGNATURES: "no quorum of this session's witnesses over the entries there are, up to entry",
    NeedCode.WITNESS_KEYS: "each witness is another site of this session, with a key of its own",
    NeedCode.QUORUM: "no quorum can be larger than the witnesses are many, or below none: asked for",
    NeedCode.CLOSED_BIDS: "the list of sealed bids is not closed, or the opening was aborted; it stands at",
    NeedCode.OPENING_RECORD: "windows of the opening whose record is not out",
    NeedCode.VALID_BIDS: "fewer bids were opened than the policy's minimum: opened, and needed",
    NeedCode.ADMISSION: "opened bids or lots that have not come together",
    NeedCode.PRICE_WINDOW: "windows with prices that are not opened yet",
    NeedCode.PRICES: "bids whose price was not read",
    NeedCode.BOOKING: "sub-sites that have not confirmed their seats",
    NeedCode.CHAIR: "the committee has no chair; members who have not voted",
    NeedCode.SUCCESSOR: "members who stepped aside and have no successor",
    NeedCode.COMPETITION: "the committee has not voted whether the few bids left compete, lot",
    NeedCode.LIVE_LOT: "every lot has failed: end the evaluation; failed",
    NeedCode.RESUMPTION: "a pause announces the time at which it will go on, later than now",
    NeedCode.SITES_BACK: "sites whose link is not back",
    NeedCode.OPENING_ENDED: "a session ends before the evaluation only when its opening was aborted; it stands at",
    NeedCode.KEYS_DESTROYED: "trustees that have not destroyed their keys, nor are stated not to have done so",
    NeedCode.DRAWS: "draws under way",
    NeedCode.ROSTER: "rosters that people may still come in by, sealed to the keys of the trustees, draw",
    NeedCode.DRAWN_VALUE: "values of the price formula that were not drawn",
    NeedCode.QUESTIONS: "questions to bidders neither answered nor out of time",
    NeedCode.COMPLAINT: "a complaint that is being looked at, number",
    NeedCode.HELD_OPEN: "the rules keep a concluded session open for complaints until its operator closes it",
    NeedCode.MEMBERS_ORDER: "an order of the members to be drawn before their marks are open, lot",
    NeedCode.TIES: "candidates that the tender's keys leave tied, to be settled as the tender says, bid",
    NeedCode.AWARD: "lots on whose award the committee has not decided by vote",
    NeedCode.IDENTITY: "seats where nobody, or not enough persons, confirmed who sits there",
    NeedCode.PHONE: "experts whose phones were not handed in",
    NeedCode.APPRAISAL: "experts not yet appraised for a lot",
}
"""Each need in English; the names it waits for follow after a colon."""


@dataclass(frozen=True, slots=True)
class Need:
    """Something that must happen first, and the seats, bids, lots, tracks or sites it waits for."""

    code: NeedCode
    names: tuple[str, ...] = ()

    def sentence(self) -> str:
        """Return the need in English."""
        names = ", ".join(self.names)
        return SENTENCES[self.code] + (f": {names}" if names else "")


class Unready(Refusal):
    """Something has to be done first: it is named below."""

    code = "unready"

    def __init__(self, *needs: Need, **detail: str | int | None) -> None:
        """Keep the needs' codes in `needs`, a space between, and each one's names under its code."""
        names = {need.code.value: ", ".join(need.names) for need in needs}
        sentences = "; ".join(need.sentence() for need in needs)
        super().__init__(**detail, **names, needs=" ".join(names), problem=sentences)
