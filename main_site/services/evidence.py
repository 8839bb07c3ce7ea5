"""What the host shows a trustee's agent: entries of the journal under a checkpoint that the witnesses cosigned.

An agent believes nobody; it wants each entry with its path to the root of a checkpoint with a quorum of
cosignatures.  So whoever needs an agent waits here until the witnesses have seen the entries in question.  Without
witnesses the quorum is none and the log's own signature is all there is.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping

import sqlalchemy as sa

from evalroom import events as ev
from evalroom.draws import facts as df
from evalroom.events import Event, Fact
from evalroom.ledger.checkpoint import parse_checkpoint, sign_checkpoint
from evalroom.ledger.note import SigningKey, parse_note
from evalroom.sealing import facts as sf
from main_site.services.conductor import Committed, Conductor
from main_site.store import journal as store
from signaling.custody.client import Evidence
from signaling.custody.evidence import Shown

ASK_AGAIN_S = 2.0
"""A witness may have been away: the notary is told again that somebody waits."""


class Proofs:
    """Cosigned checkpoints of one session, and proofs under them."""

    def __init__(
        self, conductor: Conductor, key: SigningKey, engine: sa.Engine, hurry: Callable[[], None]
    ) -> None:
        """Read entries by `engine`; `hurry` has the witnesses asked at once."""
        self._conductor = conductor
        self._key = key
        self._engine = engine
        self._hurry = hurry
        self._grown = asyncio.Event()
        conductor.listeners.append(self._committed)

    def _committed(self, committed: Committed) -> None:
        if any(isinstance(fact.event, ev.CheckpointCosigned) for fact in committed.facts):
            self._grown.set()
            self._grown = asyncio.Event()

    def covered(self, index: int) -> bool:
        """Say whether a quorum has cosigned entry `index`."""
        return not self._quorum or self._conductor.session.cosigned > index

    async def of(self, indexes: Iterable[int]) -> Evidence:
        """Return the entries `indexes` under a checkpoint that a quorum cosigned, waiting for one as long as it takes.

        Cancelling changes nothing.
        """
        wanted = sorted(set(indexes))
        while not self.covered(wanted[-1]):
            self._hurry()
            try:
                async with asyncio.timeout(ASK_AGAIN_S):
                    await self._grown.wait()
            except TimeoutError:
                continue
        return await asyncio.to_thread(self._evidence, wanted)

    def _evidence(self, wanted: list[int]) -> Evidence:
        tree, session = self._conductor.journal.tree, self._conductor.id
        with self._engine.connect() as db:
            note = store.find_checkpoint(db, session, wanted[-1], self._quorum) or self._own_note()
            entries = [next(store.read(db, session, index)).entry for index in wanted]
        size = parse_checkpoint(parse_note(note).text).size
        shown = (
            Shown(index, entry, tuple(tree.inclusion_proof(index, size)))
            for index, entry in zip(wanted, entries, strict=True)
        )
        return Evidence(note, tuple(shown))

    @property
    def _quorum(self) -> int:
        return self._conductor.session.keys.quorum

    def _own_note(self) -> bytes:
        """Return a checkpoint over everything so far, signed by the log alone: there are no witnesses."""
        return sign_checkpoint(self._conductor.journal.checkpoint(), self._key).encode()


class Places:
    """Where the entries of an opening stand in the journal, by type and by what they are about."""

    def __init__(self, facts: Iterable[Fact] = (), size: int = 0) -> None:
        """Begin with facts that follow on the first `size` entries; `size` counts on."""
        self._places: dict[tuple[str, ...], list[int]] = {}
        self.size = size
        self.take(facts)

    def take(self, facts: Iterable[Fact]) -> None:
        """Take the journal's next facts, in order."""
        for fact in facts:
            about = _ABOUT.get(type(fact.event))
            if about is not None:
                names = (str(getattr(fact.event, name)) for name in about)
                self._places.setdefault((type(fact.event).__name__, *names), []).append(self.size)
            self.size += 1

    def all(self, kind: type[Event], *about: str) -> list[int]:
        """Return the numbers of the entries of a type about something, oldest first."""
        return list(self._places.get((kind.__name__, *about), ()))

    def last(self, kind: type[Event], *about: str) -> list[int]:
        """Return the number of the last of them, alone; nothing when there is none."""
        return self.all(kind, *about)[-1:]


_ABOUT: Mapping[type[Event], tuple[str, ...]] = {
    ev.SessionOpened: (),
    sf.TrusteeKeyPublished: ("trustee",),
    sf.PolicyDrafted: (),
    sf.BidSubmitted: ("bid",),
    sf.BidAcknowledged: ("trustee", "bid"),
    sf.BidsClosed: (),
    sf.OpeningAborted: (),
    sf.WindowOpened: ("window",),
    sf.WindowExtended: ("window",),
    sf.HalfReleased: ("window", "bid"),
    sf.ShareReleased: ("window", "trustee"),
    sf.WindowClosed: ("window",),
    sf.BidJudged: ("window", "bid"),
    sf.OpeningRecorded: ("window",),
    ev.GroupUnlocked: (),
    ev.StageChanged: ("after",),
    df.RosterSealed: ("draw",),
}
"""Entries that agents and verdicts refer to, each with the members that say what it is about."""
