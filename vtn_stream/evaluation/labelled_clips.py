"""How well a model does on labelled clips, by the published protocols.

V views of a clip, T frames of a view, C crops, R distinct frames, I inputs, D embedding width, K classes
"""

import contextlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from vtn_stream.backbone import FrameEncoder
from vtn_stream.checkpoints import Checkpoint
from vtn_stream.checkpoints.training_films import FilmRole, TrainingFilms
from vtn_stream.errors import CheckpointError, InputError, VideoError
from vtn_stream.evaluation.clip_classes import LabelledClip, read_clips
from vtn_stream.evaluation.film_roles import FilmRoles
from vtn_stream.evaluation.journal import Journal, Top
from vtn_stream.evaluation.protocols import (
    FULL_S,
    Protocol,
    frame_rate,
    full_indices,
    protocol_pixels,
    reading_size,
    view_indices,
)
from vtn_stream.evaluation.tallies import clip_tally
from vtn_stream.evaluation.tally import Tally
from vtn_stream.film import VideoInfo
from vtn_stream.metrics import mean_per_class, top_k
from vtn_stream.scorers.clips import load_classifier
from vtn_stream.track import CENTRE_CROP, WHOLE, region_words
from vtn_stream.video import DecodingProcess, check_unchanged, film_file
from vtn_stream.views import View, Views

__all__ = [
    "ClipFailed",
    "ClipScored",
    "Evaluation",
    "LabelledClip",
    "Protocol",
    "clip_roles",
    "evaluate",
    "read_clips",
    "tally_of",
    "without",
]

# Frames come at their own size, for torch to resize: so many bytes of them are asked for at once, else a clip of
# 1920 x 1080 would fill a ring of 1.2 GB. The next request goes on decoding where this one ended.
MAX_BYTES_AT_ONCE = 64 * 1024 * 1024
FRAMES_AT_ONCE = 16  # that are resized and embedded together


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipScored:
    """top: (label, logit) of the five highest, and of all that are equal to the fifth. reused: from an earlier run."""

    clip: LabelledClip
    top: tuple[tuple[str, float], ...]
    reused: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipFailed:
    """A clip that is damaged or not a film; one line says why. It does not count in the accuracy."""

    clip: LabelledClip
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The result. The figures are shares 0..1, None without a scored clip, and of a model that knows one class; top_5
    also if there are no more than five classes.
    """

    model: str
    protocol: Protocol
    num_classes: int
    scored: tuple[ClipScored, ...]
    failed: tuple[ClipFailed, ...]
    top_1: float | None
    top_5: float | None
    mean_per_class: float | None

    def facts(self, labels: Sequence[str]) -> dict[str, dict[str, str]]:
        """The true and the first predicted label of each clip, by its name. labels: the model's."""
        return {r.clip.name: {"label": labels[r.clip.truth], "predicted": r.top[0][0]} for r in self.scored}

    def to_dict(self) -> dict[str, Any]:
        """JSON values; clips by the names of the list."""
        return {
            "model": self.model,
            "protocol": str(self.protocol),
            "num_classes": self.num_classes,
            "num_clips": len(self.scored),
            "top_1": self.top_1,
            "top_5": self.top_5,
            "mean_per_class": self.mean_per_class,
            "failed": [{"clip": f.clip.name, "message": f.message} for f in self.failed],
        }


def evaluate(
    checkpoint: Checkpoint,
    clips: Sequence[LabelledClip],
    protocol: Protocol,
    *,
    weights: Path | None = None,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    results: Path | None = None,
    on_event: Callable[[ClipScored | ClipFailed], None] | None = None,
) -> Evaluation:
    """Measure a model on labelled clips. Clips that cannot be read are named and left out; the others are done.

    weights  of the backbone, where the checkpoint holds none and they are not installed
    results  a file of JSON lines, one a clip, written as each is known: a run that was killed goes on where it stopped

    Raises InputError, BackboneError, CheckpointError.
    """
    if protocol.num_crops > 1 and checkpoint.recipe.geometry != CENTRE_CROP:
        raise InputError("this model reads whole frames", "there are no crops to choose", "use one crop")
    tell = on_event or (lambda event: None)
    journal = Journal(results, checkpoint, str(protocol))
    scored: list[ClipScored] = []
    failed: list[ClipFailed] = []
    scorer: _Scorer | None = None
    with DecodingProcess() as process:
        for clip in clips:
            try:
                video = process.probe(film_file(clip.path))
                top = journal.known.get(video.identity)
                reused = top is not None
                if top is None:
                    if scorer is None:  # where all is known, no network is needed
                        scorer = _Scorer(checkpoint, protocol, weights, device)
                    top = _top(scorer.logits(video, process), checkpoint.labels)
                    journal.add(clip, video.identity, top)
            except VideoError as error:
                failed.append(ClipFailed(clip=clip, message=str(error)))
                tell(failed[-1])
                continue
            scored.append(ClipScored(clip=clip, top=top, reused=reused))
            tell(scored[-1])
    return _evaluation(checkpoint, protocol, scored, failed)


def clip_roles(
    checkpoint: Checkpoint,
    clips: Sequence[LabelledClip],
    *,
    included: bool = False,
    on_clip: Callable[[], None] | None = None,
) -> FilmRoles:
    """What the clips were to the model when that was trained, by their names; included: as in `FilmRoles`.

    Clips are read for it only where the model says which films taught it; those that cannot be read are not among them.
    """
    films = TrainingFilms.of_training(checkpoint.training)
    if films is None:
        return FilmRoles.of({clip.name: "unknown" for clip in clips}, included=included)
    roles: dict[str, FilmRole] = {}
    with DecodingProcess() as process:
        for clip in clips:
            if on_clip is not None:
                on_clip()
            with contextlib.suppress(VideoError):  # `evaluate` reports it
                roles[clip.name] = films.role(process.probe(film_file(clip.path)).identity)
    return FilmRoles.of(roles, included=included)


# ---- one clip


class _Scorer:
    """A checkpoint's networks, loaded."""

    def __init__(
        self, checkpoint: Checkpoint, protocol: Protocol, weights: Path | None, device: Literal["auto", "cpu", "cuda"]
    ) -> None:
        recipe = checkpoint.recipe
        if recipe.region != WHOLE:
            raise CheckpointError(
                f"{checkpoint.name or 'the model'} learnt from {region_words(recipe.region)}",
                "the published protocols for clips, which show whole pictures, cannot measure it",
                "measure it on annotated films, or on the timelines that analyze or batch draws with it",
            )
        self._checkpoint = checkpoint
        self._protocol = protocol
        self._encoder = FrameEncoder(
            recipe.backbone, weights=checkpoint.backbone if weights is None else weights, recipe=recipe, device=device
        )
        self._network = load_classifier(checkpoint, self._encoder)

    @torch.inference_mode()
    def logits(self, video: VideoInfo, process: DecodingProcess) -> NDArray[np.float64]:
        """[K], summed over views and crops. Raises VideoError for a clip of which a frame is missing."""
        indices, ids = self._positions(video)
        frames, rows = np.unique(indices, return_inverse=True)
        rows = rows.reshape(indices.shape)  # [V, T]
        inputs = self._checkpoint.inputs
        by_input = np.zeros(
            (len(frames), self._protocol.num_crops, len(inputs), self._encoder.num_features), np.float16
        )
        embedded = np.zeros((len(frames), len(inputs)), np.bool_)
        for shown, embeddings in self._embeddings(video, frames, process):
            for (name, row), crops in zip(shown, embeddings, strict=True):
                by_input[row, :, inputs.index(name)], embedded[row, inputs.index(name)] = crops, True
        values = by_input.reshape(*by_input.shape[:2], -1)
        found: NDArray[np.bool_] = np.logical_and.reduce(embedded, axis=1)
        check_unchanged(video)
        if not found.all():
            raise VideoError(
                f"{video.path.name} is damaged: {np.count_nonzero(~found)} of {len(found)} frames cannot be decoded",
                "it is not in the accuracy",
                "download or copy it again",
            )
        total = np.zeros(len(self._checkpoint.labels))
        order = self._protocol.order(indices.shape[1], video.identity)
        for view, view_ids in zip(rows[:, order], ids, strict=True):
            for crop in range(self._protocol.num_crops):
                sequence = torch.from_numpy(values[view, crop].astype(np.float32))[None].to(self._encoder.device)
                positions = torch.from_numpy(view_ids)[None].to(self._encoder.device)
                total += self._network.classify(sequence, positions, None)[0].double().cpu().numpy()
        if not np.isfinite(total).all():
            raise CheckpointError("the model's logits are not finite", "it cannot be measured", "use another model")
        return total

    def _positions(self, video: VideoInfo) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Frames [V, T] and their position ids [V, T]."""
        window, fps = self._checkpoint.window, self._checkpoint.recipe.fps
        if self._protocol.kind == "full":
            num_positions = max(1, round(FULL_S * (window.position_rate or fps)))
            indices = full_indices(video.num_frames, frame_rate(video), num_positions)[None]
        else:
            seconds = window.num_positions / fps
            indices = view_indices(video, self._protocol.num_views, window.num_positions, seconds)
        if window.position_rate is None:  # ids count positions
            return indices, np.broadcast_to(np.arange(indices.shape[1]), indices.shape).copy()
        return indices, indices - indices[:, :1]

    def _embeddings(
        self, video: VideoInfo, frames: NDArray[np.int64], process: DecodingProcess
    ) -> Iterator[tuple[list[View], NDArray[np.float16]]]:
        """Views of these frames [R], n at once, and their crops' embeddings [n, C, D]; those lost to damage do not
        come.
        """
        recipe = self._checkpoint.recipe
        views = Views(video, dict.fromkeys(self._checkpoint.inputs, frames))
        rows = views.ask(dict.fromkeys(self._checkpoint.inputs, np.arange(len(frames))))
        if recipe.geometry != CENTRE_CROP:
            for batch in process.frames(video, views.pts[rows], self._encoder.frame_size(video)):
                shown = views.take(rows, batch)
                yield shown.views, self._encoder(shown.pictures)[:, None]
            return
        size = reading_size(video, recipe)
        at_once = max(1, MAX_BYTES_AT_ONCE // (3 * size[0] * size[1]))
        for part in (rows[start : start + at_once] for start in range(0, len(rows), at_once)):
            for batch in process.frames(video, views.pts[part], size):
                shown = views.take(part, batch)
                for first in range(0, len(shown.views), FRAMES_AT_ONCE):
                    some = slice(first, first + FRAMES_AT_ONCE)
                    crops = [protocol_pixels(f, recipe, self._protocol.num_crops) for f in shown.pictures[some]]
                    embeddings = self._encoder.encode(torch.cat(crops)).reshape(len(crops), len(crops[0]), -1)
                    yield shown.views[some], embeddings


def _top(logits: NDArray[np.float64], labels: Sequence[str]) -> Top:
    fifth = np.sort(logits)[-5:][0]
    order = np.argsort(-logits, kind="stable")
    return tuple((labels[k], float(logits[k])) for k in order if logits[k] >= fifth)


def tally_of(evaluation: Evaluation, labels: Sequence[str]) -> Tally:
    """What each clip adds to the accuracies. labels: the model's."""
    scores, truth = _table(evaluation.scored, labels)
    return clip_tally([result.clip.name for result in evaluation.scored], {"": scores}, truth)


def without(evaluation: Evaluation, clips: Collection[str], labels: Sequence[str]) -> Evaluation:
    """The result of the other clips."""
    scored = [result for result in evaluation.scored if result.clip.name not in clips]
    return _measured(evaluation.model, evaluation.protocol, scored, evaluation.failed, labels)


def _evaluation(
    checkpoint: Checkpoint, protocol: Protocol, scored: Sequence[ClipScored], failed: Sequence[ClipFailed]
) -> Evaluation:
    return _measured(checkpoint.digest, protocol, scored, failed, checkpoint.labels)


def _table(scored: Sequence[ClipScored], labels: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Scores [V, K], -inf below the highest, and the true classes [V]."""
    number = {label: k for k, label in enumerate(labels)}
    scores = np.full((len(scored), len(number)), -np.inf)
    for row, result in zip(scores, scored, strict=True):
        for label, logit in result.top:
            row[number[label]] = logit
    return scores, np.array([result.clip.truth for result in scored], np.int64)


def _measured(
    model: str,
    protocol: Protocol,
    scored: Sequence[ClipScored],
    failed: Sequence[ClipFailed],
    labels: Sequence[str],
) -> Evaluation:
    scores, truth = _table(scored, labels)
    is_known = bool(scored) and len(labels) > 1
    return Evaluation(
        model=model,
        protocol=protocol,
        num_classes=len(labels),
        scored=tuple(scored),
        failed=tuple(failed),
        top_1=top_k(scores, truth, 1) if is_known else None,
        top_5=top_k(scores, truth, 5) if is_known and len(labels) > 5 else None,
        mean_per_class=mean_per_class(scores, truth) if is_known else None,
    )
