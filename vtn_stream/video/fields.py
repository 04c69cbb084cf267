"""Finds frames that are coded as two fields, and packets with only the second field, which are not separate frames.

ITU-T H.262, 6.2.3.1 (picture_structure); ITU-T H.264, 7.3.3 (slice header).
"""

from vtn_stream.video.nals import SequenceSet, length_size, nals, sequence_set, sets_of

__all__ = ["FieldWatch"]

_H264_SLICES = (1, 2, 5)
_H264_SPS = 7
_SLICE_HEADER_BYTES = 24
_FRAME = 3  # in MPEG-2; 1 and 2 are the top and the bottom field


class FieldWatch:
    """Is given every packet of a stream. found: whether some were of MPEG-2 and held fields."""

    def __init__(self, codec: str, extradata: bytes) -> None:
        self.found = False
        self._codec = codec
        self._length_size = length_size(codec, extradata)
        self._set: SequenceSet | None = None
        self._first: tuple[int, int] | None = None  # the field that waits for its second: frame_num, parity
        if codec == "h264":
            for nal in sets_of(extradata) if self._length_size else nals(extradata, 0):
                self._learn(nal)

    def is_second(self, packet: bytes) -> bool:
        """Whether this packet, the next of the stream, holds the second field of the frame that the last one began."""
        if self._codec == "mpeg2video":
            fields = _mpeg2_fields(packet)
            self.found = self.found or bool(fields)
        elif self._codec == "h264":
            fields = self._h264_fields(packet)
        else:
            return False
        if len(fields) != 1:  # a frame, or both its fields
            self._first = None
            return False
        ((number, parity),) = fields
        is_second = self._first == (number, 1 - parity)
        self._first = None if is_second else (number, parity)
        return is_second

    def _h264_fields(self, packet: bytes) -> set[tuple[int, int]]:
        """(frame_num, whether it is the bottom one) of the fields in a packet."""
        found = set()
        for nal in nals(packet, self._length_size):
            kind = nal[0] & 0x1F if nal else -1
            if kind == _H264_SPS:
                self._learn(nal)
            elif kind in _H264_SLICES and self._set is not None and not self._set.frames_only:
                field = _h264_field(nal, self._set)
                if field is not None:
                    found.add(field)
        return found

    def _learn(self, nal: bytes) -> None:
        if nal and nal[0] & 0x1F == _H264_SPS:
            self._set = sequence_set(nal) or self._set


def _mpeg2_fields(packet: bytes) -> set[tuple[int, int]]:
    """(0, whether it is the bottom one) of the fields in a packet."""
    found = set()
    at = packet.find(b"\0\0\1\xb5")
    while at >= 0:
        extension = packet[at + 4 : at + 7]
        if len(extension) == 3 and extension[0] >> 4 == 8 and extension[2] & 3 != _FRAME:
            found.add((0, (extension[2] & 3) - 1))
        at = packet.find(b"\0\0\1\xb5", at + 4)
    return found


def _h264_field(nal: bytes, sequence: SequenceSet) -> tuple[int, int] | None:
    """None for a slice of a frame, or one that cannot be read."""
    payload = nal[1 : 1 + _SLICE_HEADER_BYTES].replace(b"\0\0\3", b"\0\0")
    bits = f"{int.from_bytes(payload, 'big'):0{8 * len(payload)}b}"
    at = 0
    try:
        for _ in range(3):  # first_mb_in_slice, slice_type, pic_parameter_set_id
            at += 2 * (bits.index("1", at) - at) + 1
        at += 2 * sequence.separate_planes
        number = int(bits[at : at + sequence.frame_num_bits], 2)
        is_field, is_bottom = (int(bit) for bit in bits[at + sequence.frame_num_bits :][:2])
        return (number, is_bottom) if is_field else None
    except ValueError:
        return None
