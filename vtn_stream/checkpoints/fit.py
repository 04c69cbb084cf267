"""Whether tensors are those of a network: by name, shape, type, and as numbers."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

__all__ = ["listed", "misfits"]

_MAX_NAMES = 300  # in a message: more tensors than any network here has, fewer than a hostile file could list


def misfits(wanted: Mapping[str, Tensor], given: Mapping[str, Any]) -> str:
    """All that keeps the given from being the wanted, every tensor by its name; empty where nothing does.

    Of the wanted only names and shapes are looked at: they may be on the meta device.
    """
    problems = {
        "missing": [name for name in wanted if name not in given],
        "unexpected": [name for name in given if name not in wanted],
    }
    shared = [(name, given[name]) for name in wanted if name in given]
    shapes = [(name, value) for name, value in shared if isinstance(value, Tensor)]
    problems["of another shape"] = [name for name, value in shapes if value.shape != wanted[name].shape]
    problems["not float32"] = [name for name, value in shared if not _is_plain(value)]
    if not any(problems.values()):
        problems["not finite"] = [name for name, value in shared if not value.isfinite().all()]
    return "; ".join(f"{problem} {listed(names)}" for problem, names in problems.items() if names)


def listed(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    return ", ".join(names[:_MAX_NAMES]) + more


def _is_plain(value: Any) -> bool:
    return isinstance(value, Tensor) and value.dtype == torch.float32 and value.layout == torch.strided
