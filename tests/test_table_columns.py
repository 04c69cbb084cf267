"""Tables of segments that other programs and people make: what their columns are called, and how they count."""

from fractions import Fraction

import pytest
from annotation_reading import drawn, problems, read  # noqa: F401  (fixtures among them)

from vtn_stream.errors import AnnotationError, InputError
from vtn_stream.exchange.intake import read_any
from vtn_stream.formats.prediction_files import read_results

NO_FILM = "no column names the film: it is called given, as the file"


def told(annotations):
    return [text for _, text in annotations.warnings]


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("video,start_s,end_s,label", "a,1.5,2.5,walk"),
        ("Label,Video ID,End (s),Start (s)", "walk,a,2.5,1.5"),
        ("filename,onset,offset,event_label", "a,1.5,2.5,walk"),
        ("file,onset,duration,trial_type", "a,1.5,1,walk"),
        ("video_name,start_ms,end_ms,action", "a,1500,2500,walk"),
        ("film,Start [ms],Length [ms],tag", "a,1500,1000,walk"),
        ("media,startTime,endTime,class", "a,0:01.5,0:02.5,walk"),
        ("video,begin,stop,behaviour", "a,00:00:01.500,00:00:02.500,walk"),
        ("path,from,to,activity", 'a,"00:00:01,500","00:00:02,500",walk'),
        ("video,t_start,t_end,name", "a,1.5,2.5,walk"),
        ("video,frame_start,frame_end,category", "a,15,25,walk"),
        ("video,Start Frame,Start Time (seconds),End Frame,End Time (seconds),label", "a,9,1.5,99,2.5,walk"),
        ("tier,file,Begin Time - ss.msec,End Time - ss.msec,annotation", "t,a,1.5,2.5,walk"),
        ("video,in,out,label", "a,00:00:01:05,00:00:02:05,walk"),
        ("video;Start (s);Stop (s);label", "a;1,5;2,5;walk"),
        ("video\tstart min\tend min\tlabel", f"a\t{1.5 / 60}\t{2.5 / 60}\twalk"),
    ],
)
def test_one_segment_in_tables_of_other_columns(read, header, row):
    annotations = read(f"{header}\n{row}\n", fps=10)
    assert annotations.format == "CSV"
    ((film, (walk,)),) = ((name, video.segments) for name, video in annotations.videos.items())
    assert (film, walk.label) == ("a", "walk")
    assert (walk.start_s, walk.end_s) == (pytest.approx(1.5), pytest.approx(2.5))


@pytest.mark.parametrize(
    "content", ["video,label,onset,offset\na.mp4,goal,90,95\n", "video,label,time\na.mp4,goal,90.5\n"]
)
def test_a_table_with_times_is_no_list_of_clips(read, content):
    assert all(video.clip_label is None for video in read(content).videos.values())


def test_what_is_guessed_is_told(read):
    assert told(read("video,onset,offset,label\na,1,2,x\n")) == ["onset and offset: no unit is given, read as seconds"]
    assert told(read("video,start,end,label\na,1.5,2,x\n")) == ["start and end: no unit is given, read as seconds"]
    assert told(read("video,start_s,end,label\na,1,2,x\n")) == ["end: no unit is given, read as s, as the others"]
    assert told(read("start_s,end_s,label,mood\n1,2,x,y\n")) == ["columns that are not read: mood", NO_FILM]
    assert told(read("video,time_s,label\na,1,x\n")) == ["each row has one time, time_s: it is read as an instant"]
    frames = read("video,start_frame,end_frame,label\na,10,20,x\n", fps=10)
    assert drawn(frames) == {"a": "x 1-2"}
    assert "frames that count from 0, the end's own not included" in told(frames)[0]


def test_frames_and_timecode_need_a_rate_and_a_film_may_say_it(read):
    frames, codes = (
        "video,start_frame,end_frame,label\na,25,50,x\n",
        "video,in,out,label\na,00:00:01:00,00:00:02:00,x\n",
    )
    for content in (frames, codes):
        with pytest.raises(AnnotationError, match="say how many a second with --annotation-fps"):
            read(content)
        assert drawn(read(content, film_rate={"a": 25}.get)) == {"a": "x 1-2"}


def test_timecode_counts_from_the_start_timecode(read):
    table = "Marker Name\tIn\tOut\nGoal\t01:00:10;00\t01:00:12;00\nKick\t01:01:00;02\t01:01:00;02\n"
    rate = Fraction(30000, 1001)
    annotations = read(table.encode("utf-16"), fps=rate, start_timecode="01:00:00;00")
    goal, kick = annotations.videos["given"].segments
    assert (goal.start_s, goal.end_s) == (pytest.approx(10.01), pytest.approx(12.012))
    assert kick.start_s == kick.end_s == pytest.approx(1800 / rate)
    premiere = table.replace(":", ";")
    assert read(premiere.encode("utf-16"), fps=rate, start_timecode="01:00:00;00").videos == annotations.videos
    assert "taken as 3610.006 s of the film" in " ".join(told(read(table, fps=rate)))


def test_lines_above_the_header_are_passed_over(read):
    scenes = (
        "Timecode List:,00:00:03.504\nScene Number,Start Frame,Start Timecode,Start Time (seconds),End Frame,"
        "End Timecode,End Time (seconds),Length (frames)\n1,1,00:00:00.000,0,84,00:00:03.504,3.504,84\n2,x\n"
    )
    annotations = read(scenes, skip_bad=True)
    assert drawn(annotations) == {"given": "scene 1 0-3.504"}
    assert annotations.skipped == ((4, "it has 2 cells, the header 8"),)


def test_cells_in_quotes_of_any_line_ends_and_empty_columns_keep_their_lines(problems):
    table = '"video","start_s","end_s","label","",""\r\n"a","1","2","x",,\r\n"b, c","3","4","y ""z""","",""\r\na,1\r\n'
    for content in (table, table.replace("\r\n", "\r"), "\ufeff" + table):
        assert problems(content) == [(4, "it has 2 cells, the header 4")]


def test_who_did_it_sets_what_overlaps_apart(read):
    annotations = read("video,start_s,end_s,label,subject\na,1,3,peck,hen\na,2,4,peck,cock\n")
    assert [s.attributes for s in annotations.videos["a"].segments] == [{"subject": "hen"}, {"subject": "cock"}]


@pytest.mark.parametrize(
    ("lines", "segments"),
    [
        ("a.mp4 0.5 4.25 goal\n", {"a.mp4": "goal 0.5-4.25"}),
        ("# of a match\n\n./my film.MP4,1:30,2:00,corner kick\n", {"my film.MP4": "corner kick 90-120"}),
        ("a.mp4;goal;1:30;2:00\na.mp4;card;3:00;3:10\n", {"a.mp4": "goal 90-120, card 180-190"}),
        ('0.0,10.5,intro\n10.5,20,"a, b"\n', {"given": "intro 0-10.5, a, b 10.5-20"}),
        ("00:00:01.000\t00:00:02.500\tx\n", {"given": "x 1-2.5"}),
        ("a.mp4;0,5;4,25;goal\n", {"a.mp4": "goal 0.5-4.25"}),
        ("a.mp4\t0,5\t4\tgoal, home\n", {"a.mp4": "goal, home 0.5-4"}),
    ],
)
def test_lines_of_times_without_a_header(read, lines, segments):
    annotations = read(lines)
    assert drawn(annotations) == segments
    assert told(annotations)[0].startswith("there is no header")


@pytest.mark.parametrize(
    "lines", ["a.mp4,goal,90,95\na.mp4,x,7,9\n", "a.mp4 3 4 goal\n", "0,25,x\n", "a.mp4 1:30 goal\n"]
)
def test_lines_whose_numbers_may_be_something_else_are_refused(read, lines):
    with pytest.raises(AnnotationError, match=r"put the line (video,)?start_s,end_s,label above") as caught:
        read(lines)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("line", ["a.mp4,0.5,4.25,goal,0.9", "0.5 4.25 goal 0.9", "a.mp4\t0.5\t4.25\tgoal\thome"])
def test_what_stands_behind_a_label_is_no_part_of_it(problems, line):
    assert problems(f"{line}\n") == [(1, "there is no header, and behind each label stands something more")]


@pytest.mark.parametrize(
    "header", ["Name,Position,Duration", "label,time_s,duration_s", "label,time (s),end (s)", "Event,Timestamp,Length"]
)
def test_a_time_with_a_length_is_no_instant(read, header):
    annotations = read(f"{header}\ngoal,0.5,2.5\n")
    assert drawn(annotations) == {"given": "goal 0.5-2.5" if "end" in header else "goal 0.5-3"}
    assert not any("instant" in text for text in told(annotations))


@pytest.mark.parametrize("column", ["youtube_id", "clip", "vid", "Video File Name"])
def test_films_in_a_column_of_another_name_are_not_one(read, column):
    annotations = read(f"{column},start_s,end_s,label\nx,1,2,a\ny,1,2,a\n")
    assert drawn(annotations) == {"x": "a 1-2", "y": "a 1-2"}
    assert annotations.warnings == ()


def test_a_column_of_names_of_films_names_the_film_unless_it_is_the_label(read):
    rows = "x.mp4,1,2,a\ny.mp4,1,2,a\n"
    assert drawn(read("whose,start_s,end_s,label\n" + rows)) == {"x.mp4": "a 1-2", "y.mp4": "a 1-2"}
    assert drawn(read("name,start_s,end_s,take\n" + rows)) == {"given": "x.mp4 1-2, y.mp4 1-2"}


def test_a_name_twice_and_columns_without_a_name(read, problems):
    assert problems("video,start_s,end_s,label,label\nm,1,2,a,b\n") == [(1, "the header names label twice")]
    assert read(",video,start_s,end_s,label\n0,m,1,2,a\n").warnings == ()


def test_votes_are_no_times(read):
    votes = read("run/a.mp4,run,5,1\nrun/b.mp4,run,2,4\nrun/c.mp4,sit,1,2\n")
    assert (votes.format, votes.labels) == ("clip list", ("run", "sit"))


def test_a_line_that_does_not_fit_is_told_with_its_number(read):
    annotations = read("a.mp4 0.5 4 goal\na.mp4 goal\na.mp4 5 6 x\n", skip_bad=True)
    assert annotations.skipped == ((2, "not a start, an end and a label: a.mp4 goal"),)


def test_one_label_and_one_film_in_two_forms_of_unicode(read):
    annotations = read("video,start_s,end_s,label\nu\u0308.mp4,1,2,e\u0301\n\u00fc.mp4,3,4,\u00e9\n")
    assert drawn(annotations) == {"u\u0308.mp4": "e\u0301 1-2, e\u0301 3-4"}
    assert annotations.labels == ("e\u0301",)
    assert drawn(read("video,start_s,end_s,label\nu\u0308,1,2.2,x\n", videos={"\u00fc": 2.0})) == {"u\u0308": "x 1-2"}


def test_predictions_may_have_other_columns_too(tmp_path):
    table = tmp_path / "p.csv"
    table.write_text(
        "file,begin (ms),end (ms),action,confidence,model\nu\u0308,1000,2000,a,.5,m\n\u00fc,0,500,a,.25,m\n"
    )
    results = read_results(table)
    assert {name: [(s.start_s, s.end_s, s.score) for s in of.segments] for name, of in results.items()} == {
        "u\u0308": [(1, 2, 0.5), (0, 0.5, 0.25)]
    }


def test_a_table_may_say_its_own_rate_and_events_without_a_length(read):
    table = "video,start frame,end frame,fps,label\na,10,20,25,x\nb,10,20,50,x\n"
    assert drawn(read(table)) == {"a": "x 0.4-0.8", "b": "x 0.2-0.4"}
    assert drawn(read("video,Start,Duration,Name\na,0:01.5,0:00.0,cue\n")) == {"a": "cue 1.5-1.5"}


def test_a_start_and_an_end_in_a_line_are_no_chapter(tmp_path):
    (tmp_path / "a.txt").write_text("1:30 2:00 goal\n3:00 3:10 card\n")
    (timeline,) = read_any(tmp_path / "a.txt").timelines
    assert [(s.start_s, s.end_s, s.label) for s in timeline.segments] == [(90, 120, "goal"), (180, 190, "card")]


def test_of_a_path_from_the_root_the_last_part_names_the_film(read, problems):
    annotations = read(
        "Media file path,start_s,end_s,label\nC:\\films\\a.mp4,1,2,x\n/home/a.mp4,3,4,x\nb/c.mp4,1,2,x\n"
    )
    assert drawn(annotations) == {"a.mp4": "x 1-2, x 3-4", "b/c.mp4": "x 1-2"}
    assert told(annotations) == ["the last part of the paths under Media file path is the film's name: a.mp4"]
    assert problems("video,start_s,end_s,label\n/home/a.mp4,3,4,x\n")[0][1].endswith("leads out of the folder")


def test_predictions_that_count_frames_need_a_rate(tmp_path):
    table = tmp_path / "p.csv"
    table.write_text("video,start_frame,end_frame,label,score\na,25,50,x,1\n")
    with pytest.raises(InputError, match="say how many a second with --annotation-fps"):
        read_results(table)
    assert [(s.start_s, s.end_s) for s in read_results(table, fps=25)["a"].segments] == [(1, 2)]
