"""The draws of a session: `TRANSITIONS` holds every state, `evolve` every change, `rules.py` what may follow.

It is a fold of the journal's entries inside the session.  No value stands in it before its party has revealed it.
Refused: a fact that the table does not have in this state.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from evalroom.draws import facts as df
from evalroom.draws.commitment import commitments_digest, declaration_digest, seed_of
from evalroom.draws.facts import DrawEvent, Purpose
from evalroom.draws.selection import drawable, select, successor
from evalroom.draws.shuffle import shuffled
from evalroom.errors import LocalFault
from evalroom.ids import DrawId, LotId, SeatCode, SessionId


class DrawState(StrEnum):
    """Where a draw stands (draw.md §4)."""

    DECLARED = "declared"
    COMMITTED = "committed"
    REVEALED = "revealed"
    DRAWN = "drawn"
    VOID = "void"


_DECLARED, _COMMITTED, _REVEALED = DrawState.DECLARED, DrawState.COMMITTED, DrawState.REVEALED
_DRAWN, _VOID = DrawState.DRAWN, DrawState.VOID

TRANSITIONS: Mapping[DrawState, Mapping[type[DrawEvent], tuple[DrawState, ...]]] = {
    _DECLARED: {df.DrawCommitted: (_DECLARED, _COMMITTED), df.DrawVoided: (_VOID,)},
    _COMMITTED: {df.DrawRevealed: (_COMMITTED, _REVEALED), df.DrawVoided: (_VOID,)},
    _REVEALED: {df.DrawMade: (_DRAWN,)},
    _DRAWN: {df.DrawContinued: (_DRAWN,), df.RosterSealed: (_DRAWN,), df.RosterUnsealed: (_DRAWN,)},
    _VOID: {},
}
"""State to the facts that belong to it, each with where it may lead: to the last one once all parties have done it."""


class BrokenDraw(LocalFault):
    """The journal holds a fact of a draw that its state does not allow: it was not written by this software."""

    code = "broken_draw"


@dataclass(slots=True)
class Draw:
    """One draw as its facts leave it."""

    declared: df.DrawDeclared
    digest: str
    by: SeatCode
    state: DrawState = _DECLARED
    commitments: dict[SeatCode, str] = field(default_factory=dict)
    values: dict[SeatCode, str] = field(default_factory=dict)
    made: df.DrawMade | None = None
    drawn: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    silent: tuple[SeatCode, ...] = ()
    at_reveal: bool = False
    roster: str = ""
    unsealed: bool = False

    @property
    def open(self) -> bool:
        """Say whether it has come to no end yet."""
        return self.state not in (_DRAWN, _VOID)

    @property
    def until(self) -> int:
        """Return when the time of the phase it is in is over."""
        return self.declared.closes if self.state is _DECLARED else self.declared.ends

    def awaited(self) -> tuple[SeatCode, ...]:
        """List the parties it waits for: all that have not committed, or the one whose turn it is to reveal."""
        if self.state is _DECLARED:
            return tuple(one for one in self.declared.parties if one not in self.commitments)
        if self.state is _COMMITTED:
            return tuple(one for one in self.declared.parties if one not in self.values)[:1]
        return ()

    def commitments_digest(self) -> str:
        """Return the digest of all commitments; all parties have handed theirs in."""
        return commitments_digest(self.digest, self.declared.parties, self.commitments)

    def result(self, values: Mapping[SeatCode, str]) -> df.DrawMade:
        """Return the result that all parties' values make."""
        seed = seed_of(self.digest, self.declared.parties, values)
        order = shuffled(drawable(self.declared), seed)
        return df.DrawMade(self.declared.draw, seed, order, select(self.declared, order))

    def successor(self, out: str) -> str:
        """Return who comes in when `out`, who is drawn, leaves; nothing when no reserve fits."""
        order = self.made.order if self.made else ()
        return successor(self.declared, order, self.drawn, out, self.gone)


@dataclass(slots=True)
class Draws:
    """All draws of a session, by id, in the order of their declaration."""

    all: dict[DrawId, Draw] = field(default_factory=dict)

    def open(self) -> tuple[DrawId, ...]:
        """List the draws that have come to no end yet."""
        return tuple(draw for draw, one in self.all.items() if one.open)

    def sealed_rosters(self) -> tuple[DrawId, ...]:
        """List the draws whose roster lies sealed and was not opened."""
        return tuple(draw for draw, one in self.all.items() if one.roster and not one.unsealed)

    def overdue(self, at: int) -> tuple[DrawId, ...]:
        """List the open draws whose phase was over before `at`."""
        return tuple(draw for draw in self.open() if self.all[draw].until < at)

    def about(self, purpose: Purpose, lot: LotId, subject: str) -> list[Draw]:
        """List the draws of that purpose, lot and subject: void ones, and at most one after them that is not."""
        return [one for one in self.all.values() if about_of(one.declared) == (purpose, lot, subject)]

    def drawn(self, purpose: Purpose, lot: LotId, subject: str) -> tuple[str, ...]:
        """Return what was drawn, as it stands after those who left; empty before."""
        found = self.about(purpose, lot, subject)
        return found[-1].drawn if found else ()

    def evolve(self, act: DrawEvent, session: SessionId, by: str) -> None:
        """Take one fact in: the session it is of, and the actor.

        Raises:
            BrokenDraw: the table has no such fact in this state, or there is no such draw, or it is there already.
        """
        if isinstance(act, df.DrawDeclared):
            if act.draw in self.all:
                raise BrokenDraw(draw=act.draw, fact="DrawDeclared")
            self.all[act.draw] = Draw(act, declaration_digest(session, act), SeatCode(by))
            return
        draw = self.all.get(act.draw)
        leads = TRANSITIONS[draw.state].get(type(act)) if draw else None
        if draw is None or leads is None:
            raise BrokenDraw(draw=act.draw, fact=type(act).__name__)
        _keep(draw, act, SeatCode(by))
        done = draw.values if isinstance(act, df.DrawRevealed) else draw.commitments
        draw.state = leads[-1] if len(leads) == 1 or len(done) == len(draw.declared.parties) else leads[0]


def about_of(declared: df.DrawDeclared) -> tuple[Purpose, LotId, str]:
    """Return what a draw is about: nothing is drawn twice."""
    return declared.purpose, declared.lot, declared.subject


def _keep(draw: Draw, act: DrawEvent, by: SeatCode) -> None:
    match act:
        case df.DrawCommitted(commitment=commitment):
            draw.commitments[by] = commitment
        case df.DrawRevealed(value=value):
            draw.values[by] = value
        case df.DrawMade(drawn=drawn):
            draw.made, draw.drawn = act, drawn
        case df.DrawVoided(silent=silent):
            draw.silent, draw.at_reveal = silent, draw.state is _COMMITTED
        case df.DrawContinued(out=out, drawn=drawn):
            draw.gone = (*draw.gone, out)
            draw.drawn = tuple(drawn if one == out else one for one in draw.drawn)
        case df.RosterSealed(sha256=sha256):
            draw.roster, draw.unsealed = sha256, False
        case df.RosterUnsealed():
            draw.unsealed = True
        case df.DrawDeclared():
            pass
