"""50Salads: activityAnnotations/NN-P-activityAnnotation.txt, lines of two clock times and an activity's part.

    1341996840 1342030173 cut_tomato_prep

The times are of the recorder's clock; timestamps/timestamps-NN-P.txt has the clock's time of each frame, a line each,
then the picture's name. Resolution: a frame; frame i is [i / 30, (i + 1) / 30), the published rate, unless the caller
gives another. A segment holds the frames whose times lie in it, both ends included; the clock's unit does not matter.
The parts _prep, _core and _post of an activity, and repetitions, are one segment where they touch. Steps of the recipe
(cut_and_mix_ingredients, prepare_dressing, serve_salad) hold the activities and are left out, with a count. Loses the
parts. Labels in alphabetic order. No escapes. The id is rgb-NN-P, as the films are called. The path is a file, the
folder activityAnnotations, or one of the two folders above it. Follows the data set's page (Stein and McKenna 2013)
and what published readers of it do; no original file was at hand. Traps: the clock does not begin with the film, so
that nothing is known without the timestamps.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import NamedTuple

from vtn_stream.formats.annotations.findings import Findings, Unreadable
from vtn_stream.formats.annotations.text import read_text
from vtn_stream.formats.annotations.words import At, shown

__all__ = ["NAME", "claims", "files_in", "read"]

NAME = "50Salads"
FPS = 30
FOLDER, CLOCKS = "activityAnnotations", "timestamps"
_FILE = re.compile(r"(?i)(?:rgb-)?(?P<take>.+?)-activityAnnotation\.txt")
_ROW = re.compile(r"(\d{1,18}) +(\d{1,18}) +(\S.*)", re.ASCII)
_PART = re.compile(r"(?P<activity>.+)_(?:prep|core|post)")


def claims(text: str) -> bool:
    """Whether the first lines are of two whole numbers and a name, and one of them is an activity's part."""
    lines = text[:4096].strip().split("\n")
    rows = [_ROW.fullmatch(line.strip()) for line in (lines[:-1] if len(text) > 4096 else lines)]
    return all(rows) and any(row is not None and _PART.fullmatch(row[3]) for row in rows)


def files_in(folder: Path) -> list[Path]:
    """The files of the data set in a folder, or in activityAnnotations below it."""
    for inner in (folder, folder / FOLDER, folder / "ann-ts" / FOLDER):
        if inner.is_dir() and (files := [f for f in sorted(inner.iterdir()) if _FILE.fullmatch(f.name)]):
            return files
    return []


def read(findings: Findings, files: list[Path]) -> None:
    """Raises Unreadable where no file has its timestamps."""
    findings.uses_fps = True
    fps = Fraction(FPS if findings.fps is None else findings.fps)
    clocks = {file: _clock_of(file) for file in files}
    if not any(clocks.values()):
        raise Unreadable(
            At(),
            f"there is no {_clock_name(files[0])}, so that its clock has no seconds of the film",
            f"put the data set's folder {CLOCKS} beside {FOLDER}",
        )
    num_steps = 0
    for file in files:
        at = At(file=file.name if len(files) > 1 else "")
        clock = clocks[file]
        if clock is None:
            findings.problem(at, f"there is no {_clock_name(file)}: put it into the folder {CLOCKS} beside {FOLDER}")
            continue
        text, ticks = (findings.loaded(f.name, partial(read_text, f)) for f in (file, clock))
        times = None if ticks is None else _times(findings, clock.name, ticks)
        if text is not None and times:
            num_steps += _read_film(findings, f"rgb-{_take(file)}", text, at, times, fps)
    if num_steps:
        findings.warn(At(), f"{num_steps} whole step{'s' * (num_steps > 1)} of the recipe left out")


class _Row(NamedTuple):
    """first, stop: frames of the film."""

    at: At
    first: int
    stop: int
    activity: str


def _read_film(findings: Findings, name: str, text: str, at: At, times: list[int], fps: Fraction) -> int:
    """Adds a film, and returns how many steps of the recipe were left out."""
    film = findings.film(name, at, duration_s=float(len(times) / fps))
    if film is None:
        return 0
    findings.films[film].num_labels = len(times)
    num_steps, rows = 0, list[_Row]()
    for place, row in _lines(findings, film, text, at):
        part = _PART.fullmatch(row[3])
        if part is None:
            num_steps += 1
            continue
        first, stop = bisect_left(times, int(row[1])), bisect_right(times, int(row[2]))
        if first >= stop:
            findings.lost(film, place, f"no frame lies between {row[1]} and {row[2]} on the clock of its timestamps")
        else:
            rows.append(_Row(place, first, stop, part["activity"]))
    for each in _joined(rows):
        findings.segment(film, each.at, float(each.first / fps), float(each.stop / fps), each.activity)
    return num_steps


def _lines(findings: Findings, film: str, text: str, at: At) -> Iterator[tuple[At, re.Match[str]]]:
    for number, line in enumerate(text.split("\n"), 1):
        place = at._replace(line=number)
        if not line.strip():
            continue
        if (row := _ROW.fullmatch(line.strip())) is None:
            findings.lost(film, place, f"not two clock times and an activity: {shown(line.strip())}")
        else:
            yield place, row


def _joined(rows: list[_Row]) -> list[_Row]:
    """Rows of one activity that touch, as one."""
    last: dict[str, int] = {}
    found: list[_Row] = []
    for row in sorted(rows, key=lambda row: (row.first, row.stop)):
        before = last.get(row.activity)
        if before is not None and found[before].stop == row.first:
            found[before] = found[before]._replace(stop=row.stop)
        else:
            last[row.activity] = len(found)
            found.append(row)
    return found


def _times(findings: Findings, name: str, text: str) -> list[int] | None:
    """The clock's time of each frame; None for a file that is not rising numbers."""
    times: list[int] = []
    for number, line in enumerate(text.split("\n"), 1):
        first = line.split(None, 1)[:1]
        if not first:
            continue
        at = At(line=number, file=name)
        if not re.fullmatch(r"\d{1,18}", first[0], re.ASCII):
            findings.problem(at, f"not a clock time: {shown(line.strip())}")
            return None
        if times and int(first[0]) <= times[-1]:
            findings.problem(at, f"its clock goes back: {first[0]} follows {times[-1]}")
            return None
        times.append(int(first[0]))
    if not times:
        findings.problem(At(file=name), "it is empty")
    return times


def _take(file: Path) -> str:
    """NN-P: who made a salad, and which."""
    match = _FILE.fullmatch(file.name)
    return file.stem if match is None else match["take"]


def _clock_name(file: Path) -> str:
    return f"timestamps-{_take(file)}.txt"


def _clock_of(file: Path) -> Path | None:
    folders = (file.parent, file.parent / CLOCKS, file.parent.parent / CLOCKS)
    return next((clock for folder in folders if (clock := folder / _clock_name(file)).is_file()), None)
