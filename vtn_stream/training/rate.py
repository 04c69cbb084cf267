"""Positions a second in training: enough for short actions and for events that follow each other quickly, and no more
than the films have frames.
"""

from collections.abc import Iterator, Mapping
from fractions import Fraction

import numpy as np

from vtn_stream.film import VideoInfo
from vtn_stream.formats.annotations import AnnotatedVideo
from vtn_stream.localize import SAME_EVENT
from vtn_stream.sampling import SamplingPlan
from vtn_stream.training.footage import mean_rate

__all__ = ["grid_rate", "natural_rate"]

RATES = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30)  # to choose from, positions a second
USUAL = 8  # higher ones only where actions cannot be told apart without: each position costs as much
SHORT = 5  # percent of the segments, or of the times from one event to the next, are shorter than what is looked at
SHORT_POSITIONS = 6  # that such a segment gets: so its borders differ from what is between them
SHORT_SEEN = 4  # that it gets at more than USUAL: so it is seen whole, between borders
# The three positions that are asked about an instant are at most 1.5 positions away. Here that is .375 s: they see the
# event, and what they find of it lies within the half second that SoccerNet's tightest window allows.
INSTANT_RATE = 4
SPACING_POSITIONS = 2 * SAME_EVENT  # from one event to the next of its label: none of the positions is asked about both
CLIP_POSITIONS = 80  # 10 s at 8 a second
FEWEST_POSITIONS = 2  # with fewer a segment is hardly seen
SAME = 1.001  # rates that differ by less are one


def grid_rate(
    annotated: Mapping[str, AnnotatedVideo],
    videos: Mapping[str, VideoInfo],
    asked: SamplingPlan | None = None,
) -> tuple[SamplingPlan, tuple[str, ...]]:
    """The grid of these films, at the given rate or the natural one, and what is doubtful or costly about it."""
    slow = min(videos.values(), key=mean_rate)
    plan = SamplingPlan(natural_rate(annotated, mean_rate(slow))) if asked is None else asked
    rate, notes = plan.fps, []
    if asked is None and rate > USUAL:
        _, why = max(_needed(annotated))
        notes.append(
            f"{float(rate):g} positions a second, since {why}: embedding, storage and later analyses cost "
            f"{float(rate) / USUAL:.2g} times as much as at {USUAL} a second; a lower --fps costs less and finds fewer"
        )
    if rate > mean_rate(slow) * SAME:
        notes.append(
            f"{slow.path.name} has {mean_rate(slow):.3g} frames a second, but {float(rate):g} positions: "
            "some frames are used twice"
        )
    higher = ": a higher --fps may help" * (asked is not None)
    durations_s = _durations_s(annotated)
    short = sum(duration_s * rate < FEWEST_POSITIONS for duration_s in durations_s)
    if short:
        notes.append(
            f"{short} of {len(durations_s)} segments are shorter than {FEWEST_POSITIONS} positions at {float(rate):g} "
            f"a second and will hardly be found{higher}"
        )
    close = sum(spacing_s * rate < SAME_EVENT for spacing_s in _spacings_s(annotated))
    if close:
        notes.append(
            f"{close} event{'s follow' if close > 1 else ' follows'} another one of the same label within "
            f"{SAME_EVENT / float(rate):.2g} s, so at {float(rate):g} positions a second only one of the two can be "
            f"found{higher}"
        )
    return plan, tuple(notes)


def natural_rate(annotated: Mapping[str, AnnotatedVideo], slowest: float) -> Fraction:
    """Positions a second for these films; `slowest` is the lowest of their frame rates.

    The segment than which 5 % are shorter gets 6 positions or more, where that takes more than 8 a second 4. Instants
    get 4 a second; and the shortest 5 % of the times from one to the next of its label are longer than 4 positions. Of
    whole clips, the middle one gets 80, at 8 a second at most. At least 1 a second, at most 30, of these no more than
    the slowest film has frames; the next of `RATES`.
    """
    needed = max((needed for needed, _ in _needed(annotated)), default=RATES[0])
    possible = [rate for rate in RATES if rate <= max(slowest * SAME, RATES[0])]
    return Fraction(next((rate for rate in possible if rate * SAME >= needed), possible[-1]))


def _needed(annotated: Mapping[str, AnnotatedVideo]) -> Iterator[tuple[float, str]]:
    """What asks for how many positions a second."""
    durations_s = _durations_s(annotated)
    if durations_s and all(video.clip_label is not None for video in annotated.values()):
        yield min(USUAL, CLIP_POSITIONS / float(np.median(durations_s))), "clips are short"
        return
    if durations_s:
        short_s = float(np.percentile(durations_s, SHORT))
        usual = min(USUAL, SHORT_POSITIONS / short_s)
        yield max(usual, SHORT_SEEN / short_s), f"{SHORT} % of the segments are shorter than {short_s:.2g} s"
    if any(s.start_s == s.end_s for video in annotated.values() for s in video.segments):
        yield INSTANT_RATE, "there are events without a length"
    if spacings_s := _spacings_s(annotated):
        close_s = float(np.percentile(spacings_s, SHORT))
        yield SPACING_POSITIONS / close_s, f"{SHORT} % of the events follow one of their label within {close_s:.2g} s"


def _durations_s(annotated: Mapping[str, AnnotatedVideo]) -> list[float]:
    """Of the segments; instants have none."""
    return [s.duration_s for video in annotated.values() for s in video.segments if s.duration_s > 0]


def _spacings_s(annotated: Mapping[str, AnnotatedVideo]) -> list[float]:
    """From each instant to the next of its label in the same film; those at one time cannot be told apart at any
    rate.
    """
    spacings_s: list[float] = []
    for video in annotated.values():
        instants = [s for s in video.segments if s.start_s == s.end_s]
        for label in {s.label for s in instants}:
            times_s = np.unique([s.start_s for s in instants if s.label == label])
            spacings_s += np.diff(times_s).tolist()
    return spacings_s
