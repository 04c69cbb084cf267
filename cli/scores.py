"""Prints figures as tables; --json has them all."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from vtn_stream.errors import printable

from .console import out, show_table
from .times import clock

if TYPE_CHECKING:
    from vtn_stream.evaluation import Clips, Detection, OwnFigures, Phases, Scores, Segmentation, Shown, Spotting
    from vtn_stream.evaluation.labelled_clips import Evaluation

__all__ = ["show_evaluation", "show_own", "show_scores"]

MAX_ROWS = 60
MAX_THRESHOLDS = 5


def show_scores(scores: "Scores") -> None:
    """Prints the figures of timelines."""
    num, num_labels = len(scores.films), len(scores.labels)
    out.print(
        f"{num} film{'s' * (num != 1)}, {clock(scores.film_s)}, {num_labels} label{'s' * (num_labels != 1)}; "
        f"{scores.num_true} annotated segment{'s' * (scores.num_true != 1)}, {scores.num_shown} predicted"
    )
    for metric in scores.metrics:
        out.print()
        if metric == "detection" and scores.detection:
            _detection(scores.detection)
        elif metric == "spotting" and scores.spotting:
            _spotting(scores.spotting)
        elif metric == "segmentation" and scores.segmentation:
            _segmentation(scores.segmentation)
        elif metric == "phases" and scores.phases:
            _phases(scores.phases)
        elif scores.clips:
            _clips(scores.clips)
    if scores.notes:
        out.print()
    for note in scores.notes:
        out.print(Text(printable(note), style="italic"))


def show_evaluation(evaluation: "Evaluation") -> None:
    """Prints the figures of a model on labelled clips."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, share in (
        ("top-1", evaluation.top_1),
        ("top-5", evaluation.top_5),
        ("mean per class", evaluation.mean_per_class),
    ):
        table.add_row(name, "-" if share is None else f"{100 * share:.2f} %")
    table.add_row("clips", str(len(evaluation.scored)))
    if evaluation.failed:
        table.add_row("left out", str(len(evaluation.failed)), style="yellow")
    out.print(f"protocol {evaluation.protocol}, {evaluation.num_classes} classes")
    show_table(table)


def show_own(own: "OwnFigures") -> None:
    """Prints the figures that a model has from its training."""
    out.print()
    out.print(Text(own.sentence()), soft_wrap=True)
    table = _two_columns("own figures, %", [])
    if own.intervals:
        table.add_column("90 % interval", justify="right")
    for name, share in list(own.figures.items())[:MAX_ROWS]:
        between = " to ".join(map(_percent, own.intervals.get(name, ())))
        table.add_row(Text(printable(name)), _percent(share), *([between] if own.intervals else []))
    show_table(table)


def _detection(detection: "Detection") -> None:
    ranked = detection.ranked
    num = len(ranked.thresholds)
    drawn = range(num) if num <= MAX_THRESHOLDS else (0, num // 2, num - 1)
    table = Table(box=None, pad_edge=False)
    table.add_column("tIoU", overflow="fold")
    names = [*(f"{ranked.thresholds[k]:g}" for k in drawn), "mean", "true", "shown", "prec.", "recall", "F1"]
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    out.print("detection: average precision, %")
    for label, scores in list(ranked.classes.items())[:MAX_ROWS]:
        aps = [_percent(scores.ap[k]) for k in drawn]
        table.add_row(Text(printable(label)), *aps, _percent(scores.ap.mean()), *_shown(detection.shown[label]))
    more = len(ranked.classes) - MAX_ROWS
    if more > 0:
        table.add_row(f"... and {more} more")
    means = [_percent(ranked.mean_ap[k]) for k in drawn]
    table.add_row("all", *means, _percent(ranked.average_map), *_shown(detection.total), style="bold")
    show_table(table)
    proposals = detection.proposals
    recalls = dict(zip(proposals.num_per_video.tolist(), proposals.average_recall.tolist(), strict=True))
    shares = ", ".join(f"{_percent(recalls[n])} with {n:g}" for n in (1, 10, 100))
    out.print(f"average recall, %: {shares} proposals a film; area {_percent(proposals.area)}")
    out.print(f"precision, recall and F1, %: of what the timelines show, at tIoU {detection.shown_tiou:g}")


def _spotting(spotting: "Spotting") -> None:
    columns = [
        (name, [_percent(of.average_ap(label)) for label in spotting.labels[:MAX_ROWS]], _percent(of.average_map))
        for name, of in (("tight", spotting.tight), ("loose", spotting.loose))
        if of is not None
    ]
    for of, unit in ((spotting.seconds, " s"), (spotting.frames, " f")):
        for k, tolerance in enumerate(() if of is None else of.tolerances):
            assert of is not None
            aps = [of.classes[label].ap[k] if label in of.classes else math.nan for label in spotting.labels[:MAX_ROWS]]
            columns.append((f"{tolerance:g}{unit}", [_percent(ap) for ap in aps], _percent(of.mean_ap[k])))
    rows = [(Text(printable(label)), spotting.shown[label]) for label in spotting.labels[:MAX_ROWS]]
    more = len(spotting.labels) - MAX_ROWS
    if columns:
        out.print("spotting: average precision, %")
        table = _of_labels("", [name for name, _, _ in columns])
        for i, (label, _) in enumerate(rows):
            table.add_row(label, *(cells[i] for _, cells, _ in columns))
        if more > 0:
            table.add_row(f"... and {more} more")
        table.add_row("all", *(mean for _, _, mean in columns), style="bold")
        show_table(table)
        out.print("tight, loose: SoccerNet's average-mAP, windows of 1 to 5 s and of 5 to 60 s")
        if spotting.seconds or spotting.frames:
            out.print("s, f: found up to so many seconds, or frames of the annotations, away")
    table = _of_labels("spots shown", ["true", "shown", "prec.", "recall", "F1"])
    for label, found in rows:
        table.add_row(label, *_shown(found))
    if more > 0:
        table.add_row(f"... and {more} more")
    table.add_row("all", *_shown(spotting.total), style="bold")
    show_table(table)
    out.print(f"precision, recall and F1, %: of what the timelines show, within {spotting.shown_within_s:g} s")


def _of_labels(title: str, columns: Sequence[str]) -> Table:
    """A table with a row a label, still empty."""
    table = Table(box=None, pad_edge=False)
    table.add_column(title, overflow="fold")
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _segmentation(segmentation: "Segmentation") -> None:
    scores = segmentation.scores
    rows = [("accuracy", scores.accuracy), ("edit", scores.edit)]
    rows += [(f"F1@{100 * overlap:g}", f1) for overlap, f1 in zip(scores.overlaps, scores.f1, strict=True)]
    show_table(_two_columns("segmentation, %", [(name, f"{value:.1f}") for name, value in rows]))
    out.print(f"frame by frame, {segmentation.fps:g} a second")


def _phases(phases: "Phases") -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("phases, %")
    for name in ("accuracy", "precision", "recall", "Jaccard"):
        table.add_column(name, justify="right")
    for form, scores in phases.forms.items():
        measures = [(m.mean, m.std) for m in (scores.precision, scores.recall, scores.jaccard)]
        cells = [(scores.accuracy, scores.accuracy_std), *measures]
        table.add_row(form, *(f"{_number(mean)} ± {_number(std)}" for mean, std in cells))
    show_table(table)
    out.print("± between films for accuracy, between phases for the others")


def _clips(clips: "Clips") -> None:
    rules = [clips] if clips.by_highest_score is None else [clips, clips.by_highest_score]
    table = Table(box=None, pad_edge=False)
    table.add_column("whole films, %")
    for each in rules:
        table.add_column("" if each.decided_by == "label" else f"by {each.decided_by}", justify="right")
    for name, shares in (
        ("top-1", [each.top_1 for each in rules]),
        ("top-5", [each.top_5 for each in rules]),
        ("mean per class", [each.mean_per_class for each in rules]),
    ):
        table.add_row(name, *("-" if share is None or math.isnan(share) else f"{100 * share:.2f}" for share in shares))
    table.add_row("films", *[str(clips.num_clips)] * len(rules))
    show_table(table)


def _two_columns(title: str, rows: Sequence[tuple[str, str]]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(title)
    table.add_column("", justify="right")
    for row in rows:
        table.add_row(*map(Text, row))  # a stranger's checkpoint may hold any name
    return table


def _shown(shown: "Shown") -> list[str]:
    shares = [_percent(share) for share in (shown.precision, shown.recall, shown.f1)]
    return [str(shown.num_true), str(shown.num_found), *shares]


def _percent(share: float) -> str:
    return _number(100 * share)


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.1f}"
