"""Scores beside a timeline: one Arrow file, one row a position, so that thresholds can change later."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from vtn_stream.errors import DamagedFile
from vtn_stream.film import FrameIndex
from vtn_stream.store.arrow_file import read_batch, write_batch
from vtn_stream.track import GridScores

__all__ = ["read_scores", "scores_identity", "write_scores"]


def write_scores(
    path: Path, scores: GridScores, index: FrameIndex, labels: tuple[str, ...], video_identity: str
) -> None:
    """grid_s, valid, and where the scores have them: frame (float16 [K]), saliency. Raises StoreError."""
    columns = {"grid_s": pa.array(index.grid_s), "valid": pa.array(index.valid)}
    if scores.frame is not None and scores.frame.shape[1]:
        columns["frame"] = pa.FixedSizeListArray.from_arrays(
            pa.array(np.ascontiguousarray(scores.frame).ravel()), scores.frame.shape[1]
        )
    if scores.saliency is not None:
        columns["saliency"] = pa.array(scores.saliency)
    metadata = {
        "video": video_identity,
        "labels": list(labels),
        "clip": None if scores.clip is None else scores.clip.tolist(),
    }
    write_batch(path, "scores", pa.record_batch(columns), metadata)


def read_scores(path: Path) -> tuple[GridScores, FrameIndex, tuple[str, ...]]:
    """What `write_scores` wrote; the clock knows the grid and validity only. Raises DamagedFile."""
    batch, fields = read_batch(path, "scores")
    names = set(batch.schema.names)
    if not {"grid_s", "valid"} <= names:
        raise DamagedFile(f"{path.name} has no clock", "it is not used", "analyze the film again")
    frame = None
    if "frame" in names:
        column = batch.column("frame")
        frame = column.values.to_numpy().reshape(len(batch), column.type.list_size)
    clip = fields.get("clip")
    index = FrameIndex(
        grid_s=batch.column("grid_s").to_numpy(),
        frame=np.full(len(batch), -1),
        pts_s=np.full(len(batch), np.nan),
        valid=batch.column("valid").to_numpy(zero_copy_only=False),
    )
    scores = GridScores(
        frame=frame,
        saliency=batch.column("saliency").to_numpy() if "saliency" in names else None,
        clip=None if clip is None else np.array(clip, np.float32),
    )
    return scores, index, tuple(fields["labels"])


def scores_identity(path: Path) -> str | None:
    """Which film the scores are of; None where the file is missing or something else."""
    try:
        _, fields = read_batch(path, "scores")
    except (FileNotFoundError, DamagedFile):
        return None
    return str(fields.get("video"))
