"""The version of this program, as timelines and checkpoints state it. Imports nothing."""

__all__ = ["__version__"]

__version__ = "0.2.0"
