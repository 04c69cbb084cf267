"""Frames to embeddings. Knows a film's shape; no store, no seconds.

N frames, H x W the network's input size, H' x W' the frames' where a crop is cut out of them, D its feature width.
"""

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np
import timm
import torch
from numpy.typing import NDArray
from torch import Tensor

from vtn_stream.backbone.speed import (
    bf16_pays,
    cast_weights,
    dtype_for,
    fold_batch_norms,
    noise,
    num_cores,
    single_threads,
)
from vtn_stream.backbone.weights import check_name, check_size, pretrained, weights_digest
from vtn_stream.errors import BackboneError, InputError, VideoError
from vtn_stream.film import VideoInfo
from vtn_stream.track import CENTRE_CROP, Execution, Recipe

__all__ = ["CROP_RATIO", "MAX_ASPECT", "FrameEncoder", "devices"]


# Frames a forward pass. Always the same number, the last batch padded: a network's output for one frame differs
# in its last bits with the batch size, and never with its neighbours. Small on a CPU: larger activations fall out
# of its caches (benchmarks/embedding.py); large on a GPU, to fill it.
BATCH_SIZE = {"cpu": 4, "cuda": 64}

# CENTRE_CROP for networks of any size: the short side is to the crop as 256 to 224.
CROP_RATIO = Fraction(256, 224)
# A film may claim any shape. The middle of a wider one is refused: the decoder would have to hand over its whole width
# (at 256 x 2048, 300 MB of shared memory).
MAX_ASPECT = 8


class FrameEncoder:
    """A pretrained image network that turns frames into one embedding each.

    name     a timm model name
    weights  a file of weights for it (.safetensors or .pth), or its tensors by timm's names; by default those of an
             installed package, else the model hub's, when it can be reached
    recipe   what the embeddings shall mean, where a model was trained on them: its size, mean, std and geometry
             instead of timm's own; of its fps nothing is taken
    device   "auto" takes a GPU when there is one

    Raises BackboneError on an unknown name, missing or unfitting weights, and where name and weights are not those of
    the recipe; InputError on a missing device.
    """

    def __init__(
        self,
        name: str,
        *,
        weights: Path | Mapping[str, Tensor] | None = None,
        recipe: Recipe | None = None,
        device: Literal["auto", "cpu", "cuda"] = "auto",
    ) -> None:
        check_name(name)
        if recipe is not None and recipe.backbone != name:
            raise BackboneError(
                f"the model was trained on embeddings of {recipe.backbone}, not of {name}",
                "nothing was analyzed",
                f"use the backbone {recipe.backbone}, or another model",
            )
        if device not in ("auto", "cpu", "cuda"):
            raise InputError(f"there is no device {device}", "nothing was analyzed", "use auto, cpu or cuda")
        if device == "cuda" and not torch.cuda.is_available():
            raise InputError("no CUDA device is usable here", "nothing was analyzed", "use --device cpu, or auto")
        self.name = name
        self.device = "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"
        self._model, self.weights_source = pretrained(name, weights)
        self.weights_digest = weights_digest(self._model.state_dict())
        self.num_features = int(self._model.num_features)
        self._recipe = _timms_recipe(self._model, name, self.weights_digest)
        if recipe is not None:
            if recipe.weights != self.weights_digest:
                raise BackboneError(
                    f"these weights of {name} are {self.weights_digest[:12]}, the model was trained with "
                    f"{recipe.weights[:12]}",
                    "its embeddings would mean something else",
                    "give the weights that it was trained with, or a model file that holds its own",
                )
            if recipe.size != self._recipe.size:
                check_size(name, recipe.size)
            self._recipe = recipe
        self.size: tuple[int, int] = self._recipe.size  # (H, W)

        self._dtype = dtype_for(self._model, self.device)
        self._batch_size = BATCH_SIZE[self.device]
        self._is_ready = False  # at the first frame: a film whose embeddings are stored needs no such work
        # uint8 in, so that 4x fewer bytes travel to the device: (x / 255 - mean) / std = (x - 255 mean) / (255 std)
        self._shift = torch.tensor(self._recipe.mean, device=self.device).mul(255)[:, None, None]
        self._scale = torch.tensor(self._recipe.std, device=self.device).mul(255).reciprocal()[:, None, None]
        # On a CPU, one batch a thread beats many threads a batch: small layers do not wait for each other.
        self.num_threads = num_cores()  # on a CPU, those that compute
        self._threads = single_threads(self.num_threads) if self.device == "cpu" else None

    def recipe(self, fps: Fraction) -> Recipe:
        return replace(self._recipe, fps=fps)

    def frame_size(self, video: VideoInfo) -> tuple[int, int]:
        """The size (H', W') of frames that the reader should give: the network's, or before a crop what it is cut from.

        Raises VideoError if the film is so wide or tall that this would be far more than the crop.
        """
        if self._recipe.geometry != CENTRE_CROP:
            return self.size
        aspect = video.width * video.sample_aspect_ratio / video.height  # as shown, in whole numbers
        if video.rotation in (90, 270):
            aspect = 1 / aspect
        if max(aspect, 1 / aspect) > MAX_ASPECT:
            raise VideoError(
                f"{video.path.name} is shown {float(max(aspect, 1 / aspect)):.3g} times as long as wide",
                "a model that looks at the middle of its frames is not used on it",
                f"crop it to a shape of at most {MAX_ASPECT} to 1, or use a model that looks at whole frames",
            )
        short = round(max(self.size) * CROP_RATIO)
        return (short, round(short * aspect)) if aspect >= 1 else (round(short / aspect), short)

    def execution(self, decoder: str) -> Execution:
        if self.device == "cuda":
            major, minor = torch.cuda.get_device_capability()
            instruction_set = f"sm_{major}{minor}"
        else:
            instruction_set = torch.backends.cpu.get_cpu_capability()
        return Execution(
            device=self.device,
            dtype=str(self._dtype).removeprefix("torch."),
            instruction_set=instruction_set,
            batch_size=self._batch_size,
            engine=f"torch {torch.__version__}, timm {timm.__version__}, batch norms folded",
            decoder=decoder,
        )

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
        return self._encode(frames[:, top : top + height, left : left + width])

    def encode(self, pixels: Tensor) -> NDArray[np.float16]:
        """Pixels float32 [N, 3, H, W], normalised -> float16 [N, D]: for callers that resize and crop in another way.

        The same bytes as of frames, where the pixels are the same.
        """
        if pixels.dtype != torch.float32 or pixels.shape[1:] != (3, *self.size):
            raise ValueError(
                f"pixels must be float32 [N, 3, {self.size[0]}, {self.size[1]}], "
                f"got {pixels.dtype} {list(pixels.shape)}"
            )
        return self._encode(pixels)

    def _encode(self, inputs: NDArray[np.uint8] | Tensor) -> NDArray[np.float16]:
        if not self._is_ready:
            self._model = fold_batch_norms(self._model).to(self.device, memory_format=torch.channels_last)
            if self._dtype != torch.float32:
                self._model = cast_weights(self._model, self._dtype, noise(self.size).to(self.device))
            self._is_ready = True
        batches = [inputs[i : i + self._batch_size] for i in range(0, len(inputs), self._batch_size)]
        parts = list((map if self._threads is None else self._threads.map)(self._forward, batches))
        values = np.concatenate(parts) if parts else np.zeros((0, self.num_features), np.float16)
        if not np.isfinite(values).all():
            raise BackboneError(
                f"{self.name} gave embeddings that are not finite in float16",
                "they cannot be used",
                "use another backbone or other weights",
            )
        return values

    @torch.inference_mode()
    def _forward(self, batch: NDArray[np.uint8] | Tensor) -> NDArray[np.float16]:
        if isinstance(batch, Tensor):
            inputs = batch.new_zeros(self._batch_size, *batch.shape[1:])
            inputs[: len(batch)] = batch
            inputs = inputs.to(self.device, memory_format=torch.channels_last)
        else:
            padded = np.zeros((self._batch_size, *batch.shape[1:]), np.uint8)
            padded[: len(batch)] = batch
            pixels = torch.from_numpy(padded).to(self.device).permute(0, 3, 1, 2)  # [N, 3, H, W], channels last
            inputs = pixels.float().sub_(self._shift).mul_(self._scale)
        with torch.autocast(self.device, self._dtype, enabled=self._dtype != torch.float32):
            values = self._model(inputs)
        result: NDArray[np.float16] = values[: len(batch)].to(torch.float16).cpu().numpy()
        return result


def devices() -> list[str]:
    """The devices on which a network can run here, in words."""
    cpu = f"CPU, {torch.backends.cpu.get_cpu_capability()}" + (", bfloat16 in hardware" if bf16_pays() else "")
    if not torch.cuda.is_available():
        return [cpu, "no CUDA device is usable"]
    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return [cpu, *(f"cuda:{i}, {name}" for i, name in enumerate(names))]


def _timms_recipe(model: Any, name: str, weights: str) -> Recipe:
    """What the network's embeddings mean if nothing else says it."""
    config = model.pretrained_cfg
    size = tuple(config["input_size"][1:])
    return Recipe(backbone=name, weights=weights, fps=Fraction(1), size=size, mean=config["mean"], std=config["std"])
