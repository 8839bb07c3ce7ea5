"""Templates as TOML: what is wrong is named by entry and key; what is right comes back as it was."""

import pytest
from hypothesis import given, settings

from main_site.sample import sample_template
from main_site.template import Fault, SessionTemplate, parse_toml, write_toml
from main_site.template.toml import MAX_CHARACTERS
from tests.main_site.template.templates import problems_of, templates

TEXT = write_toml(sample_template())


def faults(text: str) -> list[Fault]:
    return [problem.fault for problem in problems_of(lambda: parse_toml(text))]


@pytest.mark.parametrize(
    "text",
    [
        "[project",
        "a = " + "[" * 5000,
        "x = " + "9" * 5000,
        "project = 1\nproject = 2",
        "x = 1e9999999999999999999",
        "\x00",
    ],
)
def test_broken_toml_is_refused(text: str) -> None:
    assert [Fault.NOT_TOML] == faults(text)


def test_a_text_beyond_the_limit_is_not_parsed() -> None:
    assert [Fault.TOO_LARGE] == faults("#" * (MAX_CHARACTERS + 1))


def test_an_unknown_table_is_refused() -> None:
    assert [Fault.UNKNOWN_TABLE] == faults("[[bidders]]\nid = 1\n" + TEXT)


def test_an_unknown_key_is_refused_where_it_stands() -> None:
    (problem,) = problems_of(lambda: parse_toml(TEXT.replace('title = "形式', 'titel = 1\ntitle = "形式')))
    assert (Fault.UNKNOWN_COLUMN, "items", 3, "titel") == (
        problem.fault,
        problem.place.table,
        problem.place.row,
        problem.found,
    )


def test_a_table_that_is_a_value_is_refused() -> None:
    assert [Fault.NOT_ROWS] == faults("trim = [3]\n" + TEXT.replace("[[trim]]", "[[trim_]]").split("[[trim_]]")[0]
        + "[[sites]]" + TEXT.split("[[sites]]", 1)[1])  # fmt: skip


def test_a_missing_key_names_entry_and_key() -> None:
    lines = TEXT.splitlines()
    lines.remove('bidder = "蓝泓智能装备股份有限公司"')
    (problem,) = problems_of(lambda: parse_toml("\n".join(lines)))
    assert (
        "投标人 bids · 第 3 项 entry 3 · 投标人名称 bidder: 必须填写 a value is required"
        == problem.sentence()
    )


def test_empty_text_lacks_every_table() -> None:
    assert [Fault.MISSING_TABLE] * 7 == faults("")


def test_a_number_may_be_written_as_number_or_text() -> None:
    assert sample_template() == parse_toml(TEXT.replace('penalty_below = "0.5"', "penalty_below = 0.50"))


def test_a_byte_order_mark_is_no_text() -> None:
    assert sample_template() == parse_toml("\ufeff" + TEXT)


@settings(max_examples=40)
@given(templates())
def test_a_template_comes_back_from_toml_as_it_was(template: SessionTemplate) -> None:
    assert template == parse_toml(write_toml(template))
