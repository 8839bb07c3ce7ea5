"""What trustees and bidders sign, byte for byte, and signatures that are another's."""

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from evalroom.ledger.base64 import encode_base64
from evalroom.sealing import custody
from evalroom.sealing.custody import ForgedBidderAct, ForgedTrusteeAct, verify_bidder, verify_trustee
from evalroom.sealing.facts import SuiteKey
from evalroom.sealing.suites import find_suite
from tests.evalroom.sealing import tender

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
EDWARDS = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))
TOKEN = ec.derive_private_key(7, ec.SECP256R1())
POLICY = hashlib.sha256(b"policy").digest()


def spki(key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def es256(message: bytes, *, high: bool = False, key: ec.EllipticCurvePrivateKey = TOKEN) -> bytes:
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(SHA256())))
    s = max(s, ORDER - s) if high else min(s, ORDER - s)
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def test_a_trustee_signs_with_ed25519_or_on_a_token_with_p256() -> None:
    verify_trustee(spki(EDWARDS), b"message", encode_base64(EDWARDS.sign(b"message")))
    verify_trustee(spki(TOKEN), b"message", encode_base64(es256(b"message")))


def test_a_signature_of_p256_has_one_spelling() -> None:
    with pytest.raises(ForgedTrusteeAct):
        verify_trustee(spki(TOKEN), b"message", encode_base64(es256(b"message", high=True)))


@pytest.mark.parametrize(
    "signature", ["", "?", "AAAA", encode_base64(bytes(64)), encode_base64(b"\xff" * 64)]
)
def test_what_is_no_signature_is_refused(signature: str) -> None:
    for key in (EDWARDS, TOKEN):
        with pytest.raises(ForgedTrusteeAct):
            verify_trustee(spki(key), b"message", signature)


def test_another_message_key_or_kind_of_key_is_refused() -> None:
    signature = encode_base64(EDWARDS.sign(b"message"))
    p384 = ec.derive_private_key(7, ec.SECP384R1())
    for key, message in (
        (spki(EDWARDS), b"messagE"),
        (spki(ed25519.Ed25519PrivateKey.from_private_bytes(b"\1" * 32)), b"message"),
        (spki(TOKEN), b"message"),
        (spki(p384), b"message"),
        (b"", b"message"),
        (b"\x30\x00", b"message"),
    ):
        with pytest.raises(ForgedTrusteeAct):
            verify_trustee(key, message, signature)


@pytest.mark.parametrize("suite", [1, 2])
def test_a_bidder_acts_by_the_envelope_key_alone(suite: int) -> None:
    chosen, key = find_suite(suite), tender.signing_key(suite, "envelope")
    good = encode_base64(key.sign(b"message"))
    verify_bidder(chosen, key.public, b"message", good)
    for public, message, signature in (
        (tender.signing_key(suite, "rival").public, b"message", good),
        (key.public, b"messagE", good),
        (key.public, b"message", good[:-4]),
        (key.public, b"message", "?"),
        (b"", b"message", good),
    ):
        with pytest.raises(ForgedBidderAct):
            verify_bidder(chosen, public, message, signature)


def test_messages_are_those_of_the_specification() -> None:
    keys = (SuiteKey(2, "a2V5"),)
    digest = hashlib.sha256(b'[{"public":"a2V5","suite":2}]').digest()
    a, b = "00" * 16, "11" * 16
    assert b"EVB1 trusteeT-1\0" + digest == custody.published_message("T-1", keys)
    assert b"EVB1 possession" + digest == custody.possession_info(keys)
    assert b"EVB1 policy" + POLICY == custody.policy_message(POLICY)
    assert b"EVB1 destroyed" + POLICY == custody.destroyed_message(POLICY)
    assert b"EVB1 replaceT-1\0" + bytes(16) + b"\x11" * 16 + POLICY == custody.replace_message(
        "T-1", a, b, POLICY
    )
    assert b"EVB1 withdrawT-1\0" + b"\x11" * 16 + POLICY == custody.withdraw_message("T-1", b, POLICY)
    said = hashlib.sha256("不".encode()).digest()
    assert b"EVB1 record" + POLICY + said == custody.confirm_message(POLICY, "不")
    assert b"EVB1 release" + POLICY == custody.release_info(POLICY)
    assert b"EVB1 combine2" + POLICY == custody.combine_info(2, POLICY)
    ack = custody.ack_message(POLICY, trustee="north", bid=a, digest=bytes(32), good=True, cause="")
    told = b'{"bid":"%s","cause":"","digest":"%s","good":true,"trustee":"north"}'
    assert b"EVB1 ack" + POLICY + told % (a.encode(), encode_base64(bytes(32)).encode()) == ack


def test_no_two_messages_are_alike() -> None:
    keys = (SuiteKey(2, "a2V5"),)
    number = "00" * 16
    messages = [
        custody.published_message("T", keys),
        custody.policy_message(POLICY),
        custody.destroyed_message(POLICY),
        custody.replace_message("T", number, number, POLICY),
        custody.withdraw_message("T", number, POLICY),
        custody.confirm_message(POLICY, ""),
        custody.ack_message(POLICY, trustee="T", bid=number, digest=POLICY, good=True, cause=""),
    ]
    assert len(messages) == len({message[:10] for message in messages})


def test_the_unlock_of_the_preliminary_part_opens_no_window() -> None:
    assert custody.is_gate("GroupUnlocked", "GroupUnlocked", {"lot": "lot1", "part": "detailed"})
    assert not custody.is_gate("GroupUnlocked", "GroupUnlocked", {"lot": "lot1", "part": "preliminary"})
    assert not custody.is_gate("GroupUnlocked", "GroupUnlocked", {})
    assert not custody.is_gate("GroupUnlocked", "SheetLocked", {"part": "detailed"})
    assert custody.is_gate("BidsClosed", "BidsClosed", {})
