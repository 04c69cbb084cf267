"""Stopwatch files: a first line that says so, and a line "start end label" a segment. Scores and the film are lost."""

from collections.abc import Sequence

from vtn_stream import Segment, Timeline
from vtn_stream.formats import Options, ReadingOptions, ReadResult, Written
from vtn_stream.formats.reading import decoded, refuse, timeline_of

title = "Stopwatch"
suffix = ".stopwatch.txt"
FIRST = "stopwatch 1"


def write(timelines: Sequence[Timeline], options: Options) -> Written:
    (timeline,) = timelines
    lines = [FIRST, *(f"{s.start_s} {s.end_s} {' '.join(s.label.split())}" for s in timeline.segments)]
    return Written(content="".join(f"{line}\n" for line in lines).encode())


def claims(head: str, suffix: str) -> bool:
    return head.startswith(f"{FIRST}\n")


def read(data: bytes, name: str, options: ReadingOptions) -> ReadResult:
    segments = []
    for number, line in enumerate(decoded(data, name).splitlines()[1:], 2):
        try:
            start, end, label = line.split(" ", 2)
            segments.append(Segment(start_s=float(start), end_s=float(end), label=label))
        except ValueError:
            refuse(name, "it is not a start, an end and a label", line=number)
    return ReadResult(timelines=(timeline_of(segments, name, options, format=title),))
