"""A roster sealed to the trustees: who was drawn, with names and telephones, until check-in (docs/spec/draw.md §8).

Dealt as a bid's secrets are, in the mode `sites`: k of the trustees' keys open it and nobody else's, and whoever joins
k shares recomputes all n.  Its context is one of its own, so no share of a bid opens a roster, nor the other way
round; it names tender, policy and draw.  Refused: a policy under which nobody holds shares, any form but the
canonical one, and texts longer than one step of padding: the length of a roster tells nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from evalroom.errors import PeerFault
from evalroom.ids import DrawId
from evalroom.ledger.base64 import encode_base64
from evalroom.ledger.canonical import canonical
from evalroom.sealing.dealing import SECRET_SIZE, check_share, deal, join, share_digest
from evalroom.sealing.members import Members
from evalroom.sealing.padding import pad, padded_size, unpad
from evalroom.sealing.policy import PAD_STEP, Policy, PolicyRefuses
from evalroom.sealing.stream import SALT_SIZE, StreamReader, StreamSealer, sealed_size
from evalroom.sealing.suite import HASH_SIZE, OpeningKey, Suite
from evalroom.sealing.suites import find_suite
from evalroom.sealing.trailer import ReceiptRoot

VERSION = 1
MAX_CORE = 1 << 10
MAX_WRAP = 1 << 13
MAX_TEXT = PAD_STEP - 8
MAX_ROSTER = 1 << 18
"""Most bytes of a sealed roster: one step of padding, and a wrap for each of the most trustees there can be."""


class MalformedRoster(PeerFault):
    """This is no sealed roster of this tender, or it was changed: have whoever keeps the pool seal it again."""

    code = "malformed_roster"


@dataclass(frozen=True, slots=True)
class SealedRoster:
    """A roster as it lies sealed: the draw it is of, its context, wraps and commitments by trustee, its stream."""

    draw: DrawId
    suite: Suite
    context: bytes
    wraps: tuple[bytes, ...]
    digests: tuple[bytes, ...]
    stream: bytes


def roster_info(context: bytes, place: int) -> bytes:
    """Return what binds the share of trustee number `place`, from 1."""
    return b"EVR1 trustee%d" % place + context


def _context(suite: Suite, core: bytes) -> bytes:
    return suite.digest(b"EVR1 ctx", core)


def _content_key(suite: Suite, context: bytes, secret: bytes) -> bytes:
    return suite.expand(suite.extract(b"", secret), b"EVR1 cek" + context, suite.key_size)


def _core(policy: Policy, suite: Suite, draw: str) -> bytes:
    return canonical(
        {
            "draw": draw,
            "policy": encode_base64(policy.digest(suite)),
            "suite": suite.code,
            "tender": policy.tender,
            "v": VERSION,
        }
    )


def seal_roster(policy: Policy, draw: DrawId, text: bytes, secret: bytes, salt: bytes) -> bytes:
    """Return `text` sealed to the policy's trustees; `secret` (32 bytes) and `salt` (24) are fresh random bytes.

    Raises:
        PolicyRefuses: nobody holds shares under this policy, or the text is longer than a roster may be.
        SuiteUnavailable: this machine lacks the policy's first suite.
    """
    _demand_shares(policy)
    if len(text) > MAX_TEXT:
        raise PolicyRefuses(reason="longer than a roster may be", size=len(text), limit=MAX_TEXT)
    if (len(secret), len(salt)) != (SECRET_SIZE, SALT_SIZE):
        raise PolicyRefuses(reason="a secret of 32 bytes and a salt of 24")
    suite = find_suite(policy.suites[0])
    suite.check_available()
    core = _core(policy, suite, draw)
    context = _context(suite, core)
    shares = [
        {
            "ct": encode_base64(suite.wrap(trustee.key(suite.code), share, roster_info(context, place))),
            "h": encode_base64(share_digest(suite, context, share)),
        }
        for place, (trustee, share) in enumerate(
            zip(policy.trustees, deal(suite, secret, policy.k, policy.n), strict=True), 1
        )
    ]
    sealer = StreamSealer(suite, _content_key(suite, context, secret), salt, context)
    # The rooms of a receipt root are where a stream is sealed to; a piece is its own before the next is asked for.
    sealed = b"".join(bytes(piece) for piece in sealer.update(pad(text), ReceiptRoot()))
    stream = b"".join((sealer.prefix, sealed, bytes(sealer.finish())))
    return canonical({"core": encode_base64(core), "shares": shares, "stream": encode_base64(stream)})


def parse_roster(data: bytes, policy: Policy) -> SealedRoster:
    """Return a sealed roster once it is one of this tender and policy; nothing is opened.

    Raises:
        MalformedRoster: it is none.
        PolicyRefuses: nobody holds shares under this policy.
    """
    _demand_shares(policy)
    if len(data) > MAX_ROSTER:
        raise MalformedRoster(reason="too long")
    members = Members.parse(data, MalformedRoster)
    core = members.data_within("core", MAX_CORE)
    shares = [_share(one) for one in members.objects("shares", len(policy.trustees))]
    stream = members.data_within("stream", MAX_ROSTER)
    members.close()
    draw = Members.parse(core, MalformedRoster).text("draw", 64)
    suite = find_suite(policy.suites[0])
    if core != _core(policy, suite, draw):
        raise MalformedRoster(reason="of another tender, policy or suite")
    if len(shares) != policy.n or len(stream) != sealed_size(padded_size(0)):
        raise MalformedRoster(reason="other shares than the policy's, or another length")
    wraps, digests = tuple(wrap for wrap, _ in shares), tuple(digest for _, digest in shares)
    return SealedRoster(DrawId(draw), suite, _context(suite, core), wraps, digests, stream)


def _share(members: Members) -> tuple[bytes, bytes]:
    pair = members.data_within("ct", MAX_WRAP), members.data("h", HASH_SIZE)
    members.close()
    return pair


def open_roster_share(roster: SealedRoster, place: int, key: OpeningKey) -> bytes:
    """Return the share of trustee number `place`, from 1, checked against its commitment.

    Raises:
        WrapNotOpened: `key` does not open it.
        ShareMismatch: it contradicts its commitment.
    """
    share = key.unwrap(roster.wraps[place - 1], roster_info(roster.context, place))
    check_share(roster.suite, roster.context, place, share, roster.digests[place - 1])
    return share


def open_roster(roster: SealedRoster, k: int, shares: Mapping[int, bytes]) -> bytes:
    """Return the roster's text from k shares or more, by number of the trustee.

    Raises:
        ShareMismatch, TooFewShares, Dealing: see `dealing.join`.
        PartDamaged: it was sealed wrongly.
    """
    secret = join(roster.suite, roster.context, k, roster.digests, shares)
    key = _content_key(roster.suite, roster.context, secret)

    def read(offset: int, length: int) -> bytes:
        return roster.stream[offset : offset + length]

    reader = StreamReader.open(roster.suite, key, roster.context, read, 0, len(roster.stream))
    return unpad(reader.range(0, reader.size))


def _demand_shares(policy: Policy) -> None:
    if not policy.n:
        raise PolicyRefuses(reason="nobody holds shares under this policy")
