"""The node's own routes: documents by range and by stage, whether it lives, and no route without a permission."""

from dataclasses import replace
from pathlib import Path

from evalroom import commands as co
from evalroom.ids import BidId
from signaling.problems import MAX_BODY
from tests.evalroom.room import BIDS, EXPERTS, LOT, OPERATOR, SESSION, SITE_OPERATOR, Person
from tests.sub_site.stage import HERE, Scene, joined, until

PDF = b"%PDF-1.4 not looked at here " + bytes(range(256)) * 20


async def import_document(scene: Scene, bid: BidId) -> None:
    """Bring in a bid whose document the host holds."""
    import hashlib

    sha256 = hashlib.sha256(PDF).hexdigest()
    (scene.folder / "host" / "documents").mkdir(exist_ok=True)
    person: Person = scene.people[OPERATOR]
    order = person.import_bid(bid, "98000000")
    assert isinstance(order.command, co.ImportBid)
    command = replace(order.command, sha256=sha256, bytes=len(PDF))
    scene.centre.documents.path_of = lambda sha256: _written(scene, sha256)  # type: ignore[method-assign] # no parsing here
    await scene.give(person.signed(replace(order, command=command)))


def _written(scene: Scene, sha256: str) -> Path:
    path = scene.folder / f"{sha256}.pdf"
    path.write_bytes(PDF)
    return path


async def test_a_document_is_served_by_range_from_the_preliminary_stage_on_even_without_the_host(
    tmp_path: Path,
) -> None:
    async with joined(tmp_path) as scene:
        for person in scene.people.values():
            await scene.give(person.check_in())
        cookie = await scene.login()
        for bid in BIDS:
            await import_document(scene, bid)
        folder = scene.folder / "west" / "documents"
        await until(lambda: bool(list(folder.glob("*.pdf"))))
        async with scene.http(cookie) as http:
            early = await http.get("/api/v1/documents/bid1")
            assert (409, "stage") == (early.status_code, early.json()["code"])
            await scene.advance()
            for expert in EXPERTS:
                await scene.give(scene.people[expert].accept())
            await scene.advance()
            await scene.advance()
            await until(lambda: scene.venue.evaluations[SESSION].stage == "preliminary")
            scene.road.cut()
            whole = await http.get("/api/v1/documents/bid1")
            assert (200, PDF, "application/pdf") == (
                whole.status_code, whole.content, whole.headers["content-type"],
            )  # fmt: skip
            part = await http.get("/api/v1/documents/bid1", headers={"range": "bytes=10-19"})
            assert (206, PDF[10:20]) == (part.status_code, part.content)
            unknown = await http.get("/api/v1/documents/bid99")
            assert "no_such_bid" == unknown.json()["code"]


async def test_documents_are_for_experts_and_operators_only(tmp_path: Path) -> None:
    async with joined(tmp_path) as scene:
        async with scene.http() as http:
            assert 401 == (await http.get("/api/v1/documents/bid1")).status_code
        async with scene.http(await scene.login(SITE_OPERATOR)) as http:
            assert 403 == (await http.get("/api/v1/documents/bid1")).status_code
        async with scene.http(await scene.login(HERE)) as http:
            assert HERE == (await http.get("/api/v1/me")).json()["seat"]


async def test_health_tells_no_names(tmp_path: Path) -> None:
    async with joined(tmp_path) as scene, scene.http() as http:
        assert {"status": "ok"} == (await http.get("/healthz")).json()
        ready = (await http.get("/readyz")).json()
        assert ("online", 1) == (ready["link"], ready["sessions"])
        assert SESSION not in str(ready)
        assert LOT not in str(ready)


async def test_what_no_page_asks_for_is_refused_with_a_code_here_too(tmp_path: Path) -> None:
    async with joined(tmp_path) as scene, scene.http(await scene.login(HERE)) as http:
        asked = {
            "no_such_address": await http.get("/api/v1/nothing"),
            "wrong_method": await http.put("/api/v1/me"),
            "body_too_large": await http.post("/api/v1/login", content=bytes(MAX_BODY + 1)),
            "malformed_request": await http.post("/api/v1/login", content=b"{"),
            "stage": await http.get("/api/v1/documents/..%5c..%5cspool.sqlite"),
        }
        for code, answer in asked.items():
            assert "application/problem+json" == answer.headers["content-type"]
            assert code == answer.json()["code"]
        assert HERE == (await http.get("/api/v1/me", headers={"host": "[zz]:99999999"})).json()["seat"]
