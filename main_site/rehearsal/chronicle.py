"""What happened in a session, in one table: the turns of its way, told from the journal of its archive."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Body = Mapping[str, Any]
Names = Mapping[str, str]
"""Bidders by the id of their bid."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One line: when (UTC ms), what in Chinese and English, and about whom."""

    at: int
    what: str
    detail: str


def turns_of(archive: Path, names: Names) -> Iterator[Turn]:
    """Yield the turns of a session's way in the order of its journal; what happens all the time is left out."""
    reasons = {
        row["seq"]: row["value"] for row in _rows(archive, "openings.jsonl") if row["path"] == "/reason"
    }
    plain: set[str] = set()
    for entry in _rows(archive, "entries.jsonl"):
        kind, body = entry["type"], dict(entry["body"])
        if kind == "FindingRaised" and body["code"] == "objective_differs":
            plain.add(body["finding"])  # everybody answers those, and few say more than yes
        if kind == "FindingAnswered":
            body["given"] = "" if body["finding"] in plain else reasons.get(entry["seq"], "")
        what, detail = _TURNS[kind](body, names, entry["actor"]) if kind in _TURNS else _NOTHING
        if what:
            yield Turn(entry["t"], what, detail)


def _rows(archive: Path, name: str) -> Iterator[dict[str, Any]]:
    with (archive / "data" / "log" / name).open(encoding="utf-8") as file:
        yield from map(json.loads, file)


_Told = tuple[str, str]
_NOTHING: _Told = ("", "")


def _stage(body: Body, _: Names, __: str) -> _Told:
    return "进入阶段 stage", body["after"]


def _judged(body: Body, _: Names, __: str) -> _Told:
    if body["verdict"] == "opened":
        return _NOTHING
    return "开标未成功 not opened", f"{body['bid'][:8]}… {body['verdict']} {body['cause']}"


def _drawn(body: Body, _: Names, __: str) -> _Told:
    return "抽签 drawn", f"{body['draw']}: {', '.join(body['drawn'])}"


def _redrawn(body: Body, _: Names, __: str) -> _Told:
    return "补抽 redrawn", f"{body['out']} → {body['drawn']}（{body['reason']}）"


def _recused(body: Body, _: Names, __: str) -> _Told:
    return "回避 recused", f"{body['seat']}：{body['reason']}"


def _replaced(body: Body, _: Names, __: str) -> _Told:
    return "接替 replaced", f"{body['seat']} → {body['newcomer']}"


def _chair(body: Body, _: Names, __: str) -> _Told:
    return "组长 chair", f"{body['seat']} ({body['by']})"


def _reviewed(body: Body, names: Names, _: str) -> _Told:
    out = [
        f"{names.get(vote['bid'], vote['bid'])} {vote['against']}/{vote['members']}"
        for vote in body["votes"]
        if vote["rejected"]
    ]
    return ("否决投标 rejected", "; ".join(out)) if out else _NOTHING


def _found(body: Body, names: Names, _: str) -> _Told:
    what = {
        "deviation": "畸高畸低 over-deviation",
        "identical": "评分相同 identical",
        "objective_differs": "客观项不一致 objective differs",
    }
    about = " ".join(filter(None, (names.get(body["bid"], body["bid"]), body["item"])))
    return what[body["code"]], f"{body['finding']} {', '.join(body['seats'])} {about}"


def _answered(body: Body, _: Names, actor: str) -> _Told:
    reason = body["given"]
    return ("书面说明 reason given", f"{body['finding']} {actor}：{reason}") if reason else _NOTHING


def _lost(body: Body, _: Names, __: str) -> _Told:
    return "副场断线 link lost", body["site"]


def _returned(body: Body, _: Names, __: str) -> _Told:
    return "副场恢复 link back", body["site"]


def _summed(body: Body, _: Names, __: str) -> _Told:
    rule = body["rule"]
    detail = f"{body['members']} 名评委，逐项去 {rule['high']} 高 {rule['low']} 低"
    return "评分汇总 marks summed", f"{detail}，离差最大 {body['widest']}" if body["widest"] else detail


def _settled(body: Body, names: Names, _: str) -> _Told:
    return "同分处理 tie settled", f"{'、'.join(names.get(bid, bid) for bid in body['order'])} ({body['by']})"


def _counted(body: Body, names: Names, _: str) -> _Told:
    rows = [
        f"{names.get(one['option'], one['option'])} {one['votes']} 票"
        for one in body["counts"]
        if one["votes"]
    ]
    return "计票 counted", f"{body['vote']}: {', '.join(rows)}"


def _awarded(body: Body, names: Names, _: str) -> _Told:
    return "票决结果 awarded", f"{names.get(body['bid'], body['bid'])} ({body['by']})"


def _signed(body: Body, _: Names, actor: str) -> _Told:
    return "签署 signed", f"{actor} {body['stand']} {body['reason']}".rstrip()


def _asked(body: Body, names: Names, actor: str) -> _Told:
    return "澄清提问 asked", f"{actor} → {names.get(body['bid'], body['bid'])}：{body['text']}"


def _replied(body: Body, _: Names, __: str) -> _Told:
    return "澄清答复 replied", f"{body['question']}：{body['text']}"


_TURNS: Mapping[str, Callable[[Body, Names, str], _Told]] = {
    "StageChanged": _stage,
    "BidJudged": _judged,
    "DrawMade": _drawn,
    "DrawContinued": _redrawn,
    "ExpertRecused": _recused,
    "ExpertReplaced": _replaced,
    "ChairElected": _chair,
    "BidsReviewed": _reviewed,
    "FindingRaised": _found,
    "FindingAnswered": _answered,
    "SiteLost": _lost,
    "SiteReturned": _returned,
    "MarksSummed": _summed,
    "TieSettled": _settled,
    "VoteCounted": _counted,
    "LotAwarded": _awarded,
    "ReportSigned": _signed,
    "QuestionDrafted": _asked,
    "QuestionAnswered": _replied,
}
"""Entry type to how it is told."""
