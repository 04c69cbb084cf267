"""Where the chunks of a film are that is followed while it is written, kept beside the probes of films.

ROOT/probes/KEY.arrow    KEY: of what the film begins with. A row a chunk: the name it has while the film is written
                         (`running`), and under which it is now (`film`): that, or the identity of the finished film

A film that was at rest for a while, and then goes on, is another film by its content; what it has in common with the
first one is found by this.
"""

import hashlib
from pathlib import Path

import pyarrow as pa

from vtn_stream.errors import DamagedFile
from vtn_stream.store.arrow_file import read_batch, write_batch
from vtn_stream.store.clock import mark_used

__all__ = ["read_followed", "write_followed"]


def read_followed(root: Path, begins: str) -> dict[str, str]:
    """Under which names chunks are, by their running ones; empty where nothing is known, or the file is damaged."""
    path = _file(root, begins)
    try:
        batch, fields = read_batch(path, "followed")
        running, films = (batch.column(name).to_pylist() for name in ("running", "film"))
    except (FileNotFoundError, DamagedFile, KeyError):
        return {}
    mark_used(path)
    return dict(zip(running, films, strict=True)) if fields.get("begins") == begins else {}


def write_followed(root: Path, begins: str, films: dict[str, str]) -> None:
    """Adds these to what is known. Raises StoreError."""
    known = dict(sorted((read_followed(root, begins) | films).items()))
    batch = pa.record_batch({"running": pa.array(list(known), pa.string()), "film": pa.array(list(known.values()))})
    write_batch(_file(root, begins), "followed", batch, {"begins": begins})


def _file(root: Path, begins: str) -> Path:
    key = hashlib.blake2b(f"followed {begins}".encode(), digest_size=16).hexdigest()
    return root / "probes" / f"{key}.arrow"
