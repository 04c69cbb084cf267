"""An hour and a day of film through the heads that draw timelines: time to decode, then time and memory of the whole.

    python benchmarks/long_localization.py [--positions 864000] [--input-width 128] [--head localization|dense]
                                           [--scratch FOLDER]

First the scores of an hour at 10 positions a second and 20 classes become segments: probabilities of labels that hold
one after the other, with rules; and a pyramid of 8 levels with as many candidates as an hour may have. Then a network
with random weights (D = 128, two layers, that pyramid) reads `--positions` embeddings, 24 h by default, made here.
"""

import argparse
import multiprocessing
import resource
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

from vtn_stream.film import FrameIndex
from vtn_stream.localize import candidates, located, max_candidates_and_spans, phases, propose
from vtn_stream.model import VTN, DenseConfig, EncoderConfig, HeadConfig, LocalizationConfig, VTNConfig
from vtn_stream.scorers.sequence import read_film
from vtn_stream.track import GridScores, OperatingPoint, OperatingPoints, PhaseRules, Spans

FPS = Fraction(10)
NUM_CLASSES, NUM_LEVELS = 20, 8
LABELS = tuple(f"action {k}" for k in range(NUM_CLASSES))
POINTS = OperatingPoints(common=OperatingPoint(high=0.3, low=0.2))
LOW = OperatingPoints(common=OperatingPoint(high=0.01, low=0.01))
BLOCK = 65_536  # embeddings that are made at once


def index_of(num: int) -> FrameIndex:
    grid_s = np.arange(num) / float(FPS)
    return FrameIndex(grid_s=grid_s, frame=np.arange(num), pts_s=grid_s, valid=np.ones(num, np.bool_))


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def labels_of(num: int, rng: np.random.Generator) -> GridScores:
    """A label for about a minute each, and a network that is right 6 times out of 10."""
    truth = np.repeat(rng.integers(0, NUM_CLASSES, num // 600 + 1), 600)[:num]
    logits = rng.standard_normal((num, NUM_CLASSES)) + 2.5 * np.eye(NUM_CLASSES)[truth]
    odds = np.exp(logits)
    return GridScores(frame=(odds / odds.sum(axis=1, keepdims=True)).astype(np.float16))


def pyramid_of(num: int, rng: np.random.Generator) -> list[Spans]:
    """Every point scores something for every class and reaches 2 strides to each side: all candidates are taken."""
    return [
        candidates(
            rng.uniform(0.001, 0.9, (-(-num // 2**level), NUM_CLASSES)),
            rng.uniform(1, 3, (-(-num // 2**level), 2)),
            level,
        )
        for level in range(NUM_LEVELS)
    ]


def an_hour() -> None:
    num, rng = 36_000, np.random.default_rng(0)
    index, scores, levels = index_of(num), labels_of(num, rng), pyramid_of(num, rng)
    rules = PhaseRules(
        min_positions=tuple(rng.integers(1, 300, NUM_CLASSES).tolist()),
        change_cost=tuple(tuple(row) for row in rng.uniform(1, 6, (NUM_CLASSES, NUM_CLASSES)).tolist()),
    )
    began = time.perf_counter()
    labelled = phases(scores, index, LABELS, 3600.0, POINTS, rules)
    labelling_s = time.perf_counter() - began
    began = time.perf_counter()
    proposed = propose(levels, num, FPS)
    found = located(proposed, index, LABELS, 3600.0, POINTS)
    proposing_s = time.perf_counter() - began
    per_level, kept = max_candidates_and_spans(num, FPS)
    print(f"an hour, {num} positions, {NUM_CLASSES} classes: {labelling_s + proposing_s:.2f} s (wanted: under 2)")
    print(f"  labels with rules   {labelling_s:.2f} s, {len(labelled)} segments")
    print(
        f"  pyramid             {proposing_s:.2f} s, {NUM_LEVELS} levels of at most {per_level} candidates, "
        f"{len(proposed)} of at most {kept} spans, {len(found)} segments"
    )


def a_day(num: int, input_width: int, head: HeadConfig, scratch: str) -> None:
    torch.manual_seed(0)
    encoder = EncoderConfig(
        input_width=input_width,
        width=128,
        num_heads=4,
        feedforward_width=512,
        attention_windows=(18, 18),
        positions="none",
    )
    network = VTN(VTNConfig(backbone="none", encoder=encoder, head=head)).eval()
    for parameter in network.head.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.1)
    if isinstance(head, LocalizationConfig):
        torch.nn.init.constant_(network.head.regress.out.bias, 2.0)  # so that every point proposes something
    loaded = peak_mib()
    values = np.empty((num, input_width), np.float16)
    for start in range(0, num, BLOCK):
        block = torch.randn(min(BLOCK, num - start), input_width, generator=torch.Generator().manual_seed(start))
        values[start : start + BLOCK] = block.numpy()
    made = peak_mib()
    index, duration_s = index_of(num), float(num / FPS)
    printed_s = [time.monotonic()]

    def tell(done: int, total: int) -> None:
        if time.monotonic() - printed_s[-1] > 30:
            printed_s.append(time.monotonic())
            print(
                f"  {100 * done / total:.0f} % after {printed_s[-1] - printed_s[0]:.0f} s, {peak_mib():.0f} MiB",
                flush=True,
            )

    began, cpu = time.monotonic(), time.process_time()
    scores = read_film(network, values, index.valid, FPS, scratch=Path(scratch) / "work", on_progress=tell)
    read_s, read_cpu = time.monotonic() - began, time.process_time() - cpu
    read_mib = peak_mib()
    began = time.monotonic()
    if scores.spans is None:
        outputs = NUM_CLASSES + 1
        rules = PhaseRules(min_positions=(50,) * outputs, change_cost=((3.0,) * outputs,) * outputs)
        segments = phases(scores, index, LABELS, duration_s, LOW, rules)
    else:
        segments = located(scores.spans, index, LABELS, duration_s, LOW)
    drawn_s = time.monotonic() - began
    proposed = "" if scores.spans is None else f"{len(scores.spans)} spans, "
    print(f"{duration_s / 3600:.1f} hours, {num} positions: read in {read_s:.0f} s, {read_cpu:.0f} CPU s")
    print(f"  drawn in {drawn_s:.1f} s: {proposed}{len(segments)} segments")
    print(
        f"  peak memory {peak_mib():.0f} MiB, {peak_mib() - loaded:.0f} above the loaded model (wanted: under 4096); "
        f"its embeddings are {made - loaded:.0f}, {read_mib - loaded:.0f} were reached while reading"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--positions", type=int, default=24 * 3600 * 10)
    parser.add_argument("--input-width", type=int, default=128)
    parser.add_argument("--head", choices=["localization", "dense"], default="localization")
    parser.add_argument("--scratch", type=Path)
    arguments = parser.parse_args()
    an_hour()
    heads: dict[str, HeadConfig] = {
        "localization": LocalizationConfig(num_classes=NUM_CLASSES, num_levels=NUM_LEVELS, tower_width=128),
        "dense": DenseConfig(num_classes=NUM_CLASSES, nothing=True),
    }
    if arguments.positions:
        with tempfile.TemporaryDirectory(dir=arguments.scratch) as folder:
            job = (arguments.positions, arguments.input_width, heads[arguments.head], folder)
            process = multiprocessing.get_context("spawn").Process(target=a_day, args=job)  # whose peak is its own
            process.start()
            process.join()


if __name__ == "__main__":
    main()
