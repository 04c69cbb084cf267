"""What an image network is shown of a film, frame by frame and input by input. Knows no decoder, network or chunk.

A *view* is what the network is shown of one frame for one input: the picture, or its change since an earlier frame. A
*row* is a frame that is decoded for it, once, however many views need it.

R rows, V views of one input, N pictures, H x W the size of decoded frames
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vtn_stream.backbone.change import change_pictures, grey
from vtn_stream.film import VideoInfo
from vtn_stream.sampling import earlier_frames
from vtn_stream.track import change_s
from vtn_stream.video import FrameBatch

__all__ = ["Shown", "View", "Views"]

View = tuple[str, int]  # an input, and the number of one of its frames


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shown:
    """What the network is to be shown now: pictures uint8 [N, H, W, 3], and the view of each. damaged: views that there
    will not be, since damage took a frame.
    """

    pictures: NDArray[np.uint8]
    views: list[View]
    damaged: list[View]


class Views:
    """The views of these frames, ascending [V] for each input.

    pts      int64 [R], ascending: of the frames to decode
    rows     of each input [V]: where the frames themselves are
    """

    def __init__(self, video: VideoInfo, frames: Mapping[str, NDArray[np.int64]]) -> None:
        back = {name: change_s(name) for name in frames}
        earlier = {
            name: own if (back_s := back[name]) is None else earlier_frames(video, own, back_s)
            for name, own in frames.items()
        }
        decoded = np.unique(np.concatenate([*frames.values(), *earlier.values()]))
        self.pts = video.pts[decoded]
        self.rows = {name: np.searchsorted(decoded, own) for name, own in frames.items()}
        self._earlier = {name: np.searchsorted(decoded, before) for name, before in earlier.items()}
        self._is_change = {name: back_s is not None for name, back_s in back.items()}
        self._waiting: dict[int, set[View]] = {}  # views that are not settled, by the rows that they need
        self._greys: dict[int, NDArray[np.uint16]] = {}  # of rows that came, while a change waits for another row

    def ask(self, wanted: Mapping[str, NDArray[np.intp]]) -> NDArray[np.intp]:
        """The rows to decode for these views, ascending. Whatever was asked for before is forgotten."""
        self._greys.clear()
        self._waiting = defaultdict(set)
        for name, views in wanted.items():
            for view in views.tolist():
                for row in self._needs(name, view):
                    self._waiting[row].add((name, view))
        return np.array(sorted(self._waiting), np.intp)

    def take(self, rows: NDArray[np.intp], batch: FrameBatch) -> Shown:
        """What can be shown with this batch of decoded frames, which answers a request for these rows."""
        pictures: list[NDArray[np.uint8]] = []
        now: list[NDArray[np.uint16]] = []
        before: list[NDArray[np.uint16]] = []
        as_pictures: list[View] = []
        as_changes: list[View] = []
        damaged: list[View] = []
        for row in rows[batch.lost].tolist():
            for view in sorted(self._waiting.get(row, ())):
                damaged.append(view)
                self._settle(view)
        for item, frame in zip(batch.items, batch.frames, strict=True):
            row = int(rows[item])
            for view in sorted(self._waiting.get(row, ())):
                name, number = view
                if not self._is_change[name]:
                    pictures.append(frame)
                    as_pictures.append(view)
                    self._settle(view)
                    continue
                if row not in self._greys:
                    self._greys[row] = grey(frame)
                own, earlier = int(self.rows[name][number]), int(self._earlier[name][number])
                if own in self._greys and earlier in self._greys:
                    now.append(self._greys[own])
                    before.append(self._greys[earlier])
                    as_changes.append(view)
                    self._settle(view)
        shown = np.stack(pictures) if pictures else batch.frames[:0]
        if now:
            shown = np.concatenate([shown, change_pictures(np.stack(now), np.stack(before))])
        return Shown(pictures=shown, views=as_pictures + as_changes, damaged=damaged)

    def _needs(self, name: str, view: int) -> set[int]:
        return {int(self.rows[name][view]), int(self._earlier[name][view])}

    def _settle(self, view: View) -> None:
        """The view waits for no row any more; a grey that no other view waits for goes."""
        for row in self._needs(*view):
            self._waiting[row].discard(view)
            if not self._waiting[row]:
                del self._waiting[row]
                self._greys.pop(row, None)
