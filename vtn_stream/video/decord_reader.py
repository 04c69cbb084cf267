"""The decord reader. decord knows frames by their number, and what it says about them must be checked.

decord is an old FFmpeg (no AV1) behind a counter of frames: it seeks to a keyframe, counts what comes out, and hands
over the n-th picture. It does not tell a picture's time. Where frames are shown before the keyframe that they follow
(open GOPs), where a keyframe is not one, or where the container lands elsewhere, its count is wrong and it does not
notice. So it is led: it may jump to keyframes where counting is safe, and from there goes from frame to frame.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from vtn_stream.errors import VideoError
from vtn_stream.video.container import check_memory, open_video, packets_of
from vtn_stream.video.from_rgb import CodedPictures
from vtn_stream.video.picture import DecodedPicture, Tools
from vtn_stream.video.reader import Picture, Source
from vtn_stream.video.references import is_fresh_start

__all__ = ["DecordReader"]

# Formats in which decord begins at the first frame, and lands where it seeks to. Elsewhere (transport streams) it
# looks for a time among packets that are in another order, and begins at a later keyframe.
_EXACT_FORMATS = ("mov", "matroska", "avi", "flv")
# Frames between two signs of life: an eighth of a second of work.
_STRIDE = 64
# Raise where a picture is missing; by default decord hands over another one in its place.
_NO_SUBSTITUTES = 0


class DecordReader:
    """Implements `Reader`.

    Where decord fails, frames are lost up to the next keyframe that is safe to begin at: what its threads hold is gone.
    """

    def __init__(self, source: Source, num_threads: int) -> None:
        assert source.pts is not None
        self._source = source
        self._pts = source.pts
        self._num_threads = num_threads
        self._name = source.path.name
        self._decord = _decord(self._name)
        self._tools = Tools()
        self._container, self._stream = open_video(str(source.path), source.stream)
        self._check_container()
        self._reader: Any
        self._next: int  # the frame that it would hand over next
        self._open()
        self._check_counting()
        template = _any_frame(source)
        self._stored_size = (template.height, template.width)
        self._coded = CodedPictures(template)
        self._starts: NDArray[np.int64] | None = None

    def close(self) -> None:
        self._container.close()
        self._reader = None

    def frames(self, pts: NDArray[np.int64], alive: Callable[[], None]) -> Iterator[tuple[int, Picture | None]]:
        if self._starts is None:
            self._starts = self._safe_starts(alive)
        lost_until = 0
        for i, frame in enumerate(np.searchsorted(self._pts, pts).tolist()):
            if frame < lost_until:
                yield i, None
                continue
            try:
                rgb = self._picture(frame, alive)
            except (self._decord.DECORDError, RuntimeError, StopIteration):
                check_memory(self._stream)
                later = self._starts[self._starts > frame]
                lost_until = int(later[0]) if len(later) else len(self._pts)
                self._open()
                yield i, None
                continue
            yield i, DecodedPicture(self._coded.frame(self._as_stored(rgb)), self._source, self._tools)

    def _picture(self, frame: int, alive: Callable[[], None]) -> NDArray[np.uint8]:
        """uint8 [H, W, 3], upright but for mirroring."""
        assert self._starts is not None
        start = int(self._starts[np.searchsorted(self._starts, frame, side="right") - 1])
        if self._next > frame or start > self._next:
            # It decodes this frame at once, to see where it landed: nothing but the frame may be asked for now.
            self._reader.seek_accurate(start)
            self._next = start
            if start < frame:
                self._take()
        while self._next < frame:
            alive()
            # seek_accurate() only skips up to the next keyframe, and would jump beyond it: that border is crossed by
            # taking the frame before it.
            border = int(self._borders[np.searchsorted(self._borders, self._next, side="right")])
            to = min(frame, border - 1, self._next + _STRIDE)
            if to > self._next:
                self._reader.seek_accurate(to)
                self._next = to
            if to < frame and to == border - 1:
                self._take()
        alive()
        return self._take().asnumpy()

    def _take(self) -> Any:
        self._next += 1
        return self._reader.next()

    def _as_stored(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The picture turned back: decord turns pictures, and takes a mirrored one for an upside-down one."""
        turned = self._source.rotation + 180 * self._source.mirrored
        stored = np.rot90(rgb, turned // 90 % 4)  # counter-clockwise
        if stored.shape[:2] != self._stored_size:
            raise self._refusal(f"decord rotates {self._name} in another way than players do")
        return np.ascontiguousarray(stored)

    def _open(self) -> None:
        try:
            self._reader = self._decord.VideoReader(
                str(self._source.path.absolute()), num_threads=self._num_threads, fault_tol=_NO_SUBSTITUTES
            )
        except (self._decord.DECORDError, RuntimeError, AssertionError) as error:
            check_memory(self._stream)
            raise self._refusal(f"decord cannot read {self._name} ({self._stream.codec_context.name} video)") from error
        self._next = 0

    def _check_container(self) -> None:
        """Checks what can be known without decord."""
        if self._source.num_unseen:
            raise self._refusal(
                f"decord counts the {self._source.num_unseen} frames of {self._name} that are not shown or have no time"
            )
        best = self._container.streams.best("video")
        if best is not None and best.index != self._source.stream:
            raise self._refusal(f"decord reads video stream {best.index} of {self._name}, not {self._source.stream}")
        formats = self._container.format.name.split(",")
        if not set(formats) & set(_EXACT_FORMATS):
            raise self._refusal(f"decord does not find the frames of {self._name} by number ({formats[0]} format)")

    def _check_counting(self) -> None:
        """Raises VideoError if decord counts other frames than there are, or gives them other times."""
        num_frames = len(self._reader)
        if num_frames != len(self._pts):
            raise self._refusal(f"decord counts {num_frames} frames in {self._name}, which has {len(self._pts)}")
        shown_s = self._reader.get_frame_timestamp(np.arange(num_frames))[:, 0].astype(np.float64)
        true_s = (self._pts - self._pts[0]) * float(self._source.time_base)
        off_s = float(np.abs(shown_s - shown_s[0] - true_s).max())
        frame_s = float(np.median(np.diff(true_s))) if num_frames > 1 else 1.0
        if not off_s <= frame_s / 2:
            raise self._refusal(f"decord has wrong times for frames of {self._name}")
        # Keyframes by decord's count, which is that of the file's order; a last border that is never reached.
        self._borders = np.append(np.array(self._reader.get_key_indices(), np.int64), num_frames + 1)
        if len(self._borders) == 1 or self._borders[0] != 0:
            raise self._refusal(f"{self._name} does not begin with a keyframe, but decord counts from one")

    def _safe_starts(self, alive: Callable[[], None]) -> NDArray[np.int64]:
        """Keyframes to which decord can jump: as many frames are stored before them as are shown before them, and
        decoding there is as good as coming from before. The first frame, always."""
        keyframes = np.searchsorted(self._pts, self._source.keyframes)
        if not np.array_equal(self._source.keyframes, self._pts[np.minimum(keyframes, len(self._pts) - 1)]):
            return np.zeros(1, np.int64)
        borders = self._borders[:-1]
        if len(borders) != len(keyframes):
            return np.zeros(1, np.int64)
        safe = borders == keyframes
        safe &= np.isin(self._source.keyframes, self._fresh_starts(alive))
        return np.union1d(keyframes[safe], [0])

    def _fresh_starts(self, alive: Callable[[], None]) -> NDArray[np.int64]:
        """The pts of keyframes that hold no picture back."""
        codec = self._stream.codec_context
        if codec.name != "h264":
            return self._source.keyframes
        extradata, fresh = bytes(codec.extradata or b""), []
        for packet in packets_of(self._container, self._stream):
            alive()
            if packet is None:
                break
            if packet.is_keyframe and packet.pts is not None and is_fresh_start("h264", extradata, bytes(packet)):
                fresh.append(packet.pts)
        return np.array(fresh, np.int64)

    def _refusal(self, fact: str) -> VideoError:
        return VideoError(fact, "it was not analyzed", "use the default decoder: --decoder pyav")


def _any_frame(source: Source) -> av.VideoFrame:
    """The first frame that PyAV decodes; there is one, or probing would have failed."""
    container, stream = open_video(str(source.path), source.stream)
    with container:
        for packet in packets_of(container, stream):
            with contextlib.suppress(av.error.InvalidDataError):
                for frame in stream.decode(packet):
                    return frame
    raise VideoError(
        f"not one frame of {source.path.name} could be decoded", "it was not analyzed", "check that it plays"
    )


def _decord(name: str) -> Any:
    """The decord library, imported only here, since it is not made for every machine."""
    try:
        import decord
    except (ImportError, OSError) as error:
        raise VideoError(
            f"decord cannot be used here ({type(error).__name__})",
            f"{name} was not analyzed",
            "use the default decoder, --decoder pyav, or install decord",
        ) from error
    return decord
