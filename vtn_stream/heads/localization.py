"""Actions: when each begins and ends, by a pyramid over the film.

T positions, K classes, L levels of a pyramid: level l has ceil(T / 2^l) points, point k at position k 2^l; B crops,
P points of all levels
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from vtn_stream.heads.calibration import AS_IT_IS, Calibration, of_segments
from vtn_stream.heads.fitting import AtPoint, span_points
from vtn_stream.heads.head import Batch, Head, Loss, Statements
from vtn_stream.heads.in_blocks import block_proposals
from vtn_stream.heads.judged import judged
from vtn_stream.heads.labelled_film import LabelledFilm, longest_segment
from vtn_stream.heads.losses import diou_loss, focal_loss
from vtn_stream.heads.pieces import Piece
from vtn_stream.heads.points import LevelPoints, calibrated, level_points, moved, position_scores
from vtn_stream.heads.targets import pyramid_targets
from vtn_stream.localize import (
    MIN_SPAN_SCORE,
    Drawing,
    candidates,
    groups,
    joined,
    max_candidates_and_spans,
    propose,
    strongest,
)
from vtn_stream.model import VTN, LocalizationConfig, StatisticsConfig
from vtn_stream.model.heads import LinearSpanHead
from vtn_stream.model.heads.localization import reach
from vtn_stream.track import GridScores, PhaseRules, Spans

__all__ = ["Localization"]

MAX_LEVELS = 10
STRONGEST = 3  # segments for each true one, by which scores are judged: hundreds of weak ones say nothing of the others


class Localization(Head[LocalizationConfig]):
    config = LocalizationConfig
    description = (
        "finds actions in films of any length: when each begins and ends, or when it happens, with a score for each. "
        "Several may happen at once"
    )
    analysis = "action localization"
    drawing: ClassVar[Drawing] = "spans"
    learns_segments = True
    metric_name = "mAP"  # of segments at tIoU .3:.1:.7, of instants within 0.5, 1 and 2 s
    measures = ("detection", "segmentation")
    last_layer = "classify.out"
    reads_pieces = True

    def halo(self, network: VTN) -> int:
        config = network.config.head
        assert isinstance(config, LocalizationConfig)
        return 0 if network.config.is_linear else reach(config.num_levels)

    def read_pieces(
        self,
        config: LocalizationConfig,
        network: VTN,
        pieces: Iterator[Piece],
        valid: NDArray[np.bool_],
        fps: Fraction,
    ) -> GridScores:
        """frame: the highest score of the class among the points that are nearest to the position, one a level; spans:
        what is proposed, after soft-NMS. Of a linear model, frame: the score of the class at the position; spans: runs
        of positions that score high, by `groups`.
        """
        num = len(valid)
        frame = np.zeros((num, config.num_classes), np.float16)
        if config.in_blocks:
            return _read_in_blocks(network, pieces, frame, fps)
        if network.config.is_linear:
            return _read_positions(network, pieces, valid, fps)
        num_candidates, _ = max_candidates_and_spans(num, fps)
        levels = [_Strongest(num_candidates) for _ in range(config.num_levels)]
        for piece in pieces:
            frame[piece.start : piece.stop], points = level_points(network, piece)
            for level, of_level in zip(levels, points, strict=True):
                level.add(of_level)
        return GridScores(frame=frame, spans=propose((level.spans() for level in levels), num, fps))

    def note(self, rules: PhaseRules | None) -> str:
        return "proposed segments, which may overlap; segments below their label's threshold are left out."

    def config_for(self, films: Sequence[LabelledFilm], num_classes: int, width: int) -> LocalizationConfig:
        longest = longest_segment(films)
        # the middle of a segment of 2^(l+2) is 2^(l+1) from its ends, where level l's range ends: one level of reserve
        num_levels = min(MAX_LEVELS, max(2, math.ceil(math.log2(max(longest, 1))) - 1))
        return LocalizationConfig(num_classes=num_classes, num_levels=num_levels, tower_width=width)

    def loss(self, config: LocalizationConfig, network: VTN, batch: Batch, *, smoothing: float) -> Loss:
        """Of Zhang et al., "ActionFormer" (2022), section 3.3: the focal loss of every point's classes, and the
        distance of the positives' segments, over the number of positives. Classes count where they are known.
        """
        pyramid = network.locate(batch.embeddings, batch.position_ids, batch.valid)
        num_points = [logits.shape[1] for logits in pyramid.logits]
        classes, offsets, positive = [], [], []
        for bounds, labels in batch.segments:
            levels = pyramid_targets(bounds, labels, num_points, config.num_classes)
            classes.append(torch.cat([level.classes for level in levels]))
            offsets.append(torch.cat([level.offsets for level in levels]))
            positive.append(torch.cat([level.positive for level in levels]))
        there = torch.cat(pyramid.valid, 1)  # [B, P]
        asked = torch.stack(positive).to(there.device) & there
        wanted = torch.stack(classes).to(there.device)  # [B, P, K]
        counts = there[..., None]
        if batch.known is not None:
            known = torch.cat([batch.known[:, :: 2**level] for level in range(config.num_levels)], 1)
            counts = counts & (known | (wanted > 0))  # what is asked about an instant reaches beyond it
        wrong = focal_loss(torch.cat(pyramid.logits, 1), wanted)
        off = diou_loss(torch.cat(pyramid.offsets, 1)[asked], torch.stack(offsets).to(there.device)[asked])
        return Loss((wrong * counts).sum() + off.sum(), num_positives=int(asked.sum()))

    def metric(
        self,
        predictions: Sequence[GridScores],
        films: Sequence[LabelledFilm],
        labels: Sequence[str],
        rules: PhaseRules | None = None,
    ) -> float:
        return float(np.mean([of.ap for of in judged(predictions, films, labels).values()] or [0.0]))

    def thresholds(
        self, predictions: Sequence[GridScores], films: Sequence[LabelledFilm], labels: Sequence[str]
    ) -> dict[str, AtPoint]:
        return span_points(judged(predictions, films, labels))

    def calibration(
        self,
        config: LocalizationConfig,
        predictions: Sequence[GridScores],
        films: Sequence[LabelledFilm],
        labels: Sequence[str],
    ) -> Calibration:
        if not any(film.segments for film in films):
            return AS_IT_IS
        said = self.statements(config, predictions, films, labels)
        return of_segments(said.scores, said.right)

    def calibrated(self, config: LocalizationConfig, prediction: GridScores, calibration: Calibration) -> GridScores:
        """Nearly so: soft-NMS lowers the scores of overlapping spans after the network, here before."""
        if calibration == AS_IT_IS or prediction.spans is None:
            return prediction
        spans = replace(prediction.spans, scores=calibrated(prediction.spans.scores, calibration))
        frame = prediction.frame
        if frame is not None:
            frame = np.where(frame > 0, calibrated(frame, calibration), 0).astype(np.float16)  # 0: invalid
        return replace(prediction, spans=spans, frame=frame)

    def calibrate(self, network: VTN, calibration: Calibration) -> None:
        head = network.head
        if isinstance(head, LinearSpanHead):
            head.scale.mul_(calibration.scale)
            head.shift.mul_(calibration.scale).add_(calibration.shift)
        else:
            super().calibrate(network, calibration)

    def statements(
        self,
        config: LocalizationConfig,
        predictions: Sequence[GridScores],
        films: Sequence[LabelledFilm],
        labels: Sequence[str],
    ) -> Statements:
        """Of the strongest segments, three for each true one: that it takes a true one, at tIoU 0.5, or within 1 s of
        an instant.
        """
        classes = judged(predictions, films, labels).values()
        scores = np.concatenate([np.zeros(0), *(of.scores for of in classes)])
        right = np.concatenate([np.zeros(0, np.bool_), *(of.right for of in classes)])
        strongest = np.argsort(-scores, kind="stable")[: STRONGEST * sum(of.num_truth for of in classes)]
        return Statements(scores[strongest], right[strongest], "segments")


def _read_positions(network: VTN, pieces: Iterator[Piece], valid: NDArray[np.bool_], fps: Fraction) -> GridScores:
    """The scores of a linear model, calibrated as its head says."""
    statistics = network.config.encoder
    assert isinstance(statistics, StatisticsConfig)
    said = np.zeros((len(valid), network.config.head.num_outputs), np.float32)
    for piece in pieces:
        said[piece.start : piece.stop] = position_scores(network, piece)
    spans = groups(said, valid, statistics.reach or 0)
    spans, frame = replace(spans, scores=moved(network, spans.scores)), moved(network, said)
    frame[~valid] = 0
    return GridScores(frame=frame.astype(np.float16), spans=propose([spans], len(valid), fps))


def _read_in_blocks(network: VTN, pieces: Iterator[Piece], frame: NDArray[np.float16], fps: Fraction) -> GridScores:
    """The same of both kinds, where what is proposed depends on what is near alone."""
    proposals, found = block_proposals(network, fps), list[Spans]()
    for piece in pieces:
        frame[piece.start : piece.stop], spans = proposals.add(piece)
        found.append(spans)
    together = joined([*found, proposals.finish()])
    return GridScores(frame=frame, spans=strongest(together, len(together)))


class _Strongest:
    """The strongest candidates of one level so far: twice their number are held, and those of a piece."""

    def __init__(self, num: int) -> None:
        self._num = num
        self._held: list[Spans] = []
        self._least = MIN_SPAN_SCORE

    def add(self, points: LevelPoints) -> None:
        number, first, scores, offsets = points
        self._held.append(candidates(scores, offsets, number, first, min_score=self._least))
        if sum(map(len, self._held)) > 2 * self._num:
            self._held = [self.spans()]
            self._least = float(self._held[0].scores[-1])  # weaker ones come too late

    def spans(self) -> Spans:
        return strongest(joined(self._held), self._num)
