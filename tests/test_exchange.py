"""Timelines in the formats of research and annotation: what each file says, and what comes back of it."""

import contextlib
import json
from fractions import Fraction
from itertools import pairwise

import pympi
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from lxml import etree

from vtn_stream.errors import AnnotationError, TimelineError
from vtn_stream.formats import FORMATS, Options, activitynet_results, fiftyone, timeline_json
from vtn_stream.formats.annotations import elan, label_studio, read_annotations, soccernet, timelines_of
from vtn_stream.formats.prediction_files import read_results
from vtn_stream.formats.reading import ReadingOptions
from vtn_stream.timeline import Segment, Timeline

NAMES = ("activitynet", "fiftyone", "labelstudio", "soccernet", "elan")


def timeline(*segments, duration_s=43_200.0, **fields):
    known = {"video_identity": "c0ffee", "video_path": "film.mp4", "span_s": (0.0, duration_s)}
    return Timeline(**(known | {"segments": segments, "duration_s": duration_s, "nominal_rate": Fraction(25)} | fields))


def segment(start_s=1.0, end_s=2.0, label="a", **fields):
    return Segment(start_s=start_s, end_s=end_s, label=label, **fields)


@pytest.fixture(scope="module")
def annotations_in(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exchange")

    def annotations_in_(content, **options):
        (folder / "given.file").write_bytes(content)
        return read_annotations(folder / "given.file", **options)

    return annotations_in_


@pytest.fixture(scope="module")
def back(annotations_in):
    """The timelines in a file of one of NAMES, as a conversion reads it."""

    def back_(name, content, **options):
        format = FORMATS[name]
        if format.reads == "itself":
            return format.read(content, f"film{format.suffix}", ReadingOptions(**options)).timelines
        return timelines_of(annotations_in(content), f"film{format.suffix}", ReadingOptions(**options)).timelines

    return back_


# ---- all of them

HOSTILE = [
    *(
        'say "no"',
        "a,b;c",
        "&amp;<b>]]>",
        "-->",
        "two\nlines",
        "tab\there",
        "\0",
        "\x1b[2J",
        "مرحبا",
        "\u202eabc",
        "🎬",
    ),
    *("", " ", "x" * 1000, "\ud800", "\udfff\ud800", "=1+1", "'", "\r\n", "a\\", "\ufffe", "../", '": [1, 2], "b'),
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("label", HOSTILE)
def test_any_label_is_written_in_utf8_and_the_same_twice(name, label):
    before = timeline(segment(label=label, attributes={label: label}), segment(3, 3, label), segment(4, 5, score=0.5))
    first = FORMATS[name].write([before], Options())
    assert FORMATS[name].write([before], Options()) == first
    text = first.content.decode("utf-8")
    assert "\ud800" not in text
    if name == "elan":
        etree.fromstring(first.content)
    else:
        json.loads(text)


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_timeline_is_a_file_of_an_empty_timeline(name, back):
    written = FORMATS[name].write([timeline()], Options())
    assert written.warnings == ()
    (after,) = back(name, written.content)
    assert after.segments == ()
    assert after.video_path in ("film", "film.mp4")


@pytest.mark.parametrize("name", [name for name in NAMES if name != "soccernet"])  # spots have no ends
def test_segments_that_touch_still_touch_when_they_come_back(name, back):
    bounds = [0.0, 0.5004, 1.0011, 7.7777, 7.8999, 3600.3333, 43_199.987]
    segments = [segment(a, b, f"l{i}") for i, (a, b) in enumerate(pairwise(bounds))]
    (after,) = back(name, FORMATS[name].write([timeline(*segments)], Options()).content)
    assert [s.end_s for s in after.segments[:-1]] == [s.start_s for s in after.segments[1:]]
    assert [s.label for s in after.segments] == [s.label for s in segments]


@pytest.mark.parametrize("name", NAMES)
def test_times_outside_of_the_film_do_not_break_the_writer(name):
    outside = timeline(segment(-5, -1), segment(-5, 1), segment(90, 200), segment(1e300, 1e300), duration_s=10.0)
    FORMATS[name].write([outside], Options())


# ---- ActivityNet results

scores = st.floats(0, 1)
times = st.floats(0, 43_200)
plain = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"], include_characters=" "), min_size=1)
plain = plain.map(lambda text: " ".join(text.split())).filter(bool)
any_text = st.text(st.characters(codec="utf-8"))


@st.composite
def scored(draw, labels):
    return [
        segment(*sorted(draw(st.tuples(times, times))), draw(labels), score=draw(scores))
        for _ in range(draw(st.integers(0, 4)))
    ]


@settings(deadline=None, max_examples=100)
@given(st.lists(scored(any_text), min_size=1, max_size=3))
def test_activitynet_results_come_back_exactly(films):
    before = [timeline(*segments, video_path=f"film{i}.mp4") for i, segments in enumerate(films)]
    written = activitynet_results.write(before, Options())
    assert written.warnings == ()
    after = activitynet_results.read(written.content, "x.json", ReadingOptions(duration_s=43_200.0)).timelines
    assert [t.segments for t in after] == [t.segments for t in before]
    assert [t.video_path for t in after] == [f"film{i}" for i in range(len(films))]


@settings(deadline=None, max_examples=50)
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
        (b"\xff", "no text in UTF-8"),
        (b"[]", "it has no results"),
        (b'{"results": {"a": [], "a": []}}', "the film a stands twice"),
        (results(v=3), "of v there is 3, not a list"),
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


# ---- frames from 1, the last included: FiftyOne and Label Studio

NO_ATTRIBUTES = st.just({})
RATES = (Fraction(25), Fraction(30000, 1001), Fraction(24000, 1001), Fraction(1, 2), Fraction(120))


@pytest.mark.parametrize(
    ("start_s", "end_s", "support", "shorter"),
    [
        (0, 1, [1, 25], False),
        (1, 2, [26, 50], False),
        (0.98, 2.019, [25, 50], False),  # to the nearest border of frames
        (1, 1, [26, 26], True),
        (1, 1.01, [26, 26], True),
        (10, 10, [250, 250], True),  # the film's last frame, not one past it
        (0, 0.04, [1, 1], False),
    ],
)
def test_support_is_first_and_last_frame(start_s, end_s, support, shorter):
    one = timeline(segment(start_s, end_s), duration_s=10.0)
    for module, place in ((fiftyone, _support), (label_studio, _range)):
        written = module.write([one], Options())
        assert place(json.loads(written.content)) == support
        told = "1 segment shorter than a frame, of which there are no parts: written as one frame"
        assert written.warnings == ((told,) if shorter else ())


def _support(content):
    return content["labels"]["film"][0]["support"]


def _range(content):
    (span,) = content[0]["predictions"][0]["result"][0]["value"]["ranges"]
    return [span["start"], span["end"]]


@st.composite
def in_frames(draw, labels, *, overlapping, attributes=NO_ATTRIBUTES):
    rate = draw(st.sampled_from(RATES))
    num = draw(st.integers(0, 4))
    bounds = sorted(draw(st.sets(st.integers(0, int(43_200 * rate)), min_size=2 * num, max_size=2 * num)))
    pairs = list(zip(bounds[::2], bounds[1::2], strict=True))
    if overlapping:
        pairs += [(a, b) for a, b in zip(bounds, bounds[2:], strict=False)]
    segments = [
        segment(
            float(a / rate), float(b / rate), draw(labels), score=draw(st.none() | scores), attributes=draw(attributes)
        )
        for a, b in pairs
    ]
    return timeline(*segments, nominal_rate=rate)


@settings(deadline=None, max_examples=100)
@given(in_frames(any_text, overlapping=True, attributes=st.dictionaries(any_text, any_text, max_size=2)))
def test_fiftyone_gives_back_the_frames_and_the_film(before):
    written = fiftyone.write([before], Options())
    assert written.warnings == ()
    (after,) = fiftyone.read(written.content, "x.json", ReadingOptions()).timelines
    assert after.segments == before.segments
    assert (after.video_path, after.duration_s, after.nominal_rate) == ("film.mp4", 43_200.0, before.nominal_rate)


def test_fiftyone_looks_as_its_importer_wants_it():
    one = timeline(segment(1, 2, score=0.5), nominal_rate=Fraction(30000, 1001), video_path="below/film.mp4")
    assert json.loads(fiftyone.write([one], Options()).content) == {
        "classes": None,
        "labels": {"below/film": [{"label": "a", "support": [31, 60], "confidence": 0.5}]},
        "info": {"film": "below/film.mp4", "frame_rate": "30000/1001", "duration_s": 43_200.0},
    }


def test_fiftyone_exports_of_others_are_read():
    detections = [
        {"label": 1, "support": [26, 50], "confidence": 0.5, "attributes": {"crowd": True}},
        {"label": "other", "timestamps": [1.5, 2.5]},
    ]
    data = json.dumps({"classes": ["walk", "run"], "labels": {"v1": detections, "v2": None}}).encode()
    found = fiftyone.read(data, "labels.json", ReadingOptions())
    first, second = found.timelines
    assert first.segments == (
        segment(1, 2, "run", score=0.5, attributes={"crowd": "True"}),
        segment(1.5, 2.5, "other"),
    )
    assert (second.video_path, second.segments) == ("v2", ())
    assert found.warnings == ("the file states no frame rate: frames are counted at 25 a second",)
    at_50 = fiftyone.read(data, "labels.json", ReadingOptions(rate=Fraction(50)))
    assert (at_50.timelines[0].segments[0].end_s, at_50.warnings) == (1.0, ())


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"label": "a", "support": [0, 5]}, "the support of v[0] is from 0 to 5; frames count from 1"),
        ({"label": "a", "support": [6, 5]}, "the support of v[0] is from 6 to 5"),
        ({"label": "a", "support": [1.5, 5]}, "v[0] has no support"),
        ({"label": "a", "support": [1, 10**30]}, "v[0] has no support"),
        ({"label": "a", "timestamps": [2, 1]}, "v[0] has no support"),
        ({"label": 3, "support": [1, 2]}, "the label of v[0] is 3, not text"),
        ({"label": "a", "support": [1, 2], "confidence": "high"}, "the confidence of v[0] is high, not a number"),
        (7, "v[0] is 7, not an object"),
    ],
)
def test_damaged_detections_are_told(entry, told):
    with pytest.raises(TimelineError) as caught:
        fiftyone.read(json.dumps({"labels": {"v": [entry]}}).encode(), "labels.json", ReadingOptions())
    assert told in str(caught.value)


@settings(deadline=None, max_examples=100)
@given(in_frames(plain, overlapping=False))
def test_label_studio_gives_back_the_frames(back, before):
    written = label_studio.write([before], Options())
    assert written.warnings == ()
    (after,) = back("labelstudio", written.content, duration_s=43_200.0)
    assert after.segments == before.segments
    assert (after.video_path, after.nominal_rate) == ("film.mp4", before.nominal_rate)


def test_label_studio_gets_predictions_of_many_films():
    films = [timeline(segment(1, 2, score=0.5)), timeline(video_path="b/ü 50%.mkv", nominal_rate=None)]
    written = label_studio.write(films, Options())
    tasks = json.loads(written.content)
    assert tasks[0] == {
        "data": {"video": "film.mp4", "fps": 25},
        "predictions": [
            {
                "model_version": "vtn-stream",
                "result": [
                    {
                        "id": "segment1",
                        "type": "timelinelabels",
                        "from_name": "videoLabels",
                        "to_name": "video",
                        "value": {"ranges": [{"start": 26, "end": 50}], "timelinelabels": ["a"]},
                        "score": 0.5,
                    }
                ],
            }
        ],
    }
    assert tasks[1]["data"]["video"] == "b/%C3%BC%2050%25.mkv"
    assert written.warnings == ("the film states no frame rate: frames are counted at 25 a second",)


def test_label_studio_names_each_film_by_its_path(annotations_in):
    paths = ["a.mp4", "b/a.mp4", "b/ü 50%.mkv", "c:d.mp4"]
    written = label_studio.write([timeline(segment(), video_path=path) for path in paths], Options())
    assert list(annotations_in(written.content).videos) == paths


# ---- SoccerNet


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.tuples(st.integers(0, 10**7), plain, scores, st.sampled_from([{}, {"team": "home"}])), max_size=5),
    st.booleans(),
    st.sampled_from(["film.mp4", "league/match/1_224p.mkv", "league/match/2_720p.mkv", "2.mkv", "match"]),
)
def test_soccernet_gives_back_spots(back, spots, with_scores, path):
    before = timeline(
        *(
            segment(ms / 1000, ms / 1000, label, score=score if with_scores else None, attributes=attributes)
            for ms, label, score, attributes in spots
        ),
        video_path=path,
    )
    written = soccernet.write([before], Options())
    assert written.warnings == ()
    (after,) = back("soccernet", written.content, duration_s=43_200.0)
    assert after.segments == before.segments
    assert path == "match" or after.video_path == path


def test_soccernet_annotations_and_predictions():
    annotations = json.loads(
        soccernet.write([timeline(segment(754, 754, "Goal", attributes={"team": "home"}))], Options()).content
    )
    event = {"gameTime": "1 - 12:34", "label": "Goal", "position": "754000"}
    assert annotations == {"UrlLocal": "film.mp4", "annotations": [event | {"team": "home"}]}
    one = timeline(segment(754, 754, "Goal", score=0.9), video_path="2_224p.mkv")
    predictions = json.loads(soccernet.write([one], Options()).content)
    event |= {"gameTime": "2 - 12:34", "half": "2", "confidence": "0.9"}
    assert predictions == {"UrlLocal": "2_224p.mkv", "predictions": [event]}


def test_what_spots_cannot_hold_is_told():
    written = soccernet.write([timeline(segment(), segment(3, 4, score=0.5), segment(5, 5))], Options())
    assert written.warnings == (
        "2 segments with a length, which spots have not: written at the start",
        "2 segments without a score, which predictions need: written with 1",
    )


# ---- ELAN


def tiers_of(path):
    document = pympi.Eaf(str(path))
    return {
        name: [
            (start, end, value)
            for start, end, value in sorted(entry[:3] for entry in document.get_annotation_data_for_tier(name))
        ]
        for name in document.get_tier_names()
    }


@st.composite
def in_tiers(draw):
    found = []
    for tier in draw(st.lists(plain, unique=True, max_size=3)):
        num = draw(st.integers(1, 4))
        bounds = sorted(draw(st.sets(st.integers(0, 43_200_000), min_size=2 * num, max_size=2 * num)))
        for a, b in zip(bounds[::2], bounds[1::2], strict=True):
            found.append(segment(a / 1000, b / 1000, draw(plain), attributes={"tier": tier}))
    return timeline(*found)


@settings(deadline=None, max_examples=80)
@given(in_tiers())
def test_elan_gives_back_what_pympi_reads_as_well(tmp_path_factory, back, before):
    written = elan.write([before], Options())
    assert written.warnings == ()
    (after,) = back("elan", written.content, duration_s=43_200.0)
    assert after.segments == before.segments
    assert after.video_path == "film"
    path = tmp_path_factory.getbasetemp() / "pympi.eaf"
    path.write_bytes(written.content)
    by_tier = {}
    for s in before.segments:
        entry = (round(s.start_s * 1000), round(s.end_s * 1000), s.label)
        by_tier.setdefault(s.attributes["tier"], []).append(entry)
    assert tiers_of(path) == (by_tier or {"actions": []})


@settings(deadline=None, max_examples=80)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 20),
            st.integers(0, 9),
            st.sampled_from(["a", "a (2)", "actions"]),
            st.sampled_from(["", "a"]),
        ),
        max_size=12,
    )
)
def test_annotations_of_an_elan_tier_never_overlap_and_none_is_lost(given_spans):
    segments = [
        segment(start / 1000, (start + length) / 1000, label, attributes={"tier": tier} if tier else {})
        for start, length, label, tier in given_spans
    ]
    root = etree.fromstring(elan.write([timeline(*segments)], Options()).content)
    slots = {slot.get("TIME_SLOT_ID"): int(slot.get("TIME_VALUE")) for slot in root.iter("TIME_SLOT")}
    assert list(slots.values()) == sorted(slots.values())
    assert list(slots) == [f"ts{n + 1}" for n in range(2 * len(segments))]
    names = [tier.get("TIER_ID") for tier in root.iter("TIER")]
    assert len(set(names)) == len(names)
    found = []
    for tier in root.iter("TIER"):
        last = 0
        for a in tier.iter("ALIGNABLE_ANNOTATION"):
            start, end = slots[a.get("TIME_SLOT_REF1")], slots[a.get("TIME_SLOT_REF2")]
            assert last <= start < end
            last = end
            found.append((start, end, a.findtext("ANNOTATION_VALUE")))
    assert sorted(found) == sorted((a, a + max(length, 1), label) for a, length, label, _ in given_spans)


@pytest.mark.parametrize(
    ("segments", "tiers"),
    [
        ([(0, 1, "a"), (1, 2, "b"), (3, 4, "a")], {"actions": "a b a"}),
        ([(0, 2, "a"), (1, 3, "b"), (3, 4, "a")], {"a": "a a", "b": "b"}),
        ([(0, 2, "a"), (1, 3, "a"), (3, 4, "b")], {"a": "a", "a (2)": "a", "b": "b"}),
    ],
)
def test_elan_has_one_tier_where_nothing_overlaps(tmp_path, segments, tiers):
    (tmp_path / "x.eaf").write_bytes(elan.write([timeline(*(segment(*s) for s in segments))], Options()).content)
    found = tiers_of(tmp_path / "x.eaf")
    assert {name: " ".join(value for *_, value in entries) for name, entries in found.items()} == tiers


def test_what_elan_cannot_hold_is_told():
    segments = [segment(1, 1), segment(2, 2.0002), segment(3, 4, ""), segment(4, 5, "a\0b")]
    written = elan.write([timeline(*segments)], Options())
    assert written.warnings == (
        "2 segments shorter than a millisecond, the least that an annotation has: written as one",
        "1 label empty, which means the tier's name: written as (no label)",
        "1 label with characters that XML does not have: written with U+FFFD in their place",
    )
    assert b"<ANNOTATION_VALUE>(no label)<" in written.content
    assert "<ANNOTATION_VALUE>a\ufffdb<".encode() in written.content


def test_elan_names_the_film_and_no_machine_person_or_day():
    root = etree.fromstring(elan.write([timeline(segment(), video_path="below/ü 1.mp4")], Options()).content)
    media = root.find("HEADER/MEDIA_DESCRIPTOR")
    assert media.get("RELATIVE_MEDIA_URL") == media.get("MEDIA_URL") == "./below/%C3%BC%201.mp4"
    assert (root.get("AUTHOR"), root.get("DATE"), root.get("VERSION")) == ("", "1970-01-01T00:00:00+00:00", "3.0")
    assert root.find("HEADER").get("TIME_UNITS") == "milliseconds"


# ---- which format


def test_each_file_is_claimed_by_its_own_format_only():
    one = timeline(segment(1, 1, score=0.5), segment(2, 3, score=0.5, attributes={"database": "results"}))
    readers = {"activitynet": activitynet_results, "fiftyone": fiftyone}
    for film in (
        one,
        timeline(),
        timeline(segment(label='{"results": {"a": ['), segment(label='"labels": "support":')),
    ):
        for name in (*NAMES, "json"):
            head = (
                json.dumps(timeline_json.to_dict(film), indent=1)
                if name == "json"
                else FORMATS[name].write([film], Options()).content.decode()
            )[:4096]
            assert [reader for reader, module in readers.items() if module.claims(head, ".json")] == [
                reader for reader in readers if reader == name
            ]


def test_detections_are_told_behind_hundreds_of_classes():
    names = [f'class "{i}" of {"x" * 200}' for i in range(400)]
    text = json.dumps({"classes": names, "labels": {"v": [{"label": 1, "support": [1, 2]}]}}, indent=1)
    assert text.index('"labels"') > 65_536
    for length in (4096, 4097, 4098, 65_536, len(text)):
        assert fiftyone.claims(text[:length], ".json")
    assert not fiftyone.claims('{"classes": ["a", "b"], "images": []}', ".json")
    assert not fiftyone.claims('{"classes": ["a"], "labels": ["b"]}', ".json")


def test_elan_is_told_and_read_in_utf_16(annotations_in):
    content = elan.write([timeline(segment(label="Tür"))], Options()).content.decode()
    for encoding, mark in [("utf-16-le", b"\xff\xfe"), ("utf-16-be", b"\xfe\xff")]:
        data = mark + content.replace('encoding="UTF-8"', 'encoding="UTF-16"').encode(encoding)
        (video,) = annotations_in(data).videos.values()
        assert [s.label for s in video.segments] == ["Tür"]


@pytest.mark.parametrize(
    "head",
    [
        '{"database": {"v": {"annotations": [{"label": "results", "segment": [1, 2]}]}}}',
        '{"labels": ["a", "b"]}',
        '{"categories": [], "annotations": []}',
        '[{"results": {"v": []}}]',
        "results,segment\n",
        "",
    ],
)
def test_other_files_are_not_claimed(head):
    assert not activitynet_results.claims(head, ".json")
    assert not fiftyone.claims(head, ".json")


@settings(deadline=None, max_examples=100)
@given(
    st.sampled_from(NAMES),
    st.floats(0, 1),
    st.integers(0, 9),
    st.sampled_from(['"', "{", "[", "]", "}", ",", "\0", "é", "null", "-1", "NaN", "1e999", "9" * 400, "<", "&", ""]),
)
def test_an_edited_file_is_read_or_refused(back, name, where, num, put):
    data = FORMATS[name].write([timeline(segment(1, 2, score=0.5), segment(3, 4, "b"))], Options()).content
    at = int(where * len(data))
    edited = data[:at] + put.encode() + data[at + num :]
    assume(edited != data)
    with contextlib.suppress(TimelineError, AnnotationError):
        assert back(name, edited)
