"""Commitments: they open for one value under one nonce at one place, and for nothing else."""

import hashlib
import hmac

import pytest

from evalroom.ledger.commitment import BadNonce, OpeningMismatch, check_opening, commit

NONCE = bytes(range(32))


def test_a_commitment_is_the_hmac_over_a_canonical_array() -> None:
    message = b'["S-1","c-1","/value","8.5"]'
    assert hmac.new(NONCE, message, hashlib.sha256).hexdigest() == commit(
        NONCE, "S-1", "c-1", "/value", "8.5"
    )


@pytest.mark.parametrize("length", [0, 16, 31, 33, 64])
def test_a_nonce_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(BadNonce):
        commit(bytes(length), "S-1", "c-1", "/value", "8.5")


@pytest.mark.parametrize(
    ("nonce", "session", "cmd", "path", "value"),
    [
        (bytes(32), "S-1", "c-1", "/value", "8.5"),
        (NONCE, "S-2", "c-1", "/value", "8.5"),
        (NONCE, "S-1", "c-2", "/value", "8.5"),
        (NONCE, "S-1", "c-1", "/reason", "8.5"),
        (NONCE, "S-1", "c-1", "/value", "8.50"),
        (NONCE, "S-1", 'c-1","/value', "", "8.5"),
    ],
)
def test_nothing_else_opens_it(nonce: bytes, session: str, cmd: str, path: str, value: str) -> None:
    with pytest.raises(OpeningMismatch):
        check_opening(commit(NONCE, "S-1", "c-1", "/value", "8.5"), nonce, session, cmd, path, value)


def test_the_value_and_its_nonce_open_it() -> None:
    check_opening(commit(NONCE, "S-1", "c-1", "/value", "8.5"), NONCE, "S-1", "c-1", "/value", "8.5")


def test_a_commitment_that_is_no_ascii_is_a_mismatch() -> None:
    with pytest.raises(OpeningMismatch):
        check_opening("评标", NONCE, "S-1", "c-1", "/value", "8.5")
