"""OpenTimelineIO (.otio): a timeline of tracks and clips as JSON, which editors and pipeline tools exchange.

Written by the library: one track a label, in order of appearance; a clip a segment, named by its label, of the film's
frames; gaps between. A segment that goes on in the next file of a recording is a clip of each, with a warning. Segments
of one label that overlap go to further tracks of it, "label (2)". The film is named by its relative path;
global_start_time is the start timecode, whose drop-frame mark is in the metadata.

Resolution: a frame for other programs; float64 seconds for us, by the metadata "vtn_stream" of each clip, together with
label, score, attributes, origin and what the model had said. What is shorter than a frame gets a whole one.
Loses gaps, curves, clip labels, what was rejected and reviewed, provenance.
Escapes: JSON's own. NUL, which the library cuts texts at, and lone surrogates become U+FFFD.
Read: without the library, whose parser can be brought down by a file. Clips of all video tracks (of audio tracks, where
no clip has a picture) are segments by their name, else their track's; so are markers. Clips that are switched off or
not shown are left out, with a warning: otio_items.py. Transitions take no time; time warps and other effects are not
applied; objects that only refer to others are refused. A clip that was moved or cut since has its new place, not the
seconds of the metadata; if it was moved, cut or renamed, it has no origin: nothing says who did that. A collection has
a timeline for each of its own.
Domain: every timeline of segments; without NUL and lone surrogates, and up to a million years.
"""

import json
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from heapq import heappush, heapreplace
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote

from vtn_stream.formats.media_files import in_files, media_files
from vtn_stream.formats.otio_items import (
    OWN,
    Item,
    ItemsInTime,
    number,
    own_metadata,
    rate_of,
    schema_of,
    seconds_of,
)
from vtn_stream.formats.reading import ReadingOptions, ReadResult, decoded, refuse, timeline_of, told
from vtn_stream.formats.timecode import Clock, can_count, film_clock, is_timecode, timecode_rate
from vtn_stream.formats.writing import DEFAULT_RATE, Options, Written, num
from vtn_stream.timeline import Segment, Timeline

if TYPE_CHECKING:
    from opentimelineio.opentime import TimeRange

__all__ = ["claims", "read", "write"]

_RATE = re.compile(r"[1-9]\d{0,9}(/[1-9]\d{0,9})?", re.ASCII)


def write(timelines: Sequence[Timeline], options: Options) -> Written:
    from opentimelineio import core, opentime, schema

    (timeline,) = timelines
    clock, warnings = film_clock(timeline, options)
    rate = float(clock.rate)

    def frames(first: int, end: int) -> "TimeRange":
        return opentime.TimeRange(opentime.RationalTime(first, rate), opentime.RationalTime(end - first, rate))

    files = media_files(timeline, clock)
    timeline, cut = in_files(timeline, files)
    warnings += cut
    tracks = []
    for name, segments in _tracks(timeline, clock):
        track = schema.Track(name=name, kind=schema.TrackKind.Video)
        at = 0
        for first, end, s in segments:
            if at < first:
                track.append(schema.Gap(source_range=frames(0, first - at)))
            at = end
            known = {"label": _text(s.label), "start_s": s.start_s, "end_s": s.end_s, "score": s.score}
            known["attributes"] = {_text(key): _text(value) for key, value in s.attributes.items()}
            if s.origin is not None:
                known["origin"] = s.origin
            if (was := s.was) is not None:
                known["was"] = {
                    "label": _text(was.label),
                    "start_s": was.start_s,
                    "end_s": was.end_s,
                    "score": was.score,
                }
            file = files[max(0, bisect_right(files, s.start_s, key=lambda file: file.start_s) - 1)]
            has = frames(file.start, file.start + file.end - file.first)
            track.append(
                schema.Clip(
                    name=_text(s.label),
                    media_reference=schema.ExternalReference(quote(_text(file.path)), has),
                    source_range=frames(file.own(first), file.own(end)),
                    metadata={OWN: known},
                )
            )
        tracks.append(track)
    known = {"duration_s": timeline.duration_s, "rate": str(clock.rate), "start_timecode": clock.timecode(0)}
    root = schema.Timeline(
        name=_text(timeline.video_path), metadata={OWN: known | {"film": _text(timeline.video_path)}}
    )
    root.global_start_time = opentime.RationalTime(clock.start, rate)
    root.tracks.extend(tracks)
    if short := sum(first == end for first, end in map(clock.span, timeline.segments)):
        warnings += (f"{num(short, 'segment')} shorter than a frame: written as a whole one",)
    said = [each for s in timeline.segments for each in (s, s.was) if each is not None]
    texts = (text for s in said for text in (s.label, *s.attributes, *s.attributes.values()))
    if changed := sum(_text(text) != text for text in texts):
        warnings += (f"{num(changed, 'text')} with NUL or a lone surrogate: U+FFFD is written instead",)
    content: str = core.serialize_json_to_string(root, indent=1)
    return Written(content=content.encode() + b"\n", warnings=warnings)


def claims(head: str, suffix: str) -> bool:
    return head.lstrip().startswith("{") and '"OTIO_SCHEMA"' in head


def read(data: bytes, name: str, options: ReadingOptions) -> ReadResult:
    try:
        root: Any = json.loads(decoded(data, name), parse_constant=_no_number)
        loose: list[str] = []
        projects = list(_projects(root, loose))
        if not projects:
            refuse(name, f"it holds a {schema_of(root)[:40]}, not a Timeline")
        read = [_timeline(project, len(projects) > 1, name, options) for project in projects]
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        refuse(name, f"damaged OpenTimelineIO: {type(error).__name__} {str(error)[:100]}")
    warnings = dict.fromkeys(warning for _, doubts in read for warning in doubts)
    warnings |= dict.fromkeys(told({"object{} beside the timelines not read": loose}))
    return ReadResult(timelines=tuple(timeline for timeline, _ in read), warnings=tuple(warnings))


def _projects(root: Any, loose: list[str]) -> Iterator[dict[str, Any]]:
    """A timeline, or those of a collection, in its order. The names of all else are added to `loose`."""
    if schema_of(root) == "Timeline":
        yield root
    elif schema_of(root) == "SerializableCollection":
        for child in root.get("children") or ():
            yield from _projects(child, loose)
    else:
        loose.append(str(root.get("name") or ""))


def _timeline(
    root: dict[str, Any], is_one_of_several: bool, name: str, options: ReadingOptions
) -> tuple[Timeline, tuple[str, ...]]:
    own = own_metadata(root)
    start = root.get("global_start_time")
    items = ItemsInTime.of(root["tracks"], Fraction(0) if start is None else seconds_of(start))
    stated_rate = own.get("rate")
    if isinstance(stated_rate, str) and _RATE.fullmatch(stated_rate):
        rate: Fraction | None = Fraction(stated_rate)
    else:
        rate = items.rate if start is None else rate_of(start)
    counted = rate or options.rate or DEFAULT_RATE
    counted = counted if can_count(counted) else timecode_rate(counted)
    clock = Clock(rate=counted, start=0 if start is None else round(seconds_of(start) * counted))
    timecode, film = own.get("start_timecode"), own.get("film")
    if not isinstance(timecode, str) or not is_timecode(timecode):
        timecode = None if start is None else clock.timecode(0)
    title = str(root.get("name") or "")
    timeline = timeline_of(
        [_segment(item, clock) for item in items.found()],
        name,
        options,
        format="OpenTimelineIO",
        video=film if isinstance(film, str) else items.film or (title if is_one_of_several else None),
        duration_s=number(own.get("duration_s")),
        rate=rate,
        start_timecode=timecode,
        notes=[f"Of several timelines this is {title!r}."] if is_one_of_several else (),
    )
    return timeline, items.warnings()


def _tracks(timeline: Timeline, clock: Clock) -> Iterator[tuple[str, list[tuple[int, int, Segment]]]]:
    """(name, [(first frame, frame after the last, segment)]), each of a frame at least and none overlapping."""
    spans: dict[str, list[tuple[int, int, Segment]]] = {label: [] for label in timeline.labels}
    for segment in timeline.segments:
        first, end = clock.span(segment)
        spans[segment.label].append((first, max(end, first + 1), segment))
    for label, of_label in spans.items():
        tracks: list[list[tuple[int, int, Segment]]] = []
        ends: list[tuple[int, int]] = []  # (where a track ends, its number), the first to end first
        for span in of_label:
            if ends and ends[0][0] <= span[0]:
                number = ends[0][1]
                heapreplace(ends, (span[1], number))
            else:
                number = len(tracks)
                heappush(ends, (span[1], number))
                tracks.append([])
            tracks[number].append(span)
        for number, track in enumerate(tracks, 1):
            yield (_text(label) if number == 1 else f"{_text(label)} ({number})"), track


def _segment(item: Item, clock: Clock) -> Segment:
    """The segment, with the seconds of the metadata if they still match its place."""
    start_s, end_s = float(item.start), float(item.end)
    is_as_written = False
    told_start_s, told_end_s = number(item.own.get("start_s")), number(item.own.get("end_s"))
    if told_start_s is not None and told_end_s is not None and told_start_s <= told_end_s:
        first, end = clock.frame(told_start_s), clock.frame(told_end_s)
        if (clock.frame(item.start), clock.frame(item.end)) == (first, max(end, first + 1)):
            start_s, end_s = told_start_s, told_end_s
            is_as_written = item.label == item.own.get("label")
    attributes = item.own.get("attributes")
    if not isinstance(attributes, dict):
        attributes = {}
    segment = Segment(
        start_s=start_s,
        end_s=end_s,
        label=item.label,
        score=number(item.own.get("score")),
        attributes={key: value for key, value in attributes.items() if isinstance(value, str)},
    )
    return _said(segment, item.own) if is_as_written and "origin" in item.own else segment


def _said(segment: Segment, own: dict[str, Any]) -> Segment:
    """Raises KeyError, TypeError, ValueError where what the metadata say is no origin, or no segment before it."""
    was = own.get("was")
    if was is not None:
        label, score = was["label"], number(was.get("score"))
        if not isinstance(label, str):
            raise TypeError("the label before a change is not text")
        start_s, end_s = number(was["start_s"]), number(was["end_s"])
        if start_s is None or end_s is None:
            raise TypeError("the time before a change is not two numbers")
        was = Segment(start_s=start_s, end_s=end_s, label=label, score=score)
    return replace(segment, origin=own["origin"], was=was)


def _text(text: str) -> str:
    return re.sub("[\0\ud800-\udfff]", "\ufffd", text)


def _no_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number")
