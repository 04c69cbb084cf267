"""Two models on the same films: the difference of each figure, how sure it is, and who is better in how many films.

R resamples, V films, F figures
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from vtn_stream.errors import InputError, listed
from vtn_stream.evaluation.figures import Scores
from vtn_stream.evaluation.prediction import Prediction
from vtn_stream.evaluation.tally import Figure, Tally
from vtn_stream.film import one_form
from vtn_stream.timeline import Segment

__all__ = ["Comparison", "Difference", "compare", "joint_notes", "only_labels", "shared_labels"]

NUM_RESAMPLES = 1000
SEED = 0
SHARE = 0.95  # of the resamples that the interval holds
FEW_FILMS = 20  # of fewer, percentiles of resamples are clearly too narrow: they hold the true change too rarely
SAME = 1e-9  # figures that differ by less are equal: what is left is noise of the arithmetic


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One figure of both, shares 0..1.

    values    of the first and of the second; nan where undefined
    interval  of the second minus the first; None where fewer than two films have this figure
    films     in how many the first is better, the second is, and both are alike; films in which the figure of either is
              undefined are not counted
    """

    metric: str
    figure: Figure
    values: tuple[float, float]
    interval: tuple[float, float] | None
    films: tuple[int, int, int]

    @property
    def difference(self) -> float:
        return self.values[1] - self.values[0]

    def to_dict(self) -> dict[str, Any]:
        first, second, alike = self.films
        return {
            "metric": self.metric,
            "figure": self.figure.name,
            "values": [_share(value) for value in self.values],
            "difference": _share(self.difference),
            "interval": None if self.interval is None else [_share(bound) for bound in self.interval],
            "films": {"first_better": first, "second_better": second, "alike": alike},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """names: of both models. num_films: that were compared. notes: what a reader of the figures must know."""

    names: tuple[str, str]
    num_films: int
    num_resamples: int
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]

    def sentence(self) -> str:
        """What the columns of a table say."""
        first, second = self.names
        films = f"{self.num_films} film{'s' * (self.num_films != 1)}"
        return (
            f"change: {second} minus {first}; better, worse, alike: in how many films {second} is. Interval: paired "
            f"bootstrap over {films}, {self.num_resamples} samples with seed {SEED}, percentiles."
        )

    def to_dict(self) -> dict[str, Any]:
        return {
            "models": list(self.names),
            "num_films": self.num_films,
            "interval": {
                "method": "paired bootstrap over films, percentiles",
                "share": SHARE,
                "resamples": self.num_resamples,
                "seed": SEED,
            },
            "figures": [difference.to_dict() for difference in self.differences],
            "notes": list(self.notes),
        }


def compare(
    names: tuple[str, str],
    first: Mapping[str, Tally],
    second: Mapping[str, Tally],
    notes: Sequence[str] = (),
    *,
    num_resamples: int = NUM_RESAMPLES,
) -> Comparison:
    """Compares two models film by film. The tallies are of the same films and metrics; notes come before our own.

    The interval is that of a paired bootstrap (Efron and Tibshirani 1993, sections 13.3 and 15.5 on percentiles and on
    pairs): films are drawn with replacement, as many as there are, the same ones for both; every figure is computed
    anew of each sample.
    """
    differences: list[Difference] = []
    notes = list(notes)
    num_films = max((len(tally.films) for tally in first.values()), default=0)
    for metric in first:
        a, b = _common(first[metric], second[metric])
        drawn = b.of_samples(num_resamples, SEED) - a.of_samples(num_resamples, SEED)  # [R, F]
        gaps = b.of_each() - a.of_each()  # [V, F]
        for f, (figure, *values) in enumerate(zip(a.names, a.of_all().tolist(), b.of_all().tolist(), strict=True)):
            known = drawn[~np.isnan(drawn[:, f]), f]
            interval = None
            of_films = np.count_nonzero(~np.isnan(gaps[:, f]))
            if of_films > 1 and len(known):
                low, high = np.quantile(known, [(1 - SHARE) / 2, (1 + SHARE) / 2])
                interval = float(low), float(high)
            better = [np.count_nonzero(which) for which in (gaps[:, f] < -SAME, gaps[:, f] > SAME)]
            alike = np.count_nonzero(np.abs(gaps[:, f]) <= SAME)
            differences.append(
                Difference(
                    metric=metric,
                    figure=figure,
                    values=(values[0], values[1]),
                    interval=interval,
                    films=(int(better[0]), int(better[1]), int(alike)),
                )
            )
    if num_films < 2:
        notes.append("There is no interval: one film does not say how much films differ.")
    elif num_films < FEW_FILMS:
        notes.append(f"{num_films} films say little about others: the intervals are too narrow, and may mislead.")
    if num_films > 1:
        notes += _on_few_films(differences, min(FEW_FILMS, num_films))
    return Comparison(
        names=names,
        num_films=num_films,
        num_resamples=num_resamples,
        differences=tuple(differences),
        notes=tuple(notes),
    )


def _on_few_films(differences: Sequence[Difference], num_films: int) -> list[str]:
    """Sentences on figures that fewer films than these have, such as those of a rare label."""
    num = {f"{each.metric} {each.figure.name}": sum(each.films) for each in differences}
    one = [name for name, films in num.items() if films < 2]
    few = [name for name, films in num.items() if 2 <= films < num_films]
    notes = []
    if one:
        notes.append(f"Fewer than two films have {listed(one)}: there is no interval.")
    if few and num_films == FEW_FILMS:  # else all of them are few
        notes.append(
            f"Fewer than {FEW_FILMS} films have {listed(few)}: such intervals are too narrow, and may mislead."
        )
    return notes


def shared_labels(
    names: tuple[str, str], labels: tuple[Sequence[str], Sequence[str]], truth: Sequence[str]
) -> tuple[str, ...]:
    """Sentences on what two models with different labels have in common with the truth: all of its labels.

    Raises InputError if one of them does not know a label of the truth: it could not find that.
    """
    known, other = (frozenset(map(one_form, of)) for of in labels)
    if known == other:
        return ()
    true = {one_form(label): label for label in truth}
    for name, mine, rest in ((names[0], known, other), (names[1], other, known)):
        if missing := sorted(true[label] for label in true if label not in mine):
            also = "" if any(one_form(label) in rest for label in missing) else ", as the other model does not either"
            raise InputError(
                f"the labels of {' and '.join(names)} differ: {name} does not know {listed(missing)}{also}",
                "they were not compared: it could not find that",
                "leave these labels out of the annotations, or of this comparison with --background LABEL",
            )
    notes = []
    for name, own in zip(names, labels, strict=True):
        if strangers := sorted(label for label in own if one_form(label) not in true):
            notes.append(
                f"Left out of {name}: what it calls {listed(strangers)}, as the annotations have no such label."
            )
    return tuple(notes)


def joint_notes(names: Sequence[str], scores: Sequence[Scores]) -> tuple[str, ...]:
    """The notes on the figures of several models: of which model each is, unless all have it."""
    notes = dict.fromkeys(note for of in scores for note in of.notes)
    by = {note: [name for name, of in zip(names, scores, strict=True) if note in of.notes] for note in notes}
    return tuple(note if len(by[note]) == len(names) else f"{' and '.join(by[note])}: {note}" for note in notes)


def only_labels(predictions: Mapping[str, Prediction], truth: Sequence[str]) -> dict[str, Prediction]:
    """The predictions of these labels."""
    known = {one_form(label) for label in truth}

    def kept(segments: Sequence[Segment]) -> tuple[Segment, ...]:
        return tuple(s for s in segments if one_form(s.label) in known)

    return {
        name: replace(
            prediction,
            segments=kept(prediction.segments),
            candidates=None if prediction.candidates is None else kept(prediction.candidates),
            clip_labels=tuple((label, score) for label, score in prediction.clip_labels if one_form(label) in known),
        )
        for name, prediction in predictions.items()
    }


def _common(first: Tally, second: Tally) -> tuple[Tally, Tally]:
    """Both with the figures that both have, in the order of the first. Raises ValueError for other films."""
    if first.films != second.films:
        raise ValueError("the tallies are of different films")
    both = [figure for figure in first.names if figure in second.names]
    return first.only(both), second.only(both)


def _share(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None
