"""The verifier on sessions with sealed bids: attackers first, then the clean bag.

A clumsy attacker changes files and makes the manifests anew.  A clever one has the keys of log and witnesses as well,
rewrites the journal, and issues new receipts: then only the signatures and sums of the opening itself can tell.
"""

import hashlib
import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from evalroom.commands import ACTS
from evalroom.ledger.base64 import encode_base64
from evalroom.ledger.canonical import Json, canonical
from evalroom.roles import COMMANDS, Role
from evalroom.sealing.ceremony import TRANSITIONS, CeremonyState
from evalroom.sealing.facts import CeremonyEvent
from evalroom.sealing.policy import PartName
from evalroom.sealing.rules import RULINGS
from recorder import verify as verifier
from recorder.verify import Failure, Report, lines_of, verify
from tests.evalroom import room as trade
from tests.evalroom.sealing import bids, vectors
from tests.recorder.bag_factory import LOG, LOG_KEY, WITNESS_KEYS, Bag, copy_of, make_bag
from tests.recorder.sealed_bag import ABSENT, LISTED, by_bidder, make_sealed_bag, papers

OPENING = Path("data/docs/opening")
SEALED_STEPS = {17, 18, 19, 20, 21, 22}


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Bag:
    return make_sealed_bag(tmp_path_factory.mktemp("sealed") / "bag")


@pytest.fixture
def bag(clean: Bag, tmp_path: Path) -> Bag:
    return copy_of(clean, tmp_path / "bag")


def checked(bag: Bag) -> Report:
    return verify(bag.path, [LOG_KEY], WITNESS_KEYS)


def failures(bag: Bag) -> list[Failure]:
    return [failure for step in checked(bag).steps for failure in step.failures]


def found(bag: Bag) -> set[tuple[int, str]]:
    return {(one.step, one.code) for one in failures(bag)}


def retold(bag: Bag) -> set[tuple[int, str]]:
    """Return what is found once journal, checkpoints, receipts and all else follow the change."""
    bag.retell()
    for name, data in papers(bag).items():
        (bag.path / OPENING / name).write_bytes(data)
    bag.write()
    return found(bag)


# --- the clumsy attacker: files under data/docs/opening/, manifests made anew -----------------------------


def flip(data: bytes, dice: random.Random) -> bytes:
    place = dice.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << dice.randrange(8)]) + data[place + 1 :]


def cut(data: bytes, dice: random.Random) -> bytes:
    return data[: dice.randrange(len(data))]


def insert(data: bytes, dice: random.Random) -> bytes:
    place = dice.randrange(len(data) + 1)
    return data[:place] + dice.randbytes(dice.choice((1, 16))) + data[place:]


def delete(data: bytes, dice: random.Random) -> bytes:
    place = dice.randrange(len(data))
    return data[:place] + data[place + dice.choice((1, 16)) :]


STEP_OF = {"policy.json": 17, "signatures.json": 17, ".evb1": 18, ".receipt": 19, "record-": 21}


def step_of(name: str) -> int:
    return next(step for mark, step in STEP_OF.items() if mark in name)


@pytest.mark.parametrize("seed", range(3))
def test_forty_mutations_of_what_an_opening_left_are_all_found_with_file_and_step(
    bag: Bag, seed: int
) -> None:
    dice = random.Random(seed)
    left = (path for path in (bag.path / OPENING).rglob("*") if path.is_file())
    files = sorted(path for path in left if path.suffix != ".ends")  # their wraps hang on the root alone
    for round_ in range(40):
        path, mutate = files[round_ % len(files)], dice.choice((flip, flip, cut, insert, delete))
        data = path.read_bytes()
        path.write_bytes(mutate(data, dice))
        bag.seal()
        name = path.relative_to(bag.path).as_posix()
        report = checked(bag)
        told = {(one.step, one.file) for step in report.steps for one in step.failures}
        # A cosignature of an unknown key counts for nothing: then the receipt is called provisional.
        provisional = any(name in note for note in report.notes)
        path.write_bytes(data)
        assert (step_of(name), name) in told or provisional, (name, mutate, told)
    bag.seal()
    assert checked(bag).ok


@pytest.mark.parametrize("place", ["header", "parts", "trailer", "signature", "end"])
@pytest.mark.parametrize("number", LISTED)
def test_every_region_of_an_envelope_is_looked_at(bag: Bag, number: str, place: str) -> None:
    path = bag.path / OPENING / "envelopes" / f"{number}.evb1"
    data = bytearray(path.read_bytes())
    trailer, signature = (int.from_bytes(data[at:][:4], "big") for at in (-12, -8))
    begins = {
        "header": 12,
        "parts": 12 + int.from_bytes(data[8:12], "big") + 100,
        "trailer": len(data) - 12 - signature - trailer + 3,
        "signature": len(data) - 12 - signature + 70 % signature,
        "end": len(data) - 12,
    }
    data[begins[place]] ^= 1
    path.write_bytes(data)
    bag.seal()
    assert {(18, path.relative_to(bag.path).as_posix())} <= {(one.step, one.file) for one in failures(bag)}


def test_ends_of_a_bid_taken_back_that_were_changed_are_found(bag: Bag) -> None:
    for path in sorted((bag.path / OPENING / "taken-back").iterdir()):
        data = path.read_bytes()
        for other in (
            data[:-1],
            data + b"x",
            data[:-100] + bytes([data[-100] ^ 1]) + data[-99:],
            data[:6] + bytes([data[6] ^ 1]) + data[7:],
            b"",
        ):
            path.write_bytes(other)
            bag.seal()
            assert (19, "taken_back") in found(bag)
        path.write_bytes(data)


@pytest.mark.parametrize(
    "name", ["policy.json", "signatures.json", "record-first.json", "record-second.json"]
)
def test_a_paper_left_out_is_missed(bag: Bag, name: str) -> None:
    (bag.path / OPENING / name).unlink()
    bag.seal()
    file = (OPENING / name).as_posix()
    assert step_of(name) in {one.step for one in failures(bag) if file in (one.file, one.detail)}


@pytest.mark.parametrize("number", LISTED)
@pytest.mark.parametrize("name", ["envelopes/{}.evb1", "receipts/{}.receipt"])
def test_an_envelope_or_receipt_left_out_is_missed(bag: Bag, name: str, number: str) -> None:
    (bag.path / OPENING / name.format(number)).unlink()
    bag.seal()
    file = (OPENING / name.format(number)).as_posix()
    assert (step_of(name), "missing", file) in {(one.step, one.code, one.file) for one in failures(bag)}


def test_two_envelopes_or_receipts_that_changed_places_are_found(bag: Bag) -> None:
    for name, wanted in (
        ("envelopes/{}.evb1", (18, "envelope_form")),
        ("receipts/{}.receipt", (19, "receipt_form")),
    ):
        one, two = (bag.path / OPENING / name.format(number) for number in LISTED[:2])
        first, second = one.read_bytes(), two.read_bytes()
        one.write_bytes(second)
        two.write_bytes(first)
        bag.seal()
        assert wanted in found(bag)
        one.write_bytes(first)
        two.write_bytes(second)


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("envelopes/" + "0" * 32 + ".evb1", 18),
        ("taken-back/" + "0" * 32 + ".ends", 19),
        ("record-third.json", 21),
    ],
)
def test_a_bid_or_record_that_nobody_listed_is_found(bag: Bag, name: str, step: int) -> None:
    (bag.path / OPENING / name).write_bytes(b"EVB1")
    bag.seal()
    assert step in {one.step for one in failures(bag) if one.file == (OPENING / name).as_posix()}


# --- the clever attacker: entries dropped -------------------------------------------------------------------

DROPPABLE = {"CoverMade", "BidAcknowledged", "RecordConfirmed"}
"""Nobody owes these, so that only the cosigned checkpoints of the time keep them in."""


def opening_entries(bag: Bag) -> Iterator[tuple[int, str]]:
    names = {one.__name__ for one in _kinds()}
    last = {(entry.type, entry.body.get("window")): n for n, (entry, _) in enumerate(bag.rows)}
    for number, (entry, _) in enumerate(bag.rows):
        slip = (
            entry.type == "HalfReleased" and not entry.body["good"]
        )  # a slip of the hand is not owed either
        first_or_last = bag.find(entry.type) == number or number in last.values()
        if entry.type in names - DROPPABLE and not slip and first_or_last:
            yield number, entry.type


def _kinds() -> set[type[CeremonyEvent]]:
    return {kind for facts in TRANSITIONS.values() for kind in facts}


def test_every_entry_of_an_opening_that_is_dropped_is_missed(clean: Bag, tmp_path: Path) -> None:
    rounds, folder = 0, copy_of(clean, tmp_path / "bag").path
    for seq, kind in opening_entries(clean):
        bag = Bag(folder, list(clean.rows), set(clean.cosigned), list(clean.openings))
        bag.drop(seq)
        assert {step for step, _ in retold(bag)} & (SEALED_STEPS | {13, 14}), (seq, kind)
        rounds += 1
    assert 39 <= rounds


# --- the clever attacker: members changed -------------------------------------------------------------------

UNDECIDABLE = {
    ("CoverMade", "noise"): "it says nothing",
    ("HalfReleased", "sealed"): "the digest of what only the host's agent can open",
}
"""Members that nothing else in the archive says, so that only the checkpoints of the time keep them as they were."""


def changes(value: Json) -> Iterator[Json]:
    """Yield other values of the same kind."""
    match value:
        case bool():
            yield not value
        case int():
            yield value + 1
        case str() if re.fullmatch(r"[0-9a-f]{32,}", value):
            yield value[:-1] + ("0" if value[-1] != "0" else "1")
        case str() if value.startswith("{"):
            yield value.replace('"v":1', '"v":2')
        case str():
            yield value[:-8] + "AAAAAAA=" if len(value) > 80 else value + "x"
        case list() if value:
            yield value[1:]
            yield from ([one, *value[1:]] for one in changes(value[0]))
        case dict():
            yield from ({**value, name: new} for name, one in value.items() for new in changes(one))
        case _:
            pass


def test_every_member_of_every_entry_of_an_opening_that_is_changed_is_noticed(
    clean: Bag, tmp_path: Path
) -> None:
    seen: set[str] = set()
    rounds, folder = 0, copy_of(clean, tmp_path / "bag").path
    for seq, (entry, _) in enumerate(clean.rows):
        if entry.type in seen or entry.type not in {one.__name__ for one in _kinds()}:
            continue
        if entry.type in {"BidSubmitted", "BidAcknowledged"} and entry.body["bid"] not in LISTED:
            continue  # taken back: its bytes were deleted, and nothing is left to compare with
        seen.add(entry.type)
        for name, value in entry.body.items():
            for new in changes(value):
                if (entry.type, name) in UNDECIDABLE:
                    continue
                bag = Bag(folder, list(clean.rows), set(clean.cosigned), list(clean.openings))
                bag.change(seq, **{name: new})
                assert retold(bag), (entry.type, name, new)
                rounds += 1
    assert {one.__name__ for one in _kinds()} - seen == {
        "WindowExtended",
        "OpeningAborted",
        "KeysNotDestroyed",
        "DarkBidAdmitted",  # test_verify_dark.py
    }
    assert 84 <= rounds


# --- the clever attacker: one lie at a time, and the step that tells ----------------------------------------


def rewrite_policy(bag: Bag, **members: Json) -> None:
    """Let the host draft other terms after all have signed; every entry names their digest."""
    seq = bag.find("PolicyDrafted")
    policy = json.loads(str(bag.rows[seq][0].body["policy"])) | members
    text = canonical(policy).decode()
    digest = hashlib.sha256(text.encode()).hexdigest()
    before = bag.rows[seq][0].body["sha256"]
    bag.change(seq, policy=text, sha256=digest)
    for number, (entry, _) in enumerate(bag.rows):
        told = {name: digest for name, value in entry.body.items() if value == before}
        if told:
            bag.change(number, **told)


def lower_quorum(bag: Bag) -> None:
    rewrite_policy(bag, k=1)


def later_deadline(bag: Bag) -> None:
    rewrite_policy(bag, deadline=trade.START + 3_600_001)


def sign_for_another(bag: Bag) -> None:
    other = bag.rows[bag.find("PolicySigned", 1)][0].body["signature"]
    bag.change(bag.find("PolicySigned"), signature=other)


def swap_key(bag: Bag) -> None:
    other = bag.rows[bag.find("TrusteeKeyPublished", 1)][0].body["keys"]
    bag.change(bag.find("TrusteeKeyPublished"), keys=other)


def list_of(bag: Bag) -> list[dict[str, Json]]:
    rows = bag.rows[bag.find("BidsClosed")][0].body["bids"]
    assert isinstance(rows, list)
    return [dict(row) for row in rows if isinstance(row, dict)]


def unlist(bag: Bag) -> None:
    bag.change(bag.find("BidsClosed"), bids=list(list_of(bag)[1:]))


def list_withdrawn(bag: Bag) -> None:
    gone = bag.rows[bag.find("BidSubmitted", 1)][0].body
    row: dict[str, Json] = {name: gone[name] for name in ("bid", "root", "digest")}
    rows: list[Json] = [*sorted([*list_of(bag), row], key=lambda one: str(one["bid"]))]
    bag.change(bag.find("BidsClosed"), bids=rows)


def list_another_root(bag: Bag) -> None:
    rows = list_of(bag)
    bag.change(bag.find("BidsClosed"), bids=[{**rows[0], "root": rows[1]["root"]}, *rows[1:]])


def submit_late(bag: Bag) -> None:
    seq = bag.find("BidSubmitted", -1)
    entry, secrets = bag.rows[seq]
    bag.rows[seq] = (replace(entry, t=trade.START + 3_600_000), secrets)


def open_early(bag: Bag) -> None:
    seq = bag.find("WindowOpened")
    entry, secrets = bag.rows[seq]
    early = trade.START + 3_600_000
    bag.rows[seq] = (replace(entry, t=early, body={**entry.body, "until": early + 1_200_000}), secrets)


def open_before_gate(bag: Bag) -> None:
    opened = bag.find("WindowOpened", -1)
    before = [n for n, (entry, _) in enumerate(bag.rows[:opened]) if entry.type == "CheckpointCosigned"]
    bag.drop(before[-1])


def one_officer(bag: Bag) -> None:
    bag.drop(bag.find("OfficerSteppedUp"))


def close_window_early(bag: Bag) -> None:
    seq = bag.find("WindowClosed")
    entry, secrets = bag.rows[seq]
    bag.rows[seq] = (replace(entry, t=entry.t - 1), secrets)


def hide_missing(bag: Bag) -> None:
    bag.change(bag.find("WindowClosed"), missing=[])


def bad_share(bag: Bag) -> None:
    seq = bag.find("ShareReleased")
    rows = bag.rows[seq][0].body["bids"]
    assert isinstance(rows, list)
    bag.change(seq, bids=[{**one, "good": False} for one in rows if isinstance(one, dict)])


def keep_keys(bag: Bag) -> None:
    bag.drop(bag.find("KeysDestroyed", -1))


def rejudge(bag: Bag, seq: int, **members: Json) -> None:
    """Give another verdict with the log's own signature, and let the record say so."""
    body = {**bag.rows[seq][0].body, **members}
    told = {name: one for name, one in body.items() if name != "signature"}
    signature = encode_base64(LOG.private.sign(b"EVB1 verdict" + canonical(told)))
    bag.change(seq, **{**members, "signature": signature})
    window, number = body["window"], body["bid"]
    at = next(
        n
        for n, (one, _) in enumerate(bag.rows)
        if one.type == "OpeningRecorded" and one.body["window"] == window
    )
    rerecord(bag, at, str(number), {name: body[name] for name in ("verdict", "cause", "party")})


def rerecord(bag: Bag, seq: int, number: str, members: dict[str, Json]) -> None:
    record = json.loads(str(bag.rows[seq][0].body["record"]))
    record["rows"] = [row | members if row["number"] == number else row for row in record["rows"]]
    text = canonical(record).decode()
    bag.change(seq, record=text, sha256=hashlib.sha256(text.encode()).hexdigest())


def verdict_on(bag: Bag, number: str) -> int:
    return next(
        n for n, (one, _) in enumerate(bag.rows) if one.type == "BidJudged" and one.body["bid"] == number
    )


def spare_the_absent(bag: Bag) -> None:
    rejudge(bag, verdict_on(bag, ABSENT), verdict="opened", cause="", party="")


def revoke_a_bidder(bag: Bag) -> None:
    present = next(one for one in LISTED if one != ABSENT)
    rejudge(bag, verdict_on(bag, present), verdict="revoked", cause="not_released", party="bidder")


def blame_the_bidder(bag: Bag) -> None:
    rejudge(bag, verdict_on(bag, ABSENT), verdict="withdrawn", cause="platform_fault", party="bidder")


def forge_verdict(bag: Bag) -> None:
    bag.change(verdict_on(bag, ABSENT), signature=encode_base64(bytes(64)))


def other_text(bag: Bag) -> None:
    present = next(one for one in LISTED if one != ABSENT)
    seq = verdict_on(bag, present)
    parts = bag.rows[seq][0].body["parts"]
    assert isinstance(parts, list)
    rejudge(bag, seq, parts=[{**one, "sha256": "0" * 64} for one in parts if isinstance(one, dict)])


def record_another_price(bag: Bag) -> None:
    seq = bag.find("OpeningRecorded", -1)
    record = json.loads(str(bag.rows[seq][0].body["record"]))
    number = record["rows"][0]["number"]
    rerecord(bag, seq, number, {"prices": [{"lot": trade.LOT, "price_fen": "1"}]})


def read_another_price(bag: Bag) -> None:
    bag.change(bag.find("PriceRead"), price_fen=1)


def publish_another_key(bag: Bag) -> None:
    bag.change(bag.find("PartKeyPublished"), key="00" * 32)


def swap_keys(bag: Bag) -> None:
    one, two = bag.find("PartKeyPublished"), bag.find("PartKeyPublished", 1)
    first, second = bag.rows[one][0].body["key"], bag.rows[two][0].body["key"]
    bag.change(one, key=second)
    bag.change(two, key=first)


def leave_a_recipient_out(bag: Bag) -> None:
    bag.drop(bag.find("PartKeySealed", 3))


def seal_to_a_stranger(bag: Bag) -> None:
    bag.change(bag.find("PartKeySealed"), recipient="a-stranger")


def seal_the_absent(bag: Bag) -> None:
    bag.change(bag.find("PartKeySealed"), bid=ABSENT)


def seal_nothing(bag: Bag) -> None:
    bag.change(bag.find("PartKeySealed"), wrapped="AAAA")


def publish_a_document(bag: Bag) -> None:
    bag.change(bag.find("PartKeyPublished"), part="technical")


def say_a_trustee_is_gone(bag: Bag) -> None:
    """Let the host alone say so, whom no supervisor told."""
    place = bag.find("KeysDestroyed", -1)
    told = bag.rows[place][0]
    body: dict[str, Json] = {"trustee": told.body["trustee"], "reason": "gone"}
    bag.rows[place] = (replace(told, type="KeysNotDestroyed", actor="host", body=body), ())


def admit_another(bag: Bag) -> None:
    bag.change(bag.find("BidAdmitted"), number=ABSENT)


def rename_bidder(bag: Bag) -> None:
    bag.change(bag.find("BidAdmitted"), bidder="somebody else")


def confirm_for_another(bag: Bag) -> None:
    bag.change(bag.find("RecordConfirmed", 1), objection="")


def take_back_another(bag: Bag) -> None:
    place = bag.find("BidWithdrawn")
    bag.change(place, signature=by_bidder(LISTED[0], b"EVB1 withdraw"))


def replace_another(bag: Bag) -> None:
    place = next(n for n, (one, _) in enumerate(bag.rows) if one.body.get("replaces"))
    bag.change(place, signature=by_bidder(LISTED[0], b"EVB1 replace"))


def bring_in_plain(bag: Bag) -> None:
    bag.change(0, rehearsal=True)


@pytest.mark.parametrize(
    ("attack", "step", "code"),
    [
        (lower_quorum, 17, "policy_signature"),
        (later_deadline, 17, "policy_signature"),
        (sign_for_another, 17, "policy_signature"),
        (swap_key, 17, "policy_keys"),
        (unlist, 19, "bid_list"),
        (list_withdrawn, 19, "bid_list"),
        (list_another_root, 18, "envelope_root"),
        (submit_late, 19, "bid_late"),
        (take_back_another, 19, "taken_back"),
        (replace_another, 19, "taken_back"),
        (open_early, 20, "window_early"),
        (open_before_gate, 20, "window_early"),
        (one_officer, 20, "officers"),
        (close_window_early, 20, "window_early"),
        (hide_missing, 20, "half"),
        (bad_share, 21, "verdict"),
        (keep_keys, 20, "keys_kept"),
        (spare_the_absent, 21, "verdict"),
        (revoke_a_bidder, 21, "verdict"),
        (blame_the_bidder, 21, "verdict"),
        (forge_verdict, 21, "verdict_signature"),
        (other_text, 22, "sheet"),
        (record_another_price, 22, "sheet"),
        (read_another_price, 22, "price_read"),
        (publish_another_key, 22, "part_key"),
        (swap_keys, 22, "part_key"),
        (leave_a_recipient_out, 22, "key_sealed"),
        (seal_to_a_stranger, 22, "key_sealed"),
        (seal_the_absent, 22, "key_sealed"),
        (seal_nothing, 22, "key_sealed"),
        (publish_a_document, 22, "part_key"),
        (say_a_trustee_is_gone, 13, "role"),
        (admit_another, 22, "admission"),
        (rename_bidder, 22, "admission"),
        (confirm_for_another, 21, "confirmation"),
        (bring_in_plain, 14, "stage"),
    ],
)
def test_a_lie_of_whoever_has_the_journals_keys_is_told_by_its_step(
    bag: Bag, attack: Callable[[Bag], None], step: int, code: str
) -> None:
    attack(bag)
    assert (step, code) in retold(bag)


def test_a_trustee_that_the_supervisor_stated_gone_is_no_fault_but_remarked(tmp_path: Path) -> None:
    bag = make_sealed_bag(tmp_path / "bag", gone="north")
    report = checked(bag)
    assert report.ok, report.first_failure
    assert "the keys of north were not destroyed: its machine burnt down" in report.notes


def test_a_receipt_under_another_key_than_the_logs_proves_nothing(bag: Bag) -> None:
    path = bag.path / OPENING / "receipts" / f"{LISTED[0]}.receipt"
    lines = path.read_text("utf-8").splitlines(keepends=True)
    signed = next(n for n, line in enumerate(lines) if line.startswith("— evalroom/"))
    lines[signed] = lines[signed][:-20] + "AAAAAAAAAAAAAAAAAA=\n"
    path.write_text("".join(lines), "utf-8")
    bag.seal()
    assert {19} <= {one.step for one in failures(bag)}


# --- the clean bag --------------------------------------------------------------------------------------------


def test_a_clean_bag_of_a_sealed_session_passes_every_step(clean: Bag) -> None:
    report = checked(clean)
    assert [] == failures(clean)
    assert list(verifier.STEPS) == [step.number for step in report.steps]
    assert [23] == [step.number for step in report.steps if not step.checked]  # nothing was drawn here
    assert verifier.REHEARSAL not in report.notes


def test_a_rehearsal_is_called_one_and_has_no_steps_of_an_opening(tmp_path: Path) -> None:
    report = verify(make_bag(tmp_path / "bag").path, [LOG_KEY], WITNESS_KEYS)
    assert (verifier.REHEARSAL,) == report.notes
    assert SEALED_STEPS.isdisjoint(step.number for step in report.steps)
    assert any("rehearsal" in line for line in lines_of(report))


def test_a_receipt_with_fewer_cosignatures_is_provisional_and_no_fault(bag: Bag) -> None:
    path = bag.path / OPENING / "receipts" / f"{LISTED[0]}.receipt"
    lines = path.read_text("utf-8").splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith("— east")), "utf-8")
    bag.seal()
    report = checked(bag)
    assert report.ok
    assert any("provisional" in note for note in report.notes)


def test_a_time_stamp_in_a_receipt_is_remarked(bag: Bag) -> None:
    path = bag.path / OPENING / "receipts" / f"{LISTED[0]}.receipt"
    path.write_bytes(path.read_bytes() + b"tst MAAA\n")
    bag.seal()
    report = checked(bag)
    assert report.ok
    assert "1 time stamps of receipts are not checked by this version" in report.notes


def awaiting(bag: Bag) -> str:
    """Have a bid judged to await its bytes before it was opened, and return its number."""
    number = next(one for one in LISTED if one != ABSENT)
    seq = verdict_on(bag, number)
    members: dict[str, Json] = {
        "verdict": "awaiting_bytes", "cause": "root_mismatch", "party": "platform", "parts": [],
    }  # fmt: skip
    double(bag, seq)
    body = {**bag.rows[seq][0].body, **members}
    told = {name: one for name, one in body.items() if name != "signature"}
    signature = encode_base64(LOG.private.sign(b"EVB1 verdict" + canonical(told)))
    bag.change(seq, **{**members, "signature": signature})
    return number


def double(bag: Bag, seq: int) -> None:
    """Double an entry, and let everything behind it move on by one."""
    bag.rows.insert(seq, bag.rows[seq])
    bag.rows = [(replace(entry, seq=n), secrets) for n, (entry, secrets) in enumerate(bag.rows)]
    bag.cosigned = {size + (size > seq) for size in bag.cosigned}
    bag.openings = [
        {**one, "seq": int(str(one["seq"])) + (int(str(one["seq"])) > seq)}
        for one in bag.openings
        if isinstance(one, dict)
    ]
    for n, (entry, _) in enumerate(bag.rows):
        if entry.type == "CheckpointCosigned":
            size = int(str(entry.body["size"]))
            bag.change(n, size=size + (size > seq))


def test_a_bid_whose_bytes_came_back_is_looked_at_like_any_other(bag: Bag) -> None:
    number = awaiting(bag)
    assert set() == retold(bag)
    path = bag.path / OPENING / "envelopes" / f"{number}.evb1"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    bag.seal()
    assert (18, "envelope_root") in found(bag)


def test_spoilt_bytes_that_the_verdict_names_are_remarked_and_no_fault(bag: Bag) -> None:
    rejudge(bag, verdict_on(bag, ABSENT), verdict="withdrawn", cause="root_mismatch", party="platform")
    other_record = {(21, "confirmation")}  # bidders had confirmed the record before it was changed here
    assert other_record == retold(bag)
    path = bag.path / OPENING / "envelopes" / f"{ABSENT}.evb1"
    path.write_bytes(b"nothing is left of it")
    bag.seal()
    assert other_record == found(bag)
    assert f"the bytes of bid {ABSENT} were judged spoilt" in checked(bag).notes


# --- two implementations, one vocabulary ------------------------------------------------------------------------


def test_the_verifier_goes_through_the_states_of_the_room() -> None:
    room = {
        state.value: {kind.__name__: " ".join(one.value for one in leads) for kind, leads in facts.items()}
        for state, facts in TRANSITIONS.items()
    }
    assert room == {state: dict(facts) for state, facts in verifier._STATES.items()}
    assert {one.value for one in CeremonyState} == set(verifier._STATES)
    assert {one.__name__ for one in _kinds()} == set(verifier._CEREMONY)


def test_the_verifier_lets_the_host_do_unsigned_what_the_room_lets_it_do() -> None:
    by_host = {
        event.__name__
        for act, event in ACTS.items()
        if Role.HOST in COMMANDS[str(act.__dataclass_fields__["kind"].default)]
    }
    # Of its own accord: when there are too few bids, when a second person approved, when a fault was declared, and when
    # the notice is out.
    led = {
        "OpeningAborted", "SessionResumed", "SessionPaused", "QuestionSent", "StageChanged", "OccupancyConfirmed",
    }  # fmt: skip
    assert by_host | led == verifier._BY_HOST


def test_the_verifier_gives_the_same_fault_to_the_same_party() -> None:
    assert {(verdict.value, cause): party for (verdict, cause), party in RULINGS.items()} == verifier._RULINGS


@pytest.mark.parametrize("name", ["0x01-joint", "0x02-joint", "0x02-sites", "0x02-bidder", "0x11-joint"])
def test_the_verifier_reads_and_opens_the_published_vectors(tmp_path: Path, name: str) -> None:
    vector = json.loads((vectors.FOLDER / f"{name}.json").read_text("utf-8"))
    number = verifier._unbase64(vector["bid"]).hex()
    file = f"{verifier.OPENING}envelopes/{number}.evb1"
    contents = {
        verifier.POLICY: vector["policy"].encode(),
        file: (vectors.FOLDER / f"{name}.evb1").read_bytes(),
    }
    for path, data in contents.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    case = verifier._Case(tmp_path, [], [], 1, lambda _: None)
    case.files = {path: len(data) for path, data in contents.items()}
    case.policy = json.loads(vector["policy"])
    envelope = verifier._read_envelope(case, file, number)
    assert envelope.root == verifier._unbase64(vector["root"]) == verifier._root_of(case, envelope)
    digest = verifier._hash(envelope.suite, envelope.trailer, envelope.signature)
    assert verifier._unbase64(vector["digest"]) == digest
    assert verifier._is_bidders(case, envelope, envelope.signature, b"EVB1 bid" + envelope.trailer)
    assert ("0x11" in name) == any("0x11" in note for note in case.remarks)
    for part in vector["parts"]:
        text = verifier._decrypt(case, envelope, part["part"], verifier._unbase64(part["content_key"]))
        assert bids.TEXTS[PartName(part["part"])] == text
