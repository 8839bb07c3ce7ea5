"""Errors at the edge, translated once: the room's tree to RFC 9457 problem details.

The `code` is stable and the sentence says what to do; the facts of the case ride beside it.  What the framework
refuses by itself (no such address, wrong method, a body too long, a range outside) gets a code and a sentence,
too, and so does a fault nobody foresaw: its traceback is for the log, never for the other end.
"""

import errno
import sqlite3
from collections.abc import Mapping
from functools import cache
from re import Pattern

import structlog
from fastapi import FastAPI, Request, WebSocket
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DBAPIError
from starlette.datastructures import Headers
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.requests import HTTPConnection
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketState

from evalroom.errors import EvalroomError, LocalFault, PeerFault, Refusal
from evalroom.protocol.messages import MAX_FRAME
from evalroom.roles import NotPermitted
from evalroom.sealing.rules import TooLarge, UnknownBid
from evalroom.session import Unknown
from signaling.codec import FrameTooLarge
from signaling.connection import POLICY
from signaling.database import StoreFailed
from signaling.permits import declared_routes
from signaling.register import NotSeated, TooManyTries, WrongCode

MAX_BODY = MAX_FRAME
"""Bytes of a request's body, where the route does not count them itself."""

COUNTED_BY_ROUTE = 1 << 60
"""For `max_body_size` of a route that reads its body piece by piece and refuses in its own words."""

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class MalformedRequest(PeerFault):
    """The request does not have the form this route takes; nothing has changed."""

    code = "malformed_request"


class NoSuchAddress(Refusal):
    """There is nothing at this address: check it for a slip, and whether it belongs to this node."""

    code = "no_such_address"


class WrongMethod(Refusal):
    """This address does not take that method; nothing has changed.  `Allow` names those that it takes."""

    code = "wrong_method"


class BodyTooLarge(PeerFault):
    """The request's body is longer than this address takes; it was not read, and nothing has changed."""

    code = "body_too_large"


class RangeOutside(PeerFault):
    """The file has no such range: ask for its length, then for bytes inside it."""

    code = "range_outside"


class DiskFull(LocalFault):
    """The disk of this node is full, so this was not taken: free some space, then send it again."""

    code = "disk_full"


class Unexpected(LocalFault):
    """This node made a mistake with this request; what was acknowledged is safe.  Try again, and tell the operator."""

    code = "unexpected"


_STATUS: Mapping[type[EvalroomError], int] = {
    NotSeated: 401,
    WrongCode: 401,
    NotPermitted: 403,
    Unknown: 404,
    UnknownBid: 404,
    NoSuchAddress: 404,
    WrongMethod: 405,
    FrameTooLarge: 413,
    BodyTooLarge: 413,
    TooLarge: 413,
    RangeOutside: 416,
    TooManyTries: 429,
    DiskFull: 507,
    Unexpected: 500,
    Refusal: 409,
    PeerFault: 400,
    LocalFault: 503,
    EvalroomError: 500,
}
"""The nearest class in an error's ancestry gives the status."""

_PLAIN: Mapping[int, type[EvalroomError]] = {
    400: MalformedRequest,
    404: NoSuchAddress,
    405: WrongMethod,
    413: BodyTooLarge,
    416: RangeOutside,
}
"""What the framework answers by itself, in a word or two, and what it means here."""

_PROBLEM = "application/problem+json"


def status_of(error: EvalroomError) -> int:
    """Return the HTTP status of an error."""
    return next(_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS)


def problem(error: EvalroomError, **more: object) -> JSONResponse:
    """Write an error as problem details; `more` are members of its own kind (RFC 9457 §3.2)."""
    body = {
        "type": f"urn:evalroom:error:{error.code}",
        "title": error.sentence(),
        "status": status_of(error),
        "code": error.code,
        "detail": error.detail,
        **more,
    }
    return JSONResponse(body, status_of(error), media_type=_PROBLEM)


def install(app: FastAPI) -> None:
    """Translate the room's errors, and the framework's own refusals, for all routes of `app`."""

    @app.exception_handler(EvalroomError)
    async def _answer(connection: HTTPConnection, error: Exception) -> JSONResponse | None:
        assert isinstance(error, EvalroomError)  # noqa: S101 - registered for this class
        return await _tell(connection, error)

    @app.exception_handler(RequestValidationError)
    @app.exception_handler(WebSocketRequestValidationError)
    async def _malformed(connection: HTTPConnection, error: Exception) -> JSONResponse | None:
        assert isinstance(error, RequestValidationError | WebSocketRequestValidationError)  # noqa: S101 - likewise
        first = error.errors()[0]
        where = "/".join(str(part) for part in first["loc"])
        return await _tell(connection, MalformedRequest(where=where[:200], problem=str(first["msg"])[:200]))

    @app.exception_handler(OSError)
    @app.exception_handler(DBAPIError)
    async def _disk(connection: HTTPConnection, error: Exception) -> JSONResponse | None:
        structlog.get_logger(__name__).error("request_failed", error=repr(error), exc_info=error)
        return await _tell(connection, fault_of(error))

    @app.exception_handler(Exception)
    async def _last_resort(_request: Request, _error: Exception) -> JSONResponse:
        return problem(Unexpected())  # the server logs the error with its traceback

    app.add_middleware(RequestBodyLimitMiddleware, max_body_size=MAX_BODY)
    app.add_middleware(CodedAnswers)


def fault_of(error: Exception) -> LocalFault:
    """Say what an error of disk or database means to whoever asked."""
    if isinstance(error, DBAPIError):
        full = getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
        return DiskFull() if full else StoreFailed()
    full = isinstance(error, OSError) and error.errno in _FULL
    return DiskFull() if full else Unexpected()


async def _tell(connection: HTTPConnection, error: EvalroomError) -> JSONResponse | None:
    if isinstance(connection, WebSocket):
        await _close(connection, error)
        return None
    return problem(error)


async def _close(socket: WebSocket, error: EvalroomError) -> None:
    """Close a socket with the code of the error as reason: a browser shows no answer to a refused handshake."""
    if socket.application_state is WebSocketState.CONNECTING:
        await socket.accept()
    await socket.close(POLICY, error.code)


# --- what the framework says by itself --------------------------------------------------------------


class CodedAnswers:
    """Gives the framework's own refusals a code and a sentence; every other answer passes as it is."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; cancelling is the wrapped application's matter."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        translated = False

        async def coded(message: Message) -> None:
            nonlocal translated
            if message["type"] == "http.response.start":
                answer = _translation(scope, message)
                translated = answer is not None
                if answer is not None:
                    await answer(scope, receive, send)
            if not translated:
                await send(message)

        await self._app(scope, receive, coded)


def _translation(scope: Scope, start: Message) -> JSONResponse | None:
    """Return the problem that says what a plain refusal says, or None for any other answer."""
    headers = Headers(raw=start["headers"])
    kind = _PLAIN.get(start["status"])
    if kind is None or headers.get("content-type") == _PROBLEM:
        return None
    methods = ""
    if kind in (NoSuchAddress, WrongMethod):
        kind, methods = _address(scope)
    answer = problem(kind())
    kept = {"allow": methods, "content-range": headers.get("content-range", "")}
    answer.headers.update({name: value for name, value in kept.items() if value})
    return answer


def _address(scope: Scope) -> tuple[type[EvalroomError], str]:
    """Say what is wrong with an address and method; the pages' catch-all hides it from the framework."""
    path, method = scope["path"], scope["method"]
    keys = (key.partition(" ") for key, _ in declared_routes(scope["app"]))
    methods = {one for one, _, pattern in keys if one != "WS" and _regex(pattern).match(path)}
    if not path.startswith(("/api/", "/ws/")):
        methods |= {"GET", "HEAD"}
    if not methods or method in methods:
        return NoSuchAddress, ""
    return WrongMethod, ", ".join(sorted(methods))


@cache
def _regex(pattern: str) -> Pattern[str]:
    return compile_path(pattern)[0]
