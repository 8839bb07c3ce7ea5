"""Seat codes: one use, one seat, ten tries a minute, and a way back for who lost the browser."""

import string

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.pool import StaticPool

from evalroom.ids import SeatCode, SessionId
from evalroom.roles import Role
from signaling.register import (
    ALPHABET,
    NotSeated,
    SeatRegister,
    TooManyTries,
    WrongCode,
    credential,
    new_code,
    normal_code,
)

S1, E1, E2 = SessionId("S1"), SeatCode("E1"), SeatCode("E2")


class Clock:
    now = 0

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def register(clock: Clock) -> SeatRegister:
    engine = sa.create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    return SeatRegister(engine, clock)


def enrol(register: SeatRegister, seat: SeatCode, issue: int = 1) -> str:
    code = new_code()
    register.enrol(S1, [credential(seat, Role.EXPERT, "cabin", code, issue)])
    return code


def test_a_wrong_code_seats_nobody(register: SeatRegister) -> None:
    enrol(register, E1)
    for code in ("", "AAAA-AAAA-AAAA", new_code()):
        with pytest.raises(WrongCode):
            register.claim(code, "192.0.2.1")


def test_a_code_is_used_up_by_its_first_use(register: SeatRegister) -> None:
    code = enrol(register, E1)
    claim, cookie = register.claim(code, "192.0.2.1")
    assert (claim.session, claim.seat, claim.role) == (S1, E1, Role.EXPERT)
    assert register.whose(cookie) == claim
    with pytest.raises(WrongCode):
        register.claim(code, "192.0.2.1")
    assert register.whose(cookie) == claim


def test_the_code_of_one_seat_does_not_open_another(register: SeatRegister) -> None:
    first, second = enrol(register, E1), enrol(register, E2)
    with pytest.raises(WrongCode):
        register.claim(first[:5] + second[5:], "192.0.2.1")
    assert register.claim(second, "192.0.2.1")[0].seat == E2


def test_ten_wrong_codes_close_the_door_for_a_minute_to_that_address_only(
    register: SeatRegister, clock: Clock
) -> None:
    code = enrol(register, E1)
    for _ in range(10):
        with pytest.raises(WrongCode):
            register.claim("AAAA-AAAA-AAAA", "192.0.2.1")
    with pytest.raises(TooManyTries):
        register.claim(code, "192.0.2.1")
    clock.now += 60_001
    assert register.claim(code, "192.0.2.1")[0].seat == E1
    assert register.claim(enrol(register, E2), "192.0.2.2")[0].seat == E2


def test_the_use_of_a_new_code_ends_the_cookies_of_the_old_one(register: SeatRegister) -> None:
    _, old = register.claim(enrol(register, E1), "192.0.2.1")
    code = enrol(register, E1, issue=2)
    assert register.whose(old).seat == E1
    _, new = register.claim(code, "192.0.2.1")
    with pytest.raises(NotSeated):
        register.whose(old)
    assert register.whose(new).issue == 2


def test_an_older_roster_does_not_bring_an_old_code_back(register: SeatRegister) -> None:
    old = new_code()
    stale = credential(E1, Role.EXPERT, "cabin", old, 1)
    register.enrol(S1, [stale])
    code = enrol(register, E1, issue=2)
    register.enrol(S1, [stale])
    with pytest.raises(WrongCode):
        register.claim(old, "192.0.2.1")
    assert register.claim(code, "192.0.2.1")[0].issue == 2


def test_a_code_used_at_another_node_is_used_here_too(register: SeatRegister) -> None:
    code = enrol(register, E1)
    register.used(S1, E1, 1)
    with pytest.raises(WrongCode):
        register.claim(code, "192.0.2.1")


def test_who_leaves_needs_a_new_code(register: SeatRegister) -> None:
    _, cookie = register.claim(enrol(register, E1), "192.0.2.1")
    register.leave(cookie)
    with pytest.raises(NotSeated):
        register.whose(cookie)


def test_a_forged_cookie_is_nobodys(register: SeatRegister) -> None:
    _, cookie = register.claim(enrol(register, E1), "192.0.2.1")
    for forged in ("", cookie[:-1], cookie + "A", cookie.swapcase()):
        with pytest.raises(NotSeated):
            register.whose(forged)


def test_an_operator_is_seated_without_a_code_but_not_on_a_seat_there_is_not(register: SeatRegister) -> None:
    enrol(register, E1)
    claim, cookie = register.seat(S1, E1)
    assert register.whose(cookie) == claim
    with pytest.raises(NotSeated):
        register.seat(S1, E2)


def test_the_roster_holds_no_code_in_clear(register: SeatRegister) -> None:
    code = enrol(register, E1)
    (kept,) = register.roster(S1)
    assert normal_code(code)[4:] not in repr(kept)


@given(st.text(alphabet=string.printable, max_size=40))
def test_spelling_does_not_matter_and_nothing_else_gets_in(text: str) -> None:
    assert set(normal_code(text)) <= set(ALPHABET)
    assert normal_code(f" {text.lower()} ") == normal_code(text)
