"""Who is drawn of an order, and who comes next."""

import random
from collections.abc import Sequence
from dataclasses import replace

from evalroom.draws.facts import DrawDeclared, ExpertClass, Place, PoolExpert
from evalroom.draws.selection import drawable, select, shortage, successor
from tests.evalroom.drawing import ECONOMIC, TECHNICAL, expert_draw, price_draw

COMMAND = expert_draw()
ROSTER = DrawDeclared(**{name: getattr(COMMAND, name) for name in DrawDeclared.__slots__})
SIMPLE = replace(ROSTER, options=("a", "b", "c", "d"), experts=(), places=(), make_up=None, count=2)


def expert(name: str, kind: ExpertClass, region: str, *, recused: bool = False) -> PoolExpert:
    return PoolExpert(name, kind, region, "00" * 32, recused)


def roster(experts: Sequence[PoolExpert], places: Sequence[Place]) -> DrawDeclared:
    return replace(
        ROSTER, experts=tuple(experts), places=tuple(places), count=sum(one.count for one in places)
    )


def test_the_first_of_the_order_are_drawn() -> None:
    assert ("d", "a") == select(SIMPLE, ("d", "a", "c", "b"))


def test_a_recused_expert_is_not_in_the_list() -> None:
    listed = [expert("1", TECHNICAL, "GS", recused=True), expert("2", TECHNICAL, "GS")]
    assert ("2",) == drawable(roster(listed, [Place(TECHNICAL, "", 1)]))
    assert price_draw().options == drawable(replace(SIMPLE, options=price_draw().options))


def test_rows_are_filled_one_after_the_other_from_one_order() -> None:
    listed = [
        expert("1", TECHNICAL, "GS"),
        expert("2", TECHNICAL, "NX"),
        expert("3", ECONOMIC, "GS"),
        expert("4", TECHNICAL, "GS"),
    ]
    declared = roster(listed, [Place(TECHNICAL, "NX", 1), Place(TECHNICAL, "", 1), Place(ECONOMIC, "", 1)])
    assert ("2", "4", "3") == select(declared, ("4", "3", "2", "1"))


def test_whatever_the_order_is_no_row_stays_empty_when_no_shortage_was_found() -> None:
    dice = random.Random(7)
    held = 0
    for _ in range(400):
        listed = [
            expert(f"{number}", dice.choice([TECHNICAL, ECONOMIC]), dice.choice(["GS", "NX"]))
            for number in range(dice.randrange(2, 9))
        ]
        places = [
            Place(dice.choice([TECHNICAL, ECONOMIC]), dice.choice(["", "GS"]), dice.randrange(1, 3))
            for _ in range(3)
        ]
        declared = roster(listed, places)
        if shortage(declared) is None:
            held += 1
            for _ in range(10):
                drawn = select(declared, dice.sample([one.id for one in listed], len(listed)))
                assert "" not in drawn
                assert len(set(drawn)) == len(drawn)
    assert held > 20


def test_a_row_that_an_earlier_one_might_drain_is_named() -> None:
    listed = [expert("1", TECHNICAL, "GS"), expert("2", TECHNICAL, "GS")]
    places = [Place(TECHNICAL, "", 2), Place(TECHNICAL, "GS", 1)]
    assert places[1] == shortage(roster(listed, places))
    assert shortage(roster([*listed, expert("3", TECHNICAL, "GS")], places)) is None


def test_who_left_never_comes_back() -> None:
    order = ("d", "a", "c", "b")
    assert "c" == successor(SIMPLE, order, ("d", "a"), "a", ())
    assert "b" == successor(SIMPLE, order, ("d", "c"), "c", ("a",))
    assert "" == successor(SIMPLE, order, ("d", "b"), "b", ("a", "c"))


def test_a_reserve_fits_the_place_that_is_free() -> None:
    listed = [
        expert("1", TECHNICAL, "GS"),
        expert("2", ECONOMIC, "GS"),
        expert("3", TECHNICAL, "GS"),
        expert("4", ECONOMIC, "GS"),
    ]
    declared = roster(listed, [Place(TECHNICAL, "", 1), Place(ECONOMIC, "", 1)])
    assert "3" == successor(declared, ("1", "2", "4", "3"), ("1", "2"), "1", ())
    assert "4" == successor(declared, ("1", "2", "3", "4"), ("1", "2"), "2", ())
