"""What each part of the network brings: the ablations of Neimark et al., "Video Transformer Network" (2021), on clips
of surveillance cameras.

    python benchmarks/ablations.py [--data FOLDER] [--store FOLDER] [-o FILE] [--rows NAME ...] [--seeds N]
                                   [--input NAME]

The 247 clips of about 2 s are divided into five parts that share no source, as in `cctv_fight.py`. For each row of the
table a network learns the other four parts and names the clips of the fifth: fight or not. The image network is
`tf_efficientnet_lite0` and does not learn; its embeddings, 16 a second, are kept in a store. It is shown the picture of
each frame, as in the paper, or with `--input change-1/2` its change in half a second. The temporal network is
small, as the data are few: tokens 128 wide, 4 heads; it learns for 200 steps of 16 clips. The base row has the paper's
form: 3 layers, windows of 18 frames, native positions, 16 frames over the whole clip. Every other row changes one
thing, by the words of `train --set`, or what is read when clips are named:

    layers       1, 2, 6, 12; and one head, as the paper has it beside uniform attention
    positions    none, learned, sinusoidal; and each of them with the frames shuffled when clips are named, where
                 positions are added afterwards
    attention    uniform: each token that may be seen is seen alike, whatever is in it
    frames       4, 8, 32; and the footprint: 0.5 s and 1 s, at random places in training, in the middle when measured
    windows      4, 8 frames, and all

A figure is the mean of some seeds. Intervals of 90 % are Student's, on the jackknife over sources, and widened as those
of the card are, since the models share most of their clips (`vtn_stream/metrics/intervals.py`). The difference to the
base row is of the same clips. Finished fits are kept in FILE: a run that was stopped goes on. Whether the image network
should learn too is measured by `fine_tuning.py`.
"""

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from cctv_fight import auc
from join_clips import Clip, parts_of, read_clips
from numpy.typing import NDArray
from torch import Tensor

from vtn_stream.backbone import FrameEncoder
from vtn_stream.embedding import DEFAULT_BACKBONE, ChunkReady, embed
from vtn_stream.heads import Batch
from vtn_stream.metrics.intervals import OUT_OF_FOLD, SHARE, share_interval, students_t
from vtn_stream.model import VTN, VTNConfig, vtn_of
from vtn_stream.sampling import SamplingPlan
from vtn_stream.store import EmbeddingStore
from vtn_stream.track import PICTURE
from vtn_stream.training.clip_sampling import ClipSampling
from vtn_stream.training.examples import Example
from vtn_stream.training.hyperparameters import Hyperparameters
from vtn_stream.training.loop import run
from vtn_stream.training.overrides import overridden_clips
from vtn_stream.video import DecodingProcess

FPS = Fraction(16)
LABEL = "fight"
WHOLE = "1000"  # seconds: longer than any clip
BATCH, EPOCHS, RATE = 16, 16, 1e-3  # about 200 steps of 16 clips
WIDTH = 128

# name, what is set, whether frames are shuffled when clips are named
Row = tuple[str, tuple[tuple[str, str], ...], bool]
BASE: Row = ("base", (), False)
ROWS: tuple[Row, ...] = (
    BASE,
    *((f"{n} layers" if n > 1 else "1 layer", (("encoder.layers", str(n)),), False) for n in (1, 2, 6, 12)),
    ("1 head", (("encoder.num_heads", "1"),), False),
    ("uniform attention", (("encoder.uniform_attention", "true"),), False),
    ("uniform attention, 1 layer", (("encoder.uniform_attention", "true"), ("encoder.layers", "1")), False),
    *((f"positions: {kind}", (("encoder.positions", kind),), False) for kind in ("none", "learned", "sinusoidal")),
    ("base, shuffled", (), True),
    *((f"positions: {kind}, shuffled", (("encoder.positions", kind),), True) for kind in ("none", "sinusoidal")),
    *((f"{n} frames", (("frames", str(n)),), False) for n in (4, 8, 32)),
    *((f"{s} s", (("seconds", s),), False) for s in ("0.5", "1")),
    *((f"window {n}", (("encoder.window", str(n)),), False) for n in (4, 8)),
    ("window: all", (("encoder.window", "64"),), False),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Embedded:
    """A clip: embeddings float16 [T, D], which of them are there [T], the frames' indices in it [T]."""

    values: NDArray[np.float16]
    valid: NDArray[np.bool_]
    frame: NDArray[np.int64]


class Clips:
    """Clips to learn from: `Examples` of embeddings, 16 clips a batch."""

    def __init__(
        self, clips: Sequence[Embedded], truth: NDArray[np.int64], sampling: ClipSampling, positions: str
    ) -> None:
        self._clips, self._truth, self._sampling, self._positions = clips, truth, sampling, positions

    @property
    def num_batches(self) -> int:
        return math.ceil(len(self._clips) / BATCH)

    def epoch(self, number: int, *, seed: int, first: int = 0) -> Iterator[Example]:
        order = np.random.default_rng([seed, number]).permutation(len(self._clips))
        for batch in range(first, self.num_batches):
            chosen = order[batch * BATCH : (batch + 1) * BATCH]
            rng = np.random.default_rng([seed, number, batch])
            tensors = seen([self._clips[n] for n in chosen], self._sampling, rng, self._positions)
            yield Example(batch=batch_of(*tensors, torch.from_numpy(self._truth[chosen])))

    def learnt(self, example: Example, embeddings: Tensor) -> None:
        """There are no pixels."""


def batch_of(embeddings: Tensor, ids: Tensor, valid: Tensor, clips: Tensor) -> Batch:
    labels = torch.full(valid.shape, -1)
    return Batch(
        embeddings=embeddings,
        valid=valid,
        labels=labels,
        segments=((torch.zeros(0, 2), torch.zeros(0, dtype=torch.int64)),) * len(clips),
        clips=clips,
        position_ids=ids,
    )


def seen(
    clips: Sequence[Embedded], sampling: ClipSampling, rng: np.random.Generator | None, positions: str
) -> tuple[Tensor, Tensor, Tensor]:
    """Embeddings [B, n, D], indices of frames from the window's start [B, n] and which are there [B, n]; windows at
    random places, without rng in the middle. Learned positions count the frames that are taken, 0 to n - 1.
    """
    parts = []
    for clip in clips:
        length = min(len(clip.values), max(1, round(sampling.seconds * FPS)))
        spare = len(clip.values) - length
        start = spare // 2 if rng is None else int(rng.integers(spare + 1))
        rows = start + np.floor(np.linspace(0, length - 1, sampling.frames)).astype(np.int64)
        ids = np.maximum(clip.frame[rows] - clip.frame[start], 0)
        if positions == "learned":
            ids = np.arange(sampling.frames, dtype=np.int64)
        parts.append((clip.values[rows].astype(np.float32), ids, clip.valid[rows]))
    embeddings, ids, valid = (torch.from_numpy(np.stack(arrays)) for arrays in zip(*parts, strict=True))
    return embeddings, ids, valid


def embedded(clips: Sequence[Clip], store: Path | None, name: str) -> list[Embedded]:
    """Of each clip; what the store lacks is embedded."""
    encoder, plan, files = FrameEncoder(DEFAULT_BACKBONE), SamplingPlan(FPS), EmbeddingStore(store)
    found = []
    with DecodingProcess() as process:
        for number, clip in enumerate(clips):
            video = process.probe(clip.path, None)
            events = embed(video, plan.chunks(video), plan, encoder, files, process, inputs=[name])
            ready = sorted((e for e in events if isinstance(e, ChunkReady)), key=lambda e: e.chunk.number)
            values, valid, frame = (
                np.concatenate(parts)
                for parts in zip(*((e.values, e.index.valid, e.index.frame) for e in ready), strict=True)
            )
            found.append(Embedded(values=values, valid=valid, frame=frame))
            if number % 50 == 0:
                print(f"embedded {number} of {len(clips)} clips", file=sys.stderr, flush=True)
    return found


def settings_of(row: Row, num_features: int, seed: int) -> tuple[Hyperparameters, ClipSampling]:
    config = vtn_of(
        DEFAULT_BACKBONE,
        num_features,
        num_classes=2,
        width=WIDTH,
        num_heads=4,
        feedforward_width=2 * WIDTH,
        standardized=True,
        input_dropout=0.3,
        dropout=0.3,
    )
    base = Hyperparameters(
        encoder=config.encoder,
        head=config.head,
        crop_positions=16,
        batch_size=BATCH,
        num_epochs=EPOCHS,
        learning_rate=RATE,
        seed=seed,
    )
    return overridden_clips(base, ClipSampling(seconds=Fraction(WHOLE)), row[1])


def fitted(clips: Sequence[Embedded], truth: NDArray[np.int64], row: Row, seed: int) -> VTN:
    settings, sampling = settings_of(row, clips[0].values.shape[1], seed)
    torch.manual_seed(seed)
    network = VTN(VTNConfig(backbone=DEFAULT_BACKBONE, encoder=settings.encoder, head=settings.head))
    every = np.concatenate([clip.values[clip.valid] for clip in clips]).astype(np.float64)
    network.encoder.input_mean.copy_(torch.from_numpy(every.mean(0)))
    network.encoder.input_deviation.copy_(torch.from_numpy(every.std(0) + 1e-6))
    return run(
        Clips(clips, truth, sampling, settings.encoder.positions), network, settings, stops=[settings.num_epochs]
    ).network


@torch.no_grad()
def named(network: VTN, clips: Sequence[Embedded], row: Row, seed: int) -> NDArray[np.float64]:
    """The probability of a fight in each clip."""
    settings, sampling = settings_of(row, clips[0].values.shape[1], seed)
    embeddings, ids, valid = seen(clips, sampling, None, settings.encoder.positions)
    if row[2]:
        orders = [np.random.default_rng([seed, n]).permutation(sampling.frames) for n in range(len(clips))]
        order = torch.from_numpy(np.stack(orders))
        embeddings = embeddings.gather(1, order[:, :, None].expand_as(embeddings))
        valid = valid.gather(1, order)
    return network.classify(embeddings, ids, valid).double().softmax(1)[:, 1].numpy()


class Kept:
    """Finished fits in a file of JSON lines: the probabilities of all clips by row and seed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.found: dict[tuple[str, int], list[float]] = {}
        if path.exists():
            for line in path.read_text("utf-8").splitlines():
                fields = json.loads(line)
                self.found[self.key(fields["row"], fields["seed"], fields["how"])] = fields["fight"]

    @staticmethod
    def key(name: str, seed: int, how: str) -> tuple[str, int]:
        return f"{name} {how}", seed

    def add(self, name: str, seed: int, how: str, fight: NDArray[np.float64], seconds: float) -> None:
        fields = {"row": name, "seed": seed, "how": how, "seconds": round(seconds, 1), "fight": fight.round(6).tolist()}
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps(fields) + "\n")
        self.found[self.key(name, seed, how)] = fields["fight"]


def how_of(row: Row, num_features: int, name: str) -> str:
    """All that a fit depends on, but for the clips."""
    return repr((name, settings_of(row, num_features, 0), row[2]))


def measured(
    clips: Sequence[Embedded],
    truth: NDArray[np.int64],
    parts: Sequence[Sequence[int]],
    rows: Sequence[Row],
    seeds: Sequence[int],
    kept: Kept,
    name: str,
) -> dict[str, NDArray[np.float64]]:
    """Of each row the probabilities [seeds, N], out of fold. Rows that only differ in what is read share their fits."""
    num_features, started, done = clips[0].values.shape[1], time.monotonic(), 0
    tables: dict[str, list[NDArray[np.float64]]] = {row[0]: [] for row in rows}
    groups: dict[tuple[tuple[str, str], ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(row[1], []).append(row)
    num = len(groups) * len(seeds)

    def num_layers(group: Sequence[Row]) -> int:  # those that take long come last
        return int(dict(group[0][1]).get("encoder.layers", 3))

    for seed in seeds:  # all rows once, before any a second time
        for group in sorted(groups.values(), key=num_layers):
            hows = {row[0]: how_of(row, num_features, name) for row in group}
            keys = {row: Kept.key(row, seed, how) for row, how in hows.items()}
            missing = [row for row in group if keys[row[0]] not in kept.found]
            if missing:
                begun, fight = time.monotonic(), {row[0]: np.zeros(len(clips)) for row in missing}
                for part in parts:
                    learns = np.setdiff1d(np.arange(len(clips)), part)
                    network = fitted([clips[n] for n in learns], truth[learns], missing[0], seed)
                    for row in missing:
                        fight[row[0]][list(part)] = named(network, [clips[n] for n in part], row, seed)
                for row in missing:
                    kept.add(row[0], seed, hows[row[0]], fight[row[0]], time.monotonic() - begun)
            done += 1
            left = (time.monotonic() - started) / done * (num - done) / 60
            said = f"{done} of {num}: {group[0][0]}, seed {seed}; about {left:.0f} min left"
            print(said, file=sys.stderr, flush=True)
            for row_name, key in keys.items():
                tables[row_name].append(np.array(kept.found[key]))
    return {name: np.stack(each) for name, each in tables.items()}


# ---- what is printed


def accuracy(fight: NDArray[np.float64], truth: NDArray[np.int64]) -> float:
    """Of [seeds, N]: the mean."""
    return float(((fight > 0.5) == truth).mean())


def area(fight: NDArray[np.float64], truth: NDArray[np.int64]) -> float:
    return float(np.mean([auc(one, truth == 1) for one in fight]))


def table(found: Mapping[str, NDArray[np.float64]], truth: NDArray[np.int64], sources: NDArray[np.str_]) -> list[str]:
    lines = ["| | accuracy | 90 % | against base | AUC | 90 % |", "|---|---|---|---|---|---|"]
    keep = [sources != source for source in np.unique(sources)]
    base = found.get(BASE[0])
    for name, fight in found.items():
        cells = [name]
        for figure in (accuracy, area):
            value, without = figure(fight, truth), np.array([figure(fight[:, k], truth[k]) for k in keep])
            interval = share_interval(value, without, widened=OUT_OF_FOLD)
            assert interval is not None
            cells += [f"{100 * value:.1f}", f"{100 * interval[0]:.1f} to {100 * interval[1]:.1f}"]
            if figure is accuracy:
                cells.append("" if base is None or name == BASE[0] else difference(fight, base, truth, keep))
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def difference(
    fight: NDArray[np.float64],
    base: NDArray[np.float64],
    truth: NDArray[np.int64],
    keep: Sequence[NDArray[np.bool_]],
) -> str:
    """Points of accuracy above the base row, and their 90 % interval."""
    value = accuracy(fight, truth) - accuracy(base, truth)
    without = np.array([accuracy(fight[:, k], truth[k]) - accuracy(base[:, k], truth[k]) for k in keep])
    error = OUT_OF_FOLD * math.sqrt((len(keep) - 1) / len(keep) * float(((without - without.mean()) ** 2).sum()))
    reach = students_t((1 + SHARE) / 2, len(keep) - 1) * error
    return f"{100 * value:+.1f} ({100 * (value - reach):+.1f} to {100 * (value + reach):+.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = Path(os.environ.get("VTN_STREAM_DATA", "../shared/data"))
    parser.add_argument("--data", type=Path, default=data / "cctv-fight")
    parser.add_argument("--store", type=Path, help="of the embeddings; by default the user's")
    parser.add_argument("-o", "--output", type=Path, default=Path("ablations.jsonl"), help="finished fits")
    parser.add_argument("--input", default=PICTURE, help="what the image network is shown: picture or change-1/2")
    parser.add_argument("--rows", nargs="*", default=[row[0] for row in ROWS], help="only these, by their names")
    parser.add_argument("--seeds", type=int, default=3, help="fits of each row and part")
    given = parser.parse_args()
    if not given.data.is_dir():
        sys.exit(f"{given.data.name} is not there: name its folder with --data")
    if unknown := set(given.rows) - {row[0] for row in ROWS}:
        sys.exit(f"there are no rows {', '.join(sorted(unknown))}; there are {', '.join(row[0] for row in ROWS)}")
    rows = [row for row in ROWS if row[0] in given.rows]
    clips, kept = read_clips(given.data / "clips.csv"), Kept(given.output)
    truth = np.array([clip.label == LABEL for clip in clips], np.int64)
    sources = np.array([clip.source for clip in clips])
    torch.set_num_threads(1)  # the networks are small
    values, parts = embedded(clips, given.store, given.input), parts_of(clips)
    found = measured(values, truth, parts, rows, range(given.seeds), kept, given.input)
    sizes = f"{len(clips)} clips, {len(np.unique(sources))} sources, {len(parts)} parts, {given.seeds} seeds"
    print(f"{given.input}: {sizes}; in percent")
    print(f"most frequent label: {100 * max(truth.mean(), 1 - truth.mean()):.1f}")
    print("\n".join(table(found, truth, sources)))


if __name__ == "__main__":
    main()
