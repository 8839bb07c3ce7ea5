"""What bidders and trustees released, sealed on the disk as it came and opened in memory while a window is combined.

Only the host's agent opens it, for it alone has the window's session key; after a restart it opens again what lies
here, and nobody has to release twice.  Each half and each share is compared with the commitment in its bid's header
before anything is built on it.  Refused: halves of another bid, window or form, and shares of another trustee.
"""

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from evalroom.errors import PeerFault
from evalroom.ids import BidNumber
from evalroom.ledger.base64 import decode_base64, encode_base64
from evalroom.ledger.canonical import parse_canonical
from evalroom.sealing import custody
from evalroom.sealing import facts as sf
from evalroom.sealing.dealing import SECRET_SIZE, ShareMismatch, check_share
from evalroom.sealing.envelope import Envelope, SealedPart
from evalroom.sealing.policy import PartName
from evalroom.sealing.price_sheet import SHEET_PARTS
from evalroom.sealing.suite import WrapNotOpened
from evalroom.sealing.unseal import HalfMismatch, check_half
from main_site.services.sealed_documents import write_private
from signaling.custody.client import NOT_OPENED, AgentClient, AgentRefused, GivenShare

AT_ONCE = 8
"""Releases that the agent is asked about at a time: it takes 32 connections, and numbers of bids are public by then."""


class ReleasedSecrets:
    """Halves and shares of one session."""

    def __init__(self, folder: Path, tender: str, agent: Callable[[], AgentClient]) -> None:
        """Keep what came under `folder`, sealed as it came."""
        self._folder = folder
        self._tender = tender
        self._agent = agent
        self._halves: dict[tuple[str, BidNumber], dict[PartName, bytes]] = {}
        self._shares: dict[tuple[str, BidNumber, PartName], dict[int, bytes]] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)

    # --- bidders ----------------------------------------------------------------------------------------------

    async def take_half(
        self, window: str, envelope: Envelope, parts: Sequence[PartName], sealed: bytes
    ) -> None:
        """Take what a bidder released for the parts of a window; on return it lies on the disk and is the right one.

        Raises:
            WrapNotOpened: it is not for this window's session key, or for another bid.
            HalfMismatch: a half is missing, or is not the one sealed.
            LocalFault: the host's agent does not answer: nothing was decided.
        """
        halves = await self._open_halves(window, envelope, parts, sealed)
        number = _number(envelope)
        await asyncio.to_thread(write_private, self._half_path(window, number), sealed)
        self._halves[window, number] = halves

    async def restore_half(self, window: str, envelope: Envelope, parts: Sequence[PartName]) -> None:
        """Open what a bidder released before a restart.

        Raises:
            LocalFault: the host's agent does not answer, or the file is gone (OSError).
        """
        number = _number(envelope)
        if (window, number) not in self._halves:
            sealed = await asyncio.to_thread(self._half_path(window, number).read_bytes)
            self._halves[window, number] = await self._open_halves(window, envelope, parts, sealed)

    async def _open_halves(
        self, window: str, envelope: Envelope, parts: Sequence[PartName], sealed: bytes
    ) -> dict[PartName, bytes]:
        context = envelope.part(PartName.IDENTITY).header.context
        text = await self._open(window, sealed, custody.release_info(context))
        halves = parse_halves(text, window, _number(envelope))
        if set(parts) - set(halves):
            raise HalfMismatch(reason="a part's half is missing")
        for part in parts:
            check_half(envelope.suite, envelope.part(part), halves[part])
        return {part: halves[part] for part in parts}

    def halves(self, window: str, number: BidNumber) -> Mapping[PartName, bytes]:
        """Return the halves of a bid that are known here, by part."""
        return self._halves.get((window, number), {})

    # --- trustees ---------------------------------------------------------------------------------------------

    async def take_shares(
        self,
        window: str,
        trustee: tuple[str, int],
        given: Sequence[GivenShare],
        bids: Mapping[str, Envelope],
        first: Callable[[], None],
    ) -> tuple[sf.GivenShare, ...]:
        """Take a trustee's shares, by its name and number; say of each whether it agrees with its commitment.

        `first` is called once the shares of price sheets are known.  On return all lie on the disk, sealed.

        Raises:
            LocalFault: the host's agent does not answer.
        """
        name, place = trustee
        wanted = [one for one in given if one.bid in bids and one.part in _NAMES]
        told = []
        for early in (True, False):
            now = [one for one in wanted if (one.part in SHEET_PARTS) is early]
            told += await self._open_shares(window, place, now, bids)
            if early:
                first()
        await asyncio.to_thread(write_private, self._share_path(window, name), _encode(given))
        return tuple(sorted(told, key=lambda one: (one.bid, one.part)))

    def kept_shares(self, window: str, trustee: str) -> list[GivenShare] | None:
        """Return the shares that a trustee released before a restart, None when there are none; blocks."""
        path = self._share_path(window, trustee)
        return _decode(path.read_bytes()) if path.exists() else None

    async def _open_shares(
        self, window: str, place: int, given: Sequence[GivenShare], bids: Mapping[str, Envelope]
    ) -> list[sf.GivenShare]:
        parts = [bids[one.bid].part(PartName(one.part)) for one in given]
        wraps = [
            (one.sealed, custody.combine_info(place, part.header.context))
            for one, part in zip(given, parts, strict=True)
        ]
        opened = await self._agent().open_releases(self._tender, window, wraps) if wraps else []
        return [
            sf.GivenShare(
                BidNumber(one.bid), part.name, self._is_right(window, place, bids[one.bid], part, share)
            )
            for one, part, share in zip(given, parts, opened, strict=True)
        ]

    def _is_right(
        self, window: str, place: int, envelope: Envelope, part: SealedPart, share: bytes | None
    ) -> bool:
        """Say whether a share agrees with its commitment, and keep it in memory if so."""
        header = part.header
        if share is None or not 1 <= place <= len(header.shares):
            return False
        try:
            check_share(envelope.suite, header.context, place, share, header.shares[place - 1].digest)
        except ShareMismatch:
            return False
        self._shares.setdefault((window, _number(envelope), part.name), {})[place] = share
        return True

    def shares(self, window: str, number: BidNumber, part: PartName) -> Mapping[int, bytes]:
        """Return the right shares of a part that are known here, by number of the trustee."""
        return self._shares.get((window, number, part), {})

    def forget(self, window: str) -> None:
        """Drop from memory what a window needed: it has its verdicts."""
        for halves in [key for key in self._halves if key[0] == window]:
            del self._halves[halves]
        for shares in [key for key in self._shares if key[0] == window]:
            del self._shares[shares]

    # --- the agent --------------------------------------------------------------------------------------------

    async def _open(self, window: str, sealed: bytes, info: bytes) -> bytes:
        """Have the host's agent open something; what does not open is the sender's fault, all else is ours."""
        try:
            async with self._slots:
                return await self._agent().open_release(self._tender, window, sealed, info)
        except AgentRefused as refused:
            if refused.refused in NOT_OPENED:
                raise WrapNotOpened(window=window) from refused
            raise

    def _half_path(self, window: str, number: BidNumber) -> Path:
        return self._folder / window / f"{number}.half"

    def _share_path(self, window: str, trustee: str) -> Path:
        return self._folder / window / f"{trustee}.shares"


_NAMES = frozenset(one.value for one in PartName)


def parse_halves(text: bytes, window: str, number: BidNumber) -> dict[PartName, bytes]:
    """Return the halves in what a bidder released (opening.md §7).

    Raises:
        HalfMismatch: it is none, or of another bid or window.
    """
    try:
        said = parse_canonical(text)
    except PeerFault as error:
        raise HalfMismatch(reason="no canonical JSON") from error
    if not isinstance(said, dict) or said.keys() != {"bid", "halves", "window"}:
        raise HalfMismatch(reason="another form")
    listed = said["halves"]
    if (said["bid"], said["window"]) != (number, window) or not isinstance(listed, dict):
        raise HalfMismatch(reason="of another bid or window")
    try:
        found = {PartName(name): decode_base64(str(value)) for name, value in listed.items()}
    except (ValueError, PeerFault) as error:
        raise HalfMismatch(reason="halves are b64 by part") from error
    if any(len(half) != SECRET_SIZE for half in found.values()):
        raise HalfMismatch(reason="a half has 32 bytes")
    return found


def sealed_digest(sealed: bytes) -> str:
    """Return what stands in the journal for what a bidder released."""
    return hashlib.sha256(sealed).hexdigest()


def _number(envelope: Envelope) -> BidNumber:
    return BidNumber(envelope.bid.hex())


def _encode(given: Sequence[GivenShare]) -> bytes:
    rows = [[one.bid, one.part, one.good, encode_base64(one.sealed)] for one in given]
    return json.dumps(rows).encode()


def _decode(data: bytes) -> list[GivenShare]:
    return [
        GivenShare(bid, part, good, decode_base64(sealed)) for bid, part, good, sealed in json.loads(data)
    ]
