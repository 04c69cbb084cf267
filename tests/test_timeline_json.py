"""Timelines as JSON: they come back exactly, and what breaks the schema is refused."""

import copy
import json
import math
import re
from fractions import Fraction

import pytest
from drawn_timelines import SPAN, drawn, scores, seg, timeline
from hypothesis import given, settings
from hypothesis import strategies as st

from vtn_stream.errors import TimelineError
from vtn_stream.formats import timeline_json
from vtn_stream.timeline import Curve, Gap, Reviewed, Timeline

EXAMPLE = Timeline(
    video_identity="c0ffee",
    video_path="match/första halvlek 🎬.mp4",
    duration_s=0.1 + 0.2,
    span_s=(0.0, 0.3),
    nominal_rate=Fraction(30000, 1001),
    variable_rate=True,
    start_timecode="01:00:00;00",
    segments=(
        seg(0.1, 0.2, score=1 / 3, attributes={"team": "röd"}, origin="curated", was=seg(0.1, 0.3, "C", score=0.5)),
        seg(0.2, 0.2, "B", origin="manual"),
        seg(0.2, 0.3, "B", origin="model"),
    ),
    reviewed=(Reviewed(start_s=0, end_s=0.2), Reviewed(start_s=0.1, end_s=0.3, labels=("B", "A"))),
    rejected=(seg(0.0, 0.1, "B", score=0.4, origin="model"),),
    clip_labels=(("football", 0.9),),
    gaps=(Gap(start_s=0.25, end_s=0.3, reason="damaged packets"),),
    curves={"saliency": Curve(start_s=0.0, step_s=0.5, values=(0.0, 1 / 7))},
    provenance={"fps": "2", "models": [{"name": "vtn", "seed": 1}], "gpu": None},
    complete=False,
)

finite = st.floats(allow_nan=False, allow_infinity=False)
ordered = st.builds(sorted, st.tuples(finite, finite))
text = st.text(max_size=8)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**400) | finite | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=5,
)
any_timelines = st.builds(
    Timeline,
    video_identity=text,
    video_path=st.sampled_from(["film.mp4", "a/b..mp4", "日本/映画.mkv", "...", "a b\n.mov"]),
    duration_s=st.floats(0, 1e9),
    span_s=ordered.map(tuple),
    nominal_rate=st.none() | st.fractions(Fraction(1, 1000), 1000),
    variable_rate=st.booleans(),
    start_timecode=st.none() | text,
    segments=st.lists(
        st.builds(
            lambda span, label, score, notes: seg(*span, label, score=score, attributes=notes),
            ordered,
            text,
            scores,
            st.dictionaries(text, text, max_size=2),
        ),
        max_size=4,
    ),
    reviewed=st.lists(
        st.builds(
            lambda s, labels: Reviewed(start_s=s[0], end_s=s[1], labels=labels),
            ordered,
            st.none() | st.lists(text, min_size=1, max_size=3).map(tuple),
        ),
        max_size=2,
    ),
    rejected=st.lists(st.builds(lambda s, label: seg(*s, label, origin="model"), ordered, text), max_size=2),
    clip_labels=st.lists(st.tuples(text, st.floats(0, 1)), max_size=3).map(tuple),
    gaps=st.lists(st.builds(lambda s, why: Gap(start_s=s[0], end_s=s[1], reason=why), ordered, text), max_size=2),
    curves=st.dictionaries(
        text,
        st.builds(
            Curve,
            start_s=finite,
            step_s=st.floats(min_value=1e-9, allow_infinity=False),
            values=st.lists(finite, max_size=3),
        ),
        max_size=2,
    ),
    provenance=st.dictionaries(text, json_values, max_size=3),
    complete=st.booleans(),
)


def written(film):
    return json.dumps(timeline_json.to_dict(film), allow_nan=False)


def paths(node, here=()):
    """Where every value of a JSON tree stands."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield (*here, key)
        yield from paths(value, (*here, key))


def changed(path, value=None, *, drop=False):
    data = copy.deepcopy(timeline_json.to_dict(EXAMPLE))
    *folders, last = path
    node = data
    for key in folders:
        node = node[key]
    if drop:
        del node[last]
    else:
        node[last] = value
    return data


PATHS = list(paths(timeline_json.to_dict(EXAMPLE)))
OPTIONAL = [("segments", 0, "attributes"), ("segments", 0, "attributes", "team"), ("curves", "saliency")]
NEEDED = [
    p
    for p in PATHS
    if isinstance(p[-1], str)
    and p not in OPTIONAL
    and p[-1] not in ("origin", "was")
    and (len(p) == 1 or p[0] != "provenance")
]


@settings(deadline=None)
@given(any_timelines)
def test_a_timeline_comes_back_from_json_exactly(film):
    back = timeline_json.from_dict(json.loads(written(film)))
    assert back == film
    assert written(back) == written(film)


def test_equal_timelines_are_written_as_equal_bytes():
    assert drawn("AA") == timeline(seg(0.0, 2.0), span_s=(0.0, SPAN))
    assert written(drawn("AA")) == written(timeline(seg(0.0, 2.0), span_s=(0.0, SPAN)))


@pytest.mark.parametrize("foreign", [None, 3, "text", [], {}, {"schema": "otio"}, {"schema": []}])
def test_a_foreign_value_is_no_timeline(foreign):
    with pytest.raises(TimelineError, match="not a vtn-stream timeline"):
        timeline_json.from_dict(foreign)


@pytest.mark.parametrize("version", [0, 4, "1", None, True, "\n\x1b[2J"])
def test_another_version_is_refused_by_its_number(version):
    with pytest.raises(TimelineError, match=re.escape(f"version {version!r};")) as refusal:
        timeline_json.from_dict(changed(("version",), version))
    assert len(str(refusal.value).splitlines()) == 1


def test_a_timeline_of_version_1_says_nothing_of_hand_work():
    old = timeline_json.to_dict(timeline(seg(1, 2))) | {"version": 1}
    del old["reviewed"], old["rejected"]
    assert timeline_json.from_dict(old) == timeline(seg(1, 2))


def test_what_a_segment_was_has_no_past_of_its_own():
    told = timeline_json.to_dict(timeline(seg(1, 2, origin="curated", was=seg(1, 3))))
    told["segments"][0]["was"]["was"] = told["segments"][0]["was"] | {}
    with pytest.raises(TimelineError, match="nothing else before"):
        timeline_json.from_dict(told)


@pytest.mark.parametrize("path", NEEDED, ids=lambda path: ".".join(map(str, path)))
def test_no_key_may_be_missing(path):
    with pytest.raises(TimelineError):
        timeline_json.from_dict(changed(path, drop=True))


BROKEN = {
    "video": [None, [], "film.mp4"],
    "video.path": [3, None, "/etc/passwd", "..", "../film.mp4", "a/../../film.mp4", "a/.."],
    "video.identity": [7, None],
    "video.duration_s": [math.nan, math.inf, -1, None, "12", [], 10**400],
    "video.nominal_rate": [25, "1/0", "nan", "fast", "0", "-25", "1e9999"],
    "video.variable_rate": ["no", None, 2],
    "video.start_timecode": [3600],
    "complete": ["false", None],
    "span_s": [[], [0], [9, 1], [0, math.nan], "01", [0, 1, 2], 5, {"0": 0, "1": 1}],
    "segments": [None, {}, "", 3, ["A"], [None]],
    "segments.0.start_s": [99, math.nan, -math.inf, None, "0"],
    "segments.0.score": [math.nan, math.inf, "high", []],
    "segments.0.label": [3, None, ["A"]],
    "segments.0.attributes": [None, [], {"team": 1}],
    "clip_labels": [None, [["football", 0.9]]],
    "clip_labels.0.score": [None, math.nan, "0.9"],
    "gaps.0.end_s": [0, math.nan],
    "gaps.0.reason": [None],
    "curves": [None, []],
    "curves.saliency.step_s": [0, -1, math.nan],
    "curves.saliency.values": [None, 3, ["x"], [math.nan], "12"],
    "provenance": [None, [], "vtn", [["fps", 2]]],
}


@pytest.mark.parametrize(
    ("path", "value"),
    [pytest.param(path, value, id=f"{path}={value!r:.12}") for path, values in BROKEN.items() for value in values],
)
def test_a_value_that_breaks_the_schema_is_refused(path, value):
    place = [int(key) if key.isdigit() else key for key in path.split(".")]
    with pytest.raises(TimelineError, match="breaks its schema"):
        timeline_json.from_dict(changed(place, value))


@given(st.sampled_from(PATHS), json_values)
def test_whatever_the_file_holds_it_is_refused_or_it_can_be_written_again(path, value):
    try:
        film = timeline_json.from_dict(changed(path, value))
    except TimelineError:
        return
    assert timeline_json.from_dict(json.loads(written(film))) == film


@pytest.mark.parametrize("path", ["/film.mp4", "../film.mp4", "a/../../film.mp4"])
def test_a_timeline_never_points_outside_its_folder(path):
    with pytest.raises(ValueError, match="inside"):
        timeline(video_path=path)
