"""The head of a linear model: a linear map of statistics, at every position or of a whole sequence."""

import torch
from torch import Tensor, nn

__all__ = ["LinearHead"]


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
