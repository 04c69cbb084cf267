"""Recordings in several files, in every format: the whole on one clock, or each file in its own time."""

import csv
import io
import json
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from annotation_reading import read  # noqa: F401  (a fixture)
from console_script import run
from recorded import MATCH, PARTS, part, recording, segment

from vtn_stream.anonymous import anonymous
from vtn_stream.errors import InputError
from vtn_stream.exchange import convert, export
from vtn_stream.exchange.per_file import per_file
from vtn_stream.formats import FORMATS, Options, ReadingOptions, timeline_json
from vtn_stream.report.provenance import facts
from vtn_stream.report.timeline_plot import plot
from vtn_stream.results import load_timeline
from vtn_stream.segments import Part


def written(format, timeline, **options):
    return FORMATS[format].write([timeline], Options(**options))


def read_back(format, timeline):
    content = written(format, timeline).content
    [found] = (
        FORMATS[format]
        .read(
            content,
            f"match{FORMATS[format].suffix}",
            ReadingOptions(rate=timeline.nominal_rate, start_timecode=timeline.start_timecode),
        )
        .timelines
    )
    return found


def times(timeline):
    return [(s.start_s, s.end_s, s.label) for s in timeline.segments]


CUT = [(1, 2, "run"), (50, 60, "fall"), (60, 70, "fall"), (62, 62, "whistle"), (110, 112, "run")]


@pytest.fixture
def match(tmp_path):
    path = tmp_path / "match.timeline.json"
    path.write_bytes(timeline_json.dumps(recording()))
    return path


def test_tables_name_the_file_and_the_time_in_it():
    rows = list(csv.DictReader(io.StringIO(written("csv", recording()).content.decode())))
    assert [(row["video"], row["start_s"], row["file"], row["file_start_s"]) for row in rows] == [
        ("match", "1.000", "one.mp4", "1.000"),
        ("match", "50.000", "one.mp4", "50.000"),
        ("match", "62.000", "two.mp4", "2.000"),
        ("match", "110.000", "three.mp4", "10.000"),
    ]


def test_a_film_in_one_file_has_no_such_columns_and_beside_a_recording_empty_ones():
    film = replace(recording(), parts=(), video_path="film.mp4")
    assert "file" not in written("csv", film).content.decode().partition("\r\n")[0].split(",")
    both = FORMATS["csv"].write([film, recording()], Options()).content.decode()
    rows = list(csv.DictReader(io.StringIO(both)))
    assert [row["file"] for row in rows] == ["", "", "", "", "one.mp4", "one.mp4", "two.mp4", "three.mp4"]


@pytest.mark.parametrize("format", ["csv", "tsv", "xlsx", "parquet"])
def test_tables_come_back_on_the_clock_of_the_whole(format):
    found = read_back(format, recording())
    assert found.video_path == "match"
    assert times(found) == times(recording())


def test_a_table_in_pandas_names_the_files_too():
    pytest.importorskip("pandas")
    table = recording().to_pandas()
    assert list(table["file"]) == ["one.mp4", "one.mp4", "two.mp4", "three.mp4"]
    assert list(table["file_start_s"]) == [1, 50, 2, 10]


def test_such_a_table_is_read_as_annotations_without_a_word_on_these_columns(read):
    found = read(written("csv", recording()).content, "match.csv")
    assert list(found.videos) == ["match"]
    assert not [line for line in found.warnings if "not read" in str(line)]


def test_json_comes_back_as_it_was():
    assert timeline_json.loads(timeline_json.dumps(recording())) == recording()


@pytest.mark.parametrize("format", ["xmeml", "fcpxml", "otio", "edl"])
def test_editors_get_each_file_where_it_is_on_the_clock(format):
    whole, files = written(format, recording()), ["one.mp4", "two.mp4", "three.mp4"]
    text = whole.content.decode()
    assert [name for name in files if name in text] == files
    found = read_back(format, recording())
    expected = times(recording()) if format == "xmeml" else CUT
    assert [t for t in times(found) if t[2] != "whistle"] == [t for t in expected if t[2] != "whistle"]
    assert any("cut there" in line for line in whole.warnings) == (format != "xmeml")


def test_in_fcpxml_each_file_begins_with_its_own_timecode_and_a_gap_is_where_none_is():
    root = ElementTree.fromstring(written("fcpxml", recording()).content)
    spine = root.find(".//spine")
    assert [(at.tag, at.get("name"), at.get("offset"), at.get("start"), at.get("duration")) for at in spine] == [
        ("asset-clip", "one.mp4", "36000s", "36000s", "60s"),
        ("asset-clip", "two.mp4", "36060s", "36060s", "30s"),
        ("gap", "Gap", "36090s", "0s", "10s"),
        ("asset-clip", "three.mp4", "36100s", "0s", "60s"),
    ]
    assert [(mark.get("value"), mark.get("start")) for mark in spine[3]] == [("run", "10s")]


def test_in_xmeml_a_clip_of_each_file_is_whole():
    root = ElementTree.fromstring(written("xmeml", recording()).content)
    clips = [[clip.findtext(tag) for tag in ("name", "start", "end", "in", "out")] for clip in root.iter("clipitem")]
    assert clips == [
        ["one.mp4", "0", "1500", "0", "1500"],
        ["two.mp4", "1500", "2250", "0", "750"],
        ["three.mp4", "2500", "4000", "0", "1500"],
    ]


@pytest.mark.parametrize("format", ["xmeml", "fcpxml"])
def test_files_of_a_recording_in_which_nothing_happens_are_no_segments(format):
    found = read_back(format, replace(recording(), segments=()))
    assert (found.video_path, found.segments) == ("match", ())


def test_in_an_edl_the_source_is_the_files_own_timecode():
    lines = written("edl", recording(segment(50, 70, "fall"))).content.decode().splitlines()
    assert lines[3:5] == [
        "001  AX       V     C        10:00:50:00 10:01:00:00 10:00:50:00 10:01:00:00",
        "* FROM CLIP NAME: one.mp4",
    ]
    assert lines[7:9] == [
        "002  AX       V     C        10:01:00:00 10:01:10:00 10:01:00:00 10:01:10:00",
        "* FROM CLIP NAME: two.mp4",
    ]


def test_boris_gets_one_observation_of_all_files_and_counts_over_them(read):
    project = json.loads(written("boris", recording()).content)
    [observation] = project["observations"].values()
    assert observation["file"]["1"] == ["one.mp4", "two.mp4", "three.mp4"]
    assert observation["media_info"]["length"] == {"one.mp4": 60, "two.mp4": 30, "three.mp4": 60}
    assert [event[0] for event in observation["events"] if event[2] == "run"] == [1, 2, 100, 102]  # no hole
    films = read(json.dumps(project), "match.boris").videos
    assert sorted(films) == ["one.mp4", "three.mp4", "two.mp4"]
    assert [(s.start_s, s.end_s) for s in films["three.mp4"].segments] == [(10, 12)]


@pytest.mark.parametrize("format", ["llc", "elan", "cvat", "fiftyone", "labelstudio", "soccernet", "avid"])
def test_a_format_that_names_one_file_says_so(format):
    told = (
        "match is a recording in several files, and this format names one: it names the recording, which programs do "
        "not find; --per-file writes one for each"
    )
    assert told in written(format, recording()).warnings
    [first, *_] = recording().per_file()
    assert told not in written(format, first).warnings


@pytest.mark.parametrize("format", [name for name in FORMATS if name != "json"])
def test_every_format_writes_a_recording_and_each_of_its_files(format):
    assert written(format, recording()).content
    for timeline in recording().per_file():
        assert written(format, timeline).content


def test_each_file_has_its_own_time_and_what_is_cut_is_said():
    lost = segment(92, 95, "nothing filmed")
    files, told = per_file([recording(*MATCH, lost)])
    assert [(each.video_path, times(each)) for each in files] == [
        ("one.mp4", [(1, 2, "run"), (50, 60, "fall")]),
        ("two.mp4", [(0, 10, "fall"), (2, 2, "whistle")]),
        ("three.mp4", [(10, 12, "run")]),
    ]
    assert told == (
        "1 segment going on in the next file: each file has its part of it",
        "1 segment in time that no file has: left out",
    )


def test_an_export_by_file_is_a_file_each_or_one_of_all(match, tmp_path):
    done = export(match, ["vtt", "csv"], tmp_path / "out", files=True)
    assert [path.name for path in done.paths] == [
        "one.mp4.timeline.vtt",
        "two.mp4.timeline.vtt",
        "three.mp4.timeline.vtt",
        "match.timeline.csv",
    ]
    rows = list(csv.DictReader(io.StringIO(done.paths[-1].read_text())))
    assert [(row["video"], row["start_s"]) for row in rows][:3] == [
        ("one.mp4", "1.000"),
        ("one.mp4", "50.000"),
        ("two.mp4", "0.000"),
    ]
    assert "00:00:10.000 --> 00:00:12.000" in done.paths[2].read_text()


def test_files_of_one_name_in_two_folders_do_not_replace_each_other(tmp_path):
    parts = (part("disc 1/VTS_01_1.VOB", 0, 60), part("disc 2/VTS_01_1.VOB", 60, 30))
    path = tmp_path / "dvd.timeline.json"
    path.write_bytes(timeline_json.dumps(recording(parts=parts)))
    done = export(path, ["srt"], files=True)
    assert [path.name for path in done.paths] == ["VTS_01_1.VOB.timeline.srt", "VTS_01_1.VOB (2).timeline.srt"]


def test_on_the_command_line(match, tmp_path):
    done = run("export", match, "-f", "json", "-o", tmp_path / "o", "--per-file")
    assert done.returncode == 0, done.stderr
    assert "each file has its part of it" in done.stderr
    assert load_timeline(tmp_path / "o" / "two.mp4.timeline.json").video_identity == "xxh3:two.mp4"
    done = run("convert", match, f"{tmp_path / 'c'}/", "-f", "llc", "--per-file")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == [
        "one.timeline.llc",
        "three.timeline.llc",
        "two.timeline.llc",
    ]


def test_where_a_format_holds_one_film_the_whole_needs_a_folder(match, tmp_path):
    with pytest.raises(InputError, match="is about 3 films, and a vtt file holds one"):
        convert(match, tmp_path / "x.vtt", files=True)


def test_an_anonymous_recording_names_no_file():
    named = recording(
        replace(MATCH[0], attributes={"note": "see two.mp4"}), provenance={"notes": ["three.mp4 is damaged"]}
    )
    hidden = anonymous(named, "film-346679")
    assert [each.video_path for each in hidden.parts] == [f"film-346679 part {k}" for k in (1, 2, 3)]
    assert hidden.segments[0].attributes == {"note": "see film-346679 part 2"}
    assert not [
        word
        for word in ("one.mp4", "two.mp4", "three.mp4", "match")
        if word in repr(timeline_json.to_dict(replace(hidden, parts=())))
    ]


def test_the_facts_of_a_page_name_each_file():
    found = [value for name, value in facts(recording()) if name == "file of the recording"]
    assert found[1] == "two.mp4: from 60 s, 30 s long, identity xxh3:two.mp4"
    assert len(found) == len(PARTS)


def test_a_plot_shows_where_the_next_file_begins():
    plain = plot([replace(recording(), parts=())])
    assert plot([recording()]) != plain
    assert b"the next file begins" in plot([recording()])


def test_a_file_of_a_recording_that_was_analyzed_to_its_end_is_known_to_its_end():
    lasts_s = [21.333333, 5.333333, 37.333333, 58.6]
    starts_s = [sum(lasts_s[:i]) for i in range(len(lasts_s))]
    parts = tuple(
        Part(video_path=f"{i}.mp4", video_identity=f"{i}", start_s=start_s, duration_s=duration_s)
        for i, (start_s, duration_s) in enumerate(zip(starts_s, lasts_s, strict=True))
    )
    whole = replace(recording(), parts=parts, duration_s=sum(lasts_s), span_s=(0.0, sum(lasts_s)))
    assert [each.span_s for each in whole.per_file()] == [(0.0, each_s) for each_s in lasts_s]
