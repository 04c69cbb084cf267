"""Predictions against truth: worked examples, and the metrics called directly as the oracle."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scored_films import LABELS, TRUTH, annotations, predicted, scored, seg

from vtn_stream.errors import InputError
from vtn_stream.evaluation import METRICS, Prediction, read_predictions, save_pictures, score
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
    assert any("There is no prediction for 3 of 3 films" in note for note in scores.notes)


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
    assert any("There is no prediction for 1 of 4 films" in note for note in scores.notes)
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
    with pytest.raises(InputError, match="the background is called nothing, which the annotations do not have"):
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


def test_what_the_order_of_equal_scores_could_change_is_said():
    truth = annotations({"a": [seg(0, 10, "walk")], "b": []})
    note = "Predictions with equal scores have no order of their own: mean average precision can be 50.0 to 100.0 %"
    for score_of_b, is_tie in ((0.5, True), (0.4, False)):
        found = {"a": [seg(0, 10, "walk", 0.5)], "b": [seg(0, 10, "walk", score_of_b)]}
        scores = score(predicted(found), truth, metrics=["detection"])
        assert any(n.startswith(note) for n in scores.notes) == is_tie
        assert scores.detection.ranked.average_map == 1
