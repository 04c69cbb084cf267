"""Options that several commands have."""

from pathlib import Path

import click

__all__ = ["device", "store", "weights"]

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
