"""`vtn-stream follow` around its loop: options, results, lines and exit codes. The loop itself is one that a test tells
what to say.
"""

import json
import os
import signal
from dataclasses import replace

import numpy as np
import pytest
from console_script import the_line
from following_events import BEGUN, ONE_OF_EACH, RUN, WALK, timeline

from vtn_stream import following
from vtn_stream.draft import Analysis
from vtn_stream.errors import StoreError, VideoError
from vtn_stream.film import FrameIndex
from vtn_stream.following.events import Ended, Final, Provisional, Waiting, Warned
from vtn_stream.results import load_timeline
from vtn_stream.track import GridScores

INDEX = FrameIndex(grid_s=np.arange(2.0), frame=np.arange(2), pts_s=np.arange(2.0), valid=np.ones(2, bool))
SCORES = GridScores(frame=np.ones((2, 2), np.float16))
FINISHED = timeline(WALK, RUN, complete=True, identity="c0ffee")
BROKEN_OFF = timeline(WALK, identity="beef")


class Loop:
    """Stands for `following.follow`: tells these events, then gives this timeline."""

    def __init__(self):
        self.events = [BEGUN, Final(segments=(WALK,), until_s=5.0), Final(segments=(RUN,), until_s=10.0)]
        self.timeline, self.why = FINISHED, "end"
        self.begins, self.settings_key = "beef", "model"
        self.told = None

    def __call__(self, feed, settings, *, name, told, on_event):
        self.settings, self.name = settings, name
        self.told = told(self.begins, self.settings_key)
        for event in self.events:
            if isinstance(event, Exception):
                raise event
            if callable(event):
                event()
            else:
                on_event(event)
        on_event(Ended(why=self.why, timeline=self.timeline))
        return Analysis(timeline=self.timeline, scores=SCORES, index=INDEX, labels=("walk", RUN.label))


@pytest.fixture
def loop(monkeypatch):
    loop = Loop()
    monkeypatch.setattr(following, "follow", loop)
    return loop


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "films" / "a.ts"
    path.parent.mkdir()
    path.write_bytes(b"G" * 188)
    return path


@pytest.fixture
def follow(here, source, tmp_path):
    """follow(*options) -> (exit code, lines, stderr)"""

    def call(*options, of=source):
        code, out, err = here("follow", of, "-o", tmp_path / "out", "--store", tmp_path / "store", *options)
        return code, [json.loads(line) for line in out.splitlines()], err

    return call


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def events(lines):
    return [line["event"] for line in lines]


def test_a_film_that_ends_has_its_lines_and_its_results(loop, follow, tmp_path):
    code, lines, err = follow()
    assert code == 0
    assert events(lines) == ["begun", "segment", "final", "segment", "final", "warning", "done"]
    assert "CSV" in lines[-2]["message"]  # as of any timeline: what a format cannot hold
    files = ["a.ts.timeline.json", "a.ts.timeline.csv", "a.ts.timeline.html", "a.ts.scores.arrow"]
    assert lines[-1] == {
        "event": "done",
        "film": "a.ts",
        "why": "end",
        "complete": True,
        "segments": 2,
        "gaps": 0,
        "files": files,
    }
    assert names(tmp_path / "out") == sorted([*files, "a.ts.follow.jsonl"])
    assert load_timeline(tmp_path / "out/a.ts.timeline.json") == FINISHED
    assert err.splitlines()[0] == "following a.ts"
    assert str(tmp_path) not in json.dumps(lines)


def test_what_is_printed_as_final_is_on_the_disk(loop, follow, tmp_path):
    record = tmp_path / "out/a.ts.follow.jsonl"
    seen = []
    loop.events.insert(2, lambda: seen.extend(map(json.loads, record.read_text().splitlines())))
    follow()
    assert events(seen) == ["film", "segment", "final"]
    assert seen[1]["label"] == "walk"


def test_all_kinds_of_events_are_told(loop, follow):
    loop.events = [event for event in ONE_OF_EACH if not isinstance(event, Waiting)]
    assert follow()[0] == 0


def test_the_partial_timeline_can_be_read_meanwhile(loop, follow, tmp_path):
    partial, seen = tmp_path / "out/a.ts.timeline.partial.json", []
    so_far = timeline(WALK)
    loop.events += [Provisional(timeline=so_far, segments=()), lambda: seen.append(load_timeline(partial))]
    follow()
    assert seen == [so_far]
    assert not partial.exists()


def test_a_later_run_prints_only_what_is_new(loop, follow):
    loop.events.append(StoreError("the disk is full", "it is", "make room"))
    loop.events[2] = Final(segments=(), until_s=6.0)
    assert follow()[0] == 1
    loop.events = Loop().events
    loop.events[0] = replace(BEGUN, resumed_s=6.0)
    code, lines, err = follow()
    assert (code, loop.told.segments, loop.told.until_s) == (0, (WALK,), 6.0)
    assert [line["label"] for line in lines if line["event"] == "segment"] == [RUN.label]
    assert "until 0:00:06.0 an earlier run has come" in err


def test_names_that_scenes_get_at_the_end_have_lines(loop, follow):
    loop.timeline = FINISHED.rename({"walk": "scene A"})
    lines = follow()[1]
    assert [line["label"] for line in lines if line["event"] == "named"] == ["scene A"]


def test_a_source_that_fails_later_leaves_results_of_what_came(loop, follow, tmp_path):
    loop.events = [BEGUN, Final(segments=(WALK,), until_s=5.0), Warned(message="a.ts was replaced; it is; begin again")]
    loop.timeline, loop.why = BROKEN_OFF, "failed"
    code, lines, err = follow()
    assert (code, lines[-1]["why"], lines[-1]["complete"]) == (1, "failed", False)
    assert "a.ts: a.ts was replaced; it is; begin again" in err.splitlines()
    assert load_timeline(tmp_path / "out/a.ts.timeline.json") == BROKEN_OFF
    loop.timeline, loop.why = FINISHED, "end"  # the same film again
    assert follow()[0] == 0


def test_a_source_that_never_begins_is_one_line(loop, follow, tmp_path, monkeypatch):
    def never(*_, **__):
        raise VideoError("a.ts is empty after 60 s", "there is nothing to follow", "check the recorder")

    monkeypatch.setattr(following, "follow", never)
    code, lines, err = follow("-q")
    assert (code, lines) == (1, [])
    assert "is empty" in the_line(err)
    assert names(tmp_path / "out") == []


def test_idle_is_a_good_end(loop, follow):
    loop.why = "idle"
    code, lines, _ = follow("--until-idle", "1m")
    assert (code, lines[-1]["why"]) == (0, "idle")


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_end_it_and_what_is_there_stays(loop, follow, tmp_path, sign, monkeypatch):
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)  # others in this process may have taken it
    loop.events[2:] = [lambda: os.kill(os.getpid(), sign), lambda: None]
    try:
        code, lines, err = follow()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert (code, events(lines)) == (130, ["begun", "segment", "final"])
    assert err.splitlines()[-1].startswith("vtn-stream: interrupted;")
    loop.events = Loop().events
    monkeypatch.setattr("vtn_stream_cli.interrupts._seen", False)
    assert [line["label"] for line in follow()[1] if line["event"] == "segment"] == [RUN.label]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--trim-borders"], "follow has no --trim-borders: black borders are measured over the whole film"),
        (["--decoder", "decord"], "follow has no --decoder: only pyav"),
        (["--start", "5"], "follow has no --start"),
        (["--anonymous"], "follow has no --anonymous"),
        (["--json-log"], "follow has no --json-log: it always prints JSON lines"),
        (["--until-idle", "0"], "'0' is not a length of time"),
        (["--no-such-option"], "No such option"),
    ],
)
def test_what_cannot_be_served_is_wrong_usage_and_says_why(follow, options, complaint):
    code, lines, err = follow(*options)
    assert (code, lines) == (2, [])
    assert complaint in err.splitlines()[-1]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--region", "left=0%,0%,50%,100%", "--region", "right=50%,0%,50%,100%"], "2 regions are asked for"),
        (["--as", "a/b"], "cannot be called a/b"),
        (["--point", "high"], "there is no model"),
        (["--fps", "0"], "0 positions per second"),
        (["--backbone", "resnet5O"], "did you mean resnet50"),
        (["-o", "/proc/nowhere"], "nothing can be written to nowhere"),
    ],
)
def test_what_cannot_be_done_is_one_line(loop, follow, options, complaint):
    code, lines, err = follow(*options)
    assert (code, lines, loop.told) == (1, [], None)
    assert complaint in the_line(err)


@pytest.mark.parametrize(
    ("of", "complaint"),
    [
        ("missing/a.ts", "its folder is not there"),
        ("rtsp://camera/stream", "rtsp://camera/stream is an address"),
        ("/dev/null", "null is not a file, a folder or a pipe"),
    ],
)
def test_what_is_no_source_is_one_line(loop, follow, of, complaint):
    code, lines, err = follow(of=of)
    assert (code, lines) == (1, [])
    assert complaint in the_line(err)


def test_results_of_another_film_of_this_name_are_kept(loop, follow, tmp_path):
    assert follow()[0] == 0
    before = (tmp_path / "out/a.ts.timeline.json").read_bytes()
    loop.begins = "f00d"
    code, _, err = follow("-q")
    assert code == 1
    assert "exists already and is not this film's" in the_line(err)
    assert (tmp_path / "out/a.ts.timeline.json").read_bytes() == before
    assert follow("--as", "b.ts")[0] == follow("--overwrite")[0] == 0


def test_another_model_is_another_record(loop, follow):
    follow()
    loop.settings_key = "another model"
    code, lines, err = follow()
    assert code == 0
    assert [line["label"] for line in lines if line["event"] == "segment"] == ["walk", RUN.label]
    assert "they are now in a.ts.follow.jsonl.earlier-1" in err


def test_one_region_names_the_results(loop, follow, tmp_path):
    assert follow("--region", "left=0%,0%,50%,100%")[0] == 0
    assert "a.ts.left.timeline.json" in names(tmp_path / "out")
    assert "a.ts.left.follow.jsonl" in names(tmp_path / "out")


def test_two_runs_over_one_source_are_one(loop, follow, source, tmp_path, here):
    codes = []
    out = tmp_path / "elsewhere"
    loop.events.append(lambda: codes.append(here("follow", source, "-o", out, "--store", tmp_path / "store")))
    assert follow()[0] == 0
    ((code, _, err),) = codes
    assert code == 1
    assert not out.exists() or names(out) == []
    assert "another run follows a.ts" in the_line(err.splitlines()[-1])


def test_options_reach_the_loop(loop, follow):
    assert follow("--fps", "4", "--stream", "1", "--no-refine", "--device", "cpu", "--as", "match")[0] == 0
    assert (loop.settings.fps, loop.settings.stream, loop.settings.refine, loop.name) == ("4", 1, False, "match")


def test_an_index_over_the_results_shows_the_new_ones(loop, follow, here, tmp_path):
    follow()
    here("report", "--no-thumbnails", tmp_path / "out")
    code, lines, _ = follow("--as", "b.ts", "--no-thumbnails")
    assert (code, lines[-1]["files"][-1]) == (0, "index.html")
    assert "b.ts" in (tmp_path / "out/index.html").read_text("utf-8")
