"""The only place that hides anything: nobody sees a value before its time, nor can tell two values apart."""

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from evalroom import events as ev
from evalroom.encoding import body_of
from evalroom.events import Fact, Secret, Stage
from evalroom.ids import BidNumber, CommandId, SeatCode, SiteId
from evalroom.media import TrackKind
from evalroom.protocol.feed import item_text, wire_size
from evalroom.protocol.messages import MAX_FRAME
from evalroom.roles import Role
from evalroom.sealing.facts import BidsClosed, CoverMade, ListedBid, OpeningRecorded
from evalroom.session import Session
from evalroom.sheet import MAX_REASON
from evalroom.tender import Part
from evalroom.visibility import (
    BYTES_PER_ITEM,
    CELLS_PER_ITEM,
    Audience,
    Seen,
    may_read_bids,
    may_watch,
    nobody_sees,
    owner_only,
    view,
)
from tests.evalroom import opening
from tests.evalroom.room import (
    ARCHIVIST,
    BIDS,
    EAST,
    EXPERTS,
    HOST,
    LOT,
    OPERATOR,
    SEATS,
    SITE_OPERATOR,
    SUPERVISOR,
    WEST,
    Room,
    room_at,
    track_started,
)
from tests.evalroom.test_events import SAMPLES

E1, E2, E3 = EXPERTS
REVIEWED = tomllib.loads((Path(__file__).parent / "visibility.toml").read_text("utf-8"))

SEATED = {seat.code: Audience(seat.code, seat.role, seat.site, seat.node) for seat in SEATS}
NODES = {site: Audience(SeatCode(""), Role.NODE, site, site) for site in (HOST, WEST)}
ALL: tuple[Audience, ...] = (*SEATED.values(), *NODES.values())
STRANGERS = tuple(
    Audience(SeatCode(seat), role, HOST, HOST) for role in (Role.ANYONE, Role.HOST) for seat in ("", "X")
)


def seen_by(who: Audience, history: Iterable[Fact]) -> list[tuple[Fact, Seen]]:
    """Return everything an audience sees of a history, in order."""
    session = Session()
    out = []
    for fact in history:
        session.evolve(fact)
        out += [(fact, seen) for seen in view(fact, who, session)]
    return out


def texts(who: Audience, history: Iterable[Fact]) -> list[str]:
    """Return the very items of an audience's feed."""
    return [item_text(n, fact, seen) for n, (fact, seen) in enumerate(seen_by(who, history), 1)]


# --- event by event, against the reviewed table -------------------------------------------------------

ABOUT = E2
"""The seat that the samples speak of, at the west site."""


def sample(kind: str) -> Fact:
    """Return a fact of this kind that concerns or was done by the seat `ABOUT`."""
    event = SAMPLES[kind]
    if "seat" in body_of(event):
        event = replace(event, seat=ABOUT)  # type: ignore[arg-type] # the events with a seat
    if "track" in body_of(event):
        event = replace(event, track=track_started(ABOUT).track)  # type: ignore[arg-type] # those with a track
    secrets = (
        Secret("/value", "7.5", "00"),
        Secret("/reason", "because", "00"),
        Secret("/price", "123", "00"),
    )
    return Fact(1, WEST, ABOUT, event, CommandId("ab" * 16), "sig", secrets)


def session_with_track() -> Session:
    session = room_at(Stage.CONCLUDED).session
    session.evolve(Fact(0, WEST, "node", track_started(ABOUT)))
    return session


@pytest.mark.parametrize("kind", ev.EVENTS)
def test_an_event_reaches_the_reviewed_audiences_and_no_other(kind: str) -> None:
    rule = REVIEWED.get(kind, {"roles": []})
    fact, session = sample(kind), session_with_track()
    for who in ALL:
        near = rule.get("near", False) and who.role is Role.SITE_OPERATOR and who.node == WEST
        itself = rule.get("self", False) and who.seat == ABOUT
        expected = who.role.value in rule["roles"] or near or itself
        assert expected is bool(view(fact, who, session)), who


@pytest.mark.parametrize("kind", ev.EVENTS)
def test_members_that_are_not_for_everybody_are_absent_not_blank(kind: str) -> None:
    rule, fact, session = REVIEWED.get(kind, {"roles": []}), sample(kind), session_with_track()
    whole = set(body_of(fact.event))
    for who in ALL:
        for seen in view(fact, who, session):
            own = who.seat == ABOUT and rule.get("self", False)
            expert_sees_sheets = kind == "GroupUnlocked" and who.role in (Role.EXPERT, Role.REGULATOR)
            whole_for = who.role.value in rule.get("whole", ())
            hidden = set() if own or expert_sees_sheets or whole_for else set(rule.get("without", ()))
            if seen.type == kind:
                assert whole - hidden == set(seen.body), who


@pytest.mark.parametrize("kind", ev.EVENTS)
def test_strangers_and_machines_without_a_feed_see_nothing(kind: str) -> None:
    for who in STRANGERS:
        assert () == view(sample(kind), who, session_with_track())


@pytest.mark.parametrize("kind", ev.EVENTS)
def test_opened_values_and_command_ids_go_to_whoever_gave_the_command(kind: str) -> None:
    for who in ALL:
        for seen in view(sample(kind), who, session_with_track()):
            if who.seat != ABOUT:
                assert ({}, None) == (dict(seen.opened), seen.cmd), who


def test_signatures_and_nonces_are_in_no_feed() -> None:
    room = room_at(Stage.CONCLUDED)
    nonces = {secret.nonce for fact in room.history for secret in fact.secrets}
    signatures = {fact.sig for fact in room.history if fact.sig}
    for who in ALL:
        everything = "".join(texts(who, room.history))
        assert not [one for one in nonces | signatures if one in everything]


def test_the_reviewed_table_names_events_there_are() -> None:
    assert set(REVIEWED) <= set(ev.EVENTS)


def test_the_writer_may_skip_exactly_what_nobody_sees() -> None:
    for kind, class_ in ev.EVENTS.items():
        fact, session = sample(kind), session_with_track()
        seen = [who for who in ALL if view(fact, who, session)]
        assert nobody_sees(SAMPLES[kind]) is (kind not in REVIEWED), class_
        assert not (nobody_sees(SAMPLES[kind]) and seen)
        if owner_only(SAMPLES[kind]):
            assert [ABOUT] == [who.seat for who in seen]


def test_what_concerns_a_seat_of_the_host_stays_from_other_sites() -> None:
    fact = replace(sample("SeatLost"), event=ev.SeatLost(E1), site=HOST)
    assert () == view(fact, SEATED[SITE_OPERATOR], session_with_track())
    assert view(fact, SEATED[SUPERVISOR], session_with_track())


def test_an_alarm_about_no_seat_is_shown_where_it_was_raised() -> None:
    alarm = ev.AlarmRaised("a1", "disk", "", "full")
    here = Audience(SITE_OPERATOR, Role.SITE_OPERATOR, WEST, WEST)
    there = Audience(SeatCode("L9"), Role.SITE_OPERATOR, EAST, HOST)
    fact = Fact(1, WEST, "node", alarm)
    session = room_at(Stage.DETAILED).session
    assert view(fact, here, session)
    assert () == view(fact, there, session)
    assert () == view(fact, SEATED[E1], session)


# --- two worlds ---------------------------------------------------------------------------------------


def world(value: str, reason: str = "fine") -> Room:
    """Return a session in which everything but one hidden score, or its reason, is the same."""
    room = room_at(Stage.DETAILED)
    room.give(room[E1].enter(BIDS[2], "quality", "4"))
    room.give(room[E1].enter(BIDS[2], "quality", value, revision=2, reason=reason))
    for seat in EXPERTS:
        if seat != E1:
            room.fill(seat)
            room.lock(seat)
    for bid in BIDS:
        for item in ("plan", "safety", "schedule", "staff", "machines", "record", "service", "faults"):
            room.give(room[E1].enter(bid, item, "2", reason="seen"))
        if bid != BIDS[2]:
            room.give(room[E1].enter(bid, "quality", "3"))
    room.lock(E1)
    room.cosign()
    return room


@pytest.mark.parametrize(
    ("one", "other"),
    [(("9.5", "fine"), ("1.0", "fine")), (("9.5", ""), ("9.5", "x" * MAX_REASON)), (("", ""), ("5", ""))],
)
def test_two_sessions_that_differ_in_one_hidden_score_give_all_others_the_same_bytes(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    if "" in (one[0], other[0]):
        rooms = [room_at(Stage.DETAILED) for _ in range(2)]
        for room, (value, reason) in zip(rooms, (one, other), strict=True):
            room.give(room[E1].enter(BIDS[0], "plan", value, reason=reason))
    else:
        rooms = [world(*one), world(*other)]
    for who in ALL:
        same = texts(who, rooms[0].history) == texts(who, rooms[1].history)
        assert same is (who.seat != E1), who


def test_after_the_unlock_the_committee_sees_the_values_and_nobody_else() -> None:
    rooms = [world("9.5"), world("1.0")]
    for room in rooms:
        room.unlock()
    for who in ALL:
        same = texts(who, rooms[0].history) == texts(who, rooms[1].history)
        assert same is (who.role not in (Role.EXPERT, Role.REGULATOR)), who


def test_two_sessions_that_differ_in_one_price_give_all_but_the_operator_the_same_bytes() -> None:
    rooms = [room_at(Stage.GATHERING) for _ in range(2)]
    for room, price in zip(rooms, ("98000000", "1"), strict=True):
        room.give(room[OPERATOR].import_bid(BIDS[0], price))
    for who in ALL:
        same = texts(who, rooms[0].history) == texts(who, rooms[1].history)
        assert same is (who.seat != OPERATOR), who


def test_nobody_learns_when_or_that_another_fills_cells() -> None:
    quiet, busy = room_at(Stage.DETAILED), room_at(Stage.DETAILED)
    busy.fill(E1)
    for who in ALL:
        if who.seat != E1:
            assert texts(who, quiet.history) == texts(who, busy.history)


# --- the opened sheets --------------------------------------------------------------------------------


def opened_cells(found: Iterable[Seen]) -> dict[str, list[object]]:
    cells: dict[str, list[object]] = {}
    for seen in found:
        if seen.type == "SheetOpened":
            assert {"seat", "lot", "part", "cells"} == set(seen.body)
            rows = seen.body["cells"]
            assert isinstance(rows, list)
            assert 0 < len(rows) <= CELLS_PER_ITEM
            cells.setdefault(str(seen.body["seat"]), []).extend(rows)
    return cells


def test_every_member_gets_every_sheet_once_in_order() -> None:
    room = world("9.5")
    room.unlock()
    for seat in EXPERTS:
        cells = opened_cells(seen for _, seen in seen_by(SEATED[seat], room.history))
        for owner in EXPERTS:
            sheet = room.session.sheet(owner, LOT, Part.DETAILED)
            expected = [
                [bid, item, cell.revision, cell.value, cell.reason]
                for (bid, item), cell in sorted(sheet.cells.items())
            ]
            detailed = [
                row
                for row in cells[owner]
                if isinstance(row, list) and row[1] not in ("form", "licence", "response")
            ]
            assert expected == detailed
    for code in (SUPERVISOR, OPERATOR, SITE_OPERATOR, ARCHIVIST):
        assert {} == opened_cells(seen for _, seen in seen_by(SEATED[code], room.history))


@pytest.mark.parametrize("letter", ['"', "\\", "\x01", "评", "\U0001f600", "a"])
def test_an_opened_sheet_fits_the_frame_whatever_the_reasons_hold(letter: str) -> None:
    room = room_at(Stage.DETAILED)
    for seat in EXPERTS:
        for bid in BIDS:
            for item in (
                "plan",
                "quality",
                "safety",
                "schedule",
                "staff",
                "machines",
                "record",
                "service",
                "faults",
            ):
                room.give(room[seat].enter(bid, item, "1", reason=letter * MAX_REASON))
        room.lock(seat)
    room.cosign()
    room.unlock()
    for text in texts(SEATED[E1], room.history):
        assert wire_size(text) <= BYTES_PER_ITEM + 1_000 < MAX_FRAME
    whole = opened_cells(seen for _, seen in seen_by(SEATED[E1], room.history))
    assert {36 + 12} == {len(cells) for cells in whole.values()}


def test_the_usual_session_opens_in_one_item_for_each_sheet() -> None:
    room = room_at(Stage.PRICING)
    found = [seen for _, seen in seen_by(SEATED[E1], room.history) if seen.type == "SheetOpened"]
    assert 2 * len(EXPERTS) == len(found)


def test_a_cell_nobody_filled_is_not_invented() -> None:
    body: Mapping[str, object] = {}
    for _, seen in seen_by(SEATED[E1], room_at(Stage.DETAILED).history):
        if seen.type == "SheetOpened":
            body = seen.body
    assert {("pass", "")} == {(row[3], row[4]) for row in body["cells"]}  # type: ignore[attr-defined] # rows of JSON


def test_a_feed_tells_the_same_after_a_restart() -> None:
    """The fold reads the journal again and must number every audience as before."""
    history = room_at(Stage.CONCLUDED).history
    for who in ALL:
        digests = [hashlib.sha256("".join(texts(who, history)).encode()).hexdigest() for _ in range(2)]
        assert digests[0] == digests[1]


def test_an_unknown_bid_or_site_opens_nothing() -> None:
    stranger = Audience(SeatCode("X"), Role.SITE_OPERATOR, SiteId("moon"), SiteId("moon"))
    seen = {seen.type for _, seen in seen_by(stranger, room_at(Stage.CONCLUDED).history)}
    assert not seen & {
        "ScoreEntered",
        "PricesOpened",
        "PricesComputed",
        "RankingComputed",
        "SheetOpened",
        "BidImported",
    }


# --- pictures and bids ----------------------------------------------------------------------------------


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("stage", Stage)
def test_nobody_watches_an_experts_screen_while_sheets_are_open(role: Role, stage: Stage) -> None:
    open_sheets = stage in (Stage.PRELIMINARY, Stage.DETAILED)
    for own_site in (True, False):
        allowed = may_watch(role, TrackKind.SCREEN, stage, own_site=own_site)
        assert allowed is (not open_sheets and role in (Role.SUPERVISOR, Role.OPERATOR, Role.REGULATOR))


@pytest.mark.parametrize("stage", Stage)
def test_cameras_are_watched_by_the_committee_the_hosts_staff_and_at_the_own_site(stage: Stage) -> None:
    near = {role for role in Role if may_watch(role, TrackKind.CAMERA, stage, own_site=True)}
    far = {role for role in Role if may_watch(role, TrackKind.CAMERA, stage, own_site=False)}
    assert {Role.EXPERT, Role.SUPERVISOR, Role.OPERATOR, Role.REGULATOR} == far
    assert far | {Role.SITE_OPERATOR} == near


@pytest.mark.parametrize("role", Role)
def test_bids_are_read_by_experts_once_the_review_has_begun_and_by_the_operator(role: Role) -> None:
    stages = {stage for stage in Stage if may_read_bids(role, stage)}
    review = set(list(Stage)[list(Stage).index(Stage.PRELIMINARY) :])
    expected = {Role.OPERATOR: set(Stage), Role.EXPERT: review, Role.REGULATOR: review}
    assert expected.get(role, set()) == stages


# --- sealed bids ----------------------------------------------------------------------------------------


def sealed_world(bids: int, covers: int) -> opening.Opening:
    """Return a session that takes bids: so many came in, one was replaced and one taken back where there are two."""
    room = opening.at("accepting")
    room.submit(*opening.NUMBERS[:bids])
    for _ in range(covers):
        room.give(room.noting(CoverMade("00ff")))
    if bids > 1:
        first, second = opening.NUMBERS[:2]
        room.give(room.by_bidder(room.submitted(opening.NUMBERS[7], first), opening.envelope_key(first)))
        room.give(room.by_bidder(room.withdrawn(second), opening.envelope_key(second)))
    return room


def test_before_the_list_is_closed_the_number_of_bids_changes_no_byte_of_anybodys_feed() -> None:
    none, few, many = sealed_world(0, 3), sealed_world(1, 0), sealed_world(6, 9)
    assert len({len(room.history) for room in (none, few, many)}) == 3
    seats = [Audience(seat.code, seat.role, seat.site, seat.node) for seat in opening.SEATS]
    for who in (*seats, *NODES.values(), *STRANGERS):
        assert texts(who, none.history) == texts(who, few.history) == texts(who, many.history)


@pytest.mark.parametrize("kind", ["BidSubmitted", "BidAcknowledged", "BidWithdrawn", "CoverMade"])
def test_what_is_handed_in_is_in_nobodys_feed_ever(kind: str) -> None:
    assert nobody_sees(SAMPLES[kind])


def test_nothing_names_a_bidder_or_a_price_before_the_record_of_the_opening() -> None:
    room = opening.at("opened", opening.policy(two_envelopes=False))
    out = next(n for n, fact in enumerate(room.history) if isinstance(fact.event, OpeningRecorded))
    words = ["bidder 0", str(opening.price_of(opening.NUMBERS[0]))]
    for who in ALL:
        before = "".join(texts(who, room.history[:out]))
        assert not [word for word in words if word in before], who
    committee = "".join(texts(SEATED[SUPERVISOR], room.history))
    assert all(word in committee for word in words)


def test_a_closed_list_of_many_bids_comes_in_pieces_that_fit_a_frame() -> None:
    bids = tuple(ListedBid(BidNumber(f"{n:032x}"), "ab" * 32, "cd" * 32) for n in range(1_000))
    fact = Fact(1, HOST, "host", BidsClosed("ef" * 32, bids))
    pieces = view(fact, SEATED[E1], Session())
    assert all(wire_size(item_text(1, fact, seen)) <= BYTES_PER_ITEM + 1_000 for seen in pieces)
    rows = [row for seen in pieces for row in seen.body["bids"]]  # type: ignore[union-attr] # rows of JSON
    assert [one.bid for one in bids] == [row["bid"] for row in rows]  # type: ignore[index, call-overload] # likewise
    assert 1 == len(view(replace(fact, event=BidsClosed("ef" * 32, ())), SEATED[E1], Session()))
