"""A complaint about a concluded evaluation: the committee reads once more, and adds signed statements; nothing else moves.

The session is opened for it by two persons (`approval.ReopenForComplaint`) between its conclusion and its archive; a
sealed archive is not opened again (docs/decisions/0017).  Everybody sees what they saw; each member of the committee may
add one statement under the digest of the results they signed, which stand as they are.
"""

from dataclasses import dataclass, field

from evalroom.errors import Refusal
from evalroom.ids import SeatCode

MAX_STATEMENT = 4_000


@dataclass(frozen=True, slots=True)
class ComplaintOpened:
    """The committee is asked to look at a complaint; they are numbered from 1."""

    complaint: int
    matter: str


@dataclass(frozen=True, slots=True)
class SupplementSigned:
    """A member added a statement on a complaint; `digest` is that of the results it is about."""

    complaint: int
    digest: str
    statement: str


@dataclass(frozen=True, slots=True)
class ComplaintClosed:
    """The complaint was dealt with: the session is as it was before, with the statements beside its results."""

    complaint: int
    reason: str


ComplaintEvent = ComplaintOpened | SupplementSigned | ComplaintClosed


class NoComplaint(Refusal):
    """No complaint of that number is open: nothing has changed, look at the notice above."""

    code = "no_complaint"


class ComplaintUnderWay(Refusal):
    """A complaint is being looked at already: close it before the next."""

    code = "complaint_under_way"


class AlreadyStated(Refusal):
    """You have added your statement already; it stands as you signed it."""

    code = "already_stated"


class UnusableStatement(Refusal):
    """A statement has 1 to 4,000 characters: nothing was added; shorten it, then sign it again."""

    code = "unusable_statement"


@dataclass(slots=True)
class Complaints:
    """The complaints of a session: the one that is open, 0 when none, and what each member stated on which."""

    open: int = 0
    count: int = 0
    statements: dict[tuple[int, SeatCode], str] = field(default_factory=dict)

    def check_opening(self) -> None:
        """Refuse a second complaint beside an open one.

        Raises:
            ComplaintUnderWay.
        """
        if self.open:
            raise ComplaintUnderWay(complaint=self.open)

    def check_supplement(self, supplement: SupplementSigned, seat: SeatCode) -> None:
        """Refuse a statement on nothing, a second one, or none.

        Raises:
            NoComplaint, AlreadyStated, UnusableStatement.
        """
        self.check_open(supplement.complaint)
        if (supplement.complaint, seat) in self.statements:
            raise AlreadyStated(seat=seat)
        if not supplement.statement.strip() or len(supplement.statement) > MAX_STATEMENT:
            raise UnusableStatement(length=len(supplement.statement))

    def check_open(self, complaint: int) -> None:
        """Refuse what is about no open complaint.

        Raises:
            NoComplaint.
        """
        if not self.open or complaint != self.open:
            raise NoComplaint(complaint=complaint)

    def evolve(self, event: ComplaintEvent, by: SeatCode) -> None:
        """Take an event in."""
        match event:
            case ComplaintOpened(complaint=number):
                self.open = self.count = number
            case SupplementSigned(complaint=number, statement=statement):
                self.statements[number, by] = statement
            case ComplaintClosed():
                self.open = 0
