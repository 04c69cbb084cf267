"""Files <-> models: network, labels, recipe, window, operating points. Knows no film. Importing it is light."""

from typing import TYPE_CHECKING, Any

from vtn_stream.checkpoints.catalogue import find_model
from vtn_stream.checkpoints.described import describe_file
from vtn_stream.checkpoints.metadata import FORMAT_VERSIONS, Described

if TYPE_CHECKING:
    from vtn_stream.checkpoints.checkpoint import Checkpoint
    from vtn_stream.checkpoints.file import load_checkpoint, save_checkpoint

__all__ = [
    "FORMAT_VERSIONS",
    "Checkpoint",
    "Described",
    "describe_file",
    "find_model",
    "load_checkpoint",
    "save_checkpoint",
]


def __getattr__(name: str) -> Any:
    if name == "Checkpoint":
        from vtn_stream.checkpoints.checkpoint import Checkpoint

        return Checkpoint
    if name in ("load_checkpoint", "save_checkpoint"):
        from vtn_stream.checkpoints import file

        return getattr(file, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
