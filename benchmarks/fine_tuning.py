"""What an image network gains that learns from the films too, instead of staying as ImageNet made it.

    python benchmarks/fine_tuning.py cctv-fight|indoor-actions --data FOLDER [--store FOLDER] [--results FOLDER]
                                     [--inputs change-1/2 picture both] [--blocks last|all] [--share SHARE] [--seed N]

cctv-fight: 247 clips, fight or not; each fold holds whole sources. indoor-actions: 15 films, dense labels; each fold
holds whole films. Both as `vtn-stream train` divides them, at its natural rate. For each set of inputs (the picture,
the change in 1/2 s, or both) the best of its ways on the other folds is taken, with the image network as it was
("fixed"), and then goes on, with the network (`--blocks last`: its last stage; `all`: all of it) at a small rate
("trained"). The second is the second stage of `train --learn-backbone`; --share is its `--set backbone.share`. Both
predict the same films, which neither has seen. Printed: accuracy of clips or of positions, of two labels also the area
under the ROC curve, and the difference of both with its 90 % interval: Student's t on the jackknife over sources or
films, widened as for all figures out of fold.

Finished folds are kept in --results, and shown at once when the command is given again; one that was killed goes on.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from vtn_stream.backbone import FrameEncoder
from vtn_stream.embedding import DEFAULT_BACKBONE, Warned
from vtn_stream.heads import HEADS
from vtn_stream.metrics.intervals import OUT_OF_FOLD, SHARE, students_t
from vtn_stream.store import EmbeddingStore
from vtn_stream.track import GridScores
from vtn_stream.training.events import EpochDone, TrainingEvent
from vtn_stream.training.film_source import FilmSource
from vtn_stream.training.films import TrainingFilm
from vtn_stream.training.fits import Fit, Lesson, Outcome, kept
from vtn_stream.training.hyperparameters import WIDTH, natural_hyperparameters
from vtn_stream.training.key import key_of
from vtn_stream.training.linear import natural_linear
from vtn_stream.training.options import TrainingOptions
from vtn_stream.training.out_of_fold import OutOfFold
from vtn_stream.training.prepare import Material, prepare
from vtn_stream.training.second_stage import SecondStage
from vtn_stream.training.side_by_side import Progress, do_all
from vtn_stream.training.ways import INPUTS, POOLING, Way, films_of
from vtn_stream.video import DecodingProcess

ANNOTATIONS = {"cctv-fight": "clips.csv", "indoor-actions": "annotations.json"}
FILMS = {"cctv-fight": "", "indoor-actions": "videos"}
HEAD = {"cctv-fight": "classification", "indoor-actions": "dense"}
SETS = {"change-1/2": ("change-1/2",), "picture": ("picture",), "both": INPUTS}
LENGTHS = (1.0, 0.75, 0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A film or clip, and what both models say of it."""

    film: TrainingFilm
    fixed: GridScores
    trained: GridScores


class Bench:
    def __init__(self, material: Material, lesson: Lesson, seed: int, overrides: Sequence[tuple[str, str]]) -> None:
        self.material, self.lesson, self.seed = material, lesson, seed
        self.head = HEADS[material.head]
        self.config = self.head.config_for(material.films, len(material.labels), WIDTH)
        self.stage = SecondStage(lesson, self.config, seed, overrides, tell)
        self.folds = sorted(set(material.folds))

    def first(self, way: Way, fold: int) -> Fit:
        """The fit of the first stage that does not learn a fold."""
        material = self.material
        learns = tuple(n for n, its in enumerate(material.folds) if its != fold)
        reads = tuple(n for n, its in enumerate(material.folds) if its == fold)
        films = films_of([material.films[n] for n in learns], INPUTS, way)
        kind, labels, fps = material.head, material.labels, material.plan.fps
        if way.model == "linear":
            settings = natural_linear(films, labels, kind, fps)
        else:
            settings = natural_hyperparameters(films, labels, kind, fps, seed=self.seed)
        return Fit(
            name=f"{way.name}, fold {fold + 1}",
            way=way,
            learns=learns,
            reads=reads,
            settings=replace(settings, head=self.config),
            lengths=LENGTHS if way.model == "network" else (1.0,),
            keeps_weights=True,
        )

    def pairs(self, name: str) -> list[Pair]:
        """Of the folds that are done, the figures so far printed after each."""
        ways = [Way(name=f"{model}, {name}", inputs=SETS[name], model=model) for model in ("network", "linear")]
        fits = [self.first(way, fold) for way in ways for fold in self.folds]
        progress = Progress(len(fits), sum(one.cost(self.lesson) for one in fits), None, tell)
        done = dict(zip(fits, do_all(self.lesson, fits, progress), strict=True))
        tables = {}
        for way in ways:
            own = [(one, outcome) for one, outcome in done.items() if one.way == way]
            for length in own[0][0].lengths:
                tables[way, length] = self.table([(one, outcome.predictions[length]) for one, outcome in own])
        starts, _ = self.stage.starts(tables)
        found: list[Pair] = []
        for fold in self.folds:
            way, length = starts[fold]
            one, outcome = next(it for it in done.items() if it[0].way == way and it[0].reads == self.reads(fold))
            began = time.monotonic()
            tuned = self.tuned(one, outcome, length, fold, name)
            films = [self.material.films[n] for n in one.reads]
            found += [
                Pair(film=film, fixed=fixed, trained=trained)
                for film, fixed, trained in zip(films, outcome.predictions[length], tuned.predictions[1.0], strict=True)
            ]
            print(f"{name}, fold {fold + 1} of {len(self.folds)}: on from {way.name} at length {length:g}; "
                  f"loss by epoch {', '.join(f'{loss:.4f}' for loss in tuned.losses)}; "
                  f"{time.monotonic() - began:.0f} s")  # fmt: skip
            self.show(name, found, fold + 1)
        return found

    def tuned(self, first: Fit, outcome: Outcome, length: float, fold: int, name: str) -> Outcome:
        assert outcome.weights is not None
        begun = outcome.weights[length]
        one = self.stage.fit(first, length, f"{name}, trained, fold {fold + 1}")
        there, _ = kept(self.lesson, one)
        if there is not None:
            return there
        cost = self.stage.cost(one, begun)
        self.stage.say([one])
        return self.stage.do(one, begun, cost, Progress(1, cost, None, tell))

    def reads(self, fold: int) -> tuple[int, ...]:
        return tuple(n for n, its in enumerate(self.material.folds) if its == fold)

    def table(self, read: Sequence[tuple[Fit, Sequence[GridScores]]]) -> OutOfFold:
        scores = {n: its for one, predictions in read for n, its in zip(one.reads, predictions, strict=True)}
        places = sorted(scores)
        return OutOfFold(
            films=tuple(self.material.films[n] for n in places),
            folds=tuple(self.material.folds[n] for n in places),
            predictions=tuple(scores[n] for n in places),
        )

    # ---- figures

    def figures(self, pairs: Sequence[Pair], which: str) -> dict[str, float]:
        said, films = [getattr(pair, which) for pair in pairs], [pair.film for pair in pairs]
        found = {"accuracy": self.head.metric(said, films, self.material.labels)}
        if self.head.names_clips and len(self.material.labels) == 2:
            scores = np.array([one.clip[0] for one in said])
            truth = np.array([film.clip_label == self.material.labels[0] for film in films])
            if truth.any() and not truth.all():
                found["AUC"] = auc(scores, truth)
        return found

    def show(self, name: str, pairs: Sequence[Pair], num_folds: int) -> None:
        groups = sorted({pair.film.group for pair in pairs})
        fixed, trained = self.figures(pairs, "fixed"), self.figures(pairs, "trained")
        for figure in fixed:
            gain = trained[figure] - fixed[figure]
            without = []
            for group in groups:
                others = [pair for pair in pairs if pair.film.group != group]
                of = [self.figures(others, which).get(figure) for which in ("trained", "fixed")]
                if None not in of:
                    without.append(of[0] - of[1])
            print(
                f"  {name}, {num_folds} of {len(self.folds)} folds, {len(pairs)} films of {len(groups)} groups: "
                f"{figure} {100 * fixed[figure]:.1f} fixed, {100 * trained[figure]:.1f} trained, "
                f"difference {100 * gain:+.1f}{interval(gain, np.array(without))}",
                flush=True,
            )


def auc(scores: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    wins = scores[truth][:, None] - scores[~truth][None]
    return float((wins > 0).mean() + (wins == 0).mean() / 2)


def interval(gain: float, without: NDArray[np.float64]) -> str:
    """The 90 % interval of a difference, from the differences without each group."""
    num = len(without)
    if num < 4:
        return ""
    error = float(np.sqrt((num - 1) / num * ((without - without.mean()) ** 2).sum()))
    reach = OUT_OF_FOLD * error * students_t((1 + SHARE) / 2, num - 1)
    return f" ({100 * (gain - reach):+.1f} to {100 * (gain + reach):+.1f})"


def tell(event: TrainingEvent) -> None:
    if isinstance(event, Warned):
        print(event.message, file=sys.stderr, flush=True)
    elif isinstance(event, EpochDone) and event.num_epochs < 10:
        print(f"    epoch {event.epoch} of {event.num_epochs}: loss {event.loss:.4f}", flush=True)
    elif getattr(event, "name", "") == "training the image network":
        print(f"  {event.message}", flush=True)


def bench_of(args: argparse.Namespace) -> Bench:
    store, encoders = EmbeddingStore(args.store), []

    def open_encoder() -> FrameEncoder:
        encoders.append(FrameEncoder(DEFAULT_BACKBONE, pooling=POOLING, memory=store.backbones))
        return encoders[0]

    options = TrainingOptions(
        annotations=args.data / ANNOTATIONS[args.of],
        videos=args.data / FILMS[args.of],
        output=Path("none.safetensors"),
        head=HEAD[args.of],
        seed=args.seed,
    )
    with DecodingProcess() as process:
        material = prepare(options, open_encoder, store, process, inputs=INPUTS, on_event=tell)
    encoder = encoders[0]
    films, labels, fps = material.films, material.labels, material.plan.fps
    lesson = Lesson(
        films=films,
        inputs=INPUTS,
        labels=labels,
        fps=fps,
        backbone=encoder.name,
        device="cpu",
        work=args.results,
        key=key_of(films, INPUTS, labels, fps, backbone=encoder.name, device="cpu"),
        source=FilmSource(videos=material.videos, encoder=encoder, weights=None, blocks=args.blocks),
    )
    overrides = [] if args.share is None else [("backbone.share", str(args.share))]
    return Bench(material, lesson, args.seed, overrides)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("of", choices=ANNOTATIONS)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--store", type=Path)
    parser.add_argument("--results", type=Path, default=Path("fine-tuning"))
    parser.add_argument("--inputs", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--blocks", choices=("last", "all"), default="last")
    parser.add_argument("--share", type=float)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    began = time.monotonic()
    bench = bench_of(args)
    material = bench.material
    print(
        f"{args.of}: {len(material.films)} films, {len(material.labels)} labels, {float(material.plan.fps):g} "
        f"positions a second, folds of {', '.join(str(len(bench.reads(fold))) for fold in bench.folds)} films; "
        f"blocks that learn: {args.blocks}; torch {torch.__version__}",
        flush=True,
    )
    for name in args.inputs:
        bench.pairs(name)
    print(f"it took {(time.monotonic() - began) / 60:.0f} min")


if __name__ == "__main__":
    main()
