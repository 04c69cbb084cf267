"""Annotations of whole clips: lists, tables, and folders that are called like their class."""

import pytest
from annotation_reading import drawn, problems, read  # noqa: F401  (fixtures among them)

from vtn_stream.errors import AnnotationError
from vtn_stream.formats.annotations.label_names import LabelNames


@pytest.mark.parametrize(
    ("line", "path", "label"),
    [
        ("a/b.mp4 12", "a/b.mp4", "12"),
        ("a.mp4,playing the piano", "a.mp4", "playing the piano"),
        ("./my film.MP4 playing the piano", "my film.MP4", "playing the piano"),
        ("clips/x run", "clips/x", "run"),
        ("a.webm\tsit, down", "a.webm", "sit, down"),
        ("run/a.mp4,run,5,1", "run/a.mp4", "run"),  # votes
        ("über/ä.mp4 große Sprünge", "über/ä.mp4", "große Sprünge"),
    ],
)
def test_a_line_of_a_clip_list(read, line, path, label):
    annotations = read(f"# clips\n\n{line}\n")
    assert (annotations.format, annotations.labels) == ("clip list", (label,))
    assert [(name, v.clip_label, v.segments) for name, v in annotations.videos.items()] == [(path, label, ())]


def test_a_clip_gets_its_segment_when_its_duration_is_known(read):
    text = "a.mp4 run\nb.mp4 sit\n"
    assert drawn(read(text, videos={"a.mp4": 2.5, "b.mp4": 3})) == {"a.mp4": "run 0-2.5", "b.mp4": "sit 0-3"}
    later = read(text).with_durations({"a.mp4": 2.5})
    assert drawn(later) == {"a.mp4": "run 0-2.5", "b.mp4": ""}
    assert later.with_durations({"a.mp4": 9, "b.mp4": 3}) == read(text, videos={"a.mp4": 2.5, "b.mp4": 3})


def test_a_table_of_clips_says_their_source(read):
    annotations = read("path,label,source\nf/1.mp4,fight,s1\nn/1.mp4,noFight,s2\n")
    assert annotations.format == "clip list"
    assert [(v.clip_label, v.source) for v in annotations.videos.values()] == [("fight", "s1"), ("noFight", "s2")]


def test_numbers_as_labels_are_ordered_by_size(read):
    assert read("a.mp4 10\nb.mp4 9\nc.mp4 100\n").labels == ("9", "10", "100")


def test_a_clip_has_one_label(problems):
    assert problems("a.mp4 run\nb.mp4 run\n./a.mp4 sit\na.mp4 run\nwhat\n") == [
        (3, "a.mp4: it is listed on line 1 already, as run, so neither counts"),
        (4, "a.mp4: it is listed on line 1 already"),
        (5, "not a path and a label: what"),
    ]


def test_class_folders(read):
    annotations = read({"run/1.mp4": "", "run/2.MKV": "", "sit down/1.mp4": "", "run/notes.txt": "", ".git/x.mp4": ""})
    assert (annotations.format, annotations.labels) == ("class folders", ("run", "sit down"))
    assert {name: v.clip_label for name, v in annotations.videos.items()} == {
        "run/1.mp4": "run",
        "run/2.MKV": "run",
        "sit down/1.mp4": "sit down",
    }
    assert annotations.warnings == ((None, "1 file without a film's suffix ignored"),)


def test_class_folders_inside_subsets(read):
    annotations = read({"train/run/1.mp4": "", "val/run/2.mp4": "", "val/sit/1.mp4": ""})
    assert {name: (v.clip_label, v.subset) for name, v in annotations.videos.items()} == {
        "train/run/1.mp4": ("run", "training"),
        "val/run/2.mp4": ("run", "validation"),
        "val/sit/1.mp4": ("sit", "validation"),
    }


@pytest.mark.parametrize(
    ("header", "row", "named"),
    [
        ("video;anfang;ende;label", "a.mp4;1,5;2,5;x", "anfang and ende"),
        ("video,segment,label", 'a.mp4,"[1.0, 2.0]",x', "segment"),
        ("path,label,when", "a.mp4,x,1:30", "when"),
        ("path,label,start_idx,end_idx", "a.mp4,x,10,20", "start_idx and end_idx"),
        ("path,label,quand,jusque", "a.mp4,x,0:01:30,0:02:00", "quand"),
    ],
)
def test_a_table_whose_unknown_columns_hold_times_is_refused_and_they_are_named(problems, header, row, named):
    assert problems(f"{header}\n{row}\n") == [(1, f"{named} may be times, and then this is not a list of whole clips")]


def test_other_columns_of_clips_are_no_times(read):
    rows = "a.mp4,x,29.97,0.5,640,480\nb.mp4,y,25,0.9,320,240\n"
    assert read("path,label,rate,sharpness,width,height\n" + rows).format == "clip list"


@pytest.mark.parametrize("columns", ["confidence,quality", "mean,std", "duration,size", "fps,mbit"])
def test_numbers_that_rise_are_no_times_where_their_name_or_size_says_so(read, columns):
    size = 10 if columns in ("duration,size", "fps,mbit") else 0
    table = f"path,label,{columns}\na.mp4,x,{size}.25,{size}.5\n"
    assert read(table).format == "clip list"


@pytest.mark.parametrize(
    "lines",
    [
        "a.mp4 72.80 76.40\nb.mp4 44.00 50.90\n",
        "a.mp4 72.80 goal\nb.mp4 44.00 foul\n",
        "a.mp4 goal 72.80\nb.mp4 foul 44.00\n",
        "a.mp4,goal,72.80\n",
        "clips/a,goal,72.80,75.5\n",
        "clips/a,72.80,75.5\n",
        "a.mp4 [0, 4] goal\n",
        "a.mp4 0.5-4.25 goal\n",
        "a.mp4 -0.5 4.25 goal\n",
        "a.mp4 0.5s to 4s goal\n",
        "a.mp4 00:00:01:12 00:00:05:00 goal\n",
        "a.mp4 run\nb.mp4 sit\nc.mp4 0.5 4.25 goal\n",
    ],
)
def test_lines_that_hold_times_are_no_list_of_clips(problems, lines):
    ((_, text),) = problems(lines)
    assert text == "there may be times in it, so it is not a list of whole clips"


@pytest.mark.parametrize(
    "lines",
    [
        "v_Run_g08_c01.avi 1\nx_000059_000069.mp4 399\n",
        "a.mp4 3 point shot\nb.mp4 50 m sprint\nc.mp4 1.5 mile run\n",
        "a.mp4 1.0\nb.mp4 2.0\n",
        "at 10.00 20.00/a.mp4 1\n",
    ],
)
def test_labels_and_paths_with_numbers_are_no_times(read, lines):
    annotations = read(lines)
    assert annotations.format == "clip list"
    assert annotations.warnings == ()


def test_numbers_behind_the_label_are_told(read):
    for numbers in ("5,1", "0.93"):
        assert read(f"a.mp4,run,{numbers}\n").warnings == (
            (1, "numbers beside the path and the label, votes or frames, are not read"),
        )


# ---- Kinetics' own tables

KINETICS = "label,youtube_id,time_start,time_end,split,is_cc\nbig run,abcdefghi-0,95,105,train,0\n"


def test_a_table_of_kinetics_names_clips_by_their_seconds(read):
    annotations = read(KINETICS + "sit,-bcdefghi_1,0,10,validate,0\n,xbcdefghi_2,7,12,test,1\n")
    assert annotations.format == "Kinetics CSV"
    assert {name: (v.clip_label, v.subset) for name, v in annotations.videos.items()} == {
        "abcdefghi-0_000095_000105": ("big run", "training"),
        "-bcdefghi_1_000000_000010": ("sit", "validation"),
        "xbcdefghi_2_000007_000012": (None, "test"),
    }


def test_the_test_set_of_kinetics_has_no_labels(read, problems):
    annotations = read("youtube_id,time_start,time_end,split\nabcdefghi-0,95,105,test\n")
    assert [(v.clip_label, v.subset) for v in annotations.videos.values()] == [(None, "test")]
    assert problems("youtube_id,time_start,time_end\nabcdefghi-0,95,105\n") == [
        (1, "there is no column label, so it teaches nothing")
    ]
    assert problems("youtube_id,time_start,time_end,split\nabcdefghi-0,95,105,train\n") == [
        (2, "abcdefghi-0_000095_000105: it has no label")
    ]


def test_what_is_wrong_with_a_clip_of_kinetics_is_told(problems):
    rows = (
        "x,../bcdefg,0,10,train,0\nx,abcdefghi-1,10,10,train,0\nx,abcdefghi-2,3,2,train,0\nx,abcdefghi-3,0,10,trian,0\n"
    )
    assert problems(KINETICS + rows + "x,abcdefghi-4,a,10,train,0\n") == [
        (3, "../bcdefg is not the id of a film on YouTube"),
        (4, "it is not from a whole second to a later one: 10 to 10"),
        (5, "it is not from a whole second to a later one: 3 to 2"),
        (6, "abcdefghi-3_000000_000010: its subset is trian, not training, validation or test"),
        (7, "it is not from a whole second to a later one: a to 10"),
    ]


def test_segments_of_whole_films_are_no_clips_of_kinetics(read):
    table = "youtube_id,time_start,time_end,label\nabcdefghi-0,{},{},run\n"
    assert read(table.format("95.5", "105.5")).format == "CSV"
    assert read(table.format("0:00", "1:30")).format == "CSV"


# ---- names, and paths from the root


def test_labels_are_called_as_a_file_says(tmp_path, read):
    names = LabelNames("names.txt", {1: "sit", 2: "big run", 3: "jump"})
    annotations = read("a.mp4 2\nb.mp4 big_run\nc.mp4 sit\n", label_names=names)
    assert annotations.labels == ("sit", "big run", "jump")
    assert [v.clip_label for v in annotations.videos.values()] == ["big run", "big run", "sit"]
    with pytest.raises(AnnotationError) as caught:
        read("a.mp4 2\nb.mp4 0\nc.mp4 walk\n", label_names=names)
    assert caught.value.problems == (
        (2, "b.mp4: its label 0 is not in names.txt"),
        (3, "c.mp4: its label walk is not in names.txt"),
    )


def test_paths_from_the_root_may_lead_into_the_folder_of_the_films(tmp_path, read):
    folder = tmp_path / "films"
    text = f"{folder}/run/1.mp4 run\n{folder}/../sit/2.mp4 sit\n"
    with pytest.raises(AnnotationError) as caught:
        read(text, folder=folder)
    assert caught.value.problems == ((2, f"the film's id {tmp_path}/sit/2.mp4 leads out of the folder"),)
    assert list(read(text, folder=folder, skip_bad=True).videos) == ["run/1.mp4"]
    with pytest.raises(AnnotationError, match="leads out of the folder"):
        read(text)


def test_of_a_clip_with_two_labels_neither_counts(read):
    annotations = read("a.mp4 run\nb.mp4 run\na.mp4 sit\na.mp4 run\nb.mp4 run\n", skip_bad=True)
    assert list(annotations.videos) == ["b.mp4"]
    assert len(annotations.skipped) == 3
