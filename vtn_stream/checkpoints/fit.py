"""Whether tensors fit a network: their names, shapes, types and values."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeGuard

import torch
from torch import Tensor
from torch.nn import Parameter

from vtn_stream.errors import listed

__all__ = ["MAX_NAMES", "has_values", "misfits"]

MAX_NAMES = 300  # in a message: more tensors than any network here has, fewer than a hostile file could list


def misfits(wanted: Mapping[str, Tensor], given: Mapping[str, Any]) -> str:
    """Every difference between the given and the wanted tensors, by name; empty if there is none.

    Only names and shapes of the wanted tensors are used: they may be on the meta device.
    """
    problems = {
        "missing": [name for name in wanted if name not in given],
        "unexpected": [name for name in given if name not in wanted],
    }
    shared = [(name, given[name]) for name in wanted if name in given]
    whole = [(name, value) for name, value in shared if has_values(value)]
    problems["of another shape"] = [name for name, value in whole if value.shape != wanted[name].shape]
    problems["not float32"] = [n for n, value in shared if getattr(value, "dtype", None) != torch.float32]
    hollow = {name for name, value in shared if isinstance(value, Tensor) and not has_values(value)}
    problems["without their own values"] = sorted(hollow | _overlapping(whole))
    if not any(problems.values()):
        problems["not finite"] = [name for name, value in shared if not value.isfinite().all()]
    return "; ".join(f"{problem} {listed(names, MAX_NAMES)}" for problem, names in problems.items() if names)


def has_values(value: object) -> TypeGuard[Tensor]:
    """Whether it is a tensor with a number in memory for each element.

    A file of a few bytes can hold tensors that have none, or one number that stands for 2^61: their sizes tell nothing,
    and computing with them fails or takes all memory.
    """
    if not isinstance(value, Tensor) or type(value) not in (Tensor, Parameter):
        return False
    if value.device.type != "cpu" or value.layout != torch.strided or value.is_nested or value.is_neg():
        return False
    size = value.element_size()
    return value.numel() * size <= _span(value) <= value.untyped_storage().nbytes() - value.storage_offset() * size


def _span(value: Tensor) -> int:
    """Bytes from the first element to the end of the last."""
    if not value.numel():
        return 0
    steps = zip(value.shape, value.stride(), strict=True)
    return value.element_size() * (1 + sum((num - 1) * stride for num, stride in steps))


def _overlapping(tensors: Iterable[tuple[str, Tensor]]) -> set[str]:
    """Names of tensors that share memory with another: saved, a small file could become a very large one."""
    found, end = set(), 0
    for start, stop, name in sorted((t.data_ptr(), t.data_ptr() + _span(t), name) for name, t in tensors):
        if start < min(stop, end):
            found.add(name)
        end = max(end, stop)
    return found
