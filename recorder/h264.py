"""What the recorder must know of H.264: kinds of NAL units, and the picture's size in a parameter set.

Nothing is decoded.  Of a sequence parameter set it reads as far as the cropping (ITU-T H.264 §7.3.2.1.1)
and refuses one that ends before.
"""

from dataclasses import dataclass
from typing import ClassVar

from evalroom.errors import PeerFault

SLICE, IDR, SEI, SPS, PPS = 1, 5, 6, 7, 8
STAP_A, FU_A = 24, 28

_CHROMA_PROFILES = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
"""Profiles whose parameter sets carry the chroma format and scaling lists."""


class MalformedParameterSet(PeerFault):
    """The camera's description of its picture cannot be read: choose another camera or resolution."""

    code: ClassVar[str] = "malformed_parameter_set"


@dataclass(frozen=True, slots=True)
class PictureFormat:
    """Size in pixels with the parameter sets that say so, each one NAL unit without start code."""

    width: int
    height: int
    sps: bytes
    pps: bytes

    @property
    def codec(self) -> str:
        """Return the RFC 6381 name, such as `avc1.42e01f`."""
        return f"avc1.{self.sps[1:4].hex()}"


def nal_type(nal: bytes) -> int:
    """Return the kind of a NAL unit."""
    return nal[0] & 0x1F


def picture_format(sps: bytes, pps: bytes) -> PictureFormat:
    """Return the picture's format.

    Raises:
        MalformedParameterSet: when the sequence parameter set ends too early or makes no sense.
    """
    width, height = _size(_Bits(_unescape(sps[1:])))
    if not (0 < width <= 16384 and 0 < height <= 16384):
        raise MalformedParameterSet(width=width, height=height)
    return PictureFormat(width, height, sps, pps)


def _unescape(rbsp: bytes) -> bytes:
    # §7.4.1: 00 00 03 stands for 00 00.
    return rbsp.replace(b"\x00\x00\x03", b"\x00\x00")


class _Bits:
    """A bit reader with exp-Golomb codes (§9.1)."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = len(data) * 8

    def read(self, count: int) -> int:
        if count > self._left:
            raise MalformedParameterSet(missing_bits=count - self._left)
        self._left -= count
        return (self._value >> self._left) & ((1 << count) - 1)

    def unsigned(self) -> int:
        zeros = 0
        while not self.read(1):
            zeros += 1
            if zeros > 32:
                raise MalformedParameterSet(zeros=zeros)
        return (1 << zeros) - 1 + self.read(zeros)

    def signed(self) -> int:
        code = self.unsigned()
        return (code + 1) // 2 if code % 2 else -(code // 2)


def _size(bits: _Bits) -> tuple[int, int]:
    profile = bits.read(8)
    bits.read(16)  # constraint flags, level
    bits.unsigned()  # seq_parameter_set_id
    chroma = _chroma(bits) if profile in _CHROMA_PROFILES else 1
    bits.unsigned()  # log2_max_frame_num_minus4
    _picture_order(bits)
    bits.unsigned()  # max_num_ref_frames
    bits.read(1)  # gaps_in_frame_num_value_allowed_flag
    width = (bits.unsigned() + 1) * 16
    rows = bits.unsigned() + 1
    frame_only = bits.read(1)
    if not frame_only:
        bits.read(1)  # mb_adaptive_frame_field_flag
    height = rows * 16 * (2 - frame_only)
    bits.read(1)  # direct_8x8_inference_flag
    if not bits.read(1):
        return width, height
    left, right, top, bottom = (bits.unsigned() for _ in range(4))
    unit_x = 1 if chroma in (0, 3) else 2
    unit_y = (2 if chroma == 1 else 1) * (2 - frame_only)
    return width - (left + right) * unit_x, height - (top + bottom) * unit_y


def _chroma(bits: _Bits) -> int:
    chroma = bits.unsigned()
    if chroma == 3:
        bits.read(1)
    bits.unsigned()  # bit_depth_luma_minus8
    bits.unsigned()  # bit_depth_chroma_minus8
    bits.read(1)  # qpprime_y_zero_transform_bypass_flag
    if bits.read(1):
        for index in range(12 if chroma == 3 else 8):
            if bits.read(1):
                _skip_scaling_list(bits, 16 if index < 6 else 64)
    return chroma


def _skip_scaling_list(bits: _Bits, size: int) -> None:
    last, following = 8, 8
    for _ in range(size):
        if following:
            following = (last + bits.signed()) % 256
        last = following or last


def _picture_order(bits: _Bits) -> None:
    kind = bits.unsigned()
    if kind == 0:
        bits.unsigned()  # log2_max_pic_order_cnt_lsb_minus4
    elif kind == 1:
        bits.read(1)
        bits.signed()
        bits.signed()
        for _ in range(bits.unsigned()):
            bits.signed()
