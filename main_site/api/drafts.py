"""Routes of the set-up wizard: the form, a template read into it, its check, and opening a session from it.

Nothing is kept here before the session is opened: the draft lies in the operator's browser.  A check names every
problem with table, row and column, so that the page can say it beside the field.
"""

import asyncio
from collections import Counter
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from evalroom.pricing.formula import PriceFormula, Quote
from evalroom.profile import PRESETS
from evalroom.tender import Lot
from main_site.api.sessions import (
    MAX_TEMPLATE,
    OPERATOR,
    Occupant,
    Opened,
    TemplateTooLarge,
    opened,
    read_body,
)
from main_site.sample import sample_template
from main_site.services.centre import Centre
from main_site.template import (
    TABLES,
    SessionTemplate,
    TemplateError,
    disassemble,
    parse_tables,
    parse_template,
)
from main_site.template.columns import Column, Table
from signaling.permits import permit
from signaling.problems import COUNTED_BY_ROUTE

Cell = str | int | bool | None


class Draft(BaseModel):
    """The rows of each table, as the form holds them; an empty cell is left out or null.

    `occupants` are, by seat, experts whose seat is settled already: they are looked up in the standing list, not kept.
    """

    model_config = ConfigDict(extra="forbid", strict=True)
    rows: Annotated[dict[str, Annotated[list[dict[str, Cell]], Field(max_length=1000)]], Field(max_length=20)]
    occupants: Annotated[dict[str, Occupant], Field(max_length=100)] = {}


def draft_routes(centre: Centre) -> APIRouter:
    """Return the routes of the set-up wizard at this centre."""
    router = APIRouter(dependencies=[Depends(permit)])

    @router.get("/api/v1/drafts/form")
    async def form() -> dict[str, Any]:
        """Describe the form: its tables and columns, the rule profiles that come with the product, a sample."""
        sample = await asyncio.to_thread(sample_template)
        return {
            "tables": [_table(one) for one in TABLES],
            "profiles": dict(PRESETS),
            "sample": disassemble(sample),
        }

    @router.post("/api/v1/drafts/read", max_body_size=COUNTED_BY_ROUTE)
    async def read(request: Request) -> dict[str, Any]:
        """Read a template, TOML or xlsx, sent as the body, into rows for the form."""
        data = await read_body(request, MAX_TEMPLATE, TemplateTooLarge(limit=MAX_TEMPLATE))
        template = await asyncio.to_thread(parse_template, data)
        return {"rows": disassemble(template)}

    @router.post("/api/v1/drafts/check")
    async def check(body: Draft) -> dict[str, Any]:
        """Check a draft: every problem at its place, and when there is none a summary of what would be opened."""
        try:
            template = await asyncio.to_thread(parse_tables, _filled(body))
        except TemplateError as error:
            problems = [
                one.facts() | dict(zip(("zh", "en"), one.fault.value, strict=True)) for one in error.problems
            ]
            return {"problems": problems, "count": error.count, "summary": None}
        return {"problems": [], "count": 0, "summary": await asyncio.to_thread(_summary, centre, template)}

    @router.post("/api/v1/drafts/open")
    async def open_draft(body: Draft) -> Opened:
        """Open a session from a draft; its seats' codes are shown this once."""
        template = await asyncio.to_thread(parse_tables, _filled(body))
        seats = [seat.code for seat in template.seats if seat.code in body.occupants]
        given = [body.occupants[seat].seated(template.session, seat) for seat in seats]
        await centre.standings.give_seats(OPERATOR, given)
        return opened(template, await centre.open_session(template))

    return router


def _filled(body: Draft) -> dict[str, object]:
    """Return the rows less empty cells: a form has a field for every column, a template only for what is said.

    Tables without a row are left out, too: the template tells a rehearsal from a sealed tender by which are there.
    """
    tables = {
        key: [{name: cell for name, cell in row.items() if cell not in ("", None)} for row in rows]
        for key, rows in body.rows.items()
    }
    return {key: rows for key, rows in tables.items() if rows}


def _table(table: Table) -> dict[str, Any]:
    return {
        "key": table.key,
        "title": table.title,
        "about": table.about,
        "meaning": table.meaning,
        "single": table.single,
        "required": table.required,
        "columns": [_column(one) for one in table.columns],
    }


def _column(column: Column) -> dict[str, Any]:
    return {**asdict(column), "kind": column.kind.value, "choices": dict(column.choices)}


def _summary(centre: Centre, template: SessionTemplate) -> dict[str, Any]:
    """Say what would be opened, and what at this centre still stands in its way; reads the disk."""
    joined = {one.id for one in centre.sites() if one.witness}
    return {
        "session": template.session,
        "code": template.tender.code,
        "title": template.tender.title,
        "rehearsal": template.sealing is None,
        "deadline": template.sealing.deadline if template.sealing else None,
        "lots": [_lot(one) for one in template.tender.lots],
        "sites": [{"id": one.id, "name": one.name, "host": one.host} for one in template.sites],
        "seats": dict(Counter(one.role.value for one in template.seats)),
        "reserves": sum(one.reserve for one in template.seats),
        "taken": template.session in centre.live,
        "not_joined": [
            one.id for one in template.sites if one.node and not one.host and one.id not in joined
        ],
    }


def _lot(lot: Lot) -> dict[str, Any]:
    return {
        "id": lot.id,
        "title": lot.title,
        "items": len(lot.items),
        "bids": len(lot.bids),
        "candidates": lot.candidates,
        "dark": bool(lot.dark),
        "formula": lot.pricing.name,
        "weight": lot.pricing.weight,
        "samples": _samples(lot.pricing),
    }


def _samples(pricing: PriceFormula) -> list[dict[str, Any]]:
    """List the worked samples that the kernel has recomputed: prices in fen, or rates, with the scores they get."""
    return [
        {
            "title": one.title,
            "fen": pricing.quote is Quote.FEN,
            "bids": [{"bid": bid.bid, "price": bid.price, "score": bid.score} for bid in one.bids],
        }
        for one in pricing.samples
    ]
