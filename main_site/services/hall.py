"""The hall: what everybody may know of an opening, as the session's ceremony stands (opening.md §9).

It shows state, policy, windows, the closed list and the verdicts.  Refused: any word on how many bids there are
before the list is closed, and on names and prices before the record of their window; the wait for a change hangs on
what is shown alone, never on the journal's size.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable

from evalroom.events import Fact
from evalroom.ids import BidNumber
from evalroom.ledger.canonical import Json, canonical
from evalroom.sealing import facts as sf
from evalroom.sealing.ceremony import Ceremony, CeremonyState
from evalroom.sealing.policy import Window
from evalroom.sealing.record import Record

WAIT_S = 20.0
"""How long a question for news is held open."""

BEFORE_CLOSE = frozenset({CeremonyState.DRAFTED, CeremonyState.ARMED, CeremonyState.ACCEPTING})
"""States in which nobody may know how many bids there are."""


class Hall:
    """One session's opening, shown.  `session_keys` (window to b64) is filled by whoever opens the windows."""

    def __init__(
        self, ceremony: Callable[[], Ceremony], kept: Callable[[], Awaitable[None]], entries: int = 0
    ) -> None:
        """Begin after so many entries; `ceremony` gives the fold of all that there are, `kept` waits for the disk.

        Outsiders see nothing that a crash could still take back (docs/decisions/0002-group-commit.md).
        """
        self._ceremony = ceremony
        self._kept = kept
        self._entries: dict[BidNumber, int] = {}
        self._size = entries
        self._changed = asyncio.Event()
        self.session_keys: dict[str, str] = {}
        self.verified: int | None = None
        """Percent of the window's bytes that have been verified, while they are."""

    def take(self, facts: Iterable[Fact]) -> None:
        """Take the journal's next facts, remember where bids stand in it, and wake whoever waits for a change."""
        for fact in facts:
            if isinstance(fact.event, sf.BidSubmitted):
                self._entries[fact.event.bid] = self._size
            self._size += 1
        self.wake()

    def wake(self) -> None:
        """Let whoever waits look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    def entry_of(self, bid: BidNumber) -> int | None:
        """Return the number of the entry by which a bid was submitted, None for one that was not."""
        return self._entries.get(bid)

    def entries(self) -> Iterable[int]:
        """Return the numbers of all entries by which bids were submitted."""
        return self._entries.values()

    def view(self, tender: str, now: int) -> dict[str, Json]:
        """Return the public state, with `version` to wait for another one."""
        shown = self._shown(tender)
        version = hashlib.sha256(canonical(shown)).hexdigest()[:32]
        return {**shown, "now": now, "version": version}

    async def next_view(self, tender: str, since: str, now: Callable[[], int]) -> dict[str, Json]:
        """Return the public state once it is another than `since`, after 20 s in any case; cancelling changes nothing."""
        try:
            async with asyncio.timeout(WAIT_S):
                while (view := await self._settled(tender, now))["version"] == since:
                    await self._changed.wait()
        except TimeoutError:
            return await self._settled(tender, now)
        return view

    async def _settled(self, tender: str, now: Callable[[], int]) -> dict[str, Json]:
        await self._kept()
        return self.view(tender, now())

    def window(self) -> Window | None:
        """Return the window that is open, else the one that comes next, else the last; None without a policy."""
        ceremony = self._ceremony()
        if ceremony.policy is None:
            return None
        open_now = ceremony.state in (CeremonyState.UNSEALING, CeremonyState.COMBINING)
        following = None if open_now else ceremony.next_window()
        named = next((one for one in ceremony.policy.windows if one.name == ceremony.current), None)
        return following or named

    def _shown(self, tender: str) -> dict[str, Json]:
        ceremony = self._ceremony()
        policy, window = ceremony.policy, self.window()
        name = window.name if window else ""
        record = ceremony.windows.get(name)
        shown: dict[str, Json] = {
            "tender": tender,
            "state": ceremony.state.value,
            "paused": ceremony.why_paused,
            "deadline": policy.deadline if policy else 0,
            "window": name,
            "opens_at": window.opens_at if window else None,
            "until": record.until if record else 0,
            "session_key": self.session_keys.get(name, ""),
            "k": policy.k if policy else 0,
            "officers": _officers(ceremony, name),
            "trustees": _trustees(ceremony, name),
            "prices": [],
        }
        if self.verified is not None:
            shown["verified_percent"] = self.verified
        if ceremony.state not in BEFORE_CLOSE:
            bids = [_bid(ceremony, one) for one in ceremony.listed]
            shown |= {"count": len(bids), "bids": bids, **_records(ceremony, tender)}
        return shown


def state_of(ceremony: Ceremony, number: BidNumber) -> dict[str, Json]:
    """Return where a listed bid stands, with verdict and cause once there are."""
    told = ceremony.verdict(number)
    if told is not None:
        return {"state": told.verdict.value, "verdict": told.verdict.value, "cause": told.cause}
    record = ceremony.windows.get(ceremony.current)
    return {"state": "released" if record and record.halves.get(number) else "listed"}


def _bid(ceremony: Ceremony, one: sf.ListedBid) -> Json:
    return {"bid": one.bid, "root": one.root, **state_of(ceremony, one.bid)}


def _officers(ceremony: Ceremony, window: str) -> list[Json]:
    seats: dict[str, list[Json]] = {}
    for seat, site in sorted(ceremony.officers.get(window, {}).items()):
        seats.setdefault(site, []).append(seat)
    return [{"site": site, "seats": there} for site, there in seats.items()]


def _trustees(ceremony: Ceremony, window: str) -> list[Json]:
    """Tell of each trustee how many of its shares agreed in this window."""
    record = ceremony.windows.get(window)
    given = list(record.shares.values()) if record else []
    return [
        {"trustee": one.name, "who": one.who, "shares": sum(shares.get(one.name, False) for shares in given)}
        for one in (ceremony.policy.trustees if ceremony.policy else ())
    ]


def _records(ceremony: Ceremony, tender: str) -> dict[str, Json]:
    """Return the last record that is out, its text as it is confirmed, and the prices of all records."""
    out = {name: one for name, one in ceremony.windows.items() if one.recorded}
    if not out:
        return {}
    prices: list[Json] = []
    for row in (row for one in out.values() for row in one.rows.values()):
        named = {"bid": row.number, "name": row.bid, "bidder": row.bidder}
        prices += [{**named, "lot": one.lot, "price_fen": str(one.price_fen)} for one in row.prices]
    last, window = list(out.items())[-1]
    text = Record(tender, ceremony.sha256, last, tuple(window.rows.values())).text()
    return {"record": {"window": last, "sha256": window.sha256, "text": text}, "prices": prices}
