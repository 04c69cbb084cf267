"""The outputs that a pyramid should give for annotated segments (Zhang et al., "ActionFormer", 2022, section 3.3).

L levels with strides 1, 2, 4 ...; level l has T_l points, point k at frame k 2^l; N segments, K classes
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["INSTANT_REACH", "RADIUS", "LevelTarget", "pyramid_targets"]

RADIUS = 1.5  # strides around a segment's middle in which points are asked about it
INSTANT_REACH = 2.0  # frames to each side that stand for an instant: it asks the three points next to it, on level 0
SAME_LENGTH = 1e-3  # frames: segments that differ by less are equally short


class LevelTarget(NamedTuple):
    """classes [T_l, K] in {0, 1}; offsets [T_l, 2] to start and end in strides; positive [T_l], where they count."""

    classes: Tensor
    offsets: Tensor
    positive: Tensor


def pyramid_targets(
    segments: Tensor, labels: Tensor, num_points: Sequence[int], num_classes: int
) -> tuple[LevelTarget, ...]:
    """segments float [N, 2] in frames, labels int64 [N] -> a target for each level, of num_points[l] points.

    A point answers for a segment when it lies strictly inside it and within 1.5 strides of its middle, and when the
    farther of its two ends is in the level's range: 0..4, 4..8, 8..16 ... frames, ends included, the last without end.
    Of several segments the shortest sets the offsets, and all that are equally short set their class.

    An instant is asked about as the 2 frames to each side of it: by the points at most 1.5 frames away, on level 0, so
    that the middle between their offsets is where it lies (Hong et al., "E2E-Spot", 2022, and Xarles et al., "T-DEED",
    2024, ask the frames around an event in the same way).
    """
    segments = segments.float()
    instant = (segments[:, 0] == segments[:, 1])[:, None]
    segments = torch.where(instant, segments + segments.new_tensor([-INSTANT_REACH, INSTANT_REACH]), segments)
    return tuple(
        _level(segments, labels, 2**level, num, num_classes, _range(level, len(num_points)))
        for level, num in enumerate(num_points)
    )


def _range(level: int, num_levels: int) -> tuple[float, float]:
    low = 0.0 if level == 0 else 2.0 ** (level + 1)
    return low, torch.inf if level == num_levels - 1 else 2.0 ** (level + 2)


def _level(
    segments: Tensor, labels: Tensor, stride: int, num: int, num_classes: int, span: tuple[float, float]
) -> LevelTarget:
    points = torch.arange(num, device=segments.device)[:, None] * float(stride)  # [T_l, 1]
    start, end = segments.T  # [N]
    offsets = torch.stack([points - start, end - points], -1)  # [T_l, N, 2]
    middle = (start + end) / 2
    inside = (points > torch.maximum(middle - RADIUS * stride, start)) & (
        points < torch.minimum(middle + RADIUS * stride, end)
    )
    far = offsets.amax(-1)
    asked = inside & (far >= span[0]) & (far <= span[1])  # [T_l, N]
    lengths = torch.where(asked, end - start, torch.inf)
    shortest, which = lengths.min(1) if len(segments) else (points.new_full((num,), torch.inf), None)
    positive = shortest.isfinite()
    classes = points.new_zeros(num, num_classes)
    chosen = points.new_zeros(num, 2)
    if which is not None:
        ties = asked & (lengths <= shortest[:, None] + SAME_LENGTH)
        one_hot = torch.nn.functional.one_hot(labels, num_classes).to(classes)  # [N, K]
        classes = (ties.to(classes) @ one_hot).clamp(max=1)
        chosen = offsets[torch.arange(num, device=points.device), which] / stride * positive[:, None]
    return LevelTarget(classes, chosen, positive)
