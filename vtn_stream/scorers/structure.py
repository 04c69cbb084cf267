"""A film's structure without training: embeddings -> change points -> scenes that come back.

Four steps, each a function below: `_contrast` measures how sharp the change before each position is, `_cut` takes the
sharp ones, `_join` drops those whose two sides do not differ, `_recognise` finds the pieces that show the same scene.
All distances are squared Euclidean ones between unit vectors (twice the cosine distance), and every decision is a ratio
of two of them, so that the raw scale of a backbone does not matter. Knows numpy; no seconds, no names.

    T positions, D embedding width, d projected width (<= 64), P pieces, K scenes
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vtn_stream.scorers.linkage import groups, squared_distances
from vtn_stream.scorers.suspects import suspects
from vtn_stream.track import GridScores

__all__ = ["find_scenes", "find_suspects"]


# A change is sharp when its step is this many times the mean of the steps around it.
CONTRAST = 2.0
# Two pieces show one scene while the distance of their means is less than this, in units of their two variances
# added: while frames of the two are less than 1.5 times (1.5 ** 2 = 1 + 1.25) as far apart as frames of one piece.
SAME_SCENE = 1.25
# A few frames say little of how much a scene moves: the film's mean variance counts as this many times min_positions.
PRIOR = 4
# Differences below this part of the film's own spread, or below cosine 0.999, are noise: two codings of one picture
# differ by as much. Without it a blinking cursor on a still slide is an infinitely significant change.
NOISE_SHARE = 0.02
NOISE_FLOOR = 0.002

WIDTH = 64  # projected width: 256 bytes a position; distances keep about 2 digits (Johnson-Lindenstrauss)
MAX_SCENES = 256  # columns of the result: 512 bytes a position. Past it the nearest scenes are joined
MAX_PIECES = 1024  # compared all with all at once: 8 MiB of distances
CHUNK = 4096  # positions converted to float32 at once: 20 MiB at D = 1280


class _Pieces(NamedTuple):
    """Runs of consecutive frames: how many [P], their mean [P, d], their variance summed over d [P]."""

    sizes: NDArray[np.intp]
    means: NDArray[np.float32]
    variances: NDArray[np.float32]


def find_suspects(values: NDArray[np.float16], valid: NDArray[np.bool_], *, fps: Fraction) -> NDArray[np.intp]:
    """[C, 2]: the positions between which the film may change for good, of what find_scenes takes. See `suspects`."""
    points = _project(values, valid)
    if not len(points):
        return np.zeros((0, 2), np.intp)
    return np.flatnonzero(valid)[suspects(points, fps, _noise(points))]


def find_scenes(
    values: NDArray[np.float16],
    valid: NDArray[np.bool_],
    *,
    min_positions: int,
    starts: Sequence[int] = (),
    mixed: NDArray[np.bool_] | None = None,
) -> GridScores:
    """Cut a film where its picture changes at once and for good, and recognise the scenes that come back.

    values         [T, D] image embeddings on a regular grid, one row a position
    valid          [T] False where the frame was lost: such rows are left out, their neighbours become adjacent
    min_positions  the shortest scene worth keeping; also how far the evidence for a change reaches to each side
    starts         positions where a shot is known to begin, from other evidence, however short it is. Changes that the
                   embeddings show nearer to one than min_positions are taken for the same
    mixed          [T] True where the picture is of two shots: it counts for none of them

    frame of the result is [T, K], a column for each scene in order of first appearance, constant within a piece, 0
    where the frame was lost. A piece's value for scene k is m / (m + d): d is how far the piece's frames lie from the
    centre of scene k, m how far from the centre of the nearest other scene, both as mean squared distances. Its own
    scene has the highest: 0.5 says that another is as near, 0.75 that it is three times as far, 1 that there is no
    other. At most 256 scenes: past that scenes near one another share a column.

    saliency of the result is [T], c / (c + 2) with c the contrast of the step from position t - 1 to t: 0 for no
    change, 1/3 for one like those around it, 0.5 where it is sharp enough to look into, near 1 for a cut between still
    pictures. The first valid position has none.

    Raises ValueError if min_positions is less than 1 or the shapes do not agree. Every cut is judged by what lies on
    both of its sides, as in Foote, "Automatic audio segmentation using a measure of audio novelty" (ICME 2000).
    """
    if min_positions < 1 or values.ndim != 2 or valid.shape != values.shape[:1]:
        raise ValueError(
            "needs values [T, D], valid [T] and min_positions >= 1, "
            f"got {list(values.shape)}, {list(valid.shape)} and {min_positions}"
        )
    points = _project(values, valid)
    saliency = np.zeros(len(values), np.float16)
    if len(points) == 0:
        return GridScores(frame=np.zeros((len(values), 0), np.float16), saliency=saliency)
    noise = _noise(points)
    contrast = _contrast(points, max(2, min_positions), noise)
    saliency[valid] = contrast / (contrast + CONTRAST)

    prior = PRIOR * min_positions
    borders = _join(points, _cut(contrast, min_positions), contrast, prior, noise)
    if len(starts):
        rows = np.flatnonzero(valid)
        known = np.unique(np.searchsorted(rows, starts))
        known = known[(known > 0) & (known < len(points))]
        far = [b for b in borders if b == 0 or not np.any(np.abs(known - b) < min_positions)]
        borders = np.union1d(far, known).astype(np.intp)
    sizes = np.diff(borders, append=len(points))
    pieces = _summarise(*_pure(points, borders, None if mixed is None else mixed[valid]), prior, noise)
    scenes = _recognise(pieces)
    if scenes.max() + 1 >= MAX_SCENES:  # some are crowds by now: what matters is that neighbours stay apart
        scenes = _nearest(scenes, pieces)
    scenes = _by_appearance(scenes)
    confidence = _confidence(scenes, pieces)  # [P, K]
    del points
    frame = np.zeros((len(values), confidence.shape[1]), np.float16)
    piece_of = np.repeat(np.arange(len(scenes)), sizes)
    for rows in np.array_split(np.flatnonzero(valid), len(values) // CHUNK + 1):
        frame[rows] = confidence[piece_of[: len(rows)]]
        piece_of = piece_of[len(rows) :]
    return GridScores(frame=frame, saliency=saliency)


def _project(values: NDArray[np.float16], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Valid rows as unit vectors [T, d]; a fixed random projection keeps their distances when D is large.

    Not principal components: those change as the film grows, and miss a scene that comes once in ten hours.
    """
    width = values.shape[1]
    basis = np.eye(width, dtype=np.float32)
    if width > WIDTH:
        normal = np.random.default_rng(0).standard_normal((width, WIDTH))
        basis = (np.linalg.qr(normal)[0] * np.sqrt(width / WIDTH)).astype(np.float32)
    points = np.empty((int(valid.sum()), basis.shape[1]), np.float32)
    filled = 0
    for start in range(0, len(values), CHUNK):
        rows = values[start : start + CHUNK][valid[start : start + CHUNK]].astype(np.float32)
        norms = np.sqrt(np.einsum("td,td->t", rows, rows))
        points[filled : filled + len(rows)] = (rows @ basis) / np.maximum(norms, 1e-6)[:, None]
        filled += len(rows)
    return points


def _contrast(points: NDArray[np.float32], reach: int, noise: float) -> NDArray[np.float32]:
    """[T]: the step from t - 1 to t over the mean of the other steps among `reach` frames on each side of it.

    |  before  |  after  |       About 1 in noise, in motion and in slow change, whatever their size; a cut has more
    t - reach  t         t + reach    the calmer its two sides are.
    """
    num = len(points)
    steps = np.zeros(num, np.float64)  # steps[t]: from t - 1 to t
    for start in range(1, num, CHUNK):
        step = np.diff(points[start - 1 : start + CHUNK], axis=0)
        steps[start : start + CHUNK] = np.einsum("td,td->t", step, step)
    total = np.cumsum(steps)
    position = np.arange(num)
    first, last = np.maximum(position - reach, 0), np.minimum(position + reach - 1, num - 1)
    others = (total[last] - total[first] - steps) / np.maximum(last - first - 1, 1)
    return np.asarray(steps / np.maximum(others, noise), np.float32)


def _cut(contrast: NDArray[np.float32], min_positions: int) -> NDArray[np.intp]:
    """Where pieces start [P]: peaks of the contrast, the highest first, none nearer than min_positions."""
    before, here, after = contrast[:-2], contrast[1:-1], contrast[2:]
    peaks = np.flatnonzero((here > before) & (here >= after) & (here >= CONTRAST)) + 1
    peaks = peaks[(peaks >= min_positions) & (peaks <= len(contrast) - min_positions)]
    taken = np.zeros(len(contrast), np.bool_)
    taken[:1] = True  # the first piece starts here
    for peak in peaks[np.argsort(-contrast[peaks], kind="stable")]:
        if not taken[max(0, peak - min_positions + 1) : peak + min_positions].any():
            taken[peak] = True
    return np.flatnonzero(taken)


def _noise(points: NDArray[np.float32]) -> float:
    """The squared distance below which two frames of this film are the same."""
    whole = _summarise(points, np.zeros(1, np.intp), 0, NOISE_FLOOR)
    return max(NOISE_FLOOR, NOISE_SHARE * 2 * float(whole.variances[0]))


def _join(
    points: NDArray[np.float32], starts: NDArray[np.intp], contrast: NDArray[np.float32], prior: int, noise: float
) -> NDArray[np.intp]:
    """The starts of pieces whose cuts hold: sharper ones may have sides that differ less.

    This gives up flashes, whose two sides look alike, and jolts within motion that is as wide as they are.
    """
    _, means, variances = _summarise(points, starts, prior, noise)
    difference = np.square(np.diff(means, axis=0)).sum(axis=1) / (variances[1:] + variances[:-1])
    holds = difference * contrast[starts[1:]] >= SAME_SCENE * CONTRAST
    return starts[np.concatenate([[True], holds])]


def _pure(
    points: NDArray[np.float32], starts: NDArray[np.intp], mixed: NDArray[np.bool_] | None
) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """The points without mixed ones, and where their pieces start; a piece of mixed ones alone keeps them."""
    if mixed is None or not mixed.any():
        return points, starts
    piece_of = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(points)))
    num_pure = np.bincount(piece_of[~mixed], minlength=len(starts))
    keep = ~mixed | (num_pure == 0)[piece_of]
    return points[keep], np.searchsorted(piece_of[keep], np.arange(len(starts)))


def _summarise(points: NDArray[np.float32], starts: NDArray[np.intp], prior: int, noise: float) -> _Pieces:
    """The pieces that begin at `starts`.

    Each variance is drawn towards the film's mean within its pieces, which weighs as much as `prior` frames: the mean
    of a scaled inverse chi-squared posterior.
    """
    sizes = np.diff(starts, append=len(points))
    means = np.stack([piece.mean(axis=0, dtype=np.float64) for piece in np.split(points, starts[1:])])
    squares = np.add.reduceat(np.einsum("td,td->t", points, points), starts, dtype=np.float64)
    scatter = np.maximum(squares - sizes * np.einsum("pd,pd->p", means, means), 0)
    typical = scatter.sum() / max(len(points) - len(starts), 1)
    variances = (scatter + prior * typical) / np.maximum(sizes - 1 + prior, 1)
    return _Pieces(sizes, means.astype(np.float32), np.maximum(variances, noise / 2).astype(np.float32))


def _recognise(pieces: _Pieces) -> NDArray[np.intp]:
    """The scene of each piece [P], by average linkage of the distances between means over the variances.

    More than MAX_PIECES are halved; the scenes of the halves, at most MAX_SCENES each, are then the pieces.
    """
    num = len(pieces.sizes)
    if num == 1:
        return np.zeros(1, np.intp)
    if num > MAX_PIECES:
        sizes, means, variances = pieces
        first, second = (
            _recognise(_Pieces(sizes[half], means[half], variances[half]))
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


def _merge(scenes: NDArray[np.intp], pieces: _Pieces) -> _Pieces:
    """Each scene as one piece [K]: frames added, means and variances weighted by them."""
    num = int(scenes.max()) + 1
    sizes = np.bincount(scenes, pieces.sizes, num)
    means = np.zeros((num, pieces.means.shape[1]))
    np.add.at(means, scenes, pieces.means * pieces.sizes[:, None])
    variances = np.bincount(scenes, pieces.variances * pieces.sizes, num) / sizes
    return _Pieces(sizes.astype(np.intp), (means / sizes[:, None]).astype(np.float32), variances.astype(np.float32))


def _nearest(scenes: NDArray[np.intp], pieces: _Pieces) -> NDArray[np.intp]:
    """The scene whose centre is nearest to each piece [P]."""
    return squared_distances(pieces.means, _merge(scenes, pieces).means).argmin(axis=1)


def _by_appearance(scenes: NDArray[np.intp]) -> NDArray[np.intp]:
    """Renumber so that scene 0 comes first, scene 1 is the next new one, and so on."""
    _, firsts, inverse = np.unique(scenes, return_index=True, return_inverse=True)
    ranks: NDArray[np.intp] = np.argsort(np.argsort(firsts))
    return ranks[inverse]


def _confidence(scenes: NDArray[np.intp], pieces: _Pieces) -> NDArray[np.float16]:
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
