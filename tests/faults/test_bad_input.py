"""Bad input over the wire: each gets its code, changes nothing, and leaves the connection as it should be."""

import asyncio
import io
import itertools
import json
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import openpyxl
import pytest

from evalroom import commands as co
from evalroom.ids import ItemId, SeatCode
from evalroom.protocol import messages as m
from evalroom.protocol.messages import MAX_FRAME
from evalroom.reporting import Stand
from evalroom.roles import ROUTES
from evalroom.tender import Part
from main_site.app import WS_MAX_SIZE
from main_site.sample import sample_template
from main_site.template import write_toml, write_xlsx
from signaling.codec import encode
from signaling.connection import POLICY, TOO_BIG
from signaling.register import TRIES
from tests.evalroom.room import Person
from tests.faults.committee import BIDS, LOT, OPERATOR_CODE, one_page
from tests.faults.hosting import E1, E2, SUPERVISOR, Hosted, Window, hosted, scored, submit_of
from tests.sub_site.stage import HERE, joined
from tests.sub_site.stage import submit_of as site_submit_of

People = dict[SeatCode, Person]


def check_in_of(one: Person, other: Person) -> co.Order:
    """Return an order by which somebody checks in with another's key."""
    command = other.check_in().command
    assert isinstance(command, co.CheckIn)
    return one.order(command)


Refused = tuple[str, SeatCode, Callable[[People], co.Order]]
"""A code, the seat that gives the command, and the command."""

OUT_OF_PLACE: tuple[Refused, ...] = (
    ("not_permitted", SUPERVISOR, lambda who: scored(who[SUPERVISOR])),
    ("not_permitted", E1, lambda who: who[E1].order(co.PauseSession("I am no supervisor", None))),
    ("bad_act_signature", E1, lambda who: check_in_of(who[E1], who[E2])),
    ("stage", E1, lambda who: who[E1].lock_with("0" * 64, "", Part.DETAILED, LOT)),
    ("stage", E1, lambda who: who[E1].enter(BIDS[0], "plan", "8.5", lot=LOT)),
    ("stage", E1, lambda who: who[E1].order(co.SignReport(LOT, "0" * 64, Stand.AGREES, ""))),
    ("unknown", E1, lambda who: who[E1].enter("bid9", "form", "pass", lot=LOT)),
    ("stale", E1, lambda who: scored(who[E1], 1)),
    ("stale", E1, lambda who: scored(who[E1], 3)),
    ("stale", E1, lambda who: scored(who[E1], 0)),
    ("out_of_range", E1, lambda who: scored(who[E1], 2, "perhaps")),
    ("out_of_range", E1, lambda who: scored(who[E1], 2, "pass", "x" * 2001)),
    ("reason_missing", E1, lambda who: scored(who[E1], 2, "fail")),
    ("digest_mismatch", E1, lambda who: who[E1].lock_with("0" * 64, "", Part.PRELIMINARY, LOT)),
    ("locked", E2, lambda who: scored(who[E2], 2)),
)

NO_SCORES = (
    "40.1", "41", "-1", "+1", "1e1", "NaN", "inf", "8,5", "8.55", " 8", "8 ", "08", "８", "٨", ".5", "8.", "0x8", "1_0"
)  # fmt: skip

NO_MESSAGES = (
    "",
    "{",
    "null",
    "[]",
    '"ping"',
    "{}",
    '{"kind":"ping"}',
    '{"kind":"sing","since":0}',
    '{"kind":"subscribe","since":0,"until":9}',
    '{"kind":"subscribe","since":0,"since":1}',
    '{"kind":"subscribe","since":0.0}',
    '{"kind":"subscribe","since":"0"}',
    '{"kind":"subscribe","since":true}',
    '{"kind":"subscribe","since":NaN}',
    '{"kind":"submit","command_id":"00","command":{"kind":"record_facts","facts":[]}}',
    '{"kind":"cosign","size":1,"lines":""}',
    '{"kind":"subscribe","since":' + "[" * 5000 + "]" * 5000 + "}",
    b"\x00\x01",
    encode(m.Subscribe(0)).encode(),
)
"""Texts that are none, and binary frames, of which there are none either."""


@asynccontextmanager
async def scoring(folder: Path) -> AsyncIterator[Hosted]:
    """Serve a host whose first sheets are filled, and those of the second expert locked."""
    async with hosted(folder) as host:
        await host.to_scoring()
        for expert in (E1, E2):
            for bid in BIDS:
                await host.give(host.people[expert].enter(bid, "form", "pass", lot=LOT))
        await host.give(host.people[E2].lock(host.session, Part.PRELIMINARY, LOT))
        yield host


@asynccontextmanager
async def desk(host: Hosted) -> AsyncIterator[httpx.AsyncClient]:
    """Log the host's operator in."""
    async with host.http() as http:
        (await http.post("/api/v1/operator/login", json={"code": OPERATOR_CODE})).raise_for_status()
        yield http


# --- coming in ------------------------------------------------------------------------------------


async def test_wrong_used_and_too_many_codes_are_refused_and_use_no_code_up(tmp_path: Path) -> None:
    async with hosted(tmp_path) as host, host.http() as http:

        async def login(code: object) -> tuple[int, str]:
            answer = await http.post("/api/v1/login", json={"code": code})
            return answer.status_code, answer.json().get("code", "")

        assert (200, "") == await login(host.codes[E1])
        assert (400, "malformed_request") == await login(7)
        for code in [host.codes[E1], "", "AAAA-BBBB-CCCC"] + ["0"] * (TRIES - 3):
            assert (401, "wrong_code") == await login(code)
        assert (429, "too_many_tries") == await login(host.codes[E2])
        host.centre.register._failures.clear()  # a minute later
        assert (200, "") == await login(host.codes[E2])


async def test_a_socket_without_a_seat_is_closed_with_the_reason(tmp_path: Path) -> None:
    async with hosted(tmp_path) as host:
        for cookie in ("nonsense", "0" * 43):
            async with host.socket(cookie) as stranger:
                await stranger.wait_closed()
                assert (POLICY, "not_seated") == (stranger.close_code, stranger.close_reason)


# --- what is understood and refused ---------------------------------------------------------------


async def test_commands_out_of_stage_role_and_revision_change_nothing_and_the_seat_works_on(
    tmp_path: Path,
) -> None:
    async with scoring(tmp_path) as host:
        acts = host.acts()
        async with host.window(E1) as first, host.window(E2) as second, host.window(SUPERVISOR) as wall:
            at = {E1: first, E2: second, SUPERVISOR: wall}
            for n, (code, seat, make) in enumerate(OUT_OF_PLACE):
                assert (n, code) == (n, await at[seat].give(make(host.people)))
            assert acts == host.acts()
            assert "" == await first.give(scored(host.people[E1], 2)), "all of them are still connected"


async def test_a_score_out_of_range_or_no_decimal_is_refused_and_the_cell_keeps_its_own(
    tmp_path: Path,
) -> None:
    async with scoring(tmp_path) as host:
        await host.give(host.people[E1].lock(host.session, Part.PRELIMINARY, LOT))
        async with host.window(E1) as window:
            await window.until(lambda: Part.PRELIMINARY in {part for _, part in host.session.unlocked})
            await host.advance()
            assert "" == await window.give(host.people[E1].enter(BIDS[0], "plan", "40", lot=LOT))
            for value in NO_SCORES:
                order = host.people[E1].enter(BIDS[0], "plan", value, revision=2, lot=LOT)
                assert (value, "out_of_range") == (value, await window.give(order))
            assert "" == await window.give(
                host.people[E1].enter(BIDS[0], "plan", "39.9", revision=2, lot=LOT)
            )


# --- what is no message at all --------------------------------------------------------------------


async def test_what_is_no_message_closes_the_socket_with_its_code_and_loses_nothing(tmp_path: Path) -> None:
    async with scoring(tmp_path) as host:
        cookie, acts = await host.login(E1), host.acts()
        for frame in NO_MESSAGES:
            async with host.window(E1, cookie, take=True) as window:
                await window.socket.send(frame)
                code = await window.fault()
                assert code in ("malformed_message", "not_permitted"), frame
                if code == "malformed_message":
                    assert (POLICY, code) == await window.closed(), frame
        async with host.window(E1, cookie, take=True) as window:
            await window.caught_up(host.evaluation.feed(E1).length)
            assert acts == host.acts()
            assert "" == await window.give(scored(host.people[E1], 2))


@pytest.mark.parametrize("size", [MAX_FRAME + 1, WS_MAX_SIZE + 1])
async def test_a_frame_over_64_kib_closes_the_socket_with_1009_and_one_below_does_not(
    tmp_path: Path, size: int
) -> None:
    async with scoring(tmp_path) as host:
        cookie = await host.login(E1)
        text = encode(submit_of(scored(host.people[E1], 2)))
        async with host.window(E1, cookie) as window:
            await window.socket.send(text.ljust(size))
            code, _ = await window.closed()
            assert TOO_BIG == code
        async with host.window(E1, cookie, take=True) as window:
            assert 1 == host.session.sheet(E1, LOT, Part.PRELIMINARY).revision((BIDS[0], ItemId("form")))
            order = scored(host.people[E1], 2)
            await window.socket.send(encode(submit_of(order)).ljust(MAX_FRAME))
            assert "" == await window.answer(submit_of(order).command_id)


# --- at the node of a sub-site ----------------------------------------------------------------------


async def test_a_sub_sites_node_refuses_as_the_host_does_and_loses_nothing_either(tmp_path: Path) -> None:
    async with joined(tmp_path) as scene, scene.http() as http:
        await scene.to_scoring()
        cookie = await scene.login()
        for code in (scene.codes[HERE], "AAAA-BBBB-CCCC"):
            answer = await http.post("/api/v1/login", json={"code": code})
            assert (401, "wrong_code") == (answer.status_code, answer.json()["code"])
        order = scene.people[HERE].enter(BIDS[0], "form", "pass", lot=LOT)
        text = encode(site_submit_of(order))
        refused = (
            ("{", POLICY),
            ('{"kind":"subscribe","since":0,"until":9}', POLICY),
            (text.ljust(MAX_FRAME + 1), TOO_BIG),
        )
        for frame, closed in refused:
            async with scene.seated(cookie, take=True) as seat:
                await seat.socket.send(frame)
                await seat.socket.wait_closed()
                assert closed == seat.socket.close_code
        early = site_submit_of(scene.people[HERE].enter(BIDS[0], "plan", "8.5", lot=LOT))
        async with scene.seated(cookie, take=True) as seat:
            await seat.say(early)
            refusal = await seat.hear(m.Refused, lambda one: one.command_id == early.command_id)
            assert "stage" == refusal.code
            assert [] == scene.entries("ScoreEntered")
            await seat.socket.send(text)
            await seat.acknowledged(site_submit_of(order).command_id)
            assert 1 == len(scene.entries("ScoreEntered"))


# --- what no page of ours asks for -------------------------------------------------------------------

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "OPTIONS")
NO_ADDRESSES = (
    "/nothing", "/api/v1/nothing", "/ws/seat", "/api/v1/sessions/none", "/api/v1/sessions/%00/enter",
    "/api/v1/sessions/..%2f..%2f", "/api/v1/documents/..%2f..%2fevalroom.sqlite", "/api/v1/documents/%ff",
    "/api/v1/replay/media/..%2f..%2fx.0.mp4", "/%2e%2e/%2e%2e/etc/passwd", "/assets/..%2f..%2fkeys/log", "/" + "a" * 5000,
)  # fmt: skip
NO_BODIES: tuple[tuple[bytes, str], ...] = (
    (b"", "application/json"),
    (b"{", "application/json"),
    (b"null", "application/json"),
    (b"[" * 30_000 + b"]" * 30_000, "application/json"),
    (b'{"code":"\xff"}', "application/json"),
    (b'{"code":"\\ud800"}', "application/json"),
    (b'{"code":' + b"9" * 9999 + b"}", "application/json"),
    (b'{"code":"A","role":"operator"}', "application/json"),
    ('{"code":"A"}'.encode("utf-16"), "application/json"),
    (b'{"code":"A"}', "application/json; charset=nonsense"),
    (b"code=A", "application/x-www-form-urlencoded"),
    (b"--x", "multipart/form-data"),
    (b"<code/>", "application/xml"),
)
HUGE = (b'{"code":"' + b"A" * 3_000_000 + b'"}', "application/json")
NO_HEADERS: tuple[dict[str, str], ...] = (
    {"host": "["},
    {"host": "a:b:c"},
    {"host": "a:99999999"},
    {"host": "[zz]:80"},
    {"cookie": "evalroom_seat=;;;="},
    {"authorization": "Bearer ..."},
    {"origin": "http://[", "range": "bytes=9-1"},
)


def assert_coded(answer: httpx.Response) -> None:
    """Demand that a refusal has a code and a sentence, and says nothing of the host's insides."""
    asked = f"{answer.request.method} {answer.request.url} {answer.status_code}"
    if answer.status_code < httpx.codes.BAD_REQUEST:
        return
    assert answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR, asked
    assert "application/problem+json" == answer.headers["content-type"], asked
    if answer.request.method != "HEAD":
        problem = answer.json()
        assert problem["code"].isidentifier(), asked
        assert problem["title"].endswith("."), asked
        assert "Traceback" not in answer.text, asked


async def stay(window: Window) -> None:
    """Read and ping as a page does: a window silent for a minute and a half is gone."""
    while True:
        await window.say(m.Ping(0))
        while not isinstance(await window.next(), m.Pong):
            pass
        await asyncio.sleep(2)


@pytest.mark.timeout(360)
async def test_whatever_comes_to_whatever_address_is_refused_with_a_code_and_the_seat_works_on(
    tmp_path: Path,
) -> None:
    async with scoring(tmp_path) as host, desk(host) as operator, host.window(E1) as window:
        cookie, acts = await host.login(E2), host.acts()
        routes = [route.split() for route in sorted(ROUTES)]
        paths = sorted({path for _, path in routes if path != "/api/v1/logout"})
        taking = [path for method, path in routes if method == "POST" and path in paths]
        reading = asyncio.create_task(stay(window))
        async with host.http() as stranger, host.http(cookie) as seat:
            for path, method in itertools.product((*paths, *NO_ADDRESSES), METHODS):
                assert_coded(await operator.request(method, path))
            for path, method in itertools.product((*paths, *NO_ADDRESSES), ("GET", "POST")):
                assert_coded(await stranger.request(method, path))
            for path, (body, kind) in itertools.product(taking, NO_BODIES):
                assert_coded(await operator.post(path, content=body, headers={"content-type": kind}))
            for path, (body, kind) in itertools.product(("/api/v1/login", *taking[:2]), (*NO_BODIES, HUGE)):
                assert_coded(await stranger.post(path, content=body, headers={"content-type": kind}))
            # The header is read, or refused, before the address: each with some addresses, each address with one.
            for path, headers in itertools.product(("/", *paths[::12], *NO_ADDRESSES[:4]), NO_HEADERS):
                assert_coded(await seat.get(path, headers=headers))
            for path, headers in zip(paths, itertools.cycle(NO_HEADERS), strict=False):
                assert_coded(await seat.get(path, headers=headers))
            assert (await seat.get("/api/v1/me")).is_success
        assert acts == host.acts()
        assert 1 == len(host.centre.live), "no session was opened"
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        assert "" == await window.give(scored(host.people[E1], 2)), "the socket is still there"


# --- what an operator brings in ---------------------------------------------------------------------


async def test_a_pdf_that_is_none_is_refused_and_a_good_one_taken_afterwards(tmp_path: Path) -> None:
    async with hosted(tmp_path) as host, desk(host) as http:
        for data in (b"", b"hello", b"%PDF-1.7\n%%EOF", b"PK\x03\x04" + bytes(2000)):
            answer = await http.post("/api/v1/documents", content=data)
            assert (409, "not_a_pdf") == (answer.status_code, answer.json()["code"])
        assert (await http.post("/api/v1/documents", content=one_page())).json()["pages"] == 1


async def test_a_template_with_missing_columns_is_refused_by_sheet_row_and_column(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(io.BytesIO(write_xlsx(sample_template())))
    book["评审项 items"].delete_cols(7)
    book["席位 seats"]["D3"] = None
    out = io.BytesIO()
    book.save(out)
    async with hosted(tmp_path) as host, desk(host) as http:
        answer = await http.post("/api/v1/sessions", content=out.getvalue())
        problem = answer.json()
        assert (409, "template_invalid") == (answer.status_code, problem["code"])
        said = json.dumps(problem["detail"], ensure_ascii=False)
        for name in ("items", "full", "seats", "role", "3"):
            assert name in said
        toml = write_toml(sample_template()).replace('kind = "score"', 'kindly = "score"', 1)
        problem = (await http.post("/api/v1/sessions", content=toml.encode())).json()
        assert "template_invalid" == problem["code"]
        assert 1 == len((await http.get("/api/v1/sessions")).json()), "nothing was opened"


# --- this machine -----------------------------------------------------------------------------------


@pytest.mark.parametrize("module", ["main_site", "sub_site"])
async def test_a_port_in_use_ends_the_start_with_a_sentence_and_status_2(tmp_path: Path, module: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, "serve", "--port", port, "--data-dir", str(tmp_path / "data"),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=tmp_path,
        )  # fmt: skip
        said, _ = await process.communicate()
    text = said.decode()
    assert 2 == process.returncode, text
    assert "Another program listens on this address already" in text
    assert port in text
    assert "Traceback" not in text
