"""teach_end_to_end(options) -> a model: the table of contents of `vtn-stream train --recipe paper`.

lists -> network and settings -> an estimate -> epochs on clips, each measured on the clips for validation
      -> the full protocol on those -> checkpoint, model card
"""

from collections.abc import Callable

import torch

from vtn_stream.errors import InputError
from vtn_stream.store import EmbeddingStore
from vtn_stream.training.claim import card_file, claim
from vtn_stream.training.clip_frames import ClipFrames
from vtn_stream.training.clip_model import ClipsLearnt, write_clip_model
from vtn_stream.training.clip_network import begin
from vtn_stream.training.clip_plan import plan_for
from vtn_stream.training.clip_session import ClipSession
from vtn_stream.training.clip_validation import ClipValidation
from vtn_stream.training.estimate import check_memory, measured, sentence
from vtn_stream.training.events import ClipsPrepared, StepDone, Taught, TrainingEvent, TrainingStage
from vtn_stream.training.left_out import LeftOut
from vtn_stream.training.log import Log
from vtn_stream.training.loop import run
from vtn_stream.training.options import TrainingOptions
from vtn_stream.video.decoders import Decoders

__all__ = ["teach_end_to_end"]


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
    left_out = LeftOut(session.left_out, tell)
    store = EmbeddingStore(options.store)
    learning = plan.settings.backbone
    assert learning is not None
    with _all_cores(device), Decoders(_num_decoders(device)) as decoders:
        reader = _reader(plan, learning.augmentation, decoders, left_out, store)
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
        tell(TrainingStage(name="measuring one step"))
        needs = measured(network, examples.pretended(), plan.settings)
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
        validation = ClipValidation(
            others,
            reader,
            num_classes=len(plan.lists.labels),
            on_clip=lambda epoch, done: tell(
                StepDone(epoch=epoch, num_epochs=num_epochs, step=done, num_steps=len(others), what="validation")
            ),
        )
        tell(TrainingStage(name="training"))
        fitted = run(
            examples,
            network,
            plan.settings,
            stops=[num_epochs],
            state=(session.state, session.key),
            on_event=_logged(Log(options.work / "clips"), tell),
            validate=validation if others else None,
        )
    learnt = ClipsLearnt(
        plan=plan,
        recipe_name=options.recipe,
        source=begun.source,
        fitted=fitted,
        left_out=dict(left_out),
        identities=[_identity(clip, reader, store) for clip in clips if clip.name not in left_out],
        notes=(*notes, *fitted.notes),
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
