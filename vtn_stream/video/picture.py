"""A decoded frame for a network or a person: upright, resized, small; all of it, or what a window takes of it."""

import io

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray
from PIL import Image

from vtn_stream.video.crop import Cropper
from vtn_stream.video.reader import Source
from vtn_stream.video.window import Window, stored_box

__all__ = ["DecodedPicture", "Tools"]


# Of one film: a scaler for each size of what is cut out of frames.
_MAX_SCALERS = 256


class Tools:
    """What pictures are made with, kept from frame to frame: making them ready costs more than a picture."""

    def __init__(self) -> None:
        self.crop = Cropper()
        self._scalers: dict[tuple[int, int], VideoReformatter] = {}

    def scaler(self, width: int, height: int) -> VideoReformatter:
        """For frames of this size."""
        if len(self._scalers) >= _MAX_SCALERS:
            self._scalers.clear()
        return self._scalers.setdefault((width, height), VideoReformatter())


class DecodedPicture:
    """Implements `Picture` for a frame as it is stored: neither turned nor scaled yet."""

    __slots__ = ("_frame", "_source", "_tools")

    def __init__(self, frame: av.VideoFrame, source: Source, tools: Tools) -> None:
        self._frame = frame
        self._source = source
        self._tools = tools

    @property
    def frame(self) -> av.VideoFrame:
        """As it is stored."""
        return self._frame

    def resized(self, window: Window) -> NDArray[np.uint8]:
        return self._resized(self._cut(window), *window.size)

    def thumbnail(self, width: int, window: Window) -> bytes:
        frame = self._cut(window)
        shown_width, shown_height = frame.width * self._source.sample_aspect_ratio, frame.height
        if self._source.rotation in (90, 270):
            shown_width, shown_height = shown_height, shown_width
        height = min(max(1, round(width * shown_height / shown_width)), 4 * width)
        file = io.BytesIO()
        Image.fromarray(self._resized(frame, height, width)).save(file, "JPEG", quality=75)
        return file.getvalue()

    def _cut(self, window: Window) -> av.VideoFrame:
        source, frame = self._source, self._frame
        box = stored_box(window, frame.width, frame.height, source.rotation, source.mirrored)
        return frame if box is None else self._tools.crop(frame, box)

    def _resized(self, frame: av.VideoFrame, height: int, width: int) -> NDArray[np.uint8]:
        if self._source.rotation in (90, 270):
            width, height = height, width
        scaler = self._tools.scaler(frame.width, frame.height)
        rgb = scaler.reformat(frame, width, height, "rgb24", interpolation=Interpolation.BICUBIC, threads=1)
        shown = rgb.to_ndarray()
        if self._source.mirrored:
            shown = shown[:, ::-1]
        return np.rot90(shown, -self._source.rotation // 90)  # it turns counter-clockwise
