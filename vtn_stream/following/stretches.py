"""A film that grows as one film, however often its recorder began again: each stretch has its own header and clock.

stretch 1  |.   .   .   .  |         stretch 2  |.   .   .
the film   |.   .   .   .  |.   .   .            times go on where the stretch before ended
"""

import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vtn_stream.errors import DecodingLost, VideoError
from vtn_stream.film import VideoInfo
from vtn_stream.following.live import Rows
from vtn_stream.following.pieces import Embedded, Pieces
from vtn_stream.recording import joined
from vtn_stream.sampling import SamplingPlan
from vtn_stream.video import FrameBatch, Window

if TYPE_CHECKING:
    from vtn_stream.video import GrowingFilm

__all__ = ["Stretch", "Stretches"]

PICTURES_S = 120.0  # small pictures of so long are 30 MB, more than any look at cuts goes back


class Stretch:
    """One of them.

    film          what reads it; another one where its decoding process was lost
    first         the film's position at which this one's grid begins
    num_read      bytes
    num_restarts  of its clock, that were told
    is_dead       its decoding process was lost
    finished      as the file says that was made of it, once that is known
    ended         no more comes of it
    same_until_s  before this time, the file shows what was followed; inf: all of it is that
    """

    def __init__(self, film: "GrowingFilm", pieces: Pieces) -> None:
        self.film = film
        self.pieces = pieces
        self.first = self.num_read = self.num_restarts = 0
        self.is_dead = self.is_kept = False
        self.finished: VideoInfo | None = None
        self.same_until_s = -math.inf
        self.ended = False
        self._known_s = 0.0
        self._seen: VideoInfo | None = None

    @property
    def film_video(self) -> VideoInfo | None:
        """As it was read; None before its first frames are known. Where it is read once more, all that was known is."""
        now, seen = self.film.video, self._seen
        if now is not None and (seen is None or now.num_frames >= seen.num_frames):
            self._seen = now
        return self._seen

    @property
    def video(self) -> VideoInfo | None:
        """As `film_video`; of a finished file that shows the same, what that says."""
        return self.finished if self.same_until_s == math.inf else self.film_video

    def is_known(self, stop: int) -> bool:
        """Whether all is known that the positions before this one show. It takes no longer in a long film."""
        return self._is_settled(self.pieces.settled_at(stop - 1))

    @property
    def known_s(self) -> float:
        """Up to which second all frames are known; to the end of what has ended."""
        if self.ended:
            return 0.0 if (video := self.video) is None else video.duration_s
        while self._is_settled(self._known_s + 1):
            self._known_s += 1
        return self._known_s

    def _is_settled(self, time_s: float) -> bool:
        """Whether the frames before this time have a name, and can be asked for: that is some packets later, which at
        a low rate are many seconds.
        """
        return self.film.digest_at(time_s) is not None and self.film.settled_s >= time_s

    def keep(self, window: Window | None) -> None:
        """Has pictures kept for who looks at the frames between sampled ones."""
        if window is not None and not self.is_kept:
            self.film.keep(window, PICTURES_S)
            self.is_kept = True

    def compare(self, path: Path, warn: Callable[[str], None]) -> None:
        """Looks how far the finished file shows what was followed. Raises DecodingLost."""
        try:
            self.finished, self.same_until_s = self.film.finished(path)
        except DecodingLost:
            raise
        except (VideoError, OSError) as error:
            fact = error.fact if isinstance(error, VideoError) else f"{path.name} cannot be read ({error.strerror})"
            warn(f"{fact}: a later analysis finds nothing of it in the store")
            return
        if self.same_until_s < math.inf:
            warn(f"from {max(0.0, self.same_until_s):.3f} s on, {path.name} holds something else than was followed")


class Stretches:
    """All of them, the last one in the making. A `FilmSoFar`."""

    def __init__(self, name: str, sampling: SamplingPlan) -> None:
        self._name = name
        self._sampling = sampling
        self._all: list[Stretch] = []
        self._before: list[VideoInfo] = []  # of stretches that have ended
        self.first_s = 0.0  # when the last stretch begins
        self._joined: tuple[VideoInfo, VideoInfo] | None = None  # the last stretch, and all of them with it

    def __len__(self) -> int:
        return len(self._all)

    def begin(self, stretch: Stretch) -> None:
        """A stretch follows the ones that have ended. One that showed nothing is forgotten."""
        if self._all and self._all[-1].video is None:
            self._all.pop().film.close()
        for earlier in self._all:
            earlier.ended = True
        self.first_s = self.video.duration_s if self._all else 0.0
        self._all.append(stretch)
        self._before = [video for of in self._all[:-1] if (video := of.video) is not None]
        for of in self._all[:-2]:
            of.film.close()  # the frames of the one before may still be looked at

    @property
    def last(self) -> Stretch:
        return self._all[-1]

    @property
    def all(self) -> Sequence[Stretch]:
        return self._all

    @property
    def video(self) -> VideoInfo:
        """The film so far, of what has shown anything yet."""
        last = self.last.video
        if last is None or not self._before:
            of = [*self._before, *([] if last is None else [last])]
            return of[0] if len(of) == 1 else joined(self._name, of)
        if self._joined is None or self._joined[0] is not last:
            self._joined = (last, joined(self._name, [*self._before, last]))
            self.last.first = max(chunk.first for chunk in self._sampling.chunks(self._joined[1]))
        return self._joined[1]

    @property
    def fps(self) -> Fraction:
        return self._sampling.fps

    @property
    def known_s(self) -> float:
        """Up to when all frames are known."""
        return self.first_s + self.last.known_s

    @property
    def num_read(self) -> int:
        """Bytes of all of them."""
        return sum(stretch.num_read for stretch in self._all)

    def rows(self, embedded: Embedded, start: int, stop: int) -> Rows:
        """Positions [start, stop) of the last stretch, as those of the film."""
        video = self.video
        first, within = self.last.first, slice(start - embedded.start, stop - embedded.start)
        index = embedded.index[within]
        if len(self._all) > 1:
            planned = self._sampling.grid(video, first + start, first + stop)
            index = replace(planned, valid=index.valid)
        return Rows(start=first + start, values=embedded.values[within], index=index)

    def windows(
        self, video: VideoInfo, pts: NDArray[np.int64], windows: Sequence[Window]
    ) -> Generator[tuple[FrameBatch, ...]]:
        """As `DecodingProcess.windows`, of the frames that are still held; the others are lost, and so are those of a
        decoding process that dies meanwhile.
        """
        frames = np.searchsorted(video.pts, pts)
        own = [stretch for stretch in self._all if stretch.video is not None]
        firsts = [part.first_frame for part in video.parts] or [0]
        for stretch, first, stop in zip(own, firsts, [*firsts[1:], video.num_frames], strict=True):
            asked = np.flatnonzero((first <= frames) & (frames < stop))
            if len(asked):
                yield from _answers(stretch, frames[asked] - first, int(asked[0]), windows)

    def close(self) -> None:
        for stretch in self._all:
            stretch.film.close()


def _answers(
    stretch: Stretch, frames: NDArray[np.int64], before: int, windows: Sequence[Window]
) -> Generator[tuple[FrameBatch, ...]]:
    """Frames of one stretch. before: how many timestamps were asked for before these."""
    video = stretch.video
    assert video is not None
    answered = np.zeros(len(frames), np.bool_)
    try:
        if not stretch.is_dead:
            for batches in stretch.film.windows(video, video.pts[frames], windows):
                for batch in batches[:1]:
                    answered[batch.items] = answered[batch.lost] = True
                yield tuple(
                    replace(batch, items=[i + before for i in batch.items], lost=[i + before for i in batch.lost])
                    for batch in batches
                )
    except DecodingLost:
        stretch.is_dead = True
    lost = (np.flatnonzero(~answered) + before).tolist()
    if lost:
        yield tuple(
            FrameBatch(frames=np.zeros((0, *window.size, 3), np.uint8), items=[], lost=lost, thumbnails={})
            for window in windows
        )
