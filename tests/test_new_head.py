"""A head that another package adds (tests/plugin_package): all of this program trains, analyzes and scores with it."""

import json
import shutil
from collections import Counter

import pytest
import torch
from plugged_in import example, look_again, site  # noqa: F401  # fixtures

from vtn_stream.analysis import Analyzer
from vtn_stream.checkpoints import describe_file, load_checkpoint
from vtn_stream.errors import CheckpointError, PluginError
from vtn_stream.exchange.selection import Selection
from vtn_stream.heads import HEADS, network_config
from vtn_stream.model import EncoderConfig, VTNConfig
from vtn_stream.report.provenance import how_made
from vtn_stream.settings import Settings
from vtn_stream.training.options import TrainingOptions
from vtn_stream.training.teach import teach

pytestmark = pytest.mark.usefixtures("warm_decoders")


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.release
def test_a_new_head_is_one_class_and_one_line(example, film_maker, tiny, tiny_weights, tmp_path, here, monkeypatch):
    rows = ["video,start_s,end_s,label,subset"]
    for number in range(4):
        name, at = f"{number}.mp4", 0
        scenes = [(5 + number, 0), (6, 1), (4, 0), (5, 2), (4, 0), (4, 1 + number % 2)]
        film_maker(tmp_path / name, scenes)
        for seconds, texture in scenes:
            if texture:
                label, side = ("run", "jump")[texture - 1], "validation" if number == 3 else "training"
                rows.append(f"{name},{at},{at + seconds},{label},{side}")
            at += seconds
    annotations, store, model = tmp_path / "actions.csv", tmp_path / "store", tmp_path / "m.safetensors"
    annotations.write_text("\n".join(rows) + "\n")

    options = {"weights": tiny_weights, "store": store, "device": "cpu"}
    asked = {"annotations": annotations, "videos": tmp_path, "output": model, "head": "tags", "fps": 2, "epochs": 15}
    taught = teach(TrainingOptions(**asked, backbone=tiny, **options))
    assert taught.figures["frame accuracy"] > 0.8
    assert "A model for vtn-stream that tags every moment of a film." in taught.card.read_text()
    checkpoint = load_checkpoint(model)
    assert checkpoint.config.head == HEADS["tags"].config(num_classes=2)
    assert checkpoint.training["plugins"] == {"vtn-stream-example": "1.5"}
    assert "plug-in vtn-stream-example" in taught.card.read_text()
    assert checkpoint.training["metric"] == "tagged rightly"

    with Analyzer(Settings(model=model, **options)) as analyzer:
        analysis = analyzer.analyze(analyzer.plan(tmp_path / "3.mp4"))
    timeline = analysis.timeline
    assert Counter(segment.label for segment in timeline.segments) == {"run": 1, "jump": 2}
    said = timeline.provenance["analysis"]
    assert (said["kind"], said["drawing"]) == ("tags", "peaks")
    assert said["plugins"] == {"vtn-stream-example": "1.5"}
    assert ("Plug-ins", "vtn-stream-example 1.5.") in list(how_made(timeline, has_curves=True))
    again = Selection(threshold=0.3).apply(timeline, lambda: (analysis.scores, analysis.index, analysis.labels))
    assert len(again.segments) >= 3

    given = [
        "--weights",
        tiny_weights,
        "--store",
        store,
        "--device",
        "cpu",
        "--subset",
        "validation",
        "--include-learnt",
        "--json",
    ]
    code, out, _ = here("evaluate", annotations, "--model", model, *given)
    assert code == 0
    assert json.loads(out)["segmentation"]["accuracy"] > 0.8

    with monkeypatch.context() as broken:  # by another version of it
        broken.setattr(type(HEADS["tags"]), "loss", None)
        broken.setattr(type(HEADS["tags"]), "read", None)
        why = "the head tags of vtn-stream-example 1.5 failed (TypeError: 'NoneType' object is not callable)"
        with pytest.raises(PluginError) as caught:
            teach(TrainingOptions(**asked | {"output": tmp_path / "n.safetensors"}, backbone=tiny, **options))
        cure = "update or uninstall vtn-stream-example, or use another head"
        assert str(caught.value) == f"{why}; training stopped; {cure}"
        with Analyzer(Settings(model=model, **options)) as analyzer, pytest.raises(PluginError) as caught:
            analyzer.analyze(analyzer.plan(tmp_path / "2.mp4"))
        assert str(caught.value) == f"{why}; the film was not analyzed; {cure}"

    shutil.rmtree(example)  # uninstalled
    look_again(monkeypatch)
    for load in (load_checkpoint, describe_file):
        with pytest.raises(CheckpointError) as caught:
            load(model)
        assert str(caught.value) == (
            "m.safetensors cannot be read: it has the head 'tags', which is not installed; it cannot be used as a "
            "model; install the package vtn-stream-example 1.5, which it was trained with, if you trust whoever made "
            "it; or use another model"
        )
    assert here("models", "info", model)[0] == 1


def test_a_config_of_a_head_that_there_is_not_says_so(example, monkeypatch):
    encoder = EncoderConfig(input_width=4, width=4, num_heads=1, feedforward_width=4, attention_windows=(2,))
    config = VTNConfig(backbone="b", encoder=encoder, head=HEADS["tags"].config(num_classes=3))
    fields = config.to_dict()
    assert network_config(fields) == config
    shutil.rmtree(example)
    look_again(monkeypatch)
    with pytest.raises(ValueError, match="has no 'tags' head"):
        network_config(fields)
