"""The PyAV reader: sequential decoding from the last keyframe before the wanted frames."""

from collections import deque
from collections.abc import Callable, Container, Iterator
from itertools import chain

import av
import numpy as np
from av.video.frame import PictureType
from numpy.typing import NDArray

from vtn_stream.video.bare import bare_extradata, bare_packet, can_be_bare
from vtn_stream.video.container import check_memory, open_video, packets_of
from vtn_stream.video.damage import DamageLog
from vtn_stream.video.picture import DecodedPicture, Tools
from vtn_stream.video.reader import Picture, Source
from vtn_stream.video.references import disposable_test

__all__ = [
    "JOINT_FRAMES",
    "PATIENCE_FRAMES",
    "WORTH_A_SEEK_S",
    "PyAVReader",
    "readable_codecs",
    "version",
    "with_content",
]

_USUAL_CODECS = ("h264", "hevc", "av1", "vp9", "vp8", "mpeg4", "mpeg2video", "prores", "mjpeg", "vvc")

# A frame is given up for lost when this many later ones have come out. Decoders emit in order of presentation,
# but may learn late how many frames a stream reorders (at most 16).
PATIENCE_FRAMES = 32
# Going on decoding beats seeking unless a keyframe at least this far ahead can be jumped to: a seek drops what
# the decoder's threads hold, and lands early in some containers.
WORTH_A_SEEK_S = 4.0
# Where leaving packets out did harm so often, nothing is left out any more.
_MAX_REDONE = 4
# So many frames are known as incomplete before a joint at most: as many as a parser holds.
JOINT_FRAMES = 4
_END = 2**63 - 1
# What a keyframe is decoded to; decoders of some formats do not say.
_INTRA = (PictureType.I, PictureType.NONE)


def version() -> str:
    """The versions of PyAV and of the FFmpeg in it, as an Execution names them."""
    return f"pyav {av.__version__}, ffmpeg {av.ffmpeg_version_info}"


def readable_codecs() -> dict[str, bool]:
    """Common video codecs, and whether this FFmpeg decodes them."""
    return {codec: codec in av.codecs_available for codec in _USUAL_CODECS}


class PyAVReader:
    """Implements `Reader`.

    Packets to which nothing refers and whose frames are not wanted are not decoded. Where anything then goes wrong,
    that stretch is decoded once more in full, so that the frames are those of a decoder that was given everything.
    """

    def __init__(self, source: Source, num_threads: int) -> None:
        self._source = source
        self._num_threads = num_threads
        self._tools = Tools()
        self._worth_a_seek = int(WORTH_A_SEEK_S / source.time_base)
        self._keyframes = source.keyframes  # those that proved not to be keyframes are taken out
        self._num_distrusted = 1
        self._num_redone = 0
        self._redo_pts: int | None = None  # where leaving packets out may have done harm
        self._is_bare = False  # after the first complaint the decoder gets nothing but pictures
        self._joints = _before(source.restarts, source.packet_pts)
        self._open()
        codec = self._stream.codec_context.name
        self._can_be_bare = can_be_bare(codec)
        self._is_disposable = disposable_test(codec, self._extradata, source.temporal_layers)
        # Up to here, in pts, everything is decoded.
        self._full_until = _END if self._is_disposable is None else -_END

    def _open(self) -> None:
        self._container, self._stream = open_video(str(self._source.path), self._source.stream)
        codec = self._stream.codec_context
        self._extradata = bytes(codec.extradata or b"")
        # A decoder that meets damage says so, instead of painting over it where it can. MPEG-2's counts the fields of a
        # frame wrongly and then refuses whole ones.
        if not self._source.field_pictures:
            codec.options |= {"err_detect": "explode"}
        if self._is_bare:
            codec.extradata = bare_extradata(codec.name, self._extradata)
        self._stream.codec_context.thread_type = "AUTO"
        self._stream.codec_context.thread_count = self._num_threads
        self._packets: Iterator[av.Packet | None] = packets_of(
            self._container, self._stream, times=self._source.packet_pts
        )
        self._damage = DamageLog(self._num_threads - 1)
        self._emitted: deque[av.VideoFrame] = deque()  # decoded, not looked at yet
        self._last_pts = -_END  # the latest frame that was looked at
        self._last_demuxed = int(self._keyframes[0]) if len(self._keyframes) else 0
        self._entry: int | None = None  # the keyframe that was jumped to, until it has come out
        self._ended = False

    def close(self) -> None:
        self._container.close()

    def frames(self, pts: NDArray[np.int64], alive: Callable[[], None]) -> Iterator[tuple[int, Picture | None]]:
        waiting = deque((int(p), i) for i, p in enumerate(pts))
        position = {p: i for p, i in waiting}
        last_pts = max(position, default=-_END)
        recent: deque[int] = deque(maxlen=PATIENCE_FRAMES)
        must_seek = bool(waiting) and waiting[0][0] <= self._last_pts  # it lies behind us
        while waiting:
            if waiting[0][0] not in position:
                waiting.popleft()  # it has come out
                continue
            if must_seek or self._is_worth_a_seek(waiting[0][0]):
                self._seek(waiting[0][0], alive)
                recent.clear()
            frame = self._next_frame(position, last_pts, alive)
            must_seek = self._must_redo() or not self._is_entry_sound(frame)
            if must_seek:
                continue
            if frame is None:
                must_seek = self._must_redo(min(position))
                if must_seek:
                    continue
                break
            if frame.pts is None:
                continue
            self._last_pts = max(self._last_pts, frame.pts)
            if (i := position.pop(frame.pts, None)) is not None:
                sound = self._damage.is_sound(frame.pts)
                yield i, DecodedPicture(frame, self._source, self._tools) if sound else None
            while len(recent) == PATIENCE_FRAMES and waiting and waiting[0][0] < recent[0]:
                p, i = waiting[0]
                must_seek = p in position and self._must_redo(p)
                if must_seek:
                    break
                waiting.popleft()
                if position.pop(p, None) is not None:
                    yield i, None
            recent.append(frame.pts)
        for _, i in sorted(position.items()):
            yield i, None

    def _next_frame(self, wanted: Container[int], last_wanted: int, alive: Callable[[], None]) -> av.VideoFrame | None:
        """The next frame in order of presentation. It waits until those predicted from a later one, and shown before
        it, are decoded as well: only then is it known whether they are damaged.
        """
        while not self._ended and len(self._emitted) <= self._stream.codec_context.reorder_depth:
            packet = next(self._packets)
            alive()
            if packet is None:
                self._ended = True  # decoding it drains the decoder
            else:
                if packet.pts is not None:
                    self._last_demuxed = max(self._last_demuxed, packet.pts)
                is_disposable = self._is_disposable is not None and self._is_disposable(bytes(packet))
                # Frames after the last that is wanted now may be wanted later.
                if (
                    is_disposable
                    and packet.pts is not None
                    and self._full_until < packet.pts < last_wanted
                    and packet.pts not in wanted
                ):
                    continue
                self._damage.sent(packet.pts, is_keyframe=packet.is_keyframe, is_disposable=is_disposable)
                if packet.has_sidedata("encryption_info"):  # whatever a decoder makes of it
                    self._damage.corrupt(packet.pts)
                if packet.is_corrupt and packet.pts not in self._joints:
                    if self._source.field_pictures:  # whose decoder would not tell
                        self._damage.corrupt(packet.pts)
                    else:
                        self._damage.incomplete(packet.pts)
            try:
                decoded = self._decode(packet)
            except MemoryError:
                raise
            except av.FFmpegError:
                check_memory(self._stream)
                self._suspect(None if packet is None else packet.pts)
                self._damage.failed()
                continue
            for frame in decoded:
                if frame.is_corrupt:
                    self._suspect(frame.pts)
                    self._damage.corrupt(frame.pts)
                self._emitted.append(frame)
        return self._emitted.popleft() if self._emitted else None

    def _decode(self, packet: av.Packet | None) -> list[av.VideoFrame]:
        if packet is not None and self._is_bare:
            content = bytes(packet)
            bare = bare_packet(self._stream.codec_context.name, self._extradata, content)
            if bare != content:
                packet = with_content(packet, bare)
        return self._stream.decode(packet)

    def _suspect(self, pts: int | None) -> None:
        """Notes that something is wrong at this frame: packets that were left out before it may be the reason."""
        pts = self._last_demuxed if pts is None else pts
        if pts > self._full_until or (self._can_be_bare and not self._is_bare):
            self._redo_pts = pts

    def _must_redo(self, missing: int | None = None) -> bool:
        """Whether decoding must go back, and then take every packet up to the next keyframe.

        missing: pts of a frame that did not come out.
        """
        if missing is not None:
            self._suspect(missing)
        if self._redo_pts is None:
            return False
        if self._can_be_bare and not self._is_bare:
            self._is_bare = True
            self.close()
            self._open()
        self._num_redone += 1
        k = int(np.searchsorted(self._keyframes, self._redo_pts, side="right"))
        is_last = k == len(self._keyframes) or self._num_redone >= _MAX_REDONE or self._is_disposable is None
        self._full_until = _END if is_last else int(self._keyframes[k]) - 1
        self._redo_pts = None
        return True

    def _keyframe_before(self, pts: int) -> int | None:
        k = int(np.searchsorted(self._keyframes, pts, side="right"))
        return int(self._keyframes[k - 1]) if k else None

    def _is_worth_a_seek(self, pts: int) -> bool:
        keyframe = self._keyframe_before(pts)
        return keyframe is not None and keyframe - self._last_demuxed > self._worth_a_seek

    def _seek(self, pts: int, alive: Callable[[], None]) -> None:
        """Decoding goes on from a keyframe at or before pts; from the file's start where seeking finds none."""
        keyframe = self._keyframe_before(pts)
        if keyframe is not None:
            packet = self._jump(keyframe, pts, alive)
            if packet is not None:
                self._emitted.clear()
                self._damage.restart()
                self._last_pts, self._last_demuxed = -_END, keyframe
                self._entry = None if packet.is_discard else packet.pts
                self._ended = False
                return
            self._keyframes = self._keyframes[:0]  # this file cannot be sought in: it is not tried again
        self.close()
        self._open()

    def _jump(self, keyframe: int, pts: int, alive: Callable[[], None]) -> av.Packet | None:
        """The packet from which reading goes on, of this keyframe or an earlier one; None if there is no way."""
        if self._source.packet_pts is not None:  # the file's own clock does not say where it is
            return self._skim(keyframe, alive)
        for back_s in (0, 1, 10):  # some demuxers land after the keyframe they are asked for
            packet = self._landed(keyframe - int(back_s / self._source.time_base), pts, alive)
            if packet is not None:
                return packet
        return None

    def _skim(self, keyframe: int, alive: Callable[[], None]) -> av.Packet | None:
        """The packet of this keyframe, found by reading on, or from the start where it lies behind."""
        if self._ended or keyframe <= self._last_demuxed:
            self.close()
            self._open()
        packets = self._packets
        for packet in packets:
            alive()
            if packet is not None and packet.is_keyframe and packet.pts == keyframe:
                self._stream.codec_context.flush_buffers()
                self._packets = chain([packet], packets)
                return packet
        return None

    def _landed(self, target: int, pts: int, alive: Callable[[], None]) -> av.Packet | None:
        """The first keyframe after a seek, if it is early enough to decode pts; reading goes on from it."""
        try:
            self._container.seek(target, stream=self._stream)
        except av.FFmpegError:
            return None
        packets = packets_of(self._container, self._stream)
        for packet in packets:
            alive()
            if packet is not None and packet.is_keyframe:
                time = packet.dts if packet.pts is None else packet.pts
                self._packets = chain([packet], packets)
                return packet if time is not None and time <= pts else None
        return None

    def _is_entry_sound(self, frame: av.VideoFrame | None) -> bool:
        """False if the packet that was jumped to turns out not to be a keyframe, so that decoding must begin before it.

        Streams with intra refresh mark frames from which the picture recovers bit by bit: a decoder that begins
        there shows grey or green, and says nothing.
        """
        if self._entry is None:
            return True
        if frame is not None:
            if frame.pts is None or frame.pts < self._entry:
                return True  # it is shown before the keyframe, and is not wanted
            if frame.pts == self._entry and (frame.key_frame or frame.pict_type in _INTRA):
                self._entry = None
                return True
        bad = int(np.searchsorted(self._keyframes, self._entry))
        after = int(np.searchsorted(self._keyframes, self._last_demuxed, side="right"))
        self._keyframes = np.delete(self._keyframes, np.s_[max(0, bad - self._num_distrusted) : max(bad + 1, after)])
        self._num_distrusted *= 2  # where one is wrong they mostly all are
        return False


def with_content(packet: av.Packet, content: bytes) -> av.Packet:
    """The packet with other bytes."""
    changed = av.Packet(content)
    changed.pts, changed.dts, changed.time_base, changed.stream = (
        packet.pts,
        packet.dts,
        packet.time_base,
        packet.stream,
    )
    changed.is_keyframe = packet.is_keyframe
    return changed


def _before(restarts: NDArray[np.int64], packet_pts: NDArray[np.int64] | None) -> frozenset[int]:
    """The pts of the last frames before the clock begins again: transport streams call them incomplete, since what
    follows is not what they had announced. If they are, the decoder complains.
    """
    if packet_pts is None:
        return frozenset()
    known = np.unique(packet_pts)
    ends = np.searchsorted(known, restarts)
    return frozenset(int(pts) for end in ends for pts in known[max(0, end - JOINT_FRAMES) : end])
