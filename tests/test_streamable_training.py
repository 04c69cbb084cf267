"""`train --streamable`: what the model says of a moment never changes when more of the film comes."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from planted import FPS, films
from test_learn import HEADS, RECIPE, of
from test_learn import material as lesson_of

from vtn_stream.checkpoints import load_checkpoint, save_checkpoint
from vtn_stream.checkpoints.metadata import describe
from vtn_stream.errors import CheckpointError, InputError
from vtn_stream.heads import HEADS as KINDS
from vtn_stream.heads import fitting
from vtn_stream.heads.fitting import phase_rules
from vtn_stream.localize import phases
from vtn_stream.model import DenseConfig, HeadConfig, LocalizationConfig
from vtn_stream.scorers.attention import AttentionOf, check_attention
from vtn_stream.scorers.sequence import read_film
from vtn_stream.track import GridScores, PhaseRules
from vtn_stream.training.base import load_base, rules_after
from vtn_stream.training.check import check_streamable
from vtn_stream.training.hyperparameters import MAX_LAG_S, followed
from vtn_stream.training.learn import learn
from vtn_stream.training.options import TrainingOptions
from vtn_stream.training.write import write


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """trained(head, streamable=...): the file of a small model of two films, as `train` writes it, made once."""
    made, folder = {}, tmp_path_factory.mktemp("models")

    def model(head, *, streamable=True, base=None):
        name = f"{head}-{streamable}-{base is not None}"
        if name not in made:
            made[name] = folder / f"{name}.safetensors"
            lesson = replace(lesson_of(of(head, 2), head=head, num_folds=1), base=base)
            learnt = learn(lesson, seed=0, epochs=2, backbone="none", streamable=streamable)
            write(lesson, learnt, RECIPE, made[name])
        return made[name]

    return model


@pytest.mark.parametrize("head", HEADS)
def test_the_model_can_be_followed_and_the_usual_one_cannot(trained, head):
    files = trained(head), trained(head, streamable=False)
    model, usual = map(load_checkpoint, files)
    card, usual_card = (file.with_suffix(".md").read_text() for file in files)
    assert model.is_streamable
    if head == "classification":  # slides over films as it always did
        assert usual.is_streamable
        assert model.config == usual.config
        return
    assert not usual.is_streamable
    assert usual.config.encoder.global_token
    assert not model.config.encoder.global_token
    assert "It can be followed" in card
    assert f"vtn-stream follow film.ts --model {files[0].name}" in card
    assert "be followed" not in usual_card
    if head == "dense":
        assert 0 < model.phase_rules.lag <= MAX_LAG_S * FPS
        assert usual.phase_rules.lag is None


def test_its_rules_are_chosen_with_the_lag_they_have(monkeypatch):
    drawn = []
    monkeypatch.setattr(fitting, "phases", lambda *its: drawn.append(its[-1].lag) or phases(*its))
    of_films, labels = films(range(2), num=60), ("run", "jump")
    said = [GridScores(frame=np.full((60, 2), 0.4, np.float16))] * 2
    rules = phase_rules(of_films, of_films, said, labels, nothing=True, max_lag=40)
    assert set(drawn) == {rules.lag}


def test_what_it_says_of_a_moment_is_said_of_every_longer_film(trained, tmp_path):
    model = load_checkpoint(trained("dense"))
    film = films([20], num=1200)[0]
    drawn = []
    for num in (len(film.values) // 2, len(film.values)):
        index = replace(film.index, **{n: getattr(film.index, n)[:num] for n in ("grid_s", "frame", "pts_s", "valid")})
        scores = read_film(model.network(), film.values[:num], index.valid, FPS, scratch=tmp_path)
        drawn.append(phases(scores, index, model.labels, num / float(FPS), model.operating_points, model.phase_rules))
    half_s = len(film.values) // 2 / float(FPS)
    surely_s = half_s - 60  # what is near, the lag, and what is decided at once
    early, late = ([s for s in of_film if s.end_s < surely_s] for of_film in drawn)
    assert early == late


def test_it_goes_on_as_a_model_that_can_be_followed(trained):
    for head in ("dense", "localization"):
        base = load_checkpoint(trained(head))
        assert load_checkpoint(trained(head, streamable=False, base=base)).is_streamable


def test_a_usual_model_does_not_become_one(trained):
    old = trained("dense", streamable=False)
    here = old.parent
    asked = TrainingOptions(
        annotations=here, videos=here, output=here / "new.safetensors", model=str(old), streamable=True
    )
    with pytest.raises(InputError, match=f"{old.stem} cannot be followed"):
        load_base(asked)
    assert load_base(replace(asked, streamable=False)).name == old.stem
    assert load_base(replace(asked, model=str(trained("dense")))).is_streamable


def test_its_attention_cannot_be_drawn(trained):
    model = load_checkpoint(trained("dense"))
    with pytest.raises(CheckpointError, match="no global token whose attention"):
        check_attention(model, AttentionOf(layer=1))


def test_a_head_that_others_made_is_refused(monkeypatch):
    for head in HEADS:
        check_streamable(head)
    monkeypatch.setattr(type(KINDS["dense"]), "config", HeadConfig)
    with pytest.raises(InputError, match="may need the whole film"):
        check_streamable("dense")


@pytest.mark.parametrize(("runs", "lag"), [(2, 20), (15, 30), (90, 120)])
def test_the_lag_is_twice_the_longest_of_the_shortest_runs_and_at_most_half_a_minute(runs, lag):
    labels = ("run", "jump")
    its = followed(DenseConfig(num_classes=2), FPS)
    assert its.max_lag == 30 * FPS == 120
    film = films([3])[0]
    segments = tuple(
        replace(film.segments[0], start_s=n * runs / 4, end_s=(n + 1) * runs / 4, label=labels[n % 2])
        for n in range(len(film.index) // runs)
    )
    film = replace(film, segments=segments, duration_s=len(film.index) / 4)
    rules = phase_rules([film], [], [], labels, nothing=False, max_lag=its.max_lag)
    assert rules.lag == lag
    assert phase_rules([film], [], [], labels, nothing=False).lag is None
    assert followed(LocalizationConfig(num_classes=2, num_levels=2, tower_width=4), FPS).in_blocks


def test_of_two_lags_the_longer_one_stays(trained):
    base = load_checkpoint(trained("dense"))
    num = len(base.phase_rules.min_positions)
    for lag in (1, 500):
        new = PhaseRules(min_positions=(1,) * num, change_cost=((1.0,) * num,) * num, lag=lag)
        assert rules_after(base, new, num).lag == max(lag, base.phase_rules.lag)


def test_the_file_says_it_in_the_version_that_knows_it(trained, tmp_path):
    model = load_checkpoint(trained("dense"))
    save_checkpoint(model, tmp_path / "again.safetensors")
    again = load_checkpoint(tmp_path / "again.safetensors")
    assert (again.phase_rules, again.config, again.is_streamable) == (model.phase_rules, model.config, True)
    assert describe(model)["format"] == 2
