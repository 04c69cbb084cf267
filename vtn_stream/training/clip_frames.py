"""Clips to learn from as pixels: of each a window at a random place, decoded while the network learns.

B clips of a batch, n frames of each, H' x W' their size as decoded, H x W the network's, D embedding width, K classes
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vtn_stream.embedding import Warned
from vtn_stream.errors import TrainingError, VideoError
from vtn_stream.evaluation.protocols import reading_size, window_indices
from vtn_stream.film import VideoInfo
from vtn_stream.heads import Batch
from vtn_stream.store import EmbeddingStore
from vtn_stream.track import Recipe
from vtn_stream.training.augment import Augmentation, Look, Mix, soft_targets
from vtn_stream.training.clip_sampling import ClipSampling
from vtn_stream.training.events import TrainingEvent
from vtn_stream.training.examples import Example, Pixels, Shot
from vtn_stream.video.decoders import Decoders, FrameAnswer, FrameRequest

__all__ = ["ClipFrames", "ClipReader", "LearntClip", "Shown", "labels_of_batch"]

PRETENDED = (3, 4)  # the shape of a clip that is larger than the network
AHEAD = 2  # batches that are decoded while one is learnt: on a CPU decoding takes a hundredth of the time


class LearntClip(NamedTuple):
    """A clip of one class. name: its path below the folder of the films."""

    path: Path
    name: str
    label: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shown:
    """A window of a clip. frames: uint8 [n, 3, H', W']; ids: int64 [n], the position ids of the frames."""

    clip: LearntClip
    frames: Tensor
    ids: NDArray[np.int64]
    look: Look


class ClipReader:
    """Windows of clips, in the order in which they are asked for.

    lost  why a window of each of these clips could not be decoded, by the clip's name. That is told once; the clip is
          tried whenever it is asked for: another window may be whole, and a disk that was away may be back
    """

    def __init__(
        self,
        decoders: Decoders,
        sampling: ClipSampling,
        recipe: Recipe,
        augmentation: Augmentation,
        *,
        store: EmbeddingStore,
        native_ids: bool,
        on_event: Callable[[TrainingEvent], None] | None = None,
    ) -> None:
        """store: remembers the clocks of clips. native_ids: position ids count the frames of the file, from the first
        one of the window on; else those of the window.
        """
        self._decoders = decoders
        self._sampling = sampling
        self.recipe = recipe
        self._augmentation = augmentation
        self._store = store
        self._native_ids = native_ids
        self.lost: dict[str, str] = {}
        self._tell = on_event or (lambda event: None)
        self._identities: dict[str, str] = {}

    @property
    def num_frames(self) -> int:
        return self._sampling.frames

    def read(
        self,
        asked: Callable[[], Iterator[tuple[LearntClip, np.random.Generator | None]]],
        *,
        ahead: int,
    ) -> Iterator[Shown | None]:
        """For each clip that is asked for a window, or None where it cannot be decoded.

        asked  gives the clips, and for each the generator of where its window begins and how it is shown; None: the
               middle of both. It is called twice, and gives the same clips both times
        """
        windows = (self._request(clip, rng) for clip, rng in asked())
        answers = self._decoders.read(windows, ahead=ahead)
        for (clip, rng), answer in zip(asked(), answers, strict=True):
            yield self._shown(clip, rng, answer)

    def _request(self, clip: LearntClip, rng: np.random.Generator | None) -> FrameRequest:
        share = self._share(rng)
        return FrameRequest(
            video=clip.path,
            choose=lambda video: window_indices(video, share, self._sampling.frames, self._sampling.seconds),
            size=self._reading_size,
        )

    def _reading_size(self, video: VideoInfo) -> tuple[int, int]:
        """The size (H', W') of frames that the reader should give. Raises VideoError for what is hardly a picture."""
        whole = reading_size(video, self.recipe)
        if self._augmentation.short_side is not None:
            return whole  # scaled by the look alone, as where clips are measured: scaled twice they are other pictures
        return self._augmentation.reading_size(whole, self.recipe.size)

    @staticmethod
    def _share(rng: np.random.Generator | None) -> Fraction:
        """Where a window begins, as a share of the way to its last possible begin."""
        return Fraction(1, 2) if rng is None else Fraction(float(rng.random()))

    def _shown(
        self, clip: LearntClip, rng: np.random.Generator | None, answer: FrameAnswer | VideoError
    ) -> Shown | None:
        self._share(rng)  # drawn first for the request as well: what is drawn next is then the same
        if isinstance(answer, VideoError):
            self._lose(clip, answer.fact)
            return None
        if len(answer.lost):
            self._lose(clip, f"{len(answer.lost)} of {len(answer.frames)} frames cannot be decoded")
            return None
        self._identities[clip.name] = answer.video.identity
        frames = torch.from_numpy(answer.frames).permute(0, 3, 1, 2)
        size, own = self.recipe.size, (frames.shape[2], frames.shape[3])
        look = self._augmentation.middle(own, size) if rng is None else self._augmentation.draw(rng, own, size)
        if own != self._augmentation.reading_size(own, size):  # too many pixels to keep until they are learnt
            frames, look = look.cut(frames, size)
        ids = answer.indices - answer.indices[0] if self._native_ids else np.arange(len(frames))
        return Shown(clip=clip, frames=frames, ids=ids, look=look)

    def _lose(self, clip: LearntClip, why: str) -> None:
        if clip.name not in self.lost:
            self.lost[clip.name] = why
            self._tell(Warned(message=f"{clip.name} is left out, and tried again in each epoch: {why}"))

    def identities_of(self, clips: Iterable[LearntClip]) -> list[str | None]:
        """The identity of each clip, where it was read in this run or the store remembers it."""
        return [self._identity(clip) for clip in clips]

    def _identity(self, clip: LearntClip) -> str | None:
        if clip.name in self._identities:
            return self._identities[clip.name]
        video = self._probed(clip.path)
        return None if video is None else video.identity

    def _probed(self, path: Path) -> VideoInfo | None:
        """What an earlier probe found; None if there was none, or the file is not there any more."""
        try:
            return self._store.probed(path)
        except OSError:
            return None


class ClipFrames:
    """All clips once in an epoch, in batches: `Examples` of pixels.

    What is drawn depends on the seed, the epoch, the batch and the clip's place in it alone: neither on how many
    decoders there are, nor on which clips cannot be decoded. Those are missing in their batch; nothing is put in their
    place. A batch of which no clip can be decoded learns those of the next one that has some.

    The state is which clips were learnt, and which were missing in some epoch; no example depends on it.
    """

    def __init__(
        self,
        clips: Sequence[LearntClip],
        reader: ClipReader,
        augmentation: Augmentation,
        *,
        batch_size: int,
        num_classes: int,
        num_features: int,
        on_batch: Callable[[int, int], None] | None = None,
    ) -> None:
        """num_features: D; on_batch hears of the epoch, and of how many of its batches were learnt."""
        self._clips = clips
        self._reader = reader
        self._augmentation = augmentation
        self._batch_size = batch_size
        self._num_classes = num_classes
        self._num_features = num_features
        self._on_batch = on_batch or (lambda epoch, done: None)
        self._at = (0, 0)  # epoch, batches of it that were given
        self._learnt, self._missed = (np.zeros(len(clips), np.bool_) for _ in range(2))

    @property
    def num_batches(self) -> int:
        return -(-len(self._clips) // self._batch_size)

    def epoch(self, number: int, *, seed: int, first: int = 0) -> Generator[Example, None, None]:
        """Raises TrainingError where no clip can be decoded."""
        order = np.random.default_rng([seed, number]).permutation(len(self._clips))
        given = self._some_in_each(order, number, seed, first)
        for batch, shown in zip(range(first, self.num_batches), given, strict=False):
            self._at = (number, batch + 1)
            self._learnt[list(shown)] = True
            self._missed[[clip for clip in self._of_batch(order, batch) if clip not in shown]] = True
            yield self._example(list(shown.values()), np.random.default_rng([seed, number, batch]))

    def pretended(self) -> Example:
        """A batch of one clip that shows nothing, as large as clips are read: to try a network on."""
        size, frames = self._reader.recipe.size, self._reader.num_frames
        height, width = self._augmentation.reading_size((PRETENDED[0] * size[0], PRETENDED[1] * size[1]), size)
        shown = Shown(
            clip=LearntClip(Path(), "", 0),
            frames=torch.zeros(frames, 3, height, width, dtype=torch.uint8),
            ids=np.arange(frames),
            look=self._augmentation.middle((height, width), size),
        )
        return self._example([shown], np.random.default_rng(0))

    def learnt(self, example: Example, embeddings: Tensor) -> None:
        """Nothing is kept of them."""
        self._on_batch(*self._at)

    @property
    def state(self) -> Mapping[str, Tensor]:
        return {"learnt": torch.from_numpy(self._learnt.copy()), "missed": torch.from_numpy(self._missed.copy())}

    def go_on(self, state: Mapping[str, Tensor]) -> None:
        """Continues from the state of other examples of the same clips."""
        self._learnt, self._missed = (state[name].numpy().copy() for name in ("learnt", "missed"))

    @property
    def left_out(self) -> tuple[LearntClip, ...]:
        """The clips that were never learnt."""
        return tuple(self._clips[number] for number in np.flatnonzero(self._missed & ~self._learnt).tolist())

    @property
    def num_missed(self) -> int:
        """Clips that were learnt in some epochs, and missing in others."""
        return int(np.count_nonzero(self._missed & self._learnt))

    def _of_batch(self, order: NDArray[np.intp], batch: int) -> list[int]:
        """The numbers of its clips, row by row."""
        numbers: list[int] = order[batch * self._batch_size : (batch + 1) * self._batch_size].tolist()
        return numbers

    def _some_in_each(self, order: NDArray[np.intp], epoch: int, seed: int, first: int) -> Iterator[dict[int, Shown]]:
        """What each batch shows, by the numbers of clips, from the first one on: never nothing."""
        num, wanted = self.num_batches, first
        for again, batches in enumerate((range(first, num), range(num))):  # again: for empty batches at the end
            for batch, shown in zip(batches, self._batches(order, epoch, seed, batches), strict=True):
                if shown:
                    until = num if again else batch + 1
                    yield from (shown for _ in range(wanted, until))
                    wanted = until
                if wanted == num:
                    return
        why = next(iter(self._reader.lost.values()), "there is none")
        raise TrainingError(
            f"none of the {len(self._clips)} clips can be decoded; of the first one: {why}",
            "nothing can be learnt",
            "look at a clip with `vtn-stream probe`; put them back and give the same command again, or give others",
        )

    def _batches(self, order: NDArray[np.intp], epoch: int, seed: int, batches: range) -> Iterator[dict[int, Shown]]:
        """What can be decoded of each batch, by the numbers of clips."""

        def asked() -> Iterator[tuple[LearntClip, np.random.Generator]]:
            for batch in batches:
                for row, number in enumerate(self._of_batch(order, batch)):
                    yield self._clips[number], np.random.default_rng([seed, epoch, batch, 1 + row])

        windows = self._reader.read(asked, ahead=AHEAD * self._batch_size)
        for batch in batches:
            shown = {number: next(windows) for number in self._of_batch(order, batch)}
            yield {number: window for number, window in shown.items() if window is not None}

    def _example(self, shown: Sequence[Shown], rng: np.random.Generator) -> Example:
        num = len(shown[0].frames)
        mix = self._augmentation.mix(rng, len(shown))
        return Example(
            batch=labels_of_batch(shown, self._num_classes, self._num_features, self._augmentation.smoothing, mix),
            pixels=Pixels(
                shots=tuple(
                    Shot(frames=window.frames, crop=row, positions=torch.arange(num), input=0, look=window.look)
                    for row, window in enumerate(shown)
                ),
                size=self._reader.recipe.size,
                mix=mix,
            ),
        )


def labels_of_batch(
    shown: Sequence[Shown], num_classes: int, num_features: int, smoothing: float = 0.0, mix: Mix | None = None
) -> Batch:
    """The batch of these windows, whose embeddings are still to be computed."""
    shape = (len(shown), len(shown[0].frames))
    clips = torch.tensor([window.clip.label for window in shown])
    if mix is not None:
        clips = mix.targets(clips, num_classes, smoothing)
    elif smoothing:
        clips = soft_targets(clips, num_classes, smoothing)
    return Batch(
        embeddings=torch.zeros(*shape, num_features),
        valid=torch.ones(shape, dtype=torch.bool),
        labels=torch.full(shape, -1),
        segments=tuple((torch.zeros(0, 2), torch.zeros(0, dtype=torch.int64)) for _ in shown),
        clips=clips,
        position_ids=torch.from_numpy(np.stack([window.ids for window in shown])),
    )
