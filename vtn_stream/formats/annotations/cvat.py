"""CVAT's XML, "CVAT for video 1.1" and "CVAT for images 1.1" of a video's task: tracks of shapes, and tags on frames.

    annotations / meta / task { name, start_frame, stop_frame, frame_filter, source, labels }
                / track { label, box { frame, outside, attribute } ... }        image { id, tag { label } ... }

CVAT has no segments of time: people draw a box anywhere and end its track, or tag frames. A track is a segment of its
label from a shape to the next that is outside, or, of a track that is left open, to the end of the task; shapes and
tags on frames without a track, from the first to the last of frames that follow each other. Where they are and how
large is not read. Resolution: frames of the film, from 0, at the rate that the caller gives: CVAT does not write it
(ours do, as "fps"). Attributes are attributes; where they change within a track, one segment ends and another begins;
one called "score" that is a number is the score. Tracks of one label that share time are told apart by "track".

The film is the task's source, else its name. What lies outside of the task's frames is unknown. With a frame filter a
shape stands for the frames up to the next. Labels in the order of the task. Loses geometry, groups, who drew it; labels
of frames in files for video, since CVAT does not write them there (export them for images). XML with a DTD, entities or
external references is refused. Traps: frames of a job and of a task with a start count from the film's own first.

Written by cvat_writer.py, which says how.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from vtn_stream.errors import NoRate
from vtn_stream.formats.annotations.cvat_document import Attributes, Document, Mark, Task, Track
from vtn_stream.formats.annotations.cvat_writer import SCORE, write
from vtn_stream.formats.annotations.findings import Findings
from vtn_stream.formats.annotations.frames import NO_RATE, rate_of
from vtn_stream.formats.annotations.words import At, shown
from vtn_stream.formats.annotations.xml_events import begins_with, parse
from vtn_stream.formats.reading import named_by
from vtn_stream.formats.writing import num
from vtn_stream.known import Known

__all__ = ["NAME", "claims", "read", "write"]

NAME = "CVAT"
ROOT = "<annotations"
TRACK = "track"
MAX_DIGITS = 12  # of a frame
_PARTS = ("<meta", "<track", "<image", "<version")
_STEP = re.compile(r"step\s*=\s*(\d{1,9})", re.ASCII)
_DECIMAL = re.compile(r"-?\d{1,9}(\.\d{1,400})?", re.ASCII)

_Kept = tuple[tuple[str, str], ...]  # attributes


class _Event(NamedTuple):
    """Frames [start, stop) of a label. track: which, where there is one; is_open: it has no end"""

    start: int
    stop: int
    label: str
    attributes: _Kept
    track: str
    line: int | None
    is_open: bool = False


class _Film(NamedTuple):
    """A task's film. first, stop: the frames that the task is about, as far as it says so; step: of its frame filter"""

    name: str
    rate: Fraction
    step: int
    first: int
    stop: int | None


def claims(head: bytes) -> bool:
    text = begins_with(head, ROOT)
    return bool(text) and any(part in text for part in _PARTS)


def read(findings: Findings, path: Path, data: bytes, *, file: str = "") -> None:
    """`file`: how messages call it, if there are several. Raises NoRate where a film's rate is not known."""
    document = Document()
    parse(document, data, path.name, file)
    tasks = document.tasks or [Task()]
    by_id = {task.facts.get("id", ""): i for i, task in enumerate(tasks)}
    tracks: dict[int, list[Track]] = defaultdict(list)
    marks: dict[int, list[Mark]] = defaultdict(list)

    def task_of(each: Track | Mark) -> int:
        """Its task, by its place; -1 for one that is not there."""
        i = 0 if len(tasks) == 1 else by_id.get(each.task, -1)
        if i < 0:
            findings.problem(At(line=each.line, file=file), f"the file has no task {shown(each.task)}")
        return i

    for track in document.tracks:
        tracks[task_of(track)].append(track)
    for mark in document.marks:
        marks[task_of(mark)].append(mark)
    seen = {track.label for track in document.tracks} | {mark.label for mark in document.marks}
    labels = [label for task in (document.project, *tasks) for label in task.labels if label in seen]
    findings.labels = list(dict.fromkeys([*findings.labels, *labels]))
    for i, task in enumerate(tasks):
        source = task.facts.get("source") or (document.source if len(tasks) == 1 else "")
        named = source.replace("\\", "/").rpartition("/")[2] or task.facts.get("name") or named_by(path.name)
        film = _film(findings, path, task, named, file)
        if film is not None:
            _put(findings, film, tracks[i], marks[i], file)


def _film(findings: Findings, path: Path, task: Task, given: str, file: str) -> _Film | None:
    """Adds the film of a task."""
    at = At(line=1, file=file)
    if findings.knows(given):
        findings.problem(at, f"the film {shown(given)} has another task already")
        return None
    stated = rate_of(task.facts.get("fps"))
    rate = stated or findings.rate_of(given)
    if rate is None:
        raise NoRate(f"{path.name} counts frames (CVAT)", "their seconds are not known", NO_RATE, film=given)
    first, last = (_frame(task.facts.get(name, "")) for name in ("start_frame", "stop_frame"))
    first = first or 0
    stop = None if last is None or last < first else last + 1
    length = float(stop / rate) if stop is not None and stated is not None and not first else None
    if (name := findings.film(given, at, rate=stated, duration_s=length)) is None:
        return None
    if task.facts.get("mode") == "annotation":
        findings.warn(at, f"{shown(given)}: its task is one of pictures: they are taken as the frames of a film")
    step = _STEP.search(task.facts.get("frame_filter", ""))
    return _Film(name, rate, max(int(step[1]), 1) if step else 1, first, stop)


def _put(findings: Findings, film: _Film, tracks: Sequence[Track], marks: Sequence[Mark], file: str) -> None:
    """Adds what happens in a film."""
    events = [event for track in tracks for event in _of_track(findings, film, track, file)]
    if num_open := sum(event.is_open for event in events):
        what = f"{num(num_open, 'track')} without an end: taken to last to the end of the task, as CVAT shows it"
        findings.warn(At(line=1, file=file), what)
    events += _of_marks(findings, film, marks, file)
    if film.stop is not None:
        start = min([film.first, *(event.start for event in events)])
        stop = max([film.stop, *(event.stop for event in events)])
        findings.looked_at(film.name, Known(rest=((float(start / film.rate), float(stop / film.rate)),)))
    together = _together(events)
    for event in sorted(events, key=lambda event: (event.start, event.stop)):
        attributes, score = dict(event.attributes), None
        if _DECIMAL.fullmatch(attributes.get(SCORE, "")):
            score = float(attributes.pop(SCORE))
        if event.track and event.label in together:
            attributes.setdefault(TRACK, event.track)
        start_s, end_s = (float(frame / film.rate) for frame in (event.start, event.stop))
        at = At(line=event.line, file=file)
        findings.segment(film.name, at, start_s, end_s, event.label, tuple(attributes.items()), score)


def _of_track(findings: Findings, film: _Film, track: Track, file: str) -> Iterator[_Event]:
    """Where a track is to be seen, cut where its attributes change."""
    shapes = []
    for shape in track.shapes:
        if (frame := _frame(shape.frame)) is None:
            findings.lost(film.name, At(line=shape.line, file=file), f"its frame is {shown(shape.frame)}")
        else:
            shapes.append((frame, shape))
    shapes.sort(key=lambda each: each[0])
    begun: _Event | None = None
    said: Attributes = {}
    dense, last = False, -1
    for frame, shape in shapes:
        said = said | shape.attributes
        attributes = _kept(said)
        if begun is not None and (shape.outside or attributes != begun.attributes):
            if frame > begun.start:
                yield begun._replace(stop=frame)
            begun = None
        if begun is None and not shape.outside:
            begun = _Event(frame, frame, track.label, attributes, track.name, shape.line)
        dense, last = frame == last + film.step, frame
    if begun is not None:
        stop = last + film.step
        if film.stop is not None:
            stop = min(stop, film.stop) if dense else film.stop
        is_open = not dense and film.stop is not None and film.stop > last + film.step
        yield begun._replace(stop=max(stop, last + 1), is_open=is_open)


def _of_marks(findings: Findings, film: _Film, marks: Sequence[Mark], file: str) -> Iterator[_Event]:
    """Runs of frames with one label and attributes."""
    frames: dict[tuple[str, _Kept], dict[int, int | None]] = defaultdict(dict)  # and their lines
    for mark in marks:
        if (frame := _frame(mark.frame)) is None:
            findings.lost(film.name, At(line=mark.line, file=file), f"its frame is {shown(mark.frame)}")
        else:
            frames[mark.label, _kept(mark.attributes)].setdefault(frame, mark.line)
    for (label, attributes), lines in frames.items():
        begun: _Event | None = None
        for frame in sorted(lines):
            if begun is not None and frame <= begun.stop:
                begun = begun._replace(stop=frame + film.step)
                continue
            if begun is not None:
                yield begun
            begun = _Event(frame, frame + film.step, label, attributes, "", lines[frame])
        if begun is not None:
            yield begun


def _together(events: Sequence[_Event]) -> set[str]:
    """The labels of which two tracks that say the same share time."""
    ends: dict[tuple[str, _Kept], int] = {}
    together = set()
    for event in sorted(events, key=lambda event: event.start):
        key = (event.label, event.attributes)
        if event.start < ends.get(key, 0):
            together.add(event.label)
        ends[key] = max(event.stop, ends.get(key, 0))
    return together


def _kept(attributes: Attributes) -> _Kept:
    """The attributes that say anything: forms leave the others empty."""
    return tuple(sorted((name, value) for name, value in attributes.items() if value))


def _frame(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS else None
