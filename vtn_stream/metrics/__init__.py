"""How good a timeline is. Knows numpy and the timeline only."""

from vtn_stream.metrics.boundaries import boundary_f1

__all__ = ["boundary_f1"]
