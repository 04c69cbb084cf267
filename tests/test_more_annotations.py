"""Annotations of spots, frames and halves: SoccerNet, spot JSON, Label Studio, EPIC-KITCHENS; and as timelines."""

import json
import math
import os
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vtn_stream.errors import AnnotationError, printable
from vtn_stream.formats.annotations import read_annotations, timelines_of
from vtn_stream.formats.annotations.frames import rate_of
from vtn_stream.formats.reading import ReadingOptions


@pytest.fixture
def read(tmp_path):
    """read("text" or JSON value, ...): the annotations of a file; read(folder={"a/b": ...}): those of a folder."""

    def read_(content=None, name="given.txt", folder=None, **options):
        for inner, value in (folder or {name: content}).items():
            (tmp_path / inner).parent.mkdir(parents=True, exist_ok=True)
            text = value if isinstance(value, str) else json.dumps(value, indent=1)
            (tmp_path / inner).write_text(text)
        return read_annotations(tmp_path if folder else tmp_path / name, **options)

    return read_


@pytest.fixture
def problems(read):
    def problems_(*args, **options):
        with pytest.raises(AnnotationError) as caught:
            read(*args, **options)
        return list(caught.value.problems)

    return problems_


def drawn(annotations):
    """{id: "label start-end, label time, ..."}"""
    return {
        name: ", ".join(f"{s.label} {s.start_s:g}" + f"-{s.end_s:g}" * (s.end_s > s.start_s) for s in video.segments)
        for name, video in annotations.videos.items()
    }


# ---- SoccerNet

GAME = "england_epl/2014-2015/2015-02-21 - 18-00 Chelsea 1 - 1 Burnley"


def event(time="1 - 12:34", label="Goal", position="754321", **more):
    return {"gameTime": time, "label": label, "position": position} | more


def labels(*events, url=GAME + "/"):
    return {"UrlLocal": url, "UrlYoutube": "", "annotations": list(events)}


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
        ({"position": "-1"}, "it stands before the film, at -0.001 s"),
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


# ---- spot JSON


def spot(video="match", fps=25, num_frames=1000, **events):
    films = [{"frame": frame, "label": label, "comment": ""} for label, frame in events.items()]
    return {"video": video, "num_frames": num_frames, "num_events": len(films), "events": films, "fps": fps}


def test_spots_stand_where_their_frame_begins(read):
    annotations = read([spot(serve=0, bounce=50), spot("other", fps=29.97002997002997, num_frames=300, serve=30)])
    assert (annotations.format, annotations.labels) == ("spot JSON", ("bounce", "serve"))
    assert drawn(annotations) == {"match": "serve 0, bounce 2", "other": "serve 1.001"}
    assert [v.duration_s for v in annotations.videos.values()] == [40.0, float(300 * Fraction(1001, 30000))]
    assert [v.rate for v in annotations.videos.values()] == [25, Fraction(30000, 1001)]


def test_spots_need_a_rate(read, problems):
    without = spot(serve=50)
    del without["fps"]
    assert "give fps" in problems([without])[0][1]
    assert drawn(read([without], fps=50)) == {"match": "serve 1"}
    assert not read([spot(serve=50)], fps=50).uses_fps


def test_two_spots_may_be_one_and_the_same(read):
    films = [spot() | {"events": [{"frame": 5, "label": "substitution", "score": 0.5}] * 2}]
    assert drawn(read(films)) == {"match": "substitution 0.2, substitution 0.2"}
    assert [s.score for s in read(films).videos["match"].segments] == [0.5, 0.5]


def test_spots_past_the_end_are_told_and_those_just_past_it_are_moved_there(read, problems):
    films = [spot(a=1001, b=1100)]
    assert problems(films)[0][1] == "[0].events[1]: it stands at 44 s, past the end of the film at 40 s"
    kept = read(films, skip_bad=True)
    assert drawn(kept) == {"match": "a 40"}
    assert len(kept.warnings) == 1


@pytest.mark.parametrize(
    ("film", "told"),
    [
        (spot(a=1.5), "[0].events[0]: its frame is 1.5, not a whole number"),
        (spot(a=-1), "[0].events[0]: it stands before the film, at -0.04 s"),
        (spot(a=10**50), "[0].events[0]: its frame is a huge number, not a whole number"),
        (spot(fps="fast"), "[0]: its fps is fast, so that its frames have no seconds: give fps"),
        (spot(num_frames="many"), "[0]: its duration is many, not seconds above 0"),
        (spot(video=3), "[0]: the film's id is 3, not text"),
        (spot() | {"events": [7]}, "[0].events[0]: it is 7, not an object"),
    ],
)
def test_what_is_wrong_with_a_spot_is_told(problems, film, told):
    assert [text for _, text in problems([film, spot("good", x=1)])] == [told]


def test_segments_of_other_formats_still_need_a_length(problems):
    assert problems("video,start_s,end_s,label\na,6,6,walk\n")[0][1].startswith("a: it has no length")


# ---- Label Studio


def region(start=26, end=50, *names, kind="timelinelabels", **more):
    value = {"ranges": [{"start": start, "end": end}], "timelinelabels": list(names or ("run",))}
    return {"id": "x", "type": kind, "from_name": "videoLabels", "to_name": "video", "value": value} | more


def task(*regions, video="/data/upload/1/3d3ad63e-film.mp4", kind="annotations", **facts):
    return {"id": 1, "data": {"video": video, "fps": 25} | facts, kind: [{"id": 7, "result": list(regions)}]}


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
    assert problems([without]) == [(4, "[0].data: its fps is nothing, so that its frames have no seconds: give fps")]
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


# ---- EPIC-KITCHENS

EPIC = """\
narration_id,participant_id,video_id,narration_timestamp,start_timestamp,stop_timestamp,start_frame,stop_frame,\
narration,verb,verb_class,noun,noun_class,all_nouns,all_noun_classes
P01_01_0,P01,P01_01,00:00:01.089,00:00:00.14,00:00:03.37,8,202,open door,open,3,door,3,['door'],[3]
P01_01_1,P01,P01_01,00:00:02.629,00:00:02.37,01:00:06.17,262,370,"turn on, light",turn-on,6,light,114,"['l', 'x']",[1]
P01_01_2,P01,P01_01,00:00:02.629,00:00:03,00:00:04,262,370,open door,open,3,door,3,['door'],[3]
P02_01_0,P02,P02_01,00:00:01.089,00:00:00.14,00:00:03.37,8,202,open door,open,3,door,3,['door'],[3]
"""


def test_epic_kitchens(read):
    annotations = read(EPIC, "EPIC_100_train.csv")
    assert (annotations.format, annotations.labels) == ("EPIC-KITCHENS CSV", ("open door", "turn-on light"))
    assert drawn(annotations) == {
        "P01_01": "open door 0.14-3.37, turn-on light 2.37-3606.17, open door 3-4",  # one action, twice at once
        "P02_01": "open door 0.14-3.37",
    }
    assert [v.source for v in annotations.videos.values()] == ["P01", "P02"]
    assert annotations.videos["P02_01"].segments[0].attributes == {"narration_id": "P02_01_0"}
    assert annotations.warnings == ()


def test_epic_kitchens_without_labels_is_refused(problems):
    header, row, *_ = EPIC.split("\n")
    without = "narration_id,participant_id,video_id,narration_timestamp,start_timestamp,stop_timestamp,start_frame\n"
    assert problems(without + "a,P01,P01_01,0,00:00:01,00:00:02,5\n")[0][1] == (
        "the header must name video_id, start_timestamp, stop_timestamp, verb, noun, each once; look at verb, noun"
    )
    assert problems(f"{header}\n{row.replace('00:00:03.37', 'later')}\n") == [
        (2, "P01_01: its end is later, not a number of seconds")
    ]


# ---- which format, and whatever strangers send


@pytest.mark.parametrize("suffix", ["json", "csv", "eaf", "txt"])
def test_the_content_tells_the_format(read, suffix):
    for content, format in (
        (labels(event()), "SoccerNet JSON"),
        ([spot(a=1)], "spot JSON"),
        ([task(region())], "Label Studio JSON"),
        (EPIC, "EPIC-KITCHENS CSV"),
    ):
        assert read(content, f"x.{suffix}").format == format


@pytest.mark.parametrize(
    "content",
    [
        {"annotations": [], "images": []},
        {"annotations": [{"label": "x"}], "categories": []},
        [{"video": "x"}],
        [{"data": {"text": "x"}}],
        {"labels": {}},
        [],
    ],
)
def test_json_of_no_format_is_one_clear_error(read, content):
    with pytest.raises(AnnotationError, match="holds no annotations of a known format"):
        read(content)


FILES = {
    "SoccerNet": labels(event(), event("2 - 00:05", "Foul", "5000", team="home")),
    "predictions": {"UrlLocal": "a.mp4", "predictions": [event(half="1", confidence="0.5")]},
    "spots": [spot(serve=0, bounce=50), spot("v2", num_frames=300, serve=30)],
    "Label Studio": [task(region(), region(51, 60, "jump")), task(region(), video="b.mp4", kind="predictions")],
    "EPIC": EPIC,
}
NASTY = [
    *("\x00", "\u202e", "\x1b[2J", '"', "\\", "<", "{", "}", "[", "]", ",", "\n", "-", "1e999", "NaN", "Infinity"),
    *("9" * 400, "9" * 5000, "null", "true", "../", "/", "a" * 2000, "[" * 3000, '{"a":' * 3000, '"data":', "//["),
]


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 12), st.sampled_from(NASTY)), min_size=1, max_size=3),
    st.booleans(),
    st.sampled_from([None, {"match": 40.0, "film.mp4": 3.0, "P01_01": 2.0}]),
)
def test_an_edited_file_is_read_or_refused(tmp_path_factory, name, changes, skip_bad, videos):
    content = FILES[name]
    data = (content if isinstance(content, str) else json.dumps(content, indent=1)).encode()
    for where, num, put in changes:
        at = int(where * len(data))
        data = data[:at] + put.encode() + data[at + num :]
    path = tmp_path_factory.getbasetemp() / "edited"
    path.write_bytes(data)
    try:
        annotations = read_annotations(path, skip_bad=skip_bad, videos=videos, fps=25)
    except AnnotationError as error:
        shown = str(error)
        lines = 1 + min(len(error.problems), 100) + (len(error.problems) > 100)
    else:
        promises_kept(annotations)
        return
    assert shown.encode()
    assert len(shown.splitlines()) == lines


def promises_kept(annotations):
    for name, video in annotations.videos.items():
        assert name == printable(name) != ""
        assert ".." not in name.replace("\\", "/").split("/")
        assert not os.path.isabs(name)
        for s in video.segments:
            assert 0 <= s.start_s <= s.end_s < math.inf
            assert video.duration_s is None or s.end_s <= video.duration_s
            assert s.score is None or math.isfinite(s.score)
            assert s.label in annotations.labels
    for timeline in timelines_of(annotations, "x.json", ReadingOptions()).timelines:
        parts = timeline.video_path.split("/")
        assert parts[0]
        assert ".." not in parts


KEYS = ("data", "video", "fps", "annotations", "predictions", "result", "value", "ranges", "timelinelabels", "start")
KEYS += ("end", "score", "UrlLocal", "gameTime", "position", "half", "label", "events", "frame")
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["1", 10**400]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=25,
)


@settings(max_examples=200, deadline=None)
@given(
    json_values.map(lambda v: {"UrlLocal": "x", "annotations": [v]})
    | json_values.map(lambda v: [{"video": "v", "fps": 25, "events": [v]}, v])
    | json_values.map(lambda v: [{"data": {"video": "v", "fps": 25}, "annotations": [{"result": [v]}]}, v])
    | st.tuples(json_values, json_values).map(
        lambda v: {"data": v[0] if isinstance(v[0], dict) else {"fps": 1, "video": v[0]}, "annotations": [v[1]]}
    ),
    st.booleans(),
)
def test_json_of_wrong_types_is_read_or_refused(tmp_path_factory, value, skip_bad):
    path = tmp_path_factory.getbasetemp() / "types"
    path.write_text(json.dumps(value))
    try:
        annotations = read_annotations(path, skip_bad=skip_bad)
    except AnnotationError:
        return
    promises_kept(annotations)


def test_a_folder_that_turns_in_a_circle_is_left(read, tmp_path):
    (tmp_path / "again").symlink_to(tmp_path, target_is_directory=True)
    annotations = read(folder={"a/Labels-v2.json": labels(event())}, skip_bad=True)
    assert "a/1_224p" in annotations.videos


# ---- annotations as timelines


def test_each_film_becomes_a_timeline(read):
    text = "video,start_s,end_s,label,video_duration_s\nbelow/a.mp4,1,2,walk,10\nb,1,2.5,run,\nc,,,,\n"
    made = timelines_of(read(text), "train.csv", ReadingOptions())
    assert [(t.video_path, t.duration_s, t.span_s, len(t.segments)) for t in made.timelines] == [
        ("below/a.mp4", 10, (0, 10), 1),
        ("b", 2.5, (0, 2.5), 1),
        ("c", 0, (0, 0), 0),
    ]
    assert made.timelines[0].provenance == {"converted_from": "CSV", "notes": []}
    assert "taken to end with the last segment" in made.timelines[1].provenance["notes"][0]
    assert made.warnings == ()


def test_the_rate_of_a_file_is_the_timelines(read):
    (one,) = timelines_of(read([task(region())]), "x.json", ReadingOptions()).timelines
    assert one.nominal_rate == 25


def test_a_clip_is_a_clip_label_and_a_segment_where_its_length_is_known(read):
    clips = read("path,label,duration_s\na.mp4,run,4\nb.mp4,sit,\n")
    a, b = timelines_of(clips, "clips.csv", ReadingOptions()).timelines
    assert (a.clip_labels, [(s.start_s, s.end_s, s.label) for s in a.segments]) == ((("run", 1.0),), [(0, 4, "run")])
    assert (b.clip_labels, b.segments) == ((("sit", 1.0),), ())
    _, b = timelines_of(clips, "clips.csv", ReadingOptions(duration_s=7.0)).timelines
    assert [(s.start_s, s.end_s) for s in b.segments] == [(0, 7)]


def test_what_was_doubtful_and_what_was_left_out_is_told(read):
    bad = "".join(f"a,{i + 1},{i},x\n" for i in range(25))
    annotations = read("video,start_s,end_s,label,note\na,1,2,x,\n" + bad.replace(",x\n", ",x,\n"), skip_bad=True)
    warnings = timelines_of(annotations, "x.csv", ReadingOptions()).warnings
    assert warnings[0] == "line 1: columns that are not read: note"
    assert warnings[1] == "left out: line 3: a: it ends at 0 s, before it starts at 1 s"
    assert warnings[-1] == "left out: and 5 more"
    assert len(warnings) == 22


# ---- events without a length, where stretches are learnt and measured


def test_spots_last_a_second_where_lengths_are_needed(read):
    film = {"video": "a", "num_frames": 250, "fps": 25, "events": []}
    film["events"] = [{"frame": frame, "label": "jump"} for frame in (0, 100, 249)]
    annotations = read(json.dumps([film]))
    assert [(s.start_s, s.end_s) for s in annotations.videos["a"].segments] == [(0, 0), (4, 4), (9.96, 9.96)]
    lasting = annotations.with_lengths()
    assert [(s.start_s, s.end_s) for s in lasting.videos["a"].segments] == [(0, 0.5), (3.5, 4.5), (9.46, 10.0)]
    assert [p.text for p in lasting.warnings] == ["3 events without a length count as the 1 s around"]
    assert lasting.with_lengths() is lasting


def test_what_has_a_length_keeps_it(read):
    annotations = read("video,start_s,end_s,label\na,1,1.001,walk\n")
    assert annotations.with_lengths() is annotations
