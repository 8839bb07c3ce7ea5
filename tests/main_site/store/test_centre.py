"""The centre's own tables: enrolment codes of sub-sites."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from evalroom.ids import SiteId
from main_site.store.centre import (
    KnownSite,
    UnknownEnrolmentCode,
    enrol,
    find_enrolment,
    is_operator_cookie,
    issue_enrolment,
    metadata,
    new_operator_cookie,
    read_sites,
)

SITE = SiteId("west")


@pytest.fixture(name="db")
def _db() -> Iterator[sa.Connection]:
    engine = sa.create_engine("sqlite://")
    metadata.create_all(engine)
    with engine.connect() as db:
        yield db
    engine.dispose()


@pytest.mark.parametrize("code", ["", "x", "0" * 32])
def test_a_code_that_was_never_given_names_no_site(db: sa.Connection, code: str) -> None:
    issue_enrolment(db, SITE, "Jiuquan")
    with pytest.raises(UnknownEnrolmentCode):
        find_enrolment(db, code)


def test_a_code_works_once_and_an_older_one_no_more(db: sa.Connection) -> None:
    old, new = issue_enrolment(db, SITE, "Jiuquan"), issue_enrolment(db, SITE, "Jiuquan")
    with pytest.raises(UnknownEnrolmentCode):
        find_enrolment(db, old)
    assert SITE == find_enrolment(db, new).id
    enrol(db, SITE, "certificate", "witness")
    for used in (new, ""):
        with pytest.raises(UnknownEnrolmentCode):
            find_enrolment(db, used)


def test_a_code_is_never_taken_for_an_option_of_the_command_line(db: sa.Connection) -> None:
    assert all(issue_enrolment(db, SITE, "Jiuquan").isalnum() for _ in range(300))


def test_a_site_keeps_its_keys_until_its_new_code_is_used(db: sa.Connection) -> None:
    enrol(db, find_enrolment(db, issue_enrolment(db, SITE, "Jiuquan")).id, "certificate", "witness")
    again = issue_enrolment(db, SITE, "Jiuquan 2")
    assert [KnownSite(SITE, "Jiuquan 2", "certificate", "witness")] == read_sites(db)
    enrol(db, find_enrolment(db, again).id, "new certificate", "new witness")
    assert [KnownSite(SITE, "Jiuquan 2", "new certificate", "new witness")] == read_sites(db)


def test_no_code_and_no_cookie_is_kept_as_it_was_given(db: sa.Connection) -> None:
    code, cookie = issue_enrolment(db, SITE, "Jiuquan"), new_operator_cookie(db)
    kept = [
        str(value)
        for table in metadata.tables.values()
        for row in db.execute(table.select())
        for value in row
    ]
    assert code not in kept
    assert cookie not in kept


@pytest.mark.parametrize("cookie", ["", "x"])
def test_a_cookie_that_was_never_given_is_nobodys(db: sa.Connection, cookie: str) -> None:
    given = new_operator_cookie(db)
    assert not is_operator_cookie(db, cookie)
    assert not is_operator_cookie(db, given[:-1])
    assert is_operator_cookie(db, given)
