"""Where predictions come from: timelines, results, tables, annotations, an analysis."""

import json
from pathlib import Path

import pytest
from scored_films import TRUTH, annotations, scored, seg

from vtn_stream.errors import AnnotationError, InputError, TimelineError
from vtn_stream.evaluation import Prediction, read_predictions, score
from vtn_stream.formats import timeline_json
from vtn_stream.formats.annotations import read_annotations
from vtn_stream.timeline import Timeline


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
        ({"results": {"a": {}}}, "the entry of a is an object, not a list"),
        ({"results": {"a": [1]}}, "a[0]: it is 1, not an object"),
        ({"results": {"../a": []}}, "leads out of the folder"),
        ({"results": {"": []}}, "the film's id '' is empty"),
        ('{"results": {"a": [], "a": []}}', "the key a occurs twice"),
        ('{"results": {"a": [{"label": "x", "score": NaN, "segment": [0, 1]}]}}', "a[0]: its score is nan"),
        ('{"results": {"a": [{"label": "x", "score": -Infinity}]}}', "a[0]: its score is -inf, not a number"),
        ('{"results": {"a": [{"label": "x", "score": 1, "segment": [0, NaN]}]}}', "a[0]: its end is nan"),
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
    with pytest.raises(AnnotationError, match="say how many a second with --annotation-fps"):
        read_predictions(tmp_path)
