"""The centre's own tables: enrolment codes of sub-sites."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from evalroom.ids import SiteId
from main_site.store.centre import UnknownEnrolmentCode, enrol, find_enrolment, issue_enrolment, metadata

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
