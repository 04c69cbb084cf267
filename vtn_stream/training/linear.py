"""Fits a linear model: statistics of embeddings, read by one linear layer. It has an optimum, and that is found.

n examples (positions, or clips), F features, K classes
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vtn_stream.checkpoints import Checkpoint
from vtn_stream.errors import TrainingError
from vtn_stream.formats.annotations import AnnotatedVideo
from vtn_stream.heads import HEADS
from vtn_stream.heads.labelled_film import known_at, labels_of
from vtn_stream.heads.targets import RADIUS
from vtn_stream.localize import positions
from vtn_stream.model import VTN, HeadConfig, StatisticsConfig, StatisticsEncoder, VTNConfig
from vtn_stream.training.base import grown, places
from vtn_stream.training.events import HeadKind
from vtn_stream.training.films import TrainingFilm
from vtn_stream.training.logistic import (
    BIAS_DECAY,
    TOLERANCE,
    LinearWeights,
    Prior,
    components,
    log_loss,
    logistic,
)
from vtn_stream.training.loop import Fitted, check_numbers
from vtn_stream.training.split import folds
from vtn_stream.training.standardize import LEAST_DEVIATION

__all__ = ["LinearSettings", "fit_linear", "natural_linear"]

REACH_S = 1.0
LAGS_S = (2.0, 4.0)  # a change of posture, and what was before; the change picture shows what is faster
DECAYS = (3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4)  # of a weight, times the number of features
USUAL_DECAY = 3e-4  # where nothing chooses it
# The same, where weights are pulled towards those of a model: it is worth many examples.
DECAYS_AROUND, USUAL_DECAY_AROUND = (1.0, 3e-1, 1e-1, *DECAYS), 3e-3
NEVER = -1e4  # a logit of no chance at all, with which one can compute
NUM_FOLDS = 4
ROUGH_TOLERANCE = 1e-4  # of an optimum that only a decay is chosen by
PIECE = 512
MAX_EXAMPLES = 8192  # 330 MB of 10,240 features; neighbours are alike, and more of them add little


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearSettings:
    """One way to fit a linear model.

    decay  of weights, times the number of features; None: of DECAYS the one that is best in a cross-validation by
           groups of the training films
    """

    encoder: StatisticsConfig
    head: HeadConfig
    decay: float | None = None


def natural_linear(
    films: Sequence[TrainingFilm], labels: Sequence[str], head: HeadKind, fps: Fraction, *, decay: float | None = None
) -> LinearSettings:
    """The settings that suit these films, all of one rate. Raises ValueError without films."""
    if not films:
        raise ValueError("there is nothing to learn from")
    width = films[0].values.shape[1]
    if HEADS[head].names_clips:
        encoder = StatisticsConfig(input_width=width, reach=None, statistics=("mean", "deviation"))
    else:
        lags = tuple(sorted({max(1, round(lag_s * fps)) for lag_s in LAGS_S}))
        encoder = StatisticsConfig(input_width=width, reach=round(REACH_S * fps), statistics=("mean",), lags=lags)
    config = HEADS[head].config_for(films, len(labels), encoder.width)
    return LinearSettings(encoder=encoder, head=config, decay=decay)


def fit_linear(
    films: Sequence[TrainingFilm],
    labels: Sequence[str],
    settings: LinearSettings,
    *,
    backbone: str,
    base: Checkpoint | None = None,
) -> Fitted:
    """The linear model of the least cross-entropy and decay. The same films and settings give the same bits, however
    many threads there are: one is used.

    base  a model from which it goes on: weights are pulled towards its own, and those of new labels towards 0. It is
          what one believes before films are seen, a Gaussian around its weights; features are standardized as it does

    The result is as of `fit`; its notes say which decay was chosen, and what was left out.
    Raises TrainingError if an embedding is not a number, or no position has a label.
    """
    with _one_thread(), torch.no_grad():
        network = VTN(VTNConfig(backbone=backbone, encoder=settings.encoder, head=settings.head))
        assert isinstance(network.encoder, StatisticsEncoder)
        if base is not None:
            network.load_state_dict(grown(base, network))
        examples = _examples(network.encoder, films, labels, settings.head)
        notes, num_features = examples.notes, settings.encoder.num_features
        learnt = {}
        if base is None:
            mean, deviation = _standardize(examples.features)
            learnt = {"encoder.input_mean": mean, "encoder.input_deviation": deviation}
        else:
            old = places(base, settings.head.num_outputs)
            examples = _going_on(examples, network.head(examples.features), old)
        parts = components(examples.features)
        decay = settings.decay
        if decay is None:
            decay, why = _chosen_decay(parts.scores.float(), examples, films, num_features)
            notes += (why,)
        weights = examples.fitted(parts.scores, decay * num_features)
        learnt["head.out.weight"] = weights.weight @ parts.directions.T
        learnt["head.out.bias"] = weights.bias
        if base is not None:
            learnt = {name: network.state_dict()[name] + tensor for name, tensor in learnt.items()}
        network.load_state_dict(network.state_dict() | {name: tensor.float() for name, tensor in learnt.items()})
        loss = float(examples.log_loss(weights, parts.scores).mean())
    return Fitted(
        network=network.eval(),
        num_epochs=1,
        losses=(loss,),
        notes=notes,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Examples:
    """features float32 [n, F]; truth bool [n, K], which classes hold; film int64 [n]: the number of the film of each.

    exclusive  exactly one class holds at each
    known      bool [n, K], where that is known of each class; None: everywhere
    before     float32 [n, K], the logits of the model from which one goes on; old: the classes that it knows
    """

    features: Tensor
    truth: Tensor
    film: Tensor
    exclusive: bool
    known: Tensor | None = None
    before: Tensor | None = None
    old: tuple[int, ...] = ()
    notes: tuple[str, ...]

    def fitted(
        self,
        scores: Tensor,
        decay: float,
        chosen: Tensor | slice = slice(None),
        *,
        start: LinearWeights | None = None,
        tolerance: float = TOLERANCE,
    ) -> LinearWeights:
        """What is learnt of the chosen examples, of which these are the scores."""
        prior = None
        if self.before is not None:
            pull = torch.full((self.truth.shape[1],), BIAS_DECAY, dtype=scores.dtype)
            pull[list(self.old)] = decay
            prior = Prior(self.before[chosen].to(scores.dtype), torch.zeros_like(pull), pull)
        return logistic(
            scores,
            self.truth[chosen],
            decay,
            exclusive=self.exclusive,
            known=None if self.known is None else self.known[chosen],
            prior=prior,
            start=start,
            tolerance=tolerance,
        )

    def log_loss(self, weights: LinearWeights, scores: Tensor, chosen: Tensor | slice = slice(None)) -> Tensor:
        """[n]: of the chosen examples, of which these are the scores."""
        known, before = (None if of is None else of[chosen] for of in (self.known, self.before))
        truth = self.truth[chosen]
        return log_loss(weights, scores, truth, exclusive=self.exclusive, known=known, before=before)


def _examples(
    encoder: StatisticsEncoder, films: Sequence[TrainingFilm], labels: Sequence[str], head: HeadConfig
) -> _Examples:
    check_numbers(films)
    notes: tuple[str, ...] = ()
    known: Tensor | None = None
    if encoder.config.reach is None:
        features = torch.cat([_of_clip(encoder, film) for film in films])
        classes = np.array([labels.index(film.clip_label or "") for film in films])
        truth, of_film = np.eye(head.num_outputs, dtype=np.bool_)[classes], np.arange(len(films))
    else:
        held = [_held(film, labels, head) for film in films]
        places = [np.flatnonzero(known.any(axis=1)) for _, known in held]
        total = sum(map(len, places))
        if not total:
            raise TrainingError(
                "no position of the training films has a label",
                "nothing was trained",
                "check that the annotated times lie inside the films, or raise --fps",
            )
        every = -(-total // MAX_EXAMPLES)
        if every > 1:
            places = [at[::every] for at in places]
            notes = (f"The linear model was fitted to every {_nth(every)} labelled position of the films.",)
        features = torch.cat([_at(encoder, film, at) for film, at in zip(films, places, strict=True)])
        truth, where_known = (
            np.concatenate([of[n][at] for of, at in zip(held, places, strict=True)]) for n in range(2)
        )
        if where_known.shape == truth.shape and not where_known.all():
            known = torch.from_numpy(where_known)
        of_film = np.repeat(np.arange(len(films)), [len(at) for at in places])
    return _Examples(
        features=features,
        truth=torch.from_numpy(truth),
        film=torch.from_numpy(of_film),
        exclusive=not HEADS[head.kind].learns_segments,
        known=known,
        notes=notes,
    )


def _held(film: TrainingFilm, labels: Sequence[str], head: HeadConfig) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """[T, K], which classes hold at each position; and where that is known and the head can say it: [T, 1] of all
    classes that exclude each other, else [T, K].
    """
    if not HEADS[head.kind].learns_segments:
        number = labels_of(film, labels)
        known = (number >= 0) & (number < head.num_outputs)
        return number[:, None] == np.arange(head.num_outputs), known[:, None]
    truth = np.zeros((len(film.index), head.num_outputs), np.bool_)
    at = np.arange(len(film.index))
    for segment, (first, _) in zip(film.segments, positions(film.segments, film.index), strict=True):
        if segment.start_s == segment.end_s:  # an instant: the positions that a network is asked about it
            truth[np.abs(at - first) < RADIUS, labels.index(segment.label)] = True
            continue
        start, stop = np.searchsorted(film.index.grid_s, [segment.start_s, segment.end_s])
        truth[start : max(stop, start + 1), labels.index(segment.label)] = True  # shorter than a step: one position
    return truth, (known_at(film, labels) | truth) & film.index.valid[:, None]


def _going_on(examples: _Examples, before: Tensor, old: Sequence[int]) -> _Examples:
    """The examples with the logits [n, K] that the model says of them, which knows these old classes.

    A class of the model that no example shows is asked about only where the model says it, and is wrong. Elsewhere its
    absence tells of these films, not of the class, and would make the model forget it.
    """
    known = torch.ones_like(examples.truth) if examples.known is None else examples.known.clone()
    said = before.argmax(1)
    for k in old:
        if examples.truth[:, k].any():
            continue
        known[:, k] &= before[:, k] > 0
        if examples.exclusive:
            before[said != k, k] = NEVER
    return replace(examples, before=before, old=tuple(old), known=None if examples.exclusive else known)


def _of_clip(encoder: StatisticsEncoder, film: TrainingFilm) -> Tensor:
    values, valid = torch.from_numpy(film.values)[None], torch.from_numpy(film.index.valid)[None]
    return encoder.of_whole(lambda start, stop: values[:, start:stop], len(film.values), valid)


def _at(encoder: StatisticsEncoder, film: TrainingFilm, places: NDArray[np.intp]) -> Tensor:
    """Features [n, F] of these positions; those of the others are not kept."""
    values, valid = torch.from_numpy(film.values)[None], torch.from_numpy(film.index.valid)[None]
    start, kept = 0, [torch.zeros(0, encoder.config.num_features)]
    for tile in encoder.tiles(lambda low, high: values[:, low:high], len(film.values), valid):
        stop = start + tile.shape[1]
        inside = places[(places >= start) & (places < stop)] - start
        kept.append(tile[0, torch.from_numpy(inside)])
        start = stop
    return torch.cat(kept)


def _chosen_decay(
    scores: Tensor, examples: _Examples, films: Sequence[TrainingFilm], num_features: int
) -> tuple[float, str]:
    """The decay of the least cross-entropy on left out groups of films, and a note of it.

    Where one goes on from a model, its own films choose nothing: it would seem best to leave it as it is.
    """
    decays, usual = (DECAYS, USUAL_DECAY) if examples.before is None else (DECAYS_AROUND, USUAL_DECAY_AROUND)
    groups = {film.group for film in films if film.is_new}
    if len(groups) < 2:
        return usual, f"The linear model's decay is the usual {usual:g}: one film or source cannot choose it."
    annotated = {
        str(number): AnnotatedVideo(
            segments=film.segments, clip_label=film.clip_label, duration_s=film.duration_s, source=film.group
        )
        for number, film in enumerate(films)
        if film.is_new
    }
    totals = np.zeros(len(decays))
    for part in folds(annotated, min(NUM_FOLDS, len(groups))):
        held = torch.isin(examples.film, torch.tensor([int(name) for name in part]))
        if not held.any() or held.all():
            continue
        weights: LinearWeights | None = None
        for number, decay in enumerate(decays):
            weights = examples.fitted(
                scores[~held], decay * num_features, ~held, start=weights, tolerance=ROUGH_TOLERANCE
            )
            totals[number] += float(examples.log_loss(weights, scores[held], held).sum())
    decay = decays[int(totals.argmin())]
    return decay, f"The linear model's decay, {decay:g}, was chosen by cross-validation inside the training films."


def _standardize(features: Tensor) -> tuple[Tensor, Tensor]:
    """Brings each feature of [n, F] to mean 0 and deviation 1, in place; returns those it had, float64 [F]."""
    mean = features.mean(0, dtype=torch.float64)
    total = torch.zeros_like(mean)
    pieces = [features[start : start + PIECE] for start in range(0, len(features), PIECE)]  # no copy in float64
    for piece in pieces:
        total += (piece.double() - mean).square_().sum(0)
    deviation = (total / len(features)).sqrt()
    deviation = torch.where(deviation > LEAST_DEVIATION, deviation, 1.0)
    for piece in pieces:
        piece.copy_((piece.double() - mean) / deviation)
    return mean, deviation


@contextmanager
def _one_thread() -> Iterator[None]:
    """With more threads the last bits would depend on their number."""
    num = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(num)


def _nth(number: int) -> str:
    return {2: "2nd", 3: "3rd"}.get(number, f"{number}th")
