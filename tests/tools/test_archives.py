"""The stranger's script reads what the product really leaves behind: the recorder's sample bag and a real host's archive."""

from pathlib import Path

import pytest

from tests.main_site.ceremony import Ceremony
from tests.main_site.services import test_archives_sealed as sealed
from tests.recorder.sealed_bag import make_sealed_bag
from tests.tools.test_verify_opening import script

place, _brisk = sealed.place, sealed._brisk


def test_the_recorders_sealed_bag_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_sealed_bag(tmp_path / "bag")
    status = script().main(str(tmp_path / "bag"))
    said = capsys.readouterr().out
    assert (0, 7) == (status, said.count("ok   ")), said


async def test_the_archive_of_a_real_host_passes(place: Ceremony, capsys: pytest.CaptureFixture[str]) -> None:
    archive = await sealed.closed(place)
    capsys.readouterr()
    status = script().main(str(archive), place.session.keys.log, place.session.ceremony.sha256)
    said = capsys.readouterr().out
    assert (0, 7) == (status, said.count("ok   ")), said
