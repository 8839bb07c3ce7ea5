"""Messages of the signalling protocol, one dataclass each; `kind` tells them apart on the wire.

The same subscription protocol runs on both links: a seat subscribes to its own feed (audience ""), a
sub-site's node to the feeds of all its seats and to its own (audience = seat code, or "node").
`docs/spec/signalling.md` says how the ends behave; here are the shapes only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from evalroom.commands import RecordFacts, SeatCommand
from evalroom.events import Secret, Stage
from evalroom.ids import CommandId, SeatCode, SessionId, SiteId
from evalroom.media import Medium, TrackKind
from evalroom.presence import SiteState
from evalroom.roles import Role
from evalroom.tender import Part

MAX_FRAME = 64 * 1024
"""Bytes of one WebSocket message; a longer one closes the connection with 1009."""

NODE_AUDIENCE = "node"
"""Audience of a site's own node on the site link."""


# --- from a seat or a site's node ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Send me every item of this feed after number `since`, and go on doing so."""

    since: int
    audience: str = ""
    kind: Literal["subscribe"] = "subscribe"


@dataclass(frozen=True, slots=True)
class Submit:
    """Carry out this command, once, however often it arrives.  `seat` is filled on the site link only."""

    command_id: CommandId
    command: SeatCommand | RecordFacts
    secrets: tuple[Secret, ...] = ()
    sig: str | None = None
    client_ms: int | None = None
    seat: str = ""
    kind: Literal["submit"] = "submit"


@dataclass(frozen=True, slots=True)
class Ping:
    """Are you there?  Sent every two seconds; `sent_ms` comes back.  The rest only informs supervisors.

    `rtt_ms` is the last round trip as the sender measured it, `unsent` the commands in its outbox.
    """

    sent_ms: int
    rtt_ms: int | None = None
    unsent: int = 0
    kind: Literal["ping"] = "ping"


@dataclass(frozen=True, slots=True)
class Publish:
    """These tracks are ready to be sent from here; an empty list ends them."""

    tracks: tuple[TrackKind, ...]
    kind: Literal["publish"] = "publish"


@dataclass(frozen=True, slots=True)
class Watch:
    """I want to see exactly these tracks from now on."""

    tracks: tuple[str, ...]
    kind: Literal["watch"] = "watch"


@dataclass(frozen=True, slots=True)
class Answer:
    """The SDP answer to offer `generation`."""

    generation: int
    sdp: str
    kind: Literal["answer"] = "answer"


@dataclass(frozen=True, slots=True)
class MediaLost:
    """The connection of this generation failed here: make a new one."""

    generation: int
    kind: Literal["media_lost"] = "media_lost"


# --- to a seat or a site's node ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Welcome:
    """The first message of a node: who you are here, and what the node's clock says."""

    session: SessionId
    site: SiteId
    seat: SeatCode
    role: Role
    at_ms: int
    host_online: bool
    kind: Literal["welcome"] = "welcome"


@dataclass(frozen=True, slots=True)
class Entries:
    """Items `first`, `first + 1`, … of a feed, each a canonical JSON text, and acknowledgements.

    `head` is the feed's hash chain after the last item here (hex), so a hole or a change shows at once.
    `acks` are pairs of command id and the number of the item that carries its effect (0: none for you).
    """

    first: int
    items: tuple[str, ...]
    head: str
    acks: tuple[tuple[CommandId, int], ...] = ()
    audience: str = ""
    kind: Literal["entries"] = "entries"


@dataclass(frozen=True, slots=True)
class Held:
    """Your site's node keeps these commands on disk; the host has not acknowledged them yet."""

    command_ids: tuple[CommandId, ...]
    kind: Literal["held"] = "held"


@dataclass(frozen=True, slots=True)
class Refused:
    """The command changed nothing.  `code` is stable; `message` says what to do; `detail` the facts."""

    command_id: CommandId
    code: str
    message: str
    detail: Mapping[str, str | int | None]
    seat: str = ""
    kind: Literal["refused"] = "refused"


@dataclass(frozen=True, slots=True)
class Pong:
    """I am here; `at_ms` is this node's estimate of the session clock."""

    sent_ms: int
    at_ms: int
    kind: Literal["pong"] = "pong"


@dataclass(frozen=True, slots=True)
class Mid:
    """One m-line of an offer: which track and medium it carries."""

    mid: str
    track: str
    medium: Medium


@dataclass(frozen=True, slots=True)
class Offer:
    """An SDP offer: send `publish` on their m-lines, receive `view` on theirs."""

    generation: int
    sdp: str
    publish: tuple[Mid, ...]
    view: tuple[Mid, ...]
    kind: Literal["offer"] = "offer"


@dataclass(frozen=True, slots=True)
class Fault:
    """The protocol was broken or the connection is ending; `code` says why."""

    code: str
    message: str
    kind: Literal["fault"] = "fault"


# --- states that are no facts: sent about once a second, never in the journal ------------------------


@dataclass(frozen=True, slots=True)
class SheetProgress:
    """How far one sheet is: filled cells of all, and whether it is locked."""

    seat: SeatCode
    lot: str
    part: Part
    filled: int
    total: int
    locked: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """All sheets' progress, at most once a second: finer timing would tell who scores what."""

    sheets: tuple[SheetProgress, ...]
    kind: Literal["progress"] = "progress"


@dataclass(frozen=True, slots=True)
class Status:
    """What is alive, as seen by the node that sends it; each audience gets what its role may see."""

    stage: Stage
    paused: bool
    sites: tuple[SiteState, ...]
    witness: str
    cosigned_ms: int | None
    kind: Literal["status"] = "status"


# --- the site link only ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SeatCredential:
    """A seat of this site: the scrypt hash (hex), salt (hex) and public handle of its one-time code."""

    seat: SeatCode
    role: Role
    label: str
    handle: str
    salt: str
    code_hash: str
    issue: int


@dataclass(frozen=True, slots=True)
class Roster:
    """What a node needs to seat people while the host is out of reach, and whether it films them."""

    session: SessionId
    title: str
    site: SiteId
    seats: tuple[SeatCredential, ...]
    log_key: str
    reel_seconds: int
    filming: bool
    closed: bool
    kind: Literal["roster"] = "roster"


@dataclass(frozen=True, slots=True)
class ToSeat:
    """Hand this transient message (its canonical JSON) to a seat, if it is connected."""

    seat: str
    message: str
    kind: Literal["to_seat"] = "to_seat"


@dataclass(frozen=True, slots=True)
class SiteStatus:
    """The site's own state, about once a second."""

    state: SiteState
    kind: Literal["site_status"] = "site_status"


@dataclass(frozen=True, slots=True)
class SeatPresent:
    """A seat of this site was claimed with its code (issue number), so the code is used up."""

    seat: SeatCode
    issue: int
    kind: Literal["seat_present"] = "seat_present"


@dataclass(frozen=True, slots=True)
class Cosign:
    """A witness's answer to `AddCheckpoint`: its cosignature line(s)."""

    size: int
    lines: str
    kind: Literal["cosign"] = "cosign"


@dataclass(frozen=True, slots=True)
class WitnessRefusal:
    """The witness will not cosign: C2SP status, and its own size when that is the reason."""

    status: int
    size: int
    reason: str
    kind: Literal["witness_refused"] = "witness_refused"


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """Cosign this checkpoint: the body of C2SP's `add-checkpoint` request, as text."""

    request: str
    kind: Literal["add_checkpoint"] = "add_checkpoint"


@dataclass(frozen=True, slots=True)
class AskAgent:
    """Put this command (one JSON object) to the trustee's agent of your site; asked again until it is answered."""

    request: str
    command: str
    kind: Literal["ask_agent"] = "ask_agent"


@dataclass(frozen=True, slots=True)
class AgentAnswer:
    """What the site's agent said to `request`, word for word: one JSON object."""

    request: str
    answer: str
    kind: Literal["agent_answer"] = "agent_answer"


@dataclass(frozen=True, slots=True)
class UploadGrant:
    """A bearer token for handing reels over by HTTP; valid until `until_ms`."""

    token: str
    until_ms: int
    kind: Literal["upload_grant"] = "upload_grant"


FromSeat = Subscribe | Submit | Ping | Publish | Watch | Answer | MediaLost
ToSeatMessage = Welcome | Entries | Held | Refused | Pong | Offer | Progress | Status | Fault
FromSite = (
    Subscribe
    | Submit
    | Ping
    | SiteStatus
    | SeatPresent
    | Cosign
    | WitnessRefusal
    | AgentAnswer
    | Watch
    | Answer
    | Offer
    | MediaLost
)
ToSite = (
    Roster
    | Entries
    | Refused
    | Pong
    | ToSeat
    | AddCheckpoint
    | AskAgent
    | UploadGrant
    | Watch
    | Offer
    | Answer
    | MediaLost
    | Fault
)
