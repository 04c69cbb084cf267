"""Turns grid scores into segments and gaps. THE place where positions become seconds; knows no model and no file."""

from vtn_stream.localize.clock import MAX_CURVE_POINTS, curve, edges_s, gaps, positions
from vtn_stream.localize.draw import DRAWINGS, Drawing, draw, draws_one_label
from vtn_stream.localize.groups import groups
from vtn_stream.localize.instants import SAME_EVENT, instants
from vtn_stream.localize.lagged import LaggedProposals
from vtn_stream.localize.runs import PhaseDecoder, changes, peaks, phases, runs
from vtn_stream.localize.spans import (
    MIN_SPAN_SCORE,
    candidates,
    joined,
    located,
    max_candidates_and_spans,
    propose,
    strongest,
    subset,
)
from vtn_stream.localize.viterbi import DECIDED_AT_ONCE, LaggedDecoder

__all__ = [
    "DECIDED_AT_ONCE",
    "DRAWINGS",
    "MAX_CURVE_POINTS",
    "MIN_SPAN_SCORE",
    "SAME_EVENT",
    "Drawing",
    "LaggedDecoder",
    "LaggedProposals",
    "PhaseDecoder",
    "candidates",
    "changes",
    "curve",
    "draw",
    "draws_one_label",
    "edges_s",
    "gaps",
    "groups",
    "instants",
    "joined",
    "located",
    "max_candidates_and_spans",
    "peaks",
    "phases",
    "positions",
    "propose",
    "runs",
    "strongest",
    "subset",
]
