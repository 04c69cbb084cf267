"""In which runs the pieces of a clip are copied or encoded. Runs in the decoding process."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vtn_stream.video.clip_film import ClipFilm, NotCopyable, Scan

__all__ = ["PiecePlan", "Run", "copied", "encoded", "with_edges"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Frames [first, stop) of a film. num_packets: that are copied for them, from the keyframe `first` on; 0: they are
    encoded. depth: see `Scan`.
    """

    first: int
    stop: int
    num_packets: int = 0
    depth: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PiecePlan:
    """A piece: its film, when it begins and ends there (pts), its runs. ids: of parameter sets in copied packets."""

    film: ClipFilm
    start_pts: int
    end_pts: int
    runs: tuple[Run, ...]
    label: str | None = None
    ids: frozenset[int] = frozenset()

    @property
    def is_copied(self) -> bool:
        return all(run.num_packets for run in self.runs)

    @property
    def num_copied(self) -> int:
        return sum(run.num_packets for run in self.runs)

    @property
    def num_frames(self) -> int:
        return sum(run.stop - run.first for run in self.runs)

    def place(self, pts: int) -> int:
        """When what the film shows at pts is shown in the piece, in the film's time base; time in which it shows
        nothing does not count.
        """
        dark = sum(max(0, min(end, pts) - max(start, self.start_pts)) for start, end in self.film.dark)
        return max(0, pts - self.start_pts - dark)


def copied(
    film: ClipFilm, first: int, stop: int, start_pts: int, end_pts: int, codec: str, alive: Callable[[], None]
) -> PiecePlan:
    """All packets as they are. Raises NotCopyable."""
    scan = film.scan(first, stop, alive, codec=codec)
    if scan.first != first:
        start_pts = int(film.pts[scan.first])
    if scan.stop != stop:
        end_pts = int(film.pts[scan.stop - 1]) + film.lasts(scan.stop - 1)
    return PiecePlan(
        film=film, start_pts=start_pts, end_pts=end_pts, runs=(_copied_run(scan, len(scan.pts), scan.stop),)
    )


def with_edges(
    film: ClipFilm, first: int, stop: int, start_pts: int, end_pts: int, alive: Callable[[], None]
) -> PiecePlan:
    """H.264: packets as they are from the first keyframe to the last, the rest encoded. Raises NotCopyable where a
    keyframe proves to be something else.
    """
    plan = encoded(film, first, stop, start_pts, end_pts)
    keys = first + np.flatnonzero(np.isin(film.pts[first:stop], film.source.keyframes))
    if not len(keys):
        return plan
    begin = int(keys[0])
    scan = film.scan(begin, stop, alive, codec="h264")
    if scan.first != begin or not scan.is_idr:
        raise NotCopyable("its keyframes are not all such that what follows needs nothing from before")
    num_packets, end = scan.closed_by(stop)
    if not num_packets:
        return plan
    middle = _copied_run(scan, num_packets, end)
    runs = [Run(first=first, stop=begin), middle, Run(first=end, stop=stop)]
    return PiecePlan(
        film=film,
        start_pts=start_pts,
        end_pts=end_pts,
        runs=tuple(run for run in runs if run.first < run.stop),
        ids=scan.ids,
    )


def encoded(film: ClipFilm, first: int, stop: int, start_pts: int, end_pts: int, label: str | None = None) -> PiecePlan:
    """All of it encoded again."""
    return PiecePlan(film=film, start_pts=start_pts, end_pts=end_pts, runs=(Run(first=first, stop=stop),), label=label)


def _copied_run(scan: Scan, num_packets: int, stop: int) -> Run:
    return Run(first=scan.first, stop=stop, num_packets=num_packets, depth=scan.depth)
