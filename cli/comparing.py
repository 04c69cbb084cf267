"""Two models beside each other, and figures film by film: tables, JSON and CSV."""

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table
from rich.text import Text

from vtn_stream.errors import InputError, printable
from vtn_stream.evaluation.options import EvaluationOptions
from vtn_stream.film import one_form

from .console import err, out, show_table
from .times import clock

if TYPE_CHECKING:
    from vtn_stream.checkpoints import Checkpoint
    from vtn_stream.evaluation import Prediction, Scores
    from vtn_stream.evaluation.comparison import Comparison
    from vtn_stream.evaluation.film_figures import FilmFigures
    from vtn_stream.evaluation.labelled_clips import Evaluation
    from vtn_stream.evaluation.tally import Tally
    from vtn_stream.formats.annotations import Annotations

__all__ = [
    "Model",
    "compare_clips",
    "compare_predictions",
    "named_models",
    "save_films",
    "show_films",
    "with_labels_of",
]

MAX_ROWS = 60
MIN_NAME = 20  # characters of a line of a film's name, at least
MAX_NAME = 16  # characters of a model's name over a column of figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model to measure. name: of no two the same."""

    name: str
    path: Path
    checkpoint: "Checkpoint"

    @property
    def names_clips(self) -> bool:
        from vtn_stream.heads import head_of

        return head_of(self.checkpoint.config.head).names_clips


def named_models(paths: Sequence[Path], checkpoints: "Sequence[Checkpoint]") -> list[Model]:
    """The models by the names of their files; where these are the same, with the digest, else with a number."""
    names = [path.name for path in paths]
    if len({*names}) < len(names):
        names = [f"{name} {checkpoint.digest[:8]}" for name, checkpoint in zip(names, checkpoints, strict=True)]
    if len({*names}) < len(names):
        names = [f"{name} ({number})" for number, name in enumerate(names, 1)]
    each = zip(names, paths, checkpoints, strict=True)
    return [Model(name=name, path=path, checkpoint=checkpoint) for name, path, checkpoint in each]


def with_labels_of(
    asked: EvaluationOptions, models: Sequence[Model], truth: "Annotations"
) -> "tuple[Annotations, tuple[str, ...]]":
    """The truth with the labels that its models know too, and what a reader must know of labels that not all have.

    Raises InputError where predictions could not be scored, or one of two models does not know a label of the truth.
    """
    from vtn_stream.evaluation.comparison import shared_labels
    from vtn_stream.evaluation.model_labels import check_labels

    if len({frozenset(map(one_form, model.checkpoint.labels)) for model in models}) == 1:
        return check_labels(
            models[0].name if len(models) == 1 else "each of these models",
            models[0].checkpoint.labels,
            truth,
            part=asked.subset,
            background=asked.background,
            skip_bad=asked.skip_bad,
        )
    background = {one_form(label) for label in asked.background}
    wanted = [label for label in truth.labels if one_form(label) not in background]
    first, second = models
    return truth, shared_labels((first.name, second.name), (first.checkpoint.labels, second.checkpoint.labels), wanted)


def compare_predictions(
    asked: EvaluationOptions,
    models: Sequence[Model],
    predictions: "Sequence[Mapping[str, Prediction]]",
    truth: "Annotations",
    extra: Mapping[str, Any],
    notes: tuple[str, ...] = (),
) -> None:
    """Scores what two models predict of the same films, and prints how they compare. extra: what else JSON says."""
    from vtn_stream.evaluation import save_pictures
    from vtn_stream.evaluation.comparison import compare, joint_notes, only_labels
    from vtn_stream.evaluation.film_figures import film_figures

    names = (models[0].name, models[1].name)
    if models[0].checkpoint.digest == models[1].checkpoint.digest:
        notes = ("Both are the same model: there is nothing to compare.", *notes)
    if {*map(one_form, models[0].checkpoint.labels)} != {*map(one_form, models[1].checkpoint.labels)}:
        predictions = [only_labels(of, truth.labels) for of in predictions]
    scores = [asked.score(predictions[0], truth)]
    scores.append(replace(asked, metrics=scores[0].metrics).score(predictions[1], truth))
    notes += joint_notes(names, scores)
    first, second = (of.tallies() for of in scores)
    comparison = compare(names, first, second, notes)
    if not asked.as_json:
        _show_heading(scores, names)
    about = {m.name: {"model": m.checkpoint.digest, **of.to_dict()} for m, of in zip(models, scores, strict=True)}
    each = zip(names, scores, (first, second), strict=True) if asked.wants_films else ()
    films = {name: film_figures(of, tallies) for name, of, tallies in each}
    _tell_comparison(asked, comparison, extra, about, films)
    if asked.plots is not None:
        for name, of in zip(names, scores, strict=True):
            for file in save_pictures(of, asked.plots / name.removesuffix(".safetensors")):
                (err if asked.as_json else out).print(Text(f"wrote {printable(str(file))}"), soft_wrap=True)


def compare_clips(
    asked: EvaluationOptions,
    models: Sequence[Model],
    evaluations: "Sequence[Evaluation]",
    failed: Collection[str],
    extra: Mapping[str, Any],
) -> None:
    """Prints how two models compare on the clips that both could read. extra: what else JSON says."""
    from vtn_stream.evaluation.comparison import compare
    from vtn_stream.evaluation.film_figures import figures_of
    from vtn_stream.evaluation.labelled_clips import tally_of, without

    labels = [model.checkpoint.labels for model in models]
    evaluations = [without(of, failed, own) for of, own in zip(evaluations, labels, strict=True)]
    if not evaluations[0].scored:
        raise InputError("no clip could be read", "nothing was compared", "name the folder of the clips with --videos")
    names = (models[0].name, models[1].name)
    first, second = ({"clips": tally_of(of, own)} for of, own in zip(evaluations, labels, strict=True))
    notes = []
    if models[0].checkpoint.digest == models[1].checkpoint.digest:
        notes.append("Both are the same model: there is nothing to compare.")
    if len(labels[0]) != len(labels[1]):
        few, many = sorted(models, key=lambda model: len(model.checkpoint.labels))
        notes.append(
            f"{few.name} chooses among {len(few.checkpoint.labels)} labels, {many.name} among "
            f"{len(many.checkpoint.labels)}: with fewer, it is easier to be right."
        )
    if not asked.as_json:
        num = len(evaluations[0].scored)
        out.print(f"protocol {evaluations[0].protocol}, {num} clip{'s' * (num != 1)}, {len(failed)} left out")
    each = zip(names, evaluations, labels, (first, second), strict=True) if asked.wants_films else ()
    films = {name: figures_of(of.facts(own), tallies) for name, of, own, tallies in each}
    about = {name: of.to_dict() for name, of in zip(names, evaluations, strict=True)}
    _tell_comparison(asked, compare(names, first, second, notes), extra, about, films)


def _tell_comparison(
    asked: EvaluationOptions,
    comparison: "Comparison",
    extra: Mapping[str, Any],
    models: Mapping[str, Mapping[str, Any]],
    films: "Mapping[str, Sequence[FilmFigures]]",
) -> None:
    """Prints a comparison, or its JSON. extra: what JSON says beside the figures; models: what it says of each."""
    order = _falling_behind(films) if films else []
    if asked.as_json:
        fields = {
            **extra,
            "models": [{"name": n, **of} for n, of in models.items()],
            "comparison": comparison.to_dict(),
        }
        if asked.by_film:
            by_name = {model: {row.film: row for row in rows} for model, rows in films.items()}
            fields["by_film"] = [
                {"model": model, **by_name[model][film].to_dict()} for film in order for model in films
            ]
        click.echo(json.dumps(fields, indent=2))
    else:
        _show_comparison(comparison)
        if asked.by_film:
            out.print()
            _show_pairs(films, order)
    save_films(asked, {name: rows for name, rows in films.items()})


def _show_comparison(comparison: "Comparison") -> None:
    """A table for each metric: a row for each figure."""
    first, second = _headings(comparison.names)
    for metric in dict.fromkeys(difference.metric for difference in comparison.differences):
        rows = [difference for difference in comparison.differences if difference.metric == metric]
        table = _table(f"{metric}, %", [first, second, "change", "95 % interval", "better", "worse", "alike"])
        for row in rows[:MAX_ROWS]:
            worse, better, alike = row.films
            interval = "-" if row.interval is None else " to ".join(_signed(bound) for bound in row.interval)
            table.add_row(
                Text(printable(row.figure.name)),
                *(_percent(value) for value in row.values),
                _signed(row.difference),
                interval,
                *(str(num) for num in (better, worse, alike)),
            )
        if len(rows) > MAX_ROWS:
            table.add_row(f"... and {len(rows) - MAX_ROWS} more, with --json")
        out.print()
        show_table(table)
    out.print()
    out.print(Text(printable(comparison.sentence())), soft_wrap=True)
    for note in comparison.notes:
        out.print(Text(printable(note), style="italic"), soft_wrap=True)


def _show_heading(scores: "Sequence[Scores]", names: Sequence[str]) -> None:
    """What was scored: films, truth, and what each model shows."""
    num, first = len(scores[0].films), scores[0]
    shown = ", ".join(f"{of.num_shown} predicted by {printable(name)}" for of, name in zip(scores, names, strict=True))
    line = (
        f"{num} film{'s' * (num != 1)}, {clock(first.film_s)}, {len(first.labels)} labels; {first.num_true} segments "
        f"are true, {shown}"
    )
    out.print(Text(line), soft_wrap=True)


def show_films(rows: "Sequence[FilmFigures]", tallies: "Mapping[str, Tally]") -> None:
    """A table of the films, the worst first: what a terminal has room for, --json and --csv have all."""
    from vtn_stream.evaluation.film_figures import undefined

    brief = [(metric, figure.name) for metric, tally in tallies.items() for figure in tally.names if figure.brief]
    firsts = {metric: name for metric, name in reversed(brief)}
    headings = [f"{metric}\n{name}" if firsts[metric] == name else f"\n{name}" for metric, name in brief]
    table = _table("film by film, %", headings)
    for row in rows[:MAX_ROWS]:
        table.add_row(Text(printable(row.film)), *(_percent(row.figures[name]) for name in brief))
    if len(rows) > MAX_ROWS:
        table.add_row(f"... and {len(rows) - MAX_ROWS} more, with --json and --csv")
    out.print()
    show_table(table)
    if (note := undefined(rows)) is not None:
        out.print(Text(printable(note), style="italic"), soft_wrap=True)


def save_films(asked: EvaluationOptions, films: "Mapping[str | None, Sequence[FilmFigures]]") -> None:
    """Writes the table of the films, where it is asked for."""
    if asked.csv is not None:
        from vtn_stream.evaluation.film_figures import save_figures

        save_figures(asked.csv, films)
        (err if asked.as_json else out).print(Text(f"wrote {printable(str(asked.csv))}"), soft_wrap=True)


def _falling_behind(films: "Mapping[str, Sequence[FilmFigures]]") -> list[str]:
    """The films by how far the second model falls behind the first, in the main figure; those without one last."""
    first, second = ({row.film: row.main for row in rows} for rows in films.values())
    gaps = {film: second[film] - first[film] for film in first}
    return sorted(gaps, key=lambda film: (math.isnan(gaps[film]), gaps[film], film))


def _show_pairs(films: "Mapping[str, Sequence[FilmFigures]]", order: Sequence[str]) -> None:
    """A table of the main figure of each film, where the second model falls behind first."""
    first, second = ({row.film: row for row in rows} for rows in films.values())
    metric, name = next(iter(first[order[0]].figures))
    table = _table(f"film by film: {metric} {name}, %", [*_headings([*films]), "change"])
    for film in order[:MAX_ROWS]:
        values = first[film].main, second[film].main
        table.add_row(Text(printable(film)), *map(_percent, values), _signed(values[1] - values[0]))
    if len(order) > MAX_ROWS:
        table.add_row(f"... and {len(order) - MAX_ROWS} more, with --json and --csv")
    show_table(table)


def _table(title: str, headings: Sequence[str]) -> Table:
    """A table whose first column, of names, wraps within a word where the terminal is too narrow for them."""
    table = Table(box=None, pad_edge=False)
    room = out.width - sum(2 + max(8, *map(len, heading.split("\n"))) for heading in headings)
    table.add_column(Text(title), overflow="fold", max_width=max(MIN_NAME, room) if out.is_terminal else None)
    for heading in headings:
        table.add_column(Text(heading), justify="right")
    return table


def _headings(names: Sequence[str]) -> tuple[str, str]:
    """The names of two models over their columns."""
    short = [printable(name).removesuffix(".safetensors") for name in names]
    if len({*short}) == len(short) and all(len(name) <= MAX_NAME for name in short):
        return short[0], short[1]
    return "first", "second"


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{100 * share:.1f}"


def _signed(share: float) -> str:
    """With its sign; what rounds to nothing has none."""
    if math.isnan(share):
        return "-"
    text = f"{100 * share:+.1f}"
    return "0.0" if float(text) == 0 else text
