"""Files of tensors that others wrote: read as data, whatever they hold."""

import os
import zipfile
from pathlib import Path
from typing import Any

import torch

from vtn_stream.errors import CheckpointError

__all__ = ["read_pickled"]


def read_pickled(path: Path) -> Any:
    """What torch.save wrote, on the CPU and mapped where its format allows: tensors and plain containers.

    Raises CheckpointError for any other file; one that would run something is refused before it does.
    """
    _check_is_file(path)
    try:
        # the format before torch 1.6 is no zip file, and cannot be mapped
        return torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except Exception as error:  # torch, pickle and zip each raise their own for a file that is not theirs
        raise CheckpointError(
            f"{path.name} cannot be read as weights ({type(error).__name__})",
            "nothing was imported",
            "get it anew, or a file that holds tensors only; pickled programs are refused",
        ) from error


def _check_is_file(path: Path) -> None:
    if not os.path.isfile(path):  # Path.is_file raises for a name that is too long
        what = "is not a file" if os.path.exists(path) else "does not exist"
        raise CheckpointError(f"{path.name} {what}", "nothing was imported", "check the path")
