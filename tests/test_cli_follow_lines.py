"""The JSON lines of `vtn-stream follow`: what a program reads while a film is written."""

import json
import math
from dataclasses import replace

import pytest
from following_events import BEGUN, ONE_OF_EACH, RUN, WALK, Clock, load, provisional, timeline

from vtn_stream.following.events import Final, Waiting
from vtn_stream.timeline import Gap
from vtn_stream_cli.follow_lines import LOAD_EVERY_S, FollowLines
from vtn_stream_cli.stalls import Stalls

WALKED = {"start_s": 0.0, "end_s": 4.0, "label": "walk", "score": 0.5, "attributes": {"who": "hen 1"}}
RAN = {"start_s": 4.0, "end_s": 10.0, "label": "r\u2028n\x1b[2J", "score": None, "attributes": {}}


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def lines(clock):
    return FollowLines("a.ts", clock=clock)


@pytest.fixture
def said(capsys):
    """All lines since it was last asked."""
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_every_event_is_a_line_of_its_own(lines, said):
    for event in ONE_OF_EACH:
        lines.hear(event)
        if isinstance(event, Final):
            lines.final(event.segments, event.until_s)
    figures = {"written_s": 100.0, "done_s": 100.0, "final_s": 70.0, "backlog_s": 0.0, "speed": 4.0}
    assert said() == [
        {"event": "waiting", "waited_s": 6.0, "begun": False},
        {"event": "begun", "film": "a.ts", "delay_s": 25.0, "is_exact": True, "resumed_s": 0.0},
        {"event": "provisional", "segments": [WALKED, RAN]},
        {"event": "segment", **WALKED},
        {"event": "final", "until_s": 5.0},
        {"event": "load", **figures},
        {"event": "left_out", "start_s": 5.0, "end_s": 10.0, "every": 2},
        {"event": "restarted", "at_s": 10.0, "reason": "the recorder began again"},
        {"event": "warning", "message": "it is late"},
    ]


def test_they_are_ascii_whatever_a_label_is(lines, capsys):
    lines.final((RUN,), 10.0)
    printed = capsys.readouterr().out
    assert printed.isascii()
    assert printed.isprintable() or printed.replace("\n", "").isprintable()
    assert len(printed.splitlines()) == 2


def test_what_may_change_is_said_when_it_changes(lines, said):
    for segments in ((), (WALK,), (WALK,), (WALK, RUN), ()):
        lines.hear(provisional(*segments))
    assert [line["segments"] for line in said()] == [[WALKED], [WALKED, RAN], []]


def test_the_load_is_said_now_and_then(lines, said, clock):
    for _ in range(100):
        lines.hear(load())
        clock.now_s += LOAD_EVERY_S / 20
    assert [line["event"] for line in said()] == ["load"] * 5


def test_what_is_no_number_is_null(lines, said):
    lines.hear(load(speed=math.inf))
    assert said()[0]["speed"] is None


def test_a_stall_is_said_soon_and_then_once_a_minute():
    stalls = Stalls()
    assert [s for s in range(200) if stalls.is_news(s)] == [5, 65, 125, 185]
    assert [s for s in range(10) if stalls.is_news(s)] == [5]  # something came, and then nothing again


def test_a_feed_that_gives_a_little_now_and_then_is_no_stall(lines, said):
    for _ in range(100):
        for waited_s in (0.5, 1.0, 1.5):
            lines.hear(Waiting(waited_s=waited_s, begun=True))
    assert said() == []


def test_names_that_come_at_the_end_have_a_line_each(lines, said):
    told = (WALK, RUN)
    named = timeline(WALK, RUN.placed(4, 10).shift(0), WALK.shift(10), complete=True).rename({RUN.label: "scene A"})
    lines.named(told, named)
    assert said() == [{"event": "named", **RAN, "label": "scene A"}]


def test_the_last_line_says_how_it_ended(lines, said):
    gap = Gap(start_s=11, end_s=12, reason="lost")
    lines.done("idle", timeline(WALK, complete=True, gaps=(gap,)), ["a.ts.timeline.json"])
    last = {"why": "idle", "complete": True, "segments": 1, "gaps": 1, "files": ["a.ts.timeline.json"]}
    assert said() == [{"event": "done", "film": "a.ts", **last}]


def test_a_later_run_says_from_where_it_goes_on(lines, said):
    lines.hear(replace(BEGUN, resumed_s=60.0))
    assert said()[0]["resumed_s"] == 60.0
