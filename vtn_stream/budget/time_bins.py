"""The time bins of every label in every film, and their statistics over the films of each group."""

from collections.abc import Mapping, Sequence

import numpy as np

from vtn_stream.budget.bins import OF_BINS, Binned, binned, edges_of, num_bins
from vtn_stream.budget.budgets import Label
from vtn_stream.budget.films import Film
from vtn_stream.budget.grouped import over_films
from vtn_stream.budget.rows import BinRow, GroupBinRow, defined
from vtn_stream.errors import InputError

__all__ = ["MAX_BIN_ROWS", "bin_rows"]

MAX_BIN_ROWS = 2_000_000  # about a gigabyte of rows


def bin_rows(
    films: Sequence[Film], groups: Mapping[str, Sequence[int]], labels: Sequence[Label], bin_s: float
) -> tuple[list[BinRow], list[GroupBinRow]]:
    num_rows = len(labels) * sum(num_bins(film.span_s, bin_s) for film in films)
    if num_rows > MAX_BIN_ROWS:
        raise InputError(
            f"time bins of {bin_s:g} s would make {num_rows:,} rows, and there may be {MAX_BIN_ROWS:,}",
            "no figures were computed",
            "give longer bins, or fewer films at once",
        )
    edges = [edges_of(film.span_s, bin_s) for film in films]
    rows: list[BinRow] = []
    group_rows: list[GroupBinRow] = []
    of = {
        label.name: [
            binned(spans, film.observed, its_edges, lasts=label.lasts)
            for film, spans, its_edges in zip(films, label.spans, edges, strict=True)
        ]
        for label in labels
    }
    for i, (film, its_edges) in enumerate(zip(films, edges, strict=True)):
        bounds = its_edges.tolist()
        for label in labels:
            columns = of[label.name][i].columns()
            values = [list(map(defined, columns[name].tolist())) for name in OF_BINS]
            for number, (observed_s, count, total_s, share, rate) in enumerate(zip(*values, strict=True)):
                rows.append(
                    BinRow(
                        film=film.name,
                        group=film.group,
                        subject=film.subject,
                        label=label.name,
                        bin=number,
                        start_s=bounds[number],
                        end_s=bounds[number + 1],
                        observed_s=observed_s or 0.0,
                        count=int(count or 0),
                        total_s=total_s,
                        share=share,
                        rate_per_min=rate,
                    )
                )
    for group, members in groups.items():
        for label in labels if len(members) > 1 else ():
            group_rows += _group_bins(group, label.name, [of[label.name][i] for i in members], bin_s)
    return rows, group_rows


def _group_bins(group: str, label: str, films: Sequence[Binned], bin_s: float) -> list[GroupBinRow]:
    """The bins of one label over the films of a group; each bin over the films that are so long."""
    columns = [film.columns() for film in films]
    num = max(len(of_film["count"]) for of_film in columns)
    stacked = np.full((len(films), num, len(OF_BINS)), np.nan)
    for i, of_film in enumerate(columns):
        stacked[i, : len(of_film["count"])] = np.stack([of_film[name] for name in OF_BINS], axis=1)
    num_films = (~np.isnan(stacked[:, :, 0])).sum(axis=0).tolist()
    statistics = {name: values.tolist() for name, values in over_films(stacked).items() if name != "n"}
    return [
        GroupBinRow(
            group=group,
            label=label,
            bin=number,
            start_s=number * bin_s,
            end_s=(number + 1) * bin_s,
            statistic=statistic,
            films=num_films[number],
            **dict(zip(OF_BINS, map(defined, values[number]), strict=True)),
        )
        for number in range(num)
        for statistic, values in statistics.items()
    ]
