"""A draw held by synthetic parties: each commits to a value of its own and reveals it in turn, as a page does."""

import asyncio
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence

from evalroom.commands import CommitDraw, ContinueDraw, DeclareDraw, RevealDraw
from evalroom.draws.commitment import commitment_to
from evalroom.draws.facts import ExpertClass, MakeUp, Place, PoolExpert, Purpose
from evalroom.draws.pool import Expert, publish
from evalroom.draws.state import Draw, DrawState
from evalroom.ids import DrawId, LotId, SeatCode, SessionId
from main_site.rehearsal.client import SeatClient, SeatView

PHASE_MS = 120_000
"""Milliseconds of each of the two phases: on a busy machine a party takes seconds."""

LAW = MakeUp(least=5, share="2/3", odd=True, owners=0)
PLACES = (Place(ExpertClass.TECHNICAL, "", 3), Place(ExpertClass.ECONOMIC, "", 2))
REGIONS = ("云川", "禾泽", "省级")


def sample_pool(session: SessionId, draw: DrawId, against: Iterable[str]) -> tuple[PoolExpert, ...]:
    """Return what is published of a pool of 24; two of them have worked for a bidder, and are recused."""
    units = [*against]
    pool = []
    for number in range(1, 25):
        kind = ExpertClass.ECONOMIC if number % 3 == 0 else ExpertClass.TECHNICAL
        employer = units[number % len(units)] if number in (7, 18) else f"设计研究院 {number}"
        expert = Expert(f"K-{number:03}", kind, REGIONS[number % 3], (employer,))
        pool.append(publish(expert, session, draw, units, secrets.token_bytes(32)))
    return tuple(pool)


def roster_draw(
    session: SessionId, draw: DrawId, parties: Sequence[SeatCode], at: int, against: Iterable[str]
) -> DeclareDraw:
    """Return the order that declares the draw of a committee of five, now (UTC ms)."""
    return DeclareDraw(
        draw=draw, purpose=Purpose.EXPERTS, subject="评标委员会", lot=LotId(""), options=(),
        experts=sample_pool(session, draw, against), places=PLACES, make_up=LAW, count=5, takers=(),
        parties=tuple(parties), closes=at + PHASE_MS, ends=at + 2 * PHASE_MS, redoes="",
    )  # fmt: skip


async def hold(order: DeclareDraw, seats: Mapping[SeatCode, SeatClient]) -> Draw:
    """Hold a draw to its result: the first party declares it, all commit, each reveals when it is its turn.

    Cancelling leaves it under way; the host makes it void when its time is over.

    Raises:
        CommandRefused: a step was refused.
    """
    leader = seats[order.parties[0]]
    await leader.give(lambda _: order)
    await asyncio.gather(*(_take_part(seats[party], order.draw) for party in order.parties))
    await leader.until(_is(order.draw, lambda draw: draw.made is not None))
    return leader.view.draws.all[order.draw]


async def _take_part(client: SeatClient, name: DrawId) -> None:
    value, nonce = secrets.token_hex(32), secrets.token_hex(32)
    await client.until(_is(name, lambda _: True))
    draw = client.view.draws.all[name]
    made = commitment_to(client.session, name, draw.digest, client.seat, value, nonce)
    await client.give(lambda _: CommitDraw(name, made))
    await client.until(
        _is(name, lambda one: one.state is DrawState.COMMITTED and one.awaited()[:1] == (client.seat,))
    )
    seen = client.view.draws.all[name].commitments_digest()
    await client.give(lambda _: RevealDraw(name, value, nonce, seen))


async def redraw(client: SeatClient, name: DrawId, out: str, reason: str) -> str:
    """Let the next of the order come in for `out`, and return who that is."""
    comes = client.view.draws.all[name].successor(out)
    await client.give(lambda _: ContinueDraw(name, out, comes, reason))
    return comes


def _is(name: DrawId, met: Callable[[Draw], bool]) -> Callable[[SeatView], bool]:
    return lambda view: name in view.draws.all and met(view.draws.all[name])
