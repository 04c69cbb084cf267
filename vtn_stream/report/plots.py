"""Pictures of how good a model is, as bytes of SVG or PNG. Knows numpy and segments only.

Figures are built by matplotlib's objects, without pyplot: no window, no state that lives on. Equal input gives equal
bytes on equal versions: no date, a fixed salt for ids, matplotlib's own font, none of the user's settings. Labels and
names come from strangers: they are drawn as plain text, never read as formulas, and cut in the middle where long.

C classes, P points of a curve
"""

import contextlib
import io
import math
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import matplotlib
import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, PathPatch, Rectangle
from matplotlib.path import Path
from matplotlib.ticker import FuncFormatter, MultipleLocator
from numpy.typing import NDArray

from vtn_stream.errors import printable
from vtn_stream.timeline import Segment

__all__ = ["NOTHING", "PrecisionRecall", "Strip", "class_bars", "confusion", "precision_recall", "strips"]

Format = Literal["svg", "png"]

NOTHING = "(nothing)"

# Okabe & Ito's colours, told apart by the colour-blind as well; hatches and dashes tell the rounds apart.
COLOURS = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#999999")
HATCHES = ("", "////", "....", "xxxx", "----")
DASHES = ("-", "--", ":", "-.")

MAX_CHARACTERS = 28  # of a label or a name
MAX_CURVES = len(COLOURS) * len(DASHES)
MAX_BARS = 60
MAX_CELLS = 40  # a side of a confusion matrix
MAX_STRIPS = 40
MAX_PIECES = 2000  # of one row: more than its pixels
MAX_POINTS = 1000  # of one curve
MAX_NUMBERED = 16  # cells a side that still have room for a number

_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)

_SETTINGS: dict[str, Any] = {
    "font.family": ["DejaVu Sans"],  # matplotlib brings it
    "font.size": 9.0,
    "text.parse_math": False,  # $ is a dollar
    "axes.spines.top": False,
    "axes.spines.right": False,
    "hatch.linewidth": 0.6,
    "svg.fonttype": "none",  # text stays text: small, searchable, in any script
    "svg.hashsalt": "vtn-stream",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PrecisionRecall:
    """One class: recall and precision float64 [P] of the predictions up to each, by descending score."""

    label: str
    recall: NDArray[np.float64]
    precision: NDArray[np.float64]
    ap: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """One film: what happens in it, and what is said of it."""

    name: str
    duration_s: float
    true: Sequence[Segment]
    predicted: Sequence[Segment]


def precision_recall(curves: Sequence[PrecisionRecall], *, tiou: float, format: Format = "svg") -> bytes:
    """Precision over recall, a line a class, in the order given; of many classes the first."""
    with _settings():
        figure = Figure(figsize=(7.0, 4.2), layout="constrained")
        axes = figure.add_subplot()
        for i, curve in enumerate(curves[:MAX_CURVES]):
            recall, precision = _turns(curve.recall, curve.precision)
            axes.plot(
                recall,
                precision,
                color=COLOURS[i % len(COLOURS)],
                linestyle=DASHES[i // len(COLOURS) % len(DASHES)],
                linewidth=1.6,
                marker="." if len(recall) == 1 else "",
                label=f"{_text(curve.label)}  {_percent(curve.ap)}",
            )
        axes.set(xlim=(0, 1.01), ylim=(0, 1.03), xlabel="recall", ylabel="precision")
        axes.set_title(f"Precision and recall at tIoU {tiou:g}" + _more(len(curves), MAX_CURVES, "classes"))
        axes.grid(alpha=0.3)
        if curves:
            _legend(figure, axes.get_legend_handles_labels(), "class, AP %")
        return _bytes(figure, format)


def class_bars(values: Mapping[str, float], num_true: Mapping[str, int], *, name: str, format: Format = "svg") -> bytes:
    """A bar a class, 0..1, and how many examples it has; of many classes those with the most, in the order given."""
    kept = _most(list(values), [num_true.get(label, 0) for label in values], MAX_BARS)
    with _settings():
        figure = Figure(figsize=(7.0, 1.1 + 0.26 * max(len(kept), 1)), layout="constrained")
        axes = figure.add_subplot()
        shown = [0.0 if math.isnan(values[label]) else values[label] for label in kept]
        axes.barh(range(len(kept)), shown, color=COLOURS[4], height=0.7)
        for row, label in enumerate(kept):
            words = f" {_percent(values[label])}  ({num_true.get(label, 0)})"
            axes.text(shown[row], row, words, va="center", fontsize=8)
        axes.set_yticks(range(len(kept)), [_text(label) for label in kept])
        axes.set_ylim(max(len(kept), 1) - 0.4, -0.6)
        axes.set_xticks([0, 0.2, 0.4, 0.6, 0.8, 1], ["0", "20", "40", "60", "80", "100"])
        axes.set(xlim=(0, 1.16), xlabel=f"{name}, percent (in brackets: examples)")
        axes.set_title(f"{name[:1].upper()}{name[1:]} by class" + _more(len(values), MAX_BARS, "classes"))
        return _bytes(figure, format)


def strips(films: Sequence[Strip], labels: Sequence[str], *, format: Format = "svg") -> bytes:
    """Each film as two rows, truth over prediction, on one clock. Labels of longer segments are drawn first, so that
    they hide no shorter ones; of very many segments in a row the longest are drawn.
    """
    drawn = films[:MAX_STRIPS]
    used = {s.label for film in drawn for s in (*film.true, *film.predicted)}
    order = [label for label in labels if label in used] + sorted(used - set(labels))
    looks = {label: _look(i) for i, label in enumerate(order)}
    end_s = max([film.duration_s for film in drawn] + [1e-3])
    with _settings():
        legend_rows = math.ceil(min(len(order), MAX_BARS) / 4)
        height = 0.9 + 0.5 * max(len(drawn), 1) + 0.22 * legend_rows
        figure = Figure(figsize=(10.0, height), layout="constrained")
        axes = figure.add_subplot()
        for row, film in enumerate(drawn):
            axes.add_patch(
                Rectangle((0, row - 0.4), film.duration_s, 0.8, facecolor="#f2f2f2", edgecolor="none", zorder=0)
            )
            for segments, low in ((film.true, row - 0.4), (film.predicted, row + 0.03)):
                for label, path in _pieces(segments, low, low + 0.37):
                    axes.add_patch(PathPatch(path, linewidth=0.3, **looks[label]))
        axes.set_yticks(range(len(drawn)), [_text(film.name) for film in drawn], fontsize=8)
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(max(len(drawn), 1) - 0.4, -0.6)
        _time_axis(axes, end_s)
        axes.set_title("Truth above, prediction below" + _more(len(films), MAX_STRIPS, "films"))
        if order:
            handles = [Patch(linewidth=0.3, **looks[label]) for label in order[:MAX_BARS]]
            figure.legend(
                handles,
                [_text(label) for label in order[:MAX_BARS]],
                loc="outside lower center",
                ncols=4,
                frameon=False,
                fontsize=8,
            )
        return _bytes(figure, format)


def confusion(
    counts: NDArray[np.integer], rows: Sequence[str], columns: Sequence[str], *, unit: str, format: Format = "svg"
) -> bytes:
    """What is called what: counts [len(rows), len(columns)], rows true, in percent of each row.

    Empty rows and columns are left out; of many classes those with the most are drawn, each row still in percent of
    all of it.
    """
    total = counts.sum(axis=1, keepdims=True)
    share = np.divide(100.0 * counts, total, out=np.zeros(counts.shape), where=total > 0)
    down = _largest(counts.sum(axis=1))
    across = _largest(counts.sum(axis=0))
    share = share[np.ix_(down, across)]
    with _settings():
        size = 0.32 if max(share.shape) <= MAX_NUMBERED else 0.2
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
        axes.set_xticks(np.arange(len(across)) + 0.5, [_text(columns[i]) for i in across], rotation=90, fontsize=8)
        axes.set_yticks(np.arange(len(down)) + 0.5, [_text(rows[i]) for i in down], fontsize=8)
        axes.set_ylim(max(len(down), 1), 0)
        axes.set(xlabel="predicted", ylabel="true")
        axes.set_title(f"Percent of each row's {unit}" + _more(len(rows), MAX_CELLS, "classes"))
        return _bytes(figure, format)


# ---- how they look


@contextlib.contextmanager
def _settings() -> Iterator[None]:
    """matplotlib's own settings and ours, and those from before again at the end."""
    with matplotlib.style.context(_SETTINGS, after_reset=True), warnings.catch_warnings():
        # A script that the font lacks: SVG leaves the choice of another to the viewer, PNG shows boxes.
        warnings.filterwarnings("ignore", message=r"(?s).*Glyph .* missing", category=UserWarning)
        warnings.filterwarnings("ignore", message=r"(?s).*does not support .* natively", category=UserWarning)
        yield


def _bytes(figure: Figure, format: Format) -> bytes:
    file = io.BytesIO()
    metadata: dict[str, None] = {"Date": None, "Creator": None} if format == "svg" else {"Software": None}
    figure.savefig(file, format=format, dpi=150, metadata=metadata)
    return file.getvalue()


def _text(text: str) -> str:
    """A stranger's text as it can be drawn: on one line, of characters that XML has, cut in the middle where long."""
    text = re.sub("[\ufffe\uffff]", "\ufffd", printable(text))
    if len(text) <= MAX_CHARACTERS:
        return text
    tail = MAX_CHARACTERS // 3
    return f"{text[: MAX_CHARACTERS - tail - 1]}…{text[-tail:]}"


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{100 * share:.1f}"


def _more(num: int, most: int, things: str) -> str:
    return f" ({most} of {num} {things})" if num > most else ""


def _look(i: int) -> dict[str, Any]:
    hatch = HATCHES[i // len(COLOURS) % len(HATCHES)]
    return {"facecolor": COLOURS[i % len(COLOURS)], "edgecolor": "#333333", "hatch": hatch or None}


def _legend(figure: Figure, entries: tuple[list[Any], list[str]], title: str) -> None:
    columns = 1 if len(entries[0]) <= 20 else 2
    figure.legend(
        *entries, loc="outside right upper", title=title, ncols=columns, frameon=False, fontsize=8, title_fontsize=8
    )


def _pieces(segments: Sequence[Segment], low: float, high: float) -> Iterator[tuple[str, Path]]:
    """The segments of each label as one path: a file of a path each would be ten times as large."""
    longest = sorted(segments, key=lambda s: (-s.duration_s, s.start_s, s.label))[:MAX_PIECES]
    of: dict[str, list[Segment]] = {}
    for s in longest:
        of.setdefault(s.label, []).append(s)
    for label in sorted(of, key=lambda label: (-sum(s.duration_s for s in of[label]) / len(of[label]), label)):
        corners = [
            [(s.start_s, low), (s.end_s, low), (s.end_s, high), (s.start_s, high), (s.start_s, low)] for s in of[label]
        ]
        codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY] * len(corners)
        yield label, Path(np.array(corners).reshape(-1, 2), codes)


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


def _time_axis(axes: Axes, end_s: float) -> None:
    step_s = next((step for step in _STEPS_S if end_s / step <= 10), math.ceil(end_s / 10 / 86400) * 86400)
    axes.set_xlim(0, end_s)
    axes.xaxis.set_major_locator(MultipleLocator(step_s))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: _clock(seconds)))


def _clock(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
