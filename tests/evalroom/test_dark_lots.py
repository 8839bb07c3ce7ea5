"""Dark lots 暗标: until the technical sheets are unlocked nobody learns whose a code is; afterwards everybody does."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from evalroom import commands as co
from evalroom import visibility
from evalroom.errors import Refusal
from evalroom.events import Event, Fact, GroupUnlocked, LotFailed, SheetReopened, Stage
from evalroom.ids import HOST_ACTOR, BidId, BidNumber, LotId
from evalroom.ledger.commitment import check_opening
from evalroom.roles import Role
from evalroom.sealing import facts as sf
from evalroom.sealing import rules as dark_rules
from evalroom.sealing.dark import CodedBid
from evalroom.sealing.policy import PartName, PartTerms, Window
from evalroom.sealing.rules import SHEETS_GATE, AlreadyDone, Contradiction, PolicyUnfit, StillDark, UnknownBid
from evalroom.session import WrongStage
from evalroom.tender import Part
from evalroom.visibility import may_read_part, released
from tests.evalroom import dark as d
from tests.evalroom import opening
from tests.evalroom import room as plain
from tests.evalroom.opening import FIRST, NUMBERS, SECOND
from tests.evalroom.test_visibility import ALL, SEATED, STRANGERS, texts

EXPERTS = tuple(SEATED[seat] for seat in plain.EXPERTS)
A, B, C = NUMBERS[:3]
NAMES = tuple(f"bidder {n}" for n in range(3))
NOBODY = ("bidder ", *NUMBERS[:3], *(opening.sha256(f"{what} {n}") for what in ("root", "digest", "document") for n in NUMBERS[:3]))  # fmt: skip
"""What joins a code with a bidder or with a public list: no expert is sent any of it."""


def unlock_of(history: Iterable[Fact]) -> int:
    """Return at which fact the technical sheets were unlocked."""
    unlocks = (n for n, fact in enumerate(history) if isinstance(fact.event, GroupUnlocked) and fact.event.part is Part.DETAILED)  # fmt: skip
    return next(unlocks)


# --- what may join -------------------------------------------------------------------------------------


def test_bids_join_a_dark_lot_by_code_alone() -> None:
    room = d.opened()
    with pytest.raises(Contradiction):
        room.give(room.noting(room.admitted(A)))
    facts = room.try_out(room.admitting(d.FIRST_ORDER))
    assert ["DarkBidAdmitted"] * 3 == [type(fact.event).__name__ for fact in facts]
    assert sorted(d.CODES) == [fact.event.bid for fact in facts if isinstance(fact.event, sf.DarkBidAdmitted)]


def test_codes_are_for_dark_lots_only() -> None:
    room = opening.at("combining", bids=4)
    room.combine()
    bids = (CodedBid(BidId("T-7KQ"), A, d.nonce_of(A)),)
    with pytest.raises(Contradiction):
        room.give(plain.by_host(co.AdmitDarkBids(plain.LOT, bids)))


@pytest.mark.parametrize(
    ("bids", "why"),
    [
        ([("B01", A)], Contradiction),
        ([("T-7KQ", A), ("T-0A7", B)], Contradiction),
        ([("T-7KQ", A), ("T-7KQ", B)], Contradiction),
        ([("T-0A7", A), ("T-7KQ", A)], AlreadyDone),
        ([("T-7KQ", NUMBERS[5])], UnknownBid),
        ([("T-7KQ", BidNumber(""))], UnknownBid),
    ],
)
def test_no_name_no_order_and_no_bid_but_an_opened_one_joins(
    bids: list[tuple[str, BidNumber]], why: type[Refusal]
) -> None:
    room = d.opened()
    coded = tuple(CodedBid(BidId(code), number, d.nonce_of(number)) for code, number in bids)
    with pytest.raises(why):
        room.try_out(plain.by_host(co.AdmitDarkBids(plain.LOT, coded)))


def test_a_lot_there_is_not_and_a_stage_that_is_over_take_no_codes() -> None:
    room = d.opened()
    coded = (CodedBid(BidId("T-7KQ"), A, d.nonce_of(A)),)
    with pytest.raises(Contradiction):
        room.give(plain.by_host(co.AdmitDarkBids(LotId("moon"), coded)))
    room = d.at_the_sheets()
    with pytest.raises(Refusal):
        room.give(plain.by_host(co.AdmitDarkBids(plain.LOT, coded)))


def test_a_rehearsal_takes_no_codes() -> None:
    room = plain.room_at(Stage.GATHERING)
    with pytest.raises(WrongStage):
        room.give(plain.by_host(co.AdmitDarkBids(plain.LOT, (CodedBid(BidId("T-7KQ"), A, d.nonce_of(A)),))))


def test_the_journal_has_the_number_as_a_commitment_that_the_secret_beside_it_opens() -> None:
    room = d.opened()
    for fact in room.admit_dark():
        assert isinstance(fact.event, sf.DarkBidAdmitted)
        (secret,) = fact.secrets
        assert ("/number", True) == (secret.path, secret.value in NUMBERS)
        nonce = bytes.fromhex(secret.nonce)
        check_opening(fact.event.number.commit, nonce, plain.SESSION, "", secret.path, secret.value)
        assert secret.value not in str(fact.event)


def test_a_price_is_not_read_while_the_lot_is_dark_for_the_hall_has_it_beside_a_name() -> None:
    room = d.opened(two_envelopes=False)
    room.admit_dark()
    price = sf.PriceRead(plain.LOT, d.FIRST_ORDER[A], opening.price_of(A))
    with pytest.raises(StillDark):
        room.give(room.noting(price))
    room.to_the_sheets()
    with pytest.raises(StillDark):
        room.give(room.noting(price))
    room.review()
    room.read_prices()
    assert {code: opening.price_of(number) for number, code in d.FIRST_ORDER.items()} == room.ceremony.prices


@pytest.mark.parametrize("late", ["technical", "gate"])
def test_a_policy_that_would_tell_or_withhold_too_much_is_not_drafted(late: str) -> None:
    terms = opening.policy()
    parts = tuple(
        PartTerms(one.name, SECOND if one.name is PartName.TECHNICAL else one.window, one.max_size)
        for one in terms.parts
    )
    windows = (terms.windows[0], Window(SECOND, "BidsClosed", opening.OPENS_AT, opening.RELEASE_MS))
    terms = replace(terms, parts=parts) if late == "technical" else replace(terms, windows=windows)
    room = opening.new(terms, d.OPEN)
    with pytest.raises(PolicyUnfit, match="dark"):
        room.arm()
    opening.new(terms).arm()


# --- what is seen -----------------------------------------------------------------------------------------


def test_no_name_stands_in_the_lots_before_the_unlock_and_every_name_after_it() -> None:
    room = d.at_the_sheets()
    assert {""} == {bid.bidder for lot in room.session.tender.lots for bid in lot.bids}
    room.review()
    assert {code: f"bidder {NUMBERS.index(number)}" for number, code in d.FIRST_ORDER.items()} == {
        bid.id: bid.bidder for bid in room.session.lots[plain.LOT].bids
    }


@pytest.mark.parametrize("two_envelopes", [True, False])
def test_two_sessions_that_differ_in_whose_the_codes_are_give_experts_the_same_bytes(
    *, two_envelopes: bool
) -> None:
    rooms = [d.at_the_sheets(whose, two_envelopes=two_envelopes) for whose in (d.FIRST_ORDER, d.OTHER_ORDER)]
    for room in rooms:
        for seat in plain.EXPERTS:
            room.fill(seat)
            room.lock(seat)
        room.cosign()
    for who in (*ALL, *STRANGERS):
        same = texts(who, rooms[0].history) == texts(who, rooms[1].history)
        assert same or who.role is Role.NODE, (
            who
        )  # a node has to know how long the documents are that it hands on
    for room in rooms:
        room.unlock()
    for who in EXPERTS:
        assert texts(who, rooms[0].history) != texts(who, rooms[1].history)


Plant = Callable[[pytest.MonkeyPatch], None]


def rule_of(event: type[Any], rule: visibility.Rule) -> Plant:
    """Return what plants another rule for an event."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(visibility, "_RULES", {**visibility._RULES, event: rule})

    return plant


def codes_in_the_order_of_the_list(patch: pytest.MonkeyPatch) -> None:
    """Let bids join in the order of the closed list, as the rules forbid."""
    patch.setattr(dark_rules, "is_code", lambda _: True)
    order = d.DarkRoom.admitting

    def listed(room: d.DarkRoom, whose: d.Whose) -> co.Order:
        command = order(room, whose).command
        assert isinstance(command, co.AdmitDarkBids)
        bids = sorted(command.bids, key=lambda one: one.number)
        again = [replace(one, bid=BidId(f"{n}{one.bid}")) for n, one in enumerate(bids)]
        return replace(order(room, whose), command=replace(command, bids=tuple(again)))

    patch.setattr(d.DarkRoom, "admitting", listed)


LEAKS: Mapping[str, Plant] = {
    "commitment": rule_of(sf.DarkBidAdmitted, visibility._for(visibility._EVERYBODY)),
    "record": rule_of(sf.OpeningRecorded, visibility._for(visibility._EVERYBODY)),
    "order": codes_in_the_order_of_the_list,
}


@pytest.mark.parametrize("leak", LEAKS)
def test_a_planted_leak_is_found(leak: str, monkeypatch: pytest.MonkeyPatch) -> None:
    LEAKS[leak](monkeypatch)
    rooms = [d.opened(), d.opened()]
    for room, whose in zip(rooms, (d.FIRST_ORDER, d.OTHER_ORDER), strict=True):
        room.admit_dark(whose)
    first, other = (texts(EXPERTS[0], room.history) for room in rooms)
    assert first != other or [word for word in NOBODY if word in "".join(first)]


def test_no_expert_is_sent_what_joins_a_code_with_a_name_or_a_list() -> None:
    room = d.unlocked()
    dark = room.history[: unlock_of(room.history)]
    for who in EXPERTS:
        told = texts(who, dark)
        letter = next(text for text in told if '"type":"LetterIssued"' in text)
        everything = "".join(text for text in told if text is not letter)
        assert all(code in everything and code not in letter for code in d.CODES)
        assert not [word for word in NOBODY if word in everything]
        assert sorted(NAMES, key=letter.index) == sorted(NAMES)
        assert not [word for word in NOBODY if word in letter and word != "bidder "]
        assert not [word for word in map(str, map(opening.price_of, NUMBERS[:3])) if word in everything]


def test_nobody_at_all_is_sent_a_code_together_with_a_name_number_or_digest() -> None:
    room = d.unlocked()
    dark = room.history[: unlock_of(room.history)]
    for who in ALL:
        joined = [text for text in texts(who, dark) if any(code in text for code in d.CODES)]
        assert not [word for text in joined for word in NOBODY if word in text], who
        assert not [one for one in texts(who, dark) if opening.sha256(f"digest {A}") in one], who


def test_the_unlock_tells_the_committee_whose_each_code_is_and_which_documents_it_has() -> None:
    room = d.unlocked()
    for who in ALL:
        items = [json.loads(text) for text in texts(who, room.history)]
        named = {one["body"]["bid"]: one["body"] for one in items if one["type"] == "DarkBidNamed"}
        if who.role is Role.SITE_OPERATOR:
            assert not named
            continue
        assert [*sorted(d.CODES)] == [*named]
        for number, code in d.FIRST_ORDER.items():
            assert (number, f"bidder {NUMBERS.index(number)}") == (
                named[code]["number"],
                named[code]["bidder"],
            )
            assert [opening.sha256(f"document {number}")] == [
                one["sha256"] for one in named[code]["documents"]
            ]


def test_after_the_unlock_experts_follow_the_opening_of_prices_like_everybody() -> None:
    room = d.unlocked()
    before = len(room.history)
    d.after_prices(room)
    for who in EXPERTS:
        items = [json.loads(text) for text in texts(who, room.history)]
        late = {one["type"] for one in items[len(texts(who, room.history[:before])) :]}
        assert {"BidJudged", "OpeningRecorded", "PriceRead", "PricesComputed"} <= late


OTHER = LotId("other")


def with_another_lot() -> d.DarkRoom:
    """Return a session with two dark lots in their detailed review, the sheets of the first unlocked."""
    room = d.at_the_sheets()
    room.session.lots[OTHER] = replace(room.session.lots[plain.LOT], id=OTHER, bids=())
    told(room, GroupUnlocked(plain.LOT, Part.DETAILED, ()))
    return room


def told(room: d.DarkRoom, event: Event) -> Fact:
    fact = Fact(room.now, plain.HOST, HOST_ACTOR, event)
    room.session.evolve(fact)
    return fact


def test_a_lot_that_fails_keeps_no_other_in_the_dark() -> None:
    room = with_another_lot()
    assert {plain.LOT, OTHER} == room.session.dark_parts().keys()
    assert SHEETS_GATE not in room.session.gates
    fact = told(room, LotFailed(OTHER, "ordered", ""))
    assert {} == room.session.dark_parts()
    assert room.session.size == room.session.gates[SHEETS_GATE]
    for who in EXPERTS:
        types = [seen.type for seen in visibility.view(fact, who, room.session)]
        assert ["LotFailed", *["DarkBidNamed"] * 3] == types


def test_a_sheet_opened_again_keeps_the_names_back_until_all_are_unlocked_at_once() -> None:
    room = with_another_lot()
    told(room, SheetReopened(plain.EXPERTS[0], plain.LOT, Part.DETAILED, "a slip"))
    told(room, GroupUnlocked(OTHER, Part.DETAILED, ()))
    assert {plain.LOT, OTHER} == room.session.dark_parts().keys()
    told(room, GroupUnlocked(plain.LOT, Part.DETAILED, ()))
    assert {} == room.session.dark_parts()


def test_when_every_lot_fails_nobody_learns_a_name() -> None:
    room = with_another_lot()
    for lot in (plain.LOT, OTHER):
        told(room, SheetReopened(plain.EXPERTS[0], plain.LOT, Part.DETAILED, "a slip"))
        fact = told(room, LotFailed(lot, "ordered", ""))
    assert ["LotFailed"] == [seen.type for seen in visibility.view(fact, EXPERTS[0], room.session)]
    assert {plain.LOT, OTHER} == room.session.dark_parts().keys()


def test_a_reserve_learns_the_names_with_the_first_unlock_that_it_takes_part_in() -> None:
    room = d.unlocked()
    new = plain.EXPERTS[0]
    room.session.members.remove(new)
    again = Fact(room.now, plain.HOST, HOST_ACTOR, GroupUnlocked(plain.LOT, Part.DETAILED, ()))
    room.session.evolve(again)
    assert () == visibility.view(again, SEATED[new], room.session)
    room.session.members.append(new)
    room.session.evolve(again)
    types = [seen.type for seen in visibility.view(again, SEATED[new], room.session)]
    assert 3 == types.count("DarkBidNamed")


def test_names_that_are_known_stay_known() -> None:
    room = d.unlocked()
    named = room.session.named_at
    assert {} == room.session.dark_parts()
    room.session.unlocked.clear()  # a back-step makes sheets anew; nobody forgets a name
    assert (named, {}) == (room.session.named_at, room.session.dark_parts())


def test_experts_and_operators_read_dark_parts_only_until_the_unlock() -> None:
    dark, after = d.at_the_sheets(), d.unlocked()
    plainly = opening.at("opened")
    for part in PartName:
        document = part in (PartName.TECHNICAL, PartName.QUALIFICATION)
        assert (part is PartName.TECHNICAL) is may_read_part(dark.session, plain.LOT, part)
        assert document is may_read_part(after.session, plain.LOT, part)
        assert document is may_read_part(plainly.session, plain.LOT, part)


def test_the_archive_has_the_openings_once_the_names_are_known() -> None:
    fact = next(one for one in d.unlocked().history if isinstance(one.event, sf.DarkBidAdmitted))
    entry = {"type": "DarkBidAdmitted", "body": {"lot": plain.LOT, "bid": "T-7KQ"}}
    assert not released(entry, d.at_the_sheets().session)
    assert released(entry, d.unlocked().session)
    assert fact.secrets


def test_the_evaluation_of_a_dark_lot_comes_to_its_ranking() -> None:
    room = d.unlocked()
    d.after_prices(room)
    room.advance()
    (ranking,) = room.session.rankings.values()
    assert {*d.CODES} == {row.bid for row in ranking.rows}


def test_windows_opened_later_tell_experts_nothing_while_a_lot_is_dark() -> None:
    """Only the first window can be open while a lot is dark, and of that experts are told no bid."""
    room = d.opened()
    for who in EXPERTS:
        types = [json.loads(text)["type"] for text in texts(who, room.history)]
        assert "WindowOpened" in types
        assert not {"BidsClosed", "HalfReleased", "ShareReleased", "WindowClosed", "BidJudged", "OpeningRecorded"} & {*types}  # fmt: skip
    assert room.ceremony.recorded(FIRST)
