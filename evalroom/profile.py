"""The rules of a place: durations, majorities, make-up of the committee, what needs a second person.

A profile is TOML, stored whole in the session's first event and fixed from then on.  Rules of the trade differ
from city to city and change with each decree; the numbers here are configuration, never law.  Reading is strict:
an unknown key, a wrong type or a number that makes no sense is refused and named.

The session holds itself to `committee`, `booking`, `fault`, `pause`, `review`, `clarification`, `result.candidates`,
`report`, `reevaluation`, `complaint` and `people`.  The other keys are read and kept with the session for those who act on
them by hand; no rule of the software rests on them yet.
"""

import hashlib
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from fractions import Fraction
from typing import Any, get_type_hints

from evalroom.errors import Refusal

MAX_TEXT = 16_384
"""Characters of a profile: the longest known has 900."""

_DURATION = re.compile(r"([0-9]{1,4})(s|min|h|d)")
_UNIT_MS: Mapping[str, int] = {"s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}


class UnusableProfile(Refusal):
    """The rule profile cannot be used as it is written: correct the key that is named, then open the session."""

    code = "unusable_profile"


@dataclass(frozen=True, slots=True)
class Duration:
    """A span of time as it was written, and in milliseconds."""

    text: str
    ms: int


@dataclass(frozen=True, slots=True)
class CommitteeRules:
    """Make-up of the committee (招标投标法 art. 37: odd, at least five, two thirds technical or economic)."""

    least: int = 1
    odd: bool = False
    expert_share: Fraction = Fraction(0)
    chair: bool = False
    rounds: int = 3


@dataclass(frozen=True, slots=True)
class BookingRules:
    """Whether every sub-site confirms its seats before bids are received."""

    confirm: bool = False


@dataclass(frozen=True, slots=True)
class FaultRules:
    """How long a fault may last before the start and during the evaluation (Lijiang arts. 20, 21)."""

    before_start: Duration = Duration("2h", 7_200_000)
    during: Duration = Duration("4h", 14_400_000)


@dataclass(frozen=True, slots=True)
class PauseRules:
    """What a pause asks for: the hour of resumption, lock and seal at every site, a second person to resume."""

    resume_at: bool = False
    seal: bool = False
    second_person: bool = False


@dataclass(frozen=True, slots=True)
class ReviewRules:
    """How many bids must be left for competition, and how large a share of members may ask for more time."""

    least_valid: int = 0
    more_time: Fraction = Fraction(1, 3)


@dataclass(frozen=True, slots=True)
class ClarificationRules:
    """Who approves a question before a bidder gets it, and how long the bidder has to answer."""

    approval: str = "none"
    within: Duration = Duration("2h", 7_200_000)


@dataclass(frozen=True, slots=True)
class CheckRules:
    """Thresholds that ask for a reason: a low item, and a total far from the committee's mean."""

    low_item: Fraction = Fraction(3, 5)
    deviation: Fraction = Fraction(3, 10)


@dataclass(frozen=True, slots=True)
class MaskingRules:
    """What experts of other sites do not see and hear of each other (Hebei 2025)."""

    names: bool = False
    face: bool = False
    voice: bool = False


@dataclass(frozen=True, slots=True)
class ResultRules:
    """How many candidates at most, and for how many days they are published."""

    candidates: int = 3
    publicity_days: int = 3


@dataclass(frozen=True, slots=True)
class HandoverRules:
    """Working days in which a sub-site hands over its recordings."""

    workdays: int = 5


@dataclass(frozen=True, slots=True)
class RetentionRules:
    """Years the archive is kept at least."""

    years: int = 15


@dataclass(frozen=True, slots=True)
class ReportRules:
    """Whether every sub-site and the regulator must have witnessed a report before the session is concluded."""

    witnesses: bool = False


@dataclass(frozen=True, slots=True)
class ReevaluationRules:
    """Grounds on which a lot may be evaluated again; any other is refused."""

    grounds: tuple[str, ...] = ("sum", "range", "objective", "abnormal")


@dataclass(frozen=True, slots=True)
class ComplaintRules:
    """Whether a concluded session stays open for complaints until its operator closes it; else it closes by itself."""

    hold: bool = False


@dataclass(frozen=True, slots=True)
class PeopleRules:
    """Who vouches for an expert at check-in, whether phones are handed in, and appraisals due before the end.

    `checkin` is none, operator (one person of the venue) or two (two persons).
    """

    checkin: str = "none"
    phone: bool = False
    appraisal: bool = False


@dataclass(frozen=True, slots=True)
class Profile:
    """The rules that one session is bound to."""

    name: str = "plain"
    committee: CommitteeRules = field(default_factory=CommitteeRules)
    booking: BookingRules = field(default_factory=BookingRules)
    fault: FaultRules = field(default_factory=FaultRules)
    pause: PauseRules = field(default_factory=PauseRules)
    review: ReviewRules = field(default_factory=ReviewRules)
    clarification: ClarificationRules = field(default_factory=ClarificationRules)
    checks: CheckRules = field(default_factory=CheckRules)
    masking: MaskingRules = field(default_factory=MaskingRules)
    result: ResultRules = field(default_factory=ResultRules)
    handover: HandoverRules = field(default_factory=HandoverRules)
    retention: RetentionRules = field(default_factory=RetentionRules)
    report: ReportRules = field(default_factory=ReportRules)
    reevaluation: ReevaluationRules = field(default_factory=ReevaluationRules)
    complaint: ComplaintRules = field(default_factory=ComplaintRules)
    people: PeopleRules = field(default_factory=PeopleRules)


PLAIN = 'name = "plain"\n'
"""No rule set chosen: rehearsals, and centres whose rules stand on paper."""

IN_PERSON = """
[complaint]
hold = true

[people]
checkin = "operator"
phone = true
appraisal = true
"""
"""What a real session asks of people, at the end of every preset for one: one person of the venue vouches for each expert
(or two with a reason), phones are handed in, each expert is appraised 一标一评, and the session stays open for complaints
until its operator closes it.  A rehearsal has nobody to do so: its profile leaves this out."""

WORKS = (
    """\
# 工程建设项目: committee by 招标投标法 art. 37, fault timers as Lijiang arts. 20 and 21; check the current texts.
name = "works"

[committee]
least = 5
odd = true
expert_share = "2/3"
chair = true
rounds = 3

[booking]
confirm = true

[fault]
before_start = "2h"
during = "4h"

[pause]
resume_at = true
seal = true
second_person = true

[review]
least_valid = 3
more_time = "1/3"

[clarification]
approval = "none"
within = "2h"

[result]
candidates = 3
publicity_days = 3
"""
    + IN_PERSON
)

PROCUREMENT = (
    """\
# 政府采购: committee of five or more, lowest price first; retention by the procurement agency rules, 15 years.
name = "procurement"

[committee]
least = 5
odd = true
expert_share = "2/3"
chair = true

[booking]
confirm = true

[pause]
resume_at = true
second_person = true

[review]
least_valid = 3

[clarification]
approval = "regulator"
within = "1h"

[retention]
years = 15
"""
    + IN_PERSON
)

PRESETS: Mapping[str, str] = {"plain": PLAIN, "works": WORKS, "procurement": PROCUREMENT}
"""Profiles that come with the product: examples to start from, by name."""


def profile_digest(text: str) -> str:
    """Return the SHA-256 of a profile's text, hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def parse_profile(text: str) -> Profile:
    """Read a profile.

    Raises:
        UnusableProfile: no TOML, too long, an unknown key, or a value that is none for its key.
    """
    if len(text) > MAX_TEXT:
        raise UnusableProfile(problem="too long", most=MAX_TEXT)
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UnusableProfile(problem=str(error)[:200]) from error
    profile: Profile = _read(Profile, table, "")
    _check_sense(profile)
    return profile


def _read(kind: type, table: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401 - of the type asked for
    known = get_type_hints(kind)
    for name in table:
        if name not in known:
            raise UnusableProfile(key=f"{path}{name}", problem="unknown key", known=", ".join(known))
    return kind(**{name: _value(known[name], value, f"{path}{name}") for name, value in table.items()})


def _value(kind: Any, value: object, path: str) -> Any:  # noqa: ANN401 - of the type asked for
    if kind in _READERS:
        return _READERS[kind](value, path)
    if not isinstance(value, dict):
        raise UnusableProfile(key=path, problem="a table of keys stands here")
    return _read(kind, value, f"{path}.")


def _demand(value: object, kind: type, path: str, what: str) -> Any:  # noqa: ANN401 - of the type asked for
    if type(value) is not kind:
        raise UnusableProfile(key=path, problem=f"{what} stands here", value=str(value)[:40])
    return value


def _read_text(value: object, path: str) -> str:
    text: str = _demand(value, str, path, "a text")
    if not text or len(text) > 64:
        raise UnusableProfile(key=path, problem="1 to 64 characters")
    return text


def _read_whole(value: object, path: str) -> int:
    number: int = _demand(value, int, path, "a whole number")
    if not 0 <= number <= 1000:
        raise UnusableProfile(key=path, problem="0 to 1000", value=number)
    return number


def _read_flag(value: object, path: str) -> bool:
    flag: bool = _demand(value, bool, path, "true or false")
    return flag


def _read_share(value: object, path: str) -> Fraction:
    text = _demand(value, str, path, 'a share such as "2/3"')
    try:
        share = Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise UnusableProfile(key=path, problem='a share such as "2/3"', value=text[:40]) from None
    if not 0 <= share <= 1:
        raise UnusableProfile(key=path, problem="a share lies between 0 and 1", value=text[:40])
    return share


def _read_duration(value: object, path: str) -> Duration:
    text = _demand(value, str, path, 'a duration such as "2h"')
    match = _DURATION.fullmatch(text)
    if match is None or not int(match[1]):
        raise UnusableProfile(key=path, problem='a duration such as "90s", "30min", "2h"', value=text[:40])
    return Duration(text, int(match[1]) * _UNIT_MS[match[2]])


def _read_texts(value: object, path: str) -> tuple[str, ...]:
    return tuple(_read_text(one, path) for one in _demand(value, list, path, "a list of texts"))


_READERS: Mapping[Any, Callable[[object, str], Any]] = {
    str: _read_text,
    int: _read_whole,
    bool: _read_flag,
    Fraction: _read_share,
    Duration: _read_duration,
    tuple[str, ...]: _read_texts,
}
"""Type of a member to how its value is read."""

_APPROVALS = ("none", "regulator", "both")
_CHECKINS = ("none", "operator", "two")


def _check_sense(profile: Profile) -> None:
    """Refuse numbers that no session could be held by."""
    committee = profile.committee
    if not 1 <= committee.least <= 99 or not 1 <= committee.rounds <= 9:
        raise UnusableProfile(key="committee", problem="1 to 99 members, 1 to 9 rounds")
    if profile.clarification.approval not in _APPROVALS:
        raise UnusableProfile(key="clarification.approval", problem=f"one of {', '.join(_APPROVALS)}")
    if profile.people.checkin not in _CHECKINS:
        raise UnusableProfile(key="people.checkin", problem=f"one of {', '.join(_CHECKINS)}")
    if not profile.result.candidates:
        raise UnusableProfile(key="result.candidates", problem="at least one")


def keys_of_profile() -> tuple[str, ...]:
    """List every key a profile may hold, `table.key`; the reference page and the wizard are made from it."""
    hints = get_type_hints(Profile)
    groups = {name: kind for name, kind in hints.items() if kind not in _READERS}
    return ("name", *(f"{name}.{one.name}" for name, kind in groups.items() for one in fields(kind)))
