"""A film that was followed to its end: its chunks become the finished film's, so that `analyze` embeds nothing."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vtn_stream.embedding import merged
from vtn_stream.errors import DamagedFile
from vtn_stream.film import VideoInfo
from vtn_stream.following.keys import running_identity
from vtn_stream.following.pieces import AFTER_S, Kept, Tools
from vtn_stream.sampling import Chunk
from vtn_stream.store import StoredChunk
from vtn_stream.store.followed import write_followed
from vtn_stream.track import Execution, Recipe

__all__ = ["Linked", "link", "whole_track"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """How many of the finished film's chunks are in the store now."""

    num: int
    total: int

    @property
    def is_whole(self) -> bool:
        return self.num == self.total


def link(
    tools: Tools,
    kept: Sequence[Kept],
    video: VideoInfo,
    same_until_s: float,
    *,
    so_far: VideoInfo,
    begins: str,
    warn: Callable[[str], None],
) -> Linked:
    """Gives the chunks that were kept to the finished film, as far as it shows the same.

    same_until_s  before this time the film shows the very packets that were followed
    so_far        the film as it was followed
    begins        a name for how it begins, by which a later run finds the chunks again

    Each chunk is written first and removed from its first place after that: a run that is killed in between can be
    repeated. Raises StoreError.
    """
    by_span = {(one.chunk.start, one.chunk.stop): one for one in kept}
    chunks = tools.sampling.chunks(video)
    recipes = [sight.recipe(tools.encoder, tools.sampling) for sight in tools.sights]
    executions: set[tuple[Recipe, Execution]] = set()
    moved: list[Kept] = []
    for chunk in chunks:
        one = by_span.get((chunk.start, chunk.stop))
        last_s = float((chunk.stop - 1) / tools.sampling.fps) + AFTER_S
        if one is None or last_s > same_until_s:
            continue
        there = [_moved(tools, one.chunk, chunk, recipe, video, warn) for recipe in recipes]
        computed = [execution for execution in there if execution is not None]
        if len(computed) == len(recipes):
            executions.update(zip(recipes, computed, strict=True))
            moved.append(one)
    names = {running_identity(one.digest, so_far): video.identity for one in moved}
    if names:
        write_followed(tools.store.root, begins, names)
    for recipe, execution in executions:
        tools.store.finish(video, chunks, recipe, execution)
    for one in moved:
        if one.chunk.video_identity != video.identity:
            for recipe in recipes:
                tools.store.remove(one.chunk, recipe)
    return Linked(num=len(moved), total=len(chunks))


def _moved(
    tools: Tools, kept: Chunk, chunk: Chunk, recipe: Recipe, video: VideoInfo, warn: Callable[[str], None]
) -> Execution | None:
    """How the film's chunk was computed, that is in the store now; None if it is not."""
    try:
        there = tools.store.load(chunk, recipe)
        if there is not None and _is_of(there, chunk, tools, video):
            return there.execution
        stored = tools.store.load(kept, recipe)
    except DamagedFile as error:
        warn(f"{error.fact}: this chunk is not there for a later analysis")
        return None
    if stored is None or not _is_of(stored, chunk, tools, video):
        return None
    index = replace(tools.sampling.grid(video, chunk.start, chunk.stop), valid=stored.index.valid)
    tools.store.write(chunk, recipe, stored.execution, stored.values, index, stored.thumbnails)
    return stored.execution


def _is_of(stored: StoredChunk, chunk: Chunk, tools: Tools, video: VideoInfo) -> bool:
    """Whether it shows the film's frames, by their numbers and times."""
    planned = tools.sampling.grid(video, chunk.start, chunk.stop)
    same = np.array_equal(stored.index.frame, planned.frame)
    return same and np.allclose(stored.index.pts_s, planned.pts_s, rtol=0, atol=AFTER_S, equal_nan=True)


@contextmanager
def whole_track(tools: Tools, video: VideoInfo) -> Iterator[NDArray[np.float16] | None]:
    """The embeddings [T, I * D] of a film whose chunks are all in the store, in a file that goes with the block; None
    if one of them cannot be read.
    """
    chunks = tools.sampling.chunks(video)
    recipes = [sight.recipe(tools.encoder, tools.sampling) for sight in tools.sights]
    tools.store.scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=tools.store.scratch) as file:
        width = len(recipes) * tools.encoder.num_features
        values = np.memmap(file, np.float16, "w+", shape=(chunks[-1].stop, width))
        for chunk in chunks:
            try:
                parts = [tools.store.load(chunk, recipe) for recipe in recipes]
            except DamagedFile:
                parts = [None]
            there = [(part.values, part.index) for part in parts if part is not None]
            if len(there) < len(recipes):
                yield None
                return
            values[chunk.start : chunk.stop], _ = merged(there)
        yield values
