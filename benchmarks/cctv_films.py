"""The films of `cctv_fight.py` and their embeddings: clips by themselves, and films joined of them; and what of clips
must not decide.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from join_clips import Clip, Shown, merged, parts_of, write_films
from numpy.typing import NDArray

from vtn_stream.backbone import FrameEncoder
from vtn_stream.embedding import DEFAULT_BACKBONE, ChunkReady, embed
from vtn_stream.film import FrameIndex, VideoInfo
from vtn_stream.sampling import SamplingPlan
from vtn_stream.store import EmbeddingStore
from vtn_stream.timeline import Segment
from vtn_stream.training.films import TrainingFilm
from vtn_stream.training.logistic import components, logistic
from vtn_stream.video import DecodingProcess

__all__ = ["FPS", "INPUT", "LABEL", "LABELS", "Film", "facts_of", "films_of", "probe"]

FPS = Fraction(8)
LABEL, LABELS = "fight", ("fight",)
INPUT = "change-1/8"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Film:
    """A film of clips, or one clip by itself: kind "alone", "mixed 25" and so on."""

    kind: str
    part: int
    film: TrainingFilm
    spans: Sequence[Shown]


def films_of(clips: Sequence[Clip], joined: Path, store: Path | None, kinds: Sequence[str]) -> Iterator[Film]:
    """The clips by themselves, and the films that are joined of them."""
    files, encoder, plan = EmbeddingStore(store), FrameEncoder(DEFAULT_BACKBONE), SamplingPlan(FPS)
    parts = parts_of(clips)
    part_of = {clip: number for number, part in enumerate(parts) for clip in part}
    with DecodingProcess() as process:

        def seen(path: Path, part: int, spans: Sequence[Shown] | None, clip: int = 0) -> TrainingFilm:
            video = process.probe(path, None)
            chunks = embed(video, plan.chunks(video), plan, encoder, files, process, inputs=(INPUT,))
            ready = sorted((e for e in chunks if isinstance(e, ChunkReady)), key=lambda e: e.chunk.number)
            shown = [Shown(clip, 0.0, video.duration_s)] if spans is None else spans
            return training_film(video, part, ready, merged(shown, clips, LABEL))

        for number, clip in enumerate(clips):
            film = seen(clip.path, part_of[number], None, number)
            yield Film(kind="alone", part=part_of[number], film=film, spans=[Shown(number, 0.0, film.duration_s)])
        for made, spans in write_films(clips, joined, LABEL):
            if (kind := f"{made.kind} {made.fps}") in kinds:
                film = seen(joined / f"{made.name}.mp4", made.part, spans)
                yield Film(kind=kind, part=made.part, film=film, spans=spans)


def training_film(
    video: VideoInfo, part: int, ready: Sequence[ChunkReady], segments: Sequence[tuple[float, float]]
) -> TrainingFilm:
    joined = {
        name: np.concatenate([getattr(chunk.index, name) for chunk in ready])
        for name in ("grid_s", "frame", "pts_s", "valid")
    }
    return TrainingFilm(
        name=video.path.name,
        identity=video.identity,
        group=f"part {part}",
        subset=None,
        values=np.concatenate([chunk.values for chunk in ready]),
        index=FrameIndex(**joined),
        duration_s=video.duration_s,
        segments=tuple(Segment(start_s=a, end_s=b, label=LABEL) for a, b in segments),
        clip_label=None,
    )


def probe(
    features: NDArray[np.float32], fights: NDArray[np.bool_], parts: Sequence[Sequence[int]], decay: float
) -> float:
    """The share of clips that a logistic regression on their features [N, F] has right, out of fold."""
    right = np.zeros(len(fights), np.bool_)
    for part in parts:
        others = np.setdiff1d(np.arange(len(fights)), part)
        mean, deviation = features[others].mean(0), features[others].std(0) + 1e-6
        x = torch.from_numpy(((features - mean) / deviation).astype(np.float32))
        few = components(x[others])
        truth = torch.from_numpy(np.column_stack([fights, ~fights])[others])
        weights = logistic(few.scores, truth, decay * features.shape[1], exclusive=True)
        logits = x[list(part)].double() @ few.directions @ weights.weight.T + weights.bias
        right[list(part)] = (logits.argmax(1) == 0).numpy() == fights[list(part)]
    return float(right.mean())


def facts_of(clips: Sequence[Clip]) -> dict[str, NDArray[np.float32]]:
    """Of each clip what must not decide: whether the film has these differences between the labels."""
    with DecodingProcess() as process:
        videos = [process.probe(clip.path, None) for clip in clips]
    columns: dict[str, Callable[[VideoInfo], list[float]]] = {
        "length": lambda video: [video.duration_s, float(video.duration_s > 2.05)],
        "rate": lambda video: [video.num_frames / video.duration_s],
        "size": lambda video: [video.width, video.height, video.width / video.height],
    }
    return {name: np.array([of(video) for video in videos], np.float32) for name, of in columns.items()}
