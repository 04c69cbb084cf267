"""Small pictures of a film that nobody analyzed: one Arrow file beside its embeddings, if it has any.

    ROOT/films/VIDEO IDENTITY/pictures.arrow    a row a picture: `time_s`, `thumbnail` (JPEG), by time

An analysis stores its own with the embeddings.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from vtn_stream.errors import DamagedFile, StoreError
from vtn_stream.store.arrow_file import read_batch, write_batch
from vtn_stream.store.clock import mark_used

__all__ = ["PICTURES", "load_pictures", "pictures_file", "read_pictures", "write_pictures"]

PICTURES = "pictures.arrow"
_IDENTITY = re.compile("[0-9a-f]{1,128}")  # it becomes a path, and timelines come from strangers


def pictures_file(root: Path, identity: str) -> Path:
    """The file in the store under `root`. Raises ValueError for an identity that is none."""
    if not _IDENTITY.fullmatch(identity):
        raise ValueError(f"no identity of a film: {identity[:200]!r}")
    return root / "films" / identity / PICTURES


def load_pictures(root: Path, identity: str) -> list[tuple[float, bytes]] | None:
    """(time in seconds, JPEG), by time. None where nobody made any, or they are damaged: a help, not a result."""
    try:
        file = pictures_file(root, identity)
        found = read_pictures(file)
    except (ValueError, FileNotFoundError, DamagedFile):
        return None
    mark_used(file)  # so that `cache gc` keeps what is in use
    return found


def read_pictures(path: Path) -> list[tuple[float, bytes]]:
    """What is in this file. Raises FileNotFoundError, DamagedFile."""
    batch, fields = read_batch(path, "pictures")
    columns = [(f.name, f.type) for f in batch.schema]
    if fields.get("video") != path.parent.name or columns != [("time_s", pa.float64()), ("thumbnail", pa.binary())]:
        raise DamagedFile(
            f"{path.name} holds other pictures than its name says",
            "it is not used",
            "remove it, and they are made again",
        )
    times_s, jpegs = (column.to_pylist() for column in batch.columns)
    return list(zip(times_s, jpegs, strict=True))


def write_pictures(root: Path, identity: str, pictures: Sequence[tuple[float, bytes]]) -> None:
    """Atomic, and harmless when others write those of the same film. Raises StoreError."""
    path = pictures_file(root, identity)
    times_s, jpegs = [time_s for time_s, _ in pictures], [jpeg for _, jpeg in pictures]
    batch = pa.record_batch({"time_s": pa.array(times_s, pa.float64()), "thumbnail": pa.array(jpegs, pa.binary())})
    try:
        write_batch(path, "pictures", batch, {"video": identity})
    except StoreError as error:
        raise StoreError(error.fact, "the pictures are not stored, and the page has none", error.cure) from error
