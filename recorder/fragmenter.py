"""Cuts a stream of samples into fragments: at key frames, after a second at most, and before every hole.

A sample's length is the distance to the next one only when nothing is missing between them; before a hole,
and at the end of a fragment, it is what that medium's samples last.  So a hole lies between two fragments
and is seen in the file as well as in the journal.
"""

from dataclasses import dataclass, field, replace

from evalroom.media import Medium
from recorder.fmp4 import RATES, Draft, Sample, micros

LONGEST_US = 1_000_000
"""A fragment's longest picture time: what a killed recorder loses (trust.md row 13)."""

_SOUND_PATIENCE_US = 250_000
"""How far sound may run ahead of the picture in a fragment before it is taken for stopped."""

_STILL_US = 100_000
"""Sound alone for this long is told as such; half of what a verifier calls a hole (docs/spec/archive.md, step 10)."""

_NOMINAL = {Medium.VIDEO: RATES[Medium.VIDEO] // 30, Medium.AUDIO: RATES[Medium.AUDIO] // 50}
_LONGEST_NOMINAL_US = 200_000


@dataclass(slots=True)
class _Lane:
    """The samples of one medium that are not yet in a fragment."""

    medium: Medium
    samples: list[Sample] = field(default_factory=list)
    nominal: int = 0
    end: int = 0

    def add(self, sample: Sample, *, contiguous: bool) -> None:
        if self.samples and contiguous:
            last = self.samples[-1]
            self.samples[-1] = replace(last, duration=sample.dts - last.dts)
        duration = sample.duration or self.nominal or _NOMINAL[self.medium]
        self.samples.append(replace(sample, duration=duration))
        self.end = sample.dts + duration

    def learn(self, distance: int) -> None:
        if 0 < micros(self.medium, distance) <= _LONGEST_NOMINAL_US:
            self.nominal = distance

    def start_us(self) -> int:
        return micros(self.medium, self.samples[0].dts)

    def end_us(self) -> int:
        return micros(self.medium, self.end)

    def take_before(self, end_us: int | None) -> tuple[Sample, ...]:
        kept = [s for s in self.samples if end_us is not None and micros(self.medium, s.dts) >= end_us]
        taken = tuple(self.samples[: len(self.samples) - len(kept)])
        self.samples = kept
        return taken


class Fragmenter:
    """Collects the samples of one reel and hands out drafts of fragments.  Times of a medium must grow."""

    def __init__(self, longest_us: int = LONGEST_US) -> None:
        """Begin an empty reel whose fragments last `longest_us` at most."""
        self._longest = longest_us
        self._lanes = {medium: _Lane(medium) for medium in Medium}

    def end_us(self) -> int:
        """Return where the last sample ends, µs from the start of the reel; of both media the later."""
        return max(lane.end_us() for lane in self._lanes.values())

    def end_of(self, medium: Medium) -> int:
        """Return where the last sample of a medium ends, µs from the start of the reel."""
        return self._lanes[medium].end_us()

    def holds(self) -> bool:
        """Say whether samples wait that are in no fragment yet."""
        return any(lane.samples for lane in self._lanes.values())

    def add(self, medium: Medium, sample: Sample, *, contiguous: bool) -> list[Draft]:
        """Take a sample; `contiguous` says that nothing is missing since the one before of its medium."""
        lane = self._lanes[medium]
        if contiguous and lane.samples:
            distance = sample.dts - lane.samples[-1].dts
            lane.learn(distance)
        drafts: list[Draft] = []
        if (lane.samples and not contiguous) or self._is_sound_ahead(medium, sample):
            drafts = self.flush()
        elif self._is_full(medium, sample):
            self.last_until(medium, sample.dts)
            drafts = self._cut()
        lane.add(sample, contiguous=contiguous)
        return drafts

    def _is_sound_ahead(self, medium: Medium, sample: Sample) -> bool:
        # The picture stood still until its last sample was cut, and sound went on: that sound is a fragment of its
        # own.  In one with this picture it would hide behind the picture's later start, and look like a hole.
        if medium is not Medium.VIDEO or self._lanes[Medium.VIDEO].samples:
            return False
        sound = self._lanes[Medium.AUDIO]
        return bool(sound.samples) and micros(medium, sample.dts) - sound.start_us() >= _STILL_US

    def _is_full(self, medium: Medium, sample: Sample) -> bool:
        video, audio = self._lanes[Medium.VIDEO], self._lanes[Medium.AUDIO]
        if medium is Medium.VIDEO and sample.key:
            return self.holds()
        end = micros(medium, sample.dts + (sample.duration or self._lanes[medium].nominal))
        if medium is Medium.VIDEO:
            return bool(video.samples) and end - video.start_us() > self._longest
        if video.samples:
            return end - video.start_us() > self._longest + _SOUND_PATIENCE_US
        return bool(audio.samples) and end - audio.start_us() > self._longest

    def _cut(self) -> list[Draft]:
        # Sound that begins after the picture's end goes to the next fragment: fragments then tile the track
        # by their picture alone, and sound without picture becomes a fragment of its own.
        video, audio = self._lanes[Medium.VIDEO], self._lanes[Medium.AUDIO]
        until = video.end_us() if video.samples else None
        draft = Draft(video.take_before(None), audio.take_before(until))
        return [draft] if draft.video or draft.audio else []

    def last_until(self, medium: Medium, dts: int) -> None:
        """Let the last sample of a medium end at `dts`: the next one, in another reel, follows without loss."""
        lane = self._lanes[medium]
        if lane.samples and dts > lane.samples[-1].dts:
            lane.samples[-1] = replace(lane.samples[-1], duration=dts - lane.samples[-1].dts)
            lane.end = dts

    def flush(self) -> list[Draft]:
        """Return all that waits: before a hole, or at the end of the reel."""
        return self._cut() + self._cut()

    def flush_shown(self) -> list[Draft]:
        """Return all that waits but the last picture, which is still being shown: nothing has followed it."""
        video = self._lanes[Medium.VIDEO]
        last = video.samples[-1:]
        del video.samples[-1:]
        if last and video.samples:
            video.end = last[0].dts
        drafts = self.flush()
        video.samples += last
        if last:
            video.end = last[0].dts + last[0].duration
        return drafts
