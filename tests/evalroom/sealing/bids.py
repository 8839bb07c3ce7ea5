"""Bids of the sample tender, sealed in memory; and the oracle that opens everything with everybody's keys."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from evalroom.sealing.dealing import deal, share_digest
from evalroom.sealing.envelope import Envelope, open_envelope
from evalroom.sealing.header import SealedShare, encode_header, trustee_info
from evalroom.sealing.inspection import Inspection
from evalroom.sealing.policy import Mode, PartName, Policy
from evalroom.sealing.seal import BidTerms, SealingPlan, plan_sealing, seal
from evalroom.sealing.stream import ReadAt, StreamSealer
from evalroom.sealing.suite import Buffer
from evalroom.sealing.trailer import ReceiptRoot
from evalroom.sealing.unseal import content_key, open_half, open_share, read_text
from tests.evalroom.sealing import tender

Lie: TypeAlias = Callable[[tuple[bytes, ...]], tuple[bytes, ...]]
"""Turns the shares that should be dealt into those that are."""

TEXTS: Mapping[PartName, bytes] = {
    PartName.IDENTITY: b'{"cert":"..."}',
    PartName.OPENING: "报价 1,234,567.89 元, 工期 120 天".encode(),
    PartName.TECHNICAL: tender.pattern(40_000),
    PartName.PRICE: tender.pattern(16_384),
}
"""Plaintexts; the padded parts end at a chunk's edge, so that their final chunk is empty."""


@dataclass(slots=True)
class Dice:
    """Repeatable dice: another text each time they are rolled."""

    label: str
    rolled: int = 0

    def __call__(self, size: int) -> bytes:
        """Return the next `size` bytes."""
        self.rolled += 1
        return tender.drawn(f"{self.label} {self.rolled}", size)


@dataclass(frozen=True, slots=True)
class Sealed:
    """An envelope's bytes with the plan they were sealed by."""

    plan: SealingPlan
    data: bytes

    def read(self, offset: int, length: int) -> bytes:
        """Read from memory."""
        return self.data[offset : offset + length]

    def open(self) -> Envelope:
        """Check all that needs no key."""
        return open_envelope(self.read, len(self.data), self.plan.policy, self.plan.terms.bid)


def reader(data: bytes) -> ReadAt:
    """Return what reads these bytes."""
    return lambda offset, length: data[offset : offset + length]


def terms(suite: int, policy: Policy, bid: bytes = tender.BID) -> BidTerms:
    """Return a bidder's terms, with two slots where the mode has any."""
    owners = () if policy.mode is Mode.SITES else ("token", "spare")
    slots = tuple(tender.opening_key(suite, owner).public for owner in owners)
    return BidTerms(suite, bid, tender.drawn("bidder", 32), slots)


def sealed(
    suite: int,
    policy: Policy | None = None,
    texts: Mapping[PartName, bytes] = TEXTS,
    bid: bytes = tender.BID,
    lie: Lie | None = None,
) -> Sealed:
    """Return a bid sealed under `suite`; with a `lie`, by a bidder who deals other shares than he should."""
    policy = policy or tender.policy()
    dice = Dice(f"dice {suite} {bid.hex()}")
    plan = plan_sealing(policy, terms(suite, policy, bid), tender.signing_key(suite, "envelope"), dice)
    if lie is not None:
        plan = _dealt_falsely(plan, lie)
    return Sealed(plan, b"".join(seal(plan, {name: [text] for name, text in texts.items()})))


def _dealt_falsely(plan: SealingPlan, lie: Lie) -> SealingPlan:
    """Return the plan with shares changed by `lie`, each with a commitment and a wrap that fit it."""
    parts = []
    for part in plan.parts:
        dealt = lie(deal(plan.suite, plan.secrets[part.name].secret, plan.policy.k, plan.policy.n))
        shares = tuple(
            SealedShare(
                plan.suite.wrap(trustee.key(plan.suite.code), share, trustee_info(part.context, place)),
                share_digest(plan.suite, part.context, share),
            )
            for place, (trustee, share) in enumerate(zip(plan.policy.trustees, dealt, strict=True), 1)
        )
        parts.append(replace(part, shares=shares))
    return replace(plan, parts=tuple(parts), header=encode_header(parts))


def streamed(stream: StreamSealer, *steps: Buffer) -> bytes:
    """Return the chunks of a text that comes in steps."""
    tree = ReceiptRoot()
    pieces = [bytes(piece) for step in steps for piece in stream.update(step, tree)]
    return b"".join(pieces) + stream.finish()


def open_all(
    data: Buffer, policy: Policy, bid: bytes = tender.BID, quorum: tuple[int, ...] = (1, 2)
) -> dict[PartName, bytes]:
    """Return every text, opened as at the opening with the root compared; raises what is wrong first."""
    read = reader(bytes(data))
    envelope = open_envelope(read, len(data), policy, bid)
    keys = {part.name: _key(envelope, part.name, quorum) for part in envelope.parts}
    inspection = Inspection(envelope, keys, read)
    _run(inspection.run())
    for fault in inspection.damaged.values():
        raise fault
    return {name: read_text(envelope, name, key, read) for name, key in keys.items()}


def _key(envelope: Envelope, name: PartName, quorum: tuple[int, ...]) -> bytes:
    suite, part = envelope.suite, envelope.part(name)
    mode, trustees = envelope.policy.mode, envelope.policy.trustees
    half = None
    if mode is not Mode.SITES:
        half = open_half(suite, part, tender.opening_key(suite.code, "spare"))
    shares = {}
    if mode is not Mode.BIDDER:
        owners = {place: tender.opening_key(suite.code, trustees[place - 1].name) for place in quorum}
        shares = {place: open_share(suite, part, place, key) for place, key in owners.items()}
    return content_key(envelope, name, half, shares)


def _run(steps: Iterator[int]) -> None:
    for _ in steps:
        pass
