"""An image network with its weights on its device: pictures in, embeddings out. Imports torch and timm.

N frames, H x W the network's input size, D its feature width.
"""

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np
import timm
import torch
from numpy.typing import NDArray
from torch import Tensor

from vtn_stream.backbone.digest import weights_digest
from vtn_stream.backbone.hub import Hub
from vtn_stream.backbone.pooling import Maximum, embedding_width
from vtn_stream.backbone.speed import (
    bf16_pays,
    cast_weights,
    dtype_for,
    fold_batch_norms,
    noise,
    num_cores,
    single_threads,
)
from vtn_stream.backbone.weights import pretrained
from vtn_stream.errors import BackboneError
from vtn_stream.track import BackboneFacts, Execution, Pooling, Recipe

__all__ = ["Network", "devices"]

# Frames a forward pass. Always the same number, the last batch padded: a network's output for one frame differs
# in its last bits with the batch size, and never with its neighbours. Small on a CPU: larger activations fall out
# of its caches (benchmarks/embedding.py); large on a GPU, to fill it.
BATCH_SIZE = {"cpu": 4, "cuda": 64}


class Network:
    """Loads the network. weights and size as FrameEncoder has them; device, cpu or cuda; hub, for weights from there.

    facts  what its embeddings mean as timm would have it, at 1 frame a second; `normalise` sets another mean and std
    """

    def __init__(
        self,
        name: str,
        weights: Path | Mapping[str, Tensor] | None,
        size: tuple[int, int] | None,
        device: str,
        hub: Hub | None = None,
        *,
        pooling: Pooling = "network",
    ) -> None:
        self._name = name
        self._device = device
        self._model, source = pretrained(name, weights, size, hub)
        config = self._model.pretrained_cfg
        self.facts = BackboneFacts(
            recipe=Recipe(
                backbone=name,
                weights=weights_digest(self._model.state_dict()),
                fps=Fraction(1),
                size=tuple(config["input_size"][1:]) if size is None else size,
                mean=config["mean"],
                std=config["std"],
                pooling=pooling,
            ),
            num_features=embedding_width(self._model, pooling),
            source=source,
        )
        if pooling == "maximum":
            self._model = Maximum(self._model)
        self._size = self.facts.recipe.size
        self._dtype = dtype_for(self._model, device)
        self._batch_size = BATCH_SIZE[device]
        self._is_ready = False  # at the first frame: a film whose embeddings are stored needs no such work
        self.normalise(self.facts.recipe)
        # On a CPU, one batch a thread beats many threads a batch: small layers do not wait for each other.
        self.num_threads = num_cores()  # on a CPU, those that compute
        self._threads = single_threads(self.num_threads) if device == "cpu" else None

    def normalise(self, recipe: Recipe) -> None:
        """Takes the recipe's mean and std for frames to come."""
        # uint8 in, so that 4x fewer bytes travel to the device: (x / 255 - mean) / std = (x - 255 mean) / (255 std)
        self.shift = torch.tensor(recipe.mean, device=self._device).mul(255)[:, None, None]
        self.scale = torch.tensor(recipe.std, device=self._device).mul(255).reciprocal()[:, None, None]

    def execution(self, decoder: str) -> Execution:
        if self._device == "cuda":
            major, minor = torch.cuda.get_device_capability()
            instruction_set = f"sm_{major}{minor}"
        else:
            instruction_set = torch.backends.cpu.get_cpu_capability()
        return Execution(
            device=self._device,
            dtype=str(self._dtype).removeprefix("torch."),
            instruction_set=instruction_set,
            batch_size=self._batch_size,
            engine=f"torch {torch.__version__}, timm {timm.__version__}, batch norms folded",
            decoder=decoder,
        )

    def __call__(self, inputs: NDArray[np.uint8] | Tensor) -> NDArray[np.float16]:
        """uint8 [N, H, W, 3], or pixels float32 [N, 3, H, W], normalised -> float16 [N, D]. Raises BackboneError."""
        if not self._is_ready:
            self._model = fold_batch_norms(self._model, self._size).to(self._device, memory_format=torch.channels_last)
            if self._dtype != torch.float32:
                self._model = cast_weights(self._model, self._dtype, noise(self._size).to(self._device))
            self._is_ready = True
        batches = [inputs[i : i + self._batch_size] for i in range(0, len(inputs), self._batch_size)]
        parts = list((map if self._threads is None else self._threads.map)(self._forward, batches))
        values = np.concatenate(parts) if parts else np.zeros((0, self.facts.num_features), np.float16)
        if not np.isfinite(values).all():
            raise BackboneError(
                f"{self._name} gave embeddings that are not finite in float16",
                "they cannot be used",
                "use another backbone or other weights",
            )
        return values

    @torch.inference_mode()
    def _forward(self, batch: NDArray[np.uint8] | Tensor) -> NDArray[np.float16]:
        if isinstance(batch, Tensor):
            inputs = batch.new_zeros(self._batch_size, *batch.shape[1:])
            inputs[: len(batch)] = batch
            inputs = inputs.to(self._device, memory_format=torch.channels_last)
        else:
            padded = np.zeros((self._batch_size, *batch.shape[1:]), np.uint8)
            padded[: len(batch)] = batch
            pixels = torch.from_numpy(padded).to(self._device).permute(0, 3, 1, 2)  # [N, 3, H, W], channels last
            inputs = pixels.float().sub_(self.shift).mul_(self.scale)
        with torch.autocast(self._device, self._dtype, enabled=self._dtype != torch.float32):
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
