"""What to look at next: the moments of films whose annotation should teach a model most, each with its reason.

M moments of all films, O answers: the labels, and nothing as the last; d width of a look

A moment is worth more the more the model doubts it, the less is known of what it probably shows, and the less it looks
like anything that is known or was chosen before. These three are compared by their ranks, as they have no common unit.
A share is drawn by chance: it shows what the model is sure of and wrong about.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vtn_stream.review.moments import MOMENT_S, Moments

__all__ = ["WEIGHTS", "Suggestion", "Unknown", "Weights", "suggest", "unknown_films"]

Why = Literal["doubt", "rare", "new", "random"]
NOTHING = "none of the labels"


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """How much counts for what: the powers of the ranks of doubt, rarity and newness, and the share by chance."""

    doubt: float = 1.0
    rare: float = 1.0
    new: float = 2.0
    random: float = 0.2


WEIGHTS = Weights()  # benchmarks/suggesting.py compares others: docs/suggesting.md


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A moment to look at. film: its number; doubt 0..1; likely: the number of the label that it probably shows, None
    for nothing; why: what counted most; reason: in words.
    """

    film: int
    start_s: float
    end_s: float
    doubt: float
    likely: int | None
    why: Why
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """A film of which nothing is known. difference: how unlike all that is known it looks, 0..2 on average."""

    film: int
    difference: float


def suggest(
    films: Sequence[Moments],
    labels: Sequence[str],
    known_s: NDArray[np.floating],
    num: int,
    *,
    seed: int = 0,
    weights: Weights = WEIGHTS,
) -> list[Suggestion]:
    """At most `num` moments of the films, the most worth first. The same input and seed give the same moments.

    known_s [O]: seconds that are known of each label, and of nothing
    """
    pool = _Pool(films, np.asarray(known_s, np.float64))
    rng = np.random.default_rng(seed)
    num = min(num, int(pool.open.sum()))
    by_chance = np.zeros(num, np.bool_)
    by_chance[rng.permutation(num)[: round(weights.random * num)]] = True
    found = []
    for chance in by_chance.tolist():
        at, why = pool.by_chance(rng) if chance else pool.best(weights)
        found.append(pool.suggestion(at, why, labels))
        pool.take(at)
    return found


def unknown_films(films: Sequence[Moments]) -> list[Unknown]:
    """The films of which nothing is known, the most different first; none if nothing is known of any film."""
    known = [film.looks[film.known] for film in films]
    if not sum(map(len, known)):
        return []
    looks = _unit(np.concatenate([film.looks for film in films]))
    ends = np.cumsum([0, *map(len, films)])
    reference = looks[np.concatenate([film.known for film in films])]
    found = [
        Unknown(
            film=number,
            difference=float(_distance(looks[ends[number] : ends[number + 1]][film.open], reference).mean()),
        )
        for number, film in enumerate(films)
        if not film.known.any() and film.open.any()
    ]
    return sorted(found, key=lambda each: (-each.difference, each.film))


class _Pool:
    """The moments of all films while some of them are chosen."""

    def __init__(self, films: Sequence[Moments], known_s: NDArray[np.float64]) -> None:
        def joined(name: str) -> Any:
            return np.concatenate([getattr(film, name) for film in films])

        self.film = np.repeat(np.arange(len(films)), [len(film) for film in films])
        self.start_s, self.end_s = joined("start_s"), joined("end_s")
        self.open, self._doubts, self._said = joined("open").copy(), joined("doubts"), joined("said")
        self._looks = _unit(joined("looks"))
        self._known_s = known_s.copy()
        reference = self._looks[joined("known")]
        self._any_known = len(reference) > 0
        self._apart = np.full(
            len(self.film), 2.0
        )  # [M]: the distance to what is known, or was chosen; 2 if there is none
        if len(reference):
            self._apart = _distance(self._looks, reference)

    def best(self, weights: Weights) -> tuple[int, Why]:
        """The open moment that is worth most, and what counts most for it."""
        values: dict[Why, tuple[NDArray[np.float64], float]] = {
            "doubt": (self._doubts, weights.doubt),
            "rare": (self._said @ (1 / (1 + self._known_s / MOMENT_S)), weights.rare),
            "new": (self._apart, weights.new),
        }
        ranks = {why: _ranks(value[self.open]) ** power for why, (value, power) in values.items() if power}
        place = int(np.prod(list(ranks.values()), axis=0).argmax())
        return int(np.flatnonzero(self.open)[place]), max(ranks, key=lambda why: float(ranks[why][place]))

    def by_chance(self, rng: np.random.Generator) -> tuple[int, Why]:
        return int(rng.choice(np.flatnonzero(self.open))), "random"

    def take(self, at: int) -> None:
        """The moment is chosen: what looks like it, or probably shows the same, is worth less from now on."""
        self.open[at] = False
        self._apart = np.minimum(self._apart, _distance(self._looks, self._looks[at : at + 1]))
        self._known_s += self._said[at] * (self.end_s[at] - self.start_s[at])
        self._any_known = True

    def suggestion(self, at: int, why: Why, labels: Sequence[str]) -> Suggestion:
        names = [*labels, NOTHING]
        first, second = np.argsort(-self._said[at], kind="stable")[:2].tolist()
        known_s = self._known_s[first]
        known = "nothing is known yet" if known_s < 0.5 else f"only {known_s:.0f} s are known"
        reasons: dict[Why, str] = {
            "doubt": f"the model doubts whether this is {names[first]} or {names[second]}",
            "rare": f"probably {names[first]}, of which {known}",
            "new": "looks unlike all that is known" if self._any_known else "looks unlike the rest",
            "random": "drawn by chance, to find what the model is sure of and wrong about",
        }
        return Suggestion(
            film=int(self.film[at]),
            start_s=float(self.start_s[at]),
            end_s=float(self.end_s[at]),
            doubt=float(self._doubts[at]),
            likely=None if first == len(labels) else first,
            why=why,
            reason=reasons[why],
        )


def _unit(looks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Directions from the mean of all: raw embeddings of any two pictures are nearly parallel."""
    moved = looks - looks.mean(0)
    return moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-9)


def _distance(looks: NDArray[np.float32], reference: NDArray[np.float32]) -> NDArray[np.float64]:
    """[M]: how far each look is from the nearest of the reference, 0..2 (cosine distance)."""
    nearest = [(part @ reference.T).max(1) for part in np.array_split(looks, len(looks) // 4096 + 1)]
    return 1 - np.concatenate(nearest).astype(np.float64)


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks in (0, 1], equal values alike: the share of values that are not greater."""
    ordered = np.sort(values)
    return np.searchsorted(ordered, values, "right") / len(values)
