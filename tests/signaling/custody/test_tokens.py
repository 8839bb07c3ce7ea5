"""Keys on a PKCS#11 token, here SoftHSM2: pulled out, wrong PIN, other token; then all an agent does with it."""

from collections.abc import Iterator
from pathlib import Path

import pkcs11
import pytest

from evalroom.ledger.base64 import encode_base64
from evalroom.sealing import custody as messages
from evalroom.sealing.suite import WrapNotOpened
from evalroom.sealing.suites import find_suite
from signaling.custody import tokens
from signaling.custody.agent import Plan, init, open_trustee
from signaling.custody.keys import CustodyLacksSuite, KeyLabel, KeyMissing
from signaling.custody.trustee import KeyReplaced
from tests.signaling.custody.bench import Bench
from tests.signaling.custody.hsm import PIN, Hsm, opened
from tests.signaling.custody.world import CLOSES, KINDS, TENDER, Opening, session_public

pytestmark = [pytest.mark.needs("softhsm2"), pytest.mark.xdist_group("softhsm2")]

LABEL = KeyLabel("T-1", "share", 2)
SUITE = find_suite(2)


@pytest.fixture(scope="module")
def hsm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hsm]:
    with opened(tmp_path_factory.mktemp("softhsm")) as made:
        yield made


@pytest.fixture
def token(hsm: Hsm) -> Iterator[tokens.Pkcs11Keys]:
    keys = tokens.Pkcs11Keys(hsm.module, hsm.make(), PIN)
    yield keys
    keys.close()


def test_a_wrong_pin_a_missing_token_and_a_missing_driver_are_coded(hsm: Hsm) -> None:
    with pytest.raises(tokens.WrongPin):
        tokens.Pkcs11Keys(hsm.module, hsm.make(), "0815").signer()
    with pytest.raises(tokens.TokenGone):
        tokens.Pkcs11Keys(hsm.module, "no such token", PIN).signer()
    with pytest.raises(tokens.TokenGone):
        tokens.Pkcs11Keys("/nowhere/driver.so", "any", PIN).signer()


def test_a_pin_that_was_refused_is_not_tried_until_the_token_locks_itself(hsm: Hsm) -> None:
    label = hsm.make()
    wrong = tokens.Pkcs11Keys(hsm.module, label, "0815")
    with pytest.raises(tokens.WrongPin, match="PinIncorrect"):
        wrong.signer()
    for act in (wrong.signer, wrong.signer, lambda: wrong.make(LABEL), lambda: wrong.open(LABEL)):
        with pytest.raises(tokens.WrongPin, match="not tried again"):
            act()
    assert tokens.Pkcs11Keys(hsm.module, label, PIN).signer().spki


def test_other_suites_are_not_made_on_a_token(token: tokens.Pkcs11Keys) -> None:
    for code in (0x01, 0x11):
        with pytest.raises(CustodyLacksSuite):
            token.make(KeyLabel("T-1", "share", code))


def test_a_token_pulled_out_is_a_coded_error_and_put_back_it_goes_on(
    hsm: Hsm, token: tokens.Pkcs11Keys
) -> None:
    signer, key = token.signer(), token.make(LABEL)
    wrapped = SUITE.wrap(key.public, b"share", b"info")
    hsm.pull_out()
    try:
        for act in (
            lambda: key.unwrap(wrapped, b"info"),
            lambda: signer.sign(b"message"),
            lambda: token.make(KeyLabel("T-1", "other", 2)),
            lambda: token.destroy("T-1"),
        ):
            with pytest.raises(tokens.TokenGone):
                act()
    finally:
        hsm.put_back()
    assert b"share" == key.unwrap(wrapped, b"info")
    messages.verify_trustee(signer.spki, b"message", encode_base64(signer.sign(b"message")))
    assert key.public == token.make(LABEL).public


def test_a_key_on_a_token_never_leaves_it(token: tokens.Pkcs11Keys) -> None:
    token.make(LABEL)
    assert token._session is not None
    private = token._session.get_key(
        object_class=pkcs11.ObjectClass.PRIVATE_KEY, label="evalroom/T-1/share-02"
    )
    assert private[pkcs11.Attribute.SENSITIVE]
    assert not private[pkcs11.Attribute.EXTRACTABLE]
    with pytest.raises(pkcs11.AttributeSensitive):
        private[pkcs11.Attribute.VALUE]


def test_wraps_open_as_with_a_key_in_a_file_and_changed_ones_do_not(token: tokens.Pkcs11Keys) -> None:
    key = token.make(LABEL)
    SUITE.check_opening_public(key.public)
    wrapped = SUITE.wrap(key.public, b"share", b"info")
    assert b"share" == key.unwrap(wrapped, b"info")
    for data, info in ((wrapped, b"other"), (wrapped[:-1], b"info"), (b"\x04" + wrapped[1:][::-1], b"info")):
        with pytest.raises(WrapNotOpened):
            key.unwrap(data, info)


def test_signatures_of_a_token_have_one_spelling(token: tokens.Pkcs11Keys) -> None:
    signer = token.signer()
    for number in range(30):  # half of them come with a high s from the token
        message = b"%d" % number
        messages.verify_trustee(signer.spki, message, encode_base64(signer.sign(message)))


def test_destroyed_keys_are_gone_from_the_token_and_others_stay(token: tokens.Pkcs11Keys) -> None:
    token.make(LABEL)
    other = token.make(KeyLabel("T-10", "share", 2))  # begins with the other's name
    signer = token.signer().spki
    token.destroy("T-1")
    token.destroy("T-1")
    with pytest.raises(KeyMissing):
        token.open(LABEL)
    assert other.public == token.open(KeyLabel("T-10", "share", 2)).public
    assert signer == token.signer().spki


def test_another_token_of_the_same_name_is_noticed(hsm: Hsm, tmp_path: Path) -> None:
    plan = Plan("host", KINDS["host"], "who", "pkcs11", (("module", hsm.module), ("token", hsm.make())))
    init(tmp_path / "agent", plan, PIN)
    facts = tmp_path / "agent" / "agent.json"
    facts.write_text(facts.read_text("utf-8").replace(dict(plan.options)["token"], hsm.make()), "utf-8")
    with pytest.raises(KeyReplaced), open_trustee(tmp_path / "agent", PIN):
        pytest.fail("it ran")


def test_an_agent_opens_signs_and_releases_with_its_keys_on_a_token(
    token: tokens.Pkcs11Keys, hsm: Hsm, tmp_path: Path
) -> None:
    host = Bench(tmp_path / "host", provider=token)
    assert "custody_lacks_suite" == host.code("publish", tender=TENDER, suites=[1], now=host.now)
    opening = Opening.draft([host.publish((2,))], suites=(2,))
    assert host.sign(opening)["ok"]
    opening.seal(2)
    assert host.ack(opening.head(0))["good"]
    public = host.ask("session_key", tender=TENDER, window="first")["public"]
    opening.close()
    host.now = CLOSES + 1
    hsm.pull_out()
    try:
        assert "token_gone" == host.release(opening, session_key=public).get("code")
        assert host.ask("status")["ok"]
    finally:
        hsm.put_back()
    shares = host.release(opening, session_key=public)["shares"]
    context = messages.combine_info(1, opening.envelope(0).parts[0].header.context)
    members = {"tender": TENDER, "window": "first", "sealed": shares[0]["sealed"]}
    assert host.ask("open_release", **members, context=encode_base64(context))["ok"]
    host.start()
    assert shares == host.release(opening, session_key=public)["shares"]
    assert session_public(2) != public
