"""Options that several commands have."""

from pathlib import Path

import click

from vtn_stream.analysis import DEFAULT_BACKBONE, DEFAULT_FPS
from vtn_stream.formats import WRITERS

__all__ = [
    "address",
    "backbone",
    "decoder",
    "device",
    "exact",
    "formats",
    "fps",
    "model",
    "overwrite",
    "store",
    "weights",
]

address = click.option(
    "--address",
    default="local",
    show_default=True,
    help="The Ray cluster: local, a private one on this machine; auto, the one that runs on it; HOST:PORT of its head "
    "node; or ray://HOST:PORT.",
)
formats = click.option(
    "-f",
    "--format",
    "formats",
    multiple=True,
    default=["json", "csv"],
    show_default="json and csv",
    type=click.Choice(list(WRITERS)),
    help="Timeline format; may be repeated. JSON is always written.",
)
model = click.option(
    "-m",
    "--model",
    metavar="NAME|FILE",
    help="What draws the timeline: a checkpoint, or a model that `vtn-stream models ls` shows. [default: scenes]",
)
fps = click.option(
    "--fps",
    metavar="RATE",
    help=f"Frames looked at per second of film: 2, 2.56, 30000/1001. [default: {DEFAULT_FPS}, or the model's]",
)
decoder = click.option(
    "--decoder",
    type=click.Choice(["pyav", "decord"]),
    default="pyav",
    show_default=True,
    help="What decodes the frames. decord refuses films that it would miscount.",
)
backbone = click.option("--backbone", help=f"timm image network. [default: {DEFAULT_BACKBONE}, or the model's]")
overwrite = click.option("--overwrite", is_flag=True, help="Replace results in the way that are another film's.")
exact = click.option("--exact", is_flag=True, help="Do not reuse embeddings that another device or version computed.")
device = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where networks run; auto takes a GPU when there is one.",
)
store = click.option(
    "--store",
    type=click.Path(path_type=Path),
    help="Folder of the embeddings. [default: VTN_STREAM_STORE, else ~/.cache/vtn-stream]",
)
weights = click.option("--weights", type=click.Path(path_type=Path), help="File of weights for the image network.")
