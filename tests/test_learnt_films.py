"""Films that taught a model are not scored unless asked for: by a model, of timelines, and of clips."""

import json
import shutil
from dataclasses import replace

import pytest
import test_score_cli
from hypothesis import given
from hypothesis import strategies as st
from test_score_cli import ANNOTATIONS, save_model, save_timeline, seg

from vtn_stream.checkpoints import load_checkpoint, save_checkpoint
from vtn_stream.checkpoints.training_films import FILM_DIGESTS, TrainingFilms
from vtn_stream.evaluation import FilmRoles, OwnFigures
from vtn_stream.model import ClassificationConfig, DenseConfig
from vtn_stream.video import DecodingProcess

backbone, here, surroundings = test_score_cli.backbone, test_score_cli.here, test_score_cli.surroundings
pytestmark = pytest.mark.usefixtures("warm_decoders")
SALT = "ab" * 16
FIGURES = {"frame accuracy": 0.75, "edit score": 0.5}


@pytest.fixture(scope="module")
def films(film_maker, tmp_path_factory):
    """Films of 20 s: one teaches, two validates, three does neither."""
    folder = tmp_path_factory.mktemp("films")
    for texture, name in enumerate(("one", "two", "three")):
        film_maker(folder / f"{name}.mp4", ((20, texture),))
    return folder


@pytest.fixture(scope="module")
def digests(films):
    with DecodingProcess() as process:
        one, two = (process.probe(films / name).identity for name in ("one.mp4", "two.mp4"))
    return TrainingFilms.of_identities([one], [two], SALT).to_dict()


@pytest.fixture(scope="module")
def teach(digests, encoder, backbone, tmp_path_factory):
    """teach(**training) -> the file of a model whose checkpoint says that of its training."""
    folder = tmp_path_factory.mktemp("models")
    path = save_model(DenseConfig(num_classes=2), encoder, backbone, folder / "untold.safetensors", 0.1)

    def teach(**training):
        known = {FILM_DIGESTS: digests, "figures": FIGURES, "validation": {"num_films": 1}}
        save_checkpoint(replace(load_checkpoint(path), training=known | training), folder / "mine.safetensors")
        return folder / "mine.safetensors"

    return teach


@pytest.fixture
def truth(films, tmp_path):
    """truth(*names): annotations of these films."""

    def write(*names, subsets=None):
        happens = ((0, 5, "walk"), (6, 9, "run"))
        rows = [
            f"{name},{a},{b},{label},20,{(subsets or {}).get(name, '')}\n" for name in names for a, b, label in happens
        ]
        (tmp_path / "truth.csv").write_text(ANNOTATIONS + "".join(rows))
        return tmp_path / "truth.csv"

    return write


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@pytest.fixture
def measure(here, films, store):
    """measure(annotations, model, ...) -> (exit code, stdout, stderr)"""

    def call(annotations, model, *options, videos=films, store=store):
        common = ["--videos", videos, "--device", "cpu", "--store", store]
        return here(annotations, "--model", model, *common, *options)

    return call


# ---- a model looks at films


def test_films_that_taught_or_validated_are_left_out_and_the_first_line_counts_them(measure, truth, teach):
    code, out, err = measure(truth("one", "two", "three"), teach())
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == (
        "Of 3 films of truth.csv, mine.safetensors learnt from 1, and 1 validated its training: these 2 films are "
        "left out (--include-learnt scores them too)."
    )
    assert out.splitlines()[1].startswith("1 film, 0:00:20.0")
    all_films = json.loads(measure(truth("one", "two", "three"), teach(), "--json")[1])
    only_new = json.loads(measure(truth("three"), teach(), "--json")[1])
    assert all_films.pop("training_films") == {
        "learnt": ["one"],
        "validated": ["two"],
        "unknown": [],
        "left_out": ["one", "two"],
    }
    assert only_new.pop("training_films") == {"learnt": [], "validated": [], "unknown": [], "left_out": []}
    assert all_films == only_new
    assert all_films["films"] == ["three"]


def test_if_it_is_asked_for_they_are_scored_and_the_first_line_still_counts_them(measure, truth, teach):
    code, out, _ = measure(truth("one", "two", "three"), teach(), "--include-learnt")
    assert code == 0
    assert out.splitlines()[0] == (
        "Of 3 films of truth.csv, mine.safetensors learnt from 1, and 1 validated its training: these 2 films are "
        "scored too (--include-learnt), and figures on them are too good."
    )
    figures = json.loads(measure(truth("one", "two", "three"), teach(), "--include-learnt", "--json")[1])
    assert figures["films"] == ["one", "three", "two"]
    assert figures["training_films"] == {"learnt": ["one"], "validated": ["two"], "unknown": [], "left_out": []}


def test_a_copy_under_another_name_is_the_same_film_and_one_of_other_frames_is_not(
    measure, truth, teach, films, film_maker, tmp_path
):
    (tmp_path / "copies").mkdir()
    shutil.copy(films / "one.mp4", tmp_path / "copies" / "fresh.mp4")
    film_maker(tmp_path / "copies" / "one.mp4", ((19, 0), (1, 1)))
    code, out, _ = measure(truth("fresh", "one"), teach(), "--json", videos=tmp_path / "copies")
    figures = json.loads(out)
    assert (code, figures["films"]) == (0, ["one"])
    assert figures["training_films"]["learnt"] == ["fresh"]


def test_if_none_is_left_the_figures_of_the_training_are_shown_and_no_film_is_analyzed(measure, truth, teach, tmp_path):
    code, out, err = measure(truth("one", "two"), teach(), "--plots", tmp_path / "p", store=tmp_path / "store")
    assert (code, err) == (0, "no picture is drawn, as no film is scored\n")
    first, *rest = out.splitlines()
    assert first == (
        "Of 2 films of truth.csv, mine.safetensors learnt from 1, and 1 validated its training: none is left to "
        "score (--include-learnt scores them)."
    )
    assert "measured on 1 validation film when it was trained" in out
    assert ["frame", "accuracy", "75.0"] in [line.split() for line in rest]
    assert ["edit", "score", "50.0"] in [line.split() for line in rest]
    assert not (tmp_path / "store" / "films").exists()

    code, out, _ = measure(truth("one", "two"), teach(), "--json")
    figures = json.loads(out)
    assert (code, figures["films"], figures["own_figures"]) == (0, [], FIGURES)
    assert figures["training_films"]["left_out"] == ["one", "two"]


def test_if_none_is_left_and_the_model_was_never_measured_that_is_an_error_with_a_cure(measure, truth, teach):
    code, _, err = measure(truth("one"), teach(figures={}))
    assert code == 1
    assert err == (
        "vtn-stream: the model learnt from all these films, or was validated on them, and has no figures of its "
        "training; nothing was scored; give films that it does not know, or score these all the same with "
        "--include-learnt\n"
    )
    assert measure(truth("one"), teach(figures={}), "--include-learnt")[0] == 0


@pytest.mark.parametrize("told", [None, {"salt": SALT, "learnt": 3, "validated": []}])
def test_of_a_model_without_digests_or_with_garbage_it_is_not_known_and_every_film_is_scored(
    measure, truth, teach, told
):
    model = teach(**{FILM_DIGESTS: told})
    code, out, err = measure(truth("one", "three"), model, "--json")
    assert (code, err) == (0, "")
    figures = json.loads(out)
    assert figures["films"] == figures["training_films"]["unknown"] == ["one", "three"]


def test_the_subset_is_chosen_before_films_are_left_out(measure, truth, teach):
    annotations = truth("one", "two", "three", subsets={"one": "training", "two": "test", "three": "validation"})
    code, out, _ = measure(annotations, teach())
    assert out.splitlines()[0].startswith("Of 2 films of truth.csv, mine.safetensors learnt from none, and 1 valid")
    assert code == 0
    code, out, _ = measure(annotations, teach(), "--subset", "test")
    assert (code, "none is left to score" in out) == (0, True)


def test_a_film_that_cannot_be_read_is_no_film_that_is_compared(measure, truth, teach):
    code, out, err = measure(truth("one", "four", "three"), teach())
    assert code == 1
    assert err.startswith("four: there is no such film")
    assert out.startswith(
        "Of 2 films of truth.csv that can be read, mine.safetensors learnt from 1: this film is left out"
    )


# ---- timelines


def provenance(role=None, digest="0" * 32, figures=FIGURES):
    analysis = {"kind": "dense labels", "model": digest, "training": {"figures": figures}}
    return {"analysis": analysis} | ({} if role is None else {"film_in_training": role})


def found(tmp_path, **of):
    """A folder of timelines with these provenances, by film."""
    tmp_path.mkdir(exist_ok=True)
    for name, made in of.items():
        save_timeline(tmp_path / "found", name, seg(0, 5, "walk", 0.9), duration_s=20, span_s=(0, 20), provenance=made)
    return tmp_path / "found"


def test_of_timelines_those_of_films_that_taught_their_model_are_left_out(here, truth, tmp_path):
    roles = {"one": "learnt", "two": "validated", "three": "new"}
    folder = found(tmp_path, **{name: provenance(role) for name, role in roles.items()})
    code, out, err = here(folder, truth(*roles))
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == (
        "Of 3 films to score, the model learnt from 1, and 1 validated its training: these 2 films are "
        "left out (--include-learnt scores them too)."
    )
    assert json.loads(here(folder, truth(*roles), "--json")[1])["films"] == ["three"]
    code, out, _ = here(folder, truth(*roles), "--json", "--include-learnt")
    assert json.loads(out)["films"] == ["one", "three", "two"]


def test_of_timelines_whose_model_does_not_say_it_is_not_known(here, truth, tmp_path):
    folder = found(tmp_path, one=provenance(), two=provenance(["learnt"]), three=provenance("unknown"))
    code, out, _ = here(folder, truth("one", "two", "three"))
    assert (code, out.splitlines()[0]) == (
        0,
        "Of 3 films to score, it is not known which the model learnt from: figures on such films are too good.",
    )
    folder = found(tmp_path, one=provenance("new"))
    first = here(folder, truth("one", "two", "three"))[1].splitlines()[0]
    assert first == "Of 3 films to score, the model learnt from none. Of 2 films this is not known: three and two."


@pytest.mark.parametrize("of", [{}, {"analysis": {"kind": "scenes"}}, {"analysis": 7}, {"film_in_training": "learnt"}])
def test_of_timelines_without_a_model_nothing_is_said(here, truth, tmp_path, of):
    code, out, _ = here(found(tmp_path, one=of), truth("one"))
    assert (code, out.splitlines()[0][:6]) == (0, "1 film")
    assert "training_films" not in json.loads(here(found(tmp_path, one=of), truth("one"), "--json")[1])


def test_if_no_timeline_is_left_the_figures_are_those_that_the_timelines_have_of_one_model(here, truth, tmp_path):
    code, out, _ = here(found(tmp_path, one=provenance("learnt"), two=provenance("validated")), truth("one", "two"))
    assert code == 0
    assert "the model's own figures, measured on the validation films when it was trained" in out
    assert ["frame", "accuracy", "75.0"] in [line.split() for line in out.splitlines()]
    strange = found(tmp_path / "strange", one=provenance("learnt", figures={"[red]x\x1b[31m": 0.5}))
    assert "[red]x\\x1b[31m  50.0" in here(strange, truth("one"))[1]
    folder = found(tmp_path, two=provenance("validated", "1" * 32, {"frame accuracy": 0.25}))
    code, _, err = here(folder, truth("one", "two"))
    assert code == 1
    assert "found holds timelines of model 000000000000 (1 timeline, such as one.timeline.json) and model 1111" in err


# ---- clips


@pytest.fixture
def clip_model(encoder, backbone, digests, tmp_path):
    path = save_model(ClassificationConfig(num_classes=2), encoder, backbone, tmp_path / "clips.safetensors", 0.5)
    training = {FILM_DIGESTS: digests, "figures": {"top-1": 0.5}}
    save_checkpoint(replace(load_checkpoint(path), training=training), path)
    return path


def test_clips_that_taught_the_model_are_left_out_as_films_are(here, clip_model, films, tmp_path):
    (tmp_path / "list.txt").write_text("one.mp4 0\ntwo.mp4 1\nthree.mp4 1\n")
    options = ["--model", clip_model, "--videos", films, "--device", "cpu"]
    code, out, err = here(tmp_path / "list.txt", *options)
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == (
        "Of 3 films of list.txt, clips.safetensors learnt from 1, and 1 validated its training: these 2 films are "
        "left out (--include-learnt scores them too)."
    )
    assert out.splitlines()[-1].split() == ["clips", "1"]
    figures = json.loads(here(tmp_path / "list.txt", *options, "--include-learnt", "--json")[1])
    assert figures["num_clips"] == 3
    assert figures["training_films"]["learnt"] == ["one.mp4"]
    (tmp_path / "list.txt").write_text("one.mp4 0\ntwo.mp4 1\n")
    code, out, _ = here(tmp_path / "list.txt", *options, "--json")
    assert (code, json.loads(out)["own_figures"]) == (0, {"top-1": 0.5})
    (tmp_path / "films").mkdir()
    shutil.copy(films / "one.mp4", tmp_path / "films" / "again.mp4")
    (tmp_path / "films" / "bad.mp4").write_bytes(b"no film")
    (tmp_path / "list.txt").write_text("again.mp4 0\nbad.mp4 1\n")
    options[3] = tmp_path / "films"
    code, out, err = here(tmp_path / "list.txt", *options)
    assert (code, err[:9]) == (1, "bad.mp4: ")
    assert out.startswith(
        "Of 1 film of list.txt that can be read, clips.safetensors learnt from 1: none is left to score ("
    )
    assert out.splitlines()[-1].split() == ["top-1", "50.0"]


# ---- what is said


ROLES = st.sampled_from(["learnt", "validated", "new", "unknown", None])


@given(roles=st.dictionaries(st.sampled_from("abcdefgh"), ROLES), included=st.booleans())
def test_left_out_are_those_that_taught_or_validated_and_no_others(roles, included):
    found = FilmRoles.of(roles, included=included)
    taught = {name for name, role in roles.items() if role in ("learnt", "validated")}
    assert found.left_out == (set() if included else taught)
    assert found.none_left == (bool(roles) and set(roles) == found.left_out)
    assert set(found.learnt) | set(found.validated) == taught
    assert set(found.unknown) == {name for name, role in roles.items() if role == "unknown"}


def test_each_film_is_counted_once():
    roles = FilmRoles.of({"a": "new", "b": "learnt", "c": "unknown", "d": None})
    assert roles.sentence() == (
        "Of 4 films to score, the model learnt from 1: this film is left out (--include-learnt scores it too). Of "
        "1 film this is not known: c."
    )
    assert FilmRoles.of({"a": "new"}).sentence() == "Of 1 film to score, the model learnt from none."
    assert FilmRoles.of({"a": "unknown", "b": None}).sentence("of t.csv", "m") == (
        "Of 2 films of t.csv, it is not known which m learnt from: figures on such films are too good."
    )
    assert not FilmRoles.of({}).none_left


@pytest.mark.parametrize(
    "training",
    [
        None,
        7,
        [],
        {},
        {"figures": 7},
        {"figures": {"a": "b", "c": None, "d": 2, "e": -1, "f": True, "g": float("nan")}},
    ],
)
def test_figures_that_are_no_shares_are_no_figures(training):
    assert OwnFigures.of_training(training) == OwnFigures(figures={}, num_films=None)


def test_figures_out_of_fold_have_their_intervals_and_say_what_they_are():
    own = OwnFigures.of_training(
        {
            "figures": {"frame accuracy": 0.61},
            "intervals": {"frame accuracy": [0.55, 0.67], "edit score": [0.5], "F1": ["a", 1], "x": [-1, 2]},
            "measured": {"how": "out of fold", "films": 15, "folds": 5},
        }
    )
    assert own.intervals == {"frame accuracy": (0.55, 0.67)}
    assert own.num_films == 15
    assert own.sentence() == (
        "These are the model's own figures, measured on 15 films when it was trained: models that had not learnt a "
        "film, and were chosen on others, labelled it. Expect about the same on other films of this kind."
    )


def test_if_none_is_left_the_models_own_intervals_are_shown(measure, truth, teach):
    model = teach(
        intervals={"frame accuracy": [0.7, 0.8]},
        measured={"how": "out of fold", "films": 15, "folds": 5},
    )
    code, out, _ = measure(truth("one", "two"), model)
    assert code == 0
    assert [line.split() for line in out.splitlines()][-2:] == [
        ["edit", "score", "50.0"],
        ["frame", "accuracy", "75.0", "70.0", "to", "80.0"],
    ]
    figures = json.loads(measure(truth("one", "two"), model, "--json")[1])
    assert figures["own_intervals"] == {"frame accuracy": [0.7, 0.8]}


def test_garbage_for_the_number_of_films_leaves_the_figures():
    own = OwnFigures.of_training({"figures": {"top-1": 1}, "validation": {"num_films": "many"}})
    assert own == OwnFigures(figures={"top-1": 1.0}, num_films=None)
