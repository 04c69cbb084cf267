"""FILM.follow.jsonl: lines that are added and never changed, whatever kills the run that writes them."""

import errno
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.errors import InUse, StoreError, TimelineError
from vtn_stream.results.follow_file import FollowFile, identities_in
from vtn_stream.segments import Segment

WALK = Segment(start_s=0, end_s=2.5, label="walk", score=0.75, origin="model")
RUN = Segment(start_s=2.5, end_s=1e9 / 7, label="r\ud800n\n", attributes={"who": "hen 1"}, origin="model")
FILM = {"film": "a.ts", "begins": "1" * 32, "settings": "2" * 32}

segments = st.builds(
    lambda times, label, score: Segment(
        start_s=min(times), end_s=max(times), label=label, score=score, attributes={"a": label}, origin="model"
    ),
    st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)),
    st.text(max_size=5),
    st.none() | st.floats(0, 1),
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.ts.follow.jsonl"


def opened(path, **more):
    return FollowFile(path, **(FILM | more))


def lines(path):
    return [json.loads(line) for line in path.read_text("ascii").splitlines()]


def told(path, **more):
    with opened(path, **more) as file:
        return file.segments, file.until_s


def test_what_was_told_is_read_again_to_the_last_digit(path):
    with opened(path) as file:
        assert (file.segments, file.until_s) == ([], 0.0)
        assert file.add([WALK], 3.0) == (WALK,)
        assert file.add([RUN], 1e9) == (RUN,)
    assert told(path) == ([WALK, RUN], 1e9)
    assert [line["event"] for line in lines(path)] == ["film", "segment", "final", "segment", "final"]
    assert path.read_bytes().isascii()


@given(st.lists(st.lists(segments, max_size=3), max_size=4))
def test_any_segments_come_back_each_once(tmp_path_factory, steps):
    path = tmp_path_factory.mktemp("any") / "a.jsonl"
    with opened(path) as file:
        new = [s for step in steps for s in file.add(step, 1.0)]
    assert told(path)[0] == new == list(dict.fromkeys(s for step in steps for s in step))


def test_a_segment_is_told_once_over_all_runs(path):
    with opened(path) as file:
        file.add([WALK], 3.0)
    with opened(path) as file:
        assert file.add([WALK, RUN], 5.0) == (RUN,)
        assert file.add([WALK], 5.0) == ()
    assert sum(line["event"] == "segment" for line in lines(path)) == 2


def test_nothing_new_writes_nothing(path):
    with opened(path) as file:
        file.add([WALK], 3.0)
        before = path.read_bytes()
        file.add([], 3.0)
        file.add([WALK], 2.0)
        assert path.read_bytes() == before
        assert file.until_s == 3.0


def test_wherever_a_run_was_killed_the_next_one_goes_on(path):
    with opened(path) as file:
        file.add([WALK], 3.0)
        file.add([RUN], 2e8)
        file.end("c0ffee")
    whole = path.read_bytes()
    for size in range(0, len(whole) + 1, 7):
        path.write_bytes(whole[:size])
        with opened(path) as file:
            assert file.aside is None
            assert file.segments == [WALK, RUN][: len(file.segments)]
            assert file.until_s in (0.0, 3.0, 2e8)
            assert sum(s.end_s <= file.until_s for s in (WALK, RUN)) <= len(file.segments)
            file.add([WALK, RUN], 2e8)
        assert told(path) == ([WALK, RUN], 2e8)
        assert [line["event"] for line in lines(path)].count("film") == 1


@pytest.mark.parametrize("other", [{"begins": "3" * 32}, {"settings": "3" * 32}])
def test_lines_of_another_film_or_of_other_settings_are_put_aside(path, other):
    with opened(path) as file:
        file.add([WALK], 3.0)
    before = path.read_bytes()
    for number in (1, 2):
        with opened(path, **(other if number == 1 else {})) as file:
            assert (file.segments, file.aside) == ([], f"a.ts.follow.jsonl.earlier-{number}")
    assert path.with_name("a.ts.follow.jsonl.earlier-1").read_bytes() == before


@pytest.mark.parametrize(
    "content",
    [
        b"no lines of ours\n",
        b"\xff\xfe\n",
        b"[]\n",
        b"{}\n",
        b'{"event": "film"}\n',
        b"[" * 100_000 + b"\n",
        b"{first}\n" + b'{"event": "segment"}\n',
        b"{first}\n" + b'{"event": "final", "until_s": NaN}\n',
        b"{first}\n" + b'{"event": "final", "until_s": true}\n',
        b"{first}\n"
        + b'{"event": "segment", "start_s": 2, "end_s": 1, "label": "", "score": null, "attributes": {}}\n',
        b"{first}\n" + b'{"event": "segment", "start_s": 1, "end_s": 1, "label": 5, "score": null, "attributes": {}}\n',
        b"{first}\n" + b'{"event": "segment", "start_s": 1, "end_s": 1, "label": "", "score": 0, "attributes": []}\n',
        b"{first}\n" + b'{"event": "what"}\n',
        b"{first}\n" + b"x" * (1 << 21) + b"\n",
    ],
)
def test_a_file_that_is_not_ours_is_put_aside(path, content):
    with opened(path):
        pass
    content = content.replace(b"{first}", path.read_bytes().strip())
    path.write_bytes(content)
    with opened(path) as file:
        assert (file.segments, file.until_s) == ([], 0.0)
        assert path.with_name(file.aside).read_bytes() == content


def test_one_run_at_a_time_writes_it(path):
    with opened(path) as file:
        file.add([WALK], 3.0)
        with pytest.raises(InUse, match=r"^another run follows a film of this name, .*; .*; .*--as"):
            opened(path)
    assert told(path) == ([WALK], 3.0)


def test_a_full_disk_is_one_line_and_leaves_whole_lines(path, monkeypatch):
    write = os.write

    def full(file, content):
        write(file, bytes(content)[:9])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with opened(path) as file:
        file.add([WALK], 3.0)
        before = path.read_bytes()
        monkeypatch.setattr(os, "write", full)
        with pytest.raises(StoreError, match=r"^a.ts.follow.jsonl cannot be written \(No space left .*\); .*; .*"):
            file.add([RUN], 4.0)
        assert path.read_bytes() == before
        monkeypatch.undo()
        assert file.add([RUN], 4.0) == (RUN,)


def test_what_is_no_file_is_left_alone(path, tmp_path):
    (tmp_path / "elsewhere").write_bytes(b"x")
    for make in (path.mkdir, lambda: os.mkfifo(path), lambda: path.symlink_to("elsewhere")):
        make()
        with pytest.raises(TimelineError, match=r"follow\.jsonl"):
            opened(path)
        path.rmdir() if path.is_dir() else path.unlink()
    assert (tmp_path / "elsewhere").read_bytes() == b"x"


def test_identities_of_earlier_runs_stay_known(path):
    assert identities_in(path, FILM["begins"]) == ()
    with opened(path) as file:
        file.end("aa")
    with opened(path) as file:
        file.end("bb")
        file.end("aa")
    assert identities_in(path, FILM["begins"]) == ("aa", "bb")
    assert identities_in(path, "3" * 32) == ()
    with opened(path, settings="3" * 32):  # another model: the lines are put aside, the film is the same
        pass
    assert identities_in(path, FILM["begins"]) == ("aa", "bb")
    path.write_bytes(b"\0")
    assert identities_in(path, FILM["begins"]) == ()
