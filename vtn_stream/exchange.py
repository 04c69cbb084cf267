"""Timelines into other formats, and files of other formats into timelines. Touches no film and no model.

export     FILM.timeline.json, of which something may be selected -> any format, beside it or elsewhere
convert    any format that can be read -> any that can be written
"""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vtn_stream.errors import DamagedFile, InputError, TimelineError, VtnStreamError
from vtn_stream.formats import FORMATS, Options
from vtn_stream.formats.annotations.spelling import nearest
from vtn_stream.formats.reading import ReadingOptions
from vtn_stream.formats.writing import Written, num
from vtn_stream.intake import read_any
from vtn_stream.pages import page_of
from vtn_stream.results import FORMAT_NAMES, PAGE, load_timeline, suffix_of, write_file
from vtn_stream.selection import Scored, Selection
from vtn_stream.store import read_scores, scores_identity
from vtn_stream.timeline import Segment, Timeline

__all__ = ["Exported", "Pages", "convert", "export", "export_together", "format_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A file that was written. warnings: what its format could not hold, and what was done."""

    path: Path
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """What HTML pages show beside the timeline. film: the way to it from the page; store: of the thumbnails."""

    film: str | None = None
    store: Path | None = None
    thumbnails: bool = True


def export(
    path: Path,
    formats: Iterable[str],
    folder: Path | None = None,
    *,
    selection: Selection = Selection(),
    options: Options = Options(),
    pages: Pages = Pages(),
    overwrite: bool = False,
) -> list[Exported]:
    """Write the timeline in `path` in other formats, named after that file, beside it or in `folder`.

    A file that is there already and says something else is kept, unless overwrite; the timeline itself always. Raises
    TimelineError, DamagedFile.
    """
    timeline, warnings = _selected(path, selection)
    exported = []
    for name in dict.fromkeys(formats):
        target = (path.parent if folder is None else folder) / f"{_stem(path)}.timeline{suffix_of(name)}"
        written = _content([timeline], name, options, pages)
        _place(target, written.content, replaces=overwrite and not _same(target, path))
        exported.append(Exported(path=target, warnings=(*warnings, *written.warnings)))
        warnings = ()  # said once
    return exported


def export_together(
    paths: Iterable[Path],
    target: Path,
    *,
    format: str | None = None,
    selection: Selection = Selection(),
    options: Options = Options(),
    overwrite: bool = False,
    on_error: Callable[[VtnStreamError], None] | None = None,
) -> Exported:
    """The timelines of many films in one file, of a format that can hold them; without `format` told by its suffix.

    on_error hears of each timeline that cannot be read, and the others are written; without it that is raised.
    """
    name = format_of(target) if format is None else format
    if name == PAGE or not FORMATS[name].holds_many:
        many = ", ".join(name for name, format in FORMATS.items() if format.holds_many)
        raise InputError(f"a file of {name} holds one film", "nothing was written", f"choose among: {many}")
    timelines, warnings = [], []
    for path in paths:
        try:
            timeline, said = _selected(path, selection)
        except VtnStreamError as error:
            if on_error is None:
                raise
            on_error(error)
            continue
        timelines.append(timeline)
        warnings += [f"{path.name}: {warning}" for warning in said]
    if not timelines:
        raise TimelineError("none of the timelines could be read", f"{target.name} was not written", "see above")
    written = FORMATS[name].write(timelines, options)
    _place(target, written.content, replaces=overwrite)
    return Exported(path=target, warnings=(*warnings, *written.warnings))


def convert(
    source: Path,
    target: Path,
    *,
    format: str | None = None,
    reading: ReadingOptions = ReadingOptions(),
    options: Options = Options(),
    pages: Pages = Pages(),
    overwrite: bool = False,
) -> list[Exported]:
    """Write what is in one file (or folder of annotations) in another format.

    target  a file; or a folder, for formats that hold one film where the source has many: then `format` is needed,
            which else is told by the target's suffix

    Raises InputError, TimelineError, AnnotationError.
    """
    name = format_of(target) if format is None else format
    into_folder = target.is_dir() or str(target).endswith(os.sep)
    if not into_folder and target.exists() and source.exists() and target.samefile(source):
        raise InputError("source and target are one file", "nothing was written", "name another target")
    read = read_any(source, reading)
    timelines, outside = [], 0
    for timeline in read.timelines:
        inside, num_outside = _inside(timeline)
        timelines.append(inside)
        outside += num_outside
    warnings = (*read.warnings, *_told_outside(outside))
    if into_folder:
        exported = []
        for stem, timeline in zip(_stems(timelines), timelines, strict=True):
            written = _content([timeline], name, options, pages)
            file = target / f"{stem}.timeline{suffix_of(name)}"
            _place(file, written.content, replaces=overwrite)
            exported.append(Exported(path=file, warnings=(*warnings, *written.warnings)))
            warnings = ()
        return exported
    if len(timelines) > 1 and (name == PAGE or not FORMATS[name].holds_many):
        raise InputError(
            f"{source.name} tells of {len(timelines)} films, and a file of {name} holds one",
            "nothing was written",
            f"name a folder that exists, and -f {name}",
        )
    written = _content(timelines, name, options, pages)
    _place(target, written.content, replaces=overwrite)
    return [Exported(path=target, warnings=(*warnings, *written.warnings))]


def format_of(path: Path) -> str:
    """The format of a file that is to be written, by its suffix. Raises InputError."""
    name = path.name.lower()
    by_length = sorted(FORMAT_NAMES, key=lambda format: -len(suffix_of(format)))
    for format in by_length:
        if name.endswith(suffix_of(format)):
            return format
    own = path.suffix.lower()
    same = [format for format in FORMAT_NAMES if own and suffix_of(format).endswith(own)]
    if same:
        cure = f"say which with -f: {' or '.join(same)}"
    else:
        near = nearest(own, [suffix_of(format) for format in FORMAT_NAMES]) if own else None
        cure = f"did you mean {near}? " if near else ""
        cure += f"Choose one with -f: {', '.join(FORMAT_NAMES)}"
    raise InputError(f"{path.name} does not end as a format that can be written does", "nothing was written", cure)


def _selected(path: Path, selection: Selection) -> tuple[Timeline, tuple[str, ...]]:
    timeline, num_outside = _inside(load_timeline(path))
    try:
        chosen = selection.apply(timeline, lambda: _scores(path, timeline))
    except TimelineError as error:
        raise TimelineError(f"{path.name}: {error.fact}", error.consequence, error.cure) from error
    return chosen, _told_outside(num_outside)


def _scores(path: Path, timeline: Timeline) -> Scored:
    """What was stored beside a timeline. Raises TimelineError."""
    file = path.with_name(f"{_stem(path)}.scores.arrow")
    try:
        if scores_identity(file) == timeline.video_identity:
            return read_scores(file)
        reason = "it is another film's" if file.exists() else "it is not there"
    except (FileNotFoundError, DamagedFile) as error:
        reason = error.fact if isinstance(error, DamagedFile) else "it is not there"
    raise TimelineError(
        f"a threshold below the timeline's own needs {file.name}, and {reason}",
        "nothing was written",
        "keep it beside the timeline, raise the threshold, or analyze the film again",
    )


def _inside(timeline: Timeline) -> tuple[Timeline, int]:
    """The timeline without what lies outside the film, and how many segments that concerned."""
    kept: list[Segment] = []
    num_changed = 0
    for s in timeline.segments:
        start_s, end_s = (min(max(bound, 0.0), timeline.duration_s) for bound in (s.start_s, s.end_s))
        num_changed += (start_s, end_s) != (s.start_s, s.end_s)
        if start_s < end_s or s.start_s == s.end_s == start_s:
            kept.append(replace(s, start_s=start_s, end_s=end_s))
    return (replace(timeline, segments=tuple(kept)), num_changed) if num_changed else (timeline, 0)


def _told_outside(num_outside: int) -> tuple[str, ...]:
    if not num_outside:
        return ()
    return (f"{num(num_outside, 'segment')} outside the film, or partly so: cut at its bounds, or left out",)


def _content(timelines: Sequence[Timeline], format: str, options: Options, pages: Pages) -> Written:
    if format == PAGE:
        (timeline,) = timelines
        return page_of(timeline, film=pages.film, store=pages.store, thumbnails=pages.thumbnails)
    written = FORMATS[format].write(timelines, options)
    title = FORMATS[format].title
    return Written(content=written.content, warnings=tuple(f"{title}: {w}" for w in written.warnings))


def _place(target: Path, content: bytes, *, replaces: bool) -> None:
    if not replaces and target.exists() and _read(target) != content:
        raise TimelineError(
            f"{target.name} is there already and says something else",
            "it was kept",
            "name another place, or replace it with --overwrite",
        )
    write_file(target, content)


def _same(target: Path, source: Path) -> bool:
    return target.exists() and target.samefile(source)


def _stem(path: Path) -> str:
    return path.name.removesuffix(".json").removesuffix(".timeline")


def _stems(timelines: Sequence[Timeline]) -> list[str]:
    """A name of its own for each film's file."""
    stems: dict[str, None] = {}
    for timeline in timelines:
        name = Path(timeline.video_path)
        stem = base = name.stem if name.stem and name.suffix else name.name
        number = 1
        while stem in stems:
            number += 1
            stem = f"{base} ({number})"
        stems[stem] = None
    return list(stems)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes() if path.is_file() else None
    except OSError:
        return None
