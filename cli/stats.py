"""vtn-stream stats"""

import os
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click
from rich.text import Text

from vtn_stream.errors import InputError, printable
from vtn_stream.exchange.output import check_free
from vtn_stream.formats.reading import CodingOptions, ReadingOptions
from vtn_stream.results import write_file

from . import options
from .console import err, out, quiet_option
from .naming import names_from, tell_table
from .times import LENGTH, SECONDS

if TYPE_CHECKING:
    from vtn_stream.budget import Stats

__all__ = ["stats"]

SUFFIXES = {".csv": "csv", ".xlsx": "xlsx", ".json": "json"}


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--groups",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Table with the columns video and group (CSV or xlsx). By subject also subject, beside video or alone.",
)
@click.option(
    "--bin",
    "bin_s",
    type=LENGTH,
    help="Also count in time bins of this length: 60s, 5m, 1:30. The last may be shorter.",
)
@click.option("--by", type=click.Choice(["subject"]), help="Count each subject in a film apart.")
@click.option(
    "-f",
    "--format",
    type=click.Choice(["table", "csv", "xlsx", "json"]),
    help="What to write. [default: by the suffix of -o, else a table for the terminal]",
)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write. [default: stdout]"
)
@click.option(
    "--plot",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Draw ethogram.svg, budget.svg and transitions.svg in this folder.",
)
@click.option("--duration", "duration_s", type=SECONDS, help="Length of the films, where FILES do not say it.")
@options.rate
@options.annotation_fps
@options.observations
@options.close_open
@options.bom
@click.option("--overwrite", is_flag=True, help="Replace a file that has the same name and other content.")
@options.anonymous
@quiet_option
@options.coding
def stats(
    files: tuple[Path, ...],
    groups: Path | None,
    bin_s: float | None,
    by: Literal["subject"] | None,
    format: str | None,
    output: Path | None,
    plot: Path | None,
    duration_s: float | None,
    rate: str | None,
    annotation_fps: Fraction | None,
    coding: CodingOptions,
    bom: bool,
    overwrite: bool,
    anonymous: bool,
    table: Path | None,
) -> int:
    """Show how often things happen in films, how long they last, how soon, and what follows what.

    FILES are timelines, folders of them, and annotations of any format that `convert` reads. For each film and label:
    count, total, mean, median and longest length, share of the observed time, rate a minute, latency. For each group:
    mean and standard deviation over its films, and all films pooled. The workbook and the JSON say what each figure
    means.

    What a timeline shows counts; rejected segments do not. If a file cannot be read, or files say different things of
    one film, this is reported, the others count, and the exit code is 1.
    """
    name = _format(format, output)
    _check_output(output, (*files, *([groups] if groups else [])))
    folders = [file for file in files if file.is_dir()]
    names = names_from(anonymous, table, None if output is None else output.parent, plot, *folders)
    from vtn_stream.budget import stats as compute

    reading = ReadingOptions(
        rate=options.as_rate(rate), annotation_fps=annotation_fps, duration_s=duration_s, coding=coding
    )
    with err.status("reading"):
        found = compute(files, groups=groups, bin_s=bin_s, by=by, reading=reading, names=names)
    for note in found.notes:
        err.print(Text(printable(note), style="yellow"), soft_wrap=True)
    for line in found.failed:
        told = "\n".join(map(printable, line.split("\n")))  # problems of a file have lines of their own
        err.print(Text(f"vtn-stream: {told}"), soft_wrap=True)
    if name == "table":
        from .budget import show_budget

        show_budget(found)
    else:
        content = _content(found, name, bom=bom)
        if output is None:
            click.echo(content, nl=False)
        else:
            check_free(output, content, overwrite=overwrite)
            _write(output, content)
    if plot is not None:
        _draw(found, plot)
    tell_table(names, err)
    return 1 if found.failed else 0


def _format(format: str | None, output: Path | None) -> str:
    """The format to write. Raises UsageError."""
    if output is None:
        if format == "xlsx":
            raise click.UsageError("a workbook needs a file: name one with -o")
        return format or "table"
    if format == "table":
        raise click.UsageError("the table is for the terminal; for a file use -f csv, xlsx or json")
    name = format or SUFFIXES.get(output.suffix.lower())
    if name is None:
        raise click.UsageError(f"{printable(output.name)} does not say its format: end it in .csv, .xlsx or .json")
    return name


def _check_output(output: Path | None, inputs: tuple[Path, ...]) -> None:
    """Raises InputError if a timeline, or a file that is read, would be replaced."""
    from vtn_stream.results.corrected_folder import is_timeline_name

    if output is None or not output.exists():
        return
    if is_timeline_name(output.name) or any(path.samefile(output) for path in inputs):
        raise InputError(f"{output.name} is one of the files to read", "it was kept", "name another file with -o")


def _content(found: "Stats", name: str, *, bom: bool) -> bytes:
    from vtn_stream.budget.tables import as_csv, as_json, as_xlsx

    if name == "csv":
        return as_csv(found, bom=bom)
    return as_json(found) if name == "json" else as_xlsx(found)


def _draw(found: "Stats", folder: Path) -> None:
    out.print(Text(f"drawing into {printable(os.fspath(folder))}"), soft_wrap=True)  # before matplotlib is loaded
    from vtn_stream.budget.pictures import pictures

    for name, picture in pictures(found).items():
        _write(folder / name, picture)


def _write(path: Path, content: bytes) -> None:
    for line in write_file(path, content):
        err.print(Text(f"{printable(path.name)}: {printable(line)}"), soft_wrap=True)
    if not out.quiet:  # with a table on stdout, which another program may read, this belongs elsewhere
        err.print(Text(f"wrote {printable(os.fspath(path))}"), soft_wrap=True)
