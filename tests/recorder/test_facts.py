"""What a recorder tells."""

from typing import get_args

from evalroom.events import EVENTS, RecordingEvent
from recorder.facts import RecorderAlarm, RecorderFact


def test_every_fact_but_the_alarm_is_an_event_of_the_journal() -> None:
    kinds = set(get_args(RecorderFact)) - {RecorderAlarm}
    assert kinds == set(get_args(RecordingEvent))
    assert kinds <= set(EVENTS.values())
