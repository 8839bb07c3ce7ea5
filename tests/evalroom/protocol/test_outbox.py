"""Commands wait until they are answered, in an order no link can turn round."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from evalroom.ids import CommandId
from evalroom.protocol.messages import Submit
from evalroom.protocol.outbox import RESEND_MS, Outbox, target_of
from evalroom.tender import Part
from tests.evalroom.protocol.host import submit_of
from tests.evalroom.room import BIDS, EXPERTS, LOT, SEAT, Person


def score(bid: int = 0, item: str = "plan", *, revision: int = 1, seat: str = "") -> Submit:
    return submit_of(PERSON.enter(BIDS[bid], item, "1", revision=revision), seat)


def lock(seat: str = "") -> Submit:
    return submit_of(PERSON.lock_with("", "", Part.DETAILED), seat)


PERSON = Person(SEAT[EXPERTS[0]])


def box(*submits: Submit) -> Outbox:
    out = Outbox()
    for one in submits:
        out.add(one)
    return out


def test_a_later_revision_never_travels_with_an_earlier_one() -> None:
    first, second = score(revision=1), score(revision=2)
    out = box(first, second)
    assert [first] == out.due(0)
    assert [] == out.due(RESEND_MS - 1)
    assert out.settle(first.command_id)
    assert [second] == out.due(RESEND_MS - 1)


def test_other_cells_do_not_wait() -> None:
    cells = [score(0), score(1), score(0, "quality")]
    assert cells == box(*cells).due(0)


def test_a_lock_waits_for_every_score_before_it_and_holds_back_every_score_after_it() -> None:
    first, second, closing, late = score(0), score(1), lock(), score(2)
    out = box(first, second, closing, late)
    assert [first, second] == out.due(0)
    out.settle(second.command_id)
    assert [] == out.due(1)
    out.settle(first.command_id)
    assert [closing] == out.due(2)
    out.settle(closing.command_id)
    assert [late] == out.due(3)


def test_seats_of_one_node_do_not_wait_for_each_other() -> None:
    submits = [score(seat="E1"), lock(seat="E2"), score(seat="E3")]
    assert submits == box(*submits).due(0)


def test_what_is_not_answered_is_sent_again_unchanged() -> None:
    one = score()
    out = box(one)
    assert [one] == out.due(0)
    assert RESEND_MS == out.next_deadline()
    assert [] == out.due(RESEND_MS - 1)
    assert [one] == out.due(RESEND_MS)


def test_after_a_reconnect_everything_goes_out_again_at_once() -> None:
    one = score()
    out = box(one)
    out.due(0)
    out.link_lost()
    assert [one] == out.due(1)


def test_the_same_id_is_the_same_command() -> None:
    one = score()
    out = box(one, replace(one, client_ms=7))
    assert [one] == list(out.pending.values())


def test_an_answer_to_nothing_is_no_answer() -> None:
    assert not box().settle(CommandId("00" * 16))
    one = score()
    out = box(one)
    assert [True, False] == [out.settle(one.command_id), out.settle(one.command_id)]


def test_an_empty_outbox_waits_for_nothing() -> None:
    assert box().next_deadline() is None
    assert [] == box().due(0)


def test_what_was_never_sent_is_due_at_once() -> None:
    assert 0 == box(score()).next_deadline()


def test_a_command_changes_one_cell_or_everything_of_its_seat() -> None:
    assert f"E1/{LOT}/bid1/plan" == target_of(score(seat="E1"))
    assert "E1/*" == target_of(lock(seat="E1"))


@given(st.lists(st.sampled_from(["a", "b", "lock"]), max_size=12), st.randoms())
def test_commands_of_one_target_are_answered_in_the_order_they_were_given(
    kinds: list[str], dice: object
) -> None:
    submits = [lock() if kind == "lock" else score(0, "plan" if kind == "a" else "quality") for kind in kinds]
    out, answered, now = box(*submits), [], 0
    on_the_way: list[Submit] = []
    while out.pending:
        on_the_way += out.due(now)
        assert on_the_way, "nothing waits for an answer, yet something is pending"
        one = on_the_way.pop(dice.randrange(len(on_the_way)))  # type: ignore[attr-defined] # hypothesis' own random
        out.settle(one.command_id)
        answered.append(one)
        now += 1
    for target in ("plan", "quality"):
        mine = [one for one in submits if target_of(one).endswith((target, "*"))]
        assert mine == [one for one in answered if target_of(one).endswith((target, "*"))]
