"""A model and what it means: network, labels, recipe, window, operating points. Knows no file."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vtn_stream.checkpoints.points import DEFAULT_POINT
from vtn_stream.errors import CheckpointError
from vtn_stream.heads import head_of
from vtn_stream.model import DenseConfig, LocalizationConfig, VTNConfig
from vtn_stream.sampling import ClipWindow
from vtn_stream.track import PICTURE, OperatingPoints, PhaseRules, Recipe, check_inputs

if TYPE_CHECKING:
    from vtn_stream.model import VTN

__all__ = ["Checkpoint", "skeleton"]

_NAME_OF_POINT = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checkpoint:
    """A model and what it means.

    labels            of its K classes, in order
    recipe            what the embeddings of pictures mean that it was trained on; its fps is the rate of the grid
    inputs            what it reads of each frame, in the order of columns: embeddings of the picture, of changes
    window            how it slides over a film
    operating_points  from which score a class holds
    points            others by the names by which they are asked for
    instants          labels of events that have no length: a timeline shows when each happens
    phase_rules       of a dense head, for all its outputs; None: the most likely label counts, however briefly
    training          provenance of the weights, JSON values
    tensors           encoder.* and head.*, as in VTN.state_dict()
    backbone          the image network's tensors by timm's names; None if the recipe's digest names them
    digest            of all of it: what a timeline says it was drawn by; empty before it is saved
    name              for people: that of its file, without folder and suffix; empty before it is loaded

    Raises ValueError if labels, head, recipe and operating points do not agree.
    """

    config: VTNConfig
    labels: tuple[str, ...]
    recipe: Recipe
    inputs: tuple[str, ...] = (PICTURE,)
    window: ClipWindow
    operating_points: OperatingPoints
    points: Mapping[str, OperatingPoints] = field(default_factory=dict)
    instants: tuple[str, ...] = ()
    phase_rules: PhaseRules | None = None
    training: Mapping[str, Any] = field(default_factory=dict)
    tensors: Mapping[str, Tensor] = field(repr=False)
    backbone: Mapping[str, Tensor] | None = field(default=None, repr=False)
    digest: str = ""
    name: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", tuple(self.labels))
        if len(self.labels) != self.config.head.num_classes:
            raise ValueError(f"{len(self.labels)} labels, and a head of {self.config.head.num_classes} classes")
        if not all(isinstance(label, str) and label.strip() for label in self.labels):
            raise ValueError("a label is empty, or not a text")
        if len(set(self.labels)) < len(self.labels):
            raise ValueError("two labels are the same")
        if self.recipe.backbone != self.config.backbone:
            names = [name[:100] for name in (self.recipe.backbone, self.config.backbone)]
            raise ValueError("the recipe is for {}, the network for {}".format(*names))
        object.__setattr__(self, "inputs", tuple(self.inputs))
        check_inputs(self.inputs)
        if self.recipe.input != PICTURE:
            raise ValueError("the recipe is not that of the picture")
        if self.config.encoder.input_width % len(self.inputs):
            raise ValueError(f"{self.config.encoder.input_width} columns are not those of {len(self.inputs)} inputs")
        for points in (self.operating_points, *self.points.values()):
            if strangers := set(points.own) - set(self.labels):
                raise ValueError(f"an operating point is for an unknown label: {min(strangers)[:100]}")
        if not all(_NAME_OF_POINT.fullmatch(name) and name != DEFAULT_POINT for name in self.points):
            raise ValueError("an operating point has a name that cannot be asked for")
        object.__setattr__(self, "instants", tuple(self.instants))
        if len({*self.instants} & {*self.labels}) < len(self.instants):
            raise ValueError("an instant is named twice, or is not one of the labels")
        if self.instants and head_of(self.config.head).drawing != "spans":
            raise ValueError("what the head finds has a length, but some labels are instants")
        if self.phase_rules is not None:
            head = self.config.head
            if head_of(head).drawing != "phases" or len(self.phase_rules.min_positions) != head.num_outputs:
                raise ValueError("phase rules do not fit the head's outputs")

    @property
    def is_streamable(self) -> bool:
        """Whether what it says of a moment depends on what is near in time alone: then a film can be followed to the
        timeline that its analysis gives.
        """
        head, is_local = self.config.head, self.config.is_local
        if isinstance(head, LocalizationConfig):
            return is_local and head.in_blocks
        if isinstance(head, DenseConfig):
            return is_local and (self.phase_rules is None or self.phase_rules.lag is not None)
        return head_of(head).names_clips  # from window to window; of other heads of plug-ins nobody knows

    def operating_points_at(self, point: str | None) -> OperatingPoints:
        """Those of a name; None: the default ones. Raises CheckpointError for a name that the model does not have."""
        if point is None:
            return self.operating_points
        if point not in self.points:
            model = self.name or "the model"
            raise CheckpointError(
                f"{model} has no operating point named {point[:100]}",
                "nothing was done",
                f"leave out --point, or give one of its points: {', '.join(sorted(self.points))}"
                if self.points
                else "leave out --point: it has only its default one",
            )
        return self.points[point]

    def network(self) -> "VTN":
        """The network without its backbone, in evaluation mode. Its parameters are these tensors, not copies."""
        network = skeleton(self.config)
        network.load_state_dict(dict(self.tensors), strict=True, assign=True)
        return network.eval()


def skeleton(config: VTNConfig) -> "VTN":
    """The network's names and shapes without values: drawing random weights that are replaced would cost a second."""
    from vtn_stream.model import VTN

    with torch.device("meta"):
        return VTN(config)
