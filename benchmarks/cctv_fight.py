"""How well fights are found in footage of surveillance cameras, on scenes that were never seen in training.

    python benchmarks/cctv_fight.py [--data FOLDER] [--store FOLDER] [--clear FOLDER ...]

Five folds of the 247 clips that share no source. Each clip is written and embedded once, and once in a mirror; films
are joined of embeddings, as `join_clips.py` joins pictures: training films of the training folds, every other one in a
mirror, test films of the test fold. Ours is taught as `vtn-stream train` does, with motion alone (as the validation
films of the model that ships decided) and for a fixed number of epochs, without validation films. A clip's score is
the mean of the frame scores over it, in a test film; the threshold is the best one on the training films. Its segments
are drawn by the rules that `vtn-stream train` makes where it has no validation films. Beside it logistic regressions,
which know where a clip begins and ends: on mean and deviation of its embeddings, and on their mean and the mean sizes
of their changes, as ours reads them. Then the model that ships: its false alarms per hour of film without fights, by
its own rules, where it learnt nothing: films joined of the clips without fights of its validation sources, and those of
each folder given by --clear.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from join_clips import Clip, held_out, read_clips, write_film
from torch import nn

from vtn_stream.analysis import Analyzer
from vtn_stream.backbone import FrameEncoder
from vtn_stream.checkpoints import find_model, load_checkpoint
from vtn_stream.embedding import DEFAULT_BACKBONE, ChunkReady, embed
from vtn_stream.film import FrameIndex
from vtn_stream.heads.fitting import phase_rules
from vtn_stream.localize import phases
from vtn_stream.metrics import THUMOS14, detection_map
from vtn_stream.sampling import SamplingPlan
from vtn_stream.settings import Settings
from vtn_stream.store import EmbeddingStore
from vtn_stream.timeline import Segment
from vtn_stream.track import NO_THRESHOLD, GridScores
from vtn_stream.training.films import TrainingFilm
from vtn_stream.training.hyperparameters import Motion, natural_hyperparameters
from vtn_stream.training.loop import fit
from vtn_stream.training.validation import predictions
from vtn_stream.video import DecodingProcess

FPS = Fraction(8)
LABEL = "fight"
NUM_CLIPS, NUM_TIMES, NUM_EPOCHS = 40, 4, 10
MOTION: Motion = "sizes of changes"
LAGS = (1, 4)  # positions, of that
DECAYS = (1.0, 10.0, 100.0)

Stretches = list[tuple[int, int, int]]  # clip, start, stop
Features = Callable[[np.ndarray], list[np.ndarray]]


def embedded(clips: Sequence[Clip], store: Path | None, *, mirrored: bool) -> list[np.ndarray]:
    """The embeddings of each clip, float16 [T, D]."""
    files, encoder, plan, values = EmbeddingStore(store), FrameEncoder(DEFAULT_BACKBONE), SamplingPlan(FPS), []
    with DecodingProcess() as process, tempfile.TemporaryDirectory() as folder:
        for number, clip in enumerate(clips):
            path = Path(folder) / f"{number}.mp4"
            write_film(path, [clip], mirrored=mirrored)
            video = process.probe(path, None)
            chunks = embed(video, plan.chunks(video), plan, encoder, files, process)
            ready = [event for event in chunks if isinstance(event, ChunkReady)]
            values.append(np.concatenate([chunk.values[chunk.index.valid] for chunk in ready]))
    return values


def mean_and_deviation(x: np.ndarray) -> list[np.ndarray]:
    return [x.mean(0), x.std(0)]


def mean_and_sizes_of_changes(x: np.ndarray) -> list[np.ndarray]:
    return [x.mean(0), *(np.sqrt(np.abs(x[lag:] - x[:-lag])).mean(0) for lag in LAGS)]


def joined(
    clips: Sequence[int], values: Sequence[np.ndarray], fights: np.ndarray, name: str
) -> tuple[TrainingFilm, Stretches]:
    spans, merged, at = [], [], 0
    for clip in clips:
        stop = at + len(values[clip])
        spans.append((clip, at, stop))
        if fights[clip] and merged and merged[-1][1] == at:
            merged[-1][1] = stop
        elif fights[clip]:
            merged.append([at, stop])
        at = stop
    grid_s = np.arange(at) / float(FPS)
    film = TrainingFilm(
        name=name,
        identity=name,
        group=name,
        subset=None,
        values=np.concatenate([values[clip] for clip in clips]),
        index=FrameIndex(grid_s=grid_s, frame=np.arange(at), pts_s=grid_s, valid=np.ones(at, np.bool_)),
        duration_s=float(at / FPS),
        segments=tuple(Segment(start_s=float(a / FPS), end_s=float(b / FPS), label=LABEL) for a, b in merged),
        clip_label=None,
    )
    return film, spans


def films_of(
    clips: Sequence[int],
    views: Sequence[Sequence[np.ndarray]],
    fights: np.ndarray,
    times: int,
    rng: np.random.Generator,
) -> list[tuple[TrainingFilm, Stretches]]:
    """views: embeddings of all clips, as often as they are seen differently; they take turns."""
    parts = [
        (time, number, part)
        for time in range(times)
        for number, part in enumerate(np.array_split(rng.permutation(clips), max(1, round(len(clips) / NUM_CLIPS))))
    ]
    return [joined(part.tolist(), views[t % len(views)], fights, f"{t}-{number}") for t, number, part in parts]


def clip_scores(films: Sequence[tuple[TrainingFilm, Stretches]], film_scores: Sequence[GridScores]) -> dict[int, float]:
    scores: dict[int, list[float]] = {}
    for (_, spans), one in zip(films, film_scores, strict=True):
        assert one.frame is not None
        for clip, start, stop in spans:
            scores.setdefault(clip, []).append(float(one.frame[start:stop, 0].astype(np.float64).mean()))
    return {clip: float(np.mean(values)) for clip, values in scores.items()}


def threshold(scores: np.ndarray, fights: np.ndarray) -> float:
    """The threshold that is right most often."""
    order = np.sort(scores)
    between = (order[1:] + order[:-1]) / 2
    return float(between[np.argmax([((scores > one) == fights).mean() for one in between])])


def logistic(x: np.ndarray, y: np.ndarray, decay: float) -> nn.Linear:
    torch.manual_seed(0)
    linear = nn.Linear(x.shape[1], 1)
    nn.init.zeros_(linear.weight)
    optimizer = torch.optim.LBFGS(linear.parameters(), max_iter=200, line_search_fn="strong_wolfe")
    inputs, truth = torch.from_numpy(x), torch.from_numpy(y.astype(np.float32))

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        wrong = nn.functional.binary_cross_entropy_with_logits(linear(inputs)[:, 0], truth)
        value = wrong + decay * linear.weight.square().sum() / 2
        value.backward()
        return value

    optimizer.step(loss)
    return linear


def baseline(
    views: Sequence[Sequence[np.ndarray]], features: Features, fights: np.ndarray, parts: Sequence[list[int]], k: int
) -> np.ndarray:
    """Right or wrong, for each clip of part k; the decay is chosen on the other parts, one held back at a time."""
    seen = [np.stack([np.concatenate(features(v.astype(np.float32))) for v in values]) for values in views]

    def right(training: list[int], test: list[int], decay: float) -> np.ndarray:
        x = np.concatenate([one[training] for one in seen])
        mean, deviation = x.mean(0), x.std(0) + 1e-4
        linear = logistic((x - mean) / deviation, np.tile(fights[training], len(seen)), decay)
        with torch.no_grad():
            logits = linear(torch.from_numpy((seen[0][test] - mean) / deviation))[:, 0].numpy()
        return (logits > 0) == fights[test]

    others = [part for number, part in enumerate(parts) if number != k]
    training = [clip for part in others for clip in part]
    inner = {
        decay: np.mean(np.concatenate([right([c for c in training if c not in part], part, decay) for part in others]))
        for decay in DECAYS
    }
    return right(training, parts[k], max(inner, key=lambda decay: float(inner[decay])))


def alarms_in_joins(validation: Sequence[int], values: Sequence[np.ndarray], fights: np.ndarray) -> tuple[int, float]:
    """The shipped model's segments in films joined of these clips, in which nobody fights, and the hours of film."""
    checkpoint = load_checkpoint(find_model("cctv-fight"))
    calm = [clip for clip in validation if not fights[clip]]
    films = [film for film, _ in films_of(calm, [values], fights, 20, np.random.default_rng(0))]
    found = 0
    for film, one in zip(films, predictions(checkpoint.network(), films, FPS), strict=True):
        drawn = phases(
            one,
            film.index,
            checkpoint.labels,
            film.duration_s,
            checkpoint.operating_points,
            checkpoint.phase_rules,
        )
        found += len(drawn)
    return found, sum(film.duration_s for film in films) / 3600


def alarms(folder: Path, store: Path | None) -> tuple[int, float]:
    """The number of segments that the shipped model draws, and the hours of film."""
    found, film_s = 0, 0.0
    with Analyzer(Settings(model="cctv-fight", store=store)) as analyzer:
        for path in sorted(folder.glob("*.mp4")):
            timeline = analyzer.analyze(analyzer.plan(path)).timeline
            found += len(timeline.segments)
            film_s += timeline.duration_s
    return found, film_s / 3600


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = Path(os.environ.get("VTN_STREAM_DATA", "../shared/data"))
    parser.add_argument("--data", type=Path, default=data / "cctv-fight")
    parser.add_argument("--store", type=Path, help="of the embeddings; by default the user's")
    parser.add_argument("--clear", type=Path, nargs="*", default=[data / "indoor-actions" / "videos", data / "films"])
    given = parser.parse_args()
    if not given.data.is_dir():
        sys.exit(f"{given.data.name} is not there: name its folder with --data")
    clips = read_clips(given.data / "clips.csv")
    fights = np.array([clip.label == LABEL for clip in clips])
    views = [embedded(clips, given.store, mirrored=mirrored) for mirrored in (False, True)]
    parts = held_out(clips, seed=0)
    print(f"{len(clips)} clips, {len({clip.source for clip in clips})} sources, {float(FPS):g} positions per second")
    regressions: dict[str, Features] = {
        "logistic regression": mean_and_deviation,
        "logistic regression, sizes of changes": mean_and_sizes_of_changes,
    }
    right: dict[str, list[np.ndarray]] = {name: [] for name in (*regressions, "dense head")}
    maps = []
    for k, part in enumerate(parts):
        began = time.monotonic()
        rng = np.random.default_rng([0, k])
        training = films_of([c for c in range(len(clips)) if c not in part], views, fights, NUM_TIMES, rng)
        test = films_of(part, views[:1], fights, 2, rng)
        learnt_from = [film for film, _ in training]
        settings = natural_hyperparameters(learnt_from, (LABEL,), "dense", FPS, motion=MOTION, num_epochs=NUM_EPOCHS)
        network = fit(learnt_from, (), (LABEL,), settings, FPS, backbone=DEFAULT_BACKBONE).network
        known = clip_scores(training, predictions(network, learnt_from, FPS))
        film_scores = predictions(network, [film for film, _ in test], FPS)
        scores = clip_scores(test, film_scores)
        least = threshold(np.array(list(known.values())), fights[list(known)])
        right["dense head"].append(np.array([(scores[c] > least) == fights[c] for c in part]))
        for name, features in regressions.items():
            right[name].append(baseline(views, features, fights, parts, k))
        rules = phase_rules(learnt_from, (), (), (LABEL,), nothing=True)
        spans = {
            film.name: phases(one, film.index, (LABEL,), film.duration_s, NO_THRESHOLD, rules)
            for (film, _), one in zip(test, film_scores, strict=True)
        }
        maps.append(100 * detection_map(spans, {film.name: film.segments for film, _ in test}, THUMOS14).average_map)
        accuracies = ", ".join(f"{name} {100 * r[-1].mean():.1f} %" for name, r in right.items())
        print(
            f"fold {k}, {len(part)} clips: {accuracies}; mAP {maps[-1]:.1f}; {time.monotonic() - began:.0f} s",
            flush=True,
        )
    for name, results in right.items():
        folds = [100 * r.mean() for r in results]
        print(f"clip accuracy, {name}: {100 * np.concatenate(results).mean():.1f} %, folds {np.std(folds):.1f} apart")
    print(f"most frequent label: {100 * max(fights.mean(), 1 - fights.mean()):.1f} %")
    print(f"mAP@.3:.1:.7 on joined films: {np.mean(maps):.1f} +- {np.std(maps):.1f}")
    found, hours = alarms_in_joins(parts[0], views[0], fights)
    print(f"cctv-fight on joins without fights: {found} alarms in {hours:.2f} h, {found / hours:.1f} an hour")
    for folder in given.clear:
        found, hours = alarms(folder, given.store)
        print(f"cctv-fight on {folder.name}: {found} alarms in {hours:.2f} h, {found / hours:.1f} an hour", flush=True)


if __name__ == "__main__":
    main()
