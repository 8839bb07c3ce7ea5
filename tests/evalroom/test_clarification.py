"""Questions to bidders: who drafts, sends, approves and relays; answers that are signed, late, marked or never come."""

from dataclasses import replace

import pytest

from evalroom import approval as ap
from evalroom import clarification as cl
from evalroom import commands as co
from evalroom import events as ev
from evalroom.errors import EvalroomError
from evalroom.events import Fact, Stage
from evalroom.ids import BIDDER_ACTOR, HOST_ACTOR, BidId, BidNumber, LotId, SeatCode
from evalroom.ledger.base64 import encode_base64
from evalroom.needs import Unready
from evalroom.roles import Role
from evalroom.sealing.custody import ForgedBidderAct, answer_message
from evalroom.session import NotMember, SecondPersonNeeded, WrongStage
from evalroom.tender import Part
from evalroom.visibility import Audience, view
from tests.evalroom import dark, opening
from tests.evalroom import room as plain
from tests.evalroom import test_orders as orders
from tests.evalroom.room import BIDS, EXPERTS, HOST, LOT, OPERATOR, REGULATOR, START, SUPERVISOR, Room

E1, E2, E3 = EXPERTS
HOUR = 3_600_000
TEXT, ANSWER = "Which crane is meant on page 12?", "The one of 50 t."
RULES = "[committee]\nchair = true\n[clarification]\napproval = {!r}\nwithin = '1h'\n"


def given_rules(approval: str) -> Room:
    """Return a session in its detailed review, E1 its chair, under a profile that wants this approval."""
    room = orders.at(Stage.GATHERING)
    opened = replace(orders.OPEN, profile=RULES.format(approval))
    room = Room(people={seat.code: plain.Person(seat) for seat in orders.SEATS})
    room.give(plain.by_host(opened))
    for person in room.people.values():
        room.give(person.check_in())
    for _ in range(4):
        orders.finish(room)
        room.advance()
    return room


def in_rehearsal(stage: Stage = Stage.DETAILED) -> Room:
    """Return a session without a chair, whose bids were imported; questions get two hours."""
    return plain.room_at(stage)


def draft(
    room: Room, by: SeatCode = E2, question: str = "q1", text: str = TEXT, bid: str = BIDS[0]
) -> co.Order:
    return room[by].order(co.DraftQuestion(question, LOT, BidId(bid), text))


def send(room: Room, by: SeatCode = E1, question: str = "q1") -> co.Order:
    return room[by].order(co.SendQuestion(question, room.session.asides.questions.all[question].digest))


def relay(room: Room, question: str = "q1", until: int = START + 2 * HOUR, at: int = START) -> co.Order:
    return replace(room[OPERATOR].order(co.RelayQuestion(question, until)), at=at)


def relayed(room: Room, by: SeatCode = E1, bid: str = BIDS[0]) -> Room:
    room.give(draft(room, by, bid=bid))
    room.give(send(room, by))
    room.give(relay(room))
    return room


def on_paper(room: Room, text: str = ANSWER, at: int = START) -> co.Order:
    return replace(room[OPERATOR].order(co.EnterAnswer("q1", text)), at=at)


def silence(at: int = START + 2 * HOUR + 1) -> co.Order:
    return co.Order(co.RecordSilence("q1"), at, HOST_ACTOR, HOST, Role.HOST)


def refused(room: Room, order: co.Order, why: type[EvalroomError]) -> None:
    with pytest.raises(why) as error:
        room.try_out(order)
    assert why is error.type


def state(room: Room) -> cl.Question:
    return room.session.asides.questions.all["q1"]


# --- drafting and sending -----------------------------------------------------------------------------


@pytest.mark.parametrize("stage", [Stage.PRELIMINARY, Stage.DETAILED, Stage.SUMMARY])
def test_a_question_goes_from_its_draft_to_its_answer(stage: Stage) -> None:
    room = in_rehearsal(stage)
    for order in (draft, send, relay, on_paper):
        facts = room.try_out(order(room))
        room.take(*facts)
    assert ANSWER == state(room).answer
    assert state(room).paper
    assert state(room).over


@pytest.mark.parametrize(
    "stage", [Stage.ELECTING, Stage.PRICING, Stage.REPORTING, Stage.SIGNING, Stage.CONCLUDED]
)
def test_no_bidder_is_asked_before_or_after_the_review(stage: Stage) -> None:
    refused(in_rehearsal(stage), draft(in_rehearsal(stage)), WrongStage)


@pytest.mark.parametrize("text", ["", " \n", "x" * 2_001, "a\0b", "a\x1b[2J"])
def test_a_question_is_a_text_of_some_length(text: str) -> None:
    room = in_rehearsal()
    refused(room, draft(room, text=text), cl.UnusableText)


def test_a_question_is_about_a_bid_that_is_still_in() -> None:
    room = in_rehearsal()
    refused(room, draft(room, bid="bid9"), cl.UnknownQuestion)
    refused(room, room[E1].order(co.DraftQuestion("q1", LotId("lot9"), BIDS[0], TEXT)), cl.UnknownQuestion)
    room.session.rejected[LOT] = (BIDS[0],)
    with pytest.raises(cl.UnknownQuestion):
        room.session.decide(draft(room))


def test_an_id_is_given_once() -> None:
    room = in_rehearsal()
    room.give(draft(room))
    refused(room, draft(room, E1), cl.QuestionTaken)


def test_only_the_chair_sends() -> None:
    room = given_rules("none")
    room.give(draft(room))
    refused(room, send(room, E2), cl.NotSender)
    room.give(send(room, E1))
    refused(room, send(room, E1), cl.UnknownQuestion)


def test_another_text_than_was_drafted_is_not_sent() -> None:
    room = in_rehearsal()
    room.give(draft(room))
    refused(room, room[E1].order(co.SendQuestion("q1", "00" * 32)), cl.OtherQuestion)
    refused(room, room[E1].order(co.SendQuestion("q2", "00" * 32)), cl.UnknownQuestion)


def test_a_reserve_asks_nobody() -> None:
    room = given_rules("none")
    refused(room, draft(room, orders.RESERVE), NotMember)


# --- approval -----------------------------------------------------------------------------------------


def proposed(room: Room, by: SeatCode = E1) -> co.Order:
    digest = room.session.asides.questions.all["q1"].digest
    return room[by].order(co.Propose("p1", ap.ReleaseQuestion("q1", digest), "page 12 contradicts page 30"))


@pytest.mark.parametrize("approval", ["regulator", "both"])
def test_a_question_that_wants_approval_is_not_sent_by_the_chair_alone(approval: str) -> None:
    room = given_rules(approval)
    room.give(draft(room))
    refused(room, send(room), SecondPersonNeeded)
    refused(room, proposed(room, E2), cl.NotSender)


def test_the_regulator_approves_the_digest_and_the_question_is_sent() -> None:
    room = given_rules("regulator")
    room.give(draft(room))
    room.give(proposed(room))
    refused(room, orders.approve(room, OPERATOR), ap.NotSecondPerson)
    facts = room.try_out(orders.approve(room))
    assert [ap.Approved, cl.QuestionSent] == [type(fact.event) for fact in facts]


@pytest.mark.parametrize("first", [REGULATOR, OPERATOR])
def test_both_have_to_approve_in_either_order_and_nobody_twice(first: SeatCode) -> None:
    room = given_rules("both")
    other = OPERATOR if first == REGULATOR else REGULATOR
    room.give(draft(room))
    room.give(proposed(room))
    facts = room.try_out(orders.approve(room, first))
    assert [ap.Approved] == [type(fact.event) for fact in facts]
    room.take(*facts)
    assert not state(room).sent
    refused(room, orders.approve(room, first), ap.NotSecondPerson)
    refused(room, orders.approve(room, SUPERVISOR), ap.NotSecondPerson)
    room.take(*room.try_out(orders.approve(room, other)))
    assert state(room).sent


def test_one_veto_is_enough_when_both_are_asked() -> None:
    room = given_rules("both")
    room.give(draft(room))
    room.give(proposed(room))
    order = orders.approve(room, OPERATOR)
    room.give(orders.approve(room, REGULATOR))
    digest = room.session.approvals.waiting["p1"].digest
    room.give(room[OPERATOR].order(co.Veto("p1", digest, "it hints at the price")))
    refused(room, order, ap.UnknownProposal)
    assert not state(room).sent


# --- relaying and answering ---------------------------------------------------------------------------


@pytest.mark.parametrize("until", [0, START + 2 * HOUR - 1, START + 26 * HOUR + 1])
def test_a_bidder_gets_the_time_of_the_rules_and_at_most_a_day_more(until: int) -> None:
    room = in_rehearsal()
    room.give(draft(room))
    refused(room, relay(room), cl.UnknownQuestion)
    room.give(send(room))
    refused(room, relay(room, until=until), cl.UnusableDeadline)


def test_a_question_is_relayed_once() -> None:
    room = relayed(in_rehearsal())
    refused(room, relay(room), cl.UnknownQuestion)


def test_an_answer_counts_until_its_hour_and_not_a_millisecond_longer() -> None:
    room = relayed(in_rehearsal())
    room.try_out(on_paper(room, at=START + 2 * HOUR))
    refused(room, on_paper(room, at=START + 2 * HOUR + 1), cl.AnswerLate)


def test_nobody_is_silent_before_the_hour() -> None:
    room = relayed(in_rehearsal())
    refused(room, silence(START + 2 * HOUR), cl.UnknownQuestion)
    room.take(*room.try_out(silence()))
    assert state(room).silent
    refused(room, on_paper(room), cl.UnknownQuestion)
    refused(room, silence(), cl.UnknownQuestion)


@pytest.mark.parametrize("text", ["", "x" * 4_001, "a\x07"])
def test_an_answer_is_a_text_of_some_length(text: str) -> None:
    room = relayed(in_rehearsal())
    refused(room, on_paper(room, text), cl.UnusableText)


def test_an_answer_comes_once_and_during_a_pause_too() -> None:
    room = relayed(in_rehearsal())
    room.give(room[SUPERVISOR].order(co.PauseSession("fire", None)))
    room.give(on_paper(room))
    refused(room, on_paper(room, "another"), cl.UnknownQuestion)


def test_an_answer_changes_no_cell_of_any_sheet() -> None:
    room = relayed(in_rehearsal())
    before = {key: dict(sheet.cells) for key, sheet in room.session.sheets.items()}
    room.give(on_paper(room))
    assert before == {key: dict(sheet.cells) for key, sheet in room.session.sheets.items()}


# --- what waits for an answer -------------------------------------------------------------------------


def test_the_group_view_and_the_next_stage_wait_for_an_answer_or_for_silence() -> None:
    room = relayed(in_rehearsal())
    for seat in EXPERTS:
        room.fill(seat)
        room.lock(seat)
    room.cosign()
    assert not room.session.ready_to_unlock(LOT, Part.DETAILED)
    with pytest.raises(Unready) as error:
        room.unlock()
    assert error.value.detail["needs"] == "questions"
    room.give(silence())
    room.unlock()
    assert not room.session.missing_for(Stage.PRICING)


def test_a_draft_that_was_never_sent_holds_nothing_up() -> None:
    room = in_rehearsal()
    room.give(draft(room))
    room.review()
    room.advance()


def test_a_question_about_a_lot_that_failed_holds_nothing_up() -> None:
    room = relayed(in_rehearsal())
    assert ("q1",) == room.session.asides.questions.waiting()
    room.take(Fact(START, HOST, HOST_ACTOR, ev.LotFailed(LOT, "ordered", "")))
    assert "questions" not in {need.code for need in room.session.missing_for(Stage.PRICING)}


def test_a_step_back_makes_later_questions_annexes_that_nobody_answers() -> None:
    room = given_rules("none")
    room.give(draft(room))
    room.give(send(room))
    room.give(relay(room, until=START + HOUR))
    orders.carry(room, E1, ap.StepBack(Stage.PRELIMINARY))
    assert state(room).annex
    assert not room.session.asides.questions.waiting()
    refused(room, on_paper(room), cl.UnknownQuestion)
    refused(room, draft(room), cl.QuestionTaken)


def test_a_question_of_an_earlier_stage_stands_when_a_later_one_is_void() -> None:
    room = plain.room_at(Stage.PRELIMINARY)
    relayed(room)
    room.give(on_paper(room))
    room.review()
    room.advance()
    room.session.asides.questions.void(Stage.DETAILED)
    assert not state(room).annex


def test_a_replacement_leaves_no_question_to_the_newcomer() -> None:
    room = given_rules("none")
    room.give(draft(room))
    seen = [fact for fact in room.history if isinstance(fact.event, cl.QuestionDrafted)]
    newcomer = Audience(orders.RESERVE, Role.EXPERT, HOST, HOST)
    assert () == view(seen[0], newcomer, room.session)
    orders.carry(room, SUPERVISOR, ap.ReplaceExpert(E2, orders.RESERVE))
    assert state(room).annex


# --- sealed bids: the bidder's own signature ------------------------------------------------------------


def sealed() -> opening.Opening:
    """Return a session with sealed bids in its detailed review, a question relayed to the first bidder."""
    room = opening.at("opened")
    room.advance()
    room.advance()
    for seat in EXPERTS:
        room.give(room[seat].accept(room.session.pledge.sha256))
    room.advance()
    room.advance()
    relayed(room, bid=opening.bid_id(opening.NUMBERS[0]))
    return room


def signed(
    room: Room,
    number: BidNumber,
    text: str = ANSWER,
    *,
    at: int = START,
    marked: bool = False,
    said: str = "",
) -> co.Order:
    """Return an answer signed with the key of bid `number`, over `said` where the text was changed afterwards."""
    digest = bytes.fromhex(state(room).digest)
    signature = opening.by_bidder(number, answer_message(plain.SESSION, number, digest, said or text))
    command = co.TakeAnswer("q1", text, signature, opening.envelope_key(number), marked)
    return co.Order(command, at, BIDDER_ACTOR, HOST, Role.BIDDER)


def test_a_bidder_answers_with_the_key_of_its_bid() -> None:
    room = sealed()
    (fact,) = room.try_out(signed(room, opening.NUMBERS[0]))
    assert BIDDER_ACTOR == fact.actor
    assert isinstance(fact.event, cl.QuestionAnswered)
    assert opening.NUMBERS[0] not in str(fact.event)


def test_a_forged_answer_is_refused() -> None:
    room = sealed()
    good = signed(room, opening.NUMBERS[0])
    assert isinstance(good.command, co.TakeAnswer)
    forged = [
        signed(room, opening.NUMBERS[1]),
        signed(room, opening.NUMBERS[0], said="another text"),
        replace(good, command=replace(good.command, signature="")),
        replace(good, command=replace(good.command, signature=encode_base64(bytes(64)))),
        replace(good, command=replace(good.command, key=opening.envelope_key(opening.NUMBERS[1]))),
    ]
    for order in forged:
        refused(room, order, ForgedBidderAct)


def test_an_answer_to_one_question_does_not_serve_for_another() -> None:
    room = sealed()
    order = signed(room, opening.NUMBERS[0])
    assert isinstance(order.command, co.TakeAnswer)
    room.give(draft(room, E1, "q2", bid=opening.bid_id(opening.NUMBERS[0])))
    room.give(send(room, E1, "q2"))
    room.give(relay(room, "q2"))
    refused(room, replace(order, command=replace(order.command, question="q2")), ForgedBidderAct)


def test_where_bidders_have_keys_nobody_enters_an_answer_for_them() -> None:
    room = sealed()
    refused(room, on_paper(room), cl.NotOnPaper)


def test_without_a_key_there_is_no_signed_answer() -> None:
    room = relayed(in_rehearsal())
    refused(room, signed(room, opening.NUMBERS[0]), cl.UnknownQuestion)


# --- dark lots ------------------------------------------------------------------------------------------


def dark_room(text: str = ANSWER, whose: dark.Whose = dark.FIRST_ORDER) -> dark.DarkRoom:
    """Return a dark session whose bid under the first code was asked and answered, told of marks."""
    room = dark.at_the_sheets(whose)
    room.give(draft(room, E1, bid=dark.CODES[0]))
    room.give(send(room))
    room.give(relay(room))
    number = next(one for one, code in whose.items() if code == dark.CODES[0])
    room.give(signed(room, number, text, marked=True))
    return room


def everybody_reads(room: Room) -> dict[SeatCode, str]:
    """Return all that each seat gets to read of a history."""
    out: dict[SeatCode, str] = dict.fromkeys((seat.code for seat in opening.SEATS), "")
    session = type(room.session)()
    for fact in room.history:
        session.evolve(fact)
        for seat in opening.SEATS:
            who = Audience(seat.code, seat.role, seat.site, seat.node)
            out[seat.code] += "".join(f"{seen.type} {seen.body}\n" for seen in view(fact, who, session))
    return out


def test_an_answer_that_names_its_bidder_is_asked_about_before_it_is_sent() -> None:
    room = dark.at_the_sheets()
    room.give(draft(room, E1, bid=dark.CODES[0]))
    room.give(send(room))
    room.give(relay(room))
    number = opening.NUMBERS[0]
    name = room.session.ceremony.bidder_of(number)
    refused(room, signed(room, number, f"We, {name}, mean the one of 50 t."), cl.MarkedAnswer)
    refused(room, signed(room, number, "call 13912345678"), cl.MarkedAnswer)
    answered, alarm = room.try_out(signed(room, number, "call 13912345678", marked=True))
    assert isinstance(answered.event, cl.QuestionAnswered)
    assert ("contact",) == answered.event.marks
    assert isinstance(alarm.event, ev.AlarmRaised)
    assert "13912345678" not in alarm.event.text


def test_what_may_name_the_bidder_nobody_reads_before_the_names_are_known() -> None:
    room = dark_room("call 13912345678")
    assert not [seat for seat, text in everybody_reads(room).items() if "13912345678" in text]
    room.review()
    seen = everybody_reads(room)
    assert "13912345678" in seen[E1]
    assert "13912345678" in seen[OPERATOR]


def test_an_answer_without_marks_is_read_at_once_and_names_nobody() -> None:
    text = everybody_reads(dark_room())[E2]
    assert ANSWER in text
    assert not [number for number in opening.NUMBERS if number in text.partition("QuestionDrafted")[2]]


def test_two_dark_sessions_that_differ_in_whose_bid_was_asked_give_experts_the_same_bytes() -> None:
    one, other = dark_room(), dark_room(whose=dark.OTHER_ORDER)
    for seat in EXPERTS:
        assert everybody_reads(one)[seat] == everybody_reads(other)[seat]


def test_signatures_of_answers_are_in_nobodys_feed() -> None:
    room = sealed()
    room.give(signed(room, opening.NUMBERS[0]))
    event = room.history[-1].event
    assert isinstance(event, cl.QuestionAnswered)
    assert not [seat for seat, text in everybody_reads(room).items() if event.signature in text]
