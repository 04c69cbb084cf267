"""Classification of clips: what each clip shows as a whole. K classes."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from torch.nn.functional import cross_entropy

from vtn_stream.heads.fitting import AtPoint, clip_points
from vtn_stream.heads.head import Batch, Head, Loss
from vtn_stream.heads.labelled_film import LabelledFilm
from vtn_stream.localize import Drawing
from vtn_stream.model import VTN, ClassificationConfig
from vtn_stream.track import GridScores

__all__ = ["Classification"]


class Classification(Head[ClassificationConfig]):
    config = ClassificationConfig
    description = "labels short stretches of a film"
    analysis = "clip classifier"
    drawing: ClassVar[Drawing] = "peaks"
    names_clips = True
    metric_name = "top-1"
    measures = ("clips",)

    def config_for(self, films: Sequence[LabelledFilm], num_classes: int, width: int) -> ClassificationConfig:
        return ClassificationConfig(num_classes=num_classes)

    def loss(self, config: ClassificationConfig, network: VTN, batch: Batch, *, smoothing: float) -> Loss:
        return Loss(cross_entropy(network.classify(batch.embeddings, valid=batch.valid), batch.clips))

    def metric(self, predictions: Sequence[GridScores], films: Sequence[LabelledFilm], labels: Sequence[str]) -> float:
        clips = [prediction.clip for prediction in predictions if prediction.clip is not None]
        right = [labels[int(clip.argmax())] == film.clip_label for clip, film in zip(clips, films, strict=True)]
        return float(np.mean(right))

    def thresholds(
        self, predictions: Sequence[GridScores], films: Sequence[LabelledFilm], labels: Sequence[str]
    ) -> dict[str, AtPoint]:
        clips = [prediction.clip for prediction in predictions if prediction.clip is not None]
        truth = np.array([labels.index(film.clip_label or "") for film in films])
        return {labels[k]: point for k, point in clip_points(np.stack(clips), truth).items()}
