"""One fact of each kind that questions, more time, faults and complaints lead to."""

from evalroom.clarification import (
    AnswerEntered,
    QuestionAnswered,
    QuestionDrafted,
    QuestionRelayed,
    QuestionSent,
    QuestionUnanswered,
)
from evalroom.complaint import ComplaintClosed, ComplaintOpened, SupplementSigned
from evalroom.faults import FaultDeclared, FaultMended, FaultSettled, Way
from evalroom.more_time import MoreTimeAsked, MoreTimeGranted
from tests.evalroom.room import BIDS, LOT, START, WEST

FACTS = (
    QuestionDrafted("q1", LOT, BIDS[0], "Which crane is meant on page 12?"),
    QuestionSent("q1", "00" * 32),
    QuestionRelayed("q1", START + 7_200_000),
    QuestionAnswered("q1", "The one of 50 t.", "c2ln", ()),
    AnswerEntered("q1", "The one of 50 t."),
    QuestionUnanswered("q1"),
    MoreTimeAsked("forty bids in one day"),
    MoreTimeGranted(START + 7_200_000, "the tenderer agreed by telephone"),
    FaultDeclared("f1", WEST, "no power"),
    FaultMended("f1", "the generator runs"),
    FaultSettled("f1", Way.PUT_OFF, START + 86_400_000, "tomorrow at eight"),
    ComplaintOpened(1, "the crane of bidder 2"),
    SupplementSigned(1, "00" * 32, "We read page 12 again; our points stand."),
    ComplaintClosed(1, "answered in writing"),
)
