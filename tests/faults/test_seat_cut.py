"""A seat whose network swallows packets: it comes back to its own place, and its ghosts make room."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from signaling import seating
from signaling.clock import monotonic_ms
from tests.faults.committee import until
from tests.faults.hosting import E1, hosted, scored


async def test_a_seat_that_comes_back_takes_the_pen_from_its_own_ghost(tmp_path: Path) -> None:
    async with hosted(tmp_path) as host:
        await host.to_scoring()
        cookie = await host.login(E1)
        async with host.window(E1, cookie) as ghost, host.window(E1, cookie, take=True) as back:
            assert "" == await back.give(scored(host.people[E1]))
            assert "read_only" == await ghost.give(scored(host.people[E1], revision=2))


async def test_ghosts_of_a_seat_are_forgotten_before_they_crowd_it_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with hosted(tmp_path) as host:
        await host.to_scoring()
        cookie = await host.login(E1)
        late = 0
        monkeypatch.setattr(seating, "monotonic_ms", lambda: monotonic_ms() + late)
        async with AsyncExitStack() as ghosts:
            for _ in range(seating.MAX_CONNECTIONS):
                ghost = await ghosts.enter_async_context(host.window(E1, cookie, take=True))
                await ghost.caught_up(host.evaluation.feed(E1).length)
            late = seating.FORGET_MS
            await until(lambda: not host.evaluation.seating._desks[E1].windows)
            async with host.window(E1, cookie, take=True) as back:
                assert "" == await back.give(scored(host.people[E1]))
