"""Labels that say an attribute too: "hen 1: walk" for walk of the subject hen 1. Knows timelines only."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from vtn_stream.errors import listed, printable
from vtn_stream.timeline import Reviewed, Segment, Timeline

__all__ = ["label_with", "without_attribute"]


def without_attribute(timelines: Iterable[Timeline], attribute: str | None) -> tuple[str, ...]:
    """A warning where no segment has an attribute that the labels shall say; none where it is None."""
    segments = [s for timeline in timelines for s in timeline.segments]
    if attribute is None or not segments or any(s.attributes.get(attribute) for s in segments):
        return ()
    there = listed(sorted({name for s in segments for name in s.attributes}), 10)
    return (f"no segment has the attribute {printable(attribute)}, so the labels stay; there are: {there or 'none'}",)


def label_with(timeline: Timeline, attribute: str) -> Timeline:
    """The timeline with this attribute before its segments' labels, and no longer among their attributes.

    Segments without it stay as they are, so that to do it twice is to do it once. Where a label was looked for, all
    labels that it became were looked for.

    >>> walk = Segment(start_s=0, end_s=1, label="walk", attributes={"subject": "hen 1"})
    >>> film = Timeline(video_identity="", video_path="a.mp4", duration_s=9, span_s=(0, 9), segments=(walk,))
    >>> label_with(film, "subject").labels
    ('hen 1: walk',)
    """
    became = defaultdict[str, dict[str, None]](dict)

    def labelled(s: Segment, value: str) -> Segment:
        others = {name: kept for name, kept in s.attributes.items() if name != attribute}
        became[s.label][label := f"{value}: {s.label}"] = None
        was = None if s.was is None else labelled(s.was, s.was.attributes.get(attribute) or value)
        return replace(s, label=label, attributes=others, was=was)

    def kept(s: Segment) -> Segment:
        value = s.attributes.get(attribute)
        return labelled(s, value) if value else s

    def looked_for(r: Reviewed) -> Reviewed:
        if r.labels is None:
            return r
        return replace(r, labels=tuple(dict.fromkeys(name for label in r.labels for name in (label, *became[label]))))

    segments, rejected = tuple(map(kept, timeline.segments)), tuple(map(kept, timeline.rejected))
    return replace(timeline, segments=segments, rejected=rejected, reviewed=tuple(map(looked_for, timeline.reviewed)))
