"""vtn-stream report"""

import contextlib
from collections import Counter
from pathlib import Path

import click
from rich.text import Text

from vtn_stream.anonymous import anonymous as anonymous_timeline
from vtn_stream.anonymous import is_anonymous, name_in
from vtn_stream.errors import InputError, TimelineError, VtnStreamError, printable
from vtn_stream.exchange.truth import NamedFilm
from vtn_stream.formats.writing import num
from vtn_stream.name_table import Names
from vtn_stream.results import load_timeline, stem_of, write_file
from vtn_stream.results.corrected import copies_line
from vtn_stream.results.overview import check_anonymous, timeline_files, write_index, write_missing_pages
from vtn_stream.results.pages import check_replaceable, page_at, way_to, ways_in
from vtn_stream_pipelines.record import failed_films, why_films_failed

from . import options
from .console import err, out, quiet_option
from .interrupts import check_interrupted
from .naming import names_from, of_timeline, tell_table
from .truth import truth_from

__all__ = ["report"]


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of the page. [default: beside the timeline]",
)
@click.option(
    "--film",
    type=click.Path(path_type=Path),
    help="Where the film lies; of a recording the folder of its files. [default: beside the page or in a folder above]",
)
@click.option(
    "--truth",
    type=click.Path(path_type=Path),
    help="File of what really happens, annotations or a timeline: shown above what was predicted.",
)
@options.rate
@options.thumbnails
@options.anonymous
@options.store
@click.option(
    "--overwrite",
    is_flag=True,
    help="Replace a file of the page's name that is not a page of vtn-stream; rename a page that you changed by hand.",
)
@quiet_option
def report(
    source: Path,
    output: Path | None,
    film: Path | None,
    truth: Path | None,
    rate: str | None,
    thumbnails: bool,
    anonymous: bool,
    table: Path | None,
    store: Path | None,
    overwrite: bool,
) -> int:
    """Make the HTML page of SOURCE, a .timeline.json file; or of a folder: a page of each timeline, and index.html.

    A page is one file that opens without server or network, and plays the film if that is beside it or in a folder
    above. In a folder, a page is made if there is none, or an older one; with --truth, also for each film with truth.
    """
    if anonymous and film is not None:
        raise click.UsageError("--film puts the way to the film into the page, and --anonymous leaves it out")
    folder = source if source.is_dir() else (source if output is None else output).parent
    names = names_from(anonymous, table, folder)
    if source.is_dir():
        if output or film:
            raise click.UsageError("--output and --film are for one timeline; a folder's page is index.html")
        if names is not None:
            check_anonymous(source, names, also=failed_films(source))
        return _of_folder(source, truth, rate, store, thumbnails, overwrite)
    if names is not None:
        return _anonymous(source, names, output, truth, rate, overwrite)
    timeline = load_timeline(source)
    page = source.with_name(f"{stem_of(source)}.timeline.html") if output is None else output
    check_replaceable(page, overwrite=overwrite)
    way, parts = None, list[str]()
    if film is not None:
        if is_anonymous(timeline):
            raise InputError(
                f"the film of {source.name} is anonymous",
                "no page was written: the path to the film would name it",
                "leave out --film and choose the film in the page",
            )
        if not film.exists():
            raise InputError(f"{film} is not there", "no page was written", "check the path, or leave out --film")
        way = way_to(film, page.parent, Path.cwd())
        if way is not None and timeline.parts:
            parts = ways_in(film, way, timeline)
        if way is None:
            raise InputError(
                "film and page do not both lie in the current folder",
                "no page was written: the path to the film would name folders above",
                "run it in a folder that holds both, or leave out --film and choose the film in the page",
            )
    true = None
    if truth is not None:
        true = truth_from(truth, [NamedFilm.of(timeline)], rate).of(timeline)
    written = page_at(
        page,
        timeline,
        film=None if parts else way,
        parts=parts,
        truth=true,
        store=store,
        thumbnails=thumbnails,
        source=source,
    )
    for warning in (*written.warnings, *write_file(page, written.content)):
        err.print(Text(f"{printable(page.name)}: {warning}"), soft_wrap=True)
    out.print(Text(f"wrote {printable(str(page))}"), soft_wrap=True)
    _tell_copies(source)
    return 0


def _anonymous(
    source: Path, names: Names, output: Path | None, truth: Path | None, rate: str | None, overwrite: bool
) -> int:
    """The page of one timeline, without the film's own name."""
    try:
        named = load_timeline(source)
        name = name_in(names, named)
        timeline = anonymous_timeline(named, name)
        true = None if truth is None else truth_from(truth, [NamedFilm.of(named)], rate).of(named)
    except (InputError, TimelineError) as error:
        raise type(error)(*(of_timeline(text, source, "the timeline") for text in error.args)) from None
    page = source.with_name(f"{name}.timeline.html") if output is None else output
    check_replaceable(page, overwrite=overwrite)
    written = page_at(page, timeline, truth=true, source=source)
    for warning in (
        *written.warnings,
        *write_file(page, written.content),
        *copies_line(source.parent, stem_of(source)),
    ):
        err.print(Text(f"{printable(page.name)}: {of_timeline(warning, source, name)}"), soft_wrap=True)
    out.print(Text(f"wrote {printable(str(page))}"), soft_wrap=True)
    tell_table(names)
    return 0


def _of_folder(
    folder: Path, truth: Path | None, rate: str | None, store: Path | None, thumbnails: bool, overwrite: bool
) -> int:
    num_failed, num_pages_by_warning = 0, Counter[str]()
    true = None if truth is None else truth_from(truth, _films(folder), rate)
    for made in write_missing_pages(
        folder, store=store, thumbnails=thumbnails, overwrite=overwrite, truth_of=None if true is None else true.of
    ):
        check_interrupted()
        if isinstance(made, VtnStreamError):
            num_failed += 1
            err.print(Text(f"vtn-stream: {made}"), soft_wrap=True)
        else:
            page, warnings = made
            num_pages_by_warning.update(warnings)
            out.print(Text(f"wrote {printable(str(page))}"), soft_wrap=True)
    for warning, times in num_pages_by_warning.items():
        err.print(Text(f"{num(times, 'page')}: {warning}"), soft_wrap=True)
    for file in timeline_files(folder):
        _tell_copies(folder / file)
    failed_films = why_films_failed(folder)
    written = write_index(folder, failed=failed_films, overwrite=overwrite, store=store, thumbnails=thumbnails)
    for line in written.told:
        err.print(Text(f"{printable(written.path.name)}: {printable(line)}"), soft_wrap=True)
    failed = f", {written.num_failed} cannot be read" if written.num_failed else ""
    films = num(written.num_films, "timeline")
    out.print(Text(f"wrote {printable(str(written.path))}, over {films}{failed}"), soft_wrap=True)
    return 1 if num_failed else 0


def _tell_copies(source: Path) -> None:
    """Names files beside a timeline with hand work over its film: downloads of a page have such names."""
    for line in copies_line(source.parent, stem_of(source)):
        err.print(Text(f"{printable(source.name)}: {printable(line)}"), soft_wrap=True)


def _films(folder: Path) -> list[NamedFilm]:
    """The films of the timelines in a folder, without those that cannot be read: they are reported later."""
    films = []
    for file in timeline_files(folder):
        with contextlib.suppress(VtnStreamError):
            films.append(NamedFilm.of(load_timeline(folder / file), file.parent.as_posix()))
    return films
