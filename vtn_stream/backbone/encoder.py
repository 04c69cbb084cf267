"""Frames to embeddings. Knows a film's shape; no store, no seconds. Loads torch when the network is needed.

N frames, H x W the network's input size, H' x W' the frames' where a crop is cut out of them, D its feature width.
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from vtn_stream.backbone.files import INSTALLED_WEIGHTS, check_file, weights_key
from vtn_stream.backbone.names import check_name
from vtn_stream.errors import BackboneError, InputError, VideoError
from vtn_stream.film import VideoInfo
from vtn_stream.region import Box
from vtn_stream.track import CENTRE_CROP, WHOLE, BackboneFacts, Execution, Pooling, Recipe

if TYPE_CHECKING:
    from torch import Tensor

    from vtn_stream.backbone.network import Network

__all__ = ["CROP_RATIO", "MAX_ASPECT", "FrameEncoder", "Memory", "check_asked"]


# CENTRE_CROP for networks of any size: the short side is to the crop as 256 to 224.
CROP_RATIO = Fraction(256, 224)
# A film may claim any shape. The middle of a wider one is refused: the decoder would have to hand over its whole width
# (at 256 x 2048, 300 MB of shared memory).
MAX_ASPECT = 8


class Memory(Protocol):
    """Keeps between runs what was found out about weights, so that stored embeddings need neither torch nor timm."""

    def recall(self, key: str) -> BackboneFacts | None:
        """What was remembered under this key; None: nothing, or it is damaged."""
        ...

    def remember(self, key: str, facts: BackboneFacts) -> None:
        """Keeps it if it can."""
        ...


def check_asked(name: str | None, weights: str | os.PathLike[str] | None) -> None:
    """Raises BackboneError where no network has that name, or the file holds no weights: what can be known at once."""
    if name is not None:
        check_name(name)
    if weights is not None:
        check_file(Path(weights))


class FrameEncoder:
    """A pretrained image network that turns frames into one embedding each.

    name     a timm model name, such as resnet50 or vit_small_patch14_dinov2.lvd142m
    weights  a file of weights for it (.safetensors or .pth), or its tensors by timm's names; by default those of an
             installed package, else the model hub's, when it can be reached
    recipe   what the embeddings shall mean, where a model was trained on them: its size, mean, std and geometry
             instead of timm's own; of its fps nothing is taken
    size     height and width of the frames it looks at, where there is no recipe; by default timm's for it
    pooling  of its last map of features, where there is no recipe (see Recipe)
    region   of the picture that it is shown, where there is no recipe: what its own recipe says; callers cut it out
    device   "auto" takes a GPU when there is one
    memory   where it knows these weights, the network is loaded for the first frame, not before

    Raises BackboneError on an unknown name, missing or unfitting weights, a size that the network does not take, and
    where name and weights are not those of the recipe; InputError on a missing device. Of weights that the memory
    knows, what is wrong with them is told at the first frame.
    """

    def __init__(
        self,
        name: str,
        *,
        weights: "Path | Mapping[str, Tensor] | None" = None,
        recipe: Recipe | None = None,
        size: int | None = None,
        pooling: Pooling = "network",
        region: str = WHOLE,
        device: Literal["auto", "cpu", "cuda"] = "auto",
        memory: Memory | None = None,
    ) -> None:
        if device not in ("auto", "cpu", "cuda"):
            raise InputError(f"there is no device {device}", "nothing was analyzed", "use auto, cpu or cuda")
        if isinstance(weights, Path):
            check_file(weights)
        self.name = name
        self._weights, self._asked_device = weights, device
        self._asked_size = recipe.size if recipe is not None else None if size is None else (size, size)
        self._pooling = pooling if recipe is None else recipe.pooling
        key = None if memory is None else weights_key(name, weights, recipe, self._asked_size, self._pooling)
        known = None if memory is None or key is None else memory.recall(key)
        if known is None:
            check_name(name)
        if recipe is not None and recipe.backbone != name:
            raise BackboneError(
                f"the model was trained on embeddings of {recipe.backbone}, not on those of {name}",
                "nothing was analyzed",
                f"use the backbone {recipe.backbone}, or another model",
            )
        if device == "cuda":
            _ = self.device
        self._facts = self._network.facts if known is None else known
        if known is None and memory is not None and key is not None:
            memory.remember(key, self._facts)
        self.weights_source = self._facts.source
        self.weights_digest = self._facts.recipe.weights
        self.num_features = self._facts.num_features
        if recipe is not None and recipe.weights != self.weights_digest:
            raise BackboneError(
                f"these weights of {name} are {self.weights_digest[:12]}, the model was trained with "
                f"{recipe.weights[:12]}",
                "its embeddings would have another meaning",
                "give the weights that it was trained with, or a model file that holds them",
            )
        self._recipe = replace(self._facts.recipe, region=region) if recipe is None else recipe
        self.size: tuple[int, int] = self._recipe.size  # (H, W)

    @cached_property
    def device(self) -> str:
        """Where the network runs, cpu or cuda. Raises InputError."""
        import torch

        if self._asked_device == "cuda" and not torch.cuda.is_available():
            raise InputError("no CUDA device can be used here", "nothing was analyzed", "use --device cpu, or auto")
        return "cuda" if self._asked_device != "cpu" and torch.cuda.is_available() else "cpu"

    @property
    def num_threads(self) -> int:
        """On a CPU, the threads that compute."""
        return self._ready.num_threads

    def recipe(self, fps: Fraction) -> Recipe:
        return replace(self._recipe, fps=fps)

    def frame_size(self, video: VideoInfo, box: Box | None = None) -> tuple[int, int]:
        """The size (H', W') of frames that the reader should give: the network's, or before a crop what it is cut from.
        box: the part of the picture that is looked at, if it is not all of it.

        Raises VideoError if that is so wide or tall that this would be far more than the crop.
        """
        if self._recipe.geometry != CENTRE_CROP:
            return self.size
        width, height = video.upright_size if box is None else box.size
        pixel = 1 / video.sample_aspect_ratio if video.rotation in (90, 270) else video.sample_aspect_ratio
        aspect = width * pixel / height  # as shown, in whole numbers
        if max(aspect, 1 / aspect) > MAX_ASPECT:
            what = video.path.name if box is None else f"what is looked at of {video.path.name}"
            raise VideoError(
                f"{what} is shown {float(max(aspect, 1 / aspect)):.3g} times as long as wide",
                "a model that reads only the middle of frames cannot be used on it",
                f"crop it to a shape of at most {MAX_ASPECT} to 1, or use a model that reads whole frames",
            )
        short = round(max(self.size) * CROP_RATIO)
        return (short, round(short * aspect)) if aspect >= 1 else (round(short / aspect), short)

    def execution(self, decoder: str) -> Execution:
        """How this machine computes them."""
        return self._ready.execution(decoder)

    def __call__(self, frames: NDArray[np.uint8]) -> NDArray[np.float16]:
        """uint8 [N, H', W', 3] RGB -> float16 [N, D]: of the network's size or, where it looks at a crop, of any from
        that size on, of which the middle is taken.

        A row depends on its frame alone: equal bytes whatever N is and whatever the neighbours are.
        """
        is_crop = self._recipe.geometry == CENTRE_CROP
        height, width = self.size
        fits = frames.dtype == np.uint8 and frames.ndim == 4 and frames.shape[3] == 3
        if fits and is_crop:
            fits = frames.shape[1] >= height and frames.shape[2] >= width
        elif fits:
            fits = frames.shape[1:3] == self.size
        if not fits:
            least = " or more" if is_crop else ""
            raise ValueError(
                f"frames must be uint8 [N, {height}, {width}, 3]{least}, got {frames.dtype} {list(frames.shape)}"
            )
        # half a pixel that is left over goes to the top and the left, as in PySlowFast's uniform_crop
        top, left = -((height - frames.shape[1]) // 2), -((width - frames.shape[2]) // 2)
        return self._ready(frames[:, top : top + height, left : left + width])

    def encode(self, pixels: "Tensor") -> NDArray[np.float16]:
        """Pixels float32 [N, 3, H, W], normalised -> float16 [N, D]: for callers that resize and crop in another way.

        The same bytes as of frames, where the pixels are the same.
        """
        import torch

        if pixels.dtype != torch.float32 or pixels.shape[1:] != (3, *self.size):
            raise ValueError(
                f"pixels must be float32 [N, 3, {self.size[0]}, {self.size[1]}], "
                f"got {pixels.dtype} {list(pixels.shape)}"
            )
        return self._ready(pixels)

    @cached_property
    def _network(self) -> "Network":
        """The network as timm has it. Raises BackboneError, InputError."""
        hub = None
        if self._weights is None and self.name not in INSTALLED_WEIGHTS:
            from vtn_stream.backbone.hub import Hub

            hub = Hub()  # it may answer while torch loads
        from vtn_stream.backbone.network import Network

        return Network(self.name, self._weights, self._asked_size, self.device, hub, pooling=self._pooling)

    @cached_property
    def _ready(self) -> "Network":
        """The network, for frames as the recipe says. Raises BackboneError where it is not what was remembered."""
        if self._network.facts != self._facts:
            raise BackboneError(
                f"the weights of {self.name} are not the same as before",
                "their embeddings would be mixed with others",
                "run the same command again",
            )
        self._network.normalise(self._recipe)
        return self._network
