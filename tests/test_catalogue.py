"""Models by name: where they lie, and what is told where one does not."""

import pytest

from vtn_stream.checkpoints import find_model
from vtn_stream.checkpoints.catalogue import file_of, models_folder, stored_models
from vtn_stream.errors import CheckpointError


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
    with pytest.raises(CheckpointError, match="cannot be the name of a model"):
        file_of(name, tmp_path)
