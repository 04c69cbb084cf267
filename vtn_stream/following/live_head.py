"""What the lives of all heads have in common: positions come in, segments go out, each once.

T positions so far, n new ones, D embedding width, K labels
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from vtn_stream.checkpoints import Checkpoint
from vtn_stream.film import FrameIndex
from vtn_stream.following.grown import Grown
from vtn_stream.following.live import FilmSoFar, Rows, Said
from vtn_stream.model import VTN
from vtn_stream.scorers.model import model_provenance
from vtn_stream.scorers.running import PAST
from vtn_stream.timeline import Segment
from vtn_stream.track import GridScores
from vtn_stream.video import Window

__all__ = ["LiveHead", "following_note"]


class LiveHead(ABC):
    """Implements `Live`. A kind says how it reads new positions, what is final of them, and until when.

    All that is said depends on the positions alone, not on how they came in pieces, nor on any clock.
    """

    delay_s: float
    is_exact: bool
    saliency_name: ClassVar[str] = "attention"
    named_by_appearance: ClassVar[bool] = False
    needs_whole: bool = False
    window: Window | None = None

    def __init__(self, checkpoint: Checkpoint, network: VTN, point: str | None, fps: Fraction) -> None:
        self._checkpoint = checkpoint
        self._network = network
        self._point = point
        self._fps = fps
        self._points = checkpoint.operating_points_at(point)
        self._grown = Grown(len(checkpoint.labels))
        self._told: Counter[tuple[float, float, str, float | None]] = Counter()

    # ---- of a kind

    @abstractmethod
    def _read(self, values: NDArray[np.float16], valid: NDArray[np.bool_]) -> None:
        """Reads the positions that follow, [n, D] and [n]; their clock is in `_grown` already."""

    @abstractmethod
    def _close(self) -> None:
        """No more positions come: reads what waited for some."""

    @abstractmethod
    def _final(self) -> list[Segment]:
        """The segments that became final and were not before; the film goes on."""

    @abstractmethod
    def _until_s(self) -> float:
        """All segments that end before it are final."""

    @abstractmethod
    def _provisional(self, end_s: float) -> list[Segment]:
        """What is seen after all final ones, of a film that may end there."""

    @abstractmethod
    def _rest(self, duration_s: float) -> list[Segment]:
        """The segments that were not told, of the film that has ended there."""

    @abstractmethod
    def scores(self) -> GridScores: ...

    @abstractmethod
    def notes(self) -> list[str]: ...

    # ---- of all

    def go_on(self, segments: Sequence[Segment], until_s: float) -> None:
        """Changes nothing: the same positions give the same segments again."""
        return

    def add(self, rows: Rows) -> None:
        """Raises ValueError for positions that do not follow; CheckpointError if the model gives no numbers."""
        if rows.start != len(self._grown):
            raise ValueError(f"positions from {rows.start} on do not follow {len(self._grown)} of them")
        self._grown.add(rows.index)
        self._read(rows.values, rows.index.valid)

    def say(self, film: FilmSoFar, *, ended: bool) -> Said:
        if len(self._grown) == 0:
            return Said(final=(), provisional=(), until_s=0.0)
        if ended:
            self._close()
            rest = self._rest(film.video.duration_s)
            return Said(final=_in_time(rest), provisional=(), until_s=film.video.duration_s)
        final = self._final()
        self._told.update(map(_key, final))
        provisional = self._provisional(film.video.duration_s)
        return Said(final=_in_time(final), provisional=_in_time(provisional), until_s=self._until_s())

    def labels(self) -> tuple[str, ...]:
        return self._checkpoint.labels

    def named(self, segments: Sequence[Segment]) -> tuple[Segment, ...]:
        return tuple(segments)

    def cut_s(self) -> NDArray[np.float64] | None:
        return None

    def read_whole(
        self,
        values: NDArray[np.float16],
        index: FrameIndex,
        *,
        scratch: Path,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Where `needs_whole`: after the end, what only all embeddings [T, D] together say. scratch: a folder in which
        a very long film may have one of its own.
        """
        return

    def provenance(self) -> dict[str, Any]:
        return model_provenance(self._checkpoint, self._point)

    def _not_told(self, segments: list[Segment]) -> list[Segment]:
        """Of these, each as often as it was not told."""
        told = self._told.copy()
        told.subtract(map(_key, segments))
        rest = []
        for segment in segments:
            if told[_key(segment)] < 0:
                told[_key(segment)] += 1
                rest.append(segment)
        return rest


def following_note(checkpoint: Checkpoint, fps: Fraction) -> str:
    """For a reader of a timeline that is not what `analyze` would say."""
    seen = "" if checkpoint.config.is_local else f" of the past it saw {float(PAST / fps / 60):.3g} min,"
    return (
        f"The film was followed while it was written:{seen} what came later changed nothing that was said by then. "
        "Analyze the complete film for what the model says of all of it."
    )


def _key(segment: Segment) -> tuple[float, float, str, float | None]:
    return segment.start_s, segment.end_s, segment.label, segment.score


def _in_time(segments: list[Segment]) -> tuple[Segment, ...]:
    return tuple(sorted(segments, key=lambda s: (s.end_s, s.start_s, s.label)))
