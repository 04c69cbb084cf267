"""Decodes a film from end to end, to find where frames are lost."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vtn_stream.film import VideoInfo
from vtn_stream.video.requests import DecodingProcess

__all__ = ["LostFrames", "find_damage"]

# Pixels are of no interest; small ones cost least.
_SIZE = (16, 16)


@dataclass(frozen=True, slots=True, kw_only=True)
class LostFrames:
    """Consecutive frames that do not decode, or decode wrongly: [start_s, end_s) of the film."""

    start_s: float
    end_s: float
    num_frames: int


def find_damage(video: VideoInfo, process: DecodingProcess, on_progress: Callable[[int], None]) -> list[LostFrames]:
    """Decodes every frame; returns the lost stretches. on_progress gets the number of frames done since its last call.

    Raises VideoError if the film cannot be opened, DecodingLost if the decoding process fails.
    """
    lost: list[int] = []
    for batch in process.frames(video, video.pts, _SIZE):
        lost += batch.lost
        on_progress(len(batch.items) + len(batch.lost))
    frames = np.sort(np.array(lost, np.int64))
    appear_s = np.append(video.times_s, video.duration_s)
    ends_s = appear_s[1:].copy()
    for span in video.dark:  # a frame before it is not shown until the next
        ends_s[np.searchsorted(video.pts, span.start) - 1] = video.seconds(span.start)
    return [
        LostFrames(start_s=float(appear_s[run[0]]), end_s=float(ends_s[run[-1]]), num_frames=len(run))
        for run in np.split(frames, np.flatnonzero(np.diff(frames) > 1) + 1)
        if len(run)
    ]
