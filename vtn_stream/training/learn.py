"""Trains networks that read motion and one that does not, keeps the best, and fits thresholds or rules to it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vtn_stream.heads import HEADS
from vtn_stream.track import OperatingPoints, PhaseRules
from vtn_stream.training.events import EpochDone, TrainingEvent, TrainingStage
from vtn_stream.training.exam import Exam, examine
from vtn_stream.training.films import TrainingFilm
from vtn_stream.training.hyperparameters import Hyperparameters, Motion, natural_hyperparameters
from vtn_stream.training.log import Log
from vtn_stream.training.loop import Fitted, fit
from vtn_stream.training.prepare import Material
from vtn_stream.training.validation import predictions as predictions_of

__all__ = ["Learnt", "learn", "state_files", "taught_by"]

# what the encoder reads of motion, by the name that users see
WAYS: dict[str, Motion] = {"motion": "changes", "motion alone": "sizes of changes", "no motion": "none"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Learnt:
    """A network, and what was fitted on the validation films; exam: None if there are none.

    tried  the metric of each of WAYS that was tried
    notes  of the training, without names of films
    """

    settings: Hyperparameters
    fitted: Fitted
    points: OperatingPoints
    rules: PhaseRules | None
    exam: Exam | None
    tried: dict[str, float | None]
    notes: tuple[str, ...]


def learn(
    material: Material,
    *,
    seed: int,
    epochs: int | None = None,
    backbone: str,
    device: str = "cpu",
    work: Path | None = None,
    on_event: Callable[[TrainingEvent], None] | None = None,
) -> Learnt:
    """Everything in `teach` except files and films. work: the folder of its state and curves; None: not kept."""
    tell = on_event or (lambda event: None)
    fps, labels = material.plan.fps, material.labels
    # Films in which nothing is annotated validate nothing: no epoch, threshold or way would be better than another.
    validation = material.validation if any(map(taught_by, material.validation)) else ()
    ways: dict[str, tuple[Hyperparameters, Fitted]] = {}
    # Without validation films nothing says what to read of motion; with them, all is tried.
    for name in list(WAYS)[: None if validation else 1]:
        settings = natural_hyperparameters(
            material.training, labels, material.head, fps, motion=WAYS[name], seed=seed, num_epochs=epochs
        )
        tell(TrainingStage(name=f"training with {name}"))
        fitted = fit(
            material.training,
            validation,
            labels,
            settings,
            fps,
            backbone=backbone,
            device=device,
            state=None if work is None else _state_file(work, name),
            on_event=tell if work is None else _logged(Log(work / _file_name(name)), tell),
        )
        ways[name] = (settings, fitted)
    best = max(ways, key=lambda name: ways[name][1].best or 0.0)  # of equals the first
    settings, fitted = ways[best]
    tell(TrainingStage(name="fitting thresholds"))
    predictions = predictions_of(fitted.network, validation, fps)
    head = HEADS[material.head]
    thresholds = head.thresholds(predictions, validation, labels) if validation else {}
    points = head.operating_points(thresholds)
    rules = head.phase_rules(settings.head, material.training, validation, predictions, labels)
    exam = None
    if validation:
        exam = examine(validation, predictions, labels, material.head, thresholds, points, rules)
    notes = fitted.notes
    if not validation:
        notes += ("There were no validation films: nothing was measured, and no threshold was fitted.",)
    return Learnt(
        settings=settings,
        fitted=fitted,
        points=points,
        rules=rules,
        exam=exam,
        tried={name: fitted.best for name, (_, fitted) in ways.items()},
        notes=notes,
    )


def taught_by(film: TrainingFilm) -> list[str]:
    """The label of each of the film's examples."""
    return [s.label for s in film.segments] if film.clip_label is None else [film.clip_label]


def state_files(work: Path) -> list[Path]:
    """The files in which `learn` keeps its state."""
    return [_state_file(work, way) for way in WAYS]


def _state_file(work: Path, way: str) -> Path:
    return work / f"{_file_name(way)}.state"


def _file_name(way: str) -> str:
    return way.replace(" ", "-")


def _logged(log: Log, tell: Callable[[TrainingEvent], None]) -> Callable[[TrainingEvent], None]:
    def on_event(event: TrainingEvent) -> None:
        if isinstance(event, EpochDone):
            scalars = {"loss": event.loss} | ({} if event.metric is None else {event.metric_name: event.metric})
            log.write(event.epoch, **scalars)
        tell(event)

    return on_event
