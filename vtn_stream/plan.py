"""Which part of a film is analyzed, in pieces of work."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

from vtn_stream.errors import InputError
from vtn_stream.film import VideoInfo
from vtn_stream.framing import Cutout
from vtn_stream.sampling import Chunk, SamplingPlan

__all__ = ["Plan", "check_recording_name", "plan_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A film that is to be analyzed, or a part of it: made from one probe.

    chunks   every piece of work of the part, stored or not; never none
    span_s   the part, [start, end) in seconds of the film
    cutouts  what is looked at of the picture; each has a timeline of its own
    """

    video: VideoInfo
    chunks: tuple[Chunk, ...]
    span_s: tuple[float, float]
    cutouts: tuple[Cutout, ...] = (Cutout(),)

    @property
    def regions(self) -> tuple[str, ...]:
        """Of the cutouts, as recipes name them."""
        return tuple(dict.fromkeys(cutout.region for cutout in self.cutouts))

    def rows(self, sampling: SamplingPlan) -> slice:
        """The positions of the film's grid that its timeline is drawn from: those of the chunks; and of a recording
        those in the part before and after them, which no file has.
        """
        start, stop = self.chunks[0].rows.start, self.chunks[-1].rows.stop
        if self.video.parts:
            first, last = sampling.span(self.video, *self.span_s)
            start, stop = min(start, first), max(stop, last)
        return slice(start, stop)

    @property
    def of_each(self) -> "tuple[Plan, ...]":
        """A plan for each cutout."""
        return tuple(replace(self, cutouts=(cutout,)) for cutout in self.cutouts)


def check_recording_name(name: str, paths: Sequence[str | os.PathLike[str]]) -> None:
    """Raises InputError unless a recording of these files can have this name."""
    if not paths:
        raise InputError(f"no file of {name or 'the recording'} is given", "nothing was analyzed", "give its files")
    if not name or name in (".", "..") or any(mark in name for mark in "/\\\0") or name.endswith(":"):
        raise InputError(
            f"a recording cannot be called {name or 'nothing'}",
            "nothing was analyzed",
            "give a plain name without folders; -o names the folder of its results",
        )


def plan_of(video: VideoInfo, sampling: SamplingPlan, start_s: float, end_s: float) -> Plan:
    """Plans the analysis of the part of the film in [start_s, end_s).

    Raises InputError where the part holds nothing.
    """
    if not 0 <= start_s < end_s:
        raise InputError(
            f"the part to analyze begins at {start_s:g} s and ends at {end_s:g} s",
            "there is nothing to analyze",
            "give a --start that is before --end",
        )
    if start_s >= video.duration_s:
        raise InputError(
            f"{video.path.name} lasts {video.duration_s:.3f} s, and --start is {start_s:g} s",
            "there is nothing to analyze",
            "begin earlier",
        )
    chunks = sampling.chunks(video, start_s, end_s)
    if not chunks and any(
        span.why == "no file" and video.seconds(span.start) <= start_s and end_s <= video.seconds(span.end)
        for span in video.dark
    ):
        raise InputError(
            f"no file of {video.path.name} has the time from {start_s:.3f} s to {end_s:.3f} s",
            "there is nothing to analyze",
            "widen --start and --end",
        )
    if not chunks:
        raise InputError(
            f"the part to analyze has no position at {float(sampling.fps):g} positions per second",
            "there is nothing to analyze",
            "raise --fps, or widen --start and --end",
        )
    return Plan(video=video, chunks=tuple(chunks), span_s=(start_s, min(end_s, video.duration_s)))
