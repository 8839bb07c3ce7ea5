"""SM2: what the standard printed and what another implementation does; forged, bent and foreign input is refused."""

import random
import subprocess
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor

import gmalg
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from evalroom.sealing.gm import sm2
from evalroom.sealing.gm.libcrypto import libcrypto
from evalroom.sealing.suite import MalformedSealingKey, WrapNotOpened
from tests.evalroom.sealing.gm.standard import CIPHERTEXT, ENCRYPTED, PRIVATE, PUBLIC, SIGNATURE, SIGNED

KEY = sm2.Sm2PrivateKey(PRIVATE)
OTHER = sm2.private_from_seed(bytes(range(48)))
ORACLE = gmalg.SM2(PRIVATE, b"1234567812345678", PUBLIC)
N = int.from_bytes(sm2.N)
P = int.from_bytes(sm2.P)

HEAD = bytes.fromhex("020100301306072a8648ce3d020106082a811ccf5501822d")
PARAMETERS = bytes.fromhex("a00a06082a811ccf5501822d")
SPKI_HEAD = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d034200")


def tagged(tag: int, *bodies: bytes) -> bytes:
    """Return DER with a short length."""
    body = b"".join(bodies)
    return bytes([tag, len(body)]) + body


def foreign_pkcs8(private: bytes, *more: bytes) -> bytes:
    """Return a PKCS#8 as other programs write it: no public key in it."""
    return tagged(0x30, HEAD, tagged(0x04, tagged(0x30, b"\2\1\1", tagged(0x04, private), *more)))


def openssl(*words: str, given: bytes = b"") -> bytes:
    """Return what `openssl` answers."""
    return subprocess.run(["openssl", *words], input=given, capture_output=True, check=True).stdout


def number(value: int) -> bytes:
    return value.to_bytes(32)


def point_off_the_curve() -> bytes:
    """Return a point whose y is one more than it should be: no square root, so on another curve."""
    return PUBLIC[:33] + number(int.from_bytes(PUBLIC[33:]) + 1)


def test_the_standards_private_key_has_the_standards_public_key() -> None:
    assert KEY.encoded == PUBLIC


def test_the_standards_signature_verifies() -> None:
    sm2.Sm2PublicKey(PUBLIC).verify(SIGNED, SIGNATURE)


def test_the_standards_ciphertext_opens() -> None:
    assert KEY.decrypt(CIPHERTEXT) == ENCRYPTED


@pytest.mark.parametrize("size", [1, 2, 32, 67, 127, 128, 255, 256, 1056, 2048])
def test_another_implementation_opens_what_we_encrypt_and_we_what_it_does(size: int) -> None:
    plain = random.Random(size).randbytes(size)
    sealed = sm2.Sm2PublicKey(PUBLIC).encrypt(plain)
    assert len(sealed) == size + sm2.CIPHERTEXT_OVERHEAD
    assert ORACLE.decrypt(sealed) == plain
    assert KEY.decrypt(ORACLE.encrypt(plain)) == plain


@pytest.mark.parametrize("message", [b"", b"m", b"n" * 5000], ids=["empty", "short", "long"])
def test_another_implementation_verifies_what_we_sign_and_we_what_it_does(message: bytes) -> None:
    signature = KEY.sign(message)
    assert ORACLE.verify(message, signature[:32], signature[32:])
    KEY.verify(message, b"".join(part.rjust(32, b"\0") for part in ORACLE.sign(message)))


def test_another_identity_makes_another_signature() -> None:
    signature = KEY.sign(SIGNED, b"ALICE123@YAHOO.COM")
    KEY.verify(SIGNED, signature, b"ALICE123@YAHOO.COM")
    with pytest.raises(InvalidSignature):
        KEY.verify(SIGNED, signature)
    with pytest.raises(InvalidSignature):
        KEY.verify(SIGNED, SIGNATURE, b"")


def test_signing_and_encrypting_never_repeat() -> None:
    assert len({KEY.sign(SIGNED)[:32] for _ in range(50)}) == 50
    assert len({KEY.encrypt(SIGNED)[:65] for _ in range(50)}) == 50


def forged_signatures() -> dict[str, bytes]:
    r, s = SIGNATURE[:32], SIGNATURE[32:]
    return {
        "r is zero": bytes(32) + s,
        "s is zero": r + bytes(32),
        "r is n": sm2.N + s,
        "s is n": r + sm2.N,
        "s plus n would not fit, n minus s": r + number(N - int.from_bytes(s)),
        "r + s is n": r + number(N - int.from_bytes(r)),
        "all ones": b"\xff" * 64,
        "swapped": s + r,
        "short": SIGNATURE[:63],
        "long": SIGNATURE + b"\0",
        "s with a zero before it": r + b"\0" + s,
        "empty": b"",
    }


@pytest.mark.parametrize("name", forged_signatures())
def test_a_forged_signature_is_refused(name: str) -> None:
    with pytest.raises(InvalidSignature):
        KEY.verify(SIGNED, forged_signatures()[name])


def test_no_flipped_bit_of_a_signature_or_message_verifies() -> None:
    for bit in range(512):
        bent = bytearray(SIGNATURE)
        bent[bit // 8] ^= 1 << bit % 8
        with pytest.raises(InvalidSignature):
            KEY.verify(SIGNED, bytes(bent))
    with pytest.raises(InvalidSignature):
        KEY.verify(SIGNED + b"\0", SIGNATURE)
    with pytest.raises(InvalidSignature):
        OTHER.verify(SIGNED, SIGNATURE)


def test_a_thousand_tampered_ciphertexts_are_refused() -> None:
    dice = random.Random(7)
    sealed = KEY.encrypt(bytes(range(64)))
    for _ in range(1000):
        bent = bytearray(sealed)
        for _ in range(dice.choice((1, 1, 1, 2, 8))):
            bent[dice.randrange(len(bent))] ^= dice.randrange(1, 256)
        if bytes(bent) == sealed:
            continue  # two flips undid each other
        with pytest.raises(WrapNotOpened):
            KEY.decrypt(bytes(bent))


def test_a_ciphertext_cut_or_lengthened_anywhere_is_refused() -> None:
    sealed = KEY.encrypt(bytes(32))
    for size in range(len(sealed)):
        with pytest.raises(WrapNotOpened):
            KEY.decrypt(sealed[:size])
    for tail in (b"\0", bytes(32), bytes(4000)):
        with pytest.raises(WrapNotOpened):
            KEY.decrypt(sealed + tail)


def test_a_ciphertext_for_another_key_is_refused() -> None:
    with pytest.raises(WrapNotOpened):
        OTHER.decrypt(KEY.encrypt(bytes(32)))


def test_a_ciphertext_has_one_spelling() -> None:
    """C1 with x + p instead of x is the same point, and libcrypto alone opens it."""
    x = next(x for x in range(1, 1000) if square_root_of_curve(x) is not None)
    y = square_root_of_curve(x)
    assert y is not None
    tail = rest_of_a_ciphertext((x, y), ENCRYPTED)
    assert KEY.decrypt(b"\4" + number(x) + number(y) + tail) == ENCRYPTED
    for head in (
        b"\4" + number(x + P) + number(y),
        b"\6" + number(x) + number(y),
        b"\7" + number(x) + number(y),
    ):
        with pytest.raises(WrapNotOpened):
            KEY.decrypt(head + tail)
    for head in (b"\4" + number(x) + number(P), b"\4" + b"\xff" * 64, b"\2" + CIPHERTEXT[1:65]):
        with pytest.raises(WrapNotOpened):
            KEY.decrypt(head + tail)


def rest_of_a_ciphertext(point: tuple[int, int], plain: bytes) -> bytes:
    """Return C3 | C2 that belong to C1 = `point` and the key PRIVATE (GB/T 32918.4, §6.1), written out."""
    x, y = map(number, multiplied(int.from_bytes(PRIVATE), point))
    stream = sm3(x + y + (1).to_bytes(4))
    assert len(plain) <= len(stream)
    return sm3(x + plain + y) + bytes(a ^ b for a, b in zip(plain, stream, strict=False))


def sm3(data: bytes) -> bytes:
    digest = gmalg.SM3()
    digest.update(data)
    value: bytes = digest.value()
    return value


def multiplied(times: int, point: tuple[int, int]) -> tuple[int, int]:
    """Return `times` the point, by doubling and adding; a test may take its time."""
    made = point
    for bit in bin(times)[3:]:
        made = added(made, made)
        if bit == "1":
            made = added(made, point)
    return made


def added(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    (x, y), (u, v) = one, other
    slope = (3 * x * x - 3) * pow(2 * y, -1, P) if one == other else (v - y) * pow(u - x, -1, P)
    third = (slope * slope - x - u) % P
    return third, (slope * (x - third) - y) % P


def square_root_of_curve(x: int) -> int | None:
    """Return a y of the curve for x, if there is one; p = 3 mod 4."""
    b = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
    square = (x**3 - 3 * x + b) % P
    root = pow(square, (P + 1) // 4, P)
    return root if root * root % P == square else None


def test_the_invalid_curve_attack_fails() -> None:
    """Points of a weak curve would give the private key away piece by piece."""
    for point in (point_off_the_curve(), b"\4" + bytes(64), b"\4" + number(1) + number(1)):
        with pytest.raises(WrapNotOpened):
            KEY.decrypt(point + CIPHERTEXT[65:])
        with pytest.raises(MalformedSealingKey):
            sm2.Sm2PublicKey(point)


@pytest.mark.parametrize(
    "encoded",
    [
        b"",
        b"\0",
        PUBLIC[:64],
        PUBLIC + b"\0",
        PUBLIC[1:],
        bytes([2 + PUBLIC[64] % 2]) + PUBLIC[1:33],
        bytes([6 + PUBLIC[64] % 2]) + PUBLIC[1:],
        b"\4" + sm2.P + PUBLIC[33:],
        PUBLIC[:33] + sm2.P,
    ],
    ids=["empty", "infinity", "short", "long", "bare", "compressed", "hybrid", "x is p", "y is p"],
)
def test_a_public_key_of_another_form_is_refused(encoded: bytes) -> None:
    with pytest.raises(MalformedSealingKey):
        sm2.Sm2PublicKey(encoded)


@pytest.mark.parametrize(
    "private",
    [bytes(32), number(N - 1), number(N), b"\xff" * 32, PRIVATE[:31], PRIVATE + b"\0", b""],
    ids=["0", "n-1", "n", "all ones", "short", "long", "empty"],
)
def test_a_private_key_off_its_range_is_refused(private: bytes) -> None:
    with pytest.raises(MalformedSealingKey):
        sm2.Sm2PrivateKey(private)


@pytest.mark.parametrize("private", [1, 2, N - 2])
def test_the_ends_of_the_range_work(private: int) -> None:
    key = sm2.Sm2PrivateKey(number(private))
    assert key.encoded == gmalg.SM2(number(private)).generate_pk(number(private))
    key.verify(SIGNED, key.sign(SIGNED))
    assert key.decrypt(key.encrypt(SIGNED)) == SIGNED


@pytest.mark.parametrize(
    ("seed", "private"),
    [
        (bytes(48), 1),
        ((N - 3).to_bytes(48), N - 2),
        ((N - 2).to_bytes(48), 1),
        (b"\xff" * 48, (2**384 - 1) % (N - 2) + 1),
    ],
    ids=["zeros", "largest", "wraps round", "ones"],
)
def test_a_seed_makes_its_key_and_always_one_in_range(seed: bytes, private: int) -> None:
    assert sm2.private_from_seed(seed).to_pkcs8() == sm2.Sm2PrivateKey(number(private)).to_pkcs8()


def test_a_seed_of_another_length_is_our_mistake() -> None:
    with pytest.raises(ValueError, match="48"):
        sm2.private_from_seed(bytes(32))


@pytest.mark.parametrize("size", [0, 2049])
def test_nothing_and_too_much_cannot_be_encrypted(size: int) -> None:
    with pytest.raises(ValueError, match="2048"):
        KEY.encrypt(bytes(size))


@pytest.mark.needs("openssl")
def test_keys_survive_their_files_and_openssl_reads_them() -> None:
    der = OTHER.to_pkcs8()
    assert sm2.private_from_pkcs8(der).to_pkcs8() == der
    assert sm2.public_from_spki(OTHER.to_spki()).encoded == OTHER.encoded
    assert openssl("pkey", "-inform", "DER", "-pubout", "-outform", "DER", given=der) == OTHER.to_spki()


@pytest.mark.needs("openssl")
@pytest.mark.parametrize("kind", [["SM2"], ["EC", "-pkeyopt", "ec_paramgen_curve:SM2"]], ids=["SM2", "EC"])
def test_keys_of_openssl_are_read_and_written_byte_for_byte(kind: list[str]) -> None:
    pem = openssl("genpkey", "-algorithm", *kind)
    der = openssl("pkcs8", "-topk8", "-nocrypt", "-outform", "DER", given=pem)
    key = sm2.private_from_pkcs8(der)
    assert key.to_pkcs8() == der
    assert key.to_spki() == openssl("pkey", "-pubout", "-outform", "DER", given=pem)


@pytest.mark.parametrize("more", [[], [PARAMETERS]], ids=["bare", "with parameters"])
def test_keys_that_other_programs_write_are_read(more: list[bytes]) -> None:
    assert sm2.private_from_pkcs8(foreign_pkcs8(PRIVATE, *more)).to_pkcs8() == KEY.to_pkcs8()


def test_a_pkcs8_whose_halves_do_not_belong_together_is_refused() -> None:
    with pytest.raises(MalformedSealingKey):
        sm2.private_from_pkcs8(KEY.to_pkcs8()[:-65] + OTHER.encoded)


def bad_pkcs8() -> dict[str, bytes]:
    ours = KEY.to_pkcs8()
    p256 = ec.derive_private_key(7, ec.SECP256R1())
    form = (Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return {
        "empty": b"",
        "zeros": bytes(138),
        "cut": ours[:-1],
        "tail": ours + b"\0",
        "foreign, tail": foreign_pkcs8(PRIVATE) + b"\0",
        "foreign, d is zero": foreign_pkcs8(bytes(32)),
        "foreign, d is n": foreign_pkcs8(sm2.N),
        "foreign, 33 bytes": foreign_pkcs8(b"\1" + PRIVATE),
        "d is n - 1": ours.replace(PRIVATE, number(N - 1)),
        "P-256": p256.private_bytes(*form),
        "Ed25519": ed25519.Ed25519PrivateKey.from_private_bytes(PRIVATE).private_bytes(*form),
        "SEC 1": tagged(0x30, b"\2\1\1", tagged(4, PRIVATE), PARAMETERS),
        "public": KEY.to_spki(),
        "PEM": b"-----BEGIN PRIVATE KEY-----\n" + b64encode(ours) + b"\n-----END PRIVATE KEY-----\n",
    }


@pytest.mark.parametrize("name", bad_pkcs8())
def test_what_is_no_sm2_key_in_pkcs8_is_refused(name: str) -> None:
    with pytest.raises(MalformedSealingKey):
        sm2.private_from_pkcs8(bad_pkcs8()[name])


@pytest.mark.parametrize(
    "der",
    [
        b"",
        SPKI_HEAD,
        SPKI_HEAD + PUBLIC[:-1],
        SPKI_HEAD + PUBLIC + b"\0",
        SPKI_HEAD + point_off_the_curve(),
        PUBLIC,
    ],
    ids=["empty", "no point", "cut", "tail", "off the curve", "bare point"],
)
def test_what_is_no_sm2_key_in_spki_is_refused(der: bytes) -> None:
    with pytest.raises(MalformedSealingKey):
        sm2.public_from_spki(der)


def test_flipped_bits_of_a_pkcs8_end_in_a_typed_error_or_a_key() -> None:
    der = foreign_pkcs8(PRIVATE, PARAMETERS)
    for bit in range(len(der) * 8):
        bent = bytearray(der)
        bent[bit // 8] ^= 1 << bit % 8
        try:
            sm2.private_from_pkcs8(bytes(bent))
        except MalformedSealingKey:
            continue


def test_threads_share_keys() -> None:
    def work(turn: int) -> bool:
        message = turn.to_bytes(4)
        KEY.verify(message, KEY.sign(message))
        with pytest.raises(InvalidSignature):
            KEY.verify(message, SIGNATURE)
        mine = sm2.private_from_seed(message * 12)
        return KEY.decrypt(KEY.encrypt(message)) == mine.decrypt(mine.encrypt(message))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(400)))


def test_a_failure_leaves_no_error_for_the_next_user_of_the_library() -> None:
    """Python's `ssl` reads the same queue of the same thread."""
    failures = (
        lambda: KEY.verify(SIGNED, bytes(64)),
        lambda: KEY.decrypt(bytes([4]) + bytes(200)),
        lambda: sm2.Sm2PublicKey(point_off_the_curve()),
        lambda: sm2.private_from_pkcs8(bytes(200)),
    )
    for failing in failures:
        with pytest.raises((InvalidSignature, WrapNotOpened, MalformedSealingKey)):
            failing()
        assert libcrypto().call.ERR_peek_last_error() == 0
