"""The head of a linear model: a linear map of statistics, at every position or of a whole sequence."""

import torch
from torch import Tensor, nn

__all__ = ["LinearHead", "LinearSpanHead"]


class LinearHead(nn.Module):
    """One linear layer without a norm: what it reads is standardized already."""

    def __init__(self, width: int, *, num_outputs: int) -> None:
        super().__init__()
        self.out = nn.Linear(width, num_outputs)
        torch.nn.init.zeros_(self.out.weight)
        torch.nn.init.zeros_(self.out.bias)

    def forward(self, features: Tensor) -> Tensor:
        """[..., F] -> logits [..., K]."""
        logits: Tensor = self.out(features)
        return logits


class LinearSpanHead(LinearHead):
    """The same for a model that finds segments. What its scores mean is said by `scale` and `shift` of their logits:
    a segment is scored by a difference of the positions' scores, so that this cannot be a part of the layer.
    """

    scale: Tensor  # []
    shift: Tensor

    def __init__(self, width: int, *, num_outputs: int) -> None:
        super().__init__(width, num_outputs=num_outputs)
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("shift", torch.zeros(()))
