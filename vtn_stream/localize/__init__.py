"""Grid scores to segments and gaps. THE place where positions become seconds; knows no model and no file."""

from vtn_stream.localize.clock import MAX_CURVE_POINTS, curve, edges_s, gaps, positions
from vtn_stream.localize.runs import peaks, phases, runs
from vtn_stream.localize.spans import LOWEST_SCORE, candidates, fuse, joined, limits, located, propose, strongest

__all__ = [
    "LOWEST_SCORE",
    "MAX_CURVE_POINTS",
    "candidates",
    "curve",
    "edges_s",
    "fuse",
    "gaps",
    "joined",
    "limits",
    "located",
    "peaks",
    "phases",
    "positions",
    "propose",
    "runs",
    "strongest",
]
