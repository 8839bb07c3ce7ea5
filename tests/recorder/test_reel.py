"""One reel on disk, its writing thread, and a real browser that plays it."""

import base64
import errno
import hashlib
import os
import queue
import stat
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from evalroom.events import FragmentRecorded, GapDeclared, ReelClosed
from evalroom.media import GapCause, Medium
from recorder.fmp4 import INIT_AT, PATCH_AT, init_end
from recorder.reel import (
    Append,
    Begin,
    Dropped,
    EmptyReel,
    Failed,
    Finish,
    ReelFile,
    ReelWriter,
    Report,
    init_path,
    reel_path,
    write_all,
)
from tests.patience import PATIENCE_S
from tests.recorder.seat import (
    at_ms,
    audio_packets,
    camera,
    in_order,
    pictures,
    reports,
    tones,
    video_packets,
)
from tests.recorder.studio import Studio, decoded
from tests.recorder.test_fmp4 import drafts, format_of

TRACK = camera().id
PICTURE = format_of(pictures(4)[0])


def opened(folder: Path, **how: object) -> ReelFile:
    path = reel_path(folder, TRACK, 0)
    return ReelFile(path, TRACK, 0, PICTURE, sound=True, **how)  # type: ignore[arg-type]  # only `write` is given


def test_a_reel_is_never_written_twice(tmp_path: Path) -> None:
    opened(tmp_path).append(drafts()[0])
    before = reel_path(tmp_path, TRACK, 0).read_bytes()
    with pytest.raises(FileExistsError):
        opened(tmp_path)
    assert reel_path(tmp_path, TRACK, 0).read_bytes() == before


def test_a_fragment_is_one_write_and_its_fact_names_its_bytes(tmp_path: Path) -> None:
    writes: list[tuple[int, int]] = []

    def counted(handle: int, data: bytes, offset: int) -> int:
        writes.append((offset, len(data)))
        return os.pwrite(handle, data, offset)

    reel = opened(tmp_path, write=counted)
    writes.clear()
    facts = [reel.append(draft) for draft in drafts()]
    assert writes == [(fact.offset, fact.length) for fact in facts]
    data = reel.path.read_bytes()
    for fact in facts:
        assert fact.sha256 == hashlib.sha256(data[fact.offset : fact.offset + fact.length]).hexdigest()


def test_a_fragment_is_durable_before_anybody_hears_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    synced = os.fdatasync

    def sync(handle: int) -> None:
        done.append("synced")
        synced(handle)

    monkeypatch.setattr(os, "fdatasync", sync)
    writer = ReelWriter(tmp_path, TRACK, lambda report: done.append(type(report).__name__))
    writer.offer(Begin(0, PICTURE, sound=True))
    for draft in drafts(2):
        writer.offer(Append(0, draft, b""))
    writer.offer(Finish(0))
    writer.stop()
    writer.join(PATIENCE_S)
    assert done == ["synced", "FragmentRecorded", "synced", "FragmentRecorded", "ReelClosed", "Dropped"]


def test_closing_keeps_fragments_and_locks_the_file(tmp_path: Path) -> None:
    reel = opened(tmp_path)
    facts = [reel.append(draft) for draft in drafts()]
    before = reel.path.read_bytes()
    closed = reel.close()
    after = reel.path.read_bytes()
    assert after[INIT_AT : len(before)] == before[INIT_AT:]
    assert after[PATCH_AT + 4 : INIT_AT] == b"mdat"
    init = init_path(reel.path).read_bytes()
    assert init == after[INIT_AT : facts[0].offset] == after[INIT_AT : init_end(after)]
    assert closed == ReelClosed(
        TRACK,
        0,
        len(after),
        hashlib.sha256(after).hexdigest(),
        hashlib.sha256(init).hexdigest(),
        4,
        torn=False,
    )
    assert stat.S_IMODE(reel.path.stat().st_mode) == 0o440


@pytest.mark.parametrize("failing", [PATCH_AT, "moov"])
def test_a_reel_that_cannot_be_closed_is_torn_and_keeps_its_fragments(
    tmp_path: Path, failing: int | str
) -> None:
    def refuses(handle: int, data: bytes, offset: int) -> int:
        if offset == failing or (failing == "moov" and data[4:8] == b"moov"):
            os.pwrite(handle, data[:5], offset)
            raise OSError(errno.ENOSPC, "full")
        return os.pwrite(handle, data, offset)

    reel = opened(tmp_path, write=refuses)
    for draft in drafts():
        reel.append(draft)
    before = reel.path.read_bytes()
    with pytest.raises(OSError, match="full"):
        reel.close()
    closed = reel.give_up()
    assert closed is not None
    assert closed.torn
    assert reel.path.read_bytes() == before
    assert len(decoded(reel.path, Medium.VIDEO)) == 60


def test_a_reel_with_nothing_in_it_is_removed(tmp_path: Path) -> None:
    reel = opened(tmp_path)
    with pytest.raises(EmptyReel):
        reel.close()
    assert reel.give_up() is None
    assert list(reel.path.parent.iterdir()) == []


def test_a_write_that_is_done_in_parts_is_completed() -> None:
    written = bytearray(10)

    def three_at_a_time(handle: int, data: bytes, offset: int) -> int:
        assert handle == 7
        written[offset : offset + len(data[:3])] = data[:3]
        return min(3, len(data))

    write_all(three_at_a_time, 7, b"abcdefgh", 1)
    assert bytes(written) == b"\x00abcdefgh\x00"


def test_the_writer_takes_only_as_many_fragments_as_it_has_room_for(tmp_path: Path) -> None:
    reports_made: queue.SimpleQueue[Report] = queue.SimpleQueue()
    stuck: queue.SimpleQueue[None] = queue.SimpleQueue()

    def waits(handle: int, data: bytes, offset: int) -> int:
        stuck.get(timeout=PATIENCE_S)
        return os.pwrite(handle, data, offset)

    writer = ReelWriter(tmp_path, TRACK, reports_made.put, room=2, write=waits)
    assert writer.offer(Begin(0, PICTURE, sound=True))
    assert writer.offer(Append(0, drafts()[0], b""))
    assert not writer.offer(Append(0, drafts()[1], b""))
    for _ in range(10):
        stuck.put(None)
    writer.offer(Finish(0))
    writer.stop()
    writer.join(PATIENCE_S)
    kinds = [type(reports_made.get(timeout=PATIENCE_S)) for _ in range(3)]
    assert kinds == [FragmentRecorded, ReelClosed, Dropped]


def test_orders_for_a_reel_that_could_not_be_opened_are_reported_once(tmp_path: Path) -> None:
    reports_made: queue.SimpleQueue[Report] = queue.SimpleQueue()
    (tmp_path / "north-E1").write_bytes(b"a file where the folder should be")
    writer = ReelWriter(tmp_path, TRACK, reports_made.put)
    for order in (Begin(0, PICTURE, sound=True), Append(0, drafts()[0], b""), Finish(0)):
        writer.offer(order)
    writer.stop()
    writer.join(PATIENCE_S)
    failed = reports_made.get(timeout=PATIENCE_S)
    assert isinstance(failed, Failed)
    assert (failed.end_us, failed.cause) == (None, GapCause.RECORDER)
    assert isinstance(reports_made.get(timeout=PATIENCE_S), Dropped)


PAGE = """
<video id="v" muted></video>
<script>
const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0))
const video = document.getElementById("v")
const once = name => new Promise((done, fail) => {
  video.addEventListener(name, done, {once: true})
  video.addEventListener("error", () => fail(video.error.message), {once: true})
})
async function seek(to) {
  const arrived = once("seeked")
  video.currentTime = to
  await arrived
  return video.currentTime
}
async function file(text) {
  video.src = URL.createObjectURL(new Blob([bytes(text)], {type: "video/mp4"}))
  await once("loadeddata")
  const length = video.duration
  const at = await seek(3.5)
  return [video.videoWidth, length, at]
}
async function stream(init, parts, codecs) {
  const source = new MediaSource()
  video.src = URL.createObjectURL(source)
  await new Promise(done => source.addEventListener("sourceopen", done, {once: true}))
  const buffer = source.addSourceBuffer(`video/mp4; codecs="${codecs}"`)
  for (const part of [init, ...parts]) {
    const taken = new Promise((done, fail) => {
      buffer.onupdateend = done
      buffer.onerror = () => fail("refused")
    })
    buffer.appendBuffer(bytes(part))
    await taken
  }
  source.endOfStream()
  const ranges = []
  for (let n = 0; n < buffer.buffered.length; n++) {
    ranges.push([buffer.buffered.start(n), buffer.buffered.end(n)])
  }
  await seek(5.5)
  return [video.videoWidth, ranges]
}
</script>
"""


@pytest.mark.needs("chromium")
def test_chromium_plays_and_seeks_the_file_and_takes_its_fragments_one_by_one(
    tmp_path: Path, chromium: str
) -> None:
    studio = Studio(tmp_path)
    picture = [p for p in video_packets(pictures(8)) if not 2500 <= at_ms(p) < 2700]
    sound = [p for p in audio_packets(tones(8)) if not 2500 <= at_ms(p) < 4000]
    studio.feed(in_order(picture, sound, reports(8)))
    studio.end()
    studio.check()
    assert len(studio.of(GapDeclared)) == 2
    data = studio.path().read_bytes()
    parts = [data[fact.offset : fact.offset + fact.length] for fact in studio.of(FragmentRecorded)]
    whole, init, *pieces = (
        base64.b64encode(part).decode() for part in (data, data[INIT_AT : init_end(data)], *parts)
    )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_content(PAGE)
        width, length, at = page.evaluate("text => file(text)", whole)
        assert (width, round(length, 1), at) == (320, 8.0, 3.5)
        width, ranges = page.evaluate("a => stream(...a)", [init, pieces, "avc1.42c01e,opus"])
        browser.close()
    # The hole is a hole for the browser, too.
    assert width == 320
    assert [[round(edge, 1) for edge in one] for one in ranges] == [[0, 2.5], [4, 8]]
