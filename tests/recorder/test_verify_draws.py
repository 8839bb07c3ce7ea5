"""Step 23: every draw of a session is repeated by a second implementation, and every lie in one is found."""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evalroom import commands as co
from evalroom.draws.rules import PARTIES as PARTY_ROLES
from evalroom.encoding import body_of
from evalroom.events import Fact, Stage
from evalroom.ids import DrawId, SeatCode
from evalroom.ledger.canonical import Json
from evalroom.ledger.signature import sign_act
from evalroom.session import DRAW_STAGES
from recorder import verify as verifier
from recorder.package import build
from recorder.verify import verify
from tests.evalroom import room as trade
from tests.evalroom.drawing import PARTIES, Table, expert_draw, price_draw
from tests.evalroom.draws import vectors
from tests.evalroom.room import ARCHIVIST, OPERATOR, SUPERVISOR
from tests.recorder.bag_factory import KEYS, LOG_KEY, WITNESS_KEYS, Bag, Play, copy_of, index_of, reports_of


class DrawingPlay(Play):
    """A session with a draw of K that failed and was held again, a committee with a redraw, and a seat."""

    room: Table
    latest = trade.START

    def open_room(self) -> Table:
        room = trade.opened(replace(trade.OPEN, keys=KEYS))
        return Table(room.history, room.session, room.people)

    def entry_at(self, fact: Fact) -> int:
        self.latest = max(self.latest + 50, fact.at)
        return self.latest

    def finish_stage(self) -> None:
        if self.room.session.stage is Stage.GATHERING:
            self.draw()
        super().finish_stage()

    def draw(self) -> None:
        room = self.room
        room.now = self.latest + 60_000

        def times() -> dict[str, Any]:
            room.now += 200_000
            return {"closes": room.now + 60_000, "ends": room.now + 120_000}

        room.lapse((OPERATOR,), price_draw(**times()))
        left = (OPERATOR, ARCHIVIST, SUPERVISOR)
        room.hold(price_draw(draw=DrawId("K2"), redoes="K1", parties=left, **times()))
        draw = room.hold(expert_draw(**times()))
        out = draw.drawn[0]
        room.give(room.by(OPERATOR, co.ContinueDraw(DrawId("R1"), out, draw.successor(out), "on leave")))
        room.hold(
            price_draw(draw=DrawId("C1"), purpose="seats", subject="seats", options=trade.EXPERTS, **times())
        )


def make(path: Path) -> Bag:
    bag = Bag(path)
    play = DrawingPlay(bag, path.with_name("reels"), lambda facts: ([one] for one in facts))
    play.run()
    bag.openings = [
        {"seq": entry.seq, "path": secret.path, "value": secret.value, "nonce": secret.nonce}
        for entry, secrets in bag.rows
        for secret in secrets
    ]
    log, head = bag.log()
    documents = {f"bids/{bid}.pdf": b"%PDF-1.7" for bid in trade.BIDS} | reports_of(play.room.session)
    build(path, index_of(bag, head), [play.media.track(play.room.history)], log, documents, "2026-11-23")
    return bag


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Bag:
    return make(tmp_path_factory.mktemp("draws") / "bag")


@pytest.fixture
def bag(clean: Bag, tmp_path: Path) -> Bag:
    return copy_of(clean, tmp_path / "bag")


def found(bag: Bag) -> set[str]:
    """Write the journal anew and return what step 23 finds."""
    bag.retell()
    bag.write()
    report = verify(bag.path, [LOG_KEY], WITNESS_KEYS)
    return {one.code for step in report.steps if step.number == 23 for one in step.failures}


def place(bag: Bag, kind: str, draw: str, nth: int = 0) -> int:
    return [n for n, (entry, _) in enumerate(bag.rows) if entry.type == kind and entry.body["draw"] == draw][
        nth
    ]


def test_a_clean_session_with_draws_passes_every_step(clean: Bag) -> None:
    report = verify(clean.path, [LOG_KEY], WITNESS_KEYS)
    assert report.ok, report.first_failure
    assert 4 == next(step.checked for step in report.steps if step.number == 23)


def resigned(bag: Bag, seq: int, **body: Json) -> None:
    """Change a body and let its own seat sign it again: the party takes part in the fraud."""
    entry, secrets = bag.rows[seq]
    members = {"actor": entry.actor, "body": {**entry.body, **body}, "cmd": entry.cmd}
    said = {**members, "site": entry.site, "type": entry.type, "session": trade.SESSION}
    sig = sign_act(trade.private_key(entry.actor), verifier._canonical(said))
    bag.rows[seq] = (replace(entry, body={**entry.body, **body}, sig=sig), secrets)


def retimed(bag: Bag, seq: int, at: int) -> None:
    entry, secrets = bag.rows[seq]
    bag.rows[seq] = (replace(entry, t=at), secrets)


def swapped(bag: Bag, one: int, other: int) -> None:
    """Swap two entries, their numbers and times too."""
    (first, a), (second, b) = bag.rows[one], bag.rows[other]
    bag.rows[one] = (replace(second, seq=first.seq, t=first.t), b)
    bag.rows[other] = (replace(first, seq=second.seq, t=second.t), a)


def until(bag: Bag, draw: str, member: str) -> int:
    value = bag.rows[place(bag, "DrawDeclared", draw)][0].body[member]
    assert isinstance(value, int)
    return value


Lie = Callable[[Bag], object]

LIES: dict[str, tuple[Lie, str]] = {
    "a result that was wished for": (
        lambda bag: bag.change(place(bag, "DrawMade", "K2"), drawn=["95%"]),
        "draw_result",
    ),
    "another order": (
        lambda bag: bag.change(place(bag, "DrawMade", "K2"), order=["96%", "97%", "98%", "99%"]),
        "draw_result",
    ),
    "another seed": (lambda bag: bag.change(place(bag, "DrawMade", "K2"), seed="00" * 32), "draw_result"),
    "an option added afterwards": (
        lambda bag: resigned(bag, place(bag, "DrawDeclared", "C1"), options=["E1", "E2"]),
        "draw_reveal",
    ),
    "a value of another": (
        lambda bag: resigned(bag, place(bag, "DrawRevealed", "K2"), value="00" * 32),
        "draw_reveal",
    ),
    "other commitments seen": (
        lambda bag: resigned(bag, place(bag, "DrawRevealed", "K2", 1), commitments="00" * 32),
        "draw_reveal",
    ),
    "a commitment swapped when a value was known": (
        lambda bag: resigned(bag, place(bag, "DrawCommitted", "K2"), commitment="00" * 32),
        "draw_reveal",
    ),
    "a commitment after a reveal": (
        lambda bag: swapped(bag, place(bag, "DrawCommitted", "K2", 2), place(bag, "DrawRevealed", "K2")),
        "draw_part",
    ),
    "reveals out of turn": (
        lambda bag: swapped(bag, place(bag, "DrawRevealed", "K2", 0), place(bag, "DrawRevealed", "K2", 1)),
        "draw_part",
    ),
    "a commitment too late": (
        lambda bag: retimed(bag, place(bag, "DrawCommitted", "K2"), until(bag, "K2", "closes") + 1),
        "draw_part",
    ),
    "a reveal too late": (
        lambda bag: retimed(bag, place(bag, "DrawRevealed", "K2"), until(bag, "K2", "ends") + 1),
        "draw_part",
    ),
    "an innocent named silent": (
        lambda bag: bag.change(place(bag, "DrawVoided", "K1"), silent=["S1"]),
        "draw_void",
    ),
    "void before its time": (
        lambda bag: retimed(bag, place(bag, "DrawVoided", "K1"), until(bag, "K1", "ends")),
        "draw_void",
    ),
    "no result": (lambda bag: bag.drop(place(bag, "DrawMade", "C1")), "draw_open"),
    "no void": (lambda bag: bag.drop(place(bag, "DrawVoided", "K1")), "draw_again"),
    "held again on other terms": (
        lambda bag: resigned(bag, place(bag, "DrawDeclared", "K2"), options=["96%", "97%"]),
        "draw_again",
    ),
    "held again without naming the first": (
        lambda bag: resigned(bag, place(bag, "DrawDeclared", "K2"), redoes=""),
        "draw_again",
    ),
    "drawn twice": (
        lambda bag: resigned(
            bag, place(bag, "DrawDeclared", "C1"), purpose="price_parameter", subject="K", lot="lot1"
        ),
        "draw_again",
    ),
    "a party left out": (
        lambda bag: resigned(bag, place(bag, "DrawDeclared", "K2"), parties=["O1", "S1"]),
        "draw_again",
    ),
    "who kept a value back takes part again": (
        lambda bag: resigned(bag, place(bag, "DrawDeclared", "K2"), parties=[*PARTIES]),
        "draw_terms",
    ),
    "an operator last": (
        lambda bag: resigned(bag, place(bag, "DrawDeclared", "C1"), parties=["S1", "O1"]),
        "draw_terms",
    ),
    "no supervisor": (
        lambda bag: resigned(bag, place(bag, "DrawDeclared", "C1"), parties=["O1", "A1"]),
        "draw_terms",
    ),
    "an expert as a party": (
        lambda bag: resigned(bag, place(bag, "DrawDeclared", "C1"), parties=["E1", "S1"]),
        "draw_terms",
    ),
    "seats that are not there": (
        lambda bag: resigned(bag, place(bag, "DrawDeclared", "C1"), options=["X1", "X2"]),
        "draw_terms",
    ),
    "a lot that is not there": (
        lambda bag: resigned(bag, place(bag, "DrawDeclared", "K2"), lot="lot9"),
        "draw_terms",
    ),
    "a recused expert let in": (
        lambda bag: resigned(bag, place(bag, "DrawDeclared", "R1"), experts=let_in(bag)),
        "draw_result",
    ),
    "a smaller committee": (
        lambda bag: resigned(
            bag,
            place(bag, "DrawDeclared", "R1"),
            make_up={"least": 7, "share": "2/3", "odd": True, "owners": 0},
        ),
        "draw_terms",
    ),
    "another follows": (
        lambda bag: resigned(bag, place(bag, "DrawContinued", "R1"), drawn="P-009"),
        "draw_redraw",
    ),
    "somebody leaves who was not drawn": (
        lambda bag: resigned(bag, place(bag, "DrawContinued", "R1"), out="P-999"),
        "draw_redraw",
    ),
}


def let_in(bag: Bag) -> Any:  # noqa: ANN401 - JSON
    experts = bag.rows[place(bag, "DrawDeclared", "R1")][0].body["experts"]
    assert isinstance(experts, list)
    return [{**one, "recused": False} for one in experts if isinstance(one, dict)]


@pytest.mark.parametrize("name", LIES)
def test_a_lie_is_found(bag: Bag, name: str) -> None:
    lie, code = LIES[name]
    lie(bag)
    assert code in found(bag)


def test_a_draw_that_was_still_under_way_when_a_stage_was_left_is_noticed(bag: Bag) -> None:
    moved, made = bag.find("StageChanged"), place(bag, "DrawMade", "C1")
    for at in range(made, moved):
        swapped(bag, at, at + 1)
    assert "draw_open" in found(bag)


# --- two implementations ------------------------------------------------------------------------------


def rows(name: str) -> Iterable[dict[str, Any]]:
    value = json.loads((vectors.FOLDER / name).read_text("utf-8"))
    assert isinstance(value, list)
    return value


def test_both_implementations_draw_at_the_same_stages() -> None:
    assert {purpose.value: {*stages} for purpose, stages in DRAW_STAGES.items()} == verifier._DRAWN_IN
    assert {role.value for role in PARTY_ROLES} == verifier._ROLES["DrawCommitted"]


def test_both_implementations_shuffle_alike() -> None:
    for row in rows("orders.json"):
        assert row["order"] == verifier._shuffle(list(row["options"]), bytes.fromhex(row["seed"]))


def test_both_implementations_digest_and_pick_alike() -> None:
    for row in rows("digests.json"):
        body, parties = row["body"], row["body"]["parties"]
        declaration = verifier._tagged("declaration", {**body, "session": row["session"]})
        assert row["declaration"] == declaration
        made = [[one, row["commitments"][one]] for one in parties]
        assert row["commitments_digest"] == verifier._tagged("commitments", [declaration, made])
        values = [[one, row["values"][one]] for one in parties]
        assert row["seed"] == verifier._tagged("seed", [declaration, values])
        places = [place for place in body["places"] for _ in range(place["count"])]
        draw = verifier._Draw(body, declaration, places, order=row["order"])
        assert row["drawn"] == verifier._pick(draw)
        said = [row["session"], body["draw"], declaration, parties[0]]
        opened = [row["values"][parties[0]], row["nonces"][parties[0]]]
        assert row["commitments"][parties[0]] == verifier._tagged("commitment", [*said, *opened])


def test_both_implementations_draw_alike_whatever_the_committee() -> None:
    for number in range(40):
        table = Table.at()
        command = expert_draw(subject=f"committee {number}", closes=trade.START + 2_000 + number)
        draw = table.hold(command)
        body = json.loads(json.dumps(body_of(draw.declared)))
        lines = [place for place in body["places"] for _ in range(place["count"])]
        again = verifier._Draw(body, draw.digest, lines)
        assert draw.made is not None
        again.order = verifier._shuffle(verifier._names_of(body), bytes.fromhex(draw.made.seed))
        assert [*draw.made.order] == again.order
        assert [*draw.drawn] == verifier._pick(again)


def test_the_order_depends_on_every_party() -> None:
    seeds = set()
    for flipped in (None, *PARTIES):
        values = [[one, hashlib.sha256(f"{one}{one == flipped}".encode()).hexdigest()] for one in PARTIES]
        seeds.add(verifier._tagged("seed", ["00" * 32, values]))
    assert len(PARTIES) + 1 == len(seeds)
    assert SeatCode("S1") == PARTIES[-1]


def entry_of(kind: str, **body: Any) -> verifier._Entry:  # noqa: ANN401 - JSON
    return verifier._Entry(9, trade.START, kind, "host", "O1", body, None, None)


def test_prices_are_not_unsealed_while_one_of_their_parameters_is_being_drawn() -> None:
    table = Table.at()
    table.declare()
    body: Any = body_of(table.draw().declared)
    seats = {str(seat.code): seat.role.value for seat in trade.SEATS}
    sites = {str(site.id) for site in trade.SITES if not site.host}
    lottery = verifier._Lottery(
        trade.SESSION, seats, sites, {"lot1"}, sealed=True, stage="opening", priced="second"
    )
    assert [] == list(verifier._declared(lottery, entry_of("DrawDeclared", **body)))
    assert [] == list(verifier._window_over(lottery, entry_of("WindowClosed", window="first", missing=[])))
    late = entry_of("WindowClosed", window="second", missing=[])
    assert [("draw_open", "K1")] == list(verifier._window_over(lottery, late))
    again = entry_of("DrawDeclared", **{**body, "draw": "F1", "subject": "float"})
    assert [("draw_terms", "not drawn in opening")] == list(verifier._declared(lottery, again))
    assert [] == list(verifier._window_over(lottery, entry_of("WindowExtended", window="second")))
    other = entry_of("DrawDeclared", **{**body, "draw": "F2", "subject": "delta"})
    assert [] == list(verifier._declared(lottery, other))


def test_a_roster_is_sealed_to_trustees_and_opened_by_a_quorum_of_them() -> None:
    table = Table.at()
    table.hold(expert_draw())
    body: Any = body_of(table.draw("R1").declared)
    lottery = verifier._Lottery(trade.SESSION, {}, set(), set(), sealed=True, stage="gathering", priced="")
    lottery.draws["R1"] = verifier._Draw(body, "", [], state="drawn")
    sealed = entry_of("RosterSealed", draw="R1", sha256="ab" * 32, size=9)
    assert [("roster", "R1")] == list(verifier._roster_sealed(lottery, sealed)), "nobody holds shares"
    lottery.holders, lottery.quorum = {"host", "north", "supervisor"}, 2
    assert [] == list(verifier._roster_sealed(lottery, sealed))

    def opened(*trustees: str, sha256: str = "ab" * 32, actor: str = "host") -> list[tuple[str, str]]:
        entry = replace(
            entry_of("RosterUnsealed", draw="R1", sha256=sha256, trustees=list(trustees)), actor=actor
        )
        return list(verifier._roster_unsealed(lottery, entry))

    for lie in (
        opened("host"),
        opened("host", "host"),
        opened("host", "x"),
        opened("host", "north", sha256="cd" * 32),
    ):
        assert [("roster", "R1")] == lie
    assert [("roster", "R1")] == opened("host", "north", actor="O1")
    assert [] == opened("host", "north")
    assert [("roster", "R1")] == opened("host", "north"), "it was open"
