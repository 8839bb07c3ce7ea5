"""A live evaluation: each is told what is theirs, what a recorder cannot journal is an alarm, the end closes by itself."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from evalroom import commands as co
from evalroom import events as ev
from evalroom.events import Stage
from evalroom.ids import NODE_ACTOR, SiteId, TrackId
from evalroom.media import TrackKind
from evalroom.presence import SiteState, empty_state
from evalroom.protocol import messages as m
from evalroom.protocol.liveness import LinkState
from evalroom.roles import NotPermitted, Role
from signaling.seating import SeatPerson
from tests.evalroom.drawing import price_draw
from tests.evalroom.room import ARCHIVIST, EAST, EXPERTS, OPERATOR, SITE_OPERATOR, START, SUPERVISOR, WEST
from tests.main_site.hall import FakeWire, Hall, conclude, hall, put_documents, record, settle, until

E1, E2, E3 = EXPERTS


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Hall]:
    async with hall(tmp_path) as made:
        yield made


async def seated(place: Hall, seat: str, role: Role) -> FakeWire:
    wire = FakeWire()
    serve = place.live.evaluation.seating.serve(wire, SeatPerson(seat, role), take=False, generation=0)  # type: ignore[arg-type] # a seat's code
    place.tasks.add(asyncio.create_task(serve))
    await wire.hear("welcome")
    return wire


# --- who may ------------------------------------------------------------------------------------------------


async def test_a_sites_node_is_given_its_own_seats_feeds_only(place: Hall) -> None:
    evaluation = place.live.evaluation
    for audience in (E1, E3, OPERATOR, "", "E9", "node:east"):
        with pytest.raises(NotPermitted):
            evaluation.feed_of(WEST, audience)
    for audience in (E2, SITE_OPERATOR, "node"):
        assert audience == evaluation.feed_of(WEST, audience).audience.partition(":")[0]


async def test_only_nodes_of_their_own_get_a_roster(place: Hall) -> None:
    evaluation = place.live.evaluation
    assert evaluation.roster_for(EAST) is None  # its seats sit at the host's node
    assert evaluation.roster_for(evaluation.conductor.session.host_site) is None
    assert evaluation.roster_for(SiteId("south")) is None
    roster = evaluation.roster_for(WEST)
    assert roster is not None
    assert {E2, SITE_OPERATOR} == {one.seat for one in roster.seats}


async def test_live_pictures_are_for_whom_the_stage_lets_see_them(place: Hall) -> None:
    evaluation = place.live.evaluation
    camera, screen = TrackId("west-E2/camera"), TrackId("west-E2/screen")
    assert evaluation.may_watch(SUPERVISOR, screen)
    assert not evaluation.may_watch(E1, screen)
    assert not evaluation.may_watch(ARCHIVIST, camera)
    assert not evaluation.may_watch(SUPERVISOR, TrackId("west-E9/camera"))
    assert not evaluation.may_watch(SUPERVISOR, TrackId("../keys"))
    await place.advance_to(Stage.PRELIMINARY)
    assert evaluation.may_watch(SUPERVISOR, camera)
    assert not evaluation.may_watch(SUPERVISOR, screen)


async def test_a_command_for_a_document_that_is_not_here_is_refused(place: Hall) -> None:
    wire = await seated(place, OPERATOR, Role.OPERATOR)
    order = place.people[OPERATOR].import_bid(place.session.tender.lots[0].bids[0].id, "1")
    wire.say(submit_of(order))
    assert "unknown_document" == (await wire.hear("refused"))["code"]
    assert "BidImported" not in place.types()


def submit_of(order: co.Order) -> m.Submit:
    return m.Submit(order.cmd or "", order.command, order.secrets, order.sig)  # type: ignore[arg-type] # a seat's order


# --- who is told what ---------------------------------------------------------------------------------------


async def test_progress_is_counted_without_a_value_and_told_to_staff_only(place: Hall) -> None:
    wire = await place.linked()
    expert, supervisor = (
        await seated(place, E1, Role.EXPERT),
        await seated(place, SUPERVISOR, Role.SUPERVISOR),
    )
    await place.advance_to(Stage.PRELIMINARY)
    await place.give(place.people[E1].enter("bid1", "form", "fail", reason="page 3"))
    evaluation = place.live.evaluation
    evaluation._tell_progress()
    row = (await supervisor.hear("progress", lambda one: one["sheets"][0]["filled"] == 1))["sheets"][0]
    expected = {"seat": E1, "lot": "lot1", "part": "preliminary", "filled": 1, "total": 12, "locked": False}
    assert expected == row
    assert not expert.all("progress")
    assert "page 3" not in "".join(supervisor.sent)
    told = [one for one in wire.all("to_seat") if json.loads(one["message"])["kind"] == "progress"]
    assert {SITE_OPERATOR} == {one["seat"] for one in told}


async def test_an_expert_is_told_of_itself_and_of_no_other_seat(place: Hall) -> None:
    expert, supervisor = (
        await seated(place, E1, Role.EXPERT),
        await seated(place, SUPERVISOR, Role.SUPERVISOR),
    )
    place.live.evaluation._tell_status()
    assert {"host", "west"} == {one["site"] for one in (await supervisor.hear("status"))["sites"]}
    for status in [await expert.hear("status"), *expert.all("status")]:
        assert {E1} >= {seat["seat"] for site in status["sites"] for seat in site["seats"]}
        assert {"host"} == {site["site"] for site in status["sites"]}


# --- draws ------------------------------------------------------------------------------------------------


async def test_a_draw_whose_parties_are_silent_ends_by_itself(place: Hall) -> None:
    for seat in (OPERATOR, SUPERVISOR):
        await place.give(place.people[seat].check_in())
    now = place.live.evaluation.parts.now()
    parties = (OPERATOR, SUPERVISOR)
    command = price_draw(parties=parties, closes=now + 400, ends=now + 800)
    await place.give(place.people[OPERATOR].order(command))
    await until(lambda: "DrawVoided" in place.types())
    assert parties == place.session.draws.all[command.draw].silent
    assert 1 == place.types().count("DrawVoided")


# --- sites and recorders ------------------------------------------------------------------------------------


async def test_facts_a_recorder_may_not_tell_are_an_alarm_and_not_lost_in_silence(place: Hall) -> None:
    wire = await place.linked()
    stray = co.NodeFact(START, "TrackEnded", ev.TrackEnded(TrackId("west-E2/camera"), START))
    place.from_west(wire, m.Submit("ab" * 16, co.RecordFacts((stray,))))  # type: ignore[arg-type] # an id
    refused = await wire.hear("refused")
    assert "broken_recording" == refused["code"]
    await until(lambda: "AlarmRaised" in place.types())


async def test_the_hosts_own_recorder_is_heard_like_a_sites(place: Hall) -> None:
    stray = co.NodeFact(START, "TrackEnded", ev.TrackEnded(TrackId("host-E1/camera"), START))
    place.live.evaluation.hand((stray,))
    await until(lambda: "AlarmRaised" in place.types())
    assert "TrackEnded" not in place.types()


def state(**given: object) -> SiteState:
    values = {"offset_ms": 0, "offset_bound_ms": 3, **given}
    return replace(empty_state(WEST, "online"), **values)  # type: ignore[arg-type] # a test's own members


async def test_a_clock_is_journalled_once_a_minute_and_alarmed_once_when_it_is_off(place: Hall) -> None:
    wire = await place.linked()
    for _ in range(3):
        place.from_west(wire, m.SiteStatus(state(offset_ms=2_500)))
    await until(lambda: "AlarmRaised" in place.types())
    await settle()
    assert (1, 1) == (place.types().count("SiteOffsetMeasured"), place.types().count("AlarmRaised"))


async def test_a_clock_that_was_set_is_journalled_at_once(place: Hall) -> None:
    wire = await place.linked()
    for offset in (0, 40, -300_000, -300_040):
        place.from_west(wire, m.SiteStatus(state(offset_ms=offset)))
    await until(lambda: "AlarmRaised" in place.types())
    await settle()
    assert [0, -300_000_000] == [one["offset_us"] for one in place.bodies("SiteOffsetMeasured")]


async def test_a_clock_that_was_measured_by_slow_pings_alone_is_journalled_once_there_was_a_better_one(
    place: Hall,
) -> None:
    wire = await place.linked()
    for bound in (2_400, 2_001, 7, 5):
        place.from_west(wire, m.SiteStatus(state(offset_ms=40, offset_bound_ms=bound)))
    place.from_west(wire, m.SiteStatus(state(offset_ms=2_500)))
    await until(lambda: "AlarmRaised" in place.types())
    await settle()
    bounds = [one["bound_us"] for one in place.bodies("SiteOffsetMeasured")]
    assert [7_000, 3_000] == bounds


async def test_a_clock_nobody_measured_is_not_journalled(place: Hall) -> None:
    wire = await place.linked()
    place.from_west(wire, m.SiteStatus(state(offset_ms=None, offset_bound_ms=None)))
    place.from_west(wire, m.Ping(1))
    await wire.hear("pong")
    await settle()
    assert "SiteOffsetMeasured" not in place.types()


async def test_a_seat_that_checked_in_and_is_gone_is_journalled_as_lost(place: Hall) -> None:
    evaluation = place.live.evaluation
    evaluation.seat_changed(E1, LinkState.OFFLINE)  # never checked in: nobody is missed
    await place.give(place.people[E1].check_in())
    evaluation.seat_changed(E1, LinkState.WEAK)
    evaluation.seat_changed(E1, LinkState.OFFLINE)
    evaluation.seat_changed(E1, LinkState.ONLINE)
    await until(lambda: "SeatReturned" in place.types())
    assert ["SeatLost", "SeatReturned"] == [
        one for one in place.types() if one.startswith("SeatL") or "Ret" in one
    ]


# --- the end ------------------------------------------------------------------------------------------------


async def test_a_concluded_session_closes_by_itself_once_no_track_is_running(
    place: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put_documents(place, monkeypatch)
    wire = await place.linked()
    await record(place, E2, TrackKind.CAMERA, ended=False)
    cosigning = place.cosigning(wire)
    await place.advance_to(Stage.CONCLUDED)
    await until(lambda: place.session.cosigned > 0)
    await settle()
    assert not place.session.closed
    ended = co.NodeFact(START, "TrackEnded", ev.TrackEnded(TrackId("west-E2/camera"), START))
    await place.give(co.Order(co.RecordFacts((ended,)), START, NODE_ACTOR, WEST, Role.NODE))
    await until(lambda: place.session.closed)
    cosigning.cancel()
    roster = await wire.hear("roster", lambda one: one["closed"])
    assert roster["closed"]


async def test_a_closed_session_takes_no_more_presence_or_facts(
    place: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put_documents(place, monkeypatch)
    wire = await place.linked()
    await conclude(place, wire)
    size = place.live.evaluation.conductor.journal.size
    evaluation = place.live.evaluation
    evaluation.site_changed(SiteId(WEST), LinkState.OFFLINE)
    evaluation.seat_changed(E1, LinkState.OFFLINE)
    place.from_west(wire, m.SiteStatus(state(offset_ms=9_000)))
    place.from_west(wire, m.Ping(1))
    await wire.hear("pong")
    await settle()
    assert size == evaluation.conductor.journal.size
