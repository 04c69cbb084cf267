"""The weights after the epochs that were asked for: in memory, or of large networks in files, until they are read."""

import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from torch import Tensor

from vtn_stream.errors import TrainingError
from vtn_stream.training.learner import Weights, copied
from vtn_stream.training.state import TrainingState, load_state, save_state

__all__ = ["Shelf"]

_AFTER = "after "


class Shelf:
    """stops: the numbers of the epochs, ascending. The last of them ends the training, and its weights the network has.

    in_files  beside the state, or, if there is none, in a folder that goes with the shelf; they have its key
    """

    def __init__(self, stops: Sequence[int], *, in_files: bool, state: tuple[Path, str] | None) -> None:
        self._stops = list(stops)
        self._kept: dict[int, Weights] = {}
        self._in_files = in_files and len(stops) > 1
        folder = Path(tempfile.mkdtemp()) if self._in_files and state is None else None
        if folder is not None:
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        path, self._key = state or ((folder or Path()) / "weights", "")
        self._files = {stop: path.with_name(f"{path.name}.after-{stop}") for stop in stops}

    def put(self, epoch: int, weights: Mapping[str, Tensor]) -> None:
        """Keeps the weights of an epoch that is asked for. Raises TrainingError if they cannot be written."""
        if epoch not in self._stops[:-1]:
            return
        if self._in_files:
            save_state(self._files[epoch], TrainingState(self._key, {"epoch": epoch}, {"weights": weights}, {}))
        else:
            self._kept[epoch] = copied(weights)

    @property
    def groups(self) -> dict[str, Mapping[str, Tensor]]:
        """What is in memory, for a state."""
        return {f"{_AFTER}{epoch}": weights for epoch, weights in self._kept.items()}

    def take(self, groups: Mapping[str, Mapping[str, Tensor]], num_epochs: int) -> bool:
        """Takes what a state holds, after num_epochs; whether all is there."""
        done = [stop for stop in self._stops[:-1] if stop <= num_epochs]
        if self._in_files:
            return all(load_state(self._files[stop], self._key) is not None for stop in done)
        self._kept = {stop: dict(groups[f"{_AFTER}{stop}"]) for stop in done if f"{_AFTER}{stop}" in groups}
        return len(self._kept) == len(done)

    def by_epoch(self, last: Mapping[str, Tensor]) -> Mapping[int, Mapping[str, Tensor]]:
        """The weights of each epoch; those that the training did not reach are the last ones."""
        if self._in_files:
            return _FromFiles(self, last)
        return {stop: self._kept.get(stop) or copied(last) for stop in self._stops}

    def read(self, stop: int) -> Mapping[str, Tensor] | None:
        """From its file; None if the training did not reach that epoch. Raises TrainingError for a damaged file."""
        file = self._files[stop]
        if stop == self._stops[-1] or not file.exists():
            return None
        state = load_state(file, self._key)
        if state is None:
            raise TrainingError(
                f"{file.name} was damaged while the training went on", "nothing was written", "give the command again"
            )
        return state.tensors["weights"]

    @property
    def stops(self) -> Sequence[int]:
        return self._stops


class _FromFiles(Mapping[int, Mapping[str, Tensor]]):
    def __init__(self, shelf: Shelf, last: Mapping[str, Tensor]) -> None:
        self._shelf = shelf
        self._last = last

    def __getitem__(self, epoch: int) -> Mapping[str, Tensor]:
        if epoch not in self._shelf.stops:
            raise KeyError(epoch)
        return self._shelf.read(epoch) or self._last

    def __iter__(self) -> Iterator[int]:
        return iter(self._shelf.stops)

    def __len__(self) -> int:
        return len(self._shelf.stops)
