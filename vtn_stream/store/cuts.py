"""Cuts of a film that were placed to the frame: one Arrow file beside its embeddings, for all networks.

    ROOT/films/VIDEO IDENTITY/cuts-DIGEST.arrow    DIGEST: of how cuts are placed, and the decoder

A row says between which two frames a cut was looked for, and with which frame the new picture begins: `last`, `next`
and `cut`, in pts of the film; cut is null where no cut is seen.
"""

import contextlib
import hashlib
from pathlib import Path

import pyarrow as pa

from vtn_stream.errors import DamagedFile, StoreError
from vtn_stream.store.arrow_file import read_batch, write_batch
from vtn_stream.store.clock import mark_used

__all__ = ["Cuts", "cuts_file", "load_cuts", "read_cuts", "write_cuts"]

# (last, next) -> cut, in pts; None: no cut is seen.
Cuts = dict[tuple[int, int], int | None]


def cuts_file(root: Path, identity: str, method: str) -> Path:
    """The file in the store under `root`. method: everything but the film that a cut depends on."""
    digest = hashlib.blake2b(method.encode(), digest_size=8).hexdigest()
    return root / "films" / identity / f"cuts-{digest}.arrow"


def load_cuts(path: Path) -> Cuts:
    """What is stored there; nothing if nothing is. Raises DamagedFile."""
    try:
        cuts = read_cuts(path)
    except FileNotFoundError:
        return {}
    mark_used(path)  # so that `cache gc` keeps what is in use
    return cuts


def read_cuts(path: Path) -> Cuts:
    """What is in this file. Raises FileNotFoundError, DamagedFile."""
    batch, fields = read_batch(path, "cuts")
    names = ("last", "next", "cut")
    whose = (fields.get("video"), cuts_file(Path(), str(fields.get("video")), str(fields.get("method"))).name)
    if whose != path.parts[-2:] or [(f.name, f.type) for f in batch.schema] != [(name, pa.int64()) for name in names]:
        raise DamagedFile(
            f"{path.name} holds other cuts than its name says",
            "it is not used",
            "run the analysis again to place them",
        )
    last, following, cut = (batch.column(name).to_pylist() for name in names)
    return dict(zip(zip(last, following, strict=True), cut, strict=True))


def write_cuts(path: Path, cuts: Cuts, method: str) -> None:
    """Adds these to what is stored there. Atomic; of two that write at once, one may lose the other's additions, which
    are then placed again. Raises StoreError.
    """
    stored: Cuts = {}
    with contextlib.suppress(DamagedFile):
        stored = load_cuts(path)
    rows = sorted((stored | cuts).items())
    columns = {
        "last": pa.array([last for (last, _), _ in rows], pa.int64()),
        "next": pa.array([following for (_, following), _ in rows], pa.int64()),
        "cut": pa.array([cut for _, cut in rows], pa.int64()),
    }
    try:
        write_batch(path, "cuts", pa.record_batch(columns), {"video": path.parent.name, "method": method})
    except StoreError as error:
        raise StoreError(
            error.fact, "the cuts are not stored, and another run places them again", error.cure
        ) from error
