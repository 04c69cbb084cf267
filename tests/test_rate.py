"""How many positions a second actions and events ask for, and what is said where that is much."""

from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

from vtn_stream.formats.annotations import AnnotatedVideo
from vtn_stream.sampling import SamplingPlan
from vtn_stream.timeline import Segment
from vtn_stream.training.rate import grid_rate, natural_rate


def annotated(*segments):
    given = tuple(Segment(start_s=start_s, end_s=end_s, label=label) for start_s, end_s, label in segments)
    return {"a": AnnotatedVideo(segments=given, duration_s=60.0)}


def whistles(*times_s, label="whistle"):
    return [(time_s, time_s, label) for time_s in times_s]


def film(rate):
    """What is asked of a film here: its name, and when its frames are shown."""
    times_s = np.arange(0, 60, 1 / rate)
    return {"a": SimpleNamespace(path=SimpleNamespace(name="a.mp4"), times_s=times_s, num_frames=len(times_s))}


@pytest.mark.parametrize(
    ("duration_s", "slowest", "rate"),
    [
        (0.5, 60, 8),  # 4 positions: enough
        (0.4, 60, 10),
        (0.3, 60, 15),
        (0.2, 60, 20),
        (0.1, 60, 30),  # at most
        (0.1, 25, 25),  # the film's own
        (0.1, 24, 20),
        (0.1, 5, 5),
    ],
)
def test_very_short_segments_get_four_positions_at_more_than_8_a_second(duration_s, slowest, rate):
    assert natural_rate(annotated((0, duration_s, "clap")), slowest) == rate


@pytest.mark.parametrize(
    ("events", "rate"),
    [
        (whistles(5), 4),
        (whistles(5, 6, 7), 4),  # four positions from one to the next
        (whistles(5, 5.5, 6), 8),
        (whistles(5, 5.25, 5.5), 20),  # 16, the next one that there is
        (whistles(5, 5, 9), 4),  # at one time: no rate tells them apart
        ([*whistles(5, 9), *whistles(5.1, 9.1, label="goal")], 4),  # each label by itself
        ([*whistles(5, 9), (10, 11, "run")], 6),  # the segment asks for more
        (whistles(*np.arange(0, 50, 0.5), 50.1), 8),  # of 100 times between events one is .6 s, the others .5 s
    ],
)
def test_instants_get_four_a_second_and_more_where_they_follow_each_other(events, rate):
    assert natural_rate(annotated(*events), 60) == rate


def test_a_high_rate_says_why_and_what_it_costs():
    plan, (note,) = grid_rate(annotated(*whistles(5, 5.25, 5.5)), film(60))
    assert plan.fps == 20
    assert note == (
        "20 positions a second, since 5 % of the events follow one of their label within 0.25 s: embedding, storage "
        "and later analyses cost 2.5 times as much as at 8 a second; a lower --fps costs less and finds fewer"
    )
    _, (note,) = grid_rate(annotated((0, 0.2, "clap")), film(25))
    assert note.startswith("20 positions a second, since 5 % of the segments are shorter than 0.2 s: ")


def test_a_rate_that_was_asked_for_is_not_explained_but_its_losses_are():
    claps = annotated(*whistles(5, 5.25, 5.5))
    assert grid_rate(claps, film(60), SamplingPlan(Fraction(20))) == (SamplingPlan(Fraction(20)), ())
    assert grid_rate(claps, film(60), SamplingPlan(Fraction(4)))[1] == (
        "2 events follow another one of the same label within 0.5 s, so at 4 positions a second only one of the two "
        "can be found: a higher --fps may help",
    )


def test_instants_are_not_counted_among_short_segments():
    _, notes = grid_rate(annotated(*whistles(5, 9), (10, 10.5, "run")), film(25), SamplingPlan(Fraction(2)))
    assert [note.split(" are ")[0] for note in notes] == ["1 of 1 segments"]


@pytest.mark.parametrize(("duration_s", "rate"), [(1, 8), (4, 8), (20, 4)])
def test_whole_clips_get_8_a_second_at_most(duration_s, rate):
    whole = AnnotatedVideo(
        segments=(Segment(start_s=0, end_s=duration_s, label="run"),), clip_label="run", duration_s=duration_s
    )
    assert natural_rate({"a": whole}, 60) == rate
