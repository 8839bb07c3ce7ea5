"""The scenarios, played in the room alone: what each promises happens, and every step of it replays."""

import random
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from evalroom import commands as co
from evalroom import events as ev
from evalroom import voting as vo
from evalroom.encoding import to_json
from evalroom.events import Stage
from evalroom.ids import SeatCode
from evalroom.profile import parse_profile
from evalroom.reporting import Stand
from evalroom.roles import Role
from evalroom.settlement import LotAwarded, MarksSummed, Settler
from evalroom.sheet import keys_of
from evalroom.tender import Lot, Part, check_committee, check_tender
from main_site.rehearsal.client import SeatClient
from main_site.rehearsal.expert import Pace, SyntheticExpert, choice_of
from main_site.rehearsal.scenarios import PARTIES, SCENARIOS, Scenario, UnknownScenario, find_scenario
from main_site.sample_bids import ALL_OFFERS
from main_site.sample_lots import REJECTED
from main_site.sample_offers import offer_document
from main_site.sample_pdf import sample_font
from main_site.template import parse_toml, parse_xlsx, write_toml, write_xlsx
from tests.evalroom import room as plain
from tests.evalroom.room import Person, Room, fold

PLAIN = tuple(name for name, one in SCENARIOS.items() if one.prices)


class Play:
    """A scenario with plain bids on its way through the room, its members judging as they do in the play."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.template = scenario.template()
        seats = {seat.code: seat for seat in self.template.seats}
        host = next(site.id for site in self.template.sites if site.host)
        self.host = host
        self.room = Room(people={code: Person(seat, self.template.session) for code, seat in seats.items()})
        keys = ev.SessionKeys("log", (), 0)
        opening = co.OpenSession(
            self.template.session, self.template.tender, self.template.sites, self.template.seats, keys,
            rehearsal=True, software="0", profile=self.template.profile,
        )  # fmt: skip
        self.give_host(opening)
        for person in self.room.people.values():
            self.room.give(person.check_in())

    def give_host(self, command: co.HostCommand) -> None:
        self.room.give(co.Order(command, plain.START, "host", self.host, Role.HOST))

    def run(self) -> Room:
        """Lead the session to its conclusion."""
        while self.room.session.stage is not Stage.CONCLUDED:
            self.finish()
            self.room.give(self.advance())
        return self.room

    def advance(self) -> co.Order:
        before = self.room.session.stage
        after = self.room.session.next_stage()
        assert after is not None
        return self.room[SeatCode("OP")].order(co.AdvanceStage(before, after, ""))

    def finish(self) -> None:
        session = self.room.session
        match session.stage:
            case Stage.GATHERING:
                self.bring()
            case Stage.BRIEFED:
                for seat in session.experts():
                    self.room.give(self.room[seat].accept(self.room.session.pledge.sha256))
            case Stage.ELECTING | Stage.SUMMARY:
                self.vote()
            case Stage.PRELIMINARY | Stage.DETAILED:
                for lot in session.live_lots():
                    self.judge(lot, Part(session.stage))
            case Stage.REPORTING:
                self.justify()
            case Stage.SIGNING:
                for lot in session.live_lots():
                    sign = co.SignReport(lot.id, session.report_digest(lot.id), Stand.AGREES, "")
                    for seat in session.experts():
                        self.room.give(self.room[seat].order(sign))
            case _:
                pass

    def justify(self) -> None:
        session = self.room.session
        writer = session.chair or session.experts()[0]
        for lot in session.live_lots():
            for one in session.problems_of(lot):
                if one.holds_up:
                    self.room.give(
                        self.room[writer].order(co.JustifyWarning(lot.id, one.code.value, "so it is"))
                    )

    def bring(self) -> None:
        operator = self.room[SeatCode("OP")]
        for lot in self.template.tender.lots:
            for bid in lot.bids:
                cmd = operator.new_id()
                commitment, secret = operator.secret(cmd, "/price", str(self.scenario.prices[bid.id]))
                command = co.ImportBid(lot.id, bid.id, bid.bidder, commitment, plain.DOCUMENT, 8, 1)
                self.room.give(operator.order(command, cmd, (secret,)))

    def vote(self) -> None:
        while self.room.session.votes.open:
            (name, *_) = self.room.session.votes.open
            opened = self.room.session.votes.open[name].opened
            for seat in opened.voters:
                person = self.room[seat]
                cmd = person.new_id()
                choice = choice_of(seat, dict(told(opened)))
                commitment, secret = person.secret(cmd, "/choice", choice)
                ballot = co.CastBallot(opened.vote, opened.round, commitment)
                self.room.give(person.order(ballot, cmd, (secret,)))

    def judge(self, lot: Lot, part: Part) -> None:
        session = self.room.session
        out = session.rejected.get(lot.id, ())
        for seat in session.experts():
            judging = SyntheticExpert(client_at(seat), Pace(0, 0), lambda: None, self.scenario.temper)
            dice = random.Random(f"{seat}/{part}")
            for bid, item in keys_of(session.lots[lot.id], part, out):
                row: Any = to_json(next(one for one in lot.items if one.id == item))
                place = [one.id for one in lot.bids].index(bid)
                value, reason = judging.judge(bid, row, dice, place)
                self.room.give(self.room[seat].enter(bid, item, value, reason=reason, lot=lot.id))
            self.room.give(self.room[seat].lock(session, part, lot.id))
        self.give_host(co.UnlockGroup(lot.id, part))
        while (lot.id, part) not in session.unlocked:
            self.answer(lot, part)
            self.give_host(co.UnlockGroup(lot.id, part))
        self.answer(lot, part)

    def answer(self, lot: Lot, part: Part) -> None:
        session = self.room.session
        for seat in session.experts():
            for one in session.findings.open_to(seat):
                self.room.give(self.room[seat].answer(one.event.finding))
            if session.sheet(seat, lot.id, part).locked is None:
                self.room.give(self.room[seat].lock(session, part, lot.id))


def told(opened: vo.VoteOpened) -> Iterator[tuple[str, Any]]:
    body = to_json(opened)
    assert isinstance(body, dict)
    yield from body.items()


def client_at(seat: SeatCode) -> SeatClient:
    client = SeatClient("http://host", "code")
    client.seat = seat
    return client


@cache
def played(name: str) -> Room:
    return Play(find_scenario(name)).run()


def events(name: str) -> list[ev.Event]:
    return [fact.event for fact in played(name).history]


def test_an_unknown_scenario_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(UnknownScenario) as why:
        find_scenario("tunnel")
    assert "sealed, works, procurement, acceptance" == why.value.detail["known"]


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenarios_session_can_be_opened_and_written_down_in_both_forms(name: str) -> None:
    template = SCENARIOS[name].template()
    check_tender(template.tender, template.sites, template.seats, sealed=template.sealing is not None)
    check_committee(template.seats, parse_profile(template.profile).committee)
    assert template == parse_toml(write_toml(template)) == parse_xlsx(write_xlsx(template))


@pytest.mark.parametrize("name", SCENARIOS)
def test_whom_a_scenario_needs_has_a_seat_there(name: str) -> None:
    scenario = SCENARIOS[name]
    seats = {seat.code: seat for seat in scenario.template().seats}
    asked = {*scenario.staff, scenario.free_seat, *scenario.temper.severe, *scenario.temper.recuses}
    assert asked <= seats.keys()
    assert not scenario.roster or set(PARTIES) <= set(scenario.staff)
    assert all(bidder.like in ALL_OFFERS for bidder in scenario.bidders)
    assert len({bidder.name for bidder in scenario.bidders}) == len(scenario.bidders)


@pytest.mark.parametrize("name", PLAIN)
def test_a_scenario_leads_to_signed_rankings_and_its_journal_replays(name: str) -> None:
    room = played(name)
    session = room.session
    assert {lot.id for lot in session.live_lots()} == session.rankings.keys()
    assert not session.reports.missing((lot.id for lot in session.live_lots()), session.experts())
    assert fold(room.history) == session


def test_the_works_tender_rejects_one_bid_with_its_ground_trims_and_votes() -> None:
    bid, item = REJECTED
    reviewed = [event for event in events("works") if isinstance(event, ev.BidsReviewed)]
    grounds = {vote.bid: vote.grounds[0].item for one in reviewed for vote in one.votes if vote.rejected}
    assert {bid: item} == grounds
    marks = [event for event in events("works") if isinstance(event, MarksSummed)]
    assert [(7, 1, 1), (7, 1, 1)] == [(one.members, one.rule.high, one.rule.low) for one in marks]
    (awarded,) = (event for event in events("works") if isinstance(event, LotAwarded))
    assert ("2", Settler.VOTE) == (awarded.lot, awarded.by)
    assert any(isinstance(event, vo.BallotsShown) for event in events("works"))


def test_in_procurement_the_lowest_price_has_full_marks() -> None:
    (prices,) = (event for event in events("procurement") if isinstance(event, ev.PricesComputed))
    lowest = min(SCENARIOS["procurement"].prices.items(), key=lambda row: row[1])[0]
    assert {lowest} == {row.bid for row in prices.rows if row.score == "30/1"}


def test_acceptance_has_nine_bidders_one_of_whom_never_releases() -> None:
    scenario = SCENARIOS["acceptance"]
    assert (9, 1) == (len(scenario.bidders), sum(not one.releases for one in scenario.bidders))
    template = scenario.template()
    members = [seat for seat in template.seats if seat.role is Role.EXPERT and not seat.reserve]
    assert (3, 5) == (len(template.sites), len(members))
    (leaver,) = scenario.temper.recuses
    reserve = next(seat for seat in template.seats if seat.reserve)
    assert reserve.specialty is next(seat for seat in members if seat.code == leaver).specialty


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_documents_of_a_scenario_have_every_glyph(name: str) -> None:
    scenario = SCENARIOS[name]
    sample_font().encode("".join(bidder.name for bidder in scenario.bidders))
    template = scenario.template()
    for lot in template.tender.lots:
        for bid in lot.bids if scenario.prices else ():
            assert offer_document(template.tender, lot, bid).startswith(b"%PDF")
