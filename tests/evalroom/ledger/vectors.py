"""Makes the vectors of `docs/spec/journal.md`; run it as a module to write them anew.

Keys and nonces are fixed and public, so that every run gives the same files.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from evalroom.ledger.base64 import encode_base64
from evalroom.ledger.canonical import Json
from evalroom.ledger.checkpoint import cosign, sign_checkpoint, with_cosignatures
from evalroom.ledger.commitment import commit
from evalroom.ledger.entry import Entry
from evalroom.ledger.journal import Journal
from evalroom.ledger.note import KeyKind, SigningKey
from evalroom.ledger.proof import TlogProof
from evalroom.ledger.signature import act_payload, encode_seat_key, sign_act
from evalroom.ledger.witness import AddCheckpoint

FOLDER = Path(__file__).parents[2] / "vectors" / "journal"
ORIGIN = "evalroom/EV-2026-0001"
LOG = SigningKey.from_seed(ORIGIN, KeyKind.LOG, bytes(range(32)))
WITNESSES = (
    SigningKey.from_seed("north", KeyKind.COSIGNATURE, bytes([1]) * 32),
    SigningKey.from_seed("south", KeyKind.COSIGNATURE, bytes([2]) * 32),
)
SEAT = ec.derive_private_key(0xE03, ec.SECP256R1())
TIME = 1_795_478_400


def entry(seq: int) -> Entry:
    """Return the entry number `seq` of the sample journal; scores and fragments by turns."""
    if seq % 3 == 2:
        body: dict[str, Json] = {"track": "north-E03/camera", "reel": 0, "n": seq // 3, "keyframe": True}
        return Entry(seq, TIME * 1000 + seq, "FragmentRecorded", "north", "north", None, body, cmd=f"n-{seq}")
    body = {"bid": "B1", "note": '评标 "\\\u0001\u2028😀', "value": {"commit": f"{seq:064x}"}}
    payload = act_payload(
        actor="E03", body=body, cmd=f"c-{seq}", session="EV-2026-0001", site="north", type="ScoreEntered"
    )
    sig = sign_act(SEAT, payload)
    return Entry(seq, TIME * 1000 + seq, "ScoreEntered", "north", "E03", f"{seq:032x}", body, f"c-{seq}", sig)


def journal(size: int) -> tuple[Journal, list[Json]]:
    """Return the sample journal and one row per entry: bytes as text, leaf, chain, root after it."""
    log, rows = Journal(ORIGIN), list[Json]()
    for seq in range(size):
        place = log.append(entry(seq))
        rows.append(
            {
                "entry": place.data.decode(),
                "leaf": place.leaf.hex(),
                "chain": place.chain.hex(),
                "root": log.root().hex(),
            }
        )
    return log, rows


def entries() -> Json:
    """Return sample entries with their hashes, and the empty root."""
    log, rows = journal(13)
    return {"empty_root": Journal(ORIGIN).root().hex(), "size": log.size, "entries": rows}


def refused_entries() -> Json:
    """Return lines that are no entries, each with the reason."""
    good = journal(1)[1][0]
    assert isinstance(good, dict)
    line = str(good["entry"])
    return [
        {"reason": "members not sorted", "entry": line.replace('{"actor":"E03",', '{"zactor":"E03",')},
        {"reason": "white space", "entry": line.replace('"seq":0', '"seq": 0')},
        {"reason": "duplicate member", "entry": line.replace('"seq":0', '"seq":0,"seq":0')},
        {"reason": "float", "entry": line.replace('"seq":0', '"seq":0.0')},
        {"reason": "exponent", "entry": line.replace('"seq":0', '"seq":0e0')},
        {"reason": "minus zero", "entry": line.replace('"seq":0', '"seq":-0')},
        {"reason": "integer beyond 2^53 - 1", "entry": line.replace('"seq":0', '"seq":9007199254740992')},
        {"reason": "text for an integer", "entry": line.replace('"seq":0', '"seq":"0"')},
        {"reason": "needless escape", "entry": line.replace('"bid":"B1"', '"bid":"\\u00421"')},
        {"reason": "escaped solidus", "entry": line.replace('"bid":"B1"', '"bid":"B\\/1"')},
        {"reason": "member name not ASCII", "entry": line.replace('"bid":"B1"', '"bid":"B1","评":1')},
        {"reason": "unknown member", "entry": line.replace('"salt":', '"extra":1,"salt":')},
        {"reason": "member missing", "entry": line.replace('"site":"north",', "")},
        {"reason": "salt missing", "entry": line.replace(f'"salt":"{0:032x}",', "")},
        {"reason": "salt in upper case", "entry": line.replace(f'"salt":"{0:032x}"', f'"salt":"A{0:031x}"')},
        {"reason": "signature without command", "entry": line.replace('"cmd":"c-0",', "")},
        {"reason": "null", "entry": line.replace('"cmd":"c-0"', '"cmd":null')},
        {"reason": "type no CamelCase name", "entry": line.replace("ScoreEntered", "score_entered")},
        {"reason": "newline inside", "entry": line + "\n"},
        {"reason": "truncated", "entry": line[:-1]},
    ]


def proofs() -> Json:
    """Return every inclusion and consistency proof of trees up to 13 leaves."""
    log, _ = journal(13)
    tree = log.tree
    return {
        "leaves": [tree.leaf(n).hex() for n in range(13)],
        "roots": [tree.root(n).hex() for n in range(14)],
        "inclusion": [
            {"index": n, "size": size, "proof": [one.hex() for one in tree.inclusion_proof(n, size)]}
            for size in range(1, 14)
            for n in range(size)
        ],
        "consistency": [
            {"old": old, "new": new, "proof": [one.hex() for one in tree.consistency_proof(old, new)]}
            for new in range(14)
            for old in range(new + 1)
        ],
    }


def checkpoints() -> Json:
    """Return keys, signed and cosigned notes, a witness request, and a proof file."""
    log, _ = journal(13)
    head = log.checkpoint()
    note = sign_checkpoint(head, LOG)
    lines = [cosign(head, key, TIME + n) for n, key in enumerate(WITNESSES)]
    cosigned = with_cosignatures(note, lines)
    request = AddCheckpoint(6, log.tree.consistency_proof(6, 13), note)
    proof = TlogProof(4, log.tree.inclusion_proof(4, 13), cosigned, extra=b"sheet of E03")
    return {
        "log_seed": LOG.private.private_bytes_raw().hex(),
        "witness_seeds": [key.private.private_bytes_raw().hex() for key in WITNESSES],
        "log": LOG.verifier.encode(),
        "witnesses": [key.verifier.encode() for key in WITNESSES],
        "times": [TIME, TIME + 1],
        "root": encode_base64(head.root),
        "signed": note.encode().decode(),
        "cosigned": cosigned.encode().decode(),
        "add_checkpoint": request.encode().decode(),
        "proved_leaf": log.tree.leaf(4).hex(),
        "tlog_proof": proof.encode().decode(),
    }


def commitments() -> Json:
    """Return openings with the commitments they open."""
    cases = [
        ("00" * 32, "EV-2026-0001", "c-1", "/value", "8.5"),
        ("ff" * 32, "EV-2026-0001", "c-1", "/reason", ""),
        (bytes(range(32)).hex(), "EV-2026-0001", "c-2", "/value", '评标 "\\\u0001😀'),
    ]
    return [
        {
            "nonce": nonce,
            "session": session,
            "cmd": cmd,
            "path": path,
            "value": value,
            "commit": commit(bytes.fromhex(nonce), session, cmd, path, value),
        }
        for nonce, session, cmd, path, value in cases
    ]


def signatures() -> Json:
    """Return one signed act with its key."""
    body: Json = {"bid": "B1", "value": {"commit": "ab" * 32}}
    payload = act_payload(
        actor="E03", body=body, cmd="c-1", session="EV-2026-0001", site="north", type="ScoreEntered"
    )
    return {
        "private": f"{0xE03:064x}",
        "key": encode_seat_key(SEAT.public_key()),
        "payload": payload.decode(),
        "jws": sign_act(SEAT, payload),
    }


VECTORS: Mapping[str, Callable[[], Json]] = {
    "entries.json": entries,
    "refused-entries.json": refused_entries,
    "proofs.json": proofs,
    "checkpoints.json": checkpoints,
    "commitments.json": commitments,
    "signatures.json": signatures,
}


def text_of(make: Callable[[], Json]) -> str:
    """Return the file text of one kind of vectors."""
    return json.dumps(make(), ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for file, maker in VECTORS.items():
        (FOLDER / file).write_text(text_of(maker), encoding="utf-8", newline="\n")
