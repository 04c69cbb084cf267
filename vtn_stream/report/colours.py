"""The look of a label: a colour and a hatch that follow from its text alone, the same in terminal, plot and page.

No film, order or run changes them. There are NUM_LOOKS; which one a label has is read from a digest of its text. Labels
of one series ("scene A", "scene B"; "step 1", "step 2") have looks that follow one another, so that they differ. Other
labels may share a look, as two people may share a birthday: among nine labels, two have the same colour and the same
hatch in 25 of 100 cases. So the name always stands beside it.

Each colour has a contrast of 3:1 or more to the grounds of pages in light and dark, to white paper and to a black
terminal, and the colour-blind can tell each two of them apart. Grey is not one of them: it is for what is not known,
and for where nothing happens. Standard library only.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["COLOURS", "NUM_HATCHES", "NUM_LOOKS", "Look", "look_of", "looks_apart"]

# In this order eight neighbours are as different as possible: the first scenes of a film.
COLOURS = (
    "#F83868", "#109898", "#B84800", "#5050F8", "#C810B0", "#6860A8", "#4088D8", "#B83868",
    "#B08000", "#C07088", "#307830", "#A030D8", "#E048C8", "#985888", "#7870F8", "#109858",
)  # fmt: skip
NUM_HATCHES = 8  # 0 is none, then / \ | - x + and dots; plots and pages draw them
NUM_LOOKS = len(COLOURS) * NUM_HATCHES

_SERIES = re.compile(r"(?P<stem>.*?)(?:[ _-]*(?P<number>[0-9]{1,9})|[ _-](?P<letters>[A-Z]{1,2}))", re.DOTALL)
_SCENES = "scene"  # theirs begin with the first colour, without a hatch


@dataclass(frozen=True, slots=True)
class Look:
    """colour: "#RRGGBB", one of COLOURS. hatch: 0 (none) to NUM_HATCHES - 1."""

    colour: str
    hatch: int


def look_of(label: str) -> Look:
    """The look of this label, wherever it is shown. Texts that differ in their form of Unicode alone look the same."""
    label = unicodedata.normalize("NFC", label)
    series = _SERIES.fullmatch(label)
    if series is None:
        place = _digest(label)
    else:
        number = int(series["number"]) if series["number"] else _counted(series["letters"])
        place = (0 if series["stem"] == _SCENES else _digest(series["stem"])) + number - 1
    hatch, colour = divmod(place % NUM_LOOKS, len(COLOURS))
    return Look(COLOURS[colour], hatch)


def looks_apart(labels: Iterable[str]) -> dict[str, Look]:
    """The looks of labels in one picture with a legend, in which bars may be too narrow to show a hatch.

    The first label of each colour, in alphabetic order, looks as everywhere; the others get colours that are free, as
    long as there are some, and keep their hatches.
    """
    looks = {label: look_of(label) for label in sorted(set(labels))}
    first: dict[str, str] = {}
    for label, look in looks.items():
        first.setdefault(look.colour, label)
    free = [colour for colour in COLOURS if colour not in first]
    for label, look in looks.items():
        if free and first[look.colour] != label:
            looks[label] = Look(free.pop(0), look.hatch)
    return looks


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8])


def _counted(letters: str) -> int:
    """A is 1, Z 26, AA 27, as a spreadsheet counts its columns."""
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - ord("A") + 1
    return number
