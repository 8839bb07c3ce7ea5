"""What a recorder tells: the journal's recording events, and alarms for a person's eye.

Events go into the journal as they are; an alarm is turned into `AlarmRaised` by whoever knows its number.
"""

from collections.abc import Callable
from dataclasses import dataclass

from evalroom.events import RecordingEvent
from evalroom.ids import TrackId


@dataclass(frozen=True, slots=True)
class RecorderAlarm:
    """Something about one track's recording needs a person; `code` is stable, `detail` for the log."""

    track: TrackId
    code: str
    detail: str


RecorderFact = RecordingEvent | RecorderAlarm
"""What a capture hands to its `emit`."""

Emit = Callable[[RecorderFact], None]
"""Takes one fact; always called from the event loop's thread, in order."""
