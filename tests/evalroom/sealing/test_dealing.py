"""Dealing: any quorum joins, fewer learn nothing useful, and a dealer who lies is found by every quorum alike."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalroom.sealing.dealing import (
    PRIME,
    SHARE_SIZE,
    Dealing,
    ShareMismatch,
    TooFewShares,
    check_share,
    deal,
    join,
    share_digest,
)
from evalroom.sealing.suites import find_suite
from tests.evalroom.sealing import tender

SUITE = find_suite(2)
CONTEXT = tender.drawn("context", 32)
SECRET = tender.drawn("secret", 32)
QUORUMS = [(1, 2), (1, 3), (2, 3), (1, 2, 3)]


def digests(shares: tuple[bytes, ...]) -> list[bytes]:
    return [share_digest(SUITE, CONTEXT, share) for share in shares]


def chosen(shares: tuple[bytes, ...], quorum: tuple[int, ...]) -> dict[int, bytes]:
    return {place: shares[place - 1] for place in quorum}


def with_value(share: bytes, value: int, place: int | None = None) -> bytes:
    number = share[:2] if place is None else place.to_bytes(2, "big")
    return number + value.to_bytes(33, "big") + share[35:]


def value(share: bytes) -> int:
    return int.from_bytes(share[2:35], "big")


@pytest.mark.parametrize("quorum", QUORUMS)
def test_a_dealer_who_gives_one_trustee_another_polynomial_is_found_by_every_quorum(
    quorum: tuple[int, ...],
) -> None:
    honest, other = deal(SUITE, SECRET, 2, 3), deal(SUITE, tender.drawn("other", 32), 2, 3)
    for place in range(3):
        dealt = (*honest[:place], other[place], *honest[place + 1 :])
        with pytest.raises(Dealing):
            join(SUITE, CONTEXT, 2, digests(dealt), chosen(dealt, quorum))


@pytest.mark.parametrize("quorum", QUORUMS)
@pytest.mark.parametrize(
    "lie",
    [
        lambda one: with_value(one, (value(one) + 1) % PRIME),
        lambda one: with_value(one, value(one) + PRIME),
        lambda one: with_value(one, value(one), place=9),
        lambda one: one[:35] + bytes(32),
    ],
    ids=["another value", "a value not reduced", "another number", "another blind"],
)
def test_a_dealer_who_commits_to_a_wrong_share_is_found_by_every_quorum(
    quorum: tuple[int, ...], lie: object
) -> None:
    assert callable(lie)
    honest = deal(SUITE, SECRET, 2, 3)
    for place in range(3):
        dealt = (*honest[:place], lie(honest[place]), *honest[place + 1 :])
        with pytest.raises(Dealing):
            join(SUITE, CONTEXT, 2, digests(dealt), chosen(dealt, quorum))


@pytest.mark.parametrize("quorum", QUORUMS)
def test_a_polynomial_of_which_nothing_was_derived_is_found(quorum: tuple[int, ...]) -> None:
    slope = 12345
    base = int.from_bytes(SECRET, "big")
    honest = deal(SUITE, SECRET, 2, 3)
    dealt = tuple(with_value(one, (base + slope * n) % PRIME) for n, one in enumerate(honest, 1))
    with pytest.raises(Dealing):
        join(SUITE, CONTEXT, 2, digests(dealt), chosen(dealt, quorum))


@pytest.mark.parametrize("quorum", QUORUMS)
def test_a_polynomial_of_higher_degree_is_found(quorum: tuple[int, ...]) -> None:
    dealt = deal(SUITE, SECRET, 3, 3)
    with pytest.raises(Dealing):
        join(SUITE, CONTEXT, 2, digests(dealt), chosen(dealt, quorum))


def test_a_secret_that_no_32_bytes_hold_is_a_wrong_dealing() -> None:
    honest = deal(SUITE, SECRET, 1, 2)
    dealt = tuple(with_value(one, PRIME - 1) for one in honest)
    with pytest.raises(Dealing):
        join(SUITE, CONTEXT, 1, digests(dealt), chosen(dealt, (1,)))


def test_a_share_that_contradicts_its_commitment_is_the_trustees_matter() -> None:
    dealt = deal(SUITE, SECRET, 2, 3)
    for wrong in (dealt[0], dealt[1][:-1], b"", dealt[1] + b"\0", bytes(SHARE_SIZE)):
        with pytest.raises(ShareMismatch) as found:
            join(SUITE, CONTEXT, 2, digests(dealt), {1: dealt[0], 2: wrong})
        assert found.value.detail["trustee"] == 2
    assert join(SUITE, CONTEXT, 2, digests(dealt), chosen(dealt, (1, 3))) == SECRET


def test_a_share_of_another_context_is_refused() -> None:
    dealt = deal(SUITE, SECRET, 2, 3)
    check_share(SUITE, CONTEXT, 1, dealt[0], digests(dealt)[0])
    with pytest.raises(ShareMismatch):
        check_share(SUITE, bytes(32), 1, dealt[0], digests(dealt)[0])


def test_a_trustee_that_does_not_exist_has_no_share() -> None:
    dealt = deal(SUITE, SECRET, 2, 3)
    for place in (0, 4, -1):
        with pytest.raises(ShareMismatch):
            join(SUITE, CONTEXT, 2, digests(dealt), {1: dealt[0], place: dealt[1]})


def test_fewer_than_the_quorum_do_not_join() -> None:
    dealt = deal(SUITE, SECRET, 3, 5)
    for quorum in ((), (1,), (2, 5)):
        with pytest.raises(TooFewShares):
            join(SUITE, CONTEXT, 3, digests(dealt), chosen(dealt, quorum))


@given(st.binary(min_size=32, max_size=32), st.integers(1, 7), st.integers(0, 4))
def test_any_quorum_gives_back_any_secret(secret: bytes, k: int, more: int) -> None:
    dealt = deal(SUITE, secret, k, k + more)
    for quorum in list(combinations(range(1, k + more + 1), k))[:5]:
        assert secret == join(SUITE, CONTEXT, k, digests(dealt), chosen(dealt, quorum))


@pytest.mark.parametrize("secret", [bytes(32), b"\xff" * 32, (1).to_bytes(32, "big")])
def test_secrets_at_the_edges_are_dealt_like_any_other(secret: bytes) -> None:
    dealt = deal(SUITE, secret, 2, 3)
    assert [SHARE_SIZE] * 3 == [len(share) for share in dealt]
    for quorum in QUORUMS:
        assert secret == join(SUITE, CONTEXT, 2, digests(dealt), chosen(dealt, quorum))


def test_the_modulus_is_prime_and_the_least_above_2_to_the_256() -> None:
    def composite(number: int) -> bool:
        """Miller and Rabin with the first twelve primes as bases."""
        odd, twos = number - 1, 0
        while odd % 2 == 0:
            odd, twos = odd // 2, twos + 1
        for base in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37):
            power = pow(base, odd, number)
            if power in {1, number - 1}:
                continue
            if all((power := power * power % number) != number - 1 for _ in range(twos - 1)):
                return True
        return False

    assert not composite(PRIME)
    assert all(composite(number) for number in range(2**256 + 1, PRIME, 2))
