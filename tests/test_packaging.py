"""What is installed: every package, and a wheel that works without the source tree."""

import ast
import importlib.metadata
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def packages_on_disk():
    folders = PROJECT["tool"]["setuptools"]["package-dir"]
    for package, folder in folders.items():
        for init in sorted((ROOT / folder).rglob("__init__.py")):
            yield ".".join([package, *init.parent.relative_to(ROOT / folder).parts])


def test_the_package_list_is_what_lies_on_the_disk():
    listed = PROJECT["tool"]["setuptools"]["packages"]
    assert sorted(packages_on_disk()) == sorted(listed) == listed


def test_no_module_lies_outside_a_package():
    for folder in PROJECT["tool"]["setuptools"]["package-dir"].values():
        for module in (ROOT / folder).rglob("*.py"):
            assert (module.parent / "__init__.py").exists(), module


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy, so that the tree stays as it is."""
    source = tmp_path_factory.mktemp("source")
    folders = PROJECT["tool"]["setuptools"]["package-dir"].values()
    for name in (*folders, "pyproject.toml", "README.md", "LICENSE"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, source / name)
    # Offline where this environment's setuptools will do; else the build fetches one.
    major = int(importlib.metadata.version("setuptools").split(".")[0]) if find_spec("setuptools") else 0
    isolation = ["--no-isolation"] if major >= 77 else []
    command = [sys.executable, "-m", "build", "--wheel", *isolation, "--outdir", source / "dist", source]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = (source / "dist").glob("*.whl")
    return built


def test_the_wheel_holds_every_module_and_nothing_else(wheel):
    shipped = {f"vtn_stream/checkpoints/shipped/cctv-fight.{suffix}" for suffix in ("safetensors", "md")}
    expected = {"vtn_stream/py.typed", "vtn_stream/checkpoints/kinetics400.txt", *shipped}
    expected |= {f"vtn_stream/report/assets/{file.name}" for file in (ROOT / "vtn_stream/report/assets").iterdir()}
    for package, folder in PROJECT["tool"]["setuptools"]["package-dir"].items():
        expected |= {f"{package}/{m.relative_to(ROOT / folder)}" for m in (ROOT / folder).rglob("*.py")}
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == expected


def test_the_wheel_runs_where_the_source_is_not(wheel, tmp_path):
    venv.create(tmp_path / "venv", with_pip=False, symlinks=True)
    python = tmp_path / "venv" / "bin" / "python"
    site = Path(
        subprocess.run(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    )
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", "--quiet", wheel]
    subprocess.run(pip, check=True, capture_output=True)
    # Dependencies come from this environment. A path in a .pth file is appended, and .pth files below it are not
    # read: the wheel's copy goes before, and an editable install of the source is not seen.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")

    def run(*command):
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True).stdout

    for name in PROJECT["tool"]["setuptools"]["package-dir"]:
        assert Path(run(python, "-c", f"import {name}; print({name}.__file__)").strip()).is_relative_to(site)
    assert "Commands:" in run(site.parents[2] / "bin" / "vtn-stream", "--help")
    assert "Draw the timeline" in run(site.parents[2] / "bin" / "vtn-stream", "analyze", "--help")


def test_no_test_hides_another_of_its_name():
    """ruff would say so, but for fixtures that are imported and then asked for by name."""
    for file in sorted((ROOT / "tests").rglob("*.py")):
        defined = [node.name for node in ast.parse(file.read_text()).body if isinstance(node, ast.FunctionDef)]
        assert len(set(defined)) == len(defined), file.name
