"""vtn-stream evaluate"""

import re
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import click
from rich.text import Text

from vtn_stream.errors import InputError, listed
from vtn_stream.evaluation.options import EvaluationOptions, Way

from . import options
from .agreement import measure_agreement
from .comparing import named_models
from .console import err
from .measuring import measure_clips, measure_films, measure_predictions

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
        self.fail(f"{value!r} is not a threshold; give a number above 0, up to 1, or a range (0.3:0.7:0.1)", param, ctx)


class _Tolerance(click.ParamType):  # type: ignore[type-arg]  # generic in newer click only
    name = "SECONDS|FRAMES"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, Literal["s", "f"]]:
        if isinstance(value, tuple):
            return value
        if (frames := re.fullmatch(r"(\d{1,6})f", value, re.ASCII)) is not None:
            return int(frames[1]), "f"
        if re.fullmatch(r"(\d{1,6}\.?|\d{0,6}\.\d{1,6})s", value, re.ASCII):
            return float(value[:-1]), "s"
        self.fail(f"{value!r} is not a tolerance; give seconds (0.5s) or whole frames (2f)", param, ctx)


@click.command()
@click.argument("what", metavar="PREDICTIONS|LIST|ANNOTATIONS", type=click.Path(exists=True, path_type=Path))
@click.argument("annotations", required=False, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--agreement",
    is_flag=True,
    help="How far two annotators agree: their annotations, A and B, of any format, or folders of timelines.",
)
@click.option(
    "-m",
    "--model",
    "models",
    multiple=True,
    metavar="NAME|FILE",
    help="Name of a stored model, or its file; given twice, the two are compared.",
)
@options.point
@click.option(
    "--videos",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where the films are. [default: the folder of the list or of the annotations] With --agreement, the films say "
    "how long they are where A and B do not.",
)
@click.option(
    "--labels",
    "names",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="For clips: which label each number of the list stands for: one label a line, lines of name,number, or JSON. "
    "[default: the model's labels, from 0]",
)
@click.option(
    "--metrics",
    multiple=True,
    type=click.Choice(["detection", "spotting", "segmentation", "phases", "clips"]),
    help="What to measure; may be repeated. [default: what suits the annotations]",
)
@click.option(
    "--tiou",
    "tious",
    multiple=True,
    type=_Thresholds(),
    help="Overlap from which a segment counts as found: a number or a range; may be repeated. [default: 0.3:0.7:0.1]",
)
@click.option(
    "--tolerance",
    "tolerances",
    multiple=True,
    type=_Tolerance(),
    help="How far from an event without a length its prediction may be: seconds (0.5s) or frames of the annotations "
    "(2f); of two annotators, how far the ends of one event may lie apart; may be repeated. [default: 0.5s, 1s, 2s; "
    "1f, 2f where the annotations say the rate]",
)
@click.option(
    "--subset",
    type=click.Choice(["training", "validation", "test", "all"]),
    help="Which films of the annotations count. [default: all but those for training; without subsets, all]",
)
@click.option(
    "--background", multiple=True, metavar="LABEL", help="A label that means that nothing happens; may be repeated."
)
@click.option(
    "--fps",
    type=options.Number(0, 1000, min_open=True),
    help="Frames a second at which films are scored frame by frame. [default: 10]",
)
@options.annotation_fps
@options.observations
@options.close_open
@click.option("--ignore-other-videos", is_flag=True, help="Ignore predictions for films that are not scored.")
@click.option(
    "--include-learnt", is_flag=True, help="Also score the films that the model learnt from, or that validated it."
)
@click.option(
    "--skip-bad",
    is_flag=True,
    help="Leave out what is wrong in annotations and predictions, and say what.",
)
@click.option("--plots", type=click.Path(file_okay=False, path_type=Path), help="Folder for pictures (SVG).")
@click.option(
    "--protocol",
    type=click.Choice(["full", "views"]),
    help="How clips are scored. full: the first 10 s, seen once; views: several windows of the clip, added up. "
    "[default: full]",
)
@click.option(
    "--views", type=click.IntRange(1, 100), help="Windows for each clip, with --protocol views. [default: 10]"
)
@click.option(
    "--shuffle",
    type=click.IntRange(0),
    metavar="SEED",
    help="For clips: the model gets the frames of each in a random order, and their positions as before. How much does "
    "it go by the order?",
)
@click.option("--crops", type=click.Choice(["1", "3"]), help="Crops of each frame, with --protocol views. [default: 1]")
@options.weights
@options.device
@options.store
@click.option("--by-film", is_flag=True, help="Show every figure also for each film, the worst film first.")
@click.option(
    "--csv",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File for a table of the films: a row for each film (and model), a column for each figure. "
    "An Excel workbook if it ends in .xlsx.",
)
@click.option("--json", "as_json", is_flag=True, help="The figures as JSON on stdout.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="For clips: file of JSON lines, one for each clip. If a run is killed, the next one continues there.",
)
@options.coding
@click.option(
    "--page",
    type=click.Path(dir_okay=False, path_type=Path),
    help="With --agreement: file (.html) for a page that shows where A and B differ, and plays the films.",
)
@options.gathered(EvaluationOptions, "asked")
def evaluate(asked: EvaluationOptions) -> int:
    """Measure timelines against annotations, or a model on labelled films.

    \b
    vtn-stream evaluate PREDICTIONS ANNOTATIONS
    vtn-stream evaluate ANNOTATIONS --model M --videos DIR
    vtn-stream evaluate LIST --model M
    vtn-stream evaluate ANNOTATIONS --model OLD --model NEW --videos DIR
    vtn-stream evaluate --agreement A B

    PREDICTIONS are a folder of results that `analyze` or `batch` wrote, also in folders in it, one timeline,
    ActivityNet results, SoccerNet results, spot JSON, MS-TCN's result files, or a table
    video,start_s,end_s,label,score. ANNOTATIONS are of any format that can be trained on. A model that locates actions
    first looks at the films that are not in the store yet.

    LIST is for a model that names clips: a text file with a line "path label" or "path,label" for each film, a table
    with the columns path and label, Kinetics' own table, or a folder with a folder of films for each label.

    Films that the model learnt from, or that validated it, are counted in the first line and left out of the figures
    (--include-learnt scores them too). If no other film is left, the figures are those of the model's own training.

    Two models are compared film by film: each figure of both, the difference, and a 95 % interval of it.

    Two annotators are compared with --agreement: Cohen's kappa over time, of all labels and of each, events that are
    one event at each tolerance, and the intraclass correlation (ICC) of counts over films. --page shows where they
    differ. Where both coded in one BORIS project, give it twice, and --observation for A and for B.

    Films that cannot be read, or failed in a batch, are named and left out of the figures, and the exit code is then 1.
    """
    _check(asked)
    if asked.agreement:
        _check(asked, "agreement")
        asked.check()
        return measure_agreement(asked)
    asked.check()
    if not asked.models:
        _check(asked, "predictions")
        return measure_predictions(asked)
    from vtn_stream.checkpoints import find_model

    paths = [find_model(name) for name in asked.models]
    with err.status(Text(f"loading {listed(path.name for path in paths)}")):
        from vtn_stream.checkpoints import load_checkpoint  # it brings torch

        checkpoints = [load_checkpoint(path) for path in paths]
        for checkpoint in checkpoints:
            checkpoint.operating_points_at(asked.point)
        models = named_models(paths, checkpoints)
    kinds = {model.names_clips for model in models}
    if len(kinds) > 1:
        draws, names = sorted(models, key=lambda model: model.names_clips)
        raise InputError(
            f"{names.name} names clips, and {draws.name} draws segments",
            "they have no figures in common: they were not compared",
            "compare two models of one kind",
        )
    if kinds == {True}:
        _check(asked, "clips")
        return measure_clips(asked, models)
    _check(asked, "films")
    return measure_films(asked, models)


def _check(asked: EvaluationOptions, way: Way | None = None) -> None:
    if (why := asked.misuse(way)) is not None:
        raise click.UsageError(why)
