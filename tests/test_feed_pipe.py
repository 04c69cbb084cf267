"""The bytes that come through a pipe: real pipes, and what can happen to them."""

import fcntl
import itertools
import os
import pty
import threading
from contextlib import contextmanager

import pytest
from feeding import NO_FILM, by_now, joined, quick, whole  # noqa: F401  (a fixture)
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.errors import InputError, VideoError
from vtn_stream.following.feed import PIECE_BYTES
from vtn_stream.following.open_feed import open_feed
from vtn_stream.following.waiting import Waiting

pytestmark = pytest.mark.usefixtures("quick")

HEAD = NO_FILM * 1024


@contextmanager
def standard_input(file):
    """This descriptor stands where standard input did."""
    before = os.dup(0)
    os.dup2(file, 0)
    os.close(file)
    try:
        yield
    finally:
        os.dup2(before, 0)
        os.close(before)


@contextmanager
def piped(*, until_idle_s=None):
    """A feed of standard input, and a file to write to."""
    reading, writing = os.pipe()
    with standard_input(reading), os.fdopen(writing, "wb", buffering=0) as file:
        yield open_feed("-", until_idle_s=until_idle_s), file


def test_standard_input_is_read_to_its_end():
    data = HEAD + os.urandom(2 * PIECE_BYTES)
    with piped() as (feed, file):

        def write():
            file.write(data)
            file.close()

        thread = threading.Thread(target=write)
        thread.start()
        assert whole(feed) == [data]
        thread.join()
    assert (feed.name, feed.replays, feed.path, feed.ended) == ("pipe", False, None, "end")


@given(sizes=st.lists(st.integers(1, 5000), max_size=10))
def test_no_byte_is_lost_doubled_or_out_of_order(sizes):
    data = HEAD + bytes(itertools.islice(itertools.cycle(range(256)), sum(sizes)))
    read = b""
    with piped() as (feed, file):
        pieces = feed.pieces()
        for stop in itertools.accumulate(sizes, initial=len(HEAD)):
            file.write(data[len(read) : stop])
            read += joined(pieces)
            assert read == data[:stop]
        file.close()
        assert joined(pieces) == b""


def test_no_more_is_read_than_is_taken():
    with piped() as (feed, file):
        pieces = feed.pieces()
        file.write(HEAD)
        assert next(pieces) == HEAD
        os.set_blocking(file.fileno(), False)
        num_taken = sum(iter(lambda: file.write(bytes(PIECE_BYTES)) or 0, 0))  # until the pipe is full
        assert feed.backlog_bytes == num_taken <= fcntl.fcntl(file.fileno(), fcntl.F_GETPIPE_SZ)
        file.close()
        assert joined(pieces) == bytes(num_taken)


def test_what_comes_in_small_pieces_is_taken_together(monkeypatch):
    with piped() as (feed, file):
        monkeypatch.setattr(Waiting, "pause", lambda self: file.write(b"more"))
        pieces = feed.pieces()
        file.write(HEAD)
        assert next(pieces) == HEAD + b"more"
        file.write(bytes(1 << 16))
        assert next(pieces) == bytes(1 << 16)


def test_a_pipe_that_ends_at_once():
    with piped() as (feed, file):
        file.close()
        with pytest.raises(VideoError, match="standard input ended before its first byte; there is nothing to follow"):
            whole(feed)


def test_a_pipe_that_never_begins():
    with piped(until_idle_s=0.01) as (feed, _), pytest.raises(VideoError, match="nothing came from pipe for 0 s"):
        whole(feed)


def test_a_pipe_that_stalls_is_waited_for():
    with piped() as (feed, file):
        pieces = feed.pieces()
        file.write(HEAD)
        assert by_now(pieces) == [HEAD]
        assert by_now(pieces) == by_now(pieces) == []
        file.write(b"more")
        assert by_now(pieces) == [b"more"]


def test_a_pipe_that_is_idle_for_as_long_as_was_asked_ends():
    with piped(until_idle_s=0.01) as (feed, file):
        file.write(HEAD)
        assert whole(feed) == [HEAD]
        assert feed.ended == "idle"


def test_a_pipe_of_text():
    with piped() as (feed, file):
        file.write("Größe: 100\n".encode() * 500)
        with pytest.raises(VideoError, match="pipe is text; it was not followed; give a film"):
            whole(feed)


def test_a_short_text():
    with piped() as (feed, file):
        file.write(b"bash: ffmpeg: command not found\n")
        file.close()
        with pytest.raises(VideoError, match="pipe is text"):
            whole(feed)


def test_a_terminal():
    above, below = pty.openpty()
    with standard_input(below), pytest.raises(InputError, match=r"standard input is a terminal; .* ffmpeg -i rtsp://"):
        open_feed("-", until_idle_s=None)
    os.close(above)


def test_standard_input_may_be_a_file(tmp_path):
    (tmp_path / "film.ts").write_bytes(HEAD)
    with standard_input(os.open(tmp_path / "film.ts", os.O_RDONLY)):
        assert whole(open_feed("-", until_idle_s=None)) == [HEAD]


@pytest.mark.parametrize(("what", "line"), [("/dev/null", "ended before its first byte"), (".", "is a folder")])
def test_standard_input_may_be_nothing(what, line):
    with standard_input(os.open(what, os.O_RDONLY)), pytest.raises(VideoError, match=line):
        whole(open_feed("-", until_idle_s=None))


def test_a_named_pipe_is_waited_for_and_its_next_writer_begins_a_stretch(tmp_path):
    path = tmp_path / "film"
    os.mkfifo(path)
    feed = open_feed(str(path), until_idle_s=None)
    assert (feed.name, feed.replays) == ("film", False)
    pieces = feed.pieces()
    assert by_now(pieces) == by_now(pieces) == []
    for number in range(3):
        with open(path, "wb") as file:
            file.write(HEAD)
        why = [] if number == 0 else ["another program writes to film"]
        assert by_now(pieces) == [*why, HEAD]
        assert by_now(pieces) == []
    pieces.close()


def test_a_named_pipe_ends_when_no_writer_comes(tmp_path):
    os.mkfifo(tmp_path / "film")
    feed = open_feed(str(tmp_path / "film"), until_idle_s=0.05)
    with pytest.raises(VideoError, match="nothing came from film"):
        whole(feed)
    assert feed.backlog_bytes == 0
