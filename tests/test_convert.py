"""Files of other programs become timelines, and any format that can be read becomes any that can be written."""

import json
from dataclasses import replace
from fractions import Fraction
from itertools import product
from pathlib import Path
from zipfile import ZipFile

import pytest

from vtn_stream.errors import AnnotationError, InputError, TimelineError
from vtn_stream.exchange import convert, export
from vtn_stream.exchange.intake import read_any
from vtn_stream.exchange.output import format_of
from vtn_stream.exchange.truth import truth_of
from vtn_stream.formats import FORMATS, timeline_json
from vtn_stream.formats.reading import ReadingOptions, encoding_of
from vtn_stream.results import FORMAT_NAMES, load_timeline, suffix_of
from vtn_stream.timeline import Segment, Timeline

TIMELINE = Timeline(
    video_identity="c0ffee",
    video_path="match.mp4",
    duration_s=3600.0,
    span_s=(0.0, 3600.0),
    nominal_rate=Fraction(25),
    segments=(
        Segment(start_s=0, end_s=20, label="walk & talk", score=0.5),
        Segment(start_s=20, end_s=45.2, label="run", score=0.75),
        Segment(start_s=1800, end_s=1830, label="walk & talk", score=1.0),
    ),
)
READABLE = list(FORMATS)
COUNTED = ReadingOptions(rate=Fraction(25), annotation_fps=Fraction(25))
# Spots and locators have no length, and chapters no end: these come back otherwise, as their modules say.
WITHOUT_LENGTH = {"avid", "soccernet", "youtube"}


def put(folder, timeline=TIMELINE, name="match"):
    folder.mkdir(exist_ok=True, parents=True)
    path = folder / f"{name}.timeline.json"
    path.write_bytes(timeline_json.dumps(timeline))
    return path


def said(timeline):
    return [(s.start_s, s.end_s, s.label) for s in timeline.segments]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("written")
    export(put(folder), READABLE)
    return folder


@pytest.mark.parametrize("name", READABLE)
def test_what_was_written_is_known_again_by_its_content(written, tmp_path, name):
    source = written / f"match.timeline{suffix_of(name)}"
    (timeline,) = read_any(source, replace(COUNTED, duration_s=3600)).timelines
    if name not in WITHOUT_LENGTH:
        assert said(timeline) == [
            (pytest.approx(s, abs=0.021), pytest.approx(e, abs=0.021), label) for s, e, label in said(TIMELINE)
        ]
    assert {s.label for s in timeline.segments} >= {"run"}
    assert timeline.video_path.startswith("match")
    assert name == "json" or "match" not in str(timeline.provenance)


def pairs():
    """All from which and into which. Enough for a change: each format from and into json, and into itself.

    What lies between is a Timeline, which knows nothing of formats: a reader and a writer do not meet.
    """
    for name, into in product(READABLE, FORMAT_NAMES):
        yield pytest.param(name, into, marks=[] if name == into or "json" in (name, into) else pytest.mark.release)


@pytest.mark.parametrize(("name", "into"), [*pairs()])
def test_any_readable_format_becomes_any_writable_one(written, tmp_path, name, into):
    target = tmp_path / f"new{suffix_of(into)}"
    made = convert(written / f"match.timeline{suffix_of(name)}", target, format=into, reading=COUNTED)
    assert made.paths == (target,)
    content = target.read_bytes()
    if into == "xlsx":
        content = ZipFile(target).read("xl/worksheets/sheet1.xml")
    assert "run" in content.decode(encoding_of(content), "replace")


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("a.vtt", "vtt"),
        ("a.SRT", "srt"),
        ("a.json", "json"),
        ("a.timeline.json", "json"),
        ("a.activitynet.json", "activitynet"),
        ("a.edl", "edl"),
        ("a.markers.edl", "resolve"),
        ("a.avid.edl", "avid"),
        ("a.scenes.csv", "scenes"),
        ("a.xml", "xmeml"),
        ("a.sportscode.xml", "sportscode"),
        ("a.html", "html"),
        ("archive.tar.eaf", "elan"),
    ],
)
def test_a_target_s_suffix_says_its_format(name, format):
    assert format_of(Path(name)) == format


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("a.vvt", "did you mean .vtt?"),
        ("a.fcpxm", "did you mean .fcpxml?"),
        ("a.txt", "say which with -f: youtube or avidmarkers or audacity"),
        ("a", "Choose one with -f: json, csv"),
        ("a.qqqqqq", "Choose one with -f: json, csv"),
    ],
)
def test_a_suffix_that_nobody_knows_names_the_nearest(name, cure):
    with pytest.raises(InputError) as error:
        format_of(Path(name))
    assert cure in error.value.cure


def test_many_films_go_into_a_folder_a_file_each(tmp_path):
    rows = "video,start_s,end_s,label\na.mp4,0,1,x\nb.mp4,2,3,y\nsub/a.mp4,4,5,z\n"
    (tmp_path / "many.csv").write_text(rows)
    with pytest.raises(InputError, match="is about 3 films, and a vtt file holds one"):
        convert(tmp_path / "many.csv", tmp_path / "one.vtt")
    assert not (tmp_path / "one.vtt").exists()
    (tmp_path / "out").mkdir()
    made = convert(tmp_path / "many.csv", tmp_path / "out", format="vtt")
    assert [file.name for file in made.paths] == ["a.timeline.vtt", "b.timeline.vtt", "a (2).timeline.vtt"]
    (together,) = convert(tmp_path / "many.csv", tmp_path / "all.parquet").paths
    assert len(read_any(together).timelines) == 3


def test_names_of_strangers_become_names_of_files(tmp_path):
    names = ["../../up.mp4", "/root.mp4", ".hidden.mp4", "a\nb\x1b.mp4", "n" * 300 + ".mp4", "a:b.mp4", "...", "~"]
    results = {"version": "1", "results": {name: [{"label": "x", "score": 1, "segment": [0, 1]}] for name in names}}
    (tmp_path / "in.json").write_text(json.dumps(results))
    made = convert(tmp_path / "in.json", tmp_path / "out", format="vtt", folder=True)
    assert len(set(made.paths)) == len(names)
    assert {path.parent for path in made.paths} == {tmp_path / "out"}
    for path in made.paths:
        assert path.read_text().startswith("WEBVTT")
        assert path.name.isprintable()
        assert not path.name.startswith(".")


def test_a_thousand_films_of_one_name_get_names_of_their_own(tmp_path):
    rows = "".join(f"{i}/a.mp4,0,1,x\n" for i in range(1000))
    (tmp_path / "many.csv").write_text("video,start_s,end_s,label\n" + rows)
    made = convert(tmp_path / "many.csv", tmp_path / "out", format="audacity", folder=True)
    assert len(set(made.paths)) == 1000


def test_a_source_in_the_folder_of_the_target_is_kept(tmp_path):
    (tmp_path / "a.timeline.vtt").write_text("WEBVTT\n\nNOTE mine\n\n00:00.000 --> 00:01.000 align:left\nx\n")
    before = (tmp_path / "a.timeline.vtt").read_bytes()
    with pytest.raises(InputError, match="one file"):
        convert(tmp_path / "a.timeline.vtt", tmp_path, format="vtt", overwrite=True)
    assert (tmp_path / "a.timeline.vtt").read_bytes() == before


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"\0\1\2", b"{}", b"[]", b"<a/>", b'{"a": ', b"PAR1 no", b"\xff\xfe"]
)
def test_what_is_of_no_format_is_told_with_those_that_are(tmp_path, content):
    (tmp_path / "x.bin").write_bytes(content)
    with pytest.raises((AnnotationError, TimelineError)) as error:
        convert(tmp_path / "x.bin", tmp_path / "y.vtt")
    assert str(error.value).startswith("x.bin ")
    assert not (tmp_path / "y.vtt").exists()


@pytest.mark.parametrize("name", READABLE)
def test_a_timeline_of_nothing_is_written_and_read(tmp_path, name):
    nothing = Timeline(video_identity="", video_path="a.mp4", duration_s=9, span_s=(0, 9))
    (file,) = export(put(tmp_path, nothing), [name], tmp_path / "out").paths
    (timeline,) = read_any(file, COUNTED).timelines
    assert timeline.segments == ()


def test_xml_with_entities_is_refused(tmp_path):
    bomb = '<?xml version="1.0"?><!DOCTYPE file [<!ENTITY a "aaaa">]><file><ALL_INSTANCES><instance><code>&a;</code>'
    (tmp_path / "bomb.xml").write_text(bomb + "</instance></ALL_INSTANCES></file>")
    with pytest.raises(TimelineError, match="entities"):
        convert(tmp_path / "bomb.xml", tmp_path / "y.vtt")


def test_a_timeline_of_another_version_is_told(tmp_path):
    fields = json.loads(put(tmp_path).read_text()) | {"version": 7}
    (tmp_path / "new.timeline.json").write_text(json.dumps(fields))
    with pytest.raises(TimelineError, match="schema version 7"):
        convert(tmp_path / "new.timeline.json", tmp_path / "y.vtt")


def test_source_and_target_are_never_one_file(tmp_path):
    path = put(tmp_path)
    before = path.read_bytes()
    with pytest.raises(InputError, match="one file"):
        convert(path, tmp_path / "." / path.name)
    assert path.read_bytes() == before


def test_a_target_in_the_way_is_kept(tmp_path):
    (tmp_path / "mine.vtt").write_text("mine")
    with pytest.raises(TimelineError, match=r"mine\.vtt exists already and has other content"):
        convert(put(tmp_path), tmp_path / "mine.vtt")
    assert (tmp_path / "mine.vtt").read_text() == "mine"
    convert(put(tmp_path), tmp_path / "mine.vtt", overwrite=True)
    assert "WEBVTT" in (tmp_path / "mine.vtt").read_text()


def test_the_command_line_converts_and_tells_what_was_changed(tmp_path, here):
    (tmp_path / "a.srt").write_text("1\n00:00:01,000 --> 00:00:02,500\nrun & jump\n\n")
    code, out, err = here("convert", tmp_path / "a.srt", tmp_path / "a.timeline.json", "--duration", "1:00:00")
    assert (code, out, err) == (0, f"wrote {tmp_path / 'a.timeline.json'}\n", "")
    timeline = load_timeline(tmp_path / "a.timeline.json")
    assert said(timeline) == [(1.0, 2.5, "run & jump")]
    assert timeline.duration_s == 3600
    code, _, err = here("convert", tmp_path / "a.srt", tmp_path / "a.edl")
    assert code == 0
    assert "the film states no frame rate: frames are counted at 25 a second" in err
    assert here("convert", tmp_path / "a.srt", tmp_path / "b.edl", "--rate", "29.97")[2] == ""
    code, out, _ = here("convert", tmp_path / "a.srt", f"{tmp_path}/new/", "-f", "vtt")
    assert (code, out) == (0, f"wrote {tmp_path / 'new' / 'a.timeline.vtt'}\n")
    assert here("convert", tmp_path / "a.srt", f"{tmp_path}/new/")[0] == 1
    assert here("convert", tmp_path / "a.srt", tmp_path / "x.edl", "--start-timecode", "5")[0] == 2
    code, _, err = here("convert", tmp_path / "film.mp4", tmp_path / "a.vtt")
    assert "film.mp4 cannot be read" in err
    (tmp_path / "film.mp4").write_bytes(b"\0\0\0 ftypisom")
    code, _, err = here("convert", tmp_path / "film.mp4", tmp_path / "a.vtt")
    assert (code, err.count("\n")) == (1, 1)
    assert err.endswith("to analyze a film, use vtn-stream analyze\n")
    code, _, err = here("convert", tmp_path / "missing.srt", tmp_path / "a.vtt")
    assert code == 1
    assert err.startswith("vtn-stream: missing.srt cannot be read")


# ---- the truth beside a prediction


def test_the_truth_of_a_film_is_found_by_its_name(tmp_path):
    (tmp_path / "truth.csv").write_text("video,start_s,end_s,label\nmatch,0,1,x\nother.mp4,2,3,y\n")
    assert [s.label for s in truth_of(tmp_path / "truth.csv", [TIMELINE])[0]] == ["x"]
    (tmp_path / "one.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nz\n\n")  # which names no film
    assert [s.label for s in truth_of(tmp_path / "one.srt", [TIMELINE])[0]] == ["z"]
    (tmp_path / "other.csv").write_text("video,start_s,end_s,label\nmatch7.mp4,0,1,z\n")
    with pytest.raises(InputError, match=r"no film called match\.mp4 \(did you mean match7\.mp4\?\)"):
        truth_of(tmp_path / "other.csv", [TIMELINE])
    assert truth_of(put(tmp_path), [TIMELINE]) == [TIMELINE.segments]
    (tmp_path / "others.csv").write_text("video,start_s,end_s,label\na,0,1,x\nb.mp4,2,3,y\n")
    with pytest.raises(InputError, match=r"has no film called match\.mp4"):
        truth_of(tmp_path / "others.csv", [TIMELINE])
