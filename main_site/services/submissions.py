"""Handing in sealed bids: announced, uploaded in pieces, inspected, written into the journal, acknowledged by a receipt.

A bidder has no account: its number is what it asks with, its envelope key what it proves itself by.  The deadline is
the host's clock when the bid's entry is written, some milliseconds after `submit` was read: leaves are hashed as they
come, so that nothing long is left to do.  Refused with a code: whatever comes too late, too large, twice under one number, or is not the envelope
that was announced.  A late trustee, a cut link or a silent time-stamp authority never refuses a bid: its receipt is
provisional until they answer.
"""

import asyncio
import hashlib
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hmac import compare_digest
from pathlib import Path
from typing import Protocol
from weakref import WeakValueDictionary

import structlog

from evalroom.commands import (
    ActAsBidder,
    CloseBids,
    Command,
    DraftPolicy,
    NoteOpening,
    OpenSubmissions,
    Order,
)
from evalroom.errors import PeerFault, Refusal
from evalroom.events import Fact
from evalroom.ids import BIDDER_ACTOR, HOST_ACTOR, BidNumber
from evalroom.ledger.canonical import Json
from evalroom.ledger.checkpoint import parse_checkpoint, sign_checkpoint
from evalroom.ledger.note import SigningKey, parse_note
from evalroom.roles import Role
from evalroom.sealing import custody
from evalroom.sealing import facts as sf
from evalroom.sealing.ceremony import Ceremony, CeremonyState
from evalroom.sealing.envelope import FRAME, Envelope, open_envelope
from evalroom.sealing.policy import MalformedPolicy, Policy, Recipient, check_policy
from evalroom.sealing.receipt import issue_receipt
from evalroom.sealing.rules import BidExists, DeadlinePassed, NotAccepting, TooLarge, UnknownBid
from evalroom.sealing.stream import ReadAt, read_exactly
from evalroom.sealing.trailer import LEAF
from evalroom.session import Unknown
from main_site.services.conductor import Committed, Conductor
from main_site.services.hall import BEFORE_CLOSE, Hall, state_of
from main_site.services.notary import Notary
from main_site.services.resupply import Resupply
from main_site.services.timestamps import BadTimeStamp, TimeStamps
from main_site.store import bids as store
from main_site.store import journal as journal_store
from main_site.store.bids import Announcement, PieceMismatch, Uploads
from main_site.template.sealing import SealingTerms, policy_from
from recorder.disk import LEVELS, usage_of
from signaling.database import Writer
from signaling.problems import DiskFull
from signaling.register import TooManyTries

RECEIPT_PATIENCE_S = 0.8
"""How long an answer to `submit` waits for cosignatures and time stamp: with the inspection it stays below a second."""

STALLED_S = 60.0
"""A piece of which nothing has come for this long is given up; the bidder sends it again."""

ABANDONED_S = 24 * 3600
"""An announced bid of which no piece came for this long gives its room back; announced again, it begins anew."""

LOOK_S = 1.0
HOUSEKEEPING_S = 600.0
STAMP_RETRY_S = 5.0

SHORTEST_DIGEST = 16
"""Hex digits: 64 bits of a hash nobody else has seen; at any rate a host answers that is out of reach of guessing."""

_NUMBER = re.compile(r"[0-9a-f]{32}")
_HASH = re.compile(r"[0-9a-f]{64}")


class UnknownTender(Unknown):
    """No tender by that name takes or opens sealed bids here: look at the list of tenders, or at the notice."""

    code = "unknown_tender"


class PiecesMissing(Refusal):
    """Not all of the bid is here yet: what came is safe.  Send the pieces that are missing, then submit again."""

    code = "pieces_missing"


class MalformedBid(PeerFault):
    """Number, digest, root or signature of the bid do not have their form; nothing was taken in.  Send them as sealed."""

    code = "malformed_bid"


class UploadMismatch(PeerFault):
    """What came is not the envelope that was announced: it was dropped.  Send all pieces again from the sealed file."""

    code = "upload_mismatch"


class PieceStalled(PeerFault):
    """A piece stopped coming, or was sent anew meanwhile: pieces that are here are safe; send this one again."""

    code = "piece_stalled"


class TooManyUploads(TooManyTries):
    """Too much is on its way at once: what is here is safe.  Finish a bid that was begun, or come back in an hour."""

    code = "too_many_uploads"


class NoRoomForBid(DiskFull):
    """The host's disk has no room for a bid of this size: nothing was taken in.  Tell the centre; try again later."""

    code = "no_room_for_bid"


class DigestNeeded(Refusal):
    """This is for the bid's own bidder: give the digest, as key file, receipt and paper have it."""

    code = "digest_needed"


class OtherRecord(Refusal):
    """This is not the record that stands: nothing was confirmed.  Look at the hall, read the record, and sign that one."""

    code = "other_record"


class Trustees(Protocol):
    """The trustees' agents, as submission needs them.  What they answer goes to the journal by itself."""

    async def publish(self, suites: Sequence[int]) -> None:
        """Have every agent make and publish its keys for this tender; those that answered stand in the journal then."""
        ...

    def acknowledge(self, bid: BidNumber, head: bytes, size: int) -> None:
        """Ask every agent to check its own share; `head` is the envelope's head and tail, `size` the file's length."""
        ...


class AbsentTrustees:
    """What a host without agents has: nobody publishes, nobody acknowledges."""

    async def publish(self, suites: Sequence[int]) -> None:
        """Do nothing: nobody is asked."""

    def acknowledge(self, bid: BidNumber, head: bytes, size: int) -> None:
        """Do nothing: nobody is asked."""


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """How much may be on its way: bids of a tender, bids and bytes of one address; cover entries an hour."""

    announced: int = 200
    per_address: int = 8
    bytes_per_address: int = 40 << 30
    cover_per_hour: float = 30.0


@dataclass(frozen=True, slots=True)
class SubmissionParts:
    """What submissions work with; the composition root puts it together."""

    conductor: Conductor
    notary: Notary
    key: SigningKey
    writer: Writer
    folder: Path
    now: Callable[[], int]
    limits: UploadLimits = field(default_factory=UploadLimits)
    recipients: Callable[[], Sequence[Recipient]] = tuple
    time_stamps: TimeStamps | None = None


class Submissions:
    """The bids of one sealed session on their way in, until the list is closed; then what is asked about them."""

    def __init__(self, parts: SubmissionParts, facts: Sequence[Fact] = ()) -> None:
        """Go on from the facts of a session that is taken up again, or from none, and from what lies in the folder."""
        self.parts = parts
        conductor = parts.conductor
        self.hall = Hall(lambda: self.ceremony, conductor.kept, conductor.journal.size - len(facts))
        self.hall.take(facts)
        self.trustees: Trustees = AbsentTrustees()
        self.uploads = Uploads(parts.folder / "bids")
        self.resupply = Resupply(self.uploads, lambda: self.ceremony)
        with parts.writer.engine.connect() as db:
            known = store.read_announced(db, parts.conductor.id)
            self._stamped = store.last_stamp(db, parts.conductor.id)
        self._announced = {one.bid: one for one in known}
        self._addresses: dict[BidNumber, str] = {}
        self._tickets: dict[tuple[BidNumber, int], object] = {}
        self._locks: WeakValueDictionary[BidNumber, asyncio.Lock] = WeakValueDictionary()
        self._late: set[BidNumber] = set()
        self._grown = asyncio.Event()
        self._log = structlog.get_logger(__name__).bind(session=parts.conductor.id)
        parts.conductor.listeners.append(self._committed)

    @property
    def tender(self) -> str:
        """Return the id of the tender in policies and addresses: the session's."""
        return self.parts.conductor.id

    @property
    def ceremony(self) -> Ceremony:
        """Return the opening as the journal leaves it."""
        return self.parts.conductor.session.ceremony

    def counts(self, bid: BidNumber) -> bool:
        """Say whether a bid is submitted and neither withdrawn nor replaced."""
        known = self.ceremony.handed.get(bid)
        return known is not None and not known.gone

    def _committed(self, committed: Committed) -> None:
        self.hall.take(committed.facts)
        if any(isinstance(fact.event, _URGENT) for fact in committed.facts):
            self.parts.notary.hurry()
        self._wake()

    def _wake(self) -> None:
        self._grown.set()
        self._grown = asyncio.Event()

    # --- the policy ---------------------------------------------------------------------------------------

    async def draft(self, terms: SealingTerms) -> str:
        """Have the trustees publish their keys, put a policy before them, and return its SHA-256.

        Raises:
            MalformedPolicy, UnknownSuite: keys are missing, or the terms cannot be met.
            ArchiveKeyUnreadable: the file of an archive key cannot be read.
            Refusal: the session is past that.
        """
        await self.trustees.publish(terms.suites)
        recipients = await asyncio.to_thread(self.parts.recipients)
        policy = policy_from(terms, self.tender, list(self.ceremony.keys.values()), recipients)
        check_policy(policy)
        if policy.deadline <= self.parts.now():
            raise MalformedPolicy(reason="the deadline is over", deadline=policy.deadline)
        for code in policy.suites:
            policy.check_suite(code).check_available()
        text = policy.encode()
        sha256 = hashlib.sha256(text).hexdigest()
        await self.parts.conductor.give(self._by_host(DraftPolicy(text.decode(), sha256)))
        return sha256

    async def open(self) -> str:
        """Take bids in from now on, under the policy that all trustees signed; return its SHA-256."""
        await self.parts.conductor.give(self._by_host(OpenSubmissions(self.ceremony.sha256)))
        return self.ceremony.sha256

    def policy(self) -> tuple[bytes, str, dict[str, str]]:
        """Return policy.json verbatim, its SHA-256 and the trustees' signatures.

        Raises:
            NotAccepting: it is not signed by every trustee yet.
        """
        if not self.published:
            raise NotAccepting(tender=self.tender, state=self.ceremony.state)
        return self._terms().encode(), self.ceremony.sha256, dict(self.ceremony.signed)

    @property
    def published(self) -> bool:
        """Say whether there is a policy that every trustee has signed."""
        return self.ceremony.state is not CeremonyState.DRAFTED

    def _terms(self) -> Policy:
        if self.ceremony.policy is None:
            raise NotAccepting(tender=self.tender, state=self.ceremony.state)
        return self.ceremony.policy

    def _check_open(self, at: int) -> Policy:
        """Return the policy while bids are taken in.

        Raises:
            NotAccepting, DeadlinePassed: they are not.
        """
        policy = self._terms()
        if self.ceremony.state in (CeremonyState.DRAFTED, CeremonyState.ARMED):
            raise NotAccepting(tender=self.tender, state=self.ceremony.state)
        if at >= policy.deadline or self.ceremony.state is not CeremonyState.ACCEPTING:
            raise DeadlinePassed(tender=self.tender, deadline=policy.deadline, now=at)
        return policy

    # --- announcing ---------------------------------------------------------------------------------------

    async def announce(self, one: Announcement, address: str) -> list[int]:
        """Take note of a bid to come and return which of its pieces are here; the same again changes nothing.

        Raises:
            NotAccepting, DeadlinePassed, BidExists, UnknownBid, ForgedBidderAct: it cannot come any more, or not so.
            MalformedBid, TooLarge, TooManyUploads, NoRoomForBid: it cannot be taken in.
        """
        policy = self._check_open(self.parts.now())
        _check_form(one, policy)
        async with self._lock(one.bid):
            known = self._announced.get(one.bid)
            if known is None:
                await self._admit(one, address)
            elif known != one:
                raise BidExists(bid=one.bid)
            self._addresses[one.bid] = address
            return await asyncio.to_thread(self.uploads.have, one)

    async def _admit(self, one: Announcement, address: str) -> None:
        if one.bid in self.ceremony.handed:
            raise BidExists(bid=one.bid)
        if one.replaces:
            await self._check_replacement(one)
        self._check_limits(one, address)
        self._announced[one.bid] = one  # before the first wait: the next one counts it in
        try:
            await asyncio.to_thread(self._check_room, one)
            await asyncio.to_thread(self.uploads.begin, one)
            await self.parts.writer.write(lambda db: store.announce(db, self.parts.conductor.id, one))
        except BaseException:
            del self._announced[one.bid]
            raise

    async def _check_replacement(self, one: Announcement) -> None:
        """Demand the earlier bid's signature now: after the upload it would be too late to send another."""
        if not self.counts(BidNumber(one.replaces)):
            raise UnknownBid(bid=one.replaces)
        earlier = await self.envelope(BidNumber(one.replaces))
        message = custody.replace_message(self.tender, one.replaces, one.bid, bytes.fromhex(one.digest))
        custody.verify_bidder(earlier.suite, earlier.envelope_key, message, one.signature)

    def _unfinished(self) -> list[Announcement]:
        return [one for one in self._announced.values() if one.bid not in self.ceremony.handed]

    def _check_limits(self, one: Announcement, address: str) -> None:
        limits, unfinished = self.parts.limits, self._unfinished()
        mine = [other for other in unfinished if self._addresses.get(other.bid) == address]
        if len(unfinished) >= limits.announced:
            raise TooManyUploads(announced=len(unfinished))
        if len(mine) >= limits.per_address:
            raise TooManyUploads(here=len(mine), limit=limits.per_address)
        if sum(other.size for other in mine) + one.size > limits.bytes_per_address:
            raise TooManyUploads(limit_bytes=limits.bytes_per_address)

    def _check_room(self, one: Announcement) -> None:
        """Refuse a bid for which the disk has no room beside what is promised already and what the journal needs."""
        usage = usage_of(self.parts.folder)
        kept = usage.total * (100 - LEVELS[0][0]) // 100
        promised = sum(other.size - self.uploads.written(other) for other in self._unfinished())
        if usage.free - kept < promised:  # `one` is among them
            raise NoRoomForBid(bid=one.bid, size=one.size)

    # --- pieces -------------------------------------------------------------------------------------------

    async def piece(self, bid: BidNumber, index: int, sha256: bytes, stream: AsyncIterator[bytes]) -> None:
        """Take one piece; on return it is on the disk.  Cancelling leaves it to be sent again, all others here.

        Raises:
            NotAccepting, DeadlinePassed, UnknownBid: the bid is not on its way.
            PieceMismatch, PieceStalled: the piece was not taken; others stay.
        """
        self._check_open(self.parts.now())
        one = self._announcement(bid)
        piece = await asyncio.to_thread(self.uploads.piece, one, index)
        ticket = self._tickets[bid, index] = object()
        try:
            async for leaf in _leaves(stream, piece.size):
                async with self._lock(bid):
                    self._check_ticket(bid, index, ticket)
                    await asyncio.to_thread(piece.take, leaf)
            async with self._lock(bid):
                self._check_ticket(bid, index, ticket)
                await asyncio.to_thread(piece.finish, sha256)
        finally:
            if self._tickets.get((bid, index)) is ticket:
                del self._tickets[bid, index]

    def _check_ticket(self, bid: BidNumber, index: int, ticket: object) -> None:
        """Refuse to go on with a piece that is being sent anew, or whose bid is gone: two writers would mix."""
        if self._tickets.get((bid, index)) is not ticket or bid not in self._announced:
            raise PieceStalled(bid=bid, index=index)

    def _announcement(self, bid: BidNumber) -> Announcement:
        one = self._announced.get(bid)
        if one is None:
            raise UnknownBid(bid=bid[:64])
        return one

    def _lock(self, bid: BidNumber) -> asyncio.Lock:
        return self._locks.setdefault(bid, asyncio.Lock())

    # --- submitting ---------------------------------------------------------------------------------------

    async def submit(self, bid: BidNumber) -> bytes:
        """Inspect a bid that is all here, write it into the journal, and return its receipt; again, return it again.

        Cancelling leaves the bid submitted or to be submitted again; `status` says which.

        Raises:
            NotAccepting, DeadlinePassed, UnknownBid: too late, or never announced.
            PiecesMissing, UploadMismatch: not all of it, or not what was announced, has come.
            MalformedEnvelope, ForeignEnvelope, PolicyRefuses, UnknownSuite, BadEnvelopeSignature,
            MalformedSealingKey: it is no bid of this tender; it was dropped.
        """
        if not self.counts(bid):
            self._check_open(self.parts.now())
            self._announcement(bid)
        # A bid counts a moment before its entry is durable: whoever asks again then waits for the first to be through.
        async with self._lock(bid):
            if not self.counts(bid):
                await self._submit(self._announcement(bid))
        return await self._first_receipt(bid)

    async def _submit(self, one: Announcement) -> None:
        try:
            envelope, head = await asyncio.to_thread(self._inspect, one)
        except UploadMismatch:
            await asyncio.to_thread(self._begin_anew, one)
            raise
        except PeerFault:
            await self._forget(one.bid)
            raise
        key = b""
        if one.replaces:
            key = (await self._keep_ends(BidNumber(one.replaces))).envelope_key
        event = sf.BidSubmitted(
            bid=one.bid,
            suite=envelope.suite.code,
            size=one.size,
            root=one.root,
            digest=one.digest,
            replaces=one.replaces,
            signature=one.signature,
        )
        await self.parts.conductor.give(self._by_bidder(event, key))
        await asyncio.to_thread(self.uploads.keep, one.bid)
        if one.replaces:
            await self._forget(BidNumber(one.replaces))
        self.trustees.acknowledge(one.bid, head, one.size)

    def _inspect(self, one: Announcement) -> tuple[Envelope, bytes]:
        """Check all that needs no key, and the root; return the envelope, and its head and tail."""
        here = set(self.uploads.have(one))
        missing = [index for index in range(one.pieces) if index not in here]
        if missing:
            raise PiecesMissing(bid=one.bid, missing=len(missing), first=missing[0])
        with self.uploads.reading(one.bid) as read:
            envelope = open_envelope(read, one.size, self._terms(), bytes.fromhex(one.bid))
            if (envelope.digest.hex(), envelope.root.hex()) != (one.digest, one.root):
                raise UploadMismatch(bid=one.bid, problem="another envelope")
            if self.uploads.root(one.bid, read, envelope.body) != envelope.root:
                raise UploadMismatch(bid=one.bid, problem="root")
            return envelope, _ends(envelope, read)

    def _begin_anew(self, one: Announcement) -> None:
        self.uploads.drop(one.bid)
        self.uploads.begin(one)

    async def _forget(self, bid: BidNumber) -> None:
        """Drop an announcement and the bytes that came; the journal keeps what was written there."""
        await self.parts.writer.write(lambda db: store.forget(db, self.parts.conductor.id, bid))
        self._announced.pop(bid, None)
        self._addresses.pop(bid, None)
        await asyncio.to_thread(self.uploads.drop, bid)

    async def envelope(self, bid: BidNumber) -> Envelope:
        """Return a bid's envelope, opened from its head and tail.

        Raises:
            UnknownBid: nobody announced it.
        """
        one = self._announcement(bid)

        def work() -> Envelope:
            with self.uploads.reading(bid) as read:
                return open_envelope(read, one.size, self._terms(), bytes.fromhex(bid))

        return await asyncio.to_thread(work)

    async def _keep_ends(self, bid: BidNumber) -> Envelope:
        """Keep what proves later who took a bid back: head and tail, before the journal says that it is gone."""
        envelope = await self.envelope(bid)

        def work() -> None:
            with self.uploads.reading(bid) as read:
                self.uploads.keep_ends(bid, _ends(envelope, read))

        await asyncio.to_thread(work)
        return envelope

    # --- what a bidder does later ---------------------------------------------------------------------------

    async def withdraw(self, bid: BidNumber, signature: str) -> None:
        """Take a bid back, or give up one that was only announced; its bytes are deleted.

        Raises:
            DeadlinePassed, NotAccepting, UnknownBid: it cannot be taken back any more, or is not here.
            EvalroomError: the signature is not that of the bid's envelope key.
        """
        self._check_open(self.parts.now())
        async with self._lock(bid):
            self._announcement(bid)
            if self.counts(bid):
                key = (await self._keep_ends(bid)).envelope_key
                await self.parts.conductor.give(self._by_bidder(sf.BidWithdrawn(bid, signature), key))
            await self._forget(bid)

    async def confirm(self, bid: BidNumber, window: str, sha256: str, objection: str, signature: str) -> None:
        """Take a bidder's confirmation of a window's record, or its objection.

        Raises:
            UnknownBid, OtherRecord: there is no such bid or record.
            EvalroomError: the signature is not that of the bid's envelope key.
        """
        record = self.ceremony.windows.get(window)
        if record is None or not record.recorded or record.sha256 != sha256:
            raise OtherRecord(window=window[:64], sha256=sha256[:64])
        key = (await self.envelope(bid)).envelope_key
        fact = sf.RecordConfirmed(window, bid, objection, signature)
        await self.parts.conductor.give(self._by_bidder(fact, key))

    def check_asker(self, bid: BidNumber, digest: str) -> None:
        """Let whoever knows the bid's digest, or how it begins, pass; before the list is closed the number alone is as good.

        Head and receipt tell how long an envelope and its parts are, by which whoever reads a dark document could find
        the number that the hall shows beside a name.

        Raises:
            DigestNeeded: a lot is dark, the list is closed, and this is not the bid's digest.
        """
        handed = self.ceremony.handed.get(bid)
        public = self.ceremony.state not in BEFORE_CLOSE and self.parts.conductor.session.dark_parts()
        if handed and public and not _begins_so(handed.event.digest, digest):
            raise DigestNeeded(bid=bid[:64])

    def check_bidder(self, bid: BidNumber, digest: str) -> None:
        """Let nobody pass but whoever knows the digest of a bid that was handed in, in any lot.

        Raises:
            UnknownBid: there is no such bid.
            DigestNeeded: this is not its digest.
        """
        handed = self.ceremony.handed.get(bid)
        if handed is None:
            raise UnknownBid(bid=bid[:64])
        if not _begins_so(handed.event.digest, digest):
            raise DigestNeeded(bid=bid)

    def status(self, bid: BidNumber) -> dict[str, Json]:
        """Return where a bid stands, once listed with its verdict.

        Raises:
            UnknownBid: nobody announced it.
        """
        if self.ceremony.state not in BEFORE_CLOSE and self.counts(bid):
            return state_of(self.ceremony, bid)
        if bid in self.ceremony.handed:
            return {"state": "submitted" if self.counts(bid) else "withdrawn"}
        if bid in self._late:
            return {"state": "withdrawn"}
        self._announcement(bid)
        open_still = (
            self.ceremony.state is CeremonyState.ACCEPTING and self.parts.now() < self._terms().deadline
        )
        return {"state": "announced" if open_still else "withdrawn"}

    async def head(self, bid: BidNumber) -> tuple[bytes, int]:
        """Return a submitted envelope's head and tail, one behind the other, and the length of the whole.

        Raises:
            UnknownBid: there is no such bid.
        """
        if not self.counts(bid):
            raise UnknownBid(bid=bid[:64])
        envelope = await self.envelope(bid)

        def work() -> bytes:
            with self.uploads.reading(bid) as read:
                return _ends(envelope, read)

        return await asyncio.to_thread(work), envelope.size

    # --- receipts -------------------------------------------------------------------------------------------

    async def receipt(self, bid: BidNumber) -> bytes:
        """Return a bid's receipt as it stands now: with a quorum's cosignatures and a time stamp once they are there.

        Raises:
            UnknownBid: the bid was never submitted.
        """
        index = self.hall.entry_of(bid)
        if index is None:
            raise UnknownBid(bid=bid[:64])
        return await asyncio.to_thread(self._receipt, index)

    def _receipt(self, index: int) -> bytes:
        session = self.parts.conductor.id
        with self.parts.writer.engine.connect() as db:
            entry = next(journal_store.read(db, session, index)).entry
            stamped = store.find_stamp(db, session, index)
            cosigned = journal_store.find_checkpoint(db, session, index, self.parts.notary.quorum)
        journal = self.parts.conductor.journal
        note, token = stamped or (cosigned or self._own_note(), None)
        parsed = parse_note(note)
        size = parse_checkpoint(parsed.text).size
        path = tuple(journal.tree.inclusion_proof(index, size))
        return issue_receipt(self.tender, entry, path, parsed, token).encode()

    def _own_note(self) -> bytes:
        """Return a checkpoint over everything so far, signed by the log alone."""
        return sign_checkpoint(self.parts.conductor.journal.checkpoint(), self.parts.key).encode()

    def _is_final(self, index: int) -> bool:
        stamped = self.parts.time_stamps is None or self._stamped > index
        return stamped and self._is_cosigned(index)

    def _is_cosigned(self, index: int) -> bool:
        return self.parts.notary.quorum == 0 or self.parts.conductor.session.cosigned > index

    async def _first_receipt(self, bid: BidNumber) -> bytes:
        """Return the receipt as soon as it is final, or as it is after a short wait."""
        index = self.hall.entry_of(bid)
        if index is None:
            raise UnknownBid(bid=bid)
        with suppress(TimeoutError):
            async with asyncio.timeout(RECEIPT_PATIENCE_S):
                while not self._is_final(index):
                    await self._grown.wait()
        return await self.receipt(bid)

    # --- work of its own --------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Close the list at the deadline, make cover, have receipts stamped, drop what was abandoned; until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._close_at_deadline())
            group.create_task(self._cover())
            group.create_task(self._tidy())
            if self.parts.time_stamps is not None:
                group.create_task(self._stamp(self.parts.time_stamps))

    async def _close_at_deadline(self) -> None:
        while not self._is_over():
            with suppress(TimeoutError):
                async with asyncio.timeout(self._until_deadline_s()):
                    await self._grown.wait()
        while self.ceremony.state is CeremonyState.ACCEPTING:
            await self._close()
        await self._drop_unfinished()

    def _is_over(self) -> bool:
        if self.ceremony.state in (CeremonyState.DRAFTED, CeremonyState.ARMED):
            return False
        return (
            self.ceremony.state is not CeremonyState.ACCEPTING or self.parts.now() >= self._terms().deadline
        )

    def _until_deadline_s(self) -> float:
        """Return how long to wait before the next look: never long, for somebody may set the clock."""
        if self.ceremony.state is not CeremonyState.ACCEPTING:
            return LOOK_S
        return min(LOOK_S, max(self._terms().deadline - self.parts.now(), 1) / 1000)

    async def _close(self) -> None:
        """Give the order that closes the list; it is refused, and given again, until a quorum has cosigned every bid."""
        outcome = await self.parts.conductor.submit(self._by_host(CloseBids()))
        if outcome is None:
            return
        self._log.info("bids_not_closed_yet", code=outcome.code, detail=outcome.detail)
        self.parts.notary.hurry()
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S):
                await self._grown.wait()

    async def _drop_unfinished(self) -> None:
        """Delete what was announced and not submitted: it counts as withdrawn."""
        for one in self._unfinished():
            async with self._lock(one.bid):
                # First, or whoever asks while the file is being deleted hears that there never was such a bid.
                self._late.add(one.bid)
                await self._forget(one.bid)

    async def _cover(self) -> None:
        """Write entries that say nothing, at random, in bursts as long as a submission with its acks is."""
        while self.ceremony.state in (CeremonyState.DRAFTED, CeremonyState.ARMED, CeremonyState.ACCEPTING):
            rate = self.parts.limits.cover_per_hour / 3600
            await asyncio.sleep(_DICE.expovariate(rate) if rate else LOOK_S)
            if rate and self.ceremony.state is CeremonyState.ACCEPTING:
                burst = _DICE.randint(1, len(self._terms().trustees) + 2)
                noise = tuple(sf.CoverMade(secrets.token_hex(_DICE.randint(16, 512))) for _ in range(burst))
                outcome = await self.parts.conductor.submit(self._by_host(NoteOpening(noise)))
                if outcome is not None:  # a pause, or the list was closed meanwhile
                    self._log.info("no_cover", code=outcome.code)

    async def _tidy(self) -> None:
        while self.ceremony.state is not CeremonyState.DESTROYED:
            await asyncio.sleep(HOUSEKEEPING_S)
            await self.drop_abandoned(time.time())

    async def drop_abandoned(self, now: float) -> None:
        """Give back the room of bids of which nothing has come for a day; `now` in seconds since 1970."""
        for one in self._unfinished():
            async with self._lock(one.bid):
                idle = now - await asyncio.to_thread(self.uploads.touched, one.bid)
                if idle > ABANDONED_S and one in self._unfinished():
                    await self._forget(one.bid)

    async def _stamp(self, authority: TimeStamps) -> None:
        """Have a cosigned checkpoint over every submitted bid stamped; a silent authority is asked again and again."""
        while True:
            newest = max(self.hall.entries(), default=-1)
            if newest < self._stamped or not self._is_cosigned(newest):
                await self._grown.wait()
                continue
            try:
                await self._stamp_over(authority, newest)
            except BadTimeStamp as error:
                self._log.warning("no_time_stamp", detail=error.detail)
                await asyncio.sleep(STAMP_RETRY_S)

    async def _stamp_over(self, authority: TimeStamps, index: int) -> None:
        session = self.parts.conductor.id
        with self.parts.writer.engine.connect() as db:
            note = journal_store.find_checkpoint(db, session, index, self.parts.notary.quorum)
        note = note or self._own_note()
        size = parse_checkpoint(parse_note(note).text).size
        token = await authority.stamp(note)
        await self.parts.writer.write(lambda db: store.put_stamp(db, session, size, note, token))
        self._stamped = max(self._stamped, size)
        self._wake()

    # --- orders -----------------------------------------------------------------------------------------------

    def _by_host(self, command: Command) -> Order:
        host = self.parts.conductor.session.host_site
        return Order(command, self.parts.now(), HOST_ACTOR, host, Role.HOST)

    def _by_bidder(self, act: sf.BidderEvent, key: bytes) -> Order:
        host = self.parts.conductor.session.host_site
        return Order(ActAsBidder(act, key), self.parts.now(), BIDDER_ACTOR, host, Role.BIDDER)


_DICE = secrets.SystemRandom()

_URGENT = (sf.BidSubmitted, sf.BidWithdrawn, sf.CoverMade, sf.BidsClosed, sf.PolicySigned)
"""Facts after which the witnesses are asked at once; cover is among them, so that haste tells nothing."""


def _begins_so(digest: str, shown: str) -> bool:
    """Say whether `shown` is the digest (hex) or at least its first 64 bits: as much as people copy from a paper."""
    whole = digest[: len(shown)].encode()
    return len(shown) >= SHORTEST_DIGEST and compare_digest(whole, shown.encode())


def _check_form(one: Announcement, policy: Policy) -> None:
    """Refuse an announcement that no envelope can fit.

    Raises:
        MalformedBid, TooLarge: with the point that is wrong.
    """
    if not _NUMBER.fullmatch(one.bid) or (one.replaces and not _NUMBER.fullmatch(one.replaces)):
        raise MalformedBid(problem="a number is 32 lower-case hex digits")
    if not _HASH.fullmatch(one.digest) or not _HASH.fullmatch(one.root):
        raise MalformedBid(problem="digest and root are 64 lower-case hex digits each")
    if bool(one.replaces) != bool(one.signature) or one.replaces == one.bid:
        raise MalformedBid(problem="a replacement names another bid and is signed, any other bid neither")
    if one.size > policy.max_size:
        raise TooLarge(size=one.size, limit=policy.max_size)
    if one.size < FRAME:
        raise MalformedBid(problem="shorter than an empty envelope", size=one.size)


async def _leaves(stream: AsyncIterator[bytes], most: int) -> AsyncIterator[bytearray]:
    """Cut a body into leaves of 1 MiB.

    Raises:
        PieceMismatch: it is longer than `most`.
        PieceStalled: nothing came for a minute.
    """
    leaf, size = bytearray(), 0
    while (data := await _next(stream)) is not None:
        size += len(data)
        if size > most:
            raise PieceMismatch(problem="longer than the piece", size=most)
        leaf += data
        while len(leaf) >= LEAF:
            yield leaf[:LEAF]
            leaf = leaf[LEAF:]
    if leaf:
        yield leaf


async def _next(stream: AsyncIterator[bytes]) -> bytes | None:
    try:
        async with asyncio.timeout(STALLED_S):
            return await anext(stream, None)
    except TimeoutError as error:
        raise PieceStalled(problem="nothing came for a minute") from error


def _ends(envelope: Envelope, read: ReadAt) -> bytes:
    """Return an envelope's head and tail, one behind the other."""
    head = envelope.parts[0].offset
    return bytes(read_exactly(read, 0, head)) + bytes(
        read_exactly(read, envelope.body, envelope.size - envelope.body)
    )
