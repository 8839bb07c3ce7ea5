"""The bid documents of the sample session: eleven pages each, with text, tables and figures that experts can judge.

The four bids differ where the rubric looks: figures, cases, staff, deviations.  No price stands in them; prices
are brought in beside the documents.  Everything is made up.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from evalroom.ids import BidId
from evalroom.tender import Bid
from main_site.sample import sample_template
from main_site.sample_pdf import HEIGHT, WIDTH, Booklet, Font, Page, Picture, sample_font, wrap

_LEFT, _RIGHT, _TOP = 64, WIDTH - 64, HEIGHT - 96
_BODY = 11.0
_LEADING = 19.0
_PALE, _BLUE, _GREEN = (0.93, 0.95, 0.98), (0.55, 0.69, 0.87), (0.62, 0.82, 0.66)


@dataclass(frozen=True, slots=True)
class Offer:
    """What one bidder offers: the figures that its document is built from."""

    days: int
    warranty: int
    answer_hours: int
    partitions: int
    sensors: int
    leak_metres: int
    interfaces: int
    leakage: tuple[float, ...]
    team: tuple[tuple[str, str, int], ...]
    cases: tuple[tuple[str, str, int], ...]
    deviations: tuple[tuple[str, str, str], ...]
    strength: str
    weakness: str


_NONE = (("—", "全部商务条款", "无偏离"),)

OFFERS: Mapping[BidId, Offer] = {
    BidId("B1"): Offer(
        days=210,
        warranty=48,
        answer_hours=2,
        partitions=46,
        sensors=1_280,
        leak_metres=15,
        interfaces=38,
        leakage=(14.8, 13.1, 11.6, 10.4, 9.5, 8.9),
        team=(
            ("项目经理", "高级工程师", 16),
            ("技术负责人", "高级工程师", 14),
            ("数据架构师", "工程师", 9),
            ("安全工程师", "工程师", 8),
        ),
        cases=(
            ("东陵市供水管网漏损控制平台", "2024-06", 412),
            ("白石县城乡供水一体化监测系统", "2025-03", 265),
            ("青原新区智慧水务一期", "2025-11", 538),
        ),
        deviations=_NONE,
        strength="分区计量与水力模型双重校核，已在三个城市连续运行两年以上",
        weakness="部分边缘设备为新型号，首批到货需安排厂内联调",
    ),
    BidId("B2"): Offer(
        days=230,
        warranty=36,
        answer_hours=4,
        partitions=40,
        sensors=1_120,
        leak_metres=20,
        interfaces=45,
        leakage=(14.8, 13.6, 12.5, 11.5, 10.8, 10.1),
        team=(
            ("项目经理", "高级工程师", 12),
            ("技术负责人", "高级工程师", 15),
            ("数据架构师", "高级工程师", 11),
            ("安全工程师", "工程师", 6),
        ),
        cases=(
            ("临江市政务数据共享交换平台（水务分册）", "2023-12", 320),
            ("南屏市水务调度中心改造", "2025-05", 356),
        ),
        deviations=(("7.3", "备品备件库设在邻市，到货不超过 8 小时", "负偏离"),),
        strength="数据标准与主数据体系完整，接口目录逐项对应市级平台的交换要求",
        weakness="漏损定位依赖第三方算法组件，须在实施阶段复核精度",
    ),
    BidId("B3"): Offer(
        days=240,
        warranty=36,
        answer_hours=8,
        partitions=32,
        sensors=860,
        leak_metres=35,
        interfaces=26,
        leakage=(14.8, 14.0, 13.2, 12.4, 11.9, 11.4),
        team=(
            ("项目经理", "工程师", 8),
            ("技术负责人", "工程师", 10),
            ("数据架构师", "工程师", 5),
            ("安全工程师", "助理工程师", 3),
        ),
        cases=(("蓝湾工业园供水监测系统", "2024-09", 214),),
        deviations=(
            ("5.2", "进度款按月支付，比例高于招标文件 5%", "负偏离"),
            ("7.1", "非工作日响应时间延长至 24 小时", "负偏离"),
        ),
        strength="采用自产传感设备，供货周期短，单点成本低",
        weakness="分区数量偏少，老城区支管的监测密度低于其他区域",
    ),
    BidId("B4"): Offer(
        days=225,
        warranty=42,
        answer_hours=3,
        partitions=44,
        sensors=1_190,
        leak_metres=18,
        interfaces=41,
        leakage=(14.8, 13.3, 12.0, 10.9, 10.0, 9.3),
        team=(
            ("项目经理", "高级工程师", 13),
            ("技术负责人", "高级工程师", 12),
            ("数据架构师", "工程师", 10),
            ("安全工程师", "高级工程师", 9),
        ),
        cases=(
            ("禾泽市水质在线监测平台", "2024-04", 298),
            ("平远市供水调度与应急指挥系统", "2025-08", 467),
            ("清溪县农村饮水安全信息化", "2025-10", 231),
        ),
        deviations=(("6.4", "培训改为线上线下结合，总课时不变", "负偏离"),),
        strength="应急指挥与调度一体，具备爆管情景推演和方案比选能力",
        weakness="历史数据迁移范围需在需求调研后进一步确认",
    ),
}


def _varied(number: int) -> Offer:
    """Return an offer like one of those above, with figures of its own."""
    like = OFFERS[BidId(f"B{number % 4 + 1}")]
    return replace(
        like,
        days=like.days - number,
        warranty=36 + number,
        partitions=like.partitions - number % 5,
        sensors=like.sensors + 17 * number,
        leak_metres=like.leak_metres + number % 4,
        interfaces=like.interfaces - number % 6,
    )


ALL_OFFERS: Mapping[BidId, Offer] = {**OFFERS} | {
    BidId(f"B{number}"): _varied(number) for number in range(5, 10)
}
"""What each bidder offers: the four of the sample, and five more with figures of their own."""


def bid_documents() -> dict[BidId, bytes]:
    """Return the PDF of each bid of the sample session; takes about half a second."""
    lot = sample_template().tender.lots[0]
    font = sample_font()
    return {bid.id: _document(bid, OFFERS[bid.id], font).to_bytes() for bid in lot.bids}


NOBODY = Bid(BidId("—"), "投标人")
"""Whose name stands in a dark document."""

CARELESS = BidId("B3")
"""A document like this one tells its bidder in the file's title, as office programs do: readers never see it."""


def qualification_document(bid: Bid, like: BidId) -> bytes:
    """Return the PDF by which a bidder proves who it is; `like` says whose figures it has."""
    return _document(bid, ALL_OFFERS[like], sample_font(), _QUALIFICATION).to_bytes()


def dark_document(bid: Bid, like: BidId) -> bytes:
    """Return the technical PDF of a dark bid: it names nobody, and has a survey of the ground, 4 MB in all."""
    booklet = _document(NOBODY, ALL_OFFERS[like], sample_font(), _TECHNICAL)
    booklet.title = f"{bid.bidder} 投标文件" if like == CARELESS else "技术部分"
    page = booklet.add_page()
    booklet.bookmark("附图　管网分区地形测量图")
    page.text(_LEFT, _TOP, 16, "附图　管网分区地形测量图", bold=True)
    page.picture = Picture(_survey(like), *_SURVEY_DOTS, (_LEFT, 90, _RIGHT - _LEFT, _TOP - 120))
    return booklet.to_bytes()


_SURVEY_DOTS = (1_800, 2_500)


def _survey(seed: str) -> bytes:
    """Draw ground with contour lines, as grainy as a scan: noise is what makes a file that no compression shrinks."""
    import numpy as np

    width, height = _SURVEY_DOTS
    dice = np.random.default_rng(list(seed.encode()))
    x, y = np.meshgrid(np.linspace(0, 6, width), np.linspace(0, 8, height))
    hills = sum(
        np.cos(x * fx + phase) * np.sin(y * fy - phase)
        for fx, fy, phase in dice.uniform((0.3, 0.3, 0), (1.6, 1.6, 6), (5, 3))
    )
    lines = np.abs(hills * 6 - np.round(hills * 6)) < 0.06
    ground = 225 + 8 * hills - 110 * lines + dice.normal(0, 9, (height, width))
    return bytes(np.clip(ground, 0, 255).astype(np.uint8).tobytes())


Chapter = Callable[["RunningText", Bid, Offer], None]


def _document(bid: Bid, offer: Offer, font: Font, chapters: Sequence[Chapter] = ()) -> Booklet:
    text = RunningText(Booklet(font, f"{bid.bidder} 投标文件"), bid.bidder)
    _cover(text, bid)
    for chapter in chapters or _CHAPTERS:
        chapter(text, bid, offer)
    return text.booklet


class RunningText:
    """The running text of a document: it knows the page, and how far down it has come."""

    def __init__(self, booklet: Booklet, bidder: str) -> None:
        """Begin a text of this bidder in an empty booklet."""
        self.booklet = booklet
        self.bidder = bidder
        self.y: float = _TOP

    @property
    def page(self) -> Page:
        """Return the page that is written on."""
        return self.booklet.pages[-1]

    def chapter(self, title: str) -> None:
        """Begin a chapter on a new page, with running head, page number and bookmark."""
        page = self.booklet.add_page()
        self.booklet.bookmark(title)
        page.text(_LEFT, HEIGHT - 52, 9, self.bidder, grey=0.35)
        page.line(_LEFT, HEIGHT - 58, _RIGHT, HEIGHT - 58)
        page.centred(WIDTH / 2, 44, 9, f"第 {len(self.booklet.pages)} 页")
        page.text(_LEFT, _TOP, 16, title, bold=True)
        self.y = _TOP - 34

    def section(self, title: str) -> None:
        """Write a heading."""
        self.y -= 6
        self.page.text(_LEFT, self.y, 12.5, title, bold=True)
        self.y -= _LEADING + 4

    def paragraph(self, words: str) -> None:
        """Write a paragraph, broken into lines; it has to fit the page."""
        for line in wrap(self.booklet.font, "　　" + words, _BODY, _RIGHT - _LEFT):
            self.page.text(_LEFT, self.y, _BODY, line)
            self.y -= _LEADING
        self.y -= 5

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[float]) -> None:
        """Draw a table whose columns take the given shares of the width."""
        total = _RIGHT - _LEFT
        for number, row in enumerate((head, *rows)):
            x: float = _LEFT
            for cell, share in zip(row, widths, strict=True):
                self.page.box(x, self.y - 8, total * share, 24, (1, 1, 1) if number else _PALE)
                self.page.text(x + 6, self.y, 10, cell, bold=number == 0)
                x += total * share
            self.y -= 24
        self.y -= 16


def _cover(text: RunningText, bid: Bid) -> None:
    tender = sample_template().tender
    page = text.booklet.add_page()
    text.booklet.bookmark("封面")
    middle = WIDTH / 2
    page.centred(middle, 690, 20, tender.title, bold=True)
    page.centred(middle, 650, 13, f"项目编号：{tender.code}　标段：{tender.lots[0].id}")
    page.centred(middle, 520, 34, "投标文件", bold=True)
    page.centred(middle, 480, 14, "（资格、商务与技术部分）")
    page.line(150, 300, WIDTH - 150, 300)
    if bid != NOBODY:
        page.centred(middle, 270, 15, f"投标人：{bid.bidder}（盖章）")
        page.centred(middle, 240, 13, f"投标编号：{bid.id}")
    page.centred(middle, 140, 10, "样例文件，公司、人员与数据均为虚构，仅供演示")


def _letter(text: RunningText, bid: Bid, offer: Offer) -> None:
    text.chapter("一、投标函")
    text.paragraph("致：云川市水务建设管理中心")
    text.paragraph(
        f"{bid.bidder}已仔细研究招标文件的全部内容，愿意按照招标文件的要求承担本项目的设计、供货、安装、调试、"
        "培训和质量保证，并接受招标文件规定的合同条件。投标总价见单独递交的开标一览表，本文件不含报价。"
    )
    text.paragraph(
        f"我方承诺：自合同签订之日起 {offer.days} 个日历天内完成全部工作并通过验收；质量保证期为 {offer.warranty} 个月；"
        "投标有效期为投标截止之日起 90 天；在此期间本投标函对我方具有约束力。"
    )
    text.paragraph(
        "我方未被列入失信被执行人名单，近三年无重大违法记录，与招标人、招标代理机构不存在利害关系。"
    )
    text.section("承诺要点")
    rows = (
        ("工期", f"{offer.days} 日历天", "不超过 240 日历天"),
        ("质保期", f"{offer.warranty} 个月", "不少于 36 个月"),
        ("故障响应", f"{offer.answer_hours} 小时到场", "不超过 8 小时"),
        ("投标有效期", "90 天", "90 天"),
    )
    text.table(("事项", "我方承诺", "招标文件要求"), rows, (0.3, 0.35, 0.35))
    text.paragraph("法定代表人或其委托代理人（签字）：　　　　　　　　　　日期：2026 年 11 月 2 日")


def _qualification(text: RunningText, bid: Bid, _: Offer) -> None:
    text.chapter("二、资格证明文件")
    text.paragraph("以下证照均在有效期内，复印件加盖公章附后，原件备查。")
    rows = (
        ("营业执照", "经营范围含信息系统集成、水务信息化", "长期"),
        ("信息系统建设和服务能力", "良好级（CS2）", "2028-05"),
        ("质量管理体系认证", "覆盖软件开发与系统集成", "2027-09"),
        ("信息安全管理体系认证", "覆盖运维服务", "2027-12"),
        ("安全生产许可证", "机电安装", "2028-01"),
    )
    text.table(("证照", "内容", "有效期至"), rows, (0.36, 0.44, 0.2))
    text.section("法定代表人授权委托书")
    text.paragraph(
        f"本授权委托书声明：{bid.bidder}法定代表人授权本公司在职员工为委托代理人，以本公司名义签署、澄清、递交、撤回、"
        "修改本项目投标文件，签订合同和处理有关事宜，其法律后果由我方承担。委托代理人无转委托权。"
    )
    text.paragraph("委托期限：自本委托书签署之日起至合同签订之日止。")


def _deviations(text: RunningText, _: Bid, offer: Offer) -> None:
    text.chapter("三、商务条款响应表")
    text.paragraph("对招标文件第三章商务条款逐条响应如下；表中未列出的条款完全响应。")
    text.table(("条款", "我方响应", "偏离"), offer.deviations, (0.15, 0.6, 0.25))
    text.section("付款与履约")
    text.paragraph(
        "除上表所列外，接受招标文件的付款条件：合同签订后支付预付款，到货验收、初步验收和最终验收后分别支付进度款，"
        "质保期满无质量问题后支付余款。履约保证金以银行保函形式提交。"
    )
    text.paragraph("知识产权：本项目形成的全部定制软件、文档和数据归招标人所有，我方保证不侵犯第三方权利。")


def _references(text: RunningText, _: Bid, offer: Offer) -> None:
    text.chapter("四、类似项目业绩")
    rows = [(name, accepted, f"{amount} 万元") for name, accepted, amount in offer.cases]
    text.table(("项目名称", "验收时间", "合同金额"), rows, (0.56, 0.2, 0.24))
    text.paragraph("上述项目的合同关键页和验收报告见附件，业主联系人可供核实。")
    for name, accepted, _amount in offer.cases:
        text.section(name)
        text.paragraph(
            f"建设内容包括现场感知设备、数据采集与治理、调度应用三部分，于 {accepted} 通过最终验收，目前运行稳定。"
            "与本项目的相同点：管网分区计量、压力与流量在线监测、与上级平台的数据交换。"
        )


def _solution(text: RunningText, _: Bid, offer: Offer) -> None:
    text.chapter("五、总体技术方案")
    text.paragraph(
        "方案按感知、网络、平台、应用四层建设，充分利用调度中心现有机房、专线和视频资源，新旧系统并行三个月后切换。"
        f"本方案的特点是{offer.strength}。"
    )
    layers = (
        ("应用层", "调度一张图　漏损分析　水质预警　应急指挥　移动巡检"),
        ("平台层", "数据治理　模型计算　统一身份　消息与接口　运维监控"),
        ("网络层", "政务外网　行业专线　无线公网（加密）"),
        ("感知层", f"压力　流量　水质　视频　共 {offer.sensors} 个监测点"),
    )
    for number, (name, words) in enumerate(layers):
        y = text.y - 44 * (number + 1)
        text.page.box(_LEFT, y, 76, 38, _BLUE)
        text.page.text(_LEFT + 18, y + 14, 11, name, bold=True)
        text.page.box(_LEFT + 82, y, _RIGHT - _LEFT - 82, 38, _PALE)
        text.page.text(_LEFT + 94, y + 14, 10.5, words)
    text.y -= 44 * len(layers) + 16
    text.page.centred(WIDTH / 2, text.y, 10, "图 1　总体架构")
    text.y -= 28
    text.paragraph(
        "各层之间只通过接口目录中登记的服务交互，任一应用停用不影响数据采集；关键服务双机部署，故障切换不超过 30 秒。"
    )
    text.paragraph(f"需要说明的是，{offer.weakness}，相应的应对措施见实施计划。")


def _monitoring(text: RunningText, _: Bid, offer: Offer) -> None:
    text.chapter("六、管网监测与漏损分析")
    text.paragraph(
        f"全市供水管网划分为 {offer.partitions} 个计量分区，分区边界结合水力模型计算和现场调查确定；夜间最小流量与水量平衡"
        f"两种方法相互校核，漏点定位误差不大于 {offer.leak_metres} 米。"
    )
    text.section("漏损率预测")
    _bars(text, offer.leakage)
    text.paragraph(
        f"按半年一期估算，漏损率由现状 {offer.leakage[0]}% 降至 {offer.leakage[-1]}%。预测依据为同类项目实测数据，"
        "已扣除用水量季节变化的影响。"
    )
    text.section("水质与压力")
    text.paragraph(
        "余氯、浊度、酸碱度和电导率每五分钟采集一次，越限后一分钟内推送；压力突变采用高频采样，用于爆管预警。"
    )


def _bars(text: RunningText, values: Sequence[float]) -> None:
    base, step = text.y - 150, (_RIGHT - _LEFT) / len(values)
    for number, value in enumerate(values):
        x, height = _LEFT + step * number + 14, value * 8.5
        text.page.box(x, base, step - 28, height, _GREEN if number else _BLUE)
        text.page.centred(x + (step - 28) / 2, base + height + 5, 10, f"{value}%")
        text.page.centred(x + (step - 28) / 2, base - 15, 9, "现状" if number == 0 else f"第 {number} 期")
    text.page.line(_LEFT, base, _RIGHT, base)
    text.page.centred(WIDTH / 2, base - 34, 10, "图 2　分期漏损率")
    text.y = base - 60


def _data(text: RunningText, _: Bid, offer: Offer) -> None:
    text.chapter("七、数据治理与接口")
    text.paragraph(
        f"建立水务数据标准、主数据和接口目录，首批登记接口 {offer.interfaces} 个，覆盖营收、地理信息、水厂控制、视频和市级"
        "数据共享平台。接口均有版本、限流和审计，变更须经评审。"
    )
    rows = (
        ("营业收费", "用户、表计、抄表", "每日", "读取"),
        ("地理信息", "管线、阀门、分区", "变更时", "读写"),
        ("水厂控制", "出厂流量、压力、水质", "每分钟", "读取"),
        ("市级共享平台", "统计指标、预警事件", "实时", "推送"),
    )
    text.table(("系统", "数据", "频率", "方式"), rows, (0.25, 0.41, 0.17, 0.17))
    text.section("数据质量")
    text.paragraph(
        "对完整性、及时性和一致性逐日评分，低于 95 分的数据源自动生成工单；历史数据迁移前后逐表核对行数与合计值。"
    )
    text.paragraph("所有时间以统一授时为准，设备时钟偏差超过两秒即告警，避免跨系统分析时出现先后颠倒。")


def _security(text: RunningText, _: Bid, _offer: Offer) -> None:
    text.chapter("八、网络与数据安全")
    text.paragraph("按照网络安全等级保护第三级设计，控制网与办公网物理隔离，跨网数据只经单向装置导出。")
    rows = (
        ("身份", "统一认证，关键操作双人复核"),
        ("传输", "全程加密，设备证书一机一证"),
        ("存储", "敏感字段加密，密钥由硬件保管"),
        ("审计", "操作日志不可修改，保存不少于六个月"),
        ("备份", "每日增量、每周全量，异地保存"),
    )
    text.table(("方面", "措施"), rows, (0.2, 0.8))
    text.section("应急演练")
    text.paragraph(
        "上线前进行渗透测试和一次断网演练；运行期每半年演练一次，内容包括勒索软件、专线中断和数据误删，演练报告提交招标人。"
    )


def _plan(text: RunningText, _: Bid, offer: Offer) -> None:
    text.chapter("九、实施计划与团队")
    text.paragraph(f"总工期 {offer.days} 日历天，关键路径为设备到货与分区阀门改造，预留不少于 15 天的余量。")
    shares = (
        ("需求调研", 0.0, 0.14),
        ("设备供货安装", 0.1, 0.55),
        ("平台开发", 0.12, 0.62),
        ("联调与试运行", 0.58, 0.88),
        ("培训与验收", 0.84, 1.0),
    )
    left, width = _LEFT + 96, _RIGHT - _LEFT - 96
    for name, begin, end in shares:
        text.page.text(_LEFT, text.y - 12, 10.5, name)
        text.page.box(left + width * begin, text.y - 18, width * (end - begin), 18, _BLUE)
        words = f"{round(offer.days * begin)}—{round(offer.days * end)} 天"
        text.page.text(left + width * begin + 5, text.y - 13, 9, words)
        text.y -= 27
    text.page.centred(WIDTH / 2, text.y - 12, 10, "图 3　进度计划")
    text.y -= 42
    rows = [(role, title, f"{years} 年") for role, title, years in offer.team]
    text.table(("岗位", "职称", "从业年限"), rows, (0.4, 0.35, 0.25))
    text.paragraph(
        "以上人员均为本单位在职员工，合同期内不更换；确需更换的，须经招标人书面同意，且资历不低于原人员。"
    )


def _service(text: RunningText, _: Bid, offer: Offer) -> None:
    text.chapter("十、售后服务与培训")
    text.paragraph(
        f"质保期 {offer.warranty} 个月，全天候电话响应，一般故障 {offer.answer_hours} 小时内到场，重大故障 24 小时内恢复运行；"
        "每季度现场巡检一次并提交报告。"
    )
    rows = (
        ("调度人员", "日常监视、预警处置", "16 课时"),
        ("管网维护人员", "设备更换、移动巡检", "12 课时"),
        ("系统管理员", "备份恢复、账号与审计", "24 课时"),
    )
    text.table(("对象", "内容", "课时"), rows, (0.3, 0.45, 0.25))
    text.paragraph("培训结束进行考核，合格率达到 95% 以上；培训教材、录像和操作手册一并移交。")


_QUALIFICATION: tuple[Chapter, ...] = (_letter, _qualification, _deviations, _references)
_TECHNICAL: tuple[Chapter, ...] = (_solution, _monitoring, _data, _security, _plan, _service)
_CHAPTERS = (*_QUALIFICATION, *_TECHNICAL)
