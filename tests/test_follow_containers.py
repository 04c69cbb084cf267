"""follow and every container that recorders write, with the real reader: the store is that of the finished film."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from fake_growing import Bright, finals
from growing_films import KINDS, SUFFIXES, record

from vtn_stream.embedding import ChunkReady
from vtn_stream.following import follow, open_feed
from vtn_stream.following.events import Ended, Warned


@pytest.fixture
def followed(monkeypatch, open_analyzer, tmp_path):
    """followed(film, data, store) -> (analysis, events): of a file that has these bytes while it is read."""
    monkeypatch.setattr("vtn_stream.following.looks.Looks.live", lambda self, video, region: Bright(Fraction(1)))

    def followed_(film: Path, data: bytes, store: str = "store"):
        film.write_bytes(data)
        events = []
        with open_analyzer(tmp_path / store) as analyzer, open_feed(str(film), until_idle_s=0.1) as feed:
            return follow(feed, analyzer._settings, on_event=events.append, analyzer=analyzer), events

    return followed_


@pytest.mark.parametrize(
    "kind", [kind if kind in ("ts", "hybrid") else pytest.param(kind, marks=pytest.mark.release) for kind in KINDS]
)
def test_a_film_that_was_followed_is_analyzed_without_embedding_anything(followed, open_analyzer, tmp_path, kind):
    growing = record(kind, 1625, b_frames=2, gop=50)  # 65 s: a chunk, and a part of one
    film = tmp_path / f"film{SUFFIXES[kind]}"
    analysis, events = followed(film, growing.data)
    assert list(analysis.timeline.segments) == sorted(finals(events), key=lambda s: s.sort_key)
    assert events[-1].why == "idle"
    with open_analyzer(tmp_path / "store") as analyzer, open_analyzer(tmp_path / "other") as other:
        plan = analyzer.plan(film)
        ready = [event for event in analyzer.embed(plan.video, plan.chunks) if isinstance(event, ChunkReady)]
        alone = [event for event in other.embed(plan.video, plan.chunks) if isinstance(event, ChunkReady)]
    assert [of.source for of in ready] == ["store", "store"]
    for mine, own in zip(ready, alone, strict=True):
        assert mine.values.tobytes() == own.values.tobytes()
        assert np.array_equal(mine.index.frame, own.index.frame)
    assert analysis.timeline.video_identity == plan.video.identity


def test_a_film_that_goes_on_after_it_was_idle_finds_its_chunks_and_tells_the_rest(followed, tmp_path):
    data, film = record("ts", 3200, gop=25).data, tmp_path / "film.ts"
    first, _ = followed(film, data[: len(data) * 3 // 4])
    assert first.timeline.duration_s > 60
    second, events = followed(film, data)
    whole, _ = followed(film, data, store="other")
    assert isinstance(events[-1], Ended)
    assert not [event for event in events if isinstance(event, Warned)]
    assert second.timeline.segments == whole.timeline.segments
    assert second.timeline.video_identity == whole.timeline.video_identity


@pytest.mark.parametrize("kind", ["ts", "fragmented"])
@pytest.mark.parametrize("steps", [[10] * 8, [1] * 30 + [40] + [1] * 30], ids=["slow", "leaps"])
def test_frames_that_come_out_of_the_decoder_many_seconds_later_are_waited_for(followed, tmp_path, kind, steps):
    growing = record(kind, len(steps), rate=Fraction(1), gop=1, steps=steps)
    analysis, events = followed(tmp_path / f"film{SUFFIXES[kind]}", growing.data)
    assert isinstance(events[-1], Ended)
    assert analysis.timeline.duration_s >= growing.times_s[-1]
    assert finals(events)
