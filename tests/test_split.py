"""Which films are predicted by what the others taught: never a scene in two folds."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vtn_stream.errors import InputError
from vtn_stream.formats.annotations import AnnotatedVideo
from vtn_stream.timeline import Segment
from vtn_stream.training.split import NUM_FOLDS, examples, folds, parts


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
@given(many, st.integers(0, 3), st.booleans())
def test_no_scene_is_in_two_folds_or_held_out_too_and_no_test_film_anywhere(videos, seed, hold_out):
    try:
        found = parts(videos, seed, hold_out=hold_out)
    except InputError:
        assert hold_out
        return
    every = [*found.folds, found.held_out] if found.held_out else list(found.folds)
    scenes = [scene for part in every for scene in groups_of(videos, part)]
    assert len(scenes) == len(set(scenes))
    names = [name for part in every for name in part]
    used = {name for name, video in videos.items() if video.subset != "test"}
    assert len(names) == len(set(names))
    assert set(names) == used or hold_out  # what shares a scene with a film that is learnt cannot be held out
    num_groups = len(groups_of(videos, found.learnt))
    if "validation" in {videos[name].subset for name in found.learnt}:  # they may be one fold
        assert min(2, num_groups) <= len(found.folds) <= min(NUM_FOLDS, num_groups)
    else:
        assert len(found.folds) == min(NUM_FOLDS, num_groups)
    assert parts(dict(reversed(videos.items())), seed, hold_out=hold_out) == found  # whatever the order


def test_the_validation_films_of_the_annotations_are_one_fold_and_learnt():
    videos = {f"v{n}": film("ab", subset="validation" if n < 3 else "training") for n in range(12)}
    found = parts(videos)
    assert found.folds[0] == ("v0", "v1", "v2")
    assert (len(found.folds), found.held_out, found.notes) == (5, (), ())
    assert set(found.learnt) == set(videos)


def test_films_that_are_held_out_are_in_no_fold():
    videos = {f"v{n}": film("ab", subset="validation" if n < 3 else "training") for n in range(12)}
    found = parts(videos, hold_out=True)
    assert found.held_out == ("v0", "v1", "v2")
    assert (len(found.folds), set(found.learnt)) == (5, set(videos) - {"v0", "v1", "v2"})


@pytest.mark.parametrize("subsets", [(None, None), ("training", None), ("validation", None), ("validation", "test")])
def test_nothing_can_be_held_out_without_both_subsets(subsets):
    videos = {f"v{n}": film("a", subset=subset) for n, subset in enumerate(subsets * 3)}
    with pytest.raises(InputError, match="no film can be held out: the annotations do not name both"):
        parts(videos, hold_out=True)


@pytest.mark.parametrize(
    ("videos", "num_folds"),
    [
        ({"one": film("aaaa")}, 1),
        ({"one": film("aa", source="s"), "two": film("bb", source="s")}, 1),
        ({"one": film("aa"), "two": film("bb")}, 2),  # each label is in one film
        ({"a": film("aa"), "b": film("aa", duration_s=4000), "nothing": film("", duration_s=3)}, 3),
        ({f"v{n}": film("ab", source=f"s{n % 7}") for n in range(70)}, 5),
        ({f"v{n}": clip("ab"[n % 2]) for n in range(2000)}, 5),
    ],
)
def test_there_are_as_many_folds_as_can_be(videos, num_folds):
    assert len(parts(videos).folds) == num_folds


def test_there_may_be_nothing_to_learn_from():
    assert parts({"a": film("aa", subset="test")}).folds == ()


def test_sources_stay_together_also_those_that_are_called_like_a_film():
    videos = {f"v{n}": film("ab", source=f"scene {n // 4}") for n in range(40)}
    assert {len(part) for part in folds(videos, 5)} == {8}
    videos = {"x": film("a"), "y": film("a", source="x"), "z": film("a")}
    assert any("x" in part and "y" not in part for part in folds(videos, 3))


def test_seeds_give_other_folds_and_one_seed_the_same():
    videos = {f"v{n}": film("ab") for n in range(30)}
    assert parts(videos, 1) == parts(videos, 1)
    assert len({parts(videos, seed).folds for seed in range(5)}) > 1


def test_a_film_without_a_subset_goes_with_its_scene():
    videos = {
        "a": film("x", subset="training"),
        "b": film("y", subset="validation"),
        "c": film("x", subset="test"),
        "d": film("x"),
        "e": film("y", source="s"),
        "f": film("y", subset="validation", source="s"),
    }
    found = parts(videos)
    assert (found.folds[0], set(found.learnt), found.notes) == (("b", "e", "f"), set("abdef"), ())


def test_a_validation_film_of_a_training_scene_is_learnt_with_it_or_left_out_and_that_is_told():
    videos = {
        "a": film("x", subset="training", source="s"),
        "b": film("x", subset="validation", source="s"),
        "c": film("x", subset="validation"),
    }
    found = parts(videos)
    assert (found.folds, found.held_out) == ((("c",), ("a", "b")), ())
    assert found.notes == ("the validation film b shares its source with a training film and is learnt with it",)
    found = parts(videos, hold_out=True)
    assert (found.folds, found.held_out) == ((("a",),), ("c",))
    assert found.notes[0].endswith("and is left out: the figures would be too good")


def test_validation_films_without_a_training_film_are_films_like_others():
    videos = {f"v{n}": film("a", subset="validation") for n in range(10)} | {"t": film("a", subset="test")}
    found = parts(videos)
    assert [len(fold) for fold in found.folds] == [2] * 5
    assert "all films are learnt from" in found.notes[0]
    videos = {f"v{n}": film("a", subset="training") for n in range(10)} | {"t": film("a", subset="test")}
    assert parts(videos).notes == ()


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
