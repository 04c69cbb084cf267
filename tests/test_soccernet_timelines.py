"""Timelines as SoccerNet's spots."""

import json

from hypothesis import given
from hypothesis import strategies as st
from research_timelines import (  # noqa: F401  (fixtures among them)
    annotations_in,
    back,
    plain,
    scores,
    segment,
    timeline,
)

from vtn_stream.formats import Options
from vtn_stream.formats.annotations import soccernet


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
        "2 segments with a length, which spots do not have: written at the start",
        "2 segments without a score, which predictions need: written with 1",
    )
