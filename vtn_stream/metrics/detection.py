"""Detection: are the segments that a model predicts those that people saw? As ActivityNet scores it.

C classes, K tIoU thresholds, P predictions, G true segments, V videos

Predictions and truth come as segments per video; the truth's keys are the videos that are scored, also those in which
nothing happens. A prediction without a score, with a label that the truth does not know, or in a video outside the
truth raises InputError, and so does a truth without segments. Nothing depends on the order of videos or of true
segments; predictions of one video that score alike rank in the order given.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vtn_stream.errors import InputError, listed
from vtn_stream.timeline import Segment

__all__ = [
    "ACTIVITYNET",
    "EPIC",
    "THUMOS14",
    "ClassScores",
    "DetectionScores",
    "ProposalRanks",
    "ProposalScores",
    "average_recall",
    "detection_map",
    "proposal_ranks",
]

# Written out: sums of .05 miss a tIoU that is exactly at the threshold.
THUMOS14 = (0.3, 0.4, 0.5, 0.6, 0.7)
ACTIVITYNET = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
EPIC = (0.1, 0.2, 0.3, 0.4, 0.5)

Segments = Mapping[str, Sequence[Segment]]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClassScores:
    """How well one class is found.

    num_truth  true segments in all videos
    ap         float64 [K], average precision at each threshold, 0..1
    scores     float64 [P], of the predictions of this class, descending
    matched    bool [K, P], whether the prediction took a true segment
    """

    num_truth: int
    ap: Floats
    scores: Floats
    matched: Bools

    @property
    def recall(self) -> Floats:
        """float64 [K, P], of the predictions up to each; with `precision` the curve to draw."""
        return self.matched.cumsum(axis=1) / self.num_truth

    @property
    def precision(self) -> Floats:
        """float64 [K, P], of the predictions up to each, without the envelope."""
        return _precision(self.matched)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DetectionScores:
    """Mean average precision, and what it is made of; classes are those of the truth, by name."""

    thresholds: tuple[float, ...]
    classes: Mapping[str, ClassScores]

    @property
    def mean_ap(self) -> Floats:
        """float64 [K], 0..1: the mean over the classes at each threshold."""
        return np.mean([c.ap for c in self.classes.values()], axis=0)

    @property
    def average_map(self) -> float:
        """The mean of `mean_ap` over the thresholds: the figure that papers compare."""
        return float(self.mean_ap.mean())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProposalScores:
    """Recall against the average number of proposals per video, whatever their labels.

    num_per_video  float64 [100], proposals per video on average
    recall         float64 [K, 100], the share of true segments that some proposal covers
    """

    thresholds: tuple[float, ...]
    num_per_video: Floats
    recall: Floats

    @property
    def average_recall(self) -> Floats:
        """float64 [100], the mean over the thresholds: AR@AN for AN = `num_per_video`."""
        return self.recall.mean(axis=0)

    @property
    def area(self) -> float:
        """The area under AR against AN, 0..1; by trapezoids from the first number on, over the last number."""
        average, widths = self.average_recall, np.diff(self.num_per_video)
        return float((widths * (average[1:] + average[:-1]) / 2).sum() / self.num_per_video[-1])


def detection_map(
    predictions: Segments, truth: Segments, thresholds: Sequence[float], *, ignore_other_videos: bool = False
) -> DetectionScores:
    """Mean average precision as ActivityNet computes it (Caba Heilbron et al. 2015; its get_detection_performance).

    Per class, the predictions of all videos in descending order of score: each takes, of the true segments of its
    video that are still free, the one of highest tIoU (of two alike the earlier), if that is at least the threshold.
    AP is the area under the monotone envelope of precision over recall, through all points; a class that is never
    predicted has 0. A segment of no length has tIoU 0 with everything. Thresholds are in (0, 1], inclusive.
    """
    tious = _tious(thresholds)
    labels, true, found = _read(predictions, truth, ignore_other_videos)
    matched = _matched(true, found, tious)
    classes = {}
    for index, label in enumerate(labels):
        mine = np.flatnonzero(found.label == index)
        mine = mine[np.argsort(-found.score[mine], kind="stable")]
        num_truth = int(np.count_nonzero(true.label == index))
        taken = matched[:, mine]
        classes[label] = ClassScores(
            num_truth=num_truth, ap=_average_precision(taken, num_truth), scores=found.score[mine], matched=taken
        )
    return DetectionScores(thresholds=tuple(tious.tolist()), classes=classes)


def average_recall(
    proposals: Segments,
    truth: Segments,
    thresholds: Sequence[float] = ACTIVITYNET,
    *,
    max_number: float = 100,
    ignore_other_videos: bool = False,
) -> ProposalScores:
    """AR@AN as ActivityNet computes it (its eval_proposal), for AN of 1 to 100 hundredths of max_number.

    Every video keeps the same share of its proposals, those that score highest, such that they are AN per video on
    average; a true segment is recalled when any of them reaches the threshold. Labels play no part. Videos without a
    true segment do not count, nor do their proposals.
    """
    ranks = proposal_ranks(proposals, truth, thresholds, ignore_other_videos=ignore_other_videos)
    return ranks.scores(max_number=max_number)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProposalRanks:
    """How soon the proposals of each video find its true segments; videos names those with a true segment.

    num    int64 [V], proposals
    first  of each video int64 [K, G]: at each threshold, how many of its proposals score higher than the first that
           reaches a true segment; num where none does
    """

    thresholds: tuple[float, ...]
    videos: tuple[str, ...]
    num: NDArray[np.int64]
    first: tuple[NDArray[np.int64], ...]

    def scores(self, *, max_number: float = 100) -> ProposalScores:
        """AR@AN of all these videos, once each."""
        return ProposalScores(
            thresholds=self.thresholds,
            num_per_video=np.arange(1, 101) * max_number / 100,
            recall=next(self.recalls(np.ones((1, len(self.num)), np.int64), max_number=max_number)),
        )

    def recalls(self, times: NDArray[np.int64], *, max_number: float = 100) -> Iterator[Floats]:
        """float64 [K, 100] for each row of `times` [R, V], which says how often each video counts; nan where none does.

        Copies of a video are further videos.
        """
        if not max_number > 0:
            raise ValueError(f"max_number must be above 0, got {max_number}")
        # [K, sum of num + 1]: how many true segments of a video its first 0, 1 ... num proposals find; videos in a row
        table = np.concatenate(
            [
                np.stack([np.searchsorted(np.sort(ranks), np.arange(num + 1), "left") for ranks in first])
                for num, first in zip(self.num.tolist(), self.first, strict=True)
            ],
            axis=1,
        )
        begin = np.concatenate([[0], np.cumsum(self.num + 1)])[:-1]
        num_true = np.array([of.shape[1] for of in self.first], np.int64)
        for row in times:
            which = np.flatnonzero(row)
            num, often = self.num[which], row[which]
            num_videos = int(often.sum())
            share = max_number * num_videos / max(int((often * num).sum()), 1)
            kept = np.minimum((num * share).astype(np.int64), num)
            # The order of operations is ActivityNet's: what its floats round down is rounded down here.
            shares = np.arange(1, 101) / 100.0 * (max_number * num_videos / max(int((often * kept).sum()), 1))
            at = np.minimum((kept[:, None] * shares).astype(np.int64), kept[:, None]) + begin[which, None]  # [v, 100]
            recalled = (often[:, None] * table[:, at]).sum(axis=1)
            total = int((often * num_true[which]).sum())
            yield recalled / total if total else np.full(recalled.shape, np.nan)


def proposal_ranks(
    proposals: Segments,
    truth: Segments,
    thresholds: Sequence[float] = ACTIVITYNET,
    *,
    ignore_other_videos: bool = False,
) -> ProposalRanks:
    """What `average_recall` is made of, video by video."""
    tious = _tious(thresholds)
    _, true, found = _read(proposals, truth, ignore_other_videos, any_label=True)
    num, first = [], []
    for _, _, tiou in _groups(true, found):
        at = np.full((len(tious), tiou.shape[1]), len(tiou), np.int64)
        for k, least_tiou in enumerate(tious if len(tiou) else ()):
            reaches = tiou >= least_tiou  # [P, G]
            at[k] = np.where(reaches.any(axis=0), reaches.argmax(axis=0), len(tiou))
        first.append(at)
        num.append(len(tiou))
    return ProposalRanks(
        thresholds=tuple(tious.tolist()),
        videos=tuple(name for name in sorted(truth) if truth[name]),
        num=np.array(num, np.int64),
        first=tuple(first),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Table:
    """Segments of all videos as columns [N], sorted by label, then video; both are indices.

    Within one label and video, predictions stand in descending order of score, true segments in order of time.
    """

    label: NDArray[np.int64]
    video: NDArray[np.int64]
    start_s: Floats
    end_s: Floats
    score: Floats


def _read(
    predictions: Segments, truth: Segments, ignore_other_videos: bool, *, any_label: bool = False
) -> tuple[list[str], _Table, _Table]:
    """The truth's labels, the truth and the predictions; with any_label every segment has label 0."""
    others = sorted(set(predictions) - set(truth))
    if others and not ignore_other_videos:
        raise InputError(
            f"there are predictions for {others[0]}, which is not annotated ({len(others)} such)",
            "nothing was scored",
            "leave them out",
        )
    videos = sorted(truth)
    labels = sorted({s.label for video in videos for s in truth[video]})
    if not labels:
        raise InputError("the truth holds no segment", "nothing can be scored", "check which videos were chosen")
    index = {label: 0 if any_label else i for i, label in enumerate(labels)}
    true = [(index[s.label], v, s.start_s, s.end_s, 0.0) for v, name in enumerate(videos) for s in truth[name]]
    found = []
    for v, name in enumerate(videos):
        for s in predictions.get(name, ()):
            if s.score is None:
                raise InputError(
                    f"a predicted segment of {name} has no score ({s.label} at {s.start_s:g} s)",
                    "without scores, predictions cannot be ranked",
                    "give every prediction a score, the same one if necessary",
                )
            if s.label not in index and not any_label:
                raise InputError(
                    f"a predicted segment of {name} is labelled {s.label}, a label that no true segment has",
                    "nothing was scored",
                    f"rename it or leave it out; the truth has {listed(labels, 8)}",
                )
            found.append((index.get(s.label, 0), v, s.start_s, s.end_s, s.score))
    return labels, _table(sorted(true)), _table(found)


def _table(rows: Sequence[tuple[int, int, float, float, float]]) -> _Table:
    label, video, start_s, end_s, score = np.array(rows, np.float64).reshape(-1, 5).T
    order = np.lexsort((-score, video, label))  # the last counts most; rows that agree in all keep their order
    return _Table(
        label=label[order].astype(np.int64),
        video=video[order].astype(np.int64),
        start_s=start_s[order],
        end_s=end_s[order],
        score=score[order],
    )


def _groups(true: _Table, found: _Table) -> Iterator[tuple[int, NDArray[np.int64], Floats]]:
    """For every label and video with G true segments: the label, its P rows in `found`, their tIoU [P, G]."""
    num_videos = 1 + max(int(true.video.max()), int(found.video.max(initial=0)))
    of_true, of_found = true.label * num_videos + true.video, found.label * num_videos + found.video
    for key in np.unique(of_true):
        mine = np.arange(*np.searchsorted(of_found, [key, key + 1]))
        here = slice(*np.searchsorted(of_true, [key, key + 1]))
        tiou = _tiou(found.start_s[mine], found.end_s[mine], true.start_s[here], true.end_s[here])
        yield int(key // num_videos), mine, tiou


def _tiou(start_a: Floats, end_a: Floats, start_b: Floats, end_b: Floats) -> Floats:
    """Temporal intersection over union [A, B], as `Segment.tiou`."""
    shared = np.minimum(end_a[:, None], end_b) - np.maximum(start_a[:, None], start_b)
    shared = np.maximum(shared, 0.0)
    union = (end_a - start_a)[:, None] + (end_b - start_b) - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def _matched(true: _Table, found: _Table, tious: Floats) -> Bools:
    """Whether each prediction takes a true segment [K, P]; greedy within a group, and groups share no truth."""
    matched = np.zeros((len(tious), len(found.score)), np.bool_)
    every = np.arange(len(tious))
    for _, mine, tiou in _groups(true, found):
        taken = np.zeros((len(tious), tiou.shape[1]), np.bool_)
        for p in np.flatnonzero(tiou.max(axis=1) >= tious.min()):  # the others take nothing
            free = np.where(taken, -1.0, tiou[p])  # [K, G]
            best = free.argmax(axis=1)
            hit = free[every, best] >= tious
            taken[every[hit], best[hit]] = True
            matched[:, mine[p]] = hit
    return matched


def _precision(matched: Bools) -> Floats:
    return matched.cumsum(axis=1) / np.arange(1, matched.shape[1] + 1)


def _average_precision(matched: Bools, num_truth: int) -> Floats:
    """float64 [K]: recall rises by 1 / num_truth at each match, under the best precision from there on."""
    envelope = np.maximum.accumulate(_precision(matched)[:, ::-1], axis=1)[:, ::-1]
    return (envelope * matched).sum(axis=1) / num_truth


def _tious(thresholds: Sequence[float]) -> Floats:
    tious = np.asarray(thresholds, np.float64)
    if tious.ndim != 1 or not len(tious) or not ((tious > 0) & (tious <= 1)).all():
        raise ValueError(f"tIoU thresholds are one or more numbers in (0, 1], got {thresholds}")
    return tious
