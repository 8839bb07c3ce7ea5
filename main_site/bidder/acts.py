"""What a bidder proves with the keys of its bid: replacing, withdrawing, releasing, confirming, answering.

What the envelope key signs is written in `evalroom.sealing.custody`, how halves are sealed in opening.md §7; nothing
here goes over a wire.  Refused: releasing for a window that the policy does not have, or with keys that open no slot.
"""

from collections.abc import Mapping, Sequence

from evalroom.clarification import MAX_ANSWER
from evalroom.errors import Refusal
from evalroom.ledger.base64 import encode_base64
from evalroom.ledger.canonical import canonical
from evalroom.sealing.custody import (
    answer_message,
    confirm_message,
    release_info,
    replace_message,
    withdraw_message,
)
from evalroom.sealing.envelope import Envelope, SealedPart
from evalroom.sealing.policy import Mode, PartName
from evalroom.sealing.suite import OpeningKey, Suite, WrapNotOpened
from evalroom.sealing.unseal import open_half
from main_site.bidder.keyfile import BidKeys, BidRecord

LONGEST_OBJECTION = 2000


class NothingToRelease(Refusal):
    """No part of this bid is opened by its bidder in this window: nothing was sent; look at the windows of the policy."""

    code = "nothing_to_release"


class NoSlotKey(Refusal):
    """This key file opens nothing, the bid was sealed to other slots: nothing was sent; name one of them with --slot."""

    code = "no_slot_key"


class UnusableObjection(Refusal):
    """An objection has at most 2,000 characters: nothing was sent; shorten it, and hand in the rest in writing."""

    code = "unusable_objection"


class UnusableAnswerText(Refusal):
    """An answer has 1 to 4,000 characters and no control signs: nothing was sent; shorten it, then answer again."""

    code = "unusable_answer_text"


def sign_replacement(earlier: BidRecord, keys: BidKeys, new: bytes, digest: bytes) -> str:
    """Return the signature, b64, by the keys of the earlier bid."""
    message = replace_message(earlier.tender, earlier.number, new.hex(), digest)
    return _signed(earlier, keys, message)


def sign_withdrawal(record: BidRecord, keys: BidKeys) -> str:
    """Return the signature, b64."""
    return _signed(record, keys, withdraw_message(record.tender, record.number, record.digest))


def sign_confirmation(record: BidRecord, keys: BidKeys, sha256: bytes, objection: str) -> str:
    """Return the signature, b64.

    Raises:
        UnusableObjection: the objection is too long.
    """
    if len(objection) > LONGEST_OBJECTION:
        raise UnusableObjection(length=len(objection))
    return _signed(record, keys, confirm_message(sha256, objection))


def sign_answer(record: BidRecord, keys: BidKeys, question: str, text: str) -> str:
    """Return the signature, b64, of an answer; `question` is the digest of what was asked, hex.

    Raises:
        UnusableAnswerText: the answer is empty, too long, or holds control signs.
    """
    signs = any(ord(one) < 0x20 and one not in "\n\t" for one in text)
    if not text.strip() or len(text) > MAX_ANSWER or signs:
        raise UnusableAnswerText(length=len(text))
    return _signed(record, keys, answer_message(record.tender, record.number, bytes.fromhex(question), text))


def _signed(record: BidRecord, keys: BidKeys, message: bytes) -> str:
    return encode_base64(keys.signer(record.algorithms()).sign(message))


def halves_of(envelope: Envelope, keys: Sequence[OpeningKey], window: str) -> Mapping[PartName, bytes]:
    """Return the bidder's half of each part that is opened in `window`, checked against the envelope.

    `keys` are of the bidder's slots; one that opens is enough.

    Raises:
        NothingToRelease: there is none.
        NoSlotKey: no keys were given.
        WrapNotOpened: the keys open no slot.
        HalfMismatch: a slot holds another half than the envelope commits to.
    """
    parts = [part for part in envelope.parts if part.terms.window == window]
    if not parts or envelope.policy.mode is Mode.SITES:
        raise NothingToRelease(window=window)
    return {part.name: _half(envelope.suite, part, keys) for part in parts}


def _half(suite: Suite, part: SealedPart, keys: Sequence[OpeningKey]) -> bytes:
    """Return the half from whichever slot one of `keys` opens; the last failure is the one that counts."""
    for key in keys[:-1]:
        try:
            return open_half(suite, part, key)
        except WrapNotOpened:
            continue
    if not keys:
        raise NoSlotKey(part=part.name)
    return open_half(suite, part, keys[-1])


def seal_halves(
    envelope: Envelope, halves: Mapping[PartName, bytes], window: str, session_key: bytes, suite: Suite
) -> bytes:
    """Return the halves wrapped to the window's session key, which is of `suite`, the policy's first.

    Raises:
        MalformedSealingKey: the session key is none.
    """
    named = {name.value: encode_base64(half) for name, half in halves.items()}
    text = canonical({"bid": envelope.bid.hex(), "halves": named, "window": window})
    return suite.wrap(session_key, text, release_info(envelope.part(PartName.IDENTITY).header.context))
