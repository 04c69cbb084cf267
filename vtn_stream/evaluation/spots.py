"""Events without a length (spots): separates them from longer ones, and scores them by spotting."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from vtn_stream.errors import InputError, listed
from vtn_stream.evaluation.figures import Shown, Spotting
from vtn_stream.evaluation.scored_films import ScoredFilm, remark_shown_only
from vtn_stream.film import one_form
from vtn_stream.formats.annotations import Annotations, soccernet
from vtn_stream.formats.annotations.words import shown
from vtn_stream.metrics import (
    LOOSE_S,
    SHOWN_WITHIN_S,
    TIGHT_S,
    TOLERANCES_S,
    WindowScores,
    spot_map,
    window_map,
)
from vtn_stream.timeline import Segment

__all__ = [
    "TOLERANCES_FRAMES",
    "TOLERANCES_S",
    "apart",
    "rates_of",
    "spot_labels",
    "spotting",
    "with_soccernets_labels",
]

TOLERANCES_FRAMES = (1, 2)  # as E2E-Spot's tables have them


def with_soccernets_labels(truth: Annotations, predicted: Iterable[str]) -> Annotations:
    """SoccerNet's annotations with those of its labels that are predicted too: a few matches do not have every one."""
    official = {one_form(label): label for label in soccernet.LABELS_V2}
    ours = {one_form(label) for label in truth.labels}
    if truth.format != soccernet.NAME or not ours <= official.keys():
        return truth
    said = set(map(one_form, predicted))
    return replace(truth, labels=(*truth.labels, *(official[label] for label in sorted(said & official.keys() - ours))))


def spot_labels(truth: Annotations) -> tuple[frozenset[str], frozenset[str]]:
    """The labels under which events without a length are annotated, and those under which nothing else is."""
    lasts: dict[str, set[bool]] = {label: set() for label in truth.labels}
    for video in truth.videos.values():
        if video.clip_label is not None:
            lasts.setdefault(video.clip_label, set()).add(True)
        for s in video.segments:
            lasts.setdefault(s.label, set()).add(s.start_s < s.end_s)
    spots = frozenset(label for label, kinds in lasts.items() if False in kinds)
    if spots and not any(True in kinds for kinds in lasts.values()):
        return frozenset(lasts), frozenset(lasts)  # also labels without any event
    return spots, frozenset(label for label in spots if lasts[label] == {False})


def apart(
    films: Sequence[ScoredFilm], truth: Annotations, notes: list[str]
) -> tuple[list[ScoredFilm], list[ScoredFilm]]:
    """The same films twice: with the true events without a length and what is predicted under their labels, as spots;
    and with the rest. A label that has events of both kinds is in both.
    """
    spots, only_spots = spot_labels(truth)

    def spotted(segments: Iterable[Segment]) -> tuple[Segment, ...]:
        return tuple(_as_spot(s)[0] for s in segments if s.label in spots)

    def lasting(segments: Iterable[Segment]) -> tuple[Segment, ...]:
        return tuple(s for s in segments if s.label not in only_spots)

    of_spots = [
        replace(_predicting(film, spotted), true=tuple(s for s in film.true if s.start_s == s.end_s)) for film in films
    ]
    others = [
        replace(_predicting(film, lasting), true=tuple(s for s in film.true if s.start_s < s.end_s)) for film in films
    ]
    places = Counter(_as_spot(s)[1] for film in films for s in film.candidates if s.label in spots)
    _remark(of_spots, others, spots, only_spots, places, notes)
    return of_spots, others


def _as_spot(segment: Segment) -> tuple[Segment, str]:
    """The segment as a spot, and where that lies: at its peak where that is known, else at its middle."""
    if segment.start_s == segment.end_s:
        return segment, "itself"
    time_s, place = (segment.start_s + segment.end_s) / 2, "middle"
    try:
        peak_s = float(segment.attributes["peak_s"])
    except (KeyError, ValueError):
        peak_s = math.nan
    if segment.start_s <= peak_s <= segment.end_s:
        time_s, place = peak_s, "peak"
    return replace(segment, start_s=time_s, end_s=time_s), place


def _predicting(film: ScoredFilm, kept: Callable[[Iterable[Segment]], tuple[Segment, ...]]) -> ScoredFilm:
    prediction = film.prediction
    if prediction is None:
        return film
    candidates = None if prediction.candidates is None else kept(prediction.candidates)
    return replace(film, prediction=replace(prediction, candidates=candidates, segments=kept(prediction.segments)))


def _remark(
    of_spots: Sequence[ScoredFilm],
    others: Sequence[ScoredFilm],
    spots: frozenset[str],
    only_spots: frozenset[str],
    places: Mapping[str, int],
    notes: list[str],
) -> None:
    instants = sum(s.start_s == s.end_s for film in others for s in film.candidates)
    if instants and any(film.true for film in others):
        notes.append(f"Predictions without a length ({instants}) cannot find an event with a length.")
    num_spots, num_lasting = (sum(len(film.true) for film in films) for films in (of_spots, others))
    if num_spots and num_lasting:
        notes.append(
            f"Events of the truth without a length ({num_spots}, labelled {listed(sorted(spots))}) are scored by "
            f"spotting, those that last ({num_lasting}) by the other measures."
        )
    if both := sorted(spots - only_spots):
        notes.append(
            f"Some events labelled {listed(both)} have a length and some have none: predictions of that label count in "
            "both kinds of measures."
        )
    at = [f"{places[place]} at the {place}" for place in ("peak", "middle") if places[place]]
    if at and num_spots:
        num = places["peak"] + places["middle"]
        notes.append(f"{num} of {sum(places.values())} predictions of spots have a length: they count {', '.join(at)}.")


def spotting(
    films: Sequence[ScoredFilm],
    truth: Annotations,
    labels: Sequence[str],
    tolerances_s: Sequence[float],
    tolerances_frames: Sequence[int] | None,
    notes: list[str],
) -> Spotting:
    """The figures of films of spots, as `apart` makes them; labels: all that spots can have.

    tolerances_frames  None: 1 and 2, where the annotations say the rate of every film

    Raises InputError where the truth has no spots, and for frames of films whose rate is not known.
    """
    if not any(film.true for film in films):
        raise InputError(
            "the truth has no events without a length", "spotting was not measured", "ask for detection instead"
        )
    true = {film.name: film.true for film in films}
    known = {s.label for spots in true.values() for s in spots}
    candidates = {film.name: film.candidates for film in films}
    at_one = spot_map({film.name: _ranked(film.shown) for film in films}, true, [SHOWN_WITHIN_S])
    num_shown = Counter(s.label for film in films for s in film.shown)
    of_class = {
        label: Shown(
            num_true=0 if of is None else of.num_truth,
            num_found=num_shown[label],
            num_hits=0 if of is None else int(np.count_nonzero(of.matched)),
        )
        for label in labels
        for of in (at_one.classes.get(label),)
    }
    tight = loose = seconds = frames = None
    rates = rates_of(films, truth, asked=tolerances_frames is not None)
    if any(s.score is None for found in candidates.values() for s in found):
        notes.append("Average precision of spots was not measured: not every prediction has a score.")
    else:
        tight, loose = (window_map(candidates, true, labels, widths_s) for widths_s in (TIGHT_S, LOOSE_S))
        _remark_windows(tight, loose, candidates, known, truth, notes)
        remark_shown_only(films, notes)
        if tolerances_s:
            seconds = spot_map(candidates, true, tolerances_s)
        if rates is not None:
            given = TOLERANCES_FRAMES if tolerances_frames is None else tolerances_frames
            frames = spot_map(candidates, true, given, rates=rates) if given else None
    return Spotting(
        labels=tuple(labels),
        tight=tight,
        loose=loose,
        seconds=seconds,
        frames=frames,
        shown_within_s=SHOWN_WITHIN_S,
        shown=of_class,
        total=Shown(
            num_true=sum(of.num_true for of in of_class.values()),
            num_found=sum(of.num_found for of in of_class.values()),
            num_hits=sum(of.num_hits for of in of_class.values()),
        ),
    )


def _ranked(spots: Sequence[Segment]) -> list[Segment]:
    """The spots with a score each, so that they can be matched."""
    return [replace(s, score=1.0) if s.score is None else s for s in spots]


def rates_of(films: Sequence[ScoredFilm], truth: Annotations, *, asked: bool = False) -> dict[str, Fraction] | None:
    """The rate at which each film was annotated; None if one is not known, and nobody asked."""
    rates = {film.name: rate for film in films if (rate := truth.videos[film.name].rate) is not None}
    if len(rates) == len(films):
        return rates
    if not asked:
        return None
    name = next(film.name for film in films if film.name not in rates)
    raise InputError(
        f"the annotations do not say how many frames a second {shown(name)} has",
        "tolerances in frames cannot be measured",
        "give tolerances in seconds",
    )


def _remark_windows(
    tight: WindowScores,
    loose: WindowScores,
    candidates: Mapping[str, Sequence[Segment]],
    known: set[str],
    truth: Annotations,
    notes: list[str],
) -> None:
    if absent := sorted(set(tight.classes) - known):
        notes.append(
            f"No scored film has {listed(absent)}: the tight and loose means count 0 for such a label, as SoccerNet "
            "does; the means at tolerances leave it out."
        )
    outside = sum(not 0 <= (s.score or 0) <= 1 for found in candidates.values() for s in found)
    if outside:
        notes.append(
            f"{outside} predictions have scores below 0 or above 1: the tight and loose figures do not count those "
            "below 0, and treat those above 1 alike."
        )
    official = {one_form(label) for label in soccernet.LABELS_V2}
    ours = {one_form(label) for label in tight.classes}
    if truth.format == soccernet.NAME and ours < official:
        share = len(ours) / len(official)
        figures = " and ".join(f"{100 * of.average_map * share:.1f}" for of in (tight, loose))
        notes.append(
            f"SoccerNet's own program always averages over {len(official)} labels: with 0 for those that the "
            f"annotations do not know, tight and loose are {figures} %."
        )
