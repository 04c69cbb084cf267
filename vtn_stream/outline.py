"""What a timeline says beside its segments: what became of each position of the grid, and how all of it was made.

T positions
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vtn_stream.film import CLOCK_TOLERANCE_S, FrameIndex, VideoInfo, shareable_name
from vtn_stream.film_notices import notices
from vtn_stream.framing import Cutout
from vtn_stream.localize import gaps
from vtn_stream.sampling import SamplingPlan, earlier_frames
from vtn_stream.timeline import Curve, Gap, Part, Segment, Timeline
from vtn_stream.track import PICTURE, Execution, GridScores, Recipe, change_s
from vtn_stream.version import __version__

if TYPE_CHECKING:
    from vtn_stream.backbone import FrameEncoder
    from vtn_stream.checkpoints.training_films import FilmRole

__all__ = [
    "CUT_OFF",
    "DAMAGED",
    "GAP_REASONS",
    "LEAP",
    "LEFT_OUT",
    "LOST",
    "NOTHING_SHOWN",
    "NOT_YET",
    "NO_FILE",
    "Outline",
    "best_labels",
    "fixed_provenance",
    "why_dark",
]

NUM_CLIP_LABELS = 5
FAR = 1.5  # times as far back as wanted: from about here, a change is another one than the model learnt

# Why a position has no embedding; 0 where it has one.
NOT_YET, DAMAGED, LOST, NOTHING_SHOWN, LEAP, CUT_OFF, NO_FILE, LEFT_OUT = 1, 2, 3, 4, 5, 6, 7, 8
GAP_REASONS = {
    NOT_YET: "not analyzed yet",
    DAMAGED: "the frames are damaged",
    LOST: "decoding failed; another run tries again",
    NOTHING_SHOWN: "no frame is shown",
    LEAP: "the film's clock jumps: no frame is shown",
    CUT_OFF: "the file ends earlier",
    NO_FILE: "no file has this time",
    LEFT_OUT: "left out: this machine was too slow",
}
ROLE_NOTES: "dict[FilmRole | None, str]" = {
    "learnt": "The model learnt from this film: expect more errors on other films.",
    "validated": "This film validated the training of the model: expect somewhat more errors on other films.",
}


def why_dark(video: VideoInfo, planned: FrameIndex) -> NDArray[np.int8]:
    """[T]: why the film shows nothing at a position, where it shows nothing. planned: some of its grid."""
    why = np.full(len(planned), NOTHING_SHOWN, np.int8)
    for span in video.dark:
        within = slice(*np.searchsorted(planned.grid_s, (video.seconds(span.start) - CLOCK_TOLERANCE_S, np.inf)))
        why[within] = LEAP if span.why == "leap" else CUT_OFF
    for part in video.parts:  # as before the first frame of any film
        bounds_s = float(part.start) - CLOCK_TOLERANCE_S, video.time_of(part.first_frame) - CLOCK_TOLERANCE_S
        why[slice(*np.searchsorted(planned.grid_s, bounds_s))] = NOTHING_SHOWN
    return why


class Outline:
    """All of a timeline but what a scorer says: of films that are seen through one network, in one way."""

    def __init__(
        self, cutout: Cutout, sampling: SamplingPlan, encoder: "FrameEncoder", inputs: Sequence[str] = (PICTURE,)
    ) -> None:
        self._cutout = cutout
        self._sampling = sampling
        self._encoder = encoder
        self._inputs = tuple(inputs)

    def timeline(
        self,
        video: VideoInfo,
        index: FrameIndex,
        why_invalid: NDArray[np.int8],
        *,
        segments: Iterable[Segment],
        clip_labels: tuple[tuple[str, float], ...] = (),
        curves: Mapping[str, Curve] = {},
        more_gaps: Iterable[Gap] = (),
        provenance: Mapping[str, Any],
        complete: bool,
    ) -> Timeline:
        """The timeline of the whole film. why_invalid [T]: of the positions of the index, which need not be all."""
        duration_s = video.duration_s
        return Timeline(
            video_identity=video.identity,
            video_path=shareable_name(video.path.name),
            duration_s=duration_s,
            span_s=(0.0, duration_s),
            nominal_rate=video.nominal_rate,
            variable_rate=video.variable_rate,
            start_timecode=video.start_timecode,
            parts=_parts(video),
            region=self._cutout.shown,
            segments=tuple(replace(s, origin="model") for s in segments),
            clip_labels=clip_labels,
            gaps=(
                *(
                    gap
                    for why, reason in GAP_REASONS.items()
                    for gap in gaps(why_invalid == why, index, duration_s, reason)
                ),
                *more_gaps,
            ),
            curves=curves,
            provenance=provenance,
            complete=complete,
        )

    def provenance(
        self,
        video: VideoInfo,
        index: FrameIndex,
        why_invalid: NDArray[np.int8],
        executions: Mapping[str, Execution],
        *,
        analysis: dict[str, Any],
        notes: Iterable[str],
        role: "FilmRole | None" = None,
        cuts: Mapping[str, int] | None = None,
        cut_notes: Iterable[str] = (),
    ) -> dict[str, Any]:
        """The provenance as JSON values, without times and the like: equal films, settings and executions give equal
        bytes.

        executions  by their digests
        analysis, notes  of what drew the segments
        role        of the film in the training of the model
        cuts        how many were placed to the frame, and how many were not
        """
        recipe = replace(self._encoder.recipe(self._sampling.fps), region=self._cutout.region)
        counts = np.bincount(why_invalid, minlength=LEFT_OUT + 1).tolist()
        shown = index.frame[index.frame >= 0]
        num_repeated = len(shown) - len(np.unique(shown))
        notes = [*notes, *self._cutout.notes]
        if role in ROLE_NOTES:
            notes.append(ROLE_NOTES[role])
        if num_repeated:
            notes.append(f"The grid is finer than the film: {num_repeated} positions repeat a frame.")
        notes += [*self._too_slow(video, np.unique(shown)), *self._joins(video), *notices(video)]
        if counts[DAMAGED]:
            earlier = "" if self._inputs == (PICTURE,) else ", or the earlier frames that they are compared with,"
            notes.append(
                f"{counts[DAMAGED]} of {len(index)} positions are gaps: their frames{earlier} are damaged, or "
                "were predicted from damaged ones before the next keyframe."
            )
        if len(executions) > 1:
            notes.append(f"Stored embeddings of {len(executions)} executions were combined.")
        return fixed_provenance(recipe, self._inputs, self._encoder, analysis) | {
            "executions": [json.loads(executions[key].to_json()) for key in sorted(executions)],
            "positions": {
                "total": len(index),
                "embedded": counts[0],
                "damaged": counts[DAMAGED],
                "lost": counts[LOST],
                **({"left_out": counts[LEFT_OUT]} if counts[LEFT_OUT] else {}),
            },
            **({} if cuts is None else {"cuts": dict(cuts)}),
            **({} if role is None else {"film_in_training": role}),
            "notes": [*notes, *cut_notes],
        }

    def _too_slow(self, video: VideoInfo, frames: NDArray[np.int64]) -> list[str]:
        """For each change of these frames that the film has too few frames for, a line."""
        lines = []
        for name in self._inputs:
            if (back_s := change_s(name)) is not None:
                since_s = video.times_of(frames) - video.times_of(earlier_frames(video, frames, back_s))
                if num_far := int((since_s > FAR * float(back_s)).sum()):
                    lines.append(
                        f"The film has too few frames a second to show its change in {back_s} s: {num_far} of "
                        f"{len(frames)} frames show the change since a frame that is further back."
                    )
        return lines

    def _joins(self, video: VideoInfo) -> list[str]:
        """For a recording, what its joins mean for what was read."""
        is_change = [change_s(name) is not None for name in self._inputs]
        if len(video.parts) < 2 or not any(is_change):
            return []
        return ["Changes are measured within each file: the first frames of each show none."]


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


def best_labels(scores: GridScores, labels: Sequence[str]) -> tuple[tuple[str, float], ...]:
    """The most likely labels of the whole film, the most likely first."""
    if scores.clip is None:
        return ()
    order = np.argsort(-scores.clip, kind="stable")[:NUM_CLIP_LABELS]
    return tuple((labels[k], round(float(scores.clip[k]), 4)) for k in order)


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
