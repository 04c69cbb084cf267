"""Reads what time budgets are made of: timelines, folders of them, and files of annotations of any format."""

import os
from collections.abc import Iterable
from pathlib import Path

from vtn_stream.budget.films import Found
from vtn_stream.budget.groups import check_no_groups
from vtn_stream.errors import AnnotationError, InputError, VtnStreamError, listed
from vtn_stream.exchange.films import read_with_films
from vtn_stream.formats.reading import ReadingOptions
from vtn_stream.results import load_timeline
from vtn_stream.results.corrected_folder import is_timeline_name, timelines_below
from vtn_stream.timeline import Timeline

__all__ = ["Source", "read_files"]

Source = str | os.PathLike[str] | Timeline
_WHOLE, _PARTIAL = ".timeline.json", ".timeline.partial.json"
_NOTHING, _UNCOUNTED = "no figures were computed", "it does not count"


def read_files(
    sources: Iterable[Source], options: ReadingOptions
) -> tuple[list[Found], list[str], list[VtnStreamError]]:
    """What is found in these files, lines on how it was read, and why others cannot be read."""
    found: list[Found] = []
    lines: dict[str, None] = {}
    failed: list[VtnStreamError] = []
    seen: set[str] = set()
    for source in sources:
        if isinstance(source, Timeline):
            found.append(Found(timeline=source, place=source.video_path))
            continue
        path = Path(source)
        try:
            timelines = _timelines(path)
            for file, below in timelines:
                if _is_new(file, seen):
                    _load(file, below, path if path.is_dir() else path.parent, found, failed)
            unfinished = _unfinished(path, [file for file, _ in timelines])
            failed += unfinished
            if path.is_dir() and not any(path.iterdir()):
                failed.append(InputError(f"there is nothing in {path.name or path}", _UNCOUNTED, "name another folder"))
            elif not (timelines or unfinished) and _is_new(path, seen):
                if path.is_file():
                    check_no_groups(path, _UNCOUNTED)
                read = read_with_films(path, options, None)
                name = path.name or "annotations"
                found += [Found(timeline=t, place=t.video_path, file=name, folder=path.parent) for t in read.timelines]
                lines |= dict.fromkeys(f"{name}: {warning}" for warning in read.warnings)
        except VtnStreamError as error:
            failed.append(_uncounted(error))
    return found, list(lines), failed


def _timelines(path: Path) -> list[tuple[Path, str]]:
    """The timelines of ours that a path names, each with the folder in which it lies below that path."""
    if path.is_dir():
        return [(path / below, below.parent.as_posix()) for below in timelines_below(path, _NOTHING)]
    return [(path, "")] if is_timeline_name(path.name) else []


def _unfinished(folder: Path, timelines: Iterable[Path]) -> list[InputError]:
    """What is said of films in a folder whose analysis was stopped before it had a whole timeline."""
    whole = {file.with_name(file.name.removesuffix(_WHOLE)) for file in timelines}
    partial = folder.rglob(f"*{_PARTIAL}") if folder.is_dir() else []
    names = sorted(
        file.relative_to(folder).as_posix().removesuffix(_PARTIAL)
        for file in partial
        if file.with_name(file.name.removesuffix(_PARTIAL)) not in whole
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    )
    if not names:
        return []
    fact = f"the analysis of {listed(names)} did not finish"
    return [InputError(fact, _UNCOUNTED if len(names) == 1 else "they do not count", "run it again")]


def _load(file: Path, below: str, folder: Path, found: list[Found], failed: list[VtnStreamError]) -> None:
    try:
        timeline = load_timeline(file)
    except VtnStreamError as error:
        failed.append(_uncounted(error))
        return
    place = timeline.video_path if below in ("", ".") else f"{below}/{timeline.video_path}"
    name = file.name if below in ("", ".") else f"{below}/{file.name}"
    found.append(Found(timeline=timeline, place=place, file=name, folder=folder))


def _is_new(path: Path, seen: set[str]) -> bool:
    """Whether this file was not read yet, by whatever path it was named."""
    real = os.path.realpath(path)
    is_new = real not in seen
    seen.add(real)
    return is_new


def _uncounted(error: VtnStreamError) -> VtnStreamError:
    if isinstance(error, AnnotationError):
        return AnnotationError(error.fact, _UNCOUNTED, error.cure, error.problems)
    return InputError(error.fact, _UNCOUNTED, error.cure)
