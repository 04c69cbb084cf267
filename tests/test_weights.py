"""Weights of backbones: what does not fit, what is no weights and what is a program is refused."""

import os
import pickle

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from vtn_stream.backbone import FrameEncoder
from vtn_stream.errors import BackboneError, InputError


def noise(encoder, num, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (num, *encoder.size, 3), np.uint8)


@pytest.mark.parametrize(
    ("name", "cure"),
    [("resnet5O", "did you mean resnet50"), ("tf_efficientnet_lit0", "tf_efficientnet_lite0"), ("!?", "list_models")],
)
def test_an_unknown_name_is_answered_with_the_nearest(name, cure):
    with pytest.raises(BackboneError, match=cure):
        FrameEncoder(name)


def test_a_gpu_that_is_not_there_is_an_input_error(monkeypatch, tiny):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="no CUDA device"):
        FrameEncoder(tiny, device="cuda")


def test_the_weights_of_another_network_are_refused(tiny, tmp_path):
    save_file(timm.create_model("test_resnet").state_dict(), tmp_path / "w.safetensors")
    with pytest.raises(BackboneError, match=f"the weights do not fit {tiny}"):
        FrameEncoder(tiny, weights=tmp_path / "w.safetensors")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda t: t.pop("conv_stem.weight"), "1 tensors are missing, the first is conv_stem.weight"),
        (lambda t: t.update({"extra.weight": torch.zeros(1)}), "1 tensors are unknown, the first is extra.weight"),
        (lambda t: t.update({"conv_stem.weight": torch.zeros(1)}), "1 tensors are of another shape"),
        (lambda t: t.update({"epoch": 7}), "do not fit"),
        (lambda t: t.update({"conv_stem.weight": "zeros"}), "do not fit|missing"),
        (lambda t: t.clear(), "tensors are missing"),
    ],
)
def test_weights_that_do_not_fit_are_told_by_the_first_tensor(tiny, tiny_weights, tmp_path, change, problem):
    tensors = load_file(tiny_weights)
    change(tensors)
    torch.save(tensors, tmp_path / "w.pth")
    with pytest.raises(BackboneError, match=problem):
        FrameEncoder(tiny, weights=tmp_path / "w.pth")


def test_weights_that_give_no_finite_embeddings_are_refused(encoder, tiny, tiny_weights, tmp_path):
    tensors = load_file(tiny_weights)
    tensors["conv_stem.weight"][:] = float("nan")
    save_file(tensors, tmp_path / "w.safetensors")
    broken = FrameEncoder(tiny, weights=tmp_path / "w.safetensors", device="cpu")
    with pytest.raises(BackboneError, match="not finite"):
        broken(noise(encoder, 1))


class Program:
    """A pickle that does something when it is read."""

    def __init__(self, mark):
        self.mark = str(mark)

    def __reduce__(self):
        return os.mkdir, (self.mark,)


@pytest.mark.parametrize("packaging", ["torch.save", "pickle"])
@pytest.mark.parametrize("suffix", [".pth", ".bin", ".safetensors"])
def test_a_program_in_the_weights_is_refused_and_not_run(tiny, tmp_path, packaging, suffix):
    path = tmp_path / f"w{suffix}"
    content = {"conv_stem.weight": Program(tmp_path / "it ran")}
    if packaging == "pickle":
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path)
    with pytest.raises(BackboneError, match=f"{path.name} cannot be read as weights"):
        FrameEncoder(tiny, weights=path)
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("kind", ["missing", "empty", "text", "folder", "list", "half"])
def test_a_file_that_is_no_weights_is_a_backbone_error(tiny, tiny_weights, tmp_path, suffix, kind):
    path = tmp_path / f"w{suffix}"
    if kind in {"empty", "text"}:
        path.write_bytes(b"weights" if kind == "text" else b"")
    elif kind == "folder":
        path.mkdir()
    elif kind == "list":
        torch.save([1, 2, 3], path)
    elif kind == "half":
        torch.save(load_file(tiny_weights), path)
        if suffix == ".safetensors":
            path.write_bytes(tiny_weights.read_bytes())
        os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(BackboneError, match="no such file" if kind == "missing" else "cannot be read as weights"):
        FrameEncoder(tiny, weights=path)
