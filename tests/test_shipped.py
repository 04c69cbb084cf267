"""The models that come with the program: small, whole, told about, usable at once and offline."""

from pathlib import Path

import pytest

from vtn_stream.analysis import Analyzer
from vtn_stream.checkpoints import find_model, load_checkpoint
from vtn_stream.checkpoints.catalogue import shipped_models
from vtn_stream.checkpoints.points import point_figures
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
    films = TrainingFilms.of_training(checkpoint.training)
    assert films is not None
    assert (len(films.learnt), len(films.validated)) == (247 + 5, 0)  # the clips, and the films joined of them
    assert checkpoint.phase_rules is not None  # a dense head: without rules it would flicker
    card = file.with_suffix(".md").read_text("utf-8")
    for text in ("What it cannot do", "Where it comes from", *checkpoint.labels):
        assert text in card


@pytest.mark.release
@pytest.mark.parametrize("name", NAMES)
def test_it_reads_what_the_installed_image_network_makes(name, film_maker, tmp_path, monkeypatch):
    film = film_maker(tmp_path / "film.mp4", ((12, 0), (12, 1)))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with Analyzer(Settings(model=name, store=tmp_path / "store")) as analyzer:
        timeline = analyzer.analyze(analyzer.plan(film)).timeline
    assert timeline.complete
    assert timeline.provenance["analysis"]["model"] == load_checkpoint(shipped_models()[name]).digest


def test_the_fight_model_has_a_quiet_point_whose_figures_are_in_its_card():
    file = shipped_models()["cctv-fight"]
    checkpoint = load_checkpoint(file)
    assert list(checkpoint.points) == ["quiet"]
    assert checkpoint.inputs == ("change-1/8",)
    default, quiet = (point_figures(checkpoint.training, point) for point in (None, "quiet"))
    assert quiet["false alarms an hour"] <= default["false alarms an hour"]
    assert quiet["recall of clips"] <= default["recall of clips"]
    card = " ".join(file.with_suffix(".md").read_text("utf-8").split())
    for figures in (default, quiet):
        assert f"{figures['false alarms an hour']:g} false alarms an hour" in card
        assert f"{100 * figures['recall of clips']:.0f} % of the fights" in card


def test_a_model_of_the_users_own_by_that_name_is_taken_first(tmp_path):
    own = tmp_path / "cctv-fight.safetensors"
    own.write_bytes(b"")
    assert find_model("cctv-fight", tmp_path) == own
    assert find_model("cctv-fight", tmp_path / "empty") == shipped_models()["cctv-fight"] != Path(own)
