"""Segments that count as they are written: those of data sets on which papers are compared. Knows no format.

In THUMOS14 and ActivityNet 1.3 segments of one label overlap, some stand twice, some end after the stated duration of
their film, and a few end before they start. The published figures were measured with all of them (ActivityNet's
eval_detection): every one is a true segment, overlaps and copies each want a prediction of their own, times are not
cut, and one without a length is found by nothing. Who reads without knowing the films gets them so. Who knows the
films, to learn from them, gets what lies inside the films: overlaps stay, copies do not.
"""

import math
from collections import Counter
from collections.abc import Mapping

from vtn_stream.formats.annotations.annotated import END_TOLERANCE_S
from vtn_stream.formats.annotations.findings import Findings
from vtn_stream.formats.annotations.found import FoundFilm, FoundSegment
from vtn_stream.formats.annotations.words import At, in_s

__all__ = ["durations_of", "settle"]

TOO_MANY = 0.5  # of the segments: then the times mean something else, frames or lengths


def settle(findings: Findings, durations_s: Mapping[str, float | None], *, cut: bool) -> None:
    """Leaves of each film the segments that can be found, and in `unfindable` the labels of those that cannot; one
    warning counts what is odd.

    durations_s  of each film, where known; cut: keep what lies inside the film alone, and each segment once

    Where most segments are odd in one way they are not of such a data set: `findings.published` is taken back, and the
    usual checks say what is wrong with each.
    """
    segments = [(s, durations_s.get(name)) for name, film in findings.films.items() for s in film.segments]
    num_late = sum(_is_late(s, duration_s, END_TOLERANCE_S) for s, duration_s in segments)
    num_reversed = sum(s.end_s < s.start_s for s, _ in segments)
    if max(num_late, num_reversed) > max(1, TOO_MANY * len(segments)):
        findings.published = False
        _report(findings)
        return
    odd: Counter[str] = Counter()
    over_s = 0.0
    for name, film in findings.films.items():
        duration_s = durations_s.get(name)
        kept = []
        for s in film.segments:
            if s.start_s >= s.end_s:
                film.unfindable.append(s.label)
                odd["reversed" if s.end_s < s.start_s else "empty"] += 1
                film.lost |= cut
                continue
            late = _is_late(s, duration_s)
            outside = late or s.start_s < 0
            odd["late"] += late
            odd["early"] += s.start_s < 0
            if late and duration_s is not None:
                over_s = max(over_s, s.end_s - duration_s)
            if cut and outside:
                s.start_s, s.end_s = max(s.start_s, 0.0), min(s.end_s, math.inf if duration_s is None else duration_s)
                if s.start_s >= s.end_s:
                    odd["outside"] += 1
                    film.lost = True
                    continue
            kept.append(s)
        film.segments = _counted_overlaps(kept, odd, keep_copies=not cut)
    if counted := _sentence(odd, over_s, cut=cut):
        num = f"{len(segments)} segments" if len(segments) > 1 else "1 segment"
        findings.warn(At(), f"of {num} {counted}")


def _is_late(s: FoundSegment, duration_s: float | None, tolerance_s: float = 0.0) -> bool:
    return duration_s is not None and s.end_s > duration_s + tolerance_s and s.end_s > s.start_s


def _report(findings: Findings) -> None:
    """The faults that `Findings.segment` reports of other formats at once."""
    for name, film in findings.films.items():
        kept = []
        for s in film.segments:
            faults = findings.faults_of_times(s.start_s, s.end_s)
            for fault in faults:
                findings.lost(name, s.at, fault)
            if not faults:
                kept.append(s)
        film.segments = kept


def _counted_overlaps(segments: list[FoundSegment], odd: Counter[str], *, keep_copies: bool) -> list[FoundSegment]:
    until: dict[str, float] = {}
    times: set[tuple[str, float, float]] = set()
    kept = []
    for s in sorted(segments, key=lambda s: (s.start_s, s.end_s)):
        if (s.label, s.start_s, s.end_s) in times:
            odd["copy"] += 1
            if not keep_copies:
                continue
        else:
            odd["overlap"] += s.start_s < until.get(s.label, -math.inf)
        times.add((s.label, s.start_s, s.end_s))
        until[s.label] = max(until.get(s.label, -math.inf), s.end_s)
        kept.append(s)
    return kept


def _sentence(odd: Counter[str], over_s: float, *, cut: bool) -> str:
    """What is odd, with counts; "" for nothing."""

    def some(kind: str, one: str, many: str) -> list[str]:
        return [f"{odd[kind]} {one if odd[kind] == 1 else many}"] if odd[kind] else []

    left_out, kept, was_cut = (" (left out)", " (kept)", " (cut there)") if cut else ("", "", "")
    late = f"up to {in_s(over_s)} after the {'film' if cut else 'stated duration'}{was_cut}"
    parts = [
        *some("overlap", f"overlaps another of its label{kept}", f"overlap others of their label{kept}"),
        *some("copy", f"is a copy of another{left_out}", f"are copies of others{left_out}"),
        *some("late", f"ends {late}", f"end {late}"),
        *some("early", f"starts before 0 s{was_cut}", f"start before 0 s{was_cut}"),
        *some("outside", "lies wholly outside of its film (left out)", "lie wholly outside of their film (left out)"),
        *some("reversed", f"ends before it starts{left_out}", f"end before they start{left_out}"),
        *some("empty", f"has no length{left_out}", f"have no length{left_out}"),
    ]
    if not parts or cut:
        return ", ".join(parts)
    return ", ".join(parts) + ": all count as they are written, as in ActivityNet's own evaluation"


def durations_of(films: Mapping[str, FoundFilm], videos: Mapping[str, float] | None) -> dict[str, float | None]:
    """Seconds of each film: as it is, where the films are known, else as the file says."""
    return {name: film.facts.get("duration_s") if videos is None else videos.get(name) for name, film in films.items()}
