"""The signatures under a report as a file that proves itself: each act as it was signed, its detached JWS, and the key.

Whoever has the report's data, this file and docs/spec/report.md checks that every member stood to these very data, and
locked the sheets they are made of, without the journal and without this software.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from evalroom.errors import EvalroomError, PeerFault
from evalroom.ledger.canonical import canonical
from evalroom.ledger.signature import act_payload, parse_seat_key, verify_act

FORM = "evalroom-report-signatures/1"

TYPES = ("ReportSigned", "ReportWitnessed", "AgreementDeemed", "SheetLocked")
"""Acts that belong to a report; who is deemed to agree did not sign, and stands there without a signature."""

Entry = Mapping[str, Any]


class BrokenSignatures(PeerFault):
    """The signatures do not belong to these data of a report, or were changed: nothing can be concluded from them."""

    code = "broken_signatures"


def write_signatures(entries: Iterable[Entry], lot: str, digest: str, session: str) -> bytes:
    """Return the signatures under the report of `lot` with this digest, from the journal's entries in their order."""
    keys: dict[str, str] = {}
    acts: dict[tuple[str, ...], dict[str, Any]] = {}
    for entry in entries:
        body = entry["body"]
        if entry["type"] == "SeatJoined":
            keys[body["seat"]] = body["key"]
        if entry["type"] not in TYPES or body["lot"] != lot:
            continue
        if entry["type"] != "SheetLocked" and body["digest"] != digest:
            continue
        key = (entry["type"], entry["actor"], body.get("part", ""), body.get("seat", ""))
        acts[key] = {
            "entry": entry["seq"], "t": entry["t"], "type": entry["type"], "actor": entry["actor"], "site": entry["site"],
            "cmd": entry["cmd"], "body": body, "jws": entry["sig"], "key": keys.get(entry["actor"]),
        }  # fmt: skip
    rows = sorted(acts.values(), key=lambda one: one["entry"])
    return canonical({"form": FORM, "session": session, "lot": lot, "digest": digest, "acts": rows})


@dataclass(frozen=True, slots=True)
class SignedActs:
    """What a file of signatures proves: stands by seat, the seats that witnessed, and each seat's sheet digests by part."""

    stands: Mapping[str, str]
    witnesses: tuple[str, ...]
    sheets: Mapping[tuple[str, str], str]


def check_signatures(data: bytes, signatures: bytes) -> SignedActs:
    """Check signatures against a report's data, sheets included, and return what they prove.

    Raises:
        BrokenSignatures: another digest, a forged or missing signature, or a sheet other than the one in the report.
    """
    try:
        told, report = json.loads(signatures), json.loads(data)
        digest = hashlib.sha256(data).hexdigest()
        if (told["form"], told["digest"], told["lot"]) != (FORM, digest, report["lot"]):
            raise BrokenSignatures(problem="another report", digest=digest)
        acts = list(_checked(told, digest))
        locked = {
            (one["actor"], one["body"]["part"]): one["body"]["digest"]
            for one in acts
            if one["type"] == "SheetLocked"
        }
        for sheet in report["sheets"]:
            if locked.get((sheet["seat"], sheet["part"])) != sheet["digest"]:
                raise BrokenSignatures(problem="a sheet without its member's signature", seat=sheet["seat"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BrokenSignatures(problem="another form") from error
    stands = {one["actor"]: one["body"]["stand"] for one in acts if one["type"] == "ReportSigned"}
    deemed = {one["body"]["seat"]: "deemed" for one in acts if one["type"] == "AgreementDeemed"}
    witnesses = tuple(one["actor"] for one in acts if one["type"] == "ReportWitnessed")
    return SignedActs({**stands, **deemed}, witnesses, locked)


def _checked(told: Mapping[str, Any], digest: str) -> Iterator[Mapping[str, Any]]:
    for act in told["acts"]:
        if act["type"] not in TYPES or act["body"]["lot"] != told["lot"]:
            raise BrokenSignatures(problem="an act that does not belong here", type=str(act["type"])[:40])
        if act["type"] != "SheetLocked" and act["body"]["digest"] != digest:
            raise BrokenSignatures(problem="a signature of another report", actor=act["actor"])
        if act["type"] != "AgreementDeemed":
            payload = act_payload(
                actor=act["actor"], body=act["body"], cmd=act["cmd"], session=told["session"], site=act["site"],
                type=act["type"],
            )  # fmt: skip
            try:
                verify_act(parse_seat_key(act["key"]), payload, act["jws"])
            except EvalroomError as error:
                raise BrokenSignatures(problem=error.code, actor=str(act["actor"])[:40]) from error
        yield act
