"""teach(options) -> a model: the table of contents of `vtn-stream train`.

annotations -> films -> embeddings -> each film predicted by models of each way that did not learn it -> the best way
            -> operating points, rules of phases -> a model of all films -> checkpoint, model card, plots
"""

import shutil
from collections.abc import Callable
from dataclasses import replace

from vtn_stream.backbone import FrameEncoder
from vtn_stream.embedding import DEFAULT_BACKBONE
from vtn_stream.framing import box_of
from vtn_stream.heads import HEADS
from vtn_stream.region import Box
from vtn_stream.store import EmbeddingStore
from vtn_stream.track import WHOLE
from vtn_stream.training.base import load_base
from vtn_stream.training.claim import card_file, claim
from vtn_stream.training.events import Taught, TrainingEvent, TrainingStage
from vtn_stream.training.film_source import FilmSource
from vtn_stream.training.fine_tuning import recipe_after
from vtn_stream.training.learn import learn, state_files
from vtn_stream.training.options import TrainingOptions
from vtn_stream.training.prepare import prepare
from vtn_stream.training.regions import recipe_of
from vtn_stream.training.ways import INPUTS, POOLING
from vtn_stream.training.write import write
from vtn_stream.video import DecodingProcess

__all__ = ["teach"]


def teach(options: TrainingOptions, *, on_event: Callable[[TrainingEvent], None] | None = None) -> Taught:
    """Trains a model on annotated films, and measures how good such models are on films that they did not learn.

    One that was killed goes on where it was when the same is asked again, to the same bits on the same
    machine. Raises TrainingError, and what `prepare` raises.
    """
    if options.recipe != "natural":
        from vtn_stream.training.end_to_end import teach_end_to_end

        return teach_end_to_end(options, on_event=on_event)
    output, work, store = options.output, options.work, EmbeddingStore(options.store)
    claim(output, work, overwrite=options.overwrite)
    tell = on_event or (lambda event: None)
    base = load_base(options)
    inputs = INPUTS if base is None else base.inputs
    encoders: list[FrameEncoder] = []

    def open_encoder() -> FrameEncoder:
        if base is None:
            encoder = FrameEncoder(
                options.backbone or DEFAULT_BACKBONE,
                weights=options.weights,
                size=options.size,
                pooling=POOLING,
                region=options.seen or WHOLE,
                device=options.device,
                memory=store.backbones,
            )
        else:
            encoder = FrameEncoder(
                base.recipe.backbone,
                weights=base.backbone if options.weights is None else options.weights,
                recipe=base.recipe if options.seen is None else replace(base.recipe, region=options.seen),
                device=options.device,
                memory=store.backbones,
            )
        encoders.append(encoder)
        return encoder

    with DecodingProcess() as process:
        material = prepare(options, open_encoder, store, process, inputs=inputs, base=base, on_event=tell)
        encoder, boxes = encoders[0], dict[str, Box | None]()
        if options.learn_backbone != "no":
            boxes = {
                name: box_of(material.regions[name], video, store, process) for name, video in material.videos.items()
            }
    source = None
    if options.learn_backbone != "no":
        weights = base.backbone if base is not None and options.weights is None else options.weights
        source = FilmSource(
            videos=material.videos, encoder=encoder, weights=weights, blocks=options.learn_backbone, boxes=boxes
        )
    with HEADS.blamed(material.head, "training stopped"):
        learnt = learn(
            material,
            seed=options.seed,
            epochs=options.epochs,
            backbone=encoder.name,
            device=encoder.device,
            work=work,
            source=source,
            streamable=options.streamable,
            overrides=options.overrides,
            on_event=tell,
        )
        tell(TrainingStage(name="writing"))
        recipe = recipe_of(encoder.recipe(material.plan.fps), [film.region for film in material.films])
        if learnt.backbone is not None:
            recipe = recipe_after(recipe, learnt.backbone)
        plots = write(material, learnt, recipe, output)
    for state in state_files(work) if learnt.is_finished else ():
        if state.is_dir():
            shutil.rmtree(state, ignore_errors=True)
        else:
            state.unlink(missing_ok=True)
    return Taught(
        model=output,
        card=card_file(output),
        plots=plots,
        log=work,
        figures={} if learnt.exam is None else learnt.exam.figures,
        intervals={} if learnt.exam is None else learnt.exam.intervals,
        baselines=learnt.baselines,
        held_out={} if learnt.held_out is None else learnt.held_out.figures,
        held_out_intervals={} if learnt.held_out is None else learnt.held_out.intervals,
    )
