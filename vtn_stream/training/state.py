"""The state of a training in a file: tensors as plain arrays (no pickle), the rest as JSON beside them.

BLAKE2b-256 of all that follows: an .npz of
    key, progress    JSON text as bytes
    NAME/TENSOR      of each group of tensors
    optimizer/I/NAME of parameter I

Written and read array by array: a network of a gigabyte needs no second one in memory.
"""

import hashlib
import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vtn_stream.atomic import replacing
from vtn_stream.errors import TrainingError

__all__ = ["TrainingState", "load_state", "opened_state", "save_state"]

_DIGEST_BYTES = 32
_PIECE = 1 << 20
_DAMAGE = (OSError, ValueError, TypeError, KeyError, EOFError, NotImplementedError, zipfile.BadZipFile)


@dataclass(frozen=True, slots=True)
class TrainingState:
    """key names all that the numbers depend on; progress is JSON values; optimizer, the "state" of its state_dict."""

    key: str
    progress: Mapping[str, Any]
    tensors: Mapping[str, Mapping[str, Tensor]]
    optimizer: Mapping[int, Mapping[str, Tensor]]


def save_state(path: Path, state: TrainingState) -> None:
    """Atomic: a kill leaves the state before. Raises TrainingError if it cannot be written."""
    groups = (*state.tensors.items(), *((f"optimizer/{i}", t) for i, t in state.optimizer.items()))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary, open(temporary, "xb") as file:
            file.write(bytes(_DIGEST_BYTES))
            hashed = _Hashed(file)
            with zipfile.ZipFile(hashed, "w") as archive:  # type: ignore[call-overload]
                _write(archive, "key", _bytes(state.key))
                _write(archive, "progress", _bytes(json.dumps(state.progress)))
                for group, tensors in groups:
                    for name, tensor in tensors.items():
                        _write(archive, f"{group}/{name}", tensor.detach().cpu().numpy())
            file.seek(0)
            file.write(hashed.digest.digest())
    except OSError as error:
        raise TrainingError(
            f"the state of the training cannot be written ({error.strerror})",
            "training stopped; it can continue from the state before",
            "free some space, and run again",
        ) from error


def load_state(path: Path, key: str) -> TrainingState | None:
    """The state; None if there is no state, it is of another training, or it is damaged: training then begins from the
    start.
    """
    try:
        with opened_state(path, key) as state:
            if state is None:
                return None
            tensors = {group: dict(of_group) for group, of_group in state.tensors.items()}
            return TrainingState(key, state.progress, tensors, {i: dict(own) for i, own in state.optimizer.items()})
    except _DAMAGE:  # signed by a stranger
        return None


@contextmanager
def opened_state(path: Path, key: str) -> Iterator[TrainingState | None]:
    """As `load_state`, but each tensor is read when it is asked for, within the block; that raises ValueError and the
    like for a file that was signed, and is none of ours.
    """
    try:
        opened = open(path, "rb")  # noqa: SIM115  (closed below)
    except OSError:
        yield None
        return
    with opened as file:
        try:
            archive = _archive(file)
            found = None if archive is None else _read(archive, key)
        except _DAMAGE:
            found = None
        yield found


def _archive(file: BinaryIO) -> zipfile.ZipFile | None:
    """What is behind the digest, if it is what was written."""
    written, digest = file.read(_DIGEST_BYTES), hashlib.blake2b(digest_size=_DIGEST_BYTES)
    while piece := file.read(_PIECE):
        digest.update(piece)
    return zipfile.ZipFile(file) if written == digest.digest() else None


def _read(archive: zipfile.ZipFile, key: str) -> TrainingState | None:
    if bytes(_array(archive, "key")).decode() != key:
        return None
    progress = json.loads(bytes(_array(archive, "progress")))
    tensors: dict[str, dict[str, str]] = {}
    optimizer: dict[int, dict[str, str]] = {}
    for name in (member.removesuffix(".npy") for member in archive.namelist()):
        group, _, rest = name.partition("/")
        if group == "optimizer":
            number, _, rest = rest.partition("/")
            optimizer.setdefault(int(number), {})[rest] = name
        elif rest:
            tensors.setdefault(group, {})[rest] = name
    return TrainingState(
        key,
        progress,
        {group: _Group(archive, members) for group, members in tensors.items()},
        {number: _Group(archive, members) for number, members in optimizer.items()},
    )


class _Group(Mapping[str, Tensor]):
    """Tensors that are read when they are asked for. members: their names in the archive."""

    def __init__(self, archive: zipfile.ZipFile, members: Mapping[str, str]) -> None:
        self._archive = archive
        self._members = members

    def __getitem__(self, name: str) -> Tensor:
        return torch.from_numpy(_array(self._archive, self._members[name]))

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)


class _Hashed:
    """A file to write to, and the digest of what was written. It has no place to go back to: zipfile then does not."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()


def _write(archive: zipfile.ZipFile, name: str, array: NDArray[Any]) -> None:
    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        np.lib.format.write_array(member, array, allow_pickle=False)


def _array(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    with archive.open(f"{name}.npy") as member:
        return np.lib.format.read_array(member, allow_pickle=False)


def _bytes(text: str) -> NDArray[np.uint8]:
    return np.frombuffer(text.encode(), np.uint8)
