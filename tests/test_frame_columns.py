"""Tables with a column of 0 and 1 for each label: DeepEthogram, SimBA, BORIS's binary table, and ours."""

import contextlib
import io
from fractions import Fraction

import pandas
import pytest
from annotation_reading import drawn, problems, read  # noqa: F401  (fixtures among them)
from hypothesis import given, settings
from hypothesis import strategies as st
from research_timelines import annotations_in, plain, segment, timeline  # noqa: F401  (a fixture among them)

from vtn_stream.errors import AnnotationError, NoRate, TimelineError
from vtn_stream.formats import FORMATS, Options
from vtn_stream.formats.annotations import frame_columns, read_annotations, timelines_of
from vtn_stream.formats.annotations.frames import NO_RATE
from vtn_stream.formats.reading import ReadingOptions
from vtn_stream.formats.workbook import workbook
from vtn_stream.known import known_of

WRITE = FORMATS["frames"].write


def table(header, *rows, join=","):
    return "".join(f"{line}\n" for line in (header, *rows)).replace(",", join)


DEEPETHOGRAM = table(",background,walk,eat", "0,1,0,0", "1,0,1,0", "2,0,1,1", "3,0,0,1")


def test_each_row_of_deepethogram_is_a_frame_and_background_is_no_label(read):
    annotations = read(DEEPETHOGRAM, "mouse01_labels.csv", fps=2)
    assert (annotations.format, annotations.labels, annotations.uses_fps) == ("frame columns", ("walk", "eat"), True)
    assert drawn(annotations) == {"mouse01": "walk 0.5-1.5, eat 1-2"}
    (video,) = annotations.videos.values()
    assert (video.duration_s, video.num_labels, video.known) == (2, 4, None)
    assert annotations.warnings == ()


@pytest.mark.parametrize(
    ("name", "film"),
    [("a.csv", "a"), ("a_predictions.csv", "a"), ("video01-tool.txt", "video01"), ("_labels.csv", "_labels")],
)
def test_what_the_film_is_called(name, film):
    assert frame_columns.film_id(name) == film


def test_without_a_rate_the_cure_is_the_option_and_the_film_is_known(read):
    with pytest.raises(NoRate) as caught:
        read(DEEPETHOGRAM, "mouse01_labels.csv")
    assert (caught.value.cure, caught.value.film) == (NO_RATE, "mouse01")


# ---- what nobody looked at


def test_minus_one_is_unknown_and_neither_happens_nor_not(read):
    annotations = read(table(",walk,eat", "0,0,1", "1,-1,-1", "2,1,", "3,1,0"), "m.csv", fps=1)
    assert drawn(annotations) == {"m": "eat 0-1, walk 2-4"}
    (video,) = annotations.videos.values()
    assert video.known.spans("walk") == ((0, 1), (2, 4))
    assert video.known.spans("eat") == ((0, 1), (3, 4))
    assert video.known.spans("other") == ((0, 1), (3, 4))
    # a timeline of it says as much
    (made,) = timelines_of(annotations, "m.csv", ReadingOptions()).timelines
    for label in ("walk", "eat", "other"):
        assert known_of(made).spans(label) == video.known.spans(label)


def test_frames_that_no_row_stands_for_are_unknown(read):
    annotations = read(table("frame,walk", "2,1", "3,1", "7,1", "8,0"), "m.csv", fps=1)
    assert drawn(annotations) == {"m": "walk 2-4, walk 7-8"}
    assert annotations.videos["m"].known.spans("walk") == ((2, 4), (7, 9))


def test_rows_that_end_with_the_film_or_a_little_before_say_all_of_it(read):
    text = table("walk,eat", *["0,1", "1,0"] * 50)
    for length_s, known in ((10.0, None), (10.4, None), (12.0, ((0, 10),))):
        (video,) = read(text, "m.csv", fps=10, videos={"m": length_s}).videos.values()
        assert (video.known and video.known.spans("walk")) == known


# ---- layouts


def test_a_table_of_boris_has_times_and_needs_no_rate(read):
    annotations = read(table("time,walk,eat (seed)", "0.0,1,0", "1.0,1,1", "2.0,0,1", "3.0,0,0", join="\t"), "hen.tsv")
    assert drawn(annotations) == {"hen": "walk 0-2, eat (seed) 1-3"}
    assert (annotations.uses_fps, annotations.videos["hen"].known) == (False, None)


def test_point_events_of_boris_are_counted_and_numbers_of_another_kind_are_not_read(read):
    rows = [f"{n}.0,{n % 2},{(0, 2, 0, 11)[n % 4]},{300 + n}" for n in range(5)]
    annotations = read(table("time,walk,peck,x", *rows), "hen.csv")
    assert drawn(annotations) == {"hen": "peck 1-2, walk 1-2, peck 3-4, walk 3-4"}
    assert [text for _, text in annotations.warnings] == [
        "a column that does not hold 0 and 1 is not read: x (300 on line 2)",
        "numbers above 1 are taken as 1: how often peck happened until the next row",
    ]


def test_the_frames_beside_times_are_no_label(read):
    text = table("time,frame index,walk", "0.0,0,1", "0.5,12,1", "1.0,25,0")
    assert drawn(read(text, "hen.csv")) == {"hen": "walk 0-1"}


def test_times_of_other_units_and_forms(read):
    assert drawn(read(table("time_ms,walk", "0,1", "40,1", "80,0"), "a.csv")) == {"a": "walk 0-0.08"}
    assert drawn(read(table("time,walk", "0:00:01.5,1", "0:00:02,0", "0:00:02.5,0"), "b.csv")) == {"b": "walk 1.5-2"}
    assert drawn(read("time;walk\n0,0;1\n0,5;1\n1,0;0\n", "c.csv")) == {"c": "walk 0-1"}


def test_whole_times_without_a_unit_are_refused(read):
    with pytest.raises(AnnotationError, match="time may be seconds, milliseconds or frames") as caught:
        read(table("time,walk", "0,1", "1,0"), "a.csv")
    assert caught.value.cure == "call it time_s, time_ms or frame, in the header"


def test_what_simba_measures_beside_the_labels_is_named_and_not_read(read):
    text = table("Unnamed: 0,nose_x,near,attack,Probability_attack,sniff", "0,1,0.0,0.0,0.25,0", "1,12.5,0,1,0.75,0")
    annotations = read(text, "v1.csv", fps=1)
    assert (drawn(annotations), annotations.labels) == ({"v1": "attack 1-2"}, ("attack",))
    assert [text for _, text in annotations.warnings] == [
        "2 columns that do not hold 0 and 1 are not read: nose_x (12.5 on line 3) and Probability_attack (0.25 on line"
        " 2)",
        "columns without a 1 are not read, beside others of other numbers: near and sniff",
    ]


def test_a_label_that_never_happens_is_one_where_nothing_else_is_in_the_table(read):
    annotations = read(table(",walk,eat", "0,0,0", "1,0,0"), "m.csv", fps=1)
    assert (annotations.labels, drawn(annotations)) == (("walk", "eat"), {"m": ""})


def test_every_25th_frame_stands_for_those_up_to_the_next_and_the_last_for_itself(read):
    text = table("Frame,Grasper,Hook", "0,1,0", "25,1,1", "50,0,1", join="\t")
    annotations = read(text, "video01-tool.txt", fps=25)
    assert drawn(annotations) == {"video01": "Grasper 0-2, Hook 1-2.04"}


def test_frames_from_1_are_told(read):
    annotations = read(table('"",walk', '"1",0', '"2",1'), "m.csv", fps=1)
    assert drawn(annotations) == {"m": "walk 1-2"}
    assert annotations.warnings == ((1, "its first frame is 1: frames are taken to count from there"),)


def test_columns_alone_are_frames_one_after_the_other(read):
    assert drawn(read(table("walk,eat", "True,False", "True,True"), "m.csv", fps=1)) == {"m": "walk 0-2, eat 1-2"}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_other_encodings_and_line_ends(read, encoding):
    content = "sep=;\r\n;Tür\r\n0;1\r\n1;1\r\n".encode(encoding)
    assert drawn(read(content, "m.csv", fps=1)) == {"m": "Tür 0-2"}


def test_a_folder_of_tables_and_the_folders_of_deepethogram(read):
    deep = {"mouse02/mouse02_labels.csv": DEEPETHOGRAM, "mouse02/mouse02.mp4": "no folder of the class mouse02"}
    annotations = read({"mouse01.csv": DEEPETHOGRAM.replace("0,1\n", "0,-1\n")} | deep, fps=2)
    assert drawn(annotations) == {"mouse01": "walk 0.5-1.5, eat 1-1.5", "mouse02": "walk 0.5-1.5, eat 1-2"}
    assert annotations.videos["mouse01"].known.spans("eat") == ((0, 1.5),)
    assert (annotations.labels, annotations.uses_fps) == (("walk", "eat"), True)


def test_a_workbook_of_boris_is_read_as_the_table(read):
    rows = [["time", "walk", "eat"], [0.0, 1, 0], [0.5, 1, 1], [1.0, 0, 0]]
    assert drawn(read(workbook({"hen": rows}), "hen.xlsx")) == {"hen": "walk 0-1, eat 0.5-1"}


# ---- what is wrong


def test_one_label_in_two_columns_happens_where_either_says_so(read):
    annotations = read(table("time,walk,walk", "0.0,1,0", "1.0,0,-1", "2.0,-1,1", "3.0,0,0"), "m.csv")
    assert drawn(annotations) == {"m": "walk 0-1, walk 2-3"}
    assert annotations.videos["m"].known.spans("walk") == ((0, 1), (2, 3))
    assert annotations.warnings == ((1, "there are several columns called walk: 1 in one of them counts"),)


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (["0,1", "1,1,1", "2,0"], (3, "it has 3 cells, the header 2")),
        (["0,1", "x,1", "2,0"], (3, "m: its frame is x")),
        (["0,1", "0.5,1", "2,0"], (3, "m: its frame is 0.5")),
        (["3,1", "2,0", "4,0"], (3, "m: its frame 2 follows 3")),
        ([*(f"{n},1" for n in range(30)), "30,O"], (32, "m: walk is O, not 0, 1 or -1")),
    ],
)
def test_a_row_that_is_wrong_is_told_with_its_line(problems, rows, told):
    assert problems(table(",walk", *rows), "m.csv", fps=1) == [told]


def test_without_the_wrong_rows_the_others_stay_where_they_are(read):
    text = table("walk,eat", "1,0", "1,0,0", "1,0", "0,1")
    annotations = read(text, "m.csv", fps=1, skip_bad=True)
    assert drawn(annotations) == {"m": "walk 0-1, walk 2-3, eat 3-4"}
    assert annotations.videos["m"].known.spans("walk") == ((0, 1), (2, 4))


def test_a_table_without_rows_or_of_one_time_is_told(problems):
    assert problems(table("time,walk", "0.0,1"), "m.csv") == [(1, "m: there is one row alone, which says no time")]
    assert problems(table(",background,walk"), "n_labels.csv", fps=1) == [(1, "n: there are no rows")]


@pytest.mark.parametrize(
    "text",
    [
        "video,start_s,end_s,label\n1,0,1,1\n1,1,2,1\n",
        "time,label\n0.5,1\n1.5,0\n",
        "walk,eat\n1.5,2.5\n",
        "id,score\n7,1\n8,0\n",
        "0,1\n1,0\n",
        "walk\n0\n1\n",
        ",walk\na,1\n",
        '[{"a": 1,\n"b": 0}]',
        "x,y\n",
        "",
    ],
)
def test_other_tables_are_not_claimed(text):
    assert not frame_columns.claims(text)


# ---- written


@st.composite
def of_frames(draw):
    """A timeline of at most 40 frames at a rate, and the rate; of a label no two touch."""
    rate, num = draw(st.sampled_from([Fraction(25), Fraction(30000, 1001), Fraction(1)])), draw(st.integers(1, 40))
    found = []
    for label in draw(st.lists(plain.filter(lambda label: label.lower() != "background"), unique=True, max_size=3)):
        borders = sorted(draw(st.sets(st.integers(0, num), max_size=6)))
        for start, stop in zip(borders[::2], borders[1::2], strict=False):
            found.append(segment(float(start / rate), float(stop / rate), label))
    return timeline(*found, duration_s=float(num / rate), nominal_rate=rate), rate


@settings(deadline=None, max_examples=30)
@given(of_frames())
def test_frame_columns_give_back_what_pandas_reads_as_well(annotations_in, given_film):
    before, rate = given_film
    written = WRITE([before], Options())
    assert written.warnings == ()
    if before.segments:
        (after,) = timelines_of(annotations_in(written.content, fps=rate), "a.csv", ReadingOptions()).timelines
        assert (after.segments, after.duration_s, after.reviewed) == (before.segments, before.duration_s, ())
    frame = pandas.read_csv(io.BytesIO(written.content), index_col=0, keep_default_na=False)
    assert list(frame.index) == list(range(round(Fraction(before.duration_s) * rate)))
    assert len(frame.columns) == 1 + len(before.labels)
    assert ((frame.drop(columns="background").sum(axis=1) == 0) == (frame["background"] == 1)).all()
    seconds = float(frame.drop(columns="background").to_numpy().sum() / rate)
    assert seconds == pytest.approx(sum(s.duration_s for s in before.segments))


def test_what_frame_columns_cannot_hold_is_told():
    film = timeline(
        *(segment(1, 3, "a"), segment(2, 4, "a", attributes={"subject": "x"}), segment(4, 5, "a")),
        *(segment(6, 6, "b"), segment(7, 8, ""), segment(8, 9, "x\ny"), segment(9, 10, "Background")),
        duration_s=10.0,
        nominal_rate=Fraction(1),
    )
    written = WRITE([film], Options())
    assert written.warnings == (
        "1 segment shorter than a frame, of which there are no parts: written as one frame",
        "2 segments joined to another of the label, with which time is shared, or a border",
        "1 segment called background left out: that column says where no label is",
        "1 label empty: written as (no label)",
        "1 label with controls or broken characters: these are written as U+FFFD",
    )
    rows = written.content.decode().splitlines()
    assert rows[0] == ",background,(no label),a,b,x\ufffdy"
    assert [row.split(",")[3] for row in rows[1:]] == list("0111100000")
    assert [row.split(",")[1] for row in rows[1:]] == list("1000010001")


def test_a_name_that_a_spreadsheet_would_run_is_text_there_and_itself_here(annotations_in):
    film = timeline(segment(0, 1, "=1+1"), segment(0, 1, "'-a"), segment(1, 2, "'b"), duration_s=2.0)
    content = WRITE([film], Options()).content
    assert content.startswith(b",background,''-a,'b,'=1+1\n")
    assert annotations_in(content, fps=25).labels == ("'-a", "'b", "=1+1")


def test_too_many_frames_are_refused_before_they_are_made():
    with pytest.raises(TimelineError, match="more than 5000000 frames"):
        WRITE([timeline(duration_s=1e300)], Options())


@given(
    st.integers(0, 60),
    st.integers(0, 12),
    st.sampled_from(["", "\n", ",", ",,", "-1", "2", "0.5", "x", '"', "\0", "é", "9" * 30, "1e999", "nan", "\r"]),
    st.booleans(),
)
def test_an_edited_table_is_read_or_refused(tmp_path_factory, at, num, put, skip_bad):
    path = tmp_path_factory.getbasetemp() / "edited.csv"
    path.write_text(DEEPETHOGRAM[:at] + put + DEEPETHOGRAM[at + num :])
    with contextlib.suppress(AnnotationError):
        read_annotations(path, fps=5, skip_bad=skip_bad)
