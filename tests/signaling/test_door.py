"""The door of a node: a code seats one person once, a cookie is out of reach, a socket comes from our own page."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from fastapi import FastAPI, WebSocket
from fastapi.testclient import TestClient
from starlette.types import Message, Receive
from starlette.websockets import WebSocketDisconnect

from evalroom.ids import SeatCode, SessionId, SiteId
from evalroom.roles import PEOPLE, Role
from signaling import problems
from signaling.codec import encode
from signaling.connection import POLICY, LinkClosed
from signaling.database import open_engine
from signaling.door import PAGES, SocketWire, door, identify_seat
from signaling.ice import IceServer, IceSettings
from signaling.permits import COOKIE
from signaling.register import Claim, SeatRegister, credential
from signaling.relay import Relay
from signaling.seating import Seating, SeatingTerms
from tests.signaling.test_seating import Behind, submit

SESSION, E1 = SessionId("EV-1"), SeatCode("E1")
CODE = "ABCD-EFGH-JKMN"


@dataclass
class House:
    """A node with one seat."""

    register: SeatRegister
    secure: bool = True
    relay_only: bool = False
    server: IceServer | None = None
    claimed: list[Claim] = field(default_factory=list)
    behind: Behind = field(default_factory=Behind)

    def __post_init__(self) -> None:
        terms = SeatingTerms(SESSION, SiteId("host"), lambda _: SiteId("host"), IceSettings(), lambda: None)
        self.seats = Seating(terms, self.behind, Relay(), lambda: 77)

    def seating(self, session: SessionId) -> Seating:
        assert session == SESSION
        return self.seats

    def title(self, session: SessionId) -> str:
        return f"title of {session}"

    def ice_server(self) -> IceServer | None:
        return self.server

    async def seat_claimed(self, claim: Claim) -> None:
        self.claimed.append(claim)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    engine = open_engine(tmp_path / "node.sqlite")
    register = SeatRegister(engine, lambda: 0)
    register.enrol(SESSION, [credential(E1, Role.EXPERT, "cabin 1", CODE, 1)])
    yield House(register)
    engine.dispose()


@pytest.fixture
def client(house: House) -> Iterator[TestClient]:
    app = FastAPI()
    app.state.identify = lambda connection: identify_seat(house.register, connection)
    problems.install(app)

    app.include_router(door(house))
    with TestClient(app, base_url="https://host") as client:
        yield client


def login(client: TestClient, code: str = CODE) -> None:
    assert client.post("/api/v1/login", json={"code": code}).is_success


# --- codes and cookies --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code", ["", "ABCD", "ABCD-EFGH-JKMP", "ABCD-EFGH-JKMNN", "' OR 1=1 --", "x" * 60_000]
)
def test_a_wrong_code_seats_nobody(client: TestClient, house: House, code: str) -> None:
    answer = client.post("/api/v1/login", json={"code": code})
    assert (401, "wrong_code") == (answer.status_code, answer.json()["code"])
    assert "set-cookie" not in answer.headers
    assert not house.claimed


@pytest.mark.parametrize("body", [{}, {"code": 1}, {"code": None}, {"code": CODE, "seat": "E2"}, [], "x"])
def test_a_login_of_another_form_is_refused(client: TestClient, body: object) -> None:
    answer = client.post("/api/v1/login", json=body)
    assert "malformed_request" == answer.json()["code"]


def test_ten_wrong_codes_close_the_door_to_the_right_one(client: TestClient) -> None:
    for _ in range(10):
        client.post("/api/v1/login", json={"code": "wrong"})
    assert 429 == client.post("/api/v1/login", json={"code": CODE}).status_code


def test_a_code_is_used_once_and_typed_in_any_way(client: TestClient, house: House) -> None:
    answer = client.post("/api/v1/login", json={"code": " abcd efgh jkmn "})
    assert ("E1", "expert", "/seat/") == tuple(answer.json()[name] for name in ("seat", "role", "page"))
    assert [E1] == [one.seat for one in house.claimed]
    assert 401 == client.post("/api/v1/login", json={"code": CODE}).status_code


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(client: TestClient) -> None:
    said = client.post("/api/v1/login", json={"code": CODE}).headers["set-cookie"].lower()
    assert all(word in said for word in ("httponly", "samesite=strict", "secure", "path=/"))
    assert CODE.lower() not in said


def test_leaving_ends_the_cookie(client: TestClient) -> None:
    login(client)
    cookie = client.cookies[COOKIE]
    assert client.get("/api/v1/me").is_success
    client.post("/api/v1/logout")
    client.cookies.set(COOKIE, cookie)
    assert 401 == client.get("/api/v1/me").status_code


def test_two_nodes_of_one_machine_do_not_take_each_others_cookie_in_a_browser(client: TestClient) -> None:
    page = {"host": "127.0.0.1:8441", "origin": "http://127.0.0.1:8441"}
    said = client.post("/api/v1/login", json={"code": CODE}, headers=page).headers["set-cookie"]
    name, _, value = said.partition(";")[0].partition("=")
    assert name == f"{COOKIE}_8441"
    client.cookies.clear()
    here, there = {**page, "cookie": f"{name}={value}; {COOKIE}_8442=other"}, {"host": "127.0.0.1:8442"}
    assert client.get("/api/v1/me", headers=here).is_success
    assert 401 == client.get("/api/v1/me", headers={**there, "cookie": f"{name}={value}"}).status_code


def test_every_person_has_a_page() -> None:
    assert set(PAGES) == PEOPLE


def test_the_turn_secret_is_for_seats_only_and_relay_only_is_said(client: TestClient, house: House) -> None:
    house.server = IceServer("turn:host:3478", "1:seat", "secret")
    house.relay_only = True
    assert 401 == client.get("/api/v1/ice").status_code
    login(client)
    said = client.get("/api/v1/ice").json()
    assert ("relay", "1:seat") == (said["iceTransportPolicy"], said["iceServers"][0]["username"])
    house.server, house.relay_only = None, False
    assert {"iceServers": [], "iceTransportPolicy": "all"} == client.get("/api/v1/ice").json()


def test_the_notice_is_for_whoever_is_seated(client: TestClient) -> None:
    assert 401 == client.get("/api/v1/notice").status_code
    login(client)
    assert "评标纪律" in client.get("/api/v1/notice").json()["text"]


# --- the socket ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "https://host.evil.example", "null", "https://host:1"]
)
def test_a_socket_from_a_page_of_somebody_else_is_not_opened(client: TestClient, origin: str) -> None:
    login(client)
    with (
        pytest.raises(WebSocketDisconnect) as closed,
        client.websocket_connect("wss://host/ws/seat", headers={"origin": origin}) as socket,
    ):
        socket.receive_text()
    assert POLICY == closed.value.code


def test_a_socket_without_a_cookie_is_closed_with_the_reason(client: TestClient) -> None:
    with (
        client.websocket_connect("wss://host/ws/seat") as socket,
        pytest.raises(WebSocketDisconnect) as closed,
    ):
        socket.receive_text()
    assert (POLICY, "not_seated") == (closed.value.code, closed.value.reason)


@pytest.mark.parametrize("origin", [None, "https://host"])
def test_a_seat_speaks_over_its_socket(client: TestClient, house: House, origin: str | None) -> None:
    login(client)
    headers = {"origin": origin} if origin else {}
    with client.websocket_connect("wss://host/ws/seat?take=1&media=3", headers=headers) as socket:
        assert "welcome" == socket.receive_json()["kind"]
        socket.send_text(encode(submit()))
        socket.send_text('{"kind":"ping","sent_ms":5}')
        assert "pong" == socket.receive_json()["kind"]
        house.seats.end_seat(E1)
        socket.send_text('{"kind":"ping","sent_ms":6}')
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_text()
    assert "not_seated" == closed.value.reason
    assert [submit()] == house.behind.given


def test_a_binary_frame_ends_the_socket(client: TestClient) -> None:
    login(client)
    with client.websocket_connect("wss://host/ws/seat") as socket:
        socket.receive_text()
        socket.send_bytes(b"\x00\xff")
        assert "malformed_message" == socket.receive_json()["code"]
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_text()
    assert POLICY == closed.value.code


# --- the wire -----------------------------------------------------------------------------------------------


def _receiving(*messages: Message) -> Receive:
    waiting = [{"type": "websocket.connect"}, *messages]

    async def receive() -> Message:
        return waiting.pop(0)

    return receive


async def test_a_socket_that_is_gone_is_a_closed_link_in_both_directions() -> None:
    async def send(message: Message) -> None:
        if message["type"] == "websocket.send":
            raise OSError

    scope = {"type": "websocket", "headers": [], "path": "/"}
    socket = WebSocket(scope, _receiving({"type": "websocket.disconnect", "code": 1006}), send)
    await socket.accept()
    wire = SocketWire(socket)
    with pytest.raises(LinkClosed) as closed:
        await wire.receive_text()
    assert 1006 == closed.value.code
    with pytest.raises(LinkClosed):
        await wire.send_text("x")
