"""PySceneDetect's scene list: frames that count from 1, timecodes and seconds that agree."""

import csv
import io
from fractions import Fraction

import pytest
from editor_timelines import NTSC, back, read, segment, timeline, written
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.errors import TimelineError
from vtn_stream.formats import scenes
from vtn_stream.formats.annotations import read_annotations
from vtn_stream.formats.reading import ReadingOptions

HEADER = (
    "Scene Number,Start Frame,Start Timecode,Start Time (seconds),End Frame,End Timecode,End Time (seconds),"
    "Length (frames),Length (timecode),Length (seconds)"
)
LIST = f"""\
Timecode List:,00:00:02.400
{HEADER}
1,1,00:00:00.000,0.000,72,00:00:02.400,2.400,72,00:00:02.400,2.400
2,73,00:00:02.400,2.400,129,00:00:04.300,4.300,57,00:00:01.900,1.900
"""
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20)


def rows(*segments, **fields):
    content, warnings = written(scenes, *segments, **fields)
    return list(csv.DictReader(io.StringIO(content.decode(), newline=""), strict=True)), warnings


@given(
    st.sampled_from([Fraction(25), Fraction(50), Fraction(10), Fraction(1)]),  # whose frames are whole milliseconds
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 10**4), texts), max_size=5),
)
def test_scenes_come_back_frame_by_frame(rate, scenes_):
    before = [segment(float(a / rate), float((a + n) / rate), label) for a, n, label in scenes_]
    content, warnings = written(scenes, *before, rate=rate)
    assert warnings == ()
    assert [(round(s.start_s * 1000), round(s.end_s * 1000), s.label) for s in back(scenes, content)] == [
        (round(s.start_s * 1000), round(s.end_s * 1000), s.label) for s in timeline(*before).segments
    ]


@given(st.sampled_from([NTSC, Fraction(24000, 1001), Fraction(25), Fraction(60)]), st.floats(0, 1e5), st.floats(0, 1e3))
def test_frames_timecodes_and_seconds_of_a_row_agree(rate, start_s, lasts_s):
    ((row,), _) = rows(segment(start_s, start_s + lasts_s), rate=rate)
    first, end = int(row["Start Frame"]) - 1, int(row["End Frame"])
    assert abs(first / rate - start_s) <= 0.5000001 / rate
    assert end - first == int(row["Length (frames)"]) >= 1
    for frame, name in [(first, "Start Time"), (end, "End Time"), (end - first, "Length")]:
        assert row[f"{name} (seconds)"] == f"{float(frame / rate):.3f}"
        clock = row[
            f"{name.removesuffix(' Time')} (timecode)" if name == "Length" else name.replace("Time", "Timecode")
        ]
        hours, minutes, rest = clock.split(":")
        assert float(hours) * 3600 + float(minutes) * 60 + float(rest) == pytest.approx(float(frame / rate), abs=6e-4)


def test_a_list_is_as_pyscenedetect_writes_it():
    content, warnings = written(scenes, segment(0, 2.4, "scene 1"), segment(2.4, 4.28, "scene 2"), rate=Fraction(25))
    assert content.decode() == (
        f"{HEADER}\n"
        "1,1,00:00:00.000,0.000,60,00:00:02.400,2.400,60,00:00:02.400,2.400\n"
        "2,61,00:00:02.400,2.400,107,00:00:04.280,4.280,47,00:00:01.880,1.880\n"
    )
    assert warnings == ()


def test_other_labels_stand_in_a_column_behind_all_others():
    found, _ = rows(segment(0, 1, "intro"), segment(1, 2, "=1+1"))
    assert [row["Label"] for row in found] == ["intro", "'=1+1"]
    content, _ = written(scenes, segment(0, 1, "intro"), segment(1, 2, "=1+1"))
    assert [s.label for s in back(scenes, content)] == ["intro", "=1+1"]


def test_what_is_shorter_than_a_frame_gets_one_and_a_film_without_a_rate_is_told():
    ((row,), warnings) = rows(segment(1, 1), rate=None)
    assert (row["Start Frame"], row["End Frame"]) == ("26", "26")
    assert ["no frame rate" in warnings[0], "shorter than a frame" in warnings[1]] == [True, True]


@pytest.mark.parametrize(
    "content",
    [
        LIST,
        LIST.split("\n", 1)[1],
        LIST.replace(",", ";"),
        "\n".join(line.replace(",", ";").replace(".", ",") for line in LIST.split("\n")),
        LIST.replace(",", "\t").replace("\n", "\r\n"),
        LIST.replace("Timecode List:", "").replace("00:00:02.400\nS", "\nS"),
        LIST.replace("Timecode List:", "Timecode List:" + ",00:00:01.000" * 20_000),
        "\ufeff" + LIST,
    ],
)
def test_lists_of_all_versions_are_read(content):
    assert scenes.claims(content.removeprefix("\ufeff").replace("\r\n", "\n"), ".csv")
    assert [(s.start_s, s.end_s, s.label) for s in back(scenes, content)] == [
        (0, 2.4, "scene 1"),
        (2.4, 4.3, "scene 2"),
    ]


def test_the_film_is_called_as_pyscenedetect_calls_its_lists():
    for name in ("match-Scenes.csv", "match.csv"):
        assert scenes.read(LIST.encode(), name, ReadingOptions()).timelines[0].video_path == "match"


@pytest.mark.parametrize("num_cuts", [1, 20_000])
def test_annotations_are_read_alike(tmp_path, num_cuts):
    (tmp_path / "a.csv").write_text(LIST.replace(",00:00:02.400\n", ",00:00:02.400" * num_cuts + "\n", 1))
    found = read_annotations(tmp_path / "a.csv").videos["a"].segments
    assert [(s.start_s, s.end_s, s.label) for s in found] == [(0, 2.4, "scene 1"), (2.4, 4.3, "scene 2")]


def test_other_columns_are_named():
    content = LIST.replace("Length (seconds)", "Length (seconds),Mood").replace("2.400\n2", "2.400,x\n2")
    content = content.replace("1.900\n", "1.900,y\n")
    assert read(scenes, content).warnings == ("columns that are not read: Mood",)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (LIST.replace("4.300,57", "4,300,57"), "line 4: it has 11 cells, the header 10"),
        (LIST.replace(",4.300,", ",x,"), "line 4: 2.400 and x are not both seconds"),
        (LIST.replace(",4.300,", ",1.300,"), "line 4: a span needs finite start_s <= end_s"),
        (LIST.replace("End Frame", "Start Time (seconds)"), "names Start Time (seconds) twice"),
        (LIST.replace("Scene Number", "Scene"), "it has no line with the columns Scene Number"),
        ("", "it has no line with the columns"),
    ],
)
def test_a_damaged_list_is_refused_with_its_line(content, reason):
    with pytest.raises(TimelineError) as caught:
        read(scenes, content)
    assert reason in str(caught.value)
