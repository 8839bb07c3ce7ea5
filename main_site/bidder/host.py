"""The host's routes for bidders (opening.md §5), as calls that do not give up because a link does.

What fails on the way, and what the host cannot do just now, is tried again for ever, at most every 30 s, and the
person is told; what the host refuses comes back at once with its code.  Nothing secret is sent: envelopes are
sealed, acts signed, halves wrapped.
"""

import hashlib
import json
import random
import re
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from evalroom.errors import LocalFault, PeerFault
from evalroom.ledger.base64 import NotBase64, decode_base64, encode_base64
from main_site.bidder.telling import HostRefused

FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
LATER = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers that say "not now" (RFC 9110 §15): nothing about the request is wrong."""

TIMEOUT = httpx.Timeout(60.0, connect=10.0)
MAX_ANSWER = 1 << 23
MOST_FACTS = 12

_OF_THE_WAY = frozenset({"content-encoding", "content-length", "transfer-encoding"})
"""Headers about how an answer came, which no longer hold once it is read."""

_NAME = re.compile(rb"[A-Za-z0-9._-]+|[0-9a-fA-F:.]+")
"""A name, or an address of IPv4 or IPv6, as it goes over the wire."""

Tell = Callable[[str, float], None]
"""Told what went wrong and after how many seconds it is tried again."""


class UntrustedHost(PeerFault):
    """The host's certificate is not one that is trusted here: nothing was sent; check the address, or give its --ca."""

    code = "untrusted_host"


class HostGivenUp(PeerFault):
    """The host did not answer for as long as you wait: what it acknowledged is safe there; try again, ask by telephone."""

    code = "host_given_up"


class UnusableAnswer(PeerFault):
    """The host's answer cannot be understood: nothing was changed here; look whether this is the right address."""

    code = "unusable_answer"


class UnusableAddress(LocalFault):
    """The host's address cannot be used: write it as https://name:port."""

    code = "unusable_address"


def address(text: str) -> str:
    """Return the base of a host's address; without a scheme it is https, on this machine http.

    Raises:
        UnusableAddress: it is none.
    """
    here = text.split("/", maxsplit=1)[0].rpartition(":")[0] or text
    whole = (
        text
        if "://" in text
        else ("http://" if here in {"localhost", "127.0.0.1", "[::1]"} else "https://") + text
    )
    try:
        url = httpx.URL(whole)
    except httpx.InvalidURL as error:
        raise UnusableAddress(host=text[:80]) from error
    if url.scheme not in {"http", "https"} or not _NAME.fullmatch(url.raw_host) or (url.port or 1) > 65535:
        raise UnusableAddress(host=text[:80])
    return str(url).rstrip("/")


class Host:
    """A host that takes bids in."""

    def __init__(
        self,
        base: str,
        tell: Tell,
        client: httpx.Client,
        wait: Callable[[float], None] = time.sleep,
        *,
        give_up: float | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the address as `address` returns it, who is told of waits, how to wait, and for how many seconds."""
        self._base, self._tell, self._client, self._wait = base, tell, client, wait
        self._give_up, self._now = give_up, now

    def tenders(self) -> list[dict[str, Any]]:
        """Return the tenders that accept or open bids."""
        found = _json(self._ask("GET", "/tenders"))
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise UnusableAnswer(at="tenders")
        return found

    def policy(self, tender: str) -> tuple[bytes, list[dict[str, Any]]]:
        """Return policy.json verbatim and its signatures, not yet verified."""
        answer = self._ask("GET", f"/tenders/{tender}/policy")
        try:
            signed = json.loads(decode_base64(answer.headers.get("X-Policy-Signatures", "")) or b"[]")
        except (NotBase64, ValueError) as error:
            raise UnusableAnswer(at="X-Policy-Signatures") from error
        return answer.content, signed if isinstance(signed, list) else []

    def announce(self, tender: str, bid: str, facts: Mapping[str, Any]) -> tuple[int, frozenset[int]]:
        """Return the length of a piece and the numbers of those that the host has already."""
        return _pieces(_object(self._ask("PUT", f"/tenders/{tender}/bids/{bid}", json=dict(facts))))

    def put_piece(self, tender: str, bid: str, index: int, data: bytes) -> None:
        """Send one piece."""
        self._put(f"/tenders/{tender}/bids/{bid}/pieces/{index}", data)

    def _put(self, path: str, data: bytes) -> None:
        digest = encode_base64(hashlib.sha256(data).digest())
        headers = {"Content-Digest": f"sha-256=:{digest}:", "Content-Type": "application/octet-stream"}
        self._ask("PUT", path, content=data, headers=headers)

    def submit(self, tender: str, bid: str, digest: str = "") -> str:
        """Hand the bid in, all pieces being there, and return the receipt."""
        return _receipt(self._ask("POST", f"/tenders/{tender}/bids/{bid}/submit", headers=_own(digest)))

    def bring_again(self, tender: str, bid: str, leaves: bytes, tail: bytes) -> tuple[int, frozenset[int]]:
        """Show how the bid's bytes are known; return the length of a piece and which of them are whole there."""
        body = {"leaves": encode_base64(leaves), "tail": encode_base64(tail)}
        return _pieces(_object(self._ask("PUT", f"/tenders/{tender}/bids/{bid}/again", json=body)))

    def put_again(self, tender: str, bid: str, index: int, data: bytes) -> None:
        """Send one piece of a bid that is damaged there."""
        self._put(f"/tenders/{tender}/bids/{bid}/again/{index}", data)

    def state(self, tender: str, bid: str) -> dict[str, Any]:
        """Return `state`, and `verdict` and `receipt` where there are."""
        return _object(self._ask("GET", f"/tenders/{tender}/bids/{bid}"))

    def receipt(self, tender: str, bid: str, digest: str = "") -> str:
        """Return the receipt as it stands now."""
        return _receipt(self._ask("GET", f"/tenders/{tender}/bids/{bid}/receipt", headers=_own(digest)))

    def withdraw(self, tender: str, bid: str, signature: str) -> dict[str, Any]:
        """Take the bid back."""
        return _object(
            self._ask("POST", f"/tenders/{tender}/bids/{bid}/withdraw", json={"signature": signature})
        )

    def head(self, tender: str, bid: str, digest: str = "") -> tuple[bytes, int]:
        """Return the envelope's head and tail, one behind the other, and the length of the whole."""
        answer = self._ask("GET", f"/tenders/{tender}/bids/{bid}/head", headers=_own(digest))
        size = answer.headers.get("X-Envelope-Size", "")
        if not re.fullmatch("[0-9]{1,16}", size):
            raise UnusableAnswer(at="X-Envelope-Size")
        return answer.content, int(size)

    def release(self, tender: str, bid: str, window: str, halves: bytes) -> dict[str, Any]:
        """Hand in the wrapped halves; the same release twice is one."""
        body = {"window": window, "halves": encode_base64(halves)}
        return _object(self._ask("POST", f"/tenders/{tender}/bids/{bid}/release", json=body))

    def hall(self, tender: str) -> dict[str, Any]:
        """Return the public state of the opening."""
        return _object(self._ask("GET", f"/tenders/{tender}/hall"))

    def confirm(self, tender: str, bid: str, body: Mapping[str, str]) -> dict[str, Any]:
        """Confirm the record, or object to it."""
        return _object(self._ask("POST", f"/tenders/{tender}/bids/{bid}/confirm", json=dict(body)))

    def questions(self, tender: str, bid: str, digest: str) -> dict[str, Any]:
        """Return what the committee asked about a bid, whose digest shows that it is one's own."""
        return _object(self._ask("GET", f"/tenders/{tender}/bids/{bid}/questions", headers=_own(digest)))

    def answer(self, tender: str, bid: str, question: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a question; the same answer twice is refused as answered."""
        path = f"/tenders/{tender}/bids/{bid}/questions/{question}/answer"
        return _object(self._ask("POST", path, json=dict(body)))

    def _ask(self, method: str, path: str, **rest: Any) -> httpx.Response:  # noqa: ANN401 - httpx's own arguments
        """Return the answer, however long that takes; every request here may be repeated."""
        pause, began = FIRST_WAIT, self._now()
        while True:
            try:
                with self._client.stream(method, f"{self._base}/api/v1{path}", **rest) as coming:
                    answer = _read(coming)
            except httpx.TransportError as error:
                if _is_untrusted(error):
                    raise UntrustedHost(host=self._base) from error
                trouble = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            else:
                if answer.status_code not in LATER:
                    return _accepted(answer)
                trouble = f"HTTP {answer.status_code} {_problem(answer)[0]}".rstrip()
            # Many bidders lose the same link at once; they must not all come back in the same second.
            seconds = pause * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
            if self._give_up is not None and self._now() - began + seconds > self._give_up:
                raise HostGivenUp(host=self._base, trouble=trouble)
            self._tell(trouble, seconds)
            self._wait(seconds)
            pause = min(2 * pause, LONGEST_WAIT)


def _read(answer: httpx.Response) -> httpx.Response:
    """Return an answer read into memory, as far as one of a host goes: another program may send for ever."""
    pieces, size = [], 0
    for piece in answer.iter_bytes():
        size += len(piece)
        if size > MAX_ANSWER:
            raise UnusableAnswer(reason="longer than any answer of a host", limit=MAX_ANSWER)
        pieces.append(piece)
    kept = [(name, value) for name, value in answer.headers.multi_items() if name not in _OF_THE_WAY]
    return httpx.Response(answer.status_code, headers=kept, content=b"".join(pieces))


def _pieces(answer: Mapping[str, Any]) -> tuple[int, frozenset[int]]:
    piece, have = answer.get("piece"), answer.get("have")
    if not isinstance(piece, int) or not 1 <= piece <= 1 << 26 or not isinstance(have, list):
        raise UnusableAnswer(at="announce")
    return piece, frozenset(number for number in have if isinstance(number, int))


def _own(digest: str) -> dict[str, str]:
    """Return the header by which a bidder shows that the bid is its own: with dark lots the host asks for it."""
    return {"X-Bid-Digest": digest} if digest else {}


def _is_untrusted(error: BaseException | None) -> bool:
    """Say whether a certificate was refused, which no waiting mends; httpx and httpcore wrap what happened."""
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error is not None


def _accepted(answer: httpx.Response) -> httpx.Response:
    if answer.is_success:
        return answer
    problem, reason, facts = _problem(answer)
    raise HostRefused(answer.status_code, problem, reason, facts)


def _problem(answer: httpx.Response) -> tuple[str, str, dict[str, str | int]]:
    """Return code, sentence and facts of a problem (RFC 9457), code and facts empty where the answer is none."""
    try:
        problem = answer.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict) or not isinstance(problem.get("code"), str):
        return "", answer.reason_phrase, {}
    detail = problem.get("detail")
    facts = detail if isinstance(detail, dict) else {}
    sentence = str(problem.get("title") or (detail if isinstance(detail, str) else ""))
    return problem["code"][:64], sentence[:500], _short(facts)


def _short(facts: Mapping[str, Any]) -> dict[str, str | int]:
    """Return the first few facts that a person can read."""
    kept = [(name[:64], value) for name, value in facts.items() if isinstance(value, str | int)][:MOST_FACTS]
    return {name: value if isinstance(value, int) else value[:200] for name, value in kept}


def _json(answer: httpx.Response) -> Any:  # noqa: ANN401 - JSON of a stranger; each caller looks at it
    try:
        return answer.json()
    except ValueError as error:
        raise UnusableAnswer(status=answer.status_code) from error


def _object(answer: httpx.Response) -> dict[str, Any]:
    if not answer.content:
        return {}
    found = _json(answer)
    if not isinstance(found, dict):
        raise UnusableAnswer(status=answer.status_code)
    return found


def _receipt(answer: httpx.Response) -> str:
    """Return the receipt's text, whether it came as it is or as a member."""
    if answer.headers.get("content-type", "").startswith("application/json"):
        text = _object(answer).get("receipt")
    else:
        text = answer.text
    if not isinstance(text, str) or not text:
        raise UnusableAnswer(at="receipt")
    return text
