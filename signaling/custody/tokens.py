"""Keys on a token that speaks PKCS#11: they are made there and never leave it; suite 0x02 only.

PKCS#11 knows no X-Wing and no HPKE: the token does ECDH and ECDSA on P-256, the rest of RFC 9180 is in
`decapsulation.py`.  A token that was pulled out is a coded error and no crash; the next call logs in anew.
Needs the extra `pkcs11`.  Refused: other suites, two keys under one label, a token without P-256.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import pkcs11
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pkcs11 import KDF, Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11.types import DeriveMixin, SignMixin

from evalroom.errors import LocalFault
from evalroom.sealing.suite import OpeningKey
from signaling.custody.decapsulation import POINT_SIZE, Exchange, open_wrap
from signaling.custody.keys import CustodyLacksSuite, KeyLabel, KeyMissing

if TYPE_CHECKING:
    from pkcs11 import _pkcs11

Result = TypeVar("Result")

SUITE = 0x02
PREFIX = "evalroom"
_P256 = bytes.fromhex("06082a8648ce3d030107")  # the named curve, 1.2.840.10045.3.1.7
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Order n of P-256 (SP 800-186 §3.2.1.3)."""


_PIN_FAULTS = (pkcs11.PinIncorrect, pkcs11.PinLocked, pkcs11.PinInvalid, pkcs11.PinLenRange)


class TokenGone(LocalFault):
    """The token does not answer: put it back, or find out what its driver says; nothing was signed or released."""

    code = "token_gone"


class WrongPin(LocalFault):
    """The token refuses this PIN: nothing was signed or sent; do not try again before you know why, or it locks itself."""

    code = "wrong_pin"


@dataclass(frozen=True, slots=True)
class TokenKey:
    """An opening key on the token; each use finds it again, so that it survives the token's coming and going."""

    public: bytes
    exchange: Exchange = field(repr=False)

    def unwrap(self, wrapped: bytes, info: bytes) -> bytes:
        """Return the secret wrapped to this key for `info`.

        Raises:
            WrapNotOpened: it does not open.
            TokenGone: the token does not answer.
        """
        return open_wrap(self.exchange, self.public, wrapped, info)


@dataclass(frozen=True, slots=True)
class TokenSigner:
    """A signer on the token: ES256."""

    spki: bytes
    sign_digest: Callable[[bytes], bytes] = field(repr=False)

    def sign(self, message: bytes) -> bytes:
        """Return r‖s with s at most n/2, 64 bytes.

        Raises:
            TokenGone: the token does not answer.
        """
        raw = self.sign_digest(hashlib.sha256(message).digest())
        s = int.from_bytes(raw[32:], "big")
        return raw[:32] + min(s, _ORDER - s).to_bytes(32, "big")


@dataclass(slots=True)
class Pkcs11Keys:
    """Keys on the token called `token`, by the driver `module`, unlocked with `pin`."""

    module: str
    token: str
    pin: str = field(repr=False)
    _session: pkcs11.Session | None = field(default=None, repr=False)
    _pin_refused: bool = False

    @property
    def suites(self) -> tuple[int, ...]:
        """Return suite 0x02 alone."""
        return (SUITE,)

    def signer(self) -> TokenSigner:
        """Return the signer, made on the token at the first call.

        Raises:
            TokenGone, WrongPin: the token does not answer.
        """
        label = f"{PREFIX}/signer"
        point = self._do(lambda session: _make(session, label, MechanismFlag.SIGN | MechanismFlag.VERIFY))
        spki = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        return TokenSigner(
            spki.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
            lambda digest: self._do(lambda session: _sign(session, label, digest)),
        )

    def make(self, label: KeyLabel) -> OpeningKey:
        """Return the opening key under `label`, made on the token at the first call.

        Raises:
            CustodyLacksSuite: not for this suite.
            TokenGone, WrongPin: the token does not answer.
        """
        if label.suite != SUITE:
            raise CustodyLacksSuite(suite=label.suite, has=SUITE)
        name = _name(label)
        return self._key(name, self._do(lambda session: _make(session, name, MechanismFlag.DERIVE)))

    def open(self, label: KeyLabel) -> OpeningKey:
        """Return the opening key under `label`.

        Raises:
            KeyMissing: the token has none.
            TokenGone, WrongPin: the token does not answer.
        """
        name = _name(label)
        point = self._do(lambda session: _find_point(session, name))
        if point is None:
            self._session = (
                None  # a driver shows a token that was pulled out as an empty one: log in anew to know
            )
            point = self._do(lambda session: _find_point(session, name))
        if point is None:
            raise KeyMissing(tender=label.tender, use=label.use, suite=label.suite)
        return self._key(name, point)

    def destroy(self, tender: str) -> None:
        """Destroy every key of `tender` on the token.

        Raises:
            TokenGone, WrongPin: the token does not answer; what is left is destroyed at the next call.
        """
        self._do(lambda session: _destroy(session, f"{PREFIX}/{tender}/"))

    def close(self) -> None:
        """Log out."""
        session, self._session = self._session, None
        if session is not None:
            with _telling():
                session.close()

    def _key(self, name: str, point: bytes) -> TokenKey:
        return TokenKey(point, lambda other: self._do(lambda session: _exchange(session, name, other)))

    def _do(self, act: Callable[[pkcs11.Session], Result]) -> Result:
        """Return what `act` does with a session; after a failure the next call logs in anew."""
        with _telling():
            try:
                if self._session is None:
                    self._session = self._log_in()
                return act(self._session)
            except pkcs11.PKCS11Error:
                self._session = None
                raise

    def _log_in(self) -> pkcs11.Session:
        if self._pin_refused:
            raise WrongPin(problem="not tried again: after a few tries a token locks itself")
        library = pkcs11.lib(self.module)
        try:
            return self._open(library)
        except (pkcs11.UserAlreadyLoggedIn, pkcs11.NoSuchToken, pkcs11.DeviceError, pkcs11.GeneralError):
            # The driver remembers a login, or a slot list, from before the token was pulled out.
            library.reinitialize()
            return self._open(library)

    def _open(self, library: "_pkcs11.lib") -> pkcs11.Session:
        try:
            return library.get_token(token_label=self.token).open(rw=True, user_pin=self.pin)
        except _PIN_FAULTS:
            self._pin_refused = True
            raise


@contextmanager
def _telling() -> Iterator[None]:
    """Turn what a driver raises into a coded error; its class says more than its empty text."""
    try:
        yield
    except _PIN_FAULTS as error:
        raise WrongPin(problem=type(error).__name__) from error
    except (pkcs11.PKCS11Error, RuntimeError) as error:
        raise TokenGone(problem=type(error).__name__) from error


def _name(label: KeyLabel) -> str:
    return f"{PREFIX}/{label.tender}/{label.use}-{label.suite:02x}"


def _make(session: pkcs11.Session, name: str, use: MechanismFlag) -> bytes:
    """Return the public point of the pair called `name`, made at the first call."""
    point = _find_point(session, name)
    if point is not None:
        return point
    curve = {Attribute.EC_PARAMS: _P256}
    parameters = session.create_domain_parameters(KeyType.EC, curve, local=True)
    public, _ = parameters.generate_keypair(
        label=name,
        store=True,
        capabilities=use,
        private_template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False},
    )
    return _point(public)


def _find_point(session: pkcs11.Session, name: str) -> bytes | None:
    """Return the public point of the pair called `name`, where both halves are there."""
    try:
        session.get_key(object_class=ObjectClass.PRIVATE_KEY, label=name)
        return _point(session.get_key(object_class=ObjectClass.PUBLIC_KEY, label=name))
    except pkcs11.NoSuchKey:
        return None


def _point(public: pkcs11.Key) -> bytes:
    """Return the point that the token keeps as an OCTET STRING around it (PKCS#11 v3.0 §2.3.3)."""
    point = bytes(public[Attribute.EC_POINT]).removeprefix(b"\x04\x41")
    if len(point) != POINT_SIZE:
        raise TokenGone(problem="its public key is no uncompressed point of P-256")
    return point


def _exchange(session: pkcs11.Session, name: str, other: bytes) -> bytes:
    private = session.get_key(object_class=ObjectClass.PRIVATE_KEY, label=name)
    if not isinstance(private, DeriveMixin):
        raise TokenGone(problem="its key does not derive")
    shared = private.derive_key(
        KeyType.GENERIC_SECRET,
        256,
        mechanism=Mechanism.ECDH1_DERIVE,
        mechanism_param=(KDF.NULL, None, other),
        template={Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: True},
    )
    return bytes(shared[Attribute.VALUE])


def _sign(session: pkcs11.Session, name: str, digest: bytes) -> bytes:
    private = session.get_key(object_class=ObjectClass.PRIVATE_KEY, label=name)
    if not isinstance(private, SignMixin):
        raise TokenGone(problem="its key does not sign")
    return bytes(private.sign(digest, mechanism=Mechanism.ECDSA))


def _destroy(session: pkcs11.Session, prefix: str) -> None:
    for kind in (ObjectClass.PRIVATE_KEY, ObjectClass.PUBLIC_KEY):
        for found in list(session.get_objects({Attribute.CLASS: kind})):
            if str(found[Attribute.LABEL]).startswith(prefix):
                found.destroy()
