"""The journal: contiguous, chained, resumed only when nothing was touched."""

from dataclasses import replace

import pytest

from evalroom.ledger.entry import Entry, chain_hash, encode, leaf_hash
from evalroom.ledger.journal import CHAIN_START, ChainBroken, Journal, Position, SequenceBroken
from evalroom.ledger.merkle import EMPTY_ROOT, verify_consistency, verify_inclusion


def entry(seq: int) -> Entry:
    return Entry(
        seq=seq, t=1000 + seq, type="NoteWritten", site="host", actor="host", salt="0" * 32, body={"n": seq}
    )


def filled(count: int) -> tuple[Journal, list[Position]]:
    journal = Journal("evalroom/S-1")
    return journal, [journal.append(entry(seq)) for seq in range(count)]


def test_an_empty_journal_has_the_empty_root() -> None:
    journal = Journal("evalroom/S-1")
    assert (0, EMPTY_ROOT, CHAIN_START) == (journal.size, journal.root(), journal.chain)


def test_each_entry_gets_its_place() -> None:
    journal, positions = filled(2)
    first = leaf_hash(encode(entry(0)))
    assert Position(encode(entry(0)), 0, first, chain_hash(bytes(32), first)) == positions[0]
    assert chain_hash(positions[0].chain, positions[1].leaf) == journal.chain


@pytest.mark.parametrize("seq", [0, 2, 4, 100])
def test_a_number_that_is_not_the_next_is_refused(seq: int) -> None:
    journal, _ = filled(3)
    with pytest.raises(SequenceBroken):
        journal.append(entry(seq))
    assert journal.size == 3


def test_a_refused_entry_leaves_no_trace() -> None:
    journal, _ = filled(3)
    before = (journal.size, journal.root(), journal.chain)
    with pytest.raises(Exception, match="salt"):
        journal.append(replace(entry(3), salt=None))
    assert before == (journal.size, journal.root(), journal.chain)


def test_a_stored_journal_is_resumed_where_it_stopped() -> None:
    journal, positions = filled(20)
    again = Journal.resume("evalroom/S-1", ((one.data, one.chain) for one in positions))
    assert (20, journal.root(), journal.chain) == (again.size, again.root(), again.chain)
    assert journal.append(entry(20)) == again.append(entry(20))


@pytest.mark.parametrize("attack", ["change", "drop", "swap", "double"])
def test_a_stored_journal_that_was_touched_is_not_resumed(attack: str) -> None:
    _, positions = filled(20)
    rows = [(one.data, one.chain) for one in positions]
    match attack:
        case "change":
            rows[7] = (rows[7][0].replace(b'"n":7', b'"n":8'), rows[7][1])
        case "drop":
            del rows[7]
        case "swap":
            rows[7], rows[8] = rows[8], rows[7]
        case _:
            rows.insert(7, rows[7])
    with pytest.raises(ChainBroken):
        Journal.resume("evalroom/S-1", rows)


def test_old_checkpoints_stay_provable() -> None:
    journal, positions = filled(20)
    old, new = journal.checkpoint(7), journal.checkpoint()
    assert ("evalroom/S-1", 7, 20) == (old.origin, old.size, new.size)
    verify_consistency(7, 20, journal.tree.consistency_proof(7, 20), old.root, new.root)
    verify_inclusion(positions[3].leaf, 3, 20, journal.tree.inclusion_proof(3, 20), new.root)


def test_a_copy_grows_alone() -> None:
    journal, _ = filled(3)
    twin = journal.copy()
    twin.append(entry(3))
    assert (3, 4) == (journal.size, twin.size)
    assert journal.root() == twin.root(3)
