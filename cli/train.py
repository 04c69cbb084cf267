"""vtn-stream train"""

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

import click
from rich.table import Table
from rich.text import Text

from vtn_stream.errors import listed, printable
from vtn_stream.formats.annotations import FORMATS
from vtn_stream.model import HEAD_CONFIGS
from vtn_stream.plugins import HEADS_GROUP, plugins_in
from vtn_stream.training.events import ClipsPrepared, Prepared, Taught
from vtn_stream.training.options import LearnBackbone, RecipeName, TrainingOptions

from . import options
from .console import out, quiet_option, show_table
from .training_display import lines_of, percent, training_progress, warn

__all__ = ["train"]

HELP = """Train a model of your own actions, from annotated films.

ANNOTATIONS is a file or folder in one of these formats. Everything else is chosen by them: the head, the rate, what is
read of motion, how long it learns. How good the model is on new films is measured by models that learn from four fifths
of the films and predict the others; then the model learns from all of them.

\b
{formats}

The model's card (what it learnt, how good it is, what it cannot do) and pictures are written beside the model. If a
run is killed, give the same command again: it continues where it was.
""".format(formats="\n".join(f"{name}: {what}" for name, what in FORMATS.items()))


@click.command(help=HELP)
@click.argument("annotations", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--videos",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the films; they may lie in folders inside.",
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of the model, .safetensors.",
)
@click.option(
    "--head",
    type=click.Choice(["auto", *dict.fromkeys((*HEAD_CONFIGS, *(plugin.name for plugin in plugins_in(HEADS_GROUP))))]),
    default="auto",
    show_default=True,
    help="What it learns: localization, when each action begins and ends; dense, one label at every moment; "
    "classification, one label for each clip; or the head of a plug-in. auto chooses by the annotations.",
)
@click.option(
    "--from",
    "model",
    metavar="NAME|FILE",
    help="Go on from this model: its labels stay, new ones may come. It says the head, the rate and the image network.",
)
@click.option("--fps", metavar="RATE", help="Frames looked at per second of film. [default: by the shortest actions]")
@options.annotation_fps
@options.observations
@options.close_open
@click.option("--backbone", help="timm image network. [default: the one that analyze takes]")
@options.weights
@options.size
@click.option(
    "--region",
    metavar="X,Y,W,H",
    help="Learn only from this part of the picture: from the left, from the top, width and height in percent, such as "
    "25%,0%,50%,100%. The model remembers it. [default: all of it]",
)
@options.trim_borders
@options.device
@options.store
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Seed of everything that is random."
)
@click.option("--epochs", type=click.IntRange(1), help="How often all films are seen. [default: by their number]")
@click.option(
    "--recipe",
    type=click.Choice(get_args(RecipeName)),
    default="natural",
    show_default=True,
    help="natural suits any films, and measures how good it is. paper: labelled clips, from pixels to labels as in the "
    "VTN paper; paper+: with more augmentation, for longer.",
)
@click.option(
    "--network",
    metavar="NAME",
    help="With a recipe of the paper: one of its models (`vtn-stream models info` lists them), or any timm image "
    "network. [default: vtn-vit-b]",
)
@click.option(
    "--learn-backbone",
    type=click.Choice(get_args(LearnBackbone)),
    default="no",
    show_default=True,
    help="With the natural recipe: whether the image network learns too, its last blocks or all of it. It is kept only "
    "if it is better on films that were not learnt.",
)
@click.option(
    "--streamable",
    is_flag=True,
    help="Train a model for `vtn-stream follow`: what it says of a film while it is written is what `analyze` says of "
    "the finished film. It knows of each moment only what is near in time.",
)
@click.option(
    "--labels",
    "names",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Which label each number of a list stands for: one label a line, lines of name,number, or JSON.",
)
@click.option(
    "--validation",
    type=click.Path(exists=True, path_type=Path),
    metavar="LIST",
    help="With a recipe of the paper: clips that measure the model. [default: those of the subset validation]",
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    callback=lambda ctx, param, values: tuple(_setting(value) for value in values),
    help="Change a setting, such as encoder.layers=6 or learning_rate=0.01; may be repeated.",
)
@click.option(
    "--print-settings",
    is_flag=True,
    help="With a recipe of the paper: print all settings as JSON, and train nothing.",
)
@click.option(
    "--hold-out",
    is_flag=True,
    help="Do not learn from films of the subset validation: they only measure the finished model.",
)
@click.option("--skip-bad", is_flag=True, help="Leave out annotations and films that are wrong, and report which.")
@click.option("--anyway", is_flag=True, help="Train even if there is too little to learn from.")
@click.option("--overwrite", is_flag=True, help="Replace a model that has the same name.")
@click.option(
    "--log",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for TensorBoard's curves and the state of a run. [default: MODEL.training]",
)
@quiet_option
@options.coding
@options.gathered(TrainingOptions, "asked")
def train(asked: TrainingOptions, print_settings: bool) -> None:
    """Train a model of your own actions, from annotated films."""
    if asked.contradicted:
        raise click.UsageError(f"with --from, leave out {listed(asked.contradicted)}: the model says it")
    if asked.unsuited:
        raise click.UsageError(f"{listed(asked.unsuited)}: not for --recipe {asked.recipe}")
    if print_settings and asked.recipe == "natural":
        raise click.UsageError(
            "--print-settings is for --recipe paper or paper+: the natural settings follow from films"
        )
    asked.check()
    if print_settings:
        _print_settings(asked)
        return
    out.print(Text(f"training {printable(asked.output.name)} from {printable(asked.annotations.name)}"), soft_wrap=True)
    from vtn_stream.training.teach import teach

    with training_progress() as progress:
        taught = teach(asked, on_event=progress.tell)
    _show(taught, progress.prepared)


def _setting(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key.strip() and equals and value.strip()):
        raise click.BadParameter(f"{text!r} is not KEY=VALUE")
    return key.strip(), value.strip()


def _print_settings(asked: TrainingOptions) -> None:
    from vtn_stream.training.clip_plan import plan_for, printed

    plan = plan_for(asked)
    for note in plan.lists.notes:
        warn(note)
    click.echo(json.dumps(printed(plan, asked), indent=2, ensure_ascii=False))


def _show(taught: Taught, prepared: Prepared | ClipsPrepared | None) -> None:
    for line in [] if prepared is None else lines_of(prepared):
        out.print(Text(line), soft_wrap=True)
    if taught.figures:
        what = "clips" if isinstance(prepared, ClipsPrepared) else "films"
        out.print(f"on {what} that were not learnt, in percent:", soft_wrap=True)
        show_table(_figures(taught.figures, taught.intervals, taught.baselines))
    else:
        out.print("nothing was measured: the model's card says why, and what to do", soft_wrap=True)
    if taught.held_out:
        out.print("on the films that were held out, in percent:", soft_wrap=True)
        show_table(_figures(taught.held_out, taught.held_out_intervals, {}))
    for file in (taught.model, taught.card, *taught.plots):
        out.print(Text(f"wrote {printable(str(file))}"), soft_wrap=True)
    if taught.log is not None:
        out.print(Text(f"tensorboard --logdir {_quoted(taught.log)}"), soft_wrap=True)
    out.print(Text(f"vtn-stream analyze movie.mp4 --model {_quoted(taught.model)}"), soft_wrap=True)


def _figures(
    figures: Mapping[str, float],
    intervals: Mapping[str, tuple[float, float]],
    baselines: Mapping[str, Mapping[str, float]],
) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("", overflow="fold")
    for name in ("model", "90 % interval", *baselines):
        table.add_column(Text(printable(name)), justify="right")
    for name, share in figures.items():
        between = " to ".join(map(percent, intervals.get(name, ())))
        others = (percent(of[name]) if name in of else "" for of in baselines.values())
        table.add_row(Text(printable(name)), percent(share), between, *others)
    return table


def _quoted(path: Path) -> str:
    return printable(shlex.quote(str(path)))
