"""The cost of embedding a frame, ours beside bare timm: python benchmarks/embedding.py [BACKBONE] [--rounds 3]

Prints CPU ms a frame (and wall ms) of turning uint8 frames that lie in memory into embeddings, medians of rounds in
which every mode has a turn:

    bare    the timm network in evaluation mode, channels last, after the usual conversion in torch, at each batch size:
                one a thread   a thread computes one batch, as many at a time as cores
                all on one     every core works on the same batch
    ours    FrameEncoder, given as many frames at a time as the decoding process delivers

and the ratio of ours to the best that bare timm could do: its smallest CPU time, whichever mode that is. Both compute
in the same number type. Weights do not matter for the cost: those of bare timm are random.
"""

import argparse
import contextlib
import os
import statistics
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import timm
import torch
from numpy.typing import NDArray

from vtn_stream.analysis import DEFAULT_BACKBONE
from vtn_stream.backbone import FrameEncoder
from vtn_stream.video.delivery import BATCH_SIZE as DELIVERED

BATCH_SIZES = (1, 2, 4, 8, 16, 32)
LIMIT = 1.05

Frames = NDArray[np.uint8]
Mode = tuple[int, str]


def one_core_threads(num: int) -> ThreadPoolExecutor:
    """Threads in which torch computes on one core each."""
    before, all_started = torch.get_num_threads(), threading.Barrier(num)

    def start() -> None:
        torch.set_num_threads(1)  # of this thread, and of threads that start later
        torch.get_num_threads()
        all_started.wait()

    threads = ThreadPoolExecutor(num)
    for started in [threads.submit(start) for _ in range(num)]:
        started.result()
    torch.set_num_threads(before)
    return threads


class Bare:
    """A timm network as its documentation uses it."""

    def __init__(self, name: str, dtype: str) -> None:
        self._model = timm.create_model(name, num_classes=0).eval().to(memory_format=torch.channels_last)
        config = self._model.pretrained_cfg
        self._mean = torch.tensor(config["mean"])[:, None, None]
        self._std = torch.tensor(config["std"])[:, None, None]
        self._autocast = None if dtype == "float32" else getattr(torch, dtype)

    @torch.inference_mode()
    def __call__(self, frames: Frames) -> NDArray[np.float32]:
        pixels = torch.from_numpy(frames).permute(0, 3, 1, 2).float().div_(255).sub_(self._mean).div_(self._std)
        cast = torch.autocast("cpu", self._autocast) if self._autocast else contextlib.nullcontext()
        with cast:
            values = self._model(pixels)
        return values.float().numpy()


def timed(work: Callable[[], object], num_frames: int) -> tuple[float, float]:
    """(CPU ms, wall ms) a frame, of this process with all its threads."""
    cpu, wall = time.process_time(), time.monotonic()
    work()
    return (time.process_time() - cpu) / num_frames * 1e3, (time.monotonic() - wall) / num_frames * 1e3


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("backbone", nargs="?", default=DEFAULT_BACKBONE)
    arguments.add_argument("--weights", type=Path, help="a file of weights, for a backbone that is not installed")
    arguments.add_argument("--rounds", type=int, default=3)
    given = arguments.parse_args()

    encoder = FrameEncoder(given.backbone, weights=given.weights, device="cpu")
    bare = Bare(given.backbone, encoder.execution("none").dtype)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    torch.set_num_threads(cores)
    threads = one_core_threads(cores)
    num_frames = max(DELIVERED, max(BATCH_SIZES) * cores)  # at least one batch for every thread
    frames = np.random.default_rng(0).integers(0, 255, (num_frames, *encoder.size, 3), np.uint8)

    def of_bare(batch_size: int, run: Callable[..., Iterable[object]]) -> Callable[[], object]:
        batches = [frames[i : i + batch_size] for i in range(0, num_frames, batch_size)]
        return lambda: list(run(bare, batches))

    def of_ours() -> None:
        for i in range(0, num_frames, DELIVERED):
            encoder(frames[i : i + DELIVERED])

    modes: dict[Mode, Callable[[], object]] = {}
    for batch_size in BATCH_SIZES:
        modes[batch_size, "one a thread"] = of_bare(batch_size, threads.map)
        modes[batch_size, "all on one"] = of_bare(batch_size, map)
    rounds: dict[Mode | None, list[tuple[float, float]]] = {mode: [] for mode in (None, *modes)}
    for number in range(given.rounds + 1):
        for mode, work in modes.items():
            # Ours again and again among the others: what slows the machine for a while slows both.
            turns = [(None, of_ours), (mode, work)] if mode[0] in (1, 4, 16) else [(mode, work)]
            for whose, run in turns:
                times = timed(run, num_frames)
                if number:  # in the first round memory is taken and kernels are chosen
                    rounds[whose].append(times)
    medians = {mode: tuple(map(statistics.median, zip(*all_times, strict=True))) for mode, all_times in rounds.items()}

    capability, execution = torch.backends.cpu.get_cpu_capability(), encoder.execution("none")
    print(f"{given.backbone}, {execution.dtype}, {cores} cores, {capability}; {execution.engine}")
    print("CPU ms a frame (wall ms a frame)")
    print("batch    one a thread      all on one")
    for batch_size in BATCH_SIZES:
        apart, together = medians[batch_size, "one a thread"], medians[batch_size, "all on one"]
        print(f"{batch_size:5}  {apart[0]:6.1f} ({apart[1]:5.1f})  {together[0]:6.1f} ({together[1]:5.1f})")
    ours = medians[None]
    print(f" ours  {ours[0]:6.1f} ({ours[1]:5.1f})   batches of {execution.batch_size}, one a thread")
    for what, column in (("CPU", 0), ("wall", 1)):
        best = min(modes, key=lambda mode: medians[mode][column])
        limit = f"(at most {LIMIT})" if what == "CPU" else ""
        ratio = ours[column] / medians[best][column]
        print(f"{what} of ours / bare at its best ({best[0]}, {best[1]}): {ratio:.2f}   {limit}".rstrip())


if __name__ == "__main__":
    main()
