"""Draws segments from scores, in the way of the analysis that made the scores."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, Literal

from vtn_stream.film import FrameIndex
from vtn_stream.localize.instants import instants
from vtn_stream.localize.runs import peaks, phases
from vtn_stream.localize.spans import located, of_classes
from vtn_stream.timeline import Segment
from vtn_stream.track import GridScores, OperatingPoints, PhaseRules

__all__ = ["DRAWINGS", "Drawing", "draw", "draws_one_label"]

# Where a label scores high, several at once; where it holds, one at a time; where spans were proposed for it.
Drawing = Literal["peaks", "phases", "spans"]

# Of the analyses whose kind, in a timeline's provenance, says it. Others say it beside their kind, as "drawing".
DRAWINGS: Final[Mapping[str, Drawing]] = {
    "clip classifier": "peaks",
    "dense labels": "phases",
    "action localization": "spans",
}


def draws_one_label(analysis: Mapping[str, Any]) -> bool:
    """Whether the analysis of this provenance gives one label to each moment, as those of scenes and phases do."""
    kind = analysis.get("kind")
    return kind == "scenes" or (analysis.get("drawing") or DRAWINGS.get(str(kind))) == "phases"


def draw(
    drawing: Drawing,
    scores: GridScores,
    index: FrameIndex,
    labels: Sequence[str],
    duration_s: float,
    points: OperatingPoints,
    rules: PhaseRules | None = None,
    instant: Collection[str] = (),
) -> list[Segment]:
    """The segments of a film that lasts duration_s, by `peaks`, `phases` or `located`; by `instants` those of labels
    that are instant.

    Raises ValueError if the scores are not of this kind, of other positions or of other labels, and for rules or
    instants of what has none.
    """
    if rules is not None and drawing != "phases":
        raise ValueError(f"{drawing} cannot use phase rules")
    if instant and drawing != "spans":
        raise ValueError(f"{drawing} have a length")
    if drawing == "spans":
        if scores.spans is None:
            raise ValueError("no spans were proposed")
        lasting, without = of_classes(scores.spans, [label not in instant for label in labels])
        return [
            *located(lasting, index, labels, duration_s, points),
            *instants(without, index, labels, duration_s, points),
        ]
    if scores.frame is None or scores.frame.shape != (len(index), len(labels)):
        raise ValueError(f"there is no score of {len(labels)} labels at each of {len(index)} positions")
    if drawing == "phases":
        return phases(scores, index, labels, duration_s, points, rules)
    if drawing == "peaks":
        return peaks(scores, index, labels, duration_s, points)
    raise ValueError(f"nothing is drawn as {drawing}")
