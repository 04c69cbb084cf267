"""A decoded frame for a network or a person: upright, resized, small."""

import io

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray
from PIL import Image

from vtn_stream.video.reader import Source

__all__ = ["DecodedPicture"]


class DecodedPicture:
    """Implements `Picture` for a frame as it is stored: neither turned nor scaled yet."""

    __slots__ = ("_frame", "_reformatter", "_source")

    def __init__(self, frame: av.VideoFrame, source: Source, reformatter: VideoReformatter) -> None:
        self._frame = frame
        self._source = source
        self._reformatter = reformatter

    @property
    def frame(self) -> av.VideoFrame:
        """As it is stored."""
        return self._frame

    def resized(self, width: int, height: int) -> NDArray[np.uint8]:
        turned = self._source.rotation in (90, 270)
        if turned:
            width, height = height, width
        rgb = self._reformatter.reformat(
            self._frame, width, height, "rgb24", interpolation=Interpolation.BICUBIC, threads=1
        )
        shown = rgb.to_ndarray()
        if self._source.mirrored:
            shown = shown[:, ::-1]
        return np.rot90(shown, -self._source.rotation // 90)  # it turns counter-clockwise

    def thumbnail(self, width: int) -> bytes:
        shown_width, shown_height = self._frame.width * self._source.sample_aspect_ratio, self._frame.height
        if self._source.rotation in (90, 270):
            shown_width, shown_height = shown_height, shown_width
        height = min(max(1, round(width * shown_height / shown_width)), 4 * width)
        file = io.BytesIO()
        Image.fromarray(self.resized(width, height)).save(file, "JPEG", quality=75)
        return file.getvalue()
