"""The moments of a film that may be suggested: spans of a few seconds with fixed borders, and what is known of each.

T positions of a film's grid, D embedding width, K labels, M moments, d width of a look
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vtn_stream.corrections import joined, what_stands
from vtn_stream.film import CLOCK_TOLERANCE_S, FrameIndex
from vtn_stream.known import Spans, known_of, seconds, shared
from vtn_stream.metrics.doubt import Doubt, answers, doubt, usual_doubt
from vtn_stream.timeline import Timeline
from vtn_stream.track import GridScores

if TYPE_CHECKING:
    from vtn_stream.checkpoints import Checkpoint

__all__ = ["MOMENT_S", "Moments", "known_seconds", "known_spans", "moments_by", "moments_of"]

MOMENT_S = 5.0  # long enough to see what happens, and short enough to be answered at once
LOOK_WIDTH = 128  # distances of random projections are right to some 10 %: enough to tell what looks alike
MIN_SEEN = 0.5  # of a moment's positions must show something


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moments:
    """What `suggest` must know of one film: half a kilobyte a moment, whatever the width of its embeddings.

    start_s, end_s  [M], ascending
    looks           float32 [M, d]: what the moment looks like, for comparisons; unit vectors of embeddings, projected
    doubts          [M], 0..1: of its positions, on average
    said            [M, O], adding up to 1: how likely each label is by the model, on average; the last is nothing
    open            bool [M]: may be suggested: most of it is not known and shows something
    known           bool [M]: most of it is known and shows something
    """

    start_s: NDArray[np.float64]
    end_s: NDArray[np.float64]
    looks: NDArray[np.float32]
    doubts: NDArray[np.float64]
    said: NDArray[np.float64]
    open: NDArray[np.bool_]
    known: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.start_s)


def known_spans(timeline: Timeline, labels: Sequence[str], *, exclusive: bool) -> Spans:
    """The time of a film of which it is known what happens: which one of these labels, if they exclude each other, else
    of each whether it does.
    """
    known = known_of(timeline)
    return known.of_one_label(labels, what_stands(timeline)) if exclusive else known.every(labels)


def known_seconds(timeline: Timeline, labels: Sequence[str]) -> NDArray[np.float64]:
    """[O]: for how long a person said that each label holds, and last that none of them does."""
    found, by_hand = np.zeros(len(labels) + 1), what_stands(timeline)
    for k, label in enumerate(labels):  # an instant is no less of an example than a second
        found[k] = sum(max(s.duration_s, 1.0) for s in by_hand if s.label == label)
    shown = tuple(joined((s.start_s, s.end_s) for s in by_hand))
    spans = known_of(timeline).every(labels)
    found[-1] = seconds(spans) - seconds(shared(spans, shown))
    return found


def moments_of(
    values: NDArray[np.float16],
    index: FrameIndex,
    frame: NDArray[np.float16],
    duration_s: float,
    known: Sequence[tuple[float, float]],
    *,
    measure: Doubt,
    thresholds: NDArray[np.floating],
    exclusive: bool,
    num_inputs: int = 1,
    length_s: float = MOMENT_S,
) -> Moments:
    """The moments of a film, from its start. values [T, D] of num_inputs side by side; frame [T, K]: a model's scores.

    known  spans of seconds; measure, thresholds [K] and exclusive: as in `doubt`
    """
    num = max(1, int(np.ceil((duration_s - CLOCK_TOLERANCE_S) / length_s)))
    of = np.minimum((index.grid_s / length_s + CLOCK_TOLERANCE_S).astype(np.int64), num - 1)  # [T]
    of, valid = np.maximum(of, 0), index.valid
    total = np.bincount(of, minlength=num)
    seen = np.bincount(of[valid], minlength=num)
    count = np.maximum(seen, 1)

    def mean(rows: NDArray[np.floating]) -> NDArray[np.float64]:
        added, there = np.zeros((num, rows.shape[1])), seen > 0
        if there.any():  # positions of a moment are neighbours
            added[there] = np.add.reduceat(rows[valid], (np.cumsum(seen) - seen)[there], axis=0, dtype=np.float64)
        return added / count[:, None]

    doubts = doubt(frame, measure, thresholds, exclusive=exclusive)
    inside = np.zeros(len(index), np.bool_)
    for low_s, high_s in known:
        inside[slice(*np.searchsorted(index.grid_s, [low_s, high_s]))] = True
    num_known = np.bincount(of[inside], minlength=num)
    shows = (total > 0) & (seen >= MIN_SEEN * total)
    is_known = 2 * num_known >= np.maximum(total, 1)
    starts = np.arange(num, dtype=np.float64) * length_s
    return Moments(
        start_s=starts,
        end_s=np.minimum(starts + length_s, duration_s),
        looks=_looks(mean(values), num_inputs),
        doubts=mean(doubts[:, None])[:, 0],
        said=mean(answers(frame, thresholds, exclusive=exclusive)),
        open=shows & ~is_known,
        known=shows & is_known,
    )


def _looks(means: NDArray[np.float64], num_inputs: int) -> NDArray[np.float32]:
    """[M, d]: each input counts as much as the others, whatever the size of its numbers."""
    parts = means.reshape(len(means), num_inputs, -1)
    parts = parts / np.maximum(np.linalg.norm(parts, axis=2, keepdims=True), 1e-9)
    width = means.shape[1]
    directions = np.random.default_rng(0).standard_normal((width, LOOK_WIDTH)) / np.sqrt(LOOK_WIDTH * num_inputs)
    return (parts.reshape(len(means), width) @ directions).astype(np.float32)


def moments_by(
    checkpoint: "Checkpoint",
    values: NDArray[np.float16],
    index: FrameIndex,
    scores: GridScores,
    duration_s: float,
    corrected: Sequence[Timeline],
) -> Moments:
    """The moments of a film that a model scored. corrected: timelines of it, which may hold hand work."""
    exclusive, labels, points = _excludes(checkpoint), checkpoint.labels, checkpoint.operating_points
    frame = scores.frame
    return moments_of(
        values,
        index,
        np.zeros((len(index), len(labels)), np.float16) if frame is None else frame,
        duration_s,
        [span for timeline in corrected for span in known_spans(timeline, labels, exclusive=exclusive)],
        measure=usual_doubt(exclusive=exclusive),
        thresholds=np.array([points.of(label).high for label in labels]),
        exclusive=exclusive,
        num_inputs=len(checkpoint.inputs),
    )


def _excludes(checkpoint: "Checkpoint") -> bool:
    """Whether a model's labels exclude each other: their scores add up to 1 at most."""
    from vtn_stream.heads import head_of  # it brings torch

    return head_of(checkpoint.config.head).drawing != "spans"
