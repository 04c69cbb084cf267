"""Encodes pictures of a film again, for clips that are exact or carry a label. Runs in the decoding process."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import av
import av.video.stream
from av.codec.context import Flags
from av.video.frame import PictureType

from vtn_stream.video.caption import Caption
from vtn_stream.video.clip_film import ClipFilm
from vtn_stream.video.picture import DecodedPicture
from vtn_stream.video.pyav_reader import PyAVReader

__all__ = ["configure", "encoder_of", "pictures"]

# The quality at which people see no difference (x264's and x265's scale, where 0 is lossless and 23 the default): clips
# are watched, judged, and perhaps cut once more. "fast" costs half of "medium" and at such a quality only bytes.
_QUALITY, _PRESET = 18, "fast"
# A clip is begun in the middle by players, and cut again: a keyframe every two seconds.
_KEYFRAME_S = 2
# Some decoders give frames in another order than their timestamps say. One that so many later ones overtook is lost.
_MOST_WAITING = 16


def encoder_of(stream: av.video.stream.VideoStream) -> tuple[str, str]:
    """The encoder for a film's pictures, and the form that they are given to it: 8 bits in H.264, which everything
    plays; more bits in HEVC, which keeps them.
    """
    pixels = stream.codec_context.format
    if pixels is None:
        return "libx264", "yuv420p"
    depth = max((part.bits for part in pixels.components), default=8)
    if depth > 8:
        return "libx265", "yuv420p10le"
    if stream.codec_context.width % 2 or stream.codec_context.height % 2:  # 4:2:0 has colours for even sizes only
        return "libx264", "yuv444p"
    return "libx264", "yuvj420p" if pixels.name.startswith("yuvj") else "yuv420p"


def configure(
    codec: Any,
    film: ClipFilm,
    stream: av.video.stream.VideoStream,
    time_base: Fraction,
    num_threads: int,
    x264_params: dict[str, str] | None = None,
) -> None:
    """Sets an encoder up for the pictures of this film. time_base: of the timestamps that it will be given."""
    source = stream.codec_context
    rate = film.rate or Fraction(25)
    codec.width, codec.height = source.width, source.height
    codec.time_base, codec.framerate = time_base, rate
    codec.sample_aspect_ratio = film.source.sample_aspect_ratio
    for name in ("color_range", "color_primaries", "color_trc", "colorspace"):
        setattr(codec, name, getattr(source, name))
    codec.gop_size = max(12, min(250, round(_KEYFRAME_S * rate)))
    codec.thread_count = num_threads
    codec.options = {"preset": _PRESET, "crf": str(_QUALITY)}
    if codec.name == "libx265":
        codec.options |= {"x265-params": f"log-level=none:pools={num_threads}:frame-threads=1"}
        codec.codec_tag = "hvc1"  # the name under which all players know it
        return
    if film.interlaced:
        codec.flags |= Flags.interlaced_dct | Flags.interlaced_me
    if x264_params:
        codec.options |= {"x264-params": ":".join(f"{name}={value}" for name, value in x264_params.items())}


def pictures(
    film: ClipFilm,
    first: int,
    stop: int,
    num_threads: int,
    alive: Callable[[], None],
) -> Iterator[tuple[int, av.VideoFrame | None]]:
    """(frame, picture) for each of the frames [first, stop), ascending; None where damage took it."""
    reader = PyAVReader(film.source, num_threads)
    waiting: dict[int, av.VideoFrame | None] = {}
    due = first
    try:
        for i, picture in reader.frames(film.pts[first:stop], alive):
            if first + i >= due:
                waiting[first + i] = picture.frame if isinstance(picture, DecodedPicture) else None
            while due in waiting or len(waiting) > _MOST_WAITING:
                yield due, waiting.pop(due, None)
                due += 1
        for frame in range(due, stop):
            yield frame, waiting.pop(frame, None)
    finally:
        reader.close()


def prepared(frame: av.VideoFrame, codec: Any, caption: Caption | None, *, is_first: bool) -> av.VideoFrame:
    """The picture in the encoder's form, with its label. is_first: of a piece, where one can begin to watch."""
    if (frame.width, frame.height, frame.format.name) != (codec.width, codec.height, codec.pix_fmt):
        frame = frame.reformat(codec.width, codec.height, codec.pix_fmt)
    if caption is not None:
        frame = caption.drawn(frame)
    frame.pict_type = PictureType.I if is_first else PictureType.NONE  # else the encoder does as the film's did
    return frame
