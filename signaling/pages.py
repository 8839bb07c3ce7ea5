"""The built pages, served by every node from the same files, with headers that keep strangers out.

Hashed assets may be kept for ever, documents never; nothing is loaded from another origin, camera and screen
are granted to this origin only (pages.md §1).
"""

from pathlib import Path

from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

STATIC = Path(__file__).parent.parent / "main_site" / "static"
"""Part of the distribution, found by place: a sub-site serves the pages without importing the host's code."""

HEADERS = {
    "content-security-policy": (
        "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; worker-src 'self' blob:; "
        "style-src 'self' 'unsafe-inline'; connect-src 'self' ws: wss:; object-src 'none'; base-uri 'none'; "
        "frame-ancestors 'none'; form-action 'self'"
    ),
    "permissions-policy": "camera=(self), microphone=(self), display-capture=(self), geolocation=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}

OFFLINE = "/verify/offline.html"
"""The public page as one file, its script inside: it is for saving, and no page of this origin."""

MISSING = """<!doctype html><html lang="zh-CN"><meta charset="utf-8"><title>EvalRoom</title>
<p>页面尚未构建。 The pages are not built: run <code>python3 dev.py demo</code> on a machine that reaches the
npm registry, or install the released wheel. The API works: <a href="/api/openapi.json">/api/openapi.json</a>."""


class SafeHeaders:
    """Adds the security headers to every answer, and says how long it may be kept."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; cancelling is the wrapped application's matter."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                kept = "/assets/" in scope["path"]
                if scope["path"] == OFFLINE:
                    headers.setdefault("content-disposition", 'attachment; filename="evalroom-verify.html"')
                headers.setdefault(
                    "cache-control", "public, max-age=31536000, immutable" if kept else "no-cache"
                )
            await send(message)

        await self._app(scope, receive, with_headers)


def serve_pages(app: FastAPI) -> None:
    """Put the pages at `/`, after all other routes."""
    app.add_middleware(SafeHeaders)
    if (STATIC / "index.html").exists():
        app.mount("/", StaticFiles(directory=STATIC, html=True), name="pages")
        return

    async def missing(_request: Request) -> HTMLResponse:
        return HTMLResponse(MISSING, 503)

    app.add_route("/", missing, include_in_schema=False)
