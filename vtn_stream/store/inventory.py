"""Lists what is in a store, and when it was last used. Changes nothing.

Only what this library makes is seen, and no link is followed: what lies outside the store, or is foreign to it, is left
alone. Ages are by the store's own clock (see `clock`). Here a film means what is stored of it for one recipe and
execution.
"""

import contextlib
import json
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vtn_stream.atomic import TEMPORARY
from vtn_stream.errors import StoreError
from vtn_stream.store.embeddings import EmbeddingStore
from vtn_stream.store.leases import TAKING, Leases
from vtn_stream.track import PICTURE

__all__ = [
    "BESIDE",
    "CHUNK",
    "IN_USE_S",
    "MANIFEST",
    "SCRATCH",
    "SCRATCH_S",
    "Item",
    "files_in",
    "inputs_of",
    "items",
    "live_films",
]

# What was used so lately stays. Runs that take no lease write a chunk or mark what they read every few minutes at
# least; a network disk may fail a reader that has mapped a file which another machine removes, so it is generous.
IN_USE_S = 3_600.0
# Scratch of a killed run saves the next run hours, and who wants them runs again within a day.
SCRATCH_S = 86_400.0

MANIFEST = "manifest.json"
BESIDE: dict[Literal["borders", "cuts", "pictures"], re.Pattern[str]] = {
    "borders": re.compile(r"borders-[0-9a-f]{16}\.arrow"),
    "cuts": re.compile(r"cuts-[0-9a-f]{16}\.arrow"),
    "pictures": re.compile(r"pictures\.arrow"),
}  # the embeddings of a film
CHUNK = re.compile(r"\d{9,}-\d{9,}\.arrow")
SCRATCH = re.compile(rf"layer-\d+\.f32|state\.json|{TEMPORARY.pattern}")
_OF_FILM = re.compile(rf"{re.escape(MANIFEST)}|{CHUNK.pattern}")
_TAKING = re.compile(rf"\..+{re.escape(TAKING)}|{TEMPORARY.pattern}")
_PROBE = re.compile(r"[0-9a-f]{32}\.arrow")

Kind = Literal["film", "borders", "cuts", "pictures", "probe", "temporary", "scratch", "lease", "empty"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """What can be removed at once.

    kind       film, borders, cuts, pictures and probe: kept between runs; the others were left behind, maybe of no use
    path       a folder (film, empty, scratch) or a file
    name       for readers
    used_s     when it was written or read last, seconds by the store's clock
    in_use     whether it must stay
    """

    kind: Kind
    path: Path
    name: str
    num_bytes: int
    used_s: float
    in_use: bool


def items(store: EmbeddingStore, now_s: float) -> list[Item]:
    """Everything in the store, except foreign files. Raises StoreError if it cannot be listed."""
    try:
        found = (_films, _beside, _probes, _scratch, _left_behind)
        return [item for of_kind in found for item in of_kind(store, now_s)]
    except OSError as error:
        raise StoreError(
            f"the store's folder {Path(error.filename or store.root).name} cannot be read ({error.strerror})",
            "nothing was freed",
            "check its permissions, or name another folder with --store",
        ) from error


def _films(store: EmbeddingStore, now_s: float) -> Iterator[Item]:
    live = live_films(store)
    for identity in _folders(store.root / "films"):
        stored = []
        for folder in (folder for recipe in _folders(identity) for folder in _folders(recipe)):
            with contextlib.suppress(FileNotFoundError):  # removed while we looked
                stored.append((folder, folder.stat().st_mtime))
        in_use = identity.name in live or any(_is_late(used_s, now_s) for _, used_s in stored)
        for folder, used_s in stored:  # the folder's time: writing into it and marking it change that
            sizes = [status.st_size for _, status in files_in(folder, _OF_FILM)]
            yield Item(
                kind="film" if sizes else "empty",
                path=folder,
                name=_film_name(folder),
                num_bytes=sum(sizes),
                used_s=used_s,
                in_use=in_use,
            )


def _beside(store: EmbeddingStore, now_s: float) -> Iterator[Item]:
    """A film's cuts and pictures go by their own age: making them again costs a little of what its embeddings cost."""
    live = live_films(store)
    for folder in _folders(store.root / "films"):
        for kind, name in BESIDE.items():
            for path, status in files_in(folder, name):
                in_use = folder.name in live or _is_late(status.st_mtime, now_s)
                yield _file_item(kind, path, status, in_use=in_use)


def inputs_of(store: EmbeddingStore, name: str) -> set[str]:
    """The inputs of which a film of this name has all its embeddings here, whatever the network and the rate."""
    manifests = [film.manifest for film in store.films() if film.manifest is not None]
    return {manifest["recipe"].get("input", PICTURE) for manifest in manifests if manifest["name"] == name}


def live_films(store: EmbeddingStore) -> set[str]:
    """Identities of films that are worked on now."""
    return {key.split("-")[0] for key in Leases(store.root).live()}


def _film_name(folder: Path) -> str:
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        recipe = manifest["recipe"]
        of = f", {recipe['input']}" if "input" in recipe else ""
        return f"{manifest['name']} ({recipe['backbone']}, {recipe['fps']} per second{of})"
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return f"{folder.parts[-3][:12]} (incomplete)"


def _probes(store: EmbeddingStore, now_s: float) -> Iterator[Item]:
    """A probe does not say which film it is of, so it is removed by age alone; another probe costs one pass."""
    for path, status in files_in(store.root / "probes", _PROBE):
        yield _file_item("probe", path, status, in_use=_is_late(status.st_mtime, now_s))


def _scratch(store: EmbeddingStore, now_s: float) -> Iterator[Item]:
    """What runs on very long films left; a run that goes on holds the lock."""
    for folder in _folders(store.scratch):
        files = [status for _, status in files_in(folder, SCRATCH)]
        if files:
            used_s = max(status.st_mtime for status in files)
            yield Item(
                kind="scratch",
                path=folder,
                name=f"scratch {folder.name[:12]}",
                num_bytes=sum(status.st_size for status in files),
                used_s=used_s,
                in_use=abs(now_s - used_s) < SCRATCH_S,
            )


def _left_behind(store: EmbeddingStore, now_s: float) -> Iterator[Item]:
    """Files of runs that were killed while they wrote, and leases that are no longer renewed."""
    leases = store.root / "leases"
    folders = [store.root.resolve(), store.root / "probes", leases]
    films = _folders(store.root / "films")
    folders += films + [f for i in films for r in _folders(i) for f in _folders(r)]
    for folder in folders:
        for path, status in files_in(folder, _TAKING if folder == leases else TEMPORARY):
            yield _file_item("temporary", path, status, in_use=_is_late(status.st_mtime, now_s))
    expired = [] if leases.is_symlink() else Leases(store.root).expired()
    for path in expired:
        with contextlib.suppress(FileNotFoundError):  # taken over while we looked
            yield _file_item("lease", path, path.lstat(), in_use=False)


def _file_item(kind: Kind, path: Path, status: os.stat_result, *, in_use: bool) -> Item:
    return Item(
        kind=kind,
        path=path,
        name=f"{kind} {path.name[:12]}",
        num_bytes=status.st_size,
        used_s=status.st_mtime,
        in_use=in_use,
    )


# -- the disk, without links


def _is_late(used_s: float, now_s: float) -> bool:
    return abs(now_s - used_s) < IN_USE_S  # a time to come: a clock was set back


def _folders(path: Path) -> list[Path]:
    return [Path(entry.path) for entry in _entries(path) if entry.is_dir(follow_symlinks=False)]


def files_in(path: Path, names: re.Pattern[str]) -> Iterator[tuple[Path, os.stat_result]]:
    """Regular files with such names in the folder, by name; not those behind links."""
    for entry in _entries(path):
        if names.fullmatch(entry.name):
            with contextlib.suppress(FileNotFoundError):  # removed while we looked
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(status.st_mode):
                    yield Path(entry.path), status


def _entries(path: Path) -> list["os.DirEntry[str]"]:
    """The entries of a folder by name; empty if it is missing, or a link, which leads out of the store."""
    if path.is_symlink():
        return []
    try:
        with os.scandir(path) as scan:
            return sorted(scan, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return []
