"""What the pictures share: settings, untrusted texts, the look of labels, segments as marks, the clock axis.

Figures are built by matplotlib's objects, without pyplot: no window, no state that lives on. Equal input gives equal
bytes on equal versions: no date, a fixed salt for ids, matplotlib's own font, none of the user's settings. Labels and
names are untrusted: they are drawn as plain text, never read as formulas, on several lines where long.
"""

import contextlib
import io
import math
import re
import textwrap
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import matplotlib
import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.ticker import FuncFormatter, MultipleLocator

from vtn_stream.errors import printable
from vtn_stream.report.colours import look_of, looks_apart
from vtn_stream.report.picture_file import with_digest
from vtn_stream.timeline import Segment

__all__ = [
    "GREY",
    "LINE_CHARACTERS",
    "PictureFormat",
    "boxes",
    "draw_segments",
    "folded",
    "in_picture_style",
    "looks_of",
    "merge_unresolved",
    "more",
    "num_lines",
    "picture",
    "time_axis",
]

PictureFormat = Literal["svg", "png"]

GREY = "#f2f2f2"  # where a film is, and nothing happens in it
HATCHES = ("", "////", "\\\\\\\\", "||||", "----", "xxxx", "++++", "..")  # those of `colours.Look`

LINE_CHARACTERS = 28  # of a line of a label or a name
MAX_CHARACTERS = 280  # of it all: longer than the longest name of a file
MAX_MARKS = 4000  # of one row: more than its pixels

_MARKS_PER_INCH = 150  # what a print shows apart
_LINE = 3  # times that: of narrower boxes only the edges would be seen
_FAINTEST, _SHADES = 0.4, 4
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


@contextlib.contextmanager
def in_picture_style() -> Iterator[None]:
    """Uses matplotlib's default settings and ours inside the block, and restores the earlier ones at the end."""
    with matplotlib.style.context(_SETTINGS, after_reset=True), warnings.catch_warnings():
        # A script that the font lacks: SVG leaves the choice of another to the viewer, PNG shows boxes.
        warnings.filterwarnings("ignore", message=r"(?s).*Glyph .* missing", category=UserWarning)
        warnings.filterwarnings("ignore", message=r"(?s).*does not support .* natively", category=UserWarning)
        yield


def picture(figure: Figure, format: PictureFormat, *, dpi: int = 150) -> bytes:
    """The figure as a file's content; dpi of a PNG."""
    file = io.BytesIO()
    metadata: dict[str, None] = {"Date": None, "Creator": None} if format == "svg" else {"Software": None}
    figure.savefig(file, format=format, dpi=dpi, metadata=metadata)
    return with_digest(file.getvalue())


def folded(text: str, line: int = LINE_CHARACTERS) -> str:
    """Untrusted text as it can be drawn: of characters that XML has, on lines of at most that many characters. What is
    longer than MAX_CHARACTERS is cut in the middle.
    """
    text = re.sub("[\ufffe\uffff]", "\ufffd", printable(text))
    if len(text) > MAX_CHARACTERS:
        text = f"{text[: MAX_CHARACTERS - 81]}…{text[-80:]}"
    return text if len(text) <= line else "\n".join(textwrap.wrap(text, line)) or " "


def num_lines(texts: Iterable[str]) -> int:
    """The lines of the longest of folded texts."""
    return max((text.count("\n") + 1 for text in texts), default=1)


def more(num: int, most: int, things: str) -> str:
    """Words for a title, " (40 of 200 films)", where a picture holds `most` of `num` things; else nothing."""
    return f" ({most} of {num} {things})" if num > most else ""


def looks_of(labels: Iterable[str], *, apart: bool = False) -> dict[str, dict[str, Any]]:
    """How the patches of each label look: the colour and hatch that it has everywhere; apart: those of one picture."""
    looks = looks_apart(labels) if apart else {label: look_of(label) for label in labels}
    return {
        label: {
            "facecolor": look.colour,
            "edgecolor": "#333333",
            "hatch": HATCHES[look.hatch] or None,
            "linewidth": 0.3,
        }
        for label, look in looks.items()
    }


# ---- segments


def draw_segments(
    axes: Axes,
    segments: Iterable[Segment],
    low: float,
    high: float,
    looks: Mapping[str, Mapping[str, Any]],
    *,
    resolved_s: float,
    by_score: bool = False,
) -> None:
    """Draws segments between two heights, with seconds on the x axis. Longer ones first, so that they hide no shorter
    ones.

    resolved_s   what a print shows apart (`time_axis`): what lies closer is drawn as one, and what is hardly longer as
                 a line
    by_score     the lower the score, the fainter; else overlapping labels would mix

    The marks of each label are one path: a file of a path each would be ten times as large. Of very many in one row
    the longest are drawn.
    """
    spans: dict[tuple[str, float], list[tuple[float, float]]] = {}
    for s in segments:
        spans.setdefault((s.label, _shade(s.score) if by_score else 1.0), []).append((s.start_s, s.end_s))
    marks = [(end - start, start, key) for key in spans for start, end in merge_unresolved(spans[key], resolved_s)]
    kept: dict[tuple[str, float], list[tuple[float, float]]] = {}
    for length, start, key in sorted(marks, key=lambda mark: (-mark[0], mark[1:]))[:MAX_MARKS]:
        kept.setdefault(key, []).append((start, start + length))
    order = sorted(kept, key=lambda key: (-sum(end - start for start, end in kept[key]) / len(kept[key]), key))
    for label, shade in order:
        look = dict(looks[label])
        colour = look.pop("facecolor")
        spans_here = sorted(kept[label, shade])
        wide = [span for span in spans_here if span[1] - span[0] >= _LINE * resolved_s]
        thin = [span for span in spans_here if span[1] - span[0] < _LINE * resolved_s]
        if wide:
            axes.add_patch(PathPatch(boxes(wide, low, high), facecolor=(colour, shade), **look))
        if thin:
            axes.add_patch(
                PathPatch(_lines(thin, low, high), fill=False, edgecolor=(colour, shade), linewidth=1.0, zorder=1.1)
            )


def boxes(spans: Sequence[tuple[float, float]], low: float, high: float) -> Path:
    """Rectangles of one height, as one path."""
    corners = [[(a, low), (b, low), (b, high), (a, high), (a, low)] for a, b in spans]
    codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY] * len(corners)
    return Path(np.array(corners).reshape(-1, 2), codes)


def _lines(spans: Sequence[tuple[float, float]], low: float, high: float) -> Path:
    ends = [[((a + b) / 2, low), ((a + b) / 2, high)] for a, b in spans]
    return Path(np.array(ends).reshape(-1, 2), [Path.MOVETO, Path.LINETO] * len(ends))


def _shade(score: float | None) -> float:
    """Opacity, in a few steps, so that there are few paths."""
    if score is None:
        return 1.0
    return _FAINTEST + (1 - _FAINTEST) * round(_SHADES * min(max(score, 0.0), 1.0)) / _SHADES


def merge_unresolved(spans: Iterable[tuple[float, float]], resolved_s: float) -> list[tuple[float, float]]:
    """Joins spans that overlap, and short ones that lie close, so that only a few are left in every `resolved_s`."""
    marks: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        last_start, last_end = marks[-1] if marks else (start, -math.inf)
        is_short = min(end - start, last_end - last_start) < resolved_s
        if start < last_end or (start - last_end < resolved_s and is_short):
            marks[-1] = (last_start, max(last_end, end))
        else:
            marks.append((start, end))
    return marks


# ---- time


def time_axis(axes: Axes, start_s: float, end_s: float, *, width_in: float, most: int = 10) -> float:
    """Labels the x axis with H:MM:SS, at most `most` times. Returns the shortest visible distance at that width, in
    seconds.
    """
    length_s = max(end_s - start_s, 1e-3)
    step_s: float = next((s for s in _STEPS_S if length_s / s <= most), math.ceil(length_s / most / 86400) * 86400)
    if length_s <= 2:
        step_s = 0.2 if length_s / 0.2 <= most else 0.5
    axes.set_xlim(start_s, start_s + length_s)
    axes.tick_params(axis="x", labelsize=8)
    axes.xaxis.set_major_locator(MultipleLocator(step_s))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: _clock(seconds, tenths=step_s < 1)))
    return length_s / (width_in * _MARKS_PER_INCH)


def _clock(seconds: float, *, tenths: bool) -> str:
    if seconds >= 1e9:
        return f"{seconds:.1e} s"
    whole, tenth = divmod(round(seconds * 10), 10) if tenths else (round(seconds), 0)
    clock = f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
    return f"{clock}.{tenth}" if tenths else clock
