"""The options of an evaluation: one value from the command line to the figures. Loads neither torch nor numpy."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vtn_stream.formats.reading import CodingOptions
from vtn_stream.settings import Device, Settings

if TYPE_CHECKING:
    from vtn_stream.evaluation.figures import Metric, Scores
    from vtn_stream.evaluation.prediction import Prediction
    from vtn_stream.evaluation.scored_films import Part
    from vtn_stream.formats.annotations import Annotations

__all__ = ["EvaluationOptions", "Way"]

# predictions: files of them against annotations; films: a model draws timelines of films; clips: a model names clips;
# agreement: two annotators
Way = Literal["predictions", "films", "clips", "agreement"]

# The ways that an option belongs to, by its field; all that are not named here belong to every way.
_WAYS: Mapping[str, tuple[Way, ...]] = {
    "annotations": ("predictions", "agreement"),
    "agreement": ("agreement",),
    "page": ("agreement",),
    "device": ("predictions", "films", "clips"),
    "include_learnt": ("predictions", "films", "clips"),
    "models": ("films", "clips"),
    "point": ("films",),
    "videos": ("films", "clips", "agreement"),
    "names": ("clips",),
    "weights": ("films", "clips"),
    "store": ("films",),
    "metrics": ("predictions", "films"),
    "tious": ("predictions", "films"),
    "tolerances": ("predictions", "films", "agreement"),
    "subset": ("predictions", "films"),
    "background": ("predictions", "films", "agreement"),
    "fps": ("predictions", "films"),
    "coding": ("predictions", "films", "agreement"),
    "annotation_fps": ("predictions", "films", "agreement"),
    "ignore_other_videos": ("predictions", "films"),
    "skip_bad": ("predictions", "films", "agreement"),
    "plots": ("predictions", "films"),
    "protocol": ("clips",),
    "views": ("clips",),
    "crops": ("clips",),
    "shuffle": ("clips",),
    "output": ("clips",),
}

# Why an option does nothing; an option of one of the ways alone says which that is.
_WHY: Mapping[Way, str] = {
    "predictions": "goes with --model",
    "agreement": "does nothing with --agreement",
    "films": "does nothing with a model that locates actions",
    "clips": "does nothing with a model that labels clips",
}

MAX_MODELS = 2  # that are compared
_SPELLED = {
    "models": "model",
    "tious": "tiou",
    "tolerances": "tolerance",
    "coding": "observation",
    "names": "labels",
}  # fields whose option is called otherwise


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationOptions:
    """What is measured, and how.

    what                 predictions, if there are annotations beside them; else annotations or a list of clips, for a
                         model; or what the first of two annotators says
    annotations          the truth, for predictions; or what the second annotator says
    agreement            whether it is about two annotators
    models               the model, by its name or file, or two to compare; () for predictions
    point                the name of an operating point of each model; None: their default ones
    videos               the films' folder; None: that of the list or of the annotations
    names                of clips: a file that says which label a number of the list stands for
    metrics              what to measure; (): what says something of such annotations
    tious                thresholds of tIoU, groups of them; (): THUMOS14's
    tolerances           of spots, seconds ("s") or frames ("f"); (): the usual ones
    subset               which films of the annotations count
    background           labels that mean nothing
    fps                  frames a second of the grid on which is scored frame by frame
    annotation_fps       labels or frames a second, of annotations that count them
    coding               which observations of BORIS are read, and how
    ignore_other_videos  pass over predictions for films that are not scored
    skip_bad             leave out what is wrong in annotations and predictions, and say what
    include_learnt       score films that taught the model too
    plots                folder for pictures
    protocol             of clips; None: full. views, crops: of the protocol "views"
    shuffle              of clips: a seed, by which the frames of each come in a random order
    weights              a file for the model's image network
    device               where networks run
    store                folder of the embeddings; None: in the user's cache
    by_film              every figure also of each film
    csv                  file for the figures of each film, as a table; a workbook if it ends in .xlsx
    as_json              figures as JSON
    output               of clips: file of JSON lines, one a clip
    page                 of two annotators: file for the page that shows where they differ
    """

    what: Path
    annotations: Path | None = None
    agreement: bool = False
    models: tuple[str, ...] = ()
    point: str | None = None
    videos: Path | None = None
    names: Path | None = None
    metrics: "tuple[Metric, ...]" = ()
    tious: tuple[tuple[float, ...], ...] = ()
    tolerances: tuple[tuple[float, Literal["s", "f"]], ...] = ()
    subset: "Part | None" = None
    background: tuple[str, ...] = ()
    fps: float | None = None
    annotation_fps: Fraction | None = None
    coding: CodingOptions = CodingOptions()
    ignore_other_videos: bool = False
    skip_bad: bool = False
    include_learnt: bool = False
    plots: Path | None = None
    protocol: Literal["full", "views"] | None = None
    views: int | None = None
    crops: str | None = None
    shuffle: int | None = None
    weights: Path | None = None
    device: Device = "auto"
    store: Path | None = None
    by_film: bool = False
    csv: Path | None = None
    as_json: bool = False
    output: Path | None = None
    page: Path | None = None

    def check(self) -> None:
        """Raises InputError for a table or a page that would replace something else, before anything is measured."""
        if self.csv is not None:
            from vtn_stream.evaluation.film_figures import check_table

            check_table(self.csv)
        if self.page is not None:
            from vtn_stream.evaluation.agreement_pages import check_page

            check_page(self.page)

    def misuse(self, way: Way | None = None) -> str | None:
        """Why these options do not go together; None if they do.

        way  what kind of evaluation it is, as soon as that is known: whether its model names clips, the model says
        """
        if self.agreement and (self.models or self.annotations is None):
            return (
                "give --agreement and what two annotators say, A and B, without --model; for two observations of one "
                "BORIS project name the project twice, and --observation twice"
            )
        if bool(self.models) == (self.annotations is not None):
            return "give PREDICTIONS and ANNOTATIONS, or one of LIST and ANNOTATIONS with --model"
        if len(self.models) > MAX_MODELS:
            return f"give one --model, or {MAX_MODELS} to compare"
        if self.protocol != "views" and (self.views is not None or self.crops is not None):
            return "--views and --crops go with --protocol views"
        if way is not None:
            for name, ways in _WAYS.items():
                value = getattr(self, name)
                is_seed = type(value) is int  # 0 is one too
                if way not in ways and (is_seed or value not in (None, (), False, "auto", CodingOptions())):
                    if ways == ("agreement",):
                        return f"--{name} goes with --agreement"
                    return f"--{_SPELLED.get(name, name).replace('_', '-')} {_WHY[way]}"
            if way == "agreement" and any(unit == "f" for _, unit in self.tolerances):
                return "--tolerance is in seconds (0.5s) with --agreement"
            if way == "agreement" and len(self.coding.observations) > 2:
                return "give --observation once, for A and B alike, or twice, for A and then for B"
        return None

    @property
    def codings(self) -> tuple[CodingOptions, CodingOptions]:
        """How each of two annotators is read: of two observations that are named, the first is A's."""
        if len(self.coding.observations) < 2:
            return self.coding, self.coding
        a, b = ((each,) for each in self.coding.observations)
        return replace(self.coding, observations=a), replace(self.coding, observations=b)

    @property
    def truth(self) -> Path:
        """The file or folder of the annotations."""
        return self.what if self.annotations is None else self.annotations

    @property
    def films(self) -> Path:
        """The folder of the films, whether it was named or not."""
        return self.what.parent if self.videos is None else self.videos

    @property
    def thresholds(self) -> tuple[float, ...]:
        """Of tIoU, ascending, each once."""
        from vtn_stream.metrics import THUMOS14

        return tuple(sorted({tiou for each in self.tious for tiou in each})) or THUMOS14

    @property
    def tolerances_s(self) -> tuple[float, ...]:
        """How far away a spot may be, in seconds, ascending, each once."""
        from vtn_stream.evaluation.spots import TOLERANCES_S

        return (
            tuple(sorted({value for value, unit in self.tolerances if unit == "s"}))
            if self.tolerances
            else TOLERANCES_S
        )

    @property
    def tolerances_frames(self) -> tuple[int, ...] | None:
        """The same in frames; None: the usual ones, where the annotations say the films' rate."""
        return (
            tuple(sorted({int(value) for value, unit in self.tolerances if unit == "f"})) if self.tolerances else None
        )

    @property
    def grid_fps(self) -> float:
        """Frames a second of what is scored frame by frame."""
        from vtn_stream.evaluation.measure import DEFAULT_FPS

        return DEFAULT_FPS if self.fps is None else self.fps

    @property
    def wants_films(self) -> bool:
        """Whether the figures of each film are asked for."""
        return self.by_film or self.csv is not None

    def score(self, predictions: "Mapping[str, Prediction]", truth: "Annotations") -> "Scores":
        """How good the predictions are. Raises what `score` raises."""
        from vtn_stream.evaluation.measure import score

        return score(
            predictions,
            truth,
            subset=self.subset,
            metrics=self.metrics,
            thresholds=self.thresholds,
            tolerances_s=self.tolerances_s,
            tolerances_frames=self.tolerances_frames,
            fps=self.grid_fps,
            background=self.background,
            ignore_other_videos=self.ignore_other_videos,
            skip_bad=self.skip_bad,
        )

    def settings(self, model: Path) -> Settings:
        """How films are analyzed by this model."""
        return Settings(model=model, point=self.point, weights=self.weights, device=self.device, store=self.store)
