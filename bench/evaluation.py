"""A whole evaluation on a running host, played over seats' sockets: scores, locks, results, signatures, the end."""

import asyncio
import json
import secrets
from typing import Any

from bench.centre import Centre
from bench.committee import CELLS, edit_of
from bench.people import LOT, Person, frame_of, template_of
from bench.wire import Client
from evalroom.checks import state, write_statement
from evalroom.commands import AdvanceStage, AnswerFinding, LockSheet, SignReport
from evalroom.events import Stage
from evalroom.ids import SeatCode, SessionId
from evalroom.protocol import messages as m
from evalroom.reporting import Stand
from evalroom.sheet import Cell, Sheet, digest_of
from evalroom.tender import Part


async def conclude(centre: Centre, session: SessionId, experts: list[Person], operator: SeatCode) -> None:
    """Take a session from scoring to its end; every expert fills in the whole sheet."""
    await asyncio.gather(*(_score(centre, one) for one in experts))
    leader = centre.people[session, operator]
    await _advance(centre, leader, Stage.DETAILED, Stage.PRICING)
    await _advance(centre, leader, Stage.PRICING, Stage.SUMMARY)
    if len(experts) > 1:  # all of them give the same points, which wants a reason
        await asyncio.gather(*(centre.give(one, [frame_of(_reason(one))]) for one in experts))
    await _advance(centre, leader, Stage.SUMMARY, Stage.REPORTING)
    await _advance(centre, leader, Stage.REPORTING, Stage.SIGNING)
    digest = await _report_digest(centre, leader)
    sign = SignReport(LOT, digest, Stand.AGREES, "")
    await asyncio.gather(*(centre.give(one, [frame_of(one.submit(sign))]) for one in experts))
    await _advance(centre, leader, Stage.SIGNING, Stage.CONCLUDED)


async def _advance(centre: Centre, leader: Person, before: Stage, after: Stage) -> None:
    await centre.give(leader, [frame_of(leader.submit(AdvanceStage(before, after, "bench")))])


async def _score(centre: Centre, expert: Person) -> None:
    edits = [edit_of(expert, turn) for turn in range(len(CELLS))]
    cells = {}
    for (bid, item), edit in zip(CELLS, edits, strict=True):
        value, reason = edit.secrets[0].value, edit.secrets[1].value
        body: Any = edit.command
        cells[bid, item] = Cell(1, value, reason, body.value.commit, body.reason.commit)
    await centre.give(expert, [frame_of(one) for one in (*edits, _lock(expert, Sheet(cells)))])


def _lock(expert: Person, sheet: Sheet) -> m.Submit:
    (lot,) = template_of(expert.session, {}).tender.lots
    cmd = secrets.token_hex(16)
    text = write_statement(state(sheet, lot, Part.DETAILED, (), "bench"))
    statement, opened = expert.secret(cmd, "/statement", text)
    return expert.submit(LockSheet(LOT, Part.DETAILED, digest_of(sheet.cells), statement), [opened], cmd)


def _reason(expert: Person) -> m.Submit:
    cmd = secrets.token_hex(16)
    reason, opened = expert.secret(cmd, "/reason", "bench")
    return expert.submit(AnswerFinding("F1", stand=True, reason=reason), [opened], cmd)


async def _report_digest(centre: Centre, leader: Person) -> str:
    client = await centre.socket(leader, "?take=1")
    try:
        return await asyncio.wait_for(_report(client), 30)
    finally:
        client.close()


async def _report(client: Client) -> str:
    said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    client.on_frame = lambda payload: said.put_nowait(json.loads(payload))
    client.send(frame_of(m.Subscribe(0)))
    while True:
        message = await said.get()
        items = [json.loads(item) for item in message.get("items", ())]
        made = [item["body"]["sha256"] for item in items if item["type"] == "ReportMade"]
        if made:
            return str(made[-1])
