"""Timelines as results of ActivityNet: what its evaluators want, and what comes back."""

import json
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from research_timelines import (  # noqa: F401  (fixtures among them)
    annotations_in,
    any_text,
    back,
    plain,
    scores,
    segment,
    timeline,
)

from vtn_stream.errors import TimelineError
from vtn_stream.formats import FORMATS, Options, activitynet_results
from vtn_stream.formats.annotations import label_studio
from vtn_stream.formats.prediction_files import read_results
from vtn_stream.formats.reading import ReadingOptions

times = st.floats(0, 43_200)


@st.composite
def scored(draw, labels):
    return [
        segment(*sorted(draw(st.tuples(times, times))), draw(labels), score=draw(scores))
        for _ in range(draw(st.integers(0, 4)))
    ]


@given(st.lists(scored(any_text), min_size=1, max_size=3))
def test_activitynet_results_come_back_exactly(films):
    before = [timeline(*segments, video_path=f"film{i}.mp4") for i, segments in enumerate(films)]
    written = activitynet_results.write(before, Options())
    assert written.warnings == ()
    after = activitynet_results.read(written.content, "x.json", ReadingOptions(duration_s=43_200.0)).timelines
    assert [t.segments for t in after] == [t.segments for t in before]
    assert [t.video_path for t in after] == [f"film{i}" for i in range(len(films))]


@given(scored(plain))
def test_the_scorer_reads_activitynet_results(tmp_path_factory, segments):
    before = timeline(*segments)
    path = tmp_path_factory.getbasetemp() / "results.json"
    path.write_bytes(activitynet_results.write([before], Options()).content)
    results = read_results(path)
    assert list(results) == ["film"]
    assert tuple(sorted(results["film"].segments, key=lambda s: s.sort_key)) == before.segments


def test_activitynet_results_look_as_the_evaluators_want_them():
    content = json.loads(activitynet_results.write([timeline(segment(1, 2.5, score=0.5))], Options()).content)
    assert content == {
        "version": "VERSION 1.3",
        "results": {"film": [{"label": "a", "score": 0.5, "segment": [1.0, 2.5]}]},
        "external_data": {},
    }


def test_activitynet_results_without_a_score_get_one_with_a_warning():
    written = activitynet_results.write(
        [timeline(segment(), segment(score=0.25)), timeline(segment(), video_path="b")], Options()
    )
    assert written.warnings == ("2 segments without a score, which every result has: written with 1",)
    assert b'"score": 1.0' in written.content


def test_films_that_differ_in_their_suffix_only_keep_it():
    films = [timeline(video_path=path) for path in ("a/x.mp4", "b/x.mp4", "y.mkv", "y.mp4", "v1.2")]
    results = json.loads(activitynet_results.write(films, Options()).content)["results"]
    assert list(results) == ["a/x", "b/x", "y.mkv", "y.mp4", "v1.2"]


def test_films_of_one_path_have_keys_of_their_own_and_that_is_told():
    films = [timeline(segment(i, i + 1, score=0.5), video_path=path) for i, path in enumerate(["x", "x.mp4", "x.mp4"])]
    films += [timeline(video_path=path) for path in ("y", "y (2)", "y")]
    written = activitynet_results.write(films, Options())
    results = json.loads(written.content)["results"]
    assert {key: [entry["segment"] for entry in entries] for key, entries in results.items()} == {
        "x": [[0, 1]],
        "x.mp4": [[1, 2]],
        "x.mp4 (2)": [[2, 3]],
        "y": [],
        "y (2)": [],
        "y (3)": [],
    }
    assert written.warnings == ('2 films with the name of another: written as "film (2)" and so on',)


def test_two_tasks_of_one_video_are_told():
    films = [timeline(segment()), timeline(segment(3, 4)), timeline(video_path="b.mp4")]
    written = label_studio.write(films, Options())
    assert written.warnings == ("1 film with the name of another: the tasks do not tell which is which",)
    assert len(json.loads(written.content)) == 3


COUNTING = ("edl", "resolve", "xmeml", "fcpxml", "otio", "fiftyone", "labelstudio")


@pytest.mark.parametrize(
    "fields", [{"nominal_rate": None}, {"nominal_rate": Fraction(2997, 100), "variable_rate": True}]
)
def test_all_formats_doubt_a_rate_in_the_same_words(fields):
    film = timeline(segment(1, 9), **fields)
    (told,) = {FORMATS[name].write([film], Options()).warnings for name in COUNTING}
    assert len(told) == 1


def test_the_rate_and_the_duration_of_the_file_hold(back):
    film = timeline(segment(1, 2), nominal_rate=Fraction(50), duration_s=100.0)
    for name, duration_s in (("fiftyone", 100.0), ("labelstudio", 7.0)):
        content = FORMATS[name].write([film], Options()).content
        (after,) = back(name, content, rate=Fraction(25), duration_s=7.0)
        assert (after.nominal_rate, after.segments, after.duration_s) == (50, film.segments, duration_s)


def results(**films):
    return json.dumps({"results": films}).encode()


def test_activitynet_results_of_others_are_read():
    data = results(v=[{"label": "x", "segment": [1, 2], "extra": 1}, {"label": "y", "score": 7}, {"label": "z"}])
    (found,) = activitynet_results.read(data, "x.json", ReadingOptions()).timelines
    assert found.segments == (segment(1, 2, "x"),)
    assert found.clip_labels == (("y", 7.0), ("z", 1.0))
    assert (found.video_path, found.duration_s) == ("v", 2.0)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"{", "damaged JSON"),
        (b'{"results": ' + b"[" * 100_000, "damaged JSON: nested too deeply"),
        (b"\xff", "not text in UTF-8"),
        (b"[]", "it has no results"),
        (b'{"results": {"a": [], "a": []}}', "the film a occurs twice"),
        (results(v=3), "the entry of v is 3, not a list"),
        (results(v=[3]), "v[0] is 3, not an object"),
        (results(v=[{"label": 3, "segment": [1, 2]}]), "the label of v[0] is 3, not text"),
        (results(v=[{"label": "x", "segment": [1]}]), "the segment of v[0] is a list, not [start, end]"),
        (results(v=[{"label": "x", "segment": [2, 1]}]), "v[0] ends at 1 s, before it starts at 2 s"),
        (results(v=[{"label": "x", "segment": [1, "2"]}]), "the segment of v[0] has 2, not a number"),
        (
            results(v=[{"label": "x", "score": float("nan"), "segment": [1, 2]}]),
            "the score of v[0] has nan, not a number",
        ),
        (results(v=[{"label": "x", "score": 10**400, "segment": [1, 2]}]), "the score of v[0] has inf, not a number"),
    ],
)
def test_damaged_results_are_told(data, told):
    with pytest.raises(TimelineError) as caught:
        activitynet_results.read(data, "x.json", ReadingOptions())
    assert told in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
