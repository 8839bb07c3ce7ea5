"""From a closed session to its archive: wait for the witnesses, for the reels, then pack and verify.

*Closed* is the journal cosigned to its end, *complete* is all bytes at the host (a cut link delays it),
*sealed* is the bag with its manifests (archive.md §5).  Each step says where it stands; nothing is packed
before all of it is there.  Of sealed bids the bag has what opening.md §11 names: envelopes, receipts, policy and
records; their plaintext never, for the published keys give everybody what everybody may read.
"""

import asyncio
import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import structlog

from evalroom.encoding import to_json
from evalroom.errors import LocalFault
from evalroom.ids import BidNumber, SeatCode
from evalroom.ledger.base64 import encode_base64
from evalroom.ledger.canonical import canonical
from evalroom.media import kind_of
from evalroom.session import Session
from evalroom.sheet import Sheet
from evalroom.visibility import released
from main_site import software
from main_site.documents import DocumentStore
from main_site.report.words import Language
from main_site.services.evaluation import Evaluation
from main_site.services.recordings import Recordings, TrackRecordings
from main_site.services.reports import Reports
from main_site.services.submissions import Submissions
from main_site.store import centre as centre_store
from main_site.store import journal as store
from recorder.handover import ReelStore
from recorder.manifest import (
    IndexedClock,
    IndexedLog,
    IndexedProject,
    IndexedSeat,
    IndexedSite,
    Retention,
    SessionIndex,
)
from recorder.package import BagLog, BagReel, BagTrack, ReadOnlyFile, build
from recorder.reel import clock_path
from recorder.verify import Report, verify
from signaling.database import Writer

YEARS = 15
"""Retention by the procurement rules, the longest of those known (domain.md); configuration later."""

POLL_S = 0.5

Documents = dict[str, bytes | Path | ReadOnlyFile]


@dataclass(frozen=True, slots=True)
class ArchiveState:
    """Where a session's archive stands: running, witnesses, reels, packing, verifying, ready or failed."""

    stage: str
    detail: str = ""
    path: str = ""
    reels_missing: int = 0
    verified: bool | None = None


class Archiver:
    """Builds the archive of one session, once it has closed."""

    def __init__(
        self,
        evaluation: Evaluation,
        recordings: Recordings,
        writer: Writer,
        documents: DocumentStore,
        folder: Path,
        reports: Reports,
    ) -> None:
        """Stand ready; `folder` is where bags are put."""
        self._reports = reports
        self._evaluation = evaluation
        self._recordings = recordings
        self._writer = writer
        self._documents = documents
        self._folder = folder
        self.reels = ReelStore(evaluation.parts.folder)
        self.submissions: Submissions | None = None
        """Where envelopes and receipts of a sealed session come from; whoever puts the session together sets it."""
        self.state = ArchiveState("running")
        self._unset = ""
        self._log = structlog.get_logger(__name__).bind(session=evaluation.id)

    async def run(self) -> None:
        """Take a closed session to its archive; cancelling leaves it to be done at the next start.

        A failure is kept in `state`, logged, and left to an operator: what was recorded stays where it is.
        """
        try:
            await self._run()
        except Exception as error:  # noqa: BLE001 - kept in the state, logged, shown to the operator
            self.state = ArchiveState("failed", str(error)[:500])
            self._log.exception("archive_failed")

    async def _run(self) -> None:
        self.state = ArchiveState("witnesses", "waiting for the witnesses' quorum over the closed journal")
        notes = await self._evaluation.parts.notary.finish()
        while missing := await asyncio.to_thread(self._missing):
            self.state = ArchiveState("reels", "reels on their way from the sites", reels_missing=missing)
            await asyncio.sleep(POLL_S)
        target = self._folder / self._evaluation.id
        self.state = ArchiveState("packing", path=str(target))
        if not target.exists():
            receipts = await self._receipts()
            reports = await self._signed_reports()
            await asyncio.to_thread(self._pack, target, notes, receipts, reports)
        self.state = replace(self.state, stage="verifying")
        report = await asyncio.to_thread(self._verify, target)
        await self._writer.write(lambda db: store.set_archive(db, self._evaluation.id, str(target)))
        detail = report.first_failure.sentence() if report.first_failure else self._unset
        self.state = ArchiveState("ready", detail, str(target), verified=report.ok)
        self._log.info("archive_ready", path=str(target), verified=report.ok, detail=detail)

    async def _receipts(self) -> dict[BidNumber, bytes]:
        """Return the receipt of every listed bid, with the cosignatures there are now."""
        listed = self._session.ceremony.listed if self.submissions else ()
        return {one.bid: await self.submissions.receipt(one.bid) for one in listed if self.submissions}

    async def _signed_reports(self) -> Documents:
        """Return each report that was made: its data, those of voided ones before it, the signatures under it, and its pages in both languages.

        Without a font or typesetter there are no pages: that is logged and told, and costs neither archive nor signatures.
        """
        found: Documents = {}
        for lot in (lot for lot in self._session.lots.values() if lot.id in self._session.reports.made):
            found[f"report-{lot.id}.json"], _ = self._reports.data(lot)
            found |= self._reports.earlier(lot)
            found[f"signatures-{lot.id}.json"] = await asyncio.to_thread(self._reports.signatures, lot)
            for language, name in (("zh", f"report-{lot.id}.pdf"), ("en", f"report-{lot.id}-en.pdf")):
                try:
                    found[name] = await self._reports.pages(lot, cast("Language", language))
                except LocalFault as fault:
                    self._unset = f"{name}: {fault}"[:500]
                    self._log.warning("report_not_set", name=name, code=fault.code, detail=fault.detail)
        return found

    def _missing(self) -> int:
        return sum(1 for reel in self._recordings.reels() if not self.reels.has(reel))

    def _verify(self, target: Path) -> Report:
        return verify(target, [self._session.keys.log])

    @property
    def _session(self) -> Session:
        return self._evaluation.conductor.session

    # --- packing --------------------------------------------------------------------------------------

    def _pack(
        self, target: Path, notes: list[bytes], receipts: dict[BidNumber, bytes], reports: Documents
    ) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._writer.engine.connect() as db:
            rows = list(store.read(db, self._evaluation.id))
            sites = {one.id: one for one in centre_store.read_sites(db)}
        session = self._session
        log = BagLog(
            entries=(row.entry for row in rows),
            openings=_openings(rows, session),
            checkpoints=[note.decode() for note in notes],
            keys=[session.keys.log, *(one.vkey for one in session.keys.witnesses)],
            clock=self._clock_readings(),
        )
        tracks = [self._track(known) for _, known in sorted(self._recordings.tracks.items())]
        index = self._index(rows, {site: one.certificate for site, one in sites.items()})
        documents = self._documents_of(session) | reports | self._papers_of(rows, receipts)
        build(target, index, tracks, log, documents, datetime.now(UTC).date().isoformat())

    def _index(self, rows: list[store.Row], certificates: dict[str, str]) -> SessionIndex:
        session = self._session
        witnesses = {one.site: one.vkey for one in session.keys.witnesses}
        first, last = json.loads(rows[0].entry)["t"], json.loads(rows[-1].entry)["t"]
        journal = self._evaluation.conductor.journal
        return SessionIndex(
            id=session.id,
            project=IndexedProject(session.tender.code, tuple(lot.id for lot in session.tender.lots)),
            sites=tuple(
                IndexedSite(
                    site.id,
                    "host" if site.host else "sub",
                    witnesses.get(site.id, ""),
                    certificates.get(site.id, ""),
                )
                for site in session.sites.values()
            ),
            seats=tuple(IndexedSeat(seat.code, seat.site, seat.code) for seat in session.seats.values()),
            t0_ms=first,
            t1_ms=last,
            clock=IndexedClock("host", -(-self._recordings.error_us // 1000)),
            log=IndexedLog(journal.origin, journal.size, encode_base64(journal.root())),
            retention=Retention(f"{YEARS} years, procurement", last + YEARS * 366 * 24 * 3_600_000),
            classification="internal",
            software=software(),
        )

    def _track(self, known: TrackRecordings) -> BagTrack:
        first = known.started[0]
        seat = self._session.seats[SeatCode(first.seat)]
        reels = [
            BagReel(
                closed=closed,
                fragments=known.fragments.get(number, []),
                map=known.maps[number].map if number in known.maps else (),
                source=self.reels.path(closed),
            )
            for number, closed in sorted(known.closed.items())
        ]
        return BagTrack(
            first.track, seat.site, seat.code, str(kind_of(first.track)), first.codecs, tuple(reels)
        )

    def _clock_readings(self) -> Iterator[bytes]:
        for reel in self._recordings.reels():
            path = clock_path(self.reels.path(reel))
            if path.exists():
                yield from path.read_bytes().splitlines()

    def _documents_of(self, session: Session) -> Documents:
        plain = session.bids if session.rehearsal else {}
        documents: Documents = {
            f"bids/{bid}.pdf": self._documents.path_of(imported.sha256) for bid, imported in plain.items()
        }
        for lot, ranking in session.rankings.items():
            documents[f"ranking-{lot}.json"] = _pretty(to_json(ranking))
        for lot, prices in session.prices.items():
            documents[f"prices-{lot}.json"] = _pretty(to_json(prices))
        for (seat, lot, part), sheet in session.sheets.items():
            documents[f"sheets/{lot}-{part}-{seat}.csv"] = _sheet_csv(sheet)
        return documents

    # --- sealed bids ----------------------------------------------------------------------------------

    def _papers_of(self, rows: list[store.Row], receipts: dict[BidNumber, bytes]) -> Documents:
        """Return what an opening leaves behind, by its path below data/docs (archive.md §1)."""
        ceremony = self._session.ceremony
        if ceremony.policy is None or self.submissions is None:
            return {}
        told = [
            {"trustee": one.name, "signature": ceremony.signed[one.name]}
            for one in ceremony.policy.trustees
            if one.name in ceremony.signed
        ]
        papers: Documents = {
            "opening/policy.json": ceremony.policy.encode(),
            "opening/signatures.json": canonical(told),
        }
        for number, receipt in receipts.items():
            path = self.submissions.uploads.path(number)
            if path.is_file():  # lost bytes are a verdict of their own, and must not cost the archive
                papers[f"opening/envelopes/{number}.evb1"] = ReadOnlyFile(path)
            papers[f"opening/receipts/{number}.receipt"] = receipt
        for number, handed in ceremony.handed.items():
            ends = self.submissions.uploads.ends(number)
            if handed.gone and ends.is_file():
                papers[f"opening/taken-back/{number}.ends"] = ends.read_bytes()
        return papers | _records(rows)


def _records(rows: list[store.Row]) -> Documents:
    """Return the records of all windows, word for word."""
    entries = (json.loads(row.entry) for row in rows if b'"OpeningRecorded"' in row.entry)
    return {
        f"opening/record-{one['body']['window']}.json": one["body"]["record"].encode()
        for one in entries
        if one["type"] == "OpeningRecorded"
    }


def _openings(rows: list[store.Row], session: Session) -> Iterator[bytes]:
    """Yield the openings that were released: cells of unlocked parts, prices that were opened.

    What was sealed when the session ended stays sealed in the archive (docs/spec/archive.md, step 12).
    """
    for row in rows:
        if row.secrets and released(json.loads(row.entry), session):
            for secret in row.secrets:
                yield canonical(
                    {"seq": row.seq, "path": secret.path, "value": secret.value, "nonce": secret.nonce}
                )


def _pretty(value: object) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()


def _sheet_csv(sheet: Sheet) -> bytes:
    """Write a sheet as a table for people; spreadsheets need the mark of UTF-8."""
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(["bid", "item", "revision", "value", "reason"])
    for (bid, item), cell in sorted(sheet.cells.items()):
        table.writerow([bid, item, cell.revision, cell.value, cell.reason])
    return b"\xef\xbb\xbf" + out.getvalue().encode()
