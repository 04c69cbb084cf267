"""The parts of H.264 and HEVC packets: NAL units and sequence parameter sets.

ITU-T H.264, 7.3.1 (NAL units), 7.3.2.1 (sequence parameter set); ITU-T H.265, 7.3.1.2; ISO/IEC 14496-15, 5.3.3.1.
"""

from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["HEAD_BYTES", "SequenceSet", "length_size", "nals", "sequence_set", "sets_of"]

HEAD_BYTES = 1024
# Profiles whose parameter set states the chroma format.
_H264_CHROMA_PROFILES = (100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135)


class SequenceSet(NamedTuple):
    """Of an H.264 sequence parameter set: whether there are no fields, the size of frame_num in bits, whether each
    colour has slices of its own.
    """

    frames_only: bool
    frame_num_bits: int
    separate_planes: bool


def length_size(codec: str, extradata: bytes) -> int:
    """Bytes of the length before each NAL unit; 0 for Annex B, where start codes part them."""
    position = {"h264": 4, "hevc": 21}.get(codec, 0)
    if len(extradata) <= position or extradata.startswith((b"\0\0\1", b"\0\0\0\1")):
        return 0
    return (extradata[position] & 3) + 1


def nals(packet: bytes, length_size: int, head_bytes: int = HEAD_BYTES) -> Iterator[bytes]:
    """The first bytes of each NAL unit, enough for its header or its parameter set; b"" where the packet is broken."""
    if length_size == 0:
        at = packet.find(b"\0\0\1")
        if packet[: max(at, 0)].strip(b"\0"):
            yield b""  # something before the first start code
        while at >= 0:
            following = packet.find(b"\0\0\1", at + 3)
            yield packet[at + 3 : min(at + 3 + head_bytes, following if following >= 0 else len(packet))]
            at = following
        return
    at = 0
    while at < len(packet):
        size = int.from_bytes(packet[at : at + length_size], "big")
        at += length_size
        if size == 0 or at + size > len(packet):
            yield b""
            return
        yield packet[at : at + min(size, head_bytes)]
        at += size


def sets_of(avcc: bytes) -> Iterator[bytes]:
    """The sequence parameter sets in an avcC box (ISO/IEC 14496-15, 5.3.3.1)."""
    at = 6
    for _ in range(avcc[5] & 0x1F if len(avcc) > 5 else 0):
        size = int.from_bytes(avcc[at : at + 2], "big")
        yield avcc[at + 2 : at + 2 + size]
        at += 2 + size


def sequence_set(sps: bytes) -> SequenceSet | None:
    """What an H.264 sequence parameter set says; None if it cannot be read."""
    payload = sps[1:].replace(b"\0\0\3", b"\0\0")  # emulation prevention
    bits = f"{int.from_bytes(payload, 'big'):0{8 * len(payload)}b}"
    at = 24  # profile_idc, constraint flags, level_idc

    def u(size: int) -> int:
        nonlocal at
        at += size
        return int(bits[at - size : at], 2)

    def ue() -> int:
        nonlocal at
        zeros = bits.index("1", at) - at
        at += zeros
        return u(zeros + 1) - 1

    def se() -> int:
        code = ue()
        return (code + 1) // 2 if code % 2 else -(code // 2)

    def skip_scaling_list(size: int) -> None:
        last = following = 8
        for _ in range(size):
            if following:
                following = (last + se()) % 256
            last = following or last

    try:
        separate_planes = False
        ue()  # seq_parameter_set_id
        if payload[0] in _H264_CHROMA_PROFILES:
            chroma_format = ue()
            if chroma_format == 3:
                separate_planes = bool(u(1))
            ue(), ue(), u(1)  # bit depths, qpprime_y_zero_transform_bypass_flag
            if u(1):  # seq_scaling_matrix_present_flag
                for i in range(12 if chroma_format == 3 else 8):
                    if u(1):
                        skip_scaling_list(16 if i < 6 else 64)
        frame_num_bits = ue() + 4
        order = ue()  # pic_order_cnt_type
        if order == 0:
            ue()
        elif order == 1:
            u(1), se(), se()
            for _ in range(ue()):
                se()
        ue(), u(1), ue(), ue()  # max_num_ref_frames, gaps_in_frame_num, width, height
        return SequenceSet(bool(u(1)), frame_num_bits, separate_planes)
    except (ValueError, IndexError):
        return None
