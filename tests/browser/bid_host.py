"""A host as bidders see it, for the pages' own tests: opening.md's routes over bytes in memory, with every trustee's keys at hand.

It is strict where a mistake of the page would cost a bid (root, envelope, signatures of acts, wrapped halves) and has no
journal: what a real host does with the same requests is tested with the real host.
"""

import asyncio
import base64
import hashlib
import json
import time
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi import FastAPI, HTTPException, Request, Response

from evalroom.ledger.canonical import canonical
from evalroom.sealing.custody import confirm_message, release_info, replace_message, withdraw_message
from evalroom.sealing.envelope import Envelope, open_envelope
from evalroom.sealing.identity import check_identity, parse_identity
from evalroom.sealing.inspection import check_root
from evalroom.sealing.policy import (
    Mode,
    PartName,
    PartTerms,
    Policy,
    Trustee,
    TrusteeKey,
    TrusteeKind,
    Window,
)
from evalroom.sealing.unseal import content_key, open_share, read_text
from signaling.pages import serve_pages
from tests.evalroom.sealing import bids
from tests.evalroom.sealing.tender import opening_key

PIECE = 4 << 20
TENDER = "WATER-2026-017"
TRUSTEES = (
    ("host", TrusteeKind.HOST, "Jiangzhou Trading Centre"),
    ("north", TrusteeKind.SITE, "Beishan Trading Centre"),
    ("supervisor", TrusteeKind.SUPERVISOR, "Jiangzhou Supervision Office"),
)
SIGNERS = {
    name: Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())
    for name, _, _ in TRUSTEES
}
RECEIPT = """c2sp.org/tlog-proof@v1
extra {extra}
index 41
{path}

evalroom.example/{tender}
57
{root}

— evalroom.example/{tender} {signature}
— north.example {signature}
— supervisor.example {signature}
tst {stamp}
"""


def now_ms() -> int:
    """Return this machine's time."""
    return time.time_ns() // 1_000_000


def policy(suites: tuple[int, ...], deadline: int) -> Policy:
    """Return a policy that three trustees hold two of three shares of."""
    return Policy(
        tender=TENDER,
        mode=Mode.JOINT,
        k=2,
        suites=suites,
        deadline=deadline,
        min_bids=3,
        max_size=1 << 33,
        trustees=tuple(_trustee(name, kind, who, suites) for name, kind, who in TRUSTEES),
        windows=(Window("opening", "BidsClosed", deadline + 60_000, 3_600_000),),
        parts=(
            PartTerms(PartName.IDENTITY, "opening", 1 << 20),
            PartTerms(PartName.OPENING, "opening", 1 << 20),
            PartTerms(PartName.QUALIFICATION, "opening", 64 << 20),
            PartTerms(PartName.TECHNICAL, "opening", 1 << 32),
        ),
    )


def _trustee(name: str, kind: TrusteeKind, who: str, suites: tuple[int, ...]) -> Trustee:
    signer = SIGNERS[name].public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return Trustee(
        name, kind, who, signer, tuple(TrusteeKey(one, opening_key(one, name).public) for one in suites)
    )


@dataclass(slots=True)
class Arrived:
    """A bid on its way in, or here."""

    facts: dict[str, Any]
    pieces: dict[int, bytes] = field(default_factory=dict)
    state: str = "announced"
    halves: dict[str, str] = field(default_factory=dict)
    answer: dict[str, str] | None = None

    @property
    def data(self) -> bytes:
        """Return the bytes that have come, in order."""
        return b"".join(self.pieces[index] for index in sorted(self.pieces))


@dataclass(slots=True)
class BidHost:
    """One tender and its bids; a test sets `state` and what else it wants."""

    suites: tuple[int, ...] = (0x01, 0x02)
    deadline: int = field(default_factory=lambda: now_ms() + 3 * 86_400_000)
    state: str = "accepting"
    lots: bool = True
    bids: dict[str, Arrived] = field(default_factory=dict)
    until: int = 0
    shares: dict[str, int] = field(default_factory=dict)
    officers: list[dict[str, Any]] = field(default_factory=list)
    verdicts: dict[str, tuple[str, str]] = field(default_factory=dict)
    record: str = ""
    puts: list[int] = field(default_factory=list)
    failing: int | None = None
    """Number of the piece at which the link is cut for good."""

    @property
    def policy(self) -> Policy:
        """Return the policy as it stands."""
        return policy(self.suites, self.deadline)

    @property
    def policy_sha256(self) -> bytes:
        """Return the SHA-256 of policy.json."""
        return hashlib.sha256(self.policy.encode()).digest()

    def opened(self, number: str) -> Envelope:
        """Return the envelope of a bid, checked."""
        data = self.bids[number].data
        return open_envelope(bids.reader(data), len(data), self.policy, bytes.fromhex(number))

    def texts(self, number: str) -> dict[str, bytes]:
        """Open a bid with the halves its bidder released and two trustees' shares."""
        envelope = self.opened(number)
        found = {}
        for part in envelope.parts:
            half = base64.b64decode(self.bids[number].halves[part.name.value])
            shares = {
                index + 1: open_share(
                    envelope.suite, part, index + 1, opening_key(envelope.suite.code, TRUSTEES[index][0])
                )
                for index in (0, 2)
            }
            key = content_key(envelope, part.name, half, shares)
            found[part.name.value] = read_text(envelope, part.name, key, bids.reader(self.bids[number].data))
        check_identity(envelope, parse_identity(found["identity"]))
        return found

    # --- what the hall shows ------------------------------------------------------------------------------

    def hall(self) -> dict[str, Any]:
        """Return the public state."""
        shown: dict[str, Any] = {
            "tender": TENDER,
            "state": self.state,
            "paused": "",
            "deadline": self.deadline,
            "window": "opening",
            "opens_at": self.deadline + 60_000,
            "until": self.until,
            "session_key": base64.b64encode(opening_key(self.suites[0], "session").public).decode(),
            "k": 2,
            "officers": self.officers,
            "trustees": [
                {"trustee": name, "who": who, "shares": self.shares.get(name, 0)} for name, _, who in TRUSTEES
            ],
            "prices": [],
        }
        if self.state != "accepting":
            shown |= {"count": len(self.bids), "bids": [self._listed(one) for one in sorted(self.bids)]}
        if self.record:
            digest = hashlib.sha256(self.record.encode()).hexdigest()
            shown["record"] = {"window": "opening", "sha256": digest, "text": self.record}
        return {**shown, "version": hashlib.sha256(canonical(shown)).hexdigest()[:32], "now": now_ms()}

    def _listed(self, number: str) -> dict[str, str]:
        bid = self.bids[number]
        verdict, cause = self.verdicts.get(number, ("", ""))
        told = {"verdict": verdict, "cause": cause} if verdict else {}
        state = verdict or ("listed" if bid.state == "submitted" else bid.state)
        return {"bid": number, "root": str(bid.facts["root"]), "state": state, **told}

    # --- what bidders do ----------------------------------------------------------------------------------

    def submit(self, number: str) -> str:
        """Check a bid as a host does, and return its receipt."""
        bid = self.bids[number]
        if len(bid.data) != bid.facts["size"]:
            refuse(409, "pieces_missing")
        envelope = self.opened(number)
        for _ in check_root(envelope, bids.reader(bid.data)):
            pass
        assert (envelope.root.hex(), envelope.digest.hex()) == (bid.facts["root"], bid.facts["digest"])
        if earlier := bid.facts.get("replaces", ""):
            self._replace(earlier, bid, number)
        bid.state = "submitted"
        return self.receipt(number)

    def _replace(self, earlier: str, bid: Arrived, number: str) -> None:
        digest = bytes.fromhex(str(bid.facts["digest"]))
        message = replace_message(TENDER, earlier, number, digest)
        self._verify(earlier, str(bid.facts["signature"]), message)
        self.bids[earlier].state = "withdrawn"

    def _verify(self, number: str, signature: str, message: bytes) -> None:
        envelope = self.opened(number)
        envelope.suite.verify(envelope.envelope_key, message, base64.b64decode(signature))

    def withdraw(self, number: str, signature: str) -> None:
        """Take a bid back, if its envelope key says so."""
        digest = bytes.fromhex(str(self.bids[number].facts["digest"]))
        self._verify(number, signature, withdraw_message(TENDER, number, digest))
        self.bids[number].state = "withdrawn"

    def release(self, number: str, sealed: str) -> None:
        """Open the wrapped halves with the window's session key."""
        envelope = self.opened(number)
        info = release_info(envelope.part(PartName.IDENTITY).header.context)
        text = opening_key(self.suites[0], "session").unwrap(base64.b64decode(sealed), info)
        said = json.loads(text)
        assert canonical(said) == text
        assert (said["bid"], said["window"]) == (number, "opening")
        self.bids[number].halves, self.bids[number].state = said["halves"], "released"

    def confirm(self, number: str, body: dict[str, str]) -> None:
        """Take a bidder's word on the record."""
        message = confirm_message(bytes.fromhex(body["sha256"]), body["objection"])
        self._verify(number, body["signature"], message)
        self.bids[number].answer = body

    def head(self, number: str) -> bytes:
        """Return head and tail of an envelope."""
        data, envelope = self.bids[number].data, self.opened(number)
        return data[: 12 + int.from_bytes(data[8:12], "big")] + data[envelope.body :]

    def receipt(self, number: str) -> str:
        """Return a receipt of the usual form; its signatures are none."""
        facts = {
            "bid": number,
            "tender": TENDER,
            **{name: self.bids[number].facts[name] for name in ("digest", "root", "size")},
        }
        filler = base64.b64encode(bytes(76)).decode()
        path = "\n".join(
            base64.b64encode(hashlib.sha256(bytes([level])).digest()).decode() for level in range(6)
        )
        return RECEIPT.format(
            extra=base64.b64encode(canonical(facts)).decode(),
            path=path,
            tender=TENDER,
            root=base64.b64encode(bytes(32)).decode(),
            signature=filler,
            stamp=base64.b64encode(bytes(3000)).decode(),
        )


def refuse(status: int, code: str) -> None:
    """Answer with a problem of this code.

    Raises:
        HTTPException: always.
    """
    raise HTTPException(status, detail=code)


def make_app(host: BidHost) -> FastAPI:
    """Return the routes and the built pages, with the headers that nodes send."""
    app = FastAPI()
    place = "/api/v1/tenders/{tender}/bids/{bid}"

    @app.exception_handler(HTTPException)
    async def problem(_: Request, error: HTTPException) -> Response:
        body = json.dumps({"code": error.detail, "title": error.detail, "detail": {}})
        return Response(body, error.status_code, media_type="application/problem+json")

    @app.get("/api/v1/tenders")
    async def tenders() -> list[dict[str, Any]]:
        lots = {"lots": [{"id": "1", "title": "Pumping stations"}]} if host.lots else {}
        return [
            {
                "session": "s1", "tender": TENDER, "title": "Smart water dispatching", "state": host.state, "now": now_ms(),
                "deadline": host.deadline, "opens_at": host.deadline + 60_000, "policy_sha256": host.policy_sha256.hex(), **lots,
            }
        ]  # fmt: skip

    @app.get("/api/v1/tenders/{tender}/policy")
    async def the_policy(tender: str) -> Response:
        assert tender == TENDER
        signed = [
            {
                "trustee": name,
                "signature": base64.b64encode(key.sign(b"EVB1 policy" + host.policy_sha256)).decode(),
            }
            for name, key in SIGNERS.items()
        ]
        headers = {"X-Policy-Signatures": base64.b64encode(json.dumps(signed).encode()).decode()}
        return Response(host.policy.encode(), media_type="application/json", headers=headers)

    @app.get("/api/v1/tenders/{tender}/hall")
    async def hall(tender: str, since: str = "") -> dict[str, Any]:
        assert tender == TENDER
        shown = host.hall()
        return {**shown, "version": ""} if since == shown["version"] else shown

    @app.put(place)
    async def announce(bid: str, request: Request) -> dict[str, Any]:
        if host.state != "accepting" or now_ms() >= host.deadline:
            refuse(409, "deadline_passed")
        arrived = host.bids.setdefault(bid, Arrived(await request.json()))
        return {"piece": PIECE, "have": sorted(arrived.pieces)}

    @app.put(place + "/pieces/{index}", status_code=204)
    async def piece(bid: str, index: int, request: Request) -> None:
        data = await request.body()
        digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
        if request.headers["content-digest"] != f"sha-256=:{digest}:":
            refuse(400, "piece_mismatch")
        if host.failing is not None and index >= host.failing:
            refuse(503, "unavailable")
        host.puts.append(index)
        host.bids[bid].pieces[index] = data

    @app.post(place + "/submit")
    async def submit(bid: str) -> Response:
        return Response(host.submit(bid), media_type="text/plain")

    @app.get(place)
    async def status(bid: str) -> dict[str, Any]:
        if bid not in host.bids:
            refuse(404, "unknown_bid")
        return {"state": host.bids[bid].state}

    @app.get(place + "/receipt")
    async def receipt(bid: str) -> Response:
        return Response(host.receipt(bid), media_type="text/plain")

    @app.get(place + "/head")
    async def head(bid: str) -> Response:
        return Response(host.head(bid), media_type="application/octet-stream")

    @app.get(place + "/questions")
    async def questions(bid: str, since: str = "") -> dict[str, Any]:
        """Answer that nothing is asked; somebody who knows that already waits a little, as at a host."""
        if bid not in host.bids:
            refuse(404, "unknown_bid")
        if since:
            await asyncio.sleep(1)
        return {"questions": [], "now": now_ms(), "version": "none"}

    @app.post(place + "/withdraw")
    async def withdraw(bid: str, request: Request) -> dict[str, str]:
        host.withdraw(bid, (await request.json())["signature"])
        return {"state": "withdrawn"}

    @app.post(place + "/release")
    async def release(bid: str, request: Request) -> dict[str, str]:
        host.release(bid, (await request.json())["halves"])
        return {"state": "released"}

    @app.post(place + "/confirm")
    async def confirm(bid: str, request: Request) -> dict[str, str]:
        host.confirm(bid, await request.json())
        return {}

    serve_pages(app)
    return app
