"""LosslessCut: its CSV of all versions, its project, and the JSON5 that this is written in."""

import contextlib
import csv
import io
import json
from fractions import Fraction

import pytest
from editor_timelines import back, read, segment, timeline, written
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.errors import TimelineError
from vtn_stream.exchange.intake import read_any
from vtn_stream.formats import llc, losslesscut
from vtn_stream.formats.json5 import as_json
from vtn_stream.formats.reading import ReadingOptions

texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20)
ms = st.integers(0, 10**8)
times_s = st.floats(0, 1e6)


def said(module, content, **options):
    content = content.encode() if isinstance(content, str) else content
    read = module.read(content, "x.losslesscut.csv", ReadingOptions(**options))
    return [(s.start_s, s.end_s, s.label, dict(s.attributes)) for s in read.timelines[0].segments], read.warnings


# ---- CSV


@given(st.lists(st.tuples(ms, ms, texts.map(str.strip)), max_size=5))
def test_the_csv_comes_back_to_the_millisecond(rows):
    before = [segment(start / 1000, (start + lasts) / 1000, label) for start, lasts, label in rows]
    content, warnings = written(losslesscut, *before)
    instants = sum(not lasts for _, lasts, _ in rows)
    assert len(warnings) == bool(instants)
    (after,) = losslesscut.read(content, "a.losslesscut.csv", ReadingOptions(duration_s=1e9)).timelines
    assert after.segments == timeline(*before).segments


def test_each_row_is_a_start_an_end_and_a_name_and_has_a_header_for_markers_alone():
    content, warnings = written(losslesscut, segment(1, 2.5, 'say "no", then'), segment(3600, 7201.25, "=1+1"))
    assert content.decode() == '1.000,2.500,"say ""no"", then"\n3600.000,7201.250,\'=1+1\n'
    assert warnings == ()
    content, warnings = written(losslesscut, segment(1, 1, "whistle"), segment(1, 2, "b"))
    assert content.decode() == "Start,End,Name\n1.000,,whistle\n1.000,2.000,b\n"
    assert warnings == ("1 instant written as a marker below a header, which old versions do not know",)
    assert back(losslesscut, content) == (segment(1, 1, "whistle"), segment(1, 2, "b"))


@pytest.mark.parametrize(
    ("content", "segments", "warned"),
    [
        (",56.9568,First\n70,842.33,\"An, other\"\n", [(0, 56.9568, "First"), (70, 842.33, "An, other")], ""),
        ("1234.5,,Last\n", [(1234.5, 2000, "Last")], "1 segment without an end: until the film ends (Last)"),
        ("00:00:01.500,00:01:02.250,a\n", [(1.5, 62.25, "a")], ""),
        ("00:00:01.500\t00:01:02.250\ta\n", [(1.5, 62.25, "a")], ""),
        (" 3:2.99 , 5:9,\n", [(182.99, 309, "")], ""),
        ("Start,End,Name\n1.5,,m\n2,3.25,n\n", [(1.5, 1.5, "m"), (2, 3.25, "n")], ""),
        ("Start\tEnd\tName\n00:00:01.500\t00:00:02.000\tx\n", [(1.5, 2, "x")], ""),
        ("\ufeffStart,End,Name\r\n1.5,2,x\r\n", [(1.5, 2, "x")], ""),
        ("1.5,2\n", [(1.5, 2, "")], ""),
        ('0.5,1,"two\nlines"\n', [(0.5, 1, "two\nlines")], ""),
    ],
)  # fmt: skip
def test_what_losslesscut_writes_is_read(content, segments, warned):
    found, warnings = said(losslesscut, content, duration_s=2000.0)
    assert [(start, end, label) for start, end, label, _ in found] == [
        (pytest.approx(start), pytest.approx(end), label) for start, end, label in segments
    ]
    assert warnings == ((warned,) if warned else ())


def test_tags_are_attributes():
    found, _ = said(losslesscut, "Start,End,Name,team,\n1.5,2,goal,red,\n3,4,x,,late\n5,6,y,,\n")
    assert [more for _, _, _, more in found] == [{"team": "red"}, {"tag2": "late"}, {}]


def test_an_end_that_nobody_knows_is_told():
    found, (warning,) = said(losslesscut, "1.5,9.25,a\n4,,b\n")
    assert [(start, end) for start, end, _, _ in found] == [(1.5, 9.25), (4, 9.25)]
    assert warning.startswith("1 segment without an end: until the last time here")
    assert "--duration" in warning


@pytest.mark.parametrize(
    ("content", "reason", "cure"),
    [
        ("1,2,x\n3,4,y\n", "whole numbers, which may be seconds or frames", "put a line above: start_s,end_s,name"),
        ("Start,End,Name\n1,2,x\n", "whole numbers", "call the columns start_s,end_s,name, or start_frame"),
        ("Start,End,Name,a,b,a\n1.5,2,x,1,2,3\n", "line 1: its header names a twice", "fix"),
        ("1.5,x,y\n", "line 1: x is not a time", "fix"),
        ("1.5,1,y\n", "line 1: it ends before it starts", "put the line start_s,duration_s,label above"),
        ("1.5,2,a\nword\n", "line 2: it is not a start, an end and a name", "fix"),
        ('1.5,2,"a\n', "unexpected end of data", "fix"),
        ("1.5,1e999,y\n", "1e999 is not a time", "fix"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(content, reason, cure):
    with pytest.raises(TimelineError) as caught:
        said(losslesscut, content)
    assert reason in str(caught.value)
    assert cure in caught.value.cure


def test_a_table_without_header_and_with_whole_numbers_gets_a_header_that_fits_it(here, tmp_path):
    (tmp_path / "cuts.csv").write_text("0,12,serve\n20,31,rally\n")
    code, _, err = here("convert", tmp_path / "cuts.csv", tmp_path / "cuts.json")
    cure = "put the line start_s,end_s,label above, or start_frame,end_frame,label if they count frames"
    assert (code, cure in err) == (1, True)
    (tmp_path / "cuts.csv").write_text("start_s,end_s,label\n0,12,serve\n20,31,rally\n")
    assert here("convert", tmp_path / "cuts.csv", tmp_path / "cuts.json")[0] == 0


def test_whole_numbers_past_the_end_of_the_film_are_frames():
    content = "Start,End,Name\n25,50,x\n700,750,y\n"
    found, (warning,) = said(losslesscut, content, duration_s=30.0, annotation_fps=Fraction(25))
    assert [(start, end) for start, end, _, _ in found] == [(1, 2), (28, 30)]
    assert warning.endswith("read as frames, 25 a second")
    for options in ({}, {"duration_s": 900.0, "rate": 25}, {"duration_s": 20.0, "rate": 25}, {"duration_s": 30.0}):
        with pytest.raises(TimelineError, match="whole numbers"):
            said(losslesscut, content, **options)


def test_the_cure_for_lengths_works(tmp_path):
    (tmp_path / "a.csv").write_text("start_s,duration_s,label\n10.5,2,x\n")
    (after,) = read_any(tmp_path / "a.csv").timelines
    assert [(s.start_s, s.end_s, s.label) for s in after.segments] == [(10.5, 12.5, "x")]


def test_the_cure_for_whole_numbers_works(tmp_path):
    (tmp_path / "a.csv").write_text("start_frame,end_frame,name\n25,50,x\n")
    (after,) = read_any(tmp_path / "a.csv", ReadingOptions(annotation_fps=Fraction(25))).timelines
    assert [(s.start_s, s.end_s, s.label) for s in after.segments] == [(1, 2, "x")]


@pytest.mark.parametrize(
    ("head", "is_its"),
    [
        (",56.9568,First\n70,842.33,b\n", True),
        ("0.5,4.25,goal\n", True),
        ("Start,End,Name\n", True),
        ("Start,End,Name,team\n1,2,x,y\n", True),
        ("Start,End,Name,video\n1,2,x,a.mp4\n", False),  # a table of films
        ("start_s,end_s,name\n1,2,x\n", False),
        ("match.mp4,0.5,goal\n", False),
        ("0.5,4.25,1\n0.75,2.25,2\n", False),  # numbers
        ("1,2,x\n", False),
        ("0.5;4.25;goal\n", False),
        ("0.5\t4.25\n", False),
        ("0.5,4.25\n", False),
        ("0:00 Intro, a, b\n", False),
        ("", False),
        ('"', False),
    ],
)
def test_only_what_is_surely_losslesscut_s_is_claimed(head, is_its):
    assert losslesscut.claims(head, ".csv") == is_its


def test_lines_of_three_cells_are_told_to_be_read_as_losslesscut_has_them(tmp_path):
    (tmp_path / "a.csv").write_text("0.5,4.25,goal\n")
    assert "no header" in read_any(tmp_path / "a.csv").warnings[0]


def test_the_csv_is_read_by_python_s_csv():
    content, _ = written(losslesscut, segment(1, 2, 'a\nb,"c"'), segment(2, 3, ""))
    assert list(csv.reader(io.StringIO(content.decode(), newline=""), strict=True)) == [
        ["1.000", "2.000", 'a\nb,"c"'],
        ["2.000", "3.000", ""],
    ]


# ---- projects


@given(
    st.lists(st.tuples(times_s, times_s | st.just(0.0), texts, st.dictionaries(texts, texts, max_size=2)), max_size=5)
)
def test_a_project_gives_back_the_very_seconds(rows):
    before = [segment(start, start + lasts, label, **more) for start, lasts, label, more in rows]
    content, warnings = written(llc, *before)
    (after,) = read(llc, content).timelines
    assert warnings == ()
    assert after.segments == timeline(*before).segments
    assert after.video_path == "film.mp4"
    assert llc.claims(content.decode(), ".llc")


def test_a_project_is_json_of_version_2_and_an_instant_has_no_end():
    content, _ = written(llc, segment(1, 1, "m"), segment(2, 3, "b", team="red"), video_path="below/film.mp4")
    assert json.loads(content) == {
        "version": 2,
        "mediaFileName": "film.mp4",
        "cutSegments": [
            {"start": 1.0, "name": "m"},
            {"start": 2.0, "end": 3.0, "name": "b", "tags": {"team": "red"}},
        ],
    }


OLD = """\
// an old project
{
  version: 1,
  mediaFileName: 'C:\\\\Users\\\\x\\\\it\\'s.mp4',
  cutSegments: [
    { end: .5, name: "in \\
two lines", },
    { start: 0x10, end: 2.5e1, name: '\\u00e9\\x41', tags: { team: 'red', $n: 5 } }, /* and
    the last */
    { start: +70., name: '' },
  ],
}
"""


def test_an_old_project_in_json5_is_read_and_open_ends_are_the_film_s():
    found, (warning,) = said(llc, OLD, duration_s=100.0)
    assert found == [(0, 0.5, "in two lines", {}), (16, 25, "éA", {"team": "red", "$n": "5"}), (70, 100, "", {})]
    assert warning == "1 segment without an end: until the film ends (unnamed)"
    (timeline,) = read(llc, OLD).timelines
    assert timeline.video_path == "it's.mp4"
    assert timeline.segments[-1].end_s == 70


def test_markers_what_is_not_selected_and_texts_are_told():
    content = {
        "version": 3,
        "cutSegments": [
            {"start": 1, "name": "m"},
            {"start": 1, "end": 2, "name": "off", "selected": False},
            {"start": 2, "end": 3, "name": "on", "selected": True, "tags": None},
        ],
        "overlayClips": [{"text": "x"}],
    }
    found, warnings = said(llc, json.dumps(content))
    assert [label for _, _, label, _ in found] == ["m", "on"]
    assert found[0][:2] == (1, 1)
    assert warnings == ("1 segment not selected in LosslessCut, not read (off)", "1 text over the picture not read")
    _, warnings = said(llc, '{"version": 9, "cutSegments": []}')
    assert warnings == ("its version is 9, which is not known: it is read as version 3",)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (
            "{version: 2,\n cutSegments: [{start: 1, name: 5}]}",
            r"line 2, cutSegments\[0\].name: expected a text, got 5",
        ),
        ("{version: 2,\n cutSegments: [{start: 'a'}]}", r"line 2, cutSegments\[0\].start: expected a number, got 'a'"),
        ("{version: 2,\n cutSegments: [{start: Infinity}]}", "expected a finite number"),
        ("{version: 2,\n cutSegments: [{start: 5, end: 3}]}", "segment 1 ends at 3 s, before it starts at 5 s"),
        ("{version: 2,\n cutSegments: {}}", "cutSegments: expected a list, got an object"),
        ("{version: 2}", "it lacks 'cutSegments'"),
        ("{version: 2,\n cutSegments: [{start: 1, name: 'abc", "line 2: a text or a comment that does not end"),
        ("{version: 2,\n cutSegments: [{start: 1 name: 5}]}", "line 2 column"),
        ("{cutSegments: [" + "[" * 100_000, "nested too deeply"),
        ("[]", "expected an object"),
        ("", "damaged LosslessCut project"),
    ],
)
def test_a_damaged_project_is_refused_with_its_place(content, reason):
    with pytest.raises(TimelineError, match=reason):
        said(llc, content)


def test_broken_characters_are_told():
    content, (warning,) = written(llc, segment(label="a\ud800"))
    assert "1 segment with broken characters" in warning
    assert back(llc, content)[0].label == "a\ufffd"


@pytest.mark.parametrize(
    ("head", "is_its"),
    [
        (OLD, True),
        ('{"version":1,"cutSegments":[]}', True),
        ('{"data": [1]}', False),
        ("cutSegments: [", False),
        ("", False),
    ],
)
def test_a_project_is_known_by_its_segments(head, is_its):
    assert llc.claims(head, ".llc") == is_its


@pytest.mark.parametrize("filler", ["/**/", "/* ", "// \n", "\n", " ", ",", "cutSegments ", '"', "1.5,"])
def test_no_text_takes_long_to_be_told(filler):
    head = filler * 100_000
    assert [llc.claims(head, ".llc"), losslesscut.claims(head, ".csv")] == [False, False]


# ---- JSON5

plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=10
)


@given(values, st.sampled_from([None, 1]))
def test_json_is_json5(value, indent):
    assert json.loads(as_json(json.dumps(value, indent=indent))) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{a: 1, 'b': 2, \"c\": 3,}", {"a": 1, "b": 2, "c": 3}),
        ("[1, /* x */ 2, // y\n]", [1, 2]),
        ("[.5, 5., +1, -0x1F, 1e3, 0XaF]", [0.5, 5.0, 1, -31, 1000.0, 175]),
        (
            r"'it\'s \x41\u0042\n\v\0\
\q"
            + "'",
            "it's AB\n\v\0q",
        ),
        ("{null: null, true: true, $_1: false}", {"null": None, "true": True, "$_1": False}),
        ("'\\ud83c\\udfac'", "🎬"),
        ("{'a' : [ ] }", {"a": []}),
    ],
)
def test_what_json5_has_beyond_json(text, value):
    assert json.loads(as_json(text)) == value


def test_lines_stay_where_they_are():
    assert as_json(OLD).count("\n") == OLD.count("\n")
    assert [n for n, line in enumerate(as_json(OLD).split("\n")) if "70" in line] == [
        n for n, line in enumerate(OLD.split("\n")) if "70" in line
    ]


@pytest.mark.parametrize("filler", ["/*", "'", '"\\', "[", ",", "a:", "//", "\\", "/", "0x"])
def test_a_long_text_of_anything_takes_no_time(filler):
    for text in (filler * 20_000, "{" + filler * 20_000 + "}"):
        with contextlib.suppress(ValueError):
            as_json(text)
