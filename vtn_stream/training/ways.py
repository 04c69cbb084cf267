"""The ways to learn that compete: which inputs a model reads, what it reads of motion, and what kind of model it is.

T positions of a film's grid, D width of one input's embeddings; a film's values hold all inputs, [T, I D]
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from vtn_stream.heads import HEADS
from vtn_stream.track import PICTURE, Pooling
from vtn_stream.training.events import HeadKind
from vtn_stream.training.films import TrainingFilm

__all__ = ["INPUTS", "POOLING", "Motion", "Way", "films_of", "ways_of"]

# What is read of every film that is learnt. The change in half a second shows most movements of people, faster and
# slower ones (benchmarks/indoor_actions.py, benchmarks/cctv_fight.py); small figures are seen by the maximum only.
INPUTS = (PICTURE, "change-1/2")
POOLING: Pooling = "maximum"

# What an encoder reads of motion: changes beside each embedding, only how large changes are, or embeddings alone.
Motion = Literal["changes", "sizes of changes", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to learn. name: as users see it; inputs: what it reads of a film, in this order; tunes: the image network
    learns too, after the rest has learnt from what it gave before.
    """

    name: str
    inputs: tuple[str, ...] = (PICTURE,)
    motion: Motion = "changes"
    model: Literal["network", "linear"] = "network"
    tunes: bool = False

    @property
    def tuned(self) -> "Way":
        """The same, with an image network that learns."""
        return replace(self, name=f"{self.name}, image network trained", tunes=True)

    def can_be_tuned(self, head: HeadKind) -> bool:
        """Whether a gradient reaches the image network: the linear model of segments is no network that has a loss."""
        return self.model == "network" or not HEADS[head].learns_segments


def ways_of(inputs: Sequence[str], head: HeadKind) -> tuple[Way, ...]:
    """The ways that compete on films with these inputs; the first is taken where nothing can be compared."""
    inputs = tuple(inputs)
    ways = [Way(name="network", inputs=inputs)]
    if HEADS[head].config.reads is not None:  # its head can be one linear layer
        ways.append(Way(name="linear", inputs=inputs, model="linear"))
        if len(inputs) > 1:
            ways += [Way(name=f"linear, {name} only", inputs=(name,), model="linear") for name in inputs]
    return tuple(ways)


def films_of(films: Sequence[TrainingFilm], inputs: Sequence[str], way: Way) -> tuple[TrainingFilm, ...]:
    """The films with the columns of the way's inputs. inputs: those of the films' values, in their order."""
    if tuple(inputs) == way.inputs or not films:
        return tuple(films)
    width = films[0].values.shape[1] // len(inputs)
    columns = [at * width + column for at in map(list(inputs).index, way.inputs) for column in range(width)]
    whole = slice(columns[0], columns[-1] + 1) if columns == list(range(columns[0], columns[-1] + 1)) else columns
    return tuple(replace(film, values=film.values[:, whole]) for film in films)
