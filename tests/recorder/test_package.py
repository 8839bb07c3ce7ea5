"""The bag: valid for other people's tools, the same for the same inputs, never half there."""

import errno
import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import av
import bagit
import pytest

from evalroom.events import ClockMapped, FragmentRecorded, ReelClosed
from evalroom.ids import SessionId, SiteId
from recorder.capture import CaptureSettings
from recorder.manifest import (
    IndexedClock,
    IndexedLog,
    IndexedProject,
    IndexedSeat,
    IndexedSite,
    Retention,
    SessionIndex,
)
from recorder.package import (
    BagExists,
    BagLog,
    BagReel,
    BagTrack,
    ReadOnlyFile,
    ReelIncomplete,
    UnsafeDocumentName,
    build,
)
from tests.recorder.seat import (
    T0_MS,
    audio_packets,
    camera,
    in_order,
    pictures,
    reports,
    tones,
    video_packets,
)
from tests.recorder.studio import Studio

TRACK = camera()
INDEX = SessionIndex(
    SessionId("EV-1"), IndexedProject("P-1 远程", ("lot1",)), (IndexedSite(SiteId("north"), "sub", "", ""),),
    (IndexedSeat(TRACK.seat, TRACK.site, "E1"),), T0_MS, T0_MS + 8000, IndexedClock("host", 4),
    IndexedLog("evalroom/EV-1", 2, "cm9vdA=="), Retention("15 years", T0_MS), "internal", "EvalRoom 0.1",
)  # fmt: skip
LOG = BagLog([b'{"seq":0}', b'{"seq":1}'], [], ["first\n", "last\n"], ["key"], [])


@pytest.fixture(scope="module")
def tracks(tmp_path_factory: pytest.TempPathFactory) -> list[BagTrack]:
    studio = Studio(tmp_path_factory.mktemp("reels"), settings=CaptureSettings(reel_s=4))
    studio.feed(in_order(video_packets(pictures(8)), audio_packets(tones(8)), reports(8)))
    studio.end()
    return [track_of(studio)]


def track_of(studio: Studio) -> BagTrack:
    maps = {fact.reel: fact.map for fact in studio.of(ClockMapped)}
    reels = tuple(
        BagReel(
            closed,
            [fact for fact in studio.of(FragmentRecorded) if fact.reel == closed.reel],
            maps[closed.reel],
            studio.path(closed.reel),
        )
        for closed in studio.of(ReelClosed)
    )
    return BagTrack(TRACK.id, TRACK.site, TRACK.seat, TRACK.kind, ("avc1.42c01e", "opus"), reels)


def contents(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def test_the_bag_is_valid_for_bagit_and_for_sha256sum(tmp_path: Path, tracks: list[BagTrack]) -> None:
    bag = build(tmp_path / "EV-1", INDEX, tracks, LOG, {"bids/B1.pdf": b"%PDF"}, "2026-11-23")
    bagit.Bag(str(bag)).validate()
    for name in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
        subprocess.run(["sha256sum", "--quiet", "--strict", "-c", name], cwd=bag, check=True)
    assert [path.name for path in tmp_path.iterdir()] == ["EV-1"]


def test_the_readme_shows_a_command_that_proves_a_fragment(tmp_path: Path, tracks: list[BagTrack]) -> None:
    bag = build(tmp_path / "EV-1", INDEX, tracks, LOG, {}, "2026-11-23")
    *_, command, digest = (bag / "README.txt").read_text("utf-8").splitlines()
    said = subprocess.run(["sh", "-c", command.strip()], cwd=bag, check=True, capture_output=True, text=True)
    assert digest.strip() == said.stdout.split()[0]


def test_the_index_names_every_reel_and_when_it_began(tmp_path: Path, tracks: list[BagTrack]) -> None:
    bag = build(tmp_path / "EV-1", INDEX, tracks, LOG, {}, "2026-11-23")
    index = json.loads((bag / "data/session.json").read_text("utf-8"))
    (track,) = index["tracks"]
    assert [reel["file"] for reel in track["reels"]] == [
        f"data/media/{TRACK.id}.{reel}.mp4" for reel in (0, 1)
    ]
    assert [round(reel["start_ms"] - T0_MS, -1) for reel in track["reels"]] == [0, 4000]
    assert {reel["duration_us"] for reel in track["reels"]} == {4_000_000}
    assert max(reel["gap_before_ms"] for reel in track["reels"]) < 20
    script = (bag / "data/session.js").read_text("utf-8")
    assert json.loads(script.removeprefix("window.SESSION = ").removesuffix(";\n")) == index


def test_reels_play_from_the_bag_and_over_their_playlists(tmp_path: Path, tracks: list[BagTrack]) -> None:
    bag = build(tmp_path / "EV-1", INDEX, tracks, LOG, {}, "2026-11-23")
    for reel in (0, 1):
        for kind in ("mp4", "m3u8"):
            with av.open(str(bag / f"data/media/{TRACK.id}.{reel}.{kind}")) as container:
                assert sum(1 for _ in container.decode(video=0)) == 60


def test_the_same_inputs_give_the_same_bytes(tmp_path: Path, tracks: list[BagTrack]) -> None:
    one = build(tmp_path / "a", INDEX, tracks, LOG, {"x.json": b"{}"}, "2026-11-23")
    two = build(tmp_path / "b", INDEX, tracks, LOG, {"x.json": b"{}"}, "2026-11-23")
    assert contents(one) == contents(two)


def test_a_bag_is_never_overwritten(tmp_path: Path) -> None:
    bag = build(tmp_path / "EV-1", INDEX, [], LOG, {}, "2026-11-23")
    before = contents(bag)
    with pytest.raises(BagExists):
        build(bag, replace(INDEX, software="other"), [], LOG, {}, "2026-11-23")
    assert contents(bag) == before


def test_what_a_crash_left_of_an_earlier_attempt_is_made_anew(tmp_path: Path) -> None:
    left = tmp_path / ".EV-1.making" / "data"
    left.mkdir(parents=True)
    (left / "half").write_bytes(b"x")
    bag = build(tmp_path / "EV-1", INDEX, [], LOG, {}, "2026-11-23")
    bagit.Bag(str(bag)).validate()


def test_a_reel_that_is_missing_or_short_stops_the_bag_and_leaves_nothing(
    tmp_path: Path, tracks: list[BagTrack]
) -> None:
    reel = tracks[0].reels[0]
    short = tmp_path / "short.mp4"
    shutil.copyfile(reel.source, short)
    with short.open("r+b") as file:
        file.truncate(reel.closed.bytes - 1)
    for source in (short, tmp_path / "absent.mp4"):
        track = replace(tracks[0], reels=(replace(reel, source=source),))
        with pytest.raises(ReelIncomplete):
            build(tmp_path / "EV-1", INDEX, [track], LOG, {}, "2026-11-23")
    assert [path.name for path in tmp_path.iterdir()] == ["short.mp4"]


@pytest.mark.parametrize(
    "name", ["../x", "/etc/x", "a/../../x", "名.pdf", "a b", ".hidden", "a//b", "a\\b", ""]
)
def test_a_document_with_an_unsafe_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnsafeDocumentName):
        build(tmp_path / "EV-1", INDEX, [], LOG, {name: b"x"}, "2026-11-23")
    assert list(tmp_path.iterdir()) == []


def test_names_that_differ_in_case_only_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsafeDocumentName):
        build(tmp_path / "EV-1", INDEX, [], LOG, {"a.pdf": b"x", "A.pdf": b"y"}, "2026-11-23")


def test_a_document_may_be_a_file(tmp_path: Path) -> None:
    source = tmp_path / "bid.pdf"
    source.write_bytes(b"%PDF" * 1000)
    bag = build(tmp_path / "EV-1", INDEX, [], LOG, {"bids/B1.pdf": source}, "2026-11-23")
    assert (bag / "data/docs/bids/B1.pdf").read_bytes() == source.read_bytes()
    bagit.Bag(str(bag)).validate()


@pytest.mark.parametrize("fault", [None, errno.EXDEV])
def test_a_file_that_nobody_writes_to_is_linked_or_copied_where_it_cannot_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: int | None
) -> None:
    source = tmp_path / "bid.evb1"
    source.write_bytes(b"EVB1" * 1000)

    def refuse(*_: object) -> None:
        raise OSError(fault, "another disk")

    if fault is not None:
        monkeypatch.setattr(os, "link", refuse)
    documents = {"opening/bid.evb1": ReadOnlyFile(source)}
    packed = build(tmp_path / "EV-1", INDEX, [], LOG, documents, "2026-11-23") / "data/docs/opening/bid.evb1"
    assert packed.read_bytes() == source.read_bytes()
    assert packed.samefile(source) is (fault is None)
    bagit.Bag(str(tmp_path / "EV-1")).validate()


def test_the_log_is_written_as_the_specification_says(tmp_path: Path) -> None:
    bag = build(tmp_path / "EV-1", INDEX, [], LOG, {}, "2026-11-23")
    log = bag / "data/log"
    assert (log / "entries.jsonl").read_bytes() == b'{"seq":0}\n{"seq":1}\n'
    assert (log / "checkpoints.txt").read_bytes() == b"first\nlast\n"
    assert (log / "checkpoint").read_bytes() == b"last\n"
    assert (log / "keys.txt").read_bytes() == b"key\n"
