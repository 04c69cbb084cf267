"""Scores of a model of actions: it reads the film as one sequence and labels every position, or proposes spans. T
positions of the grid that come.
"""

from dataclasses import replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from vtn_stream.checkpoints import Checkpoint
from vtn_stream.film import FrameIndex
from vtn_stream.heads import head_of
from vtn_stream.localize import joined, strongest
from vtn_stream.model import StatisticsConfig
from vtn_stream.scorers.model import ModelScorer
from vtn_stream.scorers.sequence import MAX_POSITIONS_IN_MEMORY, read_film
from vtn_stream.track import GridScores

__all__ = ["FilmActions", "action_notes"]


class FilmActions(ModelScorer):
    """Implements `Scorer`: one checkpoint with a head that finds when things happen, on one film."""

    def advance(self, values: NDArray[np.float16], index: FrameIndex, settled: NDArray[np.bool_]) -> None:
        """Does nothing: what happens at a position depends on the whole film, and so `scores` reads it."""

    def scores(self, values: NDArray[np.float16], index: FrameIndex, *, complete: bool) -> GridScores:
        """The scores by `read_film`; of an incomplete film those known so far, in memory and without saliency."""
        job = self._job
        valid, offset, ids = index.valid[job.rows], job.rows.start, job.position_ids()
        parts = [(0, len(valid))] if complete and valid.any() else _known(valid)
        frame = np.zeros((len(values), len(job.checkpoint.labels)), np.float16)
        saliency = np.zeros(len(values), np.float16)
        spans = []
        for start, stop in parts:
            rows = slice(offset + start, offset + stop)
            read = read_film(
                job.network,
                values[rows],
                valid[start:stop],
                job.fps,
                position_ids=ids[start:stop],
                scratch=job.scratch / job.film,
                on_progress=job.on_progress,
            )
            frame[rows] = read.frame
            if read.saliency is not None:
                saliency[rows] = read.saliency
            if read.spans is not None:
                spans.append(replace(read.spans, bounds=read.spans.bounds + rows.start))
        together = joined(spans)
        return GridScores(
            frame=frame,
            saliency=saliency if complete and parts and not job.checkpoint.config.is_local else None,
            spans=strongest(together, len(together)) if job.head.drawing == "spans" else None,
        )

    def notes(self) -> list[str]:
        return action_notes(self._job.checkpoint, self._job.fps)


def action_notes(checkpoint: Checkpoint, fps: Fraction) -> list[str]:
    """What a reader of such a timeline should know."""
    every_s = float(1 / fps)
    how = head_of(checkpoint.config.head).note(checkpoint.phase_rules)
    if isinstance(statistics := checkpoint.config.encoder, StatisticsConfig):
        span_s = float((2 * (statistics.reach or 0) + 1) / fps)
        return [f"A linear model read what {span_s:.3g} s around each position show, every {every_s:.3g} s, and {how}"]
    return [f"A model read the film as one sequence, a position every {every_s:.3g} s, and {how}"]


def _known(valid: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """[start, stop) of stretches that hold all valid positions; long ones in parts that fit in memory."""
    parts = []
    for start in range(0, len(valid), MAX_POSITIONS_IN_MEMORY):
        known = start + np.flatnonzero(valid[start : start + MAX_POSITIONS_IN_MEMORY])
        if len(known):
            parts.append((int(known[0]), int(known[-1]) + 1))
    return parts
