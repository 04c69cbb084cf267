"""The results of an evaluation: every figure by its name.

C classes, K tIoU thresholds, D tolerances, V films
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vtn_stream.evaluation.scored_films import ScoredFilm
from vtn_stream.evaluation.tally import Tally
from vtn_stream.metrics import (
    DetectionScores,
    PhaseMeasure,
    PhaseScores,
    ProposalScores,
    SegmentationScores,
    SpotScores,
    WindowScores,
)

__all__ = [
    "ClipRule",
    "Clips",
    "Confusion",
    "Detection",
    "Metric",
    "PhaseForm",
    "Phases",
    "Scores",
    "Segmentation",
    "Shown",
    "Spotting",
]

Metric = Literal["detection", "spotting", "segmentation", "phases", "clips"]
ClipRule = Literal["label", "share of time", "highest score"]
PhaseForm = Literal["strict", "relaxed, exact", "relaxed, corrected"]

MAX_CONFUSED = 2000  # labels: for more, confusions are not listed
PROPOSALS_TOLD = (1, 5, 10, 50, 100)  # per film, of AR@AN


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the timelines show, matched as for detection at one tIoU: num_hits of num_found are right."""

    num_true: int
    num_found: int
    num_hits: int

    @property
    def precision(self) -> float:
        return self.num_hits / self.num_found if self.num_found else math.nan

    @property
    def recall(self) -> float:
        return self.num_hits / self.num_true if self.num_true else math.nan

    @property
    def f1(self) -> float:
        return 2 * self.num_hits / max(self.num_true + self.num_found, 1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Detection:
    """ranked: average precision of all candidates. shown: of each class what the timelines show, at tIoU shown_tiou;
    total: of all classes, labels that no scored film has among them.
    """

    ranked: DetectionScores
    proposals: ProposalScores
    shown_tiou: float
    shown: Mapping[str, Shown]
    total: Shown

    def to_dict(self) -> dict[str, Any]:
        of = {
            float(n): float(r) for n, r in zip(self.proposals.num_per_video, self.proposals.average_recall, strict=True)
        }
        return {
            "tiou": list(self.ranked.thresholds),
            "mean_ap": _shares(self.ranked.mean_ap),
            "average_map": _share(self.ranked.average_map),
            "average_recall": {str(n): _share(of[n]) for n in PROPOSALS_TOLD},
            "average_recall_area": _share(self.proposals.area),
            "shown": {"tiou": self.shown_tiou, **_of_shown(self.total)},
            "classes": {
                label: {
                    "ap": _shares(scores.ap),
                    "average_ap": _share(float(scores.ap.mean())),
                    **_of_shown(self.shown[label]),
                }
                for label, scores in self.ranked.classes.items()
            },
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spotting:
    """Of events without a length. Average precision of all candidates, None where not every one has a score:

    tight, loose     SoccerNet's, over its windows, of all `labels`
    seconds, frames  at tolerances in seconds, or in frames of the annotations; None also if that was not measured

    shown: of each class what the timelines show, matched within shown_within_s; total: of all classes, labels that no
    scored film has among them.
    """

    labels: tuple[str, ...]
    tight: WindowScores | None
    loose: WindowScores | None
    seconds: SpotScores | None
    frames: SpotScores | None
    shown_within_s: float
    shown: Mapping[str, Shown]
    total: Shown

    def to_dict(self) -> dict[str, Any]:
        windows = {"tight": self.tight, "loose": self.loose}
        tolerances = {"seconds": self.seconds, "frames": self.frames}
        return {
            **{
                name: None
                if of is None
                else {
                    "average_map": _share(of.average_map),
                    "window_s": list(of.widths_s),
                    "mean_ap": _shares(of.mean_ap),
                }
                for name, of in windows.items()
            },
            **{
                name: None if of is None else {"tolerance": list(of.tolerances), "mean_ap": _shares(of.mean_ap)}
                for name, of in tolerances.items()
            },
            "shown": {"within_s": self.shown_within_s, **_of_shown(self.total)},
            "classes": {
                label: {
                    **{name: None if of is None else _share(of.average_ap(label)) for name, of in windows.items()},
                    **{
                        name: _shares(of.classes[label].ap) if of is not None and label in of.classes else None
                        for name, of in tolerances.items()
                    },
                    **_of_shown(self.shown[label]),
                }
                for label in self.labels
            },
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Confusion:
    """Which label was predicted for which: int64 [C + 1, C + 1], rows true, columns predicted, the last of each
    nothing.

    labels  those that occur, on either side
    """

    labels: tuple[str, ...]
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, true: NDArray[np.int32], predicted: NDArray[np.int32], labels: Sequence[str]) -> "Confusion | None":
        """The confusion of labels given as numbers, K for nothing; None for more labels than are worth listing."""
        used = np.union1d(true, predicted)
        used = np.append(used[used < len(labels)], len(labels))
        if len(used) > MAX_CONFUSED:
            return None
        rows, columns = np.searchsorted(used, true), np.searchsorted(used, predicted)
        counts = np.bincount(rows * len(used) + columns, minlength=len(used) ** 2)
        return cls(labels=tuple(labels[k] for k in used[:-1]), counts=counts.reshape(len(used), len(used)))

    def to_list(self, unit: str) -> list[dict[str, Any]]:
        """The pairs that occur, the most frequent first; None stands for nothing."""
        names = [*self.labels, None]
        rows, columns = np.nonzero(self.counts)
        order = np.argsort(-self.counts[rows, columns], kind="stable")
        return [
            {"true": names[r], "predicted": names[c], unit: int(self.counts[r, c])}
            for r, c in zip(rows[order].tolist(), columns[order].tolist(), strict=True)
        ]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Segmentation:
    """confusion counts frames; None for labels by the thousand."""

    scores: SegmentationScores
    fps: float
    confusion: Confusion | None

    def to_dict(self) -> dict[str, Any]:
        scores = self.scores
        return {
            "fps": self.fps,
            "accuracy": _share(scores.accuracy / 100),
            "edit": _share(scores.edit / 100),
            "f1": {f"{k:g}": _share(f1 / 100) for k, f1 in zip(scores.overlaps, scores.f1, strict=True)},
            "confusion": None if self.confusion is None else self.confusion.to_list("frames"),
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Phases:
    """Measures of surgical phases; phases are `labels`, in that order, whatever row may follow them."""

    labels: tuple[str, ...]
    fps: float
    forms: Mapping[PhaseForm, PhaseScores]

    def to_dict(self) -> dict[str, Any]:
        return {"fps": self.fps, **{form: self._of(scores) for form, scores in self.forms.items()}}

    def _of(self, scores: PhaseScores) -> dict[str, Any]:
        def of(measure: PhaseMeasure) -> dict[str, Any]:
            per_phase = dict(zip(self.labels, _shares(measure.per_phase[: len(self.labels)] / 100), strict=True))
            return {"mean": _share(measure.mean / 100), "std": _share(measure.std / 100), "phases": per_phase}

        return {
            "accuracy": _share(scores.accuracy / 100),
            "accuracy_std": _share(scores.accuracy_std / 100),
            "precision": of(scores.precision),
            "recall": of(scores.recall),
            "jaccard": of(scores.jaccard),
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Clips:
    """Labels of whole films, and how they were decided.

    decided_by        the predicted label of the film, or what its segments come to where one film or more has none
    top_1, mean_per_class
                      NaN where there is one label only, which no film can fail to get
    top_5             None if there are no more than five labels
    confusion         counts films by the label for which most speaks; None for labels by the thousand
    by_highest_score  the same by another rule, where segments decide
    """

    num_clips: int
    decided_by: ClipRule
    top_1: float
    top_5: float | None
    mean_per_class: float
    confusion: Confusion | None
    by_highest_score: "Clips | None" = None

    def to_dict(self) -> dict[str, Any]:
        return {
            "num_clips": self.num_clips,
            "decided_by": self.decided_by,
            "top_1": _share(self.top_1),
            "top_5": None if self.top_5 is None else _share(self.top_5),
            "mean_per_class": _share(self.mean_per_class),
            "confusion": None if self.confusion is None else self.confusion.to_list("films"),
            **({} if self.by_highest_score is None else {"by_highest_score": self.by_highest_score.to_dict()}),
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scores:
    """metrics: what was measured, the one that tells most first. notes: what a reader of the figures must know. tally:
    of each metric, computed when it is asked for.
    """

    films: tuple[ScoredFilm, ...]
    labels: tuple[str, ...]
    metrics: tuple[Metric, ...]
    detection: Detection | None = None
    spotting: Spotting | None = None
    segmentation: Segmentation | None = None
    phases: Phases | None = None
    clips: Clips | None = None
    notes: tuple[str, ...] = ()
    tally: Mapping[Metric, Callable[[], Tally]] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<Scores of {len(self.films)} films, {len(self.labels)} labels: {', '.join(self.metrics)}>"

    def tallies(self) -> dict[str, Tally]:
        """What each film adds to the figures of each metric, in the order of the metrics."""
        return {metric: self.tally[metric]() for metric in self.metrics}

    @property
    def num_true(self) -> int:
        return sum(len(film.true) + len(film.unfindable) for film in self.films)

    @property
    def num_shown(self) -> int:
        return sum(len(film.shown) for film in self.films)

    @property
    def film_s(self) -> float:
        return sum(film.duration_s for film in self.films)

    def to_dict(self) -> dict[str, Any]:
        """JSON values: every figure a share 0..1, None if it is undefined. Equal films, equal text."""
        parts: dict[Metric, Detection | Spotting | Segmentation | Phases | Clips | None] = {
            "detection": self.detection,
            "spotting": self.spotting,
            "segmentation": self.segmentation,
            "phases": self.phases,
            "clips": self.clips,
        }
        return {
            "films": [film.name for film in self.films],
            "without_predictions": [film.name for film in self.films if film.prediction is None],
            "partial": [f.name for f in self.films if f.prediction is not None and not f.prediction.complete],
            "film_s": round(self.film_s, 3),
            "labels": list(self.labels),
            "num_true": self.num_true,
            "num_shown": self.num_shown,
            "metrics": list(self.metrics),
            **{name: part.to_dict() for name in self.metrics if (part := parts[name]) is not None},
            "notes": list(self.notes),
        }


def _of_shown(shown: Shown) -> dict[str, Any]:
    return {
        "num_true": shown.num_true,
        "num_shown": shown.num_found,
        "precision": _share(shown.precision),
        "recall": _share(shown.recall),
        "f1": _share(shown.f1),
    }


def _share(value: float) -> float | None:
    return round(float(value), 6) if math.isfinite(value) else None


def _shares(values: NDArray[np.float64]) -> list[float | None]:
    return [_share(value) for value in values.tolist()]
