"""The blocks of an image network: which of its parameters learn, and how deep each lies. Knows timm's names.

By timm's own grouping: block by block for most transformers, stage by stage where the picture shrinks from stage to
stage. Needs no values: a network on torch's meta device will do.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import torch
from timm.models import group_parameters
from torch import Tensor, nn

from vtn_stream.errors import BackboneError

__all__ = ["Blocks", "learnt", "unused"]

MOST_STAGES = 7  # of timm's networks that are divided into stages, EfficientNets have the most; transformers have more

_PART = re.compile(r"(\w+)\.(\d+)")


class Blocks:
    """How a network is divided.

    num       blocks behind the first layers; 0 where it cannot be known
    block_of  of each parameter: 0 for the first layers, then 1..num; what lies behind the last block, such as the last
              normalisation, belongs to it
    depth_of  of each parameter: 0..num_depths - 1, in timm's finest division, for a learning rate of each depth
    """

    def __init__(self, network: nn.Module) -> None:
        coarse = _by_timm(network, coarse=True) or _by_features(network)
        fine = _by_timm(network, coarse=False) or coarse
        behind = {path for path, group in coarse.items() if group is None}
        self.num = max((group for group in coarse.values() if group is not None), default=0)
        self.block_of = {path: self.num if path in behind else group or 0 for path, group in coarse.items()}
        last = max((group for group in fine.values() if group is not None), default=0)
        self.depth_of: Mapping[str, int] = {
            path: last + 1 if group is None else group for path, group in fine.items()
        } or {path: 0 for path, _ in network.named_parameters()}
        self.num_depths = max(self.depth_of.values(), default=0) + 1

    @property
    def last(self) -> int:
        """Of how many of the last blocks "the last ones" are: a third; of a network that is divided into stages, the
        last stage.
        """
        return min(self.num, 1) if self.num <= MOST_STAGES else self.num // 3


def learnt(network: nn.Module, name: str, blocks: str | int) -> set[str]:
    """The parameters that learn where the last so many blocks shall, all of them ("all"), or only the affine parameters
    of layers of normalisation ("norms").

    Raises BackboneError where there are no such blocks or layers.
    """
    if blocks == "all":
        return {path for path, _ in network.named_parameters()}
    if blocks == "norms":
        norms = {
            f"{path}.{own}"
            for path, module in network.named_modules()
            if "norm" in type(module).__name__.lower()  # torch's own and timm's are all named so
            for own, _ in module.named_parameters(recurse=False)
        }
        if not norms:
            raise BackboneError(
                f"{name} has no layers of normalisation with weights of their own",
                "nothing was trained",
                "let its last blocks learn, or all of it",
            )
        return norms
    parts = Blocks(network)
    if not isinstance(blocks, int) or not 0 <= blocks <= parts.num:
        known = f"it has {parts.num}" if parts.num else "timm does not say which those are"
        raise BackboneError(
            f"the last {blocks} blocks of {name} cannot learn: {known}",
            "nothing was trained",
            f"let at most {parts.num} of them learn, or all of it" if parts.num else "let all of it learn",
        )
    return {path for path, block in parts.block_of.items() if block > parts.num - blocks}


def unused(network: nn.Module, embed: Callable[[Tensor], Tensor], size: tuple[int, int]) -> set[str]:
    """The parameters that can get no gradient: those on which the embeddings do not depend, and those that the network
    itself keeps as they are. Of a network on torch's meta device.

    embed: pixels [N, 3, H, W] -> embeddings [N, D].
    """
    reached: set[int] = set()
    seen: set[object] = set()
    steps: list[Any] = [embed(torch.zeros(1, 3, *size, device="meta")).grad_fn]
    while steps:  # backwards through what was computed: quicker than gradients, of which only their being matters
        step = steps.pop()
        if step is not None and step not in seen:
            seen.add(step)
            if hasattr(step, "variable"):
                reached.add(id(step.variable))
            steps += [before for before, _ in step.next_functions]
    return {path for path, parameter in network.named_parameters() if id(parameter) not in reached}


def _by_timm(network: nn.Module, *, coarse: bool) -> dict[str, int | None]:
    """timm's number of each parameter's group; None behind the last of its patterns. Empty where it divides nothing."""
    try:
        matcher: Any = network.group_matcher(coarse=coarse)  # type: ignore[operator]
    except (AttributeError, AssertionError):  # it has none, or none of this kind
        return {}
    groups: dict[str, int] = group_parameters(network, matcher, reverse=True)
    patterns = _patterns(matcher)
    behind = {path for path in groups if patterns and not any(re.match(pattern, path) for pattern in patterns)}
    # timm counts what no pattern matches as one more group, the last
    return {path: None if path in behind else group for path, group in groups.items()}


def _patterns(matcher: Any) -> list[str]:
    """Of a matcher of timm's: {name: pattern, or (pattern, suffix) several times}, or a function."""
    patterns: list[str] = []
    for entry in matcher.values() if isinstance(matcher, dict) else ():
        patterns += [entry] if isinstance(entry, str) else [pattern for pattern, _ in entry or ()]
    return patterns


def _by_features(network: Any) -> dict[str, int | None]:
    """Of a network that timm does not group: by the list of stages that it names as those of its features."""
    named = [_PART.fullmatch(str(stage.get("module"))) for stage in getattr(network, "feature_info", None) or ()]
    lists = {match.group(1) for match in named if match}
    if len(lists) != 1:
        return {}
    groups: dict[str, int | None] = {}
    inside = re.compile(rf"{lists.pop()}\.(\d+)\.")
    highest = 0
    for path, _ in network.named_parameters():
        match = inside.match(path)
        if match:
            highest = max(highest, int(match.group(1)) + 1)
        groups[path] = int(match.group(1)) + 1 if match else None if highest else 0
    return groups
