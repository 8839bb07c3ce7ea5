"""Signatures of persons on their acts: detached JWS, ES256, as WebCrypto makes them in a browser.

The payload is the canonical JSON of actor, body, cmd, session, site and type, so that an act can be moved
to no other session, seat or order; secrets stand in the body as commitments only (archive.md §13).
Refused: every algorithm but ES256, every curve but P-256, protected headers of any other spelling.  ECDSA
allows a second signature (r, n - s) for the same act; that is harmless, since the command id is what
counts once.
"""

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from evalroom.errors import PeerFault
from evalroom.ledger.base64 import NotBase64, decode_base64url, encode_base64url
from evalroom.ledger.canonical import Json, canonical

HEADER = encode_base64url(b'{"alg":"ES256"}')
"""The only protected header there is: {"alg":"ES256"} in base64url."""

_ES256 = ec.ECDSA(SHA256())
_SIGN = ec.ECDSA(SHA256(), deterministic_signing=True)  # RFC 6979: the room has no dice


class UnsupportedSeatKey(PeerFault):
    """A seat's public key is no P-256 key in SPKI form, base64url: make a new one in the browser."""

    code = "unsupported_seat_key"


class BadActSignature(PeerFault):
    """The signature does not belong to this act of this person: it was forged, or the act was changed."""

    code = "bad_act_signature"


def act_payload(*, actor: str, body: Json, cmd: str, session: str, site: str, type: str) -> bytes:  # noqa: A002 - the member's name
    """Return the canonical JSON that the person who acts signs.

    Raises:
        NotCanonical: the body is outside the domain.
    """
    return canonical(
        {"actor": actor, "body": body, "cmd": cmd, "session": session, "site": site, "type": type}
    )


def signing_input(payload: bytes) -> bytes:
    """Return the JWS signing input (RFC 7515 §5.1): header, dot, payload in base64url."""
    return f"{HEADER}.{encode_base64url(payload)}".encode()


def parse_seat_key(text: str) -> ec.EllipticCurvePublicKey:
    """Return the P-256 key in `text`, base64url of its SPKI DER; parse once and keep it (12 µs).

    Raises:
        UnsupportedSeatKey: another key, curve or spelling.
    """
    try:
        der = decode_base64url(text)
        key = load_der_public_key(der)
    except (NotBase64, ValueError, UnsupportedAlgorithm) as error:
        raise UnsupportedSeatKey from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise UnsupportedSeatKey
    if key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) != der:
        raise UnsupportedSeatKey  # compressed points, trailing bytes: one key has one spelling
    return key


def encode_seat_key(key: ec.EllipticCurvePublicKey) -> str:
    """Return a public key as it travels: base64url of its SPKI DER."""
    return encode_base64url(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def sign_act(private: ec.EllipticCurvePrivateKey, payload: bytes) -> str:
    """Return the detached JWS `<header>..<signature>` over `payload`, for seats that are no browser.

    Raises:
        UnsupportedSeatKey: the key is not on P-256.
    """
    if not isinstance(private.curve, ec.SECP256R1):
        raise UnsupportedSeatKey
    r, s = decode_dss_signature(private.sign(signing_input(payload), _SIGN))
    return f"{HEADER}..{encode_base64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def verify_act(public: ec.EllipticCurvePublicKey, payload: bytes, jws: str) -> None:
    """Check the detached JWS over `payload` (70 µs).

    Raises:
        BadActSignature: it is not this key's signature over it, or has another form.
    """
    header, dots, encoded = jws.partition("..")
    if header != HEADER or not dots:
        raise BadActSignature(reason="header")
    try:
        raw = decode_base64url(encoded)
    except NotBase64 as error:
        raise BadActSignature(reason="encoding") from error
    if len(raw) != 64:
        raise BadActSignature(reason="length")
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    try:
        public.verify(der, signing_input(payload), _ES256)
    except InvalidSignature as error:
        raise BadActSignature from error
