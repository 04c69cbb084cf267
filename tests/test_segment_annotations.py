"""Annotations of segments, format by format: JSON, tables, lines a frame; and round trips of our own."""

import csv
import io
import json
from fractions import Fraction

import pytest
from annotation_reading import TABLE, activitynet, drawn, problems, read  # noqa: F401  (fixtures among them)
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.errors import AnnotationError
from vtn_stream.formats.annotations import read_annotations
from vtn_stream.formats.annotations.cholec80 import PHASES
from vtn_stream.formats.annotations.text import seconds
from vtn_stream.timeline import Segment

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
    assert "say how many a second with --annotation-fps" in problems(json.dumps(without))[0][1]


def test_a_label_id_is_of_one_label(problems):
    first = {"label": "Diving", "segment": [1, 2], "label_id": 7}
    second = {"label": "Diving", "segment": [3, 4], "label_id": 8}
    assert problems(thumos(first, second)) == [
        (1, "video_validation_0000001.annotations[1]: the label_id of Diving is 8 here, 7 before")
    ]


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
    ("header", "told"),
    [
        ("video,start,end,label", "start and end may be seconds, milliseconds or frames"),
        ("video,from,duration,label", "from and duration may be seconds, milliseconds or frames"),
        ("video,start_s,begin_s,end_s,label", "start_s and begin_s may mean the same"),
        ("video,start_s,end_s,action,event", "action and event may mean the same"),
        ("video,start_s,end_s,nothing", "the header lacks label"),
        ("video,start_s,label,nothing", "the header lacks end_s"),
        ("video,end_s,label,nothing", "the header lacks start_s"),
        ("video,frame,label,nothing", "the header lacks start_s, end_s"),
    ],
)
def test_a_header_that_can_be_read_in_two_ways_is_refused_and_its_columns_named(problems, header, told):
    ((line, text),) = problems(f"{header}\n" + ",".join("12345"[: header.count(",") + 1]))
    assert line == 1
    assert told in text


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
    with pytest.raises(AnnotationError, match="say how many a second with --annotation-fps"):
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
    assert [v.duration_s for v in full.videos.values()] == [v.duration_s for v in derived.videos.values()] == [5.0]
    assert [v.num_labels for v in (full.videos["video01"], derived.videos["video01"])] == [125, 5]
    assert full.videos["video01"].duration_s == 5


def test_cholec80_folder(read):
    annotations = read(
        {f"video{i:02d}-phase.txt": "Frame\tPhase\n" + phases((PHASES[i], 25)) for i in range(3)}
        | {"README.md": "# phases", ".hidden": ""},
        fps=5,
    )
    assert drawn(annotations) == {f"video{i:02d}": f"{PHASES[i]} 0-5" for i in range(3)}
    assert annotations.warnings == ((None, "1 file of another format ignored"),)


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


def test_a_time_in_json_may_be_a_clock_s(read):
    assert drawn(read(activitynet(("goal", "1:30", "0:02:00.5")))) == {"v1": "goal 90-120.5"}


CORRECTED = """video,start_s,end_s,label,score,origin,was_start_s,was_end_s,was_label,was_score
a.mp4,1,2,walk,.9,curated,1,3,walk,.9
a.mp4,4,5,walk,.6,{},,,,
"""


def test_a_table_of_a_corrected_timeline_is_read_with_its_rows_by_hand(read):
    annotations = read(CORRECTED.format("manual"), "a.csv")
    assert (drawn(annotations), annotations.warnings) == ({"a.mp4": "walk 1-2, walk 4-5"}, ())


def test_a_row_that_a_model_says_and_nobody_looked_at_is_no_annotation(tmp_path):
    table = tmp_path / "a.csv"
    table.write_text(CORRECTED.format("model"))
    with pytest.raises(AnnotationError) as refusal:
        read_annotations(table)
    assert refusal.value.problems == (
        (3, "a model says so, and nobody looked at it (origin): give FILM.timeline.json instead"),
    )
    assert read_annotations(table, predicted=True).num_segments == 2
