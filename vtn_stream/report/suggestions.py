"""What to look at next, as one HTML page: moments of many films with pictures and reasons, each with a link to it.

It opens without a server or a network. Names, labels and reasons are untrusted: they are in the page as data and become
text, never markup. Equal input gives equal bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from vtn_stream.report.html import asset, document, joined_script, relative_url, shown_text
from vtn_stream.report.thumbnails import data_uri

__all__ = ["Card", "UnknownFilm", "suggestions_page"]

MAX_CHARACTERS = 300  # of a name or a reason
MAX_PICTURES_TEXT = 4_000_000  # characters of all pictures together: the last ones are left out


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A moment. film: as shown; page: the path of the film's page, relative; reason, and kind of it in one word; doubt
    0..1; picture: JPEG.
    """

    film: str
    page: str
    start_s: float
    end_s: float
    why: str
    reason: str
    doubt: float
    picture: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownFilm:
    """A film of which nothing is known yet. page: as of a card."""

    film: str
    page: str


def suggestions_page(cards: Sequence[Card], unknown: Sequence[UnknownFilm], *, model: str, num_films: int) -> bytes:
    """The page: moments in this order, then films of which nothing is known. model: its name; num_films: looked at."""
    room, pictures = MAX_PICTURES_TEXT, list[str]()
    for card in cards:
        text = "" if card.picture is None else data_uri(card.picture)
        room -= len(text)
        pictures.append(text if room >= 0 else "")
    data = {
        "model": _shown(model),
        "films": num_films,
        "moments": [
            [
                _shown(card.film),
                relative_url(card.page),
                round(1000 * card.start_s),
                round(1000 * card.end_s),
                card.why,
                _shown(card.reason),
                round(card.doubt, 3),
                picture,
            ]
            for card, picture in zip(cards, pictures, strict=True)
        ],
        "unknown": [[_shown(film.film), relative_url(film.page)] for film in unknown],
    }
    return document(
        title="What to look at next",
        style=asset("base.css") + asset("suggestions.css"),
        script=joined_script(("suggestions.js",)),
        body=asset("suggestions.html"),
        data=data,
    )


def _shown(text: str) -> str:
    return shown_text(text, max_characters=MAX_CHARACTERS)
