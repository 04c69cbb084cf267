"""How fast each parameter learns, and how much it decays: groups of parameters, and the course of the learning rate."""

import math
from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

from torch import nn

from vtn_stream.model import VTN
from vtn_stream.training.hyperparameters import BackboneLearning, Hyperparameters

__all__ = ["pace", "parameter_groups", "share_at"]

_BACKBONE = "backbone."
_WITH_MEANS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


@runtime_checkable
class _InDepths(Protocol):
    """A network whose parameters lie at depths from 0, the first layers, to num_depths - 1."""

    @property
    def num_depths(self) -> int: ...

    def depth_of(self, name: str) -> int: ...


def parameter_groups(network: VTN, settings: Hyperparameters) -> list[dict[str, Any]]:
    """Groups for an optimizer, of the parameters that learn: what decays comes first in each depth. `share` of a group
    is what its learning rate is multiplied by: 1, but in the backbone.
    """
    undecayed = {id(p) for p in (_tables(network) if settings.decays == "matrices" else _norms(network))}
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            decays = id(parameter) not in undecayed and (settings.decays == "all" or parameter.ndim > 1)
            groups.setdefault((_share(network, name, settings.backbone), decays), []).append(parameter)
    return [
        {"params": groups[share, decays], "weight_decay": settings.weight_decay if decays else 0.0, "share": share}
        for share, decays in sorted(groups, reverse=True)
    ]


def _tables(network: VTN) -> Iterator[nn.Parameter]:
    """Of positions and tokens; a transformer among the image networks keeps its own as parameters of no layer."""
    for module in network.modules():
        if isinstance(module, nn.Embedding):
            yield from module.parameters()
    if network.backbone is not None:
        yield from network.backbone.parameters(recurse=False)


def _norms(network: VTN) -> Iterator[nn.Parameter]:
    for module in network.modules():
        if isinstance(module, _WITH_MEANS):
            yield from module.parameters(recurse=False)


def _share(network: VTN, name: str, learning: BackboneLearning | None) -> float:
    """Bao et al., "BEiT" (2021), appendix: the learning rate of each layer is a share of that of the next one."""
    if learning is None or not name.startswith(_BACKBONE):
        return 1.0
    if learning.layer_decay == 1.0:
        return learning.rate
    assert isinstance(network.backbone, _InDepths)
    below = network.backbone.num_depths - 1 - network.backbone.depth_of(name.removeprefix(_BACKBONE))
    return learning.rate * learning.layer_decay**below


def share_at(settings: Hyperparameters, step: int, num_steps: int, steps_an_epoch: int) -> float:
    """What the learning rate is multiplied by in this step, from 0, of num_steps.

    By "steps" as PySlowFast has it (get_lr_at_epoch): the share that holds at the epoch, which is a fraction within it;
    without a warm-up.
    """
    if settings.schedule == "cosine":
        return pace(step, num_steps, settings.warm_up)
    epoch = step / steps_an_epoch
    share = settings.steps[0][1]
    for begin, then in settings.steps:
        if epoch >= begin:
            share = then
    return share


def pace(step: int, num_steps: int, warm_up: float) -> float:
    """Half a cosine down, times a linear rise in the first warm_up of the steps."""
    down = 0.5 * (1 + math.cos(math.pi * step / num_steps))
    return min(1.0, (step + 1) / max(1.0, warm_up * num_steps)) * down
