"""The reports of one live session: their data, checks and pages, for whoever may read them, and for the archive.

Data come from the session's fold; pages are set in a process of their own, one at a time, and kept while what they show
is unchanged.  A missing font or typesetter is told by its code and harms nothing: data and signatures stand without pages.
"""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from evalroom.encoding import to_json
from evalroom.errors import LocalFault, Refusal
from evalroom.ids import LotId, SeatCode
from evalroom.report.state import Made
from evalroom.roles import NotPermitted, Role
from evalroom.session import Session, Unknown
from evalroom.stages import Stage
from evalroom.tender import Lot
from main_site.identity.report_signer import ReportSigner
from main_site.report.fonts import find_fonts
from main_site.report.layout import Signatory, lay_out
from main_site.report.sealing import seal_pdf
from main_site.report.signed_acts import TYPES, write_signatures
from main_site.report.typesetting import typeset
from main_site.report.words import Language, word
from main_site.services.conductor import Conductor
from main_site.store import journal as store

OPEN = frozenset({Stage.REPORTING, Stage.SIGNING, Stage.CONCLUDED, Stage.ARCHIVED, Stage.FAILED})
"""Stages in which there are reports to read."""

KEPT_PAGES = 8
"""PDFs kept in memory: every lot of a usual session in both languages."""


class ReportNotOpen(Refusal):
    """There is no report to read yet: it is put together once the ranking stands."""

    code = "report_not_open"


class ReportAltered(LocalFault):
    """The report made of the journal is not the one that was signed: another version of the software made that; the archive has it."""

    code = "report_altered"


@dataclass(frozen=True, slots=True)
class ReportParts:
    """What makes pages of data: the fonts of the settings, who signs them (made when first needed), the time-stamp authority."""

    fonts: tuple[Path, ...]
    signer: Callable[[], ReportSigner]
    tsa_url: str
    now: Callable[[], int]


@dataclass(slots=True)
class Reports:
    """All reports of one session."""

    conductor: Conductor
    engine: sa.Engine
    parts: ReportParts
    _pages: dict[tuple[object, ...], bytes] = field(default_factory=dict)
    _one: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def _session(self) -> Session:
        return self.conductor.session

    def demand_reader(self, seat: SeatCode, role: Role) -> None:
        """Let members and officers of the session pass; a reserve reads no report.

        Raises:
            NotPermitted, ReportNotOpen.
        """
        if role is Role.EXPERT and seat not in self._session.members:
            raise NotPermitted(kind="reports", role=role)
        if self._session.stage not in OPEN:
            raise ReportNotOpen(stage=self._session.stage)

    def lot(self, name: str) -> Lot:
        """Return a lot; one that failed has a report like any other.

        Raises:
            Unknown: there is none by that name.
        """
        found = self._session.lots.get(LotId(name))
        if found is None:
            raise Unknown(lot=name[:64])
        return found

    def data(self, lot: Lot) -> tuple[bytes, str]:
        """Return a report's canonical JSON and its digest: of what was signed, or of the draft as it stands.

        Raises:
            ReportAltered: the fold gives other data than the journal's digest is of.
        """
        made = self._session.reports.made.get(lot.id)
        if made is None:
            return self._session.report_of(lot).encode(), ""
        return _unaltered(lot, made), made.sha256

    def describe(self, lot: Lot) -> dict[str, Any]:
        """Return a report with its checks and its signatures, for the pages that edit, sign and witness it."""
        session = self._session
        data, digest = self.data(lot)
        return {
            "lot": lot.id,
            "state": self._state(lot),
            "digest": digest,
            "bytes": len(data),
            "report": json.loads(data),
            "problems": [asdict(one) for one in session.problems_of(lot)] if not digest else [],
            "gaps": [to_json(one) for one in session.coverage.holes()],
            "signatories": [asdict(one) for one in self._signatories(lot)],
        }

    def _state(self, lot: Lot) -> str:
        session = self._session
        if lot.id not in session.reports.made:
            return "draft"
        signing = session.stage is Stage.SIGNING or (
            session.stage is Stage.FAILED and session.lacks_signatures()
        )
        return "signing" if signing else "final"

    def _signatories(self, lot: Lot) -> Iterator[Signatory]:
        session = self._session
        for seat in session.signatories():
            one = session.reports.signed.get((lot.id, seat))
            if one is None:
                yield Signatory(seat, Role.EXPERT, "unsigned", "", None)
            else:
                yield Signatory(seat, Role.EXPERT, one.stand.value, one.reason, one.at)
        for (of, seat), at in session.reports.witnessed.items():
            if of == lot.id:
                yield Signatory(seat, session.seats[seat].role, "witness", "", at)

    def earlier(self, lot: Lot) -> dict[str, bytes]:
        """Return the data of the lot's reports that were voided, by the name of their file.

        Raises:
            ReportAltered: the fold gives other data than the journal's digest is of.
        """
        voided = enumerate(self._session.reports.earlier(lot.id), 1)
        return {f"earlier-{lot.id}-{number}.json": _unaltered(lot, one.made) for number, one in voided}

    def signatures(self, lot: Lot) -> bytes:
        """Return the signatures under a report, each checkable by itself.  Blocks on the disk."""
        _, digest = self.data(lot)
        kinds = tuple(f'"{name}"'.encode() for name in (*TYPES, "SeatJoined"))
        with self.engine.connect() as db:
            rows = (row.entry for row in store.read(db, self._session.id))
            entries = [json.loads(entry) for entry in rows if any(kind in entry for kind in kinds)]
        return write_signatures(entries, lot.id, digest, self._session.id)

    async def pages(self, lot: Lot, language: Language) -> bytes:
        """Return the PDF of a report: a draft with its watermark, or once all have signed the one this host signed.

        Pages of one session are set one after the other; cancelling ends the process that sets them.

        Raises:
            ReportFontMissing, ReportGlyphMissing, TypesetterMissing, SignerMissing, ReportNotSet, ReportAltered.
        """
        data, digest = self.data(lot)
        signatories, state = tuple(self._signatories(lot)), self._state(lot)
        key = (lot.id, language, state, data, signatories)
        async with self._one:
            if key not in self._pages:
                made = await self._make(lot, language, data, digest, signatories, draft=state != "final")
                while len(self._pages) >= KEPT_PAGES:
                    del self._pages[next(iter(self._pages))]
                self._pages[key] = made
        return self._pages[key]

    async def _make(
        self,
        lot: Lot,
        language: Language,
        data: bytes,
        digest: str,
        signatories: tuple[Signatory, ...],
        *,
        draft: bool,
    ) -> bytes:
        fonts = await asyncio.to_thread(find_fonts, self.parts.fonts)
        work = await asyncio.to_thread(lay_out, data, digest, signatories, language, draft=draft)
        attached = {f"report-{lot.id}.json": data, **self.earlier(lot)}
        if not draft:
            attached[f"signatures-{lot.id}.json"] = await asyncio.to_thread(self.signatures, lot)
        pdf = await typeset(work, fonts, attached, self.parts.now())
        if draft:
            return pdf
        signer = await asyncio.to_thread(self.parts.signer)
        return await seal_pdf(pdf, signer, word("title", language), self.parts.tsa_url)


def _unaltered(lot: Lot, made: Made) -> bytes:
    if not made.intact:
        raise ReportAltered(lot=lot.id, digest=made.sha256)
    return made.data
