"""A training whose image network learns too: killed, it goes on; and it is kept only where predictions say so."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from learning_films import FPS, LABELS, lesson_of, settings_of

from vtn_stream.analysis import analyze
from vtn_stream.backbone import weights_digest
from vtn_stream.checkpoints import load_checkpoint
from vtn_stream.embedding import Warned
from vtn_stream.errors import InputError, TrainingError, VideoError
from vtn_stream.sampling import SamplingPlan
from vtn_stream.track import GridScores
from vtn_stream.training import second_stage
from vtn_stream.training.events import EpochDone
from vtn_stream.training.films import embedded
from vtn_stream.training.fine_tuning import backbone_tensors, recipe_after, tune
from vtn_stream.training.fits import Fit, Outcome, do
from vtn_stream.training.learn import learn, state_files
from vtn_stream.training.learner import Learner, NoNumber
from vtn_stream.training.prepare import Material
from vtn_stream.training.tuning import tuning
from vtn_stream.training.ways import Way
from vtn_stream.training.worker import bare
from vtn_stream.training.write import write

pytestmark = pytest.mark.usefixtures("warm_decoders")


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vtn_stream.training.fine_tuning.num_cores", lambda: 1)
        yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def lesson(tmp_path_factory, film_maker, tiny, tiny_weights):
    return lesson_of(tmp_path_factory.mktemp("learning"), film_maker, tiny, tiny_weights)


# ---- one fit


def fits_of(lesson, **options):
    """The fit of each stage."""
    settings = settings_of(lesson, share=0.5, batch_size=1, **options)
    way = Way(name="network", inputs=lesson.inputs)
    common = {"learns": (0, 1, 2), "reads": (3,), "keeps_weights": True}
    first = Fit(name="first", way=way, settings=replace(settings, backbone=None), **common)
    return first, Fit(name="second", way=way.tuned, settings=settings, after=first, **common)


@pytest.fixture(scope="module")
def stages(lesson):
    """What each stage gives, one after the other."""
    first, second = fits_of(lesson)
    begun = do(lesson, first, lambda event: None)
    return begun, tune(lesson, second, begun.weights[1.0], lambda event: None)


def bits(outcome):
    (scores,) = outcome.predictions[1.0]
    weights = {name: tensor.numpy().tobytes() for name, tensor in outcome.weights[1.0].items()}
    return weights, scores.clip.tobytes(), outcome.losses, outcome.num_epochs


class Killed(BaseException):
    pass


def test_killed_between_its_epochs_it_goes_on_to_the_same_bits(lesson, stages, tmp_path, monkeypatch):
    """Also the bank, from which later embeddings come."""
    monkeypatch.setattr("vtn_stream.training.loop.SAVE_EVERY_S", 0.0)
    begun, second = stages[0].weights[1.0], fits_of(lesson)[1]
    kept = replace(lesson, work=tmp_path)

    def kill(event):
        if isinstance(event, EpochDone):
            raise Killed

    with pytest.raises(Killed):
        tune(kept, second, begun, kill)
    assert [file.suffix for file in tmp_path.iterdir()] == [".state"]
    epochs = []
    assert bits(tune(kept, second, begun, epochs.append)) == bits(stages[1])
    assert [event.epoch for event in epochs if isinstance(event, EpochDone)] == [1, 2]  # the first as done before
    assert [file.suffix for file in tmp_path.iterdir()] == [".fit"]


def test_killed_after_its_last_step_it_learns_nothing_again_and_its_folder_goes_with_its_state(
    lesson, stages, tmp_path, monkeypatch
):
    begun, second = stages[0].weights[1.0], fits_of(lesson, num_epochs=1)[1]
    kept = replace(lesson, work=tmp_path)

    def kill(*given, **named):
        if len(given) > 2:
            embedded(*given, **named)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("vtn_stream.training.fine_tuning.embedded", kill)
        with pytest.raises(Killed):
            tune(kept, second, begun, lambda event: None)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".embedded", ".state"]
    assert sorted(state_files(tmp_path)) == sorted(tmp_path.iterdir())
    monkeypatch.setattr("vtn_stream.training.learner.Learner.learn", kill)
    tune(kept, second, begun, lambda event: None)
    assert [path.suffix for path in tmp_path.iterdir()] == [".fit"]


def test_all_of_the_network_learns_and_films_that_are_read_are_embedded_again(lesson, stages):
    before, after = stages
    tensors = backbone_tensors(after.weights[1.0])
    recipe = lesson.source.encoder.recipe(FPS)
    assert recipe_after(recipe, tensors).weights == weights_digest(tensors) != recipe.weights
    assert not np.array_equal(after.predictions[1.0][0].clip, before.predictions[1.0][0].clip)


def test_other_weights_than_those_of_the_embeddings_are_refused(lesson, stages, tmp_path):
    from safetensors.torch import load_file, save_file

    weights = load_file(lesson.source.weights)
    weights["conv_stem.weight"] = weights["conv_stem.weight"] + 1
    save_file(weights, tmp_path / "other.safetensors")
    other = replace(lesson, source=replace(lesson.source, weights=tmp_path / "other.safetensors"))
    with pytest.raises(TrainingError, match="and the films were embedded with"):
        tune(other, fits_of(lesson)[1], stages[0].weights[1.0], lambda event: None)


def test_a_process_that_trains_beside_gets_no_frames(lesson, tmp_path):
    assert bare(lesson, tmp_path / "values").source is None


def test_labels_with_sides_are_not_mirrored(lesson):
    for labels, flip in ((LABELS, 0.5), (("turn left", "turn right"), 0.0)):
        settings = tuning(settings_of(lesson), lesson.films, labels, "all", names_clips=True, seed=0)
        assert settings.backbone.augmentation.flip == flip


# ---- a training of both stages


def material_of(lesson):
    return Material(
        films=lesson.films,
        folds=(0, 0, 1, 1),
        labels=lesson.labels,
        head="classification",
        plan=SamplingPlan(FPS),
        notes=(),
        inputs=lesson.inputs,
        videos=lesson.source.videos,
    )


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """The folder in which trainings find what the first stage of another one gave: it is the same in all of them."""
    return tmp_path_factory.mktemp("work") / "m.training"


def taught(lesson, work, events=None):
    return learn(
        material_of(lesson),
        seed=0,
        epochs=1,
        backbone=lesson.backbone,
        work=work,
        source=lesson.source,
        overrides=[("backbone.share", "0.5"), ("encoder.dropout", "0.2")],
        on_event=None if events is None else events.append,
    )


def learnt_of(lesson, work, monkeypatch, is_better, events=None, whole=tune):
    """A training in which models whose image network learned have all clips right, or none, and the others half.
    whole: makes the model of all films.
    """

    def planted(given, one, begun, tell):
        if not one.reads:
            return whole(given, one, begun, tell)
        assert one.after is not None
        said = []
        for n in one.reads:
            right = given.labels.index(given.films[n].clip_label)
            said.append(GridScores(clip=np.eye(2, dtype=np.float32)[right if is_better else 1 - right] * 0.8 + 0.1))
        return Outcome(predictions={1.0: tuple(said)}, num_epochs=1, losses=(0.0,))

    def metric(self, predictions, films, labels, rules=None):
        clips = [one.clip for one in predictions]
        right = [clip.argmax() == labels.index(film.clip_label) for clip, film in zip(clips, films, strict=True)]
        is_planted = all(np.isclose(clip.max(), 0.9) for clip in clips)
        return float(np.mean(right)) if is_planted else 0.5

    monkeypatch.setattr(second_stage, "tune", planted)
    monkeypatch.setattr("vtn_stream.heads.classification.Classification.metric", metric)
    return taught(lesson, work, events)


def test_it_is_kept_where_it_is_better_and_the_file_needs_no_other_weights(lesson, work, monkeypatch, tmp_path):
    events = []
    learnt = learnt_of(lesson, work, monkeypatch, True, events)
    assert learnt.way.tunes
    assert learnt.settings.backbone.share == 0.5
    assert learnt.curve is None
    (said,) = [event.message for event in events if getattr(event, "name", "") == "training the image network"]
    assert said.startswith("about ")
    assert "2 models of 3 epochs" in said
    recipe = recipe_after(lesson.source.encoder.recipe(FPS), learnt.backbone)
    write(material_of(lesson), learnt, recipe, tmp_path / "m.safetensors")
    card = (tmp_path / "m.md").read_text()
    assert "top-1 100.0 % with it trained, 50.0 % with it fixed" in card
    assert "image network trained" in card
    assert "image network fixed" in card
    assert "The image network was trained too" in card
    checkpoint = load_checkpoint(tmp_path / "m.safetensors")
    assert checkpoint.recipe.weights == weights_digest(learnt.backbone)
    assert checkpoint.training["image_network"]["from"] == lesson.source.encoder.weights_digest
    video = lesson.source.videos["clip 0"]
    timeline = analyze(video.path, model=tmp_path / "m.safetensors", device="cpu", store=tmp_path / "store")
    assert timeline.clip_labels or timeline.segments  # with no weights but those of the file


def test_it_is_not_kept_where_it_is_worse(lesson, work, monkeypatch, tmp_path):
    learnt = learnt_of(lesson, work, monkeypatch, False)
    assert not learnt.way.tunes
    assert learnt.backbone is None
    write(material_of(lesson), learnt, lesson.source.encoder.recipe(FPS), tmp_path / "m.safetensors")
    card = (tmp_path / "m.md").read_text()
    assert "it was not kept" in card
    assert "top-1 0.0 % with it trained, 50.0 % with it fixed" in card
    assert "The image network was not trained." in card
    assert load_checkpoint(tmp_path / "m.safetensors").backbone is None


# ---- the second stage cannot be finished


def warned(events):
    return [event.message for event in events if isinstance(event, Warned)]


def test_where_a_loss_is_no_number_the_model_of_the_first_stage_is_written(lesson, work, monkeypatch, tmp_path):
    learn_step, events = Learner.learn, []

    def spoilt(self, example):
        if example.pixels is not None:
            raise NoNumber
        return learn_step(self, example)

    monkeypatch.setattr(Learner, "learn", spoilt)
    learnt = taught(lesson, work, events)
    assert learnt.backbone is None
    assert learnt.exam is not None
    assert not learnt.is_finished
    assert state_files(work)  # with them the same training goes on from here
    assert warned(events) == [
        "the loss was not a number at step 1 of epoch 1; the model is written with the image network as it was, and "
        "what was done is kept in m.training; to try again, with --overwrite: look for a film that is very different "
        "from the others, or try another --seed"
    ]
    write(material_of(lesson), learnt, lesson.source.encoder.recipe(FPS), tmp_path / "m.safetensors")
    card = (tmp_path / "m.md").read_text()
    assert "this was given up because the loss was not a number at step 1 of epoch 1" in card
    assert "The image network was not trained." in card
    assert load_checkpoint(tmp_path / "m.safetensors").backbone is None


def test_where_a_film_goes_before_the_last_model_the_best_of_the_first_stage_is_taken(lesson, work, monkeypatch):
    events = []

    def gone(*_):
        raise VideoError("clip 0 is not there any more", "nothing", "put the film back")

    monkeypatch.setattr(second_stage, "kept", lambda *_: (None, None))  # another test may have left that model
    learnt = learnt_of(lesson, work, monkeypatch, True, events, whole=gone)
    assert not learnt.way.tunes
    assert learnt.backbone is None
    assert set(learnt.tried) == {way for way in learnt.tried if "image network trained" not in way}
    (said,) = [line for line in warned(events) if "clip 0" in line]
    assert said.endswith("to try again, with --overwrite: put the film back")
    assert "clip 0" not in " ".join(learnt.notes)
    assert "not all films could be read and embedded again" in learnt.notes[-1]


def test_a_setting_of_the_second_stage_that_cannot_be_is_told_before_the_first(lesson, monkeypatch):
    monkeypatch.setattr("vtn_stream.training.learn.do_all", None)
    with pytest.raises(InputError, match=r"backbone\.share"):
        learn(
            material_of(lesson),
            seed=0,
            backbone=lesson.backbone,
            source=lesson.source,
            overrides=[("backbone.shar", "0.5")],
        )
