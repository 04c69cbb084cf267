"""vtn-stream review"""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.table import Table
from rich.text import Text

from vtn_stream.errors import InputError, listed, printable
from vtn_stream.formats.writing import num

from .console import err, out, show_table
from .interrupts import check_interrupted

if TYPE_CHECKING:
    from vtn_stream.review.agreement import Counts, FilmAgreement

__all__ = ["review"]

MAX_ROWS = 60


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--csv",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File for a table: a row for each film and label. An Excel workbook if it ends in .xlsx.",
)
@click.option("--json", "as_json", is_flag=True, help="The figures as JSON on stdout.")
def review(folder: Path, csv: Path | None, as_json: bool) -> int:
    """Show what people corrected in the timelines of FOLDER, and how good the model was.

    FOLDER holds results of `analyze` or `batch` that were corrected in their pages and saved there, also in folders in
    it. For each film and label: how many segments the model had drawn, how many of these were kept, changed and
    rejected, how many were added, and the F1 of what it had drawn against what stands now. The worst film comes first.

    Only what people looked at counts. Films that nobody corrected are named. If two files hold different hand work over
    one film, neither counts, and the exit code is 1, as it is where a timeline cannot be read.
    """
    from vtn_stream.results.corrected_folder import read_corrected

    with err.status("reading"):
        found = read_corrected(folder, on_file=lambda done, total: check_interrupted())
        from vtn_stream.review.agreement import agreement, by_label, worst_first
        from vtn_stream.review.table import save_agreement, to_dict

        films = worst_first(agreement(film.name, film.timeline) for film in found.films)
    for warning in found.warnings():
        err.print(Text(printable(warning), style="yellow"), soft_wrap=True)
    if not films and found.coded:
        raise InputError(
            f"no model drew any of the {num(len(found.coded), 'timeline')} that people made",
            "there is nothing to show",
            "analyze other films with a model, and correct them in their pages",
        )
    if not films:
        if not found.open:  # the lines above say why
            return 1
        raise InputError(
            f"nobody corrected any of the {num(len(found.open), 'timeline')} in {folder.name or folder} in a page",
            "there is nothing to show",
            "correct a film in its page, and save that as FILM.timeline.json beside it",
        )
    if as_json:
        click.echo(json.dumps(to_dict(films, found), indent=1, ensure_ascii=True, allow_nan=False))
    else:
        looked_at, all_segments = sum(film.looked_at for film in films), sum(film.to_look_at for film in films)
        all_films = len(films) + len(found.open)
        out.print(
            f"{len(films)} of {num(all_films, 'film')} corrected; {looked_at} of {all_segments} segments reviewed"
        )
        if found.open:
            names = listed(film.name for film in found.open)
            out.print(Text(f"nobody corrected {names}", style="italic"), soft_wrap=True)
        _show_films(films)
        if len(films) > 1:
            _show_labels(by_label(films))
        out.print(
            "reviewed: time in which people looked for everything; precision, recall, F1: of what people looked at, "
            "at tIoU 0.5 (instants: within 1 s)",
            soft_wrap=True,
        )
        if any(film.total.is_at_most for film in films):
            line = "≤: at most, as outside of reviewed time nobody may have added what the model missed"
            out.print(line, soft_wrap=True)
    if csv is not None:
        save_agreement(csv, films)
        (err if as_json else out).print(Text(f"wrote {printable(str(csv))}"), soft_wrap=True)
    return 1 if found.twice or found.failed else 0


def _show_films(films: "Sequence[FilmAgreement]") -> None:
    """A table of the films, the worst first, with their labels where there is room: --json and --csv have all."""
    from vtn_stream.review.agreement import by_label

    has_labels = sum(1 + len(film.labels) for film in films) <= MAX_ROWS
    has_accuracy = any(not math.isnan(film.accuracy) for film in films)
    table = _table("film by film, %", ["reviewed"], ["time right"] if has_accuracy else [])
    for film in films[:MAX_ROWS]:
        last = [_percent(film.accuracy)] if has_accuracy else []
        name = Text(listed([film.name]))
        table.add_row(name, _percent(film.reviewed), *_cells(film.total), *last, style="bold")
        for label, counts in by_label([film]).items() if has_labels else ():
            table.add_row(Text(f"  {listed([label])}"), _percent(film.shares[label]), *_cells(counts))
    if len(films) > MAX_ROWS:
        table.add_row(f"... and {len(films) - MAX_ROWS} more")
    out.print()
    show_table(table)
    if not has_labels:
        out.print("--csv and --json have the labels of each film")


def _show_labels(labels: "dict[str, Counts]") -> None:
    table = _table("label by label, %", [], [])
    for label, counts in list(labels.items())[:MAX_ROWS]:
        table.add_row(Text(listed([label])), *_cells(counts))
    if len(labels) > MAX_ROWS:
        table.add_row(f"... and {len(labels) - MAX_ROWS} more, with --json and --csv")
    first, *others = labels.values()
    table.add_row("all", *_cells(sum(others, first)), style="bold")
    out.print()
    show_table(table)


def _table(title: str, before: Sequence[str], behind: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(title)
    named = ("said", "kept", "changed", "rejected", "added", "precision", "recall", "F1")
    for name in (*before, *named, *behind):
        table.add_column(name, justify="right")
    return table


def _cells(counts: "Counts") -> list[str]:
    numbers = (counts.said, counts.kept, counts.changed, counts.rejected, counts.added)
    most = "≤" if counts.is_at_most else ""
    shares = [_percent(counts.precision)]
    shares += [f"{most}{_percent(share)}" if not math.isnan(share) else "-" for share in (counts.recall, counts.f1)]
    return [*map(str, numbers), *shares]


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{100 * share:.1f}"
