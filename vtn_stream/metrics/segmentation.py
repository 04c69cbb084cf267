"""Segmentation: a label for every frame. As MS-TCN scores it (Abu Farha and Gall 2019, section 4; its eval.py).

T frames, P predicted runs, G true runs

A run is a stretch of frames with one label, frames [start, end).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vtn_stream.errors import InputError
from vtn_stream.timeline import Segment

__all__ = ["SegmentationCounts", "SegmentationScores", "labels_on_grid", "segmentation_counts", "segmentation_scores"]

OVERLAPS = (0.1, 0.25, 0.5)

# One label for every frame of a video: words, or whole numbers.
Labels = Sequence[str] | Sequence[int] | NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentationScores:
    """All in percent, 0..100.

    accuracy  frames labelled as in the truth, of all frames of all videos
    edit      the mean over videos of the likeness of the sequences of runs
    overlaps  the least IoU of a found run, for each of `f1`
    f1        F1 of runs, summed over all videos first
    """

    accuracy: float
    edit: float
    overlaps: tuple[float, ...]
    f1: tuple[float, ...]


def segmentation_scores(
    predictions: Mapping[str, Labels],
    truth: Mapping[str, Labels],
    *,
    background: Collection[str] | Collection[int] = (),
    unknown: str | int | None = None,
    overlaps: Sequence[float] = OVERLAPS,
) -> SegmentationScores:
    """Frame accuracy, edit score and F1@overlaps of labels per video, each a sequence of T words or T whole numbers.

    Edit is 100 (1 - d / max(P, G)), d the Levenshtein distance of the labels of the runs. For F1 a predicted run is
    compared with the true run of its label that it overlaps most (IoU; of two alike the earlier); it is right when
    that IoU is at least the overlap and no earlier one was right of it, else it is a false alarm. Runs of `background`
    labels are left out of edit and F1, and the runs around them are not joined; accuracy counts every frame. Where
    there is no run on either side, edit and F1 are 100.

    unknown  of the truth, the label that says that nobody knows: such frames count nowhere. Runs are as long as their
             other frames, and a predicted run that lies mostly in unknown time is neither right nor wrong

    Raises InputError for videos or lengths that differ, for a video without frames and for labels of two kinds.
    """
    counts = segmentation_counts(predictions, truth, background=background, unknown=unknown, overlaps=overlaps)
    return counts.scores()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SegmentationCounts:
    """What the measures of V videos are made of; videos names the rows.

    num_right   int64 [V], frames labelled as in the truth, of num_frames [V]
    edit        float64 [V], percent
    hits        int64 [V, K], true positives at each of K overlaps, of num_runs [V] runs on both sides
    """

    videos: tuple[str, ...]
    overlaps: tuple[float, ...]
    num_right: NDArray[np.int64]
    num_frames: NDArray[np.int64]
    edit: NDArray[np.float64]
    hits: NDArray[np.int64]
    num_runs: NDArray[np.int64]

    def scores(self) -> SegmentationScores:
        """Of all videos together."""
        num_runs = int(self.num_runs.sum())
        return SegmentationScores(
            accuracy=100 * int(self.num_right.sum()) / max(1, int(self.num_frames.sum())),
            edit=float(np.mean(self.edit)),
            overlaps=self.overlaps,
            # 2 tp / (2 tp + fp + fn)
            f1=tuple(float(200 * h / num_runs) if num_runs else 100.0 for h in self.hits.sum(axis=0)),
        )


def segmentation_counts(
    predictions: Mapping[str, Labels],
    truth: Mapping[str, Labels],
    *,
    background: Collection[str] | Collection[int] = (),
    unknown: str | int | None = None,
    overlaps: Sequence[float] = OVERLAPS,
) -> SegmentationCounts:
    """What `segmentation_scores` are made of, video by video; see there."""
    if isinstance(background, str):
        raise ValueError(f"background is a collection of labels, got {background!r}")
    if not overlaps or not all(0 < k <= 1 for k in overlaps):
        raise ValueError(f"overlaps are one or more numbers in (0, 1], got {tuple(overlaps)}")
    pairs = aligned(predictions, truth)
    edits, hits, num_runs, num_right, num_frames = [], [], [], [], []
    for predicted, true in pairs.values():
        known = np.ones(len(true), np.bool_) if unknown is None else true != unknown
        silent = [*background] if unknown is None else [*background, unknown]
        ours, theirs = _runs(predicted, silent, known), _runs(true, silent, known)
        longest = max(len(ours.label), len(theirs.label))
        edits.append(100 * (1 - _levenshtein(ours.label, theirs.label) / longest) if longest else 100.0)
        hits.append(_hits(ours, theirs, overlaps))
        num_runs.append(len(ours.label) + len(theirs.label))
        num_right.append(np.count_nonzero((predicted == true) & known))
        num_frames.append(np.count_nonzero(known))
    return SegmentationCounts(
        videos=tuple(pairs),
        overlaps=tuple(overlaps),
        num_right=np.array(num_right, np.int64),
        num_frames=np.array(num_frames, np.int64),
        edit=np.array(edits),
        hits=np.stack(hits),
        num_runs=np.array(num_runs, np.int64),
    )


def labels_on_grid(segments: Sequence[Segment], times_s: NDArray[np.float64], background: str) -> NDArray[np.str_]:
    """The label at each of times_s [T] seconds, in any order; `background` where no segment is.

    A segment covers [start_s, end_s), an instant covers nothing. If several cover a time, the one with the highest
    score wins, one without a score loses to any other, and of those alike the label that sorts first wins.
    """
    times = np.asarray(times_s, np.float64)
    if times.ndim != 1 or np.isnan(times).any():
        raise ValueError(f"times_s must be numbers [T], got {times.shape} or some that are not a number")
    rank = {label: i for i, label in enumerate(sorted({s.label for s in segments}))}
    order = np.argsort(times, kind="stable")
    holds = np.full(len(times), len(rank))
    for s in sorted(segments, key=lambda s: (s.score is not None, s.score or 0.0, -rank[s.label])):
        first, stop = np.searchsorted(times, [s.start_s, s.end_s], sorter=order)
        holds[order[first:stop]] = rank[s.label]  # over those that lose to it
    return np.array([*rank, background])[holds]


def aligned(
    predictions: Mapping[str, Labels], truth: Mapping[str, Labels]
) -> dict[str, tuple[NDArray[Any], NDArray[Any]]]:
    """Predicted and true labels [T] of every video, by name. Raises InputError if they cannot be compared."""
    if not truth:
        raise InputError("the truth holds no video", "nothing can be scored", "check which videos were chosen")
    for name in sorted(set(predictions) ^ set(truth)):
        side, other = ("predictions", "truth") if name in predictions else ("truth", "predictions")
        raise InputError(
            f"{name} is among the {side}, but not in the {other}",
            "nothing was scored: every frame counts",
            "give the same videos on both sides",
        )
    pairs = {}
    for name in sorted(truth):
        predicted, true = _array(predictions[name]), _array(truth[name])
        if len(predicted) != len(true) or not len(true):
            raise InputError(
                f"{name} has {len(predicted)} predicted labels and {len(true)} true ones",
                "nothing was scored: frames are compared one by one",
                "give one label for every frame on both sides",
            )
        if (predicted.dtype.kind == "U") != (true.dtype.kind == "U"):
            raise InputError(
                f"{name} is labelled with words on one side and with numbers on the other",
                "no frame could agree",
                "give both as words or both as numbers",
            )
        pairs[name] = predicted, true
    return pairs


def _array(labels: Labels) -> NDArray[Any]:
    array = np.asarray(labels)
    if array.ndim != 1 or (len(array) and array.dtype.kind not in "Uiu"):
        raise ValueError(f"labels must be words [T] or whole numbers [T], got {array.dtype} {array.shape}")
    return array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Runs:
    """Runs in order of time: labels [N], and known frames [start, stop) of each."""

    label: NDArray[Any]
    start: NDArray[np.int64]
    stop: NDArray[np.int64]


def _runs(labels: NDArray[Any], background: Collection[Any], known: NDArray[np.bool_]) -> _Runs:
    """Those of which half is known, or more."""
    start = np.flatnonzero(np.concatenate([[True], labels[1:] != labels[:-1]]))
    stop = np.append(start[1:], len(labels))
    before = np.concatenate([[0], known.cumsum()])  # known frames before each
    kept = np.array([label not in background for label in labels[start].tolist()])
    kept &= 2 * (before[stop] - before[start]) >= stop - start
    return _Runs(label=labels[start[kept]], start=before[start[kept]], stop=before[stop[kept]])


def _levenshtein(a: NDArray[Any], b: NDArray[Any]) -> int:
    """The least number of insertions, deletions and replacements that make a of b."""
    short, long = sorted((a, b), key=len)
    steps = np.arange(len(long) + 1)
    row = steps
    for i, label in enumerate(short.tolist(), 1):
        changed = np.minimum(row[:-1] + (long != label), row[1:] + 1)
        # An insertion costs one more than what stands to its left: a running minimum along the row.
        row = np.minimum.accumulate(np.concatenate([[i], changed]) - steps) + steps
    return int(row[-1])


def _hits(predicted: _Runs, true: _Runs, overlaps: Sequence[float]) -> NDArray[np.int64]:
    """True positives at each overlap: true runs that are the best match of a predicted run with enough overlap."""
    hits = np.zeros(len(overlaps), np.int64)
    for label in np.intersect1d(predicted.label, true.label):
        p, t = predicted.label == label, true.label == label
        start, stop = predicted.start[p, None], predicted.stop[p, None]
        shared = np.minimum(stop, true.stop[t]) - np.maximum(start, true.start[t])  # [P, G]
        union = np.maximum(stop, true.stop[t]) - np.minimum(start, true.start[t])  # where any is shared
        iou = shared / union
        best = iou.argmax(axis=1)
        value = iou.max(axis=1)
        hits += [len(np.unique(best[value >= overlap])) for overlap in overlaps]
    return hits
