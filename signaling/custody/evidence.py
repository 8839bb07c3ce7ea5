"""What a trustee's agent demands to see before it signs, acknowledges or releases: pure checks, no I/O.

An agent believes nobody who asks: it reads entries of the journal back under a checkpoint that the log signed
and a quorum of witnesses cosigned, and compares them with the policy and with its own clock.  Log key and
witnesses are pinned when the policy is signed.  Refused: entries from the future, another policy, bids that
the closed checkpoint does not list, shares before the hour or while bidders may still release.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from evalroom.errors import PeerFault, Refusal
from evalroom.ledger.base64 import encode_base64
from evalroom.ledger.canonical import Json
from evalroom.ledger.checkpoint import check_quorum, default_quorum, open_checkpoint
from evalroom.ledger.entry import Entry, leaf_hash, parse_entry
from evalroom.ledger.merkle import verify_inclusion
from evalroom.ledger.note import KeyKind, VerifierKey, parse_vkey
from evalroom.sealing.core import MalformedEnvelope
from evalroom.sealing.custody import is_gate, published_message, verify_trustee
from evalroom.sealing.envelope import Envelope
from evalroom.sealing.facts import SuiteKey
from evalroom.sealing.members import Members
from evalroom.sealing.policy import Mode, Policy, Trustee, Window
from evalroom.sealing.stream import ReadAt

SKEW_MS = 2_000
"""Most by which an agent's clock may differ from the host's."""

MAX_WITNESSES = 64


class ClockSkewed(Refusal):
    """This trustee's clock and the host's differ by more than 2 s: set the wrong one right, nothing was signed."""

    code = "clock_skewed"


class EvidenceMissing(Refusal):
    """The journal entries shown do not prove what this needs: show them, under a cosigned checkpoint."""

    code = "evidence_missing"


class AnotherPolicy(Refusal):
    """This is not the policy that the trustee knows or signed: nothing was signed or released under it."""

    code = "another_policy"


class BidNotListed(Refusal):
    """The closed checkpoint does not list this bid with this content: its shares stay where they are."""

    code = "bid_not_listed"


class TooEarly(Refusal):
    """By this trustee's own clock it is not time yet: shares stay where they are until the hour."""

    code = "too_early"


class AckTooLate(Refusal):
    """By this trustee's own clock the deadline has passed: it signs no policy and acknowledges no bid any more."""

    code = "ack_too_late"


class OpeningNotOver(Refusal):
    """The opening is not over, or nobody proves that it is: the keys of this tender are kept."""

    code = "opening_not_over"


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom an agent believes about one journal: its log, its witnesses, and how many of them must have cosigned."""

    log: VerifierKey
    witnesses: tuple[VerifierKey, ...]
    quorum: int


@dataclass(frozen=True, slots=True)
class Shown:
    """An entry as it was shown: its place, its bytes, and the path to the checkpoint's root."""

    index: int
    entry: bytes
    path: tuple[bytes, ...]


def trust_in(first: bytes, known: Sequence[VerifierKey], quorum: int) -> Trust:
    """Return whom to believe, as the journal's first entry names them.

    Where witnesses are `known` beforehand, only those count; `quorum` 0 stands for the usual one.  The entry
    itself is proven afterwards, under that very trust.

    Raises:
        EvidenceMissing: it is no first entry, or names no keys.
        MalformedKey: a key in it is none.
    """
    entry = parse_entry(first)
    if entry.type != "SessionOpened" or entry.seq != 0:
        raise EvidenceMissing(needs="SessionOpened")
    keys = entry.body.get("keys")
    if not isinstance(keys, dict):
        raise EvidenceMissing(needs="keys in SessionOpened")
    members = Members(keys, EvidenceMalformed, "keys")
    log = parse_vkey(members.text("log", 256))
    named = [
        parse_vkey(one.text("vkey", 256)) for one in members.objects("witnesses", MAX_WITNESSES, least=0)
    ]
    counted = tuple(one for one in named if one in known) if known else tuple(named)
    needed = max(quorum or default_quorum(len(named)), members.integer("quorum", 0, MAX_WITNESSES))
    if log.kind is not KeyKind.LOG:
        raise EvidenceMissing(needs="a log key in SessionOpened")
    return Trust(log, counted, needed)


class EvidenceMalformed(PeerFault):
    """An entry of the journal does not have the members that its type has: nothing was concluded from it."""

    code = "evidence_malformed"


def read_back(note: bytes, shown: Iterable[Shown], trust: Trust, now: int) -> tuple[Entry, ...]:
    """Return the entries shown, once each is proven under the checkpoint in `note`; `now` is the own clock, UTC ms.

    Raises:
        MalformedNote, MalformedCheckpoint, OriginMismatch, UntrustedNote, BadNoteSignature: no such checkpoint.
        QuorumMissing: too few witnesses cosigned it.
        InvalidProof, MalformedEntry, NotCanonical: an entry is not in it.
        ClockSkewed: an entry was written more than 2 s from now.
    """
    signed = open_checkpoint(note, trust.log, trust.witnesses)
    check_quorum(signed, trust.quorum)
    tree, entries = signed.checkpoint, []
    for one in shown:
        verify_inclusion(leaf_hash(one.entry), one.index, tree.size, one.path, tree.root)
        entry = parse_entry(one.entry)
        if entry.seq != one.index:
            raise EvidenceMissing(reason="an entry stands in another place", index=one.index)
        if entry.t > now + SKEW_MS:
            raise ClockSkewed(ahead_ms=entry.t - now)
        entries.append(entry)
    return tuple(entries)


def check_clock(now: int, theirs: int) -> None:
    """Return when the host's clock is at most 2 s from ours.

    Raises:
        ClockSkewed: it is further off.
    """
    if abs(theirs - now) > SKEW_MS:
        raise ClockSkewed(ahead_ms=theirs - now)


def check_policy_drafted(text: str, policy: Policy, entries: Sequence[Entry]) -> None:
    """Return when the journal holds this very policy and every trustee's keys as they stand in it.

    Raises:
        EvidenceMissing: it does not hold them.
        ForgedTrusteeAct: a trustee did not publish what stands under its name.
    """
    digest = hashlib.sha256(text.encode()).hexdigest()
    if not any(_is(one, "PolicyDrafted", {"policy": text, "sha256": digest}) for one in entries):
        raise EvidenceMissing(needs="PolicyDrafted")
    for trustee in policy.trustees:
        facts = published_facts(trustee)
        found = next((one for one in entries if _is(one, "TrusteeKeyPublished", facts)), None)
        if found is None:
            raise EvidenceMissing(needs="TrusteeKeyPublished", trustee=trustee.name)
        proof = Members({"proof": found.body.get("proof")}, EvidenceMalformed).text("proof", 200)
        verify_trustee(trustee.signer, published_message(policy.tender, suite_keys(trustee)), proof)


def suite_keys(trustee: Trustee) -> list[SuiteKey]:
    """Return a trustee's keys as its proofs are about them."""
    return [SuiteKey(key.suite, encode_base64(key.public)) for key in trustee.keys]


def published_facts(trustee: Trustee) -> dict[str, Json]:
    """Return what `TrusteeKeyPublished` says of a trustee as it stands in a policy, without the proof."""
    return {
        "trustee": trustee.name,
        "kind": trustee.kind.value,
        "who": trustee.who,
        "signer": encode_base64(trustee.signer),
        "keys": [{"suite": key.suite, "public": encode_base64(key.public)} for key in trustee.keys],
    }


def check_release(
    policy: Policy, digest: str, window: Window, entries: Sequence[Entry], now: int, *, all_released: bool
) -> None:
    """Return when shares for `window` may leave; `digest` is the policy's SHA-256 in hex, `now` the own clock.

    `all_released` says that the half of every listed bid is in that earlier windows left in; then the entries must
    show it: `HalfReleased`, or the verdict by which a bid is out.

    Raises:
        TooEarly: before the hour, or while bidders may still release.
        EvidenceMissing: no closed checkpoint, or no gate.
        AnotherPolicy: the bids were closed under another policy.
    """
    _check_hour(policy, window, now)
    closed = _closed(entries)
    if closed.body.get("policy") != digest:
        raise AnotherPolicy(at="BidsClosed")
    if not any(is_gate(window.gate, one.type, one.body) for one in entries):
        raise EvidenceMissing(needs=window.gate)
    if policy.mode is not Mode.SITES:
        _check_bidders_done(policy, window, entries, now, all_released=all_released)


def _check_hour(policy: Policy, window: Window, now: int) -> None:
    hour = max(policy.deadline, window.opens_at or 0)
    if now < hour:
        raise TooEarly(window=window.name, wait_ms=hour - now)


def check_session_hour(policy: Policy, window: Window, now: int) -> None:
    """Return when what bidders released for `window` may be opened: from the hour on, by the own clock.

    Raises:
        TooEarly: before.
    """
    _check_hour(policy, window, now)


def _closed(entries: Sequence[Entry]) -> Entry:
    found = next((one for one in entries if one.type == "BidsClosed"), None)
    if found is None:
        raise EvidenceMissing(needs="BidsClosed")
    return found


LOST = frozenset({"revoked", "withdrawn", "malformed"})
"""Verdicts after which no further part of a bid is opened; `awaiting_bytes` may still give way to another."""


def judged_out(policy: Policy, window: Window, entries: Iterable[Entry]) -> frozenset[str]:
    """Return the bids that a window before this one did not open, as the entries show: nobody waits for their halves.

    The journal takes no half of them any more, so a host that judged falsely wins nothing over the other bidders.
    """
    earlier = [one.name for one in policy.windows[: policy.windows.index(window)]]
    return frozenset(
        str(one.body.get("bid"))
        for one in entries
        if one.type == "BidJudged" and one.body.get("window") in earlier and one.body.get("verdict") in LOST
    )


def _check_bidders_done(
    policy: Policy, window: Window, entries: Sequence[Entry], now: int, *, all_released: bool
) -> None:
    if all_released:
        for bid in listed_bids(entries).keys() - judged_out(policy, window, entries):
            if not any(
                _is(one, "HalfReleased", {"window": window.name, "bid": bid, "good": True}) for one in entries
            ):
                raise EvidenceMissing(needs="HalfReleased", bid=bid)
        return
    opened = next((one for one in entries if _is(one, "WindowOpened", {"window": window.name})), None)
    if opened is None:
        raise EvidenceMissing(needs="WindowOpened", window=window.name)
    ends = [
        Members({"until": one.body.get("until")}, EvidenceMalformed).integer("until")
        for one in entries
        if one.type in {"WindowOpened", "WindowExtended"} and one.body.get("window") == window.name
    ]
    end = max(opened.t + window.release_ms, *ends)  # a host cannot cut the bidders' time short
    if now < end:
        raise TooEarly(window=window.name, wait_ms=end - now)


def listed_bids(entries: Sequence[Entry]) -> dict[str, tuple[str, str]]:
    """Return the root and digest of every bid that the closed checkpoint lists, by its number.

    Raises:
        EvidenceMissing, EvidenceMalformed: there is no such list.
    """
    found = Members({"bids": _closed(entries).body.get("bids")}, EvidenceMalformed)
    return {
        one.text("bid", 32): (one.text("root", 64), one.text("digest", 64))
        for one in found.objects("bids", 1 << 16, least=0)
    }


def check_listed(envelope: Envelope, bid: str, listed: dict[str, tuple[str, str]]) -> None:
    """Return when the closed checkpoint lists `bid` with the root and digest of this envelope.

    Raises:
        BidNotListed: it does not.
    """
    if listed.get(bid) != (envelope.root.hex(), envelope.digest.hex()):
        raise BidNotListed(bid=bid)


def check_over(policy: Policy, entries: Sequence[Entry]) -> None:
    """Return when the opening is over: aborted, or recorded for every window.

    Raises:
        OpeningNotOver: it is not.
    """
    if any(one.type == "OpeningAborted" for one in entries):
        return
    for window in policy.windows:
        if not any(_is(one, "OpeningRecorded", {"window": window.name}) for one in entries):
            raise OpeningNotOver(window=window.name)


def check_gathering(digest: str, draw: str, entries: Sequence[Entry]) -> None:
    """Return when the roster with this SHA-256 in hex is the draw's own, and people are gathering for it.

    Raises:
        EvidenceMissing: the journal shown does not say so.
    """
    if not any(_is(one, "RosterSealed", {"draw": draw, "sha256": digest}) for one in entries):
        raise EvidenceMissing(needs="RosterSealed", draw=draw)
    if not any(_is(one, "StageChanged", {"after": "gathering"}) for one in entries):
        raise EvidenceMissing(needs="StageChanged to gathering")


def _is(entry: Entry, type_: str, members: Mapping[str, Json]) -> bool:
    return entry.type == type_ and all(entry.body.get(name) == value for name, value in members.items())


def head_and_tail(data: bytes, size: int) -> ReadAt:
    """Return what reads an envelope of `size` bytes of which `data` holds all before and all behind the parts.

    Raises:
        MalformedEnvelope: the two do not fit into the file.
    """
    head = 12 + int.from_bytes(data[8:12], "big")
    tail_at = size - (len(data) - head)
    if head > len(data) or tail_at < head:
        raise MalformedEnvelope(reason="head and tail do not fit the size", size=size)

    def read(offset: int, length: int) -> bytes:
        if offset >= tail_at:
            offset -= tail_at - head
        elif offset + length > head:
            return b""
        return data[offset : offset + length]

    return read
