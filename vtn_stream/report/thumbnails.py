"""Which of a film's stored pictures a page shows: some evenly over the film, and one of each scene."""

import base64
import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence

from vtn_stream.timeline import Segment

__all__ = ["chosen_thumbnails", "data_uri", "pictures_of_labels"]

MAX_THUMBNAILS = 200
MAX_THUMBNAIL_TEXT = 3_000_000  # characters of the page: it should still go by mail
MAX_OF_LABELS = 100  # labels that have a picture, those with most time
MARGIN = 0.1  # of a segment, at both of its ends: a picture from there may show a cut or a dissolve

Thumbnail = tuple[float, bytes]  # time_s, JPEG


def chosen_thumbnails(pairs: Iterable[Thumbnail], room: int = MAX_THUMBNAIL_TEXT) -> list[Thumbnail]:
    """At most MAX_THUMBNAILS of these, evenly over time, in at most `room` characters of the page."""
    ordered = sorted(pairs)
    num = min(len(ordered), MAX_THUMBNAILS)
    while num:
        chosen = _evenly(ordered, num)
        characters = sum(len(data_uri(jpeg)) for _, jpeg in chosen)
        if characters <= room:
            return chosen
        num = min(num - 1, num * room // characters)
    return []


def _evenly(ordered: list[Thumbnail], num: int) -> list[Thumbnail]:
    """The ones nearest to `num` evenly spaced times; fewer where two such times have one nearest."""
    if num == len(ordered):
        return ordered
    times = [time_s for time_s, _ in ordered]
    nearest = set()
    for i in range(num):
        wanted = times[0] + (times[-1] - times[0]) * (i + 0.5) / num
        after = bisect_left(times, wanted)
        beside = range(max(after - 1, 0), min(after + 1, len(times)))
        nearest.add(min(beside, key=lambda k: abs(times[k] - wanted)))
    return [ordered[k] for k in sorted(nearest)]


def pictures_of_labels(segments: Sequence[Segment], pairs: Iterable[Thumbnail]) -> dict[str, Thumbnail]:
    """A picture from the longest segment of each label that has one: the nearest to its middle, and not from its ends
    if another of the label's segments has a better one. Labels of which no segment has a picture are left out; so are
    those with least time, where all would take more than half of MAX_THUMBNAIL_TEXT, or be more than MAX_OF_LABELS.
    """
    ordered = sorted(pairs)
    times = [time_s for time_s, _ in ordered]
    of_label: dict[str, list[Segment]] = {}
    for segment in sorted(segments, key=lambda s: (-s.duration_s, s.start_s)):
        of_label.setdefault(segment.label, []).append(segment)
    total_s = {label: math.fsum(s.duration_s for s in own) for label, own in of_label.items()}
    chosen: dict[str, Thumbnail] = {}
    room = MAX_THUMBNAIL_TEXT // 2
    for label in sorted(of_label, key=lambda label: -total_s[label]):
        places = (_inside(segment, times, margin) for margin in (MARGIN, 0.0) for segment in of_label[label])
        place = next((place for place in places if place is not None), None)
        if place is None or len(chosen) == MAX_OF_LABELS:
            continue
        room -= len(data_uri(ordered[place][1]))
        if room < 0:
            break
        chosen[label] = ordered[place]
    return chosen


def _inside(segment: Segment, times: Sequence[float], margin: float) -> int | None:
    """The place of the time nearest to the segment's middle, of those within it and off its ends."""
    off_s, middle_s = margin * segment.duration_s, (segment.start_s + segment.end_s) / 2
    inside = range(bisect_left(times, segment.start_s + off_s), bisect_left(times, segment.end_s - off_s))
    after = bisect_left(times, middle_s)
    beside = [place for place in (after - 1, after) if place in inside]
    return min(beside, key=lambda place: abs(times[place] - middle_s), default=None)


def data_uri(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
