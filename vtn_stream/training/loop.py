"""The loop: films, their labels, settings -> a network. Whoever kills it and starts it again gets the same bits.

B crops, L positions of a crop, K classes
"""

import hashlib
import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from vtn_stream.embedding import Warned
from vtn_stream.errors import TrainingError
from vtn_stream.model import VTN, ClassificationConfig, DenseConfig, LocalizationConfig, VTNConfig
from vtn_stream.training.crops import Batch, Crops
from vtn_stream.training.events import EpochDone, Event
from vtn_stream.training.films import TrainingFilm
from vtn_stream.training.losses import dense_loss, diou_loss, focal_loss
from vtn_stream.training.settings import Settings
from vtn_stream.training.state import State, load_state, save_state
from vtn_stream.training.targets import pyramid_targets
from vtn_stream.training.validation import METRICS, predict, value

__all__ = ["Fitted", "fit"]

MAX_NORM = 1.0  # of the gradient
# Positives a batch that the localization losses are divided by: a running mean, since one batch may have none.
FIRST_NUM_POSITIVES, NUM_POSITIVES_DECAY = 100.0, 0.9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fitted:
    """What was learnt.

    network      in evaluation mode: the running mean of the weights, of the epoch that was best on the validation
                 films, or of the last epoch where there are none
    best         that metric, 0..1; None where there are no validation films
    epoch        from 1; num_epochs were done in all
    losses       mean of each epoch; metrics, of each epoch that was validated
    notes        why it ended before its time, where it did
    """

    network: VTN
    metric_name: str
    best: float | None
    epoch: int
    num_epochs: int
    losses: tuple[float, ...]
    metrics: tuple[float, ...]
    notes: tuple[str, ...] = ()


def fit(
    films: Sequence[TrainingFilm],
    validation: Sequence[TrainingFilm],
    labels: Sequence[str],
    settings: Settings,
    fps: Fraction,
    *,
    backbone: str,
    device: str = "cpu",
    state: Path | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> Fitted:
    """Teach a network from scratch.

    state  a file that is written after every epoch, and gone on from where it is of the same films and settings

    Raises TrainingError where the loss is no number before the first epoch is through, and where the state cannot be
    written.
    """
    with torch.random.fork_rng(devices=[] if device == "cpu" else None):
        return _Lesson(films, validation, labels, settings, fps, backbone, device, state, on_event).fit()


@dataclass(slots=True)
class _Progress:
    """What goes on from epoch to epoch besides tensors."""

    epoch: int = 0
    step: int = 0
    num_positives: float = FIRST_NUM_POSITIVES
    best: float | None = None
    best_epoch: int = 0
    losses: list[float] = field(default_factory=list)
    metrics: list[float] = field(default_factory=list)


class _Lesson:
    def __init__(
        self,
        films: Sequence[TrainingFilm],
        validation: Sequence[TrainingFilm],
        labels: Sequence[str],
        settings: Settings,
        fps: Fraction,
        backbone: str,
        device: str,
        state: Path | None,
        on_event: Callable[[Event], None] | None,
    ) -> None:
        self._films, self._validation, self._labels = films, validation, labels
        self._settings, self._fps, self._device, self._state = settings, fps, device, state
        self._tell = on_event or (lambda event: None)
        is_localization = isinstance(settings.head, LocalizationConfig)
        crops = (settings.crop_positions, settings.batch_size)
        self._crops = Crops(films, labels, *crops, hold=is_localization)
        torch.manual_seed(settings.seed)
        self._network = VTN(VTNConfig(backbone=backbone, encoder=settings.encoder, head=settings.head))
        if settings.encoder.standardized:
            _standardize(self._network, films)
        self._network.to(device)
        self._mean = {name: tensor.clone() for name, tensor in self._network.state_dict().items()}
        self._best = dict(self._mean)
        self._optimizer = torch.optim.AdamW(_groups(self._network, settings.weight_decay), lr=settings.learning_rate)
        self._num_steps = settings.num_epochs * self._crops.num_batches
        self._progress = _Progress()
        self._key = _key(films, validation, labels, settings, backbone, device)

    def fit(self) -> Fitted:
        self._resume()
        progress, settings, notes = self._progress, self._settings, []
        while progress.epoch < settings.num_epochs and not self._is_over():
            try:
                loss = self._epoch()
            except _NotANumber as error:
                if progress.epoch == 0:
                    raise TrainingError(
                        f"the loss is no number at step {error.step} of the first epoch",
                        "nothing was learnt",
                        "look for films whose embeddings are no numbers with `vtn-stream cache check`, and run again",
                    ) from error
                kept = progress.best_epoch or progress.epoch
                notes.append(
                    f"The loss was no number at step {error.step} of epoch {progress.epoch + 1}: the weights of epoch "
                    f"{kept} were kept, and nothing was learnt after it."
                )
                self._tell(Warned(message=notes[-1]))
                break
            progress.epoch += 1
            progress.losses.append(loss)
            metric = self._validate()
            self._save()
            self._tell(
                EpochDone(
                    epoch=progress.epoch,
                    num_epochs=settings.num_epochs,
                    loss=loss,
                    metric_name=self._metric_name,
                    metric=metric,
                    best=progress.best_epoch == progress.epoch,
                )
            )
        if self._is_over():
            notes.append(
                f"Stopped after {progress.epoch} of {settings.num_epochs} epochs: the last {settings.patience} were no "
                "better on the validation films."
            )
        self._network.load_state_dict(self._best if self._validation else self._mean)
        return Fitted(
            network=self._network.eval(),
            metric_name=self._metric_name,
            best=progress.best,
            epoch=progress.best_epoch if self._validation else progress.epoch,
            num_epochs=progress.epoch,
            losses=tuple(progress.losses),
            metrics=tuple(progress.metrics),
            notes=tuple(notes),
        )

    def _is_over(self) -> bool:
        return bool(self._validation) and self._progress.epoch - self._progress.best_epoch >= self._settings.patience

    @property
    def _metric_name(self) -> str:
        return METRICS[type(self._settings.head)]

    def _epoch(self) -> float:
        """One pass; its mean loss. The seed is the epoch's own: a resumed run draws what the other would have drawn."""
        progress = self._progress
        seed = np.random.SeedSequence([self._settings.seed, progress.epoch])
        torch.manual_seed(int(seed.generate_state(1)[0]))
        before = _Progress(step=progress.step, num_positives=progress.num_positives)
        mean = {name: tensor.clone() for name, tensor in self._mean.items()}
        losses = []
        self._network.train()
        for number, batch in enumerate(self._crops.epoch(np.random.default_rng(seed)), 1):
            loss = self._step(batch)
            if loss is None:  # the last epoch's weights are the last good ones
                self._mean, progress.step, progress.num_positives = mean, before.step, before.num_positives
                raise _NotANumber(number)
            losses.append(loss)
        return float(np.mean(losses))

    def _step(self, batch: Batch) -> float | None:
        """Learn a batch; None where its loss or gradient is no number."""
        progress, settings = self._progress, self._settings
        for group in self._optimizer.param_groups:
            group["lr"] = settings.learning_rate * _pace(progress.step, self._num_steps, settings.warm_up)
        loss = self._loss(batch)
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self._network.parameters(), MAX_NORM)
        value = float(loss.detach())
        if not (math.isfinite(value) and math.isfinite(float(norm))):
            return None
        self._optimizer.step()
        progress.step += 1
        keep = min(settings.ema, progress.step / (progress.step + 10))  # at first the mean is of few
        with torch.no_grad():
            for name, tensor in self._network.state_dict().items():
                self._mean[name].lerp_(tensor, 1 - keep)
        return value

    def _loss(self, batch: Batch) -> Tensor:
        embeddings, ids, valid = (x.to(self._device) for x in (batch.embeddings, batch.position_ids, batch.valid))
        if isinstance(self._settings.head, ClassificationConfig):
            return cross_entropy(self._network.classify(embeddings, ids, valid), batch.clips.to(self._device))
        if isinstance(self._settings.head, DenseConfig):
            logits = self._network.label(embeddings, ids, valid)
            labels = batch.labels.to(self._device)
            labels = labels.masked_fill(labels >= logits.shape[-1], -1)  # nothing, of a head that has no output for it
            return dense_loss(logits, labels, valid, smoothing=self._settings.smoothing)
        return self._localization_loss(batch, embeddings, ids, valid)

    def _localization_loss(self, batch: Batch, embeddings: Tensor, ids: Tensor, valid: Tensor) -> Tensor:
        """Of Zhang et al., "ActionFormer" (2022), section 3.3: the focal loss of every point's classes, and the
        distance of the positives' segments, over the number of positives.
        """
        pyramid = self._network.locate(embeddings, ids, valid)
        num_points = [logits.shape[1] for logits in pyramid.logits]
        classes, offsets, positive = [], [], []
        for bounds, numbers in batch.segments:
            levels = pyramid_targets(bounds, numbers, num_points, self._settings.head.num_classes)
            classes.append(torch.cat([level.classes for level in levels]))
            offsets.append(torch.cat([level.offsets for level in levels]))
            positive.append(torch.cat([level.positive for level in levels]))
        there = torch.cat(pyramid.valid, 1)  # [B, P], P points of all levels
        asked = torch.stack(positive).to(there.device) & there
        progress = self._progress
        progress.num_positives = NUM_POSITIVES_DECAY * progress.num_positives + (1 - NUM_POSITIVES_DECAY) * max(
            1.0, float(asked.sum())
        )
        wrong = focal_loss(torch.cat(pyramid.logits, 1), torch.stack(classes).to(there.device))
        off = diou_loss(torch.cat(pyramid.offsets, 1)[asked], torch.stack(offsets).to(there.device)[asked])
        return ((wrong * there[..., None]).sum() + off.sum()) / progress.num_positives

    def _validate(self) -> float | None:
        """The metric of the mean of the weights; whether it is the best so far."""
        progress = self._progress
        if not self._validation:
            self._best = {name: tensor.clone() for name, tensor in self._mean.items()}
            return None
        learnt = {name: tensor.clone() for name, tensor in self._network.state_dict().items()}
        self._network.load_state_dict(self._mean)
        with tempfile.TemporaryDirectory() as scratch:
            predictions = [predict(self._network.eval(), f, self._fps, Path(scratch)) for f in self._validation]
        self._network.load_state_dict(learnt)
        metric = value(predictions, self._validation, self._labels)
        progress.metrics.append(metric)
        if progress.best is None or metric > progress.best:
            progress.best, progress.best_epoch = metric, progress.epoch
            self._best = {name: tensor.clone() for name, tensor in self._mean.items()}
        return metric

    def _save(self) -> None:
        if self._state is None:
            return
        tensors = {"network": self._network.state_dict(), "mean": self._mean, "best": self._best}
        save_state(
            self._state, State(self._key, _fields(self._progress), tensors, self._optimizer.state_dict()["state"])
        )

    def _resume(self) -> None:
        state = None if self._state is None else load_state(self._state, self._key)
        if state is None:
            return
        self._network.load_state_dict(state.tensors["network"])
        for mine, theirs in ((self._mean, state.tensors["mean"]), (self._best, state.tensors["best"])):
            mine.update({name: tensor.to(self._device) for name, tensor in theirs.items()})
        groups = self._optimizer.state_dict()["param_groups"]
        self._optimizer.load_state_dict({"state": state.optimizer, "param_groups": groups})
        self._progress = _Progress(**state.progress)


class _NotANumber(Exception):
    def __init__(self, step: int) -> None:
        super().__init__(step)
        self.step = step


def _fields(progress: _Progress) -> dict[str, Any]:
    return {name: getattr(progress, name) for name in _Progress.__slots__}


def _pace(step: int, num_steps: int, warm_up: float) -> float:
    """The share of the learning rate: a straight way up, then half a cosine down."""
    done = step / num_steps
    return min(1.0, (step + 1) / max(1.0, warm_up * num_steps)) * 0.5 * (1 + math.cos(math.pi * done))


def _groups(network: VTN, weight_decay: float) -> list[dict[str, Any]]:
    """Matrices decay; biases, norms, scales, tables of positions and tokens do not."""
    tables = {id(p) for m in network.modules() if isinstance(m, torch.nn.Embedding) for p in m.parameters()}
    decays = [p for p in network.parameters() if p.ndim > 1 and id(p) not in tables]
    known = {id(p) for p in decays}
    return [
        {"params": decays, "weight_decay": weight_decay},
        {"params": [p for p in network.parameters() if id(p) not in known], "weight_decay": 0.0},
    ]


@torch.no_grad()
def _standardize(network: VTN, films: Sequence[TrainingFilm]) -> None:
    """Tell the encoder mean and deviation of what it will read, over all valid positions of the films."""
    encoder = network.encoder
    total = torch.zeros(2, encoder.config.num_features, dtype=torch.float64)
    num = 0
    for features in (f for film in films for f in _features(network, film)):
        total += torch.stack([features.sum(0), features.square().sum(0)])
        num += len(features)
    mean = total[0] / max(1, num)
    deviation = (total[1] / max(1, num) - mean.square()).clamp(min=0).sqrt()
    encoder.input_mean.copy_(mean)
    encoder.input_deviation.copy_(torch.where(deviation > 1e-4, deviation, 1.0))  # what never changes tells nothing


def _features(network: VTN, film: TrainingFilm, num: int = 4096) -> Iterator[Tensor]:
    """float64 [n, F] of the film's valid positions, in pieces: they are wider than embeddings."""
    values, valid = torch.from_numpy(film.values), torch.from_numpy(film.index.valid)
    for start in range(0, len(values), num):
        low, stop = max(0, start - network.encoder.config.history), start + num
        part = values[None, low:stop].float()
        features = network.encoder.features(part, valid[None, low:stop], history=start - low)[0]
        yield features[valid[start:stop]].double()


def _key(
    films: Sequence[TrainingFilm],
    validation: Sequence[TrainingFilm],
    labels: Sequence[str],
    settings: Settings,
    backbone: str,
    device: str,
) -> str:
    """Of all that the bits depend on: a state of anything else is not gone on from."""
    digest = hashlib.blake2b()
    for side in (films, validation):
        digest.update(b"side")
        for film in side:
            digest.update(repr((film.name, film.values.shape, film.segments, film.clip_label)).encode())
            digest.update(film.index.valid.tobytes())
            digest.update(np.ascontiguousarray(film.values).data)
    sides = digest.hexdigest()
    return repr((sides, tuple(labels), settings, backbone, device, torch.__version__, torch.get_num_threads()))
