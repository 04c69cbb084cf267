"""The example plug-in of tests/plugin_package, installed in a folder on the path as pip would have done it; and others
that are made up.
"""

import importlib
import shutil
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from vtn_stream.formats import FORMATS
from vtn_stream.heads import HEADS

EXAMPLE = Path(__file__).parent / "plugin_package"


def install(site: Path, project: str, version: str, groups: Mapping[str, Mapping[str, str]]) -> Path:
    """Writes what pip writes of an installed package beside its code: its name, version and entry points."""
    info = site / f"{project.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n")
    sections = (
        f"[{group}]\n" + "".join(f"{name} = {of}\n" for name, of in entries.items())
        for group, entries in groups.items()
    )
    (info / "entry_points.txt").write_text("\n".join(sections))
    return info


def install_example(site: Path) -> None:
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    shutil.copytree(EXAMPLE / "vtn_stream_example", site / "vtn_stream_example", ignore=lambda *_: {"__pycache__"})
    install(site, project["name"], project["version"], project["entry-points"])


def look_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process that begins now: nothing is known of plug-ins."""
    importlib.invalidate_caches()
    for name in [name for name in sys.modules if name.partition(".")[0].startswith("vtn_stream_example")]:
        monkeypatch.delitem(sys.modules, name)
    for known in (FORMATS, HEADS):
        monkeypatch.setattr(known, "_plugins", None)
        monkeypatch.setattr(known, "_loaded", {})


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of installed packages, at first without any."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    look_again(monkeypatch)
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0].startswith("vtn_stream_example")]:
        del sys.modules[name]


@pytest.fixture
def example(site: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the example is installed."""
    install_example(site)
    look_again(monkeypatch)
    return site
