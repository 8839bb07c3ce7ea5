"""Routes of the standing list: propose, approve or refuse, appeal, answer, and ask about experts before a draw.

Who acts comes from the cookie.  Experts see nothing but decisions whose evidence is their own seat, and may appeal
against those.
"""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from evalroom.ids import SessionId
from evalroom.roles import NotPermitted, Role
from main_site.services.centre import Centre
from main_site.standing import (
    Answered,
    Appealed,
    Approved,
    Decision,
    Entry,
    Kind,
    Outcome,
    Person,
    Proposed,
    Refused,
    UnknownDecision,
    UnusableDecision,
)
from signaling.permits import Permitted, permit
from signaling.permits import Person as Asking
from signaling.register import Claim

Name = Annotated[str, StringConstraints(max_length=64)]
Text = Annotated[str, StringConstraints(max_length=2000)]


class Proposal(BaseModel):
    """A decision to be proposed."""

    model_config = ConfigDict(extra="forbid", strict=True)
    decision: Name
    subject: Name
    kind: Annotated[str, StringConstraints(pattern="^(praised|warned|suspended)$")]
    ground: Text
    session: Name
    seat: Name
    entry: int
    since_ms: int
    until_ms: int


class Approval(BaseModel):
    """The digest of the proposal that is approved."""

    model_config = ConfigDict(extra="forbid", strict=True)
    digest: Name


class Denial(Approval):
    """The digest of the proposal that is refused, and why."""

    reason: Text


class Appeal(BaseModel):
    """An appeal in the expert's words."""

    model_config = ConfigDict(extra="forbid", strict=True)
    text: Text


class Reply(BaseModel):
    """The answer to an appeal."""

    model_config = ConfigDict(extra="forbid", strict=True)
    outcome: Annotated[str, StringConstraints(pattern="^(upheld|shortened|lifted)$")]
    reason: Text
    until_ms: int = 0


class Subject(BaseModel):
    """The expert who is to get a seat, by the id of the pool."""

    model_config = ConfigDict(extra="forbid", strict=True)
    subject: Name


class Subjects(BaseModel):
    """Experts to ask about, by the ids of the pool."""

    model_config = ConfigDict(extra="forbid", strict=True)
    subjects: Annotated[list[Name], Field(max_length=1000)]


def standing_routes(centre: Centre) -> APIRouter:
    """Return the routes of the standing list of this centre."""
    router = APIRouter(dependencies=[Depends(permit)])
    standings = centre.standings

    @router.get("/api/v1/standing")
    async def read() -> dict[str, Any]:
        """List all decisions, and the trail of acts that led to them."""
        now = centre.clock.now()
        return {
            "decisions": [_decision(one, now) for one in reversed(standings.list.decisions.values())],
            "trail": [_line(entry) for entry in standings.entries],
            "head": standings.list.head,
        }

    @router.get("/api/v1/standing/own")
    async def own(person: Permitted) -> list[dict[str, Any]]:
        """List the decisions in which the own seat is the evidence, once they are approved."""
        now = centre.clock.now()
        mine = (one for one in standings.list.decisions.values() if _is_about(one, person))
        return [_decision(one, now) for one in mine if one.approved is not None]

    @router.post("/api/v1/standing")
    async def propose(body: Proposal, person: Permitted) -> dict[str, Any]:
        """Propose a decision; its evidence is an entry that the session's journal has."""
        state = centre.session(body.session).evaluation.conductor.session
        if body.entry >= state.size or (body.seat and body.seat not in state.seats):
            raise UnusableDecision(decision=body.decision, session=state.id)
        act = Proposed(**{**body.model_dump(), "kind": Kind(body.kind)})
        return _line(await standings.act(_who(person), act))

    @router.post("/api/v1/standing/{decision}/approve")
    async def approve(decision: str, body: Approval, person: Permitted) -> dict[str, Any]:
        """Approve a proposed decision by its digest."""
        return _line(await standings.act(_who(person), Approved(decision, body.digest)))

    @router.post("/api/v1/standing/{decision}/refuse")
    async def refuse(decision: str, body: Denial, person: Permitted) -> dict[str, Any]:
        """Refuse a proposed decision by its digest."""
        return _line(await standings.act(_who(person), Refused(decision, body.digest, body.reason)))

    @router.post("/api/v1/standing/{decision}/appeal")
    async def appeal(decision: str, body: Appeal, person: Permitted) -> dict[str, Any]:
        """Appeal against a decision: the expert from the own seat, or whoever received it in writing."""
        known = standings.list.decisions.get(decision)
        if known is None:
            raise UnknownDecision(decision=decision[:64])
        if person.role is Role.EXPERT and not _is_about(known, person):
            raise NotPermitted(kind="appeal", role=person.role)
        return _line(await standings.act(_who(person), Appealed(decision, body.text)))

    @router.post("/api/v1/standing/{decision}/answer")
    async def answer(decision: str, body: Reply, person: Permitted) -> dict[str, Any]:
        """Answer an appeal, as neither who proposed nor who approved the decision."""
        act = Answered(decision, Outcome(body.outcome), body.reason, body.until_ms)
        return _line(await standings.act(_who(person), act))

    @router.post("/api/v1/standing/check")
    async def check(body: Subjects) -> dict[str, list[dict[str, Any]]]:
        """Say what is in force about experts who may be drawn or seated: a warning, never an exclusion by itself."""
        now = centre.clock.now()
        found = standings.list.about(body.subjects, now)
        return {subject: [_decision(one, now) for one in ones] for subject, ones in found.items()}

    @router.post("/api/v1/standing/seat")
    async def about_seat(body: Subject) -> list[dict[str, Any]]:
        """List what has to be looked at before this expert is given a seat: in force, or under appeal."""
        now = centre.clock.now()
        return [_decision(one, now) for one in standings.list.warnings(body.subject, now)]

    return router


def _who(person: Asking) -> Person:
    """Name who acts: a seat of a session, or whoever has the centre's operator code."""
    if isinstance(person, Claim):
        return Person(f"{SessionId(person.session)}/{person.seat}", person.role)
    return Person("operator", person.role)


def _is_about(one: Decision, person: Asking) -> bool:
    proposed = one.proposed
    return isinstance(person, Claim) and (proposed.session, proposed.seat) == (person.session, person.seat)


def _line(entry: Entry) -> dict[str, Any]:
    return {
        "number": entry.number,
        "at": entry.at,
        "by": entry.by.name,
        "role": entry.by.role,
        "type": type(entry.act).__name__,
        "act": asdict(entry.act),
    }


def _decision(one: Decision, now: int) -> dict[str, Any]:
    return {
        **asdict(one.proposed),
        "until_ms": one.until_ms,
        "digest": one.digest,
        "at": one.at,
        "proposed_by": one.by.name,
        "proposed_role": one.by.role,
        "approved_by": one.approved.name if one.approved else "",
        "refused_by": one.refused.name if one.refused else "",
        "appeal": one.appeal,
        "outcome": one.answered.outcome.value if one.answered else "",
        "answer": one.answered.reason if one.answered else "",
        "in_force": one.holds(now),
    }
