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

FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
LATER = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers that say "not now" (RFC 9110 §15): nothing about the request is wrong."""

TIMEOUT = httpx.Timeout(60.0, connect=10.0)
MAX_ANSWER = 1 << 23

_NAME = re.compile(rb"[A-Za-z0-9._-]+|[0-9a-fA-F:.]+")
"""A name, or an address of IPv4 or IPv6, as it goes over the wire."""

Tell = Callable[[str, float], None]
"""Told what went wrong and after how many seconds it is tried again."""


class HostRefused(PeerFault):
    """The host refused: its code and reason stand beside; what it had acknowledged before still counts."""

    code = "host_refused"

    @property
    def problem(self) -> str:
        """Return the host's code, empty where it gave none."""
        return str(self.detail["problem"])


class UntrustedHost(PeerFault):
    """The host's certificate is not one that is trusted here: nothing was sent; check the address, or give its --ca."""

    code = "untrusted_host"


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
    if url.scheme not in {"http", "https"} or not _NAME.fullmatch(url.raw_host):
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
    ) -> None:
        """Take the address as `address` returns it, who is told of waits, and how to wait."""
        self._base, self._tell, self._client, self._wait = base, tell, client, wait

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
        answer = _object(self._ask("PUT", f"/tenders/{tender}/bids/{bid}", json=dict(facts)))
        piece, have = answer.get("piece"), answer.get("have")
        if not isinstance(piece, int) or not 1 <= piece <= 1 << 26 or not isinstance(have, list):
            raise UnusableAnswer(at="announce")
        return piece, frozenset(number for number in have if isinstance(number, int))

    def put_piece(self, tender: str, bid: str, index: int, data: bytes) -> None:
        """Send one piece."""
        digest = encode_base64(hashlib.sha256(data).digest())
        headers = {"Content-Digest": f"sha-256=:{digest}:", "Content-Type": "application/octet-stream"}
        self._ask("PUT", f"/tenders/{tender}/bids/{bid}/pieces/{index}", content=data, headers=headers)

    def submit(self, tender: str, bid: str, digest: str = "") -> str:
        """Hand the bid in, all pieces being there, and return the receipt."""
        return _receipt(self._ask("POST", f"/tenders/{tender}/bids/{bid}/submit", headers=_own(digest)))

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

    def head(self, tender: str, bid: str, digest: str = "") -> bytes:
        """Return the envelope's head and tail, one behind the other."""
        return self._ask("GET", f"/tenders/{tender}/bids/{bid}/head", headers=_own(digest)).content

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

    def _ask(self, method: str, path: str, **rest: Any) -> httpx.Response:  # noqa: ANN401 - httpx's own arguments
        """Return the answer, however long that takes; every request here may be repeated."""
        pause = FIRST_WAIT
        while True:
            try:
                answer = self._client.request(method, f"{self._base}/api/v1{path}", **rest)
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
            self._tell(trouble, seconds)
            self._wait(seconds)
            pause = min(2 * pause, LONGEST_WAIT)


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
    problem, reason = _problem(answer)
    raise HostRefused(status=answer.status_code, problem=problem, reason=reason)


def _problem(answer: httpx.Response) -> tuple[str, str]:
    """Return the code and the sentence of a problem (RFC 9457), empty where the answer is none."""
    try:
        problem = answer.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict) or not isinstance(problem.get("code"), str):
        return "", answer.reason_phrase
    return problem["code"][:64], str(problem.get("detail") or problem.get("title") or "")[:500]


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
