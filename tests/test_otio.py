"""Timelines of OpenTimelineIO, as its own library has them."""

import contextlib
import copy
import json

import opentimelineio as otio_library
import pytest
from editor_timelines import COUNTED, back, read, segment, spans, written
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.errors import TimelineError
from vtn_stream.formats import otio


def library_reads(content):
    return otio_library.core.deserialize_json_from_string(content if isinstance(content, str) else content.decode())


@pytest.mark.parametrize(("rate", "start"), COUNTED[:-1])
def test_the_library_reads_its_tracks_at_the_same_frames(rate, start):
    content, _ = written(
        otio, segment(1, 3, "a"), segment(2, 4, "a"), segment(3, 5, "a"), segment(2, 2, "b"), rate=rate, start=start
    )
    project = library_reads(content)
    assert project.global_start_time.to_timecode(float(rate), ";" in start) == start
    assert [track.name for track in project.tracks] == ["a", "a (2)", "b"]
    found = []
    for clip in project.find_clips():
        place = clip.transformed_time_range(clip.trimmed_range(), project.tracks)
        found.append((clip.name, place.start_time.value, place.end_time_exclusive().value))
        assert clip.media_reference.target_url == "film.mp4"
        shown = clip.source_range.start_time - project.global_start_time
        assert shown.value == pytest.approx(place.start_time.value)
    at = [round(second * rate) for second in range(6)]
    assert found == [("a", at[1], at[3]), ("a", at[3], at[5]), ("a", at[2], at[4]), ("b", at[2], at[2] + 1)]


def clip(name, start, lasts, rate=25.0, **more):
    frames = otio_library.opentime.RationalTime
    shown = otio_library.opentime.TimeRange(frames(start, rate), frames(lasts, rate))
    return otio_library.schema.Clip(name=name, source_range=shown, **more)


def gap(lasts):
    return otio_library.schema.Gap(source_range=clip("", 0, lasts).source_range)


def marker(name, start, lasts):
    return otio_library.schema.Marker(name=name, marked_range=clip("", start, lasts).source_range)


def nested():
    """Tracks in stacks in tracks, trimmed, with a transition and two rates."""
    schema = otio_library.schema
    inner = schema.Track(name="inner", children=[clip("cut off", 0, 10), clip("half", 0, 20), clip("whole", 7, 20)])
    stack = schema.Stack(name="stack", children=[inner], source_range=clip("", 15, 25).source_range)
    outer = schema.Track(name="outer", children=[clip("first", 3, 50), gap(25), stack, clip("", 0, 60, 30.0)])
    outer.insert(1, schema.Transition(in_offset=clip("", 0, 5).duration(), out_offset=clip("", 0, 5).duration()))
    return schema.Timeline(
        name="x", tracks=[outer, schema.Track(name="second", children=[gap(5), clip("below", 0, 5)])]
    )


def test_nested_tracks_stand_where_the_library_shows_them():
    project = nested()
    content = otio_library.core.serialize_json_to_string(project)
    assert spans(otio, content) == [
        (0, 2, "first"),
        (0.2, 0.4, "below"),
        (3, 3.6, "half"),
        (3.6, 4, "whole"),
        (4, 6, "outer"),
    ]
    # The library does not cut clips to what the stack around them shows: 0.2 s at its start, 0.4 s at its end.
    places = [(c.name, c.transformed_time_range(c.trimmed_range(), project.tracks)) for c in project.find_clips()]
    assert [
        (name, place.start_time.to_seconds(), place.end_time_exclusive().to_seconds()) for name, place in places
    ] == [
        ("first", 0, 2),
        ("cut off", 2.4, 2.8),
        ("half", 2.8, 3.6),
        ("whole", 3.6, 4.4),
        ("", 4, 6),
        ("below", 0.2, 0.4),
    ]


def test_markers_of_timeline_tracks_and_clips_are_segments():
    schema = otio_library.schema
    track = schema.Track(
        name="t", children=[gap(25), clip("c", 100, 50, markers=[marker("in clip", 125, 5), marker("cut off", 0, 9)])]
    )
    track.markers.append(marker("in track", 10, 0))
    project = schema.Timeline(tracks=[track])
    project.tracks.markers.append(marker("in all", 5, 10))
    content = otio_library.core.serialize_json_to_string(project)
    assert spans(otio, content) == [
        (0.2, 0.6, "in all"),
        (0.4, 0.4, "in track"),
        (1, 3, "c"),
        (2, 2.2, "in clip"),
    ]


def test_a_clip_that_an_editor_moved_or_renamed_has_its_new_place_and_name():
    project = library_reads(written(otio, segment(1.013, 2.013, "a", 0.7), segment(5.001, 6.001, "b"))[0])
    (moved, stays) = project.find_clips()
    moved.parent().insert(0, gap(25))
    stays.name = "renamed"
    content = otio_library.core.serialize_json_to_string(project)
    assert back(otio, content) == (segment(2, 3, "a", 0.7), segment(5.001, 6.001, "renamed"))


def test_old_files_with_one_medium_a_clip_are_read():
    place = {"start_time": {"value": 0, "rate": 30}, "duration": {"value": 60, "rate": 30}}
    old = {
        "OTIO_SCHEMA": "Clip.1",
        "name": "shot",
        "source_range": None,
        "media_reference": {"OTIO_SCHEMA": "ExternalReference.1", "target_url": "/a/b.mov", "available_range": place},
    }
    track = {"OTIO_SCHEMA": "Track.1", "children": [old, old]}
    root = {"OTIO_SCHEMA": "Timeline.1", "tracks": {"OTIO_SCHEMA": "Stack.1", "children": [track]}}
    (after,) = read(otio, json.dumps(root)).timelines
    assert [(s.start_s, s.end_s, s.label) for s in after.segments] == [(0, 2, "shot"), (2, 4, "shot")]
    assert (after.nominal_rate, after.video_path) == (30, "b.mov")


def told(root):
    """Its segments, and what is said of what is none."""
    result = read(otio, otio_library.core.serialize_json_to_string(root))
    return [[(s.start_s, s.end_s, s.label) for s in t.segments] for t in result.timelines], result.warnings


def project(*tracks, **more):
    return otio_library.schema.Timeline(name="x", tracks=list(tracks), **more)


def track(*children, kind="Video", **more):
    return otio_library.schema.Track(name="t", kind=kind, children=list(children), **more)


def off(item):
    item.enabled = False
    return item


def test_what_is_switched_off_takes_its_time_and_is_not_read():
    schema = otio_library.schema
    inner = off(schema.Stack(name="s", children=[track(clip("in stack", 0, 25, markers=[marker("m", 5, 5)]))]))
    root = project(
        track(clip("a", 0, 50), off(clip("b", 0, 25)), off(gap(25)), inner, clip("c", 0, 25)),
        off(track(clip("in track", 0, 25), clip("in track too", 0, 25))),
    )
    assert told(root) == (
        [[(0, 2, "a"), (5, 6, "c")]],
        (
            "4 clips switched off, not read (b, in stack, in track and 1 more)",
            "1 marker switched off, not read (m)",
        ),
    )
    enabled = [c.name for c in root.find_clips() if c.enabled and c.parent().enabled]
    assert enabled == ["a", "in stack", "c"]  # the library leaves it to its readers to look at the stacks


def test_sound_is_read_only_where_there_is_no_picture():
    linked = [clip("a", 0, 50, markers=[marker("m", 5, 5)]), clip("b", 0, 50)]
    sound = [[*copy.deepcopy(linked), clip("music", 0, 25, markers=[marker("beat", 1, 0)])] for _ in range(2)]
    tracks = [track(*of, kind="Audio") for of in sound]
    assert told(project(track(*linked), *tracks)) == (
        [[(0, 2, "a"), (0.2, 0.4, "m"), (2, 4, "b"), (4.04, 4.04, "beat")]],
        ("6 clips of audio tracks not read (a, b and music)",),
    )
    alone = track(clip("voice", 0, 48_000, 48_000.0), kind="Audio")
    (timeline,) = read(otio, otio_library.core.serialize_json_to_string(project(alone))).timelines
    assert [(s.start_s, s.end_s, s.label) for s in timeline.segments] == [(0, 1, "voice")]
    assert timeline.nominal_rate is None


def test_markers_where_the_speed_is_changed_are_told():
    schema = otio_library.schema
    warps = [schema.LinearTimeWarp(time_scalar=2), schema.FreezeFrame(), schema.TimeEffect()]
    for effect in [*warps, schema.LinearTimeWarp(time_scalar=1), off(schema.FreezeFrame())]:
        for at in (clip("a", 0, 50, effects=[effect]), clip("a", 0, 50)):
            at.markers.append(marker("m", 5, 5))
            around = track(at)
            around.effects.extend([] if at.effects else [effect])
            found, warnings = told(project(around))
            assert found == [[(0, 2, "a"), (0.2, 0.4, "m")]]
            assert warnings == (
                ("1 marker where the speed is changed, read as if it were not (m)",)
                if any(effect is warp for warp in warps)
                else ()
            )


def test_what_is_not_shown_is_told():
    assert told(nested())[1] == ("1 clip outside what is shown, not read (cut off)",)
    at = clip("c", 100, 50, markers=[marker("before", 50, 5), marker("", 200, 0), marker("in", 149, 50)])
    assert told(project(track(at))) == (
        [[(0, 2, "c"), (1.96, 2, "in")]],
        ("2 markers outside what is shown, not read (before and unnamed)",),
    )


def test_markers_past_the_end_are_those_of_the_start_timecode_or_told():
    frames = otio_library.opentime.RationalTime
    for start, found, what in [
        (3600, [(0, 2, "a"), (1, 1.2, "m")], "counted from the start timecode, which was taken off"),
        (0, [(0, 2, "a"), (3601, 3601.2, "m")], "past the end of the timeline"),
    ]:
        root = project(track(clip("a", 0, 50)), global_start_time=frames(25 * start, 25))
        root.tracks.markers.append(marker("m", 25 * 3601, 5))
        assert told(root) == ([found], (f"1 marker {what} (m)",))


def test_a_collection_is_a_film_for_each_of_its_timelines():
    schema = otio_library.schema
    several = [project(track(clip(name, 0, 25))) for name in "ab"]
    inner = schema.SerializableCollection(children=[several[1]])
    bin_ = schema.SerializableCollection(name="bin", children=[several[0], clip("loose", 0, 5), inner])
    assert told(bin_) == ([[(0, 1, "a")], [(0, 1, "b")]], ("1 object beside the timelines not read (loose)",))
    with pytest.raises(TimelineError, match="a SerializableCollection, not a Timeline"):
        told(schema.SerializableCollection(children=[clip("loose", 0, 5)]))


def test_a_start_at_a_rate_without_names_is_named_at_one_that_has_them():
    start = otio_library.opentime.RationalTime(12.5 * 3600, 12.5)
    (timeline,) = read(
        otio,
        otio_library.core.serialize_json_to_string(project(track(clip("a", 0, 25, 12.5)), global_start_time=start)),
    ).timelines
    assert (timeline.nominal_rate, timeline.start_timecode) == (12.5, "01:00:00:00")


def deep(levels):
    head = '{"OTIO_SCHEMA": "Timeline.1", "tracks": '
    return head + '{"OTIO_SCHEMA": "Stack.1", "children": [' * levels + "]}" * levels + "}"


@pytest.mark.parametrize(
    "content",
    [
        "[" * 1_000_000,
        deep(100_000),
        '{"OTIO_SCHEMA": "Clip.2"}',
        '{"OTIO_SCHEMA": "Timeline.1", "tracks": null}',
        '{"OTIO_SCHEMA": "Timeline.1", "tracks": {"OTIO_SCHEMA": "Clip.2", "media_references": [1]}}',
        '{"OTIO_SCHEMA": "Timeline.1", "tracks": {"OTIO_SCHEMA": "Stack.1", "OTIO_REF_ID": "s", "children": '
        '[{"OTIO_SCHEMA": "SerializableObjectRef.1", "id": "s"}]}}',
        '{"OTIO_SCHEMA": "Timeline.1", "global_start_time": {"rate": NaN, "value": 1}}',
    ],
)
def test_files_that_bring_the_library_down_are_refused(content):
    with pytest.raises(TimelineError):
        read(otio, content)


@given(st.data())
def test_a_file_with_anything_in_the_place_of_a_value_is_read_or_refused(data):
    root = copy.deepcopy(PROJECT)
    at = root
    while True:
        key = data.draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
        if isinstance(at[key], dict | list) and at[key] and data.draw(st.integers(0, 5)):
            at = at[key]
            continue
        at[key] = data.draw(st.sampled_from([None, True, 0, -1, 1e308, 10**400, "", "x", [], {}, [None], {"rate": 0}]))
        break
    with contextlib.suppress(TimelineError):
        read(otio, json.dumps(root))


PROJECT = json.loads(written(otio, segment(1, 2, "a", 0.5, k="v"), segment(4, 5), start="01:00:00:00")[0])
