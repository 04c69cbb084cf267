"""LosslessCut's project, .llc: the film's name and its segments, in JSON5.

    {version: 2, mediaFileName: 'film.mp4', cutSegments: [{start: 1.5, end: 4, name: 'goal', tags: {team: 'red'}}]}

Written: version 2, in JSON, which is JSON5 too; attributes are tags; an instant is a segment without an end, which
LosslessCut calls a marker.
Resolution: seconds, as exact as the timeline's. Loses scores, the film's length and rate, gaps, curves, clip labels,
provenance. Escapes: JSON's own; lone surrogates become U+FFFD, with a warning.
Read: versions 1 to 3. In version 1 a segment without a start begins with the film, and one without an end lasts until
the film ends; where the film's length is not known, until the last time in the file, with a warning. Segments that are
not selected are not read, since LosslessCut would not export them, and texts over the picture neither; both are told.
Domain: starts of 0 or later; labels and attributes without lone surrogates.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from vtn_stream.formats.annotations.text import json_bytes, parsed_json, without_surrogates
from vtn_stream.formats.json5 import as_json
from vtn_stream.formats.json_places import place_of
from vtn_stream.formats.json_values import Broken, by_name, each, flag, get, is_object, number, optional, shown, text
from vtn_stream.formats.reading import MAX_SEGMENTS, ReadingOptions, ReadResult, decoded, refuse, timeline_of, told
from vtn_stream.formats.writing import Options, Written, num
from vtn_stream.timeline import Segment, Timeline

__all__ = ["claims", "open_ends_told", "read", "write"]

TITLE = "LosslessCut project"
VERSION = 2
NEWEST = 3  # that is known

_BEGINS = re.compile(r"\s*+(?:(?>//[^\n]*\n|/\*.*?\*/)\s*+)*+\{", re.DOTALL)
_SEGMENTS = re.compile(r"[{,\s/][\"']?cutSegments[\"']?\s*+:\s*+\[")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cut:
    """A segment as the project has it; end_s: None for none."""

    start_s: float
    end_s: float | None
    label: str
    tags: dict[str, str]
    selected: bool


def write(timelines: Sequence[Timeline], options: Options) -> Written:
    (timeline,) = timelines
    content = {
        "version": VERSION,
        "mediaFileName": PurePosixPath(timeline.video_path).name,
        "cutSegments": [_entry(s) for s in timeline.segments],
    }
    broken = sum(
        any(without_surrogates(part) != part for part in (s.label, *s.attributes, *s.attributes.values()))
        for s in timeline.segments
    )
    warning = f"{num(broken, 'segment')} with broken characters: these are written as U+FFFD"
    return Written(content=json_bytes(content), warnings=(warning,) * bool(broken))


def claims(head: str, suffix: str) -> bool:
    return _BEGINS.match(head) is not None and _SEGMENTS.search(head) is not None


def read(data: bytes, name: str, options: ReadingOptions) -> ReadResult:
    document = None
    try:
        document = as_json(decoded(data, name))
        content = parsed_json(document, MAX_SEGMENTS)
        version = get(content, "version", number) if "version" in is_object(content) else 1
        film = get(content, "mediaFileName", optional(text)) if "mediaFileName" in content else None
        cuts = get(content, "cutSegments", each(_cut))
        overlays = content.get("overlayClips")
    except Broken as error:
        refuse(name, f"{place_of(error.way, document)}{error}")
    except (TypeError, ValueError) as error:
        refuse(name, f"damaged LosslessCut project: {error}")
    if len(cuts) > MAX_SEGMENTS:
        refuse(name, f"it has more than {MAX_SEGMENTS} segments")
    kept = [cut for cut in cuts if cut.selected]
    warnings = told(
        {"segment{} not selected in LosslessCut, not read": [cut.label for cut in cuts if not cut.selected]}
    )
    if isinstance(overlays, list) and overlays:
        warnings += (f"{num(len(overlays), 'text')} over the picture not read",)
    if version not in range(1, NEWEST + 1):
        warnings += (f"its version is {version:g}, which is not known: it is read as version {NEWEST}",)
    if version == 1 and any(cut.end_s is None for cut in kept):
        film_end_s, doubts = open_ends_told(
            [cut.label for cut in kept if cut.end_s is None],
            [time_s for cut in kept for time_s in (cut.start_s, cut.end_s) if time_s is not None],
            options,
        )
        warnings += doubts
    else:
        film_end_s = None
    segments = []
    for place, cut in enumerate(kept, 1):
        end_s = cut.end_s
        if end_s is None:
            end_s = cut.start_s if film_end_s is None else max(film_end_s, cut.start_s)
        if end_s < cut.start_s:
            refuse(name, f"segment {place} ends at {end_s:g} s, before it starts at {cut.start_s:g} s")
        segments.append(Segment(start_s=cut.start_s, end_s=end_s, label=cut.label, attributes=cut.tags))
    timeline = timeline_of(segments, name, options, format=TITLE, video=film)
    return ReadResult(timelines=(timeline,), warnings=warnings)


def open_ends_told(
    labels: Sequence[str], times_s: Sequence[float], options: ReadingOptions
) -> tuple[float, tuple[str, ...]]:
    """Where segments without an end, of these labels, do end, and the warning that says so.

    times_s: all that the file states
    """
    if options.duration_s is not None:
        return options.duration_s, told({"segment{} without an end: until the film ends": labels})
    doubt = "segment{} without an end: until the last time here, as the film's length is not known; give --duration"
    return max(times_s, default=0.0), told({doubt: labels})


def _entry(segment: Segment) -> dict[str, Any]:
    end = {"end": segment.end_s} if segment.start_s < segment.end_s else {}
    tags = {"tags": dict(segment.attributes)} if segment.attributes else {}
    return {"start": max(0.0, segment.start_s), **end, "name": segment.label, **tags}


def _cut(value: Any) -> _Cut:
    entry = is_object(value)

    def field(name: str, read: Any, missing: Any) -> Any:
        found = get(entry, name, optional(read)) if name in entry else None
        return missing if found is None else found

    return _Cut(
        start_s=field("start", number, 0.0),
        end_s=field("end", number, None),
        label=field("name", text, ""),
        tags=field("tags", by_name(_tag), {}),
        selected=field("selected", flag, True),
    )


def _tag(value: Any) -> str:
    return value if isinstance(value, str) else shown(value)
