"""The loop film -> store: reads stored chunks; probes, decodes, embeds and stores missing ones.

n positions of a chunk, I inputs, D embedding width. Each input of a chunk is stored apart; what is missing of all of
them is computed in one pass over the film.
"""

import contextlib
import os
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from vtn_stream.errors import DamagedFile, DecodingLost, StoreError, VideoError, listed
from vtn_stream.film import FrameIndex, VideoInfo
from vtn_stream.run import Missing, Run
from vtn_stream.sampling import Chunk, SamplingPlan
from vtn_stream.store import EmbeddingStore, StoredChunk
from vtn_stream.store.inventory import inputs_of
from vtn_stream.track import PICTURE, Execution, Recipe
from vtn_stream.video import DecodingProcess, check_unchanged, film_file

if TYPE_CHECKING:
    from vtn_stream.backbone.encoder import FrameEncoder  # it brings torch, which a film in the store does not need

__all__ = [
    "DEFAULT_BACKBONE",
    "ChunkReady",
    "EmbeddingEvent",
    "Found",
    "FramesEmbedded",
    "Warned",
    "embed",
    "look_up",
    "probe",
    "views_to_embed",
]

DEFAULT_BACKBONE = "tf_efficientnet_lite0"  # its weights come with the installation
# Chunks asked of the decoding process at once. Between two requests the last batch is padded and the process
# idles for a moment; more chunks keep more rows in memory (these: 9 MB for D = 1280 at 2 positions/s).
CHUNKS_PER_RUN = 30
# A film on which decoding dies for this many chunks one after the other is given up: each may cost two deadlines.
MAX_LOST_IN_A_ROW = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkReady:
    """A chunk is there: from the store, decoded just now, or given up as lost (then nothing of it is valid).

    values      float16 [n, I * D], the columns of each input side by side, zero where the index is invalid: where one
                of the inputs has nothing
    source      "film" if any of the inputs was decoded just now
    executions  how it was computed, each once
    """

    chunk: Chunk
    values: NDArray[np.float16]
    index: FrameIndex
    source: Literal["store", "film", "lost"]
    executions: tuple[Execution, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FramesEmbedded:
    """A batch of pictures has gone through the network: a sign of progress within a chunk. num_frames: those that
    positions show, and of which every input is there now.
    """

    num_frames: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """Something did not go as asked; one line says what, and what was done instead."""

    message: str


EmbeddingEvent = ChunkReady | FramesEmbedded | Warned


def probe(
    path: str | os.PathLike[str],
    store: EmbeddingStore,
    process: DecodingProcess,
    *,
    stream: int | None = None,
    inputs: Callable[[], Sequence[str]] = lambda: (PICTURE,),
) -> VideoInfo:
    """The film's clock, from the store if this very file was probed before. inputs: through which it is to be embedded,
    asked if the film is not there. Raises VideoError.
    """
    try:
        film = film_file(path)
    except VideoError as error:
        stored = set[str]() if os.path.lexists(path) else inputs_of(store, Path(path).name)
        gone = _without_film(Path(path), inputs(), stored) if stored else None
        if gone is None:
            raise
        raise gone from error
    video = store.probed(film, stream)
    if video is None:
        video = process.probe(film, stream)
        with contextlib.suppress(StoreError):  # the next run probes again; storing embeddings tells what is wrong
            store.remember(video, stream)
    return video


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the store holds of a chunk: by input; problems: of damaged files, which count as missing, a line each."""

    chunk: Chunk
    stored: dict[str, StoredChunk]
    missing: tuple[str, ...]
    problems: tuple[str, ...] = ()


def embed(
    video: VideoInfo,
    chunks: Sequence[Chunk],
    plan: SamplingPlan,
    encoder: "FrameEncoder",
    store: EmbeddingStore,
    process: DecodingProcess,
    *,
    inputs: Sequence[str] = (PICTURE,),
    exact: bool = False,
    lost: Container[int] = (),
) -> Iterator[EmbeddingEvent]:
    """Gives every chunk once: first the stored ones, then the others in order, each stored before it is given.

    A stored chunk of another execution of the same recipe is taken too, unless exact. lost: numbers of chunks on which
    decoding is known to die; they are not tried again. Raises VideoError if the film cannot be read at all,
    StoreError where the store cannot be written.
    """
    missing: list[Found] = []
    computed: set[tuple[str, Execution]] = set()
    for chunk in chunks:
        found = look_up(video, chunk, plan, encoder, store, process, inputs=inputs, exact=exact)
        computed |= {(name, stored.execution) for name, stored in found.stored.items()}
        for problem in found.problems:
            yield Warned(message=f"{problem}: this chunk is computed again")
        if not found.missing:
            yield _ready(found, inputs, "store")
        elif chunk.number in lost:
            yield _lost(chunk, plan, video, encoder, inputs)
        else:
            missing.append(found)
    if missing:
        store.check_writable()
    num_done = 0
    for event in _embed_missing(video, missing, plan, encoder, store, process, inputs):
        yield event
        if isinstance(event, ChunkReady):
            if event.source == "film":
                execution = encoder.execution(process.decoder)
                computed |= {(name, execution) for name in missing[num_done].missing}
            num_done += 1
    for name, execution in computed:
        store.finish(video, plan.chunks(video), replace(encoder.recipe(plan.fps), input=name), execution)


def _without_film(path: Path, inputs: Sequence[str], there: Container[str]) -> VideoError | None:
    """The error where a film is gone, and of some inputs its embeddings are there, and of others not."""
    stored, lacking = ([name for name in inputs if (name in there) is is_there] for is_there in (True, False))
    if path.exists() or not stored or not lacking:
        return None
    return VideoError(
        f"{path.name} is not there any more, and the store has its embeddings of {listed(stored)}, not of "
        f"{listed(lacking)}",
        "it was not analyzed",
        f"put the film back: its frames are needed for {listed(lacking)}",
    )


def _embed_missing(
    video: VideoInfo,
    missing: Sequence[Found],
    plan: SamplingPlan,
    encoder: "FrameEncoder",
    store: EmbeddingStore,
    process: DecodingProcess,
    inputs: Sequence[str],
) -> Iterator[EmbeddingEvent]:
    """Every chunk once, in order; the rest are lost where decoding fails again and again. Raises VideoError."""
    lost_in_a_row, num_done = 0, 0
    try:
        for run in _runs(missing):
            for event in _embed_run(video, run, plan, encoder, store, process, inputs):
                yield event
                if not isinstance(event, ChunkReady):
                    continue
                num_done += 1
                lost_in_a_row = lost_in_a_row + 1 if event.source == "lost" else 0
                if lost_in_a_row == MAX_LOST_IN_A_ROW and num_done < len(missing):
                    yield Warned(
                        message=f"{video.path.name} is given up: decoding failed {lost_in_a_row} chunks in a row"
                    )
                    yield from (_lost(found.chunk, plan, video, encoder, inputs) for found in missing[num_done:])
                    return
    except VideoError as error:
        lacking = {name for found in missing for name in found.missing}
        gone = _without_film(video.path, inputs, set(inputs) - lacking)
        if gone is None:
            raise
        raise gone from error


def look_up(
    video: VideoInfo,
    chunk: Chunk,
    plan: SamplingPlan,
    encoder: "FrameEncoder",
    store: EmbeddingStore,
    process: DecodingProcess,
    *,
    inputs: Sequence[str],
    exact: bool,
) -> Found:
    """What the store has of the chunk. One that holds other frames than the plan is missing.

    How this machine computes is asked only where it matters, as the network is loaded to know it: where several
    executions computed the chunk, the one of this machine comes first.
    """
    found: dict[str, StoredChunk] = {}
    problems = []
    planned: FrameIndex | None = None
    for name in inputs:
        recipe = replace(encoder.recipe(plan.fps), input=name)
        num = store.num_executions(chunk, recipe)
        if num == 0:
            continue
        execution = encoder.execution(process.decoder) if num > 1 or exact else None
        try:
            stored = store.load(chunk, recipe, execution, exact=exact)
        except DamagedFile as error:
            problems.append(error.fact)
            continue
        if planned is None:
            planned = plan.grid(video, chunk.start, chunk.stop)  # an earlier release may have taken other frames
        if stored is not None and np.array_equal(stored.index.frame, planned.frame):
            found[name] = stored
    missing = tuple(name for name in inputs if name not in found)
    return Found(chunk=chunk, stored=found, missing=missing, problems=tuple(problems))


def views_to_embed(chunks: Sequence[Chunk], recipe: Recipe, inputs: Sequence[str], store: EmbeddingStore) -> int:
    """How many pictures and changes the network is shown for chunks that are not whole in the store, as far as files
    tell.
    """
    recipes = [replace(recipe, input=name) for name in inputs]
    lacking = [sum(store.num_executions(chunk, of) == 0 for of in recipes) or len(recipes) for chunk in chunks]
    return sum(len(chunk) * num for chunk, num in zip(chunks, lacking, strict=True))


def _embed_run(
    video: VideoInfo,
    run: Sequence[Found],
    plan: SamplingPlan,
    encoder: "FrameEncoder",
    store: EmbeddingStore,
    process: DecodingProcess,
    inputs: Sequence[str],
) -> Iterator[EmbeddingEvent]:
    """Decode, embed and store what is missing of consecutive chunks; each is handed over as soon as its last frame is
    embedded.

    Where the decoding process is lost, the rest is asked of a new one; a chunk on which it is lost twice is given
    up and not stored, so that a later run tries it again.
    """
    recipe, execution = encoder.recipe(plan.fps), encoder.execution(process.decoder)
    size = encoder.frame_size(video)
    waiting = [(found, Missing(chunk=found.chunk, inputs=found.missing)) for found in run]
    work = Run(video, [missing for _, missing in waiting], plan, encoder.num_features)

    def finished() -> Iterator[ChunkReady]:
        while waiting and work.is_settled(waiting[0][1]):
            found, missing = waiting.pop(0)
            check_unchanged(video)  # else the frames of another film would be stored as this one's
            stored = dict(found.stored)
            for name in missing.inputs:
                values, index, thumbnails = work.result(found.chunk, name)
                store.write(found.chunk, replace(recipe, input=name), execution, values, index, thumbnails)
                stored[name] = StoredChunk(values=values, index=index, thumbnails=thumbnails, execution=execution)
            yield _ready(replace(found, stored=stored), inputs, "film")

    lost_on: Chunk | None = None
    while waiting:
        rows = work.ask(waiting[0][0].chunk)
        try:
            for batch in process.frames(video, work.pts[rows], size, work.wants_thumbnail[rows]):
                shown = work.take(rows, batch)
                yield FramesEmbedded(num_frames=work.settle(shown, encoder(shown.pictures)))
                yield from finished()
            yield from finished()  # chunks that show no frame
            if waiting:
                raise DecodingLost(f"decoding {video.path.name} ended early", "frames are missing", "run again")
        except DecodingLost as error:
            chunk = waiting[0][0].chunk
            if lost_on != chunk:
                lost_on = chunk
                yield Warned(message=f"{error.fact}: a new one continues")
                continue
            yield Warned(message=f"{error.fact} again: chunk {chunk.number} is a gap")
            waiting.pop(0)
            yield _lost(chunk, plan, video, encoder, inputs)


def _ready(found: Found, inputs: Sequence[str], source: Literal["store", "film"]) -> ChunkReady:
    """The chunk of all inputs together."""
    parts = [found.stored[name] for name in inputs]
    values, index = parts[0].values, parts[0].index
    if len(parts) > 1:
        valid = np.logical_and.reduce([part.index.valid for part in parts])
        values, index = np.hstack([part.values for part in parts]), replace(index, valid=valid)
        values[~valid] = 0
    executions = tuple(dict.fromkeys(part.execution for part in parts))
    return ChunkReady(chunk=found.chunk, values=values, index=index, source=source, executions=executions)


def _lost(
    chunk: Chunk, plan: SamplingPlan, video: VideoInfo, encoder: "FrameEncoder", inputs: Sequence[str]
) -> ChunkReady:
    planned = plan.grid(video, chunk.start, chunk.stop)
    return ChunkReady(
        chunk=chunk,
        values=np.zeros((len(planned), encoder.num_features * len(inputs)), np.float16),
        index=replace(planned, valid=np.zeros(len(planned), np.bool_)),
        source="lost",
        executions=(),
    )


def _runs(chunks: Sequence[Found]) -> Iterator[list[Found]]:
    """Groups consecutive chunks, at most CHUNKS_PER_RUN in a run."""
    run: list[Found] = []
    for found in chunks:
        if run and (found.chunk.start != run[-1].chunk.stop or len(run) == CHUNKS_PER_RUN):
            yield run
            run = []
        run.append(found)
    if run:
        yield run
