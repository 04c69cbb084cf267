"""One run alone follows a source."""

import subprocess
import sys

import pytest

from vtn_stream.errors import InUse, StoreError
from vtn_stream.following.lock import alone

HOLDS = """
import sys
from pathlib import Path
from vtn_stream.following.lock import alone
with alone(Path(sys.argv[1]), sys.argv[2]):
    print("has it", flush=True)
    sys.stdin.read()
"""


def test_a_second_run_stops(tmp_path):
    with alone(tmp_path / "locks", "film.ts"):
        line = r"another run follows film.ts; this run stopped; wait until the other ends"
        with pytest.raises(InUse, match=line), alone(tmp_path / "locks", "./film.ts"):
            pass
        with alone(tmp_path / "locks", "other.ts"), alone(tmp_path / "locks", "-"), alone(tmp_path / "locks", "-"):
            pass
    with alone(tmp_path / "locks", "film.ts"):
        pass
    assert not list((tmp_path / "locks").iterdir())


def test_the_same_file_by_another_name(tmp_path):
    (tmp_path / "link.ts").symlink_to("film.ts")  # which is not there yet
    film, link = (str(tmp_path / name) for name in ("film.ts", "link.ts"))
    with alone(tmp_path / "locks", film), pytest.raises(InUse), alone(tmp_path / "locks", link):
        pass


def test_a_run_that_is_killed_gives_it_back(tmp_path):
    command = [sys.executable, "-c", HOLDS, str(tmp_path), "film.ts"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"has it\n"
        with pytest.raises(InUse), alone(tmp_path, "film.ts"):
            pass
        other.kill()
        other.wait()
        with alone(tmp_path, "film.ts"):
            pass


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "locks").touch()
    line = r"locks/.* cannot be written .*; film.ts was not followed"
    with pytest.raises(StoreError, match=line), alone(tmp_path / "locks", "film.ts"):
        pass
