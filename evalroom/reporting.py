"""Facts of reporting and signing: the chair's prose, the report as made, who stood by it, who witnessed it.

The report's data are made from the journal; what people add is their own words, section by section, and their
signatures.  A member agrees, dissents in writing, or refuses to sign with a reason in writing; who does neither is
deemed to agree once two persons have put that down (实施条例 art. 53, unverified).  Every signature names the lot and
the digest of its report, so that none can be moved to another.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from evalroom.errors import Refusal
from evalroom.ids import LotId, SeatCode, TrackId

MAX_PROSE = 4_000
"""Characters of one section's prose: in Chinese some 12 kB, and a frame of the wire holds 64."""

MAX_SAID = 2_000
"""Characters of a dissent, of a reason for refusing to sign, or for a warning."""


class Section(StrEnum):
    """The sections of a report that the chair writes words for, in the report's order."""

    OVERVIEW = "overview"
    PRELIMINARY = "preliminary"
    REJECTIONS = "rejections"
    CLARIFICATIONS = "clarifications"
    DETAILED = "detailed"
    PRICE = "price"
    RECOMMENDATION = "recommendation"


class Stand(StrEnum):
    """How a member stands to a report; `deemed` is put down by two persons about a member who does not sign."""

    AGREES = "agrees"
    DISSENTS = "dissents"
    REFUSES = "refuses"
    DEEMED = "deemed"


@dataclass(frozen=True, slots=True)
class ReportEdited:
    """The chair wrote the prose of one section of a lot's report; the empty text takes it back."""

    lot: LotId
    section: Section
    text: str


@dataclass(frozen=True, slots=True)
class WarningJustified:
    """The chair gave the reason that a warning of the report's checks asks for; `warning` is its code."""

    lot: LotId
    warning: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReportMade:
    """A lot's report stands: SHA-256 and length of its canonical JSON (docs/spec/report.md), which all sign."""

    lot: LotId
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class ReportSigned:
    """A member stands to a lot's report, named by its digest; a dissent and a refusal are reasoned in writing."""

    lot: LotId
    digest: str
    stand: Stand
    reason: str


@dataclass(frozen=True, slots=True)
class AgreementDeemed:
    """A member neither signed nor refused in writing: by the rules that is agreement, put down by two persons."""

    lot: LotId
    seat: SeatCode
    digest: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReportWitnessed:
    """A site, the supervisor or the regulator witnessed the signing of a lot's report, named by its digest."""

    lot: LotId
    digest: str


@dataclass(frozen=True, slots=True)
class GapExplained:
    """The supervisor declared a gap that no recorder had declared, and said why there are no pictures."""

    track: TrackId
    from_ms: int
    to_ms: int
    reason: str


ReportEvent = ReportEdited | WarningJustified | ReportMade | ReportSigned | AgreementDeemed | ReportWitnessed
"""What happens to reports."""

WORDS_NEEDED: Mapping[Stand, bool] = {Stand.AGREES: False, Stand.DISSENTS: True, Stand.REFUSES: True}
"""How a member may stand, and whether that is said with words."""


class NotChair(Refusal):
    """The report's words are the chair's to write; tell the chair what should stand there."""

    code = "not_chair"


class ProseTooLong(Refusal):
    """The text is too long: shorten it, the tables of the report hold the figures already."""

    code = "prose_too_long"


class NoSuchWarning(Refusal):
    """The checks of this report give no such warning now: reload the list of checks."""

    code = "no_such_warning"


class OtherReport(Refusal):
    """The digest signed is not that of the report that stands: open the report again, read it, then sign it."""

    code = "other_report"


class AlreadySigned(Refusal):
    """You have signed this report already; your signature stands."""

    code = "already_signed"


class StandUnclear(Refusal):
    """A dissent and a refusal are reasoned in writing, at most 2,000 characters; an agreement has no reservation."""

    code = "stand_unclear"


class UndeclaredGap(Refusal):
    """A recording has a gap that nobody declared, so nothing can be signed: let the supervisor declare it with its reason."""

    code = "undeclared_gap"


class NoSuchGap(Refusal):
    """The recording has no undeclared gap from then to then: look at the list of gaps and take one from it."""

    code = "no_such_gap"
