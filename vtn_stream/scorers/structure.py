"""A film's structure without training: embeddings -> change points -> scenes that come back.

Four steps: `contrast_of` measures how sharp the change before each position is, `sharp` takes the sharp ones, `_join`
drops those whose two sides do not differ, and `recognised` finds the pieces that show the same scene.
All distances are squared Euclidean ones between unit vectors (twice the cosine distance), and every decision is a ratio
of two of them, so that the raw scale of a backbone does not matter. Knows numpy; no seconds, no names.

    T positions, D embedding width, d projected width (<= 64), K scenes
"""

from collections.abc import Sequence
from fractions import Fraction
from functools import cache

import numpy as np
from numpy.typing import NDArray

from vtn_stream.scorers.recognition import PRIOR, SAME_SCENE, recognised, sums_of
from vtn_stream.scorers.suspects import suspects
from vtn_stream.track import GridScores

__all__ = ["CONTRAST", "WIDTH", "contrast_of", "find_scenes", "find_suspects", "noise_in", "project", "sharp"]


# A change is sharp when its step is this many times the mean of the steps around it.
CONTRAST = 2.0
# Differences below this part of the film's own spread, or below cosine 0.999, are noise: two codings of one picture
# differ by as much. Without it a blinking cursor on a still slide is an infinitely significant change.
NOISE_SHARE = 0.02
NOISE_FLOOR = 0.002

WIDTH = 64  # projected width: 256 bytes a position; distances keep about 2 digits (Johnson-Lindenstrauss)
CHUNK = 4096  # positions converted to float32 at once: 20 MiB at D = 1280


def find_suspects(values: NDArray[np.float16], valid: NDArray[np.bool_], *, fps: Fraction) -> NDArray[np.intp]:
    """[C, 2]: the positions between which the film may change for good, of what find_scenes takes. See `suspects`."""
    points = project(values, valid)
    if not len(points):
        return np.zeros((0, 2), np.intp)
    return np.flatnonzero(valid)[suspects(points, fps, noise_of(points))]


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
    points = project(values, valid)
    saliency = np.zeros(len(values), np.float16)
    if len(points) == 0:
        return GridScores(frame=np.zeros((len(values), 0), np.float16), saliency=saliency)
    noise = noise_of(points)
    contrast = contrast_of(points, max(2, min_positions), noise)
    saliency[valid] = contrast / (contrast + CONTRAST)

    prior = PRIOR * min_positions
    borders = _join(points, sharp(contrast, min_positions), contrast, prior, noise)
    if len(starts):
        rows = np.flatnonzero(valid)
        known = np.unique(np.searchsorted(rows, starts))
        known = known[(known > 0) & (known < len(points))]
        far = [b for b in borders if b == 0 or not np.any(np.abs(known - b) < min_positions)]
        borders = np.union1d(far, known).astype(np.intp)
    sizes = np.diff(borders, append=len(points))
    pure = sums_of(*_pure(points, borders, None if mixed is None else mixed[valid]))
    scenes, confidence = recognised(pure.pieces(prior, noise))  # [P], [P, K]
    del points
    frame = np.zeros((len(values), confidence.shape[1]), np.float16)
    piece_of = np.repeat(np.arange(len(scenes)), sizes)
    for rows in np.array_split(np.flatnonzero(valid), len(values) // CHUNK + 1):
        frame[rows] = confidence[piece_of[: len(rows)]]
        piece_of = piece_of[len(rows) :]
    return GridScores(frame=frame, saliency=saliency)


def project(values: NDArray[np.float16], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Valid rows as unit vectors [T, d]; a fixed random projection keeps their distances when D is large.

    Not principal components: those change as the film grows, and miss a scene that comes once in ten hours.
    """
    basis = _basis(values.shape[1])
    points = np.empty((int(valid.sum()), basis.shape[1]), np.float32)
    filled = 0
    for start in range(0, len(values), CHUNK):
        rows = values[start : start + CHUNK][valid[start : start + CHUNK]].astype(np.float32)
        norms = np.sqrt(np.einsum("td,td->t", rows, rows))
        points[filled : filled + len(rows)] = (rows @ basis) / np.maximum(norms, 1e-6)[:, None]
        filled += len(rows)
    return points


@cache
def _basis(width: int) -> NDArray[np.float32]:
    """[D, d]"""
    if width <= WIDTH:
        return np.eye(width, dtype=np.float32)
    normal = np.random.default_rng(0).standard_normal((width, WIDTH))
    return np.asarray(np.linalg.qr(normal)[0] * np.sqrt(width / WIDTH), np.float32)


def contrast_of(points: NDArray[np.float32], reach: int, noise: float) -> NDArray[np.float32]:
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


def sharp(
    contrast: NDArray[np.float32], min_positions: int, *, first: int = 0, taken: Sequence[int] = (0,)
) -> NDArray[np.intp]:
    """Where pieces start [P]: at those that are taken, and from `first` on at peaks of the contrast, the highest first,
    none nearer than min_positions to another.
    """
    before, here, after = contrast[:-2], contrast[1:-1], contrast[2:]
    peaks = np.flatnonzero((here > before) & (here >= after) & (here >= CONTRAST)) + 1
    peaks = peaks[(peaks >= max(first, min_positions)) & (peaks <= len(contrast) - min_positions)]
    is_start = np.zeros(len(contrast), np.bool_)
    is_start[list(taken)] = True
    for peak in peaks[np.argsort(-contrast[peaks], kind="stable")]:
        if not is_start[max(0, peak - min_positions + 1) : peak + min_positions].any():
            is_start[peak] = True
    return np.flatnonzero(is_start)


def noise_of(points: NDArray[np.float32]) -> float:
    """The squared distance below which two frames of this film are the same."""
    whole = sums_of(points, np.zeros(1, np.intp)).pieces(0, NOISE_FLOOR)
    return noise_in(float(whole.variances[0]))


def noise_in(variance: float) -> float:
    """The same, of frames with this variance, summed over d."""
    return max(NOISE_FLOOR, NOISE_SHARE * 2 * variance)


def _join(
    points: NDArray[np.float32], starts: NDArray[np.intp], contrast: NDArray[np.float32], prior: int, noise: float
) -> NDArray[np.intp]:
    """The starts of pieces whose cuts hold: sharper ones may have sides that differ less.

    This gives up flashes, whose two sides look alike, and jolts within motion that is as wide as they are.
    """
    _, means, variances = sums_of(points, starts).pieces(prior, noise)
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
