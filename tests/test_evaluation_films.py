"""Which films are measured, and which prediction is whose."""

import pytest
from scored_films import TRUTH, annotations, predicted, scored, seg

from vtn_stream.errors import InputError
from vtn_stream.evaluation import Prediction, read_predictions, score
from vtn_stream.formats.annotations import read_annotations


def test_training_films_are_left_out_where_there_are_others_and_that_is_told():
    subsets = {"a": "training", "b": "validation"}
    truth = annotations(TRUTH, subsets=subsets)
    found = predicted({name: scored(segments) for name, segments in TRUTH.items()})
    scores = score(found, truth)
    assert scores.to_dict()["films"] == ["b", "c"]
    assert any("Left out: 1 training film " in note for note in scores.notes)
    assert score(found, truth, subset="all").to_dict()["films"] == ["a", "b", "c"]
    only = {name: Prediction() for name in "a"}
    assert score(only, truth, subset="training").to_dict()["films"] == ["a"]
    everything = annotations(TRUTH, subsets=dict.fromkeys("abc", "training"))
    assert score({}, everything).to_dict()["films"] == ["a", "b", "c"]
    with pytest.raises(InputError, match=r"no test film; .*there is training and validation"):
        score(found, truth, subset="test")


def test_predictions_of_other_films_are_an_error_unless_they_are_to_be_ignored():
    truth = annotations(TRUTH, subsets={"a": "training", "b": "validation", "c": "validation"})
    found = predicted({"b.mp4": [], "x.mp4": [], "A": []})
    with pytest.raises(InputError, match=r"prediction of A, which is not in the annotations \(did you mean a\?\)"):
        score(found, truth)
    scores = score(found, truth, ignore_other_videos=True)
    assert any("Predictions of 2 other films were ignored: A and x.mp4" in note for note in scores.notes)
    with pytest.raises(InputError, match="prediction of a, which is not a validation film"):
        score(predicted({"a": [], "b": []}), truth, subset="validation")


@pytest.mark.parametrize(
    ("name", "film"),
    [
        ("walk.mp4", "walk"),
        ("walk.mp4", "clips/walk.avi"),
        ("walk", "clips/walk.mp4"),
        ("clips/walk.mp4", "clips/walk.mp4"),
        ("2020.06.01", "2020.06.01"),
        ("2020.06.01.mkv", "2020.06.01"),
        ("Walk.MP4", "Walk"),
    ],
)
def test_a_prediction_finds_its_film(name, film):
    others = {"clips/other.mp4": [], "2020.06": []}
    truth = annotations({film: [seg(0, 10, "walk")], **others})
    scores = score(predicted({name: [seg(0, 10, "walk", 1)]}), truth)
    assert scores.detection.total.f1 == 1


def test_a_name_that_can_be_two_films_is_an_error():
    truth = annotations({"fight/1.mp4": [], "none/1.mp4": []})
    with pytest.raises(InputError, match=r"^1.mp4 can be fight/1.mp4 or none/1.mp4; "):
        score(predicted({"1.mp4": []}), truth)
    with pytest.raises(InputError, match=r"a and a.mp4 are both predictions of a; "):
        score(predicted({"a.mp4": [], "a": []}), annotations(TRUTH))


@pytest.mark.parametrize(
    "prediction",
    [
        Prediction(segments=(seg(0, 1, "Walk", 1), seg(2, 3, "zap", 1))),
        Prediction(candidates=(seg(0, 1, "Walk", 0.01), seg(2, 3, "zap", 0.01))),
        Prediction(clip_labels=(("Walk", 1.0), ("zap", 0.5))),
    ],
)
def test_labels_that_the_truth_does_not_know_are_named_with_what_was_probably_meant(prediction):
    message = (
        r"in a the predictions say Walk and zap, .*\(did you mean walk\?\); .*the annotations have run, sit and walk$"
    )
    with pytest.raises(InputError, match=message):
        score({"a": prediction}, annotations(TRUTH))


def test_a_known_label_that_no_scored_film_has_is_a_false_alarm_and_no_class():
    truth = annotations({"a": [seg(0, 10, "walk")]})
    scores = score(predicted({"a": [seg(0, 10, "walk", 0.5), seg(50, 60, "sit", 0.9)]}), truth)
    assert list(scores.detection.ranked.classes) == ["walk"]
    assert scores.detection.ranked.average_map == 1
    assert scores.detection.total.precision == 0.5
    assert any("No scored film has sit" in note for note in scores.notes)


def test_odd_things_are_told():
    parts = {
        "a": Prediction(complete=False, duration_s=100.0),
        "b": Prediction(duration_s=39.0),
        "c": Prediction(duration_s=100.0, segments=(seg(0, 10, "run", 0.5), seg(0, 10, "sit", 0.4))),
    }
    notes = " ".join(score(parts, annotations(TRUTH)).notes)
    assert "Of 1 film only a part was analyzed" in notes
    assert "The truth continues after the end of 1 film" in notes
    assert "For 10.0 s the predictions hold more than one label" in notes
    unknown = score(predicted(TRUTH), annotations(TRUTH, durations=None))
    assert any("The duration of 3 films is not known" in note for note in unknown.notes)
    assert unknown.film_s == 60 + 40 + 0


def test_more_frames_than_can_be_counted_are_refused():
    with pytest.raises(InputError, match="more than 100000000 frames"):
        score({}, annotations({"a": [seg(0, 1, "walk")]}, durations=1e300))
    for fps in (0, -1, float("nan"), float("inf")):
        with pytest.raises(InputError, match="frames a second"):
            score({}, annotations(TRUTH), fps=fps)


def test_labels_and_films_are_the_same_in_any_form_of_unicode(tmp_path):
    truth = tmp_path / "truth.csv"
    truth.write_text("video,start_s,end_s,label\nu\u0308.mp4,0,2,e\u0301\nu\u0308.mp4,2,4,o\u0308\n")
    predictions = tmp_path / "predictions.csv"
    predictions.write_text("video,start_s,end_s,label,score\nx/\u00fc.avi,0,2,\u00e9,1\nx/\u00fc.avi,2,4,\u00f6,1\n")
    scores = score(read_predictions(predictions), read_annotations(truth), background=["\u00f6"])
    assert scores.labels == ("e\u0301",)
    assert [(s.start_s, s.label) for s in scores.films[0].shown] == [(0, "e\u0301")]
