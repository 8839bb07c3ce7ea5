"""How the reports of a session stand: prose and reasons in the making, the data as made, who signed and witnessed.

State, changes and rules, as for findings and votes; which stage is which is the session's table.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from evalroom.ids import LotId, SeatCode
from evalroom.report.data import digest_of
from evalroom.reporting import (
    MAX_PROSE,
    MAX_SAID,
    WORDS_NEEDED,
    AgreementDeemed,
    AlreadySigned,
    NotChair,
    OtherReport,
    ProseTooLong,
    ReportEdited,
    ReportEvent,
    ReportMade,
    ReportSigned,
    ReportWitnessed,
    Section,
    Stand,
    StandUnclear,
    WarningJustified,
)


@dataclass(frozen=True, slots=True)
class Made:
    """A report that stands: the digest the journal has, and the canonical JSON that was made of it here."""

    sha256: str
    data: bytes
    at: int

    @property
    def intact(self) -> bool:
        """Say whether the data here have the journal's digest; another version of the software may make others."""
        return digest_of(self.data) == self.sha256


@dataclass(frozen=True, slots=True)
class Signature:
    """How a member stands to a lot's report, since when (UTC ms), and the words that go with it."""

    digest: str
    stand: Stand
    reason: str
    at: int


@dataclass(frozen=True, slots=True)
class Voided:
    """A report that was made and then voided, when (UTC ms), and how its members stood to it: an annex of the next one."""

    lot: LotId
    made: Made
    at: int
    stands: tuple[tuple[SeatCode, Stand], ...]


@dataclass(slots=True)
class Reports:
    """The reports of all lots of a session."""

    prose: dict[tuple[LotId, Section], str] = field(default_factory=dict)
    justified: dict[tuple[LotId, str], str] = field(default_factory=dict)
    made: dict[LotId, Made] = field(default_factory=dict)
    signed: dict[tuple[LotId, SeatCode], Signature] = field(default_factory=dict)
    witnessed: dict[tuple[LotId, SeatCode], int] = field(default_factory=dict)
    voided: list[Voided] = field(default_factory=list)

    def missing(self, lots: Iterable[LotId], seats: Iterable[SeatCode]) -> tuple[tuple[LotId, SeatCode], ...]:
        """List who has not said how they stand to which report, lot by lot."""
        members = tuple(seats)
        return tuple((lot, seat) for lot in lots for seat in members if (lot, seat) not in self.signed)

    def prose_of(self, lot: LotId) -> dict[Section, str]:
        """Return the chair's words on a lot."""
        return {section: text for (of, section), text in self.prose.items() if of == lot}

    def reasons_of(self, lot: LotId) -> dict[str, str]:
        """Return the reasons given for warnings on a lot, by the warning's code."""
        return {code: reason for (of, code), reason in self.justified.items() if of == lot}

    def earlier(self, lot: LotId) -> tuple[Voided, ...]:
        """Return the reports on a lot that were voided, oldest first."""
        return tuple(one for one in self.voided if one.lot == lot)

    # --- changes ----------------------------------------------------------------------------------

    def take(self, event: ReportEvent, actor: SeatCode, at: int, data: bytes) -> None:
        """Take a fact in; `data` are those just made, where the fact says that they were."""
        match event:
            case ReportEdited(lot=lot, section=section, text=text):
                self.prose[lot, section] = text
                if not text:
                    del self.prose[lot, section]
            case WarningJustified(lot=lot, warning=warning, reason=reason):
                self.justified[lot, warning] = reason
            case ReportMade(lot=lot, sha256=sha256):
                self.made[lot] = Made(sha256, data, at)
            case ReportSigned(lot=lot, digest=digest, stand=stand, reason=reason):
                self.signed[lot, actor] = Signature(digest, stand, reason, at)
            case AgreementDeemed(lot=lot, seat=seat, digest=digest, reason=reason):
                self.signed[lot, seat] = Signature(digest, Stand.DEEMED, reason, at)
            case ReportWitnessed(lot=lot):
                self.witnessed[lot, actor] = at

    def void(self, at: int, *, reasons: bool) -> None:
        """Void what was signed, for the reports will be made anew; `reasons`: those for warnings, too."""
        for lot, made in self.made.items():
            stands = tuple((seat, one.stand) for (of, seat), one in self.signed.items() if of == lot)
            self.voided.append(Voided(lot, made, at, stands))
        self.made.clear()
        self.signed.clear()
        self.witnessed.clear()
        if reasons:
            self.justified.clear()

    # --- rules ------------------------------------------------------------------------------------

    @staticmethod
    def check_words(text: str, giver: SeatCode, chair: SeatCode | None, most: int = MAX_PROSE) -> None:
        """Refuse words in a report that are not the chair's, or too many; without a chair any member writes.

        Raises:
            NotChair, ProseTooLong.
        """
        if chair is not None and giver != chair:
            raise NotChair(chair=chair)
        if len(text) > most:
            raise ProseTooLong(most=most, found=len(text))

    def check_signature(self, event: ReportSigned, seat: SeatCode) -> None:
        """Refuse a signature of another report, a second one, and a stand without its words.

        Raises:
            AlreadySigned, OtherReport, StandUnclear.
        """
        if (event.lot, seat) in self.signed:
            raise AlreadySigned(lot=event.lot, seat=seat)
        self._check_digest(event.lot, event.digest)
        words = WORDS_NEEDED.get(event.stand)
        if words is None or words is not bool(event.reason.strip()) or len(event.reason) > MAX_SAID:
            raise StandUnclear(stand=event.stand.value, most=MAX_SAID)

    def check_witness(self, event: ReportWitnessed, seat: SeatCode) -> None:
        """Refuse to witness another report, or twice.

        Raises:
            AlreadySigned, OtherReport.
        """
        if (event.lot, seat) in self.witnessed:
            raise AlreadySigned(lot=event.lot, seat=seat)
        self._check_digest(event.lot, event.digest)

    def _check_digest(self, lot: LotId, digest: str) -> None:
        made = self.made.get(lot)
        if made is None or digest != made.sha256:
            raise OtherReport(lot=lot[:40])
