"""Whole sessions of random orders, legal and illegal, by anybody: what must hold in every one of them, after every order.

No stage is skipped.  Nobody sees a value before its time, and nobody ever one that was void before it was shown.  What is
void is void everywhere: no total, ranking or signature rests on it.  The fold of the journal is the live state.

`EVALROOM_SESSIONS` says how many sessions are played, 80 unless it does.
"""

import os
from dataclasses import replace
from fractions import Fraction
from functools import cache

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from evalroom import approval as ap
from evalroom import commands as co
from evalroom import events as ev
from evalroom import faults as fa
from evalroom import voting as vo
from evalroom.errors import EvalroomError
from evalroom.events import Fact, Stage
from evalroom.ids import HOST_ACTOR, BidId, ItemId, SeatCode
from evalroom.reporting import Stand
from evalroom.roles import Role
from evalroom.session import PART_OF
from evalroom.sheet import keys_of
from evalroom.stages import ROAD
from evalroom.tender import Item, Part
from evalroom.visibility import Audience, view
from tests.evalroom import room as plain
from tests.evalroom.room import (
    BIDS,
    EXPERTS,
    HOST,
    LOT,
    OPERATOR,
    REGULATOR,
    START,
    SUPERVISOR,
    WEST,
    Person,
    Room,
)
from tests.evalroom.test_orders import RESERVE, SEATS

HOUR = 3_600_000
RULES = """
[committee]
chair = true
rounds = 2
[pause]
second_person = true
[clarification]
approval = "both"
within = "1h"
"""
ITEMS = tuple(
    replace(one, full={"plan": "60", "record": "10"}.get(one.id, one.full))
    for one in plain.ITEMS
    if one.id in ("form", "licence", "plan", "record")
)
SMALL = replace(plain.LOT1, items=ITEMS, bids=plain.LOT1.bids[:3])
OPEN = replace(plain.OPEN, tender=replace(plain.TENDER, lots=(SMALL,)), seats=SEATS, profile=RULES)
READERS = tuple(Audience(seat.code, seat.role, seat.site, seat.node) for seat in SEATS)
ANY_EXPERT = st.sampled_from((*EXPERTS, RESERVE))
STAFF = st.sampled_from((OPERATOR, SUPERVISOR, REGULATOR))
ANYBODY = st.sampled_from((*EXPERTS, RESERVE, OPERATOR, SUPERVISOR, REGULATOR))
BEGINNINGS = (Stage.DETAILED, Stage.SUMMARY, Stage.PRELIMINARY, Stage.SIGNING, Stage.GATHERING)


def grade(seat: SeatCode, item: str) -> str:
    """Return what a member gives: members differ on the plan, agree on the record."""
    return {"plan": f"{30 + sorted((*EXPERTS, RESERVE)).index(seat)}", "record": "5"}.get(item, "pass")


def finish(room: Room) -> None:
    """Do what the stage asks for, as quickly as it can be done."""
    stage = room.session.stage
    if stage is Stage.GATHERING:
        for bid in BIDS[:3]:
            room.give(room[OPERATOR].import_bid(bid, str(plain.PRICES[bid])))
    elif stage is Stage.BRIEFED:
        for seat in room.session.experts():
            room.give(room[seat].accept(room.session.pledge.sha256))
    elif stage is Stage.ELECTING:
        for seat in room.session.experts():
            room.give(ballot(room, seat, EXPERTS[0]))
    elif stage in PART_OF:
        for seat in room.session.experts():
            fill(room, seat)
            room.lock(seat)
        room.cosign()
        room.unlock()
        room.answer_all()


def ballot(room: Room, seat: SeatCode, choice: str) -> co.Order:
    opened = next(iter(room.session.votes.open.values())).opened
    cmd = room[seat].new_id()
    commitment, secret = room[seat].secret(cmd, "/choice", choice)
    return room[seat].order(co.CastBallot(opened.vote, opened.round, commitment), cmd, (secret,))


def fill(room: Room, seat: SeatCode) -> None:
    part = PART_OF[room.session.stage]
    for bid, item in keys_of(room.session.lots[LOT], part, room.session.rejected.get(LOT, ())):
        revision = room.session.sheet(seat, LOT, part).revision((bid, item)) + 1
        room.give(room[seat].enter(bid, item, grade(seat, item), revision=revision, reason="plain"))


@cache
def _begin(stage: Stage) -> Room:
    if stage is Stage.GATHERING:
        room = Room(people={seat.code: Person(seat) for seat in SEATS})
        room.give(plain.by_host(OPEN))
        for person in room.people.values():
            room.give(person.check_in())
        return room
    room = _begin(ROAD[ROAD.index(stage) - 1]).copy()
    finish(room)
    room.advance()
    return room


class AnySession(RuleBasedStateMachine):
    """One session; every rule gives one order, or the few that belong together, and any of them may be refused."""

    def __init__(self) -> None:
        """Begin nowhere: `begin` chooses."""
        super().__init__()
        self.room = Room()
        self.now = START
        self.words = 0
        self.secrets: dict[str, tuple[SeatCode, Part]] = {}
        self.names = 0

    @initialize(stage=st.sampled_from(BEGINNINGS))
    def begin(self, stage: Stage) -> None:
        self.room = _begin(stage).copy()

    # --- giving orders ----------------------------------------------------------------------------------

    def attempt(self, order: co.Order) -> bool:
        """Give an order; a refusal must be one of ours, and leave everything as it was."""
        try:
            facts = self.room.session.decide(replace(order, at=self.now))
        except EvalroomError:
            return False
        for fact in facts:
            before = self.room.session.stage
            assert fact == plain.through_bytes(fact)
            self.room.take(fact)
            self.check_step(before, fact)
            self.check_seen(fact)
            self.check_totals(fact)
        return True

    def name(self, first: str) -> str:
        self.names += 1
        return f"{first}{self.names}"

    # --- what must hold ---------------------------------------------------------------------------------

    def check_step(self, before: Stage, fact: Fact) -> None:
        """Refuse to believe in a stage that was skipped: on by one, back by order, or to an end."""
        after, event = self.room.session.stage, fact.event
        if after is before:
            return
        match event:
            case ev.StageChanged():
                assert ROAD.index(after) == ROAD.index(before) + 1
            case ev.SteppedBack():
                assert Stage.PRELIMINARY in ROAD[: ROAD.index(after) + 1]
                assert ROAD.index(after) < ROAD.index(before)
            case ev.ExpertReplaced():
                assert after is Stage.BRIEFED
            case ev.TenderFailed() | ev.SessionAborted():
                assert after in (Stage.FAILED, Stage.ABORTED)
            case ev.SessionClosed():
                assert before in (Stage.CONCLUDED, Stage.FAILED, Stage.ABORTED)
            case _:
                raise AssertionError(f"{type(event).__name__} led from {before} to {after}")

    def check_seen(self, fact: Fact) -> None:
        """Let nobody but its owner read a reason before the unlock of its part, and a void one never."""
        session = self.room.session
        for who in READERS:
            for seen in view(fact, who, session):
                text = f"{seen.body}{dict(seen.opened)}"
                for word in [word for word in self.secrets if word in text]:
                    owner, part = self.secrets[word]
                    assert who.seat == owner or (LOT, part) in session.unlocked, (who, word)
                    assert who.seat == owner or owner in session.members, (who, word)
                    assert who.role is not Role.EXPERT or who.seat == owner or who.seat in session.members

    def check_totals(self, fact: Fact) -> None:
        """Work a ranking out again from the sheets of whoever is a member now, and from nothing else."""
        event, session = fact.event, self.room.session
        if not isinstance(event, ev.RankingComputed):
            return
        members = session.experts()
        for row in event.rows:
            points = [
                Fraction(session.sheet(seat, LOT, Part.DETAILED).cells[row.bid, ItemId(item)].value)
                for seat in members
                for item in ("plan", "record")
            ]
            assert Fraction(row.technical) == sum(points, Fraction(0)) / len(members)

    @invariant()
    def the_fold_of_the_journal_is_the_live_state(self) -> None:
        if self.room.history:
            assert plain.fold(self.room.history) == self.room.session

    @invariant()
    def what_is_void_is_void_everywhere(self) -> None:
        session = self.room.session
        at = ROAD.index(session.stage) if session.stage in ROAD else len(ROAD)
        if at < ROAD.index(Stage.PRICING):
            assert not session.prices
        if at < ROAD.index(Stage.SUMMARY):
            assert not session.rankings
        if at < ROAD.index(Stage.SIGNING):
            assert not session.reports.signed
        if at <= ROAD.index(Stage.BRIEFED):
            assert not session.unlocked
            assert not session.rejected.get(LOT, ())
            assert not session.asides.questions.waiting()
        signatories = {seat for _, seat in session.reports.signed}
        assert signatories <= set(session.members) or at == len(ROAD)
        assert not [key for key in session.sheets if key[0] in session.left]

    # --- orders -----------------------------------------------------------------------------------------

    @rule()
    def finish_and_go_on(self) -> None:
        """Do whatever this stage asks for, as far as it is allowed, and ask for the next."""
        session = self.room.session
        self.get_going()
        if session.stage in PART_OF:
            for seat in session.experts():
                self.fill_in(seat)
                self.attempt(self.room[seat].lock(session, PART_OF[session.stage]))
            self.unlock()
        for seat in session.experts():
            self.attempt(self.room[seat].accept(session.pledge.sha256))
            self.answer(seat)
            if session.votes.open:
                options = next(iter(session.votes.open.values())).opened.options
                self.attempt(ballot(self.room, seat, options[0]))
            self.justify(seat)
            self.sign(seat, "")
        if session.stage is Stage.GATHERING:
            for bid in BIDS[:3]:
                self.attempt(self.room[OPERATOR].import_bid(bid, str(plain.PRICES[bid])))
        self.advance(0)

    def get_going(self) -> None:
        """Let a paused session go on by whichever way is open."""
        if self.room.session.paused:
            self.mend_faults(OPERATOR)
            self.settle_faults(fa.Way.GO_ON)
            self.order_by_two((SUPERVISOR, ap.Resume()))

    @rule(skip=st.sampled_from((0, 0, 0, -1, 1, 2)))
    def advance(self, skip: int) -> None:
        session = self.room.session
        at = ROAD.index(session.stage) if session.stage in ROAD else 0
        after = ROAD[min(max(at + 1 + skip, 0), len(ROAD) - 1)]
        done = self.attempt(self.room[OPERATOR].order(co.AdvanceStage(session.stage, after, "")))
        assert not (done and skip)

    @rule(
        seat=ANY_EXPERT, bid=st.sampled_from(BIDS[:3]), item=st.sampled_from(ITEMS), ahead=st.integers(0, 2)
    )
    def enter(self, seat: SeatCode, bid: BidId, item: Item, ahead: int) -> None:
        """Enter a cell with a reason that is found nowhere else; `ahead` is 1 where the revision is right."""
        part, name = item.part, item.id
        revision = self.room.session.sheet(seat, LOT, part).revision((bid, name)) + ahead
        self.words += 1
        word = f"secret-{self.words}-"
        order = self.room[seat].enter(bid, name, grade(seat, name), revision=revision, reason=word)
        self.secrets[word] = (seat, part)
        if not self.attempt(order):
            del self.secrets[word]

    def fill_in(self, seat: SeatCode) -> None:
        part = PART_OF[self.room.session.stage]
        for bid, item in keys_of(self.room.session.lots[LOT], part, self.room.session.rejected.get(LOT, ())):
            sheet = self.room.session.sheet(seat, LOT, part)
            if sheet.locked is None and not sheet.revision((bid, item)):
                self.attempt(self.room[seat].enter(bid, item, grade(seat, item), reason="plain"))

    @rule(seat=ANY_EXPERT, part=st.sampled_from(Part))
    def lock(self, seat: SeatCode, part: Part) -> None:
        self.attempt(self.room[seat].lock(self.room.session, part))

    @rule(seat=ANY_EXPERT)
    def answer(self, seat: SeatCode) -> None:
        for one in self.room.session.findings.open_to(seat):
            self.attempt(self.room[seat].answer(one.event.finding))

    @rule()
    def unlock(self) -> None:
        note = co.HostFact(self.now, ev.CheckpointCosigned(self.room.session.size, "root", plain.WITNESSES))
        self.attempt(plain.by_host(co.NoteFacts((note,))))
        for part in Part:
            self.attempt(plain.by_host(co.UnlockGroup(LOT, part)))

    @rule(seat=ANYBODY)
    def pause_or_resume(self, seat: SeatCode) -> None:
        commands = (co.ResumeSession("it is over"), co.PauseSession("fire", None))
        self.attempt(self.room[seat].order(commands[not self.room.session.paused]))

    @rule(seat=ANYBODY, act=st.sampled_from((
        ap.StepBack(Stage.PRELIMINARY), ap.StepBack(Stage.DETAILED), ap.StepBack(Stage.PRICING),
        ap.ReplaceExpert(EXPERTS[0], RESERVE), ap.ReplaceExpert(EXPERTS[1], RESERVE), ap.Resume(),
        ap.ReopenSheet(EXPERTS[1], LOT, Part.DETAILED), ap.CorrectPrice(LOT, BIDS[0], 97_000_000),
        ap.Reevaluate("sum"), ap.ReopenForComplaint(), ap.AbortSession(), ap.FailLot(LOT),
    )))  # fmt: skip
    def propose(self, seat: SeatCode, act: ap.Act) -> None:
        self.attempt(self.room[seat].order(co.Propose(self.name("p"), act, "as the rules allow")))

    @rule(act=st.sampled_from((  # in this order: what Hypothesis shrinks to should lead somewhere
        (EXPERTS[0], ap.StepBack(Stage.PRELIMINARY)), (EXPERTS[0], ap.StepBack(Stage.DETAILED)),
        (EXPERTS[0], ap.StepBack(Stage.SUMMARY)), (SUPERVISOR, ap.ReplaceExpert(EXPERTS[2], RESERVE)), (SUPERVISOR, ap.Resume()),
        (EXPERTS[0], ap.ReopenSheet(EXPERTS[1], LOT, Part.DETAILED)), (OPERATOR, ap.Reevaluate("sum")),
        (OPERATOR, ap.ReopenForComplaint()),
    )))  # fmt: skip
    def order_by_two(self, act: tuple[SeatCode, ap.Act]) -> None:
        seat, what = act
        self.attempt(self.room[seat].order(co.Propose(self.name("p"), what, "as the rules allow")))
        self.decide(REGULATOR, yes=True)

    @rule(seat=ANYBODY, yes=st.booleans())
    def decide(self, seat: SeatCode, *, yes: bool) -> None:
        for proposal, one in list(self.room.session.approvals.waiting.items()):
            command = co.Approve(proposal, one.digest) if yes else co.Veto(proposal, one.digest, "no ground")
            self.attempt(self.room[seat].order(command))

    @rule(seat=ANY_EXPERT)
    def recuse(self, seat: SeatCode) -> None:
        self.attempt(self.room[seat].order(co.RecuseSelf(seat, "my brother works there")))

    @rule(seat=ANY_EXPERT, choice=st.sampled_from((*EXPERTS, vo.GO_ON, vo.REJECT_ALL)))
    def vote(self, seat: SeatCode, choice: str) -> None:
        if self.room.session.votes.open:
            self.attempt(ballot(self.room, seat, choice))

    @rule(seat=ANY_EXPERT, dissent=st.sampled_from(("", "I disagree")))
    def sign(self, seat: SeatCode, dissent: str) -> None:
        stand = Stand.DISSENTS if dissent else Stand.AGREES
        digest = self.room.session.report_digest(LOT)
        self.attempt(self.room[seat].order(co.SignReport(LOT, digest, stand, dissent)))

    @rule(seat=ANY_EXPERT)
    def justify(self, seat: SeatCode) -> None:
        session = self.room.session
        problems = session.problems_of(session.lots[LOT]) if session.stage is Stage.REPORTING else ()
        for one in problems:
            reason = co.JustifyWarning(LOT, one.code.value, "looked into, and so it stays")
            self.attempt(self.room[seat].order(reason))

    @rule(seat=ANY_EXPERT, bid=st.sampled_from(BIDS))
    def draft_question(self, seat: SeatCode, bid: BidId) -> None:
        self.attempt(self.room[seat].order(co.DraftQuestion(self.name("q"), LOT, bid, "Which crane?")))

    @rule(far=st.booleans())
    def lead_questions_on(self, *, far: bool) -> None:
        """Send, have approved, relay and, if `far`, answer whatever was drafted."""
        for name, one in list(self.room.session.asides.questions.all.items()):
            act = ap.ReleaseQuestion(name, one.digest)
            chair = self.room.session.chair or EXPERTS[0]
            self.attempt(self.room[chair].order(co.SendQuestion(name, one.digest)))
            self.attempt(self.room[chair].order(co.Propose(self.name("p"), act, "page 12")))
            for seat in (REGULATOR, OPERATOR):
                self.decide(seat, yes=True)
            self.attempt(self.room[OPERATOR].order(co.RelayQuestion(name, self.now + HOUR)))
            if far:
                self.attempt(self.room[OPERATOR].order(co.EnterAnswer(name, "The red one.")))
            self.attempt(co.Order(co.RecordSilence(name), self.now, HOST_ACTOR, HOST, Role.HOST))

    @rule(hours=st.sampled_from((0.5, 1.0, 5.0)))
    def wait(self, hours: float) -> None:
        self.now += int(hours * HOUR) + 1

    @rule(seat=ANYBODY)
    def ask_for_time(self, seat: SeatCode) -> None:
        self.attempt(self.room[seat].order(co.AskMoreTime("many bids")))
        self.attempt(self.room[OPERATOR].order(co.GrantMoreTime(self.now + HOUR, "agreed")))

    @rule(seat=STAFF, late=st.booleans())
    def break_down(self, seat: SeatCode, *, late: bool) -> None:
        """Declare a fault and, as often as not, let its time pass."""
        if self.attempt(self.room[seat].order(co.DeclareFault(self.name("f"), WEST, "no power"))) and late:
            self.wait(5.0)

    @rule()
    def go_on(self) -> None:
        self.get_going()

    @rule(seat=STAFF)
    def mend_faults(self, seat: SeatCode) -> None:
        for fault in self.room.session.asides.faults.all:
            self.attempt(self.room[seat].order(co.MendFault(fault, "a new fuse")))

    @rule(way=st.sampled_from(fa.Way))
    def settle_faults(self, way: fa.Way) -> None:
        for fault in list(self.room.session.asides.faults.all):
            until = self.now + HOUR if way is fa.Way.PUT_OFF else 0
            act = ap.SettleFault(fault, way, until)
            self.attempt(self.room[OPERATOR].order(co.Propose(self.name("p"), act, "agreed by telephone")))
            self.decide(REGULATOR, yes=True)

    @rule(seat=ANY_EXPERT)
    def state(self, seat: SeatCode) -> None:
        complaint = self.room.session.asides.complaints.open
        digest = self.room.session.results_digest()
        self.attempt(self.room[seat].order(co.SignSupplement(complaint, digest, "It stands.")))

    @rule(seat=STAFF)
    def end(self, seat: SeatCode) -> None:
        complaint = self.room.session.asides.complaints.open
        self.attempt(self.room[seat].order(co.CloseComplaint(complaint, "answered")))
        if complaint or self.room.session.stage in (Stage.FAILED, Stage.ABORTED):
            self.attempt(self.room[OPERATOR].order(co.CloseSession("done")))
        self.attempt(self.room[seat].order(co.FailTender("no lot is left")))


AnySession.TestCase.settings = settings(
    max_examples=int(os.environ.get("EVALROOM_SESSIONS", "80")),
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
# What fails is made smaller for at most five minutes; cut off earlier it would be called flaky.
TestAnySession = pytest.mark.timeout(420)(AnySession.TestCase)
