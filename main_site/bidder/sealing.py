"""Sealing a bid to a file: two threads hash the receipt root while this one reads, encrypts and writes.

The envelope grows under another name, is opened again as at the opening, and only then takes its own name, after
its keys are on the disk; so whatever bears the name of a bid opens, and nothing is half done.  A failure leaves
the parts as they were and nothing else.  Refused before a byte is sealed: parts, sizes and suites that the
policy does not take, price sheets that would not be read, a disk without room.
"""

import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from evalroom.errors import LocalFault, Refusal
from evalroom.sealing.core import BID_SIZE
from evalroom.sealing.envelope import open_envelope
from evalroom.sealing.identity import bidder_commitment, check_identity, parse_identity
from evalroom.sealing.inspection import self_test
from evalroom.sealing.padding import padded_size
from evalroom.sealing.policy import Mode, PartName, Policy, PolicyRefuses
from evalroom.sealing.seal import BidTerms, SealingPlan, envelope_size, plan_sealing, seal_in_place
from evalroom.sealing.suite import Buffer, OpeningKey
from main_site.bidder.certificate import Signatory
from main_site.bidder.envelope_file import BidFileUnusable, Step, hashed_beside, opened, stored
from main_site.bidder.keyfile import BidKeys, BidRecord, KeyFileExists, Stretched, stretch, write_keys
from main_site.bidder.sheet import SHEETS, canonical_sheet
from main_site.bidder.slots import BESIDE, Made

PIECE = 1 << 20
LARGEST_SHEET = 1 << 20


class BidExists(LocalFault):
    """A file of this name is there already: it was not touched; choose another name, or move it away first."""

    code = "bid_file_exists"


class PartsMissing(Refusal):
    """The policy asks for parts that were not given: nothing was sealed; name a file, or nothing for an empty part."""

    code = "parts_missing"


class DiskTooSmall(LocalFault):
    """The disk has no room for the sealed bid: nothing was sealed; make room or name another disk."""

    code = "disk_too_small"


class FileChanged(LocalFault):
    """A file changed its length while it was being sealed: nothing was sealed; close it elsewhere and seal again."""

    code = "file_changed"


def new_number() -> bytes:
    """Return a number for a new bid, 16 bytes."""
    return secrets.token_bytes(BID_SIZE)


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be sealed, by whom, where to, and what it will be opened with; a part of None is empty.

    `passphrase` is that of the key file beside `out`, `bid` the number of the bid, 16 bytes.
    """

    policy: Policy
    suite: int
    parts: Mapping[PartName, Path | None]
    signatory: Signatory
    out: Path
    passphrase: str = field(repr=False)
    slots: Made = BESIDE
    bid: bytes = field(default_factory=new_number)


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A key file to be written: where to, under which passphrase, with which keys."""

    path: Path
    stretched: Stretched
    keys: BidKeys


@dataclass(frozen=True, slots=True)
class Text:
    """A part's plaintext: short ones in memory, long ones where they lie."""

    size: int
    pieces: Callable[[], Iterator[Buffer]]


def key_path(out: Path) -> Path:
    """Return where the keys of the bid `out` lie."""
    return out.with_name(out.name + ".key")


def pick_suite(policy: Policy, wanted: int | None) -> int:
    """Return the suite to seal with: the one wanted, else the policy's first that this machine has.

    Raises:
        UnknownSuite, PolicyRefuses: the policy does not take it.
        SuiteUnavailable: this machine has none of them.
    """
    if wanted is not None:
        policy.check_suite(wanted).check_available()
        return wanted
    for code in policy.suites[:-1]:
        try:
            policy.check_suite(code).check_available()
        except LocalFault:
            continue  # the policy lists another; the last one's failure is the caller's to see
        return code
    policy.check_suite(policy.suites[-1]).check_available()
    return policy.suites[-1]


def seal_to_file(order: Order, step: Step) -> BidRecord:
    """Seal, open again with every slot, write the keys, and return what was sealed; `out` and key files are there then.

    Raises:
        EvalroomError: with the reason; neither `out` nor a key file was made.
    """
    policy, out = order.policy, order.out
    _check_free(order)
    suite = policy.check_suite(order.suite)
    suite.check_available()
    texts, files = _texts(order), _key_files(order)
    keys = files[0].keys
    openers = [*(one for file in files for one in file.keys.openers(suite)), *order.slots.openers]
    commitment = bidder_commitment(suite, order.signatory.salt, order.signatory.certificate)
    terms = BidTerms(order.suite, order.bid, commitment, tuple(one.public for one in openers))
    plan = plan_sealing(policy, terms, keys.signer(suite), secrets.token_bytes)
    identity = order.signatory.identity(plan.key.public, plan.context(PartName.IDENTITY))
    texts[PartName.IDENTITY] = _in_memory(identity)
    _check_sizes(plan, texts, out)
    with _unfinished(out) as part:
        _write(plan, texts, part, step)
        record = _test(plan, openers, identity, part, step)
        with _written(files, record):
            _name(part, out)
    return record


def _key_files(order: Order) -> list[KeyFile]:
    """Return the key files, the one beside the bid first; all hold the envelope key, each a slot key of its own.

    Passphrases are made into keys here, before a bid is sealed: both together would take too much memory.
    """
    suite = order.policy.check_suite(order.suite)
    sealed_to = order.policy.mode is not Mode.SITES
    first = BidKeys.draw(suite, int(sealed_to and order.slots.beside))
    spares = [
        KeyFile(
            one.path,
            stretch(one.passphrase),
            BidKeys(first.envelope, BidKeys.draw(suite, int(sealed_to)).slots),
        )
        for one in order.slots.spares
    ]
    return [KeyFile(key_path(order.out), stretch(order.passphrase), first), *spares]


@contextmanager
def _written(files: Sequence[KeyFile], record: BidRecord) -> Iterator[None]:
    """Write all key files; where the block fails, none is left."""
    with ExitStack() as undo:
        for one in files:
            _write_keys(one, record)
            undo.callback(one.path.unlink)
        yield
        undo.pop_all()


def _write_keys(one: KeyFile, record: BidRecord) -> None:
    try:
        write_keys(one.path, record, one.keys, one.stretched)
    except OSError as error:
        one.path.unlink(missing_ok=True)
        raise BidFileUnusable(file=one.path.name, reason=error.strerror or "write") from error


def _name(part: Path, out: Path) -> None:
    """Give the finished envelope its name."""
    try:
        os.link(part, out)  # unlike a rename it never replaces what somebody put there meanwhile
    except FileExistsError as error:
        raise BidExists(file=out.name) from error
    except OSError:  # a file system without links
        part.replace(out)


def _check_free(order: Order) -> None:
    if order.out.exists():
        raise BidExists(file=order.out.name)
    paths = [key_path(order.out), *(one.path for one in order.slots.spares)]
    for path in paths:
        if path.exists():
            raise KeyFileExists(file=path.name)
        if not path.parent.is_dir():
            raise BidFileUnusable(file=str(path), reason="there is no such folder")
    if len({path.absolute() for path in paths}) != len(paths):
        raise KeyFileExists(file=order.out.name, reason="two key files of one name")


def _texts(order: Order) -> dict[PartName, Text]:
    wanted = [part.name for part in order.policy.parts if part.name is not PartName.IDENTITY]
    if missing := [name for name in wanted if name not in order.parts]:
        raise PartsMissing(parts=", ".join(missing))
    if odd := [name for name in order.parts if name not in wanted]:
        raise PolicyRefuses(reason="no such part to give", part=", ".join(odd))
    return {name: _text(order, name) for name in wanted}


def _text(order: Order, name: PartName) -> Text:
    path = order.parts[name]
    if path is None:
        return _in_memory(b"")
    try:
        size = path.stat().st_size
    except OSError as error:
        raise BidFileUnusable(file=path.name, reason=error.strerror or "stat") from error
    if name not in SHEETS:
        return Text(size, lambda: _pieces(path, size))
    if size > LARGEST_SHEET:
        raise PolicyRefuses(reason="a price sheet of more than 1 MiB", part=name, size=size)
    with opened(path) as file:
        return _in_memory(canonical_sheet(file.read(), name, order.policy))


def _in_memory(text: bytes) -> Text:
    return Text(len(text), lambda: iter([text]))


def _pieces(path: Path, size: int) -> Iterator[Buffer]:
    done = 0
    with opened(path) as file:
        try:
            while piece := file.read(PIECE):
                done += len(piece)
                yield piece
        except OSError as error:
            raise BidFileUnusable(file=path.name, reason=error.strerror or "read") from error
    if done != size:
        raise FileChanged(file=path.name, before=size, now=done)


def _check_sizes(plan: SealingPlan, texts: Mapping[PartName, Text], out: Path) -> None:
    """Refuse what is too large before ten gigabytes are read for nothing."""
    sizes = []
    for part in plan.policy.parts:
        size = texts[part.name].size
        sizes.append(padded_size(size) if part.padded else size)
        if sizes[-1] > part.max_size:
            raise PolicyRefuses(
                reason="larger than the policy allows", part=part.name, size=size, limit=part.max_size
            )
    whole = envelope_size(plan, sizes)
    if sum(sizes) > plan.policy.max_size:
        raise PolicyRefuses(reason="larger than the policy allows", size=whole, limit=plan.policy.max_size)
    try:
        free = shutil.disk_usage(out.parent).free
    except OSError as error:
        raise BidFileUnusable(file=str(out.parent), reason=error.strerror or "statvfs") from error
    if free < whole:
        raise DiskTooSmall(needed=whole, free=free)


@contextmanager
def _unfinished(out: Path) -> Iterator[Path]:
    """Make a file beside `out` that is gone afterwards, however this ends.

    Raises:
        BidFileUnusable: the folder does not take it.
    """
    path = out.with_name(f"{out.name}.{secrets.token_hex(4)}.unfinished")
    try:
        path.touch(mode=0o600, exist_ok=False)
        yield path
    except OSError as error:
        raise BidFileUnusable(file=out.name, reason=error.strerror or "write") from error
    finally:
        path.unlink(missing_ok=True)


def _write(plan: SealingPlan, texts: Mapping[PartName, Text], path: Path, step: Step) -> None:
    whole = envelope_size(plan, [text.size for text in texts.values()])
    sources = {name: text.pieces() for name, text in texts.items()}
    done = 0
    with hashed_beside() as tree, path.open("wb", buffering=0) as file:
        for piece in seal_in_place(plan, sources, tree):
            _write_all(file.write, piece)
            done += len(piece)
            step("seal", done, max(done, whole))
        os.fsync(file.fileno())


def _write_all(write: Callable[[Buffer], int | None], data: Buffer) -> None:
    """Write all of `data`: an unbuffered file may take less at a time, as on a disk that is filling up."""
    view = memoryview(data)
    while view:
        view = view[write(view) or 0 :]


def _test(
    plan: SealingPlan, openers: Sequence[OpeningKey], identity: bytes, path: Path, step: Step
) -> BidRecord:
    """Open what was sealed as the opening will, and return what it is.

    Raises:
        SelfTestFailed, IdentityMismatch: it does not open.
    """
    with stored(path) as source:
        for done in self_test(plan, source.read, source.size, openers):
            step("test", done, source.size)
        envelope = open_envelope(source.read, source.size, plan.policy, plan.terms.bid)
    check_identity(envelope, parse_identity(identity))
    return BidRecord(
        tender=plan.policy.tender,
        bid=plan.terms.bid,
        suite=plan.suite.code,
        policy=plan.policy.encode(),
        root=envelope.root,
        digest=envelope.digest,
        size=envelope.size,
    )
