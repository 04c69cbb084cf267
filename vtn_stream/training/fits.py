"""One fit: a model that learns some films in one way, and what it then predicts of others. Its result in a file.

A finished fit's file is written as `TrainingState`, with these groups of tensors:

    weights L        of the network at that length, if they are wanted
    L/...            for each length L: frame, saliency, clip of all films read, one behind the other; bounds, classes,
                     scores and num_spans of their spans
"""

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vtn_stream.checkpoints import Checkpoint
from vtn_stream.errors import CheckpointError, TrainingError
from vtn_stream.model import VTN, EncoderConfig, StatisticsConfig, VTNConfig
from vtn_stream.track import GridScores, Spans
from vtn_stream.training.events import TrainingEvent
from vtn_stream.training.film_source import FilmSource
from vtn_stream.training.films import TrainingFilm
from vtn_stream.training.hyperparameters import Hyperparameters
from vtn_stream.training.linear import MAX_EXAMPLES, LinearSettings, fit_linear
from vtn_stream.training.loop import Fitted, epochs_of, fit
from vtn_stream.training.state import TrainingState, load_state, save_state
from vtn_stream.training.validation import predictions
from vtn_stream.training.ways import Way, films_of

__all__ = [
    "EMBEDDED",
    "SUFFIXES",
    "Fit",
    "Lesson",
    "Outcome",
    "do",
    "files_of",
    "going_on",
    "keep",
    "kept",
    "network_of",
    "state_of",
]

SLOWER = 0.1  # of the learning rate, where a network goes on from what it knows
LINEAR_PRODUCTS = 2000  # of each feature of each example
EMBEDDED = "embedded"  # a folder: films that are read, by an image network that learned
SUFFIXES = ("fit", "state", "state.after-*")  # of a finished fit; of one that is in progress, and its earlier weights


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lesson:
    """What all fits of a training share. films: all of them, with the columns of all inputs; work: None, keep nothing.

    key     of all that the numbers of every fit depend on
    base    the model from which they go on; None: from scratch
    source  of the films' frames, where the image network learns too
    """

    films: tuple[TrainingFilm, ...]
    inputs: tuple[str, ...]
    labels: tuple[str, ...]
    fps: Fraction
    backbone: str
    device: str
    work: Path | None = None
    key: str = ""
    base: Checkpoint | None = None
    source: FilmSource | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """name: for its curves; learns, reads: places of films in the lesson. Predictions are made at each of the lengths.

    keeps_weights  the network is wanted, not only what it predicts
    after          the fit from which it goes on, of the same films, with an image network that learns; None: it begins,
                   and learns from embeddings
    """

    name: str
    way: Way
    learns: tuple[int, ...]
    reads: tuple[int, ...]
    settings: Hyperparameters | LinearSettings
    lengths: tuple[float, ...] = (1.0,)
    keeps_weights: bool = False
    after: "Fit | None" = None

    def cost(self, lesson: Lesson) -> float:
        """About how long it takes: products of all steps."""
        settings = self.settings
        if isinstance(settings, LinearSettings):
            num = sum(len(lesson.films[n].values) for n in self.learns)
            examples = num if settings.encoder.reach is not None else len(self.learns)
            return float(min(examples, MAX_EXAMPLES)) * settings.encoder.num_features * LINEAR_PRODUCTS
        pieces = sum(math.ceil(len(lesson.films[n].values) / settings.crop_positions) for n in self.learns)
        positions = math.ceil(pieces / settings.batch_size) * settings.batch_size * settings.crop_positions
        width, layers = settings.encoder.width, settings.encoder.num_layers
        products = settings.encoder.num_features * width + layers * (12 * width**2 + 4 * settings.crop_positions)
        return float(epochs_of(settings.num_epochs, max(self.lengths)) * positions * products)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """predictions: of the films that were read, in their order, by length; weights: so too, None unless they are
    wanted; those of an image network that learnt begin with "backbone.".

    stopped  before its time: a loss was not a number
    """

    predictions: Mapping[float, tuple[GridScores, ...]]
    num_epochs: int
    losses: tuple[float, ...]
    notes: tuple[str, ...] = ()
    stopped: bool = False
    weights: Mapping[float, Mapping[str, Tensor]] | None = field(default=None)


def going_on(base: Checkpoint, settings: Hyperparameters | LinearSettings) -> Hyperparameters | LinearSettings:
    """The settings with which the model goes on: with its encoder, and a network with small steps."""
    if isinstance(settings, Hyperparameters):
        assert isinstance(base.config.encoder, EncoderConfig)
        return replace(settings, encoder=base.config.encoder, learning_rate=SLOWER * settings.learning_rate)
    assert isinstance(base.config.encoder, StatisticsConfig)
    return replace(settings, encoder=base.config.encoder)


def key_of_fit(lesson: Lesson, one: Fit) -> str:
    """Of everything that the outcome depends on."""
    what: tuple[object, ...] = (one.way, one.learns, one.reads, one.settings, one.lengths, one.keeps_weights)
    if one.after is not None and lesson.source is not None:
        what = (*what, key_of_fit(lesson, one.after), lesson.source.key)
    return repr((lesson.key, what))


def files_of(lesson: Lesson, work: Path) -> tuple[list[Path], list[Path]]:
    """The files of fits in the folder: those of this lesson, and those of others."""
    own: list[Path] = []
    others: list[Path] = []
    for file in sorted(path for suffix in SUFFIXES for path in work.glob(f"*.{suffix}")):
        (own if file.name.startswith(_digest(lesson.key)) else others).append(file)
    return own, others


def _file(lesson: Lesson, work: Path, key: str, suffix: str) -> Path:
    return work / f"{_digest(lesson.key)}-{_digest(key)}.{suffix}"


def _digest(key: str) -> str:
    return hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


def kept(lesson: Lesson, one: Fit) -> tuple[Outcome | None, str | None]:
    """The outcome that an earlier run left, if it is whole; and what users should know of a file that is not."""
    if lesson.work is None:
        return None, None
    key = key_of_fit(lesson, one)
    file = _file(lesson, lesson.work, key, "fit")
    state = load_state(file, key)
    if state is None:
        damaged = f"{file.name} is from another training, or damaged: this part of the training is done again"
        return None, damaged if file.exists() else None
    try:
        films = [lesson.films[n] for n in one.reads]
        by_length = {length: _unpacked(state.tensors.get(str(length), {}), films) for length in one.lengths}
        facts = state.progress
        return Outcome(
            predictions=by_length,
            num_epochs=facts["num_epochs"],
            losses=tuple(facts["losses"]),
            notes=tuple(facts["notes"]),
            stopped=bool(facts["stopped"]),
            weights={length: state.tensors[f"weights {length}"] for length in one.lengths}
            if one.keeps_weights
            else None,
        ), None
    except (KeyError, ValueError, IndexError):
        return None, f"{file.name} is damaged: this part of the training is done again"


def do(lesson: Lesson, one: Fit, tell: Callable[[TrainingEvent], None]) -> Outcome:
    """Learns and predicts, on one thread, and keeps the outcome in a file if the lesson has a folder."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # fits run side by side; and no bit may depend on how many threads there are
    try:
        return _done(lesson, one, tell)
    finally:
        torch.set_num_threads(before)


def _done(lesson: Lesson, one: Fit, tell: Callable[[TrainingEvent], None]) -> Outcome:
    learnt, read = (
        films_of([lesson.films[n] for n in places], lesson.inputs, one.way) for places in (one.learns, one.reads)
    )
    if isinstance(one.settings, LinearSettings):
        fitted = fit_linear(learnt, lesson.labels, one.settings, backbone=lesson.backbone, base=lesson.base)
    else:
        fitted = fit(
            learnt,
            lesson.labels,
            one.settings,
            lesson.fps,
            lengths=one.lengths,
            backbone=lesson.backbone,
            device=lesson.device,
            base=lesson.base,
            state=state_of(lesson, one),
            on_event=tell,
        )
    try:
        predicted = _predicted(fitted, one, read, lesson.fps)
    except CheckpointError as error:
        raise TrainingError(
            f"what a model predicted of films that it did not learn is not a number ({one.name})",
            "nothing was trained",
            "look for a film that is very different from the others, or try another --seed",
        ) from error
    outcome = Outcome(
        predictions=predicted,
        num_epochs=fitted.num_epochs,
        losses=fitted.losses,
        notes=fitted.notes,
        stopped=fitted.stopped,
        weights=_weights(fitted, one) if one.keeps_weights else None,
    )
    keep(lesson, one, outcome)
    return outcome


def state_of(lesson: Lesson, one: Fit) -> tuple[Path, str] | None:
    """The file of a fit that is in progress, and its key; None if nothing is kept."""
    key = key_of_fit(lesson, one)
    return None if lesson.work is None else (_file(lesson, lesson.work, key, "state"), key)


def keep(lesson: Lesson, one: Fit, outcome: Outcome) -> None:
    """Writes the outcome into the fit's file, instead of its state, if the lesson has a folder."""
    if lesson.work is None:
        return
    key = key_of_fit(lesson, one)
    facts = {
        "num_epochs": outcome.num_epochs,
        "losses": list(outcome.losses),
        "notes": list(outcome.notes),
        "stopped": outcome.stopped,
    }
    groups: dict[str, Mapping[str, Tensor]] = {
        str(length): _packed(scores) for length, scores in outcome.predictions.items()
    }
    for length, weights in (outcome.weights or {}).items():
        groups[f"weights {length}"] = weights
    save_state(_file(lesson, lesson.work, key, "fit"), TrainingState(key, facts, groups, {}))
    state = _file(lesson, lesson.work, key, "state")
    for file in (state, *state.parent.glob(f"{state.name}.after-*")):
        file.unlink(missing_ok=True)


def _weights(fitted: Fitted, one: Fit) -> dict[float, dict[str, Tensor]]:
    """At each length, on the CPU."""
    last = {name: tensor.cpu() for name, tensor in fitted.network.state_dict().items()}
    if isinstance(one.settings, LinearSettings):
        return dict.fromkeys(one.lengths, last)
    of_epoch = {epoch: {n: t.cpu() for n, t in weights.items()} for epoch, weights in fitted.earlier.items()}
    return {length: of_epoch.get(epochs_of(one.settings.num_epochs, length), last) for length in one.lengths}


def _predicted(
    fitted: Fitted, one: Fit, films: Sequence[TrainingFilm], fps: Fraction
) -> dict[float, tuple[GridScores, ...]]:
    """The predictions of each length; the network keeps its last weights."""
    if not films:
        return {length: () for length in one.lengths}
    if isinstance(one.settings, LinearSettings):
        return dict.fromkeys(one.lengths, tuple(predictions(fitted.network, films, fps)))
    network, last = fitted.network, {name: t.clone() for name, t in fitted.network.state_dict().items()}
    of_epoch: dict[int, tuple[GridScores, ...]] = {}
    for epoch, weights in fitted.earlier.items():
        network.load_state_dict(weights)
        of_epoch[epoch] = tuple(predictions(network, films, fps))
    network.load_state_dict(last)
    return {length: of_epoch[epochs_of(one.settings.num_epochs, length)] for length in one.lengths}


def network_of(one: Fit, lesson: Lesson, weights: Mapping[str, Tensor]) -> VTN:
    """The network with these weights, in evaluation mode, on the CPU."""
    network = VTN(VTNConfig(backbone=lesson.backbone, encoder=one.settings.encoder, head=one.settings.head))
    network.load_state_dict(dict(weights))
    return network.eval()


def _packed(scores: Sequence[GridScores]) -> dict[str, Tensor]:
    arrays: dict[str, np.ndarray] = {}
    for name in ("frame", "saliency"):
        parts = [getattr(one, name) for one in scores]
        if parts and parts[0] is not None:
            arrays[name] = np.concatenate(parts)
    if scores and scores[0].clip is not None:
        arrays["clip"] = np.stack([one.clip for one in scores if one.clip is not None])
    if scores and scores[0].spans is not None:
        spans = [one.spans for one in scores if one.spans is not None]
        arrays["num_spans"] = np.array([len(one) for one in spans])
        for name in ("bounds", "classes", "scores"):
            arrays[name] = np.concatenate([getattr(one, name) for one in spans])
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def _unpacked(tensors: Mapping[str, Tensor], films: Sequence[TrainingFilm]) -> tuple[GridScores, ...]:
    """The inverse. Raises ValueError or KeyError if the tensors are not those of these films."""
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    if films and not arrays:
        raise ValueError("no predictions")
    ends = np.cumsum([len(film.values) for film in films])[:-1]
    each: dict[str, list[np.ndarray]] = {
        name: np.split(arrays[name], ends) for name in ("frame", "saliency") if name in arrays
    }
    if "num_spans" in arrays:
        ends = np.cumsum(arrays["num_spans"])[:-1]
        parts = [np.split(arrays[name], ends) for name in ("bounds", "classes", "scores")]
        spans = [Spans(bounds=b, classes=c, scores=s) for b, c, s in zip(*parts, strict=True)]
    return tuple(
        GridScores(
            frame=each["frame"][n] if "frame" in each else None,
            saliency=each["saliency"][n] if "saliency" in each else None,
            clip=arrays["clip"][n] if "clip" in arrays else None,
            spans=spans[n] if "num_spans" in arrays else None,
        )
        for n in range(len(films))
    )
