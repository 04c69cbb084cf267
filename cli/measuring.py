"""The three ways of `evaluate`: predictions are scored, films are analyzed and scored, clips are measured."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from vtn_stream.errors import InputError, VideoError, printable
from vtn_stream.evaluation.options import EvaluationOptions

from .comparing import Model, compare_clips, compare_predictions, save_films, show_films, with_labels_of
from .console import err, film_progress, out
from .interrupts import check_interrupted
from .scored_truth import read_truth, skipped_note, tell_left_out, with_skipped
from .scores import show_evaluation, show_own, show_scores

if TYPE_CHECKING:
    from vtn_stream.analysis import AnalysisEvent, Analyzer, Plan
    from vtn_stream.evaluation import FilmRoles, OwnFigures, Prediction
    from vtn_stream.evaluation.film_figures import FilmFigures
    from vtn_stream.evaluation.labelled_clips import ClipFailed, ClipScored, Evaluation, LabelledClip
    from vtn_stream.evaluation.tally import Tally
    from vtn_stream.formats.annotations import AnnotatedVideo, Annotations

__all__ = ["measure_clips", "measure_films", "measure_predictions"]


def measure_predictions(asked: EvaluationOptions) -> int:
    """Scores predictions, of any origin, against annotations. 1 if a film failed in the batch that made them, or 0."""
    with err.status("reading"):
        from vtn_stream.evaluation import chosen, failed_films, own_figures, read_predictions, roles_of_predictions
        from vtn_stream.evaluation.recordings import in_files
        from vtn_stream_pipelines.record import why_films_failed

        truth = read_truth(asked)
        why = why_films_failed(asked.what)
        left_out: list[str] | None = [] if asked.skip_bad else None
        predictions = read_predictions(asked.what, fps=asked.annotation_fps, none_left=bool(why), left_out=left_out)
        predictions, truth, by_file = in_files(predictions, truth)
    tell_left_out(asked.what, left_out or ())
    for line in by_file:
        err.print(Text(printable(line)), soft_wrap=True)
    for name in sorted(why.keys() & predictions.keys()):
        line = f"{name}: its last analysis failed ({why[name]}), and what an earlier one left is scored"
        err.print(Text(printable(line), style="yellow"), soft_wrap=True)
    names = set(chosen(truth, asked.subset))
    failed = failed_films(why, predictions, truth.videos)
    failed = {name: reason for name, reason in failed.items() if name in names}
    extra = _tell_failed(failed) | ({"left_out": {"predictions": left_out}} if asked.skip_bad else {})
    if not predictions and not why:
        name, cure = asked.what.name or str(asked.what), "check that this is the right file, and that it is whole"
        raise InputError(f"{printable(name)} holds no predictions", "nothing was scored", cure)
    if not predictions:
        cure = "fix what failures.jsonl names, then run batch --retry-failed"
        raise InputError("no film could be read", "nothing was scored", cure)
    truth = replace(truth, videos={name: video for name, video in truth.videos.items() if name not in failed})
    roles = roles_of_predictions(predictions, truth, asked.subset, included=asked.include_learnt)
    if roles is not None:
        _tell_roles(asked, roles, "to score", "the model")
    if roles is not None and roles.none_left:
        _tell_own(asked, own_figures(predictions.values()), roles, extra)
    else:
        _score(asked, predictions, truth, roles, extra)
    return 1 if failed else 0


def measure_films(asked: EvaluationOptions, models: Sequence[Model]) -> int:
    """Lets one model or two look at the annotated films, and scores what they draw. 1 if a film cannot be read, or 0.

    Films that either learnt from, or that cannot be read, are left out for both.
    """
    from vtn_stream.analysis import Analyzer
    from vtn_stream.checkpoints.training_films import film_role
    from vtn_stream.evaluation import FilmRoles, OwnFigures, chosen

    truth = read_truth(asked)
    truth, notes = with_labels_of(asked, models, truth)
    asked_for = chosen(truth, asked.subset)
    names: Sequence[str] = asked_for
    failed: dict[str, str] = {}
    roles: list[FilmRoles] = []
    predictions: list[dict[str, Prediction]] = []
    for model in models:
        with Analyzer(asked.settings(model.path)) as analyzer:
            with err.status("looking at the films"):
                plans, unread = _find(analyzer, {name: truth.videos[name] for name in names}, asked.films)
            failed |= unread
            for each in models if not roles else ():
                training = each.checkpoint.training
                found = {name: film_role(training, *plan.video.identities) for name, plan in plans.items()}
                roles.append(FilmRoles.of(found, included=asked.include_learnt))
                if plans:
                    _tell_roles(asked, roles[-1], _films_of(asked.truth, all_read=not failed), each.name)
            left_out = frozenset().union(*(of.left_out for of in roles))
            new = {name: plan for name, plan in plans.items() if name not in left_out}
            predictions.append(_look_at(analyzer, new, failed))
            names = [name for name in new if name not in failed]
    extra = _tell_failed(failed)
    if len(models) == 1:
        point = {} if asked.point is None else {"point": asked.point}
        extra = {"model": models[0].checkpoint.digest, **point, **extra}
        if roles[0].none_left:
            _tell_own(asked, OwnFigures.of_training(models[0].checkpoint.training), roles[0], extra)
            return 1 if failed else 0
    elif not names and left_out:
        raise _none_left()
    if not names:
        raise InputError("no film could be read", "nothing was scored", "name the films' folder with --videos")
    readable = replace(truth, videos={name: video for name, video in truth.videos.items() if name not in failed})
    if len(models) == 1:
        _score(asked, predictions[0], readable, roles[0], extra, notes)
        return 1 if failed else 0
    gone = {*asked_for} - {*names}
    only = replace(truth, videos={name: video for name, video in truth.videos.items() if name not in gone})
    both = [{name: of[name] for name in names} for of in predictions]
    extra = with_skipped(asked, truth, extra | _of_roles(models, roles))
    note = skipped_note(extra)
    compare_predictions(asked, models, both, only, extra, notes if note is None else (note, *notes))
    return 1 if failed else 0


def _none_left() -> InputError:
    return InputError(
        "each of these films taught one of the models, or validated its training",
        "nothing was compared",
        "give films that neither model knows, or score these as well with --include-learnt",
    )


def _of_roles(models: Sequence[Model], roles: "Sequence[FilmRoles]") -> dict[str, Any]:
    return {"training_films": {model.name: of.to_dict() for model, of in zip(models, roles, strict=True)}}


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
    return f"of {path.name or path}" + " that can be read" * (not all_read)


def _tell_own(asked: EvaluationOptions, own: "OwnFigures", roles: "FilmRoles", extra: Mapping[str, Any]) -> None:
    """The figures that the model has from its training, where all films taught it."""
    sentence = own.sentence()
    if asked.as_json:
        figures = {**own.to_dict(), "films": [], "notes": [sentence]}
        click.echo(json.dumps({**extra, "training_films": roles.to_dict(), **figures}, indent=2))
    else:
        show_own(own)
    if asked.point is not None:
        err.print(f"these figures are of the default operating point, not of {asked.point}", style="yellow")
    if asked.plots is not None:
        err.print("no picture is drawn, as no film is scored", style="yellow")
    if asked.wants_films:
        err.print("there are no figures of single films, as no film is scored", style="yellow")


def _score(
    asked: EvaluationOptions,
    predictions: "Mapping[str, Prediction]",
    truth: "Annotations",
    roles: "FilmRoles | None",
    extra: Mapping[str, Any],
    notes: tuple[str, ...] = (),
) -> None:
    """Prints the figures, and draws the pictures that are asked for. extra: what JSON says beside the figures; notes:
    what comes before those on the figures.
    """
    from vtn_stream.evaluation import save_pictures, without_films

    extra = with_skipped(asked, truth, extra)
    if roles is not None:
        predictions, truth = without_films(roles.left_out, predictions, truth)
        extra = {**extra, "training_films": roles.to_dict()}
    scores = asked.score(predictions, truth)
    if (note := skipped_note(extra)) is not None:
        notes = (note, *notes)
    scores = replace(scores, notes=(*notes, *scores.notes))
    fields, tallies, films = {**extra, **scores.to_dict()}, {}, []
    if asked.wants_films:
        from vtn_stream.evaluation.film_figures import film_figures

        tallies = scores.tallies()
        films = film_figures(scores, tallies)
    if not asked.as_json:
        show_scores(scores)
    _tell_films(asked, films, tallies, fields)
    for file in save_pictures(scores, asked.plots) if asked.plots is not None else ():
        (err if asked.as_json else out).print(Text(f"wrote {printable(str(file))}"), soft_wrap=True)


def _tell_films(
    asked: EvaluationOptions,
    films: "Sequence[FilmFigures]",
    tallies: "Mapping[str, Tally]",
    fields: Mapping[str, Any],
) -> None:
    """Prints the figures of each film, where they are asked for; of JSON the fields too. Writes their table."""
    by_film = {"by_film": [row.to_dict() for row in films]} if asked.by_film else {}
    if asked.as_json:
        click.echo(json.dumps({**fields, **by_film}, indent=2))
    elif asked.by_film:
        show_films(films, tallies)
    save_films(asked, {None: films})


def _find(
    analyzer: "Analyzer", films: "Mapping[str, AnnotatedVideo]", folder: Path
) -> "tuple[dict[str, Plan], dict[str, str]]":
    """The films, probed; for those that cannot be found or read, what is wrong with them."""
    from vtn_stream.film_folder import FilmFolder

    plans: dict[str, Plan] = {}
    failed: dict[str, str] = {}
    inside = FilmFolder(folder)
    for name, film in films.items():
        check_interrupted()
        files = inside.find(film.film_of(name))
        if len(files) != 1:
            there = f"it may be {files[0]} or {files[1]}" if files else "there is no such film"
            failed[name] = f"{there} in {folder.name or folder}"
            continue
        try:
            plans[name] = analyzer.plan(folder / files[0], region=film.region)
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


def measure_clips(asked: EvaluationOptions, models: Sequence[Model]) -> int:
    """Measures one model or two on labelled clips. 1 if a clip could not be read, else 0."""
    from vtn_stream.evaluation import OwnFigures
    from vtn_stream.evaluation.clip_comparison import labelled_for
    from vtn_stream.evaluation.film_figures import figures_of
    from vtn_stream.evaluation.labelled_clips import clip_roles, tally_of

    labelled = labelled_for([(m.name, m.checkpoint.labels) for m in models], asked.what, asked.videos, asked.names)
    roles = []
    for model, clips in zip(models, labelled, strict=True):
        with _progress(len(clips)) as progress:
            look = partial(_one_more, progress)
            roles.append(clip_roles(model.checkpoint, clips, included=asked.include_learnt, on_clip=look))
        all_read = roles[-1].num_films == len(clips)
        _tell_roles(asked, roles[-1], _films_of(asked.what, all_read=all_read), model.name)
    left_out = frozenset().union(*(of.left_out for of in roles))
    labelled = [[clip for clip in clips if clip.name not in left_out] for clips in labelled]
    evaluations = [_evaluate(asked, model, clips) for model, clips in zip(models, labelled, strict=True)]
    failed = {failure.clip.name for evaluation in evaluations for failure in evaluation.failed}
    if len(models) > 1 and left_out and not any(evaluation.scored for evaluation in evaluations):
        raise _none_left()
    if len(models) > 1:
        compare_clips(asked, models, evaluations, failed, _of_roles(models, roles))
        return 1 if failed else 0
    (evaluation,) = evaluations
    if roles[0].none_left:
        unread = {name: evaluation.to_dict()[name] for name in ("model", "failed")}
        _tell_own(asked, OwnFigures.of_training(models[0].checkpoint.training), roles[0], unread)
        return 1 if failed else 0
    if not asked.as_json:
        show_evaluation(evaluation)
    tallies = {"clips": tally_of(evaluation, models[0].checkpoint.labels)} if evaluation.scored else {}
    films = figures_of(evaluation.facts(models[0].checkpoint.labels), tallies) if asked.wants_films and tallies else []
    _tell_films(asked, films, tallies, {**evaluation.to_dict(), "training_films": roles[0].to_dict()})
    return 1 if failed else 0


def _evaluate(asked: EvaluationOptions, model: Model, clips: "Sequence[LabelledClip]") -> "Evaluation":
    """Measures one model, with a bar of its progress."""
    from vtn_stream.evaluation.labelled_clips import ClipFailed, Protocol, evaluate

    protocol = Protocol(shuffle=asked.shuffle)
    if asked.protocol == "views":
        protocol = replace(protocol, kind="views", num_views=asked.views or 10, num_crops=int(asked.crops or 1))
    with _progress(len(clips)) as progress:

        def tell(event: "ClipScored | ClipFailed") -> None:
            if isinstance(event, ClipFailed):
                line = f"{printable(event.clip.name)}: {printable(event.message)}"
                progress.console.print(Text(line, style="yellow"), soft_wrap=True)
            _one_more(progress)

        return evaluate(
            model.checkpoint,
            clips,
            protocol,
            weights=asked.weights,
            device=asked.device,
            results=asked.output,
            on_event=tell,
        )


def _one_more(progress: Progress) -> None:
    check_interrupted()
    progress.advance(progress.task_ids[0])


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
