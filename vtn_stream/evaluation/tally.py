"""What each film adds to the figures, so that those of one film, of all, and of any sample of them follow quickly.

R samples, V films, F figures
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["MAX_CELLS", "Figure", "Tally", "Times"]

MAX_CELLS = 20_000_000  # of a table that is computed at once

Floats = NDArray[np.float64]
Times = NDArray[np.float64]  # [R, V]: how often each film counts, whole numbers; as floats they multiply fast


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure: a share 0..1, higher is better. label: the class that it is of, if it is of one.

    brief  shown in a table of films, where there is little room
    """

    name: str
    brief: bool = False
    label: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tally:
    """What V films add to F figures of one metric; the first is its main figure.

    films    the names of those that it scores: others say nothing here
    figures  float64 [R, F] of any samples [R, V]; nan where a figure is undefined. A film that counts twice counts as
             two films
    each     float64 [V, F], the figures of each film alone, where they are known already
    """

    names: tuple[Figure, ...]
    films: tuple[str, ...]
    figures: Callable[[Times], Floats]
    each: Floats | None = None

    def of_all(self) -> Floats:
        """[F]: of all films, each once."""
        return self.figures(np.ones((1, len(self.films))))[0]

    def of_each(self) -> Floats:
        """[V, F]: of each film alone."""
        if self.each is not None:
            return self.each
        num = len(self.films)
        at_once = max(1, MAX_CELLS // max(1, num))
        rows = [np.eye(min(at_once, num - first), num, first) for first in range(0, num, at_once)]
        return np.concatenate([self.figures(times) for times in rows])

    def of_samples(self, num: int, seed: int) -> Floats:
        """[num, F]: of as many films as there are, drawn with replacement. Equal seeds draw equal films."""
        rng, films = np.random.default_rng(seed), len(self.films)
        at_once = max(1, MAX_CELLS // max(1, films))
        sizes = [min(at_once, num - first) for first in range(0, num, at_once)]
        draw = (rng.multinomial(films, np.full(films, 1 / films), size).astype(np.float64) for size in sizes)
        return np.concatenate([self.figures(times) for times in draw])

    def without_each(self, groups: Mapping[str, str]) -> Floats:
        """[G, F]: of all films but those of each group, in the order of their first films. groups: of each film"""
        names = list(dict.fromkeys(groups[film] for film in self.films))
        member = np.array([[groups[film] == name for film in self.films] for name in names], np.bool_)
        return self.figures((~member).astype(np.float64))

    def only(self, figures: Sequence[Figure]) -> "Tally":
        """With these figures alone."""
        kept = [self.names.index(figure) for figure in figures]
        each = None if self.each is None else self.each[:, kept]
        return Tally(names=tuple(figures), films=self.films, figures=lambda t: self.figures(t)[:, kept], each=each)
