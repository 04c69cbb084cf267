"""Scenes of real films, against what people saw in them."""

import pytest

from vtn_stream.analysis import Analyzer
from vtn_stream.settings import Settings

# Seen by a person, to 0.2 s.
SLIDE_CHANGES_S = [7.2, 50.8, 69.8, 90.0, 92.8, 100.6, 113.8]
# By decoding all frames: of 3,678 the seven that differ most from the one before (by 5 to 27 of 255; the next by 0.1).
SLIDE_FRAMES = [213, 1523, 2096, 2698, 2785, 3015, 3411]  # at 30 a second


@pytest.fixture(scope="module")
def analyzer(tmp_path_factory):
    with Analyzer(Settings(store=tmp_path_factory.mktemp("store"), device="cpu")) as analyzer:
        yield analyzer


@pytest.mark.release
def test_the_slides_of_a_talk_are_its_scenes(data, analyzer):
    timeline = analyzer.analyze(analyzer.plan(data / "films" / "talk-with-slides.mp4")).timeline
    changes_s = [s.start_s for s in timeline.segments[1:]]
    assert changes_s == pytest.approx(SLIDE_CHANGES_S, abs=0.2)
    assert changes_s == pytest.approx([frame / 30 for frame in SLIDE_FRAMES], abs=1e-6)
    assert timeline.segments[0].start_s == 0
    assert timeline.segments[-1].end_s == timeline.duration_s
    assert timeline.gaps == ()


@pytest.mark.parametrize("name", ["basketball", "coffee", "dog", "juggle", "pool"])
def test_a_clip_of_one_shot_is_one_scene(data, analyzer, name):
    timeline = analyzer.analyze(analyzer.plan(data / "films" / f"{name}.mp4")).timeline
    assert [s.label for s in timeline.segments] == ["scene A"]
