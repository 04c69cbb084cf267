"""Writes the results of a training: the checkpoint, its model card, plots. No path and no name of a machine is in
them.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from vtn_stream.atomic import write_whole
from vtn_stream.checkpoints import Checkpoint, save_checkpoint
from vtn_stream.checkpoints.training_films import FILM_DIGESTS, TrainingFilms
from vtn_stream.errors import CheckpointError, InputError, TrainingError, VtnStreamError
from vtn_stream.evaluation import save_pictures
from vtn_stream.heads import HEADS, head_of
from vtn_stream.metrics import THUMOS14
from vtn_stream.model import EncoderConfig
from vtn_stream.report.card import CardFacts, SplitFacts, model_card
from vtn_stream.sampling import ClipWindow
from vtn_stream.track import Recipe
from vtn_stream.training.exam import Exam
from vtn_stream.training.films import TrainingFilm
from vtn_stream.training.learn import Learnt, taught_by
from vtn_stream.training.prepare import Material
from vtn_stream.version import __version__

__all__ = ["card_file", "plots_folder", "write"]


def card_file(output: Path) -> Path:
    """The path of the model card for the model in that file."""
    return output.with_suffix(".md")


def plots_folder(output: Path) -> Path:
    return output.with_suffix(".plots")


def write(material: Material, learnt: Learnt, recipe: Recipe, output: Path) -> tuple[Path, ...]:
    """Writes the files and returns the plots. The model is last: if it is there, so are the others. Raises
    TrainingError.
    """
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        plots = () if learnt.exam is None else tuple(save_pictures(learnt.exam.scores, plots_folder(output)))
        write_whole(card_file(output), [model_card(_card(material, learnt, recipe, output, plots)).encode()])
        save_checkpoint(_checkpoint(material, learnt, recipe), output)
    except (OSError, InputError, CheckpointError) as error:
        raise TrainingError(
            f"{output.name} cannot be written ({_reason(error)})",
            "the trained weights are kept in the training's folder",
            "free some space, and run again to continue",
        ) from error
    return plots


def _card(material: Material, learnt: Learnt, recipe: Recipe, output: Path, plots: Sequence[Path]) -> CardFacts:
    exam, settings = learnt.exam, learnt.settings
    return CardFacts(
        name=output.name,
        description=HEADS[material.head].description,
        has_rules=learnt.rules is not None,
        labels=material.labels,
        backbone=recipe.backbone,
        fps=float(recipe.fps),
        splits=tuple(
            _split(name, films, material.labels)
            for name, films in (("training", material.films), ("held out", material.held_out))
            if films or name == "training"
        ),
        settings={
            "seed": settings.seed,
            "epochs": learnt.fitted.num_epochs,
            "positions per crop": settings.crop_positions,
            "crops per batch": settings.batch_size,
            "learning rate": settings.learning_rate,
            "weight decay": settings.weight_decay,
            "width": settings.encoder.width,
            "layers": settings.encoder.num_layers,
            "attention window, positions": settings.encoder.attention_windows[0],
            "inputs": ", ".join(learnt.way.inputs),
            "motion": _motion(settings.encoder),
        },
        provenance={"vtn-stream": __version__, "weights of the image network": recipe.weights},
        figures={} if exam is None else exam.figures,
        classes=() if exam is None else exam.classes,
        tious=() if exam is None or exam.scores.detection is None else THUMOS14,
        mistakes=() if exam is None else exam.mistakes,
        plots={file.stem.replace("-", " "): f"{file.parent.name}/{file.name}" for file in plots},
        notes=material.notes + learnt.notes + _tried(learnt),
    )


def _tried(learnt: Learnt) -> tuple[str, ...]:
    if len(learnt.tried) < 2:
        return ()
    worths = ", ".join(f"{100 * value:.1f} % {name}" for name, value in learnt.tried.items())
    metric = head_of(learnt.settings.head).metric_name
    return (f"{metric} on films that were not learnt: {worths}; the best one was kept.",)


def _motion(encoder: EncoderConfig) -> str:
    """What the network reads of motion, in words."""
    for name, lags in (("changes", encoder.difference_lags), ("sizes of changes", encoder.magnitude_lags)):
        if lags:
            return f"{name} since {' and '.join(map(str, lags))} positions ago"
    return "not read"


def _checkpoint(material: Material, learnt: Learnt, recipe: Recipe) -> Checkpoint:
    network = learnt.fitted.network
    tensors = {name: tensor.detach().cpu() for name, tensor in network.state_dict().items()}
    lengths = [len(film.values) for film in material.films]
    num = round(float(np.median(lengths))) if HEADS[material.head].names_clips else learnt.settings.crop_positions
    return Checkpoint(
        config=network.config,
        labels=material.labels,
        recipe=recipe,
        inputs=material.inputs,
        window=ClipWindow(num_positions=num, stride=max(1, num // 2)),
        operating_points=learnt.points,
        phase_rules=learnt.rules,
        training=_provenance(material, learnt) | {FILM_DIGESTS: _films(material, tensors).to_dict()},
        tensors=tensors,
    )


def _films(material: Material, tensors: Mapping[str, Tensor]) -> TrainingFilms:
    """The digests of the films. Their salt is of the weights: no other model has it, and the same training gives the
    same bytes.
    """
    salt = hashlib.blake2b(digest_size=16)
    for name, tensor in sorted(tensors.items()):
        salt.update(name.encode() + tensor.numpy().tobytes())
    return TrainingFilms.of_identities((film.identity for film in material.films), (), salt.hexdigest())


def _provenance(material: Material, learnt: Learnt) -> dict[str, Any]:
    """The provenance as JSON values, without paths, film names and times."""
    fitted, settings = learnt.fitted, learnt.settings
    return {
        "vtn_stream": __version__,
        "seed": settings.seed,
        "head": material.head,
        "training": asdict(_split("training", material.films, material.labels)),
        "epochs": fitted.num_epochs,
        "folds": len(set(material.folds)),
        "way": learnt.way.name,
        "metric": head_of(settings.head).metric_name,
        "tried": {name: round(value, 4) for name, value in learnt.tried.items()},
        "crop_positions": settings.crop_positions,
        "batch_size": settings.batch_size,
        "learning_rate": settings.learning_rate,
        "figures": {} if learnt.exam is None else {k: round(v, 4) for k, v in learnt.exam.figures.items()},
        "notes": list(learnt.notes),
    } | ({} if learnt.held_out is None else {"held_out": _held_out(material, learnt.held_out)})


def _held_out(material: Material, exam: Exam) -> dict[str, Any]:
    """What the films that are held out are, and the finished model's figures on them."""
    facts = asdict(_split("held out", material.held_out, material.labels))
    return facts | {"figures": {name: round(value, 4) for name, value in exam.figures.items()}}


def _split(name: str, films: Sequence[TrainingFilm], labels: Sequence[str]) -> SplitFacts:
    counts = Counter(label for film in films for label in taught_by(film))
    hours = sum(film.duration_s for film in films) / 3600
    return SplitFacts(
        name=name,
        num_films=len(films),
        hours=round(hours, 4),
        num_segments={label: counts[label] for label in labels},
    )


def _reason(error: OSError | VtnStreamError) -> str:
    if isinstance(error, VtnStreamError):
        return error.fact
    return error.strerror or type(error).__name__
