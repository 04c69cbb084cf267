"""The final segments of a run: more of them come, and none changes. Standard library and the timeline's parts only."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from vtn_stream.following.events import Final, Told
from vtn_stream.following.live import Said
from vtn_stream.segments import Segment

__all__ = ["Finals", "missing_from"]

TOLERANCE_S = 1e-6


class Finals:
    """The final segments of a run, after those that an earlier run told.

    draws_one_label  whether a moment has one label at most
    """

    def __init__(self, told: Told, *, draws_one_label: bool) -> None:
        self._told = tuple(replace(segment, origin="model") for segment in told.segments)
        self._one = draws_one_label
        self._segments = list(self._told)
        self.until_s = self._told_until_s = told.until_s
        self._told_keys = {_key(segment, by_name=True) for segment in self._told}
        self._cut_off = [of for of in self._told if of.end_s >= told.until_s - TOLERANCE_S]

    @property
    def segments(self) -> tuple[Segment, ...]:
        return tuple(self._segments)

    def take(self, said: Said) -> Final | None:
        """What is to be told now; None if there is nothing."""
        new = tuple(self.after_told(said.final))
        self._segments += new
        self.until_s = max(self.until_s, said.until_s)
        return Final(segments=new, until_s=self.until_s) if new else None

    def after_told(self, segments: Iterable[Segment]) -> Iterator[Segment]:
        """Those of the segments that an earlier run did not tell. Where that run came to an end and the film went on
        after all, what it had cut off there stays as it was told, and the rest of it is a segment of its own.
        """
        for segment in segments:
            segment = replace(segment, origin="model")
            if segment.end_s < self._told_until_s - TOLERANCE_S or _key(segment, by_name=True) in self._told_keys:
                continue
            beside = [
                of.end_s for of in self._cut_off if of.overlaps(segment) and (self._one or of.label == segment.label)
            ]
            if beside and max(beside) < segment.end_s:
                segment = replace(segment.placed(max(beside), segment.end_s), origin="model")
            if not beside or max(beside) < segment.end_s:
                yield segment


def missing_from(segments: Sequence[Segment], final: Sequence[Segment], *, by_name: bool) -> list[Segment]:
    """Those of the final segments that a timeline with these segments does not have. by_name: with the same labels."""
    there = {_key(segment, by_name=by_name) for segment in segments}
    return [segment for segment in final if _key(segment, by_name=by_name) not in there]


def _key(segment: Segment, *, by_name: bool) -> tuple[float, float, str]:
    return (segment.start_s, segment.end_s, segment.label if by_name else "")
