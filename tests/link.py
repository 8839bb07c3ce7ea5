"""A link that loses, doubles, delays, reorders and is cut, between any two sans-I/O ends, in virtual time.

Nothing sleeps: time jumps to whatever happens next, an arrival, an end's own deadline or an edge of a cut.  The
same seed gives the same run.  A message that meets a cut, on leaving or on arriving, is gone.
"""

import heapq
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

Message = Any
"""Whatever the two ends send each other; a link does not look inside."""


class End(Protocol):
    """What a link needs of an end; times are ms on one clock."""

    def receive(self, message: Message, now: int) -> None:
        """Take a message that has arrived."""
        ...

    def messages_to_send(self, now: int) -> Sequence[Message]:
        """Hand out what has to go now."""
        ...

    def next_deadline(self) -> int | None:
        """Say when there will be something to send though nothing arrives."""
        ...


def _as_it_is(message: Message) -> Message:
    return message


@dataclass(slots=True)
class Link:
    """Joins `left` and `right`.

    `loss` and `duplicate` are probabilities, `delay` the least and most ms on the way, `cut` the times (from, to)
    when the link is down; an end with `connected(now)` and `disconnected()` learns of those.  `carry` is what
    the wire does to a message, such as writing and reading it.
    """

    left: End
    right: End
    loss: float = 0.0
    duplicate: float = 0.0
    delay: tuple[int, int] = (1, 1)
    cut: Sequence[tuple[int, int]] = ()
    seed: int = 0
    carry: Callable[[Message], Message] = _as_it_is
    carried: int = 0
    _on_the_way: list[tuple[int, int, End, Message]] = field(default_factory=list)
    _dice: random.Random = field(default_factory=random.Random)
    _up: bool = False

    def __post_init__(self) -> None:
        """Throw the dice that `seed` says."""
        self._dice = random.Random(self.seed)

    def step(self, now: int) -> bool:
        """Do everything that is due at `now`; say whether there was anything."""
        moved = self._switch(now)
        while self._on_the_way and self._on_the_way[0][0] <= now:
            _, _, end, message = heapq.heappop(self._on_the_way)
            moved = True
            if self._up:
                end.receive(message, now)
        for end, other in ((self.left, self.right), (self.right, self.left)):
            for message in end.messages_to_send(now):
                moved = True
                self._post(message, other, now)
        return moved

    def next_time(self, now: int) -> int | None:
        """Say when something will happen next, later than `now`."""
        edges = [edge for window in self.cut for edge in window if edge > now]
        arrivals = [arrival for arrival, *_ in self._on_the_way[:1]]
        deadlines = [due for end in (self.left, self.right) if (due := end.next_deadline()) is not None]
        return min((max(time, now + 1) for time in [*edges, *arrivals, *deadlines]), default=None)

    def _switch(self, now: int) -> bool:
        up = not any(start <= now < end for start, end in self.cut)
        if up is self._up:
            return False
        self._up = up
        for end in (self.left, self.right):
            tell = getattr(end, "connected" if up else "disconnected", None)
            if tell is not None:
                tell(*([now] if up else []))
        return True

    def _post(self, message: Message, to: End, now: int) -> None:
        if not self._up:
            return
        for _ in range(1 + (self._dice.random() < self.duplicate)):
            if self._dice.random() >= self.loss:
                self.carried += 1
                arrival = now + self._dice.randint(*self.delay)
                heapq.heappush(self._on_the_way, (arrival, self.carried, to, self.carry(message)))


def run(links: Sequence[Link], start: int, until: int, *, quiet: Callable[[], bool] = lambda: False) -> int:
    """Let all links live from `start` to `until`, or until `quiet()`; return the time reached."""
    now = start
    while now < until:
        while any([link.step(now) for link in links]):  # noqa: C419 - each link has its step
            pass
        if quiet():
            break
        now = min((time for link in links if (time := link.next_time(now)) is not None), default=until)
    return min(now, until)
