"""Signatures of acts: what a browser makes verifies; moved, forged or re-spelled ones don't."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from evalroom.ledger.base64 import decode_base64url, encode_base64url
from evalroom.ledger.signature import (
    HEADER,
    BadActSignature,
    UnsupportedSeatKey,
    act_payload,
    encode_seat_key,
    parse_seat_key,
    sign_act,
    signing_input,
    verify_act,
)

PRIVATE = ec.derive_private_key(0x1234567890ABCDEF, ec.SECP256R1())
PUBLIC = PRIVATE.public_key()
ACT = {
    "actor": "E03",
    "cmd": "c-1",
    "session": "S-1",
    "site": "north",
    "type": "ScoreEntered",
}
PAYLOAD = act_payload(body={"bid": "B1"}, **ACT)
JWS = sign_act(PRIVATE, PAYLOAD)
DER_SIGNATURE = PRIVATE.sign(signing_input(PAYLOAD), ec.ECDSA(SHA256()))

# Made once by WebCrypto (crypto.subtle, ECDSA P-256 with SHA-256) over PAYLOAD.
BROWSER_KEY = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEx8eD9kycD_w23kHIDLv54W9KfChFaE8iuRprtjvZ2b5K"
    "Rpm6uAuz_laasZFaJti-zkTzAVIsHg19OUMbutW3AQ"
)
BROWSER_JWS = (
    "eyJhbGciOiJFUzI1NiJ9..PzrD9oke6jg79sfMPD0v04JbON1aOwqGoPXyi9Rvt3JS1rfzbr8UdmIFH-"
    "3IqWZWrqTuB7l1Bv13HYXUT7BtcQ"
)


def test_the_payload_names_everything_an_act_is_bound_to() -> None:
    expected = b'{"actor":"E03","body":{"bid":"B1"},"cmd":"c-1","session":"S-1","site":"north","type":"ScoreEntered"}'
    assert expected == PAYLOAD
    assert b"eyJhbGciOiJFUzI1NiJ9.eyJhY3RvciI6IkUwMyIs" == signing_input(PAYLOAD)[:41]


def test_an_act_verifies_with_its_key() -> None:
    verify_act(parse_seat_key(encode_seat_key(PUBLIC)), PAYLOAD, JWS)


def test_the_signature_of_a_browser_verifies() -> None:
    verify_act(parse_seat_key(BROWSER_KEY), PAYLOAD, BROWSER_JWS)


@pytest.mark.parametrize("member", ["actor", "cmd", "session", "site", "type"])
def test_an_act_moved_elsewhere_is_refused(member: str) -> None:
    with pytest.raises(BadActSignature):
        verify_act(PUBLIC, act_payload(body={"bid": "B1"}, **(ACT | {member: "other"})), JWS)


def test_an_act_with_another_body_is_refused() -> None:
    with pytest.raises(BadActSignature):
        verify_act(PUBLIC, act_payload(body={"bid": "B2"}, **ACT), JWS)


def test_another_persons_key_is_refused() -> None:
    with pytest.raises(BadActSignature):
        verify_act(ec.derive_private_key(7, ec.SECP256R1()).public_key(), PAYLOAD, JWS)


def test_flipping_any_character_is_noticed() -> None:
    for place in range(len(JWS)):
        changed = JWS[:place] + ("A" if JWS[place] != "A" else "B") + JWS[place + 1 :]
        with pytest.raises(BadActSignature):
            verify_act(PUBLIC, PAYLOAD, changed)


@pytest.mark.parametrize(
    "jws",
    [
        "",
        "..",
        HEADER + "..",
        JWS + "A",
        JWS + "==",
        JWS.replace("..", "."),
        JWS.replace("..", f".{encode_base64url(PAYLOAD)}."),
        JWS.replace(HEADER, encode_base64url(b'{"alg":"none"}')),
        JWS.replace(HEADER, encode_base64url(b'{"alg": "ES256"}')),
        JWS.replace(HEADER, encode_base64url(b'{"alg":"HS256"}')),
        f"{HEADER}..{encode_base64url(bytes(64))}",
        f"{HEADER}..{encode_base64url(DER_SIGNATURE)}",
    ],
)
def test_another_form_of_signature_is_refused(jws: str) -> None:
    with pytest.raises(BadActSignature):
        verify_act(PUBLIC, PAYLOAD, jws)


def test_a_signature_without_its_leading_zero_is_refused() -> None:
    for n in range(10_000):
        payload = act_payload(body={"n": n}, **ACT)
        jws = sign_act(PRIVATE, payload)
        raw = decode_base64url(jws.removeprefix(f"{HEADER}.."))
        if raw[32] == 0:
            break
    short = f"{HEADER}..{encode_base64url(raw[:32] + raw[33:])}"
    verify_act(PUBLIC, payload, jws)
    with pytest.raises(BadActSignature):
        verify_act(PUBLIC, payload, short)


def spki(key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "AAAA",
        encode_seat_key(PUBLIC) + "=",
        encode_seat_key(PUBLIC)[:-4],
        encode_base64url(spki(PUBLIC) + b"\x00"),
        encode_base64url(PUBLIC.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)),
        encode_base64url(
            bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200")
            + PUBLIC.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
        ),
        encode_base64url(spki(ec.derive_private_key(7, ec.SECP384R1()).public_key())),
        encode_base64url(spki(ec.derive_private_key(7, ec.SECP256K1()).public_key())),
        encode_base64url(spki(ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key())),
        encode_base64url(spki(PUBLIC)[:-1] + bytes([spki(PUBLIC)[-1] ^ 1])),
    ],
)
def test_keys_that_are_no_p256_are_refused(text: str) -> None:
    with pytest.raises(UnsupportedSeatKey):
        parse_seat_key(text)


def test_nobody_signs_with_another_curve() -> None:
    with pytest.raises(UnsupportedSeatKey):
        sign_act(ec.derive_private_key(7, ec.SECP384R1()), PAYLOAD)
