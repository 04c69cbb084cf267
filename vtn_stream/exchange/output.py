"""What export and convert share: the format of a file, its content, and the check that no other file is lost."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vtn_stream.errors import InputError, TimelineError, listed, printable
from vtn_stream.formats import FORMATS, Options
from vtn_stream.formats.annotations.spelling import nearest
from vtn_stream.formats.writing import Written, num
from vtn_stream.results.format_names import PAGE, suffixes
from vtn_stream.results.pages import page_at
from vtn_stream.timeline import Segment, Timeline

__all__ = [
    "Exported",
    "Pages",
    "attributes_lost",
    "check_free",
    "content_of",
    "format_of",
    "holding_many",
    "holds_many",
    "inside_film",
    "outside_warnings",
    "read_file",
    "same_file",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """Files that were written. warnings: what their formats could not hold, and what was done."""

    paths: tuple[Path, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """What HTML pages show beside the timeline: pictures from this store, or no pictures."""

    store: Path | None = None
    thumbnails: bool = True


def format_of(path: Path) -> str:
    """The format of a file that is to be written, by its suffix. Raises InputError."""
    faults: list[str] = []
    suffix_by_name = suffixes(faults)
    if (named := _named(path, suffix_by_name)) is not None:
        return named
    own = path.suffix.lower()
    same = [format for format, suffix in suffix_by_name.items() if own and suffix.endswith(own)]
    fact = f"no format that can be written ends with {printable(own)}" if own else f"{path.name} has no suffix"
    if same:
        fact = f"{path.name} may be of several formats"
        cure = f"say which with -f: {' or '.join(same)}"
    else:
        near = nearest(own, list(suffix_by_name.values())) if own else None
        cure = f"did you mean {near}? " if near else ""
        cure += f"Choose one with -f: {', '.join(suffix_by_name)}"
    raise InputError(fact, "nothing was written", "; ".join((cure, *faults)))


def _named(path: Path, suffix_by_name: Mapping[str, str]) -> str | None:
    """The format whose suffix a file has, the longest of several: a.losslesscut.csv is none of our tables."""
    name = path.name.lower()
    by_length = sorted(suffix_by_name, key=lambda format: -len(suffix_by_name[format]))
    return next((format for format in by_length if name.endswith(suffix_by_name[format])), None)


def holding_many(target: Path) -> str:
    """The format of a file that is to hold many films, by its suffix. Raises InputError."""
    faults: list[str] = []
    suffix_by_name = suffixes(faults)
    named = _named(target, suffix_by_name)
    if named is not None and holds_many(named):
        return named
    many = {name: suffix for name, suffix in suffix_by_name.items() if holds_many(name)}
    raise InputError(
        f"{target.name} does not end as a format that holds many films",
        "nothing was written",
        "; ".join((f"give a name that ends in {' or '.join(many.values())}", *faults)),
    )


def holds_many(format: str) -> bool:
    return format != PAGE and FORMATS[format].holds_many


def content_of(
    target: Path,
    timelines: Sequence[Timeline],
    format: str,
    options: Options,
    pages: Pages,
    source: Path | None = None,
) -> Written:
    """The content to write to the target. source: the timeline's file, if it is one of ours."""
    if format == PAGE:
        (timeline,) = timelines
        return page_at(target, timeline, store=pages.store, thumbnails=pages.thumbnails, source=source)
    return FORMATS[format].write(timelines, options)


def attributes_lost(timelines: Iterable[Timeline], format: str) -> tuple[str, ...]:
    """What files of this format do not say of who and how (subject, modifier ...), and what helps; a line or none."""
    if format == PAGE or "attributes" in FORMATS[format].keeps:
        return ()
    there = {name for timeline in timelines for s in timeline.segments for name in s.attributes}
    lost = sorted(there - FORMATS[format].attributes)
    if not lost:
        return ()
    cure = "; --label-with subject keeps subjects, in the labels" if "subject" in lost else ""
    return (f"left out: the attribute{'s' * (len(lost) > 1)} {listed(map(printable, lost), 5)}{cure}",)


def inside_film(timeline: Timeline) -> tuple[Timeline, int]:
    """The timeline without what lies outside the film, and how many segments, or rejected ones, were changed."""
    end_s = timeline.duration_s
    segments, num_changed = _inside(timeline.segments, end_s)
    rejected, num_rejected = _inside(timeline.rejected, end_s)
    reviewed = timeline.reviewed
    if any(r.start_s < 0 or r.end_s > end_s for r in reviewed):
        reviewed = tuple(part for r in reviewed if (part := r.cropped(0.0, end_s)) is not None)
    return replace(timeline, segments=segments, rejected=rejected, reviewed=reviewed), num_changed + num_rejected


def _inside(segments: Iterable[Segment], duration_s: float) -> tuple[tuple[Segment, ...], int]:
    kept: list[Segment] = []
    num_changed = 0
    for s in segments:
        start_s, end_s = (min(max(bound, 0.0), duration_s) for bound in (s.start_s, s.end_s))
        num_changed += (start_s, end_s) != (s.start_s, s.end_s)
        if start_s < end_s or s.start_s == s.end_s == start_s:
            kept.append(replace(s, start_s=start_s, end_s=end_s))
    return tuple(kept), num_changed


def outside_warnings(num_outside: int) -> tuple[str, ...]:
    if not num_outside:
        return ()
    return (f"{num(num_outside, 'segment')} outside the film, or partly outside: cut at its start or end, or left out",)


def check_free(target: Path, content: bytes, *, overwrite: bool) -> None:
    """Raises TimelineError if the target says something else. With overwrite, `write_file` puts hand work aside."""
    if not overwrite and target.exists() and read_file(target) != content:
        raise TimelineError(
            f"{target} exists already and has other content",
            "nothing was written",
            "name another place, or replace it with --overwrite",
        )


def same_file(target: Path, source: Path) -> bool:
    return target.exists() and target.samefile(source)


def read_file(path: Path) -> bytes | None:
    try:
        return path.read_bytes() if path.is_file() else None
    except OSError:
        return None
