"""How much a model doubts what it says of each position, by its scores; and how well a doubt tells what is wrong.

T positions, K labels, O answers: the labels and, where they exclude each other, "nothing" as the last; N answers given

Every doubt is between 0, sure, and 1. Labels that exclude each other are one question with O answers. Labels that may
hold at once are K questions of yes or no: the doubt is that of the label which is doubted most.
"""

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["DOUBTS", "Doubt", "answers", "auroc", "doubt", "risk_coverage_area", "usual_doubt"]

# least confidence  one minus the probability of the likeliest answer
# margin            how near the second likeliest answer is to the likeliest (Scheffer et al. 2001)
# entropy           of all answers (Shannon)
# threshold         how near the likeliest label is to the score from which it is shown
Doubt = Literal["least confidence", "margin", "entropy", "threshold"]
LEAST = 1e-6  # of a probability: stored ones are float16


def answers(frame: NDArray[np.floating], thresholds: NDArray[np.floating], *, exclusive: bool) -> NDArray[np.float64]:
    """How likely each answer is, [T, O], adding up to 1: the labels, and nothing as the last. The likeliest one is what
    a timeline shows before its rules. Arguments as of `doubt`.

    Of labels that exclude each other, nothing has the rest to 1. Else a score at its threshold is as likely as nothing.
    """
    said = frame.astype(np.float64) if exclusive else _around_half(frame, thresholds)
    if exclusive:
        return np.column_stack([said, np.clip(1 - said.sum(1), 0, 1)])
    said = np.column_stack([said, 1 - said.max(1, initial=0)])
    return said / said.sum(1, keepdims=True)


def doubt(
    frame: NDArray[np.floating], measure: Doubt, thresholds: NDArray[np.floating], *, exclusive: bool
) -> NDArray[np.float64]:
    """The doubt [T] of scores [T, K], 0..1.

    thresholds  [K], of each label the score from which it is shown, above 0; looked at where labels may hold at once,
                and by the measure "threshold"
    exclusive   the labels exclude each other: one holds at a position, or nothing
    """
    if not frame.shape[1]:
        return np.zeros(len(frame))
    if measure == "threshold":
        return (1 - np.abs(2 * _around_half(frame, thresholds) - 1)).max(1)
    if exclusive:
        return _OF_ANSWERS[measure](answers(frame, thresholds, exclusive=True))
    yes = frame.astype(np.float64)
    questions = np.stack([yes, 1 - yes], -1)  # [T, K, 2]
    return np.stack([_OF_ANSWERS[measure](questions[:, k]) for k in range(frame.shape[1])], 1).max(1)


def auroc(doubts: NDArray[np.floating], wrong: NDArray[np.bool_]) -> float:
    """How often a wrong answer is doubted more than a right one, of all pairs; equal doubts count half. 0.5 is chance.
    nan where all are wrong or none is. doubts, wrong [N].
    """
    num_wrong = int(wrong.sum())
    if not 0 < num_wrong < len(wrong):
        return float("nan")
    _, place, counts = np.unique(doubts, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]  # of equal ones the mean
    return float((ranks[wrong].sum() - num_wrong * (num_wrong + 1) / 2) / (num_wrong * (len(wrong) - num_wrong)))


def risk_coverage_area(doubts: NDArray[np.floating], wrong: NDArray[np.bool_]) -> float:
    """The share of wrong answers among those that are kept, on average over how many are kept, the surest first
    (Geifman and El-Yaniv 2017). Lower is better; equal doubts count as their mean. doubts, wrong [N], N >= 1.
    """
    order = np.argsort(doubts, kind="stable")
    _, group, counts = np.unique(doubts[order], return_inverse=True, return_counts=True)
    mean = np.bincount(group, weights=wrong[order]) / counts
    risks = np.cumsum(mean[group]) / np.arange(1, len(wrong) + 1)
    return float(risks.mean())


def _around_half(frame: NDArray[np.floating], thresholds: NDArray[np.floating]) -> NDArray[np.float64]:
    """Scores moved so that each label's threshold lies at 0.5, in two straight pieces."""
    said, at = frame.astype(np.float64), np.clip(thresholds.astype(np.float64), LEAST, 1 - LEAST)
    return np.where(said < at, said / (2 * at), 0.5 + (said - at) / (2 * (1 - at)))


def _least_confidence(said: NDArray[np.float64]) -> NDArray[np.float64]:
    return (1 - said.max(1)) / (1 - 1 / said.shape[1])


def _margin(said: NDArray[np.float64]) -> NDArray[np.float64]:
    two = np.sort(said, 1)[:, -2:]
    return 1 - (two[:, 1] - two[:, 0])


def _entropy(said: NDArray[np.float64]) -> NDArray[np.float64]:
    within = np.maximum(said, LEAST)
    return np.clip(-(within * np.log(within)).sum(1) / np.log(said.shape[1]), 0, 1)


_OF_ANSWERS: Mapping[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "least confidence": _least_confidence,
    "margin": _margin,
    "entropy": _entropy,
}
DOUBTS: tuple[Doubt, ...] = ("least confidence", "margin", "entropy", "threshold")


def usual_doubt(*, exclusive: bool) -> Doubt:
    """The measure that told best what was wrong in films that a model did not learn (benchmarks/doubting.py)."""
    return "margin" if exclusive else "threshold"
