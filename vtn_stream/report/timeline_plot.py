"""Pictures of timelines for print, as bytes of SVG or PNG: one film with a lane for each label, or several films.

The clock runs across in H:MM:SS. Labels have the colours and hatches that pages give them. Knows numpy and the
timeline only.

    one film                            several                      the truth with either
    walk    |■■■■|      |■■|            a.mp4 |■■■■|□□□□□|■■|        |■■■■| what is true
    sit     |    |□□□□□|                b.mp4 |□□□|■■■■■|            |■■■■■|  what is said
    change  ~~^~~~^~~~~~^~~

In a lane segments are the fainter the lower their score. What is not known is hatched, what was not looked at white.
"""

import math
import textwrap
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, PathPatch, Rectangle

from vtn_stream.report.drawing import (
    GREY,
    LINE_CHARACTERS,
    PictureFormat,
    boxes,
    draw_segments,
    folded,
    in_picture_style,
    looks_of,
    merge_unresolved,
    num_lines,
    picture,
    time_axis,
)
from vtn_stream.timeline import Curve, Segment, Timeline

__all__ = ["DEFAULT_WIDTH_IN", "MAX_CURVES", "MAX_FILMS", "MAX_LANES", "figure", "plot"]

DEFAULT_WIDTH_IN = 7.0  # what a page has between its margins

MAX_LANES = 60  # also of the labels in the legend of several films
MAX_FILMS = 40
MAX_CURVES = 4
MAX_POINTS = 2000  # of one curve

_DPI = 300
_KEY_IN, _KEY_CHARACTERS = 2.3, 24  # of one label in the legend: how wide, and how many on a line
_NAMES_IN = 1.6  # about what names and margins take of the width
_ROW_IN, _ROW_WITH_TRUTH_IN, _CURVE_IN, _REST_IN, _LINE_IN = 0.24, 0.36, 0.45, 0.85, 0.14
_GAP: dict[str, Any] = {"facecolor": "#ffffff", "edgecolor": "#999999", "hatch": "\\\\\\\\\\", "linewidth": 0.3}


@dataclass(frozen=True, slots=True, kw_only=True)
class _PlotRow:
    """A row of the plot: one label of a single film, or all labels of one of several films."""

    name: str
    span_s: tuple[float, float]
    true: Sequence[Segment]
    predicted: Sequence[Segment]


def plot(
    timelines: Sequence[Timeline],
    *,
    truth: Sequence[Sequence[Segment] | None] | None = None,
    labels: Collection[str] | None = None,
    span_s: tuple[float, float] | None = None,
    width_in: float = DEFAULT_WIDTH_IN,
    format: PictureFormat = "svg",
) -> bytes:
    """One timeline as lanes, one a label; several as a strip each, on one clock. Equal input gives equal bytes.

    truth      what really happens, for each of the timelines: drawn above what the timeline says. None for a film of
               which it is not known, which is said behind its name
    labels     only these; they keep their colours
    span_s     only this part of the films
    width_in   inches, 3 or more; the height follows from what there is
    """
    with in_picture_style():
        drawn = figure(timelines, truth=truth, labels=labels, span_s=span_s, width_in=width_in)
        return picture(drawn, format, dpi=_DPI)


def figure(
    timelines: Sequence[Timeline],
    *,
    truth: Sequence[Sequence[Segment] | None] | None = None,
    labels: Collection[str] | None = None,
    span_s: tuple[float, float] | None = None,
    width_in: float = DEFAULT_WIDTH_IN,
) -> Figure:
    """As `plot`, before it becomes bytes. In its first axes x is seconds and row i is at y = i; a curve has its own."""
    true = [() if film is None else film for film in truth or [None] * len(timelines)]
    # By first appearance in whole timelines; labels that only the truth has come last.
    known = (*(s.label for t in timelines for s in t.segments), *(s.label for film in true for s in film))
    looks = looks_of(known)
    wanted = set(looks if labels is None else labels)
    films = [t.filter(labels=wanted) for t in timelines]
    true = [[s for s in film if s.label in wanted] for film in true]
    if span_s is not None:
        films = [t.crop(*span_s) for t in films]
        true = [[part for s in film if (part := s.cropped(*span_s)) is not None] for film in true]

    shown = {s.label for film in (*true, *(t.segments for t in films)) for s in film}
    used = [label for label in looks if label in shown]
    alone = films[0] if len(films) == 1 else None
    rows, notes = _films(films, true) if alone is None else _lanes(alone, true[0], used)
    if alone is None and truth is not None:
        is_known = [film is not None for film in truth][: len(rows)]
        rows = [r if k else replace(r, name=f"{r.name} (no truth)") for r, k in zip(rows, is_known, strict=True)]
    curves = [] if alone is None else list(alone.curves.items())[:MAX_CURVES]
    key_labels = used[:MAX_LANES] if alone is None else []
    key = [(Patch(**looks[label]), folded(label, _KEY_CHARACTERS)) for label in key_labels]
    if any(t.gaps for t in films):
        key.append((Patch(**_GAP), "not known"))
    if alone is None and len(used) > MAX_LANES:
        notes.append(f"{MAX_LANES} of {len(used)} labels are named.")
    if truth is not None:
        notes.insert(0, "Truth above, prediction below.")

    line = min(LINE_CHARACTERS, int(6 * width_in))
    names, curve_names = [folded(row.name, line) for row in rows], [folded(name, line) for name, _ in curves]
    title = folded(alone.video_path, int(12 * width_in)) if alone is not None else ""
    num_columns = max(1, int(width_in / _KEY_IN))
    least_in = _LINE_IN * num_lines(names)
    ratios = [max(_ROW_WITH_TRUTH_IN if truth is not None else _ROW_IN, least_in) * max(len(rows), 1)]
    ratios += [max(_CURVE_IN, _LINE_IN * num_lines([name])) for name in curve_names]
    key_in = (0.06 + _LINE_IN * num_lines(word for _, word in key)) * math.ceil(len(key) / num_columns)
    drawn, axes = _page(ratios, width_in, key_in + _LINE_IN * (num_lines([title]) - 1))
    span_s = min((t.span_s[0] for t in films), default=0.0), max((t.span_s[1] for t in films), default=0.0)
    most = max(2, int(1.7 * (width_in - _NAMES_IN)))
    resolved_s = time_axis(axes[-1], *span_s, width_in=width_in, most=most)
    for at, row in enumerate(rows):
        halves = [(row.predicted, at - 0.4, at + 0.4)]
        if truth is not None:
            halves = [(row.true, at - 0.42, at - 0.02), (row.predicted, at + 0.02, at + 0.42)]
        for segments, low, high in halves:
            faded = alone is not None and segments is row.predicted
            draw_segments(axes[0], segments, low, high, looks, resolved_s=resolved_s, by_score=faded)
    _draw_ground(axes[0], films, rows, resolved_s)
    for below, (_, curve) in zip(axes[1:], curves, strict=True):
        _draw_curve(below, curve, span_s)

    axes[0].set_yticks(range(len(rows)), names, fontsize=8)
    axes[0].set_ylim(max(len(rows), 1) - 0.5, -0.5)
    for below, name in zip(axes[1:], curve_names, strict=True):
        below.set_yticks([sum(below.get_ylim()) / 2], [name], fontsize=8)
    if alone is not None:
        axes[0].set_title(title, loc="left", fontsize=9)
    axes[-1].set_xlabel(textwrap.fill(" ".join(notes), int(11 * width_in)), fontsize=8)
    if key:
        handles, words = [patch for patch, _ in key], [word for _, word in key]
        drawn.legend(handles, words, loc="outside lower center", ncols=num_columns, frameon=False, fontsize=8)
    return drawn


def _lanes(film: Timeline, true: Sequence[Segment], labels: Sequence[str]) -> tuple[list[_PlotRow], list[str]]:
    """A row for each label, or for those that last longest if there are very many; and notes for the reader."""
    of: dict[str, tuple[list[Segment], list[Segment]]] = {label: ([], []) for label in labels}
    for side, segments in enumerate((true, film.segments)):
        for s in segments:
            of[s.label][side].append(s)
    lasts = {label: sum(s.duration_s for s in (*of[label][0], *of[label][1])) for label in labels}
    kept = set(sorted(labels, key=lambda label: -lasts[label])[:MAX_LANES])
    rows = [
        _PlotRow(name=label, span_s=film.span_s, true=of[label][0], predicted=of[label][1])
        for label in labels
        if label in kept
    ]
    if not rows:
        rows = [_PlotRow(name="(nothing)", span_s=film.span_s, true=(), predicted=())]
    notes = []
    if any(s.score is not None for s in film.segments):
        notes.append("Fainter: lower score.")
    if not film.complete:
        notes.append("The analysis is not complete.")
    if len(film.parts) > 1:
        notes.append("Dotted lines: the next file begins.")
    if len(labels) > len(rows):
        notes.append(f"{len(rows)} of {len(labels)} labels, those with the longest total time.")
    return rows, notes


def _films(films: Sequence[Timeline], true: Sequence[Sequence[Segment]]) -> tuple[list[_PlotRow], list[str]]:
    rows = [
        _PlotRow(name=film.video_path, span_s=film.span_s, true=segments, predicted=film.segments)
        for film, segments in zip(films, true, strict=True)
    ]
    notes = []
    if partial := sum(not film.complete for film in films):
        notes.append(f"Not complete: {partial} of {len(films)} films.")
    if len(rows) > MAX_FILMS:
        notes.append(f"{MAX_FILMS} of {len(rows)} films.")
    return rows[:MAX_FILMS], notes


def _page(ratios: Sequence[float], width_in: float, more_in: float) -> tuple[Figure, list[Axes]]:
    """A figure with axes of these heights, in inches, below one another, and room for the rest."""
    drawn = Figure(figsize=(width_in, sum(ratios) + more_in + _REST_IN), layout="constrained")
    axes = drawn.subplots(len(ratios), sharex=True, squeeze=False, height_ratios=ratios)[:, 0]
    for each in axes:
        each.tick_params(axis="y", length=0)
    return drawn, list(axes)


def _draw_ground(axes: Axes, films: Sequence[Timeline], rows: Sequence[_PlotRow], resolved_s: float) -> None:
    """Draws the analyzed time, and the gaps in it; for a single film in all of its rows."""
    for at, row in enumerate(rows):
        start_s, end_s = row.span_s
        ground = Rectangle((start_s, at - 0.42), end_s - start_s, 0.84, facecolor=GREY, edgecolor="none", zorder=0)
        axes.add_patch(ground)
    num_rows = len(rows) if len(films) == 1 else 1
    for at, film in enumerate(films[: len(rows)]):
        joins_s = [part.start_s for part in film.parts[1:] if film.span_s[0] < part.start_s < film.span_s[1]]
        if joins_s:
            axes.vlines(joins_s, at - 0.42, at + num_rows - 0.58, "#555555", "dotted", linewidth=0.8, zorder=0.6)
        if film.gaps:
            spans = merge_unresolved([(gap.start_s, gap.end_s) for gap in film.gaps], resolved_s)
            axes.add_patch(PathPatch(boxes(spans, at - 0.42, at + num_rows - 0.58), zorder=0.5, **_GAP))


def _draw_curve(axes: Axes, curve: Curve, span_s: tuple[float, float]) -> None:
    """Draws the part of a curve in the span; of very many values the highest of each stretch."""
    values = np.array(curve.values)
    at_s = curve.start_s + curve.step_s * np.arange(len(values))
    inside = (at_s >= span_s[0]) & (at_s <= span_s[1])
    values, at_s = values[inside], at_s[inside]
    if len(values) > MAX_POINTS:
        firsts = np.arange(0, len(values), math.ceil(len(values) / MAX_POINTS))
        values, at_s = np.maximum.reduceat(values, firsts), at_s[firsts]
    low, high = min(values.min(initial=0.0), 0.0), max(values.max(initial=0.0), 0.0)
    axes.fill_between(at_s, low, values, color="#bbbbbb", linewidth=0)
    axes.plot(at_s, values, color="#333333", linewidth=0.8)
    axes.set_ylim(low, high if high > low else low + 1)
