"""Whether labels that are given for each frame last as long as their films do. Knows no format."""

from collections.abc import Iterable
from statistics import median
from typing import NamedTuple

from vtn_stream.formats.annotations.words import in_s, shown

__all__ = ["Paced", "wrong_pace"]

WIDE = 1.5  # films that are cut, and features that end early, differ by less; 25 and 30 a second do not differ so much
NEAR = 0.04
_USUAL = (1.0, 2.0, 5.0, 10.0, 12.0, 12.5, 15.0, 20.0, 24.0, 25.0, 29.97, 30.0, 50.0, 59.94, 60.0)


class Paced(NamedTuple):
    """A film with a label for each frame. stated_s: how long they last at the rate at which they were read; film_s: how
    long the film lasts.
    """

    name: str
    num_labels: int
    stated_s: float
    film_s: float


def wrong_pace(films: Iterable[Paced]) -> tuple[str, str] | None:
    """What is wrong, and the cure, where the labels of most films last much longer or shorter than the films."""
    known = [film for film in films if film.film_s > 0 and film.stated_s > 0]
    if not known:
        return None
    ratio = median(film.stated_s / film.film_s for film in known)
    if 1 / WIDE < ratio < WIDE:
        return None
    film = min(known, key=lambda film: abs(film.stated_s / film.film_s - ratio))
    fact = (
        f"the {film.num_labels} labels of {shown(film.name)} last {in_s(film.stated_s)} at "
        f"{film.num_labels / film.stated_s:.5g} a second, and the film lasts {in_s(film.film_s)}"
    )
    rate = median(film.num_labels / film.film_s for film in known)
    return fact, f"name the rate of the labels: --annotation-fps {_usual(rate)}"


def _usual(rate: float) -> str:
    nearest = min(_USUAL, key=lambda usual: abs(rate / usual - 1))
    return f"{nearest if abs(rate / nearest - 1) < NEAR else rate:.4g}"
