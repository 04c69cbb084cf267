"""The ways to learn that compete: which inputs a model reads, what it reads of motion, and what kind of model it is.

T positions of a film's grid, D width of one input's embeddings; a film's values hold all inputs, [T, I D]
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from vtn_stream.heads import HEADS
from vtn_stream.track import PICTURE
from vtn_stream.training.events import HeadKind
from vtn_stream.training.films import TrainingFilm

__all__ = ["INPUTS", "Motion", "Way", "films_of", "ways_of"]

INPUTS = (PICTURE, "change-1/8")  # through which films are embedded to learn from
# What an encoder reads of motion: changes beside each embedding, only how large changes are, or embeddings alone.
Motion = Literal["changes", "sizes of changes", "none"]
MOTIONS: dict[str, Motion] = {"motion": "changes", "motion alone": "sizes of changes", "no motion": "none"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to learn. name: as users see it; inputs: what it reads of a film, in this order."""

    name: str
    inputs: tuple[str, ...] = (PICTURE,)
    motion: Motion = "changes"
    model: Literal["network", "linear"] = "network"


def ways_of(inputs: Sequence[str], head: HeadKind) -> tuple[Way, ...]:
    """The ways that compete on films with these inputs; the first is taken where nothing can be compared. Of one input,
    networks with each motion; of several, networks of all with changes and without, and of each input alone.

    A linear model says what a position or a clip shows: it does not compete with a head that finds segments.
    """
    inputs = tuple(inputs)
    if len(inputs) == 1:
        ways = [Way(name=name, inputs=inputs, motion=motion) for name, motion in MOTIONS.items()]
    else:
        ways = [Way(name=name, inputs=inputs, motion=MOTIONS[name]) for name in ("motion", "no motion")]
        ways += [Way(name=f"{one} alone", inputs=(one,)) for one in inputs]
    if not HEADS[head].learns_segments:
        ways.append(Way(name="linear", inputs=inputs, model="linear"))
    return tuple(ways)


def films_of(films: Sequence[TrainingFilm], inputs: Sequence[str], way: Way) -> tuple[TrainingFilm, ...]:
    """The films with the columns of the way's inputs. inputs: those of the films' values, in their order."""
    if tuple(inputs) == way.inputs:
        return tuple(films)
    width = films[0].values.shape[1] // len(inputs) if films else 0
    columns = [at * width + column for at in map(list(inputs).index, way.inputs) for column in range(width)]
    whole = slice(columns[0], columns[-1] + 1) if columns == list(range(columns[0], columns[-1] + 1)) else columns
    return tuple(replace(film, values=film.values[:, whole]) for film in films)
