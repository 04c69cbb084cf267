"""Pictures for a model's card: whether its scores mean what they say, and what more films would bring.

As bytes of SVG or PNG. Equal input gives equal bytes. B bins
"""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MultipleLocator, NullLocator

from vtn_stream.report.drawing import PictureFormat, folded, in_picture_style, picture

__all__ = ["growth", "sureness"]

BEFORE, AFTER = "#888888", "#1f5fa8"


def sureness(
    before: tuple[Sequence[float], Sequence[float]],
    after: tuple[Sequence[float], Sequence[float]],
    counts: Sequence[int],
    *,
    unit: str,
    format: PictureFormat = "svg",
) -> bytes:
    """What was right over what was said, shares 0..1 [B], before and after the scores were adjusted; counts [B] are
    those after. On the line scores are true; above it the model says too little, below too much.
    """
    with in_picture_style():
        figure = Figure(figsize=(4.6, 5.4), layout="constrained")
        axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
        axes.plot([0, 1], [0, 1], color=BEFORE, linewidth=1, linestyle="--", label="true scores")
        axes.plot(*before, color=BEFORE, marker="o", markersize=3, linewidth=1, label="before it was adjusted")
        axes.plot(*after, color=AFTER, marker="o", markersize=5, linewidth=1.8, label="the model")
        axes.set(xlim=(0, 1), ylim=(0, 1.02), ylabel="right, %")
        axes.set_title("Of what gets this score, how much is right?")
        axes.legend(frameon=False, fontsize=8, loc="upper left")
        axes.grid(alpha=0.3)
        below.bar(after[0], counts, width=0.07, color=AFTER)
        below.set(xlabel="score, %", ylabel=folded(unit))
        for axis in (axes.xaxis, axes.yaxis):
            _in_percent(axis)
        below.margins(y=0.1)
        return picture(figure, format)


def growth(
    num_films: Sequence[int],
    figures: Sequence[float],
    *,
    name: str,
    gain: tuple[float, float, float] | None = None,
    format: PictureFormat = "svg",
) -> bytes:
    """A figure, shares 0..1, over the number of films that were learnt. gain: what twice as many would bring, with the
    ends of its interval; None: this cannot be said.
    """
    with in_picture_style():
        figure = Figure(figsize=(4.6, 3.4), layout="constrained")
        axes = figure.add_subplot()
        axes.plot(num_films, figures, color=AFTER, marker="o", linewidth=1.8)
        ends = list(figures)
        at = list(num_films)
        if gain is not None:
            last, double = figures[-1], 2 * num_films[-1]
            about, low, high = (min(1.0, max(0.0, last + change)) for change in gain)
            axes.plot([num_films[-1], double], [last, about], color=AFTER, linestyle="--", linewidth=1.2)
            axes.errorbar(
                double, about, [[max(0.0, about - low)], [max(0.0, high - about)]], color=AFTER, fmt="o", capsize=4
            )
            ends += [low, high]
            at.append(double)
        _of_films(axes, at)
        room = 0.1 * (max(ends) - min(ends)) + 0.02
        axes.set_ylim(max(0.0, min(ends) - room), min(1.02, max(ends) + room))
        axes.set(xlabel="films learnt", ylabel=f"{folded(name)}, %")
        _in_percent(axes.yaxis, every=None)
        axes.set_title("What more films would bring" + " (a guess)" * (gain is not None))
        axes.grid(alpha=0.3)
        return picture(figure, format)


def _of_films(axes: Axes, at: Sequence[int]) -> None:
    """A scale on which every doubling is as wide."""
    axes.set_xscale("log", base=2)
    axes.set_xlim(min(at) / 1.15, max(at) * 1.15)
    axes.xaxis.set_major_locator(FixedLocator([float(num) for num in at]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda num, _: f"{num:.0f}"))


def _in_percent(axis: Axis, every: float | None = 0.2) -> None:
    if every is not None:
        axis.set_major_locator(MultipleLocator(every))
    axis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.0f}"))
