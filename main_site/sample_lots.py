"""Sample sessions beside the usual one: two lots of works, a purchase of goods, and the way that is played for acceptance.

All places, companies and figures are made up; the rubrics follow the shape of published ones.
"""

from collections.abc import Mapping
from dataclasses import replace

from evalroom.ids import BidId, ItemId, LotId, SeatCode, SessionId
from evalroom.pricing.formula import PriceFormula, TrimTerms
from evalroom.pricing.presets import lowest_price, trimmed_mean
from evalroom.profile import IN_PERSON, PROCUREMENT, WORKS
from evalroom.roles import Role
from evalroom.summary import AS_MARKED, F13, Award, Ballots, SummaryTerms, WidestTie
from evalroom.tender import (
    Bid,
    Group,
    Item,
    ItemKind,
    Lot,
    Option,
    Part,
    Seat,
    Site,
    Specialty,
    Tender,
)
from main_site.sample import HOST, SITE_A, SITE_B, sealed_template
from main_site.template import SessionTemplate

WORKS_PRICES_FEN: Mapping[BidId, int] = {
    BidId("R1"): 86_420_000_00,
    BidId("R2"): 84_975_000_00,
    BidId("R3"): 87_860_000_00,
    BidId("R4"): 85_310_000_00,
    BidId("R5"): 83_690_000_00,
    BidId("Q1"): 41_260_000_00,
    BidId("Q2"): 40_815_000_00,
    BidId("Q3"): 42_030_000_00,
    BidId("Q4"): 41_570_000_00,
}
"""Prices of the works bids: R of the road, Q of the bridges."""

REJECTED = (BidId("R4"), ItemId("P2"))
"""The bid that every member fails, and the item it fails on."""

GOODS_PRICES_FEN: Mapping[BidId, int] = {
    BidId("G1"): 2_386_000_00,
    BidId("G2"): 2_298_500_00,
    BidId("G3"): 2_441_200_00,
    BidId("G4"): 2_353_700_00,
    BidId("G5"): 2_512_000_00,
}

_TECHNICAL, _ECONOMIC = Specialty.TECHNICAL, Specialty.ECONOMIC
_RESERVE_SEAT = SeatCode("E06")


def _rehearsed(profile: str) -> str:
    """Return a preset without what it asks of people in person: who plays in a demonstration hands in no phone."""
    return profile.removesuffix(IN_PERSON).strip()


def works_template() -> SessionTemplate:
    """Return a tender of works: seven members, F13, one lot by the ranking and one by an open vote."""
    trimmed = SummaryTerms(trim=F13, widest_tie=WidestTie.SEAT, technical=3, commercial=2)
    road = Lot(
        LotId("1"),
        "一标段：县道改建工程（K0+000 至 K18+600）",
        (*_qualification("公路工程施工总承包二级及以上"), *_works("路基路面施工方案", "交通组织与环境保护")),
        _bids("R", ("天衡路桥建设有限公司", "中岭公路工程集团有限公司", "西川交通建设股份有限公司",
                    "恒远市政工程有限公司", "宏图路桥工程有限公司")),
        _mean(92_000_000_00),
        3,
        summary=trimmed,
    )  # fmt: skip
    bridges = Lot(
        LotId("2"),
        "二标段：清溪一号、二号中桥工程",
        (*_qualification("桥梁工程专业承包一级"), *_works("桥梁上部结构施工方案", "水中基础与度汛安全")),
        _bids("Q", ("天衡路桥建设有限公司", "江岳桥梁工程有限公司", "北辰桥隧建设有限公司",
                    "宏图路桥工程有限公司")),
        _mean(44_500_000_00),
        3,
        summary=replace(trimmed, award=Award.VOTE, ballots=Ballots.OPEN),
    )  # fmt: skip
    tender = Tender("YCJT-2026-0208", "云川市清溪县县道改建及桥梁工程施工", (road, bridges))
    experts = (_TECHNICAL,) * 5 + (_ECONOMIC,) * 2
    return SessionTemplate(
        SessionId("YC-2026-0208"), tender, _sites(), _seats(experts), profile=_rehearsed(WORKS)
    )


def procurement_template() -> SessionTemplate:
    """Return a purchase of goods 政府采购: the lowest price has full marks, 30 of 100."""
    lot = Lot(
        LotId("1"),
        "中小学校园网络与教室设备采购",
        (*_eligibility(), *_goods()),
        _bids("G", ("启明网络科技有限公司", "联讯信息系统有限公司", "博远教育装备有限公司",
                    "新禾电子技术有限公司", "卓成智能科技有限公司")),
        lowest_price("30", ceiling_fen=2_600_000_00),
        3,
        summary=AS_MARKED,
    )  # fmt: skip
    tender = Tender("HZZC-2026-0119", "禾泽市中小学校园网络与教室设备采购项目", (lot,))
    experts = (_TECHNICAL,) * 3 + (_ECONOMIC,) * 2
    return SessionTemplate(
        SessionId("HZ-2026-0119"), tender, _sites(), _seats(experts), profile=_rehearsed(PROCUREMENT)
    )


def acceptance_template() -> SessionTemplate:
    """Return the sealed sample session under the rules for works, with specialties, a regulator and a reserve seat."""
    sealed = sealed_template()
    kinds = dict(zip(("E01", "E02", "E03", "E04", "E05"), (_TECHNICAL,) * 3 + (_ECONOMIC,) * 2, strict=True))
    seats = tuple(replace(one, specialty=kinds.get(one.code, one.specialty)) for one in sealed.seats)
    more = (
        Seat(
            _RESERVE_SEAT, SITE_B, SITE_B, Role.EXPERT, "远程评标室 2 号席（候补）", _ECONOMIC, reserve=True
        ),
        Seat(SeatCode("REG"), HOST, HOST, Role.REGULATOR, "行政监督席"),
    )
    return replace(
        sealed, session=SessionId("YC-2026-0118"), seats=(*seats, *more), profile=_rehearsed(WORKS)
    )


def _mean(ceiling_fen: int) -> PriceFormula:
    trim = (TrimTerms(5, 1, 1),)
    return trimmed_mean("40", trim=trim, above="1", below="0.5", ceiling_fen=ceiling_fen)


def _bids(letter: str, names: tuple[str, ...]) -> tuple[Bid, ...]:
    return tuple(Bid(BidId(f"{letter}{number}"), name) for number, name in enumerate(names, start=1))


def _sites() -> tuple[Site, ...]:
    return sealed_template().sites


def _seats(experts: tuple[Specialty, ...]) -> tuple[Seat, ...]:
    """Spread the experts over the three sites, and add who leads, watches and keeps the archive."""
    rooms = (HOST, SITE_A, SITE_B)
    members = tuple(
        Seat(
            SeatCode(f"E{number + 1:02}"),
            rooms[number % 3],
            rooms[number % 3],
            Role.EXPERT,
            f"评标室 {number // 3 + 1} 号席",
            specialty,
        )
        for number, specialty in enumerate(experts)
    )
    staff = (
        ("SUP1", HOST, Role.SUPERVISOR, "监督席"),
        ("REG", HOST, Role.REGULATOR, "行政监督席"),
        ("OP", HOST, Role.OPERATOR, "主场操作员"),
        ("SA1", SITE_A, Role.SITE_OPERATOR, "副场一操作员"),
        ("SB1", SITE_B, Role.SITE_OPERATOR, "副场二操作员"),
        ("ARC1", HOST, Role.ARCHIVIST, "档案席"),
    )
    return (*members, *(Seat(SeatCode(code), site, site, role, label) for code, site, role, label in staff))


def _qualification(licence: str) -> tuple[Item, ...]:
    return (
        _pass(
            "P1", Group.FORM, "形式：投标函与签章", "投标函、授权委托书按格式填写，签字盖章齐全，报价唯一。"
        ),
        _pass(
            "P2", Group.QUALIFICATION, "资格：资质与安全生产许可", f"具有{licence}资质，安全生产许可证有效。"
        ),
        _pass("P3", Group.QUALIFICATION, "资格：项目经理", "一级建造师，注册专业相符，无在建工程。"),
        _pass("P4", Group.RESPONSIVENESS, "响应性：工期与质量", "工期不超过招标文件要求，质量标准为合格。"),
    )


def _works(method: str, special: str) -> tuple[Item, ...]:
    return (
        _score("T1", method, "方法可行、工序衔接清楚、机械配置满足进度：优 13—16 分，良 9—12.9 分，一般 0—8.9 分。", "16"),
        _score("T2", special, "措施有针对性，责任到人：优 8—10 分，良 5—7.9 分，一般 0—4.9 分。", "10"),
        _score("T3", "进度计划与资源配置", "关键线路明确，劳动力和材料计划相符：优 7—8 分，良 5—6.9 分，一般 0—4.9 分。", "8"),
        _score("T4", "质量与安全保证体系", "检验批划分合理，危险性较大工程有专项方案：优 7—8 分，良 5—6.9 分，一般 0—4.9 分。", "8"),
        _choice("C1", "类似工程业绩", "近五年完成的同类工程，以交工验收证书为准。", (("三项及以上", "8"), ("两项", "6"), ("一项", "3"), ("无", "0"))),
        _score("C2", "项目管理机构", "技术负责人职称与年限、专职安全员配备：优 5—6 分，良 3—4.9 分，一般 0—2.9 分。", "6", Group.COMMERCIAL),
        _score("C3", "信用评价", "按最近一年公路建设市场信用评价结果酌情评分。", "4", Group.COMMERCIAL),
    )  # fmt: skip


def _eligibility() -> tuple[Item, ...]:
    return (
        _pass(
            "P1",
            Group.QUALIFICATION,
            "资格性：供应商资格条件",
            "满足政府采购法第二十二条规定，未被列入失信名单。",
        ),
        _pass("P2", Group.FORM, "符合性：签章与有效期", "投标文件签章齐全，投标有效期不少于 90 天。"),
        _pass(
            "P3",
            Group.RESPONSIVENESS,
            "符合性：实质性条款",
            "标注星号的技术参数全部满足，交货期不超过 45 日历天。",
        ),
    )


def _goods() -> tuple[Item, ...]:
    return (
        _score("T1", "技术参数响应", "核心交换机、无线接入点和教室终端的参数及检测报告：优 21—25 分，良 15—20.9 分，一般 0—14.9 分。", "25"),
        _score("T2", "实施与割接方案", "寒假内完成，分校割接，断网时间可控：优 12—15 分，良 8—11.9 分，一般 0—7.9 分。", "15"),
        _score("T3", "售后服务", "驻场人员、备件和响应时间：优 8—10 分，良 5—7.9 分，一般 0—4.9 分。", "10"),
        _choice("C1", "同类业绩", "近三年同类采购合同及验收单。", (("四项及以上", "10"), ("三项", "7"), ("一至两项", "4"), ("无", "0"))),
        _choice("C2", "节能环保认证", "主要产品列入节能产品或环境标志产品品目清单。", (("全部具备", "5"), ("部分具备", "2"), ("不具备", "0"))),
        _score("C3", "培训与移交", "培训课时、教材和移交资料完整：优 4—5 分，良 3—3.9 分，一般 0—2.9 分。", "5", Group.COMMERCIAL),
    )  # fmt: skip


def _pass(item: str, group: Group, title: str, standard: str) -> Item:
    return Item(
        ItemId(item), Part.PRELIMINARY, ItemKind.PASS, title, standard, "0", 0, objective=True, group=group
    )


def _score(item: str, title: str, standard: str, full: str, group: Group = Group.TECHNICAL) -> Item:
    return Item(
        ItemId(item), Part.DETAILED, ItemKind.SCORE, title, standard, full, 1, objective=False, group=group
    )


def _choice(item: str, title: str, standard: str, options: tuple[tuple[str, str], ...]) -> Item:
    return Item(
        ItemId(item), Part.DETAILED, ItemKind.CHOICE, title, standard, options[0][1], 0, objective=True,
        group=Group.COMMERCIAL, options=tuple(Option(name, points) for name, points in options),
    )  # fmt: skip
