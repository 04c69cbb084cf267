"""Timelines in formats whose frames count from 1, the last included: FiftyOne and Label Studio."""

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
from vtn_stream.formats import Options, fiftyone
from vtn_stream.formats.annotations import label_studio
from vtn_stream.formats.reading import ReadingOptions

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
    assert found.warnings == ("the file states no frame rate: frames are counted at 25 a second (--rate)",)
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
    assert written.warnings == ("the film states no frame rate: frames are counted at 25 a second (--rate)",)


def test_label_studio_names_each_film_by_its_path(annotations_in):
    paths = ["a.mp4", "b/a.mp4", "b/ü 50%.mkv", "c:d.mp4"]
    written = label_studio.write([timeline(segment(), video_path=path) for path in paths], Options())
    assert list(annotations_in(written.content).videos) == paths
