"""teach(annotations, videos) -> a model: the table of contents of `vtn-stream train`.

annotations -> films -> embeddings -> one network with motion and one without -> the better on the validation films
            -> operating points, rules of phases -> checkpoint, model card, plots
"""

import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np

import vtn_stream
from vtn_stream.atomic import write_whole
from vtn_stream.backbone import FrameEncoder
from vtn_stream.checkpoints import Checkpoint, save_checkpoint
from vtn_stream.embedding import DEFAULT_BACKBONE
from vtn_stream.errors import TrainingError
from vtn_stream.metrics import THUMOS14, detection_map
from vtn_stream.model import DenseConfig
from vtn_stream.report.card import CardFacts, SplitFacts, model_card
from vtn_stream.sampling import ClipWindow
from vtn_stream.scoring import save_pictures
from vtn_stream.store import EmbeddingStore
from vtn_stream.track import GridScores, OperatingPoint, PhaseRules
from vtn_stream.training.events import EpochDone, Event, Head, Stage, Taught
from vtn_stream.training.exam import Exam, examine
from vtn_stream.training.films import TrainingFilm
from vtn_stream.training.fitting import (
    NO_THRESHOLD,
    AtPoint,
    as_operating_points,
    clip_points,
    detection_points,
    phase_rules,
)
from vtn_stream.training.log import Log
from vtn_stream.training.loop import Fitted, fit
from vtn_stream.training.prepare import Material, prepare
from vtn_stream.training.settings import Settings, natural_settings
from vtn_stream.training.validation import all_spans, predict
from vtn_stream.video import DecodingProcess

__all__ = ["learn", "teach"]


def teach(
    annotations: Path,
    videos: Path,
    output: Path,
    *,
    head: Literal["auto"] | Head = "auto",
    fps: float | Fraction | str | None = None,
    backbone: str | None = None,
    weights: Path | None = None,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    store: Path | None = None,
    seed: int = 0,
    epochs: int | None = None,
    skip_bad: bool = False,
    anyway: bool = False,
    overwrite: bool = False,
    log: Path | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> Taught:
    """Train a model on annotated films, and say what it is worth on those that were held back.

    annotations  a file or a folder of them; videos, the folder of the films
    output       the model's file; its card and plots are written beside it
    device       of the image network, and of the training
    store        folder of the embeddings; by default in the user's cache
    epochs       by default as the data asks for
    log          folder of TensorBoard's curves and of the state of a training that was killed: the same call goes on
                 after the last whole epoch, to the same bits on the same machine. By default MODEL.training

    Raises TrainingError, and what `prepare` raises.
    """
    work = output.with_suffix(".training") if log is None else log
    _claim(output, overwrite=overwrite)
    tell = on_event or (lambda event: None)
    encoders: list[FrameEncoder] = []

    def open_encoder() -> FrameEncoder:
        encoders.append(FrameEncoder(backbone or DEFAULT_BACKBONE, weights=weights, device=device))
        return encoders[0]

    with DecodingProcess() as process:
        material = prepare(
            annotations,
            videos,
            open_encoder,
            EmbeddingStore(store),
            process,
            head=head,
            fps=fps,
            seed=seed,
            skip_bad=skip_bad,
            anyway=anyway,
            on_event=tell,
        )
    encoder = encoders[0]
    learnt = learn(
        material, seed=seed, epochs=epochs, backbone=encoder.name, device=encoder.device, work=work, on_event=tell
    )
    tell(Stage(name="writing"))
    checkpoint = _checkpoint(material, learnt, encoder, seed)
    plots = _write(checkpoint, material, learnt, output)
    for state in work.glob("*.state.npz"):
        state.unlink()
    return Taught(
        model=output,
        card=_card_of(output),
        plots=plots,
        log=work,
        figures={} if learnt.exam is None else learnt.exam.figures,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Learnt:
    """A network, and what was fitted on the validation films; exam: None where there are none.

    tried  the metric of each way that was tried, by name: with motion and without
    """

    settings: Settings
    fitted: Fitted
    point: OperatingPoint
    points: dict[str, OperatingPoint]
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
    on_event: Callable[[Event], None] | None = None,
) -> Learnt:
    """All of `teach` but files and films. work: where its state and its curves are kept; None: nowhere."""
    tell = on_event or (lambda event: None)
    fps, labels, validation = material.plan.fps, material.labels, material.validation
    ways: dict[str, tuple[Settings, Fitted]] = {}
    # Without validation films nothing says that motion does harm; with them, both are tried.
    for name, motion in [("motion", True), ("no motion", False)][: 2 if validation else 1]:
        settings = natural_settings(
            material.training, labels, material.head, fps, motion=motion, seed=seed, num_epochs=epochs
        )
        tell(Stage(name=f"training with {name}"))
        curves = None if work is None else Log(work / name.replace(" ", "-"))
        fitted = fit(
            material.training,
            validation,
            labels,
            settings,
            fps,
            backbone=backbone,
            device=device,
            state=None if work is None else work / f"{name.replace(' ', '-')}.state.npz",
            on_event=_logged(curves, tell),
        )
        ways[name] = (settings, fitted)
    best = max(ways, key=lambda name: ways[name][1].best or 0.0)  # of equals the first
    settings, fitted = ways[best]
    with tempfile.TemporaryDirectory() as scratch:
        predictions = [predict(fitted.network, film, fps, Path(scratch)) for film in validation]
    at, (point, points) = _points(material, predictions)
    rules = None
    if isinstance(settings.head, DenseConfig):
        nothing = settings.head.nothing
        rules = phase_rules(material.training, validation, predictions, labels, nothing=nothing)
    exam = examine(validation, predictions, labels, material.head, at, (point, points), rules) if validation else None
    notes = (*material.notes, *fitted.notes)
    if not validation:
        notes += ("There were no validation films: nothing was measured, and no threshold was fitted.",)
    return Learnt(
        settings=settings,
        fitted=fitted,
        point=point,
        points=points,
        rules=rules,
        exam=exam,
        tried={name: fitted.best for name, (_, fitted) in ways.items()},
        notes=notes,
    )


def _logged(log: Log | None, tell: Callable[[Event], None]) -> Callable[[Event], None]:
    def on_event(event: Event) -> None:
        if log is not None and isinstance(event, EpochDone):
            scalars = {"loss": event.loss} | ({} if event.metric is None else {event.metric_name: event.metric})
            log.write(event.epoch, **scalars)
        tell(event)

    return on_event


def _points(
    material: Material, predictions: Sequence[GridScores]
) -> tuple[dict[str, AtPoint], tuple[OperatingPoint, dict[str, OperatingPoint]]]:
    """Thresholds as the head needs them. A dense head needs none: its rules draw the timeline."""
    films, labels = material.validation, material.labels
    if material.head == "dense":
        return {}, (NO_THRESHOLD, {})
    if not films:
        return {}, as_operating_points({})
    if material.head == "classification":
        clips = [p.clip for p in predictions if p.clip is not None]
        truth = np.array([labels.index(film.clip_label or "") for film in films])
        at = {labels[k]: point for k, point in clip_points(np.stack(clips), truth).items()}
    else:
        truth_of = {film.name: film.segments for film in films}
        known = {s.label for segments in truth_of.values() for s in segments}
        found = {
            f.name: [s for s in all_spans(p, f, labels) if s.label in known]
            for p, f in zip(predictions, films, strict=True)
        }
        at = detection_points(detection_map(found, truth_of, THUMOS14))
    return at, as_operating_points(at)


def _checkpoint(material: Material, learnt: Learnt, encoder: FrameEncoder, seed: int) -> Checkpoint:
    network, fps = learnt.fitted.network, material.plan.fps
    lengths = [len(film.values) for film in material.training]
    num = round(float(np.median(lengths))) if material.head == "classification" else learnt.settings.crop_positions
    return Checkpoint(
        config=network.config,
        labels=material.labels,
        recipe=encoder.recipe(fps),
        window=ClipWindow(num_positions=num, stride=max(1, num // 2)),
        operating_point=learnt.point,
        operating_points=learnt.points,
        phase_rules=learnt.rules,
        training=_provenance(material, learnt, seed),
        tensors={name: tensor.detach().cpu() for name, tensor in network.state_dict().items()},
    )


def _provenance(material: Material, learnt: Learnt, seed: int) -> dict[str, Any]:
    """JSON values: no path, no film's name, no time."""
    fitted, settings = learnt.fitted, learnt.settings
    return {
        "vtn_stream": vtn_stream.__version__,
        "seed": seed,
        "head": material.head,
        "training": asdict(_split("training", material.training, material.labels)),
        "validation": asdict(_split("validation", material.validation, material.labels)),
        "epochs": fitted.num_epochs,
        "epoch": fitted.epoch,
        "metric": fitted.metric_name,
        "tried": {name: None if value is None else round(value, 4) for name, value in learnt.tried.items()},
        "crop_positions": settings.crop_positions,
        "batch_size": settings.batch_size,
        "learning_rate": settings.learning_rate,
        "figures": {} if learnt.exam is None else {k: round(v, 4) for k, v in learnt.exam.figures.items()},
        "notes": list(learnt.notes),
    }


def _split(name: str, films: Sequence[TrainingFilm], labels: Sequence[str]) -> SplitFacts:
    counts = Counter(label for film in films for label in _examples(film))
    hours = sum(film.duration_s for film in films) / 3600
    return SplitFacts(
        name=name,
        num_films=len(films),
        hours=round(hours, 4),
        num_segments={label: counts[label] for label in labels},
    )


def _examples(film: TrainingFilm) -> list[str]:
    return [s.label for s in film.segments] if film.clip_label is None else [film.clip_label]


def _write(checkpoint: Checkpoint, material: Material, learnt: Learnt, output: Path) -> tuple[Path, ...]:
    """The model last: where it is the others are."""
    exam, settings = learnt.exam, learnt.settings
    folder = output.with_suffix(".plots")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        plots = () if exam is None else tuple(save_pictures(exam.scores, folder))
        facts = CardFacts(
            name=output.name,
            head=material.head,
            labels=material.labels,
            backbone=checkpoint.recipe.backbone,
            fps=float(checkpoint.recipe.fps),
            splits=tuple(
                _split(name, films, material.labels)
                for name, films in (("training", material.training), ("validation", material.validation))
            ),
            settings={
                "seed": settings.seed,
                "epochs": learnt.fitted.num_epochs,
                "best epoch": learnt.fitted.epoch,
                "positions learnt at once": settings.crop_positions,
                "crops in a batch": settings.batch_size,
                "learning rate": settings.learning_rate,
                "weight decay": settings.weight_decay,
                "width": settings.encoder.width,
                "layers": settings.encoder.num_layers,
                "attention window, positions": settings.encoder.attention_windows[0],
                "motion, lags in positions": ", ".join(map(str, settings.encoder.difference_lags)) or "none",
            },
            provenance={
                "vtn-stream": vtn_stream.__version__,
                "weights of the image network": checkpoint.recipe.weights,
            },
            figures={} if exam is None else exam.figures,
            classes=() if exam is None else exam.classes,
            tious=() if exam is None or exam.scores.detection is None else THUMOS14,
            mistakes=() if exam is None else exam.mistakes,
            plots={file.stem.replace("-", " "): f"{folder.name}/{file.name}" for file in plots},
            notes=learnt.notes + _tried(learnt),
        )
        write_whole(_card_of(output), [model_card(facts).encode()])
        save_checkpoint(checkpoint, output)
    except OSError as error:
        raise TrainingError(
            f"{output.name} cannot be written ({error.strerror})",
            "what was learnt is kept in the training's folder",
            "free some space, and run again: it goes on there",
        ) from error
    return plots


def _tried(learnt: Learnt) -> tuple[str, ...]:
    if len(learnt.tried) < 2:
        return ()
    worths = " and ".join(f"{100 * (value or 0):.1f} % {name}" for name, value in learnt.tried.items())
    return (f"{learnt.fitted.metric_name} on the validation films: {worths}; the better was kept.",)


def _card_of(output: Path) -> Path:
    return output.with_suffix(".md")


def _claim(output: Path, *, overwrite: bool) -> None:
    """Before hours of work: the model can be written, and nothing is in the way."""
    if output.exists() and not overwrite:
        raise TrainingError(
            f"{output.name} is there already",
            "it was kept",
            "name another file with -o, or replace it with --overwrite",
        )
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=output.parent).close()
    except OSError as error:
        raise TrainingError(
            f"nothing can be written to {output.parent.name or output.parent} ({error.strerror})",
            "nothing was trained",
            "name another file with -o",
        ) from error
