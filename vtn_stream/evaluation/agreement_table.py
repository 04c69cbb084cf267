"""How far two annotators agree, as JSON values and as a table for spreadsheets."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vtn_stream.evaluation.agreement import TIOU
from vtn_stream.evaluation.agreement_figures import Agreement, Differences, FilmAgreement, LabelAgreement
from vtn_stream.formats.figures_table import save_table, six_digits
from vtn_stream.formats.workbook import Cell
from vtn_stream.metrics.agreement import Icc, Icc1, Kappa

__all__ = ["save_agreement", "to_dict"]

DIGITS = 6


def to_dict(found: Agreement, *, by_film: bool = False) -> dict[str, Any]:
    """JSON values; null where a figure is undefined, and `why` beside it. by_film: the figures of each film too."""
    labels = {
        label: {
            **_of_label(of),
            "count_icc": _icc(found.counts(label)),
            "duration_icc": _icc(found.durations(label)),
        }
        for label, of in found.labels.items()
    }
    return {
        "a": found.a,
        "b": found.b,
        "num_films": len(found.films),
        "duration_s": _rounded(sum(film.duration_s for film in found.films)),
        "compared_s": _rounded(sum(film.compared_s for film in found.films)),
        "tolerances_s": list(found.tolerances_s),
        "tiou": TIOU,
        "kappa": _kappa(found.kappa),
        "confusion": [{"a": list(a), "b": list(b), "seconds": _rounded(s)} for (a, b), s in found.time.items()],
        "events": _of_events(found.total),
        "labels": labels,
        **({"by_film": [_of_film(film) for film in found.films]} if by_film else {}),
        "only_a": list(found.shared.only_a),
        "only_b": list(found.shared.only_b),
        "differing": list(found.shared.differing),
        "notes": list(found.notes),
    }


def save_agreement(path: Path, found: Agreement) -> None:
    """Writes a row for all labels of a film, whose label is empty, then one for each; before them those of all films,
    whose film is empty. What is undefined stays empty.

    path  of a workbook (.xlsx), else CSV
    Raises InputError if the file cannot be written.
    """
    within = [f"agreement_within_{tolerance_s:g}_s" for tolerance_s in found.tolerances_s]
    header = [
        *("film", "label", "duration_s", "compared_s", "seconds_a", "seconds_b", "kappa", "observed", "expected"),
        *("events_a", "events_b", *within, "agreement_by_overlap"),
        *("pairs", "start_mean_s", "start_sd_s", "end_mean_s", "end_sd_s"),
    ]
    table: list[list[Cell]] = []
    for film, label, lengths, kappa, of in _rows(found):
        starts, ends = Differences.of(of.starts_s), Differences.of(of.ends_s)
        seconds = (None, None) if label is None else (of.seconds_a, of.seconds_b)
        figures = map(_cell, (*lengths, *seconds, kappa.value, kappa.observed, kappa.expected))
        events = (of.num_a, of.num_b, *map(_cell, (*of.events, of.overlap)))
        differences = map(_cell, (starts.mean_s, starts.sd_s, ends.mean_s, ends.sd_s))
        table.append([film, label or "", *figures, *events, starts.num, *differences])
    save_table(path, header, table)


def _rows(found: Agreement) -> Iterator[tuple[str, str | None, tuple[float, float], Kappa, LabelAgreement]]:
    total = (sum(film.duration_s for film in found.films), sum(film.compared_s for film in found.films))
    yield "", None, total, found.kappa, found.total
    for label, of in found.labels.items():
        yield "", label, total, of.kappa, of
    for film in found.films:
        lengths = (film.duration_s, film.compared_s)
        yield film.name, None, lengths, film.kappa, film.total
        for label, of in film.labels.items():
            yield film.name, label, lengths, of.kappa, of


def _of_film(film: FilmAgreement) -> dict[str, Any]:
    return {
        "film": film.name,
        "duration_s": _rounded(film.duration_s),
        "compared_s": _rounded(film.compared_s),
        "kappa": _kappa(film.kappa),
        "events": _of_events(film.total),
        "labels": {label: _of_label(of) for label, of in film.labels.items()},
    }


def _of_label(of: LabelAgreement) -> dict[str, Any]:
    return {
        "seconds": {
            "both": _rounded(of.both_s),
            "only_a": _rounded(of.only_a_s),
            "only_b": _rounded(of.only_b_s),
            "neither": _rounded(of.neither_s),
        },
        "kappa": _kappa(of.kappa),
        "events": _of_events(of),
    }


def _of_events(of: LabelAgreement) -> dict[str, Any]:
    return {
        "num_a": of.num_a,
        "num_b": of.num_b,
        "matched": list(of.matched),
        "agreement": [_rounded(share) for share in of.events],
        "overlap": {
            "num_a": of.lasting_a,
            "num_b": of.lasting_b,
            "matched": of.overlapping,
            "agreement": _rounded(of.overlap),
        },
        "b_starts_later": _differences(Differences.of(of.starts_s)),
        "b_ends_later": _differences(Differences.of(of.ends_s)),
    }


def _differences(of: Differences) -> dict[str, Any]:
    return {"num": of.num, "mean_s": _rounded(of.mean_s), "sd_s": _rounded(of.sd_s)}


def _kappa(kappa: Kappa) -> dict[str, Any]:
    figures = {"value": kappa.value, "observed": kappa.observed, "expected": kappa.expected}
    return {**{name: _rounded(value) for name, value in figures.items()}, **_why(kappa.why)}


def _icc(of: Icc) -> dict[str, Any]:
    return {"agreement": _icc_1(of.agreement), "consistency": _icc_1(of.consistency), **_why(of.why)}


def _icc_1(of: Icc1 | None) -> dict[str, Any] | None:
    return None if of is None else {"value": _rounded(of.value), "interval": [_rounded(of.low), _rounded(of.high)]}


def _why(why: str | None) -> dict[str, str]:
    return {} if why is None else {"why": why}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS) + 0.0  # not -0.0


def _cell(value: float | None) -> Cell:
    return None if value is None else six_digits(value + 0.0)
