"""Time stamps: an answer that is late, foreign, replayed or not the authority's is none."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from main_site.services import timestamps as module
from main_site.services.timestamps import BadTimeStamp, StampsUnavailable, TimeStamps
from tests.main_site.stamping import Authority, authority

NOTE = "evalroom/EV-1\n7\nroot\n\n— log signature\n".encode()

pytestmark = pytest.mark.needs("openssl")


@pytest.fixture
def tsa(tmp_path: Path) -> Iterator[Authority]:
    with authority(tmp_path / "tsa") as made:
        yield made


@pytest.mark.parametrize("mood", ["garbage", "huge", "broken"])
async def test_what_is_no_time_stamp_is_refused(tsa: Authority, mood: str) -> None:
    tsa.mood = mood
    with pytest.raises(BadTimeStamp):
        await TimeStamps(tsa.url).stamp(NOTE)


async def test_an_older_answer_is_refused_even_for_the_same_note(tsa: Authority) -> None:
    asker = TimeStamps(tsa.url)
    await asker.stamp(NOTE)
    tsa.mood = "replay"
    with pytest.raises(BadTimeStamp, match="another nonce"):
        await asker.stamp(NOTE)


async def test_an_answer_of_another_authority_is_refused(tsa: Authority, tmp_path: Path) -> None:
    with authority(tmp_path / "other") as other, pytest.raises(BadTimeStamp):
        await TimeStamps(tsa.url, other.roots).stamp(NOTE)


async def test_a_silent_authority_is_given_up(tsa: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.2)
    tsa.mood = "silent"
    with pytest.raises(BadTimeStamp, match="ReadTimeout"):
        await TimeStamps(tsa.url).stamp(NOTE)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "no address", "http://"])
async def test_an_authority_that_is_not_there_is_no_fault_of_ours(url: str) -> None:
    with pytest.raises(BadTimeStamp):
        await TimeStamps(url).stamp(NOTE)


def test_roots_that_cannot_be_read_are_found_out_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(StampsUnavailable):
        TimeStamps("http://tsa", tmp_path / "missing.pem").check()


async def test_a_time_stamp_is_verified_by_openssl_too(tsa: Authority, tmp_path: Path) -> None:
    asker = TimeStamps(tsa.url, tsa.roots)
    asker.check()
    note, token = tmp_path / "note", tmp_path / "token"
    note.write_bytes(NOTE)
    token.write_bytes(await asker.stamp(NOTE))
    verified = tsa.openssl(
        "-verify", "-data", str(note), "-token_in", "-in", str(token), "-CAfile", str(tsa.roots)
    )
    assert b"OK" in verified
