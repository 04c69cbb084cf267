"""What was found out about weights is remembered: stored films need neither torch nor timm, and a change is noticed."""

import os
import shutil
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from console_script import modules_after
from safetensors.torch import load_file, save_file

from vtn_stream.backbone import FrameEncoder
from vtn_stream.backbone.files import weights_key
from vtn_stream.errors import BackboneError
from vtn_stream.store import EmbeddingStore
from vtn_stream.track import BackboneFacts

FPS = Fraction(1)


@pytest.fixture
def own(tiny_weights, tmp_path):
    return shutil.copy(tiny_weights, tmp_path / "own.safetensors")


@pytest.fixture
def memory(tmp_path):
    return EmbeddingStore(tmp_path / "store").backbones


@pytest.fixture
def open_(tiny, own, memory):
    """open_(**options): an encoder of the weights in `own`, with the memory."""
    return lambda **options: FrameEncoder(**{"name": tiny, "weights": own, "device": "cpu", "memory": memory} | options)


def is_loaded(encoder):
    return "_network" in vars(encoder)


def test_the_second_encoder_loads_nothing_before_its_first_frame(open_, encoder):
    first, second = open_(), open_()
    assert (is_loaded(first), is_loaded(second)) == (True, False)
    for known in (first, second):
        assert known.recipe(FPS) == encoder.recipe(FPS)
        assert (known.num_features, known.weights_source) == (encoder.num_features, encoder.weights_source)
        assert known.size == encoder.size
    assert not is_loaded(second)
    frames = np.random.default_rng(0).integers(0, 256, (3, *encoder.size, 3), np.uint8)
    assert second(frames).tobytes() == encoder(frames).tobytes()
    assert second.execution("pyav") == encoder.execution("pyav")


def test_a_file_that_changed_is_found_out_anew(open_, own):
    before = open_().weights_digest
    tensors = load_file(own)
    tensors["conv_stem.weight"] += 1
    save_file(tensors, own)
    again = open_()
    assert is_loaded(again)
    assert again.weights_digest != before


def test_a_file_that_changes_between_memory_and_first_frame_is_an_error(open_, own):
    open_()
    late = open_()
    tensors = load_file(own)
    tensors["conv_stem.weight"] += 1
    save_file(tensors, own)
    with pytest.raises(BackboneError, match="not the same as before"):
        late(np.zeros((1, *late.size, 3), np.uint8))


@pytest.mark.parametrize("damage", [b"", b"x" * 3000, None])
def test_a_damaged_memory_is_no_memory(open_, tmp_path, damage):
    open_()
    (file,) = (tmp_path / "store" / "probes").iterdir()
    content = file.read_bytes()
    file.write_bytes(content[:-300] + bytes([content[-300] ^ 1]) + content[-299:] if damage is None else damage)
    assert is_loaded(open_())
    assert not is_loaded(open_())  # it was mended


def test_a_store_that_cannot_be_written_remembers_nothing(encoder, read_only_folder):
    memory = EmbeddingStore(read_only_folder / "store").backbones
    facts = BackboneFacts(recipe=encoder.recipe(FPS), num_features=7, source="a package 1.0")
    memory.remember("0" * 32, facts)
    assert memory.recall("0" * 32) is None


def test_the_key_changes_with_all_that_the_facts_depend_on(tiny, own, tmp_path, monkeypatch):
    key = weights_key(tiny, own, None, None)
    assert key == weights_key(tiny, own, None, None)
    others = {weights_key("test_resnet", own, None, None), weights_key(tiny, own, None, (64, 64))}
    others.add(weights_key(tiny, shutil.copy(own, tmp_path / "copy.safetensors"), None, None))
    os.utime(own, ns=(1, 1))
    others.add(weights_key(tiny, own, None, None))
    monkeypatch.setattr("importlib.metadata.version", lambda package: f"{package} next")
    others.add(weights_key(tiny, own, None, None))
    assert len(others | {key}) == 6
    assert weights_key(tiny, tmp_path / "missing.pth", None, None) is None
    assert weights_key("resnet50", None, None, None) is None  # a hub's: nothing here tells which


def test_tensors_go_by_the_digest_of_a_models_recipe(tiny, tiny_weights, encoder, memory):
    recipe, tensors = encoder.recipe(FPS), load_file(tiny_weights)
    first, second = (FrameEncoder(tiny, weights=tensors, recipe=recipe, device="cpu", memory=memory) for _ in range(2))
    assert (is_loaded(first), is_loaded(second)) == (True, False)
    assert second.weights_source == "model file"
    other = replace(recipe, weights="0" * 32)
    with pytest.raises(BackboneError, match="the model was trained with 000000000000"):
        FrameEncoder(tiny, weights=tensors, recipe=other, device="cpu", memory=memory)


def test_facts_come_back_as_they_were(memory, encoder):
    facts = BackboneFacts(recipe=encoder.recipe(Fraction(25, 8)), num_features=7, source="a package 1.0")
    memory.remember("0" * 32, facts)
    assert memory.recall("0" * 32) == facts
    assert memory.recall("1" * 32) is None


ANALYZE = """
import sys
from vtn_stream_cli.main import main
sys.argv = ["vtn-stream", *{arguments!r}]
try:
    main()
except SystemExit as end:
    assert end.code == 0
"""


@pytest.mark.release
def test_scenes_of_a_stored_film_need_no_torch(film_maker, tmp_path):
    """The installed weights, in two processes, as people do it."""
    film = film_maker(tmp_path / "film.mp4", [(6, 0), (6, 1)])
    arguments = ["analyze", str(film), "--fps", "1", "-o", str(tmp_path / "out"), "--store", str(tmp_path / "store")]
    first, second, dry = (
        modules_after(ANALYZE.format(arguments=arguments + more))[-2].split() for more in ([], [], ["--dry-run"])
    )
    assert {"torch", "timm"} <= set(first)
    assert second == dry == ["pyarrow"]
