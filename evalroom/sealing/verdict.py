"""The verdict on a bid, from evidence: `ROWS` is the table of opening.md §8, and the first row that holds decides.

`observe` does the arithmetic (halves, shares, dealing, texts) and notes what it saw; `rule` looks the row up; both are
pure, so whoever has the same evidence comes to the same verdict.  Refused: choosing.  A wrong share costs its trustee,
never the bidder; a wrong dealing is found by every quorum alike.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from evalroom.errors import PeerFault
from evalroom.ids import BidNumber, LotId
from evalroom.ledger.base64 import decode_base64, encode_base64
from evalroom.ledger.canonical import canonical
from evalroom.ledger.note import SigningKey, VerifierKey
from evalroom.sealing.dealing import Dealing, ShareMismatch, check_share
from evalroom.sealing.envelope import Envelope
from evalroom.sealing.facts import BidJudged, OpenedPart, Verdict
from evalroom.sealing.identity import IdentityMismatch, check_identity, parse_identity
from evalroom.sealing.policy import Mode, PartName
from evalroom.sealing.price_sheet import SHEET_PARTS, MalformedSheet, PriceSheet, check_prices, parse_sheet
from evalroom.sealing.stream import BytesMissing, PartDamaged, ReadAt
from evalroom.sealing.unseal import HalfMismatch, check_half, content_key, open_part, read_text


class HalfSeen(StrEnum):
    """What became of a bidder's halves in a window."""

    GOOD = "good"
    MISSING = "missing"
    WRONG = "wrong"


class Remedy(StrEnum):
    """What follows before there is a verdict; `judge` means that there is one."""

    JUDGE = "judge"
    EXTEND = "extend"
    PAUSE = "pause"


@dataclass(frozen=True, slots=True)
class Blame:
    """A share that contradicts its commitment: the trustee's fault if it had acknowledged it, else nobody's."""

    trustee: int
    part: PartName
    cause: str


@dataclass(frozen=True, slots=True)
class Observed:
    """What was seen of a bid in a window.

    `enough` says that a quorum of good shares is there for every part, `fault` the code of what the dealing or the
    texts are wrong in, "" where nothing is; `probes_green` that the platform's own probes worked all the time.
    """

    bytes_good: bool = True
    half: HalfSeen = HalfSeen.GOOD
    probes_green: bool = True
    enough: bool = True
    fault: str = ""
    blames: tuple[Blame, ...] = ()
    keys: Mapping[PartName, bytes] = field(default_factory=dict, repr=False)
    texts: Mapping[PartName, bytes] = field(default_factory=dict, repr=False)
    certificate: bytes = b""
    sheet: PriceSheet | None = None


@dataclass(frozen=True, slots=True)
class Ruling:
    """What follows from what was seen: a verdict, or a remedy before there can be one."""

    verdict: Verdict | None
    cause: str
    party: str
    remedy: Remedy = Remedy.JUDGE


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table: when it holds, what follows, and what follows once nothing more is waited for."""

    holds: Callable[[Observed], bool]
    cause: str
    party: str
    verdict: Verdict | None
    remedy: Remedy = Remedy.JUDGE
    at_end: Verdict | None = None


def _faulty(cause: str) -> Callable[[Observed], bool]:
    return lambda seen: seen.fault == cause


_MISSING, _WRONG = HalfSeen.MISSING, HalfSeen.WRONG

ROWS: Sequence[Row] = (
    Row(lambda seen: not seen.bytes_good, "root_mismatch", "platform", Verdict.AWAITING_BYTES, at_end=Verdict.WITHDRAWN),
    Row(lambda seen: seen.half is _MISSING and seen.probes_green, "not_released", "bidder", Verdict.REVOKED),
    Row(lambda seen: seen.half is _MISSING, "platform_fault", "platform", None, Remedy.EXTEND, Verdict.WITHDRAWN),
    Row(lambda seen: seen.half is _WRONG, "half_mismatch", "bidder", Verdict.REVOKED),
    Row(lambda seen: not seen.enough, "too_few_shares", "sites", None, Remedy.PAUSE, Verdict.WITHDRAWN),
    Row(_faulty("dealing"), "dealing", "bidder", Verdict.MALFORMED),
    Row(_faulty("part_damaged"), "part_damaged", "bidder", Verdict.MALFORMED),
    Row(_faulty("identity_mismatch"), "identity_mismatch", "bidder", Verdict.MALFORMED),
    Row(_faulty("malformed_sheet"), "malformed_sheet", "bidder", Verdict.MALFORMED),
    Row(lambda _: True, "", "", Verdict.OPENED),
)  # fmt: skip
"""The table, in the order in which it is asked.

Shares that contradict their commitments are `Blame`s beside it: another quorum is used, and while there is one they
decide nothing.
"""

SUPERSEDED = Ruling(Verdict.WITHDRAWN, "superseded", "bidder")
"""Of two bids that name one certificate the later one stands; this is the earlier one's."""


def rule(seen: Observed, *, over: bool = False) -> Ruling:
    """Return what follows by the first row that holds; `over` when no more bytes, time or shares are waited for."""
    row = next(one for one in ROWS if one.holds(seen))
    if over and row.at_end is not None:
        return Ruling(row.at_end, row.cause, row.party)
    return Ruling(row.verdict, row.cause, row.party, row.remedy)


@dataclass(frozen=True, slots=True)
class Released:
    """What came in for a bid: the bidder's halves by part, or none; shares by part and number of the trustee.

    `acked` are the numbers of the trustees who had acknowledged their shares of the bid as good.
    """

    halves: Mapping[PartName, bytes] | None = field(repr=False)
    shares: Mapping[PartName, Mapping[int, bytes]] = field(repr=False)
    acked: frozenset[int] = frozenset()


def observe(
    envelope: Envelope,
    parts: Sequence[PartName],
    released: Released,
    read: ReadAt,
    *,
    lots: Collection[LotId],
    probes_green: bool = True,
) -> Observed:
    """Return what is seen of a bid whose `parts` a window opens; `read` gives the stored envelope.

    Texts of identity and price sheets are read here; big parts are looked at as far as their first and last bytes,
    the rest by an `Inspection`.
    """
    half = _half_seen(envelope, parts, released)
    good, blames = _sort_shares(envelope, parts, released)
    needed = envelope.policy.k if envelope.policy.mode is not Mode.BIDDER else 0
    enough = all(len(good[part]) >= needed for part in parts)
    seen = Observed(half=half, probes_green=probes_green, enough=enough, blames=blames)
    if half is not HalfSeen.GOOD or not enough:
        return seen
    try:
        halves = released.halves or {}
        keys = {part: content_key(envelope, part, halves.get(part), good[part]) for part in parts}
        return _read_texts(envelope, replace(seen, keys=keys), read, lots)
    except BytesMissing:
        return replace(seen, bytes_good=False)
    except (Dealing, PartDamaged, IdentityMismatch, MalformedSheet) as error:
        return replace(seen, fault=error.code)


def _half_seen(envelope: Envelope, parts: Sequence[PartName], released: Released) -> HalfSeen:
    if envelope.policy.mode is Mode.SITES:
        return HalfSeen.GOOD
    if released.halves is None:
        return HalfSeen.MISSING
    for part in parts:
        try:
            check_half(envelope.suite, envelope.part(part), released.halves.get(part, b""))
        except HalfMismatch:
            return HalfSeen.WRONG
    return HalfSeen.GOOD


def _sort_shares(
    envelope: Envelope, parts: Sequence[PartName], released: Released
) -> tuple[dict[PartName, dict[int, bytes]], tuple[Blame, ...]]:
    """Part shares that agree with their commitments from those that do not."""
    good: dict[PartName, dict[int, bytes]] = {part: {} for part in parts}
    blames = []
    for part in parts:
        for place, share in sorted(released.shares.get(part, {}).items()):
            if _share_is_good(envelope, part, place, share):
                good[part][place] = share
            else:
                cause = "share_mismatch" if place in released.acked else "share_undetermined"
                blames.append(Blame(place, part, cause))
    return good, tuple(blames)


def _share_is_good(envelope: Envelope, part: PartName, place: int, share: bytes) -> bool:
    header = envelope.part(part).header
    if not 1 <= place <= len(header.shares):
        return False
    try:
        check_share(envelope.suite, header.context, place, share, header.shares[place - 1].digest)
    except ShareMismatch:
        return False
    return True


def _read_texts(envelope: Envelope, seen: Observed, read: ReadAt, lots: Collection[LotId]) -> Observed:
    """Read what is small: who the bidder is, and the price sheets; open the others at both ends.

    The order is that of the table: damage of any part comes before what the texts say.
    """
    texts = {}
    for part, key in seen.keys.items():
        if part is PartName.IDENTITY or part in SHEET_PARTS:
            texts[part] = read_text(envelope, part, key, read)
        else:
            open_part(envelope, part, key, read)
    certificate, sheet = b"", None
    if PartName.IDENTITY in texts:
        identity = parse_identity(texts[PartName.IDENTITY])
        check_identity(envelope, identity)
        certificate = identity.certificate
    for part in SHEET_PARTS:
        if part in texts:
            sheet = parse_sheet(texts[part])
            check_prices(sheet, part, envelope.policy, lots)
    return replace(seen, texts=texts, certificate=certificate, sheet=sheet)


def superseded(certificates: Sequence[tuple[BidNumber, bytes]]) -> tuple[BidNumber, ...]:
    """Return the bids that a later one of the same certificate supersedes; given in the order of submission."""
    last = {certificate: number for number, certificate in certificates if certificate}
    return tuple(
        number for number, certificate in certificates if certificate and last[certificate] != number
    )


class ForgedVerdict(PeerFault):
    """The verdict does not bear the log's signature: it was not given by this session's host."""

    code = "forged_verdict"


def verdict_message(act: BidJudged) -> bytes:
    """Return what the log key signs of a verdict: its members but the signature, canonical."""
    return b"EVB1 verdict" + canonical(
        {
            "window": act.window,
            "bid": act.bid,
            "verdict": act.verdict.value,
            "cause": act.cause,
            "party": act.party,
            "parts": [_part_json(one) for one in act.parts],
            "evidence": list(act.evidence),
        }
    )


def _part_json(part: OpenedPart) -> dict[str, str | int]:
    return {"part": part.part.value, "sha256": part.sha256, "size": part.size}


def judged(
    window: str,
    bid: BidNumber,
    ruling: Ruling,
    parts: Sequence[OpenedPart],
    evidence: Sequence[int],
    log: SigningKey,
) -> BidJudged:
    """Return the verdict on a bid as it stands in the journal, signed by the log.

    Raises:
        ValueError: the ruling is a remedy, not a verdict.
    """
    if ruling.verdict is None:
        raise ValueError(ruling.remedy)
    act = BidJudged(
        window, bid, ruling.verdict, ruling.cause, ruling.party, tuple(parts), tuple(evidence), signature=""
    )
    return replace(act, signature=encode_base64(log.private.sign(verdict_message(act))))


def check_verdict(act: BidJudged, log: VerifierKey) -> None:
    """Return when the log signed this verdict.

    Raises:
        ForgedVerdict: it did not.
    """
    try:
        log.check(decode_base64(act.signature), verdict_message(act))
    except PeerFault as error:
        raise ForgedVerdict(bid=act.bid, window=act.window) from error
