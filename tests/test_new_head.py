"""A head that this program does not have: one class and one line, and all of it trains, analyzes and scores with it."""

import json
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, one_hot

from vtn_stream.analysis import Analyzer
from vtn_stream.checkpoints import load_checkpoint
from vtn_stream.exchange.selection import Selection
from vtn_stream.heads import HEADS, Head, Loss
from vtn_stream.heads.fitting import AtPoint
from vtn_stream.heads.labelled_film import labels_of
from vtn_stream.heads.pieces import finite_on_cpu, pieces
from vtn_stream.model import HeadConfig
from vtn_stream.settings import Settings
from vtn_stream.track import GridScores
from vtn_stream.training.options import TrainingOptions
from vtn_stream.training.teach import teach

pytestmark = pytest.mark.usefixtures("warm_decoders")


@dataclass(frozen=True, slots=True, kw_only=True)
class TagsConfig(HeadConfig):
    kind = "tags"

    def network(self, width):
        return nn.Sequential(nn.LayerNorm(width), nn.Linear(width, self.num_classes))


class Tags(Head[TagsConfig]):
    """Any number of labels at every position, each by itself."""

    config = TagsConfig
    description = "tags every moment of a film"
    analysis = "tags"
    drawing = "peaks"
    metric_name = "tagged rightly"
    measures = ("segmentation", "detection")

    def read(self, config, network, tiles, valid, fps):
        frame = np.zeros((len(valid), config.num_classes), np.float16)
        for piece in pieces(tiles, len(valid)):
            frame[piece.start : piece.stop] = finite_on_cpu(network.head(piece.frames).sigmoid()[0])
        frame[~valid] = 0
        return GridScores(frame=frame)

    def config_for(self, films, num_classes, width):
        return TagsConfig(num_classes=num_classes)

    def loss(self, config, network, batch, *, smoothing):
        labels = batch.labels.masked_fill(~batch.valid, config.num_classes)
        targets = one_hot(labels, config.num_classes + 1)[..., :-1].float()
        return Loss(binary_cross_entropy_with_logits(network.label(batch.embeddings, valid=batch.valid), targets))

    def metric(self, predictions, films, labels):
        right = []
        for prediction, film in zip(predictions, films, strict=True):
            held = labels_of(film, labels)
            right.append((prediction.frame > 0.5) == (held[:, None] == np.arange(len(labels))))
        return float(np.concatenate(right).mean())

    def thresholds(self, predictions, films, labels):
        return {label: AtPoint(threshold=0.5, precision=1, recall=1, f1=1) for label in labels}


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def tags(monkeypatch):
    monkeypatch.setitem(HEADS, "tags", Tags())


def test_a_new_head_is_one_class_and_one_line(tags, film_maker, tiny, tiny_weights, tmp_path, here):
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
    assert checkpoint.config.head == TagsConfig(num_classes=2)
    assert checkpoint.training["metric"] == "tagged rightly"

    with Analyzer(Settings(model=model, **options)) as analyzer:
        analysis = analyzer.analyze(analyzer.plan(tmp_path / "3.mp4"))
    timeline = analysis.timeline
    assert Counter(segment.label for segment in timeline.segments) == {"run": 1, "jump": 2}
    said = timeline.provenance["analysis"]
    assert (said["kind"], said["drawing"]) == ("tags", "peaks")
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


def test_a_checkpoint_of_a_head_that_there_is_not_says_so(tags):
    from vtn_stream.heads import network_config
    from vtn_stream.model import EncoderConfig, VTNConfig

    encoder = EncoderConfig(input_width=4, width=4, num_heads=1, feedforward_width=4, attention_windows=(2,))
    config = VTNConfig(backbone="b", encoder=encoder, head=TagsConfig(num_classes=3))
    fields = config.to_dict()
    assert network_config(fields) == config
    del HEADS["tags"]
    with pytest.raises(ValueError, match="has no 'tags' head"):
        network_config(fields)
