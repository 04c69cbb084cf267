"""Whether the loop pays: a model learns from the moments that `suggest` chooses, or from random ones of equal length.

    python benchmarks/suggesting.py [--data FOLDER] [--store FOLDER] [--choose] [--plot docs/suggesting.svg]

The 15 films of indoor-actions (34 minutes, 9 labels) in five outer folds by film. Films of a fold are only measured.
Of the others, an annotator answers 12 moments of 5 s that are drawn by chance: the truth says all that happens in
them, and nothing else is known of the films. A linear model learns that, as `train` does (dense, the change in 1/2 s
beside the picture), but with one decay for all, the same for every way: cross-validation would choose it from few
examples. Then come five rounds: 12 more moments, by `suggest` with this model or by chance, the annotator's answers, a
new model. Labels are those that the annotator met.

accuracy  the share of the outer films' positions whose label, or that there is none, is right
by label  the same, mean over the labels and "nothing": rare ones count as much as frequent ones

--choose compares ways to choose moments, on folds 1 and 2 with seeds of its own; the usual weights of `suggest` were
decided on these folds. Its fit is a quicker one, in the principal components of all positions of the films that may be
annotated. Without it, the usual weights, doubt alone and chance are measured on folds 3, 4 and 5, in three seeds: no
figure there is of films that chose anything. Not apart: the films that are annotated, which are those of the other
folds; the inputs of the model were found on all of these films, for both ways alike.

A run that was killed goes on: results are kept beside the store, in STORE.suggesting.jsonl; remove it to measure a
changed program.
"""

import argparse
import contextlib
import json
import math
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from vtn_stream.backbone import FrameEncoder
from vtn_stream.corrections import joined
from vtn_stream.embedding import DEFAULT_BACKBONE
from vtn_stream.heads.labelled_film import labels_of
from vtn_stream.known import Known
from vtn_stream.metrics.doubt import answers, usual_doubt
from vtn_stream.metrics.intervals import students_t
from vtn_stream.model import VTN, StatisticsEncoder, VTNConfig
from vtn_stream.report.drawing import in_picture_style, picture
from vtn_stream.review.moments import Moments, moments_of
from vtn_stream.review.suggest import WEIGHTS, Weights, suggest
from vtn_stream.sampling import SamplingPlan
from vtn_stream.store import EmbeddingStore
from vtn_stream.track import GridScores
from vtn_stream.training.films import TrainingFilm, embed_films
from vtn_stream.training.footage import find_films
from vtn_stream.training.linear import fit_linear, natural_linear
from vtn_stream.training.logistic import components, logistic
from vtn_stream.training.rate import grid_rate
from vtn_stream.training.split import folds
from vtn_stream.training.validation import predictions
from vtn_stream.training.ways import INPUTS, POOLING
from vtn_stream.video import DecodingProcess

NUM_FOLDS, ROUNDS, MOMENTS = 5, 5, 12
DECAY = 1e-3
REPORTED, SEEDS = (2, 3, 4), (0, 1, 2)
CHOOSING, SEEDS_OF_CHOICE = (0, 1), (10, 11)
SUGGESTED, DOUBT_ALONE, BY_CHANCE = "suggest", "doubt alone", "chance"
WAYS: Mapping[str, Weights] = {
    "doubt": Weights(doubt=1, rare=0, new=0, random=0),
    "new": Weights(doubt=0, rare=0, new=1, random=0),
    "doubt, new": Weights(doubt=1, rare=0, new=1, random=0),
    "doubt, new, some by chance": Weights(doubt=1, rare=0, new=1, random=0.2),
    "doubt, rare, new": Weights(doubt=1, rare=1, new=1, random=0),
    "doubt, rare, new, some by chance": Weights(doubt=1, rare=1, new=1, random=0.2),
    "doubt, new twice, some by chance": Weights(doubt=1, rare=0, new=2, random=0.2),
    "doubt, rare, new twice, some by chance": Weights(doubt=1, rare=1, new=2, random=0.2),
}

Films = Sequence[TrainingFilm]
Span = tuple[float, float]
# Of each round: seconds annotated, accuracy, accuracy by label, how many labels the annotator met
Curve = list[tuple[float, float, float, int]]


def taught(film: TrainingFilm, spans: Sequence[Span]) -> TrainingFilm:
    """The film as an annotator knows it who answered for these spans."""
    known = tuple(joined(spans))
    parts = [part for s in film.segments for span in known if (part := s.cropped(*span)) is not None]
    return replace(film, segments=tuple(sorted(parts, key=lambda s: s.sort_key)), known=Known(rest=known))


Predict = Callable[[Films], list[GridScores]]
Fit = Callable[[Films, Sequence[str]], Predict]


def as_train_does(fps: Fraction) -> Fit:
    def fit(lesson: Films, labels: Sequence[str]) -> Predict:
        settings = natural_linear(lesson, labels, "dense", fps, decay=DECAY)
        network = fit_linear(lesson, labels, settings, backbone=DEFAULT_BACKBONE).network
        return lambda films: predictions(network, films, fps)

    return fit


def quickly(films: Films, pool: Films, fps: Fraction) -> Fit:
    """The same model in the components [T, R] of features that are made once."""
    torch.set_num_threads(1)
    settings = natural_linear(films, ["any"], "dense", fps)
    encoder = VTN(VTNConfig(backbone=DEFAULT_BACKBONE, encoder=settings.encoder, head=settings.head)).encoder
    assert isinstance(encoder, StatisticsEncoder)
    features = {}
    for film in films:
        values, valid = torch.from_numpy(film.values)[None], torch.from_numpy(film.index.valid)[None]
        tiles = encoder.tiles(lambda start, stop, of=values: of[:, start:stop], len(film.values), valid)
        features[film.name] = torch.cat([tile[0] for tile in tiles])
    joint = torch.cat([features[film.name] for film in pool])
    mean, deviation = joint.mean(0), joint.std(0).clamp(min=1e-4)
    directions = components((joint - mean) / deviation).directions
    scores = {name: ((of - mean) / deviation).double() @ directions for name, of in features.items()}

    def fit(lesson: Films, labels: Sequence[str]) -> Predict:
        held = [labels_of(film, labels) for film in lesson]
        known = torch.cat([scores[film.name][torch.from_numpy(of >= 0)] for film, of in zip(lesson, held, strict=True)])
        number = np.concatenate(held)
        truth = torch.from_numpy(np.eye(len(labels) + 1, dtype=np.bool_)[number[number >= 0]])
        weights = logistic(known, truth, DECAY * len(mean), tolerance=1e-4)

        def said(film: TrainingFilm) -> GridScores:
            shares = (scores[film.name] @ weights.weight.T + weights.bias).softmax(1)[:, :-1]
            return GridScores(frame=shares.numpy().astype(np.float16) * film.index.valid[:, None])

        return lambda films: [said(film) for film in films]

    return fit


class Annotated:
    """The films that an annotator sees, and what they know of each."""

    def __init__(self, films: Films, seed: int) -> None:
        self._films = films
        self._rng = np.random.default_rng(1000 + seed)
        self._known: list[list[Span]] = [[] for _ in films]

    @property
    def seconds(self) -> float:
        return sum(end_s - start_s for spans in self._known for start_s, end_s in spans)

    @property
    def lesson(self) -> list[TrainingFilm]:
        return [taught(film, spans) for film, spans in zip(self._films, self._known, strict=True) if spans]

    def moments(self, scores: Sequence[GridScores] | None, num_labels: int) -> list[Moments]:
        nothing = [GridScores(frame=np.zeros((len(film.index), num_labels), np.float16)) for film in self._films]
        return [
            moments_of(
                film.values,
                film.index,
                said.frame,
                film.duration_s,
                spans,
                measure=usual_doubt(exclusive=True),
                thresholds=np.full(num_labels, 0.5),
                exclusive=True,
                num_inputs=len(INPUTS),
            )
            for film, said, spans in zip(self._films, scores or nothing, self._known, strict=True)
            if said.frame is not None
        ]

    def answer_by_chance(self) -> None:
        moments = self.moments(None, 1)
        places = [(n, k) for n, film in enumerate(moments) for k in np.flatnonzero(film.open).tolist()]
        for at in self._rng.permutation(len(places))[:MOMENTS]:
            n, k = places[at]
            self._known[n].append((float(moments[n].start_s[k]), float(moments[n].end_s[k])))

    def answer_suggested(
        self, scores: Sequence[GridScores], labels: Sequence[str], weights: Weights, seed: int
    ) -> None:
        known_s = np.zeros(len(labels) + 1)
        for film in self.lesson:
            for segment in film.segments:
                known_s[labels.index(segment.label)] += segment.duration_s
        known_s[-1] = max(0.0, self.seconds - known_s.sum())
        found = suggest(self.moments(scores, len(labels)), labels, known_s, MOMENTS, seed=seed, weights=weights)
        for moment in found:
            self._known[moment.film].append((moment.start_s, moment.end_s))


def measured(outer: Films, said: Sequence[GridScores], labels: Sequence[str], every: Sequence[str]) -> Span:
    """The accuracy, and that by label. labels: of the model; every: of the films."""
    truth, found = [], []
    number = np.array([*(every.index(label) for label in labels), len(every)])
    for film, scores in zip(outer, said, strict=True):
        assert scores.frame is not None
        likeliest = answers(scores.frame, np.full(len(labels), 0.5), exclusive=True).argmax(1)
        truth.append(labels_of(film, every))
        found.append(number[likeliest])
    true, is_ = np.concatenate(truth), np.concatenate(found)
    true, is_ = true[true >= 0], is_[true >= 0]
    right = true == is_
    return float(right.mean()), float(np.mean([right[true == k].mean() for k in np.unique(true)]))


def learnt(pool: Films, outer: Films, seed: int, weights: Weights | None, fit: Fit) -> Curve:
    """The rounds of one annotator. weights: of `suggest`; None: moments are drawn by chance."""
    every = sorted({s.label for film in (*pool, *outer) for s in film.segments})
    annotated, curve = Annotated(pool, seed), []
    annotated.answer_by_chance()
    for number in range(ROUNDS + 1):
        lesson = annotated.lesson
        labels = sorted({s.label for film in lesson for s in film.segments})
        predict = fit(lesson, labels)
        curve.append((annotated.seconds, *measured(outer, predict(outer), labels, every), len(labels)))
        if number == ROUNDS:
            break
        if weights is None:
            annotated.answer_by_chance()
        else:
            annotated.answer_suggested(predict(pool), labels, weights, 100 * seed + number)
    return curve


# ---- what was found


def show(curves: Mapping[str, Sequence[Curve]]) -> None:
    """A table: a row a way and figure, a column a round."""
    for column, name in ((1, "accuracy"), (2, "by label")):
        seconds = np.mean([[at[0] for at in curve] for of in curves.values() for curve in of], axis=0)
        print(f"\n{name}, %, after seconds annotated{'':14}" + "".join(f"{s:7.0f}" for s in seconds))
        for way, of in curves.items():
            values = 100 * np.array([[at[column] for at in curve] for curve in of])
            rounds = f"   rounds {values[:, 1:].mean():5.1f}   {len(of)} runs"
            print(f"  {way:42}" + "".join(f"{value:7.1f}" for value in values.mean(0)) + rounds)
    for column, name in ((1, "accuracy"), (2, "by label")):
        for way in [each for each in (SUGGESTED, DOUBT_ALONE) if each in curves]:
            one, other = (100 * np.array([[at[column] for at in c] for c in curves[w]]) for w in (way, BY_CHANCE))
            more = (one - other)[:, 1:]
            for what, each in (("the last round", more[:, -1]), ("all five rounds", more.mean(1))):
                reach = students_t(0.95, len(each) - 1) * each.std(ddof=1) / math.sqrt(len(each))
                print(
                    f"{name}, {what}: {way} has {each.mean():+.1f} points more than chance "
                    f"({each.mean() - reach:+.1f} to {each.mean() + reach:+.1f}, 95 % over the runs), in "
                    f"{int((each > 0).sum())} of {len(each)} runs"
                )


def plotted(curves: Mapping[str, Sequence[Curve]]) -> bytes:
    colours = {SUGGESTED: "#1f5fa8", DOUBT_ALONE: "#c46a1b", BY_CHANCE: "#888888"}
    with in_picture_style():
        figure = Figure(figsize=(7.4, 3.4), layout="constrained")
        for axes, column, name in zip(
            figure.subplots(1, 2), (1, 2), ("right positions", "mean over labels"), strict=True
        ):
            for way, of in curves.items():
                seconds = np.mean([[at[0] for at in curve] for curve in of], axis=0)
                values = np.array([[at[column] for at in curve] for curve in of])
                for curve in values:
                    axes.plot(seconds, curve, color=colours[way], linewidth=0.6, alpha=0.3)
                axes.plot(seconds, values.mean(0), color=colours[way], marker="o", markersize=4, linewidth=2, label=way)
            axes.set(xlabel="seconds annotated", ylabel=f"{name}, %")
            axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.0f}"))
            axes.grid(alpha=0.3)
            axes.legend(frameon=False, loc="upper left")
        figure.suptitle("What a model knows of films that nobody annotated")
        return picture(figure, "svg")


def kept_in(file: Path) -> dict[str, Curve]:
    """The curves of earlier runs. A line that a killed run wrote half is left out."""
    found: dict[str, Any] = {}
    for line in file.read_text().splitlines() if file.exists() else ():
        with contextlib.suppress(json.JSONDecodeError):
            found.update(json.loads(line))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = os.environ.get("VTN_STREAM_DATA", "../shared/data")
    parser.add_argument("--data", type=Path, default=Path(data) / "indoor-actions")
    parser.add_argument("--store", type=Path, help="of the embeddings; by default the user's")
    parser.add_argument("--choose", action="store_true", help="compare ways to choose, on other folds and seeds")
    parser.add_argument("--plot", type=Path, help="file for the picture (.svg)")
    given = parser.parse_args()
    if not given.data.is_dir():
        sys.exit(f"{given.data.name} is not there: name its folder with --data")
    store = EmbeddingStore(given.store)
    encoder = FrameEncoder(DEFAULT_BACKBONE, pooling=POOLING, memory=store.backbones)
    with DecodingProcess() as process:
        footage = find_films(given.data / "annotations.json", given.data / "videos", store, process)
        plan, _ = grid_rate(footage.annotations.videos, footage.videos)
        films = embed_films(
            footage, list(footage.videos), SamplingPlan(plan.fps), encoder, store, process, inputs=INPUTS
        )
    unsplit = {name: replace(video, subset=None) for name, video in footage.annotations.videos.items()}
    parts = folds(unsplit, NUM_FOLDS)
    file = store.root.with_name(f"{store.root.name}.suggesting.jsonl")
    kept = kept_in(file)
    ways: dict[str, Weights | None] = {SUGGESTED: WEIGHTS, DOUBT_ALONE: WAYS["doubt"], BY_CHANCE: None}
    if given.choose:
        ways = {**WAYS, BY_CHANCE: None}
    curves: dict[str, list[Curve]] = defaultdict(list)
    for fold in CHOOSING if given.choose else REPORTED:
        pool, outer = ([f for f in films.values() if (f.name in parts[fold]) is of] for of in (False, True))
        fit = quickly([*pool, *outer], pool, plan.fps) if given.choose else as_train_does(plan.fps)
        for seed, (way, weights) in product(SEEDS_OF_CHOICE if given.choose else SEEDS, ways.items()):
            key = f"{way} {weights} fold {fold} seed {seed}"
            if key not in kept:
                kept[key] = learnt(pool, outer, seed, weights, fit)
                with file.open("a") as out:
                    out.write("\n" * (out.tell() > 0) + json.dumps({key: kept[key]}) + "\n")
            curves[way].append(kept[key])
            last = kept[key][-1]
            print(
                f"fold {fold + 1}, seed {seed}, {way}: {100 * last[1]:.1f} %, by label {100 * last[2]:.1f} %, after "
                f"{last[0]:.0f} s",
                flush=True,
            )
    show(curves)
    if given.plot is not None:
        given.plot.write_bytes(plotted(curves))


if __name__ == "__main__":
    main()
