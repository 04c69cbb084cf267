"""How far people are with a film: what they reviewed of it, and what they said."""

from dataclasses import dataclass
from typing import Literal, Self

from vtn_stream.corrections import is_corrected, num_reviewed, num_to_review, reviewed_share
from vtn_stream.timeline import Timeline

__all__ = ["Progress", "State"]

State = Literal["not begun", "begun", "done"]
ALL = 0.9995  # of the time: what rounding shows as 100 %


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """share: of the time, in which people looked for everything, 0..1; num_by_hand: segments that people kept, changed
    or added; num_reviewed: how many of the num_to_review segments of a model were kept, changed or rejected.
    """

    share: float
    num_by_hand: int
    num_reviewed: int
    num_to_review: int
    is_begun: bool

    @classmethod
    def of(cls, timeline: Timeline) -> Self:
        return cls(
            share=reviewed_share(timeline),
            num_by_hand=sum(s.by_hand for s in timeline.segments),
            num_reviewed=num_reviewed(timeline),
            num_to_review=num_to_review(timeline),
            is_begun=is_corrected(timeline),
        )

    @property
    def state(self) -> State:
        """Done where people looked at all that a model had said, or at all of the time."""
        if not self.is_begun:
            return "not begun"
        looked_at_all = 0 < self.num_to_review == self.num_reviewed
        return "done" if looked_at_all or self.share >= ALL else "begun"
