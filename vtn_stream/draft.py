"""The timeline of one film while its embeddings arrive: its state with the embeddings so far."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vtn_stream.cuts import NOT_READ, UNCLEAR
from vtn_stream.embedding import ChunkReady
from vtn_stream.errors import VideoError
from vtn_stream.film import CLOCK_TOLERANCE_S, FrameIndex
from vtn_stream.localize import changes, curve
from vtn_stream.outline import DAMAGED, LOST, NO_FILE, NOT_YET, Outline, best_labels, why_dark
from vtn_stream.plan import Plan
from vtn_stream.sampling import Chunk, SamplingPlan
from vtn_stream.scorers import Scorer
from vtn_stream.scorers.scenes import Scenes
from vtn_stream.timeline import Timeline
from vtn_stream.track import PICTURE, Execution, GridScores
from vtn_stream.transitions import Transition, distinct

if TYPE_CHECKING:
    from vtn_stream.backbone import FrameEncoder
    from vtn_stream.checkpoints.training_films import FilmRole

__all__ = ["Analysis", "Draft", "Look", "check_usable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Looks at the frames between sampled ones, where scenes may change.

    shots  frames [C, 2] between which the shot may change -> the changes that pictures show; None where not read
    place  frames [C, 2] before and after changes -> the frames [C] with which the new pictures begin, or UNCLEAR, or
           NOT_READ
    """

    shots: Callable[[NDArray[np.int64]], Sequence[tuple[Transition, ...] | None]]
    place: Callable[[NDArray[np.int64]], NDArray[np.int64]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """A finished analysis: the timeline, and the scores and names that it was drawn from."""

    timeline: Timeline
    scores: GridScores
    index: FrameIndex
    labels: tuple[str, ...]


class _Cuts(NamedTuple):
    """at_s [T]: the clock's `cut_s`; of num_changes, num_unclear have no place to the frame, num_unread may get one. In
    num_unseen places it was not read whether the shot changes.
    """

    at_s: NDArray[np.float64]
    num_changes: int
    num_unclear: int
    num_unread: int
    num_unseen: int

    @property
    def counts(self) -> dict[str, int]:
        return {"total": self.num_changes, "unclear": self.num_unclear, "lost": self.num_unread}

    @property
    def notes(self) -> list[str]:
        midway, notes = "Borders that are only placed midway between two sampled frames", []
        if self.num_unclear:
            notes.append(
                f"{midway}: {self.num_unclear} of {self.num_changes}. No cut was seen there, the frames are damaged, "
                "or there are too many of them."
            )
        if self.num_unread:
            notes.append(
                f"{midway}: {self.num_unread} of {self.num_changes}. Decoding the frames between them failed; another "
                "run tries again."
            )
        if self.num_unseen:
            notes.append(
                f"Changes of scene may be missing: decoding failed in {self.num_unseen} places where the picture may "
                "change. Another run tries again."
            )
        return notes


class Draft:
    """The track of one film as its chunks arrive, and the timeline that can be drawn from it at any moment."""

    def __init__(
        self,
        plan: Plan,
        sampling: SamplingPlan,
        encoder: "FrameEncoder",
        scorer: Scorer,
        inputs: Sequence[str] = (PICTURE,),
        training: Mapping[str, Any] | None = None,
    ) -> None:
        """plan: of one region of the picture. training: of the model, as its checkpoint has it; None without one."""
        self._video = video = plan.video
        chunks = plan.chunks
        (cutout,) = plan.cutouts
        self._outline = Outline(cutout, sampling, encoder, inputs)
        self._scorer = scorer
        self._span_s = plan.span_s
        self._role: FilmRole | None = None
        if training is not None:
            from vtn_stream.checkpoints.training_films import film_role

            self._role = film_role(training, *video.identities)
        rows = plan.rows(sampling)
        self._first = rows.start
        planned = sampling.grid(video, rows.start, rows.stop)
        self._index = replace(planned, valid=np.zeros(len(planned), np.bool_))
        self._values = np.zeros((len(planned), encoder.num_features * len(inputs)), np.float16)  # [T, I * D]
        self._why_invalid = np.full(len(planned), NO_FILE, np.int8)  # [T]
        for chunk in chunks:
            self._why_invalid[self._rows(chunk)] = NOT_YET
        self._why_dark = why_dark(video, planned)  # [T], where no frame is shown
        self._executions: dict[str, Execution] = {}

    def add(self, ready: ChunkReady) -> None:
        rows = self._rows(ready.chunk)
        self._values[rows] = ready.values
        self._index.valid[rows] = ready.index.valid
        missed = np.where(ready.index.frame < 0, self._why_dark[rows], LOST if ready.source == "lost" else DAMAGED)
        self._why_invalid[rows] = np.where(ready.index.valid, 0, missed)
        self._executions |= {execution.digest: execution for execution in ready.executions}
        self._scorer.advance(self._values, self._index, self._why_invalid != NOT_YET)

    def _rows(self, chunk: Chunk) -> slice:
        return slice(chunk.rows.start - self._first, chunk.rows.stop - self._first)

    def analysis(self, *, complete: bool, look: Look | None = None) -> Analysis:
        """The timeline of what is there. look: at the frames between the sampled ones, for scenes; None: scenes change
        midway between two of them.
        """
        duration_s, index = self._video.duration_s, self._index
        cuts = None
        if look is not None and isinstance(self._scorer, Scenes):
            scores, cuts = self._looked_at(self._scorer, look)
            index = replace(index, cut_s=cuts.at_s)
        else:
            scores = self._scorer.scores(self._values, index, complete=complete)
        labels = self._scorer.labels(scores)
        saliency = None if scores.saliency is None else curve(scores.saliency, index)
        timeline = self._outline.timeline(
            self._video,
            index,
            self._why_invalid,
            segments=self._scorer.segments(scores, index, duration_s),
            clip_labels=best_labels(scores, labels),
            curves={} if saliency is None else {self._scorer.saliency_name: saliency},
            provenance=self._provenance(cuts),
            complete=complete,
        ).crop(*self._span_s)
        if self._scorer.named_by_appearance:
            names = _by_appearance(timeline, labels)
            timeline, labels = timeline.rename(names), tuple(names[label] for label in labels)
        return Analysis(timeline=timeline, scores=scores, index=index, labels=labels)

    def _looked_at(self, scorer: Scenes, look: Look) -> tuple[GridScores, _Cuts]:
        """The scores with what the frames between sampled ones show, and the cuts in the part that is asked for."""
        index, times_s = self._index, self._video.times_s
        stretches = index.frame[scorer.suspects(self._values, index)]  # [C, 2]
        seen = look.shots(stretches[self._inside(stretches)])
        shown = np.maximum.accumulate(index.frame) if len(index) else index.frame
        starts: dict[int, int] = {}  # position -> frame; of two changes in one step, the later one
        mixed = np.zeros(len(index), np.bool_)
        for change in distinct([t for found in seen for t in found or ()]):
            starts[int(np.searchsorted(shown, change.at))] = change.at
            mixed[slice(*np.searchsorted(shown, (change.first + 1, change.last)))] = True
        scores = scorer.with_shots(self._values, index, list(starts), mixed)

        after = changes(scores, index)  # [C]
        frames = np.stack([index.frame[after - 1], index.frame[after]], axis=1)
        inside = self._inside(frames)
        after, frames = after[inside], frames[inside]
        found = np.array([starts.get(int(position), NOT_READ) for position in after], np.int64)
        open_changes = found == NOT_READ
        found[open_changes] = look.place(frames[open_changes])
        at_s = np.full(len(index), np.nan)
        at_s[after[found >= 0]] = times_s[found[found >= 0]]
        dark_s = [self._video.seconds(pts) for span in self._video.dark for pts in (span.start, span.end)]
        for bound_s in (times_s[0], *dark_s):
            following = int(np.searchsorted(index.grid_s, bound_s - CLOCK_TOLERANCE_S))
            if 0 < following < len(index) and (index.frame[following] < 0) != (index.frame[following - 1] < 0):
                at_s[following] = bound_s  # gaps as well begin and end to the frame
        num_unclear, num_unread = int((found == UNCLEAR).sum()), int((found == NOT_READ).sum())
        return scores, _Cuts(at_s, len(found), num_unclear, num_unread, sum(part is None for part in seen))

    def _inside(self, frames: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of these pairs of frames [C, 2] reach into the part that is asked for."""
        times_s, (start_s, end_s) = self._video.times_s, self._span_s
        return np.asarray((times_s[frames[:, 1]] > start_s) & (times_s[frames[:, 0]] < end_s))

    def _provenance(self, cuts: "_Cuts | None") -> dict[str, Any]:
        return self._outline.provenance(
            self._video,
            self._index,
            self._why_invalid,
            self._executions,
            analysis=self._scorer.provenance(),
            notes=self._scorer.notes(),
            role=self._role,
            cuts=None if cuts is None else cuts.counts,
            cut_notes=() if cuts is None else cuts.notes,
        )


def check_usable(plan: Plan, analysis: Analysis) -> None:
    """Raises VideoError if not one frame could be used, of all that there were to look at."""
    video, index = plan.video, analysis.index
    if index.valid.any() or not (index.frame >= 0).any():
        return
    nothing = f"not one frame of {video.path.name} could be decoded: "
    if video.num_encrypted:
        why, cure = "they are encrypted", "decrypt it first"
    elif analysis.timeline.provenance["positions"]["lost"]:
        why, cure = (
            "decoding failed several times",
            "run again; if it fails again, check that the film plays, or remux it",
        )
    else:
        why, cure = (
            "they are damaged, or of a kind that this program does not decode",
            "check that the film plays, or copy it again",
        )
    raise VideoError(nothing + why, "it has no timeline", cure)


def _by_appearance(timeline: Timeline, labels: Sequence[str]) -> dict[str, str]:
    """The names `labels` given anew, in the order in which this part of the film shows what they stand for.

    all that was embedded   |-A-|-B-|-C-|-B-|-D-|
    this part of it                 |-A-|-B-|-C-|   C is named A; A, which is not shown, is named last
    """
    return dict(zip(dict.fromkeys((*timeline.labels, *labels)), labels, strict=True))
