"""The moments that a film's page asks its reader to look at, one after the other, and the next film's page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vtn_stream.report.html import relative_url, shown_text

__all__ = ["Asked", "Queue"]

MAX_CHARACTERS = 300  # of a reason or a name


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A moment to look at: why, in words, and how much the model doubts what it says of it, 0..1."""

    start_s: float
    end_s: float
    reason: str
    doubt: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """What a page asks for, in this order. next_page: the name of the next film and the path of its page; index: that
    of the page of all moments; paths as seen from this page.
    """

    moments: Sequence[Asked]
    next_page: tuple[str, str] | None = None
    index: str | None = None

    def to_data(self) -> dict[str, Any]:
        """As the page's script reads it: times in ms."""
        return {
            "moments": [
                [
                    round(1000 * asked.start_s),
                    round(1000 * asked.end_s),
                    shown_text(asked.reason, max_characters=MAX_CHARACTERS),
                    round(asked.doubt, 3),
                ]
                for asked in self.moments
            ],
            "nextPage": None
            if self.next_page is None
            else [shown_text(self.next_page[0], max_characters=MAX_CHARACTERS), relative_url(self.next_page[1])],
            "momentsPage": None if self.index is None else relative_url(self.index),
        }
