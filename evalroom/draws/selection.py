"""From an order to who or what is drawn, and who comes next when somebody drawn leaves.

Without places the first `count` of the order are drawn.  With places each row takes, one row after the other, the
first of the order that fit it and are not taken: so the list of members and the list of reserves are one order,
and a redraw 补抽 needs no dice.  Refused: rows that a list may fail to fill, which `shortage` finds beforehand.
"""

from collections.abc import Collection, Sequence

from evalroom.draws.facts import DrawDeclared, Place, PoolExpert


def drawable(declared: DrawDeclared) -> tuple[str, ...]:
    """List what is drawn from, in the declared order: the options, or the experts who are not recused."""
    return (*declared.options, *(one.id for one in declared.experts if not one.recused))


def select(declared: DrawDeclared, order: Sequence[str]) -> tuple[str, ...]:
    """Return who or what is drawn, given the whole order; for experts place by place."""
    if not declared.places:
        return tuple(order[: declared.count])
    drawn: list[str] = []
    for place in seats_of(declared):
        drawn.append(next_fit(declared, order, place, drawn))
    return tuple(drawn)


def seats_of(declared: DrawDeclared) -> tuple[Place, ...]:
    """List the row of each single place, in the order in which places are filled."""
    return tuple(place for place in declared.places for _ in range(place.count))


def next_fit(declared: DrawDeclared, order: Sequence[str], place: Place, taken: Collection[str]) -> str:
    """Return the first of the order that fits a place and is not taken, or nothing."""
    experts = {one.id: one for one in declared.experts}
    return next((one for one in order if one not in taken and fits(experts[one], place)), "")


def fits(expert: PoolExpert, place: Place) -> bool:
    """Say whether an expert may have a place of this row."""
    return expert.type is place.type and place.region in ("", expert.region)


def successor(
    declared: DrawDeclared, order: Sequence[str], drawn: Sequence[str], out: str, gone: Collection[str]
) -> str:
    """Return who comes in for `out`, one of `drawn`, when those `gone` left before; nothing when nobody is left."""
    taken = {*drawn, *gone}
    if declared.places:
        return next_fit(declared, order, seats_of(declared)[drawn.index(out)], taken)
    return next((one for one in order if one not in taken), "")


def shortage(declared: DrawDeclared) -> Place | None:
    """Return the first row that might stay empty, whatever the order is.

    Rows before it that want some of the same experts may take them all, so it needs as many as all those together.
    """
    inside = [one for one in declared.experts if not one.recused]
    wanted: list[tuple[set[str], int]] = []
    for place in declared.places:
        fit = {one.id for one in inside if fits(one, place)}
        others = sum(count for before, count in wanted if before & fit)
        if len(fit) < others + place.count:
            return place
        wanted.append((fit, place.count))
    return None
