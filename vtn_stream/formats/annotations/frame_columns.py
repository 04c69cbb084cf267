"""A column of 0 and 1 for each label, a row for each frame: DeepEthogram, SimBA, BORIS's binary table.

    ,background,walk,eat            time,walk,eat          1: it happens; 0: it does not; -1 or empty: nobody looked
    0,1,0,0                         0.0,0,1
    1,0,1,0                         1.0,1,0

Rows stand for frames, at the rate that the caller gives: for those of a first column without a name, or called frame;
else for one after the other, from 0. Row n is [n / fps, (n + 1) / fps). Where numbers leave some out evenly, or with a
column of times, which need no rate, a row stands for the time up to the next; the last one for its frame, or for no
time. What follows each other with 1 is one segment. Labels in the order of the columns, also those that never occur;
the column "background" is none. What nobody looked at, and what no row stands for, is unknown: nothing is learnt there.

Columns of other numbers (positions, probabilities) are not read, which a warning says; beside such, nor are columns
that are 0 throughout. Beside times, numbers below 100 may count how often something happens until the next row (BORIS's
point events). Of a column that stands there twice, 1 counts before -1, and that before 0. The film is called as the
file, without "_labels", "_predictions" or "-tool" at its end. Loses nothing else. Escapes: those of CSV; an apostrophe
before =, +, - or @ is removed. Traps: frames that are numbered from 1 are taken as such, with a warning.
Written by frame_columns_writer.py, which says how.
"""

import re
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from operator import itemgetter
from pathlib import Path
from statistics import median_low
from typing import NamedTuple

from vtn_stream.corrections import joined
from vtn_stream.errors import NoRate, listed
from vtn_stream.formats.annotations.findings import Findings, Unreadable
from vtn_stream.formats.annotations.frame_columns_writer import BACKGROUND, unprotected, write
from vtn_stream.formats.annotations.frame_table import NO, UNKNOWN, VALUES, YES, Clock, claims, clock_of, is_count
from vtn_stream.formats.annotations.frames import NO_RATE
from vtn_stream.formats.annotations.table import cells_below, has_decimal_commas, header_of
from vtn_stream.formats.annotations.text import seconds, sep_line
from vtn_stream.formats.annotations.words import At, shown
from vtn_stream.formats.reading import named_by
from vtn_stream.known import Known, Spans

__all__ = ["NAME", "claims", "film_id", "read", "write"]

NAME = "frame columns"
WIDE = 1.5  # steps between two rows: what is wider is a gap, for which no row stands
FEW = 20  # cells of a column that may be wrong; of more than one in a hundred, it is a column of another kind
MAX_POSITION = 10**12
_SUFFIX = re.compile(r"(?<=.)[-_ .](labels?|predictions?|tool)$", re.IGNORECASE)
_SCALES = {"ms": 1e-3, "min": 60.0}  # of a clock's unit, in seconds
_VALUES = frozenset(VALUES)

_Span = tuple[float, float]


class _Row(NamedTuple):
    """position: its frame, or its time in seconds"""

    at: At
    position: float
    cells: list[str]


class _Run(NamedTuple):
    """Rows that follow each other with one value. start, stop: positions."""

    at: At
    start: float
    stop: float
    value: int


class _Survey(NamedTuple):
    """Where the rows are; the columns of each label; how many columns hold something else."""

    positions: Sequence[float]
    labels: Mapping[str, Sequence[int]]
    num_others: int


def film_id(name: str) -> str:
    """mouse01_labels.csv -> mouse01"""
    return _SUFFIX.sub("", named_by(name))


def read(findings: Findings, path: Path, text: str) -> None:
    """Raises NoRate where rows are frames and their rate is not known."""
    clock, _ = clock_of(header_of(text))
    of_frames, given = clock.unit == "frames", film_id(path.name)
    rate = findings.rate_of(given) if of_frames else Fraction(1)
    if rate is None:
        raise NoRate(f"{path.name} has a row for each frame", "their seconds are not known", NO_RATE, film=given)
    at = At(line=1 + bool(sep_line(text)))
    if (name := findings.film(given, at)) is None:
        return
    survey = _survey(findings, name, text, clock, at)
    positions = survey.positions
    if len(positions) < 1 + (not of_frames):
        findings.lost(name, at, "there is one row alone, which says no time" if positions else "there are no rows")
        return
    first = 1.0 if of_frames and clock.column is not None and positions[0] == 1 else 0.0
    if first:
        findings.warn(at, "its first frame is 1: frames are taken to count from there")
    step = _step(positions, of_frames)
    told = Findings("")  # what is wrong with rows is told already
    told.film(name, at)
    runs, gaps = _runs(_rows(told, name, text, clock), survey.labels, step)
    stop = positions[-1] + of_frames  # the last row stands for its frame, of times for none
    if positions[0] > first + (0 if of_frames else WIDE * step):
        gaps.insert(0, (first, positions[0]))

    def placed(spans: Sequence[_Span]) -> Spans:
        return tuple((float(Fraction(a - first) / rate), float(Fraction(b - first) / rate)) for a, b in spans)

    if of_frames:
        findings.film(name, at, duration_s=placed([(first, stop)])[0][1])
        findings.films[name].num_labels = None if gaps else round(stop - first)
    labels = _occurring(findings, at, runs) if survey.num_others else list(runs)
    known: dict[str, Spans] = {}
    doubtful = list(gaps)
    for given in labels:
        label = findings.label(at, given)
        of = [run._replace(stop=min(run.stop, stop)) for run in runs[given] if run.start < stop]
        for run in of:
            if run.value == YES:
                findings.segment(name, run.at, *placed([(run.start, run.stop)])[0], label)
        unknown = [*gaps, *((run.start, run.stop) for run in of if run.value == UNKNOWN)]
        known[label] = placed(_between(unknown, first, stop))
        doubtful += unknown
        if label not in findings.labels:
            findings.labels = [*findings.labels, label]
    findings.looked_at(name, Known(own=known, rest=placed(_between(doubtful, first, stop))))


def _rows(findings: Findings, name: str, text: str, clock: Clock) -> Iterator[_Row]:
    """The rows that say where they are, one after the other."""
    comma = has_decimal_commas(text)
    scale = _SCALES.get(clock.unit, 1.0)
    what = "frame" if clock.unit == "frames" else "time"
    top = last = -1.0
    for at, cells in cells_below(findings, text):
        line = float(at.line or 0)
        top = line if top < 0 else top
        position = line - top
        if clock.column is not None:
            cell = cells[clock.column]
            said = seconds(cell, comma=comma)
            if isinstance(said, str) or not 0 <= said < MAX_POSITION or (what == "frame" and not said.is_integer()):
                findings.lost(name, at, f"its {what} is {shown(cell)}")
                continue
            position = said * scale
        if position <= last:
            findings.lost(name, at, f"its {what} {position:.12g} follows {last:.12g}")
            continue
        last = position
        yield _Row(at, position, cells)


def _survey(findings: Findings, name: str, text: str, clock: Clock, at: At) -> _Survey:
    """Which columns hold 0 and 1 in every row. Tells of all that is wrong in the table. Raises Unreadable."""
    header, comma = [unprotected(cell) for cell in header_of(text)], has_decimal_commas(text)
    _, others = clock_of(header_of(text))
    columns = [i for i, cell in enumerate(header) if i not in others and cell]
    unread = {i: f"column {i + 1}" for i, cell in enumerate(header) if i not in others and not cell}
    wrong: dict[int, list[tuple[At, str]]] = defaultdict(list)
    counts: Counter[int] = Counter()  # of each column the cells that count how often something happens until the next
    positions, pick, has_fractions = array("d"), _picker(columns), False
    for row in _rows(findings, name, text, clock):
        positions.append(row.position)
        if clock.column is not None and not has_fractions:
            has_fractions = not row.cells[clock.column].isdecimal()
        if _VALUES.issuperset(pick(row.cells)):
            continue
        for i in columns:
            if (cell := row.cells[i]) in VALUES:
                continue
            if clock.unit != "frames" and is_count(cell):
                counts[i] += 1
                is_other = counts[i] > max(FEW, len(positions) // 2)
            else:
                wrong[i].append((row.at, cell))
                is_number = isinstance(seconds(cell, comma=comma), float)
                is_other = is_number or len(wrong[i]) > max(FEW, len(positions) // 100)
            if is_other:
                unread[i] = f"{header[i]} ({shown(cell)} on line {row.at.line})"
        columns = [i for i in columns if i not in unread]
        pick = _picker(columns)
    if clock.unit == "" and positions and not has_fractions:
        column = header[clock.column or 0]
        cure = f"call it {column}_s, {column}_ms or frame, in the header"
        raise Unreadable(at, f"{shown(column)} may be seconds, milliseconds or frames", cure)
    if unread:
        number = f"{len(unread)} columns that do not hold" if len(unread) > 1 else "a column that does not hold"
        verb = "are" if len(unread) > 1 else "is"
        findings.warn(at, f"{number} 0 and 1 {verb} not read: {listed(unread[i] for i in sorted(unread))}")
    for i in columns:
        for where, cell in wrong[i]:
            findings.lost(name, where, f"{shown(header[i])} is {shown(cell)}, not 0, 1 or -1")
    if counted := [header[i] for i in columns if counts[i]]:
        findings.warn(at, f"numbers above 1 are taken as 1: how often {listed(counted)} happened until the next row")
    labels: dict[str, list[int]] = defaultdict(list)
    for i in columns:
        if header[i].lower() != BACKGROUND:
            labels[header[i]].append(i)
    if twice := [label for label, of in labels.items() if len(of) > 1]:
        findings.warn(at, f"there are several columns called {listed(twice)}: 1 in one of them counts")
    if not columns:
        raise Unreadable(at, "no column holds 0 and 1 alone")
    return _Survey(positions, labels, len(unread))


def _picker(columns: Sequence[int]) -> Callable[[Sequence[str]], tuple[str, ...]]:
    """The cells of these columns."""
    if len(columns) > 1:
        return itemgetter(*columns)
    return lambda cells: tuple(cells[i] for i in columns)


def _step(positions: Sequence[float], of_frames: bool) -> float:
    """The usual distance of two rows."""
    if len(positions) < 2:
        return 1.0
    steps = [b - a for a, b in pairwise(positions)]
    counts = Counter(steps)
    return max(sorted(counts), key=counts.__getitem__) if of_frames else median_low(steps)  # of two, the smaller


def _runs(
    rows: Iterator[_Row], labels: Mapping[str, Sequence[int]], step: float
) -> tuple[dict[str, list[_Run]], list[_Span]]:
    """The runs of 1 and of unknown values of each label; and the gaps between rows."""
    columns = [i for of in labels.values() for i in of]
    pick = _picker(columns)
    values = {label: [columns.index(i) for i in of] for label, of in labels.items()}
    runs: dict[str, list[_Run]] = {label: [] for label in labels}
    begun: dict[str, _Run] = {}
    gaps: list[_Span] = []
    before: tuple[str, ...] | None = None
    last = 0.0

    def end(label: str, stop: float) -> None:
        if (run := begun.pop(label, None)) is not None:
            runs[label].append(run._replace(stop=stop))

    for row in rows:
        if before is not None and row.position - last > WIDE * step:
            for label in labels:
                end(label, last + step)
            gaps.append((last + step, row.position))
            before = None
        cells = pick(row.cells)
        if cells != before:
            for label, of in values.items():
                value = max(VALUES.get(cell, YES if is_count(cell) else UNKNOWN) for cell in map(cells.__getitem__, of))
                if label in begun and begun[label].value != value:
                    end(label, row.position)
                if value != NO and label not in begun:
                    begun[label] = _Run(row.at, row.position, row.position, value)
        before, last = cells, row.position
    for label in labels:
        end(label, last + step)
    return runs, gaps


def _occurring(findings: Findings, at: At, runs: Mapping[str, Sequence[_Run]]) -> list[str]:
    """The labels that occur: beside columns of other numbers, one that is always 0 may be such a column."""
    labels = [label for label, of in runs.items() if any(run.value == YES for run in of)]
    if never := [label for label in runs if label not in labels]:
        findings.warn(at, f"columns without a 1 are not read, beside others of other numbers: {listed(never)}")
    return labels


def _between(spans: Sequence[_Span], start: float, stop: float) -> list[_Span]:
    """The rest of the time from start to stop."""
    rest, at = [], start
    for a, b in joined(spans):
        if a > at:
            rest.append((at, min(a, stop)))
        at = max(at, b)
    return [*rest, (at, stop)] if at < stop else rest
