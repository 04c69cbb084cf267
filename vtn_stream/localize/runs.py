"""Turns class scores over time into segments: where a class is the best, or where its score is high.

T positions, K classes
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vtn_stream.film import FrameIndex
from vtn_stream.localize.clock import edges_s, runs_of
from vtn_stream.localize.viterbi import DECIDED_AT_ONCE, LaggedDecoder, decode_labels
from vtn_stream.timeline import Segment
from vtn_stream.track import GridScores, OperatingPoints, PhaseRules

__all__ = ["PhaseDecoder", "changes", "most_likely", "of_labels", "peaks", "phases", "runs"]

# Of a phase at a position: below it float16 tells little, and one position that is sure must not outvote a minute.
LOWEST_PROBABILITY = 1e-4
FOR_EVER = 2**31  # positions that no film has


def runs(scores: GridScores, index: FrameIndex, labels: Sequence[str], duration_s: float) -> list[Segment]:
    """One segment for each run of positions with the same best class, scored with the mean of that class.

    Positions that are invalid, or where no class scores above 0, belong to none and break a run.
    """
    if scores.frame is None or scores.frame.shape[1] == 0 or len(index) == 0:
        return []
    return _drawn(_best(scores.frame, index), scores.frame, index, labels, duration_s, [0.0] * len(labels))


def changes(scores: GridScores, index: FrameIndex) -> NDArray[np.intp]:
    """The positions [C] at which one of the `runs` begins where another ends, with nothing unknown between them."""
    if scores.frame is None or scores.frame.shape[1] == 0:
        return np.zeros(0, np.intp)
    best = _best(scores.frame, index)
    return np.flatnonzero((best[1:] != best[:-1]) & (best[1:] >= 0) & (best[:-1] >= 0)) + 1


def phases(
    scores: GridScores,
    index: FrameIndex,
    labels: Sequence[str],
    duration_s: float,
    points: OperatingPoints,
    rules: PhaseRules | None,
) -> list[Segment]:
    """Runs of labels that exclude each other, by their probabilities [T, K]; the rest to 1 is for no label, which has
    no segment. A run is scored with the mean of its label, and left out where that is below `high`.

    rules  of the K labels, or of these and nothing: the most likely sequence that obeys them (Viterbi), decided with
           their lag (`PhaseDecoder`) where they have one. None: the most likely label of each position, however brief

    Invalid positions break a run, as in `runs`. What was lost there speaks for no label, and counts towards the least
    lengths of the runs beside it: a phase may have gone on unseen.
    """
    if scores.frame is None or len(index) == 0:
        return []
    if rules is None:
        best = most_likely(scores.frame, index.valid)
    elif rules.lag is not None:
        decoder = PhaseDecoder(rules, len(labels))
        best = np.concatenate([decoder.push(scores.frame, index.valid), decoder.end()])
    else:
        best = _likeliest(_outputs(scores.frame, rules, len(labels)), index.valid, rules)
        best = _shown(best, index.valid, len(labels))
    return of_labels(best, scores.frame, index, labels, duration_s, points)


def most_likely(frame: NDArray[np.float16], valid: NDArray[np.bool_]) -> NDArray[np.intp]:
    """[T]: the most likely label of each position, by probabilities [T, K]; -1: none, or not valid [T]."""
    num_labels = frame.shape[1]
    return _shown(_outputs(frame, None, num_labels).argmax(axis=1), valid, num_labels)


def of_labels(
    best: NDArray[np.integer],
    frame: NDArray[np.float16],
    index: FrameIndex,
    labels: Sequence[str],
    duration_s: float,
    points: OperatingPoints,
) -> list[Segment]:
    """The segments of `phases`, once a label is chosen for each position [T], -1 where there is none."""
    least = [float(np.float16(points.of(label).high)) for label in labels]
    return _drawn(best, frame, index, labels, duration_s, least)


def peaks(
    scores: GridScores,
    index: FrameIndex,
    labels: Sequence[str],
    duration_s: float,
    points: OperatingPoints,
) -> list[Segment]:
    r"""For each class, by itself, the stretches that stay at `low` or above and reach `high` somewhere (hysteresis).

    high   - - - - - - - -.-.- - -
    low    - - .-. - - - / - \ - -        The first bump is left out. The second is one segment, scored with its peak;
           ___/   \_____/     \___        attribute peak_s says when that is.
                       |------|

    Classes overlap where several hold. Invalid positions end a segment.
    """
    if scores.frame is None or len(index) == 0:
        return []
    edges, found = edges_s(index, duration_s), []
    highest = scores.frame.max(axis=0)  # most of many classes never come near their point
    for k, label in enumerate(labels):
        at = points.of(label)
        if highest[k] < np.float16(at.high):
            continue
        values = scores.frame[:, k]
        holds = index.valid & (values >= np.float16(at.low))
        for start, stop in runs_of(holds):
            peak = start + int(values[start:stop].argmax())
            if holds[start] and values[peak] >= np.float16(at.high):
                found.append(
                    Segment(
                        start_s=float(edges[start]),
                        end_s=float(edges[stop]),
                        label=label,
                        score=round(float(values[peak]), 4),
                        attributes={"peak_s": f"{index.grid_s[peak]:.3f}"},
                    )
                )
    return found


def _best(frame: NDArray[np.float16], index: FrameIndex) -> NDArray[np.intp]:
    """[T]: the best class of each position; -1 where it is invalid, or none scores above 0."""
    best = frame.argmax(axis=1)
    value = np.take_along_axis(frame, best[:, None], axis=1)[:, 0]
    return np.where(index.valid & (value > 0), best, -1)


class PhaseDecoder:
    """The labels of `phases` under rules that have a lag, while positions come. Positions that show nothing speak for
    no label there either; those before the first that does are decided together with it.
    """

    def __init__(self, rules: PhaseRules, num_labels: int) -> None:
        """num_labels: that have a segment; the rules may be of one output more, for nothing."""
        if rules.lag is None:
            raise ValueError("these rules have no lag: they need the whole film")
        self._rules = rules
        self._num_labels = num_labels
        self._num_unseen = 0  # positions before the first that shows anything
        self._num_before = 0  # of these, so many are given to the decoder
        self._decoder: LaggedDecoder | None = None
        self._is_valid: list[NDArray[np.bool_]] = []  # of positions that are not decided

    def push(self, frame: NDArray[np.float16], valid: NDArray[np.bool_]) -> NDArray[np.intp]:
        """Takes the probabilities [n, K] of the positions that follow, and which are valid. Gives the label [m] of each
        position that is decided by now, in order; -1: no segment is there.
        """
        if self._decoder is None:
            unseen = np.full(int(valid.argmax()) if valid.any() else len(valid), -1)
            self._num_unseen += len(unseen)
            if len(unseen) == len(valid):
                return unseen
            decided = self._begun(frame[len(unseen) :], valid[len(unseen) :])
            return np.concatenate([unseen, decided])
        return self._pushed(self._decoder, frame, valid)

    def end(self) -> NDArray[np.intp]:
        """The labels of all positions that are not decided: nothing comes after them."""
        return np.zeros(0, np.intp) if self._decoder is None else self._shown(self._decoder.end())

    def _begun(self, frame: NDArray[np.float16], valid: NDArray[np.bool_]) -> NDArray[np.intp]:
        """What is unseen may be the first run's, as much of it as that may need; and so much more that positions are
        decided at multiples of DECIDED_AT_ONCE of the film.
        """
        start = max(0, self._num_unseen - max(self._rules.min_positions))
        self._num_before = self._num_unseen - start // DECIDED_AT_ONCE * DECIDED_AT_ONCE
        least = np.array([min(num, FOR_EVER) for num in self._rules.min_positions])
        cost = np.array(self._rules.change_cost)
        assert self._rules.lag is not None
        self._decoder = LaggedDecoder(least, cost, self._rules.lag, num_unseen=self._num_before)
        before = np.zeros((self._num_before, len(least)))
        self._is_valid = [np.zeros(0, np.bool_)]
        self._decoder.push(before)
        return self._pushed(self._decoder, frame, valid)

    def _pushed(self, decoder: LaggedDecoder, frame: NDArray[np.float16], valid: NDArray[np.bool_]) -> NDArray[np.intp]:
        self._is_valid.append(valid.copy())
        probabilities = _outputs(frame, self._rules, self._num_labels)
        return self._shown(decoder.push(_evidence(probabilities, valid)))

    def _shown(self, decided: NDArray[np.intp]) -> NDArray[np.intp]:
        """Of the decoder's labels, those of positions that have not been told."""
        skipped = min(self._num_before, len(decided))
        self._num_before -= skipped
        decided, valid = decided[skipped:], np.concatenate(self._is_valid)
        self._is_valid = [valid[len(decided) :]]
        return _shown(decided, valid[: len(decided)], self._num_labels)


def _shown(best: NDArray[np.intp], valid: NDArray[np.bool_], num_labels: int) -> NDArray[np.intp]:
    """[T]: outputs as labels; -1 where the output is for nothing, or nothing is seen."""
    return np.where(valid & (best < num_labels), best, -1)


def _outputs(frame: NDArray[np.float16], rules: PhaseRules | None, num_labels: int) -> NDArray[np.float64]:
    """The probabilities [T, K] of the outputs that rules are of: with one for nothing, or without."""
    probabilities = frame.astype(np.float64)
    if rules is not None and len(rules.min_positions) == num_labels:
        return probabilities
    nothing = np.maximum(1 - probabilities.sum(axis=1, keepdims=True), 0)
    return np.concatenate([probabilities, nothing], axis=1)


def _evidence(probabilities: NDArray[np.float64], valid: NDArray[np.bool_]) -> NDArray[np.float64]:
    evidence = np.log(np.maximum(probabilities, LOWEST_PROBABILITY))
    evidence[~valid] = 0
    return evidence


def _likeliest(probabilities: NDArray[np.float64], valid: NDArray[np.bool_], rules: PhaseRules) -> NDArray[np.intp]:
    """[T]: the most likely sequence of outputs under the rules; 0 far from all known positions: not used there."""
    best = np.zeros(len(valid), np.intp)
    known = np.flatnonzero(valid)
    if not len(known):
        return best
    least = np.array([min(num, len(valid) + 1) for num in rules.min_positions])
    reach = int(least.max())  # of what is unknown, as much as the first and the last run may need
    near = slice(max(0, known[0] - reach), known[-1] + 1 + reach)
    best[near] = decode_labels(_evidence(probabilities[near], valid[near]), least, np.array(rules.change_cost))
    return best


def _drawn(
    best: NDArray[np.integer],
    frame: NDArray[np.float16],
    index: FrameIndex,
    labels: Sequence[str],
    duration_s: float,
    least: Sequence[float],
) -> list[Segment]:
    """A segment for each run of a class in best [T], scored with its mean, where that is at least least[class]; none
    where best is -1.
    """
    edges, found = edges_s(index, duration_s), []
    for start, stop in runs_of(best):
        k = int(best[start])
        if k < 0 or (score := float(frame[start:stop, k].mean(dtype=np.float64))) < least[k]:
            continue
        start_s, end_s = float(edges[start]), float(edges[stop])
        found.append(Segment(start_s=start_s, end_s=end_s, label=labels[k], score=round(score, 4)))
    return found
