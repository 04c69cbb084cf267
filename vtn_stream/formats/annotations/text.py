"""Reads untrusted files as text, within limits, and finds the lines of things in it. Knows no format."""

import gzip
import json
import math
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from vtn_stream.errors import AnnotationError
from vtn_stream.formats.reading import content_of, encoding_of
from vtn_stream.times import seconds_of

__all__ = [
    "MAX_BYTES",
    "as_text",
    "json_bytes",
    "json_lines",
    "line_finder",
    "lines_of",
    "parsed_json",
    "read_bytes",
    "read_text",
    "refuse_pickle",
    "repeated_keys",
    "seconds",
    "sep_line",
    "unpacked",
    "without_surrogates",
]

MAX_BYTES = 64 * 1024 * 1024  # a million rows

_PACKED = {b"\xfd7zXZ": "xz", b"BZh": "bzip2", b"\x28\xb5\x2f\xfd": "zstd"}

_EXPONENT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)[eE][+-]?\d{1,4}", re.ASCII)
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]|\n|[^\s{}\[\],:"]+')


def read_bytes(path: Path, head: int | None = None) -> bytes:
    """A regular file's bytes, or the first `head` of them. Raises AnnotationError, also for too many."""
    return content_of(
        path,
        consequence="no annotations were read",
        too_large="split the file",
        most=MAX_BYTES,
        head=head,
        error=AnnotationError,
    )


def unpacked(data: bytes, name: str) -> bytes:
    """What is in a gzip file, up to MAX_BYTES; other data as it is. Raises AnnotationError, also for other packing."""
    consequence = "no annotations were read"
    if kind := next((kind for head, kind in _PACKED.items() if data.startswith(head)), None):
        raise AnnotationError(f"{name} is packed ({kind})", consequence, "unpack it, or pack it with gzip")
    if not data.startswith(b"\x1f\x8b"):
        return data
    try:
        with gzip.GzipFile(fileobj=BytesIO(data)) as file:
            inner = file.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise AnnotationError(f"{name} is damaged gzip ({error})", consequence, "copy the file again") from error
    if len(inner) > MAX_BYTES:
        raise AnnotationError(f"{name} holds more than {MAX_BYTES // 2**20} MiB", consequence, "split the file")
    return inner


def as_text(data: bytes, name: str) -> str:
    """UTF-8 or UTF-16, with or without their mark, every line break a \\n. Raises AnnotationError."""
    try:
        text = data.decode(encoding_of(data))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise AnnotationError(
            f"{name} is not text in UTF-8 or UTF-16 (line {line})", "no annotations were read", "save it as UTF-8"
        ) from error
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def refuse_pickle(data: bytes, name: str) -> None:
    """Raises AnnotationError for a pickle: to read one is to run what it says."""
    if re.match(rb"\x80[\x02-\x05]", data):
        raise AnnotationError(
            f"{name} is a pickle, which can run any program when it is opened",
            "it was not read",
            "write its content as a table with the columns video, start_s, end_s and label, and score for predictions, "
            "or as ActivityNet JSON, where you trust it",
        )


def read_text(path: Path) -> str:
    """Raises AnnotationError."""
    return as_text(read_bytes(path), path.name)


def lines_of(text: str, start: int = 0) -> Iterator[str]:
    """The lines of a text with their breaks, which are \\n; io.StringIO would hold four bytes a character."""
    while (end := text.find("\n", start) + 1) > 0:
        yield text[start:end]
        start = end
    if start < len(text):
        yield text[start:]


def sep_line(text: str) -> str:
    """The line "sep=;" with which spreadsheets begin some tables, with its line break; else ""."""
    found = re.match(r'"?sep=[,;\t]"?\n', text, re.IGNORECASE)
    return found[0] if found else ""


def seconds(text: str, *, comma: bool = False) -> float | str:
    """Seconds in "75.5", "1:15.5" or "0:01:15.5", also nan and inf; anything else is returned unchanged.

    comma: it may stand for the decimal point, as spreadsheets write where cells end with semicolons or tabs.
    """
    time_s = seconds_of(text, comma=comma)
    if time_s is not None:
        return time_s
    text = text.strip()
    if _EXPONENT.fullmatch(text):
        return float(text)
    word = text.lower().lstrip("+-")
    if word in {"nan", "inf", "infinity"}:
        return math.nan if word == "nan" else math.inf
    return text


def without_surrogates(text: str) -> str:
    """The text with lone surrogates, which UTF-8 cannot hold, as U+FFFD."""
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


def json_bytes(value: Any, *, ascii_only: bool = False) -> bytes:
    """A JSON file of ours; equal values give equal bytes. ascii_only: for readers that do not expect UTF-8."""
    text = without_surrogates(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False))
    if ascii_only:
        text = re.sub(r"[^\x00-\x7f]+", lambda others: json.dumps(others[0])[1:-1], text)
    return text.encode() + b"\n"


def parsed_json(text: str, max_entries: int) -> Any:
    """Parses JSON. Of a key that occurs twice the first counts, and `repeated_keys` lists it. Raises ValueError."""
    if text.count("{") + text.count("[") > 4 * max_entries:
        raise ValueError("too many entries")
    try:
        return json.loads(text, object_pairs_hook=_Object, parse_int=_whole)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def repeated_keys(entry: object) -> tuple[str, ...]:
    return entry.repeated if isinstance(entry, _Object) else ()


def line_finder(text: str, depth: int = 4) -> Callable[[tuple[str | int, ...]], int | None]:
    """The line of a path of a JSON text; counted only when one is asked for."""
    lines: dict[tuple[str | int, ...], int] = {}

    def line(path: tuple[str | int, ...]) -> int | None:
        if not lines:
            lines.update(json_lines(text, depth))
        return lines.get(path)

    return line


def json_lines(text: str, depth: int = 4) -> dict[tuple[str | int, ...], int]:
    """The line of each key and each item of a JSON text that parses, by its path, down to `depth`.

    The first of a key that occurs twice in its object.
    """
    lines: dict[tuple[str | int, ...], int] = {}
    kinds: list[str] = []  # "{" or "[", of each container that is open
    path: list[str | int] = []  # the key or the index that is being read in each of them
    line, before = 1, ""
    for match in _TOKEN.finditer(text):
        token = match.group()
        if token == "\n":
            line += 1
            continue
        if token in ("}", "]"):
            kinds.pop()
            path.pop()
        elif token not in (",", ":"):
            if kinds and kinds[-1] == "{" and before in ("{", ","):
                path[-1] = str(json.loads(token))
            elif kinds and kinds[-1] == "[":
                path[-1] = int(path[-1]) + 1
            if 0 < len(path) <= depth:
                lines.setdefault(tuple(path), line)
            if token in ("{", "["):
                kinds.append(token)
                path.append(-1)
        before = token
    return lines


class _Object(dict[str, Any]):
    """Keeps the first of keys that occur twice, and lists them."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.repeated: tuple[str, ...] = ()
        if len(self) < len(pairs):
            self.update(reversed(pairs))
            self.repeated = tuple(key for key, num in Counter(key for key, _ in pairs).items() if num > 1)


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) < 300 else float(digits)  # int() refuses 4300 digits and more
