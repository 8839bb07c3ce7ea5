"""Makes the vectors of `docs/spec/draw.md`; run it as a module to write them anew.

Values, nonces and keys are fixed and public, so that every run gives the same files.  `digests.json` and
`orders.json` are parts; each `<name>.draw.json` is a whole draw with its proofs; `verdicts.json` says what becomes of
the steps of each, and of copies changed in one place.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from evalroom import commands as co
from evalroom.draws.commitment import commitment_to, commitments_digest, declaration_digest, seed_of
from evalroom.draws.draw_file import read_draw_file, write_draw_file
from evalroom.draws.pool import unit_key
from evalroom.draws.recheck import recheck
from evalroom.draws.selection import drawable, select
from evalroom.draws.shuffle import shuffled, words
from evalroom.encoding import body_of
from evalroom.events import Fact
from evalroom.ids import DrawId
from evalroom.ledger.canonical import Json
from evalroom.ledger.checkpoint import cosign, sign_checkpoint, with_cosignatures
from evalroom.ledger.entry import UNSALTED, Entry
from evalroom.ledger.journal import Journal
from evalroom.ledger.note import KeyKind, Note, SigningKey
from evalroom.ledger.proof import TlogProof
from tests.evalroom.drawing import BIDDERS, PARTIES, Table, expert_draw, pool, price_draw, secret
from tests.evalroom.room import OPERATOR, SESSION, START

FOLDER = Path(__file__).parents[2] / "vectors" / "draw"
ORIGIN = f"evalroom/{SESSION}"
LOG = SigningKey.from_seed(ORIGIN, KeyKind.LOG, bytes(range(32)))
WITNESSES = (
    SigningKey.from_seed("north", KeyKind.COSIGNATURE, bytes([1]) * 32),
    SigningKey.from_seed("south", KeyKind.COSIGNATURE, bytes([2]) * 32),
)


def orders() -> Json:
    """Return seeds with the beginning of their streams and the orders they give lists of several lengths."""
    rows: list[Json] = []
    for length in (1, 2, 3, 7, 52, 500):
        seed = secret("seed", "orders", str(length))
        options = [f"{number}" for number in range(length)]
        stream = [f"{word:016x}" for word in islice(words(bytes.fromhex(seed)), 9)]
        rows.append(
            {"seed": seed, "words": stream, "options": options, "order": list(shuffled(options, seed))}
        )
    return rows


def digests() -> Json:
    """Return the digests of a declaration step by step, and the result."""
    rows: list[Any] = []
    for command in (price_draw(), expert_draw()):
        table = Table.at()
        table.declare(command)
        declared = table.draw(command.draw).declared
        digest = declaration_digest(SESSION, declared)
        values = {party: secret("value", command.draw, party) for party in PARTIES}
        nonces = {party: secret("nonce", command.draw, party) for party in PARTIES}
        made = {
            party: commitment_to(SESSION, command.draw, digest, party, values[party], nonces[party])
            for party in PARTIES
        }
        seed = seed_of(digest, PARTIES, values)
        order = shuffled(drawable(declared), seed)
        rows.append(
            {
                "session": SESSION,
                "body": body_of(declared),
                "declaration": digest,
                "values": values,
                "nonces": nonces,
                "commitments": made,
                "commitments_digest": commitments_digest(digest, PARTIES, made),
                "seed": seed,
                "order": list(order),
                "drawn": list(select(declared, order)),
            }
        )
    return rows


UNITS = (
    "甘肃 路桥集团", "ＡＢＣ（公司）", "Straße GmbH", "STRASSE GMBH", "ΟΔΟΣ", "Οδος", "İstanbul", "ıstanbul", "ﬃ", "a\u3000b\tc\u00a0d",
    "x\x1cy", "\ufeffz", "№ 1", "㈱", "e\u0301cole", "École",
)  # fmt: skip
"""Names of units whose spellings are easily compared wrongly."""


def units() -> Json:
    """Return names of units with what is compared of them."""
    return [[name, unit_key(name)] for name in UNITS]


def journal_of(table: Table) -> tuple[list[dict[str, Any]], list[str]]:
    """Return every entry of a session, and the proof of each under one cosigned checkpoint."""
    journal, entries = Journal(ORIGIN), list[dict[str, Any]]()
    for seq, fact in enumerate(table.history):
        entry = entry_of(seq, fact)
        entries.append(json.loads(journal.append(entry).data))
    checkpoint = journal.checkpoint()
    note = sign_checkpoint(checkpoint, LOG)
    lines = [cosign(checkpoint, key, START // 1000 + 3_600) for key in WITNESSES]
    signed = with_cosignatures(note, lines)
    return entries, [proof_of(journal, seq, signed) for seq in range(journal.size)]


def entry_of(seq: int, fact: Fact) -> Entry:
    kind = type(fact.event).__name__
    salt = None if kind in UNSALTED else f"{seq:032x}"
    return Entry(seq, fact.at, kind, fact.site, fact.actor, salt, body_of(fact.event), fact.cmd, fact.sig)


def proof_of(journal: Journal, seq: int, note: Note) -> str:
    return TlogProof(seq, tuple(journal.tree.inclusion_proof(seq, journal.size)), note).encode().decode()


def file_of(table: Table, draw: str, *, whole: bool = True, with_pool: bool = False) -> bytes:
    """Return the file of a draw: from an archive when `whole`, else as a page writes it."""
    entries, proofs = journal_of(table)
    lines = [
        (one, proof) for one, proof in zip(entries, proofs, strict=True) if one["body"].get("draw") == draw
    ]
    seats = [
        (one, proof)
        for one, proof in zip(entries, proofs, strict=True)
        if one["type"] == "SeatJoined" and one["actor"] in PARTIES
    ]
    more: dict[str, Any] = {}
    if whole:
        more["seats"] = [one for one, _ in seats]
        more["proofs"] = [proof for _, proof in (*lines, *seats)]
        vkeys = [one.verifier.encode() for one in WITNESSES]
        more["keys"] = {"log": LOG.verifier.encode(), "witnesses": vkeys, "quorum": 2}
    if with_pool:
        opened = [
            {"id": one.id, "units": list(one.units), "nonce": secret("pool", draw, one.id)} for one in pool()
        ]
        more["pool"] = {"against": list(BIDDERS), "experts": opened}
    kept = [
        one if whole else {name: one[name] for name in ("type", "t", "actor", "body")} for one, _ in lines
    ]
    return write_draw_file(SESSION, kept, more)


def draws() -> dict[str, bytes]:
    """Return whole draws by name."""
    made = {}
    table = Table.at()
    table.hold()
    made["price-parameter"] = file_of(table, "K1")
    made["from-a-page"] = file_of(table, "K1", whole=False)
    table = Table.at()
    draw = table.hold(expert_draw())
    out = draw.drawn[1]
    table.give(table.by(OPERATOR, co.ContinueDraw(DrawId("R1"), out, draw.successor(out), "on leave 请假")))
    made["experts"] = file_of(table, "R1", with_pool=True)
    table = Table.at()
    table.lapse(PARTIES[:2])
    made["void"] = file_of(table, "K1")
    table = Table.at()
    table.lapse(None)
    made["not-committed"] = file_of(table, "K1")
    return made


Step = list[Any]
"""`["set", path, value]`, `["drop", path]` or `["swap", line, line]`: what is done to a file, as the vectors have it."""

Change = Callable[[dict[str, Any]], list[Step]]


def _set(*path: str | int, to: Any) -> Change:  # noqa: ANN401 - any JSON
    """Set a member, to a value or to what a function makes of the present one."""
    return lambda value: [["set", list(path), to(_at(value, path)) if callable(to) else to]]


def _drop(*path: str | int) -> Change:
    """Leave a member out; without a line there are no proofs of all lines, either."""
    without = [["drop", ["proofs"]]] if path[0] == "facts" and len(path) == 2 else []
    return lambda value: [["drop", list(path)], *(without if "proofs" in value else [])]


def _swap(one: int, other: int) -> Change:
    return lambda _: [["swap", one, other]]


def _at(value: Any, path: Sequence[str | int]) -> Any:  # noqa: ANN401 - any JSON
    for name in path:
        value = value[name]
    return value


def apply(value: dict[str, Any], steps: Sequence[Step]) -> None:
    """Change a file's value."""
    for kind, *rest in steps:
        if kind == "swap":
            lines = value["facts"]
            lines[rest[0]], lines[rest[1]] = lines[rest[1]], lines[rest[0]]
            continue
        inner = _at(value, rest[0][:-1])
        if kind == "set":
            inner[rest[0][-1]] = rest[1]
        else:
            del inner[rest[0][-1]]


def flipped(text: str) -> str:
    """Return hex with its first digit changed."""
    return ("0" if text[0] != "0" else "1") + text[1:]


# Lines of a draw with four parties: 0 declared, 1-4 committed, 5-8 revealed, 9 made, 10 continued.
CHANGES: Mapping[str, tuple[str, Change]] = {
    "another session": ("price-parameter", _set("session", to="EV-2026-0002")),
    "an option added": ("price-parameter", _set("facts", 0, "body", "options", to=lambda own: [*own, "99%"])),
    "options in another order": (
        "price-parameter",
        _set("facts", 0, "body", "options", to=lambda own: own[::-1]),
    ),
    "later times": ("price-parameter", _set("facts", 0, "body", "ends", to=lambda own: own + 1)),
    "another count": ("from-a-page", _set("facts", 0, "body", "count", to=2)),
    "a commitment changed": ("price-parameter", _set("facts", 2, "body", "commitment", to=flipped)),
    "a commitment missing": ("price-parameter", _drop("facts", 3)),
    "a commitment by a stranger": ("price-parameter", _set("facts", 3, "actor", to="S9")),
    "a commitment too late": ("from-a-page", _set("facts", 4, "t", to=START + 600_001)),
    "a commitment after a reveal": ("from-a-page", _swap(4, 5)),
    "a value changed": ("price-parameter", _set("facts", 6, "body", "value", to=flipped)),
    "a nonce changed": ("price-parameter", _set("facts", 6, "body", "nonce", to=flipped)),
    "other commitments seen": ("price-parameter", _set("facts", 7, "body", "commitments", to=flipped)),
    "reveals out of turn": ("from-a-page", _swap(5, 6)),
    "a reveal missing": ("price-parameter", _drop("facts", 8)),
    "a reveal too late": ("from-a-page", _set("facts", 8, "t", to=START + 1_200_001)),
    "another seed": ("price-parameter", _set("facts", 9, "body", "seed", to=flipped)),
    "another order": (
        "price-parameter",
        _set("facts", 9, "body", "order", to=lambda own: [own[1], own[0], *own[2:]]),
    ),
    "another drawn": ("price-parameter", _set("facts", 9, "body", "drawn", to=["95%"])),
    "no result": ("price-parameter", _drop("facts", 9)),
    "a recused expert let in": ("experts", _set("facts", 0, "body", "experts", 4, "recused", to=False)),
    "an expert recused for nothing": ("experts", _set("facts", 0, "body", "experts", 0, "recused", to=True)),
    "other units": ("experts", _set("pool", "experts", 0, "units", to=["设计院 2"])),
    "a unit of bidders left out": ("experts", _set("pool", "against", to=["Northern Roads Ltd."])),
    "another follows": ("experts", _set("facts", 10, "body", "drawn", to="P-006")),
    "a smaller committee": ("experts", _set("facts", 0, "body", "make_up", "least", to=7)),
    "an innocent named": ("void", _set("facts", 7, "body", "silent", to=["S1"])),
    "void too early": ("void", _set("facts", 7, "t", to=START + 1_200_000)),
    "a signature of another": ("price-parameter", _set("facts", 1, "sig", to=lambda own: own[:-4] + "AAAA")),
    "a signature left out": ("price-parameter", _drop("facts", 1, "sig")),
    "an entry that is not in the journal": ("price-parameter", _set("facts", 1, "salt", to="f" * 32)),
    "a proof of another entry": (
        "price-parameter",
        _set("proofs", 1, to=lambda own: own.replace("index ", "index 1")),
    ),
    "a larger quorum": ("price-parameter", _set("keys", "quorum", to=3)),
    "another log": ("price-parameter", _set("keys", "log", to=WITNESSES[0].verifier.encode())),
}
"""Name to the draw that is changed, and how."""


def steps_of(name: str, made: Mapping[str, bytes]) -> list[Step]:
    of, change = CHANGES[name]
    return change(json.loads(made[of]))


def changed(data: bytes, steps: Sequence[Step]) -> bytes:
    """Return a draw's file with these changes."""
    value = json.loads(data)
    apply(value, steps)
    more = {key: value[key] for key in ("seats", "proofs", "keys", "pool") if key in value}
    return write_draw_file(value["session"], value["facts"], more)


def verdicts(made: Mapping[str, bytes]) -> Json:
    """Return what becomes of each step, for whole draws and for changed ones with the changes."""
    rows: dict[str, Json] = {
        name: {"of": name, "steps": [], "marks": marks(data)} for name, data in made.items()
    }
    for name, (of, _) in CHANGES.items():
        steps = steps_of(name, made)
        rows[name] = {"of": of, "steps": steps, "marks": marks(changed(made[of], steps))}
    return rows


def marks(data: bytes) -> str:
    """Return a letter for each step: p passed, F failed, a absent."""
    letters = {"passed": "p", "failed": "F", "absent": "a"}
    return "".join(letters[step.mark] for step in recheck(read_draw_file(data)).steps)


def files() -> dict[str, bytes]:
    """Return every vector file by name."""
    made = draws()
    parts = {
        "units.json": units(),
        "orders.json": orders(),
        "digests.json": digests(),
        "verdicts.json": verdicts(made),
    }
    written = {
        name: json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) for name, value in parts.items()
    }
    return {f"{name}.draw.json": data for name, data in made.items()} | {
        name: text.encode() + b"\n" for name, text in written.items()
    }


if __name__ == "__main__":
    for name, data in files().items():
        (FOLDER / name).write_bytes(data)
