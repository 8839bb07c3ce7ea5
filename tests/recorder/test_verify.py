"""The verifier: attackers first, clumsy and clever; then the clean bag, which must raise no alarm.

A clumsy attacker changes bytes: the manifests tell.  A clever one makes the manifests anew, and signs the
journal with the true log key where he has it: then only the step named by the test can tell.
"""

import hashlib
import json
import os
import random
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from evalroom.commands import ACTS
from evalroom.committee_marks import committee_marks
from evalroom.encoding import body_of, to_json
from evalroom.events import EVENTS, Stage, SteppedBack
from evalroom.ids import BidId, SeatCode
from evalroom.ledger.canonical import Json, canonical
from evalroom.ledger.checkpoint import parse_checkpoint, sign_checkpoint
from evalroom.ledger.entry import UNSALTED
from evalroom.ledger.note import KeyKind, SigningKey, parse_note
from evalroom.ledger.signature import sign_act
from evalroom.price_review import compute
from evalroom.pricing import presets
from evalroom.pricing.errors import NothingToPrice
from evalroom.pricing.formula import PriceFormula, TieKey, TieOrder, TrimTerms
from evalroom.pricing.rationals import Rounding, RoundingTerms
from evalroom.pricing.reading import read_formula
from evalroom.ranking import rank
from evalroom.roles import COMMANDS, Role
from evalroom.session import RETURNS, TRANSITIONS
from evalroom.sheet import Cell, Sheet
from evalroom.stages import ROAD
from evalroom.summary import MarkTrim, SummaryTerms, WidestTie
from evalroom.tender import Group, Item, Part
from recorder import verify as verifier
from recorder.verify import Failure, Progress, Report, UnusableKey, lines_of, main, verify
from tests.evalroom import room as trade
from tests.evalroom.pricing.formulas import CASES
from tests.evalroom.test_events import SAMPLES
from tests.recorder.bag_factory import LOG_KEY, ORIGIN, TRACK, WITNESS_KEYS, Bag, copy_of, make_bag

REEL = f"data/media/{TRACK}.0.mp4"


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Bag:
    return make_bag(tmp_path_factory.mktemp("clean") / "bag")


@pytest.fixture
def bag(clean: Bag, tmp_path: Path) -> Bag:
    return copy_of(clean, tmp_path / "bag")


def failures(report: Report) -> list[Failure]:
    return [failure for step in report.steps for failure in step.failures]


def checked(bag: Bag) -> Report:
    return verify(bag.path, [LOG_KEY], WITNESS_KEYS)


def found(bag: Bag) -> set[tuple[int, str]]:
    return {(one.step, one.code) for one in failures(checked(bag))}


# --- the clumsy attacker: 500 mutations ---------------------------------------------------------------


def flip(data: bytes, dice: random.Random) -> bytes:
    place = dice.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << dice.randrange(8)]) + data[place + 1 :]


def swap(data: bytes, dice: random.Random) -> bytes:
    width = dice.randint(1, max(1, len(data) // 3))
    a = dice.randrange(len(data) - width + 1)
    b = dice.randrange(len(data) - width + 1)
    copy = bytearray(data)
    copy[a : a + width], copy[b : b + width] = data[b : b + width], data[a : a + width]
    return bytes(copy)


def delete(data: bytes, dice: random.Random) -> bytes:
    place = dice.randrange(len(data))
    return data[:place] + data[place + dice.choice((1, 1, 16, 500)) :]


def truncate(data: bytes, dice: random.Random) -> bytes:
    return data[: dice.randrange(len(data))]


def insert(data: bytes, dice: random.Random) -> bytes:
    place = dice.randrange(len(data) + 1)
    return data[:place] + dice.randbytes(dice.choice((1, 1, 16))) + data[place:]


MUTATIONS = (flip, swap, delete, truncate, insert)


@pytest.mark.parametrize("seed", range(10))
def test_fifty_single_mutations_are_all_found(clean: Bag, tmp_path: Path, seed: int) -> None:
    bag, dice = copy_of(clean, tmp_path / "bag"), random.Random(seed)
    files = sorted(path for path in bag.path.rglob("*") if path.is_file() and path.stat().st_size)
    for round_ in range(50):
        path, mutate = dice.choice(files), MUTATIONS[round_ % len(MUTATIONS)]
        data = path.read_bytes()
        changed = mutate(data, dice)
        if changed == data:
            changed = flip(data, dice)
        path.write_bytes(changed)
        report = checked(bag)
        assert not report.ok, (seed, round_, mutate.__name__, path.name)
        name = path.relative_to(bag.path).as_posix()
        assert "manifest" in name or name in {one.file for one in failures(report)}
        path.write_bytes(data)
    assert checked(bag).ok


def test_a_changed_picture_is_located_in_track_and_second(bag: Bag) -> None:
    fragment = bag.rows[bag.find("FragmentRecorded", 1)][0].body
    offset = fragment["offset"]
    assert isinstance(offset, int)
    data = bytearray((bag.path / REEL).read_bytes())
    data[offset + 2000] ^= 4
    (bag.path / REEL).write_bytes(data)
    first = checked(bag).first_failure
    assert first is not None
    assert (2, "digest", REEL, TRACK, 1.0) == (first.step, first.code, first.file, first.track, first.second)
    assert (
        f"2 payload digests: the digest differs: the file was changed ({REEL}, {TRACK}, 1.0 s"
        in first.sentence()
    )
    assert "摘要不符" in first.sentence("zh")


# --- the folder ---------------------------------------------------------------------------------------


def add_link(bag: Bag) -> None:
    (bag.path / "data" / "docs" / "more").symlink_to("/etc/passwd")


def add_linked_folder(bag: Bag) -> None:
    (bag.path / "metadata").symlink_to("/etc")


def add_pipe(bag: Bag) -> None:
    os.mkfifo(bag.path / "data" / "pipe")


def add_file(bag: Bag) -> None:
    (bag.path / "data" / "docs" / "extra.pdf").write_bytes(b"")


def add_empty_folder(bag: Bag) -> None:
    (bag.path / "data" / "empty").mkdir()


def add_twin(bag: Bag) -> None:
    (bag.path / "data" / "docs" / "bids" / "BID1.pdf").write_bytes(b"%PDF")
    bag.seal()


def add_strange_name(bag: Bag) -> None:
    (bag.path / "data" / "评标.pdf").write_bytes(b"")
    bag.seal()


def add_reserved_name(bag: Bag) -> None:
    (bag.path / "data" / "con.txt").write_bytes(b"")
    bag.seal()


def add_newline_name(bag: Bag) -> None:
    (bag.path / "data" / "a\nb").write_bytes(b"")


def remove_file(bag: Bag) -> None:
    (bag.path / "data" / "docs" / "bids" / "bid1.pdf").unlink()


def remove_manifest(bag: Bag) -> None:
    (bag.path / "tagmanifest-sha256.txt").unlink()


def list_outside(bag: Bag) -> None:
    with (bag.path / "manifest-sha256.txt").open("a") as manifest:
        manifest.write(f"{hashlib.sha256().hexdigest()}  data/../../outside\n")


def list_absolute(bag: Bag) -> None:
    with (bag.path / "tagmanifest-sha256.txt").open("a") as manifest:
        manifest.write(f"{hashlib.sha256().hexdigest()}  /etc/passwd\n")


def list_twice(bag: Bag) -> None:
    manifest = bag.path / "manifest-sha256.txt"
    manifest.write_text(manifest.read_text() + manifest.read_text().splitlines()[0] + "\n")


def list_payload_as_tag(bag: Bag) -> None:
    line = (bag.path / "manifest-sha256.txt").read_text().splitlines()[0]
    with (bag.path / "tagmanifest-sha256.txt").open("a") as manifest:
        manifest.write(line + "\n")


def end_lines_by_return(bag: Bag) -> None:
    manifest = bag.path / "manifest-sha256.txt"
    manifest.write_bytes(manifest.read_bytes().replace(b"\n", b"\r\n"))


def lie_about_size(bag: Bag) -> None:
    (bag.path / "bag-info.txt").write_text("Payload-Oxum: 1.1\n")


def change_version(bag: Bag) -> None:
    (bag.path / "bagit.txt").write_text("BagIt-Version: 0.97\nTag-File-Character-Encoding: UTF-8\n")


@pytest.mark.parametrize(
    ("attack", "code"),
    [
        (add_link, "link"),
        (add_linked_folder, "link"),
        (add_pipe, "link"),
        (add_file, "unlisted"),
        (add_empty_folder, "empty_folder"),
        (add_twin, "case_collision"),
        (add_strange_name, "unsafe_name"),
        (add_reserved_name, "unsafe_name"),
        (add_newline_name, "unsafe_name"),
        (remove_file, "missing"),
        (remove_manifest, "missing"),
        (list_outside, "manifest_form"),
        (list_absolute, "manifest_form"),
        (list_twice, "manifest_form"),
        (list_payload_as_tag, "manifest_form"),
        (end_lines_by_return, "manifest_form"),
        (lie_about_size, "oxum"),
        (change_version, "bag_form"),
    ],
)
def test_a_folder_that_is_no_bag_of_ours_is_refused(
    bag: Bag, attack: Callable[[Bag], None], code: str
) -> None:
    attack(bag)
    assert (1, code) in found(bag)


def test_no_folder_at_all_is_a_failure_and_no_crash(tmp_path: Path) -> None:
    report = verify(tmp_path / "nothing")
    assert not report.ok
    assert "no_bag" == report.steps[0].failures[0].code


@pytest.mark.parametrize(
    "name", ["entries.jsonl", "openings.jsonl", "checkpoints.txt", "checkpoint", "keys.txt"]
)
def test_a_part_of_the_log_removed_with_new_manifests_is_missed(bag: Bag, name: str) -> None:
    (bag.path / "data" / "log" / name).unlink()
    bag.seal()
    assert (1, "missing") in found(bag)


# --- the clever attacker: manifests made anew ---------------------------------------------------------


def lines(bag: Bag, name: str) -> list[bytes]:
    return (bag.path / "data" / "log" / name).read_bytes().splitlines(keepends=True)


def rewrite(bag: Bag, name: str, new: list[bytes]) -> None:
    (bag.path / "data" / "log" / name).write_bytes(b"".join(new))
    bag.seal()


def test_every_line_of_the_journal_is_under_the_checkpoints(bag: Bag) -> None:
    good = lines(bag, "entries.jsonl")
    for number in range(0, len(good), 25):
        changed = good[number].replace(b'"t":17', b'"t":18', 1)
        rewrite(bag, "entries.jsonl", [*good[:number], changed, *good[number + 1 :]])
        assert (6, "root") in found(bag)


def test_a_line_dropped_or_swapped_breaks_the_numbers(bag: Bag) -> None:
    good = lines(bag, "entries.jsonl")
    rewrite(bag, "entries.jsonl", good[:5] + good[6:])
    assert (5, "seq") in found(bag)
    rewrite(bag, "entries.jsonl", [*good[:5], good[6], good[5], *good[7:]])
    assert (5, "seq") in found(bag)


def test_a_line_that_is_not_canonical_is_refused(bag: Bag) -> None:
    good = lines(bag, "entries.jsonl")
    for changed in (
        good[3].replace(b'"seq":3', b'"seq": 3'),
        good[3].replace(b'"seq":3', b'"seq":3,"seq":3'),
        good[3].replace(b'"seq":3', b'"seq":3.0'),
        good[3].replace(b'"salt":"', b'"salt":"A'),
        b"\n",
        b"[]\n",
        b"[" * 1000 + b"]" * 1000 + b"\n",
    ):
        rewrite(bag, "entries.jsonl", [*good[:3], changed, *good[4:]])
        assert (5, "entry_form") in found(bag)
    rewrite(bag, "entries.jsonl", [*good[:-1], good[-1].rstrip(b"\n")])
    assert (5, "entry_form") in found(bag)


def test_a_journal_cut_off_at_an_older_checkpoint_is_not_closed(bag: Bag) -> None:
    size = sorted(bag.cosigned)[-2]
    rewrite(bag, "entries.jsonl", lines(bag, "entries.jsonl")[:size])
    assert {(5, "closing_entry"), (6, "not_checkable"), (13, "not_checkable")} <= found(bag)


def test_entries_after_the_close_are_refused(bag: Bag) -> None:
    last = bag.rows[-1][0]
    bag.rows.append((replace(last, seq=last.seq + 1, type="NoteWritten"), ()))
    bag.write()
    assert (5, "closing_entry") in found(bag)


def test_a_body_of_another_form_is_refused(bag: Bag) -> None:
    bag.change(bag.find("ScoreEntered"), revision="1")
    bag.write()
    assert (5, "body_form") in found(bag)


def test_a_second_opening_entry_is_refused(bag: Bag) -> None:
    opening = bag.rows[0][0]
    bag.rows.append((replace(opening, seq=len(bag.rows)), ()))
    bag.write()
    assert (5, "opening_entry") in found(bag)


def test_a_type_that_came_later_is_only_remarked(bag: Bag) -> None:
    seq = (
        bag.find("SeatTested") if any(row.type == "SeatTested" for row, _ in bag.rows) else len(bag.rows) - 1
    )
    entry, _ = bag.rows[seq]
    bag.rows.insert(seq, (replace(entry, type="MoonRisen", body={"phase": 1}, sig=None), ()))
    bag.rows = [(replace(row, seq=n), secrets) for n, (row, secrets) in enumerate(bag.rows)]
    bag.cosigned = {size + (size > seq) for size in bag.cosigned}
    bag.write()
    report = checked(bag)
    assert report.ok, failures(report)
    assert "1 entries of the unknown type MoonRisen" in report.notes


# --- checkpoints, keys, witnesses ---------------------------------------------------------------------


def notes(bag: Bag) -> list[bytes]:
    text = (bag.path / "data" / "log" / "checkpoints.txt").read_bytes()
    parts = text.split(ORIGIN.encode() + b"\n")[1:]
    return [ORIGIN.encode() + b"\n" + part for part in parts]


def write_notes(bag: Bag, new: list[bytes]) -> None:
    (bag.path / "data" / "log" / "checkpoint").write_bytes(new[-1])
    rewrite(bag, "checkpoints.txt", new)


def without_line(note: bytes, name: str) -> bytes:
    return b"".join(line for line in note.splitlines(keepends=True) if f" {name} ".encode() not in line)


def test_a_log_signed_anew_with_another_key_is_no_longer_yours(bag: Bag) -> None:
    thief = SigningKey.from_seed(ORIGIN, KeyKind.LOG, b"T" * 32)
    write_notes(
        bag, [sign_checkpoint(parse_checkpoint(parse_note(one).text), thief).encode() for one in notes(bag)]
    )
    assert (7, "log_signature") in found(bag)


def test_a_whole_journal_made_by_a_thief_fails_against_your_keys(bag: Bag) -> None:
    thief = SigningKey.from_seed(ORIGIN, KeyKind.LOG, b"T" * 32).verifier.encode()
    report = verify(bag.path, [thief])
    assert [(7, "untrusted_log")] == [(one.step, one.code) for one in failures(report)]


def test_keys_in_the_bag_are_named_as_such(bag: Bag) -> None:
    report = verify(bag.path)
    assert report.ok
    assert [True, True] == ["taken from the bag" in note for note in report.notes[1:]]


@pytest.mark.parametrize("name", ["west", "east"])
def test_a_cosignature_taken_away_is_missed_everywhere(bag: Bag, name: str) -> None:
    good = notes(bag)
    for number, note in enumerate(good):
        changed = [*good[:number], without_line(note, name), *good[number + 1 :]]
        write_notes(bag, changed)
        assert {(8, "cosigned_note"), (8, "quorum")} & found(bag)


def test_a_cosigned_checkpoint_taken_away_is_missed(bag: Bag) -> None:
    good = notes(bag)
    write_notes(bag, good[1:])
    assert (8, "cosigned_note") in found(bag)
    write_notes(bag, good[:-1])
    assert (6, "uncovered") in found(bag)


def test_a_cosignature_of_another_checkpoint_is_refused(bag: Bag) -> None:
    good = notes(bag)
    stolen = next(line for line in good[0].splitlines(keepends=True) if b" west " in line)
    write_notes(bag, [*good[:-1], without_line(good[-1], "west") + stolen])
    assert (8, "cosignature") in found(bag)


def test_a_cosignature_counts_once(bag: Bag) -> None:
    good = notes(bag)
    line = next(line for line in good[-1].splitlines(keepends=True) if b" west " in line)
    write_notes(bag, [*good[:-1], good[-1] + line])
    assert (8, "cosignature") in found(bag)


def test_lines_of_unknown_keys_count_for_nothing_and_are_reported(bag: Bag) -> None:
    good = notes(bag)
    stranger = "— stranger ".encode() + b"AAAAAAAA\n"
    write_notes(bag, [*good[:-1], good[-1] + stranger])
    report = checked(bag)
    assert report.ok
    assert any("stranger" in note for note in report.notes)


def test_only_the_witnesses_you_name_make_the_quorum(bag: Bag) -> None:
    report = verify(bag.path, [LOG_KEY], WITNESS_KEYS[:1])
    assert {(8, "quorum")} == {(one.step, one.code) for one in failures(report)}


def test_checkpoints_out_of_order_are_refused(bag: Bag) -> None:
    write_notes(bag, notes(bag)[::-1])
    assert (6, "checkpoint_order") in found(bag)


@pytest.mark.parametrize("junk", [b"\n", b"junk\n", "— west AAAA\n".encode(), b"\x07\n", b"\xff"])
def test_junk_between_checkpoints_is_refused(bag: Bag, junk: bytes) -> None:
    good = notes(bag)
    rewrite(bag, "checkpoints.txt", [junk, *good])
    assert (6, "checkpoint_form") in found(bag)
    rewrite(bag, "checkpoints.txt", [good[0], junk, *good[1:]])
    assert found(bag)


def test_the_last_checkpoint_alone_must_be_the_last(bag: Bag) -> None:
    (bag.path / "data" / "log" / "checkpoint").write_bytes(notes(bag)[0])
    bag.seal()
    assert (6, "last_checkpoint") in found(bag)


def test_other_keys_in_keys_txt_are_noticed(bag: Bag) -> None:
    rewrite(bag, "keys.txt", lines(bag, "keys.txt")[:2])
    assert (7, "keys_differ") in found(bag)


def test_one_key_for_two_witnesses_is_refused(bag: Bag) -> None:
    keys = json.loads(json.dumps(bag.rows[0][0].body["keys"]))
    west = SigningKey.from_seed("west", KeyKind.COSIGNATURE, b"W" * 32)
    keys["witnesses"][1]["vkey"] = SigningKey("east", KeyKind.COSIGNATURE, west.private).verifier.encode()
    bag.change(0, keys=keys)
    bag.write()
    assert (8, "key_form") in found(bag)


def test_sheets_opened_before_the_witnesses_saw_the_locks_are_noticed(bag: Bag) -> None:
    first = bag.find("CheckpointCosigned")
    bag.cosigned.discard(min(bag.cosigned))
    bag.drop(first)
    bag.write()
    assert (8, "unlock_early") in found(bag)


@pytest.mark.parametrize("key", ["", "x", LOG_KEY[:-4], LOG_KEY.replace("EV", "EW"), WITNESS_KEYS[0]])
def test_a_key_of_yours_that_is_none_is_told_at_once(bag: Bag, key: str) -> None:
    with pytest.raises(UnusableKey):
        verify(bag.path, [key])
    with pytest.raises(UnusableKey):
        verify(bag.path, [], [LOG_KEY])


# --- the recording ------------------------------------------------------------------------------------


def retold(bag: Bag) -> set[tuple[int, str]]:
    """Write the bag after a change to its journal, signed with the true keys: only deeper steps can tell."""
    bag.retell()
    bag.write()
    return found(bag)


def test_a_dropped_gap_is_a_hole_with_its_second(bag: Bag) -> None:
    bag.drop(bag.find("GapDeclared"))
    assert {(10, "hole")} == retold(bag)
    (hole,) = failures(checked(bag))
    assert (TRACK, 4.0, "1.5 s") == (hole.track, round(hole.second or 0, 2), hole.detail)


def test_a_hole_of_less_than_a_fifth_of_a_second_is_none(bag: Bag) -> None:
    gap = bag.rows[bag.find("GapDeclared")][0].body
    end = gap["to_ms"]
    assert isinstance(end, int)
    bag.change(bag.find("GapDeclared"), to_ms=end - 199)
    assert set() == retold(bag)
    bag.change(bag.find("GapDeclared"), to_ms=end - 201)
    assert {(10, "hole")} == retold(bag)


def test_a_track_that_ends_later_than_its_pictures_has_a_hole(bag: Bag) -> None:
    ended = bag.rows[bag.find("TrackEnded")][0].body["at_ms"]
    assert isinstance(ended, int)
    bag.change(bag.find("TrackEnded"), at_ms=ended + 5000)
    assert {(10, "hole")} == retold(bag)


def test_a_track_without_its_end_is_open(bag: Bag) -> None:
    bag.drop(bag.find("TrackEnded"))
    assert {(10, "track_open")} == retold(bag)


def test_a_track_without_its_start_is_noticed(bag: Bag) -> None:
    bag.drop(bag.find("TrackStarted"))
    assert (10, "track_order") in retold(bag)


def test_a_dropped_fragment_breaks_the_order(bag: Bag) -> None:
    bag.drop(bag.find("FragmentRecorded", 1))
    assert (5, "track_order") in retold(bag)


def test_a_last_fragment_dropped_leaves_bytes_unaccounted_for(bag: Bag) -> None:
    bag.drop(bag.find("FragmentRecorded", 2))
    assert {(9, "fragment_order"), (10, "hole")} <= retold(bag)


def test_a_reel_never_closed_is_noticed(bag: Bag) -> None:
    bag.drop(bag.find("ReelClosed"))
    assert (9, "reel_open") in retold(bag)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"bytes": 1}, "reel_size"),
        ({"sha256": "0" * 64}, "reel_digest"),
        ({"init_sha256": "0" * 64}, "init"),
        ({"fragments": 2}, "fragment_order"),
        ({"torn": True}, "boxes"),
    ],
)
def test_a_reel_closed_with_other_words_is_noticed(bag: Bag, change: dict[str, Json], code: str) -> None:
    bag.change(bag.find("ReelClosed"), **change)
    assert (9, code) in retold(bag)


def test_a_fragment_with_another_digest_is_named(bag: Bag) -> None:
    bag.change(bag.find("FragmentRecorded", 2), sha256="0" * 64)
    assert {(9, "fragment_digest")} == retold(bag)
    (one,) = failures(checked(bag))
    assert (REEL, TRACK, 2.0) == (one.file, one.track, one.second)


def test_fragments_that_overlap_are_refused(bag: Bag) -> None:
    body = bag.rows[bag.find("FragmentRecorded", 1)][0].body
    offset = body["offset"]
    assert isinstance(offset, int)
    bag.change(bag.find("FragmentRecorded", 1), offset=offset - 8)
    assert (9, "fragment_order") in retold(bag)


def test_bytes_after_a_reel_are_not_accounted_for(bag: Bag) -> None:
    path = bag.path / REEL
    path.write_bytes(path.read_bytes() + b"\0\0\0\x08free")
    data = path.read_bytes()
    bag.change(bag.find("ReelClosed"), bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    assert {(9, "boxes")} == retold(bag)


def test_a_media_file_the_journal_does_not_know_is_refused(bag: Bag) -> None:
    (bag.path / f"data/media/{TRACK}.2.mp4").write_bytes(b"")
    bag.seal()
    assert (9, "reel_unknown") in found(bag)


def test_a_playlist_that_leaves_out_a_fragment_is_noticed(bag: Bag) -> None:
    path = bag.path / f"data/media/{TRACK}.0.m3u8"
    rows = path.read_text().splitlines(keepends=True)
    path.write_text("".join(rows[:7] + rows[10:]))
    bag.seal()
    assert {(9, "playlist")} == found(bag)


def test_a_reel_that_is_not_here_is_missing(bag: Bag) -> None:
    (bag.path / REEL).unlink()
    bag.seal()
    assert (9, "missing") in found(bag)


def test_a_track_name_that_leaves_the_folder_is_no_track(bag: Bag) -> None:
    bag.change(bag.find("TrackStarted"), track="../../etc/passwd")
    assert (5, "body_form") in retold(bag)


def test_an_index_that_tells_another_story_is_noticed(bag: Bag) -> None:
    path = bag.path / "data" / "session.json"
    index = json.loads(path.read_text())
    index["tracks"][0]["reels"].pop()
    path.write_text(json.dumps(index))
    bag.seal()
    assert {(6, "index")} == found(bag)


@pytest.mark.parametrize("script", [b"", b"window.SESSION = {};\n", b"alert(1);\n", b"window.SESSION = 1"])
def test_a_script_that_tells_another_story_than_the_index_is_noticed(bag: Bag, script: bytes) -> None:
    (bag.path / "data" / "session.js").write_bytes(script)
    bag.seal()
    assert {(6, "index")} == found(bag)


# --- clocks -------------------------------------------------------------------------------------------


def test_a_reel_without_clock_cannot_be_placed(bag: Bag) -> None:
    bag.drop(bag.find("ClockMapped"))
    assert {(11, "no_clock"), (10, "hole")} <= retold(bag)


@pytest.mark.parametrize("knots", [[[0, 0], [0, 1]], [[0, 10], [5, 9]], [[0, 0], [1_000_000, 1_500_000]]])
def test_a_clock_that_jumps_is_noticed(bag: Bag, knots: Json) -> None:
    bag.change(bag.find("ClockMapped"), map=knots)
    assert (11, "clock_map") in retold(bag)


def test_a_recording_from_the_future_is_noticed(bag: Bag) -> None:
    at = bag.rows[-1][0].t * 1000
    bag.change(bag.find("ClockMapped", 1), map=[[0, at + 9_000_000]])
    assert (11, "clock_map") in retold(bag)


def test_a_site_whose_clock_is_not_known_to_two_seconds_is_noticed(bag: Bag) -> None:
    bag.change(bag.find("SiteOffsetMeasured"), bound_us=2_000_001)
    assert {(11, "clock_bound")} == retold(bag)


@pytest.mark.parametrize(("off_s", "noticed"), [(3600, set()), (-3600, {(11, "time_ahead")})])
def test_a_clock_that_is_off_is_no_fault_and_its_cosignatures_count_as_it_was_measured(
    bag: Bag, off_s: int, noticed: set[tuple[int, str]]
) -> None:
    # The witness of this bag is right: an hour taken from its times lets the journal look written ahead.
    bag.change(bag.find("SiteOffsetMeasured"), offset_us=off_s * 1_000_000)
    assert noticed == retold(bag)


def test_a_site_that_recorded_without_measured_clock_is_noticed(bag: Bag) -> None:
    bag.drop(bag.find("SiteOffsetMeasured"))
    assert {(11, "site_clock")} == retold(bag)


def test_an_entry_younger_than_the_cosignature_over_it_is_noticed(bag: Bag) -> None:
    entry, secrets = bag.rows[20]
    bag.rows[20] = (replace(entry, t=entry.t + 60_000), secrets)
    assert {(11, "time_ahead")} == retold(bag)


# --- openings, signatures, results --------------------------------------------------------------------


def change_opening(bag: Bag, number: int, **members: Json) -> None:
    one = bag.openings[number]
    assert isinstance(one, dict)
    bag.openings[number] = {**one, **members}


@pytest.mark.parametrize("member", [{"value": "9.9"}, {"nonce": "00" * 32}])
def test_another_value_does_not_open_the_commitment(bag: Bag, member: dict[str, Json]) -> None:
    change_opening(bag, 40, **member)
    bag.write()
    assert (12, "opening") in found(bag)


@pytest.mark.parametrize(
    "member", [{"seq": 0}, {"path": "/reason2"}, {"nonce": "00" * 31}, {"value": 5}, {"x": 1}]
)
def test_a_line_that_is_no_opening_is_refused(bag: Bag, member: dict[str, Json]) -> None:
    change_opening(bag, 40, **member)
    bag.write()
    assert (12, "opening_form") in found(bag)


def test_an_opening_left_out_or_doubled_is_noticed(bag: Bag) -> None:
    last = bag.openings.pop()
    bag.write()
    assert (12, "opening_missing") in found(bag)
    bag.openings += [last, last]
    bag.write()
    assert (12, "opening_form") in found(bag)


def test_a_value_that_had_to_stay_secret_is_noticed(bag: Bag) -> None:
    prices = bag.rows[bag.find("PricesOpened")][0].body["prices"]
    assert isinstance(prices, list)
    bag.change(bag.find("PricesOpened"), prices=prices[1:])
    assert (12, "opening_early") in retold(bag)


def test_a_score_moved_to_another_member_is_not_signed_by_them(bag: Bag) -> None:
    seq = bag.find("ScoreEntered")
    entry, secrets = bag.rows[seq]
    bag.rows[seq] = (replace(entry, actor="E3", site="east"), secrets)
    assert (13, "act_signature") in retold(bag)


def test_a_score_by_somebody_without_that_role_is_noticed(bag: Bag) -> None:
    seq = bag.find("ScoreEntered")
    entry, secrets = bag.rows[seq]
    bag.rows[seq] = (replace(entry, actor="S1", site="host"), secrets)
    assert (13, "role") in retold(bag)


def test_an_unsigned_score_is_noticed(bag: Bag) -> None:
    seq = bag.find("ScoreEntered")
    entry, secrets = bag.rows[seq]
    bag.rows[seq] = (replace(entry, sig=None), secrets)
    assert (13, "unsigned") in retold(bag)


def test_a_key_swapped_by_the_host_is_not_the_experts(bag: Bag) -> None:
    bag.change(bag.find("SeatJoined", 1), key=bag.rows[bag.find("SeatJoined", 2)][0].body["key"])
    assert (13, "act_signature") in retold(bag)


@pytest.mark.parametrize("key", ["", "AAAA", "!"])
def test_a_seat_key_of_another_kind_is_refused(bag: Bag, key: str) -> None:
    bag.change(bag.find("SeatJoined", 1), key=key)
    assert (13, "seat_key") in retold(bag)


def test_a_seat_that_joins_as_somebody_else_is_noticed(bag: Bag) -> None:
    bag.change(bag.find("SeatJoined", 1), role="supervisor")
    assert (13, "role") in retold(bag)


def test_a_command_carried_out_twice_is_noticed(bag: Bag) -> None:
    seq = bag.find("DisciplineAccepted")
    bag.rows.insert(seq, bag.rows[seq])
    bag.rows = [(replace(row, seq=n), secrets) for n, (row, secrets) in enumerate(bag.rows)]
    bag.openings = [
        {**one, "seq": int(str(one["seq"])) + (int(str(one["seq"])) > seq)}
        for one in bag.openings
        if isinstance(one, dict)
    ]
    bag.cosigned = {size + (size > seq) for size in bag.cosigned}
    for n, (row, _) in enumerate(bag.rows):
        if row.type == "CheckpointCosigned":
            bag.change(n, size=int(str(row.body["size"])) + 1)
    assert (13, "replayed") in retold(bag)


def test_a_score_dropped_before_the_lock_breaks_the_sheet(bag: Bag) -> None:
    bag.drop(bag.find("ScoreEntered", 3))
    assert (13, "sheet_digest") in retold(bag)


def resigned(bag: Bag, seq: int, **body: Json) -> None:
    """Change a body and sign it again with the seat's own key: the expert takes part in the fraud."""
    entry, secrets = bag.rows[seq]
    changed = {**entry.body, **body}
    members = {
        "actor": entry.actor,
        "body": changed,
        "cmd": entry.cmd,
        "site": entry.site,
        "type": entry.type,
    }
    payload = verifier._canonical({**members, "session": trade.SESSION})
    sig = sign_act(trade.private_key(entry.actor), payload)
    bag.rows[seq] = (replace(entry, body=changed, sig=sig), secrets)


def test_a_skipped_stage_is_noticed(bag: Bag) -> None:
    resigned(bag, bag.find("StageChanged"), after="detailed")
    assert (14, "stage") in retold(bag)


def test_a_broken_revision_is_noticed(bag: Bag) -> None:
    resigned(bag, bag.find("ScoreEntered"), revision=2)
    assert (14, "revision") in retold(bag)


def test_a_signature_under_another_result_is_noticed(bag: Bag) -> None:
    resigned(bag, bag.find("ReportSigned"), digest="0" * 64)
    assert {(14, "report")} == retold(bag)


def rewritten(bag: Bag, changed: dict[str, Json]) -> set[tuple[int, str]]:
    """Return what is found when the report's data are others, and everybody signed those."""
    data = canonical(changed)
    (bag.path / "data" / "docs" / f"report-{trade.LOT}.json").write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    bag.change(bag.find("ReportMade"), sha256=digest, bytes=len(data))
    for nth in range(len(trade.EXPERTS)):
        resigned(bag, bag.find("ReportSigned", nth), digest=digest)
    return retold(bag)


def report_in(bag: Bag) -> dict[str, Json]:
    read = json.loads((bag.path / "data" / "docs" / f"report-{trade.LOT}.json").read_bytes())
    assert isinstance(read, dict)
    return read


def test_a_report_that_all_signed_is_still_recomputed(bag: Bag) -> None:
    report = report_in(bag)
    rows = report["ranking"]
    assert isinstance(rows, list)
    assert set() == rewritten(bag, report)
    assert {(14, "report_totals")} == rewritten(bag, {**report, "ranking": [*rows[1:], rows[0]]})


def test_a_report_whose_data_are_changed_or_gone_is_noticed(bag: Bag) -> None:
    path = bag.path / "data" / "docs" / f"report-{trade.LOT}.json"
    path.write_bytes(path.read_bytes().replace(b'"title":"', b'"title":"!', 1))
    bag.seal()
    assert {(14, "report_data")} == found(bag)
    path.unlink()
    bag.seal()
    assert {(14, "report_data")} == found(bag)


def test_a_stand_without_its_words_is_noticed(bag: Bag) -> None:
    resigned(bag, bag.find("ReportSigned"), stand="refuses")
    assert {(14, "report")} == retold(bag)


def test_words_of_whoever_is_no_member_are_noticed(bag: Bag) -> None:
    resigned(bag, bag.find("ReportSigned", 1), stand="dissents", reason="the weights are wrong")
    assert set() == retold(bag)
    entry, secrets = bag.rows[bag.find("ReportMade")]
    bag.rows[bag.find("ReportMade")] = (replace(entry, actor=trade.EXPERTS[0]), secrets)
    assert (14, "report") in retold(bag)


def test_a_member_who_never_signed_is_missed(bag: Bag) -> None:
    bag.drop(bag.find("ReportSigned"))
    assert {(14, "result_missing")} == retold(bag)


def first_row(bag: Bag, kind: str, member: str) -> list[dict[str, Json]]:
    rows = bag.rows[bag.find(kind)][0].body[member]
    assert isinstance(rows, list)
    return [dict(row) for row in rows if isinstance(row, dict)]


@pytest.mark.parametrize(
    ("kind", "member", "change", "code"),
    [
        ("BidsReviewed", "votes", {"against": 3, "rejected": True}, "votes"),
        ("PricesOpened", "prices", {"price_fen": 1}, "prices"),
        ("PricesComputed", "rows", {"score": "30/1"}, "pricing"),
        ("PricesComputed", "rows", {"trimmed": False}, "pricing"),
        ("RankingComputed", "rows", {"total": "99.99"}, "ranking"),
        ("RankingComputed", "rows", {"rank": 2}, "ranking"),
        ("RankingComputed", "rows", {"candidate": False}, "ranking"),
    ],
)
def test_a_result_written_differently_does_not_come_out(
    bag: Bag, kind: str, member: str, change: dict[str, Json], code: str
) -> None:
    rows = first_row(bag, kind, member)
    rows[0] = {**rows[0], **change}
    bag.change(bag.find(kind), **{member: list(rows)})
    assert (14, code) in retold(bag)


def test_a_ranking_in_another_order_does_not_come_out(bag: Bag) -> None:
    rows = first_row(bag, "RankingComputed", "rows")
    bag.change(bag.find("RankingComputed"), rows=list(rows[::-1]))
    assert (14, "ranking") in retold(bag)


def test_a_ranking_left_out_is_missed(bag: Bag) -> None:
    bag.drop(bag.find("RankingComputed"))
    assert (14, "result_missing") in retold(bag)


def test_another_document_than_the_one_evaluated_is_noticed(bag: Bag) -> None:
    (bag.path / "data" / "docs" / "bids" / "bid1.pdf").write_bytes(b"%PDF-1.8")
    bag.seal()
    assert {(14, "document")} == found(bag)


# --- the clean bag ------------------------------------------------------------------------------------


def test_a_clean_bag_passes_every_step(clean: Bag) -> None:
    report = checked(clean)
    assert [] == failures(report)
    assert report.ok
    assert [1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 23] == [step.number for step in report.steps]
    assert [23] == [step.number for step in report.steps if not step.checked]  # nothing was drawn here
    assert (verifier.REHEARSAL,) == report.notes
    assert report.first_failure is None


def test_a_seal_that_this_version_cannot_check_is_remarked(bag: Bag) -> None:
    (bag.path / "seal").mkdir()
    (bag.path / "seal" / "tagmanifest.p7s").write_bytes(b"\x30")
    report = checked(bag)
    assert report.ok
    assert (verifier.REHEARSAL, "the seal is not checked by this version") == report.notes


def test_what_may_be_made_again_at_any_time_is_not_listed(bag: Bag) -> None:
    (bag.path / "derived").mkdir()
    (bag.path / "derived" / "strips.js").write_bytes(b"window.STRIPS = []")
    assert checked(bag).ok


def test_documents_that_are_not_here_are_remarked(bag: Bag) -> None:
    for path in (bag.path / "data" / "docs" / "bids").iterdir():
        path.unlink()
    (bag.path / "data" / "docs" / "bids").rmdir()
    bag.seal()
    report = checked(bag)
    assert report.ok
    assert (verifier.REHEARSAL, "4 documents of bids are not in the archive") == report.notes


def test_progress_names_every_step_and_counts_bytes(clean: Bag) -> None:
    seen: list[Progress] = []
    verify(clean.path, progress=seen.append)
    assert {step.step for step in seen} == {number for number, _ in (*verifier._RUN, *verifier._RUN_LAST)}
    hashed = [one for one in seen if one.step == 2 and one.total > 1]
    assert hashed[-1].done == hashed[-1].total


def test_the_command_line_says_yes_and_no(bag: Bag, capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == main(
        [
            str(bag.path),
            "--log-key",
            LOG_KEY,
            "--witness-key",
            WITNESS_KEYS[0],
            "--witness-key",
            WITNESS_KEYS[1],
        ]
    )
    assert " 1 ok     bag form, safe names" in capsys.readouterr().out
    add_file(bag)
    assert 1 == main([str(bag.path), "--zh"])
    assert "1 档案袋形式与文件名: 清单未列出的文件" in capsys.readouterr().out


def test_many_failures_of_one_step_are_counted(bag: Bag) -> None:
    for number in range(30):
        (bag.path / "data" / f"extra{number}").write_bytes(b"")
    report = checked(bag)
    assert 20 == len(report.steps[0].failures)
    assert 10 <= report.steps[0].more
    assert any("+" in line for line in lines_of(report))


def test_every_failure_has_a_sentence_in_both_languages() -> None:
    source = Path(verifier.__file__).read_text("utf-8")
    codes = set(verifier.SENTENCES)
    used = {code for code in codes if source.count(f'"{code}"') > 1}
    assert codes == used
    for code in codes:
        failure = Failure(code, step=1)
        assert failure.sentence("en") != failure.sentence("zh")


# --- two implementations, one vocabulary --------------------------------------------------------------


@pytest.mark.parametrize("kind", EVENTS)
def test_every_event_has_the_form_the_verifier_demands(kind: str) -> None:
    body = body_of(SAMPLES[kind])
    body |= {name: "0" * 64 for name in ("sha256", "init_sha256") if name in body}
    assert verifier._BODIES[kind](body)
    assert not verifier._BODIES[kind]({**body, "extra": 1})
    for name in body:
        assert not verifier._BODIES[kind]({other: body[other] for other in body if other != name})


def test_the_verifier_knows_every_event_and_no_other() -> None:
    assert set(EVENTS) == set(verifier._BODIES)
    assert UNSALTED == verifier._UNSALTED


def test_the_verifier_allows_each_role_what_the_room_allows() -> None:
    allowed = {
        event.__name__: COMMANDS[str(act.__dataclass_fields__["kind"].default)] - {Role.HOST}
        for act, event in ACTS.items()
    }
    assert allowed == verifier._ROLES


def test_the_verifier_places_events_in_the_stages_of_the_room() -> None:
    stages: dict[str, set[str]] = {}
    for stage, events in TRANSITIONS.items():
        for event in events:
            stages.setdefault(event.__name__, set()).add(stage)
    assert ROAD[:-1] == verifier._ORDER
    assert set(Stage) == {*verifier._ORDER, *verifier._ENDS}
    backwards = RETURNS[SteppedBack]
    assert {stage: set(after) for stage, after in verifier._BACK.items()} == backwards
    del (
        stages["StageChanged"],
        stages["SessionAborted"],
    )  # the one goes on everywhere, the other ends any stage
    assert stages == verifier._STAGES


# --- the second implementation of prices and ranking --------------------------------------------------


def random_terms(dice: random.Random) -> PriceFormula:
    weight, ceiling = dice.choice(("10", "30", "60")), dice.choice((None, 10_300, 9_900))
    total = RoundingTerms(dice.choice((0, 1, 2, 3)), dice.choice(list(Rounding)))
    keys = [TieKey(by, order) for by in ("read", "price", "score", "technical") for order in TieOrder]
    ties = tuple(dice.sample(keys, dice.randint(0, 3)))
    if dice.random() < 0.3:
        return replace(presets.lowest_price(weight, ceiling_fen=ceiling, total=total), ties=ties)
    mean = presets.trimmed_mean(
        weight,
        trim=dice.choice(((), (TrimTerms(3, 1, 0),), (TrimTerms(4, 1, 1), TrimTerms(7, 2, 1)))),
        above=dice.choice(("1", "0.8", "2.5")),
        below=dice.choice(("0", "0.5")),
        floor=dice.choice(("0", "5")),
        ceiling_fen=ceiling,
        total=total,
    )
    return replace(mean, ties=ties)


@pytest.mark.parametrize("seed", range(60))
def test_two_implementations_price_and_rank_alike(seed: int) -> None:
    dice = random.Random(seed)
    bids = [BidId(f"b{n}") for n in range(dice.randint(1, 9))]
    lot = replace(
        trade.LOT1,
        bids=tuple(replace(trade.LOT1.bids[0], id=bid) for bid in bids),
        pricing=random_terms(dice),
        candidates=dice.randint(1, 3),
    )
    prices: dict[BidId, int] = {
        bid: dice.choice((9_800, 9_900, 10_000, 10_000, 10_137, 10_200, 10_400)) for bid in bids
    }
    value: Any = to_json(lot)
    try:
        expected = compute(lot, prices)
    except NothingToPrice:
        with pytest.raises(verifier._Stop):
            verifier._price(value, {str(bid): fen for bid, fen in prices.items()}, {}, {})
        return
    assert to_json(expected) == verifier._price(value, {str(bid): fen for bid, fen in prices.items()}, {}, {})
    assert "" == verifier._sample_differs(value["pricing"])
    rejected = tuple(bid for bid in bids[1:] if dice.random() < 0.2)
    experts = [SeatCode(f"E{number}") for number in range(1, dice.choice((4, 6, 10)))]
    lot = replace(lot, items=grouped(dice), summary=random_summary(dice))
    value = to_json(lot)
    sheets, cells = random_sheets(dice, bids, experts)
    fold = verifier._Fold({}, [str(seat) for seat in experts], cells=cells)
    fold.scores[lot.id] = to_json(expected)
    fold.rejected[lot.id] = list(rejected)
    fold.terms[lot.id] = value["summary"]
    inside = [bid for bid in bids if bid not in rejected]
    done = committee_marks(lot, sheets, inside, experts)
    assert to_json(rank(lot, done.marks, expected, rejected)) == verifier._rank(fold, value)
    if done.summed is not None:
        assert to_json(done.summed) == verifier._sum_up(fold, value)[1]


def vectors_of_prices() -> list[Any]:
    folder = Path(__file__).parents[1] / "vectors" / "pricing"
    return [
        vector
        for name in ("presets", "cases", "random", "refused")
        for vector in json.loads((folder / f"{name}.json").read_text("utf-8"))
        if vector.get("refused") not in {"formula_malformed", "price_input"}
    ]


@pytest.mark.parametrize("vector", vectors_of_prices(), ids=lambda vector: vector["name"])
def test_the_verifier_meets_the_shared_vectors_of_price_formulas(vector: Any) -> None:  # noqa: ANN401 - JSON
    terms = to_json(read_formula(vector["formula"]))
    assert verifier._PRICING(terms)
    bids = [
        {
            **one,
            "price": Fraction(one["price"]),
            "values": {name: Fraction(text) for name, text in one["values"].items()},
        }
        for one in vector["bids"]
    ]
    given = {name: Fraction(text) for name, text in vector["given"].items()}
    if "refused" in vector:
        with pytest.raises(verifier._Stop):
            verifier._Calculation(terms, bids, given).run()
        return
    trace = verifier._Calculation(terms, bids, given).run()
    if "trace" in vector:
        assert vector["trace"] == trace
    else:
        assert vector["sha256"] == hashlib.sha256(canonical(trace)).hexdigest()


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"weight": "１"},
        {"shift": {"op": "quotient", "of": ["1"]}},
        {"shift": {"op": "lowest", "of": ["kept", "price", "0"]}},
        {"shift": {"op": "mean", "of": [{"op": "abs", "of": ["1"]}]}},
        {"shift": {"op": "else", "of": [{"op": "abs", "of": ["1"]}]}},
        {"shift": {"op": "mode", "of": ["kept"]}},
        {"shift": {"op": "sum", "of": []}},
        {"total": {"digits": 10**9, "mode": "down"}},
        {"rounds": [{"stage": "score", "digits": 10**9, "mode": "down", "step": ""}]},
        {"extra": 1},
    ],
)
def test_the_verifier_takes_no_other_form_of_a_formula(changes: dict[str, Any]) -> None:
    terms = to_json(presets.capped())
    assert isinstance(terms, dict)
    assert verifier._PRICING(terms)
    assert not verifier._PRICING({**terms, **changes})


def test_an_expression_nested_deeper_than_eight_is_another_form() -> None:
    deep: Any = "1"
    for _ in range(8):
        deep = {"op": "abs", "of": [deep]}
    terms = to_json(presets.capped())
    assert isinstance(terms, dict)
    assert verifier._PRICING({**terms, "shift": deep})
    assert not verifier._PRICING({**terms, "shift": {"op": "abs", "of": [deep]}})


def test_a_table_out_of_order_and_a_step_of_zero_end_in_no_crash() -> None:
    terms: Any = to_json(CASES["a table, interpolated"].read())
    rows = [{"at": "5", "points": "1"}, {"at": "5", "points": "2"}, {"at": "-5", "points": "3"}]
    bids = [{"bid": "a", "price": Fraction(9000), "valid": True, "values": {}}]
    assert verifier._Calculation({**terms, "score": {**terms["score"], "rows": rows}}, bids, {}).run()
    whole: Any = to_json(CASES["whole steps, a started one counts"].read())
    with pytest.raises(verifier._Stop):
        verifier._Calculation({**whole, "score": {**whole["score"], "step": "0"}}, bids, {}).run()


@pytest.mark.parametrize("name", ["F1", "F4", "F5"])
def test_a_sample_that_comes_out_otherwise_is_named_by_its_bid(name: str) -> None:
    formula = presets.PRESETS[name]()
    (sample,) = formula.samples
    wrong = replace(
        formula, samples=(replace(sample, bids=(replace(sample.bids[0], score="1"), *sample.bids[1:])),)
    )
    assert ("A", "none", "") == tuple(
        verifier._sample_differs(to_json(one)) for one in (wrong, replace(formula, samples=()), formula)
    )


def random_summary(dice: random.Random) -> SummaryTerms:
    """Return terms that trim, round, do both or neither; equal spreads go by seat."""
    rules = (MarkTrim(3, 0, 1, 1), MarkTrim(5, 1, 1, 0), MarkTrim(9, 1, 2, 1))
    return SummaryTerms(
        trim=tuple(rule for rule in rules if dice.random() < 0.6),
        widest_tie=WidestTie.SEAT,
        technical=dice.choice((None, 0, 3)),
        commercial=dice.choice((None, 1, 2)),
    )


def grouped(dice: random.Random) -> tuple[Item, ...]:
    groups = (None, Group.TECHNICAL, Group.COMMERCIAL)
    return tuple(
        replace(item, group=dice.choice(groups)) if item.part is Part.DETAILED else item
        for item in trade.ITEMS
    )


def random_sheets(
    dice: random.Random, bids: list[BidId], experts: list[SeatCode]
) -> tuple[dict[SeatCode, Sheet], dict[tuple[str, str, str, str], tuple[int, str]]]:
    sheets, cells = {}, {}
    for seat in experts:
        sheet = Sheet()
        for bid in bids:
            for item in trade.ITEMS:
                value = dice.choice(("4.5", "5", "3.5")) if item.part is Part.DETAILED else "pass"
                sheet.cells[(bid, item.id)] = Cell(1, value, "", "", "")
                cells[str(seat), str(trade.LOT), str(bid), str(item.id)] = (1, value)
        sheets[seat] = sheet
    return sheets, cells


@pytest.mark.parametrize(
    ("mode", "value", "written"),
    [
        ("half_up", "0.125", "0.13"),
        ("half_even", "0.125", "0.12"),
        ("half_even", "0.135", "0.14"),
        ("down", "0.129", "0.12"),
        ("half_up", "0", "0.00"),
        ("half_up", "99.995", "100.00"),
    ],
)
def test_rounding_is_as_declared(mode: str, value: str, written: str) -> None:
    terms = {"digits": 2, "mode": mode}
    assert written == verifier._written(verifier._rounded(Fraction(value), terms), 2)
