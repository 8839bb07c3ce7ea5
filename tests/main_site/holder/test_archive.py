"""A document is read from the archive alone, years later, by the holder of a key that the policy names; by nobody else."""

from pathlib import Path

import pytest

from evalroom.errors import EvalroomError
from evalroom.ids import BidNumber
from evalroom.sealing.policy import PartName
from evalroom.sealing.stream import PartDamaged
from evalroom.sealing.suite import WrapNotOpened
from main_site.holder.archive import (
    ENTRIES,
    ENVELOPES,
    NoSealedKey,
    NoSuchDocument,
    OtherDocument,
    UnusableArchive,
    document,
    read_archive,
    sealed_bid,
)
from signaling.custody import archive_key, container
from signaling.custody.archive_key import read_public, unlocked
from signaling.custody.container import WrongPassphrase
from signaling.custody.trustee import KeyReplaced
from tests.evalroom.opening import bid_id
from tests.main_site.holder.keys import CENTRE, PASSPHRASE, SUPERVISOR, key_folder
from tests.recorder.bag_factory import Bag, copy_of, make_bag
from tests.recorder.sealed_bag import ABSENT, LISTED, envelope, make_sealed_bag

PRESENT = [one for one in LISTED if one != ABSENT]
TECHNICAL, IDENTITY = PartName.TECHNICAL, PartName.IDENTITY


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "SCRYPT_N", 16)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Bag:
    return make_sealed_bag(tmp_path_factory.mktemp("sealed") / "bag")


@pytest.fixture
def bag(clean: Bag, tmp_path: Path) -> Bag:
    return copy_of(clean, tmp_path / "bag")


@pytest.fixture
def centre(tmp_path: Path) -> Path:
    return key_folder(tmp_path / "centre", CENTRE)


def read(bag: Path, key: Path, bid: str, part: PartName = TECHNICAL, passphrase: str = PASSPHRASE) -> bytes:
    """Read a document as the command does."""
    archive = read_archive(bag)
    number = archive.number(bid)
    fact = archive.sealed[number, part, archive.recipient(read_public(key))]
    with unlocked(key, passphrase) as keys, sealed_bid(archive, number) as found:
        return b"".join(document(archive, fact, keys(found[0].suite.code), found))


# --- who may not ----------------------------------------------------------------------------------------------


def test_another_passphrase_opens_nothing(bag: Bag, centre: Path) -> None:
    with pytest.raises(WrongPassphrase):
        read(bag.path, centre, PRESENT[0], passphrase="guessed")  # noqa: S106 - a wrong one


def test_a_key_that_no_policy_names_is_told_so(bag: Bag, tmp_path: Path) -> None:
    stranger = key_folder(tmp_path / "stranger", "stranger")
    with pytest.raises(NoSealedKey):
        read(bag.path, stranger, PRESENT[0])


def test_a_stranger_who_shows_the_public_file_of_another_is_found_out(
    bag: Bag, centre: Path, tmp_path: Path
) -> None:
    thief = key_folder(tmp_path / "thief", "thief")
    (thief / archive_key.PUBLIC).write_bytes((centre / archive_key.PUBLIC).read_bytes())
    with pytest.raises(KeyReplaced):
        read(bag.path, thief, PRESENT[0])


def test_a_key_sealed_to_one_recipient_is_not_opened_by_another(bag: Bag, centre: Path) -> None:
    archive = read_archive(bag.path)
    theirs = archive.sealed[PRESENT[0], TECHNICAL, SUPERVISOR]
    with (
        unlocked(centre, PASSPHRASE) as keys,
        sealed_bid(archive, PRESENT[0]) as found,
        pytest.raises(WrapNotOpened),
    ):
        list(document(archive, theirs, keys(found[0].suite.code), found))


# --- what is not there ----------------------------------------------------------------------------------------


def test_a_bid_that_was_never_opened_stays_sealed(bag: Bag, centre: Path) -> None:
    assert not [key for key in read_archive(bag.path).sealed if key[0] == ABSENT]
    with pytest.raises(KeyError):
        read(bag.path, centre, ABSENT)


def test_a_bid_that_is_not_listed_is_told_so(bag: Bag) -> None:
    for bid in ("B99", "00" * 16, "../etc", ""):
        with pytest.raises(NoSuchDocument):
            read_archive(bag.path).number(bid)


def test_an_archive_without_an_opening_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(UnusableArchive):
        read_archive(make_bag(tmp_path / "plain").path)
    with pytest.raises(UnusableArchive):
        read_archive(tmp_path / "nowhere")


# --- what was changed -----------------------------------------------------------------------------------------


def test_a_changed_byte_of_the_document_is_found_before_the_whole_is_given(bag: Bag, centre: Path) -> None:
    path = bag.path / ENVELOPES / f"{PRESENT[0]}.evb1"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises((PartDamaged, UnusableArchive)):
        read(bag.path, centre, PRESENT[0])


def test_another_bids_envelope_under_this_number_is_refused(bag: Bag, centre: Path) -> None:
    one, other = (bag.path / ENVELOPES / f"{number}.evb1" for number in PRESENT[:2])
    one.write_bytes(other.read_bytes())
    with pytest.raises(EvalroomError):
        read(bag.path, centre, PRESENT[0])


def test_a_document_that_is_not_the_one_judged_is_kept_back(bag: Bag, centre: Path) -> None:
    part = envelope(PRESENT[0]).part(TECHNICAL)
    path = bag.path / ENTRIES
    path.write_bytes(path.read_bytes().replace(part.sha256.encode(), b"0" * 64))
    with pytest.raises(OtherDocument):
        read(bag.path, centre, PRESENT[0])


def test_a_journal_line_that_is_none_is_told(bag: Bag) -> None:
    path = bag.path / ENTRIES
    path.write_bytes(path.read_bytes().replace(b'"type":"PartKeySealed"', b'"type":"PartKeySealed" ', 1))
    with pytest.raises(UnusableArchive):
        read_archive(bag.path)


# --- the way it goes ------------------------------------------------------------------------------------------


@pytest.fixture
def holders(tmp_path: Path) -> list[Path]:
    return [key_folder(tmp_path / f"key {name}", name) for name in (CENTRE, SUPERVISOR)]


def test_each_holder_reads_every_opened_document_of_either_suite(bag: Bag, holders: list[Path]) -> None:
    for key in holders:
        for number in PRESENT:
            assert envelope(number).texts[TECHNICAL] == read(bag.path, key, number)
            assert envelope(number).texts[IDENTITY] == read(bag.path, key, number, IDENTITY)


def test_a_bid_is_named_as_on_the_sheets_too(bag: Bag, centre: Path) -> None:
    number = PRESENT[0]
    assert number == read_archive(bag.path).number(bid_id(BidNumber(number)))
    assert envelope(number).texts[TECHNICAL] == read(bag.path, centre, bid_id(number))
