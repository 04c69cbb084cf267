"""follow: what is told of a film while it is written, and what is in the store then."""

import sys
from contextlib import suppress
from types import SimpleNamespace

import pytest
from fake_growing import GrowingFile, Source, changing, fakes, finals, missing, of, process, run  # noqa: F401  (fixtures)

from vtn_stream.embedding import ChunkReady
from vtn_stream.following import Told
from vtn_stream.following import begun as beginning
from vtn_stream.following.events import Begun, Ended, Final, Warned


def ready(film, store, open_analyzer):
    """The film's chunks as an analysis gets them."""
    with open_analyzer(store) as analyzer:
        plan = analyzer.plan(film)
        return [event for event in analyzer.embed(plan.video, plan.chunks) if isinstance(event, ChunkReady)]


def test_a_later_analysis_of_a_film_that_was_followed_embeds_nothing(
    run, film, tmp_path, open_analyzer, analyzed, missing
):
    run()
    assert missing(film) == ()
    with open_analyzer(tmp_path / "store") as analyzer:
        again = analyzer.analyze(analyzer.plan(film))
    assert again.timeline == analyzed.analysis.timeline
    for mine, other in zip(
        *(ready(film, store, open_analyzer) for store in (tmp_path / "store", analyzed.store)), strict=True
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


class Killed(Exception):
    pass


def killed_after(num):
    """on_event that ends the run with the num-th event."""
    left = num

    def kill(event):
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed

    return kill


def remembered(events):
    """As a command keeps what was told: what a run gives that goes on after the one of these events."""
    final = [event for event in events if isinstance(event, Final)]
    return Told(segments=tuple(finals(events)), until_s=final[-1].until_s if final else 0.0)


def test_a_run_that_is_killed_again_and_again_tells_what_one_run_tells(run, changing):
    whole, told = finals(run(of(changing))[1]), []
    for num in (2, 5, 9, 1_000):
        events = []
        earlier = remembered(tuple(told))
        with suppress(Killed):
            run(
                of(changing),
                told=lambda *_, earlier=earlier: earlier,
                kept=events,
                store="killed",
                on_event=killed_after(num),
            )
        told += events
    assert finals(told) == whole


def test_what_was_stored_before_a_kill_is_not_decoded_again(run, changing):
    with pytest.raises(Killed):
        run(of(changing), on_event=lambda event: kill_if(isinstance(event, Final) and event.until_s > 130))
    GrowingFile.asked.clear()
    run(of(changing))
    assert min(GrowingFile.asked) >= 119


def kill_if(it_is_time):
    if it_is_time:
        raise Killed


def test_the_same_film_has_the_same_names_in_every_run_and_other_settings_another(run, changing):
    asked = []

    def told(begins, settings_key):
        asked.append((begins, settings_key))
        return Told()

    run(of(changing), told=told)
    run(of(changing, piece=500), told=told)
    run(of(changing), told=told, refine=False)
    assert asked[0] == asked[1]
    assert asked[2][0] == asked[0][0]
    assert asked[2][1] != asked[0][1]


def test_a_film_that_goes_on_after_it_was_idle_finds_its_chunks(run, changing, tmp_path):
    """Its first part had become a finished film of its own."""
    data = changing.read_bytes()
    run(of(changing, data=data, ended="idle"))
    GrowingFile.asked.clear()
    run(of(changing))
    assert GrowingFile.asked == []


def test_what_comes_after_all_that_was_there_is_not_waited_for(run, changing):
    """An earlier run saw it end 30 s after its second chunk began: no such chunk can be in the store."""
    data = changing.read_bytes()
    there = len(data) * 90 // 300
    run(of(changing, data=data[:there], ended="idle"))
    GrowingFile.asked.clear()
    run(of(changing, there=there))
    assert [round(at_s) for at_s in GrowingFile.asked[:3]] == [60, 90, 95]


def test_a_decoder_that_dies_costs_nothing_where_the_source_can_be_read_again(run, changing, monkeypatch):
    whole = run(of(changing))[0]
    monkeypatch.setattr(GrowingFile, "dies_at", frozenset({70.0, 200.0}))
    again, events = run(of(changing), store="other")
    assert again.timeline == whole.timeline
    assert len([event for event in events if isinstance(event, Warned)]) == 2


def test_what_is_read_again_after_a_decoder_died_is_not_held(run, changing, monkeypatch):
    size = changing.stat().st_size
    monkeypatch.setattr(sys.modules["vtn_stream.following.follow"], "MAX_QUEUED_BYTES", size // 10)
    monkeypatch.setattr(GrowingFile, "dies_at", frozenset({250.0}))
    run(of(changing))
    assert GrowingFile.most_queued_bytes < size // 5


def test_where_a_decoder_dies_twice_there_is_a_gap_and_the_chunk_is_not_stored(run, changing, monkeypatch, missing):
    monkeypatch.setattr(GrowingFile, "dies_at", Always(70.0))
    analysis, _ = run(of(changing))
    (gap,) = analysis.timeline.gaps
    assert (gap.start_s, gap.end_s) == (69.5, 74.5)
    assert "decoding failed" in gap.reason
    assert [chunk.number for chunk in missing(changing)] == [1]


class Always(frozenset):
    """A place at which a decoder dies every time."""

    def __new__(cls, at_s):
        return super().__new__(cls, [at_s])

    def __sub__(self, other):
        return self


@pytest.mark.parametrize(
    ("num_kept", "has_new", "may_be_stored"), [(0, False, True), (1, False, True), (2, False, False), (1, True, False)]
)
def test_chunks_are_waited_for_only_while_all_before_were_stored(num_kept, has_new, may_be_stored):
    pieces = SimpleNamespace(kept=[None] * num_kept, has_new=has_new)
    begun = SimpleNamespace(
        stretches=SimpleNamespace(all=[SimpleNamespace(pieces=pieces)]), linked={"a": "a", "b": "b"}
    )
    assert beginning.Begun.may_be_stored.fget(begun) is may_be_stored
