"""The three ways of `evaluate`: predictions are scored, films are analyzed and scored, clips are measured."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from vtn_stream.errors import InputError, VideoError, printable
from vtn_stream.evaluation.options import EvaluationOptions

from .console import err, film_progress, out
from .interrupts import check_interrupted
from .scores import show_evaluation, show_own, show_scores

if TYPE_CHECKING:
    from vtn_stream.analysis import AnalysisEvent, Analyzer, Plan
    from vtn_stream.checkpoints import Checkpoint
    from vtn_stream.evaluation import FilmRoles, OwnFigures, Prediction
    from vtn_stream.evaluation.labelled_clips import ClipFailed, ClipScored
    from vtn_stream.formats.annotations import Annotations

__all__ = ["measure_clips", "measure_films", "measure_predictions"]

MAX_WARNINGS = 10


def measure_predictions(asked: EvaluationOptions) -> int:
    """Scores predictions, of any origin, against annotations. 1 if a film failed in the batch that made them, or 0."""
    from vtn_stream.evaluation import chosen, failed_films, own_figures, read_predictions, roles_of_predictions
    from vtn_stream_pipelines.record import why_films_failed

    truth = _read_truth(asked)
    why = why_films_failed(asked.what)
    left_out: list[str] | None = [] if asked.skip_bad else None
    predictions = read_predictions(asked.what, fps=asked.annotation_fps, none_left=bool(why), left_out=left_out)
    _tell_left_out(asked.what, left_out or ())
    for name in sorted(why.keys() & predictions.keys()):
        line = f"{name}: its last analysis failed ({why[name]}), and what an earlier one left is scored"
        err.print(Text(printable(line), style="yellow"), soft_wrap=True)
    names = set(chosen(truth, asked.subset))
    failed = failed_films(why, predictions, truth.videos)
    failed = {name: reason for name, reason in failed.items() if name in names}
    extra = _tell_failed(failed) | ({"left_out": {"predictions": left_out}} if asked.skip_bad else {})
    if not predictions:
        raise InputError("no film could be read", "nothing was scored", "say batch --retry-failed once that is fixed")
    truth = replace(truth, videos={name: video for name, video in truth.videos.items() if name not in failed})
    roles = roles_of_predictions(predictions, truth, asked.subset, included=asked.include_learnt)
    if roles is not None:
        _tell_roles(asked, roles, "to score", "the model")
    if roles is not None and roles.none_left:
        _tell_own(asked, own_figures(predictions.values()), roles, extra)
    else:
        _score(asked, predictions, truth, roles, extra)
    return 1 if failed else 0


def measure_films(asked: EvaluationOptions, model: Path, checkpoint: "Checkpoint") -> int:
    """Lets a model look at the annotated films, and scores what it draws. 1 if a film could not be read, else 0."""
    from vtn_stream.analysis import Analyzer
    from vtn_stream.checkpoints.training_films import film_role
    from vtn_stream.evaluation import FilmRoles, OwnFigures, chosen

    truth = _read_truth(asked)
    names = chosen(truth, asked.subset)
    with Analyzer(asked.settings(model)) as analyzer:
        with err.status("looking at the films"):
            plans, failed = _find(analyzer, names, asked.films)
        found = {name: film_role(checkpoint.training, plan.video.identity) for name, plan in plans.items()}
        roles = FilmRoles.of(found, included=asked.include_learnt)
        if plans:
            _tell_roles(asked, roles, _films_of(asked.truth, all_read=not failed), model.name)
        new = {name: plan for name, plan in plans.items() if name not in roles.left_out}
        predictions = _look_at(analyzer, new, failed)
    extra = {"model": checkpoint.digest, **_tell_failed(failed)}
    if roles.none_left:
        _tell_own(asked, OwnFigures.of_training(checkpoint.training), roles, extra)
        return 1 if failed else 0
    if not predictions:
        raise InputError("no film could be read", "nothing was scored", "name the films' folder with --videos")
    readable = {name: video for name, video in truth.videos.items() if name not in failed}
    _score(asked, predictions, replace(truth, videos=readable), roles, extra)
    return 1 if failed else 0


def _tell_failed(failed: Mapping[str, str]) -> dict[str, Any]:
    """Names the films that could not be read; what JSON says of them."""
    for name, message in failed.items():
        err.print(Text(f"{printable(name)}: {printable(message)}", style="yellow"), soft_wrap=True)
    return {"failed": [{"film": name, "message": message} for name, message in failed.items()]}


def _tell_roles(asked: EvaluationOptions, roles: "FilmRoles", films: str, model: str) -> None:
    """The first line: how many of the films taught the model."""
    if not asked.as_json:
        out.print(Text(printable(roles.sentence(films, model))), soft_wrap=True)


def _films_of(path: Path, *, all_read: bool) -> str:
    return f"of {path.name}" if all_read else f"of {path.name} that can be read"


def _tell_own(asked: EvaluationOptions, own: "OwnFigures", roles: "FilmRoles", extra: Mapping[str, Any]) -> None:
    """The figures that the model has from its training, where all films taught it."""
    sentence = own.sentence()
    if asked.as_json:
        figures = {"own_figures": dict(own.figures), "films": [], "notes": [sentence]}
        click.echo(json.dumps({**extra, "training_films": roles.to_dict(), **figures}, indent=2))
    else:
        show_own(own)
    if asked.plots is not None:
        err.print("no picture is drawn, as no film is scored", style="yellow")


def _score(
    asked: EvaluationOptions,
    predictions: "Mapping[str, Prediction]",
    truth: "Annotations",
    roles: "FilmRoles | None",
    extra: Mapping[str, Any],
) -> None:
    """Prints the figures, and draws the pictures that are asked for. extra: what JSON says beside the figures."""
    from vtn_stream.evaluation import save_pictures, score, without_films

    if truth.warnings:
        extra = {**extra, "warnings": [str(problem) for problem in truth.warnings]}
    if asked.skip_bad:
        of_truth = {"annotations": [str(problem) for problem in truth.skipped]}
        extra = {**extra, "left_out": of_truth | extra.get("left_out", {})}
    if roles is not None:
        predictions, truth = without_films(roles.left_out, predictions, truth)
        extra = {**extra, "training_films": roles.to_dict()}
    scores = score(
        predictions,
        truth,
        subset=asked.subset,
        metrics=asked.metrics,
        thresholds=asked.thresholds,
        tolerances_s=asked.tolerances_s,
        tolerances_frames=asked.tolerances_frames,
        fps=asked.grid_fps,
        background=asked.background,
        ignore_other_videos=asked.ignore_other_videos,
        skip_bad=asked.skip_bad,
    )
    if counts := [f"{len(texts)} of the {side}" for side, texts in extra.get("left_out", {}).items() if texts]:
        note = f"Left out as wrong (--skip-bad): {' and '.join(counts)}."
        scores = replace(scores, notes=(note, *scores.notes))
    if asked.as_json:
        click.echo(json.dumps({**extra, **scores.to_dict()}, indent=2))
    else:
        show_scores(scores)
    for file in save_pictures(scores, asked.plots) if asked.plots is not None else ():
        (err if asked.as_json else out).print(Text(f"wrote {printable(str(file))}"), soft_wrap=True)


def _read_truth(asked: EvaluationOptions) -> "Annotations":
    from vtn_stream.formats.annotations import read_annotations

    path = asked.truth
    truth = read_annotations(path, fps=asked.annotation_fps, skip_bad=asked.skip_bad)
    for line, text in truth.warnings[:MAX_WARNINGS]:
        place = path.name if line is None else f"{path.name}, line {line}"
        err.print(Text(f"{printable(place)}: {text}", style="yellow"), soft_wrap=True)
    if len(truth.warnings) > MAX_WARNINGS:
        err.print(f"... and {len(truth.warnings) - MAX_WARNINGS} more warnings")
    if asked.annotation_fps is not None and not truth.uses_fps:
        err.print(f"{printable(path.name)} counts no frames: --annotation-fps changes nothing of it", style="yellow")
    _tell_left_out(path, list(map(str, truth.skipped)))
    return truth


def _tell_left_out(path: Path, texts: Sequence[str]) -> None:
    for text in texts[:MAX_WARNINGS]:
        err.print(Text(f"{printable(path.name)}: left out: {printable(text)}", style="yellow"), soft_wrap=True)
    if len(texts) > MAX_WARNINGS:
        err.print(f"... and {len(texts) - MAX_WARNINGS} more left out")


def _find(analyzer: "Analyzer", names: Sequence[str], folder: Path) -> "tuple[dict[str, Plan], dict[str, str]]":
    """The films, probed; for those that cannot be found or read, what is wrong with them."""
    from vtn_stream.training.folder import FilmFolder

    plans: dict[str, Plan] = {}
    failed: dict[str, str] = {}
    inside = FilmFolder(folder)
    for name in names:
        check_interrupted()
        files = inside.find(name)
        if len(files) != 1:
            there = f"it may be {files[0]} or {files[1]}" if files else "there is no such film"
            failed[name] = f"{there} in {folder.name or folder}"
            continue
        try:
            plans[name] = analyzer.plan(folder / files[0])
        except VideoError as error:
            failed[name] = str(error)
    return plans, failed


def _look_at(analyzer: "Analyzer", plans: "Mapping[str, Plan]", failed: dict[str, str]) -> "dict[str, Prediction]":
    """What the model finds in each film. Films that cannot be read are added to `failed`."""
    from vtn_stream.analysis import ChunkReady, FramesEmbedded, SequenceRead, Warned
    from vtn_stream.evaluation import of_analysis

    predictions = {}
    if plans:
        analyzer.load()
    with film_progress(f"{len(plans)} films") as progress:
        num_positions = sum(len(chunk) for plan in plans.values() for chunk in plan.chunks)
        progress.expect(num_positions, float(analyzer.sampling.fps))
        for name, plan in plans.items():

            def tell(event: "AnalysisEvent", name: str = name) -> None:
                check_interrupted()
                if isinstance(event, Warned):
                    err.print(Text(f"{printable(name)}: {printable(event.message)}"), soft_wrap=True)
                elif isinstance(event, FramesEmbedded):
                    progress.frames_embedded(event.num_frames)
                elif isinstance(event, SequenceRead):
                    progress.afterwards("the whole film", event.num_done, event.num_total)
                elif isinstance(event, ChunkReady):
                    progress.chunk_ready(len(event.chunk), embedded=event.source == "film")

            try:
                predictions[name] = of_analysis(analyzer.analyze(plan, on_event=tell))
            except VideoError as error:
                failed[name] = str(error)
    return predictions


def measure_clips(asked: EvaluationOptions, model: Path, checkpoint: "Checkpoint") -> int:
    """Measures a model on labelled clips. 1 if a clip could not be read, else 0."""
    from vtn_stream.evaluation import OwnFigures
    from vtn_stream.evaluation.labelled_clips import ClipFailed, Protocol, clip_roles, evaluate, read_clips

    protocol = Protocol()
    if asked.protocol == "views":
        protocol = Protocol(kind="views", num_views=asked.views or 10, num_crops=int(asked.crops or 1))
    labelled = read_clips(asked.what, checkpoint.labels, asked.videos)
    with err.status("looking at the films"):
        roles = clip_roles(checkpoint, labelled, included=asked.include_learnt, on_clip=check_interrupted)
    all_read = roles.num_films == len(labelled)
    _tell_roles(asked, roles, _films_of(asked.what, all_read=all_read), model.name)
    labelled = [clip for clip in labelled if clip.name not in roles.left_out]
    with _progress(len(labelled)) as progress:

        def tell(event: "ClipScored | ClipFailed") -> None:
            check_interrupted()
            if isinstance(event, ClipFailed):
                line = f"{printable(event.clip.name)}: {printable(event.message)}"
                progress.console.print(Text(line, style="yellow"), soft_wrap=True)
            progress.advance(progress.task_ids[0])

        evaluation = evaluate(
            checkpoint,
            labelled,
            protocol,
            weights=asked.weights,
            device=asked.device,
            results=asked.output,
            on_event=tell,
        )
    if roles.none_left:
        failed = {name: evaluation.to_dict()[name] for name in ("model", "failed")}
        _tell_own(asked, OwnFigures.of_training(checkpoint.training), roles, failed)
    elif asked.as_json:
        click.echo(json.dumps({**evaluation.to_dict(), "training_films": roles.to_dict()}, indent=2))
    else:
        show_evaluation(evaluation)
    return 1 if evaluation.failed else 0


@contextmanager
def _progress(num_clips: int) -> Iterator[Progress]:
    """A bar with the time left, on stderr; nothing if that is not a terminal."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        progress.add_task("clips", total=num_clips)
        yield progress
