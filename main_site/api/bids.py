"""Routes of the bidders, who have no account, and of the operator who drafts a policy and opens submissions.

What comes in is bounded before it is read: announcements by the usual limit, pieces by their own length.  Nobody's
address is written down; it is held in memory to bound what one address may have on its way.  Numbers of bids stand
in addresses: whoever logs requests in front of this node must leave them out (opening.md §5).
"""

import json
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from evalroom.clarification import MAX_ANSWER
from evalroom.encoding import to_json
from evalroom.ids import BidNumber
from evalroom.ledger.base64 import NotBase64, decode_base64, encode_base64
from evalroom.sealing.policy import Mode
from main_site.services.centre import Centre
from main_site.services.submissions import DigestNeeded, Submissions
from main_site.store.bids import PIECE, Announcement, PieceMismatch
from signaling.permits import permit
from signaling.problems import COUNTED_BY_ROUTE

_DIGEST = re.compile(r"sha-256=:(?P<value>[A-Za-z0-9+/]{43}=):")
"""A Content-Digest field (RFC 9530 §2) with the one algorithm that is asked for."""

MAX_TAIL = 1_500_000
MAX_LEAVES = 8 << 20
"""Bytes of a body with the hashes of a bid's leaves, 43 characters a MiB, and its tail."""

_RECEIPT = "text/plain; charset=utf-8"
_STRICT = ConfigDict(extra="forbid", strict=True)

Hex32 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Hex64 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Short = Annotated[str, StringConstraints(max_length=64)]
Signed = Annotated[str, StringConstraints(max_length=6000)]
"""A signature in b64; the longest is suite 0x01's, 4,500 characters."""


Digest = Annotated[str, Header(alias="x-bid-digest", max_length=64)]
"""The digest of the bid, hex: with dark lots its bidder proves by it that it is the one who asks."""


class Announced(BaseModel):
    """A bid to come: length of the file, digest and root in hex; `replaces` with the earlier key's signature, b64."""

    model_config = _STRICT
    size: Annotated[int, Field(ge=0, le=(1 << 53) - 1)]
    digest: Hex64
    root: Hex64
    replaces: Hex32 | Literal[""] = ""
    signature: Signed = ""


class Leaves(BaseModel):
    """How the bytes of a bid are known: hashes of its leaves, one after the other, and its tail, b64."""

    model_config = _STRICT
    leaves: Annotated[str, StringConstraints(max_length=MAX_LEAVES)]
    tail: Annotated[str, StringConstraints(max_length=MAX_TAIL)]


class Withdrawal(BaseModel):
    """The envelope key's signature that takes a bid back; empty for one that was never submitted."""

    model_config = _STRICT
    signature: Signed = ""


class Confirmation(BaseModel):
    """A bidder's word on the record of a window: its SHA-256, an objection or nothing, and the signature."""

    model_config = _STRICT
    window: Short
    sha256: Hex64
    objection: Annotated[str, StringConstraints(max_length=2000)]
    signature: Signed


class Answer(BaseModel):
    """A bidder's answer to a question, signed; `marked` when it knows of marks and sends it all the same."""

    model_config = _STRICT
    text: Annotated[str, StringConstraints(max_length=MAX_ANSWER)]
    signature: Signed
    marked: bool = False


class Draft(BaseModel):
    """What differs from the terms of the session's template."""

    model_config = ConfigDict(extra="forbid")
    deadline: Annotated[int, Field(ge=0)] | None = None
    opens_at: Annotated[int, Field(ge=0)] | None = None
    mode: Mode | None = None
    k: Annotated[int, Field(ge=0, le=16)] | None = None
    suites: list[int] | None = None
    min_bids: Annotated[int, Field(ge=0)] | None = None
    release_ms: Annotated[int, Field(ge=1_000)] | None = None


def bid_routes(centre: Centre) -> APIRouter:
    """Return the routes by which bids are handed in and followed at this centre."""
    router = APIRouter(dependencies=[Depends(permit)])

    @router.get("/api/v1/tenders")
    async def tenders() -> list[dict[str, Any]]:
        """List the tenders that accept or open bids."""
        return [_tender(one, centre) for one in centre.submissions() if one.published]

    @router.get("/api/v1/tenders/{tender}/policy")
    async def policy(tender: str) -> Response:
        """Return policy.json verbatim, with the trustees' signatures in a header."""
        text, sha256, signatures = centre.submission(tender).policy()
        signed = [{"trustee": name, "signature": one} for name, one in signatures.items()]
        headers = {
            "etag": f'"{sha256}"',
            "x-policy-signatures": encode_base64(json.dumps(signed).encode()),
        }
        return Response(text, media_type="application/json", headers=headers)

    @router.get("/api/v1/tenders/{tender}/hall")
    async def hall(tender: str, since: Annotated[str, Query(max_length=64)] = "") -> dict[str, Any]:
        """Return the public state of the opening; with the `version` last seen, wait up to 20 s for another."""
        return await centre.submission(tender).hall.next_view(tender, since, centre.clock.now)

    router.include_router(_handing_in(centre))
    router.include_router(_bringing_again(centre))
    router.include_router(_afterwards(centre))
    router.include_router(_asking(centre))
    router.include_router(_operator(centre))
    return router


def _handing_in(centre: Centre) -> APIRouter:
    router = APIRouter()
    place = "/api/v1/tenders/{tender}/bids/{bid}"

    @router.put(place)
    async def announce(tender: str, bid: str, body: Announced, request: Request) -> dict[str, Any]:
        """Announce a bid; answers the length of a piece and the numbers of those that are here."""
        one = Announcement(BidNumber(bid), body.size, body.digest, body.root, body.replaces, body.signature)
        have = await centre.submission(tender).announce(one, centre.address_of(request))
        return {"piece": PIECE, "have": have}

    @router.put(place + "/pieces/{index}", max_body_size=COUNTED_BY_ROUTE, status_code=204)
    async def piece(tender: str, bid: str, index: int, request: Request) -> Response:
        """Take one piece of 4 MiB, the last one shorter; it counts once this answers."""
        await centre.submission(tender).piece(BidNumber(bid), index, _digest(request), _body(request))
        return Response(status_code=204)

    @router.post(place + "/submit")
    async def submit(tender: str, bid: str, request: Request, digest: Digest = "") -> Response:
        """Submit a bid whose pieces are all here; answers the receipt."""
        await request.body()
        centre.submission(tender).check_asker(BidNumber(bid), digest)
        return _receipt(await centre.submission(tender).submit(BidNumber(bid)), bid)

    @router.post(place + "/withdraw")
    async def withdraw(tender: str, bid: str, body: Withdrawal) -> dict[str, Any]:
        """Take a bid back."""
        await centre.submission(tender).withdraw(BidNumber(bid), body.signature)
        return {"state": "withdrawn"}

    return router


def _bringing_again(centre: Centre) -> APIRouter:
    router = APIRouter()
    place = "/api/v1/tenders/{tender}/bids/{bid}/again"

    @router.put(place, max_body_size=MAX_LEAVES)
    async def begin(tender: str, bid: str, body: Leaves) -> dict[str, Any]:
        """Show how the bytes of a handed-in bid are known; answers the length of a piece and which are whole here."""
        leaves, tail = decode_base64(body.leaves), decode_base64(body.tail)
        have = await centre.submission(tender).resupply.begin(BidNumber(bid), leaves, tail)
        return {"piece": PIECE, "have": have}

    @router.put(place + "/{index}", max_body_size=COUNTED_BY_ROUTE, status_code=204)
    async def piece(tender: str, bid: str, index: int, request: Request) -> Response:
        """Take one piece anew; the bid is whole again with the last one that was damaged."""
        again = centre.submission(tender).resupply
        await again.piece(BidNumber(bid), index, _digest(request), _body(request))
        return Response(status_code=204)

    return router


def _afterwards(centre: Centre) -> APIRouter:
    router = APIRouter()
    place = "/api/v1/tenders/{tender}/bids/{bid}"

    @router.get(place)
    async def status(tender: str, bid: str, digest: Digest = "") -> dict[str, Any]:
        """Say where a bid stands; with its receipt once it is submitted, for whom it may have it."""
        submissions = centre.submission(tender)
        told: dict[str, Any] = submissions.status(BidNumber(bid))
        with suppress(DigestNeeded):
            submissions.check_asker(BidNumber(bid), digest)
            if submissions.hall.entry_of(BidNumber(bid)) is None:
                return told
            told |= {"receipt": (await submissions.receipt(BidNumber(bid))).decode()}
        return told

    @router.get(place + "/receipt")
    async def receipt(tender: str, bid: str, digest: Digest = "") -> Response:
        """Return the receipt as it stands now."""
        centre.submission(tender).check_asker(BidNumber(bid), digest)
        return _receipt(await centre.submission(tender).receipt(BidNumber(bid)), bid)

    @router.get(place + "/head")
    async def head(tender: str, bid: str, digest: Digest = "") -> Response:
        """Return the envelope's head and tail, one behind the other; a header says how long the whole is."""
        centre.submission(tender).check_asker(BidNumber(bid), digest)
        data, size = await centre.submission(tender).head(BidNumber(bid))
        return Response(data, media_type="application/octet-stream", headers={"x-envelope-size": str(size)})

    @router.post(place + "/confirm")
    async def confirm(tender: str, bid: str, body: Confirmation) -> dict[str, Any]:
        """Confirm the record of a window, or object to it."""
        await centre.submission(tender).confirm(
            BidNumber(bid), body.window, body.sha256, body.objection, body.signature
        )
        return {"window": body.window, "objection": body.objection}

    return router


def _asking(centre: Centre) -> APIRouter:
    router = APIRouter()
    place = "/api/v1/tenders/{tender}/bids/{bid}/questions"

    @router.get(place)
    async def questions(
        tender: str, bid: str, digest: Digest = "", since: Annotated[str, Query(max_length=64)] = ""
    ) -> dict[str, Any]:
        """Return what the committee asked about a bid; with the `version` last seen, wait up to 20 s for another."""
        return await centre.inquiries(tender).next_view(BidNumber(bid), digest, since)

    @router.post(place + "/{question}/answer")
    async def answer(tender: str, bid: str, question: str, body: Answer) -> dict[str, Any]:
        """Answer a question; it counts once this answers."""
        inquiries = centre.inquiries(tender)
        await inquiries.answer(BidNumber(bid), question, body.text, body.signature, marked=body.marked)
        return {"question": question, "state": "answered"}

    return router


def _operator(centre: Centre) -> APIRouter:
    router = APIRouter()

    @router.post("/api/v1/sessions/{session}/policy")
    async def draft(session: str, body: Draft | None = None) -> dict[str, Any]:
        """Have the trustees publish their keys and put a policy before them, on the template's terms or others."""
        changes = body.model_dump(exclude_none=True) if body else {}
        sha256 = await centre.draft_policy(session, changes)
        return {"sha256": sha256, "state": centre.submission(session).ceremony.state}

    @router.post("/api/v1/sessions/{session}/submissions/open")
    async def open_submissions(session: str) -> dict[str, Any]:
        """Take bids in from now on."""
        return {"policy": await centre.submission(session).open()}

    return router


def _tender(one: Submissions, centre: Centre) -> dict[str, Any]:
    policy, window = one.ceremony.policy, one.hall.window()
    return {
        "session": one.parts.conductor.id,
        "tender": one.tender,
        "title": one.parts.conductor.session.tender.title,
        "state": one.ceremony.state,
        "deadline": policy.deadline if policy else 0,
        "opens_at": window.opens_at if window else None,
        "policy_sha256": one.ceremony.sha256,
        "lots": [{"id": lot.id, "title": lot.title} for lot in one.parts.conductor.session.tender.lots],
        "keys": to_json(one.parts.conductor.session.keys),
        "now": centre.clock.now(),
    }


def _digest(request: Request) -> bytes:
    """Read the header that says what the piece must be.

    Raises:
        PieceMismatch: there is none, or of another algorithm alone.
    """
    fields = (one.strip() for one in request.headers.get("content-digest", "").split(","))
    match = next((found for one in fields if (found := _DIGEST.fullmatch(one))), None)
    try:
        return decode_base64(match["value"]) if match else _refuse_digest()
    except NotBase64:
        return _refuse_digest()


def _refuse_digest() -> bytes:
    raise PieceMismatch(problem="Content-Digest: sha-256=:…: is missing")


async def _body(request: Request) -> AsyncIterator[bytes]:
    async for data in request.stream():
        if data:
            yield data


def _receipt(data: bytes, bid: str) -> Response:
    name = f'attachment; filename="{bid}.receipt"'
    return Response(data, media_type=_RECEIPT, headers={"content-disposition": name})
