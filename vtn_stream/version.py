"""The version of this program, which timelines and checkpoints carry. Imports nothing."""

__all__ = ["__version__"]

__version__ = "0.2.0"
