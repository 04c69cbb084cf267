"""A film's page with what it needs from elsewhere: thumbnails from the store, and the way to the film."""

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePath

from vtn_stream.errors import InputError
from vtn_stream.formats import Written
from vtn_stream.report.html import is_document
from vtn_stream.report.page import MAX_THUMBNAILS, page
from vtn_stream.store import EmbeddingStore
from vtn_stream.timeline import Segment, Timeline
from vtn_stream.track import Recipe

__all__ = ["check_replaceable", "page_of", "way_to"]

NO_PICTURES = "no pictures of this film are in the store: the page has none (--store names another store)"


def page_of(
    timeline: Timeline,
    *,
    film: str | None = None,
    truth: Sequence[Segment] | None = None,
    store: Path | None = None,
    thumbnails: bool = True,
) -> Written:
    """The HTML page of a timeline. film: the way to it from the page, by default the timeline's own `video_path`.

    Thumbnails are those that were stored when the film was analyzed, of the same recipe; where there are none, the
    page has none, and a warning says so.
    """
    pictures = _thumbnails(timeline, EmbeddingStore(store)) if thumbnails else []
    warnings = () if pictures or not thumbnails else (NO_PICTURES,)
    return Written(content=page(timeline, truth=truth, film=film, thumbnails=pictures), warnings=warnings)


def check_replaceable(page: Path, *, overwrite: bool = False) -> None:
    """Raises InputError where a page would not be one by its name, or would replace what is none of ours."""
    if page.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"{page.name} names no page", "nothing was written", "let it end in .html")
    try:
        with open(page, "rb") as file:
            ours = is_document(file.read(1000))
    except FileNotFoundError:
        return
    except OSError as error:
        raise InputError(
            f"{page.name} is there and cannot be read ({error.strerror})", "it was kept", "name another page"
        ) from error
    if not ours and not overwrite:
        raise InputError(
            f"{page} is there already and is no page of vtn-stream",
            "it was kept",
            "move it away, or replace it with --overwrite",
        )


def way_to(film: Path, folder: Path, inside: Path) -> str | None:
    """The relative path from a page in `folder` to the film, where both lie below `inside`; else None.

    Folders above are never named: a page is shared, and the way to them would say who made it.
    """
    film, folder, inside = (Path(os.path.abspath(path)) for path in (film, folder, inside))
    if not (film.is_relative_to(inside) and folder.is_relative_to(inside)):
        return None
    return PurePath(os.path.relpath(film, folder)).as_posix()


def _thumbnails(timeline: Timeline, store: EmbeddingStore) -> list[tuple[float, bytes]]:
    try:
        recipe = Recipe.from_json(json.dumps(timeline.provenance["recipe"]))
    except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError):  # not ours, or a stranger's
        return []
    if not re.fullmatch("[0-9a-f]{1,128}", timeline.video_identity):  # it becomes a path
        return []
    start_s, end_s = timeline.span_s
    found = store.thumbnails(timeline.video_identity, recipe.digest, MAX_THUMBNAILS)
    return [(time_s, jpeg) for time_s, jpeg in found if start_s <= time_s < end_s]
