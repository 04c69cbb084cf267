"""The paper's head: what happens in the whole sequence, from its global token."""

from torch import Tensor, nn
from torch.nn import functional

__all__ = ["ClassificationHead"]


class ClassificationHead(nn.Module):
    """An MLP of one hidden layer as wide as the token (Neimark et al. 2021, section 3.3)."""

    def __init__(self, width: int, *, num_classes: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.norm = nn.LayerNorm(width)
        self.hidden = nn.Linear(width, width)
        self.out = nn.Linear(width, num_classes)
        for layer in (self.hidden, self.out):
            nn.init.normal_(layer.weight, std=0.02)
            nn.init.zeros_(layer.bias)

    def forward(self, cls: Tensor) -> Tensor:
        """[B, D] -> logits [B, K]."""
        hidden = functional.gelu(self.hidden(self.norm(cls)))
        return self.out(functional.dropout(hidden, self.dropout, training=self.training))
