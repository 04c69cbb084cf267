"""What is predicted for one film: what its timeline shows, and what lies below its thresholds where that is known."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vtn_stream.errors import InputError, TimelineError
from vtn_stream.exchange.selection import Scored, redrawn
from vtn_stream.localize import DRAWINGS
from vtn_stream.store import stored_spans
from vtn_stream.timeline import Part, Segment, Timeline

if TYPE_CHECKING:
    from vtn_stream.checkpoints.training_films import FilmRole
    from vtn_stream.draft import Analysis

__all__ = ["Prediction", "analysis_of", "of_analysis", "of_timeline"]

NUM_CLIP_LABELS = 5  # the highest, and all that are equal to the fifth: what top-1 and top-5 need


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What is predicted for one film. Segments are kept sorted: the order in which they came changes no figure.

    segments     what its timeline shows
    candidates   all that was found, also what is too doubtful to be shown; None if only `segments` are known
    clip_labels  of the whole film, with their scores
    duration_s   of the film; None if the predictions do not say
    complete     whether the whole film was looked at
    changed      whether its timeline was changed since the model wrote it: hand work
    num_labels   how many labels it has, where there is one for each frame
    identity     of the film's frames: copies of one film have the same; None if the predictions do not say
    film_role    what the film was to the model that made this, when that was trained; None: no model of ours made it
    parts        the files of a recording
    film         the film's name, where this is about a region of its picture that has a name, and is called so
    training     how that model was trained, as the timeline says: anybody may have written it
    """

    segments: tuple[Segment, ...] = ()
    candidates: tuple[Segment, ...] | None = None
    clip_labels: tuple[tuple[str, float], ...] = ()
    duration_s: float | None = None
    complete: bool = True
    changed: bool = False
    num_labels: int | None = None
    identity: str | None = None
    film_role: "FilmRole | None" = None
    parts: tuple[Part, ...] = ()
    film: str | None = None
    training: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "segments", _sorted(self.segments))
        if self.candidates is not None:
            object.__setattr__(self, "candidates", _sorted(self.candidates))

    def per_file(self) -> dict[str, "Prediction"]:
        """What is predicted for each file of a recording, in its own time, by its path. Labels of the whole are left
        out: no file was looked at alone.
        """
        files = {}
        for part in self.parts:

            def own(segments: tuple[Segment, ...], part: Part = part) -> tuple[Segment, ...]:
                pieces = (s.cropped(part.start_s, part.end_s) for s in segments)
                return tuple(piece.shift(-part.start_s) for piece in pieces if piece is not None)

            files[part.video_path] = replace(
                self,
                segments=own(self.segments),
                candidates=None if self.candidates is None else own(self.candidates),
                clip_labels=(),
                duration_s=part.duration_s,
                identity=part.video_identity,
                parts=(),
            )
        return files


def of_timeline(timeline: Timeline, scored: Scored | None = None) -> Prediction:
    """The prediction of a timeline. scored: what the model said of each position, if that is known.

    Raises InputError for scores of the whole film that are not finite.
    """
    training = analysis_of(timeline).get("training")
    whole = timeline.span_s[0] <= 0 and timeline.span_s[1] >= timeline.duration_s
    prediction = Prediction(
        segments=timeline.segments,
        clip_labels=timeline.clip_labels,
        duration_s=timeline.duration_s,
        complete=timeline.complete and whole,
        identity=timeline.video_identity,
        film_role=_film_role(timeline),
        parts=timeline.parts,
        training=training if isinstance(training, Mapping) else {},
    )
    if scored is None:
        return prediction
    return replace(
        prediction,
        candidates=_candidates(timeline, scored),
        clip_labels=_clip_labels(timeline, scored),
    )


def of_analysis(analysis: "Analysis") -> Prediction:
    """The prediction of an analysis: the same as that of its files."""
    return of_timeline(analysis.timeline, (analysis.scores, analysis.index, analysis.labels))


def analysis_of(timeline: Timeline) -> Mapping[str, Any]:
    """What the provenance says of the analysis: its kind, its model; empty where it says nothing."""
    analysis = timeline.provenance.get("analysis")
    return analysis if isinstance(analysis, Mapping) else {}


def _film_role(timeline: Timeline) -> "FilmRole | None":
    """What a timeline says that its film was to its model; None for a timeline without one."""
    if "model" not in analysis_of(timeline):
        return None
    from vtn_stream.checkpoints.training_films import FILM_ROLES

    said = timeline.provenance.get("film_in_training")  # a stranger may have put anything there
    return next((role for role in FILM_ROLES if role == said), "unknown")


def _candidates(timeline: Timeline, scored: Scored) -> tuple[Segment, ...] | None:
    """All that was found, also below the thresholds; None where nobody can say.

    Spans and phases are drawn one by one, so that a threshold only leaves some out. Peaks reach as far as their
    threshold lets them: without one there are none.
    """
    analysis = analysis_of(timeline)
    kind = analysis.get("kind")
    drawing = analysis.get("drawing", DRAWINGS.get(kind) if isinstance(kind, str) else None)
    if drawing not in ("spans", "phases"):
        return None
    scores, index, labels = scored
    if scores.spans is not None:
        scores = replace(scores, spans=stored_spans(scores.spans))
    try:
        return tuple(redrawn(timeline, scores, index, labels, 0.0))
    except (TypeError, ValueError, LookupError, AttributeError, TimelineError):  # a stranger's provenance
        return None


def _clip_labels(timeline: Timeline, scored: Scored) -> tuple[tuple[str, float], ...]:
    """The highest labels of the whole film, by scores that are not rounded: rounding would make ties."""
    scores, _, labels = scored
    if scores.clip is None or len(scores.clip) != len(labels):
        return timeline.clip_labels
    if not np.isfinite(scores.clip).all():
        label = labels[int(np.argmin(np.isfinite(scores.clip)))]
        raise InputError(
            f"the score of {label} for the whole of {timeline.video_path} is not a number",
            "nothing was scored",
            "analyze the film again",
        )
    least = np.sort(scores.clip)[-NUM_CLIP_LABELS:][:1]
    order = np.argsort(-scores.clip, kind="stable")
    return tuple((labels[k], float(scores.clip[k])) for k in order if scores.clip[k] >= least)


def _sorted(segments: Iterable[Segment]) -> tuple[Segment, ...]:
    return tuple(sorted(segments, key=lambda s: s.sort_key))
