"""Makes an image network fast without changing what its embeddings mean: number types, threads, fewer passes.

Knows networks and pixels; no weights, no film.
"""

import contextlib
import copy
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from timm.layers import BatchNormAct2d
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

__all__ = [
    "bf16_pays",
    "cast_weights",
    "dtype_for",
    "fold_batch_norms",
    "has_bfloat16",
    "noise",
    "num_cores",
    "single_threads",
]


def num_cores() -> int:
    """The number of cores that this process may use. Schedulers such as Ray and Slurm set OMP_NUM_THREADS."""
    num = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    omp_threads = os.environ.get("OMP_NUM_THREADS", "")
    return min(num, max(1, int(omp_threads))) if omp_threads.isascii() and omp_threads.isdigit() else num


def single_threads(num: int) -> ThreadPoolExecutor:
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


def dtype_for(model: nn.Module, device: str) -> torch.dtype:
    """The fastest number type that keeps embeddings at cosine 0.999 to those of float32.

    bfloat16 has 8 bits: enough for transformers (0.99997 for ViT-B), not for convolutions channel by channel, whose few
    products average little out (0.997 for tf_efficientnet_lite0, where float16 gives 0.99998).
    """
    is_convolutional = sum(isinstance(module, nn.Conv2d) for module in model.modules()) > 1  # one makes the patches
    if device == "cuda":
        return torch.float16 if is_convolutional else torch.bfloat16
    return torch.bfloat16 if bf16_pays() and not is_convolutional else torch.float32


def bf16_pays() -> bool:
    """Whether this CPU multiplies bfloat16 in hardware; if it does not, bfloat16 is slower than float32."""
    return bool(torch.cpu._is_avx512_bf16_supported()) if hasattr(torch.cpu, "_is_avx512_bf16_supported") else False


def has_bfloat16(device: str) -> bool:
    """Whether the device multiplies bfloat16 in hardware."""
    return torch.cuda.is_bf16_supported(including_emulation=False) if device == "cuda" else bf16_pays()


@torch.no_grad()  # not inference_mode: tensors made in it refuse other uses
def fold_batch_norms(model: Any, size: tuple[int, int]) -> Any:
    """The network in evaluation mode with every batch norm folded into the convolution whose output it takes.

    The same function in fewer passes over the activations. Which convolution feeds which norm is seen by watching one
    forward pass, of a frame of this size (H, W); where the outputs then differ (a convolution that feeds something else
    as well), the network stays as it is.
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
    pixels = noise(size)
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
def cast_weights(model: Any, dtype: torch.dtype, pixels: Tensor) -> Any:
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


def noise(size: tuple[int, int]) -> Tensor:
    """Pixels [1, 3, H, W] to try a network on."""
    return torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0))
