"""Documents of the bids of any sample lot: written from its rubric, so that experts find what each line asks for.

Figures are drawn from the bid's own id: the same bid says the same every time, and no two say all the same.
"""

import random

from evalroom.tender import Bid, Item, ItemKind, Lot, Part, Tender
from main_site.sample_bids import RunningText
from main_site.sample_pdf import HEIGHT, WIDTH, Booklet, Font, sample_font

_MERITS = (
    "方案经现场踏勘后编制，关键工序附有计算书和进度横道图。",
    "投入的主要设备均为自有，已在三个同类项目中使用。",
    "质量、安全和环境管理体系认证齐全，近三年无责任事故。",
    "项目组成员自始至终参与同类项目，名单和证书见附件。",
    "对招标文件提出的难点逐条说明了对策和责任人。",
)
_LIMITS = (
    "个别材料需外地采购，已在计划中预留运输时间。",
    "夜间作业人数偏少，遇工期紧张时由备用班组补充。",
    "部分附件为扫描件，原件备查。",
    "备品备件库设在邻市，到货时间不超过一天。",
)


def offer_document(tender: Tender, lot: Lot, bid: Bid) -> bytes:
    """Return the PDF of a bid of a lot: cover, letter, commitments, and what it says to each item of the rubric."""
    return _write(sample_font(), tender, lot, bid).to_bytes()


def _write(font: Font, tender: Tender, lot: Lot, bid: Bid) -> Booklet:
    dice = random.Random(f"{lot.id}/{bid.id}/{bid.bidder}")  # noqa: S311 - the same document every time
    text = RunningText(Booklet(font, f"{bid.bidder} 投标文件"), bid.bidder)
    _cover(text, tender, lot, bid)
    text.chapter("一、投标函")
    text.paragraph(
        f"{bid.bidder}已仔细研究招标文件的全部内容，愿意按照招标文件的要求承担{lot.title}，并接受招标文件规定的合同条件。"
        "投标总价见单独递交的开标一览表，本文件不含报价。"
    )
    rows = [
        ("完成时间", f"{dice.randrange(30, 45)} 日历天内完成准备", "满足"),
        ("质量标准", "合格，一次验收通过", "满足"),
        ("投标有效期", "投标截止之日起 90 天", "满足"),
    ]
    text.table(("事项", "我方承诺", "招标文件要求"), rows, (0.25, 0.5, 0.25))
    text.chapter("二、资格与响应性证明")
    for item in (one for one in lot.items if one.part is Part.PRELIMINARY):
        text.section(item.title)
        text.paragraph(f"{item.standard}证明材料附后，原件备查。")
    for number, item in enumerate(one for one in lot.items if one.part is Part.DETAILED):
        if number % 3 == 0:
            text.chapter(f"{'三四五'[number // 3]}、评审内容响应（{'一二三'[number // 3]}）")
        _answer(text, item, dice)
    return text.booklet


def _cover(text: RunningText, tender: Tender, lot: Lot, bid: Bid) -> None:
    page = text.booklet.add_page()
    text.booklet.bookmark("封面")
    middle = WIDTH / 2
    page.centred(middle, HEIGHT - 152, 18, tender.title, bold=True)
    page.centred(middle, HEIGHT - 190, 12, f"项目编号：{tender.code}　{lot.title}")
    page.centred(middle, 520, 34, "投标文件", bold=True)
    page.centred(middle, 270, 15, f"投标人：{bid.bidder}（盖章）")
    page.centred(middle, 240, 13, f"投标编号：{bid.id}")
    page.centred(middle, 140, 10, "样例文件，公司、人员与数据均为虚构，仅供演示")


def _answer(text: RunningText, item: Item, dice: random.Random) -> None:
    text.section(item.title)
    if item.kind is ItemKind.CHOICE:
        named = dice.choice(item.options).name
        text.paragraph(f"{item.standard}我方提供的材料：{named}，清单与证明文件见附件。")
        return
    text.paragraph(dice.choice(_MERITS))
    text.table(
        ("负责人", "投入人数", "从业年限"),
        [
            (
                dice.choice(("高级工程师", "工程师")),
                f"{dice.randrange(4, 26)} 人",
                f"{dice.randrange(5, 22)} 年",
            )
        ],
        (0.4, 0.3, 0.3),
    )
    text.paragraph(dice.choice(_LIMITS))
