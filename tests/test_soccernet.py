"""SoccerNet's labels as annotations: halves, games, times."""

import json

import pytest
from spot_files import GAME, drawn, event, labels, problems, read  # noqa: F401  (fixtures among them)

from vtn_stream.errors import AnnotationError


def test_each_half_of_a_match_is_a_film(read):
    annotations = read(
        labels(
            event("1 - 00:00", "Kick-off", "0", team="away", visibility="not shown"),
            event(),
            event("2 - 12:34", "Goal", "754321", team="home", visibility="visible"),
        )
    )
    assert (annotations.format, annotations.labels) == ("SoccerNet JSON", ("Goal", "Kick-off"))
    assert drawn(annotations) == {f"{GAME}/1_224p": "Kick-off 0, Goal 754.321", f"{GAME}/2_224p": "Goal 754.321"}
    (goal,) = annotations.videos[f"{GAME}/2_224p"].segments
    assert (goal.start_s, goal.end_s, goal.attributes) == (754.321, 754.321, {"team": "home", "visibility": "visible"})


def test_films_beside_the_labels_are_the_halves(read, tmp_path):
    for film in ("2_720p.mkv", "1_720p.mkv", "1_HQ.mkv", "1-notes.txt", "10.mkv"):
        (tmp_path / film).touch()
    content = labels(event(), event("2 - 00:01", position="1000"))
    assert drawn(read(content, "Labels-v2.json")) == {"1_720p": "Goal 754.321", "2_720p": "Goal 1"}


@pytest.mark.parametrize(
    ("url", "ids"),
    [
        ("", ["1_224p", "2_224p"]),
        ("a\\b\\", ["a/b/1_224p", "a/b/2_224p"]),
        ("a/b/1_720p.mkv", ["a/b/1_720p.mkv", "a/b/2_720p.mkv"]),
        ("a/2.mkv", ["a/1.mkv", "a/2.mkv"]),
        (None, ["1_224p", "2_224p"]),
    ],
)
def test_what_the_halves_are_called(read, url, ids):
    assert list(read(labels(event(), event("2 - 00:01"), url=url)).videos) == ids


def test_a_folder_of_games(read):
    annotations = read(
        folder={
            "epl/2014/a/Labels-v2.json": labels(event(), event("2 - 0:05", position="5000"), url="somewhere else"),
            "epl/2014/b/Labels-v2.json": labels(event(position="1000")),
            "epl/2014/b/1_720p.mkv": "",
            "epl/2014/b/Labels-cameras.json": "{",
        }
    )
    assert drawn(annotations) == {
        "epl/2014/a/1_224p": "Goal 754.321",
        "epl/2014/a/2_224p": "Goal 5",
        "epl/2014/b/1_720p": "Goal 1",
    }


def test_every_fault_of_a_folder_of_games_has_its_file_and_line(read, problems):
    folder = {
        "a/Labels-v2.json": labels(event(), event(label=7), event("5 - 00:01"), 3),
        "b/Labels-v2.json": "{",
        "c/Labels-v2.json": {"other": 1},
        "d/Labels-v2.json": labels(event()),
    }
    text = json.dumps(folder["a/Labels-v2.json"], indent=1).split("\n")
    line = {n: i for i, n in enumerate(text, 1)}
    seventh = next(i for n, i in line.items() if '"label": 7' in n) - 2
    fifth = next(i for n, i in line.items() if "5 - 00:01" in n) - 1
    assert [(n, told.partition(" (")[0]) for n, told in problems(folder=folder)] == [
        (seventh, "a/Labels-v2.json: its label is 7, not text"),
        (fifth, "a/Labels-v2.json: its half is 5 - 00:01, not 1 or 2"),
        (line["  3"], "a/Labels-v2.json: it is 3, not an object"),
        (None, "b/Labels-v2.json: damaged JSON"),
        (None, "c/Labels-v2.json: it has no list of annotations"),
    ]
    kept = read(folder=folder, skip_bad=True)
    assert drawn(kept) == {"a/1_224p": "Goal 754.321", "d/1_224p": "Goal 754.321"}


def test_soccernet_predictions_have_scores(read):
    content = {"UrlLocal": "x/", "predictions": [event(half="2", confidence="0.25"), event(half=1, confidence=0.5)]}
    scores = {name: [s.score for s in video.segments] for name, video in read(content).videos.items()}
    assert scores == {"x/1_224p": [0.5], "x/2_224p": [0.25]}


@pytest.mark.parametrize(
    ("fields", "time_s"),
    [
        ({"position": "754321"}, 754.321),
        ({"position": 754321}, 754.321),
        ({"gameTime": "1 - 12:34"}, 754.0),
        ({"gameTime": "1 - 45:00", "position": None}, 2700.0),
        ({"gameTime": "1 - 100:01"}, 6001.0),
    ],
)
def test_the_time_of_an_event(read, fields, time_s):
    (only,) = read({"UrlLocal": "", "annotations": [{"label": "x", "half": "1"} | fields]}).videos["1_224p"].segments
    assert only.start_s == only.end_s == time_s


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"position": "soon"}, "its time is soon, not a number of seconds"),
        ({"position": "-1"}, "it is before the start of the film, at -0.001 s"),
        ({"position": "1e999"}, "its time is not finite"),
        ({"position": [1]}, "its time is a list, not a number of seconds"),
        ({"position": None, "gameTime": "1 - late"}, "its time is 1 - late, not a number of seconds"),
        ({"confidence": "sure"}, "its score is sure, not a number"),
        ({"confidence": "nan"}, "its score is nan, not a number"),
        ({"half": "3"}, "its half is 3, not 1 or 2"),
        ({"label": " "}, "it has no label"),
    ],
)
def test_what_is_wrong_with_an_event_is_told(problems, fields, told):
    assert problems(labels(event() | fields)) == [(5, f"annotations[0]: {told}")]


BALL = {"UrlLocal": "another game/", "annotations": [event("1 - 00:04", "PASS", "4040", team="left")]}


@pytest.mark.parametrize("film", ["224p.mp4", "720p.mkv"])
def test_a_game_of_ball_action_spotting_is_one_film(read, film):
    later = {
        "annotations": [*BALL["annotations"], event("2 - 00:01", "DRIVE", "2800000"), event("2 - 00:02", "DRIVE", None)]
    }
    folder = {"a/Labels-ball.json": BALL, f"a/{film}": "", "b/Labels-ball.json": later}
    found = read(folder=folder, skip_bad=True)
    assert drawn(found) == {f"a/{film}": "PASS 4.04", "b/224p": "PASS 4.04, DRIVE 2800"}
    assert [text.partition(",")[0] for _, text in found.skipped] == ["b/Labels-ball.json: it has no position"]


def test_a_game_has_one_file_of_labels(read):
    folder = {
        "a/Labels-v2.json": labels(event(position="1000")),
        "a/Labels.json": labels(event()),
        "a/Labels-ball.json": BALL,
    }
    assert drawn(read(folder=folder)) == {"a/1_224p": "Goal 1"}


def test_folders_of_games_are_no_classes(read):
    with pytest.raises(AnnotationError, match="no annotations of a known format"):
        read(folder={"a/Labels-cameras.json": {}, "a/224p.mp4": "", "b/224p.mp4": ""})
