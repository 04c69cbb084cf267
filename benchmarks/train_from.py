"""What a model gains that goes on from another one (`vtn-stream train --from`), and what it forgets.

    python benchmarks/train_from.py [--data FOLDER] [--store FOLDER] [--model linear|network] [--part films|labels]

15 films (34 minutes, 9 labels) seen from the ceiling, in three parts of five films, A, B and C, which take turns. A
model learns A. From it, another one goes on with B. Both are measured on C, beside a model that learns A and B from
scratch, and one that learns B alone: shares of the positions with the right label, "nothing" a label as well, drawn
with the usual phase rules, of all turns together.

films   B is annotated whole
absent  one label is unknown in B: is it still found in C? And is all the rest?
new     the same label is unknown in A, so that B brings it: is it found in C, and is all the rest?

`train` chooses a decay, calibration and rules by cross-validation; here only the decay is chosen, inside the films that
are learnt. Embeddings that the store lacks are made first, at 3 positions a second.

T positions
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vtn_stream.backbone import FrameEncoder
from vtn_stream.checkpoints import Checkpoint
from vtn_stream.embedding import DEFAULT_BACKBONE
from vtn_stream.heads import HEADS
from vtn_stream.heads.dense import drawn_labels
from vtn_stream.heads.labelled_film import labels_of
from vtn_stream.known import Known
from vtn_stream.sampling import ClipWindow, SamplingPlan
from vtn_stream.store import EmbeddingStore
from vtn_stream.track import NO_THRESHOLD
from vtn_stream.training.base import grown_head, way_of
from vtn_stream.training.films import TrainingFilm, embed_films
from vtn_stream.training.fits import going_on
from vtn_stream.training.footage import find_films
from vtn_stream.training.hyperparameters import WIDTH, Hyperparameters, natural_hyperparameters
from vtn_stream.training.linear import LinearSettings, fit_linear, natural_linear
from vtn_stream.training.loop import fit
from vtn_stream.training.out_of_fold import unchosen
from vtn_stream.training.split import folds
from vtn_stream.training.validation import predictions
from vtn_stream.training.ways import INPUTS, POOLING, Way
from vtn_stream.video import DecodingProcess

FPS = Fraction(3)
HEAD = "dense"
WAYS = ("A", "A, then B", "A and B", "B")

Films = Sequence[TrainingFilm]
# Of each way: whether each position of C is right, [T] of all turns.
Right = dict[str, list[NDArray[np.bool_]]]


@dataclass(frozen=True, kw_only=True)
class Teacher:
    """Makes models of films. recipe: of the embeddings; network: not a linear one."""

    encoder: FrameEncoder
    network: bool

    def model(self, films: Films, base: Checkpoint | None = None) -> Checkpoint:
        there = sorted({s.label for film in films for s in film.segments})
        labels = tuple(there) if base is None else (*base.labels, *(x for x in there if x not in base.labels))
        config = HEADS[HEAD].config_for(films, len(labels), WIDTH)
        if base is not None:
            config = grown_head(base, config)
        settings: Hyperparameters | LinearSettings
        if self.network:
            settings = natural_hyperparameters(films, labels, HEAD, FPS)
        else:
            settings = natural_linear(films, labels, HEAD, FPS)
        settings = replace(settings, head=config)
        if base is not None:
            settings = going_on(base, settings)
        if isinstance(settings, Hyperparameters):
            fitted = fit(films, labels, settings, FPS, backbone=DEFAULT_BACKBONE, base=base)
        else:
            fitted = fit_linear(films, labels, settings, backbone=DEFAULT_BACKBONE, base=base)
        way = Way(name="", inputs=INPUTS) if base is None else way_of(base)
        return Checkpoint(
            config=fitted.network.config,
            labels=labels,
            recipe=self.encoder.recipe(FPS),
            inputs=INPUTS,
            window=ClipWindow(num_positions=64, stride=32),
            operating_points=NO_THRESHOLD,
            phase_rules=unchosen(way, HEADS[HEAD], config, films, labels, base).rules,
            tensors={name: tensor.detach() for name, tensor in fitted.network.state_dict().items()},
        )


def right(model: Checkpoint, films: Films, labels: Sequence[str]) -> NDArray[np.bool_]:
    """[T]: whether the model's timeline shows the right one of these labels, at each position that has a frame."""
    parts = []
    assert model.phase_rules is not None
    number = {label: k for k, label in enumerate(labels)}
    places = np.array([*(number[label] for label in model.labels), len(labels)])
    for film, said in zip(films, predictions(model.network(), films, FPS), strict=True):
        shown = places[drawn_labels(said, film, model.labels, model.phase_rules)]
        true = labels_of(film, labels)
        parts.append((shown == true)[true >= 0])
    return np.concatenate(parts)


def unknown(films: Films, label: str) -> list[TrainingFilm]:
    """The films as if nobody had looked at the times at which the label holds."""
    less = []
    for film in films:
        spans, start_s = [], 0.0
        for s in film.segments:
            if s.label == label:
                spans.append((start_s, s.start_s))
                start_s = s.end_s
        spans.append((start_s, film.duration_s))
        known = Known(rest=tuple(span for span in spans if span[0] < span[1]))
        less.append(replace(film, known=known, segments=tuple(s for s in film.segments if s.label != label)))
    return less


def of_films(teacher: Teacher, a: Films, b: Films, c: Films, labels: Sequence[str], found: Mapping[str, Right]) -> None:
    """One turn of the three parts; `found` gets what is right."""
    old = teacher.model(a)
    models = (old, teacher.model(b, old), teacher.model([*a, *b]), teacher.model(b))
    for way, model in zip(WAYS, models, strict=True):
        found["films"].setdefault(way, []).append(right(model, c, labels))


def of_label(
    teacher: Teacher, a: Films, b: Films, c: Films, labels: Sequence[str], label: str, found: Mapping[str, Right]
) -> None:
    """The same where that label is unknown in one part."""
    its = np.concatenate([held[held >= 0] for held in (labels_of(film, labels) for film in c)]) == labels.index(label)
    less_b, less_a = unknown(b, label), unknown(a, label)
    old, without = teacher.model(a), teacher.model(less_a)
    for part, way, model in (
        ("absent", "A", old),
        ("absent", "A, then B", teacher.model(less_b, old)),
        ("absent", "A and B", teacher.model([*a, *less_b])),
        ("new", "A", without),
        ("new", "A, then B", teacher.model(b, without)),
        ("new", "A and B", teacher.model([*less_a, *b])),
    ):
        said = right(model, c, labels)
        found[f"{part}, that label"].setdefault(way, []).append(said[its])
        found[f"{part}, the rest"].setdefault(way, []).append(said[~its])


def show(found: Mapping[str, Right]) -> None:
    for kind, of in found.items():
        if of:
            shares = "".join(f"{100 * np.concatenate(of[way]).mean():12.1f}" if way in of else "" for way in WAYS)
            print(f"  {kind:20}{shares}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = os.environ.get("VTN_STREAM_DATA", "../shared/data")
    parser.add_argument("--data", type=Path, default=Path(data) / "indoor-actions")
    parser.add_argument("--store", type=Path, help="of the embeddings; by default the user's")
    parser.add_argument("--model", choices=["linear", "network"], default="linear")
    parser.add_argument("--part", choices=["films", "labels"], help="by default both")
    parser.add_argument("--labels", nargs="*", default=["walk", "sit"], help="that are absent, or new, in turn")
    parser.add_argument("--turns", type=int, nargs="+", choices=range(3), default=[0, 1, 2])
    given = parser.parse_args()
    if not given.data.is_dir():
        sys.exit(f"{given.data.name} is not there: name its folder with --data")
    store, encoder = EmbeddingStore(given.store), FrameEncoder(DEFAULT_BACKBONE, pooling=POOLING)
    with DecodingProcess() as process:
        footage = find_films(given.data / "annotations.json", given.data / "videos", store, process)
        videos = {name: replace(video, subset=None) for name, video in footage.annotations.videos.items()}
        films = embed_films(footage, [*videos], SamplingPlan(FPS), encoder, store, process, inputs=INPUTS)
    parts = [[films[name] for name in part] for part in folds(videos, 3)]
    labels = footage.annotations.labels
    kinds = ("films", "absent, that label", "absent, the rest", "new, that label", "new, the rest")
    found: dict[str, Right] = {kind: {} for kind in kinds}
    teacher = Teacher(encoder=encoder, network=given.model == "network")
    print(f"{given.model}, percent of positions:" + "".join(f"{way:>12}" for way in WAYS))
    whole: list[str | None] = [] if given.part == "labels" else [None]
    for label in (*whole, *([] if given.part == "films" else given.labels)):
        for n in given.turns:
            a, b, c = (parts[(n + k) % 3] for k in range(3))
            if label is None:
                of_films(teacher, a, b, c, labels, found)
            else:
                of_label(teacher, a, b, c, labels, label, found)
            print(f"after turn {n}" + f" of {label}" * (label is not None))
            show(found)


if __name__ == "__main__":
    main()
