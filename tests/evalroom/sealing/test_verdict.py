"""Verdicts: the table row by row on real envelopes, and whoever tries to have another one than the evidence gives."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations

import pytest

from evalroom.ids import BidNumber, LotId
from evalroom.ledger.note import KeyKind, SigningKey
from evalroom.sealing import facts as sf
from evalroom.sealing.dealing import deal
from evalroom.sealing.envelope import Envelope
from evalroom.sealing.facts import Verdict
from evalroom.sealing.identity import Identity, bidder_commitment, identity_message
from evalroom.sealing.policy import Mode, PartName, Policy
from evalroom.sealing.price_sheet import PriceSheet
from evalroom.sealing.record import LotPrice
from evalroom.sealing.rules import RULINGS
from evalroom.sealing.seal import plan_sealing, seal
from evalroom.sealing.suites import find_suite
from evalroom.sealing.verdict import (
    ROWS,
    SUPERSEDED,
    Blame,
    ForgedVerdict,
    HalfSeen,
    Observed,
    Released,
    Remedy,
    Ruling,
    check_verdict,
    judged,
    observe,
    rule,
    superseded,
    verdict_message,
)
from tests.evalroom.sealing import bids, tender
from tests.evalroom.sealing.test_identity import P256, SALT, certificate, raw

DER = certificate(P256)
LOTS = (LotId("lot1"),)
FIRST = (PartName.IDENTITY, PartName.OPENING, PartName.TECHNICAL)
SECOND = (PartName.PRICE,)
SHEET = PriceSheet("某某建设有限公司", ()).encode()
PRICES = PriceSheet("某某建设有限公司", (LotPrice("lot1", 980_000_00),)).encode()
OPENED = Ruling(Verdict.OPENED, "", "")


@dataclass(frozen=True)
class Given:
    """A bid as it lies at the host, with everything that could be released for it."""

    sealed: bids.Sealed
    envelope: Envelope
    halves: Mapping[PartName, bytes]
    shares: Mapping[PartName, Mapping[int, bytes]]

    def released(self, *places: int, acked: tuple[int, ...] = (1, 2, 3)) -> Released:
        shares = {part: {place: all_[place] for place in places} for part, all_ in self.shares.items()}
        return Released(self.halves, shares, frozenset(acked))

    def seen(
        self, released: Released, parts: tuple[PartName, ...] = FIRST, *, green: bool = True
    ) -> Observed:
        return observe(self.envelope, parts, released, self.sealed.read, lots=LOTS, probes_green=green)


@cache
def bid(  # what each bidder may do wrong
    *,
    mode: Mode = Mode.JOINT,
    identity: str = "right",
    opening: bytes = SHEET,
    price: bytes = PRICES,
    lie: bids.Lie | None = None,
) -> Given:
    """Return a bid with an identity that is right, of another certificate, or no identity at all."""
    policy = tender.policy(mode)
    suite, der = find_suite(2), DER
    terms = replace(bids.terms(2, policy), bidder=bidder_commitment(suite, SALT, der))
    plan = plan_sealing(policy, terms, tender.signing_key(2, "envelope"), bids.Dice("verdict"))
    if lie is not None:
        plan = bids._dealt_falsely(plan, lie)
    message = identity_message(plan.key.public, plan.context(PartName.IDENTITY))
    whole = Identity(der, (), SALT, "ES256", raw(P256, message)).encode()
    texts = {"right": whole, "none": b"{}", "other": replace_salt(whole)}
    sources = {
        PartName.IDENTITY: [texts[identity]],
        PartName.OPENING: [opening],
        PartName.TECHNICAL: [tender.pattern(40_000)],
        PartName.PRICE: [price],
    }
    sealed = bids.Sealed(plan, b"".join(seal(plan, sources)))
    secrets = plan.secrets
    honest = {name: deal(suite, one.secret, policy.k, policy.n) for name, one in secrets.items()}
    given = {name: lie(dealt) if lie else dealt for name, dealt in honest.items()}
    return Given(
        sealed,
        sealed.open(),
        {name: one.half for name, one in secrets.items()},
        {name: dict(enumerate(dealt, 1)) for name, dealt in given.items()},
    )


def replace_salt(whole: bytes) -> bytes:
    """Return an identity of another salt: the core does not commit to it."""
    from evalroom.sealing.identity import parse_identity

    return replace(parse_identity(whole), salt=bytes(32)).encode()


def flipped(data: bytes, place: int = 40) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


# --- the table, row by row ----------------------------------------------------------------------------


def test_a_bid_that_nothing_is_wrong_with_is_opened() -> None:
    one = bid()
    seen = one.seen(one.released(1, 2))
    assert (OPENED, ()) == (rule(seen), seen.blames)
    assert DER == seen.certificate
    assert {PartName.IDENTITY, PartName.OPENING} == set(seen.texts)
    second = one.seen(one.released(1, 3), SECOND)
    assert (OPENED, (LotPrice("lot1", 980_000_00),)) == (
        rule(second),
        second.sheet.prices if second.sheet else (),
    )


def test_bytes_that_contradict_the_root_are_the_platforms_fault_and_waited_for() -> None:
    seen = replace(bid().seen(bid().released(1, 2)), bytes_good=False)
    assert Ruling(Verdict.AWAITING_BYTES, "root_mismatch", "platform") == rule(seen)
    assert Ruling(Verdict.WITHDRAWN, "root_mismatch", "platform") == rule(seen, over=True)


def test_bytes_that_are_not_there_are_waited_for() -> None:
    one = bid()
    read = bids.reader(one.sealed.data[:2_000])
    seen = observe(one.envelope, FIRST, one.released(1, 2), read, lots=LOTS)
    assert Verdict.AWAITING_BYTES is rule(seen).verdict


def test_a_bidder_who_does_not_release_is_revoked_while_the_platform_works() -> None:
    seen = bid().seen(replace(bid().released(1, 2), halves=None))
    assert Ruling(Verdict.REVOKED, "not_released", "bidder") == rule(seen)


def test_a_bidder_whom_the_platform_kept_from_releasing_gets_time_and_is_never_blamed() -> None:
    seen = bid().seen(replace(bid().released(1, 2), halves=None), green=False)
    assert Ruling(None, "platform_fault", "platform", Remedy.EXTEND) == rule(seen)
    assert Ruling(Verdict.WITHDRAWN, "platform_fault", "platform") == rule(seen, over=True)


@pytest.mark.parametrize("green", [True, False])
def test_a_half_that_contradicts_its_commitment_is_the_bidders(*, green: bool) -> None:
    one = bid()
    wrong: list[dict[PartName, bytes]] = [
        {**one.halves, PartName.OPENING: flipped(one.halves[PartName.OPENING], 3)},
        {**one.halves, PartName.TECHNICAL: one.halves[PartName.OPENING]},
        {name: half for name, half in one.halves.items() if name != PartName.IDENTITY},
    ]
    for halves in wrong:
        seen = one.seen(replace(one.released(1, 2), halves=halves), green=green)
        assert Ruling(Verdict.REVOKED, "half_mismatch", "bidder") == rule(seen)


@pytest.mark.parametrize(("acked", "cause"), [((1, 2, 3), "share_mismatch"), ((1, 3), "share_undetermined")])
def test_a_wrong_share_costs_its_trustee_and_another_quorum_opens(acked: tuple[int, ...], cause: str) -> None:
    one = bid()
    given = one.released(1, 2, 3, acked=acked)
    shares = {part: {**some, 2: flipped(some[2])} for part, some in given.shares.items()}
    seen = one.seen(replace(given, shares=shares))
    assert OPENED == rule(seen)
    assert tuple(Blame(2, part, cause) for part in FIRST) == tuple(
        blame for blame in seen.blames if blame.part in FIRST
    )


def test_a_wrong_share_with_no_other_quorum_pauses_and_is_never_the_bidders() -> None:
    one = bid()
    given = one.released(1, 2)
    shares = {part: {**some, 2: flipped(some[2])} for part, some in given.shares.items()}
    seen = one.seen(replace(given, shares=shares))
    assert Ruling(None, "too_few_shares", "sites", Remedy.PAUSE) == rule(seen)
    assert Ruling(Verdict.WITHDRAWN, "too_few_shares", "sites") == rule(seen, over=True)


@pytest.mark.parametrize("places", [(), (1,), (2,), (3,)])
def test_fewer_shares_than_the_quorum_pause(places: tuple[int, ...]) -> None:
    seen = bid().seen(bid().released(*places))
    assert (Remedy.PAUSE, {}) == (rule(seen).remedy, seen.keys)


def lied(dealt: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Give the third trustee a point beside the polynomial, under a commitment that fits it."""
    wrong = int.from_bytes(dealt[2][2:35], "big") ^ 1
    return (*dealt[:2], dealt[2][:2] + wrong.to_bytes(33, "big") + dealt[2][35:])


def test_a_dealer_who_lies_gets_one_verdict_whichever_quorum_came_first() -> None:
    one = bid(lie=lied)
    found = {quorum: rule(one.seen(one.released(*quorum))) for quorum in combinations((1, 2, 3), 2)}
    assert {Ruling(Verdict.MALFORMED, "dealing", "bidder")} == set(found.values())
    assert 3 == len(found)
    assert "dealing" == rule(one.seen(one.released(1, 2, 3))).cause


def test_a_part_that_was_sealed_wrongly_is_the_bidders() -> None:
    one = bid()
    for name in FIRST:
        part = one.envelope.part(name)
        data = flipped(one.sealed.data, part.offset + part.length - 1)
        seen = observe(one.envelope, FIRST, one.released(1, 2), bids.reader(data), lots=LOTS)
        assert Ruling(Verdict.MALFORMED, "part_damaged", "bidder") == rule(seen), name


@pytest.mark.parametrize("identity", ["none", "other"])
def test_an_identity_that_is_none_or_anothers_is_the_bidders(identity: str) -> None:
    one = bid(identity=identity)
    assert Ruling(Verdict.MALFORMED, "identity_mismatch", "bidder") == rule(one.seen(one.released(1, 2)))


@pytest.mark.parametrize(
    "opening",
    [
        b"",
        b"{}",
        SHEET + b" ",
        SHEET.replace(b'"v":1', b'"v":2'),
        PRICES,  # prices stand in the price part of this tender
    ],
)
def test_a_price_sheet_that_is_none_is_the_bidders(opening: bytes) -> None:
    one = bid(opening=opening)
    assert Ruling(Verdict.MALFORMED, "malformed_sheet", "bidder") == rule(one.seen(one.released(1, 2)))


@pytest.mark.parametrize(
    "price", [SHEET, PriceSheet("x", (LotPrice("lot9", 1),)).encode(), PRICES.replace(b'"9', b'"-9')]
)
def test_a_price_part_without_a_price_of_this_tender_is_the_bidders(price: bytes) -> None:
    one = bid(price=price)
    assert OPENED == rule(one.seen(one.released(1, 2)))
    assert "malformed_sheet" == rule(one.seen(one.released(1, 2), SECOND)).cause


def test_the_first_row_that_holds_decides() -> None:
    worst = Observed(
        bytes_good=False, half=HalfSeen.MISSING, probes_green=False, enough=False, fault="malformed_sheet"
    )
    mended = [
        {"bytes_good": True}, {"probes_green": True}, {"half": HalfSeen.WRONG},
        {"half": HalfSeen.GOOD}, {"enough": True}, {"fault": ""},
    ]  # fmt: skip
    causes = [rule(worst).cause]
    for change in mended:
        worst = replace(worst, **change)  # type: ignore[arg-type] # members of what was seen
        causes.append(rule(worst).cause)
    assert [
        "root_mismatch", "platform_fault", "not_released", "half_mismatch", "too_few_shares", "malformed_sheet", "",
    ] == causes  # fmt: skip


def test_the_table_gives_no_ruling_that_the_journal_does_not_take() -> None:
    told = {(row.verdict, row.cause): row.party for row in ROWS if row.verdict}
    told |= {(row.at_end, row.cause): row.party for row in ROWS if row.at_end}
    told |= {(one.verdict, one.cause): one.party for one in (SUPERSEDED,) if one.verdict}
    assert dict(RULINGS) == told


def test_whatever_is_seen_some_row_holds() -> None:
    for good in (True, False):
        for half in HalfSeen:
            for fault in ("", "dealing", "part_damaged", "identity_mismatch", "malformed_sheet"):
                assert isinstance(rule(Observed(bytes_good=good, half=half, fault=fault)), Ruling)


# --- modes, transplants ---------------------------------------------------------------------------------


def test_in_the_mode_sites_nobody_waits_for_halves_and_in_bidder_nobody_for_shares() -> None:
    one = bid(mode=Mode.SITES)
    assert OPENED == rule(one.seen(replace(one.released(2, 3), halves=None)))
    one = bid(mode=Mode.BIDDER)
    assert OPENED == rule(one.seen(Released(one.halves, {})))
    assert "not_released" == rule(one.seen(Released(None, {}))).cause


def test_shares_and_halves_of_another_part_are_worth_nothing() -> None:
    one = bid()
    given = one.released(1, 2)
    moved = dict.fromkeys(FIRST, given.shares[PartName.PRICE])
    assert Remedy.PAUSE is rule(one.seen(replace(given, shares=moved))).remedy
    swapped = {part: {1: some[2], 2: some[1]} for part, some in given.shares.items()}
    assert Remedy.PAUSE is rule(one.seen(replace(given, shares=swapped))).remedy
    strange = {part: {7: some[1], 0: some[2]} for part, some in given.shares.items()}
    assert Remedy.PAUSE is rule(one.seen(replace(given, shares=strange))).remedy


def other_bid(policy: Policy) -> bids.Sealed:
    return bids.sealed(2, policy, bid=bytes(16))


def test_shares_and_halves_of_another_bid_are_worth_nothing() -> None:
    one, rival = bid(), other_bid(tender.policy())
    halves = {name: secrets.half for name, secrets in rival.plan.secrets.items()}
    assert "half_mismatch" == rule(one.seen(replace(one.released(1, 2), halves=halves))).cause
    dealt = {
        name: dict(enumerate(deal(find_suite(2), secrets.secret, 2, 3), 1))
        for name, secrets in rival.plan.secrets.items()
    }
    assert "too_few_shares" == rule(one.seen(replace(one.released(1, 2), shares=dealt))).cause


# --- two bids of one bidder --------------------------------------------------------------------------------


def test_of_two_bids_of_one_certificate_the_later_one_stands() -> None:
    a, b, c, d = (BidNumber(letter * 32) for letter in "abcd")
    assert () == superseded([])
    assert (a,) == superseded([(a, b"x"), (b, b"y"), (c, b"x")])
    assert (a, b) == superseded([(a, b"x"), (b, b"x"), (c, b"x"), (d, b"z")])
    assert () == superseded([(a, b""), (b, b"")])  # unknown is not the same


# --- the log's signature -------------------------------------------------------------------------------------

LOG = SigningKey.from_seed("log", KeyKind.LOG, bytes(32))


def signed() -> sf.BidJudged:
    part = sf.OpenedPart(PartName.OPENING, "ab" * 32, 512)
    return judged("first", BidNumber("a" * 32), OPENED, (part,), (3, 4), LOG)


def test_a_verdict_bears_the_logs_signature_over_all_it_says() -> None:
    act = signed()
    check_verdict(act, LOG.verifier)
    changes = [
        {"window": "second"}, {"bid": "b" * 32}, {"verdict": Verdict.REVOKED}, {"cause": "dealing"},
        {"party": "bidder"}, {"parts": ()}, {"evidence": (3,)}, {"signature": ""}, {"signature": "?"},
    ]  # fmt: skip
    for change in changes:
        with pytest.raises(ForgedVerdict):
            check_verdict(replace(act, **change), LOG.verifier)  # type: ignore[arg-type] # members of a verdict
    with pytest.raises(ForgedVerdict):
        check_verdict(act, SigningKey.from_seed("log", KeyKind.LOG, bytes(31) + b"\1").verifier)


def test_what_the_log_signs_is_canonical_and_names_its_purpose() -> None:
    assert verdict_message(signed()).startswith(b'EVB1 verdict{"bid":"aaaa')
    assert b"signature" not in verdict_message(signed())


def test_a_remedy_is_no_verdict_to_sign() -> None:
    with pytest.raises(ValueError, match="pause"):
        judged("first", BidNumber("a" * 32), Ruling(None, "", "", Remedy.PAUSE), (), (), LOG)
