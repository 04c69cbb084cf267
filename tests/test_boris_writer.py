"""Timelines as BORIS projects: what comes back is what went in, and the project is one that BORIS knows."""

import json
from fractions import Fraction

import pytest
from boris_projects import behaviors, observation, text
from hypothesis import given
from hypothesis import strategies as st
from research_timelines import annotations_in, any_text, back, plain, segment, timeline  # noqa: F401  (fixtures too)

from vtn_stream.formats import FORMATS, Options
from vtn_stream.formats.annotations import timelines_of
from vtn_stream.formats.reading import ReadingOptions

DAY_MS = 43_200_000
texts = st.just("") | plain


def written(*timelines):
    return FORMATS["boris"].write(timelines, Options())


def project_of(*timelines):
    return json.loads(written(*timelines).content)


def of(name, *segments, **fields):
    return timeline(*segments, video_path=name, **fields)


@st.composite
def coded(draw):
    """Segments of whole milliseconds that do not share time with others of their label, subject and modifier."""
    found = []
    for key in draw(st.lists(st.tuples(plain, texts, texts), unique=True, max_size=4)):
        num = draw(st.integers(1, 4))
        bounds = sorted(draw(st.lists(st.integers(0, DAY_MS), min_size=2 * num, max_size=2 * num)))
        for a, b in zip(bounds[::2], bounds[1::2], strict=True):
            names = dict(zip(("subject", "modifier"), key[1:], strict=True))
            names["comment"] = draw(texts)
            if a < b:
                names["comment_stop"] = draw(texts)
            kept = {name: value for name, value in names.items() if value}
            found.append(segment(a / 1000, b / 1000, key[0], attributes=kept))
    return timeline(*found)


@given(coded())
def test_boris_gives_back_the_segments(back, before):
    (after,) = back("boris", written(before).content)
    assert sorted(map(as_tuple, after.segments)) == sorted(map(as_tuple, before.segments))
    assert (after.video_path, after.duration_s, after.nominal_rate) == ("film.mp4", before.duration_s, Fraction(25))


def as_tuple(s):
    return s.start_s, s.end_s, s.label, sorted(s.attributes.items())


@given(
    st.lists(
        st.tuples(st.integers(0, 20), st.integers(0, 6), st.sampled_from("ab"), st.sampled_from(["", "x"])), max_size=10
    )
)
def test_of_whatever_overlaps_no_time_is_lost_and_all_is_told(back, spans):
    segments = [
        segment(start, start + length, label, attributes={"subject": subject} if subject else {})
        for start, length, label, subject in spans
    ]
    result = written(timeline(*segments))
    (after,) = back("boris", result.content)

    def seconds(segments):
        return {
            (s.label, s.attributes.get("subject"), t) for s in segments for t in range(int(s.start_s), int(s.end_s))
        }

    assert seconds(after.segments) == seconds(segments)
    num_told = sum(int(line.split()[0]) for line in result.warnings if line[0].isdigit())
    assert len(after.segments) + num_told == len(segments)


def test_a_project_comes_out_as_it_went_in(annotations_in):
    """But for frames, keys and what no event has."""
    went_in = json.loads(
        text(
            behaviors(walk="State", call="Point"),
            hen=observation(
                (1.5, "hen 1", "walk", "fast|left", "goes"),
                (2.25, "hen 2", "call", "None"),
                (3.001, "hen 1", "walk", "fast|left"),
                (3.001, "hen 1", "walk", "fast|left"),
                (4, "call"),
                (9.999, "hen 1", "walk", "fast|left", "stands"),
            ),
        )
    )
    annotations = annotations_in(json.dumps(went_in).encode())
    assert annotations.warnings == ()
    came_out = project_of(*timelines_of(annotations, "p.boris", ReadingOptions()).timelines)
    ((_, before),), ((name, after),) = went_in["observations"].items(), came_out["observations"].items()
    assert name == "hen.mp4"
    assert after["events"] == before["events"]
    assert {key: value for key, value in after["file"].items() if value} == {"1": ["hen.mp4"]}
    for fact in ("length", "fps", "offset"):
        assert after["media_info"][fact] == before["media_info"][fact]
    kinds = [{b["code"]: b["type"] for b in p["behaviors_conf"].values()} for p in (went_in, came_out)]
    assert kinds[0] == kinds[1]
    assert [s["name"] for s in came_out["subjects_conf"].values()] == ["hen 1", "hen 2"]
    assert [b["modifiers"] for b in came_out["behaviors_conf"].values()] == [
        {
            "0": {"name": "", "description": "", "type": 0, "values": ["fast"]},
            "1": {"name": "", "description": "", "type": 0, "values": ["left"]},
        },
        {"0": {"name": "", "description": "", "type": 0, "values": []}},
    ]


def test_the_layout_is_that_of_an_empty_project_and_an_observation_of_boris():
    project = project_of(of("films/hen.mp4", segment(1, 2)))
    assert list(project) == [
        *("time_format", "project_date", "project_name", "project_description", "project_format_version"),
        *("subjects_conf", "behaviors_conf", "observations", "behavioral_categories", "behavioral_categories_config"),
        *("independent_variables", "coding_map", "behaviors_coding_map", "converters"),
    ]
    (found,) = project["observations"].values()
    assert (found["type"], list(found["file"])) == ("MEDIA", list("12345678"))
    assert found["file"]["1"] == ["films/hen.mp4"]
    assert found["events"] == [[1.0, "", "a", "", "", "NA"], [2.0, "", "a", "", "", "NA"]]


def test_many_films_are_many_observations(back):
    films = [of("a/x.mp4", segment(1, 2)), of("b/x.mp4", segment(3, 3, "b")), of("c.mp4", duration_s=5.0)]
    after = back("boris", written(*films).content)
    assert [t.video_path for t in after] == ["a/x.mp4", "b/x.mp4", "c.mp4"]
    assert [t.segments for t in after] == [t.segments for t in films]


def test_a_label_is_a_point_a_state_or_a_state_with_instants():
    result = written(
        timeline(segment(1, 1, "call"), segment(1, 2, "walk"), segment(3, 3, "rest"), segment(4, 5, "rest"))
    )
    behaviors = json.loads(result.content)["behaviors_conf"].values()
    assert {b["code"]: b["type"] for b in behaviors} == {
        "call": "Point event",
        "walk": "State event",
        "rest": "State event",
    }
    assert result.warnings == (
        "labels with instants and with segments: rest: BORIS has either, so these instants are written as states that "
        "stop when they start",
    )


def test_every_behavior_gets_a_key_while_there_are_some():
    labels = ["walk", "wait", "call", "ää", *(f"label {i}" for i in range(70))]
    project = project_of(timeline(*(segment(i, i + 1, label) for i, label in enumerate(labels))))
    keys = [b["key"] for b in project["behaviors_conf"].values()]
    assert keys[:4] == ["w", "a", "c", "b"]
    assert len(set(keys) - {""}) == 62


def test_what_boris_cannot_hold_is_told_once_for_each_kind():
    result = written(
        timeline(
            segment(1, 5),
            segment(2, 6),
            segment(3, 3),
            segment(7, 7.0001),
            segment(8, 9, "x|y", attributes={"tier": "t", "subject": "hen"}),
        )
    )
    assert [line.split(":")[0] for line in result.warnings] == [
        "1 segment overlapping another of one label, subject and modifier, which states cannot",
        "1 instant inside a state of one label, subject and modifier",
        "labels with instants and with segments",
        "1 segment shorter than a millisecond",
        "attributes left out, as BORIS has no place for them",
        "labels with , or |, which separate codes in lists of BORIS",
    ]


def test_a_length_that_nobody_knows_is_not_written(back):
    (guessed,) = back("csv", b"video,start_s,end_s,label,score\nhen.mp4,1,2,walk,\n")
    result = written(guessed)
    (found,) = json.loads(result.content)["observations"].values()
    assert found["media_info"]["length"] == {}
    assert result.warnings[0].startswith("the length and the rate of hen.mp4 are not known")


def test_a_rate_that_nobody_knows_is_told_and_may_be_given():
    (warning,) = written(timeline(segment(1, 2), nominal_rate=None)).warnings
    assert warning.startswith("the rate of film.mp4 is not known, so that BORIS exports no table before")
    result = FORMATS["boris"].write([timeline(segment(1, 2), nominal_rate=None)], Options(rate=Fraction(30)))
    (found,) = json.loads(result.content)["observations"].values()
    assert (found["media_info"]["fps"], result.warnings) == ({"film.mp4": 30.0}, ())


def test_a_project_is_ascii_since_boris_reads_it_in_the_encoding_of_the_system():
    before = of("Hühner 🐔.mp4", segment(1, 2, "kräht\ud800"))
    content = written(before).content
    assert list(json.loads(content.decode("ascii"))["observations"]) == ["Hühner 🐔.mp4"]
    assert json.loads(content)["behaviors_conf"]["0"]["code"] == "kräht\ufffd"


@given(any_text, any_text)
def test_any_text_is_written_and_equal_timelines_are_equal_bytes(label, subject):
    def film():
        return timeline(segment(1, 2, label, attributes={"subject": subject, "comment": label}))

    assert written(film()).content == written(film()).content
    assert len(json.loads(written(film()).content)["observations"]["film.mp4"]["events"]) == 2


@pytest.mark.parametrize("word", ["vtn", "home", "2026"])
def test_a_project_says_nothing_of_who_made_it(word):
    assert word not in written(timeline(segment(1, 2))).content.decode().lower()
