"""Exports of Label Studio as annotations: tasks, people and models, frames and rates."""

import json
from fractions import Fraction

import pytest
from spot_files import drawn, problems, read, region, task  # noqa: F401  (fixtures among them)

from vtn_stream.formats.annotations.frames import NO_RATE, rate_of


def test_label_studio_counts_frames_from_1_and_the_last_one_too(read):
    annotations = read([task(region(), region(51, 51, "jump", "fall"), region(1, 25))])
    assert (annotations.format, annotations.labels) == ("Label Studio JSON", ("fall", "jump", "run"))
    assert drawn(annotations) == {"film.mp4": "run 0-1, run 1-2, fall 2-2.04, jump 2-2.04"}
    assert annotations.videos["film.mp4"].rate == 25


@pytest.mark.parametrize(
    ("video", "name"),
    [
        ("film.mp4", "film.mp4"),
        ("a/b/film.mp4", "a/b/film.mp4"),
        ("a/b%20c.mp4", "a/b c.mp4"),
        ("https://x.org/y/b%20c.mp4?token=1", "b c.mp4"),
        ("s3://bucket/deep/film.mp4", "film.mp4"),
        ("/data/local-files/?d=videos/film%201.mp4", "film 1.mp4"),
        ("/data/upload/1/3d3ad63e-film.mp4", "film.mp4"),
        ("https://x.org/3d3ad63e-film.mp4", "3d3ad63e-film.mp4"),
    ],
)
def test_what_a_task_calls_its_film(read, video, name):
    assert list(read([task(region(), video=video)]).videos) == [name]


def test_other_names_of_the_video(read):
    renamed = task(region())
    renamed["data"] = {"text": "hello", "clip": "films/a.webm", "fps": 25}
    assert list(read([renamed]).videos) == ["films/a.webm"]


def test_people_are_believed_before_models_and_one_of_them_is(read):
    entries = [
        {"was_cancelled": True, "result": [region(1, 25, "cancelled")]},
        {"result": [region(1, 25, "first")]},
        {"result": [region(1, 25, "second")]},
    ]
    both = task(region(1, 25, "model"), kind="predictions") | {"annotations": entries}
    annotations = read([both])
    assert drawn(annotations) == {"film.mp4": "first 0-1"}
    assert annotations.warnings == ((2, "[0]: the first of 2 annotations is read"),)
    assert drawn(read([both | {"annotations": entries[:1]}])) == {"film.mp4": "model 0-1"}
    assert drawn(read(both)) == {"film.mp4": "first 0-1"}  # one task alone


def test_what_label_studio_says_besides_is_told(read):
    annotations = read([task(region(0, 25), {"type": "choices", "value": {"choices": ["x"]}}, 3)])
    assert drawn(annotations) == {"film.mp4": "run 0-1"}
    assert [text for _, text in annotations.warnings] == [
        "[0]: 2 regions of another kind left out",
        "[0]: 1 range from frame 0, of which the first is 1: taken to begin there",
    ]


def test_label_studio_needs_a_rate(read, problems):
    without = task(region())
    del without["data"]["fps"]
    assert problems([without]) == [
        (4, "[0].data: its fps is nothing, so that its frames have no times in seconds; " + NO_RATE)
    ]
    assert drawn(read([without], fps=50)) == {"film.mp4": "run 0.5-1"}


@pytest.mark.parametrize(
    ("given", "rate"),
    [
        (25, 25),
        (29.97002997002997, Fraction(30000, 1001)),
        (23.976, Fraction(2997, 125)),
        ("30000/1001", Fraction(30000, 1001)),
        ("12.5", Fraction(25, 2)),
        ("1e9999999", None),
        ("1/0", None),
        ("0", None),
        (-5, None),
        (float("inf"), None),
        (10**400, None),
        (True, None),
        (None, None),
        ([25], None),
    ],
)
def test_rates(given, rate):
    assert rate_of(given) == rate


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (region(50, 26), "it ends at 1.04 s, before it starts at 1.96 s"),
        (region(1.5, 2), "its range is from 1.5 to 2, not of whole frames"),
        (region(1, 10**50), "its range is from 1 to a huge number, not of whole frames"),
        (region() | {"value": {"timelinelabels": ["x"]}}, "it has no list of ranges, or none of labels"),
        (region() | {"value": {"timelinelabels": ["x"], "ranges": [3]}}, "its range is from nothing to nothing"),
        (region(1, 2, ""), "it has no label"),
        (region(score="high"), "its score is high, not a number"),
    ],
)
def test_what_is_wrong_with_a_region_is_told_with_its_place(problems, bad, told):
    tasks = [task(region(100, 110), bad)]
    ((line, text),) = problems(tasks)
    regions = [n for n, row in enumerate(json.dumps(tasks, indent=1).split("\n"), 1) if row.strip() == '"id": "x",']
    assert line == regions[1] - 1
    assert text.startswith(f"[0].annotations[0].result[1]: {told}")


def test_a_film_with_two_tasks_is_told(problems):
    assert problems([task(region()), task(region())])[0][1] == "[1]: the film film.mp4 has another task already"
