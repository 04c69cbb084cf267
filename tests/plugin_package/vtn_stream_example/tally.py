"""Tallies: how often each label occurs in all films together. They are only written: no timeline comes back of them."""

from collections import Counter
from collections.abc import Sequence

from vtn_stream import Timeline
from vtn_stream.formats import Options, Written

title = "Tally"
suffix = ".tally.txt"
holds_many = True


def write(timelines: Sequence[Timeline], options: Options) -> Written:
    counts = Counter(segment.label for timeline in timelines for segment in timeline.segments)
    return Written(content="".join(f"{counts[label]} {label}\n" for label in sorted(counts)).encode())
