"""Routes of the sub-sites: reels arrive whole, from their own node, under their own name, or not at all."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from evalroom.events import ReelClosed
from evalroom.ids import SiteId
from evalroom.media import TrackKind
from main_site.api.sites import MAX_PIECE, MAX_READINGS
from tests.evalroom.room import EXPERTS, SESSION
from tests.main_site.hall import FakeWire, Hall, HandSite, hall, join, record, recorded, until

E1, E2, _ = EXPERTS
SHELF = f"/api/v1/site/reels/{SESSION}"


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Hall]:
    async with hall(tmp_path) as made:
        yield made


class Node:
    """The sub-site's hand at the host's shelf."""

    def __init__(self, http: httpx.AsyncClient, token: str) -> None:
        self._http, self._token = http, {"authorization": f"Bearer {token}"}

    async def ask(self, name: str) -> httpx.Response:
        return await self._http.head(f"{SHELF}/{name}", headers=self._token)

    async def send(self, name: str, offset: object, data: bytes) -> httpx.Response:
        headers = [(b"authorization", self._token["authorization"].encode())]
        headers.append((b"upload-offset", str(offset).encode("latin-1")))
        return await self._http.patch(f"{SHELF}/{name}", content=data, headers=headers)


@pytest.fixture
async def node(place: Hall) -> AsyncIterator[Node]:
    wire = await place.linked()
    async with place.client() as http:
        yield Node(http, (await wire.hear("upload_grant"))["token"])


def name_of(reel: ReelClosed, what: str = "mp4") -> str:
    return f"{reel.track}.{reel.reel:04d}.{what}"


# --- reels that are none ------------------------------------------------------------------------------------


async def test_a_reel_of_another_node_is_refused(place: Hall, node: Node) -> None:
    reel = await record(place, E1, TrackKind.CAMERA)
    for answer in (await node.ask(name_of(reel)), await node.send(name_of(reel), 0, b"x")):
        assert 403 == answer.status_code
    assert not list(place.live.evaluation.parts.folder.rglob("*.part"))


async def test_a_site_without_part_in_the_session_hands_nothing_over(place: Hall) -> None:
    reel = await record(place, E2, TrackKind.CAMERA)
    south, wire = await join(place.http, "south"), FakeWire()
    serving = asyncio.create_task(place.centre.links.serve(wire))
    wire.say(south.proof(await wire.hear("challenge"), place.centre.authority.fingerprint))
    await until(lambda: bool(place.centre.links.states()))
    token = place.centre.links.states()[SiteId("south")].token
    async with place.client() as http:
        assert 403 == (await Node(http, token).send(name_of(reel), 0, b"x")).status_code
    wire.hang_up()
    await serving


async def test_a_name_that_leads_elsewhere_is_refused(place: Hall, node: Node) -> None:
    await record(place, E2, TrackKind.CAMERA)
    for name in (
        "..%2f..%2fkeys/camera.0000.mp4",
        "west-E2/..%2fcamera.0000.mp4",
        "west-E2/camera.0000.mp4%00",
        "west-E2/camera.0000.mp4%0a",
        "west-E2/camera.0000.key",
        "west-E2/camera.9999999.mp4",
        "west-E2/camera.-1.mp4",
        "west-E2/camera.0001.mp4",
        "west-E2/screen.0000.mp4",
        "west-E9/camera.0000.mp4",
        "west-E2/camera.0001.clock.jsonl",
    ):
        for answer in (await node.ask(name), await node.send(name, 0, b"x")):
            assert answer.status_code in (403, 404, 405, 409), name
    answer = await node._http.patch(
        "/api/v1/site/reels/EV-9/west-E2/camera.0000.mp4", content=b"x", headers=node._token
    )
    assert "unknown_session" == answer.json()["code"]
    media = place.live.evaluation.parts.folder / "media"
    assert [] == [path for path in media.rglob("*") if path.is_file()]


async def test_other_bytes_than_the_journal_says_are_dropped_and_asked_for_again(
    place: Hall, node: Node
) -> None:
    reel = await record(place, E2, TrackKind.CAMERA)
    data = recorded()[1]
    name = name_of(reel)
    wrong = data[:-1] + bytes([data[-1] ^ 1])
    answer = await node.send(name, 0, wrong)
    assert (400, "reel_corrupt") == (answer.status_code, answer.json()["code"])
    assert "0" == (await node.ask(name)).headers["upload-offset"]
    assert "reel_oversized" == (await node.send(name, 0, data + b"x")).json()["code"]
    assert "ReelReceived" not in place.types()
    assert (await node.send(name, 0, data)).headers["upload-complete"]


async def test_a_piece_that_does_not_follow_is_refused_whatever_its_offset_says(
    place: Hall, node: Node
) -> None:
    name = name_of(await record(place, E2, TrackKind.CAMERA))
    for offset in (1, -1, "", "²", "1e3", "9" * 5000, "0x0", " "):
        answer = await node.send(name, offset, b"data")
        assert (409, "wrong_offset") == (answer.status_code, answer.json()["code"]), offset
    assert "0" == (await node.ask(name)).headers["upload-offset"]


async def test_a_piece_too_large_is_refused_before_it_is_all_here(place: Hall, node: Node) -> None:
    reel = await record(place, E2, TrackKind.CAMERA)
    for what, limit in (("mp4", MAX_PIECE), ("clock.jsonl", MAX_READINGS)):
        answer = await node.send(name_of(reel, what), 0, bytes(limit + 1))
        assert answer.is_client_error
    assert not list(place.live.evaluation.parts.folder.rglob("*.part"))


# --- reels that are ------------------------------------------------------------------------------------------


async def test_a_reel_arrives_in_pieces_and_goes_on_after_a_break(place: Hall, node: Node) -> None:
    reel = await record(place, E2, TrackKind.CAMERA)
    data = recorded()[1]
    name, half = name_of(reel), len(data) // 2
    first = await node.send(name, 0, data[:half])
    assert (204, str(half)) == (first.status_code, first.headers["upload-offset"])
    assert "upload-complete" not in first.headers
    again = await node.send(name, 0, data[:half])
    assert "wrong_offset" == again.json()["code"]
    here = await node.ask(name)
    assert (str(half), False) == (here.headers["upload-offset"], "upload-complete" in here.headers)
    last = await node.send(name, half, data[half:])
    assert (204, "1") == (last.status_code, last.headers["upload-complete"])
    assert "1" == (await node.ask(name)).headers["upload-complete"]
    assert "reel_complete" == (await node.send(name, 0, data)).json()["code"]
    await until(lambda: 1 == place.types().count("ReelReceived"))
    assert data == place.live.archiver.reels.path(reel).read_bytes()


async def test_the_clock_readings_lie_beside_the_reel(place: Hall, node: Node) -> None:
    reel = await record(place, E2, TrackKind.CAMERA)
    answer = await node.send(name_of(reel, "clock.jsonl"), 0, b'{"t":1}\n')
    assert (204, "1") == (answer.status_code, answer.headers["upload-complete"])
    (path,) = place.live.evaluation.parts.folder.rglob("*.clock.jsonl")
    assert b'{"t":1}\n' == path.read_bytes()
    assert "0" == (await node.ask(name_of(reel, "clock.jsonl"))).headers["upload-offset"]


# --- joining ------------------------------------------------------------------------------------------------


async def test_a_code_lets_one_site_in_once(place: Hall) -> None:
    invited = (await place.http.post("/api/v1/sites", json={"site": "south", "name": "South"})).json()
    site = HandSite("north")  # it asks for another name than it was invited under
    body = {"code": invited["code"], "csr": site.request(), "witness": site.witness.key.verifier.encode()}
    for bad in ({"code": "x"}, {"csr": "x"}, {"witness": "x"}, {"more": "x"}, {"code": "x" * 201}):
        answer = await place.http.post("/api/v1/sites/enrol", json=body | bad)
        assert answer.is_client_error, bad
    joined = await place.http.post("/api/v1/sites/enrol", json=body)
    assert ("south", place.centre.authority.pem) == (joined.json()["site"], joined.json()["ca"])
    answer = await place.http.post("/api/v1/sites/enrol", json=body)
    assert "unknown_enrolment_code" == answer.json()["code"]


async def test_a_site_is_not_invited_under_a_name_that_is_a_path(place: Hall) -> None:
    for name in ("../keys", "a/b", "", "a" * 65, "..", "汉"):
        answer = await place.http.post("/api/v1/sites", json={"site": name, "name": "x"})
        assert "malformed_name" == answer.json()["code"]


async def test_a_site_is_not_invited_as_the_host_or_without_a_name(place: Hall) -> None:
    for site, name in (("host", "x"), ("NODE", "x"), ("trustee", "x"), ("south", "  ")):
        answer = await place.http.post("/api/v1/sites", json={"site": site, "name": name})
        assert "malformed_name" == answer.json()["code"]


async def test_the_list_of_sites_says_which_have_joined_and_are_there(place: Hall) -> None:
    await place.http.post("/api/v1/sites", json={"site": "south", "name": "South"})
    await place.linked()
    rows = {one["site"]: one for one in (await place.http.get("/api/v1/sites")).json()}
    assert (True, "online") == (rows["west"]["joined"], rows["west"]["link"])
    assert (False, "never") == (rows["south"]["joined"], rows["south"]["link"])
    assert "certificate" not in json.dumps(rows)


async def test_a_node_fetches_a_document_by_its_digest_only(node: Node) -> None:
    for digest in ("0" * 64, "..%2f..%2fkeys%2fauthority.key", "x"):
        answer = await node._http.get(f"/api/v1/site/documents/{digest}", headers=node._token)
        assert answer.status_code in (404, 409)
