"""Measures on films that were not learnt: the model that was chosen, simpler ones, and models of fewer films."""

from collections.abc import Sequence
from fractions import Fraction

from vtn_stream.checkpoints import Checkpoint
from vtn_stream.evaluation import score
from vtn_stream.heads import HEADS, head_of
from vtn_stream.heads.calibration import AS_IT_IS
from vtn_stream.heads.judged import instants_of
from vtn_stream.metrics import OUT_OF_FOLD
from vtn_stream.model import HeadConfig
from vtn_stream.report.card_facts import CurveFacts
from vtn_stream.training.base import way_of
from vtn_stream.training.baselines import MOST_FREQUENT, most_frequent
from vtn_stream.training.exam import Exam, drawn, examine, measures, named_figures, truth_of
from vtn_stream.training.films import TrainingFilm
from vtn_stream.training.learning_curve import learning_curve
from vtn_stream.training.out_of_fold import Choice, CrossFitted, CurvePoint, Tables, cross_fitted
from vtn_stream.training.validation import predictions

__all__ = ["baselines", "before", "crossed_exam", "growth"]

MODELS = {"network": "network", "linear": "linear model"}  # what a card calls them
FIXED, TRAINED = "image network fixed", "image network trained"


def crossed_exam(
    crossed: CrossFitted, choice: Choice | None, labels: Sequence[str], head: str, config: HeadConfig
) -> Exam:
    """The figures of films whose model, rules and calibration were chosen on other folds.

    choice: the one of the finished model, for the thresholds that the card shows; None: none are shown
    """
    return examine(
        crossed.films,
        crossed.predictions,
        labels,
        head,
        config,
        {} if choice is None else choice.thresholds,
        [crossed.choice_of(n) for n in range(len(crossed.films))],
        widened=OUT_OF_FOLD,
    )


def baselines(
    tables: Tables, choice: Choice, labels: Sequence[str], head: str, config: HeadConfig
) -> dict[str, dict[str, float]]:
    """The figures of the best model of another kind, network or linear, and of the most frequent label; and where the
    image network learned as well, of models with it as it was, or as it became: what the model is not.
    """
    kinds = {
        name: [key for key in tables if key[0].model == model and not key[0].tunes]
        for model, name in MODELS.items()
        if model != choice.way.model
    }
    if any(key[0].tunes for key in tables):
        name = FIXED if choice.way.tunes else TRAINED
        kinds[name] = [key for key in tables if key[0].tunes != choice.way.tunes]
    beside = {}
    for name, keys in kinds.items():
        if keys:
            crossed = cross_fitted({key: tables[key] for key in keys}, HEADS[head], config, labels)
            beside[name] = dict(crossed_exam(crossed, None, labels, head, config).figures)
    if constant := most_frequent(next(iter(tables.values())).films, labels, head):
        beside[MOST_FREQUENT] = constant
    return beside


def before(base: Checkpoint, films: Sequence[TrainingFilm], labels: Sequence[str], fps: Fraction) -> dict[str, float]:
    """The figures of a model as it is, on films of which all of these labels are true."""
    kind, instants = head_of(base.config.head), instants_of(films)
    choice = Choice(
        way=way_of(base),
        length=1.0,
        worths={},
        calibration=AS_IT_IS,
        thresholds={},
        points=base.operating_points,
        rules=base.phase_rules,
    )
    said = {
        film.name: drawn(kind, film, prediction, base.labels, choice, instants)
        for film, prediction in zip(films, predictions(base.network(), films, fps), strict=True)
    }
    scores = score(said, truth_of(films, labels), subset="all", metrics=measures(kind, labels, instants))
    return named_figures(scores, scores.tallies())


def growth(
    exam: Exam,
    num_films: float,
    points: Sequence[CurvePoint],
    choice: Choice,
    labels: Sequence[str],
    head: str,
    config: HeadConfig,
) -> CurveFacts | None:
    """The learning curve of the way that was chosen; None without points.

    exam    of the models that learnt num_films, which is what a fold leaves of all
    points  of models that learnt fewer films, in the way and length of the choice
    """
    exams = {}
    for point in points:
        tables = {(choice.way, choice.length): point.out_of_fold}
        crossed = cross_fitted(tables, HEADS[head], config, labels)
        exams[round(point.num_films)] = crossed_exam(crossed, None, labels, head, config)
    return learning_curve({**exams, round(num_films): exam}) if exams else None
