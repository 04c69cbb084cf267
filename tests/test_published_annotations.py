"""Annotations on which papers are compared count as they are written, and their figures are the published ones."""

import json
import math
from random import Random

import pytest
from annotation_reading import activitynet, drawn, problems, read  # noqa: F401  (fixtures among them)
from hypothesis import given
from hypothesis import strategies as st
from published_arithmetic import average_map, overlap

from vtn_stream.errors import InputError
from vtn_stream.evaluation import Prediction, score
from vtn_stream.evaluation.predictions import assign
from vtn_stream.film_folder import FilmFolder
from vtn_stream.formats.annotations import read_annotations, timelines_of
from vtn_stream.formats.annotations.activitynet import database_of
from vtn_stream.formats.reading import ReadingOptions
from vtn_stream.metrics import THUMOS14
from vtn_stream.timeline import Segment

LABELS = ("Diving", "CliffDiving", "Shotput")


def thumos(truth, duration_s, **facts):
    database = {
        film: {
            "subset": "Test",
            "duration": duration_s,
            "fps": 30.0,
            "annotations": [
                {"label": label, "segment": [start, end], "label_id": LABELS.index(label)}
                for label, start, end in segments
            ],
        }
        | facts
        for film, segments in truth.items()
    }
    return json.dumps({"version": "Thumos14-30fps", "database": database}, indent=1)


def measured(path, predictions):
    found = {
        film: Prediction(segments=[Segment(start_s=a, end_s=b, label=label, score=p) for label, a, b, p in segments])
        for film, segments in predictions.items()
    }
    return score(found, read_annotations(path), metrics=["detection"]).detection.ranked.mean_ap.tolist()


def random_films(seed):
    """Films of 100 s with overlaps of one label, copies, ends after the film, and ends before starts."""
    chance = Random(seed)
    truth, predictions = {}, {}
    for n in range(4):
        segments = []
        for start in [96, 97, *(chance.uniform(0, 95) for _ in range(28))]:
            segments.append((chance.choice(LABELS), start, start + chance.uniform(4.5, 9)))
        segments += chance.sample(segments, 5)
        label, start, end = segments[0]
        segments.append((label, end, start))
        truth[f"video_test_{n:07d}"] = segments
        predictions[f"video_test_{n:07d}"] = [
            (label, max(start + chance.gauss(0, 0.4), 0), end + chance.gauss(0, 0.4) + 1, chance.random())
            for label, start, end in segments
            if start < end and chance.random() < 0.9
        ] + [(chance.choice(LABELS), t, t + 4, chance.random()) for t in range(0, 90, 7)]
    return truth, predictions


@pytest.mark.parametrize("seed", range(5))
def test_overlaps_copies_and_ends_past_the_film_give_the_figure_of_the_published_rules(tmp_path, seed):
    truth, predictions = random_films(seed)
    assert any(end > 100 for segments in truth.values() for _, _, end in segments)
    path = tmp_path / "thumos14.json"
    path.write_text(thumos(truth, 100.0))
    assert measured(path, predictions) == pytest.approx(average_map(truth, predictions, THUMOS14), abs=1e-6)


def test_the_same_holds_of_activitynets_own_file(tmp_path):
    truth, predictions = random_films(9)
    path = tmp_path / "activity_net.v1-3.min.json"
    database = {
        film: {
            "duration": 100.0,
            "subset": "validation",
            "resolution": "320x240",
            "url": "https://example.org",
            "annotations": [{"segment": [start, end], "label": label} for label, start, end in segments],
        }
        for film, segments in truth.items()
    }
    path.write_text(json.dumps({"version": "VERSION 1.3", "taxonomy": [], "database": database}))
    assert measured(path, predictions) == pytest.approx(average_map(truth, predictions, THUMOS14), abs=1e-6)


def test_what_is_dropped_elsewhere_changes_the_figure(tmp_path):
    """Were copies, overlaps or ends cut, the figure would be another: the test above can fail."""
    truth, predictions = random_films(0)
    as_written = average_map(truth, predictions, THUMOS14)
    once = {film: list(dict.fromkeys(segments)) for film, segments in truth.items()}
    cut = {film: [(label, a, min(b, 100.0)) for label, a, b in segments] for film, segments in truth.items()}
    found = {film: [s for s in segments if s[1] < s[2]] for film, segments in truth.items()}
    for other in (once, cut, found):
        assert math.dist(average_map(other, predictions, THUMOS14), as_written) > 1e-4


@given(*[st.tuples(st.floats(0, 50), st.floats(0, 50))] * 2)
def test_the_oracle_overlaps_as_segments_do(a, b):
    first, second = (Segment(start_s=min(s), end_s=max(s), label="x") for s in (a, b))
    assert overlap(sorted(a), sorted(b)) == pytest.approx(first.tiou(second), abs=1e-9)


# ---- what is said of it


ODD = (("a", 1, 5), ("a", 4, 9), ("a", 4, 9), ("a", 8, 13), ("b", 2, 12), ("b", 7, 6), ("b", 3, 3), ("c", -1, 2))


def test_one_line_counts_what_is_odd_and_says_that_it_counts(read):
    annotations = read(activitynet(*ODD, duration=12))
    assert [p.text for p in annotations.warnings] == [
        "of 8 segments 2 overlap others of their label, 1 is a copy of another, 1 ends up to 1 s after the stated "
        "duration, 1 starts before 0 s, 1 ends before it starts, 1 has no length: all count as they are written, as in "
        "ActivityNet's own evaluation"
    ]
    assert drawn(annotations) == {"v1": "c -1-2, a 1-5, b 2-12, a 4-9, a 4-9, a 8-13"}
    assert annotations.videos["v1"].unfindable == ("b", "b")


def test_who_learns_gets_what_lies_inside_the_film_each_segment_once(read):
    annotations = read(activitynet(*ODD, duration=12), videos={"v1": 12.0})
    assert [p.text for p in annotations.warnings] == [
        "of 8 segments 2 overlap others of their label (kept), 1 is a copy of another (left out), 1 ends up to 1 s "
        "after the film (cut there), 1 starts before 0 s (cut there), 1 ends before it starts (left out), 1 has no "
        "length (left out)"
    ]
    assert drawn(annotations) == {"v1": "c 0-2, a 1-5, b 2-12, a 4-9, a 8-12"}


def test_a_film_of_which_nothing_can_be_learnt_is_not_one_in_which_nothing_happens(read):
    text = json.dumps(
        {
            "database": {
                "v1": {"annotations": [{"label": "a", "segment": [20, 30]}]},
                "v2": {"annotations": [{"label": "a", "segment": [1, 3]}]},
                "v3": {"annotations": [{"label": "a", "segment": [1, 3]}]},
            }
        }
    )
    assert list(read(text, videos=dict.fromkeys(("v1", "v2", "v3"), 10.0)).videos) == ["v2", "v3"]


def test_frames_or_lengths_in_place_of_seconds_and_ends_are_faults_here_too(problems):
    of_frames = activitynet(("a", 25, 250), ("a", 300, 400), ("b", 1, 2), duration=20)
    assert [text for _, text in problems(of_frames)] == [
        "v1.annotations[0]: it ends at 250 s, past the end of the film at 20 s",
        "v1.annotations[1]: it ends at 400 s, past the end of the film at 20 s",
    ]
    lengths = activitynet(("a", 5, 2), ("a", 9, 3), ("b", 1, 2))
    assert [text for _, text in problems(lengths)] == [
        "v1.annotations[0]: it ends at 2 s, before it starts at 5 s",
        "v1.annotations[1]: it ends at 3 s, before it starts at 9 s",
    ]


def test_elsewhere_an_overlap_of_one_label_stays_a_fault(problems):
    assert len(problems("video,start_s,end_s,label\na,1,5,x\na,4,9,x\n")) == 1


# ---- the form without "database", and ids with and without "v_"


OF_MMACTION2 = {
    "v_bike": {
        "duration_second": 30.5,
        "duration_frame": 914,
        "annotations": [{"segment": [1.5, 20.25], "label": "BMX"}],
        "feature_frame": 912,
        "fps": 30.0,
        "rfps": 29.97,
    },
    "v_swim": {"duration_second": 12, "duration_frame": 360, "annotations": []},
}


def test_films_without_a_database_around_them_are_read(read):
    annotations = read(json.dumps(OF_MMACTION2), "anet_anno_train.json")
    assert annotations.format == "ActivityNet JSON"
    assert drawn(annotations) == {"v_bike": "BMX 1.5-20.25", "v_swim": ""}
    assert [video.duration_s for video in annotations.videos.values()] == [30.5, 12]


def test_their_faults_have_lines_as_well(problems):
    films = json.dumps(OF_MMACTION2 | {"v_swim": {"annotations": [{"segment": [1], "label": "x"}]}}, indent=1)
    line = 1 + films[: films.rindex("{")].count("\n")
    assert problems(films) == [(line, "v_swim.annotations[0]: its segment is a list, not [start, end]")]


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"results": {"v": []}},
        {"images": {}, "annotations": {"a": 1}},
        {"v1": {"annotations": []}},  # no duration, no segment: anything may be meant
        {"v1": {"subset": "train"}},
        {"v1": [], "v2": {"duration": 3, "annotations": []}},
    ],
)
def test_other_objects_are_no_films(other):
    assert database_of(other) is None


@pytest.mark.parametrize(
    ("predicted", "annotated", "assigned", "others"),
    [
        (["abc"], ["v_abc"], {"v_abc": "abc"}, []),
        (["v_abc"], ["abc"], {"abc": "v_abc"}, []),
        (["v_abc.mp4"], ["abc"], {"abc": "v_abc.mp4"}, []),
        (["val/v_abc.mp4"], ["abc"], {"abc": "val/v_abc.mp4"}, []),
        (["abc", "v_abc"], ["abc", "v_abc"], {"abc": "abc", "v_abc": "v_abc"}, []),
        (["v_abc"], ["abc", "v_abc"], {"v_abc": "v_abc"}, []),
        (["abc", "v_abc"], ["abc"], {"abc": "abc"}, ["v_abc"]),
        (["V_abc"], ["abc"], {}, ["V_abc"]),
    ],
)
def test_predictions_belong_to_films_with_and_without_v(predicted, annotated, assigned, others):
    assert assign(predicted, annotated) == (assigned, others)


@pytest.mark.parametrize(
    ("predicted", "annotated", "told"),
    [
        (["v_abc"], ["a/abc", "b/abc"], "v_abc can be a/abc or b/abc"),
        (["a/v_abc", "b/v_abc"], ["abc"], "are both predictions of abc"),
    ],
)
def test_a_choice_is_an_error(predicted, annotated, told):
    with pytest.raises(InputError, match=told):
        assign(predicted, annotated)


def test_films_on_disk_belong_to_ids_with_and_without_v(tmp_path):
    for name in ("v_one.mp4", "two.mkv", "both.mp4", "v_both.mp4"):
        (tmp_path / name).touch()
    films = FilmFolder(tmp_path)
    found = {name: films.find(name) for name in ("one", "v_one", "v_two", "both", "v_both", "v_three")}
    assert found == {
        "one": ["v_one.mp4"],
        "v_one": ["v_one.mp4"],
        "v_two": ["two.mkv"],
        "both": ["both.mp4"],
        "v_both": ["v_both.mp4"],
        "v_three": [],
    }


# ---- THUMOS14's own folder, and films whose annotations nobody has


def test_thumos14s_own_files_give_the_figure_of_its_json(tmp_path):
    truth, predictions = random_films(3)
    (tmp_path / "thumos14.json").write_text(thumos(truth, 1000.0))
    folder = tmp_path / "annotation"
    folder.mkdir()
    for label in LABELS:
        lines = [
            f"{film}  {start}  {end}\n" for film, all_ in truth.items() for name, start, end in all_ if name == label
        ]
        (folder / f"{label}_test.txt").write_text("".join(lines))
    (folder / "Ambiguous_test.txt").write_text("video_test_0000001 1 2\n")
    (folder / "detclasslist.txt").write_text("7 CricketBowling\n")
    annotations = read_annotations(folder)
    assert (annotations.format, annotations.labels) == ("THUMOS14 JSON", tuple(sorted(LABELS)))
    assert {video.subset for video in annotations.videos.values()} == {"test"}
    assert annotations.warnings[0].text == "1 segment labelled Ambiguous left out"
    assert measured(folder, predictions) == measured(tmp_path / "thumos14.json", predictions)


def test_their_faults_have_file_and_line(problems):
    text = "video_test_0000004 0.2 1.1\nvideo_test_0000004 0.2\nvideo_test_0000004 x 2\n"
    assert problems({"Diving_test.txt": text}) == [
        (2, "Diving_test.txt: not a film, a start and an end: video_test_0000004 0.2"),
        (3, "Diving_test.txt: its start is x, not a number of seconds"),
    ]


def test_test_films_without_any_annotation_are_not_scored_as_films_in_which_nothing_happens(read):
    def film(subset, *pairs):
        return {"duration": 30, "subset": subset, "annotations": [{"label": "a", "segment": pair} for pair in pairs]}

    database = {
        "v1": film("training", [1, 2]),
        "v2": film("validation", [3, 4]),
        "v3": film("testing"),
        "v4": film("testing"),
    }
    scores = score({}, read(json.dumps({"database": database})), metrics=["detection"])
    assert [each.name for each in scores.films] == ["v2"]
    told = "Left out: 1 training film and 2 test films in which nothing is annotated (--subset all chooses them too)."
    assert told in scores.notes
    database["v4"] = film("testing", [5, 6])
    scores = score({}, read(json.dumps({"database": database})), metrics=["detection"])
    assert [each.name for each in scores.films] == ["v2", "v3", "v4"]


def test_a_subset_without_predictions_is_named_with_the_option_that_leaves_it_out(read):
    def film(subset):
        return {"duration": 30, "subset": subset, "annotations": [{"label": "a", "segment": [1, 2]}]}

    truth = read(json.dumps({"database": {"v1": film("Validation"), "v2": film("Test"), "v3": film("Test")}}))
    found = Prediction(segments=[Segment(start_s=1, end_s=2, label="a", score=1.0)])
    notes = score({"v2": found, "v3": found}, truth, metrics=["detection"]).notes
    told = "counts as finding nothing: v1. They are the subset validation: --subset test leaves them out."
    assert any(note.endswith(told) for note in notes)
    notes = score({"v2": found}, truth, metrics=["detection"]).notes
    assert any(note.endswith("counts as finding nothing: v1 and v3.") for note in notes)


def test_an_overlap_of_one_label_is_not_called_two_labels(read):
    scores = score({}, read(activitynet(("a", 0, 20), ("a", 10, 30), duration=30)), metrics=["segmentation"])
    assert not any("more than one label" in note for note in scores.notes)


def test_converted_they_keep_overlaps_and_say_what_has_no_length(read):
    result = timelines_of(read(activitynet(*ODD, duration=12)), "x.json", ReadingOptions())
    assert len(result.timelines[0].segments) == 6
    assert result.warnings[-1] == "2 segments without a length left out"
