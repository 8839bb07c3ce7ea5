"""A report of sixty pages: data made of the session, laid out, set as PDF/A-3, signed.  `python -m bench.report`.

Beside it the same table rows by ReportLab, where that is installed: a peer without embedded subsets by default, no PDF/A.
"""

import asyncio
import io
import resource
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from pypdf import PdfReader

from evalroom.events import Stage
from evalroom.ids import BidId, ItemId
from evalroom.report.data import Report, ReportedBid, ReportedCell, ReportedItem, digest_of
from main_site.identity.authority import open_authority
from main_site.identity.report_signer import open_report_signer
from main_site.report.fonts import find_fonts
from main_site.report.layout import Sheetwork, Signatory, lay_out
from main_site.report.sealing import seal_pdf
from main_site.report.typesetting import typeset
from tests.evalroom.room import LOT, START, room_at

ROUNDS = 5
BIDS, ITEMS, MEMBERS = 12, 60, 9
"""A large usual lot; its members' sheets and reasons fill some sixty pages."""

REASON = "方案与需求逐条对应，关键指标有实测数据支撑，进度安排合理。"


def large() -> Report:
    """Return the report of a room's session, its sheets grown to a large lot's."""
    session = room_at(Stage.REPORTING).session
    small = session.report_of(session.lots[LOT])
    bids = tuple(ReportedBid(BidId(f"bid{n}"), f"远川智慧水务第{n}有限公司") for n in range(1, BIDS + 1))
    first = next(one for one in small.items if one.part == "detailed")
    items = tuple(
        replace(first, id=ItemId(f"item{n}"), title=f"评分项 {n}：技术方案与实施措施")
        for n in range(1, ITEMS + 1)
    )
    sheet = next(one for one in small.sheets if one.part == "detailed")
    cells = tuple(
        ReportedCell(bid.id, item.id, f"{1 + (b + i) % 9}.5", REASON if (b + i) % 9 == 0 else "")
        for b, bid in enumerate(bids)
        for i, item in enumerate(items)
    )
    sheets = tuple(
        replace(sheet, seat=type(sheet.seat)(f"E{n:02}"), cells=cells) for n in range(1, MEMBERS + 1)
    )
    known: tuple[ReportedItem, ...] = (*small.items, *items)
    return replace(small, bids=(*small.bids, *bids), items=known, sheets=sheets)


def cpu_of(work: Callable[[], object]) -> float:
    """Return the seconds of processor time that the child of `work` took: on a busy machine the steadier figure."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    work()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def timed(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def peer(work: Sheetwork) -> int | None:
    """Set the same tables by ReportLab with its own Chinese font, which is not embedded; None where it is not installed."""
    if find_spec("reportlab") is None:
        return None
    from reportlab.lib.pagesizes import A4
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.platypus import SimpleDocTemplate, Table

    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    style = [("FONT", (0, 0), (-1, -1), "STSong-Light", 8), ("GRID", (0, 0), (-1, -1), 0.4, "gray")]
    story = [
        Table([[one.title for one in table.columns], *map(list, table.rows)], repeatRows=1, style=style)
        for chapter in work.chapters
        for table in chapter.tables
    ]
    out = io.BytesIO()
    SimpleDocTemplate(out, pagesize=A4).build(story)
    return len(PdfReader(out).pages)


def main() -> None:
    report, fonts = large(), find_fonts(())
    data = report.encode()
    digest = digest_of(data)
    people = [Signatory(f"E{n:02}", "expert", "agrees", "", START) for n in range(1, MEMBERS + 1)]

    def laid_out() -> Sheetwork:
        return lay_out(data, digest, people, "zh", draft=False)

    def pdf() -> bytes:
        return asyncio.run(typeset(laid_out(), fonts, {"report-lot1.json": data}, START))

    made = pdf()
    pages = len(PdfReader(io.BytesIO(made)).pages)
    with TemporaryDirectory() as folder:
        signer = open_report_signer(Path(folder), open_authority(Path(folder), "bench"))
        figures = {
            "canonical JSON": [timed(report.encode) for _ in range(ROUNDS)],
            "laid out": [timed(laid_out) for _ in range(ROUNDS)],
            "laid out and set": [timed(pdf) for _ in range(ROUNDS)],
            "signed": [timed(lambda: asyncio.run(seal_pdf(made, signer, "bench"))) for _ in range(ROUNDS)],
        }
    print(
        f"{pages} pages, {len(data) / 1000:.0f} kB of data, PDF {len(made) / 1000:.0f} kB, Python {sys.version.split()[0]}"
    )
    for name, found in figures.items():
        print(f"{name:18} {statistics.median(found):6.2f} s  ({min(found):.2f} to {max(found):.2f})")
    print(f"processor time of the typesetter {statistics.median(cpu_of(pdf) for _ in range(ROUNDS)):.2f} s")
    work, begin = laid_out(), time.perf_counter()
    others = peer(work)
    print(
        f"ReportLab: {others} pages, {time.perf_counter() - begin:.2f} s"
        if others
        else "ReportLab is not installed"
    )


if __name__ == "__main__":
    main()
