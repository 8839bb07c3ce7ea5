"""Signs checkpoints of a session's journal and gathers the witnesses' cosignatures.

A checkpoint goes to every witness every ten seconds while the journal grows, and at once when somebody waits
for it: the group unlock and the close need a quorum; scoring and recording never wait (archive.md §1).  A
witness that saw another history is not "absent": that is `WitnessRefused`, and nothing can be closed.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from evalroom import events as ev
from evalroom.clarification import AnswerEntered, QuestionAnswered, QuestionUnanswered
from evalroom.commands import HostFact, NoteFacts, Order, UnlockGroup
from evalroom.errors import EvalroomError
from evalroom.ids import HOST_ACTOR, SessionId, SiteId
from evalroom.ledger.base64 import encode_base64
from evalroom.ledger.checkpoint import (
    Checkpoint,
    SignedCheckpoint,
    check_cosignature,
    open_checkpoint,
    sign_checkpoint,
    with_cosignatures,
)
from evalroom.ledger.note import (
    BadNoteSignature,
    Note,
    SigningKey,
    VerifierKey,
    parse_signature_line,
    parse_vkey,
)
from evalroom.ledger.witness import AddCheckpoint
from evalroom.protocol.messages import Cosign, WitnessRefusal
from evalroom.roles import Role
from main_site.services.conductor import Committed, Conductor
from main_site.store import journal as store
from signaling.clock import monotonic_ms
from signaling.database import Writer

LATE_MS = 30_000
"""A witness silent for this long is named in the journal; it holds up nothing but unlock and close."""

KEPT_NOTES = 64
"""Checkpoints remembered while their cosignatures may still come."""


class Witnesses(Protocol):
    """The way to the witnesses: the site links."""

    def ask_witness(self, site: SiteId, session: SessionId, request: AddCheckpoint) -> bool:
        """Send a request; say whether the site can be reached now."""
        ...


_AWAITED = (ev.SheetLocked, ev.CheckpointCosigned, QuestionAnswered, AnswerEntered, QuestionUnanswered)
"""Facts of which one may have been the last that an unlock waited for."""


@dataclass(slots=True)
class _Witness:
    """One witness as the host sees it: the size it knows, the size it cosigned for us, and when (monotonic ms)."""

    site: SiteId
    key: VerifierKey
    size: int = 0
    signed: int = 0
    cosigned: int = field(default_factory=monotonic_ms)
    late: bool = False
    refused: bool = False


class Notary:
    """Checkpoints and cosignatures of one session."""

    def __init__(
        self,
        conductor: Conductor,
        key: SigningKey,
        writer: Writer,
        witnesses: Witnesses,
        now: Callable[[], int],
    ) -> None:
        """Begin for an open session; witnesses are those of its first entry."""
        self._conductor = conductor
        self._key = key
        self._writer = writer
        self._links = witnesses
        self._now = now
        self._witnesses = {
            one.site: _Witness(one.site, parse_vkey(one.vkey)) for one in conductor.session.keys.witnesses
        }
        self._notes: dict[int, Note] = {}
        self._urgent = asyncio.Event()
        self._final = asyncio.Event()
        self.cosigned_ms: int | None = None
        self._log = structlog.get_logger(__name__).bind(session=conductor.id)
        conductor.listeners.append(self._committed)

    @property
    def quorum(self) -> int:
        """Return how many witnesses make a quorum."""
        return self._conductor.session.keys.quorum

    def state(self) -> str:
        """Say in a word how the witnesses look: none, current, waiting or refused."""
        if any(one.refused for one in self._witnesses.values()):
            return "refused"
        if not self._witnesses:
            return "none"
        return "waiting" if any(one.late for one in self._witnesses.values()) else "current"

    def _committed(self, committed: Committed) -> None:
        if any(
            isinstance(fact.event, ev.SheetLocked | ev.SessionClosed | ev.StageChanged)
            for fact in committed.facts
        ):
            self._urgent.set()
        if any(isinstance(fact.event, _AWAITED) for fact in committed.facts):
            self._unlock_ready()

    def _unlock_ready(self) -> None:
        session = self._conductor.session
        for lot, part in session.open_parts():
            if session.ready_to_unlock(lot, part):
                self._conductor.submit(self._order(UnlockGroup(lot, part)))

    def _order(self, command: UnlockGroup | NoteFacts) -> Order:
        session = self._conductor.session
        return Order(command, self._now(), HOST_ACTOR, session.host_site, Role.HOST)

    # --- asking -----------------------------------------------------------------------------------------

    async def run(self, interval: float) -> None:
        """Ask the witnesses every `interval` seconds and whenever it is urgent, until cancelled."""
        self._unlock_ready()
        while True:
            with contextlib.suppress(TimeoutError):
                # Not `wait_for`: before Python 3.12 it swallows a cancellation that meets the event.
                async with asyncio.timeout(interval):
                    await self._urgent.wait()
            self._urgent.clear()
            self._ask_all()
            self._note_late()

    def connected(self, site: SiteId) -> None:
        """A witness's link is up: ask it now rather than at the next beat."""
        if site in self._witnesses:
            self._urgent.set()

    def hurry(self) -> None:
        """Somebody waits for a quorum: ask the witnesses now rather than at the next beat."""
        self._urgent.set()

    def _ask_all(self) -> None:
        checkpoint = self._conductor.journal.checkpoint()
        if checkpoint.size == 0 or not self._has_news(checkpoint):
            return
        for witness in self._witnesses.values():
            if witness.signed < checkpoint.size:
                self._ask(witness, checkpoint)
        if not self._witnesses:
            self._final.set()

    def _has_news(self, checkpoint: Checkpoint) -> bool:
        """Say whether more was written than the note about the last quorum itself."""
        session = self._conductor.session
        return session.closed or checkpoint.size > session.cosigned + 1 or session.cosigned == 0

    def _ask(self, witness: _Witness, checkpoint: Checkpoint) -> None:
        note = self._notes.get(checkpoint.size) or sign_checkpoint(checkpoint, self._key)
        self._notes[checkpoint.size] = note
        while len(self._notes) > KEPT_NOTES:
            self._notes.pop(next(iter(self._notes)))
        proof: tuple[bytes, ...] = ()
        if witness.size:
            proof = tuple(self._conductor.journal.tree.consistency_proof(witness.size, checkpoint.size))
        self._links.ask_witness(witness.site, self._conductor.id, AddCheckpoint(witness.size, proof, note))

    def _note_late(self) -> None:
        for witness in self._witnesses.values():
            late = monotonic_ms() - witness.cosigned > LATE_MS and not self._conductor.session.closed
            if late and not witness.late:
                self._conductor.submit(self._facts(ev.WitnessLate(witness.site)))
            witness.late = late

    # --- answers ------------------------------------------------------------------------------------------

    async def take_cosignature(self, site: SiteId, message: Cosign) -> None:
        """Take a witness's answer: verified, kept on disk, and noted in the journal once a quorum is there.

        Cancelling leaves the checkpoint with or without this cosignature; it will be asked for again.

        Raises:
            PeerFault: the answer is no cosignature of this checkpoint by this witness.
        """
        witness = self._witnesses.get(site)
        note = self._notes.get(message.size)
        if witness is None or note is None or any(one.belongs_to(witness.key) for one in note.signatures):
            return  # asked twice, answered twice: a second signature would spoil the note
        lines = [parse_signature_line(line) for line in message.lines.splitlines(keepends=False)]
        if not lines:
            raise BadNoteSignature(key=witness.key.name, reason="no cosignature")
        for line in lines:
            check_cosignature(line, witness.key, note.text)
        note = with_cosignatures(note, lines)
        signed = self._opened(note)
        self._notes[message.size] = note
        await self._writer.write(
            lambda db: store.put_checkpoint(
                db, self._conductor.id, message.size, note.encode(), len(signed.cosignatures)
            )
        )
        witness.size = max(witness.size, message.size)
        witness.signed = max(witness.signed, message.size)
        witness.cosigned, witness.late = monotonic_ms(), False
        witness.refused = False
        if len(signed.cosignatures) == self.quorum:
            self._quorum_reached(signed)

    def _opened(self, note: Note) -> SignedCheckpoint:
        keys = [one.key for one in self._witnesses.values()]
        return open_checkpoint(note.encode(), self._key.verifier, keys)

    def _quorum_reached(self, signed: SignedCheckpoint) -> None:
        self.cosigned_ms = self._now()
        session = self._conductor.session
        if session.closed:
            if signed.checkpoint.size == self._conductor.journal.size:
                self._final.set()
            return
        names = tuple(sorted(one.key.name for one in signed.cosignatures))
        root = encode_base64(signed.checkpoint.root)
        self._conductor.submit(self._facts(ev.CheckpointCosigned(signed.checkpoint.size, root, names)))

    def take_refusal(self, site: SiteId, message: WitnessRefusal) -> None:
        """Take a witness's refusal: a mere difference in size is mended, another history is an alarm."""
        witness = self._witnesses.get(site)
        if witness is None:
            return
        if (
            message.status == 409
            and 0 <= message.size <= self._conductor.journal.size
            and message.reason == "size"
        ):
            witness.size = message.size
            self._urgent.set()
            return
        if not witness.refused:
            witness.refused = True
            self._log.error("witness_refused", site=site, status=message.status, reason=message.reason)
            self._conductor.submit(self._facts(ev.WitnessRefused(site, message.reason[:200])))

    def _facts(self, event: ev.HostEvent) -> Order:
        return self._order(NoteFacts((HostFact(self._now(), event),)))

    # --- the end --------------------------------------------------------------------------------------------

    async def finish(self) -> list[bytes]:
        """Wait for the quorum over the closed journal and return all kept checkpoints, the last one last.

        Cancelling leaves the session closed and its archive unbuilt.
        """
        self._urgent.set()
        await self._final.wait()
        with self._writer.engine.connect() as db:
            notes = store.read_checkpoints(db, self._conductor.id)
        if self.quorum == 0:
            notes.append(sign_checkpoint(self._conductor.journal.checkpoint(), self._key).encode())
        return notes


def log_refusal(error: EvalroomError, site: SiteId) -> None:
    """Log an answer of a witness that could not be taken."""
    structlog.get_logger(__name__).warning("bad_cosignature", site=site, code=error.code)
