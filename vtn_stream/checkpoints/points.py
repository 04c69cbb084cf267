"""What was measured of a model at each of its operating points, as its provenance says it. Loads no torch."""

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["DEFAULT_POINT", "POINT_FIGURES", "point_figures"]

# In a checkpoint's training: {name of a point: {figure: number}}, for people and programs.
POINT_FIGURES: Final = "points"
DEFAULT_POINT: Final = "default"  # the name there of the one that needs no --point; no other has it


def point_figures(training: Mapping[str, Any], name: str | None) -> dict[str, float]:
    """The figures of a point by their names; None: of the default one. Empty where the model does not say."""
    given = training.get(POINT_FIGURES)
    figures = given.get(DEFAULT_POINT if name is None else name) if isinstance(given, Mapping) else None
    if not isinstance(figures, Mapping):
        return {}
    return {str(what): float(value) for what, value in figures.items() if type(value) in (int, float)}
