"""The films to score, frame by frame.

T frames of a grid, K classes
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vtn_stream.errors import InputError
from vtn_stream.evaluation.scored_films import ScoredFilm
from vtn_stream.metrics import labels_on_grid
from vtn_stream.timeline import Segment

__all__ = ["frames"]

MAX_FRAMES = 100_000_000  # of all films together: 115 days at 10 a second


def frames(
    films: Sequence[ScoredFilm], labels: Sequence[str], fps: float
) -> dict[str, tuple[NDArray[np.int32], NDArray[np.int32]]]:
    """Predicted and true labels [T] of each film that is not empty, as indices in the sorted `labels`; K for nothing,
    and in the truth K + 1 for what is not known. One label holds at each moment, so what people say that happens is
    known; that nothing does, only where it is known of each label.

    Frame i is what holds at its middle, (i + 0.5) / fps, so that labels a frame, read as segments, come out as they
    were. Raises InputError for more frames than can be counted.
    """
    num = {film.name: math.ceil(min(film.duration_s * fps, 1e12) - 1e-6) for film in films}
    if sum(num.values()) > MAX_FRAMES:
        raise InputError(
            f"the films have more than {MAX_FRAMES} frames at {fps:g} a second",
            "they were not scored frame by frame",
            "lower --fps, or check the durations",
        )
    rank = {label: f"{i:05d}" for i, label in enumerate(sorted(labels))}  # short, and they sort alike
    nothing = f"{len(rank):05d}"

    def on_grid(segments: tuple[Segment, ...], times_s: NDArray[np.float64]) -> NDArray[np.int32]:
        ranked = [replace(s, label=rank[s.label]) for s in segments]
        return labels_on_grid(ranked, times_s, nothing).astype(np.int32)

    grids = {}
    for film in films:
        if num[film.name] > 0:
            times_s = (np.arange(num[film.name], dtype=np.float64) + 0.5) / fps
            true = on_grid(film.true, times_s)
            if film.known is not None:
                inside = np.zeros(len(times_s), np.bool_)
                for span in film.known.every(labels):
                    inside[slice(*np.searchsorted(times_s, span))] = True
                true[(true == len(rank)) & ~inside] = len(rank) + 1
                if (true > len(rank)).all():
                    continue
            grids[film.name] = on_grid(film.drawn, times_s), true
    return grids
