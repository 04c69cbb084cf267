"""Cuts a box out of a decoded frame, in whatever form its pixels are stored: no pixel is copied or changed."""

from collections import OrderedDict
from fractions import Fraction

import av
from av.filter import Graph

from vtn_stream.region import Box

__all__ = ["Cropper"]

# A film may change its size or its pixels' form as often as it likes; each box of each form is kept ready.
_MAX_READY = 256


class Cropper:
    """FFmpeg's crop filter, which moves the frame's pointers to its pixels. Of colours that are stored for two pixels
    at a time, the pair is taken in which an odd edge lies.
    """

    def __init__(self) -> None:
        self._ready: OrderedDict[tuple[int, int, str, Box], Graph] = OrderedDict()

    def __call__(self, frame: av.VideoFrame, box: Box) -> av.VideoFrame:
        key = (frame.width, frame.height, frame.format.name, box)
        graph = self._ready.pop(key, None)
        if graph is None:
            graph = _graph(*key)
            while len(self._ready) >= _MAX_READY:
                self._ready.popitem(last=False)
        self._ready[key] = graph
        graph.push(frame)
        cropped = graph.pull()
        assert isinstance(cropped, av.VideoFrame)
        return cropped


def _graph(width: int, height: int, form: str, box: Box) -> Graph:
    graph = Graph()
    graph.threads = 1
    source = graph.add_buffer(width=width, height=height, format=av.VideoFormat(form), time_base=Fraction(1, 1000))
    crop = graph.add("crop", f"w={box.right - box.left}:h={box.bottom - box.top}:x={box.left}:y={box.top}:exact=1")
    sink = graph.add("buffersink")
    source.link_to(crop)
    crop.link_to(sink)
    graph.configure()
    return graph
