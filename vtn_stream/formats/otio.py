"""OpenTimelineIO (.otio): a timeline of tracks and clips as JSON, which editors and pipeline tools exchange.

Written by the library: one track a label, in order of appearance; a clip a segment, named by its label, of the film's
frames; gaps between. Segments of one label that overlap go to further tracks of it, "label (2)". The film is named by
its relative path; global_start_time is the start timecode, whose drop-frame mark is in the metadata.

Resolution: a frame for other programs; float64 seconds for us, by the metadata "vtn_stream" of each clip, together with
label, score and attributes. What is shorter than a frame gets a whole one.
Loses gaps, curves, clip labels, provenance.
Escapes: JSON's own. NUL, which the library cuts texts at, and lone surrogates become U+FFFD.
Read: without the library, whose parser can be brought down by a file. Clips of all tracks, video or not, are segments
by their name, else their track's; so are markers. Nested stacks and tracks stand where they are shown, cut to what is
shown of them. Transitions take no time; time warps and other effects are not applied; objects that only refer to others
are refused. A clip that was moved or cut since has its new place, not the seconds of the metadata.
Domain: every timeline of segments; without NUL and lone surrogates, and up to a million years.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from heapq import heappush, heapreplace
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote, unquote

from vtn_stream.formats.reading import MAX_SEGMENTS, ReadingOptions, ReadResult, decoded, refuse, timeline_of
from vtn_stream.formats.timecode import Clock, film_clock, is_timecode
from vtn_stream.formats.writing import DEFAULT_RATE, Options, Written, exact_rate, num
from vtn_stream.timeline import Segment, Timeline

if TYPE_CHECKING:
    from opentimelineio.opentime import TimeRange

__all__ = ["claims", "read", "write"]

_OWN = "vtn_stream"
_RATE = re.compile(r"[1-9]\d{0,9}(/[1-9]\d{0,9})?", re.ASCII)


def write(timelines: Sequence[Timeline], options: Options) -> Written:
    from opentimelineio import core, opentime, schema

    (timeline,) = timelines
    clock, warnings = film_clock(timeline, options)
    rate = float(clock.rate)

    def frames(first: int, end: int) -> "TimeRange":
        return opentime.TimeRange(opentime.RationalTime(first, rate), opentime.RationalTime(end - first, rate))

    film = frames(clock.start, clock.start + clock.frame(timeline.duration_s))
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
            track.append(
                schema.Clip(
                    name=_text(s.label),
                    media_reference=schema.ExternalReference(quote(_text(timeline.video_path)), film),
                    source_range=frames(clock.start + first, clock.start + end),
                    metadata={_OWN: known},
                )
            )
        tracks.append(track)
    known = {"duration_s": timeline.duration_s, "rate": str(clock.rate), "start_timecode": clock.timecode(0)}
    root = schema.Timeline(
        name=_text(timeline.video_path), metadata={_OWN: known | {"film": _text(timeline.video_path)}}
    )
    root.global_start_time = film.start_time
    root.tracks.extend(tracks)
    if short := sum(first == end for first, end in map(clock.span, timeline.segments)):
        warnings += (f"{num(short, 'segment')} shorter than a frame: written as a whole one",)
    texts = (text for s in timeline.segments for text in (s.label, *s.attributes, *s.attributes.values()))
    if changed := sum(_text(text) != text for text in texts):
        warnings += (f"{num(changed, 'text')} with NUL or a lone surrogate: U+FFFD is written instead",)
    content: str = core.serialize_json_to_string(root, indent=1)
    return Written(content=content.encode() + b"\n", warnings=warnings)


def claims(head: str, suffix: str) -> bool:
    return head.lstrip().startswith("{") and '"OTIO_SCHEMA"' in head


def read(data: bytes, name: str, options: ReadingOptions) -> ReadResult:
    try:
        root: Any = json.loads(decoded(data, name), parse_constant=_no_number)
        if _schema(root) != "Timeline":
            refuse(name, f"it holds a {_schema(root)[:40]}, not a Timeline")
        own = _own(root)
        placed = _ItemsInTime(limit=MAX_SEGMENTS)
        placed.visit(_object(root["tracks"]), Fraction(0), (Fraction(0), None), "")
        start = root.get("global_start_time")
        stated_rate = own.get("rate")
        if isinstance(stated_rate, str) and _RATE.fullmatch(stated_rate):
            rate: Fraction | None = Fraction(stated_rate)
        else:
            rate = placed.rate if start is None else _rate(start)
        counted = rate or options.rate or DEFAULT_RATE
        clock = Clock(rate=counted, start=0 if start is None else round(_time(start) * counted))
        segments = [_segment(found, clock) for found in placed.found]
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        refuse(name, f"damaged OpenTimelineIO: {type(error).__name__} {str(error)[:100]}")
    timecode, film = own.get("start_timecode"), own.get("film")
    if not isinstance(timecode, str) or not is_timecode(timecode):
        timecode = None if start is None else clock.timecode(0)
    timeline = timeline_of(
        segments,
        name,
        options,
        format="OpenTimelineIO",
        video=film if isinstance(film, str) else placed.film,
        duration_s=_number(own.get("duration_s")),
        rate=rate,
        start_timecode=timecode,
    )
    return ReadResult(timelines=(timeline,))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    """A clip or marker in the time of the whole timeline, seconds."""

    label: str
    start: Fraction
    end: Fraction
    own: dict[str, Any]


@dataclass(slots=True, kw_only=True)
class _ItemsInTime:
    """Clips and markers of nested tracks and stacks, each where it is shown."""

    limit: int
    found: list[_Item] = field(default_factory=list)
    rate: Fraction | None = None
    film: str | None = None

    def visit(
        self, item: dict[str, Any], start: Fraction, window: tuple[Fraction, Fraction | None], track: str
    ) -> Fraction:
        """Adds what `item`, shown from `start` on, holds inside the window. Returns its length."""
        kind, name = _schema(item), str(item.get("name") or "")
        if kind == "Transition":
            return Fraction(0)
        shown = item.get("source_range")
        if shown is None and kind == "Clip":
            shown = self._media(item).get("available_range")
        begins = Fraction(0) if shown is None else _time(shown["start_time"])
        length = Fraction(0)
        if shown is not None:
            length = max(length, _time(shown["duration"]))
            self.rate = self.rate or _rate(shown["duration"])
            ends = start + length
            window = (max(window[0], start), ends if window[1] is None else min(window[1], ends))
        if kind == "Clip":
            label = name or _own(item).get("label")
            self._add(track if label is None else str(label), start, start + length, window, _own(item))
            self.film = self.film or unquote(str(self._media(item).get("target_url") or ""))
        elif kind in ("Stack", "Track"):
            at = Fraction(0)
            inside = Fraction(0)
            for child in item.get("children") or ():
                took = self.visit(_object(child), start - begins + at, window, name if kind == "Track" else track)
                at = at + took if kind == "Track" else at
                inside = max(inside, at, took)
            length = inside if shown is None else length
        elif kind != "Gap":
            raise ValueError(f"a {kind[:40]} among the clips")
        for marker in item.get("markers") or ():
            marked = marker["marked_range"]
            at = start - begins + _time(marked["start_time"])
            self._add(str(marker.get("name") or ""), at, at + max(Fraction(0), _time(marked["duration"])), window, {})
        return length

    def _add(
        self, label: str, start: Fraction, end: Fraction, window: tuple[Fraction, Fraction | None], own: dict[str, Any]
    ) -> None:
        low, high = window
        left, right = max(start, low), end if high is None else min(end, high)
        if left < right or (left == right and start == end):
            self.found.append(_Item(label=label, start=left, end=right, own=own))
        if len(self.found) > self.limit:
            raise ValueError(f"more than {self.limit} clips and markers")

    @staticmethod
    def _media(clip: dict[str, Any]) -> dict[str, Any]:
        """The clip's media: one in old files, one of several in newer ones."""
        several = clip.get("media_references") or {}
        return _object(several.get(clip.get("active_media_reference_key")) or clip.get("media_reference") or {})


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


def _segment(found: _Item, clock: Clock) -> Segment:
    """The segment, with the seconds of the metadata if they still match its place."""
    start_s, end_s = float(found.start), float(found.end)
    told_start_s, told_end_s = _number(found.own.get("start_s")), _number(found.own.get("end_s"))
    if told_start_s is not None and told_end_s is not None and told_start_s <= told_end_s:
        first, end = clock.frame(told_start_s), clock.frame(told_end_s)
        if (clock.frame(found.start), clock.frame(found.end)) == (first, max(end, first + 1)):
            start_s, end_s = told_start_s, told_end_s
    attributes = found.own.get("attributes")
    if not isinstance(attributes, dict):
        attributes = {}
    return Segment(
        start_s=start_s,
        end_s=end_s,
        label=found.label,
        score=_number(found.own.get("score")),
        attributes={key: value for key, value in attributes.items() if isinstance(value, str)},
    )


def _text(text: str) -> str:
    return re.sub("[\0\ud800-\udfff]", "\ufffd", text)


def _schema(item: Any) -> str:
    """Clip.2 -> Clip"""
    return str(_object(item)["OTIO_SCHEMA"]).partition(".")[0]


def _object(item: Any) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise TypeError(f"expected an object, got {type(item).__name__}")
    return item


def _own(item: dict[str, Any]) -> dict[str, Any]:
    metadata = item.get("metadata")
    own = metadata.get(_OWN) if isinstance(metadata, dict) else None
    return own if isinstance(own, dict) else {}


def _number(value: Any) -> float | None:
    is_one = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_one and abs(value) < 1e308 else None


def _rate(time: Any) -> Fraction:
    rate = _number(time["rate"])
    if rate is None or not 0.01 <= rate <= 1e6:
        raise ValueError("a rate that is no number of frames a second")
    return exact_rate(rate)


def _time(time: Any) -> Fraction:
    """Seconds of a RationalTime."""
    value = _number(time["value"])
    if value is None or abs(value) > 2**53:
        raise ValueError("a time that is no number of frames")
    return Fraction(value) / _rate(time)


def _no_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number")
