"""What a network says of validation films, and what that is worth. It reads them exactly as `analyze` will."""

import tempfile
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np
import torch

from vtn_stream.errors import TrainingError
from vtn_stream.localize import located
from vtn_stream.metrics import THUMOS14, DetectionScores, detection_map
from vtn_stream.model import VTN, ClassificationConfig, DenseConfig, HeadConfig, LocalizationConfig
from vtn_stream.scorers.actions import read_film
from vtn_stream.scorers.sequence import finite_on_cpu
from vtn_stream.timeline import Segment
from vtn_stream.track import NO_THRESHOLD, GridScores
from vtn_stream.training.crops import labels_of
from vtn_stream.training.films import TrainingFilm

__all__ = ["METRICS", "all_spans", "detected", "named", "predict", "predictions", "value"]

METRICS: Final[Mapping[type[HeadConfig], str]] = {
    ClassificationConfig: "top-1",
    DenseConfig: "frame accuracy",
    LocalizationConfig: "mAP@.3:.1:.7",
}


def predictions(network: VTN, films: Sequence[TrainingFilm], fps: Fraction) -> list[GridScores]:
    """Of each film. Raises CheckpointError where the network gives no numbers, TrainingError where there is no room."""
    try:
        with tempfile.TemporaryDirectory() as scratch:
            return [predict(network, film, fps, Path(scratch)) for film in films]
    except OSError as error:
        raise TrainingError(
            f"the folder for temporary files cannot be used ({error.strerror})",
            "the validation films were not read",
            "free some space, or name another folder with TMPDIR, and run again",
        ) from error


@torch.inference_mode()
def predict(network: VTN, film: TrainingFilm, fps: Fraction, scratch: Path) -> GridScores:
    """As `read_film`; of a classification head `clip` alone."""
    if not isinstance(network.config.head, ClassificationConfig):
        return read_film(network, film.values, film.index.valid, fps, scratch=scratch)
    device = network.encoder.cls_token.device
    values, valid = (torch.from_numpy(a)[None].to(device) for a in (film.values, film.index.valid))
    logits = network.classify(values.float(), torch.arange(values.shape[1], device=device)[None], valid)
    return GridScores(clip=finite_on_cpu(logits[0].float().softmax(0)))


def value(predictions: Sequence[GridScores], films: Sequence[TrainingFilm], labels: Sequence[str]) -> float:
    """0..1, of METRICS the one that fits the head."""
    if predictions[0].clip is not None:
        right = [
            labels[int(p.clip.argmax())] == f.clip_label
            for p, f in zip(predictions, films, strict=True)
            if p.clip is not None
        ]
        return float(np.mean(right))
    if predictions[0].spans is None:
        right = [named(p) == labels_of(f, labels) for p, f in zip(predictions, films, strict=True)]
        there = [labels_of(f, labels) >= 0 for f in films]
        return float(np.concatenate(right)[np.concatenate(there)].mean())
    return detected(predictions, films, labels).average_map if any(film.segments for film in films) else 0.0


def detected(
    predictions: Sequence[GridScores], films: Sequence[TrainingFilm], labels: Sequence[str]
) -> DetectionScores:
    """How well the spans find what happens in the films; those of labels that no film has are passed over."""
    truth = {film.name: film.segments for film in films}
    known = {segment.label for segments in truth.values() for segment in segments}
    each = zip(predictions, films, strict=True)
    found = {film.name: [s for s in all_spans(said, film, labels) if s.label in known] for said, film in each}
    return detection_map(found, truth, THUMOS14)


def all_spans(prediction: GridScores, film: TrainingFilm, labels: Sequence[str]) -> list[Segment]:
    """As mAP counts: every span, however doubtful."""
    assert prediction.spans is not None
    return located(prediction.spans, film.index, labels, film.duration_s, NO_THRESHOLD)


def named(prediction: GridScores) -> np.ndarray:
    """int64 [T]: the likeliest label at each position, K for nothing."""
    assert prediction.frame is not None
    frame = prediction.frame.astype(np.float32)
    return np.concatenate([frame, 1 - frame.sum(axis=1, keepdims=True)], 1).argmax(axis=1)
