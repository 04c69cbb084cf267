"""A part of the picture, such as one cage of several, or what an endoscope shows: where it is in a film of any size."""

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Literal, NamedTuple, Self

from vtn_stream.errors import InputError

__all__ = ["TRIMMED", "Box", "Region"]

# In a recipe, instead of a region: the picture without its black borders, as they were measured in each film.
TRIMMED = "without black borders"

_NUMBER = r"(\d{1,6}(?:\.\d{1,6})?)"
_REGION = re.compile(
    rf"(?:(?P<name>[^=]*)=)?\s*{_NUMBER}(?P<unit>%?)\s*,\s*{_NUMBER}(?P=unit)\s*,\s*{_NUMBER}(?P=unit)\s*,\s*{_NUMBER}"
    r"(?P=unit)\s*(?:of\s+(?P<film>[1-9]\d{0,5}x[1-9]\d{0,5}))?",
    re.ASCII,
)
_CURE = "give x,y,width,height in pixels, such as 320,0,640,720, or in percent, such as 25%,0%,50%,100%"
_NAME = re.compile(r"[^\W_][\w -]{0,39}")


class Box(NamedTuple):
    """Pixels of a picture: from the column `left` to the one before `right`, from the row `top` to before `bottom`."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.right - self.left, self.bottom - self.top


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A rectangle in the upright picture, as a player shows it: from its left edge, from its top.

    x, y, width, height  in percent of the picture, or in the film's own pixels
    of    width and height of the film whose pixels they are; None as long as no film is known, and for percent
    name  how results call what happens there; not what embeddings depend on

    >>> Region.parse("left=0%,0%,50%,100%").on(1280, 720).box(1280, 720)
    Box(left=0, top=0, right=640, bottom=720)
    """

    x: Fraction
    y: Fraction
    width: Fraction
    height: Fraction
    unit: Literal["%", "px"]
    of: tuple[int, int] | None = None
    name: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """`x,y,width,height`, in front of it `NAME=` where it has a name. Raises InputError for anything else."""
        found = _REGION.fullmatch(text.strip()[:200])
        if found is None:
            raise InputError(f"{text[:60]!r} is not a region of a picture", "nothing was analyzed", _CURE)
        unit: Literal["%", "px"] = "%" if found["unit"] else "px"
        film = None if found["film"] is None else found["film"].split("x")
        x, y, width, height = (Fraction(found[place]) for place in (2, 4, 5, 6))
        region = cls(
            x=x,
            y=y,
            width=width,
            height=height,
            unit=unit,
            of=None if film is None else (int(film[0]), int(film[1])),
            name=(found["name"] or "").strip(),
        )
        if found["name"] is not None and not _NAME.fullmatch(region.name):
            raise InputError(
                f"{region.name[:60]!r} cannot name a region",
                "nothing was analyzed",
                "use up to 40 letters, digits, spaces and hyphens",
            )
        if width == 0 or height == 0:
            raise InputError(f"the region {region.text} holds nothing", "nothing was analyzed", _CURE)
        if unit == "%" and (x + width > 100 or y + height > 100 or film is not None):
            raise InputError(f"the region {region.text} is not inside the picture", "nothing was analyzed", _CURE)
        if region.of is not None:
            region.on(*region.of)
        return region

    @property
    def text(self) -> str:
        """Canonical, without the name: equal rectangles of equal films give equal text."""
        unit = self.unit.removeprefix("px")
        numbers = ",".join(f"{_decimal(value)}{unit}" for value in (self.x, self.y, self.width, self.height))
        return numbers if self.of is None else f"{numbers} of {self.of[0]}x{self.of[1]}"

    @property
    def in_percent(self) -> list[float]:
        """x, y, width and height, of a region whose film is known or that is in percent; for people to see."""
        wide, high = (100, 100) if self.of is None else self.of
        sides = zip((self.x, self.y, self.width, self.height), (wide, high) * 2, strict=True)
        return [round(float(100 * value / side), 4) for value, side in sides]

    @property
    def is_whole(self) -> bool:
        """Whether it is all of a film's picture, whatever its size."""
        return self.unit == "%" and self.width == self.height == 100

    @property
    def words(self) -> str:
        """For people, of a region whose film is known or that is in percent."""
        unit = "%" if self.unit == "%" else " pixels"
        x, y, width, height = (f"{_decimal(value)}{unit}" for value in (self.x, self.y, self.width, self.height))
        return f"{width} of its width and {height} of its height, {x} from the left and {y} from the top"

    def on(self, width: int, height: int) -> Self:
        """The region of a film whose upright picture is so large. Raises InputError if it is not inside, or if it is in
        pixels of a film of another size.
        """
        if self.unit == "%":
            return self
        if self.of not in (None, (width, height)):
            assert self.of is not None
            raise InputError(
                f"the region {self.text} is one of films of another size than this one, {width} x {height}",
                "the film was not analyzed",
                "give the region in percent, which fits films of any size",
            )
        if self.x + self.width > width or self.y + self.height > height:
            raise InputError(
                f"the region {_decimal(self.x)},{_decimal(self.y)},{_decimal(self.width)},{_decimal(self.height)} is "
                f"not inside the picture, which is {width} x {height}",
                "the film was not analyzed",
                _CURE,
            )
        return replace(self, of=(width, height))

    def box(self, width: int, height: int) -> Box:
        """The pixels of a picture of this size, at least one; edges between pixels go to the nearest."""
        in_x, in_y = (width, height) if self.of is None else self.of
        left, right = (_rounded(at * width, 100 if self.unit == "%" else in_x) for at in (self.x, self.x + self.width))
        top, bottom = (
            _rounded(at * height, 100 if self.unit == "%" else in_y) for at in (self.y, self.y + self.height)
        )
        left, top = min(left, width - 1), min(top, height - 1)
        return Box(left, top, max(right, left + 1), max(bottom, top + 1))


def _rounded(value: Fraction, of: int) -> int:
    return int(value / of + Fraction(1, 2))


def _decimal(value: Fraction) -> str:
    text = f"{Decimal(value.numerator) / Decimal(value.denominator):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
