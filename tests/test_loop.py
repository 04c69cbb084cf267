"""The loop: it learns what is there, keeps the best weights, and says where it stops."""

import math
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import torch
from planted import FPS, HEADS, LABELS, clips, films, planted, small, track
from small_trainings import Killed, bits, few, kill_after, taught

from vtn_stream.embedding import Warned
from vtn_stream.errors import CheckpointError, TrainingError
from vtn_stream.heads.dense import Dense
from vtn_stream.heads.labelled_film import labels_of
from vtn_stream.heads.localization import all_spans
from vtn_stream.localize import phases
from vtn_stream.model import VTN, VTNConfig
from vtn_stream.track import NO_THRESHOLD
from vtn_stream.training import loop, state
from vtn_stream.training.key import key_of
from vtn_stream.training.learner import Learner
from vtn_stream.training.loop import fit
from vtn_stream.training.objective import Objective
from vtn_stream.training.validation import predictions


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
    """A network a head."""
    found = {}
    for head in HEADS:
        if head == "classification":
            training, validation = clips(range(60)), clips(range(100, 110))
        else:
            training, validation = films(range(40)), films(range(50, 54))
        found[head] = taught(training, validation, head)
    return found


@pytest.mark.parametrize(
    ("head", "name", "least"),
    [
        ("localization", "mAP@.3:.1:.7", 0.8),
        ("dense", "frame accuracy", 0.95),
        ("classification", "top-1", 1.0),
    ],
)
def test_a_planted_signal_is_learnt(learnt, head, name, least):
    fitted = learnt[head]
    assert fitted.metric_name == name
    assert fitted.best >= least
    assert fitted.best == max(fitted.metrics) == fitted.metrics[fitted.epoch - 1]
    assert fitted.losses[-1] < 0.7 * fitted.losses[0]
    assert not fitted.network.training


def test_without_the_signal_nothing_is_learnt():
    """Or the films would tell it by something else."""
    loud = taught(films(range(6), strength=0.0), films([50, 51], strength=0.0), "dense", num_epochs=4)
    shares = np.bincount(np.concatenate([labels_of(film, LABELS) for film in films([50, 51])])) / 320
    assert loud.best <= shares.max() + 0.05


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
    fitted = learnt[head]
    others, errors = films(range(60, 72)), []
    for film, told in zip(others, predictions(fitted.network, others, FPS), strict=True):
        if head == "localization":
            drawn = [s for s in all_spans(told, film, LABELS) if s.score > 0.2]
        else:
            drawn = phases(told, film.index, LABELS, film.duration_s, NO_THRESHOLD, None)
        errors.append(borders(drawn, film.segments))
    errors = np.concatenate(errors)
    assert len(errors) >= 60
    assert abs(np.median(errors.mean(axis=1))) < 0.35
    assert np.abs(errors).mean() < 2


# ---- what cannot be


@pytest.mark.parametrize("strange", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("side", ["training", "validation"])
def test_embeddings_that_are_no_numbers_are_told_by_film_before_anything_is_learnt(strange, side):
    training, validation = films(range(5)), films([20])
    spoilt = training[1:] if side == "training" else validation
    for film in spoilt:
        film.values[-1, 3] = strange
    events = []
    with pytest.raises(TrainingError) as told:
        taught(training, validation, on_event=events.append)
    names = "film 1, film 2, film 3 and 1 more" if side == "training" else "film 20"
    assert str(told.value).startswith(f"embeddings of {names} are not numbers (NaN or infinity); nothing was trained; ")
    assert "\n" not in str(told.value)
    assert events == []


def spoil(monkeypatch, at_step):
    """The loss is NaN at that step, counted from 1 over all epochs."""
    cost, steps = Objective.__call__, 0

    def spoilt(self, batch):
        nonlocal steps
        steps += 1
        return cost(self, batch) * (math.nan if steps == at_step else 1)

    monkeypatch.setattr(Objective, "__call__", spoilt)


@pytest.mark.parametrize("step", [1, 3])
def test_no_number_in_the_first_epoch_is_an_error_in_one_line(monkeypatch, step, tmp_path):
    spoil(monkeypatch, step)
    with pytest.raises(TrainingError) as told:
        taught(*few("localization"), state=tmp_path / "state")
    assert str(told.value).startswith(f"the loss was not a number at step {step} of epoch 1; nothing was trained; ")
    assert "\n" not in str(told.value)
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("validated", [True, False])
def test_no_number_later_keeps_the_last_good_weights_and_says_where(monkeypatch, validated, tmp_path):
    training, validation = few("dense")
    validation = validation if validated else ()
    options = {"num_epochs": 4, "state": tmp_path / "state"}
    with pytest.raises(Killed):
        taught(training, validation, "dense", **options, on_event=kill_after(2))
    good = state.load_state(
        tmp_path / "state",
        key_of(training, validation, LABELS, small("dense", num_epochs=4), FPS, backbone="none", device="cpu"),
    )
    (tmp_path / "state").unlink()

    spoil(monkeypatch, 2 * 5 + 2)  # 9 pieces: 5 steps an epoch
    events = []
    fitted = taught(training, validation, "dense", **options, on_event=events.append)
    kept = good.progress["best_epoch"] if validated else 2
    note = f"Stopped early, because the loss was not a number at step 2 of epoch 3; the weights are from epoch {kept}."
    assert fitted.notes == (note,)
    assert events[-1] == Warned(message=note)
    assert (fitted.epoch, fitted.num_epochs, len(fitted.losses)) == (kept, 2, 2)
    expected = good.tensors["best" if validated else "mean"]
    for name, tensor in fitted.network.state_dict().items():
        assert torch.equal(tensor, expected[name])
        assert tensor.isfinite().all()


@pytest.mark.parametrize("epoch", [1, 2])
def test_no_number_on_the_validation_films_is_the_same(monkeypatch, epoch):
    read, calls = loop.predictions, 0

    def strange(*arguments):
        nonlocal calls
        calls += 1
        if calls == epoch:
            raise CheckpointError("the model's output is not a number (NaN)", "so", "do")
        return read(*arguments)

    monkeypatch.setattr(loop, "predictions", strange)
    fact = f"the network's output was not a number on the validation films after epoch {epoch}"
    if epoch == 1:
        with pytest.raises(TrainingError, match=f"{fact}; nothing was trained"):
            taught(*few("dense"), "dense", num_epochs=3)
        return
    fitted = taught(*few("dense"), "dense", num_epochs=3)
    assert fitted.notes == (f"Stopped early, because {fact}; the weights are from epoch 1.",)
    assert (fitted.epoch, fitted.num_epochs, len(fitted.losses), len(fitted.metrics)) == (1, 1, 1, 1)


@pytest.mark.parametrize("head", HEADS)
def test_a_network_without_numbers_is_noticed_on_any_head(head):
    network = VTN(VTNConfig(backbone="none", encoder=small(head).encoder, head=HEADS[head])).eval()
    torch.nn.init.constant_(network.encoder.cls_token, math.nan)
    for parameter in network.head.parameters():
        torch.nn.init.constant_(parameter, math.nan)
    with pytest.raises(CheckpointError, match="is not a number"):
        predictions(network, few(head)[1], FPS)


def test_a_state_that_cannot_be_written_stops_and_keeps_the_one_before(monkeypatch, tmp_path):
    training, validation = few("dense")
    file, written = tmp_path / "motion.state", []
    write = state.write_whole

    def full(path, parts):
        if len(written) == 2:
            raise OSError(28, "No space left on device")
        written.append(path)
        write(path, parts)

    monkeypatch.setattr(state, "write_whole", full)
    with pytest.raises(TrainingError, match=r"cannot be written \(No space left on device\); training stopped"):
        taught(training, validation, "dense", num_epochs=4, state=file)
    monkeypatch.undo()
    events = []
    fitted = taught(training, validation, "dense", num_epochs=4, state=file, on_event=events.append)
    assert [event.epoch for event in events] == [2, 3, 4]
    assert bits(fitted) == bits(taught(training, validation, "dense", num_epochs=4))


def test_no_room_for_temporary_files_is_told(monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vtn_stream.training.validation.tempfile.TemporaryDirectory", full)
    with pytest.raises(TrainingError, match=r"temporary files cannot be used \(No space left on device\)"):
        taught(*few("dense"), "dense", num_epochs=1)


# ---- which weights are kept


def test_it_stops_where_the_last_epochs_were_no_better_and_keeps_the_best_mean(monkeypatch, tmp_path):
    metrics = [0.2, 0.5, 0.5, 0.4, 0.45, 0.9, 0.9]
    means, left = [], list(metrics)
    read = loop.predictions

    def predictions_of(network, *rest):
        means.append({name: tensor.clone() for name, tensor in network.state_dict().items()})
        return read(network, *rest)

    monkeypatch.setattr(loop, "predictions", predictions_of)
    monkeypatch.setattr(Dense, "metric", lambda *_: left.pop(0))
    fitted = taught(*few("dense"), "dense", num_epochs=7, patience=3)
    assert (fitted.best, fitted.epoch, fitted.num_epochs) == (0.5, 2, 5)
    assert fitted.metrics == tuple(metrics[:5])
    assert fitted.notes == ("Stopped after 5 of 7 epochs: the last 3 were not better on the validation films.",)
    for name, tensor in fitted.network.state_dict().items():
        assert torch.equal(tensor, means[1][name])
    assert not torch.equal(means[0]["head.out.weight"], means[1]["head.out.weight"])

    left[:] = metrics
    with pytest.raises(Killed):
        taught(*few("dense"), "dense", num_epochs=7, patience=3, state=tmp_path / "s", on_event=kill_after(3))
    again = taught(*few("dense"), "dense", num_epochs=7, patience=3, state=tmp_path / "s")
    assert bits(again) == bits(fitted)


def test_a_metric_of_0_is_one(monkeypatch):
    monkeypatch.setattr(Dense, "metric", lambda *_: 0.0)
    fitted = taught(*few("dense"), "dense", num_epochs=3)
    assert (fitted.best, fitted.epoch) == (0.0, 1)


def test_without_validation_films_all_epochs_are_done_and_the_last_mean_is_kept(monkeypatch):
    learners = []
    build = Learner.__init__
    monkeypatch.setattr(Learner, "__init__", lambda self, *rest: (learners.append(self), build(self, *rest))[1])
    events = []
    fitted = taught(few("dense")[0], (), "dense", num_epochs=3, patience=1, on_event=events.append)
    assert (fitted.best, fitted.epoch, fitted.num_epochs, fitted.metrics) == (None, 3, 3, ())
    assert [(event.metric, event.best) for event in events] == [(None, False)] * 3
    for name, tensor in fitted.network.state_dict().items():
        assert torch.equal(tensor, learners[0].mean[name])


def test_lost_positions_and_films_without_an_action_are_no_trouble():
    odd = [planted(0, lost=[0, *range(40, 60), 159]), track(30, name="quiet"), track(1, name="one"), planted(2)]
    for head in ("localization", "dense"):
        fitted = taught(odd, [planted(20, lost=range(100))], head, num_epochs=2)
        assert all(map(math.isfinite, fitted.losses))
        assert 0 <= fitted.best <= 1


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
    key = key_of(long, [], LABELS, settings, FPS, backbone="none", device="cpu")
    loop._check_numbers(long)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 0.2 * num_bytes
    assert len(key) < 2000
    fit(long, [], LABELS, settings, FPS, backbone="none")
    assert [film.values.tobytes() for film in long] == before
