"""vtn-stream export"""

from collections.abc import Sequence
from pathlib import Path, PurePath

import click
from rich.text import Text

from vtn_stream.anonymous import anonymous as anonymous_timeline
from vtn_stream.anonymous import name_in
from vtn_stream.errors import TimelineError, VtnStreamError, printable
from vtn_stream.exchange import Exported, Pages, check_labels, export_together, file_stems, holding_many
from vtn_stream.exchange import export as export_timeline
from vtn_stream.exchange.selection import Selection
from vtn_stream.formats import Options
from vtn_stream.name_table import Names
from vtn_stream.results import check_written, load_timeline, stem_of, suffixes
from vtn_stream.results.overview import check_anonymous, timeline_files

from . import options
from .console import err, out, quiet_option, tell_warning
from .interrupts import check_interrupted
from .naming import names_from, of_timeline, tell_table

__all__ = ["export", "tell_exported", "timelines_in"]


@click.command()
@click.argument("timelines", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-f",
    "--format",
    "formats",
    multiple=True,
    type=options.FormatName("all"),
    help="What to write; may be repeated.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder. [default: each timeline's own]")
@click.option(
    "--together",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="All timelines in this one file: CSV, TSV, Excel, Parquet, ActivityNet, BORIS or Label Studio, by its suffix.",
)
@options.selection
@options.rate
@options.start_timecode
@options.per_file
@options.bom
@options.store
@options.thumbnails
@options.anonymous
@click.option("--overwrite", is_flag=True, help="Replace files that have the same names and other content.")
@quiet_option
def export(
    timelines: tuple[Path, ...],
    formats: tuple[str, ...],
    output: Path | None,
    together: Path | None,
    rate: str | None,
    start_timecode: str | None,
    files: bool,
    bom: bool,
    store: Path | None,
    thumbnails: bool,
    anonymous: bool,
    table: Path | None,
    overwrite: bool,
    selection: Selection,
) -> int:
    """Write TIMELINES (.timeline.json files, or folders of them) in other formats. Needs neither film nor model.

    Segments are selected and changed in the order of the options below. If --threshold is lower than the one that a
    model's timeline was drawn with, it is drawn again from FILM.scores.arrow beside it. Negative --lead and --lag make
    segments shorter.
    """
    if not formats and together is None:
        raise click.UsageError("nothing to write: name a format with -f, or a file with --together")
    how = Options(rate=options.as_rate(rate), start_timecode=start_timecode, bom=bom)
    faults: list[str] = []
    names = tuple(suffixes(faults)) if "all" in formats else formats
    for fault in faults:
        err.print(Text(fault, style="yellow"), soft_wrap=True)
    check_written(names, "nothing was written")
    paths = timelines_in(timelines)
    folders = {path.parent for path in paths} if output is None else {output}
    films = names_from(anonymous, table, *folders, *(() if together is None else (together.parent,)))
    if films is not None and output is not None and names:
        check_anonymous(output, films, deep=False)
    _check_targets(paths, output, together, names, films, files=files)
    check_labels(paths, selection)
    failed = set[Path]()

    def tell_failed(path: Path, error: VtnStreamError) -> None:
        if path not in failed:
            reason = str(error).removeprefix(f"{path.name}: ").removeprefix(f"{path.name} ")
            line = f"{printable(str(path))}: {reason}" if len(paths) > 1 else str(error)
            if films is not None:  # it may not be known which film it is of
                line = of_timeline(line, path, f"timeline {paths.index(path) + 1} of {len(paths)}")
            err.print(Text(f"vtn-stream: {line}"), soft_wrap=True)
        failed.add(path)

    pages = Pages(store=store, thumbnails=thumbnails)
    for path in paths if names else ():
        check_interrupted()
        try:
            done = export_timeline(
                path,
                names,
                output,
                selection=selection,
                options=how,
                pages=pages,
                files=files,
                overwrite=overwrite,
                names=films,
            )
            tell_exported(done, path, None if films is None else name_in(films, load_timeline(path)))
        except VtnStreamError as error:
            tell_failed(path, error)
    if together is not None:
        try:
            done = export_together(
                paths,
                together,
                selection=selection,
                options=how,
                files=files,
                overwrite=overwrite,
                names=films,
                on_error=tell_failed,
            )
            tell_exported(done, together)
        except VtnStreamError as error:
            err.print(Text(f"vtn-stream: {error}"), soft_wrap=True)
            return 1
    tell_table(films)
    return 1 if failed else 0


def tell_exported(done: Exported, source: Path, name: str | None = None) -> None:
    """name: what the film of the source is called, where it is anonymous."""
    for warning in done.warnings:
        if name is None:
            tell_warning(source, warning)
        else:
            tell_warning(Path(name), of_timeline(warning, source, name))
    for path in done.paths:
        out.print(Text(f"wrote {printable(str(path))}"), soft_wrap=True)


def timelines_in(given: tuple[Path, ...]) -> list[Path]:
    """The given timelines, and those in the given folders."""
    found = [path / below if path.is_dir() else path for path in given for below in _in_folder(path)]
    return list(dict.fromkeys(found))


def _in_folder(path: Path) -> Sequence[PurePath]:
    return timeline_files(path) if path.is_dir() else (PurePath(),)


def _check_targets(
    paths: Sequence[Path],
    output: Path | None,
    together: Path | None,
    names: Sequence[str],
    films: Names | None,
    *,
    files: bool,
) -> None:
    """Makes sure that no file written here replaces another one written here. Raises UsageError, InputError."""
    if together is not None:
        holding_many(together)
    of: dict[Path, Path] = {}
    for path in paths if names else ():
        try:
            stems = _stems(path, films, files=files)
        except TimelineError:  # the export reports it
            continue
        for stem in stems:
            target = (path.parent if output is None else output) / stem
            if target in of and films is not None:
                first, second = (paths.index(one) + 1 for one in (of[target], path))
                raise click.UsageError(
                    f"timelines {first} and {second} of {len(paths)} are of one film and would both become "
                    f"{printable(str(target))}.timeline...; export them one by one, each into a folder of its own"
                )
            if target in of:
                raise click.UsageError(
                    f"{printable(str(of[target]))} and {printable(str(path))} would both become "
                    f"{printable(str(target))}.timeline...; export them one by one, each into a folder of its own"
                )
            of[target] = path


def _stems(path: Path, films: Names | None, *, files: bool) -> list[str]:
    """What the files that are made of a timeline begin with. Raises TimelineError where it must be read and cannot."""
    stem = stem_of(path)
    if films is None and not files:
        return [stem]
    timeline = load_timeline(path)
    if films is not None:
        stem = name_in(films, timeline)
        timeline = anonymous_timeline(timeline, stem)
    return [stem, *(file_stems(timeline.per_file()) if files and timeline.parts else ())]
