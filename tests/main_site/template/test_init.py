"""An uploaded template is known by its first bytes."""

import pytest

from main_site.sample import sample_template
from main_site.template import Fault, parse_template, write_toml, write_xlsx
from tests.main_site.template.templates import problems_of


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (write_toml(sample_template()).encode("gb18030"), Fault.WRONG_ENCODING),
        (write_toml(sample_template()).encode("utf-16"), Fault.WRONG_ENCODING),
        (b"\x89PNG\r\n", Fault.WRONG_ENCODING),
        (b"PK nothing", Fault.NOT_XLSX),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Fault.OLD_OR_ENCRYPTED),
        (b"%PDF-1.7", Fault.NOT_TOML),
        (b"", Fault.MISSING_TABLE),
    ],
)
def test_a_file_of_another_kind_is_told_so(data: bytes, fault: Fault) -> None:
    assert fault == problems_of(lambda: parse_template(data))[0].fault


def test_a_workbook_and_toml_say_the_same() -> None:
    assert (
        sample_template()
        == parse_template(write_xlsx(sample_template()))
        == parse_template(write_toml(sample_template()).encode())
    )


def test_a_byte_order_mark_is_taken_off() -> None:
    assert sample_template() == parse_template(write_toml(sample_template()).encode("utf-8-sig"))
