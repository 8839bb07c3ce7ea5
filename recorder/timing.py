"""From media time inside a reel to the session clock: how a `ClockMapped` is read."""

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
