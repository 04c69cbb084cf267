"""follow where things go wrong: the recorder begins again, the source breaks off, the machine is too slow."""

import pytest
from fake_growing import GrowingFile, Source, changing, fakes, finals, missing, of, process, run  # noqa: F401  (fixtures)

from vtn_stream.errors import InputError, VideoError
from vtn_stream.following.events import Ended, Final, LeftOut, Provisional, Restarted, Warned
from vtn_stream.following.feed import NewStretch
from vtn_stream.following.load import Pace

AGAIN = NewStretch(why="the recorder began again")


class Twice(Source):
    """The same film, from two recorders, one after the other. All of it lies there."""

    backlog_bytes = 1

    def pieces(self):
        for number in range(2):
            if number:
                yield AGAIN
                yield b"!"  # by which the fake film tells it from the first
            yield from (piece for piece in super().pieces() if isinstance(piece, bytes))


class BreaksOff(Source):
    """It is replaced after so many pieces."""

    after = 3

    def pieces(self):
        for number, piece in enumerate(super().pieces()):
            if number == self.after:
                raise VideoError("film.ts was replaced", "what comes is another film", "run again")
            yield piece


def test_a_recorder_that_begins_again_is_a_new_stretch_of_the_same_film(run, changing):
    once, _ = run(of(changing))
    twice, events = run(Twice(changing, piece=2000))
    lasts_s = once.timeline.duration_s
    assert twice.timeline.duration_s == 2 * lasts_s
    assert [(e.at_s, e.why) for e in events if isinstance(e, Restarted)] == [(lasts_s, AGAIN.why)]
    assert list(twice.timeline.segments) == sorted(finals(events), key=lambda s: s.sort_key)
    assert twice.timeline.segments[-1].end_s == 2 * lasts_s
    assert len(twice.index) == 2 * len(once.index)
    assert twice.timeline.provenance["followed"]["restarts"] == 1


def test_stretches_find_their_chunks_in_the_store(run, changing):
    run(Twice(changing, piece=2000))
    GrowingFile.asked.clear()
    run(Twice(changing, piece=2000))
    assert GrowingFile.asked == []


def test_a_source_that_breaks_off_keeps_what_is_final_and_is_not_complete(run, changing):
    analysis, events = run(BreaksOff(changing, piece=50_000))
    assert not analysis.timeline.complete
    assert set(finals(events)) <= set(analysis.timeline.segments)
    assert "was replaced" in [event for event in events if isinstance(event, Warned)][-1].message
    assert isinstance(events[-1], Ended)
    assert events[-1].why == "failed"
    assert analysis.timeline.segments[-1].end_s <= analysis.timeline.duration_s
    assert analysis.timeline.gaps == ()  # all that came was looked at


def test_a_source_that_breaks_off_before_the_film_has_begun_is_an_error(run, changing):
    source = BreaksOff(changing, piece=1)
    with pytest.raises(VideoError, match="was replaced"):
        run(source)


def test_a_decoder_that_dies_where_nothing_can_be_read_again_leaves_a_gap(run, changing, monkeypatch):
    """What it held is gone; the fake film begins anew with the bytes that follow, as a transport stream can."""
    monkeypatch.setattr(GrowingFile, "dies_at", frozenset({130.0}))
    source = of(changing, replays=False)
    analysis, events = run(source)
    (restarted,) = [event for event in events if isinstance(event, Restarted)]
    assert "what it held is a gap" in restarted.why
    assert [gap.reason for gap in analysis.timeline.gaps] == ["decoding failed; another run tries again"]
    assert set(finals(events)) <= set(analysis.timeline.segments)


def test_positions_that_are_left_out_are_told_marked_and_not_stored(run, changing, monkeypatch, missing):
    monkeypatch.setattr(Pace, "every", property(lambda self: 2))
    analysis, events = run(of(changing))
    left_out = [event for event in events if isinstance(event, LeftOut)]
    assert {event.every for event in left_out} == {2}
    assert not analysis.index.valid[1::2].any()
    assert analysis.index.valid[::2].all()
    assert {gap.reason for gap in analysis.timeline.gaps} == {"left out: this machine was too slow"}
    assert analysis.timeline.provenance["followed"]["left_out"] == len(analysis.index) // 2
    assert all(segment.duration_s > 10 for segment in analysis.timeline.segments)
    assert len(missing(changing)) == 5


@pytest.mark.parametrize(
    ("options", "fact"),
    [
        ({"trim_borders": True}, "black borders are measured over the whole film"),
        ({"regions": ("a=0%,0%,50%,100%", "b=50%,0%,50%,100%")}, "2 regions are asked for"),
        ({"decoder": "decord"}, "decord"),
    ],
)
def test_what_needs_a_finished_film_is_refused_before_anything_is_read(run, changing, options, fact):
    source = of(changing)
    with pytest.raises(InputError, match=fact):
        run(source, **options)
    assert source.given == 0


def test_a_timeline_can_be_seen_while_the_film_grows(run, changing, monkeypatch):
    monkeypatch.setattr("vtn_stream.following.telling.PROVISIONAL_EVERY_S", 0.0)
    monkeypatch.setattr("vtn_stream.following.telling.PROVISIONAL_SHARE", 1e9)
    _, events = run(of(changing))
    seen = [event for event in events if isinstance(event, Provisional)]
    assert len({event.timeline.video_identity for event in seen}) == 1
    assert not any(event.timeline.complete for event in seen)
    final = []
    for event in events:
        if isinstance(event, Final):
            final += event.segments
        if isinstance(event, Provisional):
            assert set(final) <= set(event.timeline.segments)
            assert event.timeline.provenance["followed"]["final_until_s"] <= event.timeline.duration_s
