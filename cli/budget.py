"""Time budgets in the terminal: films, groups, bins and transitions, as far as they can be read there."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from vtn_stream.errors import listed

from .console import out, show_table
from .times import clock

if TYPE_CHECKING:
    from vtn_stream.budget import BinRow, FilmRow, GroupRow, Stats

__all__ = ["show_budget"]

MAX_ROWS = 60  # of a table
MAX_COLUMNS = 12  # labels of a table of bins
MAX_PAIRS = 12  # transitions of a group
_WHOLE = "the whole table: -f csv, xlsx or json"


def show_budget(stats: "Stats") -> None:
    """Prints what a terminal can hold, and says what is not shown."""
    _show_films(stats)
    if any(row.group for row in stats.films) or len(stats.observed) > 1:
        _show_groups(stats.groups)
    if stats.bins:
        _show_bins(stats.bins)
    _show_transitions(stats)


def _show_films(stats: "Stats") -> None:
    table = _table("film by film", "label")
    for name in ("count", "total s", "mean s", "median s", "longest s", "share %", "a minute", "latency s"):
        table.add_column(name, justify="right")
    before = None
    shown = _occurring(stats.films)
    for row in shown[:MAX_ROWS]:
        name = f"{row.film} ({row.subject})" if row.subject else row.film
        name += f" [{row.group}]" if row.group else ""
        figures = (row.total_s, row.mean_s, row.median_s, row.longest_s)
        table.add_row(
            Text(listed([name]) if name != before else ""),
            Text(listed([row.label])),
            str(row.count),
            *map(_seconds, figures),
            _percent(row.share),
            _number(row.rate_per_min),
            _seconds(row.latency_s),
        )
        before = name
    _show(table, len(shown))
    if hidden := len(stats.films) - len(shown):
        what = "1 row of a label that does" if hidden == 1 else f"{hidden} rows of labels that do"
        out.print(f"not shown: {what} not occur in the film; they count as 0 below", soft_wrap=True)
    out.print("share: of the observed time; a minute: count; latency: until it first starts", soft_wrap=True)


def _occurring(rows: Sequence["FilmRow"]) -> list["FilmRow"]:
    """The rows of what happens in a film, and one of a film in which nothing does: zeros would hide them."""
    kept: dict[tuple[str, str], list[FilmRow]] = {}
    for row in rows:
        of_film = kept.setdefault((row.film, row.subject), [])
        if row.count:
            of_film.append(row)
    first = {(row.film, row.subject): row for row in reversed(rows)}
    return [row for film, of_film in kept.items() for row in of_film or [first[film]]]


def _show_groups(rows: Sequence["GroupRow"]) -> None:
    table = _table("group by group", "label")
    for name in ("films", "count", "mean s", "share %", "a minute", "latency s", "pooled share %"):
        table.add_column(name, justify="right")
    of: dict[tuple[str, str], dict[str, GroupRow]] = {}
    for row in rows:
        of.setdefault((row.group, row.label), {})[row.statistic] = row
    before = None
    for (group, label), by in list(of.items())[:MAX_ROWS]:
        mean, sd = by["mean"], by["sd"]
        table.add_row(
            Text(listed([group]) if group != before else ""),
            Text(listed([label])),
            str(mean.films),
            _with_sd(mean.count, sd.count),
            _with_sd(mean.mean_s, sd.mean_s),
            _with_sd(mean.share, sd.share, times=100),
            _with_sd(mean.rate_per_min, sd.rate_per_min),
            _with_sd(mean.latency_s, sd.latency_s),
            _percent(by["pooled"].share),
        )
        before = group
    out.print()
    _show(table, len(of))
    out.print("mean ± standard deviation over films, each counts once; pooled: as if all were one film", soft_wrap=True)


def _show_bins(rows: Sequence["BinRow"]) -> None:
    labels = list(dict.fromkeys(row.label for row in rows))
    by_bin: dict[tuple[str, int], dict[str, BinRow]] = {}
    for row in rows:
        by_bin.setdefault((f"{row.film} ({row.subject})" if row.subject else row.film, row.bin), {})[row.label] = row
    table = _table("time bins, share % (instants: count)", "from", justify="right")
    for label in labels[:MAX_COLUMNS]:
        table.add_column(escape(listed([label])), justify="right")
    before = None
    for (film, _), of_bin in list(by_bin.items())[:MAX_ROWS]:
        cells = [
            str(row.count) if row.total_s is None else _percent(row.share)
            for row in (of_bin[label] for label in labels[:MAX_COLUMNS])
        ]
        start = clock(next(iter(of_bin.values())).start_s)
        table.add_row(Text(listed([film]) if film != before else ""), start, *cells)
        before = film
    out.print()
    _show(table, len(by_bin))
    if len(labels) > MAX_COLUMNS:
        out.print(f"{MAX_COLUMNS} of {len(labels)} labels; {_WHOLE}")


def _show_transitions(stats: "Stats") -> None:
    table = _table("transitions", "from")
    table.add_column("to")
    for name in ("count", "probability"):
        table.add_column(name, justify="right")
    num_rows = 0
    of: dict[str, list[tuple[int, str, str, float]]] = {}
    for row in stats.transitions:
        if not row.film:
            of.setdefault(row.group, []).append((-row.count, row.label, row.next_label, row.probability))
    for group, pairs in of.items():
        num_rows += len(pairs)
        for number, (count, label, next_label, probability) in enumerate(sorted(pairs)[:MAX_PAIRS]):
            first = Text(listed([group]) if number == 0 else "")
            table.add_row(first, Text(listed([label])), Text(listed([next_label])), str(-count), f"{probability:.2f}")
    if num_rows:
        out.print()
        _show(table, num_rows)


def _table(*names: str, justify: str = "left") -> Table:
    table = Table(box=None, pad_edge=False)
    for number, name in enumerate(names):
        table.add_column(name, justify="right" if number and justify == "right" else "left")
    return table


def _show(table: Table, num_rows: int) -> None:
    show_table(table)
    if num_rows > table.row_count:
        out.print(f"... and {num_rows - table.row_count} more rows; {_WHOLE}", soft_wrap=True)


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"


def _with_sd(mean: float | None, sd: float | None, *, times: float = 1) -> str:
    if mean is None:
        return "-"
    return f"{times * mean:.1f}" + ("" if sd is None else f" ± {times * sd:.1f}")
