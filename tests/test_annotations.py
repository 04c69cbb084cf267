"""Annotation files: which format they have; every mistake told at once, with its line."""

import json

import pytest
from annotation_reading import (  # noqa: F401  (fixtures among them)
    TABLE,
    activitynet,
    drawn,
    problems,
    read,
    unaligned,
)
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.errors import AnnotationError, InputError
from vtn_stream.formats.annotations import FORMATS, read_annotations
from vtn_stream.formats.annotations.spelling import look_alikes
from vtn_stream.formats.annotations.text import json_lines

# ---- which format


@pytest.mark.parametrize(
    "content",
    [
        "",
        "  \n",
        "hello world",
        "a note, with a comma\n",
        "[1, 2]",
        '{"results": {}}',
        '{"database": 3}',
        "v1,0.5,2.0,walk\n",  # no header
        "<html/>",
        b"\x00\x01\x02",
        b"\xff\xfev\x00i\x00d\x00e\x00o\x00",
        b"caf\xe9.mp4 run\n",
    ],
)
def test_what_is_no_format_is_one_clear_error(read, content):
    with pytest.raises(AnnotationError) as caught:
        read(content, "notes.txt")
    assert str(caught.value).startswith("notes.txt ")
    assert len(str(caught.value).splitlines()) == 1
    if "UTF-8" not in str(caught.value):
        assert all(name in str(caught.value) for name in FORMATS)


@pytest.mark.parametrize("suffix", ["json", "csv", "eaf", "txt", "mp4"])
def test_the_suffix_tells_nothing(read, suffix):
    assert read(activitynet(("walk", 1, 2)), f"x.{suffix}").format == "ActivityNet JSON"
    assert read(TABLE, f"x.{suffix}").format == "CSV"
    assert read(unaligned({"a": "1", "b": "2"}, [("a", "b")]), f"x.{suffix}").format == "ELAN"


def test_an_empty_folder_and_a_missing_path_are_told(tmp_path):
    with pytest.raises(AnnotationError, match="no annotations of a known format"):
        read_annotations(tmp_path)
    with pytest.raises(AnnotationError, match="No such file"):
        read_annotations(tmp_path / "none.csv")


# ---- what is wrong


def test_every_mistake_is_told_at_once_with_its_line(problems):
    table = """\
video,start_s,end_s,label
a,-1,2,walk
a,5,4,walk
a,6,6,walk
a,nan,7,walk
a,8,1e999,walk
a,8,soon,walk
a,9,10,
../b,1,2,walk
a,1,2
a,20,30,walk

a,20,30,walk
a,25,35,walk
a,30,35,sit
"""
    assert problems(table) == [
        (2, "a: it starts before the film, at -1 s"),
        (3, "a: it ends at 4 s, before it starts at 5 s"),
        (4, "a: it has no length: it starts and ends at 6 s"),
        (5, "a: its start is not finite"),
        (6, "a: its end is not finite"),
        (7, "a: its end is soon, not a number of seconds"),
        (8, "a: it has no label"),
        (9, "the film's id ../b leads out of the folder"),
        (10, "it has 3 cells, the header 4"),
        (13, "a: walk from 20 s to 30 s stands on line 11 already"),
        (14, "a: walk from 25 s to 35 s overlaps the same label on line 11, from 20 s to 30 s"),
    ]


def test_the_message_says_fact_consequence_cure_then_each_problem(read):
    with pytest.raises(AnnotationError) as caught:
        read("video,start_s,end_s,label\na,2,1,x\nb,3,4,\nc,1,2,y\n", "train.csv")
    first, *rest = str(caught.value).splitlines()
    assert first == (
        "train.csv has 2 problems; no annotations were read; fix the file, or leave out what is wrong (--skip-bad)"
    )
    assert rest == ["  line 2: a: it ends at 1 s, before it starts at 2 s", "  line 3: b: it has no label"]


def test_the_message_stops_where_nobody_reads_on_but_problems_does_not(read):
    with pytest.raises(AnnotationError) as caught:
        read("video,start_s,end_s,label\n" + "a,2,1,x\n" * 250)
    assert str(caught.value).splitlines()[-1] == "  and 150 more"
    assert [line for line, _ in caught.value.problems] == list(range(2, 252))


def test_skip_bad_leaves_out_what_is_wrong_and_only_that(read):
    annotations = read("video,start_s,end_s,label\na,1,2,x\na,4,3,x\nb,4,3,x\nc,,,\n", skip_bad=True)
    assert drawn(annotations) == {"a": "x 1-2", "c": ""}  # b is not a film in which nothing happens
    assert [line for line, _ in annotations.skipped] == [3, 4]
    with pytest.raises(AnnotationError, match="1 problem; no annotations were read; fix the file\n"):
        read("video,start_s,end_s,label\nb,4,3,x\n", skip_bad=True)


def test_mistakes_of_a_json_file_have_its_lines(problems):
    text = """\
{"database": {
  "v1": {"duration": "long", "subset": "holdout",
    "annotations": [
      {"label": "walk", "segment": [1, 2]},
      {"label": 5, "segment": [1, "2"]},
      {"label": "walk",
       "segment": [3]},
      7
    ]},
  "v2": {"annotations": null},
  "/v3": {"annotations": []},
  "v4": [],
  "v1": {"annotations": []}
}}"""
    assert problems(text) == [
        (2, "v1: this key occurs twice; the first would be read"),
        (2, "v1: its duration is long, not seconds above 0"),
        (2, "v1: its subset is holdout, not training, validation or test"),
        (5, "v1.annotations[1]: its end is 2, not a number of seconds"),
        (5, "v1.annotations[1]: its label is 5, not text"),
        (6, "v1.annotations[2]: its segment is a list, not [start, end]"),
        (8, "v1.annotations[3]: it is 7, not an object"),
        (10, "v2: its annotations are nothing, not a list"),
        (11, "/v3: the film's id /v3 leads out of the folder"),
        (12, "v4: a film is a list, not an object"),
    ]


def located(value, path=()):
    """The paths of a JSON value in the order of its text, by walking it."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield (*path, key)
        yield from located(item, (*path, key))


json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(json_values)
def test_the_lines_of_a_json_text(value):
    # indented, every key and every item begins a line of its own
    text = json.dumps(value, indent=2)
    lines = json_lines(text, depth=100)
    assert list(lines) == list(located(value))
    openers = [n for n, line in enumerate(text.split("\n"), 1) if n > 1 and line.strip().rstrip(",") not in ("]", "}")]
    assert list(lines.values()) == openers


@pytest.mark.parametrize(
    "name",
    [
        "../a",
        "a/../../b",
        "/a",
        "\\a",
        "C:\\a",
        "..\\a",
        "~/a",
        "..",
        ".",
        "",
        " a",
        "a\x00",
        "a\nb",
        "a\u202eb",
        "x" * 2000,
    ],
)
def test_ids_that_are_no_safe_names_are_refused(problems, name):
    text = json.dumps({"database": {"ok": {"annotations": []}, name: {"annotations": []}}})
    ((line, text),) = problems(text)
    assert line == 1
    assert "the film's id" in text


@pytest.mark.parametrize("name", ["a", "a.b/c d.mp4", "東京", "..a", "a..", "-a", "v_--x_Y"])
def test_ids_that_are_safe_names_are_read(read, name):
    assert list(read(json.dumps({"database": {name: {"annotations": []}}})).videos) == [name]


# ---- films that are known


def test_segments_past_the_end_are_told_and_those_just_past_it_are_cut(read, problems):
    text = "video,start_s,end_s,label\nv1,1,10.4,a\nv1,1,10.6,b\nv1,10,10.2,c\n"
    assert problems(text, videos={"v1": 10}) == [
        (3, "v1: it ends at 10.6 s, past the end of the film at 10 s"),
        (4, "v1: it ends at 10.2 s, past the end of the film at 10 s"),
    ]
    annotations = read(text, skip_bad=True, videos={"v1": 10})
    assert drawn(annotations) == {"v1": "a 1-10"}
    assert annotations.warnings == ((2, "1 segment ends up to 0.4 s past the end of the film and were cut there"),)


def test_the_film_itself_knows_its_duration_better(read):
    text = activitynet(("a", 1, 10), duration=10)
    annotations = read(text, videos={"v1": 20})
    assert annotations.videos["v1"].duration_s == 20
    assert annotations.warnings == ((3, "v1: its duration is said to be 10 s, the film has 20 s"),)
    assert drawn(read(text, videos={"v1": 5})) == {"v1": "a 1-5"}


def test_frames_taken_for_seconds_are_suspected(read):
    with pytest.raises(AnnotationError, match="are its times frames or milliseconds"):
        read(activitynet(("a", 25, 250), ("a", 300, 400), ("b", 1, 2)), videos={"v1": 20})


def test_films_that_are_missing_are_told_once_with_the_nearest_name(problems):
    text = "video,start_s,end_s,label\nfilm_a,1,2,x\nfilm-b,1,2,x\nfilm-b,3,4,x\n"
    assert problems(text, videos={"film_a": 9, "film_b": 9}) == [
        (3, "there is no film film-b (did you mean film_b?)"),
    ]


def test_films_without_annotations_are_a_warning(read):
    annotations = read("a.mp4 x\n", videos=dict.fromkeys(["a.mp4", "b.mp4", "c.mp4"], 5))
    assert annotations.warnings == ((None, "2 films without annotations: b.mp4 and c.mp4"),)


@pytest.mark.parametrize("options", [{"fps": 0}, {"fps": float("nan")}, {"videos": {"a": -1}}, {"videos": {"a": 0}}])
def test_rates_and_durations_that_are_none_are_the_callers_mistake(read, options):
    with pytest.raises(InputError):
        read(TABLE, **options)


def test_a_rate_that_means_nothing_is_told(read):
    assert not read(TABLE, fps=25).uses_fps


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (("train", "s"), ("val", "s"), "its subset is validation here, training before"),
        (("train", "s"), ("train", "t"), "its source is t here, s before"),
        (("train", "s"), ("", ""), None),
    ],
)
def test_what_is_said_of_one_film_must_agree(read, problems, first, second, told):
    rows = [["a", "1", "2", "x", *first], ["a", "3", "4", "x", *second]]
    text = "video,start_s,end_s,label,subset,source\n" + "".join(",".join(row) + "\n" for row in rows)
    if told is None:
        assert read(text).num_segments == 2
    else:
        assert problems(text) == [(3, f"a: {told}")]


def test_a_source_on_both_sides_of_the_split_is_a_warning(read):
    text = "path,label,source,subset\na.mp4,x,s,train\nb.mp4,x,s,test\nc.mp4,x,t,test\n"
    assert read(text).warnings == ((None, "the source s is in test and in training"),)


# ---- labels that are one


@pytest.mark.parametrize(
    ("counts", "pairs"),
    [
        ({"walk": 5, "Walk": 1}, [("Walk", "walk")]),
        ({"sit down": 5, "sit_down": 9}, [("sit down", "sit_down")]),
        ({"SitDown": 5, "sitdown": 9}, [("SitDown", "sitdown")]),
        ({"falling": 40, "faling": 60}, [("falling", "faling")]),  # near: however often
        ({"standup": 40, "satndup": 2}, [("satndup", "standup")]),  # less near: the rare one
        ({"clapping": 40, "slapping": 40}, []),
        ({"walk": 9, "talk": 1}, []),
        ({"take plate": 9, "take plates": 1, "make plate": 1}, [("take plates", "take plate")]),
        ({"camera 11": 9, "camera 12": 9}, []),
        ({"class1": 9, "class2": 9}, []),
        ({"passing ball (in game)": 9, "passing ball (not in game)": 1}, []),
        ({"é": 3, "e\u0301": 1}, [("e\u0301", "é")]),
        ({"GallbladderDissection": 9, "GallbladderRetraction": 2}, []),
    ],
)
def test_labels_that_look_alike(counts, pairs):
    assert list(look_alikes(counts)) == pairs


def test_labels_of_the_format_are_never_doubted():
    assert list(look_alikes({"slapping": 1, "clapping": 9}, ["slapping", "clapping"])) == []
    assert list(look_alikes({"Pour": 9, "pour": 1}, ["pour"])) == [("Pour", "pour")]


def test_a_misspelt_label_is_a_warning_at_its_first_line(read):
    annotations = read(
        "video,start_s,end_s,label\na,1,2,falling\na,3,4,faling\na,5,6,falling\na,7,8,faling\na,9,10,falling\n"
    )
    assert annotations.warnings == ((3, "the label faling looks like falling, misspelt (2 against 3)"),)
    assert annotations.labels == ("faling", "falling")
