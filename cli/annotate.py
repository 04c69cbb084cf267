"""vtn-stream annotate"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import click
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from vtn_stream.annotate import AnnotateEvent, Failed, FilmToAnnotate, PicturesMade, Told
from vtn_stream.annotate import annotate as library
from vtn_stream.checkpoints import describe_file, find_model
from vtn_stream.errors import listed, printable
from vtn_stream.formats.writing import num
from vtn_stream.results.blank import checked_labels
from vtn_stream_pipelines.listing import list_films

from . import options
from .console import err, out, quiet_option, shows_progress
from .interrupts import check_interrupted

__all__ = ["annotate"]

MAX_NAMED = 20  # pages that are named one by one; of more, only how many there are


@click.command()
@click.argument("films", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the pages; it gets the same folders inside as FILMS.",
)
@click.option(
    "--label",
    "given",
    multiple=True,
    metavar="TEXT",
    help="A label that you will use; may be repeated. The first nine have the keys 1 to 9.",
)
@click.option("-m", "--model", metavar="NAME|FILE", help="Take the labels of this model too, after those of --label.")
@options.thumbnails
@options.store
@quiet_option
def annotate(
    films: tuple[str, ...],
    output: Path,
    given: tuple[str, ...],
    model: str | None,
    thumbnails: bool,
    store: Path | None,
) -> int:
    """Make pages in which you say what happens in FILMS, without an analysis.

    FILMS are films, folders, patterns like 'films/**/*.mp4' and lists (.txt files with one path on each line). All
    pages and OUTPUT/index.html are there after seconds; pictures of the films come later. What you save in a page
    belongs beside it, as FILM.timeline.json: then this command, report and train use it. Run it again at any time:
    it goes on, and never replaces what you said or changed.
    """
    known = () if model is None else describe_file(find_model(model)).labels
    labels, twice = checked_labels((*given, *known))
    if again := [label for label in twice if label in given]:
        err.print(Text(f"given twice, used once: {listed(again)}"), soft_wrap=True)
    listing = list_films(films)
    for problem in listing.problems:
        err.print(Text(f"vtn-stream: {problem}"), soft_wrap=True)
    chosen = [
        FilmToAnnotate(path=Path(film.path), name=film.name, results=film.results)
        for film in sorted(listing.films, key=lambda film: film.name)
    ]
    num_failed, pages, written, without_film = len(listing.problems), set[Path](), set[Path](), set[Path]()
    has_begun = False

    def begin() -> None:
        """Says where to begin: as soon as all pages are there, before their pictures."""
        nonlocal has_begun
        if pages and not has_begun:
            index = printable(str(output / "index.html"))
            out.print(
                Text(f"{num(len(pages), 'page')}, {len(written)} written now; begin with {index}"), soft_wrap=True
            )
        has_begun = True

    with _progress() as show:

        def tell(event: AnnotateEvent) -> None:
            nonlocal num_failed
            check_interrupted()
            if isinstance(event, PicturesMade):
                begin()
                show(event)
            elif isinstance(event, Failed):
                num_failed += 1
                err.print(Text(f"vtn-stream: {event.film.name}: {event.error}"), soft_wrap=True)
            elif isinstance(event, Told):
                about = "index.html" if event.film is None else event.film.name
                err.print(Text(f"{about}: {printable(event.message)}"), soft_wrap=True)
            else:
                if event.is_new and event.page not in written and len(written) < MAX_NAMED:
                    out.print(Text(f"wrote {printable(str(event.page))}"), soft_wrap=True)
                pages.add(event.page)
                written.update([event.page] * event.is_new)
                without_film.update([event.page] * (not event.has_film))

        library(chosen, output, labels=labels, store=store, thumbnails=thumbnails, on_event=tell)
    if without_film:
        err.print(
            f"{num(len(without_film), 'page')} cannot name the way to the film: choose it in the page, or keep films "
            "and pages below one folder and run this there",
            soft_wrap=True,
        )
    begin()
    return 1 if num_failed else 0


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[PicturesMade], object]]:
    """A bar over the pictures of all films, with the time left; nothing if progress is not shown."""
    if not shows_progress():
        yield lambda event: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(20),
        TextColumn("{task.completed} of {task.total}"),
        TextColumn("ETA"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task("pictures", total=None, visible=False)
        yield lambda event: progress.update(task, completed=event.num_done, total=event.num_total, visible=True)
