"""Finds packets that no other packet refers to: if their frames are not wanted, they need not be decoded.

H.264: ITU-T H.264, 7.3.1 and 7.4.1 (NAL units, nal_ref_idc), 7.3.2.1 (sequence parameter set).
HEVC: ITU-T H.265, 7.3.1.2 and 7.4.2.2 (NAL unit header, sub-layer non-reference pictures).
"""

from collections.abc import Callable, Iterator

from vtn_stream.video.nals import length_size, nals, sequence_set, sets_of

__all__ = ["TemporalLayers", "disposable_test", "is_entry", "is_fresh_start"]

_H264_SLICES = range(1, 6)
_H264_IDR = 5
_H264_INTRA = (2, 4, 7, 9)  # slice_type
_H264_SPS = 7
# Beside slices only what says nothing to the decoder: SEI, delimiter, filler. Parameter sets must reach it.
_H264_IDLE = (6, 9, 12)
_HEVC_IDLE = (35, 38, 39, 40)


def disposable_test(codec: str, extradata: bytes, temporal_layers: int) -> Callable[[bytes], bool] | None:
    """A test whether nothing refers to a packet; None if packets of this stream do not say.

    temporal_layers is what TemporalLayers found in the whole stream. False for every packet that is in doubt.
    """
    if temporal_layers == 0:
        return None
    size = length_size(codec, extradata)
    if codec == "h264":
        return lambda packet: _is_disposable_h264(packet, size)
    if codec == "hevc":
        return lambda packet: _is_disposable_hevc(packet, size, temporal_layers - 1)
    return None


def is_fresh_start(codec: str, extradata: bytes, packet: bytes) -> bool:
    """Whether a decoder that starts at this keyframe shows it, and all after it, as if it had started earlier.

    False for H.264's recovery points: containers call them keyframes, and the picture becomes whole some frames later.
    """
    if codec != "h264":
        return True
    kinds = [nal[0] & 0x1F for nal in nals(packet, length_size(codec, extradata)) if nal]
    return next((kind for kind in kinds if kind in _H264_SLICES), -1) == _H264_IDR


def is_entry(codec: str, extradata: bytes, packet: bytes) -> bool:
    """Whether this keyframe is a whole picture of its own, so that a decoder can begin here.

    False for H.264 whose picture is refreshed bit by bit: containers call the frames where that begins keyframes.
    """
    if codec != "h264":
        return True
    units = [nal for nal in nals(packet, length_size(codec, extradata)) if nal]
    return all(_slice_type(nal) in _H264_INTRA for nal in units if nal[0] & 0x1F in _H264_SLICES)


class TemporalLayers:
    """Watches every packet of a stream; then `count` is how many temporal sub-layers it has, 0 where packets
    do not tell: another codec, H.264 that may hold fields, a stream that changes its NAL format."""

    def __init__(self, codec: str, extradata: bytes) -> None:
        self._codec = codec
        self._length_size = length_size(codec, extradata)
        self._count = 1
        self._unsure = codec not in ("h264", "hevc")
        if codec == "h264":
            self._watch_h264(sets_of(extradata) if self._length_size else nals(extradata, 0))

    @property
    def count(self) -> int:
        return 0 if self._unsure else self._count

    def watch(self, packet: bytes, *, has_new_extradata: bool) -> None:
        """Looks at the next packet of the stream."""
        if self._unsure:
            return
        self._unsure = has_new_extradata
        units = nals(packet, self._length_size)
        if self._codec == "h264":
            self._watch_h264(units)
        else:
            for nal in units:
                if len(nal) >= 2 and nal[0] >> 1 & 0x3F < 32:
                    self._count = max(self._count, nal[1] & 7)  # nuh_temporal_id_plus1

    def _watch_h264(self, units: Iterator[bytes]) -> None:
        for nal in units:
            if nal and nal[0] & 0x1F == _H264_SPS and not _is_frames_only(nal):
                self._unsure = True  # of two fields one may be referred to and the other not, each in its packet


def _is_disposable_h264(packet: bytes, length_size: int) -> bool:
    found = False
    for nal in nals(packet, length_size):
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
    for nal in nals(packet, length_size):
        if len(nal) < 2:
            return False
        kind, layer, temporal_id = nal[0] >> 1 & 0x3F, (nal[0] & 1) << 5 | nal[1] >> 3, (nal[1] & 7) - 1
        if kind < 16 and kind % 2 == 0 and layer == 0 and temporal_id == highest:
            found = True
        elif kind not in _HEVC_IDLE:
            return False
    return found


def _slice_type(nal: bytes) -> int:
    """ITU-T H.264, 7.3.3; -1 where it cannot be read."""
    payload = nal[1:17].replace(b"\0\0\3", b"\0\0")
    bits = f"{int.from_bytes(payload, 'big'):0{8 * len(payload)}b}"
    at = 0
    try:
        for _ in range(2):  # first_mb_in_slice, slice_type
            zeros = bits.index("1", at) - at
            number = int(bits[at + zeros : at + 2 * zeros + 1], 2) - 1
            at += 2 * zeros + 1
    except ValueError:
        return -1
    return number


def _is_frames_only(sps: bytes) -> bool:
    found = sequence_set(sps)
    return found is not None and found.frames_only
