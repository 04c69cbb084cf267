"""vtn-stream evaluate"""

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
from rich.text import Text

from vtn_stream.errors import InputError, printable
from vtn_stream.settings import Device, Settings

from . import options
from .console import err, out
from .measuring import look_at, measure_clips, read_truth

if TYPE_CHECKING:
    from vtn_stream.evaluation import Metric, Part, Prediction
    from vtn_stream.formats.annotations import Annotations

__all__ = ["evaluate"]


class _Thresholds(click.ParamType):  # type: ignore[type-arg]  # generic in newer click only
    name = "TIOU"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        if isinstance(value, tuple):
            return value
        try:  # decimal: sums of 0.1 would miss an overlap that is exactly at the threshold
            parts = [Decimal(part) for part in value.split(":")]
        except ArithmeticError:
            parts = []
        if len(parts) in (1, 3) and all(number.is_finite() for number in parts):
            first, last, step = parts if len(parts) == 3 else (parts[0], parts[0], Decimal(1))
            if 0 < first <= last <= 1 and step >= Decimal("0.001"):
                return tuple(float(first + i * step) for i in range(int((last - first) / step) + 1))
        self.fail(f"{value!r} is none; give a number above 0, up to 1 (0.5), or a range (0.3:0.7:0.1)", param, ctx)


@click.command()
@click.argument("what", metavar="PREDICTIONS|LIST|ANNOTATIONS", type=click.Path(exists=True, path_type=Path))
@click.argument("annotations", required=False, type=click.Path(exists=True, path_type=Path))
@click.option("-m", "--model", metavar="NAME|FILE", help="Name of a stored model, or its file.")
@click.option(
    "--videos",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where the films are. [default: the folder of the list or of the annotations]",
)
@click.option(
    "--metrics",
    multiple=True,
    type=click.Choice(["detection", "segmentation", "phases", "clips"]),
    help="What to measure; may be repeated. [default: what says something of such annotations]",
)
@click.option(
    "--tiou",
    "tious",
    multiple=True,
    type=_Thresholds(),
    help="From which overlap a segment is found: a number or a range; may be repeated. [default: 0.3:0.7:0.1]",
)
@click.option(
    "--subset",
    type=click.Choice(["training", "validation", "test", "all"]),
    help="Which films of the annotations count. [default: all but those for training; without subsets, all]",
)
@click.option("--background", multiple=True, metavar="LABEL", help="A label that means nothing; may be repeated.")
@click.option(
    "--fps",
    type=options.Number(0, 1000, min_open=True),
    help="Frames a second: of annotations that count frames (MS-TCN has no default), and of what is scored frame by "
    "frame. [default: 10]",
)
@click.option("--ignore-other-videos", is_flag=True, help="Pass over predictions for films that are not scored.")
@click.option("--plots", type=click.Path(file_okay=False, path_type=Path), help="Folder for pictures (SVG).")
@click.option(
    "--protocol",
    type=click.Choice(["full", "views"]),
    help="Of clips. full: the first 10 s, seen once. views: several windows of it, added up. [default: full]",
)
@click.option("--views", type=click.IntRange(1, 100), help="Windows a clip, with --protocol views. [default: 10]")
@click.option("--crops", type=click.Choice(["1", "3"]), help="Crops of each frame, with --protocol views. [default: 1]")
@options.weights
@options.device
@options.store
@click.option("--json", "as_json", is_flag=True, help="The figures as JSON on stdout.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Of clips: file of JSON lines, one a clip. A killed run goes on where it stopped.",
)
def evaluate(
    what: Path,
    annotations: Path | None,
    model: str | None,
    videos: Path | None,
    metrics: "tuple[Metric, ...]",
    tious: tuple[tuple[float, ...], ...],
    subset: "Part | None",
    background: tuple[str, ...],
    fps: float | None,
    ignore_other_videos: bool,
    plots: Path | None,
    protocol: Literal["full", "views"] | None,
    views: int | None,
    crops: str | None,
    weights: Path | None,
    device: Device,
    store: Path | None,
    as_json: bool,
    output: Path | None,
) -> int:
    """Measure timelines against annotations, or a model on labelled films.

    \b
    vtn-stream evaluate PREDICTIONS ANNOTATIONS
    vtn-stream evaluate ANNOTATIONS --model M --videos DIR
    vtn-stream evaluate LIST --model M

    PREDICTIONS are a folder of timelines that `analyze` wrote, one of them, ActivityNet results, or a table
    video,start_s,end_s,label,score. ANNOTATIONS are of any format that can be trained on. A model that locates actions
    first looks at the films, as far as the store does not hold them.

    LIST is for a model that names clips: a text file with a line "path label" or "path,label" for each film, a table
    with the columns path and label, or a folder with a folder of films for each label.

    Films that cannot be read are named and left out of the figures, and the exit code is then 1.
    """
    of_timelines = {
        "--metrics": metrics,
        "--tiou": tious,
        "--subset": subset,
        "--background": background,
        "--fps": fps,
        "--ignore-other-videos": ignore_other_videos,
        "--plots": plots,
    }
    of_clips = {"--protocol": protocol, "--views": views, "--crops": crops, "--output": output}
    if (model is None) == (annotations is None):
        raise click.UsageError("give PREDICTIONS and ANNOTATIONS, or one of LIST and ANNOTATIONS with --model")
    if protocol != "views" and (views is not None or crops is not None):
        raise click.UsageError("--views and --crops go with --protocol views")

    def tell_scores(predictions: "Mapping[str, Prediction]", truth: "Annotations", extra: Mapping[str, Any]) -> None:
        from vtn_stream.evaluation import DEFAULT_FPS, save_pictures, score
        from vtn_stream.metrics import THUMOS14

        from .scores import show_scores

        scores = score(
            predictions,
            truth,
            subset=subset,
            metrics=metrics,
            thresholds=sorted({tiou for each in tious for tiou in each}) or THUMOS14,
            fps=DEFAULT_FPS if fps is None else fps,
            background=background,
            ignore_other_videos=ignore_other_videos,
        )
        if as_json:
            click.echo(json.dumps({**extra, **scores.to_dict()}, indent=2))
        else:
            show_scores(scores)
        for file in save_pictures(scores, plots) if plots is not None else ():
            (err if as_json else out).print(Text(f"wrote {printable(str(file))}"), soft_wrap=True)

    if annotations is not None:
        _refuse({"--videos": videos, "--weights": weights, "--store": store, **of_clips}, "goes with --model")
        from vtn_stream.evaluation import read_predictions

        truth = read_truth(annotations, fps)
        tell_scores(read_predictions(what, fps=fps), truth, {})
        return 0

    from vtn_stream.checkpoints import find_model

    path = find_model(str(model))
    if not as_json:
        out.print(Text(f"{printable(path.name)} looks at the films of {printable(what.name)}"), soft_wrap=True)
    from vtn_stream.checkpoints import load_checkpoint  # it brings torch
    from vtn_stream.heads import head_of

    checkpoint = load_checkpoint(path)
    if head_of(checkpoint.config.head).names_clips:
        _refuse(of_timelines | {"--store": store}, "is of no use with a model that names clips")
        from vtn_stream.evaluation.labelled_clips import Protocol

        how = Protocol()
        if protocol == "views":
            how = Protocol(kind="views", num_views=views or 10, num_crops=int(crops or 1))
        return measure_clips(checkpoint, what, videos, how, weights, device, output, as_json=as_json)
    _refuse(of_clips, "is of no use with a model that locates actions")
    from vtn_stream.analysis import Analyzer
    from vtn_stream.evaluation import chosen

    truth = read_truth(what, fps)
    names = chosen(truth, subset)
    if subset is None and all(video.subset is None for video in truth.videos.values()):
        err.print(
            "the annotations name no subsets: every film is scored, also those that this model may have learnt from",
            style="yellow",
            soft_wrap=True,
        )
    with Analyzer(Settings(model=path, weights=weights, device=device, store=store)) as analyzer:
        predictions, failed = look_at(analyzer, names, what.parent if videos is None else videos)
    for name, message in failed.items():
        err.print(Text(f"{printable(name)}: {printable(message)}", style="yellow"), soft_wrap=True)
    if not predictions:
        raise InputError("no film could be read", "nothing was scored", "name the films' folder with --videos")
    readable = {name: video for name, video in truth.videos.items() if name not in failed}
    failures = [{"film": name, "message": message} for name, message in failed.items()]
    tell_scores(predictions, replace(truth, videos=readable), {"model": checkpoint.digest, "failed": failures})
    return 1 if failed else 0


def _refuse(options: Mapping[str, object], why: str) -> None:
    for name, value in options.items():
        if value not in (None, (), False):
            raise click.UsageError(f"{name} {why}")
