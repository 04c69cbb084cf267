"""A Longformer of transformers, imported, gives transformers' own numbers."""

import json
import pickle

import pytest
import torch

from vtn_stream.checkpoints.longformer import from_longformer, load_longformer
from vtn_stream.errors import CheckpointError
from vtn_stream.model import TemporalEncoder

SMALL = {
    "vocab_size": 11,
    "hidden_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 3,
    "intermediate_size": 40,
    "attention_window": [4, 8, 4],
    "max_position_embeddings": 70,
}


def theirs(kind="LongformerModel", **options):
    """In evaluation mode, with weights so large that each of them matters."""
    import transformers  # three seconds, in every process that collects

    config = transformers.LongformerConfig(**(SMALL | options))
    model = getattr(transformers, kind)(config).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.normal_("LayerNorm.weight" in name, 0.2, generator=generator)
    return model


def ours(config, tensors):
    encoder = TemporalEncoder(config)
    encoder.load_state_dict(tensors)
    return encoder.eval()


def assert_equal_outputs(model, encoder, num_frames=37):
    """With transformers' own positions and token types, behind the embedding of <s>."""
    embeddings = torch.randn(2, num_frames, 24)
    first = model.get_input_embeddings().weight[model.config.bos_token_id].expand(2, 1, -1)
    is_global = torch.zeros(2, 1 + num_frames, dtype=torch.long)
    is_global[:, 0] = 1
    with torch.no_grad():
        expected = model(inputs_embeds=torch.cat([first, embeddings], 1), global_attention_mask=is_global)
        encoded = encoder(embeddings)
    tokens = torch.cat([encoded.cls[:, None], encoded.frames], 1)
    assert (tokens - expected.last_hidden_state).abs().max() < 5e-6


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"type_vocab_size": 1},
        {"pad_token_id": 0, "bos_token_id": 3, "max_position_embeddings": 41},
        {"attention_window": 12, "num_hidden_layers": 1, "layer_norm_eps": 1e-5},
    ],
)
def test_its_numbers_are_transformers_own(options):
    model = theirs(**options)
    assert_equal_outputs(model, ours(*from_longformer(model.config, model.state_dict())))


def test_all_position_rows_are_used():
    model = theirs()
    config, tensors = from_longformer(model.config, model.state_dict())
    assert config.positions == "learned"
    assert config.num_positions == 70 - 3  # less padding's, the one before it, and the global token's
    assert sorted(tensors["position_table.weight"][:, 0].tolist()) == sorted(
        model.embeddings.position_embeddings.weight[1:, 0].tolist()
    )


@pytest.mark.parametrize("safe", [True, False])
@pytest.mark.parametrize("kind", ["LongformerModel", "LongformerForMaskedLM"])
def test_folders_and_files_as_transformers_writes_them(tmp_path, kind, safe):
    model = theirs(kind)
    model.save_pretrained(tmp_path)
    file = tmp_path / "model.safetensors"
    if not safe:
        file.unlink()
        file = tmp_path / "pytorch_model.bin"
        torch.save(model.state_dict(), file)
    for path in (tmp_path, file):
        assert_equal_outputs(getattr(model, "longformer", model), ours(*load_longformer(path)))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"hidden_act": "relu"}, "activation relu"),
        ({"attention_window": [4, 5, 6]}, "even"),
        ({"attention_window": [4, 6]}, "3 layers and 2 windows"),
        ({"attention_window": 0}, "above 0"),
        ({"max_position_embeddings": 3}, "above 0"),
        ({"num_attention_heads": 5}, "5 heads"),
        ({"hidden_dropout_prob": 1.0}, "dropout"),
        ({"pad_token_id": None}, "padding token"),
    ],
)
def test_what_ours_cannot_compute_is_refused(options, said):
    from transformers import LongformerConfig

    with pytest.raises(CheckpointError, match=said):
        from_longformer(LongformerConfig(**(SMALL | options)), {})


def test_every_tensor_that_differs_is_named():
    model = theirs()
    tensors = dict(model.state_dict())
    del tensors["embeddings.word_embeddings.weight"]
    tensors["encoder.layer.3.output.dense.bias"] = torch.zeros(24)
    tensors["encoder.layer.2.output.dense.bias"] = torch.zeros(25)
    with pytest.raises(CheckpointError) as caught:
        from_longformer(model.config, tensors)
    for said in (
        "missing embeddings.word_embeddings.weight",
        "unexpected encoder.layer.3.output.dense.bias",
        "of another shape encoder.layer.2.output.dense.bias",
    ):
        assert said in str(caught.value)


def test_folders_that_are_none(tmp_path):
    with pytest.raises(CheckpointError, match=r"config\.json beside model\.safetensors cannot be read"):
        load_longformer(tmp_path)
    for text in ("{", "[]", "3", json.dumps({"model_type": "longformer", "hidden_size": "many"})):
        (tmp_path / "config.json").write_text(text)
        with pytest.raises(CheckpointError, match="cannot be read"):
            load_longformer(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(CheckpointError, match="kind bert"):
        load_longformer(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "longformer", **SMALL}))
    with pytest.raises(CheckpointError, match=r"model\.safetensors does not exist"):
        load_longformer(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"\xff" * 99)
    with pytest.raises(CheckpointError, match="not a complete safetensors file"):
        load_longformer(tmp_path)
    for content in ([], {3: torch.zeros(1)}):
        torch.save(content, tmp_path / "w.bin")
        with pytest.raises(CheckpointError, match="no state dict"):
            load_longformer(tmp_path / "w.bin")
    (tmp_path / "w.bin").write_bytes(pickle.dumps(print))
    with pytest.raises(CheckpointError, match="pickled programs are refused"):
        load_longformer(tmp_path / "w.bin")
