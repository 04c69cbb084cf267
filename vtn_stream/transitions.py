"""Cuts, fades and dissolves among consecutive small pictures. Knows pictures only: no film, no seconds.

Everything follows from the squared differences of all pairs of pictures, D [n, n]. `first` is the last picture of the
old shot, `last` the first picture of the new one, `at` the picture with which the new one begins: of a gradual change
the middle, from which on the picture is nearer to the new shot.

    old  old  old  old/new  old/new  old/new  new  new
              first            at             last
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Kind", "Transition", "distinct", "transitions"]

Kind = Literal["cut", "dissolve", "fade"]

# Pictures on either side of a cut that must all differ from those of the other side: a flash is as short, and is no
# cut.
REACH = 3
# A cut differs by so many times what the pictures beside it differ by. In joins of real shots cuts had 5.6 and more,
# all other steps less than 3.5.
CUT = 4.5
# Among so many steps to each side no more others than these may be as large: a film that shows each picture several
# times moves in steps.
AROUND, MOST = 12, 2
# Of two pictures of 0 to 255: below it two codings of one picture differ.
CODING = 2.0

RATE = 25  # pictures a second in which gradual changes are looked for, about
LENGTHS = (2, 4, 6, 8, 10, 12, 14, 17, 20, 24, 28, 33, 38, 44, 50, 56)  # of gradual changes, in pictures
SIDE, BESIDE = 6, 1.0  # pictures beside a gradual change that must be calm: at least, and in units of its own length
CALM = 20.0  # a squared difference that is calm in any shot
# What a gradual change needs: its difference / how much its sides move, x how straight its way is from one picture to
# the other, x how little the two are alike but for their light.
GRADUAL = 1.0
STRAIGHT = 0.35  # the squared distance of its middle pictures from the straight way, at which nothing is left
UNRELATED = 0.3  # 1 less the correlation of two pictures, from which on they are of different places
MAX_BLACK = 25  # pictures of one colour inside a fade; more are a shot
FLAT = 0.15  # a picture is of one colour if its deviation is so small beside those around it, as in a fade


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """Where one shot becomes another, as indices of pictures: first < at <= last."""

    first: int
    at: int
    last: int
    kind: Kind

    def later(self, by: int) -> "Transition":
        return Transition(first=self.first + by, at=self.at + by, last=self.last + by, kind=self.kind)


def transitions(pictures: NDArray[np.uint8], rate: float) -> list[Transition]:
    """The changes from one shot to another among pictures [n, H, W, 3] of a film with `rate` a second, ascending."""
    num = len(pictures)
    if num < 2:
        return []
    flat = pictures.reshape(num, -1).astype(np.float64)  # sums of whole numbers: exact, in any order
    products = flat @ flat.T / flat.shape[1]
    squares = np.diag(products)
    difference = np.maximum(squares[:, None] + squares - 2 * products, 0)  # [n, n]
    means = flat.mean(axis=1)
    variance = np.maximum(squares - np.square(means), 0)  # [n]
    deviation = np.sqrt(variance)
    unlike = 1 - (products - np.outer(means, means)) / (np.outer(deviation, deviation) + CODING)  # [n, n]
    unlike[np.minimum.outer(deviation, deviation) <= FLAT * np.maximum.outer(deviation, deviation)] = 1
    found = _cuts(difference)
    every = max(1, round(rate / RATE))
    for candidate in _gradual(difference[::every, ::every], unlike[::every, ::every], every):
        if all(t.last <= candidate.first or t.first >= candidate.last for t in found):
            found.append(candidate)
    return _through_one_colour(sorted(found, key=lambda t: t.at), deviation)


def _cuts(difference: NDArray[np.float64]) -> list[Transition]:
    """Steps that are much larger than those beside them, to every picture of the other side."""
    num = len(difference)
    found = []
    steps = np.diagonal(difference, 1)
    for at in np.flatnonzero(steps > CUT * CODING) + 1:
        before, after = slice(max(0, at - REACH), at), slice(at, at + REACH)
        least = difference[before, after].min()
        sides = max(difference[before, before].max() / 2, difference[after, after].max() / 2)
        around = np.sort(np.concatenate([steps[max(0, at - 1 - AROUND) : at - 1], steps[at : at + AROUND]]))
        beside = [
            *steps[max(0, at - REACH) : at - 1],
            *steps[at : min(num - 1, at + REACH - 1)],
            sides,
            *around[:-MOST][-1:],
        ]
        if least >= CUT * (max(beside) + CODING):
            found.append(Transition(first=int(at) - 1, at=int(at), last=int(at), kind="cut"))
    return found


def _gradual(difference: NDArray[np.float64], unlike: NDArray[np.float64], every: int) -> Iterator[Transition]:
    """Windows whose pictures go straight from the first to the last, with calmer sides; the clearest first. The
    pictures are each of `every` so many.
    """
    num, found = len(difference), []
    for length in LENGTHS:
        side = max(SIDE, round(BESIDE * length))
        first = np.arange(SIDE, num - length - SIDE, 1 if length < 8 else 2)
        last = first + length
        if not len(first):
            break
        whole = difference[first, last]
        sides = difference[np.maximum(first - side, 0), first] + difference[last, np.minimum(last + side, num - 1)]
        quarters = first + np.array([[round(length * q)] for q in (0.25, 0.5, 0.75)])  # [3, W]
        to_first, to_last = difference[quarters, first], difference[quarters, last]
        way = (to_first - to_last + whole) / (2 * whole + 1e-6)  # 0 at the first picture, 1 at the last
        off = to_first / (whole + 1e-6) - np.square(way)
        seen = np.minimum(1, 2 * np.minimum(first, num - 1 - last) / side)  # of the sides, at least a half
        clear = (
            seen
            * whole
            / (sides + CALM)
            * (1 - off.max(axis=0) / STRAIGHT)
            * np.minimum(1, unlike[first, last] / UNRELATED)
        )
        rises = (way[0] > 0.05) & (way[0] < 0.5) & (way[1] > 0.25) & (way[1] < 0.75) & (way[2] > 0.5) & (way[2] < 0.95)
        if length < 4:
            rises = (way[1] > 0.25) & (way[1] < 0.75)
        found += [(float(clear[i]), int(first[i]), int(last[i])) for i in np.flatnonzero(rises & (clear >= GRADUAL))]
    for _, start, stop in sorted(found, key=lambda f: (-f[0], f[1:])):
        at = _middle(difference, start, stop)
        yield Transition(first=start * every, at=at * every, last=stop * every, kind="dissolve")


def _middle(difference: NDArray[np.float64], first: int, last: int) -> int:
    """The first picture that is nearer to the last than to the first one."""
    within = slice(first + 1, last + 1)
    return first + 1 + int((difference[within, last] < difference[within, first]).argmax())


def _through_one_colour(found: list[Transition], deviation: NDArray[np.float64]) -> list[Transition]:
    """A change to pictures of one colour, and one from them to the next shot, are one fade; its middle is there."""
    result: list[Transition] = []
    for here in found:
        before = result[-1] if result else None
        if before is not None and "cut" not in (before.kind, here.kind) and here.first - before.last <= MAX_BLACK:
            lights = deviation[before.first : here.last + 1]
            if lights.min() <= FLAT * min(lights[: before.last - before.first].max(), lights.max()):
                at = before.first + int(np.median(np.flatnonzero(lights <= lights.min() + 1)))
                result[-1] = Transition(first=before.first, at=at, last=here.last, kind="fade")
                continue
        result.append(here)
    return result


def distinct(found: Iterable[Transition]) -> list[Transition]:
    """Those of several stretches that overlap, each once, ascending: of two that share a span, the longer one."""
    result: list[Transition] = []
    for here in sorted(found, key=lambda t: (-(t.last - t.first), t.at)):
        if not any(here.first < t.last and t.first < here.last for t in result):
            result.append(here)
    return sorted(result, key=lambda t: t.at)
