"""CVAT's XML: tracks and tags as segments, and timelines as tracks that CVAT shows as they were."""

import contextlib
import itertools
from fractions import Fraction

import pytest
from annotation_reading import drawn, problems, read  # noqa: F401  (fixtures among them)
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from research_timelines import annotations_in, plain, scores, segment, timeline  # noqa: F401  (a fixture among them)

from vtn_stream.errors import AnnotationError, NoRate
from vtn_stream.formats import FORMATS, Options
from vtn_stream.formats.annotations import timelines_of
from vtn_stream.formats.annotations.frames import NO_RATE
from vtn_stream.formats.reading import ReadingOptions

WRITE = FORMATS["cvat"].write


def task(source="film.mp4", name="my task", more="", labels=("walk", "eat"), stop=99, **facts):
    facts = {"id": 7, "name": name, "size": stop + 1, "start_frame": 0, "stop_frame": stop, "frame_filter": ""} | facts
    if source:
        facts["source"] = source
    names = "".join(f"<label><name>{label}</name><attributes/></label>" for label in labels)
    inner = "".join(f"<{key}>{value}</{key}>" for key, value in facts.items())
    return f"<task>{inner}<labels>{names}</labels><owner><name>somebody</name></owner>{more}</task>"


def document(*content, meta=None):
    meta = task() if meta is None else meta
    return "\n".join(
        ["<?xml version='1.0'?>", f"<annotations><version>1.1</version><meta>{meta}</meta>", *content, "</annotations>"]
    )


def box(frame, inner="", outside=0, kind="box", **more):
    said = {"frame": frame, "outside": outside, "keyframe": 1, "occluded": 0, "xtl": 1} | more
    said_of = " ".join(f'{key}="{value}"' for key, value in said.items())
    return f"<{kind} {said_of}>{inner}</{kind}>"


def track(*shapes, label="walk", number=0, task_id=""):
    of = f' task_id="{task_id}"' if task_id else ""
    return f'<track id="{number}" label="{label}"{of} source="manual">{"".join(shapes)}</track>'


def attribute(name, value):
    return f'<attribute name="{name}">{value}</attribute>'


def image(frame, *inner):
    return f'<image id="{frame}" name="frame_{frame:06d}" width="9" height="9">{"".join(inner)}</image>'


def tag(label, inner=""):
    return f'<tag label="{label}" source="manual">{inner}</tag>'


# ---- tracks


def test_a_track_lasts_from_a_shape_to_the_one_that_is_outside(read):
    tracks = [
        track(box(10), box(11), box(12), box(13, outside=1), box(50), box(60, outside=1)),
        track(box(0, kind="polygon", points="1,2;3,4"), box(20, outside=1), label="eat", number=1),
    ]
    annotations = read(document(*tracks), "annotations.xml", fps=10)
    assert (annotations.format, annotations.labels, annotations.uses_fps) == ("CVAT", ("walk", "eat"), True)
    assert drawn(annotations) == {"film.mp4": "eat 0-2, walk 1-1.3, walk 5-6"}
    assert annotations.warnings == ()


def test_a_track_that_is_left_open_lasts_to_the_end_of_the_task_where_frames_are_not_listed(read):
    listed = track(box(95), box(96))
    annotations = read(document(listed), "a.xml", fps=10)
    assert (drawn(annotations), annotations.warnings) == ({"film.mp4": "walk 9.5-9.7"}, ())
    annotations = read(document(track(box(95))), "a.xml", fps=10)
    assert drawn(annotations) == {"film.mp4": "walk 9.5-10"}
    assert [text for _, text in annotations.warnings] == [
        "1 track without an end: taken to last to the end of the task, as CVAT shows it"
    ]


def test_where_attributes_change_another_segment_begins(read):
    def person(frame, **said):
        return box(frame, "".join(attribute(name, value) for name, value in said.items()))

    shapes = [person(0, who="A", action=""), person(10, action="run"), person(20), person(30, action="sit")]
    annotations = read(document(track(*shapes, box(40, outside=1))), "a.xml", fps=10)
    assert [(s.start_s, s.end_s, s.attributes) for s in annotations.videos["film.mp4"].segments] == [
        (0, 1, {"who": "A"}),
        (1, 3, {"who": "A", "action": "run"}),
        (3, 4, {"who": "A", "action": "sit"}),
    ]


def test_tracks_of_one_label_at_one_time_are_told_apart(read):
    tracks = [
        track(box(0), box(20, outside=1), number=3),
        track(box(10), box(30, outside=1), number=8),
        track(box(0), box(9, outside=1), label="eat"),
    ]
    (video,) = read(document(*tracks), "a.xml", fps=10).videos.values()
    assert [(s.label, s.attributes) for s in video.segments] == [
        ("eat", {}),
        ("walk", {"track": "3"}),
        ("walk", {"track": "8"}),
    ]


def test_a_skeleton_is_outside_where_all_of_its_points_are(read):
    def skeleton(frame, *outside):
        points = "".join(box(frame, kind="points", label=i, outside=o) for i, o in enumerate(outside))
        return f'<skeleton frame="{frame}" keyframe="1">{points}{attribute("who", "A")}</skeleton>'

    annotations = read(document(track(skeleton(0, 0, 0), skeleton(10, 0, 1), skeleton(20, 1, 1))), "a.xml", fps=10)
    assert drawn(annotations) == {"film.mp4": "walk 0-2"}
    assert annotations.videos["film.mp4"].segments[0].attributes == {"who": "A"}


# ---- frames


def test_tags_on_frames_that_follow_each_other_are_a_segment(read):
    images = [image(n, tag("walk") * (n in (3, 4, 5, 8)), tag("eat") * (n > 4)) for n in range(9)]
    annotations = read(document(*images, meta=task(mode="interpolation")), "annotations.xml", fps=10)
    assert drawn(annotations) == {"film.mp4": "walk 0.3-0.6, eat 0.5-0.9, walk 0.8-0.9"}


def test_shapes_on_frames_and_tags_with_a_frame_count_too(read):
    content = [image(3, box(0, label="walk")), image(4, box(0, label="walk")), '<tag label="eat" frame="7"/>']
    assert drawn(read(document(*content), "a.xml", fps=10)) == {"film.mp4": "walk 0.3-0.5, eat 0.7-0.8"}


def test_with_a_frame_filter_a_shape_stands_for_the_frames_up_to_the_next(read):
    content = [track(box(10), box(15), box(20, outside=1)), image(30, tag("eat")), image(35, tag("eat"))]
    annotations = read(document(*content, meta=task(frame_filter="step=5")), "a.xml", fps=10)
    assert drawn(annotations) == {"film.mp4": "walk 1-2, eat 3-4"}


def test_pictures_are_taken_as_frames_and_told(read):
    annotations = read(document(image(3, tag("walk")), meta=task("", mode="annotation")), "a.xml", fps=1)
    assert drawn(annotations) == {"my task": "walk 3-4"}
    assert [text for _, text in annotations.warnings] == [
        "my task: its task is one of pictures: they are taken as the frames of a film"
    ]


# ---- films


def test_a_task_of_a_part_of_its_film_says_nothing_of_the_rest(read):
    text = document(track(box(50), box(60, outside=1)), meta=task(start_frame=40, stop_frame=79))
    annotations = read(text, "a.xml", fps=10, videos={"film.mp4": 30.0})
    assert drawn(annotations) == {"film.mp4": "walk 5-6"}
    assert annotations.videos["film.mp4"].known.spans("walk") == ((4, 8),)
    beyond = read(text.replace("79", "40"), "b.xml", fps=10, videos={"film.mp4": 30.0})
    assert beyond.videos["film.mp4"].known.spans("walk") == ((4, 6),)
    whole = read(document(track(box(50), box(60, outside=1))), "a.xml", fps=10, videos={"film.mp4": 10.2})
    assert whole.videos["film.mp4"].known is None


def test_a_film_of_unknown_length_does_not_end_before_its_task(read):
    for content, num in ((track(box(0), box(10, outside=1)), 1), ("", 0)):
        (found,) = timelines_of(read(document(content), fps=25), "a.xml", ReadingOptions()).timelines
        assert (found.duration_s, len(found.segments)) == (4.0, num)


def test_a_project_has_a_film_for_each_task(read, problems):
    project = f"<project><name>p</name><tasks>{task('a.mp4', id=1)}{task('b.mp4', id=2)}</tasks></project>"
    tracks = [track(box(10), box(20, outside=1), task_id=n) for n in (2, 1, 1)][:2]
    assert drawn(read(document(*tracks, meta=project), "a.xml", fps=10)) == {"a.mp4": "walk 1-2", "b.mp4": "walk 1-2"}
    lost = document(*tracks, track(box(1), task_id=3), meta=project)
    assert [text for _, text in problems(lost, "a.xml", fps=10)] == ["the file has no task 3"]


def test_a_job_is_read_as_its_task_and_old_files_name_the_source_outside(read):
    job = task("", id=3, name="", start_frame=10).replace("task>", "job>")
    assert drawn(read(document(track(box(20), box(30, outside=1)), meta=job), "job 3.xml", fps=10)) == {
        "job 3": "walk 2-3"
    }
    old = task("") + "<source>C:\\films\\old.avi</source>"
    assert drawn(read(document(track(box(20), box(30, outside=1)), meta=old), "a.xml", fps=10)) == {
        "old.avi": "walk 2-3"
    }


def test_without_a_rate_the_cure_is_the_option_and_the_film_is_known(read):
    with pytest.raises(NoRate) as caught:
        read(document(track(box(1))), "annotations.xml")
    assert (caught.value.cure, caught.value.film) == (NO_RATE, "film.mp4")


def test_a_folder_of_files_is_read_as_one(read):
    files = {f"{n}.xml": document(track(box(10), box(20, outside=1)), meta=task(f"{n}.mp4")) for n in "ab"}
    assert drawn(read(files | {"notes.txt": "x"}, fps=10)) == {"a.mp4": "walk 1-2", "b.mp4": "walk 1-2"}


# ---- what is wrong


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (track(box("x"), box(5), box(6, outside=1)), "film.mp4: its frame is x"),
        (track(box(5), box(6, outside=1), label=""), "film.mp4: it has no label"),
        (image(0, tag("walk")) + '<tag label="walk" frame="-1"/>', "film.mp4: its frame is -1"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(problems, content, told):
    assert problems(document(content), "a.xml", fps=10) == [(3, told)]


def test_entities_and_damage_are_refused(read):
    bomb = '<!DOCTYPE a [<!ENTITY b "c">]>'
    for text in (document().replace("<annotations>", f"{bomb}<annotations>", 1), document(track())[:-20]):
        with pytest.raises(AnnotationError, match=r"XML|no element found"):
            read(text, "a.xml", fps=10)


def test_other_annotations_are_of_no_known_format(read):
    with pytest.raises(AnnotationError, match="no annotations of a known format"):
        read("<annotations><note>x</note></annotations>", "a.xml")


# ---- written


def shown(content, num_frames):
    """{label: the frames in which a track of it is to be seen}, as CVAT fills them in from the keys of tracks"""
    root = etree.fromstring(content)
    assert int(root.findtext("meta/task/size")) == num_frames
    frames = {}
    for of in root.iter("track"):
        keys = [(int(b.get("frame")), b.get("outside") == "1") for b in of.iter("box") if b.get("keyframe") == "1"]
        ends = [frame for frame, _ in keys[1:]] + [num_frames]
        assert keys == sorted(keys)
        assert keys[-1][0] < num_frames
        for (start, outside), end in zip(keys, ends, strict=True):
            frames.setdefault(of.get("label"), set()).update(() if outside else range(start, end))
    return frames


attributes = st.dictionaries(plain.filter(lambda name: name not in ("score", "track")), plain, max_size=2)


@st.composite
def of_frames(draw):
    """A timeline of at most 40 frames; of a label no two overlap."""
    rate, num = draw(st.sampled_from([Fraction(25), Fraction(30000, 1001), Fraction(1)])), draw(st.integers(1, 40))
    found = []
    for label in draw(st.lists(plain, unique=True, max_size=3)):
        borders = sorted(draw(st.sets(st.integers(0, num), max_size=5)))
        for a, b in itertools.pairwise(borders):
            score = draw(st.none() | scores)
            found.append(segment(float(a / rate), float(b / rate), label, score=score, attributes=draw(attributes)))
    return timeline(*found, duration_s=float(num / rate), nominal_rate=rate), rate, num


@given(of_frames())
def test_a_timeline_comes_back_and_cvat_shows_it_on_its_frames(annotations_in, given_film):
    before, rate, num = given_film
    written = WRITE([before], Options())
    assert written.warnings == ()
    read = timelines_of(annotations_in(written.content), "film.xml", ReadingOptions())
    (after,) = read.timelines
    assert (after.segments, after.duration_s, after.nominal_rate) == (before.segments, before.duration_s, rate)
    assert (after.video_path, after.reviewed) == (before.video_path, ())
    expected = {}
    for s in before.segments:
        expected.setdefault(s.label, set()).update(range(round(s.start_s * rate), round(s.end_s * rate)))
    assert shown(written.content, num) == expected


def test_what_cvat_cannot_hold_is_told():
    film = timeline(segment(1, 1), segment(2, 3, ""), segment(3, 4, "a\0b"), segment(5, 6, attributes={"x": "\0"}))
    written = WRITE([film], Options())
    assert written.warnings == (
        "1 segment shorter than a frame, of which there are no parts: written as one frame",
        "1 label empty: written as (no label)",
        "2 segments with characters that XML does not have: written with U+FFFD in their place",
    )
    names = [label.findtext("name") for label in etree.fromstring(written.content).iter("label")]
    assert sorted(names) == ["(no label)", "a", "a\ufffdb"]


def test_segments_of_one_label_at_one_time_come_back_as_two_tracks(annotations_in):
    film = timeline(segment(1, 3), segment(2, 4), duration_s=9.0)
    (video,) = annotations_in(WRITE([film], Options()).content).videos.values()
    assert [(s.start_s, s.end_s, s.attributes["track"]) for s in video.segments] == [(1, 3, "0"), (2, 4, "1")]


@given(
    st.floats(0, 1),
    st.integers(0, 9),
    st.sampled_from(['"', "<", ">", "</box>", "<track>", "<tag/>", "<meta/>", "1", "-1", "x", "\0", "&amp;", "é", ""]),
)
def test_an_edited_file_is_read_or_refused(annotations_in, where, num, put):
    data = document(track(box(1), box(5, outside=1)), image(3, tag("walk")), track(box(7), label="eat")).encode()
    at = int(where * len(data))
    with contextlib.suppress(AnnotationError):
        annotations_in(data[:at] + put.encode() + data[at + num :], fps=25)
