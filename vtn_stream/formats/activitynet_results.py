"""ActivityNet results: {"version", "results": {film: [{"label", "score", "segment": [start, end]}]}, "external_data"}.

Resolution: seconds, as exact as the timeline's. Films are called by their path without its suffix, as ActivityNet's
are; two that differ in nothing else keep it, and of films of one path the second is "film (2)", with a warning. What
has no score gets 1, with a warning: the format needs one. Loses
attributes, gaps, curves, clip labels, provenance, durations. Escapes: JSON's own; lone surrogates become U+FFFD.
Read: what any system predicts; other keys are ignored. An entry without a segment is a clip label; an entry without a
score has none. Strict on segments that end before they start, and on a film or a key that stands twice.
Domain: every segment has a score; the film's name comes back without its suffix and folder.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from vtn_stream.film import without_suffix
from vtn_stream.formats.annotations.text import json_bytes, parsed_json, repeated_keys
from vtn_stream.formats.annotations.words import number, shown
from vtn_stream.formats.reading import MAX_SEGMENTS, ReadingOptions, ReadResult, decoded, refuse, timeline_of
from vtn_stream.formats.writing import Options, Written, num
from vtn_stream.timeline import Segment, Timeline

__all__ = ["claims", "read", "write"]

TITLE = "ActivityNet results"
VERSION = "VERSION 1.3"


def write(timelines: Sequence[Timeline], options: Options) -> Written:
    keys, num_same = _keys([timeline.video_path for timeline in timelines])
    results: dict[str, list[dict[str, Any]]] = {
        key: [
            {"label": s.label, "score": 1.0 if s.score is None else s.score, "segment": [s.start_s, s.end_s]}
            for s in timeline.segments
        ]
        for key, timeline in zip(keys, timelines, strict=True)
    }
    warnings = []
    if num_same:
        warnings.append(f'{num(num_same, "film")} with the name of another: written as "film (2)" and so on')
    scoreless = sum(s.score is None for timeline in timelines for s in timeline.segments)
    if scoreless:
        warnings.append(f"{num(scoreless, 'segment')} without a score, which every result has: written with 1")
    return Written(
        content=json_bytes({"version": VERSION, "results": results, "external_data": {}}),
        warnings=tuple(warnings),
    )


def claims(head: str, suffix: str) -> bool:
    if not head.lstrip().startswith("{") or re.search(r'"database"\s*:', head) or re.match(r'\s*\{\s*"schema"', head):
        return False
    no_film = re.search(r'"results"\s*:\s*\{\s*\}', head) and '"external_data"' in head
    return bool(no_film or re.search(r'"results"\s*:\s*\{\s*"(?:[^"\\]++|\\.)*+"\s*:\s*\[', head))


def read(data: bytes, name: str, options: ReadingOptions) -> ReadResult:
    try:
        content = parsed_json(decoded(data, name), MAX_SEGMENTS)
    except ValueError as error:
        refuse(name, f"damaged JSON: {error}")
    results = content.get("results") if isinstance(content, dict) else None
    if not isinstance(results, dict):
        refuse(name, "it has no results, an object with a list for each film")
    for film in repeated_keys(results):
        refuse(name, f"the film {shown(film)} occurs twice")
    return ReadResult(timelines=tuple(_film(film, entries, name, options) for film, entries in results.items()))


def _film(film: str, entries: object, name: str, options: ReadingOptions) -> Timeline:
    if not isinstance(entries, list):
        refuse(name, f"the entry of {shown(film)} is {shown(entries)}, not a list")
    segments: list[Segment] = []
    clip_labels: list[tuple[str, float]] = []
    for i, entry in enumerate(entries):
        place = f"{shown(film)}[{i}]"
        if not isinstance(entry, dict) or repeated_keys(entry):
            refuse(name, f"{place} is {shown(entry)}, not an object whose keys occur once each")
        label, score = entry.get("label"), entry.get("score")
        if not isinstance(label, str):
            refuse(name, f"the label of {place} is {shown(label)}, not text")
        value = None if score is None else _finite(score, f"the score of {place}", name)
        if "segment" not in entry:
            clip_labels.append((label, 1.0 if value is None else value))
            continue
        segment = entry["segment"]
        if not isinstance(segment, list) or len(segment) != 2:
            refuse(name, f"the segment of {place} is {shown(segment)}, not [start, end]")
        start_s, end_s = (_finite(bound, f"the segment of {place}", name) for bound in segment)
        if end_s < start_s:
            refuse(name, f"{place} ends at {end_s:g} s, before it starts at {start_s:g} s")
        segments.append(Segment(start_s=start_s, end_s=end_s, label=label, score=value))
    timeline = timeline_of(segments, name, options, format=TITLE, video=film)
    return replace(timeline, clip_labels=tuple(clip_labels))


def _finite(value: object, what: str, name: str) -> float:
    given = number(value)
    if given is None or not math.isfinite(given):
        refuse(name, f"{what} has {shown(value)}, not a number")
    return given


def _keys(paths: Sequence[str]) -> tuple[list[str], int]:
    """A key for each film, all different, and how many of them needed a number."""
    counts = Counter(without_suffix(path) for path in set(paths))
    called = {path: path if counts[without_suffix(path)] > 1 else without_suffix(path) for path in paths}
    taken = set(called.values())
    used: Counter[str] = Counter()
    keys = []
    for path in paths:
        key = name = called[path]
        while used[name] and key in taken:
            used[name] += 1
            key = f"{name} ({used[name]})"
        used[name] = used[name] or 1
        taken.add(key)
        keys.append(key)
    return keys, sum(key != called[path] for key, path in zip(keys, paths, strict=True))
