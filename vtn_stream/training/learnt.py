"""What a training gives: a model, and all that was chosen and measured on the way."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from vtn_stream.report.card_facts import CurveFacts
from vtn_stream.track import OperatingPoints, PhaseRules
from vtn_stream.training.exam import Exam
from vtn_stream.training.hyperparameters import Hyperparameters
from vtn_stream.training.linear import LinearSettings
from vtn_stream.training.loop import Fitted
from vtn_stream.training.out_of_fold import Choice, CrossFitted, OutOfFold
from vtn_stream.training.ways import Way

__all__ = ["Learnt"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Learnt:
    """A model learnt from all films, and what was chosen and measured on the way.

    seed         of all that was random
    settings, fitted  of the model; its way is the choice's
    choice       what was chosen on the out-of-fold predictions of all films; of one fold, what is taken without
    out_of_fold  those predictions, of the chosen way and length: points and rules were fitted on them; None of one fold
    crossed      for each film what the other folds chose: the figures are measured on this
    exam         those figures; None if there are none
    baselines    the same figures of simpler models, by their names
    curve        what fewer films give, and more would bring; None if it was not measured
    held_out     the figures of this model on films that are held out; None if there are none
    notes        of the training, without names of films
    backbone     the tensors of the image network, by timm's names, if it learned; None: it is as it was
    begun        the digest of the weights with which it began, if it learned
    is_finished  nothing was given up that the same training could still do; what it kept to go on from is needed then
    """

    seed: int
    settings: Hyperparameters | LinearSettings
    fitted: Fitted
    choice: Choice
    out_of_fold: OutOfFold | None = None
    crossed: CrossFitted | None = None
    exam: Exam | None = None
    baselines: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    curve: CurveFacts | None = None
    held_out: Exam | None = None
    notes: tuple[str, ...] = ()
    backbone: Mapping[str, Tensor] | None = None
    begun: str = ""
    is_finished: bool = True

    @property
    def way(self) -> Way:
        return self.choice.way

    @property
    def points(self) -> OperatingPoints:
        return self.choice.points

    @property
    def rules(self) -> PhaseRules | None:
        return self.choice.rules

    @property
    def tried(self) -> Mapping[str, float]:
        """The metric of each way at its best length, on the out-of-fold predictions of all films."""
        return self.choice.worths
