"""The mark hunter lists what may tell whose a dark bid is; it quotes nothing and judges nothing."""

import pytest

from evalroom.marks import SAID, Mark, MarkKind, Traces, marks_in, say_marks

BIDDERS = ("澄源水务科技有限公司", "远汇信息系统集成有限公司", "中建公司")


def kinds(traces: Traces) -> dict[MarkKind, tuple[int, ...]]:
    return {one.kind: one.pages for one in marks_in(traces, BIDDERS)}


def on_page(text: str) -> dict[MarkKind, tuple[int, ...]]:
    return kinds(Traces(3, ("总体方案", text, "进度计划")))


@pytest.mark.parametrize(
    "text",
    [
        "澄源水务科技有限公司",
        "由澄源水务科技承担",
        "澄 源 水 务\n科 技 有 限 公 司",
        "远汇信息系统集成",
        "\u2f00澄源水务科技",
    ],
)
def test_a_bidders_name_is_found_however_it_is_spaced_or_shortened(text: str) -> None:
    assert {MarkKind.BIDDER_NAME: (2,)} == on_page(text)


@pytest.mark.parametrize("text", ["水务科技", "中建", "有限公司", "本公司承诺", "信息系统集成能力"])
def test_everyday_words_are_no_name(text: str) -> None:
    assert {} == on_page(text)


@pytest.mark.parametrize(
    "text", ["91110108MA01ABCD2X", "代码：91110108MA01ABCD2X。", "９１１１０１０８MA01ABCD2X"]
)
def test_a_credit_code_is_found(text: str) -> None:
    assert {MarkKind.CREDIT_CODE: (2,)} == on_page(text)


@pytest.mark.parametrize(
    "text",
    ["13812345678", "电话：010-62345678", "wang@example.com", "https://example.com/a", "www.example.cn"],
)
def test_ways_to_reach_somebody_are_found(text: str) -> None:
    assert {MarkKind.CONTACT: (2,)} == on_page(text)


@pytest.mark.parametrize(
    "text", ["2026-11-02", "GB/T 22239-2019", "1280 个监测点", "12345678901234567890", "DN1200"]
)
def test_dates_standards_and_figures_are_no_marks(text: str) -> None:
    assert {} == on_page(text)


def test_a_picture_on_most_pages_is_a_letterhead_and_one_on_few_is_a_figure() -> None:
    assert {MarkKind.REPEATED_IMAGE: (1, 2, 3)} == kinds(Traces(4, ("",) * 4, images=((1, 2, 3), (4,))))
    assert {} == kinds(Traces(8, ("",) * 8, images=((1, 2, 3, 4), (5,))))
    assert {} == kinds(Traces(2, ("",) * 2, images=((1, 2),)))


def test_what_belongs_to_the_file_is_told_without_a_page() -> None:
    traces = Traces(
        1, ("",), metadata={"/Author": "W"}, attachments=1, signatures=1, unmasked=2, comments=(1, 1)
    )
    found = kinds(traces)
    assert (1,) == found.pop(MarkKind.COMMENT)
    assert (
        dict.fromkeys((MarkKind.METADATA, MarkKind.ATTACHMENT, MarkKind.SIGNATURE, MarkKind.UNMASKED), ())
        == found
    )


@pytest.mark.parametrize(
    ("metadata", "found"),
    [
        ({"/Author": "W"}, True),
        ({"/Company": "某"}, True),
        ({"/Title": "澄源水务科技 投标文件"}, True),
        ({"XMP": "<rdf:li>远汇信息系统集成有限公司</rdf:li>"}, True),
        ({"/Producer": "WPS", "/Creator": "Word", "/Title": "技术部分", "XMP": "<x/>"}, False),
        ({"/Author": "", "/Company": ""}, False),
    ],
)
def test_what_a_file_tells_of_its_making_is_a_mark_where_it_says_who(
    metadata: dict[str, str], *, found: bool
) -> None:
    assert found is (MarkKind.METADATA in kinds(Traces(1, ("",), metadata=metadata)))


def test_pages_that_nobody_searched_are_told() -> None:
    assert {MarkKind.NOT_SEARCHED: ()} == kinds(Traces(1))
    assert {MarkKind.NOT_SEARCHED: ()} == kinds(Traces(9, ("",) * 8))


def test_a_clean_document_has_no_marks() -> None:
    assert () == marks_in(Traces(2, ("总体方案", "进度计划")), BIDDERS)


def test_a_finding_names_the_code_kinds_and_pages_and_quotes_nothing() -> None:
    marks = marks_in(Traces(12, ("澄源水务科技有限公司 13812345678",) * 12), BIDDERS)
    said = say_marks("T-7KQ technical", marks)
    assert said.startswith("T-7KQ technical: ")
    assert SAID[MarkKind.BIDDER_NAME] in said
    assert "(p. 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 …)" in said
    assert not [word for word in ("澄源", "138") if word in said]
    assert SAID.keys() == set(MarkKind)
    assert "T-7KQ: 附件 an attached file" == say_marks("T-7KQ", [Mark(MarkKind.ATTACHMENT)])
