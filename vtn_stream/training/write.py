"""Writes the results of a training: the checkpoint, its model card, plots. No path and no name of a machine is in
them.
"""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from vtn_stream.atomic import write_whole
from vtn_stream.checkpoints import Checkpoint, save_checkpoint
from vtn_stream.checkpoints.training_films import FILM_DIGESTS, TrainingFilms
from vtn_stream.errors import CheckpointError, InputError, TrainingError, VtnStreamError
from vtn_stream.evaluation import save_pictures
from vtn_stream.heads import HEADS
from vtn_stream.report.card import model_card
from vtn_stream.sampling import ClipWindow
from vtn_stream.track import Recipe
from vtn_stream.training.claim import card_file, plots_folder
from vtn_stream.training.describe import card_facts, provenance
from vtn_stream.training.hyperparameters import Hyperparameters
from vtn_stream.training.learnt import Learnt
from vtn_stream.training.prepare import Material
from vtn_stream.training.regions import of_model

__all__ = ["write"]


def write(material: Material, learnt: Learnt, recipe: Recipe, output: Path) -> tuple[Path, ...]:
    """Writes the files and returns the plots. The model is last: if it is there, so are the others. Raises
    TrainingError.
    """
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        plots = tuple(_plots(learnt, plots_folder(output)))
        checkpoint = _checkpoint(material, learnt, recipe)
        facts = card_facts(material, learnt, recipe, output, plots, is_streamable=checkpoint.is_streamable)
        write_whole(card_file(output), [model_card(facts).encode()])
        save_checkpoint(checkpoint, output)
    except (OSError, InputError, CheckpointError) as error:
        raise TrainingError(
            f"{output.name} cannot be written ({_reason(error)})",
            "the trained weights are kept in the training's folder",
            "free some space, and run again to continue",
        ) from error
    return plots


def _plots(learnt: Learnt, folder: Path) -> Iterator[Path]:
    """Draws what was measured, as files of the folder."""
    from vtn_stream.report import quality_plots

    if learnt.exam is None:
        return
    yield from save_pictures(learnt.exam.scores, folder)
    drawn = {}
    if (sure := learnt.exam.sureness) is not None:
        before, after = ((of.said, of.happened) for of in (sure.before, sure.after))
        drawn["reliability"] = quality_plots.sureness(before, after, sure.after.counts, unit=sure.unit)
    if (curve := learnt.curve) is not None:
        gain = None if curve.gain is None or curve.gain_interval is None else (curve.gain, *curve.gain_interval)
        drawn["learning-curve"] = quality_plots.growth(curve.num_films, curve.figures, name=learnt.exam.main, gain=gain)
    for name, content in drawn.items():
        file = folder / f"{name}.svg"
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, [content])
        yield file


def _checkpoint(material: Material, learnt: Learnt, recipe: Recipe) -> Checkpoint:
    network = learnt.fitted.network
    tensors = {name: tensor.detach().cpu() for name, tensor in network.state_dict().items()}
    lengths = [len(film.values) for film in material.films]
    num = round(float(np.median(lengths)))
    if isinstance(learnt.settings, Hyperparameters) and not HEADS[material.head].names_clips:
        num = learnt.settings.crop_positions
    return Checkpoint(
        config=network.config,
        labels=material.labels,
        recipe=recipe,
        backbone=learnt.backbone or (None if material.base is None else material.base.backbone),
        inputs=learnt.way.inputs,
        window=ClipWindow(num_positions=num, stride=max(1, num // 2)),
        operating_points=learnt.points,
        instants=material.instants,
        phase_rules=learnt.rules,
        training=provenance(material, learnt)
        | _films(material, tensors)
        | of_model([film.region for film in material.films], material.base),
        tensors=tensors,
    )


def _films(material: Material, tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """The digests of the films. Their salt is of the weights: no other model has it, and the same training gives the
    same bytes. A training that goes on from a model keeps its digests, and so its salt; without any, nobody can say
    what the new model learnt.
    """
    identities = [film.identity for film in material.films]
    if material.base is not None:
        earlier = TrainingFilms.of_training(material.base.training)
        return {} if earlier is None else {FILM_DIGESTS: earlier.and_learnt(identities).to_dict()}
    salt = hashlib.blake2b(digest_size=16)
    for name, tensor in sorted(tensors.items()):
        salt.update(name.encode() + tensor.numpy().tobytes())
    return {FILM_DIGESTS: TrainingFilms.of_identities(identities, (), salt.hexdigest()).to_dict()}


def _reason(error: OSError | VtnStreamError) -> str:
    if isinstance(error, VtnStreamError):
        return error.fact
    return error.strerror or type(error).__name__
