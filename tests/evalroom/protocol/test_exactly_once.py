"""Whatever a link does, each command counts once, in its order, and each feed arrives whole (trust.md §2).

A link here is far worse than a WebSocket: it loses, doubles and reorders single messages and is cut at any
moment, while browsers reload and the host restarts.
"""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from evalroom.ids import CommandId, SeatCode
from evalroom.protocol.feed import FeedReader
from evalroom.protocol.messages import Submit
from evalroom.protocol.subscriber import Acknowledged, Delivered, Rejected, SubscriberEnd
from tests.evalroom.protocol.host import HostEnd, Journal, NodeEnd, scoring, submit_of, through_the_wire
from tests.evalroom.room import BIDS, EXPERTS, SESSION, Room
from tests.link import Link, run

E1, E2, E3 = EXPERTS
ITEMS = ("plan", "quality", "safety")
CELLS = [(bid, item) for bid in BIDS[:2] for item in ITEMS]
SOON = 5_000
SCORED_BEFORE = sum(len(one) for one in scoring().revisions().values())
"""Cells of the preliminary part, filled before these tests begin."""


class Browser:
    """A seat's page: what it shows, what it has stored, what it has been told."""

    def __init__(self, room: Room, seat: SeatCode) -> None:
        self.person = room[seat]
        self.end = SubscriberEnd(SESSION)
        self.end.follow("", FeedReader(SESSION, seat))
        self.shown: list[str] = []
        self.given: dict[CommandId, Submit] = {}
        self.acknowledged: list[CommandId] = []
        self.refused: list[CommandId] = []
        self.revisions: dict[tuple[str, str], int] = {}

    def type_in(self, cell: tuple[str, str], value: str, revision: int | None = None) -> None:
        if revision is None:
            revision = self.revisions[cell] = self.revisions.get(cell, 0) + 1
        submit = submit_of(self.person.enter(*cell, value, revision=revision))
        self.given[submit.command_id] = submit
        self.end.submit(submit)

    def look(self) -> None:
        """Take what has arrived, as a page stores it."""
        for event in self.end.events_received():
            match event:
                case Delivered(items=items, first=first):
                    assert len(self.shown) + 1 == first
                    self.shown += items
                case Acknowledged(command_id=one):
                    self.acknowledged.append(one)
                case Rejected(refusal=refusal):
                    self.refused.append(refusal.command_id)
                case _:
                    pass

    def reload(self) -> None:
        """Lose everything but what is stored: the feed's place, and the commands not yet answered."""
        self.look()
        stored, reader = list(self.end.outbox.pending.values()), self.end.readers[""]
        self.end = SubscriberEnd(SESSION)
        self.end.follow("", FeedReader(SESSION, reader.audience, reader.chain))
        for submit in stored:
            self.end.submit(submit)


def check(journal: Journal, browsers: list[Browser], *, refusals: bool = False) -> None:
    """Demand that everything was carried out once, in order, and that everybody has their whole feed."""
    once = [fact.cmd for fact in journal.room.history if fact.cmd]
    assert len(once) == len(set(once))
    for cell, revisions in journal.revisions().items():
        assert list(range(1, len(revisions) + 1)) == revisions, cell
    for browser in browsers:
        browser.look()
        assert {} == browser.end.outbox.pending
        assert sorted(browser.given) == sorted(browser.acknowledged + browser.refused)
        assert refusals or [] == browser.refused
        assert journal.logs[browser.person.seat.code].texts == browser.shown


def quiet(browsers: list[Browser], journal: Journal) -> Callable[[], bool]:
    def done() -> bool:
        return all(
            not one.end.outbox.pending
            and one.end.readers[""].taken == journal.logs[one.person.seat.code].length
            for one in browsers
        )

    return done


BAD_LINKS = st.fixed_dictionaries(
    {
        "loss": st.sampled_from([0.0, 0.05, 0.3]),
        "duplicate": st.sampled_from([0.0, 0.3]),
        "delay": st.sampled_from([(1, 1), (1, 400), (200, 4000)]),
        "seed": st.integers(0, 2**32),
    }
)
CUTS = st.lists(st.tuples(st.integers(1, 30_000), st.integers(1, 20_000)), max_size=3)
TYPED = st.lists(st.tuples(st.sampled_from(CELLS), st.integers(0, 50)), max_size=12)


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(BAD_LINKS, CUTS, TYPED)
def test_each_score_counts_once_over_any_link(
    link: dict[str, Any], cuts: list[tuple[int, int]], typed: list[tuple[tuple[str, str], int]]
) -> None:
    journal = scoring()
    browser = Browser(journal.room, E1)
    for cell, tenths in typed:
        browser.type_in(cell, f"{tenths // 10}.{tenths % 10}")
    windows = [(start, start + length) for start, length in cuts]
    joined = Link(browser.end, HostEnd(journal, E1), cut=windows, carry=through_the_wire, **link)
    run([joined], 0, 10 * 60_000, quiet=quiet([browser], journal))
    check(journal, [browser])
    assert len(typed) == sum(len(one) for one in journal.revisions().values()) - SCORED_BEFORE


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    BAD_LINKS,
    BAD_LINKS,
    CUTS,
    CUTS,
    st.lists(st.tuples(st.sampled_from([E1, E2]), st.sampled_from(CELLS)), max_size=12),
)
def test_each_score_counts_once_through_a_sites_node(
    near: dict[str, Any],
    far: dict[str, Any],
    near_cuts: list[tuple[int, int]],
    far_cuts: list[tuple[int, int]],
    typed: list[tuple[SeatCode, tuple[str, str]]],
) -> None:
    journal = scoring()
    node = NodeEnd((E1, E2))
    browsers = {seat: Browser(journal.room, seat) for seat in (E1, E2)}
    for seat, cell in typed:
        browsers[seat].type_in(cell, "3.5")
    links = [
        Link(
            browser.end,
            node.doors[seat],
            cut=[(a, a + b) for a, b in near_cuts],
            carry=through_the_wire,
            **near,
        )
        for seat, browser in browsers.items()
    ]
    links.append(
        Link(node.up, HostEnd(journal), cut=[(a, a + b) for a, b in far_cuts], carry=through_the_wire, **far)
    )
    run(links, 0, 20 * 60_000, quiet=quiet(list(browsers.values()), journal))
    check(journal, list(browsers.values()))


def test_a_site_works_on_while_its_link_to_the_host_is_cut() -> None:
    """Sixty seconds of cut: scores are held at the site, feeds stand still, and then everything arrives."""
    journal, node = scoring(), NodeEnd((E2,))
    browser = Browser(journal.room, E2)
    near = Link(browser.end, node.doors[E2], carry=through_the_wire)
    far = Link(node.up, HostEnd(journal), cut=[(1_000, 61_000)], carry=through_the_wire)
    now = run([near, far], 0, 2_000)
    for cell in CELLS:
        browser.type_in(cell, "3.5")
    now = run([near, far], now, 60_000)
    assert len(CELLS) == len(node.up.outbox.pending)
    assert [] == browser.acknowledged
    now = run([near, far], now, 61_000 + SOON, quiet=quiet([browser], journal))
    check(journal, [browser])
    assert now < 61_000 + 100


def test_a_second_command_with_a_known_id_is_refused_and_changes_nothing() -> None:
    journal = scoring()
    browser = Browser(journal.room, E1)
    browser.type_in(CELLS[0], "3.5")
    (first,) = browser.given.values()
    run([Link(browser.end, HostEnd(journal, E1))], 0, SOON)
    other = submit_of(browser.person.enter(*CELLS[1], "4.5"))
    forged = Submit(first.command_id, other.command, other.secrets, other.sig)
    refusal = journal.submit(forged, E1)
    assert refusal is not None
    assert "command_reused" == refusal.code
    assert journal.submit(first, E1) is None
    check(journal, [browser])


def test_a_stale_score_is_refused_once_though_its_refusal_is_lost() -> None:
    journal = scoring()
    browser = Browser(journal.room, E1)
    browser.type_in(CELLS[0], "3.5")
    browser.type_in(CELLS[1], "3.5", revision=7)
    link = Link(browser.end, HostEnd(journal, E1), loss=0.6, seed=3, carry=through_the_wire)
    run([link], 0, 10 * 60_000, quiet=quiet([browser], journal))
    check(journal, [browser], refusals=True)
    assert 1 == len(browser.refused)


def test_the_same_seed_gives_the_same_run() -> None:
    runs = []
    for _ in range(2):
        journal = scoring()
        browser = Browser(journal.room, E1)
        browser.type_in(CELLS[0], "3.5")
        link = Link(browser.end, HostEnd(journal, E1), loss=0.3, duplicate=0.3, delay=(1, 900), seed=11)
        runs.append((run([link], 0, 60_000, quiet=quiet([browser], journal)), link.carried))
    assert runs[0] == runs[1]


def test_a_reader_that_skips_the_chain_would_be_caught_by_these_tests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without its sequence check nearly every bad link tears the feed: the tests above would notice."""

    def careless(self: FeedReader, entries: Any) -> tuple[str, ...]:  # noqa: ANN401 - as in the module
        self.chain.length = max(self.taken, entries.first - 1 + len(entries.items))
        return tuple(entries.items)

    monkeypatch.setattr(FeedReader, "take", careless)
    torn = 0
    for seed in range(20):
        journal = scoring()
        browser = Browser(journal.room, E1)
        for cell in CELLS:
            browser.type_in(cell, "3.5")
        link = Link(browser.end, HostEnd(journal, E1), duplicate=0.3, loss=0.3, delay=(1, 900), seed=seed)
        run([link], 0, 120_000, quiet=quiet([browser], journal))
        got = [
            text
            for event in browser.end.events_received()
            if isinstance(event, Delivered)
            for text in event.items
        ]
        torn += got != journal.logs[E1].texts
    assert torn >= 18


class BadDay(RuleBasedStateMachine):
    """Two experts on links of their own, reloads, cuts and crashes in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.journal = scoring()
        self.browsers = [Browser(self.journal.room, seat) for seat in (E1, E3)]
        self.now = 0
        self.seed = 0
        self.links: list[Link] = []
        self.connect()

    def connect(self, loss: float = 0.0, duplicate: float = 0.0, delay: tuple[int, int] = (1, 1)) -> None:
        """Give everybody a new connection of this quality."""
        self.seed += 1
        self.links = [
            Link(
                browser.end,
                HostEnd(self.journal, browser.person.seat.code),
                loss,
                duplicate,
                delay,
                seed=self.seed,
                carry=through_the_wire,
            )
            for browser in self.browsers
        ]

    @rule(who=st.integers(0, 1), cell=st.sampled_from(CELLS), tenths=st.integers(0, 50))
    def type_in(self, who: int, cell: tuple[str, str], tenths: int) -> None:
        self.browsers[who].type_in(cell, f"{tenths // 10}.{tenths % 10}")

    @rule(ms=st.sampled_from([1, 50, 3_000, 20_000]))
    def wait(self, ms: int) -> None:
        self.now = run(self.links, self.now, self.now + ms)

    @rule(
        loss=st.sampled_from([0.0, 0.3]),
        duplicate=st.sampled_from([0.0, 0.4]),
        most=st.sampled_from([1, 500, 4000]),
    )
    def other_link(self, loss: float, duplicate: float, most: int) -> None:
        self.connect(loss, duplicate, (1, most))

    @rule(who=st.integers(0, 1))
    def reload(self, who: int) -> None:
        self.browsers[who].reload()
        self.connect()

    @rule()
    def restart_host(self) -> None:
        self.journal = self.journal.restarted()
        self.connect()

    @rule(who=st.integers(0, 1))
    @precondition(lambda self: any(browser.given for browser in self.browsers))
    def resend_something_old(self, who: int) -> None:
        for submit in self.browsers[who].given.values():
            if submit.command_id in self.journal.done:
                assert self.journal.submit(submit, self.browsers[who].person.seat.code) is None
                break

    @invariant()
    def acknowledged_is_in_the_journal(self) -> None:
        known = {fact.cmd for fact in self.journal.room.history}
        for browser in self.browsers:
            browser.look()
            assert set(browser.acknowledged) <= known

    def teardown(self) -> None:
        self.connect()
        self.now = run(self.links, self.now, self.now + 60 * 60_000, quiet=quiet(self.browsers, self.journal))
        check(self.journal, self.browsers)


TestBadDay = BadDay.TestCase
TestBadDay.settings = settings(
    max_examples=60, stateful_step_count=30, suppress_health_check=[HealthCheck.too_slow]
)
