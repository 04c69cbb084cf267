"""What depends on the kind of a head, besides its network: how it reads a film, is drawn, trained and described.

B crops, L positions of a crop, T positions of a film, D embedding width, N segments, K classes
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar, Generic, Literal, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vtn_stream.heads.calibration import AS_IT_IS, Calibration, fold
from vtn_stream.heads.fitting import AtPoint, as_operating_points
from vtn_stream.heads.labelled_film import LabelledFilm
from vtn_stream.heads.pieces import Piece, pieces
from vtn_stream.localize import Drawing
from vtn_stream.model import VTN, HeadConfig
from vtn_stream.track import GridScores, OperatingPoints, PhaseRules

__all__ = ["Batch", "Head", "Loss", "Statements"]

ConfigT = TypeVar("ConfigT", bound=HeadConfig)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batch:
    """embeddings [B, L, D]; valid [B, L]; labels [B, L], the last class for nothing, -1 where invalid or not known;
    segments: bounds [N, 2] in the crop's positions and classes [N] of each crop; clips [B], -1 where a film has none,
    or the probability of each label [B, K]; known [B, L, K]: whether it is known that a label happens or not; None:
    everywhere; position_ids int64 [B, L], for an encoder that reads native positions; None: it reads none; whole, the
    batch of which this is a part; None: it is one.
    """

    embeddings: Tensor
    valid: Tensor
    labels: Tensor
    segments: tuple[tuple[Tensor, Tensor], ...]
    clips: Tensor
    known: Tensor | None = None
    position_ids: Tensor | None = None
    whole: "Batch | None" = None

    def part(self, rows: slice) -> "Batch":
        """Some of the crops, as a part of this batch."""
        on = {name: getattr(self, name)[rows] for name in ("embeddings", "valid", "labels", "segments", "clips")}
        known = None if self.known is None else self.known[rows]
        ids = None if self.position_ids is None else self.position_ids[rows]
        return replace(self, **on, known=known, position_ids=ids, whole=self)

    def to(self, device: torch.device) -> "Batch":
        """The batch on that device; segments stay where they are, since targets are made of them on the CPU."""
        on = {name: getattr(self, name).to(device) for name in ("embeddings", "valid", "labels", "clips")}
        known = None if self.known is None else self.known.to(device)
        ids = None if self.position_ids is None else self.position_ids.to(device)
        return replace(self, **on, known=known, position_ids=ids)


class Loss(NamedTuple):
    """The loss of a batch: a mean; or a sum over that many positives. is_share: of a part of a batch, its share of the
    mean over the whole one; else the mean counts by the number of crops.
    """

    value: Tensor
    num_positives: int | None = None
    is_share: bool = False


class Statements(NamedTuple):
    """What a model says of films, and whether it is right: scores [N] in 0..1, right [N]; unit: of what these are, in
    plural.
    """

    scores: NDArray[np.floating]
    right: NDArray[np.bool_]
    unit: str


class Head(ABC, Generic[ConfigT]):
    """A kind of head. Its config makes the network; all else that depends on the kind is here.

    config           the sizes of such a head; config.kind names it, in checkpoints and to users
    description      of a model for its card: "A model for vtn-stream that ..."
    analysis         the kind of analysis, in a timeline's provenance; drawing, how its segments are drawn
    names_clips      it says what a clip as a whole shows, from the global token, and slides over a film; else it reads
                     the film as one sequence
    learns_segments  a crop should be long enough for the longest segment, and hold one
    metric_name      of the networks of all epochs the one with most of that is kept
    measures         what the trained model is examined by
    last_layer       of its network, the layer that gives the logits: a calibration is folded into it; None: its scores
                     stay as they are
    reads_pieces     it has `read_pieces`: what it says of a position needs the tokens near it alone, and so can be said
                     while a film is written, if these are known
    """

    config: ClassVar[type[HeadConfig]]
    description: ClassVar[str]
    analysis: ClassVar[str]
    drawing: ClassVar[Drawing]
    names_clips: ClassVar[bool] = False
    learns_segments: ClassVar[bool] = False
    metric_name: ClassVar[str]
    measures: ClassVar[Sequence[Literal["detection", "segmentation", "clips"]]]
    last_layer: ClassVar[str | None] = None
    reads_pieces: ClassVar[bool] = False

    # ---- on a film

    def read(
        self, config: ConfigT, network: VTN, tiles: Iterator[Tensor], valid: NDArray[np.bool_], fps: Fraction
    ) -> GridScores:
        """Scores of a film's T positions from their tokens, tiles [1, n, D] in order: frame, 0 where not valid [T], and
        spans. Raises CheckpointError if the network gives no numbers.
        """
        if self.reads_pieces:
            cut = pieces(tiles, len(valid), self.halo(network), valid=valid)
            return self.read_pieces(config, network, cut, valid, fps)
        raise ValueError("this head says what the whole film shows, and not when")

    def halo(self, network: VTN) -> int:
        """How many positions to each side the head needs the tokens of, to say what happens at one."""
        return 0

    def read_pieces(
        self, config: ConfigT, network: VTN, pieces: Iterator[Piece], valid: NDArray[np.bool_], fps: Fraction
    ) -> GridScores:
        """The same as `read`, of pieces that have tokens of `halo` positions to each side."""
        raise ValueError("this head reads a film as a whole")

    def note(self, rules: PhaseRules | None) -> str:
        """For a reader of the timeline: "A model read the film as one sequence, a position every 0.25 s, and ..." """
        return "scored each label separately; several labels may apply at once."

    # ---- taught

    @abstractmethod
    def config_for(self, films: Sequence[LabelledFilm], num_classes: int, width: int) -> ConfigT:
        """The head config that suits these films, on an encoder of that width."""

    @abstractmethod
    def loss(self, config: ConfigT, network: VTN, batch: Batch, *, smoothing: float) -> Loss:
        """The loss of a batch on the network's device. smoothing: the cost of changes between positions."""

    @abstractmethod
    def metric(
        self,
        predictions: Sequence[GridScores],
        films: Sequence[LabelledFilm],
        labels: Sequence[str],
        rules: PhaseRules | None = None,
    ) -> float:
        """How good the predictions of these films are, 0..1: what metric_name names. rules: by which they are drawn, if
        `phase_rules` gives some.
        """

    @abstractmethod
    def thresholds(
        self, predictions: Sequence[GridScores], films: Sequence[LabelledFilm], labels: Sequence[str]
    ) -> dict[str, AtPoint]:
        """The threshold of each label for which these films can give one."""

    def operating_points(self, thresholds: Mapping[str, AtPoint]) -> OperatingPoints:
        return as_operating_points(thresholds)

    def phase_rules(
        self,
        config: ConfigT,
        films: Sequence[LabelledFilm],
        validation: Sequence[LabelledFilm],
        predictions: Sequence[GridScores],
        labels: Sequence[str],
        folds: Sequence[int] = (),
    ) -> PhaseRules | None:
        """How labels follow each other; predictions are of the validation films. folds: of each of them, where they are
        these films, predicted by models that did not learn its fold.
        """
        return None

    # ---- calibrated

    def calibration(
        self, config: ConfigT, predictions: Sequence[GridScores], films: Sequence[LabelledFilm], labels: Sequence[str]
    ) -> Calibration:
        """With which the scores say best how often they are right; predictions are of films that were not learnt."""
        return AS_IT_IS

    def calibrated(self, config: ConfigT, prediction: GridScores, calibration: Calibration) -> GridScores:
        """What the network says once the calibration is folded into it."""
        return prediction

    def calibrate(self, network: VTN, calibration: Calibration) -> None:
        """Folds the calibration into the network's last layer."""
        if self.last_layer is not None:
            fold(network.head.get_submodule(self.last_layer), calibration)

    def statements(
        self, config: ConfigT, predictions: Sequence[GridScores], films: Sequence[LabelledFilm], labels: Sequence[str]
    ) -> Statements | None:
        """What the predictions say, and whether it is right; None if this head's scores are no probabilities."""
        return None
