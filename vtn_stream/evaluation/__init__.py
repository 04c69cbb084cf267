"""How good timelines are: predictions of any origin against annotations of any format."""

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
