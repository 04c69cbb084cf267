"""How frames are changed before a network learns from them: other crops, mirrored, other colours, mixed clips.

Everything random is drawn on the CPU, once for a clip, so that all its frames are changed alike; it is done on the
network's device.
"""

from dataclasses import dataclass

from torch import Tensor

__all__ = ["Augmentation", "Look", "Mix"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """What is drawn for each clip. Nothing by default: the whole frame at the network's size.

    short_side   the crop has the network's size, in a frame whose short side is drawn from these pixels, both included;
                 None: area counts
    area         the share of the frame that the crop shows is drawn from this range
    flip         the probability of a mirrored clip
    jitter       by how much brightness, contrast and saturation may change, 0..1; jitter_share: of how many clips
    randaugment  operations, and their magnitude of 30 (Cubuk et al., "RandAugment", 2020); None: none
    erasing      the probability of a rectangle of noise (Zhong et al., "Random erasing", 2020)
    mixup, cutmix  the alpha of each, 0: never (Zhang et al., "mixup", 2018; Yun et al., "CutMix", 2019); where there
                 are both, half of the batches are of each
    smoothing    of the labels, 0..1
    """

    short_side: tuple[int, int] | None = None
    area: tuple[float, float] = (1.0, 1.0)
    flip: float = 0.0
    jitter: float = 0.0
    jitter_share: float = 0.0
    randaugment: tuple[int, int] | None = None
    erasing: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0
    smoothing: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was drawn for one clip, or nothing: the whole frame.

    box    (top, left, height, width) of the crop, as shares of the frame
    flip   whether it is mirrored
    """

    box: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    flip: bool = False

    def shown(self, frames: Tensor, size: tuple[int, int]) -> Tensor:
        """Frames uint8 [n, 3, H', W'] -> float32 [n, 3, H, W] in 0..255, on the frames' device."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """How the clips of a batch are mixed: each with the one that partner names, [B]."""

    partner: tuple[int, ...]
    share: float

    def mixed(self, frames: Tensor) -> Tensor:
        """[B, L, 3, H, W], float32 -> the same, mixed."""
        raise NotImplementedError
