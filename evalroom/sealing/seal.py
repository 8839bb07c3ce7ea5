"""Sealing a bid: first all keys and the header, then part after part as it is read, then the signed trailer.

`plan_sealing` draws every secret from the dice that are handed in; the identity part can only be written after
it, since it signs its own context.  `seal` is a generator: chunks of plaintext in, pieces of the envelope out,
256 KiB in memory whatever the bid's size.  Refused: suites, parts and sizes that the policy does not take.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from evalroom.sealing.core import BID_SIZE, Core, MalformedEnvelope, context
from evalroom.sealing.dealing import SECRET_SIZE, deal, share_digest
from evalroom.sealing.envelope import FRAME, encode_head, encode_tail, signed_message
from evalroom.sealing.header import (
    MAX_SLOTS,
    PartHeader,
    SealedShare,
    encode_header,
    half_digest,
    slot_info,
    trustee_info,
)
from evalroom.sealing.padding import pad, padded_size
from evalroom.sealing.policy import Mode, PartName, PartTerms, Policy, PolicyRefuses
from evalroom.sealing.stream import SALT_SIZE, StreamSealer
from evalroom.sealing.suite import HASH_SIZE, Buffer, SigningKey, Suite
from evalroom.sealing.trailer import ReceiptRoot, Trailer
from evalroom.sealing.unseal import NO_SECRET, derive_content_key

Dice = Callable[[int], bytes]
"""Returns that many random bytes: `secrets.token_bytes`, in tests something repeatable."""


@dataclass(frozen=True, slots=True)
class BidTerms:
    """What a bidder decides before sealing: number of the bid, commitment to the certificate, own slots.

    `slots` are public keys to which the bidder's halves are wrapped: token, spare, phone; none in the mode
    `sites`.
    """

    suite: int
    bid: bytes
    bidder: bytes
    slots: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class PartSecrets:
    """The secrets of one part, for sealing and the self-test alone; they never appear in a text form."""

    half: bytes = field(repr=False)
    secret: bytes = field(repr=False)
    salt: bytes = field(repr=False)
    content_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SealingPlan:
    """An envelope whose header is written and whose parts are not yet."""

    suite: Suite
    policy: Policy
    terms: BidTerms
    key: SigningKey = field(repr=False)
    header: bytes
    parts: tuple[PartHeader, ...]
    secrets: Mapping[PartName, PartSecrets] = field(repr=False)

    def context(self, name: PartName) -> bytes:
        """Return the context of a part, which the identity part signs.

        Raises:
            PolicyRefuses: the tender has no such part.
        """
        found = next((part.context for part in self.parts if part.name is name), None)
        if found is None:
            raise PolicyRefuses(reason="no such part", part=name)
        return found


def plan_sealing(policy: Policy, terms: BidTerms, key: SigningKey, dice: Dice) -> SealingPlan:
    """Return a new envelope's keys and header; `key` is the envelope key, made for this bid.

    Raises:
        UnknownSuite, PolicyRefuses: the policy does not take the suite or the slots.
        SuiteUnavailable: this machine lacks the suite.
        MalformedSealingKey: a slot is no key of the suite.
        MalformedEnvelope: a number or commitment of another length.
    """
    suite = policy.check_suite(terms.suite)
    suite.check_available()
    if len(terms.bid) != BID_SIZE or len(terms.bidder) != HASH_SIZE:
        raise MalformedEnvelope(reason="a bid's number has 16 bytes, the commitment to its bidder 32")
    most = 0 if policy.mode is Mode.SITES else MAX_SLOTS
    if not min(1, most) <= len(terms.slots) <= most:
        raise PolicyRefuses(reason="number of slots", most=most, got=len(terms.slots))
    digest = policy.digest(suite)
    parts, secrets = [], {}
    for part in policy.parts:
        core = Core(terms.bid, terms.bidder, key.public, part.name, digest, suite.code, policy.tender)
        drawn = _draw(suite, policy, context(suite, core.encode()), dice)
        parts.append(_lock(suite, policy, terms, core, drawn))
        secrets[part.name] = drawn
    return SealingPlan(suite, policy, terms, key, encode_header(parts), tuple(parts), secrets)


def _draw(suite: Suite, policy: Policy, part_context: bytes, dice: Dice) -> PartSecrets:
    half = NO_SECRET if policy.mode is Mode.SITES else dice(SECRET_SIZE)
    secret = NO_SECRET if policy.mode is Mode.BIDDER else dice(SECRET_SIZE)
    key = derive_content_key(suite, part_context, half, secret)
    return PartSecrets(half, secret, dice(SALT_SIZE), key)


def _lock(suite: Suite, policy: Policy, terms: BidTerms, core: Core, drawn: PartSecrets) -> PartHeader:
    bound = context(suite, core.encode())
    slots = tuple(suite.wrap(public, drawn.half, slot_info(bound)) for public in terms.slots)
    dealt = deal(suite, drawn.secret, policy.k, policy.n)
    return PartHeader(
        core=core,
        context=bound,
        slots=slots,
        half_digest=half_digest(suite, bound, drawn.half) if slots else None,
        shares=tuple(
            SealedShare(
                suite.wrap(trustee.key(suite.code), share, trustee_info(bound, place)),
                share_digest(suite, bound, share),
            )
            for place, (trustee, share) in enumerate(zip(policy.trustees, dealt, strict=False), 1)
        ),
    )


def seal(
    plan: SealingPlan, sources: Mapping[PartName, Iterable[Buffer]], tree: ReceiptRoot | None = None
) -> Iterator[bytes]:
    """Yield the envelope's bytes; each part's plaintext comes from `sources`, best in multiples of 16 KiB.

    A plan seals once: its salts must not meet a second text.

    Raises:
        PolicyRefuses: a part is missing, too many or too large, or the whole is.
    """
    return (bytes(piece) for piece in seal_in_place(plan, sources, tree))


def seal_in_place(
    plan: SealingPlan, sources: Mapping[PartName, Iterable[Buffer]], tree: ReceiptRoot | None = None
) -> Iterator[Buffer]:
    """Yield the same bytes where they lie: a piece is good until the next is asked for.

    Encrypting to where the leaves are hashed saves a new buffer for each piece and a copy: a fifth of the time.  With a
    `tree` of its own a shell has leaves hashed on threads or in lanes (`lanes.receipt_root`).

    Raises:
        PolicyRefuses: a part is missing, too many or too large, or the whole is.
    """
    if set(sources) != set(plan.secrets):
        raise PolicyRefuses(reason="other parts than the policy's", got=",".join(sorted(sources)))
    tree = tree or ReceiptRoot()
    places = []
    head = encode_head(plan.suite, plan.header)
    tree.update(head)
    yield head
    for part in plan.parts:
        begin = tree.size
        terms = plan.policy.part(part.name)
        yield from _seal_part(plan, part, _limited(terms, sources[part.name]), tree)
        places.append((begin, tree.size - begin))
    yield _sign(plan, Trailer(tuple(places), tree.size, tree.root()))


def _seal_part(
    plan: SealingPlan, part: PartHeader, source: Iterable[Buffer], tree: ReceiptRoot
) -> Iterator[Buffer]:
    drawn = plan.secrets[part.name]
    stream = StreamSealer(plan.suite, drawn.content_key, drawn.salt, part.context)
    tree.update(stream.prefix)
    yield stream.prefix
    for data in source:
        yield from stream.update(data, tree)
    last = stream.finish()
    tree.update(last)
    yield last


def _limited(terms: PartTerms, source: Iterable[Buffer]) -> Iterator[Buffer]:
    """Yield the plaintext as it is to be encrypted, ended by an error where it passes the policy's limit."""
    if terms.padded:
        yield pad(b"".join(_counted(terms, source)))
    else:
        yield from _counted(terms, source)


def _counted(terms: PartTerms, source: Iterable[Buffer]) -> Iterator[Buffer]:
    size = 0
    for data in source:
        size += len(data)
        if (padded_size(size) if terms.padded else size) > terms.max_size:
            raise PolicyRefuses(reason="larger than the policy allows", part=terms.name, limit=terms.max_size)
        yield data


def _sign(plan: SealingPlan, trailer: Trailer) -> bytes:
    data = trailer.encode()
    tail = encode_tail(data, plan.key.sign(signed_message(data)))
    size = trailer.size + len(tail)
    if size > plan.policy.max_size:
        raise PolicyRefuses(reason="larger than the policy allows", size=size, limit=plan.policy.max_size)
    return tail


def envelope_size(plan: SealingPlan, sizes: Sequence[int]) -> int:
    """Return about how long the envelope of parts with these plaintext lengths gets, for progress bars."""
    head = FRAME + len(plan.header) + plan.suite.signature_size + 256
    return head + sum(size + size // 1000 + 128 for size in sizes)
