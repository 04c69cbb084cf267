"""Lines of times without a header: "match.mp4 0.5 4.25 goal", "0.5,4.25,goal", "match.mp4,goal,1:30,2:00".

A film's path with a film's suffix, if any, a start, an end and a label; or the label before the times. Commas,
semicolons, tabs or spaces between them; without commas there, decimal commas. Seconds, M:SS or H:MM:SS.mmm, with a
warning that it was read so; where every time is a whole number it may be a frame, and where they follow a label it may
be a vote: both are refused, as are numbers behind every label. Without a film it is called as the file. What has times
is never a list of whole clips. Loses nothing; no escapes but quotes around a label. Empty lines and those that begin
with # are passed over.
"""

import io
import itertools
import posixpath
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from vtn_stream.film import FILM_SUFFIXES
from vtn_stream.formats.annotations.findings import Findings, Unreadable
from vtn_stream.formats.annotations.text import seconds
from vtn_stream.formats.annotations.words import At, shown
from vtn_stream.formats.reading import named_by

__all__ = ["CURE", "claims", "first_with_times", "read"]

NUM_TRIED = 20  # lines, until one has times
MAX_LINE = 8192  # characters
CURE = "put the line video,start_s,end_s,label above, or video,time_s,label, and such cells below"
_WITHOUT_FILM = "put the line start_s,end_s,label above, or start_frame,end_frame,label if they count frames"

_GAP = r"(?<!\s)(?:\s*+[,;]\s*+|\s++)"
_TIME = r"(?:\d{1,4}:)?\d{1,4}:[0-5]\d(?:[.,]\d+)?|\d{1,9}(?:\.\d+)?"
_TIMES = rf'"?(?P<start>{_TIME})"?{_GAP}"?(?P<end>{_TIME})"?'
_COMMA_GAP = r"(?<!\s)(?:\s*+[;\t]\s*+|\s++)"
_COMMA_TIMES = rf'"?(?P<start>\d{{1,9}}(?:,\d+)?)"?{_COMMA_GAP}"?(?P<end>\d{{1,9}}(?:,\d+)?)"?'
_LABEL = r'"?(?P<label>[^\s,;"\d:.][^\n]*?)"?'
_AFTER_FILM = re.compile(rf'\.(?i:{"|".join(sorted(FILM_SUFFIXES))})(?P<quote>"?){_GAP}', re.ASCII)
_TIMES_FIRST = re.compile(rf"{_TIMES}{_GAP}{_LABEL}", re.ASCII)
_LABEL_FIRST = re.compile(rf"{_LABEL}{_GAP}{_TIMES}", re.ASCII)
_COMMAS_FIRST = re.compile(rf"{_COMMA_TIMES}{_COMMA_GAP}{_LABEL}", re.ASCII)
_BEHIND_LABEL = re.compile(r".*(?:\t.*|[,;]\s*[+-]?\d[\d.]*|\s\d*\.\d+)", re.ASCII)
_CLOCK_ALONE = re.compile(rf"(?:\d{{1,4}}:)?\d{{1,4}}:[0-5]\d(?:\.\d+)?(?:{_GAP}.*)?", re.ASCII)
# What labels of whole clips are not: clocks, timecode, fractions, and numbers with a unit.
_FINE = (
    r"(?:(?:\d{1,4}:){1,2}[0-5]\d(?:[.,:;]\d+)?|[+-]?\d*\.\d+(?:[eE][+-]?\d+)?(?:ms|s)?"
    r"|[+-]?\d+(?:ms|s|[eE][+-]?\d+))"
)
_ANY, _TO = rf"(?:{_FINE}|[+-]?\d+)", r"\s*(?:[\s,;-]|to)\s*"
_PAIR = re.compile(
    rf"(?:{_FINE}{_TO}{_ANY}|{_ANY}{_TO}{_FINE}|[\[(]\s*{_ANY}{_TO}{_ANY}\s*[\])])(?:[\s,;].*)?", re.ASCII
)
_ONE_FIRST = re.compile(rf"{_FINE}[\s,;].*|{_CLOCK_ALONE.pattern}", re.ASCII)
_ONE_LAST = re.compile(rf".*[^\s\d].*[\s,;]{_FINE}", re.ASCII)


class _TimedLine(NamedTuple):
    """What a line says; film: empty for none."""

    film: str
    start: str
    end: str
    label: str
    times_first: bool


def claims(text: str) -> bool:
    """Whether most of the first lines have times. Whole numbers that do not rise, behind a label, are votes."""
    lines = [line for _, line in itertools.islice(_lines(text), NUM_TRIED)]
    found = [timed for line in lines if (timed := _timed(line)) is not None]
    num = len(found) + sum(_timed(line) is None and _is_clock_alone(line) for line in lines)
    votes = any(_may_be_votes(timed) and int(timed.start) >= int(timed.end) for timed in found)
    return 2 * num > len(lines) and not votes


def read(findings: Findings, path: Path, text: str) -> None:
    found = [(at, line, _timed(line)) for at, line in _lines(text)]
    known = [timed for _, _, timed in found if timed is not None]
    first = next(at for at, _, timed in found if timed is not None or not known)
    if all(time.isdecimal() for timed in known for time in (timed.start, timed.end)):
        raise Unreadable(
            first,
            "there is no header, and its numbers may be seconds, frames or none of these",
            _WITHOUT_FILM if all(timed.times_first and not timed.film for timed in known) else CURE,
        )
    if all(_BEHIND_LABEL.fullmatch(timed.label) for timed in known):
        raise Unreadable(
            first,
            "there is no header, and behind each label stands something more",
            "put the line video,start_s,end_s,label,score above, and such cells below",
        )
    findings.warn(first, "there is no header: each line is read as start and end in seconds, and a label")
    own_name = named_by(path.name)
    for at, line, timed in found:
        if timed is None:
            findings.problem(at, f"not a start, an end and a label: {shown(line)}")
        elif (name := findings.film(timed.film or own_name, at)) is not None:
            start, end = (seconds(time, comma=True) for time in (timed.start, timed.end))
            findings.segment(name, at, start, end, timed.label)


def first_with_times(lines: Sequence[tuple[At, str, str]]) -> At | None:
    """The first line that makes this no list of whole clips, of what stands behind a path: a label, and numbers behind
    it. Times are a pair of which one is no whole number, such a time beside every label, and a number behind a label
    that is neither whole nor a score.
    """
    for at, label, behind in lines:
        is_time = any(float(number) > 1 for number in re.findall(r"\d*\.\d+", behind))
        if is_time or _PAIR.fullmatch(label + behind):
            return at
    if any(all(one.fullmatch(label) for _, label, _ in lines) for one in (_ONE_FIRST, _ONE_LAST)):
        return lines[0][0] if lines else None
    return None


def _timed(line: str) -> _TimedLine | None:
    if len(line) > MAX_LINE:
        return None
    film, rest = _film(line)
    match = _TIMES_FIRST.fullmatch(rest) or _COMMAS_FIRST.fullmatch(rest)
    match = match or (_LABEL_FIRST.fullmatch(rest) if film else None)
    if match is None:
        return None
    return _TimedLine(film, match["start"], match["end"], match["label"], match.re is not _LABEL_FIRST)


def _film(line: str) -> tuple[str, str]:
    """The path that a line begins with, in its plain form, and the rest; "" and the line where it begins with none."""
    ends = list(_AFTER_FILM.finditer(line))
    if not ends:
        return "", line
    path = line[: ends[-1].start("quote")].removeprefix('"')
    return posixpath.normpath(path), line[ends[-1].end() :]


def _is_clock_alone(line: str) -> bool:
    film, rest = _film(line)
    return bool(film) and len(line) <= MAX_LINE and _CLOCK_ALONE.fullmatch(rest) is not None


def _may_be_votes(timed: _TimedLine) -> bool:
    return not timed.times_first and timed.start.isdecimal() and timed.end.isdecimal()


def _lines(text: str) -> Iterator[tuple[At, str]]:
    for number, line in enumerate(io.StringIO(text), 1):
        if (line := line.strip()) and not line.startswith("#"):
            yield At(line=number), line
