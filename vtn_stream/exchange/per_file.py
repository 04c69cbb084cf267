"""Timelines of recordings as those of their files, each in its own time. What that cuts or leaves out is told."""

from collections.abc import Iterable, Sequence

from vtn_stream.formats.writing import num
from vtn_stream.results.names import plain_name
from vtn_stream.timeline import Segment, Timeline

__all__ = ["file_stems", "per_file"]


def per_file(timelines: Iterable[Timeline]) -> tuple[list[Timeline], tuple[str, ...]]:
    """A timeline for each file of a recording, others as they are; and lines on what is otherwise than before."""
    files, cut, lost = list[Timeline](), list[Segment](), list[Segment]()
    for timeline in timelines:
        of_files = timeline.per_file()
        files += of_files
        if timeline.parts:
            for s in timeline.segments:
                num_files = sum(s.cropped(part.start_s, part.end_s) is not None for part in timeline.parts)
                cut += [s] * (num_files > 1)
                lost += [s] * (num_files == 0)
    told = []
    if cut:
        told.append(f"{num(len(cut), 'segment')} going on in the next file: each file has its part of it")
    if lost:
        told.append(f"{num(len(lost), 'segment')} in time that no file has: left out")
    return files, tuple(told)


def file_stems(timelines: Sequence[Timeline]) -> list[str]:
    """What their files begin with: a different one for each, also where files of two folders have one name."""
    stems = list[str]()
    for timeline in timelines:
        base = stem = plain_name(timeline.video_path.rpartition("/")[2])
        number = 2
        while stem in stems:
            stem, number = f"{base} ({number})", number + 1
        stems.append(stem)
    return stems
