"""Files that are not of the published weights' layout are refused in one line, and no program runs."""

import pickle
from pathlib import Path

import pytest
import torch
from published_layout import small, write  # noqa: F401  (fixtures among them)

from vtn_stream.checkpoints import published
from vtn_stream.checkpoints.published import import_published
from vtn_stream.errors import CheckpointError


def refusal(path):
    with pytest.raises(CheckpointError) as caught:
        import_published(path)
    assert str(path.parent) not in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_every_tensor_that_differs_is_named(tmp_path, small):
    state = small()
    del state["mlp_head.1.bias"], state["backbone.blocks.5.attn.qkv.weight"], state["cls_token"]
    state["temporal_encoder.pooler.dense.weight"] = torch.zeros(1)
    state["backbone.head.weight"] = torch.zeros(1)
    state["temporal_encoder.encoder.layer.1.output.dense.bias"] = torch.zeros(63)
    state["backbone.norm.bias"] = torch.zeros(1, 64)
    state["backbone.norm.weight"] = torch.zeros(64, dtype=torch.float16)
    state["mlp_head.0.bias"] = "text"
    said = refusal(write(tmp_path / "x.pyth", state))
    assert "missing cls_token, mlp_head.1.bias and backbone.blocks.5.attn.qkv.weight;" in said
    assert "unexpected temporal_encoder.pooler.dense.weight and backbone.head.weight;" in said
    assert "of another shape temporal_encoder.encoder.layer.1.output.dense.bias and backbone.norm.bias;" in said
    assert "not float32 mlp_head.0.bias and backbone.norm.weight;" in said


def test_a_layer_that_lacks_is_named(tmp_path, small):
    state = {name: tensor for name, tensor in small().items() if "encoder.layer.1." not in name}
    said = refusal(write(tmp_path / "x.pyth", state))
    for name in small():
        assert (f" {name}" in said) == (".layer.1." in name or ".layer.2." in name), name


def test_weights_that_are_not_finite(tmp_path, small):
    state = small(num_layers=1)
    state["mlp_head.4.bias"] = torch.full((400,), torch.nan)
    assert "not finite mlp_head.4.bias" in refusal(write(tmp_path / "x.pyth", state))


TRICKS = {
    "on no device": lambda t: t.to("meta"),
    "one number, repeated": lambda t: torch.zeros(1).expand(t.shape),
    "one number, 2^61 times": lambda t: torch.zeros(1).expand(1 << 61),
    "2^62 times nothing": lambda t: torch.zeros(1 << 62, 0),
    "sparse": lambda t: t.to_sparse(),
    "to be negated": lambda t: torch._neg_view(torch.zeros(t.shape)),
    "a number": lambda t: torch.tensor(1.0),
    "nested": lambda t: torch._nested_tensor_from_tensor_list([torch.zeros(2), torch.zeros(3)]),
    "a window": lambda t: torch.zeros(t.numel() + 1).as_strided((t.numel(), 2), (1, 1)),
}
SIZES = (
    "mlp_head.4.bias",
    "temporal_encoder.embeddings.position_embeddings.weight",
    "temporal_encoder.encoder.layer.0.intermediate.dense.bias",
)


@pytest.mark.filterwarnings("ignore")  # torch's, of nested tensors
@pytest.mark.parametrize("name", [*SIZES, "mlp_head.1.bias", "backbone.norm.weight"])
@pytest.mark.parametrize("trick", TRICKS)
def test_tensors_that_are_none_are_refused(tmp_path, small, name, trick):
    state = small(num_layers=1)
    state[name] = TRICKS[trick](state[name])
    assert "does not have the published layout" in refusal(write(tmp_path / "x.pyth", state))


def test_tensors_in_the_memory_of_another_are_refused(tmp_path, small):
    state = small(num_layers=1)
    state["mlp_head.1.weight"] = state["mlp_head.4.weight"][:64]
    assert "without their own values mlp_head." in refusal(write(tmp_path / "x.pyth", state))


def test_a_million_layers_are_refused_at_once(tmp_path, small, monkeypatch):
    state = small(num_layers=1)
    state |= {f"temporal_encoder.encoder.layer.{k}.x": torch.tensor(0) for k in range(1, 101)}
    monkeypatch.setattr(published, "_wanted", lambda *_: pytest.fail("a network of all of them is built"))
    assert "has 101 layers" in refusal(write(tmp_path / "x.pyth", state))


@pytest.mark.parametrize("content", [[], {}, {"model_state": 3}, {"model_state": {3: 4}}, {"model_state": {}}])
def test_files_of_another_layout(tmp_path, content):
    torch.save(content, tmp_path / "x.pyth")
    assert "does not have the published layout" in refusal(tmp_path / "x.pyth")


def test_files_that_are_no_weights(tmp_path):
    assert "does not exist" in refusal(tmp_path / "absent.pyth")
    assert "is not a file" in refusal(tmp_path)
    assert "does not exist" in refusal(tmp_path / ("x" * 300))
    whole = write(tmp_path / "whole.pyth", {"cls_token": torch.zeros(1, 1, 768)}).read_bytes()
    cut = tmp_path / "cut.pyth"
    for content in (b"", b"\x80", b"PK\x03\x04", whole[: len(whole) // 2], whole[:-30], b"<html>" * 99):
        cut.write_bytes(content)
        assert "cannot be read as weights" in refusal(cut)


class Program:
    """Unpickled by the ordinary loader, it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("how", ["pickle", "torch", "old torch"])
def test_a_program_is_refused_and_not_run(tmp_path, how, wrapped):
    trace, file = tmp_path / "it ran", tmp_path / "x.pyth"
    program = Program(trace)
    content = {"model_state": {"cls_token": torch.zeros(1, 1, 768)}, "optimizer_state": program} if wrapped else program
    if how == "pickle":
        file.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, file, _use_new_zipfile_serialization=how == "torch")
    assert "pickled programs are refused" in refusal(file)
    assert not trace.exists()
    if how == "torch":
        torch.load(file, weights_only=False)
        assert trace.exists()  # it would have
