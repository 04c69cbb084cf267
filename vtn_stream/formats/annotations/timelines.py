"""Turns annotations into timelines, one for each film, to convert them. Knows no format."""

from collections.abc import Sequence
from dataclasses import replace

from vtn_stream.formats.annotations.annotated import Annotations, Problem
from vtn_stream.formats.reading import ReadingOptions, ReadResult, timeline_of
from vtn_stream.known import Known
from vtn_stream.segments import Reviewed
from vtn_stream.timeline import Timeline

__all__ = ["timelines_of"]

MAX_TOLD = 20  # warnings, and what was left out: a person reads no more


def timelines_of(annotations: Annotations, name: str, options: ReadingOptions) -> ReadResult:
    """A timeline of each film, called by its id.

    The label of a whole clip is the timeline's clip label, and a segment where the duration is known. Subset and source
    are in its provenance. Where people looked at a part of the film only, the timeline says so.
    """
    if options.duration_s is not None and options.duration_s > 0:
        annotations = annotations.with_durations(dict.fromkeys(annotations.videos, options.duration_s))
    timelines = []
    for film, video in annotations.videos.items():
        timeline = timeline_of(
            video.segments,
            name,
            options,
            format=annotations.format,
            video=film,
            duration_s=video.duration_s,
            rate=video.rate,
            at_least_s=video.at_least_s,
        )
        parts = {"subset": video.subset, "source": video.source}
        if known := {name: value for name, value in parts.items() if value is not None}:
            timeline = replace(timeline, provenance={**timeline.provenance, **known})
        if video.known is not None:
            timeline = _looked_at(timeline, video.known)
        if video.clip_label is not None:
            timeline = replace(timeline, clip_labels=((video.clip_label, 1.0),))
        timelines.append(timeline)
    warnings = (*_told(annotations.warnings, ""), *_told(annotations.skipped, "left out: "))
    if num := sum(len(video.unfindable) for video in annotations.videos.values()):
        warnings += (f"{num} segment{'s' * (num > 1)} without a length left out",)
    return ReadResult(timelines=tuple(timelines), warnings=warnings)


def _looked_at(timeline: Timeline, known: Known) -> Timeline:
    """The timeline with what people said: its segments are by hand, and it says in which time they looked."""
    within = known.within(timeline.duration_s)
    reviewed = [Reviewed(start_s=start_s, end_s=end_s) for start_s, end_s in within.rest]
    for label, spans in within.own.items():
        if spans != within.rest:
            reviewed += [Reviewed(start_s=start_s, end_s=end_s, labels=(label,)) for start_s, end_s in spans]
    segments = tuple(replace(s, origin="manual") for s in timeline.segments)
    return replace(timeline, segments=segments, reviewed=tuple(reviewed))


def _told(problems: Sequence[Problem], prefix: str) -> list[str]:
    lines = [prefix + (f"line {line}: " if line is not None else "") + text for line, text in problems[:MAX_TOLD]]
    more = len(problems) - MAX_TOLD
    return [*lines, f"{prefix}and {more} more"] if more > 0 else lines
