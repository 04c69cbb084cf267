"""How well `vtn-stream train` learns actions from a dozen films, and whether its model card promises what holds.

    python benchmarks/indoor_actions.py [--data FOLDER] [--store FOLDER] [--part dense|localization] [--folds 0 1 ...]

15 films (34 minutes, 179 segments, 9 labels) seen from the ceiling, in five outer folds by film. `teach` gets the
annotations of four folds, without their subsets, and nothing else; the model that it writes analyzes the films of the
fifth once. Printed: what the card of each model promises, with its 90 % interval, beside what was found; then the
figures of all films together, by `vtn_stream.evaluation`, "nothing" a label as well.

Dense: beside the model, on the same inputs and films, a linear model (the linear probe) and four stages of dilated
convolutions (MS-TCN-like), both with phase rules, and the label that is most frequent in the training films. Their
length of training and the weight of their rules are chosen in two inner folds. Localization: mAP at tIoU 0.3 to 0.7,
its mean and standard deviation over the folds, and of all films together, though each fold has a model of its own.

Nested, so that no film is measured by what it chose: all that `train` chooses (way, length of training, decay,
calibration, thresholds, phase rules) and all that follows from its annotations (labels, rate). Not nested: the
defaults. That the change in 1/2 s is read beside the picture (1/25, 1/8 and 1/2 s were tried), that embeddings are
pooled by the maximum and not by the mean, and that the linear model reads the mean of 1 s to each side and its
differences to 2 and 4 s earlier, was found by ridge regression in five folds of these same 15 films; it was kept
because it was better in every fold. What did not help there: changes with a gain of 3, changes of colours, three
changes as the channels of one picture, quadrants, pooling weighted by motion, subtracting each film's mean,
differences to later positions, averages over two seeds. The networks' learning rate and length of crops were found on
these films too. So the figures are a little too good, those of the linear probe and of the MS-TCN-like network as well.

A run that was killed goes on. Models, and the results of finished folds (results.jsonl), are kept in the folder
STORE.indoor-actions: remove it to measure a changed program.

T positions, D width of the inputs together, K labels
"""

import argparse
import contextlib
import json
import math
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vtn_stream.analysis import Analyzer, Settings
from vtn_stream.backbone import FrameEncoder
from vtn_stream.checkpoints import load_checkpoint
from vtn_stream.embedding import DEFAULT_BACKBONE
from vtn_stream.evaluation import Metric, Prediction, Scores, of_analysis, score
from vtn_stream.evaluation.film_figures import film_figures
from vtn_stream.heads.fitting import on_grid, phase_rules
from vtn_stream.heads.labelled_film import labels_of
from vtn_stream.heads.losses import dense_loss
from vtn_stream.localize import phases
from vtn_stream.metrics.intervals import students_t
from vtn_stream.sampling import SamplingPlan
from vtn_stream.scorers.delay import delay_s
from vtn_stream.store import EmbeddingStore
from vtn_stream.timeline import Segment
from vtn_stream.track import NO_THRESHOLD, GridScores, PhaseRules
from vtn_stream.training.crops import Crops
from vtn_stream.training.exam import named_figures
from vtn_stream.training.films import TrainingFilm, embed_films
from vtn_stream.training.footage import Footage, find_films
from vtn_stream.training.linear import fit_linear, natural_linear
from vtn_stream.training.options import TrainingOptions
from vtn_stream.training.split import folds
from vtn_stream.training.teach import teach
from vtn_stream.training.validation import predictions
from vtn_stream.training.ways import INPUTS, POOLING
from vtn_stream.video import DecodingProcess

NUM_FOLDS, NUM_INNER = 5, 2
TRAIN, PROBE, MSTCN, CONSTANT = "train", "linear probe", "MS-TCN-like", "most frequent label"
FIGURES = {"dense": ("frame accuracy", "edit score", "F1@50"), "localization": ("mAP, tIoU 0.3 to 0.7",)}
METRICS: dict[str, tuple[Metric, ...]] = {"dense": ("segmentation",), "localization": ("detection", "segmentation")}

Films = Sequence[TrainingFilm]
Labels = Sequence[str]
# (training films, test films, labels, epochs) -> what is said of the test films
Method = Callable[[Films, Films, Labels, int], list[GridScores]]
# Of a finished fold: part, fold, epochs, way, seconds; what its card promises; and what each way predicts of each film,
# as [segments, candidates], a segment as [start_s, end_s, label, score]
Kept = dict[str, Any]


# ---- simpler ways: one label at every position


def linear(training: Films, test: Films, labels: Labels, _: int) -> list[GridScores]:
    fps = Fraction(1 / np.diff(training[0].index.grid_s[:2])[0]).limit_denominator(1001)
    settings = natural_linear(training, labels, "dense", fps)
    return predictions(fit_linear(training, labels, settings, backbone=DEFAULT_BACKBONE).network, test, fps)


def mstcn(training: Films, test: Films, labels: Labels, epochs: int) -> list[GridScores]:
    """Farha and Gall, "MS-TCN" (2019): stages of dilated residual convolutions, each correcting the one before."""
    torch.manual_seed(0)
    network = _Stages(training, len(labels) + 1).train()
    crops = Crops(training, labels, max(len(film.values) for film in training), 1, hold=False)  # whole films
    optimizer = torch.optim.Adam(network.parameters(), lr=5e-4)
    for epoch in range(epochs):
        for example in crops.epoch(epoch, seed=0):
            batch = example.batch
            stages = network(batch.embeddings, batch.valid)
            loss = torch.stack([dense_loss(logits, batch.labels, batch.valid) for logits in stages]).sum()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    network.eval()
    said = []
    for film in test:
        with torch.no_grad():
            logits = network(torch.from_numpy(film.values)[None].float(), torch.from_numpy(film.index.valid)[None])[-1]
        frame = logits[0].softmax(-1).numpy()[:, :-1].astype(np.float16)  # nothing is what is left
        frame[~film.index.valid] = 0
        said.append(GridScores(frame=frame))
    return said


class _Stages(nn.Module):
    def __init__(self, films: Films, num_outputs: int) -> None:
        super().__init__()
        x = torch.from_numpy(np.concatenate([film.values[film.index.valid] for film in films])).float()
        self.mean, self.deviation = x.mean(0), x.std(0) + 1e-4
        widths = (x.shape[1], num_outputs, num_outputs, num_outputs)
        self.stages = nn.ModuleList(_Stage(width, num_outputs) for width in widths)

    def forward(self, embeddings: Tensor, valid: Tensor) -> list[Tensor]:
        """[B, T, D] -> [B, T, K + 1] of each stage."""
        x, mask, logits = ((embeddings - self.mean) / self.deviation).transpose(1, 2), valid[:, None].float(), []
        for stage in self.stages:
            logits.append(stage(x, mask))
            x = logits[-1].softmax(1)
        return [of_stage.transpose(1, 2) for of_stage in logits]


class _Stage(nn.Module):
    def __init__(self, width: int, num_outputs: int, hidden: int = 64, layers: int = 8) -> None:
        super().__init__()
        self.into, self.out = nn.Conv1d(width, hidden, 1), nn.Conv1d(hidden, num_outputs, 1)
        self.dilated = nn.ModuleList(nn.Conv1d(hidden, hidden, 3, padding=2**i, dilation=2**i) for i in range(layers))
        self.mixed = nn.ModuleList(nn.Conv1d(hidden, hidden, 1) for _ in range(layers))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x = self.into(x * mask)
        for dilated, mixed in zip(self.dilated, self.mixed, strict=True):
            x = (x + nn.functional.dropout(mixed(dilated(x).relu()), 0.5, self.training)) * mask
        logits: Tensor = self.out(x)
        return logits


METHODS: dict[str, tuple[Method, tuple[int, ...]]] = {PROBE: (linear, (1,)), MSTCN: (mstcn, (15, 40))}


def simpler(training: Films, test: Films, labels: Labels, inner: Sequence[Sequence[str]]) -> dict[str, dict[str, Any]]:
    """What each simpler way predicts of the test films. inner: the names of the training films in each inner fold."""
    said = {}
    for name, (method, lengths) in METHODS.items():
        best, worth = 0, -1.0
        for length in lengths:
            films: list[TrainingFilm] = []
            scores: list[GridScores] = []
            for part in inner:
                held = [film for film in training if film.name in part]
                films += held
                scores += method([film for film in training if film.name not in part], held, labels, length)
            pairs = [(film, _drawn(one, film, labels)) for film, one in zip(films, scores, strict=True)]
            right = float(np.mean([(on_grid(found, f) == on_grid(f.segments, f)).mean() for f, found in pairs]))
            if right > worth:
                best, worth = length, right
                rules = phase_rules(training, films, scores, labels, nothing=True)
        tested = zip(test, method(training, test, labels, best), strict=True)
        said[name] = {film.name: [_packed(_drawn(one, film, labels, rules)), None] for film, one in tested}
    held_labels = np.concatenate([labels_of(film, labels) for film in training])
    label = [*labels, None][np.bincount(held_labels[held_labels >= 0]).argmax()]
    said[CONSTANT] = {f.name: [[[0.0, f.duration_s, label, 1.0]] if label else [], None] for f in test}
    return said


def _drawn(scores: GridScores, film: TrainingFilm, labels: Labels, rules: PhaseRules | None = None) -> list[Segment]:
    return phases(scores, film.index, labels, film.duration_s, NO_THRESHOLD, rules)


@dataclass(frozen=True, kw_only=True)
class Bench:
    """The data, the folders of embeddings and of results, and the names of the films in each fold. beside: the simpler
    ways are measured too.
    """

    data: Path
    store: Path
    work: Path
    epochs: int | None
    footage: Footage
    folds: Sequence[Sequence[str]]
    beside: bool = True

    @classmethod
    def at(cls, data: Path, store: Path | None, name: str, epochs: int | None, *, beside: bool = True) -> "Bench":
        """Of the films in a folder, with its results beside the store: STORE.name."""
        if not data.is_dir():
            sys.exit(f"{data.name} is not there: name its folder with --data")
        kept = EmbeddingStore(store)
        with DecodingProcess() as process:
            footage = find_films(data / "annotations.json", data / "videos", kept, process)
        videos = {name: replace(video, subset=None) for name, video in footage.annotations.videos.items()}
        work = kept.root.with_name(f"{kept.root.name}.{name}")
        work.mkdir(parents=True, exist_ok=True)
        parts = folds(videos, NUM_FOLDS)
        return cls(data=data, store=kept.root, work=work, epochs=epochs, footage=footage, folds=parts, beside=beside)

    def learnt(self, part: str, fold: int, *, streamable: bool = False, seed: int = 0) -> Kept:
        """Trains on the films of the other folds, and looks at those of this one."""
        began, folder = time.monotonic(), self.work / f"{part}-{fold}"
        names = [name for other, of in enumerate(self.folds) if other != fold for name in of]
        raw = json.loads((self.data / "annotations.json").read_text())
        database = {name: {k: v for k, v in raw["database"][name].items() if k != "subset"} for name in names}
        folder.mkdir(exist_ok=True)
        asked, output = folder / "annotations.json", folder / "model.safetensors"
        asked.write_text(json.dumps(raw | {"database": database}))
        options = TrainingOptions(annotations=asked, videos=self.data / "videos", output=output, head=part)
        options = replace(options, streamable=streamable, seed=seed)
        taught = teach(replace(options, store=self.store, epochs=self.epochs, overwrite=True))
        seconds, checkpoint = time.monotonic() - began, load_checkpoint(taught.model)
        found = {}
        with Analyzer(Settings(model=taught.model, store=self.store)) as analyzer:
            for name in self.folds[fold]:
                plan = analyzer.plan(self.footage.videos[name].path)
                said = of_analysis(analyzer.analyze(plan))
                found[name] = [_packed(said.segments), _packed(said.candidates or ()) if part != "dense" else None]
        predicted = {TRAIN: found}
        if part == "dense" and self.beside:
            films = self._embedded(checkpoint.recipe.fps)
            inner = folds({name: self.footage.annotations.videos[name] for name in names}, NUM_INNER)
            test = [films[name] for name in self.folds[fold]]
            predicted |= simpler([films[name] for name in names], test, checkpoint.labels, inner)
        kept = {"part": part, "fold": fold, "epochs": self.epochs, "seconds": seconds, "predicted": predicted}
        way = checkpoint.training["way"]
        followed_s = None
        if checkpoint.is_streamable:
            followed_s = delay_s(checkpoint.network(), checkpoint.phase_rules, checkpoint.recipe.fps)
        kept |= {"way": way, "promised": dict(taught.figures), "intervals": dict(taught.intervals)}
        return kept | {"followed_s": followed_s}

    def _embedded(self, fps: Fraction) -> dict[str, TrainingFilm]:
        """All films, through all inputs that `teach` reads, whichever its model keeps."""
        encoder, store = FrameEncoder(DEFAULT_BACKBONE, pooling=POOLING), EmbeddingStore(self.store)
        names = [name for of in self.folds for name in of]
        with DecodingProcess() as process:
            return embed_films(self.footage, names, SamplingPlan(fps), encoder, store, process, inputs=INPUTS)

    def figures(self, kept: Sequence[Kept], way: str) -> dict[str, float]:
        """Of the films of these folds together, which are of one part."""
        scores = self._scores(kept, way)
        return named_figures(scores, scores.tallies())

    def each(self, kept: Kept, way: str) -> dict[str, float]:
        """The main figure of each film of a fold."""
        scores = self._scores([kept], way)
        return {row.film: row.main for row in film_figures(scores, scores.tallies())}

    def _scores(self, kept: Sequence[Kept], way: str) -> Scores:
        found = [film for one in kept for film in one["predicted"][way].items()]
        said = {n: Prediction(segments=_segments(s) or (), candidates=_segments(all_)) for n, (s, all_) in found}
        annotations = self.footage.annotations
        truth = replace(annotations, videos={name: annotations.videos[name] for name in said})
        return score(said, truth, subset="all", metrics=METRICS[kept[0]["part"]])


def _packed(segments: Sequence[Segment]) -> list[list[Any]]:
    return [[s.start_s, s.end_s, s.label, s.score] for s in segments]


def _segments(packed: list[list[Any]] | None) -> tuple[Segment, ...] | None:
    return None if packed is None else tuple(Segment(start_s=a, end_s=b, label=c, score=d) for a, b, c, d in packed)


# ---- what was found


def show_fold(bench: Bench, kept: Kept) -> None:
    found = {way: bench.figures([kept], way) for way in kept["predicted"]}
    num, way, seconds = len(kept["predicted"][TRAIN]), kept["way"], kept["seconds"]
    print(f"{kept['part']}, fold {kept['fold']}: {num} films; train chose {way} and took {seconds:.0f} s")
    for name in FIGURES[kept["part"]]:
        low, high = kept["intervals"].get(name, (math.nan, math.nan))
        each = ", ".join(f"{w} {_percent(of, name)}" for w, of in found.items())
        promised = f"its card promises {_percent(kept['promised'], name)} ({100 * low:.1f} to {100 * high:.1f})"
        print(f"  {name}: {promised}; found {each}", flush=True)


def show_all(bench: Bench, done: Sequence[Kept]) -> None:
    part, names = done[0]["part"], FIGURES[done[0]["part"]]
    print(f"\n{part}, all films of {len(done)} folds together:")
    figures: dict[str, Mapping[str, float]] = {}
    each: dict[str, dict[str, float]] = {}
    for way in done[0]["predicted"]:
        figures[way] = bench.figures(done, way)
        each[way] = {film: 100 * main for kept in done for film, main in bench.each(kept, way).items()}
        line = f"{way:20} " + ", ".join(f"{name} {_percent(figures[way], name)}" for name in names)
        if part == "dense":
            line += f"; accuracy, mean of the films {np.mean(list(each[way].values())):.1f}"
            if way != TRAIN and len(each[way]) > 1:
                more = np.array([each[TRAIN][film] - each[way][film] for film in each[way]])
                reach = students_t(0.95, len(more) - 1) * more.std(ddof=1) / math.sqrt(len(more))
                line += f", train has {more.mean():.1f} more ({more.mean() - reach:.1f} to {more.mean() + reach:.1f})"
        print(line)
    for name in names:
        promised = 100 * np.array([kept["promised"].get(name, math.nan) for kept in done])
        found = 100 * np.array([bench.figures([kept], TRAIN).get(name, math.nan) for kept in done])
        means = f"promised {promised.mean():.1f}, found {found.mean():.1f} +- {found.std():.1f}"
        intervals = [kept["intervals"].get(name, (math.nan, math.nan)) for kept in done]
        inside = sum(low <= figures[TRAIN][name] <= high for low, high in intervals)
        print(f"{name}, mean of the folds: {means}; that of all films lies in {inside} of {len(done)} intervals")


def _percent(figures: Mapping[str, float], name: str) -> str:
    return f"{100 * figures[name]:.1f}" if name in figures else "-"


def kept_in(file: Path) -> dict[tuple[str, int, int | None], Kept]:
    """By part, fold and epochs. A line that a killed run wrote half is left out."""
    found = {}
    for line in file.read_text().splitlines() if file.exists() else ():
        with contextlib.suppress(json.JSONDecodeError):
            kept = json.loads(line)
            found[kept["part"], kept["fold"], kept["epochs"]] = kept
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = os.environ.get("VTN_STREAM_DATA", "../shared/data")
    parser.add_argument("--data", type=Path, default=Path(data) / "indoor-actions")
    parser.add_argument("--store", type=Path, help="of the embeddings; by default the user's")
    parser.add_argument("--part", choices=[*FIGURES], help="by default both")
    parser.add_argument("--folds", type=int, nargs="+", choices=range(NUM_FOLDS), default=[*range(NUM_FOLDS)])
    parser.add_argument("--epochs", type=int, help="of each network, to try the program; by default as train decides")
    given = parser.parse_args()
    bench = Bench.at(given.data, given.store, "indoor-actions", given.epochs)
    work = bench.work
    for part in [given.part] if given.part else FIGURES:
        done = []
        for fold in given.folds:
            kept = kept_in(work / "results.jsonl").get((part, fold, given.epochs))
            if kept is None:
                kept = bench.learnt(part, fold)
                with (work / "results.jsonl").open("a") as file:
                    file.write("\n" * (file.tell() > 0) + json.dumps(kept) + "\n")
            else:
                print("by an earlier run:")
            show_fold(bench, kept)
            done.append(kept)
        show_all(bench, done)


if __name__ == "__main__":
    main()
