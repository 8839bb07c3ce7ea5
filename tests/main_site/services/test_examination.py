"""A bid is read by a child as by a thread; a child that dies costs no verdict, and keys stand in no argument."""

from pathlib import Path

import pytest

from evalroom.sealing.ceremony import CeremonyState
from evalroom.sealing.policy import PartName
from evalroom.sealing.trailer import LEAF
from main_site.services import opening as module
from main_site.services.combining import Read, read_all
from main_site.services.examination import Reader, answer, reading_apart
from tests.evalroom.sealing import bids, tender
from tests.main_site.ceremony import ceremony

TEXTS = {**bids.TEXTS, PartName.TECHNICAL: tender.pattern(20 * LEAF + 4711)}
SEALED = bids.sealed(2, texts=TEXTS)
KEYS = {part.name: SEALED.plan.secrets[part.name].content_key for part in SEALED.open().parts}


def put_down(folder: Path, data: bytes = SEALED.data) -> Path:
    path = folder / "bid"
    path.write_bytes(data)
    return path


def changed(place: int) -> bytes:
    data = bytearray(SEALED.data)
    data[place] ^= 1
    return bytes(data)


@pytest.mark.parametrize("alone", [False, True])
async def test_a_child_sees_what_a_thread_sees_and_tells_how_far_it_is(
    tmp_path: Path, *, alone: bool
) -> None:
    path, steps = put_down(tmp_path), list[int]()
    here = read_all(SEALED.open(), KEYS, SEALED.read, lambda _: None)
    async with reading_apart() as reader:
        for _ in range(2):
            assert here == await reader.read(path, SEALED.open(), KEYS, steps.append, alone=alone)
    assert here.bytes_good
    assert [16 * LEAF] * 2 == [one // LEAF * LEAF for one in steps]


async def test_a_child_tells_changed_bytes_and_a_damaged_part_apart(tmp_path: Path) -> None:
    async with reading_apart() as reader:
        path = put_down(tmp_path, changed(SEALED.open().body // 2))
        assert Read(bytes_good=False) == await reader.read(path, SEALED.open(), KEYS, lambda _: None)
        wrong = {**KEYS, PartName.TECHNICAL: bytes(32)}
        path = put_down(tmp_path)
        seen = await reader.read(path, SEALED.open(), wrong, lambda _: None)
    assert seen is not None
    assert (True, True) == (seen.bytes_good, seen.damaged)


async def test_no_key_stands_among_the_arguments_or_in_the_environment_of_a_child(tmp_path: Path) -> None:
    async with reading_apart() as reader:
        await reader.read(put_down(tmp_path), SEALED.open(), KEYS, lambda _: None)
        process = Path(f"/proc/{reader.pid}")
        shown = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
    assert not [key for key in KEYS.values() if key in shown or key.hex().encode() in shown]


async def test_a_child_that_dies_or_finds_no_file_says_nothing(tmp_path: Path) -> None:
    async with reading_apart() as reader:
        reader.kill()
        assert await reader.read(put_down(tmp_path), SEALED.open(), KEYS, lambda _: None) is None
    async with reading_apart() as reader:
        assert await reader.read(tmp_path / "gone", SEALED.open(), KEYS, lambda _: None) is None
    with pytest.raises(FileNotFoundError):
        answer(b'{"path": "%s", "keys": {}}' % bytes(tmp_path / "gone"), lambda _: None)


@pytest.mark.parametrize("dying", [False, True])
async def test_an_opening_with_children_ends_as_one_with_threads_though_they_die(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, dying: bool
) -> None:
    asked: list[Path] = []
    real = Reader.read

    async def read(reader: Reader, path: Path, *words: object, **named: object) -> Read | None:
        asked.append(path)
        if dying:
            reader.kill()
        return await real(reader, path, *words, **named)  # type: ignore[arg-type] # passed on as they came

    monkeypatch.setattr(module, "WORTH_A_PROCESS", 1)
    monkeypatch.setattr(Reader, "read", read)
    async with ceremony(tmp_path) as place:
        await place.accept()
        for name in ("甲公司", "乙公司"):
            await place.bid(name, 98_000_000)
        await place.acked()
        await place.close()
        await place.open_window()
        await place.release_all()
        await place.reaches(CeremonyState.OPENED)
        assert {"opened"} == {verdict for verdict, _, _ in place.verdicts().values()}
    assert 2 == len(asked)
