"""Pages over a whole folder of timelines: one of each film, and index.html over all of them."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from vtn_stream.anonymous import is_anonymous
from vtn_stream.errors import InputError, VtnStreamError, printable
from vtn_stream.formats.writing import num as num_of
from vtn_stream.name_table import Names
from vtn_stream.report.index import Entry, Failed, entry_of, index, is_index
from vtn_stream.results.blank import blank_in_page
from vtn_stream.results.format_names import PAGE, suffix_of
from vtn_stream.results.hand_work import is_hand_work
from vtn_stream.results.names import result_stem
from vtn_stream.results.pages import check_replaceable, page_at
from vtn_stream.results.pictures import scene_pictures
from vtn_stream.results.timelines import load_timeline, stem_of
from vtn_stream.results.writing import write_file
from vtn_stream.timeline import Segment, Timeline

__all__ = [
    "INDEX",
    "Indexed",
    "check_anonymous",
    "timeline_files",
    "update_index",
    "write_index",
    "write_missing_pages",
]

INDEX = "index.html"
MAX_UPDATED = 1_000  # films of an index that follows each analysis: 3 ms each
MAX_PICTURED = 100  # films of an index that shows their scenes by pictures
PICTURE_WIDTH = 80
_TIMELINE = ".timeline.json"
_PAGE = f".timeline{suffix_of(PAGE)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Indexed:
    """The index that was written. num_failed: films whose timelines cannot be read; the index says why. told: a line
    on the one before, if it was put aside.
    """

    path: Path
    num_films: int
    num_failed: int
    told: tuple[str, ...] = ()


def timeline_files(folder: Path) -> list[PurePath]:
    """The timelines in a folder and the folders in it, relative to it. Raises InputError if there are none."""
    found = [file for file in _files(folder) if file.name.endswith(_TIMELINE)]
    if not found:
        raise _nothing_in(folder)
    return found


def _files(folder: Path) -> list[PurePath]:
    """The timelines, and the pages beside which there is none, relative to the folder; in the order of folders."""

    def tell(error: OSError) -> None:
        if error.filename == os.fspath(folder):
            raise InputError(
                f"{folder.name or folder} cannot be read ({error.strerror})", "no page was written", "check the path"
            ) from error

    found = []
    for path, folders, files in os.walk(folder, onerror=tell):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        below, there = PurePath(os.path.relpath(path, folder)), set(files)
        for name in sorted(name for name in files if not name.startswith(".")):
            is_alone = name.endswith(_PAGE) and name.removesuffix(_PAGE) + _TIMELINE not in there
            if is_alone or name.endswith(_TIMELINE):
                found.append(below / name)
    return found


def _films(folder: Path) -> dict[PurePath, Timeline | None]:
    """The timelines, with None; and the pages in which people may say what happens in a film, and of which nobody saved
    it yet, with the timeline that is in each. Raises InputError if there are none.
    """
    films: dict[PurePath, Timeline | None] = {}
    for file in _files(folder):
        blank = None if file.name.endswith(_TIMELINE) else blank_in_page(folder / file)
        if blank is not None or file.name.endswith(_TIMELINE):
            films[file] = blank
    if not films:
        raise _nothing_in(folder)
    return films


def _nothing_in(folder: Path) -> InputError:
    return InputError(
        f"there is no FILM{_TIMELINE} in {folder.name or folder}", "no page was written", "name the folder of a batch"
    )


def check_anonymous(folder: Path, names: Names, *, also: Iterable[str] = (), deep: bool = True) -> None:
    """Raises InputError if results lie in a folder, or below it, that have the names of their films: the folder and its
    index would tell them. also: what other films of the folder are called; deep: whether to look into folders there.
    """
    named = {*also}
    for path, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if deep and not name.startswith(".")]
        below = PurePath(os.path.relpath(path, folder))
        named |= {(below / stem).as_posix() for file in files if (stem := result_stem(file)) is not None}
    if num := sum(not names.is_name(PurePath(name).name) for name in named):
        raise InputError(
            f"results of {num_of(num, 'film')} in {folder.name or folder} have the film's own name",
            "nothing was written: who gets the folder would know which films these are",
            "name another folder, move them away, or make an anonymous copy: "
            f"vtn-stream export {printable(str(folder))} --anonymous -f json -f html -o OTHER",
        )


def write_missing_pages(
    folder: Path,
    *,
    store: Path | None = None,
    thumbnails: bool = True,
    overwrite: bool = False,
    truth_of: Callable[[Timeline, str], Sequence[Segment] | None] | None = None,
) -> Iterator[tuple[Path, tuple[str, ...]] | VtnStreamError]:
    """The page of each timeline that has none, or one that is older: its path and warnings, or why there is none.

    overwrite  also where a file is in the way that is no page, or hand work, which is put aside
    truth_of   what really happens in the film of a timeline, in this folder below; a page that shows it is always made
    """
    for file, blank in _films(folder).items():
        if blank is not None:  # nobody saved what is said in this page: it stays as it is
            continue
        source, page = folder / file, folder / _page(file)
        try:
            is_newer = _is_newer(page, source)
            if is_newer and truth_of is None:
                continue
            timeline = load_timeline(source)
            truth = None if truth_of is None else truth_of(timeline, file.parent.as_posix())
            if not is_newer or truth is not None:
                check_replaceable(page, overwrite=overwrite)
                written = page_at(page, timeline, truth=truth, store=store, thumbnails=thumbnails, source=source)
                yield page, (*written.warnings, *write_file(page, written.content))
        except VtnStreamError as error:
            yield error


def write_index(
    folder: Path,
    *,
    failed: Mapping[str, str] | None = None,
    overwrite: bool = False,
    discard_edits: bool = False,
    store: Path | None = None,
    thumbnails: bool = True,
    on_progress: Callable[[int, int], None] | None = None,
) -> Indexed:
    """Write index.html over all timelines in the folder, and over the pages of films of which nobody saved one yet; a
    foreign one, or hand work, is kept.

    failed     films that have no timeline, and why; they have rows as well
    overwrite  replace a foreign one; with it, or with discard_edits, hand work is put aside
    store      where the pictures of scenes are, which an index of at most MAX_PICTURED films shows
    thumbnails  whether it shows them

    Raises InputError, TimelineError.
    """
    films = _films(folder)
    check_replaceable(folder / INDEX, overwrite=overwrite, discard_edits=discard_edits)
    num_failed, pictured, names_films = 0, thumbnails and len(films) <= MAX_PICTURED, False

    def entries() -> Iterator[Entry | Failed]:
        nonlocal num_failed, names_films
        for done, (file, blank) in enumerate(films.items()):
            if on_progress:
                on_progress(done, len(films))
            try:
                timeline = blank or load_timeline(folder / file)
            except VtnStreamError as error:
                num_failed += 1
                yield Failed(name=file.as_posix(), reason=error.fact)
                continue
            page = _page(file) if blank is None else file
            names_films = names_films or not is_anonymous(timeline)
            yield entry_of(
                timeline,
                name=f"{(file.parent / timeline.video_path).as_posix()}{_region_of(timeline)}",
                page=page.as_posix() if (folder / page).is_file() else None,
                timeline_file=file.as_posix() if blank is None else None,
                pictures=_small_pictures(timeline, store) if pictured else None,
            )
        yield from (Failed(name=name, reason=reason) for name, reason in (failed or {}).items())

    shown = list(entries())
    # The folder as it was called, not where that leads: its name may say who made it, or of whom the films are.
    told = write_file(folder / INDEX, index(shown, title=(names_films and folder.name) or "timelines"))
    return Indexed(path=folder / INDEX, num_films=len(films), num_failed=num_failed, told=told)


def update_index(
    folder: Path, *, failed: Mapping[str, str] | None = None, store: Path | None = None, thumbnails: bool = True
) -> tuple[Path | None, str]:
    """Writes index.html of a folder anew if one is there, so that it shows what was analyzed since.

    Returns its path, or None, and a line if it is there and stays as it was: hand work, or too large for this.
    """
    path = folder / INDEX
    try:
        ours = is_index(path.read_bytes())
    except OSError:
        return None, ""
    if not ours:
        return None, ""
    if is_hand_work(path):
        return None, f"{INDEX} was changed by hand and is kept: it does not show the new results"
    try:
        if (num := len(_files(folder))) > MAX_UPDATED:
            again = f"vtn-stream report {printable(str(folder))}"
            return None, f"{INDEX} does not show the new results yet, as it is over {num:,} films: {again} updates it"
        written = write_index(folder, failed=failed, store=store, thumbnails=thumbnails)
    except VtnStreamError as error:
        return None, f"{INDEX} does not show the new results: {error}"
    return written.path, ""


def _region_of(timeline: Timeline) -> str:
    """What tells the regions of one film apart."""
    return f", {timeline.region.name}" if timeline.region is not None and timeline.region.name else ""


def _small_pictures(timeline: Timeline, store: Path | None) -> dict[str, bytes]:
    from vtn_stream.video.small import smaller  # with Pillow, which an analysis does without

    pictures = ((label, smaller(jpeg, PICTURE_WIDTH)) for label, jpeg in scene_pictures(timeline, store).items())
    return {label: jpeg for label, jpeg in pictures if jpeg is not None}


def _page(file: PurePath) -> PurePath:
    return file.with_name(f"{stem_of(Path(file))}.timeline{suffix_of(PAGE)}")


def _is_newer(page: Path, source: Path) -> bool:
    try:
        return page.stat().st_mtime_ns >= source.stat().st_mtime_ns
    except OSError:
        return False
