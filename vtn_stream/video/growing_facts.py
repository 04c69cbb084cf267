"""What is known of a film that has begun, packet by packet: its clock so far, its running digest, and its packets for
the decoder. Runs in the decoding process.
"""

import hashlib
import json
from array import array
from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from vtn_stream.errors import VideoError
from vtn_stream.film import NO_PTS
from vtn_stream.video.container import films_in
from vtn_stream.video.growing_clock import GrowingClock, OnClock
from vtn_stream.video.growing_reader import GrowingReader, Queued
from vtn_stream.video.growing_stream import Demuxer
from vtn_stream.video.growing_table import Table
from vtn_stream.video.limits import MAX_DAYS
from vtn_stream.video.packets import WITH_DECODE_TIMES, WRAPPING, PacketWatch, Seen
from vtn_stream.video.probing import check_number, identifying, nominal_rate, start_of, stated_facts
from vtn_stream.video.pyav_reader import JOINT_FRAMES
from vtn_stream.video.reader import Source
from vtn_stream.video.recorded import created_at, sound_of
from vtn_stream.video.references import disposable_test, is_entry

__all__ = ["Comparison", "GrowingFacts"]

_FINGERPRINT_BYTES = 8  # of each packet, to compare with those of the finished file


class GrowingFacts:
    """picture: facts of the first frame; request: as of {"do": "grow"}. reader: gives the frames of the packets that
    were taken.
    """

    def __init__(
        self, name: str, demuxer: Demuxer, picture: dict[str, Any], request: dict[str, Any], num_threads: int
    ) -> None:
        assert demuxer.opened is not None
        self._name, self._picture = name, picture
        self._container, self._stream = demuxer.opened
        codec, formats = self._stream.codec_context, set(self._container.format.name.split(","))
        self._codec, self._extradata = codec.name, bytes(codec.extradata or b"")
        self.time_base = Fraction(self._stream.time_base)
        self._watch = PacketWatch(self._codec, self._extradata)
        has_decode_times = bool(formats & WITH_DECODE_TIMES)
        wraps_at = 2**33 if formats & WRAPPING else 2**63 - 1
        self._clock = GrowingClock(self.time_base, has_decode_times=has_decode_times, wraps_at=wraps_at)
        # A decoder gives a frame so many packets later, and what is wrong with it when others have come out.
        num_late = num_threads + codec.reorder_depth
        self._table = Table(self.time_base, self._codec, has_decode_times=has_decode_times, num_late=num_late)
        self._waiting: deque[tuple[av.Packet, Seen]] = deque()  # packets that are not on the clock yet
        self._recent: deque[int] = deque(maxlen=JOINT_FRAMES)  # when frames are shown, of the last packets
        self._is_moved = False  # a packet stands elsewhere than the file says
        self._ended = False
        self._num_layers = 0
        self._is_disposable: Callable[[bytes], bool] | None = None
        self._start = None if self._container.start_time is None else self._start_of(0)
        self._seconds = -1  # whole ones of the film that are settled
        # That were not told: seconds, and the digest of all packets until no frame before them could come any more. It
        # is told once these frames are.
        self._digests: list[tuple[int, bytes]] = []
        self._fingerprints = array("Q")
        self._settled_at: list[tuple[int, int]] = []  # whole seconds, and how many packets it took to settle them
        self._seed = json.dumps(self._stated(0) | picture, sort_keys=True).encode() + self._extradata
        self.reader = GrowingReader(
            Source(
                path=Path(name),
                stream=self._stream.index,
                time_base=self.time_base,
                rotation=picture["rotation"],
                mirrored=picture["mirrored"],
                sample_aspect_ratio=Fraction(picture["sample_aspect_ratio"]),
                keyframes=np.zeros(0, np.int64),
                temporal_layers=0,
            ),
            demuxer.open_head,
            lambda: self._watch.has_fields,
            num_threads,
            keep=round(request["keep_s"] / self.time_base),
        )

    @property
    def stream_index(self) -> int:
        return self._stream.index

    def take(self, packet: av.Packet) -> None:
        """The next packet. Raises VideoError if it cannot be one of this film."""
        check_number(len(self._fingerprints), self._name)
        seen = self._watch.see(packet)
        self._fingerprints.append(_fingerprint(seen.content))
        if seen.time != NO_PTS and abs(seen.time) > 2**61:
            fact = f"{self._name} has impossible timestamps"
            raise VideoError(fact, "they cannot be used", "remux it to get new timestamps")
        self._waiting.append((packet, seen))
        try:
            placed = self._clock.add(seen.time, seen.decode_time, is_key=seen.is_keyframe, is_shown=not seen.is_hidden)
        except ValueError as error:
            raise VideoError(
                f"{self._name} cannot be put in order: {error}",
                "what comes after is not analyzed",
                "begin a new file when the recorder begins again",
            ) from error
        self._place(placed)
        self._settle()

    def end(self) -> None:
        """No more packets come. Raises VideoError if there was no frame."""
        if not self._ended:
            self._ended = True
            self._place(self._clock.end())
            self._table.end()
            if not self._table.has_frames:
                num = self._table.num_untimed
                fact = f"{self._name} has {num} frames without timestamps" if num else f"{self._name} has no frames"
                raise VideoError(fact, "no timeline can be drawn", "remux or re-encode it into an MP4 or MKV file")

    def news(self) -> tuple[dict[str, Any], list[NDArray[Any]]]:
        """Facts as they are now, and what became known since this was last asked for, ascending:

        pts        int64 [n], of frames that are settled        dark      int64 [d, 2], spans where the clock leaps
        keyframes  int64 [k], of those                          seconds   int64 [s], whole ones of the film, settled
        restarts   int64 [r], pts                               digests   uint8 [s, 16], of all packets until then
        """
        news, table = self._table.news(), self._table
        if self._start is None and news.pts:
            self._start = self._start_of(news.pts[0])
        num = bisect_right(self._digests, self._second_at(table.told), key=lambda one: one[0])
        digests, self._digests = self._digests[:num], self._digests[num:]
        arrays: list[Any] = [news.pts, news.keyframes, news.restarts, news.dark, [second for second, _ in digests]]
        facts = self._stated(0) | self._counts() | self._picture
        facts |= {
            "nominal_rate": nominal_rate(self._stream, table.usual_step() * self.time_base),
            "field_pictures": self._watch.has_fields,
            "num_encrypted": self._watch.num_encrypted,
            "num_spread": table.num_spread,
            "num_merged": table.num_merged,
            "is_cut": False,
            "is_followed": False,
            "num_promised": 0,
            "video_streams": [s.index for s in films_in(self._container)],
            "created": created_at(self._container, self._stream),
            "sound": sound_of(self._container),
            "identity": self._digest().hex(),
            "restarts": [],
            "dark": [],
        }
        mean = self._stream.average_rate
        told = {
            "facts": facts,
            "settled": table.told,
            "last_duration": table.last_duration,
            "mean_rate": str(mean) if mean and mean > 0 else None,
        }
        last = np.frombuffer(b"".join(digest for _, digest in digests), np.uint8)
        return told, [*(np.array(values, np.int64) for values in arrays), last]

    def identity(self, end_pts: int) -> str | None:
        """What a probe would call a file of these packets that ends then; None if its clock is not what it says."""
        if self._is_moved or self._table.has_leapt or self._start is None:
            return None
        facts = self._stated(end_pts) | self._counts() | self._picture
        return identifying(self._watch, facts, self._stream).hexdigest()

    def comparison(self) -> "Comparison":
        return Comparison(self._fingerprints, self._settled_at)

    def _place(self, placed: list[OnClock]) -> None:
        for on_clock in placed:
            packet, seen = self._waiting.popleft()
            if on_clock.restart != NO_PTS:
                self.reader.joints.update(self._recent)
            time = self._table.add(
                on_clock.time,
                on_clock.decode_time,
                seen.duration,
                on_clock.restart,
                is_key=seen.is_keyframe,
                is_hidden=seen.is_hidden,
            )
            pts = on_clock.time if seen.is_hidden else time
            if pts != seen.time:
                self._is_moved = True
                packet.pts = packet.dts = None if pts == NO_PTS else pts
            if time != NO_PTS:
                self._recent.append(time)
            is_here = seen.is_keyframe and pts != NO_PTS and not packet.is_discard
            self.reader.add(
                Queued(
                    packet,
                    is_entry=is_here and is_entry(self._codec, self._extradata, seen.content),
                    is_disposable=self._refers_nothing(seen.content),
                    is_whole=not packet.is_corrupt,
                )
            )

    def _refers_nothing(self, content: bytes) -> bool:
        """Whether no packet refers to this one, as far as is known."""
        if self._watch.temporal_layers != self._num_layers:
            self._num_layers = self._watch.temporal_layers
            self._is_disposable = disposable_test(self._codec, self._extradata, self._num_layers)
        return self._is_disposable is not None and self._is_disposable(content)

    def _settle(self) -> None:
        """Notes the digest at each whole second of the film."""
        if self._start is None or self._table.bound <= -(2**62):
            return
        seconds = self._second_at(self._table.bound)
        if seconds > self._seconds:
            if seconds > MAX_DAYS * 86400:
                raise VideoError(
                    f"{self._name} lasts {seconds} s by its timestamps",
                    f"this cannot be right: a film lasts at most {MAX_DAYS} days",
                    "remux it to get new timestamps",
                )
            self._seconds = seconds
            self._digests.append((seconds, self._digest()))
            self._settled_at.append((seconds, len(self._fingerprints)))

    def _second_at(self, pts: int) -> int:
        """How many whole seconds of the film are over then."""
        base, start = self.time_base, self._start or Fraction(0)  # in whole numbers: it is asked of every packet
        ticks = pts * base.numerator * start.denominator - start.numerator * base.denominator
        return ticks // (base.denominator * start.denominator)

    def _digest(self) -> bytes:
        return hashlib.blake2b(self._seed + self._watch.digest.digest(), digest_size=16).digest()

    def _start_of(self, first: int) -> Fraction:
        return start_of(self._container, self._stream, first, self.time_base)

    def _stated(self, end_pts: int) -> dict[str, Any]:
        return stated_facts(self._container, self._stream, self.time_base, self._start or Fraction(0), end_pts)

    def _counts(self) -> dict[str, Any]:
        return {
            "num_untimed": self._table.num_untimed,
            "num_hidden": self._table.num_hidden,
            "temporal_layers": self._watch.temporal_layers,
        }


class Comparison:
    """Is given the packets of another file, in order."""

    def __init__(self, fingerprints: "array[int]", settled_at: list[tuple[int, int]]) -> None:
        self._fingerprints, self._settled_at = fingerprints, settled_at
        self._num_same = self._num = 0

    def see(self, content: bytes) -> None:
        is_same = self._num == self._num_same < len(self._fingerprints)
        if is_same and _fingerprint(content) == self._fingerprints[self._num]:
            self._num_same += 1
        self._num += 1

    def same_s(self) -> int | None:
        """For how many whole seconds all packets are the same; None: to the end."""
        if self._num_same == self._num == len(self._fingerprints):
            return None
        return max((seconds for seconds, num in self._settled_at if num <= self._num_same), default=0)


def _fingerprint(content: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(content, digest_size=_FINGERPRINT_BYTES).digest(), "big")
