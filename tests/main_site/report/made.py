"""A signed report to test with: of the pure room, with its journal's entries as the host stores them."""

from functools import cache

from evalroom.encoding import body_of
from evalroom.events import Stage
from evalroom.report.state import Made
from evalroom.reporting import Stand
from main_site.report.layout import Signatory
from tests.evalroom.room import EXPERTS, LOT, START, Room, room_at

E1, E2, E3 = EXPERTS


@cache
def signed() -> Room:
    """Return a session in which all have signed, one with a dissent; never change it."""
    room = room_at(Stage.SIGNING)
    room.sign(E1)
    room.sign(E2, Stand.DISSENTS, "权重有误")
    room.sign(E3)
    return room


def report() -> Made:
    return signed().session.reports.made[LOT]


def entries() -> list[dict[str, object]]:
    """Return the journal as entries: type, body and the signature over it."""
    return [
        {
            "seq": seq, "t": START, "type": type(fact.event).__name__, "site": fact.site, "actor": fact.actor,
            "body": body_of(fact.event), "cmd": fact.cmd, "sig": fact.sig,
        }
        for seq, fact in enumerate(signed().history)
    ]  # fmt: skip


SIGNATORIES = (
    Signatory(E1, "expert", "agrees", "", START),
    Signatory(E2, "expert", "dissents", "权重有误", START),
    Signatory(E3, "expert", "unsigned", "", None),
    Signatory("L1", "site_operator", "witness", "", START),
)
