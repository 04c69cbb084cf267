"""The training loop: examples, a network, settings -> the network, trained. Killed and started again, it gives the same
bits.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

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
from vtn_stream.training.learner import Learner, NoNumber, copied
from vtn_stream.training.shelf import Shelf
from vtn_stream.training.standardize import standardize
from vtn_stream.training.state import TrainingState, opened_state, save_state
from vtn_stream.training.trouble import told_as_errors

__all__ = ["Fitted", "Validate", "check_numbers", "epochs_of", "fit", "run"]

# Seconds between two states: tens of megabytes are written, and waited for, after an epoch; within one, what a kill
# costs at most. A state that takes longer to write than SLOW_S, of a network of a gigabyte, is written less often.
SAVE_EVERY_S, SAVE_WITHIN_S = 10.0, 600.0
SLOW_S = 0.5


Validate = Callable[[VTN, int], Mapping[str, float]]  # (network in evaluation mode, epochs that are done) -> figures


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fitted:
    """A trained network, and how it was trained.

    network      in evaluation mode: the running mean of the weights, after the last epoch
    earlier      the same after the epochs that were asked for, by their numbers from 1; the last one among them
    num_epochs   that were done; losses: mean of each
    notes        what was not as it was asked for; stopped: it ended before its time, and a note says why
    """

    network: VTN
    earlier: Mapping[int, Mapping[str, Tensor]] = field(default_factory=dict)
    num_epochs: int
    losses: tuple[float, ...]
    notes: tuple[str, ...] = ()
    stopped: bool = False


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
    state     a file that is written after an epoch, every 10 s at most, and in long ones every 10 minutes, and the key
              of all that the weights depend on; if the file is there and has this key, training goes on from it; if it
              has not, that is reported
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
              learning rate follows settings.num_epochs. Of a backbone that learns they are kept in files beside the
              state, not in memory
    validate  measures the network after each epoch, with the mean of its weights; what it finds is in the event

    Raises TrainingError as `fit` does, and where memory or the device fails.
    """
    with _own_random_numbers(network.device.type):
        lesson = _Run(examples, network, settings, stops, state, on_event, validate)
        with told_as_errors(lambda: lesson.where):
            lesson.go_on()
            return lesson.fit()


def _own_random_numbers(device: str) -> AbstractContextManager[None]:
    """What is drawn in the block changes nothing outside."""
    return torch.random.fork_rng(devices=[] if device == "cpu" else [torch.cuda.current_device()])


@dataclass(slots=True)
class _Progress:
    """What is carried from epoch to epoch, besides the learner: of the epoch that is under way, the loss of each step
    that was done.
    """

    epoch: int = 0
    losses: list[float] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)
    within: list[float] = field(default_factory=list)


class _Stopped(Exception):
    """Something was not a number: the text says what, and when."""


class _Run:
    def __init__(
        self,
        examples: Examples,
        network: VTN,
        settings: Hyperparameters,
        stops: Sequence[int],
        state: tuple[Path, str] | None,
        on_event: Callable[[TrainingEvent], None] | None,
        validate: Validate | None,
    ) -> None:
        self._examples = examples
        self._settings = settings
        self._stops = sorted(set(stops))
        self._tell = on_event or (lambda event: None)
        self._validate = validate
        num = examples.num_batches
        self._learner = Learner(network, settings, settings.num_epochs * num, steps_an_epoch=num)
        self._before: Mapping[str, Tensor] | None = None  # the mean as the epoch began
        self._progress = _Progress()
        self._state = state
        self._shelf = Shelf(self._stops, in_files=settings.backbone is not None, state=state)
        self._saved_at, self._slower = time.monotonic(), 1.0
        self._saved: tuple[int, int] | None = None  # the epoch and the step that come next

    def go_on(self) -> None:
        """Goes on from a state that is there."""
        if self._state is None:
            return
        path, key = self._state
        with opened_state(path, key) as state:
            if state is None or not self._shelf.take(state.tensors, state.progress["epoch"]):
                if path.exists():
                    what = f"{path.name} is from another training, or damaged: training starts from the beginning"
                    self._tell(Warned(message=what))
                return
            progress = dict(state.progress)
            self._learner.go_on(progress.pop("learner"), state.tensors, state.optimizer)
            self._before = dict(state.tensors["before"]) if "before" in state.tensors else None
            if isinstance(self._examples, ChangingExamples):
                self._examples.go_on(dict(state.tensors.get("examples", {})))
        if self._before is not None:
            device = self._learner.network.device
            self._before = {name: tensor.to(device) for name, tensor in self._before.items()}
        self._progress = _Progress(**progress)
        self._saved = self._place
        if self._progress.epoch:
            self._tell(self._epoch_done())

    def fit(self) -> Fitted:
        progress, notes, stopped = self._progress, [], False
        if self._learner.lacks_bfloat16:
            notes.append(
                f"Learnt in float32: bfloat16 would not be faster on this {self._learner.network.device.type}."
            )
            self._tell(Warned(message=notes[-1]))
        while progress.epoch < self._stops[-1]:
            try:
                loss = self._epoch()
            except _Stopped as why:
                if progress.epoch == 0:
                    raise TrainingError(
                        str(why),
                        "nothing was trained",
                        "look for a film that is very different from the others, or try another --seed",
                    ) from why
                notes.append(self._back(why))
                stopped = True
                self._tell(Warned(message=notes[-1]))
                break
            progress.epoch, progress.within = progress.epoch + 1, []
            progress.losses.append(loss)
            progress.figures = self._measured()
            self._shelf.put(progress.epoch, self._learner.mean)
            is_last = progress.epoch == self._stops[-1]  # with an image network, what follows may take hours
            self._save(0.0 if is_last and self._settings.backbone is not None else SAVE_EVERY_S)
            self._tell(self._epoch_done())
        network = self._learner.become_the_mean()
        return Fitted(
            network=network,
            earlier=self._shelf.by_epoch(network.state_dict()),
            num_epochs=progress.epoch,
            losses=tuple(progress.losses),
            notes=tuple(notes),
            stopped=stopped,
        )

    def _epoch(self) -> float:
        """Runs one pass, or the rest of one; returns its mean loss. Each step has its own seed: a resumed run draws the
        same numbers.
        """
        seed, epoch, within = self._settings.seed, self._progress.epoch, self._progress.within
        if self._settings.backbone is None and not within:
            self._before = copied(self._learner.mean)
        self._learner.network.train()
        with closing(self._examples.epoch(epoch, seed=seed, first=len(within))) as examples:
            for number, example in enumerate(examples, len(within)):
                torch.manual_seed(int(np.random.SeedSequence([seed, epoch, number]).generate_state(1)[0]))
                try:
                    step = self._learner.learn(example)
                except NoNumber as error:
                    raise _Stopped(f"the loss was not a number at step {number + 1} of epoch {epoch + 1}") from error
                within.append(step.loss)
                self._examples.learnt(example, step.embeddings)
                if len(within) < self._examples.num_batches:
                    self._save(SAVE_WITHIN_S)
        return float(np.mean(within))

    def _back(self, why: _Stopped) -> str:
        """To the weights of the last whole epoch, or, where these would be another network in memory, to those before
        the step; a note of it.
        """
        if self._before is None:
            return f"Stopped early, because {why}; the weights are those before that step."
        self._learner.mean = dict(self._before)
        return f"Stopped early, because {why}; the weights are from epoch {self._progress.epoch}."

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

    @property
    def _place(self) -> tuple[int, int]:
        """The epoch and the step that come next, from 1."""
        return self._progress.epoch + 1, len(self._progress.within) + 1

    @property
    def where(self) -> str:
        """From where the same command would go on, in words."""
        if self._saved is None:
            return "training stopped; nothing of it is kept"
        epoch, step = self._saved
        if epoch > self._stops[-1]:
            return "training stopped; all its steps are kept"
        return f"training stopped; it goes on from step {step} of epoch {epoch}"

    def _save(self, every_s: float) -> None:
        if self._state is None or time.monotonic() < self._saved_at + every_s * self._slower:
            return
        begun, (path, key) = time.monotonic(), self._state
        tensors = self._learner.tensors | self._shelf.groups
        if self._progress.within and self._before is not None:
            tensors["before"] = self._before
        if isinstance(self._examples, ChangingExamples):
            tensors["examples"] = dict(self._examples.state)
        progress = asdict(self._progress) | {"learner": self._learner.counters}
        save_state(path, TrainingState(key, progress, tensors, self._learner.optimizer))
        self._saved, self._saved_at = self._place, time.monotonic()
        self._slower = max(1.0, (self._saved_at - begun) / SLOW_S)


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
