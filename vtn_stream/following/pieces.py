"""The embeddings of a film that grows, piece by piece, and its chunks in the store. `embedding` does the same for a
film that is complete: the same frames go through the same network, and so all bytes are the same.

n positions of a piece, I inputs, D embedding width. Positions are those of one stretch, from 0.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from vtn_stream.embedding import Sight, encoded, look_up, merged
from vtn_stream.errors import DecodingLost
from vtn_stream.film import FrameIndex, VideoInfo
from vtn_stream.following.keys import running_identity
from vtn_stream.framing import box_of
from vtn_stream.run import Missing, Pass, Run
from vtn_stream.sampling import CHUNK_S, Chunk, SamplingPlan
from vtn_stream.store import EmbeddingStore
from vtn_stream.store.followed import write_followed
from vtn_stream.track import Execution
from vtn_stream.video import DecodingProcess, Window

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from vtn_stream.backbone import FrameEncoder
    from vtn_stream.video import FrameBatch

__all__ = ["STEP_S", "Decoded", "Embedded", "Kept", "Pieces", "Tools"]

# What a film has grown by when it is embedded and looked at again. A network takes 4 pictures at once on a CPU: at 2
# positions a second shorter steps would be padding for the most part.
STEP_S = 5
AFTER = Fraction(2, 10**6)  # seconds: a frame that begins so long after a position may still be shown at it
AFTER_S = float(AFTER)


class Decoded(Protocol):
    """What gives the frames of a stretch: a `GrowingFilm`."""

    @property
    def decoder(self) -> str: ...

    def windows(
        self,
        video: VideoInfo,
        pts: NDArray[np.int64],
        windows: "Sequence[Window]",
        wants_thumbnail: NDArray[np.bool_] | None = None,
    ) -> "Generator[tuple[FrameBatch, ...]]": ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tools:
    """What a film is embedded with. region: of the picture, as a recipe names it; process: for finished films."""

    encoder: "FrameEncoder"
    sampling: SamplingPlan
    store: EmbeddingStore
    process: DecodingProcess
    inputs: tuple[str, ...]
    region: str
    exact: bool

    @property
    def sights(self) -> tuple[Sight, ...]:
        return tuple(Sight(self.region, name) for name in self.inputs)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Embedded:
    """Positions [start, start + n) of a stretch.

    values    float16 [n, I * D], 0 where the index is invalid
    index     in the clock and the frames of the stretch
    left_out  bool [n]: not looked at, since the machine is too slow
    is_lost   decoding died there
    """

    start: int
    values: NDArray[np.float16]
    index: FrameIndex
    left_out: NDArray[np.bool_]
    executions: tuple[Execution, ...]
    is_lost: bool = False

    @property
    def stop(self) -> int:
        return self.start + len(self.index)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A chunk of the stretch that the store has under the name of all that was read up to its last frame."""

    chunk: Chunk
    digest: str


@dataclass(slots=True, kw_only=True, eq=False)
class _Part:
    """What was computed of a chunk, piece by piece, of one input."""

    values: list[NDArray[np.float16]]
    index: list[FrameIndex]
    thumbnails: dict[int, bytes]


class Pieces:
    """The positions of one stretch, in order. next: the first one that is not there yet.

    begins  a name for what the film begins with
    linked  where the store has chunks, by their running identities: there, or in a finished film
    """

    def __init__(self, tools: Tools, begins: str, linked: Mapping[str, str] = {}) -> None:
        self._tools = tools
        self._begins = begins
        self._linked = linked
        self._number = -1
        self._start = self._stop = 0
        self.next = 0
        self.kept: list[Kept] = []
        self.has_new = False  # some were computed
        self._to_write: list[tuple[Chunk, dict[Sight, _Part], Execution]] = []
        self._parts: dict[Sight, _Part] = {}
        self._is_whole = True
        self._open_chunk()

    @property
    def is_at_start(self) -> bool:
        """Whether nothing of the chunk of `next` is there yet."""
        return self.next == self._start

    @property
    def full_stop(self) -> int:
        """Where the chunk of `next` ends, unless the film ends before."""
        return self._stop

    def chunk_stop(self, video: VideoInfo) -> int:
        """Where the chunk of `next` ends, in a film that has ended."""
        return min(self._stop, self._tools.sampling.num_positions(video))

    def steps(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """[start, stop) cut at the borders between steps: always at the same ones, however much comes at once."""
        step = STEP_S * self._tools.sampling.fps
        while start < stop:
            following = min(stop, math.ceil((start // step + 1) * step))
            yield start, following
            start = following

    def stored(self, video: VideoInfo, stop: int, digest: str, warn: Callable[[str], None]) -> "Embedded | None":
        """The chunk [next, stop), if the store has all of it. digest: of all that was read up to its last frame."""
        tools = self._tools
        chunk = self._chunk(running_identity(digest, video), video, stop)
        of_store = (tools.sampling, tools.encoder, tools.store, tools.process)
        names = dict.fromkeys((chunk.video_identity, self._linked.get(chunk.video_identity, chunk.video_identity)))
        for identity in names:
            named = replace(chunk, video_identity=identity)
            found = look_up(video, named, *of_store, inputs=tools.inputs, regions=(tools.region,), exact=tools.exact)
            for problem in found.problems:
                warn(f"{problem}: this chunk is computed again")
            if not found.missing:
                parts = [found.stored[sight] for sight in tools.sights]
                values, index = merged([(part.values, part.index) for part in parts])
                self.kept.append(Kept(chunk=named, digest=digest))
                self._go_to(stop)
                return Embedded(
                    start=chunk.start,
                    values=values,
                    index=index,
                    left_out=np.zeros(len(index), np.bool_),
                    executions=tuple(dict.fromkeys(part.execution for part in parts)),
                )
        return None

    def embed(
        self, film: Decoded, video: VideoInfo, stop: int, *, every: int = 1, on_batch: Callable[[], None] = lambda: None
    ) -> Embedded:
        """Positions [next, stop), of one chunk. every: of so many positions only one is looked at.

        Raises DecodingLost, after which the same can be asked again; VideoError.
        """
        tools, start = self._tools, self.next
        positions = np.arange(start, stop)
        wanted = positions % every == 0
        piece = Missing(chunk=self._chunk("", video, stop), inputs=tools.inputs)
        self.has_new = True
        run = Run(video, [piece], tools.sampling, tools.encoder.num_features, wanted if every > 1 else None)
        box = box_of(tools.region, video, tools.store, tools.process)
        window = Window(tools.encoder.frame_size(video, box), box, video.upright_size)
        work = Pass({tools.region: run})
        pts, wants_thumbnail = work.ask(piece.chunk)
        if len(pts):
            for batches in film.windows(video, pts, [window], wants_thumbnail):
                shown = list(work.take(batches))
                for (own, of), values in zip(shown, encoded([of for _, of in shown], tools.encoder), strict=True):
                    own.settle(of, values)
                on_batch()
            if not run.is_settled(piece):
                raise DecodingLost(f"decoding {video.path.name} ended early", "frames are missing", "run again")
        results = {sight: run.result(piece.chunk, sight.input) for sight in tools.sights}
        for sight, (values, index, thumbnails) in results.items():
            part = self._parts.setdefault(sight, _Part(values=[], index=[], thumbnails={}))
            part.values.append(values)
            part.index.append(index)
            part.thumbnails |= {start - self._start + i: jpeg for i, jpeg in thumbnails.items()}
        execution = tools.encoder.execution(film.decoder)
        values, index = merged([(values, index) for values, index, _ in results.values()])
        left_out = (index.frame >= 0) & ~wanted
        self._is_whole &= not left_out.any()
        self._done(video, stop, execution)
        return Embedded(start=start, values=values, index=index, left_out=left_out, executions=(execution,))

    def lose(self, video: VideoInfo, stop: int) -> Embedded:
        """Gives up positions [next, stop): the chunk is not stored, so that a later run tries it again."""
        start, planned = self.next, self._tools.sampling.grid(video, self.next, stop)
        width = len(self._tools.inputs) * self._tools.encoder.num_features
        self._is_whole = False
        self._done(video, stop, None)
        return Embedded(
            start=start,
            values=np.zeros((len(planned), width), np.float16),
            index=replace(planned, valid=np.zeros(len(planned), np.bool_)),
            left_out=np.zeros(len(planned), np.bool_),
            executions=(),
            is_lost=True,
        )

    def write(self, video: VideoInfo, digest_at: Callable[[float], str | None]) -> None:
        """Stores the chunks that are complete, as far as it is known by now what they are called. digest_at: of all
        that was read up to the frame at this time of the stretch. Raises StoreError.
        """
        while self._to_write:
            chunk, parts, execution = self._to_write[0]
            digest = digest_at(self.settled_at(chunk.stop - 1))
            if digest is None:
                return
            chunk = replace(chunk, video_identity=running_identity(digest, video))
            for sight, part in parts.items():
                recipe = sight.recipe(self._tools.encoder, self._tools.sampling)
                values, index = np.concatenate(part.values), FrameIndex.joined(part.index)
                self._tools.store.write(chunk, recipe, execution, values, index, part.thumbnails)
            write_followed(self._tools.store.root, self._begins, {chunk.video_identity: chunk.video_identity})
            self.kept.append(Kept(chunk=chunk, digest=digest))
            del self._to_write[0]

    def mark_used(self) -> None:
        """Keeps what is stored from being taken for something that nobody uses any more."""
        for one in self.kept:
            self._tools.store.mark_used(one.chunk)

    def settled_at(self, position: int) -> float:
        """The time of the stretch before which all frames must be known for this position."""
        return float(position / self._tools.sampling.fps) + AFTER_S

    def oldest_needed(self, video: VideoInfo, back_s: Fraction) -> int:
        """The pts of the oldest frame that `next` or a later position can need. back_s: how far its changes go back."""
        at = (self.next / self._tools.sampling.fps + AFTER + video.start) / video.time_base
        shown = int(np.searchsorted(video.pts, math.floor(at), "right")) - 1
        since = int(video.pts[max(0, shown)]) - math.ceil(back_s / video.time_base)
        before = int(np.searchsorted(video.pts, since, "right")) - 1
        return int(video.pts[max(0, min(before, shown - 1))])

    def _done(self, video: VideoInfo, stop: int, execution: Execution | None) -> None:
        self.next = stop
        if stop == self._stop:
            self._complete(video, execution)

    def close(self, video: VideoInfo, execution: Execution) -> None:
        """No more positions come: what there is of the last chunk is all of it."""
        if self._parts and self.next < self._stop:
            self._stop = self.next
            self._complete(video, execution)

    def _complete(self, video: VideoInfo, execution: Execution | None) -> None:
        if self._is_whole and execution is not None:
            chunk = replace(self._chunk("", video, self._stop), start=self._start)
            self._to_write.append((chunk, self._parts, execution))
        self._go_to(self._stop)

    def _go_to(self, position: int) -> None:
        """Begins the chunk at this position."""
        self.next = position
        self._parts, self._is_whole = {}, True
        self._open_chunk()

    def _open_chunk(self) -> None:
        """Looks for the chunk in which `next` is: at rates below 1/60 a span can hold no position."""
        while self._stop <= self.next:
            self._number += 1
            span = CHUNK_S * self._tools.sampling.fps
            self._start, self._stop = math.ceil(self._number * span), math.ceil((self._number + 1) * span)

    def _chunk(self, identity: str, video: VideoInfo, stop: int) -> Chunk:
        return Chunk(video_identity=identity, video_path=video.path, number=self._number, start=self.next, stop=stop)
