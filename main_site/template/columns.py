"""The tables of a session template and their columns: the one description that everything else follows.

The reader of TOML, the reader and writer of workbooks, the comments on the header cells and the how-to page are
all derived from `TABLES`.  A column that isn't here doesn't exist: a template that has it is refused, because a
misspelt `ceiling` would otherwise silently leave a tender without a ceiling price.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from evalroom.pricing.presets import LOWEST_PRICE, TRIMMED_MEAN
from evalroom.pricing.rationals import Rounding
from evalroom.roles import Role
from evalroom.sealing.policy import Mode, PartName
from evalroom.summary import MAX_MARK_DIGITS, Award, Ballots, WidestTie
from evalroom.tender import Group, ItemKind, Part, Specialty, Thresholds

Value = str | int | bool | None


class Kind(StrEnum):
    """What a column holds, which decides how a cell is read and written."""

    NAME = "name"
    TEXT = "text"
    PROSE = "prose"
    DECIMAL = "decimal"
    WHOLE = "whole"
    FLAG = "flag"
    CHOICE = "choice"
    FORMULA = "formula"
    INSTANT = "instant"
    OPTIONS = "options"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its key in TOML, its Chinese title, what it means, and what may stand in it.

    `limit` is characters for texts, the largest value for numbers; `digits` are those after the point.  A column
    that is `required` has to be there with a value in each row; in any other an empty cell means `default`.
    """

    key: str
    title: str
    kind: Kind
    meaning: str
    about: str
    required: bool = True
    default: Value = None
    limit: int = 0
    digits: int = 0
    choices: Mapping[str, str] = field(default_factory=dict)
    names: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """One table: a sheet of the workbook, an array of TOML tables; `single` has exactly one row."""

    key: str
    title: str
    meaning: str
    about: str
    columns: tuple[Column, ...]
    required: bool = True
    single: bool = False

    @property
    def sheet(self) -> str:
        """Return the title of the sheet in a workbook."""
        return f"{self.title} {self.key}"

    def column(self, key: str) -> Column:
        """Return the column `key`, which must exist."""
        return next(column for column in self.columns if column.key == key)


PARTS: Mapping[str, str] = {Part.PRELIMINARY: "初步评审", Part.DETAILED: "详细评审"}
KINDS: Mapping[str, str] = {
    ItemKind.SCORE: "打分",
    ItemKind.PASS: "合格制",
    ItemKind.DEDUCT: "扣分",
    ItemKind.CHOICE: "选项",
}
ITEM_GROUPS: Mapping[str, str] = {
    Group.FORM: "形式评审",
    Group.QUALIFICATION: "资格评审",
    Group.RESPONSIVENESS: "响应性评审",
    Group.TECHNICAL: "技术评审",
    Group.COMMERCIAL: "商务评审",
}
FORMULAS: Mapping[str, str] = {LOWEST_PRICE: "低价优先法", TRIMMED_MEAN: "去极值平均基准价法"}
ROUNDINGS: Mapping[str, str] = {
    Rounding.HALF_UP: "四舍五入",
    Rounding.HALF_EVEN: "四舍六入五成双",
    Rounding.DOWN: "舍去",
    Rounding.UP: "进一",
}
ROLES: Mapping[str, str] = {
    Role.EXPERT: "专家",
    Role.SUPERVISOR: "监督",
    Role.OPERATOR: "主场操作员",
    Role.SITE_OPERATOR: "副场操作员",
    Role.ARCHIVIST: "档案员",
    Role.REGULATOR: "行政监督",
}
SPECIALTIES: Mapping[str, str] = {
    Specialty.NONE: "不分",
    Specialty.TECHNICAL: "技术",
    Specialty.ECONOMIC: "经济",
    Specialty.OWNER: "招标人代表",
}
MODES: Mapping[str, str] = {Mode.JOINT: "联合解密", Mode.SITES: "会场解密", Mode.BIDDER: "投标人解密"}
SEALED_PARTS: Mapping[str, str] = {
    PartName.IDENTITY: "身份",
    PartName.OPENING: "开标一览表",
    PartName.QUALIFICATION: "资格",
    PartName.TECHNICAL: "技术",
    PartName.PRICE: "价格",
}
BOTH = "both"
DARK_PARTS: Mapping[str, str] = {PartName.TECHNICAL: "技术", BOTH: "资格和技术"}
AT_DEADLINE, AFTER_SHEETS = "deadline", "sheets"
GATES: Mapping[str, str] = {AT_DEADLINE: "投标截止后", AFTER_SHEETS: "技术评分公开后"}
WIDEST_TIES: Mapping[str, str] = {WidestTie.DRAW: "抽签", WidestTie.SEAT: "席位编号"}
AWARDS: Mapping[str, str] = {Award.RANKING: "按排名", Award.VOTE: "票决"}
BALLOTS: Mapping[str, str] = {Ballots.SECRET: "无记名", Ballots.OPEN: "记名"}
YES, NO = "是", "否"
SAID_YES = frozenset({YES, "yes", "y", "true", "1", "√"})
SAID_NO = frozenset({NO, "no", "n", "false", "0", "×"})

MAX_POINTS = 100
MAX_CEILING_YUAN = 9_999_999_999_999
"""With two digits after the point these are 15 digits, which is what a spreadsheet keeps exactly."""

PROJECT = Table(
    "project",
    "项目",
    "the session and its project, in one row",
    "会议与项目，只填一行",
    (
        Column(
            "session",
            "会议编号",
            Kind.NAME,
            "Id of the session; names its journal and its archive.",
            "本次评标会议的编号，用于日志和档案的命名。",
        ),
        Column(
            "code",
            "项目编号",
            Kind.TEXT,
            "Number of the project in the announcement.",
            "招标公告中的项目编号。",
            limit=64,
        ),
        Column("title", "项目名称", Kind.TEXT, "Name of the project.", "项目全称。", limit=200),
        Column(
            "profile",
            "评标规则",
            Kind.PROSE,
            "Rule profile: plain, works or procurement, or its whole text in TOML.",
            "评标规则：plain（不定）、works（工程）、procurement（政府采购），或写出全部规则（TOML）。",
            required=False,
            default="plain",
            limit=16_384,
        ),
    ),
    single=True,
)

LOTS = Table(
    "lots",
    "标段",
    "the lots; sheets, prices and rankings are per lot",
    "标段（包），每个标段单独打分、计价、排名",
    (
        Column("id", "标段编号", Kind.NAME, "Id of the lot.", "标段编号，其他工作表用它指明标段。"),
        Column("title", "标段名称", Kind.TEXT, "Name of the lot.", "标段名称。", limit=200),
        Column(
            "candidates",
            "候选人数",
            Kind.WHOLE,
            "How many candidates are recommended.",
            "推荐的中标候选人数，通常不超过 3 名。",
            required=False,
            default=3,
            limit=99,
        ),
        Column(
            "dark",
            "暗标",
            Kind.FLAG,
            "Whether bids are dark: experts see codes, no bidders, until the technical sheets are unlocked. All lots or none.",
            "是否暗标：技术评分公开前专家只看到随机代码，看不到投标人；须加密投标，各标段一致。",
            required=False,
            default=False,
        ),
        Column(
            "dark_parts",
            "暗标部分",
            Kind.CHOICE,
            "Which parts of a dark bid name nobody, and are read meanwhile.",
            "暗标中不得出现投标人信息、可供评审的部分；其余部分在技术评分公开后可读。",
            required=False,
            default=PartName.TECHNICAL.value,
            choices=DARK_PARTS,
        ),
        Column(
            "technical_digits",
            "技术分小数位数",
            Kind.WHOLE,
            "Digits that a bid's technical mark is rounded to, half up; empty: not rounded. F13 has 3.",
            "技术评审得分四舍五入保留的小数位数；不填则不取整。",
            required=False,
            limit=MAX_MARK_DIGITS,
        ),
        Column(
            "commercial_digits",
            "商务分小数位数",
            Kind.WHOLE,
            "Digits that a bid's commercial mark is rounded to, half up; empty: not rounded. F13 has 2.",
            "商务评审得分四舍五入保留的小数位数；不填则不取整。",
            required=False,
            limit=MAX_MARK_DIGITS,
        ),
        Column(
            "widest_tie",
            "离差相同时",
            Kind.CHOICE,
            "Whose marks go where several members have the widest spread: by an order drawn beforehand, or the first seat.",
            "最大离差相同时去掉谁的评分：按评分公开前抽取的评委次序，或按席位编号。",
            required=False,
            default=WidestTie.DRAW.value,
            choices=WIDEST_TIES,
        ),
        Column(
            "award",
            "定标方式",
            Kind.CHOICE,
            "Whether the ranking decides, or the committee votes among the candidates.",
            "按综合得分排名，或由评标委员会在候选人中票决。",
            required=False,
            default=Award.RANKING.value,
            choices=AWARDS,
        ),
        Column(
            "ballots",
            "票决方式",
            Kind.CHOICE,
            "Whether ballots of the award stay secret or are shown with the count.",
            "票决采用无记名或记名投票。",
            required=False,
            default=Ballots.SECRET.value,
            choices=BALLOTS,
        ),
    ),
)

_LOT = Column(
    "lot",
    "标段编号",
    Kind.NAME,
    "The lot it belongs to; may stay empty when there is only one.",
    "所属标段；只有一个标段时可不填。",
    required=False,
    names="lots",
)

ITEMS = Table(
    "items",
    "评审项",
    "the rubric: what experts judge, in the order of the sheet",
    "评审项及标准，顺序即评分表的顺序",
    (
        _LOT,
        Column(
            "id", "评审项编号", Kind.NAME, "Id of the item within its lot.", "评审项编号，同一标段内不重复。"
        ),
        Column(
            "part",
            "评审阶段",
            Kind.CHOICE,
            "The part of the evaluation: bids pass or fail in the preliminary part, and get points in the detailed one.",
            "合格制项属初步评审，打分、扣分和选项属详细评审。",
            choices=PARTS,
        ),
        Column(
            "kind",
            "评审方式",
            Kind.CHOICE,
            "How the item is judged.",
            "打分、合格制、扣分或选项。",
            choices=KINDS,
        ),
        Column("title", "评审内容", Kind.TEXT, "Name of the item.", "评审内容的名称。", limit=200),
        Column(
            "standard",
            "评审标准",
            Kind.PROSE,
            "What earns the points, or what passes.",
            "评分标准或合格条件，专家打分时可见。",
            limit=2000,
        ),
        Column(
            "full",
            "满分",
            Kind.DECIMAL,
            "Weight in points; empty or 0 for pass items, of a choice empty or its best option. With the price weight, a lot adds up to 100.",
            "满分值；合格制填 0 或不填，选项类可不填（取最高一档）。各项满分与价格权重之和为 100。",
            required=False,
            default="0",
            limit=MAX_POINTS,
            digits=4,
        ),
        Column(
            "digits",
            "小数位数",
            Kind.WHOLE,
            "Digits after the point that an expert may enter, 0 to 4.",
            "允许填写的小数位数，0 至 4。",
            required=False,
            default=1,
            limit=4,
        ),
        Column(
            "objective",
            "客观项",
            Kind.FLAG,
            "Whether all experts must come to the same value.",
            "客观项要求各专家结论一致。",
            required=False,
            default=False,
        ),
        Column(
            "group",
            "评审类别",
            Kind.CHOICE,
            "The section it stands in: form, qualification, responsiveness in the preliminary part, technical, commercial in the detailed one.",
            "初步评审分形式、资格、响应性，详细评审分技术、商务；评分表按类别分节小计。",
            required=False,
            choices=ITEM_GROUPS,
        ),
        Column(
            "options",
            "选项及分值",
            Kind.OPTIONS,
            "Of a choice: its options with their points, such as A=5; B=3; C=0. The best one earns the weight.",
            "选项类必填，如 A=5; B=3; C=0，最高一档等于满分；其他方式不填。",
            required=False,
            limit=1000,
        ),
        Column(
            "reason_below",
            "说明理由比例（%）",
            Kind.DECIMAL,
            "Points below this percentage of the weight want a reason; empty: as the lot's checks say.",
            "得分低于满分的此百分比时须说明理由；不填则按标段的复核阈值。",
            required=False,
            limit=100,
            digits=2,
        ),
    ),
)

BIDS = Table(
    "bids",
    "投标人",
    "the bids of a rehearsal, whose documents and prices are brought in later; sealed bids join at the opening",
    "演练的投标人，投标文件和报价在会议建立后导入；加密投标的投标人在开标时加入，此处不填",
    (
        _LOT,
        Column(
            "id", "投标编号", Kind.NAME, "Id of the bid, unique in the session.", "投标编号，全场不重复。"
        ),
        Column("bidder", "投标人名称", Kind.TEXT, "Name of the bidder.", "投标人全称。", limit=200),
    ),
    required=False,
)

_USUAL = Thresholds()

CHECKS = Table(
    "checks",
    "复核阈值",
    "when the checks of the sheets ask for a reason, one row per lot; a lot without one has the defaults",
    "评分复核何时要求说明理由，每个标段一行；不填按默认值",
    (
        _LOT,
        Column(
            "reason_below",
            "说明理由比例（%）",
            Kind.DECIMAL,
            "Points below this percentage of an item's weight want a reason.",
            "单项得分低于满分的此百分比时须说明理由。",
            required=False,
            default=_USUAL.reason_below,
            limit=100,
            digits=2,
        ),
        Column(
            "copied_bids",
            "相同评语家数",
            Kind.WHOLE,
            "One comment beside this many bids wants a reason; beside 2 or more it is told.",
            "同一评语用于此家数的投标时须说明理由。",
            required=False,
            default=_USUAL.copied_bids,
            limit=99,
        ),
        Column(
            "copied_chars",
            "相同评语字数",
            Kind.WHOLE,
            "Comments shorter than this are not compared.",
            "少于此字数的评语不比较。",
            required=False,
            default=_USUAL.copied_chars,
            limit=999,
        ),
        Column(
            "vector_cells",
            "相同打分格数",
            Kind.WHOLE,
            "Fewer subjective cells with the same points tell nothing.",
            "主观打分格数不足此数时，分值相同不作提示。",
            required=False,
            default=_USUAL.vector_cells,
            limit=999,
        ),
        Column(
            "deviation",
            "总分偏离（%）",
            Kind.DECIMAL,
            "A member's points for a bid further off the committee's mean than this want a reason.",
            "专家评分偏离全体平均分超过此百分比时须说明理由。",
            required=False,
            default=_USUAL.deviation,
            limit=999,
            digits=2,
        ),
    ),
    required=False,
)

PRICING = Table(
    "pricing",
    "价格",
    "the price formula, one row per lot",
    "价格评分办法，每个标段一行",
    (
        _LOT,
        Column(
            "formula",
            "计价方法",
            Kind.FORMULA,
            "The price formula: one of these two, or a whole one as a table (in a workbook as JSON text); then the other columns stay empty.",
            "低价优先：最低价得满分；去极值平均：以去掉极值后的平均价为基准价；也可填完整公式，此时其余各列不填。",
            choices=FORMULAS,
        ),
        Column(
            "weight",
            "价格权重",
            Kind.DECIMAL,
            "Full marks of the price; needed unless the formula is a whole one.",
            "价格满分值；填完整公式时不填。",
            required=False,
            limit=MAX_POINTS,
            digits=4,
        ),
        Column(
            "ceiling",
            "最高限价（元）",
            Kind.DECIMAL,
            "Ceiling price in yuan; a bid above it scores 0. Empty: none.",
            "最高限价，单位元，高于限价的报价得 0 分；不设限价则不填。",
            required=False,
            limit=MAX_CEILING_YUAN,
            digits=2,
        ),
        Column(
            "penalty_above",
            "高于基准每1%扣分",
            Kind.DECIMAL,
            "Points off per 1 % above the base price.",
            "报价每高于基准价 1% 扣的分值。",
            required=False,
            default="0",
            limit=MAX_POINTS,
            digits=4,
        ),
        Column(
            "penalty_below",
            "低于基准每1%扣分",
            Kind.DECIMAL,
            "Points off per 1 % below the base price.",
            "报价每低于基准价 1% 扣的分值。",
            required=False,
            default="0",
            limit=MAX_POINTS,
            digits=4,
        ),
        Column(
            "floor",
            "价格最低得分",
            Kind.DECIMAL,
            "The price score never falls below this.",
            "价格得分的下限。",
            required=False,
            default="0",
            limit=MAX_POINTS,
            digits=4,
        ),
        Column(
            "rounding_digits",
            "得分小数位数",
            Kind.WHOLE,
            "Digits after the point of a final score, 0 to 4.",
            "最终得分保留的小数位数，0 至 4。",
            required=False,
            default=2,
            limit=4,
        ),
        Column(
            "rounding",
            "修约方式",
            Kind.CHOICE,
            "How the half is treated; nothing is rounded before the end.",
            "修约只在最后一步进行。",
            required=False,
            default=Rounding.HALF_UP.value,
            choices=ROUNDINGS,
        ),
    ),
)

TRIM = Table(
    "trim",
    "去极值",
    "from how many prices on the highest and lowest are left out of the mean",
    "报价达到多少家时去掉最高价和最低价再求平均",
    (
        _LOT,
        Column(
            "from_bids",
            "报价家数起点",
            Kind.WHOLE,
            "From this many admissible prices on; the largest number reached counts.",
            "有效报价达到此数时适用；多行时取已达到的最大一行。",
            limit=999,
        ),
        Column(
            "high",
            "去掉最高价个数",
            Kind.WHOLE,
            "How many highest prices are left out.",
            "去掉几个最高价。",
            limit=99,
        ),
        Column(
            "low",
            "去掉最低价个数",
            Kind.WHOLE,
            "How many lowest prices are left out.",
            "去掉几个最低价。",
            limit=99,
        ),
    ),
    required=False,
)

MARK_TRIM = Table(
    "mark_trim",
    "评分去极值",
    "from how many members on which marks of subjective items are left out",
    "评委达到多少人时去掉哪些主观项评分再求平均",
    (
        _LOT,
        Column(
            "members",
            "评委人数起点",
            Kind.WHOLE,
            "From this many members on; the largest number reached counts.",
            "评标委员会人数达到此数时适用；多行时取已达到的最大一行。",
            limit=99,
        ),
        Column(
            "widest",
            "去掉离差最大者",
            Kind.FLAG,
            "Whether the member goes first whose totals over the bids lie furthest apart.",
            "是否先去掉对各投标人总分离差最大的一名评委的评分。",
            required=False,
            default=False,
        ),
        Column(
            "high",
            "去掉最高分个数",
            Kind.WHOLE,
            "How many highest marks of each item are left out.",
            "每个评审项去掉几个最高分。",
            limit=99,
        ),
        Column(
            "low",
            "去掉最低分个数",
            Kind.WHOLE,
            "How many lowest marks of each item are left out.",
            "每个评审项去掉几个最低分。",
            limit=99,
        ),
    ),
    required=False,
)

SITES = Table(
    "sites",
    "会场",
    "the host site and the sub-sites",
    "主场与副场",
    (
        Column("id", "会场编号", Kind.NAME, "Id of the site.", "会场编号。"),
        Column("name", "会场名称", Kind.TEXT, "Name of the site.", "会场名称，含所在地。", limit=200),
        Column(
            "host",
            "主场",
            Kind.FLAG,
            "Whether it is the host site; exactly one is.",
            "是否为主场；有且只有一个主场。",
            required=False,
            default=False,
        ),
        Column(
            "node",
            "有节点",
            Kind.FLAG,
            "Whether it runs a node of its own; the seats of a site without one connect to the host's.",
            "会场是否自备节点服务器；没有节点的会场，其席位连接主场节点。",
            required=False,
            default=True,
        ),
    ),
)

SEATS = Table(
    "seats",
    "席位",
    "the seats; whoever takes one is known by its code only",
    "席位；场内只显示席位编号",
    (
        Column(
            "code",
            "席位编号",
            Kind.NAME,
            "Code of the seat, unique in the session.",
            "席位编号，全场不重复。",
        ),
        Column("site", "会场编号", Kind.NAME, "The site where it stands.", "席位所在会场。", names="sites"),
        Column(
            "node",
            "连接节点",
            Kind.NAME,
            "The site whose node it connects to. Empty: its own site's, or the host's.",
            "连接哪个会场的节点；不填则连接本会场节点，本会场没有节点时连接主场。",
            required=False,
            names="sites",
        ),
        Column(
            "role", "角色", Kind.CHOICE, "The role of whoever takes it.", "就座人员的角色。", choices=ROLES
        ),
        Column(
            "label",
            "说明",
            Kind.TEXT,
            "What the seat is called in its room; no person's name.",
            "席位在会场内的叫法；不要填写姓名。",
            required=False,
            default="",
            limit=64,
        ),
        Column(
            "specialty",
            "专业类别",
            Kind.CHOICE,
            "What an expert stands for: technical, economic, or the owner's representative. Others: leave it empty.",
            "专家的类别：技术、经济或招标人代表；其他角色不填。",
            required=False,
            default=Specialty.NONE.value,
            choices=SPECIALTIES,
        ),
        Column(
            "reserve",
            "候补",
            Kind.FLAG,
            "An expert's seat that takes part only when another expert leaves.",
            "候补专家席位，有专家离开时才参加评审。",
            required=False,
            default=False,
        ),
    ),
)

SEALING = Table(
    "sealing",
    "加密投标",
    "terms of sealed bids, in one row; without it the session is a rehearsal, whose bids are brought in unsealed",
    "加密投标的条件，只填一行；不填则本次会议为演练，投标文件不加密导入",
    (
        Column(
            "deadline",
            "投标截止时间",
            Kind.INSTANT,
            "Deadline; without an offset it is Beijing time.",
            "投标截止时间，如 2026-12-01 09:00；未注明时区即为北京时间。",
        ),
        Column(
            "opens_at",
            "开标时间",
            Kind.INSTANT,
            "When the first window of the opening may begin, not before the deadline. Empty: at the deadline.",
            "开标时间，不早于投标截止时间；不填则为投标截止时间。",
            required=False,
        ),
        Column(
            "mode",
            "解密方式",
            Kind.CHOICE,
            "Whose secrets open a bid: bidder and a quorum of trustees, the quorum alone, the bidder alone.",
            "联合：投标人与法定数量的会场共同解密；会场：仅会场；投标人：仅投标人。",
            required=False,
            default=Mode.JOINT.value,
            choices=MODES,
        ),
        Column(
            "k",
            "会场法定数",
            Kind.WHOLE,
            "The quorum: how many trustees' shares open a bid; 0 when the bidder opens alone.",
            "解密所需的会场密钥份额数；仅投标人解密时填 0。",
            required=False,
            default=2,
            limit=16,
        ),
        Column(
            "suites",
            "密码套件",
            Kind.TEXT,
            "Suites that bids may use: 1 X-Wing, 2 P-256, 17 SM2.",
            "允许的密码套件编号，用空格或逗号分开：1、2，国密为 17。",
            required=False,
            default="1 2",
            limit=40,
        ),
        Column(
            "min_bids",
            "最少投标数",
            Kind.WHOLE,
            "Fewer bids are not opened.",
            "投标少于此数则不开标。",
            required=False,
            default=3,
            limit=999,
        ),
        Column(
            "max_mb",
            "投标文件上限（MB）",
            Kind.WHOLE,
            "Largest sealed bid, MB.",
            "单份加密投标文件的最大容量。",
            required=False,
            default=2048,
            limit=1 << 20,
        ),
        Column(
            "release_minutes",
            "解密时长（分钟）",
            Kind.WHOLE,
            "Minutes in which bidders release, in each window.",
            "每次开标中投标人可以解密的时间。",
            required=False,
            default=30,
            limit=1440,
        ),
    ),
    required=False,
    single=True,
)

PARTS_SEALED = Table(
    "parts",
    "投标文件组成",
    "parts of a sealed bid, each with its window; without it identity, price sheet and technical part in one",
    "加密投标文件的组成及各自的解密时机；不填则为身份、开标一览表和技术三部分，同时解密",
    (
        Column(
            "part",
            "部分",
            Kind.CHOICE,
            "The part; identity and opening are always there.",
            "组成部分；身份和开标一览表必须有。",
            choices=SEALED_PARTS,
        ),
        Column(
            "window",
            "解密批次",
            Kind.NAME,
            "The window in which it is opened; identity and opening share the first.",
            "解密批次的名称；身份和开标一览表属第一批。",
            required=False,
            default="opening",
        ),
        Column(
            "gate",
            "解密时机",
            Kind.CHOICE,
            "What the window waits for.",
            "该批次在何时之后解密；价格可在技术评分公开后解密。",
            required=False,
            default=AT_DEADLINE,
            choices=GATES,
        ),
        Column(
            "max_mb",
            "上限（MB）",
            Kind.WHOLE,
            "Largest text or document of it, MB. Empty: 1 for identity and opening, else that of the whole bid.",
            "该部分的最大容量；不填则身份和开标一览表为 1，其余与投标文件上限相同。",
            required=False,
            limit=1 << 20,
        ),
    ),
    required=False,
)

TABLES: tuple[Table, ...] = (
    PROJECT, LOTS, ITEMS, CHECKS, BIDS, PRICING, TRIM, MARK_TRIM, SITES, SEATS, SEALING, PARTS_SEALED,
)  # fmt: skip
