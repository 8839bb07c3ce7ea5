"""What stands on the pages: every table, figures as people write them, both languages complete."""

import json
import re
from fractions import Fraction

import pytest

from main_site.report import words
from main_site.report.layout import Sheetwork, figure, lay_out, ratio, when, yuan
from main_site.report.words import LANGUAGES, Language, word
from tests.main_site.report.made import SIGNATORIES, report


def laid_out(language: Language = "zh", *, draft: bool = False) -> Sheetwork:
    return lay_out(report().data, report().sha256, SIGNATORIES, language, draft=draft)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_chapter_of_the_trade_is_there_in_its_order(language: Language) -> None:
    keys = (
        "overview", "attendance", "opening", "preliminary", "rejections", "clarifications", "detailed", "findings",
        "price", "recommendation", "incidents", "votes", "signatures", "sheets",
    )  # fmt: skip
    titles = [one.title for one in laid_out(language).chapters if one.title]
    assert [word(key, language) for key in keys] == titles


def test_an_empty_chapter_says_that_there_is_nothing() -> None:
    opening = next(one for one in laid_out().chapters if one.title == word("opening", "zh"))
    assert (("无。",), ()) == (opening.words, opening.tables)


def test_the_ranking_stands_with_marks_price_scores_and_totals() -> None:
    chapter = next(one for one in laid_out().chapters if one.title == word("recommendation", "zh"))
    assert ("1", "bidder of bid3", "28.333333", "29.502488", "57.84", "中标候选人") == chapter.tables[0].rows[
        0
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_report_of_a_failed_lot_says_why_and_by_whom_in_place_of_a_ranking(language: Language) -> None:
    failed = {"at_ms": 0, "ground": "ordered", "reason": "the site is sold", "by": ["S1", "G1"]}
    data = json.loads(report().data) | {"failure": failed, "ranking": []}
    pages = lay_out(json.dumps(data).encode(), report().sha256, SIGNATORIES, language, draft=False)
    chapter = next(one for one in pages.chapters if one.title == word("recommendation", language))
    (table,) = chapter.tables
    assert word("failed_lot", language) == table.caption
    assert (word("failure.ordered", language), "the site is sold", "S1 G1") == table.rows[0][1:]
    assert any(word("failed_lot", language) in value for _, value in pages.facts)


def test_what_the_formula_decided_is_said_to_be_its_decision() -> None:
    data = json.loads(report().data) | {"failure": {"at_ms": 0, "ground": "no_price", "reason": "", "by": []}}
    pages = lay_out(json.dumps(data).encode(), report().sha256, SIGNATORIES, "zh", draft=False)
    chapter = next(one for one in pages.chapters if one.title == word("recommendation", "zh"))
    assert "按价格公式" == chapter.tables[0].rows[0][3]


def test_a_report_that_was_voided_is_told_with_its_digest_and_who_had_signed_it() -> None:
    row = {"number": 1, "sha256": "ab" * 32, "made_ms": 0, "voided_ms": 60_000, "stands": [["E1", "agrees"]]}
    data = json.loads(report().data) | {"earlier": [row, row | {"number": 2, "stands": []}]}
    pages = lay_out(json.dumps(data).encode(), report().sha256, SIGNATORIES, "zh", draft=False)
    chapter = next(one for one in pages.chapters if one.title == word("incidents", "zh"))
    table = chapter.tables[-1]
    assert word("earlier", "zh") == table.caption
    assert [("1", "E1 同意", "ab" * 32), ("2", "尚未签名", "ab" * 32)] == [
        (one[0], *one[3:]) for one in table.rows
    ]


def test_a_dissent_stands_word_for_word_and_who_has_not_signed_is_named() -> None:
    chapter = next(one for one in laid_out().chapters if one.title == word("signatures", "zh"))
    assert [("E2", "保留意见", "权重有误"), ("E3", "尚未签名", "")] == [
        (row[0], row[2], row[4]) for row in chapter.tables[0].rows[1:3]
    ]


def test_a_draft_says_so_and_a_signed_report_does_not() -> None:
    assert "草稿" in laid_out(draft=True).watermark
    assert "" == laid_out().watermark


def test_every_text_is_told_with_its_place() -> None:
    texts = list(laid_out().texts())
    assert ("title", word("title", "zh")) in texts
    assert any("权重有误" in text for place, text in texts if place == word("signatures", "zh"))


def test_no_word_is_missing_in_either_language_and_none_is_chinese_in_english() -> None:
    for key, (zh, en) in words._WORDS.items():
        assert bool(zh) is bool(en), key
        assert not re.search(r"[\u4e00-\u9fff]", en), key
    assert "NewEvent" == word("event.NewEvent", "zh")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (ratio("85/3"), "28.333333"),
        (ratio("28/1"), "28"),
        (ratio("-500/201"), "-2.487562"),
        (ratio(""), ""),
        (figure(Fraction(1, 8)), "0.125"),
        (figure(Fraction(999_999_999_999_999, 7)), "142857142857142.714286"),
        (yuan("98000000"), "980,000.00"),
        (yuan("1/3"), "0.00"),
        (yuan("250/1"), "2.50"),
        (when(1_795_392_000_000), "2026-11-23 08:00:00"),
        (when(None), ""),
    ],
)
def test_figures_are_written_as_people_write_them(written: str, meant: str) -> None:
    assert meant == written
