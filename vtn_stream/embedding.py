"""The loop film -> store: reads stored chunks; probes, decodes, embeds and stores missing ones.

n positions of a chunk, R rows (distinct frames) of a run of chunks, D embedding width. One machine; a cluster
calls `embed_run` for the same chunks elsewhere.
"""

import contextlib
import os
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from vtn_stream.errors import DamagedFile, DecodingLost, StoreError
from vtn_stream.film import FrameIndex, VideoInfo
from vtn_stream.sampling import Chunk, SamplingPlan
from vtn_stream.store import EmbeddingStore, StoredChunk
from vtn_stream.track import Execution, Recipe
from vtn_stream.video import DecodingProcess, FrameBatch, check_unchanged, film_file

if TYPE_CHECKING:
    from vtn_stream.backbone.encoder import FrameEncoder  # it brings torch, which a film in the store does not need

__all__ = [
    "DEFAULT_BACKBONE",
    "ChunkReady",
    "EmbeddingEvent",
    "FramesEmbedded",
    "Warned",
    "embed",
    "embed_run",
    "load_stored",
    "probe",
]

DEFAULT_BACKBONE = "tf_efficientnet_lite0"  # its weights come with the installation
THUMBNAIL_EVERY_S = 10
# Chunks asked of the decoding process at once. Between two requests the last batch is padded and the process
# idles for a moment; more chunks keep more rows in memory (these: 9 MB for D = 1280 at 2 positions/s).
CHUNKS_PER_RUN = 30
# A film on which decoding dies for this many chunks one after the other is given up: each may cost two deadlines.
MAX_LOST_IN_A_ROW = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkReady:
    """A chunk is there: from the store, decoded just now, or given up as lost (then nothing of it is valid).

    values  float16 [n, D], zero where the index is invalid
    """

    chunk: Chunk
    values: NDArray[np.float16]
    index: FrameIndex
    source: Literal["store", "film", "lost"]
    execution: Execution


@dataclass(frozen=True, slots=True, kw_only=True)
class FramesEmbedded:
    """A batch of frames has gone through the network: a sign of progress within a chunk."""

    num_frames: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """Something did not go as asked; one line says what, and what was done instead."""

    message: str


EmbeddingEvent = ChunkReady | FramesEmbedded | Warned


def probe(
    path: str | os.PathLike[str], store: EmbeddingStore, process: DecodingProcess, *, stream: int | None = None
) -> VideoInfo:
    """The film's clock, from the store if this very file was probed before. Raises VideoError."""
    film = film_file(path)
    video = store.probed(film, stream)
    if video is None:
        video = process.probe(film, stream)
        with contextlib.suppress(StoreError):  # the next run probes again; storing embeddings tells what is wrong
            store.remember(video, stream)
    return video


def embed(
    video: VideoInfo,
    chunks: Sequence[Chunk],
    plan: SamplingPlan,
    encoder: "FrameEncoder",
    store: EmbeddingStore,
    process: DecodingProcess,
    *,
    exact: bool = False,
    lost: Container[int] = (),
) -> Iterator[EmbeddingEvent]:
    """Gives every chunk once: first the stored ones, then the others in order, each stored before it is given.

    A stored chunk of another execution of the same recipe is taken too, unless exact. lost: numbers of chunks on which
    decoding is known to die; they are not tried again. Raises VideoError if the film cannot be read at all,
    StoreError where the store cannot be written.
    """
    missing = []
    executions: set[Execution] = set()
    for chunk in chunks:
        try:
            stored = load_stored(video, chunk, plan, encoder, store, process, exact=exact)
        except DamagedFile as error:
            yield Warned(message=f"{error.fact}: this chunk is computed again")
            stored = None
        if stored is None and chunk.number in lost:
            yield _lost(chunk, plan, video, encoder, process)
        elif stored is None:
            missing.append(chunk)
        else:
            executions.add(stored.execution)
            yield ChunkReady(
                chunk=chunk,
                values=stored.values,
                index=stored.index,
                source="store",
                execution=stored.execution,
            )
    if missing:
        store.check_writable()
    lost_in_a_row, num_done = 0, 0
    for run in _runs(missing):
        for event in embed_run(video, run, plan, encoder, store, process):
            yield event
            if not isinstance(event, ChunkReady):
                continue
            num_done += 1
            lost_in_a_row = lost_in_a_row + 1 if event.source == "lost" else 0
            if lost_in_a_row == MAX_LOST_IN_A_ROW and num_done < len(missing):
                yield Warned(message=f"{video.path.name} is given up: decoding failed {lost_in_a_row} chunks in a row")
                yield from (_lost(chunk, plan, video, encoder, process) for chunk in missing[num_done:])
                return
            if event.source == "film":
                executions.add(event.execution)
    for execution in executions:
        store.finish(video, plan.chunks(video), encoder.recipe(plan.fps), execution)


def load_stored(
    video: VideoInfo,
    chunk: Chunk,
    plan: SamplingPlan,
    encoder: "FrameEncoder",
    store: EmbeddingStore,
    process: DecodingProcess,
    *,
    exact: bool,
) -> StoredChunk | None:
    """The chunk from the store; None if it is not there, or holds other frames than the plan. Raises DamagedFile.

    How this machine computes is asked only where it matters, as the network is loaded to know it: where several
    executions computed the chunk, the one of this machine comes first.
    """
    recipe = encoder.recipe(plan.fps)
    num = store.num_executions(chunk, recipe)
    if num == 0:
        return None
    execution = encoder.execution(process.decoder) if num > 1 or exact else None
    stored = store.load(chunk, recipe, execution, exact=exact)
    if stored is None:
        return None
    planned = plan.grid(video, chunk.start, chunk.stop)  # an earlier release may have taken other frames
    return stored if np.array_equal(stored.index.frame, planned.frame) else None


def embed_run(
    video: VideoInfo,
    run: list[Chunk],
    plan: SamplingPlan,
    encoder: "FrameEncoder",
    store: EmbeddingStore,
    process: DecodingProcess,
) -> Iterator[EmbeddingEvent]:
    """Decode, embed and store consecutive chunks; each is handed over as soon as its last frame is embedded.

    Where the decoding process is lost, the rest is asked of a new one; a chunk on which it is lost twice is given
    up and not stored, so that a later run tries it again.
    """
    recipe, execution = encoder.recipe(plan.fps), encoder.execution(process.decoder)
    size = encoder.frame_size(video)
    work = _Run(video, run, plan, encoder.num_features)
    waiting = list(run)
    lost_on: Chunk | None = None
    while waiting:
        rows = work.unsettled(waiting[0])
        try:
            for batch in process.frames(video, work.pts[rows], size, work.wants_thumbnail[rows]):
                work.settle(rows, batch, encoder(batch.frames))
                yield FramesEmbedded(num_frames=len(batch.items))
                while waiting and work.is_settled(waiting[0]):
                    yield _stored(video, waiting.pop(0), work, store, recipe, execution)
            while waiting and work.is_settled(waiting[0]):  # chunks that show no frame
                yield _stored(video, waiting.pop(0), work, store, recipe, execution)
            if waiting:
                raise DecodingLost(f"decoding {video.path.name} ended early", "frames are missing", "run again")
        except DecodingLost as error:
            if lost_on != waiting[0]:
                lost_on = waiting[0]
                yield Warned(message=f"{error.fact}: a new one continues")
                continue
            yield Warned(message=f"{error.fact} again: chunk {waiting[0].number} is a gap")
            yield _lost(waiting.pop(0), plan, video, encoder, process)


class _Run:
    """The rows of a run of chunks: each distinct frame is one row, however many positions show it."""

    def __init__(self, video: VideoInfo, chunks: list[Chunk], plan: SamplingPlan, num_features: int) -> None:
        self._first = chunks[0].start
        self._grid = plan.grid(video, chunks[0].start, chunks[-1].stop)
        valid = self._grid.valid
        frames, row_of_valid = np.unique(self._grid.frame[valid], return_inverse=True)  # [R], one a valid position
        self._row = np.full(len(self._grid), -1)
        self._row[valid] = row_of_valid
        self.pts = video.pts[frames]
        self._due = valid & _thumbnail_due(plan, chunks[0].start, chunks[-1].stop)
        self.wants_thumbnail = np.zeros(len(frames), np.bool_)
        self.wants_thumbnail[self._row[self._due]] = True
        self._values = np.zeros((len(frames), num_features), np.float16)
        self._embedded = np.zeros(len(frames), np.bool_)
        self._damaged = np.zeros(len(frames), np.bool_)
        self._thumbnails: dict[int, bytes] = {}

    def unsettled(self, chunk: Chunk) -> NDArray[np.intp]:
        """Rows of this chunk and later ones that are neither embedded nor known to be damaged."""
        later = self._row[chunk.start - self._first :]
        open_rows = np.unique(later[later >= 0])
        return open_rows[~(self._embedded | self._damaged)[open_rows]]

    def settle(self, rows: NDArray[np.intp], batch: FrameBatch, values: NDArray[np.float16]) -> None:
        self._values[rows[batch.items]] = values
        self._embedded[rows[batch.items]] = True
        self._damaged[rows[batch.lost]] = True
        self._thumbnails |= {int(rows[i]): jpeg for i, jpeg in batch.thumbnails.items()}

    def is_settled(self, chunk: Chunk) -> bool:
        rows = self._rows(chunk)
        rows = rows[rows >= 0]
        return bool((self._embedded | self._damaged)[rows].all())

    def result(self, chunk: Chunk) -> tuple[NDArray[np.float16], FrameIndex, dict[int, bytes]]:
        """Values [n, D], the clock as decoded, thumbnails by position in the chunk."""
        rows = self._rows(chunk)
        planned = self._grid[chunk.start - self._first : chunk.stop - self._first]
        valid = planned.valid.copy()
        valid[valid] = self._embedded[rows[valid]]  # before a film's first frame there is no row at all
        index = FrameIndex(grid_s=planned.grid_s, frame=planned.frame, pts_s=planned.pts_s, valid=valid)
        values = np.zeros((len(rows), self._values.shape[1]), np.float16)
        values[valid] = self._values[rows[valid]]
        # Where it is due, not wherever its frame is shown: a chunk must not depend on which others were in the run.
        due = np.flatnonzero(self._due[chunk.start - self._first : chunk.stop - self._first])
        thumbnails = {int(i): self._thumbnails[rows[i]] for i in due if rows[i] in self._thumbnails}
        return values, index, thumbnails

    def _rows(self, chunk: Chunk) -> NDArray[np.intp]:
        return self._row[chunk.start - self._first : chunk.stop - self._first]


def _thumbnail_due(plan: SamplingPlan, start: int, stop: int) -> NDArray[np.bool_]:
    """[stop - start], at the first position of every 10 s of the film."""
    positions = np.arange(start, stop)
    tens = positions * plan.fps.denominator // (plan.fps.numerator * THUMBNAIL_EVERY_S)
    first_of_ten = -(-tens * plan.fps.numerator * THUMBNAIL_EVERY_S // plan.fps.denominator)
    return positions == first_of_ten


def _stored(
    video: VideoInfo, chunk: Chunk, work: _Run, store: EmbeddingStore, recipe: Recipe, execution: Execution
) -> ChunkReady:
    values, index, thumbnails = work.result(chunk)
    check_unchanged(video)  # else the frames of another film would be stored as this one's
    store.write(chunk, recipe, execution, values, index, thumbnails)
    return ChunkReady(chunk=chunk, values=values, index=index, source="film", execution=execution)


def _lost(
    chunk: Chunk, plan: SamplingPlan, video: VideoInfo, encoder: "FrameEncoder", process: DecodingProcess
) -> ChunkReady:
    planned = plan.grid(video, chunk.start, chunk.stop)
    nothing = np.zeros(len(planned), np.bool_)
    return ChunkReady(
        chunk=chunk,
        values=np.zeros((len(planned), encoder.num_features), np.float16),
        index=FrameIndex(grid_s=planned.grid_s, frame=planned.frame, pts_s=planned.pts_s, valid=nothing),
        source="lost",
        execution=encoder.execution(process.decoder),
    )


def _runs(chunks: list[Chunk]) -> Iterator[list[Chunk]]:
    """Groups consecutive chunks, at most CHUNKS_PER_RUN in a run."""
    run: list[Chunk] = []
    for chunk in chunks:
        if run and (chunk.start != run[-1].stop or len(run) == CHUNKS_PER_RUN):
            yield run
            run = []
        run.append(chunk)
    if run:
        yield run
