"""Prepares what a network learns from: finds, checks, splits and embeds the films."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from vtn_stream.checkpoints import Checkpoint
from vtn_stream.checkpoints.training_films import FILM_DIGESTS
from vtn_stream.embedding import Warned
from vtn_stream.errors import InputError, listed
from vtn_stream.film import VideoInfo
from vtn_stream.formats.annotations import AnnotatedVideo
from vtn_stream.formats.annotations.label_files import read_label_names
from vtn_stream.sampling import SamplingPlan
from vtn_stream.store import EmbeddingStore
from vtn_stream.track import PICTURE
from vtn_stream.training.base import is_new, labels_after
from vtn_stream.training.check import check_enough, check_head, check_streamable, natural_head
from vtn_stream.training.events import HeadKind, Prepared, TrainingEvent
from vtn_stream.training.films import TrainingFilm, embed_films, work_to_do
from vtn_stream.training.footage import Footage, find_films
from vtn_stream.training.known import check_background, known_hours, teaching
from vtn_stream.training.options import TrainingOptions
from vtn_stream.training.rate import grid_rate
from vtn_stream.training.regions import looked_at
from vtn_stream.training.split import Parts, parts
from vtn_stream.video import DecodingProcess

if TYPE_CHECKING:
    from vtn_stream.backbone import FrameEncoder

__all__ = ["Material", "prepare"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Material:
    """What a model is trained on.

    films     to learn from, and the fold of each
    held_out  that are not learnt from: they measure the finished model
    labels    that are learnt, in the order of the classes
    instants  of them those whose events have no length
    videos    the file of each film, by the film's name
    inputs    through which the films were embedded: their values hold the columns of all, in this order
    base      the model from which the training goes on; films that it knows are in no fold
    regions   of each film's picture, by the film's name, as a recipe names them
    """

    films: tuple[TrainingFilm, ...]
    folds: tuple[int, ...]
    held_out: tuple[TrainingFilm, ...] = ()
    labels: tuple[str, ...]
    instants: tuple[str, ...] = ()
    head: HeadKind
    plan: SamplingPlan
    notes: tuple[str, ...]
    inputs: tuple[str, ...] = (PICTURE,)
    base: Checkpoint | None = None
    videos: Mapping[str, VideoInfo] = field(default_factory=dict)
    regions: Mapping[str, str] = field(default_factory=dict)


def prepare(
    options: TrainingOptions,
    open_encoder: "Callable[[], FrameEncoder]",
    store: EmbeddingStore,
    process: DecodingProcess,
    *,
    inputs: Sequence[str] = (PICTURE,),
    base: Checkpoint | None = None,
    on_event: Callable[[TrainingEvent], None] | None = None,
) -> Material:
    """The films of the annotations, embedded through these inputs. Every problem that can be known earlier is reported
    before that.

    base: the model from which the training goes on; it says the head, the rate and, before new ones, the labels.
    open_encoder is called when all that is known without it is known to be right. Raises what `find_films`,
    `check_head`, `check_enough` and `embed_films` raise.
    """
    tell, skip_bad, anyway = on_event or (lambda event: None), options.skip_bad, options.anyway
    old = () if base is None else base.labels
    footage = find_films(
        options.annotations,
        options.videos,
        store,
        process,
        annotation_fps=options.annotation_fps,
        coding=options.coding,
        label_names=None if options.names is None else read_label_names(options.names),
        skip_bad=skip_bad,
        on_event=tell,
    )
    footage, regions = looked_at(footage, options, base)
    annotated: Mapping[str, AnnotatedVideo] = footage.annotations.videos
    kind = natural_head(annotated) if options.head == "auto" else options.head
    if base is not None:
        kind, anyway = base.config.head.kind, True  # it has learnt before
    idle: tuple[str, ...] = ()
    try:
        check_head(annotated, kind)
        if options.streamable:
            check_streamable(kind)
        annotated, idle = teaching(annotated, tuple(dict.fromkeys((*old, *footage.annotations.labels))), kind)
        split = _parts(annotated, footage, options, base)
        labels, doubts = check_enough(annotated, footage.annotations.labels, split, kind, anyway=anyway, old=old)
        doubts += check_background(_of(annotated, split.learnt), labels, kind, anyway=anyway)
        if base is not None:
            labels = labels_after(base, labels, footage.annotations.instants, annotated)
    except InputError:
        for note in (*footage.notes, *idle):  # one of them may be the reason, such as a misspelt label
            tell(Warned(message=note))
        raise
    split = _known(footage, split, labels)
    names = (*split.learnt, *split.held_out)
    used = _of(annotated, names)
    asked = options.sampling if base is None else SamplingPlan(base.recipe.fps)
    plan, slips = grid_rate(used, {name: footage.videos[name] for name in names}, asked)
    encoder = open_encoder()
    work = work_to_do(footage, names, encoder.recipe(plan.fps), store, inputs=inputs, regions=regions)
    notes = (*footage.notes, *idle, *split.notes, *doubts, *slips)
    of_store: tuple[str, ...] = ()  # of this machine alone: the model's card does not tell it
    if work.num_films_elsewhere:
        num = work.num_films_elsewhere
        of_store = (f"{num} film{'s' * (num > 1)} stored at another rate, or for another network: embedded again",)
    tell(
        Prepared(
            num_films=len(split.learnt),
            num_folds=len(split.folds),
            num_held_out=len(split.held_out),
            hours=sum(footage.videos[name].duration_s for name in names) / 3600,
            known_hours=known_hours(used, labels, kind),
            base=None if base is None else base.name,
            num_old_labels=0 if base is None else len(base.labels),
            num_segments=sum(len(video.segments) for video in used.values()),
            labels=labels,
            fps=plan.fps,
            head=kind,
            num_positions=work.num_positions,
            num_missing=work.num_missing,
            notes=notes + of_store,
        )
    )
    films = embed_films(
        footage,
        names,
        plan,
        encoder,
        store,
        process,
        inputs=inputs,
        regions=regions,
        skip_bad=skip_bad,
        on_event=tell,
    )
    if len(films) < len(names):  # what is left may be too little
        split = _parts(_of(annotated, list(films)), footage, options, base)
        there, doubts = check_enough(used, labels, split, kind, anyway=anyway, old=old)
        labels = there if base is None else labels_after(base, there, footage.annotations.instants, used)
        split, notes = _known(footage, split, labels), (*notes, *doubts)
    learnt, held_out = (
        tuple(_of_labels(films[name], labels, is_new=name not in split.always) for name in side)
        for side in (split.learnt, split.held_out)
    )
    return Material(
        films=learnt,
        folds=tuple(split.fold_of[name] for name in split.learnt),
        held_out=held_out,
        labels=labels,
        instants=tuple(label for label in labels if label in footage.annotations.instants),
        head=kind,
        plan=plan,
        notes=notes,
        inputs=tuple(inputs),
        base=base,
        videos={film.name: footage.videos[film.name] for film in (*learnt, *held_out)},
        regions={film.name: film.region for film in (*learnt, *held_out)},
    )


def _parts(
    annotated: Mapping[str, AnnotatedVideo], footage: Footage, options: TrainingOptions, base: Checkpoint | None
) -> Parts:
    """The films in folds, and those that the model knows from which the training goes on: they measure nothing."""
    always = [name for name in annotated if base is not None and not is_new(base, footage.videos[name].identity)]
    new = {name: video for name, video in annotated.items() if name not in always}
    split = parts(new, options.seed, hold_out=options.hold_out)
    if base is None or not always:
        return split
    held_out = [name for name in always if options.hold_out and annotated[name].subset == "validation"]
    learnt = sorted(set(always) - set(held_out))
    notes = list(split.notes)
    if held_out:
        notes.append(f"{listed(held_out)}: left out, since {base.name} knows what should be held out")
    if learnt:
        told = FILM_DIGESTS in base.training
        why = f"{base.name} learnt {len(learnt)} of these films" if told else f"{base.name} does not say what it learnt"
        rest = "the others measure the new model" if len(split.folds) > 1 else "nothing can be measured"
        notes.append(f"{why}: they are learnt again, and no figure is measured on them; {rest}")
    return replace(split, always=tuple(learnt), notes=tuple(notes))


def _of(annotated: Mapping[str, AnnotatedVideo], names: Sequence[str]) -> dict[str, AnnotatedVideo]:
    return {name: annotated[name] for name in names}


def _known(footage: Footage, split: Parts, labels: tuple[str, ...]) -> Parts:
    """Without the held out clips of labels that are not learnt."""
    whole = {name: footage.annotations.videos[name].clip_label for name in split.held_out}
    known = tuple(name for name, label in whole.items() if label is None or label in labels)
    return replace(split, held_out=known)


def _of_labels(film: TrainingFilm, labels: tuple[str, ...], *, is_new: bool) -> TrainingFilm:
    return replace(film, is_new=is_new, segments=tuple(segment for segment in film.segments if segment.label in labels))
