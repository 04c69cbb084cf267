"""Which moments are suggested: doubtful, rare or new ones, some by chance, no two alike, none that is known."""

import numpy as np
import pytest

from vtn_stream.film import FrameIndex
from vtn_stream.review.moments import Moments, known_seconds, known_spans, moments_of
from vtn_stream.review.suggest import Weights, suggest, unknown_films
from vtn_stream.timeline import Reviewed, Segment, Timeline

LABELS = ("walk", "sit")
DOUBT, RARE, NEW = (
    Weights(**{"doubt": 0, "rare": 0, "new": 0, "random": 0, name: 1}) for name in ("doubt", "rare", "new")
)


def film(looks, *, doubts=None, said=None, known=()):
    """Moments of 5 s, one a look; `known`: their numbers."""
    num = len(looks)
    is_known = np.isin(np.arange(num), known)
    return Moments(
        start_s=np.arange(num) * 5.0,
        end_s=np.arange(num) * 5.0 + 5,
        looks=np.array(looks, np.float32),
        doubts=np.full(num, 0.5) if doubts is None else np.array(doubts, float),
        said=np.full((num, 3), 1 / 3) if said is None else np.array(said, float),
        open=~is_known,
        known=is_known,
    )


def spread(num, seed=0):
    return np.random.default_rng(seed).standard_normal((num, 8))


def places(found):
    return [(each.film, each.start_s) for each in found]


def test_the_most_doubtful_moment_of_all_films_comes_first():
    films = [film(spread(3), doubts=[0.1, 0.9, 0.2]), film(spread(2, 1), doubts=[0.3, 0.95])]
    found = suggest(films, LABELS, np.zeros(3), 3, weights=DOUBT)
    assert places(found) == [(1, 5), (0, 5), (1, 0)]
    assert [each.doubt for each in found] == [0.95, 0.9, 0.3]
    assert found[0].why == "doubt"


def test_what_looks_like_nothing_that_is_known_or_chosen_comes_first():
    a, b, c = np.eye(3)
    films = [film([a, a, b, b * 1.01, c], known=[0])]
    found = suggest(films, LABELS, np.zeros(3), 4, weights=NEW)
    assert {found[0].start_s // 5, found[1].start_s // 5} in ({2, 4}, {3, 4})  # one of two alike, and c
    assert found[0].reason == "looks unlike all that is known"


def test_a_label_of_which_little_is_known_comes_first_until_it_was_chosen():
    walk, sit = [1, 0, 0], [0, 1, 0]
    films = [film(spread(6), said=[walk, walk, sit, walk, sit, sit])]
    found = suggest(films, LABELS, np.array([10.0, 0.0, 0.0]), 4, weights=RARE)
    assert [LABELS[each.likely] for each in found] == ["sit", "sit", "walk", "sit"]
    assert found[0].reason == "probably sit, of which nothing is known yet"


def test_known_moments_are_never_suggested_and_there_may_be_too_few_others():
    films = [film(spread(4), known=[0, 1, 3])]
    assert places(suggest(films, LABELS, np.zeros(3), 9)) == [(0, 10)]
    assert suggest([film(spread(2), known=[0, 1])], LABELS, np.zeros(3), 9) == []


def test_no_moment_comes_twice_and_a_share_is_drawn_by_chance():
    films = [film(spread(40)), film(spread(30, 1))]
    found = suggest(films, LABELS, np.zeros(3), 50, weights=Weights(random=0.2))
    assert len(set(places(found))) == 50
    assert sum(each.why == "random" for each in found) == 10


def test_a_seed_gives_the_same_moments_and_another_one_others():
    films = [film(spread(60), doubts=np.linspace(0, 1, 60))]
    first, again, other = (suggest(films, LABELS, np.zeros(3), 20, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert places(first) != places(other)


def test_a_reason_names_the_two_likeliest_answers():
    (found,) = suggest([film(spread(1), said=[[0.1, 0.5, 0.4]])], LABELS, np.zeros(3), 1, weights=DOUBT)
    assert found.reason == "the model doubts whether this is sit or none of the labels"
    (found,) = suggest([film(spread(1), said=[[0.1, 0.3, 0.6]])], LABELS, np.zeros(3), 1, weights=DOUBT)
    assert found.likely is None


def test_the_unknown_film_that_differs_most_comes_first():
    a, b, c = np.eye(3)
    known, like, unlike = film([a, b], known=[0]), film([a, a]), film([c, c])
    assert [each.film for each in unknown_films([known, like, unlike])] == [2, 1]
    assert unknown_films([like, unlike]) == []  # nothing is known at all: all are alike


# ---- moments of a film


def index(num, fps=1.0, invalid=()):
    grid_s = np.arange(num) / fps
    valid = ~np.isin(np.arange(num), invalid)
    return FrameIndex(grid_s=grid_s, frame=np.arange(num), pts_s=grid_s, valid=valid)


def moments(num=12, known=(), invalid=(), frame=None, **given):
    values = np.random.default_rng(0).standard_normal((num, 6)).astype(np.float16)
    frame = np.full((num, 2), 0.5, np.float16) if frame is None else frame
    options = {"measure": "margin", "thresholds": np.full(2, 0.5), "exclusive": True} | given
    return moments_of(values, index(num, invalid=invalid), frame, float(num), known, **options)


def test_moments_have_fixed_borders_and_the_last_one_ends_with_the_film():
    found = moments(12)
    assert list(zip(found.start_s, found.end_s, strict=True)) == [(0, 5), (5, 10), (10, 12)]


def test_a_moment_of_which_most_is_known_is_not_open():
    found = moments(15, known=[(0, 3), (9, 12)])
    assert found.known.tolist() == [True, False, False]
    assert found.open.tolist() == [False, True, True]


def test_a_moment_that_shows_nothing_is_neither_known_nor_open():
    found = moments(15, invalid=range(4, 10))
    assert found.open.tolist() == [True, False, True]


def test_doubts_and_labels_of_a_moment_are_the_means_of_its_positions():
    frame = np.zeros((10, 2), np.float16)
    frame[:5, 0], frame[5:, :] = 1, 0.5
    found = moments(10, frame=frame)
    np.testing.assert_allclose(found.doubts, [0, 1])
    np.testing.assert_allclose(found.said, [[1, 0, 0], [0.5, 0.5, 0]])


def test_a_film_shorter_than_a_moment_is_one():
    assert len(moments(2)) == 1


def corrected(*segments, reviewed=(), rejected=()):
    return Timeline(
        video_identity="1",
        video_path="a.mp4",
        duration_s=100,
        span_s=(0, 100),
        segments=segments,
        reviewed=reviewed,
        rejected=rejected,
    )


def segment(start_s, end_s, label="walk", origin=None):
    return Segment(start_s=start_s, end_s=end_s, label=label, origin=origin)


@pytest.mark.parametrize(
    ("labels", "spans"),
    [(None, ((10, 20),)), (("sit", "walk"), ((10, 20),)), (("sit",), ())],
)
@pytest.mark.parametrize("exclusive", [True, False])
def test_time_is_known_where_somebody_looked_for_all_labels(labels, spans, exclusive):
    timeline = corrected(reviewed=[Reviewed(start_s=10, end_s=20, labels=labels)])
    assert known_spans(timeline, LABELS, exclusive=exclusive) == spans


def test_a_segment_by_hand_says_all_only_where_labels_exclude_each_other():
    timeline = corrected(segment(0, 5, origin="model"), segment(30, 40, origin="manual"), segment(50, 55, "sit"))
    assert known_spans(timeline, LABELS, exclusive=True) == ((30, 40),)
    assert known_spans(timeline, LABELS, exclusive=False) == ()


def test_seconds_are_known_of_labels_and_of_nothing():
    timeline = corrected(
        segment(10, 14, "sit", "curated"), segment(12, 12, "walk", "manual"), reviewed=[Reviewed(start_s=10, end_s=20)]
    )
    assert known_seconds(timeline, LABELS).tolist() == [1, 4, 6]
