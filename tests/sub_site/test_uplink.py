"""HTTP to the host: with the present token, and failing in two words only."""

from pathlib import Path

import httpx
import pytest

from sub_site.uplink import Denied, Unreachable, Uplink
from tests.sub_site.centre import FakeCentre

PATH = "/api/v1/site/documents/aa"


@pytest.fixture
def centre(tmp_path: Path) -> FakeCentre:
    centre = FakeCentre.at(tmp_path)
    centre.documents["aa"] = b"x" * 1000
    return centre


async def test_without_the_right_token_the_host_denies(centre: FakeCentre) -> None:
    uplink = Uplink(centre.async_client())
    assert not uplink.granted
    uplink.grant("another")
    with pytest.raises(Denied) as denied:
        await uplink.ask("GET", PATH)
    assert 401 == denied.value.detail["status"]
    with pytest.raises(Denied):
        async with uplink.stream(PATH):
            pass
    uplink.grant("token")
    assert 1000 == len((await uplink.ask("GET", PATH)).content)


@pytest.mark.parametrize(
    "failure", [httpx.ConnectError("x"), httpx.ReadTimeout("x"), httpx.RemoteProtocolError("x")]
)
async def test_a_host_that_is_not_there_is_unreachable(centre: FakeCentre, failure: Exception) -> None:
    uplink = Uplink(centre.async_client())
    centre.failures += [failure, failure]
    with pytest.raises(Unreachable):
        await uplink.ask("GET", PATH)
    with pytest.raises(Unreachable):
        async with uplink.stream(PATH):
            pass


async def test_uploads_are_measured(centre: FakeCentre) -> None:
    uplink = Uplink(centre.async_client())
    uplink.grant("token")
    assert 0 == uplink.kbps()
    headers = {"upload-offset": "0", "upload-length": "2000000", "x-content-sha256": "x"}
    await uplink.ask("PATCH", "/api/v1/site/reels/s/w/camera.0.mp4", headers=headers, body=b"x" * 1_000_000)
    assert 1600 == uplink.kbps()
    await uplink.close()
