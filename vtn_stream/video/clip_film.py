"""A film that a clip is cut from: its packets from a keyframe on, and what they are. Runs in the decoding process.

P packets in the order of the file, from a keyframe on.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.container
import av.video.stream
import numpy as np
from av.video.frame import PictureType
from numpy.typing import NDArray

from vtn_stream.film import NO_PTS
from vtn_stream.video.container import check_memory, open_video
from vtn_stream.video.nals import length_size, nals
from vtn_stream.video.reader import Source

__all__ = ["ClipFilm", "NotCopyable", "Scan"]

# A demuxer that is asked for a time may land behind it; sound may lie before the picture that it belongs to.
_BACK_S = (1, 10)
# A keyframe that was not met so long after its time will not come.
_PATIENCE_S = 5
# Frames come out of order by at most 16; a file in which more lie in between is not in order at all.
_MAX_OPEN = 600
# So many packets are decoded to see one frame: as many as decoders hold, with their threads.
_MAX_HELD = 64
# So many keyframes that prove to be none, before copying is given up.
_MAX_DISTRUSTED = 8
_INTRA = (PictureType.I, PictureType.NONE)
_IDR = 5
# In an AVI with B-frames a packet may hold two frames, and the next one, of a few bytes, stands for the second. A copy
# that ends between them would show another frame at its end.
_PLACEHOLDER_BYTES = 8


Opened = tuple[av.container.InputContainer, av.video.stream.VideoStream]


class NotCopyable(Exception):
    """The packets of a span cannot be copied; the text says why, as part of a sentence, where it is worth it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """The packets from a keyframe on that show the frames [first, stop) of the film, and no others.

    pts   int64 [P], when the frame of each is shown
    is_idr  whether, in H.264, nothing from the first on refers to anything before
    ids   of the parameter sets in them (H.264)
    """

    first: int
    stop: int
    pts: NDArray[np.int64]
    is_idr: bool
    ids: frozenset[int]

    def closed_by(self, stop: int) -> tuple[int, int]:
        """(number of packets, end): the most packets that show the frames [first, end) of the film and need no later
        one, end not behind stop; (0, first) if there are none.
        """
        shown = self.first + np.argsort(np.argsort(self.pts))
        ends = np.maximum.accumulate(shown) + 1
        closed = np.flatnonzero((ends - self.first == np.arange(1, len(ends) + 1)) & (ends <= stop))
        return (int(closed[-1]) + 1, int(ends[closed[-1]])) if len(closed) else (0, self.first)

    @property
    def depth(self) -> int:
        """How many packets of later frames lie before one, at most."""
        order, depth = np.argsort(np.argsort(self.pts)), 0
        highest = np.maximum.accumulate(order)
        for late in np.flatnonzero(order < highest):
            window = order[max(0, late - _MAX_OPEN) : late]
            depth = max(depth, int(np.count_nonzero(window > order[late])))
        return depth


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClipFilm:
    """What the parent has told of a film: `source` for readers, and its clock. dark: where it shows nothing. held: the
    file, open for one use each: opening it costs more than copying seconds of it.
    """

    source: Source
    pts: NDArray[np.int64]
    end_pts: int
    start: Fraction
    rate: Fraction | None
    interlaced: bool
    dark: tuple[tuple[int, int], ...]
    held: dict[str, Opened] = field(default_factory=dict)

    @classmethod
    def of(
        cls, told: dict[str, Any], keyframes: NDArray[np.int64], pts: NDArray[np.int64], packets: NDArray[np.int64]
    ) -> "ClipFilm":
        rate = told["rate"]
        source = Source(
            path=Path(told["path"]),
            stream=told["stream"],
            time_base=Fraction(told["time_base"]),
            rotation=told["rotation"],
            mirrored=told["mirrored"],
            sample_aspect_ratio=Fraction(told["sample_aspect_ratio"]),
            keyframes=keyframes,
            temporal_layers=told["temporal_layers"],
            packet_pts=packets if told["is_repaired"] else None,
            restarts=np.array(told["restarts"], np.int64),
            field_pictures=told["field_pictures"],
            num_unseen=told["num_unseen"],
        )
        return cls(
            source=source,
            pts=pts,
            end_pts=told["end_pts"],
            start=Fraction(told["start"]),
            rate=None if rate is None else Fraction(rate),
            interlaced=told["interlaced"],
            dark=tuple((start, end) for start, end in told["dark"]),
        )

    def open(self, use: str) -> Opened:
        """The container and the stream of the picture. use: "facts", "pictures" or "sound", the same ones again for the
        same. But for pictures, what the sound is is known as well.
        """
        if use not in self.held:
            self.held[use] = open_video(str(self.source.path), self.source.stream, with_sound=use != "pictures")
        return self.held[use]

    def close(self) -> None:
        while self.held:
            self.held.popitem()[1][0].close()

    def _open_again(self, use: str) -> Opened:
        """From the start of the file."""
        if (opened := self.held.pop(use, None)) is not None:
            opened[0].close()
        return self.open(use)

    def lasts(self, frame: int) -> int:
        """How long a frame is shown."""
        end = int(self.pts[frame + 1]) if frame + 1 < len(self.pts) else self.end_pts
        dark = [start for start, _ in self.dark if self.pts[frame] < start < end]
        return min([end, *dark]) - int(self.pts[frame])

    def scan(self, first: int, stop: int, alive: Callable[[], None], *, codec: str) -> Scan:
        """The packets that show the frames [first, stop) from the last keyframe before on, and a few more where others
        need them. Raises NotCopyable.
        """
        keys = self._keyframes(first)
        for number, k in enumerate(keys[:_MAX_DISTRUSTED]):
            scan = self._scan_from(k, stop, alive, codec, is_last=number + 1 == min(len(keys), _MAX_DISTRUSTED))
            if scan is not None:
                return scan
        raise NotCopyable("none of the keyframes before is one by itself")

    def packets(self, first: int, alive: Callable[[], None]) -> Iterator[tuple[av.Packet, int]]:
        """The packets of the picture from the keyframe of this frame on, without those of frames shown before it, each
        with the time at which its frame is shown (NO_PTS: never). Raises NotCopyable where it is not found.
        """
        start = int(self.pts[first])
        latest = start + int(_PATIENCE_S / self.source.time_base)
        for container, stream in self._sought("pictures", start):
            is_found = False
            for packet, time in self._timed(container, stream, alive):
                is_found = is_found or (packet.is_keyframe and time == start)
                if is_found and (time >= start or time == NO_PTS):
                    yield packet, time
                elif not is_found and time > latest:
                    break
            if is_found:
                return
        raise NotCopyable("its keyframe is not found again")

    def sound(self, start_s: Fraction, alive: Callable[[], None], wanted: Sequence[int]) -> Iterator[av.Packet]:
        """The packets of these tracks from a moment before start_s (on the file's own clock) on."""
        for container, stream in self._sought("sound", int(start_s / self.source.time_base)):
            tracks = [container.streams[index] for index in wanted]
            for track in tracks:
                track.discard = av.stream.Discard.default
            is_early = False
            for packet in _demuxed(container, [stream, *tracks]):
                alive()
                time = packet.dts if packet.pts is None else packet.pts
                if not packet.size or time is None:
                    continue
                if packet.stream_index != stream.index:
                    is_early = True
                    packet.pts = time
                    yield packet
                elif not is_early and time * stream.time_base > start_s:
                    break  # it landed behind
                else:
                    is_early = True
            if is_early:
                return

    def _keyframes(self, first: int) -> list[int]:
        """Frames where decoding can begin for this one, the nearest first, then each time twice as many away."""
        keys = np.flatnonzero(np.isin(self.pts[: first + 1], self.source.keyframes))[::-1].tolist()
        chosen, step = [], 0
        while step < len(keys):
            chosen.append(keys[step])
            step = 2 * step + 1
        if keys and chosen[-1] != keys[-1]:
            chosen = [*chosen[: _MAX_DISTRUSTED - 1], keys[-1]]
        return chosen

    def _scan_from(self, first: int, stop: int, alive: Callable[[], None], codec: str, *, is_last: bool) -> Scan | None:
        """None if the frame turns out to be no keyframe."""
        pts: list[int] = []
        is_idr = False
        ids: set[int] = set()
        highest, hidden = first, 0
        check: _FirstFrame | None = None
        size = 0
        for packet, time in self.packets(first, alive):
            if check is None:
                size = length_size(codec, bytes(packet.stream.codec_context.extradata or b""))
                check = _FirstFrame(packet.stream, int(self.pts[first]))
            if (sound := check.sees(packet)) is False:
                return None
            if codec == "mpeg4" and packet.size <= _PLACEHOLDER_BYTES:
                raise NotCopyable("its frames are packed, as in DivX files")
            frame = int(np.searchsorted(self.pts, time)) if time != NO_PTS else len(self.pts)
            if frame == len(self.pts) or self.pts[frame] != time:
                hidden += 1
                if sound:
                    break
                continue
            if len(pts) < frame - first + 1 + _MAX_OPEN:
                pts.append(time)
            if codec == "h264":
                kinds = [(unit[0] & 31, unit) for unit in nals(bytes(packet), size) if unit]
                is_idr = any(kind == _IDR for kind, _ in kinds) if len(pts) == 1 else is_idr
                ids |= {set_id(unit) for kind, unit in kinds if kind in (7, 8)}
            highest = max(highest, frame)
            if highest + 1 >= stop and len(pts) == highest + 1 - first:
                break
            if len(pts) > highest + 1 - first or highest - stop > _MAX_OPEN:
                raise NotCopyable("its frames are not in order")
        if check is None or not pts:
            raise NotCopyable("its keyframe is not found again")
        if check.ends() is False:
            return None
        if hidden:
            raise NotCopyable("the file holds frames there that are not to be seen")
        if len(pts) != highest + 1 - first or highest + 1 < stop:
            raise NotCopyable("some of its packets are missing")
        return Scan(first=first, stop=highest + 1, pts=np.array(pts, np.int64), is_idr=is_idr, ids=frozenset(ids))

    def _sought(self, use: str, time: int) -> Iterator[Opened]:
        """The open file where reading goes on from before this time, each time from further back, at last from its
        start.
        """
        if self.source.packet_pts is None:  # else the file's own clock does not say where it is
            for back_s in _BACK_S:
                container, stream = self.open(use)
                with contextlib.suppress(av.FFmpegError):
                    container.seek(time - int(back_s / self.source.time_base), stream=stream)
                    yield container, stream
        yield self._open_again(use)

    def _timed(
        self, container: av.container.InputContainer, stream: av.video.stream.VideoStream, alive: Callable[[], None]
    ) -> Iterator[tuple[av.Packet, int]]:
        times = self.source.packet_pts
        number = 0
        for packet in _demuxed(container, [stream]):
            alive()
            if not packet.size:
                continue
            time = packet.dts if packet.pts is None else packet.pts
            if times is not None:
                time = int(times[number]) if number < len(times) else None
                number += 1
            yield packet, NO_PTS if time is None or packet.is_discard else time


class _FirstFrame:
    """Looks whether what a packet begins with decodes by itself: decodes until its frame has come out."""

    def __init__(self, stream: av.video.stream.VideoStream, pts: int) -> None:
        self._stream = stream
        self._codec = av.CodecContext.create(stream.codec_context.codec.name, "r")
        self._codec.extradata = stream.codec_context.extradata
        self._codec.thread_count = 1
        self._pts = pts
        self._num_given = 0
        self._verdict: bool | None = None

    def sees(self, packet: av.Packet) -> bool | None:
        """False: it does not; True: it does; None: not known yet."""
        if self._verdict is None:
            self._num_given += 1
            self._verdict = self._judge(packet)
            if self._verdict is None and self._num_given >= _MAX_HELD:
                self._verdict = False
        return self._verdict

    def ends(self) -> bool:
        if self._verdict is None:
            self._verdict = self._judge(None)
        return bool(self._verdict)

    def _judge(self, packet: av.Packet | None) -> bool | None:
        try:
            frames = self._codec.decode(packet)
        except MemoryError:
            raise
        except av.FFmpegError:
            check_memory(self._stream)
            return False
        for frame in frames:
            return not frame.is_corrupt and (frame.key_frame or frame.pict_type in _INTRA)
        return None


def set_id(unit: bytes) -> int:
    """The number of an H.264 parameter set: of a sequence (type 7), or of pictures (8)."""
    payload = unit[4:12] if unit[0] & 31 == 7 else unit[1:9]
    bits = f"{int.from_bytes(payload, 'big'):0{8 * len(payload)}b}"
    zeros = bits.find("1")
    return int(bits[zeros : 2 * zeros + 1] or "0", 2) - 1 if zeros >= 0 else 0


def _demuxed(container: av.container.InputContainer, streams: list[Any]) -> Iterator[av.Packet]:
    while True:
        try:
            yield from container.demux(streams)
            return
        except IndexError:  # of a stream that begins later in the file, which PyAV does not know: go on behind it
            continue
        except MemoryError:
            raise
        except av.FFmpegError:
            return  # the film ends there
