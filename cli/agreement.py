"""`evaluate --agreement`: how far two annotators agree, as tables; --json has all of it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table
from rich.text import Text

from vtn_stream.errors import VideoError, listed, printable
from vtn_stream.evaluation.options import EvaluationOptions
from vtn_stream.formats.writing import num

from .console import err, out, show_table
from .interrupts import check_interrupted
from .scored_truth import tell_left_out
from .times import clock

if TYPE_CHECKING:
    from vtn_stream.evaluation.agreement_figures import Agreement, LabelAgreement
    from vtn_stream.evaluation.coding import Coding
    from vtn_stream.metrics.agreement import Icc1

__all__ = ["measure_agreement"]

MAX_ROWS = 60
MAX_CONFUSIONS = 12
MAX_WARNINGS = 10
ONE_FILE = "A and B are the same file, so they agree in everything; name the files of two people"
NOTHING = "nothing"  # where no label holds


def measure_agreement(asked: EvaluationOptions) -> int:
    """Compares two annotators. 1 if a film that both coded could not be compared, else 0."""
    assert asked.annotations is not None
    with err.status("reading"):
        from vtn_stream.evaluation.agreement import agreement
        from vtn_stream.evaluation.coding import names_apart, read_coding

        paths, codings = (asked.what, asked.annotations), asked.codings
        names = names_apart(*paths)
        if codings[0] != codings[1]:
            a_name, b_name = (
                f"{name}: {listed(coding.observations)}" for name, coding in zip(names, codings, strict=True)
            )
            names = (a_name, b_name)
        a, b = (
            read_coding(path, name=name, fps=asked.annotation_fps, skip_bad=asked.skip_bad, coding=coding)
            for path, name, coding in zip(paths, names, codings, strict=True)
        )
    if paths[0].samefile(paths[1]) and codings[0] == codings[1]:
        err.print(Text(ONE_FILE, style="yellow"), soft_wrap=True)
    extra: dict[str, Any] = {}
    for who, coding in zip("ab", (a, b), strict=True):
        extra |= _tell(who, coding, has_left_out=asked.skip_bad)
    if asked.videos is not None:
        a = _with_lengths(a, b, asked.videos)
    found = agreement(a, b, tolerances_s=asked.tolerances_s, background=asked.background)
    _tell_films(found)
    written = []
    if asked.csv is not None:
        from vtn_stream.evaluation.agreement_table import save_agreement

        save_agreement(asked.csv, found)
        written.append(asked.csv)
    if asked.page is not None:
        from vtn_stream.evaluation.agreement_pages import page_of
        from vtn_stream.results import write_file

        folders = [path if path.is_dir() else path.parent for path in paths]
        content = page_of(found, asked.page, [*([asked.videos] if asked.videos else []), *folders])
        for line in write_file(asked.page, content):
            err.print(Text(f"{printable(asked.page.name)}: {printable(line)}"), soft_wrap=True)
        written.append(asked.page)
    if asked.as_json:
        from vtn_stream.evaluation.agreement_table import to_dict

        click.echo(json.dumps({**extra, **to_dict(found, by_film=asked.by_film)}, indent=2, allow_nan=False))
    else:
        show_agreement(found, by_film=asked.by_film)
    for file in written:
        (err if asked.as_json else out).print(Text(f"wrote {printable(str(file))}"), soft_wrap=True)
    return 1 if found.shared.differing else 0


def _tell(who: str, coding: "Coding", *, has_left_out: bool) -> dict[str, Any]:
    """Prints what was read otherwise than it stands in a file; what JSON says of it."""
    for text in coding.told[:MAX_WARNINGS]:
        err.print(Text(f"{printable(coding.name)}: {printable(text)}", style="yellow"), soft_wrap=True)
    if len(coding.told) > MAX_WARNINGS:
        err.print(f"... and {len(coding.told) - MAX_WARNINGS} more warnings")
    tell_left_out(Path(coding.name), coding.left_out)
    if coding.uncoded:
        line = f"{num(len(coding.uncoded), 'film')} that nobody coded yet, not compared: {listed(coding.uncoded)}"
        err.print(Text(f"{printable(coding.name)}: {line}", style="yellow"), soft_wrap=True)
    of = {"warnings": list(coding.told), "uncoded": list(coding.uncoded)}
    return {f"read_{who}": of | ({"left_out": list(coding.left_out)} if has_left_out else {})}


def _with_lengths(a: "Coding", b: "Coding", folder: Path) -> "Coding":
    """What A says, with the lengths of films that neither says. Films that cannot be found or read are named."""
    from vtn_stream.evaluation.coding import with_lengths
    from vtn_stream.evaluation.shared_films import shared_films
    from vtn_stream.film_folder import FilmFolder
    from vtn_stream.video import DecodingProcess, probe

    inside, lengths_s = FilmFolder(folder), {}
    pairs = shared_films(a, b).pairs
    with DecodingProcess() as process, err.status("looking at the films"):
        for name in [name for name, pair in pairs.items() if all(film.duration_s is None for film in pair)]:
            check_interrupted()
            files = inside.find(name)
            try:
                if len(files) == 1:
                    lengths_s[name] = probe(folder / files[0], process).duration_s
                    continue
                why = f"it may be {files[0]} or {files[1]}" if files else "there is no such film"
                why += f" in {folder.name or folder}"
            except VideoError as error:
                why = str(error)
            line = f"{name}: {why}: its length is not known"
            err.print(Text(printable(line), style="yellow"), soft_wrap=True)
    return with_lengths(a, lengths_s)


def _tell_films(found: "Agreement") -> None:
    for who, films in (("A", found.shared.only_a), ("B", found.shared.only_b)):
        if films:
            err.print(Text(f"{num(len(films), 'film')} only in {who}, not compared: {listed(films)}"), soft_wrap=True)
    if differing := found.shared.differing:
        are = "are" if len(differing) > 1 else "is"
        line = (
            f"{listed(differing)} {are} not the same in A and B: another film of this name, or another version of it; "
            "not compared, as the times would be wrong; code one and the same file"
        )
        err.print(Text(line, style="yellow"), soft_wrap=True)


def show_agreement(found: "Agreement", *, by_film: bool) -> None:
    """Prints the figures."""
    films_s, labels = sum(film.duration_s for film in found.films), found.labels
    out.print(f"{num(len(found.films), 'film')}, {clock(films_s)}, {num(len(labels), 'label')}")
    out.print(Text(f"A: {printable(found.a)}, {num(found.total.num_a, 'event')}"), soft_wrap=True)
    out.print(Text(f"B: {printable(found.b)}, {num(found.total.num_b, 'event')}"), soft_wrap=True)
    out.print()
    kappa = found.kappa
    if kappa.value is None:
        same = "" if kappa.observed is None else f"; A and B say the same in {_percent(kappa.observed)} % of the time"
        out.print(f"Cohen's kappa over time is not defined: {kappa.why}{same}")
    else:
        out.print(
            f"Cohen's kappa over time: {kappa.value:.3f}; A and B say the same in {_percent(kappa.observed)} % of the "
            f"time, by chance in {_percent(kappa.expected)} %",
            soft_wrap=True,
        )
    _show_labels(found, labels)
    if len(found.films) > 1:
        _show_icc(found, labels)
    _show_confusions(found)
    if by_film:
        _show_films(found)
    if found.notes:
        out.print()
    for note in found.notes:
        out.print(Text(printable(note), style="italic"), soft_wrap=True)


def _show_labels(found: "Agreement", labels: "dict[str, LabelAgreement]") -> None:
    from vtn_stream.evaluation.agreement import TIOU

    within = [f"{tolerance_s:g} s" for tolerance_s in found.tolerances_s]
    table = _table("label", ["kappa", "A s", "B s", "A", "B", *within, "tIoU", "starts", "ends"])
    whys: dict[str, list[str]] = {}
    for label, of in list(labels.items())[:MAX_ROWS]:
        if of.kappa.value is None and of.kappa.why is not None:
            whys.setdefault(of.kappa.why, []).append(label)
        times = (f"{of.seconds_a:.1f}", f"{of.seconds_b:.1f}")
        table.add_row(Text(printable(label)), _figure(of.kappa.value, 3), *times, *_events(of))
    if len(labels) > MAX_ROWS:
        table.add_row(f"... and {len(labels) - MAX_ROWS} more")
    table.add_row("all", _figure(found.kappa.value, 3), "", "", *_events(found.total), style="bold")
    out.print()
    show_table(table)
    for line in (
        "kappa: of the label against all else, over time; A s, B s: seconds of each; A, B: events of each",
        f"s: % of the events of both that are one event within so many seconds; tIoU: by an overlap of {TIOU:g}",
        "starts, ends: mean seconds by which those of B come later, and standard deviation",
    ):
        out.print(line, soft_wrap=True)
    for why, which in whys.items():
        out.print(Text(f"no kappa of {listed(which)}: {why}"), soft_wrap=True)


def _show_icc(found: "Agreement", labels: "dict[str, LabelAgreement]") -> None:
    table = _table("over films", ["count ICC(2,1)", "95 %", "count ICC(3,1)", "95 %", "time ICC(2,1)", "95 %"])
    whys: dict[str, list[str]] = {}
    for label in list(labels)[:MAX_ROWS]:
        counts, durations = found.counts(label), found.durations(label)
        if counts.why is not None:
            whys.setdefault(counts.why, []).append(label)
        cells = (counts.agreement, counts.consistency, durations.agreement)
        table.add_row(Text(printable(label)), *(cell for each in cells for cell in _icc(each)))
    if len(labels) > MAX_ROWS:
        table.add_row(f"... and {len(labels) - MAX_ROWS} more")
    if labels:
        out.print()
        show_table(table)
        out.print(
            "ICC: agreement over films; a constant difference between A and B lowers (2,1), and not (3,1)",
            soft_wrap=True,
        )
    for why, which in whys.items():
        out.print(Text(f"not every ICC of {listed(which)}: {why}"), soft_wrap=True)


def _show_confusions(found: "Agreement") -> None:
    """Where they say different things, the longest first."""
    differing = sorted(((s, a, b) for (a, b), s in found.time.items() if a != b), key=lambda each: (-each[0], each[1:]))
    if not differing:
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("A says")
    table.add_column("B says")
    table.add_column("seconds", justify="right")
    for seconds, a, b in differing[:MAX_CONFUSIONS]:
        table.add_row(*(Text(printable(" + ".join(each) or NOTHING)) for each in (a, b)), f"{seconds:.1f}")
    if len(differing) > MAX_CONFUSIONS:
        table.add_row(f"... and {len(differing) - MAX_CONFUSIONS} more")
    out.print()
    show_table(table)


def _show_films(found: "Agreement") -> None:
    """The lowest kappa first; those without one last."""
    within = [f"{tolerance_s:g} s" for tolerance_s in found.tolerances_s]
    table = _table("film", ["kappa", "same %", "compared s", "A", "B", *within, "tIoU", "starts", "ends"])
    rows = sorted(found.films, key=lambda film: (film.kappa.value is None, film.kappa.value or 0.0, film.name))
    for film in rows[:MAX_ROWS]:
        figures = (_figure(film.kappa.value, 3), _percent(film.kappa.observed), f"{film.compared_s:.1f}")
        table.add_row(Text(printable(film.name)), *figures, *_events(film.total))
    if len(rows) > MAX_ROWS:
        table.add_row(f"... and {len(rows) - MAX_ROWS} more")
    out.print()
    show_table(table)


def _table(title: str, columns: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(title)
    for name in columns:
        table.add_column(name, justify="right")
    return table


def _events(of: "LabelAgreement") -> list[str]:
    from vtn_stream.evaluation.agreement_figures import Differences

    differences = [Differences.of(each) for each in (of.starts_s, of.ends_s)]
    spread = [
        "-"
        if each.mean_s is None
        else f"{round(each.mean_s, 2) + 0.0:+.2f}" + (f" ± {each.sd_s:.2f}" if each.sd_s is not None else "")
        for each in differences
    ]
    return [str(of.num_a), str(of.num_b), *map(_percent, of.events), _percent(of.overlap), *spread]


def _icc(of: "Icc1 | None") -> tuple[str, str]:
    return ("-", "") if of is None else (f"{round(of.value, 3) + 0.0:.3f}", f"{of.low:.2f} to {of.high:.2f}")


def _percent(share: float | None) -> str:
    return _figure(None if share is None else 100 * share, 1)


def _figure(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value + 0.0:.{digits}f}"
