"""Events without a length against predictions: worked examples, and the metric called directly as the oracle."""

import json
from fractions import Fraction

import pytest
from scored_films import annotations, predicted, seg
from spot_files import GAME, event, labels, spot

from vtn_stream.errors import InputError
from vtn_stream.evaluation import Prediction, read_predictions, score
from vtn_stream.formats.annotations import AnnotatedVideo, Annotations, read_annotations
from vtn_stream.metrics import LOOSE_S, TIGHT_S, spot_map, window_map
from vtn_stream.timeline import Segment


def at(time_s, label="goal", score=None):
    return seg(time_s, time_s, label, score)


KINDS = ("foul", "goal", "play")
TRUTH = {"a": [at(10), at(20), at(30, "foul")], "b": [at(10)]}
FOUND = {"a": [at(10.4, score=0.9), at(40, score=0.8), at(30, "foul", 0.7)], "b": [at(12, score=0.6)]}


def truth_of(videos, labels=KINDS[:2], rate=None):
    return Annotations(
        format="test",
        labels=labels,
        videos={
            name: AnnotatedVideo(segments=tuple(spots), duration_s=100.0, rate=rate) for name, spots in videos.items()
        },
    )


def test_events_without_a_length_are_scored_by_spotting_alone():
    scores = score(predicted(FOUND), truth_of(TRUTH))
    assert scores.metrics == ("spotting",)
    spotting = scores.spotting
    assert spotting.tight.mean_ap.tolist() == window_map(FOUND, TRUTH, KINDS[:2], TIGHT_S).mean_ap.tolist()
    assert spotting.loose.average_map == window_map(FOUND, TRUTH, KINDS[:2], LOOSE_S).average_map
    # goals: 10.4 is right of three from .5 s on, at rank 1; 12 from 2 s on, at rank 3: (1 + 2/3) / 3
    assert spotting.seconds.tolerances == (0.5, 1, 2)
    assert spotting.seconds.classes["goal"].ap.tolist() == pytest.approx([1 / 3, 1 / 3, 5 / 9])
    assert spotting.seconds.classes["foul"].ap.tolist() == [1, 1, 1]
    assert spotting.frames is None
    goal = spotting.shown["goal"]
    assert (goal.num_true, goal.num_found, goal.num_hits) == (3, 3, 1)  # within 1 s
    assert (spotting.total.precision, spotting.total.recall) == (0.5, 0.5)


def test_every_figure_is_json_without_nan():
    figures = score(predicted(FOUND), truth_of(TRUTH, KINDS)).to_dict()
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures
    spotting = figures["spotting"]
    assert spotting["classes"]["play"] == {
        **{"tight": 0, "loose": 0, "seconds": None, "frames": None},
        **{"num_true": 0, "num_shown": 0, "precision": None, "recall": None, "f1": 0},
    }
    assert spotting["tight"]["average_map"] == pytest.approx(sum(spotting["classes"][k]["tight"] for k in KINDS) / 3)


def test_frames_are_counted_where_the_annotations_say_the_rate():
    found = {"a": [at(10.04, score=0.9)]}  # a frame late
    scores = score(predicted(found), truth_of({"a": [at(10)]}, rate=Fraction(25)), tolerances_frames=(0, 1))
    assert scores.spotting.frames.mean_ap.tolist() == [0, 1]
    rates = {"a": 25}
    direct = spot_map(found, {"a": [at(10)]}, (1, 2), rates=rates)
    usual = score(predicted(found), truth_of({"a": [at(10)]}, rate=Fraction(25))).spotting.frames
    assert (usual.tolerances, usual.mean_ap.tolist()) == ((1, 2), direct.mean_ap.tolist())
    with pytest.raises(InputError, match="do not say how many frames a second a has"):
        score(predicted(found), truth_of({"a": [at(10)]}), tolerances_frames=(1,))


def test_what_is_predicted_with_a_length_counts_at_its_peak_or_middle():
    peaked = Segment(start_s=9, end_s=20, label="goal", score=0.9, attributes={"peak_s": "10.000"})
    middle = seg(19.5, 20.5, "goal", 0.8)
    wrong = [
        Segment(start_s=29, end_s=31, label="goal", score=0.7, attributes={"peak_s": p}) for p in ("x", "nan", "7")
    ]
    truth = truth_of({"a": [at(10), at(20), at(30)]})
    scores = score(predicted({"a": [peaked, middle, wrong[0]]}), truth, tolerances_s=(0.0,))
    assert scores.spotting.seconds.mean_ap.tolist() == [pytest.approx((1 + 1 + 1) / 3)]
    assert "3 of 3 predictions of spots have a length: they count 1 at the peak, 2 at the middle." in scores.notes
    for one in wrong:
        assert score(predicted({"a": [one]}), truth, tolerances_s=(0.0,)).spotting.total.num_hits == 1


def test_doubtful_candidates_count_for_average_precision_only():
    prediction = Prediction(segments=(at(10, score=0.9),), candidates=(at(10, score=0.9), at(20, score=0.1)))
    spotting = score({"a": prediction}, truth_of({"a": [at(10), at(20)]})).spotting
    assert spotting.seconds.mean_ap.tolist() == [1, 1, 1]
    assert (spotting.total.num_found, spotting.total.num_hits) == (1, 1)


def test_what_lasts_is_scored_by_the_other_measures():
    videos = {"a": [at(10), at(20), seg(0, 40, "play")]}
    found = {"a": [at(10, score=0.9), seg(19, 21, "goal", 0.8), seg(0, 40, "play", 0.7)]}
    scores = score(predicted(found), annotations(videos, KINDS[1:]))
    assert scores.metrics == ("spotting", "detection", "segmentation")
    assert scores.spotting.labels == ("goal",)
    assert scores.spotting.seconds.mean_ap.tolist() == [1, 1, 1]
    assert list(scores.detection.ranked.classes) == ["play"]
    assert scores.detection.total.precision == 1  # predicted goals are no false alarms there
    assert scores.segmentation.scores.accuracy == 100  # nor do they cover what goes on
    assert any(
        "Events of the truth without a length (2, labelled goal) are scored by spotting, those" in n
        for n in scores.notes
    )


def test_a_label_of_both_kinds_counts_in_both():
    videos = {"a": [at(10), seg(50, 60, "goal")]}
    found = {"a": [at(10, score=0.9), seg(50, 60, "goal", 0.8)]}
    scores = score(predicted(found), annotations(videos, ("goal",)))
    assert scores.spotting.shown["goal"].num_found == scores.detection.shown["goal"].num_found == 2
    assert any("Some events labelled goal have a length and some have none" in note for note in scores.notes)
    assert any("Predictions without a length (1) cannot find an event with a length." in note for note in scores.notes)


def test_spots_without_scores_have_no_average_precision():
    scores = score(predicted(TRUTH), truth_of(TRUTH))
    assert (scores.spotting.tight, scores.spotting.loose, scores.spotting.seconds) == (None, None, None)
    assert scores.spotting.total.f1 == 1
    assert any("not every prediction has a score" in note for note in scores.notes)


def test_scores_that_are_no_probabilities_are_told():
    scores = score(predicted({"a": [at(10, score=7.5), at(20, score=-2)]}), truth_of({"a": [at(10), at(20)]}))
    assert scores.spotting.seconds.mean_ap.tolist() == [1, 1, 1]
    assert scores.spotting.tight.average_ap("goal") == pytest.approx(6 / 11)
    assert any("2 predictions have scores below 0 or above 1" in note for note in scores.notes)


@pytest.mark.parametrize(
    ("videos", "metric", "told"),
    [
        (TRUTH, "detection", "no event of the truth has a length; only spotting can be measured"),
        (TRUTH, "segmentation", "no event of the truth has a length; only spotting can be measured"),
        ({"a": [seg(0, 4, "goal")]}, "spotting", "the truth has no events without a length; spotting was not measured"),
    ],
)
def test_measures_that_say_nothing_of_such_events_are_refused(videos, metric, told):
    with pytest.raises(InputError, match=told):
        score({}, truth_of(videos), metrics=[metric])


# ---- files


def save(folder, name, content):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def said(*events, half="1", confidence="0.9"):
    return {"UrlLocal": GAME, "predictions": [e | {"half": half, "confidence": confidence} for e in events]}


def test_soccernets_files_half_by_half(tmp_path):
    save(tmp_path, f"truth/{GAME}/Labels-v2.json", labels(event(), event("2 - 10:00", position="600000")))
    save(tmp_path, f"found/{GAME}/results_spotting.json", said(event(), event("1 - 10:00", position="600000")))
    truth = read_annotations(tmp_path / "truth")
    scores = score(read_predictions(tmp_path / "found"), truth)
    assert [film.name for film in scores.films] == [f"{GAME}/1_224p", f"{GAME}/2_224p"]
    # the same time in the other half is another time; at one threshold both count, so that precision is 1/2
    assert scores.spotting.tight.average_map == pytest.approx(6 / 11 / 2)
    assert any("always averages over 17 labels" in n and "tight and loose are 1.6 and 1.6 %" in n for n in scores.notes)
    assert not any("Average precision counts what the timelines show" in note for note in scores.notes)


def test_labels_of_soccernet_that_a_match_does_not_have_may_be_predicted(tmp_path):
    save(tmp_path, f"truth/{GAME}/Labels-v2.json", labels(event()))
    truth = read_annotations(tmp_path / "truth")
    found = {f"{GAME}/1_224p": [at(754.3, "Goal", 0.9), at(100, "Red card", 0.8)]}
    scores = score(predicted(found), truth)
    assert scores.labels == ("Goal", "Red card")
    assert scores.spotting.tight.average_map == 0.5  # as SoccerNet counts a label without an event
    assert scores.spotting.seconds.mean_ap.tolist() == [1, 1, 1]
    assert any("No scored film has Red card" in note for note in scores.notes)
    with pytest.raises(InputError, match="the predictions say Tackle, which the annotations do not have"):
        score(predicted({f"{GAME}/1_224p": [at(1, "Tackle", 0.9)]}), truth)


@pytest.mark.parametrize("film", ["1_720p.mkv", "1_HQ.mkv"])
def test_a_half_is_the_same_film_in_every_resolution(tmp_path, film):
    for game in ("a", "b"):
        save(tmp_path, f"truth/{game}/Labels-v2.json", labels(event()))
        save(tmp_path, f"truth/{game}/{film}", "")
        save(tmp_path, f"found/{game}/results_spotting.json", said(event()))
    scores = score(read_predictions(tmp_path / "found"), read_annotations(tmp_path / "truth"))
    assert scores.spotting.tight.average_map == 1


def test_ball_actions_of_a_match_lie_in_one_film(tmp_path):
    save(tmp_path, "truth/a/Labels-ball.json", labels(event("1 - 00:04", "PASS", "4040")))
    save(tmp_path, "truth/a/224p.mp4", "")
    truth = read_annotations(tmp_path / "truth")
    scores = score(predicted({"a/224p": [at(4.2, "PASS", 0.9)]}), truth)
    assert scores.spotting.tight.average_map == 1
    assert not any("17 labels" in note for note in scores.notes)


def test_e2e_spots_files_in_frames(tmp_path):
    truth = read_annotations(save(tmp_path, "truth.json", [spot("match", jump=100), spot("other", jump=50)]))
    guessed = [spot("match", jump=102), spot("other", jump=50)]
    for film, value in zip(guessed, (0.9, 0.8), strict=True):
        film["events"][0]["score"] = value
    scores = score(read_predictions(save(tmp_path, "found.json", guessed)), truth, tolerances_frames=(0, 1, 2, 4))
    assert scores.spotting.frames.mean_ap.tolist() == [0.25, 0.25, 1, 1]
