"""How frames are changed before a network learns from them: other crops, mirrored, other colours, mixed clips.

Everything random is drawn here, on the CPU and once for a clip, so that all its frames are changed alike; `look` does
it on the network's device.

H' x W' pixels of a decoded frame, H x W of the network
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from vtn_stream.backbone.encoder import CROP_RATIO
from vtn_stream.errors import TrainingError
from vtn_stream.training.look import Box, Look, Mix, soft_targets
from vtn_stream.training.randaugment import MAX_MAGNITUDE, OPERATIONS, is_signed

__all__ = ["NATURAL", "PAPER", "PAPER_PLUS", "Augmentation", "Look", "Mix", "mirrors", "soft_targets"]

_NETWORK = 224  # pixels: the size that short sides of the recipes are for
_ERASED_AREA, _ERASED_ASPECT = (0.02, 1 / 3), (0.3, 1 / 0.3)  # of a frame, as in the paper's code and in timm
# Words in a label that would be wrong for a mirrored clip; German ones also at the head of longer words.
_SIDES = re.compile(
    r"(?:left|right)(?:wards?)?|(?:anti|counter)?clockwise|(?:links|rechts).*|(?:linke|rechte)[mnrs]?", re.IGNORECASE
)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """What is drawn for each clip. Nothing by default: the whole frame at the network's size.

    short_side   the crop has the network's size, in a frame whose short side is drawn from these pixels, both included;
                 None: area counts
    area         the share of the frame that the crop shows is drawn from this range; it has the shape of the frame
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

    def __post_init__(self) -> None:
        shares = (self.flip, self.jitter, self.jitter_share, self.erasing, self.smoothing)
        if not all(0 <= share <= 1 for share in shares) or self.smoothing == 1:
            raise ValueError("probabilities, jitter and smoothing are from 0 to 1")
        if not 0 < self.area[0] <= self.area[1] <= 1:
            raise ValueError(f"area is a range of shares, not {self.area}")
        if self.short_side is not None and not 0 < self.short_side[0] <= self.short_side[1]:
            raise ValueError(f"short_side is a range of pixels, not {self.short_side}")
        if self.randaugment is not None and not (
            self.randaugment[0] >= 0 and 0 <= self.randaugment[1] <= MAX_MAGNITUDE
        ):
            raise ValueError(f"randaugment is operations and a magnitude up to {MAX_MAGNITUDE}")
        if not (0 <= self.mixup < math.inf and 0 <= self.cutmix < math.inf):
            raise ValueError("the alpha of mixup and of cutmix is 0 or more")

    def scaled_to(self, size: tuple[int, int]) -> "Augmentation":
        """The same for a network of this (H, W): short sides are those for one of 224 x 224 pixels."""
        if self.short_side is None or max(size) == _NETWORK:
            return self
        least, most = (math.ceil(side * max(size) / _NETWORK) for side in self.short_side)
        return replace(self, short_side=(least, most))

    def reading_size(self, shape: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
        """The size (H', W') that frames of a film of this shape (H, W), upright, should have: no larger than the crops
        need.
        """
        if self.short_side is None:  # the smallest crop has as many pixels as the network
            zoom = 1 / math.sqrt(self.area[0])
            return math.ceil(size[0] * zoom), math.ceil(size[1] * zoom)
        short = min(min(shape), self.short_side[1])
        return _with_short_side(shape, short)

    def draw(self, rng: np.random.Generator, frame_size: tuple[int, int], size: tuple[int, int]) -> "Look":
        """How a clip is shown whose frames are (H', W') to a network of (H, W).

        Raises TrainingError for a network that is larger than the short side of a frame.
        """
        box = self._box(rng, frame_size, size)
        flip = bool(rng.random() < self.flip)
        colours: tuple[tuple[str, float], ...] = ()
        if self.jitter and rng.random() < self.jitter_share:
            names = [("brightness", "contrast", "saturation")[k] for k in rng.permutation(3)]
            colours = tuple((name, float(rng.uniform(1 - self.jitter, 1 + self.jitter))) for name in names)
        operations: tuple[tuple[str, float], ...] = ()
        if self.randaugment is not None:
            number, magnitude = self.randaugment
            chosen = [tuple(OPERATIONS)[k] for k in rng.integers(len(OPERATIONS), size=number)]
            signs = [-1 if is_signed(name) and rng.random() < 0.5 else 1 for name in chosen]
            operations = tuple(
                (name, sign * magnitude / MAX_MAGNITUDE) for name, sign in zip(chosen, signs, strict=True)
            )
        erased = _rectangle(rng, size) if rng.random() < self.erasing else None
        seed = int(rng.integers(2**31)) if erased is not None else 0
        return Look(box=box, flip=flip, colours=colours, operations=operations, erased=erased, seed=seed)

    def middle(self, frame_size: tuple[int, int], size: tuple[int, int]) -> "Look":
        """How a clip is shown that measures the network: the middle of a frame whose short side is 256 of 224 pixels,
        as in the paper; the whole frame where crops are shares of it.
        """
        if self.short_side is None:
            return Look()
        scaled = _with_short_side(frame_size, round(max(size) * CROP_RATIO))
        corner = (math.ceil((scaled[0] - size[0]) / 2), math.ceil((scaled[1] - size[1]) / 2))
        return Look(box=_shares(corner, size, scaled))

    def mix(self, rng: np.random.Generator, batch_size: int) -> "Mix | None":
        """How the clips of a batch are mixed; None where they are not."""
        if batch_size < 2 or not (self.mixup or self.cutmix):
            return None
        cuts = bool(self.cutmix) and (not self.mixup or bool(rng.random() < 0.5))
        alpha = self.cutmix if cuts else self.mixup
        share = float(rng.beta(alpha, alpha))
        partner = tuple(int(k) for k in rng.permutation(batch_size))
        if not cuts:
            return Mix(partner=partner, share=share)
        side = math.sqrt(1 - share)
        centre = rng.random(2)  # the rectangle may reach over the border, and what is outside counts for nothing
        top, left = (float(max(0.0, middle - side / 2)) for middle in centre)
        bottom, right = (float(min(1.0, middle + side / 2)) for middle in centre)
        box = (top, left, bottom - top, right - left)
        return Mix(partner=partner, share=1 - box[2] * box[3], box=box)

    def _box(self, rng: np.random.Generator, frame_size: tuple[int, int], size: tuple[int, int]) -> Box:
        if self.short_side is None:
            side = math.sqrt(rng.uniform(*self.area))
            top, left = rng.random(2) * (1 - side)
            return float(top), float(left), side, side
        least, most = self.short_side
        if least < max(size):
            wanted = PAPER.scaled_to(size).short_side
            raise TrainingError(
                f"frames with a short side of {least} pixels have no crop of {size[0]} x {size[1]}",
                "nothing was learned",
                f"use short sides such as {wanted}, or a network for smaller pictures",
            )
        scaled = _with_short_side(frame_size, int(rng.integers(least, most + 1)))
        corner = tuple(int(rng.integers(whole - part + 1)) for whole, part in zip(scaled, size, strict=True))
        return _shares((corner[0], corner[1]), size, scaled)


# Written out literally: what the paper's code does (short side, crop, flip), what its "+" models add by the names that
# the paper gives (the values are those of DeiT, Touvron et al., 2021, in timm), and what suits clips of one's own.
PAPER = Augmentation(short_side=(256, 320), flip=0.5)
PAPER_PLUS = Augmentation(
    short_side=(256, 320), flip=0.5, randaugment=(2, 9), erasing=0.25, mixup=0.8, cutmix=1.0, smoothing=0.1
)
NATURAL = Augmentation(area=(0.7, 1.0), flip=0.5, jitter=0.3, jitter_share=0.5)


def mirrors(labels: Iterable[str]) -> bool:
    """Whether clips may be mirrored: no label has a word for a side: left, right, clockwise, and links, rechts."""
    words = (word for label in labels for word in re.findall(r"[^\W\d_]+", _CAMEL.sub(" ", label)))
    return not any(_SIDES.fullmatch(word) for word in words)


def _rectangle(rng: np.random.Generator, size: tuple[int, int]) -> Box | None:
    """A rectangle inside a picture of (H, W), as shares of it; None where ten that were drawn did not fit."""
    height, width = size
    for _ in range(10):
        area = rng.uniform(*_ERASED_AREA) * height * width
        aspect = math.exp(rng.uniform(*np.log(_ERASED_ASPECT)))
        sides = (math.sqrt(area * aspect) / height, math.sqrt(area / aspect) / width)
        if max(sides) < 1:
            top, left = (float(rng.uniform(0, 1 - side)) for side in sides)
            return top, left, *sides
    return None


def _with_short_side(size: tuple[int, int], short: int) -> tuple[int, int]:
    """The (H, W) of a scaled frame, the long side rounded down, as in the paper's code."""
    height, width = size
    return (short * height // width, short) if width < height else (short, short * width // height)


def _shares(corner: tuple[int, int], part: tuple[int, int], whole: tuple[int, int]) -> Box:
    return corner[0] / whole[0], corner[1] / whole[1], part[0] / whole[0], part[1] / whole[1]
