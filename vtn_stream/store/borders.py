"""The black borders of a film, as they were measured: a small file beside its embeddings, for all networks.

    ROOT/films/VIDEO IDENTITY/borders-DIGEST.arrow    DIGEST: of how they are measured, and the decoder

One row: `left`, `top`, `right` and `bottom` of what is inside them, in pixels of the upright picture. No row: there are
none.
"""

import hashlib
from pathlib import Path

import pyarrow as pa

from vtn_stream.errors import DamagedFile
from vtn_stream.region import Box
from vtn_stream.store.arrow_file import read_batch, write_batch
from vtn_stream.store.clock import mark_used

__all__ = ["borders_file", "load_borders", "read_borders", "write_borders"]


def borders_file(root: Path, identity: str, method: str) -> Path:
    """The file in the store under `root`. method: everything but the film that its borders depend on."""
    digest = hashlib.blake2b(method.encode(), digest_size=8).hexdigest()
    return root / "films" / identity / f"borders-{digest}.arrow"


def load_borders(path: Path, size: tuple[int, int]) -> Box | None:
    """What was measured of a film with a picture of this (width, height); None: it has no borders.

    Raises FileNotFoundError, DamagedFile.
    """
    box = read_borders(path)
    if box is not None and (box.right > size[0] or box.bottom > size[1]):
        raise _damaged(path)
    mark_used(path)  # so that `cache gc` keeps what is in use
    return box


def read_borders(path: Path) -> Box | None:
    """What is in this file. Raises FileNotFoundError, DamagedFile."""
    batch, fields = read_batch(path, "borders")
    whose = (fields.get("video"), borders_file(Path(), str(fields.get("video")), str(fields.get("method"))).name)
    if whose != path.parts[-2:] or [(f.name, f.type) for f in batch.schema] != _COLUMNS or batch.num_rows > 1:
        raise _damaged(path)
    if batch.num_rows == 0:
        return None
    box = Box(*(column[0].as_py() for column in batch.columns))
    if not (0 <= box.left < box.right and 0 <= box.top < box.bottom):
        raise _damaged(path)
    return box


def write_borders(path: Path, box: Box | None, method: str) -> None:
    """Atomic. Raises StoreError."""
    sides = [[] if box is None else [side] for side in box or range(4)]
    columns = {name: pa.array(side, kind) for (name, kind), side in zip(_COLUMNS, sides, strict=True)}
    write_batch(path, "borders", pa.record_batch(columns), {"video": path.parent.name, "method": method})


_COLUMNS = [(name, pa.int64()) for name in Box._fields]


def _damaged(path: Path) -> DamagedFile:
    return DamagedFile(
        f"{path.name} holds other borders than its name says",
        "it is not used",
        "remove it, and they are measured again",
    )
