"""What can be wrong with a template, and where: every fault has its sentence in both languages.

A person corrects a template in a spreadsheet, so a problem names sheet, row and column, and all problems are
reported at once: nobody should upload nine times to learn of nine typing errors.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from evalroom.errors import Refusal

MAX_PROBLEMS = 20
"""Problems that are named; a template with more has one cause, and twenty rows show it."""

_SHOWN = 40


class Fault(Enum):
    """One kind of mistake, with its sentence in Chinese and English."""

    TOO_LARGE = ("文件过大", "the file is too large")
    WRONG_ENCODING = ("不是 UTF-8 编码的文本", "not text in UTF-8")
    NOT_XLSX = ("不是 xlsx 工作簿", "not an xlsx workbook")
    OLD_OR_ENCRYPTED = (
        "旧版 xls 或加密的工作簿，请另存为不加密的 xlsx",
        "an old .xls or an encrypted workbook: save it as plain .xlsx",
    )
    NOT_TOML = ("不是有效的 TOML", "not valid TOML")
    MISSING_TABLE = ("缺少工作表", "the sheet is missing")
    UNKNOWN_TABLE = ("不认识的工作表", "unknown sheet")
    REPEATED_TABLE = ("工作表重复", "the sheet is there twice")
    NOT_ROWS = ("应为表或表数组", "expected a table, or an array of tables")
    MISSING_COLUMN = ("缺少列", "the column is missing")
    UNKNOWN_COLUMN = ("不认识的列", "unknown column")
    REPEATED_COLUMN = ("列重复", "the column is there twice")
    OUTSIDE_COLUMNS = ("值在有表头的列之外", "a value outside the columns that have a header")
    NO_ROWS = ("没有数据行", "there are no rows")
    ONE_ROW_ONLY = ("只能有一行", "only one row is allowed")
    TOO_MANY_ROWS = ("行数过多", "too many rows")
    MISSING_VALUE = ("必须填写", "a value is required")
    NOT_TEXT = ("不是文本", "not a text")
    TOO_LONG = ("文字过长", "the text is too long")
    FORBIDDEN_CHARACTER = (
        "含有控制字符或单元格错误值",
        "a control character, or a spreadsheet's error value",
    )
    NOT_A_NAME = (
        "编号只能用字母、数字和 . _ -，不超过 64 个字符",
        "an id holds ASCII letters, digits, dot, dash and underscore, at most 64",
    )
    NOT_A_DECIMAL = ("不是非负的十进制数", "not a decimal number without sign")
    TOO_MANY_DIGITS = ("小数位数过多", "too many digits after the point")
    NOT_WHOLE = ("不是非负整数", "not a whole number without sign")
    OUT_OF_RANGE = ("超出范围", "outside the range")
    NOT_YES_NO = ("应填“是”或“否”", "neither yes nor no")
    FULL_WIDTH = (
        "含全角字母或数字，请改用半角",
        "full-width letters or digits: write it with half-width ones",
    )
    NOT_OPTIONS = (
        "选项应写成 A=5; B=3; C=0，名称不超过 40 字",
        "options are written A=5; B=3; C=0, each with a name of at most 40 characters",
    )
    REPEATED_OPTION = ("选项名称重复", "two options have the same name")
    BEST_OPTION = ("最高一档的分值不等于满分", "the best option does not earn the weight")
    WITHOUT_OPTIONS = (
        "选项类至少有两个选项，其他方式没有",
        "a choice has at least two options, others have none",
    )
    GROUP_AND_PART = ("评审类别不属于该评审阶段", "the group belongs to the other part")
    MERGED = ("含合并单元格，请取消合并后逐格填写", "merged cells: take them apart and fill in each cell")
    REPEATED_BIDDER = ("投标人重复", "the bidder is there twice")
    NOT_A_CHOICE = ("不在可选值之内", "not one of the choices")
    NOT_AN_INSTANT = (
        "不是时间，应如 2026-12-01 09:00",
        "not a time: write it like 2026-12-01 09:00, with an offset if it is not Beijing time",
    )
    BIDS_AND_SEALING = (
        "加密投标的投标人在开标时加入，不在此填写",
        "sealed bids join at the opening: leave the bids out, or the terms of sealing",
    )
    BAD_SEALING = ("加密投标的条件不能用", "no bid can be sealed on these terms")
    UNKNOWN_NAME = ("没有这个编号", "nothing has this id")
    REPEATED_NAME = ("编号重复（不分大小写）", "the id is there twice, case ignored")
    PASS_WITH_WEIGHT = ("合格制的满分应为 0", "a pass item has no weight")
    WITHOUT_WEIGHT = ("打分和扣分项必须有满分", "a scored or deducted item needs a weight")
    PART_AND_KIND = (
        "初步评审只用合格制，详细评审只用打分、扣分和选项",
        "bids pass or fail in the preliminary part, and get points in the detailed part",
    )
    WEIGHTS = (
        "满分与价格权重之和不等于 100",
        "the weights and the price weight do not add up to 100",
    )
    NO_PENALTY = ("去极值平均法需要高于基准的扣分", "a trimmed mean needs a penalty above the base price")
    BAD_FORMULA = ("价格公式不能用", "the price formula cannot be used")
    BESIDE_FORMULA = ("填了完整公式，此处应为空", "beside a whole formula this stays empty")
    FLOOR_ABOVE_WEIGHT = ("价格最低得分高于价格权重", "the floor of the price score is above its weight")
    REPEATED_START = ("起点重复", "two rows begin at the same number of prices")
    TRIMS_ALL_MARKS = ("去掉的评分不少于评委人数", "trimming must leave a mark")
    MANY_CANDIDATES = ("候选人数超过评标规则的上限", "more candidates than the rule profile allows")
    VOTE_OF_ONE = ("票决至少要有两名候选人", "a vote on the award is among two candidates or more")
    TRIMS_ALL = ("去掉的报价不少于报价家数", "trimming must leave a price")
    ONE_HOST = (
        "主场有且只有一个，并且有节点",
        "exactly one site is the host, and it has a node",
    )
    SEAT_NODE = (
        "席位所在会场有节点时连接本会场节点，否则连接有节点的会场",
        "a seat connects to its own site's node, or to a site that has one",
    )
    MACHINE_NAME = ("host 和 node 留给系统使用", "host and node are kept for machines")
    NO_EXPERT = ("没有专家席位", "there is no expert's seat")
    UNUSABLE = ("无法据此评标", "the tender cannot be evaluated like this")

    @property
    def code(self) -> str:
        """Return the stable name that pages translate by."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a problem is: a table, the number of a row and a column, each as far as it is known.

    In a workbook `row` is the row of the sheet, the header being 1, and `letter` the column's.  In TOML `row`
    counts the entries of the array from 1, and `entry` says so.
    """

    table: str = ""
    title: str = ""
    row: int | None = None
    column: str = ""
    heading: str = ""
    letter: str = ""
    entry: bool = False

    def sentence(self) -> str:
        """Return the place in words, in both languages."""
        return " · ".join(part for part in (self._table(), self._row(), self._column()) if part)

    def _table(self) -> str:
        return f"{self.title} {self.table}".strip()

    def _row(self) -> str:
        if self.row is None:
            return ""
        return f"第 {self.row} 项 entry {self.row}" if self.entry else f"第 {self.row} 行 row {self.row}"

    def _column(self) -> str:
        letter = f"{self.letter} 列 column {self.letter} " if self.letter else ""
        return f"{letter}{self.heading} {self.column}".strip()


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake at one place; `found` is what stands there, shortened."""

    fault: Fault
    place: Place
    found: str = ""

    def sentence(self) -> str:
        """Return place and mistake in words, in both languages."""
        chinese, english = self.fault.value
        found = f" 「{self.found}」" if self.found else ""
        where = self.place.sentence()
        return f"{where}: {chinese} {english}{found}" if where else f"{chinese} {english}{found}"

    def facts(self) -> dict[str, str | int | bool | None]:
        """Return the problem for a page that words it itself: the fault's code, the place, what was found."""
        return {
            "code": self.fault.code,
            "sheet": self.place.table,
            "row": self.place.row,
            "entry": self.place.entry,
            "column": self.place.column,
            "letter": self.place.letter,
            "found": self.found,
            "sentence": self.sentence(),
        }


class TemplateError(Refusal):
    """The session template cannot be used: correct the cells named, then upload it again."""

    code = "template_invalid"

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Keep all `problems`, and name the first `MAX_PROBLEMS` of them."""
        found = tuple(problems)
        self.count = len(found)
        self.problems = found[:MAX_PROBLEMS]
        lines = "\n".join(problem.sentence() for problem in self.problems)
        super().__init__(count=self.count, problems=lines)


def refuse(fault: Fault, found: str = "") -> TemplateError:
    """Return the error for a file that has no rows to name."""
    return TemplateError([Problem(fault, Place(), shown(found))])


def shown(value: object, most: int = _SHOWN) -> str:
    """Return what stands in a cell, shortened and without control characters."""
    text = "".join(char if char.isprintable() else "�" for char in str(value)[: most + 1])
    return text if len(text) <= most else text[:most] + "…"
