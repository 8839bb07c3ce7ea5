"""Policies that would open early, late or never are refused, each with one typed error."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from evalroom.errors import EvalroomError
from evalroom.ledger.canonical import canonical
from evalroom.sealing.policy import (
    MalformedPolicy,
    Mode,
    PartName,
    Policy,
    PolicyRefuses,
    TrusteeKind,
    check_policy,
    encode_recipient,
    parse_policy,
    parse_recipient,
)
from evalroom.sealing.suites import UnknownSuite, find_suite
from tests.evalroom.sealing import tender

Change = Callable[[dict[str, Any]], object]

CHANGES: dict[str, Change] = {
    "another version": lambda one: one.update(v=2),
    "an unknown member": lambda one: one.update(extra=1),
    "a member missing": lambda one: one.pop("deadline"),
    "true for an integer": lambda one: one.update(min_bids=True),
    "a negative deadline": lambda one: one.update(deadline=-1),
    "a mode nobody knows": lambda one: one.update(mode="trust me"),
    "no quorum": lambda one: one.update(k=0),
    "a quorum nobody can reach": lambda one: one.update(k=4),
    "shares in the mode bidder": lambda one: one.update(mode="bidder"),
    "no suite": lambda one: one.update(suites=[]),
    "a suite twice": lambda one: one.update(suites=[1, 1]),
    "suites in an order other than the keys": lambda one: one.update(suites=[2, 1]),
    "a trustee twice": lambda one: one["trustees"].append(one["trustees"][0]),
    "one name in two cases": lambda one: one["trustees"][1].update(name="HOST"),
    "no host": lambda one: one["trustees"][0].update(kind="site"),
    "two hosts": lambda one: one["trustees"][1].update(kind="host"),
    "one key for two trustees": lambda one: one["trustees"][1].update(keys=one["trustees"][0]["keys"]),
    "one signer for two trustees": lambda one: one["trustees"][1].update(signer=one["trustees"][0]["signer"]),
    "a key of the wrong length": lambda one: one["trustees"][1]["keys"][1].update(public="AAAA"),
    "a point that is not on the curve": lambda one: one["trustees"][1]["keys"][1].update(
        public="BAAA" + one["trustees"][1]["keys"][1]["public"][4:]
    ),
    "an unknown member in a trustee": lambda one: one["trustees"][1].update(extra=1),
    "a window that opens before the deadline": lambda one: one["windows"][0].update(opens_at=1),
    "a window without parts": lambda one: one["parts"].pop(),
    "a part without a window": lambda one: one["windows"].pop(),
    "a window twice": lambda one: one["windows"].append(one["windows"][0]),
    "null for an absent instant": lambda one: one["windows"][1].update(opens_at=None),
    "no price sheet": lambda one: one["parts"].pop(1),
    "no identity": lambda one: one["parts"].pop(0),
    "parts in another order": lambda one: one["parts"].reverse(),
    "a padded part whose limit is no step": lambda one: one["parts"][0].update(max_size=70000),
    "a padded part that no memory holds": lambda one: one["parts"][0].update(max_size=1 << 25),
    "a price part whose limit is no step": lambda one: one["parts"][3].update(max_size=70000),
    "a part larger than the whole": lambda one: one.update(max_size=70000),
    "a tender that is a path": lambda one: one.update(tender="../other"),
    "an empty list of recipients": lambda one: one.update(recipients=[]),
    "a recipient twice": lambda one: one["recipients"].append(one["recipients"][0]),
    "two recipients with one key": lambda one: one["recipients"][1].update(keys=one["recipients"][0]["keys"]),
    "a recipient with a trustee's key": lambda one: one["recipients"][0].update(
        keys=one["trustees"][2]["keys"]
    ),
    "a recipient without a key for a suite": lambda one: one["recipients"][0]["keys"].pop(),
    "a recipient whose name is a path": lambda one: one["recipients"][0].update(name="../x"),
    "an unknown member in a recipient": lambda one: one["recipients"][0].update(reads=True),
    "a recipient's key of the wrong length": lambda one: one["recipients"][0]["keys"][1].update(
        public="AAAA"
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_policy_changed_for_the_worse_is_refused(change: Change) -> None:
    value = json.loads(with_recipients().encode())
    change(value)
    with pytest.raises(MalformedPolicy):
        parse_policy(canonical(value))


def with_recipients() -> Policy:
    names = ("supervisor-archive", "centre-archive")
    return replace(tender.policy(), recipients=tuple(tender.recipient(name) for name in names))


def test_a_policy_with_recipients_survives_its_own_bytes() -> None:
    assert with_recipients() == parse_policy(with_recipients().encode())
    assert b'"recipients"' not in tender.policy().encode()
    assert (2, tender.recipient("centre-archive")) == with_recipients().recipient("centre-archive")
    with pytest.raises(PolicyRefuses):
        with_recipients().recipient("a stranger")


def test_the_public_file_of_an_archive_key_survives_its_own_bytes() -> None:
    one = tender.recipient("centre-archive")
    assert one == parse_recipient(encode_recipient(one))


@pytest.mark.parametrize(
    "change",
    [
        lambda one: one.update(v=2),
        lambda one: one.update(keys=[]),
        lambda one: one["keys"][0].update(public="AAAA"),
        lambda one: one["keys"][0].update(suite=2),
        lambda one: one.update(private="AAAA"),
    ],
)
def test_what_is_no_public_file_of_an_archive_key_is_refused(change: Change) -> None:
    value = json.loads(encode_recipient(tender.recipient("centre-archive")))
    change(value)
    with pytest.raises(MalformedPolicy):
        parse_recipient(canonical(value))


@pytest.mark.parametrize(
    "text",
    [b"", b"[]", b"null", b"{", b'{"v":NaN}', b'{"v":1,"v":1}', b"[" * 100_000, b'{"v":1e999}', b"\xff"],
)
def test_bytes_that_are_no_canonical_object_are_refused(text: bytes) -> None:
    with pytest.raises(MalformedPolicy):
        parse_policy(text)


def test_a_policy_in_another_spelling_is_refused() -> None:
    data = tender.policy().encode()
    for other in (data + b"\n", data.replace(b'"k":2', b'"k": 2'), data.replace(b'"k":2', b'"k":2,"k":2')):
        with pytest.raises(MalformedPolicy):
            parse_policy(other)


def test_a_suite_of_no_table_is_refused() -> None:
    value = json.loads(tender.policy().encode())
    value["suites"] = [0x7F]
    with pytest.raises(UnknownSuite):
        parse_policy(canonical(value))


def test_every_flipped_byte_gives_another_policy_or_one_typed_error() -> None:
    policy = tender.policy()
    data = policy.encode()
    for place in range(0, len(data), 7):
        changed = bytearray(data)
        changed[place] ^= 1
        try:
            assert parse_policy(bytes(changed)) != policy
        except EvalroomError:
            continue


@pytest.mark.parametrize("mode", Mode)
def test_a_policy_survives_its_own_bytes(mode: Mode) -> None:
    policy = tender.policy(mode)
    assert policy == parse_policy(policy.encode())
    assert (0 if mode is Mode.BIDDER else 3) == policy.n


def test_the_digest_is_that_of_the_file() -> None:
    policy, suite = tender.policy(), find_suite(1)
    assert suite.digest(policy.encode()) == policy.digest(suite)


def test_what_the_policy_does_not_list_is_refused() -> None:
    policy = tender.policy(suites=[2])
    with pytest.raises(PolicyRefuses):
        policy.check_suite(1)
    with pytest.raises(PolicyRefuses):
        policy.trustees[0].key(1)
    with pytest.raises(PolicyRefuses):
        policy.part(PartName.QUALIFICATION)


def test_each_part_has_its_window() -> None:
    policy = tender.policy()
    assert policy.window(PartName.OPENING).name == "first"
    assert policy.window(PartName.PRICE).gate == "SheetsLocked"


def test_a_policy_made_by_hand_is_checked_as_well() -> None:
    policy = tender.policy()
    check_policy(policy)
    nobody: Policy = replace(policy, trustees=(replace(policy.trustees[0], kind=TrusteeKind.SITE),), k=1)
    with pytest.raises(MalformedPolicy):
        check_policy(nobody)
