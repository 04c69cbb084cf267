"""The blocks of an image network: which of its parameters learn, and how deep each lies. Knows timm's names.

By timm's own grouping: block by block for transformers, stage by stage where the picture shrinks from stage to stage.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from timm.models import group_parameters
from torch import Tensor, nn

from vtn_stream.errors import BackboneError

__all__ = ["Blocks", "learnt", "unused"]

BEHIND = "\0"  # a name that no network has: timm groups it with what lies behind the last block


class Blocks:
    """How a network is divided. Its last block includes what lies behind it, such as the last normalisation.

    num       blocks behind the first layers; 0 where timm does not divide the network
    block_of  of each parameter: 0 for the first layers, then 1..num
    depth_of  of each parameter: 0..num_depths - 1, in timm's finest division, for a learning rate of each depth
    """

    def __init__(self, network: nn.Module) -> None:
        matcher = getattr(network, "group_matcher", None)
        self.block_of = {} if matcher is None else _groups(network, matcher(coarse=True), joins_last=True)
        fine = {} if matcher is None else _groups(network, matcher(coarse=False), joins_last=False)
        self.num = max(self.block_of.values(), default=0)
        self.depth_of: Mapping[str, int] = fine or dict.fromkeys(dict(network.named_parameters()), 0)
        self.num_depths = max(self.depth_of.values(), default=0) + 1


def learnt(network: nn.Module, name: str, blocks: str | int) -> set[str]:
    """The parameters that learn where the last so many blocks shall, all of them ("all"), or only the affine parameters
    of layers of normalisation ("norms").

    Raises BackboneError where there are no such blocks or layers.
    """
    if blocks == "all":
        return set(dict(network.named_parameters()))
    if blocks == "norms":
        norms = {
            f"{path}.{own}"
            for path, module in network.named_modules()
            if _is_norm(module)
            for own, _ in module.named_parameters(recurse=False)
        }
        if not norms:
            raise BackboneError(
                f"{name} has no layers of normalisation that can learn", "nothing was trained", "let blocks of it learn"
            )
        return norms
    parts = Blocks(network)
    if not isinstance(blocks, int) or not 0 <= blocks <= parts.num:
        raise BackboneError(
            f"of {name} {blocks} blocks shall learn, and it has {parts.num}"
            if parts.num
            else f"timm does not say which blocks {name} has",
            "nothing was trained",
            f"let at most {parts.num} of them learn, or all" if parts.num else "let all of it learn",
        )
    return {path for path, block in parts.block_of.items() if block > parts.num - blocks}


def unused(network: nn.Module, forward: Callable[[Tensor], Tensor], size: tuple[int, int]) -> set[str]:
    """The parameters of a network without values (on torch's meta device) on which its embeddings do not depend.

    forward: pixels [N, 3, H, W] -> embeddings [N, D].
    """
    parameters = dict(network.named_parameters())
    output = forward(torch.zeros(1, 3, *size, device="meta"))
    gradients = torch.autograd.grad(output.sum(), list(parameters.values()), allow_unused=True)
    return {path for path, gradient in zip(parameters, gradients, strict=True) if gradient is None}


def _groups(network: nn.Module, matcher: Any, *, joins_last: bool) -> dict[str, int]:
    """The number of each parameter's group, in the order of the network. joins_last: what is behind the last block has
    its number.
    """
    groups: dict[str, int] = group_parameters(network, matcher, reverse=True)
    last = max(groups.values(), default=0)
    if joins_last and last > 0 and _is_behind(network, matcher, last):
        groups = {path: min(group, last - 1) for path, group in groups.items()}
    return groups


def _is_behind(network: nn.Module, matcher: Any, last: int) -> bool:
    """Whether the last group is what none of timm's patterns matches."""
    if not isinstance(matcher, dict):
        return False
    from timm.models._manipulate import group_with_matcher

    named = [*network.named_parameters(), (BEHIND, None)]
    with_stranger: dict[str, int] = group_with_matcher(iter(named), matcher, reverse=True)
    return with_stranger[BEHIND] == last


def _is_norm(module: nn.Module) -> bool:
    """timm's own layers of normalisation are all named so, and most derive from torch's."""
    return "norm" in type(module).__name__.lower() and any(True for _ in module.parameters(recurse=False))
