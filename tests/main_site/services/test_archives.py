"""From a closed session to its archive: nothing is packed before all of it is there, and a failure is told."""

import csv
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from evalroom.media import TrackKind
from main_site.report.signed_acts import check_signatures
from main_site.services import archives
from main_site.store.journal import read_sessions
from recorder.package import build
from recorder.verify import verify
from tests.evalroom.room import EXPERTS, LOT, SESSION, people
from tests.main_site.hall import Hall, conclude, hall, host, put_documents, record, recorded, until, upload

E1, E2, _ = EXPERTS


@pytest.fixture
async def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hall]:
    async with hall(tmp_path) as made:
        await put_documents(made, monkeypatch)
        yield made


async def done(place: Hall) -> str:
    await until(lambda: place.live.archiver.state.stage in ("ready", "failed"))
    return place.live.archiver.state.stage


async def test_nothing_is_packed_while_a_reel_is_missing(place: Hall) -> None:
    wire = await place.linked()
    token = (await wire.hear("upload_grant"))["token"]
    reel = await record(place, E2, TrackKind.CAMERA)
    await conclude(place, wire)
    await until(lambda: place.live.archiver.state.stage == "reels")
    assert 1 == place.live.archiver.state.reels_missing
    assert not (place.centre.settings.data_dir / "archives").exists()
    assert (await upload(place, token, reel, recorded()[1])).is_success
    assert "ready" == await done(place)
    assert place.live.archiver.state.verified is True


async def test_a_damaged_document_fails_the_archive_and_says_so(place: Hall) -> None:
    wire = await place.linked()
    for path in (place.centre.settings.data_dir / "documents").glob("*.pdf"):
        path.chmod(0o600)
        path.unlink()
    await conclude(place, wire)
    assert "failed" == await done(place)
    assert place.live.archiver.state.detail
    assert place.session.closed
    overview = (await place.http.get(f"/api/v1/sessions/{SESSION}/archive")).json()
    assert ("failed", place.live.archiver.state.detail) == (overview["stage"], overview["detail"])


async def test_an_archive_that_does_not_verify_says_what_is_wrong_and_where(
    place: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build_and_harm(target: Path, *parts: Any) -> None:  # noqa: ANN401 - handed on as it came
        build(target, *parts)
        index = target / "data" / "session.json"
        index.write_bytes(index.read_bytes().replace(b"internal", b"external"))

    monkeypatch.setattr(archives, "build", build_and_harm)
    await conclude(place, await place.linked())
    assert "ready" == await done(place)
    assert place.live.archiver.state.verified is False
    assert "data/session.json" in place.live.archiver.state.detail


async def test_an_archive_verifies_under_the_log_key_known_from_outside(place: Hall) -> None:
    await conclude(place, await place.linked())
    assert "ready" == await done(place)
    archive = Path(place.live.archiver.state.path)
    assert verify(archive, [place.session.keys.log]).ok
    docs = archive / "data" / "docs"
    ranking = json.loads((docs / "ranking-lot1.json").read_text(encoding="utf-8"))
    assert 4 == len(ranking["rows"])
    data, signed = (docs / f"report-{LOT}.json").read_bytes(), (docs / f"signatures-{LOT}.json").read_bytes()
    assert {*EXPERTS} == check_signatures(data, signed).stands.keys()
    table = (docs / "sheets" / "lot1-preliminary-E1.csv").read_text(encoding="utf-8-sig")
    assert 12 == len(list(csv.DictReader(io.StringIO(table))))
    with place.centre.writer.engine.connect() as db:
        assert [str(archive)] == [one.archive for one in read_sessions(db)]


async def test_a_host_restarted_after_the_close_builds_the_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with hall(tmp_path) as place:
        await put_documents(place, monkeypatch)
        wire = await place.linked()
        reel = await record(place, E2, TrackKind.CAMERA)
        await conclude(place, wire)
        await until(lambda: place.live.archiver.state.stage == "reels")
        west = place.west
    async with host(tmp_path) as (app, centre, http):
        again = Hall(app, centre, west, {}, people(), http)
        assert again.session.closed
        wire = await again.linked()
        cosigning = again.cosigning(wire)
        token = (await wire.hear("upload_grant"))["token"]
        assert (await upload(again, token, reel, recorded()[1])).is_success
        assert "ready" == await done(again)
        assert again.live.archiver.state.verified is True
        cosigning.cancel()
