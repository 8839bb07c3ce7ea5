"""How people come in at a node: the login with a one-time code, and the seat's socket.

The same door serves the host's node and a sub-site's; what is behind it is the node's register of seats and
the seatings of its sessions.
"""

import asyncio
import re
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Request, Response, WebSocket, WebSocketDisconnect
from pydantic import BaseModel, ConfigDict
from starlette.requests import HTTPConnection

from evalroom.ids import SessionId
from evalroom.pledge import NOTICE
from evalroom.protocol.messages import MAX_FRAME
from evalroom.roles import Role
from signaling import connection as link
from signaling.connection import LinkClosed
from signaling.ice import IceServer
from signaling.permits import COOKIE, Permitted, permit
from signaling.register import Claim, NotSeated, SeatRegister
from signaling.seating import Seating, SeatPerson

PAGES: Mapping[Role, str] = {
    Role.EXPERT: "/seat/",
    Role.SUPERVISOR: "/wall/",
    Role.OPERATOR: "/site/",
    Role.SITE_OPERATOR: "/site/",
    Role.ARCHIVIST: "/replay/",
    Role.REGULATOR: "/wall/",
}
"""The page of each role."""

YEAR_S = 365 * 24 * 3600

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]*\]|[^:\[\]]*)(:(?P<port>[0-9]{0,5}))?")
"""A Host header (RFC 9110 §7.2); one that is none names no port."""


class Node(Protocol):
    """What the door needs to know of the node it belongs to."""

    @property
    def register(self) -> SeatRegister:
        """The node's codes and cookies."""
        ...

    @property
    def secure(self) -> bool:
        """Say whether browsers reach the node by https."""
        ...

    def seating(self, session: SessionId) -> Seating:
        """Return the live seats of a session; raises NotSeated for one that is not here."""
        ...

    def title(self, session: SessionId) -> str:
        """Return what the session is about."""
        ...

    @property
    def relay_only(self) -> bool:
        """Whether media may take no way but the TURN server."""
        ...

    def ice_server(self) -> IceServer | None:
        """Return the TURN server with fresh credentials, if there is one."""
        ...

    async def seat_claimed(self, claim: Claim) -> None:
        """Learn that a code was used here; older windows of that seat end."""
        ...


class Login(BaseModel):
    """A one-time seat code as typed."""

    model_config = ConfigDict(extra="forbid", strict=True)
    code: str


class Seated(BaseModel):
    """Who you are at this node, and which page is yours."""

    session: str
    seat: str
    role: Role
    label: str
    title: str
    page: str


class SocketWire:
    """Starlette's WebSocket as the connection wants it."""

    def __init__(self, socket: WebSocket) -> None:
        """Wrap an accepted socket."""
        self._socket = socket

    async def send_text(self, text: str) -> None:
        """Send one message.

        Raises:
            LinkClosed: the other end is gone.
        """
        try:
            await self._socket.send_text(text)
        except (WebSocketDisconnect, RuntimeError) as error:
            raise LinkClosed(link.GOING_AWAY) from error

    async def receive_text(self) -> str:
        """Return the next text message; a binary one reads as empty, which no message is.

        Raises:
            LinkClosed: the other end is gone.
        """
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise LinkClosed(int(message.get("code") or link.NORMAL))
        return message.get("text") or ""

    async def close(self, code: int, reason: str) -> None:
        """Close the socket."""
        await self._socket.close(code, reason)


def identify_seat(register: SeatRegister, connection: HTTPConnection) -> Claim:
    """Return who the request's cookie speaks for.

    Raises:
        NotSeated: no cookie, or none that is good.
    """
    cookie = seat_cookie(connection)
    if cookie is None:
        raise NotSeated
    return register.whose(cookie)


def seat_cookie(connection: HTTPConnection) -> str | None:
    """Return the seat's cookie that came with a request, None without one."""
    return connection.cookies.get(_browser_cookie(connection), connection.cookies.get(COOKIE))


def _browser_cookie(connection: HTTPConnection) -> str:
    """Name a browser's cookie by the port: cookies ignore ports, and two nodes of one machine are two doors."""
    host = _HOST.fullmatch(connection.headers.get("host", ""))
    return f"{COOKIE}_{host['port']}" if host is not None and host["port"] else COOKIE


def set_cookie(request: HTTPConnection, response: Response, cookie: str, *, secure: bool) -> None:
    """Hand the seat's cookie over: script cannot read it, other sites cannot send it.

    A browser (it alone names an origin) gets the port in the name; a program keeps its cookies apart itself.
    """
    name = _browser_cookie(request) if "origin" in request.headers else COOKIE
    response.set_cookie(
        name, cookie, max_age=YEAR_S, httponly=True, samesite="strict", secure=secure, path="/"
    )


def same_origin(connection: HTTPConnection) -> bool:
    """Say whether a socket comes from a page of this node (browsers always send Origin; programs may not)."""
    origin = connection.headers.get("origin")
    if origin is None:
        return True
    try:
        return urlsplit(origin).netloc == connection.headers.get("host")
    except ValueError:  # brackets that hold no IPv6 address
        return False


def seated(node: Node, claim: Claim) -> Seated:
    """Describe a claim for the page."""
    return Seated(
        session=claim.session,
        seat=claim.seat,
        role=claim.role,
        label=claim.label,
        title=node.title(claim.session),
        page=PAGES[claim.role],
    )


def door(node: Node) -> APIRouter:
    """Return the routes by which people come in at `node`."""
    router = APIRouter(dependencies=[Depends(permit)])

    @router.post("/api/v1/login")
    async def login(request: Request, body: Login, response: Response) -> Seated:
        """Use a one-time seat code up and take the seat."""
        address = request.client.host if request.client else ""
        claim, cookie = await asyncio.to_thread(node.register.claim, body.code, address)
        await node.seat_claimed(claim)
        set_cookie(request, response, cookie, secure=node.secure)
        return seated(node, claim)

    @router.post("/api/v1/logout")
    async def logout(request: Request, response: Response) -> None:
        """Leave the seat; coming back takes a new code."""
        await asyncio.to_thread(node.register.leave, seat_cookie(request) or "")
        for name in {COOKIE, _browser_cookie(request)}:
            response.delete_cookie(name, path="/")

    @router.get("/api/v1/me")
    async def me(person: Permitted) -> Seated:
        """Say who the cookie speaks for."""
        return seated(node, _claim(person))

    @router.get("/api/v1/ice")
    async def ice() -> dict[str, object]:
        """Return the servers that help media find its way, and whether it may take no other."""
        server = node.ice_server()
        servers = (
            []
            if server is None
            else [{"urls": server.urls, "username": server.username, "credential": server.credential}]
        )
        return {"iceServers": servers, "iceTransportPolicy": "relay" if node.relay_only else "all"}

    @router.get("/api/v1/notice")
    async def notice() -> dict[str, str]:
        """Return the discipline notice, with which the commitment letter begins."""
        return {"text": NOTICE}

    @router.websocket("/ws/seat")
    async def seat_socket(socket: WebSocket, person: Permitted, take: int = 0, media: int = 0) -> None:
        """Carry a seat's messages."""
        if not same_origin(socket):
            await socket.close(link.POLICY, "origin")
            return
        claim = _claim(person)
        await socket.accept()
        seating = node.seating(claim.session)
        await seating.serve(
            SocketWire(socket), SeatPerson(claim.seat, claim.role), take=bool(take), generation=media
        )

    return router


def _claim(person: object) -> Claim:
    if not isinstance(person, Claim):
        raise NotSeated
    return person


WS_MAX_SIZE = MAX_FRAME
"""For uvicorn's `ws_max_size`: a longer frame closes the connection with 1009 before it is buffered."""
