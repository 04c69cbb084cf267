"""The type checker sees across the packages: what the command line asks of the code for clusters."""

import subprocess
import sys
from pathlib import Path

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
