"""Cuts of a film, and its slower changes of picture, to the frame: Arrow files beside its embeddings, for all networks.

    ROOT/films/VIDEO IDENTITY/cuts-DIGEST.arrow    DIGEST: of how they are looked for, and the decoder

A row says between which two frames was looked, and what was seen there: `last` and `next`, in pts of the film; with
which frame the new picture begins (`cut`), the last frame of the old picture and the first that is all new (`first`,
`until`), and the `kind`. All four are null where nothing is seen. Earlier releases stored last, next and cut.
"""

import contextlib
import hashlib
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from vtn_stream.errors import DamagedFile, StoreError
from vtn_stream.store.arrow_file import read_batch, write_batch
from vtn_stream.store.clock import mark_used

__all__ = ["Cut", "Cuts", "cuts_file", "load_cuts", "read_cuts", "write_cuts"]


class Cut(NamedTuple):
    """A change of picture in pts: the new picture begins `at`; `first` is the last frame of the old one, `until` the
    first that shows only the new one.
    """

    at: int
    first: int
    until: int
    kind: str


# (last, next) -> what is seen there, in pts.
Cuts = dict[tuple[int, int], tuple[Cut, ...]]

_COLUMNS = [(name, pa.int64()) for name in ("last", "next", "cut", "first", "until")]


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
    whose = (fields.get("video"), cuts_file(Path(), str(fields.get("video")), str(fields.get("method"))).name)
    columns = [(f.name, f.type) for f in batch.schema]
    if whose != path.parts[-2:] or columns not in (_COLUMNS[:3], [*_COLUMNS, ("kind", pa.string())]):
        raise DamagedFile(
            f"{path.name} holds other cuts than its name says",
            "it is not used",
            "run the analysis again to place them",
        )
    found: Cuts = {}
    for last, following, at, *rest in zip(*(column.to_pylist() for column in batch.columns), strict=True):
        first, until, kind = rest or (at, at, "cut")
        seen = () if at is None else (Cut(at, first, until, kind),)
        found[last, following] = found.get((last, following), ()) + seen
    return found


def write_cuts(path: Path, cuts: Cuts, method: str) -> None:
    """Adds these to what is stored there. Atomic; of two that write at once, one may lose the other's additions, which
    are then placed again. Raises StoreError.
    """
    stored: Cuts = {}
    with contextlib.suppress(DamagedFile):
        stored = load_cuts(path)
    rows = [
        (last, following, *row)
        for (last, following), seen in sorted((stored | cuts).items())
        for row in seen or ((None,) * 4,)
    ]
    numbers, kinds = [row[:-1] for row in rows], [row[-1] for row in rows]
    columns = {name: pa.array([n[i] for n in numbers], kind) for i, (name, kind) in enumerate(_COLUMNS)}
    columns["kind"] = pa.array(kinds, pa.string())
    try:
        write_batch(path, "cuts", pa.record_batch(columns), {"video": path.parent.name, "method": method})
    except StoreError as error:
        raise StoreError(
            error.fact, "the cuts are not stored, and another run places them again", error.cure
        ) from error
