"""BORIS projects as annotations: what the events of an observation are, and in which film."""

import gzip
import json

import pytest
from annotation_reading import drawn, problems, read  # noqa: F401  (fixtures among them)
from boris_projects import behaviors, observation, project, text

from vtn_stream.errors import AnnotationError
from vtn_stream.exchange.intake import read_any
from vtn_stream.formats.reading import CodingOptions

CLOSED = CodingOptions(close_open=True)
TWO = (("/video/a.mp4", 10.0), ("C:\\video\\b.mp4", 20.0))


def told(annotations):
    """The warnings, but for that on behaviors that do not occur."""
    return [text for _, text in annotations.warnings if text != "not read: 1 behavior without events"]


def chosen(*names):
    return CodingOptions(observations=names)


def test_states_alternate_for_each_subject_code_and_modifier(read):
    events = [
        (1, "hen", "walk", "fast", "goes"),
        (2, "cock", "walk", "fast"),
        (3, "call"),
        (4, "hen", "walk", "slow|left"),
        (5, "hen", "walk", "fast", "stops"),
        (6, "hen", "walk", "slow|left"),
        (7, "cock", "walk", "fast"),
    ]
    annotations = read(text(one=observation(*events)))
    hen = annotations.videos["hen.mp4"]
    assert [(s.start_s, s.end_s, s.label, s.attributes) for s in hen.segments] == [
        (1, 5, "walk", {"subject": "hen", "modifier": "fast", "comment": "goes", "comment_stop": "stops"}),
        (2, 7, "walk", {"subject": "cock", "modifier": "fast"}),
        (3, 3, "call", {}),
        (4, 6, "walk", {"subject": "hen", "modifier": "slow|left"}),
    ]
    assert (hen.duration_s, hen.rate) == (60.0, 25)
    assert (annotations.format, annotations.labels, annotations.warnings) == ("BORIS project", ("walk", "call"), ())


def test_events_count_by_their_time_and_not_by_their_place(read):
    assert drawn(read(text(one=observation((5, "walk"), (1, "walk"))))) == {"hen.mp4": "walk 1-5"}


def test_a_state_without_its_stop_is_left_out_or_lasts_to_the_end(read, problems):
    content = text(one=observation((1, "walk"), (3, "walk"), (4, "hen", "walk"), (5, "call")))
    ((_, problem),) = problems(content)
    assert problem == (
        "observations.one.events[2]: walk of hen starts, and no STOP follows; --close-open lets it last to the end"
    )
    closed = read(content, coding=CLOSED)
    assert drawn(closed) == {"hen.mp4": "walk 1-3, walk 4-60, call 5-5"}
    assert told(closed) == [
        "observations.one: 1 state without a stop: read until 60 s, the end of the film (walk of hen)"
    ]


def test_where_no_length_is_known_an_open_state_ends_with_the_last_event(read):
    content = text(one=observation((1, "walk"), (8, "call"), films=[("hen.mp4", None)]))
    closed = read(content, coding=CLOSED)
    assert drawn(closed) == {"hen.mp4": "walk 1-8, call 8-8"}
    assert "until 8 s, the last event, as no length is known" in told(closed)[0]


def test_an_open_state_ends_with_the_interval_that_was_observed(read):
    part = observation((12, "walk"), **{"observation time interval": [10, 20]})
    closed = read(text(one=part), coding=CLOSED)
    assert drawn(closed) == {"hen.mp4": "walk 12-20"}
    assert "read until 20 s, the end of the observation" in told(closed)[1]


def test_a_state_of_which_one_time_is_not_known_is_not_paired_the_wrong_way_round(problems, read):
    rows = [(1, "walk"), ("NA", "walk"), (5, "walk"), (8, "walk"), (2, "hen", "walk"), (3, "hen", "walk")]
    content = text(one=observation(*rows))
    assert [text for _, text in problems(content)] == [
        "observations.one.events[1]: walk: its time is NA, not a number of seconds",
        "observations.one.events[1]: walk: without this time 3 other events cannot be paired",
    ]
    assert drawn(read(content, skip_bad=True)) == {"hen.mp4": "walk 2-3"}


def test_the_time_of_an_observation_is_cut_into_that_of_its_films(read):
    annotations = read(text(one=observation((2, "call"), (10, "call"), (8, "walk"), (14, "walk"), films=TWO)))
    assert drawn(annotations) == {"a.mp4": "call 2-2, walk 8-10", "b.mp4": "call 0-0, walk 0-4"}
    assert {video.source for video in annotations.videos.values()} == {"one"}
    assert told(annotations) == [
        "observations.one: 1 event over the border of two films, cut there; the first is walk at 8 s to 14 s"
    ]


def test_what_ends_on_a_border_is_not_cut_whatever_floats_say(read):
    films = [(f"{i}.mp4", 0.1) for i in range(3)]  # 0.1 + 0.1 + 0.1 > 0.3
    annotations = read(text(one=observation((0.1, "walk"), (0.2, "walk"), (0.2, "walk"), (0.3, "walk"), films=films)))
    assert drawn(annotations) == {"0.mp4": "", "1.mp4": "walk 0-0.1", "2.mp4": "walk 0-0.1"}
    assert told(annotations) == []


def test_behind_a_film_of_unknown_length_nothing_can_be_placed(problems, read):
    films = [("a.mp4", 10.0), ("b.mp4", None), ("c.mp4", 5.0)]
    content = text(one=observation((2, "call"), (12, "call"), (13, "call"), films=films))
    ((_, problem),) = problems(content)
    assert "the length of b.mp4 is not in the file, so 2 events from 10 s on may be of it or of the next" in problem
    assert "in BORIS" in problem
    assert drawn(read(content, skip_bad=True)) == {"a.mp4": "call 2-2", "c.mp4": ""}


def test_what_is_past_the_end_of_the_last_film_is_a_problem_there(problems):
    content = text(one=observation((12, "walk"), (45, "walk"), films=TWO))
    ((_, problem),) = problems(content)
    assert problem.endswith("it ends at 35 s, past the end of the film at 20 s")


def test_time_offset_and_dates_of_films_are_taken_off(read, problems):
    late = observation((3601, "walk"), (3602.5, "walk"), **{"time offset": 3600.0})
    assert drawn(read(text(one=late))) == {"hen.mp4": "walk 1-2.5"}
    assert drawn(read(text(one=late | {"time offset": "3600"}))) == {"hen.mp4": "walk 1-2.5"}
    ((_, before),) = problems(text(one=observation((1, "call"), (9, "call"), **{"time offset": 5})))
    assert before == "observations.one.events[0]: call is before the start of the film, at -4 s"
    dated = observation((1_000_008.0, "walk"), (2_000_014.0, "walk"), films=TWO, media_creation_date_as_offset=True)
    dates = dict(zip((path for path, _ in TWO), (1e6, 2e6), strict=True))
    dated["media_info"]["media_creation_time"] = dates
    assert drawn(read(text(one=dated))) == {"a.mp4": "walk 8-10", "b.mp4": "walk 0-4"}
    ((_, offset),) = problems(text(one=late | {"time offset": "soon"}, two=observation(films=[("b.mp4", 1.0)])))
    assert offset == "observations.one: its time offset is soon, not a number of seconds"


def test_the_first_player_counts(read):
    both = observation((1, "call"), file={"1": ["hen.mp4"], "2": ["side.mp4"], "3": []})
    both["media_info"]["offset"] = {"1": 0.0, "2": 20.0}
    annotations = read(text(one=both))
    assert drawn(annotations) == {"hen.mp4": "call 1-1"}
    assert told(annotations) == [
        "observations.one: player 1 counts; the films of other players show the same time, and get no segments: "
        "side.mp4"
    ]
    assert drawn(read(text(one=both | {"file": {"1": [], "2": ["hen.mp4"]}}))) == {"hen.mp4": "call 1-1"}


def test_observations_without_a_film_are_called_by_their_ids(read, problems):
    live = {"type": "LIVE", "file": [], "events": [[1.5, "", "call", "", ""]]}
    annotations = read(text(in_the_barn=live))
    assert drawn(annotations) == {"in the barn": "call 1.5-1.5"}
    assert told(annotations) == [
        "observations.in the barn: it is a live observation: its film is called by its id, in the barn"
    ]
    pictures = {"type": "IMAGES", "directories_list": ["/x"], "file": {}}
    timed = pictures | {"events": [[2.0, "", "walk", "", "", 1, "/x/1.jpg"], [4.0, "", "walk", "", "", 2, "/x/2.jpg"]]}
    assert drawn(read(text(one=timed))) == {"one": "walk 2-4"}
    rows = '[[NaN, "", "walk", "", "", 1, "/x/1.jpg"], ["NA", "", "walk", "", "", 2, "/x/2.jpg"]]'
    ((_, problem),) = problems(text(one=pictures | {"events": 0}, two=observation()).replace("0}", f"{rows}}}", 1))
    assert problem.startswith("observations.one.events[0]: 2 events with a picture and without a time: give")
    assert drawn(read(text(none=observation((1, "call"), films=[])))) == {"none": "call 1-1"}


def test_two_coders_of_one_film_are_not_mixed(read, problems):
    content = text(
        ann=observation((1, "walk"), (2, "walk")),
        bob=observation((1.1, "walk"), (2.2, "walk"), films=[("D:/hen.mp4", 60.0)]),
        other=observation((3, "call"), films=[("cock.mp4", 60.0)]),
    )
    ((_, problem),) = problems(content)
    assert problem == (
        "observations.ann: hen.mp4 has 2 observations, ann and bob: choose with --observation; several that are chosen "
        "are joined"
    )
    assert drawn(read(content, skip_bad=True)) == {"cock.mp4": "call 3-3"}
    assert drawn(read(content, coding=chosen("bob"))) == {"hen.mp4": "walk 1.1-2.2"}
    assert drawn(read(content, coding=chosen("b*", "o?her"))) == {"hen.mp4": "walk 1.1-2.2", "cock.mp4": "call 3-3"}
    with pytest.raises(AnnotationError, match=r"no observation is called eve.*name one of these: ann, bob and other"):
        read(content, coding=chosen("eve"))


def test_observations_that_were_chosen_are_joined(read):
    focal = [observation((1, who, "walk"), (2, who, "walk")) for who in ("hen", "cock")]
    joined = read(text(first=focal[0], second=focal[1]), coding=chosen("*"))
    assert drawn(joined) == {"hen.mp4": "walk 1-2, walk 1-2"}
    assert told(joined) == ["observations.first: hen.mp4: the observations first and second are joined"]


def test_an_id_with_marks_of_patterns_is_also_itself(read):
    content = text(**{"day [1]": observation((1, "call")), "b": observation(films=[("b.mp4", 1.0)])})
    assert drawn(read(content, coding=chosen("day [1]"))) == {"hen.mp4": "call 1-1"}


def test_films_of_one_name_in_two_folders_keep_them_where_they_are_relative(read):
    def of(path):
        return observation((1, "call"), films=[(path, 5.0)])

    annotations = read(text(one=of("mon/cam.mp4"), two=of("tue\\cam.mp4"), three=of("x/alone.mp4")))
    assert list(annotations.videos) == ["mon/cam.mp4", "tue/cam.mp4", "alone.mp4"]


def test_events_of_unknown_behaviors_are_told_once_for_each(problems):
    ethogram = behaviors(walk="State") | {"9": {"code": "odd", "type": ""}}
    rows = observation((1, "walk"), (2, "walk"), (3, "run"), (4, "run"), (5, "odd"))
    assert [text for _, text in problems(text(ethogram, one=rows))] == [
        "observations.one.events[2]: run: it is not in the ethogram, so nothing says whether it lasts, and 2 events "
        "cannot be read; add it to the ethogram in BORIS",
        "observations.one.events[4]: odd: its type is not known, so nothing says whether it lasts, and 1 event cannot "
        "be read; add it to the ethogram in BORIS",
    ]


@pytest.mark.parametrize("time", ["NA", None, True, "soon", [1], {}, "nan"])
def test_an_event_without_a_time_is_a_problem(problems, time):
    ((_, problem),) = problems(text(one=observation((time, "call"), (2, "call"))))
    assert problem.startswith("observations.one.events[0]: call: its time is ")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "-Infinity", "1" * 5000])
def test_numbers_that_no_time_has_are_problems(problems, number):
    assert len(problems(text(one=observation((0.5, "call"), (2, "call"))).replace("0.5", number))) == 1


@pytest.mark.parametrize("row", [5, [], [1], [1, ""], [1, "", None], [1, "", 7], {"time": 1}, [1, 2, "call"]])
def test_what_is_no_event_is_a_problem(problems, row):
    good = observation((2, "call"))
    assert len(problems(text(one=good | {"events": [row, *good["events"]]}))) == 1


def test_a_state_that_stops_when_it_starts_is_an_instant(read):
    annotations = read(text(one=observation((1, "walk"), (1, "walk"), (2, "walk"), (3, "walk"))))
    assert drawn(annotations) == {"hen.mp4": "walk 1-1, walk 2-3"}
    assert told(annotations) == [
        "observations.one.events[0]: states without a length, read as instants: 1; the first is walk at 1 s"
    ]


def test_what_a_project_holds_beside_events_is_told(read):
    full = project(one=observation((1, "call"))) | {"independent_variables": {"0": {"label": "age"}}}
    full |= {"behavioral_categories": ["moves"], "converters": {"x": {}}}
    assert told(read(json.dumps(full))) == [
        "not read: 1 behavior without events, independent variables, behavioral categories and converters"
    ]


def test_an_observation_without_events_and_one_of_a_part_are_told(read):
    part = observation((12, "call"), films=[("b.mp4", 60.0)], **{"observation time interval": [10, 20]})
    annotations = read(text(one=observation(), two=part))
    assert drawn(annotations) == {"hen.mp4": "", "b.mp4": "call 12-12"}
    assert "observations.one: it has no events: it is read as a film in which nothing happens" in told(annotations)
    only = "observations.two: only the time from 10 s to 20 s was observed: the rest counts as time without events"
    assert only in told(annotations)


@pytest.mark.parametrize("version", ["1.6", "2.0", "3.1", "4.0", "6.1", "7.0", None])
def test_every_version_is_read(read, version):
    old = project(one=observation((1, "walk"), (2, "walk")), version=version)
    if version is None:  # before there were numbers: a film for each player, subjects as pairs
        del old["project_format_version"]
        old["observations"]["one"] |= {"file": ["/x/hen.mp4"], "type": "VIDEO"}
        old["subjects_conf"] = {"0": ["k", "hen"]}
    for event in old["observations"]["one"]["events"]:
        del event[5:]
    del old["observations"]["one"]["media_info"]
    old["observations"]["one"]["media_file_info"] = {"d41d8c": {"video_length": 60_000, "nframe": 1500}}
    annotations = read(json.dumps(old))
    assert drawn(annotations) == {"hen.mp4": "walk 1-2"}
    assert annotations.videos["hen.mp4"].duration_s == 60.0


def test_a_newer_version_is_read_with_a_warning(read):
    annotations = read(text(one=observation((1, "walk"), (2, "walk")), version="8.0"))
    assert "its version is 8.0, newer than 7.0: what is new in it is not read" in told(annotations)[0]


def test_behaviors_with_coding_maps_are_what_they_are_without(read):
    ethogram = behaviors(walk="State", call="Point")
    for behavior in ethogram.values():
        behavior["type"] += " with coding map"
    assert drawn(read(text(ethogram, one=observation((1, "walk"), (2, "walk"), (3, "call"))))) == {
        "hen.mp4": "walk 1-2, call 3-3"
    }


def test_a_packed_project_is_read(read):
    content = text(one=observation((1, "call"))).encode()
    assert drawn(read(gzip.compress(content), "p.boris.gz")) == {"hen.mp4": "call 1-1"}
    with pytest.raises(AnnotationError, match="damaged gzip"):
        read(gzip.compress(content)[:-20], "p.boris.gz")
    with pytest.raises(AnnotationError, match=r"holds more than 64 MiB.*split"):
        read(gzip.compress(b" " * (64 * 2**20 + 1)), "p.boris.gz")
    with pytest.raises(AnnotationError, match=r"is packed \(xz\).*unpack it"):
        read(b"\xfd7zXZ\x00rest", "p.boris.xz")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (text(), "the project holds no observation"),
        (json.dumps(project() | {"observations": []}), "its observations are a list, not an object"),
        (text(one=5), "the observation is 5, not an object"),
        (text(one={"events": {}}), "its events are an object, not a list"),
        (text([5], one=observation((1, "call"))), "it is not a behavior: it has no code"),
        (text(one=observation((1, "call")))[:-9], "damaged JSON"),
        (text(one=observation((1, "call"))).replace('["hen.mp4"]', "[" * 9000 + "]" * 9000), "nested too deeply"),
    ],
)
def test_what_is_no_project_is_refused(read, content, reason):
    with pytest.raises(AnnotationError) as caught:
        read(content, "p.boris")
    assert reason in " ".join([str(caught.value), *(text for _, text in caught.value.problems)])
    assert "no annotations were read" in str(caught.value)


def test_a_key_that_stands_twice_is_a_problem(problems):
    one = json.dumps(observation((1, "call")))
    twice = text(one=0).replace('"one": 0', f'"one": {one}, "one": {one.replace("[1,", "[2,")}')
    assert [text for _, text in problems(twice)] == ["observations.one: this key occurs twice; the first would be read"]


def test_no_path_of_the_coder_is_in_what_was_read(tmp_path):
    (tmp_path / "p.boris").write_text(text(one=observation((1, "walk"), (9, "walk"), films=TWO)), encoding="utf-16")
    result = read_any(tmp_path / "p.boris")
    assert [t.video_path for t in result.timelines] == ["a.mp4", "b.mp4"]
    assert "video" not in " ".join(map(str, [*result.timelines, *result.warnings])).replace("video_", "")


def test_a_folder_of_projects_is_read_together(read, problems):
    ann = text(day=observation((1, "call")))
    other = text(night=observation((3, "call"), films=[("cock.mp4", 9.0)]))
    broken = text(day=observation((1, "dance"), films=[("b.mp4", 9.0)]))
    files = {"ann.boris": ann, "other.boris": other, "broken.boris": broken, "damaged.boris": ann[:-3]}
    found = [text for _, text in problems(files)]
    assert [text.split(": ")[0] for text in found] == ["broken.boris", "damaged.boris"]
    assert "observations.day.events[0]: dance: it is not in the ethogram" in found[0]
    assert drawn(read(files, skip_bad=True)) == {"hen.mp4": "call 1-1", "cock.mp4": "call 3-3"}


def test_observations_of_one_film_in_two_files_are_not_mixed(read, problems, tmp_path):
    files = {f"{who}.boris": text(**{who: observation((i, "call"))}) for i, who in enumerate(("ann", "bob"), 1)}
    ((_, problem),) = problems(files)
    assert problem == "bob.boris: hen.mp4 has the observation bob here, and ann of ann.boris: choose with --observation"
    assert drawn(read(files, coding=chosen("bob"))) == {"hen.mp4": "call 2-2"}
    header = "Observation id,Subject,Behavior,Behavior type,Time,Media file name\n"
    for file in files:
        (tmp_path / file).unlink()
    tables = {f"{who}.csv": f"{header}{who},,call,POINT,{i},h.mp4\n" for i, who in enumerate(("ann", "bob"), 1)}
    assert [text for _, text in problems(tables)] == [
        "bob.csv: h.mp4 has the observation bob here, and ann of ann.csv: choose with --observation"
    ]
    assert drawn(read(tables, coding=chosen("ann"))) == {"h.mp4": "call 1-1"}
