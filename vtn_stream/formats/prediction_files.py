"""Reads predictions of any system, so that they can be scored: segments with scores, by film. Knows the timeline only.

ActivityNet results   {"results": {id: [{"label", "score", "segment": [start, end]}]}}; an entry without a segment is a
                      label of the whole film, a film without entries is one in which nothing was found
CSV                   video,start_s,end_s,label,score, or columns that say as much (`columns.py`): a row a segment; a
                      row with a video and nothing else is a film in which nothing was found

Seconds, in CSV also M:SS and H:MM:SS.mmm; as exact as the digits. Scores are any numbers, higher is surer. Times may
lie before 0 and after the end: some systems predict such. Loses other keys and columns. Escapes: JSON's own, RFC 4180
quotes. Traps: an id that stands twice in JSON, of which other readers keep the last in silence, is refused.
"""

import json
import math
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

from vtn_stream.errors import AnnotationError, InputError, listed
from vtn_stream.film import one_form
from vtn_stream.formats.annotations.columns import columns_of
from vtn_stream.formats.annotations.findings import Findings, Unreadable
from vtn_stream.formats.annotations.table import cells_below, has_decimal_commas, header_of, lines_above
from vtn_stream.formats.annotations.table_times import Times
from vtn_stream.formats.annotations.text import as_text, refuse_pickle, seconds
from vtn_stream.formats.annotations.words import id_fault, number, shown, text_fault
from vtn_stream.formats.reading import content_of, encoding_of
from vtn_stream.formats.sheets import is_spreadsheet, table_of
from vtn_stream.timeline import Segment
from vtn_stream.times import is_clock, seconds_of

__all__ = ["FilmResults", "read_results"]

MAX_ENTRIES = 2_000_000  # ActivityNet's 5,000 test films with 200 predictions each are one million

NO_LABEL = "it has no label: proposals, which say when and not what, are not scored"
LABELLED = "give labelled segments in seconds: ActivityNet results, or a table video,start_s,end_s,label,score"
LABEL_IT = "add to each what it shows: the best class of its film, or of a classifier of segments"

_COLUMNS = ("video", "start_s", "end_s", "label", "score")


class FilmResults(NamedTuple):
    """The predictions for one film, in the file's order. clip_labels: labels of the whole film with their scores."""

    segments: list[Segment]
    clip_labels: list[tuple[str, float]]


class _Fault(ValueError):
    """What is wrong, and what to do. of_one: it is wrong with one entry alone, which can be left out."""

    def __init__(self, text: str, cure: str = "fix the file", *, of_one: bool = False) -> None:
        super().__init__(text)
        self.cure = cure
        self.of_one = of_one


def read_results(
    path: Path, *, fps: float | Fraction | None = None, left_out: list[str] | None = None
) -> dict[str, FilmResults] | None:
    """The predictions in a file, by film; None if it is not a file of predictions. Raises InputError for a bad one.

    fps       frames a second, for tables that count frames
    left_out  gets what is wrong with single entries, which are then left out; None: they are errors
    """
    data = content_of(path, consequence="nothing was scored", too_large="keep fewer predictions of each film")
    try:
        refuse_pickle(data, path.name)
        if is_spreadsheet(data):
            data = _of_workbook(data, path.name)
        if encoding_of(data) == "utf-8-sig" and b"\0" in data[:4096]:
            return None
        text = as_text(data, path.name)
        if text.lstrip().startswith("{"):
            return _of_json(text, left_out)
        if {"tmin", "tmax"} <= set(text.split("\n", 1)[0].lower().split(",")):
            raise _Fault("its tmin and tmax are shares of a film's length, and it has no labels", LABELLED)
        above = lines_above(text, _is_header)
        return None if above is None else _of_table(text, above, path.name, fps, left_out)
    except (_Fault, AnnotationError) as error:
        fault = error.fact.removeprefix(f"{path.name} ") if isinstance(error, AnnotationError) else str(error)
        raise InputError(
            f"{path.name} cannot be read as predictions ({fault})",
            "nothing was scored",
            error.cure + ", or leave out what is wrong (--skip-bad)" * getattr(error, "of_one", False),
        ) from error


def _of_json(text: str, left_out: list[str] | None) -> dict[str, FilmResults] | None:
    if text.count("{") > MAX_ENTRIES:
        raise _Fault(f"it has more than {MAX_ENTRIES} entries")
    try:
        data = json.loads(text, object_pairs_hook=_object, parse_int=_whole)
    except RecursionError as error:
        raise _Fault("it is nested too deeply") from error
    except json.JSONDecodeError as error:
        raise _Fault(f"it is damaged JSON: {error}") from error
    if "results" not in data:
        return None
    results = data["results"]
    if not isinstance(results, dict):
        raise _Fault(f"its results are {shown(results)}, not an object with a list for each film")
    films: dict[str, FilmResults] = {}
    for name, entries in results.items():
        try:
            _check_id(name)
            if not isinstance(entries, list):
                raise _Fault(f"the entry of {shown(name)} is {shown(entries)}, not a list")
        except _Fault as error:
            _leave_out(str(error), error, left_out)
            continue
        films[name] = FilmResults([], [])
        for i, entry in enumerate(entries):
            try:
                _put(films[name], entry)
            except _Fault as error:
                _leave_out(f"{shown(name)}[{i}]: {error}", error, left_out)
    return films


def _leave_out(text: str, error: _Fault, left_out: list[str] | None) -> None:
    """Notes what is wrong with one entry. Raises _Fault unless entries are left out."""
    if left_out is None:
        raise _Fault(text, error.cure, of_one=True) from error
    left_out.append(text)


def _put(film: FilmResults, entry: object) -> None:
    if not isinstance(entry, dict):
        raise _Fault(f"it is {shown(entry)}, not an object")
    label, score = entry.get("label"), entry.get("score")
    if "segment" not in entry:
        film.clip_labels.append((_label(label), _score(score)))
        return
    if label is None:
        raise _Fault(NO_LABEL, LABEL_IT)
    segment = entry["segment"]
    if not isinstance(segment, list) or len(segment) != 2:
        raise _Fault(f"its segment is {shown(segment)}, not [start, end]")
    film.segments.append(_segment(segment[0], segment[1], label, score))


def _of_table(
    text: str, above: int, name: str, fps: float | Fraction | None, left_out: list[str] | None
) -> dict[str, FilmResults]:
    header = header_of(text, above)
    found = columns_of(header)
    if found.twice:
        doubt = f"{' and '.join(found.twice)} may mean the same"
        raise _Fault(f"line {1 + above}: {doubt}: call them {', '.join(_COLUMNS)}")
    names = [name.lower() for name in header]
    if faulty := [*found.lacking, *(column for column in _COLUMNS if names.count(column) > 1)]:
        raise _Fault(f"the header must name {', '.join(_COLUMNS)}, each once; look at {', '.join(faulty)}")
    findings = Findings(name, fps=fps)  # for the rows of odd length, which it tells
    films: dict[str, FilmResults] = {}
    spelled: dict[str, str] = {}
    comma = has_decimal_commas(text, above)
    line: int | None = 1
    try:
        times = Times(findings, found, text, above, comma=comma)
        for num, (at, cells) in enumerate(cells_below(findings, text, above)):
            line = at.line
            if num >= MAX_ENTRIES:
                raise _Fault(f"line {line}: more than {MAX_ENTRIES} rows")
            film_name, label, given = (cells[i or 0] for i in (found.film, found.label, found.score))
            try:
                _check_id(film_name)
                film = films.setdefault(spelled.setdefault(one_form(film_name), film_name), FilmResults([], []))
                if times.any_in(cells) or label or given:
                    score = given if ":" in given else seconds(given, comma=comma)
                    start_s, end_s = times.of(film_name, at, cells)
                    film.segments.append(_segment(start_s, start_s if end_s is None else end_s, label, score))
            except _Fault as error:
                _leave_out(f"line {line}: {error}", error, left_out)
    except Unreadable as error:
        raise _Fault(f"line {error.at.line}: {error.text}", error.cure) from error
    for odd, problem in findings.problems:
        _leave_out(f"line {odd.line}: {problem}", _Fault(problem), left_out)
    return films


def _of_workbook(data: bytes, name: str) -> bytes:
    """The text of the table in a workbook, in UTF-8."""
    table = table_of(data, name, _holds_predictions, error=AnnotationError)
    if table.rivals:
        raise _Fault(f"its sheets {listed([table.title, *table.rivals])} all hold some", "keep one of them in the file")
    if table.guessed:
        raise _Fault(table.guessed[0], "write numbers: times in seconds, and values in place of formulas")
    return table.text.encode()


def _holds_predictions(text: str) -> bool:
    return lines_above(text, _is_header) is not None


def _is_header(header: Sequence[str]) -> bool:
    found = columns_of(header)
    names = {name.lower() for name in header}
    return {"video", "score"} <= names or (found.score is not None and found.film is not None and found.holds_times)


def _segment(start: object, end: object, label: object, score: object) -> Segment:
    start_s, end_s = _time("start", start), _time("end", end)
    if end_s < start_s:
        raise _Fault(f"it ends at {end_s:g} s, before it starts at {start_s:g} s")
    return Segment(start_s=start_s, end_s=end_s, label=_label(label), score=_score(score))


def _time(word: str, given: object) -> float:
    time_s = number(seconds_of(given) if isinstance(given, str) and is_clock(given) else given)
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
        raise _Fault(f"the key {shown(twice)} occurs twice")
    return content


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) < 300 else float(digits)  # int() refuses 4300 digits and more
