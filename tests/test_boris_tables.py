"""BORIS's tables of events, single and aggregated, of its versions before and since 8."""

import pytest
from annotation_reading import drawn, problems, read  # noqa: F401  (fixtures among them)

from vtn_stream.errors import AnnotationError
from vtn_stream.formats.reading import CodingOptions

BORIS = "Observation id,Subject,Behavior,Behavior type,Time,Media file name\n"
OLD = """\
Observation id,{id},,,,,,,,
,,,,,,,,,
Media file(s),,,,,,,,,
,,,,,,,,,
Player #1,{films[0]},,,,,,,,
Observation date,2016-11-27 01:57:26,,,,,,,,
Description,"two, lines",,,,,,,,
Time offset (s),{offset},,,,,,,,
independent variables,,,,,,,,,
variable,value,,,,,,,,
Time,Media file path,Total length,FPS,Subject,Behavior,Behavioral category,Modifier 1,Comment,Status
3.300,{films[0]},359.960,25.0,hen,peck,,hard,goes,START
5.000,{films[0]},359.960,25.0,No focal subject,call,,,,POINT
7.750,{films[1]},359.960,25.0,hen,peck,,hard,,STOP
"""
SINCE_8 = (
    "Observation id,Observation date,Description,Observation duration,Observation type,Source,Time offset (s),"
    "Media duration (s),FPS,age,Subject,Behavior,Behavioral category,Modifier #1,Modifier #2,Behavior type,Time,"
    "Media file name,Image index,Image file path,Comment\n"
)
AGGREGATED = (
    "Observation id,Observation date,Description,Observation type,Source,Time offset (s),Coding duration,"
    "Media duration (s),FPS (frame/s),Subject,Observation duration by subject by observation,Behavior,"
    "Behavioral category,Modifier #1,Behavior type,Start (s),Stop (s),Duration (s),Media file name,Image index start,"
    "Image index stop,Image file path start,Image file path stop,Comment start,Comment stop\n"
)


def told(annotations):
    return [text for _, text in annotations.warnings]


def old(name="one", films=("/x/hen.mp4", "/x/hen.mp4"), offset=0.0):
    return OLD.format(id=name, films=films, offset=offset)


def row(time, kind, film, *, code="peck", source="player #1:/x/a.mp4;/x/b.mp4", lengths="10.000;20.000", offset=0.0):
    rates = ";".join(["25.000"] * len(lengths.split(";")))
    cells = (
        "one",
        "2026-01-01",
        "",
        30,
        "Media file(s)",
        source,
        offset,
        lengths,
        rates,
        3,
        "hen",
        code,
        "",
        "hard",
        "",
    )
    return ",".join(map(str, (*cells, kind, time, film, "NA", "NA", ""))) + "\n"


def aggregated(start, stop, kind, film, *, lengths="10.000;20.000", name="one", code="peck"):
    cells = (name, "2026-01-01", "", "Media file", "player #1:a.mp4;b.mp4", 0.0, 30, lengths, "25.000;25.000", "hen")
    times = (start, stop, "NA" if kind == "POINT" else stop - start)
    return ",".join(map(str, (*cells, 4.5, code, "Not defined", "hard", kind, *times, film, "", "", "", "", "c", "d")))


def test_boris_events_are_paired(read):
    rows = "o,A,peck,START,1,x/hen.mp4\no,B,peck,START,2,x/hen.mp4\no,A,peck,STOP,3,x/hen.mp4\n"
    rows += "o,,call,POINT,4,x/hen.mp4\no,B,peck,STOP,5,x/hen.mp4\n"
    assert drawn(read(BORIS + rows)) == {"hen.mp4": "peck 1-3, peck 2-5, call 4-4"}


def test_boris_events_without_their_half_are_told(problems, read):
    rows = "o,A,peck,STOP,1,h\no,A,peck,START,2,h\no,A,peck,START,3,h\no,A,rest,GO,4,h\n"
    assert problems(BORIS + rows) == [
        (2, "h: peck of A stops without a START before it"),
        (3, "h: peck of A starts twice without a STOP in between"),
        (4, "h: peck of A starts, and no STOP follows; --close-open lets it last to the end"),
        (5, "h: it is GO, not START, STOP or POINT"),
    ]
    closed = read(BORIS + "o,,peck,START,3,h\no,,call,POINT,9,h\n", coding=CodingOptions(close_open=True))
    assert drawn(closed) == {"h": "peck 3-9, call 9-9"}


def test_an_old_table_says_film_subject_modifier_and_comment(read):
    annotations = read(old())
    (video,) = annotations.videos.values()
    assert drawn(annotations) == {"hen.mp4": "peck 3.3-7.75, call 5-5"}
    assert [s.attributes for s in video.segments] == [{"subject": "hen", "modifier": "hard", "comment": "goes"}, {}]
    assert (video.duration_s, video.rate, annotations.warnings) == (359.96, 25, ())


def test_what_old_tables_say_above_the_header_counts(read):
    assert drawn(read(old(offset=3.0))) == {"hen.mp4": "peck 0.3-4.75, call 2-2"}
    assert drawn(read(old().replace(",", "\t"))) == {"hen.mp4": "peck 3.3-7.75, call 5-5"}
    with pytest.raises(AnnotationError, match="name one of these: one"):
        read(old(), coding=CodingOptions(observations=("two",)))


def test_an_old_table_of_several_films_does_not_say_where_each_begins(read):
    annotations = read(old(films=("a.mp4", "b.mp4")))
    assert drawn(annotations) == {"one": "peck 3.3-7.75, call 5-5"}
    assert told(annotations) == [
        "the observation one has 2 media files, and their lengths are not in the table: the observation is taken as "
        "the film; its .boris project tells more"
    ]


def test_since_version_8_the_time_is_cut_into_that_of_the_films(read):
    rows = row(8, "START", "/x/a.mp4") + row(11, "POINT", "/x/b.mp4", code="call") + row(14, "STOP", "/x/b.mp4")
    annotations = read(SINCE_8 + rows)
    assert drawn(annotations) == {"a.mp4": "peck 8-10", "b.mp4": "peck 0-4, call 1-1"}
    assert [(v.duration_s, v.rate) for v in annotations.videos.values()] == [(10.0, 25), (20.0, 25)]
    players = {"source": "player #1:a.mp4;b.mp4|player #2:c.mp4", "lengths": "10.000;20.000|30.000"}
    again = "".join(row(time, "POINT", film, **players) for time, film in ((1, "a.mp4"), (12, "b.mp4")))
    assert drawn(read(SINCE_8 + again)) == {"a.mp4": "peck 1-1", "b.mp4": "peck 2-2"}


def test_a_time_offset_is_taken_off_although_boris_finds_no_film_then(read):
    of_one = {"source": "player #1:/x/a.mp4", "lengths": "10.000", "offset": 3600.0}
    rows = row(3601, "START", "Not found", **of_one) + row(3602, "STOP", "Not found", **of_one)
    assert drawn(read(SINCE_8 + rows)) == {"a.mp4": "peck 1-2"}


def test_ten_films_have_ten_rates_in_a_cell(read):
    films = ";".join(f"{i}.mp4" for i in range(10))
    rows = row(95, "POINT", "9.mp4", source=f"player #1:{films}", lengths=";".join(["10.000"] * 10))
    annotations = read(SINCE_8 + rows)
    assert {name: said for name, said in drawn(annotations).items() if said} == {"9.mp4": "peck 5-5"}


def test_a_live_observation_is_called_by_its_id(read):
    live = row(1, "POINT", "NA", source="NA", lengths="NA")
    annotations = read(SINCE_8 + live)
    assert drawn(annotations) == {"one": "peck 1-1"}
    assert told(annotations) == ["the observation one has no film: it is called by its id"]


def test_aggregated_events_are_cut_as_well(read, problems):
    rows = "\n".join((aggregated(8, 14, "STATE", "a.mp4"), aggregated(12, 12, "POINT", "b.mp4", code="call"), ""))
    annotations = read(AGGREGATED + rows)
    assert drawn(annotations) == {"a.mp4": "peck 8-10", "b.mp4": "peck 0-4, call 2-2"}
    attributes = {"subject": "hen", "modifier": "hard", "comment": "c", "comment_stop": "d"}
    assert annotations.videos["a.mp4"].segments[0].attributes == attributes
    assert annotations.videos["b.mp4"].rate == 25
    wrong = aggregated(8, 4, "STATE", "a.mp4") + "\n" + aggregated(8, 9, "START", "a.mp4") + "\n" + rows
    assert problems(AGGREGATED + wrong) == [
        (2, "a.mp4: peck (hard) of hen stops at 4 s, before it starts at 8 s"),
        (3, "a.mp4: it is START, not STATE or POINT"),
    ]


def test_boris_aggregated_points_are_instants(read):
    header = "Observation id,Behavior,Behavior type,Start (s),Stop (s),Duration (s)\n"
    assert drawn(read(header + "o,peck,STATE,1,3,2\no,call,POINT,4,4,NA\n")) == {"o": "peck 1-3, call 4-4"}


def test_two_observations_of_one_film_are_not_mixed(problems, read):
    rows = BORIS + "ann,,call,POINT,1,h.mp4\nbob,,call,POINT,2,h.mp4\n"
    assert problems(rows) == [
        (
            2,
            "h.mp4: h.mp4 has 2 observations, ann and bob: choose with --observation; several that are chosen are "
            "joined",
        )
    ]
    assert drawn(read(rows, coding=CodingOptions(observations=("bob",)))) == {"h.mp4": "call 2-2"}


def test_decimal_commas_and_columns_twice(read, problems):
    assert drawn(read(BORIS.replace(",", ";") + "o;;call;POINT;1,5;h.mp4\n")) == {"h.mp4": "call 1.5-1.5"}
    with pytest.raises(AnnotationError, match="the header names subject twice"):
        read(BORIS.replace("Behavior,", "Subject,Behavior,", 1) + "o,,,call,POINT,1,h.mp4\n")
    assert problems(BORIS + "o,,call,POINT,NA,h.mp4\no,,call,POINT,1,h.mp4\n") == [
        (2, "h.mp4: call: its time is NA, not a number of seconds")
    ]
