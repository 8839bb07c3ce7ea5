"""From media time inside a reel to the session clock: how a `ClockMapped` is read, and how it is made."""

from collections.abc import Sequence
from itertools import pairwise

Knots = Sequence[tuple[int, int]]
"""Pairs of (media µs, UTC µs), growing; never empty."""


def session_us(knots: Knots, media_us: int) -> int:
    """Return the UTC µs of a media time: linear between knots, nominal speed outside them."""
    for (m0, s0), (m1, s1) in pairwise(knots):
        if m0 <= media_us <= m1:
            return s0 + (media_us - m0) * (s1 - s0) // (m1 - m0)
    at, base = knots[0] if media_us < knots[0][0] else knots[-1]
    return base + media_us - at


STEP_US = 150_000
"""How far a map bends between two knots; the verifier takes 200 ms for a jump (archive.md §7, step 11)."""

BEND_PERCENT = 5
"""How much faster or slower than media time a map runs at most, to come back to what the clocks read."""


def extended(knots: Knots, media_us: int, reading_us: int) -> list[tuple[int, int]]:
    """Return a map taken on to `media_us`, later than its last knot, and towards what the clocks read there (UTC µs).

    Readings contradict a map when a machine was too loaded to read them in time.  What was told by the map stays true:
    it bends towards the reading, never jumps, and where the way is too short it goes on bending with the next knot.
    """
    media, session = knots[-1]
    way = media_us - media
    most = way * BEND_PERCENT // 100
    bend = min(max(reading_us - session - way, -most), most)
    parts = max(-(-abs(bend) // STEP_US), 1)
    steps = ((way * part // parts, bend * part // parts) for part in range(1, parts + 1))
    return [*knots, *((media + along, session + along + aside) for along, aside in steps)]
