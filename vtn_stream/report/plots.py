"""Pictures of how good a model is, as bytes of SVG or PNG. Knows numpy and segments only.

Equal input gives equal bytes, and untrusted labels are drawn as plain text: `drawing` does that.

C classes, P points of a curve
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from numpy.typing import NDArray

from vtn_stream.report.colours import look_of
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

__all__ = ["NOTHING", "PrecisionRecall", "Strip", "class_bars", "confusion", "precision_recall", "strips"]

NOTHING = "(nothing)"

# Of a line, where a patch is hatched.
DASHES = ("-", "--", ":", "-.", (0, (6, 1)), (0, (1, 3)), (0, (8, 2, 1, 2, 1, 2)), (0, (3, 4)))

MAX_CURVES = 32
MAX_BARS = 60
MAX_CELLS = 40  # a side of a confusion matrix
MAX_STRIPS = 40
MAX_POINTS = 1000  # of one curve
MAX_NUMBERED = 16  # cells a side that still have room for a number

_STRIPS_IN = 10.0  # how wide
_LINE_IN = 0.15  # of text


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PrecisionRecall:
    """One class: recall and precision float64 [P] of the predictions up to each, by descending score."""

    label: str
    recall: NDArray[np.float64]
    precision: NDArray[np.float64]
    ap: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """One film: its true segments, and the predicted ones."""

    name: str
    duration_s: float
    true: Sequence[Segment]
    predicted: Sequence[Segment]


def precision_recall(curves: Sequence[PrecisionRecall], *, tiou: float, format: PictureFormat = "svg") -> bytes:
    """Precision over recall, a line a class, in the order given; of many classes the first."""
    with in_picture_style():
        names = [f"{folded(curve.label)}  {_percent(curve.ap)}" for curve in curves[:MAX_CURVES]]
        legend_in = _LINE_IN * sum(name.count("\n") + 1 for name in names) / _legend_columns(len(names))
        figure = Figure(figsize=(7.0, max(4.2, 0.6 + legend_in)), layout="constrained")
        axes = figure.add_subplot()
        for name, curve in zip(names, curves, strict=False):
            look = look_of(curve.label)
            recall, precision = _turns(curve.recall, curve.precision)
            axes.plot(
                recall,
                precision,
                color=look.colour,
                linestyle=DASHES[look.hatch],
                linewidth=1.6,
                marker="." if len(recall) == 1 else "",
                label=name,
            )
        axes.set(xlim=(0, 1.01), ylim=(0, 1.03), xlabel="recall", ylabel="precision")
        axes.set_title(f"Precision and recall at tIoU {tiou:g}" + more(len(curves), MAX_CURVES, "classes"))
        axes.grid(alpha=0.3)
        if curves:
            _legend(figure, axes.get_legend_handles_labels(), "class, AP %")
        return picture(figure, format)


def class_bars(
    values: Mapping[str, float], num_true: Mapping[str, int], *, name: str, format: PictureFormat = "svg"
) -> bytes:
    """A bar a class, 0..1, and how many examples it has; of many classes those with the most, in the order given."""
    kept = _most(list(values), [num_true.get(label, 0) for label in values], MAX_BARS)
    with in_picture_style():
        names = [folded(label) for label in kept]
        row_in = max(0.26, _LINE_IN * num_lines(names))
        figure = Figure(figsize=(7.0, 1.1 + row_in * max(len(kept), 1)), layout="constrained")
        axes = figure.add_subplot()
        shown = [0.0 if math.isnan(values[label]) else values[label] for label in kept]
        looks = looks_of(kept)
        for row, label in enumerate(kept):
            axes.barh(row, shown[row], height=0.7, **looks[label])
            words = f" {_percent(values[label])}  ({num_true.get(label, 0)})"
            axes.text(shown[row], row, words, va="center", fontsize=8)
        axes.set_yticks(range(len(kept)), names)
        axes.set_ylim(max(len(kept), 1) - 0.4, -0.6)
        axes.set_xticks([0, 0.2, 0.4, 0.6, 0.8, 1], ["0", "20", "40", "60", "80", "100"])
        axes.set(xlim=(0, 1.16), xlabel=f"{name}, percent (in brackets: examples)")
        axes.set_title(f"{name[:1].upper()}{name[1:]} by class" + more(len(values), MAX_BARS, "classes"))
        return picture(figure, format)


def strips(films: Sequence[Strip], labels: Sequence[str], *, format: PictureFormat = "svg") -> bytes:
    """Each film as two rows, truth over prediction, on one clock."""
    drawn = films[:MAX_STRIPS]
    used = {s.label for film in drawn for s in (*film.true, *film.predicted)}
    order = [label for label in labels if label in used] + sorted(used - set(labels))
    looks = looks_of(order)
    end_s = max([film.duration_s for film in drawn] + [1e-3])
    with in_picture_style():
        names, labels_named = [folded(film.name) for film in drawn], [folded(label) for label in order[:MAX_BARS]]
        legend_in = (0.07 + _LINE_IN * num_lines(labels_named)) * math.ceil(len(labels_named) / 4)
        row_in = max(0.5, _LINE_IN * num_lines(names))
        height = 0.9 + row_in * max(len(drawn), 1) + legend_in
        figure = Figure(figsize=(_STRIPS_IN, height), layout="constrained")
        axes = figure.add_subplot()
        resolved_s = time_axis(axes, 0.0, end_s, width_in=_STRIPS_IN)
        for row, film in enumerate(drawn):
            axes.add_patch(Rectangle((0, row - 0.4), film.duration_s, 0.8, facecolor=GREY, edgecolor="none", zorder=0))
            for segments, low in ((film.true, row - 0.4), (film.predicted, row + 0.03)):
                draw_segments(axes, segments, low, low + 0.37, looks, resolved_s=resolved_s)
        axes.set_yticks(range(len(drawn)), names, fontsize=8)
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(max(len(drawn), 1) - 0.4, -0.6)
        axes.set_title("Truth above, prediction below" + more(len(films), MAX_STRIPS, "films"))
        if order:
            handles = [Patch(**looks[label]) for label in order[:MAX_BARS]]
            figure.legend(
                handles,
                labels_named,
                loc="outside lower center",
                ncols=4,
                frameon=False,
                fontsize=8,
            )
        return picture(figure, format)


def confusion(
    counts: NDArray[np.integer],
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    unit: str,
    format: PictureFormat = "svg",
) -> bytes:
    """The confusion of labels: counts [len(rows), len(columns)], rows true, in percent of each row.

    Empty rows and columns are left out; of many classes those with the most are drawn, each row still in percent of
    all of it.
    """
    total = counts.sum(axis=1, keepdims=True)
    share = np.divide(100.0 * counts, total, out=np.zeros(counts.shape), where=total > 0)
    down = _largest(counts.sum(axis=1))
    across = _largest(counts.sum(axis=0))
    share = share[np.ix_(down, across)]
    with in_picture_style():
        down_names, across_names = [folded(rows[i]) for i in down], [folded(columns[i]) for i in across]
        size = 0.32 if max(share.shape) <= MAX_NUMBERED else 0.2
        size = max(size, _LINE_IN * num_lines([*down_names, *across_names]))
        figure = Figure(
            figsize=(2.8 + size * max(len(across), 4), 2.2 + size * max(len(down), 4)), layout="constrained"
        )
        axes = figure.add_subplot()
        if share.size:
            axes.pcolormesh(share, cmap="Blues", vmin=0, vmax=100, edgecolors="white", linewidth=0.4)
            if max(share.shape) <= MAX_NUMBERED:
                for (row, column), value in np.ndenumerate(share):
                    if value >= 0.5:
                        colour = "white" if value > 60 else "black"
                        where = (column + 0.5, row + 0.5)
                        axes.text(*where, f"{value:.0f}", ha="center", va="center", color=colour, fontsize=7)
        axes.set_xticks(np.arange(len(across)) + 0.5, across_names, rotation=90, fontsize=8)
        axes.set_yticks(np.arange(len(down)) + 0.5, down_names, fontsize=8)
        axes.set_ylim(max(len(down), 1), 0)
        axes.set(xlabel="predicted", ylabel="true")
        axes.set_title(f"Percent of each row's {unit}" + more(len(rows), MAX_CELLS, "classes"))
        return picture(figure, format)


# ---- how they look


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{100 * share:.1f}"


def _legend(figure: Figure, entries: tuple[list[Any], list[str]], title: str) -> None:
    figure.legend(
        *entries,
        loc="outside right upper",
        title=title,
        ncols=_legend_columns(len(entries[0])),
        frameon=False,
        fontsize=8,
        title_fontsize=8,
    )


def _legend_columns(num: int) -> int:
    return 1 if num <= 20 else 2


def _most(labels: list[str], num: list[int], most: int) -> list[str]:
    order = sorted(range(len(labels)), key=lambda i: -num[i])[:most]
    return [labels[i] for i in sorted(order)]


def _largest(totals: NDArray[np.integer]) -> list[int]:
    order = np.argsort(-totals, kind="stable")[:MAX_CELLS]
    return sorted(i for i in order.tolist() if totals[i] > 0)


def _turns(recall: NDArray[np.float64], precision: NDArray[np.float64]) -> tuple[Any, Any]:
    """The points at which recall rises: between them precision only falls."""
    at = np.flatnonzero(np.diff(recall, prepend=0.0) > 0)
    if len(at) > MAX_POINTS:
        at = at[np.unique(np.linspace(0, len(at) - 1, MAX_POINTS).round().astype(int))]
    return recall[at], precision[at]
