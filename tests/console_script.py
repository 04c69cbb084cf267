"""The console script, called as people call it, and bad films for it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(sys.executable).with_name("vtn-stream")
HEAVY = ("torch", "timm", "ray", "decord", "av", "pyarrow", "transformers", "scipy", "PIL")


@pytest.fixture
def filled(analyzed, tmp_path):
    return shutil.copytree(analyzed.store, tmp_path / "filled")


def run(*arguments, **options):
    """The installed script in a process of its own."""
    return subprocess.run([SCRIPT, *arguments], **({"capture_output": True, "text": True, "check": False} | options))


def the_line(stderr):
    """The one line that an error is."""
    lines = stderr.splitlines()
    assert len(lines) == 1, stderr
    assert lines[0].startswith("vtn-stream: ")
    assert lines[0].count("; ") >= 2  # the fact, the consequence, the cure
    return lines[0]


def modules_after(code):
    code += f"\nimport sys; print(*[m for m in {HEAVY} if m in sys.modules])"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split("\n")


@pytest.fixture
def bad(tmp_path):
    folder = tmp_path / "bad"
    (folder / "folder.mp4").mkdir(parents=True)
    (folder / "empty.mp4").touch()
    (folder / "text.mp4").write_text("this is not a film\n" * 100)
    return folder
