"""A problem says where it is and what is wrong, in both languages."""

from evalroom.errors import Refusal
from main_site.template.problems import MAX_PROBLEMS, Fault, Place, Problem, TemplateError, refuse, shown


def test_a_problem_in_a_workbook_names_sheet_row_and_column() -> None:
    place = Place("items", "评审项", 5, "full", "满分", "G")
    sentence = Problem(Fault.NOT_A_DECIMAL, place, "十").sentence()
    assert sentence.startswith("评审项 items · 第 5 行 row 5 · G 列 column G 满分 full: ")
    assert sentence.endswith("not a decimal number without sign 「十」")


def test_a_problem_in_toml_counts_the_entries() -> None:
    place = Place("items", "评审项", 3, "full", "满分", entry=True)
    assert "评审项 items · 第 3 项 entry 3 · 满分 full" == place.sentence()


def test_a_problem_with_the_whole_file_has_no_place() -> None:
    assert "不是 xlsx 工作簿 not an xlsx workbook" == Problem(Fault.NOT_XLSX, Place()).sentence()


def test_a_page_can_word_a_problem_itself() -> None:
    problem = Problem(Fault.NOT_A_DECIMAL, Place("items", "评审项", 5, "full", "满分", "G"), "十")
    assert {
        "code": "not_a_decimal",
        "sheet": "items",
        "row": 5,
        "entry": False,
        "column": "full",
        "letter": "G",
        "found": "十",
        "sentence": problem.sentence(),
    } == problem.facts()


def test_only_the_first_problems_are_named_but_all_are_counted() -> None:
    error = TemplateError(Problem(Fault.MISSING_VALUE, Place("bids", row=row)) for row in range(2, 100))
    assert 98 == error.count == error.detail["count"]
    assert MAX_PROBLEMS == len(error.problems) == len(str(error.detail["problems"]).splitlines())


def test_the_error_is_a_refusal_with_a_stable_code() -> None:
    error = refuse(Fault.TOO_LARGE)
    assert isinstance(error, Refusal)
    assert "template_invalid" == error.code


def test_every_fault_has_a_code_of_its_own_and_two_sentences() -> None:
    assert len(Fault) == len({fault.code for fault in Fault}) == len({fault.value for fault in Fault})
    assert all(chinese and english for chinese, english in (fault.value for fault in Fault))


def test_what_is_shown_of_a_cell_is_short_and_on_one_line() -> None:
    assert "a�b" == shown("a\nb")
    assert 41 == len(shown("x" * 1000))
