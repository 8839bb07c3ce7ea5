"""A link that breaks is waited for; what the host refuses comes back at once; nonsense is told as such."""

import ssl
from collections.abc import Iterator

import httpx
import pytest

from main_site.bidder.host import (
    LONGEST_WAIT,
    MAX_ANSWER,
    Host,
    HostGivenUp,
    UntrustedHost,
    UnusableAddress,
    UnusableAnswer,
    address,
)
from main_site.bidder.telling import HostRefused
from tests.evalroom.sealing import tender
from tests.main_site.bidder.fake_host import FakeHost, problem

POLICY = tender.policy()


def host(fake: FakeHost, waits: list[float], troubles: list[str] | None = None) -> Host:
    told = [] if troubles is None else troubles
    return Host("http://host", lambda trouble, _: told.append(trouble), fake.client(), waits.append)


def answering(answer: httpx.Response) -> Host:
    client = httpx.Client(transport=httpx.MockTransport(lambda _: answer))
    return Host("http://host", lambda *_: None, client, lambda _: None)


def test_a_host_that_does_not_answer_is_asked_for_ever() -> None:
    waits: list[float] = []
    told: list[str] = []
    fake = FakeHost(POLICY, troubles=[httpx.ConnectError("refused"), problem(503, "disk_full")] * 20)
    assert POLICY.encode() == host(fake, waits, told).policy(POLICY.tender)[0]
    assert 40 == len(waits)
    assert all(0 < one <= LONGEST_WAIT for one in waits)
    assert waits[-1] > LONGEST_WAIT / 4
    assert ["ConnectError: refused", "HTTP 503 disk_full"] == told[:2]


@pytest.mark.parametrize("status", [400, 403, 404, 409, 410, 413, 422])
def test_a_refusal_is_not_tried_again(status: int) -> None:
    waits: list[float] = []
    fake = FakeHost(POLICY, troubles=[problem(status, "deadline_passed")])
    with pytest.raises(HostRefused, match="it is deadline_passed") as refused:
        host(fake, waits).hall(POLICY.tender)
    assert ("deadline_passed", status, []) == (refused.value.problem, refused.value.detail["status"], waits)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(418),
        httpx.Response(418, text="<html>"),
        httpx.Response(418, json=[]),
        httpx.Response(301),
    ],
)
def test_a_refusal_of_another_program_has_no_code(answer: httpx.Response) -> None:
    with pytest.raises(HostRefused) as refused:
        answering(answer).hall("T")
    assert "" == refused.value.problem


@pytest.mark.parametrize(
    "text", ["", "<html>", "[1]", "[{}, 1]", '"x"', '{"piece": true}', '{"piece": 0, "have": []}']
)
def test_an_answer_that_is_none_is_told(text: str) -> None:
    there = answering(httpx.Response(200, text=text, headers={"content-type": "application/json"}))
    with pytest.raises(UnusableAnswer):
        there.announce("T", "00", {})
    with pytest.raises(UnusableAnswer):
        there.receipt("T", "00")
    with pytest.raises(UnusableAnswer):
        there.tenders()


def test_a_certificate_that_is_not_trusted_is_not_waited_for() -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        cause = ssl.SSLCertVerificationError(1, "self-signed certificate")
        raise httpx.ConnectError("certificate verify failed") from cause

    client = httpx.Client(transport=httpx.MockTransport(refuse))
    with pytest.raises(UntrustedHost):
        Host("https://host", lambda *_: None, client, lambda _: None).hall("T")


def test_signatures_of_a_policy_that_are_none_are_told() -> None:
    for header in ("!", "AA", "AAA="):
        with pytest.raises(UnusableAnswer):
            answering(httpx.Response(200, headers={"X-Policy-Signatures": header})).policy("T")


def test_a_receipt_may_come_as_it_is_or_as_a_member() -> None:
    assert "text" == answering(httpx.Response(200, text="text")).receipt("T", "00")
    assert "text" == answering(httpx.Response(200, json={"receipt": "text"})).submit("T", "00")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("https://host:8440/", "https://host:8440"),
        ("host:8440", "https://host:8440"),
        ("host", "https://host"),
        ("localhost:8440", "http://localhost:8440"),
        ("127.0.0.1", "http://127.0.0.1"),
        ("http://host", "http://host"),
    ],
)
def test_an_address_is_encrypted_unless_it_is_this_machine(given: str, expected: str) -> None:
    assert expected == address(given)


@pytest.mark.parametrize(
    "text", ["", "ftp://host", "https://", "https://host:port", "https://host:65536", "http://[", "://"]
)
def test_what_is_no_address_is_told(text: str) -> None:
    with pytest.raises(UnusableAddress):
        address(text)


def test_an_answer_without_end_is_not_read_to_its_end() -> None:
    read = 0

    def without_end() -> Iterator[bytes]:
        nonlocal read
        while True:
            read += 1 << 20
            yield bytes(1 << 20)

    with pytest.raises(UnusableAnswer, match="longer"):
        answering(httpx.Response(200, content=without_end())).hall("T")
    assert read <= MAX_ANSWER + (2 << 20)


def test_a_silent_host_is_given_up_after_the_seconds_that_were_said() -> None:
    clock = [0.0]
    fake = FakeHost(POLICY, troubles=[httpx.ConnectError("refused")] * 99)
    there = Host(
        "http://host",
        lambda *_: None,
        fake.client(),
        lambda seconds: clock.__setitem__(0, clock[0] + seconds),
        give_up=60,
        now=lambda: clock[0],
    )
    with pytest.raises(HostGivenUp, match="ConnectError: refused"):
        there.hall(POLICY.tender)
    assert 30 < clock[0] <= 60
    fake.troubles = [httpx.ConnectError("refused")] * 3
    assert there.hall(POLICY.tender)  # each request has its own patience


def test_a_head_without_its_size_is_told() -> None:
    for headers in ({}, {"X-Envelope-Size": "-1"}, {"X-Envelope-Size": "9" * 40}):
        with pytest.raises(UnusableAnswer):
            answering(httpx.Response(200, content=b"EVB1", headers=headers)).head("T", "00")
