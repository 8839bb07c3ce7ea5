"""The binding: nothing leaks, secrets do not stay in buffers, every function has its types."""

from collections.abc import Callable

import pytest
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from evalroom.sealing.gm import sm2, sm4
from evalroom.sealing.gm.libcrypto import FUNCTIONS, LibcryptoFault, libcrypto, wiped
from evalroom.sealing.suite import MalformedSealingKey, WrapNotOpened
from tests.evalroom.sealing.gm.heap import leaks, tells
from tests.evalroom.sealing.gm.standard import PRIVATE, PUBLIC

ROUNDS = 300

KEY = sm2.Sm2PrivateKey(PRIVATE)
SEALED = KEY.encrypt(b"m")
SIGNATURE = KEY.sign(b"m")
DER = KEY.to_pkcs8()
FOREIGN = DER[:-70].replace(b"\x30\x81\x87", b"\x30\x41").replace(b"\x04\x6d\x30\x6b", b"\x04\x27\x30\x25")
P256 = ec.derive_private_key(7, ec.SECP256R1()).private_bytes(
    Encoding.DER, PrivateFormat.PKCS8, NoEncryption()
)
OFF_CURVE = PUBLIC[:-1] + b"\0"


def refused(work: Callable[[], object]) -> Callable[[], None]:
    """Return `work` as something that must fail."""

    def failing() -> None:
        with pytest.raises((InvalidSignature, InvalidTag, MalformedSealingKey, WrapNotOpened)):
            work()

    return failing


WORK: dict[str, Callable[[], object]] = {
    "load": lambda: sm2.private_from_pkcs8(DER),
    "load foreign": lambda: sm2.private_from_pkcs8(FOREIGN),
    "load garbage": refused(lambda: sm2.private_from_pkcs8(bytes(70))),
    "load a foreign key with a tail": refused(lambda: sm2.private_from_pkcs8(FOREIGN + b"\0")),
    "load a foreign key of another curve": refused(lambda: sm2.private_from_pkcs8(P256)),
    "load halves of two keys": refused(lambda: sm2.private_from_pkcs8(DER[:-1] + b"?")),
    "public": lambda: sm2.Sm2PublicKey(PUBLIC),
    "public off the curve": refused(lambda: sm2.Sm2PublicKey(OFF_CURVE)),
    "save": KEY.to_pkcs8,
    "sign": lambda: KEY.sign(b"m"),
    "verify": lambda: KEY.verify(b"m", SIGNATURE),
    "verify another's": refused(lambda: KEY.verify(b"n", SIGNATURE)),
    "encrypt": lambda: KEY.encrypt(b"m"),
    "decrypt": lambda: KEY.decrypt(SEALED),
    "decrypt tampered": refused(lambda: KEY.decrypt(SEALED[:-1] + b"?")),
    "decrypt off the curve": refused(lambda: KEY.decrypt(OFF_CURVE + SEALED[65:])),
    "bulk": lambda: sm4.bulk(bytes(16)).encrypt_into(bytes(12), b"m", b"a", bytearray(17)),
    "bulk tampered": refused(
        lambda: sm4.bulk(bytes(16)).decrypt_into(bytes(12), bytes(17), b"a", bytearray(1))
    ),
}


@tells
@pytest.mark.parametrize("name", WORK)
def test_nothing_leaks(name: str) -> None:
    assert not leaks(WORK[name], ROUNDS)


def test_a_wiped_buffer_holds_zeros_whatever_happened() -> None:
    kept = []

    def broken_off() -> None:
        with wiped(4) as buffer:
            kept.append(buffer)
            buffer.raw = b"seed"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken_off()
    assert kept[0].raw == bytes(4)


def test_every_function_used_has_its_types() -> None:
    library = libcrypto().call
    for name, (result, arguments) in FUNCTIONS.items():
        function = getattr(library, name)
        assert (function.restype, tuple(function.argtypes)) == (result, arguments)
    called = {name for name, value in vars(library).items() if hasattr(value, "restype") and name[0] != "_"}
    assert called == FUNCTIONS.keys()


def test_a_failure_at_something_valid_names_its_reason_and_frees() -> None:
    freed: list[int] = []
    lib = libcrypto()
    for result in (None, 0, -2):
        with pytest.raises(LibcryptoFault), lib.owned(result, freed.append):
            pytest.fail("there was nothing to own")
    with pytest.raises(KeyError), lib.owned(7, freed.append):
        raise KeyError
    assert freed == [7]
