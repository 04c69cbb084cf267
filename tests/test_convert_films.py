"""What a converted file does not say of its film, the film says; and what a format does not hold is told."""

import unicodedata
from dataclasses import replace
from fractions import Fraction

import pytest
from click.testing import CliRunner

from vtn_stream.errors import InputError, VideoError
from vtn_stream.exchange import convert
from vtn_stream.exchange.films import read_with_films
from vtn_stream.exchange.intake import read_any
from vtn_stream.formats import FORMATS, KEPT, Options, timeline_json
from vtn_stream.formats.reading import ReadingOptions
from vtn_stream.results import load_timeline
from vtn_stream.timeline import Segment, Timeline
from vtn_stream_cli.main import vtn_stream

pytestmark = pytest.mark.usefixtures("warm_decoders")

SRT = "00:00:01,000 --> 00:00:02,000\nx\n"


@pytest.fixture
def folder(tmp_path, film):
    """A folder with a film of 130 s at 5 frames a second."""
    (tmp_path / "match.mp4").symlink_to(film)
    return tmp_path


def clock(timeline):
    return timeline.video_path, timeline.duration_s, timeline.nominal_rate


@pytest.mark.parametrize("name", ["match.srt", "other.srt"])
def test_the_film_beside_or_a_named_one_says_its_rate_and_length(folder, name):
    (folder / name).write_text(SRT)
    film = None if name == "match.srt" else folder / "match.mp4"
    made = convert(folder / name, folder / "o.json", film=film)
    assert clock(load_timeline(folder / "o.json")) == ("match.mp4", 130.0, Fraction(5))
    assert made.warnings == ("rate and length are those of the film match.mp4",)
    assert "is that of match.mp4." in load_timeline(folder / "o.json").provenance["notes"][-1]


def test_what_the_file_or_the_caller_says_holds(folder):
    (folder / "match.srt").write_text(SRT)
    asked = ReadingOptions(rate=Fraction(25), duration_s=60.0)
    (timeline,) = read_with_films(folder / "match.srt", asked, None).timelines
    assert clock(timeline)[1:] == (60.0, 25)
    (of_file,) = read_with_films(folder / "match.srt", ReadingOptions(), None).timelines
    assert of_file.segments == timeline.segments


def test_frames_that_need_a_rate_get_the_film_s(folder):
    (folder / "t.csv").write_text("video,start_frame,end_frame,label\nmatch.mp4,5,10,x\n")
    (timeline,) = read_with_films(folder / "t.csv", ReadingOptions(), folder / "match.mp4").timelines
    assert [(s.start_s, s.end_s) for s in timeline.segments] == [(1.0, 2.0)]


@pytest.mark.parametrize(("fps", "lasts"), [(1, 3250), (25, None), (24, None), (100, 32.5)])
def test_labels_that_do_not_last_as_long_as_the_film_are_doubted(folder, fps, lasts):
    (folder / "truth" / "groundTruth").mkdir(parents=True)
    (folder / "truth" / "mapping.txt").write_text("0 x\n")
    (folder / "truth" / "groundTruth" / "match.txt").write_text("x\n" * 3250)  # at 25 a second
    asked = ReadingOptions(annotation_fps=Fraction(fps))
    warnings = read_with_films(folder / "truth", asked, folder / "match.mp4").warnings
    doubt = (
        f"it lasts {lasts} s and the film 130 s, so that its times may be wrong: if it counts frames, name their rate "
        "with --annotation-fps"
    )
    assert [text for text in warnings if "may be wrong" in text] == ([doubt] if lasts else [])


def test_of_many_films_those_that_lie_beside_are_completed(folder):
    name = unicodedata.normalize("NFD", "tür.mp4")
    (folder / name).symlink_to((folder / "match.mp4").readlink())
    (folder / "no film.mp4").write_text("x")
    (folder / "t.csv").write_text("video,start_s,end_s,label\nmatch,1,2,x\ntür.mp4,1,2,x\ngone,1,2,x\nno film,1,2,x\n")
    read = read_with_films(folder / "t.csv", ReadingOptions(), None)
    assert {t.video_path: t.duration_s for t in read.timelines} == {
        "match": 130,
        "tür.mp4": 130,
        "gone": 2,
        "no film": 2,
    }
    assert any("2 of 4 films are those of the films beside it" in warning for warning in read.warnings)
    assert any(warning.startswith("no film.mp4") for warning in read.warnings)
    with pytest.raises(InputError, match="is about 4 films, and --film names one"):
        read_with_films(folder / "t.csv", ReadingOptions(), folder / "match.mp4")


def test_a_film_that_cannot_be_read_is_told(folder):
    (folder / "bad.mp4").write_text("no film")
    (folder / "bad.srt").write_text(SRT)
    read = read_with_films(folder / "bad.srt", ReadingOptions(), None)
    assert "its rate and length are not known" in read.warnings[-1]
    with pytest.raises(VideoError):
        read_with_films(folder / "bad.srt", ReadingOptions(), folder / "bad.mp4")


def test_subsets_and_sources_stay_in_tables_and_json(tmp_path):
    table = "video,start_s,end_s,label,subset,source\na,1,2,x,train,lab\nb,,,,val,\nc,1,2,y,,\n"
    (tmp_path / "t.csv").write_text(table)
    convert(tmp_path / "t.csv", tmp_path / "a.tsv")
    convert(tmp_path / "a.tsv", tmp_path / "films", format="json", folder=True)
    parts = {f.name[0]: load_timeline(f).provenance for f in (tmp_path / "films").iterdir()}
    assert {name: (of.get("subset"), of.get("source")) for name, of in parts.items()} == {
        "a": ("training", "lab"),
        "b": ("validation", None),
        "c": (None, None),
    }
    made = convert(tmp_path / "t.csv", tmp_path / "a.parquet")
    assert made.warnings == ("Parquet does not hold subsets and sources: left out",)


@pytest.mark.parametrize("notes", [5, None, "x", [3, None], {"a": 1}])
def test_a_stranger_s_notes_do_no_harm(tmp_path, notes):
    path = tmp_path / "a.timeline.json"
    path.write_bytes(timeline_json.dumps(replace(WHOLE, provenance={"notes": notes, "subset": 3, "source": [1]})))
    convert(path, tmp_path / "o.csv")
    assert "subset" not in (tmp_path / "o.csv").read_text()


WHOLE = Timeline(
    video_identity="c0ffee",
    video_path="match.mp4",
    duration_s=3600.0,
    span_s=(0.0, 3600.0),
    nominal_rate=Fraction(24),
    clip_labels=(("sport", 0.5),),
    segments=(Segment(start_s=100, end_s=145, label="run", score=0.75, attributes={"who": "A"}),),
    provenance={"subset": "training", "source": "lab"},
)


@pytest.mark.parametrize("name", FORMATS)
def test_what_a_format_is_said_to_keep_comes_back(tmp_path, name):
    path = tmp_path / f"match.timeline{FORMATS[name].suffix}"
    path.write_bytes(FORMATS[name].write([WHOLE], Options()).content)
    (back,) = read_any(path, ReadingOptions(annotation_fps=Fraction(24))).timelines
    (segment,) = (s for s in back.segments if s.label == "run")
    held = (
        segment.score == 0.75,
        segment.attributes.get("who") == "A",
        bool(back.clip_labels),
        back.provenance.get("subset") == "training",
        back.provenance.get("source") == "lab",
        back.duration_s == 3600,
        back.nominal_rate == 24
        or name in ("edl", "resolve", "avid", "avidmarkers", "premiere"),  # which count at it and do not say so
    )
    assert {kept for kept, there in zip(KEPT, held, strict=True) if there} == FORMATS[name].keeps


@pytest.mark.parametrize("name", [name for name, format in FORMATS.items() if format.attributes])
def test_attributes_that_a_format_is_said_to_keep_come_back(tmp_path, name):
    more = {"colour": "GREEN", "team": "home"}
    attributes = {key: more.get(key, "x") for key in FORMATS[name].attributes}
    segment = Segment(start_s=100, end_s=145, label="run", attributes=attributes | {"who": "A"})
    path = tmp_path / f"match.timeline{FORMATS[name].suffix}"
    path.write_bytes(FORMATS[name].write([replace(WHOLE, segments=(segment,))], Options()).content)
    (back,) = read_any(path).timelines
    assert [s.attributes for s in back.segments if s.label == "run"] == [attributes]
    made = convert(path, tmp_path / "o.llc")
    assert not [warning for warning in made.warnings if "attributes" in warning]
    (tmp_path / "a.timeline.json").write_bytes(timeline_json.dumps(replace(WHOLE, segments=(segment,))))
    made = convert(tmp_path / "a.timeline.json", tmp_path / "o", format=name)
    assert any("does not hold" in warning and "other attributes" in warning for warning in made.warnings)


def test_the_command_line_tells_what_is_left_out_in_one_line(tmp_path):
    (tmp_path / "t.csv").write_text("video,start_s,end_s,label,score,source,subject\na,1,2,x,.5,lab,hen\n")
    result = CliRunner().invoke(vtn_stream, ["convert", str(tmp_path / "t.csv"), str(tmp_path / "t.vtt")])
    assert result.exit_code == 0
    (line,) = (line for line in result.stderr.splitlines() if "left out" in line)
    lost = "WebVTT does not hold scores, attributes and sources: left out"
    assert line.endswith(f"{lost}; --label-with subject keeps subjects, in the labels")
