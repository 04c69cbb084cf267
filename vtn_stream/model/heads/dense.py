"""One label at every frame: surgical phases, periods of a match."""

from torch import Tensor, nn

__all__ = ["DenseHead"]


class DenseHead(nn.Module):
    """A linear map of each frame's token, in which the encoder has put what is around the frame."""

    def __init__(self, width: int, *, num_outputs: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, num_outputs)
        nn.init.normal_(self.out.weight, std=0.02)
        nn.init.zeros_(self.out.bias)

    def forward(self, frames: Tensor) -> Tensor:
        """[B, T, D] -> logits [B, T, K], and one more for nothing if the head has it."""
        logits: Tensor = self.out(self.norm(frames))
        return logits
