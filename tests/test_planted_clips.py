"""What end-to-end learning is for: a label that an image network does not see until it has learnt to."""

import os
import signal
import subprocess
import sys
import time

import pytest
from planted_clips import NETWORK, SMALL, write_blind_weights, write_clips

from vtn_stream.checkpoints import load_checkpoint
from vtn_stream.training.train import train

pytestmark = pytest.mark.release

# The command, with a state after every step: a training of seconds would be over before its first one.
SAVING_OFTEN = """
from vtn_stream.training import loop
from vtn_stream_cli.main import main
loop.SAVE_EVERY_S = loop.SAVE_WITHIN_S = 0.0
main()
"""


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("planted")
    return folder, *write_clips(folder, 64, 64), write_blind_weights(folder / "w.safetensors")


def taught(clips, output, **settings):
    folder, learnt, validation, weights = clips
    return train(
        learnt,
        folder / "films",
        output,
        recipe="paper",
        network=NETWORK,
        size=32,
        weights=weights,
        validation=validation,
        epochs=15,
        device="cpu",
        store=folder / "store",
        overrides=SMALL | settings,
    )


def test_a_network_that_learns_sees_what_a_frozen_one_cannot(clips, tmp_path):
    """The weights are the same for a picture and its transpose, and so is a frozen network whatever its head learns."""
    frozen = taught(clips, tmp_path / "frozen.safetensors", **{"backbone.blocks": 0})
    learnt = taught(clips, tmp_path / "learnt.safetensors")
    assert frozen.figures["top-1"] <= 0.6
    assert learnt.figures["top-1"] >= 0.95
    first, last = (load_checkpoint(each.model).backbone for each in (frozen, learnt))
    assert any(not first[name].equal(tensor) for name, tensor in last.items())


def test_killed_by_the_system_it_goes_on_to_the_same_bits(clips, tmp_path):
    folder, learnt, validation, weights = clips

    def command(output, log):
        words = [learnt, "--videos", folder / "films", "-o", output, "--recipe", "paper", "--network", NETWORK]
        words += ["--size", 32, "--weights", weights, "--validation", validation, "--epochs", 4, "--device", "cpu"]
        words += ["--store", folder / "store", "--log", log]
        settings = [word for key, value in SMALL.items() for word in ("--set", f"{key}={value}")]
        return [sys.executable, "-c", SAVING_OFTEN, "train", *map(str, words), *settings]

    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run(command(tmp_path / "whole.safetensors", tmp_path / "a"), check=True, env=environment)
    killed = subprocess.Popen(command(tmp_path / "killed.safetensors", tmp_path / "b"), env=environment)
    deadline = time.monotonic() + 120
    while not (tmp_path / "b/clips.state").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    subprocess.run(command(tmp_path / "killed.safetensors", tmp_path / "b"), check=True, env=environment)
    assert (tmp_path / "killed.safetensors").read_bytes() == (tmp_path / "whole.safetensors").read_bytes()
