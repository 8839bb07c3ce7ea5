"""The opening in an archive as the holder of an archive key needs it: policy, bids, what was judged, and sealed keys.

It believes the journal in the archive; whether that is the one of the session, `evalroom verify` says, and nothing here
does its work again.  What is read is still checked in itself: the envelope under the policy, the key inside the wrap by
the part's commitment, every chunk by its tag, and the whole by the digest in the verdict.  Refused: anything else.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from evalroom.errors import LocalFault, PeerFault, Refusal
from evalroom.ids import BidNumber
from evalroom.ledger.entry import parse_entry
from evalroom.sealing import facts as sf
from evalroom.sealing.envelope import Envelope, open_envelope
from evalroom.sealing.padding import unpad
from evalroom.sealing.policy import PartName, Policy, Recipient, parse_policy
from evalroom.sealing.sealed_key import open_document
from evalroom.sealing.stream import ReadAt
from evalroom.sealing.suite import OpeningKey
from signaling.codec import decode_event

ENTRIES, ENVELOPES = Path("data/log/entries.jsonl"), Path("data/docs/opening/envelopes")
LONGEST_LINE = 1 << 20

Keys = Callable[[int], OpeningKey]
"""Returns the private archive key for a suite."""


class UnusableArchive(PeerFault):
    """This is no archive of a session with sealed bids, or its journal cannot be read: run `evalroom verify` on it."""

    code = "unusable_archive"


class NoSuchDocument(Refusal):
    """The archive has no opened document of that bid and part: look at the names of bids and parts in its record."""

    code = "no_such_document"


class NoSealedKey(Refusal):
    """No content key was sealed to this archive key: take the folder of one that the tender's policy names."""

    code = "no_sealed_key"


class OtherDocument(PeerFault):
    """What the sealed key opens is not the document that was judged: nothing was written; keep it as evidence."""

    code = "other_document"


class DocumentNotWritten(LocalFault):
    """The document cannot be written there: name a file that does not exist, in a folder with room."""

    code = "document_not_written"


@dataclass(frozen=True, slots=True)
class OpenedArchive:
    """What an archive's journal says of an opening; `names` are the ids that bids have on the sheets."""

    folder: Path
    policy: Policy
    listed: Mapping[BidNumber, sf.ListedBid]
    judged: Mapping[tuple[BidNumber, PartName], sf.OpenedPart]
    sealed: Mapping[tuple[BidNumber, PartName, str], sf.PartKeySealed] = field(repr=False)
    names: Mapping[str, BidNumber]

    def number(self, bid: str) -> BidNumber:
        """Return the number of a bid, given that or its id on the sheets.

        Raises:
            NoSuchDocument: the closed list has no such bid.
        """
        found = self.names.get(bid, BidNumber(bid))
        if found not in self.listed:
            raise NoSuchDocument(bid=bid[:64])
        return found

    def recipient(self, public: Recipient) -> str:
        """Return under which name the policy has this archive key.

        Raises:
            NoSealedKey: it does not name it.
        """
        suites = self.policy.suites
        for one in self.policy.recipients:
            if [key for key in public.keys if key.suite in suites] == list(one.keys):
                return one.name
        raise NoSealedKey(key=public.name, policy=", ".join(one.name for one in self.policy.recipients))

    def sealed_for(self, name: str) -> list[sf.PartKeySealed]:
        """Return all content keys that were sealed to the recipient of that name."""
        return [fact for (_, _, recipient), fact in self.sealed.items() if recipient == name]


def read_archive(folder: Path) -> OpenedArchive:
    """Return the opening in the archive at `folder`.

    Raises:
        UnusableArchive: it has none.
    """
    facts = list(_facts(folder / ENTRIES))
    drafted = {one.sha256: one for one in facts if isinstance(one, sf.PolicyDrafted)}
    closed = next((one for one in facts if isinstance(one, sf.BidsClosed)), None)
    if closed is None or closed.policy not in drafted:
        raise UnusableArchive(folder=str(folder), lacks="a closed list and its policy")
    text = drafted[closed.policy].policy.encode()
    if hashlib.sha256(text).hexdigest() != closed.policy:
        raise UnusableArchive(folder=str(folder), lacks="the policy that its digest names")
    opened = [one for one in facts if isinstance(one, sf.BidJudged) and one.verdict is sf.Verdict.OPENED]
    sealed = [one for one in facts if isinstance(one, sf.PartKeySealed)]
    return OpenedArchive(
        folder,
        parse_policy(text),
        {one.bid: one for one in closed.bids},
        {(told.bid, part.part): part for told in opened for part in told.parts},
        {(one.bid, one.part, one.recipient): one for one in sealed},
        {one.bid: one.number for one in facts if isinstance(one, sf.BidAdmitted)},
    )


_KINDS = (sf.PolicyDrafted, sf.BidsClosed, sf.BidJudged, sf.PartKeySealed, sf.BidAdmitted)
_MARKS = tuple(f'"type":"{kind.__name__}"'.encode() for kind in _KINDS)


def _facts(path: Path) -> Iterator[object]:
    """Yield the facts of the journal that are of use here."""
    try:
        with path.open("rb") as file:
            while line := file.readline(LONGEST_LINE + 1):
                if any(mark in line for mark in _MARKS):
                    entry = parse_entry(line.rstrip(b"\n"))
                    yield decode_event(entry.type, entry.body)
    except (OSError, PeerFault) as error:
        raise UnusableArchive(file=str(path), problem=str(error)[:200]) from error


@contextmanager
def sealed_bid(archive: OpenedArchive, number: BidNumber) -> Iterator[tuple[Envelope, ReadAt]]:
    """Give a listed bid's envelope, seen to be the one listed, and what reads its bytes.

    Raises:
        UnusableArchive: its bytes are not in the archive, or are another bid's.
        PeerFault: they are no envelope of the policy.
    """
    path = archive.folder / ENVELOPES / f"{number}.evb1"
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as error:
        raise UnusableArchive(file=str(path), problem=error.strerror) from error
    try:

        def read(offset: int, length: int) -> bytes:
            return os.pread(handle, length, offset)

        envelope = open_envelope(read, os.fstat(handle).st_size, archive.policy, bytes.fromhex(number))
        listed = archive.listed[number]
        if (envelope.root.hex(), envelope.digest.hex()) != (listed.root, listed.digest):
            raise UnusableArchive(file=str(path), problem="another bid than the one listed")
        yield envelope, read
    finally:
        os.close(handle)


def document(
    archive: OpenedArchive, sealed: sf.PartKeySealed, key: OpeningKey, bid: tuple[Envelope, ReadAt]
) -> Iterator[bytes]:
    """Yield the text of an opened part, 1 MiB or less at a time; the last piece comes once the whole is seen to be right.

    Raises:
        WrapNotOpened: the sealed key is for somebody else.
        PartDamaged, BytesMissing: the key is not that of the part, or the bytes were changed.
        OtherDocument: the whole has another digest or length than the verdict says.
    """
    envelope, read = bid
    reader = open_document(envelope, sealed, key, read)
    running, size, held = hashlib.sha256(), 0, b""
    for piece in _texts(envelope, sealed.part, reader.pieces()):
        running.update(piece)
        size += len(piece)
        if held:
            yield held
        held = piece
    told = archive.judged.get((sealed.bid, sealed.part))
    if told is None or (told.sha256, told.size) != (running.hexdigest(), size):
        raise OtherDocument(bid=sealed.bid, part=sealed.part)
    yield held


def _texts(envelope: Envelope, part: PartName, pieces: Iterator[bytearray]) -> Iterator[bytes]:
    """Yield a part's text; a padded one is small and loses its padding as a whole."""
    if envelope.part(part).terms.padded:
        yield bytes(unpad(b"".join(pieces)))
        return
    for piece in pieces:
        yield bytes(piece)
