"""The rules of an opening: what may be written down next, fact by fact; nothing here changes anything.

`check` asks the state table first, then the fact's own rule.  Refused, each by its own code: bids after the deadline
(by one ms), windows before their gate, hour or officers, halves and shares given twice, verdicts that contradict what
the journal says came in, records that contradict the verdicts, and every signature that is not its owner's.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from evalroom.errors import MalformedName, Refusal
from evalroom.ids import BidId, BidNumber, LotId, SeatCode, SiteId, check_name
from evalroom.ledger.base64 import NotBase64, decode_base64
from evalroom.needs import Need, NeedCode, Unready
from evalroom.sealing import custody
from evalroom.sealing import facts as sf
from evalroom.sealing.ceremony import (
    TRANSITIONS,
    Admitted,
    Ceremony,
    CeremonyState,
    Handed,
    WindowRecord,
    WrongCeremonyState,
)
from evalroom.sealing.dark import is_code
from evalroom.sealing.facts import CeremonyEvent, Verdict
from evalroom.sealing.policy import (
    MAX_TRUSTEES,
    PUBLIC_PARTS,
    Mode,
    PartName,
    Policy,
    PolicyRefuses,
    Trustee,
    TrusteeKey,
    parse_policy,
)
from evalroom.sealing.record import parse_record
from evalroom.sealing.suite import Suite
from evalroom.sealing.suites import find_suite

FIRST_GATE, SHEETS_GATE = "BidsClosed", "GroupUnlocked"
GATES = frozenset({FIRST_GATE, SHEETS_GATE})
"""Entries that a window may wait for: the closed list, and the unlock of the technical sheets of every lot."""

NO_NUMBER = BidNumber("")

MAX_TRIES = 32
"""Wrong halves that the journal takes of one bid in one window; the right one is taken after any number."""

MAX_OBJECTION = 2_000
MAX_NOISE = 1_024
MAX_SHOWN = 48_000
"""Most bytes that a policy or record takes in a frame of 64 KiB, quotes escaped twice."""

ACK_CAUSES = frozenset({"", "share_mismatch", "wrap_not_opened"})
HALF_CAUSES = frozenset({"", "half_mismatch", "wrap_not_opened"})
RULINGS: Mapping[tuple[Verdict, str], str] = {
    (Verdict.OPENED, ""): "",
    (Verdict.AWAITING_BYTES, "root_mismatch"): "platform",
    (Verdict.WITHDRAWN, "root_mismatch"): "platform",
    (Verdict.WITHDRAWN, "platform_fault"): "platform",
    (Verdict.WITHDRAWN, "too_few_shares"): "sites",
    (Verdict.WITHDRAWN, "superseded"): "bidder",
    (Verdict.REVOKED, "not_released"): "bidder",
    (Verdict.REVOKED, "half_mismatch"): "bidder",
    (Verdict.MALFORMED, "dealing"): "bidder",
    (Verdict.MALFORMED, "part_damaged"): "bidder",
    (Verdict.MALFORMED, "identity_mismatch"): "bidder",
    (Verdict.MALFORMED, "malformed_sheet"): "bidder",
}
"""Verdict and cause to the party at fault; no other three go together (opening.md §8)."""

_HALF_MISSING = frozenset({"not_released", "half_mismatch", "platform_fault"})
_NUMBER, _SHA256 = re.compile(r"[0-9a-f]{32}"), re.compile(r"[0-9a-f]{64}")
_HEX = re.compile(r"(?:[0-9a-f]{2})*")


class CeremonyStandsStill(Refusal):
    """The opening is paused, so this waits: no window runs out meanwhile, and nothing is lost."""

    code = "ceremony_paused"


class NotAccepting(Refusal):
    """This tender does not take bids yet: its sealing policy is not signed by all, or the notice is not out."""

    code = "not_accepting"


class DeadlinePassed(Refusal):
    """The deadline is over by the host's clock: nothing more is taken in or taken back; bids acknowledged before count."""

    code = "deadline_passed"


class BidExists(Refusal):
    """A bid with this number was handed in before: seal anew, which draws another number, and name the one it replaces."""

    code = "bid_exists"


class UnknownBid(Refusal):
    """No bid with this number counts here: check the number on the receipt."""

    code = "unknown_bid"


class TooLarge(Refusal):
    """The envelope is larger than the tender's policy allows: seal smaller documents."""

    code = "too_large"


class PolicyUnfit(Refusal):
    """The sealing policy does not fit this session: nothing was drafted; correct the point named and draft again."""

    code = "policy_unfit"


class UnknownTrustee(Refusal):
    """Nobody of that name holds a share under this tender's policy."""

    code = "unknown_trustee"


class AlreadyDone(Refusal):
    """This was done before and counts once: nothing was lost, and nothing is left to do."""

    code = "already_done"


class BeforeHour(Refusal):
    """It is not time yet by the host's clock: wait for the hour named in the policy."""

    code = "before_hour"


class GateShut(Refusal):
    """What this window waits for has not happened yet: it opens afterwards."""

    code = "gate_shut"


class OfficersMissing(Refusal):
    """Not every site's officers have stepped up: the window opens when all have."""

    code = "officers_missing"


class WindowOver(Refusal):
    """The time to release in this window is over: only the supervisor can open it again, before any share has left."""

    code = "window_over"


class TooManyReleases(Refusal):
    """Too many wrong releases came for this bid, so this one was not written down; the right one still counts."""

    code = "too_many_releases"


class StillDark(Refusal):
    """The bids of this lot are dark until its technical sheets are unlocked: this would tell whose they are."""

    code = "still_dark"


class Contradiction(Refusal):
    """This says otherwise than the journal: it was not written down; look at the entries named."""

    code = "contradiction"


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a rule must know besides the ceremony; `at` is the host's clock, UTC ms.

    `gates` tells how many entries the journal had once a gate had passed, `officers` how many officer's seats each
    site has, `lots` which bids each lot has; `dark` has the lots whose bidders nobody may know yet, with their dark
    parts.  `seat` acts, `key` is the envelope key of a bidder's act, `number` what a dark admission has committed.
    """

    at: int
    tender: str
    size: int
    cosigned: int
    gates: Mapping[str, int] = field(default_factory=dict)
    officers: Mapping[SiteId, int] = field(default_factory=dict)
    lots: Mapping[LotId, frozenset[BidId]] = field(default_factory=dict)
    dark: Mapping[LotId, tuple[PartName, ...]] = field(default_factory=dict)
    seat: str = ""
    key: bytes = b""
    number: BidNumber = NO_NUMBER


def check(ceremony: Ceremony, act: CeremonyEvent, now: Circumstances) -> None:
    """Return when `act` may follow; nothing is changed.

    Raises:
        Refusal: the rule that forbids it, by its own class.
        PeerFault: a policy, record or signature that is none.
    """
    if type(act) not in TRANSITIONS[ceremony.state]:
        raise _out_of_place(ceremony, act)
    _CHECKS[type(act)](ceremony, act, now)


def _out_of_place(ceremony: Ceremony, act: CeremonyEvent) -> Refusal:
    if isinstance(act, sf.BidSubmitted | sf.BidWithdrawn):
        early = ceremony.state in (CeremonyState.DRAFTED, CeremonyState.ARMED)
        return NotAccepting(state=ceremony.state) if early else DeadlinePassed(state=ceremony.state)
    return WrongCeremonyState(state=ceremony.state, fact=type(act).__name__)


def _check_key(ceremony: Ceremony, act: sf.TrusteeKeyPublished, now: Circumstances) -> None:
    _demand_name(act.trustee)
    if not 1 <= len(act.who) <= 200:
        raise Contradiction(
            trustee=act.trustee, reason="a trustee has a name for people, 1 to 200 characters"
        )
    others = [one for name, one in ceremony.keys.items() if name != act.trustee]
    if len(others) >= MAX_TRUSTEES or act.trustee.lower() in {one.trustee.lower() for one in others}:
        raise Contradiction(trustee=act.trustee, reason="too many trustees, or another of that name")
    before = ceremony.keys.get(act.trustee, act)
    if act.signer in {one.signer for one in others} or act.signer != before.signer:
        raise Contradiction(trustee=act.trustee, reason="a signer stands for one trustee and stays")
    _published(act)
    message = custody.published_message(now.tender, act.keys)
    custody.verify_trustee(_decoded(act.signer), message, act.proof)


def _check_draft(ceremony: Ceremony, act: sf.PolicyDrafted, now: Circumstances) -> None:
    text = act.policy.encode(errors="surrogatepass")
    if hashlib.sha256(text).hexdigest() != act.sha256 or shown_size(act.policy) > MAX_SHOWN:
        raise PolicyUnfit(reason="another digest than the text's, or too long to be shown")
    policy = parse_policy(text)
    if policy.tender != now.tender or policy.deadline <= now.at:
        raise PolicyUnfit(reason="another tender than this session, or a deadline that has passed")
    if policy.trustees != tuple(
        _published(ceremony.keys[one.name]) for one in policy.trustees if one.name in ceremony.keys
    ):
        raise PolicyUnfit(reason="trustees and keys are not those published in the journal")
    first = policy.windows[0]
    if any(policy.window(part) != first for part in (PartName.IDENTITY, PartName.OPENING)):
        raise PolicyUnfit(reason="identity and opening are opened in the first window")
    gates = [one.gate for one in policy.windows]
    if gates[0] != FIRST_GATE or not GATES.issuperset(gates):
        raise PolicyUnfit(reason=f"gates are {FIRST_GATE} for the first window, else it or {SHEETS_GATE}")
    _check_dark_policy(policy, now)


def _check_dark_policy(policy: Policy, now: Circumstances) -> None:
    """Demand that dark parts are there to be read, and that no window tells meanwhile which bids were rejected."""
    dark = {part for parts in now.dark.values() for part in parts}
    first = {part.name for part in policy.parts if part.window == policy.windows[0].name}
    if not dark <= first:
        raise PolicyUnfit(reason="the dark parts of a lot are opened in the first window")
    if dark and any(one.gate != SHEETS_GATE for one in policy.windows[1:]):
        raise PolicyUnfit(reason=f"with dark lots every further window waits for {SHEETS_GATE}")


def _check_policy_signature(ceremony: Ceremony, act: sf.PolicySigned, _: Circumstances) -> None:
    trustee = _trustee(ceremony, act.trustee)
    if act.sha256 != ceremony.sha256:
        raise Contradiction(trustee=act.trustee, reason="another policy than the one drafted")
    if act.trustee in ceremony.signed:
        raise AlreadyDone(trustee=act.trustee)
    custody.verify_trustee(trustee.signer, custody.policy_message(_digest(ceremony)), act.signature)


def _check_notice(ceremony: Ceremony, act: sf.SubmissionsOpened, now: Circumstances) -> None:
    if act.policy != ceremony.sha256:
        raise Contradiction(reason="another policy than the one signed")
    _demand_before_deadline(ceremony, now)


def _check_bid(ceremony: Ceremony, act: sf.BidSubmitted, now: Circumstances) -> None:
    _demand_before_deadline(ceremony, now)
    if not _NUMBER.fullmatch(act.bid) or not _SHA256.fullmatch(act.root) or not _SHA256.fullmatch(act.digest):
        raise UnknownBid(bid=act.bid[:40], reason="number, root and digest are lower-case hex")
    if act.bid in ceremony.handed:
        raise BidExists(bid=act.bid)
    if act.suite not in ceremony.terms.suites:
        raise PolicyRefuses(reason="suite not listed", suite=act.suite)
    if not 0 < act.size <= ceremony.terms.max_size:
        raise TooLarge(size=act.size, limit=ceremony.terms.max_size)
    if act.replaces:
        digest = bytes.fromhex(act.digest)
        earlier = _present(ceremony, BidNumber(act.replaces))
        message = custody.replace_message(now.tender, act.replaces, act.bid, digest)
        custody.verify_bidder(_suite(earlier), now.key, message, act.signature)
    elif act.signature:
        raise Contradiction(bid=act.bid, reason="a signature, and no bid that it replaces")


def _check_ack(ceremony: Ceremony, act: sf.BidAcknowledged, _: Circumstances) -> None:
    trustee, bid = _trustee(ceremony, act.trustee), _present(ceremony, act.bid)
    if act.trustee in bid.acks:
        raise AlreadyDone(trustee=act.trustee, bid=act.bid)
    if act.good is bool(act.cause) or act.cause not in ACK_CAUSES:
        raise Contradiction(bid=act.bid, cause=act.cause[:40])
    message = custody.ack_message(
        _digest(ceremony),
        trustee=act.trustee,
        bid=act.bid,
        digest=bytes.fromhex(bid.event.digest),
        good=act.good,
        cause=act.cause,
    )
    custody.verify_trustee(trustee.signer, message, act.signature)


def _check_withdrawal(ceremony: Ceremony, act: sf.BidWithdrawn, now: Circumstances) -> None:
    _demand_before_deadline(ceremony, now)
    bid = _present(ceremony, act.bid)
    message = custody.withdraw_message(now.tender, act.bid, bytes.fromhex(bid.event.digest))
    custody.verify_bidder(_suite(bid), now.key, message, act.signature)


def _check_cover(_: Ceremony, act: sf.CoverMade, __: Circumstances) -> None:
    if not _HEX.fullmatch(act.noise) or len(act.noise) > MAX_NOISE:
        raise Contradiction(reason="cover is hex, at most 1,024 digits")


def _check_list(ceremony: Ceremony, act: sf.BidsClosed, now: Circumstances) -> None:
    if act != ceremony.closing()[0]:
        raise Contradiction(reason="another list than that of the bids handed in")
    if now.at < ceremony.terms.deadline:
        raise BeforeHour(deadline=ceremony.terms.deadline)
    _demand_cosigned(ceremony.last_hand_in, now)


def _check_abort(ceremony: Ceremony, act: sf.OpeningAborted, _: Circumstances) -> None:
    _demand_reason(act.reason)
    if act.bids != len(ceremony.listed):
        raise Contradiction(bids=len(ceremony.listed))


def _check_officer(ceremony: Ceremony, act: sf.OfficerSteppedUp, now: Circumstances) -> None:
    following = ceremony.next_window()
    if following is None or following.name != act.window:
        raise WrongCeremonyState(state=ceremony.state, window=act.window[:64])
    if SeatCode(now.seat) in ceremony.officers.get(act.window, {}):
        raise AlreadyDone(seat=now.seat, window=act.window)


def _check_opening(ceremony: Ceremony, act: sf.WindowOpened, now: Circumstances) -> None:
    window = ceremony.next_window()
    if window is None or act != ceremony.opening(act.window, now.at):
        raise WrongCeremonyState(state=ceremony.state, window=act.window[:64])
    hour = max(ceremony.terms.deadline, window.opens_at or 0)
    if now.at < hour:
        raise BeforeHour(window=window.name, opens_at=hour)
    if window.gate not in now.gates:
        raise GateShut(window=window.name, gate=window.gate)
    _demand_cosigned(now.gates[window.gate], now)
    _demand_keys_sealed(ceremony)
    absent = ceremony.officers_missing(window.name, now.officers)
    if absent or not now.officers:
        raise OfficersMissing(window=window.name, sites=", ".join(absent))


def _check_extension(ceremony: Ceremony, act: sf.WindowExtended, now: Circumstances) -> None:
    _demand_reason(act.reason)
    record = _demand_current(ceremony, act.window)
    if act.until <= max(record.until, now.at):
        raise Contradiction(window=act.window, until=record.until)
    if record.shares or record.verdicts:
        raise WrongCeremonyState(state=ceremony.state, reason="shares have left, or bids are judged")


def _check_half(ceremony: Ceremony, act: sf.HalfReleased, now: Circumstances) -> None:
    record = _demand_current(ceremony, act.window)
    if act.bid not in record.bids or ceremony.terms.mode is Mode.SITES:
        raise UnknownBid(bid=act.bid[:40], window=act.window)
    if record.halves.get(act.bid) or act.sealed in record.sealed:
        raise AlreadyDone(bid=act.bid, window=act.window)
    if now.at >= record.until and not ceremony.paused:
        raise WindowOver(window=act.window, until=record.until)
    if (
        not act.good and record.tries.get(act.bid, 0) >= MAX_TRIES
    ):  # numbers are public: a rival must lock nobody out
        raise TooManyReleases(bid=act.bid, window=act.window)
    if act.good is bool(act.cause) or act.cause not in HALF_CAUSES or not _SHA256.fullmatch(act.sealed):
        raise Contradiction(bid=act.bid, cause=act.cause[:40])


def _check_shares(ceremony: Ceremony, act: sf.ShareReleased, _: Circumstances) -> None:
    record = _demand_current(ceremony, act.window)
    _trustee(ceremony, act.trustee)
    parts = ceremony.parts_of(act.window)
    if ceremony.terms.mode is Mode.BIDDER or not act.bids:
        raise Contradiction(trustee=act.trustee, reason="no shares")
    for one in act.bids:
        if one.bid not in record.bids or one.part not in parts:
            raise UnknownBid(bid=one.bid[:40], part=one.part, window=act.window)
        if act.trustee in record.shares.get((one.bid, one.part), {}):
            raise AlreadyDone(trustee=act.trustee, bid=one.bid, part=one.part)
    if len({(one.bid, one.part) for one in act.bids}) != len(act.bids):
        raise Contradiction(trustee=act.trustee, reason="a share twice")


def _check_window_end(ceremony: Ceremony, act: sf.WindowClosed, now: Circumstances) -> None:
    record = _demand_current(ceremony, act.window)
    if ceremony.paused:
        raise CeremonyStandsStill(window=act.window)
    if act.missing != ceremony.missing_halves(act.window):
        raise Contradiction(window=act.window, missing=len(ceremony.missing_halves(act.window)))
    if act.missing and now.at < record.until:
        raise BeforeHour(window=act.window, until=record.until)


def _check_verdict(ceremony: Ceremony, act: sf.BidJudged, now: Circumstances) -> None:
    record = _demand_current(ceremony, act.window)
    if ceremony.paused:
        raise CeremonyStandsStill(window=act.window)
    if act.bid not in record.bids:
        raise UnknownBid(bid=act.bid[:40], window=act.window)
    before = record.verdicts.get(act.bid)
    if before and before.verdict is not Verdict.AWAITING_BYTES:
        raise AlreadyDone(bid=act.bid, verdict=before.verdict)
    if RULINGS.get((act.verdict, act.cause)) != act.party:
        raise Contradiction(bid=act.bid, verdict=act.verdict, cause=act.cause[:40], party=act.party[:40])
    if any(not 0 <= number < now.size for number in act.evidence):
        raise Contradiction(bid=act.bid, reason="evidence names entries that are not there")
    if not {one.part for one in act.parts} <= set(ceremony.parts_of(act.window)):
        raise Contradiction(bid=act.bid, reason="parts of another window")
    _check_evidence(ceremony, act)


def _check_evidence(ceremony: Ceremony, act: sf.BidJudged) -> None:
    """Demand that halves and shares as the journal has them allow this verdict."""
    absent = act.bid in ceremony.windows[act.window].missing
    if absent is not (act.cause in _HALF_MISSING) and act.cause != "root_mismatch":
        raise Contradiction(bid=act.bid, verdict=act.verdict, half_missing=str(absent).lower())
    parts = ceremony.parts_of(act.window) if ceremony.terms.mode is not Mode.BIDDER else ()
    fewest = min(
        (ceremony.good_shares(act.window, act.bid, part) for part in parts), default=ceremony.terms.k
    )
    enough = fewest >= ceremony.terms.k
    needs_shares = act.verdict in (Verdict.OPENED, Verdict.MALFORMED) or act.cause == "superseded"
    if (needs_shares and not enough) or (act.cause == "too_few_shares" and enough):
        raise Contradiction(bid=act.bid, verdict=act.verdict, shares=fewest, needed=ceremony.terms.k)


def _check_record(ceremony: Ceremony, act: sf.OpeningRecorded, _: Circumstances) -> None:
    record = _demand_current(ceremony, act.window)
    if ceremony.paused:
        raise CeremonyStandsStill(window=act.window)
    waiting = [one for one in record.bids if not _final(record.verdicts.get(one))]
    if waiting:
        raise WrongCeremonyState(state=ceremony.state, waiting=", ".join(waiting[:5]))
    if hashlib.sha256(act.record.encode()).hexdigest() != act.sha256 or shown_size(act.record) > MAX_SHOWN:
        raise Contradiction(
            window=act.window, reason="another digest than the text's, or too long to be shown"
        )
    told = parse_record(act.record)
    if (told.tender, told.policy, told.window) != (ceremony.terms.tender, ceremony.sha256, act.window):
        raise Contradiction(window=act.window, reason="the record is of another window, policy or tender")
    rows = {row.number: (row.verdict, row.cause, row.party) for row in told.rows}
    judged = {bid: (one.verdict, one.cause, one.party) for bid, one in record.verdicts.items()}
    if rows != judged:
        raise Contradiction(window=act.window, reason="rows are not the verdicts")
    if any(bool(row.prices) and row.verdict is not Verdict.OPENED for row in told.rows):
        raise Contradiction(window=act.window, reason="a price of a bid that was not opened")


def _check_publication(ceremony: Ceremony, act: sf.PartKeyPublished, _: Circumstances) -> None:
    if act.part not in PUBLIC_PARTS:
        raise Contradiction(part=act.part, reason="the key of this part is not for everybody")
    _demand_opened(ceremony, act.bid, act.part)
    if (act.bid, act.part) in ceremony.published:
        raise AlreadyDone(bid=act.bid, part=act.part)
    if not _HEX.fullmatch(act.key) or len(act.key) != 2 * _suite(ceremony.handed[act.bid]).key_size:
        raise Contradiction(bid=act.bid, reason="no content key of the suite")


def _demand_opened(ceremony: Ceremony, number: BidNumber, part: PartName) -> None:
    window = ceremony.terms.window(part).name
    told = ceremony.windows[window].verdicts.get(number) if ceremony.recorded(window) else None
    if told is None or told.verdict is not Verdict.OPENED:
        raise UnknownBid(bid=number[:40], window=window)


def _check_key_sealed(ceremony: Ceremony, act: sf.PartKeySealed, _: Circumstances) -> None:
    if act.part in PUBLIC_PARTS:
        raise Contradiction(part=act.part, reason="the key of this part is for everybody")
    ceremony.terms.recipient(act.recipient)
    _demand_opened(ceremony, act.bid, act.part)
    if (act.bid, act.part, act.recipient) in ceremony.sealed:
        raise AlreadyDone(bid=act.bid, part=act.part, recipient=act.recipient)
    suite = _suite(ceremony.handed[act.bid])
    if len(_decoded(act.wrapped)) != suite.key_size + suite.wrap_overhead:
        raise Contradiction(bid=act.bid, part=act.part, reason="no wrapped content key of the suite")


def _check_admission(ceremony: Ceremony, act: sf.BidAdmitted, now: Circumstances) -> None:
    if act.lot in now.dark:
        raise Contradiction(lot=act.lot, reason="bids join a dark lot by code, with their number committed")
    _check_joining(ceremony, act, act.number, now)
    row = ceremony.windows[ceremony.terms.windows[0].name].rows[act.number]
    if act.bidder != row.bidder or not act.bidder:
        raise Contradiction(bid=act.bid, reason="another bidder than in the record")
    if len({one.part for one in act.documents}) != len(act.documents):
        raise Contradiction(bid=act.bid, reason="a part twice")


def _check_dark_admission(ceremony: Ceremony, act: sf.DarkBidAdmitted, now: Circumstances) -> None:
    """Demand a code, and entries in the order of codes: any other order could be that of a list with names."""
    if act.lot not in now.dark or not is_code(act.bid):
        raise Contradiction(lot=act.lot[:64], bid=act.bid[:64], reason="no dark lot, or no code")
    _check_joining(ceremony, act, now.number, now)
    if any(one.lot == act.lot and bid >= act.bid for bid, one in ceremony.admitted.items()):
        raise Contradiction(
            lot=act.lot, bid=act.bid, reason="bids join a dark lot in the order of their codes"
        )


def _check_joining(
    ceremony: Ceremony, act: sf.BidAdmitted | sf.DarkBidAdmitted, number: BidNumber, now: Circumstances
) -> None:
    _demand_name(act.bid)
    taken = {bid.lower() for bids in now.lots.values() for bid in bids}
    if (
        act.lot not in now.lots
        or act.bid.lower() in taken
        or act.bid.lower() in map(str.lower, ceremony.admitted)
    ):
        raise Contradiction(lot=act.lot[:64], bid=act.bid, reason="no such lot, or an id that is taken")
    if number not in ceremony.standing():
        raise UnknownBid(bid=number[:40])
    if Admitted(act.lot, number) in ceremony.admitted.values():
        raise AlreadyDone(bid=number, lot=act.lot)


def _check_price(ceremony: Ceremony, act: sf.PriceRead, now: Circumstances) -> None:
    if act.lot in now.dark:  # the hall shows prices beside names
        raise StillDark(lot=act.lot)
    found = ceremony.admitted.get(act.bid)
    if found is None or found.lot != act.lot:
        raise UnknownBid(bid=act.bid[:64], lot=act.lot[:64])
    if act.bid in ceremony.prices:
        raise AlreadyDone(bid=act.bid)
    window = ceremony.price_window()
    row = ceremony.windows[window].rows.get(found.number) if ceremony.recorded(window) else None
    if row is None or act.price_fen not in [one.price_fen for one in row.prices if one.lot == act.lot]:
        raise Contradiction(bid=act.bid, reason="another price than in the record")


def _check_confirmation(ceremony: Ceremony, act: sf.RecordConfirmed, now: Circumstances) -> None:
    record = ceremony.windows.get(act.window)
    if record is None or not record.recorded or act.bid not in record.bids:
        raise UnknownBid(bid=act.bid[:40], window=act.window[:64])
    if act.bid in record.confirmed:
        raise AlreadyDone(bid=act.bid, window=act.window)
    if len(act.objection) > MAX_OBJECTION:
        raise Contradiction(bid=act.bid, reason="an objection has at most 2,000 characters")
    message = custody.confirm_message(bytes.fromhex(record.sha256), act.objection)
    custody.verify_bidder(_suite(ceremony.handed[act.bid]), now.key, message, act.signature)


def _check_pause(ceremony: Ceremony, act: sf.CeremonyPaused, _: Circumstances) -> None:
    _demand_reason(act.reason)
    if ceremony.paused:
        raise AlreadyDone(state=ceremony.state)


def _check_resumption(ceremony: Ceremony, act: sf.CeremonyResumed, _: Circumstances) -> None:
    _demand_reason(act.reason)
    if not ceremony.paused:
        raise AlreadyDone(state=ceremony.state)


def _check_destruction(ceremony: Ceremony, act: sf.KeysDestroyed, _: Circumstances) -> None:
    trustee = _trustee(ceremony, act.trustee)
    following = ceremony.next_window()
    if ceremony.state is CeremonyState.OPENED and following is not None:
        raise WrongCeremonyState(state=ceremony.state, window=following.name)
    if act.trustee in ceremony.destroyed:
        raise AlreadyDone(trustee=act.trustee)
    _demand_keys_sealed(ceremony)
    custody.verify_trustee(trustee.signer, custody.destroyed_message(_digest(ceremony)), act.signature)


def _check_keys_kept(ceremony: Ceremony, act: sf.KeysNotDestroyed, _: Circumstances) -> None:
    _demand_reason(act.reason)
    _trustee(ceremony, act.trustee)
    following = ceremony.next_window()
    if ceremony.state is CeremonyState.OPENED and following is not None:
        raise WrongCeremonyState(state=ceremony.state, window=following.name)
    if act.trustee not in ceremony.keys_at_large():
        raise AlreadyDone(trustee=act.trustee)


def _demand_keys_sealed(ceremony: Ceremony) -> None:
    """Demand that whoever may read later can: the host wraps content keys together with the record."""
    due = ceremony.keys_to_seal()
    if due:
        raise WrongCeremonyState(state=ceremony.state, keys_to_seal=len(due))


def _trustee(ceremony: Ceremony, name: str) -> Trustee:
    found = next((one for one in ceremony.terms.trustees if one.name == name), None)
    if found is None:
        raise UnknownTrustee(trustee=name[:64])
    return found


def _digest(ceremony: Ceremony) -> bytes:
    return bytes.fromhex(ceremony.sha256)


def _present(ceremony: Ceremony, number: BidNumber) -> Handed:
    """Return a bid that was handed in and neither taken back nor replaced."""
    bid = ceremony.handed.get(number)
    if bid is None or bid.gone:
        raise UnknownBid(bid=number[:40])
    return bid


def _demand_before_deadline(ceremony: Ceremony, now: Circumstances) -> None:
    if now.at >= ceremony.terms.deadline:
        raise DeadlinePassed(deadline=ceremony.terms.deadline, late_ms=now.at - ceremony.terms.deadline)


def _demand_current(ceremony: Ceremony, window: str) -> WindowRecord:
    if window != ceremony.current or ceremony.state not in (CeremonyState.UNSEALING, CeremonyState.COMBINING):
        raise WrongCeremonyState(state=ceremony.state, window=window[:64])
    return ceremony.windows[window]


_CHECKS: Mapping[type[CeremonyEvent], Callable[[Ceremony, Any, Circumstances], None]] = {
    sf.TrusteeKeyPublished: _check_key,
    sf.PolicyDrafted: _check_draft,
    sf.PolicySigned: _check_policy_signature,
    sf.SubmissionsOpened: _check_notice,
    sf.BidSubmitted: _check_bid,
    sf.BidAcknowledged: _check_ack,
    sf.BidWithdrawn: _check_withdrawal,
    sf.CoverMade: _check_cover,
    sf.BidsClosed: _check_list,
    sf.OpeningAborted: _check_abort,
    sf.OfficerSteppedUp: _check_officer,
    sf.WindowOpened: _check_opening,
    sf.WindowExtended: _check_extension,
    sf.HalfReleased: _check_half,
    sf.ShareReleased: _check_shares,
    sf.WindowClosed: _check_window_end,
    sf.BidJudged: _check_verdict,
    sf.OpeningRecorded: _check_record,
    sf.PartKeyPublished: _check_publication,
    sf.PartKeySealed: _check_key_sealed,
    sf.BidAdmitted: _check_admission,
    sf.DarkBidAdmitted: _check_dark_admission,
    sf.PriceRead: _check_price,
    sf.RecordConfirmed: _check_confirmation,
    sf.CeremonyPaused: _check_pause,
    sf.CeremonyResumed: _check_resumption,
    sf.KeysDestroyed: _check_destruction,
    sf.KeysNotDestroyed: _check_keys_kept,
}
"""Fact to its rule, beyond the state table."""


def shown_size(text: str) -> int:
    """Return the bytes of a JSON text inside a frame, where its quotes and backslashes are escaped twice."""
    return len(text.encode(errors="surrogatepass")) + 3 * text.count('"') + 3 * text.count("\\")


def _published(act: sf.TrusteeKeyPublished) -> Trustee:
    """Return a published trustee as it must stand in the policy."""
    keys = tuple(TrusteeKey(one.suite, _decoded(one.public)) for one in act.keys)
    return Trustee(act.trustee, act.kind, act.who, _decoded(act.signer), keys)


def _decoded(text: str) -> bytes:
    try:
        return decode_base64(text)
    except NotBase64 as error:
        raise Contradiction(reason="a key is not canonical Base64") from error


def check_bidders_word(
    ceremony: Ceremony, number: BidNumber, key: bytes, message: bytes, signature: str
) -> None:
    """Check what a bidder signed besides the opening; `key` is the envelope key of its bid.

    Raises:
        ForgedBidderAct: it is another's.
    """
    custody.verify_bidder(_suite(ceremony.handed[number]), key, message, signature)


def _suite(bid: Handed) -> Suite:
    return find_suite(bid.event.suite)


def _final(told: sf.BidJudged | None) -> bool:
    return told is not None and told.verdict is not Verdict.AWAITING_BYTES


def _demand_cosigned(entries: int, now: Circumstances) -> None:
    if now.cosigned < entries:
        raise Unready(Need(NeedCode.COSIGNATURES, (str(entries),)))


def _demand_reason(reason: str) -> None:
    if not reason.strip():
        raise Contradiction(reason="a reason in writing is needed")


def _demand_name(name: str) -> None:
    try:
        check_name(name)
    except MalformedName as error:
        raise Contradiction(reason="not a name", name=name[:64]) from error
