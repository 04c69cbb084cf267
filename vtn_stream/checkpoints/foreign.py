"""Reads tensor files of other programs, only as data."""

import os
import zipfile
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from vtn_stream.errors import CheckpointError

__all__ = ["read_pickled", "read_tensors"]


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
            "download or copy it again, or give a file that holds only tensors; pickled programs are refused",
        ) from error


def read_tensors(path: Path) -> dict[str, Tensor]:
    """A state dict, of a .safetensors file or one of torch.save. Raises CheckpointError."""
    _check_is_file(path)
    if path.suffix != ".safetensors":
        tensors = read_pickled(path)
        if not isinstance(tensors, dict) or not all(isinstance(name, str) for name in tensors):
            raise CheckpointError(
                f"{path.name} holds no state dict", "nothing was imported", "give the file of the weights themselves"
            )
        return tensors
    try:
        return load_file(path)
    except Exception as error:  # safetensors' own, the system's, torch's
        raise CheckpointError(
            f"{path.name} is not a complete safetensors file ({type(error).__name__})",
            "nothing was imported",
            "download or copy it again",
        ) from error


def _check_is_file(path: Path) -> None:
    if not os.path.isfile(path):  # Path.is_file raises for a name that is too long
        what = "is not a file" if os.path.exists(path) else "does not exist"
        raise CheckpointError(f"{path.name} {what}", "nothing was imported", "check the path")
