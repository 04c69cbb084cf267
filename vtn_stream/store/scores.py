"""Scores beside a timeline: one Arrow file, one row per position, so that thresholds can change later.

    columns   grid_s double, valid bool; if there are such scores, frame float16 [K] and saliency float16; if cuts were
              placed to the frame, cut_s double: when the first frame after a cut appears, or where the film begins or
              stops showing frames; NaN at all other positions
    metadata  video; labels [K]; clip [K] or null; spans {bounds [M][2], classes [M], scores [M]} or null

If labels exclude each other (a model with a dense head), the rest of a row of `frame` to 1 is the score of no label.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from vtn_stream.errors import DamagedFile
from vtn_stream.film import FrameIndex
from vtn_stream.store.arrow_file import content_of, read_batch, write_batch
from vtn_stream.track import GridScores, Spans

__all__ = ["read_scores", "scores_content", "scores_identity", "stored_spans", "write_scores"]

# Decimals of what is written of spans: a thousandth of a position, and scores from 0.001 on with three digits or more.
_BOUNDS, _SCORES = 3, 5


def write_scores(
    path: Path, scores: GridScores, index: FrameIndex, labels: tuple[str, ...], video_identity: str
) -> None:
    """Writes all scores; spans are rounded. Raises StoreError."""
    write_batch(path, "scores", *_batch(scores, index, labels, video_identity))


def scores_content(scores: GridScores, index: FrameIndex, labels: tuple[str, ...], video_identity: str) -> bytes:
    """The bytes that `write_scores` writes."""
    return content_of("scores", *_batch(scores, index, labels, video_identity)).to_pybytes()


def _batch(
    scores: GridScores, index: FrameIndex, labels: tuple[str, ...], video_identity: str
) -> tuple[pa.RecordBatch, dict[str, Any]]:
    columns = {"grid_s": pa.array(index.grid_s), "valid": pa.array(index.valid)}
    if index.cut_s is not None:
        columns["cut_s"] = pa.array(index.cut_s)
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
        "spans": None if scores.spans is None else _written(scores.spans),
    }
    return pa.record_batch(columns), metadata


def stored_spans(spans: Spans) -> Spans:
    """The spans as they come back from a file: rounded."""
    return Spans(bounds=np.round(spans.bounds, _BOUNDS), classes=spans.classes, scores=np.round(spans.scores, _SCORES))


def read_scores(path: Path) -> tuple[GridScores, FrameIndex, tuple[str, ...]]:
    """Reads what `write_scores` wrote; its clock has no frames. Raises FileNotFoundError, DamagedFile."""
    batch, fields = read_batch(path, "scores")
    try:
        return _parsed(batch, fields)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, pa.ArrowException) as error:
        raise DamagedFile(
            f"{path.name} does not hold scores in the form that this release writes",
            "it is not used",
            "analyze the film again",
        ) from error


def scores_identity(path: Path) -> str | None:
    """Which film the scores are of; None if the file is missing or something else."""
    try:
        _, fields = read_batch(path, "scores")
    except (FileNotFoundError, DamagedFile):
        return None
    return str(fields.get("video"))


def _parsed(batch: pa.RecordBatch, fields: dict[str, Any]) -> tuple[GridScores, FrameIndex, tuple[str, ...]]:
    labels, clip, spans = fields["labels"], fields["clip"], fields.get("spans")
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise TypeError("labels are not names")
    types = {"grid_s": pa.float64(), "valid": pa.bool_(), "saliency": pa.float16(), "cut_s": pa.float64()}
    for name in set(types) & set(batch.schema.names):
        if batch.column(name).type != types[name] or batch.column(name).null_count:
            raise TypeError(f"{name} is a column of {batch.column(name).type}")
    frame = None
    if "frame" in batch.schema.names:
        column = batch.column("frame")
        if column.type.value_type != pa.float16() or column.null_count or column.values.null_count:
            raise TypeError("frame does not hold scores")
        frame = column.values.to_numpy().reshape(len(batch), column.type.list_size)
    index = FrameIndex(
        grid_s=batch.column("grid_s").to_numpy(),
        frame=np.full(len(batch), -1),
        pts_s=np.full(len(batch), np.nan),
        valid=batch.column("valid").to_numpy(zero_copy_only=False),
        cut_s=batch.column("cut_s").to_numpy() if "cut_s" in batch.schema.names else None,
    )
    scores = GridScores(
        frame=frame,
        saliency=batch.column("saliency").to_numpy() if "saliency" in batch.schema.names else None,
        clip=None if clip is None else np.array(clip, np.float32),
        spans=None if spans is None else _spans(spans, len(labels)),
    )
    return scores, index, tuple(labels)


def _written(spans: Spans) -> dict[str, Any]:
    return {
        "bounds": np.round(spans.bounds, _BOUNDS).tolist(),
        "classes": spans.classes.tolist(),
        "scores": np.round(spans.scores, _SCORES).tolist(),
    }


def _spans(given: dict[str, Any], num_classes: int) -> Spans:
    """The inverse of `_written`. TypeError, ValueError, KeyError or OverflowError for anything else."""
    rows = list(zip(given["bounds"], given["classes"], given["scores"], strict=True))
    highest = 1.0
    for (start, end), k, score in rows:
        if not all(type(x) in (int, float) and math.isfinite(x) for x in (start, end, score)):
            raise TypeError("bounds and scores are numbers")
        if not (start <= end and type(k) is int and 0 <= k < num_classes and 0 <= score <= highest):
            raise ValueError("spans must have ordered bounds, one of the labels, and scores that do not rise")
        highest = score
    return Spans(
        bounds=np.array([bounds for bounds, _, _ in rows], np.float64).reshape(-1, 2),
        classes=np.array([k for _, k, _ in rows], np.int64),
        scores=np.array([score for _, _, score in rows], np.float64),
    )
