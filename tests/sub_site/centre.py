"""A host as a sub-site sees it over HTTP: enrolment, documents, reels; each may be made to misbehave."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from evalroom.ids import SiteId
from main_site.identity.authority import Authority, certify, open_authority

SITE = SiteId("west")
CODE = "good-code"


@dataclass
class FakeCentre:
    """Answers what `sub_site` asks; `spoil` may change any answer before it leaves."""

    authority: Authority
    documents: dict[str, bytes] = field(default_factory=dict)
    reels: dict[str, bytearray] = field(default_factory=dict)
    complete: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    failures: list[httpx.Response | Exception] = field(default_factory=list)
    spoil: Callable[[dict[str, str]], dict[str, str]] = lambda answer: answer
    token: str = "token"  # noqa: S105 - the fake's own word

    @classmethod
    def at(cls, folder: Path) -> "FakeCentre":
        return cls(open_authority(folder / "authority", "centre"))

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(f"{request.method} {request.url.path}")
        if self.failures:
            failure = self.failures.pop(0)
            if isinstance(failure, Exception):
                raise failure
            return failure
        if request.url.path == "/api/v1/sites/enrol":
            return self._enrol(json.loads(request.content))
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return httpx.Response(401)
        if "/documents/" in request.url.path:
            data = self.documents.get(request.url.path.rpartition("/")[2])
            return httpx.Response(404) if data is None else httpx.Response(200, content=data)
        return self._reel(request)

    def _enrol(self, body: dict[str, str]) -> httpx.Response:
        if body["code"] != CODE:
            return httpx.Response(409, json={"code": "unknown_enrolment_code"})
        answer = {
            "site": SITE,
            "name": "Jiuquan",
            "certificate": certify(self.authority, body["csr"], SITE),
            "ca": self.authority.pem,
            "centre": "centre",
        }
        return httpx.Response(200, json=self.spoil(answer))

    def _reel(self, request: httpx.Request) -> httpx.Response:
        name = request.url.path.removeprefix("/api/v1/site/reels/")
        here = self.reels.setdefault(name, bytearray())
        if request.method == "PATCH":
            if int(request.headers["upload-offset"]) != len(here):
                return httpx.Response(409, json={"code": "wrong_offset"})
            here += request.content
        if len(here) == int(request.headers["upload-length"]):
            assert hashlib.sha256(here).hexdigest() == request.headers["x-content-sha256"]
            self.complete.add(name)
        done = {"upload-complete": "1"} if name in self.complete else {}
        return httpx.Response(204, headers={"upload-offset": str(len(here)), **done})

    def client(self) -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(self.answer))

    def async_client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(self.answer), base_url="http://host")
