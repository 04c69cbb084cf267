"""How long a file is by its index or header, and whether it ends earlier, like an interrupted download.

Looks only at how large the parts of a file say they are. Streams without such words (MPEG-TS, MPEG-PS, raw ones)
promise nothing.

ISO/IEC 14496-12, 4.2 (boxes); RFC 8794, 4 and RFC 9559 (EBML, Matroska's Segment); Microsoft's RIFF, and its ASF
specification, 3.2 (File Properties Object); Adobe's FLV and AMF 0 specifications (onMetaData); SMPTE ST 377-1, 7.1
(MXF's partition packs).
"""

import io
import itertools
import os
import re
import struct
from collections.abc import Set
from fractions import Fraction
from typing import BinaryIO

import av
import av.container
import av.video.stream

__all__ = ["another_follows", "ends_early", "ends_in_zeros", "promised_end"]

# Of one file; a fragment of a film is two.
_MAX_BOXES = 1_000_000
_SEGMENT = b"\x18\x53\x80\x67"
_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_HEAD_BYTES = 64 * 1024
_FILESIZE = b"\x00\x08filesize\x00"
_MXF_HEADER = bytes.fromhex("060e2b34020501010d01020101")  # and 02, whether it is open and complete, 00, a length
_ZEROS = bytes(4096)
_AFTER_BYTES = 8 * 1024 * 1024  # behind the last packet: sound, an index
_REST = 0.1  # of a file: less is no film worth a word
_FEW = 5  # packets: of our own last frame
# Flash video (its header is 9 bytes and a size of 0), ASF.
_HEADS = {
    "flv": re.compile(rb"FLV\x01.\0\0\0\x09\0\0\0\0", re.DOTALL),
    "asf": re.compile(re.escape(bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"))),
}


def ends_early(path: str, formats: Set[str]) -> bool:
    """Whether a part of the file says that it is longer than what is there. formats: FFmpeg's names for the file's."""
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        if "mov" in formats:
            return any(end > size for _, _, end in _boxes(file, size))
        if "matroska" in formats:
            return _segment_end(file.read(_HEAD_BYTES)) > size
        if "avi" in formats:
            return any(end > size for end in _riff_ends(file, size))
        if "asf" in formats:
            return _asf_promise(file.read(_HEAD_BYTES))[0] > size
        if "flv" in formats:
            return _flv_size(file.read(_HEAD_BYTES)) > size
        if "mxf" in formats:
            return _mxf_footer(file.read(_HEAD_BYTES)) >= size
    return False


def ends_in_zeros(path: str) -> bool:
    """Whether nothing was written to the file's end: a download in a file that was made as large as it was to become.
    Some programs put zeros behind whole films, so that alone it says nothing.
    """
    with open(path, "rb") as file:
        file.seek(max(0, os.path.getsize(path) - len(_ZEROS)))
        return file.read() == _ZEROS


def another_follows(path: str, formats: Set[str], last: int) -> bool:
    """Whether a second film was joined on, where only the first is read. last: where the last packet lies.

    In MPEG streams the other may have stream numbers of its own, as another channel's.
    """
    with open(path, "rb") as file:
        for name in formats & {"mpegts", "mpeg"}:
            file.seek(last)
            return last < os.path.getsize(path) * (1 - _REST) and _holds_video(file.read(_AFTER_BYTES), name)
        if "mov" in formats:
            return sum(kind == b"moov" for kind, _, _ in _boxes(file, os.path.getsize(path))) > 1
        for name, head in _HEADS.items():
            if name in formats:
                file.seek(max(last, 1))
                return head.search(file.read(_AFTER_BYTES)) is not None
    return False


def _holds_video(data: bytes, format: str) -> bool:
    try:
        with av.open(io.BytesIO(data), format=format) as container:
            videos = container.streams.video
            packets = (packet for packet in container.demux(*videos) if packet.size) if videos else ()
            return sum(1 for _ in itertools.islice(packets, _FEW + 1)) > _FEW
    except (av.FFmpegError, IndexError):
        return False


def promised_end(
    path: str,
    container: av.container.InputContainer,
    stream: av.video.stream.VideoStream,
    first: int,
    step: int,
    start: Fraction,
    time_base: Fraction,
) -> int | None:
    """Until when, in time_base, the film lasts by the container's word; None if it says nothing. first: when the first
    frame is shown; step: for how long, usually.
    """
    if container.format.name == "avi":  # its header counts frames; FFmpeg's duration is that of what is there
        return first + stream.frames * step if stream.frames else None
    ends = []
    if container.format.name == "asf":  # FFmpeg does not believe a header whose size is wrong
        with open(path, "rb") as file:
            lasts_s = _asf_promise(file.read(_HEAD_BYTES))[1]
        return int((start + lasts_s) / time_base) if lasts_s > 0 else None
    if stream.duration:
        ends.append(first + int(stream.duration * stream.time_base / time_base))
    if container.duration and container.duration > 0:
        ends.append(int((start + Fraction(container.duration, av.time_base)) / time_base))
    return min(ends, default=None)


def _boxes(file: BinaryIO, size: int) -> list[tuple[bytes, int, int]]:
    """(kind, start, end) of the boxes at the top of an MP4 or QuickTime file, up to the first that is none."""
    found: list[tuple[bytes, int, int]] = []
    at = 0
    while at + 8 <= size and len(found) < _MAX_BOXES:
        file.seek(at)
        head = file.read(16)
        length, kind = int.from_bytes(head[:4], "big"), head[4:8]
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length < 8 or not all(32 <= byte < 127 or byte == 0xA9 for byte in kind):
            break  # 0: up to the end of the file
        found.append((kind, at, at + length))
        at += length
    return found


def _segment_end(head: bytes) -> int:
    """Where Matroska's Segment ends by its own word; 0 if it does not say."""
    at = head.find(_SEGMENT) + len(_SEGMENT)
    if at < len(_SEGMENT) or at >= len(head) or head[at] == 0:
        return 0
    length = 9 - head[at].bit_length()
    value = int.from_bytes(head[at : at + length], "big") & ((1 << 7 * length) - 1)
    return 0 if value == (1 << 7 * length) - 1 else at + length + value  # all ones: it was not known when it began


def _riff_ends(file: BinaryIO, size: int) -> list[int]:
    """Where the RIFF chunks of an AVI file end by their own word: the first, and those that follow it."""
    ends: list[int] = []
    at = 0
    while at + 12 <= size and len(ends) < _MAX_BOXES:
        file.seek(at)
        head = file.read(12)
        length = int.from_bytes(head[4:8], "little")
        if head[:4] != b"RIFF" or head[8:11] != b"AVI" or length == 0:
            break  # 0: the recorder had no time to fill it in
        ends.append(at + 8 + length)
        at += 8 + length + length % 2
    return ends


def _asf_promise(head: bytes) -> tuple[int, Fraction]:
    """The size of an ASF file and its seconds, by its header; 0 if it was written while it was sent."""
    at = head.find(_FILE_PROPERTIES)
    if at < 0 or len(head) < at + 92 or head[at + 88] & 1:  # flags: broadcast
        return 0, Fraction(0)
    size, _, _, lasts, _, preroll_ms = struct.unpack_from("<6Q", head, at + 40)
    return size, Fraction(lasts, 10**7) - Fraction(preroll_ms, 1000)


def _flv_size(head: bytes) -> float:
    """The size of a Flash video by its onMetaData, a number of AMF 0; 0 if it does not say."""
    at = head.find(_FILESIZE)
    if at < 0 or len(head) < at + len(_FILESIZE) + 8:
        return 0
    (size,) = struct.unpack_from(">d", head, at + len(_FILESIZE))
    return float(size)


def _mxf_footer(head: bytes) -> int:
    """Where MXF's footer begins by the header's word; 0 if it does not say."""
    at = head.find(_MXF_HEADER)
    length_at = at + 16
    if at < 0 or len(head) < length_at + 1:
        return 0
    first = head[length_at]  # of a length in BER: itself, or how many bytes follow
    value_at = length_at + 1 + (first & 0x7F if first & 0x80 else 0)
    footer = int.from_bytes(head[value_at + 24 : value_at + 32], "big")
    return at + footer if footer else 0
