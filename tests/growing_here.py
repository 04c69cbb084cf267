"""Follows a film in this process, without another one: what the decoding process does with bytes, and all it says."""

from collections.abc import Iterable
from typing import Any

import av
import numpy as np

from vtn_stream.errors import VideoError
from vtn_stream.video import Window
from vtn_stream.video.growing_answers import GrowingNews, Known, growing_news
from vtn_stream.video.growing_child import GrowingChild

__all__ = ["WINDOW", "Here", "cut"]

WINDOW = Window((48, 80))


class Here:
    """pts, keyframes, digests and the like are all that was told until now; problem: what feeding raised last.

    pictures   of frames that came out, by pts; None for those that are lost
    """

    def __init__(self, name: str, *, keep_s: float = 0, num_threads: int = 1) -> None:
        av.logging.set_level(None)
        self.child = GrowingChild({"path": name, "stream": None, "keep_s": keep_s}, num_threads, lambda: None)
        self.news: GrowingNews | None = None
        self.known = Known()
        self.pts: list[int] = []
        self.keyframes: list[int] = []
        self.restarts: list[int] = []
        self.dark: list[tuple[int, int]] = []
        self.digests: list[tuple[int, str]] = []
        self.pictures: dict[int, np.ndarray | None] = {}
        self.problem = ""
        self.queued_bytes = 0

    def feed(self, data: bytes, *, ended: bool = False, looks: bool = True) -> None:
        """looks: every frame that is settled is decoded at once."""
        try:
            header, payload = self.child.feed(data, ended=ended)
        except VideoError as error:
            self.problem = str(error)
            return
        self.queued_bytes = header["queued_bytes"]
        if header["news"] is None:
            return
        self.news, self.known = growing_news(header["news"], payload, self.known)
        self.pts += self.news.pts.tolist()
        self.keyframes += self.news.keyframes.tolist()
        self.restarts += self.news.restarts.tolist()
        self.dark += [(start, end) for start, end in self.news.dark.tolist()]
        digests = self.news.digests.tobytes()
        self.digests += [
            (second, digests[16 * i : 16 * i + 16].hex()) for i, second in enumerate(self.news.seconds.tolist())
        ]
        if looks:
            self.look(self.news.pts)

    def look(self, pts: Any) -> None:
        pts = np.asarray(pts, np.int64)
        for i, picture in self.child.shown([WINDOW], has_thumbnail=False).frames(pts, lambda: None):
            self.pictures[int(pts[i])] = None if picture is None else picture.resized(WINDOW)

    def follow(self, pieces: Iterable[bytes], *, looks: bool = True) -> "Here":
        """The whole film, in these pieces."""
        for piece in pieces:
            self.feed(piece, looks=looks)
        self.feed(b"", ended=True, looks=looks)
        if self.problem:  # what came before it is told now
            self.feed(b"", ended=True, looks=looks)
        return self

    @property
    def lost(self) -> list[int]:
        return sorted(pts for pts, picture in self.pictures.items() if picture is None)


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]
