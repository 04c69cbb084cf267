"""Frames of a film whose packets are still coming, decoded forward only. Runs in the decoding process.

    packets   . . . . . . . | s s s s s s s | q q q q q q
              gone            sent            queued          to the decoder
                              ^ where decoding can begin again: at or before the last frame that came out

A frame is decoded once; the latest are held. The decoder gives its last frames only when more packets come, or none
will. Where a frame is wanted that it still holds, it is emptied, and begins again there when packets come. It begins
again there too, once in a film, if it complains of what may be no picture (see `bare`). So the frames are those that
`PyAVReader` gives of the finished file.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import av
import av.container
import av.video.stream
import numpy as np
from numpy.typing import NDArray

from vtn_stream.video.bare import bare_extradata, bare_packet, can_be_bare
from vtn_stream.video.container import check_memory
from vtn_stream.video.damage import DamageLog
from vtn_stream.video.growing_held import Held
from vtn_stream.video.picture import Tools
from vtn_stream.video.pyav_reader import PATIENCE_FRAMES, WORTH_A_SEEK_S, with_content
from vtn_stream.video.reader import Picture, Source
from vtn_stream.video.window import Window

__all__ = ["GrowingReader", "Queued"]

# Of packets that may have to be sent to the decoder again: a minute of good video.
_MAX_SENT_BYTES = 64 * 1024**2
_END = 2**62

Decoder = tuple[av.container.InputContainer, av.video.stream.VideoStream]


@dataclass(frozen=True, slots=True)
class Queued:
    """A packet, with its pts on the one clock. is_entry: decoding can begin here; is_disposable: nothing refers to it;
    is_whole: no bytes of it are missing, as far as the container can tell.
    """

    packet: av.Packet
    is_entry: bool
    is_disposable: bool
    is_whole: bool

    @property
    def pts(self) -> int | None:
        return self.packet.pts


class GrowingReader:
    """open_decoder: gives a decoder of the film that has seen no packet; has_fields: whether there are field pictures,
    as far as is known; keep: see `Held`.

    joints  pts of frames before the file's clock begins again, which a container calls incomplete (see `PyAVReader`)
    """

    def __init__(
        self,
        source: Source,
        open_decoder: Callable[[], Decoder],
        has_fields: Callable[[], bool],
        num_threads: int,
        *,
        keep: int,
    ) -> None:
        self._open_decoder, self._has_fields, self._num_threads = open_decoder, has_fields, num_threads
        self._worth_a_seek = int(WORTH_A_SEEK_S / source.time_base)
        self._decodes_all = False
        self._held = Held(source, Tools(), keep)
        self.joints: set[int] = set()
        self._queue: deque[Queued] = deque()
        self._number = 0  # of the first packet in the queue
        self._sent: deque[Queued] = deque()
        self._entries: deque[tuple[int, int]] = deque()  # of both: number of the packet, and its pts
        self._sent_bytes = self._queue_bytes = 0
        self._can_begin_again = True  # `sent` begins at an entry, or with the film
        self._coming: set[int] = set()  # pts of frames that were not given up, and did not come out
        self._emitted: deque[av.VideoFrame] = deque()  # decoded, not looked at yet
        self._ahead: deque[av.VideoFrame] = deque()  # looked at in vain: shown after all that was wanted...
        self._again: deque[av.VideoFrame] = deque()  # ... and now looked at again
        self._recent: deque[int] = deque(maxlen=PATIENCE_FRAMES)
        self._damage = DamageLog(num_threads - 1)
        self._last_pts = self._not_before = -_END  # the latest frame that came out; none is taken that is shown before
        self._last_sent = -_END
        self._is_empty = self._is_bare = self._must_begin_again = self._skips = False
        self._open()
        codec = self._stream.codec_context
        self._codec, self._extradata = codec.name, bytes(codec.extradata or b"")

    def _open(self) -> None:
        # It is kept, since the stream needs it.
        self._container, self._stream = self._open_decoder()
        codec = self._stream.codec_context
        self._knows_fields = self._has_fields()
        if not self._knows_fields:  # as PyAVReader does, and for its reason
            codec.options |= {"err_detect": "explode"}
        if self._is_bare:
            codec.extradata = bare_extradata(codec.name, bytes(codec.extradata or b""))
        codec.thread_type, codec.thread_count = "AUTO", self._num_threads

    @property
    def num_bytes(self) -> int:
        """Of packets that are kept here."""
        return self._queue_bytes + self._sent_bytes

    def add(self, queued: Queued) -> None:
        """Takes the next packet of the film."""
        if queued.pts is not None:
            self._coming.add(queued.pts)
            if queued.is_entry:
                self._entries.append((self._number + len(self._queue), queued.pts))
        self._queue.append(queued)
        self._queue_bytes += queued.packet.size

    def keep(self, window: Window, time: int) -> None:
        """From now on, what this window takes of every frame is held for so long."""
        self._decodes_all = True
        self._held.keep_small(window, time)

    def drop(self, before: int) -> None:
        """Frames that are shown before are not wanted: packets go, up to the last entry at or before it."""
        self._jump(before)

    def close(self) -> None:
        self._container.close()

    def frames(
        self, pts: NDArray[np.int64], alive: Callable[[], None], windows: list[Window], has_thumbnail: bool
    ) -> Iterator[tuple[int, Picture | None]]:
        """As `Reader.frames`: those that are gone are None too. Asked for what these windows take of them."""
        position = {int(p): i for i, p in enumerate(pts)}
        for p in list(position):
            if p not in self._coming:
                yield position.pop(p), self._held.get(p, windows, has_thumbnail=has_thumbnail)
        if self._has_fields() and not self._knows_fields and self._can_begin_again:
            self._begin_again(anew=True)
        if self._is_empty and self._queue and self._can_begin_again:
            self._begin_again()  # it gave frames before others that are shown earlier, of packets that have come now
        waiting, last_wanted = deque(position), max(position, default=0)
        if waiting and not self._decodes_all:
            self._jump(waiting[0])
        self._again, self._ahead = self._ahead, deque()
        while waiting:
            if waiting[0] not in position:
                waiting.popleft()  # it has come out
                continue
            is_new = not self._again
            frame = self._next_frame(alive) if is_new else self._again.popleft()
            if self._must_begin_again:
                self._begin_again(anew=True)
                continue
            if frame is None:
                if self._suspects(waiting[0]):
                    self._begin_again(anew=True)
                    continue
                break
            if frame.pts is None:
                continue
            if frame.pts > last_wanted:
                self._ahead.append(frame)
            else:
                if frame.pts not in self._coming or frame.pts < self._not_before:
                    continue  # it came out before, or is no whole picture
                self._coming.discard(frame.pts)
                self._last_pts = max(self._last_pts, frame.pts)
                self._forget_sent()
                picture = self._held.add(frame.pts, frame, is_sound=self._damage.is_sound(frame.pts))
                if (i := position.pop(frame.pts, None)) is not None:
                    yield i, picture
            while len(self._recent) == PATIENCE_FRAMES and waiting and waiting[0] < self._recent[0]:
                if waiting[0] in position and self._suspects(waiting[0]):
                    self._begin_again(anew=True)
                    break
                p = waiting.popleft()
                self._coming.discard(p)
                if p in position:
                    yield position.pop(p), None
            else:
                if is_new:
                    self._recent.append(frame.pts)
        self._ahead.extend(self._again)
        for p, i in position.items():
            self._coming.discard(p)
            yield i, None

    def _suspects(self, missing: int) -> bool:
        """Whether a frame that did not come out may do so where the decoder gets nothing but pictures."""
        return can_be_bare(self._codec) and not self._is_bare and self._can_begin_again

    def _next_frame(self, alive: Callable[[], None]) -> av.VideoFrame | None:
        """The next frame in order of presentation, once it is known whether it is damaged; see `PyAVReader`."""
        if self._is_empty and not self._emitted and self._queue:
            self._begin_again()
        while not self._is_empty and len(self._emitted) <= self._stream.codec_context.reorder_depth:
            alive()
            if not self._queue:
                self._is_empty = True
                self._decode(None)
            elif (queued := self._take()) is not None:
                self._damage.sent(queued.pts, is_keyframe=queued.packet.is_keyframe, is_disposable=queued.is_disposable)
                if queued.packet.has_sidedata("encryption_info"):  # whatever a decoder makes of it
                    self._damage.corrupt(queued.pts)
                if not queued.is_whole and queued.pts not in self.joints:
                    if self._knows_fields:  # whose decoder would not tell
                        self._damage.corrupt(queued.pts)
                    else:
                        self._damage.incomplete(queued.pts)
                self._decode(queued.packet)
        return self._emitted.popleft() if self._emitted else None

    def _take(self) -> Queued | None:
        """The next packet for the decoder, if it can decode it."""
        queued = self._queue.popleft()
        self._number += 1
        self._queue_bytes -= queued.packet.size
        if self._skips:
            if not queued.is_entry or queued.pts is None:
                if queued.pts is not None:
                    self._coming.discard(queued.pts)
                return None
            self._skips, self._can_begin_again, self._not_before = False, True, queued.pts
        if queued.pts is not None:
            self._last_sent = max(self._last_sent, queued.pts)
        self._sent.append(queued)
        self._sent_bytes += queued.packet.size
        return queued

    def _decode(self, packet: av.Packet | None) -> None:
        try:
            if packet is not None and self._is_bare:
                content = bytes(packet)
                bare = bare_packet(self._codec, self._extradata, content)
                packet = packet if bare == content else with_content(packet, bare)
            decoded = self._stream.codec_context.decode(packet)
        except MemoryError:
            raise
        except av.FFmpegError:
            check_memory(self._stream)
            self._complain()
            self._damage.failed()
            return
        for frame in decoded:
            if frame.is_corrupt:
                self._complain()
                self._damage.corrupt(frame.pts)
            self._emitted.append(frame)

    def _complain(self) -> None:
        if can_be_bare(self._codec) and not self._is_bare and self._can_begin_again:
            self._must_begin_again = True

    def _begin_again(self, *, anew: bool = False) -> None:
        """The packets that were sent are sent again. anew: to another decoder, which gets only pictures from now on."""
        if self._can_begin_again:
            self._number -= len(self._sent)
            self._queue.extendleft(reversed(self._sent))
            self._queue_bytes += self._sent_bytes
        else:
            self._skips = True  # what comes next cannot be decoded, up to a keyframe
        self._restart()
        if anew:
            self._is_bare = can_be_bare(self._codec)
            self._open()

    def _restart(self) -> None:
        """The decoder is as it was at first."""
        self._stream.codec_context.flush_buffers()
        self._sent.clear()
        self._sent_bytes = 0
        self._emitted.clear()
        self._ahead.clear()
        self._again.clear()
        self._recent.clear()
        self._damage.restart()
        self._is_empty = self._must_begin_again = False

    def _forget_sent(self) -> None:
        """Lets go of packets before the last entry that is shown at or before the last frame that came out."""
        entries = self._entries
        while len(entries) > 1 and self._is_passed(entries[1]):
            entries.popleft()
        if entries and self._is_passed(entries[0]):
            while self._number - len(self._sent) < entries[0][0]:
                self._sent_bytes -= self._sent.popleft().packet.size
                self._can_begin_again = True
        if self._sent_bytes > _MAX_SENT_BYTES:
            self._sent.clear()
            self._sent_bytes, self._can_begin_again = 0, False

    def _is_passed(self, entry: tuple[int, int]) -> bool:
        return entry[0] < self._number and entry[1] <= self._last_pts

    def _jump(self, pts: int) -> None:
        """Goes on at the last entry shown at or before, if it is far enough ahead."""
        ahead = [entry for entry in self._entries if entry[0] >= self._number and entry[1] <= pts]
        if not ahead or ahead[-1][1] - self._last_sent <= self._worth_a_seek:
            return
        number, self._not_before = ahead[-1]
        for _ in range(number - self._number):
            self._queue_bytes -= self._queue.popleft().packet.size
        self._number = number
        while self._entries[0][0] < number:
            self._entries.popleft()
        self._restart()
        self._coming = {queued.pts for queued in self._queue if queued.pts is not None}
        self._skips, self._can_begin_again = False, True
