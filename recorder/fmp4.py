"""The bytes of a reel: hybrid fragmented MP4 of one H.264 and one Opus stream (archive.md §3, media.md §6).

While open: `ftyp`, `free`, at 36 the header of a `free` that hides a second `ftyp` at 44, `moov` without
samples, then `moof`+`mdat` pairs.  Closing appends a `moov` with all samples and turns the eight bytes at 36
into the header of an `mdat` over everything between, so that no fragment moves.  Our own writer and not
libavformat's, because that one stretches samples over holes: the last picture of a fragment up to the next
picture whatever is missing between, and late sound back to the reel's beginning (measured).
Everything here is pure; it refuses what it cannot say without inventing: reordered pictures.
"""

import struct
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from evalroom.errors import LocalFault, PeerFault
from evalroom.media import Medium
from recorder.boxes import HEADER, Box, box, children, full_box, walk
from recorder.depacketize import OPUS_RATE, VIDEO_RATE
from recorder.h264 import PictureFormat

PATCH_AT = 36
"""Offset of the eight bytes that closing turns into an `mdat` header."""
INIT_AT = 44
"""Offset of the init segment: second `ftyp` and `moov`, up to the first `moof`."""

RATES = {Medium.VIDEO: VIDEO_RATE, Medium.AUDIO: OPUS_RATE}
_TRACK_IDS = {Medium.VIDEO: 1, Medium.AUDIO: 2}
_MEDIA = {number: medium for medium, number in _TRACK_IDS.items()}

_KEY_SAMPLE, _DELTA_SAMPLE = 0x02000000, 0x01010000
_UNITY = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


class ReelTooLarge(LocalFault):
    """A reel outgrew four gigabytes and cannot be closed as one file: make reels shorter."""

    code: ClassVar[str] = "reel_too_large"


class MalformedFragment(PeerFault):
    """A fragment of a recording is not what this recorder writes: the file was changed or damaged."""

    code: ClassVar[str] = "malformed_fragment"


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture or Opus packet: ticks of its medium from the start of the reel, and the bytes for `mdat`."""

    dts: int
    duration: int
    data: bytes
    key: bool = True


@dataclass(frozen=True, slots=True)
class Draft:
    """The samples of one fragment before they are bytes; at least one stream is not empty."""

    video: tuple[Sample, ...]
    audio: tuple[Sample, ...]

    @property
    def lead(self) -> Medium:
        """Return the stream that a fragment's times are taken from: the picture where there is one."""
        return Medium.VIDEO if self.video else Medium.AUDIO

    @property
    def pts_us(self) -> int:
        """Return where the fragment begins, µs from the start of the reel."""
        return micros(self.lead, self.of(self.lead)[0].dts)

    @property
    def end_us(self) -> int:
        """Return where the fragment ends, µs from the start of the reel."""
        last = self.of(self.lead)[-1]
        return micros(self.lead, last.dts + last.duration)

    @property
    def keyframe(self) -> bool:
        """Say whether the fragment begins with a key frame (or is sound alone, which always may begin)."""
        return self.video[0].key if self.video else True

    @property
    def size(self) -> int:
        """Return the bytes of media in it."""
        return sum(len(sample.data) for sample in self.video + self.audio)

    def of(self, medium: Medium) -> tuple[Sample, ...]:
        """Return the samples of one stream."""
        return self.video if medium is Medium.VIDEO else self.audio


@dataclass(frozen=True, slots=True)
class FragmentTimes:
    """What a fragment says of itself: begin and length in µs of the reel, and whether a key frame opens it."""

    pts: int
    duration: int
    keyframe: bool


def micros(medium: Medium, ticks: int) -> int:
    """Return `ticks` of a medium's clock in whole microseconds, rounded down."""
    return ticks * 1_000_000 // RATES[medium]


# --- while the reel is open -----------------------------------------------------------------------


def opening(picture: PictureFormat | None, *, sound: bool) -> bytes:
    """Return the bytes before the first fragment; the init segment is what follows offset 44."""
    outer = box("ftyp", b"isom", struct.pack(">I", 0x200), b"isom", b"iso2", b"mp41")
    return (
        outer + box("free") + struct.pack(">I4s", HEADER + 28, b"free") + init_segment(picture, sound=sound)
    )


def init_segment(picture: PictureFormat | None, *, sound: bool) -> bytes:
    """Return the init segment for the streams that the reel may hold."""
    inner = box("ftyp", b"iso5", struct.pack(">I", 0x200), b"iso5", b"iso6", b"mp41")
    media = _media_of(picture, sound=sound)
    extends = [full_box("trex", 0, 0, struct.pack(">5I", _TRACK_IDS[m], 1, 0, 0, 0)) for m in media]
    tracks = [_track(medium, picture, _Table(medium)) for medium in media]
    return inner + box("moov", _movie_header(0), *tracks, box("mvex", *extends))


def fragment(number: int, draft: Draft) -> bytes:
    """Return `moof` and `mdat` of a draft; `number` counts from 0 in the reel."""
    streams = [(medium, draft.of(medium)) for medium in _TRACK_IDS if draft.of(medium)]
    head = _moof(number, streams, 0)
    media = [sample.data for _, samples in streams for sample in samples]
    return _moof(number, streams, len(head) + HEADER) + box("mdat", *media)


def _moof(number: int, streams: Sequence[tuple[Medium, tuple[Sample, ...]]], data_at: int) -> bytes:
    trafs = []
    for medium, samples in streams:
        trafs.append(_traf(medium, samples, data_at))
        data_at += sum(len(sample.data) for sample in samples)
    return box("moof", full_box("mfhd", 0, 0, struct.pack(">I", number + 1)), *trafs)


def _traf(medium: Medium, samples: tuple[Sample, ...], data_at: int) -> bytes:
    # 0x020000: default-base-is-moof.  Every sample says its own duration, size and flags: 12 bytes each.
    header = full_box("tfhd", 0, 0x020000, struct.pack(">I", _TRACK_IDS[medium]))
    begin = full_box("tfdt", 1, 0, struct.pack(">Q", samples[0].dts))
    row = struct.Struct(">III")
    rows = [row.pack(s.duration, len(s.data), _KEY_SAMPLE if s.key else _DELTA_SAMPLE) for s in samples]
    return box(
        "traf", header, begin, full_box("trun", 0, 0x701, struct.pack(">Ii", len(samples), data_at), *rows)
    )


# --- reading back ---------------------------------------------------------------------------------


def fragments_of(data: bytes | memoryview) -> Iterator[tuple[Box, Box]]:
    """Yield the whole `moof`, `mdat` pairs of a reel, open or closed, up to the first that is torn."""
    moof: Box | None = None
    for found in walk(data, INIT_AT):
        if found.name == "moof":
            moof = found
        elif found.name == "mdat" and moof is not None:
            yield moof, found
            moof = None
        elif moof is not None or (found.name == "moov" and found.offset != INIT_AT + 28):
            return


def init_end(data: bytes | memoryview) -> int:
    """Return where the init segment ends.

    Raises:
        MalformedFragment: when the file holds no whole init segment.
    """
    boxes = list(walk(data, INIT_AT, min(len(data), INIT_AT + 65536)))[:2]
    if [found.name for found in boxes] != ["ftyp", "moov"]:
        raise MalformedFragment(missing="init segment")
    return boxes[1].end


def fragment_times(data: bytes | memoryview, moof: Box) -> FragmentTimes:
    """Return what a fragment says of itself.

    Raises:
        MalformedFragment: when the `moof` is not one that this module writes.
    """
    runs = {}
    for traf in children(data, moof):
        if traf.name == "traf":
            medium, dts, length, key = _read_traf(data, traf)
            runs[medium] = FragmentTimes(
                micros(medium, dts), micros(medium, dts + length) - micros(medium, dts), key
            )
    for medium in _TRACK_IDS:
        if medium in runs:
            return runs[medium]
    raise MalformedFragment(offset=moof.offset)


def sample_times(data: bytes | memoryview, moof: Box) -> Iterator[tuple[Medium, int, int]]:
    """Yield medium, begin and length (µs) of every sample that a fragment declares.

    Raises:
        MalformedFragment: when the `moof` is not one that this module writes.
    """
    for traf in children(data, moof):
        if traf.name == "traf":
            medium, dts, _, _ = _read_traf(data, traf)
            rows = next(part.offset for part in children(data, traf) if part.name == "trun") + 20
            for (duration,) in struct.iter_unpack(">I8x", data[rows : traf.end]):
                yield medium, micros(medium, dts), micros(medium, duration)
                dts += duration


def _read_traf(data: bytes | memoryview, traf: Box) -> tuple[Medium, int, int, bool]:
    parts = {part.name: part for part in children(data, traf)}
    if not {"tfhd", "tfdt", "trun"} <= parts.keys():
        raise MalformedFragment(offset=traf.offset)
    (number,) = struct.unpack_from(">I", data, parts["tfhd"].offset + 12)
    (dts,) = struct.unpack_from(">Q", data, parts["tfdt"].offset + 12)
    flags, count = struct.unpack_from(">II", data, parts["trun"].offset + 8)
    rows = parts["trun"].offset + 20
    if flags != 0x701 or number not in _MEDIA or rows + 12 * count != parts["trun"].end or not count:
        raise MalformedFragment(offset=traf.offset)
    length = sum(struct.unpack_from(">I", data, rows + 12 * index)[0] for index in range(count))
    (first,) = struct.unpack_from(">I", data, rows + 8)
    return _MEDIA[number], dts, length, first == _KEY_SAMPLE


# --- closing --------------------------------------------------------------------------------------


class _Table:
    """Where every sample of one stream lies: what the closing `moov` says."""

    def __init__(self, medium: Medium) -> None:
        self.medium = medium
        self.dts = array("q")
        self.sizes = array("I")
        self.keys = array("I")
        self.chunks = array("I")
        self.per_chunk = array("I")
        self.end = 0

    def add(self, samples: tuple[Sample, ...], offset: int) -> None:
        for sample in samples:
            self.dts.append(sample.dts)
            self.sizes.append(len(sample.data))
            if sample.key:
                self.keys.append(len(self.dts))
        self.chunks.append(offset)
        self.per_chunk.append(len(samples))
        self.end = samples[-1].dts + samples[-1].duration

    @property
    def first(self) -> int:
        return self.dts[0] if self.dts else 0

    @property
    def movie_duration(self) -> int:
        """Return the end in ticks of the movie header, which are the picture's."""
        return self.end * VIDEO_RATE // RATES[self.medium]

    def boxes(self) -> bytes:
        parts = [self._times(), self._sizes(), self._sample_to_chunk(), self._offsets()]
        if self.medium is Medium.VIDEO and self.dts:
            parts.append(full_box("stss", 0, 0, struct.pack(">I", len(self.keys)), _big_endian(self.keys)))
        return b"".join(parts)

    def _times(self) -> bytes:
        # A sample lasts until the next one here: this table knows no holes.  The fragments do.
        runs: list[list[int]] = []
        following = [*self.dts[1:], self.end] if self.dts else []
        for begin, end in zip(self.dts, following, strict=True):
            if runs and runs[-1][1] == end - begin:
                runs[-1][0] += 1
            else:
                runs.append([1, end - begin])
        return full_box(
            "stts", 0, 0, struct.pack(">I", len(runs)), *(struct.pack(">II", *run) for run in runs)
        )

    def _sizes(self) -> bytes:
        return full_box("stsz", 0, 0, struct.pack(">II", 0, len(self.sizes)), _big_endian(self.sizes))

    def _sample_to_chunk(self) -> bytes:
        runs = []
        for index, count in enumerate(self.per_chunk):
            if index == 0 or count != self.per_chunk[index - 1]:
                runs.append(struct.pack(">III", index + 1, count, 1))
        return full_box("stsc", 0, 0, struct.pack(">I", len(runs)), *runs)

    def _offsets(self) -> bytes:
        return full_box("stco", 0, 0, struct.pack(">I", len(self.chunks)), _big_endian(self.chunks))


class SampleIndex:
    """Remembers where the samples of a reel lie, for the `moov` that closes it."""

    def __init__(self, picture: PictureFormat | None, *, sound: bool) -> None:
        """Begin an empty index for the streams of the reel's init segment."""
        self._picture = picture
        self._tables = {medium: _Table(medium) for medium in _media_of(picture, sound=sound)}

    def add(self, draft: Draft, offset: int, length: int) -> None:
        """Take a fragment of `length` bytes that lies at `offset`."""
        at = offset + length - draft.size
        for medium, table in self._tables.items():
            samples = draft.of(medium)
            if samples:
                table.add(samples, at)
                at += sum(len(sample.data) for sample in samples)

    def closing(self) -> bytes:
        """Return the closing `moov`; streams that never came are left out, for players choke on empty ones."""
        tables = {medium: table for medium, table in self._tables.items() if table.dts}
        length = max((table.movie_duration for table in tables.values()), default=0)
        return box("moov", _movie_header(length), *(_track(m, self._picture, t) for m, t in tables.items()))


def patch(moov_at: int) -> bytes:
    """Return the eight bytes for offset 36 of a reel whose closing `moov` begins at `moov_at`.

    Raises:
        ReelTooLarge: from four gigabytes on.
    """
    if moov_at - PATCH_AT >= 1 << 32:
        raise ReelTooLarge(bytes=moov_at)
    return struct.pack(">I4s", moov_at - PATCH_AT, b"mdat")


# --- boxes of a moov ------------------------------------------------------------------------------


def _media_of(picture: PictureFormat | None, *, sound: bool) -> tuple[Medium, ...]:
    return (Medium.VIDEO,) * (picture is not None) + (Medium.AUDIO,) * sound


def _big_endian(values: "array[int]") -> bytes:
    return struct.pack(f">{len(values)}I", *values)


def _movie_header(duration: int) -> bytes:
    times = struct.pack(">IIII", 0, 0, VIDEO_RATE, duration)
    rest = struct.pack(">IH10x", 0x10000, 0x100) + _UNITY + bytes(24)
    return full_box("mvhd", 0, 0, times, rest, struct.pack(">I", max(_MEDIA) + 1))


def _track(medium: Medium, picture: PictureFormat | None, table: _Table) -> bytes:
    video = medium is Medium.VIDEO
    size = (picture.width, picture.height) if video and picture else (0, 0)
    header = struct.pack(">IIIII8x", 0, 0, _TRACK_IDS[medium], 0, table.movie_duration)
    header += struct.pack(">hhHH", 0, 0, 0 if video else 0x100, 0) + _UNITY
    header += struct.pack(">II", size[0] << 16, size[1] << 16)
    return box("trak", full_box("tkhd", 0, 3, header), _edits(table), _media(medium, picture, table))


def _edits(table: _Table) -> bytes:
    # Samples count from the first one in `stts`; an empty edit puts late sound where it belongs.
    if not table.first:
        return b""
    start = table.first * VIDEO_RATE // RATES[table.medium]
    rows = struct.pack(">IiI", start, -1, 0x10000) + struct.pack(
        ">IiI", table.movie_duration - start, 0, 0x10000
    )
    return box("edts", full_box("elst", 0, 0, struct.pack(">I", 2), rows))


def _media(medium: Medium, picture: PictureFormat | None, table: _Table) -> bytes:
    length = table.end - table.first
    header = full_box("mdhd", 0, 0, struct.pack(">IIIIHH", 0, 0, RATES[medium], length, 0x55C4, 0))
    video = medium is Medium.VIDEO and picture is not None
    handler = full_box("hdlr", 0, 0, struct.pack(">I4s12x", 0, b"vide" if video else b"soun"), b"\x00")
    kind = full_box("vmhd", 0, 1, bytes(8)) if video else full_box("smhd", 0, 0, bytes(4))
    here = box("dinf", full_box("dref", 0, 0, struct.pack(">I", 1), full_box("url ", 0, 1)))
    entry = _picture_entry(picture) if video and picture else _sound_entry()
    described = full_box("stsd", 0, 0, struct.pack(">I", 1), entry)
    return box("mdia", header, handler, box("minf", kind, here, box("stbl", described, table.boxes())))


def _picture_entry(picture: PictureFormat) -> bytes:
    size = struct.pack(">6xH16xHH", 1, picture.width, picture.height)
    look = struct.pack(">III", 0x480000, 0x480000, 0) + struct.pack(">H32sHh", 1, b"", 24, -1)
    sets = struct.pack(">BH", 0xE1, len(picture.sps)) + picture.sps
    sets += struct.pack(">BH", 1, len(picture.pps)) + picture.pps
    return box("avc1", size, look, box("avcC", b"\x01", picture.sps[1:4], b"\xff", sets))


def _sound_entry() -> bytes:
    # RFC 7587: always signalled as stereo; nothing to skip, the stream begins somewhere in the middle.
    sound = struct.pack(">6xH8xHHHHI", 1, 2, 16, 0, 0, OPUS_RATE << 16)
    return box("Opus", sound, box("dOps", struct.pack(">BBHIhB", 0, 2, 0, OPUS_RATE, 0, 0)))
