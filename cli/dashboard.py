"""What the terminal shows of a batch: on stderr a board, or a line now and then; at its end a table on stdout."""

import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Self

from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from vtn_stream.errors import printable
from vtn_stream_pipelines.batch import Summary, WorkerRefused
from vtn_stream_pipelines.messages import ChunkLost, FilmDone, FilmFailed, FilmSurveyed, FilmTaken
from vtn_stream_pipelines.tally import Tally
from vtn_stream_pipelines.work import NoRoom, WorkerLost

from .console import err, out, show_table, shows_progress
from .times import about, clock

__all__ = ["Dashboard", "facts", "news_of", "show_summary"]

MAX_NEWS = 4
MAX_NAMED = 10
LINE_EVERY_S = 60.0
_STEPS = {"load": "loading", "survey": "surveying", "embed": "embedding", "predict": "predicting"}


class Dashboard:
    """Gets every event after the tally. On a terminal it is a board while it is entered, unless is_plain. News: films
    that failed, gaps, workers that were lost. What is told of hand work stays on the screen above it.

    failed, gappy: the first MAX_NAMED films that failed, and that are done with gaps
    """

    def __init__(self, tally: Tally, *, is_plain: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self.tally = tally
        self.failed: list[FilmFailed] = []
        self.gappy: list[FilmDone] = []
        self._is_plain = is_plain
        self._clock = clock
        self._news: deque[Text] = deque(maxlen=MAX_NEWS)
        self._due, self._line = clock() + LINE_EVERY_S, ""
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if shows_progress() and not self._is_plain:
            self._live = Live(get_renderable=lambda: self, console=err, transient=True)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()
            self._live = None

    def hear(self, event: object) -> None:
        if isinstance(event, FilmTaken) and event.has_failed:
            self.failed = [failed for failed in self.failed if failed.film.results != event.film.results]
        elif isinstance(event, FilmFailed) and len(self.failed) < MAX_NAMED:
            self.failed.append(event)
        elif isinstance(event, FilmDone) and event.outcome and event.outcome.num_gaps and len(self.gappy) < MAX_NAMED:
            self.gappy.append(event)
        if isinstance(event, FilmDone):
            for line in event.hand_work:
                err.print(Text(f"{printable(event.film.name)}: {printable(line)}", style="yellow"), soft_wrap=True)
        if (news := news_of(event)) is not None:
            if self._live:
                news.overflow = "fold"
                self._news.append(news)
            else:
                err.print(news, soft_wrap=True)
        if not self._live and not out.quiet and self._clock() >= self._due:
            line = "; ".join(f"{name} {fact}" for name, fact in facts(self.tally))
            if line != self._line:  # nothing happens in a watched folder for days
                err.print(Text(line), soft_wrap=True)
            self._line, self._due = line, self._clock() + LINE_EVERY_S

    def __rich__(self) -> RenderableType:
        table = Table.grid(padding=(0, 2))
        share = self.tally.share_over
        table.add_row("", ProgressBar(total=1.0, completed=share, width=40))
        for name, fact in facts(self.tally):
            table.add_row(name, Text(fact))
        return Group(table, *tuple(self._news))


def facts(tally: Tally) -> list[tuple[str, str]]:
    """What is known of the batch, as rows of names and words."""
    films = f"{tally.num_done} done, {tally.num_skipped} skipped, {tally.num_failed} failed of {tally.num_films}"
    if tally.num_waiting:
        films += f", {tally.num_waiting} not complete yet"
    chunks = f"{tally.num_embedded} embedded"
    if tally.num_found:
        chunks += f", {tally.num_found} found"
    if tally.num_lost:
        chunks += f", {tally.num_lost} lost"
    if chunks_left := tally.chunks_left:
        chunks += f", about {chunks_left:.0f} left"
    workers = str(tally.num_workers)
    if tally.num_workers_lost:
        workers += f" ({tally.num_workers_lost} lost, {tally.num_workers_replaced} replaced)"
    if (share := tally.share_embedding) is not None:
        workers += f", embedding {share:.0%} of the time"
    rows = [("films", films), ("chunks", chunks), ("workers", workers)]
    if (speed := tally.frames_per_s) is not None:
        rows.append(("frames/s", f"{speed:.0f}"))
    left_s = tally.left_s
    rows.append(("time left", "not known" if left_s is None else about(left_s)))
    return rows


def show_summary(board: Dashboard, summary: Summary | None, output: Path) -> None:
    """Prints the table at the end, on stdout. summary: None if the run was broken off."""
    tally = board.tally
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    rows = [("films done", tally.num_done), ("  with gaps", tally.num_gappy), ("films skipped", tally.num_skipped)]
    rows += [("films failed", tally.num_failed)]
    if tally.num_edited:
        rows.append(("films with hand work", tally.num_edited))
    if left := tally.num_films - tally.num_over:
        rows.append(("films left", left))
    rows += [("chunks embedded", tally.num_embedded)]
    rows += [("frames", tally.num_frames)]
    cells = [(name, str(number)) for name, number in rows]
    if tally.num_frames and tally.embedding_s:
        cells.append(("frames/s", f"{tally.num_frames / tally.embedding_s:.0f}"))
    cells.append(("time", clock(tally.wall_s)))
    if summary is not None:
        cells.append(("workers", str(summary.num_workers)))
        cells += [
            (f"  {_STEPS.get(step, step)}", f"{seconds:.1f} s") for step, seconds in summary.seconds_by_stage.items()
        ]
    for row in cells:
        table.add_row(*row)
    show_table(table)
    for done in board.gappy:
        assert done.outcome is not None, "it was done"
        gaps = "a gap" if done.outcome.num_gaps == 1 else f"{done.outcome.num_gaps} gaps"
        line = f"{printable(done.film.name)} has {gaps}: its timeline says where and why"
        out.print(Text(line, style="yellow"), soft_wrap=True)
    if more := tally.num_gappy - len(board.gappy):
        out.print(f"... and {more} more have gaps")
    for event in board.failed:
        out.print(Text(f"{printable(event.film.name)}: {printable(event.reason)}", style="red"), soft_wrap=True)
    if more := tally.num_failed - len(board.failed):
        out.print(f"... and {more} more failed")
    if tally.num_failed or tally.num_lost:
        where = printable(str(output / "failures.jsonl"))
        out.print(Text(f"failures are listed in {where}; --retry-failed tries them again"), soft_wrap=True)


def news_of(event: object) -> Text | None:
    if isinstance(event, FilmFailed):
        return Text(f"{printable(event.film.name)} failed: {printable(event.reason)}", style="red")
    if isinstance(event, FilmSurveyed) and event.survey.warnings:
        return Text(f"{printable(event.film.name)}: {printable(' | '.join(event.survey.warnings))}", style="yellow")
    if isinstance(event, ChunkLost):
        gap = f"chunk {event.number} of {printable(event.film.name)} is a gap"
        return Text(f"{gap}: {printable(event.reason)}", style="yellow")
    if isinstance(event, WorkerLost):
        return Text(f"worker {event.worker} was lost: {printable(event.failure.reason)}", style="yellow")
    if isinstance(event, WorkerRefused):
        return Text(f"worker {event.worker} gets no work: {printable(event.reason)}", style="yellow")
    if isinstance(event, NoRoom) and not event.counts.num_ready:
        return Text("the cluster has no room for a worker now; the batch waits", style="yellow")
    return None
