"""A model on one film: what the scorers of all heads have in common.

T positions of a film's grid, K labels
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vtn_stream.backbone import FrameEncoder
from vtn_stream.checkpoints import Checkpoint
from vtn_stream.checkpoints.training_films import FILM_DIGESTS
from vtn_stream.errors import CheckpointError
from vtn_stream.film import FrameIndex
from vtn_stream.heads import HEADS, Head, head_of
from vtn_stream.localize import DRAWINGS, draw
from vtn_stream.model import VTN
from vtn_stream.timeline import Segment
from vtn_stream.track import GridScores

__all__ = ["ModelOnFilm", "ModelScorer", "load_network", "model_provenance"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ModelOnFilm:
    """What is read, and by which model.

    point        the name of one of its operating points; None: the default one
    network      the checkpoint's, in evaluation mode
    within       the positions that were asked for, [first, last) of those that come; others are never looked at
    fps          positions per second
    film         names it
    scratch      a folder in which a very long film may have one of its own
    on_progress  hears how far the reading of such a film has come: positions done, and to do, over all layers
    """

    checkpoint: Checkpoint
    network: VTN
    within: tuple[int, int]
    fps: Fraction
    film: str
    scratch: Path
    point: str | None = None
    on_progress: Callable[[int, int], None] | None = None

    @property
    def rows(self) -> slice:
        """`within` of arrays [T, ...]."""
        return slice(*self.within)

    @property
    def head(self) -> Head[Any]:
        return head_of(self.checkpoint.config.head)

    def position_ids(self) -> NDArray[np.int64]:
        """The position ids that the model gets for the positions within."""
        first, last = self.within
        return self.checkpoint.window.position_ids(last - first, self.fps)


class ModelScorer:
    """Half of a `Scorer`: all but `advance`, `scores` and `notes`."""

    saliency_name = "attention"
    named_by_appearance = False

    def __init__(self, job: ModelOnFilm) -> None:
        self._job = job

    def labels(self, scores: GridScores) -> tuple[str, ...]:
        return self._job.checkpoint.labels

    def segments(self, scores: GridScores, index: FrameIndex, duration_s: float) -> list[Segment]:
        checkpoint = self._job.checkpoint
        valid = np.zeros_like(index.valid)
        valid[self._job.rows] = index.valid[self._job.rows]
        index = replace(index, valid=valid)
        points, rules = checkpoint.operating_points_at(self._job.point), checkpoint.phase_rules
        drawing, labels, instants = self._job.head.drawing, checkpoint.labels, checkpoint.instants
        return draw(drawing, scores, index, labels, duration_s, points, rules, instants)

    def provenance(self) -> dict[str, Any]:
        return model_provenance(self._job.checkpoint, self._job.point)


def model_provenance(checkpoint: Checkpoint, point: str | None = None) -> dict[str, Any]:
    """What a timeline says about its model: JSON values, known before a network or a film is loaded.

    point: as in ModelOnFilm
    """
    head = head_of(checkpoint.config.head)
    fields: dict[str, Any] = {
        "kind": head.analysis,
        "model": checkpoint.digest,
        **({"model_name": checkpoint.name} if checkpoint.name else {}),
        **({"linear": True} if checkpoint.config.is_linear else {}),
        **({"plugins": plugins} if (plugins := HEADS.versions(checkpoint.config.head.kind)) else {}),
        "num_labels": len(checkpoint.labels),
        "training": {key: value for key, value in checkpoint.training.items() if key != FILM_DIGESTS},
    }
    if head.names_clips:
        window = checkpoint.window
        fields |= {"window_positions": window.num_positions, "stride_positions": window.stride}
    if point is not None:
        fields["point"] = point
    fields |= checkpoint.operating_points_at(point).to_dict()
    if head.drawing == "phases":
        fields["phase_rules"] = None if checkpoint.phase_rules is None else checkpoint.phase_rules.to_dict()
    if checkpoint.instants:
        fields["instants"] = list(checkpoint.instants)
    if DRAWINGS.get(head.analysis) != head.drawing:
        fields["drawing"] = head.drawing
    return json.loads(json.dumps(fields))


def load_network(checkpoint: Checkpoint, encoder: FrameEncoder) -> VTN:
    """The checkpoint's network, on the encoder's device. Raises CheckpointError for one that reads other embeddings
    than this encoder makes.
    """
    num_inputs = len(checkpoint.inputs)
    if checkpoint.config.encoder.input_width != encoder.num_features * num_inputs:
        through = "" if num_inputs == 1 else f" for each of {num_inputs} inputs"
        raise CheckpointError(
            f"the model reads embeddings of width {checkpoint.config.encoder.input_width}, and {encoder.name} makes "
            f"{encoder.num_features}{through}",
            "it cannot be used",
            "download or copy the model file again: its parts do not fit together",
        )
    return checkpoint.network().to(encoder.device)
