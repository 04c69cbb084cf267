"""vtn-stream evaluate"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from vtn_stream.errors import printable

from .console import err, out
from .interrupts import check_interrupted

if TYPE_CHECKING:
    from vtn_stream.evaluation import ClipFailed, ClipScored, Evaluation

__all__ = ["evaluate"]


@click.command()
@click.argument("clips", metavar="LIST", type=click.Path(exists=True, path_type=Path))
@click.option("--model", required=True, help="Name of a stored model, or its file.")
@click.option(
    "--videos",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where the list's paths begin. [default: the list's folder]",
)
@click.option(
    "--protocol",
    type=click.Choice(["full", "views"]),
    default="full",
    show_default=True,
    help="full: the first 10 s of a clip, seen once. views: several windows of it, added up.",
)
@click.option("--views", type=click.IntRange(1, 100), help="Windows a clip, with --protocol views. [default: 10]")
@click.option("--crops", type=click.Choice(["1", "3"]), help="Crops of each frame, with --protocol views. [default: 1]")
@click.option("--weights", type=click.Path(path_type=Path), help="File of weights for the model's backbone.")
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where the network runs; auto takes a GPU when there is one.",
)
@click.option("--json", "as_json", is_flag=True, help="The figures as JSON on stdout.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of JSON lines, one a clip. A killed run goes on where it stopped.",
)
def evaluate(
    clips: Path,
    model: str,
    videos: Path | None,
    protocol: Literal["full", "views"],
    views: int | None,
    crops: str | None,
    weights: Path | None,
    device: Literal["auto", "cpu", "cuda"],
    as_json: bool,
    output: Path | None,
) -> int:
    """Measure a model on labelled films.

    LIST is a text file with a line "path label" or "path,label" for each film, or a folder with a folder of films for
    each label. Films that cannot be read are named and left out of the figures, and the exit code is then 1.
    """
    if protocol == "full" and (views is not None or crops is not None):
        raise click.UsageError("--views and --crops go with --protocol views")
    from vtn_stream.checkpoints import find_model, load_checkpoint
    from vtn_stream.evaluation import ClipFailed, Protocol, read_clips
    from vtn_stream.evaluation import evaluate as measure

    checkpoint = load_checkpoint(find_model(model))
    labelled = read_clips(clips, checkpoint.labels, videos)
    how = Protocol() if protocol == "full" else Protocol(kind="views", num_views=views or 10, num_crops=int(crops or 1))
    with _progress(len(labelled)) as progress:

        def tell(event: "ClipScored | ClipFailed") -> None:
            check_interrupted()
            if isinstance(event, ClipFailed):
                line = f"{printable(event.clip.name)}: {printable(event.message)}"
                progress.console.print(Text(line, style="yellow"), soft_wrap=True)
            progress.advance(progress.task_ids[0])

        evaluation = measure(checkpoint, labelled, how, weights=weights, device=device, results=output, on_event=tell)
    if as_json:
        click.echo(json.dumps(evaluation.to_dict(), indent=2))
    else:
        _show(evaluation)
    return 1 if evaluation.failed else 0


@contextmanager
def _progress(num_clips: int) -> Iterator[Progress]:
    """A bar with the time left, on stderr; nothing where that is not a terminal."""
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


def _show(evaluation: "Evaluation") -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, share in (
        ("top-1", evaluation.top_1),
        ("top-5", evaluation.top_5),
        ("mean per class", evaluation.mean_per_class),
    ):
        table.add_row(name, "-" if share is None else f"{100 * share:.2f} %")
    table.add_row("clips", str(len(evaluation.scored)))
    if evaluation.failed:
        table.add_row("left out", str(len(evaluation.failed)), style="yellow")
    out.print(f"protocol {evaluation.protocol}, {evaluation.num_classes} classes")
    out.print(table)
