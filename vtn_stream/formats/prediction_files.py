"""Reads predictions of any system, so that they can be scored: segments with scores, by film. Knows the timeline only.

ActivityNet results   {"results": {id: [{"label", "score", "segment": [start, end]}]}}; an entry without a segment is a
                      label of the whole film, a film without entries is one in which nothing was found
CSV                   video,start_s,end_s,label,score: a row a segment, in any column order; a row with a video and
                      nothing else is a film in which nothing was found

Seconds, in CSV also H:MM:SS.mmm; as exact as the digits. Scores are any numbers, higher is surer. Times may lie before
0 and after the end: some systems predict such. Loses other keys and columns. Escapes: JSON's own, RFC 4180 quotes.
Traps: an id that stands twice in JSON, of which other readers keep the last in silence, is refused.
"""

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from vtn_stream.errors import AnnotationError, InputError
from vtn_stream.formats.annotations.findings import Findings, Unreadable
from vtn_stream.formats.annotations.table import columns, has_decimal_commas, rows
from vtn_stream.formats.annotations.text import as_text, seconds
from vtn_stream.formats.annotations.words import id_fault, number, shown, text_fault
from vtn_stream.formats.reading import content_of
from vtn_stream.timeline import Segment

__all__ = ["FilmResults", "read_results"]

MAX_ENTRIES = 2_000_000  # ActivityNet's 5,000 test films with 200 predictions each are one million

_COLUMNS = ("video", "start_s", "end_s", "label", "score")


class FilmResults(NamedTuple):
    """The predictions for one film, in the file's order. clip_labels: labels of the whole film with their scores."""

    segments: list[Segment]
    clip_labels: list[tuple[str, float]]


class _Fault(ValueError):
    """What is wrong with one entry."""


def read_results(path: Path) -> dict[str, FilmResults] | None:
    """The predictions in a file, by film; None if it is not a file of predictions. Raises InputError for a bad one."""
    data = content_of(path, consequence="nothing was scored", too_large="keep fewer predictions of each film")
    if b"\0" in data[:4096]:
        return None
    try:
        text = as_text(data, path.name)
        if text.lstrip().startswith("{"):
            return _of_json(text)
        return _of_table(text, path.name) if {"video", "score"} <= set(columns(text)) else None
    except (_Fault, AnnotationError) as error:
        fault = error.fact.removeprefix(f"{path.name} ") if isinstance(error, AnnotationError) else str(error)
        raise InputError(
            f"{path.name} cannot be read as predictions ({fault})", "nothing was scored", "mend the file"
        ) from error


def _of_json(text: str) -> dict[str, FilmResults] | None:
    if text.count("{") > MAX_ENTRIES:
        raise _Fault(f"it has more than {MAX_ENTRIES} entries")
    try:
        data = json.loads(text, object_pairs_hook=_object, parse_constant=_no_number, parse_int=_whole)
    except RecursionError as error:
        raise _Fault("it is nested too deeply") from error
    except json.JSONDecodeError as error:
        raise _Fault(f"it is damaged JSON: {error}") from error
    if "results" not in data:
        return None
    results = data["results"]
    if not isinstance(results, dict):
        raise _Fault(f"its results are {shown(results)}, not an object with a list for each film")
    films = {}
    for name, entries in results.items():
        _check_id(name)
        if not isinstance(entries, list):
            raise _Fault(f"of {shown(name)} there is {shown(entries)}, not a list")
        films[name] = FilmResults([], [])
        for i, entry in enumerate(entries):
            try:
                _put(films[name], entry)
            except _Fault as error:
                raise _Fault(f"{shown(name)}[{i}]: {error}") from error
    return films


def _put(film: FilmResults, entry: object) -> None:
    if not isinstance(entry, dict):
        raise _Fault(f"it is {shown(entry)}, not an object")
    label, score = entry.get("label"), entry.get("score")
    if "segment" not in entry:
        film.clip_labels.append((_label(label), _score(score)))
        return
    segment = entry["segment"]
    if not isinstance(segment, list) or len(segment) != 2:
        raise _Fault(f"its segment is {shown(segment)}, not [start, end]")
    film.segments.append(_segment(segment[0], segment[1], label, score))


def _of_table(text: str, name: str) -> dict[str, FilmResults]:
    header = columns(text)
    if faulty := [column for column in _COLUMNS if header.count(column) != 1]:
        raise _Fault(f"the header must name {', '.join(_COLUMNS)}, each once; look at {', '.join(faulty)}")
    findings = Findings(name)  # for the rows of odd length, which it tells
    films: dict[str, FilmResults] = {}
    comma = has_decimal_commas(text)
    line: int | None = 1
    try:
        for num, (at, row) in enumerate(rows(findings, text)):
            line = at.line
            if num >= MAX_ENTRIES:
                raise _Fault(f"more than {MAX_ENTRIES} rows")
            _check_id(row["video"])
            film = films.setdefault(row["video"], FilmResults([], []))
            if any(row[column] for column in _COLUMNS[1:]):
                score = row["score"] if ":" in row["score"] else seconds(row["score"], comma=comma)
                start_s, end_s = (seconds(row[column], comma=comma) for column in ("start_s", "end_s"))
                film.segments.append(_segment(start_s, end_s, row["label"], score))
    except Unreadable as error:
        raise _Fault(f"line {error.at.line}: {error.text}") from error
    except _Fault as error:
        raise _Fault(f"line {line}: {error}") from error
    for odd, problem in findings.problems[:1]:
        raise _Fault(f"line {odd.line}: {problem}")
    return films


def _segment(start: object, end: object, label: object, score: object) -> Segment:
    start_s, end_s = _time("start", start), _time("end", end)
    if end_s < start_s:
        raise _Fault(f"it ends at {end_s:g} s, before it starts at {start_s:g} s")
    return Segment(start_s=start_s, end_s=end_s, label=_label(label), score=_score(score))


def _time(word: str, given: object) -> float:
    time_s = number(given)
    if time_s is None or not math.isfinite(time_s):
        raise _Fault(f"its {word} is {shown(given)}, not a number of seconds")
    return time_s


def _label(given: object) -> str:
    if not isinstance(given, str):
        raise _Fault(f"its label is {shown(given)}, not text")
    label = given.strip()
    if fault := text_fault(label):
        raise _Fault(f"its label {shown(given)} {fault}" if label else "it has no label")
    return label


def _score(given: object) -> float:
    score = number(given)
    if score is None or not math.isfinite(score):
        raise _Fault(f"its score is {shown(given)}, not a number")
    return score


def _check_id(name: str) -> None:
    if fault := id_fault(name):
        raise _Fault(f"the film's id {shown(name)} {fault}")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        twice = max(Counter(key for key, _ in pairs).items(), key=lambda item: item[1])[0]
        raise _Fault(f"the key {shown(twice)} stands twice")
    return content


def _no_number(constant: str) -> NoReturn:
    raise _Fault(f"{constant} is not a number")


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) < 300 else float(digits)  # int() refuses 4300 digits and more
