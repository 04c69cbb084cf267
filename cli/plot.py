"""vtn-stream plot"""

import math
from functools import partial
from pathlib import Path
from typing import Literal

import click
from rich.text import Text

from vtn_stream.errors import InputError, printable
from vtn_stream.exchange.intake import truth_of
from vtn_stream.film import one_form
from vtn_stream.formats.reading import ReadingOptions
from vtn_stream.results import load_timeline, write_file

from . import options
from .console import err, out, quiet_option, tell_warning
from .times import SECONDS

__all__ = ["plot"]

FORMATS: dict[str, Literal["png", "svg"]] = {".png": "png", ".svg": "svg"}


@click.command()
@click.argument("timelines", metavar="TIMELINE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of the picture, .png or .svg; one that is there is replaced, or put aside if `plot` did not draw it.",
)
@click.option(
    "--truth",
    type=click.Path(path_type=Path),
    help="What really happens, drawn above: a file of any format that can be read, or annotations.",
)
@options.rate
@click.option("--start", "start_s", type=SECONDS, default=0.0, help="Begin here.")
@click.option("--end", "end_s", type=SECONDS, default=math.inf, help="End here.")
@click.option("--width", "width_in", type=options.Number(3, 20), default=7.0, show_default=True, help="Inches.")
@click.option("--label", "labels", multiple=True, help="Draw this label; may be repeated. [default: all]")
@quiet_option
def plot(
    timelines: tuple[Path, ...],
    output: Path,
    truth: Path | None,
    rate: str | None,
    start_s: float,
    end_s: float,
    width_in: float,
    labels: tuple[str, ...],
) -> None:
    """Draw TIMELINE (a .timeline.json file) as a picture for print: a lane for each label; of several, a strip each.

    The films of the truth are found by the names that the timelines give theirs.
    """
    format = FORMATS.get(output.suffix.lower())
    if format is None:
        raise InputError(f"{output.name} names no picture", "nothing was drawn", "let it end in .png or .svg")
    loaded = [load_timeline(file) for file in timelines]
    if not start_s < min(end_s, max(t.span_s[1] for t in loaded)):
        raise InputError(
            f"of the timelines nothing lies after {start_s:g} s" + f" and before {end_s:g} s" * math.isfinite(end_s),
            "nothing was drawn",
            "check the times",
        )
    true = None
    if truth is not None:
        frames = options.as_rate(rate)
        reading = ReadingOptions(rate=frames, annotation_fps=frames)
        true = truth_of(truth, loaded, reading, partial(tell_warning, truth))
    there = {s.label for segments in (*(true or ()), *(t.segments for t in loaded)) for s in segments}
    known = {one_form(label) for label in there}
    for label in labels:
        if one_form(label) not in known:
            raise InputError(f"no segment is called {label}", "nothing was drawn", "check the name")
    out.print(Text(f"drawing {printable(output.name)}"), soft_wrap=True)  # before matplotlib is loaded
    from vtn_stream.report import timeline_plot

    picture = timeline_plot.plot(
        loaded,
        truth=true,
        labels=[label for label in there if one_form(label) in set(map(one_form, labels))] or None,
        span_s=None if (start_s, end_s) == (0.0, math.inf) else (start_s, end_s),
        width_in=width_in,
        format=format,
    )
    for line in write_file(output, picture):
        err.print(Text(f"{printable(output.name)}: {printable(line)}"), soft_wrap=True)
    out.print(Text(f"wrote {printable(str(output))}"), soft_wrap=True)
