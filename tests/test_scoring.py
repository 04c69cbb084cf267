"""Predictions against truth: worked examples, and the metrics called directly as the oracle."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vtn_stream.draft import Analysis
from vtn_stream.errors import AnnotationError, InputError, TimelineError
from vtn_stream.evaluation import METRICS, Prediction, of_analysis, of_timeline, read_predictions, save_pictures, score
from vtn_stream.film import FrameIndex
from vtn_stream.formats import timeline_json
from vtn_stream.formats.annotations import AnnotatedVideo, Annotations, read_annotations
from vtn_stream.formats.annotations.cholec80 import PHASES
from vtn_stream.metrics import (
    ACTIVITYNET,
    average_recall,
    detection_map,
    labels_on_grid,
    relaxed_phases,
    segmentation_scores,
    strict_phases,
)
from vtn_stream.timeline import Segment, Timeline
from vtn_stream.track import GridScores, Spans

LABELS = ("run", "sit", "walk")


def seg(start_s, end_s, label, score=None):
    return Segment(start_s=start_s, end_s=end_s, label=label, score=score)


def annotations(videos, labels=LABELS, durations=100.0, subsets=None, **clips):
    return Annotations(
        format="test",
        labels=labels,
        videos={
            name: AnnotatedVideo(
                segments=tuple(segments), duration_s=durations, subset=(subsets or {}).get(name), **clips
            )
            for name, segments in videos.items()
        },
    )


def scored(segments):
    """The truth as a perfect prediction."""
    return [replace(s, score=0.5 + 0.001 * i) for i, s in enumerate(segments)]


TRUTH = {
    "a": [seg(0, 10, "walk"), seg(10, 30, "sit"), seg(50, 60, "walk")],
    "b": [seg(20, 40, "run")],
    "c": [],
}


def predicted(videos, **fields):
    return {name: Prediction(segments=tuple(found), **fields) for name, found in videos.items()}


# ---- worked examples


def test_the_truth_itself_scores_one():
    scores = score(predicted({name: scored(found) for name, found in TRUTH.items()}), annotations(TRUTH))
    assert scores.metrics == ("detection", "segmentation")  # three tenths of the films have a label
    assert scores.detection.ranked.average_map == 1
    assert scores.detection.total.precision == scores.detection.total.recall == scores.detection.total.f1 == 1
    segmentation = scores.segmentation.scores
    assert (segmentation.accuracy, segmentation.edit, *segmentation.f1) == (100,) * 5
    assert scores.segmentation.confusion.counts.sum() == np.trace(scores.segmentation.confusion.counts) == 3000


def test_nothing_found_scores_zero_and_every_film_without_a_prediction_is_told():
    scores = score({}, annotations(TRUTH), metrics=["detection", "segmentation"])
    assert scores.detection.ranked.average_map == 0
    assert scores.detection.proposals.area == 0
    assert (scores.detection.total.recall, scores.detection.total.f1) == (0, 0)
    assert np.isnan(scores.detection.total.precision)
    assert scores.segmentation.scores.f1 == (0, 0, 0)
    assert scores.segmentation.scores.accuracy == pytest.approx(100 * 240 / 300)  # 60 of 300 s have a label
    assert scores.to_dict()["without_predictions"] == ["a", "b", "c"]
    assert scores.to_dict()["detection"]["shown"]["precision"] is None
    assert any("Nothing is predicted of 3 of 3 films" in note for note in scores.notes)


def test_a_worked_example():
    """walk: a hit at .9, a false alarm at .8, a miss: AP 1/2. sit: found late, tIoU .75. run: called sit."""
    found = {
        "a": [seg(0, 10, "walk", 0.9), seg(70, 80, "walk", 0.8), seg(15, 30, "sit", 0.7)],
        "b": [seg(20, 40, "sit", 0.6)],
    }
    scores = score(predicted(found), annotations(TRUTH), thresholds=[0.5, 0.8])
    classes = scores.detection.ranked.classes
    assert classes["walk"].ap.tolist() == [0.5, 0.5]
    assert classes["sit"].ap.tolist() == [1, 0]
    assert classes["run"].ap.tolist() == [0, 0]
    assert scores.detection.ranked.mean_ap.tolist() == [0.5, pytest.approx(1 / 6)]
    shown = scores.detection.shown
    assert (shown["walk"].num_true, shown["walk"].num_found, shown["walk"].num_hits) == (2, 2, 1)
    assert (shown["sit"].precision, shown["sit"].recall) == (0.5, 1)
    assert scores.detection.total.f1 == pytest.approx(2 * 2 / (4 + 4))
    # frames: of 3000 the 50 of sit that came late, 200 called sit, 100 missed, 100 of nothing called walk
    assert scores.segmentation.scores.accuracy == pytest.approx(100 * (3000 - 450) / 3000)
    table = scores.segmentation.confusion
    assert table.labels == LABELS
    assert table.counts.tolist() == [[0, 200, 0, 0], [0, 150, 0, 50], [0, 0, 100, 100], [0, 0, 100, 2300]]
    assert scores.to_dict()["segmentation"]["confusion"][0] == {"true": None, "predicted": None, "frames": 2300}


def test_what_no_timeline_shows_counts_for_average_precision_only():
    shown = (seg(0, 10, "walk", 0.9),)
    prediction = Prediction(segments=shown, candidates=(*shown, seg(50, 60, "walk", 0.01), seg(70, 71, "walk", 0.001)))
    scores = score({"a": prediction}, annotations({"a": [seg(0, 10, "walk"), seg(50, 60, "walk")]}))
    assert scores.detection.ranked.average_map == 1
    assert (scores.detection.total.num_found, scores.detection.total.recall) == (1, 0.5)
    assert scores.segmentation.confusion.counts.tolist() == [[100, 100], [0, 800]]
    assert not any("Average precision counts" in note for note in scores.notes)
    told = score(predicted({"a": shown}), annotations(TRUTH), metrics=["detection"]).notes
    assert any("Average precision counts what the timelines show" in note for note in told)


times = st.floats(0, 90, width=16)
found_segments = st.lists(
    st.builds(
        lambda start, length, label, value: seg(start, start + length, label, value),
        times,
        st.floats(0.5, 10, width=16),
        st.sampled_from(LABELS),
        st.floats(0, 1, width=16),
    ),
    max_size=6,
)


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(st.sampled_from("abc"), found_segments), found_segments, st.randoms(use_true_random=False))
def test_it_is_the_metrics_called_directly_whatever_the_order(found, more, random):
    truth = {"a": [replace(s, score=None) for s in more], **{n: t for n, t in TRUTH.items() if n != "a"}}
    scores = score(predicted(found), annotations(truth), metrics=["detection", "segmentation"], fps=4)
    known = {s.label for segments in truth.values() for s in segments}
    ranked = {n: sorted((s for s in f if s.label in known), key=lambda s: s.sort_key) for n, f in found.items()}
    direct = detection_map(ranked, truth, (0.3, 0.4, 0.5, 0.6, 0.7))
    assert scores.detection.ranked.mean_ap.tolist() == direct.mean_ap.tolist()
    every = {n: sorted(f, key=lambda s: s.sort_key) for n, f in found.items()}
    assert scores.detection.proposals.area == average_recall(every, truth, ACTIVITYNET).area
    grid = (np.arange(400) + 0.5) / 4
    frames = [{n: labels_on_grid(side.get(n, []), grid, "") for n in truth} for side in (found, truth)]
    assert scores.segmentation.scores == segmentation_scores(*frames, background=[""])

    shuffled = list(found.items())
    random.shuffle(shuffled)
    again = {n: random.sample(f, len(f)) for n, f in shuffled}
    order = sorted(truth, key=lambda n: random.random())
    same = score(predicted(again), annotations({n: truth[n] for n in order}), metrics=scores.metrics, fps=4)
    assert json.dumps(same.to_dict()) == json.dumps(scores.to_dict())


def test_every_figure_is_json_without_nan():
    scores = score(predicted({"a": scored(TRUTH["a"])}), annotations(TRUTH), metrics=["detection", "segmentation"])
    assert json.loads(json.dumps(scores.to_dict(), allow_nan=False)) == scores.to_dict()


# ---- what is measured


@pytest.mark.parametrize(
    ("truth", "found", "metrics"),
    [
        ({"a": [seg(0, 74, "walk")]}, {"a": [seg(0, 74, "walk", 1)]}, ("detection", "segmentation")),
        ({"a": [seg(0, 75, "walk")]}, {"a": [seg(0, 74, "walk", 1)]}, ("segmentation", "detection")),
        ({"a": [seg(0, 50, "walk"), seg(0, 50, "sit")]}, {}, ("detection", "segmentation")),  # 50 s, not 100
        ({"a": [seg(0, 75, "walk")]}, {"a": [seg(0, 74, "walk")]}, ("segmentation",)),  # no score, no rank
        ({"a": []}, {"a": [seg(0, 74, "walk", 1)]}, ("segmentation",)),
    ],
)
def test_the_data_say_what_is_measured_first(truth, found, metrics):
    assert score(predicted(found), annotations(truth)).metrics == metrics


def test_what_is_asked_for_is_measured_in_that_order():
    found = predicted({"a": scored(TRUTH["a"])})
    for metrics in (["detection"], ["segmentation"], ["segmentation", "detection"]):
        scores = score(found, annotations(TRUTH), metrics=metrics)
        assert [name for name in METRICS if getattr(scores, name) is not None] == sorted(metrics)
        assert list(scores.metrics) == metrics
        assert set(scores.to_dict()) >= set(metrics)


def test_detection_that_is_asked_for_needs_scores():
    with pytest.raises(InputError, match="has no score"):
        score(predicted({"a": TRUTH["a"]}), annotations(TRUTH), metrics=["detection"])


def test_whole_clips_have_accuracies():
    labels = tuple("abcdefg")
    truth = Annotations(
        format="test",
        labels=labels,
        videos={f"{k}.mp4": AnnotatedVideo(clip_label=label) for k, label in enumerate("aabc")},
    )
    found = {
        "0": Prediction(clip_labels=(("a", 0.9), ("b", 0.1))),
        "1": Prediction(clip_labels=tuple((label, 0.1 * k) for k, label in enumerate("agfedcb"[:6]))),  # a is sixth
        "2": Prediction(clip_labels=(("a", 0.6), ("b", 0.4))),
    }
    scores = score(found, truth)
    assert scores.metrics == ("clips",)
    clips = scores.clips
    assert (clips.num_clips, clips.top_1, clips.top_5, clips.mean_per_class) == (4, 0.25, 0.5, pytest.approx(1 / 6))
    assert {"true": "c", "predicted": None, "films": 1} in scores.to_dict()["clips"]["confusion"]
    assert any("Nothing is predicted of 1 of 4 films" in note for note in scores.notes)
    with pytest.raises(InputError, match="no labels of whole films"):
        score({}, annotations(TRUTH), metrics=["clips"])


def test_surgical_phases_strict_and_relaxed():
    borders = np.array([0, 100, 400, 500, 900, 1000, 1100, 1200])
    true = [seg(*borders[i : i + 2], name) for i, name in enumerate(PHASES)]
    late = [0, *(borders[1:-1] + 7), 1200]
    found = [seg(*late[i : i + 2], name) for i, name in enumerate(PHASES)]
    truth = annotations({"v": true}, labels=PHASES, durations=1200.0)
    phases = score(predicted({"v": found}), truth, metrics=["phases"], fps=2).phases
    assert phases.labels == PHASES
    assert phases.forms["strict"].accuracy == pytest.approx(100 * (1 - 6 * 7 / 1200))
    assert phases.forms["relaxed, corrected"].accuracy == 100
    grid = (np.arange(2400) + 0.5) / 2
    sides = [{"v": labels_on_grid(side, grid, "")} for side in (found, true)]
    direct = {form: relaxed_phases(*sides, form, fps=2, phases=PHASES) for form in ("exact", "corrected")}
    for form, expected in (
        ("strict", strict_phases(*sides, phases=PHASES)),
        *((f"relaxed, {f}", s) for f, s in direct.items()),
    ):
        for measure in ("precision", "recall", "jaccard"):
            ours, theirs = (getattr(s, measure) for s in (phases.forms[form], expected))
            assert ours.per_phase[:7].tolist() == theirs.per_phase.tolist()
            assert (ours.mean, ours.std) == (theirs.mean, theirs.std)


def test_a_prediction_of_no_phase_is_wrong_and_nothing_is_relaxed_then():
    true = [seg(100 * i, 100 * i + 100, name) for i, name in enumerate(PHASES)]
    truth = annotations({"v": true}, labels=PHASES, durations=800.0)  # 100 s without a phase
    scores = score(predicted({"v": true[1:]}), truth, metrics=["phases"], fps=1)
    strict = scores.phases.forms["strict"]
    assert list(scores.phases.forms) == ["strict"]
    assert strict.accuracy == pytest.approx(600 / 7)
    assert strict.recall.per_phase[:7].tolist() == [0, 100, 100, 100, 100, 100, 100]
    assert strict.recall.mean == pytest.approx(600 / 7)  # nothing is no eighth phase
    assert any("100.0 s without a phase in the truth" in note for note in scores.notes)
    assert any("100.0 s are predicted to be of no phase" in note for note in scores.notes)


def test_background_means_nothing_on_both_sides():
    labels = ("background", *LABELS)
    truth = {"a": [seg(0, 40, "background"), seg(40, 50, "walk"), seg(50, 100, "background")]}
    found = {"a": [seg(0, 42, "background", 0.9), seg(42, 50, "walk", 0.8), seg(50, 100, "background", 0.9)]}
    scores = score(predicted(found), annotations(truth, labels), background=["background"])
    assert scores.metrics == ("segmentation", "detection")  # every frame has a label, if only that
    assert list(scores.detection.ranked.classes) == ["walk"]
    assert scores.segmentation.scores.f1 == (100, 100, 100)
    assert scores.segmentation.scores.accuracy == pytest.approx(98)
    assert scores.labels == LABELS
    with pytest.raises(InputError, match="the background is called nothing, which no label"):
        score({}, annotations(truth, labels), background=["nothing"])


def test_the_grid_reads_labels_a_frame_as_they_were_written(tmp_path):
    """Frame i of a rate that no float divides is [i / fps, (i + 1) / fps)."""
    rng = np.random.default_rng(0)
    frames = {side: rng.integers(0, 3, 500).repeat(rng.integers(1, 3, 500)) for side in ("true", "said")}
    num = min(map(len, frames.values()))
    for side, labels in frames.items():
        (tmp_path / side / "groundTruth").mkdir(parents=True)
        (tmp_path / side / "mapping.txt").write_text("".join(f"{i} {label}\n" for i, label in enumerate(LABELS)))
        (tmp_path / side / "groundTruth" / "v.txt").write_text("\n".join(LABELS[k] for k in labels[:num]) + "\n")
    fps = 30000 / 1001
    scores = score(
        read_predictions(tmp_path / "said", fps=fps), read_annotations(tmp_path / "true", fps=fps), fps=fps
    ).segmentation.scores
    assert scores == segmentation_scores({"v": frames["said"][:num]}, {"v": frames["true"][:num]})


# ---- which films


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
    with pytest.raises(InputError, match=r"prediction of A, which is no film of the annotations \(did you mean a\?\)"):
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
        r"in a the predictions say Walk and zap, .*\(did you mean walk\?\); .*the annotations know run, sit and walk$"
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
    assert "The truth goes on after the end of 1 film" in notes
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


# ---- where predictions come from


def timeline(name, segments, **fields):
    known = {"video_identity": name, "video_path": name, "duration_s": 100.0, "span_s": (0.0, 100.0)}
    return Timeline(**(known | {"segments": tuple(segments)} | fields))


def save(path: Path, content: Timeline) -> Path:
    path.write_bytes(timeline_json.dumps(content))
    return path


def test_a_folder_of_timelines(tmp_path):
    save(tmp_path / "a.timeline.json", timeline("a.mp4", scored(TRUTH["a"])))
    save(tmp_path / "a.timeline.partial.json", timeline("a.mp4", [], complete=False))  # of a run that goes on
    save(tmp_path / "b.timeline.partial.json", timeline("b.mxf", scored(TRUTH["b"]), complete=False))
    save(tmp_path / "c.timeline.json", timeline("c.mp4", [], span_s=(10.0, 20.0)))
    (tmp_path / "a.scores.arrow").write_bytes(b"not looked at")
    found = read_predictions(tmp_path)
    assert {name: p.complete for name, p in found.items()} == {"a.mp4": True, "b": False, "c.mp4": False}
    scores = score(found, annotations(TRUTH))
    assert scores.detection.ranked.average_map == 1
    assert scores.to_dict()["partial"] == ["b", "c"]


def test_one_timeline_under_any_name(tmp_path):
    for name in ("a.timeline.json", "mine.json"):
        assert list(read_predictions(save(tmp_path / name, timeline("a.mp4", [])))) == ["a.mp4"]


def test_two_timelines_of_one_film_and_damaged_ones_are_errors(tmp_path):
    save(tmp_path / "1.timeline.json", timeline("a.mp4", []))
    save(tmp_path / "2.timeline.json", timeline("a.mp4", []))
    with pytest.raises(InputError, match=r"1.timeline.json and 2.timeline.json are both timelines of a.mp4"):
        read_predictions(tmp_path)
    (tmp_path / "2.timeline.json").write_text("{")
    with pytest.raises(TimelineError, match=r"^2.timeline.json: this is not JSON"):
        read_predictions(tmp_path)


RESULTS = {
    "version": "VERSION 1.3",
    "results": {
        "a": [{"label": "walk", "score": 0.9, "segment": [0, 10]}, {"label": "sit", "score": 1e-9, "segment": [-1, 5]}],
        "b": [{"label": "run", "score": 7}, {"label": "sit", "score": -1.5}],
        "c": [],
    },
    "external_data": {"used": True},
}


def test_activitynet_results(tmp_path):
    (tmp_path / "r.json").write_text(json.dumps(RESULTS))
    found = read_predictions(tmp_path / "r.json")
    assert found["a"].segments == found["a"].candidates == (seg(-1, 5, "sit", 1e-9), seg(0, 10, "walk", 0.9))
    assert found["b"].clip_labels == (("run", 7.0), ("sit", -1.5))
    assert found["c"] == Prediction(candidates=())


def entry(**fields):
    return {"results": {"a": [{"label": "walk", "score": 0.5, "segment": [0, 1]} | fields]}}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (entry(score=None), "a[0]: its score is nothing, not a number"),
        (entry(score="0.5"), "a[0]: its score is 0.5, not a number"),
        (entry(score=True), "a[0]: its score is True"),
        (entry(label=""), "a[0]: it has no label"),
        (entry(label=3), "a[0]: its label is 3, not text"),
        (entry(label="x\x1b[31m"), "holds control characters"),
        (entry(label="x" * 1001), "more than 1000 characters"),
        (entry(segment=[1, 0]), "it ends at 0 s, before it starts at 1 s"),
        (entry(segment=[0]), "its segment is a list, not [start, end]"),
        (entry(segment=None), "its segment is nothing, not [start, end]"),
        (entry(segment=[0, "1"]), "its end is 1, not a number of seconds"),
        (entry(segment=[0, 10**400]), "its end is inf"),
        ({"results": []}, "its results are a list"),
        ({"results": {"a": {}}}, "of a there is an object, not a list"),
        ({"results": {"a": [1]}}, "a[0]: it is 1, not an object"),
        ({"results": {"../a": []}}, "leads out of the folder"),
        ({"results": {"": []}}, "the film's id '' is empty"),
        ('{"results": {"a": [], "a": []}}', "the key a stands twice"),
        ('{"results": {"a": [{"label": "x", "score": NaN, "segment": [0, 1]}]}}', "NaN is not a number"),
        ('{"results": {"a": [{"label": "x", "score": 1e999, "segment": [0, 1]}]}}', "its score is inf"),
        ('{"results": {"a": [{"label": "x", "score": ' + "9" * 5000 + ', "segment": [0, 1]}]}}', "its score is inf"),
        ('{"results": ', "it is damaged JSON"),
        ('{"results": ' + "[" * 100_000, "it is"),  # nested too deeply, or damaged
    ],
)
def test_bad_results_are_one_line(tmp_path, content, told):
    (tmp_path / "r.json").write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(InputError) as error:
        read_predictions(tmp_path / "r.json")
    assert told in str(error.value)
    assert str(error.value).startswith("r.json cannot be read as predictions (")
    assert len(str(error.value).splitlines()) == 1
    assert len(str(error.value)) < 400


def test_a_table_with_scores(tmp_path):
    text = "score;video;label;end_s;start_s;note\n0.5;a;walk;0:00:10;0\n"
    (tmp_path / "p.csv").write_text(text.replace(";note", "") + "\n;c;;;\n0.25;a;sit;30;10.5\n")
    found = read_predictions(tmp_path / "p.csv")
    assert found == {
        "a": Prediction(segments=(both := (seg(0, 10, "walk", 0.5), seg(10.5, 30, "sit", 0.25))), candidates=both),
        "c": Prediction(candidates=()),
    }


HEADER = "video,start_s,end_s,label,score\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (HEADER + "a,0,1,walk,\n", "line 2: its score is '', not a number"),
        (HEADER + "a,0,1,walk,nan\n", "line 2: its score is nan"),
        (HEADER + "a,0,1,walk,0:00:01\n", "line 2: its score is 0:00:01"),
        (HEADER + "a,x,1,walk,1\n", "line 2: its start is x"),
        (HEADER + "a,0,inf,walk,1\n", "line 2: its end is inf"),
        (HEADER + "a,0,1,walk,1\na,0,1,,1\n", "line 3: it has no label"),
        (HEADER + ",0,1,walk,1\n", "line 2: the film's id '' is empty"),
        (HEADER + "a,0,1,walk\n", "line 2: it has 4 cells, the header 5"),
        (HEADER + 'a,0,1,"walk,1\n', "line 2: unexpected end of data"),
        (
            "video,label,score\na,walk,1\n",
            "must name video, start_s, end_s, label, score, each once; look at start_s, end_s",
        ),
        ("video,video,start_s,end_s,label,score\n", "look at video"),
    ],
)
def test_bad_tables_are_one_line(tmp_path, text, told):
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(InputError) as error:
        read_predictions(tmp_path / "p.csv")
    assert told in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_annotations_can_be_scored_like_predictions(tmp_path):
    """How well two people agree."""
    (tmp_path / "one.csv").write_text("video,start_s,end_s,label,duration_s\na,0,50,walk,100\na,50,100,sit,100\n")
    (tmp_path / "other.csv").write_text("video,start_s,end_s,label,duration_s\na,0,60,walk,100\na,60,100,sit,100\n")
    scores = score(read_predictions(tmp_path / "one.csv"), read_annotations(tmp_path / "other.csv"))
    assert scores.metrics == ("segmentation",)
    assert scores.segmentation.scores.accuracy == pytest.approx(90)


@pytest.mark.parametrize("content", [b"", b"hello\n", b"\0" * 100, b'{"a": 1}', b"{}", b"\xff\xfe"])
def test_what_is_nothing_of_the_kind_is_told_what_could_be(tmp_path, content):
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(InputError, match=r"^x.json (holds no predictions|cannot be read as predictions)"):
        read_predictions(tmp_path / "x.json")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=r"^folder holds no predictions; nothing was scored; give a folder of FILM"):
        read_predictions(tmp_path / "folder")
    with pytest.raises(InputError, match=r"^none cannot be read \(No such file"):
        read_predictions(tmp_path / "none")


def test_frames_of_unknown_rate_are_told_how_to_be_read(tmp_path):
    (tmp_path / "groundTruth").mkdir()
    (tmp_path / "groundTruth" / "v.txt").write_text("walk\n")
    (tmp_path / "mapping.txt").write_text("0 walk\n")
    with pytest.raises(AnnotationError, match="say how many a second: --fps, or fps"):
        read_predictions(tmp_path)


def test_an_analysis_brings_what_its_timeline_does_not_show():
    grid_s = np.arange(100, dtype=float)
    index = FrameIndex(grid_s=grid_s, frame=np.arange(100), pts_s=grid_s, valid=np.ones(100, np.bool_))
    spans = Spans(bounds=np.array([[0.0, 10], [50, 60]]), classes=np.array([2, 2]), scores=np.array([0.9, 0.002]))
    shown = timeline("a.mp4", [seg(0, 10, "walk", 0.9)])
    analysis = Analysis(timeline=shown, scores=GridScores(spans=spans), index=index, labels=LABELS)
    prediction = of_analysis(analysis)
    assert prediction.segments == shown.segments
    assert prediction.candidates == (seg(0, 10, "walk", 0.9), seg(50, 60, "walk", 0.002))
    without = of_analysis(replace(analysis, scores=GridScores()))
    assert without.candidates == without.segments == shown.segments  # a dense head shows all that it knows
    assert of_timeline(shown).candidates is None


# ---- pictures


def test_pictures_are_what_was_measured(tmp_path):
    found = predicted({"a": scored(TRUTH["a"]), "b": []})
    names = {"precision-recall.svg", "classes.svg", "confusion-of-frames.svg", "timelines.svg"}
    scores = score(found, annotations(TRUTH))
    assert {path.name for path in save_pictures(scores, tmp_path / "new" / "folder")} == names
    first = {path.name: path.read_bytes() for path in (tmp_path / "new" / "folder").iterdir()}
    save_pictures(score(dict(reversed(found.items())), annotations(TRUTH)), tmp_path / "new" / "folder")
    assert {path.name: path.read_bytes() for path in (tmp_path / "new" / "folder").iterdir()} == first
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"svg cannot be written"):
        save_pictures(scores, tmp_path / "file")
