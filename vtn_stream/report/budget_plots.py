"""Pictures of time budgets, as bytes of SVG or PNG: what happens when in many films, how much of it, what follows what.

Equal input gives equal bytes, and untrusted names are drawn as plain text: `drawing` does that. Knows numpy and
segments only.

G groups, L labels
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from numpy.typing import NDArray

from vtn_stream.report.drawing import (
    GREY,
    PictureFormat,
    draw_segments,
    folded,
    in_picture_style,
    looks_of,
    more,
    num_lines,
    picture,
    time_axis,
)
from vtn_stream.timeline import Segment

__all__ = ["Bars", "EthogramFilm", "ethogram", "share_bars", "transition_matrix"]

MAX_FILMS = 120
MAX_LABELS = 60  # in a legend, and in a matrix
MAX_BARS = 160
MAX_GROUPS = 6  # matrices below one another
MAX_LANES = 6  # of one film
MAX_NUMBERED = 16  # labels of a matrix whose cells have numbers

_WIDTH_IN = 7.5
_LINE_IN = 0.15  # of text
_NO_GROUP = "(no group)"


@dataclass(frozen=True, slots=True, kw_only=True)
class EthogramFilm:
    """A film as a row. observed: of which time it is known what happens, in stretches."""

    name: str
    group: str
    segments: Sequence[Segment]
    observed: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """One label in one group: of each film its share (0..1, None for a label of instants) and its rate a minute."""

    label: str
    group: str
    shares: Sequence[float | None]
    rates: Sequence[float | None]


def ethogram(films: Sequence[EthogramFilm], labels: Sequence[str], *, format: PictureFormat = "svg") -> bytes:
    """Each film as a row on one clock, the films of a group together. Labels that overlap in a film lie in lanes."""
    order = {group: at for at, group in enumerate(dict.fromkeys(film.group for film in films))}
    last = len(order)
    drawn = sorted(films, key=lambda film: order[film.group] if film.group else last)[:MAX_FILMS]
    looks = looks_of(labels, apart=True)
    start_s = min((span[0] for film in drawn for span in film.observed), default=0.0)
    end_s = max((span[1] for film in drawn for span in film.observed), default=1.0)
    with in_picture_style():
        names = [folded(film.name) for film in drawn]
        of_legend = [folded(label, 24) for label in labels[:MAX_LABELS]]
        row_in = max(0.22 if len(drawn) > 20 else 0.34, _LINE_IN * num_lines(names))
        groups = list(dict.fromkeys(film.group for film in drawn))
        num_heads = len(groups) if any(groups) else 0
        legend_in = (0.07 + _LINE_IN * num_lines(of_legend)) * math.ceil(len(of_legend) / 3)
        height_in = 0.9 + row_in * max(len(drawn) + 0.8 * num_heads, 1) + legend_in
        figure = Figure(figsize=(_WIDTH_IN, height_in), layout="constrained")
        axes = figure.add_subplot()
        resolved_s = time_axis(axes, start_s, end_s, width_in=_WIDTH_IN, most=8)
        at, before = -1.0, None
        ticks = []
        for film in drawn:
            at += 1.0
            if num_heads and film.group != before:
                head = folded(film.group or _NO_GROUP)
                axes.text(start_s, at - 0.1, head, fontsize=9, fontweight="bold", va="center")
                at += 0.8
            before = film.group
            ticks.append(at)
            _draw_film(axes, film, at, looks, resolved_s)
        axes.set_yticks(ticks, names, fontsize=8)
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(at + 0.6, -0.6)
        axes.set_title("What happens when" + more(len(films), MAX_FILMS, "films"), fontsize=10)
        if labels:
            handles = [Patch(**looks[label]) for label in labels[:MAX_LABELS]]
            title = f"{MAX_LABELS} of {len(labels)} labels" if len(labels) > MAX_LABELS else None
            figure.legend(
                handles, of_legend, loc="outside lower center", ncols=3, frameon=False, fontsize=8, title=title
            )
        return picture(figure, format)


def share_bars(bars: Sequence[Bars], *, format: PictureFormat = "svg") -> bytes:
    """The share of the time and the rate of each label in each group: the mean as a bar, each film as a point.

    bars  the groups of a label one after the other
    """
    drawn = _largest_labels(bars)
    labels = list(dict.fromkeys(of.label for of in drawn))
    several = len({of.group for of in drawn}) > 1
    looks = looks_of(labels, apart=True)
    with in_picture_style():
        names = [folded(of.group if several else of.label) for of in drawn]
        heads = [folded(label) for label in labels] if several else []
        row_in = max(0.24, _LINE_IN * num_lines(names))
        rows = len(drawn) + (1.1 * len(heads))
        figure = Figure(figsize=(_WIDTH_IN, 1.1 + row_in * max(rows, 1)), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True)
        at, before = -1.0, None
        ticks = []
        for of in drawn:
            at += 1.0
            if several and of.label != before:
                left.text(0, at, folded(of.label), fontsize=9, fontweight="bold", va="center")
                at += 1.1
            before = of.label
            ticks.append(at)
            for axes, values, times in ((left, of.shares, 100.0), (right, of.rates, 1.0)):
                known = [times * value for value in values if value is not None]
                if known:
                    axes.barh(at, float(np.mean(known)), height=0.74, alpha=0.75, **looks[of.label])
                    spread = at + 0.5 * (np.arange(len(known)) + 0.5) / len(known) - 0.25
                    axes.plot(known, spread, "o", ms=2.6, mfc="white", mec="#222222", mew=0.6)
        left.set_yticks(ticks, names, fontsize=8)
        left.set_ylim(at + 0.6, -0.6)
        for axes, word in ((left, "share of the observed time, %"), (right, "a minute")):
            axes.tick_params(axis="y", length=0)
            axes.set_xlim(left=0)
            axes.set_xlabel(word)
        right.spines["left"].set_visible(True)
        num_labels = len(dict.fromkeys(of.label for of in bars))
        title = "Time budget: means, and each film as a point" + (
            f" ({len(labels)} of {num_labels} labels)" if num_labels > len(labels) else ""
        )
        figure.suptitle(title, fontsize=10)
        return picture(figure, format)


def transition_matrix(
    groups: Mapping[str, NDArray[np.int64]], labels: Sequence[str], *, format: PictureFormat = "svg"
) -> bytes:
    """How often each label (down) is followed by each (across), in percent of its row: a matrix a group.

    groups  by name int64 [L, L]: counts
    """
    shown = dict(list(groups.items())[:MAX_GROUPS])
    totals = sum((counts.sum(axis=0) + counts.sum(axis=1) for counts in shown.values()), np.zeros(len(labels)))
    kept = sorted(np.argsort(-totals, kind="stable")[:MAX_LABELS].tolist())
    kept = [i for i in kept if totals[i] > 0]
    with in_picture_style():
        names = [folded(labels[i]) for i in kept]
        size_in = max(0.34 if len(kept) <= MAX_NUMBERED else 0.2, _LINE_IN * num_lines(names))
        side_in = size_in * max(len(kept), 4)
        figure = Figure(figsize=(2.8 + side_in, (1.9 + side_in) * max(len(shown), 1)), layout="constrained")
        panels = figure.subplots(max(len(shown), 1), 1, squeeze=False)[:, 0]
        for axes, (group, counts) in zip(panels, shown.items(), strict=False):
            _draw_matrix(axes, counts, kept, names)
            of_group = f"{folded(group)}: " if len(groups) > 1 else ""
            axes.set_title(
                f"{of_group}what comes next, % of the row" + more(len(labels), len(kept), "labels"), fontsize=9
            )
        if not shown:
            panels[0].set_axis_off()
        if len(groups) > MAX_GROUPS:
            figure.suptitle(f"{MAX_GROUPS} of {len(groups)} groups", fontsize=10)
        return picture(figure, format)


# ---- parts


def _draw_film(
    axes: Axes, film: EthogramFilm, at: float, looks: Mapping[str, Mapping[str, Any]], resolved_s: float
) -> None:
    """A row: grey where it is observed, and its segments, in as many lanes as labels overlap."""
    for low, high in film.observed:
        axes.add_patch(Rectangle((low, at - 0.42), high - low, 0.84, facecolor=GREY, edgecolor="none", zorder=0))
    lanes = _lanes(film.segments)
    height = 0.84 / (1 + max(lanes.values(), default=0))
    for lane in sorted(set(lanes.values())):
        top = at - 0.42 + lane * height
        segments = [s for s in film.segments if lanes[s.label] == lane]
        draw_segments(axes, segments, top, top + height, looks, resolved_s=resolved_s)


def _lanes(segments: Sequence[Segment]) -> dict[str, int]:
    """The lane of each label: labels that overlap have different ones, as far as there are lanes."""
    beside: dict[str, set[str]] = {}
    there: list[Segment] = []
    for s in sorted(segments, key=lambda s: (s.start_s, s.end_s, s.label)):
        there = [other for other in there if other.end_s > s.start_s]
        beside.setdefault(s.label, set()).update(other.label for other in there)
        for other in there:
            beside[other.label].add(s.label)
        there.append(s)
    lanes: dict[str, int] = {}
    for label, others in beside.items():
        taken = {lanes[other] for other in others - {label} if other in lanes}
        lanes[label] = next((lane for lane in range(MAX_LANES) if lane not in taken), MAX_LANES - 1)
    return lanes


def _largest_labels(bars: Sequence[Bars]) -> list[Bars]:
    """Bars of as many labels as there is room for: those with the largest shares and rates, in the order given."""
    weight: dict[str, tuple[float, float]] = {}
    for of in bars:
        share, rate = weight.get(of.label, (0.0, 0.0))
        weight[of.label] = (max([share, *(s or 0.0 for s in of.shares)]), max([rate, *(r or 0.0 for r in of.rates)]))
    room = MAX_BARS // max(1, len({of.group for of in bars}))
    kept = set(sorted(weight, key=lambda label: tuple(-part for part in weight[label]))[: max(1, room)])
    return [of for of in bars if of.label in kept]


def _draw_matrix(axes: Axes, counts: NDArray[np.int64], kept: Sequence[int], names: Sequence[str]) -> None:
    """Cells in percent of their rows: with numbers where they can be read, else as dark as the largest allows."""
    total = counts.sum(axis=1, keepdims=True)
    share = np.divide(100.0 * counts, total, out=np.zeros(counts.shape), where=total > 0)[np.ix_(kept, kept)]
    numbered = len(kept) <= MAX_NUMBERED
    darkest = 100.0 if numbered else max(1.0, share.max())
    if share.size:
        axes.pcolormesh(share, cmap="Blues", vmin=0, vmax=darkest, edgecolors="white", linewidth=0.4)
    for (row, column), value in np.ndenumerate(share if numbered else share[:0]):
        if counts[kept[row], kept[column]]:
            where = (column + 0.5, row + 0.5)
            colour = "white" if value > 60 else "black"
            axes.text(*where, f"{value:.0f}", ha="center", va="center", color=colour, fontsize=7)
    axes.set_xticks(np.arange(len(kept)) + 0.5, names, rotation=90, fontsize=8)
    axes.set_yticks(np.arange(len(kept)) + 0.5, names, fontsize=8)
    axes.set_ylim(max(len(kept), 1), 0)
    axes.set(xlabel="next" if numbered else f"next (darkest: {darkest:.0f} %)", ylabel="label")
