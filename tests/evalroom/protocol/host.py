"""A host, and a sub-site's node, in memory: what the real ones do with the sans-I/O ends, less sockets and disk."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache

from evalroom.commands import Order, RecordFacts
from evalroom.errors import EvalroomError
from evalroom.events import Fact, ScoreEntered, Stage
from evalroom.ids import CommandId, SeatCode
from evalroom.protocol.feed import FeedLog, FeedReader
from evalroom.protocol.messages import Entries, Held, Ping, Pong, Refused, Submit, Subscribe
from evalroom.protocol.publisher import PublisherEnd
from evalroom.protocol.subscriber import Acknowledged, Delivered, Rejected, SubscriberEnd
from evalroom.visibility import Audience, view
from signaling.codec import decode_from_node, decode_from_seat, encode, parse_json
from tests.evalroom.room import SEAT, SESSION, START, Room, room_at

Down = Entries | Held | Refused | Pong


def through_the_wire(message: object) -> object:
    """Write a message as a frame, with the frame's limit, and read it as strictly as the other end would."""
    text = encode(message)
    if isinstance(message, Subscribe | Submit | Ping):
        return decode_from_seat(text)
    return decode_from_node(parse_json(text))


def submit_of(order: Order, seat: str = "") -> Submit:
    """Return the message that carries an order from its seat."""
    assert order.cmd is not None
    assert not isinstance(order.command, RecordFacts)
    return Submit(order.cmd, order.command, order.secrets, order.sig, seat=seat)  # type: ignore[arg-type] # a seat's command


def order_of(submit: Submit, seat: SeatCode) -> Order:
    """Return a message's order; who, where and in which role come from the connection."""
    who = SEAT[seat]
    return Order(
        submit.command, START, seat, who.site, who.role, submit.command_id, submit.sig, submit.secrets
    )


@cache
def _scoring() -> "Journal":
    return Journal(room_at(Stage.DETAILED))


def scoring() -> "Journal":
    """Return a journal whose detailed part has just begun."""
    first = _scoring()
    return Journal(first.room.copy(), {seat: _copied(log) for seat, log in first.logs.items()})


def _copied(log: FeedLog) -> FeedLog:
    other = FeedLog(log.session, log.audience)
    for text in log.texts:
        other.append(text)
    other.commands.update(log.commands)
    return other


@dataclass(slots=True)
class Journal:
    """The host's memory of one session: the room, a feed for each seat, and which commands it has carried out."""

    room: Room
    logs: dict[str, FeedLog] = field(default_factory=dict)
    done: dict[CommandId, Submit] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Number every feed anew from the journal, as after a restart, unless they are given."""
        if self.logs:
            return
        history, self.room.history = self.room.history, []
        self.room.session = type(self.room.session)()
        self.logs = {seat: FeedLog(SESSION, seat) for seat in SEAT}
        for fact in history:
            self.take(fact)

    def take(self, fact: Fact) -> None:
        """Carry one fact into the state and into everybody's feed."""
        self.room.take(fact)
        for seat, who in SEAT.items():
            audience = Audience(seat, who.role, who.site, who.node)
            for seen in view(fact, audience, self.room.session):
                self.logs[seat].record(fact, seen)

    def submit(self, submit: Submit, seat: SeatCode) -> Refused | None:
        """Carry a command out once, however often it comes."""
        plain = replace(submit, seat="", client_ms=None)
        if submit.command_id in self.done:
            same = self.done[submit.command_id] == plain
            return None if same else Refused(submit.command_id, "command_reused", "", {})
        try:
            facts = self.room.session.decide(order_of(submit, seat))
        except EvalroomError as error:
            return Refused(submit.command_id, error.code, error.sentence(), error.detail)
        self.done[submit.command_id] = plain
        for fact in facts:
            self.take(fact)
        return None

    def restarted(self) -> "Journal":
        """Return what comes up again after a crash: the journal's facts and ids, nothing else."""
        return Journal(Room(self.room.history, people=self.room.people), done=self.done)

    def revisions(self) -> dict[tuple[str, str, str], list[int]]:
        """Return the revisions of each cell in journal order."""
        out: dict[tuple[str, str, str], list[int]] = {}
        for fact in self.room.history:
            if isinstance(fact.event, ScoreEntered):
                out.setdefault((fact.actor, fact.event.bid, fact.event.item), []).append(fact.event.revision)
        return out


class HostEnd:
    """The host's end of one link: of one seat, or of a site that speaks for several."""

    def __init__(self, journal: Journal, seat: SeatCode | None = None) -> None:
        self.journal = journal
        self.seat = seat
        self.answers: list[Pong | Refused] = []
        self.publisher = PublisherEnd(self.log)
        self.told: set[str] = set()

    def log(self, audience: str) -> FeedLog:
        return self.journal.logs[audience or self.seat or ""]

    def connected(self, _: int) -> None:
        self.publisher, self.answers, self.told = PublisherEnd(self.log), [], set()

    def receive(self, message: Subscribe | Submit | Ping, now: int) -> None:
        match message:
            case Subscribe(audience=audience, since=since):
                self.publisher.subscribe(audience, since)
            case Ping(sent_ms=sent):
                self.answers.append(Pong(sent, now))
            case Submit():
                refusal = self.journal.submit(message, self.seat or SeatCode(message.seat))
                if refusal is not None:
                    self.answers.append(replace(refusal, seat=message.seat))
                else:
                    self.publisher.acknowledge(message.seat, message.command_id)
                    self.told.add(message.seat)

    def messages_to_send(self, _: int) -> list[Down]:
        answers, self.answers = self.answers, []
        feeds = sorted(self.publisher.audiences() | self.told)
        return [*answers, *(one for audience in feeds for one in self.publisher.messages_to_send(audience))]

    def next_deadline(self) -> int | None:
        return None


class NodeEnd:
    """A sub-site's node: keeps its seats' commands and feeds, whichever link is up."""

    def __init__(self, seats: tuple[SeatCode, ...]) -> None:
        self.up = SubscriberEnd(SESSION)
        self.logs = {str(seat): FeedLog(SESSION, seat) for seat in seats}
        self.doors = {seat: NodeDoor(self, seat) for seat in seats}
        for seat in seats:
            self.up.follow(seat, FeedReader(SESSION, seat))

    def forward(self) -> None:
        """Hand on to the seats what came from the host."""
        for event in self.up.events_received():
            match event:
                case Delivered(audience=audience, items=items):
                    for text in items:
                        n = self.logs[audience].append(text)
                        if "cmd" in json.loads(text):
                            self.logs[audience].commands.setdefault(json.loads(text)["cmd"], n)
                case Acknowledged(command_id=one, audience=audience):
                    self.doors[SeatCode(audience)].settled(one)
                case Rejected(refusal=refusal):
                    self.doors[SeatCode(refusal.seat)].answers.append(replace(refusal, seat=""))
                case _:
                    pass


class NodeDoor:
    """The node's end towards one seat."""

    def __init__(self, node: NodeEnd, seat: SeatCode) -> None:
        self.node = node
        self.seat = seat
        self.answers: list[Pong | Held | Refused] = []
        self.done: set[CommandId] = set()
        self.publisher = PublisherEnd(lambda _: node.logs[seat])

    def connected(self, _: int) -> None:
        self.publisher = PublisherEnd(lambda _: self.node.logs[self.seat])

    def settled(self, command_id: CommandId) -> None:
        self.done.add(command_id)
        self.publisher.acknowledge("", command_id)

    def receive(self, message: Subscribe | Submit | Ping, now: int) -> None:
        match message:
            case Subscribe(since=since):
                self.publisher.subscribe("", since)
            case Ping(sent_ms=sent):
                self.answers.append(Pong(sent, now))
            case Submit(command_id=one) if one in self.done:
                self.publisher.acknowledge("", one)
            case Submit(command_id=one):
                self.node.up.submit(replace(message, seat=self.seat))
                self.answers.append(Held((one,)))

    def messages_to_send(self, _: int) -> list[Down]:
        self.node.forward()
        answers, self.answers = self.answers, []
        return [*answers, *self.publisher.messages_to_send("")]

    def next_deadline(self) -> int | None:
        return None


def outcomes(end: SubscriberEnd) -> Mapping[str, list[CommandId]]:
    """Drain an end's events and return the command ids that were acknowledged and refused."""
    out: dict[str, list[CommandId]] = {"acknowledged": [], "refused": []}
    for event in end.events_received():
        match event:
            case Acknowledged(command_id=one):
                out["acknowledged"].append(one)
            case Rejected(refusal=refusal):
                out["refused"].append(refusal.command_id)
            case _:
                pass
    return out
