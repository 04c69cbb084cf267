"""What a model card and a checkpoint say of a training. The checkpoint holds no film name, path or time."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vtn_stream.heads import HEADS
from vtn_stream.heads.labelled_film import known_s as known_s_of
from vtn_stream.metrics import THUMOS14, TOLERANCES_S
from vtn_stream.model import EncoderConfig, StatisticsConfig
from vtn_stream.report.card_facts import CardFacts, CurveFacts, MeasuredFacts, SplitFacts
from vtn_stream.scorers.delay import delay_s
from vtn_stream.track import Recipe
from vtn_stream.training.exam import Exam
from vtn_stream.training.films import TrainingFilm
from vtn_stream.training.hyperparameters import Hyperparameters
from vtn_stream.training.learn import taught_by
from vtn_stream.training.learnt import Learnt
from vtn_stream.training.linear import LinearSettings
from vtn_stream.training.prepare import Material
from vtn_stream.version import __version__

__all__ = ["card_facts", "provenance"]


def card_facts(
    material: Material,
    learnt: Learnt,
    recipe: Recipe,
    output: Path,
    pictures: Sequence[Path],
    *,
    is_streamable: bool = False,
) -> CardFacts:
    """The content of the card; pictures lie beside the output. is_streamable: as of the checkpoint."""
    head = HEADS[material.head]
    followed_s = None
    if is_streamable and not head.names_clips:  # one of clips was always followed, window by window
        network, has_instants = learnt.fitted.network, bool(material.instants)
        followed_s = delay_s(network, learnt.rules, recipe.fps, has_instants=has_instants)
    num_folds = len(set(material.folds))
    return CardFacts(
        name=output.name,
        description=head.description,
        has_rules=learnt.rules is not None,
        names_clips=head.names_clips,
        labels=material.labels,
        backbone=recipe.backbone,
        fps=float(recipe.fps),
        inputs=learnt.way.inputs,
        temporal="A linear model" if learnt.way.model == "linear" else "An encoder with attention over time",
        followed_s=followed_s,
        backbone_learned=learnt.backbone is not None
        or (material.base is not None and material.base.backbone is not None),
        splits=_splits(material),
        settings={"seed": learnt.seed, "pooling": recipe.pooling, **_settings(learnt)},
        provenance={
            "vtn-stream": __version__,
            "weights of the image network": recipe.weights,
            **_origin(material, learnt),
        },
        measured=None if learnt.exam is None else _measured(learnt.exam, learnt.baselines, num_folds),
        held_out=None if learnt.held_out is None else _measured(learnt.held_out, {}, 0),
        curve=learnt.curve,
        metric=head.metric_name,
        tried=learnt.tried,
        kept=learnt.way.name,
        plots={file.stem.replace("-", " "): f"{file.parent.name}/{file.name}" for file in pictures},
        notes=material.notes + learnt.notes,
    )


def _origin(material: Material, learnt: Learnt) -> dict[str, str]:
    base = material.base
    found = {"weights with which it began": learnt.begun} if learnt.begun else {}
    found |= {f"plug-in {package}": version for package, version in HEADS.versions(material.head).items()}
    return found if base is None else {**found, "goes on from": f"{base.name}, {base.digest}"}


def provenance(material: Material, learnt: Learnt) -> dict[str, Any]:
    """The training of a checkpoint, as JSON values."""
    settings = learnt.settings
    said: dict[str, Any] = {
        "vtn_stream": __version__,
        "seed": learnt.seed,
        "head": material.head,
        **({"plugins": plugins} if (plugins := HEADS.versions(material.head)) else {}),
        **{split.name.replace(" ", "_"): _without_none(asdict(split)) for split in _splits(material)},
        "epochs": learnt.fitted.num_epochs,
        "way": learnt.way.name,
        "metric": HEADS[material.head].metric_name,
        "tried": {name: round(share, 4) for name, share in learnt.tried.items()},
        **({} if material.base is None else {"from": material.base.digest}),
        "figures": {},
        "notes": list(learnt.notes),
    }
    if isinstance(settings, Hyperparameters):
        said |= {name: getattr(settings, name) for name in ("crop_positions", "batch_size", "learning_rate")}
        if settings.backbone is not None:
            said["image_network"] = {"from": learnt.begun, **asdict(settings.backbone)}
    if (exam := learnt.exam) is not None:
        num_folds = len(set(material.folds))
        said["measured"] = {"how": "out of fold", "folds": num_folds, **_of_films(exam)}
        if exam.new_films is not None:
            said["measured"]["five_new_films"] = {exam.main: [round(bound, 4) for bound in exam.new_films]}
        said |= _shares(exam)
        said["baselines"] = {
            name: {figure: round(share, 4) for figure, share in figures.items()}
            for name, figures in learnt.baselines.items()
        }
        if exam.sureness is not None:
            sure = exam.sureness
            said["calibration"] = {
                "error_before": round(sure.before.error, 4),
                "error": round(sure.after.error, 4),
                "unit": sure.unit,
                **sure.after.to_dict(),
            }
    if learnt.curve is not None:
        said["learning_curve"] = _curve(learnt.curve)
    if learnt.held_out is not None:
        said["held_out"] |= {**_of_films(learnt.held_out), **_shares(learnt.held_out)}
    return said


def _without_none(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if value is not None}


def _splits(material: Material) -> tuple[SplitFacts, ...]:
    """What was learnt, and what was held out, if anything was."""
    sides = (("training", material.films), ("held out", material.held_out))
    exclusive = not HEADS[material.head].learns_segments
    return tuple(
        _split(name, films, material.labels, exclusive=exclusive)
        for name, films in sides
        if films or name == "training"
    )


def _split(name: str, films: Sequence[TrainingFilm], labels: Sequence[str], *, exclusive: bool) -> SplitFacts:
    known_s = sum(known_s_of(film, labels, exclusive=exclusive) for film in films)
    counts = Counter(label for film in films for label in taught_by(film))
    return SplitFacts(
        name=name,
        num_films=len(films),
        hours=round(sum(film.duration_s for film in films) / 3600, 4),
        num_segments={label: counts[label] for label in labels},
        known_hours=None if all(film.known is None for film in films) else round(known_s / 3600, 4),
    )


def _measured(exam: Exam, baselines: Mapping[str, Mapping[str, float]], num_folds: int) -> MeasuredFacts:
    sure = exam.sureness
    return MeasuredFacts(
        num_films=len(exam.films),
        num_sources=exam.num_groups,
        num_folds=num_folds,
        figures=exam.figures,
        intervals=exam.intervals,
        new_films=exam.new_films,
        baselines=baselines,
        film_figure=exam.film_figure,
        films=exam.films,
        classes=exam.classes,
        tious=() if exam.scores.detection is None else THUMOS14,
        tolerances_s=() if exam.scores.spotting is None else TOLERANCES_S,
        mistakes=exam.mistakes,
        calibration_errors=None if sure is None else (sure.before.error, sure.after.error),
        scored="" if sure is None else f"{sum(sure.after.counts):,} {sure.unit}",
    )


def _of_films(exam: Exam) -> dict[str, int]:
    return {"films": len(exam.films), "sources": exam.num_groups}


def _shares(exam: Exam) -> dict[str, Any]:
    return {
        "figures": {name: round(share, 4) for name, share in exam.figures.items()},
        "intervals": {name: [round(share, 4) for share in between] for name, between in exam.intervals.items()},
    }


def _curve(curve: CurveFacts) -> dict[str, Any]:
    interval = curve.gain_interval
    return {
        "films": list(curve.num_films),
        "figures": [round(share, 4) for share in curve.figures],
        "gain_of_twice_the_films": None if curve.gain is None else round(curve.gain, 4),
        "gain_interval": None if interval is None else [round(bound, 4) for bound in interval],
    }


def _settings(learnt: Learnt) -> dict[str, str | float | int]:
    """How the model was trained, by the names that a card uses."""
    settings = learnt.settings
    return {**_steps(learnt, settings), **_reads(settings.encoder)}


def _steps(learnt: Learnt, settings: Hyperparameters | LinearSettings) -> dict[str, str | float | int]:
    if not isinstance(settings, Hyperparameters):
        return {}
    said: dict[str, str | float | int] = {
        "epochs": learnt.fitted.num_epochs,
        "positions per crop": settings.crop_positions,
        "crops per batch": settings.batch_size,
        "learning rate": settings.learning_rate,
        "weight decay": settings.weight_decay,
    }
    if (learning := settings.backbone) is not None:
        blocks = learning.blocks if isinstance(learning.blocks, str) else f"the last {learning.blocks}"
        said |= {
            "blocks of the image network that learned": blocks,
            "their learning rate": learning.rate * settings.learning_rate,
            "share of each crop that was decoded": learning.share,
        }
    return said


def _reads(encoder: EncoderConfig | StatisticsConfig) -> dict[str, str | float | int]:
    """What reads the embeddings."""
    if isinstance(encoder, StatisticsConfig):
        around = "the whole clip" if encoder.reach is None else f"{encoder.reach} positions to each side"
        since = " and ".join(map(str, encoder.lags))
        return {
            "statistics": f"{' and '.join(encoder.statistics)} of {around}",
            **({"differences": f"to {since} positions earlier"} if encoder.lags else {}),
        }
    return {
        "width": encoder.width,
        "layers": encoder.num_layers,
        "attention window, positions": encoder.attention_windows[0],
        "motion": _motion(encoder),
    }


def _motion(encoder: EncoderConfig) -> str:
    """What the network reads of motion, in words."""
    for name, lags in (("changes", encoder.difference_lags), ("sizes of changes", encoder.magnitude_lags)):
        if lags:
            return f"{name} since {' and '.join(map(str, lags))} positions ago"
    return "not read"
