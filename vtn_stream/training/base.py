"""The model that a training goes on from: what it fixes, and how its labels stay. K labels."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from torch import Tensor

from vtn_stream.checkpoints import Checkpoint, find_model, load_checkpoint
from vtn_stream.checkpoints.training_films import film_role
from vtn_stream.errors import InputError, listed
from vtn_stream.formats.annotations import AnnotatedVideo
from vtn_stream.heads import HEADS
from vtn_stream.model import VTN, DenseConfig, HeadConfig
from vtn_stream.track import OperatingPoints, PhaseRules
from vtn_stream.training.options import TrainingOptions
from vtn_stream.training.ways import Way

__all__ = [
    "grown",
    "grown_head",
    "is_new",
    "labels_after",
    "load_base",
    "places",
    "points_after",
    "rules_after",
    "way_of",
]


def load_base(options: TrainingOptions) -> Checkpoint | None:
    """The model from which the training goes on, if it does. Raises CheckpointError, and InputError for options that
    the model decides, and for one that cannot be followed where this is asked for.
    """
    if options.model is None:
        return None
    if options.contradicted:
        raise InputError(
            f"{listed(options.contradicted)} cannot be chosen for a training that goes on from a model",
            "nothing was trained",
            "leave that out: the model says it",
        )
    base = load_checkpoint(find_model(options.model))
    if options.streamable and not base.is_streamable:
        raise InputError(
            f"{base.name} cannot be followed: what it says of a moment depends on the whole film",
            "nothing was trained",
            "leave out --streamable; or leave out --from, to train a model that can be followed",
        )
    return base


def is_new(base: Checkpoint, identity: str) -> bool:
    """Whether a film can measure what goes on from this model: it learnt, or chose, nothing from it, and says so."""
    return film_role(base.training, identity) == "new"


def way_of(base: Checkpoint) -> Way:
    """The one way to learn, which is that of the model."""
    if base.config.is_linear:
        return Way(name="linear", inputs=base.inputs, model="linear")
    return Way(name="network", inputs=base.inputs)


def labels_after(
    base: Checkpoint, learnt: Sequence[str], instants: Sequence[str], videos: Mapping[str, AnnotatedVideo]
) -> tuple[str, ...]:
    """Those of the model, then new ones. Raises InputError where a label of instants has got a length, or lost it."""
    there = {s.label for video in videos.values() for s in video.segments}
    odd = [label for label in base.labels if label in there and (label in base.instants) != (label in instants)]
    if odd and HEADS[base.config.head.kind].learns_segments:
        have = "no length" if odd[0] in base.instants else "a length"
        raise InputError(
            f"{listed(odd)}: its events have {have} in {base.name}, and in the annotations they do not agree",
            "nothing was trained",
            "give other names to such events, or train without --from",
        )
    return (*base.labels, *(label for label in learnt if label not in base.labels))


def grown_head(base: Checkpoint, natural: HeadConfig) -> HeadConfig:
    """The model's head with outputs for more labels. natural: what suits the films, of all labels."""
    head = base.config.head
    if isinstance(head, DenseConfig) and isinstance(natural, DenseConfig):
        return replace(head, num_classes=natural.num_classes, nothing=head.nothing or natural.nothing)
    return replace(head, num_classes=natural.num_classes)


def grown(base: Checkpoint, network: VTN) -> dict[str, Tensor]:
    """The weights of the model in a network with such a head; outputs that the model does not have stay as they are."""
    weights = dict(network.state_dict())
    last = places(base, network.config.head.num_outputs)
    for name, tensor in base.tensors.items():
        if weights[name].shape == tensor.shape:
            weights[name] = tensor.clone()
        else:  # of the last layer, a row for each output
            weights[name] = weights[name].clone()
            weights[name][last] = tensor
    return weights


def points_after(base: Checkpoint | None, points: OperatingPoints) -> OperatingPoints:
    """The thresholds that the films gave, and for labels that they do not show those of the model."""
    if base is None or HEADS[base.config.head.kind].drawing == "phases":
        return points
    if not points.own:
        return base.operating_points
    return replace(points, own={**base.operating_points.own, **points.own})


def rules_after(base: Checkpoint | None, rules: PhaseRules | None, num_outputs: int) -> PhaseRules | None:
    """How the labels of the model follow each other, as it says; of new labels, as the films show. The longer lag."""
    if base is None or base.phase_rules is None or rules is None:
        return rules
    last = places(base, num_outputs)
    shortest, cost = np.array(rules.min_positions), np.array(rules.change_cost)
    shortest[last], cost[np.ix_(last, last)] = base.phase_rules.min_positions, base.phase_rules.change_cost
    return PhaseRules(
        min_positions=tuple(shortest.tolist()),
        change_cost=tuple(tuple(row) for row in cost.tolist()),
        lag=None if rules.lag is None else max(rules.lag, base.phase_rules.lag or 0),
    )


def places(base: Checkpoint, num_outputs: int) -> list[int]:
    """Where the outputs of the model are among so many: its labels come first, nothing last."""
    head = base.config.head
    nothing = [num_outputs - 1] if head.num_outputs > head.num_classes else []
    return [*range(head.num_classes), *nothing]
