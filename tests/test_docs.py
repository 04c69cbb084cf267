"""The docs say what the code does: every command, option, format, module and word, and no file that is not there."""

import doctest
import importlib
import importlib.util
import re
from pathlib import Path

import click
import pytest

from vtn_stream.formats import FORMATS
from vtn_stream.formats.annotations import FORMATS as ANNOTATION_FORMATS
from vtn_stream_cli.main import vtn_stream
from vtn_stream_cli.train import train

ROOT = Path(__file__).resolve().parents[1]
DOCS = sorted((ROOT / "docs").glob("*.md"))
CARDS = sorted((ROOT / "vtn_stream/checkpoints/shipped").glob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS, *CARDS]
TEXT = {page: page.read_text("utf-8") for page in PAGES}
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
RENEW = "the code has changed: run `python docs/write.py`"

of_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@pytest.fixture(scope="module")
def write():
    spec = importlib.util.spec_from_file_location("write", ROOT / "docs/write.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def commands(command, name="vtn-stream"):
    yield name, command
    if isinstance(command, click.Group):
        for below in command.list_commands(click.Context(command)):
            yield from commands(command.get_command(click.Context(command), below), f"{name} {below}")


COMMANDS = dict(commands(vtn_stream))
OPTIONS = [
    pytest.param(name, option, id=f"{name.removeprefix('vtn-stream ')} {option.opts[-1]}")
    for name, command in COMMANDS.items()
    for option in command.params
    if isinstance(option, click.Option)
]


# ---- commands and formats


def test_what_is_written_by_the_code_is_as_the_code_says(write):
    architecture = ROOT / "docs/architecture.md"
    assert TEXT[ROOT / "docs/commands.md"] == write.commands_page(), RENEW
    assert TEXT[architecture] == write.architecture_page(TEXT[architecture]), RENEW


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_help_and_a_section(name):
    assert COMMANDS[name].help
    assert f"## {name}\n" in TEXT[ROOT / "docs/commands.md"], RENEW


@pytest.mark.parametrize(("name", "option"), OPTIONS)
def test_an_option_says_what_it_does_in_help_and_docs(name, option):
    assert option.help
    section = TEXT[ROOT / "docs/commands.md"].split(f"## {name}\n")[1].split("\n## ")[0]
    for flag in (*option.opts, *option.secondary_opts):
        assert re.search(rf"^- `[^`]*(?<![\w-]){flag}(?![\w-])", section, re.MULTILINE), RENEW


@pytest.mark.parametrize("name", FORMATS)
def test_a_timeline_format_is_in_the_table_of_formats(name):
    rows = [line for line in TEXT[ROOT / "docs/formats.md"].splitlines() if line.startswith("| `")]
    assert any(f"`{name}`" in row.split("|")[1] and f"`{FORMATS[name].suffix}`" in row.split("|")[2] for row in rows)
    (option,) = (option for option in COMMANDS["vtn-stream export"].params if option.name == "formats")
    assert name in option.type.choices


@pytest.mark.parametrize("name", ANNOTATION_FORMATS)
def test_an_annotation_format_is_in_the_help_and_in_the_table(name):
    assert name in train.help
    table = TEXT[ROOT / "docs/training.md"].split("| annotations | what they are |")[1].split("\n\n")[0]
    assert name in table


# ---- files


@of_page
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", TEXT[page]):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = page.parent / path if path else page
        assert found.exists(), f"{page.name} links to {target}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", found.read_text("utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@of_page
def test_paths_that_are_named_are_there(page):
    """Those that begin with a folder of ours, and modules by their name alone; `demo/out` is made by the demo."""
    text = re.sub(r"<!-- tree.*?<!-- end of tree -->", "", TEXT[page], flags=re.DOTALL)
    folders = r"(?:vtn_stream|pipelines|cli|tests|benchmarks|docs|demo|notebooks|\.ci)"
    for path in re.findall(rf"(?<![\w./*-]){folders}/[\w./-]*\w", text):
        assert path.startswith("demo/out") or (ROOT / path).exists(), f"{page.name} names {path}"
    for name in re.findall(r"`((?:\w+/)*\w+\.py)`", text):
        assert (ROOT / name).exists() or any(ROOT.glob(f"vtn_stream/**/{name}")), f"{page.name} names {name}"


@pytest.mark.parametrize("page", [ROOT / "CONTRIBUTING.md", ROOT / "docs/architecture.md"], ids=lambda page: page.name)
def test_folders_that_are_named_are_there(page):
    for name in re.findall(r"`((?:\w+/)+)`", TEXT[page]):
        assert (ROOT / name).is_dir() or (ROOT / "vtn_stream" / name).is_dir(), f"{page.name} names {name}"


def test_every_benchmark_is_named_by_the_docs_or_run_by_make():
    named = "\n".join([*TEXT.values(), MAKEFILE])
    for path in sorted((ROOT / "benchmarks").glob("*.py")):
        assert f"benchmarks/{path.name}" in named, f"nothing names {path.name}"
    for name in re.findall(r"benchmarks/(\w+\.py)", MAKEFILE):
        assert (ROOT / "benchmarks" / name).exists()


def test_every_module_is_in_the_tree():
    tree = TEXT[ROOT / "docs/architecture.md"].split("<!-- tree")[1].split("<!-- end of tree")[0]
    folders: list[str] = []
    named = set()
    for indent, name in re.findall(r"^( *)(\w+(?:\.py|/))  +\S", tree, re.MULTILINE):
        del folders[len(indent) // 2 :]
        if name.endswith("/"):
            folders.append(name)
        else:
            named.add("".join(folders) + name)
    paths = (path for folder in ("vtn_stream", "pipelines", "cli") for path in (ROOT / folder).rglob("*.py"))
    assert named == {str(path.relative_to(ROOT)) for path in paths if path.name != "__init__.py"}


# ---- words


def test_a_word_of_the_glossary_is_defined_where_it_says():
    rows = [line.split("|") for line in TEXT[ROOT / "docs/glossary.md"].splitlines() if "](../" in line]
    terms = [row[1].strip() for row in rows]
    assert len(terms) == len(set(terms)) > 30
    for row in rows:
        name, path = re.search("`(.+)`", row[3])[1], re.search(r"\((.+)\)", row[4])[1]
        assert re.search(rf"\b{re.escape(name)}\b", (ROOT / "docs" / path).read_text("utf-8")), row[1]


@pytest.mark.parametrize("module", ["timeline", "sampling"])
def test_examples_in_docstrings_are_true(module):
    result = doctest.testmod(importlib.import_module(f"vtn_stream.{module}"))
    assert result.attempted > 0
    assert result.failed == 0
