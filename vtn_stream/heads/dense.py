"""One label at every moment: phases, periods. T positions, K labels."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vtn_stream.heads.calibration import AS_IT_IS, Calibration, of_probabilities, scaled
from vtn_stream.heads.fitting import AtPoint, on_grid, phase_rules
from vtn_stream.heads.head import Batch, Head, Loss, Statements
from vtn_stream.heads.labelled_film import LabelledFilm, known_s, labels_of
from vtn_stream.heads.losses import dense_loss
from vtn_stream.heads.pieces import Piece, finite_on_cpu
from vtn_stream.localize import Drawing, phases
from vtn_stream.model import VTN, DenseConfig
from vtn_stream.track import NO_THRESHOLD, GridScores, OperatingPoints, PhaseRules

__all__ = ["Dense", "drawn_labels"]

ALL = 0.999  # of the films' time: with more of it labelled, the head needs no output for nothing


class Dense(Head[DenseConfig]):
    config = DenseConfig
    description = "gives one label to every moment of a film, and makes segments of them"
    analysis = "dense labels"
    drawing: ClassVar[Drawing] = "phases"
    metric_name = "frame accuracy"
    measures = ("segmentation", "detection")
    last_layer = "out"
    reads_pieces = True

    def read_pieces(
        self, config: DenseConfig, network: VTN, pieces: Iterator[Piece], valid: NDArray[np.bool_], fps: Fraction
    ) -> GridScores:
        """frame: the probability of each label; the rest to 1 is that of nothing."""
        frame = np.zeros((len(valid), config.num_classes), np.float16)
        for piece in pieces:
            frame[piece.start : piece.stop] = self.frame(config, network, piece)
        return GridScores(frame=frame)

    @torch.inference_mode()
    def frame(self, config: DenseConfig, network: VTN, piece: Piece) -> NDArray[np.float16]:
        """Of a piece's own positions [n, K]; 0 where they are not valid. Raises CheckpointError if the network gives no
        numbers.
        """
        probabilities = finite_on_cpu(network.head(piece.frames).float().softmax(-1)[0])
        own = probabilities[piece.own, : config.num_classes].astype(np.float16)
        own[~piece.valid[piece.own]] = 0
        return own

    def note(self, rules: PhaseRules | None) -> str:
        if rules is None:
            return "labelled each position separately with its most likely label, however short."
        return (
            "labelled each position; the segments are the most likely sequence of labels, given their usual durations "
            "and order."
        )

    def config_for(self, films: Sequence[LabelledFilm], num_classes: int, width: int) -> DenseConfig:
        return DenseConfig(num_classes=num_classes, nothing=_covered(films) < ALL)

    def loss(self, config: DenseConfig, network: VTN, batch: Batch, *, smoothing: float) -> Loss:
        logits = network.label(batch.embeddings, batch.position_ids, batch.valid)
        labels, known = _asked(config, batch)
        whole = None if batch.whole is None else _asked(config, batch.whole)
        return Loss(dense_loss(logits, labels, known, smoothing=smoothing, whole=whole), is_share=True)

    def metric(
        self,
        predictions: Sequence[GridScores],
        films: Sequence[LabelledFilm],
        labels: Sequence[str],
        rules: PhaseRules | None = None,
    ) -> float:
        true = np.concatenate([labels_of(film, labels) for film in films])
        predicted = np.concatenate(
            [
                _likeliest_labels(scores) if rules is None else drawn_labels(scores, film, labels, rules)
                for scores, film in zip(predictions, films, strict=True)
            ]
        )
        known = true >= 0
        return float((predicted == true)[known].mean()) if known.any() else 0.0

    def thresholds(
        self, predictions: Sequence[GridScores], films: Sequence[LabelledFilm], labels: Sequence[str]
    ) -> dict[str, AtPoint]:
        """None: phase rules draw the timeline."""
        return {}

    def operating_points(self, thresholds: Mapping[str, AtPoint]) -> OperatingPoints:
        return NO_THRESHOLD

    def phase_rules(
        self,
        config: DenseConfig,
        films: Sequence[LabelledFilm],
        validation: Sequence[LabelledFilm],
        predictions: Sequence[GridScores],
        labels: Sequence[str],
        folds: Sequence[int] = (),
    ) -> PhaseRules:
        return phase_rules(
            films, validation, predictions, labels, nothing=config.nothing, folds=folds, max_lag=config.max_lag
        )

    def calibration(
        self,
        config: DenseConfig,
        predictions: Sequence[GridScores],
        films: Sequence[LabelledFilm],
        labels: Sequence[str],
    ) -> Calibration:
        said, truth = _where_labelled(config, predictions, films, labels)
        return of_probabilities(said, truth, sum(len(film.segments) + 1 for film in films))

    def calibrated(self, config: DenseConfig, prediction: GridScores, calibration: Calibration) -> GridScores:
        if prediction.frame is None or calibration == AS_IT_IS:
            return prediction
        there = prediction.frame.any(axis=1)  # invalid positions say nothing at all
        frame = np.zeros_like(prediction.frame)
        said = scaled(_probabilities(config, prediction.frame[there]), calibration)
        frame[there] = said[:, : config.num_classes]
        return replace(prediction, frame=frame)

    def statements(
        self,
        config: DenseConfig,
        predictions: Sequence[GridScores],
        films: Sequence[LabelledFilm],
        labels: Sequence[str],
    ) -> Statements:
        """Of each position: that it has the most likely label."""
        said, truth = _where_labelled(config, predictions, films, labels)
        return Statements(said.max(axis=1, initial=0), said.argmax(axis=1) == truth, "positions")


def _where_labelled(
    config: DenseConfig, predictions: Sequence[GridScores], films: Sequence[LabelledFilm], labels: Sequence[str]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The probabilities [N, outputs] and the truth [N] of all positions whose label the head can say."""
    truth = np.concatenate([labels_of(film, labels) for film in films])
    frame = np.concatenate([prediction.frame for prediction in predictions if prediction.frame is not None])
    known = (truth >= 0) & (truth < config.num_outputs)
    return _probabilities(config, frame[known]), truth[known]


def _probabilities(config: DenseConfig, frame: NDArray[np.float16]) -> NDArray[np.float32]:
    """[N, K], or [N, K + 1] where the head has an output for nothing."""
    said = frame.astype(np.float32)
    if config.num_outputs == config.num_classes:
        return said
    return np.concatenate([said, np.maximum(1 - said.sum(axis=1, keepdims=True), 0)], axis=1)


def _asked(config: DenseConfig, batch: Batch) -> tuple[Tensor, Tensor]:
    """The labels [B, L] that are learnt, -1 for none, and where a position is known."""
    labels = batch.labels.masked_fill(batch.labels >= config.num_outputs, -1)  # nothing, without an output for it
    return labels, batch.valid & (batch.labels >= 0)


def _likeliest_labels(prediction: GridScores) -> NDArray[np.intp]:
    """[T]: the number of the most likely label at each position, K for nothing."""
    assert prediction.frame is not None
    frame = prediction.frame.astype(np.float32)
    return np.concatenate([frame, 1 - frame.sum(axis=1, keepdims=True)], 1).argmax(axis=1)


def drawn_labels(
    prediction: GridScores, film: LabelledFilm, labels: Sequence[str], rules: PhaseRules
) -> NDArray[np.intp]:
    """[T]: the number of the label that a timeline shows at each position, K for nothing."""
    segments = phases(prediction, film.index, labels, film.duration_s, NO_THRESHOLD, rules)
    number = {label: k for k, label in enumerate(labels)}
    return np.array([number.get(label, len(labels)) for label in on_grid(segments, film)], np.intp)


def _covered(films: Sequence[LabelledFilm]) -> float:
    """The share of the films' known time that has a label."""
    labels = sorted({segment.label for film in films for segment in film.segments})
    covered = total = 0.0
    for film in films:
        end = 0.0
        for segment in film.segments:  # sorted by start
            covered += max(0.0, segment.end_s - max(end, segment.start_s))
            end = max(end, segment.end_s)
        total += known_s(film, labels, exclusive=True)
    return covered / max(total, 1e-9)
