"""One file that is a model: its weights as safetensors, and in the file's metadata all that is needed to use them.

FORMAT (to be specified here: keys of the JSON in the metadata, names of the tensors, version)
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from vtn_stream.model import VTNConfig
from vtn_stream.sampling import ClipWindow
from vtn_stream.track import OperatingPoint, Recipe

if TYPE_CHECKING:
    from vtn_stream.model import VTN

__all__ = ["FORMAT_VERSION", "Checkpoint", "load_checkpoint", "save_checkpoint"]

FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checkpoint:
    """A model and what it means.

    labels            of its K classes, in order
    recipe            what the embeddings mean that it was trained on; its fps is the rate of the grid
    window            how it slides over a film
    operating_point   from which score a class holds; operating_points: of single labels that have their own
    training          provenance of the weights, JSON values
    tensors           encoder.* and head.*, as in VTN.state_dict()
    backbone          the image network's tensors by timm's names; None where the recipe's digest names them
    digest            of all of it: what a timeline says it was drawn by
    """

    config: VTNConfig
    labels: tuple[str, ...]
    recipe: Recipe
    window: ClipWindow
    operating_point: OperatingPoint
    operating_points: Mapping[str, OperatingPoint] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    tensors: Mapping[str, Tensor]
    backbone: Mapping[str, Tensor] | None = None
    digest: str = ""

    def network(self) -> "VTN":
        """The network without its backbone, in evaluation mode."""
        raise NotImplementedError


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Atomic. Raises CheckpointError where it cannot be written."""
    raise NotImplementedError


def load_checkpoint(path: Path) -> Checkpoint:
    """Raises CheckpointError on anything that `save_checkpoint` did not write."""
    raise NotImplementedError
