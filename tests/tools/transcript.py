"""A whole opening as an archive keeps it, made with the room: five bids, of which one was taken back and one replaced.

Of the three that are listed one is never released.  Every fact is written by the room's own encoder and signed with
real keys; the folder has the journal, its checkpoints, and `docs/opening`.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from evalroom.encoding import body_of
from evalroom.ids import BidNumber
from evalroom.ledger.base64 import encode_base64
from evalroom.ledger.canonical import Json
from evalroom.ledger.checkpoint import cosign, sign_checkpoint, with_cosignatures
from evalroom.ledger.entry import Entry, encode
from evalroom.ledger.journal import Journal
from evalroom.ledger.note import KeyKind, Note, SigningKey
from evalroom.sealing import facts as sf
from evalroom.sealing.custody import policy_message
from evalroom.sealing.dealing import deal
from evalroom.sealing.envelope import Envelope
from evalroom.sealing.policy import PartName, Policy
from evalroom.sealing.price_sheet import PriceSheet
from evalroom.sealing.receipt import issue_receipt
from evalroom.sealing.record import LotPrice, Record, RecordRow
from evalroom.sealing.unseal import content_key
from evalroom.sealing.verdict import verdict_message
from tests.evalroom.sealing import bids, tender

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
ORIGIN = "evalroom/opening-1"
LOG = SigningKey.from_seed(ORIGIN, KeyKind.LOG, tender.drawn("log", 32))
WITNESSES = tuple(
    SigningKey.from_seed(f"evalroom/{name}", KeyKind.COSIGNATURE, tender.drawn(name, 32))
    for name in ("north", "south")
)
KEYS = [LOG.verifier.encode(), *(one.verifier.encode() for one in WITNESSES)]
PUBLISHED = (PartName.OPENING, PartName.PRICE)
HALF_OF_A_BID = 7

Sign = Callable[[bytes], bytes]


def es256(label: str) -> tuple[bytes, Sign]:
    """Return SPKI and signing function of a trustee with a token."""
    key = ec.derive_private_key(int.from_bytes(tender.drawn(label, 31), "big"), ec.SECP256R1())

    def sign(message: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(message, ec.ECDSA(SHA256())))
        return r.to_bytes(32, "big") + min(s, ORDER - s).to_bytes(32, "big")

    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), sign


def edwards(label: str) -> tuple[bytes, Sign]:
    """Return SPKI and signing function of a trustee with a key file."""
    key = Ed25519PrivateKey.from_private_bytes(tender.drawn(label, 32))
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), key.sign


SIGNERS = {"host": edwards("host"), "north": es256("north"), "supervisor": edwards("supervisor")}


def policy(suites: tuple[int, ...]) -> Policy:
    """Return the sample tender's policy with signer keys that can sign."""
    terms = tender.policy(suites=suites)
    trustees = tuple(replace(one, signer=SIGNERS[one.name][0]) for one in terms.trustees)
    return replace(terms, trustees=trustees)


def sheet(bidder: str, fen: int | None) -> bytes:
    """Return a price sheet, without a price when there is none."""
    prices = () if fen is None else (LotPrice("L1", fen),)
    return PriceSheet(bidder, prices, "工期 120 天").encode()


@dataclass(frozen=True, slots=True)
class Bid:
    """One bidder's bid with what the opening finds in it."""

    bidder: str
    fen: int
    sealed: bids.Sealed
    envelope: Envelope

    @property
    def number(self) -> BidNumber:
        """Return its number."""
        return BidNumber(self.envelope.bid.hex())

    @property
    def listed(self) -> sf.ListedBid:
        """Return it as the closed list has it."""
        return sf.ListedBid(self.number, self.envelope.root.hex(), self.envelope.digest.hex())

    def submitted(self, replaces: str = "") -> sf.BidSubmitted:
        """Return the fact that it was handed in."""
        one, suite = self.envelope, self.envelope.suite.code
        signature = "c2ln" if replaces else ""
        return sf.BidSubmitted(
            self.number, suite, one.size, one.root.hex(), one.digest.hex(), replaces, signature
        )

    def text(self, part: PartName) -> bytes:
        """Return the text of one of the parts whose key is published."""
        return sheet(self.bidder, self.fen if part is PartName.PRICE else None)

    def opened(self, part: PartName) -> sf.OpenedPart:
        """Return a part as a verdict has it."""
        text = self.text(part)
        return sf.OpenedPart(part, hashlib.sha256(text).hexdigest(), len(text))

    def key(self, part: PartName) -> str:
        """Return the content key of a part, joined from the bidder's half and a quorum of shares."""
        drawn, plan = self.sealed.plan.secrets[part], self.sealed.plan
        shares = dict(enumerate(deal(plan.suite, drawn.secret, plan.policy.k, plan.policy.n), 1))
        del shares[2]
        return content_key(self.envelope, part, drawn.half, shares).hex()


def bid(terms: Policy, suite: int, name: str, fen: int) -> Bid:
    """Return a sealed bid of a bidder."""
    texts = {**bids.TEXTS, PartName.OPENING: sheet(name, None), PartName.PRICE: sheet(name, fen)}
    sealed = bids.sealed(suite, terms, texts, tender.drawn(name, 16))
    return Bid(name, fen, sealed, sealed.open())


@dataclass(slots=True)
class Transcript:
    """An opening in the making: facts go into the journal, checkpoints are cosigned by both witnesses."""

    terms: Policy
    bids: list[Bid] = field(default_factory=list)
    journal: Journal = field(default_factory=lambda: Journal(ORIGIN))
    lines: list[bytes] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    clock: int = tender.DEADLINE - 60_000

    @property
    def sha256(self) -> str:
        """Return the SHA-256 of policy.json."""
        return hashlib.sha256(self.terms.encode()).hexdigest()

    def write(self, kind: str, body: dict[str, Json]) -> int:
        """Append an entry and return its number."""
        number = self.journal.size
        salt = tender.drawn(f"salt {number}", 16).hex()
        entry = Entry(number, self.clock + number, kind, "host", "host", salt, body)
        self.journal.append(entry)
        self.lines.append(encode(entry))
        return number

    def note(self, fact: sf.CeremonyEvent) -> int:
        """Append a fact and return its number."""
        return self.write(type(fact).__name__, body_of(fact))

    def sign(self, *, cosigned: bool = True) -> Note:
        """Sign a checkpoint over everything so far."""
        checkpoint = self.journal.checkpoint()
        lines = [cosign(checkpoint, one, 1_796_000_000) for one in WITNESSES] if cosigned else []
        note = with_cosignatures(sign_checkpoint(checkpoint, LOG), lines)
        self.notes.append(note)
        return note

    def lay(self, folder: Path) -> Path:
        """Write everything into a folder as the archive has it, and return that."""
        log, opening = folder / "data" / "log", folder / "data" / "docs" / "opening"
        log.mkdir(parents=True)
        for name in ("envelopes", "receipts"):
            (opening / name).mkdir(parents=True)
        (log / "entries.jsonl").write_bytes(b"".join(line + b"\n" for line in self.lines))
        (log / "checkpoints.txt").write_bytes(b"".join(note.encode() for note in self.notes))
        for name, data in self.files.items():
            (opening / name).write_bytes(data)
        return folder


def made(suites: tuple[int, ...] = (0x02,)) -> Transcript:
    """Return the whole opening; the listed bids are sealed under the suites in turn."""
    story = Transcript(policy(suites))
    told: Json = [{"site": key.name.split("/")[1], "vkey": key.verifier.encode()} for key in WITNESSES]
    keys: Json = {"log": KEYS[0], "witnesses": told, "quorum": 2}
    story.write("SessionOpened", {"session": "opening-1", "keys": keys})
    _agree(story)
    _take_in(story, suites)
    _judge(story, "first", PartName.OPENING)
    _judge(story, "second", PartName.PRICE)
    story.write("SessionClosed", {"reason": ""})
    story.sign(cosigned=False)
    return story


def _agree(story: Transcript) -> None:
    text = story.terms.encode()
    story.note(sf.PolicyDrafted("{}", "00" * 32))
    story.note(sf.PolicyDrafted(text.decode(), story.sha256))
    signatures = []
    for name, (_, sign) in SIGNERS.items():
        signature = encode_base64(sign(policy_message(bytes.fromhex(story.sha256))))
        story.note(sf.PolicySigned(name, story.sha256, signature))
        signatures.append({"trustee": name, "signature": signature})
    story.note(sf.SubmissionsOpened(story.sha256))
    story.files |= {"policy.json": text, "signatures.json": json.dumps(signatures).encode()}


def _take_in(story: Transcript, suites: tuple[int, ...]) -> None:
    names = ("华北建设", "江南路桥", "岭南工程")
    gone, earlier = (bid(story.terms, suites[0], name, 1) for name in ("撤回公司", "改投公司"))
    story.note(gone.submitted())
    story.note(earlier.submitted())
    story.note(sf.BidWithdrawn(gone.number, "c2ln"))
    for place, name in enumerate(names):
        one = bid(story.terms, suites[place % len(suites)], name, 123_456_700 + place)
        index = story.note(one.submitted(earlier.number if place == 2 else ""))
        story.note(sf.CoverMade("00ff"))
        note = story.sign()
        path = story.journal.tree.inclusion_proof(index, story.journal.size)
        receipt = issue_receipt(tender.TENDER, story.lines[index], path, note, b"token" if place else None)
        story.bids.append(one)
        story.files |= {
            f"envelopes/{one.number}.evb1": one.sealed.data,
            f"receipts/{one.number}.receipt": receipt.encode(),
        }
    listed = sorted((one.listed for one in story.bids), key=lambda one: one.bid)
    story.note(sf.BidsClosed(story.sha256, tuple(listed)))
    story.sign()


def _judge(story: Transcript, window: str, part: PartName) -> None:
    rows = []
    for place, one in enumerate(story.bids):
        never = place == 1
        verdict = sf.Verdict.REVOKED if never else sf.Verdict.OPENED
        cause, party = ("not_released", "bidder") if never else ("", "")
        parts = () if never else (one.opened(part),)
        act = sf.BidJudged(window, one.number, verdict, cause, party, parts, (HALF_OF_A_BID,), "")
        story.note(replace(act, signature=encode_base64(LOG.private.sign(verdict_message(act)))))
        priced = part is PartName.PRICE and not never
        prices = (LotPrice("L1", one.fen),) if priced else ()
        bidder = "" if never else one.bidder
        rows.append(RecordRow(f"B{place}", one.number, bidder, verdict, cause, party, prices))
        if not never:
            story.note(sf.PartKeyPublished(one.number, part, one.key(part)))
    text = Record(tender.TENDER, story.sha256, window, tuple(rows)).text()
    story.note(sf.OpeningRecorded(window, text, hashlib.sha256(text.encode()).hexdigest()))
    story.files[f"record-{window}.json"] = text.encode()
    story.sign()
