"""The temporal encoder, ours beside transformers': python benchmarks/temporal.py [--positions 9216 ...] [--threads 1]

The published model's sizes (width 768, 12 heads, feed-forward 3072, 3 layers, window 18) with the same random weights
in both, embeddings that lie in memory, no gradient. Both run in one process, in turns (ours first, then transformers'
first); a ratio is the median of the turns' ratios, above 1 where ours is faster. By default they are of CPU seconds on
one core, which neighbours on the machine disturb little; with more threads, of wall time.

    float32           all tokens of ours; transformers' module always computes all of them
    float32, CLS      ours where only the global token is read
    bfloat16          all tokens, both modules in bfloat16

Memory is the peak of a process of its own above what it held with model and input loaded and threads started
(Linux only). "largest difference" is of float32 between the two, over all tokens.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from vtn_stream.model import TemporalEncoder
from vtn_stream.model.variants import vit_b_vtn

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from longformer_oracle import Longformer

POSITIONS = (250, 2_000, 9_216, 50_000)
# Turns at each: what slows the machine for a while slows both, and a minute of it none of the medians.
TURNS = {250: 21, 2_000: 9, 9_216: 5, 50_000: 1}
MIN_RATIO = {"float32": 1.0, "float32, CLS": 1.5, "bfloat16": 1.3}
MAX_MEMORY_RATIO = 1 / 3
MIB = 2**20


def encoder() -> TemporalEncoder:
    torch.manual_seed(0)
    return TemporalEncoder(vit_b_vtn().encoder).eval()


def film(num: int) -> tuple[torch.Tensor, torch.Tensor]:
    values = torch.randn(1, num, 768, generator=torch.Generator().manual_seed(1))
    return values, torch.arange(num)[None]


def seconds(work: Callable[[], object]) -> float:
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    start = clock()
    work()
    return clock() - start


def in_turns(ours: Callable[[], object], theirs: Callable[[], object], turns: int) -> list[tuple[float, float]]:
    if turns > 1:  # memory is taken and kernels are chosen
        ours(), theirs()
    times = []
    for turn in range(turns):
        if turn % 2:
            late = seconds(theirs)
            times.append((seconds(ours), late))
        else:
            times.append((seconds(ours), seconds(theirs)))
    return times


def memory_mib(whose: str, num: int) -> float:
    """In a process of its own."""
    command = [sys.executable, __file__, "--memory-of", whose, "--positions", str(num)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])


def print_memory(whose: str, num: int) -> None:
    model: torch.nn.Module = encoder()
    if whose == "theirs":
        model = Longformer(model)
    values, ids = film(num)
    model(values[:, :64], ids[:, :64])
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    before = status_kib("VmRSS")
    result = model(values, ids)
    print((status_kib("VmHWM") - before) * 1024 / MIB)
    del result


def status_kib(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--positions", nargs="+", type=int, default=list(POSITIONS))
    arguments.add_argument("--threads", type=int, default=1)
    arguments.add_argument("--memory-of", choices=["ours", "theirs"], help=argparse.SUPPRESS)
    given = arguments.parse_args()
    torch.set_grad_enabled(False)
    torch.set_num_threads(given.threads)
    if given.memory_of is not None:
        print_memory(given.memory_of, given.positions[0])
        return

    unit = "CPU seconds on one core" if given.threads == 1 else f"wall seconds of {given.threads} threads"
    print(f"{unit}, of {os.cpu_count()}; ", end="")
    print(f"{torch.backends.cpu.get_cpu_capability()}, torch {torch.__version__}", flush=True)
    models = {"float32": (ours := encoder(), Longformer(ours))}
    models["bfloat16"] = (encoder().bfloat16(), Longformer(ours).bfloat16())
    print(f"{'positions':>9}  {'what':18} {'ours':>9} {'theirs':>9}   ratio")
    for num in given.positions:
        values, ids = film(num)
        turns = TURNS.get(num, 5 if num < 10_000 else 1)
        for what, wanted in MIN_RATIO.items():
            dtype, _, only_cls = what.partition(", ")
            ours, theirs = models[dtype]
            x, read = values.to(getattr(torch, dtype)), "cls" if only_cls else "frames"
            times = in_turns(
                lambda ours=ours, x=x, ids=ids, read=read: ours(x, ids, read=read),
                lambda theirs=theirs, x=x, ids=ids: theirs(x, ids),
                turns,
            )
            a, b = map(statistics.median, zip(*times, strict=True))
            ratios = [theirs_s / ours_s for ours_s, theirs_s in times]
            spread = f"{min(ratios):.2f} to {max(ratios):.2f} in {turns} turns" if turns > 1 else "1 turn"
            print(f"{num:9,}  {what:18} {a:7.3f} s {b:7.3f} s {statistics.median(ratios):7.2f}", end="")
            print(f"   (wanted: at least {wanted:g}; {spread})", flush=True)
        a, b = memory_mib("ours", num), memory_mib("theirs", num)
        print(f"{num:9,}  {'peak memory':18} {a:5.0f} MiB {b:5.0f} MiB {a / b:7.2f}", end="")
        # Below, both need little: ours a tile of 1024 frames.
        print(f"   (wanted: at most {MAX_MEMORY_RATIO:.2f})" if num >= 9_216 else "", flush=True)
        if num < 20_000:
            ours, theirs = models["float32"]
            mine, (cls, frames) = ours(values, ids), theirs(values, ids)
            difference = max((mine.cls - cls).abs().max(), (mine.frames - frames).abs().max())
            print(f"{num:9,}  {'largest difference':18} {float(difference):.1e}", flush=True)


if __name__ == "__main__":
    main()
