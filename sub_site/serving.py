"""`evalroom-site serve`: settings, logs, a listening socket, and the server until somebody stops it."""

import asyncio
import gc
import socket
from collections.abc import Callable

import structlog
import typer
import uvicorn
from fastapi import FastAPI

from evalroom.errors import LocalFault
from signaling.door import WS_MAX_SIZE
from signaling.logs import configure_logs
from sub_site.app import create_app
from sub_site.settings import SiteSettings


class AddressTaken(LocalFault):
    """Another program listens on this address already: stop it, or choose another port with --port."""

    code = "address_taken"


COLLECT_AFTER = (20_000, 50, 100)
"""Allocations before rubbish is collected, and rounds before older generations are: what is kept, stays."""


def serve_site(settings: SiteSettings) -> int:
    """Serve until stopped and return the exit status.

    Raises:
        AddressTaken: the address is another program's, or none of this machine's.
        NotJoined, IdentityDamaged: there is no site to run.
    """
    configure_logs(as_json=settings.log_json)
    with listen(settings.host, settings.port) as listener:
        app = create_app(settings)
        scheme = "https" if settings.tls_cert else "http"
        typer.echo(f"EvalRoom sub-site: {scheme}://{settings.host}:{listener.getsockname()[1]}/")
        return _run(make_server(app, settings), listener)


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Raises:
        AddressTaken: somebody else has the address, or it is none of this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise AddressTaken(host=host, port=port, problem=error.strerror) from error
    listener.listen(512)
    return listener


def make_server(app: FastAPI, settings: SiteSettings) -> uvicorn.Server:
    """Return the server for an application; our own heartbeat replaces uvicorn's ping."""
    config = uvicorn.Config(
        app,
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
        ws_max_size=WS_MAX_SIZE,
        ws_ping_interval=None,
        ws_ping_timeout=None,
        ws_per_message_deflate=False,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=5,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
    return uvicorn.Server(config)


def _run(server: uvicorn.Server, listener: socket.socket) -> int:
    gc.set_threshold(*COLLECT_AFTER)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(server.serve(sockets=[listener]))
    except KeyboardInterrupt:
        structlog.get_logger(__name__).info("stopped")
    return 0 if server.started else 1


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop where it exists: 12 % less CPU for media (media.md §3)."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
