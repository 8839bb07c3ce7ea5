"""Signatures that prove themselves: every forged, moved, dropped or changed act is found, and the true ones stand."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from evalroom.ledger.canonical import canonical
from main_site.report.signed_acts import BrokenSignatures, check_signatures, write_signatures
from tests.evalroom.room import LOT, SESSION
from tests.main_site.report.made import E1, E2, E3, entries, report


def written() -> bytes:
    return write_signatures(entries(), LOT, report().sha256, SESSION)


def test_the_signatures_tell_how_each_member_stands_and_which_sheets_each_locked() -> None:
    proved = check_signatures(report().data, written())
    assert {E1: "agrees", E2: "dissents", E3: "agrees"} == proved.stands
    assert {
        (seat, part) for seat in (E1, E2, E3) for part in ("preliminary", "detailed")
    } == proved.sheets.keys()
    assert () == proved.witnesses


def signing(told: dict[str, Any], nth: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = [one for one in told["acts"] if one["type"] == "ReportSigned"][nth]
    return found


def locking(told: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in told["acts"] if one["type"] == "SheetLocked")
    return found


LIES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "another stand": lambda told: signing(told)["body"].update(stand="refuses", reason="x"),
    "other words": lambda told: signing(told, 1)["body"].update(reason="权重无误"),
    "another seat": lambda told: signing(told).update(actor=E3),
    "another key": lambda told: signing(told).update(key=signing(told, 1)["key"]),
    "no signature": lambda told: signing(told).update(jws=None),
    "a truncated signature": lambda told: signing(told).update(jws=signing(told)["jws"][:-4]),
    "another session": lambda told: told.update(session="EV-2026-0002"),
    "another digest": lambda told: told.update(digest="0" * 64),
    "another lot": lambda told: told.update(lot="lot2"),
    "another form": lambda told: told.update(form="evalroom-report-signatures/2"),
    "a sheet without its lock": lambda told: told["acts"].remove(locking(told)),
    "another sheet": lambda told: locking(told)["body"].update(digest="0" * 64),
    "an act of another kind": lambda told: signing(told).update(type="ReportMade"),
    "no acts": lambda told: told.pop("acts"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_about_signatures_is_found(lie: str) -> None:
    told = json.loads(written())
    LIES[lie](told)
    with pytest.raises(BrokenSignatures):
        check_signatures(report().data, canonical(told))


def test_signatures_of_one_report_say_nothing_of_another() -> None:
    other = report().data.replace(b'"Road"', b'"Rail"', 1)
    with pytest.raises(BrokenSignatures):
        check_signatures(other, written())


@pytest.mark.parametrize("garbage", [b"", b"[]", b"{}", b'{"form":1}', b"\xff"])
def test_what_is_no_file_of_signatures_is_refused(garbage: bytes) -> None:
    with pytest.raises(BrokenSignatures):
        check_signatures(report().data, garbage)


def test_a_signature_that_a_step_back_voided_is_left_out() -> None:
    old = {**next(one for one in entries() if one["type"] == "ReportSigned")}
    old["body"] = {"lot": LOT, "digest": "0" * 64, "stand": "agrees", "reason": ""}
    assert written() == write_signatures([old, *entries()], LOT, report().sha256, SESSION)
