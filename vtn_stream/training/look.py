"""How one clip is shown to a network, once that is drawn: its crop, its colours, and with which other it is mixed.

n frames of a clip, H' x W' pixels as decoded, H x W pixels of the network, B clips, L frames of each, K classes
"""

import math
from dataclasses import dataclass, replace
from types import MappingProxyType

import torch
from torch import Tensor
from torch.nn.functional import grid_sample, one_hot

from vtn_stream.training.randaugment import operated

__all__ = ["Box", "Look", "Mix", "soft_targets"]

# (top, left, height, width), as shares of a picture
Box = tuple[float, float, float, float]

_NOISE_MEAN, _NOISE_STD = 114.75, 57.375  # .45 and .225 of 255: the noise is N(0, 1) for the network
_GREY = (0.2989, 0.587, 0.114)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was drawn for one clip, or nothing: the whole frame.

    box         (top, left, height, width) of the crop, as shares of the frame
    flip        whether it is mirrored
    colours     factors of brightness, contrast and saturation, in the order in which they are changed
    operations  of RandAugment, each with its magnitude as a share of the largest one, -1..1
    erased      (top, left, height, width) of a rectangle of noise, as shares of the crop; seed: of the noise
    """

    box: Box = (0.0, 0.0, 1.0, 1.0)
    flip: bool = False
    colours: tuple[tuple[str, float], ...] = ()
    operations: tuple[tuple[str, float], ...] = ()
    erased: Box | None = None
    seed: int = 0

    def shown(self, frames: Tensor, size: tuple[int, int]) -> Tensor:
        """Frames uint8 [n, 3, H', W'] -> float32 [n, 3, H, W] in 0..255, on the frames' device.

        The crop is scaled once, bilinear without smoothing: the same as scaling the frame and cropping it then.
        """
        pictures = _cropped(frames, self.box, size)
        if self.flip:
            pictures = pictures.flip(-1)
        for name, factor in self.colours:
            pictures = _COLOURS[name](pictures, factor)
        if self.operations:
            whole = pictures.round().to(torch.uint8)
            for name, magnitude in self.operations:
                whole = operated(whole, name, magnitude)
            pictures = whole.float()
        if self.erased is not None:
            pictures = self._erased(pictures, self.erased)
        return pictures

    def cut(self, frames: Tensor, size: tuple[int, int]) -> tuple[Tensor, "Look"]:
        """The crop alone, uint8 [n, 3, H, W], and how it is shown then: the same up to rounding, of fewer pixels."""
        cut = _cropped(frames, self.box, size).round().to(torch.uint8)
        return cut, replace(self, box=(0.0, 0.0, 1.0, 1.0))

    def without_colours(self) -> "Look":
        """The same crop, mirrored or not, and nothing else: for pictures that show changes and no colours."""
        return Look(box=self.box, flip=self.flip)

    def _erased(self, pictures: Tensor, box: Box) -> Tensor:
        rows, columns = _pixels(box, (pictures.shape[-2], pictures.shape[-1]))
        generator = torch.Generator().manual_seed(self.seed)
        noise = torch.randn((3, rows.stop - rows.start, columns.stop - columns.start), generator=generator)
        noise = (noise * _NOISE_STD + _NOISE_MEAN).clamp(0, 255)
        pictures = pictures.clone()
        pictures[..., rows, columns] = noise.to(pictures.device)
        return pictures


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """How the clips of a batch are mixed: each with the one that partner names, [B].

    share  of the clip itself, 0..1; the partner has the rest
    box    (top, left, height, width), as shares of the frame, that shows the partner; None: both are seen everywhere
    """

    partner: tuple[int, ...]
    share: float
    box: Box | None = None

    def mixed(self, frames: Tensor) -> Tensor:
        """[B, L, 3, H, W], float32 -> the same, mixed."""
        others = frames[list(self.partner)]
        if self.box is None:
            return torch.lerp(others, frames, self.share)
        rows, columns = _pixels(self.box, (frames.shape[-2], frames.shape[-1]))
        mixed = frames.clone()
        mixed[..., rows, columns] = others[..., rows, columns]
        return mixed

    def targets(self, clips: Tensor, num_classes: int, smoothing: float) -> Tensor:
        """Classes int64 [B] -> the probability of each label, float32 [B, K]."""
        own = soft_targets(clips, num_classes, smoothing)
        return torch.lerp(own[list(self.partner)], own, self.share)


def soft_targets(clips: Tensor, num_classes: int, smoothing: float) -> Tensor:
    """Classes int64 [B] -> float32 [B, K]: 1 - smoothing for the class, and smoothing spread over all of them."""
    return one_hot(clips, num_classes).float() * (1 - smoothing) + smoothing / num_classes


def _cropped(frames: Tensor, box: Box, size: tuple[int, int]) -> Tensor:
    """[n, 3, H', W'] -> float32 [n, 3, H, W]: this part of it, scaled once, bilinear."""
    height, width = frames.shape[-2:]
    rows = _places(box[0] * height, box[2] * height, size[0])
    columns = _places(box[1] * width, box[3] * width, size[1])
    # Only what is seen becomes float32. A pixel more on each side: between it and the next one lies the border.
    top, bottom = max(0, math.floor(float(rows[0]))), min(height, math.floor(float(rows[-1])) + 2)
    left, right = max(0, math.floor(float(columns[0]))), min(width, math.floor(float(columns[-1])) + 2)
    seen = frames[..., top:bottom, left:right].float()
    y = (2 * (rows - top) + 1) / (bottom - top) - 1  # grid_sample's own: -1 and 1 are the outer edges
    x = (2 * (columns - left) + 1) / (right - left) - 1
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1).float().to(frames.device)
    grid = grid.expand(len(frames), *grid.shape)
    return grid_sample(seen, grid, mode="bilinear", padding_mode="border", align_corners=False).clamp(0, 255)


def _places(start: float, length: float, num: int) -> Tensor:
    """float64 [num]: between which pixels of the frame those of the crop lie; the first pixel's middle is 0."""
    return start + (torch.arange(num, dtype=torch.float64) + 0.5) * (length / num) - 0.5


def _grey(pictures: Tensor) -> Tensor:
    red, green, blue = pictures.unbind(-3)
    return (_GREY[0] * red + _GREY[1] * green + _GREY[2] * blue).unsqueeze(-3)


def _brighter(pictures: Tensor, factor: float) -> Tensor:
    return (pictures * factor).clamp(0, 255)


def _contrasted(pictures: Tensor, factor: float) -> Tensor:
    return torch.lerp(_grey(pictures).mean((-3, -2, -1), keepdim=True), pictures, factor).clamp(0, 255)


def _saturated(pictures: Tensor, factor: float) -> Tensor:
    return torch.lerp(_grey(pictures), pictures, factor).clamp(0, 255)


# As in torchvision's ColorJitter.
_COLOURS = MappingProxyType({"brightness": _brighter, "contrast": _contrasted, "saturation": _saturated})


def _pixels(box: Box, size: tuple[int, int]) -> tuple[slice, slice]:
    """The rows and columns of a picture of (H, W) that are in a box of shares."""
    top, left, height, width = box
    rows = slice(round(top * size[0]), round((top + height) * size[0]))
    return rows, slice(round(left * size[1]), round((left + width) * size[1]))
