"""The digest of a network's weights, which identifies them in a recipe. Needs no timm."""

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor

__all__ = ["weights_digest"]


def weights_digest(tensors: Mapping[str, Tensor]) -> str:
    """The digest of a network's weights, however they were packaged. The network comes without its classifier."""
    digest = hashlib.blake2b(digest_size=16)
    for key, value in sorted(tensors.items()):
        if not key.endswith("num_batches_tracked"):  # a counter of training steps; it changes no output
            digest.update(f"{key} {value.dtype} {list(value.shape)}".encode())
            digest.update(value.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
