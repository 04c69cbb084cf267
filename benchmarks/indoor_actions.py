"""How well actions are learnt from 12 films: our heads against simpler ways, on the same embeddings and folds.

    python benchmarks/indoor_actions.py [--data FOLDER] [--store FOLDER] [--part dense|localization]

15 films (34 minutes, 179 segments, 9 labels) seen from the ceiling; five folds by film. What can be chosen (motion,
length of training, decay) is chosen in two inner folds of each fold's 12 training films; the test films are looked at
once. Dense: frame accuracy, where "nothing" is a label as well, the mean over films, and the paired difference to a
logistic regression with its 90 % bootstrap interval over films. Localization: mAP at tIoU 0.3 to 0.7 and F1@50 over
all test films, the mean and the spread over three seeds; there the choice is made once, with the first seed.

T positions, D embedding width, K labels
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vtn_stream.backbone import FrameEncoder
from vtn_stream.embedding import DEFAULT_BACKBONE
from vtn_stream.heads import HEADS
from vtn_stream.heads.fitting import as_operating_points, on_grid, phase_rules
from vtn_stream.heads.labelled_film import labels_of
from vtn_stream.heads.losses import dense_loss, diou_loss, focal_loss
from vtn_stream.heads.targets import pyramid_targets
from vtn_stream.localize import candidates, located, phases, propose
from vtn_stream.metrics import segmentation_scores
from vtn_stream.model.config import LocalizationConfig
from vtn_stream.model.heads import LocalizationHead
from vtn_stream.store import EmbeddingStore
from vtn_stream.track import NO_THRESHOLD, GridScores, PhaseRules
from vtn_stream.training.crops import Crops
from vtn_stream.training.films import TrainingFilm, embed_films
from vtn_stream.training.footage import find_films
from vtn_stream.training.hyperparameters import LAGS_S, natural_hyperparameters
from vtn_stream.training.loop import fit
from vtn_stream.training.rate import grid_rate
from vtn_stream.training.split import folds
from vtn_stream.training.validation import predictions
from vtn_stream.video import DecodingProcess

LOCALIZATION = HEADS["localization"]
NUM_FOLDS, NUM_INNER = 5, 2
NUM_BOOTSTRAPS = 10_000

Films = Sequence[TrainingFilm]
Option = dict[str, Any]
# (training films, test films, option, seed) -> what is said of the test films
Method = Callable[[Films, Films, Option, int], list[GridScores]]


class Data:
    def __init__(self, folder: Path, store: Path | None) -> None:
        with DecodingProcess() as process:
            files = EmbeddingStore(store)
            footage = find_films(folder / "annotations.json", folder / "videos", files, process)
            annotated, names = footage.annotations.videos, sorted(footage.annotations.videos)
            self.plan, _ = grid_rate(annotated, footage.videos, None)
            encoder = FrameEncoder(DEFAULT_BACKBONE)
            films = embed_films(footage, names, self.plan, encoder, files, process)
        self.labels = footage.annotations.labels
        self.films = films
        self.annotated = annotated
        self.fps = self.plan.fps

    def parts(self, films: Films, num: int) -> list[tuple[Films, Films]]:
        """(training, test) of each of `num` folds of these films."""
        names = {film.name for film in films}
        parts = folds({name: video for name, video in self.annotated.items() if name in names}, num)
        return [
            ([film for film in films if film.name not in part], [film for film in films if film.name in part])
            for part in parts
        ]


# ---- dense: one label at every position


def ours(data: Data) -> Method:
    def method(training: Films, test: Films, option: Option, seed: int) -> list[GridScores]:
        settings = natural_hyperparameters(
            training,
            data.labels,
            option["head"],
            data.fps,
            motion=option["motion"],
            seed=seed,
            num_epochs=option["epochs"],
        )
        network = fit(training, (), data.labels, settings, data.fps, backbone=DEFAULT_BACKBONE).network
        return predictions(network, test, data.fps)

    return method


def logistic(data: Data) -> Method:
    """A linear map of the mean embedding of half a second to each side, standardized; LBFGS to the optimum."""

    def method(training: Films, test: Films, option: Option, seed: int) -> list[GridScores]:
        reach = max(1, round(0.5 * data.fps))
        x = np.concatenate([_smoothed(film, reach)[film.index.valid] for film in training])
        mean, deviation = x.mean(0), x.std(0) + 1e-4
        y = np.concatenate([labels_of(film, data.labels)[film.index.valid] for film in training])
        linear = _linear(
            torch.from_numpy((x - mean) / deviation), torch.from_numpy(y), len(data.labels) + 1, option["decay"]
        )
        scores = []
        for film in test:
            with torch.no_grad():
                logits = linear(torch.from_numpy((_smoothed(film, reach) - mean) / deviation))
            scores.append(_scores(logits, film))
        return scores

    return method


def mstcn(data: Data) -> Method:
    """Farha and Gall, "MS-TCN" (2019): stages of dilated residual convolutions, each correcting the one before."""

    def method(training: Films, test: Films, option: Option, seed: int) -> list[GridScores]:
        torch.manual_seed(seed)
        width = training[0].values.shape[1]
        network = _Stages(_Standard.of(training), width, len(data.labels) + 1)
        rng = np.random.default_rng(seed)
        crops = Crops(training, data.labels, max(len(film.values) for film in training), 1, hold=False)  # whole films
        optimizer = torch.optim.Adam(network.parameters(), lr=5e-4)
        for _ in range(option["epochs"]):
            network.train()
            for batch in crops.epoch(rng):
                loss = sum(
                    dense_loss(logits, batch.labels, batch.valid) for logits in network(batch.embeddings, batch.valid)
                )
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        network.eval()
        with torch.no_grad():
            return [_scores(network(_embeddings(film), _valid(film))[-1][0], film) for film in test]

    return method


class _Standard(nn.Module):
    def __init__(self, mean: Tensor, deviation: Tensor) -> None:
        super().__init__()
        self.mean, self.deviation = mean, deviation

    @classmethod
    def of(cls, films: Films) -> "_Standard":
        x = torch.from_numpy(np.concatenate([film.values[film.index.valid] for film in films])).float()
        return cls(x.mean(0), x.std(0) + 1e-4)

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.deviation


class _Stages(nn.Module):
    def __init__(self, standard: _Standard, width: int, num_labels: int, hidden: int = 64, layers: int = 8) -> None:
        super().__init__()
        self.standard = standard
        self.stages = nn.ModuleList(
            nn.ModuleDict(
                {
                    "into": nn.Conv1d(size, hidden, 1),
                    "dilated": nn.ModuleList(
                        nn.Conv1d(hidden, hidden, 3, padding=2**i, dilation=2**i) for i in range(layers)
                    ),
                    "mixed": nn.ModuleList(nn.Conv1d(hidden, hidden, 1) for _ in range(layers)),
                    "out": nn.Conv1d(hidden, num_labels, 1),
                }
            )
            for size in (width, num_labels, num_labels, num_labels)
        )

    def forward(self, embeddings: Tensor, valid: Tensor) -> list[Tensor]:
        mask, x, logits_of_stages = valid[:, None].float(), self.standard(embeddings).transpose(1, 2), []
        for stage in self.stages:
            x = stage["into"](x * mask)
            for dilated, mixed in zip(stage["dilated"], stage["mixed"], strict=True):
                x = (x + nn.functional.dropout(mixed(dilated(x).relu()), 0.5, self.training)) * mask
            logits = stage["out"](x)
            logits_of_stages.append(logits.transpose(1, 2))
            x = logits.softmax(1)
        return logits_of_stages


def _linear(x: Tensor, y: Tensor, num: int, decay: float) -> nn.Linear:
    torch.manual_seed(0)
    linear = nn.Linear(x.shape[1], num)
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    optimizer = torch.optim.LBFGS(linear.parameters(), max_iter=100, history_size=10, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = nn.functional.cross_entropy(linear(x), y) + decay * linear.weight.square().sum() / 2
        value.backward()
        return value

    optimizer.step(loss)
    return linear


def _smoothed(film: TrainingFilm, reach: int) -> np.ndarray:
    """float32 [T, D]: the mean of the positions around."""
    total = np.concatenate([np.zeros((1, film.values.shape[1])), film.values.astype(np.float64).cumsum(0)])
    t = np.arange(len(film.values))
    low, high = np.maximum(t - reach, 0), np.minimum(t + reach + 1, len(t))
    return ((total[high] - total[low]) / (high - low)[:, None]).astype(np.float32)


def _scores(logits: Tensor, film: TrainingFilm) -> GridScores:
    """[T, K + 1] -> as a dense head says it: nothing is what is left."""
    probabilities = logits.softmax(-1).numpy()[: len(film.values), :-1].astype(np.float16)
    probabilities[~film.index.valid] = 0
    return GridScores(frame=probabilities)


def _embeddings(film: TrainingFilm) -> Tensor:
    return torch.from_numpy(film.values)[None].float()


def _valid(film: TrainingFilm) -> Tensor:
    return torch.from_numpy(film.index.valid)[None]


# ---- localization: when each action begins and ends


def actionformer(data: Data) -> Method:
    """The same pyramid, heads, losses and decoding on convolutions of the embeddings: no attention over time. As the
    recipe of Zhang et al., "ActionFormer" (2022) embeds features: two convolutions with norms.
    """

    def method(training: Films, test: Films, option: Option, seed: int) -> list[GridScores]:
        torch.manual_seed(seed)
        settings = natural_hyperparameters(training, data.labels, "localization", data.fps)
        assert isinstance(settings.head, LocalizationConfig)
        network = _Convolutions(_Standard.of(training), training[0].values.shape[1], settings.head)
        decays = [p for p in network.parameters() if p.ndim > 1]
        others = [p for p in network.parameters() if p.ndim <= 1]
        optimizer = torch.optim.AdamW(
            [{"params": decays, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}], lr=option["rate"]
        )
        crops = Crops(training, data.labels, settings.crop_positions, settings.batch_size, hold=True)
        num_steps = option["epochs"] * crops.num_batches
        pace = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda i: min(1.0, 10 * (i + 1) / num_steps) * 0.5 * (1 + np.cos(np.pi * i / num_steps))
        )
        mean = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        rng, normaliser, step = np.random.default_rng(seed), 100.0, 0
        network.train()
        for _ in range(option["epochs"]):
            for batch in crops.epoch(rng):
                pyramid = network(batch.embeddings, batch.valid)
                num_points = [level.shape[1] for level in pyramid.logits]
                targets = [pyramid_targets(*one, num_points, len(data.labels)) for one in batch.segments]
                classes = torch.stack([torch.cat([level.classes for level in one]) for one in targets])
                offsets = torch.stack([torch.cat([level.offsets for level in one]) for one in targets])
                there = torch.cat(pyramid.valid, 1)
                asked = torch.stack([torch.cat([level.positive for level in one]) for one in targets]) & there
                normaliser = 0.9 * normaliser + 0.1 * max(1.0, float(asked.sum()))
                wrong = (focal_loss(torch.cat(pyramid.logits, 1), classes) * there[..., None]).sum()
                loss = (wrong + diou_loss(torch.cat(pyramid.offsets, 1)[asked], offsets[asked]).sum()) / normaliser
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                optimizer.step()
                pace.step()
                step += 1
                keep = min(0.99, step / (step + 10))
                with torch.no_grad():
                    for name, tensor in network.state_dict().items():
                        mean[name].lerp_(tensor, 1 - keep)
        network.load_state_dict(mean)
        network.eval()
        with torch.no_grad():
            return [_proposed(network(_embeddings(film), _valid(film)), film, data.fps) for film in test]

    return method


class _Convolutions(nn.Module):
    def __init__(self, standard: _Standard, width: int, head: LocalizationConfig, hidden: int = 128) -> None:
        super().__init__()
        self.standard = standard
        self.layers = nn.ModuleList([nn.Conv1d(width, hidden, 3, padding=1), nn.Conv1d(hidden, hidden, 3, padding=1)])
        self.norms = nn.ModuleList([nn.LayerNorm(hidden), nn.LayerNorm(hidden)])
        self.head = LocalizationHead(head, hidden)

    def forward(self, embeddings: Tensor, valid: Tensor) -> Any:
        x = nn.functional.dropout(self.standard(embeddings), 0.3, self.training)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = norm(layer((x * valid[..., None]).transpose(1, 2)).transpose(1, 2)).relu()
        return self.head(x, valid)


def _proposed(pyramid: Any, film: TrainingFilm, fps: Fraction) -> GridScores:
    levels = []
    for level, (logits, offsets) in enumerate(zip(pyramid.logits, pyramid.offsets, strict=True)):
        levels.append(candidates(logits[0].sigmoid().numpy(), offsets[0].numpy(), level))
    return GridScores(spans=propose(levels, len(film.values), fps))


# ---- choosing, measuring


def accuracy(data: Data, films: Films, scores: Sequence[GridScores], rules: PhaseRules | None = None) -> np.ndarray:
    """[films], shares 0..1 of the positions."""
    found = []
    for film, one in zip(films, scores, strict=True):
        segments = phases(one, film.index, data.labels, film.duration_s, NO_THRESHOLD, rules)
        right = on_grid(segments, film) == on_grid(film.segments, film)
        found.append(right[film.index.valid].mean())
    return np.array(found)


def chosen(
    data: Data, method: Method, options: Sequence[Option], training: Films, seed: int, worth: Any
) -> tuple[Option, Any]:
    """The option that is best in the inner folds, and what its networks said of the films that were held back there."""
    best, kept = -1.0, None
    for option in options:
        films: list[TrainingFilm] = []
        scores: list[GridScores] = []
        for inner, held in data.parts(training, NUM_INNER):
            films += held
            scores += method(inner, held, option, seed)
        if (value := worth(films, scores)) > best:
            best, kept = value, (option, (films, scores))
    assert kept is not None
    return kept


def dense(data: Data, seed: int) -> None:
    methods: dict[str, tuple[Method, list[Option]]] = {
        "logistic regression": (logistic(data), [{"decay": d} for d in (0.3, 1.0, 3.0, 10.0, 30.0)]),
        "MS-TCN-like": (mstcn(data), [{"epochs": n} for n in (15, 40)]),
        "dense head": (
            ours(data),
            [{"head": "dense", "motion": motion, "epochs": 30} for motion in LAGS_S],
        ),
    }
    films = list(data.films.values())
    table: dict[str, dict[str, float]] = {}
    for name, (method, options) in methods.items():
        began = time.monotonic()
        raw, decoded, options_chosen = {}, {}, []
        segments: dict[str, Any] = {}
        for training, test in data.parts(films, NUM_FOLDS):
            option, (held, held_scores) = chosen(
                data, method, options, training, seed, lambda f, s: float(accuracy(data, f, s).mean())
            )
            options_chosen.append(option)
            scores = method(training, test, option, seed)
            rules = phase_rules(training, held, held_scores, data.labels, nothing=True)
            raw |= dict(zip([f.name for f in test], accuracy(data, test, scores), strict=True))
            decoded |= dict(zip([f.name for f in test], accuracy(data, test, scores, rules), strict=True))
            for film, one in zip(test, scores, strict=True):
                drawn = phases(one, film.index, data.labels, film.duration_s, NO_THRESHOLD, rules)
                segments[film.name] = on_grid(drawn, film)
        table[f"{name}, each position by itself"], table[f"{name}, with rules of phases"] = raw, decoded
        truth = {film.name: on_grid(film.segments, film) for film in films}
        of_runs = segmentation_scores(segments, truth, background=[""])
        runs = f"with rules edit {of_runs.edit:.1f}, F1@50 {of_runs.f1[-1]:.1f}"
        print(f"{name}: chose {options_chosen}; {runs}; {time.monotonic() - began:.0f} s", flush=True)
    base = np.array([table["logistic regression, each position by itself"][film.name] for film in films])
    rng = np.random.default_rng(0)
    draws = rng.integers(0, len(films), (NUM_BOOTSTRAPS, len(films)))
    print(f"\n{'frame accuracy, mean over 15 films':52}{'%':>8}{'less logistic':>16}{'90 % interval':>18}")
    for name, values in table.items():
        difference = 100 * (np.array([values[film.name] for film in films]) - base)
        low, high = np.percentile(difference[draws].mean(1), [5, 95])
        print(f"{name:52}{100 * np.mean(list(values.values())):8.1f}{difference.mean():16.1f}{low:11.1f} {high:6.1f}")


def localization(data: Data, seeds: Sequence[int]) -> None:
    methods: dict[str, tuple[Method, list[Option]]] = {
        "ActionFormer's recipe without attention": (
            actionformer(data),
            [{"rate": rate, "epochs": 40} for rate in (1e-4, 1e-3)],
        ),
        "localization head": (
            ours(data),
            [{"head": "localization", "motion": motion, "epochs": 20} for motion in LAGS_S],
        ),
    }
    films = list(data.films.values())
    parts = data.parts(films, NUM_FOLDS)
    truth = {film.name: on_grid(film.segments, film) for film in films}
    for name, (method, options) in methods.items():
        began = time.monotonic()
        choices = [
            chosen(data, method, options, training, seeds[0], lambda f, s: LOCALIZATION.metric(s, f, data.labels))
            for training, _ in parts
        ]
        points = [as_operating_points(LOCALIZATION.thresholds(held[1], held[0], data.labels)) for _, held in choices]
        maps, f1s = [], []
        for seed in seeds:
            tested: list[TrainingFilm] = []
            scores: list[GridScores] = []
            shown: dict[str, Any] = {}
            for (training, test), (option, _), point in zip(parts, choices, points, strict=True):
                now = method(training, test, option, seed)
                tested += test
                scores += now
                for film, one in zip(test, now, strict=True):
                    assert one.spans is not None
                    segments = located(one.spans, film.index, data.labels, film.duration_s, point)
                    shown[film.name] = on_grid(segments, film)
            maps.append(100 * LOCALIZATION.metric(scores, tested, data.labels))
            f1s.append(segmentation_scores(shown, truth, background=[""]).f1[-1])
            print(f"{name}, seed {seed}: mAP {maps[-1]:.1f}, F1@50 {f1s[-1]:.1f}", flush=True)
        print(f"{name}: chose {[option for option, _ in choices]}; {time.monotonic() - began:.0f} s")
        print(
            f"{name}: mAP@.3:.1:.7 {np.mean(maps):.1f} +- {np.std(maps):.1f}, "
            f"F1@50 of the timelines {np.mean(f1s):.1f} +- {np.std(f1s):.1f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = os.environ.get("VTN_STREAM_DATA", "../shared/data")
    parser.add_argument("--data", type=Path, default=Path(data) / "indoor-actions")
    parser.add_argument("--store", type=Path, help="of the embeddings; by default the user's")
    parser.add_argument("--part", choices=["dense", "localization"], help="by default both")
    parser.add_argument("--seeds", type=int, default=3, help="of localization")
    given = parser.parse_args()
    if not given.data.is_dir():
        sys.exit(f"{given.data.name} is not there: name its folder with --data")
    films = Data(given.data, given.store)
    print(f"{len(films.films)} films, {float(films.fps):g} positions per second, {len(films.labels)} labels")
    if given.part != "localization":
        dense(films, 0)
    if given.part != "dense":
        localization(films, range(given.seeds))


if __name__ == "__main__":
    main()
