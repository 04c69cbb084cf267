"""The latest frames of a film that came out of the decoder, for who needs one again. Runs in the decoding process."""

from collections import OrderedDict
from itertools import islice

import av
import numpy as np
from numpy.typing import NDArray

from vtn_stream.video.picture import DecodedPicture, Tools
from vtn_stream.video.reader import Picture, Source
from vtn_stream.video.window import Window

__all__ = ["Held"]


class _Small:
    """Implements `Picture` for what one window takes."""

    def __init__(self, picture: NDArray[np.uint8]) -> None:
        self._picture = picture

    def resized(self, window: Window) -> NDArray[np.uint8]:
        return self._picture

    def thumbnail(self, width: int, window: Window) -> bytes:
        raise NotImplementedError("a frame that is held small has no thumbnail")


class Held:
    """keep: frames that were shown since so long before the newest, in the film's time base, are held; and the one that
    was shown then.
    """

    def __init__(self, source: Source, tools: Tools, keep: int) -> None:
        self._source, self._tools, self._keep = source, tools, keep
        self._window: Window | None = None
        self._keep_small = 0
        self._frames: OrderedDict[int, Picture | None] = OrderedDict()
        self._small: OrderedDict[int, Picture | None] = OrderedDict()

    def keep_small(self, window: Window, time: int) -> None:
        """What this window takes of each frame from now on is held as well, for so long."""
        self._window, self._keep_small = window, time

    def add(self, pts: int, frame: av.VideoFrame, *, is_sound: bool) -> Picture | None:
        """Takes the next frame, shown after all others. Returns its picture; None if it is not sound."""
        picture = DecodedPicture(frame, self._source, self._tools) if is_sound else None
        self._frames[pts] = picture
        if self._window is not None:
            self._small[pts] = None if picture is None else _Small(np.ascontiguousarray(picture.resized(self._window)))
        _trim(self._frames, pts - self._keep)
        _trim(self._small, pts - self._keep_small)
        return picture

    def get(self, pts: int, windows: list[Window], *, has_thumbnail: bool) -> Picture | None:
        """The picture of a frame that is held; None if it is not, or is damaged."""
        if pts not in self._frames and windows == [self._window] and not has_thumbnail:
            return self._small.get(pts)
        return self._frames.get(pts)


def _trim(held: OrderedDict[int, Picture | None], since: int) -> None:
    """Lets go of what was not shown at this time, or later."""
    while len(held) > 1:
        oldest, following = islice(held, 2)
        if following > since:
            return
        del held[oldest]
