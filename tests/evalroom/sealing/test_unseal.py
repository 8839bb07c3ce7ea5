"""Halves and shares: each is checked the moment it is given; a wrong one may be followed by the right one."""

from collections.abc import Callable

import pytest

from evalroom.errors import EvalroomError
from evalroom.sealing.dealing import Dealing, ShareMismatch, TooFewShares
from evalroom.sealing.envelope import Envelope, SealedPart
from evalroom.sealing.policy import Mode, PartName, PolicyRefuses
from evalroom.sealing.suite import WrapNotOpened
from evalroom.sealing.unseal import HalfMismatch, check_half, content_key, open_half, open_share, read_text
from tests.evalroom.sealing import bids, tender

PART = PartName.OPENING


def given(mode: Mode = Mode.JOINT) -> tuple[bids.Sealed, Envelope, SealedPart]:
    sealed = bids.sealed(2, tender.policy(mode))
    envelope = sealed.open()
    return sealed, envelope, envelope.part(PART)


def shares(envelope: Envelope, part: SealedPart, *places: int) -> dict[int, bytes]:
    names = [trustee.name for trustee in envelope.policy.trustees]
    keys = {place: tender.opening_key(2, names[place - 1]) for place in places}
    return {place: open_share(envelope.suite, part, place, key) for place, key in keys.items()}


def test_a_wrong_half_then_the_right_one() -> None:
    sealed, envelope, part = given()
    right = sealed.plan.secrets[PART].half
    for wrong in (bytes(32), right[:-1], right + b"\0", b"", sealed.plan.secrets[PartName.PRICE].half):
        with pytest.raises(HalfMismatch):
            check_half(envelope.suite, part, wrong)
        with pytest.raises(HalfMismatch):
            content_key(envelope, PART, wrong, shares(envelope, part, 1, 2))
    check_half(envelope.suite, part, right)
    key = content_key(envelope, PART, right, shares(envelope, part, 1, 2))
    assert sealed.plan.secrets[PART].content_key == key
    assert bids.TEXTS[PART] == read_text(envelope, PART, key, sealed.read)


def test_each_slot_gives_the_half_and_a_stranger_gets_nothing() -> None:
    sealed, envelope, part = given()
    for owner in ("token", "spare"):
        half = open_half(envelope.suite, part, tender.opening_key(2, owner))
        assert sealed.plan.secrets[PART].half == half
    for owner in ("phone", "host"):
        with pytest.raises(WrapNotOpened):
            open_half(envelope.suite, part, tender.opening_key(2, owner))


def test_a_trustee_opens_its_own_share_and_no_other() -> None:
    _, envelope, part = given()
    key = tender.opening_key(2, "north")
    assert len(open_share(envelope.suite, part, 2, key)) == 67
    for place in (1, 3):
        with pytest.raises(WrapNotOpened):
            open_share(envelope.suite, part, place, key)
    for place in (0, 4, -1):
        with pytest.raises(PolicyRefuses):
            open_share(envelope.suite, part, place, key)


def test_without_the_half_or_without_a_quorum_there_is_no_key() -> None:
    sealed, envelope, part = given()
    half = sealed.plan.secrets[PART].half
    with pytest.raises(HalfMismatch):
        content_key(envelope, PART, None, shares(envelope, part, 1, 2, 3))
    for places in ((), (1,), (3,)):
        with pytest.raises(TooFewShares):
            content_key(envelope, PART, half, shares(envelope, part, *places))


def test_shares_of_another_part_are_refused() -> None:
    sealed, envelope, _ = given()
    half = sealed.plan.secrets[PART].half
    other = shares(envelope, envelope.part(PartName.PRICE), 1, 2)
    with pytest.raises(ShareMismatch):
        content_key(envelope, PART, half, other)


def test_what_a_mode_does_not_have_is_refused() -> None:
    sealed, envelope, part = given(Mode.SITES)
    dealt = shares(envelope, part, 2, 3)
    with pytest.raises(PolicyRefuses):
        content_key(envelope, PART, bytes(32), dealt)
    with pytest.raises(PolicyRefuses):
        check_half(envelope.suite, part, bytes(32))
    key = content_key(envelope, PART, None, dealt)
    assert bids.TEXTS[PART] == read_text(envelope, PART, key, sealed.read)

    sealed, envelope, part = given(Mode.BIDDER)
    half = sealed.plan.secrets[PART].half
    with pytest.raises(PolicyRefuses):
        content_key(envelope, PART, half, dealt)
    with pytest.raises(PolicyRefuses):
        open_share(envelope.suite, part, 1, tender.opening_key(2, "host"))
    key = content_key(envelope, PART, half, {})
    assert bids.TEXTS[PART] == read_text(envelope, PART, key, sealed.read)


@pytest.mark.parametrize("quorum", [(1, 2), (1, 3), (2, 3)])
def test_an_equivocating_dealer_gets_one_verdict_from_every_quorum(quorum: tuple[int, ...]) -> None:
    policy = tender.policy()
    sealed = bids.sealed(
        2, policy, lie=lambda shares: (shares[0], shares[1], shares[1][:34] + shares[2][34:])
    )
    envelope = sealed.open()
    part = envelope.part(PART)
    half = sealed.plan.secrets[PART].half
    with pytest.raises(Dealing):
        content_key(envelope, PART, half, shares(envelope, part, *quorum))


def test_each_part_has_a_key_of_its_own() -> None:
    sealed, envelope, _ = given()
    keys = {name: drawn.content_key for name, drawn in sealed.plan.secrets.items()}
    assert len(set(keys.values())) == len(keys)
    attempts: list[Callable[[], bytes]] = [
        lambda name=name, key=key: read_text(envelope, name, key, sealed.read)  # type: ignore[misc]
        for name in keys
        for other, key in keys.items()
        if name is not other
    ]
    for attempt in attempts:
        with pytest.raises(EvalroomError) as refused:
            attempt()
        assert refused.value.code == "part_damaged"
