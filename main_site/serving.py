"""`evalroom serve`: settings, logs, the operator's code, and the server until somebody stops it."""

import asyncio
import gc
import secrets
import socket
from typing import Any

import structlog
import typer
import uvicorn

from evalroom.errors import EvalroomError, LocalFault
from main_site.app import make_app, make_server
from main_site.settings import HostSettings, what_is_wrong
from signaling.logs import configure_logs

MISUSE = 2

COLLECT_AFTER = (20_000, 50, 100)
"""Allocations before rubbish is collected, and rounds before the older generations are: a session's journal stays.

The interpreter's own 700, 10, 10 walked over it so often that 350 writers cost a tenth more CPU.
"""


class PortInUse(LocalFault):
    """Another program listens on this address already: stop it, or choose another port with --port."""

    code = "port_in_use"


def serve_host(given: dict[str, Any]) -> int:
    """Serve until stopped and return the exit status."""
    try:
        settings = HostSettings(**{name: value for name, value in given.items() if value is not None})
    except ValueError as error:
        typer.echo(what_is_wrong(error), err=True)
        return MISUSE
    configure_logs(as_json=settings.log_json)
    try:
        with listen(settings.host, settings.port) as listener:
            app, code = _application(settings)
            port = listener.getsockname()[1]
            scheme = "https" if settings.tls_cert else "http"
            typer.echo(f"EvalRoom host: {scheme}://{settings.host}:{port}/")
            typer.echo(f"operator code: {code}")
            return _run(make_server(app, settings), listener)
    except EvalroomError as error:
        typer.echo(f"{error.sentence()} ({error.code}: {error.detail})", err=True)
        return MISUSE


def _application(settings: HostSettings) -> tuple[Any, str]:
    code = settings.operator_code.get_secret_value() if settings.operator_code else _kept_code(settings)
    return make_app(settings, code), code


def _kept_code(settings: HostSettings) -> str:
    """Return the operator code of this data folder, drawn at its first start."""
    path = settings.data_dir / "keys" / "operator.code"
    code = path.read_text(encoding="ascii").strip() if path.exists() else ""
    if not code:  # also after a crash before the bytes were on the disk: an empty code would let everybody in
        code = secrets.token_urlsafe(12)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        path.write_text(code, encoding="ascii")
    return code


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Raises:
        PortInUse: somebody else has the address, or it is none of this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise PortInUse(host=host, port=port, problem=error.strerror) from error
    listener.listen(2048)
    return listener


def _run(server: uvicorn.Server, listener: socket.socket) -> int:
    gc.set_threshold(*COLLECT_AFTER)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(server.serve(sockets=[listener]))
    except KeyboardInterrupt:
        structlog.get_logger(__name__).info("stopped")
    return 0 if server.started else 1


def _loop_factory() -> Any:  # noqa: ANN401 - uvloop has no types of its own
    """Return uvloop where it exists: 12 % less CPU for media (media.md §3)."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
