"""A film that is still written, as the decoding process knows it: bytes in, facts and frames out. Runs there; opens no
file and no connection.

    {"do": "grow", "path" (a name), "stream", ...}   -> {"grows": true}
    {"do": "feed", "ended"} + bytes                  -> {"news", "queued_bytes"} + arrays: see `GrowingFacts.news`
    {"do": "keep", "window", "keeps_s"}              -> {"queued_bytes"}
    {"do": "drop", "before"}                         -> {"queued_bytes"}
    {"do": "decode", "grows": true, ...}             as of a file, of frames that are settled; {"done", "queued_bytes"}
    {"do": "identify", "end_pts"}                    -> {"identity"}, after the last bytes
    {"do": "compare", "path"}                        -> {"info", "same_s"} as of a probe, and how much is the same
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vtn_stream.errors import VideoError
from vtn_stream.video.first_frame import first_frame, no_frame
from vtn_stream.video.growing_facts import GrowingFacts
from vtn_stream.video.growing_reader import GrowingReader
from vtn_stream.video.growing_stream import Demuxer, cannot_go_on
from vtn_stream.video.kinds import says_encrypted
from vtn_stream.video.probing import Probed, read_info
from vtn_stream.video.reader import Picture
from vtn_stream.video.window import Window

__all__ = ["GrowingChild", "Shown"]

# A film of which nothing decodes in so many bytes at its beginning is not waited for any longer; nor one of which so
# many bring no picture, as those of another film behind it do where the container knows one only.
_MAX_HEAD_BYTES = 64 * 1024**2
_MAX_VAIN_BYTES = 64 * 1024**2


class Shown:
    """Implements `Reader`: the frames of a growing film, for what these windows take of them."""

    def __init__(self, reader: GrowingReader, windows: list[Window], *, has_thumbnail: bool) -> None:
        self._reader, self._windows, self._has_thumbnail = reader, windows, has_thumbnail

    def frames(self, pts: NDArray[np.int64], alive: Callable[[], None]) -> Iterator[tuple[int, Picture | None]]:
        return self._reader.frames(pts, alive, self._windows, self._has_thumbnail)

    def close(self) -> None:
        self._reader.close()


class GrowingChild:
    """One film. request: as of {"do": "grow"}."""

    def __init__(self, request: dict[str, Any], num_threads: int, alive: Callable[[], None]) -> None:
        self._name = request["path"]
        self._request = request
        self._num_threads = num_threads
        self._alive = alive
        self._demuxer = Demuxer(self._name, request["stream"])
        self._film: GrowingFacts | None = None
        self._tried_bytes = 0  # of its beginning, in which no picture was found
        self._vain_since = 0  # bytes that were read when the last packet came
        self._has_failed = False

    def feed(self, data: bytes, *, ended: bool) -> tuple[dict[str, Any], bytes]:
        """Takes bytes; the message that says what became known. Raises VideoError for what is no film, and once, when
        the film cannot be read any further: what came before stays.
        """
        demuxer = self._demuxer
        if data:
            demuxer.feed(data, self._alive)
        if ended:
            demuxer.end(self._alive)
        if self._film is None and demuxer.opened is not None:
            self._begin(ended=ended or demuxer.problem is not None)
        if self._film is not None:
            if demuxer.packets:
                self._vain_since = demuxer.num_read
            while demuxer.packets:
                self._alive()
                self._film.take(demuxer.packets.popleft())
            if ended:
                self._film.end()
        problem = demuxer.problem
        if self._film is not None and demuxer.num_read - self._vain_since > _MAX_VAIN_BYTES:
            problem = problem or cannot_go_on(self._name, f"no picture in {_MAX_VAIN_BYTES // 1024**2} MiB")
        if problem is not None and not self._has_failed:
            self._has_failed = True
            raise problem
        return self._news()

    def keep(self, window: Window, keeps_s: float) -> dict[str, Any]:
        film = self._known()
        film.reader.keep(window, round(keeps_s / film.time_base))
        return self.queued()

    def drop(self, before: int) -> dict[str, Any]:
        self._known().reader.drop(before)
        return self.queued()

    def queued(self) -> dict[str, Any]:
        """How many bytes wait: of packets, and of what is no packet yet."""
        waiting = sum(packet.size for packet in self._demuxer.packets)
        held = waiting + self._demuxer.num_unread + (self._film.reader.num_bytes if self._film else 0)
        return {"queued_bytes": held}

    def shown(self, windows: list[Window], *, has_thumbnail: bool) -> Shown:
        return Shown(self._known().reader, windows, has_thumbnail=has_thumbnail)

    def identify(self, end_pts: int) -> str | None:
        """What a probe would call a file of these packets that ends then; None if its clock is not as it says."""
        return self._known().identity(end_pts)

    def compare(self, path: str) -> tuple[Probed, int | None]:
        """Probes a file, and says for how many whole seconds its packets are those of this film; None: all are."""
        film = self._known()
        comparison = film.comparison()
        probed = read_info(path, film.stream_index, self._alive, comparison.see)
        return probed, comparison.same_s()

    def _known(self) -> GrowingFacts:
        if self._film is None:
            raise VideoError(f"{self._name} has not begun", "nothing is known of it", "wait for its first frames")
        return self._film

    def _begin(self, *, ended: bool) -> None:
        """Looks for the first picture, in twice as much of the film each time."""
        demuxer = self._demuxer
        num_bytes = len(demuxer.head())
        if not ended and num_bytes < min(2 * self._tried_bytes, _MAX_HEAD_BYTES):
            return
        self._tried_bytes = num_bytes
        picture = first_frame(*demuxer.open_head(), self._name)
        if picture is not None:
            demuxer.forget()
            self._film = GrowingFacts(self._name, demuxer, picture, self._request, self._num_threads)
        elif ended or num_bytes >= _MAX_HEAD_BYTES:
            raise no_frame(self._name, lambda: says_encrypted(demuxer.head()))

    def _news(self) -> tuple[dict[str, Any], bytes]:
        if self._film is None:
            return {"news": None} | self.queued(), b""
        news, arrays = self._film.news()
        header = {"news": news | {"lengths": [array.nbytes for array in arrays]}} | self.queued()
        return header, b"".join(array.tobytes() for array in arrays)
