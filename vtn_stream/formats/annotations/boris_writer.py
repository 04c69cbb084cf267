"""BORIS projects as they are written: version 7.0, which BORIS 7 to 10 read.

One observation for each film, called as the film, whose path stays relative: the project belongs into the folder above
the films. Files of a recording are one observation's, one after the other; time that none of them has is left out, as
BORIS counts over its files. Resolution: milliseconds. A label is a behavior: a point event if all that it has are
instants, else a state, whose events are starts and stops in turn. Instants of such a label start and stop at one time.
Subject, modifier, comment and comment_stop come from the attributes; subjects are listed, modifiers are sets of the
behavior. Keys: the first letter that is free, for subjects F1 to F12. Dates are fixed, so that equal timelines give
equal bytes.
Loses scores, other attributes, gaps, curves, provenance. States of one label, subject and modifier cannot overlap:
those that do are joined, with a warning. A film whose length or rate is not known is written without it: BORIS measures
both when it opens the observation, and exports no table before.
Escapes: JSON's own, in ASCII, as BORIS reads in the encoding of the system; lone surrogates become U+FFFD.
Domain: segments of whole milliseconds, which do not share time with others of their label, subject and modifier; labels
as annotations have them (no control characters, no space around them, at most 1000 characters).
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import accumulate
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Any

from vtn_stream.errors import listed
from vtn_stream.formats.annotations.boris_films import MAX_S
from vtn_stream.formats.annotations.text import json_bytes
from vtn_stream.formats.reading import ENDS_WITH_LAST
from vtn_stream.formats.writing import Options, Written, num
from vtn_stream.segments import Span
from vtn_stream.timeline import Segment, Timeline

__all__ = ["write"]

DATE = "1970-01-01T00:00:00"
NUM_PLAYERS = 8
NO_MODIFIER = "None"  # BORIS's word for a set of modifiers of which the coder chose none
ATTRIBUTES = ("subject", "modifier", "comment", "comment_stop")


@dataclass(slots=True)
class _Changes:
    """What these timelines hold and a project does not: labels and names, once for each kind."""

    joined: list[str] = field(default_factory=list)
    inside: list[str] = field(default_factory=list)
    unmeasured: dict[str, list[str]] = field(default_factory=lambda: {"length": [], "rate": []})  # films without it

    def warnings(self, timelines: Sequence[Timeline], both: Iterable[str]) -> Iterator[str]:
        segments = [s for timeline in timelines for s in timeline.segments]
        if self.joined:
            yield (
                f"{num(len(self.joined), 'segment')} overlapping another of one label, subject and modifier, which "
                f"states cannot: joined to one ({listed(dict.fromkeys(self.joined))})"
            )
        if self.inside:
            yield (
                f"{num(len(self.inside), 'instant')} inside a state of one label, subject and modifier: left out "
                f"({listed(dict.fromkeys(self.inside))})"
            )
        if both := list(both):
            yield (
                f"labels with instants and with segments: {listed(both)}: BORIS has either, so these instants are "
                "written as states that stop when they start"
            )
        if short := sum(s.start_s < s.end_s and _ms(s.start_s) == _ms(s.end_s) for s in segments):
            yield f"{num(short, 'segment')} shorter than a millisecond: written without a length"
        if late := sum(s.end_s > MAX_S for s in segments):
            yield f"{num(late, 'segment')} past {MAX_S} s, the last time that BORIS has: cut there"
        others = {key for s in segments for key, value in s.attributes.items() if value and key not in ATTRIBUTES}
        if others:
            yield f"attributes left out, as BORIS has no place for them: {listed(sorted(others))}"
        if films := list(dict.fromkeys(film for missing in self.unmeasured.values() for film in missing)):
            missing = [fact for fact, missing in self.unmeasured.items() if missing]
            options = {"length": "--duration", "rate": "--rate"}
            yield (
                f"the {' and the '.join(missing)} of {listed(films)} {'is' if len(missing) == 1 else 'are'} not known, "
                "so that BORIS exports no table before it has opened each observation with its film: give "
                f"{' and '.join(options[fact] for fact in missing)}, or put the film beside the file"
            )
        doubtful = [label for label in dict.fromkeys(s.label for s in segments) if set(label) & set("|,")]
        if doubtful:
            yield f"labels with , or |, which separate codes in lists of BORIS: {listed(doubtful)}"


def write(timelines: Sequence[Timeline], options: Options) -> Written:
    changes = _Changes()
    segments = [s for timeline in timelines for s in timeline.segments]
    lasting = {s.label for s in segments if _ms(s.start_s) < _ms(s.end_s)}
    both = sorted({s.label for s in segments if s.label in lasting and s.start_s == s.end_s})
    labels = list(dict.fromkeys(s.label for s in segments))
    subjects = list(dict.fromkeys(subject for s in segments if (subject := s.attributes.get("subject"))))
    observations: dict[str, Any] = {}
    for timeline in timelines:
        name, number = timeline.video_path, 2
        while name in observations:
            name, number = f"{timeline.video_path} ({number})", number + 1
        observations[name] = _observation(timeline, timeline.nominal_rate or options.rate, lasting, changes)
    project = {
        "time_format": "hh:mm:ss",
        "project_date": DATE,
        "project_name": "",
        "project_description": "",
        "project_format_version": "7.0",
        "subjects_conf": {
            str(i): {"key": f"F{i + 1}" if i < 12 else "", "name": subject, "description": ""}
            for i, subject in enumerate(subjects)
        },
        "behaviors_conf": _ethogram(labels, lasting, segments),
        "observations": observations,
        "behavioral_categories": [],
        "behavioral_categories_config": {},
        "independent_variables": {},
        "coding_map": {},
        "behaviors_coding_map": [],
        "converters": {},
    }
    return Written(content=json_bytes(project, ascii_only=True), warnings=tuple(changes.warnings(timelines, both)))


def _ethogram(labels: Sequence[str], lasting: set[str], segments: Sequence[Segment]) -> dict[str, Any]:
    modifiers = defaultdict[str, dict[str, None]](dict)
    for s in segments:
        if modifier := s.attributes.get("modifier"):
            modifiers[s.label][modifier] = None
    keys = _keys(labels)
    return {
        str(i): {
            "type": "State event" if label in lasting else "Point event",
            "key": keys[label],
            "code": label,
            "description": "",
            "color": "",
            "category": "",
            "modifiers": _modifier_sets(modifiers[label]),
            "excluded": "",
            "coding map": "",
        }
        for i, label in enumerate(labels)
    }


def _keys(labels: Sequence[str]) -> dict[str, str]:
    """A key for each label: its first letter that is free, else any that is; none when all are taken."""
    free = dict.fromkeys(ascii_lowercase + digits + ascii_uppercase)
    keys = {}
    for label in labels:
        keys[label] = next((c for c in label.lower() if c in free), next(iter(free), ""))
        free.pop(keys[label], None)
    return keys


def _modifier_sets(modifiers: Iterable[str]) -> dict[str, Any]:
    """The sets to which these modifiers belong: `fast,loud|left` is one of two sets, the first of several choices."""
    values = defaultdict[int, dict[str, None]](dict)
    several = set[int]()
    for modifier in modifiers:
        for i, part in enumerate(modifier.split("|")):
            chosen = [each for each in part.split(",") if each and each != NO_MODIFIER]
            values[i] |= dict.fromkeys(chosen)
            several |= {i} if len(chosen) > 1 else set()
    return {
        str(i): {"name": "", "description": "", "type": int(i in several), "values": list(values[i])}
        for i in range(max(values, default=-1) + 1)
    }


def _observation(timeline: Timeline, rate: Fraction | None, lasting: set[str], changes: _Changes) -> dict[str, Any]:
    films = [part.video_path for part in timeline.parts] or [timeline.video_path]
    length: Mapping[str, float] = {}
    notes = timeline.provenance.get("notes")
    if timeline.parts:
        length = {part.video_path: _s(_ms(part.duration_s)) for part in timeline.parts}
    elif isinstance(notes, list) and ENDS_WITH_LAST in notes:
        changes.unmeasured["length"] += films
    else:
        length = {timeline.video_path: _s(_ms(timeline.duration_s))}
    rates = {part.video_path: part.nominal_rate or rate for part in timeline.parts} or dict.fromkeys(films, rate)
    changes.unmeasured["rate"] += [film for film, own in rates.items() if own is None]
    return {
        "file": {str(i + 1): films if i == 0 else [] for i in range(NUM_PLAYERS)},
        "type": "MEDIA",
        "date": DATE,
        "description": "",
        "time offset": 0.0,
        "events": _events(_without_holes(timeline), lasting, changes),
        "observation time interval": [0, 0],
        "independent_variables": {},
        "visualize_spectrogram": False,
        "visualize_waveform": False,
        "media_creation_date_as_offset": False,
        "media_scan_sampling_duration": 0,
        "image_display_duration": 1,
        "close_behaviors_between_videos": False,
        "media_info": {
            "length": length,
            "fps": {film: round(float(own), 6) for film, own in rates.items() if own is not None},
            "hasVideo": dict.fromkeys(films, True),
            "hasAudio": dict.fromkeys(films, False),
            "offset": {"1": 0.0},
        },
    }


def _without_holes(timeline: Timeline) -> list[Segment]:
    """The segments in the time of all files of a recording, one after the other; of one in no file's time nothing."""
    segments = list(timeline.segments)
    if not timeline.parts:
        return segments
    starts = [part.start_s for part in timeline.parts]
    begins_s = [*accumulate((_s(_ms(part.duration_s)) for part in timeline.parts), initial=0.0)]

    def counted(time_s: float) -> float:
        k = max(0, bisect_right(starts, time_s) - 1)
        return min(begins_s[k] + max(0.0, time_s - starts[k]), begins_s[k + 1])

    spans = [Span(start_s=part.start_s, end_s=part.end_s) for part in timeline.parts]
    there = [s for s in segments if any(s.overlaps(span) or s.end_s == span.end_s for span in spans)]
    return [replace(s, start_s=counted(s.start_s), end_s=counted(s.end_s), was=None) for s in there]


def _events(segments: Iterable[Segment], lasting: set[str], changes: _Changes) -> list[list[Any]]:
    """Rows of time, subject, code, modifier, comment and frame, by time; those of one state in turn."""
    rows: list[tuple[int, int, list[Any]]] = []  # ordered by time, then as they come
    states = defaultdict[tuple[str, str, str], list[Segment]](list)
    for s in segments:
        subject, modifier = s.attributes.get("subject", ""), s.attributes.get("modifier", "")
        if s.label in lasting:
            states[subject, s.label, modifier].append(s)
        else:
            rows.append((_ms(s.start_s), len(rows), _row(_ms(s.start_s), (subject, s.label, modifier), s, "comment")))
    for key, of_key in states.items():
        for start_ms, stop_ms, first, last in _apart(of_key, changes):
            rows.append((start_ms, len(rows), _row(start_ms, key, first, "comment")))
            rows.append((stop_ms, len(rows), _row(stop_ms, key, last, "comment_stop")))
    return [row for *_, row in sorted(rows, key=lambda entry: entry[:2])]


def _apart(states: Iterable[Segment], changes: _Changes) -> Iterator[tuple[int, int, Segment, Segment]]:
    """The states of one key without overlaps: those that share time are one. (start, stop, its first, its last)"""
    now: tuple[int, int, Segment, Segment] | None = None
    for s in sorted(states, key=lambda s: (_ms(s.start_s), _ms(s.end_s))):
        start_ms, stop_ms = _ms(s.start_s), _ms(s.end_s)
        if now is None or start_ms >= now[1]:
            if now is not None:
                yield now
            now = start_ms, stop_ms, s, s
        elif start_ms == stop_ms:
            changes.inside.append(s.label)
        else:
            changes.joined.append(s.label)
            now = (now[0], max(now[1], stop_ms), now[2], s if stop_ms > now[1] else now[3])
    if now is not None:
        yield now


def _row(ms: int, key: tuple[str, str, str], segment: Segment, comment: str) -> list[Any]:
    subject, label, modifier = key
    return [_s(ms), subject, label, modifier, segment.attributes.get(comment, ""), "NA"]


def _ms(time_s: float) -> int:
    return round(min(max(time_s, 0.0), MAX_S) * 1000)


def _s(ms: int) -> float:
    return ms / 1000
