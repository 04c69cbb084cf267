"""The best sequence of labels, given how long each must last and what each change costs: of a whole film, or decided
bit by bit while more comes. Knows numpy only.

T positions, K labels
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["DECIDED_AT_ONCE", "LaggedDecoder", "decode_labels"]

# Positions that a lagged decoder decides together: each time it looks at `lag` more. Half as many would take twice as
# long; and scores come in tiles of at least so many, so that nothing is known later for it.
DECIDED_AT_ONCE = 32


def decode_labels(
    scores: NDArray[np.floating],
    min_positions: NDArray[np.integer],
    change_cost: NDArray[np.floating],
    lag: int | None = None,
) -> NDArray[np.intp]:
    """[T]: the labels with the highest sum of scores [T, K], minus change_cost [K, K] (from, to) at every change.

    A run of label k is at least min_positions[k] long; in a sequence shorter than all of these one label holds. Scores
    are log-probabilities, or anything that adds up; -inf forbids a label at a position, +inf in change_cost a change.

    lag  None: every label is decided by all scores. Else by those of at least `lag` more positions, as LaggedDecoder
         does it: the same where the sequence is not longer than that
    """
    if lag is not None:
        decoder = LaggedDecoder(min_positions, change_cost, lag)
        return np.concatenate([decoder.push(scores), decoder.end()])
    least, cost = _checked(min_positions, change_cost, scores.shape[1])
    return _best(scores, least, cost, None, is_over=True)


class LaggedDecoder:
    """The same for scores that come bit by bit, with a memory of `lag` positions: what is decided never changes.

    Each time that another 32 positions are known, n in all, the best sequence of these n is found that begins with what
    is decided; its labels before n - lag are decided now. Its last run may be shorter than its label must last: it may
    go on. So a position is decided by itself and by `lag` to lag + 31 positions after it, and never otherwise, however
    the scores are cut; and every run is as long as it must be, but for one that the end of the film cuts off. Once the
    film ends, all the rest is decided together: a film of no more than `lag` positions is decoded as a whole.

    num_unseen  of the positions that come first, so many show nothing: they are decided with those after them

    O(K^2 (lag + 32) / 32) a position. Raises ValueError for a lag below 0, and sizes that do not agree.
    """

    def __init__(
        self,
        min_positions: NDArray[np.integer],
        change_cost: NDArray[np.floating],
        lag: int,
        *,
        num_unseen: int = 0,
    ) -> None:
        self._least, self._cost = _checked(min_positions, change_cost, len(min_positions))
        if lag < 0:
            raise ValueError(f"a lag of {lag} positions")
        self._lag = lag
        self._num_unseen = num_unseen
        self._num_known = self._num_decided = 0
        self._waiting: list[NDArray[np.float64]] = []  # scores [n, K] of what is known and not decided
        self._run: _Run | None = None  # which goes on where nothing is decided yet

    def push(self, scores: NDArray[np.floating]) -> NDArray[np.intp]:
        """Takes the scores [n, K] that follow, and gives the labels [m] that are decided by now, in order."""
        if scores.ndim != 2 or scores.shape[1] != len(self._least):
            raise ValueError(f"scores of {len(self._least)} labels are [n, K], got {list(scores.shape)}")
        decided = []
        start = 0
        while start < len(scores):
            stop = min(len(scores), start + DECIDED_AT_ONCE - self._num_known % DECIDED_AT_ONCE)
            self._waiting.append(np.array(scores[start:stop], np.float64))
            self._num_known += stop - start
            start = stop
            if self._num_known % DECIDED_AT_ONCE == 0 and self._num_known - self._lag > self._num_unseen:
                decided.append(self._decide(self._num_known - self._lag, is_over=False))
        return np.concatenate([np.zeros(0, np.intp), *decided])

    def end(self) -> NDArray[np.intp]:
        """The labels of all positions that are not decided: nothing comes after them."""
        return self._decide(self._num_known, is_over=True)

    def _decide(self, stop: int, *, is_over: bool) -> NDArray[np.intp]:
        """The labels of the positions before `stop` that are not decided yet."""
        num = stop - self._num_decided
        if num <= 0:
            return np.zeros(0, np.intp)
        scores = np.concatenate(self._waiting)
        labels = _best(scores, self._least, self._cost, self._run, is_over=is_over)[:num].copy()
        self._waiting, self._num_decided = [scores[num:].copy()], stop
        changes = np.flatnonzero(labels[1:] != labels[:-1])
        begin = int(changes[-1]) + 1 if len(changes) else 0
        goes_on = begin == 0 and self._run is not None and self._run.label == labels[0]
        before = self._run.length if goes_on and self._run is not None else 0
        self._run = _Run(int(labels[-1]), before + num - begin)
        return labels


class _Run(NamedTuple):
    """A run that goes on: its label, and how many positions of it were there."""

    label: int
    length: int


def _checked(
    min_positions: NDArray[np.integer], change_cost: NDArray[np.floating], num_labels: int
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Least lengths [K], and costs [K, K] by which no run changes into itself."""
    least = np.maximum(np.asarray(min_positions, np.intp), 1)
    if least.shape != (num_labels,) or change_cost.shape != (num_labels, num_labels):
        raise ValueError(
            f"{num_labels} labels, but {list(least.shape)} least lengths and costs {list(change_cost.shape)}"
        )
    cost = np.array(change_cost, np.float64)
    np.fill_diagonal(cost, np.inf)
    return least, cost


def _best(
    scores: NDArray[np.floating],
    least: NDArray[np.intp],
    cost: NDArray[np.float64],
    begun: _Run | None,
    *,
    is_over: bool,
) -> NDArray[np.intp]:
    """[T]: the best labels of these positions, after a run that goes on if one has begun. is_over: the last run must be
    as long as its label lasts, unless there is no room for that; else it may go on, and be shorter.

    Viterbi over runs instead of positions: label k can hold at t because it did at t - 1, or because a run of the least
    length ends here, whose sum is a difference of two running sums. O(T K^2), whatever the least lengths are.
    """
    num, num_labels = scores.shape
    if num == 0:
        return np.zeros(0, np.intp)
    if begun is None and is_over and num < least.min():
        return np.full(num, int(np.asarray(scores, np.float64).sum(axis=0).argmax()))
    lacks = 0 if begun is None else int(least[begun.label]) - begun.length  # positions before the run may end
    if begun is not None and num <= lacks:
        return np.full(num, begun.label)

    # -inf would make differences of sums undefined: far below every sum of real scores serves
    finite = np.asarray(scores, np.float64)
    worst = -1.0 - 2 * num * float(np.abs(np.where(np.isfinite(finite), finite, 0)).max(initial=1.0))
    finite = np.maximum(finite, worst)
    total = np.concatenate([np.zeros((1, num_labels)), np.cumsum(finite, axis=0)])  # [T + 1, K]

    label = np.arange(num_labels)
    best = np.full(num_labels, -np.inf)  # of the first t positions, the last run whole and of label k
    # A day has 864,000 positions: what is kept of each is no wider than it must be.
    begin = np.zeros((num + 1, num_labels), np.int32)  # where that run begins
    came_from = np.zeros((num + 1, num_labels), np.int32)  # the label before it
    entry = np.full((num + 1, num_labels), -np.inf)  # of the first t positions, if a run of label k begins there
    entry_from = np.zeros((num + 1, num_labels), np.int32)
    if begun is None:
        entry[0] = 0
    elif lacks <= 0:
        best[begun.label] = 0
        entry[0], entry_from[0] = -cost[begun.label], begun.label
    for t in range(1, num + 1):
        starts = t - least
        can = starts >= 0
        at = np.maximum(starts, 0)
        fresh = np.where(can, entry[at, label] + total[t] - total[at, label], -np.inf)
        kept = best + finite[t - 1]
        is_fresh = fresh > kept
        best = np.where(is_fresh, fresh, kept)
        begin[t] = np.where(is_fresh, at, begin[t - 1])
        came_from[t] = np.where(is_fresh, entry_from[at, label], came_from[t - 1])
        if begun is not None and t == lacks:
            best[begun.label] = total[t, begun.label]
        ways = best[:, None] - cost  # [from, to]
        entry_from[t] = ways.argmax(axis=0)
        entry[t] = ways[entry_from[t], label]

    stop, k = num, int(best.argmax())
    start, previous = int(begin[stop, k]), int(came_from[stop, k])
    if not is_over:  # the last run may be of any length, or the one that has begun
        open_ended = entry[:num] - total[:num] + total[num]
        begins, longest = divmod(int(open_ended.argmax()), num_labels)
        start, k, previous = begins, longest, int(entry_from[begins, longest])
        if begun is not None and total[num, begun.label] >= open_ended[begins, longest]:
            start, k = 0, begun.label
    result = np.zeros(num, np.intp)
    while True:
        result[start:stop] = k
        if start == 0:
            return result
        stop, k = start, previous
        start, previous = int(begin[stop, k]), int(came_from[stop, k])
