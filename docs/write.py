"""Writes what the docs repeat of the code: `python docs/write.py`.

docs/commands.md whole: every command and option, from click; and in docs/architecture.md the tree, from the first
sentence of every module, and the floors, from pyproject.toml. tests/test_docs.py holds them to it.
"""

import ast
import inspect
import re
import tomllib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import click

from vtn_stream_cli.main import vtn_stream

ROOT = Path(__file__).parent.parent


def commands_page() -> str:
    """docs/commands.md."""
    pieces = ["# Commands\n\n`python docs/write.py` writes this page from what `--help` says.\n"]
    for name, command in commands(vtn_stream, "vtn-stream"):
        pieces.append(_section(name, command))
    return "\n".join(pieces)


def commands(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """(full name, command) of it and of all below it, in the order of the help."""
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            assert found is not None
            yield from commands(found, f"{name} {below}")


def _section(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=name)
    usage = " ".join(command.collect_usage_pieces(context))
    lines = [f"## {name}\n", f"```\n{name} {usage}\n```\n", _paragraphs(inspect.cleandoc(command.help or ""))]
    for parameter in command.params:
        if isinstance(parameter, click.Option) and (record := parameter.get_help_record(context)):
            lines.append(f"- `{record[0]}`: {re.sub(r'  +', ' ', record[1])}")
    return "\n".join(lines) + "\n"


def _paragraphs(text: str) -> str:
    """What click shows of a help text: a paragraph that begins with \\b keeps its lines."""
    shown = []
    for paragraph in text.split("\n\n"):
        if paragraph.startswith("\b"):
            shown.append("```\n" + paragraph.removeprefix("\b\n") + "\n```")
        else:
            shown.append(" ".join(paragraph.split()))
    return "\n\n".join(shown) + "\n"


def tree() -> str:
    """Every module of the three packages and its first sentence, a line each. The library is in the order of its
    floors.
    """
    floor = {name: number for number, name in enumerate(chain(*reversed(floors())))}
    library = sorted(
        (path for path in (ROOT / "vtn_stream").iterdir() if _says(path)), key=lambda path: (floor[path.stem], path)
    )
    rows = [("vtn_stream/", _says(ROOT / "vtn_stream"))]
    rows += chain(*(_rows(path, 1) for path in library))
    rows += chain(*(_rows(ROOT / name, 0) for name in ("pipelines", "cli")))
    width = max(len(name) for name, _ in rows) + 2
    return "".join(f"{name:{width}}{says}\n" for name, says in rows)


def _rows(path: Path, depth: int) -> Iterator[tuple[str, str]]:
    yield "  " * depth + path.name + "/" * path.is_dir(), _says(path)
    if path.is_dir():
        for below in sorted(path.iterdir(), key=lambda below: (below.is_dir(), below.name)):
            if _says(below):
                yield from _rows(below, depth + 1)


def _says(path: Path) -> str:
    """The first sentence of a module or a package; empty for anything else, and for a package's own file."""
    source = path / "__init__.py" if path.is_dir() else path
    if path.name == "__init__.py" or source.suffix != ".py" or not source.is_file():
        return ""
    text = " ".join((ast.get_docstring(ast.parse(source.read_text("utf-8"))) or "").split("\n\n")[0].split())
    return re.split(r"(?<! al)\.(?: |$)", text)[0]


def floors() -> list[list[str]]:
    """The floors of the library, the highest first; those on one line do not see each other."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if "containers" in contract)
    return [layer.split(" | ") for layer in layers]


def written(page: str, name: str, text: str) -> str:
    """The page with the text between the marks of this name."""
    begin, end = f"<!-- {name}: written by docs/write.py -->\n```\n", f"```\n<!-- end of {name} -->"
    before, rest = page.split(begin)
    return before + begin + text + end + rest.split(end)[1]


def architecture_page(page: str) -> str:
    """docs/architecture.md with its tree and its floors as they are now."""
    page = written(page, "floors", "".join(" | ".join(floor) + "\n" for floor in floors()))
    return written(page, "tree", tree())


def main() -> None:
    (ROOT / "docs/commands.md").write_text(commands_page(), "utf-8")
    architecture = ROOT / "docs/architecture.md"
    architecture.write_text(architecture_page(architecture.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
