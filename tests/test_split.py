"""Which films teach and which validate: never a scene on both sides, every label taught."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vtn_stream.errors import InputError
from vtn_stream.formats.annotations import AnnotatedVideo
from vtn_stream.timeline import Segment
from vtn_stream.training.split import examples, folds, split


def film(labels="", *, duration_s=60.0, subset=None, source=None):
    """A film with a segment of a second for each letter."""
    segments = tuple(Segment(start_s=k, end_s=k + 1, label=label) for k, label in enumerate(labels))
    return AnnotatedVideo(segments=segments, duration_s=duration_s, subset=subset, source=source)


def clip(label, **facts):
    return AnnotatedVideo(clip_label=label, **facts)


def labels_of(videos, names):
    return sum((examples(videos[name]) for name in names), Counter())


def groups_of(videos, names):
    return {(videos[name].source is None, videos[name].source or name) for name in names}


films = st.builds(
    film,
    st.text("abcde", max_size=6),
    duration_s=st.floats(10, 7200),
    subset=st.sampled_from([None, None, "training", "validation", "test"]),
    source=st.sampled_from([None, "s1", "s2", "v0"]),
)
clips = st.builds(clip, st.sampled_from("abcde"), source=st.sampled_from([None, "s1", "s2"]))
many = st.one_of(st.lists(films, max_size=16), st.lists(clips, max_size=16)).map(
    lambda videos: {f"v{n}": video for n, video in enumerate(videos)}
)


@settings(deadline=None)
@given(many, st.integers(0, 3))
def test_no_scene_is_on_both_sides_and_no_test_film_on_any(videos, seed):
    sides = split(videos, seed)
    assert not groups_of(videos, sides.training) & groups_of(videos, sides.validation)
    assert not set(sides.training) & set(sides.validation)
    assert "test" not in {videos[name].subset for name in sides.training + sides.validation}
    assert split(dict(reversed(videos.items())), seed) == sides  # whatever the order


@settings(deadline=None)
@given(many, st.integers(0, 3))
def test_a_drawn_split_uses_every_film_and_teaches_every_label(videos, seed):
    videos = {name: replace(video, subset=None) for name, video in videos.items()}
    sides = split(videos, seed)
    assert sorted(sides.training + sides.validation) == sorted(videos)
    taught = labels_of(videos, sides.training)
    assert set(taught) == set(labels_of(videos, videos))
    assert bool(labels_of(videos, sides.validation)) == bool(sides.validation)


def test_a_fifth_of_the_duration_validates_with_every_label_in_it():
    videos = {f"v{n}": film("abc" if n % 2 else "cde", duration_s=50 + n) for n in range(40)}
    for seed in range(5):
        sides = split(videos, seed)
        share = sum(videos[name].duration_s for name in sides.validation) / sum(v.duration_s for v in videos.values())
        assert share == pytest.approx(0.2, abs=0.03)
        assert set(labels_of(videos, sides.validation)) == set("abcde")


def test_rare_labels_validate_too_where_training_keeps_two_examples():
    videos = {f"v{n}": film("a") for n in range(30)} | {f"rare{n}": film("b") for n in range(3)}
    sides = split(videos)
    assert labels_of(videos, sides.training)["b"] == 2
    assert labels_of(videos, sides.validation)["b"] == 1
    videos = {f"v{n}": film("a") for n in range(30)} | {f"rare{n}": film("b") for n in range(2)}
    assert labels_of(videos, split(videos).training)["b"] == 2


def test_clips_are_counted_and_not_timed():
    videos = {f"{label}{n}": clip(label, duration_s=1 + 1000.0 * (n == 0)) for label in "abcd" for n in range(10)}
    sides = split(videos)
    assert labels_of(videos, sides.validation) == dict.fromkeys("abcd", 2)


def test_sources_stay_together_also_those_that_are_called_like_a_film():
    videos = {f"v{n}": film("ab", source=f"scene {n // 4}") for n in range(40)}
    assert len(split(videos).validation) % 4 == 0
    assert {len(part) for part in folds(videos, 5)} == {8}
    videos = {"x": film("a"), "y": film("a", source="x"), "z": film("a")}
    assert any("x" in part and "y" not in part for part in folds(videos, 3))


def test_seeds_give_other_splits_and_one_seed_the_same():
    videos = {f"v{n}": film("ab") for n in range(30)}
    assert split(videos, 1) == split(videos, 1)
    assert len({split(videos, seed).validation for seed in range(5)}) > 1


@pytest.mark.parametrize(
    ("videos", "validation"),
    [
        ({"one": film("aaaa")}, ()),
        ({"one": film("aa"), "two": film("bb")}, ()),  # each label is in one film
        ({"long": film("ab", duration_s=90), "short": film("ab", duration_s=30)}, ("short",)),
        ({"long": film("a", duration_s=90), "short": film("ab", duration_s=30)}, ()),  # three quarters are too many
        ({"a": film("aa"), "b": film("aa", duration_s=40), "nothing": film("", duration_s=20)}, ("b",)),
    ],
)
def test_few_films(videos, validation):
    assert split(videos).validation == validation


def test_the_annotations_own_subsets_are_kept():
    videos = {
        "a": film("x", subset="training"),
        "b": film("y", subset="validation"),
        "c": film("x", subset="test"),
        "d": film("x"),
        "e": film("y", source="s"),
        "f": film("y", subset="validation", source="s"),
    }
    sides = split(videos)
    assert (sides.training, sides.validation, sides.notes) == (("a", "d"), ("b", "e", "f"), ())


def test_a_validation_film_of_a_training_scene_is_left_out_and_told():
    videos = {
        "a": film("x", subset="training", source="s"),
        "b": film("x", subset="validation", source="s"),
        "c": film("x", subset="validation"),
    }
    sides = split(videos)
    assert (sides.training, sides.validation) == (("a",), ("c",))
    (note,) = sides.notes
    assert note.startswith("the validation film b shares its source with a training film")


def test_subsets_without_a_training_film_are_split_anew():
    videos = {f"v{n}": film("a", subset="validation") for n in range(10)} | {"t": film("a", subset="test")}
    sides = split(videos)
    assert (len(sides.training), len(sides.validation)) == (8, 2)
    assert "split again" in sides.notes[0]
    videos = {f"v{n}": film("a", subset="training") for n in range(10)} | {"t": film("a", subset="test")}
    assert (len(split(videos).validation), split(videos).notes) == (2, ())


@settings(deadline=None)
@given(many, st.integers(2, 4), st.integers(0, 3))
def test_folds_are_a_partition_by_scene(videos, num, seed):
    used = [name for name, video in videos.items() if video.subset != "test"]
    if len(groups_of(videos, used)) < num:
        with pytest.raises(InputError, match="cannot be split"):
            folds(videos, num, seed)
        return
    parts = folds(videos, num, seed)
    assert sorted(name for part in parts for name in part) == sorted(used)
    assert all(parts)
    scenes = [scene for part in parts for scene in groups_of(videos, part)]
    assert len(scenes) == len(set(scenes))
    assert parts == folds(dict(reversed(videos.items())), num, seed)


def test_folds_share_labels_and_durations_evenly():
    videos = {f"v{n}": film("ab"[n % 2] * (1 + n % 3), duration_s=100 + 10 * (n % 7)) for n in range(60)}
    total_s, totals = sum(v.duration_s for v in videos.values()), labels_of(videos, videos)
    for part in folds(videos, 5, 1):
        assert sum(videos[name].duration_s for name in part) == pytest.approx(total_s / 5, rel=0.2)
        for label, num in labels_of(videos, part).items():
            assert num == pytest.approx(totals[label] / 5, rel=0.2)


def test_a_label_in_as_many_films_as_folds_is_in_each():
    videos = {f"v{n}": film("a") for n in range(20)} | {f"rare{n}": film("b") for n in range(4)}
    assert [labels_of(videos, part)["b"] for part in folds(videos, 4)] == [1, 1, 1, 1]


def test_one_fold_is_none():
    with pytest.raises(InputError):
        folds({"a": film("x"), "b": film("x")}, 1)
    assert {len(part) for part in folds({"a": film("x"), "b": film("x")}, 2)} == {1}
