"""The standing list: nobody decides alone, nobody decides an appeal against themselves, nothing is rewritten."""

from dataclasses import replace

import pytest

from evalroom.errors import MalformedName
from evalroom.roles import Role
from main_site.standing import (
    MAX_SPAN_MS,
    Act,
    Answered,
    Appealed,
    Approved,
    Entry,
    Kind,
    NotSecondPerson,
    OtherDecision,
    Outcome,
    Person,
    Proposed,
    Refused,
    Seated,
    StandingList,
    StandingWarning,
    SuspendedExpert,
    TrailBroken,
    UnknownDecision,
    UnusableDecision,
    digest_of,
    fold,
)

OPERATOR = Person("operator", Role.OPERATOR)
SUPERVISOR, OTHER = Person("S-1/S1", Role.SUPERVISOR), Person("S-2/S1", Role.SUPERVISOR)
REGULATOR, EXPERT = Person("S-1/R1", Role.REGULATOR), Person("S-1/E1", Role.EXPERT)
DAY = 86_400_000
CASE = Proposed("d1", "P-0042", Kind.SUSPENDED, "left early twice", "S-1", "E1", 17, 10 * DAY, 40 * DAY)


class Desk:
    """A list with its trail, as a centre keeps it."""

    def __init__(self) -> None:
        self.list = StandingList()
        self.trail: list[Entry] = []
        self.at = 11 * DAY

    def give(self, by: Person, act: Act) -> None:
        entry = self.list.next(self.at, by, act)
        self.list.take(entry)
        self.trail.append(entry)

    def refused(self, by: Person, act: Act, why: type[Exception]) -> None:
        before = self.list.head
        with pytest.raises(why):
            self.list.next(self.at, by, act)
        assert before == self.list.head

    def kinds(self) -> list[Kind]:
        return [one.proposed.kind for one in self.list.about(["P-0042"], self.at).get("P-0042", [])]


def approved(case: Proposed = CASE) -> Desk:
    desk = Desk()
    desk.give(OPERATOR, case)
    desk.give(SUPERVISOR, Approved(case.decision, digest_of(case)))
    return desk


def test_nobody_approves_what_they_proposed_nor_does_somebody_of_the_same_role() -> None:
    desk = Desk()
    desk.give(SUPERVISOR, CASE)
    for by in (SUPERVISOR, OTHER):
        desk.refused(by, Approved("d1", digest_of(CASE)), NotSecondPerson)
        desk.refused(by, Refused("d1", digest_of(CASE), "no"), NotSecondPerson)
    desk.give(REGULATOR, Approved("d1", digest_of(CASE)))
    assert [Kind.SUSPENDED] == desk.kinds()


def test_a_proposal_alone_stands_for_nothing() -> None:
    desk = Desk()
    desk.give(OPERATOR, CASE)
    assert [] == desk.kinds()
    desk.give(REGULATOR, Refused("d1", digest_of(CASE), "no evidence"))
    assert [] == desk.kinds()
    desk.refused(SUPERVISOR, Approved("d1", digest_of(CASE)), UnknownDecision)


@pytest.mark.parametrize(
    "change",
    [
        {"subject": "P-0043"},
        {"kind": Kind.WARNED},
        {"ground": "x"},
        {"entry": 18},
        {"seat": "E2"},
        {"until_ms": 41 * DAY},
    ],
)
def test_the_digest_approved_covers_every_word_of_the_proposal(change: dict[str, object]) -> None:
    desk = Desk()
    desk.give(OPERATOR, CASE)
    desk.refused(REGULATOR, Approved("d1", digest_of(replace(CASE, **change))), OtherDecision)  # type: ignore[arg-type] # members by name


@pytest.mark.parametrize(
    "change",
    [
        {"subject": " "}, {"subject": "x" * 65}, {"ground": ""}, {"ground": "x" * 2001}, {"session": ""},
        {"until_ms": 10 * DAY}, {"until_ms": 9 * DAY}, {"until_ms": 10 * DAY + MAX_SPAN_MS + 1}, {"since_ms": -1}, {"entry": -1},
    ],
)  # fmt: skip
def test_a_decision_without_ground_evidence_or_end_is_none(change: dict[str, object]) -> None:
    Desk().refused(OPERATOR, replace(CASE, **change), UnusableDecision)  # type: ignore[arg-type] # members by name


def test_a_decision_has_a_name_of_its_own_that_may_stand_in_a_path() -> None:
    approved().refused(OPERATOR, CASE, UnusableDecision)
    Desk().refused(OPERATOR, replace(CASE, decision="../d1"), MalformedName)


def test_it_holds_from_its_first_day_until_its_last() -> None:
    desk = approved()
    for at, kinds in (
        (10 * DAY - 1, []),
        (10 * DAY, [Kind.SUSPENDED]),
        (40 * DAY - 1, [Kind.SUSPENDED]),
        (40 * DAY, []),
    ):
        desk.at = at
        assert kinds == desk.kinds()
    assert {} == desk.list.about(["P-0043"], 11 * DAY)


def test_an_appeal_is_answered_by_neither_of_the_two_who_decided() -> None:
    desk = approved()
    desk.refused(REGULATOR, Answered("d1", Outcome.LIFTED, "right", 0), UnknownDecision)
    desk.give(EXPERT, Appealed("d1", "the train was late"))
    desk.refused(EXPERT, Appealed("d1", "again"), UnknownDecision)
    for by in (OPERATOR, SUPERVISOR):
        desk.refused(by, Answered("d1", Outcome.LIFTED, "right", 0), NotSecondPerson)
    assert [Kind.SUSPENDED] == desk.kinds(), "an appeal alone lifts nothing"
    desk.give(REGULATOR, Answered("d1", Outcome.LIFTED, "the train was late", 0))
    assert [] == desk.kinds()
    desk.refused(REGULATOR, Answered("d1", Outcome.UPHELD, "no", 0), UnknownDecision)


def test_a_shortened_decision_ends_earlier_and_never_later() -> None:
    desk = approved()
    desk.give(OPERATOR, Appealed("d1", "by letter"))
    for outcome, until in (
        (Outcome.SHORTENED, 40 * DAY), (Outcome.SHORTENED, 50 * DAY), (Outcome.SHORTENED, 0), (Outcome.UPHELD, 20 * DAY),
    ):  # fmt: skip
        desk.refused(REGULATOR, Answered("d1", outcome, "x", until), UnusableDecision)
    desk.give(REGULATOR, Answered("d1", Outcome.SHORTENED, "half of it", 20 * DAY))
    desk.at = 20 * DAY
    assert [] == desk.kinds()


def test_lifting_a_decision_that_is_over_does_not_bring_it_back() -> None:
    desk = approved()
    desk.at = 50 * DAY
    desk.give(EXPERT, Appealed("d1", "for the record"))
    desk.give(REGULATOR, Answered("d1", Outcome.LIFTED, "agreed", 0))
    desk.at = 41 * DAY
    assert [] == desk.kinds()


@pytest.mark.parametrize("text", ["", "  ", "x" * 2001])
def test_whoever_refuses_appeals_or_answers_says_why(text: str) -> None:
    desk = Desk()
    desk.give(OPERATOR, CASE)
    desk.refused(REGULATOR, Refused("d1", digest_of(CASE), text), UnusableDecision)
    desk = approved()
    desk.refused(EXPERT, Appealed("d1", text), UnusableDecision)
    desk.give(EXPERT, Appealed("d1", "late train"))
    desk.refused(REGULATOR, Answered("d1", Outcome.UPHELD, text, 0), UnusableDecision)


def test_a_trail_that_was_changed_shortened_inside_or_reordered_is_no_trail() -> None:
    desk = approved()
    desk.give(EXPERT, Appealed("d1", "late train"))
    assert desk.list == fold(desk.trail)
    first, second, third = desk.trail
    kinder = replace(first, act=replace(CASE, kind=Kind.WARNED))
    for trail in (
        [kinder, second, third],
        [first, third],
        [second, third],
        [first, third, second],
        [replace(first, at=0), second],
    ):
        with pytest.raises(TrailBroken):
            fold(trail)


def test_the_digest_is_the_one_the_pages_compute() -> None:
    """The same stands in web/tests/people/wizard.test.ts."""
    assert "5856f606f366ce32" == digest_of(CASE)[:16]


# --- giving a seat ------------------------------------------------------------------------------------

WARNED = replace(CASE, decision="w1", kind=Kind.WARNED)
SEAT = Seated("P-0042", "S-9", "E3", ("w1",), "nobody else of this class is left")


def listed(*cases: Proposed) -> Desk:
    desk = Desk()
    for case in cases:
        desk.give(SUPERVISOR, case)
        desk.give(REGULATOR, Approved(case.decision, digest_of(case)))
    return desk


def test_a_seat_is_given_to_whoever_is_on_the_list_once_everything_about_them_was_looked_at() -> None:
    desk = listed(WARNED)
    for less in (replace(SEAT, decisions=()), replace(SEAT, decisions=("w1", "w2"))):
        desk.refused(OPERATOR, less, StandingWarning)
    desk.refused(OPERATOR, replace(SEAT, reason=" "), UnusableDecision)
    before = desk.list.decisions
    desk.give(OPERATOR, SEAT)
    assert before == desk.list.decisions
    assert fold(desk.trail) == desk.list


def test_a_suspended_expert_gets_no_seat_however_often_somebody_looks() -> None:
    desk = listed(CASE)
    desk.refused(OPERATOR, replace(SEAT, decisions=("d1",)), SuspendedExpert)


def test_a_decision_under_appeal_is_to_be_looked_at_though_it_has_ended_and_praise_is_not() -> None:
    desk = listed(WARNED, replace(CASE, decision="p1", kind=Kind.PRAISED))
    desk.give(EXPERT, Appealed("w1", "a late train"))
    desk.at = 41 * DAY
    assert ["w1"] == [one.proposed.decision for one in desk.list.warnings("P-0042", desk.at)]
    desk.give(OPERATOR, SEAT)
    desk.give(OTHER, Answered("w1", Outcome.LIFTED, "the train was late", 0))
    assert [] == desk.list.warnings("P-0042", desk.at)


def test_what_is_only_proposed_warns_nobody() -> None:
    desk = Desk()
    desk.give(SUPERVISOR, WARNED)
    assert [] == desk.list.warnings("P-0042", desk.at)
    desk.refused(OPERATOR, SEAT, StandingWarning)
