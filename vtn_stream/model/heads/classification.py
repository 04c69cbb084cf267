"""The paper's head: what happens in the whole sequence, from its global token."""

from torch import Tensor, nn
from torch.nn.functional import dropout, gelu

from vtn_stream.model.config import ClassificationConfig

__all__ = ["ClassificationHead"]


class ClassificationHead(nn.Module):
    """An MLP of one hidden layer as wide as the token (Neimark et al. 2021, section 3.3)."""

    def __init__(self, config: ClassificationConfig, width: int) -> None:
        super().__init__()
        self.dropout = config.dropout
        self.norm = nn.LayerNorm(width)
        self.hidden = nn.Linear(width, width)
        self.out = nn.Linear(width, config.num_classes)
        for layer in (self.hidden, self.out):
            nn.init.normal_(layer.weight, std=0.02)
            nn.init.zeros_(layer.bias)

    def forward(self, cls: Tensor) -> Tensor:
        """[B, D] -> logits [B, K]."""
        hidden = gelu(self.hidden(self.norm(cls)))
        return self.out(dropout(hidden, self.dropout, training=self.training))
