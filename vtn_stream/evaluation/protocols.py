"""The published evaluation protocols: which frames of a clip, and which pixels of them.

    N frames of a clip, V views of it, T frames of a view, C crops

Neimark et al., "Video Transformer Network" (2021), section 4, as its code and PySlowFast have it.
"""

import hashlib
import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from vtn_stream.backbone.encoder import CROP_RATIO, MAX_ASPECT
from vtn_stream.errors import VideoError
from vtn_stream.film import VideoInfo
from vtn_stream.track import Recipe

__all__ = [
    "FULL_S",
    "Protocol",
    "frame_rate",
    "full_indices",
    "protocol_pixels",
    "reading_size",
    "view_indices",
    "window_indices",
]

FULL_S = 10  # of a clip that "full" looks at
# Larger frames come from the reader at twice the short side that is wanted: of 4K, what it has room for (three times 64
# frames) is more than its process may address.
MAX_PIXELS = 1920 * 1088


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """Which frames and crops of a clip are used.

    full   once: the frames of its first 10 s, as many as a film of 10 s has at the rate of the model's positions (250)
    views  num_views windows as long as those of the training, spread over the clip, and num_crops of each frame; what
           the model says of them is added up

    shuffle  a seed: the embeddings of each clip come in a random order, and position ids as before, as in the paper's
             table of shuffled frames: what the model knows of order is then of no use. None: in their own order

    Neimark et al., "Video Transformer Network" (2021), section 4; frames and pixels as in its code and in PySlowFast.
    """

    kind: Literal["full", "views"] = "full"
    num_views: int = 1
    num_crops: int = 1
    shuffle: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in ("full", "views") or self.num_views < 1 or self.num_crops not in (1, 3):
            raise ValueError(f"there is no protocol {self.kind} of {self.num_views} views x {self.num_crops} crops")
        if self.shuffle is not None and self.shuffle < 0:
            raise ValueError("a seed is a whole number, at least 0")
        if self.kind == "full" and (self.num_views, self.num_crops) != (1, 1):
            raise ValueError("the full protocol is one view of one crop")

    def __str__(self) -> str:
        which = "full" if self.kind == "full" else f"views {self.num_views} x {self.num_crops}"
        return which if self.shuffle is None else f"{which}, frames shuffled with seed {self.shuffle}"

    def order(self, num: int, identity: str) -> NDArray[np.int64]:
        """[num]: which embedding comes at each place of a view of the clip with this identity."""
        if self.shuffle is None:
            return np.arange(num)
        of_clip = int.from_bytes(hashlib.blake2b(identity.encode(), digest_size=8).digest())
        return np.random.default_rng([self.shuffle, of_clip]).permutation(num)


# ---- which frames


def full_indices(num_frames: int, rate: Fraction, num: int = 250) -> NDArray[np.int64]:
    """[num]: floor(linspace(0, last, num)) over at most the first 10 s of a clip of `rate` frames a second, as the
    release has it: last is 10 s less a frame, or the number of frames where the clip is shorter. What lies past the
    last frame is the last frame.

    Where there are fewer than num frames, some are taken again. A frame's index is its position id too.
    """
    return np.minimum(_spread(min(Fraction(num_frames), FULL_S * rate - 1), num), num_frames - 1)


def view_indices(
    video: VideoInfo, num_views: int, num: int = 16, seconds: Fraction = Fraction(128, 25)
) -> NDArray[np.int64]:
    """[V, num]: frames of windows of so many seconds. Of n views the i-th begins i / n of the way to the last possible
    begin, as in PySlowFast of 2021: a single one at the clip's begin. Frames
    of each as in `window_indices`.
    """
    return np.stack([window_indices(video, Fraction(i, num_views), num, seconds) for i in range(num_views)])


def window_indices(
    video: VideoInfo, share: Fraction, num: int = 16, seconds: Fraction = Fraction(128, 25)
) -> NDArray[np.int64]:
    """[num]: frames of a window of so many seconds, which begins this share, 0..1, of the way to the last possible
    begin: in training at random, as in PySlowFast.

    Its first frame is the first one that is shown at that time or later, in whole ticks of the clip's clock. The
    others are floor(linspace(0, length - 1, num)) frames after it: that is their position id too. Where the clip is
    shorter than a window, its last frame is taken again.
    """
    pts, length = video.pts - video.pts[0], seconds * frame_rate(video)
    spare = max(Fraction(0), video.num_frames - length)
    ticks = Fraction(video.end_pts - int(video.pts[0]), video.num_frames)  # of a frame, on average
    first = int(np.searchsorted(pts, math.floor(spare * share * ticks)))
    return np.minimum(first + _spread(length - 1, num), video.num_frames - 1)


def _spread(last: Fraction, num: int) -> NDArray[np.int64]:
    """floor(linspace(0, last, num)), in whole numbers: in float32, as the release has it, some come out one too low."""
    last = max(Fraction(0), last)
    return np.array([k * last // max(1, num - 1) for k in range(num)], np.int64)


def frame_rate(video: VideoInfo) -> Fraction:
    """Frames a second: what the container claims, unless its frames say otherwise."""
    if video.num_frames == 1:
        return Fraction(1)
    mean = (video.num_frames - 1) / (int(video.pts[-1] - video.pts[0]) * video.time_base)
    claimed = video.nominal_rate
    return claimed if claimed is not None and abs(claimed - mean) <= mean / 100 else mean


# ---- which pixels


def protocol_pixels(frame: NDArray[np.uint8], recipe: Recipe, num_crops: int = 1) -> Tensor:
    """Prepares a frame uint8 [H, W, 3] as PySlowFast does: float32 [C, 3, h, w] with h x w the recipe's size.

    Bilinear without smoothing, the long side rounded down. One crop is the middle of a frame whose short side is 256;
    three are the middle and both ends of one whose short side is that of the crop: together they show all of it.
    """
    height, width = recipe.size
    short = _short_side(recipe) if num_crops == 1 else max(recipe.size)
    size = _with_short_side(frame.shape[0], frame.shape[1], short)
    whole = torch.from_numpy(frame).permute(2, 0, 1)[None].float()
    whole = interpolate(whole, size, mode="bilinear", align_corners=False)[0]
    spare = (size[0] - height, size[1] - width)
    middle = (math.ceil(spare[0] / 2), math.ceil(spare[1] / 2))
    if num_crops == 1:
        corners = [middle]
    elif size[0] > size[1]:
        corners = [(top, middle[1]) for top in (0, middle[0], spare[0])]
    else:
        corners = [(middle[0], left) for left in (0, middle[1], spare[1])]
    crops = torch.stack([whole[:, top : top + height, left : left + width] for top, left in corners])
    mean, std = (torch.tensor(values)[:, None, None] for values in (recipe.mean, recipe.std))
    return (crops / 255 - mean) / std


def reading_size(video: VideoInfo, recipe: Recipe) -> tuple[int, int]:
    """The size (H, W) of frames that the reader should give: upright and, up to MAX_PIXELS, pixel for pixel as coded,
    as PySlowFast reads them.

    Raises VideoError for what is hardly more than a line.
    """
    height, width = (video.width, video.height) if video.rotation in (90, 270) else (video.height, video.width)
    if max(height, width) > MAX_ASPECT * min(height, width):
        raise VideoError(
            f"{video.path.name} has {width} x {height} pixels",
            "such a narrow picture was not analyzed",
            f"crop it to a shape of at most {MAX_ASPECT} to 1",
        )
    return (height, width) if height * width <= MAX_PIXELS else _with_short_side(height, width, 2 * _short_side(recipe))


def _short_side(recipe: Recipe) -> int:
    return round(max(recipe.size) * CROP_RATIO)


def _with_short_side(height: int, width: int, short: int) -> tuple[int, int]:
    return (short * height // width, short) if width < height else (short, short * width // height)
