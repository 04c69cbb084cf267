"""Positions a second in training: enough for short actions, and no more than the films have frames."""

from collections.abc import Mapping
from fractions import Fraction

import numpy as np

from vtn_stream.film import VideoInfo
from vtn_stream.formats.annotations import AnnotatedVideo
from vtn_stream.sampling import SamplingPlan
from vtn_stream.training.footage import mean_rate

__all__ = ["grid_rate", "natural_rate"]

RATES = (1, 2, 3, 4, 5, 6, 8)  # to choose from, positions a second
SHORT = 5  # percent of the segments are shorter than the one that is looked at
SHORT_POSITIONS = 6  # that it gets: so its borders differ from what is between them
CLIP_POSITIONS = 80  # 10 s at 8 a second
FEWEST_POSITIONS = 2  # with fewer a segment is hardly seen
SAME = 1.001  # rates that differ by less are one


def grid_rate(
    annotated: Mapping[str, AnnotatedVideo],
    videos: Mapping[str, VideoInfo],
    asked: SamplingPlan | None = None,
) -> tuple[SamplingPlan, tuple[str, ...]]:
    """The grid of these films, at the given rate or the natural one, and what is doubtful about it."""
    slow = min(videos.values(), key=mean_rate)
    plan = SamplingPlan(natural_rate(annotated, mean_rate(slow))) if asked is None else asked
    rate, notes = plan.fps, []
    if rate > mean_rate(slow) * SAME:
        notes.append(
            f"{slow.path.name} has {mean_rate(slow):.3g} frames a second, but {float(rate):g} positions: "
            "some frames are used twice"
        )
    durations_s = [segment.duration_s for video in annotated.values() for segment in video.segments]
    short = sum(duration_s * rate < FEWEST_POSITIONS for duration_s in durations_s)
    if short:
        notes.append(
            f"{short} of {len(durations_s)} segments are shorter than {FEWEST_POSITIONS} positions at {float(rate):g} "
            "a second and will hardly be found" + ": a higher --fps may help" * (asked is not None)
        )
    return plan, tuple(notes)


def natural_rate(annotated: Mapping[str, AnnotatedVideo], slowest: float) -> Fraction:
    """Positions a second for these films; `slowest` is the lowest of their frame rates.

    The segment than which 5 % are shorter gets 6 positions or more; of whole clips, the middle one gets 80. At least 1
    a second, at most 8, of these no more than the slowest film has frames; the next of `RATES`.
    """
    durations_s = [segment.duration_s for video in annotated.values() for segment in video.segments]
    if not durations_s:
        return Fraction(RATES[0])
    if all(video.clip_label is not None for video in annotated.values()):
        needed = CLIP_POSITIONS / float(np.median(durations_s))
    else:
        needed = SHORT_POSITIONS / float(np.percentile(durations_s, SHORT))
    possible = [rate for rate in RATES if rate <= max(slowest * SAME, RATES[0])]
    return Fraction(next((rate for rate in possible if rate * SAME >= needed), possible[-1]))
