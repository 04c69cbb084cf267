"""Which frames of a film are used, when they are shown, and how they are cut into pieces of work. Knows numpy only."""

import math
import re
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vtn_stream.errors import InputError
from vtn_stream.film import CLOCK_TOLERANCE_S, FilmPart, FrameIndex, VideoInfo

__all__ = ["CHUNK_S", "Chunk", "ClipWindow", "SamplingPlan", "earlier_frames", "parse_rate"]

# One piece of work, in seconds of film: an hour gives 60 pieces, enough for a cluster; a piece is seconds of
# computing, little to lose in a crash. Spans are of the grid, not of keyframes: some films have only one.
CHUNK_S = 60

MAX_FPS = 1000
MAX_POSITIONS = 20_000_000  # 24 hours at 230/s: beyond it the film's clock or the rate is a mistake

# Matched first: Fraction("1e999999999") would be computed for hours.
_RATE = re.compile(r"-?\d+/0*[1-9]\d*|-?\d+(\.\d*)?(e[-+]?\d{1,3})?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A fixed span [start, stop) of grid positions of one film: metadata only, cheap to send.

    number  counted through the film, or through all files of a recording
    first   the position of the recording at which the grid of the chunk's own file begins; 0 where the film is one file
    """

    video_identity: str
    video_path: Path
    number: int
    start: int
    stop: int
    first: int = 0

    def __len__(self) -> int:
        return self.stop - self.start

    @property
    def key(self) -> str:
        """Deterministic and readable: the same for every copy of the film, wherever it lies."""
        return f"{self.start:09d}-{self.stop:09d}"

    @property
    def rows(self) -> slice:
        """Its positions on the grid of the film, or of the recording."""
        return slice(self.first + self.start, self.first + self.stop)


@dataclass(frozen=True, slots=True)
class SamplingPlan:
    """A grid t_k = k / fps seconds from the container's start. Position k is the frame shown at t_k.

    The grid of a recording is those of its files, one after the other, so that what is stored of a file is found:

        file 1  |.   .   .   .   .  |          file 2  |.   .   .          5 positions, 2 in time that no file
        joined  |.   .   .   .   .   -   -   -         |.   .   .          has, 3; the one before a join is shorter

    >>> SamplingPlan(Fraction(2)).positions(10.0, 60.0)  # at 2 a second
    (20, 120)
    """

    fps: Fraction

    def __post_init__(self) -> None:
        # A rate made from a float has a huge denominator, with which positions overflow 64 bits.
        object.__setattr__(self, "fps", Fraction(self.fps).limit_denominator(1_000_000))
        if self.fps <= 0:
            raise InputError(
                f"the sampling rate is {self.fps} positions per second",
                "no frame can be chosen",
                "give a rate above 0, such as --fps 2",
            )
        if self.fps > MAX_FPS:
            raise InputError(
                f"the sampling rate is above {MAX_FPS} positions per second",
                "it is too high",
                "a film does not need more positions than it has frames",
            )

    def num_positions(self, video: VideoInfo) -> int:
        """How many t_k lie before the film's end."""
        count = sum(laid.stop - laid.first for laid in self._laid(video)) if video.parts else self._num_own(video)
        if count > MAX_POSITIONS:
            raise InputError(
                f"{video.path.name} lasts {video.duration_s:.0f} s by its timestamps: {count} positions",
                f"more than {MAX_POSITIONS} are refused",
                "lower --fps, or remux the film if its timestamps are wrong",
            )
        return count

    def _num_own(self, video: VideoInfo) -> int:
        return max(1, math.ceil((video.duration_s - CLOCK_TOLERANCE_S) * float(self.fps)))

    def _laid(self, video: VideoInfo) -> "list[_Laid]":
        """Where on the grid of a recording those of its files are."""
        laid: list[_Laid] = []
        first = 0
        for i, part in enumerate(video.parts):
            num_own = self._num_own(part.video)
            num = num_own
            if i + 1 < len(video.parts):
                lasts = video.parts[i + 1].start - part.start - Fraction(CLOCK_TOLERANCE_S)
                num = max(num_own, math.ceil(lasts * self.fps))
            laid.append(_Laid(part=part, first=first, num_own=num_own, stop=first + num))
            first += num
        return laid

    def file_of(self, video: VideoInfo, chunk: Chunk) -> VideoInfo:
        """The film whose grid the chunk counts: the recording's file, or the film itself where it is one file."""
        return self.part_of(video, chunk).video if video.parts else video

    def part_of(self, video: VideoInfo, chunk: Chunk) -> FilmPart:
        """The part of a recording that the chunk is of."""
        return next(laid.part for laid in self._laid(video) if laid.first == chunk.first)

    def span(self, video: VideoInfo, start_s: float, end_s: float) -> tuple[int, int]:
        """As `positions`, for any film."""
        if not video.parts:
            return self.positions(start_s, end_s)
        grid_s = self.grid(video).grid_s
        first = max(0, int(np.searchsorted(grid_s, start_s + CLOCK_TOLERANCE_S, side="right")) - 1)
        return first, max(first + 1, int(np.searchsorted(grid_s, end_s - CLOCK_TOLERANCE_S, side="left")))

    def positions(self, start_s: float, end_s: float) -> tuple[int, int]:
        """The positions [first, last) shown in [start_s, end_s) of a film that is one file: at least one."""
        first = math.floor(start_s * self.fps + CLOCK_TOLERANCE_S)
        return first, max(first + 1, math.ceil((end_s - CLOCK_TOLERANCE_S) * self.fps))

    def grid(self, video: VideoInfo, start: int = 0, stop: int | None = None) -> FrameIndex:
        """The plan for positions [start, stop), by default all: the frame with pts <= t_k < next pts.

        Positions before the first frame are invalid, unless it comes before the next position: then it stands for the
        film's start. So are those in which the film shows nothing, and those of time that no file of a recording has.
        A grid finer than the film repeats frames.
        """
        num_positions = self.num_positions(video)
        stop = num_positions if stop is None else stop
        if not 0 <= start <= stop <= num_positions:
            raise ValueError(f"positions [{start}, {stop}) are not all inside a grid of {num_positions}")
        if video.parts:
            return self._joined(video, start, stop)
        grid_s = np.arange(start, stop) * self.fps.denominator / self.fps.numerator
        near = _frames_near(video, start / self.fps, stop / self.fps)
        frame = np.searchsorted(video.times_of(near), grid_s + CLOCK_TOLERANCE_S, side="right") + (near.start - 1)
        if 0 < video.time_of(0) < 1 / self.fps - CLOCK_TOLERANCE_S:
            frame[grid_s == 0] = 0
        for span in video.dark:
            start_s, end_s = (video.seconds(pts) - CLOCK_TOLERANCE_S for pts in (span.start, span.end))
            frame[slice(*np.searchsorted(grid_s, (start_s, end_s)))] = -1
        valid = frame >= 0
        pts_s = np.where(valid, video.times_of(np.maximum(frame, 0)), np.nan)
        return FrameIndex(grid_s=grid_s, frame=frame.astype(np.int64), pts_s=pts_s, valid=valid)

    def _joined(self, video: VideoInfo, start: int, stop: int) -> FrameIndex:
        times_s, pieces = video.times_s, list[FrameIndex]()
        for laid in self._laid(video):
            first, last = max(start, laid.first), min(stop, laid.stop)
            if first >= last:
                continue
            positions = np.arange(first - laid.first, last - laid.first)
            own = self.grid(
                laid.part.video, *np.clip((first - laid.first, last - laid.first), 0, laid.num_own).tolist()
            )
            frame = np.full(len(positions), -1, np.int64)
            frame[: len(own)] = np.where(own.valid, own.frame + laid.part.first_frame, -1)
            pts_s = np.where(frame >= 0, times_s[frame], np.nan)
            before = laid.part.start * self.fps  # positions, as if the grid of the first file went on
            if before.denominator == 1:
                grid_s = (positions + before.numerator) * self.fps.denominator / self.fps.numerator
            else:
                grid_s = float(laid.part.start) + positions * self.fps.denominator / self.fps.numerator
            pieces.append(FrameIndex(grid_s=grid_s, frame=frame, pts_s=pts_s, valid=frame >= 0))
        return FrameIndex.joined(pieces)

    def chunks(self, video: VideoInfo, start_s: float = 0.0, end_s: float = math.inf) -> list[Chunk]:
        """The whole-film chunks that meet [start_s, end_s). Cutting a film never moves their borders. Those of a
        recording are its files' own.
        """
        num_positions = self.num_positions(video)
        chunks: list[Chunk] = []
        if video.parts:
            num_before = 0
            for laid in self._laid(video):
                within = start_s - float(laid.part.start), end_s - float(laid.part.start)
                own = self.chunks(laid.part.video, *within) if within[0] < laid.part.video.duration_s else []
                chunks += [replace(chunk, number=chunk.number + num_before, first=laid.first) for chunk in own]
                num_before += math.ceil(laid.num_own / (CHUNK_S * self.fps))
            return chunks
        if start_s >= end_s:
            return chunks
        for number in range(math.ceil(num_positions / (CHUNK_S * self.fps))):
            if (number + 1) * CHUNK_S <= start_s or number * CHUNK_S >= end_s:
                continue
            start = math.ceil(number * CHUNK_S * self.fps)
            stop = min(math.ceil((number + 1) * CHUNK_S * self.fps), num_positions)
            if start < stop:  # at rates below 1/60 a span can hold no position
                chunks.append(
                    Chunk(
                        video_identity=video.identity,
                        video_path=video.path,
                        number=number,
                        start=start,
                        stop=stop,
                    )
                )
        return chunks


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Laid:
    """A file's positions on the grid of a recording: num_own from `first` on; the others, to `stop`, are in no file."""

    part: FilmPart
    first: int
    num_own: int
    stop: int


def _frames_near(video: VideoInfo, start_s: Fraction, end_s: Fraction) -> slice:
    """The frames of a film that is one file, of which one or more may be shown then: its other frames are not."""
    beside_s = Fraction(1, 100)  # far more than times are rounded by
    bounds = ((at_s + video.start) / video.time_base for at_s in (start_s - beside_s, end_s + beside_s))
    low, high = (int(np.searchsorted(video.pts, max(-(2**62), min(math.floor(at), 2**62)))) for at in bounds)
    return slice(max(0, low - 1), high + 1)


def earlier_frames(video: VideoInfo, frame: NDArray[np.int64], back_s: Fraction) -> NDArray[np.int64]:
    """For each frame [R] of the film the one with which its change is measured, [R].

    It is the frame nearest to back_s seconds before the frame's own time, and at least one frame earlier; of two that
    are nearly as near, the earlier, however the file rounds its times. The first frame has itself, and so have the
    first one after a leap of the clock and the first one of each file of a recording: no change is seen there. Frames
    after it are not compared with what was before it.
    """
    back = back_s / video.time_base  # in units of pts
    pts, own = video.pts, video.pts[frame]
    before = np.searchsorted(pts, own - min(math.ceil(back), 2**61), side="right") - 1
    after = np.minimum(before + 1, frame)
    # Nearer to the one after than to the one before, by 5 to 3: 8 (own - back - before) > 5 (after - before).
    before_pts, after_pts = pts[np.maximum(before, 0)], pts[after]
    is_after = 8 * (own - before_pts) - 5 * (after_pts - before_pts) > min(math.floor(8 * back), 2**62)
    nearest = np.where(is_after | (before < 0), after, before)
    leaps = [span.end for span in video.dark if span.why == "leap"]
    joins = [part.first_frame for part in video.parts]
    starts = np.unique(np.concatenate([np.searchsorted(pts, leaps), joins, [0]]).astype(np.int64))
    first = starts[np.searchsorted(starts, frame, side="right") - 1]
    return np.asarray(np.maximum(np.minimum(nearest, frame - 1), first), np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipWindow:
    """How a model that was trained on clips slides over a film.

    num_positions  of the grid in one window
    stride         positions from one window to the next; at most num_positions, so that none is passed over
    position_rate  the model's position ids count so many a second from the window's start (25 for weights trained on
                   25 frames per second); None if they count the grid's positions
    """

    num_positions: int
    stride: int
    position_rate: Fraction | None = None

    def __post_init__(self) -> None:
        if type(self.num_positions) is not int or type(self.stride) is not int:
            raise ValueError("a window is a whole number of positions, and so is its stride")
        if not 1 <= self.stride <= self.num_positions <= MAX_POSITIONS:
            raise ValueError(f"a window of {self.num_positions} positions cannot have a stride of {self.stride}")
        if self.position_rate is not None:
            object.__setattr__(self, "position_rate", Fraction(self.position_rate))
            if not 0 < self.position_rate <= MAX_FPS:
                raise ValueError(f"a position rate is above 0 and at most {MAX_FPS} a second, got {self.position_rate}")

    def starts(self, num_positions: int) -> NDArray[np.int64]:
        """First positions of the windows over a grid: every stride, and one more that ends where the grid does.

        |---- 0 ----|
              |---- 1 ----|
                 |---- 2 ----|    A grid shorter than a window has one, that holds all of it.
        """
        last = max(0, num_positions - self.num_positions)
        return np.unique(np.append(np.arange(0, last, self.stride), last))

    def position_ids(self, num_positions: int, fps: Fraction) -> NDArray[np.int64]:
        """int64 [num_positions]: floor(position_rate t + 1e-6) with t seconds from the window's start."""
        k = np.arange(num_positions, dtype=np.int64)
        if self.position_rate is None:
            return k
        # in whole numbers: k rate / fps is exact, and the 1e-6 of the release is for its rounding only
        ratio = self.position_rate / fps
        return k * ratio.numerator // ratio.denominator


def parse_rate(given: float | Fraction | str, consequence: str) -> Fraction:
    """Positions a second as people write them. Raises InputError for anything else, with its consequence."""
    text = str(given)
    if len(text) > 100 or not _RATE.fullmatch(text):
        raise InputError(
            f"{text[:40]} is not a rate", consequence, "give positions per second, such as 2, 2.56 or 30000/1001"
        )
    return Fraction(text)
