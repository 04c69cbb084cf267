"""Finds packets that no other packet refers to: if their frames are not wanted, they need not be decoded.

H.264: ITU-T H.264, 7.3.1 and 7.4.1 (NAL units, nal_ref_idc), 7.3.2.1 (sequence parameter set).
HEVC: ITU-T H.265, 7.3.1.2 and 7.4.2.2 (NAL unit header, sub-layer non-reference pictures).
"""

from collections.abc import Callable, Iterator

__all__ = ["TemporalLayers", "disposable_test", "is_fresh_start"]

_H264_SLICES = range(1, 6)
_H264_IDR = 5
_H264_SPS = 7
# Beside slices only what says nothing to the decoder: SEI, delimiter, filler. Parameter sets must reach it.
_H264_IDLE = (6, 9, 12)
_HEVC_IDLE = (35, 38, 39, 40)
# Profiles whose parameter set states the chroma format.
_H264_CHROMA_PROFILES = (100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135)


def disposable_test(codec: str, extradata: bytes, temporal_layers: int) -> Callable[[bytes], bool] | None:
    """A test whether nothing refers to a packet; None if packets of this stream do not say.

    temporal_layers is what TemporalLayers found in the whole stream. False for every packet that is in doubt.
    """
    if temporal_layers == 0:
        return None
    length_size = _length_size(codec, extradata)
    if codec == "h264":
        return lambda packet: _is_disposable_h264(packet, length_size)
    if codec == "hevc":
        return lambda packet: _is_disposable_hevc(packet, length_size, temporal_layers - 1)
    return None


def is_fresh_start(codec: str, extradata: bytes, packet: bytes) -> bool:
    """Whether a decoder that starts at this keyframe shows it, and all after it, as if it had started earlier.

    False for H.264's recovery points: containers call them keyframes, and the picture becomes whole some frames later.
    """
    if codec != "h264":
        return True
    kinds = [nal[0] & 0x1F for nal in _nals(packet, _length_size(codec, extradata)) if nal]
    return next((kind for kind in kinds if kind in _H264_SLICES), -1) == _H264_IDR


class TemporalLayers:
    """Watches every packet of a stream; then `count` is how many temporal sub-layers it has, 0 where packets
    do not tell: another codec, H.264 that may hold fields, a stream that changes its NAL format."""

    def __init__(self, codec: str, extradata: bytes) -> None:
        self._codec = codec
        self._length_size = _length_size(codec, extradata)
        self._count = 1
        self._unsure = codec not in ("h264", "hevc")
        if codec == "h264":
            self._watch_h264(_h264_sets_of(extradata) if self._length_size else _nals(extradata, 0))

    @property
    def count(self) -> int:
        return 0 if self._unsure else self._count

    def watch(self, packet: bytes, *, has_new_extradata: bool) -> None:
        """Looks at the next packet of the stream."""
        if self._unsure:
            return
        self._unsure = has_new_extradata
        nals = _nals(packet, self._length_size)
        if self._codec == "h264":
            self._watch_h264(nals)
        else:
            for nal in nals:
                if len(nal) >= 2 and nal[0] >> 1 & 0x3F < 32:
                    self._count = max(self._count, nal[1] & 7)  # nuh_temporal_id_plus1

    def _watch_h264(self, nals: Iterator[bytes]) -> None:
        for nal in nals:
            if nal and nal[0] & 0x1F == _H264_SPS and not _is_frames_only(nal):
                self._unsure = True  # of two fields one may be referred to and the other not, each in its packet


def _is_disposable_h264(packet: bytes, length_size: int) -> bool:
    found = False
    for nal in _nals(packet, length_size):
        kind = nal[0] & 0x1F if nal else -1
        if kind in _H264_SLICES:
            if nal[0] >> 5 & 3:  # nal_ref_idc
                return False
            found = True
        elif kind not in _H264_IDLE:
            return False
    return found


def _is_disposable_hevc(packet: bytes, length_size: int, highest: int) -> bool:
    found = False
    for nal in _nals(packet, length_size):
        if len(nal) < 2:
            return False
        kind, layer, temporal_id = nal[0] >> 1 & 0x3F, (nal[0] & 1) << 5 | nal[1] >> 3, (nal[1] & 7) - 1
        if kind < 16 and kind % 2 == 0 and layer == 0 and temporal_id == highest:
            found = True
        elif kind not in _HEVC_IDLE:
            return False
    return found


def _length_size(codec: str, extradata: bytes) -> int:
    """Bytes of the length before each NAL unit; 0 for Annex B, where start codes part them."""
    position = {"h264": 4, "hevc": 21}.get(codec, 0)
    if len(extradata) <= position or extradata.startswith((b"\0\0\1", b"\0\0\0\1")):
        return 0
    return (extradata[position] & 3) + 1


def _nals(packet: bytes, length_size: int) -> Iterator[bytes]:
    """The first bytes of each NAL unit, enough for its header or its parameter set; b"" where the packet is broken."""
    if length_size == 0:
        at = packet.find(b"\0\0\1")
        if packet[: max(at, 0)].strip(b"\0"):
            yield b""  # something before the first start code
        while at >= 0:
            following = packet.find(b"\0\0\1", at + 3)
            yield packet[at + 3 : min(at + 3 + _HEAD_BYTES, following if following >= 0 else len(packet))]
            at = following
        return
    at = 0
    while at < len(packet):
        size = int.from_bytes(packet[at : at + length_size], "big")
        at += length_size
        if size == 0 or at + size > len(packet):
            yield b""
            return
        yield packet[at : at + min(size, _HEAD_BYTES)]
        at += size


_HEAD_BYTES = 1024


def _h264_sets_of(avcc: bytes) -> Iterator[bytes]:
    """The sequence parameter sets in an avcC box (ISO/IEC 14496-15, 5.3.3.1)."""
    at = 6
    for _ in range(avcc[5] & 0x1F if len(avcc) > 5 else 0):
        size = int.from_bytes(avcc[at : at + 2], "big")
        yield avcc[at + 2 : at + 2 + size]
        at += 2 + size


def _is_frames_only(sps: bytes) -> bool:
    """frame_mbs_only_flag of an H.264 sequence parameter set; False if it cannot be read."""
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
        ue()  # seq_parameter_set_id
        if payload[0] in _H264_CHROMA_PROFILES:
            chroma_format = ue()
            if chroma_format == 3:
                u(1)  # separate_colour_plane_flag
            ue(), ue(), u(1)  # bit depths, qpprime_y_zero_transform_bypass_flag
            if u(1):  # seq_scaling_matrix_present_flag
                for i in range(12 if chroma_format == 3 else 8):
                    if u(1):
                        skip_scaling_list(16 if i < 6 else 64)
        ue()  # log2_max_frame_num_minus4
        order = ue()  # pic_order_cnt_type
        if order == 0:
            ue()
        elif order == 1:
            u(1), se(), se()
            for _ in range(ue()):
                se()
        ue(), u(1), ue(), ue()  # max_num_ref_frames, gaps_in_frame_num, width, height
        return bool(u(1))
    except (ValueError, IndexError):
        return False
