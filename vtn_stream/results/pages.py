"""A film's page with what it needs from elsewhere: thumbnails from the store, and the path to the film."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from urllib.parse import unquote

from vtn_stream.anonymous import is_anonymous
from vtn_stream.errors import DamagedFile, InputError, TimelineError, listed
from vtn_stream.film import CLOCK_TOLERANCE_S, FrameIndex
from vtn_stream.formats import Written, timeline_json
from vtn_stream.localize import DRAWINGS
from vtn_stream.report.html import is_document
from vtn_stream.report.label_curves import LabelCurves, label_curves
from vtn_stream.report.page import page
from vtn_stream.report.queue import Queue
from vtn_stream.results.blank import asked_labels
from vtn_stream.results.hand_work import is_hand_work
from vtn_stream.results.pictures import pictures_of
from vtn_stream.results.timelines import load_document, stem_of
from vtn_stream.store import EmbeddingStore, read_scores, scores_identity
from vtn_stream.timeline import Segment, Timeline
from vtn_stream.track import GridScores

__all__ = [
    "NO_FILM",
    "Scored",
    "check_replaceable",
    "has_pictures",
    "page_at",
    "page_of",
    "quiet_way_to",
    "rest_of",
    "way_to",
    "ways_in",
]

NO_FILM = "the page does not know where the film lies: choose it there, or run vtn-stream report TIMELINE --film FILM"
NO_FILES = (
    "the page does not know where {num} of the recording's {total} files lie: choose them there, or run vtn-stream "
    "report TIMELINE --film FOLDER"
)
# Where a page says which film it plays, and behind it which files of a recording, as `report.page` writes it.
_FILM_IN_PAGE = re.compile(rb'\{"name":"(?:[^"\\]|\\.)*","url":("(?:[^"\\]|\\.)*")')
MAX_PAGE_READ = 64 * 1024 * 1024
MAX_THUMBNAILS_READ = 20_000  # more than two days of film have
NO_PICTURES = "no pictures of this film are in the store: the page has none (--store names another store)"

# Scores, their clock and their labels, as `read_scores` gives them.
Scored = tuple[GridScores, FrameIndex, tuple[str, ...]]


def page_of(
    timeline: Timeline,
    *,
    film: str | None = None,
    parts: Sequence[str] = (),
    truth: Sequence[Segment] | None = None,
    store: Path | None = None,
    thumbnails: bool = True,
    scored: Scored | None = None,
    files: Mapping[str, Sequence[str]] = {},
    queue: Queue | None = None,
    labels: Sequence[str] = (),
) -> Written:
    """The HTML page of a timeline. film: its path from the page, by default the timeline's own `video_path`; parts: the
    same of each file of a recording; scored: what the timeline was drawn from; files: digests of the files written with
    it, which the timeline that the page saves has too; queue: moments that it asks its reader to look at; labels: those
    that people will use, beside the timeline's own and before them.

    Thumbnails are those that were stored when the film was analyzed, of the same recipe, else those that were made for
    a page alone; if there are none, the page has none, and a warning says so. That of an anonymous film never has any.
    """
    thumbnails = thumbnails and not is_anonymous(timeline)
    pictures = pictures_of(timeline, EmbeddingStore(store), MAX_THUMBNAILS_READ) if thumbnails else []
    warnings = () if pictures or not thumbnails else (NO_PICTURES,)
    curves = None if scored is None else _label_curves(timeline, truth or (), *scored)
    rest = rest_of(timeline, files)
    content = page(
        timeline,
        rest=rest,
        truth=truth,
        film=film,
        parts=parts,
        thumbnails=pictures,
        label_curves=curves,
        queue=queue,
        labels=(*labels, *asked_labels(timeline)),
    )
    return Written(content=content, warnings=warnings)


def has_pictures(timeline: Timeline, store: EmbeddingStore) -> bool:
    """Whether a page of this timeline would have any."""
    return bool(pictures_of(timeline, store, most=1))


def rest_of(timeline: Timeline, files: Mapping[str, Sequence[str]] = {}) -> str:
    """The text of a timeline's file without what a page edits."""
    return timeline_json.dumps(replace(timeline, segments=(), reviewed=(), rejected=()), files).decode()


def page_at(
    page: Path,
    timeline: Timeline,
    *,
    film: str | None = None,
    parts: Sequence[str] = (),
    truth: Sequence[Segment] | None = None,
    store: Path | None = None,
    thumbnails: bool = True,
    source: Path | None = None,
    queue: Queue | None = None,
    labels: Sequence[str] = (),
) -> Written:
    """The HTML page of a timeline, made for this place. film: its path, by default where a film of its name lies, or
    where the page that is there now finds it; parts: the same of each file of a recording; source: the
    timeline's file, beside which its scores lie; queue and labels: as of `page_of`.

    Raises nothing if there is none: a warning says so.
    """
    way = film
    trouble_of_film: tuple[str, ...] = ()
    if is_anonymous(timeline):
        pass
    elif timeline.parts:
        parts, trouble_of_film = (parts, ()) if parts else _ways_to_parts(timeline, page)
    elif film is None:
        [way] = _ways_to([timeline.video_path], page)
        trouble_of_film = () if way else (NO_FILM,)
    scored, trouble = (None, ()) if source is None else _scored_beside(source, timeline)
    files = {} if source is None else _files_with(source, timeline)
    written = page_of(
        timeline,
        film=way,
        parts=parts,
        truth=truth,
        store=store,
        thumbnails=thumbnails,
        scored=scored,
        files=files,
        queue=queue,
        labels=labels,
    )
    return replace(written, warnings=(*written.warnings, *trouble, *trouble_of_film))


def _files_with(source: Path, timeline: Timeline) -> Mapping[str, Sequence[str]]:
    """Digests of the files written with this timeline. None where it is not all of the file's, or that was changed by
    other means: what the page saves then looks like what it is, work of a person that no analysis draws again.
    """
    try:
        document = load_document(source)
    except TimelineError:
        return {}
    return document.files if document.origin == "ours" and document.timeline == timeline else {}


def check_replaceable(page: Path, *, overwrite: bool = False, discard_edits: bool = False) -> None:
    """Raises InputError if the name is not that of a page, or if the page would replace a file that is not ours, or
    a page that was changed by hand: with one of the options `write_file` puts that aside.
    """
    if page.suffix.lower() not in (".html", ".htm"):
        raise InputError(
            f"{page.name} is not the name of a page", "nothing was written", "give a name that ends in .html"
        )
    try:
        with open(page, "rb") as file:
            ours = is_document(file.read(1000))
    except FileNotFoundError:
        return
    except OSError as error:
        raise InputError(
            f"{page.name} is there and cannot be read ({error.strerror})", "it was kept", "name another page"
        ) from error
    if ours and not (overwrite or discard_edits) and is_hand_work(page):
        raise InputError(
            f"{page} is hand work, changed since it was written",
            "it was kept",
            "report --overwrite, or batch --discard-edits, puts it aside and writes it again",
        )
    if not ours and not overwrite:
        raise InputError(
            f"{page} exists already and is not a page of vtn-stream",
            "it was kept",
            "move it away, or replace it with --overwrite",
        )


def way_to(film: Path, folder: Path, inside: Path) -> str | None:
    """The relative path from a page in `folder` to the film, where both lie in `inside`; else None.

    No folder above `inside` is ever named, and none at all where that lies above the user's home: a page is shared, and
    the way would say who made it.
    """
    film, folder, inside = (Path(os.path.abspath(path)) for path in (film, folder, inside))
    if not (film.is_relative_to(inside) and folder.is_relative_to(inside)) or inside in Path.home().parents:
        return None
    return PurePath(os.path.relpath(film, folder)).as_posix()


def quiet_way_to(film: Path, folder: Path, inside: Path) -> str | None:
    """As `way_to`, but None if it names a folder that the page's own path below `inside` does not name too."""
    way = way_to(film, folder, inside)
    if way is None:
        return None
    known = Path(os.path.abspath(folder)).relative_to(os.path.abspath(inside)).parts
    return way if set(PurePath(way).parts[:-1]) <= {"..", *known} else None


def ways_in(folder: Path, way: str, timeline: Timeline) -> list[str]:
    """The way to each file of a recording in a folder, to which `way` leads. Raises InputError."""
    names = [part.video_path.rpartition("/")[2] for part in timeline.parts]
    if not folder.is_dir():
        raise InputError(
            f"the film of this timeline is a recording in {len(names)} files, and {folder.name} is one file",
            "no page was written",
            "name the folder in which they lie: --film FOLDER",
        )
    if missing := [name for name in names if not (folder / name).is_file()]:
        raise InputError(
            f"{listed(missing)} of the recording {'is' if len(missing) == 1 else 'are'} not in {folder.name or folder}",
            "no page was written",
            "put all files of the recording into one folder, or leave out --film and choose them in the page",
        )
    return [PurePath(way, name).as_posix() for name in names]


def _ways_to_parts(timeline: Timeline, page: Path) -> tuple[list[str], tuple[str, ...]]:
    """The way to each file of a recording, by default beside the page; and a line if some are not found."""
    names = [part.video_path for part in timeline.parts]
    ways = _ways_to(names, page, first=1)
    told = (NO_FILES.format(num=ways.count(None), total=len(ways)),) if None in ways else ()
    return [way or name for way, name in zip(ways, names, strict=True)], told


def _ways_to(films: Sequence[str], page: Path, *, first: int = 0) -> list[str | None]:
    """The paths to films, found by their names, or by which the page that is there now finds them. first: the number of
    the first among those in the page, where the recording's own name comes before its files.
    """
    known: list[str] | None = None
    ways = list[str | None]()
    for number, film in enumerate(films, start=first):
        way = _way_to(film, page, Path.cwd())
        if way is None:
            known = _ways_in_page(page) if known is None else known
            way = _way_again(known[number], page, film) if number < len(known) else None
        ways.append(way)
    return ways


def _way_to(film: str, page: Path, inside: Path) -> str | None:
    """The path to a film that lies beside the page, or in a folder above it and in `inside`."""
    for folder in (page.parent, *Path(os.path.abspath(page.parent)).parents):
        way = quiet_way_to(folder / film, page.parent, inside)
        if way is not None and (folder / film).is_file():
            return way
    return None


def _ways_in_page(page: Path) -> list[str]:
    """The paths by which the page that is there now finds its film, and the files of its recording."""
    try:
        with open(page, "rb") as file:
            urls = [json.loads(found[1]) for found in _FILM_IN_PAGE.finditer(file.read(MAX_PAGE_READ))]
    except (OSError, ValueError):
        return []
    return [unquote(url, errors="surrogateescape").removeprefix("./") for url in urls]


def _way_again(way: str, page: Path, film: str) -> str | None:
    """That path, if it is this film's and the film is there."""
    try:
        is_there = (
            not way.startswith("/") and PurePath(way).name == PurePath(film).name and (page.parent / way).is_file()
        )
    except (OSError, ValueError):
        return None
    return way if is_there else None


def _scored_beside(source: Path, timeline: Timeline) -> tuple[Scored | None, tuple[str, ...]]:
    """The scores beside a model's timeline, if they are its own; and a line that says why they are not used."""
    if _value_name(timeline) is None:
        return None, ()
    file = source.with_name(f"{stem_of(source)}.scores.arrow")
    try:
        if is_hand_work(file):
            reason = f"{file.name} is not the one that was written with the timeline"
        elif scores_identity(file) == timeline.video_identity:
            return read_scores(file), ()
        else:
            reason = f"{file.name} is another film's" if file.exists() else ""  # the page itself says that
    except (FileNotFoundError, DamagedFile) as error:
        reason = error.fact if isinstance(error, DamagedFile) else ""
    return None, ((f"the page has no curves of its labels: {reason}",) if reason else ())


def _value_name(timeline: Timeline) -> str | None:
    """What the scores of a model's positions are; None for those of scenes, and where the provenance does not say."""
    analysis = timeline.provenance.get("analysis")
    if not isinstance(analysis, Mapping):
        return None
    drawing = analysis.get("drawing") or DRAWINGS.get(str(analysis.get("kind")))
    # Of spans it is the score of the surest one that was proposed around the position.
    return {"peaks": "probability", "phases": "probability", "spans": "score"}.get(str(drawing))


def _label_curves(
    timeline: Timeline, truth: Sequence[Segment], scores: GridScores, index: FrameIndex, labels: Sequence[str]
) -> LabelCurves | None:
    """What the model says of each label that has a lane. None where labels were renamed since: the scores would be
    those of other labels.
    """
    name, selections = _value_name(timeline), timeline.provenance.get("selections") or ()
    renamed = not isinstance(selections, list | tuple) or any(
        not isinstance(each, Mapping) or each.get("names") for each in selections
    )
    if name is None or renamed or scores.frame is None:
        return None
    start_s, end_s = timeline.span_s
    known = index.valid & (index.grid_s >= start_s - CLOCK_TOLERANCE_S) & (index.grid_s < end_s)
    only = {*timeline.labels, *(s.label for s in truth)}
    return label_curves(scores.frame, index.grid_s, known, labels, only=only, name=name)
