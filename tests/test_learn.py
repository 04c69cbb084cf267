"""learn, of films that are made of numbers: what is kept, what is told, and a model that cannot be written."""

from dataclasses import replace

import pytest
import torch
from planted import FPS, LABELS, clips, films, small, track

from vtn_stream.checkpoints import load_checkpoint
from vtn_stream.errors import CheckpointError, TrainingError
from vtn_stream.heads.localization import Localization
from vtn_stream.sampling import SamplingPlan
from vtn_stream.track import Recipe
from vtn_stream.training import learn as learn_module
from vtn_stream.training.events import EpochDone
from vtn_stream.training.learn import learn
from vtn_stream.training.objective import Objective
from vtn_stream.training.prepare import Material
from vtn_stream.training.write import write

PATIENT = "patient 7"  # in the name of every film


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


HEADS = ["localization", "dense", "classification"]


# ---- what is learnt, of films that are made of numbers


RECIPE = Recipe(backbone="none", weights="00", fps=FPS, size=(8, 8), mean=(0.5,) * 3, std=(0.5,) * 3)


def material(training, validation=(), head="localization", labels=LABELS, notes=()):
    return Material(
        training=tuple(training),
        validation=tuple(validation),
        labels=labels,
        head=head,
        plan=SamplingPlan(FPS),
        notes=notes,
    )


@pytest.fixture
def quick(monkeypatch):
    """Small networks, whatever the data asks for; quick["num_epochs"] of them."""
    changes = {"num_epochs": 2}

    def settings_of(films, labels, head, fps, *, motion, seed, num_epochs):
        settings = small(head, seed=seed, **changes)
        lags = (2,) if motion == "changes" else ()
        sizes = (1,) if motion == "sizes of changes" else ()
        return replace(
            settings,
            encoder=replace(settings.encoder, difference_lags=lags, magnitude_lags=sizes, reads_embeddings=not sizes),
            head=replace(settings.head, num_classes=len(labels)),
        )

    monkeypatch.setattr(learn_module, "natural_hyperparameters", settings_of)
    return changes


@pytest.mark.parametrize(
    ("motion", "size", "no_motion", "kept"),
    [
        (0.5, 0.3, 0.4, ((2,), ())),
        (0.4, 0.4, 0.5, ((), ())),
        (0.3, 0.5, 0.4, ((), (1,))),
        (0.5, 0.5, 0.5, ((2,), ())),
        (0.0, 0.0, 0.0, ((2,), ())),
    ],
)
def test_motion_is_kept_where_it_is_no_worse_on_the_validation_films(
    quick, monkeypatch, tmp_path, motion, size, no_motion, kept
):
    left = [motion, motion, size, size, no_motion, no_motion]
    monkeypatch.setattr(Localization, "metric", lambda *_: left.pop(0))
    lesson_of = material(films(range(3)), films([20]))
    learnt = learn(lesson_of, seed=0, backbone="none")
    encoder = learnt.settings.encoder
    assert (encoder.difference_lags, encoder.magnitude_lags) == kept
    assert learnt.fitted.network.config.encoder == encoder
    assert learnt.tried == {"motion": motion, "motion alone": size, "no motion": no_motion}
    write(lesson_of, learnt, RECIPE, tmp_path / "m.safetensors")
    assert (
        f"{100 * motion:.1f} % motion, {100 * size:.1f} % motion alone, {100 * no_motion:.1f} % no motion; the best one"
        in (tmp_path / "m.md").read_text()
    )


NOTHING_TOLD = "There were no validation films: nothing was measured, and no threshold was fitted."


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("validation", ["none", "without a segment"])
def test_with_nothing_to_validate_on_one_network_is_trained_to_the_end(quick, tmp_path, head, validation):
    if validation != "none" and head == "classification":
        return  # a clip has a label, or it is none
    quiet = [track(60, name="quiet", seed=9)] if validation != "none" else []
    training = clips(range(8)) if head == "classification" else films(range(3))
    lesson_of, events = material(training, quiet, head), []
    learnt = learn(lesson_of, seed=0, backbone="none", on_event=events.append)
    assert [event.epoch for event in events if isinstance(event, EpochDone)] == [1, 2]
    assert (learnt.exam, learnt.points.own, learnt.tried) == (None, {}, {"motion": None})
    assert learnt.fitted.epoch == 2
    assert learnt.notes == (NOTHING_TOLD,)
    assert (learnt.rules is not None) == (head == "dense")
    assert write(lesson_of, learnt, RECIPE, tmp_path / "m.safetensors") == ()
    card = (tmp_path / "m.md").read_text()
    assert "It was not measured." in card
    assert "nothing was measured" in card
    assert load_checkpoint(tmp_path / "m.safetensors").training["figures"] == {}


def test_one_label_is_learnt_from_everything_else(quick, tmp_path):
    def only_run(seeds):
        return [replace(f, segments=tuple(s for s in f.segments if s.label == "run")) for f in films(seeds)]

    lesson_of = material(only_run(range(3)), only_run([20, 21]), labels=("run",))
    learnt = learn(lesson_of, seed=0, backbone="none")
    write(lesson_of, learnt, RECIPE, tmp_path / "m.safetensors")
    assert load_checkpoint(tmp_path / "m.safetensors").labels == ("run",)
    assert learnt.points.own.keys() <= {"run"}


@pytest.mark.parametrize("head", ["localization", "dense"])
def test_a_label_of_training_films_only_has_neither_figure_nor_threshold(quick, tmp_path, head):
    quiet = [replace(f, segments=tuple(s for s in f.segments if s.label == "run")) for f in films([20, 21])]
    lesson_of = material(films(range(3)), quiet, head)
    learnt = learn(lesson_of, seed=0, backbone="none")
    write(lesson_of, learnt, RECIPE, tmp_path / "m.safetensors")
    jump = learnt.exam.classes[1]
    assert (jump.label, jump.ap, jump.threshold) == ("jump", None, None)
    assert "jump" not in learnt.points.own
    assert "had no example to measure them: jump" in (tmp_path / "m.md").read_text()


def test_a_training_that_lost_its_numbers_is_written_and_says_so(quick, tmp_path, monkeypatch):
    quick["num_epochs"] = 4
    cost, steps = Objective.__call__, 0

    def spoilt(self, batch):
        nonlocal steps
        steps += 1
        return cost(self, batch) * (float("nan") if steps > 12 else 1)

    monkeypatch.setattr(Objective, "__call__", spoilt)
    lesson_of = material(films(range(3)))
    learnt = learn(lesson_of, seed=0, backbone="none")
    write(lesson_of, learnt, RECIPE, tmp_path / "m.safetensors")
    note = "Stopped early, because the loss was not a number at step 3 of epoch 3; the weights are from epoch 2."
    assert learnt.notes == (note, NOTHING_TOLD)
    assert note in (tmp_path / "m.md").read_text()
    checkpoint = load_checkpoint(tmp_path / "m.safetensors")
    assert note in checkpoint.training["notes"]
    assert all(tensor.isfinite().all() for tensor in checkpoint.tensors.values())


def test_notes_on_films_are_in_the_card_and_not_in_the_model(quick, tmp_path):
    lesson_of = material(films(range(3)), notes=(f"{PATIENT} 3.mp4 has 5 frames a second",))
    write(lesson_of, learn(lesson_of, seed=0, backbone="none"), RECIPE, tmp_path / "m.safetensors")
    assert f"{PATIENT} 3.mp4 has" in (tmp_path / "m.md").read_text()
    assert PATIENT.encode() not in (tmp_path / "m.safetensors").read_bytes()


# ---- where it cannot be written


def full(*_, **__):
    raise OSError(28, "No space left on device")


def refused(*_, **__):
    raise CheckpointError("m.safetensors cannot be written (No space left on device)", "so", "do")


@pytest.mark.parametrize(
    ("what", "fails"), [("write_whole", full), ("save_pictures", full), ("save_checkpoint", refused)]
)
def test_where_it_cannot_be_written_the_old_model_stays(quick, tmp_path, monkeypatch, what, fails):
    lesson_of = material(films(range(3)), films([20]))
    learnt = learn(lesson_of, seed=0, backbone="none")
    output = tmp_path / "m.safetensors"
    output.write_text("old")
    monkeypatch.setattr(f"vtn_stream.training.write.{what}", fails)
    with pytest.raises(TrainingError) as told:
        write(lesson_of, learnt, RECIPE, output)
    assert "No space left on device" in str(told.value)
    assert "the trained weights are kept in the training's folder" in str(told.value)
    assert output.read_text() == "old"
