"""Classification of clips: what each clip shows as a whole. K classes."""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy

from vtn_stream.heads.calibration import AS_IT_IS, Calibration, of_probabilities, scaled
from vtn_stream.heads.fitting import AtPoint, clip_points
from vtn_stream.heads.head import Batch, Head, Loss, Statements
from vtn_stream.heads.labelled_film import LabelledFilm
from vtn_stream.localize import Drawing
from vtn_stream.model import VTN, ClassificationConfig
from vtn_stream.track import GridScores, PhaseRules

__all__ = ["Classification"]


class Classification(Head[ClassificationConfig]):
    config = ClassificationConfig
    description = "labels short stretches of a film"
    analysis = "clip classifier"
    drawing: ClassVar[Drawing] = "peaks"
    names_clips = True
    metric_name = "top-1"
    measures = ("clips",)
    last_layer = "out"

    def config_for(self, films: Sequence[LabelledFilm], num_classes: int, width: int) -> ClassificationConfig:
        return ClassificationConfig(num_classes=num_classes)

    def loss(self, config: ClassificationConfig, network: VTN, batch: Batch, *, smoothing: float) -> Loss:
        return Loss(cross_entropy(network.classify(batch.embeddings, batch.position_ids, batch.valid), batch.clips))

    def metric(
        self,
        predictions: Sequence[GridScores],
        films: Sequence[LabelledFilm],
        labels: Sequence[str],
        rules: PhaseRules | None = None,
    ) -> float:
        clips = [prediction.clip for prediction in predictions if prediction.clip is not None]
        right = [labels[int(clip.argmax())] == film.clip_label for clip, film in zip(clips, films, strict=True)]
        return float(np.mean(right))

    def thresholds(
        self, predictions: Sequence[GridScores], films: Sequence[LabelledFilm], labels: Sequence[str]
    ) -> dict[str, AtPoint]:
        said, truth = _clips(predictions, films, labels)
        return {labels[k]: point for k, point in clip_points(said, truth).items()}

    def calibration(
        self,
        config: ClassificationConfig,
        predictions: Sequence[GridScores],
        films: Sequence[LabelledFilm],
        labels: Sequence[str],
    ) -> Calibration:
        return of_probabilities(*_clips(predictions, films, labels), len(films)) if films else AS_IT_IS

    def calibrated(self, config: ClassificationConfig, prediction: GridScores, calibration: Calibration) -> GridScores:
        if prediction.clip is None or calibration == AS_IT_IS:
            return prediction
        return replace(prediction, clip=scaled(prediction.clip[None], calibration)[0].astype(np.float32))

    def statements(
        self,
        config: ClassificationConfig,
        predictions: Sequence[GridScores],
        films: Sequence[LabelledFilm],
        labels: Sequence[str],
    ) -> Statements:
        """Of each clip: that it has the most likely label."""
        said, truth = _clips(predictions, films, labels)
        return Statements(said.max(axis=1), said.argmax(axis=1) == truth, "clips")


def _clips(
    predictions: Sequence[GridScores], films: Sequence[LabelledFilm], labels: Sequence[str]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The probabilities [N, K] of clips, and their true classes [N]."""
    clips = [prediction.clip for prediction in predictions if prediction.clip is not None]
    return np.stack(clips), np.array([labels.index(film.clip_label or "") for film in films], np.int64)
