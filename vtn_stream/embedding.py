"""The loop film -> store: reads stored chunks; probes, decodes, embeds and stores missing ones. A recording goes
file by file: each is embedded as it would be alone.

n positions of a chunk, I inputs, D embedding width. Each input of each region of a chunk is stored apart; what is
missing of all of them is computed in one pass over the film.
"""

import contextlib
import os
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vtn_stream.errors import DamagedFile, DecodingLost, StoreError, VideoError, listed
from vtn_stream.film import FrameIndex, VideoInfo
from vtn_stream.framing import box_of
from vtn_stream.run import Missing, Pass, Run
from vtn_stream.sampling import Chunk, SamplingPlan
from vtn_stream.store import EmbeddingStore, StoredChunk
from vtn_stream.store.inventory import inputs_of
from vtn_stream.track import PICTURE, WHOLE, Execution, Recipe
from vtn_stream.video import DecodingProcess, Window, check_unchanged, film_file
from vtn_stream.views import Shown

if TYPE_CHECKING:
    from vtn_stream.backbone.encoder import FrameEncoder  # it brings torch, which a film in the store does not need

__all__ = [
    "DEFAULT_BACKBONE",
    "ChunkReady",
    "EmbeddingEvent",
    "Found",
    "FramesEmbedded",
    "Sight",
    "Warned",
    "embed",
    "encoded",
    "look_up",
    "merged",
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

    index       of the film, or of the recording: in its clock and frames
    values      float16 [n, I * D], the columns of each input side by side, zero where the index is invalid: where one
                of the inputs has nothing
    source      "film" if any of the inputs was decoded just now
    executions  how it was computed, each once
    region      of the picture, as a recipe names it
    """

    chunk: Chunk
    values: NDArray[np.float16]
    index: FrameIndex
    source: Literal["store", "film", "lost"]
    executions: tuple[Execution, ...]
    region: str = WHOLE


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


class Sight(NamedTuple):
    """What is stored apart of a chunk: one region of the picture, through one input."""

    region: str
    input: str

    def recipe(self, encoder: "FrameEncoder", plan: SamplingPlan) -> Recipe:
        return replace(encoder.recipe(plan.fps), region=self.region, input=self.input)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the store holds of a chunk; problems: of damaged files, which count as missing, a line each."""

    chunk: Chunk
    stored: dict[Sight, StoredChunk]
    missing: tuple[Sight, ...]
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
    regions: Sequence[str] = (WHOLE,),
    exact: bool = False,
    lost: Container[int] = (),
) -> Iterator[EmbeddingEvent]:
    """Gives every chunk once for each region: first the stored ones, then the others in order, each stored before it is
    given. A chunk of which something is missing counts as not stored for all regions. Of a recording, all this for each
    of its files, one after the other.

    A stored chunk of another execution of the same recipe is taken too, unless exact. lost: numbers of chunks on which
    decoding is known to die; they are not tried again. Raises VideoError if the film cannot be read at all,
    StoreError where the store cannot be written.
    """
    if video.parts:
        for first in dict.fromkeys(chunk.first for chunk in chunks):
            of_file = [chunk for chunk in chunks if chunk.first == first]
            file = plan.file_of(video, of_file[0])
            for event in embed(
                file,
                of_file,
                plan,
                encoder,
                store,
                process,
                inputs=inputs,
                regions=regions,
                exact=exact,
                lost=lost,
            ):
                yield _in_recording(event, video, plan) if isinstance(event, ChunkReady) else event
        return
    missing: list[Found] = []
    computed: set[tuple[Sight, Execution]] = set()
    for chunk in chunks:
        found = look_up(video, chunk, plan, encoder, store, process, inputs=inputs, regions=regions, exact=exact)
        computed |= {(sight, stored.execution) for sight, stored in found.stored.items()}
        for problem in found.problems:
            yield Warned(message=f"{problem}: this chunk is computed again")
        if not found.missing:
            yield from _ready(found, inputs, regions, frozenset())
        elif chunk.number in lost:
            yield from _lost(chunk, plan, video, encoder, inputs, regions)
        else:
            missing.append(found)
    if missing:
        store.check_writable()
    lacking = {found.chunk: found.missing for found in missing}
    for event in _embed_missing(video, missing, plan, encoder, store, process, inputs, regions):
        yield event
        if isinstance(event, ChunkReady) and event.source == "film":
            execution = encoder.execution(process.decoder)
            computed |= {(sight, execution) for sight in lacking[event.chunk] if sight.region == event.region}
    for sight, execution in computed:
        store.finish(video, plan.chunks(video), sight.recipe(encoder, plan), execution)


def _in_recording(ready: ChunkReady, video: VideoInfo, plan: SamplingPlan) -> ChunkReady:
    """A chunk of one of the recording's files, in the recording's clock."""
    planned = plan.grid(video, ready.chunk.rows.start, ready.chunk.rows.stop)
    return replace(ready, index=replace(planned, valid=ready.index.valid))


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
    regions: Sequence[str],
) -> Iterator[EmbeddingEvent]:
    """Every chunk once for each region, in order; the rest are lost where decoding fails again and again. Raises
    VideoError.
    """
    lost_in_a_row, num_done = 0, 0
    try:
        for run in _runs(missing):
            for event in _embed_run(video, run, plan, encoder, store, process, inputs, regions):
                yield event
                if not isinstance(event, ChunkReady) or event.region != regions[-1]:
                    continue
                num_done += 1
                lost_in_a_row = lost_in_a_row + 1 if event.source == "lost" else 0
                if lost_in_a_row == MAX_LOST_IN_A_ROW and num_done < len(missing):
                    yield Warned(
                        message=f"{video.path.name} is given up: decoding failed {lost_in_a_row} chunks in a row"
                    )
                    for found in missing[num_done:]:
                        yield from _lost(found.chunk, plan, video, encoder, inputs, regions)
                    return
    except VideoError as error:
        lacking = {sight.input for found in missing for sight in found.missing}
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
    regions: Sequence[str] = (WHOLE,),
    exact: bool,
) -> Found:
    """What the store has of the chunk. One that holds other frames than the plan is missing. video: the chunk's own
    file, or its recording.

    How this machine computes is asked only where it matters, as the network is loaded to know it: where several
    executions computed the chunk, the one of this machine comes first.
    """
    sights = [Sight(region, name) for region in regions for name in inputs]
    found: dict[Sight, StoredChunk] = {}
    problems = []
    video = plan.file_of(video, chunk)
    planned: FrameIndex | None = None
    for sight in sights:
        recipe = sight.recipe(encoder, plan)
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
            found[sight] = stored
    missing = tuple(sight for sight in sights if sight not in found)
    return Found(chunk=chunk, stored=found, missing=missing, problems=tuple(problems))


def views_to_embed(
    chunks: Sequence[Chunk],
    recipe: Recipe,
    inputs: Sequence[str],
    store: EmbeddingStore,
    regions: Sequence[str] = (WHOLE,),
) -> int:
    """How many pictures and changes the network is shown for chunks that are not whole in the store, as far as files
    tell.
    """
    recipes = [replace(recipe, region=region, input=name) for region in regions for name in inputs]
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
    regions: Sequence[str],
) -> Iterator[EmbeddingEvent]:
    """Decode, embed and store what is missing of consecutive chunks; each is handed over as soon as its last frame is
    embedded.

    Where the decoding process is lost, the rest is asked of a new one; a chunk on which it is lost twice is given
    up and not stored, so that a later run tries it again.
    """
    execution = encoder.execution(process.decoder)
    works: dict[str, Run] = {}
    windows = []
    for region in regions:
        lacking = [_missing(found, region) for found in run]
        if any(missing.inputs for missing in lacking):
            box = box_of(region, video, store, process)
            windows.append(Window(encoder.frame_size(video, box), box, video.upright_size))
            works[region] = Run(video, lacking, plan, encoder.num_features)
    work, waiting = Pass(works), list(run)

    def finished() -> Iterator[ChunkReady]:
        while waiting and all(of.is_settled(_missing(waiting[0], region)) for region, of in works.items()):
            found = waiting.pop(0)
            check_unchanged(video)  # else the frames of another film would be stored as this one's
            stored = dict(found.stored)
            for sight in found.missing:
                values, index, thumbnails = works[sight.region].result(found.chunk, sight.input)
                store.write(found.chunk, sight.recipe(encoder, plan), execution, values, index, thumbnails)
                stored[sight] = StoredChunk(values=values, index=index, thumbnails=thumbnails, execution=execution)
            yield from _ready(replace(found, stored=stored), inputs, regions, frozenset(found.missing))

    lost_on: Chunk | None = None
    while waiting:
        pts, wants_thumbnail = work.ask(waiting[0].chunk)
        try:
            for batches in process.windows(video, pts, windows, wants_thumbnail):
                shown = list(work.take(batches))
                num_done = 0
                for (own, of), values in zip(shown, encoded([of for _, of in shown], encoder), strict=True):
                    num_done += own.settle(of, values)
                yield FramesEmbedded(num_frames=num_done)
                yield from finished()
            yield from finished()  # chunks that show no frame
            if waiting:
                raise DecodingLost(f"decoding {video.path.name} ended early", "frames are missing", "run again")
        except DecodingLost as error:
            chunk = waiting[0].chunk
            if lost_on != chunk:
                lost_on = chunk
                yield Warned(message=f"{error.fact}: a new one continues")
                continue
            yield Warned(message=f"{error.fact} again: chunk {chunk.number} is a gap")
            waiting.pop(0)
            yield from _lost(chunk, plan, video, encoder, inputs, regions)


def _missing(found: Found, region: str) -> Missing:
    """What is missing of one region."""
    return Missing(chunk=found.chunk, inputs=tuple(sight.input for sight in found.missing if sight.region == region))


def encoded(shown: Sequence[Shown], encoder: "FrameEncoder") -> Sequence[NDArray[np.float16]]:
    """The embeddings of what is shown of each region; pictures of equal size go through the network together."""
    if len(shown) == 1 or len({of.pictures.shape[1:] for of in shown}) > 1:
        return [encoder(of.pictures) for of in shown]
    ends = np.cumsum([len(of.pictures) for of in shown])
    return np.split(encoder(np.concatenate([of.pictures for of in shown])), ends[:-1])


def _ready(
    found: Found, inputs: Sequence[str], regions: Sequence[str], computed: Container[Sight]
) -> Iterator[ChunkReady]:
    """The chunk of all inputs together, for each region. computed: just now."""
    for region in regions:
        sights = [Sight(region, name) for name in inputs]
        parts = [found.stored[sight] for sight in sights]
        values, index = merged([(part.values, part.index) for part in parts])
        yield ChunkReady(
            chunk=found.chunk,
            values=values,
            index=index,
            source="film" if any(sight in computed for sight in sights) else "store",
            executions=tuple(dict.fromkeys(part.execution for part in parts)),
            region=region,
        )


def merged(parts: Sequence[tuple[NDArray[np.float16], FrameIndex]]) -> tuple[NDArray[np.float16], FrameIndex]:
    """Of the same positions, the values [n, D] of each input side by side, [n, I * D]: valid where all of them are."""
    values, index = parts[0]
    if len(parts) > 1:
        valid = np.logical_and.reduce([of.valid for _, of in parts])
        values, index = np.hstack([own for own, _ in parts]), replace(index, valid=valid)
        values[~valid] = 0
    return values, index


def _lost(
    chunk: Chunk,
    plan: SamplingPlan,
    video: VideoInfo,
    encoder: "FrameEncoder",
    inputs: Sequence[str],
    regions: Sequence[str],
) -> Iterator[ChunkReady]:
    planned = plan.grid(video, chunk.start, chunk.stop)
    for region in regions:
        yield ChunkReady(
            chunk=chunk,
            values=np.zeros((len(planned), encoder.num_features * len(inputs)), np.float16),
            index=replace(planned, valid=np.zeros(len(planned), np.bool_)),
            source="lost",
            executions=(),
            region=region,
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
