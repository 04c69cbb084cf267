"""The files of a film in frames, for formats that name them: one, or of a recording those that a camera cut it into."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from vtn_stream.formats.timecode import Clock
from vtn_stream.formats.writing import num
from vtn_stream.timeline import Segment, Timeline

__all__ = ["MediaFile", "in_files", "media_files"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFile:
    """A file, and the frames of the whole film that it has: from `first` to before `end`.

    start         the number of its own first frame, counted from 00:00:00:00
    start_s       when it begins
    end_s         when the next one begins, or the film ends
    """

    path: str
    first: int
    end: int
    start: int
    start_s: float
    end_s: float

    def own(self, frame: int) -> int:
        """The number, in the file's own timecode, of a frame of the whole film."""
        return self.start + frame - self.first


def media_files(timeline: Timeline, clock: Clock) -> list[MediaFile]:
    """In order; at least one. clock: of the whole film."""
    end = clock.frame(timeline.duration_s)
    if not timeline.parts:
        film = timeline.video_path
        return [MediaFile(path=film, first=0, end=end, start=clock.start, start_s=0.0, end_s=timeline.duration_s)]
    next_s = [*(part.start_s for part in timeline.parts[1:]), max(timeline.duration_s, timeline.parts[-1].end_s)]
    return [
        MediaFile(
            path=part.video_path,
            first=clock.frame(part.start_s),
            end=clock.frame(part.end_s),
            start=_start(part.start_timecode, clock),
            start_s=part.start_s,
            end_s=end_s,
        )
        for part, end_s in zip(timeline.parts, next_s, strict=True)
    ]


def in_files(timeline: Timeline, files: list[MediaFile]) -> tuple[Timeline, tuple[str, ...]]:
    """The timeline with each segment cut where one file ends and the next begins, and a warning if there are such."""
    pieces = [list(_pieces(s, files)) for s in timeline.segments]
    num_cut = sum(len(of_one) > 1 for of_one in pieces)
    if not num_cut:
        return timeline, ()
    cut = replace(timeline, segments=tuple(piece for of_one in pieces for piece in of_one))
    return cut, (f"{num(num_cut, 'segment')} going on in the next file of the recording: cut there",)


def _pieces(segment: Segment, files: list[MediaFile]) -> Iterator[Segment]:
    found = [piece for file in files if (piece := segment.cropped(file.start_s, file.end_s)) is not None]
    yield from found if len(found) > 1 else [segment]


def _start(timecode: str | None, clock: Clock) -> int:
    try:
        return clock.count(timecode or "")
    except ValueError:
        return 0
