"""Two nodes and one connection between them: tracks cross while somebody watches."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from evalroom.ids import SiteId
from evalroom.media import GapCause, Medium, Track, TrackKind, UnknownTrackKind, track_of
from evalroom.protocol.messages import Answer, MediaLost, Offer, Watch
from signaling.link import AnsweringLink, OfferingLink
from signaling.negotiation import UnexpectedAnswer
from tests.signaling.live import CAMERA, E1, LOOPBACK, SCREEN, Node, Sink, node, until

BOTH = (TrackKind.CAMERA, TrackKind.SCREEN)


@dataclass
class Link:
    """Host and sub-site; messages cross as they would over the socket."""

    host: Node
    site: Node
    offering: OfferingLink
    answering: AnsweringLink
    sent: list[Offer | Answer | Watch | MediaLost]


@pytest.fixture(name="link")
async def _link() -> AsyncIterator[Link]:
    sent: list[Offer | Answer | Watch | MediaLost] = []
    loop = asyncio.get_running_loop()

    def down(offer: Offer) -> None:
        sent.append(offer)
        loop.call_soon(answering.handle, offer)

    def up(message: Answer | Watch | MediaLost) -> None:
        sent.append(message)
        loop.call_soon(lambda: made.offering.handle(message))

    async with node() as host, node() as site:
        offering = OfferingLink(host.relay, down, settings=LOOPBACK, name="site")
        answering = AnsweringLink(site.relay, up, settings=LOOPBACK, name="host")
        host.stack.push_async_callback(offering.close)
        site.stack.push_async_callback(answering.close)
        made = Link(host, site, offering, answering, sent)
        yield made


async def test_answers_and_names_nobody_asked_for_are_refused(link: Link) -> None:
    with pytest.raises(UnexpectedAnswer):
        link.offering.handle(Answer(1, "v=0"))
    with pytest.raises(UnknownTrackKind):
        link.offering.handle(Watch(("west-E1/keyboard",)))


@pytest.mark.parametrize("sdp", ["", "nonsense", "v=0\r\nm=video 9 X 1\r\n"])
async def test_an_offer_that_cannot_be_used_is_answered_by_asking_for_another(link: Link, sdp: str) -> None:
    link.answering.handle(Offer(7, sdp, (), ()))
    await until(lambda: MediaLost(7) in link.sent)


async def test_the_host_sees_what_it_wants_and_nothing_crosses_before(link: Link) -> None:
    await link.site.seat("E1", BOTH)
    assert link.sent == []
    link.offering.want([CAMERA])
    await until(lambda: link.host.relay.source(CAMERA.id) is not None)
    assert link.host.relay.source(SCREEN.id) is None
    source, sink = link.host.relay.source(CAMERA.id), Sink()
    assert source is not None
    source.attach(sink)
    await until(lambda: len(sink.seqs()) > 20 and len(sink.seqs(Medium.AUDIO)) > 20 and bool(sink.reports))
    assert sink.gaps == []
    original = link.site.relay.source(CAMERA.id)
    assert original is not None
    assert source.track == original.track


async def test_one_copy_crosses_for_many_viewers(link: Link) -> None:
    await link.site.seat("E1", (TrackKind.CAMERA,))
    link.offering.want([CAMERA])
    viewers = [await link.host.seat(f"V{n}") for n in range(3)]
    for viewer in viewers:
        viewer.watch(CAMERA.id)
    await until(lambda: all(len(viewer.received()) == 2 for viewer in viewers))
    original = link.site.relay.source(CAMERA.id)
    assert original is not None
    assert original.stats().sinks == 1


async def test_what_nobody_watches_any_more_stops_crossing_and_may_come_again(link: Link) -> None:
    await link.site.seat("E1", BOTH)
    link.offering.want([CAMERA, SCREEN])
    await until(lambda: len(link.host.relay.sources()) == 2)
    link.offering.want([CAMERA])
    await until(lambda: link.site.relay.watched() == {CAMERA.id})
    assert link.host.relay.source(SCREEN.id) is None
    link.offering.want([SCREEN])
    await until(lambda: link.host.relay.source(SCREEN.id) is not None)
    offers = [message for message in link.sent if isinstance(message, Offer)]
    assert offers[-1].sdp.count("m=") == offers[0].sdp.count("m="), "silent lines are used again"
    assert {offer.generation for offer in offers} == {1}


async def test_the_site_sees_what_the_host_has(link: Link) -> None:
    await link.host.seat("E1", (TrackKind.CAMERA,))
    link.answering.want([CAMERA])
    viewer = await link.site.seat("V1")
    viewer.watch(CAMERA.id)
    await until(lambda: len(viewer.received()) == 2)
    link.answering.want([])
    await until(lambda: link.host.relay.watched() == frozenset() and link.site.relay.sources() == ())


async def test_both_ways_run_over_one_connection(link: Link) -> None:
    other = track_of(SiteId("west"), E1, TrackKind.SCREEN)
    await link.site.seat("E1", (TrackKind.CAMERA,))
    await link.host.seat("E1", (TrackKind.SCREEN,))
    link.offering.want([CAMERA])
    link.answering.want([other])
    await until(lambda: link.host.relay.source(CAMERA.id) is not None)
    await until(lambda: link.site.relay.source(other.id) is not None)
    assert {message.generation for message in link.sent if isinstance(message, Offer)} == {1}


async def test_a_source_that_comes_again_at_the_site_goes_on_at_the_host(link: Link) -> None:
    seat = await link.site.seat("E1", (TrackKind.CAMERA,))
    link.offering.want([CAMERA])
    await until(lambda: link.host.relay.source(CAMERA.id) is not None)
    source, sink = link.host.relay.source(CAMERA.id), Sink()
    assert source is not None
    source.attach(sink)
    first = link.site.relay.source(CAMERA.id)
    seat.here.handle(MediaLost(1))
    await until(lambda: link.site.relay.source(CAMERA.id) not in (None, first))
    count = len(sink.seqs())
    await until(lambda: len(sink.seqs()) > count + 30)
    assert sink.gaps == []
    assert sink.ends == [], "for the host it is one stream: the numbers run on"


async def test_a_lost_link_is_made_anew_by_whoever_notices(link: Link) -> None:
    await link.site.seat("E1", (TrackKind.CAMERA,))
    link.offering.want([CAMERA])
    await until(lambda: link.host.relay.source(CAMERA.id) is not None)
    first, sink = link.host.relay.source(CAMERA.id), Sink()
    assert first is not None
    first.attach(sink)
    await link.answering._connections[1].pc.close()
    await until(lambda: link.host.relay.source(CAMERA.id) not in (None, first))
    assert sink.ends == [GapCause.LINK]
    assert link.offering.generation == 2
    assert link.offering.connected
    await until(lambda: link.answering.connected)


async def test_a_host_that_was_restarted_counts_anew_and_is_heard_at_once(link: Link) -> None:
    await link.site.seat("E1", (TrackKind.CAMERA,))
    link.offering.want([CAMERA])
    await until(lambda: link.host.relay.source(CAMERA.id) is not None)
    first = link.answering._connections[1]
    await link.offering.close()
    link.offering = OfferingLink(
        link.host.relay, link.answering.handle, settings=LOOPBACK, name="another process"
    )
    link.host.stack.push_async_callback(link.offering.close)
    link.offering.want([CAMERA])
    await until(lambda: link.offering.connected)
    assert link.offering.generation == 1
    assert link.answering._connections[1] is not first


async def test_after_a_new_socket_the_site_says_again_what_it_wants(link: Link) -> None:
    link.answering.want([CAMERA])
    link.answering.want([CAMERA])
    link.answering.renew()
    assert link.sent == [Watch((CAMERA.id,)), Watch((CAMERA.id,))]


async def test_a_track_of_a_third_site_crosses_two_links(link: Link) -> None:
    """The middle node needs no rule for it: what is watched there is wanted from the next."""
    far: Track = track_of(SiteId("far"), E1, TrackKind.CAMERA)
    assert link.host.watched == []
    link.answering.want([far])
    await until(lambda: link.host.watched == [frozenset({far.id})])
