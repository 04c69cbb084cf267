"""The models that come with the program: small, whole, told about, usable at once and offline."""

from pathlib import Path

import pytest

from vtn_stream.analysis import Analyzer
from vtn_stream.checkpoints import find_model, load_checkpoint
from vtn_stream.checkpoints.catalogue import shipped_models
from vtn_stream.checkpoints.training_films import TrainingFilms
from vtn_stream.settings import Settings

NAMES = ["cctv-fight"]


def test_these_ship():
    assert list(shipped_models()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_model_that_ships_is_small_whole_and_has_a_card(name):
    file = shipped_models()[name]
    assert file.stat().st_size < 15_000_000
    checkpoint = load_checkpoint(file)  # compares every checksum
    assert checkpoint.backbone is None
    assert TrainingFilms.of_training(checkpoint.training) is None  # joined clips: their digests would find none of them
    assert checkpoint.phase_rules is not None  # a dense head: without rules it would flicker
    card = file.with_suffix(".md").read_text("utf-8")
    for text in ("What it cannot do", "Where it comes from", *checkpoint.labels):
        assert text in card


@pytest.mark.parametrize("name", NAMES)
def test_it_reads_what_the_installed_image_network_makes(name, film_maker, tmp_path, monkeypatch):
    film = film_maker(tmp_path / "film.mp4", ((12, 0), (12, 1)))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with Analyzer(Settings(model=name, store=tmp_path / "store")) as analyzer:
        timeline = analyzer.analyze(analyzer.plan(film)).timeline
    assert timeline.complete
    assert timeline.provenance["analysis"]["model"] == load_checkpoint(shipped_models()[name]).digest


def test_a_model_of_the_users_own_by_that_name_is_taken_first(tmp_path):
    own = tmp_path / "cctv-fight.safetensors"
    own.write_bytes(b"")
    assert find_model("cctv-fight", tmp_path) == own
    assert find_model("cctv-fight", tmp_path / "empty") == shipped_models()["cctv-fight"] != Path(own)
