"""The evaluation that the browser tests play: two bids, five items, an expert at the host and one at a sub-site.

Its words are Latin throughout, so that in English any Chinese character on a page is a text that nobody
translated.  The marks that E01 gives are found nowhere else: whoever shows one before its time is caught.
"""

from dataclasses import replace

from evalroom.ids import BidId, ItemId, LotId, SeatCode, SessionId, SiteId
from evalroom.pricing.presets import lowest_price
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

HOST, WEST = SiteId("host"), SiteId("west")
SESSION = SessionId("BR-2026-0001")
BIDS = (BidId("B1"), BidId("B2"))
PRICES = {BIDS[0]: "3586000.50", BIDS[1]: "3742500"}
"""Bid to its price in yuan, as an operator types it."""

SECRET_MARK, SECRET_REASON = "37.25", "the pumps are undersized"
"""What E01 gives and writes down; nobody else may learn it before the group unlock."""


def template() -> SessionTemplate:
    """Return the session that is opened in the browser."""
    return SessionTemplate(
        SESSION, _tender(), (_site(HOST, "Provincial centre"), _site(WEST, "Western centre")), _seats()
    )


def all_at_the_host() -> SessionTemplate:
    """Return the same session without its sub-site: everybody sits at the host."""
    there = template()
    seats = tuple(
        replace(seat, site=HOST, node=HOST) for seat in there.seats if seat.role is not Role.SITE_OPERATOR
    )
    return replace(there, sites=there.sites[:1], seats=seats)


def _site(site: SiteId, name: str) -> Site:
    return Site(site, name, host=site == HOST, node=True)


def _seats() -> tuple[Seat, ...]:
    rows = (
        ("E01", HOST, Role.EXPERT, "cabin 1"),
        ("E02", WEST, Role.EXPERT, "cabin 2"),
        ("SUP", HOST, Role.SUPERVISOR, "wall"),
        ("OP", HOST, Role.OPERATOR, "desk"),
        ("SO", WEST, Role.SITE_OPERATOR, "room"),
        ("ARC", HOST, Role.ARCHIVIST, "archive"),
    )
    return tuple(Seat(SeatCode(code), site, site, role, label) for code, site, role, label in rows)


def _tender() -> Tender:
    lot = Lot(
        id=LotId("1"),
        title="Pumping stations",
        items=(
            _item("P1", ItemKind.PASS, "Licence", "0", 0, objective=True),
            _item("P2", ItemKind.PASS, "Deadlines", "0", 0),
            _item("T1", ItemKind.SCORE, "Design", "40", 2),
            _item("T2", ItemKind.SCORE, "Schedule", "20", 1),
            _item("C1", ItemKind.DEDUCT, "Deviations", "10", 1),
        ),
        bids=(Bid(BIDS[0], "Clearspring Water Ltd"), Bid(BIDS[1], "Farstream Systems Ltd")),
        pricing=lowest_price("30", ceiling_fen=3_880_000_00),
        candidates=1,
    )
    return Tender("BR-2026-0001", "Smart water dispatching", (lot,))


def _item(name: str, kind: ItemKind, title: str, full: str, digits: int, *, objective: bool = False) -> Item:
    part = Part.PRELIMINARY if kind is ItemKind.PASS else Part.DETAILED
    standard = f"{title} as the tender documents ask for; up to {full} points."
    return Item(ItemId(name), part, kind, title, standard, full, digits, objective=objective)
