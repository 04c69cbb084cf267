"""The C library keeps freed memory once it is asked to."""

import platform
import subprocess
import sys

import pytest

STEPS = """
import resource, sys
import torch
from vtn_stream.training.freed_memory import keep_freed_memory
torch.set_num_threads(1)
if sys.argv[1] == "keep":
    keep_freed_memory()
layers = torch.nn.Sequential(*(torch.nn.Sequential(torch.nn.Conv2d(8, 8, 1), torch.nn.ReLU6()) for _ in range(12)))
def step():
    layers(torch.ones(16, 8, 112, 112)).sum().backward()
step()
step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.release
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has the setting")
def test_a_step_of_training_takes_fewer_new_pages():
    new = {
        how: int(subprocess.run([sys.executable, "-c", STEPS, how], check=True, capture_output=True, text=True).stdout)
        for how in ("keep", "give back")
    }
    assert new["keep"] < 0.6 * new["give back"], new
