"""Names of networks and files of weights, told apart before torch loads; tags; sizes."""

import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from console_script import modules_after
from safetensors.torch import save_file

from vtn_stream.analysis import Analyzer, Settings
from vtn_stream.backbone import FrameEncoder, check_asked, skeleton
from vtn_stream.backbone.names import _listed, check_name
from vtn_stream.errors import BackboneError, InputError
from vtn_stream.track import Recipe


def test_the_names_are_those_that_timm_lists():
    networks, tagged = _listed()
    assert networks == set(timm.list_models())
    by_timm = set(timm.list_models(pretrained=True))
    told = {name for name in by_timm if name in tagged}
    untold = {name.partition(".")[0] for name in by_timm - told}
    assert len(told) > 0.95 * len(by_timm)
    assert not untold & {name.partition(".")[0] for name in told}  # of these networks timm itself is asked


@pytest.mark.parametrize("name", ["resnet50", "vit_small_patch14_dinov2.lvd142m", "resnet50.a1_in1k"])
def test_a_network_may_have_a_tag(name):
    check_name(name)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("vit_small_patch14_dinov2.lvd143m", "did you mean vit_small_patch14_dinov2.lvd142m"),
        ("resnet5O.a1_in1k", "did you mean resnet50"),
        ("vit_base_patch16_clip_quickgelu_224.opanai", "vit_base_patch16_clip_quickgelu_224.openai"),
        ("test_efficientnet.", "did you mean test_efficientnet"),
        ("resnet50.", "did you mean resnet50"),
        ("../resnet50", "resnet50"),
        ("", "list_models"),
    ],
)
def test_a_wrong_name_is_told_with_the_nearest(name, near):
    with pytest.raises(BackboneError, match=near):
        check_name(name)


def test_tags_that_timm_makes_in_a_loop_are_asked_of_it():
    check_name("vit_base_patch16_clip_quickgelu_224.openai")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "no such file"),
        (b"", "the file is empty"),
        (b"these are no weights at all", "neither safetensors nor"),
        ((1 << 40).to_bytes(8, "little") + b"{}", "neither safetensors nor"),
    ],
)
def test_a_file_that_is_no_weights_is_told_by_its_first_bytes(tmp_path, content, why):
    path = tmp_path / "w.pth"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BackboneError, match=rf"w.pth cannot be read as weights \({why}"):
        check_asked(None, path)


def test_a_folder_or_a_pipe_is_no_weights(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, name in ((tmp_path, tmp_path.name), (tmp_path / "pipe", "pipe"), (Path("."), ".")):
        with pytest.raises(BackboneError, match=rf"^{name} .*not a file"):
            check_asked(None, path)


def test_what_holds_weights_passes(tiny_weights, tmp_path):
    tensors = {"x": torch.zeros(3)}
    torch.save(tensors, tmp_path / "new.pth")
    torch.save(tensors, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    for path in (tiny_weights, tmp_path / "new.pth", tmp_path / "old.pth"):
        check_asked(None, path)


@pytest.mark.parametrize("wrong", [["--backbone", "resnet5O"], ["--weights", "missing.pth"], ["--model", "mine"]])
def test_what_is_wrong_is_told_without_torch(film, wrong, tmp_path):
    arguments = ["analyze", str(film), "--store", str(tmp_path / "store"), *wrong]
    found = modules_after(
        f"import sys\nfrom vtn_stream_cli.main import main\nsys.argv = ['vtn-stream', *{arguments!r}]\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert end.code == 1"
    )
    assert {"torch", "timm"}.isdisjoint(found[-2].split())


@pytest.mark.parametrize(
    "arguments", [["models", "ls"], ["models", "info", "cctv-fight"], ["models", "info", "vtn-r50"]]
)
def test_models_are_described_without_torch(arguments):
    found = modules_after(
        f"import sys\nfrom vtn_stream_cli.main import main\nsys.argv = ['vtn-stream', *{arguments!r}]\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert end.code == 0"
    )
    assert found[-2] == ""


# ---- tags in recipes


def test_a_tag_is_in_the_recipe_and_brings_its_statistics(tmp_path):
    """Two tags of one network see pixels of other means: the recipes differ in more than the name."""
    weights = tmp_path / "w.safetensors"
    save_file(timm.create_model("test_vit").state_dict(), weights)
    plain, tagged = (
        FrameEncoder(name, weights=weights, device="cpu").recipe(Fraction(1))
        for name in ("test_vit", "test_vit.r160_in1k")
    )
    assert (plain.backbone, tagged.backbone) == ("test_vit", "test_vit.r160_in1k")
    assert plain.weights == tagged.weights
    assert plain.digest != tagged.digest
    config = timm.get_pretrained_cfg("test_vit.r160_in1k")
    assert tagged.mean == config.mean


def test_recipes_without_a_tag_are_what_they_were():
    recipe = Recipe(
        backbone="tf_efficientnet_lite0",
        weights="12050b2ae780bd60bf4426766ea5a6a8",
        fps=Fraction(2),
        size=(224, 224),
        mean=(0.5,) * 3,
        std=(0.5,) * 3,
    )
    assert recipe.digest == FrameEncoder("tf_efficientnet_lite0", device="cpu").recipe(Fraction(2)).digest


# ---- sizes


@pytest.mark.parametrize(("name", "size"), [("test_efficientnet", 96), ("test_vit", 96), ("test_resnet", 192)])
def test_a_network_looks_at_frames_of_the_size_that_is_asked_for(name, size, tmp_path):
    weights = tmp_path / "w.safetensors"
    save_file(timm.create_model(name).state_dict(), weights)
    own, other = (FrameEncoder(name, weights=weights, size=n, device="cpu") for n in (None, size))
    assert (own.size, other.size) == ((160, 160), (size, size))
    assert other.recipe(Fraction(1)).weights == own.recipe(Fraction(1)).weights
    assert other.recipe(Fraction(1)).digest != own.recipe(Fraction(1)).digest
    values = other(np.random.default_rng(0).integers(0, 256, (5, size, size, 3), np.uint8))
    assert values.shape == (5, own.num_features)
    again = FrameEncoder(name, weights=weights, recipe=other.recipe(Fraction(1)), device="cpu")  # as a model asks
    assert again.size == (size, size)
    same = FrameEncoder(name, weights=weights, size=160, device="cpu")
    assert same.recipe(Fraction(1)) == own.recipe(Fraction(1))


def test_a_transformer_takes_other_sizes_as_far_as_its_patches_fit():
    assert skeleton("deit_tiny_patch16_224", (96, 96)) is not None
    with pytest.raises(BackboneError, match=r"does not take frames of 100 x 100.*multiples of 16"):
        skeleton("deit_tiny_patch16_224", (100, 100))


@pytest.mark.parametrize("name", ["mixer_b16_224", "levit_128"])
def test_a_network_of_one_size_says_so(name):
    with pytest.raises(BackboneError, match=r"does not take frames of 256 x 256; .*its default size is 224 x 224"):
        skeleton(name, (256, 256))


def test_a_model_has_its_own_size(tmp_path):
    analyzer = Analyzer(Settings(model="cctv-fight", size=192, store=tmp_path))
    with analyzer, pytest.raises(InputError, match="reads frames of 224 x 224, and --size is 192"):
        analyzer.load()
