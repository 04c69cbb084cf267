"""Scores without a model: a film's scenes. `structure` finds them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vtn_stream.film import FrameIndex
from vtn_stream.localize import runs
from vtn_stream.scorers.structure import find_scenes, find_suspects
from vtn_stream.timeline import Segment
from vtn_stream.track import GridScores

__all__ = ["MIN_SCENE_S", "Scenes", "first_shown"]

MIN_SCENE_S = 1.5  # of scenes that only the embeddings show

NOTE = (
    "These are scenes, not actions: stretches of film that look alike, found without training. "
    "Scenes with the same name look alike; the names have no other meaning."
)


@dataclass(frozen=True, slots=True)
class Scenes:
    """Implements `Scorer` for a grid of this rate. refine: whether cuts are placed to the frame, for its provenance."""

    fps: Fraction
    refine: bool = True

    saliency_name = "change"
    named_by_appearance = True

    def advance(self, values: NDArray[np.float16], index: FrameIndex, settled: NDArray[np.bool_]) -> None:
        """Does nothing: a scene depends on its neighbours."""

    def scores(self, values: NDArray[np.float16], index: FrameIndex, *, complete: bool) -> GridScores:
        """Scenes, found on each frame once: if the grid is finer than the film, a repeated frame is no evidence."""
        return self.with_shots(values, index, (), None)

    def suspects(self, values: NDArray[np.float16], index: FrameIndex) -> NDArray[np.intp]:
        """[C, 2]: between which positions the shot may change, which pictures can tell."""
        new = first_shown(index)
        return find_suspects(values, new, fps=self.fps * Fraction(int(new.sum()), max(1, int(index.valid.sum()))))

    def with_shots(
        self, values: NDArray[np.float16], index: FrameIndex, starts: Sequence[int], mixed: NDArray[np.bool_] | None
    ) -> GridScores:
        """The scores if shots are known to begin at these positions, and positions [T] to show two shots at once."""
        valid = index.valid
        new = first_shown(index)
        share = new.sum() / max(1, valid.sum())
        min_frames = max(1, round(MIN_SCENE_S * self.fps * share))
        scores = find_scenes(values, new, min_positions=min_frames, starts=starts, mixed=mixed)
        if share == 1 or scores.frame is None:
            return scores
        shown = np.maximum.accumulate(np.where(new, np.arange(len(new)), 0))  # where each position's frame came first
        return replace(scores, frame=np.where(valid[:, None], scores.frame[shown], np.float16(0)))

    def labels(self, scores: GridScores) -> tuple[str, ...]:
        """scene A ... scene Z, scene AA ..., as a spreadsheet counts its columns."""
        names = []
        for number in range(1, 1 + (0 if scores.frame is None else scores.frame.shape[1])):
            letters = ""
            while number:
                number, digit = divmod(number - 1, 26)
                letters = chr(ord("A") + digit) + letters
            names.append(f"scene {letters}")
        return tuple(names)

    def segments(self, scores: GridScores, index: FrameIndex, duration_s: float) -> list[Segment]:
        return runs(scores, index, self.labels(scores), duration_s)

    def provenance(self) -> dict[str, Any]:
        if self.refine:
            return {"kind": "scenes", "shots": "pictures", "cuts": "frame"}
        return {"kind": "scenes", "min_scene_s": MIN_SCENE_S, "cuts": "grid"}

    def notes(self) -> list[str]:
        return [NOTE]


def first_shown(index: FrameIndex, before: int = -1) -> NDArray[np.bool_]:
    """[T]: where a frame is shown that the position before did not show. before: what was shown before all of them."""
    seen = np.concatenate([[before], np.where(index.valid, index.frame, -1)])
    return np.asarray(index.valid & (seen[1:] != seen[:-1]))
