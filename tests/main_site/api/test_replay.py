"""The replay: no screen and no value before its time; at the end everything that was released, by range."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from evalroom.events import Stage
from evalroom.media import TrackKind
from tests.evalroom.room import ARCHIVIST, EXPERTS, OPERATOR, SUPERVISOR
from tests.main_site.hall import (
    FakeWire,
    Hall,
    conclude,
    hall,
    put_documents,
    record,
    recorded,
    upload,
)

E1, E2, E3 = EXPERTS
CAMERA, SCREEN = "west-E2/camera", "west-E2/screen"


@pytest.fixture
async def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hall]:
    async with hall(tmp_path) as made:
        await put_documents(made, monkeypatch)
        yield made


async def filmed(place: Hall) -> FakeWire:
    """Let the sub-site hand over a reel of a camera and one of a screen."""
    wire = await place.linked()
    token = (await wire.hear("upload_grant"))["token"]
    for kind in (TrackKind.CAMERA, TrackKind.SCREEN):
        reel = await record(place, E2, kind)
        assert (await upload(place, token, reel, recorded()[1])).is_success
    return wire


async def index(place: Hall, seat: str = ARCHIVIST) -> dict[str, Any]:
    async with place.client(await place.cookie(seat)) as client:  # type: ignore[arg-type] # a seat's code
        answer = await client.get("/api/v1/replay")
        assert answer.is_success, answer.text
        return dict(answer.json())


async def test_a_screen_is_kept_from_everybody_while_sheets_are_open(place: Hall) -> None:
    wire = await filmed(place)
    cosigning = place.cosigning(wire)
    for stage in (Stage.GATHERING, Stage.PRELIMINARY, Stage.DETAILED):
        await place.advance_to(stage)
        for seat in (ARCHIVIST, SUPERVISOR, OPERATOR):
            assert [CAMERA] == [one["id"] for one in (await index(place, seat))["tracks"]]
            async with place.client(await place.cookie(seat)) as client:
                answer = await client.get(f"/api/v1/replay/media/{SCREEN}.0.mp4")
                assert (409, "not_yet") == (answer.status_code, answer.json()["code"])
                assert (await client.get(f"/api/v1/replay/media/{CAMERA}.0.mp4")).is_success
    await place.advance_to(Stage.PRICING)
    assert [CAMERA, SCREEN] == [one["id"] for one in (await index(place))["tracks"]]
    cosigning.cancel()


async def test_no_value_is_in_the_index_while_the_session_runs(place: Hall) -> None:
    wire = await place.linked()
    cosigning = place.cosigning(wire)
    await place.advance_to(Stage.PRELIMINARY)
    await place.give(place.people[E1].enter("bid1", "form", "fail", reason="a reason nobody may see yet"))
    for seat in (ARCHIVIST, SUPERVISOR, OPERATOR):
        events = (await index(place, seat))["events"]
        assert "a reason nobody may see yet" not in str(events)
        assert not [one for one in events if one["type"] == "ScoreEntered"]
    cosigning.cancel()


async def test_a_reel_that_is_none_is_not_found(place: Hall) -> None:
    await filmed(place)
    async with place.client(await place.cookie(ARCHIVIST)) as client:
        for name in (
            "west-E2/camera.².mp4",
            "west-E2/camera.1.mp4",
            "west-E2/camera.-1.mp4",
            "west-E2/camera.mp4",
            "west-E2/camera.0",
            f"west-E2/camera.{'9' * 5000}.mp4",
            "..%2f..%2fkeys/authority.0.mp4",
            "west-E2/..%2fcamera.0.mp4",
            "west-E9/camera.0.mp4",
        ):
            answer = await client.get(f"/api/v1/replay/media/{name}")
            assert (404, "unknown") == (answer.status_code, answer.json()["code"]), name[:60]


async def test_a_reel_that_the_host_does_not_hold_yet_is_not_found(place: Hall) -> None:
    await record(place, E2, TrackKind.CAMERA)
    (track,) = (await index(place))["tracks"]
    assert [False] == [one["available"] for one in track["reels"]]
    async with place.client(await place.cookie(ARCHIVIST)) as client:
        assert 404 == (await client.get(f"/api/v1/replay/media/{CAMERA}.0.mp4")).status_code


async def test_a_reel_is_served_by_range_and_described_to_the_fragment(place: Hall) -> None:
    await filmed(place)
    told, data, fragments, _ = recorded()
    (track,) = (await index(place))["tracks"]
    (reel,) = track["reels"]
    assert (True, told.bytes, told.sha256) == (reel["available"], reel["bytes"], reel["sha256"])
    assert len(fragments) == len(reel["fragments"])
    offset, length = reel["fragments"][1][:2]
    async with place.client(await place.cookie(ARCHIVIST)) as client:
        path = f"/api/v1/replay/media/{reel['file']}"
        assert data == (await client.get(path)).content
        part = await _range(client, path, offset, length)
        assert (206, data[offset : offset + length], "video/mp4") == part
        answer = await client.get(path, headers={"range": f"bytes={len(data)}-"})
        assert 416 == answer.status_code


async def _range(client: httpx.AsyncClient, path: str, offset: int, length: int) -> tuple[int, bytes, str]:
    answer = await client.get(path, headers={"range": f"bytes={offset}-{offset + length - 1}"})
    return answer.status_code, answer.content, answer.headers["content-type"]


async def test_at_the_end_everything_is_there_with_the_values_that_were_released(
    place: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire = await filmed(place)
    await conclude(place, wire)
    whole = await index(place)
    assert (True, [CAMERA, SCREEN]) == (whole["closed"], [one["id"] for one in whole["tracks"]])
    scores = [one for one in whole["events"] if one["type"] == "ScoreEntered"]
    assert scores
    assert all("/value" in one["opened"] for one in scores)
    assert not {"FragmentRecorded", "CheckpointCosigned"} & {one["type"] for one in whole["events"]}
    seqs = [one["seq"] for one in whole["events"]]
    assert sorted(seqs) == seqs
    # What never was unlocked stays closed in the replay, too.
    monkeypatch.setattr(place.session, "shown", type(place.session.shown)())
    monkeypatch.setattr(place.session, "priced", set())
    closed = [one for one in (await index(place))["events"] if "opened" in one]
    assert [] == closed
