"""No certificate that is wrong in one point signs a bid, and each is told by its code; the good ones beside them do."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, x25519
from cryptography.hazmat.primitives.hashes import HashAlgorithm

from evalroom.errors import EvalroomError
from main_site.bidder.certification import (
    CertificateOutOfTime,
    UnfitCertificate,
    UnknownAuthority,
    check_certificate,
)
from tests.main_site.bidder.authorities import (
    DAY,
    ISSUING,
    MD_5,
    NARROW,
    NOW,
    SHA_1,
    STRANGE,
    Made,
    Wish,
    authority,
    make,
    of_version_1,
    p256,
    rsa_key,
    with_byte_changed,
    with_hash,
)

TIME, UNFIT, UNKNOWN = CertificateOutOfTime, UnfitCertificate, UnknownAuthority
SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Case:
    """A leaf, what comes along, and who is accepted."""

    leaf: Made
    chain: Sequence[Made] = ()
    accepted: Sequence[Made] = ()

    def check(self) -> None:
        chain, accepted = ([one.certificate for one in many] for many in (self.chain, self.accepted))
        check_certificate(self.leaf.certificate, chain, accepted, NOW)


@cache
def root() -> Made:
    return make(authority("root"))


@cache
def middle() -> Made:
    return make(authority("middle", path_length=0), root())


@cache
def rsa_root() -> Made:
    return make(authority("rsa root", key=rsa_key(2048)))


def leaf(**changes: object) -> Case:
    """Return a bidder's certificate changed in one point, issued by the middle authority."""
    return Case(make(Wish(**changes), middle()), [middle()], [root()])  # type: ignore[arg-type]  # a table of changes


def through(**changes: object) -> Case:
    """Return a good bidder's certificate, the authority between it and the root changed in one point."""
    between = make(authority("middle", **changes), root())
    return Case(make(Wish(), between), [between], [root()])


def under(top: Made, *chain: Made) -> Case:
    """Return a good bidder's certificate of the last of `chain`, only `top` being accepted."""
    return Case(make(Wish(), chain[-1] if chain else top), chain, [top])


def chained(number: int) -> list[Made]:
    """Return so many authorities, each issued by the one before, the first by the root."""
    made = [root()]
    for place in range(number):
        made.append(make(authority(f"authority {place}"), made[-1]))
    return made[1:]


def hashed(kind: HashAlgorithm) -> Case:
    return Case(with_hash(make(Wish(), rsa_root()), rsa_root(), kind), [], [rsa_root()])


def hashed_between() -> Case:
    between = with_hash(make(authority("middle"), rsa_root()), rsa_root(), SHA_1)
    return Case(make(Wish(), between), [between], [rsa_root()])


def crossed() -> Case:
    """Return a leaf under two authorities that issued each other."""
    first = Made(make(authority("first")).certificate, p256("first"))
    second = make(authority("second"), first)
    first = make(authority("first"), second)
    return Case(make(Wish(), first), [first, second], [root()])


def namesake(**changes: object) -> Made:
    return make(authority("root", key=p256("another key"), **changes))


def beyond(top: Made) -> Case:
    """Return a leaf under an authority of an authority, where `top` allows none below it."""
    between = make(authority("middle"), top)
    return Case(make(Wish(), between), [between], [top])


GOOD = {
    "through an authority between": leaf,
    "of the root itself": lambda: under(root()),
    "four authorities deep": lambda: under(root(), *chained(3)),
    "the authority between being accepted itself": lambda: Case(make(Wish(), middle()), [], [middle()]),
    "the chain in any order": lambda: Case(leaf().leaf, [root(), middle()], [namesake(), root()]),
    "among authorities of the same name": lambda: Case(leaf().leaf, [middle()], [namesake(), root()]),
    "without key usage": lambda: leaf(usage=None),
    "without basic constraints": lambda: leaf(ca=None),
    "for signing documents": lambda: leaf(purposes=("document", "server")),
    "for any purpose": lambda: leaf(purposes=("any",)),
    "of an Ed25519 authority": lambda: under(
        make(authority("ed", key=ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))))
    ),
    "of an RSA authority": lambda: under(rsa_root()),
    "of a P-384 authority": lambda: under(
        make(authority("p384", key=ec.derive_private_key(9, ec.SECP384R1())))
    ),
    "valid from this second": lambda: leaf(begin=NOW),
    "valid to this second": lambda: leaf(end=NOW),
    "nobody being asked": lambda: Case(make(Wish())),
    "nobody being asked, its chain along": lambda: Case(leaf().leaf, [middle(), root()]),
    "an authority's own signature is nobody's business": lambda: under(
        with_hash(rsa_root(), rsa_root(), SHA_1)
    ),
}

BAD = {
    # its time
    "expired a second ago": (lambda: leaf(end=NOW - SECOND), TIME, "expired"),
    "expired years ago": (lambda: leaf(begin=NOW - 900 * DAY, end=NOW - 600 * DAY), TIME, "expired"),
    "not valid for a second": (lambda: leaf(begin=NOW + SECOND), TIME, "not yet"),
    "not valid for years": (lambda: leaf(begin=NOW + 900 * DAY, end=NOW + 999 * DAY), TIME, "not yet"),
    "expired, nobody being asked": (lambda: Case(make(Wish(end=NOW - SECOND))), TIME, "expired"),
    # what it is for
    "an authority's": (lambda: leaf(ca=True), UNFIT, "CA:true"),
    "an authority's that may issue no authorities": (lambda: leaf(ca=True, path_length=0), UNFIT, "CA:true"),
    "an authority's, nobody being asked": (lambda: Case(make(authority("bidder"))), UNFIT, "CA:true"),
    "for enciphering keys": (lambda: leaf(usage=("key_encipherment",)), UNFIT, "key usage"),
    "for enciphering data": (lambda: leaf(usage=("data_encipherment",)), UNFIT, "key usage"),
    "for agreeing on keys": (lambda: leaf(usage=("key_agreement",)), UNFIT, "key usage"),
    "for signing certificates": (lambda: leaf(usage=ISSUING), UNFIT, "key usage"),
    "for signing lists alone": (lambda: leaf(usage=("crl_sign",)), UNFIT, "key usage"),
    "for servers": (lambda: leaf(purposes=("server",)), UNFIT, "extended key usage"),
    "for code": (lambda: leaf(purposes=("code",)), UNFIT, "extended key usage"),
    "for time stamps": (lambda: leaf(purposes=("stamp",)), UNFIT, "extended key usage"),
    "for OCSP": (lambda: leaf(purposes=("ocsp",)), UNFIT, "extended key usage"),
    "for servers and code": (lambda: leaf(purposes=("server", "code")), UNFIT, "extended key usage"),
    "of nobody": (lambda: leaf(subject="", key=p256("nobody")), UNFIT, "names nobody"),
    "with a critical extension that nobody knows": (lambda: leaf(extra=(STRANGE,)), UNFIT, "not understood"),
    "with name constraints": (lambda: leaf(extra=(NARROW,)), UNFIT, "not understood"),
    "of version 1": (
        lambda: Case(of_version_1(leaf().leaf, middle()), [middle()], [root()]), UNFIT, "version 3",
    ),
    # its key and signature
    "an RSA key of 1024 bits": (lambda: leaf(key=rsa_key(1024)), UNFIT, "too weak"),
    "an RSA key with exponent 3": (lambda: leaf(key=rsa_key(2048, 3)), UNFIT, "too weak"),
    "a key on a curve of 224 bits": (
        lambda: leaf(key=ec.derive_private_key(7, ec.SECP224R1())), UNFIT, "too weak",
    ),
    "a key that signs nothing": (
        lambda: leaf(key=x25519.X25519PrivateKey.from_private_bytes(bytes(32))), UNFIT, "signs nothing",
    ),
    "signed with SHA-1": (lambda: hashed(SHA_1), UNFIT, "broken hash"),
    "signed with MD5": (lambda: hashed(MD_5), UNFIT, "broken hash"),
    # who vouches for it
    "its own issuer": (lambda: Case(make(Wish()), [], [root()]), UNKNOWN, "no way"),
    "its own issuer, along with itself": (
        lambda: Case(made := make(Wish()), [made], [root()]), UNKNOWN, "no way",
    ),
    "accepted itself": (lambda: Case(made := make(Wish()), [], [made]), UNKNOWN, "its own authority"),
    "of an authority that is not accepted": (
        lambda: Case(leaf().leaf, [middle(), root()], [make(authority("other"))]), UNKNOWN, "no way",
    ),
    "of a namesake of the accepted one": (lambda: Case(leaf().leaf, [middle()], [namesake()]), UNKNOWN, "no way"),
    "naming the accepted one as issuer": (
        lambda: Case(make(Wish(issuer_name="root"), namesake()), [], [root()]), UNKNOWN, "no way",
    ),
    "the authority between missing": (lambda: Case(leaf().leaf, [], [root()]), UNKNOWN, "no way"),
    "changed after it was signed": (
        lambda: Case(
            with_byte_changed(leaf().leaf, "某某".encode(), "某乙".encode()), [middle()], [root()]
        ),
        UNKNOWN,
        "no way",
    ),
    "the authority between changed": (
        lambda: Case(leaf().leaf, [with_byte_changed(middle(), b"root", b"rooT")], [root()]), UNKNOWN, "no way",
    ),
    "of authorities that issued each other": (crossed, UNKNOWN, "no way"),
    "another's chain along, nobody being asked": (
        lambda: Case(make(Wish()), [middle(), root()]), UNKNOWN, "no way",
    ),
    "five authorities deep": (lambda: under(root(), *chained(4)), UNKNOWN, "no way"),
    # what the authorities are
    "under an expired authority": (lambda: through(end=NOW - SECOND), TIME, "expired"),
    "under an authority of tomorrow": (lambda: through(begin=NOW + DAY), TIME, "not yet"),
    "under an expired root": (lambda: under(make(authority("root", end=NOW - SECOND))), TIME, "expired"),
    "of another bidder": (lambda: through(ca=False, usage=("digital_signature",)), UNKNOWN, "CA:false"),
    "of one that does not say what it is": (lambda: through(ca=None), UNKNOWN, "CA:false"),
    "of one that may not issue": (lambda: through(usage=("digital_signature",)), UNKNOWN, "not sign cert"),
    "of one for servers": (lambda: through(purposes=("server",)), UNKNOWN, "other purposes"),
    "deeper than the root allows": (
        lambda: beyond(make(authority("root", path_length=0))), UNKNOWN, "more certificates",
    ),
    "deeper than the one between allows": (
        lambda: Case(
            make(Wish(), lower := make(authority("lower"), middle())), [lower, middle()], [root()]
        ),
        UNKNOWN,
        "more certificates",
    ),
    "under a weak authority": (lambda: through(key=rsa_key(1024)), UNFIT, "too weak"),
    "under a weak root": (lambda: under(make(authority("root", key=rsa_key(1024)))), UNFIT, "too weak"),
    "under an authority signed with SHA-1": (hashed_between, UNKNOWN, "no way"),
    "under one with a critical extension": (lambda: through(extra=(STRANGE,)), UNFIT, "not understood"),
    "under one with name constraints": (lambda: through(extra=(NARROW,)), UNFIT, "not understood"),
}  # fmt: skip


def test_there_are_enough_bad_certificates() -> None:
    assert len(BAD) >= 40


@pytest.mark.parametrize(("made", "kind", "reason"), BAD.values(), ids=BAD.keys())
def test_a_bad_certificate_is_refused_by_its_code(
    made: object, kind: type[EvalroomError], reason: str
) -> None:
    assert callable(made)
    case: Case = made()
    with pytest.raises(EvalroomError, match="nothing was sealed") as refused:
        case.check()
    assert kind is type(refused.value)
    assert reason in str(refused.value)


@pytest.mark.parametrize("made", GOOD.values(), ids=GOOD.keys())
def test_a_good_certificate_signs(made: object) -> None:
    assert callable(made)
    case: Case = made()
    case.check()


def test_an_authority_on_ed448_is_understood() -> None:
    under(make(authority("ed448", key=ed448.Ed448PrivateKey.generate()))).check()
