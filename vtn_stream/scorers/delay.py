"""How long after its end a segment is known for good, while a film comes."""

import math
from fractions import Fraction

from vtn_stream.heads.in_blocks import block_proposals
from vtn_stream.localize import DECIDED_AT_ONCE, SAME_EVENT
from vtn_stream.model import VTN, LocalizationConfig
from vtn_stream.scorers.running import pieces_so_far
from vtn_stream.track import PhaseRules

__all__ = ["delay_s"]


def delay_s(network: VTN, rules: PhaseRules | None, fps: Fraction, *, has_instants: bool = False) -> float:
    """Seconds of film: a position's piece must be there, with what it needs after it; then what decides its label, or
    which spans are kept; and one more position tells that a run has ended.

    rules         of the labels of a dense head; with a lag
    has_instants  whether some labels of a localization head are instants: these wait for those that may be the same
                  event. Where the scores of many in a row rise from each to the next, they wait until that ends

    Raises ValueError for a head that reads a film as a whole.
    """
    behind = pieces_so_far(network).behind + 2
    if isinstance(network.config.head, LocalizationConfig):
        behind += block_proposals(network, fps).behind + (math.ceil(SAME_EVENT) + 1 if has_instants else 0)
    elif rules is not None and rules.lag is not None:
        behind += rules.lag + DECIDED_AT_ONCE
    return float(behind / fps)
