"""The reference pages say what the code does: every error code, command, event, stage, setting and word of the CLI."""

import re
from pathlib import Path

import pytest

from evalroom.errors import EvalroomError
from tests import reference

ROOT = Path(__file__).parent.parent
PAGES = sorted((*reference.PAGES.glob("*.md"), *reference.FIGURED))
DOCUMENTS = sorted({*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "bench").glob("*.md")})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_reference_page_says_what_the_code_does(page: Path) -> None:
    text = page.read_text("utf-8")
    assert reference.rendered(text) == text, "run `python3 dev.py docs`"


def test_each_part_of_the_reference_stands_on_a_page() -> None:
    found = {match[2] for page in PAGES for match in reference.SECTION.finditer(page.read_text("utf-8"))}
    assert reference.SECTIONS.keys() == found


def test_an_error_code_means_one_thing() -> None:
    reference.import_everything()
    codes: dict[str, list[str]] = {}
    for error in reference.descendants(EvalroomError):
        codes.setdefault(error.code, []).append(error.__qualname__)
    assert {} == {code: names for code, names in codes.items() if len(names) > 1}


def test_every_error_says_whose_fault_it_is() -> None:
    reference.import_everything()
    branches = tuple(reference.FAULTS)
    assert [] == [error for error in reference.descendants(EvalroomError) if not issubclass(error, branches)]


def test_a_class_without_a_sentence_of_its_own_is_named() -> None:
    with pytest.raises(reference.Undocumented, match="bare"):
        reference.sentence(type("bare", (), {}), "bare")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(ROOT)))
def test_a_link_within_the_documents_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", document.read_text("utf-8"))
    assert [] == [link for link in links if not (document.parent / link).exists()]
