"""Chains of SM2 certificates: the good one leads to its anchor; two dozen wrong ones do not."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from evalroom.sealing.gm.chain import UntrustedSm2Certificate, verify_chain
from evalroom.sealing.gm.libcrypto import libcrypto
from evalroom.sealing.gm.sm2 import private_from_pkcs8
from tests.evalroom.sealing.gm.authority import NOW, Authority
from tests.evalroom.sealing.gm.heap import leaks, tells

pytestmark = pytest.mark.needs("openssl")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Make a root, an operating CA below it, a person below that, and what attackers would bring."""
    made = Authority.open(tmp_path_factory.mktemp("authority"))
    made.root("root")
    made.root("stranger")
    made.root("p256-root", kind="EC")
    made.issue("ca", "root", "ca")
    made.issue("person", "ca", "person")
    made.issue("direct", "root", "person")
    return made


def refused(leaf: bytes, given: Sequence[bytes], anchors: Sequence[bytes], at: datetime = NOW) -> str:
    """Return why the chain is refused."""
    with pytest.raises(UntrustedSm2Certificate) as caught:
        verify_chain(leaf, given, anchors, at)
    assert libcrypto().call.ERR_peek_last_error() == 0
    return str(caught.value.detail["reason"])


def test_a_good_chain_leads_to_its_anchor_and_gives_the_leafs_key(authority: Authority) -> None:
    root, ca = authority.der("root"), authority.der("ca")
    key = verify_chain(authority.der("person"), [ca], [root], NOW)
    key.verify(b"m", private_from_pkcs8(authority.private("person")).sign(b"m"))
    others = [authority.der("stranger"), authority.der("direct")]
    verify_chain(authority.der("person"), [*others, ca], [authority.der("stranger"), root], NOW)
    verify_chain(authority.der("direct"), [], [root], NOW)


def test_a_listed_authority_may_be_no_root(authority: Authority) -> None:
    verify_chain(authority.der("person"), [], [authority.der("ca")], NOW)


def test_the_instant_counts_and_not_the_clock(authority: Authority) -> None:
    leaf, given, anchors = authority.der("person"), [authority.der("ca")], [authority.der("root")]
    assert "expired" in refused(leaf, given, anchors, NOW + timedelta(days=366))
    assert "not yet valid" in refused(leaf, given, anchors, NOW - timedelta(days=2))
    eastern = (NOW + timedelta(days=300)).astimezone(tz=None)
    verify_chain(leaf, given, anchors, eastern)


def test_a_chain_without_its_anchor_or_its_middle_is_refused(authority: Authority) -> None:
    leaf, ca, root = (authority.der(name) for name in ("person", "ca", "root"))
    assert "issuer" in refused(leaf, [], [root])
    assert "self-signed" in refused(leaf, [ca, root], [authority.der("stranger")])
    assert refused(leaf, [ca, root], []) == "number of certificates"
    assert refused(leaf, [ca] * 64, [root]) == "number of certificates"


def test_a_leaf_cannot_be_its_own_anchor(authority: Authority) -> None:
    for name in ("person", "root"):
        assert refused(authority.der(name), [], [authority.der(name)]) == "its own anchor"


def test_a_namesake_of_the_authority_is_refused(authority: Authority, tmp_path: Path) -> None:
    """The same name, another key: the signature decides."""
    elsewhere = Authority.open(tmp_path)
    elsewhere.root("root")
    forged = elsewhere.issue("person", "root", "person")
    assert refused(forged, [elsewhere.der("root")], [authority.der("root")])


def test_a_person_is_no_authority(authority: Authority) -> None:
    forged = authority.issue("friend", "person", "person")
    given = [authority.der("person"), authority.der("ca")]
    assert "CA" in refused(forged, given, [authority.der("root")])


def test_an_authority_whose_limits_may_be_overlooked_is_refused(authority: Authority) -> None:
    """RFC 5280 §4.2.1.9: basic constraints of an authority are critical."""
    above = authority.issue("loose", "root", "loose")
    leaf = authority.issue("below-loose", "loose", "person")
    assert "critical" in refused(leaf, [above], [authority.der("root")])


def test_an_authority_that_may_have_none_below_it_has_none(authority: Authority) -> None:
    authority.issue("below", "ca", "deep")
    leaf = authority.issue("too-deep", "below", "person")
    given = [authority.der("below"), authority.der("ca")]
    assert "path length" in refused(leaf, given, [authority.der("root")])


def test_a_chain_of_more_than_five_is_refused(authority: Authority) -> None:
    above, given = "root", []
    for step in range(4):
        given.append(authority.issue(f"deep{step}", above, "deep"))
        above = f"deep{step}"
        leaf = authority.issue(f"leaf{step}", above, "person")
        if step < 3:
            verify_chain(leaf, given, [authority.der("root")], NOW)
    assert "long" in refused(leaf, given, [authority.der("root")])


def test_a_leaf_that_may_not_sign_is_refused(authority: Authority) -> None:
    leaf = authority.issue("encrypts", "root", "encrypts")
    assert refused(leaf, [], [authority.der("root")]) == "may not sign"


def test_a_critical_extension_that_nobody_knows_is_refused(authority: Authority) -> None:
    leaf = authority.issue("strange", "root", "strange")
    assert "critical extension" in refused(leaf, [], [authority.der("root")])


def test_another_algorithm_on_the_way_is_refused(authority: Authority) -> None:
    p256 = authority.issue("p256", "root", "person", kind="EC")
    assert refused(p256, [], [authority.der("root")]) == "key of another algorithm"
    signed = authority.issue("sm2-by-p256", "p256-root", "person")
    assert refused(signed, [], [authority.der("p256-root")])


@pytest.mark.parametrize("identity", ["", "distid:ALICE123@YAHOO.COM"], ids=["empty", "another"])
def test_a_signature_under_another_identity_is_refused(authority: Authority, identity: str) -> None:
    leaf = authority.issue("other-identity", "root", "person", identity=identity)
    assert "signature" in refused(leaf, [], [authority.der("root")])
    told = identity.removeprefix("distid:").encode()
    verify_chain(leaf, [], [authority.der("root")], NOW, told)


def test_changed_bytes_are_refused_wherever_they_are(authority: Authority) -> None:
    leaf, root = authority.der("direct"), authority.der("root")
    for place in range(0, len(leaf), 3):
        bent = leaf[:place] + bytes([leaf[place] ^ 1]) + leaf[place + 1 :]
        refused(bent, [], [root])


def test_what_is_no_certificate_is_refused_wherever_it_stands(authority: Authority) -> None:
    leaf, ca, root = (authority.der(name) for name in ("person", "ca", "root"))
    for wrong in (b"", b"\0", bytes(400), leaf[:-1], leaf + b"\0", b"-----BEGIN CERTIFICATE-----"):
        assert refused(wrong, [ca], [root]) == "form"
        assert refused(leaf, [ca, wrong], [root]) == "form"
        assert refused(leaf, [ca], [root, wrong]) == "form"
    assert refused(bytes(20000), [ca], [root]) == "size"


def test_a_certificate_given_twice_does_no_harm(authority: Authority) -> None:
    leaf, ca, root = (authority.der(name) for name in ("person", "ca", "root"))
    verify_chain(leaf, [ca, ca, leaf, root], [root, root], NOW)


@tells
def test_nothing_leaks(authority: Authority) -> None:
    leaf, ca, root = (authority.der(name) for name in ("person", "ca", "root"))

    def bad_and_good() -> None:
        verify_chain(leaf, [ca], [root], NOW)
        for given in ([], [ca[:-1]], [ca + b"\0"]):
            refused(leaf, given, [root])

    assert not leaks(bad_and_good, 100)


def test_threads_verify_side_by_side(authority: Authority) -> None:
    leaf, ca, root = (authority.der(name) for name in ("person", "ca", "root"))
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda _: verify_chain(leaf, [ca], [root], NOW).encoded, range(100)))
    assert len(set(keys)) == 1
