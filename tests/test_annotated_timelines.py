"""Annotations as timelines, and as what is learnt: segments, instants."""

import json

import pytest
from spot_files import read, region, task  # noqa: F401  (fixtures among them)

from vtn_stream.formats.annotations import timelines_of
from vtn_stream.formats.annotations.annotated import AnnotatedVideo, Annotations
from vtn_stream.formats.reading import ReadingOptions
from vtn_stream.timeline import Segment

# ---- annotations as timelines


def test_each_film_becomes_a_timeline(read):
    text = "video,start_s,end_s,label,video_duration_s\nbelow/a.mp4,1,2,walk,10\nb,1,2.5,run,\nc,,,,\n"
    made = timelines_of(read(text), "train.csv", ReadingOptions())
    assert [(t.video_path, t.duration_s, t.span_s, len(t.segments)) for t in made.timelines] == [
        ("below/a.mp4", 10, (0, 10), 1),
        ("b", 2.5, (0, 2.5), 1),
        ("c", 0, (0, 0), 0),
    ]
    assert made.timelines[0].provenance == {"converted_from": "CSV", "notes": []}
    assert "taken to end with the last segment" in made.timelines[1].provenance["notes"][0]
    assert made.warnings == ()


def test_the_rate_of_a_file_is_the_timelines(read):
    (one,) = timelines_of(read([task(region())]), "x.json", ReadingOptions()).timelines
    assert one.nominal_rate == 25


def test_a_clip_is_a_clip_label_and_a_segment_where_its_length_is_known(read):
    clips = read("path,label,duration_s\na.mp4,run,4\nb.mp4,sit,\n")
    a, b = timelines_of(clips, "clips.csv", ReadingOptions()).timelines
    assert (a.clip_labels, [(s.start_s, s.end_s, s.label) for s in a.segments]) == ((("run", 1.0),), [(0, 4, "run")])
    assert (b.clip_labels, b.segments) == ((("sit", 1.0),), ())
    _, b = timelines_of(clips, "clips.csv", ReadingOptions(duration_s=7.0)).timelines
    assert [(s.start_s, s.end_s) for s in b.segments] == [(0, 7)]


def test_what_was_doubtful_and_what_was_left_out_is_told(read):
    bad = "".join(f"a,{i + 1},{i},x\n" for i in range(25))
    annotations = read("video,start_s,end_s,label,note\na,1,2,x,\n" + bad.replace(",x\n", ",x,\n"), skip_bad=True)
    warnings = timelines_of(annotations, "x.csv", ReadingOptions()).warnings
    assert warnings[0] == "line 1: columns that are not read: note"
    assert warnings[1] == "left out: line 3: a: it ends at 0 s, before it starts at 1 s"
    assert warnings[-1] == "left out: and 5 more"
    assert len(warnings) == 22


# ---- events without a length, where they are learnt


def test_events_without_a_length_are_learnt_as_instants(read):
    film = {"video": "a", "num_frames": 250, "fps": 25, "events": []}
    film["events"] = [{"frame": frame, "label": "jump"} for frame in (0, 100, 249)]
    annotations = read(json.dumps([film]))
    assert annotations.instants == ("jump",)
    learnt = annotations.of_one_kind()
    assert [(s.start_s, s.end_s) for s in learnt.videos["a"].segments] == [(0, 0), (4, 4), (9.96, 9.96)]
    assert [p.text for p in learnt.warnings] == ["3 events without a length are learnt as instants: jump"]


def test_what_has_a_length_keeps_it(read):
    annotations = read("video,start_s,end_s,label\na,1,1.001,walk\n")
    assert annotations.of_one_kind() is annotations
    assert annotations.instants == ()


def test_labels_of_both_kinds_become_segments_and_a_line_says_so():
    segments = [(0, 0, "goal"), (4, 4, "foul"), (5, 8, "goal"), (9.8, 9.8, "goal")]
    video = AnnotatedVideo(
        segments=tuple(Segment(start_s=start, end_s=end, label=label) for start, end, label in segments), duration_s=10
    )
    annotations = Annotations(format="x", labels=("goal", "foul", "none"), videos={"a": video})
    assert annotations.instants == ("foul",)
    learnt = annotations.of_one_kind()
    assert [(s.start_s, s.end_s, s.label) for s in learnt.videos["a"].segments] == [
        (0, 0.5, "goal"),
        (4, 4, "foul"),
        (5, 8, "goal"),
        (pytest.approx(9.3), 10, "goal"),
    ]
    assert learnt.instants == ("foul",)
    assert [p.text for p in learnt.warnings] == [
        "1 event without a length is learnt as instants: foul",
        "some events have no length, and others of the same label have one: goal (2 of 3); those without are learnt as "
        "the 1 s around, and timelines show segments",
    ]
