"""vtn-stream models"""

import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Column, Table
from rich.text import Text

from vtn_stream.errors import CheckpointError, listed, printable
from vtn_stream.model import VARIANTS, EncoderConfig, StatisticsConfig
from vtn_stream.track import shown_words

from .console import err, out, quiet_option, show_table, shows_progress

if TYPE_CHECKING:
    from vtn_stream.checkpoints import Described
    from vtn_stream.checkpoints.download import OnProgress
    from vtn_stream.checkpoints.sizes import Sizes

__all__ = ["models"]

MAX_LABELS = 8  # shown; --json has all
FOR_PROGRAMS = ("intervals", "calibration")  # of a training; the first stand beside the figures

# vtn_stream.checkpoints loads numpy: it is imported by the commands, so that their help is instant.


@click.group()
def models() -> None:
    """Import, fetch and describe models.

    Models are kept in the folder VTN_STREAM_MODELS, or else ~/.local/share/vtn-stream/models; some come with the
    program.
    """


@models.command()
def ls() -> None:
    """List the models on this machine, and those that can be fetched."""
    from vtn_stream.checkpoints import describe_file
    from vtn_stream.checkpoints.catalogue import CATALOGUE, models_folder, shipped_models, stored_models
    from vtn_stream.checkpoints.metadata import fault

    table = Table(box=None, pad_edge=False)
    for column in ("model", "state", "MB", "classes", "backbone", "per second"):
        table.add_column(column, justify="right" if column in ("MB", "classes", "per second") else "left")
    shipped, own = shipped_models(), stored_models(models_folder())
    stored = shipped | own
    for name, file in sorted(stored.items()):
        size = f"{file.stat().st_size / 1e6:.1f}"
        try:
            checkpoint = describe_file(file)
        except CheckpointError:
            table.add_row(Text(name), Text(fault(file), style="bold red"), size, "", "", "")
            continue
        backbone = Text(printable(checkpoint.recipe.backbone))
        rate = f"{float(checkpoint.recipe.fps):g}"
        state = "here" if name in own else "shipped"
        table.add_row(Text(name), state, size, str(len(checkpoint.labels)), backbone, rate)
    for name in CATALOGUE:
        if name not in stored:
            table.add_row(Text(name), Text("to be pulled", style="dim"), "", "", "", "")
    show_table(table)


@models.command()
@click.argument("model")
@click.option(
    "--frames",
    default=250,
    show_default=True,
    type=click.IntRange(1),
    help="Number of frames for which the work is counted.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object, with all labels.")
def info(model: str, frames: int, as_json: bool) -> None:
    """Describe MODEL: one on this machine, a file, or a network of the paper, such as vtn-vit-b."""
    from vtn_stream.checkpoints import describe_file, find_model
    from vtn_stream.checkpoints.catalogue import models_folder, stored_models
    from vtn_stream.checkpoints.metadata import describe
    from vtn_stream.checkpoints.sizes import multiply_adds, parameters

    checkpoint = None
    if model in VARIANTS and model not in stored_models(models_folder()):
        name, config, size = model, VARIANTS[model](), None
    else:
        file = find_model(model)
        checkpoint = describe_file(file)
        name, config, size = file.name.removesuffix(".safetensors"), checkpoint.config, checkpoint.recipe.size
    counts = parameters(config)
    published = multiply_adds(config, frames, size)
    computed = multiply_adds(config, frames, size, as_published=False)
    if as_json:
        facts: dict[str, Any] = {"name": name, "config": config.to_dict()}
        if checkpoint is not None:
            inside = checkpoint.holds_backbone
            facts |= {"digest": checkpoint.digest, "backbone_inside": inside, **describe(checkpoint)}
        facts["parameters"] = _parts(counts)
        facts["multiply_adds"] = {
            "frames": frames,
            "as_published": _parts(published),
            "computed": _parts(computed),
        }
        click.echo(json.dumps(facts))
        return
    out.print(Text(printable(name), style="bold"))
    _show("backbone", f"{config.backbone}, {counts.backbone:,} parameters")
    _show_encoder(config.encoder, counts.encoder)
    _show("head", f"{(num := config.head.num_classes)} class{'es' * (num != 1)}, {counts.head:,} parameters")
    _show("parameters", f"{counts.total:,}")
    _show("multiply-adds", f"{published.total / 1e9:.1f} G for {frames} frames, as the paper counts them")
    _show("", f"{computed.total / 1e9:.1f} G as computed here")
    if checkpoint is not None:
        _show_checkpoint(checkpoint)


@models.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Write this file. [default: a file in the models' folder]"
)
@click.option("--name", help="Name of the model. [default: the published name, or FILE's]")
@quiet_option
def import_(file: Path, output: Path | None, name: str | None) -> None:
    """Make a model of FILE: weights as the paper's authors publish them (.pyth)."""
    if output is not None and name is not None:
        raise click.UsageError("--name is for a model in the models' folder: give either --name or --output")
    if file.is_file():
        out.print(Text(f"reading {printable(file.name)}"), soft_wrap=True)  # before torch is loaded
    from vtn_stream.checkpoints.catalogue import models_folder
    from vtn_stream.checkpoints.published import add_published

    added = add_published(file, folder=models_folder(), name=name, output=output)
    if added.published is not None:
        out.print(Text(f"sha256 of the published {added.published.file}"), soft_wrap=True)
    else:
        err.print(
            "this is not the published file (its sha256 differs); it was imported as what it says it is", soft_wrap=True
        )
    _tell_written(added.path)
    model = added.path if output is not None else added.path.name.removesuffix(".safetensors")
    out.print(Text(f"vtn-stream analyze movie.mp4 --model {printable(shlex.quote(str(model)))}"), soft_wrap=True)


@models.command()
@click.argument("name")
@quiet_option
def pull(name: str) -> None:
    """Fetch a published model; `vtn-stream models ls` shows which there are.

    A download that was interrupted continues where it stopped.
    """
    from vtn_stream.checkpoints.catalogue import find_published, models_folder

    published = find_published(name)
    out.print(Text(f"fetching {printable(published.name)}"), soft_wrap=True)  # before torch is loaded
    from vtn_stream.checkpoints.download import pull as fetch

    with _bytes_progress(name) as on_progress:
        file = fetch(published, models_folder(), on_progress)
    _tell_written(file)


def _parts(sizes: "Sizes") -> dict[str, int]:
    return {**asdict(sizes), "total": sizes.total}


def _show(name: str, value: str) -> None:
    out.print(Text(f"  {name:20}{printable(value)}"), soft_wrap=True)


def _show_encoder(encoder: "EncoderConfig | StatisticsConfig", num_parameters: int) -> None:
    if isinstance(encoder, EncoderConfig):
        windows = ", ".join(str(window) for window in sorted(set(encoder.attention_windows)))
        _show(
            "temporal encoder", f"{encoder.num_layers} layers of width {encoder.width}, {num_parameters:,} parameters"
        )
        without = "" if encoder.global_token else ", no global token"
        _show("", f"{encoder.num_heads} heads, window {windows}, positions: {encoder.positions}{without}")
        return
    _show("linear model", f"reads {encoder.num_features:,} statistics: {encoder.described()}")


def _show_checkpoint(checkpoint: "Described") -> None:
    from vtn_stream.checkpoints.points import POINT_FIGURES
    from vtn_stream.checkpoints.training_films import FILM_DIGESTS, TrainingFilms

    recipe, window = checkpoint.recipe, checkpoint.window
    where = "inside" if checkpoint.holds_backbone else "not inside"
    window_s, stride_s = (float(n / recipe.fps) for n in (window.num_positions, window.stride))
    _show("labels", listed(checkpoint.labels, MAX_LABELS))
    if checkpoint.instants:
        _show("instants", f"{listed(checkpoint.instants, MAX_LABELS)}: events without a length")
    _show(
        "looks at", f"{float(recipe.fps):g} frames per second, {recipe.geometry}, {recipe.size[0]} x {recipe.size[1]}"
    )
    _show("is shown", shown_words(checkpoint.inputs))
    _show("backbone weights", f"{recipe.weights}, {where}")
    _show("window", f"{window.num_positions} positions ({window_s:.2f} s), one every {stride_s:.2f} s")
    for name in (None, *sorted(checkpoint.points)):
        _show_point(name, checkpoint)
    for name, value in checkpoint.training.items():
        if name == "figures" and isinstance(value, dict):
            _show_figures(value, checkpoint.training.get("intervals"))
        elif name not in (FILM_DIGESTS, POINT_FIGURES, *FOR_PROGRAMS):  # long, for programs: --json has them
            _show("training", f"{name}: {value if isinstance(value, str) else json.dumps(value)}")
    films = TrainingFilms.of_training(checkpoint.training)
    if films is None:
        _show("films", "it does not say which films it learnt from")
    else:
        validated = f", and {len(films.validated)} that validated it" if films.validated else ""
        _show("films", f"digests of {len(films.learnt)} that it learnt from{validated}")
    _show("digest", checkpoint.digest)


def _show_figures(figures: dict[str, Any], intervals: object) -> None:
    """What a model reached on films that it did not learn. Anybody may have written it."""
    for name, share in figures.items():
        if type(share) not in (int, float):
            continue
        between = intervals.get(name) if isinstance(intervals, dict) else None
        words = f"{name} {100 * share:.1f} %"
        if isinstance(between, list) and len(between) == 2 and {type(bound) for bound in between} <= {int, float}:
            words += f" (90 % interval: {100 * between[0]:.1f} to {100 * between[1]:.1f} %)"
        _show("measured", words)


def _show_point(name: str | None, checkpoint: "Described") -> None:
    """What a segment needs at a point, and what was measured there. None: the default one."""
    from vtn_stream.checkpoints.points import point_figures

    points = checkpoint.operating_points if name is None else checkpoint.points[name]
    high, low = points.common.high, points.common.low
    _show(
        "operating point" if name is None else f"--point {name}",
        f"a segment needs a score of {high:g}, and extends while the score is above {low:g}",
    )
    if points.own:
        _show("", f"{len(points.own)} labels have their own")
    if figures := point_figures(checkpoint.training, name):
        _show("", f"measured: {', '.join(f'{what} {value:g}' for what, value in figures.items())}")


def _tell_written(file: Path) -> None:
    out.print(Text(f"{printable(file.name.removesuffix('.safetensors'))} is in {printable(str(file))}"), soft_wrap=True)


@contextmanager
def _bytes_progress(name: str) -> "Iterator[OnProgress | None]":
    """A bar with speed and time left, on stderr; nothing if that is not a terminal."""
    if not shows_progress():
        yield None
        return
    columns = (
        TextColumn("{task.description}", markup=False, table_column=Column(overflow="fold")),
        BarColumn(20),
        DownloadColumn(),
        TransferSpeedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task(printable(name), total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
