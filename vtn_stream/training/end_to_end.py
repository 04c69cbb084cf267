"""teach_end_to_end(options) -> a model: the table of contents of `vtn-stream train --recipe paper`.

lists -> network and settings -> an estimate -> epochs on clips, each measured on the clips for validation
      -> the full protocol on those -> checkpoint, model card
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from vtn_stream.backbone.speed import num_cores
from vtn_stream.checkpoints.training_films import TrainingFilms
from vtn_stream.embedding import Warned, probe
from vtn_stream.errors import InputError
from vtn_stream.store import EmbeddingStore
from vtn_stream.training.augment import mirrors
from vtn_stream.training.claim import card_file, claim
from vtn_stream.training.clip_frames import ClipFrames, ClipReader, LearntClip
from vtn_stream.training.clip_lists import Clips
from vtn_stream.training.clip_model import ClipsLearnt, write_clip_model
from vtn_stream.training.clip_network import Begun, begin
from vtn_stream.training.clip_plan import ClipPlan, plan_for
from vtn_stream.training.clip_session import ClipSession
from vtn_stream.training.clip_validation import ClipValidation
from vtn_stream.training.estimate import check_memory, measured, sentence
from vtn_stream.training.events import ClipsPrepared, EpochDone, StepDone, Taught, TrainingEvent, TrainingStage
from vtn_stream.training.freed_memory import keep_freed_memory
from vtn_stream.training.log import Log
from vtn_stream.training.loop import run
from vtn_stream.training.options import TrainingOptions
from vtn_stream.training.overrides import shown
from vtn_stream.version import __version__
from vtn_stream.video.decoders import Decoders, num_decoders

__all__ = ["teach_end_to_end"]

SAVES_MEMORY = ("accumulate", "backbone.piece")


def teach_end_to_end(options: TrainingOptions, *, on_event: Callable[[TrainingEvent], None] | None = None) -> Taught:
    """Trains a network on clips from pixels to labels, by a recipe of the paper, and measures it on others.

    One that was killed goes on where it was when the same is asked again, to the same bits on the same machine.
    Raises TrainingError, and what the lists, the image network and the model it goes on from raise.
    """
    tell = on_event or (lambda event: None)
    claim(options.output, options.work, overwrite=options.overwrite)
    device = _device(options)
    plan = plan_for(options, tell)
    tell(TrainingStage(name="loading the network", message=plan.network))
    begun = begin(plan, options)
    session = ClipSession(options.work, _facts(plan, begun, options))
    store = EmbeddingStore(options.store)
    learning = plan.settings.backbone
    assert learning is not None
    with _all_cores(device), _decoders(device, store) as decoders:
        reader = ClipReader(
            decoders,
            plan.sampling,
            plan.recipe,
            learning.augmentation,
            store=store,
            native_ids=plan.native_ids,
            on_event=tell,
        )
        clips, others = (_clips(plan.lists.clips.of(side)) for side in ("training", "validation"))
        examples = ClipFrames(
            clips,
            reader,
            learning.augmentation,
            batch_size=plan.settings.batch_size,
            num_classes=len(plan.lists.labels),
            num_features=plan.settings.encoder.input_width,
            on_batch=lambda epoch, step: tell(
                StepDone(epoch=epoch + 1, num_epochs=num_epochs, step=step, num_steps=examples.num_batches)
            ),
        )
        num_epochs = plan.settings.num_epochs
        network = begun.network.to(device)
        notes = (*plan.lists.notes, *plan.notes, *begun.notes, *_doubts(plan, len(others)))
        validation = ClipValidation(
            others,
            reader,
            num_classes=len(plan.lists.labels),
            on_clip=lambda epoch, done: tell(
                StepDone(epoch=epoch, num_epochs=num_epochs, step=done, num_steps=len(others), what="validation")
            ),
        )
        if others:
            validation.check()
        tell(TrainingStage(name="measuring one step"))
        needs = measured(network, examples.pretended(), plan.settings, len(clips))
        check_memory(needs, network.device, plan.settings)
        tell(
            ClipsPrepared(
                network=plan.network,
                num_clips=len(clips),
                num_validation=len(others),
                labels=plan.lists.labels,
                source=begun.source,
                num_epochs=num_epochs,
                num_steps=examples.num_batches,
                estimate=sentence(needs, plan.settings, len(clips), len(others)),
                notes=notes,
            )
        )
        tell(TrainingStage(name="training"))
        keep_freed_memory()
        fitted = run(
            examples,
            network,
            plan.settings,
            stops=[num_epochs],
            state=(session.state, session.key),
            on_event=_logged(Log(options.work / "clips"), tell),
            validate=validation if others else None,
        )
    for note in (seen := _seen_before(plan, reader.identities_of(others))):
        tell(Warned(message=note))
    left_out = frozenset(clip.name for clip in examples.left_out)
    learnt = ClipsLearnt(
        plan=plan,
        recipe_name=options.recipe,
        source=begun.source,
        fitted=fitted,
        left_out=left_out,
        num_missed=examples.num_missed,
        identities=reader.identities_of([clip for clip in clips if clip.name not in left_out]),
        notes=(*notes, *seen, *fitted.notes),
    )
    exam = write_clip_model(learnt, others, options, journal=session.journal, on_event=tell)
    session.end()
    return Taught(
        model=options.output,
        card=card_file(options.output),
        log=options.work,
        figures={} if exam is None else exam.figures,
        intervals={} if exam is None else exam.intervals,
    )


def _device(options: TrainingOptions) -> str:
    if options.device == "cuda" and not torch.cuda.is_available():
        raise InputError("no CUDA device can be used here", "nothing was trained", "use --device cpu, or auto")
    return "cuda" if options.device != "cpu" and torch.cuda.is_available() else "cpu"


def _decoders(device: str, store: EmbeddingStore) -> Decoders:
    """The store remembers the clocks of films that were probed."""
    return Decoders(num_decoders(has_gpu=device == "cuda"), probe=lambda path, process: probe(path, store, process))


@contextmanager
def _all_cores(device: str) -> Iterator[None]:
    """For the block, torch computes on all cores: nothing else of ours does."""
    before = torch.get_num_threads()
    torch.set_num_threads(num_cores())
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _clips(clips: Clips) -> list[LearntClip]:
    return [LearntClip(clips.root / file, file, int(k)) for file, k in zip(clips.files, clips.labels, strict=True)]


def _facts(plan: ClipPlan, begun: Begun, options: TrainingOptions) -> dict[str, Any]:
    """All that the numbers depend on, besides the films and the machine. What only saves memory may change: where it
    ran out, the same training goes on.
    """
    settings = shown(plan.settings, plan.sampling)
    return {
        "vtn-stream": __version__,
        "torch": str(torch.__version__),
        "recipe": options.recipe,
        "network": plan.config.backbone,
        "the list of clips": plan.lists.digest,
        "size": max(plan.recipe.size),
        "mean and deviation": [plan.recipe.mean, plan.recipe.std],
        "seed": plan.settings.seed,
        "first weights": begun.digest,
        "the model it goes on from": "" if plan.base is None else plan.base.digest,
        **{name: value for name, value in settings.items() if name not in SAVES_MEMORY},
    }


def _doubts(plan: ClipPlan, num_validation: int) -> tuple[str, ...]:
    notes = []
    learning = plan.settings.backbone
    if learning is not None and learning.augmentation.flip and not mirrors(plan.lists.labels):
        notes.append(
            "Some labels name a side, such as left, and clips are mirrored: --set augmentation.flip=0 leaves that out."
        )
    if not num_validation:
        notes.append("There are no clips for validation: nobody knows how good the model is. Give some.")
    return tuple(notes)


def _seen_before(plan: ClipPlan, identities: Sequence[str | None]) -> tuple[str, ...]:
    """What is wrong with the figures where clips for validation were learnt by the model that this one goes on from."""
    films = None if plan.base is None else TrainingFilms.of_training(plan.base.training)
    if plan.base is None or films is None:
        return ()
    num = sum(identity is not None and films.role(identity) == "learnt" for identity in identities)
    if not num:
        return ()
    which = f"{num} of the {len(identities)} clips for validation"
    return (f"{plan.base.name} learnt {which}, so figures are too good: give clips that it did not learn.",)


def _logged(log: Log, tell: Callable[[TrainingEvent], None]) -> Callable[[TrainingEvent], None]:
    """Tells, and draws the curves of epochs."""

    def on_event(event: TrainingEvent) -> None:
        if isinstance(event, EpochDone):
            log.write(event.epoch, loss=event.loss, **{f"validation {name}": of for name, of in event.figures.items()})
        tell(event)

    return on_event
