"""The content of a model card: what was measured, on which films, and of what the model was made.

`dataclasses.asdict` gives JSON values throughout. Shares are 0..1, None where something was not measured.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["CardFacts", "ClassFacts", "CurveFacts", "FilmFacts", "MeasuredFacts", "Mistake", "SplitFacts"]

Mistake = tuple[str | None, str | None, float]  # true, predicted (None for nothing), and how much


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitFacts:
    """One side of the split. num_segments: by label; of whole clips, how many.

    known_hours  how many of the hours are known, on average over the labels; None: all of them
    """

    name: str
    num_films: int
    hours: float
    num_segments: Mapping[str, int] = field(hash=False)
    known_hours: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassFacts:
    """One label on the films that measured the model.

    ap            average precision, the mean over `MeasuredFacts.tious`
    threshold     of the finished model: the score that a segment needs
    num_examples  in how many films, of how many sources
    """

    label: str
    ap: float | None = None
    precision: float | None = None
    recall: float | None = None
    f1: float | None = None
    threshold: float | None = None
    num_examples: int = 0
    num_films: int = 0
    num_sources: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmFacts:
    """One film that measured the model: its figure, and what was confused there most, in seconds; of a whole clip
    with the probability that the model gave to the wrong label.
    """

    name: str
    figure: float | None
    confused: Mistake | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveFacts:
    """What the model reaches with fewer films, and what more would bring.

    num_films, figures  how many were learnt, ascending, and the main figure with each
    gain                of the main figure with twice the films, at a guess; None: this cannot be said
    gain_interval       its 90 % interval
    """

    num_films: tuple[int, ...]
    figures: tuple[float, ...]
    gain: float | None = None
    gain_interval: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredFacts:
    """How good the model is on films that it did not learn.

    num_films    that were measured; num_sources: into how many groups they fall, as films of one scene belong together
    num_folds    0: the finished model was measured on films apart. Else each film was predicted by a model that had
                 learnt the other folds
    figures      of all labels together, by name, the main one first; intervals: their 90 % intervals
    new_films    where the main figure of five new films should lie, in nine of ten cases
    baselines    the same figures of simpler models, by their names
    films        the worst first, by their film_figure; classes: a line for each label
    tious        over which average precision is the mean; tolerances_s: over which that of instants is
    mistakes     with the share of the true label's time or number; the worst first
    calibration_errors
                 expected calibration error before and after the scores were adjusted; scored: on what, in words
    """

    num_films: int
    num_sources: int
    num_folds: int
    figures: Mapping[str, float | None] = field(default_factory=dict, hash=False)
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict, hash=False)
    new_films: tuple[float, float] | None = None
    baselines: Mapping[str, Mapping[str, float]] = field(default_factory=dict, hash=False)
    film_figure: str = ""
    films: tuple[FilmFacts, ...] = ()
    classes: tuple[ClassFacts, ...] = ()
    tious: tuple[float, ...] = ()
    tolerances_s: tuple[float, ...] = ()
    mistakes: tuple[Mistake, ...] = ()
    calibration_errors: tuple[float, float] | None = None
    scored: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFacts:
    """The content of a card.

    name        the model's file name
    description what it does: "A model for vtn-stream that ..."; has_rules: of how its labels follow each other
    labels      in the order of the classes
    names_clips whether it labels whole clips; else it says when something happens
    backbone    the image network; fps: how many frames a second it sees; inputs: what of each of them
    temporal    what reads the embeddings: "An encoder with attention over time"
    followed_s  a film can be followed while it is written, to the timeline that its analysis gives; a segment is known
                for good at most so many seconds after its end. None: it cannot
    backbone_learned  whether the image network is another one than the one with that name
    splits      what it was trained on, and what was held out
    settings    of the training, seed among them, by name
    provenance  where the parts come from, by name: versions, digests, licences
    measured    None: nothing could be measured. held_out: of films that were held out, if there are any
    curve       None: it was not measured
    tried       the ways to learn that competed, each with its `metric`; kept: the one of them that the model is
    plots       paths of files, from the card, by what they show
    notes       what was odd about the data or the training, a sentence each
    """

    name: str
    description: str
    has_rules: bool = False
    names_clips: bool = False
    labels: tuple[str, ...]
    backbone: str
    fps: float
    inputs: tuple[str, ...] = ("picture",)
    temporal: str = "An encoder with attention over time"
    followed_s: float | None = None
    backbone_learned: bool = False
    splits: tuple[SplitFacts, ...]
    settings: Mapping[str, str | float | int | bool | None] = field(default_factory=dict, hash=False)
    provenance: Mapping[str, str] = field(default_factory=dict, hash=False)
    measured: MeasuredFacts | None = None
    held_out: MeasuredFacts | None = None
    curve: CurveFacts | None = None
    metric: str = ""
    tried: Mapping[str, float] = field(default_factory=dict, hash=False)
    kept: str = ""
    plots: Mapping[str, str] = field(default_factory=dict, hash=False)
    notes: tuple[str, ...] = ()
