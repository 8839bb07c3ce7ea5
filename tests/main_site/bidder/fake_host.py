"""A host that answers the bidder's routes out of memory, with a real journal behind its receipts.

It checks what a host checks: digests of pieces, the root, signatures by the envelope key, halves against the header.
`troubles` are raised or answered before anything else, one for each request.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from evalroom.ids import BidNumber
from evalroom.ledger.base64 import decode_base64, encode_base64
from evalroom.ledger.canonical import parse_canonical
from evalroom.sealing import facts as sf
from evalroom.sealing.custody import (
    answer_message,
    confirm_message,
    policy_message,
    release_info,
    replace_message,
    verify_bidder,
    withdraw_message,
)
from evalroom.sealing.envelope import Envelope, open_envelope
from evalroom.sealing.inspection import check_root
from evalroom.sealing.policy import PartName, Policy
from evalroom.sealing.receipt import issue_receipt
from evalroom.sealing.unseal import check_half
from tests.evalroom.sealing import tender
from tests.evalroom.sealing.bids import reader
from tests.tools.transcript import SIGNERS, Transcript

PIECE = 1 << 20
RECORD = '{"v":1,"rows":[]}'
PATH = re.compile(r"/api/v1/tenders/(?P<tender>[^/]+)/(?P<rest>.*)")

Trouble = httpx.TransportError | httpx.Response


@dataclass(slots=True)
class Announced:
    """A bid on its way."""

    facts: dict[str, Any]
    pieces: dict[int, bytes] = field(default_factory=dict)
    envelope: Envelope | None = None
    index: int = -1
    state: str = "announced"

    @property
    def data(self) -> bytes:
        """Return what has come."""
        return b"".join(self.pieces[index] for index in sorted(self.pieces))


@dataclass(slots=True)
class FakeHost:
    """One tender, `window` being open for release; `shown` has by which digests heads were asked for."""

    policy: Policy
    window: str = "first"
    troubles: list[Trouble] = field(default_factory=list)
    cosigned: bool = True
    unsigned: set[str] = field(default_factory=set)
    bids: dict[str, Announced] = field(default_factory=dict)
    released: dict[str, dict[str, bytes]] = field(default_factory=dict)
    confirmed: list[dict[str, str]] = field(default_factory=list)
    questions: list[dict[str, Any]] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)
    marked: bool = False
    asked: list[str] = field(default_factory=list)
    shown: dict[str, list[str]] = field(default_factory=dict)
    journal: Transcript = field(init=False)

    def __post_init__(self) -> None:
        """Begin a journal."""
        self.journal = Transcript(self.policy)
        self.journal.write("SessionOpened", {})

    def client(self) -> httpx.Client:
        """Return a client that talks to this host."""
        return httpx.Client(transport=httpx.MockTransport(self.handle))

    def handle(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        self.asked.append(f"{request.method} {request.url.path}")
        if self.troubles:
            trouble = self.troubles.pop(0)
            if isinstance(trouble, httpx.TransportError):
                raise trouble
            return trouble
        found = PATH.fullmatch(request.url.path)
        if found is None or found["tender"] != self.policy.tender:
            return problem(404, "unknown_tender")
        match found["rest"].split("/"):
            case ["policy"]:
                return self._policy()
            case ["hall"]:
                return httpx.Response(200, json=self._hall())
            case ["bids", bid, *rest]:
                return self._bid(request, bid, rest)
            case _:
                return problem(404, "not_found")

    def _policy(self) -> httpx.Response:
        message = policy_message(hashlib.sha256(self.policy.encode()).digest())
        told = [
            {"trustee": name, "signature": encode_base64(sign(message))}
            for name, (_, sign) in SIGNERS.items()
            if name not in self.unsigned
        ]
        headers = {"X-Policy-Signatures": encode_base64(json.dumps(told).encode())}
        return httpx.Response(200, content=self.policy.encode(), headers=headers)

    def _hall(self) -> dict[str, Any]:
        key = encode_base64(self._session_key().public) if self.window else ""
        sha256 = hashlib.sha256(RECORD.encode()).hexdigest()
        record = {"window": "first", "sha256": sha256, "text": RECORD}
        bids = [{"bid": number} for number in self.bids]
        return {
            "state": "unsealing",
            "window": self.window,
            "session_key": key,
            "record": record,
            "bids": bids,
        }

    def _session_key(self) -> Any:  # noqa: ANN401 - an opening key
        return tender.opening_key(self.policy.suites[0], f"session {self.window}")

    def _bid(self, request: httpx.Request, bid: str, rest: list[str]) -> httpx.Response:
        if request.method == "PUT" and not rest:
            return self._announce(bid, json.loads(request.content))
        if bid not in self.bids:
            return problem(404, "unknown_bid")
        one = self.bids[bid]
        match request.method, *rest:
            case "PUT", "pieces", index:
                return self._piece(one, int(index), request)
            case "POST", "submit":
                return self._submit(bid, one)
            case "GET", "receipt":
                return httpx.Response(200, content=self._receipt(one))
            case "GET", "head":
                size = {"X-Envelope-Size": str(len(one.data))}
                self.shown.setdefault(bid, []).append(request.headers.get("x-bid-digest", ""))
                return httpx.Response(200, content=ends(one), headers=size)
            case ("GET",):
                return httpx.Response(200, json={"state": one.state})
            case "GET", "questions":
                own = one.facts["digest"] == request.headers.get("x-bid-digest", "")
                return (
                    httpx.Response(200, json={"questions": self.questions})
                    if own
                    else problem(409, "digest_needed")
                )
            case "POST", "questions", question, "answer":
                return self._answer(bid, question, json.loads(request.content))
            case "POST", act:
                return self._act(act, bid, one, json.loads(request.content))
            case _:
                return problem(404, "not_found")

    def _announce(self, bid: str, facts: dict[str, Any]) -> httpx.Response:
        one = self.bids.setdefault(bid, Announced(facts))
        if one.facts != facts:
            return problem(409, "bid_exists")
        if "replaces" in facts:
            earlier = self._envelope(facts["replaces"])
            message = replace_message(
                self.policy.tender, facts["replaces"], bid, bytes.fromhex(facts["digest"])
            )
            verify_bidder(earlier.suite, earlier.envelope_key, message, facts["signature"])
        return httpx.Response(200, json={"piece": PIECE, "have": sorted(one.pieces)})

    def _piece(self, one: Announced, index: int, request: httpx.Request) -> httpx.Response:
        digest = encode_base64(hashlib.sha256(request.content).digest())
        if request.headers["content-digest"] != f"sha-256=:{digest}:":
            return problem(422, "piece_mismatch")
        one.pieces[index] = request.content
        return httpx.Response(204)

    def _submit(self, bid: str, one: Announced) -> httpx.Response:
        if len(one.data) != one.facts["size"]:
            return problem(409, "pieces_missing")
        if one.envelope is None:
            one.envelope = open_envelope(reader(one.data), len(one.data), self.policy, bytes.fromhex(bid))
            run(check_root(one.envelope, reader(one.data)))
            suite, root, digest = one.envelope.suite.code, one.envelope.root.hex(), one.envelope.digest.hex()
            fact = sf.BidSubmitted(BidNumber(bid), suite, one.envelope.size, root, digest, "", "")
            one.index, one.state = self.journal.note(fact), "submitted"
        return httpx.Response(200, content=self._receipt(one))

    def _receipt(self, one: Announced) -> bytes:
        note = self.journal.sign(cosigned=self.cosigned)
        path = self.journal.journal.tree.inclusion_proof(one.index, self.journal.journal.size)
        return issue_receipt(self.policy.tender, self.journal.lines[one.index], path, note).encode()

    def _act(self, act: str, bid: str, one: Announced, body: dict[str, str]) -> httpx.Response:
        envelope = self._envelope(bid)
        if act == "withdraw":
            message = withdraw_message(self.policy.tender, bid, envelope.digest)
            verify_bidder(envelope.suite, envelope.envelope_key, message, body["signature"])
            one.state = "withdrawn"
        elif act == "confirm":
            message = confirm_message(bytes.fromhex(body["sha256"]), body["objection"])
            verify_bidder(envelope.suite, envelope.envelope_key, message, body["signature"])
            self.confirmed.append(body)
        else:
            self._release(bid, envelope, decode_base64(body["halves"]))
        return httpx.Response(200, json={"state": one.state})

    def _answer(self, bid: str, question: str, body: dict[str, Any]) -> httpx.Response:
        envelope = self._envelope(bid)
        asked = next(one for one in self.questions if one["question"] == question)
        message = answer_message(self.policy.tender, bid, bytes.fromhex(asked["sha256"]), body["text"])
        verify_bidder(envelope.suite, envelope.envelope_key, message, body["signature"])
        if self.marked and not body["marked"]:
            return problem(409, "marked_answer")
        self.answers.append({"question": question, "text": body["text"]})
        return httpx.Response(200, json={"question": question, "state": "answered"})

    def _release(self, bid: str, envelope: Envelope, sealed: bytes) -> None:
        info = release_info(envelope.part(PartName.IDENTITY).header.context)
        told: Any = parse_canonical(self._session_key().unwrap(sealed, info))
        assert (told["bid"], told["window"]) == (bid, self.window)
        halves = {name: decode_base64(half) for name, half in told["halves"].items()}
        for name, half in halves.items():
            check_half(envelope.suite, envelope.part(PartName(name)), half)
        self.released[bid] = halves

    def _envelope(self, bid: str) -> Envelope:
        envelope = self.bids[bid].envelope
        assert envelope is not None
        return envelope


def ends(one: Announced) -> bytes:
    """Return the envelope's head and tail."""
    assert one.envelope is not None
    return one.data[: one.envelope.parts[0].offset] + one.data[one.envelope.body :]


def problem(status: int, code: str) -> httpx.Response:
    """Return a problem as RFC 9457 has it."""
    return httpx.Response(status, json={"code": code, "detail": f"it is {code}"})


def run(steps: Iterator[int]) -> None:
    """Go through all steps."""
    for _ in steps:
        pass
