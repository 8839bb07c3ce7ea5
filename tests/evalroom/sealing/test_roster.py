"""A roster sealed to the trustees: nobody reads it without k of them, and nobody passes another for it."""

import base64
import json
import random
from itertools import combinations

import pytest

from evalroom.errors import EvalroomError
from evalroom.ids import DrawId
from evalroom.ledger.canonical import canonical
from evalroom.sealing.dealing import Dealing, ShareMismatch, TooFewShares, deal, share_digest
from evalroom.sealing.policy import Mode, PolicyRefuses
from evalroom.sealing.roster import (
    MAX_TEXT,
    MalformedRoster,
    open_roster,
    open_roster_share,
    parse_roster,
    roster_info,
    seal_roster,
)
from evalroom.sealing.stream import PartDamaged
from evalroom.sealing.suite import WrapNotOpened
from tests.evalroom.sealing import bids, tender

DRAW = DrawId("R1")
PLANTED = ("张三", "13800000000", "620102197001011234")
TEXT = json.dumps([{"id": "P-001", "name": PLANTED[0], "phone": PLANTED[1], "identity": PLANTED[2]}]).encode()
NAMES = ("host", "north", "supervisor")


def sealed(suite: int = 2, mode: Mode = Mode.SITES, text: bytes = TEXT, draw: DrawId = DRAW) -> bytes:
    policy = tender.policy(mode, suites=[suite])
    return seal_roster(
        policy, draw, text, tender.drawn(f"secret {draw}", 32), tender.drawn(f"salt {draw}", 24)
    )


def shares(data: bytes, suite: int = 2) -> dict[int, bytes]:
    roster = parse_roster(data, tender.policy(Mode.SITES, suites=[suite]))
    return {
        place: open_roster_share(roster, place, tender.opening_key(suite, name))
        for place, name in enumerate(NAMES, 1)
    }


def members(data: bytes) -> dict[str, object]:
    value = json.loads(data)
    assert isinstance(value, dict)
    return value


POLICY = tender.policy(Mode.SITES, suites=[2])


# --- attackers ----------------------------------------------------------------------------------------


def test_one_trustee_alone_learns_nothing() -> None:
    roster = parse_roster(sealed(), POLICY)
    for place, share in shares(sealed()).items():
        with pytest.raises(TooFewShares):
            open_roster(roster, POLICY.k, {place: share})


def test_what_lies_sealed_holds_nothing_of_the_roster_in_any_usual_spelling() -> None:
    data = sealed()
    stream = base64.b64decode(str(members(data)["stream"]))
    for planted in PLANTED:
        raw = planted.encode()
        for spelling in (raw, raw.hex().encode(), base64.b64encode(raw)[:-4], json.dumps(planted).encode()):
            assert spelling not in data
            assert spelling not in stream


def test_the_length_tells_nothing_of_how_many_were_drawn() -> None:
    assert len(sealed(text=b"")) == len(sealed(text=TEXT)) == len(sealed(text=b"x" * MAX_TEXT))


@pytest.mark.parametrize("name", NAMES)
def test_a_share_is_opened_by_its_own_trustee_only(name: str) -> None:
    roster = parse_roster(sealed(), POLICY)
    for place, own in enumerate(NAMES, 1):
        if own != name:
            with pytest.raises(WrapNotOpened):
                open_roster_share(roster, place, tender.opening_key(2, name))


def test_a_roster_of_another_draw_opens_with_none_of_its_shares() -> None:
    other = parse_roster(sealed(draw=DrawId("R2")), POLICY)
    with pytest.raises(ShareMismatch):
        open_roster(other, POLICY.k, shares(sealed()))


def test_no_share_of_a_bid_is_one_of_a_roster() -> None:
    envelope = bids.sealed(2, POLICY).open()
    roster = parse_roster(sealed(), POLICY)
    assert all(roster.context != part.header.context for part in envelope.parts)
    key = tender.opening_key(2, "host")
    for part in envelope.parts:
        with pytest.raises(WrapNotOpened):
            key.unwrap(part.header.shares[0].wrapped, roster_info(roster.context, 1))


def test_shares_dealt_wrongly_give_one_verdict_whichever_quorum_joins() -> None:
    value = members(sealed())
    roster = parse_roster(sealed(), POLICY)
    false = deal(roster.suite, bytes(32), 2, 3)[2]
    rows = value["shares"]
    assert isinstance(rows, list)
    wrapped = roster.suite.wrap(POLICY.trustees[2].key(2), false, roster_info(roster.context, 3))
    digest = share_digest(roster.suite, roster.context, false)
    rows[2] = {"ct": base64.b64encode(wrapped).decode(), "h": base64.b64encode(digest).decode()}
    changed = canonical(value)  # type: ignore[arg-type] # JSON
    again, given = parse_roster(changed, POLICY), shares(changed)
    for pair in combinations(given, 2):
        with pytest.raises(Dealing):
            open_roster(again, 2, {place: given[place] for place in pair})


def test_of_two_thousand_changed_bytes_none_gives_another_text_and_none_ends_untyped() -> None:
    data, dice = sealed(), random.Random(9)
    given, refused = shares(data), 0
    for _ in range(2_000):
        place = dice.randrange(len(data))
        changed = bytearray(data)
        changed[place] ^= 1 << dice.randrange(8)
        try:
            # A changed wrap takes a share away, which others make good; anything else is found.
            assert TEXT == open_roster(parse_roster(bytes(changed), POLICY), 2, {1: given[1], 2: given[2]})
        except EvalroomError:
            refused += 1
    assert refused > 1_900


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b"\xff", b"x" * (1 << 19), b'{"core":"","shares":[],"stream":""}']
)
def test_what_is_no_roster_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedRoster):
        parse_roster(data, POLICY)


def test_a_roster_of_another_policy_is_refused() -> None:
    with pytest.raises(MalformedRoster):
        parse_roster(sealed(), tender.policy(Mode.SITES, k=3, suites=[2]))
    with pytest.raises(MalformedRoster):
        parse_roster(sealed(), tender.policy(Mode.JOINT, suites=[2]))


def test_a_cut_stream_is_refused() -> None:
    value = members(sealed())
    value["stream"] = str(value["stream"])[:-64]
    with pytest.raises(MalformedRoster):
        parse_roster(canonical(value), POLICY)  # type: ignore[arg-type] # JSON


def test_without_shares_there_is_no_sealed_roster() -> None:
    for act in (
        lambda: sealed(mode=Mode.BIDDER),
        lambda: parse_roster(sealed(), tender.policy(Mode.BIDDER, suites=[2])),
        lambda: sealed(text=b"x" * (MAX_TEXT + 1)),
        lambda: seal_roster(POLICY, DRAW, TEXT, bytes(31), bytes(24)),
    ):
        with pytest.raises(PolicyRefuses):
            act()


def test_a_changed_stream_is_the_sealers_matter() -> None:
    value = members(sealed())
    stream = bytearray(base64.b64decode(str(value["stream"])))
    stream[-1] ^= 1
    value["stream"] = base64.b64encode(stream).decode()
    changed = canonical(value)  # type: ignore[arg-type] # JSON
    with pytest.raises(PartDamaged):
        open_roster(parse_roster(changed, POLICY), 2, shares(sealed()))


# --- the good way -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("suite", [1, 2])
def test_any_two_of_three_trustees_open_it(suite: int) -> None:
    data = sealed(suite)
    given = shares(data, suite)
    roster = parse_roster(data, tender.policy(Mode.SITES, suites=[suite]))
    assert DRAW == roster.draw
    for some in [*combinations(given, 2), tuple(given)]:
        assert TEXT == open_roster(roster, 2, {place: given[place] for place in some})
