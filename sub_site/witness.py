"""The witness of this site: cosigns a journal's checkpoints as long as they only ever grow.

What it cosigned last stands on disk before the cosignature leaves, one request at a time, so neither a race
nor a restart takes it back.  The log's key comes from the journal itself, as this site got it in its own feed;
a host that names another key, shows another history or a smaller one is refused, and never just ignored.
"""

import asyncio
import time
from collections.abc import Callable

import sqlalchemy as sa
import structlog

from evalroom.ledger import witness as ledger
from evalroom.ledger.checkpoint import Checkpoint, parse_checkpoint
from evalroom.ledger.note import SigningKey, VerifierKey, parse_vkey
from evalroom.protocol.messages import Cosign, WitnessRefusal
from signaling.database import Writer
from sub_site import spool


def unix_seconds() -> int:
    """Return POSIX seconds by this machine's clock: a witness vouches by its own."""
    return int(time.time())


class Witness:
    """Cosigns for all sessions of this site with one key."""

    def __init__(self, writer: Writer, key: SigningKey, seconds: Callable[[], int] = unix_seconds) -> None:
        """Use the state that `writer`'s database holds."""
        self._writer = writer
        self._key = key
        self._seconds = seconds
        self._one_at_a_time = asyncio.Lock()

    async def consider(self, request: str, log_key: str, named: str) -> Cosign | WitnessRefusal:
        """Cosign a checkpoint, or say why not.

        `log_key` stands in the journal's first entry, `named` is what the host's roster says.  Cancelling
        leaves the state written or not; the host asks again.
        """
        try:
            asked = ledger.parse_request(request.encode())
            trusted = parse_vkey(log_key)
            if named != log_key:
                raise ledger.UnknownLogKey(reason="the roster names another key than the journal")
            async with self._one_at_a_time:
                return await self._cosign(asked, trusted)
        except ledger.OtherSizeKnown as known:
            return WitnessRefusal(known.status, known.size, "size")
        except ledger.WitnessRefusal as refusal:
            structlog.get_logger(__name__).error("witness_refuses", code=refusal.code, detail=refusal.detail)
            return WitnessRefusal(refusal.status, 0, refusal.code)

    async def _cosign(self, asked: ledger.AddCheckpoint, trusted: VerifierKey) -> Cosign:
        origin = trusted.name

        def persist(db: sa.Connection) -> Checkpoint:
            before = spool.read_witnessed(db, origin)
            seen = None if before is None else parse_checkpoint(before)
            new = ledger.consider(seen, asked, {origin: trusted})
            spool.put_witnessed(db, origin, before, new.text())
            return parse_checkpoint(spool.read_witnessed(db, origin) or "")

        state = await self._writer.write(persist)
        return Cosign(state.size, ledger.reply(state, self._key, self._seconds()).decode())
