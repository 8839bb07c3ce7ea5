"""The sample session: a municipal smart-water tender at three sites, with every kind of item.

It is played by the demo, and it is the example in the template that operators download.  All places and
companies are made up; the rubric follows the shape of published ones.
"""

from dataclasses import replace

from evalroom.ids import BidId, ItemId, LotId, SeatCode, SessionId, SiteId
from evalroom.pricing.formula import PriceFormula
from evalroom.pricing.presets import trimmed_mean
from evalroom.roles import Role
from evalroom.sealing.policy import Mode, PartName, PartTerms, Window
from evalroom.sealing.rules import FIRST_GATE, SHEETS_GATE
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
    Tender,
)
from main_site.template import SessionTemplate
from main_site.template.sealing import SealingTerms

HOST, SITE_A, SITE_B = SiteId("host"), SiteId("site-a"), SiteId("site-b")

PRICES_FEN = {
    BidId("B1"): 3_586_000_00,
    BidId("B2"): 3_742_500_00,
    BidId("B3"): 3_418_800_00,
    BidId("B4"): 3_655_200_00,
}
"""The bids' prices, below the ceiling of 3,880,000 yuan."""

DOCUMENTS, PRICES = "documents", "prices"
RELEASE_MS = 600_000
UNSET_HOUR = 4_102_444_800_000


def sample_template() -> SessionTemplate:
    """Return the sample session."""
    return SessionTemplate(SessionId("YC-2026-0117"), _tender(), _sites(), _seats())


def sealed_template() -> SessionTemplate:
    """Return the sample session with sealed bids: no bids yet, officers at every site, terms of sealing, a dark lot.

    What experts judge stands in the technical part, which names nobody; who is qualified is seen after the unlock.

    Deadline and hour stand on 1 January 2100: whoever drafts the policy says when they really are.
    """
    lot = replace(_tender().lots[0], bids=(), items=_dark_items(), dark=(PartName.TECHNICAL,))
    tender = replace(_tender(), lots=(lot,))
    seats = (*_seats(), *_officers())
    return SessionTemplate(SessionId("YC-2026-0117"), tender, _sites(), seats, _sealing())


def _officers() -> tuple[Seat, ...]:
    seats = (
        ("SUP2", HOST, Role.SUPERVISOR, "监督席二"),
        ("SA2", SITE_A, Role.SITE_OPERATOR, "副场一开标员"),
        ("SA3", SITE_A, Role.SITE_OPERATOR, "副场一监督员"),
        ("SB2", SITE_B, Role.SITE_OPERATOR, "副场二开标员"),
        ("SB3", SITE_B, Role.SITE_OPERATOR, "副场二监督员"),
    )
    return tuple(Seat(SeatCode(code), site, site, role, label) for code, site, role, label in seats)


def _sealing() -> SealingTerms:
    """Two windows: documents after the deadline, prices once the technical sheets are open to the committee."""
    mib = 1 << 20
    return SealingTerms(
        deadline=UNSET_HOUR,
        mode=Mode.JOINT,
        k=3,
        suites=(0x01,),
        min_bids=3,
        max_size=64 * mib,
        windows=(
            Window(DOCUMENTS, FIRST_GATE, UNSET_HOUR, RELEASE_MS),
            Window(PRICES, SHEETS_GATE, None, RELEASE_MS),
        ),
        parts=(
            PartTerms(PartName.IDENTITY, DOCUMENTS, mib),
            PartTerms(PartName.OPENING, DOCUMENTS, mib),
            PartTerms(PartName.QUALIFICATION, DOCUMENTS, 8 * mib),
            PartTerms(PartName.TECHNICAL, DOCUMENTS, 32 * mib),
            PartTerms(PartName.PRICE, PRICES, mib),
        ),
    )


def _sites() -> tuple[Site, ...]:
    return (
        Site(HOST, "省公共资源交易中心（主场）", host=True, node=True),
        Site(SITE_A, "云川市公共资源交易中心（副场一）", host=False, node=True),
        Site(SITE_B, "禾泽市公共资源交易中心（副场二）", host=False, node=True),
    )


def _seats() -> tuple[Seat, ...]:
    seats = (
        ("E01", HOST, Role.EXPERT, "评标一室 1 号席"),
        ("E02", HOST, Role.EXPERT, "评标一室 2 号席"),
        ("E03", SITE_A, Role.EXPERT, "远程评标室 1 号席"),
        ("E04", SITE_A, Role.EXPERT, "远程评标室 2 号席"),
        ("E05", SITE_B, Role.EXPERT, "远程评标室 1 号席"),
        ("SUP1", HOST, Role.SUPERVISOR, "监督席"),
        ("OP", HOST, Role.OPERATOR, "主场操作员"),
        ("SA1", SITE_A, Role.SITE_OPERATOR, "副场一操作员"),
        ("SB1", SITE_B, Role.SITE_OPERATOR, "副场二操作员"),
        ("ARC1", HOST, Role.ARCHIVIST, "档案席"),
    )
    return tuple(Seat(SeatCode(code), site, site, role, label) for code, site, role, label in seats)


def _tender() -> Tender:
    lot = Lot(
        id=LotId("1"),
        title="智慧水务感知与调度平台建设",
        items=(*_preliminary(), *_technical(), *_commercial()),
        bids=(
            Bid(BidId("B1"), "澄源水务科技有限公司"),
            Bid(BidId("B2"), "远汇信息系统集成有限公司"),
            Bid(BidId("B3"), "蓝泓智能装备股份有限公司"),
            Bid(BidId("B4"), "禾川数据工程有限公司"),
        ),
        pricing=_pricing(),
        candidates=3,
    )
    return Tender("YCSW-2026-0117", "云川市智慧水务感知与调度平台建设项目", (lot,))


def _pricing() -> PriceFormula:
    """Four prices lose the highest and the lowest; a percent too dear costs twice a percent too cheap."""
    return trimmed_mean("30", above="1", below="0.5", ceiling_fen=3_880_000_00)


def _preliminary() -> tuple[Item, ...]:
    rows = (
        (
            "P1",
            Group.QUALIFICATION,
            "资格性：营业执照与资质",
            "营业执照在有效期内，经营范围覆盖本项目；具有信息系统建设和服务能力评估良好级（CS2）及以上证书。",
        ),
        (
            "P2",
            Group.QUALIFICATION,
            "资格性：信用与业绩",
            "未被列入失信被执行人名单；近三年至少有一项合同金额不低于 200 万元的水务信息化业绩，附合同关键页。",
        ),
        (
            "P3",
            Group.FORM,
            "形式：签章与格式",
            "投标函、授权委托书按招标文件格式填写，签字盖章齐全，投标文件页码连续、目录与正文一致。",
        ),
        (
            "P4",
            Group.RESPONSIVENESS,
            "响应性：工期、质保与付款",
            "工期不超过 240 日历天，质保期不少于 36 个月，接受招标文件的付款条件，无负偏离的实质性条款。",
        ),
    )
    return tuple(
        Item(
            ItemId(item),
            Part.PRELIMINARY,
            ItemKind.PASS,
            title,
            standard,
            "0",
            0,
            objective=True,
            group=group,
        )
        for item, group, title, standard in rows
    )


def _technical() -> tuple[Item, ...]:
    return (
        _score(
            "T1",
            "总体技术方案",
            "对感知、网络、平台、应用四层的设计完整，与现有调度中心衔接清楚：优 11—14 分，良 7—10.9 分，一般 0—6.9 分。",
            "14",
        ),
        _score(
            "T2",
            "管网监测与漏损分析",
            "分区计量方案合理，压力、流量、水质点位布设有计算依据，漏损定位精度有实测佐证：优 9—12 分，良 6—8.9 分，一般 0—5.9 分。",
            "12",
        ),
        _score(
            "T3",
            "数据治理与接口",
            "数据标准、主数据和接口目录齐全，与市级平台的共享交换方案可落地：优 8—10 分，良 5—7.9 分，一般 0—4.9 分。",
            "10",
        ),
        _score(
            "T4",
            "网络与数据安全",
            "按等级保护第三级设计，关键数据加密存储并可审计，有应急演练计划：优 7—9 分，良 4—6.9 分，一般 0—3.9 分。",
            "9",
        ),
        _score(
            "T5",
            "实施计划与团队",
            "里程碑清晰，关键路径有冗余，项目经理与技术负责人有同类项目经验：优 6—8 分，良 4—5.9 分，一般 0—3.9 分。",
            "8",
        ),
    )


def _commercial() -> tuple[Item, ...]:
    return (
        Item(
            ItemId("C1"),
            Part.DETAILED,
            ItemKind.CHOICE,
            "类似业绩",
            "近三年已验收的智慧水务项目，每提供一项得 2 分，最多 6 分；附合同与验收报告，缺一不计。",
            "6",
            0,
            objective=True,
            group=Group.COMMERCIAL,
            options=(
                Option("三项及以上", "6"),
                Option("两项", "4"),
                Option("一项", "2"),
                Option("无", "0"),
            ),
        ),
        _score(
            "C2",
            "售后服务与培训",
            "本地化服务响应时间、备品备件和培训安排：优 5—6 分，良 3—4.9 分，一般 0—2.9 分。",
            "6",
            Group.COMMERCIAL,
        ),
        Item(
            ItemId("C3"),
            Part.DETAILED,
            ItemKind.DEDUCT,
            "商务条款偏离",
            "满分 5 分；非实质性条款每有一处负偏离扣 1 分，扣完为止；扣分须写明条款号。",
            "5",
            1,
            objective=False,
            group=Group.COMMERCIAL,
        ),
    )


def _dark_items() -> tuple[Item, ...]:
    """Return a rubric of which every line can be judged without knowing whose the bid is."""
    rows = (
        (
            "P1",
            Group.FORM,
            "形式：暗标格式",
            "技术部分不出现投标人名称、标识、人员姓名和联系方式，页码连续，目录与正文一致。",
        ),
        (
            "P2",
            Group.RESPONSIVENESS,
            "响应性：工期",
            "技术部分承诺的总工期不超过 240 日历天，进度计划与之一致。",
        ),
        (
            "P3",
            Group.RESPONSIVENESS,
            "响应性：质保与响应",
            "质保期不少于 36 个月，一般故障到场时间不超过 8 小时。",
        ),
        (
            "P4",
            Group.RESPONSIVENESS,
            "响应性：建设内容",
            "覆盖感知、网络、平台、应用四层和数据接口，没有缺项。",
        ),
    )
    passes = (
        Item(
            ItemId(item),
            Part.PRELIMINARY,
            ItemKind.PASS,
            title,
            standard,
            "0",
            0,
            objective=True,
            group=group,
        )
        for item, group, title, standard in rows
    )
    return (
        *passes,
        *_technical(),
        Item(
            ItemId("C1"),
            Part.DETAILED,
            ItemKind.CHOICE,
            "监测点规模",
            "按技术部分所列监测点数量：1250 个及以上得 6 分，1000 至 1249 个得 4 分，800 至 999 个得 2 分，不足 800 个得 0 分。",
            "6",
            0,
            objective=True,
            group=Group.COMMERCIAL,
            options=(
                Option("1250 个及以上", "6"),
                Option("1000 至 1249 个", "4"),
                Option("800 至 999 个", "2"),
                Option("不足 800 个", "0"),
            ),
        ),
        _commercial()[1],
        Item(
            ItemId("C3"),
            Part.DETAILED,
            ItemKind.DEDUCT,
            "技术条款偏离",
            "满分 5 分；非实质性技术条款每有一处负偏离扣 1 分，扣完为止；扣分须写明条款号。",
            "5",
            1,
            objective=False,
            group=Group.COMMERCIAL,
        ),
    )


def _score(
    item: str,
    title: str,
    standard: str,
    full: str,
    group: Group = Group.TECHNICAL,
) -> Item:
    return Item(
        ItemId(item),
        Part.DETAILED,
        ItemKind.SCORE,
        title,
        standard,
        full,
        1,
        objective=False,
        group=group,
    )
