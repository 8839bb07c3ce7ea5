"""The notary: a cosignature that is none counts for nothing, another history holds the session up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from evalroom import commands as co
from evalroom import events as ev
from evalroom.errors import PeerFault
from evalroom.events import Stage
from evalroom.ids import HOST_ACTOR, SessionId, SiteId
from evalroom.ledger.base64 import encode_base64
from evalroom.ledger.checkpoint import Checkpoint, cosign, open_checkpoint, parse_checkpoint
from evalroom.ledger.note import KeyKind, SigningKey
from evalroom.ledger.witness import AddCheckpoint
from evalroom.needs import Unready
from evalroom.protocol import messages as m
from evalroom.roles import Role
from main_site.services import notary as module
from main_site.services.conductor import Committed, Conductor
from main_site.services.notary import LATE_MS, Notary
from tests.evalroom.room import EAST, EXPERTS, HOST, OPEN, OPERATOR, SESSION, START, WEST, by_host, people
from tests.main_site.hall import HandWitness, HeldWriter, conducting, finish, settle, until, writer_in

ORIGIN = f"evalroom/{SESSION}"
LOG = SigningKey.from_seed(ORIGIN, KeyKind.LOG, b"s" * 32)
CLOSE = co.Order(co.CloseSession("done"), START, HOST_ACTOR, HOST, Role.HOST)
NEVER = 3600.0
TIME = 1_795_392_000
E1 = EXPERTS[0]


class Links:
    """The way to the witnesses: each answers at once, unless it is told to be silent."""

    def __init__(self) -> None:
        self.witnesses = {site: HandWitness(f"witness-{site}") for site in (WEST, EAST)}
        self.asked: list[tuple[SiteId, AddCheckpoint]] = []
        self.silent: set[SiteId] = {WEST, EAST}
        self.notary: Notary
        self._answering: set[asyncio.Task[None]] = set()

    def ask_witness(self, site: SiteId, session: SessionId, request: AddCheckpoint) -> bool:
        assert session == SESSION
        self.asked.append((site, request))
        if site not in self.silent:
            task = asyncio.create_task(self.answer(site, request))
            self._answering.add(task)
        return True

    async def answer(self, site: SiteId, request: AddCheckpoint) -> None:
        answer = self.witnesses[site].answer(request, ORIGIN, LOG.verifier)
        if isinstance(answer, m.Cosign):
            await self.notary.take_cosignature(site, answer)
        else:
            self.notary.take_refusal(site, answer)

    def sizes(self, site: SiteId) -> list[tuple[int, int]]:
        """Return which steps a witness was asked to take: from the old size to the new."""
        return [(one.old, parse_checkpoint(one.note.text).size) for to, one in self.asked if to == site]


class Office:
    """A session with its notary at work."""

    def __init__(self, conductor: Conductor, notary: Notary, links: Links, writer: HeldWriter) -> None:
        self.conductor, self.notary, self.links, self.writer = conductor, notary, links, writer
        self.facts: list[ev.Event] = []
        self.people = people()
        conductor.listeners.append(self._note)

    def _note(self, committed: Committed) -> None:
        self.facts += [fact.event for fact in committed.facts]

    def noted(self, kind: type[ev.Event]) -> list[ev.Event]:
        return [one for one in self.facts if isinstance(one, kind)]

    def is_cosigned(self) -> bool:
        """Say whether everything is cosigned; if not, ask: notes about two quorums may have crossed."""
        done = self.conductor.session.cosigned + 1 == self.conductor.journal.size
        if not done:
            self.notary.connected(WEST)
        return done

    async def asked(self, site: SiteId, times: int = 1) -> AddCheckpoint:
        self.notary.connected(site)
        await until(lambda: len(self.links.sizes(site)) >= times)
        return [one for to, one in self.links.asked if to == site][-1]

    def cosignature(self, site: SiteId, request: AddCheckpoint, **other: object) -> m.Cosign:
        """Return a cosignature of the checkpoint in `request`, of which a test may change anything."""
        checkpoint = replace(parse_checkpoint(request.note.text), **other)  # type: ignore[arg-type] # a test's own fields
        line = cosign(checkpoint, self.links.witnesses[site].key, TIME)
        return m.Cosign(parse_checkpoint(request.note.text).size, line.encode())

    async def advance_to(self, stage: Stage) -> None:
        session = self.conductor.session
        while session.stage is not stage:
            await finish(self.conductor, self.people)
            await until(lambda: not session.open_parts())
            after = list(Stage)[list(Stage).index(session.stage) + 1]
            await self.conductor.give(self.people[OPERATOR].order(co.AdvanceStage(session.stage, after, "")))


@asynccontextmanager
async def office(folder: Path, interval: float = NEVER, *, witnesses: bool = True) -> AsyncIterator[Office]:
    links = Links()
    keys = tuple(ev.WitnessKey(site, one.key.verifier.encode()) for site, one in links.witnesses.items())
    opening = replace(
        OPEN, keys=ev.SessionKeys(LOG.verifier.encode(), keys if witnesses else (), 2 if witnesses else 0)
    )
    async with writer_in(folder) as writer, conducting(writer, opening) as conductor:
        notary = links.notary = Notary(conductor, LOG, writer, links, lambda: START)
        made = Office(conductor, notary, links, writer)
        running = asyncio.create_task(notary.run(interval))
        yield made
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as made:
        yield made


# --- what counts for nothing ----------------------------------------------------------------------------


@pytest.mark.parametrize("other", [{"root": bytes(32)}, {"size": 9}, {"origin": "evalroom/other"}])
async def test_a_cosignature_of_something_else_counts_for_nothing(
    desk: Office, other: dict[str, object]
) -> None:
    request = await desk.asked(WEST)
    with pytest.raises(PeerFault):
        await desk.notary.take_cosignature(WEST, desk.cosignature(WEST, request, **other))
    await assert_uncounted(desk, request)


@pytest.mark.parametrize("lines", ["", "\n", "no note line", "— witness-west AAAA\n"])
async def test_an_answer_without_a_cosignature_counts_for_nothing(desk: Office, lines: str) -> None:
    request = await desk.asked(WEST)
    size = parse_checkpoint(request.note.text).size
    with pytest.raises(PeerFault):
        await desk.notary.take_cosignature(WEST, m.Cosign(size, lines))
    await assert_uncounted(desk, request)


async def test_a_site_cannot_cosign_for_another(desk: Office) -> None:
    request = await desk.asked(WEST)
    with pytest.raises(PeerFault):
        await desk.notary.take_cosignature(WEST, desk.cosignature(EAST, request))
    await desk.notary.take_cosignature(SiteId("north"), desk.cosignature(WEST, request))
    await assert_uncounted(desk, request)


async def test_the_logs_own_signature_is_no_cosignature(desk: Office) -> None:
    request = await desk.asked(WEST)
    size = parse_checkpoint(request.note.text).size
    with pytest.raises(PeerFault):
        await desk.notary.take_cosignature(WEST, m.Cosign(size, request.note.signatures[0].encode()))
    await assert_uncounted(desk, request)


async def test_one_witness_twice_is_no_quorum_and_spoils_nothing(desk: Office) -> None:
    request = await desk.asked(WEST)
    checkpoint, key = parse_checkpoint(request.note.text), desk.links.witnesses[WEST].key
    for time in (TIME, TIME + 1):
        lines = cosign(checkpoint, key, time).encode()
        await desk.notary.take_cosignature(WEST, m.Cosign(checkpoint.size, lines))
    await settle()
    assert not desk.noted(ev.CheckpointCosigned)
    await desk.notary.take_cosignature(EAST, desk.cosignature(EAST, request))
    await until(lambda: bool(desk.noted(ev.CheckpointCosigned)))


async def test_two_lines_of_one_witness_in_one_answer_are_refused_and_spoil_nothing(desk: Office) -> None:
    request = await desk.asked(WEST)
    checkpoint, key = parse_checkpoint(request.note.text), desk.links.witnesses[WEST].key
    both = "".join(cosign(checkpoint, key, time).encode() for time in (TIME, TIME + 1))
    with pytest.raises(PeerFault):
        await desk.notary.take_cosignature(WEST, m.Cosign(checkpoint.size, both))
    await assert_uncounted(desk, request)


async def test_a_cosignature_of_a_checkpoint_nobody_asked_for_is_dropped(desk: Office) -> None:
    request = await desk.asked(WEST)
    asked = desk.cosignature(WEST, request)
    await desk.notary.take_cosignature(WEST, replace(asked, size=77))
    await assert_uncounted(desk, request)


async def assert_uncounted(desk: Office, request: AddCheckpoint) -> None:
    """The other witness alone makes no quorum; the good answer after the bad one does."""
    await desk.notary.take_cosignature(EAST, desk.cosignature(EAST, request))
    await settle()
    assert not desk.noted(ev.CheckpointCosigned)
    await desk.notary.take_cosignature(WEST, desk.cosignature(WEST, request))
    await until(lambda: bool(desk.noted(ev.CheckpointCosigned)))


# --- other sizes, other histories -------------------------------------------------------------------------


async def test_a_witness_that_knows_a_smaller_size_is_asked_again_from_there(desk: Office) -> None:
    for seat in EXPERTS:
        await desk.conductor.give(desk.people[seat].check_in())
    desk.links.silent = {EAST}
    early = desk.conductor.journal.checkpoint(2)
    desk.links.witnesses[WEST].seen = early
    desk.notary.connected(WEST)
    await until(lambda: desk.links.sizes(WEST) == [(0, 4), (2, 4)])
    await until(lambda: desk.links.witnesses[WEST].seen == desk.conductor.journal.checkpoint())
    assert not desk.noted(ev.WitnessRefused)


@pytest.mark.parametrize(
    "refusal",
    [
        m.WitnessRefusal(422, 0, "witness_inconsistent"),
        m.WitnessRefusal(422, 0, "witness_equivocation"),
        m.WitnessRefusal(403, 0, "witness_unknown_log_key"),
        m.WitnessRefusal(409, 4_000, "size"),
        m.WitnessRefusal(409, -1, "size"),
        m.WitnessRefusal(409, 1, "other"),
    ],
)
async def test_a_witness_that_saw_another_history_is_an_alarm_and_told_once(
    desk: Office, refusal: m.WitnessRefusal
) -> None:
    await desk.asked(WEST)
    for _ in range(3):
        desk.notary.take_refusal(WEST, refusal)
    await until(lambda: bool(desk.noted(ev.WitnessRefused)))
    await settle()
    assert [ev.WitnessRefused(WEST, refusal.reason)] == desk.noted(ev.WitnessRefused)
    assert "refused" == desk.notary.state()


async def test_a_refusal_by_somebody_who_is_no_witness_is_nothing(desk: Office) -> None:
    desk.notary.take_refusal(SiteId("north"), m.WitnessRefusal(422, 0, "witness_inconsistent"))
    await settle()
    assert not desk.noted(ev.WitnessRefused)
    assert "current" == desk.notary.state()


async def test_a_session_cannot_close_until_the_witness_that_refused_has_cosigned(desk: Office) -> None:
    desk.links.silent = set()
    await desk.advance_to(Stage.CONCLUDED)
    await until(desk.is_cosigned)
    desk.notary.take_refusal(WEST, m.WitnessRefusal(422, 0, "witness_inconsistent"))
    await until(lambda: bool(desk.noted(ev.WitnessRefused)))
    with pytest.raises(Unready):
        await desk.conductor.give(CLOSE)
    before = len(desk.noted(ev.CheckpointCosigned))
    desk.notary.connected(WEST)
    await until(lambda: len(desk.noted(ev.CheckpointCosigned)) > before)
    await desk.conductor.give(CLOSE)
    assert "current" == desk.notary.state()


# --- quorum ---------------------------------------------------------------------------------------------


async def test_a_quorum_is_noted_with_root_and_names(desk: Office) -> None:
    root = desk.conductor.journal.root()
    desk.links.silent = set()
    desk.notary.connected(WEST)
    await until(lambda: bool(desk.noted(ev.CheckpointCosigned)))
    (noted,) = desk.noted(ev.CheckpointCosigned)
    assert isinstance(noted, ev.CheckpointCosigned)
    assert (1, ("witness-east", "witness-west")) == (noted.size, noted.witnesses)
    assert encode_base64(root) == noted.root
    assert START == desk.notary.cosigned_ms


async def test_the_note_about_a_quorum_alone_asks_for_no_other(desk: Office) -> None:
    desk.links.silent = set()
    desk.notary.connected(WEST)
    await until(lambda: bool(desk.noted(ev.CheckpointCosigned)))
    asked = len(desk.links.asked)
    desk.notary.connected(WEST)
    await settle()
    assert asked == len(desk.links.asked)


async def test_the_sheets_stay_closed_until_a_quorum_has_cosigned_the_last_lock(desk: Office) -> None:
    desk.links.silent = set()
    await desk.advance_to(Stage.PRELIMINARY)
    desk.links.silent = {EAST}
    await finish(desk.conductor, desk.people)
    await until(lambda: desk.links.sizes(EAST)[-1][1] == desk.conductor.journal.size)
    await settle()
    assert not desk.noted(ev.GroupUnlocked)
    desk.links.silent = set()
    await desk.links.answer(EAST, [one for to, one in desk.links.asked if to == EAST][-1])
    await until(lambda: bool(desk.noted(ev.GroupUnlocked)))


async def test_without_witnesses_the_last_lock_unlocks(tmp_path: Path) -> None:
    async with office(tmp_path, witnesses=False) as desk:
        assert "none" == desk.notary.state()
        await desk.advance_to(Stage.DETAILED)
        assert 1 == len(desk.noted(ev.GroupUnlocked))


async def test_an_unlock_that_a_crash_kept_back_is_made_up_for_at_the_start(tmp_path: Path) -> None:
    async with office(tmp_path) as desk:
        desk.links.silent = set()
        await desk.advance_to(Stage.PRELIMINARY)
        desk.conductor.listeners.remove(desk.notary._committed)
        await finish(desk.conductor, desk.people)
        size = desk.conductor.journal.size
        names = tuple(one.key.name for one in desk.links.witnesses.values())
        noted = co.HostFact(START, ev.CheckpointCosigned(size, "root", names))
        await desk.conductor.give(by_host(co.NoteFacts((noted,))))
        assert not desk.noted(ev.GroupUnlocked)
        again = Notary(desk.conductor, LOG, desk.writer, desk.links, lambda: START)
        running = asyncio.create_task(again.run(NEVER))
        await until(lambda: bool(desk.noted(ev.GroupUnlocked)))
        running.cancel()


async def test_a_silent_witness_is_named_once_and_again_only_after_it_came_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0]
    monkeypatch.setattr(module, "monotonic_ms", lambda: now[0])
    async with office(tmp_path, interval=0.005) as desk:
        for witness in desk.notary._witnesses.values():
            witness.cosigned = 0  # the dataclass took the real clock
        desk.links.silent = {WEST}
        now[0] = LATE_MS
        await until(lambda: len(desk.links.asked) >= 4)
        assert not desk.noted(ev.WitnessLate)
        now[0] = LATE_MS + 1
        await desk.conductor.give(desk.people[E1].check_in())
        await until(lambda: ev.WitnessLate(WEST) in desk.noted(ev.WitnessLate))
        assert "waiting" == desk.notary.state()
        seen = len(desk.links.asked)
        await until(lambda: len(desk.links.asked) >= seen + 3)
        assert 1 == desk.noted(ev.WitnessLate).count(ev.WitnessLate(WEST))


async def test_a_cancellation_that_meets_an_urgent_word_is_not_lost(desk: Office) -> None:
    notary = desk.notary
    running = asyncio.create_task(notary.run(NEVER))
    await settle()
    notary.connected(WEST)
    running.cancel()
    done, _ = await asyncio.wait({running}, timeout=5)
    assert running in done


# --- the end --------------------------------------------------------------------------------------------


async def test_the_end_waits_for_a_quorum_over_the_closed_journal(desk: Office) -> None:
    desk.links.silent = set()
    await desk.advance_to(Stage.CONCLUDED)
    desk.links.silent = {EAST}
    await desk.conductor.give(CLOSE)
    ending = asyncio.create_task(desk.notary.finish())
    await until(lambda: desk.links.sizes(EAST)[-1][1] == desk.conductor.journal.size)
    await settle()
    assert not ending.done()
    await desk.links.answer(EAST, [one for to, one in desk.links.asked if to == EAST][-1])
    notes = await ending
    keys = [one.key.verifier for one in desk.links.witnesses.values()]
    last = open_checkpoint(notes[-1], LOG.verifier, keys)
    assert desk.conductor.journal.checkpoint() == last.checkpoint
    assert {"witness-west", "witness-east"} == {one.key.name for one in last.cosignatures}


async def test_without_witnesses_the_end_is_signed_by_the_log_alone(tmp_path: Path) -> None:
    async with office(tmp_path, witnesses=False) as desk:
        await desk.advance_to(Stage.CONCLUDED)
        await desk.conductor.give(CLOSE)
        (note,) = await desk.notary.finish()
        size = open_checkpoint(note, LOG.verifier).checkpoint
        assert desk.conductor.journal.checkpoint() == size == Checkpoint(ORIGIN, size.size, size.root)
