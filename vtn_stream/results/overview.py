"""Pages over a whole folder of timelines: one of each film, and index.html over all of them."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

from vtn_stream.errors import InputError, VtnStreamError
from vtn_stream.report.index import Entry, Failed, entry_of, index
from vtn_stream.results.files import PAGE, load_timeline, stem_of, suffix_of, write_file
from vtn_stream.results.pages import check_replaceable, page_at

__all__ = ["INDEX", "Indexed", "timeline_files", "write_index", "write_missing_pages"]

INDEX = "index.html"
_TIMELINE = ".timeline.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Indexed:
    """The index that was written. num_failed: films whose timelines cannot be read; the index says why."""

    path: Path
    num_films: int
    num_failed: int


def timeline_files(folder: Path) -> list[PurePath]:
    """The timelines in a folder and the folders in it, relative to it. Raises InputError if there are none."""

    def tell(error: OSError) -> None:
        if error.filename == os.fspath(folder):
            raise InputError(
                f"{folder.name or folder} cannot be read ({error.strerror})", "no page was written", "check the path"
            ) from error

    found = []
    for path, folders, files in os.walk(folder, onerror=tell):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        below = PurePath(os.path.relpath(path, folder))
        found += [below / name for name in sorted(files) if name.endswith(_TIMELINE) and not name.startswith(".")]
    if not found:
        raise InputError(
            f"no FILM{_TIMELINE} is in {folder.name or folder}", "no page was written", "name the folder of a batch"
        )
    return found


def write_missing_pages(
    folder: Path, *, store: Path | None = None, thumbnails: bool = True
) -> Iterator[tuple[Path, tuple[str, ...]] | VtnStreamError]:
    """The page of each timeline that has none, or one that is older: its path and warnings, or why there is none."""
    for file in timeline_files(folder):
        source, page = folder / file, folder / _page(file)
        try:
            if not _is_newer(page, source):
                check_replaceable(page)
                written = page_at(page, load_timeline(source), store=store, thumbnails=thumbnails)
                write_file(page, written.content)
                yield page, written.warnings
        except VtnStreamError as error:
            yield error


def write_index(
    folder: Path, *, failed: Mapping[str, str] | None = None, on_progress: Callable[[int, int], None] | None = None
) -> Indexed:
    """Write index.html over all timelines in the folder; a foreign one is kept. Raises InputError, TimelineError.

    failed: films that have no timeline, and why; they have rows as well
    """
    files = timeline_files(folder)
    check_replaceable(folder / INDEX)
    num_failed = 0

    def entries() -> Iterator[Entry | Failed]:
        nonlocal num_failed
        for done, file in enumerate(files):
            if on_progress:
                on_progress(done, len(files))
            try:
                timeline = load_timeline(folder / file)
            except VtnStreamError as error:
                num_failed += 1
                yield Failed(name=file.as_posix(), reason=error.fact)
                continue
            page = _page(file)
            yield entry_of(
                timeline,
                name=(file.parent / timeline.video_path).as_posix(),
                page=page.as_posix() if (folder / page).is_file() else None,
                timeline_file=file.as_posix(),
            )
        yield from (Failed(name=name, reason=reason) for name, reason in (failed or {}).items())

    # The folder as it was called, not where that leads: its name may say who made it.
    write_file(folder / INDEX, index(entries(), title=folder.name or "timelines"))
    return Indexed(path=folder / INDEX, num_films=len(files), num_failed=num_failed)


def _page(file: PurePath) -> PurePath:
    return file.with_name(f"{stem_of(Path(file))}.timeline{suffix_of(PAGE)}")


def _is_newer(page: Path, source: Path) -> bool:
    try:
        return page.stat().st_mtime_ns >= source.stat().st_mtime_ns
    except OSError:
        return False
