"""Which of the films to score taught the model: figures on them are too good, so they are left out unless asked for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

from vtn_stream.errors import InputError, listed
from vtn_stream.evaluation.predictions import Prediction, assign
from vtn_stream.evaluation.scored_films import Part, chosen
from vtn_stream.formats.annotations import Annotations

if TYPE_CHECKING:
    from vtn_stream.checkpoints.training_films import FilmRole

__all__ = ["FilmRoles", "OwnFigures", "own_figures", "roles_of_predictions", "without_films"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmRoles:
    """What the films to score were to the model, by the names that the annotations or the list give them; sorted.

    learnt     that it learnt from
    validated  that were held back, and on which its epoch, thresholds or rules were chosen
    unknown    of which this is not known
    is_known   whether it is known of any film
    num_films  of all of them
    included   whether those that are learnt or validated are scored all the same
    """

    learnt: tuple[str, ...] = ()
    validated: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    is_known: bool
    num_films: int
    included: bool = False

    @classmethod
    def of(cls, roles: "Mapping[str, FilmRole | None]", *, included: bool = False) -> Self:
        """Those of films by their names. None: no model is asked, as nothing of ours is predicted of that film."""
        learnt, validated, unknown = (
            tuple(sorted(name for name, role in roles.items() if role == wanted))
            for wanted in ("learnt", "validated", "unknown")
        )
        return cls(
            learnt=learnt,
            validated=validated,
            unknown=unknown,
            is_known=not set(roles.values()) <= {"unknown", None},
            num_films=len(roles),
            included=included,
        )

    @property
    def left_out(self) -> frozenset[str]:
        """The names of the films that are not scored."""
        return frozenset() if self.included else frozenset((*self.learnt, *self.validated))

    @property
    def none_left(self) -> bool:
        """Whether not one film is left to score, of at least one."""
        return 0 < self.num_films == len(self.left_out)

    def sentence(self, films: str = "to score", model: str = "the model") -> str:
        """What a reader of the figures must know first. films: which these are, behind their number."""
        of = f"Of {_films(self.num_films)} {films}"
        if not self.is_known:
            return f"{of}, it is not known which {model} learnt from: figures on such films are too good."
        said = f"{of}, {model} learnt from {len(self.learnt) or 'none'}"
        if self.validated:
            said += f", and {len(self.validated)} validated its training"
        if num := len(self.learnt) + len(self.validated):
            these, them = ("this film is", "it") if num == 1 else (f"these {num} films are", "them")
            if self.included:
                said += f": {these} scored too (--include-learnt), and figures on {them} are too good"
            elif self.none_left:
                said += f": none is left to score (--include-learnt scores {them})"
            else:
                said += f": {these} left out (--include-learnt scores {them} too)"
        if self.unknown:
            said += f". Of {_films(len(self.unknown))} this is not known: {listed(self.unknown)}"
        return said + "."

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "learnt": list(self.learnt),
            "validated": list(self.validated),
            "unknown": list(self.unknown),
            "left_out": sorted(self.left_out),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnFigures:
    """The figures that a model has from its training, shares 0..1 by name, with their 90 % intervals, where it has any.

    num_films    on how many films they were measured; None: it does not say
    out_of_fold  whether each film was new to the model that was measured on it; else the films were those on which
                 the epoch and the thresholds were chosen
    """

    figures: Mapping[str, float]
    num_films: int | None
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict, hash=False)
    out_of_fold: bool = False

    @classmethod
    def of_training(cls, training: object) -> Self:
        """Those in a checkpoint's training, or in a timeline's provenance: anybody may have written it."""
        given = training if isinstance(training, Mapping) else {}
        measured, validation = _mapping(given.get("measured")), _mapping(given.get("validation"))
        num = measured.get("films", validation.get("num_films"))
        intervals = {
            str(name): tuple(map(float, between))
            for name, between in _mapping(given.get("intervals")).items()
            if isinstance(between, list) and len(between) == 2 and all(map(_is_share, between))
        }
        return cls(
            figures={
                str(name): float(value) for name, value in _mapping(given.get("figures")).items() if _is_share(value)
            },
            num_films=num if type(num) is int and num > 0 else None,
            intervals={name: (between[0], between[1]) for name, between in intervals.items()},
            out_of_fold=measured.get("how") == "out of fold",
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        intervals = {name: list(between) for name, between in self.intervals.items()}
        return {"own_figures": dict(self.figures), "own_intervals": intervals}

    def sentence(self) -> str:
        """What they are. Raises InputError where there are none."""
        if not self.figures:
            raise InputError(
                "the model learnt from all these films, or was validated on them, and has no figures of its training",
                "nothing was scored",
                "give films that it does not know, or score these all the same with --include-learnt",
            )
        if self.out_of_fold:
            films = "these films" if self.num_films is None else _films(self.num_films)
            return (
                f"These are the model's own figures, measured on {films} when it was trained: models that had not "
                "learnt a film, and were chosen on others, labelled it. Expect about the same on other films of this "
                "kind."
            )
        films = "the validation films" if self.num_films is None else _films(self.num_films, "validation film")
        return (
            f"These are the model's own figures, measured on {films} when it was trained. Its epoch, and its "
            "thresholds or rules, were chosen there too: expect less on other films."
        )


def roles_of_predictions(
    predictions: Mapping[str, Prediction], truth: Annotations, part: Part | None, *, included: bool = False
) -> FilmRoles | None:
    """What the films of this part were to the model that made their predictions; None where these are no timelines of
    a model of ours. Raises what `score` raises.
    """
    assigned, _ = assign(predictions, truth.videos)
    roles = {name: predictions[assigned[name]].film_role if name in assigned else None for name in chosen(truth, part)}
    return FilmRoles.of(roles, included=included) if any(roles.values()) else None


def own_figures(predictions: Iterable[Prediction]) -> OwnFigures:
    """Those of the model that made the predictions."""
    taught = (p.training for p in predictions if p.film_role in ("learnt", "validated"))
    return OwnFigures.of_training(next(taught, None))


def without_films(
    left_out: frozenset[str], predictions: Mapping[str, Prediction], truth: Annotations
) -> tuple[dict[str, Prediction], Annotations]:
    """Predictions and truth of the other films."""
    assigned, _ = assign(predictions, truth.videos)
    gone = {assigned[name] for name in left_out if name in assigned}
    return (
        {name: prediction for name, prediction in predictions.items() if name not in gone},
        replace(truth, videos={name: video for name, video in truth.videos.items() if name not in left_out}),
    )


def _mapping(given: object) -> Mapping[Any, Any]:
    return given if isinstance(given, Mapping) else {}


def _is_share(value: object) -> bool:
    return type(value) in (int, float) and 0 <= value <= 1  # type: ignore[operator]


def _films(num: int, what: str = "film") -> str:
    return f"{num} {what}{'s' * (num != 1)}"
