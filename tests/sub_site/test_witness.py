"""The site's witness: whoever rolls a journal back, forks it or changes its key gets no cosignature."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from evalroom.ledger.canonical import Json
from evalroom.ledger.checkpoint import check_cosignature, sign_checkpoint
from evalroom.ledger.entry import Entry
from evalroom.ledger.journal import Journal
from evalroom.ledger.note import KeyKind, SigningKey, parse_signature_line
from evalroom.ledger.witness import AddCheckpoint
from evalroom.protocol.messages import Cosign, WitnessRefusal
from signaling.database import Writer, open_engine
from sub_site import spool
from sub_site.enrolment import witness_key
from sub_site.witness import Witness

ORIGIN = "evalroom/EV-1"
LOG = SigningKey.from_seed(ORIGIN, KeyKind.LOG, b"l" * 32)
FORGED = SigningKey.from_seed(ORIGIN, KeyKind.LOG, b"f" * 32)
KEY = witness_key(b"w" * 32)
VKEY = LOG.verifier.encode()


class Log:
    """A host's journal, honest or not."""

    def __init__(self, branch: str = "") -> None:
        self.journal = Journal(ORIGIN)
        self._branch = branch

    def grow(self, count: int, branch: str | None = None) -> "Log":
        for _ in range(count):
            seq = self.journal.size
            body: dict[str, Json] = {"reason": f"{seq}{self._branch if branch is None else branch}"}
            self.journal.append(Entry(seq, 1, "SessionPaused", "host", "S1", "00" * 16, body))
        return self

    def ask(self, old: int, key: SigningKey = LOG) -> str:
        checkpoint = self.journal.checkpoint()
        proof = tuple(self.journal.tree.consistency_proof(old, checkpoint.size)) if old else ()
        return AddCheckpoint(old, proof, sign_checkpoint(checkpoint, key)).encode().decode()


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    engine = open_engine(tmp_path / "spool.sqlite")
    spool.metadata.create_all(engine)
    writer = Writer(engine)
    yield writer
    writer.close()


def fresh(writer: Writer) -> Witness:
    """Return a witness as after a restart: it knows what the database knows."""
    return Witness(writer, KEY, lambda: 1_795_392_000)


async def test_a_journal_rolled_back_is_refused_with_the_size_that_was_cosigned(writer: Writer) -> None:
    log = Log().grow(8)
    assert isinstance(await fresh(writer).consider(log.ask(0), VKEY, VKEY), Cosign)
    restored = Log().grow(5)
    assert WitnessRefusal(409, 8, "size") == await fresh(writer).consider(restored.ask(0), VKEY, VKEY)
    answer = await fresh(writer).consider(restored.ask(0).replace("old 0", "old 8"), VKEY, VKEY)
    assert WitnessRefusal(400, 0, "witness_bad_request") == answer


async def test_two_histories_of_one_size_are_refused(writer: Writer) -> None:
    await fresh(writer).consider(Log().grow(8).ask(0), VKEY, VKEY)
    fork = Log("x").grow(8)
    request = fork.ask(0).replace("old 0", "old 8")
    assert WitnessRefusal(422, 0, "witness_equivocation") == await fresh(writer).consider(request, VKEY, VKEY)


async def test_a_history_that_was_changed_and_grew_is_refused(writer: Writer) -> None:
    await fresh(writer).consider(Log().grow(4).ask(0), VKEY, VKEY)
    answer = await fresh(writer).consider(Log("x").grow(9).ask(4), VKEY, VKEY)
    assert WitnessRefusal(422, 0, "witness_inconsistent") == answer


def handed_in(bids: Sequence[int], *, closed: bool) -> Log:
    """Return a journal in which these bids were handed in, and the list perhaps closed."""
    log = Log()
    rows: list[tuple[str, dict[str, Json]]] = [("BidSubmitted", {"bid": f"{bid:032x}"}) for bid in bids]
    if closed:
        rows.append(("BidsClosed", {"bids": [f"{bid:032x}" for bid in bids]}))
    for seq, (kind, body) in enumerate(rows):
        log.journal.append(Entry(seq, 1, kind, "host", "host", f"{seq:032x}", body))
    return log


@pytest.mark.parametrize("omitted", range(6))
async def test_one_honest_witness_flags_a_bid_that_was_left_out_after_it_had_been_cosigned(
    writer: Writer, omitted: int
) -> None:
    honest = handed_in(range(6), closed=False)
    assert isinstance(await fresh(writer).consider(honest.ask(0), VKEY, VKEY), Cosign)
    without = [bid for bid in range(6) if bid != omitted]
    for forged in (handed_in(without, closed=False), handed_in(without, closed=True)):
        for old in range(forged.journal.size + 1):
            answer = await fresh(writer).consider(forged.ask(old), VKEY, VKEY)
            assert isinstance(answer, WitnessRefusal)
        same = forged.ask(0).replace("old 0", "old 6")
        assert isinstance(await fresh(writer).consider(same, VKEY, VKEY), WitnessRefusal)
    closed = handed_in(range(6), closed=True)
    assert isinstance(await fresh(writer).consider(closed.ask(6), VKEY, VKEY), Cosign)


async def test_a_checkpoint_under_another_key_is_refused(writer: Writer) -> None:
    answer = await fresh(writer).consider(Log().grow(3).ask(0, FORGED), VKEY, VKEY)
    assert WitnessRefusal(403, 0, "witness_unknown_log_key") == answer


async def test_a_roster_that_names_another_key_than_the_journal_is_refused(writer: Writer) -> None:
    other = FORGED.verifier.encode()
    answer = await fresh(writer).consider(Log().grow(3).ask(0), VKEY, other)
    assert WitnessRefusal(403, 0, "witness_unknown_log_key") == answer


async def test_another_log_is_refused(writer: Writer) -> None:
    other = SigningKey.from_seed("evalroom/EV-2", KeyKind.LOG, b"l" * 32).verifier.encode()
    answer = await fresh(writer).consider(Log().grow(3).ask(0), other, other)
    assert WitnessRefusal(404, 0, "witness_unknown_origin") == answer


@pytest.mark.parametrize("request_text", ["", "old 0", "old 0\n\nnonsense", "old -1\n\nx\n\nx\n"])
async def test_what_is_no_request_is_refused(writer: Writer, request_text: str) -> None:
    answer = await fresh(writer).consider(request_text, VKEY, VKEY)
    assert WitnessRefusal(400, 0, "witness_bad_request") == answer


async def test_a_growing_journal_is_cosigned_across_restarts(writer: Writer) -> None:
    log, old = Log(), 0
    for size in (1, 2, 7, 7, 40):
        log.grow(size - old)
        answer = await fresh(writer).consider(log.ask(old), VKEY, VKEY)
        assert isinstance(answer, Cosign)
        assert size == answer.size
        line = parse_signature_line(answer.lines.removesuffix("\n"))
        assert 1_795_392_000 == check_cosignature(line, KEY.verifier, log.journal.checkpoint().text()).time
        old = size


async def test_what_was_cosigned_stands_on_disk_before_the_answer(writer: Writer) -> None:
    log = Log().grow(6)
    await fresh(writer).consider(log.ask(0), VKEY, VKEY)
    with writer.engine.connect() as db:
        assert log.journal.checkpoint().text() == spool.read_witnessed(db, ORIGIN)


def test_a_witness_key_is_named_by_its_public_half() -> None:
    assert witness_key(b"w" * 32).verifier == KEY.verifier
    assert witness_key(b"v" * 32).name != KEY.name
    assert KEY.name.startswith("evalroom-witness-")
