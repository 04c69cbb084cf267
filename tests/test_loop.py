"""The loop: it learns what is there, keeps the mean of the weights, and says where it stops."""

import math
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import torch
from planted import FPS, HEADS, LABELS, clips, films, planted, small, track
from small_trainings import Killed, bits, few, key, kill_after, taught

from vtn_stream.embedding import Warned
from vtn_stream.errors import CheckpointError, TrainingError
from vtn_stream.heads import HEADS as HEAD_OF
from vtn_stream.heads.judged import all_spans
from vtn_stream.heads.labelled_film import labels_of
from vtn_stream.localize import phases
from vtn_stream.model import VTN, VTNConfig
from vtn_stream.track import NO_THRESHOLD
from vtn_stream.training import state
from vtn_stream.training.learner import Learner, copied
from vtn_stream.training.loop import check_numbers, epochs_of, fit
from vtn_stream.training.objective import Objective
from vtn_stream.training.validation import predictions


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


# ---- it learns what is there


@pytest.fixture(scope="module")
def learnt():
    """(network, films that it did not learn) of a head."""
    found = {}
    for head in HEADS:
        if head == "classification":
            training, others = clips(range(60)), clips(range(100, 110))
        else:
            training, others = films(range(40)), films(range(50, 54))
        found[head] = taught(training, head, seed=1), others  # one that does not depend on the last bits
    return found


def metric(fitted, others, head):
    return HEAD_OF[head].metric(predictions(fitted.network, others, FPS), others, LABELS)


@pytest.mark.parametrize(("head", "least"), [("localization", 0.8), ("dense", 0.95), ("classification", 1.0)])
def test_a_planted_signal_is_learnt(learnt, head, least):
    fitted, others = learnt[head]
    assert metric(fitted, others, head) >= least
    assert fitted.losses[-1] < 0.7 * fitted.losses[0]
    assert fitted.num_epochs == len(fitted.losses) == 5
    assert not fitted.network.training


def test_without_the_signal_nothing_is_learnt():
    """Or the films would tell it by something else."""
    others = films([50, 51], strength=0.0)
    loud = metric(taught(films(range(6), strength=0.0), "dense", num_epochs=4), others, "dense")
    shares = np.bincount(np.concatenate([labels_of(film, LABELS) for film in others])) / 320
    assert loud <= shares.max() + 0.05


def borders(segments, truth):
    """Signed errors in positions, of the borders of true segments that one of the label overlaps most."""
    errors = []
    for true in truth:
        same = [s for s in segments if s.label == true.label]
        best = max(same, key=true.tiou, default=None)
        if best is not None and true.tiou(best) > 0.5:
            errors += [(best.start_s - true.start_s, best.end_s - true.end_s)]
    return np.array(errors) * float(FPS)


@pytest.mark.parametrize("head", ["localization", "dense"])
def test_borders_are_off_to_neither_side(learnt, head):
    """Half a position between what is learnt and what is drawn would be there in every border."""
    fitted, _ = learnt[head]
    others, errors = films(range(60, 90)), []
    for film, told in zip(others, predictions(fitted.network, others, FPS), strict=True):
        if head == "localization":
            drawn = [s for s in all_spans(told, film, LABELS, ()) if s.score > 0.2]
        else:
            drawn = phases(told, film.index, LABELS, film.duration_s, NO_THRESHOLD, None)
        errors.append(borders(drawn, film.segments))
    errors = np.concatenate(errors)
    assert len(errors) >= 150
    assert abs(np.median(errors.mean(axis=1))) < 0.35
    assert np.abs(errors).mean() < 2


# ---- what cannot be


@pytest.mark.parametrize("strange", [math.nan, math.inf, -math.inf])
def test_embeddings_that_are_no_numbers_are_told_by_film_before_anything_is_learnt(strange):
    training, events = films(range(5)), []
    for film in training[1:]:
        film.values[-1, 3] = strange
    with pytest.raises(TrainingError) as told:
        taught(training, on_event=events.append)
    names = "film 1, film 2, film 3 and 1 more"
    assert str(told.value).startswith(f"embeddings of {names} are not numbers (NaN or infinity); nothing was trained; ")
    assert "\n" not in str(told.value)
    assert events == []


def spoil(monkeypatch, at_step):
    """The loss is NaN at that step, counted from 1 over all epochs."""
    parts, steps = Objective.parts, 0

    def spoilt(self, example, num):
        nonlocal steps
        steps += 1
        for cost in parts(self, example, num):
            yield cost * (math.nan if steps == at_step else 1)

    monkeypatch.setattr(Objective, "parts", spoilt)


@pytest.mark.parametrize("step", [1, 3])
def test_no_number_in_the_first_epoch_is_an_error_in_one_line(monkeypatch, step, tmp_path):
    spoil(monkeypatch, step)
    with pytest.raises(TrainingError) as told:
        taught(few("localization")[0], state=tmp_path / "state")
    assert str(told.value).startswith(f"the loss was not a number at step {step} of epoch 1; nothing was trained; ")
    assert "\n" not in str(told.value)
    assert not (tmp_path / "state").exists()


def test_no_number_later_keeps_the_last_good_weights_and_says_where(monkeypatch, tmp_path):
    training, _ = few("dense")
    options = {"num_epochs": 4, "state": tmp_path / "state"}
    with pytest.raises(Killed):
        taught(training, "dense", **options, on_event=kill_after(2))
    good = state.load_state(tmp_path / "state", key(training, small("dense", num_epochs=4)))
    (tmp_path / "state").unlink()

    spoil(monkeypatch, 2 * 5 + 2)  # 9 pieces: 5 steps an epoch
    events = []
    fitted = taught(training, "dense", **options, lengths=(1.0, 0.25), on_event=events.append)
    note = "Stopped early, because the loss was not a number at step 2 of epoch 3; the weights are from epoch 2."
    assert fitted.notes == (note,)
    assert events[-1] == Warned(message=note)
    assert (fitted.num_epochs, len(fitted.losses)) == (2, 2)
    for weights in (fitted.network.state_dict(), fitted.earlier[4]):
        for name, tensor in weights.items():
            assert torch.equal(tensor, good.tensors["mean"][name])
            assert tensor.isfinite().all()


@pytest.mark.parametrize("head", HEADS)
def test_a_network_without_numbers_is_noticed_on_any_head(head):
    network = VTN(VTNConfig(backbone="none", encoder=small(head).encoder, head=HEADS[head])).eval()
    torch.nn.init.constant_(network.encoder.cls_token, math.nan)
    for parameter in network.head.parameters():
        torch.nn.init.constant_(parameter, math.nan)
    with pytest.raises(CheckpointError, match="is not a number"):
        predictions(network, few(head)[1], FPS)


def test_a_state_that_cannot_be_written_stops_and_keeps_the_one_before(monkeypatch, tmp_path):
    training, _ = few("dense")
    file, written = tmp_path / "motion.state", []
    replacing = state.replacing

    def full(path):
        if len(written) == 2:
            raise OSError(28, "No space left on device")
        written.append(path)
        return replacing(path)

    monkeypatch.setattr(state, "replacing", full)
    with pytest.raises(TrainingError, match=r"cannot be written \(No space left on device\); training stopped"):
        taught(training, "dense", num_epochs=4, state=file)
    monkeypatch.undo()
    events = []
    fitted = taught(training, "dense", num_epochs=4, state=file, on_event=events.append)
    assert [event.epoch for event in events] == [2, 3, 4]
    assert bits(fitted) == bits(taught(training, "dense", num_epochs=4))


def test_no_room_for_temporary_files_is_told(monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vtn_stream.training.validation.tempfile.TemporaryDirectory", full)
    with pytest.raises(TrainingError, match=r"temporary files cannot be used \(No space left on device\)"):
        predictions(None, few("dense")[1], FPS)


# ---- which weights are kept


@pytest.mark.parametrize("is_killed", [False, True])
def test_the_means_of_the_weights_are_kept_at_each_length_and_it_ends_at_the_last(monkeypatch, tmp_path, is_killed):
    """A length is a share of a training of its full length: the learning rate falls as in that."""
    means, learn = [], Learner.learn
    monkeypatch.setattr(
        Learner, "learn", lambda self, example: (learn(self, example), means.append(copied(self.mean)))[0]
    )
    training, _ = few("dense")
    taught(training, "dense", num_epochs=5)
    after = means[4::5]  # an epoch has 5 steps
    if is_killed:
        with pytest.raises(Killed):
            taught(training, "dense", num_epochs=5, lengths=(0.8, 0.3), state=tmp_path / "s", on_event=kill_after(3))
    fitted = taught(training, "dense", num_epochs=5, lengths=(0.8, 0.3), state=tmp_path / "s")
    assert fitted.num_epochs == 4
    assert sorted(fitted.earlier) == [2, 4]
    for kept, expected in ((fitted.earlier[2], after[1]), (fitted.earlier[4], after[3])):
        assert all(torch.equal(tensor, expected[name]) for name, tensor in kept.items())
    assert all(torch.equal(tensor, after[3][name]) for name, tensor in fitted.network.state_dict().items())
    assert not torch.equal(after[1]["head.out.weight"], after[3]["head.out.weight"])


def test_a_length_is_at_least_an_epoch():
    assert [epochs_of(10, length) for length in (1.0, 0.75, 0.5, 0.01)] == [10, 8, 5, 1]
    assert epochs_of(1, 0.5) == 1


def test_lost_positions_and_films_without_an_action_are_no_trouble():
    odd = [planted(0, lost=[0, *range(40, 60), 159]), track(30, name="quiet"), track(1, name="one"), planted(2)]
    for head in ("localization", "dense"):
        fitted = taught(odd, head, num_epochs=2)
        assert all(map(math.isfinite, fitted.losses))
        assert 0 <= metric(fitted, [planted(20, lost=range(100))], head) <= 1


def test_films_are_neither_changed_nor_copied():
    long = [
        track(30_000, (3.0, 9.0, "run"), name=str(n), values=np.tile(planted(n).values, (188, 8))[:30_000])
        for n in range(3)
    ]
    before = [film.values.tobytes() for film in long]
    num_bytes = sum(film.values.nbytes for film in long)
    settings = small("dense", num_epochs=1, batch_size=64)
    settings = replace(settings, encoder=replace(settings.encoder, input_width=64))
    tracemalloc.start()
    digest = key(long, settings)
    check_numbers(long)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 0.2 * num_bytes
    assert len(digest) < 2000
    fit(long, LABELS, settings, FPS, backbone="none")
    assert [film.values.tobytes() for film in long] == before
