"""The scenarios that `evalroom demo` plays: which session, who bids at which price, and what goes otherwise than usual."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from evalroom.errors import Refusal
from evalroom.ids import BidId, SeatCode, SiteId
from evalroom.media import TrackKind
from main_site.rehearsal.bidding import Bidder
from main_site.rehearsal.expert import CALM, Temper
from main_site.sample import PRICES_FEN, SITE_A, sample_template, sealed_template
from main_site.sample_lots import (
    GOODS_PRICES_FEN,
    REJECTED,
    WORKS_PRICES_FEN,
    acceptance_template,
    procurement_template,
    works_template,
)
from main_site.template import SessionTemplate

OPERATOR_SEAT = SeatCode("OP")
OFFICERS = (OPERATOR_SEAT, *map(SeatCode, ("SUP2", "SA2", "SA3", "SB2", "SB3")))
"""Seats without a picture: they lead the session and step up when bids are opened."""

DESKS = (SeatCode("SA1"), SeatCode("SB1"))
"""Who confirms, for a sub-site, that its seats are held."""

PARTIES = (OPERATOR_SEAT, *map(SeatCode, ("SA2", "SB2", "SUP2")))
"""Parties of the draw of experts: the operator, who wrote the list, reveals first, the supervisor last."""

FREE_SEAT = SeatCode("E05")
"""Whose seat may be taken over from a browser, where no other is named."""

LATE_BIDDER = Bidder("远川智慧水务有限公司", 3_600_000_00, BidId("B4"), releases=False)
"""Seals and hands in like the others, and never releases: its bid is revoked, the others go on."""

CUT_S = 90
"""Seconds for which the link of a sub-site is cut (domain.md, acceptance)."""


class UnknownScenario(Refusal):
    """No scenario has this name: `evalroom demo --list` shows them all."""

    code = "unknown_scenario"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One play: its session, and what happens in it.

    `bidders` seal their bids; where there are none, `prices` (fen) are brought in with plain documents.  `staff` are
    seats without a picture; the others publish `tracks`, fewer where many members would keep two cores from anything
    else.  `answer` is what the bidder says whom the chair asks.  `cut` names the sub-site whose link is cut while sheets are filled in, `roster` asks for
    a draw of experts, `forged` for a forger's copy of the archive, whose detection is shown.
    """

    name: str
    title: str
    about: str
    template: Callable[[], SessionTemplate]
    bidders: tuple[Bidder, ...] = ()
    prices: Mapping[BidId, int] = field(default_factory=dict)
    temper: Temper = CALM
    staff: tuple[SeatCode, ...] = (OPERATOR_SEAT,)
    free_seat: SeatCode = FREE_SEAT
    tracks: tuple[TrackKind, ...] = (TrackKind.CAMERA, TrackKind.SCREEN)
    answer: str = ""
    cut: SiteId | None = None
    roster: bool = False
    forged: bool = False


def _usual_bidders() -> tuple[Bidder, ...]:
    (lot,) = sample_template().tender.lots
    first, *others = (Bidder(bid.bidder, PRICES_FEN[bid.id], bid.id) for bid in lot.bids)
    return (replace(first, on_paper=True), *others, LATE_BIDDER)


def _nine_bidders() -> tuple[Bidder, ...]:
    more = (
        ("安澜水务科技股份有限公司", 3_512_400_00, "B5"),
        ("润泽智控系统有限公司", 3_698_000_00, "B6"),
        ("瀚海数据工程有限公司", 3_476_900_00, "B7"),
        ("清渠信息技术有限公司", 3_731_500_00, "B8"),
    )
    return (*_usual_bidders(), *(Bidder(name, fen, BidId(like)) for name, fen, like in more))


_SCENARIOS = (
    Scenario(
        "sealed",
        "密封投标，暗标，两次开标",
        "sealed bids, a dark lot, two windows",
        sealed_template,
        bidders=_usual_bidders(),
        staff=OFFICERS,
    ),
    Scenario(
        "works",
        "施工招标两个标段：一家否决，F13 去极值，一个标段票决",
        "a works tender of two lots: one rejection, F13, one lot awarded by vote",
        works_template,
        prices=WORKS_PRICES_FEN,
        tracks=(TrackKind.CAMERA,),
        temper=Temper(fails={REJECTED: "安全生产许可证已过有效期,未提供延期证明。"}),
    ),
    Scenario(
        "procurement",
        "政府采购货物：低价优先法",
        "government procurement of goods, lowest price first",
        procurement_template,
        prices=GOODS_PRICES_FEN,
        tracks=(TrackKind.CAMERA,),
    ),
    Scenario(
        "acceptance",
        "验收：三地五评委九家投标，未解密、回避补抽、断线、畸低评分、篡改检出",
        "acceptance: 3 sites, 5 experts, 9 bidders; a failed unsealing, a recusal, a cut link, a forgery",
        acceptance_template,
        bidders=_nine_bidders(),
        temper=Temper(
            severe={"E02": 1},
            recuses={"E05": "本人近三年曾在一家投标人任职,申请回避。"},
            asks="请说明漏损定位精度的测试条件和依据。",
        ),
        staff=(*OFFICERS, *DESKS),
        tracks=(TrackKind.CAMERA,),
        free_seat=SeatCode("E04"),
        answer="测试在压力 0.35 兆帕、管径 300 毫米的试验管段进行,共 60 次,定位误差见技术部分第六章。",
        cut=SITE_A,
        roster=True,
        forged=True,
    ),
)

SCENARIOS: Mapping[str, Scenario] = {one.name: one for one in _SCENARIOS}
"""Name to scenario, in the order of `--list`; the first is played when none is chosen."""

USUAL = _SCENARIOS[0].name


def find_scenario(name: str) -> Scenario:
    """Return a scenario.

    Raises:
        UnknownScenario: there is none of that name.
    """
    if name not in SCENARIOS:
        raise UnknownScenario(name=name[:40], known=", ".join(SCENARIOS))
    return SCENARIOS[name]
