"""The events that a training reports while it runs, and its result. Knows no film and no network."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal

from vtn_stream.embedding import EmbeddingEvent

__all__ = [
    "ClipsPrepared",
    "EpochDone",
    "FitsProgress",
    "HeadKind",
    "Prepared",
    "StepDone",
    "Taught",
    "TrainingEvent",
    "TrainingStage",
]

HeadKind = str  # its kind: a key of `vtn_stream.heads.HEADS`


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingStage:
    """A stage of the training has begun; `message` says with what: a film's file name, or nothing."""

    name: str
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What will be learnt, and from what; reported before the first frame is embedded.

    num_films, num_folds        to learn from, and the parts in which each is predicted by what the others taught
    num_held_out                films that are not learnt from, and only measure the finished model
    known_hours                 how many of the hours are known, on average over the labels; None: all of them
    num_segments                of whole clips, their number
    num_positions, num_missing  of the grids of all films, and those of them that the store lacks
    base, num_old_labels        the model from which the training goes on, and how many of the labels it brings
    notes                       what was read although it looks wrong, left out, or will not be learnt; a line each
    """

    num_films: int
    num_folds: int
    num_held_out: int
    hours: float
    num_segments: int
    labels: tuple[str, ...]
    fps: Fraction
    head: HeadKind
    num_positions: int
    num_missing: int
    known_hours: float | None = None
    base: str | None = None
    num_old_labels: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochDone:
    """epoch, from 1, of num_epochs, of one fit; its mean loss; figures on what is not learnt, if it was measured."""

    epoch: int
    num_epochs: int
    loss: float
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipsPrepared:
    """What a recipe of the paper will learn, before the first step.

    num_clips, num_validation  to learn from, and to measure the network on
    source       where the first weights come from
    num_epochs, num_steps      of the training, and of each epoch
    estimate     how long it will take, and what it needs, in a sentence
    notes        what was left out, guessed or is doubtful, a line each
    """

    network: str
    num_clips: int
    num_validation: int
    labels: tuple[str, ...]
    source: str
    num_epochs: int
    num_steps: int
    estimate: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDone:
    """step, from 1, of num_steps of an epoch, from 1; what: learning, or validation, where a step is a clip."""

    epoch: int
    num_epochs: int
    step: int
    num_steps: int
    what: Literal["learning", "validation"] = "learning"


@dataclass(frozen=True, slots=True, kw_only=True)
class FitsProgress:
    """How many of the models that a training needs are trained, and the share 0..1 of all that work which is done."""

    num_done: int
    num_fits: int
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Taught:
    """The files that a training wrote, and how good the model is on films that it did not learn: shares 0..1 by name.

    intervals  90 % intervals of the figures, where there is one; baselines: the figures of simpler models
    held_out   the figures on films that were held out, with their intervals
    """

    model: Path
    card: Path
    plots: tuple[Path, ...] = ()
    log: Path | None = None
    figures: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    baselines: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    held_out: Mapping[str, float] = field(default_factory=dict)
    held_out_intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)


TrainingEvent = TrainingStage | Prepared | ClipsPrepared | EmbeddingEvent | EpochDone | StepDone | FitsProgress
