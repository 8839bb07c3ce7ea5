"""Draws in a session: what may be declared, who may do what when, and that nobody can steer the result."""

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evalroom import commands as co
from evalroom import events as ev
from evalroom.draws import facts as df
from evalroom.draws.commitment import NoDigest
from evalroom.draws.facts import MakeUp, Place, Purpose
from evalroom.draws.rules import (
    Circumstances,
    DrawnBefore,
    DrawTimeOver,
    DrawTimeRuns,
    DrawUnfit,
    NoReserve,
    NotAParty,
    NotYourTurn,
    PartDone,
    UnknownDraw,
    WrongDrawState,
    WrongReveal,
    check,
)
from evalroom.draws.state import DrawState
from evalroom.errors import Refusal
from evalroom.events import Fact, Stage
from evalroom.ids import DrawId, LotId, SeatCode
from evalroom.ledger.signature import BadActSignature
from evalroom.needs import Unready
from evalroom.roles import NotPermitted, Role
from evalroom.session import SessionOver, WrongStage
from tests.evalroom import opening
from tests.evalroom.drawing import (
    CLOSES,
    DRAW,
    ECONOMIC,
    ENDS,
    OTHER,
    PARTIES,
    TECHNICAL,
    K,
    Table,
    expert_draw,
    later,
    price_draw,
    published,
    secret,
)
from tests.evalroom.room import (
    ARCHIVIST,
    BIDS,
    EXPERTS,
    HOST,
    LOT,
    OPERATOR,
    REGULATOR,
    SESSION,
    SITE_OPERATOR,
    START,
    SUPERVISOR,
)

OTHERS = (SITE_OPERATOR, ARCHIVIST, SUPERVISOR)


@pytest.fixture
def table() -> Table:
    return Table.at()


def declared(table: Table) -> Table:
    table.declare()
    return table


def committed(table: Table) -> Table:
    declared(table).commit_all()
    return table


def refused(table: Table, error: type[Refusal], **changes: Any) -> str:  # noqa: ANN401 - members of a draw
    """Demand that a draw with these changes is refused, and return the sentence."""
    with pytest.raises(error) as caught:
        table.try_out(table.declaring(price_draw(**changes)))
    return str(caught.value)


# --- attackers ----------------------------------------------------------------------------------------


def test_a_copied_commitment_opens_for_nobody_but_its_maker(table: Table) -> None:
    declared(table)
    first = table.committing(OPERATOR).command
    assert isinstance(first, co.CommitDraw)
    table.give(table.by(OPERATOR, first))
    for seat in OTHERS:
        table.give(table.by(seat, first))
    table.give(table.revealing(OPERATOR))
    stolen = {"value": secret("value", DRAW, OPERATOR), "nonce": secret("nonce", DRAW, OPERATOR)}
    with pytest.raises(WrongReveal):
        table.try_out(table.revealing(SITE_OPERATOR, **stolen))


@pytest.mark.parametrize("member", ["value", "nonce", "commitments"])
def test_a_reveal_of_anything_else_than_was_committed_to_is_refused(table: Table, member: str) -> None:
    committed(table)
    with pytest.raises(WrongReveal):
        table.try_out(table.revealing(OPERATOR, **{member: "00" * 32}))


@pytest.mark.parametrize("text", ["", "ab", "AB" * 32, "ab" * 32 + "\n", "zz" * 32])
def test_what_is_no_digest_is_none(table: Table, text: str) -> None:
    declared(table)
    with pytest.raises(NoDigest):
        table.try_out(table.by(OPERATOR, co.CommitDraw(DRAW, text)))
    table.commit_all()
    with pytest.raises(NoDigest):
        table.try_out(table.revealing(OPERATOR, value=text))


def test_nobody_reveals_before_all_have_committed(table: Table) -> None:
    declared(table)
    for seat in PARTIES[:-1]:
        table.give(table.committing(seat))
    said = co.RevealDraw(DRAW, secret("value", DRAW, OPERATOR), secret("nonce", DRAW, OPERATOR), "00" * 32)
    with pytest.raises(WrongDrawState):
        table.try_out(table.by(OPERATOR, said))


def test_nobody_commits_once_a_value_may_be_known(table: Table) -> None:
    committed(table)
    with pytest.raises(WrongDrawState):
        table.try_out(table.committing(OPERATOR, value="11" * 32))


@pytest.mark.parametrize("seat", OTHERS)
def test_a_value_out_of_turn_is_refused(table: Table, seat: SeatCode) -> None:
    committed(table)
    with pytest.raises(NotYourTurn):
        table.try_out(table.revealing(seat))


def test_a_party_does_its_part_once(table: Table) -> None:
    declared(table).give(table.committing(OPERATOR))
    with pytest.raises(PartDone):
        table.try_out(table.committing(OPERATOR, value="11" * 32))
    for seat in OTHERS:
        table.give(table.committing(seat))
    table.give(table.revealing(OPERATOR))
    with pytest.raises(PartDone):
        table.try_out(table.revealing(OPERATOR))


def test_a_stranger_has_no_part(table: Table) -> None:
    table.declare(price_draw(parties=(OPERATOR, SUPERVISOR)))
    with pytest.raises(NotAParty):
        table.try_out(table.committing(ARCHIVIST))
    for seat in (OPERATOR, SUPERVISOR):
        table.give(table.committing(seat))
    with pytest.raises(NotAParty):
        table.try_out(table.revealing(ARCHIVIST))


def test_no_expert_takes_part_or_declares(table: Table) -> None:
    assert "parties" in refused(table, DrawUnfit, parties=(EXPERTS[0], SUPERVISOR))
    with pytest.raises(NotPermitted):
        table.try_out(table.by(EXPERTS[0], price_draw()))
    with pytest.raises(NotPermitted):
        table.try_out(table.by(SUPERVISOR, price_draw()))


def test_a_party_signs_its_part(table: Table) -> None:
    declared(table)
    order = table.committing(OPERATOR)
    assert isinstance(order.command, co.CommitDraw)
    with pytest.raises(BadActSignature):
        table.try_out(replace(order, command=replace(order.command, commitment="00" * 32)))


def test_only_the_host_ends_a_draw_and_only_when_its_time_is_over(table: Table) -> None:
    declared(table)
    with pytest.raises(DrawTimeRuns):
        table.try_out(table.voiding())
    with pytest.raises(NotPermitted):
        table.try_out(replace(table.voiding(), role=Role.OPERATOR))
    table.now = CLOSES
    with pytest.raises(DrawTimeRuns):
        table.try_out(table.voiding())
    table.now = CLOSES + 1
    assert (df.DrawVoided(DRAW, PARTIES),) == tuple(one.event for one in table.try_out(table.voiding()))


def test_one_millisecond_late_is_late(table: Table) -> None:
    declared(table)
    table.now = CLOSES + 1
    with pytest.raises(DrawTimeOver):
        table.try_out(table.committing(OPERATOR))
    table.now = CLOSES
    table.commit_all()
    table.now = ENDS + 1
    with pytest.raises(DrawTimeOver):
        table.try_out(table.revealing(OPERATOR))
    table.now = ENDS
    assert table.try_out(table.revealing(OPERATOR))


def test_a_draw_nobody_declared_is_unknown(table: Table) -> None:
    declared(table)
    for command in (
        co.CommitDraw(DrawId("K9"), "ab" * 32),
        co.RevealDraw(DrawId("K9"), "ab" * 32, "ab" * 32, ""),
    ):
        with pytest.raises(UnknownDraw):
            table.try_out(table.by(OPERATOR, command))
    with pytest.raises(UnknownDraw):
        table.try_out(table.voiding("K9"))


# --- keeping a value back ---------------------------------------------------------------------------------


def test_who_keeps_a_value_back_is_named_alone_and_takes_no_part_again(table: Table) -> None:
    table.lapse((OPERATOR,))
    assert (SITE_OPERATOR,) == table.draw().silent
    left = tuple(one for one in PARTIES if one != SITE_OPERATOR)
    with pytest.raises(DrawUnfit, match="no part again"):
        table.try_out(table.declaring(later(table)))
    assert table.try_out(table.declaring(later(table, parties=left)))


def test_a_draw_that_failed_over_a_value_is_held_again_on_the_same_terms_by_all_the_others(
    table: Table,
) -> None:
    table.lapse(PARTIES[:1])
    left = (OPERATOR, ARCHIVIST, SUPERVISOR)
    for changes in (
        {"options": (*K, "99%")},
        {"options": K[::-1]},
        {"takers": ("lot",)},
        {"parties": (OPERATOR, SUPERVISOR)},
        {"redoes": ""},
        {"redoes": "K0"},
    ):
        with pytest.raises(DrawUnfit):
            table.try_out(table.declaring(later(table, **{"parties": left, **changes})))
    assert table.hold(later(table, parties=left)).drawn


def test_a_second_failure_does_not_wash_the_first_one_away(table: Table) -> None:
    table.lapse(PARTIES[:1])
    left = (OPERATOR, ARCHIVIST, SUPERVISOR)
    table.lapse(None, later(table, parties=left))
    third = later(table, draw=DrawId("K3"), redoes="K2")
    with pytest.raises(DrawUnfit, match="no part again"):
        table.try_out(table.declaring(third))
    with pytest.raises(DrawUnfit, match="same terms"):
        table.try_out(table.declaring(replace(third, parties=left, options=K[:2])))
    # Who did not even commit knew nothing: they may be left out, or try again.
    assert table.try_out(table.declaring(replace(third, parties=left)))
    assert table.try_out(table.declaring(replace(third, parties=(ARCHIVIST, SUPERVISOR))))


def test_a_list_nobody_commits_to_may_be_corrected(table: Table) -> None:
    table.lapse(None)
    assert not table.draw().at_reveal
    assert table.try_out(table.declaring(later(table, options=(*K, "99%"))))


def test_a_supervisor_who_kept_a_value_back_is_not_missed(table: Table) -> None:
    table.lapse(PARTIES[:-1])
    assert (SUPERVISOR,) == table.draw().silent
    assert table.try_out(table.declaring(later(table, parties=PARTIES[:-1])))


def test_neither_a_pause_nor_another_stage_stops_a_draw_whose_result_somebody_begins_to_know(
    table: Table,
) -> None:
    committed(table).give(table.revealing(OPERATOR))
    table.give(table[SUPERVISOR].order(co.PauseSession("fire", None)))
    table.give(table.revealing(SITE_OPERATOR))
    table.give(table[SUPERVISOR].order(co.ResumeSession("out")))
    with pytest.raises(Unready, match="draws under way"):
        table.advance()
    for seat in (ARCHIVIST, SUPERVISOR):
        table.give(table.revealing(seat))
    assert DrawState.DRAWN is table.draw().state


def test_nothing_is_drawn_twice(table: Table) -> None:
    declared(table)
    assert "drawn before" in refused(table, DrawnBefore, draw=DrawId("K2"))
    table.commit_all()
    table.reveal_all()
    refused(table, DrawnBefore, draw=DrawId("K2"))
    refused(table, DrawnBefore, draw=DrawId("K2"), redoes=DRAW)
    assert table.try_out(table.declaring(price_draw(draw=DrawId("F1"), subject="float")))
    refused(table, DrawUnfit, subject="float")  # the id is taken


def test_a_result_that_the_values_do_not_give_is_no_result(table: Table) -> None:
    committed(table)
    facts = table.reveal_all()
    made = facts[-1].event
    assert isinstance(made, df.DrawMade)
    assert made == table.draw().result(table.draw().values)
    assert sorted(K) == sorted(made.order)


# --- roles and stages, against the reviewed table -------------------------------------------------------

REVIEWED = tomllib.loads((Path(__file__).parents[1] / "permissions.toml").read_text("utf-8"))["commands"]
SEAT_OF = {
    Role.EXPERT: EXPERTS[0],
    Role.SUPERVISOR: SUPERVISOR,
    Role.OPERATOR: OPERATOR,
    Role.SITE_OPERATOR: SITE_OPERATOR,
    Role.ARCHIVIST: ARCHIVIST,
    Role.REGULATOR: REGULATOR,
}


def ready(stage: Stage, kind: str, seat: SeatCode, *, paused: bool) -> tuple[Table, co.Command]:
    """Return a session, and an order of `kind` by `seat` that lacks nothing but the right giver and stage."""
    table = Table.at(stage)
    if paused:
        table.take(Fact(0, HOST, SUPERVISOR, ev.SessionPaused("fire", None)))
    if kind == "declare_draw":
        tie = stage is Stage.SUMMARY
        table.session.rankings[LOT] = replace(table.session.rankings[LOT], ties=BIDS[:2]) if tie else RANKING
        about = {"purpose": Purpose.TIE, "options": BIDS[:2], "count": 2}
        return table, price_draw(**about) if tie else expert_draw()
    order = expert_draw(parties=(seat, SUPERVISOR) if seat != SUPERVISOR else (OPERATOR, SUPERVISOR))
    body = {name: getattr(order, name) for name in df.DrawDeclared.__slots__}
    table.session.draws.evolve(df.DrawDeclared(**body), SESSION, OPERATOR)
    draw = DrawId("R1")
    if kind == "commit_draw":
        return table, co.CommitDraw(draw, "ab" * 32)
    if kind == "void_draw":
        table.now = CLOSES + 1
        return table, co.VoidDraw(draw)
    for party in order.parties:
        made = table.committing(party, draw).command
        assert isinstance(made, co.CommitDraw)
        table.session.draws.evolve(df.DrawCommitted(draw, made.commitment), SESSION, party)
    for party in order.parties:
        revealing = table.revealing(party, draw).command
        assert isinstance(revealing, co.RevealDraw)
        if kind == "reveal_draw" and party in (seat, order.parties[1]):
            return table, revealing
        said = (revealing.value, revealing.nonce, revealing.commitments)
        table.session.draws.evolve(df.DrawRevealed(draw, *said), SESSION, party)
    one = table.draw(draw)
    table.session.draws.evolve(one.result(one.values), SESSION, "host")
    return table, co.ContinueDraw(draw, one.drawn[0], one.successor(one.drawn[0]), "on leave")


RANKING = ev.RankingComputed(LOT, (), (), ())


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("kind", [kind for kind in REVIEWED if kind.endswith("_draw")])
def test_an_order_is_carried_out_for_the_reviewed_roles_in_the_reviewed_stages_only(
    kind: str, role: Role
) -> None:
    rule, seat = REVIEWED[kind], SEAT_OF.get(role, OPERATOR)
    for stage in list(Stage)[list(Stage).index(Stage.GATHERING) : list(Stage).index(Stage.ARCHIVED)]:
        for paused in (False, True):
            table, command = ready(stage, kind, seat, paused=paused)
            allowed, open_now = role.value in rule["roles"], stage.value in rule["stages"]
            if isinstance(command, co.SeatCommand):
                order = replace(table.by(seat, command), role=role)
            else:
                order = replace(table.voiding("R1"), role=role)
            good = allowed and (rule["paused"] if paused else True) and open_now
            answer = answer_to(table, order)
            assert (answer is None) is good, (stage, paused, answer)
            assert (answer is NotPermitted) is not allowed, (stage, paused)


def answer_to(table: Table, order: co.Order) -> type[Refusal] | None:
    try:
        table.session.decide(order)
    except Refusal as refusal:
        return type(refusal)
    return None


# --- the declaration ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"draw": DrawId("../x")}, "name"),
        ({"draw": DrawId("")}, "name"),
        ({"subject": ""}, "1 to 64"),
        ({"subject": "x" * 65}, "1 to 64"),
        ({"closes": START}, "ahead"),
        ({"ends": CLOSES}, "ahead"),
        ({"ends": START + 8 * 24 * 3_600_000}, "ahead"),
        ({"parties": (SUPERVISOR,)}, "two to sixteen"),
        ({"parties": (SUPERVISOR, SUPERVISOR)}, "once"),
        ({"parties": (SeatCode("X9"), SUPERVISOR)}, "parties are seats"),
        ({"parties": (OPERATOR, ARCHIVIST)}, "supervisor"),
        ({"parties": (SUPERVISOR, OPERATOR)}, "reveals last"),
        ({"options": ()}, "options or"),
        ({"options": ("96%", "96%")}, "doubles"),
        ({"options": ("",)}, "1 to 64"),
        ({"options": tuple(f"{n}" for n in range(501))}, "doubles, at most 500"),
        ({"options": tuple("评" * 60 + f"{n}" for n in range(400))}, "shorter"),
        ({"count": 0}, "at least one"),
        ({"count": 4}, "no more than there are"),
        ({"count": 2}, "one value"),
        ({"takers": ("a", "b")}, "one taker"),
        ({"lot": LotId("lot9")}, "lot"),
        ({"lot": LotId("")}, "lot"),
        ({"redoes": "K0"}, "void draw"),
        ({"places": (Place(TECHNICAL, "", 1),)}, "belong to a draw of experts"),
        ({"make_up": MakeUp(5, "2/3", odd=True, owners=0)}, "belong to a draw of experts"),
        ({"purpose": Purpose.EXPERTS}, "belong to a draw of experts"),
        ({"purpose": Purpose.TIE, "count": 3}, "stage"),
    ],
)
def test_a_draw_that_could_fail_or_be_steered_is_not_declared(
    table: Table, changes: dict[str, Any], problem: str
) -> None:
    assert problem in refused(table, DrawUnfit, **changes)


def test_a_lone_surrogate_in_a_list_never_reaches_the_journal(table: Table) -> None:
    with pytest.raises(Exception, match="surrogate"):
        table.try_out(table.declaring(price_draw(options=("\ud800", "b"))))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"make_up": MakeUp(7, "2/3", odd=True, owners=0)}, "at least 7"),
        ({"make_up": MakeUp(5, "2/3", odd=True, owners=1)}, "odd"),
        ({"make_up": MakeUp(5, "2/3", odd=True, owners=4)}, "technical or economic"),
        ({"make_up": MakeUp(5, "2/0", odd=True, owners=0)}, "n/d"),
        ({"make_up": MakeUp(5, "0.5", odd=True, owners=0)}, "n/d"),
        ({"make_up": MakeUp(5, "2/3", odd=True, owners=-1)}, "n/d"),
        ({"make_up": None}, "belong"),
        ({"count": 4}, "as many"),
        ({"places": (Place(TECHNICAL, "", 5), Place(ECONOMIC, "", 0))}, "each row"),
        (
            {"places": (Place(TECHNICAL, "QH", 1), Place(TECHNICAL, "", 4))},
            "too few experts for technical QH",
        ),
        ({"places": (Place(OTHER, "", 2), Place(ECONOMIC, "", 3))}, "technical or economic"),
        ({"options": ("x",)}, "not both"),
    ],
)
def test_a_committee_of_the_wrong_make_up_is_not_drawn(
    table: Table, changes: dict[str, Any], problem: str
) -> None:
    with pytest.raises(DrawUnfit) as caught:
        table.try_out(table.declaring(expert_draw(**changes)))
    assert problem in str(caught.value)


def test_an_experts_units_stand_as_a_digest_only(table: Table) -> None:
    bare = (replace(published("R1")[0], units="设计院"), *published("R1")[1:])
    with pytest.raises(NoDigest):
        table.try_out(table.declaring(expert_draw(experts=bare)))


@pytest.mark.parametrize(
    ("changes", "good"),
    [
        ({"purpose": Purpose.SEATS, "options": EXPERTS, "count": 3, "takers": ("甲", "乙", "丙")}, True),
        ({"purpose": Purpose.SEATS, "options": ("E9",)}, False),
        ({"purpose": Purpose.SUB_SITE, "options": ("west", "east")}, True),
        ({"purpose": Purpose.SUB_SITE, "options": ("west", "host")}, False),
        ({"purpose": Purpose.CODE, "options": ("甲", "乙", "丙", "丁"), "count": 4, "takers": BIDS}, True),
    ],
)
def test_what_is_drawn_from_is_there(table: Table, changes: dict[str, Any], good: bool) -> None:  # noqa: FBT001 - a table
    order = table.declaring(price_draw(**{"lot": LotId(""), **changes}))
    if good:
        assert table.try_out(order)
    else:
        with pytest.raises(DrawUnfit):
            table.try_out(order)


def test_a_tie_is_drawn_among_the_bids_that_are_even_and_at_the_summary() -> None:
    table = Table.at(Stage.SUMMARY)
    ranking = table.session.rankings[LOT]
    even = [replace(row, rank=1 if row.bid in BIDS[:2] else 3) for row in ranking.rows]
    table.session.rankings[LOT] = replace(ranking, rows=tuple(even), ties=BIDS[:2])
    about = {"purpose": Purpose.TIE, "subject": "first place", "options": BIDS[:2], "count": 2}
    assert table.session.decide(table.declaring(price_draw(**about)))
    for changes in ({"options": BIDS[:3], "count": 3}, {"count": 1}, {"options": BIDS[2:]}):
        with pytest.raises(DrawUnfit):
            table.session.decide(table.declaring(price_draw(**{**about, **changes})))


@pytest.mark.parametrize("stage", [Stage.PRELIMINARY, Stage.DETAILED, Stage.SUMMARY])
def test_a_price_parameter_is_not_drawn_late(stage: Stage) -> None:
    with pytest.raises(DrawUnfit, match="stage"):
        Table.at(stage).try_out(Table.at(stage).declaring())


@pytest.mark.parametrize("stage", [Stage.PRICING, Stage.SIGNING, Stage.CONCLUDED])
def test_some_stages_have_no_draws(stage: Stage) -> None:
    with pytest.raises(WrongStage):
        Table.at(stage).try_out(Table.at(stage).declaring())


def test_a_closed_session_draws_nothing() -> None:
    table = Table.at(Stage.CONCLUDED)
    table.give(table.by(OPERATOR, co.CloseSession("done")))
    with pytest.raises(SessionOver):
        table.try_out(table.declaring())


# --- price parameters and the opening of prices ---------------------------------------------------------


def sealed_draw(room: opening.Opening, **changes: Any) -> co.Order:  # noqa: ANN401 - members of a draw
    times = {"closes": room.now + 1_000, "ends": room.now + 2_000}
    return room.by_seat(OPERATOR, price_draw(**{**times, **changes}))


@pytest.mark.parametrize("two", [True, False], ids=["price part", "opening part"])
def test_the_window_with_prices_waits_for_price_parameters(two: bool) -> None:  # noqa: FBT001 - a table
    room = opening.at("unsealing", opening.policy(two_envelopes=two))
    room.give(sealed_draw(room))
    closing = room.by_host(co.CloseWindow(opening.FIRST))
    room.now = room.ceremony.windows[opening.FIRST].until + 1
    closing = replace(closing, at=room.now)
    if two:  # prices come later, with the second window
        assert room.try_out(closing)
        return
    with pytest.raises(Unready, match="draws under way"):
        room.try_out(closing)
    room.give(replace(Table.voiding(Table.at()), at=room.now))
    room.give(closing)
    with pytest.raises(DrawUnfit, match="stage"):
        room.try_out(sealed_draw(room, draw=DrawId("K2"), redoes=DRAW))


# --- the good way -----------------------------------------------------------------------------------------


def test_a_draw_goes_from_its_declaration_to_its_result(table: Table) -> None:
    def stand() -> DrawState:
        return table.draw().state

    declared(table)
    assert (DrawState.DECLARED, PARTIES) == (stand(), table.draw().awaited())
    for seat in PARTIES:
        assert 1 == len(table.try_out(table.committing(seat)))
        table.give(table.committing(seat))
    assert (DrawState.COMMITTED, (OPERATOR,)) == (stand(), table.draw().awaited())
    for seat in PARTIES[:-1]:
        table.give(table.revealing(seat))
    facts = table.try_out(table.revealing(SUPERVISOR))
    assert ["DrawRevealed", "DrawMade"] == [type(one.event).__name__ for one in facts]
    table.take(*facts)
    assert (DrawState.DRAWN, ()) == (stand(), table.session.draws.open())
    assert table.draw().drawn == table.session.draws.drawn(Purpose.PRICE_PARAMETER, LOT, "K")


def test_nothing_is_drawn_before_it_is(table: Table) -> None:
    assert () == table.session.draws.drawn(Purpose.PRICE_PARAMETER, LOT, "K")
    declared(table)
    assert () == table.session.draws.drawn(Purpose.PRICE_PARAMETER, LOT, "K")


def test_two_draws_run_side_by_side(table: Table) -> None:
    table.declare()
    table.declare(price_draw(draw=DrawId("F1"), subject="float"))
    table.commit_all("F1")
    table.commit_all()
    table.reveal_all()
    assert (DrawId("F1"),) == table.session.draws.open()
    assert (DrawId("F1"),) == table.session.draws.overdue(ENDS + 1)
    assert () == table.session.draws.overdue(ENDS)


# --- redraw ---------------------------------------------------------------------------------------------------


def continued(
    table: Table, out: str, drawn: str, reason: str = "on leave", draw: str = "R1"
) -> tuple[Fact, ...]:
    return table.try_out(table.by(OPERATOR, co.ContinueDraw(DrawId(draw), out, drawn, reason)))


def test_a_leaver_is_followed_by_the_next_of_the_same_order_who_fits(table: Table) -> None:
    draw = table.hold(expert_draw())
    experts = {one.id: one for one in draw.declared.experts}
    out = draw.drawn[4]
    assert ECONOMIC is experts[out].type
    following = draw.successor(out)
    assert following not in draw.drawn
    assert ECONOMIC is experts[following].type
    table.take(*continued(table, out, following))
    assert (*draw.drawn[:4], following) == table.draw("R1").drawn
    again = table.draw("R1").successor(following)
    assert again not in (out, following)
    table.take(*continued(table, following, again))
    assert again == table.draw("R1").drawn[4]


def test_nobody_else_than_the_next_comes_in(table: Table) -> None:
    draw = table.hold(expert_draw())
    out, following = draw.drawn[0], draw.successor(draw.drawn[0])
    others = [one for one in draw.made.order if one != following] if draw.made else []
    for drawn in (*others[:3], "", "P-999"):
        with pytest.raises(NoReserve):
            continued(table, out, drawn)
    with pytest.raises(NoReserve):
        continued(table, following, out)
    with pytest.raises(DrawUnfit, match="reason"):
        continued(table, out, following, " ")


def test_when_no_reserve_is_left_nobody_comes_in(table: Table) -> None:
    few = tuple(one for one in published("R1") if not one.recused)
    technical = [one for one in few if one.type is TECHNICAL][:4]
    economic = [one for one in few if one.type is ECONOMIC][:1]
    places = (Place(TECHNICAL, "", 4), Place(ECONOMIC, "", 1))
    draw = table.hold(expert_draw(experts=(*technical, *economic), places=places))
    assert "" == draw.successor(draw.drawn[0])
    with pytest.raises(NoReserve):
        continued(table, draw.drawn[0], "")


def test_a_price_parameter_has_no_reserves(table: Table) -> None:
    draw = table.hold()
    with pytest.raises(DrawUnfit, match="nobody leaves"):
        continued(table, draw.drawn[0], draw.successor(draw.drawn[0]), draw=DRAW)


def test_a_recused_expert_is_in_no_order(table: Table) -> None:
    draw = table.hold(expert_draw())
    recused = {one.id for one in draw.declared.experts if one.recused}
    assert recused
    assert draw.made is not None
    assert not recused & {*draw.made.order}


def test_the_journal_of_another_software_is_refused(table: Table) -> None:
    for event in (df.DrawCommitted(DRAW, "ab" * 32), df.DrawMade(DRAW, "ab" * 32, (), ())):
        with pytest.raises(Exception, match="not written by this software"):
            table.session.evolve(Fact(START, HOST, OPERATOR, event))
    declared(table)
    again = Fact(START, HOST, OPERATOR, table.draw().declared)
    with pytest.raises(Exception, match="not written by this software"):
        table.session.evolve(again)


def test_a_result_or_an_end_that_does_not_follow_is_refused_whoever_writes_it(table: Table) -> None:
    """The session works both out itself; the rule stands for a host that does not."""
    declared(table)
    now = Circumstances(CLOSES + 1, SESSION, "host", {})
    with pytest.raises(WrongDrawState, match="others are awaited"):
        check(table.session.draws, df.DrawVoided(DRAW, PARTIES[:1]), now)
    check(table.session.draws, df.DrawVoided(DRAW, PARTIES), now)
    draws = table.session.draws
    table.commit_all()
    for seat in PARTIES:
        said = (secret("value", DRAW, seat), secret("nonce", DRAW, seat), "")
        draws.evolve(df.DrawRevealed(DRAW, *said), SESSION, seat)
    made = table.draw().result(table.draw().values)
    with pytest.raises(WrongDrawState, match="another result"):
        check(draws, replace(made, drawn=("95%",)), now)
    check(draws, made, now)


# --- rosters ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["seal_roster", "unseal_roster"])
@pytest.mark.parametrize("role", Role)
def test_a_roster_is_put_down_by_the_reviewed_roles_only(table: Table, kind: str, role: Role) -> None:
    table.hold(expert_draw())
    seat = SEAT_OF.get(role, OPERATOR)
    if kind == "seal_roster":
        order = replace(table.by(seat, co.SealRoster(DrawId("R1"), "ab" * 32, 9)), role=role)
    else:
        said = co.UnsealRoster(DrawId("R1"), "ab" * 32, ("host", "north"))
        order = replace(table.voiding("R1"), command=said, role=role)
    allowed = role.value in REVIEWED[kind]["roles"]
    # A rehearsal has no trustees: what is permitted is refused all the same, for another reason.
    assert (DrawUnfit if kind == "seal_roster" else WrongDrawState) is answer_to(table, order) or not allowed
    assert (answer_to(table, order) is NotPermitted) is not allowed


ROSTER = "ab" * 32


def roster_case(**changes: Any) -> tuple[Table, Circumstances]:  # noqa: ANN401 - circumstances
    table = Table.at()
    table.hold(expert_draw())
    about = {"trustees": frozenset({"host", "north", "supervisor"}), "quorum": 2, "gathered": True, **changes}
    return table, Circumstances(START, SESSION, OPERATOR, {}, **about)


@pytest.mark.parametrize(
    ("changes", "act", "error"),
    [
        ({"trustees": frozenset()}, df.RosterSealed(DrawId("R1"), ROSTER, 9), DrawUnfit),
        ({}, df.RosterSealed(DrawId("R1"), "file", 9), NoDigest),
        ({}, df.RosterSealed(DrawId("R1"), ROSTER, 0), DrawUnfit),
        ({}, df.RosterSealed(DrawId("R1"), ROSTER, (1 << 18) + 1), DrawUnfit),
        ({}, df.RosterSealed(DrawId("R9"), ROSTER, 9), UnknownDraw),
        ({}, df.RosterUnsealed(DrawId("R1"), ROSTER, ("host", "north")), WrongDrawState),
    ],
)
def test_a_roster_that_is_none_is_not_put_down(
    changes: dict[str, Any], act: df.DrawEvent, error: type[Refusal]
) -> None:
    table, now = roster_case(**changes)
    with pytest.raises(error):
        check(table.session.draws, act, now)


@pytest.mark.parametrize(
    ("changes", "trustees", "error"),
    [
        ({"gathered": False}, ("host", "north"), WrongDrawState),
        ({}, ("host",), DrawUnfit),
        ({}, ("host", "host"), DrawUnfit),
        ({}, ("host", "stranger"), DrawUnfit),
    ],
)
def test_a_roster_is_opened_by_a_quorum_once_people_gather(
    changes: dict[str, Any], trustees: tuple[str, ...], error: type[Refusal]
) -> None:
    table, now = roster_case(**changes)
    draws = table.session.draws
    draws.evolve(df.RosterSealed(DrawId("R1"), ROSTER, 9), SESSION, OPERATOR)
    with pytest.raises(error):
        check(draws, df.RosterUnsealed(DrawId("R1"), ROSTER, trustees), now)
    good = replace(now, gathered=True)
    opened = df.RosterUnsealed(DrawId("R1"), ROSTER, ("host", "north"))
    check(draws, opened, good)
    draws.evolve(opened, SESSION, "host")
    with pytest.raises(WrongDrawState):
        check(draws, opened, good)
    # Somebody left: the roster is sealed anew and opened again.
    draws.evolve(df.RosterSealed(DrawId("R1"), "cd" * 32, 9), SESSION, OPERATOR)
    with pytest.raises(WrongDrawState):
        check(draws, opened, good)
    check(draws, replace(opened, sha256="cd" * 32), good)


def test_only_a_draw_of_experts_has_a_roster(table: Table) -> None:
    table.hold()
    _, now = roster_case()
    with pytest.raises(DrawUnfit, match="draw of experts"):
        check(table.session.draws, df.RosterSealed(DRAW, ROSTER, 9), now)
