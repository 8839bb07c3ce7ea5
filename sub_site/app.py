"""The composition root of a sub-site: one FastAPI application over one venue."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI

from signaling.door import door
from signaling.pages import serve_pages
from signaling.permits import check_declared
from signaling.problems import install
from sub_site.api import routes
from sub_site.enrolment import load_identity
from sub_site.settings import SiteSettings
from sub_site.venue import Venue


def create_app(settings: SiteSettings) -> FastAPI:
    """Put the application of a sub-site together.

    Raises:
        NotJoined, IdentityDamaged: there is no site to run.
        UndeclaredRoute: a route has no line in the table of permissions.
    """
    return app_of(Venue(settings, load_identity(settings.data_dir / "keys")))


def app_of(venue: Venue) -> FastAPI:
    """Return the application over `venue`, which lives as long as the application."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(venue.stop)
            await venue.start()
            yield

    app = FastAPI(
        title="EvalRoom sub-site",
        lifespan=lifespan,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.identify = venue.identify
    app.state.venue = venue
    install(app)
    app.include_router(door(venue))
    app.include_router(routes(venue))
    check_declared(app)
    serve_pages(app)
    return app
