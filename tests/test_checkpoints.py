"""Checkpoints: what is saved comes back, and an old file outlives what cannot be written."""

import errno
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from tiny_checkpoints import (  # noqa: F401  (fixtures among them)
    LABELS,
    backbone,
    metadata,
    model,
    saved,
    tiny_checkpoint,
)

from vtn_stream.backbone import FrameEncoder
from vtn_stream.checkpoints import file as checkpoint_file
from vtn_stream.checkpoints import load_checkpoint, save_checkpoint
from vtn_stream.errors import CheckpointError
from vtn_stream.model import VTN
from vtn_stream.sampling import ClipWindow
from vtn_stream.track import OperatingPoint

# ---- what is saved comes back


def test_everything_comes_back(model, saved):
    loaded = load_checkpoint(saved)
    for name in ("config", "labels", "recipe", "window", "operating_points", "training", "backbone"):
        assert getattr(loaded, name) == getattr(model, name), name
    assert loaded.tensors.keys() == model.tensors.keys()
    for name, tensor in model.tensors.items():
        assert torch.equal(loaded.tensors[name], tensor), name


@pytest.mark.parametrize("positions", ["native", "learned", "sinusoidal", "none"])
def test_the_network_computes_what_the_saved_one_did(tiny, tmp_path, positions):
    model = tiny_checkpoint(tiny, positions=positions)
    save_checkpoint(model, tmp_path / "m")
    network = load_checkpoint(tmp_path / "m").network()
    assert not network.training
    assert network.backbone is None
    original = VTN(model.config).eval()
    original.load_state_dict(model.tensors)
    inputs = torch.randn(2, 7, 12), torch.arange(7).expand(2, 7) * 3
    with torch.no_grad():
        assert torch.equal(network.classify(*inputs), original.classify(*inputs))


def test_a_network_can_be_trained_and_the_file_stays(saved):
    before = saved.read_bytes()
    network = load_checkpoint(saved).network().train()
    network.classify(torch.randn(1, 5, 12), torch.arange(5)[None]).sum().backward()
    for parameter in (network.encoder.cls_token, network.head.out.weight):
        parameter.data.sub_(parameter.grad + 1)
    assert saved.read_bytes() == before
    assert load_checkpoint(saved).digest == metadata(saved)["digest"]


def test_the_same_model_gives_the_same_bytes(model, saved, tmp_path):
    shuffled = replace(model, tensors=dict(reversed(model.tensors.items())), training=dict(model.training))
    save_checkpoint(shuffled, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == saved.read_bytes()
    save_checkpoint(load_checkpoint(saved), tmp_path / "and again")
    assert (tmp_path / "and again").read_bytes() == saved.read_bytes()


def test_the_digest_is_of_all_of_it(model, tiny, tmp_path):
    others = [
        model,
        tiny_checkpoint(tiny, seed=1),
        replace(model, labels=LABELS[::-1]),
        replace(model, recipe=replace(model.recipe, fps=3)),
        replace(model, window=ClipWindow(num_positions=16, stride=9)),
        replace(model, operating_points=replace(model.operating_points, common=OperatingPoint(high=0.5, low=0.5))),
        replace(model, operating_points=replace(model.operating_points, own={})),
        replace(model, training={}),
    ]
    digests = set()
    for other in others:
        save_checkpoint(other, tmp_path / "m")
        digests.add(load_checkpoint(tmp_path / "m").digest)
    assert len(digests) == len(others)


def test_a_backbone_inside_is_what_a_frame_encoder_takes(tiny, backbone, tmp_path):
    save_checkpoint(tiny_checkpoint(tiny, backbone=backbone), tmp_path / "m")
    loaded = load_checkpoint(tmp_path / "m")
    encoder = FrameEncoder(tiny, weights=loaded.backbone, recipe=loaded.recipe, device="cpu")
    assert encoder.recipe(loaded.recipe.fps) == loaded.recipe


@pytest.mark.release
def test_loading_a_model_without_backbone_needs_neither_timm_nor_transformers(saved):
    code = (
        "import sys; from pathlib import Path; from vtn_stream.checkpoints import load_checkpoint\n"
        "load_checkpoint(Path(sys.argv[1])).network()\n"
        "print([m for m in ('timm', 'transformers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, saved], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# ---- writing


def test_a_folder_that_cannot_be_written(model, read_only_folder):
    with pytest.raises(CheckpointError, match=r"^m\.safetensors cannot be written"):
        save_checkpoint(model, read_only_folder / "m.safetensors")


def test_others_may_read_it_as_any_new_file(saved):
    beside = saved.with_name("other")
    beside.touch()
    assert saved.stat().st_mode == beside.stat().st_mode


def test_a_full_disk_leaves_the_old_file(model, saved, tiny, monkeypatch):
    before = saved.read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint_file.os, "fsync", full)
    with pytest.raises(CheckpointError, match="No space left"):
        save_checkpoint(tiny_checkpoint(tiny, seed=1), saved)
    assert saved.read_bytes() == before
    assert [p.name for p in saved.parent.iterdir()] == [saved.name]
