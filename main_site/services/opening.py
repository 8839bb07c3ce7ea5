"""The host's part in an opening: it leads the ceremony from whatever the journal says it has come to.

Every look begins with the ceremony's state and does the next thing that is due, so a restart goes on in any state;
what cannot be told from the journal (sealed halves, sealed shares, sealed content keys) lies on the disk before the
journal speaks of it.  The rules are the room's, and trustees' agents believe nobody: an order refused is given
again when something has changed.  No window runs out by the platform's fault: while the host's own agent is silent,
too few trustees can be reached, or the time the host itself was down is owed, the ceremony is paused, with who is
missing by name.
"""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import structlog

from evalroom import events as ev
from evalroom.commands import (
    ActAsBidder,
    AdmitDarkBids,
    CloseWindow,
    Command,
    NoteOpening,
    OpenWindow,
    Order,
    PauseCeremony,
    ResumeCeremony,
)
from evalroom.errors import EvalroomError, LocalFault, Refusal
from evalroom.events import Fact, Stage
from evalroom.ids import BIDDER_ACTOR, HOST_ACTOR, BidId, BidNumber, LotId
from evalroom.ledger.base64 import encode_base64
from evalroom.ledger.note import SigningKey
from evalroom.roles import Role
from evalroom.sealing import facts as sf
from evalroom.sealing.ceremony import Ceremony, CeremonyState, WindowRecord
from evalroom.sealing.envelope import Envelope, open_envelope
from evalroom.sealing.facts import Verdict
from evalroom.sealing.inspection import RootMismatch, check_root
from evalroom.sealing.policy import PUBLIC_PARTS, Mode, PartName, Trustee, TrusteeKind
from evalroom.sealing.price_sheet import SHEET_PARTS, PriceSheet
from evalroom.sealing.record import Record, RecordRow
from evalroom.sealing.rules import AlreadyDone, StillDark, UnknownBid
from evalroom.sealing.sealed_key import seal_key
from evalroom.sealing.stream import BytesMissing
from evalroom.sealing.suite import WrapNotOpened
from evalroom.sealing.unseal import HalfMismatch
from evalroom.sealing.verdict import (
    SUPERSEDED,
    HalfSeen,
    Observed,
    Released,
    Ruling,
    judged,
    rule,
    superseded,
)
from evalroom.session import Unknown
from evalroom.stages import OVER
from evalroom.visibility import may_read_part
from main_site.services.combining import Due, Found, after_reading, look, read_all, read_sheet
from main_site.services.conductor import Committed
from main_site.services.dark_bids import DarkBids, draw_admission
from main_site.services.evidence import Places, Proofs
from main_site.services.examination import WORTH_A_PROCESS, Reader, reading_apart
from main_site.services.released import ReleasedSecrets, sealed_digest
from main_site.services.sealed_documents import KeptKeys, NotOpened, SealedDocument
from main_site.services.submissions import Submissions
from main_site.services.trustees import SessionTrustees, code_of
from signaling.custody.client import AgentRefused, Evidence, SealedHead

LOOK_S = 1.0
RETRY_S = 2.0
DOWN_MS = 3_000
"""A host that was away for so long while a window was open owes that time to the bidders."""

NOTED_TRIES = 16
"""Wrong releases of a bid that the journal is told of: numbers are public by then, and a rival's must not use up the
tries that the room allows before the bidder's own comes."""

AT_A_TIME = 2
"""Bids whose bytes are examined at once, each on a core of its own: two threads to a bid cost a quarter more."""

DOCUMENT_PARTS = (PartName.QUALIFICATION, PartName.TECHNICAL)
"""Parts that are read as documents; the others are texts that the record holds."""

LAST_STAGES = OVER
"""In these no member reads any more: the host's agent, which recalls content keys after a restart, destroys its keys, too."""

MAX_SEALED = 8192

NOT_YET = "too_early"
"""An agent's refusal that time mends: by its own clock bidders may still release; nobody is missing."""


class AwaitingBytes(LocalFault):
    """The bytes of this bid are damaged on the host's disk: it still counts; the centre restores them from a backup."""

    code = "awaiting_bytes"


class ReleaseNotTaken(LocalFault):
    """The host could not take your release, by a fault of its own: release again; the time that this costs is given back."""

    code = "release_not_taken"


class NoWindowOpen(Refusal):
    """No window of this name is open for releases: the hall says when it opens, or that it is over."""

    code = "no_window_open"


@dataclass(frozen=True, slots=True)
class OpeningParts:
    """What an opening is led with; the composition root puts it together."""

    submissions: Submissions
    trustees: SessionTrustees
    proofs: Proofs
    key: SigningKey
    folder: Path
    now: Callable[[], int]


@dataclass(slots=True)
class _Bid:
    """A listed bid as it lies here: what agents need of it, and its envelope."""

    head: SealedHead
    envelope: Envelope


@dataclass(slots=True)
class Progress:
    """How far the bytes of a window's bids have been examined."""

    total: int = 0
    done: dict[BidNumber, int] = field(default_factory=dict)

    @property
    def percent(self) -> int:
        """Say how much of all bytes it is."""
        return 100 * sum(self.done.values()) // max(self.total, 1)


Slots = asyncio.Queue[Reader | None]
"""Turns at reading a bid: with a child of its own, or None for a thread of the host."""


async def _slots(stack: AsyncExitStack, bids: int, *, apart: bool) -> Slots:
    """Return as many slots as bids are read at a time; their children end with `stack`."""
    slots: Slots = asyncio.Queue()
    for _ in range(min(AT_A_TIME, bids)):
        slots.put_nowait(await stack.enter_async_context(reading_apart()) if apart else None)
    return slots


class Opening:
    """Leads one session's opening."""

    def __init__(self, parts: OpeningParts, facts: Sequence[Fact] = ()) -> None:
        """Go on from the session's facts, all of them, and from what lies in the folder."""
        self.parts = parts
        self.conductor = parts.submissions.parts.conductor
        self.tender = parts.submissions.tender
        self.released = ReleasedSecrets(parts.folder / "released", self.tender, lambda: parts.trustees.host)
        self.keys = KeptKeys(parts.folder / "keys", self.tender, lambda: parts.trustees.host)
        self.places = Places(facts, self.conductor.journal.size - len(facts))
        self.progress = Progress()
        self.sheets: dict[BidNumber, PriceSheet] = {}
        """Price sheets that could be read already; nobody is shown them before the record."""
        self._sheets_window = ""
        self._bids: dict[BidNumber, _Bid] = {}
        self._looked: dict[BidNumber, object] = {}
        """Bids that await bytes, each with what its file was like when it was last seen to be damaged."""
        self._whole: set[BidNumber] = set()
        """Bids that awaited bytes and have been seen to be whole since."""
        self._paused_by = ""
        self._allowed: set[str] = set()
        self.dark = DarkBids(lambda: self.conductor.session, self._opened_document, self._give, parts.now)
        self._take(facts)
        self._changed = asyncio.Event()
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._reading: set[asyncio.Task[None]] = set()
        self._owed_ms = self._downtime()
        self._told = ""
        self._log = structlog.get_logger(__name__).bind(session=self.conductor.id)
        self.conductor.listeners.append(self._committed)
        parts.trustees.on_change = self._wake
        parts.submissions.resupply.on_whole = self._is_whole_again

    @property
    def ceremony(self) -> Ceremony:
        """Return the opening as the journal has it."""
        return self.conductor.session.ceremony

    # --- facts --------------------------------------------------------------------------------------------------

    def _committed(self, committed: Committed) -> None:
        self.places.take(committed.facts)
        self._take(committed.facts)
        self._wake()

    def _take(self, facts: Sequence[Fact]) -> None:
        self.dark.take(facts)
        for fact in facts:
            match fact.event:
                case sf.CeremonyPaused():
                    self._paused_by = fact.actor
                case sf.CeremonyResumed():
                    if self._paused_by == HOST_ACTOR and fact.actor != HOST_ACTOR:
                        self._allowed.add(self.ceremony.current)
                    self._paused_by = ""
                case sf.WindowOpened():
                    self._allowed.discard(fact.event.window)
                case _:
                    pass

    def _wake(self) -> None:
        self._changed.set()
        self.parts.submissions.hall.wake()

    # --- life ---------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Lead the ceremony until cancelled; cancelling loses nothing that the journal or the disk does not hold."""
        try:
            while True:
                self._changed.clear()
                pause = await self._step()
                try:
                    async with asyncio.timeout(pause):
                        await self._changed.wait()
                except TimeoutError:
                    continue
        finally:
            await self._stop_asking()
            await self.dark.close()

    async def _step(self) -> float:
        """Do what is due; return in how many seconds to look again if nothing happens."""
        if self.places.size != self.conductor.session.size:
            return LOOK_S  # the fold runs ahead of the disk: what is not committed has not happened
        step = _STEPS.get(self.ceremony.state)
        if step is None or self.conductor.session.closed:
            return 60.0
        try:
            await step(self)
        except (EvalroomError, OSError) as error:
            self._tell(error)
            return RETRY_S
        self._told = ""
        return LOOK_S

    def _tell(self, error: EvalroomError | OSError) -> None:
        """Log why a step was not done, once as long as it is the same."""
        code = _code(error)
        detail = error.detail if isinstance(error, EvalroomError) else {"problem": str(error)}
        if (code, str(detail)) != (self._told, ""):
            self._told = code
            self._log.info("opening_waits", state=self.ceremony.state, code=code, detail=detail)

    async def _give(self, command: Command) -> None:
        host = self.conductor.session.host_site
        await self.conductor.give(Order(command, self.parts.now(), HOST_ACTOR, host, Role.HOST))

    # --- before the opening -------------------------------------------------------------------------------------

    async def _arm(self) -> None:
        """Have the drafted policy signed by every trustee, once the witnesses have seen it."""
        if self.ceremony.policy is None:
            return
        text = self.ceremony.policy.encode().decode()
        trustees = [one.name for one in self.ceremony.policy.trustees]
        entries = [0, *self.places.last(sf.PolicyDrafted)]
        for name in trustees:
            entries += self.places.last(sf.TrusteeKeyPublished, name)
        await self.parts.trustees.sign(text, await self.parts.proofs.of(entries))

    async def _have_acknowledged(self) -> None:
        """Ask for every ack that is missing: after a restart nobody else does."""
        trustees = {one.name for one in self.ceremony.terms.trustees}
        for number, handed in tuple(self.ceremony.handed.items()):  # others come in while a head is read
            if not handed.gone and trustees - handed.acks.keys():
                head = (await self._bid(number)).head
                self.parts.trustees.acknowledge(number, head.head, head.size)

    async def _bid(self, number: BidNumber) -> _Bid:
        """Return a bid as it lies here.

        Raises:
            AwaitingBytes: what lies here is not what was handed in.
        """
        if number not in self._bids:
            try:
                head, size = await self.parts.submissions.head(number)
                envelope = await asyncio.to_thread(self._envelope, number, size)
            except (EvalroomError, OSError) as error:
                raise AwaitingBytes(bid=number) from error
            if envelope.digest.hex() != self.ceremony.handed[number].event.digest:
                raise AwaitingBytes(bid=number)
            self._bids[number] = _Bid(SealedHead(number, head, size), envelope)
        return self._bids[number]

    def _envelope(self, number: BidNumber, size: int) -> Envelope:
        """Open the stored envelope, its head seen to be the one handed in.

        The digest is over the tail: a bit that turned in a core would make every right half look wrong.
        """
        uploads = self.parts.submissions.uploads
        with uploads.reading(number) as read:
            envelope = open_envelope(read, size, self.ceremony.terms, bytes.fromhex(number))
            if not uploads.begins_as_it_came(number, read, size, envelope.parts[0].offset):
                for _ in check_root(envelope, read):  # perhaps the hashes alone are damaged
                    pass
        return envelope

    # --- a window: until it is closed ---------------------------------------------------------------------------

    async def _open_window(self) -> None:
        """Open the next window once its hour has come, its gate has passed and its officers are there."""
        window = self.ceremony.next_window()
        if window is None or not self.ceremony.officers.get(window.name):
            return
        if self.parts.now() < max(self.ceremony.terms.deadline, window.opens_at or 0):
            return
        await self._session_key(window.name)
        self._mark_alive()
        self.parts.submissions.parts.notary.hurry()
        await self._give(OpenWindow(window.name))

    async def _session_key(self, window: str) -> bytes:
        """Return the window's session key, and show it in the hall."""
        key = await self.parts.trustees.host.session_key(self.tender, window)
        self.parts.submissions.hall.session_keys[window] = encode_base64(key)
        return key

    async def _unseal(self) -> None:
        """Keep the window open until all halves are in or its time is over."""
        window = self.ceremony.current
        fault = await self._fault(window)
        missing = self.ceremony.missing_halves(window)
        await self._pause_or_go_on(fault)
        self._mark_alive()
        record = self.ceremony.windows[window]
        if not self.ceremony.paused and (not missing or self.parts.now() >= record.until):
            await self._give(CloseWindow(window))

    async def _fault(self, window: str) -> str:
        """Return why no window may run out now; nothing when the platform is in order."""
        host = next(one.name for one in self.ceremony.terms.trustees if one.kind is TrusteeKind.HOST)
        try:
            await self._session_key(window)
        except EvalroomError as error:
            self.parts.trustees.note(host, error)
            return f"the host's own agent does not answer ({code_of(error)})"
        self.parts.trustees.heard(host)
        if self._owed_ms and self.ceremony.missing_halves(window):
            return self._owed()
        self._owed_ms = 0
        return ""

    def _owed(self) -> str:
        """Return why the time that the host was away is not over yet."""
        paused_at = self.ceremony.paused_at
        if paused_at is not None and self.parts.now() - paused_at >= self._owed_ms:
            self._owed_ms = 0
            return ""
        return f"the host was away for {self._owed_ms // 1000} s, which are given back"

    async def _pause_or_go_on(self, fault: str) -> None:
        """Pause for a fault of the platform, and end a pause of the host's own once it is mended."""
        if fault and not self.ceremony.paused:
            await self._give(PauseCeremony(fault))
        elif not fault and self.ceremony.paused and self._paused_by == HOST_ACTOR:
            await self._give(ResumeCeremony("what was missing is there again"))

    def _mark_alive(self) -> None:
        path = self.parts.folder / "alive"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    def _downtime(self) -> int:
        """Return for how many ms the host was away while a window was open; nothing when it was not."""
        path = self.parts.folder / "alive"
        if self.ceremony.state is not CeremonyState.UNSEALING or not path.exists():
            return 0
        away = int((time.time() - path.stat().st_mtime) * 1000)
        return away if away > DOWN_MS else 0

    # --- releases -----------------------------------------------------------------------------------------------

    async def release(self, number: BidNumber, window: str, sealed: bytes) -> None:
        """Take what a bidder released for a window; the same again changes nothing.

        Cancelling leaves it released or to be released again; the hall says which.

        Raises:
            NoWindowOpen, UnknownBid: there is nothing to release now.
            WrapNotOpened, HalfMismatch: it is not this bid's; it may be released again with the right key.
            ReleaseNotTaken: the platform's fault: it is noted, and time is given.
        """
        record = self.ceremony.windows.get(window)
        if record is None or window != self.ceremony.current:
            raise NoWindowOpen(window=window[:64])
        if number not in record.bids:
            raise UnknownBid(bid=number[:40], window=window)
        if record.halves.get(number):
            return
        if self.ceremony.state is not CeremonyState.UNSEALING or not sealed or len(sealed) > MAX_SEALED:
            raise NoWindowOpen(window=window[:64], state=self.ceremony.state)
        try:
            bid = await self._bid(number)
            parts = self.ceremony.parts_of(window)
            await self.released.take_half(window, bid.envelope, parts, sealed)
        except (WrapNotOpened, HalfMismatch) as error:
            await self._note_wrong(number, window, sealed, error.code)
            raise
        except (LocalFault, AgentRefused, OSError) as error:
            await asyncio.to_thread(self._mark_failed, window, number)
            raise ReleaseNotTaken(bid=number, cause=_code(error)) from error
        await self._note_half(sf.HalfReleased(window, number, sealed_digest(sealed), good=True, cause=""))
        self._failed_path(window, number).unlink(missing_ok=True)

    async def _note_wrong(self, number: BidNumber, window: str, sealed: bytes, cause: str) -> None:
        if self.ceremony.windows[window].tries.get(number, 0) < NOTED_TRIES:
            digest = sealed_digest(sealed)
            await self._note_half(sf.HalfReleased(window, number, digest, good=False, cause=cause))

    async def _note_half(self, act: sf.HalfReleased) -> None:
        host = self.conductor.session.host_site
        order = Order(ActAsBidder(act), self.parts.now(), BIDDER_ACTOR, host, Role.BIDDER)
        outcome = await self.conductor.submit(order)
        if outcome is not None and not isinstance(outcome, AlreadyDone):
            raise outcome

    def _mark_failed(self, window: str, number: BidNumber) -> None:
        path = self._failed_path(window, number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    def _failed_path(self, window: str, number: BidNumber) -> Path:
        """Return the mark of a release that failed through the platform's fault."""
        return self.parts.folder / "failed" / f"{window}.{number}"

    # --- combining: shares --------------------------------------------------------------------------------------

    async def _combine(self) -> None:
        """Gather shares until every bid has a quorum, then find out what each bid is and record it."""
        window = self.ceremony.current
        record = self.ceremony.windows[window]
        await self._look_at_awaited(record)
        whole = [one for one in record.bids if await self._is_here(one)]
        due = [one for one in whole if one not in record.missing]
        fault = self._platform_fault(window, record) or self._damage(window, record)
        if not fault:
            await self._restore_halves(window, due)
            await self._ask_for_shares(window, due)
            fault = self._why_few(window, [one for one in due if self._lacks_shares(window, one)])
        await self._pause_or_go_on(fault)
        lacking = [one for one in due if self._lacks_shares(window, one)]
        if not self.ceremony.paused and (not lacking or self._is_allowed(window, lacking)):
            await self._judge(window, record, whole)

    def _platform_fault(self, window: str, record: WindowRecord) -> str:
        """Name the bids whose release failed here: people may give time as long as no share has left."""
        failed = [one for one in record.missing if self._failed_path(window, one).exists()]
        if not failed or record.shares or window in self._allowed:
            return ""
        names = ", ".join(self.names()[one] for one in failed)
        return f"releases of {names} failed at the host: extend the window, or resume to go on without them"

    def _damage(self, window: str, record: WindowRecord) -> str:
        """Name the bids whose bytes are damaged here, until people have restored them or given them up."""
        waiting = [one for one in self._awaited(record) if one not in self._whole]
        if not waiting or window in self._allowed:
            return ""
        names = ", ".join(self.names()[one] for one in waiting)
        return (
            f"bytes of {names} are damaged here: let the bidder send the same file again, or restore it from a backup; "
            "resume to go on without"
        )

    def _awaited(self, record: WindowRecord) -> list[BidNumber]:
        return [one for one, told in record.verdicts.items() if told.verdict is Verdict.AWAITING_BYTES]

    async def _look_at_awaited(self, record: WindowRecord) -> None:
        """Read bids anew whose bytes are awaited and whose file has changed: a backup may have been restored."""
        for number in self._awaited(record):
            state = await asyncio.to_thread(_file_state, self.parts.submissions.uploads.path(number))
            if number not in self._whole and self._looked.get(number) != state:
                self._bids.pop(number, None)
                if await self._is_whole(number):
                    self._is_whole_again(number)
                self._looked[number] = state

    async def _is_whole(self, number: BidNumber) -> bool:
        try:
            bid = await self._bid(number)
        except AwaitingBytes:
            return False
        return await asyncio.to_thread(self._has_root, number, bid.envelope)

    def _has_root(self, number: BidNumber, envelope: Envelope) -> bool:
        try:
            with self.parts.submissions.uploads.reading(number) as read:
                for _ in check_root(envelope, read):
                    pass
        except (RootMismatch, BytesMissing, OSError):
            return False
        return True

    def _is_whole_again(self, number: BidNumber) -> None:
        """Go on with a bid; at any instant, for its bidder may bring it at any: nothing is forgotten that work in hand needs."""
        self._whole.add(number)
        self._wake()

    async def _is_here(self, number: BidNumber) -> bool:
        try:
            await self._bid(number)
        except AwaitingBytes:
            return False
        return True

    async def _restore_halves(self, window: str, whole: Sequence[BidNumber]) -> None:
        if self.ceremony.terms.mode is not Mode.SITES:
            parts = self.ceremony.parts_of(window)
            for number in whole:
                await self.released.restore_half(window, (await self._bid(number)).envelope, parts)

    async def _ask_for_shares(self, window: str, whole: Sequence[BidNumber]) -> None:
        """Ask each trustee for its shares, all at once; who is late is asked again and holds up nobody."""
        if not whole or not self.ceremony.terms.n:
            return
        bids = {one: await self._bid(one) for one in whole}
        for place, trustee in enumerate(self.ceremony.terms.trustees, 1):
            known = trustee.name in self._asking
            if not known and not self._has_given(window, trustee.name, place, whole):
                ask = self._gather(window, trustee.name, place, bids)
                self._asking[trustee.name] = asyncio.create_task(ask)
                self._asking[trustee.name].add_done_callback(partial(self._asked, trustee.name))

    def _asked(self, name: str, task: "asyncio.Task[None]") -> None:
        self._asking.pop(name, None)
        if not task.cancelled() and task.exception() is not None:
            self._log.error("shares_not_taken", trustee=name, error=repr(task.exception()))
        self._wake()

    def _has_given(self, window: str, name: str, place: int, whole: Sequence[BidNumber]) -> bool:
        """Say whether a trustee's shares stand in the journal and, where they are right, are known here."""
        given = self.ceremony.windows[window].shares
        pairs = [(number, part) for number in whole for part in self.ceremony.parts_of(window)]
        good = [given.get(pair, {}).get(name) for pair in pairs]
        here = (place in self.released.shares(window, *pair) for pair in pairs)
        return all(one is not None and (known or not one) for one, known in zip(good, here, strict=True))

    async def _gather(self, window: str, name: str, place: int, bids: Mapping[BidNumber, _Bid]) -> None:
        """Get one trustee's shares, from the disk or from its agent, and take them into the journal."""
        while self.ceremony.state is CeremonyState.COMBINING and self.ceremony.current == window:
            try:
                await self._gather_once(window, name, place, bids)
            except (EvalroomError, OSError) as error:
                fault = error if isinstance(error, EvalroomError) else LocalFault(problem=str(error))
                self.parts.trustees.note(name, fault)
                self._wake()
                await asyncio.sleep(RETRY_S)
            else:
                self.parts.trustees.heard(name)
                return

    async def _gather_once(self, window: str, name: str, place: int, bids: Mapping[BidNumber, _Bid]) -> None:
        given = await asyncio.to_thread(self.released.kept_shares, window, name)
        if given is None or {one.bid for one in given} < bids.keys():
            evidence, all_released = await self._release_evidence(window)
            given = await self.parts.trustees.release(
                name,
                window,
                await self._session_key(window),
                [one.head for one in bids.values()],
                evidence,
                all_released=all_released,
            )
        envelopes: dict[str, Envelope] = {number: one.envelope for number, one in bids.items()}
        told = await self.released.take_shares(
            window, (name, place), given, envelopes, lambda: self._first_shares(window)
        )
        known = self.ceremony.windows[window].shares
        new = tuple(one for one in told if name not in known.get((one.bid, one.part), {}))
        if new:
            await self.parts.trustees.give(sf.ShareReleased(window, name, new))

    def _first_shares(self, window: str) -> None:
        """The shares of price sheets are known: read those at once that have a quorum."""
        task = asyncio.create_task(self.read_sheets(window))
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    async def _release_evidence(self, window: str) -> tuple[Evidence, bool]:
        """Return what an agent wants to see before it releases, and whether all who are still in have released."""
        record = self.ceremony.windows[window]
        gate = next(one.gate for one in self.ceremony.terms.windows if one.name == window)
        entries = [*self.places.last(sf.BidsClosed), *self.places.last(ev.EVENTS[gate])]
        out = self._judged_out(window)
        waited = [one.bid for one in self.ceremony.listed if one.bid not in out]
        all_released = all(record.halves.get(number) for number in waited)
        if all_released:
            for number in waited:
                entries += self.places.last(sf.HalfReleased, window, number)
            for number, earlier in out.items():
                entries += self.places.last(sf.BidJudged, earlier, number)
        else:
            entries += self.places.all(sf.WindowOpened, window) + self.places.all(sf.WindowExtended, window)
        return await self.parts.proofs.of(entries), all_released

    def _judged_out(self, window: str) -> dict[BidNumber, str]:
        """Return the bids that an earlier window did not open, each with that window: nobody waits for their halves."""
        told = (self.ceremony.verdict(one.bid) for one in self.ceremony.listed)
        return {
            one.bid: one.window
            for one in told
            if one is not None and one.window != window and one.verdict is not Verdict.OPENED
        }

    def _lacks_shares(self, window: str, number: BidNumber) -> bool:
        if not self.ceremony.terms.n:
            return False
        parts = self.ceremony.parts_of(window)
        fewest = min(self._known_shares(window, number, part) for part in parts)
        return fewest < self.ceremony.terms.k

    def _known_shares(self, window: str, number: BidNumber, part: PartName) -> int:
        journalled = self.ceremony.good_shares(window, number, part)
        return min(journalled, len(self.released.shares(window, number, part)))

    def _why_few(self, window: str, lacking: Sequence[BidNumber]) -> str:
        """Say why the ceremony stands still for want of shares; nothing as long as they may still come."""
        if not lacking or self._is_allowed(window, lacking):
            return ""
        names = [one.name for one in self.ceremony.terms.trustees]
        told = self.parts.trustees.silent
        silent = [name for name in names if told.get(name, NOT_YET) != NOT_YET]
        if len(names) - len(silent) < self.ceremony.terms.k:
            said = ", ".join(f"{name} ({told[name]})" for name in silent)
            return f"too few trustees, {self.ceremony.terms.k} are needed; missing: {said}"
        if not self._asking:
            return f"{len(lacking)} bids have too few shares that agree with their commitments"
        return ""

    def _is_allowed(self, window: str, lacking: Sequence[BidNumber]) -> bool:
        """Say whether people have decided to go on although some bids have too few shares."""
        return bool(lacking) and window in self._allowed and not self._asking

    async def _stop_asking(self) -> None:
        tasks = [*self._asking.values(), *self._reading]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- combining: verdicts ------------------------------------------------------------------------------------

    async def _judge(self, window: str, record: WindowRecord, whole: Sequence[BidNumber]) -> None:
        """Find out what every bid of the window is, and write verdicts and record down together."""
        found = {one: self._lost(one) for one in record.bids if one not in whole}
        found |= await self.examine_bids(window, sorted(whole, key=self._handed_in))
        over = window in self._allowed
        rulings = {one: rule(what.seen, over=over) for one, what in found.items()}
        rulings |= dict.fromkeys(superseded(_named(found, rulings)), SUPERSEDED)
        damaged = [one for one, what in found.items() if not what.seen.bytes_good]
        if damaged and not over:
            await self._await_bytes(window, record, damaged)
            return
        verdicts = [self._verdict(window, found[one], rulings[one]) for one in record.bids]
        text = self._record(window, verdicts, found).text()
        digest = hashlib.sha256(text.encode()).hexdigest()
        sealed = await asyncio.to_thread(self._seal_keys, verdicts, found)
        await self._give(NoteOpening((*verdicts, sf.OpeningRecorded(window, text, digest), *sealed)))
        self.released.forget(window)

    def _seal_keys(
        self, verdicts: Sequence[sf.BidJudged], found: Mapping[BidNumber, Found]
    ) -> list[sf.PartKeySealed]:
        """Wrap the content keys that stay unpublished to every recipient: with the record they are there or not at all."""
        opened = [told.bid for told in verdicts if told.verdict is Verdict.OPENED]
        return [
            seal_key(self._bids[number].envelope, part, key, recipient.name)
            for number in opened
            for part, key in found[number].seen.keys.items()
            if part not in PUBLIC_PARTS
            for recipient in self.ceremony.terms.recipients
        ]

    def _lost(self, number: BidNumber) -> Found:
        """Return what is seen of a bid of which not even head and tail are what was handed in."""
        return Found(number, Observed(bytes_good=False))

    def _handed_in(self, number: BidNumber) -> int:
        """Return at which entry a bid was handed in."""
        return self.places.last(sf.BidSubmitted, number)[0]

    async def _await_bytes(self, window: str, record: WindowRecord, damaged: Sequence[BidNumber]) -> None:
        """Say whose bytes are damaged; the next look stands still until people have restored them or given them up."""
        for number in damaged:
            self._bids.pop(number, None)
            self._whole.discard(number)
            path = self.parts.submissions.uploads.path(number)
            self._looked[number] = await asyncio.to_thread(_file_state, path)
        new = [one for one in damaged if one not in record.verdicts]
        if new:
            waiting = rule(Observed(bytes_good=False))
            told = (self._verdict(window, self._lost(one), waiting) for one in new)
            await self._give(NoteOpening(tuple(told)))

    async def examine_bids(self, window: str, numbers: Sequence[BidNumber]) -> dict[BidNumber, Found]:
        """Look at texts, have content keys kept, then read every byte of every bid once."""
        dues = [await self._due(window, one) for one in numbers]
        total = sum(due.envelope.body for due in dues)
        async with AsyncExitStack() as stack:
            slots = await _slots(stack, len(dues), apart=total >= WORTH_A_PROCESS)
            found = await asyncio.to_thread(lambda: [self._look(one) for one in dues])
            for one in found:
                for part, key in one.seen.keys.items():
                    await self.keys.keep(one.number, part, key)
            begun = dict.fromkeys((due.number for due in dues), 0)  # threads change values, never the keys
            self.progress = Progress(total, begun)
            showing = asyncio.create_task(self._show_progress())
            alone = len(dues) == 1
            pairs = zip(dues, found, strict=True)
            tasks = (self._examine_one(due, one, slots, alone=alone) for due, one in pairs)
            try:
                return {one.number: one for one in await asyncio.gather(*tasks)}
            finally:
                showing.cancel()
                self.parts.submissions.hall.verified = None

    async def _show_progress(self) -> None:
        """Tell the hall how far the bytes have been verified, until cancelled."""
        while True:
            self.parts.submissions.hall.verified = self.progress.percent
            self.parts.submissions.hall.wake()
            await asyncio.sleep(LOOK_S)

    async def _due(self, window: str, number: BidNumber) -> Due:
        parts, bid = self.ceremony.parts_of(window), await self._bid(number)
        shares = {part: self.released.shares(window, number, part) for part in parts}
        names = enumerate((one.name for one in self.ceremony.terms.trustees), 1)
        acked = frozenset(place for place, name in names if self.ceremony.acked(name, number))
        halves = self.released.halves(window, number) or None
        return Due(number, bid.envelope, parts, Released(halves, shares, acked))

    def _look(self, due: Due) -> Found:
        """See what a bid is before its big parts are read; of one without halves see why."""
        window = self.ceremony.current
        if due.released.halves is None and self.ceremony.terms.mode is not Mode.SITES:
            wrong = bool(self.ceremony.windows[window].tries.get(due.number))
            half = HalfSeen.WRONG if wrong else HalfSeen.MISSING
            green = not self._failed_path(window, due.number).exists()
            return Found(due.number, Observed(half=half if green else HalfSeen.MISSING, probes_green=green))
        try:
            with self.parts.submissions.uploads.reading(due.number) as read:
                found = look(due, read, frozenset(self.conductor.session.lots))
        except OSError:  # gone, or a sector that does not read
            return self._lost(due.number)
        return replace(found, bidder=found.bidder or self._known_as(due.number))

    def _known_as(self, number: BidNumber) -> str:
        """Return the bidder's name as an earlier window's record has it."""
        rows = (one.rows.get(number) for one in self.ceremony.windows.values())
        return next((row.bidder for row in rows if row and row.bidder), "")

    async def _examine_one(self, due: Due, found: Found, slots: Slots, *, alone: bool) -> Found:
        """Read every byte of a bid as soon as a slot is free, by the slot's child or, without one, by a thread."""
        told = partial(self.progress.done.__setitem__, due.number)
        uploads = self.parts.submissions.uploads

        def here() -> Found:
            try:
                with uploads.reading(due.number) as read:
                    return after_reading(
                        found, read_all(due.envelope, found.seen.keys, read, told, alone=alone)
                    )
            except OSError:
                return self._lost(due.number)

        reader = await slots.get()
        try:
            if reader is not None:
                path = uploads.path(due.number)
                seen = await reader.read(path, due.envelope, found.seen.keys, told, alone=alone)
                if seen is not None:
                    return after_reading(found, seen)
            return await asyncio.to_thread(here)
        finally:
            slots.put_nowait(reader)

    async def read_sheets(self, window: str) -> None:
        """Read all price sheets as soon as each has its quorum, before anything else is done."""
        record = self.ceremony.windows[window]
        parts = [one for one in self.ceremony.parts_of(window) if one in SHEET_PARTS]
        due = [one for one in record.bids if one not in record.missing and one in self._bids]
        places = [len(self.released.shares(window, one, part)) for one in due for part in parts]
        enough = min(places, default=0) >= self.ceremony.terms.k
        if parts and enough and self._sheets_window != window:
            self._sheets_window = window
            dues = [await self._due(window, one) for one in due]
            self.sheets = await asyncio.to_thread(lambda: self._sheets_of(dues, parts))
            self._log.info("price_sheets_readable", window=window, bids=len(self.sheets))

    def _sheets_of(self, dues: Sequence[Due], parts: Sequence[PartName]) -> dict[BidNumber, PriceSheet]:
        sheets = {}
        for due in dues:
            for part in parts:
                try:
                    with self.parts.submissions.uploads.reading(due.number) as read:
                        sheets[due.number] = read_sheet(due, part, read)
                except (
                    EvalroomError,
                    OSError,
                ) as error:  # the examination says what is wrong and whose matter it is
                    self._log.info("sheet_not_read", bid=due.number, code=_code(error))
        return sheets

    # --- combining: what is written down ------------------------------------------------------------------------

    def names(self) -> dict[BidNumber, str]:
        """Return by which name each listed bid goes: B01, B02, … in the order of the closed list."""
        width = max(2, len(str(len(self.ceremony.listed))))
        return {one.bid: f"B{place:0{width}}" for place, one in enumerate(self.ceremony.listed, 1)}

    def _verdict(self, window: str, found: Found, ruling: Ruling) -> sf.BidJudged:
        evidence = self._evidence(window, found.number)
        return judged(window, found.number, ruling, found.parts, evidence, self.parts.key)

    def _evidence(self, window: str, number: BidNumber) -> tuple[int, ...]:
        """Return the entries that a verdict follows from: the bid, its acks, its release, the shares, the window's end."""
        places = self.places
        entries = places.last(sf.BidSubmitted, number) + places.last(sf.WindowClosed, window)
        entries += places.all(sf.HalfReleased, window, number)
        for one in self.ceremony.terms.trustees:
            entries += places.all(sf.BidAcknowledged, one.name, number)
            entries += places.all(sf.ShareReleased, window, one.name)
        return tuple(sorted(entries))

    def _record(
        self, window: str, verdicts: Sequence[sf.BidJudged], found: Mapping[BidNumber, Found]
    ) -> Record:
        names, rows = self.names(), []
        for told in verdicts:
            what, opened = found[told.bid], told.verdict is Verdict.OPENED
            prices = what.sheet.prices if opened and what.sheet else ()
            bidder = what.bidder if opened else ""
            rows.append(
                RecordRow(names[told.bid], told.bid, bidder, told.verdict, told.cause, told.party, prices)
            )
        return Record(self.tender, self.ceremony.sha256, window, tuple(rows))

    # --- after a record -----------------------------------------------------------------------------------------

    async def _opened(self) -> None:
        """Publish what everybody may have, let bids join their lots, go on to the next window or to the end."""
        facts: list[sf.OpeningEvent] = [*await self._keys_to_publish(), *self._admissions()]
        if facts:
            await self._give(NoteOpening(tuple(facts)))
        for order in self._dark_admissions():
            await self._give(order)
        self.dark.search()
        prices = list(self._prices())
        if prices:
            await self._give(NoteOpening(tuple(prices)))
        if self.ceremony.next_window() is not None:
            await self._open_window()
        else:
            await self._destroy()

    async def _keys_to_publish(self) -> list[sf.PartKeyPublished]:
        found = []
        for window, record in self.ceremony.windows.items():
            for part in (one for one in self.ceremony.parts_of(window) if one in PUBLIC_PARTS):
                for number, told in record.verdicts.items():
                    new = (number, part) not in self.ceremony.published
                    if told.verdict is Verdict.OPENED and new and record.recorded:
                        key = await self.keys.key(number, part)
                        found.append(sf.PartKeyPublished(number, part, key.hex()))
        return found

    def _admissions(self) -> list[sf.BidAdmitted]:
        """Return the bids of the first window that have not joined their lots yet."""
        first = self.ceremony.windows[self.ceremony.terms.windows[0].name]
        here = {(one.lot, one.number) for one in self.ceremony.admitted.values()}
        if self.conductor.session.stage is not Stage.OPENING:
            return []
        lots, dark = list(self.conductor.session.lots), self.conductor.session.dark_parts()
        return [
            sf.BidAdmitted(lot, BidId(name), number, first.rows[number].bidder, self._documents(number))
            for number in self.ceremony.standing()
            for lot, name in self._places_in(first.rows[number], lots)
            if (lot, number) not in here and lot not in dark
        ]

    def _dark_admissions(self) -> list[AdmitDarkBids]:
        """Return the orders by which the first window's bids join the dark lots that none has joined yet.

        All bids of a lot join at once: a second draw would tell who came later.
        """
        session = self.conductor.session
        if session.stage is not Stage.OPENING:
            return []
        rows = self.ceremony.windows[self.ceremony.terms.windows[0].name].rows
        taken, lots = set(self.ceremony.admitted), list(session.lots)
        joined = {one.lot for one in self.ceremony.admitted.values()}
        orders = []
        for lot in (one for one in session.dark_parts() if one not in joined):
            numbers = [
                number
                for number in self.ceremony.standing()
                if lot in {place for place, _ in self._places_in(rows[number], lots)}
            ]
            if numbers:
                orders.append(draw_admission(lot, numbers, taken))
                taken |= {one.bid for one in orders[-1].bids}
        return orders

    def _places_in(self, row: RecordRow, lots: Sequence[LotId]) -> list[tuple[LotId, str]]:
        """Return the lots a bid stands in, those it has a price for, with its id in each."""
        priced = [lot for lot in lots if lot in {one.lot for one in row.prices}] or list(lots)
        return [(lot, row.bid if len(lots) == 1 else f"{row.bid}-{lot}") for lot in priced]

    def _documents(self, number: BidNumber) -> tuple[sf.OpenedPart, ...]:
        told = [one.verdicts[number] for one in self.ceremony.windows.values() if number in one.verdicts]
        return tuple(part for one in told for part in one.parts if part.part in DOCUMENT_PARTS)

    def _prices(self) -> list[sf.PriceRead]:
        record, dark = (
            self.ceremony.windows.get(self.ceremony.price_window()),
            self.conductor.session.dark_parts(),
        )
        if record is None or not record.recorded:
            return []
        return [
            sf.PriceRead(one.lot, bid, price.price_fen)
            for bid, one in self.ceremony.admitted.items()
            if one.lot not in dark
            if bid not in self.ceremony.prices and one.number in record.rows
            for price in record.rows[one.number].prices
            if price.lot == one.lot
        ]

    async def _destroy(self) -> None:
        """Have the trustees destroy their keys: the opening is over; the host's last, for members may still be reading."""
        waiting = {one.name for one in self.ceremony.terms.trustees if self._may_go(one)}
        if waiting <= self.ceremony.destroyed or self.conductor.session.rosters_waiting():
            return
        entries = self.places.last(sf.OpeningAborted)
        for one in self.ceremony.terms.windows if not entries else ():
            entries += self.places.last(sf.OpeningRecorded, one.name)
        await self.parts.trustees.destroy(waiting, await self.parts.proofs.of(entries))

    def _may_go(self, trustee: Trustee) -> bool:
        over = self.ceremony.state is CeremonyState.ABORTED or self.conductor.session.stage in LAST_STAGES
        return over or trustee.kind is not TrusteeKind.HOST

    # --- documents ----------------------------------------------------------------------------------------------

    async def document(self, bid: BidId, part: PartName) -> SealedDocument:
        """Return an opened document of a bid on the sheets, masked as long as the bid is dark.

        Raises:
            Unknown: no such bid.
            StillDark: it names its bidder, whom nobody may know yet.
            NotOpened: it was not opened, or is none.
            LocalFault: its key or bytes cannot be had now.
        """
        session, admitted = self.conductor.session, self.ceremony.admitted.get(bid)
        if admitted is None:
            raise Unknown(bid=bid[:64])
        if not self.dark.is_dark(bid):
            return await self._opened_document(admitted.number, part)
        if part in DOCUMENT_PARTS and not may_read_part(session, admitted.lot, part):
            raise StillDark(bid=bid, part=part)
        return await self.dark.document(bid, part)

    async def _opened_document(self, number: BidNumber, part: PartName) -> SealedDocument:
        opened = next((one for one in self._documents(number) if one.part is part), None)
        if opened is None or number not in self.ceremony.standing():
            raise NotOpened(bid=number[:40], part=part)
        key = await self.keys.key(number, part)
        bid = await self._bid(number)
        uploads = self.parts.submissions.uploads
        return SealedDocument(opened.sha256, opened.size, uploads, bid.envelope, part, key)

    def find(self, sha256: str) -> tuple[BidId, PartName] | None:
        """Return the bid on the sheets, and its part, that a site asks for by this name: a digest, of a dark one a tag."""
        for bid, one in self.ceremony.admitted.items():
            for part in self._documents(one.number) if not self.dark.is_dark(bid) else ():
                if part.sha256 == sha256:
                    return bid, part.part
        return self.dark.find(sha256)


Step = Callable[[Opening], Awaitable[None]]

_STEPS: Mapping[CeremonyState, Step] = {
    CeremonyState.DRAFTED: Opening._arm,  # noqa: SLF001 - a table of the class's own methods
    CeremonyState.ACCEPTING: Opening._have_acknowledged,  # noqa: SLF001
    CeremonyState.CLOSED: Opening._open_window,  # noqa: SLF001
    CeremonyState.UNSEALING: Opening._unseal,  # noqa: SLF001
    CeremonyState.COMBINING: Opening._combine,  # noqa: SLF001
    CeremonyState.OPENED: Opening._opened,  # noqa: SLF001
    CeremonyState.ABORTED: Opening._destroy,  # noqa: SLF001
}
"""State to what is due in it; in the others there is nothing to do but wait."""


def _file_state(path: Path) -> object:
    """Return what changes when a file is written or put back; blocks."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_ino, facts.st_size, facts.st_mtime_ns


def _code(error: EvalroomError | OSError) -> str:
    return code_of(error) if isinstance(error, EvalroomError) else "disk"


def _named(
    found: Mapping[BidNumber, Found], rulings: Mapping[BidNumber, Ruling]
) -> list[tuple[BidNumber, bytes]]:
    """Return number and certificate of the bids that open, in the order in which they were handed in."""
    return [
        (number, what.seen.certificate)
        for number, what in found.items()
        if rulings[number].verdict is Verdict.OPENED
    ]
