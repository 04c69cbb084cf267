"""ActivityNet JSON: {"database": {id: {"duration", "subset", "annotations": [{"label", "segment": [start, end]}]}}}.

Seconds, as exact as the numbers. Loses url, resolution, taxonomy, version. Escapes: JSON's own. Labels in alphabetic
order: the format has none. Traps: files that call frames seconds (told where the film's duration is known); an id
that stands twice, of which other readers keep the last in silence.
"""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any, TypeGuard

from vtn_stream.errors import AnnotationError
from vtn_stream.formats.annotations.draft import MAX_ENTRIES, Draft
from vtn_stream.formats.annotations.text import json_lines
from vtn_stream.formats.annotations.words import At, shown

__all__ = ["NAME", "films", "is_pair", "parse", "read"]

NAME = "ActivityNet JSON"


def parse(text: str, name: str) -> dict[str, Any] | None:
    """The films of the database; None for what is no such file. Raises AnnotationError for a damaged one."""
    if not text.lstrip().startswith("{"):
        return None
    fault = ""
    try:
        if text.count("{") + text.count("[") > 4 * MAX_ENTRIES:
            raise ValueError("too many entries")
        data = json.loads(text, object_pairs_hook=_Object, parse_int=_whole)
    except RecursionError:
        fault = "nested too deeply"
    except ValueError as error:
        fault = str(error)
    if fault and '"database"' in text:
        raise AnnotationError(f"{name} is damaged JSON ({fault})", "no annotations were read", "mend the file")
    database = None if fault else data.get("database")
    return database if isinstance(database, dict) else None


def read(draft: Draft, text: str, database: dict[str, Any]) -> None:
    for name, entry in films(draft, text, database):
        for at, annotation in entry:
            segment = annotation.get("segment")
            if is_pair(segment):
                draft.segment(name, at, segment[0], segment[1], annotation.get("label"))
            else:
                draft.lost(name, at, f"its segment is {shown(segment)}, not [start, end]")


def films(
    draft: Draft, text: str, database: dict[str, Any]
) -> Iterator[tuple[str, Iterator[tuple[At, dict[str, Any]]]]]:
    """Each film's id and its annotations with their places, after its facts were put down."""
    lines: dict[tuple[str | int, ...], int] = {}

    def locate(path: tuple[str | int, ...]) -> int | None:
        if not lines:  # only for a file with something to tell
            lines.update(json_lines(text))
        return lines.get(path)

    draft.locate = locate
    _report_repeated(draft, At(path=("database",)), database)
    for name, entry in database.items():
        at = At(path=("database", name))
        if not isinstance(entry, dict):
            draft.problem(at, f"a film is {shown(entry)}, not an object")
            continue
        _report_repeated(draft, at, entry)
        known = draft.film(name, at, duration_s=entry.get("duration"), subset=entry.get("subset"))
        if known is None:
            continue
        annotations = entry.get("annotations")
        if isinstance(annotations, list):
            yield known, _annotations(draft, known, annotations)
        else:
            draft.lost(known, at, f"its annotations are {shown(annotations)}, not a list")


def is_pair(segment: object) -> TypeGuard[list[object]]:
    return isinstance(segment, list) and len(segment) == 2


def _annotations(draft: Draft, name: str, annotations: list[object]) -> Iterator[tuple[At, dict[str, Any]]]:
    for i, annotation in enumerate(annotations):
        at = At(path=("database", name, "annotations", i))
        if isinstance(annotation, dict):
            _report_repeated(draft, at, annotation)
            yield at, annotation
        else:
            draft.lost(name, at, f"it is {shown(annotation)}, not an object")


def _report_repeated(draft: Draft, at: At, entry: dict[str, Any]) -> None:
    for key in getattr(entry, "repeated", ()):
        draft.problem(At(path=(*at.path, key)), "this key stands twice; the first would be read")


class _Object(dict[str, Any]):
    """Keeps the first of keys that stand twice, and tells which they are."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.repeated: tuple[str, ...] = ()
        if len(self) < len(pairs):
            self.update(reversed(pairs))
            self.repeated = tuple(key for key, num in Counter(key for key, _ in pairs).items() if num > 1)


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) < 300 else float(digits)  # int() refuses 4300 digits and more
