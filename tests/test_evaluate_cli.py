"""vtn-stream evaluate, as people call it. What it measures is tested in test_evaluation."""

import json
import shutil
import sys
from dataclasses import replace
from fractions import Fraction

import pytest
import torch
from safetensors.torch import load_file

from vtn_stream.checkpoints import Checkpoint, save_checkpoint
from vtn_stream.model import VTN, ClassificationConfig, EncoderConfig, VTNConfig
from vtn_stream.sampling import ClipWindow
from vtn_stream.track import CENTRE_CROP, OperatingPoint, OperatingPoints
from vtn_stream_cli.main import main

pytestmark = pytest.mark.usefixtures("warm_decoders")

LABELS = tuple("abcdefg")


@pytest.fixture(autouse=True)
def surroundings(monkeypatch, tmp_path):
    monkeypatch.setenv("VTN_STREAM_MODELS", str(tmp_path / "models"))


@pytest.fixture(scope="module")
def model(encoder, tiny, tiny_weights, tmp_path_factory):
    config = VTNConfig(
        backbone=tiny,
        encoder=EncoderConfig(
            input_width=encoder.num_features, width=16, num_heads=2, feedforward_width=16, attention_windows=(2,)
        ),
        head=ClassificationConfig(num_classes=len(LABELS)),
    )
    path = tmp_path_factory.mktemp("model") / "small.safetensors"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        tensors = VTN(config).state_dict()
    checkpoint = Checkpoint(
        config=config,
        labels=LABELS,
        recipe=replace(encoder.recipe(Fraction(25, 8)), size=(64, 64), geometry=CENTRE_CROP),
        window=ClipWindow(num_positions=16, stride=8, position_rate=Fraction(25)),
        operating_points=OperatingPoints(common=OperatingPoint(high=0.5, low=0.25)),
        tensors=tensors,
        backbone={name: t for name, t in load_file(tiny_weights).items() if not name.startswith("classifier")},
    )
    save_checkpoint(checkpoint, path)
    return path


@pytest.fixture(scope="module")
def folder(film_maker, tmp_path_factory):
    """Two clips of a second, and a list of them."""
    folder = tmp_path_factory.mktemp("clips")
    for name, texture in (("one.mp4", 0), ("two 2.mp4", 1)):
        film_maker(folder / name, ((1, texture),), fps=25)
    (folder / "list.txt").write_text("one.mp4 a\ntwo 2.mp4,b\n")
    return folder


@pytest.fixture
def here(capsys, monkeypatch):
    """here(*arguments) -> (exit code, stdout, stderr)"""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["vtn-stream", "evaluate", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        return (end.value.code, *capsys.readouterr())

    return call


def test_a_list_gives_a_table_and_json_the_same_figures(here, model, folder, tmp_path):
    results = tmp_path / "results.jsonl"
    code, out, err = here(folder / "list.txt", "--model", model, "--device", "cpu", "-o", results)
    assert (code, err) == (0, "")
    first, *rest = out.splitlines()
    assert first == (
        f"Of 2 films of list.txt, it is not known which {model.name} learnt from: figures on such films are too good."
    )
    lines = [line.split() for line in rest]
    assert lines[0] == ["protocol", "full,", "7", "classes"]
    assert [line[0] for line in lines[1:]] == ["top-1", "top-5", "mean", "clips"]
    assert lines[-1] == ["clips", "2"]
    assert len(results.read_text().splitlines()) == 2

    code, out, err = here(folder / "list.txt", "--model", model, "-o", results, "--json")
    figures = json.loads(out)
    assert (code, err) == (0, "")
    assert lines[1] == ["top-1", f"{100 * figures['top_1']:.2f}", "%"]
    assert lines[2] == ["top-5", f"{100 * figures['top_5']:.2f}", "%"]
    assert lines[3][-2] == f"{100 * figures['mean_per_class']:.2f}"
    assert (figures["num_clips"], figures["failed"]) == (2, [])


def test_a_stored_model_is_named_and_videos_may_lie_elsewhere(here, model, folder, tmp_path):
    (tmp_path / "models").mkdir()
    shutil.copy(model, tmp_path / "models" / "small.safetensors")
    (tmp_path / "list.csv").write_text("one.mp4,c\n")
    options = ["--model", "small", "--device", "cpu", "--videos", folder, "--json"]
    views = ["--protocol", "views", "--views", 2, "--crops", 3]
    code, out, err = here(tmp_path / "list.csv", *options, *views)
    assert (code, err) == (0, "")
    assert json.loads(out)["protocol"] == "views 2 x 3"
    code, out, err = here(tmp_path / "list.csv", *options, "--protocol", "views")
    assert json.loads(out)["protocol"] == "views 10 x 1"


def test_shuffled_frames_are_named_in_the_result(here, model, folder):
    """Also with seed 0."""
    options = ["--model", model, "--device", "cpu", "--shuffle", 0]
    code, out, _ = here(folder / "list.txt", *options, "--json")
    assert (code, json.loads(out)["protocol"]) == (0, "full, frames shuffled with seed 0")
    _, out, _ = here(folder / "list.txt", *options)
    assert "frames shuffled with seed 0" in out


def test_a_clip_that_cannot_be_read_is_named_and_the_exit_code_is_one(here, model, folder, tmp_path):
    shutil.copytree(folder, tmp_path / "films")
    (tmp_path / "films" / "x\x1b[31m.mp4").write_bytes(b"no film")
    with open(tmp_path / "films" / "list.txt", "a") as file:
        file.write("x\x1b[31m.mp4 a\n")
    code, out, err = here(tmp_path / "films" / "list.txt", "--model", model, "--device", "cpu")
    assert code == 1
    assert err.startswith("x\\x1b[31m.mp4: ")
    assert "\x1b" not in err
    assert out.splitlines()[-2].split() == ["clips", "2"]
    assert out.splitlines()[-1].split() == ["left", "out", "1"]


def test_a_list_with_mistakes_is_refused_with_a_line_for_each_before_anything_is_measured(
    here, model, folder, tmp_path
):
    (tmp_path / "list.txt").write_text("one.mp4 a\none.mp4 b\nthree.mp4 nothing\n")
    code, out, err = here(tmp_path / "list.txt", "--model", model, "--videos", folder)
    assert (code, out) == (1, "")
    assert err.startswith("vtn-stream: list.txt has 2 problems; nothing was measured; ")
    assert "\n  line 2: one.mp4 is listed on line 1 already" in err
    assert "\n  line 3: there is no label nothing" in err
    assert len(err.splitlines()) == 3


def test_a_model_that_is_not_there_is_told(here, folder):
    code, _, err = here(folder / "list.txt", "--model", "smal")
    assert code == 1
    assert err.startswith("vtn-stream: there is no model named smal; ")


@pytest.mark.parametrize("option", [["--views", 3], ["--crops", 3], ["--crops", 3, "--protocol", "full"]])
def test_views_and_crops_go_with_their_protocol(here, model, folder, option):
    code, _, err = here(folder / "list.txt", "--model", model, *option)
    assert code == 2
    assert "--views and --crops go with --protocol views" in err


@pytest.mark.parametrize("arguments", [[], ["no.txt", "--model", "m"], ["--protocol", "all"], ["--views", 0]])
def test_wrong_usage_is_exit_code_two(here, folder, arguments):
    code, out, _ = here(*arguments)
    assert (code, out) == (2, "")


# ---- two models, and clip by clip


@pytest.fixture(scope="module")
def others(model, tmp_path_factory):
    """The same network with its labels in another order, and one that knows a label more."""
    from vtn_stream.checkpoints import load_checkpoint

    folder, checkpoint = tmp_path_factory.mktemp("others"), load_checkpoint(model)
    save_checkpoint(replace(checkpoint, labels=LABELS[::-1]), folder / "turned.safetensors")
    save_checkpoint(replace(checkpoint, labels=("x", *LABELS[1:])), folder / "without a.safetensors")
    return folder


def test_two_models_are_compared_clip_by_clip(here, model, others, folder, tmp_path):
    both = [folder / "list.txt", "--device", "cpu", "--model", model, "--model", others / "turned.safetensors"]
    code, out, err = here(*both, "--json", "--by-film", "-o", tmp_path / "results.jsonl")
    assert (code, err) == (0, "")
    figures = json.loads(out)
    single = json.loads(here(folder / "list.txt", "--model", model, "--device", "cpu", "--json")[1])
    assert figures["models"][0] == {"name": model.name, **{k: v for k, v in single.items() if k != "training_films"}}
    top_1 = figures["comparison"]["figures"][0]
    assert (top_1["figure"], top_1["values"]) == ("top-1", [of["top_1"] for of in figures["models"]])
    rows = {(row["film"], row["model"]): row for row in figures["by_film"]}
    assert {film for film, _ in rows} == {"one.mp4", "two 2.mp4"}
    for name in ("one.mp4", "two 2.mp4"):
        first, second = (rows[name, of["name"]] for of in figures["models"])
        assert first["label"] == second["label"]
        assert LABELS.index(first["predicted"]) == LABELS[::-1].index(second["predicted"])
        assert first["clips"]["top-1"] == float(first["label"] == first["predicted"])
    code, out, err = here(*both, "-o", tmp_path / "results.jsonl", "--csv", tmp_path / "clips.csv")
    assert (code, err) == (0, "")
    assert "protocol full, 2 clips, 0 left out" in out
    assert "2 films say little about others" in out
    assert (tmp_path / "clips.csv").read_text().startswith("film,model,label,predicted,clips top-1,clips top-5,")


def test_a_number_that_means_another_label_to_each_model_is_refused(here, model, others, folder, tmp_path):
    (tmp_path / "list.txt").write_text("one.mp4 0\n")
    both = ["--model", model, "--model", others / "turned.safetensors", "--videos", folder]
    code, _, err = here(tmp_path / "list.txt", *both)
    assert code == 1
    assert err == (
        "vtn-stream: one.mp4 is given by a number, which is a to one model and g to the other; they were not compared; "
        "write labels instead of numbers, or say with --labels which label each number is\n"
    )
    (tmp_path / "names.txt").write_text("g\n")
    code, _, err = here(tmp_path / "list.txt", *both, "--labels", tmp_path / "names.txt")
    assert (code, err) == (0, "")


def test_a_label_that_one_of_two_models_does_not_know_is_refused_with_its_name(here, model, others, folder):
    both = ["--model", model, "--model", others / "without a.safetensors"]
    code, _, err = here(folder / "list.txt", *both)
    assert code == 1
    assert err.startswith("vtn-stream: list.txt has 1 problem for without a.safetensors; ")


def test_each_clip_of_one_model_the_worst_first(here, model, folder, tmp_path):
    code, out, err = here(folder / "list.txt", "--model", model, "--device", "cpu", "--by-film", "--json")
    assert (code, err) == (0, "")
    rows = json.loads(out)["by_film"]
    assert [row["clips"]["top-1"] for row in rows] == sorted(row["clips"]["top-1"] for row in rows)
    assert {row["film"]: row["label"] for row in rows} == {"one.mp4": "a", "two 2.mp4": "b"}
