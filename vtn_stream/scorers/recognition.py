"""Which pieces of a film show the same scene: the last step of `structure`, from a few sums of each piece. Knows numpy
only; no positions, no seconds, no names.

    P pieces, d width of the points, K scenes
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vtn_stream.scorers.linkage import groups, squared_distances

__all__ = ["MAX_SCENES", "PRIOR", "SAME_SCENE", "Pieces", "Sums", "recognised", "sums_of"]

# Two pieces show one scene while the distance of their means is less than this, in units of their two variances
# added: while frames of the two are less than 1.5 times (1.5 ** 2 = 1 + 1.25) as far apart as frames of one piece.
SAME_SCENE = 1.25
# A few frames say little of how much a scene moves: the film's mean variance counts as this many times min_positions.
PRIOR = 4

MAX_SCENES = 256  # columns of the result: 512 bytes a position. Past it the nearest scenes are joined
MAX_PIECES = 1024  # compared all with all at once: 8 MiB of distances


class Pieces(NamedTuple):
    """Runs of consecutive frames: how many [P], their mean [P, d], their variance summed over d [P]."""

    sizes: NDArray[np.intp]
    means: NDArray[np.float32]
    variances: NDArray[np.float32]


class Sums(NamedTuple):
    """What pieces are made of: how many frames [P], their mean [P, d], the sum of their squared distances to it [P]."""

    sizes: NDArray[np.intp]
    means: NDArray[np.float64]
    scatter: NDArray[np.float64]

    def pieces(self, prior: int, noise: float, typical: float | None = None) -> Pieces:
        """Each variance is drawn towards the film's mean within its pieces, which weighs as much as `prior` frames: the
        mean of a scaled inverse chi-squared posterior. typical: this mean, if these pieces are not the film's.
        """
        if typical is None:
            typical = self.scatter.sum() / max(int(self.sizes.sum()) - len(self.sizes), 1)
        variances = (self.scatter + prior * typical) / np.maximum(self.sizes - 1 + prior, 1)
        return Pieces(self.sizes, self.means.astype(np.float32), np.maximum(variances, noise / 2).astype(np.float32))


def sums_of(points: NDArray[np.float32], starts: NDArray[np.intp]) -> Sums:
    """Those of the pieces of points [T, d] that begin at `starts`."""
    sizes = np.diff(starts, append=len(points))
    means = np.stack([piece.mean(axis=0, dtype=np.float64) for piece in np.split(points, starts[1:])])
    squares = np.add.reduceat(np.einsum("td,td->t", points, points), starts, dtype=np.float64)
    scatter = np.maximum(squares - sizes * np.einsum("pd,pd->p", means, means), 0)
    return Sums(sizes, means, scatter)


def recognised(pieces: Pieces) -> tuple[NDArray[np.intp], NDArray[np.float16]]:
    """The scene of each piece [P], numbered in order of first appearance, and how near each piece is to each scene
    [P, K], as `structure.find_scenes` explains.
    """
    scenes = _recognise(pieces)
    if scenes.max() + 1 >= MAX_SCENES:  # some are crowds by now: what matters is that neighbours stay apart
        scenes = _nearest(scenes, pieces)
    scenes = _by_appearance(scenes)
    return scenes, _confidence(scenes, pieces)


def _recognise(pieces: Pieces) -> NDArray[np.intp]:
    """The scene of each piece [P], by average linkage of the distances between means over the variances.

    More than MAX_PIECES are halved; the scenes of the halves, at most MAX_SCENES each, are then the pieces.
    """
    num = len(pieces.sizes)
    if num == 1:
        return np.zeros(1, np.intp)
    if num > MAX_PIECES:
        sizes, means, variances = pieces
        first, second = (
            _recognise(Pieces(sizes[half], means[half], variances[half]))
            for half in (slice(0, num // 2), slice(num // 2, num))
        )
        scenes = np.concatenate([first, second + first.max() + 1])
        merged: NDArray[np.intp] = _recognise(_merge(scenes, pieces))[scenes]
        return merged

    spread = pieces.variances[:, None] + pieces.variances
    difference = squared_distances(pieces.means, pieces.means) / spread
    scenes = groups(difference, "average", limit=SAME_SCENE)
    if scenes.max() >= MAX_SCENES:  # complete linkage: many small groups, where average makes one of all that is left
        scenes = groups(difference, "complete", most=MAX_SCENES)
    return scenes


def _merge(scenes: NDArray[np.intp], pieces: Pieces) -> Pieces:
    """Each scene as one piece [K]: frames added, means and variances weighted by them."""
    num = int(scenes.max()) + 1
    sizes = np.bincount(scenes, pieces.sizes, num)
    means = np.zeros((num, pieces.means.shape[1]))
    np.add.at(means, scenes, pieces.means * pieces.sizes[:, None])
    variances = np.bincount(scenes, pieces.variances * pieces.sizes, num) / sizes
    return Pieces(sizes.astype(np.intp), (means / sizes[:, None]).astype(np.float32), variances.astype(np.float32))


def _nearest(scenes: NDArray[np.intp], pieces: Pieces) -> NDArray[np.intp]:
    """The scene whose centre is nearest to each piece [P]."""
    return squared_distances(pieces.means, _merge(scenes, pieces).means).argmin(axis=1)


def _by_appearance(scenes: NDArray[np.intp]) -> NDArray[np.intp]:
    """Renumber so that scene 0 comes first, scene 1 is the next new one, and so on."""
    _, firsts, inverse = np.unique(scenes, return_index=True, return_inverse=True)
    ranks: NDArray[np.intp] = np.argsort(np.argsort(firsts))
    return ranks[inverse]


def _confidence(scenes: NDArray[np.intp], pieces: Pieces) -> NDArray[np.float16]:
    """[P, K] as find_scenes explains; the own scene of a piece is kept the highest of its row."""
    centres = _merge(scenes, pieces).means
    if len(centres) == 1:
        return np.ones((len(scenes), 1), np.float16)
    result = np.empty((len(scenes), len(centres)), np.float16)
    for start in range(0, len(scenes), MAX_PIECES):
        block = slice(start, start + MAX_PIECES)
        distance = squared_distances(pieces.means[block], centres) + pieces.variances[block, None]
        nearest, second = np.partition(distance, 1, axis=1)[:, :2].T
        rival = np.where(distance == nearest[:, None], second[:, None], nearest[:, None])
        confidence = rival / (rival + distance)
        own = (np.arange(len(distance)), scenes[block])
        highest = confidence[own]
        result[block] = np.minimum(confidence, 0.99 * highest[:, None])
        result[block][own] = highest
    return result
