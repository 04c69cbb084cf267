"""FiftyOne temporal detections: the labels.json of a FiftyOneTemporalDetectionDataset, with one film.

{"classes": null, "labels": {film: [{"label", "support": [first, last], "confidence", "attributes"}]}, "info"}. FiftyOne
imports it as labels_path beside a folder of films; a film is its name there without the suffix, and "info" is ours: the
film's name, its duration and the rate at which frames were counted; FiftyOne passes over it.

Resolution: frames, from 1, the last one included: frame n is [(n - 1) / rate, n / rate). What is shorter than a frame
gets one, with a warning. Loses gaps, curves, clip labels, provenance. Escapes: JSON's own; lone surrogates become
U+FFFD. Read: labels.json of one film or many, as FiftyOne exports it, with support or timestamps (seconds), labels as
text or as numbers of classes; without "info" frames are counted at the rate of the options, else 25, with a warning.
Domain: segments of whole frames and at least one, at a rate that is a fraction of numbers up to 1001 (30000/1001).
"""

import math
import re
from collections.abc import Sequence
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Any

from vtn_stream.formats.annotations.frames import first_and_last, num_short, rate_of, seconds_of, short_warnings
from vtn_stream.formats.annotations.text import json_bytes, parsed_json
from vtn_stream.formats.annotations.words import number, shown
from vtn_stream.formats.reading import MAX_SEGMENTS, ReadingOptions, ReadResult, decoded, refuse, timeline_of
from vtn_stream.formats.writing import DEFAULT_RATE, Options, Written, counting_rate
from vtn_stream.timeline import Segment, Timeline

__all__ = ["claims", "read", "write"]

# Only such texts; the last one may be cut.
_CLASSES = re.compile(
    r'\s*\{\s*"classes"\s*:\s*\[\s*(?:"(?:[^"\\]++|\\.)*+"\s*,\s*)++(?:"(?:[^"\\]++|\\.)*+\\?)?', re.DOTALL
)

TITLE = "FiftyOne temporal detections"


def write(timelines: Sequence[Timeline], options: Options) -> Written:
    (timeline,) = timelines
    rate, doubts = counting_rate(timeline, options)
    detections = []
    for s in timeline.segments:
        support = list(first_and_last(s, rate, timeline.duration_s))
        scored = {} if s.score is None else {"confidence": s.score}
        others = {"attributes": dict(s.attributes)} if s.attributes else {}
        detections.append({"label": s.label, "support": support} | scored | others)
    name = PurePosixPath(timeline.video_path)
    content = {
        "classes": None,
        "labels": {str(name.with_suffix("")) if name.stem else str(name): detections},
        "info": {"film": str(name), "frame_rate": str(rate), "duration_s": timeline.duration_s},
    }
    return Written(content=json_bytes(content), warnings=(*doubts, *short_warnings(num_short(timeline.segments, rate))))


def claims(head: str, suffix: str) -> bool:
    """Also true if the head holds only classes, of which there may be hundreds."""
    if not re.match(r'\s*\{\s*"(classes|labels)"', head):
        return False
    if _CLASSES.fullmatch(head):
        return True
    keys = ("labels", "support|timestamps|frame_rate")
    return all(re.search(rf'"({key})"\s*:', head) for key in keys)


def read(data: bytes, name: str, options: ReadingOptions) -> ReadResult:
    try:
        content = parsed_json(decoded(data, name), MAX_SEGMENTS)
    except ValueError as error:
        refuse(name, f"damaged JSON: {error}")
    films = content.get("labels") if isinstance(content, dict) else None
    if not isinstance(films, dict):
        refuse(name, "it has no labels, an object with a list for each film")
    info, classes = content.get("info"), content.get("classes")
    facts = info if isinstance(info, dict) and len(films) == 1 else {}
    stated_rate = rate_of(facts.get("frame_rate"))
    rate = stated_rate or options.rate or DEFAULT_RATE
    timelines, counted = [], False
    for film, entries in films.items():
        if not isinstance(entries, list | None):
            refuse(name, f"the entry of {shown(film)} is {shown(entries)}, not a list")
        segments = [
            _segment(entry, f"{shown(film)}[{i}]", classes, rate, name) for i, entry in enumerate(entries or ())
        ]
        counted |= any("timestamps" not in entry or "support" in entry for entry in entries or ())
        path, duration_s = facts.get("film"), number(facts.get("duration_s"))
        timelines.append(
            timeline_of(
                segments,
                name,
                options,
                format=TITLE,
                video=path if isinstance(path, str) else film,
                duration_s=duration_s,
                rate=stated_rate,
            )
        )
    doubtful = counted and stated_rate is None and options.rate is None
    return ReadResult(
        timelines=tuple(timelines),
        warnings=(f"the file states no frame rate: frames are counted at {DEFAULT_RATE} a second (--rate)",) * doubtful,
    )


def _segment(entry: object, place: str, classes: object, rate: Fraction, name: str) -> Segment:
    if not isinstance(entry, dict):
        refuse(name, f"{place} is {shown(entry)}, not an object")
    label = entry.get("label")
    if isinstance(label, int) and isinstance(classes, list) and 0 <= label < len(classes):
        label = classes[label]
    if not isinstance(label, str):
        refuse(name, f"the label of {place} is {shown(label)}, not text")
    start_s, end_s = _span(entry, place, rate, name)
    confidence, attributes = entry.get("confidence"), entry.get("attributes")
    score = number(confidence)
    if confidence is not None and (score is None or not math.isfinite(score)):
        refuse(name, f"the confidence of {place} is {shown(confidence)}, not a number")
    return Segment(
        start_s=start_s,
        end_s=end_s,
        label=label,
        score=score,
        attributes={key: value if isinstance(value, str) else shown(value) for key, value in attributes.items()}
        if isinstance(attributes, dict)
        else {},
    )


def _span(entry: dict[str, Any], place: str, rate: Fraction, name: str) -> tuple[float, float]:
    support = entry.get("support")
    if isinstance(support, list) and len(support) == 2 and all(type(n) is int and abs(n) < 10**12 for n in support):
        first, last = support
        if not 1 <= first <= last:
            refuse(name, f"the support of {place} is from {first} to {last}; frames count from 1")
        return seconds_of(first, last, rate)
    times = entry.get("timestamps")
    if support is None and isinstance(times, list) and len(times) == 2:
        start_s, end_s = number(times[0]), number(times[1])
        if start_s is not None and end_s is not None and -math.inf < start_s <= end_s < math.inf:
            return start_s, end_s
    refuse(name, f"{place} has no support of [first, last] frames, and no timestamps of [start, end]")
