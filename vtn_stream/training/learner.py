"""A network in training: its optimizer, its learning rate, and the running mean of its weights, which is kept."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor

from vtn_stream.backbone.speed import has_bfloat16
from vtn_stream.model import VTN
from vtn_stream.training.examples import Example
from vtn_stream.training.hyperparameters import Hyperparameters
from vtn_stream.training.objective import Objective
from vtn_stream.training.rates import parameter_groups, share_at

__all__ = ["Learner", "NoNumber", "Step", "Weights", "copied"]

Weights = dict[str, Tensor]  # a state_dict


class NoNumber(Exception):
    """The network, its loss or the gradient gave NaN or infinity."""


class Step(NamedTuple):
    """The loss of one step, and the embeddings [B, L, D] from which it came, without gradient."""

    loss: float
    embeddings: Tensor


class Learner:
    """Trains a network, one batch at a time, num_steps in all; of its own accord it takes no part of the network into
    training that does not want gradients.

    step  how many were learnt
    mean  the running mean of the weights after each of them; where settings.ema is 0, the network's own tensors
    lacks_bfloat16  it was asked for, and this device would only be slower with it: float32 is used
    """

    def __init__(self, network: VTN, settings: Hyperparameters, num_steps: int, *, steps_an_epoch: int = 1) -> None:
        for name in network.unread:
            network.get_parameter(name).requires_grad_(False)
        self.network = network
        self.step = 0
        self.mean = copied(network.state_dict()) if settings.ema else dict(network.state_dict())
        wants = settings.precision == "bfloat16"
        self.lacks_bfloat16 = wants and not has_bfloat16(network.device.type)
        self._product = torch.bfloat16 if wants and not self.lacks_bfloat16 else None
        self._settings = settings
        self._num_steps = num_steps
        self._steps_an_epoch = steps_an_epoch
        piece = None if settings.backbone is None else settings.backbone.piece
        self._objective = Objective(network, smoothing=settings.smoothing, piece=piece)
        self._learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
        groups, rate = parameter_groups(network, settings), settings.learning_rate
        self._optimizer: torch.optim.Optimizer
        if settings.optimizer == "sgd":
            self._optimizer = torch.optim.SGD(
                groups, lr=rate, momentum=settings.momentum, nesterov=settings.momentum > 0
            )
        else:
            self._optimizer = torch.optim.AdamW(groups, lr=rate)

    def learn(self, example: Example) -> Step:
        """Takes one step, of all parts of the batch together. Raises NoNumber, and keeps the weights, if the loss or
        the gradient is not a number.
        """
        settings = self._settings
        share = share_at(settings, self.step, self._num_steps, self._steps_an_epoch)
        for group in self._optimizer.param_groups:
            group["lr"] = settings.learning_rate * share * group["share"]
        self.network.product = self._product
        self._optimizer.zero_grad()
        value, parts = 0.0, []
        for loss in self._objective.parts(example, settings.accumulate):
            loss.backward()  # type: ignore[no-untyped-call]
            value += float(loss.detach())
            parts.append(self._objective.embeddings)
        gradients = [parameter.grad for parameter in self._learning if parameter.grad is not None]
        if self._objective.factor != 1.0:
            value *= self._objective.factor
            torch._foreach_mul_(gradients, self._objective.factor)
        norm = torch.nn.utils.get_total_norm(gradients)
        if not (math.isfinite(value) and math.isfinite(float(norm))):
            raise NoNumber
        if settings.max_norm is not None:
            torch.nn.utils.clip_grads_with_norm_(self._learning, settings.max_norm, norm)
        self._optimizer.step()
        self.step += 1
        if settings.ema:
            self._follow(min(settings.ema, self.step / (self.step + 10)))  # at first the mean is of few
        return Step(value, torch.cat(parts) if len(parts) > 1 else parts[0])

    @torch.no_grad()
    def _follow(self, keep: float) -> None:
        for name, tensor in self.network.state_dict().items():
            if tensor.is_floating_point():
                self.mean[name].lerp_(tensor, 1 - keep)
            else:  # a count
                self.mean[name].copy_(tensor)

    @contextmanager
    def as_the_mean(self) -> Iterator[VTN]:
        """Gives the network for the block, with the mean of its weights, in evaluation mode and full precision."""
        learnt = copied(self.network.state_dict()) if self._settings.ema else None
        if learnt is not None:
            self.network.load_state_dict(self.mean)
        self.network.product = None
        try:
            yield self.network.eval()
        finally:
            if learnt is not None:
                self.network.load_state_dict(learnt)

    def become_the_mean(self) -> VTN:
        """Ends the training: the network, with the mean of its weights, in evaluation mode and full precision."""
        self.network.load_state_dict(self.mean)
        self.network.product = None
        return self.network.eval()

    @property
    def counters(self) -> dict[str, Any]:
        """JSON values. With the weights, their mean and the optimizer's tensors they are all that the next step depends
        on.
        """
        return {"step": self.step, "num_positives": self._objective.num_positives}

    @property
    def tensors(self) -> dict[str, Mapping[str, Tensor]]:
        """The weights and, unless it is the same, their mean."""
        weights: dict[str, Mapping[str, Tensor]] = {"network": self.network.state_dict()}
        return weights | {"mean": self.mean} if self._settings.ema else weights

    @property
    def optimizer(self) -> Mapping[int, Mapping[str, Tensor]]:
        """The optimizer's tensors, by the number of the parameter."""
        state: Mapping[int, Mapping[str, Tensor]] = self._optimizer.state_dict()["state"]
        return state

    @torch.no_grad()
    def go_on(
        self,
        counters: Mapping[str, Any],
        tensors: Mapping[str, Mapping[str, Tensor]],
        optimizer: Mapping[int, Mapping[str, Tensor]],
    ) -> None:
        """Continues from the state of another learner; tensors are taken one at a time, wherever they come from. Raises
        KeyError or RuntimeError if they are not this network's.
        """
        for group, own in self.tensors.items():
            for name, tensor in own.items():
                tensor.copy_(tensors[group][name])
        groups = self._optimizer.state_dict()["param_groups"]
        own_state = {number: copied(of_parameter) for number, of_parameter in optimizer.items()}  # it uses those given
        self._optimizer.load_state_dict({"state": own_state, "param_groups": groups})
        self.step, self._objective.num_positives = counters["step"], counters["num_positives"]


def copied(weights: Mapping[str, Tensor]) -> Weights:
    return {name: tensor.detach().clone() for name, tensor in weights.items()}
