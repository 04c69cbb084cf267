"""The published weights' layout: a file of it, made here, computes in our network what its layout means.

F frames, D = 768, K classes
"""

import hashlib
from fractions import Fraction

import pytest
import timm
import torch
from published_layout import SELF, layout, position_ids, small, write, zeros  # noqa: F401  (fixtures among them)
from torch.nn import functional as F

from vtn_stream.backbone import FrameEncoder
from vtn_stream.checkpoints import catalogue, load_checkpoint, published, save_checkpoint
from vtn_stream.checkpoints.published import add_published, import_published
from vtn_stream.errors import CheckpointError
from vtn_stream.model import VTN
from vtn_stream.sampling import ClipWindow
from vtn_stream.track import OperatingPoint, OperatingPoints, Recipe


def random_state():
    """Weights so large that each of them matters."""
    generator = torch.Generator().manual_seed(0)
    state = {}
    for name, shape in layout().items():
        tensor = torch.empty(shape).normal_(0, 0.03, generator=generator)
        is_gain = name.endswith("weight") and len(shape) == 1
        state[name] = tensor + 1 if is_gain else tensor
    return state | {"temporal_encoder.embeddings.position_ids": position_ids()}


def dense_logits(state, embeddings, ids):
    """What the layout means, every token against every token: embeddings [F, D], native indices [F] -> logits [K]."""

    def linear(name, x):
        return F.linear(x, state[f"{name}.weight"], state[f"{name}.bias"])

    def norm(name, x, eps=1e-12):
        return F.layer_norm(x, (768,), state[f"{name}.weight"], state[f"{name}.bias"], eps)

    def heads(x):
        return x.view(-1, 12, 64).transpose(0, 1)  # [12, 1 + F, 64]

    num = len(embeddings)
    x = torch.cat([state["cls_token"][0], embeddings])
    positions = torch.cat([torch.tensor([286]), ids % 286])
    types = torch.tensor([1] + [0] * num)
    x = x + state["temporal_encoder.embeddings.position_embeddings.weight"][positions]
    x = x + state["temporal_encoder.embeddings.token_type_embeddings.weight"][types]
    x = norm("temporal_encoder.embeddings.LayerNorm", x)
    seen = (torch.arange(1 + num)[:, None] - torch.arange(1 + num)).abs() <= 9
    seen[:, 0] = True
    for layer in range(sum("query.weight" in name for name in state)):
        prefix = f"temporal_encoder.encoder.layer.{layer}"
        q, k, v, q_global, k_global, v_global = (heads(linear(f"{prefix}.attention.self.{n}", x)) for n in SELF)
        frames = ((q @ k.mT / 8).masked_fill(~seen, -torch.inf).softmax(-1) @ v)[:, 1:]
        cls = (q_global[:, :1] @ k_global.mT / 8).softmax(-1) @ v_global
        attended = torch.cat([cls, frames], 1).transpose(0, 1).flatten(1)
        x = norm(f"{prefix}.attention.output.LayerNorm", x + linear(f"{prefix}.attention.output.dense", attended))
        expanded = F.gelu(linear(f"{prefix}.intermediate.dense", x))
        x = norm(f"{prefix}.output.LayerNorm", x + linear(f"{prefix}.output.dense", expanded))
    return linear("mlp_head.4", F.gelu(linear("mlp_head.1", norm("mlp_head.0", x[0], eps=1e-5))))


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """(state, file): 113 million random weights."""
    state = random_state()
    return state, write(tmp_path_factory.mktemp("published") / "full.pyth", state)


@pytest.fixture(scope="module")
def imported(full):
    return import_published(full[1])


# ---- what it computes


def test_the_layout_is_the_released_one():
    shapes = layout()
    assert len(shapes) == 228
    assert len(layout(num_layers=1)) == 184
    del shapes["temporal_encoder.embeddings.position_ids"]
    assert sum(torch.Size(shape).numel() for shape in shapes.values()) == 113_502_352


@torch.inference_mode()
def test_from_pixels_to_logits(full, imported):
    state, _ = full
    pixels = torch.randn(1, 3, 3, 224, 224)
    ids = torch.tensor([0, 8, 300])
    with torch.device("meta"):  # their random weights would take seconds
        vit, ours = (timm.create_model("vit_base_patch16_224", num_classes=0).eval() for _ in range(2))
    own = {n.removeprefix("backbone."): t for n, t in state.items() if n.startswith("backbone.")}
    vit.load_state_dict(own, assign=True)
    expected = dense_logits(state, vit(pixels[0]), ids)

    ours.load_state_dict(imported.backbone, assign=True)
    network = VTN(imported.config, backbone=ours)
    network.load_state_dict(imported.tensors | {f"backbone.{n}": t for n, t in imported.backbone.items()}, assign=True)
    logits = network.eval()(pixels, ids[None])[0]
    assert sum(parameter.numel() for parameter in network.parameters()) == 113_502_352
    assert expected.std() > 0.1
    assert (logits - expected).abs().max() < 1e-4


@pytest.mark.release
@torch.inference_mode()
def test_from_embeddings_to_logits_after_import_save_and_load(full, imported, tmp_path):
    state, _ = full
    path = tmp_path / "m.safetensors"
    save_checkpoint(imported, path)
    loaded = load_checkpoint(path)
    network, embeddings = loaded.network(), torch.randn(3, 60, 768)
    ids = torch.stack([torch.arange(60) * 8, torch.arange(60) % 5, torch.arange(250, 310)])
    logits = network.classify(embeddings, ids)
    assert torch.equal(logits, imported.network().classify(embeddings, ids))
    for row, frames, indices in zip(logits, embeddings, ids, strict=True):
        expected = dense_logits(state, frames, indices)
        assert expected.std() > 0.1
        assert (row - expected).abs().max() < 1e-4
    for name, tensor in loaded.backbone.items():
        assert torch.equal(tensor, state[f"backbone.{name}"]), name
    assert (loaded.labels, loaded.recipe, loaded.training) == (imported.labels, imported.recipe, imported.training)


def test_what_the_publication_says_of_it(imported):
    assert imported.recipe == Recipe(
        backbone="vit_base_patch16_224",
        weights=imported.recipe.weights,
        fps=Fraction(25, 8),
        size=(224, 224),
        mean=(0.45, 0.45, 0.45),
        std=(0.225, 0.225, 0.225),
        geometry="short side 256, centre crop",
    )
    assert imported.window == ClipWindow(num_positions=16, stride=8, position_rate=Fraction(25))
    assert imported.window.position_ids(16, imported.recipe.fps).tolist() == list(range(0, 128, 8))
    assert imported.operating_points == OperatingPoints(common=OperatingPoint(high=0.5, low=0.25))
    assert (imported.labels[0], imported.labels[5], imported.labels[-1]) == ("abseiling", "archery", "zumba")
    assert list(imported.labels) == sorted(set(imported.labels))
    assert len(imported.labels) == 400
    assert imported.training["source"] == "another file with the published layout"


def test_a_frame_encoder_takes_its_backbone(imported):
    encoder = FrameEncoder(imported.recipe.backbone, weights=imported.backbone, recipe=imported.recipe, device="cpu")
    assert encoder.recipe(Fraction(25, 8)) == imported.recipe


# ---- other files of the layout


def test_one_layer_and_other_classes(tmp_path, monkeypatch):
    monkeypatch.setattr(published, "weights_digest", lambda tensors: "0")  # of 86 million zeros
    imported = import_published(write(tmp_path / "one.pyth", zeros(layout(num_layers=1, num_classes=5))))
    (tmp_path / "one.pyth").unlink()
    assert imported.config.encoder.attention_windows == (18,)
    assert imported.labels == ("class 0", "class 1", "class 2", "class 3", "class 4")
    assert sum(tensor.numel() for tensor in (*imported.tensors.values(), *imported.backbone.values())) == (
        95_783_056 - 395 * 769
    )


def test_the_format_before_torch_1_6(tmp_path, small):
    state = {name: torch.rand_like(t) if t.is_floating_point() else t for name, t in small(num_classes=5).items()}
    imported = import_published(write(tmp_path / "old.pyth", state, _use_new_zipfile_serialization=False))
    assert torch.equal(imported.tensors["head.out.weight"], state["mlp_head.4.weight"])


def test_a_tensor_that_is_transposed_is_taken(tmp_path, small):
    state = small(num_layers=1)
    turned = torch.rand(64, 64)
    state["mlp_head.1.weight"] = turned.T
    imported = import_published(write(tmp_path / "x.pyth", state))
    save_checkpoint(imported, tmp_path / "x.safetensors")
    assert torch.equal(load_checkpoint(tmp_path / "x.safetensors").tensors["head.hidden.weight"], turned.T)


def test_the_published_file_is_known_by_its_checksum(tmp_path, monkeypatch, small):
    file = write(tmp_path / "some name.pyth", small(num_layers=1, num_classes=2))
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    known = catalogue.Published(name="the-name", url="https://x.invalid/f", sha256=sha256, file="THE.pyth")
    monkeypatch.setitem(catalogue.CATALOGUE, "the-name", known)
    saved = {}
    monkeypatch.setattr(published, "save_checkpoint", lambda model, path: path.touch() or saved.update({path: model}))
    added = add_published(file, folder=tmp_path / "new" / "models")
    assert added.published == known
    path = added.path
    assert path == tmp_path / "new" / "models" / "the-name.safetensors"
    assert saved[path].training == {"source": "published THE.pyth", "sha256": sha256}
    with pytest.raises(CheckpointError, match=r"^the-name\.safetensors exists already"):
        add_published(file, folder=path.parent, name="the-name")
    with pytest.raises(CheckpointError, match=r"^the-name\.safetensors exists already"):
        add_published(file, folder=tmp_path, output=path)
    with pytest.raises(CheckpointError, match="cannot be the name"):
        add_published(file, folder=path.parent, name="../up")
    assert [p.name for p in path.parent.iterdir()] == [path.name]
