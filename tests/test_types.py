"""The type checker sees across the packages: what the command line asks of the code for clusters."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ASKING = ROOT / "cli" / "on_cluster.py"


def checked(tmp_path: Path, source: str) -> str:
    """What mypy says of the three packages, with this source in the place of cli/on_cluster.py."""
    planted = tmp_path / "planted.py"
    planted.write_text(source)
    command = [sys.executable, "-m", "mypy", "--shadow-file", "typed/vtn_stream_cli/on_cluster.py", planted]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout


WRONG = [
    ("span_s=plan", "span=plan", 'Unexpected keyword argument "span" for "embed_film"'),
    ("check_store(settings.store_root)", "check_store(2)", 'Argument 1 to "check_store" has incompatible type "int"'),
    ("event.survey.num_missing_positions", "event.survey.num_missing", '"Survey" has no attribute "num_missing"'),
]


@pytest.mark.release
def test_wrong_calls_of_the_pipelines_are_seen(tmp_path):
    source = ASKING.read_text()
    for right, wrong, _ in WRONG:
        assert right in source
        source = source.replace(right, wrong)
    said = checked(tmp_path, source)
    assert all(complaint in said for _, _, complaint in WRONG)
    assert f"Found {len(WRONG)} errors in 1 file" in said


def test_the_sources_are_checked_under_the_names_by_which_they_are_installed():
    for name, folder in [("vtn_stream_cli", "cli"), ("vtn_stream_pipelines", "pipelines")]:
        assert (ROOT / "typed" / name).resolve() == ROOT / folder


USER = """
from pathlib import Path

import pytest
from typing import assert_type

import numpy as np
from numpy.typing import NDArray

import vtn_stream

timeline = vtn_stream.analyze("movie.mp4", store="store")
assert_type(timeline, vtn_stream.Timeline)
assert_type([segment for segment in timeline], list[vtn_stream.Segment])
assert_type(timeline.save("movie.vtt"), Path)
assert_type(vtn_stream.Timeline.read(Path("movie.vtt")), vtn_stream.Timeline)
assert_type(vtn_stream.read_timelines("project.boris"), list[vtn_stream.Timeline])
with vtn_stream.Analyzer(vtn_stream.Settings(fps=2)) as analyzer:
    assert_type(analyzer.analyze(analyzer.plan("movie.mp4")).timeline, vtn_stream.Timeline)
assert_type(vtn_stream.EmbeddingStore("store").track(timeline).values, NDArray[np.float16])
assert_type(vtn_stream.train("actions.csv", Path("videos"), "m.safetensors").model, Path)
assert_type(vtn_stream.evaluate([timeline], "true.csv").notes, tuple[str, ...])
vtn_stream.convert("a.csv", "a.srt")
vtn_stream.stats([timeline, "other.csv"], groups="groups.csv").to_pandas()
try:
    vtn_stream.probe("movie.mp4")
except vtn_stream.errors.VideoError as error:
    assert_type(error.cure, str)
"""


def test_the_code_of_users_is_checked(tmp_path):
    script = tmp_path / "user.py"
    script.write_text(USER + 'timeline.save(7)\nvtn_stream.analyze("a.mp4", modell="x")\n')
    command = [sys.executable, "-m", "mypy", "--config-file", ROOT / "pyproject.toml", script]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    assert 'incompatible type "int"; expected "str | PathLike[str]"' in said
    assert 'Unexpected keyword argument "modell" for "analyze"' in said
    assert "Found 2 errors in 1 file" in said
