"""Faults with a clock: how long the session waits, and what two persons decide when the time is over.

A fault stops the evaluation.  Mended within the profile's time (`fault.before_start`, `fault.during`; Lijiang arts. 20,
21: two hours, four hours) the session resumes as after any pause.  When the time is over nothing happens by itself
(trust.md §4, fault 6): the session stays as it is until operator and regulator have agreed on one of the ways of its
stage, and until then nobody resumes it.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from evalroom.errors import Refusal
from evalroom.ids import check_name
from evalroom.stages import ROAD, Stage

BEFORE: frozenset[Stage] = frozenset({Stage.GATHERING, Stage.BRIEFED, Stage.ELECTING})
"""Stages before the evaluation starts: people come in."""

DURING: frozenset[Stage] = frozenset(ROAD[ROAD.index(Stage.PRELIMINARY) : ROAD.index(Stage.CONCLUDED)])


class Way(StrEnum):
    """How it goes on when a fault was not mended in time."""

    GO_ON = "go_on"
    PUT_OFF = "put_off"
    ANEW = "anew"
    ABORT = "abort"


WAYS = {
    True: frozenset({Way.GO_ON, Way.PUT_OFF, Way.ABORT}),
    False: frozenset({Way.GO_ON, Way.ANEW, Way.ABORT}),
}
"""Whether the evaluation had not started to what may be agreed on: it may be put off before, begun anew after."""


@dataclass(frozen=True, slots=True)
class FaultDeclared:
    """Something at a site keeps the session from going on; `site` is empty where it is no site's."""

    fault: str
    site: str
    what: str


@dataclass(frozen=True, slots=True)
class FaultMended:
    """The fault is mended, and how."""

    fault: str
    note: str


@dataclass(frozen=True, slots=True)
class FaultSettled:
    """Two persons agreed how it goes on after a fault that outlasted its time; `until` (UTC ms) when it is put off, else 0."""

    fault: str
    way: Way
    until: int
    reason: str


FaultEvent = FaultDeclared | FaultMended | FaultSettled


class UnknownFault(Refusal):
    """No such fault is open: look at the faults shown above; nothing has changed."""

    code = "unknown_fault"


class FaultTaken(Refusal):
    """A fault of that id was declared already; nothing has changed, give this one another."""

    code = "fault_taken"


class FaultOpen(Refusal):
    """A fault is still open, so the session does not resume: say first that it is mended; scores and recordings are safe."""

    code = "fault_open"


class FaultOverdue(Refusal):
    """The time for mending is over: operator and regulator agree how it goes on; until then nothing is lost or resumed."""

    code = "fault_overdue"


class NotThisWay(Refusal):
    """That way is not open: the fault is not overdue, it belongs to another stage, or what it needs is missing."""

    code = "not_this_way"


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault as it stands; `limit` (UTC ms) is the end of its time, `mended` and `settled` end it."""

    declared: FaultDeclared
    stage: Stage
    limit: int
    mended: int = 0
    settled: Way | None = None

    @property
    def before_start(self) -> bool:
        """Say whether the evaluation had not started."""
        return self.stage in BEFORE

    def overdue(self, at: int) -> bool:
        """Say whether it outlasted its time and nobody has agreed what then."""
        return self.settled is None and (self.mended or at) >= self.limit

    def open(self) -> bool:
        """Say whether it holds the session up, whatever the hour."""
        return self.settled is None and not self.mended


@dataclass(slots=True)
class Faults:
    """The faults of a session, by id."""

    all: dict[str, Fault] = field(default_factory=dict)

    def check_declaration(self, declared: FaultDeclared) -> None:
        """Refuse an id that names nothing, or names a fault already.

        Raises:
            MalformedName, FaultTaken.
        """
        check_name(declared.fault)
        if declared.fault in self.all:
            raise FaultTaken(fault=declared.fault)

    def check_mending(self, mended: FaultMended) -> None:
        """Refuse to mend what is not open.

        Raises:
            UnknownFault.
        """
        if mended.fault not in self.all or not self.all[mended.fault].open():
            raise UnknownFault(fault=mended.fault[:40])

    def check_resumption(self, at: int) -> None:
        """Refuse to resume while a fault is open or outlasted its time.

        Raises:
            FaultOverdue, FaultOpen.
        """
        for name, one in self.all.items():
            if one.overdue(at):
                raise FaultOverdue(fault=name, limit=one.limit)
            if one.open():
                raise FaultOpen(fault=name, limit=one.limit)

    def without(self, fault: str) -> "Faults":
        """Return the faults besides one."""
        return Faults({name: one for name, one in self.all.items() if name != fault})

    def check_way(self, fault: str, way: Way, until: int, at: int) -> Fault:
        """Return the fault that outlasted its time, when `way` is open for it.

        Raises:
            UnknownFault, NotThisWay.
        """
        one = self.all.get(fault)
        if one is None or one.settled is not None:
            raise UnknownFault(fault=fault[:40])
        dated = until > at if way is Way.PUT_OFF else until == 0
        if not one.overdue(at) or way not in WAYS[one.before_start] or not dated:
            raise NotThisWay(fault=fault, way=way, limit=one.limit)
        return one

    def evolve(self, event: FaultEvent, at: int, stage: Stage, limit_ms: int) -> None:
        """Take an event in; `limit_ms` is how long the stage waits.  What is put off waits anew until its hour."""
        match event:
            case FaultDeclared():
                self.all[event.fault] = Fault(event, stage, at + limit_ms)
            case FaultMended():
                self.all[event.fault] = replace(self.all[event.fault], mended=at)
            case FaultSettled(way=Way.PUT_OFF, until=until):
                self.all[event.fault] = replace(self.all[event.fault], limit=until, mended=0)
            case FaultSettled(way=way):
                self.all[event.fault] = replace(self.all[event.fault], settled=way)
