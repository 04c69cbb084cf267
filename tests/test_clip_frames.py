"""Clips as pixels: each once an epoch, whatever the decoders are, and whichever clips cannot be decoded."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from planted_clips import write_clip

from vtn_stream.embedding import Warned
from vtn_stream.errors import TrainingError
from vtn_stream.evaluation.protocols import protocol_pixels, window_indices
from vtn_stream.store import EmbeddingStore
from vtn_stream.track import CENTRE_CROP, Recipe
from vtn_stream.training.augment import PAPER, PAPER_PLUS
from vtn_stream.training.clip_frames import ClipFrames, ClipReader, LearntClip
from vtn_stream.training.clip_sampling import ClipSampling
from vtn_stream.video import DecodingProcess, probe
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
    """make(names) -> ClipFrames of these clips; told gets what is said."""

    def make_(names, *, batch_size=2, augmentation=PAPER, told=None, decoders=decoders, num_classes=2, films=films):
        look = augmentation.scaled_to(RECIPE.size)
        on_event = None if told is None else told.append
        reader = ClipReader(decoders, SAMPLING, RECIPE, look, store=store, native_ids=True, on_event=on_event)
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


def test_a_clip_that_cannot_be_decoded_is_told_once_and_missing_in_its_batch(make):
    told = []
    clips = make((*GOOD[:5], "bad0.mp4"), told=told)
    first = epoch(clips)
    assert sorted(len(shots) for shots, *_ in first) == [1, 2, 2]
    assert epoch(clips) == first
    assert [type(event) for event in told] == [Warned]
    assert told[0].message.startswith("bad0.mp4 is left out, and tried again in each epoch: ")
    assert [clip.name for clip in clips.left_out] == ["bad0.mp4"]
    assert clips.num_missed == 0


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


def test_a_clip_that_is_away_for_a_time_is_learnt_again_once_it_is_back(make, films, tmp_path):
    for name in GOOD[:3]:
        (tmp_path / name).write_bytes((films / name).read_bytes())
    told = []
    clips = make(GOOD[:3], told=told, films=tmp_path)
    whole = [epoch(clips, number) for number in range(3)]
    (tmp_path / "1.mp4").rename(tmp_path / "away")
    without = make(GOOD[:3], told=told, films=tmp_path)
    assert epoch(without, 0) != whole[0]
    assert [clip.name for clip in without.left_out] == ["1.mp4"]
    (tmp_path / "away").rename(tmp_path / "1.mp4")
    assert [epoch(without, number) for number in (1, 2)] == whole[1:]
    assert not without.left_out
    assert without.num_missed == 1
    assert ["1.mp4" in event.message for event in told] == [True]


def test_what_was_learnt_and_what_was_missing_is_known_after_a_kill(make):
    names = (*GOOD[:2], "bad0.mp4", "bad1.mp4")
    before, after = make(names), make(names)
    epoch(before)
    assert not after.left_out
    after.go_on(before.state)
    assert after.left_out == before.left_out
    assert {clip.name for clip in after.left_out} == {"bad0.mp4", "bad1.mp4"}


def test_large_frames_are_scaled_as_where_clips_are_measured(make, films):
    """Once, without smoothing, from the size in which they are coded; and only the crop is kept."""
    write_clip(films / "large.mp4", 0, 7, num_frames=20, size=(96, 128))
    video = probe(films / "large.mp4")
    reader = make(["large.mp4"])._reader
    (shown,) = reader.read(lambda: iter([(LearntClip(video.path, "large.mp4", 0), None)]), ahead=1)
    assert shown.frames.shape == (4, 3, 32, 32)
    with DecodingProcess() as process:
        pts = video.pts[window_indices(video, Fraction(1, 2), SAMPLING.frames, SAMPLING.seconds)]
        (batch,) = process.frames(video, pts, (96, 128))
        measured = torch.cat([protocol_pixels(frame, RECIPE) for frame in batch.frames])
    pictures = (shown.look.shown(shown.frames, RECIPE.size) / 255 - 0.45) / 0.225
    assert (pictures - measured).abs().max() < 0.51 / 255 / 0.225
