"""A training that learns from pixels, killed inside an epoch, or without memory: it goes on to the same bits."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import torch
from pixel_clips import PixelClips, network, settings
from small_trainings import Killed, few, kill_after, taught

from vtn_stream.embedding import Warned
from vtn_stream.errors import TrainingError
from vtn_stream.training.events import EpochDone
from vtn_stream.training.hyperparameters import BackboneLearning
from vtn_stream.training.learn import state_files
from vtn_stream.training.learner import Learner
from vtn_stream.training.loop import run

WAYS = {
    "adamw, a mean, in parts": {"accumulate": 2, "ema": 0.9},
    "sgd, no mean, deep layers slower": {
        "optimizer": "sgd",
        "ema": 0.0,
        "backbone": BackboneLearning(layer_decay=0.7, piece=6),
    },
}


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def saved_after_every_step(monkeypatch):
    monkeypatch.setattr("vtn_stream.training.loop.SAVE_EVERY_S", 0.0)
    monkeypatch.setattr("vtn_stream.training.loop.SAVE_WITHIN_S", 0.0)


def learnt(way, state=None, *, stops=(1, 2), on_event=None):
    of = settings(**WAYS[way])
    ours = network(of, drop_path=0.2)  # which draws numbers in each step
    kept = None if state is None else (state, way)
    return run(PixelClips(num_batches=2), ours, of, stops=stops, state=kept, on_event=on_event)


def bits(fitted):
    weights = [fitted.network.state_dict(), *fitted.earlier.values()]
    return [{name: tensor.numpy().tobytes() for name, tensor in of.items()} for of in weights], fitted.losses


@cache
def whole(way):
    """The bits of a training that nobody killed."""
    return bits(learnt(way))


@pytest.mark.parametrize("way", WAYS)
def test_killed_at_any_step_it_goes_on_to_the_same_bits(tmp_path, monkeypatch, way):
    whole(way)  # before the learner dies
    learn, steps, kills = Learner.learn, 0, 0

    def dying(self, example):
        nonlocal steps
        steps += 1
        if steps % 2 == 0:
            raise Killed
        return learn(self, example)

    monkeypatch.setattr(Learner, "learn", dying)
    while True:
        try:
            fitted = learnt(way, tmp_path / "state")
            break
        except Killed:
            kills += 1
    assert kills == 3  # after each of the 4 steps but the last
    assert bits(fitted) == whole(way)


CHILD = """
import os, signal, sys
from pathlib import Path
import torch
torch.set_num_threads(1)
import test_killed_within as here
from vtn_stream.training import loop
loop.SAVE_EVERY_S = loop.SAVE_WITHIN_S = 0.0
save, num = loop.save_state, 0
def save_and_die(*what):
    global num
    save(*what)
    num += 1
    if num == 2:
        os.kill(os.getpid(), signal.SIGKILL)
loop.save_state = save_and_die
here.learnt(sys.argv[2], Path(sys.argv[1]))
"""


@pytest.mark.release
def test_a_process_that_the_system_kills_within_an_epoch_is_gone_on_with(tmp_path):
    way = next(iter(WAYS))
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", CHILD, tmp_path / "state", way], env=os.environ | {"PYTHONPATH": path}, timeout=300
    )
    assert done.returncode == -9
    assert bits(learnt(way, tmp_path / "state")) == whole(way)


def test_a_frozen_training_that_stops_within_an_epoch_where_it_was_gone_on_with_has_the_epochs_before(
    tmp_path, monkeypatch
):
    """The weights of the last whole epoch are in the state too."""
    training, _ = few("dense")
    expected = taught(training, "dense", num_epochs=3, lengths=(1 / 3,)).network.state_dict()
    learn, steps = Learner.learn, 0

    def dying(self, example):
        nonlocal steps
        steps += 1
        if steps == 8:  # an epoch has 5 steps
            raise Killed
        return learn(self, example)

    with monkeypatch.context() as patch:
        patch.setattr(Learner, "learn", dying)
        with pytest.raises(Killed):
            taught(training, "dense", num_epochs=3, state=tmp_path / "state")
    from vtn_stream.training.learner import NoNumber

    def no_number(self, example):
        raise NoNumber

    monkeypatch.setattr(Learner, "learn", no_number)
    fitted = taught(training, "dense", num_epochs=3, state=tmp_path / "state")
    assert fitted.stopped
    assert fitted.notes == (
        "Stopped early, because the loss was not a number at step 3 of epoch 2; the weights are from epoch 1.",
    )
    assert all(torch.equal(tensor, expected[name]) for name, tensor in fitted.network.state_dict().items())


def test_weights_of_earlier_epochs_of_a_large_network_are_files_and_without_them_it_begins_again(tmp_path):
    way, state, events = next(iter(WAYS)), tmp_path / "one.state", []
    with pytest.raises(Killed):
        learnt(way, state, on_event=kill_after(1))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.state", "one.state.after-1"]
    assert sorted(state_files(tmp_path)) == sorted(tmp_path.iterdir())  # they go when the model is there
    (tmp_path / "one.state.after-1").write_bytes(b"damaged")
    fitted = learnt(way, state, on_event=events.append)
    assert isinstance(events[0], Warned)
    assert [event.epoch for event in events if isinstance(event, EpochDone)] == [1, 2]
    assert bits(fitted) == whole(way)


@pytest.mark.parametrize(
    ("error", "fact"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate"), "the GPU has not enough memory for a step"),
        (MemoryError(), "this computer has not enough memory for a step"),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory: you tried"),
            "this computer has not enough memory for a step",
        ),
        (
            getattr(torch, "AcceleratorError", RuntimeError)("CUDA error: unspecified launch failure\nCompile with"),
            "the GPU failed (CUDA error: unspecified launch failure)",
        ),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), "the GPU failed (cuDNN error"),
    ],
)
@pytest.mark.parametrize("is_kept", [True, False])
def test_a_device_or_memory_that_fails_is_one_line_that_says_from_where_it_goes_on(
    tmp_path, monkeypatch, error, fact, is_kept
):
    training, _ = few("dense")
    learn, steps = Learner.learn, 0

    def failing(self, example):
        nonlocal steps
        steps += 1
        if steps == 8:  # an epoch has 5 steps
            raise error
        return learn(self, example)

    monkeypatch.setattr(Learner, "learn", failing)
    with pytest.raises(TrainingError) as told:
        taught(training, "dense", state=tmp_path / "state" if is_kept else None)
    assert told.value.fact.startswith(fact)
    where = "it goes on from step 3 of epoch 2" if is_kept else "nothing of it is kept"
    assert told.value.consequence == f"training stopped; {where}"
    assert "again" in told.value.cure
    assert "\n" not in str(told.value)


def test_a_mistake_of_the_program_is_no_failure_of_the_device(monkeypatch):
    def mistaken(self, example):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(Learner, "learn", mistaken)
    with pytest.raises(RuntimeError, match="mat1"):
        taught(few("dense")[0], "dense")
