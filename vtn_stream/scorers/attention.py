"""What a model's global token saw of each moment of a film in one of its layers, of one head or of all, from the stored
embeddings: no film is decoded, and no image network loaded.

T positions, D embedding width of all inputs together
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from vtn_stream.checkpoints import Checkpoint
from vtn_stream.errors import CheckpointError, InputError
from vtn_stream.film import FrameIndex
from vtn_stream.localize import curve
from vtn_stream.model import EncoderConfig, TemporalEncoder
from vtn_stream.model.encoder import up_to_layer
from vtn_stream.sampling import SamplingPlan
from vtn_stream.scorers.sequence import SequenceEncoding, relative_attention
from vtn_stream.store import EmbeddingStore
from vtn_stream.timeline import Curve, Timeline
from vtn_stream.track import WHOLE, check_region

__all__ = ["AttentionOf", "attention_curve", "check_attention"]

_NOTHING = "nothing was drawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionOf:
    """A layer, and one of its heads; None: the mean of its heads. Both are counted from 1."""

    layer: int
    head: int | None = None

    def __str__(self) -> str:
        return f"attention, layer {self.layer}" + ("" if self.head is None else f", head {self.head}")


def check_attention(checkpoint: Checkpoint, which: AttentionOf) -> None:
    """Raises CheckpointError for a linear model, which has no attention, and for a model without a global token, whose
    attention is drawn; InputError for a layer or head that there is not.
    """
    config = checkpoint.config.encoder
    if not isinstance(config, EncoderConfig):
        raise CheckpointError(
            "this is a linear model, and has no attention", _NOTHING, "give a model that is a network"
        )
    if not config.global_token:
        raise CheckpointError(
            "this model can be followed, and so it has no global token whose attention could be drawn",
            _NOTHING,
            "give a model that was trained without --streamable",
        )
    if not 1 <= which.layer <= config.num_layers or not (which.head is None or 1 <= which.head <= config.num_heads):
        raise InputError(
            f"the model has no {str(which).removeprefix('attention, ')}",
            _NOTHING,
            f"it has layers 1 to {config.num_layers}, each with heads 1 to {config.num_heads}",
        )


@torch.inference_mode()
def attention_curve(
    checkpoint: Checkpoint, timeline: Timeline, store: EmbeddingStore, which: AttentionOf
) -> Curve | None:
    """The attention over the part of the film that was analyzed, the most being 1; None where there are fewer than two
    positions to draw. The whole part is one sequence, as when the model drew its own curve.

    Raises InputError or CheckpointError as `check_attention`, and for a recording in several files; StoreError where
    embeddings are not stored.
    """
    check_attention(checkpoint, which)
    if timeline.parts:
        raise InputError(
            f"{timeline.video_path} is a recording in {len(timeline.parts)} files, and attention is drawn of one film",
            _NOTHING,
            "analyze the file that matters by itself, and draw that timeline",
        )
    values, index = _embeddings(checkpoint, timeline, store)
    if not index.valid.any():
        return None
    encoder = checkpoint.network().encoder
    assert isinstance(encoder, TemporalEncoder)
    shown = up_to_layer(encoder, which.layer, None if which.head is None else which.head - 1)
    ids = checkpoint.window.position_ids(len(values), checkpoint.recipe.fps)
    scratch = store.scratch / f"attention-{timeline.video_identity}"
    encoded = SequenceEncoding(shown, values, index.valid, ids, scratch=scratch).cls()
    attention = relative_attention(encoded)
    assert attention is not None
    return curve(attention, index)


def _embeddings(
    checkpoint: Checkpoint, timeline: Timeline, store: EmbeddingStore
) -> tuple[NDArray[np.float16], FrameIndex]:
    """Of the analyzed part: values [T, D], and their clock."""
    recipe = replace(checkpoint.recipe, region=_region(timeline, checkpoint.recipe.region))
    tracks = [store.track(timeline, recipe=replace(recipe, input=name)) for name in checkpoint.inputs]
    plan, clock = SamplingPlan(checkpoint.recipe.fps), tracks[0].index
    first, last = plan.positions(*timeline.span_s)
    number = np.rint(clock.grid_s * float(plan.fps))
    within = (number >= first) & (number < last)
    if any(len(track) != len(clock) for track in tracks) or np.count_nonzero(within) < last - first:
        raise InputError(
            f"the store has no embeddings of all that was analyzed of {timeline.video_path}",
            _NOTHING,
            "analyze the film with this model and this store",
        )
    valid = np.logical_and.reduce([track.valid for track in tracks])
    index = FrameIndex(
        grid_s=clock.grid_s[within],
        frame=clock.frame[within],
        pts_s=clock.pts_s[within],
        valid=valid[within],
    )
    values = np.concatenate([track.values for track in tracks], axis=1)[within]
    values[~index.valid] = 0
    return values, index


def _region(timeline: Timeline, usual: str) -> str:
    """What was looked at of the picture, as a recipe names it; usual: where the timeline says nothing of it."""
    recipe = timeline.provenance.get("recipe")
    region = recipe.get("region", WHOLE) if isinstance(recipe, dict) else usual
    try:
        check_region(str(region))
    except ValueError:  # a stranger may have put anything there
        return usual
    return str(region)
