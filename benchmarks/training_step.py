"""What a step of training costs when the image network learns too: python benchmarks/training_step.py [--clips 1]

ViT-B-VTN with one layer, random weights, clips of 16 frames of 320 x 256, on a CPU: from uint8 frames to the gradient
of every weight that learns (training.objective), in these ways:

    all learn                 what each block needs for the gradient is kept
    ... in pieces of N        only the embeddings are kept; for the gradient a piece of frames is computed again
    the last 4 blocks learn   a third of the image network, as on few clips
    the image network is fixed
    ... bfloat16              products in bfloat16

Each way runs in a process of its own. Memory is the peak of its first step above what the process held with model and
frames, gradients included (Linux only); what the optimizer keeps comes to that. CPU seconds are the median of the
steps after it. The numbers are those of a clip; the loss is printed too: in float32 it is the same however many pieces.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch

from vtn_stream.backbone.learning import trainable
from vtn_stream.heads import Batch
from vtn_stream.model import VTN
from vtn_stream.model.variants import vit_b_vtn_1_layer
from vtn_stream.training.augment import Look
from vtn_stream.training.examples import Example, Pixels, Shot
from vtn_stream.training.objective import Objective

FRAMES = 16
# name: (blocks that learn, frames of a piece, number type)
WAYS: dict[str, tuple[str | int, int | None, str]] = {
    "all learn": ("all", None, "float32"),
    "all learn, in pieces of 16": ("all", 16, "float32"),
    "all learn, in pieces of 4": ("all", 4, "float32"),
    "the last 4 blocks learn": (4, None, "float32"),
    "the last 4 blocks learn, in pieces of 4": (4, 4, "float32"),
    "the image network is fixed": (0, None, "float32"),
    "all learn, bfloat16": ("all", None, "bfloat16"),
    "all learn, in pieces of 4, bfloat16": ("all", 4, "bfloat16"),
}
MIB = 1024  # KiB


def example(num_clips: int) -> Example:
    """Noise, as the training gets it: frames, and rows of embeddings that wait for them."""
    drawn = torch.Generator().manual_seed(1)
    positions = torch.arange(FRAMES)
    shots = tuple(
        Shot(
            frames=torch.randint(0, 256, (FRAMES, 3, 256, 320), dtype=torch.uint8, generator=drawn),
            crop=clip,
            positions=positions,
            input=0,
            look=Look(box=(0.0, 0.1, 0.875, 0.7)),
        )
        for clip in range(num_clips)
    )
    batch = Batch(
        embeddings=torch.zeros(num_clips, FRAMES, 768),
        valid=torch.ones(num_clips, FRAMES, dtype=torch.bool),
        labels=torch.zeros(num_clips, FRAMES, dtype=torch.long),
        segments=tuple((torch.zeros(0, 2), torch.zeros(0, dtype=torch.long)) for _ in range(num_clips)),
        clips=torch.arange(num_clips),
        position_ids=(8 * positions).expand(num_clips, -1),
    )
    return Example(batch=batch, pixels=Pixels(shots=shots, size=(224, 224)))


def network_of(blocks: str | int) -> VTN:
    config = vit_b_vtn_1_layer()
    backbone = trainable(config.backbone, None, blocks=blocks or "all", random=True)
    if not blocks:
        backbone.requires_grad_(False)
    encoder = replace(config.encoder, dropout=0.0)  # else each way would have its own loss
    return VTN(replace(config, encoder=encoder), backbone).train()


def measure(name: str, num_clips: int, num_steps: int) -> None:
    """Prints MiB, CPU seconds of each clip, and the loss."""
    blocks, piece, dtype = WAYS[name]
    torch.manual_seed(0)
    network, learnt = network_of(blocks), example(num_clips)
    network.head.eval()  # its dropout
    objective = Objective(network, smoothing=0.0, piece=piece)

    def step() -> float:
        network.zero_grad()
        with torch.autocast("cpu", getattr(torch, dtype), enabled=dtype != "float32"):
            loss = objective(learnt)
        loss.backward()
        return float(loss.detach())

    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    before = status_kib("VmRSS")
    loss = step()
    memory, times = (status_kib("VmHWM") - before) / MIB, []
    for _ in range(num_steps):
        start = time.process_time()
        step()
        times.append((time.process_time() - start) / num_clips)
    print(memory, statistics.median(times), min(times), max(times), loss)


def status_kib(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=1, help="of a step")
    parser.add_argument("--steps", type=int, default=3, help="that are timed")
    parser.add_argument("--way", choices=list(WAYS), help=argparse.SUPPRESS)
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.way is not None:
        measure(given.way, given.clips, given.steps)
        return
    instructions = torch.backends.cpu.get_cpu_capability()
    print(f"one thread of {os.cpu_count()} cores, {instructions}; torch {torch.__version__}; ", end="")
    print(f"{given.clips} clip(s) of {FRAMES} frames a step", flush=True)
    print("| | CPU s of a clip | least to most | MiB above the model | loss |\n|---|---:|---:|---:|---:|", flush=True)
    for name in WAYS:
        command = [sys.executable, __file__, "--way", name, f"--clips={given.clips}", f"--steps={given.steps}"]
        output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
        memory, median, least, most, loss = map(float, output.split())
        print(f"| {name} | {median:.1f} | {least:.1f} to {most:.1f} | {memory:,.0f} | {loss:.5f} |", flush=True)


if __name__ == "__main__":
    main()
