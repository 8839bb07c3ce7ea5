"""Errors at the edge, translated once: the room's tree to RFC 9457 problem details.

The `code` is stable and the sentence says what to do; the facts of the case ride beside it.
"""

from collections.abc import Mapping

from fastapi import FastAPI, Request, WebSocket
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocketState

from evalroom.errors import EvalroomError, LocalFault, PeerFault, Refusal
from evalroom.roles import NotPermitted
from evalroom.session import Unknown
from signaling.codec import FrameTooLarge
from signaling.connection import POLICY
from signaling.register import NotSeated, TooManyTries, WrongCode

_STATUS: Mapping[type[EvalroomError], int] = {
    NotSeated: 401,
    WrongCode: 401,
    NotPermitted: 403,
    Unknown: 404,
    FrameTooLarge: 413,
    TooManyTries: 429,
    Refusal: 409,
    PeerFault: 400,
    LocalFault: 503,
    EvalroomError: 500,
}
"""The nearest class in an error's ancestry gives the status."""


class MalformedRequest(PeerFault):
    """The request does not have the form this route takes; nothing has changed."""

    code = "malformed_request"


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
    return JSONResponse(body, status_of(error), media_type="application/problem+json")


def install(app: FastAPI) -> None:
    """Translate the room's errors, and FastAPI's own refusal of a body, for all routes of `app`."""

    @app.exception_handler(EvalroomError)
    async def _answer(connection: HTTPConnection, error: Exception) -> JSONResponse | None:
        assert isinstance(error, EvalroomError)  # noqa: S101 - registered for this class
        if isinstance(connection, WebSocket):
            await _close(connection, error)
            return None
        return problem(error)

    @app.exception_handler(RequestValidationError)
    async def _malformed(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class
        first = error.errors()[0]
        where = "/".join(str(part) for part in first["loc"])
        return problem(MalformedRequest(where=where[:200], problem=str(first["msg"])[:200]))


async def _close(socket: WebSocket, error: EvalroomError) -> None:
    """Close a socket with the code of the error as reason: a browser shows no answer to a refused handshake."""
    if socket.application_state is WebSocketState.CONNECTING:
        await socket.accept()
    await socket.close(POLICY, error.code)
