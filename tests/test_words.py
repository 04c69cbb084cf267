"""Everything that people read avoids words that readers had to look up, and says the plain word instead."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from vtn_stream_cli.main import vtn_stream

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("vtn_stream", "pipelines", "cli")
# What was written, and what to write.
PLAIN = {
    r"\bmend(s|ed|ing)?\b": "fix",
    r"\banew\b": "again",
    r"\blikeliest\b": "most likely",
    r"\bsurest\b": "with the highest score",
    r"\bherein\b|\bleash\b": "a common word",
    r"(?<!there )\b(is|are) none\b(?! of)": "is not a number, is not a file",
    r"\b(is|are|was|were|be|been) told\b": "is reported",
    r"\btold apart\b": "distinguished",
    r"\bof which nothing\b": "a sentence of its own",
    r"\bnothing was looked at\b": "nothing was analyzed",
}


def helps(command: click.Command, name: str) -> Iterator[tuple[str, str]]:
    yield name, " ".join([command.help or "", *(p.help or "" for p in command.params if isinstance(p, click.Option))])
    if isinstance(command, click.Group):
        for below in command.list_commands(click.Context(command)):
            yield from helps(command.get_command(click.Context(command), below), f"{name} {below}")


def strings(path: Path) -> str:
    """The texts in a module, but for its docstrings: what may be shown to a person."""
    tree = ast.parse(path.read_text("utf-8"))
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    constants = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in alone)
    return "\n".join(node.value for node in constants if isinstance(node.value, str))


def prose() -> Iterator[tuple[str, str]]:
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))):
        yield path.name, path.read_text("utf-8")
    yield "CHANGELOG.md", (ROOT / "CHANGELOG.md").read_text("utf-8").split("\n## 0.1.0")[0]
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text("utf-8"))["cells"]
        yield path.name, "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    yield from helps(vtn_stream, "vtn-stream")
    for path in sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        yield str(path.relative_to(ROOT)), strings(path)
    for path in sorted((ROOT / "vtn_stream/report/assets").glob("*.js")):
        no_comments = re.sub(r"/\*.*?\*/|(?<!:)//[^\n]*", "", path.read_text("utf-8"), flags=re.DOTALL)
        yield path.name, no_comments


def hard_words(text: str) -> list[str]:
    """Each hard word with what stands around it, and the plain one."""
    return [
        f"...{' '.join(text[max(0, found.start() - 40) : found.end() + 40].split())}...: say {plain}"
        for word, plain in PLAIN.items()
        for found in re.finditer(word, text, re.IGNORECASE)
    ]


@pytest.mark.parametrize(
    "text", ["Mend the file", "x is none; give a number", "bad films are told", "drawn anew", "the likeliest label"]
)
def test_a_hard_word_is_found(text):
    assert len(hard_words(text)) == 1


@pytest.mark.parametrize(
    "text", ["the model is none of these", "if there is none", "it told him", "a new file", "the most likely label"]
)
def test_plain_words_are_left_alone(text):
    assert hard_words(text) == []


def test_what_people_read_is_plain():
    found = {name: words for name, text in prose() if (words := hard_words(text))}
    assert found == {}
