"""The file of one chunk: what it holds, and whether it is what was written there; and the chunks of a film."""

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vtn_stream.errors import DamagedFile
from vtn_stream.film import FrameIndex
from vtn_stream.store.arrow_file import read_batch
from vtn_stream.track import Execution, Recipe

__all__ = ["StoredChunk", "StoredFilm", "read_chunk", "read_own"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredChunk:
    """One chunk: values float16 [n, D], its clock, JPEG thumbnails by row, and how it was computed."""

    values: NDArray[np.float16]
    index: FrameIndex
    thumbnails: dict[int, bytes]
    execution: Execution


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFilm:
    """The chunks of one film, recipe and execution; `manifest` is None while they are not all there."""

    folder: Path
    manifest: dict[str, Any] | None
    chunk_files: list[Path]

    @property
    def num_bytes(self) -> int:
        """The bytes of its chunks on disk; a chunk that is removed meanwhile counts as 0."""
        total = 0
        for file in self.chunk_files:
            with contextlib.suppress(FileNotFoundError):  # removed while we looked
                total += file.stat().st_size
        return total


def read_own(path: Path) -> tuple[pa.RecordBatch, dict[str, Any]]:
    """A chunk file whose content matches its path. Raises FileNotFoundError, DamagedFile."""
    batch, fields = read_batch(path, "chunk")
    try:
        recipe, execution = Recipe.from_json(fields["recipe"]), Execution.from_json(fields["execution"])
        name = f"{fields['start']:09d}-{fields['stop']:09d}.arrow"
        own_place = (fields["video"], recipe.digest, execution.digest, name)
    except (ValueError, KeyError, TypeError):  # another release's
        own_place = None
    if own_place != path.parts[-4:]:
        raise DamagedFile(
            f"{path.name} holds another chunk than its name says",
            "it is not used",
            "run the analysis again to compute it",
        )
    return batch, fields


def read_chunk(path: Path) -> StoredChunk:
    """The chunk in a file. Raises FileNotFoundError, DamagedFile."""
    batch, fields = read_own(path)
    embedding = batch.column("embedding")
    return StoredChunk(
        values=embedding.values.to_numpy().reshape(len(batch), embedding.type.list_size),
        index=FrameIndex(
            grid_s=batch.column("grid_s").to_numpy(),
            frame=batch.column("frame").to_numpy(),
            pts_s=batch.column("pts_s").to_numpy(),
            valid=batch.column("valid").to_numpy(zero_copy_only=False),
        ),
        thumbnails={i: jpeg for i, jpeg in enumerate(batch.column("thumbnail").to_pylist()) if jpeg is not None},
        execution=Execution.from_json(fields["execution"]),
    )
