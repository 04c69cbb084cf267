"""A film, and what is known to happen in it. T positions of a film's grid, K labels."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vtn_stream.film import FrameIndex
from vtn_stream.known import Known, Spans
from vtn_stream.localize import positions
from vtn_stream.timeline import Segment

__all__ = ["LabelledFilm", "known_at", "known_s", "labels_of", "longest_segment"]


class LabelledFilm(Protocol):
    """A film's clock, its segments in seconds, sorted, and the label of the whole, where it has one. known: in which of
    its time anything is known; None: everything is.
    """

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

    @property
    def known(self) -> Known | None: ...


def labels_of(film: LabelledFilm, labels: Sequence[str]) -> NDArray[np.int64]:
    """[T]: the number of the label at each position, len(labels) for no label, -1 where no frame is known, or not what
    happens. Of several the one that began last.

    A position has no label only where that is known of each of the labels.
    """
    held = np.full(len(film.index), len(labels), np.int64)
    number = {label: k for k, label in enumerate(labels)}
    grid_s = film.index.grid_s
    for segment in film.segments:
        held[np.searchsorted(grid_s, segment.start_s) : np.searchsorted(grid_s, segment.end_s)] = number[segment.label]
    if film.known is not None:
        held[(held == len(labels)) & ~_inside(grid_s, film.known.every(labels))] = -1
    held[~film.index.valid] = -1
    return held


def known_at(film: LabelledFilm, labels: Sequence[str]) -> NDArray[np.bool_]:
    """[T, K]: where it is known whether each label happens."""
    known = np.ones((len(film.index), len(labels)), np.bool_)
    if film.known is not None:
        known = np.column_stack([_inside(film.index.grid_s, film.known.spans(label)) for label in labels])
    known[~film.index.valid] = False
    return known


def known_s(film: LabelledFilm, labels: Sequence[str], *, exclusive: bool) -> float:
    """Seconds of the film that are known, as `Known.total_s` counts them."""
    return film.duration_s if film.known is None else film.known.total_s(labels, film.segments, exclusive=exclusive)


def _inside(grid_s: NDArray[np.float64], spans: Spans) -> NDArray[np.bool_]:
    inside = np.zeros(len(grid_s), np.bool_)
    for start_s, end_s in spans:
        inside[np.searchsorted(grid_s, start_s) : np.searchsorted(grid_s, end_s)] = True
    return inside


def longest_segment(films: Sequence[LabelledFilm]) -> float:
    """The length of the longest segment in positions, at least 1."""
    bounds = np.concatenate([positions(film.segments, film.index) for film in films])
    return float((bounds[:, 1] - bounds[:, 0]).max(initial=1))
