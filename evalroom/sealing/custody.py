"""What a trustee signs in an opening, byte for byte, and how its signature is checked; likewise a bidder's acts.

Agents sign these messages, the room and outsiders check them (opening.md §3 to §5).  A trustee's signer is an Ed25519
key or, on a token, P-256; a bidder acts by the envelope key of the bid.  Refused: signatures with two spellings
(P-256 with s above n/2), keys of any other kind, and text that is not canonical Base64.
"""

import hashlib
from collections.abc import Mapping, Sequence

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from evalroom.errors import PeerFault
from evalroom.ledger.base64 import NotBase64, decode_base64, encode_base64
from evalroom.ledger.canonical import Json, canonical
from evalroom.sealing.facts import SuiteKey
from evalroom.sealing.suite import Suite

_HALF_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551 // 2


class ForgedTrusteeAct(PeerFault):
    """The signature is not the trustee's: it was forged, or the text was changed; nothing was done with it, fetch it again."""

    code = "forged_trustee_act"


class ForgedBidderAct(PeerFault):
    """The signature is not by the envelope key of the bid: nothing was done; sign with the key file of that bid."""

    code = "forged_bidder_act"


def keys_digest(keys: Sequence[SuiteKey]) -> bytes:
    """Return what a trustee's proofs are about: SHA-256 of the canonical list of its keys."""
    listed: Json = [{"suite": one.suite, "public": one.public} for one in keys]
    return hashlib.sha256(canonical(listed)).digest()


def published_message(tender: str, keys: Sequence[SuiteKey]) -> bytes:
    """Return what a trustee signs when it publishes its keys."""
    return b"EVB1 trustee" + tender.encode() + b"\0" + keys_digest(keys)


def possession_info(keys: Sequence[SuiteKey]) -> bytes:
    """Return what binds a challenge by whose opening a trustee proves possession of its keys."""
    return b"EVB1 possession" + keys_digest(keys)


def policy_message(policy: bytes) -> bytes:
    """Return what a trustee signs of a policy; `policy` is the SHA-256 of policy.json."""
    return b"EVB1 policy" + policy


def ack_message(policy: bytes, *, trustee: str, bid: str, digest: bytes, good: bool, cause: str) -> bytes:
    """Return what a trustee signs of a bid; `policy` is the SHA-256 of policy.json, `digest` the bid's, 32 bytes."""
    said: Json = {
        "bid": bid,
        "cause": cause,
        "digest": encode_base64(digest),
        "good": good,
        "trustee": trustee,
    }
    return b"EVB1 ack" + policy + canonical(said)


def destroyed_message(policy: bytes) -> bytes:
    """Return what a trustee signs once its keys are no more; `policy` is the SHA-256 of policy.json."""
    return b"EVB1 destroyed" + policy


def release_info(context: bytes) -> bytes:
    """Return what binds a bidder's halves to a window's session key; `context` is that of the part `identity`."""
    return b"EVB1 release" + context


def combine_info(place: int, context: bytes) -> bytes:
    """Return what binds the share of trustee number `place`, wrapped to the session key of the window."""
    return b"EVB1 combine%d" % place + context


def is_gate(gate: str, kind: str, body: Mapping[str, Json]) -> bool:
    """Say whether an entry is what a window waits for: of `GroupUnlocked` the unlock of the part `detailed` alone.

    With prices behind it, the unlock of the preliminary part would open them while members still score.
    """
    return kind == gate and (kind != "GroupUnlocked" or body.get("part") == "detailed")


def replace_message(tender: str, earlier: str, new: str, digest: bytes) -> bytes:
    """Return what the earlier envelope key signs when another bid takes its place; numbers are 32 hex digits."""
    return b"EVB1 replace" + tender.encode() + b"\0" + bytes.fromhex(earlier) + bytes.fromhex(new) + digest


def withdraw_message(tender: str, bid: str, digest: bytes) -> bytes:
    """Return what the envelope key signs when a bid is taken back."""
    return b"EVB1 withdraw" + tender.encode() + b"\0" + bytes.fromhex(bid) + digest


def confirm_message(record: bytes, objection: str) -> bytes:
    """Return what the envelope key signs of a record, `record` its SHA-256; `objection` is empty when confirmed."""
    return b"EVB1 record" + record + hashlib.sha256(objection.encode()).digest()


def answer_message(tender: str, bid: str, question: bytes, text: str) -> bytes:
    """Return what the envelope key of a bid signs of its answer; `question` is the digest of what was asked."""
    answer = hashlib.sha256(text.encode()).digest()
    return b"EVB1 answer" + tender.encode() + b"\0" + bytes.fromhex(bid) + question + answer


def verify_trustee(spki: bytes, message: bytes, signature: str) -> None:
    """Check a trustee's signature, b64 of 64 bytes: Ed25519, or ES256 as r and s, s at most n/2.

    Raises:
        ForgedTrusteeAct: it is another's, or the key is of another kind.
    """
    try:
        raw = decode_base64(signature)
        key = load_der_public_key(spki)
        if isinstance(key, ed25519.Ed25519PublicKey):
            return key.verify(raw, message)
        if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
            return key.verify(_dss(raw), message, ec.ECDSA(SHA256()))
    except (NotBase64, ValueError, UnsupportedAlgorithm, InvalidSignature) as error:
        raise ForgedTrusteeAct from error
    raise ForgedTrusteeAct(reason="no Ed25519 and no P-256 key")


def _dss(raw: bytes) -> bytes:
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    if len(raw) != 64 or s > _HALF_ORDER:
        raise ForgedTrusteeAct(reason="signature is not r and s, s at most n/2")
    return encode_dss_signature(r, s)


def verify_bidder(suite: Suite, key: bytes, message: bytes, signature: str) -> None:
    """Check a bidder's signature, b64 in the suite's own form, by the envelope key `key`.

    Raises:
        ForgedBidderAct: it is another's, or no signature at all.
    """
    try:
        suite.verify(key, message, decode_base64(signature))
    except PeerFault as error:
        raise ForgedBidderAct(reason=error.code) from error
