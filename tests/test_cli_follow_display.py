"""What a person sees while a film is followed: a line that lives, or a line now and then; and news at once."""

import pytest
from following_events import BEGUN, ONE_OF_EACH, Clock, left_out, load

from vtn_stream.following.events import Waiting, Warned
from vtn_stream_cli.console import hush
from vtn_stream_cli.follow_display import LINE_EVERY_S, FollowDisplay


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def display(clock):
    return FollowDisplay("a.ts", clock=clock)


@pytest.fixture
def said(capsys):
    return lambda: capsys.readouterr().err.splitlines()


def test_it_says_at_once_what_is_followed(display, said):
    with display:
        assert said() == ["following a.ts"]


def test_news_are_lines_at_once(display, said):
    for event in ONE_OF_EACH:
        display.hear(event)
    assert said() == [
        "a.ts: nothing has come for 6 s; waiting for the film to begin",
        "a.ts: a segment is final at most 25 s of film after its end",
        "a.ts: this machine is too slow: from 0:00:05.0 only one of 2 positions is looked at",
        "a.ts: at 0:00:10.0 a new stretch begins: the recorder began again",
        "a.ts: it is late",
    ]


def test_without_a_terminal_its_state_is_a_line_a_minute(display, said, clock):
    display.hear(BEGUN)
    said()
    for _ in range(180):
        clock.now_s += LINE_EVERY_S / 60
        display.hear(load(written_s=clock.now_s, final_s=clock.now_s - 30, backlog_s=8))
    lines = said()
    assert len(lines) == 3
    line = "a.ts: 0:02:40.0 written, final until 0:02:10.0, 30 s behind, 8 s to embed, speed 4.0x"
    assert lines[0] == line


def test_it_says_what_it_waits_for(display):
    assert display.status == "a.ts: waiting for the film to begin, 0 s"
    display.hear(load())
    assert "waiting" not in display.status
    display.hear(Waiting(waited_s=12.4, begun=True))
    display.hear(load())
    assert display.status.endswith(", waiting for more of the film, 12 s")
    display.hear(load(written_s=101.0))
    assert "waiting" not in display.status


def test_what_is_left_out_is_said_when_it_begins_and_changes_and_once_a_minute(display, said, clock):
    for number, every in enumerate([2] * 20 + [4] * 3 + [2]):
        display.hear(left_out(5.0 * number, every))
        clock.now_s += 5
    news = [line for line in said() if "too slow" in line]
    assert [line.partition("from ")[2].partition(" positions")[0] for line in news] == [
        "0:00:00.0 only one of 2",
        "0:01:00.0 only one of 2",
        "0:01:40.0 only one of 4",
        "0:01:55.0 only one of 2",
    ]


def test_only_warnings_are_printed_where_it_is_to_be_quiet(display, said, clock):
    hush(True)
    try:
        with display:
            for event in ONE_OF_EACH:
                clock.now_s += LINE_EVERY_S
                display.hear(event)
    finally:
        hush(False)
    assert [line.split(" ")[1] for line in said()] == ["this", "at", "it"]


def test_a_name_cannot_move_the_cursor(clock, said):
    display = FollowDisplay("a\x1b[2J\n.ts", clock=clock)
    display.hear(Warned(message="b\x1b[2J\nc"))
    assert said() == ["a\\x1b[2J\\n.ts: b\\x1b[2J\\nc"]
