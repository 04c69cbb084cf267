"""Premiere's marker table, as Premiere exports it and as it comes back."""

from fractions import Fraction

import pytest
from editor_timelines import segment, timeline, written
from edl_timelines import COUNTED, NTSC
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.errors import TimelineError
from vtn_stream.exchange.intake import read_any
from vtn_stream.formats import premiere
from vtn_stream.formats.annotations import read_annotations
from vtn_stream.formats.reading import ReadingOptions
from vtn_stream.formats.timecode import Clock

HEADER = "Marker Name\tDescription\tIn\tOut\tDuration\tMarker Type"
TABLE = f"""\
{HEADER}\t
goal\tby 10\t00:00:01:00\t00:00:02:12\t00:00:01:12\tComment\t
\twhistle\t00:00:05:00\t00:00:05:00\t00:00:00:00\tComment\t
\t\t00:00:06:00\t00:00:06:00\t00:00:00:00\tFlash Cue Point\t
"""
SEGMENTS = (
    segment(1, 2.48, "goal", comment="by 10"),
    segment(5, 5, "whistle"),
    segment(6, 6, "Flash Cue Point", type="Flash Cue Point"),
)
lines = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=20).map(str.strip)
named = lines.filter(bool)


def read(content, rate=Fraction(25), start=None, **options):
    content = content.encode("utf-16") if isinstance(content, str) else content
    return premiere.read(content, "a.csv", ReadingOptions(rate=rate, start_timecode=start, **options))


def segments(content, **options):
    (timeline,) = read(content, **options).timelines
    return timeline.segments


@given(
    st.sampled_from(COUNTED),
    st.lists(st.tuples(st.integers(0, 80_000), st.integers(0, 10_000), named, lines, named), max_size=5),
)
def test_markers_come_back_frame_by_frame(counted, marked):
    rate, start = counted
    clock = Clock(rate=rate)
    before = []
    for first, lasts, label, comment, kind in marked:
        more = {"comment": comment, "type": kind if kind != "Comment" else ""}
        more = {key: value for key, value in more.items() if value}
        before.append(segment(clock.seconds(first), clock.seconds(first + lasts), label, **more))
    content, warnings = written(premiere, *before, rate=rate, start=start)
    assert not [warning for warning in warnings if "24:00:00:00" not in warning]
    assert segments(content, rate=rate, start=start) == timeline(*before).segments


def test_a_table_is_as_premiere_exports_it():
    content, warnings = written(premiere, *SEGMENTS)
    assert warnings == ()
    assert content.startswith(b"\xff\xfe")
    assert content.decode("utf-16") == (
        f"{HEADER}\n"
        "goal\tby 10\t00:00:01:00\t00:00:02:12\t00:00:01:12\tComment\n"
        "whistle\t\t00:00:05:00\t00:00:05:00\t00:00:00:00\tComment\n"
        "Flash Cue Point\t\t00:00:06:00\t00:00:06:00\t00:00:00:00\tFlash Cue Point\n"
    )


@pytest.mark.parametrize(
    "content",
    [
        TABLE.encode("utf-16"),
        TABLE.encode("utf-8-sig"),
        TABLE.encode("utf-16-be"),
        TABLE.replace("\n", "\r\n").encode(),
        TABLE.replace("\t\n", "\n").replace("\t", ",").encode(),
        TABLE.replace("\t\n", "\n").replace("\t", ";").encode(),
        TABLE.replace("goal", '"goal"').replace("by 10", '"by 10"').encode(),
        TABLE.replace(
            HEADER, "Markername\tBeschreibung\tIn\tOut\tDauer\tMarkertyp"
        ).encode(),
        TABLE.replace(HEADER, "Nom du marqueur\tDescription\tEntrée\tSortie\tDurée\tType de marqueur").encode("utf-16"),
    ],
)  # fmt: skip
def test_tables_of_all_languages_and_encodings_are_read(tmp_path, content):
    assert segments(content) == SEGMENTS
    (tmp_path / "a.csv").write_bytes(content)
    (found,) = read_any(tmp_path / "a.csv", ReadingOptions(rate=Fraction(25))).timelines
    assert found.segments == SEGMENTS
    assert found.provenance["converted_from"] == "Premiere marker table"


def test_semicolons_are_drop_frame_and_need_no_rate():
    content = f"{HEADER}\nTest\tx\t00;11;23;01\t00;11;24;25\t00;00;01;24\tChapter\n"
    result = read(content, rate=None)
    (found,) = result.timelines[0].segments
    clock = Clock(rate=NTSC, drop=True)
    assert (found.start_s, found.end_s) == (
        clock.seconds(clock.count("00:11:23:01")),
        pytest.approx(found.start_s + 1.8018),
    )
    assert (result.timelines[0].nominal_rate, result.warnings) == (NTSC, ())


def test_a_rate_that_nobody_says_is_told_and_so_is_a_late_start():
    content = f"{HEADER}\na\t\t01:00:01:00\t01:00:02:00\t00:00:01:00\tComment\n"
    assert ["no frame rate" in read(content, rate=None).warnings[0], *read(content, start="01:00:00:00").warnings] == [
        True
    ]
    (late,) = read(content).warnings
    assert "the first marker is at 01:00:01:00 and no start timecode is given" in late
    assert [(s.start_s, s.end_s) for s in segments(content, start="01:00:00:00")] == [(1, 2)]


def test_plain_numbers_are_frames_and_a_duration_that_does_not_fit_is_told():
    content = f"{HEADER}\na\t\t25\t50\t25\tComment\nb\t\t75\t100\t5\tComment\n"
    result = read(content)
    assert [(s.start_s, s.end_s) for s in result.timelines[0].segments] == [(1, 2), (3, 4)]
    assert result.warnings == ("1 marker whose Duration is not from In to Out, which count (line 3)",)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("a\t\t00:00:01:25\t00:00:02:00\t00:00:00:00\tComment", "line 2: '00:00:01:25': it does not exist at 25"),
        ("a\t\t12+08\t13+00\t0\tComment", "line 2: '12+08': it is not HH:MM:SS:FF"),
        ("a\t\t00:00:02:00\t00:00:01:00\t00:00:00:00\tComment", "line 2: its Out 00:00:01:00 is before its In"),
        ("a\t\t00:00:02:00", "line 2: it has 3 cells, the header 6"),
    ],
)
def test_a_damaged_row_is_refused_with_its_line(row, reason):
    with pytest.raises(TimelineError) as caught:
        read(f"{HEADER}\n{row}\n")
    assert reason in str(caught.value)


def test_what_a_row_cannot_hold_is_told():
    content, (warning,) = written(premiere, segment(label="two\nlines\tof"), segment(label="=1+1"))
    assert warning == "1 marker with tabs, line breaks or spaces at the ends: written as one line"
    assert {s.label for s in segments(content)} == {"two lines of", "=1+1"}
    assert "\t'=1" not in content.decode("utf-16").split("\n")[0]
    assert "\n'=1+1\t" in content.decode("utf-16")


@pytest.mark.parametrize(
    ("head", "is_its"),
    [
        (TABLE, True),
        (HEADER, True),
        (HEADER.replace("\t", ","), True),
        ("name\tnote\tfrom\tto\tlasts\tkind\na\tb\t1\t2\t3\tc\n", False),
        ("Name\tx\tIn\tOut\tDuration\n", False),
        ("a\tb\tc\td\te\tf\n", False),
        ("video,start_s,end_s,duration_s,start,end,label,score\n", False),
        ("", False),
    ],
)
def test_other_tables_are_not_claimed(head, is_its):
    assert premiere.claims(head, ".csv") == is_its


def test_annotations_are_read_alike_but_for_those_without_a_name(tmp_path):
    (tmp_path / "a.csv").write_text(TABLE.replace("\twhistle", "whistle\t").split("\t\t00:00:06")[0])
    found = read_annotations(tmp_path / "a.csv", fps=25).videos["a"].segments
    assert [(s.start_s, s.end_s, s.label) for s in found] == [(1, 2.48, "goal"), (5, 5, "whistle")]
