"""Selects what is exported of a timeline: by score, label, length and number. Draws segments anew for a lower
threshold.

Knows what analyses leave beside a timeline; no film, no model, no format.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from vtn_stream.corrections import kept_over
from vtn_stream.errors import InputError, TimelineError
from vtn_stream.exchange.labels import label_with
from vtn_stream.film import CLOCK_TOLERANCE_S, FrameIndex, one_form
from vtn_stream.localize import DRAWINGS, draw, draws_one_label
from vtn_stream.localize.clock import grid_step_s
from vtn_stream.timeline import Segment, Timeline
from vtn_stream.track import GridScores, OperatingPoints, PhaseRules

__all__ = ["Scored", "Selection", "redrawn"]

# Scores, their clock and their labels, as `read_scores` gives them.
Scored = tuple[GridScores, FrameIndex, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What is done with the segments, in this order.

    threshold       only segments with at least this score, 0..1; unscored ones stay, and those of a person
    labels          only these; () for all
    names           labels that get another name
    label_with      an attribute that is put before the labels: "hen 1: walk"
    merge_gap_s     segments of one label at most so far apart become one
    min_duration_s  only segments that last at least so long
    top             only so many, the surest; of equal scores the earliest
    lead_s, lag_s   segments begin so much earlier, and end so much later; negative: later, earlier
    no_overlaps     one track: at each moment only the surest segment
    """

    threshold: float | None = None
    labels: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict, hash=False)
    label_with: str | None = None
    merge_gap_s: float | None = None
    min_duration_s: float = 0.0
    top: int | None = None
    lead_s: float = 0.0
    lag_s: float = 0.0
    no_overlaps: bool = False

    def __post_init__(self) -> None:
        amounts = (self.threshold or 0.0, self.merge_gap_s or 0.0, self.min_duration_s, self.lead_s, self.lag_s)
        if not all(map(math.isfinite, amounts)):
            raise InputError("a number of what is selected is not finite", "nothing was selected", "give seconds")

    def needs_scores(self, timeline: Timeline) -> bool:
        """Whether the threshold lies below one with which the labels asked for were drawn."""
        return self.threshold is not None and self.threshold < max(_drawn_at(timeline, self.labels), default=0.0)

    def unknown_labels(self, timeline: Timeline) -> list[str]:
        """The labels named here that the timeline does not have, and for which the film was not searched."""
        known = {*map(one_form, (*timeline.labels, *_analysis(timeline).get("operating_points", {})))}
        return [label for label in dict.fromkeys((*self.labels, *self.names)) if one_form(label) not in known]

    def apply(self, timeline: Timeline, scores: Callable[[], Scored]) -> Timeline:
        """The timeline with the selected segments; its provenance says what was done.

        scores: reads what was stored beside it; called only where `needs_scores`. Raises what that raises, and
        TimelineError where the timeline was itself selected, with a higher threshold.
        """
        if self == Selection():
            return timeline
        before = _selections(timeline)
        if self.threshold is not None and before:
            # What that one left out is not here, and stored scores know nothing of its names and joins.
            drawn_at = [float(of.get("threshold") or 0.0) for of in before] + _drawn_at(timeline, self.labels)
            if self.threshold < max(drawn_at):
                raise TimelineError(
                    f"this timeline is a selection, with a threshold of {max(drawn_at):g}",
                    "what lies below is not in it",
                    "export from the timeline that it was made of",
                )
        if self.needs_scores(timeline):
            try:
                segments = redrawn(timeline, *scores(), self.threshold or 0.0)
            except (TypeError, ValueError, LookupError, AttributeError) as error:  # a stranger's provenance
                raise _not_drawn_so() from error
            drawn = replace(timeline, segments=tuple(segments))
            timeline = kept_over(timeline, drawn, exclusive=draws_one_label(_analysis(timeline))).timeline
        wanted, names = {*map(one_form, self.labels)}, {one_form(old): new for old, new in self.names.items()}
        labels = {label for label in timeline.labels if one_form(label) in wanted}
        timeline = timeline.filter(labels=labels if self.labels else None, min_score=self.threshold)
        timeline = timeline.rename({label: names.get(one_form(label), label) for label in timeline.labels})
        if self.label_with is not None:
            timeline = label_with(timeline, self.label_with)
        if self.merge_gap_s is not None:
            timeline = timeline.merge(self.merge_gap_s)
        timeline = timeline.filter(min_duration_s=self.min_duration_s, top=self.top)
        if self.lead_s or self.lag_s:
            timeline = timeline.pad(self.lead_s, self.lag_s)
        if self.no_overlaps:
            timeline = timeline.without_overlaps()
        default = asdict(Selection())
        done = {name: value for name, value in asdict(self).items() if value != default[name]}
        done |= {"labels": list(self.labels)} if self.labels else {}
        return replace(timeline, provenance={**timeline.provenance, "selections": [*before, done]})


def _selections(timeline: Timeline) -> list[Mapping[str, Any]]:
    """The earlier selections in its provenance."""
    earlier = timeline.provenance.get("selections")
    return [each for each in earlier if isinstance(each, Mapping)] if isinstance(earlier, list) else []


def _analysis(timeline: Timeline) -> Mapping[str, Any]:
    analysis = timeline.provenance.get("analysis")
    return analysis if isinstance(analysis, Mapping) else {}


def _points(timeline: Timeline) -> OperatingPoints | None:
    """The operating points that the timeline was drawn with; None if it was drawn without them."""
    analysis = _analysis(timeline)
    if "operating_point" not in analysis:
        return None
    try:
        return OperatingPoints.from_dict(analysis)
    except (TypeError, ValueError, AttributeError) as error:
        raise _not_drawn_so() from error


def _not_drawn_so() -> TimelineError:
    return TimelineError(
        "the timeline's provenance does not fit its scores", "nothing was written", "analyze the film again"
    )


def _drawn_at(timeline: Timeline, labels: tuple[str, ...]) -> list[float]:
    """The thresholds of these labels, or of all."""
    points = _points(timeline)
    if points is None:
        return []
    own = [points.of(label) for label in labels] or [points.common, *points.own.values()]
    return [point.high for point in own]


def redrawn(
    timeline: Timeline, scores: GridScores, index: FrameIndex, labels: tuple[str, ...], threshold: float
) -> list[Segment]:
    """The segments as the analysis would draw them with every label's threshold at most this; lower ones stay.

    Raises TypeError, ValueError, LookupError or AttributeError if the provenance does not say how that was, or the
    scores are of another kind.
    """
    points = _points(timeline)
    if points is None:
        return list(timeline.segments)
    # A part of a film is analyzed in whole chunks, and drawn from the positions that are shown in it: as in sampling.
    start_s, end_s = timeline.span_s
    next_s = np.append(index.grid_s[1:], index.grid_s[-1:] + grid_step_s(index))
    inside = (next_s > start_s + CLOCK_TOLERANCE_S) & (index.grid_s < end_s - CLOCK_TOLERANCE_S)
    index = replace(index, valid=index.valid & inside)
    analysis = _analysis(timeline)
    rules = None if analysis.get("phase_rules") is None else PhaseRules(**analysis["phase_rules"])
    drawing = analysis["drawing"] if "drawing" in analysis else DRAWINGS[analysis["kind"]]
    instants = tuple(analysis.get("instants", ()))
    found = draw(drawing, scores, index, labels, timeline.duration_s, points.lowered(threshold), rules, instants)
    return [replace(kept, origin="model") for s in found if (kept := s.cropped(*timeline.span_s)) is not None]
