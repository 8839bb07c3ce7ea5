"""The sealed bids of a demonstration: bidders who type the commands a bidder types, and officers who step up.

Every step is a process of its own, `evalroom bid …`, on files in a folder of its own; nothing is handed over in
memory.  One of the bidders never releases, so that a window runs out and a verdict is seen that is not "opened".
"""

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from evalroom.commands import StepUp
from evalroom.events import Stage
from evalroom.ids import BidId, LotId
from evalroom.tender import Bid
from main_site.rehearsal.client import SeatClient
from main_site.rehearsal.direction import KEPT, PATIENCE_S, RehearsalFailed
from main_site.rehearsal.expert import at
from main_site.sample_bids import dark_document, qualification_document

AT_ONCE = 2
"""Bidders who seal at the same time: as many as a small machine has cores."""

POLL_S = 0.3


@dataclass(frozen=True, slots=True)
class Bidder:
    """A bidder of the demonstration: its name, price in fen, whose figures its document has, whether it releases.

    With `on_paper` it releases with nothing but its paper code, as one whose disk died.
    """

    name: str
    price_fen: int
    like: BidId
    releases: bool = True
    on_paper: bool = False


class BiddersDesk:
    """One bidder's own computer: a folder, and the command line."""

    def __init__(self, folder: Path, host: str, tender: str, bidder: Bidder) -> None:
        """Begin with an empty folder."""
        folder.mkdir(parents=True)
        self.bidder = bidder
        self._folder, self._host, self._tender = folder, host, tender
        self._out = folder / "bid.evb1"
        self._passphrase = folder / "passphrase.txt"
        self._paper = folder / "paper.txt"
        self._number = self._digest = ""

    async def prepare(self, lot: LotId) -> None:
        """Write the parts: an opening sheet, who it is, a dark document of several megabytes, and the price."""
        sheet = {"v": 1, "bidder": self.bidder.name, "prices": [], "remarks": "工期 210 日历天"}
        price = sheet | {"prices": [{"lot": lot, "price_fen": str(self.bidder.price_fen)}], "remarks": ""}
        document = Bid(BidId(f"{self.bidder.like}"), self.bidder.name)
        (self._folder / "opening.json").write_text(json.dumps(sheet, ensure_ascii=False), encoding="utf-8")
        (self._folder / "price.json").write_text(json.dumps(price, ensure_ascii=False), encoding="utf-8")
        for name, written in (("qualification", qualification_document), ("technical", dark_document)):
            pdf = await asyncio.to_thread(written, document, self.bidder.like)
            (self._folder / f"{name}.pdf").write_bytes(pdf)
        self._passphrase.write_text(f"rehearsal of {self.bidder.like} and nothing else\n", encoding="utf-8")

    async def hand_in(self) -> dict[str, Any]:
        """Fetch the policy, seal, submit; return what the last command said."""
        policy = self._folder / "policy.json"
        await self._bid("policy", self._host, self._tender, str(policy))
        parts = (
            f"opening={self._folder / 'opening.json'}",
            f"qualification={self._folder / 'qualification.pdf'}",
            f"technical={self._folder / 'technical.pdf'}",
            f"price={self._folder / 'price.json'}",
        )
        given = [word for part in parts for word in ("--part", part)]
        slots = ("--slot", "file", "--slot", "paper")
        sealed = await self._bid(
            "seal", str(self._out), "--policy", str(policy), *given, *slots, *self._unlocking
        )
        self._number, self._digest = sealed["bid"], sealed["digest"]
        self._paper.write_text(sealed["paper_codes"][0], encoding="utf-8")
        return await self._bid("submit", self._host, str(self._out), *self._unlocking)

    async def release(self, window: str) -> None:
        """Release the halves of a window."""
        if self.bidder.on_paper:
            which = ("--tender", self._tender, "--number", self._number[:8], "--digest", self._digest[:16])
            await self._bid(
                "release", self._host, "--window", window, *which, "--slot", f"paper:{self._paper}"
            )
        else:
            await self._bid("release", self._host, str(self._out), "--window", window, *self._unlocking)

    async def confirm(self, window: str) -> None:
        """Confirm the record of a window."""
        await self._bid("confirm", self._host, str(self._out), "--window", window, *self._unlocking)

    async def answer(self, text: str) -> bool:
        """Answer what the committee asks about this bid, if it asks something; say whether it did."""
        asked = (await self._bid("questions", self._host, str(self._out)))["questions"]
        if not any(one["state"] == "open" for one in asked):
            return False
        await self._bid("answer", self._host, str(self._out), "--text", text, *self._unlocking)
        return True

    @property
    def _unlocking(self) -> tuple[str, str]:
        return "--passphrase-file", str(self._passphrase)

    async def _bid(self, *words: str) -> dict[str, Any]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "main_site", "bid", *words, "--json",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=self._folder,
        )  # fmt: skip
        try:
            said, wrong = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
        if process.returncode != 0:
            text = (said + wrong).decode(errors="replace")
            raise RehearsalFailed(bidder=self.bidder.name, command=words[0], reason=text[-400:])
        return dict(json.loads(said))


@dataclass(frozen=True, slots=True)
class Officers:
    """Who steps up at every site, already seated."""

    seats: Sequence[SeatClient]

    async def step_up(self, window: str, stage: Stage) -> None:
        """Agree, each at their own seat, that a window be opened, once the session has come to `stage`."""
        await asyncio.gather(*(self._one(seat, window, stage) for seat in self.seats))

    async def _one(self, seat: SeatClient, window: str, stage: Stage) -> None:
        await seat.until(at(stage))
        await seat.give(lambda _: StepUp(window))


class Opening:
    """The bids of a demonstration from their sealing to the last window's record."""

    def __init__(
        self, host: str, tender: str, desks: Sequence[BiddersDesk], say: Callable[[str], None]
    ) -> None:
        """Stand ready; `say` is told each step."""
        self._tender, self._desks, self._say = tender, desks, say
        self._http = httpx.AsyncClient(base_url=host, timeout=PATIENCE_S, limits=KEPT)

    async def prepare(self, lot: LotId) -> None:
        """Let every bidder write its documents."""
        await _in_turns(desk.prepare(lot) for desk in self._desks)

    async def hand_in(self) -> None:
        """Let every bidder seal and submit.

        Raises:
            RehearsalFailed: a command failed.
        """
        await _in_turns(self._hand_in(desk) for desk in self._desks)

    async def _hand_in(self, desk: BiddersDesk) -> None:
        said = await desk.hand_in()
        self._say(f"sealed and handed in: {desk.bidder.name}, bid {said['bid'][:8]}…")

    async def open_window(self, window: str, stage: Stage, officers: Officers) -> None:
        """Take a window from the officers' stepping up, at its stage, to its record, and let the bidders confirm it.

        Raises:
            RehearsalFailed: a command failed, or the opening was aborted.
        """
        await self._until(lambda hall: hall["window"] == window and hall["state"] in ("closed", "opened"))
        await officers.step_up(window, stage)
        hall = await self._until(lambda hall: hall["window"] == window and hall["state"] == "unsealing")
        self._say(f"window {window}: {_standing(hall)} bids are asked for their halves")
        ready = [desk for desk in self._desks if desk.bidder.releases]
        await asyncio.gather(*(desk.release(window) for desk in ready))
        self._say(f"window {window}: {len(ready)} bidders released, trustees join their shares")
        hall = await self._until(lambda hall: hall.get("record", {}).get("window") == window)
        for row in json.loads(hall["record"]["text"])["rows"]:
            self._say(f"  {row['number'][:8]}… {row['verdict']} {row['cause']} {row['bidder']}".rstrip())
        await asyncio.gather(*(desk.confirm(window) for desk in ready))

    async def _until(self, met: Callable[[Mapping[str, Any]], bool]) -> Mapping[str, Any]:
        since = ""
        while True:
            hall = await self._hall(since)
            if hall["state"] == "aborted":
                raise RehearsalFailed(reason="the opening was aborted")
            if met(hall):
                return hall
            since = hall["version"]
            await asyncio.sleep(POLL_S)

    async def _hall(self, since: str) -> dict[str, Any]:
        answer = await self._http.get(f"/api/v1/tenders/{self._tender}/hall", params={"since": since})
        if answer.is_error:
            raise RehearsalFailed(status=answer.status_code, reason=answer.text[:400])
        return dict(answer.json())

    async def close(self) -> None:
        """Close the connection pool."""
        await self._http.aclose()


async def _in_turns(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(work: Coroutine[Any, Any, None]) -> None:
        async with turns:
            await work

    await asyncio.gather(*(one(work) for work in works))


def _standing(hall: Mapping[str, Any]) -> int:
    return sum(one["state"] not in ("revoked", "withdrawn", "malformed") for one in hall["bids"])
