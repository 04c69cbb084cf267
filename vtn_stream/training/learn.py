"""Chooses how to learn on predictions of films that no model learnt, then learns from all films.

k folds, W ways: k W models are trained, each predicts the films of its fold; one more is trained on all films.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from vtn_stream.heads import HEADS
from vtn_stream.model import HeadConfig
from vtn_stream.track import OperatingPoints, PhaseRules
from vtn_stream.training.events import EpochDone, TrainingEvent, TrainingStage
from vtn_stream.training.exam import Exam, examine
from vtn_stream.training.films import TrainingFilm
from vtn_stream.training.hyperparameters import WIDTH, Hyperparameters, natural_hyperparameters
from vtn_stream.training.log import Log
from vtn_stream.training.loop import Fitted, fit
from vtn_stream.training.out_of_fold import Choice, CrossFitted, OutOfFold, choose, cross_fitted
from vtn_stream.training.prepare import Material
from vtn_stream.training.validation import predictions as predictions_of
from vtn_stream.training.ways import Way, films_of, ways_of

__all__ = ["Learnt", "learn", "state_files", "taught_by"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Learnt:
    """A model learnt from all films, and what was chosen and measured on the way.

    way, settings, fitted  of the model
    points, rules          by which its timelines are drawn
    choice       what was chosen on the out-of-fold predictions of all films; None if there is one fold
    out_of_fold  those predictions, of the way and length that were chosen: points and rules were fitted on them
    crossed      for each film what the other folds chose: the figures are measured on this
    exam         those figures; None if there are none
    held_out     the figures of this model on films that are held out; None if there are none
    tried        the metric of each way, at its best length, on the out-of-fold predictions of all films
    notes        of the training, without names of films
    """

    way: Way
    settings: Hyperparameters
    fitted: Fitted
    points: OperatingPoints
    rules: PhaseRules | None
    choice: Choice | None
    out_of_fold: OutOfFold | None
    crossed: CrossFitted | None
    exam: Exam | None
    held_out: Exam | None
    tried: Mapping[str, float]
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
    fps, labels, head = material.plan.fps, material.labels, HEADS[material.head]
    config = head.config_for(material.films, len(labels), WIDTH)
    ways = ways_of(material.inputs)

    def fitted(way: Way, films: tuple[TrainingFilm, ...], length: float, name: str) -> tuple[Hyperparameters, Fitted]:
        read = films_of(films, material.inputs, way)
        settings = _settings(read, material, way, config, seed=seed, epochs=epochs)
        log = tell if work is None else _logged(Log(work / _file_name(name)), tell)
        state = None if work is None else work / f"{_file_name(name)}.state"
        done = fit(
            read,
            labels,
            settings,
            fps,
            lengths=(length,),
            backbone=backbone,
            device=device,
            state=state,
            on_event=log,
        )
        return settings, done

    folds = sorted(set(material.folds))
    tables: dict[tuple[Way, float], OutOfFold] = {}
    for way in ways if len(folds) > 1 else ():
        tell(TrainingStage(name=f"training with {way.name}"))
        of_fold = {}
        for fold in folds:
            others = tuple(film for film, its in zip(material.films, material.folds, strict=True) if its != fold)
            of_fold[fold] = fitted(way, others, 1.0, f"{way.name} {fold}")[1].network
        predictions = tuple(
            predictions_of(of_fold[fold], films_of([film], material.inputs, way), fps)[0]
            for film, fold in zip(material.films, material.folds, strict=True)
        )
        tables[way, 1.0] = OutOfFold(films=material.films, folds=material.folds, predictions=predictions)

    choice = crossed = exam = None
    if tables:
        tell(TrainingStage(name="choosing"))
        choice = choose(tables, head, config, labels, folds)
        crossed = cross_fitted(tables, head, config, labels)
        exam = examine(
            crossed.films,
            crossed.predictions,
            labels,
            material.head,
            choice.thresholds,
            [crossed.choice_of(n) for n in range(len(crossed.films))],
        )
    way, length = (ways[0], 1.0) if choice is None else (choice.way, choice.length)
    tell(TrainingStage(name="training on all films"))
    settings, final = fitted(way, material.films, length, "all films")
    points = head.operating_points({}) if choice is None else choice.points
    rules = head.phase_rules(config, material.films, (), (), labels) if choice is None else choice.rules
    held_out = None
    if any(map(taught_by, material.held_out)):
        drawn = replace(choice, points=points, rules=rules) if choice else None
        if drawn is not None:
            predicted = predictions_of(final.network, films_of(material.held_out, material.inputs, way), fps)
            held_out = examine(
                material.held_out, predicted, labels, material.head, {}, [drawn] * len(material.held_out)
            )
    notes = final.notes
    if choice is None:
        notes += ("There was one film or source: nothing was chosen or measured, and no threshold was fitted.",)
    return Learnt(
        way=way,
        settings=settings,
        fitted=final,
        points=points,
        rules=rules,
        choice=choice,
        out_of_fold=None if choice is None else tables[choice.way, choice.length],
        crossed=crossed,
        exam=exam,
        held_out=held_out,
        tried={} if choice is None else choice.worths,
        notes=notes,
    )


def _settings(
    films: tuple[TrainingFilm, ...],
    material: Material,
    way: Way,
    config: HeadConfig,
    *,
    seed: int,
    epochs: int | None,
) -> Hyperparameters:
    """Those that suit these films, with the head that suits all."""
    settings = natural_hyperparameters(
        films, material.labels, material.head, material.plan.fps, motion=way.motion, seed=seed, num_epochs=epochs
    )
    return replace(settings, head=config)


def taught_by(film: TrainingFilm) -> list[str]:
    """The label of each of the film's examples."""
    return [s.label for s in film.segments] if film.clip_label is None else [film.clip_label]


def state_files(work: Path) -> list[Path]:
    """The files in which `learn` keeps its state."""
    return sorted(work.glob("*.state"))


def _file_name(name: str) -> str:
    return name.replace(" ", "-").replace("/", "-")


def _logged(log: Log, tell: Callable[[TrainingEvent], None]) -> Callable[[TrainingEvent], None]:
    def on_event(event: TrainingEvent) -> None:
        if isinstance(event, EpochDone):
            log.write(event.epoch, loss=event.loss)
        tell(event)

    return on_event
