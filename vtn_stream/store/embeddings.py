"""The embedding store: one Arrow file per chunk, addressed by its content and how it was computed.

    ROOT/films/VIDEO IDENTITY/RECIPE DIGEST/EXECUTION DIGEST/000000120-000000240.arrow   a chunk
                                                            /manifest.json              written last: it is whole
    ROOT/films/VIDEO IDENTITY/cuts-DIGEST.arrow             cuts placed to the frame (see `cuts`); and pictures.arrow
    ROOT/films/VIDEO IDENTITY/borders-DIGEST.arrow          its black borders (see `borders`)
    ROOT/probes/FILE STAT.arrow                             the clock of a film, read once; facts of `backbones`
    ROOT/scratch/                                           work on very long films, of runs that go on or were killed

A chunk file has one row a position: grid_s, frame, pts_s, valid, embedding (float16 [D]), and a JPEG thumbnail
every 10 s. Keys hold no path and no time of writing: copies of a film share what is stored, and two writers of
one chunk write the same file. n positions in a chunk.
"""

import contextlib
import hashlib
import json
import math
import os
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vtn_stream.atomic import check_writable, write_whole
from vtn_stream.errors import DamagedFile, StoreError
from vtn_stream.film import FrameIndex, VideoInfo, file_stamp
from vtn_stream.sampling import Chunk
from vtn_stream.store.arrow_file import read_batch, write_batch
from vtn_stream.store.backbones import BackboneMemory
from vtn_stream.store.borders import read_borders
from vtn_stream.store.chunk_file import StoredChunk, StoredFilm, read_chunk, read_own
from vtn_stream.store.clock import mark_used
from vtn_stream.store.cuts import read_cuts
from vtn_stream.store.pictures import PICTURES, read_pictures
from vtn_stream.store.tracks import EmbeddingTrack, read_track
from vtn_stream.timeline import Timeline
from vtn_stream.track import PICTURE, Execution, Recipe

__all__ = ["EmbeddingStore", "StoredChunk", "StoredFilm", "default_root"]

_MANIFEST = "manifest.json"
_PROBE_VERSION = 3  # of what a probe looks for: older ones are made anew


def default_root() -> Path:
    """VTN_STREAM_STORE, or vtn-stream in the user's cache folder."""
    if folder := os.environ.get("VTN_STREAM_STORE"):
        return Path(folder)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vtn-stream"


class EmbeddingStore:
    """Embeddings on disk, under `root`. Opening it touches nothing; folders appear with the first chunk."""

    def __init__(self, root: str | os.PathLike[str] | None = None) -> None:
        self.root = default_root() if root is None else Path(root)

    @property
    def scratch(self) -> Path:
        """The folder for work on very long films; what a killed run left there is used by the next run of that film."""
        return self.root / "scratch"

    def scratch_bytes(self) -> int:
        """The bytes in `scratch`."""
        total = 0
        for file in self.scratch.rglob("*"):
            with contextlib.suppress(OSError):  # removed while we looked
                total += file.stat().st_size if file.is_file() else 0
        return total

    # -- chunks

    def num_executions(self, chunk: Chunk, recipe: Recipe) -> int:
        """How many executions computed the chunk, as far as files tell: none is read."""
        films = _folders(self._recipe_folder(chunk.video_identity, recipe))
        return sum((film / f"{chunk.key}.arrow").exists() for film in films)

    def load(
        self, chunk: Chunk, recipe: Recipe, execution: Execution | None = None, *, exact: bool = False
    ) -> StoredChunk | None:
        """The chunk as this execution computed it, else as another did (unless exact), else None.

        Raises DamagedFile if there is a file for it but not what was written.
        """
        film = self._recipe_folder(chunk.video_identity, recipe)
        first = [] if execution is None else [execution.digest]
        others = [] if exact else [f.name for f in _folders(film) if f.name not in first]
        for digest in (*first, *others):
            try:
                stored = read_chunk(film / digest / f"{chunk.key}.arrow")
            except FileNotFoundError:
                continue
            mark_used(film / digest)  # so that `cache gc` keeps what is in use
            return stored
        return None

    def holds(self, chunk: Chunk, recipe: Recipe, execution: Execution, *, exact: bool = False) -> bool:
        """Whether `load` would return this chunk."""
        try:
            return self.load(chunk, recipe, execution, exact=exact) is not None
        except DamagedFile:
            return False

    def write(
        self,
        chunk: Chunk,
        recipe: Recipe,
        execution: Execution,
        values: NDArray[np.float16],
        index: FrameIndex,
        thumbnails: dict[int, bytes],
    ) -> None:
        """Atomic, and harmless when others write the same chunk. Raises StoreError if the disk is full."""
        batch = pa.record_batch(
            {
                "grid_s": pa.array(index.grid_s),
                "frame": pa.array(index.frame),
                "pts_s": pa.array(index.pts_s),
                "valid": pa.array(index.valid),
                "embedding": pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1]),
                "thumbnail": pa.array([thumbnails.get(i) for i in range(len(index))], pa.binary()),
            }
        )
        metadata = {
            "video": chunk.video_identity,
            "start": chunk.start,
            "stop": chunk.stop,
            "recipe": recipe.to_json(),
            "execution": execution.to_json(),
        }
        folder = self._recipe_folder(chunk.video_identity, recipe) / execution.digest
        write_batch(folder / f"{chunk.key}.arrow", "chunk", batch, metadata)

    def mark_used(self, chunk: Chunk) -> None:
        """Notes that the chunk is in use, of whichever recipe: `cache gc` keeps it for an hour."""
        for recipe in _folders(self.root / "films" / chunk.video_identity):
            for execution in _folders(recipe):
                mark_used(execution)

    def remove(self, chunk: Chunk, recipe: Recipe) -> None:
        """Removes the chunk, of every execution, and the folders that are empty then. What cannot be removed stays:
        `cache gc` finds it.
        """
        recipe_folder = self._recipe_folder(chunk.video_identity, recipe)
        with contextlib.suppress(OSError, StoreError):
            for execution in _folders(recipe_folder):
                (execution / f"{chunk.key}.arrow").unlink(missing_ok=True)
                with contextlib.suppress(OSError):  # other chunks are in it
                    execution.rmdir()
            for folder in (recipe_folder, recipe_folder.parent):
                folder.rmdir()

    def check_writable(self) -> None:
        """Raises StoreError if nothing can be stored, so that it is reported before the work starts."""
        try:
            check_writable(self.root)
        except OSError as error:
            raise StoreError(
                f"the store {self.root.name or self.root} cannot be written ({error.strerror})",
                "nothing was analyzed",
                "check the folder, or name another one with --store",
            ) from error

    def finish(self, video: VideoInfo, chunks: list[Chunk], recipe: Recipe, execution: Execution) -> None:
        """Write the manifest if every chunk of the film is there."""
        folder = self._recipe_folder(video.identity, recipe) / execution.digest
        if not all((folder / f"{chunk.key}.arrow").exists() for chunk in chunks):
            return
        manifest = {
            "video": video.identity,
            "name": video.path.name,
            "duration_s": video.duration_s,
            "num_chunks": len(chunks),
            "num_positions": chunks[-1].stop,
            "recipe": json.loads(recipe.to_json()),
            "execution": json.loads(execution.to_json()),
        }
        content = json.dumps(manifest, sort_keys=True, indent=1).encode()
        try:
            if (folder / _MANIFEST).exists() and (folder / _MANIFEST).read_bytes() == content:
                return  # the store may be read-only
            write_whole(folder / _MANIFEST, [content])
        except OSError as error:
            raise StoreError(
                f"the store's manifest cannot be written ({error.strerror})",
                "the film's embeddings are kept, but do not count as complete",
                "free some space and run again",
            ) from error

    def thumbnails(self, identity: str, recipe_digest: str, most: int) -> list[tuple[float, bytes]]:
        """At most `num` of a film's thumbnails, evenly over it: (time in seconds, JPEG), by time.

        Of whichever execution stored them; what cannot be read is left out: they are a help, not a result.
        """
        files: dict[str, Path] = {}
        for execution in _folders(self.root / "films" / identity / recipe_digest):
            files.update({file.name: file for file in execution.glob("[0-9]*.arrow")})
        names = sorted(files)[:: max(1, math.ceil(len(files) / max(most, 1)))]
        found: list[tuple[float, bytes]] = []
        for name in names:
            with contextlib.suppress(FileNotFoundError, DamagedFile):
                chunk = read_chunk(files[name])
                found += [(float(chunk.index.grid_s[i]), jpeg) for i, jpeg in sorted(chunk.thumbnails.items())]
        return found[:: max(1, math.ceil(len(found) / max(most, 1)))]

    def thumbnails_in(self, identity: str, recipe: Recipe, spans: Sequence[tuple[float, float]]) -> list[bytes | None]:
        """For each span of seconds the thumbnail nearest to its middle and in it; None where there is none."""
        found: list[bytes | None] = []
        for start_s, end_s in spans:
            middle_s, nearest = (start_s + end_s) / 2, list[tuple[float, bytes]]()
            for file in self._recipe_folder(identity, recipe).glob("*/[0-9]*-[0-9]*.arrow"):
                first, stop = map(int, file.stem.split("-"))
                if first <= int(middle_s * recipe.fps) < stop:
                    with contextlib.suppress(FileNotFoundError, DamagedFile):
                        chunk = read_chunk(file)
                        times = [(float(chunk.index.grid_s[i]), jpeg) for i, jpeg in chunk.thumbnails.items()]
                        nearest += [(abs(at_s - middle_s), jpeg) for at_s, jpeg in times if start_s <= at_s < end_s]
            found.append(min(nearest, default=(0.0, None))[1])
        return found

    def track(
        self,
        film: str | os.PathLike[str] | Timeline,
        *,
        input: str = PICTURE,
        backbone: str | None = None,
        fps: float | Fraction | str | None = None,
        recipe: Recipe | None = None,
    ) -> EmbeddingTrack:
        """The embeddings of a film that was analyzed with this store, and their clock. No film is decoded here.

        film      its path, or its timeline; of a film that is gone, the name is enough
        input     what the image network was shown: "picture", or "change-1/2" for what changed in half a second
        backbone, fps, recipe  which embeddings, if there are several kinds; by default those of the timeline

        Raises StoreError if there is nothing, InputError if it is not clear which of several is meant.
        """
        of_store = (list(self.films()), self.probed)
        return read_track(film, *of_store, input=input, backbone=backbone, fps=fps, recipe=recipe)

    # -- probes

    @property
    def backbones(self) -> BackboneMemory:
        """What was found out about backbones."""
        return BackboneMemory(self.root)

    def probed(self, path: Path, stream: int | None = None) -> VideoInfo | None:
        """The result of an earlier probe of this very file and stream (None: the stream that a probe chooses).

        None if the file has changed since, or never was probed.
        """
        stamp = file_stamp(path)
        try:
            batch, facts = read_batch(self._probe_file(stamp, stream), "probe")
            pts, keyframes = (batch.column(name)[0].values.to_numpy() for name in ("pts", "keyframes"))
            packets = batch.column("packet_pts")[0].values
            packet_pts = None if packets is None else packets.to_numpy()
            return VideoInfo.from_facts(path, stamp, facts, pts, keyframes, packet_pts)
        except (FileNotFoundError, DamagedFile, KeyError, TypeError, ValueError):
            return None

    def remember(self, video: VideoInfo, stream: int | None = None) -> None:
        """Keeps a probe for this file and the stream that was asked for, until the file changes."""
        arrays = {"pts": video.pts, "keyframes": video.keyframes, "packet_pts": video.packet_pts}
        batch = pa.record_batch({name: pa.array([array], pa.list_(pa.int64())) for name, array in arrays.items()})
        write_batch(self._probe_file(video.stamp, stream), "probe", batch, video.facts())

    # -- upkeep

    def films(self) -> Iterator[StoredFilm]:
        """Everything stored, film by film."""
        for identity in _folders(self.root / "films"):
            for recipe in _folders(identity):
                for folder in _folders(recipe):
                    files = sorted(folder.glob("[0-9]*.arrow"))
                    yield StoredFilm(folder=folder, manifest=_read_manifest(folder), chunk_files=files)

    def verify(self) -> Iterator[tuple[Path, DamagedFile | None]]:
        """Read every file of chunks, cuts and pictures through: its path below the root, and what is wrong with it."""
        files: Iterator[tuple[Path, Callable[[Path], object]]] = chain(
            ((file, read_own) for film in self.films() for file in film.chunk_files),
            ((file, read_cuts) for file in sorted(self.root.glob("films/*/cuts-*.arrow"))),
            ((file, read_borders) for file in sorted(self.root.glob("films/*/borders-*.arrow"))),
            ((file, read_pictures) for file in sorted(self.root.glob(f"films/*/{PICTURES}"))),
        )
        for file, read in files:
            problem = None
            try:
                read(file)
            except FileNotFoundError:
                continue  # removed while we looked
            except DamagedFile as error:
                problem = error
            yield file.relative_to(self.root), problem

    def _recipe_folder(self, identity: str, recipe: Recipe) -> Path:
        return self.root / "films" / identity / recipe.digest

    def _probe_file(self, stamp: tuple[int, ...], stream: int | None) -> Path:
        key = hashlib.blake2b(repr((_PROBE_VERSION, stamp, stream)).encode(), digest_size=16).hexdigest()
        return self.root / "probes" / f"{key}.arrow"


def _folders(path: Path) -> list[Path]:
    try:
        return sorted(entry for entry in path.iterdir() if entry.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise StoreError(
            f"the store's folder {path.name} cannot be read ({error.strerror})",
            "its content is not known",
            "check its permissions, or name another folder with --store",
        ) from error


def _read_manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest, or None if there is none or not one of ours."""
    try:
        manifest: dict[str, Any] = json.loads((folder / _MANIFEST).read_bytes())
        recipe, execution = (json.dumps(manifest[name]) for name in ("recipe", "execution"))
        whose = (manifest["video"], Recipe.from_json(recipe).digest, Execution.from_json(execution).digest)
        ours = isinstance(manifest["name"], str) and isinstance(manifest["duration_s"], float)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError):
        return None
    return manifest if ours and whose == folder.parts[-3:] else None
