"""Scores on a grid, drawn by hand."""

import numpy as np

from vtn_stream.film import FrameIndex
from vtn_stream.track import OperatingPoint, OperatingPoints, Spans


def all_at(high, low=None):
    return OperatingPoints(common=OperatingPoint(high=high, low=high if low is None else low))


def grid(num, step_s=1.0, first=0, valid=None):
    grid_s = (first + np.arange(num)) * step_s
    return FrameIndex(
        grid_s=grid_s, frame=np.arange(num), pts_s=grid_s, valid=np.ones(num, bool) if valid is None else valid
    )


LOW = all_at(0.01)


def spans(*rows):
    """(start, end, score) or (start, end, score, class)"""
    return Spans(
        bounds=np.array([row[:2] for row in rows], float).reshape(-1, 2),
        classes=np.array([row[3] if len(row) > 3 else 0 for row in rows], np.int64),
        scores=np.array([row[2] for row in rows], float),
    )
