"""What the host finds each bid of a window to be, from what was released and from every byte that lies here.

Everything here blocks on disk and processor and runs in threads, or in processes of its own (`examination.py`);
nothing here writes.  The verdict is the room's
(`verdict.py`); here its observations are made: texts first, then one pass over all bytes, hashed and decrypted while
they are in the cache.  One bad bid never holds up the others: whatever is wrong with it ends in what was seen.
"""

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from cryptography import x509
from cryptography.x509.oid import NameOID

from evalroom.ids import BidNumber, LotId
from evalroom.sealing.dealing import Dealing
from evalroom.sealing.envelope import Envelope
from evalroom.sealing.facts import OpenedPart
from evalroom.sealing.inspection import Inspection, RootMismatch
from evalroom.sealing.lanes import receipt_root
from evalroom.sealing.policy import Mode, PartName
from evalroom.sealing.price_sheet import PriceSheet, parse_sheet
from evalroom.sealing.stream import BytesMissing, PartDamaged, ReadAt
from evalroom.sealing.unseal import content_key, read_text
from evalroom.sealing.verdict import Observed, Released, observe

MAX_NAME = 200


@dataclass(frozen=True, slots=True)
class Due:
    """A bid of a window with what was released for its parts."""

    number: BidNumber
    envelope: Envelope
    parts: tuple[PartName, ...]
    released: Released


@dataclass(frozen=True, slots=True)
class Found:
    """What a bid was seen to be, its name for people, and the texts it holds by digest and length."""

    number: BidNumber
    seen: Observed
    bidder: str = ""
    parts: tuple[OpenedPart, ...] = ()

    @property
    def sheet(self) -> PriceSheet | None:
        """Return the price sheet that was read."""
        return self.seen.sheet


def read_sheet(due: Due, part: PartName, read: ReadAt) -> PriceSheet:
    """Return the price sheet of a part as soon as its half and a quorum of shares are there.

    Raises:
        PeerFault, TooFewShares, BytesMissing: it does not read; the examination finds out why.
    """
    half = None if due.envelope.policy.mode is Mode.SITES else (due.released.halves or {}).get(part)
    key = content_key(due.envelope, part, half, due.released.shares.get(part, {}))
    return parse_sheet(read_text(due.envelope, part, key, read))


def look(due: Due, read: ReadAt, lots: Collection[LotId]) -> Found:
    """Return what is seen of a bid before its big parts are read: keys, identity, prices of lots of the tender."""
    seen = observe(due.envelope, due.parts, due.released, read, lots=lots)
    name = name_of(seen.certificate) if seen.certificate else ""
    return Found(due.number, seen, name)


@dataclass(frozen=True, slots=True)
class Read:
    """What reading every byte of a bid showed: whether they are those sealed, whether a part is damaged, and its texts."""

    bytes_good: bool
    damaged: bool = False
    parts: tuple[OpenedPart, ...] = ()


def read_all(
    envelope: Envelope,
    keys: Mapping[PartName, bytes],
    read: ReadAt,
    told: Callable[[int], None],
    *,
    alone: bool = False,
) -> Read:
    """Hash every byte and decrypt every part that has a key.

    `told` is called with the bytes looked at.  Where bids are read side by side each keeps to its core, and bytes are
    hashed and decrypted while they are in its cache; of a bid that is `alone` another thread hashes the root.
    """
    with ThreadPoolExecutor(1) as pool:
        tree = receipt_root((lambda work: pool.submit(work).result) if alone else None)
        inspection = Inspection(envelope, keys, read, tree, digesting=True)
        try:
            for size in inspection.run():
                told(size)
        except (RootMismatch, BytesMissing):
            return Read(bytes_good=False)
    parts = tuple(OpenedPart(part, *digest) for part, digest in inspection.digests.items())
    return Read(bytes_good=True, damaged=bool(inspection.damaged), parts=parts)


def after_reading(found: Found, read: Read) -> Found:
    """Return what is seen of a bid once its bytes were read.

    Bytes that are not those sealed say nothing about its parts; a dealing that was wrong explains a part that does not open.
    """
    if not read.bytes_good:
        return replace(found, seen=replace(found.seen, bytes_good=False))
    damaged = read.damaged and found.seen.fault != Dealing.code
    seen = replace(found.seen, fault=PartDamaged.code) if damaged else found.seen
    return replace(found, seen=seen, parts=read.parts)


def name_of(certificate: bytes) -> str:
    """Return by which name a bidder is read out: organisation or common name of its certificate (DER)."""
    parsed = x509.load_der_x509_certificate(certificate)
    for oid in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME):
        found = parsed.subject.get_attributes_for_oid(oid)
        if found and str(found[0].value).strip():
            return str(found[0].value).strip()[:MAX_NAME]
    return f"certificate {parsed.serial_number:x}"
