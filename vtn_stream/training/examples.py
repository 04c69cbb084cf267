"""What a network learns from, batch by batch: embeddings, or pixels whose embeddings are computed while it learns.

B crops, L positions of a crop, D embedding width of all inputs together, n frames of a shot
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor

from vtn_stream.heads import Batch
from vtn_stream.training.augment import Look, Mix

__all__ = ["ChangingExamples", "Example", "Examples", "Pixels", "Shot"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shot:
    """Frames of one film for one input, all shown alike.

    frames     uint8 [n, 3, H', W'], as decoded
    crop       the row of the batch where their embeddings stand, and positions int64 [n], where in it
    input      the number of the input, which says the columns
    look       how they are shown to the network
    """

    frames: Tensor
    crop: int
    positions: Tensor
    input: int
    look: Look


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pixels:
    """The frames of a batch that the backbone embeds while it learns. size: (H, W) of the network; mix: of clips."""

    shots: tuple[Shot, ...]
    size: tuple[int, int]
    mix: Mix | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Example:
    """A batch. pixels: of the rows of its embeddings that are still to be computed; None: it has all of them."""

    batch: Batch
    pixels: Pixels | None = None


class Examples(Protocol):
    """All that is learnt in an epoch, in num_batches batches."""

    @property
    def num_batches(self) -> int: ...

    def epoch(self, number: int, *, seed: int, first: int = 0) -> Generator[Example, None, None]:
        """The batches of epoch `number`, from batch `first` on: each depends on the seed, the epoch and its own number
        only, so that a training that was killed goes on to the same bits. Closed early, it leaves nothing running.
        """
        ...

    def learnt(self, example: Example, embeddings: Tensor) -> None:
        """Told after each step what the pixels became: the batch's embeddings [B, L, D], without gradient."""
        ...


@runtime_checkable
class ChangingExamples(Examples, Protocol):
    """Examples that also depend on what was learnt before: a training that goes on needs their state too."""

    @property
    def state(self) -> Mapping[str, Tensor]: ...

    def go_on(self, state: Mapping[str, Tensor]) -> None:
        """Continues from the state of other examples of the same films."""
        ...
