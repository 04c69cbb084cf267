"""A film that is still written: its bytes go in, its clock and its frames come out, from a decoding process of its own.

    bytes ->  feed  ->  packets wait   ->  windows: decoded, forward only
                        |
                        video: what is known by now, up to settled_s; what it says never changes

The process opens no file for it. Where the process is lost, so is the film: another one begins with the first byte.
"""

import importlib.metadata
import os
from bisect import bisect_left
from collections.abc import Generator, Sequence
from fractions import Fraction
from math import ceil, inf
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vtn_stream.film import CLOCK_TOLERANCE_S, Dark, VideoInfo, file_stamp
from vtn_stream.video import answers
from vtn_stream.video.clock import last_duration
from vtn_stream.video.delivery import Delivery, FrameBatch, Wanted, patience_for
from vtn_stream.video.growing_answers import GrowingNews, Known, growing_news
from vtn_stream.video.process import DEADLINE_S, MEMORY_BYTES, NUM_THREADS, ChildProcess, Request
from vtn_stream.video.requests import check_unchanged, probe_patience
from vtn_stream.video.window import Window

__all__ = ["GrowingFilm"]

# Handed over at once: some milliseconds of work.
_PIECE_BYTES = 1 << 20
# Of shared memory for frames. What is not written to takes none.
_RING_BYTES = 1 << 29
_PATIENCE = 10  # deadlines: an answer may take so long, however busy the process looks
_DIGEST_BYTES = 16


class GrowingFilm:
    """A film whose bytes come in order. A context manager; not for several threads, but `kill`.

    name    as VideoInfo.path has it: a name, not a place
    stream  which of its video streams; by default the first that is not a cover picture
    keep_s  frames shown so long before the newest decoded one can be asked for again, and the one shown then
    """

    def __init__(
        self,
        name: str,
        *,
        stream: int | None = None,
        keep_s: float = 0.0,
        deadline_s: float = DEADLINE_S,
        memory_bytes: int = MEMORY_BYTES,
        num_threads: int = NUM_THREADS,
    ) -> None:
        self._path = Path(name)
        self._deadline_s = deadline_s
        self._process = ChildProcess(
            deadline_s=deadline_s, memory_bytes=memory_bytes, num_threads=num_threads, reserve_bytes=_RING_BYTES
        )
        self._delivery = Delivery(self._process, most_bytes=_RING_BYTES, is_needed=True)
        self._wish = {"do": "grow", "path": name, "stream": stream, "keep_s": keep_s}
        self._has_begun = self._has_ended = False
        self._queued_bytes = 0
        self._known = Known()
        self._news: GrowingNews | None = None
        self._pts, self._keyframes, self._seconds = _Column(), _Column(), _Column()
        self._digests = bytearray()  # of each of these seconds
        self._restarts: list[int] = []
        self._dark: list[Dark] = []
        self._video: VideoInfo | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stops the process, and gives its memory back."""
        self._process.close()
        self._delivery.close()

    def kill(self) -> None:
        """Ends the process now, from another thread than the one that asks it, which then raises DecodingLost."""
        self._process.kill()

    @property
    def decoder(self) -> str:
        """As of a DecodingProcess."""
        from vtn_stream.video.pyav_reader import version

        return version()

    @property
    def packages(self) -> str:
        """As of a DecodingProcess."""
        return f"pyav {importlib.metadata.version('av')}"

    @property
    def pid(self) -> int | None:
        return self._process.pid

    def feed(self, data: bytes) -> None:
        """Takes the bytes that follow, of any number.

        Raises VideoError for what is no film; and once, where the film cannot be read any further: what came before
        stays, and what comes after is passed over. Raises DecodingLost if the process fails.
        """
        for start in range(0, len(data), _PIECE_BYTES):
            self._feed(data[start : start + _PIECE_BYTES])

    def end(self) -> None:
        """No more bytes come: all frames are settled. Raises as `feed`, also where there was no film."""
        if not self._has_ended:
            self._has_ended = True
            self._feed(b"")

    @property
    def video(self) -> VideoInfo | None:
        """The film as far as it is settled: its frames never change, its end is settled_s. None before the first.
        Its identity is that of all packets until now.
        """
        if self._video is None and self._news is not None and len(self._pts.values):
            news, pts = self._news, self._pts.values
            rate = None if news.mean_rate is None else Fraction(news.mean_rate)
            lasts = last_duration(pts, news.last_duration, rate, Fraction(news.facts["time_base"]))
            end = int(pts[-1]) + lasts if self._has_ended else max(int(pts[-1]) + 1, news.settled)
            facts = news.facts | {"end_pts": end, "restarts": [pts for pts in self._restarts if pts < end]}
            facts["dark"] = [(span.start, span.end, span.why) for span in self._dark]
            self._video = VideoInfo.from_facts(self._path, (), facts, pts, self._keyframes.values)
        return self._video

    @property
    def settled_s(self) -> float:
        """What is shown before this time of the film is known, and can be asked for; -inf at first, inf at last. It
        takes no longer in a long film.
        """
        if self._has_ended:
            return inf
        if self._news is None or not len(self._pts.values):
            return -inf
        facts, end = self._news.facts, max(int(self._pts.values[-1]) + 1, self._news.settled)
        exact = end * Fraction(facts["time_base"]) - Fraction(facts["start"])
        return 0.0 if abs(exact) < CLOCK_TOLERANCE_S else float(exact)

    @property
    def num_queued_bytes(self) -> int:
        """Of packets that wait to be decoded or dropped."""
        return self._queued_bytes

    def digest_at(self, time_s: float) -> str | None:
        """The digest (32 hex) of all packets until no frame can come any more that is shown before the next whole
        second at or after this time, and of how they are shown: the same in every run over the same bytes. None while
        one can.
        """
        at = bisect_left(self._seconds.values, ceil(time_s - CLOCK_TOLERANCE_S))
        if at < len(self._seconds.values):
            return self._digests[at * _DIGEST_BYTES : (at + 1) * _DIGEST_BYTES].hex()
        return self._news.facts["identity"] if self._has_ended and self._news is not None else None

    def keep(self, window: Window, keeps_s: float = 120.0) -> None:
        """From now on, what this window takes of every decoded frame can be asked for again for so long. Every frame is
        decoded then, but for those that are dropped. Once the film has begun.
        """
        self._ask({"do": "keep", "window": window, "keeps_s": keeps_s}, {"queued_bytes"})

    def drop(self, before_pts: int) -> None:
        """Frames shown before are not wanted any more: packets go that need not be decoded for the others."""
        if self._news is not None:
            request = self._request()
            header, _ = self._ask({"do": "drop", "before": int(before_pts)}, {"queued_bytes"}, request=request)
            self._count(request, header)

    def windows(
        self,
        video: VideoInfo,
        pts: NDArray[np.int64],
        windows: Sequence[Window],
        wants_thumbnail: NDArray[np.bool_] | None = None,
        *,
        is_fresh: bool = False,
    ) -> Generator[tuple[FrameBatch, ...]]:
        """As `DecodingProcess.windows`, of settled frames: each frame once, in ascending order from call to call; of
        earlier ones those that are kept, the others are lost. What is left of an answer is thrown away.
        """
        if len(pts) == 0:
            return
        if wants_thumbnail is None:
            wants_thumbnail = np.zeros(len(pts), np.bool_)
        request = Request(film=self._path.name, patience_s=patience_for(video, len(windows), self._deadline_s))
        no_keyframes = video.keyframes[:0]
        wanted = Wanted(pts=pts, windows=windows, wants_thumbnail=wants_thumbnail, keyframes=no_keyframes)
        self._delivery.done = {}
        try:
            yield from self._delivery.batches(request, {"do": "decode", "grows": True}, wanted)
        finally:
            if self._delivery.done:
                self._count(request, self._delivery.done)

    def finished_identity(self) -> str | None:
        """After `end`: what `probe` would call a file of these packets; None if that cannot be known."""
        if self.video is None or not self._has_ended:
            return None
        header, _ = self._ask({"do": "identify", "end_pts": self.video.end_pts}, {"identity"})
        with self._process.distrust(self._request()):
            return None if header["identity"] is None else answers.identity(header["identity"])

    def finished(self, path: Path) -> tuple[VideoInfo, float]:
        """After `end`: probes the finished film, and says until which second of it its packets, their clock and their
        picture are those that were fed; inf: to the end. Raises as `probe`.
        """
        stamp = file_stamp(path)
        request = Request(film=path.name, patience_s=probe_patience(path))
        header, payload = self._ask({"do": "compare", "path": os.path.abspath(path)}, {"info"}, request=request)
        with self._process.distrust(request):
            video = answers.video_info(path, stamp, header["info"], payload)
            same_s = None if header["same_s"] is None else answers.seconds(header["same_s"])
        check_unchanged(video)
        return video, 0.0 if self.video is None else _same_until(self.video, video, same_s)

    def _feed(self, data: bytes) -> None:
        if not self._has_begun:
            self._has_begun = True
            self._process.ask(request := self._request(), self._wish)
            self._process.receive(request, {"grows"})
            self._process.answered()
        request = self._request()
        header, payload = self._ask({"do": "feed", "ended": self._has_ended}, {"news"}, data, request=request)
        self._count(request, header)
        with self._process.distrust(request):
            if header["news"] is not None:
                self._learn(*growing_news(header["news"], payload, self._known))

    def _count(self, request: Request, header: dict[str, Any]) -> None:
        with self._process.distrust(request):
            self._queued_bytes = answers.number(header.get("queued_bytes"), 0, 2**62)

    def _learn(self, news: GrowingNews, known: Known) -> None:
        self._news, self._known, self._video = news, known, None
        self._pts.add(news.pts)
        self._keyframes.add(news.keyframes)
        self._seconds.add(news.seconds)
        self._digests += news.digests.tobytes()
        self._restarts += news.restarts.tolist()
        self._dark += [Dark(start=start, end=end, why="leap") for start, end in news.dark.tolist()]

    def _request(self) -> Request:
        return Request(film=self._path.name, patience_s=_PATIENCE * self._deadline_s)

    def _ask(
        self, header: dict[str, Any], kinds: set[str], payload: bytes = b"", *, request: Request | None = None
    ) -> tuple[dict[str, Any], bytes]:
        """The answer to what takes one message."""
        request = self._request() if request is None else request
        self._process.ask(request, header, payload, anew=False)
        answer = self._process.receive(request, kinds)
        self._process.answered()
        return answer


class _Column:
    """Numbers that get more; 8 to 16 bytes for each. What was given out stays as it is."""

    def __init__(self) -> None:
        self._room = np.zeros(1024, np.int64)
        self.values = self._room[:0]

    def add(self, more: NDArray[np.int64]) -> None:
        count = len(self.values)
        if count + len(more) > len(self._room):
            room = np.zeros(2 * (count + len(more)), np.int64)
            room[:count] = self.values
            self._room = room
        self._room[count : count + len(more)] = more
        self.values = self._room[: count + len(more)]
        self.values.flags.writeable = False


def _same_until(fed: VideoInfo, finished: VideoInfo, packets_s: float | None) -> float:
    """Until which second two films are the same; packets_s: until which their packets are, None: to the end."""
    about = [
        (film.codec, film.width, film.height, film.rotation, film.mirrored, film.sample_aspect_ratio)
        for film in (fed, finished)
    ]
    if about[0] != about[1]:
        return 0.0
    num = min(fed.num_frames, finished.num_frames)
    both = [film.times_s for film in (fed, finished)]
    differs = np.flatnonzero(np.abs(both[0][:num] - both[1][:num]) > CLOCK_TOLERANCE_S)
    same_s = inf
    if len(differs):
        same_s = float(min(times_s[differs[0]] for times_s in both))
    elif fed.num_frames != finished.num_frames:
        same_s = float(max(both, key=len)[num])
    for ours, other in zip(fed.dark, finished.dark, strict=False):
        if (ours.start, ours.end) != (other.start, other.end):
            same_s = min(same_s, fed.seconds(ours.start), finished.seconds(other.start))
    for film, others in ((fed, finished), (finished, fed)):
        for span in film.dark[len(others.dark) :]:
            same_s = min(same_s, film.seconds(span.start))
    return same_s if packets_s is None else min(same_s, packets_s)
