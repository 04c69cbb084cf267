"""A film as one sequence, which is what the temporal encoder is made for (Neimark et al. 2021, section 3.2): what all
heads have in common when they read one.

    T positions, D embedding width
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from vtn_stream.backbone import FrameEncoder
from vtn_stream.checkpoints import Checkpoint
from vtn_stream.errors import CheckpointError
from vtn_stream.model import VTN, Encoded, TemporalEncoder
from vtn_stream.model.long import LongEncoding

__all__ = ["MAX_POSITIONS_IN_MEMORY", "finite_on_cpu", "from_files", "load_network", "relative_attention"]

# Longer sequences are encoded from scratch files: in memory this one takes 400 MB at D = 768.
MAX_POSITIONS_IN_MEMORY = 65_536


def load_network(checkpoint: Checkpoint, encoder: FrameEncoder) -> VTN:
    """Its network, where the encoder's device is. Raises CheckpointError for one that reads other embeddings than this
    encoder makes.
    """
    if checkpoint.config.encoder.input_width != encoder.num_features:
        raise CheckpointError(
            f"the model reads embeddings of width {checkpoint.config.encoder.input_width}, and {encoder.name} makes "
            f"{encoder.num_features}",
            "it cannot be used",
            "get the model file anew: its parts do not belong together",
        )
    return checkpoint.network().to(encoder.device)


def from_files(
    encoder: TemporalEncoder,
    values: NDArray[np.float16],
    valid: NDArray[np.bool_],
    position_ids: NDArray[np.int64] | None,
    *,
    scratch: Path,
    on_progress: Callable[[int, int], None] | None = None,
) -> LongEncoding:
    """The embeddings [T, D] of a very long film on their way; known by their content, whoever names them."""
    embeddings = torch.from_numpy(values)
    return LongEncoding(
        encoder,
        lambda start, stop: embeddings[start:stop],
        len(values),
        scratch=scratch,
        sequence=hashlib.blake2b(np.ascontiguousarray(values).data, digest_size=16).hexdigest(),
        position_ids=None if position_ids is None else torch.from_numpy(position_ids),
        valid=torch.from_numpy(valid),
        on_progress=on_progress,
    )


def relative_attention(encoded: Encoded) -> NDArray[np.float16]:
    """[T]: how much of the global token's attention each position of the one film got, the most being 1."""
    attention = encoded.attention[0].float().cpu().numpy()
    return (attention / max(float(attention.max()), 1e-30)).astype(np.float16)


def finite_on_cpu(tensor: torch.Tensor) -> NDArray[np.float32]:
    """On the CPU. Raises CheckpointError where the network gives NaN or infinity."""
    values: NDArray[np.float32] = tensor.float().cpu().numpy()
    if not np.isfinite(values).all():
        raise CheckpointError("the model gives no numbers (NaN)", "no timeline was drawn", "use another model")
    return values
