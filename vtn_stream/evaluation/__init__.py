"""How good timelines are: predictions of any origin against annotations of any format.

Importing this package is light: numpy and the readers load when they are first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vtn_stream.evaluation.figures import (
        Clips,
        Confusion,
        Detection,
        Metric,
        Phases,
        Scores,
        Segmentation,
        Shown,
        Spotting,
    )
    from vtn_stream.evaluation.film_roles import FilmRoles, OwnFigures, own_figures, roles_of_predictions, without_films
    from vtn_stream.evaluation.measure import DEFAULT_FPS, METRICS, score
    from vtn_stream.evaluation.pictures import pictures, save_pictures
    from vtn_stream.evaluation.predictions import Prediction, failed_films, of_analysis, of_timeline, read_predictions
    from vtn_stream.evaluation.scored_films import Part, ScoredFilm, chosen

__all__ = [
    "DEFAULT_FPS",
    "METRICS",
    "Clips",
    "Confusion",
    "Detection",
    "FilmRoles",
    "Metric",
    "OwnFigures",
    "Part",
    "Phases",
    "Prediction",
    "ScoredFilm",
    "Scores",
    "Segmentation",
    "Shown",
    "Spotting",
    "chosen",
    "failed_films",
    "of_analysis",
    "of_timeline",
    "own_figures",
    "pictures",
    "read_predictions",
    "roles_of_predictions",
    "save_pictures",
    "score",
    "without_films",
]

_NAMES = {
    "figures": ("Clips", "Confusion", "Detection", "Metric", "Phases", "Scores", "Segmentation", "Shown", "Spotting"),
    "film_roles": ("FilmRoles", "OwnFigures", "own_figures", "roles_of_predictions", "without_films"),
    "measure": ("DEFAULT_FPS", "METRICS", "score"),
    "pictures": ("pictures", "save_pictures"),
    "predictions": ("Prediction", "failed_films", "of_analysis", "of_timeline", "read_predictions"),
    "scored_films": ("Part", "ScoredFilm", "chosen"),
}
_MODULES = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
