"""The identity part: who the bidder is, opened together with the bid and not before.

Until the opening the core holds a salted commitment to the certificate; the text here opens it and carries the
certificate's signature over envelope key and context, so that nobody bids in another's name or copies a
rival's identity.  Marks of the sealing machine are hashed with the policy: equal ones are a clue for people,
never a verdict.  Whether the certificate is trusted is asked elsewhere.  Refused: another form, a certificate
that the core does not commit to, a signature of another key.
"""

from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from evalroom.errors import MalformedName, PeerFault
from evalroom.ids import check_name
from evalroom.ledger.base64 import encode_base64
from evalroom.ledger.canonical import canonical
from evalroom.sealing.envelope import Envelope
from evalroom.sealing.gm.chain import UntrustedSm2Certificate, key_of_certificate
from evalroom.sealing.members import Members
from evalroom.sealing.policy import PartName
from evalroom.sealing.suite import HASH_SIZE, Suite

VERSION = 1
SALT_SIZE = 32
MAX_CERTIFICATE = 1 << 14
MAX_CHAIN = 8
MAX_MARKS = 16
MAX_SIGNATURE = 1024
_HALF_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551 // 2


class IdentityMismatch(PeerFault):
    """The identity in a bid is not the one it was sealed under: the bid counts for nobody until people look at it."""

    code = "identity_mismatch"


@dataclass(frozen=True, slots=True)
class Mark:
    """A hashed mark of the machine on which the bid was sealed."""

    kind: str
    hash: bytes


@dataclass(frozen=True, slots=True)
class Identity:
    """What the identity part says; certificates are DER, `chain` from the issuer upwards."""

    certificate: bytes
    chain: tuple[bytes, ...]
    salt: bytes
    alg: str
    signature: bytes
    marks: tuple[Mark, ...] = ()

    def encode(self) -> bytes:
        """Return the text of the part, before padding."""
        return canonical(
            {
                "v": VERSION,
                "certificate": encode_base64(self.certificate),
                "chain": [encode_base64(one) for one in self.chain],
                "salt": encode_base64(self.salt),
                "alg": self.alg,
                "signature": encode_base64(self.signature),
                "marks": [{"kind": one.kind, "hash": encode_base64(one.hash)} for one in self.marks],
            }
        )


def bidder_commitment(suite: Suite, salt: bytes, certificate: bytes) -> bytes:
    """Return what stands in the core for the bidder: H(salt || certificate DER)."""
    return suite.digest(salt, certificate)


def identity_message(envelope_key: bytes, context: bytes) -> bytes:
    """Return what the certificate's key signs; `context` is the identity part's."""
    return b"EVB1 identity" + envelope_key + context


def machine_mark(suite: Suite, policy: bytes, kind: str, mark: str) -> Mark:
    """Return a mark hashed for one tender; `policy` is the digest in the core."""
    return Mark(kind, suite.digest(b"EVB1 mark", policy, kind.encode(), b"\x00", mark.encode()))


def parse_identity(text: bytes) -> Identity:
    """Return the identity whose bytes are exactly `text`.

    Raises:
        IdentityMismatch: it is none.
    """
    members = Members.parse(text, IdentityMismatch)
    if members.integer("v") != VERSION:
        raise IdentityMismatch(reason="another version")
    identity = Identity(
        certificate=members.data_within("certificate", MAX_CERTIFICATE),
        chain=members.many_data_within("chain", MAX_CERTIFICATE, MAX_CHAIN),
        salt=members.data("salt", SALT_SIZE),
        alg=members.text("alg", 16),
        signature=members.data_within("signature", MAX_SIGNATURE),
        marks=tuple(_mark(one) for one in members.objects("marks", MAX_MARKS, 0)),
    )
    members.close()
    return identity


def check_identity(envelope: Envelope, identity: Identity) -> x509.Certificate:
    """Return the bidder's certificate once the core commits to it and it signed this envelope.

    Raises:
        IdentityMismatch: it does not.
        SuiteUnavailable: it is an SM2 certificate, and this machine lacks SM2.
    """
    committed = bidder_commitment(envelope.suite, identity.salt, identity.certificate)
    if committed != envelope.bidder:
        raise IdentityMismatch(reason="another certificate than committed to")
    context = envelope.part(PartName.IDENTITY).header.context
    message = identity_message(envelope.envelope_key, context)
    try:
        certificate = x509.load_der_x509_certificate(identity.certificate)
        if identity.alg == "SM2":
            key_of_certificate(identity.certificate).verify(message, identity.signature)
        else:
            _verify(certificate.public_key(), identity, message)
    except InvalidSignature as error:
        raise IdentityMismatch(reason="signature") from error
    except (ValueError, UnsupportedAlgorithm, UntrustedSm2Certificate) as error:
        raise IdentityMismatch(reason="no certificate for this algorithm") from error
    return certificate


def _verify(public: object, identity: Identity, message: bytes) -> None:
    """Check the signature by the algorithm that key and `alg` agree on."""
    signature = identity.signature
    match identity.alg, public:
        case "ES256", ec.EllipticCurvePublicKey(curve=ec.SECP256R1()):
            public.verify(_der(signature), message, ec.ECDSA(SHA256()))
        case "EdDSA", ed25519.Ed25519PublicKey():
            public.verify(signature, message)
        case "RS256", rsa.RSAPublicKey() if public.key_size >= 2048:
            public.verify(signature, message, padding.PKCS1v15(), SHA256())
        case _:
            raise IdentityMismatch(reason="algorithm and key do not go together", alg=identity.alg)


def _der(raw: bytes) -> bytes:
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    if len(raw) != 64 or s > _HALF_ORDER:
        raise IdentityMismatch(reason="signature is not r and s, s at most n/2")
    return encode_dss_signature(r, s)


def _mark(members: Members) -> Mark:
    kind = members.text("kind", 64)
    try:
        check_name(kind)
    except MalformedName as error:
        raise IdentityMismatch(reason="kind of a mark is no name") from error
    mark = Mark(kind, members.data("hash", HASH_SIZE))
    members.close()
    return mark
