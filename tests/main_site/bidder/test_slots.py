"""The words of `--slot`, and keys on tokens: made for one bid, found again for it, gone when nothing was sealed."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pkcs11
import pytest

from evalroom.errors import EvalroomError, LocalFault
from evalroom.sealing.policy import PolicyRefuses
from evalroom.sealing.suites import find_suite
from main_site.bidder.slots import (
    FileSlot,
    NotThisToken,
    PaperSlot,
    Slot,
    TokenSlot,
    check_slots,
    found_on_token,
    made,
    parse_slot,
)
from main_site.bidder.telling import Misused
from signaling.custody.keys import CustodyLacksSuite
from signaling.custody.tokens import TokenGone, WrongPin
from tests.signaling.custody.hsm import PIN, Hsm, opened

SUITE, TENDER, BID = find_suite(0x02), "T-1", bytes(range(16))


@pytest.mark.parametrize(
    ("word", "slot"),
    [
        ("file", FileSlot()),
        ("file:/a/spare.key", FileSlot(Path("/a/spare.key"))),
        ("paper", PaperSlot()),
        ("paper:code.txt", PaperSlot(Path("code.txt"))),
        ("pkcs11:token=my%20token?module-path=/lib/x.so", TokenSlot("/lib/x.so", "my token")),
        (
            "pkcs11:token=t?module-path=/lib/x.so&pin-source=file:/run/pin",
            TokenSlot("/lib/x.so", "t", Path("/run/pin")),
        ),
        ("pkcs11:module-path=/lib/x.so;token=t", TokenSlot("/lib/x.so", "t")),
    ],
)
def test_a_word_names_a_slot(word: str, slot: Slot) -> None:
    assert slot == parse_slot(word)


@pytest.mark.parametrize(
    "word",
    [
        "",
        "files",
        "file:",
        "paper:",
        "phone",
        "pkcs11",
        "pkcs11:",
        "pkcs11:token=t",
        "pkcs11:module-path=/lib/x.so",
        "pkcs11:token=?module-path=/lib/x.so",
        "pkcs11:token=t?module-path=/lib/x.so&module-path=/lib/y.so",
        "pkcs11:token=t;serial=1?module-path=/lib/x.so",
    ],
)
def test_a_word_that_names_none_is_misuse(word: str) -> None:
    with pytest.raises(Misused):
        parse_slot(word)


def test_a_pin_does_not_come_from_the_command_line() -> None:
    with pytest.raises(Misused, match="others read it") as refused:
        parse_slot("pkcs11:token=t?module-path=/lib/x.so&pin-value=4711")
    assert "4711" not in str(refused.value)


def test_slots_that_do_not_go_together_are_refused() -> None:
    check_slots([PaperSlot(), PaperSlot(), FileSlot(), FileSlot(Path("x"))])
    for slots in ([FileSlot(), FileSlot()], [FileSlot(Path("x"))] * 2, [PaperSlot(Path("x"))]):
        with pytest.raises(Misused):
            check_slots(slots)
    check_slots([PaperSlot()] * 16)
    with pytest.raises(PolicyRefuses, match="number of slots"):
        check_slots([PaperSlot()] * 17)


def test_secrets_of_slots_stay_out_of_every_text() -> None:
    with made([FileSlot(Path("x")), PaperSlot()], SUITE, TENDER, BID, nobody) as keys:
        assert keys.spares[0].passphrase not in repr(keys)
        assert keys.codes[0] not in repr(keys)
        assert not keys.beside


def nobody(slot: TokenSlot) -> str:
    pytest.fail(f"asked for the PIN of {slot.token}")


# --- tokens -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hsm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hsm]:
    with opened(tmp_path_factory.mktemp("softhsm")) as store:
        yield store


def on_a_token(test: Callable[[Hsm], None]) -> Callable[[Hsm], None]:
    """Mark a test that needs SoftHSM2, whose driver keeps to one store in a process."""
    return pytest.mark.needs("softhsm2")(pytest.mark.xdist_group("softhsm2")(test))


def pin(_: TokenSlot) -> str:
    return PIN


def labels(slot: TokenSlot) -> set[str]:
    """Return the names of all private keys on a token."""
    token = pkcs11.lib(slot.module).get_token(token_label=slot.token)
    with token.open(user_pin=PIN) as session:
        found = session.get_objects({pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY})
        return {str(one[pkcs11.Attribute.LABEL]) for one in found}


@on_a_token
def test_a_token_opens_the_bid_that_it_was_made_for_and_no_other(hsm: Hsm) -> None:
    slot, other = (TokenSlot(hsm.module, hsm.make()) for _ in range(2))
    with made([slot], SUITE, TENDER, BID, pin) as keys:
        wrapped = SUITE.wrap(keys.openers[0].public, b"half", b"info")
    with found_on_token(slot, BID, pin) as key:
        assert b"half" == key.unwrap(wrapped, b"info")
    for token, bid in ((slot, bytes(16)), (other, BID)):
        with pytest.raises(NotThisToken), found_on_token(token, bid, pin):
            pytest.fail("it was found")


@on_a_token
def test_where_nothing_was_sealed_no_key_stays_on_the_token(hsm: Hsm) -> None:
    slot = TokenSlot(hsm.module, hsm.make())
    with made([slot], SUITE, TENDER, BID, pin):
        pass
    kept = labels(slot)
    assert {f"evalroom/bid-{BID.hex()}/slot-02"} == kept
    for failure in (Misused(), KeyboardInterrupt()):
        with pytest.raises(type(failure)), made([slot], SUITE, TENDER, bytes(16), pin):
            raise failure
        assert kept == labels(slot)


@on_a_token
def test_the_failure_is_told_and_not_that_of_clearing_up(hsm: Hsm) -> None:
    slot = TokenSlot(hsm.module, hsm.make())
    failure = PolicyRefuses(reason="too large")
    making = made([slot], SUITE, TENDER, bytes(16), pin)
    making.__enter__()
    hsm.pull_out()
    try:
        assert not making.__exit__(PolicyRefuses, failure, None)  # so that it goes on its way
    finally:
        hsm.put_back()


@on_a_token
def test_a_wrong_pin_a_missing_token_and_another_suite_are_coded(hsm: Hsm) -> None:
    slot = TokenSlot(hsm.module, hsm.make())
    cases: list[tuple[type[EvalroomError], TokenSlot, int, str]] = [
        (WrongPin, slot, 0x02, "0815"),
        (TokenGone, TokenSlot(hsm.module, "no such token"), 0x02, PIN),
        (TokenGone, TokenSlot("/nowhere/driver.so", "any"), 0x02, PIN),
        (CustodyLacksSuite, slot, 0x01, PIN),
    ]
    for kind, token, suite, said in cases:
        with (
            pytest.raises(kind),
            made([token], find_suite(suite), TENDER, BID, lambda _, said=said: said),  # type: ignore[misc]
        ):
            pytest.fail("it was made")
    assert set() == labels(slot)


@on_a_token
def test_a_token_pulled_out_is_told(hsm: Hsm) -> None:
    slot = TokenSlot(hsm.module, hsm.make())
    with made([slot], SUITE, TENDER, BID, pin):
        pass
    hsm.pull_out()
    try:
        with pytest.raises(LocalFault) as refused, found_on_token(slot, BID, pin):
            pytest.fail("it was found")
    finally:
        hsm.put_back()
    assert refused.value.code in {"token_gone", "not_this_token"}
