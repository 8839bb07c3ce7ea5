"""The keys of a bid open with their passphrase alone, whatever was done to the file; nothing is ever overwritten."""

import stat
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from evalroom.errors import EvalroomError
from main_site.bidder import keyfile
from main_site.bidder.keyfile import (
    BidKeys,
    BidKeysLocked,
    BidRecord,
    KeyFileExists,
    MalformedKeyFile,
    WeakPassphrase,
    check_passphrase,
    lock,
    new_passphrase,
    read_record,
    stretch,
    unlock,
    write_keys,
)
from tests.evalroom.sealing import tender

PASSPHRASE = "correct-horse-battery"  # noqa: S105 - of keys that exist in this test only
RECORD = BidRecord("EV-1", bytes(16), 2, tender.policy().encode(), bytes(32), b"\x01" * 32, 1234)
KEYS = BidKeys(tender.signing_pkcs8(2, "envelope"), (tender.opening_pkcs8(2, "token"),))


@pytest.fixture
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a derivation cost next to nothing, for tests that try hundreds of files."""

    def cheap(*, salt: bytes, length: int, **_: int) -> Scrypt:
        return Scrypt(salt=salt, length=length, n=2, r=1, p=1)

    monkeypatch.setattr(keyfile, "Scrypt", cheap)


def test_another_passphrase_opens_nothing(tmp_path: Path) -> None:
    write_keys(tmp_path / "bid.key", RECORD, KEYS, stretch(PASSPHRASE))
    with pytest.raises(BidKeysLocked):
        unlock(tmp_path / "bid.key", PASSPHRASE + "x")


def test_the_keys_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "bid.key"
    write_keys(path, RECORD, KEYS, stretch(PASSPHRASE))
    assert (RECORD, KEYS) == unlock(path, PASSPHRASE)
    assert read_record(path) == RECORD
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("_cheap")
def test_every_changed_byte_of_a_key_file_is_found(tmp_path: Path) -> None:
    data = lock(
        replace(RECORD, policy=b"{}"), BidKeys((b"a",), ()), stretch(PASSPHRASE, bytes(16)), bytes(12)
    )
    path = tmp_path / "bid.key"
    accepted = []
    for place in range(len(data)):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        try:
            unlock(path, PASSPHRASE)
        except (BidKeysLocked, MalformedKeyFile):
            continue
        accepted.append(place)
    assert [] == accepted


@pytest.mark.parametrize("data", [b"", b"{}\n", b"[]\n", b'"x"\n', b"\xff\n", b"{" * 5000 + b"\n", b"EVB1"])
def test_what_is_no_key_file_is_told(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "bid.key"
    path.write_bytes(data)
    for read in (read_record, lambda one: unlock(one, PASSPHRASE)):
        with pytest.raises(MalformedKeyFile):
            read(path)


def test_a_derivation_that_is_cheaper_to_guess_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bid.key"
    data = lock(RECORD, KEYS, stretch(PASSPHRASE, bytes(16)), bytes(12))
    path.write_bytes(data.replace(b"scrypt 8192 8 10", b"scrypt 2 1 1"))
    with pytest.raises(MalformedKeyFile):
        unlock(path, PASSPHRASE)


def test_a_file_that_is_there_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "bid.key"
    path.write_bytes(b"the only keys of another bid")
    with pytest.raises(KeyFileExists):
        write_keys(path, RECORD, KEYS, stretch(PASSPHRASE))
    assert b"the only keys of another bid" == path.read_bytes()


def test_no_key_shows_itself_in_a_text(tmp_path: Path) -> None:
    write_keys(tmp_path / "bid.key", RECORD, KEYS, stretch(PASSPHRASE))
    data = (tmp_path / "bid.key").read_bytes()
    for key in (*KEYS.envelope, *KEYS.slots[0]):
        assert key not in data
        assert key.hex() not in repr(KEYS)
    assert "token" not in repr(KEYS)


def test_passphrases_are_long_and_each_is_another() -> None:
    made = {new_passphrase() for _ in range(50)}
    assert 50 == len(made)
    assert all(check_passphrase(f" {one}\n") == one for one in made)
    with pytest.raises(WeakPassphrase):
        check_passphrase("short       ")


@pytest.mark.parametrize("suite", [0x01, 0x02])
def test_drawn_keys_are_keys_of_the_suite(suite: int) -> None:
    record = replace(RECORD, suite=suite)
    algorithms = record.algorithms()
    keys, others = BidKeys.draw(algorithms, 2), BidKeys.draw(algorithms, 0)
    assert 2 == len({one.public for one in keys.openers(algorithms)})
    assert keys.signer(algorithms).public != others.signer(algorithms).public
    assert record.terms() == tender.policy()
    with pytest.raises(EvalroomError):
        replace(record, suite=0x77).algorithms()
