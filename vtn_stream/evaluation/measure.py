"""Compares predictions with the truth: which measures make sense for them, and their figures.

C classes, T frames of a film, N clips
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from vtn_stream.errors import InputError, listed
from vtn_stream.evaluation.clips import clips, tally_of
from vtn_stream.evaluation.figures import (
    Confusion,
    Detection,
    Metric,
    PhaseForm,
    Phases,
    Scores,
    Segmentation,
    Shown,
)
from vtn_stream.evaluation.frames import frames
from vtn_stream.evaluation.predictions import Prediction
from vtn_stream.evaluation.scored_films import Part, ScoredFilm, covered_s, matched, remark_shown_only
from vtn_stream.evaluation.spots import TOLERANCES_S, apart, rates_of, spot_labels, spotting, with_soccernets_labels
from vtn_stream.evaluation.tallies import detection_tally, phase_tally, segmentation_tally, spot_tally
from vtn_stream.evaluation.tally import Tally
from vtn_stream.film import one_form
from vtn_stream.formats.annotations import Annotations, cholec80
from vtn_stream.known import seconds
from vtn_stream.metrics import (
    ACTIVITYNET,
    THUMOS14,
    ClassScores,
    DetectionScores,
    PhaseScores,
    average_recall,
    detection_map,
    relaxed_phases,
    segmentation_scores,
    strict_phases,
)
from vtn_stream.timeline import Segment

__all__ = ["DEFAULT_FPS", "METRICS", "score"]

METRICS: tuple[Metric, ...] = get_args(Metric)
DEFAULT_FPS = 10.0  # of the grid: as fine as annotations by hand are

COVERING = 0.75  # of the films' time has a label: then every frame is meant to have one
SHOWN_TIOU = 0.5  # at which operating points are fitted
TIES = 0.01  # of average precision: less than may depend on the order of equal scores without a word
OVERLAPPING = 0.01  # of the films' time: more is reported

_Frames = Mapping[str, tuple[NDArray[np.int32], NDArray[np.int32]]]


def score(
    predictions: Mapping[str, Prediction],
    truth: Annotations,
    *,
    subset: Part | None = None,
    metrics: Sequence[Metric] = (),
    thresholds: Sequence[float] = THUMOS14,
    tolerances_s: Sequence[float] = TOLERANCES_S,
    tolerances_frames: Sequence[int] | None = None,
    fps: float = DEFAULT_FPS,
    background: Collection[str] = (),
    ignore_other_videos: bool = False,
    skip_bad: bool = False,
) -> Scores:
    """How good predictions are, by film of the truth; of which film a prediction is, `assign` says.

    subset       whose films are scored; None: all that are not for training, where there are others
    metrics      which, and in which order; by default those that say something of such data: of whole films top-1 and
                 top-5, of events without a length spotting, else detection and segmentation, the latter first where
                 the truth covers the films
    thresholds   of tIoU, in (0, 1]
    tolerances_s, tolerances_frames
                 how far away from an event without a length it may be spotted: seconds; frames of the annotations, by
                 default 1 and 2 where they say the rate of every film
    fps          frames a second of the grid on which segmentation and phases are scored
    background   labels that stand for nothing, on both sides
    skip_bad     leave out predictions of labels that no annotation has; a note counts them

    Events without a length and what is predicted under their labels are scored by spotting only, all others by the
    other measures. Films without a prediction count as such in which nothing was found. Raises InputError for labels
    that the truth does not know, for predictions of other films, unless they are to be ignored, and where nothing can
    be measured.
    """
    if not (math.isfinite(fps) and fps > 0):
        raise InputError(f"the grid has {fps} frames a second", "nothing was scored", "give a number above 0")
    said = {s.label for p in predictions.values() for s in (*p.segments, *(p.candidates or ()))}
    truth = with_soccernets_labels(truth, said)
    films, notes = matched(
        predictions, truth, subset, background, ignore_other_videos=ignore_other_videos, skip_bad=skip_bad
    )
    _remark_copies(films, notes)
    without = {one_form(label) for label in background}
    labels = tuple(label for label in truth.labels if one_form(label) not in without)
    of_spots, lasting = apart(films, truth, notes)
    spots, only_spots = spot_labels(truth)
    chosen = tuple(dict.fromkeys(metrics)) or _usual(films, of_spots, lasting, truth, notes)
    if {"detection", "segmentation", "phases"} & set(chosen) and only_spots and only_spots >= set(labels):
        raise InputError(
            "no event of the truth has a length",
            "only spotting can be measured",
            "ask for that (--metrics spotting)",
        )
    kinds = [label for label in labels if label not in only_spots]
    on_grid = frames(lasting, kinds, fps) if {"segmentation", "phases"} & set(chosen) else {}
    if on_grid:
        _remark_overlaps(lasting, notes)
        _remark_rate(lasting, truth, fps, notes)
    spotted = [label for label in labels if label in spots]
    detection = _detection(lasting, thresholds, notes) if "detection" in chosen else None
    spots_found = (
        spotting(of_spots, truth, spotted, tolerances_s, tolerances_frames, notes) if "spotting" in chosen else None
    )
    segmentation = _segmentation(on_grid, kinds, fps) if "segmentation" in chosen else None
    phases = _phases(on_grid, kinds, fps, notes) if "phases" in chosen else None
    whole = clips(films, labels, background, notes) if "clips" in chosen else None
    tally: dict[Metric, Callable[[], Tally]] = {}  # a new metric is a line here
    if detection:
        tally["detection"] = partial(detection_tally, lasting, detection)
    if spots_found:
        tally["spotting"] = partial(spot_tally, of_spots, rates_of(of_spots, truth), spots_found)
    if segmentation:
        tally["segmentation"] = partial(segmentation_tally, on_grid, len(kinds), segmentation)
    if phases:
        tally["phases"] = partial(phase_tally, phases)
    if whole:
        tally["clips"] = partial(tally_of, films, labels, background)
    return Scores(
        films=tuple(films),
        labels=labels,
        metrics=chosen,
        detection=detection,
        spotting=spots_found,
        segmentation=segmentation,
        phases=phases,
        clips=whole,
        notes=tuple(dict.fromkeys(notes)),
        tally=tally,
    )


def _remark_copies(films: Sequence[ScoredFilm], notes: list[str]) -> None:
    """Says so where the same film is scored under several names: its figures count as often."""
    names: dict[str, list[str]] = {}
    for film in films:
        if film.prediction is not None and film.prediction.identity:
            names.setdefault(film.prediction.identity, []).append(film.name)
    if copies := [of for of in names.values() if len(of) > 1]:
        each = "; ".join(listed(of) for of in copies[:3])
        notes.append(
            f"{_films(len(copies))} {'is' if len(copies) == 1 else 'are'} scored under several names, and counted once "
            f"for each: {each}" + "; ..." * (len(copies) > 3) + "."
        )


def _usual(
    films: Sequence[ScoredFilm],
    of_spots: Sequence[ScoredFilm],
    lasting: Sequence[ScoredFilm],
    truth: Annotations,
    notes: list[str],
) -> tuple[Metric, ...]:
    named = [film.clip_label is not None for film in films]
    if all(named) or (any(named) and any(film.clip_labels for film in films)):
        return ("clips",)
    if any(film.true for film in of_spots):
        others = _usual_of_lasting(lasting, truth, notes) if any(film.true for film in lasting) else ()
        return ("spotting", *others)
    return _usual_of_lasting(lasting, truth, notes)


def _usual_of_lasting(films: Sequence[ScoredFilm], truth: Annotations, notes: list[str]) -> tuple[Metric, ...]:
    total_s = sum(
        film.duration_s if film.known is None else seconds(film.known.of_one_label(truth.labels, film.true))
        for film in films
    )
    labelled_s = sum(covered_s(truth.videos[film.name].segments) for film in films)  # background is a label as well
    if not any(film.true for film in films):
        return ("segmentation",)
    if any(s.score is None for film in films for s in film.candidates):
        notes.append("Average precision was not measured: not every prediction has a score.")
        return ("segmentation",)
    return ("segmentation", "detection") if labelled_s >= COVERING * total_s else ("detection", "segmentation")


def _detection(films: Sequence[ScoredFilm], thresholds: Sequence[float], notes: list[str]) -> Detection:
    truth = {film.name: (*film.true, *film.unfindable) for film in films}
    known = {s.label for true in truth.values() for s in true}
    candidates = {film.name: film.candidates for film in films}
    shown = {film.name: film.shown for film in films}
    absent = sorted({s.label for found in candidates.values() for s in found} - known)
    if absent and known:
        notes.append(f"No scored film has {listed(absent)}: average precision leaves these classes out.")
    remark_shown_only(films, notes)
    ranked = detection_map(_of(known, candidates), truth, thresholds)
    _remark_ties(ranked, notes)
    at_one = detection_map(_of(known, shown), truth, [SHOWN_TIOU])
    of_class = {
        label: Shown(
            num_true=scores.num_truth, num_found=len(scores.scores), num_hits=int(np.count_nonzero(scores.matched))
        )
        for label, scores in at_one.classes.items()
    }
    return Detection(
        ranked=ranked,
        proposals=average_recall(candidates, truth, ACTIVITYNET),
        shown_tiou=SHOWN_TIOU,
        shown=of_class,
        total=Shown(
            num_true=sum(of.num_true for of in of_class.values()),
            num_found=sum(map(len, shown.values())),
            num_hits=sum(of.num_hits for of in of_class.values()),
        ),
    )


def _remark_ties(ranked: DetectionScores, notes: list[str]) -> None:
    """Says so where average precision depends on the order of predictions that score alike."""
    low, high = (
        float(
            np.mean(
                [[_with_ties(of, k, first) for k in range(len(of.ap))] for of in ranked.classes.values()] or [[0.0]]
            )
        )
        for first in (False, True)
    )
    if high - low > TIES:
        notes.append(
            f"Predictions with equal scores have no order of their own: mean average precision can be {100 * low:.1f} "
            f"to {100 * high:.1f} % by their order. Here they are taken by film and by time."
        )


def _with_ties(scores: ClassScores, k: int, hits_first: bool) -> float:
    """Average precision at threshold k, if right predictions come before wrong ones that score alike, or after."""
    matched = scores.matched[k]
    hits = matched[np.lexsort((matched ^ hits_first, -scores.scores))]
    precision = hits.cumsum() / np.arange(1, len(hits) + 1)
    return float((np.maximum.accumulate(precision[::-1])[::-1] * hits).sum() / scores.num_truth)


def _of(labels: Collection[str], found: Mapping[str, Sequence[Segment]]) -> dict[str, list[Segment]]:
    return {name: [s for s in segments if s.label in labels] for name, segments in found.items()}


def _segmentation(on_grid: _Frames, labels: Sequence[str], fps: float) -> Segmentation:
    if not on_grid:
        raise _no_frames()
    nothing, unknown = len(labels), len(labels) + 1
    predicted = {name: ours for name, (ours, _) in on_grid.items()}
    true = {name: theirs for name, (_, theirs) in on_grid.items()}
    ours, theirs = (np.concatenate([*of.values()]) for of in (predicted, true))
    known = theirs != unknown
    return Segmentation(
        scores=segmentation_scores(predicted, true, background={nothing}, unknown=unknown),
        fps=fps,
        confusion=Confusion.of(theirs[known], ours[known], tuple(sorted(labels))),
    )


def _phases(on_grid: _Frames, labels: Sequence[str], fps: float, notes: list[str]) -> Phases:
    """Phase figures. Frames without a true label are left out; a prediction of nothing is wrong, and not a phase."""
    is_cholec80 = set(labels) == set(cholec80.PHASES)
    order = cholec80.PHASES if is_cholec80 else tuple(labels)
    nothing = len(order)
    place = np.array([*(order.index(label) for label in sorted(order)), nothing])
    predicted, true = {}, {}
    num_silent = num_unseen = 0
    for name, (ours, theirs) in on_grid.items():
        known = theirs < nothing
        num_silent += int(np.count_nonzero(theirs == nothing))
        num_unseen += int(np.count_nonzero(ours[known] == nothing))
        if known.any():
            predicted[name], true[name] = place[ours[known]], place[theirs[known]]
    if not true:
        raise _no_frames()
    if num_silent:
        notes.append(f"{num_silent / fps:.1f} s without a phase in the truth were left out of the phases' figures.")
    every = [*range(nothing), nothing]
    forms: dict[PhaseForm, PhaseScores] = {"strict": strict_phases(predicted, true, phases=every)}
    if is_cholec80 and not num_unseen:
        phases = range(nothing)
        forms["relaxed, exact"] = relaxed_phases(predicted, true, "exact", fps=fps, phases=phases)
        forms["relaxed, corrected"] = relaxed_phases(predicted, true, "corrected", fps=fps, phases=phases)
    else:
        why = (
            f"{num_unseen / fps:.1f} s are predicted to be of no phase"
            if is_cholec80
            else "their rule is that of Cholec80's phases"
        )
        notes.append(f"The relaxed figures were not measured: {why}.")
    return Phases(labels=order, fps=fps, forms=forms)


def _remark_rate(films: Sequence[ScoredFilm], truth: Annotations, fps: float, notes: list[str]) -> None:
    videos = [truth.videos[film.name] for film in films]
    rates = {f"{v.num_labels / v.duration_s:.4g}" for v in videos if v.num_labels is not None and v.duration_s}
    if others := sorted(rate for rate in rates if abs(float(rate) / fps - 1) > 0.001):
        notes.append(
            f"Frame by frame {fps:g} frames a second were scored; the annotations have {others[0]} labels a second, "
            f"which --fps {others[0]} scores."
        )


def _remark_overlaps(films: Sequence[ScoredFilm], notes: list[str]) -> None:
    total_s = sum(film.duration_s for film in films)
    for what, which, wins in (
        ("truth", [film.true for film in films], "sorts first"),
        ("predictions", [film.drawn for film in films], "scores highest"),
    ):
        over_s = sum(_of_each_label_s(segments) - covered_s(segments) for segments in which)
        if over_s > OVERLAPPING * total_s:
            notes.append(
                f"For {over_s:.1f} s the {what} hold more than one label; frame by frame only that which {wins} counts."
            )


def _of_each_label_s(segments: Sequence[Segment]) -> float:
    """Seconds that each label covers, added up: what overlaps with its own label counts once."""
    labels = {s.label for s in segments}
    return sum(covered_s(s for s in segments if s.label == label) for label in labels)


def _films(num: int) -> str:
    return f"{num} film{'s' * (num != 1)}"


def _no_frames() -> InputError:
    return InputError(
        "no frame of the films can be scored", "there is no accuracy", "check the annotations' times and durations"
    )
