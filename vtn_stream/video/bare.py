"""Removes from H.264 and HEVC packets the parts without picture data, if a decoder refuses the picture because of them.

A decoder that is told to report damage also reports a message (SEI) that is cut off, or a description of the screen
(VUI) that ends too early: faults of the program that wrote them, in pictures that are whole.

ITU-T H.264, 7.3.2.1.1 (sequence parameter set), 7.3.2.3 and D.1.8 (SEI, recovery point); ITU-T H.265, 7.4.2.2.
"""

import re

from vtn_stream.video.nals import length_size, nals

__all__ = ["bare_extradata", "bare_packet", "can_be_bare"]

_H264_SEI, _H264_SPS = 6, 7
_HEVC_SEI = (39, 40)
_RECOVERY_POINT = 6  # the only message by which a decoder knows where it can begin
# 64 zero bits behind a parameter set, with emulation prevention: read as "nothing more" where its end is missing.
_MORE = b"\0\0\3" * 4 + b"\x80"


def can_be_bare(codec: str) -> bool:
    return codec in ("h264", "hevc")


def bare_packet(codec: str, extradata: bytes, packet: bytes) -> bytes:
    """The packet with its pictures only; unchanged where it is broken."""
    size = length_size(codec, extradata)
    units = list(nals(packet, size, len(packet)))
    if not all(units):
        return packet
    kept = [bare for unit in units if (bare := _bare(codec, unit))]
    return b"".join((len(unit).to_bytes(size, "big") if size else b"\0\0\1") + unit for unit in kept)


def bare_extradata(codec: str, extradata: bytes) -> bytes:
    if codec != "h264" or len(extradata) < 7:
        return extradata
    if length_size(codec, extradata) == 0:
        return bare_packet(codec, extradata, extradata)
    at, parts = 6, [extradata[:6]]
    for _ in range(extradata[5] & 0x1F):
        size = int.from_bytes(extradata[at : at + 2], "big")
        unit = extradata[at + 2 : at + 2 + size] + _MORE
        parts += [len(unit).to_bytes(2, "big"), unit]
        at += 2 + size
    return b"".join([*parts, extradata[at:]])


def _bare(codec: str, unit: bytes) -> bytes:
    if codec == "hevc":
        return b"" if unit[0] >> 1 & 0x3F in _HEVC_SEI else unit
    kind = unit[0] & 0x1F
    if kind == _H264_SPS:
        return unit.rstrip(b"\0") + _MORE
    return _recovery_point(unit) if kind == _H264_SEI else unit


def _recovery_point(unit: bytes) -> bytes:
    """The SEI unit with its recovery point only; b"" if it has none."""
    payload = unit[1:].replace(b"\0\0\3", b"\0\0")
    at = 0
    while at + 2 < len(payload):
        numbers = []
        for _ in range(2):  # kind, size
            number = 0
            while at < len(payload) and payload[at] == 0xFF:
                number, at = number + 255, at + 1
            numbers.append(number + (payload[at] if at < len(payload) else 0))
            at += 1
        kind, size = numbers
        if kind == _RECOVERY_POINT and 0 < size < 255 and at + size < len(payload):
            message = bytes((kind, size)) + payload[at : at + size] + b"\x80"
            return unit[:1] + re.sub(b"\0\0(?=[\0-\3])", b"\0\0\3", message)
        at += size
    return b""
