"""evaluate(predictions, annotations): `score` as Python users call it, with files or timelines in memory."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from vtn_stream.errors import InputError, warn
from vtn_stream.evaluation.figures import Metric, Scores
from vtn_stream.evaluation.film_roles import FilmRoles, roles_of_predictions, without_films
from vtn_stream.evaluation.measure import DEFAULT_FPS, score
from vtn_stream.evaluation.predictions import Prediction, of_timeline, read_predictions
from vtn_stream.evaluation.recordings import in_files
from vtn_stream.evaluation.scored_films import Part
from vtn_stream.formats.annotations import read_annotations
from vtn_stream.formats.annotations.film_files import called
from vtn_stream.formats.reading import CodingOptions
from vtn_stream.metrics import THUMOS14, TOLERANCES_S
from vtn_stream.sampling import parse_rate
from vtn_stream.timeline import Timeline

__all__ = ["evaluate"]


def evaluate(
    predictions: str | os.PathLike[str] | Timeline | Iterable[Timeline],
    annotations: str | os.PathLike[str],
    *,
    subset: Part | None = None,
    metrics: Sequence[Metric] = (),
    tious: Sequence[float] = THUMOS14,
    tolerances_s: Sequence[float] = TOLERANCES_S,
    background: Sequence[str] = (),
    fps: float = DEFAULT_FPS,
    annotation_fps: float | Fraction | str | None = None,
    ignore_other_videos: bool = False,
    include_learnt: bool = False,
    skip_bad: bool = False,
    observations: Sequence[str] = (),
    close_open: bool = False,
) -> Scores:
    """How good timelines are: each figure by its name, film by film as far as it is asked for.

    predictions     timelines; or a file of predictions, or a folder of results
    annotations     a file or a folder of them: what is true
    subset          which films of the annotations count; by default those that are not for training
    metrics         what to measure; by default what says something of such annotations
    tious           overlaps from which a segment counts as found
    tolerances_s    how far away an event without a length may be
    background      labels that mean nothing
    fps             frames a second of the grid on which is scored frame by frame
    annotation_fps  labels or frames a second, of annotations that count them
    include_learnt  score films that taught the model too: figures on them are too good
    observations, close_open  as `read_timelines` takes them, of annotations by BORIS
    skip_bad        leave out what is wrong in annotations and predictions, with a VtnStreamWarning

    Raises InputError, AnnotationError, TimelineError.
    """
    rate = None if annotation_fps is None else parse_rate(annotation_fps, "nothing was scored")
    coding = CodingOptions(observations=tuple(observations), close_open=close_open)
    truth = read_annotations(Path(annotations), fps=rate, skip_bad=skip_bad, coding=coding)
    left_out: list[str] = [f"left out: {problem}" for problem in truth.skipped]
    if isinstance(predictions, str | os.PathLike):
        bad: list[str] | None = [] if skip_bad else None
        given = read_predictions(Path(predictions), fps=rate, left_out=bad)
        left_out += [f"left out: {problem}" for problem in bad or ()]
    else:
        given = _of_timelines([predictions] if isinstance(predictions, Timeline) else predictions)
    if not given:
        raise InputError("there are no predictions", "nothing was scored", "give timelines, or a file of predictions")
    warn((*map(str, truth.warnings), *left_out))
    given, truth, by_file = in_files(given, truth)
    notes: list[str] = []
    roles = roles_of_predictions(given, truth, subset, included=include_learnt)
    if roles is not None:
        notes += _notes(roles)
        given, truth = without_films(roles.left_out, given, truth)
    scores = score(
        given,
        truth,
        subset=subset,
        metrics=metrics,
        thresholds=tuple(sorted(set(tious))),
        tolerances_s=tuple(sorted(set(tolerances_s))),
        fps=fps,
        background=background,
        ignore_other_videos=ignore_other_videos,
        skip_bad=skip_bad,
    )
    return replace(scores, notes=(*by_file, *notes, *scores.notes))


def _of_timelines(timelines: Iterable[Timeline]) -> dict[str, Prediction]:
    found: dict[str, Prediction] = {}
    for timeline in timelines:
        name, film = called(timeline), timeline.video_path
        if name in found:
            raise InputError(f"two timelines are of {name}", "nothing was scored", "give one of them for each film")
        found[name] = replace(of_timeline(timeline), film=None if name == film else film)
    return found


def _notes(roles: FilmRoles) -> list[str]:
    """What a reader must know of films that taught the model. Raises InputError if there is no other."""
    num, films = len(roles.learnt) + len(roles.validated), f"{roles.num_films} films"
    if roles.none_left:
        raise InputError(
            f"the model learnt from all of these {films}, or was validated on them",
            "nothing was scored: figures on them would be too good",
            "give other films, or score these all the same with include_learnt=True",
        )
    if not roles.is_known:
        return [f"Of {films} it is not known which the model learnt from: figures on such films are too good."]
    if not num:
        return []
    fate = "are scored too, and figures on them are too good" if roles.included else "are left out"
    return [f"Of {films}, {num} taught the model or validated its training: they {fate}."]
