"""Changes of shot that the pictures of a growing film show: found in stretches that end one after the other, and final
where no stretch that is still to come can show another one.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vtn_stream.film import VideoInfo
from vtn_stream.following.live import FilmSoFar
from vtn_stream.placing import MAX_FRAMES, PLACE, SHOTS, Question, answers
from vtn_stream.transitions import Transition, distinct
from vtn_stream.video import FrameBatch, Window

__all__ = ["Looked", "ShotsSoFar", "looked_at", "placed_in"]

NUM_LATEST = 16  # more changes than can begin in the time in which one of them may still be met by another


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What stretches show: changes of shot, and how many of them had no picture any more."""

    found: tuple[Transition, ...] = ()
    num_unseen: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotsSoFar:
    """Changes of shot in the order in which they come; each step gives a new one of these.

    waiting  those whose place others may still take
    final    the latest of those that stay: what overlaps them comes too late
    """

    waiting: tuple[Transition, ...] = ()
    final: tuple[Transition, ...] = ()

    def settled(
        self, found: Sequence[Transition], *, before: int, at_latest: int
    ) -> "tuple[tuple[Transition, ...], ShotsSoFar]":
        """Those that are final now and were not, ascending, with what was found now. Nothing more will be found before
        this frame; what begins at `at_latest` or earlier does not wait.

        Of changes that overlap the longer one stays, as in `distinct`, but for those that are final.
        """
        waiting = [*self.waiting, *(t for t in found if not _meets(t, self.final))]
        due = [t for t in waiting if t.last <= before or t.first <= at_latest]
        final = tuple(t for t in distinct(waiting) if t in due)
        rest = tuple(t for t in waiting if t not in due and not _meets(t, final))
        return final, ShotsSoFar(waiting=rest, final=(*self.final, *final)[-NUM_LATEST:])


def _meets(here: Transition, others: Sequence[Transition]) -> bool:
    return any(here.first < t.last and t.first < here.last for t in others)


def looked_at(film: FilmSoFar, stretches: Sequence[tuple[int, int]], window: Window) -> Looked:
    """What pictures show between these frames [a, b]. Raises DecodingLost."""
    unseen = []

    def judge(
        video: VideoInfo, pictures: dict[int, NDArray[np.uint8]], last: int, following: int
    ) -> tuple[Transition, ...]:
        if not any(last < frame <= following for frame in pictures):
            unseen.append(last)
        return SHOTS.judge(video, pictures, last, following)

    stretches = [(a, b) for a, b in stretches if b - a <= MAX_FRAMES]
    found = _answers(film, stretches, window, replace(SHOTS, judge=judge))
    return Looked(found=tuple(t for seen in found for t in seen), num_unseen=len(unseen))


def placed_in(film: FilmSoFar, changes: Sequence[tuple[int, int]], window: Window) -> list[int | None]:
    """The frame with which the new picture begins, for each of these changes after frame a, up to b; None: unclear.
    Raises DecodingLost.
    """
    asked = [(a, b) for a, b in changes if 1 < b - a <= MAX_FRAMES]
    seen = dict(zip(asked, _answers(film, asked, window, PLACE), strict=True))
    return [b if b - a == 1 else next((t.at for t in seen.get((a, b), ())), None) for a, b in changes]


def _answers(
    film: FilmSoFar, changes: Sequence[tuple[int, int]], window: Window, question: Question
) -> Iterator[tuple[Transition, ...]]:
    if not changes:
        return
    video = film.video

    def pictures(pts: NDArray[np.int64]) -> Iterator[FrameBatch]:
        with contextlib.closing(film.windows(video, pts, [window])) as batches:
            for (batch,) in batches:
                yield batch

    yield from answers(video, np.array(changes, np.int64), pictures, question)
