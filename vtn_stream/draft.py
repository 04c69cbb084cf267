"""The timeline of one film while its embeddings arrive: its state with the embeddings so far."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vtn_stream.cuts import NOT_READ, UNCLEAR
from vtn_stream.embedding import ChunkReady
from vtn_stream.errors import VideoError
from vtn_stream.film import CLOCK_TOLERANCE_S, FrameIndex, VideoInfo, shareable_name
from vtn_stream.film_notices import notices
from vtn_stream.localize import changes, curve, gaps
from vtn_stream.plan import Plan
from vtn_stream.sampling import Chunk, SamplingPlan, earlier_frames
from vtn_stream.scorers import Scorer
from vtn_stream.scorers.scenes import Scenes
from vtn_stream.timeline import Part, Timeline
from vtn_stream.track import PICTURE, Execution, GridScores, Recipe, change_s
from vtn_stream.transitions import Transition, distinct
from vtn_stream.version import __version__

if TYPE_CHECKING:
    from vtn_stream.backbone import FrameEncoder
    from vtn_stream.checkpoints.training_films import FilmRole

__all__ = ["Analysis", "Draft", "Look", "check_usable", "fixed_provenance"]

NUM_CLIP_LABELS = 5
FAR = 1.5  # times as far back as wanted: from about here, a change is another one than the model learnt


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Looks at the frames between sampled ones, where scenes may change.

    shots  frames [C, 2] between which the shot may change -> the changes that pictures show; None where not read
    place  frames [C, 2] before and after changes -> the frames [C] with which the new pictures begin, or UNCLEAR, or
           NOT_READ
    """

    shots: Callable[[NDArray[np.int64]], Sequence[tuple[Transition, ...] | None]]
    place: Callable[[NDArray[np.int64]], NDArray[np.int64]]


# Why a position has no embedding; 0 where it has one.
NOT_YET, DAMAGED, LOST, NOTHING_SHOWN, LEAP, CUT_OFF, NO_FILE = 1, 2, 3, 4, 5, 6, 7
GAP_REASONS = {
    NOT_YET: "not analyzed yet",
    DAMAGED: "the frames are damaged",
    LOST: "decoding failed; another run tries again",
    NOTHING_SHOWN: "no frame is shown",
    LEAP: "the film's clock jumps: no frame is shown",
    CUT_OFF: "the file ends earlier",
    NO_FILE: "no file has this time",
}
ROLE_NOTES: "dict[FilmRole | None, str]" = {
    "learnt": "The model learnt from this film: expect more errors on other films.",
    "validated": "This film validated the training of the model: expect somewhat more errors on other films.",
}


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
        (self._cutout,) = plan.cutouts
        self._sampling = sampling
        self._encoder = encoder
        self._scorer = scorer
        self._span_s = plan.span_s
        self._inputs = tuple(inputs)
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
        self._why_dark = np.full(len(planned), NOTHING_SHOWN, np.int8)  # [T], where no frame is shown
        for span in video.dark:
            within = slice(*np.searchsorted(planned.grid_s, (video.seconds(span.start) - CLOCK_TOLERANCE_S, np.inf)))
            self._why_dark[within] = LEAP if span.why == "leap" else CUT_OFF
        for part in video.parts:  # as before the first frame of any film
            bounds_s = float(part.start) - CLOCK_TOLERANCE_S, video.times_s[part.first_frame] - CLOCK_TOLERANCE_S
            self._why_dark[slice(*np.searchsorted(planned.grid_s, bounds_s))] = NOTHING_SHOWN
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
        timeline = Timeline(
            video_identity=self._video.identity,
            video_path=shareable_name(self._video.path.name),
            duration_s=duration_s,
            span_s=(0.0, duration_s),
            nominal_rate=self._video.nominal_rate,
            variable_rate=self._video.variable_rate,
            start_timecode=self._video.start_timecode,
            parts=_parts(self._video),
            region=self._cutout.shown,
            segments=tuple(replace(s, origin="model") for s in self._scorer.segments(scores, index, duration_s)),
            clip_labels=_best(scores, labels),
            gaps=tuple(
                gap
                for why, reason in GAP_REASONS.items()
                for gap in gaps(self._why_invalid == why, index, duration_s, reason)
            ),
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

    def _too_slow(self, frames: NDArray[np.int64]) -> list[str]:
        """For each change of these frames that the film has too few frames for, a line."""
        times_s, lines = self._video.times_s, []
        for name in self._inputs:
            if (back_s := change_s(name)) is not None:
                since_s = times_s[frames] - times_s[earlier_frames(self._video, frames, back_s)]
                if num_far := int((since_s > FAR * float(back_s)).sum()):
                    lines.append(
                        f"The film has too few frames a second to show its change in {back_s} s: {num_far} of "
                        f"{len(frames)} frames show the change since a frame that is further back."
                    )
        return lines

    def _joins(self) -> list[str]:
        """For a recording, what its joins mean for what was read."""
        is_change = [change_s(name) is not None for name in self._inputs]
        if len(self._video.parts) < 2 or not any(is_change):
            return []
        return ["Changes are measured within each file: the first frames of each show none."]

    def _provenance(self, cuts: "_Cuts | None") -> dict[str, Any]:
        """The provenance as JSON values, without times and the like: equal films, settings and executions give equal
        bytes.
        """
        recipe = replace(self._encoder.recipe(self._sampling.fps), region=self._cutout.region)
        counts = np.bincount(self._why_invalid, minlength=LOST + 1).tolist()
        shown = self._index.frame[self._index.frame >= 0]
        num_repeated = len(shown) - len(np.unique(shown))
        notes = [*self._scorer.notes(), *self._cutout.notes]
        if self._role in ROLE_NOTES:
            notes.append(ROLE_NOTES[self._role])
        if num_repeated:
            notes.append(f"The grid is finer than the film: {num_repeated} positions repeat a frame.")
        notes += [*self._too_slow(np.unique(shown)), *self._joins(), *notices(self._video)]
        if counts[DAMAGED]:
            earlier = "" if self._inputs == (PICTURE,) else ", or the earlier frames that they are compared with,"
            notes.append(
                f"{counts[DAMAGED]} of {len(self._index)} positions are gaps: their frames{earlier} are damaged, or "
                "were predicted from damaged ones before the next keyframe."
            )
        if len(self._executions) > 1:
            notes.append(f"Stored embeddings of {len(self._executions)} executions were combined.")
        if cuts is not None and cuts.num_unclear:
            notes.append(
                f"Borders that are only placed midway between two sampled frames: {cuts.num_unclear} of "
                f"{cuts.num_changes}. No cut was seen there, the frames are damaged, or there are too many of them."
            )
        if cuts is not None and cuts.num_unread:
            notes.append(
                f"Borders that are only placed midway between two sampled frames: {cuts.num_unread} of "
                f"{cuts.num_changes}. Decoding the frames between them failed; another run tries again."
            )
        if cuts is not None and cuts.num_unseen:
            notes.append(
                f"Changes of scene may be missing: decoding failed in {cuts.num_unseen} places where the picture may "
                "change. Another run tries again."
            )
        return fixed_provenance(recipe, self._inputs, self._encoder, self._scorer.provenance()) | {
            "executions": [json.loads(self._executions[key].to_json()) for key in sorted(self._executions)],
            "positions": {
                "total": len(self._index),
                "embedded": counts[0],
                "damaged": counts[DAMAGED],
                "lost": counts[LOST],
            },
            **({} if cuts is None else {"cuts": cuts.counts}),
            **({} if self._role is None else {"film_in_training": self._role}),
            "notes": notes,
        }


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


def fixed_provenance(
    recipe: Recipe, inputs: Sequence[str], encoder: "FrameEncoder", analysis: dict[str, Any]
) -> dict[str, Any]:
    """The part of a timeline's provenance that does not depend on its film. recipe: of the picture. inputs: named where
    they are more or other than the picture. analysis: the scorer's own provenance.
    """
    return {
        "vtn_stream": __version__,
        "analysis": analysis,
        "recipe": json.loads(recipe.to_json()),
        **({} if tuple(inputs) == (PICTURE,) else {"inputs": list(inputs)}),
        "weights": encoder.weights_source,
    }


def _by_appearance(timeline: Timeline, labels: Sequence[str]) -> dict[str, str]:
    """The names `labels` given anew, in the order in which this part of the film shows what they stand for.

    all that was embedded   |-A-|-B-|-C-|-B-|-D-|
    this part of it                 |-A-|-B-|-C-|   C is named A; A, which is not shown, is named last
    """
    return dict(zip(dict.fromkeys((*timeline.labels, *labels)), labels, strict=True))


def _parts(video: VideoInfo) -> tuple[Part, ...]:
    """The files of a recording, as its timeline has them."""
    return tuple(
        Part(
            video_path=shareable_name(part.video.path.name),
            video_identity=part.video.identity,
            start_s=float(part.start),
            duration_s=part.video.duration_s,
            nominal_rate=part.video.nominal_rate,
            variable_rate=part.video.variable_rate,
            start_timecode=part.video.start_timecode,
        )
        for part in video.parts
    )


def _best(scores: GridScores, labels: tuple[str, ...]) -> tuple[tuple[str, float], ...]:
    """The most likely labels of the whole film, the most likely first."""
    if scores.clip is None:
        return ()
    order = np.argsort(-scores.clip, kind="stable")[:NUM_CLIP_LABELS]
    return tuple((labels[k], round(float(scores.clip[k]), 4)) for k in order)
