"""A network in training: its optimizer, its learning rate, and the running mean of its weights, which is kept."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor

from vtn_stream.model import VTN
from vtn_stream.training.examples import Example
from vtn_stream.training.hyperparameters import Hyperparameters
from vtn_stream.training.objective import Objective

__all__ = ["Learner", "NoNumber", "Step", "Weights", "copied", "pace", "parameter_groups"]

MAX_NORM = 1.0  # of the gradient

Weights = dict[str, Tensor]  # a state_dict


class NoNumber(Exception):
    """The network, its loss or the gradient gave NaN or infinity."""


class Step(NamedTuple):
    """The loss of one step, and the embeddings [B, L, D] from which it came, without gradient."""

    loss: float
    embeddings: Tensor


class Learner:
    """Trains a network, one batch at a time, num_steps in all.

    step  how many were learnt; mean: the running mean of the weights after each of them
    """

    def __init__(self, network: VTN, settings: Hyperparameters, num_steps: int) -> None:
        self.network = network
        self.step = 0
        self.mean = copied(network.state_dict())
        self._settings = settings
        self._num_steps = num_steps
        piece = None if settings.backbone is None else settings.backbone.piece
        self._objective = Objective(network, smoothing=settings.smoothing, piece=piece)
        groups = parameter_groups(network, settings.weight_decay)
        self._optimizer = torch.optim.AdamW(groups, lr=settings.learning_rate)

    def learn(self, example: Example) -> Step:
        """Takes one step. Raises NoNumber, and keeps the weights, if the loss or the gradient is not
        a number.
        """
        settings = self._settings
        for group in self._optimizer.param_groups:
            group["lr"] = settings.learning_rate * pace(self.step, self._num_steps, settings.warm_up)
        loss = self._objective(example)
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), MAX_NORM)
        value = float(loss.detach())
        if not (math.isfinite(value) and math.isfinite(float(norm))):
            raise NoNumber
        self._optimizer.step()
        self.step += 1
        keep = min(settings.ema, self.step / (self.step + 10))  # at first the mean is of few
        with torch.no_grad():
            for name, tensor in self.network.state_dict().items():
                if tensor.is_floating_point():
                    self.mean[name].lerp_(tensor, 1 - keep)
                else:  # a count
                    self.mean[name].copy_(tensor)
        assert self._objective.embeddings is not None
        return Step(value, self._objective.embeddings)

    @contextmanager
    def as_the_mean(self) -> Iterator[VTN]:
        """Gives the network for the block, with the mean of its weights and in evaluation mode."""
        learnt = copied(self.network.state_dict())
        self.network.load_state_dict(self.mean)
        try:
            yield self.network.eval()
        finally:
            self.network.load_state_dict(learnt)

    @property
    def counters(self) -> dict[str, Any]:
        """JSON values. With the weights, their mean and the optimizer's tensors they are all that the next step depends
        on.
        """
        return {"step": self.step, "num_positives": self._objective.num_positives}

    @property
    def optimizer(self) -> Mapping[int, Mapping[str, Tensor]]:
        """The optimizer's tensors, by the number of the parameter."""
        state: Mapping[int, Mapping[str, Tensor]] = self._optimizer.state_dict()["state"]
        return state

    def go_on(
        self,
        counters: Mapping[str, Any],
        weights: Mapping[str, Tensor],
        mean: Mapping[str, Tensor],
        optimizer: Mapping[int, Mapping[str, Tensor]],
    ) -> None:
        """Continues from the state of another learner."""
        self.network.load_state_dict(dict(weights))
        for name, tensor in self.mean.items():
            tensor.copy_(mean[name])
        groups = self._optimizer.state_dict()["param_groups"]
        own = {number: copied(tensors) for number, tensors in optimizer.items()}  # it would go on with those given
        self._optimizer.load_state_dict({"state": own, "param_groups": groups})
        self.step, self._objective.num_positives = counters["step"], counters["num_positives"]


def copied(weights: Mapping[str, Tensor]) -> Weights:
    return {name: tensor.detach().clone() for name, tensor in weights.items()}


def pace(step: int, num_steps: int, warm_up: float) -> float:
    """The share of the learning rate: half a cosine down, times a linear rise in the first warm_up of the steps."""
    down = 0.5 * (1 + math.cos(math.pi * step / num_steps))
    return min(1.0, (step + 1) / max(1.0, warm_up * num_steps)) * down


def parameter_groups(network: VTN, weight_decay: float) -> list[dict[str, Any]]:
    """Matrices decay; biases, norms, scales, tables of positions and tokens do not."""
    tables = {id(p) for m in network.modules() if isinstance(m, torch.nn.Embedding) for p in m.parameters()}
    decays = [p for p in network.parameters() if p.ndim > 1 and id(p) not in tables]
    known = {id(p) for p in decays}
    return [
        {"params": decays, "weight_decay": weight_decay},
        {"params": [p for p in network.parameters() if id(p) not in known], "weight_decay": 0.0},
    ]
