"""The order of offers and answers of one seat or link, as a table.

Sans-I/O: time comes in (monotonic ns), steps to be taken come out.  Only the node offers, so two offers can
never cross.  What changes while an offer is out goes into the next one.  A connection that is lost is
followed by a new one of the next generation, and the old one is dropped only when the new one is up.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from evalroom.errors import PeerFault
from signaling.repair import SECOND

ANSWER_WAIT = 10 * SECOND
"""How long an answer may take; a browser answers within 0.3 s, a sleeping tab never."""

CONNECT_WAIT = 15 * SECOND
"""How long a connection may take to come up after its answer."""

RETRY: tuple[int, ...] = (0, 3 * SECOND // 10, SECOND, 2 * SECOND, 5 * SECOND)
"""Pauses before the next attempt; the last one repeats without end (trust.md §3)."""


class UnexpectedAnswer(PeerFault):
    """An answer came to an offer that is not open; it was dropped and nothing needs to be done."""

    code = "unexpected_answer"


class State(StrEnum):
    """Where the negotiation stands."""

    IDLE = "idle"
    OFFERED = "offered"
    OVERTAKEN = "overtaken"
    STABLE = "stable"
    WAITING = "waiting"
    CLOSED = "closed"


class Signal(StrEnum):
    """What can happen to it."""

    CHANGED = "changed"
    EMPTIED = "emptied"
    ANSWERED = "answered"
    LOST = "lost"
    DUE = "due"
    CLOSE = "close"


TRANSITIONS: Mapping[State, Mapping[Signal, State]] = {
    State.IDLE: {Signal.CHANGED: State.OFFERED, Signal.CLOSE: State.CLOSED},
    State.OFFERED: {
        Signal.CHANGED: State.OVERTAKEN,
        Signal.EMPTIED: State.OVERTAKEN,
        Signal.ANSWERED: State.STABLE,
        Signal.LOST: State.WAITING,
        Signal.DUE: State.WAITING,
        Signal.CLOSE: State.CLOSED,
    },
    State.OVERTAKEN: {
        Signal.CHANGED: State.OVERTAKEN,
        Signal.EMPTIED: State.OVERTAKEN,
        Signal.ANSWERED: State.OFFERED,
        Signal.LOST: State.WAITING,
        Signal.DUE: State.WAITING,
        Signal.CLOSE: State.CLOSED,
    },
    State.STABLE: {
        Signal.CHANGED: State.OFFERED,
        Signal.EMPTIED: State.OFFERED,
        Signal.LOST: State.WAITING,
        Signal.DUE: State.WAITING,
        Signal.CLOSE: State.CLOSED,
    },
    State.WAITING: {
        Signal.CHANGED: State.WAITING,
        Signal.EMPTIED: State.IDLE,
        Signal.LOST: State.WAITING,
        Signal.DUE: State.OFFERED,
        Signal.CLOSE: State.CLOSED,
    },
    State.CLOSED: {},
}
"""A signal without an entry changes nothing, except an answer, which is then unexpected."""


@dataclass(frozen=True, slots=True)
class Build:
    """Make a new connection for this generation."""

    generation: int


@dataclass(frozen=True, slots=True)
class MakeOffer:
    """Offer what is wanted now over this generation's connection."""

    generation: int


@dataclass(frozen=True, slots=True)
class Accept:
    """Apply the answer of this generation."""

    generation: int
    sdp: str


@dataclass(frozen=True, slots=True)
class Drop:
    """Close the connections of this and all earlier generations."""

    generation: int


Step = Build | MakeOffer | Accept | Drop


class Negotiation:
    """Decide what to offer when; `steps` returns what is to be done, in order."""

    def __init__(self, after: int = 0) -> None:
        """Begin idle; the first generation follows on `after`, the last one the other end knows."""
        self.state = State.IDLE
        self.generation = after
        self.up = False
        self._steps: list[Step] = []
        self._deadline: int | None = None
        self._attempt = 0
        self._wanted = False

    def steps(self) -> list[Step]:
        """Return the steps decided since the last call."""
        steps, self._steps = self._steps, []
        return steps

    def next_deadline(self) -> int | None:
        """Return when `due` is to be called next."""
        return self._deadline

    def changed(self, now: int, *, wanted: bool = True) -> None:
        """Learn that something else is wanted than was offered; nothing at all, when not `wanted`.

        A connection that is up stays for the next wish.  One that is lost is not made anew for nobody.
        """
        self._wanted = wanted
        self._signal(Signal.CHANGED if wanted else Signal.EMPTIED, now)

    def answer(self, generation: int, sdp: str, now: int) -> None:
        """Take an answer.

        Raises:
            UnexpectedAnswer: when no offer of this generation is open.
        """
        open_ = Signal.ANSWERED in TRANSITIONS[self.state]
        if not open_ or generation != self.generation:
            raise UnexpectedAnswer(generation=generation)
        self._steps.append(Accept(generation, sdp))
        self._signal(Signal.ANSWERED, now)

    def connected(self, generation: int) -> None:
        """Learn that this generation's connection is up: earlier ones are not needed any more."""
        if generation != self.generation or self.state is State.CLOSED:
            return
        self.up = True
        self._attempt = 0
        if self.state is State.STABLE:
            self._deadline = None
        self._steps.append(Drop(generation - 1))

    def lost(self, generation: int, now: int) -> None:
        """Learn that this generation's connection failed; news of earlier ones change nothing."""
        if generation == self.generation:
            self._signal(Signal.LOST, now)

    def due(self, now: int) -> None:
        """Learn that time has passed."""
        if self._deadline is not None and now >= self._deadline:
            self._signal(Signal.DUE, now)

    def close(self, now: int) -> None:
        """End for good."""
        self._signal(Signal.CLOSE, now)

    def _signal(self, signal: Signal, now: int) -> None:
        before = self.state
        after = TRANSITIONS[before].get(signal)
        if after is None:
            return
        self.state = after
        if after is State.OFFERED:
            self._offer(now, fresh=before in (State.IDLE, State.WAITING))
        elif after is State.STABLE:
            self._deadline = None if self.up else now + CONNECT_WAIT
        elif after is State.WAITING and before is not State.WAITING:
            self._wait(now)
        elif after in (State.IDLE, State.CLOSED):
            self._deadline = None
            self._steps.append(Drop(self.generation))

    def _offer(self, now: int, *, fresh: bool) -> None:
        if fresh:
            self.generation += 1
            self.up = False
            self._steps.append(Build(self.generation))
        self._steps.append(MakeOffer(self.generation))
        self._deadline = now + ANSWER_WAIT

    def _wait(self, now: int) -> None:
        self._deadline = now + RETRY[min(self._attempt, len(RETRY) - 1)]
        self._attempt += 1
        if not self._wanted:
            self._signal(Signal.EMPTIED, now)
