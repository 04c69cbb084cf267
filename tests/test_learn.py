"""learn, of films that are made of numbers: what is kept, what is told, and a model that cannot be written."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import FPS, LABELS, clip, clips, films, planted, small, track

from vtn_stream.checkpoints import load_checkpoint
from vtn_stream.checkpoints.training_films import film_role
from vtn_stream.errors import CheckpointError, TrainingError
from vtn_stream.heads.classification import Classification
from vtn_stream.model import ClassificationConfig
from vtn_stream.sampling import SamplingPlan
from vtn_stream.track import GridScores, Recipe
from vtn_stream.training import fits, side_by_side
from vtn_stream.training import learn as learn_module
from vtn_stream.training.events import EpochDone, FitsProgress
from vtn_stream.training.hyperparameters import WIDTH
from vtn_stream.training.learn import learn
from vtn_stream.training.objective import Objective
from vtn_stream.training.out_of_fold import OutOfFold, choose, cross_fitted
from vtn_stream.training.prepare import Material
from vtn_stream.training.ways import Way
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


def material(learnt, held_out=(), head="localization", labels=LABELS, notes=(), num_folds=2):
    """Each film is a group of its own; the folds take turns."""
    return Material(
        films=tuple(learnt),
        folds=tuple(n % num_folds for n in range(len(learnt))),
        held_out=tuple(held_out),
        labels=labels,
        head=head,
        plan=SamplingPlan(FPS),
        notes=notes,
    )


@pytest.fixture
def quick(monkeypatch):
    """Small networks, whatever the data asks for; quick["num_epochs"] of them."""
    changes = {"num_epochs": 2}

    def settings_of(films, labels, head, fps, *, motion, global_token, seed, num_epochs):
        settings = small(head, seed=seed, **changes)
        lags = (2,) if motion == "changes" else ()
        sizes = (1,) if motion == "sizes of changes" else ()
        encoder = replace(settings.encoder, difference_lags=lags, magnitude_lags=sizes, reads_embeddings=not sizes)
        return replace(settings, encoder=replace(encoder, width=WIDTH, global_token=global_token))

    monkeypatch.setattr(learn_module, "natural_hyperparameters", settings_of)
    return changes


def of(head, num):
    return clips(range(num)) if head == "classification" else films(range(num))


# ---- what is chosen: tables of predictions, without a network


NUM_CLIPS = 10  # of a fold
CLIPS = [clip(seed, LABELS[seed % 2], num=1) for seed in range(3 * NUM_CLIPS)]
CONFIG = ClassificationConfig(num_classes=2)


def tables_of(accuracies):
    """{(name of a way, length): the accuracy in each of three folds} -> their out-of-fold predictions."""
    folds = tuple(n // NUM_CLIPS for n in range(len(CLIPS)))

    def predicted(n, accuracy):
        right = n % NUM_CLIPS < round(accuracy * NUM_CLIPS)
        said = LABELS.index(CLIPS[n].clip_label) if right else 1 - LABELS.index(CLIPS[n].clip_label)
        return GridScores(clip=np.array([0.9, 0.1] if said == 0 else [0.1, 0.9], np.float32))

    return {
        (Way(name=name), length): OutOfFold(
            films=tuple(CLIPS),
            folds=folds,
            predictions=tuple(predicted(n, of_fold[fold]) for n, fold in enumerate(folds)),
        )
        for (name, length), of_fold in accuracies.items()
    }


def test_each_fold_is_measured_by_what_the_other_folds_choose():
    """The way that is best on a fold is not taken there, if it is not the best on the others."""
    tables = tables_of({("a", 1.0): (0.9, 0.5, 0.5), ("b", 1.0): (0.6, 0.6, 0.6), ("b", 0.5): (0.1, 0.7, 0.7)})
    crossed = cross_fitted(tables, Classification(), CONFIG, LABELS)
    ways = {fold: (choice.way.name, choice.length) for fold, choice in crossed.choices.items()}
    assert ways == {0: ("b", 0.5), 1: ("a", 1.0), 2: ("a", 1.0)}
    for n, fold in enumerate(crossed.folds):
        choice = crossed.choice_of(n)
        assert choice is crossed.choices[fold]
        assert crossed.predictions[n] is tables[choice.way, choice.length].predictions[n]
    assert choose(tables, Classification(), CONFIG, LABELS, [0, 1, 2]).way.name in ("a", "b")


@settings(deadline=None, max_examples=20)
@given(st.lists(st.tuples(*[st.sampled_from([0.2, 0.5, 0.8])] * 3), min_size=2, max_size=4))
def test_what_is_chosen_for_a_fold_does_not_depend_on_it(accuracies):
    names = [(chr(97 + n), 1.0) for n in range(len(accuracies))]
    crossed = cross_fitted(tables_of(dict(zip(names, accuracies, strict=True))), Classification(), CONFIG, LABELS)
    for fold in range(3):
        changed = [tuple(0.3 if k == fold else share for k, share in enumerate(way)) for way in accuracies]
        again = cross_fitted(tables_of(dict(zip(names, changed, strict=True))), Classification(), CONFIG, LABELS)
        ours, theirs = crossed.choices[fold], again.choices[fold]
        assert (ours.way, ours.worths, ours.points) == (theirs.way, theirs.worths, theirs.points)


def test_of_equals_the_first_is_chosen():
    tables = tables_of({("a", 1.0): (0.5,) * 3, ("a", 0.5): (0.5,) * 3, ("b", 1.0): (0.5,) * 3})
    choice = choose(tables, Classification(), CONFIG, LABELS, [0, 1, 2])
    assert (choice.way.name, choice.length) == ("a", 1.0)
    assert choice.worths.keys() == {"a", "b"}


# ---- what is learnt


@pytest.mark.parametrize("head", [HEADS[0], *(pytest.param(head, marks=pytest.mark.release) for head in HEADS[1:])])
def test_films_are_predicted_by_models_that_did_not_learn_them_and_then_all_are_learnt(quick, monkeypatch, head):
    lessons, do = [], side_by_side.do
    monkeypatch.setattr(side_by_side, "do", lambda lesson, one, tell: (lessons.append(one), do(lesson, one, tell))[1])
    events = []
    given = of(head, 8)
    learnt = learn(material(given, head=head, num_folds=4), seed=0, backbone="none", on_event=events.append)
    compared = [one for one in lessons if one.reads and len(one.learns) == 6]
    ways = {one.way.name for one in compared}
    assert ways == {"network", "linear"}
    assert len(compared) == 4 * len(ways)
    for one in lessons:
        assert not {n % 4 for n in one.learns} & {n % 4 for n in one.reads}
    (whole,) = [one for one in lessons if one.keeps_weights]
    assert (whole.learns, whole.reads, whole.way) == (tuple(range(8)), (), learnt.choice.way)
    assert sorted(len(one.learns) for one in lessons if one not in compared and one is not whole) == [2] * 4 + [4] * 4
    assert learnt.exam is not None
    assert [film.name for film in learnt.out_of_fold.films] == [film.name for film in given]
    assert learnt.tried.keys() == ways
    assert learnt.tried[learnt.choice.way.name] == max(learnt.tried.values())
    shares = [event.share for event in events if isinstance(event, FitsProgress)]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    last = [event for event in events if isinstance(event, FitsProgress)][-1]
    assert last.num_done == last.num_fits == len(lessons)


@pytest.mark.release
def test_another_seed_or_order_of_ways_does_not_matter_to_what_a_network_of_the_chosen_way_is(quick):
    given = material(films(range(4)), head="dense")
    once, again = (learn(given, seed=0, backbone="none") for _ in range(2))
    assert once.choice.worths == again.choice.worths
    for name, tensor in once.fitted.network.state_dict().items():
        assert torch.equal(tensor, again.fitted.network.state_dict()[name])


def test_a_way_that_reads_one_input_gets_its_columns_and_the_model_names_it(quick, monkeypatch):
    seen, do = set(), fits.fit_linear

    def fit_linear(given, *rest, **options):
        seen.add((given[0].values.shape[1], float(given[0].values[0, 0])))
        return do(given, *rest, **options)

    monkeypatch.setattr(fits, "fit_linear", fit_linear)
    both = [replace(film, values=np.concatenate([film.values, film.values + 1], 1)) for film in films(range(2))]
    lesson_of = replace(material(both, head="dense"), inputs=("picture", "change-1/8"))
    settings_of = learn_module.natural_hyperparameters

    def of_width(given, *rest, **options):
        settings = settings_of(given, *rest, **options)
        return replace(settings, encoder=replace(settings.encoder, input_width=given[0].values.shape[1]))

    monkeypatch.setattr(learn_module, "natural_hyperparameters", of_width)
    learnt = learn(lesson_of, seed=0, backbone="none")
    of_one = {"linear, picture only", "linear, change-1/8 only"}
    assert learnt.tried.keys() == {"network", "linear"} | of_one
    for first in (0, 8):  # of the picture, and of the change
        assert {(8, float(film.values[0, first])) for film in both} <= seen


NOTHING_TOLD = "There was one film: nothing was chosen or measured, and no threshold was fitted."


@pytest.mark.parametrize("head", ["localization", "dense"])
def test_of_one_film_one_network_is_trained_to_the_end(quick, tmp_path, head):
    lesson_of, events = material(films([0]), head=head, num_folds=1), []
    learnt = learn(lesson_of, seed=0, backbone="none", on_event=events.append)
    assert [event.epoch for event in events if isinstance(event, EpochDone)] == [1, 2]
    assert (learnt.exam, learnt.points.own, dict(learnt.tried), learnt.out_of_fold) == (None, {}, {}, None)
    assert learnt.notes == (NOTHING_TOLD,)
    assert (learnt.rules is not None) == (head == "dense")
    assert write(lesson_of, learnt, RECIPE, tmp_path / "m.safetensors") == ()
    assert "nothing was chosen or measured" in (tmp_path / "m.md").read_text()
    assert load_checkpoint(tmp_path / "m.safetensors").training["figures"] == {}


def test_of_clips_of_one_source_nothing_is_measured(quick):
    learnt = learn(material(clips(range(4)), head="classification", num_folds=1), seed=0, backbone="none")
    assert learnt.exam is None
    assert learnt.notes[0].startswith("All films are of one source: nothing was chosen or measured")


@pytest.mark.parametrize("num_folds", [1, 2])
def test_films_that_are_held_out_choose_nothing_and_measure_the_finished_model(quick, tmp_path, num_folds):
    given, apart = films(range(4)), films([20, 21])
    alone = learn(material(given, head="dense", num_folds=num_folds), seed=0, backbone="none")
    learnt = learn(material(given, apart, head="dense", num_folds=num_folds), seed=0, backbone="none")
    assert learnt.choice.worths == alone.choice.worths
    for name, tensor in learnt.fitted.network.state_dict().items():
        assert torch.equal(tensor, alone.fitted.network.state_dict()[name])
    assert {film.name for film in learnt.held_out.scores.films} == {"film 20", "film 21"}
    lesson_of = material(given, apart, head="dense", num_folds=num_folds)
    write(lesson_of, learnt, RECIPE, tmp_path / "m.safetensors")
    training = load_checkpoint(tmp_path / "m.safetensors").training
    assert {film_role(training, film.identity) for film in given} == {"learnt"}
    assert {film_role(training, film.identity) for film in apart} == {"new"}
    assert training["held_out"]["figures"]


def test_one_label_is_learnt_from_everything_else(quick, tmp_path):
    only_run = [replace(f, segments=tuple(s for s in f.segments if s.label == "run")) for f in films(range(4))]
    lesson_of = material(only_run, labels=("run",))
    learnt = learn(lesson_of, seed=0, backbone="none")
    write(lesson_of, learnt, RECIPE, tmp_path / "m.safetensors")
    assert load_checkpoint(tmp_path / "m.safetensors").labels == ("run",)
    assert learnt.points.own.keys() <= {"run"}


@pytest.mark.release
@pytest.mark.parametrize("head", ["localization", "dense"])
def test_odd_films_are_learnt_like_others(quick, head):
    """Of 3 s, constant, without a segment, of one fold that has no label or the only example of one."""
    constant = track(40, (2.0, 4.0, "run"), name="constant", values=np.ones((40, 8)))
    short = track(12, (0.0, 1.5, "jump"), name="short")
    quiet = track(60, name="quiet", seed=9)
    lost = track(40, (1.0, 3.0, "run"), name="lost", lost=range(1, 40))
    learnt = learn(
        material([constant, short, quiet, lost, planted(0)], head=head, num_folds=5), seed=0, backbone="none"
    )
    assert learnt.exam is not None
    assert all(0 <= share <= 1 for share in learnt.tried.values())


@pytest.mark.parametrize("head", ["localization", "dense"])
def test_a_fold_whose_other_films_have_no_example_is_predicted_all_the_same(quick, head):
    learnt = learn(material([planted(0), track(60, name="quiet", seed=9)], head=head), seed=0, backbone="none")
    assert learnt.exam is not None
    assert learnt.tried.keys() == {"network", "linear"}


def test_a_training_that_lost_its_numbers_is_written_and_says_so(quick, tmp_path, monkeypatch):
    quick["num_epochs"] = 4
    parts, steps = Objective.parts, 0

    def spoilt(self, example, num):
        nonlocal steps
        steps += 1
        for loss in parts(self, example, num):
            yield loss * (float("nan") if steps > 7 else 1)

    monkeypatch.setattr(Objective, "parts", spoilt)
    lesson_of = material(films([0]), num_folds=1)
    learnt = learn(lesson_of, seed=0, backbone="none")
    write(lesson_of, learnt, RECIPE, tmp_path / "m.safetensors")
    note = "Stopped early, because the loss was not a number at step 2 of epoch 4; the weights are from epoch 3."
    assert learnt.notes == (note, NOTHING_TOLD)
    assert note in (tmp_path / "m.md").read_text()
    checkpoint = load_checkpoint(tmp_path / "m.safetensors")
    assert note in checkpoint.training["notes"]
    assert all(tensor.isfinite().all() for tensor in checkpoint.tensors.values())


def test_notes_on_films_are_in_the_card_and_not_in_the_model(quick, tmp_path):
    lesson_of = material(films([0]), notes=(f"{PATIENT} 3.mp4 has 5 frames a second",), num_folds=1)
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
    lesson_of = material(films(range(2)))
    learnt = learn(lesson_of, seed=0, backbone="none")
    output = tmp_path / "m.safetensors"
    output.write_text("old")
    monkeypatch.setattr(f"vtn_stream.training.write.{what}", fails)
    with pytest.raises(TrainingError) as told:
        write(lesson_of, learnt, RECIPE, output)
    assert "No space left on device" in str(told.value)
    assert "the trained weights are kept in the training's folder" in str(told.value)
    assert output.read_text() == "old"
