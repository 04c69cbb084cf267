"""Black borders of a film's picture: beside the round picture of an endoscope, above and below a wide film.

F frames, R rows, C columns, K cells: parts of equal length of a row or of a column. Knows numpy only.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from vtn_stream.region import Box

__all__ = ["METHOD", "inner_box"]

METHOD = 1  # of `inner_box` and what it is given: what others measured is not used

# Black is not 0: analog films have levels up to 30, with noise. What is darkest in a frame is its black, as far as it
# is so dark, and what is brighter by STEP is no black.
MAX_BLACK, STEP = 32, 12
LEAST_SHARE = 0.05  # of the frames, in which a cell must be bright: less is noise, a flash, or damage
LEAST_FRAMES = 2
# A row is a picture's if so much of it is bright. Of a time stamp in the border it is less.
PICTURE_SHARE = 0.25
# What a dark strip parts from the largest picture belongs to it if it is as bright and so large: two cages with a bar
# between them. A line of text is neither.
ISLAND_SHARE, ISLAND_SIZE = 0.4, 0.08
ROUND_SHARE = 0.1  # by so much of a picture's size its edge may be narrower than PICTURE_SHARE: it is round
LEAST_PICTURE = 0.125  # of a side: what leaves less than that is no border
LEAST_BORDER = 0.01  # of a side, all borders of it together: less is an edge that was recorded badly


def inner_box(rows: NDArray[np.uint8], columns: NDArray[np.uint8]) -> Box | None:
    """The rectangle in which the film shows something; None where that is all of the picture, or nothing is shown.

    rows     uint8 [F, R, K, 3] RGB: every row of the picture at full height, its width in K cells
    columns  uint8 [F, K, C, 3]: every column at full width, its height in K cells
    """
    if not len(rows):
        return None
    top, bottom = _extent(rows)
    left, right = _extent(columns.swapaxes(1, 2))
    height, width = rows.shape[1], columns.shape[2]
    if right - left < LEAST_PICTURE * width or bottom - top < LEAST_PICTURE * height:
        return None
    if width - (right - left) < LEAST_BORDER * width:
        left, right = 0, width
    if height - (bottom - top) < LEAST_BORDER * height:
        top, bottom = 0, height
    return None if (left, top, right, bottom) == (0, 0, width, height) else Box(left, top, right, bottom)


def _extent(lines: NDArray[np.uint8]) -> tuple[int, int]:
    """From which line to before which the picture is, of [F, lines, K, 3]; (0, 0): nowhere."""
    levels = lines.max(axis=3)
    black = np.minimum(np.quantile(levels, 0.01, axis=(1, 2)), MAX_BLACK)
    num_bright = (levels > black[:, None, None] + STEP).sum(axis=0)  # [lines, K]
    share = (num_bright >= max(LEAST_FRAMES, LEAST_SHARE * len(lines))).mean(axis=1)  # [lines]
    runs = list(_runs(share >= PICTURE_SHARE))
    if not runs:
        return 0, 0
    largest = max(runs, key=lambda run: (float(share[slice(*run)].sum()), -run[0]))
    start, stop = largest
    for first, end in runs:
        if end - first >= ISLAND_SIZE * len(share) and share[first:end].mean() >= ISLAND_SHARE:
            start, stop = min(start, first), max(stop, end)
    reach = int(ROUND_SHARE * (stop - start))
    while start > 0 and share[start - 1] > 0 and reach > 0:
        start, reach = start - 1, reach - 1
    reach = int(ROUND_SHARE * (stop - start))
    while stop < len(share) and share[stop] > 0 and reach > 0:
        stop, reach = stop + 1, reach - 1
    return start, stop


def _runs(flags: NDArray[np.bool_]) -> Iterable[tuple[int, int]]:
    """[first, end) of each run of true ones."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]])))
    return zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
