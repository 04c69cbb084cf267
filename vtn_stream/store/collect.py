"""Frees space in a store, also while others use it.

What is in use stays: a film that has a live lease, and whatever was written or marked as read in the last hour. Removal
goes file by file, the manifest first: there is never half a file, and a reader that comes too late misses a chunk,
which is then computed anew. Killed at any step, it leaves an incomplete film like any other.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from vtn_stream.errors import StoreError
from vtn_stream.store.embeddings import EmbeddingStore
from vtn_stream.store.inventory import CHUNK, MANIFEST, SCRATCH, Item, files_in, live_films
from vtn_stream.store.leases import Leases

__all__ = ["Removed", "choose", "remove"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """What became of an item: how much of it was removed, and what prevented the rest. Nothing is removed if it came
    into use.
    """

    item: Item
    num_bytes: int
    problem: StoreError | None = None


def choose(
    found: Iterable[Item],
    now_s: float,
    *,
    keep_bytes: int | None = None,
    older_than_s: float | None = None,
    orphans: bool = False,
) -> list[Item]:
    """What to remove, in this order: films, what lies beside them, probes, the least recently used first, then orphans.

    keep_bytes    as many as it takes until no more than this is left of everything
    older_than_s  all that were not used for so long
    """
    found = list(found)
    kept = ("film", "borders", "cuts", "pictures", "probe")
    left_behind = [item for item in found if orphans and item.kind not in kept and not item.in_use]
    left = sum(item.num_bytes for item in found) - sum(item.num_bytes for item in left_behind)
    chosen = []
    removable = [item for item in found if item.kind in kept and not item.in_use]
    for item in sorted(removable, key=lambda item: (item.used_s, item.path)):
        too_old = older_than_s is not None and now_s - item.used_s > older_than_s
        if too_old or (keep_bytes is not None and left > keep_bytes):
            chosen.append(item)
            left -= item.num_bytes
    return [*chosen, *left_behind]


def remove(store: EmbeddingStore, item: Item) -> Removed:
    """Removes an item, unless it has come into use since it was listed."""
    freed = 0
    try:
        for num_bytes in _removals(store, item):
            freed += num_bytes
    except OSError as error:
        problem = StoreError(
            f"{item.name} cannot be removed ({error.strerror})",
            "not all of it was removed",
            "check the store's permissions",
        )
        return Removed(item=item, num_bytes=freed, problem=problem)
    return Removed(item=item, num_bytes=freed)


def _removals(store: EmbeddingStore, item: Item) -> Iterator[int]:
    """Bytes that each step frees."""
    if item.kind == "film":
        yield from _remove_film(store, item)
    elif item.kind == "empty":
        _remove_empty(store, item.path)
    elif item.kind == "scratch":
        yield from _remove_scratch(item)
    elif item.kind == "lease":
        yield item.num_bytes if Leases(store.root).remove_expired(item.path) else 0
    else:
        yield _unlink(item.path, item.used_s)
        if item.path.is_relative_to(store.root / "films"):
            _remove_empty(store, item.path.parent)


def _remove_film(store: EmbeddingStore, item: Item) -> Iterator[int]:
    """Removes a film's files; gives the bytes of each file removed."""
    try:
        used_s = item.path.lstat().st_mtime
    except FileNotFoundError:  # another was faster
        return
    if used_s != item.used_s or item.path.parts[-3] in live_films(store):
        return
    files = [(path, status.st_mtime) for path, status in files_in(item.path, CHUNK)]
    yield _unlink(item.path / MANIFEST)
    for path, written_s in files:
        yield _unlink(path, written_s)
    # A run that stored the last missing chunk just before found all of them, and has written the manifest again.
    yield _unlink(item.path / MANIFEST)
    _remove_empty(store, item.path)


def _remove_empty(store: EmbeddingStore, folder: Path) -> None:
    """Removes the folders of a film if they are empty.

    A writer makes them just before it writes, and fails if they vanish between: who has a lease may be at that point. A
    run without one would have to be there in the very microseconds, on a film that was not used for an hour.
    """
    identity = store.root / "films" / folder.relative_to(store.root / "films").parts[0]
    if identity.name not in live_films(store):
        for empty in (path for path in (folder, *folder.parents) if path.is_relative_to(identity)):
            with contextlib.suppress(OSError):  # something is in it: another film, a file being written, a stranger's
                empty.rmdir()


def _remove_scratch(item: Item) -> Iterator[int]:
    """Removes scratch under the lock that a run takes (see model/long.py), so that no run goes on with it meanwhile."""
    lock = item.path.with_name(f".{item.path.name}.lock")
    with open(os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        for path, _ in files_in(item.path, SCRATCH):
            yield _unlink(path)
        with contextlib.suppress(OSError):  # a stranger's file is in it
            item.path.rmdir()
        lock.unlink(missing_ok=True)


def _unlink(path: Path, written_s: float | None = None) -> int:
    """Removes a file if it is still the one that was listed (None: any). Returns the bytes freed."""
    try:
        status = path.lstat()
        if written_s is not None and status.st_mtime != written_s:
            return 0
        path.unlink()
    except FileNotFoundError:  # another was faster
        return 0
    return status.st_size
