"""The people and the session of a benchmark: one committee, five bids, twelve items, keys that really sign."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec

from bench.wire import masked
from evalroom.commands import (
    ACTS,
    ImportBid,
    SeatCommand,
)
from evalroom.encoding import body_of
from evalroom.events import Commitment, Secret
from evalroom.ids import BidId, CommandId, ItemId, LotId, SeatCode, SessionId, SiteId
from evalroom.ledger.commitment import commit
from evalroom.ledger.signature import act_payload, sign_act
from evalroom.pledge import write_letter
from evalroom.pricing.presets import lowest_price
from evalroom.protocol import messages as m
from evalroom.roles import Role
from evalroom.tender import (
    Bid,
    Item,
    ItemKind,
    Lot,
    Part,
    Seat,
    Site,
    Tender,
)
from main_site.template import SessionTemplate
from signaling.codec import encode

HOST, LOT, OPERATOR = SiteId("host"), LotId("1"), SeatCode("OP")
BIDS = tuple(BidId(f"B{number}") for number in range(1, 6))
ITEMS = tuple(ItemId(f"I{number:02}") for number in range(1, 13))
DIGEST = "ab" * 32
NOTICE = write_letter("BENCH", "Bench", (f"Bidder {bid}" for bid in BIDS), {}).sha256
"""Digest of the commitment letter of the tender below."""


@dataclass(slots=True)
class Person:
    """A seat with its key and cookie."""

    session: SessionId
    seat: SeatCode
    role: Role
    code: str
    cookie: str = ""
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def submit(self, command: SeatCommand, openings: Sequence[Secret] = (), cmd: str = "") -> m.Submit:
        """Return a signed order."""
        cmd = cmd or secrets.token_hex(16)
        payload = act_payload(
            actor=self.seat,
            body=body_of(command),
            cmd=cmd,
            session=self.session,
            site=HOST,
            type=ACTS[type(command)].__name__,
        )
        sig = sign_act(self.key, payload)
        return m.Submit(CommandId(cmd), command, tuple(openings), sig)

    def secret(self, cmd: str, path: str, value: str) -> tuple[Commitment, Secret]:
        """Return a commitment and its opening."""
        nonce = secrets.token_bytes(32)
        return Commitment(commit(nonce, self.session, cmd, path, value)), Secret(path, value, nonce.hex())


def frame_of(message: object) -> bytes:
    """Return a message as a WebSocket frame."""
    return masked(encode(message).encode())


@dataclass(frozen=True, slots=True)
class Document:
    """A bid's PDF as the host's store knows it."""

    sha256: str = DIGEST
    bytes: int = 1000
    pages: int = 1


def import_of(operator: Person, bid: BidId, fen: int, document: Document) -> m.Submit:
    """Return the order that brings a bid in."""
    cmd = secrets.token_hex(16)
    price, opening = operator.secret(cmd, "/price", str(fen))
    order = ImportBid(LOT, bid, f"Bidder {bid}", price, document.sha256, document.bytes, document.pages)
    return operator.submit(order, [opening], cmd)


def template_of(session: SessionId, seats: dict[str, Role]) -> SessionTemplate:
    """Return a session of these seats and an operator, all at the host."""
    items = tuple(
        Item(item, Part.DETAILED, ItemKind.SCORE, f"Item {item}", "as described", "5", 1, objective=False)
        for item in ITEMS
    )
    bids = tuple(Bid(bid, f"Bidder {bid}") for bid in BIDS)
    lot = Lot(LOT, "Bench", items, bids, lowest_price("40"), 3)
    people = {**seats, OPERATOR: Role.OPERATOR}
    return SessionTemplate(
        session,
        Tender("BENCH", "Bench", (lot,)),
        (Site(HOST, "Host", host=True, node=True),),
        tuple(Seat(SeatCode(code), HOST, HOST, role, code) for code, role in people.items()),
    )
