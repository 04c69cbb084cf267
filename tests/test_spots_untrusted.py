"""Files of SoccerNet, spots, Label Studio and EPIC-KITCHENS of strangers: told apart, read or refused."""

import json
import math
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spot_files import EPIC, event, labels, read, region, spot, task  # noqa: F401  (fixtures among them)

from vtn_stream.errors import AnnotationError, printable
from vtn_stream.formats.annotations import read_annotations, timelines_of
from vtn_stream.formats.reading import ReadingOptions


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
        lines -= len(error.problems) == 1 and error.problems[0][1] in error.fact  # it is said already
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
