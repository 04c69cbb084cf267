"""Refuses what is no film, or cannot be read in order, by its first bytes: nothing waits for more of it.

Nothing is decoded here.

  MP4, being recorded          ftyp  mdat (its size comes at the end)                  no index yet: cannot be read
  MP4, closed                  ftyp  mdat (its size)  ...  moov                        its index comes last: likewise
  MP4, index first             ftyp  moov  mdat                                        can be read
  MP4, fragmented              ftyp  moov  moof mdat  moof mdat ...                    can be read
  MP4, hybrid, being recorded  ftyp  free  moov  moof mdat  moof mdat ...              can be read
  MP4, hybrid, closed          ftyp  mdat {moov  moof mdat  moof mdat ...}  moov       can be read as `free`, not `mdat`
"""

from collections.abc import Iterator
from typing import Literal

from vtn_stream.errors import VideoError
from vtn_stream.following.feed import PIECE_BYTES, NewStretch, Nothing, Piece
from vtn_stream.video.kinds import kind_of

__all__ = ["HEAD_BYTES", "checked", "other_kind"]

HEAD_BYTES = 4096  # bytes that tell what it is; no film of a second is shorter
_MOST = 1 << 16  # of boxes before the first that matters
_BOXES = (b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"free", b"skip", b"wide", b"pnot", b"uuid", b"sidx", b"pdin")
# Between the header of a closed hybrid's mdat and its first moov lies what the recorder left room for: 8 bytes in what
# OBS writes, a second ftyp in what FFmpeg writes.
_ROOM = 256
_STREAMS = ("a picture: JPEG",)  # many of them, one after the other, are a film
_PACKETS = (188, 192, 204)  # bytes of a packet of MPEG-TS: as broadcast, on discs, with check bytes
_RECORD = "record to MKV, MPEG-TS, fragmented MP4 or hybrid MP4"

Source = Literal["file", "pipe", "segments"]


def checked(pieces: Iterator[Piece], name: str, source: Source) -> Iterator[Piece]:
    """The pieces; a stretch that begins as no film does is refused. None is longer than PIECE_BYTES.

    The first bytes of a stretch are held back until it is known what they are. Raises VideoError.
    """
    head: bytes | None = b""
    for piece in pieces:
        if isinstance(piece, Nothing):
            yield piece
            continue
        if isinstance(piece, NewStretch):
            yield from _cut(_judged(head, name, source, is_all=True) if head else b"")
            head = b""
            yield piece
            continue
        if head is None:
            yield from _cut(piece)
            continue
        head += piece
        if (known := _judged(head, name, source, is_all=False)) is not None:
            head = None
            yield from _cut(known)
    yield from _cut(_judged(head, name, source, is_all=True) if head else b"")


def _cut(data: bytes | None) -> Iterator[bytes]:
    data = data or b""
    for start in range(0, len(data), PIECE_BYTES):
        yield data[start : start + PIECE_BYTES]


def _judged(head: bytes, name: str, source: Source, *, is_all: bool) -> bytes | None:
    """The head as it is to be read; None if more of it must be known. Raises VideoError."""
    if len(head) < HEAD_BYTES and not is_all:
        return None
    if (kind := other_kind(head, is_all=is_all)) is not None:
        what, cure = kind
        if what == "a playlist" and source == "file":
            cure = "give it a name that ends with .m3u8, then its segments are followed"
        raise VideoError(f"{name} is {what}", "it was not followed", cure)
    if head[4:8] in _BOXES:
        return _judged_boxes(head, name, source, is_all=is_all)
    return head


def other_kind(head: bytes, *, is_all: bool) -> tuple[str, str] | None:
    """What begins so, where it is no film, and what to do about it; None if it may be one. is_all: it is no longer."""
    if _is_transport(head):  # also where it begins in the middle of a packet, which can look like anything
        return None
    if (kind := kind_of(head)) is not None and kind[0] not in _STREAMS:
        return kind
    is_text = _is_text(head[:HEAD_BYTES], is_all=is_all and len(head) <= HEAD_BYTES)
    return ("text", "give a film") if is_text else None


def _is_transport(head: bytes) -> bool:
    """Whether five packets of MPEG-TS follow one another: each begins with 47 (ISO/IEC 13818-1, 2.4.3.2)."""
    return any(
        head[start] == 0x47 and head[start : start + 5 * size : size] == b"GGGGG"
        for size in _PACKETS
        for start in range(min(size, len(head)))
    )


def _is_text(head: bytes, *, is_all: bool) -> bool:
    if head.startswith(b"YUV4MPEG2 "):  # pictures as they are, behind a line of text
        return False
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if is_all or error.reason != "unexpected end of data" or error.start < len(head) - 3:
            return False
        text = head[: error.start].decode("utf-8")
    return all(c.isprintable() or c in "\t\r\n\f" for c in text)


def _judged_boxes(head: bytes, name: str, source: Source, *, is_all: bool) -> bytes | None:
    """As `_judged`, of a file of boxes (ISO/IEC 14496-12, 4.2)."""
    at = 0
    while at + 16 <= len(head):
        size, kind = int.from_bytes(head[at : at + 4], "big"), head[at + 4 : at + 8]
        header = 16 if size == 1 else 8
        size = int.from_bytes(head[at + 8 : at + 16], "big") if size == 1 else size
        if kind in (b"moov", b"moof"):
            return head
        if kind == b"mdat":
            if len(head) < at + _ROOM and not is_all:
                return None
            moov = head.find(b"moov", at + header, at + _ROOM) - 4
            if moov >= at + header:
                return head[:at] + (moov - at).to_bytes(4, "big") + b"free" + bytes(moov - at - 8) + head[moov:]
            raise _unordered(name, source, is_closed=size > header)
        if size < header or kind not in _BOXES:
            return head  # the demuxer says what is wrong
        at += size
    return None if len(head) < _MOST and not is_all else head


def _unordered(name: str, source: Source, *, is_closed: bool) -> VideoError:
    if source != "file":
        return VideoError(
            f"{name} is an MP4 whose index comes at its end",
            "it cannot be read in order; it was not followed",
            f"{_RECORD}, or save it to a file and use `vtn-stream analyze` once it is closed",
        )
    if is_closed:
        return VideoError(
            f"{name} is a closed MP4 whose index is at its end",
            "it cannot be read in order; it was not followed",
            f"use `vtn-stream analyze`; to follow the next one while it is written, {_RECORD}",
        )
    return VideoError(
        f"{name} is an MP4 whose index is written when it is closed",
        "it cannot be read before; it was not followed",
        f"use `vtn-stream analyze` once it is closed; to follow the next one, {_RECORD}",
    )
