"""Files <-> models: network, labels, recipe, window, operating points. Knows no film."""

from vtn_stream.checkpoints.catalogue import find_model
from vtn_stream.checkpoints.checkpoint import Checkpoint
from vtn_stream.checkpoints.file import FORMAT_VERSION, load_checkpoint, save_checkpoint

__all__ = ["FORMAT_VERSION", "Checkpoint", "find_model", "load_checkpoint", "save_checkpoint"]
