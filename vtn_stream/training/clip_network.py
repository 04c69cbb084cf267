"""The network that a recipe of the paper trains, with its first weights: pretrained, of a model, or random."""

from dataclasses import dataclass
from typing import Any

import torch

from vtn_stream.backbone import TrainableBackbone, trainable, weights_digest
from vtn_stream.checkpoints import Checkpoint
from vtn_stream.errors import BackboneError, InputError
from vtn_stream.model import VTN
from vtn_stream.training.clip_plan import ClipPlan
from vtn_stream.training.options import TrainingOptions

__all__ = ["Begun", "begin"]

LAST_LAYER = ("head.out.weight", "head.out.bias")  # a row for each label


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Begun:
    """A network before its first step.

    network   in training mode, on the CPU
    source    where the first weights of its image network came from; digest, theirs
    notes     what a reader of the model's card should know of them, a sentence each
    """

    network: VTN
    source: str
    digest: str
    notes: tuple[str, ...] = ()


def begin(plan: ClipPlan, options: TrainingOptions) -> Begun:
    """The network with its first weights. What is random in them depends on the seed alone.

    Raises BackboneError for weights that do not fit; InputError for a model whose image network is not at hand.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.settings.seed)
        backbone, notes = _backbone(plan, options)
        network = VTN(plan.config, backbone)
    source = backbone.source
    if plan.base is not None:
        source = f"the model {plan.base.name}"
        notes += _take(network, plan.base, plan.lists.labels)
    return Begun(network=network, source=source, digest=weights_digest(backbone.state_dict()), notes=notes)


def _backbone(plan: ClipPlan, options: TrainingOptions) -> tuple[TrainableBackbone, tuple[str, ...]]:
    learning = plan.settings.backbone
    assert learning is not None
    asked: dict[str, Any] = {"recipe": plan.recipe, "blocks": learning.blocks, "drop_path": learning.drop_path}
    if plan.base is not None:
        weights = plan.base.backbone if options.weights is None else options.weights
        backbone = trainable(plan.config.backbone, weights, **asked)
        if weights_digest(backbone.state_dict()) != plan.base.recipe.weights:
            raise InputError(
                f"the weights of {plan.config.backbone} are not those that {plan.base.name} was trained with",
                "nothing was trained",
                "give those with --weights, or a model file that holds them",
            )
        return backbone, ()
    if options.weights is not None:
        return trainable(plan.config.backbone, options.weights, **asked), ()
    try:
        return trainable(plan.start, None, **asked), ()
    except BackboneError as error:
        backbone = trainable(plan.config.backbone, None, random=True, **asked)
        note = f"The image network starts from random numbers: {error.fact}."
        return backbone, (note,)


def _take(network: VTN, base: Checkpoint, labels: tuple[str, ...]) -> tuple[str, ...]:
    """Gives the network the model's encoder and head. Of the last layer, it takes the rows of labels that both know;
    those of others stay as they were drawn. Raises InputError where the encoder was changed so that nothing fits.
    """
    weights = network.state_dict()
    known = {label: row for row, label in enumerate(base.labels)}
    pairs = [(row, known[label]) for row, label in enumerate(labels) if label in known]
    for name, tensor in base.tensors.items():
        if name in LAST_LAYER:
            for row, other in pairs:
                weights[name][row] = tensor[other]
        elif name in weights and weights[name].shape == tensor.shape:
            weights[name].copy_(tensor)
        else:
            raise InputError(
                f"{name} of {base.name} does not fit the network that was set",
                "nothing was trained",
                "leave out what changes the sizes of the encoder, or leave out --from",
            )
    if lacking := [name for name in weights if not name.startswith("backbone.") and name not in base.tensors]:
        raise InputError(
            f"{base.name} has no {lacking[0]}, which the network that was set has",
            "nothing was trained",
            "leave out what changes the encoder, or leave out --from",
        )
    num_new = len(labels) - len(pairs)
    return (f"{num_new} of {len(labels)} labels are new to {base.name}; it started them at random.",) if num_new else ()
