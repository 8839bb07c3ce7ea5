"""Sealing: what comes out opens again, in every mode and suite; what the policy does not take never comes out."""

import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from evalroom.errors import EvalroomError
from evalroom.sealing.core import MalformedEnvelope
from evalroom.sealing.policy import Mode, PartName, PolicyRefuses
from evalroom.sealing.price_sheet import PriceSheet
from evalroom.sealing.record import LotPrice
from evalroom.sealing.seal import BidTerms, SealingPlan, envelope_size, plan_sealing, seal
from evalroom.sealing.stream import sealed_size
from evalroom.sealing.suite import MalformedSealingKey
from evalroom.sealing.suites import UnknownSuite
from tests.evalroom.sealing import bids, tender


def plan(terms: BidTerms, mode: Mode = Mode.JOINT) -> SealingPlan:
    key = tender.signing_key(2, "envelope")
    return plan_sealing(tender.policy(mode), terms, key, bids.Dice("plan"))


def terms() -> BidTerms:
    return bids.terms(2, tender.policy())


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("suite", tender.SUITES)
def test_what_was_sealed_opens_again(suite: int, mode: Mode) -> None:
    policy = tender.policy(mode)
    assert dict(bids.TEXTS) == bids.open_all(bids.sealed(suite, policy).data, policy)


@pytest.mark.parametrize("quorum", [(1, 2), (1, 3), (2, 3), (1, 2, 3)])
def test_every_quorum_opens(quorum: tuple[int, ...]) -> None:
    policy = tender.policy()
    assert dict(bids.TEXTS) == bids.open_all(bids.sealed(2, policy).data, policy, quorum=quorum)


@pytest.mark.parametrize("size", [0, 1, 16_383, 16_384, 16_385, 1 << 20, (1 << 20) + 1])
@pytest.mark.parametrize("step", [1000, 16_384, 1 << 20])
def test_the_pieces_in_which_a_part_is_read_leave_no_trace(size: int, step: int) -> None:
    text = tender.drawn("text", size)
    sources = {name: [one] for name, one in bids.TEXTS.items()}
    sources[PartName.TECHNICAL] = [text[start : start + step] for start in range(0, size, step)]
    data = b"".join(seal(plan(terms()), sources))
    assert text == bids.open_all(data, tender.policy())[PartName.TECHNICAL]
    whole = b"".join(seal(plan(terms()), {**sources, PartName.TECHNICAL: [text]}))
    assert len(whole) == len(data)


def test_prices_of_different_digits_give_envelopes_of_one_length() -> None:
    sealed = []
    for fen in (9, 123_456_789_012_345):
        sheet = PriceSheet("路桥公司", (LotPrice("lot1", fen),)).encode()
        sealed.append(bids.sealed(2, texts={**bids.TEXTS, PartName.PRICE: sheet}))
    assert len(sealed[0].data) == len(sealed[1].data)
    assert 1 << 16 == sealed[0].open().part(PartName.PRICE).plain_size


def test_a_bid_with_an_unknown_or_unlisted_suite_is_not_sealed() -> None:
    with pytest.raises(UnknownSuite):
        plan(replace(terms(), suite=0x7F))
    policy = tender.policy(suites=[1])
    with pytest.raises(PolicyRefuses):
        plan_sealing(policy, terms(), tender.signing_key(2, "envelope"), bids.Dice("plan"))


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"bid": b"short"}, MalformedEnvelope),
        ({"bidder": b"short"}, MalformedEnvelope),
        ({"slots": ()}, PolicyRefuses),
        ({"slots": (b"x" * 65,)}, MalformedSealingKey),
        ({"slots": (tender.opening_key(1, "token").public,)}, MalformedSealingKey),
        ({"slots": (tender.opening_key(2, "token").public,) * 17}, PolicyRefuses),
    ],
)
def test_terms_that_do_not_fit_are_refused(changed: dict[str, Any], error: type[EvalroomError]) -> None:
    with pytest.raises(error):
        plan(replace(terms(), **changed))


def test_a_mode_without_halves_takes_no_slots() -> None:
    with pytest.raises(PolicyRefuses):
        plan(terms(), Mode.SITES)


def test_parts_missing_or_too_many_are_refused() -> None:
    sources = {name: [one] for name, one in bids.TEXTS.items()}
    for wrong in (
        {},
        {PartName.OPENING: [b"x"]},
        {**sources, PartName.QUALIFICATION: [b"x"]},
    ):
        with pytest.raises(PolicyRefuses):
            b"".join(seal(plan(terms()), wrong))


def test_a_part_one_byte_too_large_ends_sealing() -> None:
    policy = tender.policy(max_size=2 << 20)
    policy = replace(
        policy, parts=tuple(replace(part, max_size=min(part.max_size, 1 << 20)) for part in policy.parts)
    )
    key = tender.signing_key(2, "envelope")
    for name, most in ((PartName.TECHNICAL, 1 << 20), (PartName.OPENING, (1 << 20) - 8)):
        sources = {**{one: [b""] for one in bids.TEXTS}, name: [bytes(most)]}
        good = plan_sealing(policy, terms(), key, bids.Dice("good"))
        assert bytes(most) == bids.open_all(b"".join(seal(good, sources)), policy)[name]
        with pytest.raises(PolicyRefuses) as refused:
            b"".join(
                seal(
                    plan_sealing(policy, terms(), key, bids.Dice("bad")), {**sources, name: [bytes(most + 1)]}
                )
            )
        assert name == refused.value.detail["part"]


def test_a_whole_larger_than_the_policy_allows_gets_no_signature() -> None:
    policy = tender.policy(max_size=1 << 20)
    sources = {name: [bytes(600_000)] for name in bids.TEXTS}
    pieces = seal(
        plan_sealing(policy, terms(), tender.signing_key(2, "envelope"), bids.Dice("whole")), sources
    )
    with pytest.raises(PolicyRefuses):
        b"".join(pieces)


def test_sealing_a_large_part_needs_little_memory() -> None:
    def source() -> Iterator[bytes]:
        for _ in range(48):
            yield bytes(1 << 20)

    sources = {**{name: [text] for name, text in bids.TEXTS.items()}, PartName.TECHNICAL: source()}
    made = plan(terms())
    tracemalloc.start()
    total = sum(len(piece) for piece in seal(made, sources))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total > 48 << 20
    assert peak < 8 << 20


def test_secrets_do_not_show_in_the_text_of_a_plan() -> None:
    made = plan(terms())
    shown = repr(made) + repr(list(made.secrets.values()))
    for drawn in made.secrets.values():
        for secret in (drawn.half, drawn.secret, drawn.content_key):
            assert repr(secret)[2:-1] not in shown
            assert secret.hex() not in shown


def test_two_seals_of_one_text_share_no_secret() -> None:
    dice = bids.Dice("two")
    key = tender.signing_key(2, "envelope")
    plans = [plan_sealing(tender.policy(), terms(), key, dice) for _ in range(2)]
    drawn = [secret for made in plans for one in made.secrets.values() for secret in (one.half, one.secret)]
    assert len(drawn) == len(set(drawn)) == 16


def test_the_estimated_size_is_close() -> None:
    made = plan(terms())
    data = b"".join(seal(made, {name: [text] for name, text in bids.TEXTS.items()}))
    sizes = [part.plain_size for part in bids.Sealed(made, data).open().parts]
    assert abs(envelope_size(made, sizes) - len(data)) < 2048
    assert sealed_size(sizes[2]) == bids.Sealed(made, data).open().parts[2].length
