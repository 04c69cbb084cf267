"""Annotations of each format, in and out; every mistake of a file told at once, with its line."""

import csv
import io
import json
from fractions import Fraction

import pympi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vtn_stream.errors import AnnotationError, InputError
from vtn_stream.formats.annotations import FORMATS, read_annotations
from vtn_stream.formats.annotations.cholec80 import PHASES
from vtn_stream.formats.annotations.spelling import look_alikes
from vtn_stream.formats.annotations.text import json_lines, seconds
from vtn_stream.timeline import Segment


@pytest.fixture
def read(tmp_path):
    """read("text", name, ...): the annotations of a file; read({"a/b": "text"}): those of a folder."""

    def read_(content, name="given.txt", **options):
        if isinstance(content, dict):
            for inner, text in content.items():
                (tmp_path / inner).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / inner).write_text(text)
            return read_annotations(tmp_path, **options)
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_annotations(path, **options)

    return read_


@pytest.fixture
def problems(read):
    """problems(...): what `read` refuses the file for, and with skip_bad leaves out: both are the same."""

    def problems_(content, *args, **options):
        with pytest.raises(AnnotationError) as caught:
            read(content, *args, **options)
        try:
            left_out = read(content, *args, skip_bad=True, **options).skipped
        except AnnotationError as nothing_left:
            left_out = nothing_left.problems
        assert left_out == caught.value.problems
        return list(caught.value.problems)

    return problems_


def drawn(annotations):
    """{id: "label start-end, ..."}"""
    return {
        name: ", ".join(f"{s.label} {s.start_s:g}-{s.end_s:g}" for s in video.segments)
        for name, video in annotations.videos.items()
    }


def activitynet(*annotations, **facts):
    pairs = [{"label": label, "segment": [start, end]} for label, start, end in annotations]
    return json.dumps({"database": {"v1": {"annotations": pairs} | facts}}, indent=1)


# ---- the formats


def test_activitynet(read):
    database = {
        "v1": {"duration": 30.5, "subset": "training", "annotations": [{"label": "walk", "segment": [1.25, 7]}]},
        "v2": {"duration": 9, "subset": "testing", "annotations": [], "url": "https://example.org"},
    }
    annotations = read(json.dumps({"version": "1.3", "taxonomy": [], "database": database}))
    assert (annotations.format, annotations.labels) == ("ActivityNet JSON", ("walk",))
    assert annotations.videos["v1"].segments == (Segment(start_s=1.25, end_s=7, label="walk"),)
    assert drawn(annotations) == {"v1": "walk 1.25-7", "v2": ""}
    assert [(v.duration_s, v.subset) for v in annotations.videos.values()] == [(30.5, "training"), (9, "test")]
    assert (annotations.warnings, annotations.skipped, annotations.num_segments) == ((), (), 1)


@pytest.mark.parametrize(
    ("given", "subset"),
    [("Validation", "validation"), ("val", "validation"), ("TRAIN", "training"), ("Test", "test"), (" ", None)],
)
def test_subsets_are_named_alike(read, given, subset):
    assert read(activitynet(("a", 0, 1), subset=given)).videos["v1"].subset == subset


def thumos(*annotations, **facts):
    film = {"subset": "Validation", "duration": 60.0, "fps": 30.0, "annotations": list(annotations)} | facts
    return json.dumps({"version": "Thumos14-30fps", "database": {"video_validation_0000001": film}})


def test_thumos14_orders_labels_by_their_ids_and_drops_what_nobody_knows(read):
    annotations = read(
        thumos(
            {"label": "CliffDiving", "segment": [3.0, 4.5], "segment(frames)": [90.0, 135.0], "label_id": 5},
            {"label": "Diving", "segment": [3.0, 4.5], "segment(frames)": [90.0, 135.0], "label_id": 7},
            {"label": "Billiards", "segment": [10, 12], "segment(frames)": [300, 360], "label_id": 11},
            {"label": "Ambiguous", "segment": [20, 22], "segment(frames)": [600, 660], "label_id": 0},
        )
    )
    assert (annotations.format, annotations.labels) == ("THUMOS14 JSON", ("CliffDiving", "Diving", "Billiards"))
    assert annotations.videos["video_validation_0000001"].subset == "validation"
    assert annotations.num_segments == 3
    assert annotations.warnings == ((None, "1 segment labelled Ambiguous left out"),)


def test_thumos14_frames_become_seconds_where_there_are_none(read, problems):
    frames_only = {"label": "Diving", "segment(frames)": [90, 135], "label_id": 7}
    assert drawn(read(thumos(frames_only))) == {"video_validation_0000001": "Diving 3-4.5"}
    without = json.loads(thumos(frames_only))
    del without["database"]["video_validation_0000001"]["fps"]
    assert drawn(read(json.dumps(without), fps=45)) == {"video_validation_0000001": "Diving 2-3"}
    assert "give fps" in problems(json.dumps(without))[0][1]


def test_a_label_id_is_of_one_label(problems):
    first = {"label": "Diving", "segment": [1, 2], "label_id": 7}
    second = {"label": "Diving", "segment": [3, 4], "label_id": 8}
    assert problems(thumos(first, second)) == [
        (1, "video_validation_0000001.annotations[1]: the label_id of Diving is 8 here, 7 before")
    ]


TABLE = """\
video,start_s,end_s,label,subset,source
a,0.5,2,walk,train,lab
a,0:00:02.5,01:00:03.125,run,train,lab
b,,,,val,home
"""


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_csv(read, delimiter, mark, newline):
    annotations = read(mark + TABLE.replace(",", delimiter).replace("\n", newline))
    assert (annotations.format, annotations.labels) == ("CSV", ("run", "walk"))
    assert drawn(annotations) == {"a": "walk 0.5-2, run 2.5-3603.12", "b": ""}
    assert [(v.subset, v.source) for v in annotations.videos.values()] == [("training", "lab"), ("validation", "home")]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("1.5", 1.5),
        ("1e2", 100.0),
        (".5", 0.5),
        ("00:01:02.250", 62.25),
        ("100:00:00", 360000.0),
        ("1,5", "1,5"),
        ("1_0", "1_0"),
        ("٣", "٣"),
        ("0:99:00", "0:99:00"),
        ("", ""),
        ("1e999", float("inf")),
        ("Infinity", float("inf")),
    ],
)
def test_times_in_tables(cell, value):
    assert seconds(cell) == value


def test_columns_come_in_any_order_and_what_is_not_read_is_named(read):
    annotations = read("Label,END_S,note,start_s,video\nwalk,2,x,1,a\n")
    assert drawn(annotations) == {"a": "walk 1-2"}
    assert annotations.warnings == ((1, "columns that are not read: note"),)


@pytest.mark.parametrize(
    ("header", "lacking"),
    [
        ("video,start,end,label", "start_s, end_s"),
        ("video,start_frame,end_frame,label", "start_s, end_s"),
        ("start_s,end_s,label", "video"),
    ],
)
def test_a_header_without_units_is_refused(problems, header, lacking):
    ((line, text),) = problems(f"{header}\na,1,2,walk\n")
    assert line == 1
    assert f"the header lacks {lacking};" in text


def mstcn(**films):
    return {"mapping.txt": "0 background\n1 take plate\n2 pour\n"} | {
        f"groundTruth/{name}.txt": "".join(f"{label}\n" for label in labels) for name, labels in films.items()
    }


FRAMES = ["background"] * 3 + ["pour"] * 4 + ["take plate"] + ["pour"] * 2


@pytest.mark.parametrize("fps", [2, 2.0, Fraction(2)])
def test_mstcn_counts_frames(read, fps):
    annotations = read(mstcn(a=FRAMES, b=["pour"]), fps=fps)
    assert (annotations.format, annotations.labels) == ("MS-TCN", ("background", "take plate", "pour"))
    assert drawn(annotations) == {
        "a": "background 0-1.5, pour 1.5-3.5, take plate 3.5-4, pour 4-5",
        "b": "pour 0-0.5",
    }
    assert [v.duration_s for v in annotations.videos.values()] == [5, 0.5]


def test_mstcn_is_found_from_its_folder_its_truth_and_one_file(read, tmp_path):
    whole = read(mstcn(a=FRAMES), fps=2)
    assert read_annotations(tmp_path / "groundTruth", fps=2) == whole
    assert read_annotations(tmp_path / "groundTruth" / "a.txt", fps=2) == whole


def test_mstcn_needs_a_rate_and_the_labels_of_its_mapping(read, problems):
    with pytest.raises(AnnotationError, match="say how many a second: --fps, or fps"):
        read(mstcn(a=FRAMES))
    assert problems(mstcn(a=["pour", "poor", "poor", "pour"]), fps=2) == [
        (2, "groundTruth/a.txt: mapping.txt has no label poor (did you mean pour?)")
    ]


def test_ntsc_frames_touch_exactly(read):
    a = read(mstcn(a=["pour", "background"] * 500), fps=Fraction(30000, 1001)).videos["a"].segments
    assert [s.end_s for s in a[:-1]] == [s.start_s for s in a[1:]]
    assert a[-1].end_s == pytest.approx(1000 * 1001 / 30000, abs=1e-12)


def phases(*runs, step=1, numbers=False):
    """Lines of frames and phases; runs are (phase, rows)."""
    names = [PHASES.index(phase) if numbers else phase for phase, num in runs for _ in range(num)]
    return "".join(f"{i * step}\t{name}\n" for i, name in enumerate(names))


def test_cholec80_by_name_and_derived(read):
    full = read("Frame\tPhase\n" + phases((PHASES[0], 50), (PHASES[1], 75)), "video01-phase.txt")
    derived = read(phases((PHASES[0], 2), (PHASES[1], 3), step=25, numbers=True), "video01-phase.txt")
    assert (full.format, full.labels) == ("Cholec80", PHASES)
    assert drawn(full) == drawn(derived) == {"video01": "Preparation 0-2, CalotTriangleDissection 2-5"}
    assert full.videos == derived.videos
    assert full.videos["video01"].duration_s == 5


def test_cholec80_folder(read):
    annotations = read(
        {f"video{i:02d}-phase.txt": "Frame\tPhase\n" + phases((PHASES[i], 25)) for i in range(3)}
        | {"README.md": "# phases", ".hidden": ""},
        fps=5,
    )
    assert drawn(annotations) == {f"video{i:02d}": f"{PHASES[i]} 0-5" for i in range(3)}
    assert annotations.warnings == ((None, "1 file of no such format passed over"),)


def test_other_phases_keep_their_own_labels(read):
    assert read("Frame\tPhase\n0\tsuture\n1\tcut\n").labels == ("cut", "suture")
    more = read("Frame\tPhase\n" + phases(("TrocarPlacement", 2), (PHASES[0], 2)))
    assert more.labels == (*PHASES, "TrocarPlacement")


def test_every_wrong_row_of_phases_is_told_once(problems):
    rows = (
        "Frame\tPhase\n0\tPreparation\n1\tPreparation\nnonsense\n3\tPreparation\n5\tPreparation\n5\tClippingCutting\n"
    )
    assert problems(rows, "v.txt") == [
        (4, "not a frame and a phase: nonsense"),
        (6, "v: frame 5 follows frame 3, not 4"),
        (7, "frame 5 follows frame 5"),
    ]
    assert problems("0\t0\n25\t9\n50\t6\n") == [(2, "there is no phase 9, only 0 to 6")]


def elan(path, *tiers, media=None, **origin):
    document = pympi.Eaf()
    document.remove_tier("default")
    if media:
        document.add_linked_file(media, relpath=media, mimetype="video/mp4", **origin)
    for name, annotations in tiers:
        document.add_tier(name)
        for start, end, value in annotations:
            document.add_annotation(name, start, end, value)
    document.to_file(path)
    return document


def test_elan_as_pympi_writes_it(tmp_path):
    path = tmp_path / "session.eaf"
    elan(path, ("left", [(0, 1500, "hold"), (1500, 1501, "stroke")]), ("right", [(500, 2500, "hold")]))
    annotations = read_annotations(path)
    assert (annotations.format, annotations.labels) == ("ELAN", ("hold", "stroke"))
    assert [(s.label, s.start_s, s.end_s, s.attributes) for s in annotations.videos["session"].segments] == [
        ("hold", 0.0, 1.5, {"tier": "left"}),
        ("hold", 0.5, 2.5, {"tier": "right"}),  # two hands, no overlap of one
        ("stroke", 1.5, 1.501, {"tier": "left"}),
    ]


def test_elan_is_about_its_film_from_where_that_begins(tmp_path):
    path = tmp_path / "coder 2.eaf"
    elan(path, ("t", [(0, 1000, "hold")]), media="file:///C:/Users/somebody/my%20film.mp4", time_origin=2500)
    assert drawn(read_annotations(path)) == {"my film": "hold 2.5-3.5"}


def test_an_elan_tier_of_empty_values_is_a_label(tmp_path):
    elan(tmp_path / "a.eaf", ("grooming", [(0, 1000, ""), (2000, 3000, "")]))
    assert drawn(read_annotations(tmp_path / "a.eaf")) == {"a": "grooming 0-1, grooming 2-3"}


def test_elan_annotations_without_times_are_left_out_with_a_note(tmp_path):
    document = elan(tmp_path / "a.eaf", ("t", [(0, 1000, "hold")]))
    document.add_linguistic_type("words", constraints="Symbolic_Association")
    document.add_tier("gloss", ling="words", parent="t")
    document.add_ref_annotation("gloss", "t", 500, "HOLD")
    (tmp_path / "b").mkdir()
    document.to_file(tmp_path / "b" / "a.eaf")
    annotations = read_annotations(tmp_path / "b")
    assert drawn(annotations) == {"a": "hold 0-1"}
    assert annotations.warnings == ((1, "a.eaf: 1 annotation without times of their own left out"),)


SLOTS = """\
<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT><HEADER TIME_UNITS="milliseconds"/>
<TIME_ORDER>{slots}</TIME_ORDER>
<TIER TIER_ID="t">
{annotations}
</TIER></ANNOTATION_DOCUMENT>"""


def unaligned(times, pairs):
    slots = [f'<TIME_SLOT TIME_SLOT_ID="{k}"' + (f' TIME_VALUE="{v}"' if v else "") + "/>" for k, v in times.items()]
    lines = [
        f'<ANNOTATION><ALIGNABLE_ANNOTATION TIME_SLOT_REF1="{a}" TIME_SLOT_REF2="{b}">'
        f"<ANNOTATION_VALUE>{a}{b}</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>"
        for a, b in pairs
    ]
    return SLOTS.format(slots="".join(slots), annotations="\n".join(lines))


def test_unaligned_elan_slots_are_spread_evenly_along_their_annotations(read):
    # other tiers' slots stand between them in the file, and do not matter
    times = {"a": "1000", "b": "", "x": "1100", "c": "", "y": "1200", "d": "4000"}
    annotations = read(unaligned(times, [("b", "c"), ("a", "b"), ("c", "d"), ("x", "y")]), "f.eaf")
    assert drawn(annotations) == {"f": "ab 1-2, xy 1.1-1.2, bc 2-3, cd 3-4"}
    assert annotations.warnings == ((1, "2 time slots without a time spread evenly"),)


def test_elan_slots_that_lead_nowhere_are_told(problems):
    times = {"a": "1000", "b": "", "c": "2000", "d": "soon"}
    pairs = [("a", "c"), ("a", "b"), ("z", "c"), ("c", "d")]
    assert problems(unaligned(times, pairs), "f.eaf") == [
        (3, "the time of slot d is soon, not milliseconds"),
        (6, "f: its time slot b is not aligned"),
        (7, "f: its time slot z does not exist"),
        (8, "f: its time slot d is not aligned"),
    ]


def test_two_elan_documents_of_one_film_are_told(tmp_path):
    for name in ("coder 1.eaf", "coder 2.eaf"):
        elan(tmp_path / name, ("t", [(0, 1000, "hold")]), media="film.mp4")
    with pytest.raises(AnnotationError) as caught:
        read_annotations(tmp_path)
    assert caught.value.problems == ((1, "coder 2.eaf: the film film has another document already"),)


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
        (3, "a.mp4: it is listed on line 1 already, as run"),
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
    assert annotations.warnings == ((None, "1 file without a film's suffix passed over"),)


def test_class_folders_inside_subsets(read):
    annotations = read({"train/run/1.mp4": "", "val/run/2.mp4": "", "val/sit/1.mp4": ""})
    assert {name: (v.clip_label, v.subset) for name, v in annotations.videos.items()} == {
        "train/run/1.mp4": ("run", "training"),
        "val/run/2.mp4": ("run", "validation"),
        "val/sit/1.mp4": ("sit", "validation"),
    }


# ---- which format


@pytest.mark.parametrize(
    "content",
    [
        "",
        "  \n",
        "hello world",
        "a note, with a comma\n",
        "[1, 2]",
        '{"results": {}}',
        '{"database": 3}',
        "v1,0.5,2.0,walk\n",  # no header
        "<html/>",
        b"\x00\x01\x02",
        b"\xff\xfev\x00i\x00d\x00e\x00o\x00",
        b"caf\xe9.mp4 run\n",
    ],
)
def test_what_is_no_format_is_one_clear_error(read, content):
    with pytest.raises(AnnotationError) as caught:
        read(content, "notes.txt")
    assert str(caught.value).startswith("notes.txt ")
    assert len(str(caught.value).splitlines()) == 1
    if "UTF-8" not in str(caught.value):
        assert all(name in str(caught.value) for name in FORMATS)


@pytest.mark.parametrize("suffix", ["json", "csv", "eaf", "txt", "mp4"])
def test_the_suffix_tells_nothing(read, suffix):
    assert read(activitynet(("walk", 1, 2)), f"x.{suffix}").format == "ActivityNet JSON"
    assert read(TABLE, f"x.{suffix}").format == "CSV"
    assert read(unaligned({"a": "1", "b": "2"}, [("a", "b")]), f"x.{suffix}").format == "ELAN"


def test_an_empty_folder_and_a_missing_path_are_told(tmp_path):
    with pytest.raises(AnnotationError, match="no annotations of a known format"):
        read_annotations(tmp_path)
    with pytest.raises(AnnotationError, match="No such file"):
        read_annotations(tmp_path / "none.csv")


# ---- what is wrong


def test_every_mistake_is_told_at_once_with_its_line(problems):
    table = """\
video,start_s,end_s,label
a,-1,2,walk
a,5,4,walk
a,6,6,walk
a,nan,7,walk
a,8,1e999,walk
a,8,soon,walk
a,9,10,
../b,1,2,walk
a,1,2
a,20,30,walk

a,20,30,walk
a,25,35,walk
a,30,35,sit
"""
    assert problems(table) == [
        (2, "a: it starts before the film, at -1 s"),
        (3, "a: it ends at 4 s, before it starts at 5 s"),
        (4, "a: it has no length: it starts and ends at 6 s"),
        (5, "a: its start is not finite"),
        (6, "a: its end is not finite"),
        (7, "a: its end is soon, not a number of seconds"),
        (8, "a: it has no label"),
        (9, "the film's id ../b leads out of the folder"),
        (10, "it has 3 cells, the header 4"),
        (13, "a: walk from 20 s to 30 s stands on line 11 already"),
        (14, "a: walk from 25 s to 35 s overlaps the same label on line 11, from 20 s to 30 s"),
    ]


def test_the_message_says_fact_consequence_cure_then_each_problem(read):
    with pytest.raises(AnnotationError) as caught:
        read("video,start_s,end_s,label\na,2,1,x\nb,3,4,\nc,1,2,y\n", "train.csv")
    first, *rest = str(caught.value).splitlines()
    assert first == (
        "train.csv has 2 problems; no annotations were read; mend the file, or leave out what is wrong (skip_bad)"
    )
    assert rest == ["  line 2: a: it ends at 1 s, before it starts at 2 s", "  line 3: b: it has no label"]


def test_the_message_stops_where_nobody_reads_on_but_problems_does_not(read):
    with pytest.raises(AnnotationError) as caught:
        read("video,start_s,end_s,label\n" + "a,2,1,x\n" * 250)
    assert str(caught.value).splitlines()[-1] == "  and 150 more"
    assert [line for line, _ in caught.value.problems] == list(range(2, 252))


def test_skip_bad_leaves_out_what_is_wrong_and_only_that(read):
    annotations = read("video,start_s,end_s,label\na,1,2,x\na,4,3,x\nb,4,3,x\nc,,,\n", skip_bad=True)
    assert drawn(annotations) == {"a": "x 1-2", "c": ""}  # b is not a film in which nothing happens
    assert [line for line, _ in annotations.skipped] == [3, 4]
    with pytest.raises(AnnotationError, match="1 problem; no annotations were read; mend the file\n"):
        read("video,start_s,end_s,label\nb,4,3,x\n", skip_bad=True)


def test_mistakes_of_a_json_file_have_its_lines(problems):
    text = """\
{"database": {
  "v1": {"duration": "long", "subset": "holdout",
    "annotations": [
      {"label": "walk", "segment": [1, 2]},
      {"label": 5, "segment": [1, "2"]},
      {"label": "walk",
       "segment": [3]},
      7
    ]},
  "v2": {"annotations": null},
  "/v3": {"annotations": []},
  "v4": [],
  "v1": {"annotations": []}
}}"""
    assert problems(text) == [
        (2, "v1: this key stands twice; the first would be read"),
        (2, "v1: its duration is long, not seconds above 0"),
        (2, "v1: its subset is holdout, not training, validation or test"),
        (5, "v1.annotations[1]: its end is 2, not a number of seconds"),
        (5, "v1.annotations[1]: its label is 5, not text"),
        (6, "v1.annotations[2]: its segment is a list, not [start, end]"),
        (8, "v1.annotations[3]: it is 7, not an object"),
        (10, "v2: its annotations are nothing, not a list"),
        (11, "/v3: the film's id /v3 leads out of the folder"),
        (12, "v4: a film is a list, not an object"),
    ]


def located(value, path=()):
    """The paths of a JSON value in the order of its text, by walking it."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield (*path, key)
        yield from located(item, (*path, key))


json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=100, deadline=None)
@given(json_values)
def test_the_lines_of_a_json_text(value):
    # indented, every key and every item begins a line of its own
    text = json.dumps(value, indent=2)
    lines = json_lines(text, depth=100)
    assert list(lines) == list(located(value))
    openers = [n for n, line in enumerate(text.split("\n"), 1) if n > 1 and line.strip().rstrip(",") not in ("]", "}")]
    assert list(lines.values()) == openers


@pytest.mark.parametrize(
    "name",
    [
        "../a",
        "a/../../b",
        "/a",
        "\\a",
        "C:\\a",
        "..\\a",
        "~/a",
        "..",
        ".",
        "",
        " a",
        "a\x00",
        "a\nb",
        "a\u202eb",
        "x" * 2000,
    ],
)
def test_ids_that_are_no_safe_names_are_refused(problems, name):
    text = json.dumps({"database": {"ok": {"annotations": []}, name: {"annotations": []}}})
    ((line, text),) = problems(text)
    assert line == 1
    assert "the film's id" in text


@pytest.mark.parametrize("name", ["a", "a.b/c d.mp4", "東京", "..a", "a..", "-a", "v_--x_Y"])
def test_ids_that_are_safe_names_are_read(read, name):
    assert list(read(json.dumps({"database": {name: {"annotations": []}}})).videos) == [name]


# ---- films that are known


def test_segments_past_the_end_are_told_and_those_just_past_it_are_cut(read, problems):
    text = activitynet(("a", 1, 10.4), ("b", 1, 10.6), ("c", 10, 10.2), duration=10)
    assert problems(text) == [
        (12, "v1.annotations[1]: it ends at 10.6 s, past the end of the film at 10 s"),
        (19, "v1.annotations[2]: it ends at 10.2 s, past the end of the film at 10 s"),
    ]
    annotations = read(text, skip_bad=True)
    assert drawn(annotations) == {"v1": "a 1-10"}
    assert annotations.warnings == (
        (5, "v1.annotations[0]: 1 segment ends up to 0.4 s past the end of the film and were cut there"),
    )


def test_the_film_itself_knows_its_duration_better(read, problems):
    text = activitynet(("a", 1, 10), duration=10)
    annotations = read(text, videos={"v1": 20})
    assert annotations.videos["v1"].duration_s == 20
    assert annotations.warnings == ((3, "v1: its duration is said to be 10 s, the film has 20 s"),)
    assert problems(text, videos={"v1": 5})[0][0] == 5


def test_frames_taken_for_seconds_are_suspected(read):
    with pytest.raises(AnnotationError, match="are its times frames or milliseconds"):
        read(activitynet(("a", 25, 250), ("a", 300, 400), ("b", 1, 2)), videos={"v1": 20})


def test_films_that_are_missing_are_told_once_with_the_nearest_name(problems):
    text = "video,start_s,end_s,label\nfilm_a,1,2,x\nfilm-b,1,2,x\nfilm-b,3,4,x\n"
    assert problems(text, videos={"film_a": 9, "film_b": 9}) == [
        (3, "there is no film film-b (did you mean film_b?)"),
    ]


def test_films_without_annotations_are_a_warning(read):
    annotations = read("a.mp4 x\n", videos=dict.fromkeys(["a.mp4", "b.mp4", "c.mp4"], 5))
    assert annotations.warnings == ((None, "2 films without annotations: b.mp4 and c.mp4"),)


@pytest.mark.parametrize("options", [{"fps": 0}, {"fps": float("nan")}, {"videos": {"a": -1}}, {"videos": {"a": 0}}])
def test_rates_and_durations_that_are_none_are_the_callers_mistake(read, options):
    with pytest.raises(InputError):
        read(TABLE, **options)


def test_a_rate_that_means_nothing_is_told(read):
    assert not read(TABLE, fps=25).uses_fps


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (("train", "s"), ("val", "s"), "its subset is validation here, training before"),
        (("train", "s"), ("train", "t"), "its source is t here, s before"),
        (("train", "s"), ("", ""), None),
    ],
)
def test_what_is_said_of_one_film_must_agree(read, problems, first, second, told):
    rows = [["a", "1", "2", "x", *first], ["a", "3", "4", "x", *second]]
    text = "video,start_s,end_s,label,subset,source\n" + "".join(",".join(row) + "\n" for row in rows)
    if told is None:
        assert read(text).num_segments == 2
    else:
        assert problems(text) == [(3, f"a: {told}")]


def test_a_source_on_both_sides_of_the_split_is_a_warning(read):
    text = "path,label,source,subset\na.mp4,x,s,train\nb.mp4,x,s,test\nc.mp4,x,t,test\n"
    assert read(text).warnings == ((None, "the source s is in test and in training"),)


# ---- labels that are one


@pytest.mark.parametrize(
    ("counts", "pairs"),
    [
        ({"walk": 5, "Walk": 1}, [("Walk", "walk")]),
        ({"sit down": 5, "sit_down": 9}, [("sit down", "sit_down")]),
        ({"SitDown": 5, "sitdown": 9}, [("SitDown", "sitdown")]),
        ({"falling": 40, "faling": 60}, [("falling", "faling")]),  # near: however often
        ({"standup": 40, "satndup": 2}, [("satndup", "standup")]),  # less near: the rare one
        ({"clapping": 40, "slapping": 40}, []),
        ({"walk": 9, "talk": 1}, []),
        ({"take plate": 9, "take plates": 1, "make plate": 1}, [("take plates", "take plate")]),
        ({"camera 11": 9, "camera 12": 9}, []),
        ({"class1": 9, "class2": 9}, []),
        ({"passing ball (in game)": 9, "passing ball (not in game)": 1}, []),
        ({"é": 3, "e\u0301": 1}, [("e\u0301", "é")]),
        ({"GallbladderDissection": 9, "GallbladderRetraction": 2}, []),
    ],
)
def test_labels_that_look_alike(counts, pairs):
    assert list(look_alikes(counts)) == pairs


def test_labels_of_the_format_are_never_doubted():
    assert list(look_alikes({"slapping": 1, "clapping": 9}, ["slapping", "clapping"])) == []
    assert list(look_alikes({"Pour": 9, "pour": 1}, ["pour"])) == [("Pour", "pour")]


def test_a_misspelt_label_is_a_warning_at_its_first_line(read):
    annotations = read(
        "video,start_s,end_s,label\na,1,2,falling\na,3,4,faling\na,5,6,falling\na,7,8,faling\na,9,10,falling\n"
    )
    assert annotations.warnings == ((3, "the label faling looks like falling, misspelt (2 against 3)"),)
    assert annotations.labels == ("faling", "falling")


# ---- round trips, through writers of our own

names = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=12).filter(
    lambda name: "/" not in name and "\\" not in name and name[0] not in "~." and not name[1:].startswith(":")
)
labels = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"], include_characters=" "), min_size=1)
labels = labels.map(str.strip).filter(bool)


@st.composite
def films(draw):
    """{id: (subset, [(label, start, end)])}, apart in time."""
    found = {}
    for name in draw(st.lists(names, unique=True, min_size=1, max_size=4)):
        ends = sorted(draw(st.sets(st.integers(0, 10**7), max_size=8)))
        pairs = list(zip(ends[::2], ends[1::2], strict=False))
        found[name] = (
            draw(st.sampled_from(["training", "validation", "test", None])),
            [(draw(labels), start / 1000, end / 1000) for start, end in pairs],
        )
    return found


def as_found(annotations):
    return {
        name: (v.subset, [(s.label, s.start_s, s.end_s) for s in v.segments]) for name, v in annotations.videos.items()
    }


@settings(max_examples=60, deadline=None)
@given(films(), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
def test_csv_round_trip(tmp_path_factory, given_films, quoting):
    text = io.StringIO(newline="")
    table = csv.writer(text, quoting=quoting)
    table.writerow(["video", "start_s", "end_s", "label", "subset"])
    for name, (subset, segments) in given_films.items():
        rows = [(repr(start), repr(end), label) for label, start, end in segments] or [("", "", "")]
        table.writerows([name, *row, subset or ""] for row in rows)
    path = tmp_path_factory.getbasetemp() / "round.csv"
    path.write_bytes(text.getvalue().encode())
    assert as_found(read_annotations(path)) == given_films


@settings(max_examples=60, deadline=None)
@given(films(), st.sampled_from([None, 1]), st.booleans())
def test_json_round_trip(tmp_path_factory, given_films, indent, ascii_only):
    database = {
        name: {"annotations": [{"label": label, "segment": [start, end]} for label, start, end in segments]}
        | ({"subset": subset} if subset else {})
        for name, (subset, segments) in given_films.items()
    }
    path = tmp_path_factory.getbasetemp() / "round.json"
    path.write_text(json.dumps({"database": database}, indent=indent, ensure_ascii=ascii_only), encoding="utf-8")
    annotations = read_annotations(path)
    assert as_found(annotations) == given_films
    used = {label for _, segments in given_films.values() for label, *_ in segments}
    assert set(annotations.labels) == used
