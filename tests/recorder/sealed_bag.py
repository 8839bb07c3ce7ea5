"""Makes the bag of a session with sealed bids: real envelopes, two windows, every signature, for tests.

Of six bids one is withdrawn, one replaced, and one never released; the three that are opened are evaluated, and their
prices are opened once the technical sheets are.  The same bytes come out every time but for wraps and ML-DSA.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import ClassVar

from evalroom import commands as co
from evalroom import events as ev
from evalroom.events import Fact, Stage
from evalroom.ids import BidId, BidNumber, SeatCode
from evalroom.ledger.base64 import encode_base64
from evalroom.ledger.canonical import Json, canonical
from evalroom.ledger.checkpoint import cosign, sign_checkpoint, with_cosignatures
from evalroom.ledger.entry import encode
from evalroom.ledger.proof import TlogProof
from evalroom.sealing import custody
from evalroom.sealing import facts as sf
from evalroom.sealing.dark import CodedBid
from evalroom.sealing.envelope import open_envelope
from evalroom.sealing.facts import Verdict
from evalroom.sealing.policy import PartName, Policy, Trustee, TrusteeKey
from evalroom.sealing.price_sheet import PriceSheet
from evalroom.sealing.record import LotPrice
from evalroom.sealing.seal import plan_sealing, seal
from evalroom.sealing.sealed_key import seal_key
from evalroom.sealing.suite import Suite
from evalroom.sealing.suites import find_suite
from evalroom.sealing.verdict import verdict_message
from evalroom.session import PART_OF
from evalroom.sheet import keys_of
from recorder.package import build
from tests.evalroom import opening
from tests.evalroom import room as trade
from tests.evalroom.dark import CODES as DARK_CODES
from tests.evalroom.dark import nonce_of, usual_value
from tests.evalroom.opening import FIRST, NUMBERS, SECOND
from tests.evalroom.sealing import bids as sealed
from tests.evalroom.sealing import tender as keys
from tests.recorder.bag_factory import KEYS, LOG, WITNESSES, Bag, Play, index_of, one_by_one, reports_of

SUITES = (1, 2)
LISTED = tuple(sorted(NUMBERS[:4]))
WITHDRAWN, REPLACED = NUMBERS[4], NUMBERS[5]
RECIPIENTS = ("supervisor-archive", "centre-archive")
ABSENT = NUMBERS[3]
"""The bid whose bidder never comes to the opening."""

OPEN = replace(opening.OPEN, keys=KEYS)


def suite_of(number: str) -> Suite:
    """Return the suite of a bid: both international ones are there."""
    return find_suite(SUITES[NUMBERS.index(BidNumber(number)) % 2])


def trustee(name: str) -> Trustee:
    """Return a trustee with a key for each suite."""
    public = tuple(TrusteeKey(code, keys.opening_key(code, name).public) for code in SUITES)
    return replace(opening.trustee(name), keys=public)


def policy() -> Policy:
    """Return the policy: prices in a window of their own."""
    return replace(
        opening.policy(),
        suites=SUITES,
        trustees=tuple(trustee(name) for name in opening.TRUSTEES),
        recipients=tuple(keys.recipient(name, SUITES) for name in RECIPIENTS),
    )


@dataclass(frozen=True, slots=True)
class Envelope:
    """A sealed bid with what its bidder and, later, everybody knows of it."""

    data: bytes
    root: bytes
    digest: bytes
    texts: dict[PartName, bytes] = field(repr=False)
    keys: dict[PartName, bytes] = field(repr=False)

    def part(self, name: PartName) -> sf.OpenedPart:
        """Return a part as a verdict tells of it."""
        return sf.OpenedPart(name, hashlib.sha256(self.texts[name]).hexdigest(), len(self.texts[name]))


@cache
def envelope(number: BidNumber) -> Envelope:
    """Return the bid of that number, sealed; the first one is longer than a leaf of the root."""
    place, suite = NUMBERS.index(number), suite_of(number)
    sheet = PriceSheet(f"bidder {place}", ())
    texts = {
        PartName.IDENTITY: b"{}",
        PartName.OPENING: sheet.encode(),
        PartName.TECHNICAL: keys.pattern(1_200_000 if place == 0 else 20_000 + place),
        PartName.PRICE: replace(
            sheet, prices=(LotPrice(trade.LOT, opening.price_of(number)),), remarks="含税"
        ).encode(),
    }
    terms = sealed.terms(suite.code, policy(), bytes.fromhex(number))
    plan = plan_sealing(
        policy(), terms, keys.signing_key(suite.code, number), sealed.Dice(f"sealed bag {number}")
    )
    data = b"".join(seal(plan, {name: [text] for name, text in texts.items()}))
    opened = sealed.Sealed(plan, data).open()
    content = {name: one.content_key for name, one in plan.secrets.items()}
    return Envelope(data, opened.root, opened.digest, texts, content)


@dataclass(slots=True)
class SealedRoom(opening.Opening):
    """An opening with real envelopes, whose witnesses cosign the very journal of the bag."""

    play: "SealedPlay | None" = None

    def published(self, name: str) -> sf.TrusteeKeyPublished:
        one = trustee(name)
        listed = tuple(sf.SuiteKey(key.suite, encode_base64(key.public)) for key in one.keys)
        proof = opening.by_trustee(name, custody.published_message(trade.SESSION, listed))
        return sf.TrusteeKeyPublished(name, one.kind, one.who, encode_base64(one.signer), listed, proof)

    def submitted(self, number: BidNumber, replaces: str = "") -> sf.BidSubmitted:
        one, signature = envelope(number), ""
        if replaces:
            message = custody.replace_message(trade.SESSION, replaces, number, one.digest)
            signature = by_bidder(replaces, message)
        root, digest = one.root.hex(), one.digest.hex()
        return sf.BidSubmitted(
            number, suite_of(number).code, len(one.data), root, digest, replaces, signature
        )

    def acknowledged(self, name: str, number: BidNumber, cause: str = "") -> sf.BidAcknowledged:
        message = custody.ack_message(
            bytes.fromhex(self.sha256),
            trustee=name,
            bid=number,
            digest=envelope(number).digest,
            good=not cause,
            cause=cause,
        )
        return sf.BidAcknowledged(name, number, not cause, cause, opening.by_trustee(name, message))

    def withdrawn(self, number: BidNumber) -> sf.BidWithdrawn:
        message = custody.withdraw_message(trade.SESSION, number, envelope(number).digest)
        return sf.BidWithdrawn(number, by_bidder(number, message))

    def judged(
        self, number: BidNumber, verdict: Verdict = Verdict.OPENED, cause: str = "", party: str = "",
        window: str = FIRST,
    ) -> sf.BidJudged:  # fmt: skip
        names = self.ceremony.parts_of(window) if verdict is Verdict.OPENED else ()
        parts = tuple(envelope(number).part(name) for name in names)
        return signed(
            sf.BidJudged(window, number, verdict, cause, party, parts, (1, self.session.size - 1), "")
        )

    def key_sealed(
        self, number: BidNumber, part: PartName = PartName.TECHNICAL, recipient: str = RECIPIENTS[1]
    ) -> sf.PartKeySealed:
        one = envelope(number)
        opened = open_envelope(sealed.reader(one.data), len(one.data), policy(), bytes.fromhex(number))
        return seal_key(opened, part, one.keys[part], recipient)

    def confirmed(self, number: BidNumber, objection: str = "", window: str = FIRST) -> sf.RecordConfirmed:
        record = bytes.fromhex(self.ceremony.windows[window].sha256)
        message = custody.confirm_message(record, objection)
        return sf.RecordConfirmed(window, number, objection, by_bidder(number, message))

    def admitted(self, number: BidNumber) -> sf.BidAdmitted:
        told = opening.Opening.admitted(self, number)
        return replace(told, documents=(envelope(number).part(PartName.TECHNICAL),))

    def cosign(self) -> None:
        """Have the witnesses of the bag cosign its journal as it stands."""
        assert self.play is not None
        self.play.cosign()

    def fill(self, seat: SeatCode, changes: object = None) -> None:
        """Let an expert fill in the sheet of this stage for the bids that were admitted."""
        del changes
        lot = self.session.lots[trade.LOT]
        for bid, item in keys_of(lot, PART_OF[self.session.stage], self.session.rejected.get(lot.id, ())):
            value = trade.usual_value(seat, bid, item)
            reason = "seen on page 3" if trade.needs_reason(value, item) else ""
            self.give(self[seat].enter(bid, item, value, reason=reason))

    def publish(self, part: PartName) -> None:
        """Publish the keys of a part of all bids that were opened."""
        for number in self.ceremony.standing():
            key = envelope(number).keys[part].hex()
            self.give(self.noting(sf.PartKeyPublished(number, part, key)))


class DarkSealedRoom(SealedRoom):
    """The same with a dark lot: bids join by codes, in another order than that of any list."""

    def admit(self) -> None:
        coded = (CodedBid(CODES[one], one, nonce_of(one)) for one in self.ceremony.standing())
        command = co.AdmitDarkBids(trade.LOT, tuple(sorted(coded, key=lambda one: one.bid)))
        self.give(replace(trade.by_host(command), at=self.now))

    def fill(self, seat: SeatCode, changes: object = None) -> None:
        del changes
        lot = self.session.lots[trade.LOT]
        for bid, item in keys_of(lot, PART_OF[self.session.stage], self.session.rejected.get(lot.id, ())):
            self.give(self[seat].enter(bid, item, usual_value(bid, item), reason="seen on page 3"))


CODES = dict(zip(LISTED, (DARK_CODES[1], DARK_CODES[2], DARK_CODES[0], BidId("T-9ZZ")), strict=True))


def signed(act: sf.BidJudged) -> sf.BidJudged:
    """Return a verdict with the log's signature."""
    return replace(act, signature=encode_base64(LOG.private.sign(verdict_message(act))))


def by_bidder(number: str, message: bytes) -> str:
    """Return a signature by the envelope key of that bid, b64."""
    return encode_base64(keys.signing_key(suite_of(number).code, number).sign(message))


class SealedPlay(Play):
    """Plays a session with sealed bids from the trustees' keys to the end, and keeps its journal."""

    room: SealedRoom
    WINDOWS: ClassVar[Sequence[str]] = (FIRST, SECOND)
    gone: str = ""

    def open_room(self) -> SealedRoom:
        people = {seat.code: trade.Person(seat) for seat in opening.SEATS}
        room = SealedRoom(people=people, policy=policy(), play=self)
        room.give(trade.by_host(OPEN))
        return room

    def cosign(self) -> None:
        self.keep()
        head = self.journal.checkpoint()
        self.bag.cosigned.add(head.size)
        self.note(ev.CheckpointCosigned(head.size, encode_base64(head.root), ("east", "west")))

    def entry_at(self, fact: Fact) -> int:
        """Return the time of an entry: that of its order, never before the one in front."""
        return max(fact.at, self.bag.rows[-1][0].t if self.bag.rows else 0)

    def finish_stage(self) -> None:
        room = self.room
        match room.session.stage:
            case Stage.RECEIVING:
                self.receive()
            case Stage.OPENING:
                self.hold_window(FIRST, LISTED[:1])
                room.publish(PartName.OPENING)
                room.admit()
                self.confirm(FIRST)
            case Stage.GATHERING:
                pass
            case Stage.DETAILED:
                Play.finish_stage(self)
                self.hold_window(SECOND, ())
                room.publish(PartName.PRICE)
                room.read_prices()
                for name in opening.TRUSTEES:
                    if name == self.gone:
                        gone = co.StateNotDestroyed(name, "its machine burnt down")
                        room.give(room.by_seat(trade.SUPERVISOR, gone))
                    else:
                        room.give(room.by_trustee(room.destroyed(name)))
            case _:
                Play.finish_stage(self)
        self.keep()

    def receive(self) -> None:
        room = self.room
        room.accept()
        room.submit(REPLACED, WITHDRAWN)
        room.give(room.noting(sf.CoverMade("00ff")))
        room.give(room.by_bidder(room.withdrawn(WITHDRAWN), envelope_key(WITHDRAWN)))
        room.give(room.by_bidder(room.submitted(NUMBERS[0], REPLACED), envelope_key(REPLACED)))
        for name in opening.TRUSTEES:
            room.give(room.by_trustee(room.acknowledged(name, NUMBERS[0])))
        room.submit(*NUMBERS[1:4])
        room.close()

    def hold_window(self, window: str, slips: Sequence[BidNumber]) -> None:
        """Open a window, pause once, let all but one bidder release (with `slips` of the hand), and combine."""
        room = self.room
        room.open_window(window)
        for number in slips:
            room.give(room.by_bidder(room.released(number, "half_mismatch", window)))
        room.release(*(one for one in room.ceremony.windows[window].bids if one != ABSENT), window=window)
        room.give(room.by_seat(trade.SUPERVISOR, co.PauseCeremony("the link")))
        room.now += 60_000
        room.give(room.by_seat(trade.SUPERVISOR, co.ResumeCeremony("it is back")))
        room.close_window(window)
        room.combine(window)

    def confirm(self, window: str) -> None:
        for number, objection in ((NUMBERS[0], ""), (NUMBERS[1], "the price of lot 1")):
            act = self.room.confirmed(number, objection, window)
            self.room.give(self.room.by_bidder(act, envelope_key(number)))


class DarkPlay(SealedPlay):
    """Plays the same session with a dark lot."""

    def open_room(self) -> SealedRoom:
        people = {seat.code: trade.Person(seat) for seat in opening.SEATS}
        room = DarkSealedRoom(people=people, policy=policy(), play=self)
        lots = tuple(replace(lot, dark=(PartName.TECHNICAL,)) for lot in OPEN.tender.lots)
        room.give(trade.by_host(replace(OPEN, tender=replace(OPEN.tender, lots=lots))))
        return room


def envelope_key(number: BidNumber) -> bytes:
    return keys.signing_key(suite_of(number).code, number).public


def make_sealed_bag(path: Path, play_of: type[SealedPlay] = SealedPlay, *, gone: str = "") -> Bag:
    """Make the bag of a whole session with sealed bids; a trustee that is `gone` never destroyed its keys."""
    bag = Bag(path)
    play = play_of(bag, path.with_name(f"{path.name}-reels"), one_by_one)
    play.gone = gone
    play.run()
    bag.openings = [
        {"seq": entry.seq, "path": secret.path, "value": secret.value, "nonce": secret.nonce}
        for entry, secrets in bag.rows
        for secret in secrets
    ]
    log, head = bag.log()
    documents = {f"opening/{name}": data for name, data in papers(bag).items()} | reports_of(
        play.room.session
    )
    build(path, index_of(bag, head), [play.media.track(play.room.history)], log, documents, "2026-11-23")
    return bag


def papers(bag: Bag) -> dict[str, bytes]:
    """Return what lies under data/docs/opening/, from the journal as it stands."""
    told: dict[str, bytes] = {}
    signatures: list[Json] = [
        {"trustee": entry.body["trustee"], "signature": entry.body["signature"]}
        for entry, _ in bag.rows
        if entry.type == "PolicySigned"
    ]
    told["signatures.json"] = canonical(signatures)
    handed_in = {str(entry.body["bid"]) for entry, _ in bag.rows if entry.type == "BidSubmitted"}
    for number in LISTED:
        told[f"envelopes/{number}.evb1"] = envelope(number).data
        if number in handed_in:
            told[f"receipts/{number}.receipt"] = receipt(bag, number)
    for number in (REPLACED, WITHDRAWN):
        told[f"taken-back/{number}.ends"] = ends(number)
    for entry, _ in bag.rows:
        if entry.type == "PolicyDrafted":
            told["policy.json"] = str(entry.body["policy"]).encode()
        if entry.type == "OpeningRecorded":
            told[f"record-{entry.body['window']}.json"] = str(entry.body["record"]).encode()
    return told


def ends(number: BidNumber) -> bytes:
    """Return head and tail of a bid, one behind the other."""
    data = envelope(number).data
    tail = 12 + int.from_bytes(data[-12:-8], "big") + int.from_bytes(data[-8:-4], "big")
    return data[: 12 + int.from_bytes(data[8:12], "big")] + data[-tail:]


def receipt(bag: Bag, number: BidNumber) -> bytes:
    """Return a bid's receipt under the first checkpoint that the witnesses cosigned over it."""
    seq = next(
        n for n, (one, _) in enumerate(bag.rows) if one.type == "BidSubmitted" and one.body["bid"] == number
    )
    size = min(one for one in bag.cosigned if one > seq)
    journal = bag.journal(size)
    head, at = journal.checkpoint(), bag.rows[size - 1][0].t // 1000 + 1
    lines = [cosign(head, key, at) for key in WITNESSES]
    note = with_cosignatures(sign_checkpoint(head, LOG), lines)
    body = bag.rows[seq][0].body
    facts = {name: body[name] for name in ("bid", "digest", "root", "size")}
    entry = encode_base64(encode(bag.rows[seq][0]))
    extra = canonical({**facts, "entry": entry, "tender": trade.SESSION})
    return TlogProof(seq, tuple(journal.tree.inclusion_proof(seq, size)), note, extra).encode()
