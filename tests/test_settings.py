"""What a person asks, as one value: checked where it is made, and the same in other folders and on other machines."""

import pickle
import subprocess
import sys
from dataclasses import FrozenInstanceError, fields
from fractions import Fraction
from pathlib import Path

import pytest

from vtn_stream.errors import InputError
from vtn_stream.results import ResultOptions
from vtn_stream.sampling import SamplingPlan
from vtn_stream.settings import Settings
from vtn_stream.training.options import TrainingOptions

VALUES = [
    Settings(model="mine", fps="30000/1001", store=Path("store"), exact=True),
    ResultOptions(output=Path("out"), formats=("json", "html"), overwrite=True),
    TrainingOptions(annotations=Path("a.csv"), videos=Path("films"), output=Path("m.safetensors"), fps=2.5),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_travels_and_never_changes(value):
    assert pickle.loads(pickle.dumps(value)) == value
    assert hash(value) == hash(pickle.loads(pickle.dumps(value)))
    with pytest.raises(FrozenInstanceError):
        setattr(value, fields(value)[0].name, None)


@pytest.mark.parametrize("module", ["vtn_stream.settings", "vtn_stream.training.options"])
def test_what_is_asked_is_known_before_torch_loads(module):
    code = f"import sys, {module}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


# ---- rates


@pytest.mark.parametrize(
    ("asked", "fps"), [(None, None), (2, 2), (2.56, Fraction(64, 25)), ("30000/1001", Fraction(30000, 1001))]
)
def test_a_rate_stays_as_it_was_written_and_gives_a_grid(asked, fps):
    settings = Settings(fps=asked)
    assert settings.fps == asked
    assert settings.sampling == (None if fps is None else SamplingPlan(Fraction(fps)))


@pytest.mark.parametrize("wrong", ["soon", "", 0, -1, "1/0", float("nan"), "1e999999999", 1001])
def test_what_is_not_a_rate_is_told_where_it_is_asked(wrong):
    with pytest.raises(InputError):
        Settings(fps=wrong)
    with pytest.raises(InputError):
        TrainingOptions(annotations=Path(), videos=Path(), output=Path("m.safetensors"), fps=wrong)


# ---- for workers


def test_settings_for_workers_mean_the_same_in_another_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("m.safetensors", "w.pth"):
        Path(name).touch()
    settings = Settings(model="m.safetensors", weights=Path("w.pth"), store="store", fps="2.56").for_workers(
        has_gpu=False
    )
    monkeypatch.chdir("/")
    assert Path(settings.model) == tmp_path / "m.safetensors"
    assert Path(settings.weights) == tmp_path / "w.pth"
    assert settings.store_root == tmp_path / "store"
    assert settings.fps == "2.56"


def test_the_name_of_a_model_is_no_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Settings(model="cctv-fight").for_workers(has_gpu=False).model == "cctv-fight"


def test_a_store_that_was_not_named_is_that_of_the_driver(tmp_path, monkeypatch):
    monkeypatch.setenv("VTN_STREAM_STORE", str(tmp_path / "mine"))
    sent = Settings().for_workers(has_gpu=False)
    monkeypatch.setenv("VTN_STREAM_STORE", "/theirs")
    assert sent.store_root == tmp_path / "mine"


@pytest.mark.parametrize(
    ("asked", "has_gpu", "device"),
    [("auto", True, "cuda"), ("auto", False, "cpu"), ("cpu", True, "cpu"), ("cuda", False, "cuda")],
)
def test_the_driver_decides_the_device(asked, has_gpu, device):
    settings = Settings(device=asked).for_workers(has_gpu=has_gpu)
    assert settings.device == device
    assert settings.for_workers(has_gpu=not has_gpu) == settings


# ---- results


def test_results_for_workers_lie_where_the_driver_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = ResultOptions(output=Path("out"), formats=("json", "csv")).for_workers()
    assert options == ResultOptions(output=tmp_path / "out", formats=("json", "csv"), inside=tmp_path)
    monkeypatch.chdir("/")
    assert options.for_workers() == options


def test_the_files_of_a_film_are_called_as_it_is_or_as_the_listing_says(tmp_path):
    options, film = ResultOptions(output=tmp_path, formats=("json", "csv")), Path("films/a.mp4")
    files = options.files(film, "c0ffee", store=tmp_path / "store")
    assert files.timelines == {name: tmp_path / f"a.mp4.timeline.{name}" for name in ("json", "csv")}
    files = options.files(film, "c0ffee", store=tmp_path / "store", results="films/a.mp4")
    assert files.scores == tmp_path / "films" / "a.mp4.scores.arrow"


def test_a_format_that_is_none_is_told_with_those_that_are():
    known = r"^docx is not a format of timelines that can be written; .*; give one of json, csv, "
    with pytest.raises(InputError, match=known):
        ResultOptions(output=Path(), formats=("json", "docx"))


def test_a_model_s_file_ends_as_one():
    with pytest.raises(InputError, match=r"m\.pth cannot be the name of a model"):
        TrainingOptions(annotations=Path(), videos=Path(), output=Path("m.pth"))
