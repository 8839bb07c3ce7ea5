"""Facts of draws: the bodies of journal entries from a draw's declaration to its result.

Members and meaning are those of docs/spec/draw.md §2.  Digests, commitments, values and nonces are 64 lower-case
hex digits; instants are UTC milliseconds on the session clock.  Personal data has no place here: experts stand
under pool ids, their units as a commitment.  These classes hold no rule: `state.py` says which may follow which.
"""

from dataclasses import dataclass
from enum import StrEnum

from evalroom.ids import DrawId, LotId, SeatCode


class Purpose(StrEnum):
    """What is drawn (domain.md): 抽取专家, 席位, 副场, 浮动点, 同分, 组长, 代码, 评委次序."""

    EXPERTS = "experts"
    SEATS = "seats"
    SUB_SITE = "sub_site"
    PRICE_PARAMETER = "price_parameter"
    TIE = "tie"
    CHAIR = "chair"
    CODE = "code"
    MEMBERS = "members"


class ExpertClass(StrEnum):
    """The class an expert is listed in; the law counts the first two (招标投标法 37: 技术、经济等方面的专家)."""

    TECHNICAL = "technical"
    ECONOMIC = "economic"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class PoolExpert:
    """An expert under a pool id; `units` commits to employer and recusal units, `recused` takes no part in the draw."""

    id: str
    type: ExpertClass
    region: str
    units: str
    recused: bool


@dataclass(frozen=True, slots=True)
class Place:
    """So many places of the committee for one class of experts, of one region or, where it is empty, of any."""

    type: ExpertClass
    region: str
    count: int


@dataclass(frozen=True, slots=True)
class MakeUp:
    """What the committee must be made of: at least `least` members, an odd number, `share` n/d of them experts.

    `owners` are the members whom the tenderer sends, who are not drawn but count.
    """

    least: int
    share: str
    odd: bool
    owners: int


@dataclass(frozen=True, slots=True)
class DrawDeclared:
    """A draw is about to be held, on these terms and no others.

    It draws `count` of `options`, or of the `experts` who are not recused, for `places`; the n-th drawn goes to the
    n-th of `takers`, where there are any.  All `parties` hand in a commitment until `closes`, then reveal their
    values, in this order, until `ends`.  `redoes` names the void draw that this one replaces.
    """

    draw: DrawId
    purpose: Purpose
    subject: str
    lot: LotId
    options: tuple[str, ...]
    experts: tuple[PoolExpert, ...]
    places: tuple[Place, ...]
    make_up: MakeUp | None
    count: int
    takers: tuple[str, ...]
    parties: tuple[SeatCode, ...]
    closes: int
    ends: int
    redoes: str


@dataclass(frozen=True, slots=True)
class DrawCommitted:
    """A party, the actor, committed to its value."""

    draw: DrawId
    commitment: str


@dataclass(frozen=True, slots=True)
class DrawRevealed:
    """A party revealed its value; `commitments` is the digest of all commitments as this party saw them."""

    draw: DrawId
    value: str
    nonce: str
    commitments: str


@dataclass(frozen=True, slots=True)
class DrawMade:
    """The result: the seed, the whole order that follows from it, and who or what was drawn."""

    draw: DrawId
    seed: str
    order: tuple[str, ...]
    drawn: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DrawVoided:
    """The draw came to nothing, because these parties were silent when their time was over."""

    draw: DrawId
    silent: tuple[SeatCode, ...]


@dataclass(frozen=True, slots=True)
class DrawContinued:
    """Redraw 补抽: `out` leaves, for a reason, and `drawn`, the next of the same order for that place, comes in."""

    draw: DrawId
    out: str
    drawn: str
    reason: str


@dataclass(frozen=True, slots=True)
class RosterSealed:
    """Who was drawn, with names and telephones, lies at the host sealed to the trustees: digest and size of the file."""

    draw: DrawId
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class RosterUnsealed:
    """The roster was opened at check-in, with the shares of these trustees."""

    draw: DrawId
    sha256: str
    trustees: tuple[str, ...]


DrawEvent = (
    DrawDeclared
    | DrawCommitted
    | DrawRevealed
    | DrawMade
    | DrawVoided
    | DrawContinued
    | RosterSealed
    | RosterUnsealed
)
"""Everything that a draw consists of."""

DRAW_EVENTS: frozenset[type[DrawEvent]] = frozenset(DrawEvent.__args__)
"""The same as a set, for whoever asks of every fact of a session."""
