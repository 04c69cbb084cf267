"""What an encoder reads beside embeddings: how they changed; and how it is dropped in training.

B sequences, T frames, D width
"""

import torch
from torch import Tensor
from torch.nn.functional import pad

__all__ = ["change", "dropped", "root"]


def root(x: Tensor) -> Tensor:
    """The square root of numbers from 0 on. Its gradient at 0 is 0: where nothing varies, as in a feature that a frame
    does not have, the true one is infinite, and would make every weight below it no number.
    """
    above = x > 0
    return torch.where(above, x, 1.0).sqrt() * above


def change(embeddings: Tensor, valid: Tensor | None, history: int, lag: int) -> Tensor:
    """The change since `lag` frames ago, for each frame after the history; 0 where either is missing."""
    num = embeddings.shape[1] - history
    lacking = min(max(0, lag - history), num)  # frames whose earlier one was before the film
    now, before = slice(history + lacking, None), slice(history + lacking - lag, history + num - lag)
    changed = embeddings[:, now] - embeddings[:, before]
    if valid is not None:
        changed *= (valid[:, now] & valid[:, before])[..., None]
    return pad(changed, (0, 0, lacking, 0))


def dropped(x: Tensor, p: float) -> Tensor:
    """Dropout of many features in training. p is rounded to 1/256: each number is kept or not by one byte, and eight
    are drawn at a time. On a CPU, torch's own dropout of an input takes longer than a small network.
    """
    num_dropped = round(256 * p)
    if num_dropped == 0:
        return x
    drawn = torch.empty((x.numel() + 7) // 8, dtype=torch.int64, device=x.device).random_(-(2**63), None)
    kept = drawn.view(torch.uint8)[: x.numel()].view(x.shape) >= num_dropped
    return x * kept.to(x.dtype).mul_(256 / (256 - num_dropped))
