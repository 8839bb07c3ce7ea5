"""Where fragments are cut, and how long the samples at the cuts are."""

from evalroom.media import Medium
from recorder.fmp4 import Draft, Sample
from recorder.fragmenter import Fragmenter

FRAME = 3_000


def picture(index: int, *, key: bool = False) -> Sample:
    return Sample(index * FRAME, 0, b"p", key)


def sound(index: int) -> Sample:
    return Sample(index * 960, 960, b"s")


def fed(fragmenter: Fragmenter, medium: Medium, samples: list[Sample]) -> list[Draft]:
    return [draft for sample in samples for draft in fragmenter.add(medium, sample, contiguous=True)]


def test_a_hole_ends_a_fragment_and_lengthens_no_sample() -> None:
    fragmenter = Fragmenter()
    fed(fragmenter, Medium.VIDEO, [picture(0, key=True), picture(1), picture(2)])
    (draft,) = fragmenter.add(Medium.VIDEO, picture(15, key=True), contiguous=False)
    assert [sample.duration for sample in draft.video] == [FRAME] * 3


def test_a_picture_that_stands_still_is_shown_until_the_next() -> None:
    fragmenter = Fragmenter()
    fed(fragmenter, Medium.VIDEO, [picture(0, key=True), picture(1)])
    (draft,) = fragmenter.add(Medium.VIDEO, picture(60, key=True), contiguous=True)
    assert [sample.duration for sample in draft.video] == [FRAME, 59 * FRAME]


def test_fragments_last_a_second_at_most_and_begin_at_every_key_frame() -> None:
    drafts = fed(Fragmenter(), Medium.VIDEO, [picture(n, key=n % 75 == 0) for n in range(151)])
    assert [(draft.pts_us, draft.end_us, draft.keyframe) for draft in drafts] == [
        (0, 1_000_000, True),
        (1_000_000, 2_000_000, False),
        (2_000_000, 2_500_000, False),
        (2_500_000, 3_500_000, True),
        (3_500_000, 4_500_000, False),
        (4_500_000, 5_000_000, False),
    ]


def test_sound_beyond_the_picture_goes_to_the_next_fragment() -> None:
    fragmenter = Fragmenter()
    fed(fragmenter, Medium.VIDEO, [picture(n, key=n == 0) for n in range(9)])
    drafts = fed(fragmenter, Medium.AUDIO, [sound(n) for n in range(150)])
    assert [(draft.pts_us, draft.end_us, draft.lead) for draft in drafts] == [
        (0, 300_000, Medium.VIDEO),
        (300_000, 1_300_000, Medium.AUDIO),
        (1_300_000, 2_300_000, Medium.AUDIO),
    ]
    assert drafts[0].audio[-1].dts == 14 * 960
    assert [sample.dts // 960 for draft in drafts for sample in draft.audio] == list(range(115))


def test_sound_alone_may_always_begin() -> None:
    fragmenter = Fragmenter()
    fed(fragmenter, Medium.AUDIO, [sound(n) for n in range(10)])
    (draft,) = fragmenter.flush()
    assert draft.keyframe
    assert (draft.pts_us, draft.end_us) == (0, 200_000)
    assert not fragmenter.holds()


def test_a_flush_may_keep_the_picture_that_is_still_shown() -> None:
    fragmenter = Fragmenter()
    fed(fragmenter, Medium.VIDEO, [picture(0, key=True), picture(1), picture(4)])
    (draft,) = fragmenter.flush_shown()
    assert [sample.duration for sample in draft.video] == [FRAME, 3 * FRAME]
    assert fragmenter.flush_shown() == []
    assert fragmenter.holds()
    (rest,) = fragmenter.add(Medium.VIDEO, picture(60, key=True), contiguous=True)
    assert (rest.video[0].dts, rest.video[0].duration) == (4 * FRAME, 56 * FRAME)


def test_the_last_picture_of_a_reel_may_be_told_its_end() -> None:
    fragmenter = Fragmenter()
    fed(fragmenter, Medium.VIDEO, [picture(0, key=True), picture(1)])
    fragmenter.last_until(Medium.VIDEO, 5 * FRAME)
    (draft,) = fragmenter.flush()
    assert draft.video[-1].duration == 4 * FRAME
    assert fragmenter.end_us() == fragmenter.end_of(Medium.VIDEO) == 166_666
