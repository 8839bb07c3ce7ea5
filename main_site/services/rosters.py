"""Rosters of a session: kept as they came, sealed to the trustees, and opened once people gather.

The host never has a key that opens one: it asks the trustees' agents for their shares, and each looks into the
journal for itself.  What was opened stays in memory alone: a restart asks the agents again, and once their keys are
destroyed nobody can.  Refused: files that are no roster of this tender and draw, and opening before check-in.
"""

import asyncio
import contextlib
import hashlib
import os
from pathlib import Path

import structlog

from evalroom import events as ev
from evalroom.commands import Order, UnsealRoster
from evalroom.draws import facts as df
from evalroom.draws.rules import find
from evalroom.draws.state import Draw
from evalroom.errors import EvalroomError, LocalFault, Refusal
from evalroom.events import Stage
from evalroom.ids import HOST_ACTOR, DrawId
from evalroom.roles import Role
from evalroom.sealing.custody import combine_info
from evalroom.sealing.dealing import TooFewShares, check_share
from evalroom.sealing.roster import MalformedRoster, SealedRoster, open_roster, parse_roster
from evalroom.session import TRANSITIONS
from main_site.services.opening import Opening
from signaling.custody.client import Evidence


class RosterSealedStill(Refusal):
    """The roster is opened at check-in and not before: nobody can read it yet, not even whoever runs this host."""

    code = "roster_sealed"


class RosterMissing(LocalFault):
    """The sealed roster that the journal names does not lie here: send the same file again."""

    code = "roster_missing"


class Rosters:
    """The rosters of one session whose bids are sealed: it has trustees."""

    def __init__(self, opening: Opening, folder: Path) -> None:
        """Keep them in `folder`."""
        self._opening = opening
        self._folder = folder
        self._texts: dict[DrawId, bytes] = {}
        self._turn = asyncio.Lock()
        self._log = structlog.get_logger(__name__).bind(session=opening.conductor.id)

    async def keep(self, draw: DrawId, data: bytes) -> dict[str, str | int]:
        """Keep a sealed roster and return what `SealRoster` says of it; the same file again is one.

        Cancelling may leave a file that nothing names.

        Raises:
            UnknownDraw, MalformedRoster, PolicyRefuses, WrongCeremonyState: it is none of this draw.
        """
        find(self._opening.conductor.session.draws, draw)
        roster = parse_roster(data, self._opening.ceremony.terms)
        if roster.draw != draw:
            raise MalformedRoster(reason="of another draw", draw=roster.draw)
        digest = hashlib.sha256(data).hexdigest()
        await asyncio.to_thread(self._write, digest, data)
        return {"draw": draw, "sha256": digest, "size": len(data)}

    def _write(self, digest: str, data: bytes) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = self._folder / f"{digest}.new"
        with new.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._folder / f"{digest}.roster")

    async def read(self, draw: DrawId) -> bytes:
        """Return the roster's text, opened by the trustees' agents where it is not open yet.

        Cancelling changes nothing; agents answer the same again.

        Raises:
            UnknownDraw: there is no such draw.
            RosterSealedStill: nobody gathers yet, or there is no roster.
            RosterMissing: the file is gone.
            TooFewShares: fewer agents than the quorum gave a share; the log says what each refused.
        """
        async with self._turn:
            one = find(self._opening.conductor.session.draws, draw)
            session = self._opening.conductor.session
            if not one.roster or not (one.unsealed or df.RosterUnsealed in TRANSITIONS[session.stage]):
                raise RosterSealedStill(draw=draw, stage=session.stage)
            if draw not in self._texts or not one.unsealed:
                self._texts[draw] = await self._open(draw, one)
            return self._texts[draw]

    async def _open(self, draw: DrawId, one: Draw) -> bytes:
        data = await asyncio.to_thread(self._stored, one.roster)
        policy = self._opening.ceremony.terms
        roster = parse_roster(data, policy)
        places = self._opening.places
        shown = [*places.last(df.RosterSealed, draw), *places.last(ev.StageChanged, Stage.GATHERING)]
        evidence = await self._opening.parts.proofs.of(shown)
        shares, names = {}, []
        for place, trustee in enumerate(policy.trustees, 1):
            share = await self._share(trustee.name, place, data, roster, evidence)
            if share is not None:
                shares[place] = share
                names.append(trustee.name)
            if len(shares) == policy.k:
                break
        if len(shares) < policy.k:
            raise TooFewShares(needed=policy.k, got=len(shares))
        text = open_roster(roster, policy.k, shares)
        if not one.unsealed:
            await self._note(UnsealRoster(draw, one.roster, tuple(names)))
        return text

    def _stored(self, digest: str) -> bytes:
        path = self._folder / f"{digest}.roster"
        data = b""
        with contextlib.suppress(FileNotFoundError):
            data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != digest:
            raise RosterMissing(sha256=digest)
        return data

    async def _share(
        self, name: str, place: int, data: bytes, roster: SealedRoster, evidence: Evidence
    ) -> bytes | None:
        """Return one trustee's share, None when it gives none or a wrong one; the log says why."""
        opening = self._opening
        window, now = opening.ceremony.terms.windows[0].name, opening.parts.now()
        try:
            host = opening.parts.trustees.host
            target = await host.session_key(opening.tender, window)
            agent = opening.parts.trustees.agents[name]
            sealed = await agent.release_roster(opening.tender, data, target, evidence, now)
            if sealed is None:
                raise MalformedRoster(reason="the agent says that its share is no good")
            share = await host.open_release(
                opening.tender, window, sealed, combine_info(place, roster.context)
            )
            check_share(roster.suite, roster.context, place, share, roster.digests[place - 1])
        except (EvalroomError, LookupError) as error:
            self._log.warning("roster_share_missing", trustee=name, error=str(error)[:200])
            return None
        return share

    async def _note(self, command: UnsealRoster) -> None:
        opening = self._opening
        host = opening.conductor.session.host_site
        await opening.conductor.give(Order(command, opening.parts.now(), HOST_ACTOR, host, Role.HOST))
