"""What a scorer must do for the draft of a timeline."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vtn_stream.film import FrameIndex
from vtn_stream.timeline import Segment
from vtn_stream.track import GridScores

__all__ = ["Scorer"]


class Scorer(Protocol):
    """What makes scores of one film's embeddings [T, D], and segments of the scores: its scenes, or a model.

    T positions of the grid, D embedding width, K labels. The draft calls `advance` as chunks arrive, then `scores`,
    and hands these to `labels` and `segments`: of what is known so far, or of the complete film.
    """

    @property
    def saliency_name(self) -> str:
        """The name under which the timeline shows the scores' saliency over time: "change", or "attention"."""
        ...

    @property
    def named_by_appearance(self) -> bool:
        """Whether labels are names that follow the order in which they appear, and mean nothing else."""
        ...

    def advance(self, values: NDArray[np.float16], index: FrameIndex, settled: NDArray[np.bool_]) -> None:
        """Does what can be done by now: settled [T] positions are embedded, or known to stay invalid."""
        ...

    def scores(self, values: NDArray[np.float16], index: FrameIndex, *, complete: bool) -> GridScores:
        """The scores that are known by now; all of them if the film is complete."""
        ...

    def labels(self, scores: GridScores) -> tuple[str, ...]:
        """The names [K] of the columns of `scores.frame` and `scores.clip`."""
        ...

    def segments(self, scores: GridScores, index: FrameIndex, duration_s: float) -> list[Segment]:
        """The segments that these scores give, in seconds of a film that lasts duration_s."""
        ...

    def provenance(self) -> dict[str, Any]:
        """JSON values: the kind of analysis, its model and its settings. Equal for equal settings."""
        ...

    def notes(self) -> list[str]:
        """Sentences that a reader of the timeline should know, such as how fine its borders are."""
        ...
