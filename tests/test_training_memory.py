"""How much memory learning takes at most, measured by the system in processes of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HIGHEST = """
import re, sys
from pathlib import Path
import torch
torch.set_num_threads(1)

def forget():
    Path("/proc/self/clear_refs").write_text("5")  # the highest so far is what is there now

def highest():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024

def more(do):
    forget()
    before = highest()
    do()
    return highest() - before
"""

STATE = (
    HIGHEST
    + """
from vtn_stream.training.state import TrainingState, opened_state, save_state
path = Path(sys.argv[1]) / "state"
layers = {f"layer.{n}": torch.rand(1250, 1000) for n in range(10)}  # 50 MB, in tensors of 5 MB
mean = {name: tensor.clone() for name, tensor in layers.items()}
adam = {n: {"exp_avg": torch.rand(1250, 1000), "exp_avg_sq": torch.rand(1250, 1000)} for n in range(10)}
state = TrainingState("key", {}, {"network": layers, "mean": mean}, adam)
small = TrainingState("key", {}, {"network": {"a": torch.zeros(2)}}, {})
save_state(path, small)
print(more(lambda: save_state(path, state)))

def take():
    with opened_state(path, "key") as found:
        for group, own in (("network", layers), ("mean", mean)):
            for name, tensor in own.items():
                tensor.copy_(found.tensors[group][name])

print(more(take))
"""
)

FRAMES = (
    HIGHEST
    + """
from pixel_clips import network, settings
ours = network(settings()).train()

def step(num, piece):
    ours.zero_grad()
    ours.embed(torch.randint(0, 256, (num, 3, 32, 32), dtype=torch.uint8), piece).square().mean().backward()

step(64, 16)
for num, piece in ((64, 16), (512, 16), (512, None)):
    print(more(lambda: step(num, piece)))
"""
)


def printed(script, *arguments):
    """The numbers that a process prints, in which freed memory goes back to the system."""
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    there = os.environ | {"PYTHONPATH": path, "MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
    command = [sys.executable, "-c", script, *map(str, arguments)]
    done = subprocess.run(command, env=there, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return [int(line) for line in done.stdout.split()]


pytestmark = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux measures it")


@pytest.mark.release
def test_a_state_is_written_and_read_without_a_second_network_in_memory(tmp_path):
    """A network of 50 MB, its mean and Adam's moments, 200 MB: never more than a fraction of one group beside them."""
    written, read = printed(STATE, tmp_path)
    assert (tmp_path / "state").stat().st_size > 200e6
    assert written < 40e6
    assert read < 40e6


@pytest.mark.release
def test_the_memory_of_a_step_does_not_grow_with_the_frames():
    few, many, at_once = printed(FRAMES)
    pixels = 448 * 3 * 32 * 32 * (1 + 4)  # more of them, as bytes and as numbers
    assert many < few + pixels + 15e6
    assert at_once > many + 60e6  # or nothing would be shown
