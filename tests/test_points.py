"""Operating points with names: in a checkpoint's file, in a timeline, and as people ask for them."""

import json
import sys
from dataclasses import replace

import pytest
from test_checkpoint_file import forge
from tiny_checkpoints import LABELS, backbone, metadata, model, saved, tiny_checkpoint  # noqa: F401  (fixtures)

from vtn_stream.checkpoints import load_checkpoint, save_checkpoint
from vtn_stream.checkpoints.described import describe_file
from vtn_stream.checkpoints.points import point_figures
from vtn_stream.errors import CheckpointError, InputError
from vtn_stream.scorers.model import model_provenance
from vtn_stream.settings import Settings
from vtn_stream.track import OperatingPoint, OperatingPoints
from vtn_stream_cli.main import main

QUIET = OperatingPoints(
    common=OperatingPoint(high=0.875, low=0.75), own={"épée": OperatingPoint(high=0.9375, low=0.125)}
)
FIGURES = {"default": {"recall": 0.75, "false alarms an hour": 12}, "quiet": {"recall": 0.5, "hours": 1.5, "by": "us"}}


@pytest.fixture
def named(model, tmp_path):
    """The file of a model with a point named quiet."""
    path = tmp_path / "named.safetensors"
    save_checkpoint(replace(model, points={"quiet": QUIET}, training={**model.training, "points": FIGURES}), path)
    return path


@pytest.fixture
def here(capsys, monkeypatch):
    """here(*arguments) -> (exit code, stdout, stderr)"""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["vtn-stream", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        return (end.value.code, *capsys.readouterr())

    return call


def test_named_points_come_back_and_without_them_a_file_is_of_version_1(named, saved):
    assert load_checkpoint(named).points == describe_file(named).points == {"quiet": QUIET}
    assert (metadata(named)["format"], metadata(saved)["format"]) == (2, 1)
    assert "points" not in metadata(saved)
    assert load_checkpoint(saved).points == {}


def test_a_file_of_version_2_may_lack_what_version_2_added(named):
    fields = metadata(named)
    del fields["points"]
    forge(named, fields)
    assert load_checkpoint(named).points == {}


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        [],
        {"quiet": None},
        {"quiet": {"operating_point": {"high": 0.5, "low": 0.5}}},
        {"quiet": {"operating_point": {"high": 0.5, "low": 0.6}, "operating_points": {}}},
        {"quiet": {"operating_point": {"high": 0.5, "low": 0.5}, "operating_points": {"x": {"high": 1, "low": 1}}}},
        {"default": {"operating_point": {"high": 0.5, "low": 0.5}, "operating_points": {}}},
        {"quiet": {"operating_point": {"high": 0.5, "low": 0.5}, "operating_points": {}, "more": 1}},
    ],
)
def test_points_that_are_none_are_refused(named, wrong):
    forge(named, {**metadata(named), "points": wrong})
    with pytest.raises(CheckpointError, match=r"points|point is for|asked for") as caught:
        load_checkpoint(named)
    assert "checksum" not in str(caught.value)


def test_a_timeline_says_which_point_drew_it(model):
    model = replace(model, points={"quiet": QUIET})
    default, quiet = model_provenance(model), model_provenance(model, "quiet")
    assert "point" not in default
    assert quiet.items() >= {"point": "quiet", **QUIET.to_dict()}.items()
    drawn = ("point", "operating_point", "operating_points")
    rest = [{name: value for name, value in each.items() if name not in drawn} for each in (default, quiet)]
    assert rest[0] == rest[1]


def test_an_unknown_point_is_one_line_that_names_those_there_are(named, saved):
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(named).operating_points_at("loud")
    for said in ("named has no operating point named loud", "leave out --point, or give one of its points: quiet"):
        assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(CheckpointError, match="it has only its default one"):
        load_checkpoint(saved).operating_points_at("quiet")


def test_a_point_is_of_a_model():
    with pytest.raises(InputError, match="name its model with --model"):
        Settings(point="quiet")


def test_models_info_lists_the_points_and_what_was_measured_there(here, named):
    code, out, _ = here("models", "info", named)
    words = " ".join(out.split())
    assert code == 0
    for said in (
        "operating point a segment needs a score of 0.5, and extends while the score is above 0.25",
        "measured: false alarms an hour 12, recall 0.75",
        "--point quiet a segment needs a score of 0.875, and extends while the score is above 0.75",
        "measured: hours 1.5, recall 0.5",
    ):
        assert said in words
    facts = json.loads(here("models", "info", named, "--json")[1])
    assert facts["points"] == {"quiet": QUIET.to_dict()}


@pytest.mark.parametrize("training", [{}, {"points": 3}, {"points": {"quiet": 3}}, {"points": {"quiet": {"x": "y"}}}])
def test_a_model_need_not_say_what_was_measured(training):
    assert point_figures(training, "quiet") == {}


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("analyze", "film.mp4", "--point", "quiet"), 1, "name its model with --model"),
        (("evaluate", "{folder}", "{folder}", "--point", "quiet"), 2, "--point goes with --model"),
    ],
)
def test_a_point_without_a_model_is_one_line(here, tmp_path, arguments, code, said):
    found = here(*(argument.format(folder=tmp_path) for argument in arguments))
    assert found[0] == code
    assert said in found[2]
