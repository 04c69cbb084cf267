"""The state of a training in a file: tensors as plain arrays (no pickle), the rest as JSON beside them.

BLAKE2b-256 of all that follows: an .npz of
    key, progress    JSON text as bytes
    NAME/TENSOR      of each group of tensors
    optimizer/I/NAME of parameter I
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vtn_stream.atomic import write_whole
from vtn_stream.errors import TrainingError

__all__ = ["TrainingState", "load_state", "save_state"]

_DIGEST_BYTES = 32


@dataclass(frozen=True, slots=True)
class TrainingState:
    """key names all that the numbers depend on; progress is JSON values; optimizer, the "state" of its state_dict."""

    key: str
    progress: Mapping[str, Any]
    tensors: Mapping[str, Mapping[str, Tensor]]
    optimizer: Mapping[int, Mapping[str, Tensor]]


def save_state(path: Path, state: TrainingState) -> None:
    """Atomic: a kill leaves the state before. Raises TrainingError if it cannot be written."""
    arrays = {"key": _bytes(state.key), "progress": _bytes(json.dumps(state.progress))}
    for group, tensors in (*state.tensors.items(), *((f"optimizer/{i}", t) for i, t in state.optimizer.items())):
        arrays |= {f"{group}/{name}": tensor.detach().cpu().numpy() for name, tensor in tensors.items()}
    file = io.BytesIO()
    np.savez(file, **arrays)  # type: ignore[arg-type]
    content = file.getbuffer()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, [_digest(content), content])
    except OSError as error:
        raise TrainingError(
            f"the state of the training cannot be written ({error.strerror})",
            "training stopped; it can continue from the epoch before",
            "free some space, and run again",
        ) from error


def load_state(path: Path, key: str) -> TrainingState | None:
    """The state; None if there is no state, it is of another training, or it is damaged: training then begins anew."""
    try:
        content = memoryview(path.read_bytes())
        if content[:_DIGEST_BYTES] != _digest(content[_DIGEST_BYTES:]):
            return None
        with np.load(io.BytesIO(content[_DIGEST_BYTES:]), allow_pickle=False) as file:
            if bytes(file["key"]).decode() != key:
                return None
            progress = json.loads(bytes(file["progress"]))
            tensors: dict[str, dict[str, Tensor]] = {}
            optimizer: dict[int, dict[str, Tensor]] = {}
            for name in file.files:
                group, _, rest = name.partition("/")
                if group == "optimizer":
                    number, _, rest = rest.partition("/")
                    optimizer.setdefault(int(number), {})[rest] = torch.from_numpy(file[name])
                elif rest:
                    tensors.setdefault(group, {})[rest] = torch.from_numpy(file[name])
        return TrainingState(key, progress, tensors, optimizer)
    except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _digest(content: memoryview) -> bytes:
    return hashlib.blake2b(content, digest_size=_DIGEST_BYTES).digest()


def _bytes(text: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.frombuffer(text.encode(), np.uint8)
