"""The training loop: films, their labels, settings -> a network. Killed and started again, it gives the same bits."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

from vtn_stream.embedding import Warned
from vtn_stream.errors import CheckpointError, TrainingError, listed
from vtn_stream.heads import head_of
from vtn_stream.model import VTN, TemporalEncoder, VTNConfig
from vtn_stream.training.crops import Crops
from vtn_stream.training.events import EpochDone, TrainingEvent
from vtn_stream.training.films import TrainingFilm
from vtn_stream.training.hyperparameters import Hyperparameters
from vtn_stream.training.key import key_of
from vtn_stream.training.learner import Learner, NoNumber, copied
from vtn_stream.training.standardize import standardize
from vtn_stream.training.state import TrainingState, load_state, save_state
from vtn_stream.training.validation import predictions

__all__ = ["Fitted", "fit"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fitted:
    """A trained network, and how it was trained.

    network      in evaluation mode: the running mean of the weights, of the epoch that was best on the validation
                 films, or of the last epoch if there are none
    best         that metric, 0..1; None if there are no validation films
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
    settings: Hyperparameters,
    fps: Fraction,
    *,
    backbone: str,
    device: str = "cpu",
    state: Path | None = None,
    on_event: Callable[[TrainingEvent], None] | None = None,
) -> Fitted:
    """Teach a network from scratch.

    state     a file that is written after every epoch, and resumed from if it is of this very training; if it
              is not, that is reported
    on_event  gets every epoch; a resumed training first reports the last one that was done

    Raises TrainingError if an embedding or, before the first epoch is through, the loss is no number, and if the
    state cannot be written. Later the best weights so far are kept, and that is reported and noted.
    """
    _check_numbers([*films, *validation])
    with torch.random.fork_rng(devices=[] if device == "cpu" else [torch.cuda.current_device()]):
        lesson = _Fit(films, validation, labels, settings, fps, backbone, device, on_event)
        if state is not None:
            lesson.keep(state, key_of(films, validation, labels, settings, fps, backbone=backbone, device=device))
        return lesson.fit()


@dataclass(slots=True)
class _Progress:
    """What is carried from epoch to epoch, besides the learner."""

    epoch: int = 0
    best: float | None = None
    best_epoch: int = 0
    losses: list[float] = field(default_factory=list)
    metrics: list[float] = field(default_factory=list)


class _Stopped(Exception):
    """Something was not a number: the text says what, and when."""


class _Fit:
    def __init__(
        self,
        films: Sequence[TrainingFilm],
        validation: Sequence[TrainingFilm],
        labels: Sequence[str],
        settings: Hyperparameters,
        fps: Fraction,
        backbone: str,
        device: str,
        on_event: Callable[[TrainingEvent], None] | None,
    ) -> None:
        self._validation, self._labels, self._settings, self._fps = validation, labels, settings, fps
        self._tell = on_event or (lambda event: None)
        self._head = head_of(settings.head)
        self._crops = Crops(
            films, labels, settings.crop_positions, settings.batch_size, hold=self._head.learns_segments
        )
        torch.manual_seed(settings.seed)
        network = VTN(VTNConfig(backbone=backbone, encoder=settings.encoder, head=settings.head))
        if settings.encoder.standardized and isinstance(network.encoder, TemporalEncoder):
            standardize(network.encoder, films)
        self._learner = Learner(network.to(device), settings, settings.num_epochs * self._crops.num_batches)
        self._best = copied(self._learner.mean)
        self._progress = _Progress()
        self._state: tuple[Path, str] | None = None

    def keep(self, path: Path, key: str) -> None:
        """Writes the state there after every epoch, and goes on from a state that is there."""
        self._state = (path, key)
        state = load_state(path, key)
        if state is None:
            if path.exists():
                self._tell(
                    Warned(
                        message=f"{path.name} is from another training, or damaged: training starts from the beginning"
                    )
                )
            return
        progress, tensors = dict(state.progress), state.tensors
        self._learner.go_on(progress.pop("learner"), tensors["network"], tensors["mean"], state.optimizer)
        for name, tensor in self._best.items():
            tensor.copy_(tensors["best"][name])
        self._progress = _Progress(**progress)
        self._tell(self._epoch_done())

    def fit(self) -> Fitted:
        progress, settings, notes = self._progress, self._settings, []
        while progress.epoch < settings.num_epochs and not self._is_over():
            before = copied(self._learner.mean)
            try:
                loss = self._epoch()
                metric = self._validate()
            except _Stopped as why:
                if progress.epoch == 0:
                    raise TrainingError(
                        str(why),
                        "nothing was trained",
                        "look for a film that is very different from the others, or try another --seed",
                    ) from why
                self._learner.mean = before
                kept = progress.best_epoch or progress.epoch
                notes.append(f"Stopped early, because {why}; the weights are from epoch {kept}.")
                self._tell(Warned(message=notes[-1]))
                break
            self._note(loss, metric)
            self._save()
            self._tell(self._epoch_done())
        if self._is_over():
            notes.append(
                f"Stopped after {progress.epoch} of {settings.num_epochs} epochs: the last {settings.patience} were "
                "not better on the validation films."
            )
        network = self._learner.network
        network.load_state_dict(self._best if self._validation else self._learner.mean)
        return Fitted(
            network=network.eval(),
            metric_name=self._head.metric_name,
            best=progress.best,
            epoch=progress.best_epoch if self._validation else progress.epoch,
            num_epochs=progress.epoch,
            losses=tuple(progress.losses),
            metrics=tuple(progress.metrics),
            notes=tuple(notes),
        )

    def _is_over(self) -> bool:
        return bool(self._validation) and self._progress.epoch - self._progress.best_epoch >= self._settings.patience

    def _epoch(self) -> float:
        """Runs one pass; returns its mean loss. Each epoch has its own seed: a resumed run draws the same numbers."""
        seed = np.random.SeedSequence([self._settings.seed, self._progress.epoch])
        torch.manual_seed(int(seed.generate_state(1)[0]))
        losses = []
        self._learner.network.train()
        for number, batch in enumerate(self._crops.epoch(np.random.default_rng(seed)), 1):
            try:
                losses.append(self._learner.learn(batch))
            except NoNumber as error:
                raise _Stopped(
                    f"the loss was not a number at step {number} of epoch {self._progress.epoch + 1}"
                ) from error
        return float(np.mean(losses))

    def _validate(self) -> float | None:
        """The metric of the network with the mean of its weights."""
        if not self._validation:
            return None
        try:
            with self._learner.as_the_mean() as network:
                predicted = predictions(network, self._validation, self._fps)
        except CheckpointError as error:
            epoch = self._progress.epoch + 1
            raise _Stopped(
                f"the network's output was not a number on the validation films after epoch {epoch}"
            ) from error
        return self._head.metric(predicted, self._validation, self._labels)

    def _note(self, loss: float, metric: float | None) -> None:
        """Notes a finished epoch; returns whether it is the best so far."""
        progress = self._progress
        progress.epoch += 1
        progress.losses.append(loss)
        if metric is None:
            return
        progress.metrics.append(metric)
        if progress.best is None or metric > progress.best:
            progress.best, progress.best_epoch = metric, progress.epoch
            self._best = copied(self._learner.mean)

    def _epoch_done(self) -> EpochDone:
        progress = self._progress
        return EpochDone(
            epoch=progress.epoch,
            num_epochs=self._settings.num_epochs,
            loss=progress.losses[-1],
            metric_name=self._head.metric_name,
            metric=progress.metrics[-1] if progress.metrics else None,
            best=progress.best_epoch == progress.epoch,
        )

    def _save(self) -> None:
        if self._state is None:
            return
        path, key = self._state
        learner = self._learner
        tensors = {"network": learner.network.state_dict(), "mean": learner.mean, "best": self._best}
        progress = asdict(self._progress) | {"learner": learner.counters}
        save_state(path, TrainingState(key, progress, tensors, learner.optimizer))


def _check_numbers(films: Sequence[TrainingFilm]) -> None:
    """Raises TrainingError with the films whose embeddings hold NaN or infinity."""
    piece = 1 << 14  # positions: no copy of a film
    strange = [
        film.name
        for film in films
        if not all(np.isfinite(film.values[at : at + piece]).all() for at in range(0, len(film.values), piece))
    ]
    if strange:
        raise TrainingError(
            f"embeddings of {listed(strange)} are not numbers (NaN or infinity)",
            "nothing was trained",
            "leave those films out, or embed them again into another --store",
        )
