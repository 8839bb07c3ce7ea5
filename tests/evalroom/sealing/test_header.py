"""The header: what each mode has, exact lengths of wraps, shares from 1 on without gaps."""

import json
from collections.abc import Callable

import pytest

from evalroom.sealing.core import MalformedEnvelope
from evalroom.sealing.header import encode_header, parse_header, slot_info, trustee_info
from evalroom.sealing.policy import Mode
from evalroom.sealing.suites import find_suite
from tests.evalroom.sealing import bids, corpus, tender

Change = Callable[[corpus.Value], object]

CHANGES: dict[str, Change] = {
    "no parts": lambda one: one["parts"].clear(),
    "six parts": lambda one: one["parts"].extend(one["parts"][:2]),
    "a half without its commitment": lambda one: one["parts"][0].pop("bh"),
    "a commitment without its half": lambda one: one["parts"][0].pop("bidder"),
    "nobody who could open": lambda one: [one["parts"][0].pop(name) for name in ("bidder", "bh", "shares")],
    "no slots": lambda one: one["parts"][0]["bidder"].clear(),
    "seventeen slots": lambda one: one["parts"][0].update(bidder=one["parts"][0]["bidder"][:1] * 17),
    "a wrap for a share among the slots": lambda one: one["parts"][0]["bidder"].append(
        one["parts"][0]["shares"][0]["ct"]
    ),
    "no shares": lambda one: one["parts"][0]["shares"].clear(),
    "shares from 0": lambda one: one["parts"][0]["shares"][0].update(i=0),
    "a gap": lambda one: one["parts"][0]["shares"].pop(1),
    "a number in the header": lambda one: one.update(k=2),
    "the mode in the header": lambda one: one.update(mode="bidder"),
    "null for no shares": lambda one: one["parts"][0].update(shares=None),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_header_changed_for_the_worse_is_refused(change: Change) -> None:
    value = json.loads(corpus.anatomy(2).header)
    change(value)
    with pytest.raises(MalformedEnvelope):
        parse_header(corpus.spell(value), find_suite(2))


@pytest.mark.parametrize("mode", Mode)
def test_a_header_says_what_its_mode_has_and_nothing_else(mode: Mode) -> None:
    plan = bids.sealed(2, tender.policy(mode)).plan
    assert plan.parts == parse_header(plan.header, plan.suite)
    assert plan.header == encode_header(plan.parts)
    members = set(json.loads(plan.header)["parts"][0])
    halves, shares = {"bidder", "bh"}, {"shares"}
    expected = {Mode.JOINT: halves | shares, Mode.SITES: shares, Mode.BIDDER: halves}[mode]
    assert {"core"} | expected == members


def test_a_header_of_one_suite_is_none_of_another() -> None:
    with pytest.raises(MalformedEnvelope):
        parse_header(corpus.anatomy(2).header, find_suite(1))


def test_what_binds_a_wrap_names_its_receiver() -> None:
    bound = bytes(32)
    assert b"EVB1 bidder" + bound == slot_info(bound)
    assert b"EVB1 trustee11" + bound == trustee_info(bound, 11)
    assert trustee_info(bound, 1) != trustee_info(bound, 11)
