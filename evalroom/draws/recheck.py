"""Repeat a draw from its file, step by step, as docs/spec/draw.md §7 numbers them; nothing but the file is needed.

Every step passes, fails, or says that the file does not hold what it would need: what could not be checked never
passes for checked.  It refuses nothing and raises nothing: what is wrong stands in the report.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from evalroom.draws import facts as df
from evalroom.draws.commitment import commitment_to, commitments_digest, declaration_digest, seed_of
from evalroom.draws.draw_file import DrawFile, Line
from evalroom.draws.pool import is_recused, make_up_fault, units_commitment
from evalroom.draws.selection import drawable, select, shortage, successor
from evalroom.draws.shuffle import shuffled
from evalroom.errors import EvalroomError
from evalroom.ids import SeatCode
from evalroom.ledger.entry import leaf_hash, parse_entry
from evalroom.ledger.note import VerifierKey, parse_vkey
from evalroom.ledger.proof import parse_proof
from evalroom.ledger.signature import act_payload, parse_seat_key, verify_act

STEPS: Mapping[int, tuple[str, str]] = {
    1: ("declaration and list", "抽签声明与名单"),
    2: ("commitments of all parties", "各方承诺"),
    3: ("revealed values open them", "公开的数值与承诺相符"),
    4: ("seed and order recomputed", "种子与次序重新计算"),
    5: ("result, void or redraw", "结果、作废或补抽"),
    6: ("recusal of experts", "专家回避"),
    7: ("signatures of the parties", "各方签名"),
    8: ("entries stand in the journal", "条目载于日志"),
}
"""Step to its name in English and Chinese."""


class Mark(StrEnum):
    """What became of a step."""

    PASSED = "passed"
    FAILED = "failed"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its number, what became of it, and what it found, line by line."""

    number: int
    mark: Mark
    lines: tuple[str, ...]

    def name(self, language: str = "en") -> str:
        """Name the step in "en" or "zh"."""
        return STEPS[self.number][language.startswith("zh")]


@dataclass(frozen=True, slots=True)
class Report:
    """All steps in order, and what was drawn as it stands at the end."""

    steps: tuple[Step, ...]
    drawn: tuple[str, ...]
    state: str

    @property
    def ok(self) -> bool:
        """Say whether no step failed."""
        return all(step.mark is not Mark.FAILED for step in self.steps)


class _Wrong(Exception):
    """Ends a step: what it says is wrong."""


class _Absent(Exception):
    """Ends a step: the file does not hold what it needs."""


_Event = TypeVar("_Event", df.DrawCommitted, df.DrawRevealed, df.DrawMade, df.DrawVoided, df.DrawContinued)


@dataclass(slots=True)
class _Case:
    file: DrawFile
    log_keys: tuple[str, ...]
    digest: str = ""
    seed: str = ""
    order: tuple[str, ...] = ()
    drawn: tuple[str, ...] = ()
    state: str = "declared"
    commitments: dict[SeatCode, str] = field(default_factory=dict)
    values: dict[SeatCode, str] = field(default_factory=dict)

    @property
    def declared(self) -> df.DrawDeclared:
        return self.file.declared

    def of(self, kind: type[_Event]) -> list[tuple[int, Line, _Event]]:
        """List the lines of one type, with their place in the file."""
        both = zip(self.file.lines, self.file.events, strict=True)
        return [(at, line, event) for at, (line, event) in enumerate(both) if isinstance(event, kind)]


def recheck(file: DrawFile, log_keys: Sequence[str] = ()) -> Report:
    """Return what is found in a draw's file; `log_keys` are verifier keys of the log known from outside it."""
    case = _Case(file, tuple(log_keys))
    steps: list[Step] = []
    for number, check in _RUN:
        blocked = number in _CHAINED and any(step.mark is Mark.FAILED for step in steps)
        steps.append(Step(number, Mark.FAILED, (_BLOCKED,)) if blocked else _run(number, check, case))
    return Report(tuple(steps), case.drawn, case.state)


_CHAINED = range(2, 6)
_BLOCKED = "not checkable: an earlier step failed"


def _run(number: int, check: "_Check", case: _Case) -> Step:
    lines: list[str] = []
    try:
        lines.extend(check(case))
    except _Absent as absent:
        return Step(number, Mark.ABSENT, (*lines, str(absent)))
    except _Wrong as wrong:
        return Step(number, Mark.FAILED, (*lines, str(wrong)))
    except (EvalroomError, ValueError, LookupError) as error:
        return Step(number, Mark.FAILED, (*lines, f"{type(error).__name__}: {error}"[:200]))
    return Step(number, Mark.PASSED, tuple(lines))


def _demand(condition: object, what: str) -> None:
    if not condition:
        raise _Wrong(what)


def _check_declaration(case: _Case) -> Iterator[str]:
    declared, line = case.declared, case.file.lines[0]
    case.digest = declaration_digest(case.file.session, declared)
    names = drawable(declared)
    yield f"digest {case.digest}"
    yield f"{declared.purpose}: {declared.subject}, {declared.count} of {len(names)}"
    listed = [*declared.options, *(one.id for one in declared.experts)]
    _demand(len(set(listed)) == len(listed), "the list holds doubles")
    _demand(1 <= declared.count <= len(names), "more are drawn than there are, or none")
    _demand(bool(declared.options) != bool(declared.experts), "options or experts, not both")
    _demand(len(declared.parties) == len(set(declared.parties)) >= 2, "two parties or more, each once")
    _demand(line.t < declared.closes < declared.ends, "its times do not follow one another")
    _demand(declared.takers == () or len(set(declared.takers)) == declared.count, "one taker for each")
    if declared.places or declared.experts or declared.make_up:
        _demand(sum(place.count for place in declared.places) == declared.count, "places and count differ")
        fault = make_up_fault(declared)
        _demand(not fault, fault)
        _demand(shortage(declared) is None, "a row of places might stay empty")


def _check_commitments(case: _Case) -> Iterator[str]:
    first_reveal = min((at for at, _, _ in case.of(df.DrawRevealed)), default=len(case.file.lines))
    for at, line, event in case.of(df.DrawCommitted):
        party = SeatCode(line.actor)
        _demand(party in case.declared.parties, f"{party} is no party")
        _demand(party not in case.commitments, f"{party} committed twice")
        _demand(case.file.lines[0].t <= line.t <= case.declared.closes, f"{party} committed out of time")
        _demand(at < first_reveal, f"{party} committed after a value was known")
        case.commitments[party] = event.commitment
        yield f"{party} {event.commitment}"
    missing = [one for one in case.declared.parties if one not in case.commitments]
    if not missing:
        case.state = "committed"
    _demand(not missing or case.of(df.DrawVoided), f"no commitment of {', '.join(missing)}")


def _check_reveals(case: _Case) -> Iterator[str]:
    parties, reveals = case.declared.parties, case.of(df.DrawRevealed)
    _demand(not reveals or len(case.commitments) == len(parties), "a value was revealed too early")
    for place, (_, line, event) in enumerate(reveals):
        party = SeatCode(line.actor)
        _demand(place < len(parties) and party == parties[place], f"{party} was not the next to reveal")
        _demand(line.t <= case.declared.ends, f"{party} revealed out of time")
        said = (case.file.session, case.declared.draw, case.digest, party, event.value, event.nonce)
        _demand(commitment_to(*said) == case.commitments[party], f"{party} revealed another value")
        seen = commitments_digest(case.digest, parties, case.commitments)
        _demand(event.commitments == seen, f"{party} saw other commitments")
        case.values[party] = event.value
        yield f"{party} {event.value}"
    if len(case.values) == len(parties):
        case.state = "revealed"
    _demand(case.state == "revealed" or case.of(df.DrawVoided), "not all values were revealed")


def _check_order(case: _Case) -> Iterator[str]:
    if case.of(df.DrawVoided):
        raise _Absent("the draw is void: there is nothing to recompute")
    case.seed = seed_of(case.digest, case.declared.parties, case.values)
    case.order = shuffled(drawable(case.declared), case.seed)
    yield f"seed {case.seed}"
    yield f"order {' · '.join(case.order)}"
    made = [event for _, _, event in case.of(df.DrawMade)]
    _demand(len(made) == 1, "the file holds no result, or two")
    _demand((made[0].seed, made[0].order) == (case.seed, case.order), "seed or order come out otherwise")


def _check_result(case: _Case) -> Iterator[str]:
    voided = case.of(df.DrawVoided)
    if voided:
        yield from _check_void(case, voided)
        return
    made = [event for _, _, event in case.of(df.DrawMade)]
    case.drawn = select(case.declared, case.order)
    _demand([case.drawn] == [one.drawn for one in made], "others were drawn")
    case.state = "drawn"
    for number, one in enumerate(case.drawn):
        taker = case.declared.takers[number] if case.declared.takers else ""
        yield f"{number + 1} {one}" + (f" → {taker}" if taker else "")
    gone: list[str] = []
    for at, _, event in case.of(df.DrawContinued):
        _demand(at > case.of(df.DrawMade)[0][0], "a redraw before the draw")
        _demand(event.out in case.drawn, f"{event.out} was not drawn")
        following = successor(case.declared, case.order, case.drawn, event.out, gone)
        _demand(event.drawn == following != "", f"{following or 'nobody'} follows {event.out}")
        gone.append(event.out)
        case.drawn = tuple(following if one == event.out else one for one in case.drawn)
        yield f"{event.out} → {following}: {event.reason}"


def _check_void(case: _Case, voided: Sequence[tuple[int, Line, df.DrawVoided]]) -> Iterator[str]:
    at, line, event = voided[0]
    parties = case.declared.parties
    at_reveal = len(case.commitments) == len(parties)
    until = case.declared.ends if at_reveal else case.declared.closes
    awaited = tuple(one for one in parties if one not in (case.values if at_reveal else case.commitments))
    silent = awaited[:1] if at_reveal else awaited
    _demand(len(voided) == 1 and at == len(case.file.lines) - 1, "a draw that is void goes on")
    _demand(silent and event.silent == silent, f"silent were {', '.join(silent) or 'none'}")
    _demand(line.t > until, "it was made void before the time was over")
    case.state = "void"
    yield f"void: {', '.join(silent)} silent"


def _check_pool(case: _Case) -> Iterator[str]:
    file, declared = case.file, case.declared
    if not declared.experts:
        raise _Absent("no experts are drawn")
    if not file.pool:
        raise _Absent("whoever keeps the pool has not opened the units")
    published = {one.id: one for one in declared.experts}
    opened = {one.id: one for one in file.pool}
    _demand(
        len(opened) == len(file.pool) and opened.keys() == published.keys(), "not every expert, or doubles"
    )
    for name, one in opened.items():
        nonce = bytes.fromhex(one.nonce)
        made = units_commitment(file.session, declared.draw, name, one.units, nonce)
        _demand(made == published[name].units, f"{name} has other units than committed to")
        recused = is_recused(one.units, file.against)
        _demand(recused == published[name].recused, f"{name} is recused wrongly, or not recused")
    yield f"{sum(one.recused for one in declared.experts)} of {len(opened)} recused"


_BY_HOST = frozenset({"DrawMade", "DrawVoided"})


def _check_signatures(case: _Case) -> Iterator[str]:
    lines = [line for line in case.file.lines if line.type not in _BY_HOST]
    if not case.file.seats or any(line.whole is None for line in (*lines, *case.file.seats)):
        raise _Absent("the file holds no signatures, or not the keys of the seats")
    events = sorted((*case.file.seats, *lines), key=lambda line: line.members["seq"])
    keys: dict[str, str] = {}
    for line in events:
        entry = parse_entry(line.whole or b"")
        if entry.type == "SeatJoined":
            keys[entry.actor] = str(entry.body["key"])
        _demand(entry.sig and entry.cmd and entry.actor in keys, f"{entry.actor} did not sign {entry.type}")
        payload = act_payload(
            actor=entry.actor,
            body=entry.body,
            cmd=entry.cmd or "",
            session=case.file.session,
            site=entry.site,
            type=entry.type,
        )
        verify_act(parse_seat_key(keys[entry.actor]), payload, entry.sig or "")
    yield f"{len(lines)} acts of {len({line.actor for line in lines})} seats"


def _check_proofs(case: _Case) -> Iterator[str]:
    lines = [*case.file.lines, *case.file.seats]
    keys = case.file.keys
    if not case.file.proofs or keys is None or any(line.whole is None for line in lines):
        raise _Absent("the file holds no proofs of the journal")
    origin = f"evalroom/{case.file.session}"
    log, witnesses = _log_key(case, keys.log), [parse_vkey(one) for one in keys.witnesses]
    _demand(log.name == origin, "the key is that of another session's log")
    _demand(
        len({one.name for one in witnesses}) == len(witnesses) >= keys.quorum >= 0, "quorum and witnesses"
    )
    numbers = [line.members["seq"] for line in case.file.lines]
    _demand(numbers == sorted(set(numbers)), "the lines are not in the journal's order")
    for line, text in zip(lines, case.file.proofs, strict=True):
        proof = parse_proof(text.encode())
        _demand(proof.index == line.members["seq"], "a proof of another entry")
        proof.verify(leaf_hash(line.whole or b""), log, witnesses, keys.quorum)
    yield f"{len(lines)} entries, {keys.quorum} witnesses needed"
    yield "with a key of yours" if case.log_keys else "with the keys in the file: compare them with your own"


def _log_key(case: _Case, text: str) -> VerifierKey:
    _demand(not case.log_keys or text in case.log_keys, "the log's key is not one of yours")
    return parse_vkey(text)


_Check = Callable[[_Case], Iterator[str]]

_RUN: tuple[tuple[int, _Check], ...] = (
    (1, _check_declaration),
    (2, _check_commitments),
    (3, _check_reveals),
    (4, _check_order),
    (5, _check_result),
    (6, _check_pool),
    (7, _check_signatures),
    (8, _check_proofs),
)
