"""The timeline of a film that is still written: what is there of it, and what became of each of its positions."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vtn_stream.film import FrameIndex, VideoInfo
from vtn_stream.following.live import Live, Rows
from vtn_stream.following.pieces import Embedded
from vtn_stream.localize import curve
from vtn_stream.outline import DAMAGED, GAP_REASONS, LEFT_OUT, LOST, NOT_YET, Outline, best_labels, why_dark
from vtn_stream.segments import Gap, Segment
from vtn_stream.timeline import Timeline
from vtn_stream.track import Execution, GridScores

if TYPE_CHECKING:
    from vtn_stream.checkpoints.training_films import FilmRole

__all__ = ["SoFar"]


class SoFar:
    """Every position that came, and the timelines that can be drawn of them. It holds 26 bytes a position."""

    def __init__(self, outline: Outline, live: Live) -> None:
        self._outline = outline
        self._live = live
        self._index = FrameIndex.joined([])
        self._why = np.zeros(0, np.int8)
        self._new: list[tuple[FrameIndex, NDArray[np.int8]]] = []
        self._executions: dict[str, Execution] = {}

    def add(self, video: VideoInfo, rows: Rows, embedded: Embedded, left_out: NDArray[np.bool_]) -> None:
        """Positions that follow. left_out [n]: which of them were not looked at."""
        index = rows.index
        missed = np.where(index.frame < 0, why_dark(video, index), LOST if embedded.is_lost else DAMAGED)
        missed = np.where(left_out, LEFT_OUT, missed)
        self._new.append((index, np.where(index.valid, 0, missed).astype(np.int8)))
        self._executions |= {execution.digest: execution for execution in embedded.executions}

    @property
    def index(self) -> FrameIndex:
        """Of all positions: valid where they were looked at and embedded."""
        if self._new:
            self._index = FrameIndex.joined([self._index, *(index for index, _ in self._new)])
            self._why = np.concatenate([self._why, *(why for _, why in self._new)])
            self._new = []
        return self._index

    @property
    def num_left_out(self) -> int:
        return int((self._whys == LEFT_OUT).sum())

    @property
    def _whys(self) -> NDArray[np.int8]:
        _ = self.index
        return self._why

    def provisional(
        self, video: VideoInfo, identity: str, segments: Sequence[Segment], *, followed: Mapping[str, Any]
    ) -> Timeline:
        """The timeline if no more came. identity: a name for the film that stays the same while it grows."""
        index, until_s = self.index, 0.0
        if len(index):
            step_s = float(index.grid_s[1] - index.grid_s[0]) if len(index) > 1 else 0.0
            until_s = min(float(index.grid_s[-1]) + step_s, video.duration_s)
        rest = [Gap(start_s=until_s, end_s=video.duration_s, reason=GAP_REASONS[NOT_YET])]
        timeline = self._outline.timeline(
            video,
            index,
            self._whys,
            segments=segments,
            more_gaps=rest if until_s < video.duration_s else [],
            provenance=self._provenance(video, followed, ()),
            complete=False,
        )
        return replace(timeline, video_identity=identity)

    def finished(
        self,
        video: VideoInfo,
        segments: Sequence[Segment],
        scores: GridScores,
        *,
        followed: Mapping[str, Any],
        notes: Sequence[str],
        role: "FilmRole | None",
    ) -> Timeline:
        """The timeline of the film that has ended. notes: on how it was followed, beside those of what drew it."""
        index, live = self.index, self._live
        saliency = None if scores.saliency is None else curve(scores.saliency, index)
        return self._outline.timeline(
            video,
            replace(index, cut_s=live.cut_s()),
            self._whys,
            segments=segments,
            clip_labels=best_labels(scores, live.labels()),
            curves={} if saliency is None else {live.saliency_name: saliency},
            provenance=self._provenance(video, followed, notes, role),
            complete=True,
        )

    def _provenance(
        self, video: VideoInfo, followed: Mapping[str, Any], notes: Sequence[str], role: "FilmRole | None" = None
    ) -> dict[str, Any]:
        of_live = self._live.provenance()
        said = self._outline.provenance(
            video,
            self.index,
            self._whys,
            self._executions,
            analysis=of_live,
            notes=[*self._live.notes(), *notes],
            role=role,
        )
        return said | {"followed": dict(followed)}
