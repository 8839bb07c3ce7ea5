"""Marks in a dark bid: what may tell whose it is.  A finding for people, never a verdict (domain.md, mark hunter).

Given what was read of a document (the traces), its marks are listed: bidders' names, credit codes and ways to reach
somebody in the text; attachments, comments, signatures; a picture that comes back on most pages, as a letterhead does;
what the file tells of its making, which is masked for readers but was handed in.  No text is quoted: whoever may read
the document looks it up.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

LEAST_NAME = 4
"""Characters of a bidder's name without its legal form below which it is an everyday word."""

TELLING = frozenset({"/Author", "/Company", "/Manager"})
"""Fields of an information dictionary that are a mark whatever they say."""

MOST_PAGES_TOLD = 10
LEAST_REPEATS = 3

_FORMS = re.compile(r"(?:股份)?(?:有限)?(?:责任)?公司$|集团$|研究院$|设计院$")
_CREDIT_CODE = re.compile(r"(?<![0-9A-Z])[0-9A-HJ-NPQRTUWXY]{2}[0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}(?![0-9A-Z])")
"""统一社会信用代码, 18 characters (GB 32100-2015)."""

_CONTACT = re.compile(
    r"(?<![0-9])1[3-9][0-9]{9}(?![0-9])"  # a mobile number
    r"|(?<![0-9])0[0-9]{2,3}[-－][0-9]{7,8}(?![0-9])"
    r"|[0-9A-Za-z._%+-]+@[0-9A-Za-z-]+\.[A-Za-z]{2,}"
    r"|(?:https?://|www\.)[0-9A-Za-z-]+\.",
)


class MarkKind(StrEnum):
    """What kind of mark it is."""

    BIDDER_NAME = "bidder_name"
    CREDIT_CODE = "credit_code"
    CONTACT = "contact"
    REPEATED_IMAGE = "repeated_image"
    METADATA = "metadata"
    UNMASKED = "unmasked"
    ATTACHMENT = "attachment"
    COMMENT = "comment"
    SIGNATURE = "signature"
    NOT_SEARCHED = "not_searched"


SAID: Mapping[MarkKind, str] = {
    MarkKind.BIDDER_NAME: "投标人名称 a bidder's name",
    MarkKind.CREDIT_CODE: "统一社会信用代码 a credit code",
    MarkKind.CONTACT: "联系方式 a number or address to reach somebody",
    MarkKind.REPEATED_IMAGE: "反复出现的图片 a picture that comes back on most pages",
    MarkKind.METADATA: "文件属性（已遮蔽） what the file tells of its making (masked)",
    MarkKind.UNMASKED: "未能遮蔽的文件属性 what the file tells of its making (could not be masked)",
    MarkKind.ATTACHMENT: "附件 an attached file",
    MarkKind.COMMENT: "批注 a comment",
    MarkKind.SIGNATURE: "电子签章 a signature",
    MarkKind.NOT_SEARCHED: "未检索 pages that could not be searched",
}
"""Each kind for people, in both languages of the pages: it stands in an alarm, whose text is one for all readers."""


@dataclass(frozen=True, slots=True)
class Traces:
    """What was read of a document: texts of the pages searched, of `total` pages, and what stands beside them.

    `images` has the pages of each picture; `unmasked` counts places that could not be blanked.
    """

    total: int
    texts: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    attachments: int = 0
    comments: tuple[int, ...] = ()
    signatures: int = 0
    images: tuple[tuple[int, ...], ...] = ()
    unmasked: int = 0


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark, and the pages it stands on, from 1; none for what belongs to the file."""

    kind: MarkKind
    pages: tuple[int, ...] = ()


def marks_in(traces: Traces, bidders: Collection[str]) -> tuple[Mark, ...]:
    """Return the marks of a document, given the names of all bidders of the tender."""
    texts = [_normal(text) for text in traces.texts]
    names = {part for bidder in bidders for part in _names_of(bidder)}
    found = [
        Mark(MarkKind.BIDDER_NAME, _pages(any(name in _dense(text) for name in names) for text in texts)),
        Mark(MarkKind.CREDIT_CODE, _pages(bool(_CREDIT_CODE.search(text)) for text in texts)),
        Mark(MarkKind.CONTACT, _pages(bool(_CONTACT.search(text)) for text in texts)),
        Mark(MarkKind.COMMENT, tuple(sorted(set(traces.comments)))),
        Mark(MarkKind.REPEATED_IMAGE, _repeated(traces)),
    ]
    whole = {
        MarkKind.METADATA: _tells(traces.metadata, names),
        MarkKind.UNMASKED: traces.unmasked,
        MarkKind.ATTACHMENT: traces.attachments,
        MarkKind.SIGNATURE: traces.signatures,
        MarkKind.NOT_SEARCHED: traces.total - len(traces.texts),
    }
    return (*(one for one in found if one.pages), *(Mark(kind) for kind, count in whole.items() if count))


def say_marks(bid: str, marks: Collection[Mark]) -> str:
    """Return a finding as one line of text."""
    return f"{bid}: " + "; ".join(_say(one) for one in marks)


def _say(mark: Mark) -> str:
    pages = ", ".join(map(str, mark.pages[:MOST_PAGES_TOLD]))
    more = " …" if len(mark.pages) > MOST_PAGES_TOLD else ""
    return SAID[mark.kind] + (f" (p. {pages}{more})" if pages else "")


def _tells(metadata: Mapping[str, str], names: Collection[str]) -> bool:
    """Say whether author or firm stand in the file, or a bidder's name in any field: every file names its program."""
    return any(
        text and (name in TELLING or any(one in _dense(_normal(text)) for one in names))
        for name, text in metadata.items()
    )


def _names_of(bidder: str) -> set[str]:
    """Return by which words a bidder is recognised: its name, and that without its legal form where it is no word."""
    whole = _dense(_normal(bidder))
    short = _FORMS.sub("", whole)
    return {name for name in (whole, short) if len(name) >= LEAST_NAME}


def _repeated(traces: Traces) -> tuple[int, ...]:
    """Return the pages of pictures that stand on more than half of all pages."""
    often = (set(pages) for pages in traces.images)
    enough = max(LEAST_REPEATS, traces.total // 2 + 1)
    return tuple(sorted({page for pages in often if len(pages) >= enough for page in pages}))


def _pages(hits: Iterable[bool]) -> tuple[int, ...]:
    return tuple(page for page, hit in enumerate(hits, 1) if hit)


def _normal(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def _dense(text: str) -> str:
    """Return a text without blanks and case: line breaks and spaced letters must not hide a name."""
    return "".join(text.split()).lower()
