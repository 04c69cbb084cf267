"""Where in a JSON text something stands, so that an error can name the line and the field. Knows no schema."""

import json
import re
from collections.abc import Iterator, Sequence

from vtn_stream.errors import printable

__all__ = ["place_at", "place_of"]

MAX_TEXT = 16 * 1024 * 1024  # characters that are searched, some seconds of work; behind them nothing is found
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)


def place_of(way: Sequence[str | int | None], text: str | None) -> str:
    """line 12, segments[3].end_s: the value at the end of the way, the last where a key is there twice.

    Without the line where there is no text, and empty where the way is as well.
    """
    line, wanted = None, list(way)
    for start, here in _entries((text or "")[:MAX_TEXT]):
        if here == wanted:
            line = start
    return _shown(None if text is None or line is None else text.count("\n", 0, line) + 1, way)


def place_at(text: str, position: int) -> str:
    """line 12, segments[3].end_s: the last field that begins before the position, where the text may be broken."""
    here: list[str | int | None] = []
    for start, way in _entries(text[: min(position, MAX_TEXT)]):
        if start < position:
            here = way
    return _shown(text.count("\n", 0, position) + 1, here)


def _shown(line: int | None, way: Sequence[str | int | None]) -> str:
    parts = (f"[{key}]" if isinstance(key, int) else f".{printable(key)[:50]}" for key in way if key is not None)
    field = "".join(parts).removeprefix(".")
    place = ", ".join(part for part in ("" if line is None else f"line {line}", field) if part)
    return f"{place}: " if place else ""


def _entries(text: str) -> Iterator[tuple[int, list[str | int | None]]]:
    """Each entry of an object or a list: where it begins, and the way to it, in one list that changes meanwhile."""
    way: list[str | int | None] = []  # the index in a list, the key in an object, None before there is one
    for token in _TOKEN.finditer(text):
        word, last = token[0], way[-1] if way else ""
        if word in {"}", "]"}:
            del way[-1:]
        elif word == ",":
            way[-1:] = [last + 1 if isinstance(last, int) else None] if way else []
        elif word != ":":
            if last is None and word[0] == '"':
                way[-1] = _text(word)
                yield token.start(), way
                continue
            if isinstance(last, int):
                yield token.start(), way
            if word in {"{", "["}:
                way.append(0 if word == "[" else None)


def _text(word: str) -> str:
    try:
        return str(json.loads(word))
    except ValueError:
        return word
