"""Positions that were left out, as what reads them sees them: the picture of the last one that was looked at stays."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vtn_stream.following.live import Rows

__all__ = ["Held"]


class Held:
    """Repeats what was looked at last, as a film with fewer frames does. Without this, every position that is left out
    would end what goes on beside it.
    """

    def __init__(self) -> None:
        self._last: Rows | None = None  # one row

    def fill(self, rows: Rows, left_out: NDArray[np.bool_]) -> Rows:
        """The rows that follow the ones before. left_out [n]: these become repeats, where there is anything to repeat.
        What is damaged, or shows nothing, stays so.
        """
        own = np.where(left_out, -1, np.arange(len(left_out)))
        source = np.maximum.accumulate(own)  # of each row: itself, or the last one before that was looked at
        if self._last is not None:
            joined = (self._last.index, rows.index)
            values = np.concatenate([self._last.values, rows.values])
            frame, pts_s, valid = (
                np.concatenate([getattr(index, name) for index in joined]) for name in ("frame", "pts_s", "valid")
            )
            source = source + 1
        else:
            values, frame, pts_s, valid = rows.values, rows.index.frame, rows.index.pts_s, rows.index.valid
        known = source >= 0
        source = np.maximum(source, 0)
        index = replace(
            rows.index,
            frame=np.where(known, frame[source], rows.index.frame),
            pts_s=np.where(known, pts_s[source], rows.index.pts_s),
            valid=known & valid[source],
        )
        filled = Rows(
            start=rows.start, values=np.where(index.valid[:, None], values[source], np.float16(0)), index=index
        )
        self._last = Rows(start=rows.start + len(index) - 1, values=filled.values[-1:], index=index[-1:])
        return filled
