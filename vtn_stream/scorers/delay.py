"""How long after its end a segment is known for good, of a model that can be followed."""

from fractions import Fraction

from vtn_stream.localize import DECIDED_AT_ONCE
from vtn_stream.model import VTN
from vtn_stream.scorers.tiles import TileReader
from vtn_stream.track import PhaseRules

__all__ = ["delay_s"]


def delay_s(network: VTN, rules: PhaseRules | None, fps: Fraction) -> float:
    """Seconds of film: a position's tile must be there, with what it needs after it; then what decides its label; and
    one more position tells that a run has ended.

    rules  of the labels of a dense head; with a lag. Raises ValueError for a network that reads the whole film
    """
    reader = TileReader(network)
    lag = 0 if rules is None or rules.lag is None else rules.lag + DECIDED_AT_ONCE
    return float((reader.tile - 1 + reader.reach + lag + 2) / fps)
