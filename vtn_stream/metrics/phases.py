"""Phases of an operation: a label for every frame, scored per phase. As on Cholec80 (Twinanda et al. 2017).

T frames, V videos, N phases

Published figures follow one of three rules, and papers seldom say which (Funke et al. 2023, "Metrics Matter in Surgical
Phase Recognition"). Strict: a frame is right when its label is. Relaxed, in two forms: the M2CAI 2016 challenge's
MATLAB script, as adapted to Cholec80's seven phases and passed on from paper to paper (Evaluate.m), forgives some
confusions within 10 s of a phase's ends; and it has an error.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vtn_stream.errors import InputError
from vtn_stream.metrics.segmentation import Labels, aligned

__all__ = ["PhaseMeasure", "PhaseScores", "relaxed_phases", "strict_phases"]

TOLERANCE_S = 10

# What is forgiven in Cholec80's phases 0 to 6: the predicted phase minus the true one, in the first 10 s of a stretch
# (the transition is seen late) and in its last 10 s (it is seen early). Phases 3 to 6 may be skipped or swapped.
_LATE: tuple[tuple[int, ...], ...] = ((-1,), (-1,), (-1,), (-1,), (-1,), (-1, -2), (-1, -2))
_EARLY: tuple[tuple[int, ...], ...] = ((1,), (1,), (1,), (1, 2), (1, 2), (1, 2), (1, 2))

RelaxedForm = Literal["exact", "corrected"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PhaseMeasure:
    """A measure of every phase in every video: float64 [N, V], percent, nan where it is undefined."""

    values: NDArray[np.float64]

    @property
    def per_phase(self) -> NDArray[np.float64]:
        """float64 [N]: the mean over the videos where it is defined; nan for a phase that has none."""
        defined = ~np.isnan(self.values)
        num = defined.sum(axis=1)
        total = np.where(defined, self.values, 0.0).sum(axis=1)
        return np.divide(total, num, out=np.full(len(num), np.nan), where=num > 0)

    @property
    def mean(self) -> float:
        """The mean over phases of `per_phase`."""
        return _mean(self.per_phase)

    @property
    def std(self) -> float:
        """The standard deviation of `per_phase` over phases (ddof 1): how much phases differ, not videos."""
        return _std(self.per_phase)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PhaseScores:
    """Percent, 0..100. videos names the columns [V], phases the rows [N] of the measures."""

    phases: tuple[str | int, ...]
    videos: tuple[str, ...]
    accuracy_per_video: NDArray[np.float64]
    precision: PhaseMeasure
    recall: PhaseMeasure
    jaccard: PhaseMeasure

    @property
    def accuracy(self) -> float:
        """The mean over videos: a short one weighs as much as a long one."""
        return _mean(self.accuracy_per_video)

    @property
    def accuracy_std(self) -> float:
        """The standard deviation over videos (ddof 1); nan for a single one."""
        return _std(self.accuracy_per_video)


def strict_phases(
    predictions: Mapping[str, Labels], truth: Mapping[str, Labels], *, phases: Sequence[str] | Sequence[int]
) -> PhaseScores:
    """Accuracy of each video; precision, recall and Jaccard index of each phase in each video.

    Labels per video are sequences of T words, or T whole numbers, out of `phases`. All three are undefined for a phase
    that is absent in the video's truth; so is, being 0 / 0, the precision of a phase that is never predicted there.
    Raises InputError for a label that is not in phases, and for videos or lengths that differ.
    """
    pairs = _indexed(predictions, truth, phases)
    return _scores(pairs, {name: p == t for name, (p, t) in pairs.items()}, phases)


def relaxed_phases(
    predictions: Mapping[str, Labels],
    truth: Mapping[str, Labels],
    form: RelaxedForm,
    *,
    fps: float,
    phases: Sequence[str] | Sequence[int],
) -> PhaseScores:
    """As `strict_phases`, with 10 s of tolerance (10 * fps frames, rounded) at the ends of each stretch of a phase.

    `phases` are Cholec80's seven, in its order; other data have no relaxed rule. Numbered from 1, in a true stretch of
    phase p a frame that says q is right as well
        in the first 10 s when q = p - 1, and for p = 6, 7 when q = p - 2
        in the last 10 s when q = p + 1, and for p = 4, 5, 6 when q = p + 2
    whichever phase really comes before and after, at the film's ends too. A stretch that is shorter is forgiven as a
    whole, on both sides. Frames forgiven count as true positives of both phases, the true and the predicted one, so
    that precision and recall could exceed 100 and are cut there.

    "exact" is the script as published. It looks for the second case in the last t frames, and then applies that mask
    of t to the stretch from its beginning: where the i-th of the last t frames would be forgiven, the i-th of the
    first t is, whatever it says, and early transitions stay errors. Only with it can published figures be compared.
    "corrected" forgives the frames where they are. The two agree where no stretch is longer than 10 s.
    """
    if form not in ("exact", "corrected"):
        raise ValueError(f'form must be "exact" or "corrected", got {form!r}')
    if len(phases) != len(_LATE):
        raise ValueError(f"the relaxed rule is that of Cholec80's {len(_LATE)} phases, got {len(phases)}")
    if not fps > 0:
        raise ValueError(f"fps must be above 0, got {fps}")
    pairs = _indexed(predictions, truth, phases)
    right = {name: _forgiving(p, t, form, round(TOLERANCE_S * fps)) for name, (p, t) in pairs.items()}
    return _scores(pairs, right, phases)


def _forgiving(
    predicted: NDArray[np.int64], true: NDArray[np.int64], form: RelaxedForm, tolerance: int
) -> NDArray[np.bool_]:
    """Whether each frame [T] counts as right, with `tolerance` frames at the ends of each stretch."""
    off = predicted - true
    right = off == 0
    starts = np.flatnonzero(np.concatenate([[True], true[1:] != true[:-1]]))
    for start, stop in zip(starts, np.append(starts[1:], len(true)), strict=True):
        t = min(tolerance, stop - start)
        head, tail = slice(start, start + t), slice(stop - t, stop)
        late = np.isin(off[head], _LATE[true[start]])
        early = np.isin(off[tail], _EARLY[true[start]])
        right[head] |= late
        right[head if form == "exact" else tail] |= early
    return right


def _indexed(
    predictions: Mapping[str, Labels], truth: Mapping[str, Labels], phases: Sequence[str] | Sequence[int]
) -> dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """The labels as indices in phases; raises InputError for one that is not there."""
    index = {phase: i for i, phase in enumerate(phases)}
    if len(index) != len(phases) or not phases:
        raise ValueError("phases must be one or more labels, each once")

    def of(name: str, labels: NDArray[Any]) -> NDArray[np.int64]:
        kinds, inverse = np.unique(labels, return_inverse=True)
        for label in kinds.tolist():
            if label not in index:
                raise InputError(
                    f"a frame of {name} is labelled {label}, which is not one of the {len(phases)} phases",
                    "nothing was scored",
                    "name all phases that occur, in order",
                )
        return np.array([index[label] for label in kinds.tolist()], np.int64)[inverse]

    return {name: (of(name, p), of(name, t)) for name, (p, t) in aligned(predictions, truth).items()}


def _scores(
    pairs: Mapping[str, tuple[NDArray[np.int64], NDArray[np.int64]]],
    right: Mapping[str, NDArray[np.bool_]],
    phases: Sequence[str] | Sequence[int],
) -> PhaseScores:
    shape = len(phases), len(pairs)
    hits, num_predicted, num_true, num_either = (np.zeros(shape, np.int64) for _ in range(4))
    for v, (name, (predicted, true)) in enumerate(pairs.items()):
        for n in range(len(phases)):
            ours, theirs = predicted == n, true == n
            either = ours | theirs
            hits[n, v] = np.count_nonzero(right[name] & either)
            num_predicted[n, v], num_true[n, v] = np.count_nonzero(ours), np.count_nonzero(theirs)
            num_either[n, v] = np.count_nonzero(either)

    def share(of: NDArray[np.int64]) -> PhaseMeasure:
        with np.errstate(divide="ignore", invalid="ignore"):  # 0 / 0 is nan, undefined; hits / 0 is cut to 100
            values = np.minimum(100 * hits / of, 100.0)
        return PhaseMeasure(values=np.where(num_true > 0, values, np.nan))

    return PhaseScores(
        phases=tuple(phases),
        videos=tuple(pairs),
        accuracy_per_video=np.array([100 * np.mean(right[name]) for name in pairs]),
        precision=share(num_predicted),
        recall=share(num_true),
        jaccard=share(num_either),
    )


def _mean(values: NDArray[np.float64]) -> float:
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else float("nan")


def _std(values: NDArray[np.float64]) -> float:
    values = values[~np.isnan(values)]
    return float(values.std(ddof=1)) if len(values) > 1 else float("nan")
