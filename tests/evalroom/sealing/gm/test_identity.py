"""A bidder with an SM2 certificate and a bid sealed under suite 0x11: sealed, opened, known, and nobody else."""

from dataclasses import replace

import pytest

from evalroom.sealing.gm.chain import UntrustedSm2Certificate, key_of_certificate
from evalroom.sealing.gm.sm2 import Sm2PrivateKey, private_from_pkcs8
from evalroom.sealing.gm.suite import GM
from evalroom.sealing.identity import (
    Identity,
    IdentityMismatch,
    bidder_commitment,
    check_identity,
    identity_message,
)
from evalroom.sealing.policy import PartName
from evalroom.sealing.seal import plan_sealing, seal
from tests.evalroom.sealing import bids, tender
from tests.evalroom.sealing.gm.authority import Authority

SALT = tender.drawn("bidder's salt", 32)

pytestmark = pytest.mark.needs("openssl")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Make an authority, a bidder and a rival with SM2 certificates, and a bidder with another one."""
    made = Authority.open(tmp_path_factory.mktemp("authority"))
    made.root("root")
    made.issue("bidder", "root", "person")
    made.issue("rival", "root", "person")
    made.issue("p256", "root", "person", kind="EC")
    return made


def sealed_by(certificate: bytes, bid: bytes = tender.BID) -> bids.Sealed:
    """Return a bid of suite 0x11 that is committed to `certificate`."""
    policy = tender.policy(suites=[0x11])
    terms = replace(bids.terms(0x11, policy, bid), bidder=bidder_commitment(GM, SALT, certificate))
    plan = plan_sealing(policy, terms, tender.signing_key(0x11, "envelope"), bids.Dice(bid.hex()))
    return bids.Sealed(plan, b"".join(seal(plan, {name: [text] for name, text in bids.TEXTS.items()})))


def signed(sealed: bids.Sealed, certificate: bytes, key: Sm2PrivateKey) -> Identity:
    """Return the identity that `key` signs for that bid."""
    message = identity_message(sealed.plan.key.public, sealed.plan.context(PartName.IDENTITY))
    return Identity(certificate, (), SALT, "SM2", key.sign(message))


def test_a_bidder_with_an_sm2_certificate_is_known(authority: Authority) -> None:
    certificate = authority.der("bidder")
    sealed = sealed_by(certificate)
    assert dict(bids.TEXTS) == bids.open_all(sealed.data, sealed.plan.policy)
    identity = signed(sealed, certificate, private_from_pkcs8(authority.private("bidder")))
    assert check_identity(sealed.open(), identity).subject.rfc4514_string() == "CN=bidder"


def test_nobody_bids_in_anothers_name(authority: Authority) -> None:
    certificate = authority.der("bidder")
    sealed, other = sealed_by(certificate), sealed_by(certificate, bid=bytes(16))
    key, rival = (private_from_pkcs8(authority.private(name)) for name in ("bidder", "rival"))
    good = signed(sealed, certificate, key)
    for wrong in (
        signed(sealed, certificate, rival),
        signed(sealed, authority.der("rival"), rival),
        signed(other, certificate, key),
        replace(good, signature=good.signature[:-1]),
        replace(good, signature=b""),
        replace(good, alg="ES256"),
    ):
        with pytest.raises(IdentityMismatch):
            check_identity(sealed.open(), wrong)


def test_a_certificate_for_another_algorithm_signs_nothing_with_sm2(authority: Authority) -> None:
    for certificate in (authority.der("p256"), b"no certificate"):
        sealed = sealed_by(certificate)
        identity = signed(sealed, certificate, private_from_pkcs8(authority.private("bidder")))
        with pytest.raises(IdentityMismatch):
            check_identity(sealed.open(), identity)
        with pytest.raises(UntrustedSm2Certificate):
            key_of_certificate(certificate)
