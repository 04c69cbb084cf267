"""Which films a file was, kept beside the probes of films.

ROOT/probes/KEY.arrow    KEY: of the file's path. A row for each identity that the film there had, the latest last

Results of a file that has changed since belong to no other film: by this they are known.
"""

import hashlib
from pathlib import Path

import pyarrow as pa

from vtn_stream.errors import DamagedFile
from vtn_stream.store.arrow_file import read_batch, write_batch
from vtn_stream.store.clock import mark_used

__all__ = ["read_versions", "write_version"]

MAX_VERSIONS = 100  # of a file that is appended to again and again


def read_versions(root: Path, film: str) -> tuple[str, ...]:
    """The identities that the film at this absolute path had; none where nothing is known, or the file is damaged."""
    path = _file(root, film)
    try:
        batch, _ = read_batch(path, "versions")
        identities: list[str] = batch.column("identity").to_pylist()
    except (FileNotFoundError, DamagedFile, KeyError):
        return ()
    mark_used(path)
    return tuple(identities)


def write_version(root: Path, film: str, identity: str) -> None:
    """Adds an identity. Raises StoreError."""
    known = read_versions(root, film)
    if known[-1:] != (identity,):
        rows = [*(one for one in known if one != identity), identity][-MAX_VERSIONS:]
        write_batch(_file(root, film), "versions", pa.record_batch({"identity": pa.array(rows, pa.string())}), {})


def _file(root: Path, film: str) -> Path:
    key = hashlib.blake2b(b"versions " + film.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
    return root / "probes" / f"{key}.arrow"
