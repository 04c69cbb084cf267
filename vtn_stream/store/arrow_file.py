"""One Arrow IPC file: one record batch, its kind, version and checksum in the schema's metadata.

    metadata b"vtn-stream"  JSON: {"kind", "version", "checksum", ...}
    checksum                xxh3-128 over the rest of the metadata, the number of rows, the columns' names and
                            types, and the buffers of every column, in order

Arrow itself does not notice a flipped byte in a payload, nor in metadata: the checksum does. Uncompressed, so that
it is mapped and not parsed (a compressed hour is 8 % smaller and 6 to 30 times slower).
"""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import xxhash

from vtn_stream.atomic import is_full, write_whole
from vtn_stream.errors import DamagedFile, StoreError

__all__ = ["content_of", "read_batch", "write_batch"]

_KEY = b"vtn-stream"
_VERSION = 1


def write_batch(path: Path, kind: str, batch: pa.RecordBatch, metadata: dict[str, Any]) -> None:
    """Atomic. Raises StoreError if the disk is full or the folder cannot be written."""
    content = content_of(kind, batch, metadata)
    try:
        try:
            _write(path, content)
        except FileNotFoundError:  # `cache gc` removed the folder while it was empty
            _write(path, content)
    except OSError as error:
        full = is_full(error)
        raise StoreError(
            "the disk is full" if full else f"{path.name} cannot be written ({error.strerror})",
            "the analysis stopped here; everything stored before is kept",
            "free some space (or name another place with --store) and run again to continue"
            if full
            else "check the folder's permissions or name another place, then run again to continue",
        ) from error


def content_of(kind: str, batch: pa.RecordBatch, metadata: dict[str, Any]) -> pa.Buffer:
    """The bytes of the file."""
    header = metadata | {"kind": kind, "version": _VERSION}
    header["checksum"] = _checksum(header, _through_ipc(batch))
    return _serialized(batch.replace_schema_metadata({_KEY: _canonical(header)}))


def read_batch(path: Path, kind: str) -> tuple[pa.RecordBatch, dict[str, Any]]:
    """The batch, mapped and verified, and its metadata. Raises FileNotFoundError, DamagedFile."""
    try:
        with pa.memory_map(str(path)) as file, pa.ipc.open_file(file) as reader:
            header = json.loads((reader.schema.metadata or {}).get(_KEY, b"null"))
            if not isinstance(header, dict) or (header.get("kind"), header.get("version")) != (kind, _VERSION):
                raise _damaged(path, f"is not a version {_VERSION} {kind} file of vtn-stream")
            if reader.num_record_batches != 1:
                raise _damaged(path, "does not hold one record batch")
            batch = reader.get_batch(0)
            batch.validate(full=True)
            intact = header.pop("checksum", None) == _checksum(header, batch)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(path) from error
    except (pa.ArrowException, OSError, ValueError, RecursionError) as error:
        raise _damaged(path, f"cannot be read ({type(error).__name__})") from error
    if not intact:
        raise _damaged(path, "does not match its checksum")
    return batch, header


def _write(path: Path, content: pa.Buffer) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, [memoryview(content)])


def _damaged(path: Path, what: str) -> DamagedFile:
    return DamagedFile(f"{path.name} {what}", "it is not used", "run the analysis again to compute it")


def _serialized(batch: pa.RecordBatch) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue()


def _through_ipc(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch as a reader will see it: writing drops offsets, spare capacity and bitmaps without nulls."""
    with pa.ipc.open_file(_serialized(batch)) as reader:
        return reader.get_batch(0)


def _canonical(header: dict[str, Any]) -> bytes:
    return json.dumps(header, sort_keys=True, separators=(",", ":")).encode()


def _checksum(header: dict[str, Any], batch: pa.RecordBatch) -> str:
    columns = [f"{field.name}: {field.type}" for field in batch.schema]
    hasher = xxhash.xxh3_128(_canonical(header) + repr((len(batch), columns)).encode())
    for column in batch.columns:
        for buffer in column.buffers():
            hasher.update(b"-" if buffer is None else memoryview(buffer))
    return hasher.hexdigest()
