"""The host's composition root: settings in, a FastAPI application out; the only place that wires the host."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse

from main_site import software
from main_site.api.bids import bid_routes
from main_site.api.drafts import draft_routes
from main_site.api.duties import duty_routes
from main_site.api.opening import opening_routes
from main_site.api.replay import replay_routes
from main_site.api.reports import report_routes
from main_site.api.sessions import session_routes
from main_site.api.sites import site_routes
from main_site.api.standings import standing_routes
from main_site.services.centre import Centre
from main_site.settings import HostSettings
from main_site.template import TemplateError
from signaling import problems
from signaling.door import door
from signaling.pages import serve_pages
from signaling.permits import check_declared, permit

WS_MAX_SIZE = 1 << 20
"""Bytes of one WebSocket message at the transport; seats are held to 64 KiB by the codec, sites to this."""


def make_app(settings: HostSettings, operator_code: str) -> FastAPI:
    """Put the host together.

    Raises:
        UndeclaredRoute: a route without a line in the table of permissions.
    """
    centre = Centre(settings, operator_code)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await centre.start()
        yield
        await centre.stop()

    app = FastAPI(
        title="EvalRoom",
        version=software(),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    app.state.centre = centre
    app.state.identify = centre.identify
    problems.install(app)
    app.add_exception_handler(TemplateError, _template_problem)
    app.include_router(door(centre))
    app.include_router(session_routes(centre))
    app.include_router(site_routes(centre))
    app.include_router(replay_routes(centre))
    app.include_router(report_routes(centre))
    app.include_router(bid_routes(centre))
    app.include_router(opening_routes(centre))
    app.include_router(draft_routes(centre))
    app.include_router(duty_routes(centre))
    app.include_router(standing_routes(centre))
    app.include_router(_health(app, centre))
    check_declared(app)
    serve_pages(app)
    return app


async def _template_problem(_request: Request, error: Exception) -> JSONResponse:
    """Name every mistake of a template by sheet, row and column, beside the sentence."""
    assert isinstance(error, TemplateError)  # noqa: S101 - registered for this class
    return problems.problem(error, problems=[one.facts() for one in error.problems])


def _health(app: FastAPI, centre: Centre) -> APIRouter:
    router = APIRouter(dependencies=[Depends(permit)])

    @router.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Say that the process turns."""
        return {"status": "ok"}

    @router.get("/readyz")
    async def readyz() -> dict[str, object]:
        """Say how store and sessions stand; no secrets, no names."""
        return {"status": "ok", "sessions": len(centre.live), "software": software()}

    @router.get("/api/openapi.json")
    async def openapi() -> dict[str, object]:
        """Describe the API."""
        return get_openapi(title=app.title, version=app.version, routes=app.routes)

    return router


def make_server(app: FastAPI, settings: HostSettings) -> uvicorn.Server:
    """Return the server for an application; our own heartbeat replaces uvicorn's ping."""
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
        ws_max_size=WS_MAX_SIZE,
        ws_ping_interval=None,
        ws_ping_timeout=None,
        ws_per_message_deflate=False,  # small messages: compressing them cost a tenth of the host's CPU
        timeout_keep_alive=5,
        timeout_graceful_shutdown=3,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
    )
    return uvicorn.Server(config)
