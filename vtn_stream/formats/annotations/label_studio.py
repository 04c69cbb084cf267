"""Label Studio video timelines: [{"data": {"video", "fps"}, "annotations": [{"result": [region]}]}], a task a film.

A region is {"type": "timelinelabels", "value": {"ranges": [{"start", "end"}], "timelinelabels": [label, ...]}}.
Resolution: frames, from 1, the last one included (a click on frame 7 is the range from 7 to 7), of "fps" among the
task's data, which we write and Label Studio keeps; a project shows them right with <Video value="$video"
frameRate="$fps"/> and <TimelineLabels name="videoLabels" toName="video">.

Written: as predictions, which people correct; each with its score. The film is named, not addressed: before the import
its name becomes an address that Label Studio can reach. Loses attributes, gaps, curves, provenance, the duration.
Escapes: JSON's own, in the film's address %. Lone surrogates become U+FFFD. Read: an export (JSON), or one task of it.
Of annotations the first that was not cancelled, else of predictions the last; more are reported. A range from frame 0,
which some programs write, begins at 1, with a warning. Without fps in the data the caller's. The id is the video's
relative address, of another its last part, without the mark that uploads get. Loses other regions, with a note. Labels
in alphabetic order. Domain: segments of whole frames and at least one, at a rate that is a fraction of numbers up to
1001 (30000/1001), which do not overlap others of their label; labels as annotations have them (no control characters,
no space around them, at most 1000 characters); scores and the film's path come back. Traps: what Label Studio calls a
frame is time times frameRate, whatever the film's own rate is.
"""

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, TypeGuard
from urllib.parse import parse_qs, quote, unquote, urlsplit

from vtn_stream.film import is_film_name
from vtn_stream.formats.annotations.findings import Findings
from vtn_stream.formats.annotations.frames import (
    NO_RATE,
    first_and_last,
    num_short,
    rate_of,
    seconds_of,
    short_warnings,
)
from vtn_stream.formats.annotations.text import json_bytes, line_finder, without_surrogates
from vtn_stream.formats.annotations.words import At, shown
from vtn_stream.formats.writing import Options, Written, counting_rate, num
from vtn_stream.timeline import Timeline

__all__ = ["NAME", "claims", "read", "write"]

NAME = "Label Studio JSON"
KINDS = ("annotations", "predictions")
_UPLOAD = re.compile(r"[0-9a-f]{8}-(?=.)")


def claims(data: object) -> bool:
    return any(
        isinstance(task, dict)
        and isinstance(task.get("data"), dict)
        and any(isinstance(task.get(kind), list) for kind in KINDS)
        for task in (data if isinstance(data, list) else [data])
    )


def read(findings: Findings, text: str, data: object) -> None:
    findings.locate[""] = line_finder(text, depth=8)
    for path, task in [((i,), task) for i, task in enumerate(data)] if isinstance(data, list) else [((), data)]:
        at = At(path=path)
        if not isinstance(task, dict) or not isinstance(task.get("data"), dict):
            findings.problem(at, "it is not a task: it has no data")
            continue
        findings.report_repeated(at, task)
        _read_task(findings, at, task)


def _read_task(findings: Findings, at: At, task: dict[str, Any]) -> None:
    facts = task["data"]
    film = _film(facts)
    rate = rate_of(facts["fps"]) if "fps" in facts else findings.rate_of(film)
    if rate is None:
        text = f"its fps is {shown(facts.get('fps'))}, so that its frames have no times in seconds; {NO_RATE}"
        findings.problem(at._replace(path=(*at.path, "data")), text)
        return
    if film is not None and findings.knows(film):
        findings.problem(at, f"the film {shown(film)} has another task already")
        return
    if (name := findings.film(film, at, rate=rate)) is None:
        return
    found = _chosen(findings, at, task)
    if found is None:
        return
    path, regions = found
    if not isinstance(regions, list):
        findings.lost(name, at._replace(path=path), f"its result is {shown(regions)}, not a list")
        return
    others = from_zero = 0
    for i, region in enumerate(regions):
        here = at._replace(path=(*path, i))
        value = region.get("value") if isinstance(region, dict) else None
        if not (isinstance(value, dict) and "timelinelabels" in value):
            others += 1
            continue
        from_zero += _put(findings, name, here, region, value, rate)
    if others:
        findings.warn(at, f"{num(others, 'region')} of another kind left out")
    if from_zero:
        findings.warn(at, f"{num(from_zero, 'range')} from frame 0, of which the first is 1: taken to begin there")


def _chosen(findings: Findings, at: At, task: dict[str, Any]) -> tuple[tuple[str | int, ...], object] | None:
    """The path and the value of the result that is read."""
    for kind in KINDS:
        entries = task.get(kind)
        given = [
            (i, entry)
            for i, entry in enumerate(entries if isinstance(entries, list) else [])
            if isinstance(entry, dict) and entry.get("was_cancelled") is not True
        ]
        if given:
            i, entry = given[0 if kind == "annotations" else -1]
            if len(given) > 1:
                which = "first" if kind == "annotations" else "last"
                findings.warn(at, f"the {which} of {len(given)} {kind} is read")
            return (*at.path, kind, i, "result"), entry.get("result")
    return None


def _put(findings: Findings, name: str, at: At, region: dict[str, Any], value: dict[str, Any], rate: Fraction) -> int:
    """Adds a region's segments; returns how many of its ranges begin at frame 0."""
    ranges, labels = value.get("ranges"), value["timelinelabels"]
    if not isinstance(ranges, list) or not isinstance(labels, list):
        findings.lost(name, at, "it has no list of ranges, or none of labels")
        return 0
    from_zero = 0
    for span in ranges:
        first, last = (span.get("start"), span.get("end")) if isinstance(span, dict) else (None, None)
        if not (_is_frame(first) and _is_frame(last)):
            findings.lost(name, at, f"its range is from {shown(first)} to {shown(last)}, not of whole frames")
            continue
        if first == 0:
            from_zero += 1
            first, last = 1, max(last, 1)
        for label in labels:
            findings.segment(name, at, *seconds_of(first, last, rate), label, score=region.get("score"))
    return from_zero


def _is_frame(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**12


def _film(facts: dict[str, Any]) -> str | None:
    """The film's id: from the data called video, else from the first text with a film's suffix."""
    texts = [value for value in facts.values() if isinstance(value, str)]
    films = [text for text in texts if is_film_name(text)]
    url = facts.get("video", films[0] if films else None)
    if not isinstance(url, str):
        return None
    try:
        parts = urlsplit(url)
        inner = parse_qs(parts.query).get("d", [""])[0] if parts.path.endswith("/local-files/") else ""
    except ValueError:
        return url
    if not parts.scheme and not url.startswith("/"):
        return unquote(url)
    last = (inner or unquote(parts.path)).rpartition("/")[2]
    return _UPLOAD.sub("", last, count=1) if "/upload/" in parts.path else last


def write(timelines: Sequence[Timeline], options: Options) -> Written:
    tasks, short, warnings = [], 0, dict[str, None]()
    for timeline in timelines:
        rate, doubts = counting_rate(timeline, options)
        warnings |= dict.fromkeys(doubts)
        short += num_short(timeline.segments, rate)
        tasks.append(_task(timeline, rate))
    if num_same := len(timelines) - len({timeline.video_path for timeline in timelines}):
        doubt = f"{num(num_same, 'film')} with the name of another: the tasks do not tell which is which"
        warnings[doubt] = None
    return Written(content=json_bytes(tasks), warnings=(*warnings, *short_warnings(short)))


def _task(timeline: Timeline, rate: Fraction) -> dict[str, Any]:
    regions = []
    for i, s in enumerate(timeline.segments, 1):
        first, last = first_and_last(s, rate, timeline.duration_s)
        region = {"id": f"segment{i}", "type": "timelinelabels", "from_name": "videoLabels", "to_name": "video"}
        value = {"ranges": [{"start": first, "end": last}], "timelinelabels": [s.label]}
        regions.append(region | {"value": value} | ({} if s.score is None else {"score": s.score}))
    return {
        "data": {
            "video": quote(without_surrogates(timeline.video_path)),
            "fps": rate.numerator if rate.denominator == 1 else float(rate),
        },
        "predictions": [{"model_version": "vtn-stream", "result": regions}],
    }
