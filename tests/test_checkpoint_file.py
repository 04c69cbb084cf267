"""Files that are not checkpoints: whatever is wrong with one, it is refused in one line."""

import json
import math
import random
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_checkpoints import (  # noqa: F401  (fixtures among them)
    LABELS,
    backbone,
    metadata,
    model,
    rewrite,
    saved,
    tiny_checkpoint,
)

from vtn_stream.checkpoints import file as checkpoint_file
from vtn_stream.checkpoints import load_checkpoint, save_checkpoint
from vtn_stream.errors import CheckpointError
from vtn_stream.track import OperatingPoint, OperatingPoints


def refusal(path, match=None):
    """The one line that a refused file gives."""
    with pytest.raises(CheckpointError, match=match) as caught:
        load_checkpoint(path)
    line = str(caught.value)
    assert path.name in line
    assert str(path.parent) not in line
    assert "\n" not in line
    return line


def forge(path, fields, tensors=None):
    """As `rewrite`, with a checksum that agrees."""
    fields = {name: value for name, value in fields.items() if name != "digest"}
    tensors = load_file(path) if tensors is None else tensors
    digest = checkpoint_file._digest(checkpoint_file.canonical(fields), tensors)
    rewrite(path, {**fields, "digest": digest}, tensors)


# ---- what is no model


ANY_LABELS = OperatingPoints(common=OperatingPoint(high=0.5, low=0.5))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"labels": ("a", "b")}, "2 labels, and a head of 3"),
        ({"labels": ("a", "b", "a")}, "same"),
        ({"labels": ("a", "b", " ")}, "empty"),
        ({"operating_points": replace(ANY_LABELS, own={"d": OperatingPoint(high=1, low=1)})}, "an unknown label: d"),
        ({"points": {"x": replace(ANY_LABELS, own={"d": OperatingPoint(high=1, low=1)})}}, "an unknown label: d"),
        *(({"points": {name: ANY_LABELS}}, "cannot be asked for") for name in ("", "default", "-x", "a b", "é")),
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
        refusal(other, "not a complete safetensors file")
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
    refusal(saved, "version 7, this release reads versions 1 and 2")


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
    ("points", {}),  # of version 2 only
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
    with pytest.raises(ValueError, match=r"without their own values encoder\.layers\.\d\.key\.weight$"):
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
