"""vtn-stream cache"""

from collections import Counter
from pathlib import Path
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from vtn_stream.errors import StoreError, printable
from vtn_stream.store import EmbeddingStore
from vtn_stream.store.clock import store_now_s
from vtn_stream.store.collect import Removed, choose, remove
from vtn_stream.store.inventory import items
from vtn_stream.track import PICTURE

from . import amounts
from .console import err, out, show_table
from .times import clock

__all__ = ["cache"]

_store = click.option(
    "--store",
    type=click.Path(path_type=Path),
    help="Folder of the embeddings. [default: VTN_STREAM_STORE, else ~/.cache/vtn-stream]",
)


@click.group()
def cache() -> None:
    """Look at and check the stored embeddings, and free their space."""


@cache.command()
@_store
def ls(store: Path | None) -> None:
    """List the films that have embeddings."""
    opened = _opened(store)
    table = Table(box=None, pad_edge=False)
    for name in ("film", "duration", "backbone", "input", "per second", "computed by", "chunks", "MB"):
        table.add_column(name, justify="right" if name in ("duration", "per second", "chunks", "MB") else "left")
    total = 0
    for film in opened.films():
        if not film.chunk_files:  # of a run that was killed as it began, or a collection as it ended
            continue
        total += film.num_bytes
        size = f"{film.num_bytes / 1e6:.1f}"
        if film.manifest is None:
            table.add_row(
                Text(film.folder.parts[-3][:12], style="dim"), "incomplete", *[""] * 4, str(len(film.chunk_files)), size
            )
            continue
        m = film.manifest
        by = f"{m['execution']['device']} {m['execution']['dtype']}"
        table.add_row(
            Text(printable(m["name"])),
            clock(m["duration_s"]),
            Text(m["recipe"]["backbone"]),
            Text(_input(m["recipe"])),
            m["recipe"]["fps"],
            by,
            str(len(film.chunk_files)),
            size,
        )
    show_table(table)
    out.print(Text(f"{total / 1e6:.1f} MB in {printable(str(opened.root))}"), soft_wrap=True)
    if scratch := opened.scratch_bytes():
        advice = "analyze their films again to use it, or delete the folder scratch in it"
        out.print(f"{scratch / 1e6:.1f} MB more are scratch of long films whose runs go on or were killed: {advice}")


def _input(recipe: dict[str, Any]) -> str:
    """What was embedded: the input, and the pooling where it is not the network's own."""
    pooling = recipe.get("pooling")
    return f"{recipe.get('input', PICTURE)}{'' if pooling is None else f' ({pooling})'}"


@cache.command()
@_store
def verify(store: Path | None) -> int:
    """Read every stored chunk and all cuts, and name those that are damaged."""
    good = bad = 0
    for file, problem in _opened(store).verify():
        if problem is None:
            good += 1
        else:
            bad += 1
            err.print(Text(f"{printable(str(file))}: {problem}"), soft_wrap=True)
    out.print(f"{good} files are as written, {bad} are damaged")
    return 1 if bad else 0


@cache.command()
@click.option(
    "--keep", "keep_bytes", type=amounts.SIZE, help="Remove until no more than this is left: 20GB, 500MB, 1.5TiB."
)
@click.option(
    "--older-than", "older_than_s", type=amounts.AGE, help="Remove what was not used for this long: 12h, 30d, 2w."
)
@click.option("--orphans", is_flag=True, help="Remove what killed runs left: unfinished files, leases, scratch.")
@click.option("--dry-run", is_flag=True, help="Show what would be removed.")
@_store
def gc(keep_bytes: int | None, older_than_s: float | None, orphans: bool, dry_run: bool, store: Path | None) -> int:
    """Free space: what was not used for the longest time is removed first.

    Other runs may continue meanwhile. What is in use stays: films that a batch works on, and all that was used in the
    last hour. What is removed is computed again when it is needed.
    """
    if keep_bytes is None and older_than_s is None and not orphans:
        raise click.UsageError("say what may be removed: --keep, --older-than or --orphans")
    opened = _opened(store)
    now_s = store_now_s(opened.root)
    found = items(opened, now_s)
    freed, others, failed = 0, Counter[str](), 0
    for item in choose(found, now_s, keep_bytes=keep_bytes, older_than_s=older_than_s, orphans=orphans):
        removed = Removed(item=item, num_bytes=item.num_bytes) if dry_run else remove(opened, item)
        freed += removed.num_bytes
        if removed.problem is not None:
            failed += 1
            err.print(Text(f"vtn-stream: {removed.problem}"), soft_wrap=True)
        elif not removed.num_bytes:
            continue
        elif item.kind == "film":
            used = f"last used {amounts.age(now_s - item.used_s)} ago"
            out.print(Text(f"{amounts.size(removed.num_bytes):>9}  {printable(item.name)}, {used}"), soft_wrap=True)
        else:
            others[item.kind] += removed.num_bytes
    for kind, num_bytes in others.items():
        out.print(f"{amounts.size(num_bytes):>9}  {_OTHERS[kind]}")
    left = sum(item.num_bytes for item in found) - freed
    summary = f"{amounts.size(freed)} {'would be' if dry_run else 'were'} freed; {amounts.size(left)} "
    summary += f"{'would be' if dry_run else 'are'} left in {printable(str(opened.root))}"
    out.print(Text(summary), soft_wrap=True)
    if keep_bytes is not None and left > keep_bytes:
        out.print("the rest is in use, or was left behind by killed runs (see --orphans)")
    return 1 if failed else 0


_OTHERS = {
    "borders": "black borders of films",
    "cuts": "cuts of films",
    "pictures": "pictures of films",
    "probe": "probes of films",
    "temporary": "files that were never finished",
    "scratch": "scratch of long films",
    "lease": "leases of killed runs",
}


def _opened(folder: Path | None) -> EmbeddingStore:
    if folder is not None and not folder.is_dir():
        raise StoreError(f"there is no store {folder}", "nothing can be listed", "check --store")
    return EmbeddingStore(folder)
