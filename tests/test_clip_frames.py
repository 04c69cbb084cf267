"""Clips as pixels: each once an epoch, whatever the decoders are, and whichever clips cannot be decoded."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from planted_clips import write_clip

from vtn_stream.embedding import Warned
from vtn_stream.errors import TrainingError
from vtn_stream.store import EmbeddingStore
from vtn_stream.track import CENTRE_CROP, Recipe
from vtn_stream.training.augment import PAPER, PAPER_PLUS
from vtn_stream.training.clip_frames import ClipFrames, ClipReader, LearntClip
from vtn_stream.training.clip_sampling import ClipSampling
from vtn_stream.training.left_out import LeftOut
from vtn_stream.video.decoders import Decoders

RECIPE = Recipe(
    backbone="test",
    weights="",
    fps=Fraction(1),
    size=(32, 32),
    mean=(0.45,) * 3,
    std=(0.225,) * 3,
    geometry=CENTRE_CROP,
)
SAMPLING = ClipSampling(frames=4, seconds=Fraction("0.8"))


@pytest.fixture(scope="module")
def films(tmp_path_factory) -> Path:
    """Six clips of 40 frames at 25/s; those of the names bad are no films."""
    folder = tmp_path_factory.mktemp("clips")
    for number in range(6):
        write_clip(folder / f"{number}.mp4", number % 2, number, num_frames=12 if number == 5 else 40)
    for number in range(4):
        (folder / f"bad{number}.mp4").write_bytes(b"no film")
    return folder


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return EmbeddingStore(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def decoders():
    with Decoders(1) as running:
        yield running


@pytest.fixture
def make(films, store, decoders):
    """make(names) -> ClipFrames of these clips; told holds what is said."""

    def make_(names, *, batch_size=2, augmentation=PAPER, left_out=None, decoders=decoders, num_classes=2):
        look = augmentation.scaled_to(RECIPE.size)
        reader = ClipReader(
            decoders, SAMPLING, RECIPE, look, LeftOut() if left_out is None else left_out, store=store, native_ids=True
        )
        clips = [LearntClip(films / name, name, number % 2) for number, name in enumerate(names)]
        return ClipFrames(clips, reader, look, batch_size=batch_size, num_classes=num_classes, num_features=8)

    return make_


GOOD = tuple(f"{number}.mp4" for number in range(6))


def bits(example):
    shots = tuple((shot.frames.numpy().tobytes(), shot.crop, shot.look) for shot in example.pixels.shots)
    return shots, example.batch.clips.tolist(), example.batch.position_ids.tolist(), example.pixels.mix


def epoch(clips, number=0, *, seed=0, first=0):
    return [bits(example) for example in clips.epoch(number, seed=seed, first=first)]


def test_each_clip_is_in_an_epoch_once(make):
    clips = make(GOOD)
    shown = [shot for example in clips.epoch(0, seed=0) for shot in example.pixels.shots]
    assert clips.num_batches == 3
    assert len({shot.frames.numpy().tobytes() for shot in shown}) == len(shown) == 6


def test_a_batch_depends_on_seed_epoch_and_number_alone(make):
    clips = make(GOOD)
    whole = epoch(clips)
    assert epoch(make(GOOD), first=1) == whole[1:]
    assert epoch(clips, 1) != whole
    assert epoch(clips, seed=1) != whole


def test_two_decoders_give_the_bits_of_one(make):
    with Decoders(2) as two:
        assert epoch(make(GOOD, decoders=two)) == epoch(make(GOOD))


def test_a_window_lies_inside_its_clip_and_position_ids_count_its_frames(make):
    for example in make(GOOD).epoch(0, seed=0):
        for row, shot in enumerate(example.pixels.shots):
            ids = example.batch.position_ids[row].tolist()
            # 0.8 s at 25/s are 20 frames; the clip of 12 frames repeats its last one
            assert ids in ([0, 6, 12, 19], [0, 6, 11, 11])
            assert shot.frames.shape[:2] == (4, 3)
            repeats = torch.equal(shot.frames[2], shot.frames[3])
            assert repeats == (ids == [0, 6, 11, 11])


def test_a_clip_that_cannot_be_decoded_is_told_once_and_missing_in_its_batch(make, tmp_path):
    told = []
    left_out = LeftOut(tmp_path / "left-out.jsonl", told.append)
    clips = make((*GOOD[:5], "bad0.mp4"), left_out=left_out)
    first = epoch(clips)
    assert sorted(len(shots) for shots, *_ in first) == [1, 2, 2]
    assert [type(event) for event in told] == [Warned]
    assert "bad0.mp4" in told[0].message
    assert list(left_out) == ["bad0.mp4"]
    # a run that goes on knows it before it has tried, and gives the same bits without a word
    later = []
    going_on = make((*GOOD[:5], "bad0.mp4"), left_out=LeftOut(tmp_path / "left-out.jsonl", later.append))
    assert epoch(going_on) == first
    epoch(going_on, 1)
    assert not later


@pytest.mark.parametrize("seed", range(4))
def test_a_batch_without_any_clip_learns_those_of_another(make, seed):
    clips = make((*GOOD[:2], "bad0.mp4", "bad1.mp4"), batch_size=1)
    batches = epoch(clips, seed=seed)
    assert len(batches) == clips.num_batches == 4
    assert all(len(shots) == 1 for shots, *_ in batches)
    assert epoch(make((*GOOD[:2], "bad0.mp4", "bad1.mp4"), batch_size=1), seed=seed, first=2) == batches[2:]


def test_where_no_clip_can_be_decoded_nothing_is_learnt(make):
    with pytest.raises(TrainingError, match="none of the 2 clips can be decoded"):
        epoch(make(("bad0.mp4", "bad1.mp4")))


def test_mixed_clips_have_shares_of_two_labels(make):
    clips = make(GOOD, augmentation=PAPER_PLUS)
    examples = list(clips.epoch(0, seed=0))
    assert any(example.pixels.mix is not None for example in examples)
    for example in examples:
        targets = example.batch.clips
        assert targets.shape == (2, 2)
        assert np.allclose(targets.sum(1), 1)
        assert (targets >= 0.05 - 1e-6).all()  # smoothing .1 over two labels


def test_a_pretended_clip_is_as_large_as_clips_are(make):
    example = make(GOOD).pretended()
    assert example.pixels.shots[0].frames.shape[:2] == (4, 3)
    assert min(example.pixels.shots[0].frames.shape[2:]) == 46  # 320 of 224


def test_a_clip_that_was_learnt_before_it_was_found_bad_is_learnt_again_after_a_kill(make, tmp_path):
    """Only some of its windows cannot be decoded: found in a later epoch than the state is of, it is no less learnt."""
    whole = epoch(make(GOOD), 1)
    state = make(GOOD).state
    before = LeftOut(tmp_path / "left-out.jsonl")
    before.add("3.mp4", "1 of 4 frames cannot be decoded")
    going_on = make(GOOD, left_out=LeftOut(tmp_path / "left-out.jsonl"))
    assert epoch(going_on, 1) != whole
    going_on.go_on(state)
    assert epoch(going_on, 1) == whole
    knows = make(GOOD, left_out=before)
    again = make(GOOD, left_out=LeftOut(tmp_path / "left-out.jsonl"))
    again.go_on(knows.state)
    assert epoch(again, 1) == epoch(knows, 1)
