"""The pages of what was suggested: one of all moments, and of each film one in which its moments follow each other."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from vtn_stream.anonymous import is_anonymous
from vtn_stream.errors import VtnStreamError
from vtn_stream.report.queue import Asked, Queue
from vtn_stream.report.suggestions import Card, UnknownFilm, suggestions_page
from vtn_stream.results import stem_of, write_file
from vtn_stream.results.pages import check_replaceable, page_at, quiet_way_to
from vtn_stream.results.pictures import pictures_in
from vtn_stream.review.moments import Moments
from vtn_stream.review.suggest import Suggestion, unknown_films
from vtn_stream.store import EmbeddingStore
from vtn_stream.timeline import Timeline
from vtn_stream.track import Recipe

__all__ = ["LookedAt", "page_of_moments", "write_film_pages"]

AROUND_S = 10.0  # pictures are stored every 10 s: one is at most as far away
MOST_UNKNOWN = 10  # films


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LookedAt:
    """A film that a model scored. name: as shown; path: where it lies; file: of its timeline."""

    name: str
    path: Path
    file: Path
    timeline: Timeline
    moments: Moments

    @property
    def page(self) -> Path:
        return self.file.with_name(f"{stem_of(self.file)}.timeline.html")


def write_film_pages(
    films: Sequence[LookedAt], found: Sequence[Suggestion], index: Path, store: Path, *, thumbnails: bool
) -> Iterator[tuple[Path, tuple[str, ...]] | VtnStreamError]:
    """Writes the page of each film of which a moment was suggested, in the order in which they come first; its moments
    are the most worth first. Then of the films of which nothing is known. index: the page of all moments. Gives each
    page with lines on it, or why it is not there.
    """
    order = list(dict.fromkeys(suggestion.film for suggestion in found))
    for place, number in enumerate((*order, *_unknown_too(films, order))):
        film = films[number]
        following = films[order[place + 1]] if place + 1 < len(order) else None
        queue = Queue(
            moments=[
                Asked(start_s=s.start_s, end_s=s.end_s, reason=s.reason, doubt=s.doubt)
                for s in found
                if s.film == number
            ],
            next_page=None if following is None else (following.name, _way(film.page, following.page)),
            index=_way(film.page, index),
        )
        try:
            check_replaceable(film.page, discard_edits=True)
            written = page_at(
                film.page,
                film.timeline,
                film=quiet_way_to(film.path, film.page.parent, Path.cwd()),
                store=store,
                thumbnails=thumbnails,
                source=film.file,
                queue=queue,
            )
            yield film.page, (*written.warnings, *write_file(film.page, written.content))
        except VtnStreamError as error:
            yield error


def page_of_moments(
    films: Sequence[LookedAt],
    found: Sequence[Suggestion],
    index: Path,
    store: Path,
    recipe: Recipe,
    *,
    model: str,
    thumbnails: bool,
) -> bytes:
    """The page of all moments, made for this place. recipe: of the pictures in the store; model: its name."""
    pictures: dict[int, list[bytes | None]] = {}
    if thumbnails:
        named = {s.film for s in found if not is_anonymous(films[s.film].timeline)}
        for number in named:
            middles = [(s.start_s + s.end_s) / 2 for s in found if s.film == number]
            spans = [(middle - AROUND_S, middle + AROUND_S) for middle in middles]
            pictures[number] = pictures_in(films[number].timeline, EmbeddingStore(store), recipe, spans)
    cards = []
    for s in found:
        of_film = pictures.get(s.film)
        cards.append(
            Card(
                film=films[s.film].name,
                page=_way(index, films[s.film].page),
                start_s=s.start_s,
                end_s=s.end_s,
                why=s.why,
                reason=s.reason,
                doubt=s.doubt,
                picture=of_film.pop(0) if of_film else None,
            )
        )
    unknown = [UnknownFilm(film=films[number].name, page=_way(index, films[number].page)) for number in _unknown(films)]
    return suggestions_page(cards, unknown, model=model, num_films=len(films))


def _unknown(films: Sequence[LookedAt]) -> list[int]:
    return [each.film for each in unknown_films([film.moments for film in films])][:MOST_UNKNOWN]


def _unknown_too(films: Sequence[LookedAt], order: Sequence[int]) -> list[int]:
    """Those of which no moment was suggested."""
    return [number for number in _unknown(films) if number not in order]


def _way(page: Path, other: Path) -> str:
    """The path of another page as seen from this one."""
    return PurePath(os.path.relpath(other, page.parent)).as_posix()
