"""Which scenes look alike, once a film is there as a whole, from sums of its pieces: a few hundred bytes each.

T positions, P pieces, d width of the points, K scenes.
"""

from bisect import bisect_right

import numpy as np
from numpy.typing import NDArray

from vtn_stream.following.live_scenes_rows import Total
from vtn_stream.scorers.recognition import PRIOR, Sums, recognised
from vtn_stream.scorers.structure import noise_in
from vtn_stream.track import GridScores

__all__ = ["Pieces"]


class Pieces:
    """The pieces of a film in order, and what their frames look like."""

    def __init__(self) -> None:
        self._starts: list[int] = []  # [P], positions
        self._starts_s: list[float] = []
        self._sizes: list[int] = []
        self._means: list[NDArray[np.float32]] = []
        self._scatter: list[float] = []
        self._whole = Total()
        self._pure, self._mixed = Total(), Total()  # of the piece that goes on
        self._valid: list[NDArray[np.bool_]] = []  # of all positions
        self._saliency: list[NDArray[np.float16]] = []
        self._found: tuple[NDArray[np.intp], NDArray[np.float16]] | None = None

    @property
    def num(self) -> int:
        """P."""
        return len(self._starts)

    def begin(self, position: int, start_s: float) -> None:
        """A piece begins with the frame of this position, at this time."""
        if self._starts:
            self._close()
        self._starts.append(position)
        self._starts_s.append(start_s)

    def take(self, points: NDArray[np.float32], is_mixed: NDArray[np.bool_]) -> None:
        """Frames [n, d] of the piece that goes on; a mixed one shows two shots, and counts where no other does."""
        self._pure += Total.of(points[~is_mixed])
        self._mixed += Total.of(points[is_mixed])

    def see(self, valid: NDArray[np.bool_]) -> None:
        """Which of the next positions show a frame."""
        self._valid.append(valid)

    def change(self, saliency: NDArray[np.float16]) -> None:
        """How much changes at the next positions."""
        self._saliency.append(saliency)

    def finish(self, min_positions: int) -> None:
        """No more comes: recognises the scenes. min_positions: of the shortest one that embeddings show."""
        if not self._starts:
            return
        self._close()
        sums = Sums(
            np.array(self._sizes, np.intp),
            np.stack(self._means).astype(np.float64),
            np.array(self._scatter, np.float64),
        )
        noise = noise_in(self._whole.scatter / max(1, self._whole.num - 1))
        self._found = recognised(sums.pieces(PRIOR * min_positions, noise))

    @property
    def num_scenes(self) -> int:
        """K."""
        return 0 if self._found is None else self._found[1].shape[1]

    def scene_at(self, time_s: float) -> tuple[int, float]:
        """The scene of the piece to which this time belongs, and how surely it is this one."""
        assert self._found is not None
        piece = max(0, bisect_right(self._starts_s, time_s) - 1)
        scene = int(self._found[0][piece])
        return scene, float(self._found[1][piece, scene])

    def scores(self) -> GridScores:
        """As of `find_scenes`."""
        valid = np.concatenate([np.zeros(0, np.bool_), *self._valid])
        saliency = np.concatenate([np.zeros(0, np.float16), *self._saliency])
        frame = np.zeros((len(valid), self.num_scenes), np.float16)
        if self._found is not None:
            for number, start in enumerate(self._starts):
                stop = self._starts[number + 1] if number + 1 < self.num else len(valid)
                frame[start:stop] = self._found[1][number]
            frame[~valid] = 0
        return GridScores(frame=frame, saliency=saliency)

    def _close(self) -> None:
        shown = self._pure if self._pure.num else self._mixed
        self._sizes.append(shown.num)
        self._means.append(shown.mean.astype(np.float32))
        self._scatter.append(shown.scatter)
        self._whole = self._whole + self._pure + self._mixed
        self._pure = self._mixed = Total()
