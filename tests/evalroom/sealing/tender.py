"""A tender to seal bids for: three trustees, three parts, two windows; keys from fixed seeds, public on purpose."""

import hashlib
from collections.abc import Sequence
from functools import cache

from evalroom.sealing.policy import (
    Mode,
    PartName,
    PartTerms,
    Policy,
    Recipient,
    Trustee,
    TrusteeKey,
    TrusteeKind,
    Window,
)
from evalroom.sealing.suite import OpeningKey, SigningKey
from evalroom.sealing.suites import find_suite

TENDER = "EV-2026-0001"
DEADLINE = 1_796_000_400_000
BID = bytes(range(16))
SUITES = (0x01, 0x02)


def drawn(label: str, size: int) -> bytes:
    """Return `size` bytes that look random and are the same each time: SHAKE-256 of the label."""
    return hashlib.shake_256(label.encode()).digest(size)


def pattern(size: int) -> bytes:
    """Return the bytes whose value at i is i mod 251, for long texts that need not be written down."""
    return (bytes(range(251)) * (size // 251 + 1))[:size]


@cache
def opening_pkcs8(suite: int, owner: str) -> tuple[bytes, ...]:
    """Return the private opening key of `owner`, in PKCS#8."""
    chosen = find_suite(suite)
    return chosen.opening_key_from_seed(drawn(f"opening {suite} {owner}", chosen.opening_seed_size))


@cache
def signing_pkcs8(suite: int, owner: str) -> tuple[bytes, ...]:
    """Return the private signing key of `owner`, in PKCS#8."""
    chosen = find_suite(suite)
    return chosen.signing_key_from_seed(drawn(f"signing {suite} {owner}", chosen.signing_seed_size))


@cache
def opening_key(suite: int, owner: str) -> OpeningKey:
    """Return the key that opens what is wrapped to `owner`."""
    return find_suite(suite).load_opening_key(opening_pkcs8(suite, owner))


@cache
def signing_key(suite: int, owner: str) -> SigningKey:
    """Return the envelope key of `owner`."""
    return find_suite(suite).load_signing_key(signing_pkcs8(suite, owner))


def trustee(name: str, kind: TrusteeKind, suites: Sequence[int] = SUITES) -> Trustee:
    """Return a trustee with one key for each suite."""
    keys = tuple(TrusteeKey(suite, opening_key(suite, name).public) for suite in suites)
    return Trustee(name, kind, f"{name} 数据中心", drawn(f"signer {name}", 44), keys)


def recipient(name: str, suites: Sequence[int] = SUITES) -> Recipient:
    """Return the holder of an archive key, one for each suite."""
    keys = tuple(TrusteeKey(suite, opening_key(suite, f"archive {name}").public) for suite in suites)
    return Recipient(name, f"{name} 档案室", keys)


def policy(
    mode: Mode = Mode.JOINT, *, k: int = 2, suites: Sequence[int] = SUITES, max_size: int = 1 << 34
) -> Policy:
    """Return the policy; in the mode `bidder` nobody holds shares."""
    trustees = (
        trustee("host", TrusteeKind.HOST, suites),
        trustee("north", TrusteeKind.SITE, suites),
        trustee("supervisor", TrusteeKind.SUPERVISOR, suites),
    )
    return Policy(
        tender=TENDER,
        mode=mode,
        k=0 if mode is Mode.BIDDER else k,
        suites=tuple(suites),
        deadline=DEADLINE,
        min_bids=3,
        max_size=max_size,
        trustees=trustees,
        windows=(
            Window("first", "BidsClosed", DEADLINE + 60_000, 3_600_000),
            Window("second", "SheetsLocked", None, 3_600_000),
        ),
        parts=(
            PartTerms(PartName.IDENTITY, "first", 1 << 20),
            PartTerms(PartName.OPENING, "first", 1 << 20),
            PartTerms(PartName.TECHNICAL, "first", max_size),
            PartTerms(PartName.PRICE, "second", 1 << 20),
        ),
    )
