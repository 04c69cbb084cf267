"""A film's page with what it needs from elsewhere: thumbnails from the store, and the path to the film."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePath

from vtn_stream.errors import InputError
from vtn_stream.formats import Written
from vtn_stream.report.html import is_document
from vtn_stream.report.page import MAX_THUMBNAILS, page
from vtn_stream.results.hand_work import is_hand_work
from vtn_stream.results.pictures import recipe_of
from vtn_stream.store import EmbeddingStore
from vtn_stream.timeline import Segment, Timeline

__all__ = ["NO_FILM", "check_replaceable", "page_at", "page_of", "quiet_way_to", "way_to"]

NO_FILM = "the page does not know where the film lies: choose it there, or name it with vtn-stream report --film"
NO_PICTURES = "no pictures of this film are in the store: the page has none (--store names another store)"


def page_of(
    timeline: Timeline,
    *,
    film: str | None = None,
    truth: Sequence[Segment] | None = None,
    store: Path | None = None,
    thumbnails: bool = True,
) -> Written:
    """The HTML page of a timeline. film: its path from the page, by default the timeline's own `video_path`.

    Thumbnails are those that were stored when the film was analyzed, of the same recipe; if there are none, the
    page has none, and a warning says so.
    """
    pictures = _thumbnails(timeline, EmbeddingStore(store)) if thumbnails else []
    warnings = () if pictures or not thumbnails else (NO_PICTURES,)
    return Written(content=page(timeline, truth=truth, film=film, thumbnails=pictures), warnings=warnings)


def page_at(
    page: Path,
    timeline: Timeline,
    *,
    film: str | None = None,
    truth: Sequence[Segment] | None = None,
    store: Path | None = None,
    thumbnails: bool = True,
) -> Written:
    """The HTML page of a timeline, made for this place. film: its path, by default where a film of its name lies.

    Raises nothing if there is none: a warning says so.
    """
    way = _way_to_film_of(timeline, page, Path.cwd()) if film is None else film
    written = page_of(timeline, film=way, truth=truth, store=store, thumbnails=thumbnails)
    return replace(written, warnings=(*written.warnings, NO_FILM)) if way is None else written


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


def _way_to_film_of(timeline: Timeline, page: Path, inside: Path) -> str | None:
    """The path to the timeline's film, found by its name: beside the page, or in a folder above it and in `inside`."""
    for folder in (page.parent, *Path(os.path.abspath(page.parent)).parents):
        way = quiet_way_to(folder / timeline.video_path, page.parent, inside)
        if way is not None and (folder / timeline.video_path).is_file():
            return way
    return None


def _thumbnails(timeline: Timeline, store: EmbeddingStore) -> list[tuple[float, bytes]]:
    recipe = recipe_of(timeline)
    if recipe is None:
        return []
    start_s, end_s = timeline.span_s
    found = store.thumbnails(timeline.video_identity, recipe.digest, MAX_THUMBNAILS)
    return [(time_s, jpeg) for time_s, jpeg in found if start_s <= time_s < end_s]
