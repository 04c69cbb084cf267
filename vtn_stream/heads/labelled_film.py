"""A film, and what is known to happen in it. T positions of a film's grid."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vtn_stream.film import FrameIndex
from vtn_stream.localize import positions
from vtn_stream.timeline import Segment

__all__ = ["LabelledFilm", "labels_of", "longest_segment"]


class LabelledFilm(Protocol):
    """A film's clock, its segments in seconds, sorted, and the label of the whole, where it has one."""

    @property
    def name(self) -> str: ...

    @property
    def index(self) -> FrameIndex: ...

    @property
    def duration_s(self) -> float: ...

    @property
    def segments(self) -> tuple[Segment, ...]: ...

    @property
    def clip_label(self) -> str | None: ...


def labels_of(film: LabelledFilm, labels: Sequence[str]) -> NDArray[np.int64]:
    """[T]: the number of the label at each position, len(labels) for no label, -1 where no frame is known. Of several
    the one that began last.
    """
    held = np.full(len(film.index), len(labels), np.int64)
    number = {label: k for k, label in enumerate(labels)}
    grid_s = film.index.grid_s
    for segment in film.segments:
        held[np.searchsorted(grid_s, segment.start_s) : np.searchsorted(grid_s, segment.end_s)] = number[segment.label]
    held[~film.index.valid] = -1
    return held


def longest_segment(films: Sequence[LabelledFilm]) -> float:
    """The length of the longest segment in positions, at least 1."""
    bounds = np.concatenate([positions(film.segments, film.index) for film in films])
    return float((bounds[:, 1] - bounds[:, 0]).max(initial=1))
