"""Writes what a recipe of the paper trained: the checkpoint and its card, after the paper's own measure of it.

K classes, N clips
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from vtn_stream.atomic import write_whole
from vtn_stream.backbone import weights_digest
from vtn_stream.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from vtn_stream.checkpoints.training_films import FILM_DIGESTS, TrainingFilms
from vtn_stream.errors import CheckpointError, TrainingError
from vtn_stream.evaluation.clip_classes import LabelledClip
from vtn_stream.evaluation.labelled_clips import Evaluation, Protocol, evaluate
from vtn_stream.metrics import share_interval
from vtn_stream.report.clip_card import ClipCardFacts, LabelFacts, clip_model_card
from vtn_stream.track import OperatingPoint, OperatingPoints
from vtn_stream.training.claim import card_file
from vtn_stream.training.clip_frames import LearntClip
from vtn_stream.training.clip_plan import ClipPlan
from vtn_stream.training.events import StepDone, TrainingEvent, TrainingStage
from vtn_stream.training.loop import Fitted
from vtn_stream.training.options import TrainingOptions
from vtn_stream.training.overrides import shown
from vtn_stream.version import __version__

__all__ = ["ClipExam", "ClipsLearnt", "write_clip_model"]

# Of a published model too: in none of them thresholds were fitted.
POINTS = OperatingPoints(common=OperatingPoint(high=0.5, low=0.25))
MAX_DIGESTS = 50_000  # of clips, 35 bytes each: a model's description is read whole
PROTOCOL = Protocol()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClipsLearnt:
    """A network that was trained on clips, and all that its card says of that.

    source      where the first weights came from
    left_out    names of clips to learn from of which nothing could be decoded; num_missed: others that could be in some
                epochs only. Clips for validation are counted where they are measured
    identities  of the clips that were learnt; None where it is not known
    notes       a sentence each
    """

    plan: ClipPlan
    recipe_name: str
    source: str
    fitted: Fitted
    left_out: frozenset[str]
    num_missed: int
    identities: Sequence[str | None]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipExam:
    """Figures on clips that were not learnt, shares 0..1, and their 90 % intervals.

    num_clips  that were measured; labels: how many of each, and the share of them that is right
    """

    num_clips: int
    num_failed: int
    figures: Mapping[str, float] = field(hash=False)
    intervals: Mapping[str, tuple[float, float]] = field(hash=False)
    labels: Mapping[str, tuple[int, float]] = field(hash=False)


def write_clip_model(
    learnt: ClipsLearnt,
    others: Sequence[LearntClip],
    options: TrainingOptions,
    *,
    journal: Path,
    on_event: Callable[[TrainingEvent], None],
) -> ClipExam | None:
    """Measures the model on clips that it did not learn, if there are any, and writes it, its card first.

    journal: of the clips that were measured already. Raises TrainingError where a file cannot be written.
    """
    output = options.output
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        checkpoint = _checkpoint(learnt)
        exam = None
        if others:
            on_event(TrainingStage(name="measuring by the full protocol"))
            exam = _examined(checkpoint, others, options, journal, on_event)
            checkpoint = replace(checkpoint, training={**checkpoint.training, **_measured(exam)})
        on_event(TrainingStage(name="writing"))
        facts = _card_facts(learnt, checkpoint, exam, output)
        write_whole(card_file(output), [clip_model_card(facts).encode()])
        save_checkpoint(checkpoint, output)
    except (OSError, CheckpointError) as error:
        reason = error.fact if isinstance(error, CheckpointError) else error.strerror or type(error).__name__
        raise TrainingError(
            f"{output.name} cannot be written ({reason})",
            "the trained weights are kept in the training's folder",
            "free some space, and run again to continue",
        ) from error
    return exam


def _checkpoint(learnt: ClipsLearnt) -> Checkpoint:
    plan, network = learnt.plan, learnt.fitted.network
    state = {name: tensor.detach().cpu().float() for name, tensor in network.state_dict().items()}
    backbone = {name.removeprefix("backbone."): of for name, of in state.items() if name.startswith("backbone.")}
    tensors = {name: of for name, of in state.items() if not name.startswith("backbone.")}
    return Checkpoint(
        config=network.config,
        labels=plan.lists.labels,
        recipe=replace(plan.recipe, weights=weights_digest(backbone)),
        window=plan.window,
        operating_points=POINTS,
        training=_provenance(learnt) | _films(learnt, tensors),
        tensors=tensors,
        backbone=backbone,
    )


def _provenance(learnt: ClipsLearnt) -> dict[str, Any]:
    """The training of the checkpoint, as JSON values: no name of a clip, no path."""
    plan = learnt.plan
    clips = plan.lists.clips
    said: dict[str, Any] = {
        "vtn_stream": __version__,
        "recipe": learnt.recipe_name,
        "network": plan.network,
        "first_weights": learnt.source,
        "seed": plan.settings.seed,
        "head": "classification",
        "settings": shown(plan.settings, plan.sampling),
        "clips": len(clips.of("training")),
        "validation_clips": len(clips.of("validation")),
        "clips_left_out": len(learnt.left_out),
        **({"clips_missed_in_some_epochs": learnt.num_missed} if learnt.num_missed else {}),
        "epochs": learnt.fitted.num_epochs,
        "loss": round(learnt.fitted.losses[-1], 6),
        "figures": {},
        "notes": list(learnt.notes),
    }
    return said if plan.base is None else said | {"from": plan.base.digest}


def _films(learnt: ClipsLearnt, tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """The digests of the clips that were learnt, unless one is not known or they are too many: then nobody can say
    what the model learnt. A model keeps those of the one from which it goes on.
    """
    base = learnt.plan.base
    identities = [identity for identity in learnt.identities if identity is not None]
    if len(identities) < len(learnt.identities) or len(identities) > MAX_DIGESTS:
        return {}
    if base is not None:
        earlier = TrainingFilms.of_training(base.training)
        return {} if earlier is None else {FILM_DIGESTS: earlier.and_learnt(identities).to_dict()}
    salt = hashlib.blake2b(digest_size=16)
    for name, tensor in sorted(tensors.items()):
        salt.update(name.encode() + tensor.numpy().tobytes())
    return {FILM_DIGESTS: TrainingFilms.of_identities(identities, (), salt.hexdigest()).to_dict()}


# ---- measured


def _examined(
    checkpoint: Checkpoint,
    others: Sequence[LearntClip],
    options: TrainingOptions,
    journal: Path,
    on_event: Callable[[TrainingEvent], None],
) -> ClipExam:
    """By the paper's protocol: 250 frames of each clip. The model is saved for it, so that results can be kept."""
    saved = journal.with_suffix(".safetensors")
    save_checkpoint(checkpoint, saved)
    clips = [LabelledClip(path=clip.path, name=clip.name, truth=clip.label) for clip in others]
    done = 0

    def hear(event: object) -> None:
        nonlocal done
        done += 1
        on_event(StepDone(epoch=1, num_epochs=1, step=done, num_steps=len(clips), what="validation"))

    try:
        device = options.device
        found = evaluate(load_checkpoint(saved), clips, PROTOCOL, device=device, results=journal, on_event=hear)
    finally:
        saved.unlink(missing_ok=True)
    return _exam(found, checkpoint.labels, len(others))


def _exam(found: Evaluation, labels: Sequence[str], num_asked: int) -> ClipExam:
    right = {
        "top-1": np.array([r.top[0][0] == labels[r.clip.truth] for r in found.scored], np.float64),
        "top-5": np.array([labels[r.clip.truth] in dict(r.top[:5]) for r in found.scored], np.float64),
    }
    measured = {"top-1": found.top_1, "top-5": found.top_5, "mean per class": found.mean_per_class}
    figures = {name: share for name, share in measured.items() if share is not None}
    intervals: dict[str, tuple[float, float]] = {}
    for name, each in right.items():
        if name in figures and len(each) > 1:
            interval = share_interval(figures[name], (each.sum() - each) / (len(each) - 1))
            intervals |= {} if interval is None else {name: interval}
    num = Counter(labels[r.clip.truth] for r in found.scored)
    hits = Counter(labels[r.clip.truth] for r in found.scored if r.top[0][0] == labels[r.clip.truth])
    return ClipExam(
        num_clips=len(found.scored),
        num_failed=num_asked - len(found.scored),
        figures=figures,
        intervals=intervals,
        labels={label: (num[label], hits[label] / num[label]) for label in labels if num[label]},
    )


def _measured(exam: ClipExam) -> dict[str, Any]:
    return {
        "measured": {"how": f"clips for validation, protocol {PROTOCOL}", "films": exam.num_clips},
        "figures": {name: round(share, 4) for name, share in exam.figures.items()},
        "intervals": {name: [round(bound, 4) for bound in of] for name, of in exam.intervals.items()},
    }


# ---- the card


def _card_facts(learnt: ClipsLearnt, checkpoint: Checkpoint, exam: ClipExam | None, output: Path) -> ClipCardFacts:
    plan = learnt.plan
    lists, labels = plan.lists.clips, plan.lists.labels
    given = lists.of("training")
    counts = Counter(int(k) for file, k in zip(given.files, given.labels, strict=True) if file not in learnt.left_out)
    measured = {} if exam is None else exam.labels
    return ClipCardFacts(
        name=output.name,
        recipe=learnt.recipe_name,
        network=plan.network,
        backbone=plan.config.backbone,
        source=learnt.source,
        fps=float(plan.recipe.fps),
        num_frames=plan.sampling.frames,
        seconds=float(plan.sampling.seconds),
        size=max(plan.recipe.size),
        labels=tuple(
            LabelFacts(
                label=label,
                num_clips=counts[k],
                num_measured=measured.get(label, (0, 0.0))[0],
                share=measured[label][1] if label in measured else None,
            )
            for k, label in enumerate(labels)
        ),
        num_clips=len(given),
        num_left_out=len(learnt.left_out),
        num_missed=learnt.num_missed,
        num_measured=0 if exam is None else exam.num_clips,
        num_failed=0 if exam is None else exam.num_failed,
        figures={} if exam is None else exam.figures,
        intervals={} if exam is None else exam.intervals,
        settings={"epochs done": learnt.fitted.num_epochs, **shown(plan.settings, plan.sampling)},
        provenance={
            "vtn-stream": __version__,
            "first weights of the image network": learnt.source,
            "weights of the image network": checkpoint.recipe.weights,
            **({} if plan.base is None else {"goes on from": f"{plan.base.name}, {plan.base.digest}"}),
        },
        notes=learnt.notes,
    )
