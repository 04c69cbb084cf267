"""The benchmark of the paper's headline ratios: what it quotes, what it counts, and that both sides get real frames."""

import importlib.util
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from counting import number_shown, write_film

from vtn_stream.evaluation.protocols import protocol_pixels
from vtn_stream.model.variants import vit_b_vtn
from vtn_stream.track import Recipe

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
import headline
import headline_networks as networks
import headline_quoted as quoted

with_peer = pytest.mark.skipif(importlib.util.find_spec("pytorchvideo") is None, reason="needs the extra headline")


def test_the_ratios_of_the_abstract_follow_from_what_is_quoted():
    epoch, epochs = quoted.training(quoted.SLOWFAST, quoted.VTN_1_LAYER)
    assert round(epoch * epochs, 2) == 16.12
    assert (round(epoch, 2), round(epochs, 2)) == (2.06, 7.84)
    assert round(quoted.inference(quoted.SLOWFAST, quoted.VTN_1_LAYER), 2) == 5.08
    assert round(quoted.multiply_adds(quoted.SLOWFAST, quoted.VTN_3_LAYERS), 3) == 1.515


def test_a_ratio_is_taken_turn_by_turn():
    # The machine was twice as slow in the second turn: no ratio shows it.
    ratio = headline.Ratio.of("one", "other", [3.0, 6.0, 4.0], [1.0, 2.0, 1.0])
    assert (ratio.median, ratio.least, ratio.largest) == (3.0, 3.0, 4.0)
    assert str(ratio) == "3.00 (3.00 to 4.00)"
    assert str(headline.Ratio.of("one", "other", [3.0], [2.0])) == "1.50"


def test_ways_take_turns_after_they_were_warmed_up(capsys):
    called = []
    plan = headline.Plan(device="cpu", clips=1, turns=2, calls=3, warm=1)
    ways = {"a": lambda: called.append("a"), "a, other": lambda: called.append("b")}
    turns = headline.Turns(plan, ways, {"a": 30, "a, other": 30})
    assert "".join(called) == "ab" + "aaabbb" * 2
    assert [len(spent) for spent in turns.spent.values()] == [2, 2]
    turns.spent = {"a": [headline.Spent(cpu_s=2, wall_s=9)], "a, other": [headline.Spent(cpu_s=1, wall_s=99)]}
    assert turns.best("a") == "a, other"  # by CPU seconds


def test_a_layout_that_is_slow_at_first_is_left_out(capsys):
    plan = headline.Plan(device="cpu", clips=1, turns=1, calls=1, warm=1)
    ways = {"a": lambda: None, "a, channels last": lambda: sum(range(1_000_000)), "b": lambda: sum(range(1_000_000))}
    turns = headline.Turns(plan, ways, dict.fromkeys(ways, 1))
    assert list(turns.spent) == ["a", "b"]
    assert "a, channels last: left out" in capsys.readouterr().out


def test_selected_frames_are_those_of_these_numbers(tmp_path):
    path = tmp_path / "film.mp4"
    write_film(path, 60, options={"g": "12"})
    wanted = np.array([30, 31, 31, 47])
    assert [number_shown(frame) for frame in networks.frames_of(path, wanted)] == [30, 31, 31, 47]
    assert [number_shown(frame) for frame in networks.frames_of(path, np.arange(60))] == list(range(60))


@pytest.mark.parametrize("shape", [(272, 641, 3), (480, 271, 3)])
def test_pixels_are_those_of_the_published_protocol(shape):
    frames = np.random.default_rng(0).integers(0, 255, (2, *shape), np.uint8)
    recipe = Recipe(backbone="any", weights="", fps=Fraction(25), size=(256, 256), mean=(0.45,) * 3, std=(0.225,) * 3)
    expected = torch.stack([protocol_pixels(frame, recipe, num_crops=3) for frame in frames], 1)
    found = networks.prepared(frames, 256, ("begin", "middle", "end"))
    torch.testing.assert_close(found, expected)


def test_a_step_of_training_changes_the_weights():
    network = torch.nn.Linear(4, 3)
    before = network.weight.clone()
    pixels = torch.randn(2, 4)
    networks.training_step(network, lambda: (pixels,), 2, "cpu", torch.bfloat16)()
    assert not torch.equal(network.weight, before)
    assert network.weight.isfinite().all()


def test_a_missing_peer_is_a_line_that_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match=r"pip install 'vtn-stream\[headline\]'"):
        networks.slowfast()


@pytest.mark.release
@with_peer
def test_the_peer_is_the_slowfast_of_the_paper():
    giga = networks.check_slowfast()
    assert {side: round(value, 2) for side, value in giga.items()} == {"256": 213.02, "224": 163.09}
    assert round(networks.with_attention(vit_b_vtn(), 250) / 1e9, 1) == 4397.0


@pytest.mark.release
@with_peer
def test_slowfast_with_folded_norms_is_the_same_function():
    torch.manual_seed(0)
    network = networks.slowfast().eval()
    for norm in network.modules():
        if isinstance(norm, torch.nn.BatchNorm3d):
            torch.nn.init.uniform_(norm.running_var, 0.5, 1)
            torch.nn.init.normal_(norm.running_mean, std=0.1)
    folded = networks.folded(network)
    assert not any(isinstance(module, torch.nn.BatchNorm3d) for module in folded.modules())
    with torch.inference_mode():
        views = networks.slowfast_pixels(224)
        torch.testing.assert_close(folded(list(views)), network(list(views)), rtol=1e-3, atol=1e-4)
