"""The films that are counted: what is said of each, within the time that is known, and each film once."""

import math
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np

from vtn_stream.budget.figures import Floats, joined
from vtn_stream.corrections import is_corrected
from vtn_stream.errors import InputError, listed
from vtn_stream.film import bare_name, is_film_name, one_form
from vtn_stream.formats.writing import num
from vtn_stream.timeline import Segment, Timeline

__all__ = ["Film", "Found", "films_of", "observed_of", "same_name"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A timeline and where it was found. place: the film's path below the folder that was given; file: the timeline's
    own file, for messages; folder: the one that was given, or that of the file that was, to tell films of one name
    apart.
    """

    timeline: Timeline
    place: str
    file: str = ""
    folder: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Film:
    """A film as it is counted, or one subject in it.

    name      as the tables call it: no path outside of what was given
    segments  within the analyzed part, sorted by start, end, label
    observed  float64 [M, 2]: the analyzed part without gaps
    timeline  of which all this comes
    """

    name: str
    subject: str = ""
    group: str = ""
    span_s: tuple[float, float]
    segments: tuple[Segment, ...]
    observed: Floats
    timeline: Timeline

    def spans(self) -> dict[str, Floats]:
        """By label float64 [N, 2]: from when until when its segments and instants last, sorted."""
        of: dict[str, list[tuple[float, float]]] = {}
        for s in self.segments:
            of.setdefault(s.label, []).append((s.start_s, s.end_s))
        return {label: np.array(spans, np.float64) for label, spans in of.items()}

    def by_subject(self) -> list["Film"]:
        """The same film once for each subject in it; with an empty subject for what has none, or for nothing at all."""
        of: dict[str, list[Segment]] = {}
        for s in self.segments:
            of.setdefault(s.attributes.get("subject", ""), []).append(s)
        return [replace(self, subject=subject, segments=tuple(of[subject])) for subject in sorted(of)] or [self]


def films_of(found: Sequence[Found]) -> tuple[list[Film], list[str], list[InputError]]:
    """Each film once, by name; lines on what people should know; and why others do not count.

    Several timelines of one film count once where they say the same, together where they are about different subjects,
    and else not at all: which of them is right is not known.
    """
    lines: list[str] = []
    failed: list[InputError] = []
    kept: list[Found] = []
    for same in _by_film(found):
        one = _one_of(same, lines, failed)
        kept += [] if one is None else [one]
    names = _names(kept)
    spelled: dict[str, str] = {}  # a label or subject in one form of Unicode -> as it came first
    films = []
    num_outside = 0
    for name, each in sorted(zip(names, kept, strict=True), key=lambda item: item[0]):
        segments, outside = _inside(each.timeline)
        num_outside += outside
        segments = [_in_one_form(s, spelled) for s in segments]
        segments.sort(key=lambda s: (s.start_s, s.end_s, s.label))
        observed = observed_of(each.timeline)
        films.append(
            Film(
                name=name,
                span_s=each.timeline.span_s,
                segments=tuple(segments),
                observed=observed,
                timeline=each.timeline,
            )
        )
    if num_outside:
        lines.append(f"{num(num_outside, 'segment')} outside the analyzed part of the film: cut there, or left out")
    return films, lines, failed


def observed_of(timeline: Timeline) -> Floats:
    """float64 [M, 2]: the analyzed part of the film without its gaps."""
    low, high = timeline.span_s
    gaps = joined(np.array([(g.start_s, g.end_s) for g in timeline.gaps], np.float64).reshape(-1, 2))
    starts, ends = np.r_[low, gaps[:, 1]], np.r_[gaps[:, 0], high]
    stretches = np.clip(np.stack((starts, ends), axis=1), low, high)
    return stretches[stretches[:, 1] > stretches[:, 0]]


def same_name(one: str, other: str) -> bool:
    """Whether two paths may be of one film: equal from the last part on, as far as both go. A suffix counts where both
    have a film's.
    """
    ours, theirs = (PurePosixPath(one_form(path.replace("\\", "/"))).parts for path in (one, other))
    if not (ours and theirs) or bare_name(ours[-1]) != bare_name(theirs[-1]):
        return False
    if is_film_name(ours[-1]) and is_film_name(theirs[-1]) and ours[-1] != theirs[-1]:
        return False
    return all(a == b for a, b in zip(ours[-2::-1], theirs[-2::-1], strict=False))


# ---- one film, several timelines


def _by_film(found: Sequence[Found]) -> Iterable[list[Found]]:
    """The timelines of each film: of one content, or, where that is not known of both, of one name. Each region of a
    film, such as one of its cages, counts as a film.
    """
    buckets: dict[str, list[list[Found]]] = {}
    by_identity: dict[str, list[Found]] = {}
    films: list[list[Found]] = []
    for each in found:
        identity = each.timeline.video_identity and f"{each.timeline.video_identity} {_region(each)}"
        bucket = buckets.setdefault(bare_name(each.place), [])
        film = by_identity.get(identity) if identity else None
        if film is None:
            film = next((film for film in bucket if all(_same_film(each, other) for other in film)), None)
        if film is None:
            film = []
            films.append(film)
        film.append(each)
        if not any(film is other for other in bucket):
            bucket.append(film)
        if identity:
            by_identity.setdefault(identity, film)
    return films


def _region(found: Found) -> str:
    return "" if found.timeline.region is None else found.timeline.region.text


def _same_film(one: Found, other: Found) -> bool:
    if _region(one) != _region(other):
        return False
    identities = {one.timeline.video_identity, other.timeline.video_identity}
    if "" not in identities:
        return len(identities) == 1
    return same_name(one.place, other.place)


def _one_of(same: Sequence[Found], lines: list[str], failed: list[InputError]) -> Found | None:
    """The one timeline of a film; None where several say different things."""
    first = same[0]
    different = list({_said(each.timeline): each for each in reversed(same)}.values())[::-1]
    if len(same) == 1:
        return first
    files = _files(same)
    if len(different) == 1:
        lines.append(f"{files} say the same of one film, {first.place}: it counts once")
        return first
    corrected = [each for each in different if is_corrected(each.timeline)]
    if len(corrected) == 1:
        lines.append(
            f"{files} are about one film, {first.place}: {_file(corrected[0])}, which people corrected, counts"
        )
        return corrected[0]
    subjects = [{s.attributes.get("subject", "") for s in each.timeline.segments} for each in different]
    if "" not in set().union(*subjects) and sum(map(len, subjects)) == len(set().union(*subjects)):
        lines.append(f"{files} are about different subjects in one film, {first.place}: they count together")
        return replace(first, timeline=_together([each.timeline for each in different]))
    fact = f"{files} say different things of one film, {first.place}"
    failed.append(InputError(fact, "it does not count", "keep one of them, or give two films two names"))
    return None


def _files(same: Sequence[Found]) -> str:
    """The files of these timelines, for a message."""
    names = dict.fromkeys(map(_file, same))
    if len(names) == 1 and len({each.folder for each in same}) > 1:  # of one name, in folders that are not shown whole
        names = dict.fromkeys(f"{each.folder.name}/{_file(each)}" if each.folder else _file(each) for each in same)
    if len(names) > 1:
        return listed(names, len(same))
    return f"{len(same)} timelines" + (f" in {same[0].file}" if same[0].file else "")


def _file(found: Found) -> str:
    return found.file or found.place


def _said(timeline: Timeline) -> tuple[object, ...]:
    segments = [(s.start_s, s.end_s, s.label, s.attributes.get("subject", "")) for s in timeline.segments]
    return (timeline.span_s, *sorted(segments))


def _together(timelines: Sequence[Timeline]) -> Timeline:
    """One timeline of all these segments, in the longest of their analyzed parts."""
    low, high = min(t.span_s[0] for t in timelines), max(t.span_s[1] for t in timelines)
    longest = max(timelines, key=lambda t: t.duration_s)
    return replace(longest, span_s=(low, high), segments=tuple(s for t in timelines for s in t.segments))


def _names(films: Sequence[Found]) -> list[str]:
    """A different name for each film: its place, and of a region its name; where two are alike also the folders in
    which their folders differ, else a number.
    """
    called = [f"{each.place}, {of.name}" if (of := each.timeline.region) and of.name else each.place for each in films]
    places = Counter(called)
    folders = {
        os.path.abspath(each.folder)
        for each, own in zip(films, called, strict=True)
        if places[own] > 1 and each.folder is not None
    }
    above = os.path.commonpath(folders) if folders else ""
    names = []
    for each, own in zip(films, called, strict=True):
        differs = places[own] > 1 and each.folder is not None
        below = os.path.relpath(os.path.abspath(each.folder), above) if differs and each.folder is not None else "."
        names.append(own if below == "." else f"{Path(below).as_posix()}/{own}")
    taken: set[str] = set()
    for i, name in enumerate(names):
        number = 1
        while names[i] in taken:
            number += 1
            names[i] = f"{name} ({number})"
        taken.add(names[i])
    return names


def _in_one_form(s: Segment, spelled: dict[str, str]) -> Segment:
    """The segment with its label and subject as they were first spelled."""
    label = spelled.setdefault(one_form(s.label), s.label)
    subject = s.attributes.get("subject", "")
    said = spelled.setdefault(one_form(subject), subject) if subject else ""
    if (label, said) == (s.label, subject):
        return s
    return replace(s, label=label, attributes={**s.attributes, "subject": said} if subject else s.attributes)


def _inside(timeline: Timeline) -> tuple[list[Segment], int]:
    """The segments, or their parts, in the analyzed part of the film, both ends included; and how many are changed."""
    low, high = timeline.span_s
    inside, num_changed = [], 0
    for s in timeline.segments:
        start_s, end_s = min(max(s.start_s, low), high), min(max(s.end_s, low), high)
        changed = not (math.isclose(start_s, s.start_s, abs_tol=1e-6) and math.isclose(end_s, s.end_s, abs_tol=1e-6))
        num_changed += changed
        if start_s < end_s or (s.start_s == s.end_s and not changed):
            same = (start_s, end_s) == (s.start_s, s.end_s)  # of most: to make a new one takes long
            inside.append(s if same else s.placed(start_s, end_s))
    return inside, num_changed
