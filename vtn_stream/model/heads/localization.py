"""Anchor-free localization on a pyramid: at every position of every level, what happens and how far it reaches.

    B films, T frames, D width, L levels; level l has T_l = ceil(T / 2^l) points, point k at frame k 2^l; K classes

The recipe of Zhang et al., "ActionFormer" (2022), section 3, with the parameter-free pyramid of Tang et al.,
"TemporalMaxer" (2023).
"""

import math
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool1d, relu

__all__ = ["LocalizationHead", "Pyramid", "reach"]

# Of a class at a point before training: with 0.5, the first thousand steps would learn that nothing happens mostly.
PRIOR = 0.01


class Pyramid(NamedTuple):
    """A tuple over levels each: logits [B, T_l, K]; offsets [B, T_l, 2] to start and end, >= 0, in strides of 2^l
    frames; valid [B, T_l].
    """

    logits: tuple[Tensor, ...]
    offsets: tuple[Tensor, ...]
    valid: tuple[Tensor, ...]


class LocalizationHead(nn.Module):
    """Two towers of convolutions, shared by all levels, over frames that are pooled level by level."""

    def __init__(self, width: int, *, num_classes: int, num_levels: int, tower_width: int) -> None:
        super().__init__()
        self.num_levels = num_levels
        self.classify = _Tower(width, tower_width, num_classes)
        self.regress = _Tower(width, tower_width, 2)
        self.scales = nn.Parameter(torch.ones(num_levels))
        nn.init.constant_(self.classify.out.bias, -math.log((1 - PRIOR) / PRIOR))  # type: ignore[arg-type]

    def forward(self, frames: Tensor, valid: Tensor | None = None) -> Pyramid:
        """frames [B, T, D] of which valid [B, T] are there."""
        if valid is None:
            valid = frames.new_ones(frames.shape[:2], dtype=torch.bool)
        logits, offsets, there = [], [], []
        level = frames.transpose(1, 2)  # [B, D, T_l]
        for number in range(self.num_levels):
            if number:
                level = max_pool1d(level.masked_fill(~valid[:, None], -torch.inf), 3, 2, 1)
                valid = valid[:, ::2]
            level = level.masked_fill(~valid[:, None], 0)
            logits.append(self.classify(level, valid).transpose(1, 2))
            offsets.append(relu(self.scales[number] * self.regress(level, valid)).transpose(1, 2))
            there.append(valid)
        return Pyramid(tuple(logits), tuple(offsets), tuple(there))


class _Tower(nn.Module):
    """Two convolutions with norms, and one for the result; invalid positions are zero before each."""

    def __init__(self, width: int, hidden: int, num_out: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            [nn.Conv1d(width, hidden, 3, padding=1), nn.Conv1d(hidden, hidden, 3, padding=1)]
        )
        self.norms = nn.ModuleList([nn.LayerNorm(hidden), nn.LayerNorm(hidden)])
        self.out = nn.Conv1d(hidden, num_out, 3, padding=1)
        for layer in (*self.convolutions, self.out):
            nn.init.normal_(cast(Tensor, layer.weight), std=0.02)
            nn.init.zeros_(cast(Tensor, layer.bias))

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        """[B, D, T], valid [B, T] -> [B, num_out, T]."""
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = relu(norm(convolution(x).transpose(1, 2))).transpose(1, 2) * valid[:, None]
        return cast(Tensor, self.out(x)) * valid[:, None]


def reach(num_levels: int) -> int:
    """How many frames to each side can affect a point's result: pooling, then three convolutions, at the top level.

    A multiple of the top stride: frames that are cut there pool as the whole film does.
    """
    return 4 * 2 ** (num_levels - 1)
