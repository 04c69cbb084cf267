"""Which format a file is of: by its content, else by its suffix; and what is said of a file of none."""

import re

import pytest

from vtn_stream.errors import AnnotationError, TimelineError, VtnStreamError
from vtn_stream.exchange.intake import read_any

EVENT = "001  AX       V     C        00:00:00:00 00:00:01:00 00:00:00:00 00:00:01:00"
XMEML = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE xmeml>\n<xmeml version="4"><sequence><rate>'
    "<timebase>25</timebase></rate><marker><name>Tür</name><in>25</in><out>50</out></marker></sequence></xmeml>"
)
SHORT = {  # a file of one segment in each format that editors write, without a final newline
    "a.edl": f"TITLE:   one\n{EVENT}\n* COMMENT: Tür",
    "b.edl": f"{EVENT}\n* COMMENT: Tür",
    "c.markers.edl": f"TITLE: x\n\n{EVENT}\n |C:ResolveColorBlue |M:Tür |D:25",
    "d.edl": f"{EVENT}\n |C:ResolveColorBlue |M:Tür |D:25",
    "a.xml": XMEML,
    "a.fcpxml": '<?xml version="1.0"?><fcpxml version="1.9"><library><event><asset-clip duration="9s"><marker '
    'start="1s" duration="1s" value="Tür"/></asset-clip></event></library></fcpxml>',
    "a.otio": '{"OTIO_SCHEMA": "Timeline.1", "tracks": {"OTIO_SCHEMA": "Stack.1", "children": [{"OTIO_SCHEMA": '
    '"Track.1", "children": [{"OTIO_SCHEMA": "Clip.1", "name": "Tür", "source_range": {"start_time": '
    '{"rate": 25, "value": 0}, "duration": {"rate": 25, "value": 25}}}]}]}}',
    "a.srt": "1\n00:00:01,000 --> 00:00:02,000\nTür",
    "a.vtt": "WEBVTT\n\n00:01.000 --> 00:02.000\nTür",
    "a.youtube.txt": "0:00 Tür",
    "a.ffmetadata": ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1\nSTART=0\nEND=1\ntitle=Tür",
    "a.chapters.xml": "<Chapters><EditionEntry><ChapterAtom><ChapterTimeStart>00:00:01</ChapterTimeStart>"
    "<ChapterDisplay><ChapterString>Tür</ChapterString></ChapterDisplay></ChapterAtom></EditionEntry></Chapters>",
    "a.sportscode.xml": "<file><ALL_INSTANCES><instance><start>1</start><end>2</end><code>Tür</code></instance>"
    "</ALL_INSTANCES></file>",
    "a.audacity.txt": "1.0\t2.0\tTür",
    "a.llc": "{version: 2, cutSegments: [{start: 1, end: 2, name: 'Tür'}]}",
    "a.losslesscut.csv": ",2.5,Tür",
    "a.scenes.csv": "Scene Number,Start Time (seconds),End Time (seconds),Label\n1,1.000,2.000,Tür",
    "a.premiere.csv": "Marker Name\tDescription\tIn\tOut\tDuration\tMarker Type\nTür\t\t00:00:01:00\t00:00:01:00"
    "\t00:00:00:00\tComment",
    "a.avid.edl": f"TITLE: a.mp4\n{EVENT}\n* FROM CLIP NAME: a.mp4\n* LOC: 00:00:00:05 RED     Tür",
    "a.avid.txt": "x\t00:00:01:00\tV1\tred\tTür\t1",
}
WAYS = {
    "as it is": lambda text: text.encode(),
    "with a mark": lambda text: text.encode("utf-8-sig"),
    "UTF-16": lambda text: text.encode("utf-16"),
    "UTF-16 LE": lambda text: text.encode("utf-16-le"),
    "UTF-16 BE": lambda text: text.encode("utf-16-be"),
    "UTF-16 BE with a mark": lambda text: ("\ufeff" + text).encode("utf-16-be"),
    "CR LF": lambda text: text.replace("\n", "\r\n").encode(),
    "CR": lambda text: text.replace("\n", "\r").encode(),
    "a final newline": lambda text: text.encode() + b"\n",
    "empty lines first": lambda text: b"\n\n" + text.encode(),
}
BEGINS = {"a.vtt", "a.ffmetadata"}  # whose first line must be the first


def said(path):
    (timeline,) = read_any(path).timelines
    return [s.label for s in timeline.segments]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", SHORT)
def test_a_file_of_any_encoding_and_line_ends_is_known(tmp_path, name, way):
    if way == "empty lines first" and name in BEGINS:
        return
    (tmp_path / name).write_bytes(WAYS[way](SHORT[name]))
    assert said(tmp_path / name) == ["Tür"]


@pytest.mark.parametrize("declared", ["UTF-16", "utf-16", "UTF-8"])
@pytest.mark.parametrize("stored", ["utf-16", "utf-16-le", "utf-8", "utf-8-sig"])
def test_what_xml_says_of_its_encoding_may_be_out_of_date(tmp_path, declared, stored):
    (tmp_path / "a.xml").write_bytes(XMEML.replace("UTF-8", declared).encode(stored))
    assert said(tmp_path / "a.xml") == ["Tür"]


def test_another_declared_encoding_holds(tmp_path):
    (tmp_path / "a.xml").write_bytes(XMEML.replace("UTF-8", "ISO-8859-1").encode("latin-1"))
    assert said(tmp_path / "a.xml") == ["Tür"]


@pytest.mark.parametrize("name", SHORT)
def test_content_tells_the_format_whatever_a_file_is_called(tmp_path, name):
    (tmp_path / "x").write_text(SHORT[name])
    assert said(tmp_path / "x") == ["Tür"]


def test_a_label_track_of_audacity_is_not_taken_for_a_table_of_losslesscut(tmp_path):
    (tmp_path / "a.txt").write_text("1.000000\t2.000000\t'=x\n3.500000\t3.500000\ty\n")
    result = read_any(tmp_path / "a.txt")
    assert result.timelines[0].provenance["converted_from"] == "Audacity labels"
    assert (said(tmp_path / "a.txt"), result.warnings) == (["'=x", "y"], ())


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.edl", "hello\nworld", "neither a title nor events"),
        ("a.srt", "hello", "line 1: it does not begin with a number"),
        ("a.vtt", "hello", "line 1: it does not begin with WEBVTT"),
        ("a.otio", "hello", "damaged OpenTimelineIO"),
        ("a.otio", '{"OTIO_SCHEMA": "Bin.1"}', "it holds a Bin"),
        ("a.fcpxml", "<fcp", "damaged XML"),
        ("a.fcpxml", "<other/>", "it is not FCPXML"),
        ("a.ffmetadata", "[CHAPTER]", "line 1: it does not begin with ;FFMETADATA1"),
        ("a.parquet", "hello", "damaged Parquet"),
        ("a.audacity.txt", "1.0 2.0 x", "line 1: it is not a start, tab, end"),
        ("a.sportscode.xml", "<file/>", "file/ALL_INSTANCES is missing"),
        ("a.llc", "hello", "damaged LosslessCut project: Expecting value: line 1"),
        ("a.losslesscut.csv", "1,2,x", "all its times are whole numbers"),
        ("a.scenes.csv", "x,y", "it has no line with the columns Scene Number"),
        ("a.premiere.csv", "x,y", "line 1: its first line is not the header of 6 columns"),
        ("a.avid.edl", "hello", "neither a title nor events"),
        ("a.avid.txt", "x", "line 1: it does not begin with a marker"),
        ("a.xml", "<a><b></a>", "damaged XML: mismatched tag: line 1"),
    ],
)
def test_where_a_suffix_says_what_a_file_is_the_reason_is_that_format_s(tmp_path, name, content, told):
    (tmp_path / name).write_text(content)
    with pytest.raises(TimelineError, match=re.escape(told)) as caught:
        read_any(tmp_path / name)
    assert str(caught.value).startswith(f"{name} cannot be read (")


@pytest.mark.parametrize(
    ("name", "content", "fact", "cure"),
    [
        ("a.xml", b"<a><b/></a>", "its root is <a>", "<xmeml>, <fcpxml>"),
        ("a.json", b'{"a": 1, "b": 2}', "its keys are a and b", "database, results"),
        ("a.json", b'[{"x": 1}]', "a list, whose first item has the keys x", "tasks (data)"),
        ("a.json", b"[[1]]", "a list of a list", "tasks (data)"),
        ("a.json", b"{}", "an empty object", "tasks (data)"),
        ("a.json", b'{"a": ', "damaged JSON: Expecting value: line 1", "tasks (data)"),
        ("a.json", b"[" * 100_000, "damaged JSON", "tasks (data)"),
        ("a.prproj", b"\x1f\x8b\0", "a program's own project", "export Final Cut Pro XML"),
        ("a.csv", b"x,y,z\n1,2,3\n", "it begins with x,y,z", "the columns video, start_s, end_s and label"),
        ("a.mp4", b"\0\0\0 ftypisom", "in no format that can be read;", "use vtn-stream analyze"),
    ],
)
def test_of_a_file_of_no_format_is_told_what_it_is_and_what_would_be_read(tmp_path, name, content, fact, cure):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(AnnotationError) as caught:
        read_any(tmp_path / name)
    assert fact in str(caught.value)
    assert cure in caught.value.cure
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("folder", "inside", "like"),
    [("cut.fcpxmld", "Info.fcpxml", "a.fcpxml"), ("cut.otiod", "content.otio", "a.otio")],
)
def test_a_folder_around_an_editor_s_file_is_that_file(tmp_path, folder, inside, like):
    (tmp_path / folder).mkdir()
    with pytest.raises(VtnStreamError, match=f"{inside} cannot be read"):
        read_any(tmp_path / folder)
    (tmp_path / folder / inside).write_text(SHORT[like])
    assert said(tmp_path / folder) == ["Tür"]
    assert read_any(tmp_path / folder).timelines[0].video_path == "cut"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.edl", "TITLE: x"),
        ("a.fcpxml", '<fcpxml version="1.9"/>'),
        ("a.xml", "<xmeml><sequence><name>x</name></sequence></xmeml>"),
        ("a.vtt", "WEBVTT"),
        ("a.otio", '{"OTIO_SCHEMA": "Timeline.1", "tracks": {"OTIO_SCHEMA": "Stack.1"}}'),
        ("a.csv", "video,start_s,end_s,duration_s,start,end,label,score\na.mp4,,,,,,,\n"),
    ],
)
def test_a_file_without_segments_says_so(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    assert read_any(tmp_path / name).warnings[-1] == "there is no segment in it"


def test_text_that_is_not_unicode_is_refused_with_its_line(tmp_path):
    (tmp_path / "a.edl").write_bytes(SHORT["a.edl"].encode("latin-1"))
    with pytest.raises(TimelineError, match="line 3: it is not text in UTF-8 or UTF-16") as caught:
        read_any(tmp_path / "a.edl")
    assert caught.value.cure == "save it as UTF-8"


def test_a_suffix_is_enough_where_the_content_could_be_anything(tmp_path):
    frames = "1 CLPQ V C 100 160 0 60"
    for name in ("a.edl", "a.EDL"):
        (tmp_path / name).write_text(frames)
        assert said(tmp_path / name) == ["CLPQ"]
    (tmp_path / "a.txt").write_text(frames)
    with pytest.raises(VtnStreamError):
        read_any(tmp_path / "a.txt")
