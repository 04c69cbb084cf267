"""What was learnt by an image network goes into one file, and films are analyzed and measured with nothing else."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from huggingface_hub import constants
from safetensors import safe_open
from safetensors.torch import save_file

from vtn_stream.analysis import Analyzer
from vtn_stream.backbone import hub, trainable
from vtn_stream.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from vtn_stream.errors import CheckpointError
from vtn_stream.evaluation.labelled_clips import LabelledClip, Protocol, evaluate
from vtn_stream.model import VTN, ClassificationConfig, EncoderConfig, VTNConfig
from vtn_stream.sampling import ClipWindow
from vtn_stream.settings import Settings
from vtn_stream.track import CENTRE_CROP, OperatingPoint, OperatingPoints, Recipe

pytestmark = pytest.mark.usefixtures("warm_decoders")

LABELS = ("here", "there")
KINDS = {  # of network, of pooling, of inputs, of geometry
    "a transformer, changes": ("test_vit", "maximum", ("picture", "change-1"), "squash"),
    "convolutions, the middle": ("test_resnet", "network", ("picture",), CENTRE_CROP),
}


def learnt(name, pooling, geometry, size=64):
    """An image network after one step from random numbers."""
    torch.manual_seed(0)
    recipe = Recipe(
        backbone=name,
        weights="",
        fps=Fraction(1),
        size=(size, size),
        mean=(0.45,) * 3,
        std=(0.225,) * 3,
        geometry=geometry,
        pooling=pooling,
    )
    backbone = trainable(name, None, recipe=recipe, random=True)
    backbone(torch.randint(0, 256, (2, 3, size, size))).var(0).sum().backward()
    with torch.no_grad():
        for parameter in backbone.parameters():
            if parameter.grad is not None:
                parameter += 0.01 * parameter.grad.sign()
    return backbone


def checkpoint_of(backbone, inputs):
    network = VTN(
        VTNConfig(
            backbone=backbone.name,
            encoder=EncoderConfig(
                input_width=backbone.num_features * len(inputs),
                width=16,
                num_heads=2,
                feedforward_width=16,
                attention_windows=(4,),
                positions="none",
            ),
            head=ClassificationConfig(num_classes=len(LABELS)),
        ),
        backbone,
    ).eval()
    tensors = network.state_dict()
    own = {name: tensor for name, tensor in tensors.items() if not name.startswith("backbone.")}
    return Checkpoint(
        config=network.config,
        labels=LABELS,
        recipe=backbone.recipe(Fraction(1)),
        inputs=inputs,
        window=ClipWindow(num_positions=4, stride=2),
        operating_points=OperatingPoints(common=OperatingPoint(high=0.6, low=0.4)),
        tensors=own,
        backbone={name.removeprefix("backbone."): t for name, t in tensors.items() if name not in own},
    )


@pytest.fixture
def nobody_answers(monkeypatch):
    """No hub, and whoever asks for one fails."""

    def asked(*args, **kwargs):
        raise AssertionError("the hub was asked")

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub, "_Question", asked)


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    name, pooling, inputs, geometry = KINDS[request.param]
    return learnt(name, pooling, geometry), inputs


@pytest.fixture(scope="module")
def clip(film_maker, tmp_path_factory):
    return film_maker(tmp_path_factory.mktemp("films") / "clip.mp4", ((6, 0), (6, 1)))


def test_films_are_analyzed_and_measured_with_the_file_alone(kind, clip, nobody_answers, tmp_path):
    backbone, inputs = kind
    save_checkpoint(checkpoint_of(backbone, inputs), tmp_path / "model.safetensors")
    loaded = load_checkpoint(tmp_path / "model.safetensors")
    assert all(torch.equal(loaded.backbone[name], tensor) for name, tensor in backbone.state_dict().items())
    assert {tensor.dtype for tensor in loaded.backbone.values()} <= {torch.float32, torch.int64}
    settings = Settings(model=tmp_path / "model.safetensors", store=tmp_path / "store", device="cpu")
    with Analyzer(settings) as analyzer:
        assert analyzer.encoder.weights_digest == backbone.recipe(Fraction(1)).weights
        analysis = analyzer.analyze(analyzer.plan(clip))
    assert analysis.timeline.complete
    assert np.isfinite(analysis.scores.frame).all()
    assert analysis.scores.frame.shape == (12, len(LABELS))
    measured = evaluate(loaded, [LabelledClip(path=clip, name="clip", truth=0)], Protocol(), device="cpu")
    assert [scored.clip.name for scored in measured.scored] == ["clip"]


def test_embeddings_that_are_stored_are_not_those_of_other_weights(kind, clip, nobody_answers, tmp_path):
    backbone, inputs = kind
    before = checkpoint_of(backbone, inputs)
    other = learnt(backbone.name, backbone.pooling, before.recipe.geometry)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter *= 1.5
    rows = []
    for number, checkpoint in enumerate((before, checkpoint_of(other, inputs))):
        path = tmp_path / f"{number}.safetensors"
        save_checkpoint(checkpoint, path)
        with Analyzer(Settings(model=path, store=tmp_path / "store", device="cpu")) as analyzer:
            plan = analyzer.plan(clip)
            assert analyzer.missing(plan) == plan.chunks
            rows.append(analyzer.analyze(plan).scores.frame)
    assert not np.array_equal(*rows)


def test_weights_that_were_swapped_are_refused(kind, tmp_path):
    backbone, inputs = kind
    checkpoint = checkpoint_of(backbone, inputs)
    name, tensor = next(iter(checkpoint.backbone.items()))
    with pytest.raises(ValueError, match="not those that the recipe names"):
        save_checkpoint(replace(checkpoint, backbone={**checkpoint.backbone, name: tensor + 1}), tmp_path / "a")
    save_checkpoint(checkpoint, tmp_path / "b")
    with safe_open(tmp_path / "b", framework="pt") as file:
        tensors, metadata = {key: file.get_tensor(key) for key in file.keys()}, file.metadata()  # noqa: SIM118
    tensors[f"backbone.{name}"] += 1
    save_file(tensors, tmp_path / "b", metadata)
    with pytest.raises(CheckpointError, match="was changed after it was written"):
        load_checkpoint(tmp_path / "b")
