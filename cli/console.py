"""What the terminal shows: a progress bar during an analysis, then a table and a lane of the timeline.

File names and labels are untrusted: they are shown as plain text, control characters escaped, never read as markup.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click
from rich.color import Color
from rich.console import Console
from rich.measure import Measurement
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.style import Style
from rich.table import Column, Table
from rich.text import Text

from vtn_stream.errors import printable
from vtn_stream.report.colours import look_of
from vtn_stream.timeline import Timeline

from .times import clock

__all__ = [
    "PositionCount",
    "err",
    "film_progress",
    "hush",
    "out",
    "quiet_option",
    "show_table",
    "show_timeline",
    "shows_progress",
    "tell_gaps",
    "tell_warning",
]

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

SYMBOLS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
MAX_ROWS = 40
MAX_PICTURES = 24
PICTURE_WIDTH, PICTURE_LINES = 18, 5  # characters
MAX_WIDTH = 10_000  # characters of a line of a table
MIN_NAME_WIDTH = 12  # of a column of names: narrower ones are hard to read


def hush(is_quiet: bool) -> None:
    """Whether `out` prints nothing, and no progress is shown; warnings and errors, on `err`, stay."""
    out.quiet = is_quiet


def _hush(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    hush(value or bool(ctx.find_root().params.get("quiet")))


quiet_option = click.option(
    "-q",
    "--quiet",
    is_flag=True,
    expose_value=False,
    callback=_hush,
    help="Print only warnings and errors.",
)


def shows_progress() -> bool:
    """Whether progress is shown, on stderr."""
    return err.is_terminal and not out.quiet


def tell_warning(file: Path, warning: str) -> None:
    err.print(Text(f"{printable(str(file))}: {printable(warning)}"), soft_wrap=True)


class _Speed(ProgressColumn):
    """Embedded frames a second, and how much faster than the film plays."""

    def render(self, task: Task) -> Text:
        frames, film_s = task.fields["frames"], task.fields["film_s"]
        elapsed_s = time.monotonic() - task.fields["began"]
        if not frames or elapsed_s <= 0:
            return Text("")
        return Text(f"{frames / elapsed_s:.0f} frames/s  {film_s / elapsed_s:.1f}x real time")


class PositionCount:
    """How many positions are done. Frames are counted as they come, positions when they are known: several may show one
    frame.
    """

    def __init__(self) -> None:
        self._known = 0
        self.under_way = 0

    def __int__(self) -> int:
        return self._known + self.under_way

    def add_frames(self, num: int) -> None:
        self.under_way += num

    def add_chunk(self, num_positions: int, *, embedded: bool = True) -> None:
        self._known += num_positions
        if embedded:
            self.under_way = max(0, self.under_way - num_positions)


class FilmProgress:
    """Counts grid positions; those that come from the store do not count as speed."""

    def __init__(self, progress: Progress | None, name: str) -> None:
        self._progress = progress
        self._positions = PositionCount()
        self._frames = 0
        self._film_s = 0.0
        self._second: TaskID | None = None
        if progress:
            self._task = progress.add_task(printable(name), total=None, frames=0, film_s=0.0, began=time.monotonic())

    def expect(self, num_positions: int, fps: float) -> None:
        self._fps = fps
        if self._progress:
            self._progress.update(self._task, total=num_positions)

    def frames_embedded(self, num_frames: int) -> None:
        self._frames += num_frames
        self._positions.add_frames(num_frames)
        self._show()

    def chunk_ready(self, num_positions: int, *, embedded: bool) -> None:
        self._positions.add_chunk(num_positions, embedded=embedded)
        if embedded:
            self._film_s += num_positions / self._fps
        self._show()

    def afterwards(self, what: str, num_done: int, num_total: int) -> None:
        """Shows a second bar: all embeddings are there, and this is done with them."""
        if self._progress:
            if self._second is None:
                self._progress.stop_task(self._task)
                self._second = self._progress.add_task(
                    what, total=num_total, frames=0, film_s=0.0, began=time.monotonic()
                )
            self._progress.update(self._second, completed=num_done, total=num_total)

    def _show(self) -> None:
        if self._progress:
            film_s = self._film_s + self._positions.under_way / self._fps
            self._progress.update(self._task, completed=int(self._positions), frames=self._frames, film_s=film_s)


@contextmanager
def film_progress(name: str) -> Iterator[FilmProgress]:
    """A bar with speed and time left, on stderr; nothing if that is not a terminal, or if nothing is to be shown."""
    if not shows_progress():
        yield FilmProgress(None, name)
        return
    columns = (
        TextColumn("{task.description}", markup=False, table_column=Column(overflow="fold")),
        BarColumn(20),
        TextColumn("{task.percentage:>3.0f}%"),
        _Speed(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True) as progress:
        yield FilmProgress(progress, name)


def show_table(table: Table) -> None:
    """Prints a table of which nothing is cut: in a narrow terminal names go on in the next line, and where figures do
    not fit even so, or the output is not a terminal, lines are as long as they must be.
    """
    wide = out.options.update(max_width=MAX_WIDTH)
    all_lengths = least = 0
    for column in table.columns:
        longest = max(Measurement.get(out, wide, cell).maximum for cell in (column.header, *column.cells))
        if column.justify == "right":
            column.no_wrap = True
            column.min_width = longest
        else:
            column.overflow = "fold"
            column.min_width = min(longest, MIN_NAME_WIDTH)
        all_lengths += longest
        least += column.min_width
    length = Measurement.get(out, wide, table).maximum
    least += length - all_lengths  # between columns
    table.width = min(length, max(out.width, least)) if out.is_terminal else length
    out.print(table, crop=False)


def show_timeline(timeline: Timeline, pictures: Callable[[], Mapping[str, bytes]] = dict) -> None:
    """A table of the segments and, below it, the film as one lane. In a terminal of many colours the scenes follow by
    their pictures (label -> JPEG), which are asked for there only.
    """
    symbols = {label: SYMBOLS[i % len(SYMBOLS)] for i, label in enumerate(timeline.labels)}
    colours = {label: look_of(label).colour for label in timeline.labels}
    table = Table(box=None, pad_edge=False)
    for name in ("start", "end", "duration"):
        table.add_column(name, justify="right")
    table.add_column("")
    table.add_column("label")
    table.add_column("score", justify="right")
    for s in timeline.segments[:MAX_ROWS]:
        score = "" if s.score is None else f"{s.score:.2f}"
        table.add_row(
            clock(s.start_s),
            clock(s.end_s),
            f"{s.duration_s:.1f} s",
            Text(symbols[s.label], style=f"bold {colours[s.label]}"),
            Text(printable(s.label)),
            score,
        )
    if timeline.segments:
        show_table(table)
    else:
        out.print("no segments: nothing was found")
    if len(timeline.segments) > MAX_ROWS:
        out.print(f"... and {len(timeline.segments) - MAX_ROWS} more in the files")
    out.print(_lane(timeline, symbols, colours))
    if out.is_terminal and out.color_system == "truecolor" and not (out.no_color or out.quiet):
        _show_pictures(pictures(), symbols, colours)
    if timeline.clip_labels:
        labels = ", ".join(f"{printable(label)} {score:.2f}" for label, score in timeline.clip_labels)
        out.print(Text(f"the whole of it: {labels}"))
    tell_gaps(timeline, out)


def tell_gaps(timeline: Timeline, console: Console, before: str = "") -> None:
    """Prints the gaps, each in a line that begins with these words."""
    for gap in timeline.gaps[:MAX_ROWS]:
        line = f"gap {clock(gap.start_s)} to {clock(gap.end_s)}: {printable(gap.reason)}"
        console.print(Text(f"{before}{line}", style="yellow"), soft_wrap=bool(before))
    if len(timeline.gaps) > MAX_ROWS:
        console.print(Text(f"{before}... and {len(timeline.gaps) - MAX_ROWS} more gaps in the files"))


def _show_pictures(pictures: Mapping[str, bytes], symbols: Mapping[str, str], colours: Mapping[str, str]) -> None:
    """As many beside one another as there is room for; each character shows two pixels, one above the other."""
    from vtn_stream.video.small import pixels  # with numpy and Pillow, which most commands do without

    cells = []
    for label in [label for label in symbols if label in pictures][:MAX_PICTURES]:
        shown = pixels(pictures[label], PICTURE_WIDTH, 2 * PICTURE_LINES)
        if shown is None:
            continue
        text = Text()
        for upper, lower in zip(shown[::2], shown[1::2], strict=True):
            for above, below in zip(upper.tolist(), lower.tolist(), strict=True):
                text.append("▀", style=Style(color=Color.from_rgb(*above), bgcolor=Color.from_rgb(*below)))
            text.append("\n")
        text.append(symbols[label], style=f"bold {colours[label]}")
        text.append(f" {printable(label)}")
        cells.append(text)
    if not cells:
        return
    num = max(1, (out.width + 2) // (PICTURE_WIDTH + 2))
    grid = Table.grid(*(Column(width=PICTURE_WIDTH, overflow="fold") for _ in range(num)), padding=(1, 2, 0, 0))
    for first in range(0, len(cells), num):
        grid.add_row(*cells[first : first + num])
    out.print(grid)
    if (more := len(pictures) - MAX_PICTURES) > 0:
        out.print(f"... and {more} more scenes on the page")


def _lane(timeline: Timeline, symbols: dict[str, str], colours: dict[str, str]) -> Text:
    start_s, end_s = timeline.span_s
    head, tail = f"{clock(start_s)} ", f" {clock(end_s)}"
    width = max(10, min(out.width, 160) - len(head) - len(tail))
    lane = Text(head)
    for column in range(width):
        middle_s = start_s + (column + 0.5) * (end_s - start_s) / width
        label = next((s.label for s in timeline.segments if s.start_s <= middle_s < s.end_s), None)
        if label is None:
            lane.append("·", style="dim")
        else:
            lane.append(symbols[label], style=f"black on {colours[label]}")
    lane.append(tail)
    return lane
