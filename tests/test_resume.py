"""The loop, killed and gone on with: always the same bits, and never from the state of another training."""

from dataclasses import replace
from fractions import Fraction

import pytest
import torch
from planted import FPS, HEADS, LABELS, films
from small_trainings import Killed, bits, few, kill_after, taught

from vtn_stream.embedding import Warned
from vtn_stream.training import key as key_module
from vtn_stream.training.events import EpochDone
from vtn_stream.training.key import key_of
from vtn_stream.training.learner import Learner


@pytest.fixture(autouse=True)
def saved_after_every_epoch(monkeypatch):
    monkeypatch.setattr("vtn_stream.training.loop.SAVE_EVERY_S", 0.0)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """These tensors are small: threads would only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


# ---- the same bits


@pytest.mark.parametrize("head", HEADS)
def test_a_seed_gives_the_same_bits_and_another_seed_others(head):
    training, _ = few(head)
    once, again, other = (bits(taught(training, head, num_epochs=2, seed=seed)) for seed in (0, 0, 1))
    assert once == again
    assert once[0] != other[0]
    assert once[1] != other[1]


def test_every_epoch_draws_other_crops_and_another_noise(monkeypatch):
    learn, drawn = Learner.learn, []

    def learning(self, example):
        drawn.append((example.batch.embeddings[:, 0].tolist(), torch.get_rng_state().tolist()))
        return learn(self, example)

    monkeypatch.setattr(Learner, "learn", learning)
    taught(few("dense")[0], "dense", num_epochs=3)
    firsts = drawn[::5]  # an epoch has 5 steps
    assert len(firsts) == 3
    assert all(len({str(what) for what in kind}) == 3 for kind in zip(*firsts, strict=True))


def test_what_was_drawn_before_does_not_matter_and_nothing_is_drawn_from_others():
    training, _ = few("dense")
    torch.manual_seed(5)
    once, after = bits(taught(training, "dense", num_epochs=1)), torch.rand(3)
    torch.manual_seed(5)
    assert torch.equal(torch.rand(3), after)
    assert bits(taught(training, "dense", num_epochs=1)) == once


@pytest.mark.parametrize("head", HEADS)
def test_killed_after_any_epoch_it_goes_on_to_the_same_bits(head, tmp_path):
    training, _ = few(head)
    options = {"num_epochs": 3, "lengths": (1.0, 0.3)}
    whole = bits(taught(training, head, **options))
    for epoch in (1, 2, 3):
        file = tmp_path / f"{epoch}.state"
        with pytest.raises(Killed):
            taught(training, head, **options, state=file, on_event=kill_after(epoch))
        assert bits(taught(training, head, **options, state=file)) == whole
    assert bits(taught(training, head, **options, state=file)) == whole  # all of it was done


def test_killed_in_the_middle_of_every_epoch_it_goes_on_to_the_same_bits(tmp_path, monkeypatch):
    training, _ = few("localization")
    whole = bits(taught(training, num_epochs=3))
    learn, steps = Learner.learn, 0
    num_kills = 0

    def dying(self, example):
        nonlocal steps
        steps += 1
        if steps % 7 == 0:  # an epoch has 5 steps
            raise Killed
        return learn(self, example)

    monkeypatch.setattr(Learner, "learn", dying)
    while True:
        try:
            fitted = taught(training, num_epochs=3, state=tmp_path / "state")
            break
        except Killed:
            num_kills += 1
    assert num_kills >= 2
    assert bits(fitted) == whole


def test_epochs_are_told_as_they_come_and_the_last_one_again_where_it_goes_on(tmp_path):
    training, _ = few("dense")
    events = []
    fitted = taught(training, "dense", num_epochs=3, state=tmp_path / "state", on_event=events.append)
    assert [event.epoch for event in events] == [1, 2, 3]
    assert [event.loss for event in events] == list(fitted.losses)
    assert {event.num_epochs for event in events} == {3}
    again = []
    taught(training, "dense", num_epochs=3, state=tmp_path / "state", on_event=again.append)
    assert again == events[-1:]


# ---- what another training left


CHANGES = {
    "a film's embedding": lambda a: a["films"][1].values.__setitem__((3, 3), 7),
    "a film's name": lambda a: a["films"].__setitem__(0, replace(a["films"][0], name="other")),
    "a film's segments": lambda a: a["films"].__setitem__(0, replace(a["films"][0], segments=())),
    "a film's duration": lambda a: a["films"].__setitem__(0, replace(a["films"][0], duration_s=39.0)),
    "a film's label": lambda a: a["films"].__setitem__(0, replace(a["films"][0], clip_label="run")),
    "a lost position": lambda a: a["films"][0].index.valid.__setitem__(4, False),
    "the clock": lambda a: a["films"][0].index.grid_s.__setitem__(4, 1.01),
    "the films' order": lambda a: a["films"].reverse(),
    "one film less": lambda a: a["films"].pop(),
    "the inputs": lambda a: a.update(inputs=("change-1/8",)),
    "the labels": lambda a: a.update(labels=("jump", "run")),
    "the rate": lambda a: a.update(fps=Fraction(5)),
    "the image network": lambda a: a.update(backbone="other"),
    "the device": lambda a: a.update(device="cuda"),
}


def arguments():
    return {
        "films": films([0, 1]),
        "inputs": ("picture",),
        "labels": LABELS,
        "fps": FPS,
        "backbone": "none",
        "device": "cpu",
    }


def test_equal_trainings_have_one_key():
    assert key_of(**arguments()) == key_of(**arguments())


@pytest.mark.parametrize("what", CHANGES)
def test_another_training_has_another_key(what):
    changed = arguments()
    CHANGES[what](changed)
    assert key_of(**changed) != key_of(**arguments())


def test_other_software_has_another_key_and_the_number_of_threads_does_not_matter(monkeypatch):
    key = key_of(**arguments())
    for target, name, other in ((key_module.torch, "__version__", "1.0"), (key_module, "__version__", "0.0")):
        with monkeypatch.context() as patch:
            patch.setattr(target, name, other)
            assert key_of(**arguments()) != key
    of_plugin = [key_of(**arguments(), plugins={"package": version}) for version in ("1.0", "2.0")]
    assert len({key, *of_plugin}) == 3
    with monkeypatch.context() as patch:
        patch.setattr(key_module.torch, "get_num_threads", lambda: 3)
        assert key_of(**arguments()) == key


def test_a_state_of_another_training_is_not_gone_on_from_and_that_is_told(tmp_path):
    training, _ = few("dense")
    file, events = tmp_path / "motion.state", []
    taught(training, "dense", num_epochs=2, state=file)
    fitted = taught(training, "dense", num_epochs=2, seed=1, state=file, on_event=events.append)
    assert bits(fitted) == bits(taught(training, "dense", num_epochs=2, seed=1))
    told, *epochs = events
    assert told == Warned(
        message="motion.state is from another training, or damaged: training starts from the beginning"
    )
    assert [event.epoch for event in epochs] == [1, 2]


def test_a_damaged_state_is_not_gone_on_from(tmp_path):
    training, _ = few("dense")
    file, events = tmp_path / "motion.state", []
    whole = bits(taught(training, "dense", num_epochs=2, state=file))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert bits(taught(training, "dense", num_epochs=2, state=file, on_event=events.append)) == whole
    assert [type(event) for event in events] == [Warned, EpochDone, EpochDone]
