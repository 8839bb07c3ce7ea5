"""Where entries stand in the journal is what agents and verdicts are shown: numbers must be those of the journal."""

from evalroom import events as ev
from evalroom.events import Fact
from evalroom.ids import HOST_ACTOR, BidNumber, SiteId
from evalroom.sealing import facts as sf
from main_site.services.evidence import Places

HOST = SiteId("host")
A, B = BidNumber("aa" * 16), BidNumber("bb" * 16)


def fact(event: ev.Event) -> Fact:
    return Fact(1, HOST, HOST_ACTOR, event)


def half(bid: BidNumber, *, good: bool) -> Fact:
    return fact(sf.HalfReleased("first", bid, "00" * 32, good, "" if good else "half_mismatch"))


def test_entries_are_found_by_what_they_are_about() -> None:
    places = Places([fact(sf.CoverMade("00")), half(A, good=False), half(B, good=True), half(A, good=True)])
    assert [1, 3] == places.all(sf.HalfReleased, "first", A)
    assert [3] == places.last(sf.HalfReleased, "first", A)
    assert [2] == places.last(sf.HalfReleased, "first", B)
    assert [] == places.last(sf.HalfReleased, "second", A)


def test_numbers_go_on_from_those_that_were_there_before() -> None:
    places = Places([fact(sf.CoverMade("00"))], 7)
    places.take([fact(sf.WindowOpened("first", 5))])
    assert [8] == places.last(sf.WindowOpened, "first")
    assert 9 == places.size
