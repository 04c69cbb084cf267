"""vtn-stream cut"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from vtn_stream.cutting.cut import plan_cut
from vtn_stream.cutting.names import PAGE, film_folder
from vtn_stream.cutting.plan import How, check_labels, film_called
from vtn_stream.cutting.writing import ClipFailed, ClipReady, Cut, CutEvent, Cutting, SecondsCut, Told, write_clips
from vtn_stream.errors import InputError, StoreError, VtnStreamError, printable
from vtn_stream.exchange import check_labels as check_selected
from vtn_stream.exchange import selected
from vtn_stream.exchange.selection import Selection
from vtn_stream.formats.writing import num
from vtn_stream.timeline import Timeline
from vtn_stream.video.cutter import CuttingProcess

from . import options
from .amounts import size
from .console import err, out, quiet_option, show_table, shows_progress, tell_warning
from .export import timelines_in
from .interrupts import check_interrupted
from .times import clock

__all__ = ["cut"]

MAX_NAMED = 20  # files that are named one by one; of more, only how many there are
MAX_ROWS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class _Film:
    """A timeline's file, what is selected of it, and the folder that its clips have below the output."""

    path: Path
    timeline: Timeline
    warnings: tuple[str, ...]
    folder: str


@click.command()
@click.argument("timelines", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder for the clips and their page."
)
@click.option(
    "--film",
    "given",
    multiple=True,
    type=click.Path(path_type=Path),
    help="The film, or the folder it lies in; may be repeated. [default: beside the timeline or in a folder above]",
)
@click.option(
    "--reel",
    "reels",
    multiple=True,
    metavar="LABEL",
    help="One file with all segments of this label, instead of a file for each segment; may be repeated.",
)
@click.option(
    "--without",
    multiple=True,
    metavar="LABEL",
    help="One file with the whole film but the time of this label; may be repeated.",
)
@click.option("--accurate", is_flag=True, help="Exact to the frame: the edges are encoded again, which takes longer.")
@click.option(
    "--burn-in", is_flag=True, help="Draw the label into the picture: all of it is encoded again, exact to the frame."
)
@click.option("--contact-sheet", is_flag=True, help="Also a picture with one small picture for each segment.")
@click.option("--dry-run", is_flag=True, help="Write nothing; show the files, their sizes and how early they begin.")
@options.selection
@options.store
@quiet_option
@options.gathered(How, "how")
def cut(
    timelines: tuple[Path, ...],
    output: Path,
    given: tuple[Path, ...],
    contact_sheet: bool,
    dry_run: bool,
    selection: Selection,
    store: Path | None,
    how: How,
) -> int:
    """Cut clips out of the films of TIMELINES (.timeline.json files, or folders of them): a file for each segment.

    Clips lie in a folder for each label, sorted by time; of several films each has its own folder. OUTPUT/index.html
    lists and plays them. Packets are copied, so that a clip begins early, at the keyframe before its segment; how much,
    the page and the summary say. Run it again at any time: it goes on with what is missing, and never replaces files of
    others.

    Segments are selected and changed in the order of the options from --threshold on. If --threshold is lower than the
    one that a model's timeline was drawn with, it is drawn again from FILM.scores.arrow beside it.
    """
    if how.burn_in and how.without and not how.reels:
        raise click.UsageError("--burn-in draws the label of a segment, and a film --without a label has none")
    paths = timelines_in(timelines)
    check_selected(paths, selection)
    num_failed = 0

    def tell_failed(path: Path, error: VtnStreamError) -> None:
        nonlocal num_failed
        num_failed += 1
        line = f"{printable(str(path))}: {error}" if len(paths) > 1 else str(error)
        err.print(Text(f"vtn-stream: {line}"), soft_wrap=True)

    films = _films(paths, selection, tell_failed)
    if films:
        check_labels([film.timeline for film in films], how)
    with CuttingProcess() as process:
        for film in films:
            check_interrupted()
            try:
                cutting = plan_cut(film.timeline, film.path, given, how, process, folder=film.folder, store=store)
                for warning in film.warnings:
                    tell_warning(film.path, warning)
                if dry_run:
                    num_failed += len(cutting.refused)
                    _show_plan(film.path, cutting)
                else:
                    with _telling(film.path) as tell:
                        done = write_clips(
                            cutting, output, process, contact_sheet=contact_sheet, store=store, on_event=tell
                        )
                    num_failed += len(done.failed)
                    _summarize(done)
            except StoreError as error:  # a full disk is full for the others, too
                tell_failed(film.path, error)
                break
            except VtnStreamError as error:
                tell_failed(film.path, error)
    return 1 if num_failed else 0


def _films(
    paths: Sequence[Path], selection: Selection, tell_failed: Callable[[Path, VtnStreamError], None]
) -> list[_Film]:
    """The timelines that can be read and have segments; of several, each with a folder of its own."""
    films: list[_Film] = []
    for path in paths:
        try:
            timeline, warnings = selected(path, selection)
            if not timeline.segments:
                fact = warnings[-1] if warnings else f"{path.name} has no segments"
                raise InputError(fact, "nothing was cut", "choose other labels, or a lower --threshold")
        except VtnStreamError as error:
            tell_failed(path, error)
            continue
        taken = [film.folder for film in films]
        folder = film_folder(film_called(timeline), taken, str(path)) if len(paths) > 1 else ""
        films.append(_Film(path=path, timeline=timeline, warnings=warnings, folder=folder))
    return films


@contextmanager
def _telling(source: Path) -> Iterator[Callable[[CutEvent], None]]:
    """Gives what shows events: a bar with the time left on a terminal, the files as they come."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(20),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("ETA"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=not shows_progress()) as progress:
        task = progress.add_task("cutting", total=None)
        num_written = 0

        def tell(event: CutEvent) -> None:
            nonlocal num_written
            check_interrupted()
            if isinstance(event, SecondsCut):
                progress.update(task, completed=event.done_s, total=event.total_s)
            elif isinstance(event, ClipFailed):
                err.print(Text(f"vtn-stream: {printable(event.file)}: {event.error}"), soft_wrap=True)
            elif isinstance(event, Told):
                tell_warning(source, event.message)
            elif isinstance(event, ClipReady) and event.is_new:
                num_written += 1
                if num_written <= MAX_NAMED:
                    out.print(Text(f"wrote {printable(str(event.path))}"), soft_wrap=True)
                elif num_written == MAX_NAMED + 1:
                    out.print("wrote more ...")

        yield tell


def _summarize(done: Cut) -> None:
    clips = done.clips
    early = [clip.early_s for clip in clips if clip.early_s > 0]
    total = size(sum(clip.num_bytes for clip in clips))
    words = [f"{num(len(clips), 'file')}, {done.num_new} written now, {total}"]
    if early:
        mean = sum(early) / len(early)
        words.append(
            f"{len(early)} of them {'begins' if len(early) == 1 else 'begin'} early, at a keyframe, by up to "
            f"{max(early):.2f} s and {mean:.2f} s on average (--accurate: at the frame)"
        )
    elif clips:
        words.append("none begins early")
    out.print(Text("; ".join(words)), soft_wrap=True)
    for page in done.pages:
        what = "look at" if page.name == PAGE else "wrote"
        out.print(Text(f"{what} {printable(str(page))}"), soft_wrap=True)


def _show_plan(source: Path, cutting: Cutting) -> None:
    for line in cutting.plan.told:
        tell_warning(source, cutting.shown(line))
    for failure in cutting.refused:
        err.print(Text(f"vtn-stream: {printable(failure.file)}: {failure.error}"), soft_wrap=True)
    table = Table(box=None, pad_edge=False)
    table.add_column("file")
    for name in ("begins at", "length", "early by", "about"):
        table.add_column(name, justify="right")
    there = [(clip, file) for clip, file in zip(cutting.plan.clips, cutting.files, strict=True) if file is not None]
    for clip, file in there[:MAX_ROWS]:
        table.add_row(
            Text(printable(file)),
            clock(clip.start_s - clip.early_s),
            f"{clip.duration_s:.1f} s",
            f"{clip.early_s:.2f} s",
            size(clip.num_bytes),
        )
    show_table(table)
    if len(there) > MAX_ROWS:
        out.print(f"... and {len(there) - MAX_ROWS} more")
    total = size(sum(clip.num_bytes for clip, _ in there))
    early_s = max((clip.early_s for clip, _ in there), default=0.0)
    line = f"{num(len(there), 'file')} of about {total} would be written, up to {early_s:.2f} s early"
    out.print(Text(line), soft_wrap=True)
