"""What is said of a film while it is written, and which of it is final.

T positions so far, n new ones, D embedding width, K labels

  positions    . . . . . . . . . . . . . . . . . . . . .
               |-- final -----------| provisional -----|      what is final was told, and never changes
                                    ^                  ^
                                    until_s            the newest position
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vtn_stream.film import FrameIndex, VideoInfo
from vtn_stream.timeline import Segment
from vtn_stream.track import GridScores
from vtn_stream.video import FrameBatch, Window

__all__ = ["FilmSoFar", "Live", "Rows", "Said"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """New positions [start, start + n) of the grid: values float16 [n, D], 0 where the index is invalid. Each position
    comes once, in order; none is left out.
    """

    start: int
    values: NDArray[np.float16]
    index: FrameIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """final: segments that are final now and were not before; provisional: what is seen after all final ones, and may
    change; until_s: all that ends before it is final.
    """

    final: tuple[Segment, ...]
    provisional: tuple[Segment, ...]
    until_s: float


class FilmSoFar(Protocol):
    """The film as far as it is there."""

    @property
    def video(self) -> VideoInfo: ...

    def windows(
        self, video: VideoInfo, pts: NDArray[np.int64], windows: Sequence[Window]
    ) -> Generator[tuple[FrameBatch, ...]]:
        """As `DecodingProcess.windows`, of the frames that are still held; the others are lost."""
        ...


class Live(Protocol):
    """What a model, or a film's own structure, says of a film while it is written. Each kind has a module.

    delay_s  a segment is final at most so many seconds after its end, seconds of film: once so much more has come
    is_exact  what is final is what `analyze` says of the finished film
    saliency_name, named_by_appearance  as of a Scorer
    needs_whole  whether `read_whole` gives it more to say
    window   what is to be held of every frame for a while, as `say` asks for it; None: nothing
    """

    @property
    def delay_s(self) -> float: ...

    @property
    def is_exact(self) -> bool: ...

    @property
    def saliency_name(self) -> str: ...

    @property
    def named_by_appearance(self) -> bool: ...

    @property
    def needs_whole(self) -> bool: ...

    @property
    def window(self) -> Window | None: ...

    def go_on(self, segments: Sequence[Segment], until_s: float) -> None:
        """An earlier run told these final segments, and all that ends before until_s: they stay as they are. Before
        the first `say`; the positions are added from the first one on all the same, and all that is final is said.
        """
        ...

    def add(self, rows: Rows) -> None:
        """Takes the positions that follow."""
        ...

    def say(self, film: FilmSoFar, *, ended: bool) -> Said:
        """What is known by now. ended: no more comes, and all that is seen is final."""
        ...

    def labels(self) -> tuple[str, ...]:
        """The names [K] of what is said."""
        ...

    def named(self, segments: Sequence[Segment]) -> tuple[Segment, ...]:
        """The final segments as the finished timeline has them: the same times, and the names and scores that only the
        whole film gives, where there are such. After the end.
        """
        ...

    def scores(self) -> GridScores:
        """Of all positions that came [T, K], for the file of scores. After the end."""
        ...

    def cut_s(self) -> NDArray[np.float64] | None:
        """What belongs to these scores as the `cut_s` of a FrameIndex. After the end."""
        ...

    def read_whole(
        self,
        values: NDArray[np.float16],
        index: FrameIndex,
        *,
        scratch: Path,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """The embeddings of the whole film once more [T, D], after the end. Not where a part of them is not stored."""
        ...

    def provenance(self) -> dict[str, Any]:
        """As of a Scorer."""
        ...

    def notes(self) -> list[str]:
        """As of a Scorer: also what following means for this kind."""
        ...
