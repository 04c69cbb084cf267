"""What is learnt at once: stretches of films, and what is asked about each."""

import tracemalloc
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted import FPS, LABELS, WIDTH, clips, films, track

from vtn_stream.heads.labelled_film import labels_of
from vtn_stream.localize import phases
from vtn_stream.track import NO_THRESHOLD, GridScores
from vtn_stream.training.crops import Crops


def numbered(num, film, *segments, **options):
    """A film whose position p reads (film, p)."""
    values = np.zeros((num, WIDTH))
    values[:, 0], values[:, 1] = film, np.arange(num)
    return track(num, *segments, name=str(film), values=values, **options)


def cut(tracks, num, batch_size=2, seed=0, *, hold=False, epochs=1):
    """(film, start, batch, row) of every crop."""
    crops = Crops(tracks, LABELS, num, batch_size, hold=hold)
    for batch in [example.batch for number in range(epochs) for example in crops.epoch(number, seed=seed)]:
        for row in range(batch_size):
            film, start = batch.embeddings[row, 0, :2].int().tolist()
            yield film, start, batch, row


# ---- which crops


def test_every_film_appears_as_often_as_it_has_pieces():
    """The last batch is filled from the front, so that some appear once more."""
    tracks = [numbered(num, n) for n, num in enumerate([5, 64, 65, 200])]
    for batch_size, num_crops in ((1, 8), (3, 9), (20, 20)):
        found = [film for film, *_ in cut(tracks, 64, batch_size)]
        assert len(found) == num_crops
        assert sorted(found[:8]) == [0, 1, 2, 2, 3, 3, 3, 3]
        assert found[8:] == (found[:8] * 2)[: num_crops - 8]
        assert Crops(tracks, LABELS, 64, batch_size, hold=False).num_batches * batch_size == num_crops


def test_epochs_and_seeds_cut_differently_and_a_seed_always_alike():
    tracks = [numbered(300, n) for n in range(3)]

    def starts(seed, epochs=1):
        return [(film, start) for film, start, *_ in cut(tracks, 32, seed=seed, epochs=epochs)]

    assert starts(0) == starts(0)
    assert starts(0) != starts(1)
    twice = starts(0, epochs=2)
    assert twice[: len(twice) // 2] != twice[len(twice) // 2 :]


@given(num=st.integers(1, 90), length=st.integers(1, 50), seed=st.integers(0, 9), data=st.data())
def test_a_crop_is_the_film_there_and_padding_behind_it(num, length, seed, data):
    lost = sorted(data.draw(st.sets(st.integers(0, num - 1), max_size=min(4, length - 1))))
    film = numbered(num, 1, (1.3, 4.0, "run"), (2.0, 2.6, "jump"), lost=lost)
    there = min(num, length)
    for _, _, batch, row in cut([film], length, batch_size=1, seed=seed):
        embeddings, valid, labels = (x[row].numpy() for x in (batch.embeddings, batch.valid, batch.labels))
        if not valid.any():
            assert set(range(num)) <= set(lost)
            continue
        first = valid.argmax()
        start = int(embeddings[first, 1]) - first
        inside = slice(start, start + there)
        assert 0 <= start <= num - there
        assert np.array_equal(embeddings[:there], film.values[inside])
        assert np.array_equal(valid[:there], film.index.valid[inside])
        assert np.array_equal(labels[:there], labels_of(film, LABELS)[inside])
        assert not embeddings[there:].any()
        assert not valid[there:].any()
        assert (labels[there:] == -1).all()


def test_a_films_first_and_last_seconds_are_learnt_too():
    """A position of its ends is in half as many crops as one of its middle, not in one of hundreds."""
    seen = np.zeros(1000)
    for _, start, _, _ in cut([numbered(1000, 0)], 100, 10, epochs=300):
        seen[start : start + 100] += 1
    middle = seen[300:700].mean()
    assert 0.35 * middle < seen[0] < 0.7 * middle
    assert 0.35 * middle < seen[-1] < 0.7 * middle
    assert seen.min() > 0.35 * middle


# ---- segments


def asked(batch, row):
    bounds, classes = batch.segments[row]
    return [(round(a, 6), round(b, 6), k) for (a, b), k in zip(bounds.tolist(), classes.tolist(), strict=True)]


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (0, [(10, 20, 0)]),
        (5, [(5, 15, 0)]),
        (14, [(0, 6, 0)]),
        (15, [(0, 5, 0)]),  # just half of it
        (16, []),
        (41, [(15, 20, 1)]),
        (40, []),  # 4 of its 10
        (50, [(6, 16, 1)]),
    ],
)
def test_a_segment_counts_where_half_of_it_is_inside_and_is_cut_there(start, expected):
    film = numbered(80, 0, (2.5, 5.0, "run"), (14.0, 16.5, "jump"))  # positions 10 to 20 and 56 to 66
    found = {start: asked(batch, row) for _, start, batch, row in cut([film], 20, 1, epochs=200)}
    assert found[start] == expected


def test_a_segment_longer_than_the_crop_counts_where_it_fills_half_of_it():
    film = numbered(200, 0, (10.0, 40.0, "run"))  # positions 40 to 160; a crop is 32
    for _, start, batch, row in cut([film], 32, 1, epochs=60):
        inside = max(0, min(start + 32, 160) - max(start, 40))
        expected = [(max(40, start) - start, min(160, start + 32) - start, 0)] if inside >= 16 else []
        assert asked(batch, row) == expected


@given(
    spans=st.lists(st.tuples(st.floats(0, 24), st.floats(0, 12)), max_size=5),
    length=st.integers(2, 60),
    seed=st.integers(0, 9),
)
def test_segments_are_those_of_which_enough_is_inside_by_arithmetic_of_each(spans, length, seed):
    segments = sorted((a, min(25.0, a + b), LABELS[i % 2]) for i, (a, b) in enumerate(spans))
    film = numbered(100, 0, *segments)
    for _, start, batch, row in cut([film], length, 1, seed=seed):
        expected = []
        for start_s, end_s, label in segments:
            a, b = 4 * start_s - start, 4 * end_s - start
            inside = min(b, length) - max(a, 0)
            if (inside > 0 and inside >= 0.5 * min(b - a, length)) or (a == b and 0 <= a <= length):
                expected.append((round(max(a, 0), 6), round(min(b, length), 6), LABELS.index(label)))
        assert asked(batch, row) == expected


def test_a_held_crop_has_a_segment_where_the_film_has_one():
    tracks = [numbered(400, 0, (50.0, 52.0, "run")), numbered(400, 1)]
    found = {True: [], False: []}
    for hold in found:
        for film, _, batch, row in cut(tracks, 40, 4, hold=hold, epochs=30):
            if film == 0:
                found[hold].append(bool(asked(batch, row)))
            else:
                assert asked(batch, row) == []
    assert np.mean(found[True]) > 0.75
    assert np.mean(found[False]) < 0.3


def test_an_instant_is_asked_about_where_the_crop_holds_it():
    film = numbered(40, 0, (5.0, 5.0, "run"))
    starts = {start: asked(batch, row) for _, start, batch, row in cut([film], 16, 1, epochs=20)}
    assert starts == {start: [(20 - start, 20 - start, 0)] if 4 <= start <= 20 else [] for start in starts}
    assert len(starts) > 10


# ---- labels


def test_a_position_has_the_label_that_holds_at_its_time():
    film = track(12, (0.0, 0.5, "run"), (0.6, 1.0, "jump"), (1.01, 1.2, "run"), (2.5, 3.0, "jump"), lost=[11])
    assert labels_of(film, LABELS).tolist() == [0, 0, 2, 1, 2, 2, 2, 2, 2, 2, 1, -1]


def test_of_labels_at_once_the_one_that_began_last_holds():
    """run      |---------------|
    jump           |----|
    """
    film = track(8, (0.25, 1.5, "run"), (0.5, 1.0, "jump"))
    assert labels_of(film, LABELS).tolist() == [2, 0, 1, 1, 0, 0, 2, 2]
    film = track(8, (0.0, 1.0, "jump"), (0.5, 1.5, "run"))
    assert labels_of(film, LABELS).tolist() == [1, 1, 0, 0, 0, 0, 2, 2]


@given(st.lists(st.floats(0.6, 6), min_size=2, max_size=8))
def test_what_is_drawn_of_the_labels_themselves_is_off_by_half_a_position_at_most(lengths_s):
    borders_s = [0.0, *np.cumsum(lengths_s).tolist()]
    segments = [(a, b, LABELS[n % 2]) for n, (a, b) in enumerate(pairwise(borders_s))]
    film = track(int(4 * borders_s[-1]) + 1, *segments)
    film = replace(film, duration_s=borders_s[-1])
    frame = np.eye(3)[labels_of(film, LABELS)][:, :2].astype(np.float16)
    drawn = phases(GridScores(frame=frame), film.index, LABELS, film.duration_s, NO_THRESHOLD, None)
    assert [s.label for s in drawn] == [label for *_, label in segments]
    for ours, theirs in zip(drawn, film.segments, strict=True):
        assert ours.start_s == pytest.approx(theirs.start_s, abs=0.125 + 1e-9)
        assert ours.end_s == pytest.approx(theirs.end_s, abs=0.125 + 1e-9)


def test_labels_are_numbered_in_the_order_given():
    film = track(4, (0.0, 0.5, "run"))
    assert labels_of(film, ["jump", "run"]).tolist() == [1, 1, 2, 2]


def test_a_film_whose_clock_begins_later_is_labelled_by_its_clock():
    film = track(4, (30.0, 31.0, "run"), fps=Fraction(1, 15))  # at 0, 15, 30 and 45 s
    assert labels_of(film, LABELS).tolist() == [2, 2, 0, 2]


def test_clips_have_a_class_as_a_whole():
    batch = next(Crops(clips([0, 1]), LABELS, 24, 8, hold=False).epoch(0, seed=0)).batch
    assert sorted(batch.clips.tolist()) == [0, 0, 0, 0, 1, 1, 1, 1]
    batch = next(Crops(films([0]), LABELS, 24, 2, hold=True).epoch(0, seed=0)).batch
    assert batch.clips.tolist() == [-1, -1]


def test_films_are_not_copied():
    tracks = [track(20_000, (3.0, 9.0, "run"), name=str(n), values=np.ones((20_000, 64))) for n in range(4)]
    num_bytes = sum(film.values.nbytes for film in tracks)
    tracemalloc.start()
    crops = Crops(tracks, LABELS, 128, 4, hold=True)
    for example in crops.epoch(0, seed=0):
        assert example.batch.embeddings.shape == (4, 128, 64)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 0.2 * num_bytes


@pytest.mark.parametrize("rate", ["30000/1001", "1/7", "8"])
def test_bounds_are_in_positions_of_the_films_grid(rate):
    fps = Fraction(rate)
    film = track(1000, (float(100 / fps), float(333.25 / fps), "run"), fps=fps)
    batch = next(Crops([film], LABELS, 1000, 1, hold=False).epoch(0, seed=0)).batch
    assert asked(batch, 0) == [(100, 333.25, 0)]


assert FPS == 4  # the seconds above are of it


@pytest.mark.parametrize(
    ("values", "got"),
    [
        (np.zeros((4, 8), np.float16), r"float16 \[4, 8\]"),
        (np.zeros((5, 8), np.float32), r"float32 \[5, 8\]"),
        (np.zeros(5, np.float16), r"float16 \[5\]"),
        (np.zeros((5, 8, 1), np.float16), r"float16 \[5, 8, 1\]"),
    ],
)
def test_a_film_has_one_half_precision_row_for_each_position(values, got):
    film = track(5)
    with pytest.raises(ValueError, match=rf"T = 5, got {got}"):
        replace(film, values=values)
