"""Spot JSON, as E2E-Spot reads it: [{"video", "num_frames", "fps", "events": [{"frame", "label"}]}], an object a film.

Frames count from 0; an event is an instant where its frame begins, frame / fps, of the file's fps, else the caller's.
num_frames / fps is the duration. Predictions of that program have a score each, which is kept. Loses comments, sizes.
Escapes: JSON's own. Labels in alphabetic order: theirs is in a class.txt beside the file. Traps: the frames are those
of the extracted images, which may have been taken at another rate than the film's.
"""

from fractions import Fraction
from typing import Any

from vtn_stream.formats.annotations.findings import Findings
from vtn_stream.formats.annotations.frames import NO_RATE, rate_of
from vtn_stream.formats.annotations.text import line_finder
from vtn_stream.formats.annotations.words import At, shown

__all__ = ["NAME", "claims", "read"]

NAME = "spot JSON"


def claims(data: object) -> bool:
    return isinstance(data, list) and any(
        isinstance(film, dict) and "video" in film and isinstance(film.get("events"), list) for film in data
    )


def read(findings: Findings, text: str, data: list[Any]) -> None:
    findings.locate[""] = line_finder(text)
    for i, entry in enumerate(data):
        at = At(path=(i,))
        if not isinstance(entry, dict):
            findings.problem(at, f"a film is {shown(entry)}, not an object")
            continue
        findings.report_repeated(at, entry)
        video = entry.get("video")
        known = video if isinstance(video, str) else None
        rate = rate_of(entry["fps"]) if "fps" in entry else findings.rate_of(known)
        if rate is None:
            text = f"its fps is {shown(entry.get('fps'))}, so that its frames have no times in seconds; {NO_RATE}"
            findings.problem(at, text)
            continue
        length = num_frames = entry.get("num_frames")
        if isinstance(num_frames, int) and 0 < num_frames < 1e12:
            length = float(num_frames / rate)
        name = findings.film(video, at, duration_s=length, rate=rate)
        if name is None:
            continue
        events = entry.get("events")
        if not isinstance(events, list):
            findings.lost(name, at, f"its events are {shown(events)}, not a list")
            continue
        for j, event in enumerate(events):
            _put(findings, name, At(path=(i, "events", j)), event, rate)


def _put(findings: Findings, name: str, at: At, event: object, rate: Fraction) -> None:
    if not isinstance(event, dict):
        findings.lost(name, at, f"it is {shown(event)}, not an object")
        return
    findings.report_repeated(at, event)
    frame = event.get("frame")
    if isinstance(frame, bool) or not isinstance(frame, int) or abs(frame) > 1e12:
        findings.lost(name, at, f"its frame is {shown(frame)}, not a whole number")
        return
    findings.spot(name, at, float(frame / rate), event.get("label"), score=event.get("score"))
