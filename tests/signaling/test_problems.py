"""Every error of the tree has a status, a code and a sentence at the edge."""

import errno
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI, Request, WebSocket
from fastapi.testclient import TestClient
from pydantic import BaseModel
from sqlalchemy.exc import OperationalError
from starlette.responses import FileResponse
from starlette.websockets import WebSocketDisconnect

from evalroom.errors import EvalroomError, LocalFault, PeerFault, Refusal
from evalroom.roles import NotPermitted
from signaling.codec import FrameTooLarge
from signaling.connection import POLICY
from signaling.pages import serve_pages
from signaling.problems import COUNTED_BY_ROUTE, MAX_BODY, install, problem, status_of
from signaling.register import NotSeated, TooManyTries


def family(kind: type[EvalroomError]) -> Iterator[type[EvalroomError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from family(child)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotSeated(), 401),
        (NotPermitted(), 403),
        (FrameTooLarge(), 413),
        (TooManyTries(), 429),
        (Refusal(), 409),
        (PeerFault(), 400),
        (LocalFault(), 503),
    ],
)
def test_the_nearest_class_gives_the_status(error: EvalroomError, status: int) -> None:
    assert status_of(error) == status


def test_every_error_of_the_tree_can_be_said_at_the_edge() -> None:
    for kind in family(EvalroomError):
        assert status_of(kind.__new__(kind)) >= 400
        assert kind.sentence().endswith((".", "!", "?")), kind
        assert kind.code.isidentifier()


def test_a_problem_carries_the_facts_of_its_case() -> None:
    body = json.loads(bytes(problem(Refusal(seat="E1"), more=[1]).body))
    assert (body["code"], body["detail"], body["more"]) == ("refused", {"seat": "E1"}, [1])


def test_a_body_of_another_form_is_a_coded_problem_too() -> None:
    class Body(BaseModel):
        n: int

    app = FastAPI()
    install(app)

    @app.post("/")
    def take(body: Body) -> int:
        return body.n

    answer = TestClient(app).post("/", json={"n": "many"})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "malformed_request"
    assert answer.json()["detail"]["where"] == "body/n"


# --- what the framework would say by itself ---------------------------------------------------------


class Word(BaseModel):
    word: str


@pytest.fixture(name="client")
def _client(tmp_path: Path) -> TestClient:
    """Give a node with one route of each kind, behind the pages' catch-all as every node has it."""
    app = FastAPI()
    install(app)
    film = tmp_path / "film.mp4"
    film.write_bytes(bytes(100))

    @app.post("/api/v1/word")
    def take(body: Word) -> str:
        return body.word

    @app.post("/api/v1/pieces", max_body_size=COUNTED_BY_ROUTE)
    async def count(request: Request) -> int:
        return sum([len(piece) async for piece in request.stream()])

    @app.get("/api/v1/films/{name}")
    def play(name: str) -> FileResponse:
        return FileResponse(film, filename=name)

    @app.get("/api/v1/fails/{how}")
    def fail(how: str) -> None:
        raise FAILURES[how][0]

    @app.websocket("/ws/word")
    async def talk(socket: WebSocket, take: int) -> None:
        await socket.accept()
        await socket.send_text(str(take))

    serve_pages(app)
    return TestClient(app, raise_server_exceptions=False)


def full_database() -> OperationalError:
    """Make the error of a database whose disk is full, as the driver does."""
    db = sqlite3.connect(":memory:")
    db.execute("PRAGMA max_page_count = 1")
    try:
        db.execute("CREATE TABLE t (x)")
    except sqlite3.OperationalError as error:
        return OperationalError("CREATE", {}, error)
    finally:
        db.close()
    raise AssertionError


PLACE = "/srv/evalroom/keys"
FAILURES: dict[str, tuple[Exception, int, str]] = {
    "full": (OSError(errno.ENOSPC, "No space left on device", PLACE), 507, "disk_full"),
    "database": (full_database(), 507, "disk_full"),
    "io": (OperationalError("SELECT", {}, sqlite3.OperationalError("disk I/O error")), 503, "store_failed"),
    "other": (PermissionError(errno.EACCES, "Permission denied", PLACE), 500, "unexpected"),
    "bug": (ZeroDivisionError(PLACE), 500, "unexpected"),
}

JSON = {"content-type": "application/json"}
REFUSED: dict[str, tuple[int, str, str, str, bytes, dict[str, str]]] = {
    "no such route": (404, "no_such_address", "GET", "/api/v1/nothing", b"", {}),
    "no such route to post to": (404, "no_such_address", "POST", "/api/v1/nothing", b"", {}),
    "no such page": (404, "no_such_address", "GET", "/nothing", b"", {}),
    "out of the folder": (404, "no_such_address", "GET", "/%2e%2e/%2e%2e/etc/passwd", b"", {}),
    "a NUL": (404, "no_such_address", "GET", "/assets/%00", b"", {}),
    "no UTF-8": (404, "no_such_address", "GET", "/%ff%fe", b"", {}),
    "a long name": (404, "no_such_address", "GET", "/" + "a" * 5000, b"", {}),
    "another method": (405, "wrong_method", "PUT", "/api/v1/word", b"", {}),
    "a method hidden by the pages": (405, "wrong_method", "GET", "/api/v1/word", b"", {}),
    "to post to a page": (405, "wrong_method", "POST", "/seat/", b"", {}),
    "no body": (400, "malformed_request", "POST", "/api/v1/word", b"", JSON),
    "broken JSON": (400, "malformed_request", "POST", "/api/v1/word", b"{", JSON),
    "deep JSON": (400, "malformed_request", "POST", "/api/v1/word", b"[" * 30_000 + b"]" * 30_000, JSON),
    "JSON that is no UTF-8": (400, "malformed_request", "POST", "/api/v1/word", b'{"word":"\xff"}', JSON),
    "a long number": (400, "malformed_request", "POST", "/api/v1/word", b'{"word":' + b"9" * 9999 + b"}", JSON),
    "another type": (400, "malformed_request", "POST", "/api/v1/word", b"<a/>", {"content-type": "text/xml"}),
    "a long body": (413, "body_too_large", "POST", "/api/v1/word", b"{" * (MAX_BODY + 1), JSON),
    "a long body to nowhere": (413, "body_too_large", "POST", "/api/v1/nothing", b"{" * (MAX_BODY + 1), {}),
    "a range outside": (416, "range_outside", "GET", "/api/v1/films/a", b"", {"range": "bytes=100-200"}),
    "a range that is none": (400, "malformed_request", "GET", "/api/v1/films/a", b"", {"range": "bytes=9-1"}),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_of_the_framework_is_a_coded_problem_too(client: TestClient, case: str) -> None:
    status, code, method, path, body, headers = REFUSED[case]
    answer = client.request(method, path, content=body, headers=headers)
    assert (status, "application/problem+json") == (answer.status_code, answer.headers["content-type"])
    said = answer.json()
    assert (code, status, f"urn:evalroom:error:{code}") == (said["code"], said["status"], said["type"])
    assert said["title"].endswith(".")
    assert "nosniff" == answer.headers["x-content-type-options"]


def test_what_the_framework_added_for_programs_stays(client: TestClient) -> None:
    assert "POST" == client.get("/api/v1/word").headers["allow"]
    assert "GET, HEAD" == client.post("/").headers["allow"]
    outside = client.get("/api/v1/films/a", headers={"range": "bytes=100-200"})
    assert "bytes */100" == outside.headers["content-range"]


def test_a_body_sent_without_its_length_is_counted_as_it_comes(client: TestClient) -> None:
    answer = client.post("/api/v1/word", content=iter([b" " * MAX_BODY, b" "]), headers=JSON)
    assert (413, "body_too_large") == (answer.status_code, answer.json()["code"])


def test_a_route_that_counts_for_itself_takes_more_and_good_requests_pass(client: TestClient) -> None:
    assert 3 * MAX_BODY == client.post("/api/v1/pieces", content=bytes(3 * MAX_BODY)).json()
    assert "yes" == client.post("/api/v1/word", json={"word": "yes"}).json()
    assert 206 == client.get("/api/v1/films/a", headers={"range": "bytes=0-9"}).status_code


@pytest.mark.parametrize("how", FAILURES)
def test_a_failure_of_the_node_is_coded_and_tells_nothing_of_its_insides(
    client: TestClient, how: str
) -> None:
    _, status, code = FAILURES[how]
    answer = client.get(f"/api/v1/fails/{how}")
    assert (status, code) == (answer.status_code, answer.json()["code"])
    assert "application/problem+json" == answer.headers["content-type"]
    for inside in (PLACE, "Traceback", "Error", "sqlite"):
        assert inside not in answer.text


def test_a_socket_asked_for_wrongly_is_closed_with_the_code(client: TestClient) -> None:
    with (
        client.websocket_connect("/ws/word?take=x") as socket,
        pytest.raises(WebSocketDisconnect) as closed,
    ):
        socket.receive_text()
    assert (POLICY, "malformed_request") == (closed.value.code, closed.value.reason)
