"""Dark bids at the host: codes drawn, documents handed out masked, and searched for marks of their bidders.

Who has which code is known here alone until the technical sheets are unlocked: from the facts' secrets, which the store
keeps beside the entries and shows to no query.  Marks are told as alarms that people look at and close with a note;
nothing is judged by them, and a document that cannot be searched or masked says so instead of holding anybody up.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import structlog

from evalroom.commands import AdmitDarkBids, HostFact, NoteFacts
from evalroom.errors import EvalroomError
from evalroom.events import AlarmRaised, Fact
from evalroom.ids import BidId, BidNumber, LotId
from evalroom.marks import Traces, marks_in, say_marks
from evalroom.sealing import facts as sf
from evalroom.sealing.dark import SEED_SIZE, CodedBid, document_tag, draw_codes
from evalroom.sealing.policy import PartName
from evalroom.session import Session
from main_site.services.masking import Mask, mask_of
from main_site.services.sealed_documents import SealedDocument
from main_site.services.traces import MAX_SEARCHED, read_traces

MARKS = "dark_marks"
"""Code of the alarm that tells of marks."""

Place = tuple[BidId, PartName]
Give = Callable[[NoteFacts], Awaitable[None]]
Find = Callable[[BidNumber, PartName], Awaitable[SealedDocument]]


def draw_admission(lot: LotId, numbers: Sequence[BidNumber], taken: Iterable[BidId]) -> AdmitDarkBids:
    """Draw codes and nonces, and return the order by which these bids join a dark lot."""
    codes = draw_codes(secrets.token_bytes(SEED_SIZE), len(numbers))
    while set(codes) & set(taken):
        codes = draw_codes(secrets.token_bytes(SEED_SIZE), len(numbers))
    coded = (
        CodedBid(code, number, secrets.token_hex(32)) for code, number in zip(codes, numbers, strict=True)
    )
    return AdmitDarkBids(lot, tuple(sorted(coded, key=lambda one: one.bid)))


class DarkBids:
    """One session's dark bids."""

    def __init__(
        self, session: Callable[[], Session], find: Find, give: Give, now: Callable[[], int]
    ) -> None:
        """Stand ready: `find` returns an opened document, `give` hands a fact to the journal."""
        self._session = session
        self._find = find
        self._give = give
        self._now = now
        self._tags: dict[Place, str] = {}
        self._masks: dict[Place, Mask] = {}
        self._searched: set[Place] = set()
        self._turn = asyncio.Lock()
        self._searching: asyncio.Task[None] | None = None
        self._log = structlog.get_logger(__name__)

    def take(self, facts: Iterable[Fact]) -> None:
        """Learn by which names sites ask for dark documents."""
        for fact in facts:
            if isinstance(fact.event, sf.DarkBidAdmitted):
                for part in self._session().lots[fact.event.lot].dark:
                    self._tags[fact.event.bid, part] = document_tag(fact.secrets[0].nonce, part)

    def find(self, tag: str) -> Place | None:
        """Return the dark document that a site asks for by this name."""
        return next((place for place, one in self._tags.items() if one == tag), None)

    def is_dark(self, bid: BidId) -> bool:
        """Say whether nobody may know yet whose this bid is."""
        admitted = self._session().ceremony.admitted.get(bid)
        return admitted is not None and admitted.lot in self._session().dark_parts()

    async def document(self, bid: BidId, part: PartName) -> SealedDocument:
        """Return a dark document masked; its name in answers is the tag, its length the same.

        The first one to ask waits for one or two passes over the document.  Cancelling leaves it to be done again.

        Raises:
            NotOpened: it is none.
            LocalFault: its key or bytes cannot be had now.
        """
        document = await self._find(self._session().ceremony.admitted[bid].number, part)
        mask = self._masks.get((bid, part)) or await self._mask(bid, part, document)
        return replace(document, sha256=self._tags[bid, part], mask=mask)

    async def _mask(self, bid: BidId, part: PartName, document: SealedDocument) -> Mask:
        async with self._turn:  # one at a time: a pass keeps a core busy
            if (bid, part) not in self._masks:
                self._masks[bid, part] = await asyncio.to_thread(mask_of, document.read, document.size)
        return self._masks[bid, part]

    # --- marks --------------------------------------------------------------------------------------------------

    def search(self) -> None:
        """Begin to mask and search what was not searched yet, unless it is being done."""
        if (self._searching is None or self._searching.done()) and any(self._due()):
            self._searching = asyncio.create_task(self._search_all())

    def _due(self) -> Iterator[Place]:
        """Yield what was not searched by this process, nor told of by an earlier one."""
        told = self._session().alarms
        for place in self._tags:
            if place not in self._searched and alarm_of(place) not in told and self.is_dark(place[0]):
                yield place

    async def _search_all(self) -> None:
        for place in list(self._due()):
            self._searched.add(place)
            try:
                await self._search(place)
            except (EvalroomError, OSError) as error:
                self._log.warning("marks_not_searched", bid=place[0], problem=str(error)[:300])

    async def _search(self, place: Place) -> None:
        bid, part = place
        ceremony = self._session().ceremony
        document = await self._find(ceremony.admitted[bid].number, part)
        mask = await self._mask(bid, part, document)
        traces = Traces(1)
        if document.size <= MAX_SEARCHED:
            traces = await read_traces(await asyncio.to_thread(document.read, 0, document.size))
        traces = replace(traces, unmasked=mask.left)
        bidders = {ceremony.bidder_of(one.bid) for one in ceremony.listed} - {""}
        marks = marks_in(traces, bidders)
        if marks:
            alarm = AlarmRaised(alarm_of(place), MARKS, "", say_marks(f"{bid} {part}", marks))
            await self._give(NoteFacts((HostFact(self._now(), alarm),)))

    async def close(self) -> None:
        """End the search."""
        if self._searching is not None:
            self._searching.cancel()
            await asyncio.gather(self._searching, return_exceptions=True)


def alarm_of(place: Place) -> str:
    """Name the alarm about a document's marks."""
    return f"marks-{place[0]}-{place[1]}"
