"""The links to the sub-sites: who proves nothing is told nothing, and a site gets and gives what is its own."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from evalroom.errors import PeerFault, Refusal
from evalroom.ids import CommandId, SiteId
from evalroom.protocol import messages as m
from evalroom.protocol.feed import FeedLog, FeedReader
from evalroom.protocol.liveness import OFFLINE_MS, LinkState
from main_site.identity.authority import SiteNotRecognised, certify, open_authority
from main_site.services import links as module
from main_site.services.links import SITE_FRAME
from signaling.codec import decode_from_node, encode
from signaling.connection import POLICY
from tests.evalroom.room import EXPERTS, OPERATOR, SEATS, SESSION, WEST
from tests.main_site.hall import FakeWire, Hall, HandSite, finish, hall, join, settle, until

E1, E2, E3 = EXPERTS
HERE = {seat.code for seat in SEATS if seat.node == WEST}


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Hall]:
    async with hall(tmp_path) as made:
        yield made


async def challenged(place: Hall) -> tuple[FakeWire, "asyncio.Task[None]", dict[str, str]]:
    wire = FakeWire()
    serving = asyncio.create_task(place.centre.links.serve(wire))
    return wire, serving, await wire.hear("challenge")


# --- who proves nothing -----------------------------------------------------------------------------------


def _stranger(place: Hall, folder: Path) -> HandSite:
    """Return a site that another centre certified under the same name."""
    theirs = open_authority(folder / "theirs", place.centre.settings.centre)
    site = HandSite(WEST)
    site.certificate = certify(theirs, site.request(), SiteId(WEST))
    return site


async def test_a_site_of_another_centre_is_not_let_in(place: Hall, tmp_path: Path) -> None:
    wire, serving, challenge = await challenged(place)
    wire.say(_stranger(place, tmp_path).proof(challenge, place.centre.authority.fingerprint))
    with pytest.raises(SiteNotRecognised):
        await serving
    assert 1 == len(wire.sent)


async def test_a_stolen_certificate_without_its_key_is_not_let_in(place: Hall) -> None:
    wire, serving, challenge = await challenged(place)
    thief = HandSite(WEST, certificate=place.west.certificate)
    wire.say(thief.proof(challenge, place.centre.authority.fingerprint))
    with pytest.raises(SiteNotRecognised):
        await serving


async def test_a_proof_for_another_nonce_is_not_let_in(place: Hall) -> None:
    old, _, challenge = await challenged(place)
    proof = place.west.proof(challenge, place.centre.authority.fingerprint)
    wire, serving, fresh = await challenged(place)
    assert fresh["nonce"] != challenge["nonce"]
    wire.say(proof)
    with pytest.raises(SiteNotRecognised):
        await serving
    old.hang_up()


NO_PROOFS = [
    "",
    "[]",
    '{"kind":"prove"}',
    '{"kind":"prove","certificate":"","signature":"xyz"}',
    '{"kind":"prove","certificate":1,"signature":""}',
    '{"kind":"ping","sent_ms":1}',
    '{"certificate":"","kind":"submit","signature":""}',
    '{"certificate":"","kind":"prove","more":1,"signature":""}',
    "x" * (1 << 17),
]


async def test_whatever_is_no_proof_ends_the_socket(place: Hall) -> None:
    for answer in NO_PROOFS:
        wire, serving, _ = await challenged(place)
        wire.say(answer)
        with pytest.raises((PeerFault, Refusal)):
            await serving
        assert 1 == len(wire.sent)
    assert {} == place.centre.links.states()


async def test_a_site_that_says_nothing_is_not_waited_for(
    place: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PROOF_TIMEOUT_S", 0.01)
    _, serving, _ = await challenged(place)
    with pytest.raises(TimeoutError):
        await serving


# --- what a site is told --------------------------------------------------------------------------------


async def test_a_site_is_told_of_its_own_seats_only_and_of_no_code(place: Hall) -> None:
    wire = await place.linked()
    roster = await wire.hear("roster")
    assert HERE == {one["seat"] for one in roster["seats"]}
    said = "".join(wire.sent)
    for code in place.codes.values():
        assert code not in said
        assert code.replace("-", "") not in said


async def test_a_site_without_part_in_a_session_is_told_nothing_of_it(place: Hall) -> None:
    south = await join(place.http, "south")
    wire, _, challenge = await challenged(place)
    wire.say(south.proof(challenge, place.centre.authority.fingerprint))
    await until(lambda: place.centre.links.online(SiteId("south")))
    wire.say(
        json.dumps({"session": SESSION, "message": {"kind": "subscribe", "since": 0, "audience": "node"}})
    )
    await wire.hear("fault", lambda one: one["code"] == "malformed_message")
    assert not [text for text in wire.sent if SESSION in text]


async def test_a_site_cannot_read_the_feed_of_a_seat_elsewhere(place: Hall) -> None:
    wire = await place.linked()
    for audience in (E1, E3, OPERATOR, "E9", "node:west", "", "node:east"):
        place.from_west(wire, m.Subscribe(0, audience))
    place.from_west(wire, m.Subscribe(0, E2))
    await wire.hear("entries", lambda one: one["audience"] == E2)
    assert {E2} == {one["audience"] for one in wire.all("entries")}


async def test_a_site_reads_its_feeds_from_where_it_asks_and_as_they_grow(place: Hall) -> None:
    wire = await place.linked()
    for audience in (*HERE, "node"):
        place.from_west(wire, m.Subscribe(0, audience))
    await place.give(place.people[E2].check_in())
    reader = FeedReader(SESSION, E2)
    await wire.hear("entries", lambda one: one["audience"] == E2 and "SeatJoined" in one["items"][-1])
    for entries in (decode_from_node(one) for one in wire.all("entries") if one["audience"] == E2):
        assert isinstance(entries, m.Entries)
        reader.take(entries)
    assert place.live.evaluation.conductor.feeds[E2].length == reader.taken


# --- what a site gives ----------------------------------------------------------------------------------


def submit_for(place: Hall, seat: str, by: str = "") -> m.Submit:
    order = place.people[by or seat].check_in()  # type: ignore[index] # a seat's code
    return m.Submit(order.cmd or CommandId(""), order.command, order.secrets, order.sig, None, seat)  # type: ignore[arg-type] # a seat's command


async def test_a_site_cannot_act_for_a_seat_elsewhere(place: Hall) -> None:
    wire = await place.linked()
    for seat in (E1, E3, OPERATOR):
        place.from_west(wire, submit_for(place, seat))
        refused = await wire.hear("refused", lambda one: one["seat"] == seat)  # noqa: B023 - heard in this turn
        assert "not_permitted" == refused["code"]
    assert ["SessionOpened"] == [one for one in place.types() if one in ("SessionOpened", "SeatJoined")]


async def test_a_site_cannot_forge_what_its_own_seat_says(place: Hall) -> None:
    wire = await place.linked()
    await place.give(place.people[E2].check_in())
    await finish(place.live.evaluation.conductor, place.people)
    other = place.people[E1].accept()
    forged = m.Submit(CommandId("ab" * 16), other.command, (), other.sig, None, E2)  # type: ignore[arg-type] # as above
    place.from_west(wire, forged)
    await wire.hear("refused")
    assert "DisciplineAccepted" not in place.types()


async def test_a_command_of_the_own_seat_is_carried_out_and_acknowledged(place: Hall) -> None:
    wire = await place.linked()
    place.from_west(wire, m.Subscribe(0, E2))
    submit = submit_for(place, E2)
    place.from_west(wire, submit)
    place.from_west(wire, submit)
    await wire.hear("entries", lambda one: len(one["acks"]) > 0 and one["acks"][0][0] == submit.command_id)
    await settle()
    assert 1 == place.types().count("SeatJoined")


BROKEN = [
    '{"session":"EV-2026-0001","message":{"kind":"destroy"}}',
    '{"session":"EV-2026-0001","message":[]}',
    '{"session":"EV-2026-9999","message":{"kind":"subscribe","since":0}}',
    '{"kind":"subscribe","since":0,"audience":"E2"}',
    '{"session":1.5}',
    "no json",
    "x" * (SITE_FRAME + 1),
]


async def test_a_broken_message_is_named_and_the_link_goes_on(place: Hall) -> None:
    wire = await place.linked()
    for n, text in enumerate(BROKEN, 1):
        wire.say(text)
        await until(lambda n=n: len(wire.all("fault")) == n)  # type: ignore[misc] # bound now
    wire.say(encode(m.Ping(7)))
    assert 7 == (await wire.hear("pong"))["sent_ms"]
    assert wire.closed is None


async def test_a_ping_of_the_link_is_answered_by_the_session_clock(place: Hall) -> None:
    wire = await place.linked()
    wire.say(encode(m.Ping(7, 12)))
    pong = await wire.hear("pong")
    assert 12 == place.centre.links.states()[SiteId(WEST)].rtt_ms
    assert abs(pong["at_ms"] - place.centre.clock.now()) < 10_000


# --- links come and go ----------------------------------------------------------------------------------


async def test_a_newer_link_of_a_site_replaces_the_older(place: Hall) -> None:
    old = await place.linked()
    new = await place.linked()
    await until(lambda: old.closed is not None)
    assert (POLICY, "replaced") == old.closed
    sent = len(old.sent)
    place.from_west(new, m.Subscribe(0, E2))
    await new.hear("entries")
    assert sent == len(old.sent)
    assert place.centre.links.online(SiteId(WEST))


async def test_an_upload_token_is_the_sites_own(place: Hall) -> None:
    wire = await place.linked()
    grant = await wire.hear("upload_grant")
    assert SiteId(WEST) == place.centre.links.site_of_token(grant["token"])
    assert place.centre.links.site_of_token("") is None
    assert place.centre.links.site_of_token(grant["token"][:-1]) is None


async def test_a_site_that_falls_silent_is_lost_and_comes_back(
    place: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1_000]
    monkeypatch.setattr(module, "monotonic_ms", lambda: now[0])
    monkeypatch.setattr(module, "JUDGE_S", 0.001)
    wire = await place.linked()
    links = place.centre.links
    judging = asyncio.create_task(links.run())
    now[0] += OFFLINE_MS - 1
    await until(lambda: links.states()[SiteId(WEST)].state is LinkState.WEAK)
    assert "SiteLost" not in place.types()
    now[0] += 1
    await until(lambda: "SiteLost" in place.types())
    assert not links.online(SiteId(WEST))
    wire.say(encode(m.Ping(1)))
    await until(lambda: links.online(SiteId(WEST)))
    judging.cancel()


async def test_a_feed_of_megabytes_goes_to_a_slow_site_whole(place: Hall) -> None:
    evaluation = place.live.evaluation
    log = evaluation.conductor.feeds[E2]
    big_feed(log, "E2")
    wire = await place.linked()
    wire.reading.clear()
    place.from_west(wire, m.Subscribe(0, E2))
    await settle()
    for _ in range(3):
        place.centre.links.grew(SiteId(WEST), SESSION, E2)
    wire.reading.set()
    await until(lambda: sum(len(one["items"]) for one in wire.all("entries")) == log.length)
    reader = FeedReader(SESSION, E2)
    for one in wire.all("entries"):
        entries = decode_from_node(one)
        assert isinstance(entries, m.Entries)
        reader.take(entries)
    assert wire.closed is None


def big_feed(log: FeedLog, word: str, count: int = 300) -> None:
    """Let a feed be three megabytes long."""
    for n in range(count):
        log.append(json.dumps({"n": n, "type": word * 5_000}))
