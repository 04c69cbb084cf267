"""Which frames and packets of a film a clip takes, and when they are shown in it. Knows numpy only: no file.

wanted                  [-----------)
frames        |   |   |   |   |   |   |   |
exact             [-------------------)           from the frame shown at the start, to the end of the last
keyframes     K                   K
copied        [-----------------------)           from the keyframe before
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vtn_stream.errors import VideoError
from vtn_stream.film import CLOCK_TOLERANCE_S, VideoInfo

__all__ = ["Span", "copied_span", "exact_span"]

# A frame that stands for so many usual ones is shown in the clip from the wanted moment on, or up to it, only: a
# recording of a screen may show one frame for minutes.
_LONG_FRAME = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Frames [first, stop) of a film (indices in presentation order).

    start_pts, end_pts  where they begin and stop being shown, in the film's time base
    start_s, end_s      the same in seconds on the film's clock
    early_s, late_s     how much of it lies before and behind what was asked for
    """

    first: int
    stop: int
    start_pts: int
    end_pts: int
    start_s: float
    end_s: float
    early_s: float
    late_s: float

    @property
    def num_frames(self) -> int:
        return self.stop - self.first


def exact_span(video: VideoInfo, start_s: float, end_s: float) -> Span:
    """The frames shown in [start_s, end_s): the first is the one shown at start_s. Raises VideoError for none."""
    clock = _clock(video)
    starts_s = clock.starts_s
    first = max(0, int(np.searchsorted(starts_s, start_s + CLOCK_TOLERANCE_S, side="right")) - 1)
    first += int(clock.ends[first] <= _pts_at(video, start_s))  # it stands before a span in which nothing is shown
    stop = int(np.searchsorted(starts_s, end_s - CLOCK_TOLERANCE_S, side="left"))
    if not start_s < end_s or stop <= first or end_s <= starts_s[0]:
        raise VideoError(
            f"{video.path.name} shows no frame from {start_s:.3f} to {end_s:.3f} s",
            "there is nothing to cut",
            f"choose times between {max(0.0, starts_s[0]):.3f} and {video.duration_s:.3f} s",
        )
    return _span(video, first, stop, start_s, end_s)


def copied_span(video: VideoInfo, start_s: float, end_s: float) -> Span:
    """What copying packets gives at best: the same from the last keyframe on that lies before. What is copied may end
    some frames later, where others refer to them. Raises VideoError for no frame.
    """
    exact = exact_span(video, start_s, end_s)
    keys = _clock(video).keys
    num_before = int(np.searchsorted(keys, exact.first, side="right"))
    return _span(video, int(keys[num_before - 1]) if num_before else 0, exact.stop, start_s, end_s)


def _span(video: VideoInfo, first: int, stop: int, start_s: float, end_s: float) -> Span:
    ends, usual = _clock(video).ends, _clock(video).usual
    start_pts, end_pts = int(video.pts[first]), int(ends[stop - 1])
    if (
        _pts_at(video, start_s) - start_pts >= _LONG_FRAME * usual
        and stop > first
        and ends[first] > _pts_at(video, start_s)
    ):
        start_pts = _pts_at(video, start_s)
    if end_pts - _pts_at(video, end_s) >= _LONG_FRAME * usual:
        end_pts = max(int(video.pts[stop - 1]) + usual, _pts_at(video, end_s))
    begins_s, ends_s = video.seconds(start_pts), video.seconds(end_pts)
    return Span(
        first=first,
        stop=stop,
        start_pts=start_pts,
        end_pts=end_pts,
        start_s=begins_s,
        end_s=ends_s,
        early_s=max(0.0, start_s - begins_s),
        late_s=max(0.0, ends_s - end_s),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Clock:
    """Of N frames: when each begins, in seconds; where it stops being shown, in pts; which are keyframes; how long they
    usually last, in pts.
    """

    starts_s: NDArray[np.float64]
    ends: NDArray[np.int64]
    keys: NDArray[np.int64]
    usual: int


@lru_cache(maxsize=4)  # a film of some hours is asked for a thousand spans, 10 ms each
def _clock(video: VideoInfo) -> _Clock:
    ends = np.append(video.pts[1:], video.end_pts)
    for span in video.dark:
        last = int(np.searchsorted(video.pts, span.end)) - 1
        ends[last] = min(int(ends[last]), span.start)
    usual = int(np.median(np.diff(video.pts))) if video.num_frames > 1 else video.end_pts - int(video.pts[0])
    return _Clock(video.times_s, ends, np.flatnonzero(np.isin(video.pts, video.keyframes)), usual)


def _pts_at(video: VideoInfo, time_s: float) -> int:
    return round((time_s + float(video.start)) / float(video.time_base))
