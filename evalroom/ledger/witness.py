"""A witness without its sockets: decides whether a checkpoint follows from the last one it cosigned.

Forms and statuses: c2sp.org/tlog-witness.  Three steps, in this order and no other:

1. `consider(seen, request, logs)` checks the request against the state the store holds and returns the
   state to persist, or raises a refusal with its HTTP status.
2. The caller writes that state with a compare-and-set on `seen`, atomically and to the disk.  Two requests
   at once would otherwise roll the witness back: the loser of the race starts again at step 1.
3. `reply(state, key, time)` builds the cosignature from the state **read back** from the store.  There is
   no other way to one, so that nothing is answered that was not persisted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from evalroom.errors import PeerFault
from evalroom.ledger.base64 import NotBase64, decode_base64, encode_base64
from evalroom.ledger.checkpoint import (
    Checkpoint,
    MalformedCheckpoint,
    cosign,
    open_checkpoint,
    parse_checkpoint,
    parse_size,
)
from evalroom.ledger.merkle import InvalidProof, verify_consistency
from evalroom.ledger.note import (
    MAX_NOTE,
    BadNoteSignature,
    MalformedNote,
    Note,
    SigningKey,
    UntrustedNote,
    VerifierKey,
    parse_note,
)

MAX_PROOF = 63
"""Most proof lines of one request (tlog-witness): enough for a tree of 2^63 leaves."""


class WitnessRefusal(PeerFault):
    """The witness refuses to cosign: the log must show a checkpoint that follows from the last one."""

    code = "witness_refusal"
    status: ClassVar[int] = 400


class BadRequest(WitnessRefusal):
    """The request to the witness has another form than tlog-witness gives it, or goes back in size."""

    code = "witness_bad_request"
    status = 400


class UnknownLogKey(WitnessRefusal):
    """The checkpoint is not signed by the key that this witness trusts for its origin."""

    code = "witness_unknown_log_key"
    status = 403


class UnknownOrigin(WitnessRefusal):
    """This witness was never told to follow a log of that origin."""

    code = "witness_unknown_origin"
    status = 404


class OtherSizeKnown(WitnessRefusal):
    """The witness last cosigned another size: send a proof from that size."""

    code = "witness_other_size"
    status = 409

    def __init__(self, size: int) -> None:
        """Keep the size that the witness last cosigned."""
        super().__init__(size=size)
        self.size = size

    def body(self) -> bytes:
        """Return the body of the 409 reply; its content type is text/x.tlog.size."""
        return f"{self.size}\n".encode()


class Equivocation(WitnessRefusal):
    """The log signed two roots for one size: it shows two histories. Never treat this witness as absent."""

    code = "witness_equivocation"
    status = 422


class Inconsistent(WitnessRefusal):
    """The proof does not lead from the last cosigned root to the new one: history was changed."""

    code = "witness_inconsistent"
    status = 422


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """A request: cosign `note`, which follows by `proof` from the tree of size `old`."""

    old: int
    proof: tuple[bytes, ...]
    note: Note

    def encode(self) -> bytes:
        """Return the body of `POST <prefix>/add-checkpoint`."""
        lines = [f"old {self.old}", *map(encode_base64, self.proof), "", ""]
        return "\n".join(lines).encode() + self.note.encode()


def parse_request(data: bytes) -> AddCheckpoint:
    """Return the request in the body of `add-checkpoint`.

    Raises:
        BadRequest: another form, or more than 63 proof lines.
    """
    head, blank, note = data.partition(b"\n\n")
    if not blank or len(data) > MAX_NOTE + 64 * (MAX_PROOF + 1):
        raise BadRequest(reason="no empty line after the proof")
    try:
        first, *lines = head.decode("ascii").split("\n")
        if not first.startswith("old ") or len(lines) > MAX_PROOF:
            raise BadRequest(reason="old size or number of proof lines")
        proof = tuple(decode_base64(line) for line in lines)
        return AddCheckpoint(parse_size(first.removeprefix("old ")), proof, parse_note(note))
    except (UnicodeDecodeError, NotBase64, MalformedCheckpoint, MalformedNote) as error:
        raise BadRequest(reason="a line has another form") from error


def consider(seen: Checkpoint | None, request: AddCheckpoint, logs: Mapping[str, VerifierKey]) -> Checkpoint:
    """Return the state to persist in place of `seen`, the last one cosigned for this origin (None: never).

    `logs` maps each origin that the witness follows to the key it trusts for it.

    Raises:
        BadRequest, UnknownOrigin, UnknownLogKey, OtherSizeKnown, Equivocation, Inconsistent: as in tlog-witness.
    """
    new = _trusted(request.note, logs)
    if seen is not None and seen.origin != new.origin:
        raise BadRequest(reason="state of another log", origin=seen.origin)
    if request.old > new.size:
        raise BadRequest(reason="old size above the checkpoint's", old=request.old, size=new.size)
    known = seen.size if seen is not None else 0
    if request.old != known:
        raise OtherSizeKnown(known)
    if seen is not None and seen.size == new.size and seen.root != new.root:
        raise Equivocation(origin=new.origin, size=new.size)
    if seen is None or seen.size == 0:
        if request.proof:
            raise Inconsistent(reason="proof from an empty tree", size=new.size)
        return new
    try:
        verify_consistency(seen.size, new.size, request.proof, seen.root, new.root)
    except InvalidProof as error:
        raise Inconsistent(old=seen.size, size=new.size) from error
    return new


def reply(persisted: Checkpoint, key: SigningKey, time: int) -> bytes:
    """Return the 200 reply, one cosignature line, over the state read back after it was persisted.

    `time` is POSIX seconds by the witness's own clock.
    """
    return cosign(persisted, key, time).encode().encode()


def _trusted(note: Note, logs: Mapping[str, VerifierKey]) -> Checkpoint:
    try:
        claimed = parse_checkpoint(note.text)
    except MalformedCheckpoint as error:
        raise BadRequest(reason="no checkpoint") from error
    key = logs.get(claimed.origin)
    if key is None:
        raise UnknownOrigin(origin=claimed.origin)
    try:
        return open_checkpoint(note.encode(), key).checkpoint
    except (UntrustedNote, BadNoteSignature) as error:
        raise UnknownLogKey(origin=claimed.origin) from error
