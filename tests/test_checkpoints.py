"""Checkpoints: what is saved comes back, and any other file is refused in one line."""

import errno
import json
import math
import random
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from vtn_stream.backbone import FrameEncoder, weights_digest
from vtn_stream.checkpoints import FORMAT_VERSION, Checkpoint, find_model, load_checkpoint, save_checkpoint
from vtn_stream.checkpoints import file as checkpoint_file
from vtn_stream.checkpoints.catalogue import file_of, models_folder, stored_models
from vtn_stream.errors import CheckpointError
from vtn_stream.model import VTN, ClassificationConfig, EncoderConfig, VTNConfig
from vtn_stream.sampling import ClipWindow
from vtn_stream.track import CENTRE_CROP, OperatingPoint, OperatingPoints, Recipe

LABELS = ("making tea", "épée", "[bold]割る\n")


def tiny_checkpoint(tiny, *, seed=0, backbone=None, positions="native"):
    torch.manual_seed(seed)
    encoder = EncoderConfig(
        input_width=12,
        width=8,
        num_heads=2,
        feedforward_width=16,
        attention_windows=(4, 6),
        positions=positions,
        num_positions=20,
    )
    config = VTNConfig(backbone=tiny, encoder=encoder, head=ClassificationConfig(num_classes=3))
    recipe = Recipe(
        backbone=tiny,
        weights="0" * 32 if backbone is None else weights_digest(backbone),
        fps=Fraction(25, 8),
        size=(160, 160),
        mean=(0.45, 0.45, 0.45),
        std=(0.225, 0.225, 0.225),
        geometry=CENTRE_CROP,
    )
    return Checkpoint(
        config=config,
        labels=LABELS,
        recipe=recipe,
        window=ClipWindow(num_positions=16, stride=8, position_rate=Fraction(25)),
        operating_points=OperatingPoints(
            common=OperatingPoint(high=0.5, low=0.25), own={"épée": OperatingPoint(high=0.75, low=0.125)}
        ),
        training={"source": "these tests", "epochs": 3, "notes": [None, 0.5, {"a": True}]},
        tensors=VTN(config).state_dict(),
        backbone=backbone,
    )


@pytest.fixture
def model(tiny):
    return tiny_checkpoint(tiny)


@pytest.fixture
def saved(model, tmp_path):
    path = tmp_path / "model.safetensors"
    save_checkpoint(model, path)
    return path


@pytest.fixture
def backbone(tiny_weights, tiny):
    return {name: t for name, t in load_file(tiny_weights).items() if not name.startswith("classifier")}


def refusal(path, match=None):
    """The one line that a refused file gives."""
    with pytest.raises(CheckpointError, match=match) as caught:
        load_checkpoint(path)
    line = str(caught.value)
    assert path.name in line
    assert str(path.parent) not in line
    assert "\n" not in line
    return line


def metadata(path):
    with safe_open(path, "pt") as file:
        return json.loads(file.metadata()["vtn-stream"])


def rewrite(path, fields, tensors=None):
    """The file with another description: a dict, or any text."""
    text = fields if isinstance(fields, str) else json.dumps(fields)
    beside = path.with_suffix(".new")  # the tensors are mapped from the old file
    save_file(load_file(path) if tensors is None else tensors, beside, {"vtn-stream": text})
    beside.replace(path)


def forge(path, fields, tensors=None):
    """As `rewrite`, with a checksum that agrees."""
    fields = {name: value for name, value in fields.items() if name != "digest"}
    tensors = load_file(path) if tensors is None else tensors
    digest = checkpoint_file._digest(checkpoint_file.canonical(fields), tensors)
    rewrite(path, {**fields, "digest": digest}, tensors)


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


def test_loading_a_model_without_backbone_needs_neither_timm_nor_transformers(saved):
    code = (
        "import sys; from pathlib import Path; from vtn_stream.checkpoints import load_checkpoint\n"
        "load_checkpoint(Path(sys.argv[1])).network()\n"
        "print([m for m in ('timm', 'transformers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, saved], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# ---- what is no model

ANY_LABELS = OperatingPoints(common=OperatingPoint(high=0.5, low=0.5))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"labels": ("a", "b")}, "2 labels, and a head of 3"),
        ({"labels": ("a", "b", "a")}, "same"),
        ({"labels": ("a", "b", " ")}, "empty"),
        ({"operating_points": replace(ANY_LABELS, own={"d": OperatingPoint(high=1, low=1)})}, "of no label: d"),
    ],
)
def test_parts_that_disagree_are_no_checkpoint(model, wrong, said):
    with pytest.raises(ValueError, match=said):
        replace(model, **{"operating_points": ANY_LABELS} | wrong)


def test_what_is_not_the_network_is_not_saved(model, backbone, tmp_path):
    tensors = dict(model.tensors)
    del tensors["head.out.bias"]
    tensors["encoder.extra"] = torch.zeros(2)
    with pytest.raises(ValueError, match=r"missing head\.out\.bias; unexpected encoder\.extra"):
        save_checkpoint(replace(model, tensors=tensors), tmp_path / "m")
    with pytest.raises(ValueError, match=r"not finite encoder\.cls_token"):
        save_checkpoint(
            replace(model, tensors={**model.tensors, "encoder.cls_token": torch.full((8,), math.nan)}), tmp_path / "m"
        )
    with pytest.raises(ValueError, match="recipe"):
        save_checkpoint(replace(model, backbone=backbone), tmp_path / "m")
    with pytest.raises(ValueError, match="JSON"):
        save_checkpoint(replace(model, training={"loss": math.nan}), tmp_path / "m")
    assert not list(tmp_path.iterdir())


def test_files_that_are_none(saved, tmp_path):
    whole = saved.read_bytes()
    refusal(tmp_path / "absent", "does not exist")
    (tmp_path / "folder").mkdir()
    refusal(tmp_path / "folder", "is not a file")
    other = tmp_path / "other.safetensors"
    for content in (b"", b"\x00", whole[:7], whole[:100], whole[:-1], whole + b"\x00", b"{}" * 50, b"\xff" * 999):
        other.write_bytes(content)
        refusal(other, "no safetensors file")
    other.unlink()
    save_file({"encoder.cls_token": torch.zeros(8)}, other)
    refusal(other, "weights only")
    torch.save({"model_state": {}}, other)
    assert "vtn-stream models import" in refusal(other)


@pytest.mark.parametrize("kind", ["F8_E4M3", "F8_E8M0", "F4", "C64", "BOOL", "U64", "F64", "BF16", "I32"])
@pytest.mark.parametrize("name", ["head.out.bias", "backbone.x"])
def test_tensors_of_other_kinds_are_refused(saved, kind, name):
    shape = [16] if kind == "F4" else [8 // {"F8_E4M3": 1, "F8_E8M0": 1, "BOOL": 1, "BF16": 2, "I32": 4}.get(kind, 8)]
    fields = {"vtn-stream": json.dumps(metadata(saved))}
    header = json.dumps({"__metadata__": fields, name: {"dtype": kind, "shape": shape, "data_offsets": [0, 8]}})
    saved.write_bytes(len(header).to_bytes(8, "little") + header.encode() + bytes(8))
    refusal(saved)


@pytest.mark.parametrize("shape", [[1 << 62, 0], [(1 << 64) - 1, 0], [0] * 10_000, [-1], [1.5], "8", None])
def test_shapes_that_are_none(saved, shape):
    header = json.dumps({"encoder.cls_token": {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]}})
    saved.write_bytes(len(header).to_bytes(8, "little") + header.encode())
    refusal(saved)


def test_a_backbone_of_another_type_is_refused(tiny, backbone, tmp_path):
    path = tmp_path / "m"
    save_checkpoint(tiny_checkpoint(tiny, backbone=backbone), path)
    tensors = load_file(path)
    tensors["backbone.bn1.weight"] = tensors["backbone.bn1.weight"].half()
    forge(path, metadata(path), tensors)
    refusal(path, r"neither float32 nor int64 bn1\.weight of the backbone")


def test_another_format_version_is_named(saved):
    fields = metadata(saved)
    rewrite(saved, {**fields, "format": 7, "more": 1})
    refusal(saved, f"version 7, this release reads version {FORMAT_VERSION}")


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "1", '"format"', "{}", '{"format": true}', "[" * 100_000, '{"format": 1}', "\x00"],
)
def test_descriptions_that_are_none(saved, text):
    rewrite(saved, text)
    refusal(saved, "description")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_are_none(saved, number):
    rewrite(saved, json.dumps(metadata(saved)).replace('"epochs": 3', f'"epochs": {number}'))
    refusal(saved, "broken JSON")


def test_half_a_character_is_refused(saved):
    rewrite(saved, json.dumps(metadata(saved)).replace("making tea", "\\ud83d"))
    refusal(saved, "broken JSON")


WRONG = [
    *[(path, value) for path in ("config", "recipe", "window", "operating_point") for value in (None, [], {}, "x", 3)],
    *[(f"config.encoder.{n}", v) for n in ("width", "num_heads", "num_positions") for v in (0, -1, 1.5, "8", True)],
    ("config.encoder.attention_windows", []),
    ("config.encoder.attention_windows", [4, 5]),
    ("config.encoder.attention_windows", "44"),
    ("config.encoder.attention_windows", [4] * 1000),
    ("config.encoder.width", 1 << 40),
    ("config.encoder.width", 1 << 70),
    ("config.encoder.dropout", "0"),
    ("config.encoder.positions", "rotary"),
    ("config.encoder.surprise", 1),
    ("config.head.kind", "oracle"),
    ("config.head.num_classes", 4),
    ("config.backbone", 5),
    ("config.backbone", "another"),
    ("labels", "abc"),
    ("labels", ["a", "b"]),
    ("labels", ["a", "b", 3]),
    ("labels", ["a", "b", "b"]),
    ("labels", ["a", "b", ""]),
    ("recipe.fps", 3),
    ("recipe.fps", "0"),
    ("recipe.fps", "-1"),
    ("recipe.fps", "1/0"),
    ("recipe.fps", "1e999999999"),
    ("recipe.fps", "999999999"),
    ("recipe.size", [224]),
    ("recipe.size", [224, 0]),
    ("recipe.size", [224, 1 << 20]),
    ("recipe.mean", [0.5]),
    ("recipe.std", [0.5, 0.5, 0]),
    ("recipe.std", [0.5, 0.5, None]),
    ("recipe.geometry", "stretch"),
    ("recipe.colour", "BGR"),
    ("recipe.weights", 7),
    ("window.num_positions", 0),
    ("window.num_positions", 7),
    ("window.num_positions", 1 << 60),
    ("window.num_positions", 16.0),
    ("window.stride", 0),
    ("window.position_rate", "0"),
    ("window.position_rate", 25),
    ("window.surprise", 1),
    ("operating_point.high", 1.5),
    ("operating_point.high", True),
    ("operating_point.low", "0.1"),
    ("operating_points", []),
    ("operating_points", {"épée": 1}),
    ("operating_points", {"another": {"high": 0.5, "low": 0.5}}),
    ("training", [1]),
    ("surprise", 1),
]


@pytest.mark.parametrize(("path", "value"), WRONG)
def test_fields_that_are_none(saved, path, value):
    fields = metadata(saved)
    *outer, last = path.split(".")
    inner = fields
    for name in outer:
        inner = inner[name]
    assert repr(inner.get(last)) != repr(value)
    inner[last] = value
    forge(saved, fields)
    assert "checksum" not in refusal(saved)


def test_the_fields_as_they_were_are_not_refused(saved):
    forge(saved, metadata(saved))
    assert load_checkpoint(saved).labels == LABELS


@pytest.mark.parametrize("digest", [None, 3, "", "0" * 32])
def test_another_checksum_is_refused(saved, digest):
    rewrite(saved, {**metadata(saved), "digest": digest})
    refusal(saved, "checksum|digest")


@pytest.mark.parametrize("name", ["format", "digest", "config", "labels", "recipe", "window", "training"])
def test_a_field_that_lacks_is_named(saved, name):
    fields = metadata(saved)
    del fields[name]
    rewrite(saved, fields)
    refusal(saved, name)


def test_all_tensors_that_do_not_fit_are_named(saved):
    tensors = load_file(saved)
    del tensors["head.norm.weight"], tensors["encoder.layers.1.key.bias"]
    tensors |= {"head.more": torch.zeros(1), "stranger": torch.zeros(1), "encoder.cls_token": torch.zeros(1, 8)}
    tensors |= {"head.out.weight": torch.zeros(3, 8, dtype=torch.float16), "head.out.bias": torch.zeros(3).long()}
    rewrite(saved, metadata(saved), tensors)
    said = refusal(saved)
    assert "missing encoder.layers.1.key.bias and head.norm.weight;" in said
    assert "unexpected head.more and stranger;" in said
    assert "of another shape encoder.cls_token;" in said
    assert "not float32 head.out.weight and head.out.bias;" in said


def test_another_backbone_than_the_recipes_is_refused(tiny, backbone, tmp_path):
    path = tmp_path / "m"
    save_checkpoint(tiny_checkpoint(tiny, backbone=backbone), path)
    tensors = load_file(path)
    tensors[f"backbone.{min(backbone)}"] += 1
    forge(path, metadata(path), tensors)
    refusal(path, "another backbone")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("config.head.kind", "k" * 1_000_000),
        ("recipe.geometry", "g" * 1_000_000),
        ("n" * 1_000_000, 1),
        ("format", 10**4000),
    ],
)
def test_what_a_file_says_is_cut_in_an_error(saved, path, value):
    fields = metadata(saved)
    *outer, last = path.split(".")
    inner = fields
    for name in outer:
        inner = inner[name]
    inner[last] = value
    rewrite(saved, fields)
    assert len(refusal(saved)) < 400


def test_a_tensors_name_is_cut_in_an_error(saved):
    forge(saved, metadata(saved), load_file(saved) | {"encoder." + "n" * 1_000_000: torch.zeros(1)})
    assert len(refusal(saved, r"unexpected encoder\.n+\.\.\.")) < 400


def test_tensors_that_share_memory_are_not_saved(model, tmp_path):
    tied = model.tensors["encoder.layers.0.key.weight"]
    with pytest.raises(ValueError, match=r"without values of their own encoder\.layers\.\d\.key\.weight$"):
        save_checkpoint(replace(model, tensors={**model.tensors, "encoder.layers.1.key.weight": tied}), tmp_path / "m")


# ---- damage


def assert_same_or_refused(path, original):
    """What is believed of a changed file is what was written."""
    try:
        loaded = load_checkpoint(path)
    except CheckpointError:
        return
    assert loaded.digest == original.digest
    for name in ("config", "labels", "recipe", "window", "operating_points", "training"):
        assert getattr(loaded, name) == getattr(original, name)
    assert loaded.tensors.keys() == original.tensors.keys()
    assert all(torch.equal(loaded.tensors[name], tensor) for name, tensor in original.tensors.items())


def test_any_changed_byte_is_noticed(saved):
    original, whole = load_checkpoint(saved), saved.read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    description = whole.index(b"vtn-stream") + 20
    chosen = random.Random(0)
    for place in chosen.choices(range(header, len(whole)), k=60):
        saved.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << chosen.randrange(8)]) + whole[place + 1 :])
        refusal(saved, "was changed|not finite")
    for place in [*range(12), *chosen.choices(range(description, header), k=150)]:
        saved.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << chosen.randrange(8)]) + whole[place + 1 :])
        assert_same_or_refused(saved, original)


def test_mutilated_files_give_one_error_only(saved):
    original, whole = load_checkpoint(saved), saved.read_bytes()
    chosen = random.Random(1)
    for _ in range(300):
        content = bytearray(whole)
        for _ in range(chosen.randint(1, 4)):
            start = chosen.randrange(len(content)) if chosen.random() < 0.3 else chosen.randrange(6000)
            stop = start + chosen.choice([0, 1, 8, 300])
            content[start:stop] = chosen.choice([b"", b"9", b"\x00", b'"', b"[", b"\xff" * 8, bytes(content[:40])])
        saved.write_bytes(content)
        assert_same_or_refused(saved, original)


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


# ---- names


def test_the_models_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.delenv("VTN_STREAM_MODELS", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert str(models_folder()) == "/home/somebody/.local/share/vtn-stream/models"
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert str(models_folder()) == "/data/vtn-stream/models"
    monkeypatch.setenv("VTN_STREAM_MODELS", str(tmp_path))
    assert models_folder() == tmp_path


def test_a_model_is_found_by_name_and_by_path(tmp_path, monkeypatch):
    folder = tmp_path / "models"
    assert stored_models(folder) == {}
    folder.mkdir()
    for name in ("tennis.safetensors", "tea.v2.safetensors", ".hidden.safetensors", "half.part"):
        (folder / name).touch()
    (folder / "a folder.safetensors").mkdir()
    assert list(stored_models(folder)) == ["tea.v2", "tennis"]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tennis").touch()
    (tmp_path / "elsewhere.safetensors").touch()
    assert find_model("tennis", folder) == folder / "tennis.safetensors"
    assert find_model("tea.v2", folder) == folder / "tea.v2.safetensors"
    for path in ("elsewhere.safetensors", "./tennis", tmp_path / "tennis"):
        assert find_model(path, folder).samefile(path)


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("tenis", "did you mean tennis?"),
        ("vtn-vit-b-k400", "`vtn-stream models pull vtn-vit-b-k400`"),
        ("vtn-vit-k400", "did you mean vtn-vit-b-k400?"),
        ("zzz", "models ls"),
        ("../models/tennis", "check the path"),
        ("tennis.safetensors", "check the path"),
        ("", "check the path"),
        ("ten\x1bnis\x00", "check the path"),
    ],
)
def test_a_model_that_is_not_there(tmp_path, name, cure):
    (tmp_path / "tennis.safetensors").touch()
    with pytest.raises(CheckpointError) as caught:
        find_model(name, tmp_path)
    assert cure in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def test_a_path_that_no_system_takes_is_no_model(tmp_path):
    with pytest.raises(CheckpointError, match="does not exist"):
        find_model(f"{'x' * 300}/y", tmp_path)


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "/x", "a\\b", "a b", ".a", "a" * 101, "a\n", "é"])
def test_what_is_no_name_leads_nowhere(tmp_path, name):
    with pytest.raises(CheckpointError, match="no name"):
        file_of(name, tmp_path)
