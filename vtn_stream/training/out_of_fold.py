"""Predictions of films by models that did not learn them, and what is chosen on those. Knows no network.

k folds; a fold holds whole groups: films that share a scene
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vtn_stream.checkpoints import Checkpoint
from vtn_stream.heads import Head
from vtn_stream.heads.calibration import AS_IT_IS, Calibration
from vtn_stream.heads.fitting import AtPoint
from vtn_stream.model import HeadConfig
from vtn_stream.track import GridScores, OperatingPoints, PhaseRules
from vtn_stream.training.base import points_after, rules_after
from vtn_stream.training.films import TrainingFilm
from vtn_stream.training.ways import Way

__all__ = ["Choice", "CrossFitted", "CurvePoint", "OutOfFold", "Tables", "choose", "cross_fitted", "unchosen"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OutOfFold:
    """films, the fold of each, and what a model predicts of each that learnt neither it nor another of its fold."""

    films: tuple[TrainingFilm, ...]
    folds: tuple[int, ...]
    predictions: tuple[GridScores, ...]

    def of_folds(self, folds: Sequence[int]) -> "OutOfFold":
        """Those of some folds."""
        chosen = [n for n, fold in enumerate(self.folds) if fold in folds]
        return OutOfFold(
            films=tuple(self.films[n] for n in chosen),
            folds=tuple(self.folds[n] for n in chosen),
            predictions=tuple(self.predictions[n] for n in chosen),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Choice:
    """What was chosen on the out-of-fold predictions of some films.

    way, length     and the length of its training, a share of all epochs, with the best metric
    worths          the metric of each way, at its best length
    calibration     of the scores; all that follows was fitted on calibrated ones
    thresholds      of the labels, and how good each is there; points and rules: how timelines are drawn
    """

    way: Way
    length: float
    worths: Mapping[str, float]
    calibration: Calibration
    thresholds: Mapping[str, AtPoint]
    points: OperatingPoints
    rules: PhaseRules | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CrossFitted:
    """Each film as a new one: predicted by a model that learnt nothing of its fold, in a way, of a length and drawn by
    rules that were chosen on the other folds.

    choices  by the number of the fold to which each applies
    """

    films: tuple[TrainingFilm, ...]
    folds: tuple[int, ...]
    predictions: tuple[GridScores, ...]
    choices: Mapping[int, Choice]

    def choice_of(self, film: int) -> Choice:
        """That of a film by its place."""
        return self.choices[self.folds[film]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CurvePoint:
    """Predictions by models that learnt num_films each, on average, and nothing of the film's fold."""

    num_films: float
    out_of_fold: OutOfFold


Tables = Mapping[tuple[Way, float], OutOfFold]


def choose(
    tables: Tables,
    head: Head[Any],
    config: HeadConfig,
    labels: Sequence[str],
    folds: Sequence[int],
    base: Checkpoint | None = None,
) -> Choice:
    """What is best on these folds. tables: the predictions of each way at each length; of equals the first wins. base:
    the model from which one goes on, with what it says of its labels.
    """
    there = {key: table.of_folds(folds) for key, table in tables.items()}
    films = next(iter(there.values())).films
    # of usual weights: what is compared is what timelines show
    rules = rules_after(base, head.phase_rules(config, films, (), (), labels), config.num_outputs)
    drawn = () if rules is None else (rules,)
    worths = {key: head.metric(table.predictions, table.films, labels, *drawn) for key, table in there.items()}
    best = max(worths, key=lambda key: worths[key])
    table = there[best]
    calibration = head.calibration(config, table.predictions, table.films, labels)
    said = [head.calibrated(config, prediction, calibration) for prediction in table.predictions]
    thresholds = head.thresholds(said, table.films, labels)
    ways = dict.fromkeys(way for way, _ in tables)
    return Choice(
        way=best[0],
        length=best[1],
        worths={way.name: max(worth for key, worth in worths.items() if key[0] == way) for way in ways},
        calibration=calibration,
        thresholds=thresholds,
        points=points_after(base, head.operating_points(thresholds)),
        rules=rules_after(
            base,
            head.phase_rules(config, table.films, table.films, said, labels, table.folds),
            config.num_outputs,
        ),
    )


def unchosen(
    way: Way,
    head: Head[Any],
    config: HeadConfig,
    films: Sequence[TrainingFilm],
    labels: Sequence[str],
    base: Checkpoint | None = None,
) -> Choice:
    """What is taken if there are no predictions to choose on; base: as in `choose`."""
    points = points_after(base, head.operating_points({}))
    rules = rules_after(base, head.phase_rules(config, films, (), (), labels), config.num_outputs)
    return Choice(way=way, length=1.0, worths={}, calibration=AS_IT_IS, thresholds={}, points=points, rules=rules)


def cross_fitted(
    tables: Tables, head: Head[Any], config: HeadConfig, labels: Sequence[str], base: Checkpoint | None = None
) -> CrossFitted:
    """For the films of each fold, what the other folds choose; base: as in `choose`."""
    first = next(iter(tables.values()))
    folds = sorted(set(first.folds))
    choices = {
        fold: choose(tables, head, config, labels, [other for other in folds if other != fold], base) for fold in folds
    }
    chosen = [tables[choices[fold].way, choices[fold].length] for fold in first.folds]
    return CrossFitted(
        films=first.films,
        folds=first.folds,
        predictions=tuple(table.predictions[n] for n, table in enumerate(chosen)),
        choices=choices,
    )
