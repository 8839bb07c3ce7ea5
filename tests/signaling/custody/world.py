"""Three trustees, a journal with witnesses, and bids sealed to the trustees' real keys: what agents are shown."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from evalroom.ledger.base64 import decode_base64, encode_base64
from evalroom.ledger.canonical import Json
from evalroom.ledger.checkpoint import Checkpoint, cosign, sign_checkpoint, with_cosignatures
from evalroom.ledger.entry import Entry, encode, leaf_hash
from evalroom.ledger.merkle import Tree
from evalroom.ledger.note import KeyKind, SigningKey
from evalroom.sealing.envelope import Envelope
from evalroom.sealing.policy import Mode, Policy, Recipient, Trustee, TrusteeKey, TrusteeKind
from signaling.custody.client import Evidence, SealedHead
from signaling.custody.evidence import Shown
from tests.evalroom.sealing import bids, tender

TENDER = tender.TENDER
DEADLINE = tender.DEADLINE
OPENS = DEADLINE + 60_000
CLOSES = OPENS + 3_600_000
BEFORE = DEADLINE - 86_400_000
FIRST, SECOND = "first", "second"
SUITES = (1, 2)
KINDS = {"host": TrusteeKind.HOST, "north": TrusteeKind.SITE, "supervisor": TrusteeKind.SUPERVISOR}
PASSPHRASE = "a passphrase that tests know"  # noqa: S105 - tests do


def signing_key(name: str, kind: KeyKind) -> SigningKey:
    return SigningKey.from_seed(name, kind, tender.drawn(f"key {name}", 32))


@dataclass(slots=True)
class Log:
    """A session's journal, with as many witnesses as asked for; every entry can be proven."""

    witnesses: int = 2
    quorum: int = 2
    origin: str = "evalroom/one"
    entries: list[bytes] = field(default_factory=list)
    tree: Tree = field(default_factory=Tree)

    def __post_init__(self) -> None:
        listed: Json = [
            {"site": f"s{number}", "vkey": key.verifier.encode()} for number, key in enumerate(self.cosigners)
        ]
        keys: Json = {"log": self.key.verifier.encode(), "witnesses": listed, "quorum": self.quorum}
        self.add("SessionOpened", {"keys": keys}, BEFORE)

    @property
    def key(self) -> SigningKey:
        return signing_key(self.origin, KeyKind.LOG)

    @property
    def cosigners(self) -> list[SigningKey]:
        return [signing_key(f"witness-{number}", KeyKind.COSIGNATURE) for number in range(self.witnesses)]

    def add(self, kind: str, body: dict[str, Json], at: int) -> int:
        """Append an entry and return its place."""
        seq = len(self.entries)
        entry = Entry(seq, at, kind, "host", "host", f"{seq:032x}", body)
        self.entries.append(encode(entry))
        self.tree.append(leaf_hash(self.entries[-1]))
        return seq

    def note(self, cosigners: Sequence[SigningKey] | None = None, key: SigningKey | None = None) -> bytes:
        """Return the checkpoint over everything, cosigned by all witnesses or by those given."""
        checkpoint = Checkpoint(self.origin, self.tree.size, self.tree.root())
        chosen = self.cosigners if cosigners is None else cosigners
        lines = [cosign(checkpoint, one, BEFORE // 1000) for one in chosen]
        return with_cosignatures(sign_checkpoint(checkpoint, key or self.key), lines).encode()

    def show(self, *places: int, cosigners: Sequence[SigningKey] | None = None) -> Evidence:
        """Return the evidence of the entries at `places`."""
        shown = tuple(
            Shown(place, self.entries[place], self.tree.inclusion_proof(place, self.tree.size))
            for place in places
        )
        return Evidence(self.note(cosigners), shown)


def head_of(data: bytes, bid: bytes) -> SealedHead:
    """Return what an agent gets of an envelope."""
    head = 12 + int.from_bytes(data[8:12], "big")
    tail = 12 + int.from_bytes(data[-12:-8], "big") + int.from_bytes(data[-8:-4], "big")
    return SealedHead(bid.hex(), data[:head] + data[-tail:], len(data))


def number_of(place: int) -> bytes:
    return tender.drawn(f"bid {place}", 16)


def policy_of(
    published: Sequence[dict[str, Any]],
    mode: Mode = Mode.JOINT,
    suites: Sequence[int] = SUITES,
    recipients: Sequence[Recipient] = (),
) -> Policy:
    """Return the sample policy with the keys that the agents published."""
    trustees = tuple(
        Trustee(
            one["trustee"],
            TrusteeKind(one["kind"]),
            one["who"],
            decode_base64(one["signer"]),
            tuple(TrusteeKey(key["suite"], decode_base64(key["public"])) for key in one["keys"]),
        )
        for one in published
    )
    k = 0 if mode is Mode.BIDDER else min(2, len(trustees))
    terms = replace(tender.policy(mode, suites=suites), trustees=trustees, suites=tuple(suites), k=k)
    return replace(terms, recipients=tuple(recipients))


@dataclass(slots=True)
class Opening:
    """A tender on its way: policy, journal, bids; each step is written into the journal where it belongs."""

    policy: Policy
    log: Log
    drafted: tuple[int, ...]
    sealed: list[bids.Sealed] = field(default_factory=list)
    closed: int = 0
    opened: int = 0

    @classmethod
    def draft(
        cls,
        published: Sequence[dict[str, Any]],
        mode: Mode = Mode.JOINT,
        suites: Sequence[int] = SUITES,
        recipients: Sequence[Recipient] = (),
    ) -> "Opening":
        """Draft a policy from what the agents published."""
        log = Log()
        policy = policy_of(published, mode, suites, recipients)
        places = [log.add("TrusteeKeyPublished", one, BEFORE) for one in published]
        text = policy.encode().decode()
        body: dict[str, Json] = {"policy": text, "sha256": sha256(text.encode()).hexdigest()}
        places.append(log.add("PolicyDrafted", body, BEFORE))
        return cls(policy, log, (0, *places))

    @property
    def text(self) -> str:
        return self.policy.encode().decode()

    @property
    def digest(self) -> str:
        return sha256(self.text.encode()).hexdigest()

    def to_sign(self) -> Evidence:
        return self.log.show(*self.drafted)

    def seal(self, count: int, suite: int = 2, lie: bids.Lie | None = None) -> None:
        """Let `count` more bidders seal."""
        for _ in range(count):
            number = number_of(len(self.sealed))
            self.sealed.append(bids.sealed(suite, self.policy, bid=number, lie=lie))

    def head(self, place: int = 0) -> SealedHead:
        return head_of(self.sealed[place].data, number_of(place))

    def envelope(self, place: int = 0) -> Envelope:
        return self.sealed[place].open()

    def listed(self) -> list[Json]:
        return [
            {"bid": number_of(place).hex(), "root": one.open().root.hex(), "digest": one.open().digest.hex()}
            for place, one in enumerate(self.sealed)
        ]

    def close(self, **changed: Json) -> None:
        """Write the closed list, and open the first window at its hour."""
        body: dict[str, Json] = {"policy": self.digest, "bids": self.listed(), **changed}
        self.closed = self.log.add("BidsClosed", body, DEADLINE)
        self.opened = self.log.add("WindowOpened", {"window": FIRST, "until": CLOSES}, OPENS)

    def to_release(self) -> Evidence:
        return self.log.show(self.closed, self.opened)

    def halves(self, places: Sequence[int] | None = None, window: str = FIRST) -> list[int]:
        """Write that halves came, of all bids or of those given."""
        chosen = range(len(self.sealed)) if places is None else places
        return [
            self.log.add(
                "HalfReleased",
                {"window": window, "bid": number_of(place).hex(), "sealed": "00", "good": True, "cause": ""},
                OPENS + 1,
            )
            for place in chosen
        ]

    def judge(self, place: int, verdict: str, window: str = FIRST) -> int:
        """Write a verdict on a bid."""
        body: dict[str, Json] = {"window": window, "bid": number_of(place).hex(), "verdict": verdict}
        return self.log.add("BidJudged", body, OPENS + 2)

    def end(self) -> list[int]:
        """Write the record of both windows."""
        return [
            self.log.add("OpeningRecorded", {"window": name, "record": "{}", "sha256": "00"}, CLOSES + 1)
            for name in (FIRST, SECOND)
        ]


def session_public(suite: int = 1) -> bytes:
    """Return the session key of a combiner that tests hold the private half of."""
    return tender.opening_key(suite, "combiner").public


def opened_share(sealed: bytes, info: bytes, suite: int = 1) -> bytes:
    return tender.opening_key(suite, "combiner").unwrap(sealed, info)


def b64(data: bytes) -> str:
    return encode_base64(data)


def private(folder: Path) -> Path:
    """Make a folder that only this user reads."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
