"""follow: what is told of a film while it is written, and what is in the store then."""

import pytest
from fake_growing import Bright, GrowingFile, Source

from vtn_stream.embedding import ChunkReady
from vtn_stream.following import follow
from vtn_stream.following.events import Begun, Ended, Final, Warned


@pytest.fixture
def fakes(monkeypatch, film):
    """The film grows as its bytes are fed."""
    monkeypatch.setattr("vtn_stream.video.GrowingFilm", GrowingFile, raising=False)
    monkeypatch.setattr(GrowingFile, "folder", film.parent, raising=False)
    monkeypatch.setattr(GrowingFile, "asked", [])
    monkeypatch.setattr(GrowingFile, "dies_at", frozenset())
    monkeypatch.setattr("vtn_stream.following.looks.Looks.live", lambda self, video, region: Bright(1))


@pytest.fixture
def run(fakes, open_analyzer, tmp_path, film):
    """run(source, ...) -> (analysis, events), with one store."""

    def run_(source=None, *, told=None, on_event=None, **options):
        events = []

        def tell(event):
            events.append(event)
            if on_event is not None:
                on_event(event)

        with open_analyzer(tmp_path / "store", **options) as analyzer:
            of_told = {} if told is None else {"told": told}
            analysis = follow(source or Source(film), analyzer._settings, on_event=tell, analyzer=analyzer, **of_told)
        return analysis, events

    return run_


def finals(events):
    return [segment for event in events if isinstance(event, Final) for segment in event.segments]


def embedded_again(film, store, open_analyzer):
    with open_analyzer(store) as analyzer:
        return analyzer.missing(analyzer.plan(film))


def ready(film, store, open_analyzer):
    """The film's chunks as an analysis gets them."""
    with open_analyzer(store) as analyzer:
        plan = analyzer.plan(film)
        return [event for event in analyzer.embed(plan.video, plan.chunks) if isinstance(event, ChunkReady)]


def test_a_later_analysis_of_a_film_that_was_followed_embeds_nothing(run, film, tmp_path, open_analyzer, analyzed):
    run()
    assert embedded_again(film, tmp_path / "store", open_analyzer) == ()
    with open_analyzer(tmp_path / "store") as analyzer:
        again = analyzer.analyze(analyzer.plan(film))
    assert again.timeline == analyzed.analysis.timeline
    for mine, other in zip(
        *(ready(film, of, open_analyzer) for of in (tmp_path / "store", analyzed.store)), strict=True
    ):
        assert mine.values.tobytes() == other.values.tobytes()
        assert mine.source == "store"


def test_every_final_segment_is_told_once_and_is_in_the_timeline(run):
    analysis, events = run()
    assert list(analysis.timeline.segments) == sorted(finals(events), key=lambda s: s.sort_key)
    assert [type(event) for event in events if isinstance(event, Begun | Ended)] == [Begun, Ended]
    assert isinstance(events[-1], Ended)
    assert analysis.timeline.complete
    assert not [event for event in events if isinstance(event, Warned)]


def test_what_is_told_does_not_depend_on_how_the_bytes_come(run, film):
    told = [finals(run(Source(film, piece=piece))[1]) for piece in (1_000, 7_777, 10_000_000)]
    assert told[0] == told[1] == told[2]


def test_chunks_of_a_film_that_is_written_are_not_lost_with_the_run(run, film):
    class Killed(Exception):
        pass

    def kill(event):
        if isinstance(event, Final) and event.until_s > 70:
            raise Killed

    with pytest.raises(Killed):
        run(on_event=kill)
    first = len(GrowingFile.asked)
    GrowingFile.asked.clear()
    run()
    assert first > 0
    assert min(GrowingFile.asked) >= 59
