"""Check-in 签到 in grades: who vouches for the person on a seat, phones handed in, sites that say they are ready.

The venue's device that matches a face with an identity card is an aid and never decides.  Somebody of the venue looks
at the document and confirms the occupancy of the seat; where that fails, two persons confirm it with a reason, by a
proposal and its approval (`evalroom.approval`).  The journal has the grade and who confirmed, never the identity, and
no template of a face (个保法 28, 29): reasons name no person.

A confirmation is of one occupancy: whoever checks in at the seat anew, be it from another browser, is confirmed anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from evalroom.errors import Refusal
from evalroom.ids import SeatCode, SiteId
from evalroom.roles import Role
from evalroom.stages import ROAD, Stage
from evalroom.tender import Seat

MAX_REASON = 500
"""Characters of a reason, a note or a locker."""

MAX_PHONES = 9
MAX_OPEN = 32
"""Red lines that a site may name as open: a site has at most a dozen seats."""


class Basis(StrEnum):
    """What the person who confirms has looked at."""

    DEVICE = "device"
    DOCUMENT = "document"
    OTHER = "other"


class Grade(StrEnum):
    """How many persons vouch for an occupancy."""

    OPERATOR = "operator"
    TWO = "two"


@dataclass(frozen=True, slots=True)
class OccupancyConfirmed:
    """The person on the seat is who was drawn for it; `occupancy` counts the check-ins at the seat from 1."""

    seat: SeatCode
    occupancy: int
    grade: Grade
    basis: Basis
    reason: str


@dataclass(frozen=True, slots=True)
class PhoneKept:
    """The person on the seat handed in their phones 收手机, `pieces` of them; 0 says that they have none with them."""

    seat: SeatCode
    pieces: int
    locker: str


@dataclass(frozen=True, slots=True)
class PhoneReturned:
    """The phones were given back; before the end of the evaluation for a reason."""

    seat: SeatCode
    reason: str


@dataclass(frozen=True, slots=True)
class SiteDeclared:
    """A site says that it is ready 副场就绪, or no longer; `open` names the red lines it saw open nevertheless."""

    site: SiteId
    ready: bool
    open: tuple[str, ...]
    note: str


ArrivalEvent = OccupancyConfirmed | PhoneKept | PhoneReturned | SiteDeclared

_RUNNING = frozenset(ROAD[ROAD.index(Stage.GATHERING) : ROAD.index(Stage.CONCLUDED)])
_PREPARING = frozenset(ROAD[: ROAD.index(Stage.CONCLUDED)])
_LEAVING = frozenset({*_RUNNING, Stage.CONCLUDED, Stage.FAILED, Stage.ABORTED})

STAGES: Mapping[type[ArrivalEvent], frozenset[Stage]] = {
    OccupancyConfirmed: _RUNNING,
    PhoneKept: _RUNNING,
    PhoneReturned: _LEAVING,
    SiteDeclared: _PREPARING,
}
"""Fact to the stages it belongs to; none of them changes the stage."""

_RANK: Mapping[str, int] = {"none": 0, Grade.OPERATOR: 1, Grade.TWO: 2}

GRADES: tuple[str, ...] = tuple(_RANK)
"""What a rule profile may ask for, rising."""


class NotYoursToConfirm(Refusal):
    """The seat's own site confirms who sits there, another person than who sits there: nothing was recorded."""

    code = "not_yours_to_confirm"


class OtherOccupancy(Refusal):
    """Somebody checked in at this seat since you looked, or nobody has yet: look who sits there, then confirm again."""

    code = "other_occupancy"


class ConfirmedAlready(Refusal):
    """The person on this seat is confirmed already, by as many persons as the rules ask for; it stands."""

    code = "confirmed_already"


class GradeNeedsTwo(Refusal):
    """Without the document one person cannot confirm who this is: propose it, and let a second person approve."""

    code = "grade_needs_two"


class ArrivalReason(Refusal):
    """This needs a reason of at most 500 characters: say what was looked at and why, and name no person."""

    code = "arrival_reason"


class NoSuchPhones(Refusal):
    """Nought to nine phones are handed in once, with the locker they lie in, before they are given back once."""

    code = "no_such_phones"


class NotDeclarable(Refusal):
    """A site declares only itself, its red lines by name and, where some are open, with a note: nothing was recorded."""

    code = "not_declarable"


@dataclass(frozen=True, slots=True)
class Confirmation:
    """How an occupancy was confirmed."""

    occupancy: int
    grade: Grade


@dataclass(frozen=True, slots=True)
class Voucher:
    """Who vouches for somebody: seat, role and site, as the connection tells them."""

    seat: str
    role: Role
    site: SiteId


@dataclass(slots=True)
class Arrivals:
    """Who has come to which seat: check-ins counted, confirmed ones, phones in the lockers, sites that are ready."""

    occupancies: dict[SeatCode, int] = field(default_factory=dict)
    confirmed: dict[SeatCode, Confirmation] = field(default_factory=dict)
    phones: dict[SeatCode, bool] = field(default_factory=dict)
    ready: set[SiteId] = field(default_factory=set)

    # --- changes ----------------------------------------------------------------------------------

    def take_joined(self, seat: SeatCode) -> None:
        """Count a check-in; what was confirmed before was another occupancy."""
        self.occupancies[seat] = self.occupancies.get(seat, 0) + 1

    def evolve(self, event: ArrivalEvent) -> None:
        """Take a fact in."""
        match event:
            case OccupancyConfirmed(seat=seat):
                self.confirmed[seat] = Confirmation(event.occupancy, event.grade)
            case PhoneKept(seat=seat):
                self.phones[seat] = True
            case PhoneReturned(seat=seat):
                self.phones[seat] = False
            case SiteDeclared(site=site):
                (self.ready.add if event.ready else self.ready.discard)(site)

    # --- reading ------------------------------------------------------------------------------------

    def grade_of(self, seat: SeatCode) -> str:
        """Return by how many persons the present occupancy of a seat was confirmed."""
        known = self.confirmed.get(seat)
        current = known is not None and known.occupancy == self.occupancies.get(seat)
        return known.grade.value if known is not None and current else GRADES[0]

    def satisfies(self, seat: SeatCode, needed: str) -> bool:
        """Say whether the present occupancy has the grade that a profile asks for."""
        return _RANK[self.grade_of(seat)] >= _RANK[needed]

    # --- rules --------------------------------------------------------------------------------------

    def check(self, event: ArrivalEvent, by: Voucher, seats: Mapping[SeatCode, Seat], stage: Stage) -> None:
        """Refuse what is not this person's to record; the stage was looked at before.

        Raises:
            NotYoursToConfirm, OtherOccupancy, ConfirmedAlready, GradeNeedsTwo, ArrivalReason, NoSuchPhones,
            NotDeclarable.
        """
        if isinstance(event, SiteDeclared):
            _check_declared(event, by)
            return
        check_near(event.seat, by, seats)
        match event:
            case OccupancyConfirmed():
                self._check_confirmed(event)
            case PhoneKept():
                known = 0 <= event.pieces <= MAX_PHONES and len(event.locker) <= MAX_REASON
                placed = event.pieces == 0 or event.locker.strip()
                if not known or not placed or self.phones.get(event.seat):
                    raise NoSuchPhones(seat=event.seat)
            case PhoneReturned():
                if not self.phones.get(event.seat):
                    raise NoSuchPhones(seat=event.seat)
                _check_reason(event.reason, needed=stage in _RUNNING)

    def _check_confirmed(self, event: OccupancyConfirmed) -> None:
        """Demand what one person can say alone: of this occupancy, and by device or document."""
        if event.grade is not Grade.OPERATOR or event.basis is Basis.OTHER:
            raise GradeNeedsTwo(seat=event.seat)
        self.check_occupancy(event.seat, event.occupancy, event.grade)
        _check_reason(event.reason, needed=event.basis is not Basis.DEVICE)

    def check_occupancy(self, seat: SeatCode, occupancy: int, grade: Grade) -> None:
        """Demand that the occupancy named is the present one, and not confirmed so well already.

        Raises:
            OtherOccupancy, ConfirmedAlready.
        """
        if occupancy != self.occupancies.get(seat):
            raise OtherOccupancy(seat=seat, occupancy=self.occupancies.get(seat, 0))
        if self.satisfies(seat, grade.value):
            raise ConfirmedAlready(seat=seat, grade=self.grade_of(seat))


def check_near(seat: SeatCode, by: Voucher, seats: Mapping[SeatCode, Seat]) -> None:
    """Demand somebody of the seat's own site, the host's staff where that site has no operator, and not the seat itself.

    Raises:
        NotYoursToConfirm.
    """
    known = seats.get(seat)
    if known is None or by.seat == seat:
        raise NotYoursToConfirm(seat=seat[:64])
    kept = {one.site for one in seats.values() if one.role is Role.SITE_OPERATOR}
    if by.role is Role.SITE_OPERATOR:
        near = by.site == known.site
    else:
        near = by.site == known.site or known.site not in kept
    if not near:
        raise NotYoursToConfirm(seat=seat, site=known.site)


def _check_declared(event: SiteDeclared, by: Voucher) -> None:
    named = len(event.open) <= MAX_OPEN and all(0 < len(one) <= 64 for one in event.open)
    told = len(event.note) <= MAX_REASON and (event.note.strip() or (event.ready and not event.open))
    if event.site != by.site or not named or not told:
        raise NotDeclarable(site=event.site[:64])


def _check_reason(reason: str, *, needed: bool) -> None:
    if len(reason) > MAX_REASON or (needed and not reason.strip()):
        raise ArrivalReason(most=MAX_REASON)
