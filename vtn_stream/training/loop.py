"""The training loop: examples, a network, settings -> the network, trained. Killed and started again, it gives the same
bits.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

from vtn_stream.checkpoints import Checkpoint
from vtn_stream.embedding import Warned
from vtn_stream.errors import TrainingError, listed
from vtn_stream.heads import head_of
from vtn_stream.model import VTN, TemporalEncoder, VTNConfig
from vtn_stream.training.base import grown
from vtn_stream.training.crops import Crops
from vtn_stream.training.events import EpochDone, TrainingEvent
from vtn_stream.training.examples import ChangingExamples, Examples
from vtn_stream.training.films import TrainingFilm
from vtn_stream.training.hyperparameters import Hyperparameters
from vtn_stream.training.learner import Learner, NoNumber, Weights, copied
from vtn_stream.training.standardize import standardize
from vtn_stream.training.state import TrainingState, load_state, save_state

__all__ = ["Fitted", "Validate", "check_numbers", "epochs_of", "fit", "run"]

SAVE_EVERY_S = 10.0  # tens of megabytes are written, and waited for: after each epoch that would be a tenth of the time


Validate = Callable[[VTN, int], Mapping[str, float]]  # (network in evaluation mode, epochs that are done) -> figures


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fitted:
    """A trained network, and how it was trained.

    network      in evaluation mode: the running mean of the weights, after the last epoch
    earlier      the same after the epochs that were asked for, by their numbers from 1; the last one among them
    num_epochs   that were done; losses: mean of each
    notes        why it ended before its time, where it did
    """

    network: VTN
    earlier: dict[int, Weights] = field(default_factory=dict)
    num_epochs: int
    losses: tuple[float, ...]
    notes: tuple[str, ...] = ()


def epochs_of(num_epochs: int, length: float) -> int:
    """The number of epochs that a length is, a share of all."""
    return max(1, math.ceil(num_epochs * length))


def fit(
    films: Sequence[TrainingFilm],
    labels: Sequence[str],
    settings: Hyperparameters,
    fps: Fraction,
    *,
    lengths: Sequence[float] = (1.0,),
    backbone: str,
    device: str = "cpu",
    base: Checkpoint | None = None,
    state: tuple[Path, str] | None = None,
    on_event: Callable[[TrainingEvent], None] | None = None,
) -> Fitted:
    """Teach a network, up to the greatest of the lengths: shares of the epochs of its settings, over which the learning
    rate falls to zero.

    base      a model from which it goes on; None: it begins from scratch
    state     a file that is written after an epoch, every 10 s at most, and the key of all that the weights depend on;
              if the file is there and has this key, training goes on from it; if it has not, that is reported
    on_event  gets every epoch; a resumed training first reports the last one that was done

    Raises TrainingError if an embedding or, before the first epoch is through, the loss is no number, and if the
    state cannot be written. Later the weights so far are kept, and that is reported and noted.
    """
    check_numbers(films)
    head = head_of(settings.head)
    crops = Crops(films, labels, settings.crop_positions, settings.batch_size, hold=head.learns_segments)
    with _own_random_numbers(device):
        torch.manual_seed(settings.seed)
        network = VTN(VTNConfig(backbone=backbone, encoder=settings.encoder, head=settings.head))
        if base is not None:
            network.load_state_dict(grown(base, network))
        elif isinstance(network.encoder, TemporalEncoder) and network.encoder.config.standardized:
            standardize(network.encoder, films)
    stops = [epochs_of(settings.num_epochs, length) for length in lengths]
    return run(crops, network.to(device), settings, stops=stops, state=state, on_event=on_event)


def run(
    examples: Examples,
    network: VTN,
    settings: Hyperparameters,
    *,
    stops: Sequence[int],
    state: tuple[Path, str] | None = None,
    on_event: Callable[[TrainingEvent], None] | None = None,
    validate: Validate | None = None,
) -> Fitted:
    """Teach a network what the examples show, on the device where it is: `fit`, for examples of any kind.

    stops     the numbers of epochs after which the weights are wanted; it ends with the last of them, while the
              learning rate follows settings.num_epochs
    validate  measures the network after each epoch, with the mean of its weights; what it finds is in the event

    Raises TrainingError as `fit` does.
    """
    with _own_random_numbers(network.device.type):
        lesson = _Run(examples, network, settings, stops, on_event, validate)
        if state is not None:
            lesson.keep(*state)
        return lesson.fit()


def _own_random_numbers(device: str) -> AbstractContextManager[None]:
    """What is drawn in the block changes nothing outside."""
    return torch.random.fork_rng(devices=[] if device == "cpu" else [torch.cuda.current_device()])


@dataclass(slots=True)
class _Progress:
    """What is carried from epoch to epoch, besides the learner."""

    epoch: int = 0
    losses: list[float] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)


class _Stopped(Exception):
    """Something was not a number: the text says what, and when."""


class _Run:
    def __init__(
        self,
        examples: Examples,
        network: VTN,
        settings: Hyperparameters,
        stops: Sequence[int],
        on_event: Callable[[TrainingEvent], None] | None,
        validate: Validate | None,
    ) -> None:
        self._examples = examples
        self._settings = settings
        self._stops = sorted(set(stops))
        self._tell = on_event or (lambda event: None)
        self._validate = validate
        self._learner = Learner(network, settings, settings.num_epochs * examples.num_batches)
        self._earlier: dict[int, Weights] = {}
        self._progress = _Progress()
        self._state: tuple[Path, str] | None = None
        self._saved_at = time.monotonic()

    def keep(self, path: Path, key: str) -> None:
        """Writes the state there after epochs, and goes on from a state that is there."""
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
        device = self._learner.network.device
        self._earlier = {
            int(group.removeprefix("after ")): {name: tensor.to(device) for name, tensor in tensors[group].items()}
            for group in tensors
            if group.startswith("after ")
        }
        if isinstance(self._examples, ChangingExamples):
            self._examples.go_on(tensors.get("examples", {}))
        self._progress = _Progress(**progress)
        self._tell(self._epoch_done())

    def fit(self) -> Fitted:
        progress, notes = self._progress, []
        while progress.epoch < self._stops[-1]:
            before = copied(self._learner.mean)
            try:
                loss = self._epoch()
            except _Stopped as why:
                if progress.epoch == 0:
                    raise TrainingError(
                        str(why),
                        "nothing was trained",
                        "look for a film that is very different from the others, or try another --seed",
                    ) from why
                self._learner.mean = before
                notes.append(f"Stopped early, because {why}; the weights are from epoch {progress.epoch}.")
                self._tell(Warned(message=notes[-1]))
                break
            progress.epoch += 1
            progress.losses.append(loss)
            progress.figures = self._measured()
            if progress.epoch in self._stops:
                self._earlier[progress.epoch] = copied(self._learner.mean)
            self._save()
            self._tell(self._epoch_done())
        network = self._learner.network
        network.load_state_dict(self._learner.mean)
        return Fitted(
            network=network.eval(),
            earlier={stop: self._earlier.get(stop, self._learner.mean) for stop in self._stops},
            num_epochs=progress.epoch,
            losses=tuple(progress.losses),
            notes=tuple(notes),
        )

    def _epoch(self) -> float:
        """Runs one pass; returns its mean loss. Each step has its own seed: a resumed run draws the same numbers."""
        seed, epoch = self._settings.seed, self._progress.epoch
        losses = []
        self._learner.network.train()
        for number, example in enumerate(self._examples.epoch(epoch, seed=seed)):
            torch.manual_seed(int(np.random.SeedSequence([seed, epoch, number]).generate_state(1)[0]))
            try:
                step = self._learner.learn(example)
            except NoNumber as error:
                raise _Stopped(f"the loss was not a number at step {number + 1} of epoch {epoch + 1}") from error
            losses.append(step.loss)
            self._examples.learnt(example, step.embeddings)
        return float(np.mean(losses))

    def _measured(self) -> dict[str, float]:
        if self._validate is None:
            return {}
        with self._learner.as_the_mean() as network:
            return dict(self._validate(network, self._progress.epoch))

    def _epoch_done(self) -> EpochDone:
        progress = self._progress
        return EpochDone(
            epoch=progress.epoch, num_epochs=self._stops[-1], loss=progress.losses[-1], figures=progress.figures
        )

    def _save(self) -> None:
        if self._state is None or time.monotonic() < self._saved_at + SAVE_EVERY_S:
            return
        path, key = self._state
        learner = self._learner
        tensors = {"network": learner.network.state_dict(), "mean": learner.mean}
        tensors |= {f"after {epoch}": weights for epoch, weights in self._earlier.items()}
        if isinstance(self._examples, ChangingExamples):
            tensors["examples"] = dict(self._examples.state)
        progress = asdict(self._progress) | {"learner": learner.counters}
        save_state(path, TrainingState(key, progress, tensors, learner.optimizer))
        self._saved_at = time.monotonic()


def check_numbers(films: Sequence[TrainingFilm]) -> None:
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
