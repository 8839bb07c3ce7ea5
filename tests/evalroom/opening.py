"""A session with sealed bids to test with: its trustees, officers and bidders, and its way to the opened bids.

Halves, shares and envelopes are not made here: the room knows of them by facts alone.  Signatures are real: of
trustees by Ed25519, of bidders by envelope keys, of officers by their seats.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from evalroom import commands as co
from evalroom.events import Fact
from evalroom.ids import BIDDER_ACTOR, HOST_ACTOR, TRUSTEE_ACTOR, BidId, BidNumber, SeatCode, SiteId
from evalroom.ledger.base64 import encode_base64
from evalroom.roles import Role
from evalroom.sealing import custody
from evalroom.sealing import facts as sf
from evalroom.sealing.ceremony import Ceremony
from evalroom.sealing.facts import Verdict
from evalroom.sealing.policy import (
    Mode,
    PartName,
    PartTerms,
    Policy,
    Recipient,
    Trustee,
    TrusteeKey,
    TrusteeKind,
    Window,
)
from evalroom.sealing.record import LotPrice, Record, RecordRow
from evalroom.tender import Seat
from tests.evalroom import room as plain
from tests.evalroom.sealing import tender as keys

DEADLINE = plain.START + 3_600_000
OPENS_AT = DEADLINE + 600_000
RELEASE_MS = 1_200_000
FIRST, SECOND = "first", "second"
SUITE = 2
SEATS = (*plain.SEATS, Seat(SeatCode("L2"), plain.WEST, plain.WEST, Role.SITE_OPERATOR, "second desk"))
OFFICERS = (plain.SUPERVISOR, plain.OPERATOR, plain.SITE_OPERATOR, SeatCode("L2"))
SEALED_LOT = replace(plain.LOT1, bids=())
OPEN = replace(plain.OPEN, tender=replace(plain.TENDER, lots=(SEALED_LOT,)), seats=SEATS, rehearsal=False)
TRUSTEES = {"host": TrusteeKind.HOST, "north": TrusteeKind.SITE, "supervisor": TrusteeKind.SUPERVISOR}
NUMBERS = tuple(BidNumber(hashlib.sha256(b"bid%d" % n).hexdigest()[:32]) for n in range(8))


@cache
def signer(trustee: str) -> Ed25519PrivateKey:
    """Return a trustee's signing key, always the same."""
    return Ed25519PrivateKey.from_private_bytes(keys.drawn(f"signer {trustee}", 32))


def spki(trustee: str) -> bytes:
    return signer(trustee).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def by_trustee(trustee: str, message: bytes) -> str:
    """Return a trustee's signature, b64."""
    return encode_base64(signer(trustee).sign(message))


def by_bidder(number: str, message: bytes) -> str:
    """Return a bidder's signature by the envelope key of that bid, b64."""
    return encode_base64(keys.signing_key(SUITE, number).sign(message))


def envelope_key(number: str) -> bytes:
    return keys.signing_key(SUITE, number).public


def recipient(name: str) -> Recipient:
    public = keys.opening_key(SUITE, f"archive {name}").public
    return Recipient(name, f"{name} 档案室", (TrusteeKey(SUITE, public),))


def trustee(name: str) -> Trustee:
    public = keys.opening_key(SUITE, name).public
    return Trustee(name, TRUSTEES[name], f"{name} 中心", spki(name), (TrusteeKey(SUITE, public),))


def policy(mode: Mode = Mode.JOINT, *, two_envelopes: bool = True, min_bids: int = 3, k: int = 2) -> Policy:
    """Return the policy; with two envelopes prices are opened after the technical sheets are unlocked."""
    parts = [
        PartTerms(PartName.IDENTITY, FIRST, 1 << 20),
        PartTerms(PartName.OPENING, FIRST, 1 << 20),
        PartTerms(PartName.TECHNICAL, FIRST, 1 << 30),
    ]
    windows = [Window(FIRST, "BidsClosed", OPENS_AT, RELEASE_MS)]
    if two_envelopes:
        parts.append(PartTerms(PartName.PRICE, SECOND, 1 << 20))
        windows.append(Window(SECOND, "GroupUnlocked", None, RELEASE_MS))
    return Policy(
        tender=plain.SESSION,
        mode=mode,
        k=0 if mode is Mode.BIDDER else k,
        suites=(SUITE,),
        deadline=DEADLINE,
        min_bids=min_bids,
        max_size=1 << 30,
        trustees=tuple(trustee(name) for name in TRUSTEES),
        windows=tuple(windows),
        parts=tuple(parts),
    )


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(slots=True)
class Opening(plain.Room):
    """A session with sealed bids under way; `now` is the host's clock."""

    policy: Policy = field(default_factory=policy)
    now: int = plain.START

    @property
    def ceremony(self) -> Ceremony:
        return self.session.ceremony

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.policy.encode()).hexdigest()

    def copy(self) -> "Opening":
        """Return an opening that goes on by itself."""
        again = plain.Room.copy(self)
        return Opening(again.history, again.session, again.people, self.policy, self.now)

    # --- orders ---------------------------------------------------------------------------------------

    def by_host(self, command: co.OpeningCommand) -> co.Order:
        return co.Order(command, self.now, HOST_ACTOR, plain.HOST, Role.HOST)

    def noting(self, *acts: sf.OpeningEvent) -> co.Order:
        return self.by_host(co.NoteOpening(acts))

    def by_trustee(self, act: sf.TrusteeEvent) -> co.Order:
        return co.Order(co.ActAsTrustee(act), self.now, TRUSTEE_ACTOR, plain.HOST, Role.TRUSTEE)

    def by_bidder(self, act: sf.BidderEvent, key: bytes = b"") -> co.Order:
        return co.Order(co.ActAsBidder(act, key), self.now, BIDDER_ACTOR, plain.HOST, Role.BIDDER)

    def by_seat(self, seat: SeatCode, command: co.SeatCommand) -> co.Order:
        return replace(self[seat].order(command), at=self.now)

    # --- facts ----------------------------------------------------------------------------------------

    def published(self, name: str) -> sf.TrusteeKeyPublished:
        one = trustee(name)
        listed = tuple(sf.SuiteKey(key.suite, encode_base64(key.public)) for key in one.keys)
        proof = by_trustee(name, custody.published_message(plain.SESSION, listed))
        return sf.TrusteeKeyPublished(name, one.kind, one.who, encode_base64(one.signer), listed, proof)

    def signed(self, name: str) -> sf.PolicySigned:
        message = custody.policy_message(bytes.fromhex(self.sha256))
        return sf.PolicySigned(name, self.sha256, by_trustee(name, message))

    def submitted(self, number: BidNumber, replaces: str = "") -> sf.BidSubmitted:
        digest = sha256(f"digest {number}")
        signature = ""
        if replaces:
            message = custody.replace_message(plain.SESSION, replaces, number, bytes.fromhex(digest))
            signature = by_bidder(replaces, message)
        return sf.BidSubmitted(number, SUITE, 1_000, sha256(f"root {number}"), digest, replaces, signature)

    def acknowledged(self, name: str, number: BidNumber, cause: str = "") -> sf.BidAcknowledged:
        message = custody.ack_message(
            bytes.fromhex(self.sha256),
            trustee=name,
            bid=number,
            digest=bytes.fromhex(sha256(f"digest {number}")),
            good=not cause,
            cause=cause,
        )
        return sf.BidAcknowledged(name, number, not cause, cause, by_trustee(name, message))

    def withdrawn(self, number: BidNumber) -> sf.BidWithdrawn:
        digest = bytes.fromhex(sha256(f"digest {number}"))
        message = custody.withdraw_message(plain.SESSION, number, digest)
        return sf.BidWithdrawn(number, by_bidder(number, message))

    def released(self, number: BidNumber, cause: str = "", window: str = FIRST) -> sf.HalfReleased:
        return sf.HalfReleased(window, number, sha256(f"{window} {number} {cause}"), not cause, cause)

    def shares(self, name: str, window: str = FIRST, bad: Sequence[BidNumber] = ()) -> sf.ShareReleased:
        parts = self.ceremony.parts_of(window)
        bids = self.ceremony.windows[window].bids
        given = tuple(sf.GivenShare(bid, part, bid not in bad) for bid in bids for part in parts)
        return sf.ShareReleased(window, name, given)

    def judged(
        self, number: BidNumber, verdict: Verdict = Verdict.OPENED, cause: str = "", party: str = "",
        window: str = FIRST,
    ) -> sf.BidJudged:  # fmt: skip
        return sf.BidJudged(window, number, verdict, cause, party, (), (1,), "c2ln")

    def record(self, window: str = FIRST) -> Record:
        """Return the record as the verdicts stand; prices where this window has them."""
        priced = self.ceremony.price_window() == window
        rows = []
        for place, (number, told) in enumerate(sorted(self.ceremony.windows[window].verdicts.items()), 1):
            opened = told.verdict is Verdict.OPENED
            prices = (LotPrice(plain.LOT, price_of(number)),) if opened and priced else ()
            bidder = f"bidder {NUMBERS.index(number)}" if opened else ""
            rows.append(RecordRow(str(place), number, bidder, told.verdict, told.cause, told.party, prices))
        return Record(plain.SESSION, self.sha256, window, tuple(rows))

    def recorded(self, window: str = FIRST) -> sf.OpeningRecorded:
        text = self.record(window).text()
        return sf.OpeningRecorded(window, text, sha256(text))

    def key_sealed(
        self, number: BidNumber, part: PartName = PartName.TECHNICAL, recipient: str = "centre"
    ) -> sf.PartKeySealed:
        wrapped = keys.drawn(f"wrap {number} {part} {recipient}", 32 + 81)
        return sf.PartKeySealed(number, part, recipient, encode_base64(wrapped))

    def confirmed(self, number: BidNumber, objection: str = "", window: str = FIRST) -> sf.RecordConfirmed:
        record = bytes.fromhex(self.ceremony.windows[window].sha256)
        message = custody.confirm_message(record, objection)
        return sf.RecordConfirmed(window, number, objection, by_bidder(number, message))

    def destroyed(self, name: str) -> sf.KeysDestroyed:
        message = custody.destroyed_message(bytes.fromhex(self.sha256))
        return sf.KeysDestroyed(name, by_trustee(name, message))

    def admitted(self, number: BidNumber) -> sf.BidAdmitted:
        document = sf.OpenedPart(PartName.TECHNICAL, sha256(f"document {number}"), 4_000_000)
        name = f"bidder {NUMBERS.index(number)}"
        return sf.BidAdmitted(plain.LOT, bid_id(number), number, name, (document,))

    # --- the way --------------------------------------------------------------------------------------

    def arm(self) -> None:
        """Publish keys, draft, sign, and put out the notice."""
        for name in TRUSTEES:
            self.give(self.by_trustee(self.published(name)))
        text = self.policy.encode().decode()
        self.give(self.by_seat(plain.OPERATOR, co.DraftPolicy(text, self.sha256)))
        for name in TRUSTEES:
            self.give(self.by_trustee(self.signed(name)))

    def accept(self) -> None:
        self.arm()
        self.give(self.by_seat(plain.OPERATOR, co.OpenSubmissions(self.sha256)))

    def submit(self, *numbers: BidNumber) -> None:
        for number in numbers:
            self.give(self.by_bidder(self.submitted(number)))
            for name in TRUSTEES:
                self.give(self.by_trustee(self.acknowledged(name, number)))

    def close(self) -> tuple[Fact, ...]:
        """Close the list at the deadline, cosigned, and go to the opening."""
        self.now = max(self.now, DEADLINE)
        self.cosign()
        return self.give(self.by_host(co.CloseBids()))

    def step_up(self, window: str = FIRST, seats: Iterable[SeatCode] = OFFICERS) -> None:
        for seat in seats:
            self.give(self.by_seat(seat, co.StepUp(window)))

    def open_window(self, window: str = FIRST) -> None:
        self.step_up(window)
        self.now = max(self.now, OPENS_AT)
        self.cosign()
        self.give(self.by_host(co.OpenWindow(window)))

    def release(self, *numbers: BidNumber, window: str = FIRST) -> None:
        for number in numbers:
            self.give(self.by_bidder(self.released(number, window=window)))

    def close_window(self, window: str = FIRST) -> None:
        if self.ceremony.missing_halves(window):
            self.now = self.ceremony.windows[window].until
        self.give(self.by_host(co.CloseWindow(window)))

    def combine(self, window: str = FIRST) -> None:
        """Let two trustees release their shares, judge by what came, and put out the record."""
        for name in ("host", "north"):
            self.give(self.by_trustee(self.shares(name, window)))
        absent = self.ceremony.windows[window].missing
        for number in self.ceremony.windows[window].bids:
            lost = (
                (Verdict.REVOKED, "not_released", "bidder") if number in absent else (Verdict.OPENED, "", "")
            )
            self.give(self.noting(self.judged(number, *lost, window=window)))
        self.give(self.noting(self.recorded(window)))
        for number, part, recipient in self.ceremony.keys_to_seal():
            self.give(self.noting(self.key_sealed(number, part, recipient)))

    def admit(self) -> None:
        for number in self.ceremony.standing():
            self.give(self.noting(self.admitted(number)))

    def read_prices(self) -> None:
        window = self.ceremony.windows.get(self.ceremony.price_window())
        for bid, one in self.ceremony.admitted.items():
            row = window.rows.get(one.number) if window else None
            if row is not None and row.prices:
                self.give(self.noting(sf.PriceRead(one.lot, bid, price_of(one.number))))


def price_of(number: BidNumber) -> int:
    return 980_000_00 + 10_000_00 * NUMBERS.index(number)


def bid_id(number: BidNumber) -> BidId:
    return plain.BIDS[NUMBERS.index(number)]


def new(terms: Policy | None = None, command: co.OpenSession = OPEN) -> Opening:
    """Return a session with sealed bids just opened, everybody checked in."""
    room = Opening(people={seat.code: plain.Person(seat) for seat in SEATS}, policy=terms or policy())
    room.give(plain.by_host(command))
    for person in room.people.values():
        room.give(person.check_in())
    return room


STEPS = ("drafted", "armed", "accepting", "closed", "unsealing", "combining", "opened")


@cache
def _at(state: str, terms: Policy | None, bids: int) -> Opening:
    if state == STEPS[0]:
        return new(terms)
    room = at(STEPS[STEPS.index(state) - 1], terms, bids)
    match state:
        case "armed":
            room.arm()
        case "accepting":
            room.give(room.by_seat(plain.OPERATOR, co.OpenSubmissions(room.sha256)))
        case "closed":
            room.submit(*NUMBERS[:bids])
            room.close()
            room.advance()
        case "unsealing":
            room.open_window()
        case "combining":
            room.release(*NUMBERS[: bids - 1])
            room.close_window()
        case _:
            room.combine()
            room.admit()
            room.read_prices()
    return room


def at(state: str, terms: Policy | None = None, bids: int = 4) -> Opening:
    """Return an opening that has just come to `state`; of `bids` bids the last never releases its half."""
    return _at(state, terms, bids).copy()


SITES: Sequence[SiteId] = (plain.HOST, plain.WEST)
