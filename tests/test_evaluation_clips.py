"""Labels of whole films, decided by what is predicted of them: worked examples."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scored_films import predicted, seg

from vtn_stream.evaluation import Prediction, score
from vtn_stream.formats.annotations import AnnotatedVideo, Annotations

LABELS = ("run", "walk")


def truth_of(*labels, known=LABELS, duration_s=10.0):
    videos = {
        f"{k}": AnnotatedVideo(segments=(seg(0, duration_s, label),), clip_label=label, duration_s=duration_s)
        for k, label in enumerate(labels)
    }
    return Annotations(format="test", labels=known, videos=videos)


def clips_of(found, truth, **options):
    scores = score(predicted({f"{k}": segments for k, segments in enumerate(found)}), truth, **options)
    assert scores.metrics == ("clips",)
    return scores.clips, " ".join(scores.notes)


def confusions(clips):
    return {(c["true"], c["predicted"]): c["films"] for c in clips.to_dict()["confusion"]}


def test_segments_decide_by_their_share_of_the_time_and_by_their_highest_score():
    long_and_doubtful, short_and_sure = seg(0, 6, "run", 0.4), seg(6, 8, "walk", 0.9)
    clips, notes = clips_of([[long_and_doubtful, short_and_sure]] * 3, truth_of("run", "run", "walk"))
    assert (clips.decided_by, clips.top_1, clips.mean_per_class) == ("share of time", pytest.approx(2 / 3), 0.5)
    assert confusions(clips) == {("run", "run"): 2, ("walk", "run"): 1}
    by_score = clips.by_highest_score
    assert (by_score.decided_by, by_score.top_1, by_score.mean_per_class) == (
        "highest score",
        pytest.approx(1 / 3),
        0.5,
    )
    assert "Of 3 of 3 films no label of the whole film is predicted: their segments decide." in notes


def test_time_that_several_segments_of_a_label_cover_counts_once():
    thrice = [seg(0, 3, "run", 0.9), seg(0, 3, "run", 0.8), seg(1, 3, "run", 0.7)]
    clips, _ = clips_of([[*thrice, seg(4, 8, "walk", 0.5)]], truth_of("walk"))
    assert clips.top_1 == 1


@pytest.mark.parametrize("known", [LABELS, ("run",)])
def test_a_film_without_a_segment_is_wrong_also_where_there_is_one_label(known):
    clips, notes = clips_of([[seg(0, 1, "run", 0.9)], [], [seg(3, 3, "run", 0.9)]], truth_of(*["run"] * 3, known=known))
    assert (clips.top_1, clips.by_highest_score.top_1) == (pytest.approx(1 / 3), pytest.approx(1 / 3))
    assert confusions(clips) == {("run", "run"): 1, ("run", None): 2}
    assert (
        "1 of these films show no segment (1), which counts as wrong. If a label means that nothing happens, name it"
        in notes
    )
    assert "All films are run: a model that always says this is always right." in notes


def test_a_label_that_means_nothing_is_what_films_without_a_segment_show():
    known = ("fight", "noFight")
    brief, long = [seg(2, 4, "fight", 0.9)], [seg(1, 9, "fight", 0.6)]
    truth = truth_of("fight", "fight", "noFight", "noFight", known=known)
    clips, notes = clips_of([brief, long, [], brief], truth, background=["noFight"])
    # by time: 2 of 10 s are less than the rest; by score: any segment
    assert confusions(clips) == {("fight", None): 1, ("fight", "fight"): 1, (None, None): 2}
    assert clips.top_1 == 0.75
    assert confusions(clips.by_highest_score) == {("fight", "fight"): 2, (None, None): 1, (None, "fight"): 1}
    assert "nothing, if more time is without a segment" in notes
    unnamed, notes = clips_of([brief, long, [], brief], truth)
    assert confusions(unnamed) == {("fight", "fight"): 2, ("noFight", "fight"): 1, ("noFight", None): 1}
    assert unnamed.top_1 == 0.5


def test_nothing_predicted_of_a_film_is_no_answer():
    """A film that was never looked at is not one in which nothing was found."""
    truth = truth_of("noFight", "noFight", known=("fight", "noFight"))
    scores = score({"0": Prediction()}, truth, background=["noFight"])
    assert (scores.clips.top_1, scores.clips.by_highest_score.top_1) == (0.5, 0.5)


def test_predicted_labels_of_films_go_before_their_segments():
    named = Prediction(segments=(seg(0, 9, "run", 0.9),), clip_labels=(("walk", 0.9), ("run", 0.2)))
    scores = score({"0": named, "1": named}, truth_of("walk", "run"))
    assert (scores.clips.decided_by, scores.clips.top_1, scores.clips.by_highest_score) == ("label", 0.5, None)
    assert "by_highest_score" not in scores.to_dict()["clips"]


def test_background_is_an_answer_of_models_that_name_films():
    known = ("fight", "noFight")
    found = {str(k): Prediction(clip_labels=(("fight", p), ("noFight", 1 - p))) for k, p in enumerate((0.9, 0.2, 0.7))}
    scores = score(found, truth_of("fight", "noFight", "noFight", known=known), background=["noFight"])
    assert scores.clips.top_1 == pytest.approx(2 / 3)
    assert confusions(scores.clips) == {("fight", "fight"): 1, (None, None): 1, (None, "fight"): 1}


def test_one_label_that_films_are_named_is_no_success():
    found = {"0": Prediction(clip_labels=(("run", 0.01),)), "1": Prediction(clip_labels=(("run", 0.9),))}
    scores = score(found, truth_of("run", "run", known=("run",)))
    assert math.isnan(scores.clips.top_1)
    assert scores.to_dict()["clips"]["top_1"] is None
    assert any("There is only one label" in note for note in scores.notes)


def test_segments_without_scores_are_sure():
    clips, _ = clips_of([[seg(0, 9, "run", 0.9), seg(0, 1, "walk")]], truth_of("walk"))
    assert (clips.top_1, clips.by_highest_score.top_1) == (0, 1)


pieces = st.lists(
    st.builds(
        lambda a, n, label, p: seg(a, a + n, label, p / 8),
        *[st.integers(0, 9)] * 2,
        st.sampled_from(LABELS),
        st.integers(0, 8),
    ),
    max_size=5,
)


@given(st.lists(pieces, min_size=1, max_size=4), st.sampled_from(LABELS))
def test_share_of_time_is_counted_second_by_second(found, label):
    clips, _ = clips_of(found, truth_of(*[label] * len(found), duration_s=20.0))
    right = best = 0
    for segments in found:
        seconds = {
            one: {t for s in segments if s.label == one for t in range(int(s.start_s), int(s.end_s))} for one in LABELS
        }
        right += all(len(seconds[label]) > len(seconds[other]) for other in LABELS if other != label)
        lasting = {one: [s.score for s in segments if s.label == one and s.end_s > s.start_s] for one in LABELS}
        best += all(
            max(lasting[label], default=-1) > max(lasting[other], default=-1) for other in LABELS if other != label
        )
    assert clips.top_1 == pytest.approx(right / len(found))
    assert clips.by_highest_score.top_1 == pytest.approx(best / len(found))


def test_detection_is_measured_of_such_films_if_asked_for():
    truth = truth_of("run")
    found = predicted({"0": [seg(0, 10, "run", 0.9)]})
    assert score(found, truth, metrics=["detection"]).detection.ranked.average_map == 1
    assert score(found, replace(truth, videos=dict(truth.videos)), metrics=["detection"]).clips is None
