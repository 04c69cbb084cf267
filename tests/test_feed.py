"""The bytes of a file while it is written: all of them, once, in order; and what can happen to such a file."""

import itertools
import os
import subprocess
import sys
import threading

import pytest
from feeding import NO_FILM, by_now, joined, quick, whole  # noqa: F401  (a fixture)
from growing_films import KINDS, record
from hypothesis import given
from hypothesis import strategies as st

from vtn_stream.errors import VideoError
from vtn_stream.following.feed import PIECE_BYTES, Nothing
from vtn_stream.following.growing_file import GrowingFile
from vtn_stream.following.open_feed import open_feed

pytestmark = pytest.mark.usefixtures("quick")

HEAD = NO_FILM * 1024  # as much as is needed to know what it is


def append(path, data):
    with open(path, "ab") as file:
        file.write(data)


def test_a_file_at_rest_is_read_to_its_end(tmp_path):
    data = os.urandom(3 * PIECE_BYTES + 5)
    (tmp_path / "film.ts").write_bytes(data)
    feed = open_feed(str(tmp_path / "film.ts"), until_idle_s=0)
    assert whole(feed) == [data]
    assert (feed.ended, feed.name, feed.replays, feed.path) == ("idle", "film.ts", True, tmp_path / "film.ts")


@given(writes=st.lists(st.integers(0, 9000), max_size=8), seed=st.integers(0, 2**32))
def test_no_byte_is_lost_doubled_or_out_of_order(tmp_path_factory, writes, seed):
    path = tmp_path_factory.mktemp("growing") / "film.ts"
    data = HEAD + bytes(itertools.islice(itertools.cycle(seed.to_bytes(5, "big") + b"\0\0"), sum(writes)))
    pieces = GrowingFile(path, until_idle_s=None).pieces()
    append(path, HEAD)
    read = joined(pieces)
    for stop in itertools.accumulate(writes, initial=len(HEAD)):
        append(path, data[len(read) : stop])
        read += joined(pieces)
        assert read == data[:stop]
    pieces.close()


@pytest.mark.parametrize("kind", KINDS)
def test_each_container_as_its_recorder_writes_it(tmp_path, kind):
    film, path = record(kind, 60), tmp_path / "film"
    pieces = GrowingFile(path, until_idle_s=None).pieces()
    read = b""
    for stop in (5000, 9000, 9001, len(film.data)):
        append(path, film.data[len(read) : stop])
        read += joined(pieces)
    assert read == film.data
    with open(path, "r+b") as file:
        file.write(film.finished)  # its head is written again
    assert by_now(pieces) == []
    again = b"".join(piece for piece in GrowingFile(path, until_idle_s=0).pieces() if isinstance(piece, bytes))
    assert len(again) == len(film.finished)


def test_a_program_writes_and_we_read(tmp_path):
    path = tmp_path / "film.ts"
    script = "import sys\nfile = open(sys.argv[1], 'wb', 0)\nfor n in range(2000): file.write(n.to_bytes(2) * (n % 97))"
    feed = GrowingFile(path, until_idle_s=None)
    pieces = feed.pieces()
    assert isinstance(next(pieces), Nothing)
    writer = subprocess.Popen([sys.executable, "-c", script, path])
    expected, read = b"".join(n.to_bytes(2) * (n % 97) for n in range(2000)), b""
    while len(read) < len(expected):
        read += joined(pieces)
    assert writer.wait() == 0
    assert joined(pieces) == b""
    assert read == expected


def test_a_file_that_is_not_there_yet_is_waited_for(tmp_path):
    feed = open_feed(str(tmp_path / "film.ts"), until_idle_s=None)
    pieces = feed.pieces()
    assert by_now(pieces) == by_now(pieces) == []
    (tmp_path / "film.ts").touch()
    assert by_now(pieces) == []
    append(tmp_path / "film.ts", HEAD)
    assert feed.backlog_bytes == len(HEAD)
    assert by_now(pieces) == [HEAD]
    append(tmp_path / "film.ts", b"12345")
    assert feed.backlog_bytes == 5


def test_waiting_says_for_how_long(tmp_path):
    pieces = GrowingFile(tmp_path / "film.ts", until_idle_s=None).pieces()
    waited = [piece.waited_s for piece in itertools.islice(pieces, 5) if isinstance(piece, Nothing)]
    assert len(waited) == 5
    assert waited == sorted(waited)


@pytest.mark.parametrize("is_there", [False, True])
def test_a_file_that_never_begins(tmp_path, is_there):
    if is_there:
        (tmp_path / "film.ts").touch()
    what = "is empty" if is_there else "is not there"
    with pytest.raises(VideoError, match=f"film.ts {what} after 0 s; there is nothing to follow; check the path"):
        whole(open_feed(str(tmp_path / "film.ts"), until_idle_s=0.01))


def test_what_was_written_before_the_file_was_replaced_is_read(tmp_path):
    path = tmp_path / "film.ts"
    append(path, HEAD)
    pieces = GrowingFile(path, until_idle_s=None).pieces()
    assert joined(pieces) == HEAD
    append(path, b"the last")
    (tmp_path / "other.ts").write_bytes(HEAD * 2)
    os.replace(tmp_path / "other.ts", path)
    assert next(pieces) == b"the last"
    with pytest.raises(VideoError, match=r"film.ts was replaced by another file .*; run the same command again"):
        by_now(pieces)


def test_an_empty_file_may_be_replaced(tmp_path):
    path = tmp_path / "film.ts"
    path.touch()
    pieces = GrowingFile(path, until_idle_s=None).pieces()
    assert by_now(pieces) == []
    (tmp_path / "other.ts").write_bytes(HEAD)
    os.replace(tmp_path / "other.ts", path)
    assert by_now(pieces) == [HEAD]


def test_a_file_that_is_truncated(tmp_path):
    path = tmp_path / "film.ts"
    append(path, HEAD + b"12345")
    pieces = GrowingFile(path, until_idle_s=None).pieces()
    by_now(pieces)
    os.truncate(path, len(HEAD))
    with pytest.raises(VideoError, match=r"film.ts was truncated while it was followed; only what came before"):
        by_now(pieces)


def test_a_file_that_is_written_again_faster_than_we_look(tmp_path):
    path = tmp_path / "film.ts"
    append(path, HEAD + b"12345")
    pieces = GrowingFile(path, until_idle_s=None).pieces()
    by_now(pieces)
    with open(path, "wb") as file:
        file.write(b"\xff\x02\x01\x00" * 2048)
    with pytest.raises(VideoError, match=r"film.ts was written again from its beginning"):
        by_now(pieces)


def test_a_size_that_is_written_into_what_was_read_changes_nothing(tmp_path):
    path = tmp_path / "film.mkv"
    append(path, HEAD)
    pieces = GrowingFile(path, until_idle_s=None).pieces()
    by_now(pieces)
    with open(path, "r+b") as file:
        file.seek(2000)
        file.write(b"12345678")
    append(path, b"more")
    assert joined(pieces) == b"more"


@pytest.mark.parametrize("is_renamed", [False, True])
def test_a_file_that_is_removed_or_renamed_ends_with_what_was_written(tmp_path, monkeypatch, is_renamed):
    monkeypatch.setattr("vtn_stream.following.growing_file._GONE_S", 0.01)
    path = tmp_path / "film.ts"
    append(path, HEAD)
    feed = GrowingFile(path, until_idle_s=None)
    pieces = feed.pieces()
    by_now(pieces)
    append(path, b"the last")
    if is_renamed:
        path.rename(tmp_path / "done.ts")
    else:
        path.unlink()
    assert b"".join(piece for piece in pieces if isinstance(piece, bytes)) == b"the last"
    assert feed.ended == "end"


def test_room_that_is_reserved_is_not_read_as_zeros(tmp_path):
    path = tmp_path / "film.ts"
    with open(path, "wb") as file:
        file.write(HEAD)
        file.truncate(1 << 24)
    feed = GrowingFile(path, until_idle_s=None)
    pieces = feed.pieces()
    if (first := joined(pieces)) != HEAD:
        pytest.skip("this disk knows no holes")
    assert first == HEAD
    assert feed.backlog_bytes == 0
    with open(path, "r+b") as file:
        file.seek(len(HEAD))
        file.write(b"\x11" * 4096)
    assert joined(pieces) == b"\x11" * 4096


def test_zeros_between_data_are_data(tmp_path):
    path = tmp_path / "film.ts"
    with open(path, "wb") as file:
        file.write(HEAD)
        file.seek(3 * PIECE_BYTES)
        file.write(b"end\0\0")
    assert whole(GrowingFile(path, until_idle_s=0)) == [HEAD + bytes(3 * PIECE_BYTES - len(HEAD)) + b"end\0\0"]


def test_closing_a_feed_ends_the_wait(tmp_path):
    feed = GrowingFile(tmp_path / "film.ts", until_idle_s=None)
    threading.Timer(0.02, feed.close).start()
    assert whole(feed) == []


@pytest.mark.parametrize(
    ("source", "line"),
    [
        (
            "rtsp://10.0.0.7/film",
            "through a pipe: ffmpeg -i rtsp://10.0.0.7/film -c copy -f mpegts - | vtn-stream follow",
        ),
        ("no-such-folder/film.ts", "no-such-folder/film.ts cannot be opened (its folder is not there)"),
        ("film\0.ts", "cannot be opened"),
        ("", "the source has no name; there is nothing to follow"),
        ("/dev/null", "null is not a file, a folder or a pipe"),
    ],
)
def test_what_is_no_source(source, line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(VideoError) as raised:
        open_feed(source, until_idle_s=None)
    assert line in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads all files")
def test_a_file_that_must_not_be_read(tmp_path):
    (tmp_path / "film.ts").touch(0o000)
    with pytest.raises(VideoError, match=r"film.ts cannot be opened \(permission denied\); it was not followed"):
        whole(open_feed(str(tmp_path / "film.ts"), until_idle_s=None))


def test_it_can_be_read_from_the_beginning_again(tmp_path):
    path = tmp_path / "film.ts"
    append(path, HEAD)
    feed = GrowingFile(path, until_idle_s=None)
    pieces = feed.pieces()
    assert by_now(pieces) == [HEAD]
    pieces.close()
    append(path, b"more")
    assert by_now(feed.pieces()) == [HEAD + b"more"]
