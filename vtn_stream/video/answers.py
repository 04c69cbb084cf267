"""What the decoding process may answer. It has parsed an untrusted file and is not trusted either: every number is
checked before it is used, every length before anything is read. Knows no process and no pipe.

All functions raise ValueError for anything that an honest process would not say.
"""

import math
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vtn_stream.film import VideoInfo
from vtn_stream.video.limits import MAX_DAYS, MAX_PACKETS, MAX_PIXELS, MAX_SIDE, MAX_STREAMS
from vtn_stream.video.wire import unpack_header

__all__ = [
    "MAX_PART_BYTES",
    "Batches",
    "check_facts",
    "check_payload_size",
    "error_parts",
    "fraction",
    "header_limit",
    "identity",
    "number",
    "read_header",
    "seconds",
    "texts",
    "video_info",
]

_HEADER_BYTES = 512 * 1024  # what no header without a list of frames exceeds: a clock that begins again 10,000 times
_NUMBER_BYTES = 24  # a frame's place in two lists, as JSON
_JPEG_BYTES = 512 * 1024  # 160 x 640 pixels of noise are 120 KiB
MAX_PART_BYTES = 4 * 1024**2  # of a clip, in one message
_TEXT_CHARACTERS = 500
# Fraction("1e999999999") would compute that number.
_FRACTION = re.compile(r"-?\d{1,40}(/\d{1,40})?", re.ASCII)
_IDENTITY = re.compile(r"[0-9a-f]{32}", re.ASCII)  # it becomes the name of a folder
_TEXTS = {"codec": 40, "start_timecode": 100, "hdr": 10, "created": 40, "sound": 60}  # and their longest


def header_limit(num_wanted: int = 0) -> int:
    """The most bytes that a header may have, in answer to a request for so many frames."""
    return _HEADER_BYTES + _NUMBER_BYTES * num_wanted


def read_header(text: bytes) -> dict[str, Any]:
    """Raises ValueError for what is not a JSON object, or is nested too deep."""
    try:
        return unpack_header(text)
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def check_payload_size(header: dict[str, Any], num_bytes: int) -> None:
    """Checks the size of a payload before it is read."""
    limit = 0
    if "info" in header or "news" in header:
        limit = 3 * MAX_PACKETS * np.dtype(np.int64).itemsize
    elif "bytes" in header:
        limit = MAX_PART_BYTES
    elif "slot" in header:
        limit = len(_list(header.get("thumbnails"))) * _JPEG_BYTES
    if num_bytes > limit:
        raise ValueError(f"{num_bytes} bytes came, but at most {limit} are allowed")


def error_parts(header: dict[str, Any]) -> tuple[str, str, str]:
    """Fact, consequence and cure of an error, each cut to what a person reads."""
    fact, consequence, cure = texts(header["error"])
    return fact, consequence, cure


def texts(value: Any) -> list[str]:
    """A list of texts, each cut to what a person reads. Raises ValueError for anything else."""
    return [_text(part)[:_TEXT_CHARACTERS] for part in _list(value)]


def video_info(path: Path, stamp: tuple[int, ...], facts: Any, payload: bytes) -> VideoInfo:
    if not isinstance(facts, dict):
        raise ValueError("facts are an object")
    try:
        check_facts(facts)
        pts, keyframes, *rest = _arrays(facts["lengths"], payload)
        if np.any(np.abs(np.append(pts, keyframes).astype(float)) > 2**62) or np.any(np.diff(keyframes) <= 0):
            raise ValueError("timestamps overflow or do not ascend")
        video = VideoInfo.from_facts(path, stamp, facts, pts, keyframes, *rest)
        if not 0 < video.duration_s <= MAX_DAYS * 86400:
            raise ValueError(f"it lasts {video.duration_s} s")
        return video
    except (KeyError, TypeError, OverflowError, ZeroDivisionError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error


def _arrays(lengths: Any, payload: bytes) -> list[NDArray[np.int64]]:
    """pts, keyframes and, where there are any, the pts of packets."""
    sizes = [number(length, 0, MAX_PACKETS) for length in _list(lengths)]
    values = np.frombuffer(payload, np.int64)
    if len(sizes) not in (2, 3) or sum(sizes) != len(values):
        raise ValueError("the timestamps are not those that were announced")
    return np.split(values, np.cumsum(sizes)[:-1])


def check_facts(facts: dict[str, Any]) -> None:
    """Checks everything that is no list of frames. KeyError, TypeError and others for what is missing or of no use."""
    for name in ("width", "height"):
        number(facts[name], 1, MAX_SIDE)
    if facts["width"] * facts["height"] > MAX_PIXELS:
        raise ValueError("too many pixels")
    number(facts["stream"], 0, MAX_STREAMS)
    number(facts["end_pts"], -(2**62), 2**62)
    for name in ("num_untimed", "num_hidden", "num_spread", "num_merged", "num_promised", "num_encrypted"):
        number(facts[name], 0, MAX_PACKETS)
    number(facts["rotation"], 0, 270)
    number(facts["temporal_layers"], 0, 8)
    if len(_list(facts["restarts"])) > MAX_PACKETS or len(_list(facts["dark"])) > MAX_PACKETS:
        raise ValueError("more places than packets")
    for pts in (*facts["restarts"], *(bound for span in facts["dark"] for bound in _list(span)[:2])):
        number(pts, -(2**62), 2**62)
    if len(_list(facts["video_streams"])) > MAX_STREAMS:
        raise ValueError("too many streams")
    for index in facts["video_streams"]:
        number(index, 0, MAX_STREAMS)
    for name in ("time_base", "start", "sample_aspect_ratio", "nominal_rate"):
        if (text := facts[name]) is None and name == "nominal_rate":
            continue
        value = fraction(text)
        if name != "start" and value <= 0:
            raise ValueError(f"{name} is not positive")
        if not math.isfinite(float(value)):
            raise ValueError(f"{name} is too large")
    for name, length in _TEXTS.items():
        if facts[name] is not None and len(_text(facts[name])) > length:
            raise ValueError(f"{name} is too long")
    _text(facts["codec"])
    identity(facts["identity"])


class Batches:
    """The batches that answer one request: every wanted frame comes, or is lost, exactly once."""

    def __init__(self, num_wanted: int, num_slots: int, batch_size: int, num_windows: int) -> None:
        self.num_wanted = num_wanted
        self._answered = np.zeros(num_wanted, np.bool_)
        self._num_windows = num_windows
        self._num_slots = num_slots
        self._free = set(range(num_slots))
        self._batch_size = batch_size

    def take(self, header: dict[str, Any], payload: bytes) -> tuple[int, list[int], list[int], list[dict[int, bytes]]]:
        """Slot, items, lost and, of each window, thumbnails of a batch that arrived."""
        slot = number(header["slot"], 0, self._num_slots - 1)
        if slot not in self._free:
            raise ValueError(f"slot {slot} is still being read")
        items, lost = (self._new(header.get(name)) for name in ("items", "lost"))
        if len(items) > self._batch_size:
            raise ValueError(f"{len(items)} frames in a batch of {self._batch_size}")
        thumbnails: list[dict[int, bytes]] = [{} for _ in range(self._num_windows)]
        offset = 0
        for told in _list(header.get("thumbnails")):
            item, window, size = _list(told)
            own = thumbnails[number(window, 0, self._num_windows - 1)]
            jpeg = payload[offset : offset + number(size, 1, _JPEG_BYTES)]
            if item not in items or item in own or not jpeg.startswith(b"\xff\xd8") or len(jpeg) < size:
                raise ValueError("a thumbnail of no frame here, or no JPEG")
            own[item] = jpeg
            offset += size
        if offset != len(payload):
            raise ValueError("more bytes than thumbnails have")
        self._free.remove(slot)
        return slot, items, lost, thumbnails

    def free(self, slot: int) -> None:
        self._free.add(slot)

    def finish(self) -> None:
        """Checks the answer when the process says that it is done."""
        if not self._answered.all():
            raise ValueError(f"{np.count_nonzero(~self._answered)} frames were never answered")

    def _new(self, value: Any) -> list[int]:
        items = [number(item, 0, len(self._answered) - 1) for item in _list(value)]
        if len(set(items)) < len(items) or self._answered[items].any():
            raise ValueError("a frame was answered twice")
        self._answered[items] = True
        return items


def number(value: Any, least: int, most: int) -> int:
    """A whole number in these bounds. Raises ValueError for anything else."""
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{str(value)[:40]} is not a number from {least} to {most}")
    return value


def identity(text: Any) -> str:
    """Raises ValueError for anything else."""
    return _matching(_IDENTITY, text)


def fraction(text: Any) -> Fraction:
    """Raises ValueError or ZeroDivisionError for anything else."""
    return Fraction(_matching(_FRACTION, text))


def seconds(value: Any) -> float:
    """A time of a film, not negative. Raises ValueError for anything else."""
    if type(value) not in (int, float) or not 0 <= value <= MAX_DAYS * 86400:
        raise ValueError(f"{str(value)[:40]} is no time of a film")
    return float(value)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("not a list")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("not a text")
    return value


def _matching(pattern: re.Pattern[str], value: Any) -> str:
    if not pattern.fullmatch(_text(value)):
        raise ValueError(f"{value[:40]!r} is not {pattern.pattern}")
    return value
