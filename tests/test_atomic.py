"""Files that appear whole or not at all."""

import os

import pytest

from vtn_stream.atomic import write_whole


def test_the_file_holds_the_parts_in_order(tmp_path):
    write_whole(tmp_path / "a", [b"one ", memoryview(b"two"), b"", b" three"])
    assert (tmp_path / "a").read_bytes() == b"one two three"
    write_whole(tmp_path / "a", [])
    assert (tmp_path / "a").read_bytes() == b""
    assert os.listdir(tmp_path) == ["a"]


def test_a_name_may_be_as_long_as_a_name_can_be(tmp_path):
    path = tmp_path / ("n" * 255)
    write_whole(path, [b"x"])
    assert path.read_bytes() == b"x"


@pytest.mark.parametrize("problem", [ValueError("a bug"), KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_where_writing_fails_the_old_file_stays_and_nothing_is_left_behind(tmp_path, problem):
    def parts():
        yield b"half"
        assert (tmp_path / "a").read_bytes() == b"old"  # a reader sees the old file meanwhile
        raise problem

    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(type(problem)):
        write_whole(tmp_path / "a", parts())
    assert (tmp_path / "a").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_a_folder_in_the_way_is_not_replaced(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(OSError):  # noqa: PT011 - which one depends on the system
        write_whole(tmp_path / "a", [b"x"])
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("folder", ["missing", "file"])
def test_without_a_folder_it_is_an_os_error(tmp_path, folder):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"No such file|Not a directory"):
        write_whole(tmp_path / folder / "a", [b"x"])


def test_a_folder_that_cannot_be_written_is_an_os_error(read_only_folder):
    with pytest.raises(PermissionError):
        write_whole(read_only_folder / "a", [b"x"])
    assert os.listdir(read_only_folder) == []
