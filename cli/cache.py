"""vtn-stream cache"""

from pathlib import Path

import click
from rich.table import Table
from rich.text import Text

from vtn_stream.errors import StoreError, printable
from vtn_stream.store import EmbeddingStore

from .console import err, out
from .times import clock

__all__ = ["cache"]

_store = click.option(
    "--store", type=click.Path(path_type=Path), help="Its folder. [default: VTN_STREAM_STORE, else ~/.cache/vtn-stream]"
)


@click.group()
def cache() -> None:
    """Look at and check the stored embeddings."""


@cache.command()
@_store
def ls(store: Path | None) -> None:
    """List the films that have embeddings."""
    opened = _opened(store)
    table = Table(box=None, pad_edge=False)
    for name in ("film", "duration", "backbone", "per second", "computed by", "chunks", "MB"):
        table.add_column(name)
    total = 0
    for film in opened.films():
        total += film.num_bytes
        size = f"{film.num_bytes / 1e6:.1f}"
        if film.manifest is None:
            table.add_row(
                Text(film.folder.parts[-3][:12], style="dim"), "incomplete", *[""] * 3, str(len(film.chunk_files)), size
            )
            continue
        m = film.manifest
        by = f"{m['execution']['device']} {m['execution']['dtype']}"
        table.add_row(
            Text(printable(m["name"])),
            clock(m["duration_s"]),
            Text(m["recipe"]["backbone"]),
            m["recipe"]["fps"],
            by,
            str(len(film.chunk_files)),
            size,
        )
    out.print(table)
    out.print(Text(f"{total / 1e6:.1f} MB in {printable(str(opened.root))}"), soft_wrap=True)
    if scratch := opened.scratch_bytes():
        told = "analyze their films again to use it, or delete the folder scratch in it"
        out.print(f"{scratch / 1e6:.1f} MB more are scratch of long films whose runs go on or were killed: {told}")


@cache.command()
@_store
def verify(store: Path | None) -> int:
    """Read every stored chunk through and name those that are damaged."""
    good = bad = 0
    for file, problem in _opened(store).verify():
        if problem is None:
            good += 1
        else:
            bad += 1
            err.print(Text(f"{printable(str(file))}: {problem}"), soft_wrap=True)
    out.print(f"{good} chunks are as written, {bad} are damaged")
    return 1 if bad else 0


def _opened(folder: Path | None) -> EmbeddingStore:
    if folder is not None and not folder.is_dir():
        raise StoreError(f"there is no store {folder}", "nothing can be listed", "check --store")
    return EmbeddingStore(folder)
