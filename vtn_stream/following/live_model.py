"""A model on a film while it is written: which way of following fits it."""

from fractions import Fraction

from vtn_stream.checkpoints import Checkpoint
from vtn_stream.errors import CheckpointError
from vtn_stream.following.live_head import LiveHead
from vtn_stream.following.live_peaks import LivePeaks
from vtn_stream.following.live_phases import LivePhases
from vtn_stream.following.live_spans import LiveSpans
from vtn_stream.heads import head_of
from vtn_stream.heads.dense import Dense
from vtn_stream.heads.localization import Localization
from vtn_stream.model import VTN

__all__ = ["live_model"]


def live_model(checkpoint: Checkpoint, network: VTN, point: str | None, fps: Fraction) -> LiveHead:
    """What this model says of a film while it is written.

    network  the checkpoint's, in evaluation mode; point, the name of an operating point, None: the default one

    Raises CheckpointError for a head of another package, of which is not known what of a film it reads.
    """
    head = head_of(checkpoint.config.head)
    if head.names_clips:
        return LivePeaks(checkpoint, network, point, fps)
    if isinstance(head, Dense):
        return LivePhases(checkpoint, network, point, fps)
    if isinstance(head, Localization):
        return LiveSpans(checkpoint, network, point, fps)
    raise CheckpointError(
        f"a {checkpoint.config.head.kind} head reads a film as a whole",
        "the film cannot be followed",
        "wait until it is complete, and use analyze",
    )
